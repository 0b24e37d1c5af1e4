//! Before a manual broadcast goes out, everything is read back: who, what, where. What is large and live
//! asks for what changes to be typed in.

use super::fault::PageFault;
use super::glass;
use super::layout::{self, page, token};
use super::visitor::{Fields, Visitor, done};
use super::words;
use crate::console::Console;
use crate::console::idempotency::{Said, look as look_up};
use crate::console::people::random_token;
use crate::decide::ManualRequest;
use crate::gateway::{Answer, Ask, Input, Release};
use crate::model::{Class, LIVE_VOICE, Need, Plan, Sha256};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

/// Above so many terminals what changes must be typed in before it goes out.
const TYPED_FROM_TERMINALS: usize = 50;

/// What must be typed in: it is different each time, so that no finger learns it.
pub(super) fn typed_word(plan: &Plan) -> Option<String> {
    let many = plan.class == Class::Live && plan.terminals.len() >= TYPED_FROM_TERMINALS;
    many.then(|| plan.terminals.len().to_string())
}

pub(super) async fn review(
    console: &Console,
    visitor: &Visitor,
    fields: &Fields,
    plan: &Plan,
    fault: Option<&str>,
) -> Result<Markup, PageFault> {
    let say = |zh, en| visitor.say(zh, en);
    let may_break = plan.need != Need::Nothing && glass::may_break(console, visitor).await?;
    let live = plan.class == Class::Live;
    let once = match fields.one("once") {
        "" => random_token().map_err(|_| PageFault::malformed("no randomness"))?,
        once => once.to_owned(),
    };
    let body = html! {
        @if let Some(fault) = fault { p.flash.bad role="alert" { (fault) } }
        section.card.plan.live[live].drill[!live] {
            p.read-back {
                span.tag { (words::class(visitor.tongue(), plan.class)) } " "
                @if live { (say("将向村民实播", "This goes out for real")) }
                @else { (say("演练：前后会加播“这是演练”", "A drill: framed by the words of a drill")) }
            }
            @if plan.message.speaker().is_some() { p { b { (say("现场喊话：获准后由您在喊话页面用话筒讲话", "Spoken live: once it is allowed you speak on the page that follows")) } } }
            @if let Some(recording) = &plan.message.recording { p { (say("录音：", "Recording: ")) b { (recording) } } }
            blockquote.words { (plan.message.text) }
            (facts(console, visitor, plan))
            ul.reasons { @for reason in &plan.reasons { li { (reason.text) } } }
            form method="post" action="/console/compose" {
                (token(visitor))
                (carried(fields))
                input type="hidden" name="once" value=(once);
                @if let Some(word) = typed_word(plan) {
                    label { (say("为防误发，请输入上面的终端数量：", "Type the number of terminals above: "))
                        input.typed name="typed" required autocomplete="off" inputmode="numeric"
                            pattern=(word) data-typed; }
                }
                // The first button is what Enter presses. The number that was typed in is the confirmation, so
                // it sends; where none is asked for there is no field in which anybody could press Enter.
                div.actions {
                    button.primary[!live].danger[live] type="submit" name="step" value="send" {
                        @match (&plan.need, live) {
                            (Need::Nothing, _) if plan.message.speaker().is_some() => (say("进入喊话", "To the microphone")),
                            (Need::Nothing, true) => (say("立即实播", "Send live now")),
                            (Need::Nothing, false) => (say("开始演练播发", "Send the drill")),
                            _ => (say("提交审批", "Submit for approval")),
                        }
                    }
                    button type="submit" name="step" value="edit" formnovalidate { (say("返回修改", "Back")) }
                }
                @if may_break {
                    details.glass {
                        summary { (say("紧急直发…", "Break-glass…")) }
                        (glass::reason_field(visitor, false))
                        button.danger type="submit" name="step" value="glass" { (say("确认紧急直发", "Release it now, alone")) }
                    }
                }
            }
        }
    };
    let title = say("核对后播发", "Read back, then send").to_owned();
    Ok(page(console, visitor, layout::COMPOSE, &title, &body))
}

