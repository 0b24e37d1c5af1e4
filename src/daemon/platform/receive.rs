//! Taking packages of the upper platform: read, the signature checked, the sound put on the shelf, then
//! judged by the core, which records them; answered in the same connection with a signed receipt.

use super::exchange::{PACKAGE_TYPE, Party, Saying};
use super::sound::{Fetcher, shelve};
use super::upload::{Cut, KEPT_BYTES_MAX, sent_from, upload};
use super::watch::{PlatformWatch, Refused};
use super::{Asked, Metrics};
use crate::clock;
use crate::daemon::core::{CoreFault, CoreHandle};
use crate::daemon::serve::Peer;
use crate::decide::{PlatformRules, judge_package};
use crate::gateway::{self, Answer, Arrival, Input, PlatformInput};
use crate::ingest::ebd::{
    Body, LeftOut, LinkedSound, Package, RECORDING_URI, Sound, Unread, file_of, package_name, read,
};
use crate::model::{
    Alert, AreaCode, EbdKind, Fault, Origin, PackageSignature, PlatformPackage, Rejection,
    ResultCode, Sha256, Shed, UtcMs,
};
use anyhow::Context;
use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Refused packages that are recorded in a minute; more are counted, logged and answered only, so that
/// a stranger can't fill the record.
const REFUSED_PER_MINUTE_MAX: u32 = 60;
/// Longest time for one request, seconds; the upper platform calls 20 s abnormal.
const REQUEST_S_MAX: u64 = 18;

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
    /// What was refused and does not stand on record by itself.
    pub(super) refused: Arc<Mutex<Refused>>,
    /// Fetches sound at addresses; `None` = that is off.
    pub(super) sound_at: Option<Fetcher>,
    pub(super) watch: Arc<PlatformWatch>,
}

/// Takes a POST at any path, as platforms differ.
pub(super) fn router(desk: Desk) -> Router {
    let limit = Duration::from_secs(REQUEST_S_MAX);
    let slow =
        tower_http::timeout::TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, limit);
    Router::new()
        .fallback(axum::routing::post(post))
        .layer(slow)
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
        .with_state(desk)
}

/// How often what was refused and is only counted goes on record, seconds.
const COUNTED_EVERY_S: u64 = 1;

/// What is answered.
struct Said {
    code: ResultCode,
    desc: String,
}

fn said(code: ResultCode, desc: impl Into<String>) -> Said {
    Said { code, desc: desc.into() }
}

