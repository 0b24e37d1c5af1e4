//! 录音: what officers bring to be broadcast as it is, from a file or from the microphone of the page.

use super::County;
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::note;
use super::visitor::{Posted, TOKEN_FIELD, Visitor, done, is_token};
use super::words;
use crate::console::Console;
use crate::daemon::{Kept, UPLOAD_BYTES_MAX, UploadFault};
use crate::gateway::Gateway;
use crate::model::{Act, Right};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::time::Duration;
use tower_http::services::ServeFile;

/// Bytes of an upload beside the recording: token, title, the frames of the parts.
const BESIDE_BYTES_MAX: usize = 64 * 1024;
/// Largest upload, bytes.
pub(super) const BODY_BYTES_MAX: usize = UPLOAD_BYTES_MAX + BESIDE_BYTES_MAX;
/// Longest time for an upload: the largest one at 4 Mbit/s.
const UPLOAD_WAIT_MAX: Duration = Duration::from_secs(240);
/// Characters of a title.
const TITLE_CHARS_MAX: usize = 60;
/// Recordings listed beside the form of a broadcast.
const BESIDE_FORM_MAX: usize = 10;

/// What file dialogs offer.
const ACCEPT: &str = "audio/*,.wav,.mp3,.m4a,.flac,.ogg,.opus,.webm";

/// Whether somebody may hear and delete what is on the shelf.
fn need(visitor: &Visitor) -> Result<(), PageFault> {
    if visitor.may(Right::Broadcast) || visitor.may(Right::Administer) {
        Ok(())
    } else {
        Err(PageFault::forbidden())
    }
}

fn fault(fault: &UploadFault) -> PageFault {
    PageFault::new(status(fault), fault.zh(), fault.to_string()).next(
        "/console/compose",
        "返回手动广播",
        "back to the broadcast",
    )
}

fn status(fault: &UploadFault) -> StatusCode {
    match fault {
        UploadFault::Busy | UploadFault::Late => StatusCode::SERVICE_UNAVAILABLE,
        UploadFault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        UploadFault::Full => StatusCode::INSUFFICIENT_STORAGE,
        UploadFault::Unfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
        UploadFault::Folder { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// All of them.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    need(&visitor)?;
    let kept = console.recordings.list().await.map_err(|why| fault(&why))?;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        p { a.button href="/console/compose" { (say("返回手动广播", "Back to the broadcast")) } }
        @if kept.is_empty() { p.empty { (say("还没有上传的录音。", "No recordings yet.")) } }
        @for kept in &kept {
            section.card {
                (line(&visitor, &console.county, kept))
                @if may_remove(&visitor, kept) {
                    form method="post" action={ "/console/recordings/" (kept.name) "/delete" } {
                        (token(&visitor))
                        button.danger type="submit" { (say("删除", "Delete")) }
                    }
                }
            }
        }
    };
    let title = say("录音", "Recordings").to_owned();
    Ok(page(&console, &visitor, layout::COMPOSE, &title, &body))
}

fn line(visitor: &Visitor, county: &County, kept: &Kept) -> Markup {
    let seconds = i64::from(kept.duration_ms.div_ceil(1_000));
    html! {
        b { @if kept.title.is_empty() { (kept.name) } @else { (kept.title) } }
        " · " (words::span(visitor.tongue(), seconds))
        " · " (kept.by) " · " (words::moment(kept.at, county.local_offset_minutes)) " "
        a href={ "/console/recordings/" (kept.name) } target="_blank" { (visitor.say("试听", "Listen")) }
    }
}

/// The part of a broadcast's form: bring a file, speak into the microphone, or take one from the shelf. Its
/// inputs belong to [`upload_form`].
pub(super) async fn part(console: &Console, visitor: &Visitor) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        details.voice data-voice data-bytes-max=(UPLOAD_BYTES_MAX) {
            summary { (say("上传录音，或用话筒现场录制", "Upload a recording, or record with the microphone")) }
            label { (say("录音文件（wav、mp3、m4a、flac、ogg、opus、webm；最长 10 分钟）", "A file (wav, mp3, m4a, flac, ogg, opus, webm; at most 10 minutes)"))
                input type="file" name="recording" form="upload" accept=(ACCEPT) data-voice-file;
            }
            button type="submit" form="upload" data-voice-send { (say("上传", "Upload")) }
            div data-microphone hidden {
                h2 { (say("现场录制", "Microphone")) }
                div.actions {
                    button type="button" data-mic-start { (say("开始录音", "Record")) }
                    button type="button" data-mic-stop disabled { (say("停止", "Stop")) }
                    span.countdown data-mic-time { "00:00" }
                    meter.level-bar data-mic-level min="0" max="1" low="0.02" high="0.95" optimum="0.4" value="0"
                        aria-label=(say("话筒音量", "microphone level")) {}
                }
                div data-mic-take hidden {
                    audio controls data-mic-listen {}
                    button type="button" data-mic-send { (say("使用这段录音", "Use this recording")) }
                }
            }
            p.flash.bad data-microphone-insecure hidden { (say(
                "浏览器只允许在 HTTPS 或本机（localhost）页面使用话筒。请管理员运行 mingluo keys tls，并在 gateway.toml 的 [http] 中设置 tls_certificate_file；在此之前可以上传录音文件。",
                "Browsers give the microphone to pages over HTTPS or from localhost only. Have an administrator run `mingluo keys tls` and set tls_certificate_file of [http] in gateway.toml; until then, upload a file.",
            )) }
            p.flash.bad data-microphone-absent hidden { (say(
                "这个浏览器不支持网页录音，请上传录音文件。",
                "This browser can't record; upload a file.",
            )) }
            p data-voice-said role="status" {}
            div data-voice-shelf { (shelf(console, visitor, None).await) }
        }
    }
}

