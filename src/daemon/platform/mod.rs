//! The exchange with the upper emergency-broadcast platform (GD/J 083): `receive` takes its packages,
//! `upward` tells it what the record says, `inventory` what there is and how it is.

mod exchange;
mod inventory;
mod patience;
mod receive;
mod sound;
mod told;
mod trust;
mod upload;
mod upward;
mod watch;

pub use exchange::{PACKAGE_TYPE, Party, PostFault, Receipt, Saying};
pub use trust::{Trust, certificates, self_signed};
pub use watch::{PlatformStatus, PlatformWatch, SaidNow};

use super::core::CoreHandle;
use super::ground::Ground;
use super::metrics::Metrics;
use super::serve::{Listener, bind, local, serve};
use crate::clock;
use crate::config::{PlatformSettings, Settings};
use crate::decide::PlatformRules;
use crate::ingest::ebd::OmdRequest;
use crate::model::{AreaCode, UtcMs};
use crate::tls;
use anyhow::Context;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch as stopping};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Requests for data that wait to be answered. When it is full the next is refused with code 5.
const ASKED_MAX: usize = 64;
/// Connections of the upper platform at the same time; more wait in the system's backlog.
const CONNECTIONS_MAX: usize = 64;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Folder of the sound that came along, within the county's recordings.
const SOUNDS: &str = "platform";

/// A request for data that was taken.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    at: UtcMs,
    request: OmdRequest,
    related: String,
}

/// Key, certificates and address, taken before anything runs.
pub(crate) struct PlatformGround {
    settings: PlatformSettings,
    party: Party,
    listener: Option<TcpListener>,
    tls: Option<TlsAcceptor>,
    sounds: PathBuf,
    /// What people see of it.
    pub(crate) watch: Arc<PlatformWatch>,
}

/// The running exchange; without an upper platform it is empty.
#[derive(Default)]
pub(crate) struct Exchange {
    /// What the core judges packages by.
    pub(crate) rules: Option<PlatformRules>,
    /// Where packages are taken.
    pub(crate) at: Option<SocketAddr>,
    /// What receives and tells.
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

impl Exchange {
    /// Starts it when there is an upper platform.
    ///
    /// # Errors
    /// When there is no HTTP client for its address.
    pub(super) fn start(
        ground: &mut Ground,
        core: &CoreHandle,
        stop: &stopping::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let Some(platform) = ground.platform.take() else { return Ok(Self::default()) };
        let rules = platform.rules();
        let served = ground.network.served.clone();
        let (at, tasks) = platform.start(core, &ground.metrics, served, stop)?;
        Ok(Self { rules: Some(rules), at, tasks })
    }
}

impl PlatformGround {
    /// Takes them; `None` = there is no upper platform.
    ///
    /// # Errors
    /// When key or certificates can't be read, or the address is not to be had.
    pub(crate) fn take(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let platform = settings.platform.clone();
        if !platform.is_on() {
            return Ok(None);
        }
        let trust = Trust::read(&platform)?;
        trust.ends().for_each(|(name, until)| tell_of_end(&name, until));
        if platform.allow_unsigned {
            tracing::warn!(
                "[platform] 联调模式：接受未签名的演练数据包，联调结束后请关闭 allow_unsigned"
            );
        }
        let listener = platform.listen.map(|listen| bind("platform.listen", listen)).transpose()?;
        let party = Party {
            profile: platform.profile,
            code: platform.own_code.clone(),
            peer: platform.upper_code.clone(),
            trust: Arc::new(trust),
            allow_unsigned: platform.allow_unsigned,
            last_number: Arc::default(),
        };
        let sounds = settings.render.recordings_dir.join(SOUNDS);
        let tls = acceptor(&platform).context("platform.tls_certificate_file")?;
        let watch = Arc::new(PlatformWatch::new(platform.clone()));
        Ok(Some(Self { settings: platform, party, listener, tls, sounds, watch }))
    }

    /// What the core judges packages by.
    fn rules(&self) -> PlatformRules {
        PlatformRules {
            own_code: self.settings.own_code.clone(),
            upper_code: self.settings.upper_code.clone(),
            allow_unsigned: self.settings.allow_unsigned,
            window_s: self.settings.window_s,
        }
    }

    /// Starts receiving and telling; gives where it listens.
    ///
    /// # Errors
    /// When there is no HTTP client for the address of the upper platform.
    fn start(
        self,
        core: &CoreHandle,
        metrics: &Arc<Metrics>,
        served: Vec<AreaCode>,
        stop: &stopping::Receiver<bool>,
    ) -> anyhow::Result<(Option<SocketAddr>, Vec<JoinHandle<()>>)> {
        let rules = self.rules();
        let (asked, asked_in) = mpsc::channel(ASKED_MAX);
        let mut tasks = Vec::new();
        let mut at = None;
        if let Some(listener) = self.listener {
            at = Some(local(&listener)?);
            let desk = receive::Desk {
                party: self.party.clone(),
                rules,
                core: core.clone(),
                metrics: Arc::clone(metrics),
                served,
                sounds: self.sounds,
                sound_needs_digest: self.settings.sound_needs_digest,
                asked: self.settings.url.is_some().then_some(asked),
                refused: Arc::default(),
                sound_at: sound::Fetcher::new(&self.settings).context("platform.ca_file")?,
                watch: Arc::clone(&self.watch),
            };
            tasks.push(tokio::spawn(desk.clone().count(stop.clone())));
            let router = receive::router(desk);
            let listener = Listener::with_tls(listener, self.tls);
            tasks.push(tokio::spawn(serve(listener, router, CONNECTIONS_MAX, stop.clone())));
        }
        if let Some(url) = self.settings.url.clone() {
            let metrics = Arc::clone(metrics);
            let (party, core) = (self.party, core.clone());
            let upward = upward::Upward::new(url, self.watch, party, core, metrics)
                .context("platform.url")?;
            tasks.push(tokio::spawn(upward.run(asked_in, stop.clone())));
        }
        Ok((at, tasks))
    }
}

/// How packages are taken by HTTPS; says when the certificate ends soon.
fn acceptor(platform: &PlatformSettings) -> anyhow::Result<Option<TlsAcceptor>> {
    let Some((certificate, key)) = platform.tls() else { return Ok(None) };
    let config = tls::server_for(certificate, key, platform.tls_client_ca_file.as_deref())?;
    let (_, until) = tls::valid(certificate)?;
    tell_of_end(&certificate.display().to_string(), until);
    Ok(Some(TlsAcceptor::from(config)))
}

/// Says in the log that a certificate ends soon, or has.
fn tell_of_end(name: &str, until: UtcMs) {
    let now = clock::now_utc();
    if tls::stage(now, until).is_some() {
        let days = until.since_ms(now).max(0) / DAY_MS;
        tracing::warn!(certificate = name, days, "[platform] 证书即将到期或已经到期，请换发后重启");
    }
}
