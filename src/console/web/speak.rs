//! 现场喊话: the page from which an officer speaks into the microphone while the terminals sound. The
//! sound comes here piece by piece; who may speak was decided with the broadcast.

use super::fault::PageFault;
use super::layout::{self, page};
use super::visitor::{Visitor, is_token};
use super::words::{self, Tongue};
use crate::console::Console;
use crate::console::extract::At;
use crate::daemon::{LiveFault, PCM_BYTES_MAX};
use crate::gateway::{BroadcastState, LIVE_S_MAX, Phase, Speaking};
use crate::model::{BroadcastId, Class, Outcome, Right, UtcMs};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::json;

/// Largest piece of sound, bytes.
pub(super) const BODY_BYTES_MAX: usize = PCM_BYTES_MAX;

/// What the pages tell of a speech.
pub(super) struct Speech {
    by: String,
    /// Not begun, and may begin until then.
    waits_until: Option<UtcMs>,
    speaking: Option<Speaking>,
    over: bool,
    n_sounding: usize,
    /// Half of the terminals had said within so many milliseconds of the first word that it sounds.
    half_ms: Option<i64>,
}

impl Speech {
    /// Of a broadcast that is spoken live.
    pub(super) fn of(state: &BroadcastState) -> Option<Self> {
        let by = state.broadcast.speaker()?.to_owned();
        let over = state.phase == Phase::Ended || state.cancellation.is_some();
        let first_at = state.speaking.as_ref().and_then(|speaking| speaking.first_at);
        let sounding = state.deliveries.values().filter(|all| all.outcome == Outcome::Playing);
        let mut waits_ms: Vec<i64> = sounding
            .filter_map(|all| Some(all.evidence.last_report_at?.since_ms(first_at?)))
            .collect();
        waits_ms.sort_unstable();
        Some(Self {
            by,
            waits_until: (!over && state.speaking.is_none()).then(|| state.broadcast.expires()),
            speaking: state.speaking.clone(),
            over,
            n_sounding: waits_ms.len(),
            half_ms: waits_ms.get(waits_ms.len() / 2).copied(),
        })
    }

    /// The line on the page of the broadcast.
    pub(super) fn line(&self, tongue: Tongue) -> Markup {
        let say = |zh, en| tongue.say(zh, en);
        html! {
            p.speech {
                b { (say("现场喊话", "Spoken live")) } " · " (self.by)
                @match &self.speaking {
                    None if self.over => { " · " (say("没有开始", "never begun")) }
                    None => { " · " (say("等待开始", "waits for its officer")) }
                    Some(speaking) => {
                        " · "
                        @if speaking.goes_on() && !self.over { strong { (say("正在喊话", "on the air")) } }
                        @else { (say("已结束", "ended")) @if !speaking.end_reason.is_empty() { "（" (speaking.end_reason) "）" } }
                        " · " (words::span(tongue, i64::from(speaking.spoken_ms / 1_000)))
                        " · " (say("开始时在线 ", "online at the start: ")) (speaking.n_connected)
                        @if let Some(half_ms) = self.half_ms {
                            " · " (say("正在出声 ", "sounding: ")) (self.n_sounding)
                            " · " (say("从说话到终端出声的回执（中位）", "from speech to a terminal's word that it sounds (median) "))
                            b data-heard-ms=(half_ms) { (seconds(half_ms)) }
                        }
                        @if let Some(whole) = &speaking.whole {
                            br; (say("全程录音 ", "All of it, ")) (words::span(tongue, i64::from(whole.duration_ms.div_ceil(1_000))))
                            " · SHA-256 " code { (whole.sha256) }
                            br; audio controls preload="none" data-live-whole src={ "/console/clips/" (whole.sha256) } {}
                        }
                    }
                }
            }
        }
    }

    /// The way to the microphone, for its officer.
    pub(super) fn link(&self, visitor: &Visitor, id: u64) -> Markup {
        html! {
            @if self.waits_until.is_some() && visitor.actor().name == self.by {
                p { a.button.danger href={ "/console/broadcasts/" (id) "/speak" } { (visitor.say("打开话筒，开始喊话", "To the microphone")) } }
            }
        }
    }
}

fn seconds(ms: i64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

/// The page of the microphone.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    At(id): At<u64>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Broadcast)?;
    let look = console.core.look(move |gateway| {
        let state = gateway.state().broadcasts.get(&BroadcastId(id))?;
        let n = state.broadcast.terminals().len();
        Some((
            state.broadcast.class(),
            state.broadcast.message().text.clone(),
            n,
            Speech::of(state)?,
        ))
    });
    let (class, text, n_terminals, speech) = look.await?.ok_or_else(PageFault::not_found)?;
    if speech.by != visitor.actor().name {
        return Err(PageFault::forbidden());
    }
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        section.card.live[class == Class::Live].drill[class == Class::Drill] {
            p.read-back { span.tag { (words::class(visitor.tongue(), class)) } " "
                @if class == Class::Live { (say("您的声音将直接播到村里", "Your voice goes out for real")) }
                @else { (say("演练喊话：前后自动加播“这是演练”", "A drill, framed by its words")) }
            }
            blockquote.words { (text) }
            p { (say("范围：", "Where: ")) b.count { (n_terminals) } (say(" 个终端", " terminals")) }
            @if speech.waits_until.is_some() { (microphone(&visitor, id)) }
        }
        div data-live={ "broadcast-" (id) } { (super::broadcast::part(&console, visitor.tongue(), id).await?) }
        p { a href={ "/console/broadcasts/" (id) } { (say("查看这个播发任务", "This broadcast")) } }
        script type="module" nonce=(visitor.look.nonce) src=(super::assets::path("speak.js")) {}
    };
    let title = say("现场喊话", "Live speaking").to_owned();
    Ok(page(&console, &visitor, layout::BROADCASTS, &title, &body))
}