/// The form that carries a recording; it stands before the form of the broadcast, so that its token goes
/// before the recording.
pub(super) fn upload_form(visitor: &Visitor) -> Markup {
    html! {
        form #upload method="post" action="/console/recordings" enctype="multipart/form-data" { (token(visitor)) }
    }
}

async fn shelf(console: &Console, visitor: &Visitor, new: Option<&str>) -> Markup {
    let kept = match console.recordings.list().await {
        Ok(kept) => kept,
        Err(fault) => {
            return html! { p.flash.bad { (visitor.say(&fault.zh(), &fault.to_string())) } };
        }
    };
    html! {
        div data-uploaded=[new] {
            ul.uploads {
                @for kept in kept.iter().take(BESIDE_FORM_MAX) {
                    li {
                        button type="button" data-take-recording=(kept.name) { (visitor.say("选用", "Use")) } " "
                        (line(visitor, &console.county, kept))
                    }
                }
            }
            @if !kept.is_empty() {
                a href="/console/recordings" target="_blank" { (visitor.say("全部录音与删除", "All recordings, delete")) }
            }
        }
    }
}

/// A recording comes in. Scripts get the shelf with it, others the form that names it.
pub(super) async fn post(
    State(console): State<Console>,
    visitor: Visitor,
    request: Request,
) -> Result<Response, PageFault> {
    visitor.need(Right::Broadcast)?;
    let is_script = request.headers().contains_key("x-requested-with");
    let told = request.headers().get(header::CONTENT_LENGTH).and_then(|told| told.to_str().ok());
    let told: Option<usize> = told.and_then(|told| told.parse().ok());
    let taken = if told.is_some_and(|told| told > BODY_BYTES_MAX) {
        Err(Refused::Unfit(UploadFault::TooLarge))
    } else {
        tokio::time::timeout(UPLOAD_WAIT_MAX, take(&console, &visitor, request))
            .await
            .unwrap_or(Err(Refused::Unfit(UploadFault::Late)))
    };
    match taken {
        Ok(kept) if is_script => {
            Ok(shelf(&console, &visitor, Some(&kept.name)).await.into_response())
        }
        Ok(kept) => {
            let to = format!("/console/compose?recording={}", kept.name);
            let text = visitor.say("录音已上传。", "The recording is on the shelf.");
            Ok(done(&console, &visitor, true, text, &to))
        }
        Err(Refused::Page(page)) => Err(page),
        Err(Refused::Unfit(why)) if is_script => {
            let text = visitor.say(&why.zh(), &why.to_string()).to_owned();
            Ok((status(&why), html! { p.flash.bad { (text) } }).into_response())
        }
        Err(Refused::Unfit(why)) => Err(fault(&why)),
    }
}

/// Why nothing was taken.
enum Refused {
    Page(PageFault),
    Unfit(UploadFault),
}

impl From<UploadFault> for Refused {
    fn from(fault: UploadFault) -> Self {
        Self::Unfit(fault)
    }
}

impl From<PageFault> for Refused {
    fn from(fault: PageFault) -> Self {
        Self::Page(fault)
    }
}

impl From<MultipartError> for Refused {
    fn from(fault: MultipartError) -> Self {
        if fault.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::Unfit(UploadFault::TooLarge);
        }
        Self::Page(PageFault::malformed(&fault.body_text()))
    }
}

