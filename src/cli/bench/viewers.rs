//! The broadcast page in a storm: what a hundred people who watch it cost the dispatch, what each of them
//! is sent, and how soon the page is there. With and without viewers in turn, each in a process of its
//! own, so that the ratio is one of the same machine at the same time. How far it is stands on standard error.

use super::fanout::{Row, fan_out, share};
use super::stage::Stage;
use crate::clock::Monotonic;
use crate::console::{Account, Accounts, ApiKeys};
use crate::daemon::{Daemon, Metrics};
use crate::gateway::{Answer, Input};
use crate::model::{Actor, BroadcastId, Role};
use anyhow::{Context, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the page is watched when all is over, seconds.
const REST_S: u64 = 10;
/// How long bytes on their way still count for the storm, milliseconds.
const SETTLE_MS: u64 = 6_000;
/// Longest wait for a whole page, or for the head of a stream, seconds.
const PAGE_S_MAX: u64 = 60;
/// Longest wait until what was cancelled has ended at every terminal, seconds.
const END_S_MAX: u64 = 120;
/// How often one is told how many terminals are connected, seconds.
const TELL_EVERY_S: u64 = 5;
/// Page views that are timed.
const PAINTS: usize = 20;
/// Most bytes a second for a viewer at rest.
const REST_BYTES_PER_S_MAX: u64 = 1_024;
/// Longest time to the page, milliseconds.
const PAINT_MS_MAX: u64 = 300;
/// Highest ratio of the dispatch with viewers to that without, hundredths.
const RATIO_MAX: u64 = 110;
/// What the account of the viewers types in; it lives in a folder that goes with the measurement.
const PASSWORD: &str = "a hundred people look at one page";

/// Arguments of `mingluo bench viewers`.
#[derive(Debug, Args)]
pub(crate) struct ViewersArgs {
    /// Terminals
    #[arg(long, default_value_t = 10_000)]
    terminals: usize,
    /// Viewers
    #[arg(long, default_value_t = 100)]
    viewers: usize,
    /// Configuration whose areas and plans are used
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    config: PathBuf,
    /// Measure both this many times in turn; the median counts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: u8,
    /// Measure once in this very process and print it as JSON
    #[arg(long, hide = true)]
    row: bool,
    /// Leave out what is measured at rest
    #[arg(long, hide = true, requires = "row")]
    storm_only: bool,
}

/// One measurement.
#[derive(Serialize, Deserialize)]
struct Measured {
    row: Row,
    /// Bytes that the viewers were sent while it went out, and for how long, milliseconds.
    storm: (u64, u64),
    /// Bytes that they were sent at rest.
    rest_bytes: u64,
    /// Times to the whole page at rest.
    paint_ms: Vec<u64>,
    page_bytes: u64,
}

impl Measured {
    /// A dispatch, and nothing measured beside it.
    fn of(row: Row) -> Self {
        Self { row, storm: (0, 1), rest_bytes: 0, paint_ms: Vec::new(), page_bytes: 0 }
    }
}

/// Runs the comparison.
///
/// # Errors
/// When the gateway or the terminals do not start.
pub(super) fn run(args: &ViewersArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    crate::cli::start_log(false, "warn");
    if args.row {
        let measured = crate::cli::runtime()?.block_on(Box::pin(here(args)))?;
        writeln!(out, "{}", serde_json::to_string(&measured)?)?;
        return Ok(0);
    }
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        say(&format!("round {} of {}, nobody watches", round + 1, args.rounds));
        without.push(alone(args, 0, true)?);
        say(&format!("round {} of {}, {} viewers", round + 1, args.rounds, args.viewers));
        with.push(alone(args, args.viewers, round + 1 < args.rounds)?);
    }
    table(args, without, with, out)
}

/// How far it is, for who waits; the result stands on standard output.
fn say(text: &str) {
    // Who closed it does not want to know.
    let _closed = writeln!(std::io::stderr(), "viewers: {text}");
}

/// Says how many terminals are connected, until it is ended.
async fn tell(metrics: Arc<Metrics>, n: usize) {
    loop {
        tokio::time::sleep(Duration::from_secs(TELL_EVERY_S)).await;
        say(&format!("{} of {n} terminals are connected", metrics.n_online()));
    }
}

fn alone(args: &ViewersArgs, viewers: usize, storm_only: bool) -> anyhow::Result<Measured> {
    let done = std::process::Command::new(std::env::current_exe()?)
        .args(["bench", "viewers", "--row", "--viewers", &viewers.to_string()])
        .args(["--terminals", &args.terminals.to_string(), "--config"])
        .arg(&args.config)
        .args(storm_only.then_some("--storm-only"))
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(done.status.success(), "the process that measures it ended with {}", done.status);
    serde_json::from_slice(&done.stdout).context("what the process that measures it printed")
}

