//! Alert in → last terminal received → last acknowledgement on record, against the bare yardstick.
//! The terminals run in a process of their own, so that memory and CPU are the gateway's alone.

use super::bare::{self, Mosquitto};
use super::plot;
use crate::cli::client::Client;
use crate::clock;
use crate::config::Config;
use crate::console::ApiKeys;
use crate::daemon::Daemon;
use crate::model::{BroadcastId, Role};
use crate::secrets;
use anyhow::{Context, bail};
use clap::Args;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longest wait for connections and for acknowledgements, seconds.
const WAIT_S_MAX: u64 = 120;

/// Arguments of `mingluo bench fanout`.
#[derive(Debug, Args)]
pub(crate) struct FanoutArgs {
    /// Terminals
    #[arg(long, default_value_t = 1_000)]
    terminals: usize,
    /// Configuration whose areas and plans are used
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    config: PathBuf,
    /// Write the distribution of latencies here
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// One row of the table. All times in milliseconds from the first order published.
struct Row {
    name: String,
    received_ms: Vec<u64>,
    answered_ms: Vec<u64>,
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
    let dir = std::env::temp_dir().join(format!("mingluo-fanout-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let runtime = crate::cli::runtime()?;
    let mut rows = Vec::new();
    let mut code = 0;
    match Mosquitto::start(&dir)? {
        Some(broker) => {
            let bare = runtime.block_on(bare::measure(broker.address, args.terminals))?;
            rows.push(Row {
                name: "bare publisher, mosquitto".into(),
                received_ms: bare.received_ms,
                answered_ms: bare.answered_ms,
                cpu_ms: 0,
                rss_kib: 0,
                note: String::new(),
            });
        }
        None => writeln!(
            out,
            "SKIPPED the yardstick: mosquitto is not installed (apt install mosquitto)"
        )?,
    }
    let folder = dir.join("external");
    std::fs::create_dir_all(&folder)?;
    if let Some(broker) = Mosquitto::start(&folder)? {
        match runtime.block_on(Box::pin(ours(args, &folder, Some(broker.address)))) {
            Ok(row) => rows.push(row),
            // The other rows still count; the exit code tells.
            Err(fault) => {
                code = crate::cli::EXIT_FAILED;
                writeln!(out, "FAILED on mosquitto: {fault:#}")?;
            }
        }
    }
    let folder = dir.join("embedded");
    std::fs::create_dir_all(&folder)?;
    rows.push(runtime.block_on(Box::pin(ours(args, &folder, None)))?);
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
    std::fs::remove_dir_all(&dir)?;
    Ok(code)
}

/// A configuration of `n` terminals in the villages of the given one.
fn configure(
    args: &FanoutArgs,
    dir: &Path,
    external: Option<SocketAddr>,
) -> anyhow::Result<(PathBuf, BTreeMap<String, String>)> {
    let configs = dir.join("configs");
    std::fs::create_dir_all(&configs)?;
    for name in ["areas.toml", "policy.toml", "gateway.toml"] {
        std::fs::copy(args.config.join(name), configs.join(name))
            .with_context(|| format!("copying {name}"))?;
    }
    let loaded = Config::load_with(&args.config, &BTreeMap::new())
        .map_err(|faults| anyhow::anyhow!("{} faults; see `mingluo check`", faults.len()))?;
    let mut areas: Vec<_> = loaded.network.terminals.values().map(|known| known.area).collect();
    areas.sort_unstable();
    areas.dedup();
    let mut text = String::from("id,name,area,lat_deg,lon_deg,codecs,links,volume_percent\n");
    for number in 0..args.terminals {
        let area = areas.get(number % areas.len()).context("the configuration has no terminals")?;
        let sequence = number / areas.len() + 1;
        text += &format!("{area}-{sequence:03},T{number},{area},,,opus,mqtt,80\n");
    }
    std::fs::write(configs.join("terminals.csv"), text)?;
    let free = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let (broker, clips) = (external.map_or_else(free, Ok)?, free()?);
    let mode = if external.is_some() { "external" } else { "embedded" };
    let audio = std::path::absolute(&loaded.config.render.audio_dir)?;
    let overrides = [
        ("http.listen", "127.0.0.1:0".to_owned()),
        ("status.listen", "127.0.0.1:0".to_owned()),
        ("http.terminal_listen", clips.to_string()),
        ("http.public_clip_url", format!("http://{clips}/clips")),
        ("mqtt.mode", mode.to_owned()),
        ("mqtt.url", format!("mqtt://{broker}")),
        ("mqtt.listen", broker.to_string()),
        ("record.url", "sqlite:record.db".to_owned()),
        ("render.audio_dir", audio.display().to_string()),
        ("render.voices_dir", "none".to_owned()),
        ("render.clip_dir", "clips".to_owned()),
        ("keys.signing_key_file", "signing.key".to_owned()),
        ("keys.terminal_master_key_file", "terminals.key".to_owned()),
        ("keys.api_keys_file", "api.toml".to_owned()),
        ("ingest.folder", String::new()),
    ];
    Ok((configs, overrides.map(|(key, value)| (key.to_owned(), value)).into()))
}

async fn ours(args: &FanoutArgs, dir: &Path, external: Option<SocketAddr>) -> anyhow::Result<Row> {
    let (configs, overrides) = configure(args, dir, external)?;
    let loaded = Config::load_with(&configs, &overrides).map_err(|faults| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        anyhow::anyhow!("{} faults, first: {first}", faults.len())
    })?;
    secrets::create_key(&loaded.config.keys.signing_key_file)?;
    secrets::create_key(&loaded.config.keys.terminal_master_key_file)?;
    let mut keys = ApiKeys::default();
    let key = keys.create("bench", Role::Source, loaded.network.served.clone())?;
    keys.save(&loaded.config.keys.api_keys_file)?;
    let daemon = Daemon::start(loaded).await?;
    let mut terminals = Command::new(std::env::current_exe()?);
    terminals.args(["terminals", "simulate", "--fetch", "shared", "--time-scale", "1000"]);
    terminals.arg("--config").arg(&configs).stdout(Stdio::null());
    for (key, value) in &overrides {
        terminals.env(format!("MINGLUO__{}", key.to_uppercase().replace('.', "__")), value);
    }
    let mut terminals = terminals.spawn().context("starting the terminals")?;
    let name = external.map_or("mingluo, embedded broker", |_| "mingluo, mosquitto");
    let measured = fan_out(name, &daemon, &key, args.terminals).await;
    // The process ends with us anyway.
    let _ended = terminals.kill();
    let _ended = terminals.wait();
    daemon.stop().await?;
    measured
}

async fn fan_out(name: &str, daemon: &Daemon, key: &str, n: usize) -> anyhow::Result<Row> {
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
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let found = daemon
            .core
            .look(move |gateway| {
                let state = gateway.state().broadcasts.get(&id)?;
                let all = state.deliveries.values().map(|delivery| delivery.evidence.clone());
                let all: Vec<_> = all.collect();
                all.iter().all(|e| e.first_report_at.is_some()).then_some(all)
            })
            .await?;
        let Some(all) = found else {
            if clock::now_utc().since_ms(began) > i64::try_from(WAIT_S_MAX)? * 1_000 {
                bail!("not every terminal acknowledged within {WAIT_S_MAX} s");
            }
            continue;
        };
        let first = all.iter().filter_map(|e| e.sent_at).min().context("nothing was sent")?;
        let since = |at: crate::model::UtcMs| u64::try_from(at.since_ms(first).max(0)).unwrap_or(0);
        let alert_to_order_ms = first.since_ms(began);
        return Ok(Row {
            name: name.to_owned(),
            received_ms: all.iter().filter_map(|e| e.received_at).map(since).collect(),
            answered_ms: all.iter().filter_map(|e| e.first_report_at).map(since).collect(),
            cpu_ms: cpu_ms()?.saturating_sub(cpu_before_ms),
            rss_kib: rss_kib()?,
            note: format!("{connected_ms} ms to connect, {alert_to_order_ms} ms alert to order"),
        });
    }
}

fn table(rows: &[Row], n: usize, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "{n} terminals, milliseconds from the order")?;
    writeln!(
        out,
        "{:<28}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "received", "last", "ack 99 %", "ack last", "CPU ms", "RSS MiB"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:<28}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}  {}",
            row.name,
            row.received_ms.len(),
            share(&row.received_ms, 1_000),
            share(&row.answered_ms, 990),
            share(&row.answered_ms, 1_000),
            row.cpu_ms,
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
fn share(all: &[u64], permille: usize) -> u64 {
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