fn microphone(visitor: &Visitor, id: u64) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        div.speak data-speak=(id) data-token=(visitor.session.form_token()) data-seconds-max=(LIVE_S_MAX) {
            p.flash.bad data-speak-insecure hidden { (say(
                "浏览器只允许在 HTTPS 或本机（localhost）页面使用话筒。请管理员运行 mingluo keys tls，并在 gateway.toml 的 [http] 中设置 tls_certificate_file；在此之前请改用文字或上传录音。",
                "Browsers give the microphone to pages over HTTPS or from localhost only. Have an administrator run `mingluo keys tls` and set tls_certificate_file of [http] in gateway.toml; until then, use text or a recording.",
            )) }
            p.flash.bad data-speak-absent hidden { (say(
                "这个浏览器不支持网页话筒，请改用文字或上传录音。",
                "This browser has no microphone for pages; use text or a recording.",
            )) }
            div.actions data-speak-ready hidden {
                button.danger type="button" data-speak-start { (say("开始喊话", "Begin to speak")) }
                button type="button" data-speak-stop disabled { (say("结束喊话", "End")) }
                span.countdown data-speak-time { "00:00" }
                meter.level-bar data-speak-level min="0" max="1" low="0.02" high="0.95" optimum="0.4" value="0"
                    aria-label=(say("话筒音量", "microphone level")) {}
            }
            p data-speak-said role="status" aria-live="polite" { (say(
                "按“开始喊话”后先播放开场提示音，提示音结束再讲话；最长 10 分钟。",
                "The opening sounds first; speak when it has ended. Ten minutes at most.",
            )) }
            p.hint data-speak-out hidden {}
        }
    }
}

/// Whether the request comes from the page of the speaker.
fn check(visitor: &Visitor, headers: &HeaderMap) -> Result<(), PageFault> {
    visitor.need(Right::Broadcast)?;
    let token = headers.get("x-form-token").and_then(|value| value.to_str().ok());
    if token.is_some_and(|token| is_token(visitor, token)) {
        Ok(())
    } else {
        Err(PageFault::forged())
    }
}

fn refused(visitor: &Visitor, fault: &LiveFault) -> Response {
    let say = |zh, en| visitor.say(zh, en);
    let (status, why) = match fault {
        LiveFault::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            say("同时喊话的人已达上限，请稍候。", "Too many speak."),
        ),
        LiveFault::Over => (StatusCode::CONFLICT, say("喊话已经结束。", "It is over.")),
        LiveFault::NotYours => {
            (StatusCode::FORBIDDEN, say("正在由另一人喊话。", "Another officer is speaking."))
        }
        LiveFault::OutOfTurn { .. } => (
            StatusCode::CONFLICT,
            say("声音在途中丢失，喊话已中断。", "Sound was lost on its way."),
        ),
        LiveFault::Core(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            say("网关暂时没有响应。", "The gateway does not answer."),
        ),
        LiveFault::Sound(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, say("声音处理失败。", "The sound can't be made."))
        }
        LiveFault::Refused(answer) => {
            let why = super::refusal(visitor.tongue(), answer);
            return (StatusCode::CONFLICT, Json(json!({ "why": why }))).into_response();
        }
    };
    tracing::info!(%fault, "live speaking refused");
    (status, Json(json!({ "why": why }))).into_response()
}

/// Begins.
pub(super) async fn begin(
    State(console): State<Console>,
    visitor: Visitor,
    At(id): At<u64>,
    headers: HeaderMap,
) -> Result<Response, PageFault> {
    check(&visitor, &headers)?;
    let begun = console.live.begin(visitor.actor().clone(), BroadcastId(id)).await;
    Ok(match begun {
        Ok(opened) => Json(json!({ "opening_ms": opened.opening_ms })).into_response(),
        Err(fault) => refused(&visitor, &fault),
    })
}

/// The next piece of sound.
pub(super) async fn say(
    State(console): State<Console>,
    visitor: Visitor,
    At(id): At<u64>,
    headers: HeaderMap,
    pcm: Bytes,
) -> Result<Response, PageFault> {
    check(&visitor, &headers)?;
    let seq = headers.get("x-piece").and_then(|value| value.to_str().ok()?.parse().ok());
    let seq = seq.ok_or_else(|| PageFault::malformed("`x-piece`"))?;
    let said = console.live.say(visitor.actor().clone(), BroadcastId(id), seq, &pcm).await;
    Ok(match said {
        Ok(spoke) => {
            Json(json!({ "parts": spoke.n_parts, "out_ms": spoke.out_ms })).into_response()
        }
        Err(fault) => refused(&visitor, &fault),
    })
}

/// Ends.
pub(super) async fn end(
    State(console): State<Console>,
    visitor: Visitor,
    At(id): At<u64>,
    headers: HeaderMap,
) -> Result<Response, PageFault> {
    check(&visitor, &headers)?;
    let ended = console.live.end(visitor.actor().clone(), BroadcastId(id)).await;
    Ok(match ended {
        Ok(spoke) => Json(json!({ "parts": spoke.n_parts })).into_response(),
        Err(fault) => refused(&visitor, &fault),
    })
}