async fn here(args: &ViewersArgs) -> anyhow::Result<Measured> {
    let dir = std::env::temp_dir().join(format!("mingluo-viewers-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let stage = Stage::set(&args.config, &dir, args.terminals, None)?;
    let served = stage.loaded.network.served.clone();
    let mut keys = ApiKeys::default();
    let key = keys.create("bench", Role::Source, served.clone())?;
    keys.save(&stage.loaded.config.keys.api_keys_file)?;
    let file = &stage.loaded.config.keys.accounts_file;
    let mut accounts = Accounts::load(file)?;
    accounts.add(Account::new("bench", "bench", Role::Leader, served, PASSWORD)?)?;
    accounts.save(file)?;
    let daemon = Daemon::start(stage.loaded.clone()).await?;
    let terminals = stage.terminals()?;
    let telling = tokio::spawn(tell(Arc::clone(&daemon.metrics), args.terminals));
    let measured = watched(args, &daemon, &key).await;
    telling.abort();
    drop(terminals);
    daemon.stop().await?;
    std::fs::remove_dir_all(&dir)?;
    measured
}

/// Those who watch: how many follow, and the bytes they were sent.
#[derive(Default)]
struct Crowd {
    n_following: AtomicUsize,
    bytes: AtomicU64,
}

impl Crowd {
    /// Waits until everybody follows. A crowd that was turned away costs nothing: that would be no
    /// measurement.
    async fn follows(&self, n: usize) -> anyhow::Result<()> {
        let watch = Monotonic::start();
        loop {
            let n_following = self.n_following.load(Ordering::Relaxed);
            if n_following == n {
                return Ok(());
            }
            let late = watch.elapsed() > Duration::from_secs(PAGE_S_MAX);
            ensure!(!late, "{n_following} of {n} viewers follow after {PAGE_S_MAX} s");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn watched(args: &ViewersArgs, daemon: &Daemon, key: &str) -> anyhow::Result<Measured> {
    let http = daemon.http;
    let cookie = sign_in(http).await?;
    let crowd = Arc::new(Crowd::default());
    let mut began = None;
    let comes = |id: BroadcastId| {
        say("the alert is out");
        began = Some((id, Monotonic::start()));
        for _ in 0..args.viewers {
            let seen = view(http, cookie.clone(), id, Arc::clone(&crowd));
            tokio::spawn(async move {
                if let Err(fault) = seen.await {
                    say(&format!("a viewer ends: {fault:#}"));
                }
            });
        }
    };
    let row = fan_out("gateway", daemon, key, args.terminals, comes).await?;
    if args.viewers == 0 {
        return Ok(Measured::of(row));
    }
    say("every terminal answered");
    let (id, began) = began.context("no broadcast")?;
    crowd.follows(args.viewers).await?;
    tokio::time::sleep(Duration::from_millis(SETTLE_MS)).await;
    let storm = (crowd.bytes.load(Ordering::Relaxed), began.elapsed_ms());
    if args.storm_only {
        return Ok(Measured { storm, ..Measured::of(row) });
    }
    end(daemon, id).await?;
    say(&format!("at rest, for {REST_S} s"));
    let before = crowd.bytes.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(REST_S)).await;
    let rest_bytes = crowd.bytes.load(Ordering::Relaxed) - before;
    say(&format!("{PAINTS} page views"));
    let (mut paint_ms, mut page_bytes) = (Vec::new(), 0);
    for _ in 0..PAINTS {
        let watch = Monotonic::start();
        let page = exchange(http, &get(&format!("/console/broadcasts/{id}"), &cookie)).await?;
        paint_ms.push(watch.elapsed_ms());
        ensure!(page.starts_with("HTTP/1.1 200"), "the page: {}", head(&page));
        page_bytes = u64::try_from(page.len())?;
    }
    Ok(Measured { row, storm, rest_bytes, paint_ms, page_bytes })
}

/// Cancels it, and waits until nobody plays any more: then the page is at rest. Playing to the end would
/// take minutes and show nothing else.
async fn end(daemon: &Daemon, id: BroadcastId) -> anyhow::Result<()> {
    say("it is cancelled");
    let served = daemon.core.look(|gateway| gateway.rules().network.served.clone()).await?;
    let actor = Actor { name: "bench".into(), role: Role::Leader, areas: served };
    let cancel = move |request| Input::Cancel(request, actor, id, "measured".into());
    let answer = daemon.core.ask(None, cancel).await?;
    // It may have ended by itself.
    ensure!(matches!(answer, Answer::Done(_) | Answer::NotFound(_)), "cancelling: {answer:?}");
    let watch = Monotonic::start();
    while watch.elapsed() < Duration::from_secs(END_S_MAX) {
        let ended = daemon.core.look(move |gateway| {
            gateway.state().broadcasts.get(&id).is_none_or(|state| state.all_ended())
        });
        if ended.await? {
            tokio::time::sleep(Duration::from_millis(SETTLE_MS)).await;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bail!("terminals still play {END_S_MAX} s after the cancel")
}

/// One person: opens the page, and follows it until the gateway stops.
async fn view(
    http: SocketAddr,
    cookie: String,
    id: BroadcastId,
    crowd: Arc<Crowd>,
) -> anyhow::Result<()> {
    let page = exchange(http, &get(&format!("/console/broadcasts/{id}"), &cookie)).await?;
    ensure!(page.starts_with("HTTP/1.1 200"), "the page: {}", head(&page));
    let mut stream = TcpStream::connect(http).await?;
    let path = format!("/console/live?topic=pulse,broadcast-{id},detail-{id}");
    stream.write_all(get(&path, &cookie).as_bytes()).await?;
    let mut buffer = vec![0; 64 * 1024];
    let first = tokio::time::timeout(Duration::from_secs(PAGE_S_MAX), stream.read(&mut buffer));
    let n = first.await.context("the stream does not begin")??;
    let begins = buffer.get(..n).unwrap_or_default();
    ensure!(begins.starts_with(b"HTTP/1.1 200"), "{}", head(&String::from_utf8_lossy(begins)));
    crowd.n_following.fetch_add(1, Ordering::Relaxed);
    crowd.bytes.fetch_add(u64::try_from(n)?, Ordering::Relaxed);
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            crowd.n_following.fetch_sub(1, Ordering::Relaxed);
            return Ok(());
        }
        crowd.bytes.fetch_add(u64::try_from(n)?, Ordering::Relaxed);
    }
}

fn get(path: &str, cookie: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    )
}

/// Signs in; gives the cookie of the session.
async fn sign_in(http: SocketAddr) -> anyhow::Result<String> {
    let fields = [("login", "bench"), ("password", PASSWORD)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = format!(
        "POST /console/sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(http, &request).await?;
    let cookies = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    let pairs = cookies.filter_map(|cookie| cookie.split(';').next());
    let mut pairs = pairs;
    let session = pairs.find(|pair| pair.starts_with("mingluo_session="));
    session.map(str::to_owned).with_context(|| format!("signing in: {}", head(&answer)))
}

fn head(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}

async fn exchange(http: SocketAddr, request: &str) -> anyhow::Result<String> {
    let whole = async {
        let mut stream = TcpStream::connect(http).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        anyhow::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let limit = Duration::from_secs(PAGE_S_MAX);
    tokio::time::timeout(limit, whole)
        .await
        .with_context(|| format!("no page in {PAGE_S_MAX} s"))?
}

fn median(all: Vec<Measured>) -> anyhow::Result<Measured> {
    let mut all = all;
    all.sort_by_key(|measured| share(&measured.row.received_ms, 1_000));
    let middle = all.len() / 2;
    all.into_iter().nth(middle).context("no round")
}

fn table(
    args: &ViewersArgs,
    without: Vec<Measured>,
    with: Vec<Measured>,
    out: &mut impl Write,
) -> anyhow::Result<u8> {
    let rest = with.iter().rposition(|measured| measured.page_bytes > 0);
    let rest = rest.and_then(|at| with.get(at)).context("nothing was measured at rest")?;
    let (rest_bytes, paint_ms, bytes) = (rest.rest_bytes, rest.paint_ms.clone(), rest.page_bytes);
    let (without, with) = (median(without)?, median(with)?);
    let n = u64::try_from(args.viewers)?.max(1);
    writeln!(out, "{} terminals, {} viewers of the broadcast page", args.terminals, args.viewers)?;
    let mut missed = false;
    let ratio = |name: &str, permille: usize, of: fn(&Row) -> &Vec<u64>, out: &mut dyn Write| {
        let (alone, crowd) = (share(of(&without.row), permille), share(of(&with.row), permille));
        let hundredths = crowd * 100 / alone.max(1);
        let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        writeln!(out, "{name}: {alone} ms alone, {crowd} ms watched: ratio {text}")?;
        anyhow::Ok(hundredths > RATIO_MAX)
    };
    missed |= ratio("last received", 1_000, |row| &row.received_ms, out)?;
    missed |= ratio("99 % of acknowledgements on record", 990, |row| &row.answered_ms, out)?;
    let storm_per_s = with.storm.0 * 1_000 / with.storm.1.max(1) / n;
    let rest_per_s = rest_bytes / REST_S / n;
    writeln!(out, "a viewer is sent {storm_per_s} bytes/s in the storm, {rest_per_s} at rest")?;
    missed |= rest_per_s > REST_BYTES_PER_S_MAX;
    let (middle, slowest) = (share(&paint_ms, 500), share(&paint_ms, 1_000));
    writeln!(out, "the page, {bytes} bytes: {middle} ms, the slowest of {PAINTS} {slowest} ms")?;
    missed |= middle > PAINT_MS_MAX;
    let verdict = if missed { "a bound is missed" } else { "all bounds hold" };
    writeln!(
        out,
        "{verdict}: ratio <= 1.10, at rest <= {REST_BYTES_PER_S_MAX} bytes/s, page <= {PAINT_MS_MAX} ms"
    )?;
    Ok(if missed { crate::cli::EXIT_FAILED } else { 0 })
}
