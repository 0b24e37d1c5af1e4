//! 播发任务: one broadcast while it goes out: three numbers, then places, then the terminals that need
//! somebody.

use super::approvals::places;
use super::broadcasts::{Three, phase};
use super::calls::{self, Calls};
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::live::{self, Topic};
use super::map::{Dot, Mark, dots, draw};
use super::needy::Laggards;
use super::speak::Speech;
use super::visitor::{Posted, Visitor, done};
use super::words::{self, Tongue};
use super::{glass, resend};
use crate::console::Console;
use crate::console::extract::At;
use crate::daemon::CoreFault;
use crate::decide::BrokenGlass;
use crate::gateway::{BroadcastState, Counts, Gateway, Input, Phase};
use crate::model::{AreaLevel, BroadcastId, Class, ClipRef, Codec, Outcome, Right, Spoken, UtcMs};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// What does not change while it goes out.
struct Head {
    class: Class,
    plan: String,
    approval: String,
    text: String,
    recording: Option<String>,
    speech: Option<Speech>,
    places: String,
    started: UtcMs,
    expires: UtcMs,
    repeats: u8,
    clip: Option<ClipRef>,
    spoken: Option<Spoken>,
    phase: Phase,
    cancelled: bool,
    resendable: bool,
    resent_as: Vec<BroadcastId>,
    glass: Option<BrokenGlass>,
}

/// What does.
struct Progress {
    phase: Phase,
    cancelled: Option<(String, String)>,
    expires: UtcMs,
    counts: Counts,
    calls: Calls,
    speech: Option<Speech>,
}

struct Detail {
    dots: Vec<Dot>,
    townships: Vec<(String, Counts)>,
    laggards: Laggards,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    At(id): At<u64>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let tongue = visitor.tongue();
    let look = console.core.look(move |gateway| {
        let state = gateway.state().broadcasts.get(&BroadcastId(id))?;
        Some(head(gateway, tongue, state))
    });
    let head = look.await?.ok_or_else(|| {
        let en = "Not in memory: it is older. The audit finds it.";
        PageFault::new(
            axum::http::StatusCode::NOT_FOUND,
            "内存中没有这个播发任务，较早的请在回执审计中查找。",
            en,
        )
        .next("/console/audit", "回执审计", "audit")
    })?;
    let body = html! {
        @if let Some(glass) = &head.glass {
            (glass::card(&visitor, glass, console.county.local_offset_minutes, &format!("/console/broadcasts/{id}")))
        }
        (facts(&visitor, &head, console.county.local_offset_minutes))
        @if let Some(speech) = &head.speech { (speech.link(&visitor, id)) }
        @if head.phase != Phase::Ended && !head.cancelled && visitor.may(Right::Stop) { (cancel_form(&visitor, id)) }
        @if head.resendable && visitor.may(Right::Broadcast) { (resend::form(&visitor, id)) }
        (resend::line(&visitor, &head.resent_as))
        @if visitor.may(Right::Approve) { (calls::form(&visitor, id)) }
        div.may-answer[visitor.may(Right::Approve)] data-live={ "broadcast-" (id) } { (live::part(&console, Topic::Broadcast(id), tongue).await?) }
        div data-live={ "detail-" (id) } { (live::part(&console, Topic::Detail(id), tongue).await?) }
        p { a href={ "/console/audit?broadcast=" (id) } { (visitor.say("逐终端回执（审计）", "Every acknowledgement (audit)")) } }
    };
    let title = format!("{} {id}", visitor.say("播发任务", "Broadcast"));
    Ok(page(&console, &visitor, layout::BROADCASTS, &title, &body))
}

fn head(gateway: &Gateway, tongue: Tongue, state: &BroadcastState) -> Head {
    let broadcast = &state.broadcast;
    let heard = |clip: &&ClipRef| clip.codec != Codec::Adpcm;
    Head {
        class: broadcast.class(),
        plan: broadcast.plan_title().to_owned(),
        approval: words::approval(tongue, broadcast.approval(), broadcast.plan_title()),
        text: broadcast.message().text.clone(),
        recording: broadcast.message().recording.clone(),
        speech: Speech::of(state),
        places: places(gateway, broadcast.areas()),
        started: state.started_at,
        expires: broadcast.expires(),
        repeats: broadcast.repeats(),
        clip: state.clips.iter().find(heard).or_else(|| state.clips.first()).cloned(),
        spoken: state.spoken.clone(),
        phase: state.phase,
        cancelled: state.cancellation.is_some(),
        resendable: resend::may_help(state),
        resent_as: state.resent_as.clone(),
        glass: gateway.state().glass.get(&broadcast.id()).filter(|glass| glass.is_open()).cloned(),
    }
}

