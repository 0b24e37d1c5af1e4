//! What a start takes before anything runs: keys, the status plane, the record, every address. A
//! start that fails here leaves nothing behind.

use super::audit::{AuditDesk, Follower, Letterhead};
use super::health::Life;
use super::metrics::Metrics;
use super::phrases::PhraseBook;
use super::plane::{Plane, STATUS_CONNECTIONS_MAX};
use super::platform::PlatformGround;
use super::run::{OpenRecord, StartFault, fault, key_ring, open_record};
use super::serve::{Listener, bind, local};
use super::sources::{SourceDesk, SourceListener};
use super::voices::renderer;
use crate::config::{Loaded, ReceiverSettings, Settings};
use crate::console::{ApiKeys, County, KnownKeys, Outline, Tiles, health};
use crate::decide::InForce;
use crate::deliver::KeyRing;
use crate::model::{Network, Policy, Station, WindowKept};
use crate::record::WindowStore;
use crate::render::Renderer;
use crate::tls;
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// All of it.
pub(super) struct Ground {
    pub(super) settings: Settings,
    pub(super) network: Network,
    pub(super) policy: Policy,
    pub(super) stations: Vec<Station>,
    /// What the windows of stations held, when there are stations.
    pub(super) windows: Option<anyhow::Result<(WindowStore, Vec<WindowKept>)>>,
    /// Password in questions to stations that were not heard yet.
    pub(super) ask_password: u16,
    /// Where stations connect.
    pub(super) telemetry: Option<TcpListener>,
    pub(super) keys: Arc<KeyRing>,
    pub(super) api_keys: ApiKeys,
    pub(super) metrics: Arc<Metrics>,
    pub(super) status: Plane,
    pub(super) record: OpenRecord,
    pub(super) renderer: Arc<Renderer>,
    pub(super) phrases: Arc<PhraseBook>,
    pub(super) sources: Arc<SourceDesk>,
    /// Where sources publish.
    pub(super) source_listener: Option<SourceListener>,
    pub(super) receivers: ReceiverSettings,
    pub(super) http: Listener,
    /// Where that listens.
    pub(super) http_local: SocketAddr,
    pub(super) clips: TcpListener,
    /// The upper platform, when there is one.
    pub(super) platform: Option<PlatformGround>,
}

impl Ground {
    /// Takes it, and waits for the replay.
    ///
    /// # Errors
    /// A [`StartFault`] that names what could not be had, why, and what to do.
    pub(super) async fn take(loaded: Loaded) -> Result<Self, StartFault> {
        let Loaded { config: settings, network, policy, sources, receivers, stations, .. } = loaded;
        let keys = Arc::new(key_ring(&settings.keys).map_err(fault(77))?);
        let api_keys = ApiKeys::load(&settings.keys.api_keys_file).map_err(fault(78))?;
        let metrics = Arc::new(Metrics::default());
        let https = https(&settings, &metrics).map_err(fault(78))?;
        let listener = bind("status.listen", settings.status.listen).map_err(fault(69))?;
        let router = health::router(Arc::clone(&metrics));
        let status = Plane::start("status", listener, router, STATUS_CONNECTIONS_MAX);
        let status = status.map_err(fault(75))?;
        metrics.health.enter(Life::Replaying);
        let at = settings.clone();
        // On a thread of its own, so that a signal ends a long replay at once.
        let opened = tokio::task::spawn_blocking(move || {
            let record = open_record(&at)?;
            // Under the record's lock: nobody else has them open.
            let windows = at.stations.enabled.then(|| WindowStore::open(&at.record.url));
            Ok((record, windows.map(|windows| windows.map_err(anyhow::Error::from))))
        });
        let opened = opened.await.map_err(|source| fault(75)(source.into()))?;
        let (record, windows) = opened.map_err(fault(75))?;
        metrics.health.enter(Life::Starting);
        let renderer = renderer(&settings).map_err(fault(78))?;
        let sources = SourceDesk::open(sources, &record.1).map_err(fault(78))?;
        let sources = Arc::new(sources);
        metrics.watch_sources(Arc::clone(&sources));
        let source_listener = SourceListener::bind(&settings.mqtt, settings.ingest.bytes_max);
        let source_listener = source_listener.context("mqtt.sources_listen").map_err(fault(69))?;
        let phrases = Arc::new(PhraseBook::new(settings.serial.phrases.clone()));
        let http = bind("http.listen", settings.http.listen).map_err(fault(69))?;
        let http_local = local(&http).map_err(fault(69))?;
        let http = Listener::with_tls(http, https);
        let clips =
            bind("http.terminal_listen", settings.http.terminal_listen).map_err(fault(69))?;
        let telemetry = settings.stations.listen.filter(|_| settings.stations.enabled);
        let telemetry = telemetry.map(|listen| bind("stations.listen", listen)).transpose();
        let telemetry = telemetry.map_err(fault(69))?;
        let ask_password = settings.stations.ask_password().map_err(fault(78))?;
        let platform = PlatformGround::take(&settings).map_err(fault(78))?;
        let ground = Self {
            settings,
            network,
            policy,
            stations,
            windows,
            ask_password,
            telemetry,
            keys,
            api_keys,
            metrics,
            status,
            record,
            renderer,
            phrases,
            sources,
            source_listener,
            receivers,
            http,
            http_local,
            clips,
            platform,
        };
        ground.tell_disagreements();
        Ok(ground)
    }

