//! `mingluo demo`: the whole chain on one machine: embedded broker, the county's simulated
//! terminals, a rainstorm alert in the national form, and a ledger that proves itself.

pub(super) mod alert;
mod calls;
mod serial;
mod show;

use super::client::Client;
use super::terminals::MisbehaviourArgs;
use super::{EXIT_FAILED, EXIT_NOT_ALL};
use crate::clock;
use crate::config::{Config, Loaded, Settings};
use crate::console::ApiKeys;
use crate::daemon::Daemon;
use crate::gateway::{Counts, Phase};
use crate::model::{BroadcastId, Network, Role, UtcMs};
use crate::secrets;
use crate::simulate::{ClipSource, Fetching, Fleet, FleetConfig, FleetTerminal};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for the terminals to connect, seconds.
const CONNECT_S_MAX: u64 = 60;

/// Arguments of `mingluo demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Configuration directory
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    config: PathBuf,
    /// Where ledger, audio and keys of the demo go; must be new or an earlier demo's
    #[arg(long, value_name = "DIR", default_value = "var/demo")]
    dir: PathBuf,
    /// Alert to send instead of the built-in rainstorm (times in it must be of today)
    #[arg(long, value_name = "FILE")]
    alert: Option<PathBuf>,
    /// Longest wait for the neural voice, seconds; then the recorded warning speaks
    #[arg(long, default_value_t = 8)]
    voice_wait_s: u32,
    /// Sound runs this many times faster than real time
    #[arg(long, default_value_t = 10)]
    time_scale: u32,
    /// Longest wait for the terminals, seconds
    #[arg(long, default_value_t = 240)]
    wait_s: u64,
    /// Exit with the true code: 0 all played, 2 sent but not all, 1 failed
    #[arg(long)]
    once: bool,
    /// What the built-in alert warns of: rainstorm (orange), or flash-flood (red), which calls responsible
    /// persons 叫应, with a receiver of messages and telephones on this machine
    #[arg(long, value_enum, default_value_t = Hazard::Rainstorm, conflicts_with = "alert")]
    hazard: Hazard,
    /// A mixed county: two serial lines of 32 terminals beside the network
    #[arg(long)]
    serial: bool,
    /// Print one JSON object for machines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    odd: MisbehaviourArgs,
}

/// What the built-in alert warns of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Hazard {
    /// Orange rainstorm.
    Rainstorm,
    /// Red flash flood.
    FlashFlood,
}

impl Hazard {
    fn alert(self, now: UtcMs) -> String {
        match self {
            Self::Rainstorm => alert::rainstorm_orange(now),
            Self::FlashFlood => alert::flash_flood_red(now),
        }
    }
}

/// What the demo found out.
struct Finding {
    broadcast: BroadcastId,
    counts: Counts,
    n_connected: usize,
    n_offline: usize,
    view: serde_json::Value,
    slowest: Vec<(String, i64)>,
    double: Vec<u64>,
    unproven: Vec<u64>,
    verified: crate::record::Verification,
    clip: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// When anything does not start; the message says what to do.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<u8> {
    super::start_log(false, "warn");
    let (loaded, phones) = prepare(args)?;
    super::runtime()?.block_on(Box::pin(demo(args, loaded, phones)))
}

