//! The county's response as GD/J 088-2018 times it, from the complete receipt of a class I alert to the last
//! order sent, to terminals of the national protocol and of MQTT together; against a bare program that sends
//! orders of the same form to the same simulated terminals. Both are measured where orders arrive, which is
//! after they were sent: the figures are upper bounds.

use super::brokers::Brokers;
use super::county_bare;
use super::stage::{Counts, Process, Stage};
use crate::cli::client::Client;
use crate::clock;
use crate::console::ApiKeys;
use crate::daemon::Daemon;
use crate::model::{Role, UtcMs};
use anyhow::{Context, bail};
use clap::Args;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest wait for connections, and for orders, milliseconds.
const WAIT_MS_MAX: u64 = 180_000;
/// Rest between the last connection and the alert.
const SETTLE: Duration = Duration::from_secs(3);
/// Goals: the whole response, milliseconds; its ratio to the bare sends, hundredths.
const RESPONSE_MS_MAX: i64 = 1_000;
const RATIO_MAX: i64 = 150;

/// Arguments of `mingluo bench county`.
#[derive(Debug, Args)]
pub(crate) struct CountyArgs {
    /// Terminals of the national protocol 国标终端数
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..=16_000))]
    national: u32,
    /// MQTT terminals, as many as one process simulates MQTT 终端数
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=16_000))]
    mqtt: u32,
    /// Sign the orders of national terminals with SM2 国标指令签名
    #[arg(long)]
    sign: bool,
    /// Measure both this many times in turn and show the median
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: u8,
    /// Configuration whose areas and plans are used
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    config: PathBuf,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sends {
    /// When it began: the alert was there, or the bare program began to send.
    pub(super) began: UtcMs,
    /// When the first order arrived, and the last.
    pub(super) first: UtcMs,
    pub(super) last: UtcMs,
}

impl Sends {
    fn whole_ms(self) -> i64 {
        self.last.since_ms(self.began)
    }
}

/// Runs it.
///
/// # Errors
/// When a program does not start, or not everybody gets an order.
pub(super) fn run(args: &CountyArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    crate::cli::start_log(false, "warn");
    let runtime = crate::cli::runtime()?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        let name = format!("mingluo-county-{}-{round}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir)?;
        let done = round_of(args, &dir, &runtime);
        std::fs::remove_dir_all(&dir)?;
        let (bare_sends, our_sends) = done?;
        bare.extend(bare_sends);
        ours.push(our_sends);
    }
    table(args, median(bare), median(ours).context("a measurement")?, out)?;
    Ok(0)
}

fn round_of(
    args: &CountyArgs,
    dir: &Path,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<(Option<Sends>, Sends)> {
    let counts = Counts {
        mqtt: usize::try_from(args.mqtt)?,
        national: usize::try_from(args.national)?,
        sign: args.sign,
    };
    let brokers = runtime.block_on(Brokers::start(&args.config, dir, counts.mqtt))?;
    let bare = match brokers {
        Some(brokers) => {
            let stage = Stage::of(&args.config, &dir.join("bare"), counts, Some(&brokers))?;
            Some(runtime.block_on(county_bare::send(&stage, &dir.join("bare"), counts))?)
        }
        None => None,
    };
    let ours = runtime.block_on(Box::pin(ours(args, &dir.join("ours"), counts)))?;
    Ok((bare, ours))
}

async fn ours(args: &CountyArgs, dir: &Path, counts: Counts) -> anyhow::Result<Sends> {
    let stage = Stage::of(&args.config, dir, counts, None)?;
    let mut keys = ApiKeys::default();
    let key = keys.create("bench", Role::Source, stage.loaded.network.served.clone())?;
    keys.save(&stage.loaded.config.keys.api_keys_file)?;
    let daemon = Daemon::start(stage.loaded.clone()).await?;
    let measured = answered(&stage, &daemon, &key, counts).await;
    daemon.stop().await?;
    measured
}

async fn answered(
    stage: &Stage,
    daemon: &Daemon,
    key: &str,
    counts: Counts,
) -> anyhow::Result<Sends> {
    let fleets = Fleets::start(stage, counts)?;
    fleets.connected().await?;
    let n_all = counts.mqtt + counts.national;
    until("sessions at the gateway", || daemon.metrics.n_online() >= n_all).await?;
    tokio::time::sleep(SETTLE).await;
    let client = Client::new(&format!("http://{}", daemon.http), key);
    let text = crate::cli::demo::alert::rainstorm(clock::now_utc(), "RED", "红色");
    // From the first byte on: receipt is complete later.
    let began = clock::now_utc();
    let answer = client.post_bytes("/alerts", "application/xml", text.into_bytes()).await?;
    let id = answer.get("broadcasts").and_then(|all| all.get(0));
    id.with_context(|| format!("the alert did not go out by itself: {answer}"))?;
    fleets.ordered(began).await
}

/// The simulated terminals of both links.
pub(super) struct Fleets {
    mqtt: Simulated,
    national: Simulated,
}

impl Fleets {
    /// Starts them, each link in a process of its own.
    ///
    /// # Errors
    /// When a process can't be started.
    pub(super) fn start(stage: &Stage, counts: Counts) -> anyhow::Result<Self> {
        let mqtt = Simulated::start(stage, "mqtt", counts.mqtt)?;
        let national = Simulated::start(stage, "national", counts.national)?;
        Ok(Self { mqtt, national })
    }

    /// Waits until all have a connection.
    ///
    /// # Errors
    /// When they have none in time.
    pub(super) async fn connected(&self) -> anyhow::Result<()> {
        let all = [&self.mqtt, &self.national];
        until("connections", || all.iter().all(|fleet| fleet.said().connected >= fleet.n)).await
    }

    /// Waits until each has its order.
    ///
    /// # Errors
    /// When one has none in time.
    pub(super) async fn ordered(&self, began: UtcMs) -> anyhow::Result<Sends> {
        let all = [&self.mqtt, &self.national];
        until("orders", || all.iter().all(|fleet| fleet.said().orders >= fleet.n)).await?;
        let said = all.map(|fleet| fleet.said());
        let first = said.iter().map(|said| said.first_ms).min().unwrap_or(0);
        let last = said.iter().map(|said| said.last_ms).max().unwrap_or(0);
        Ok(Sends { began, first: UtcMs(first), last: UtcMs(last) })
    }
}

/// What a fleet says of itself, as it stands when it first says that all have an order.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    connected: usize,
    orders: usize,
    first_ms: i64,
    last_ms: i64,
}