fn facts(visitor: &Visitor, head: &Head, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        section.card.drill[head.class == Class::Drill].live[head.class == Class::Live] {
            p { span.tag { (words::class(visitor.tongue(), head.class)) } " " strong { (head.plan) } }
            @if let Some(recording) = &head.recording { p { (say("录音：", "Recording: ")) (recording) } }
            blockquote.words { (head.text) }
            dl.facts {
                dt { (say("批准", "Allowed")) } dd { (head.approval) }
                dt { (say("范围", "Areas")) } dd { (head.places) }
                dt { (say("时间", "Time")) } dd {
                    (words::moment(head.started, offset)) " — " (words::moment(head.expires, offset))
                    " · " (head.repeats) (say(" 遍", " times"))
                }
                @if let Some(spoken) = &head.spoken {
                    dt { (say("声音", "Voice")) } dd {
                        (spoken.voice)
                        @if let Some(why) = &spoken.fallback_reason {
                            (say("（首选声音没有用上）", " (not the first choice)"))
                            details.original { summary { (say("原因（原文）", "Why")) } span lang="en" { (why) } }
                        }
                    }
                }
            }
            @if let Some(clip) = &head.clip {
                audio controls preload="none" src={ "/console/clips/" (clip.sha256) } {}
            }
        }
    }
}

fn cancel_form(visitor: &Visitor, id: u64) -> Markup {
    html! {
        details.cancel data-until-over {
            summary { (visitor.say("取消这个播发", "Cancel this broadcast")) }
            form.menu-box method="post" action={ "/console/broadcasts/" (id) "/cancel" } {
                (token(visitor))
                label { (visitor.say("原因", "Reason"))
                    input name="reason" required minlength="2" maxlength="200"; }
                button.danger type="submit" { (visitor.say("确认取消", "Cancel it")) }
            }
        }
    }
}

/// The part that follows at once: the figures.
pub(super) async fn part(console: &Console, tongue: Tongue, id: u64) -> Result<Markup, CoreFault> {
    let look = console.core.look(move |gateway| {
        let state = gateway.state().broadcasts.get(&BroadcastId(id))?;
        Some(progress(gateway, state))
    });
    let Some(progress) = look.await? else { return Ok(html! {}) };
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| tongue.say(zh, en);
    let three = Three::of(&progress.counts);
    Ok(html! {
        p.state data-over[progress.phase == Phase::Ended || progress.cancelled.is_some()] {
            strong { (phase(tongue, progress.phase, progress.cancelled.is_some())) }
            @if progress.phase != Phase::Ended {
                " · " (say("有效期还剩 ", "valid for "))
                span.countdown data-until=(progress.expires.0) { (words::time_of_day(progress.expires, offset)) }
            }
            @if let Some((by, reason)) = &progress.cancelled { " · " (by) "：" (reason) }
        }
        @if let Some(speech) = &progress.speech { (speech.line(tongue)) }
        div.three {
            div.reached { b { (three.reached) } span { (say("已播完（终端确认）", "played, said the terminal")) } }
            div.trying { b { (three.trying) } span { (say("仍在尝试", "still trying")) } }
            div.lost { b { (three.lost) } span { (say("未到达", "not reached")) } }
        }
        (outcome_line(tongue, &progress.counts))
        (calls::part(tongue, &progress.calls, offset))
    })
}

/// The part that follows as often as its size allows: map, townships, names.
pub(super) async fn detail(
    console: &Console,
    tongue: Tongue,
    id: u64,
) -> Result<Markup, CoreFault> {
    let look = console.core.look(move |gateway| {
        let state = gateway.state().broadcasts.get(&BroadcastId(id))?;
        Some(details(gateway, state))
    });
    let Some(detail) = look.await? else { return Ok(html! {}) };
    Ok(html! {
        h2 { (tongue.say("地图", "Map")) }
        (draw(tongue, &console.county.outline, &detail.dots))
        h2 { (tongue.say("各乡镇", "By township")) }
        (township_table(tongue, &detail.townships))
        (detail.laggards.tables(tongue, console.county.local_offset_minutes))
    })
}

