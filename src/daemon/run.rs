//! Start and stop. Start: keys → status plane → record and replay → renderer → all addresses →
//! broker → threads → served. Stop: no more inputs → finish commits → close the link, within a
//! limit. A kill is as safe as a stop.

use super::audit::Follower;
use super::core::{CoreHandle, CoreLoop, CoreMessage, core_queue};
use super::external::external_broker;
use super::folder::Folder;
use super::ground::Ground;
use super::health::Life;
use super::link::Links;
use super::metrics::Metrics;
use super::perform::{Followers, OUTGOING_MAX, Performer, Seen, WATCH_LAG_MAX};
use super::pins::Pins;
use super::plane::Plane;
use super::platform::Exchange;
use super::render::RenderQueue;
use super::serve::serve;
use super::voices::deadlines;
use super::{call, clips, desks, link, receivers, replay, sources, stations};
use crate::clock;
use crate::config::{KeySettings, Loaded, MqttMode, OrderAlgorithm, Settings};
use crate::console::{self, People};
use crate::decide::{PlatformRules, Rules};
use crate::deliver::{
    Broker, BrokerConfig, KeyRing, Link, LinkInput, Mqtt, Pace, TerminalAccess, link_inputs,
};
use crate::gateway::{CallKey, Gateway, State};
use crate::model::{AreaCode, Network, Policy, Sha256};
use crate::record::entry::Entry;
use crate::record::{self, NewRow};
use crate::render::Renderer;
use crate::secrets;
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

/// How often the core is woken.
const WAKE_EVERY: Duration = Duration::from_millis(250);
/// How long a stop may take, seconds; then the process ends as if it had been killed.
const STOP_S_MAX: u64 = 10;
/// The part of it in which requests and files under way may finish, seconds.
const INTAKE_S_MAX: u64 = 3;
/// The part of it in which orders on their way may reach the link, seconds.
const LINK_S_MAX: u64 = 2;
/// The part of it in which the audit may end the batch of rows it is at, seconds.
const FOLLOWER_S_MAX: u64 = 2;
/// How often a stop looks whether a thread has ended, milliseconds.
const JOIN_LOOK_MS: u64 = 20;
/// Connections of the API at the same time; more wait in the system's backlog.
const API_CONNECTIONS_MAX: usize = 1_024;
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

pub(super) fn fault(exit: u8) -> impl Fn(anyhow::Error) -> StartFault {
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
    /// Where health and metrics answer.
    pub status: SocketAddr,
    /// Where the embedded broker listens.
    pub broker: Option<SocketAddr>,
    /// Where packages of the upper platform are taken.
    pub platform: Option<SocketAddr>,
    /// Path and token of the first start, while nobody has an account.
    pub setup: Option<String>,
    link: Arc<Links>,
    render: RenderQueue,
    /// Tells what takes inputs to end.
    stopping: watch::Sender<bool>,
    /// What takes inputs: the API and the folder.
    intake: Vec<JoinHandle<()>>,
    /// Hands orders to the link; ends when the core has ended and all are handed over.
    pump_out: JoinHandle<()>,
    tasks: Vec<JoinHandle<()>>,
    core_thread: Option<CoreThread>,
    follower: Follower,
    /// Terminals may fetch to the end.
    _audio_plane: Plane,
    /// Goes last: it tells of the stop as well.
    _status_plane: Plane,
}

impl Daemon {
    /// Starts everything: takes all addresses first, and runs nothing before it has them.
    ///
    /// # Errors
    /// A [`StartFault`]; nothing sounds, nothing listens and the record is unchanged.
    pub async fn start(loaded: Loaded) -> Result<Self, StartFault> {
        let ground = Box::pin(Ground::take(loaded)).await?;
        let (core, inputs) = core_queue();
        let (stopping, stop) = watch::channel(false);
        let served = ground.network.served.clone();
        let folder = open_folder(&ground.settings, served, &core, stop.clone());
        let folder = folder.map_err(fault(78))?;
        // The broker binds its own address; nothing but the system's memory can refuse after it.
        let (link, link_in) = start_link(&ground).await.map_err(fault(69))?;
        match Self::run(ground, Arc::clone(&link), link_in, (core, inputs), (stopping, stop)) {
            Ok(mut daemon) => {
                daemon.intake.extend(folder.map(|folder| tokio::spawn(folder.watch())));
                Ok(daemon)
            }
            Err(refused) => {
                link.close().await;
                Err(fault(75)(refused))
            }
        }
    }