    /// The audit's desk and what follows the record for it.
    ///
    /// # Errors
    /// When the projection can't be opened.
    pub(super) fn audit(&self) -> anyhow::Result<(AuditDesk, Follower)> {
        let Self { settings, network, keys, .. } = self;
        let first = network.served.first().and_then(|served| network.areas.get(served));
        let county = settings.report.county.clone().or_else(|| first.map(|area| area.name.clone()));
        let letterhead = Letterhead {
            county: county.unwrap_or_default(),
            font_file: settings.report.font_file.clone(),
        };
        AuditDesk::open(&settings.record.url, keys.public_key(), letterhead).context("the audit")
    }

    /// Keys of the file, and those of the record that are not revoked.
    pub(super) fn known_keys(&self) -> KnownKeys {
        let made = self.record.1.api_keys.values().filter(|known| known.revoked.is_none());
        KnownKeys::new(self.api_keys.clone(), made.map(|known| known.key.clone()))
    }

    /// The policy of the file with the changes of people over it.
    pub(super) fn in_force(&self) -> InForce {
        self.record.1.policy.over(&self.policy, &self.network)
    }

    /// Says in the log and by an alarm where file and people do not agree.
    fn tell_disagreements(&self) {
        for notice in self.in_force().notices {
            self.metrics.alarm("policy_disagrees");
            tracing::warn!(part = %notice.part, "{}", notice.zh());
        }
    }

    /// What the pages tell of the county.
    ///
    /// # Errors
    /// When the file of the map is there and can't be read.
    pub(super) fn county(&self) -> anyhow::Result<County> {
        let http = &self.settings.http;
        let outline = match &http.map_file {
            Some(file) => Outline::read(file).context("the map, `map_file` of [http]")?,
            None => Outline::default(),
        };
        let tiles = http.map_tiles_url.as_ref().map(|url| Tiles::parse(url, &http.map_tiles_grid));
        let tiles = tiles.transpose().context("`map_tiles_url` of [http]")?;
        let outline = outline.with_tiles(tiles);
        let render = &self.settings.render;
        let audio_dirs = [render.recordings_dir.clone(), render.audio_dir.clone()];
        Ok(County::of(&self.network, &self.policy, http.hosts.clone(), outline, audio_dirs))
    }
}

/// TLS for console and API, when there is a certificate; its end is watched from now on.
fn https(settings: &Settings, metrics: &Metrics) -> anyhow::Result<Option<TlsAcceptor>> {
    let Some((certificate, key)) = settings.http.tls() else { return Ok(None) };
    let server = tls::server(certificate, key)?;
    let (_, until) = tls::valid(certificate)?;
    metrics.watch_certificate(until);
    Ok(Some(TlsAcceptor::from(server)))
}