fn facts(console: &Console, visitor: &Visitor, plan: &Plan) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        dl.facts {
            dt { (say("范围", "Where")) } dd { b.count { (plan.terminals.len()) } (say(" 个终端", " terminals")) }
            dt { (say("播放", "How")) } dd {
                (plan.repeats) (say(" 遍，", " times, ")) (words::chime(visitor.tongue(), plan.chime))
                (say("，有效至 ", ", valid until "))
                (words::moment(plan.expires, console.county.local_offset_minutes))
            }
            dt { (say("批准", "Approval")) } dd {
                @match &plan.need {
                    Need::Nothing => (say("您可以单独播发", "you may send it alone")),
                    Need::Officers { officers, .. } => {
                        (say("提交后还需另外 ", "needs ")) (officers) (say(" 人批准", " more person after you"))
                    }
                }
            }
        }
    }
}

/// The names of the form's fields that are carried through the read-back.
const CARRIED: [&str; 14] = [
    "class",
    "group",
    "text",
    "recording",
    "area",
    "polygon",
    "urgency",
    "level",
    "chime",
    "voice",
    "repeats",
    "interval",
    "volume",
    "valid",
];

fn carried(fields: &Fields) -> Markup {
    html! {
        @for name in CARRIED {
            @for value in fields.all(name) { input type="hidden" name=(name) value=(value); }
        }
    }
}

/// Sends it; with a reason, alone and at once. The same read-back sent twice is one broadcast.
pub(super) async fn send(
    console: &Console,
    visitor: &Visitor,
    fields: &Fields,
    wanted: ManualRequest,
    alone: Option<String>,
) -> Result<Response, PageFault> {
    let mut headers = HeaderMap::new();
    if let Ok(once) = fields.one("once").parse() {
        headers.insert("idempotency-key", once);
    }
    let actor = visitor.actor().clone();
    let digest = Sha256::of(format!("{wanted:?} {alone:?}").as_bytes());
    let key = match look_up(&console.answered, &headers, &actor.name, digest)? {
        Said::Again(answer) => {
            let to = answer.as_str().unwrap_or("/console/broadcasts").to_owned();
            let text = visitor.say(
                "这次播发已经提交过，没有重复播发。",
                "This was sent already; it was not sent again.",
            );
            return Ok(done(console, visitor, true, text, &to));
        }
        Said::New(key) => key,
    };
    let tongue = visitor.tongue();
    let to_speak = wanted.voice.as_deref() == Some(LIVE_VOICE);
    let began = match &alone {
        None if to_speak => tongue.say("已获准，请开始喊话。", "Allowed; begin to speak."),
        Some(_) => glass::released(tongue),
        None => tongue.say("已开始播发。", "It goes out."),
    };
    let ask = console.core.ask(None, move |id| match alone {
        None => Input::Manual(id, actor, Box::new(wanted)),
        Some(reason) => {
            let ask = Ask::BreakGlass(Release::Manual(Box::new(wanted)), reason);
            Input::Ask(id, actor, Box::new(ask))
        }
    });
    let answer = ask.await?;
    let (good, text, to) = if let Answer::Started(id) = answer {
        let text = began.to_owned();
        let rest = if to_speak { "/speak" } else { "" };
        (true, text, format!("/console/broadcasts/{id}{rest}"))
    } else if let Answer::Waiting { plan, .. } = answer {
        let text =
            tongue.say("已提交，等待另一人批准。", "Submitted; another person must approve.");
        (true, text.to_owned(), format!("/console/approvals#{plan}"))
    } else {
        (false, super::refusal(tongue, &answer), "/console/compose".to_owned())
    };
    if let Some(key) = key.filter(|_| good) {
        key.answer(to.clone().into());
    }
    Ok(done(console, visitor, good, &text, &to))
}