    fn run(
        mut ground: Ground,
        link: Arc<Links>,
        link_in: mpsc::Receiver<LinkInput>,
        (core, inputs): (CoreHandle, mpsc::Receiver<CoreMessage>),
        (stopping, stop): (watch::Sender<bool>, watch::Receiver<bool>),
    ) -> anyhow::Result<Self> {
        let http = ground.http_local;
        let started = started_row(&ground.network, &ground.in_force().policy)?;
        ground.record.0.append(&[started], &[])?;
        let (watchers, _) = broadcast::channel::<Seen>(WATCH_LAG_MAX);
        let (outgoing, outgoing_in) = mpsc::channel(OUTGOING_MAX);
        let render = RenderQueue::default();
        render.start(&ground.renderer, &ground.phrases, &core, deadlines(&ground.settings))?;
        let broker = watched(&link.mqtt, &ground.metrics);
        let clip_connections_max = ground.network.terminals.len() + SPARE_CONNECTIONS;
        let (people, setup) = People::open(ground.settings.keys.accounts_file.clone())?;
        let (audit, follower) = ground.audit()?;
        let told = (core.clone(), watchers.clone(), stop.clone());
        let (stations, watching, telemetry) = stations::start(&mut ground, &core, &stop);
        let console = desks::console(&ground, people, audit, told, stations.clone())?;
        let (api_keys, api) = (Arc::clone(&console.keys), console::router(console));
        let audio = clips::router(ground.renderer.clips());
        let followers = followers(&ground, &link, &core, Arc::clone(&api_keys), &stop)?;
        let ways = (api_keys, stations, link.mqtt.facts());
        let sources = sources::start(&mut ground, &core, ways, &stop)?;
        let performer = Performer::new(
            Arc::clone(&ground.keys),
            ground.settings.mqtt.prefix.clone(),
            outgoing,
            render.clone(),
            Arc::clone(&ground.metrics),
            watchers,
            followers,
        );
        let mut exchange = Exchange::start(&mut ground, &core, &stop)?;
        let audio = Plane::start("audio", ground.clips, audio, clip_connections_max)?;
        let (metrics, keys) = (ground.metrics, ground.keys);
        let call_key = keys.call_key().map(CallKey::new);
        let rules = (Rules::new(ground.network, ground.policy), call_key, exchange.rules);
        let core_thread = start_core(ground.record, rules, &ground.settings, performer, inputs)?;
        metrics.health.enter(Life::Running);
        let prefix = ground.settings.mqtt.prefix;
        let pump_in =
            link::pump_in(link_in, Arc::clone(&keys), prefix, core.clone(), Arc::clone(&metrics));
        let mut tasks = vec![
            tokio::spawn(pump_in),
            tokio::spawn(wake(core.clone(), Arc::clone(&metrics))),
            tokio::spawn(beat(Arc::clone(&metrics))),
            tokio::spawn(super::expiry::watch(Arc::clone(&metrics))),
            tokio::spawn(super::expiry::watch_keys(Arc::clone(&metrics))),
        ];
        let pump_out = tokio::spawn(link::pump_out(Arc::clone(&link), outgoing_in, core.clone()));
        tasks.extend(watching);
        let api = tokio::spawn(serve(ground.http, api, API_CONNECTIONS_MAX, stop));
        exchange.tasks.extend(sources.into_iter().chain(telemetry).chain([api]));
        Ok(Self {
            core,
            metrics,
            keys,
            http,
            clips: audio.local,
            status: ground.status.local,
            broker,
            platform: exchange.at,
            setup: setup.map(|token| format!("/console/setup?token={token}")),
            link,
            render,
            stopping,
            intake: exchange.tasks,
            pump_out,
            tasks,
            core_thread: Some(core_thread),
            follower,
            _audio_plane: audio,
            _status_plane: ground.status,
        })
    }

    /// Whether the core has ended by itself, which ends the process.
    #[must_use]
    pub fn core_ended(&self) -> bool {
        self.core_thread.as_ref().is_none_or(std::thread::JoinHandle::is_finished)
    }

