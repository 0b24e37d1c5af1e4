//! 叫应: the page behind the one-time link in a responsible person's message. No sign-in: who holds the
//! link is the person. Made for a telephone in the rain: the warning, and one large button.

use super::fault::PageFault;
use super::layout::document;
use super::visitor::Look;
use super::words::{self, Tongue};
use crate::console::Console;
use crate::console::extract::At;
use crate::decide::area_name;
use crate::gateway::{Answer, Answering, Gateway, Input};
use crate::model::{CallAnswer, CallId, Class, Sha256, UtcMs};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use tokio::sync::Semaphore;

/// Links that are looked up at the same time; above it the page says to try again. Strangers who guess
/// at links never take more of the core than this.
const LOOKED_UP_MAX: usize = 8;
/// Characters of a token: hexadecimal digits of 32 bytes.
const TOKEN_CHARS: usize = 64;

static LOOKS: Semaphore = Semaphore::const_new(LOOKED_UP_MAX);

/// What the person sees.
struct Called {
    call: CallId,
    person: String,
    area: String,
    text: String,
    drill: bool,
    started: UtcMs,
    expires: UtcMs,
    cancelled: bool,
    answer: Option<(CallAnswer, UtcMs)>,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    look: Look,
    At(token): At<String>,
) -> Result<Markup, PageFault> {
    let called = find(&console, &token).await?;
    Ok(shown(&look, &token, &called, console.county.local_offset_minutes))
}

/// The button.
pub(super) async fn post(
    State(console): State<Console>,
    look: Look,
    At(token): At<String>,
) -> Result<Response, PageFault> {
    let called = find(&console, &token).await?;
    // Good once: a second press finds the first answer, and nothing is recorded again.
    if called.answer.is_none() && !called.cancelled {
        let answering = Answering::Link(Sha256::of(token.as_bytes()));
        let input = move |id| Input::CallAnswered(id, called.call, answering);
        let answer = console.core.ask(None, input).await?;
        if !matches!(answer, Answer::Done(_)) {
            let why = super::refusal(look.tongue, &answer);
            return Err(PageFault::new(StatusCode::CONFLICT, why.clone(), why));
        }
    }
    Ok(Redirect::to(&format!("/call/{token}")).into_response())
}

async fn find(console: &Console, token: &str) -> Result<Called, PageFault> {
    let is_token = token.len() == TOKEN_CHARS && token.chars().all(|c| c.is_ascii_hexdigit());
    if !is_token {
        return Err(unknown());
    }
    let Ok(_room) = LOOKS.try_acquire() else {
        let en = "Too many at once; try again in a moment.";
        return Err(PageFault::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "同时打开的人太多，请稍候再试。",
            en,
        ));
    };
    let digest = Sha256::of(token.as_bytes());
    let look = console.core.look(move |gateway: &Gateway| {
        let state = gateway.state();
        let (call, person) = state.call_by_digest(digest)?;
        let running = state.broadcasts.get(&call.broadcast)?;
        let broadcast = &running.broadcast;
        Some(Called {
            call: call.id,
            person: person.name.clone(),
            area: area_name(&gateway.rules().network, call.area),
            text: broadcast.message().text.clone(),
            drill: broadcast.class() == Class::Drill,
            started: running.started_at,
            expires: broadcast.expires(),
            cancelled: running.cancellation.is_some(),
            answer: call.answer.clone(),
        })
    });
    look.await?.ok_or_else(unknown)
}

/// No such link, or one that is so old that only the record knows it.
fn unknown() -> PageFault {
    PageFault::new(
        StatusCode::NOT_FOUND,
        "链接无效或已过期。请核对短信中的完整链接；情况紧急请直接致电县值班室。",
        "This link is wrong or too old. Check the whole link in the message, or telephone the county's \
         duty room.",
    )
}

fn shown(look: &Look, token: &str, called: &Called, offset: i16) -> Markup {
    let say = |zh, en| look.tongue.say(zh, en);
    let content = html! {
        main.answer.drill[called.drill] {
            p.who { (called.area) " · " (called.person) }
            h1 {
                @if called.drill { (say("演练：请确认收到", "DRILL: please confirm")) }
                @else { (say("预警广播：请确认收到", "Warning: please confirm")) }
            }
            blockquote.words { (called.text) }
            p.hint {
                (say("发出 ", "Sent ")) (words::moment(called.started, offset)) br;
                (say("有效至 ", "Valid until ")) (words::moment(called.expires, offset))
            }
            @if let Some((how, at)) = &called.answer {
                p.flash.good role="status" { (answered(look.tongue, how)) " · " (words::moment(*at, offset)) }
                p { (say("已记入台账，不需要再操作。请按职责组织转移避险。", "It is on record; nothing more to press. Act by your duty.")) }
            } @else if called.cancelled {
                p.flash.bad role="status" { (say("这条广播已取消，不需要应答。", "This broadcast was cancelled; no answer is needed.")) }
            } @else {
                form method="post" action={ "/call/" (token) } {
                    button.primary.huge type="submit" { (say("我已收到", "I have got it")) }
                }
                p.hint { (say("按下后立即通知值班室；无人应答将逐级上报。", "The duty room sees it at once; without an answer the next level is called.")) }
            }
        }
    };
    document(look, say("叫应", "Call and answer"), &content)
}

fn answered(tongue: Tongue, how: &CallAnswer) -> String {
    match how {
        CallAnswer::Link { person } => {
            format!("{}{person}", tongue.say("已收到应答：", "answered by "))
        }
        CallAnswer::TerminalButton { .. } => {
            tongue.say("已由村里终端按键应答", "answered at the terminal").to_owned()
        }
        CallAnswer::Officer { .. } => {
            tongue.say("已由值班员电话确认", "answered by telephone").to_owned()
        }
    }
}
