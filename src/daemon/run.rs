//! Start and stop. Start: keys → record and replay → renderer → broker → core → HTTP → folder.
//! Stop: no more inputs → finish commits → close the link. A kill is as safe as a stop.

use super::core::{CoreHandle, CoreLoop, core_queue};
use super::folder::Folder;
use super::link::Links;
use super::metrics::Metrics;
use super::perform::{OUTGOING_MAX, Performer, Seen, WATCH_LAG_MAX};
use super::render::RenderQueue;
use super::{clips, link, replay};
use crate::clock;
use crate::config::{Loaded, MqttMode, Settings};
use crate::console::{self, ApiKeys, Console};
use crate::decide::Rules;
use crate::deliver::{
    Broker, BrokerConfig, KeyRing, Link, LinkInput, Mqtt, MqttConfig, Pace, Presence,
    TerminalAccess, link_inputs,
};
use crate::gateway::{Gateway, State};
use crate::model::{AreaCode, Network, Policy, Sha256};
use crate::record::entry::Entry;
use crate::record::{self, NewRow};
use crate::render::{RenderConfig, Renderer};
use crate::secrets;
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};

/// How often the core is woken.
const WAKE_EVERY: Duration = Duration::from_millis(250);
/// How long a stop may take, seconds.
const STOP_S_MAX: u64 = 10;
/// Sockets beyond the registered terminals.
const SPARE_CONNECTIONS: usize = 1_000;

/// Why the daemon did not start, with the exit code that tells the class of fault.
#[derive(Debug)]
pub struct StartFault {
    /// Exit code: 69 unavailable, 75 try again, 77 permission, 78 configuration.
    pub exit: u8,
    /// What and what to do.
    pub fault: anyhow::Error,
}

impl core::fmt::Display for StartFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#}", self.fault)
    }
}

impl std::error::Error for StartFault {}

fn fault(exit: u8) -> impl Fn(anyhow::Error) -> StartFault {
    move |fault| StartFault { exit, fault }
}

/// The running daemon.
pub struct Daemon {
    /// The way to the core.
    pub core: CoreHandle,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The keys in use.
    pub keys: Arc<KeyRing>,
    /// Where the API listens.
    pub http: SocketAddr,
    /// Where terminals fetch audio.
    pub clips: SocketAddr,
    /// Where the embedded broker listens.
    pub broker: Option<SocketAddr>,
    link: Arc<Links>,
    render: RenderQueue,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    core_thread: Option<std::thread::JoinHandle<Result<(), record::JournalError>>>,
}

impl Daemon {
    /// Starts everything.
    ///
    /// # Errors
    /// A [`StartFault`]; nothing sounds and the record is unchanged.
    pub async fn start(loaded: Loaded) -> Result<Self, StartFault> {
        let Loaded { config: settings, network, policy, .. } = loaded;
        let keys = Arc::new(key_ring(&settings).map_err(fault(77))?);
        let api_keys = ApiKeys::load(&settings.keys.api_keys_file).map_err(fault(78))?;
        let (mut journal, state, snapshot_seq) = open_record(&settings).map_err(fault(75))?;
        let started = started_row(&network, &policy).map_err(fault(70))?;
        journal.append(&[started], &[]).map_err(|source| fault(75)(source.into()))?;
        let renderer = renderer(&settings).map_err(fault(78))?;
        let metrics = Arc::new(Metrics::default());
        let (core, inputs) = core_queue();
        let (link, link_in) =
            start_link(&settings, &keys, &network, &renderer).await.map_err(fault(69))?;
        let broker = link.mqtt.local_addr();
        let (watchers, _) = broadcast::channel::<Seen>(WATCH_LAG_MAX);
        let (outgoing, outgoing_in) = mpsc::channel(OUTGOING_MAX);
        let render = RenderQueue::default();
        let performer = Performer::new(
            Arc::clone(&keys),
            settings.mqtt.prefix.clone(),
            outgoing,
            render.clone(),
            Arc::clone(&metrics),
            watchers.clone(),
        );
        let served = network.served.clone();
        let gateway = Gateway::open(Rules::new(network, policy), pace(&settings), state);
        let core_loop = CoreLoop {
            gateway,
            journal,
            performer,
            snapshot_seq,
            snapshot_every_rows: u64::from(settings.record.snapshot_every_rows),
        };
        let core_thread = std::thread::Builder::new()
            .name("core".into())
            .spawn(move || core_loop.run(inputs))
            .map_err(|source| fault(75)(source.into()))?;
        render
            .start(&renderer, &core, u64::from(settings.render.deadline_s_max) * 1000)
            .map_err(|source| fault(75)(source.into()))?;
        let mut tasks = vec![
            tokio::spawn(link::pump_out(Arc::clone(&link), outgoing_in, core.clone())),
            tokio::spawn(link::pump_in(
                link_in,
                Arc::clone(&keys),
                settings.mqtt.prefix.clone(),
                core.clone(),
                Arc::clone(&metrics),
            )),
            tokio::spawn(wake(core.clone(), Arc::clone(&metrics))),
        ];
        let console = Console {
            core: core.clone(),
            keys: Arc::new(api_keys),
            metrics: Arc::clone(&metrics),
            watchers,
            record_url: settings.record.url.clone().into(),
            alert_bytes_max: usize::try_from(settings.ingest.bytes_max).unwrap_or(usize::MAX),
            answered: Arc::default(),
        };
        let (api, audio) = (console::router(console), clips::router(renderer.clips()));
        let listen = &settings.http;
        let http = serve(listen.listen, api, &mut tasks).await.map_err(fault(69))?;
        let clips = serve(listen.terminal_listen, audio, &mut tasks).await.map_err(fault(69))?;
        if let Some(folder) = open_folder(&settings, served, &core).map_err(fault(78))? {
            tasks.push(tokio::spawn(folder.watch()));
        }
        let core_thread = Some(core_thread);
        Ok(Self { core, metrics, keys, http, clips, broker, link, render, tasks, core_thread })
    }