/// The configuration with everything that is written moved into the demo's folder.
fn prepare(args: &DemoArgs) -> anyhow::Result<(Loaded, Option<calls::Phones>)> {
    let dir = std::path::absolute(&args.dir)?;
    let marker = dir.join("mingluo-demo");
    if dir.exists() {
        if !marker.exists() {
            bail!("{} exists and is no earlier demo; name another --dir", dir.display());
        }
        std::fs::remove_dir_all(&dir).with_context(|| format!("clearing {}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    std::fs::write(&marker, "this folder belongs to `mingluo demo` and is cleared by it\n")?;
    let text = |path: &Path| path.display().to_string();
    let mut overrides: BTreeMap<String, String> = [
        ("http.listen", "127.0.0.1:0".to_owned()),
        ("http.terminal_listen", "127.0.0.1:0".to_owned()),
        ("status.listen", "127.0.0.1:0".to_owned()),
        ("mqtt.mode", "embedded".to_owned()),
        ("mqtt.listen", "127.0.0.1:0".to_owned()),
        ("record.url", format!("sqlite:{}", text(&dir.join("record.db")))),
        ("render.deadline_s_max", args.voice_wait_s.to_string()),
        ("render.red_deadline_s_max", args.voice_wait_s.to_string()),
        ("render.clip_dir", text(&dir.join("clips"))),
        ("keys.signing_key_file", text(&dir.join("signing.key"))),
        ("keys.terminal_master_key_file", text(&dir.join("terminals.key"))),
        ("keys.api_keys_file", text(&dir.join("api-keys.toml"))),
        ("keys.accounts_file", text(&dir.join("accounts.toml"))),
        ("ingest.folder", text(&dir.join("alerts"))),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let calls = args.hazard == Hazard::FlashFlood;
    let phones = calls.then(|| calls::Phones::bind(&dir, &mut overrides)).transpose()?;
    let mut loaded = Config::load_with(&args.config, &overrides).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the configuration has faults:\n{}", lines.join("\n"))
    })?;
    if args.serial {
        serial::mixed(&mut loaded, &dir);
    }
    secrets::create_key(&loaded.config.keys.signing_key_file)?;
    secrets::create_key(&loaded.config.keys.terminal_master_key_file)?;
    Ok((loaded, phones))
}

/// API keys of the people in the demo.
struct People {
    source: String,
    officers: [String; 2],
}

impl People {
    fn create(settings: &Settings, network: &Network) -> anyhow::Result<Self> {
        let mut keys = ApiKeys::default();
        let mut key = |name, role| keys.create(name, role, network.served.clone());
        let source = key("演示气象台", Role::Source)?;
        let officers = [key("演示值班员", Role::Officer)?, key("演示带班领导", Role::Leader)?];
        keys.save(&settings.keys.api_keys_file)?;
        Ok(Self { source, officers })
    }
}

/// Simulated terminals for all that are registered.
fn start_fleet(
    args: &DemoArgs,
    settings: &Settings,
    network: &Network,
    daemon: &Daemon,
) -> anyhow::Result<Fleet> {
    let fleet = FleetConfig {
        broker: daemon.broker.context("the demo needs the embedded broker")?,
        prefix: settings.mqtt.prefix.clone(),
        master: secrets::read_key(&settings.keys.terminal_master_key_file)?,
        gateway_key: daemon.keys.gateway_key(),
        key_id: daemon.keys.key_id(),
        clips: ClipSource::new(format!("http://{}/clips", daemon.clips), Fetching::Each),
        time_scale: args.time_scale,
        connects_per_s: 2_000,
        misbehaviour: args.odd.into(),
    };
    let terminals = network.terminals.values().filter(|known| !serial::on_line(settings, known.id));
    let terminals = terminals.map(FleetTerminal::of).collect();
    Fleet::start(fleet, terminals).map_err(|fault| anyhow::anyhow!("{fault}"))
}

async fn demo(
    args: &DemoArgs,
    loaded: Loaded,
    phones: Option<calls::Phones>,
) -> anyhow::Result<u8> {
    let settings = loaded.config.clone();
    let network = loaded.network.clone();
    let people = People::create(&settings, &network)?;
    let mut show = show::Show::new(args.json);
    let lines = serial::start(&settings, &network, args.time_scale)?;
    let n_lines = serial::count(&settings);
    let daemon = Daemon::start(loaded).await?;
    let public_key = daemon.keys.public_key();
    let n_terminals = network.terminals.len();
    let fleet = start_fleet(args, &settings, &network, &daemon)?;
    let n_connected = fleet.connected(CONNECT_S_MAX).await;
    let url = welcome(args, &daemon, (n_connected, n_terminals), &mut show);
    let sent = match &phones {
        None => send(args, &url, &people, &mut show).await,
        Some(phones) => called(args, &daemon, (&url, &people), phones, &mut show).await,
    };
    let broadcast = match sent {
        Ok(broadcast) => broadcast,
        Err(fault) => {
            fleet.stop().await;
            daemon.stop().await?;
            return Err(fault);
        }
    };
    let n_expected = fleet.n_connecting + n_lines;
    watch(args, &daemon, n_expected, broadcast, &mut show).await?;
    let view = daemon
        .core
        .look(move |gateway| {
            let state = gateway.state().broadcasts.get(&broadcast)?;
            Some((crate::console::broadcast_view(gateway, state), state.clone()))
        })
        .await?;
    let (view, state) = view.context("the broadcast is gone")?;
    let mut tally = fleet.stats.tally_of(broadcast.0);
    let n_offline = n_terminals.saturating_sub(n_expected);
    fleet.stop().await;
    daemon.stop().await?;
    serial::finish(lines, &settings, &state, &mut tally, &mut show).await;
    let store = crate::record::open_read_only(&settings.record.url)?;
    let repeats = u32::from(state.broadcast.repeats());
    let played = |id: &u64| tally.sounded.get(id).copied().unwrap_or(0);
    let claimed = state
        .deliveries
        .iter()
        .filter(|(_, delivery)| delivery.outcome == crate::model::Outcome::Played);
    let lying = args.odd.lying > 0;
    let finding = Finding {
        broadcast,
        counts: state.counts(),
        n_connected,
        n_offline,
        slowest: slowest(&state),
        double: tally.sounded.iter().filter(|(_, n)| **n > repeats).map(|(id, _)| *id).collect(),
        unproven: claimed
            .map(|(id, _)| id.number())
            .filter(|id| !lying && played(id) < repeats)
            .collect(),
        verified: store
            .verify(&crate::record::Trust { keys: vec![public_key], ..Default::default() })?,
        clip: state.clips.first().map(|clip| clip_path(&settings.render.clip_dir, clip)),
        view,
    };
    show.finish(&finding, &settings);
    Ok(exit_code(args, &finding))
}

fn exit_code(args: &DemoArgs, finding: &Finding) -> u8 {
    let broken =
        finding.verified.n_faults > 0 || !finding.double.is_empty() || !finding.unproven.is_empty();
    match finding.counts {
        _ if broken => EXIT_FAILED,
        counts if args.once && counts.played < counts.targeted => EXIT_NOT_ALL,
        _ => 0,
    }
}

/// Says that it runs, and where; gives the address of the console.
fn welcome(
    args: &DemoArgs,
    daemon: &Daemon,
    (n_connected, n_terminals): (usize, usize),
    show: &mut show::Show,
) -> String {
    let url = format!("http://{}", daemon.http);
    show.line(&format!("网关就绪，{n_connected} / {n_terminals} 个终端在线 (API {url})"));
    if let Some(setup) = daemon.setup.as_ref().filter(|_| !args.once) {
        show.line(&format!("控制台 console, one-time link 一次性链接: {url}{setup}"));
    }
    url
}

/// Sends an alert that calls persons, and lets their telephones answer.
async fn called(
    args: &DemoArgs,
    daemon: &Daemon,
    (url, people): (&str, &People),
    phones: &calls::Phones,
    show: &mut show::Show,
) -> anyhow::Result<BroadcastId> {
    phones.serve()?;
    let broadcast = send(args, url, people, show).await?;
    phones.answer(daemon, broadcast, show).await?;
    Ok(broadcast)
}

/// Sends the alert and approves its plan when it needs people.
async fn send(
    args: &DemoArgs,
    url: &str,
    people: &People,
    show: &mut show::Show,
) -> anyhow::Result<BroadcastId> {
    let bytes = match &args.alert {
        Some(file) => std::fs::read(file).with_context(|| format!("reading {}", file.display()))?,
        None => args.hazard.alert(clock::now_utc()).into_bytes(),
    };
    let client = Client::new(url, &people.source);
    let answer = client.post_bytes("/alerts", "application/xml", bytes).await?;
    show.answer(&answer);
    let mut broadcast = first(&answer, "broadcasts").map(BroadcastId);
    if let (None, Some(plan)) = (broadcast, first(&answer, "plans")) {
        broadcast = approve(url, &people.officers, plan, show).await?;
    }
    broadcast.with_context(|| format!("the alert started no broadcast: {answer}"))
}

/// First number of a list in an answer; counters travel as text.
fn first(answer: &serde_json::Value, list: &str) -> Option<u64> {
    answer.get(list)?.get(0)?.as_str()?.parse().ok()
}

/// Signs as the demo's officers do, one after the other, until the plan has what it needs.
async fn approve(
    url: &str,
    keys: &[String],
    plan: u64,
    show: &mut show::Show,
) -> anyhow::Result<Option<BroadcastId>> {
    for key in keys {
        let answer = Client::new(url, key)
            .post(&format!("/broadcasts/{plan}/approve"), &serde_json::json!({}))
            .await?;
        show.line(&format!("演示值守人员审批：{answer}"));
        let started = answer.get("broadcast").and_then(|id| id.as_str());
        if let Some(id) = started.and_then(|id| id.parse().ok()) {
            return Ok(Some(BroadcastId(id)));
        }
    }
    Ok(None)
}

fn clip_path(dir: &Path, clip: &crate::model::ClipRef) -> PathBuf {
    let name = clip.sha256.to_string();
    let folder = name.get(..2).unwrap_or("00").to_owned();
    dir.join(folder).join(format!("{name}.{}", crate::render::encode::extension(clip.codec)))
}

/// Shows progress until everyone who is connected has ended, or time is up.
async fn watch(
    args: &DemoArgs,
    daemon: &Daemon,
    n_expected: usize,
    broadcast: BroadcastId,
    show: &mut show::Show,
) -> anyhow::Result<()> {
    let watch = clock::Monotonic::start();
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    while watch.elapsed() < Duration::from_secs(args.wait_s) {
        ticks.tick().await;
        let now = daemon
            .core
            .look(move |gateway| {
                let state = gateway.state().broadcasts.get(&broadcast)?;
                let n_ended = state.deliveries.values().filter(|d| d.is_ended()).count();
                Some((state.counts(), state.phase, n_ended))
            })
            .await?;
        let Some((counts, phase, n_ended)) = now else { bail!("the broadcast is gone") };
        show.progress(watch.elapsed(), &counts, phase);
        if phase == Phase::Ended || n_ended >= n_expected {
            break;
        }
    }
    show.progress_end();
    Ok(())
}

/// The terminals that took longest from start to played, as they say themselves.
fn slowest(state: &crate::gateway::BroadcastState) -> Vec<(String, i64)> {
    let mut all: Vec<(String, i64)> = state
        .deliveries
        .iter()
        .filter_map(|(id, delivery)| {
            let ms = delivery.evidence.received_at?.since_ms(state.started_at);
            Some((id.to_string(), ms))
        })
        .collect();
    all.sort_by_key(|(_, ms)| -ms);
    all.truncate(5);
    all
}
