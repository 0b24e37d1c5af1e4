//! Taking packages of the upper platform: read, the signature checked, the sound put on the shelf, then
//! judged by the core, which records them; answered in the same connection with a signed receipt.

use super::exchange::{PACKAGE_TYPE, Party, Saying};
use super::{Asked, Metrics};
use crate::clock;
use crate::console::arrive_too_large;
use crate::daemon::core::{CoreFault, CoreHandle};
use crate::decide::{PlatformRules, judge_package};
use crate::gateway::{Answer, Arrival, Input, PlatformInput};
use crate::ingest::ebd::{
    Body, PACKAGE_BYTES_MAX, Package, RECORDING_URI, Sound, Unread, file_of, package_name, read,
};
use crate::model::{
    AreaCode, Disposition, EbdKind, Fault, Origin, PackageSignature, PlatformPackage, Rejection,
    ResultCode, Sha256, UtcMs,
};
use crate::render::recording::{decode, extension};
use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Bytes of a body beyond the package: the heads of its parts.
const HEADS_BYTES_MAX: usize = 64 * 1024;
/// Bytes kept of a package that is refused unread.
const KEPT_BYTES_MAX: usize = 1024 * 1024;
/// Refused packages that are recorded in a minute; more are counted, logged and answered only, so that
/// a stranger can't fill the record.
const REFUSED_PER_MINUTE_MAX: u32 = 60;
/// Longest time for one request, seconds; the upper platform calls 20 s abnormal.
const REQUEST_S_MAX: u64 = 18;
/// Sounds on the shelf; the oldest make room.
const SOUNDS_MAX: usize = 200;

/// What receiving needs.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) party: Party,
    pub(super) rules: PlatformRules,
    pub(super) core: CoreHandle,
    pub(super) metrics: Arc<Metrics>,
    pub(super) served: Vec<AreaCode>,
    pub(super) sounds: PathBuf,
    pub(super) sound_needs_digest: bool,
    /// Where requests for data go; `None` = nothing is told upstream.
    pub(super) asked: Option<mpsc::Sender<Asked>>,
    /// Minute, and how many were refused in it.
    pub(super) refused: Arc<Mutex<(i64, u32)>>,
}

/// Takes a POST at any path, as platforms differ.
pub(super) fn router(desk: Desk) -> Router {
    let limit = std::time::Duration::from_secs(REQUEST_S_MAX);
    let slow =
        tower_http::timeout::TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, limit);
    Router::new()
        .fallback(axum::routing::post(post))
        .layer(slow)
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
        .with_state(desk)
}

/// What is answered.
struct Said {
    code: ResultCode,
    desc: String,
}

fn said(code: ResultCode, desc: impl Into<String>) -> Said {
    Said { code, desc: desc.into() }
}

async fn post(State(desk): State<Desk>, request: Request<HttpBody>) -> Response {
    let body = request.into_body();
    let Ok(bytes) = axum::body::to_bytes(body, PACKAGE_BYTES_MAX + HEADS_BYTES_MAX).await else {
        let what = format!("expected at most {PACKAGE_BYTES_MAX} bytes\n");
        desk.metrics.alarm("platform_too_large");
        tracing::warn!("a package was longer than {PACKAGE_BYTES_MAX} bytes, or broke off");
        return (StatusCode::PAYLOAD_TOO_LARGE, what).into_response();
    };
    match desk.take(&bytes).await {
        Ok((related, said)) => desk.answer(related, said),
        Err(fault) => {
            // The upper platform sends it again; nothing was recorded, so nothing is promised.
            tracing::error!(%fault, "a package of the upper platform was not taken");
            (StatusCode::SERVICE_UNAVAILABLE, format!("{fault}\n")).into_response()
        }
    }
}