/// Reads the parts in their order: the token, perhaps a title, the recording.
async fn take(console: &Console, visitor: &Visitor, request: Request) -> Result<Kept, Refused> {
    use axum::extract::FromRequest;
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|fault| PageFault::malformed(&fault.body_text()))?;
    let (mut is_ours, mut title) = (false, String::new());
    while let Some(mut part) = parts.next_field().await? {
        match part.name().unwrap_or_default() {
            TOKEN_FIELD => is_ours = is_token(visitor, &text(&mut part).await?),
            "title" => title = text(&mut part).await?,
            "recording" if is_ours => {
                let file = part.file_name().unwrap_or_default().to_owned();
                let title = titled(&title, &file);
                return keep(console, visitor, part, &title).await;
            }
            // Without the token nothing is written.
            "recording" => return Err(PageFault::forged().into()),
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(PageFault::malformed(&format!("a part `{other}`")).into());
            }
        }
    }
    let fault = if is_ours { PageFault::malformed("no recording") } else { PageFault::forged() };
    Err(fault.into())
}

/// A short part.
async fn text(part: &mut Field<'_>) -> Result<String, Refused> {
    let mut bytes = Vec::new();
    while let Some(piece) = part.chunk().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > BESIDE_BYTES_MAX {
            return Err(PageFault::malformed("a part that is too long").into());
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What it is called: for people only, no path is made of it.
fn titled(title: &str, file: &str) -> String {
    let title = if title.trim().is_empty() { file } else { title };
    let title = title.rsplit(['/', '\\']).next().unwrap_or_default();
    title.chars().filter(|c| !c.is_control()).take(TITLE_CHARS_MAX).collect()
}

async fn keep(
    console: &Console,
    visitor: &Visitor,
    mut part: Field<'_>,
    title: &str,
) -> Result<Kept, Refused> {
    let mut incoming = console.recordings.receive().await?;
    while let Some(piece) = part.chunk().await? {
        incoming.push(&piece).await?;
    }
    let checked = console.recordings.check(incoming, title, &visitor.actor().name).await?;
    if checked.is_known {
        return Ok(checked.kept.clone());
    }
    let kept = &checked.kept;
    let act =
        Act::RecordingAdded { name: kept.name.clone(), sha256: kept.sha256, bytes: kept.bytes };
    note(console, visitor.actor().clone(), act).await?;
    Ok(console.recordings.keep(checked).await?)
}

/// The sound.
pub(super) async fn listen(
    State(console): State<Console>,
    visitor: Visitor,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, PageFault> {
    need(&visitor)?;
    let kept = found(&console, &name).await?;
    let path = console.recordings.path(&kept);
    let mut response = match ServeFile::new(path).try_call(request).await {
        Ok(response) => response.map(axum::body::Body::new),
        Err(_) => return Err(PageFault::not_found()),
    };
    let kind = match kept.extension.as_str() {
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "flac" => "audio/flac",
        "webm" => "audio/webm",
        "opus" | "ogg" => "audio/ogg",
        _ => "audio/wav",
    };
    if response.status().is_success() {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    Ok(response)
}

async fn found(console: &Console, name: &str) -> Result<Kept, PageFault> {
    let found = console.recordings.find(name).await.map_err(|why| fault(&why))?;
    found.ok_or_else(PageFault::not_found)
}

fn may_remove(visitor: &Visitor, kept: &Kept) -> bool {
    visitor.may(Right::Administer) || kept.by == visitor.actor().name
}

/// Takes one off the shelf, unless a plan or a programme speaks by it.
pub(super) async fn delete(
    State(console): State<Console>,
    Path(name): Path<String>,
    Posted { visitor, .. }: Posted,
) -> Result<Response, PageFault> {
    need(&visitor)?;
    let kept = found(&console, &name).await?;
    if !may_remove(&visitor, &kept) {
        return Err(PageFault::forbidden());
    }
    let is_used = console.core.look(move |gateway| is_used(gateway, &name)).await?;
    if is_used {
        let text = visitor.say(
            "没有删除：预案、节目单或待批播发正在使用这个录音。",
            "Not deleted: a response plan, a programme or a waiting broadcast uses it.",
        );
        return Ok(done(&console, &visitor, false, text, "/console/recordings"));
    }
    let act = Act::RecordingRemoved { name: kept.name.clone(), sha256: kept.sha256 };
    note(&console, visitor.actor().clone(), act).await?;
    console.recordings.remove(&kept).await.map_err(|why| fault(&why))?;
    let text = visitor.say("录音已删除。", "The recording is deleted.");
    Ok(done(&console, &visitor, true, text, "/console/recordings"))
}

/// Whether what may still sound names it.
fn is_used(gateway: &Gateway, name: &str) -> bool {
    let names = |recording: &Option<String>| recording.as_deref() == Some(name);
    let (policy, state) = (&gateway.rules().policy, gateway.state());
    let plans = policy.plans.iter();
    plans.clone().any(|plan| names(&plan.recording) || plan.fallback_recording == name)
        || state.pending.values().any(|pending| names(&pending.plan().message.recording))
        || state.programmes.values().any(|kept| names(&kept.programme.recording))
}
