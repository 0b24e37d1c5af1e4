//! The yardstick: the same terminals on mosquitto, a bare publisher that sends them one sealed
//! order, a bare collector that counts what they report. No plan, no record, no receipts.

use super::stage::Stage;
use crate::clock;
use crate::daemon::clips;
use crate::deliver::order_topic;
use crate::model::{Address, ClipRef, Codec, TerminalId, UtcMs};
use crate::render::ClipStore;
use crate::simulate::{Received, Session, SessionConfig};
use anyhow::Context;
use mingluo_bridge::message::{self as wire, Order};
use mingluo_bridge::topics::{self, Leaf};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for everybody, seconds.
const WAIT_S_MAX: u64 = 120;
/// How long the order is valid, seconds.
const VALID_S: i64 = 600;
/// Length the order names for its clip, milliseconds.
const CLIP_MS: u32 = 20_000;

/// Milliseconds from the publish, per terminal.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    /// When it had checked order and content, by its own report.
    pub(super) received_ms: Vec<u64>,
    /// When its first report reached the collector.
    pub(super) answered_ms: Vec<u64>,
}

/// Measures one fan-out.
///
/// # Errors
/// When a session fails or not everybody answers.
pub(super) async fn measure(stage: &Stage, dir: &Path) -> anyhow::Result<Measured> {
    let settings = &stage.loaded.config;
    let keys = crate::daemon::key_ring(&settings.keys)?;
    let store = Arc::new(ClipStore::open(&dir.join("clips"), u64::MAX)?);
    let audio = std::fs::read(settings.render.audio_dir.join("rainstorm-red.opus"))?;
    let clip = store.put(Codec::Opus, &audio, CLIP_MS)?;
    let listener = tokio::net::TcpListener::bind(settings.http.terminal_listen).await?;
    let serving = tokio::spawn(axum::serve(listener, clips::router(store)).into_future());
    let prefix = &settings.mqtt.prefix;
    let mut collector = session(stage.broker()?, "collector").await?;
    let reports = ["acknowledgement", "status"].map(|leaf| format!("{prefix}/terminal/+/{leaf}"));
    collector.subscribe(&reports).await?;
    let mut publisher = session(stage.broker()?, "publisher").await?;
    let _terminals = stage.terminals()?;
    let n = stage.loaded.network.terminals.len();
    let limit = Duration::from_secs(WAIT_S_MAX);
    let online = first_of_each(&mut collector, prefix, Leaf::Status, n);
    tokio::time::timeout(limit, online).await.context("not all terminals came up")??;
    let began = clock::now_utc();
    for area in &stage.loaded.network.served {
        let sealed = keys.seal_order(&order(&clip, area.number(), began))?;
        publisher.publish(&order_topic(prefix, Address::Area(*area)), &sealed).await?;
    }
    let answers = first_of_each(&mut collector, prefix, Leaf::Acknowledgement, n);
    let answers =
        tokio::time::timeout(limit, answers).await.context("not everybody answered")??;
    serving.abort();
    let since = |at: UtcMs| u64::try_from(at.since_ms(began).max(0)).unwrap_or(0);
    let mut measured = Measured::default();
    for (terminal, (at, message)) in answers {
        let terminal = TerminalId::from_number(terminal).context("a terminal's number")?;
        let report = keys.open_report(terminal, &message.payload)?;
        let received_at = report.received_at_ms.context("a report of something received")?;
        measured.received_ms.push(since(UtcMs(received_at)));
        measured.answered_ms.push(since(at));
    }
    Ok(measured)
}

/// The first message of each of `n` terminals on their topics called `wanted`.
async fn first_of_each(
    collector: &mut Session,
    prefix: &str,
    wanted: Leaf,
    n: usize,
) -> anyhow::Result<BTreeMap<u64, (UtcMs, Received)>> {
    let mut all = BTreeMap::new();
    while all.len() < n {
        let message = collector.next().await?;
        if let Some((terminal, leaf)) = topics::parse_terminal(prefix, &message.topic)
            && leaf == wanted
        {
            all.entry(terminal).or_insert((clock::now_utc(), message));
        }
    }
    Ok(all)
}

pub(super) fn order(clip: &ClipRef, area: u64, now: UtcMs) -> Order {
    let clip = wire::Clip {
        codec: wire::Codec::Opus,
        sha256: clip.sha256.0,
        clip_bytes: clip.clip_bytes,
        duration_ms: clip.duration_ms,
    };
    Order::Play(wire::Manifest {
        counter: u64::try_from(now.0).unwrap_or(0),
        class: wire::Class::Live,
        drill_armed: false,
        priority: 200,
        target: wire::Target::Area(area),
        issued_at_ms: now.0,
        not_before_ms: now.0,
        expires_ms: now.plus_s(VALID_S).0,
        volume_percent: None,
        repeats: 1,
        interval_s: 0,
        stagger_ms: 0,
        clips: core::iter::once(clip).collect(),
    })
}

pub(super) async fn session(broker: SocketAddr, name: &str) -> anyhow::Result<Session> {
    let config = SessionConfig {
        broker,
        from: None,
        name: name.to_owned(),
        password: String::new(),
        will: ("will".to_owned(), vec![0]),
    };
    let mut tries = 0;
    loop {
        match Session::connect(&config).await {
            Ok(session) => return Ok(session),
            Err(fault) if tries >= 50 => return Err(fault).context("connecting to the broker"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        tries += 1;
    }
}