    /// Stops in order, within `STOP_S_MAX` seconds.
    ///
    /// # Errors
    /// When the last commit failed or the limit was reached; a restart replays.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.metrics.health.enter(Life::Stopping);
        let limit = Duration::from_secs(STOP_S_MAX);
        let ended = tokio::time::timeout(limit, self.stop_in_order()).await;
        for task in self.tasks.iter().chain(&self.intake) {
            task.abort();
        }
        self.pump_out.abort();
        ended.unwrap_or_else(|_| {
            let why = "a thread is stuck; the process ends all the same, and a restart replays";
            anyhow::bail!("the stop took longer than {STOP_S_MAX} s: {why}")
        })
    }

    async fn stop_in_order(&mut self) -> anyhow::Result<()> {
        // Nothing more comes in; what is under way gets its answer.
        self.stopping.send_replace(true);
        let intake = futures_util::future::join_all(self.intake.iter_mut());
        if tokio::time::timeout(Duration::from_secs(INTAKE_S_MAX), intake).await.is_err() {
            tracing::warn!("requests did not end within {INTAKE_S_MAX} s; they are cut off");
        }
        // It must be gone before the journal is closed, which otherwise stays open for reading.
        self.follower.stop();
        let follower = async {
            while !self.follower.ended() {
                tokio::time::sleep(Duration::from_millis(JOIN_LOOK_MS)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(FOLLOWER_S_MAX), follower).await.is_err() {
            tracing::warn!("the audit did not end in time; what it was at is made again");
        }
        self.core.stop().await;
        self.render.close();
        // The core's end closes the way to the link; orders that are on it still go out.
        let pump_out = &mut self.pump_out;
        if tokio::time::timeout(Duration::from_secs(LINK_S_MAX), pump_out).await.is_err() {
            tracing::warn!("the link did not take all orders; they are repeated after the start");
        }
        self.link.close().await;
        while !self.core_ended() {
            tokio::time::sleep(Duration::from_millis(JOIN_LOOK_MS)).await;
        }
        match self.core_thread.take().map(std::thread::JoinHandle::join) {
            Some(Ok(result)) => result.context("the last commit of the record"),
            Some(Err(_)) => anyhow::bail!("the core panicked; a restart replays"),
            None => Ok(()),
        }
    }
}

/// What takes in entries as they become durable.
fn followers(
    ground: &Ground,
    link: &Links,
    core: &CoreHandle,
    api_keys: Arc<console::KnownKeys>,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<Followers> {
    let Ground { settings, metrics, record, .. } = ground;
    let calls = call::start(&settings.call, core, metrics, stop.clone())?;
    let pins = pins(&record.1, &ground.renderer, metrics);
    let told = receivers::start(&ground.receivers, &record.1, core, metrics, stop)?;
    Ok((pins, calls, api_keys, Arc::clone(&link.access), told))
}

/// Pins the clips of running broadcasts, and tells which of them are gone.
fn pins(state: &State, renderer: &Renderer, metrics: &Metrics) -> Pins {
    let (pins, missing) = Pins::of(state, renderer.clips());
    for broadcast in missing {
        metrics.alarm("clip_missing");
        tracing::error!(%broadcast, "its clip is gone; terminals that lack it can't fetch it");
    }
    pins
}

type CoreThread = std::thread::JoinHandle<Result<(), record::JournalError>>;

fn start_core(
    (journal, state, snapshot_seq): OpenRecord,
    (rules, call_key, platform): (Rules, Option<CallKey>, Option<PlatformRules>),
    settings: &Settings,
    performer: Performer,
    inputs: mpsc::Receiver<CoreMessage>,
) -> std::io::Result<CoreThread> {
    let core_loop = CoreLoop {
        gateway: Gateway::open(rules, pace(settings), state)
            .with_call_key(call_key)
            .with_platform(platform),
        journal,
        performer,
        snapshot_seq,
        snapshot_every_rows: u64::from(settings.record.snapshot_every_rows),
    };
    std::thread::Builder::new().name("core".into()).spawn(move || core_loop.run(inputs))
}

fn open_folder(
    settings: &Settings,
    served: Vec<AreaCode>,
    core: &CoreHandle,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<Option<Folder>> {
    let Some(path) = settings.ingest.folder.clone() else { return Ok(None) };
    let bytes_max = u64::from(settings.ingest.bytes_max);
    let settle_s = settings.ingest.folder_settle_s;
    let folder = Folder::open(path, settle_s, bytes_max, core.clone(), served, stop);
    folder.context("the watched folder").map(Some)
}

/// The row that says which version with which configuration runs from now on.
fn started_row(network: &Network, policy: &Policy) -> anyhow::Result<NewRow> {
    let configuration = Sha256::of(format!("{policy:?}{network:?}").as_bytes());
    let started = Entry::Started { version: env!("CARGO_PKG_VERSION").into(), configuration };
    let body = started.to_body()?;
    Ok(NewRow { at: clock::now_utc(), kind: started.kind().to_owned(), body })
}

/// Reads the gateway's keys from their files.
pub(crate) fn key_ring(files: &KeySettings) -> anyhow::Result<KeyRing> {
    let seed = secrets::read_key(&files.signing_key_file)?;
    let ring = KeyRing::new(&seed, secrets::read_key(&files.terminal_master_key_file)?);
    match files.order_algorithm {
        OrderAlgorithm::Ed25519 => Ok(ring),
        OrderAlgorithm::Sm2 => Ok(ring.with_sm2(secrets::read_sm2_key(&files.sm2_key_file)?)),
    }
}

/// The journal, the state folded from it, and the row of the snapshot it began with.
pub(super) type OpenRecord = (Box<dyn record::Journal>, State, u64);

pub(super) fn open_record(settings: &Settings) -> anyhow::Result<OpenRecord> {
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

fn pace(settings: &Settings) -> Pace {
    Pace {
        acknowledge_wait_s: settings.deliver.acknowledge_wait_s,
        retry_wait_s_min: settings.deliver.retry_wait_s_min,
        retry_wait_s_max: settings.deliver.retry_wait_s_max,
        repair_orders_per_s_max: settings.deliver.repair_orders_per_s_max,
        failover_wait_s: settings.serial.failover_wait_s,
    }
}

async fn start_link(ground: &Ground) -> anyhow::Result<(Arc<Links>, mpsc::Receiver<LinkInput>)> {
    let Ground { settings, keys, network, renderer, .. } = ground;
    let (sender, receiver) = link_inputs();
    let mqtt = &settings.mqtt;
    let mut in_force = network.clone();
    ground.record.1.registry.put_over(&mut in_force);
    let access = TerminalAccess::new(Arc::clone(keys), mqtt.prefix.clone(), &in_force);
    let access = Arc::new(access);
    let for_lines = sender.clone();
    let national = super::national::start(settings, &in_force, sender.clone())?;
    let mqtt_link = start_mqtt(ground, &access, in_force.terminals.len(), sender).await;
    let mqtt_link = mqtt_link.inspect_err(|_| national.close())?;
    // After the broker, which may be refused its address: then no line was touched.
    let lines = super::lines::start(settings, network, renderer, for_lines);
    let links = Arc::new(Links { mqtt: mqtt_link, lines, national, access });
    super::lines::attend(&links, ground);
    Ok((links, receiver))
}

async fn start_mqtt(
    ground: &Ground,
    access: &Arc<TerminalAccess>,
    n_terminals: usize,
    sender: mpsc::Sender<LinkInput>,
) -> anyhow::Result<Link> {
    let Ground { settings, keys, network, .. } = ground;
    let mqtt = &settings.mqtt;
    Ok(match mqtt.mode {
        MqttMode::Embedded => {
            let tls = mqtt.tls_certificate_file.clone().zip(mqtt.tls_key_file.clone());
            let connections_max = n_terminals + SPARE_CONNECTIONS;
            let config = BrokerConfig { listen: mqtt.listen, tls, connections_max };
            Link::Embedded(Broker::start(config, Arc::clone(access) as _, sender).await?)
        }
        MqttMode::External => {
            // Two gateways under one name would end each other's sessions without end.
            let client_id = format!("mingluo-{:08x}", keys.key_id());
            let config = external_broker(mqtt, client_id, network.terminals.len())?;
            Link::External(Mqtt::start(&config, sender)?)
        }
    })
}

/// Shows the link's facts among the metrics; gives where our own broker listens.
fn watched(link: &Link, metrics: &Metrics) -> Option<SocketAddr> {
    metrics.watch_link(link.facts());
    link.local_addr()
}

/// Wakes the core and looks whether it turns.
async fn wake(core: CoreHandle, metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(WAKE_EVERY);
    loop {
        ticks.tick().await;
        core.wake();
        let of_core = Arc::clone(&metrics);
        let turned = core
            .look(move |gateway| {
                // On the core's own thread: this is its heartbeat.
                of_core.health.core_turned();
                gateway.n_online()
            })
            .await;
        match turned {
            Ok(n_online) => metrics.core_said(n_online, core.n_waiting()),
            Err(_) => return,
        }
    }
}

/// The heartbeat of the runtime that serves the API.
async fn beat(metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(WAKE_EVERY);
    loop {
        ticks.tick().await;
        metrics.health.runtime_turned();
    }
}
