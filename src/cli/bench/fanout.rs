//! Alert in → last terminal received → last acknowledgement on record, against the bare yardstick.
//! The terminals run in a process of their own, so that memory and CPU are the gateway's alone.

use super::brokers::{Brokers, n_shares};
use super::stage::Stage;
use super::{bare, plot};
use crate::cli::client::Client;
use crate::clock;
use crate::console::ApiKeys;
use crate::daemon::Daemon;
use crate::gateway::Gateway;
use crate::model::{BroadcastId, Evidence, Role};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longest wait for connections and for acknowledgements, seconds.
const WAIT_S_MAX: u64 = 120;

/// How `configs/mingluo.service` and the Dockerfile set up glibc's allocator: freed memory goes back to
/// the system.
const AS_THE_SERVICE: [(&str, &str); 1] = [("MALLOC_TRIM_THRESHOLD_", "131072")];

/// Arguments of `mingluo bench fanout`.
#[derive(Debug, Args)]
pub(crate) struct FanoutArgs {
    /// Terminals
    #[arg(long, default_value_t = 1_000)]
    terminals: usize,
    /// Configuration whose areas and plans are used
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    config: PathBuf,
    /// Measure everything this many times in turn and show the median by the last received
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: u8,
    /// Measure this one alone
    #[arg(long, value_enum)]
    only: Option<Which>,
    /// Write the distribution of latencies here
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Measure once in this very process and print the row as JSON
    #[arg(long, hide = true, requires = "only")]
    row: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Which {
    /// The yardstick.
    Bare,
    /// The gateway on mosquitto.
    External,
    /// The gateway with its own broker.
    Embedded,
}

/// One row of the table. All times in milliseconds from the first order published.
#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    name: String,
    pub(super) received_ms: Vec<u64>,
    pub(super) answered_ms: Vec<u64>,
    cpu_ms: u64,
    rss_kib: u64,
    note: String,
}

/// Runs the comparison.
///
/// # Errors
/// When a broker, the gateway or the terminals do not start.
pub(super) fn run(args: &FanoutArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    crate::cli::start_log(false, "warn");
    if let (true, Some(which)) = (args.row, args.only) {
        let row = here(args, which)?;
        writeln!(out, "{}", serde_json::to_string(&row)?)?;
        return Ok(0);
    }
    let mut code = 0;
    // More terminals than one process may have files: brokers in several processes carry them.
    let many = n_shares(args.terminals) > 1 && args.only.is_none();
    if many {
        writeln!(out, "SKIPPED Embedded: more terminals than one process; --only embedded tries")?;
    }
    let wanted = |which: &Which| {
        args.only.is_none_or(|only| only == *which) && !(many && *which == Which::Embedded)
    };
    let mut measured: BTreeMap<Which, Vec<Row>> = BTreeMap::new();
    for round in 1..=args.rounds {
        for which in [Which::Bare, Which::External, Which::Embedded].into_iter().filter(wanted) {
            match alone(args, which) {
                Ok(Some(row)) => measured.entry(which).or_default().push(row),
                Ok(None) => writeln!(out, "SKIPPED {which:?}: mosquitto is not installed")?,
                // The other rows still count; the exit code tells.
                Err(fault) => {
                    code = crate::cli::EXIT_FAILED;
                    writeln!(out, "FAILED {which:?} in round {round}: {fault:#}")?;
                }
            }
        }
    }
    let rows: Vec<Row> = measured.into_values().filter_map(median).collect();
    table(&rows, args.terminals, out)?;
    if let Some(file) = &args.plot {
        let lines =
            rows.iter().map(|row| (format!("{}, acknowledged", row.name), row.answered_ms.clone()));
        let received =
            rows.iter().map(|row| (format!("{}, received", row.name), row.received_ms.clone()));
        let title = format!("{} terminals: share over time since the order", args.terminals);
        let lines: Vec<_> = received.chain(lines).collect();
        std::fs::write(file, plot::distribution(&title, &lines))?;
        writeln!(out, "plot {}", file.display())?;
    }
    Ok(code)
}