fn progress(gateway: &Gateway, state: &BroadcastState) -> Progress {
    let cancellation = state.cancellation.as_ref();
    Progress {
        phase: state.phase,
        cancelled: cancellation.map(|cancelled| (cancelled.by.clone(), cancelled.reason.clone())),
        expires: state.broadcast.expires(),
        counts: state.counts(),
        calls: Calls::of(gateway, state.broadcast.id()),
        speech: Speech::of(state),
    }
}

fn details(gateway: &Gateway, state: &BroadcastState) -> Detail {
    let network = &gateway.rules().network;
    let mut townships: BTreeMap<_, Counts> = BTreeMap::new();
    for (id, delivery) in &state.deliveries {
        let Some(known) = network.terminals.get(id) else { continue };
        let township = known.area.at(AreaLevel::Township).unwrap_or(known.area);
        townships.entry(township).or_default().add(&delivery.outcome);
    }
    let name =
        |code| network.areas.get(&code).map_or_else(|| code.to_string(), |area| area.name.clone());
    let marks = state.deliveries.iter().filter_map(|(id, delivery)| {
        let mark = if delivery.outcome == Outcome::Played {
            Mark::Good
        } else if delivery.is_ended() {
            Mark::Bad
        } else {
            Mark::Trying
        };
        Some((network.terminals.get(id)?, mark))
    });
    Detail {
        dots: dots(network, marks),
        townships: townships.into_iter().map(|(code, counts)| (name(code), counts)).collect(),
        laggards: Laggards::of(network, state),
    }
}

fn outcome_line(tongue: Tongue, counts: &Counts) -> Markup {
    let all = [
        (Outcome::Targeted, counts.waiting),
        (Outcome::Sent, counts.sent),
        (Outcome::Received, counts.received),
        (Outcome::Playing, counts.playing),
        (Outcome::Played, counts.played),
        (Outcome::Cancelled, counts.cancelled),
        (Outcome::Expired, counts.expired),
        (Outcome::Unreachable, counts.unreachable),
        (Outcome::Failed(String::new()), counts.failed),
        (Outcome::Refused(crate::model::RefusalCode::Busy), counts.refused),
        (Outcome::Preempted(BroadcastId(0)), counts.preempted),
    ];
    html! {
        p.outcomes {
            @for (outcome, n) in all.iter().filter(|(_, n)| *n > 0) {
                span { (words::outcome(tongue, outcome)) " " b { (n) } }
            }
        }
    }
}

fn township_table(tongue: Tongue, townships: &[(String, Counts)]) -> Markup {
    html! {
        table.wide {
            thead { tr {
                th { (tongue.say("乡镇", "Township")) }
                th.number { (tongue.say("目标", "Targeted")) }
                th.number { (tongue.say("已播完", "Played")) }
                th.number { (tongue.say("仍在尝试", "Trying")) }
                th.number { (tongue.say("未到达", "Not reached")) }
                th { (tongue.say("进度", "Progress")) }
            } }
            tbody {
                @for (name, counts) in townships {
                    @let three = Three::of(counts);
                    tr {
                        td { (name) }
                        td.number { (counts.targeted) }
                        td.number { (three.reached) }
                        td.number { (three.trying) }
                        td.number { (three.lost) }
                        td { meter min="0" max=(counts.targeted) value=(three.reached) {} }
                    }
                }
            }
        }
    }
}

/// Cancels it.
pub(super) async fn cancel(
    State(console): State<Console>,
    At(id): At<u64>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Stop)?;
    let (actor, reason) = (visitor.actor().clone(), fields.one("reason").to_owned());
    let back = format!("/console/broadcasts/{id}");
    if reason.is_empty() {
        let text = visitor.say("请写明取消原因。", "Give a reason.").to_owned();
        return Ok(done(&console, &visitor, false, &text, &back));
    }
    let ask = console.core.ask(None, move |r| Input::Cancel(r, actor, BroadcastId(id), reason));
    let text = visitor.say("取消指令已下达。", "Cancel orders are out.");
    let (good, text) = super::told(visitor.tongue(), &ask.await?, text);
    Ok(done(&console, &visitor, good, &text, &back))
}