    /// Whether the core has ended by itself, which ends the process.
    #[must_use]
    pub fn core_ended(&self) -> bool {
        self.core_thread.as_ref().is_none_or(std::thread::JoinHandle::is_finished)
    }

    /// Stops in order.
    ///
    /// # Errors
    /// When the last commit failed.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let limit = Duration::from_secs(STOP_S_MAX);
        if tokio::time::timeout(limit, self.core.stop()).await.is_err() {
            tracing::error!("the core did not finish within {STOP_S_MAX} s; a restart replays");
        }
        self.render.close();
        self.link.mqtt.close().await;
        self.link.lines.close();
        for task in &self.tasks {
            task.abort();
        }
        match self.core_thread.take().map(std::thread::JoinHandle::join) {
            Some(Ok(result)) => result.context("the last commit of the record"),
            Some(Err(_)) => anyhow::bail!("the core panicked; a restart replays"),
            None => Ok(()),
        }
    }
}

fn open_folder(
    settings: &Settings,
    served: Vec<AreaCode>,
    core: &CoreHandle,
) -> anyhow::Result<Option<Folder>> {
    let Some(path) = settings.ingest.folder.clone() else { return Ok(None) };
    let bytes_max = u64::from(settings.ingest.bytes_max);
    let folder =
        Folder::open(path, settings.ingest.folder_settle_s, bytes_max, core.clone(), served);
    folder.context("the watched folder").map(Some)
}

/// The row that says which version with which configuration runs from now on.
fn started_row(network: &Network, policy: &Policy) -> anyhow::Result<NewRow> {
    let configuration = Sha256::of(format!("{policy:?}{network:?}").as_bytes());
    let started = Entry::Started { version: env!("CARGO_PKG_VERSION").into(), configuration };
    let body = started.to_body()?;
    Ok(NewRow { at: clock::now_utc(), kind: started.kind().to_owned(), body })
}

fn key_ring(settings: &Settings) -> anyhow::Result<KeyRing> {
    let seed = secrets::read_key(&settings.keys.signing_key_file)?;
    let master = secrets::read_key(&settings.keys.terminal_master_key_file)?;
    Ok(KeyRing::new(&seed, master))
}

type OpenRecord = (Box<dyn record::Journal>, State, u64);

fn open_record(settings: &Settings) -> anyhow::Result<OpenRecord> {
    let ballast_bytes = u64::from(settings.record.ballast_mib) * 1024 * 1024;
    let mut journal = record::open_with_ballast(&settings.record.url, ballast_bytes)?;
    journal.sign_with(&secrets::read_key(&settings.keys.signing_key_file)?);
    let stopwatch = clock::Monotonic::start();
    let (state, snapshot_seq) = replay(journal.as_mut())?;
    tracing::info!(
        rows = journal.head().0,
        snapshot_seq,
        replay_ms = stopwatch.elapsed_ms(),
        "record open"
    );
    Ok((journal, state, snapshot_seq))
}

fn renderer(settings: &Settings) -> anyhow::Result<Arc<Renderer>> {
    let render = &settings.render;
    let mut config = RenderConfig::new(render.audio_dir.clone(), render.clip_dir.clone());
    config.voices_dir = Some(render.voices_dir.clone());
    config.phrases = Some(settings.dir.join("phrases.toml")).filter(|file| file.exists());
    config.default_voice.clone_from(&render.default_voice);
    config.speech_threads = usize::from(render.threads);
    Ok(Arc::new(Renderer::new(config).context("the renderer")?))
}