/// One row from a process of its own: memory and CPU hold nothing of the rows before.
fn alone(args: &FanoutArgs, which: Which) -> anyhow::Result<Option<Row>> {
    let which = which.to_possible_value().context("a name for what is measured")?;
    let done = std::process::Command::new(std::env::current_exe()?)
        .args(["bench", "fanout", "--row", "--only", which.get_name()])
        .args(["--terminals", &args.terminals.to_string(), "--config"])
        .arg(&args.config)
        .envs(AS_THE_SERVICE)
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !done.status.success() {
        bail!("the process that measures it ended with {}", done.status);
    }
    serde_json::from_slice(&done.stdout).context("the row of the process that measures it")
}

/// One row, measured in this process; `None` when mosquitto is not installed.
fn here(args: &FanoutArgs, which: Which) -> anyhow::Result<Option<Row>> {
    let dir = std::env::temp_dir().join(format!("mingluo-fanout-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let external = which != Which::Embedded;
    let runtime = crate::cli::runtime()?;
    let brokers = Brokers::start(&args.config, &dir, args.terminals);
    let brokers = if external { runtime.block_on(brokers)? } else { None };
    if external && brokers.is_none() {
        return Ok(None);
    }
    let row = match which {
        Which::Bare => runtime.block_on(bare(args, &dir, brokers.as_ref()))?,
        Which::External | Which::Embedded => {
            runtime.block_on(Box::pin(ours(args, &dir, brokers.as_ref())))?
        }
    };
    drop(brokers);
    std::fs::remove_dir_all(&dir)?;
    Ok(Some(row))
}

/// The middle row by the last received.
fn median(mut rows: Vec<Row>) -> Option<Row> {
    rows.sort_by_key(|row| share(&row.received_ms, 1_000));
    let middle = rows.len() / 2;
    rows.into_iter().nth(middle)
}

async fn bare(args: &FanoutArgs, dir: &Path, brokers: Option<&Brokers>) -> anyhow::Result<Row> {
    let stage = Stage::set(&args.config, dir, args.terminals, brokers)?;
    let bare::Measured { received_ms, answered_ms } = bare::measure(&stage, dir).await?;
    let name = "bare publisher, mosquitto".to_owned();
    Ok(Row { name, received_ms, answered_ms, cpu_ms: 0, rss_kib: 0, note: String::new() })
}

async fn ours(args: &FanoutArgs, dir: &Path, brokers: Option<&Brokers>) -> anyhow::Result<Row> {
    let stage = Stage::set(&args.config, dir, args.terminals, brokers)?;
    let mut keys = ApiKeys::default();
    let key = keys.create("bench", Role::Source, stage.loaded.network.served.clone())?;
    keys.save(&stage.loaded.config.keys.api_keys_file)?;
    let daemon = Daemon::start(stage.loaded.clone()).await?;
    let terminals = stage.terminals()?;
    let name = brokers.map_or("mingluo, embedded broker", |_| "mingluo, mosquitto");
    let measured = fan_out(name, &daemon, &key, args.terminals, |_| {}).await;
    drop(terminals);
    daemon.stop().await?;
    measured
}

/// Measures one red alert; `begun` is called when its broadcast has a name, before its first order.
pub(super) async fn fan_out(
    name: &str,
    daemon: &Daemon,
    key: &str,
    n: usize,
    begun: impl FnOnce(BroadcastId),
) -> anyhow::Result<Row> {
    let watch = clock::Monotonic::start();
    while daemon.metrics.n_online() < n {
        if watch.elapsed() > Duration::from_secs(WAIT_S_MAX) {
            bail!("{} of {n} terminals online after {WAIT_S_MAX} s", daemon.metrics.n_online());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let connected_ms = watch.elapsed_ms();
    let cpu_before_ms = cpu_ms()?;
    let began = clock::now_utc();
    let client = Client::new(&format!("http://{}", daemon.http), key);
    let text = crate::cli::demo::alert::rainstorm(began, "RED", "红色");
    let answer = client.post_bytes("/alerts", "application/xml", text.into_bytes()).await?;
    let id = answer
        .get("broadcasts")
        .and_then(|all| all.get(0))
        .and_then(|id| id.as_str())
        .and_then(|id| id.parse().ok())
        .map(BroadcastId)
        .with_context(|| format!("the alert did not go out by itself: {answer}"))?;
    begun(id);
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        // The core is asked for no more than a number until all is over.
        let n_answered = daemon.core.look(move |gateway| evidence(gateway, id).count()).await?;
        if n_answered < n {
            if clock::now_utc().since_ms(began) > i64::try_from(WAIT_S_MAX)? * 1_000 {
                bail!("{n_answered} of {n} terminals acknowledged within {WAIT_S_MAX} s");
            }
            continue;
        }
        let (all, first) = daemon
            .core
            .look(move |gateway| {
                let all: Vec<_> = evidence(gateway, id).cloned().collect();
                let state = gateway.state().broadcasts.get(&id);
                let first = state.map(|state| {
                    let render_ms = state.spoken.as_ref().map_or(0, |spoken| spoken.render_ms);
                    state.started_at.plus_ms(render_ms.into())
                });
                (all, first.unwrap_or_default())
            })
            .await?;
        // A report is on record when its group of rows is: at most this much later.
        let commit_ms = daemon.metrics.commit_ms_max.load(Ordering::Relaxed);
        let since = |at: crate::model::UtcMs| u64::try_from(at.since_ms(first).max(0)).unwrap_or(0);
        let alert_to_order_ms = first.since_ms(began);
        return Ok(Row {
            name: name.to_owned(),
            received_ms: all.iter().filter_map(|e| e.received_at).map(since).collect(),
            answered_ms: all
                .iter()
                .filter_map(|e| e.first_report_at)
                .map(|at| since(at) + commit_ms)
                .collect(),
            cpu_ms: cpu_ms()?.saturating_sub(cpu_before_ms),
            rss_kib: rss_kib()?,
            note: format!(
                "{connected_ms} ms to connect, {alert_to_order_ms} ms alert to order, slowest \
                 commit {commit_ms} ms"
            ),
        });
    }
}

/// What the terminals that answered said.
fn evidence(gateway: &Gateway, id: BroadcastId) -> impl Iterator<Item = &Evidence> {
    let state = gateway.state().broadcasts.get(&id);
    let deliveries = state.into_iter().flat_map(|state| state.deliveries.values());
    deliveries.map(|delivery| &delivery.evidence).filter(|e| e.first_report_at.is_some())
}

fn table(rows: &[Row], n: usize, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "{n} terminals, milliseconds from the order")?;
    writeln!(
        out,
        "{:<28}{:>10}{:>10}{:>10}{:>10}{:>10}{:>14}{:>10}",
        "", "received", "last", "ack 99 %", "ack last", "CPU ms", "us a terminal", "RSS MiB"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:<28}{:>10}{:>10}{:>10}{:>10}{:>10}{:>14}{:>10}  {}",
            row.name,
            row.received_ms.len(),
            share(&row.received_ms, 1_000),
            share(&row.answered_ms, 990),
            share(&row.answered_ms, 1_000),
            row.cpu_ms,
            row.cpu_ms * 1_000 / u64::try_from(n)?.max(1),
            row.rss_kib / 1_024,
            row.note
        )?;
    }
    let Some((bare, others)) = rows.split_first().filter(|(bare, _)| bare.cpu_ms == 0) else {
        return Ok(());
    };
    for ours in others {
        let ratio = |ours: u64, bare: u64| {
            let hundredths = ours * 100 / bare.max(1);
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        };
        writeln!(
            out,
            "{}: ratio to bare: last received {}, 99 % of acknowledgements on record {}",
            ours.name,
            ratio(share(&ours.received_ms, 1_000), share(&bare.received_ms, 1_000)),
            ratio(share(&ours.answered_ms, 990), share(&bare.answered_ms, 990))
        )?;
    }
    Ok(())
}

/// The value below which `permille` of all lie.
pub(super) fn share(all: &[u64], permille: usize) -> u64 {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * permille / 1_000).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(0)
}

/// CPU milliseconds of this process so far (user and system; 100 ticks a second on Linux).
fn cpu_ms() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = text.rsplit(')').next().context("/proc/self/stat")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<u64>().ok());
    Ok((ticks(11).context("utime")? + ticks(12).context("stime")?) * 10)
}

/// Resident memory of this process in KiB.
fn rss_kib() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).context("VmRSS")
}
