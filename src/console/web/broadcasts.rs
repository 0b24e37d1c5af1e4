//! 播发: all broadcasts in memory, newest first.

use super::fault::PageFault;
use super::layout::{self, page};
use super::visitor::Visitor;
use super::words::{self, Tongue};
use crate::console::Console;
use crate::daemon::CoreFault;
use crate::gateway::{BroadcastState, Counts, Phase};
use crate::model::{BroadcastId, Class, Right, UtcMs};
use axum::extract::State;
use maud::{Markup, html};

/// Broadcasts shown; older ones are found by the audit.
const SHOWN_MAX: usize = 100;
/// Characters of the words in the list.
const WORDS_MAX: usize = 40;

struct Row {
    id: BroadcastId,
    class: Class,
    phase: Phase,
    cancelled: bool,
    plan: String,
    words: String,
    started: UtcMs,
    counts: Counts,
}

impl Row {
    fn of(state: &BroadcastState) -> Self {
        let message = state.broadcast.message();
        let whole = message.recording.as_ref().unwrap_or(&message.text);
        let mut words: String = whole.chars().take(WORDS_MAX).collect();
        if whole.chars().count() > WORDS_MAX {
            words.push('…');
        }
        Self {
            id: state.broadcast.id(),
            class: state.broadcast.class(),
            phase: state.phase,
            cancelled: state.cancellation.is_some(),
            plan: state.broadcast.plan_title().to_owned(),
            words,
            started: state.started_at,
            counts: state.counts(),
        }
    }
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let body = html! {
        div data-live="broadcasts" { (part(&console, visitor.tongue()).await?) }
    };
    let title = visitor.say("播发", "Broadcasts").to_owned();
    Ok(page(&console, &visitor, layout::BROADCASTS, &title, &body))
}

/// The list.
pub(super) async fn part(console: &Console, tongue: Tongue) -> Result<Markup, CoreFault> {
    let look = console.core.look(|gateway| {
        let newest = gateway.state().broadcasts.values().rev().take(SHOWN_MAX);
        newest.map(Row::of).collect::<Vec<_>>()
    });
    let rows = look.await?;
    let say = |zh, en| tongue.say(zh, en);
    if rows.is_empty() {
        return Ok(html! { p.empty { (say("还没有播发任务。", "No broadcast yet.")) } });
    }
    Ok(html! {
        table.wide {
            thead { tr {
                th { (say("开始", "Started")) }
                th { (say("类别", "Class")) }
                th { (say("状态", "State")) }
                th { (say("内容", "Words")) }
                th.number { (say("已播完", "Played")) }
                th.number { (say("仍在尝试", "Trying")) }
                th.number { (say("未到达", "Not reached")) }
                th.number { (say("目标", "Targeted")) }
            } }
            tbody { @for row in &rows { (line(tongue, row, console.county.local_offset_minutes)) } }
        }
    })
}

fn line(tongue: Tongue, row: &Row, offset: i16) -> Markup {
    let three = Three::of(&row.counts);
    html! {
        tr.drill[row.class == Class::Drill].live[row.class == Class::Live] {
            td { a href={ "/console/broadcasts/" (row.id) } { (words::moment(row.started, offset)) } }
            td { span.tag { (words::class(tongue, row.class)) } }
            td { (phase(tongue, row.phase, row.cancelled)) }
            td.text { span.plan-name { (row.plan) } " " (row.words) }
            td.number { (three.reached) }
            td.number { (three.trying) }
            td.number { (three.lost) }
            td.number { (row.counts.targeted) }
        }
    }
}

/// How far a broadcast is, for people.
pub(super) fn phase(tongue: Tongue, phase: Phase, cancelled: bool) -> &'static str {
    match phase {
        Phase::Rendering => tongue.say("正在合成语音", "rendering"),
        Phase::Sending => tongue.say("正在播发", "on air"),
        Phase::Cancelling => tongue.say("正在取消", "cancelling"),
        Phase::Ended if cancelled => tongue.say("已取消", "cancelled"),
        Phase::Ended => tongue.say("已结束", "ended"),
    }
}

/// The three numbers one needs in a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Three {
    /// Terminals that said they played it to the end.
    pub(super) reached: u32,
    /// Terminals that may still.
    pub(super) trying: u32,
    /// Terminals that did not and will not.
    pub(super) lost: u32,
}

impl Three {
    /// From the counts by outcome; together they are all that were targeted.
    pub(super) fn of(counts: &Counts) -> Self {
        let trying = counts.waiting + counts.sent + counts.received + counts.playing;
        let lost = counts.targeted.saturating_sub(counts.played).saturating_sub(trying);
        Self { reached: counts.played, trying, lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Outcome, RefusalCode};

    #[test]
    fn the_three_numbers_are_all_that_were_targeted() {
        let mut counts = Counts::default();
        let all = [
            (Outcome::Targeted, "trying"),
            (Outcome::Sent, "trying"),
            (Outcome::Received, "trying"),
            (Outcome::Playing, "trying"),
            (Outcome::Played, "reached"),
            (Outcome::Refused(RefusalCode::Busy), "lost"),
            (Outcome::Failed("x".into()), "lost"),
            (Outcome::Preempted(BroadcastId(1)), "lost"),
            (Outcome::Cancelled, "lost"),
            (Outcome::Expired, "lost"),
            (Outcome::Unreachable, "lost"),
        ];
        for (outcome, expect) in all {
            let before = Three::of(&counts);
            counts.add(&outcome);
            let after = Three::of(&counts);
            let grown = (
                after.reached - before.reached,
                after.trying - before.trying,
                after.lost - before.lost,
            );
            let expect = match expect {
                "reached" => (1, 0, 0),
                "trying" => (0, 1, 0),
                _ => (0, 0, 1),
            };
            assert_eq!(grown, expect, "{outcome:?}");
        }
    }
}
