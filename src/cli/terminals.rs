//! `mingluo terminals`: the registry, and simulated terminals on a running gateway.

use super::configured::configured;
use super::{national, serial};
use crate::model::LinkKind;
use crate::secrets;
use crate::simulate::{ClipSource, Fetching, Fleet, FleetConfig, FleetTerminal, Misbehaviour};
use crate::simulate::{LineTrouble, SimulatedLines};
use clap::{Args, Subcommand, ValueEnum};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Arguments of `mingluo terminals`.
#[derive(Debug, Args)]
pub struct TerminalsArgs {
    #[command(subcommand)]
    what: What,
    /// Configuration directory
    #[arg(
        long,
        value_name = "DIR",
        default_value = "configs",
        env = "MINGLUO_CONFIG",
        global = true
    )]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The registry 终端列表
    List,
    /// Real MQTT sessions that behave like terminals 模拟终端
    Simulate(SimulateArgs),
}

/// What simulated terminals hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SimulatedLink {
    /// The broker.
    Mqtt,
    /// Serial lines.
    Serial,
    /// Terminals of the national protocol.
    National,
}

/// How to simulate.
#[derive(Debug, Args)]
struct SimulateArgs {
    /// How many of the registered terminals; default: all
    #[arg(long)]
    count: Option<usize>,
    /// Leave out the first so many of them, which another process simulates; sessions at the broker
    /// alone
    #[arg(long, default_value_t = 0)]
    skip: usize,
    /// Link of the terminals: sessions at the broker, the serial lines of the configuration on
    /// pseudo-terminals, for which links are put at the configured ports, or connections by the
    /// national protocol
    #[arg(long, value_enum, default_value = "mqtt")]
    link: SimulatedLink,
    /// Bytes of a million in which a bit flips on a serial line
    #[arg(long, default_value_t = 0)]
    flips_per_million: u32,
    /// Broker; default: that of the configuration
    #[arg(long)]
    broker: Option<SocketAddr>,
    /// Stop after this many seconds; default: until interrupted
    #[arg(long)]
    seconds: Option<u64>,
    /// Sound runs this many times faster
    #[arg(long, default_value_t = 1)]
    time_scale: u32,
    /// Who fetches audio
    #[arg(long, value_enum, default_value = "each")]
    fetch: Fetching,
    #[command(flatten)]
    odd: MisbehaviourArgs,
    #[command(flatten)]
    national: national::NationalFaultArgs,
}

/// Misbehaviour by flag.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct MisbehaviourArgs {
    /// Percent of terminals that never connect
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub offline: u8,
    /// Percent of messages lost, each way
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub loss: u8,
    /// Longest delay of a message in milliseconds
    #[arg(long, default_value_t = 0)]
    pub delay_ms: u32,
    /// Percent of terminals that crash once while playing
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub crash: u8,
    /// Percent of terminals whose clock is an hour off
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub bad_clock: u8,
    /// Percent of terminals that report `played` without playing
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub lying: u8,
    /// Seed of all chance
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl From<MisbehaviourArgs> for Misbehaviour {
    fn from(args: MisbehaviourArgs) -> Self {
        Self {
            offline_percent: args.offline,
            loss_percent: args.loss,
            delay_ms_max: args.delay_ms,
            crash_percent: args.crash,
            bad_clock_percent: args.bad_clock,
            lying_percent: args.lying,
            seed: args.seed,
        }
    }
}

/// Runs the subcommand.
///
/// # Errors
/// When the configuration is faulty or keys can't be read.
pub(crate) fn run(args: &TerminalsArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let loaded = configured(&args.config)?;
    match &args.what {
        What::List => {
            for terminal in loaded.network.terminals.values() {
                let (id, area, name) = (terminal.id, terminal.area, &terminal.name);
                writeln!(out, "{id}\t{area}\t{:?}\t{:?}\t{name}", terminal.codecs, terminal.links)?;
            }
            Ok(0)
        }
        What::Simulate(simulate) => {
            super::start_log(false, "warn");
            super::runtime()?.block_on(self::simulate(&loaded, simulate, out))
        }
    }
}

async fn simulate(
    loaded: &crate::config::Loaded,
    args: &SimulateArgs,
    out: &mut impl Write,
) -> anyhow::Result<u8> {
    let settings = &loaded.config;
    if args.link == SimulatedLink::National {
        let asked = national::Asked {
            faults: args.national,
            offline: args.odd.offline,
            restart: args.odd.crash,
            seed: args.odd.seed,
            count: args.count.unwrap_or(usize::MAX),
            time_scale: args.time_scale,
            seconds: args.seconds,
        };
        return national::simulate(loaded, &asked, out).await;
    }
    let master = secrets::read_key(&settings.keys.terminal_master_key_file)?;
    let keys = crate::daemon::key_ring(&settings.keys)?;
    let (gateway_key, key_id) = (keys.gateway_key(), keys.key_id());
    if args.link == SimulatedLink::Serial {
        let (time_scale, seed) = (args.time_scale, args.odd.seed);
        let config = SimulatedLines { master, gateway_key, key_id, time_scale, seed };
        let flips_per_million = args.flips_per_million;
        let trouble = LineTrouble { flips_per_million, ..LineTrouble::default() };
        return serial::simulate(loaded, &config, trouble, args.seconds, out).await;
    }
    let config = FleetConfig {
        broker: args.broker.unwrap_or(settings.mqtt.listen),
        prefix: settings.mqtt.prefix.clone(),
        master,
        gateway_key,
        key_id,
        clips: ClipSource::new(settings.http.public_clip_url.clone(), args.fetch),
        time_scale: args.time_scale,
        connects_per_s: 2_000,
        misbehaviour: args.odd.into(),
    };
    let known = loaded.network.terminals.values();
    let terminals = known.filter(|terminal| terminal.links.contains(&LinkKind::Mqtt));
    let terminals = terminals.map(FleetTerminal::of).skip(args.skip);
    let terminals = terminals.take(args.count.unwrap_or(usize::MAX)).collect();
    let fleet = Fleet::start(config, terminals).map_err(|fault| anyhow::anyhow!("{fault}"))?;
    let mut left_s = args.seconds.unwrap_or(u64::MAX);
    while another_second(&mut left_s).await {
        let stats = &fleet.stats;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        writeln!(
            out,
            "connected {}/{}  orders {}  reports {}  refused frames {}  crashes {}  {}",
            read(&stats.connected),
            fleet.n_connecting,
            read(&stats.orders),
            read(&stats.reports),
            read(&stats.refused_frames),
            read(&stats.crashes),
            stats.came
        )?;
    }
    fleet.stop().await;
    Ok(0)
}

/// Waits a second of those that are left; `false` when none is, or somebody presses Ctrl-C.
pub(super) async fn another_second(left_s: &mut u64) -> bool {
    let Some(left) = left_s.checked_sub(1) else { return false };
    *left_s = left;
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(1)) => true,
        _ = tokio::signal::ctrl_c() => false,
    }
}