async fn post(State(desk): State<Desk>, request: Request<HttpBody>) -> Response {
    // In a task of its own: whoever hangs up does not take away what goes on record.
    let handled = tokio::spawn(desk.handle(request)).await;
    handled.unwrap_or_else(|_panicked| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

impl Desk {
    async fn handle(self, request: Request<HttpBody>) -> Response {
        let from = request.extensions().get::<Peer>().map(|peer| peer.address);
        let (head, body) = request.into_parts();
        let (status, answer) = match upload(body, &head.headers).await {
            Ok(bytes) => (StatusCode::OK, self.take(&bytes, from).await),
            Err(cut) => (cut.status(), self.cut(cut, from).await),
        };
        match answer {
            Ok((related, said)) => self.answer(status, related, said),
            Err(fault) => {
                // The upper platform sends it again; nothing was recorded, so nothing is promised.
                tracing::error!(%fault, "a package of the upper platform was not taken");
                (StatusCode::SERVICE_UNAVAILABLE, format!("{fault}\n")).into_response()
            }
        }
    }

    /// A body that is no package: on record with what came of it.
    async fn cut(
        &self,
        cut: Cut,
        from: Option<IpAddr>,
    ) -> Result<(Option<String>, Said), CoreFault> {
        self.metrics.alarm(cut.alarm());
        let mut rejection = cut.rejection();
        rejection.faults.push(sent_from(from));
        let desc = format!("数据包没有收完整：{}", first_of(&rejection));
        tracing::warn!(?from, %desc, "a package was not taken");
        if self.may_record(clock::now_utc(), "cut_off") {
            self.reject(rejection, Sha256::of(&cut.kept), cut.kept).await?;
        }
        Ok((None, said(ResultCode::Other, desc)))
    }

    /// Puts a rejection on record, beside the bytes that are kept of it.
    async fn reject(
        &self,
        rejection: Rejection,
        raw: Sha256,
        kept: Vec<u8>,
    ) -> Result<(), CoreFault> {
        let origin = Origin { via: "platform".into(), by: self.rules.upper_code.clone() };
        let content = Sha256([0; 32]);
        let arrival = Arrival { read: Err(rejection), content, raw, origin, areas: Vec::new() };
        let make = move |request| Input::Arrived(request, Box::new(arrival));
        self.core.ask(Some((raw, kept)), make).await.map(drop)
    }

    fn answer(&self, status: StatusCode, related: Option<String>, said: Said) -> Response {
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
                (status, heads, bytes).into_response()
            }
            Err(fault) => {
                tracing::error!(%fault, "no receipt");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// Takes a body; gives the package it was and what is answered.
    async fn take(
        &self,
        body: &[u8],
        from: Option<IpAddr>,
    ) -> Result<(Option<String>, Said), CoreFault> {
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
            Err(mut unread) => {
                unread.rejection.faults.push(sent_from(from));
                return self.refuse(*unread, raw, file).await;
            }
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
            if verdict.code.is_taken() {
                self.watch.heard(now);
            }
            return Ok((Some(id), said(verdict.code, verdict.desc)));
        }
        let said = self.judged(head, package, raw, file, now).await?;
        Ok((Some(id), said))
    }

    /// Whether another refusal goes on record by itself this minute; else it is counted.
    fn may_record(&self, now: UtcMs, why: &'static str) -> bool {
        // A count is whole at any time.
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.may_record(now, REFUSED_PER_MINUTE_MAX, why)
    }

    /// Puts on record how many were refused beyond those that stand there, until the daemon stops.
    pub(super) async fn count(self, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(Duration::from_secs(COUNTED_EVERY_S));
        loop {
            let stopping = tokio::select! {
                _ = ticks.tick() => false,
                _stop = stop.wait_for(|stop| *stop) => true,
            };
            let counted = self.refused.lock().unwrap_or_else(PoisonError::into_inner).take();
            for (why, n) in counted {
                let by = format!("platform {}", self.rules.upper_code);
                let shed = Shed { by, why: format!("platform_{why}"), n };
                if self.core.happened(Input::AlertsShed(shed)).await.is_err() {
                    tracing::warn!(
                        why,
                        n,
                        "packages were refused while the gateway stopped, unrecorded"
                    );
                }
            }
            if stopping {
                return;
            }
        }
    }

    /// Bytes that can't be read: on record as a rejection.
    async fn refuse(
        &self,
        unread: Unread,
        raw: Sha256,
        file: &[u8],
    ) -> Result<(Option<String>, Said), CoreFault> {
        let desc = format!("数据包无法识别：{}", first_of(&unread.rejection));
        tracing::warn!(id = unread.id.as_deref().unwrap_or_default(), %desc, "a package was refused");
        self.metrics.alarm("platform_unreadable");
        if self.may_record(clock::now_utc(), "unreadable") {
            let kept = file.get(..KEPT_BYTES_MAX).unwrap_or(file);
            let mut rejection = unread.rejection;
            if kept.len() < file.len() {
                let (n, of) = (kept.len(), file.len());
                let what = format!("the first {n} of {of} bytes are kept");
                rejection.faults.push(Fault { line: None, element: String::new(), what });
            }
            let raw = if kept.len() < file.len() { Sha256::of(kept) } else { raw };
            self.reject(rejection, raw, kept.to_vec()).await?;
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
        if !verified && !loose && !self.may_record(now, "unsigned") {
            return Ok(said(ResultCode::Signature, "签名缺失或验证失败"));
        }
        let (arrival, note) = self.arrival(&head, &mut package, raw, verified, loose).await;
        let (id, taken) = (head.id.clone(), verified || loose);
        // What nobody vouches for is kept only when it is small.
        let kept = (taken || file.len() <= KEPT_BYTES_MAX).then(|| (raw, file.to_vec()));
        let head = Box::new(head);
        let arrival = arrival.map(Box::new);
        let told = note.clone();
        let input = PlatformInput::Package { package: head, raw, arrival, note: told };
        let make = move |request| Input::Platform(request, input);
        let answer = self.core.ask(kept, make).await?;
        let mut first = answered(&answer);
        if matches!(answer, Answer::Alert { .. }) {
            first.desc.push_str(&note);
        }
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
            Body::Request(request) => {
                let said = self.asked(Asked { at: now, request, related: id.clone() });
                let (code, desc) = (said.code, said.desc.clone());
                let input = PlatformInput::Answered { id, code, desc };
                let make = move |request| Input::Platform(request, input);
                self.core.ask(None, make).await.map(|_noted| said)
            }
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
        let what = asked.request.what;
        match self.asked.as_ref().map(|queue| queue.try_send(asked)) {
            Some(Ok(())) if is_never(what) => {
                said(ResultCode::Good, "本平台直接连接终端，没有此类资源，将在新的连接中上报空列表")
            }
            Some(Ok(())) => said(ResultCode::Good, "数据将在新的连接中上报"),
            Some(Err(_)) => said(ResultCode::Other, "待答请求过多，请稍后再试"),
            None => said(ResultCode::Other, "本平台没有配置上报地址"),
        }
    }

    /// The message of a package as an arrival, with its sound on the shelf when somebody vouches for it;
    /// and what its sender is told of what is left out.
    async fn arrival(
        &self,
        head: &PlatformPackage,
        package: &mut Package,
        raw: Sha256,
        verified: bool,
        loose: bool,
    ) -> (Option<Arrival>, String) {
        let Some(mut alert) = package.alert.take() else { return (None, String::new()) };
        let by = match &head.signature {
            PackageSignature::Verified { certificate } => format!("签名有效，证书 {certificate}"),
            PackageSignature::Unsigned => "未签名".to_owned(),
            PackageSignature::Bad { why } => format!("签名无效：{why}"),
        };
        alert.source = Some(format!("应急广播平台 {}（{by}）", self.rules.upper_code));
        // Its content decides duplicate or conflict; where the sound lies is no part of it.
        let said = (alert.status, alert.msg_type, &alert.references, &alert.infos);
        let content = Sha256::of(&serde_json::to_vec(&said).unwrap_or_default());
        let mut note: String = package.left_out.iter().map(|left| left_out(*left)).collect();
        let sound = match (package.sound.take(), package.linked.take()) {
            (Some(sound), _) if verified || loose => Some((sound.name.clone(), Ok(sound))),
            // A stranger must not make this machine fetch anything.
            (_, Some(linked)) if verified => {
                Some((linked.url.clone(), self.fetched(&linked).await))
            }
            _ => None,
        };
        if let Some((name, sound)) = sound
            && let Err(why) = self.played(&mut alert, &name, sound).await
        {
            let what = format!("the sound `{name}` is not played, the words are: {why:#}");
            tracing::warn!(%what, "sound of the upper platform");
            self.metrics.alarm("platform_sound");
            let element = "EBD/EBM/MsgContent/Auxiliary".to_owned();
            alert.oddities.push(Fault { line: None, element, what });
            note.push_str(&format!("；声音未采用，改播文字：{why:#}"));
        }
        let origin = Origin { via: "platform".into(), by: self.rules.upper_code.clone() };
        let areas = self.served.clone();
        (Some(Arrival { read: Ok(alert), content, raw, origin, areas }), note)
    }

    async fn fetched(&self, linked: &LinkedSound) -> anyhow::Result<Sound> {
        let fetcher = self.sound_at.as_ref();
        fetcher.context("sound at an address is not fetched (`sound_wait_s`)")?.get(linked).await
    }

    /// Puts the sound on the shelf, and its place into the alert.
    async fn played(
        &self,
        alert: &mut Alert,
        name: &str,
        sound: anyhow::Result<Sound>,
    ) -> anyhow::Result<()> {
        let kept = self.shelve(sound?).await?;
        let mut all = alert.infos.iter_mut().flat_map(|info| &mut info.resources);
        if let Some(resource) = all.find(|resource| resource.desc.ends_with(name)) {
            resource.uri = Some(format!("{RECORDING_URI}{kept}"));
        }
        Ok(())
    }

    /// Puts sound where recordings are found; gives its name.
    async fn shelve(&self, sound: Sound) -> anyhow::Result<String> {
        anyhow::ensure!(sound.vouched || !self.sound_needs_digest, "no digest vouches for it");
        let folder = self.sounds.clone();
        tokio::task::spawn_blocking(move || shelve(&folder, &sound.bytes)).await?
    }
}

/// The first fault, which says why.
fn first_of(rejection: &Rejection) -> &str {
    rejection.faults.first().map_or("", |fault| fault.what.as_str())
}

/// What the core's answer is on the wire.
fn answered(answer: &Answer) -> Said {
    let (code, desc) = gateway::said(answer);
    Said { code, desc }
}

/// What a sender is told of what is not used.
fn left_out(left: LeftOut) -> &'static str {
    match left {
        LeftOut::Stream => "；流媒体不播放，改播文字",
        LeftOut::Information => "；信息主文件（EBDI）已存档，未使用",
        LeftOut::MoreSounds => "；只播放第一个音频文件",
    }
}

/// Whether there is nothing of a kind behind this gateway, which reaches terminals by itself.
fn is_never(kind: EbdKind) -> bool {
    use EbdKind::{EbrasInfo, EbrasState, EbrbsInfo, EbrbsState, EbrstInfo};
    matches!(kind, EbrstInfo | EbrasInfo | EbrasState | EbrbsInfo | EbrbsState)
}
