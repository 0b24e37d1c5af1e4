//! A flood of alerts: how long a red one takes when a source sends a thousand others a second, as a ratio to
//! the same without the flood; and that every one of the others was recorded, or refused and counted.

use super::stage::Stage;
use crate::clock::{self, Monotonic};
use crate::console::ApiKeys;
use crate::daemon::Daemon;
use crate::model::{AreaCode, Role, UtcMs};
use crate::tls;
use anyhow::{Context, ensure};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Terminals of the county; nothing is delivered to them.
const TERMINALS: usize = 30;
/// Highest ratio of the 99th percentile in the flood to that without, hundredths.
const RATIO_MAX: u64 = 200;
/// Wait until what was shed last is on record, milliseconds.
const SETTLE_MS: u64 = 2_500;
/// Validity of an alert, seconds.
const VALID_S: i64 = 3_600;

/// Arguments of `mingluo bench flood`.
#[derive(Debug, Args)]
pub(crate) struct FloodArgs {
    /// Alerts a second that are not red
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Length of the flood, and of the measurement before it, seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Red alerts a second
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    red_per_s: u32,
    /// Connections of the source
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=512))]
    senders: u32,
    /// Configuration whose areas and plans are used
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    config: PathBuf,
}

/// What the senders were answered.
#[derive(Debug, Default)]
struct Told {
    sent: AtomicU64,
    taken: AtomicU64,
    shed: AtomicU64,
    other: AtomicU64,
}

/// Runs it.
///
/// # Errors
/// When the gateway does not start or does not answer.
pub(super) fn run(args: &FloodArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    crate::cli::start_log(false, "error");
    crate::cli::runtime()?.block_on(Box::pin(measure(args, out)))
}

async fn measure(args: &FloodArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let dir = std::env::temp_dir().join(format!("mingluo-flood-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let stage = Stage::set(&args.config, &dir, TERMINALS, None)?;
    let area = stage.loaded.network.terminals.values().next().context("no terminal")?.area;
    let served = stage.loaded.network.served.clone();
    let mut keys = ApiKeys::default();
    let red = keys.create("bench", Role::Source, served.clone())?;
    let flood = keys.create("flood", Role::Source, served)?;
    keys.save(&stage.loaded.config.keys.api_keys_file)?;
    let daemon = Daemon::start(stage.loaded.clone()).await?;
    let url = format!("http://{}/api/v1/alerts", daemon.http);
    let idle_us = reds(args, &url, &red, area, "idle").await?;
    let told = Arc::new(Told::default());
    let over = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..args.senders)
        .map(|sender| {
            let (told, over) = (Arc::clone(&told), Arc::clone(&over));
            let every = Duration::from_secs_f64(f64::from(args.senders) / f64::from(args.rate));
            let (url, key) = (url.clone(), flood.clone());
            tokio::spawn(send(sender, every, (url, key, area), told, over))
        })
        .collect();
    let flood_us = reds(args, &url, &red, area, "flood").await?;
    over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await??;
    }
    tokio::time::sleep(Duration::from_millis(SETTLE_MS)).await;
    let look = daemon.core.look(|gateway| {
        let state = gateway.state();
        (state.alerts.back().map_or(0, |last| last.number), state.n_shed)
    });
    let on_record = look.await?;
    daemon.stop().await?;
    std::fs::remove_dir_all(&dir)?;
    let n_red = u64::try_from(idle_us.len() + flood_us.len())?;
    table(args, (&idle_us, &flood_us), &told, (n_red, on_record), out)
}

/// Red alerts one after the other; gives the time to each durable answer, microseconds, in order.
async fn reds(
    args: &FloodArgs,
    url: &str,
    key: &str,
    area: AreaCode,
    name: &str,
) -> anyhow::Result<Vec<u64>> {
    let client = tls::plain_client();
    let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / u64::from(args.red_per_s)));
    let mut all_us = Vec::new();
    for number in 0..args.seconds * args.red_per_s {
        ticks.tick().await;
        let body = cap(clock::now_utc(), &format!("{name}-{number}"), "Extreme", "红色", area);
        let watch = Monotonic::start();
        let answer = client.post(url).bearer_auth(key).body(body).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.as_u16() == 202, "a red alert was answered {status}: {text}");
        all_us.push(u64::try_from(watch.elapsed().as_micros())?);
    }
    all_us.sort_unstable();
    Ok(all_us)
}