fn pace(settings: &Settings) -> Pace {
    Pace {
        acknowledge_wait_s: settings.deliver.acknowledge_wait_s,
        retry_wait_s_min: settings.deliver.retry_wait_s_min,
        retry_wait_s_max: settings.deliver.retry_wait_s_max,
        repair_orders_per_s_max: settings.deliver.repair_orders_per_s_max,
        failover_wait_s: settings.serial.failover_wait_s,
    }
}

async fn start_link(
    settings: &Settings,
    keys: &Arc<KeyRing>,
    network: &Network,
    renderer: &Renderer,
) -> anyhow::Result<(Arc<Links>, mpsc::Receiver<LinkInput>)> {
    let (sender, receiver) = link_inputs();
    let lines = super::lines::start(settings, network, renderer, sender.clone());
    let mqtt = &settings.mqtt;
    let mqtt_link = match mqtt.mode {
        MqttMode::Embedded => {
            let tls = mqtt.tls_certificate_file.clone().zip(mqtt.tls_key_file.clone());
            let connections_max = network.terminals.len() + SPARE_CONNECTIONS;
            let config = BrokerConfig { listen: mqtt.listen, tls, connections_max };
            let access = TerminalAccess::new(Arc::clone(keys), mqtt.prefix.clone(), network);
            Link::Embedded(Broker::start(config, Arc::new(access), sender).await?)
        }
        MqttMode::External => {
            let (host, port, tls) = broker_address(&mqtt.url)?;
            let login = match (&mqtt.user, &mqtt.password_file) {
                (Some(user), Some(file)) => {
                    let password = std::fs::read_to_string(file)
                        .with_context(|| format!("reading {}", file.display()))?;
                    Some((user.clone(), password.trim().to_owned()))
                }
                _ => None,
            };
            anyhow::ensure!(
                !tls || mqtt.tls_ca_file.is_some(),
                "mqtts:// needs mqtt.tls_ca_file, the CA certificate of the broker"
            );
            let config = MqttConfig {
                host,
                port,
                client_id: "mingluo-gateway".into(),
                login,
                ca_file: mqtt.tls_ca_file.clone().filter(|_| tls),
                prefix: mqtt.prefix.clone(),
            };
            Link::External(Mqtt::start(&config, sender)?)
        }
    };
    let links = Arc::new(Links { mqtt: mqtt_link, lines });
    let (prefix, served) = (mqtt.prefix.clone(), network.served.clone());
    // Ends by itself without lines, and with the runtime otherwise.
    tokio::spawn(super::lines::tell_time(Arc::clone(&links), Arc::clone(keys), prefix, served));
    Ok((links, receiver))
}

/// Host, port and TLS of `mqtt://host:port` or `mqtts://host:port`.
fn broker_address(url: &str) -> anyhow::Result<(String, u16, bool)> {
    let (rest, tls) = match (url.strip_prefix("mqtt://"), url.strip_prefix("mqtts://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => {
            anyhow::bail!("mqtt.url: expected mqtt://host:port or mqtts://host:port, got `{url}`")
        }
    };
    let rest = rest.trim_end_matches('/');
    match rest.rsplit_once(':') {
        Some((host, port)) => Ok((host.to_owned(), port.parse().context("mqtt.url: port")?, tls)),
        None => Ok((rest.to_owned(), if tls { 8883 } else { 1883 }, tls)),
    }
}

async fn serve(
    listen: SocketAddr,
    router: axum::Router,
    tasks: &mut Vec<tokio::task::JoinHandle<()>>,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("can't listen on {listen}; is another gateway running?"))?;
    let local = listener.local_addr()?;
    tasks.push(tokio::spawn(async move {
        if let Err(fault) = axum::serve(listener, router).await {
            tracing::error!(%fault, "HTTP ended");
        }
    }));
    Ok(local)
}

/// Wakes the core and looks whether it turns.
async fn wake(core: CoreHandle, metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(WAKE_EVERY);
    loop {
        ticks.tick().await;
        core.wake();
        let turned = core
            .look(|gateway| {
                let terminals = gateway.rules().network.terminals.keys();
                terminals.filter(|id| gateway.presence(**id) == Presence::Online).count()
            })
            .await;
        match turned {
            Ok(n_online) => metrics.core_turned(clock::now_utc().0, n_online, core.n_waiting()),
            Err(_) => return,
        }
    }
}
