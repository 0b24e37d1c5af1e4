//! 节目单: routine and education broadcasts by the calendar: when each is next, what became of the last
//! time, and what waits for another officer.

use super::fault::PageFault;
use super::layout::{self, page, token};
use super::visitor::{Posted, Visitor, done, encoded};
use super::words::{self, Tongue};
use crate::clock;
use crate::console::Console;
use crate::console::programmes::drill_until;
use crate::decide::{conflicts, occurrences, programme_notes, same_person};
use crate::gateway::{Ask, Gateway, Input, ProgrammeState};
use crate::model::{Calendar, Programme, Right, UtcMs};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

/// How far ahead the next time is looked for, seconds.
const NEXT_S: i64 = 366 * 86_400;
pub(super) const HERE: &str = "/console/programmes";

struct Shown {
    state: ProgrammeState,
    places: String,
    next: Option<UtcMs>,
    against: Vec<String>,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let now = clock::now_utc();
    let look = move |gateway: &Gateway| (look(gateway, now), gateway.rules().policy.quiet_hours);
    let (all, quiet) = console.core.look(look).await?;
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let names = all.iter().map(|shown| shown.state.programme.name.clone()).collect();
    let body = html! {
        p.hint { (say("日常节目让路于一切应急播发；静音时段不播。", "Every emergency pre-empts programmes; quiet hours stay quiet.")) " "
            @match quiet {
                Some(quiet) => { (say("静音时段（policy.toml）：", "Quiet hours (policy.toml): ")) (minute(quiet.from_minute)) "—" (minute(quiet.until_minute)) }
                None => (say("本县未设静音时段（policy.toml 的 [quiet_hours]）。", "No quiet hours are set ([quiet_hours] of policy.toml).")),
            }
        }
        @if visitor.may(Right::Broadcast) {
            p { a.button href="/console/programmes/edit" { (say("新建节目", "New programme")) } }
        }
        @if all.is_empty() { p.empty { (say("还没有节目。", "No programme yet.")) } }
        @for shown in &all { (card(&visitor, shown, offset)) }
        @if visitor.may(Right::Broadcast) { (super::programme_ready::offered(&visitor, &names)) }
    };
    Ok(page(&console, &visitor, layout::PROGRAMMES, say("节目单", "Programmes"), &body))
}

fn look(gateway: &Gateway, now: UtcMs) -> Vec<Shown> {
    let rules = gateway.rules();
    let all = &gateway.state().programmes;
    let offset = rules.policy.local_offset_minutes;
    all.values()
        .map(|state| {
            let programme = &state.programme;
            let others = all.values().map(|other| &other.programme);
            let found = conflicts(rules, now, programme, others).into_iter();
            let notes = programme_notes(rules, now, programme, drill_until(gateway, now));
            Shown {
                places: super::approvals::places(gateway, &programme.areas),
                next: occurrences(programme, offset, now, now.plus_s(NEXT_S)).first().copied(),
                against: found
                    .map(|conflict| conflict.zh(offset))
                    .chain(notes.into_iter().map(|note| note.text))
                    .collect(),
                state: state.clone(),
            }
        })
        .collect()
}

fn card(visitor: &Visitor, shown: &Shown, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let (state, programme) = (&shown.state, &shown.state.programme);
    html! {
        article.card {
            header { strong { (programme.name) }
                @if state.in_force_since().is_none() { " " span.tag.bad { (say("待批准", "waits for approval")) } } }
            @if let Some(recording) = &programme.recording { p { (say("录音：", "Recording: ")) (recording) } }
            @if let Some(text) = &programme.text { blockquote.words { (text) } }
            dl.facts {
                dt { (say("范围", "Where")) } dd { (shown.places) }
                dt { (say("时间", "When")) } dd { (calendar(visitor.tongue(), programme)) }
                dt { (say("下一次", "Next")) } dd { @match shown.next {
                    Some(at) => { (words::moment(at, offset)) }
                    None => (say("一年内不再播出", "not within a year")),
                } }
                dt { (say("上一次", "Last")) } dd { (last(visitor, state, offset)) }
                dt { (say("保存人", "Saved by")) } dd { (state.set_by)
                    @if let Some((by, _)) = &state.approved { (say("，批准人 ", ", approved by ")) (by) } }
                @if !shown.against.is_empty() {
                    dt { (say("请留意", "Note")) } dd.bad { (shown.against.join("；")) }
                }
            }
            @if visitor.may(Right::Broadcast) { (actions(visitor, state)) }
        }
    }
}