impl Said {
    /// Reads `connected 3/3  orders 3  …  first order 1783785600000  last order 1783785600009`.
    fn of(line: &str) -> Option<Self> {
        let number = |after: &str| {
            let (_, rest) = line.split_once(after)?;
            let digits = rest.trim_start().split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<i64>().ok()
        };
        let count = |after: &str| usize::try_from(number(after)?).ok();
        let (connected, orders) = (count("connected ")?, count("  orders ")?);
        let (first_ms, last_ms) = (number("first order ")?, number("last order ")?);
        Some(Self { connected, orders, first_ms, last_ms })
    }
}

struct Simulated {
    n: usize,
    said: Arc<Mutex<Said>>,
    _process: Process,
}

impl Simulated {
    fn start(stage: &Stage, link: &str, n: usize) -> anyhow::Result<Self> {
        let (process, lines) = stage.fleet(link)?;
        let said = Arc::new(Mutex::new(Said::default()));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || hear(lines, n, &heard));
        Ok(Self { n, said, _process: process })
    }

    fn said(&self) -> Said {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what a fleet says until it ends. Orders are repeated later: the first word of all of them counts.
fn hear(lines: ChildStdout, n: usize, said: &Mutex<Said>) {
    for line in BufReader::new(lines).lines() {
        let Some(now) = line.ok().as_deref().and_then(Said::of) else { return };
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.orders < n {
            *said = now;
        }
    }
}

async fn until(what: &str, mut good: impl FnMut() -> bool) -> anyhow::Result<()> {
    let watch = clock::Monotonic::start();
    while !good() {
        if watch.elapsed_ms() > WAIT_MS_MAX {
            bail!("not all had {what} within {WAIT_MS_MAX} ms");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn median(mut all: Vec<Sends>) -> Option<Sends> {
    all.sort_by_key(|sends| sends.whole_ms());
    let middle = all.len() / 2;
    all.into_iter().nth(middle)
}

fn table(
    args: &CountyArgs,
    bare: Option<Sends>,
    ours: Sends,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let signed = if args.sign { ", orders signed" } else { "" };
    writeln!(
        out,
        "{} national and {} MQTT terminals{signed}, class I, milliseconds, {}",
        args.national,
        args.mqtt,
        if cfg!(debug_assertions) { "a build that is not optimised" } else { "optimised build" }
    )?;
    writeln!(
        out,
        "{:<28}{:>16}{:>16}{:>16}",
        "", "first arrived", "first to last", "last arrived"
    )?;
    for (name, sends) in [("bare sends", bare), ("mingluo, from the alert on", Some(ours))] {
        let Some(sends) = sends else {
            writeln!(out, "SKIPPED {name}: mosquitto is not installed")?;
            continue;
        };
        writeln!(
            out,
            "{name:<28}{:>16}{:>16}{:>16}",
            sends.first.since_ms(sends.began),
            sends.last.since_ms(sends.first),
            sends.whole_ms()
        )?;
    }
    let met = |good| if good { "met" } else { "MISSED" };
    let response_ms = ours.whole_ms();
    writeln!(
        out,
        "response {response_ms} ms; GD/J 088 allows 10000, the goal of {RESPONSE_MS_MAX} is {}",
        met(response_ms < RESPONSE_MS_MAX)
    )?;
    if let Some(bare) = bare {
        // The whole holds decision, record and speech, which the bare program has none of.
        let sends_ms = ours.last.since_ms(ours.first);
        for (what, ms) in [("the whole response", response_ms), ("its sends alone", sends_ms)] {
            let ratio = ms * 100 / bare.whole_ms().max(1);
            writeln!(
                out,
                "{what}: {}.{:02} x the bare sends; the goal of 1.50 is {}",
                ratio / 100,
                ratio % 100,
                met(ratio <= RATIO_MAX)
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fleet_says_is_read() {
        let line = "connected 3/4  orders 5  reports 6  refused frames 0  crashes 0  first order 17  last order 29";
        let said = Said::of(line).unwrap();
        assert_eq!((said.connected, said.orders), (3, 5));
        assert_eq!((said.first_ms, said.last_ms), (17, 29));
        assert!(Said::of("connected 3/4").is_none());
    }
}