/// One connection of the flood.
async fn send(
    sender: u32,
    every: Duration,
    (url, key, area): (String, String, AreaCode),
    told: Arc<Told>,
    over: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let client = tls::plain_client();
    let mut ticks = tokio::time::interval(every);
    let mut number = 0_u32;
    while !over.load(Ordering::Relaxed) {
        ticks.tick().await;
        number += 1;
        let body = cap(clock::now_utc(), &format!("f{sender}-{number}"), "Minor", "蓝色", area);
        told.sent.fetch_add(1, Ordering::Relaxed);
        let answer = client.post(&url).bearer_auth(&key).body(body).send().await?;
        let counted = match answer.status().as_u16() {
            202 => &told.taken,
            429 | 503 => &told.shed,
            _ => &told.other,
        };
        counted.fetch_add(1, Ordering::Relaxed);
        answer.bytes().await?;
    }
    Ok(())
}

fn cap(now: UtcMs, name: &str, severity: &str, colour: &str, area: AreaCode) -> String {
    let time = |at: UtcMs| {
        jiff::Timestamp::from_millisecond(at.plus_s(8 * 3_600).0)
            .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string())
            .unwrap_or_default()
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>{name}</identifier>\
         <sender>bench.example</sender><sent>{}</sent><status>Actual</status>\
         <msgType>Alert</msgType><scope>Public</scope><info><language>zh-CN</language>\
         <category>Met</category><event>暴雨</event><urgency>Immediate</urgency>\
         <severity>{severity}</severity><certainty>Observed</certainty>\
         <eventCode><valueName>eventType</valueName><value>11B03</value></eventCode>\
         <expires>{}</expires><senderName>气象台</senderName>\
         <headline>气象台发布暴雨{colour}预警</headline>\
         <description>预计未来三小时降雨量将达五十毫米以上，请注意防范。</description>\
         <area><areaDesc>一个村</areaDesc><geocode><valueName>CPEAS Geographic Code</valueName>\
         <value>{area}</value></geocode></area></info></alert>",
        time(now),
        time(now.plus_s(VALID_S))
    )
}

/// The value below which this share lies, microseconds; `sorted` is not empty.
fn share(sorted: &[u64], permille: usize) -> u64 {
    let at = (sorted.len() * permille).div_ceil(1_000).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

fn table(
    args: &FloodArgs,
    (idle_us, flood_us): (&[u64], &[u64]),
    told: &Told,
    (n_red, (n_alerts, n_shed)): (u64, (u64, u64)),
    out: &mut impl Write,
) -> anyhow::Result<u8> {
    let [sent, taken, shed, other] =
        [&told.sent, &told.taken, &told.shed, &told.other].map(|n| n.load(Ordering::Relaxed));
    let per_s = sent / u64::from(args.seconds);
    writeln!(
        out,
        "{sent} alerts in {} s, {per_s} a second, beside {n_red} red ones",
        args.seconds
    )?;
    writeln!(out, "answered: {taken} taken, {shed} refused for now, {other} otherwise")?;
    for (name, all_us) in [("without", idle_us), ("in the flood", flood_us)] {
        let [middle, late, last] = [500, 990, 1_000].map(|permille| share(all_us, permille));
        writeln!(out, "red, {name}: median {middle} us, 99 % {late} us, slowest {last} us")?;
    }
    let hundredths = share(flood_us, 990) * 100 / share(idle_us, 990).max(1);
    writeln!(out, "99 % of red ones: ratio {}.{:02}", hundredths / 100, hundredths % 100)?;
    let lost =
        sent.abs_diff(taken + shed) + (taken + n_red).abs_diff(n_alerts) + shed.abs_diff(n_shed);
    writeln!(
        out,
        "on record: {n_alerts} alerts and {n_shed} refused; {lost} of the answers are not there"
    )?;
    let missed = lost > 0 || hundredths > RATIO_MAX;
    let verdict = if missed { "a bound is missed" } else { "all bounds hold" };
    writeln!(out, "{verdict}: ratio <= 2.00, nothing lost")?;
    Ok(if missed { crate::cli::EXIT_FAILED } else { 0 })
}