impl Desk {
    fn answer(&self, related: Option<String>, said: Said) -> Response {
        let body = Body::Result { code: said.code, desc: said.desc };
        let saying = Saying::new(EbdKind::EbdResponse, body).answering(related);
        match self.party.package(saying, &[]) {
            Ok((id, bytes)) => {
                let name = format!("attachment; filename=\"{}\"", package_name(&id));
                let heads = [
                    (header::CONTENT_TYPE, PACKAGE_TYPE.to_owned()),
                    (header::CONTENT_DISPOSITION, name),
                    (header::CONNECTION, "close".to_owned()),
                ];
                (heads, bytes).into_response()
            }
            Err(fault) => {
                tracing::error!(%fault, "no receipt");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// Takes a body; gives the package it was and what is answered.
    async fn take(&self, body: &[u8]) -> Result<(Option<String>, Said), CoreFault> {
        let (_, file) = file_of(body);
        let raw = Sha256::of(file);
        let read = std::panic::catch_unwind(|| read(body)).unwrap_or_else(|_| {
            let what = "the reader failed on this package; it is kept for the engineers".into();
            let fault = Fault { line: None, element: String::new(), what };
            let rejection = Rejection { faults: vec![fault], too_large: false };
            Err(Box::new(Unread { rejection, code: ResultCode::ParseFailed, id: None }))
        });
        let package = match read {
            Ok(package) => package,
            Err(unread) => return self.refuse(*unread, raw, file).await,
        };
        let now = clock::now_utc();
        let signature = self.party.trust.check(&package, now);
        let id = package.envelope.id.clone();
        let head = PlatformPackage {
            id: id.clone(),
            kind: package.envelope.kind,
            source: package.envelope.source.clone(),
            dest: package.envelope.dest.clone(),
            sent: package.envelope.sent,
            related: package.envelope.related.clone(),
            signature,
        };
        if head.kind == EbdKind::ConnectionCheck {
            let verdict = judge_package(&self.rules, now, &head, None, raw, None);
            return Ok((Some(id), said(verdict.code, verdict.desc)));
        }
        let said = self.judged(head, package, raw, file, now).await?;
        Ok((Some(id), said))
    }

    /// Whether another refusal goes on record this minute.
    fn may_record(&self, now: UtcMs) -> bool {
        let minute = now.as_s() / 60;
        let Ok(mut refused) = self.refused.lock() else { return false };
        if refused.0 != minute {
            *refused = (minute, 0);
        }
        refused.1 = refused.1.saturating_add(1);
        refused.1 <= REFUSED_PER_MINUTE_MAX
    }

    /// Bytes that can't be read: on record as a rejection.
    async fn refuse(
        &self,
        unread: Unread,
        raw: Sha256,
        file: &[u8],
    ) -> Result<(Option<String>, Said), CoreFault> {
        let origin = Origin { via: "platform".into(), by: self.rules.upper_code.clone() };
        let first = unread.rejection.faults.first().map(|fault| fault.what.clone());
        let desc = format!("数据包无法识别：{}", first.unwrap_or_default());
        tracing::warn!(id = unread.id.as_deref().unwrap_or_default(), %desc, "a package was refused");
        self.metrics.alarm("platform_unreadable");
        if self.may_record(clock::now_utc()) {
            let (arrival, kept) = if file.len() > KEPT_BYTES_MAX {
                let kept = file.get(..KEPT_BYTES_MAX).unwrap_or_default();
                let told = u64::try_from(file.len()).ok();
                let limit = u64::try_from(PACKAGE_BYTES_MAX).unwrap_or(u64::MAX);
                let mut cut = arrive_too_large(kept, limit, told, origin);
                cut.read = Err(unread.rejection);
                (cut, kept)
            } else {
                let content = Sha256([0; 32]);
                let read = Err(unread.rejection);
                (Arrival { read, content, raw, origin, areas: Vec::new() }, file)
            };
            let raw = (arrival.raw, kept.to_vec());
            let make = move |request| Input::Arrived(request, Box::new(arrival));
            let _rejected = self.core.ask(Some(raw), make).await?;
        }
        Ok((unread.id, said(unread.code, desc)))
    }

    async fn judged(
        &self,
        head: PlatformPackage,
        mut package: Package,
        raw: Sha256,
        file: &[u8],
        now: UtcMs,
    ) -> Result<Said, CoreFault> {
        let verified = matches!(head.signature, PackageSignature::Verified { .. });
        let loose = self.rules.allow_unsigned && head.signature == PackageSignature::Unsigned;
        if loose {
            tracing::warn!(id = %head.id, "[platform] 联调模式：收到未签名的数据包");
            self.metrics.alarm("platform_unsigned");
        }
        if !verified && !loose && !self.may_record(now) {
            return Ok(said(ResultCode::Signature, "签名缺失或验证失败"));
        }
        let arrival = self.arrival(&head, &mut package, raw, verified || loose).await;
        let (id, taken) = (head.id.clone(), verified || loose);
        // What nobody vouches for is kept only when it is small.
        let kept = (taken || file.len() <= KEPT_BYTES_MAX).then(|| (raw, file.to_vec()));
        let head = Box::new(head);
        let input = PlatformInput::Package { package: head, raw, arrival: arrival.map(Box::new) };
        let make = move |request| Input::Platform(request, input);
        let answer = self.core.ask(kept, make).await?;
        let first = answered(&answer);
        tracing::info!(%id, code = first.code.number(), desc = %first.desc, "a package of the upper platform");
        if !first.code.is_taken() {
            self.metrics.alarm("platform_refused");
            return Ok(first);
        }
        match package.body {
            Body::StateRequest { ebm } => {
                let input = PlatformInput::StateAsked { ebm, related: id };
                let make = move |request| Input::Platform(request, input);
                Ok(answered(&self.core.ask(None, make).await?))
            }
            Body::Request(request) => Ok(self.asked(Asked { request, related: id })),
            Body::Result { code, desc } => {
                if !code.is_taken() {
                    tracing::warn!(code = code.number(), %desc, "the upper platform says no");
                    self.metrics.alarm("platform_notified");
                }
                Ok(first)
            }
            Body::Ebm(_)
            | Body::State(_)
            | Body::Records(..)
            | Body::Log(..)
            | Body::Check { .. } => Ok(first),
        }
    }

    fn asked(&self, asked: Asked) -> Said {
        match self.asked.as_ref().map(|queue| queue.try_send(asked)) {
            Some(Ok(())) => said(ResultCode::Good, "数据将在新的连接中上报"),
            Some(Err(_)) => said(ResultCode::Other, "待答请求过多，请稍后再试"),
            None => said(ResultCode::Other, "本平台没有配置上报地址"),
        }
    }

    /// The message of a package as an arrival, with its sound on the shelf when somebody vouches for it.
    async fn arrival(
        &self,
        head: &PlatformPackage,
        package: &mut Package,
        raw: Sha256,
        trusted: bool,
    ) -> Option<Arrival> {
        let mut alert = package.alert.take()?;
        let by = match &head.signature {
            PackageSignature::Verified { certificate } => format!("签名有效，证书 {certificate}"),
            PackageSignature::Unsigned => "未签名".to_owned(),
            PackageSignature::Bad { why } => format!("签名无效：{why}"),
        };
        alert.source = Some(format!("应急广播平台 {}（{by}）", self.rules.upper_code));
        // Its content decides duplicate or conflict; where the sound lies is no part of it.
        let said = (alert.status, alert.msg_type, &alert.references, &alert.infos);
        let content = Sha256::of(&serde_json::to_vec(&said).unwrap_or_default());
        if let Some(sound) = package.sound.take().filter(|_| trusted) {
            let name = sound.name.clone();
            let what = match self.shelve(sound).await {
                Ok(kept) => {
                    let mut all = alert.infos.iter_mut().flat_map(|info| &mut info.resources);
                    if let Some(resource) = all.find(|resource| resource.desc.ends_with(&name)) {
                        resource.uri = Some(format!("{RECORDING_URI}{kept}"));
                    }
                    None
                }
                Err(why) => Some(format!("the sound `{name}` is not played, the words are: {why}")),
            };
            if let Some(what) = what {
                tracing::warn!(%what, "sound of the upper platform");
                self.metrics.alarm("platform_sound");
                let element = "EBD/EBM/MsgContent/Auxiliary".to_owned();
                alert.oddities.push(Fault { line: None, element, what });
            }
        }
        let origin = Origin { via: "platform".into(), by: self.rules.upper_code.clone() };
        Some(Arrival { read: Ok(alert), content, raw, origin, areas: self.served.clone() })
    }

    /// Puts sound where recordings are found; gives its name.
    async fn shelve(&self, sound: Sound) -> anyhow::Result<String> {
        anyhow::ensure!(sound.vouched || !self.sound_needs_digest, "no digest vouches for it");
        let folder = self.sounds.clone();
        tokio::task::spawn_blocking(move || shelve(&folder, &sound.bytes)).await?
    }
}

fn shelve(folder: &Path, bytes: &[u8]) -> anyhow::Result<String> {
    // Decoded once here, so that what can't be played is known before anything is decided.
    decode(bytes)?;
    let ending = extension(bytes).unwrap_or("mp3");
    let digest: String = Sha256::of(bytes).to_string().chars().take(32).collect();
    let name = format!("ebm-{digest}");
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("{name}.{ending}"));
    if !file.exists() {
        crate::secrets::write_private(&file, bytes)?;
    }
    make_room(folder, &file)?;
    Ok(name)
}

/// Deletes the oldest sounds above the limit; rendered clips do not need them any more.
fn make_room(folder: &Path, keep: &Path) -> std::io::Result<()> {
    let mut files: Vec<(std::time::SystemTime, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort();
    let n_over = files.len().saturating_sub(SOUNDS_MAX);
    let old = files.into_iter().take(n_over).map(|(_, path)| path);
    old.filter(|path| path != keep).try_for_each(std::fs::remove_file)
}

/// What the core's answer is on the wire.
fn answered(answer: &Answer) -> Said {
    match answer {
        Answer::Platform { code, desc } => said(*code, desc.clone()),
        Answer::Alert { disposition: Disposition::Conflict, .. } => {
            said(ResultCode::Other, "消息编号已被使用，内容不同，已转人工核实")
        }
        Answer::Alert { disposition, reasons, .. } => {
            let why: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
            said(ResultCode::Good, format!("{}：{}", word(*disposition), why.join("；")))
        }
        Answer::Rejected(_)
        | Answer::Waiting { .. }
        | Answer::Edited { .. }
        | Answer::Saved { .. }
        | Answer::Started(_)
        | Answer::TestStarted(_)
        | Answer::Done(_)
        | Answer::Refused(_)
        | Answer::Denied(_)
        | Answer::NotFound(_) => said(ResultCode::Other, format!("{answer:?}")),
    }
}

fn word(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Planned => "已自动播发",
        Disposition::AwaitingApproval => "等待审批",
        Disposition::Refused => "不予播发",
        Disposition::Duplicate => "重复消息",
        Disposition::Conflict => "编号冲突",
        Disposition::Recorded => "已存档",
    }
}