fn last(visitor: &Visitor, state: &ProgrammeState, offset: i16) -> Markup {
    html! {
        @match &state.last {
            None => "—",
            Some(run) => {
                (words::moment(run.due, offset)) " "
                @match &run.outcome {
                    Ok(id) => a href={ "/console/broadcasts/" (id) } { (visitor.say("已播发", "went out")) },
                    Err(reason) => span.bad { (visitor.say("未播：", "skipped: ")) (reason.text) },
                }
            }
        }
    }
}

fn actions(visitor: &Visitor, state: &ProgrammeState) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let name = &state.programme.name;
    let waits = state.in_force_since().is_none();
    let own = same_person(&state.set_by, &visitor.actor().name);
    html! {
        div.actions {
            @if waits && own { span.hint { (say("需另一位值班人员批准", "another officer must approve it")) } }
            @if waits && !own && visitor.may(Right::Approve) {
                form method="post" action="/console/programmes/approve" {
                    (token(visitor))
                    input type="hidden" name="name" value=(name);
                    input type="hidden" name="seen" value=(state.set_at.0);
                    button.primary type="submit" { (say("批准", "Approve")) }
                }
            }
            a.button href={ "/console/programmes/edit?name=" (encoded(name)) } { (say("修改", "Change")) }
            form method="post" action="/console/programmes/remove" {
                (token(visitor))
                input type="hidden" name="name" value=(name);
                button type="submit" { (say("删除", "Remove")) }
            }
        }
    }
}

/// Days and times in words.
pub(super) fn calendar(tongue: Tongue, programme: &Programme) -> String {
    let times: Vec<String> = programme.at_minutes.iter().map(|at| minute(*at)).collect();
    let list = |all: Vec<String>| all.join("、");
    let days = match &programme.calendar {
        Calendar::Daily => tongue.say("每天", "every day").to_owned(),
        Calendar::Weekly { weekdays } => {
            let days = weekdays.iter().map(|day| weekday(tongue, *day).to_owned());
            format!("{}{}", tongue.say("每", "every "), list(days.collect()))
        }
        Calendar::Dates { dates } => list(dates.iter().map(ToString::to_string).collect()),
        Calendar::Yearly { days } => {
            let days = days.iter().map(|day| format!("{:02}-{:02}", day.month, day.day));
            format!("{}{}", tongue.say("每年 ", "every year "), list(days.collect()))
        }
        Calendar::Month { month } => match tongue {
            Tongue::Zh => format!("每年 {month} 月每天"),
            Tongue::En => format!("every day of month {month}"),
        },
    };
    let except = match programme.except.len() {
        0 => String::new(),
        n => format!("{}{n}", tongue.say(" · 不播日期 ", " · silent days: ")),
    };
    format!("{days} {} · {} — {}{except}", times.join(" "), programme.from, programme.until)
}

/// A minute of the day, `07:30`.
fn minute(at: u16) -> String {
    format!("{:02}:{:02}", at / 60, at % 60)
}

/// A day of the week, 1 = Monday.
pub(super) fn weekday(tongue: Tongue, day: u8) -> &'static str {
    match day {
        1 => tongue.say("周一", "Mon"),
        2 => tongue.say("周二", "Tue"),
        3 => tongue.say("周三", "Wed"),
        4 => tongue.say("周四", "Thu"),
        5 => tongue.say("周五", "Fri"),
        6 => tongue.say("周六", "Sat"),
        _ => tongue.say("周日", "Sun"),
    }
}

/// Approves what another officer saved, as it was seen.
pub(super) async fn approve(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Approve)?;
    let seen = UtcMs(fields.parsed("seen")?.unwrap_or_default());
    let ask = Ask::ApproveProgramme(fields.one("name").to_owned(), seen);
    let text = visitor.say("节目已批准。", "The programme is approved.").to_owned();
    ask_and_tell(&console, &visitor, ask, &text).await
}

/// Removes it.
pub(super) async fn remove(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Broadcast)?;
    let ask = Ask::RemoveProgramme(fields.one("name").to_owned());
    let text = visitor.say("节目已删除。", "The programme is removed.").to_owned();
    ask_and_tell(&console, &visitor, ask, &text).await
}

pub(super) async fn ask_and_tell(
    console: &Console,
    visitor: &Visitor,
    ask: Ask,
    text: &str,
) -> Result<Response, PageFault> {
    use crate::gateway::Answer;
    let actor = visitor.actor().clone();
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, Box::new(ask))).await?;
    let tongue = visitor.tongue();
    let (good, text) = if let Answer::Saved { more } = &answer {
        let waits = tongue.say("还需另一位值班人员批准。", " Another officer must approve it.");
        (true, format!("{text}{}", if *more > 0 { waits } else { "" }))
    } else {
        super::told(tongue, &answer, text)
    };
    Ok(done(console, visitor, good, &text, HERE))
}
