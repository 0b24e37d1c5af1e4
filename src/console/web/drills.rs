//! 演练: the leader arms drills with an end; a drill page of its own, in its own colour and words.

use super::broadcasts::Three;
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::visitor::{Posted, Visitor, done};
use super::words;
use crate::clock;
use crate::console::Console;
use crate::gateway::{Counts, Input};
use crate::model::{BroadcastId, Class, Right, UtcMs};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

/// Spans to choose from, minutes; the core takes at most four hours.
const MINUTES: [u32; 5] = [15, 30, 60, 120, 240];
/// Drills listed.
const SHOWN_MAX: usize = 20;

type Past = (BroadcastId, UtcMs, String, Counts);

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Drill)?;
    let now = clock::now_utc();
    let look = console.core.look(move |gateway| {
        let state = gateway.state();
        let past: Vec<Past> = state
            .broadcasts
            .values()
            .rev()
            .filter(|b| b.broadcast.class() == Class::Drill)
            .take(SHOWN_MAX)
            .map(|b| {
                let text = b.broadcast.message().text.clone();
                (b.broadcast.id(), b.started_at, text, b.counts())
            })
            .collect();
        let armed = state.drill_armed(now).map(|drill| (drill.armed_by.clone(), drill.until));
        (armed, past)
    });
    let (armed, past) = look.await?;
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        section.card.drill {
            @match &armed {
                Some((by, until)) => {
                    p.big { span.tag { (say("演练已开启", "Drill armed")) } " " (by) " · " (say("还剩 ", "left "))
                        span.countdown data-until=(until.0) { (words::moment(*until, offset)) } }
                    p { (say(
                        "此时演练和测试类预警、手动演练播发会真的响，前后加播“这是演练”。到时自动关闭。",
                        "Exercises, tests and manual drills sound now, framed by the words of a drill. It ends by itself.",
                    )) }
                    p { a.button href="/console/compose" { (say("发起演练播发", "Broadcast a drill")) } }
                    form method="post" action="/console/drills/end" {
                        (token(&visitor))
                        button.primary type="submit" { (say("结束演练并停止演练播发", "End the drill, stop its broadcasts")) }
                    }
                }
                None => {
                    p.big { (say("演练未开启：演练和测试内容不会响。", "No drill is armed: exercises and tests stay silent.")) }
                    form.inline method="post" action="/console/drills/arm" {
                        (token(&visitor))
                        label { (say("开启时长", "Arm for"))
                            select name="minutes" {
                                @for minutes in MINUTES {
                                    option value=(minutes) selected[minutes == 30] {
                                        (words::span(visitor.tongue(), i64::from(minutes) * 60))
                                    }
                                }
                            }
                        }
                        button.primary type="submit" { (say("开启演练", "Arm drills")) }
                    }
                }
            }
        }
        h2 { (say("演练播发", "Drills")) }
        @if past.is_empty() { p.empty { (say("还没有演练。", "No drill yet.")) } } @else { (table(&visitor, &past, offset)) }
    };
    let title = say("演练", "Drills").to_owned();
    Ok(page(&console, &visitor, layout::DRILLS, &title, &body))
}

fn table(visitor: &Visitor, past: &[Past], offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        table.wide {
            thead { tr {
                th { (say("开始", "Started")) } th { (say("内容", "Words")) }
                th.number { (say("已播完", "Played")) } th.number { (say("仍在尝试", "Trying")) }
                th.number { (say("未到达", "Not reached")) } th.number { (say("到达率", "Share")) }
                @if visitor.may(Right::Audit) { th { (say("报告", "Report")) } }
            } }
            tbody {
                @for (id, started, text, counts) in past {
                    @let three = Three::of(counts);
                    tr.drill {
                        td { a href={ "/console/broadcasts/" (id) } { (words::moment(*started, offset)) } }
                        td.text { (text) }
                        td.number { (three.reached) } td.number { (three.trying) } td.number { (three.lost) }
                        td.number { (three.reached * 100 / counts.targeted.max(1)) "%" }
                        @if visitor.may(Right::Audit) { td {
                            a href={ "/console/audit?broadcast=" (id) } { (say("逐终端", "Terminals")) } " "
                            @for (format, name) in [("pdf", "PDF"), ("xlsx", "Excel")] {
                                a href={ "/console/audit/export?broadcast=" (id) "&format=" (format) } download { (name) } " "
                            }
                        } }
                    }
                }
            }
        }
    }
}

/// Arms.
pub(super) async fn arm(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Drill)?;
    let minutes = fields.parsed::<u32>("minutes")?.unwrap_or_default();
    let until = clock::now_utc().plus_s(i64::from(minutes) * 60);
    let text = visitor.say("演练已开启。", "Drills are armed.").to_owned();
    change(&console, &visitor, text, move |id, actor| Input::ArmDrill(id, actor, until)).await
}

/// Disarms.
pub(super) async fn end(
    State(console): State<Console>,
    Posted { visitor, .. }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Drill)?;
    let text = visitor.say("演练已结束。", "The drill has ended.").to_owned();
    change(&console, &visitor, text, Input::DisarmDrill).await
}

async fn change(
    console: &Console,
    visitor: &Visitor,
    text: String,
    input: impl FnOnce(crate::gateway::RequestId, crate::model::Actor) -> Input + Send + 'static,
) -> Result<Response, PageFault> {
    let actor = visitor.actor().clone();
    let answer = console.core.ask(None, move |id| input(id, actor)).await?;
    let (good, text) = super::told(visitor.tongue(), &answer, &text);
    Ok(done(console, visitor, good, &text, "/console/drills"))
}
