//! An upper emergency-broadcast platform for rehearsals and tests: it posts signed packages and takes
//! those of a county over real sockets, with the exchange of the gateway itself.

use crate::clock;
use crate::daemon::{Listener, PACKAGE_TYPE, Party, Receipt, Saying, bind, local, serve};
use crate::ingest::ebd::{
    Auxiliary, Basic, Body, Content, Ebm, PACKAGE_BYTES_MAX, Package, package_name, read, sm3_of,
};
use crate::model::{EbdKind, PackageSignature, ResultCode, UtcMs};
use crate::tls;
use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Packages that wait to be looked at. When it is full the sender is told 503 and repeats.
const INBOX_MAX: usize = 4_096;
/// Connections at the same time.
const CONNECTIONS_MAX: usize = 64;
/// Longest wait for a receipt, seconds.
const POST_S_MAX: u64 = 20;

/// A package of the county.
#[derive(Debug, Clone)]
pub struct FromCounty {
    /// The package.
    pub package: Package,
    /// What its signature is worth.
    pub signature: PackageSignature,
}

/// How the simulated platform speaks HTTPS, both ways: PEM files of its certificate and key, by which it
/// serves and is known, and of the authorities that must vouch for the county's.
#[derive(Debug, Clone)]
pub struct UpperTls {
    /// Its certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities.
    pub authorities: PathBuf,
}

/// The simulated platform.
pub struct UpperPlatform {
    /// Where it listens.
    pub local: SocketAddr,
    /// What came.
    pub inbox: mpsc::Receiver<FromCounty>,
    party: Party,
    client: reqwest::Client,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Desk {
    party: Party,
    inbox: mpsc::Sender<FromCounty>,
}

impl UpperPlatform {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the address is not to be had.
    pub fn start(listen: SocketAddr, party: Party) -> anyhow::Result<Self> {
        Self::start_with(listen, party, None)
    }

    /// The same over HTTPS: only who has a certificate of these authorities is heard.
    ///
    /// # Errors
    /// As [`UpperPlatform::start`], and when a file can't be read.
    pub fn start_with(
        listen: SocketAddr,
        party: Party,
        secured: Option<&UpperTls>,
    ) -> anyhow::Result<Self> {
        let listener = bind("--listen", listen)?;
        let local = local(&listener)?;
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        let desk = Desk { party: party.clone(), inbox: sender };
        let router = Router::new().fallback(axum::routing::post(take)).with_state(desk);
        let (stop, stopping) = watch::channel(false);
        let wait_max = Duration::from_secs(POST_S_MAX);
        let (acceptor, client) = match secured {
            None => (None, tls::posting_client("http://", None, wait_max)?),
            Some(UpperTls { certificate, key, authorities }) => {
                let config = tls::server_for(certificate, key, Some(authorities))?;
                let own = Some((certificate.as_path(), key.as_path()));
                let client = tls::posting_client_as("https://", Some(authorities), own, wait_max)?;
                (Some(tokio_rustls::TlsAcceptor::from(config)), client)
            }
        };
        let listener = Listener::with_tls(listener, acceptor);
        let serving = tokio::spawn(serve(listener, router, CONNECTIONS_MAX, stopping));
        Ok(Self { local, inbox, party, client, stop, serving })
    }

    /// Posts a package with these programme files.
    ///
    /// # Errors
    /// When it did not arrive or its receipt proves nothing.
    pub async fn send(
        &self,
        url: &str,
        saying: Saying,
        programmes: &[(String, Vec<u8>)],
    ) -> anyhow::Result<Receipt> {
        let (id, package) = self.party.package(saying, programmes)?;
        Ok(self.party.post(&self.client, url, &id, &package).await?)
    }

    /// Ends it.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ended = self.serving.await;
    }
}

async fn take(State(desk): State<Desk>, request: Request<HttpBody>) -> Response {
    let Ok(bytes) = axum::body::to_bytes(request.into_body(), PACKAGE_BYTES_MAX * 2).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (related, code, desc) = match read(&bytes) {
        Err(unread) => (unread.id, unread.code, format!("{:?}", unread.rejection.faults)),
        Ok(package) => {
            let id = package.envelope.id.clone();
            let signature = desk.party.trust.check(&package, clock::now_utc());
            let heartbeat = package.envelope.kind == EbdKind::ConnectionCheck;
            let good = matches!(signature, PackageSignature::Verified { .. })
                || signature == PackageSignature::Unsigned
                    && (heartbeat || desk.party.allow_unsigned);
            if desk.inbox.try_send(FromCounty { package, signature }).is_err() {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
            let code = if good { ResultCode::Good } else { ResultCode::Signature };
            (Some(id), code, if good { "接收正常" } else { "签名验证失败" }.to_owned())
        }
    };
    let saying = Saying::new(EbdKind::EbdResponse, Body::Result { code, desc });
    match desk.party.package(saying.answering(related), &[]) {
        Ok((id, bytes)) => {
            let name = format!("attachment; filename=\"{}\"", package_name(&id));
            let heads = [
                (header::CONTENT_TYPE, PACKAGE_TYPE.to_owned()),
                (header::CONTENT_DISPOSITION, name),
            ];
            (heads, bytes).into_response()
        }
        Err(fault) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{fault}\n")).into_response(),
    }
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct EbmOrder {
    /// The code of the platform that makes it.
    pub platform: String,
    /// Its number of the day, 1 to 9,999.
    pub number: u16,
    /// `MsgType`: 1 actual, 2 cancel, 3 to 5 drills.
    pub msg_type: u8,
    /// The message to stop or to replace.
    pub related: Option<String>,
    /// Event code.
    pub event: String,
    /// `Severity`: 1 red to 4 blue.
    pub severity: u8,
    /// Title.
    pub title: String,
    /// Words.
    pub text: String,
    /// Area codes.
    pub areas: Vec<String>,
    /// How long it is valid, seconds.
    pub valid_s: i64,
    /// Sound, MP3.
    pub sound: Option<Vec<u8>>,
}

/// The message with its programme files, as of `now`.
#[must_use]
pub fn ebm(order: &EbmOrder, now: UtcMs) -> (Ebm, Vec<(String, Vec<u8>)>) {
    let date: String =
        crate::ingest::ebd::local_time(now).chars().take(10).filter(char::is_ascii_digit).collect();
    let id = format!("{}{date}{:04}", order.platform, order.number);
    let name = format!("EBDR_{id}.mp3");
    let auxiliaries = order.sound.iter().map(|sound| Auxiliary {
        kind: 2,
        desc: name.clone(),
        size: u64::try_from(sound.len()).ok(),
        digest: Some(sm3_of(sound)),
    });
    let content = Content {
        language: "zho".into(),
        title: Some(order.title.clone()),
        desc: Some(order.text.clone()),
        areas: order.areas.clone(),
        auxiliaries: auxiliaries.collect(),
    };
    let basic = Basic {
        msg_type: order.msg_type,
        sender_name: "上级应急广播平台（模拟）".into(),
        sender_code: order.platform.clone(),
        sent: now,
        event_type: order.event.clone(),
        severity: order.severity,
        begins: Some(now),
        ends: Some(now.plus_s(order.valid_s)),
    };
    let related = order.related.clone();
    let ebm = Ebm { id, related, basic: Some(basic), contents: vec![content], systems: Vec::new() };
    let files = order.sound.iter().map(|sound| (name.clone(), sound.clone())).collect();
    (ebm, files)
}
