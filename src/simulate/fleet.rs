//! A fleet of simulated terminals and what they did.

use super::clips::ClipSource;
use super::terminal;
use crate::model::{AreaCode, UtcMs};
use core::fmt;
use mingluo_bridge::frame::{self, FrameError, Verifier};
use mingluo_bridge::gateway_key::{GatewayKey, GatewayVerifier};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Sessions per source address on loopback; below the 28,000 ephemeral ports of Linux.
const SESSIONS_PER_ADDRESS: usize = 20_000;

/// How terminals misbehave, each in percent of terminals or messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Misbehaviour {
    /// Terminals that never connect.
    pub offline_percent: u8,
    /// Messages lost, each way.
    pub loss_percent: u8,
    /// Longest random delay of an order, milliseconds.
    pub delay_ms_max: u32,
    /// Terminals that crash once while playing, and boot again.
    pub crash_percent: u8,
    /// Terminals whose clock is an hour off.
    pub bad_clock_percent: u8,
    /// Terminals that report `played` without playing.
    pub lying_percent: u8,
    /// Seed of all chance.
    pub seed: u64,
}

/// One terminal to simulate.
#[derive(Debug, Clone)]
pub struct FleetTerminal {
    /// Its name, 15 digits.
    pub id: u64,
    /// The area it stands in.
    pub area: AreaCode,
    /// Codec set.
    pub codecs: u8,
    /// Its own volume when it is switched on, percent.
    pub volume_percent: u8,
}

/// How the fleet connects and plays.
#[derive(Clone)]
pub struct FleetConfig {
    /// The broker.
    pub broker: SocketAddr,
    /// Topic prefix.
    pub prefix: String,
    /// Master key for the terminals' keys and passwords.
    pub master: [u8; 32],
    /// The gateway's public key for orders.
    pub gateway_key: GatewayKey,
    /// Its number.
    pub key_id: u32,
    /// Where audio comes from.
    pub clips: Arc<ClipSource>,
    /// Sound runs this many times faster than real time.
    pub time_scale: u32,
    /// New connections per second.
    pub connects_per_s: u32,
    /// Misbehaviour.
    pub misbehaviour: Misbehaviour,
}

/// When orders came to a fleet.
#[derive(Debug, Default)]
pub struct OrderTimes {
    first_ms: AtomicI64,
    last_ms: AtomicI64,
}

impl OrderTimes {
    /// One came.
    pub fn came(&self, now: UtcMs) {
        // Only the first one finds it unset.
        let _set = self.first_ms.compare_exchange(0, now.0, Ordering::Relaxed, Ordering::Relaxed);
        self.last_ms.fetch_max(now.0, Ordering::Relaxed);
    }
}

impl fmt::Display for OrderTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = |time: &AtomicI64| time.load(Ordering::Relaxed);
        write!(f, "first order {}  last order {}", read(&self.first_ms), read(&self.last_ms))
    }
}

/// What the fleet did, counted by the terminals themselves.
#[derive(Debug, Default)]
pub struct FleetStats {
    /// Sessions up.
    pub connected: AtomicU64,
    /// Orders that came.
    pub orders: AtomicU64,
    /// When.
    pub came: OrderTimes,
    /// Frames refused.
    pub refused_frames: AtomicU64,
    /// Reports published.
    pub reports: AtomicU64,
    /// Simulated crashes.
    pub crashes: AtomicU64,
    /// Plays that came to their end on serial lines.
    pub plays: AtomicU64,
    tallies: Mutex<BTreeMap<u64, Tally>>,
}

/// What happened to one broadcast, by the terminals' own account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// When each terminal first took the order, milliseconds since 1970.
    pub received_ms: BTreeMap<u64, i64>,
    /// Complete plays that really sounded, per terminal.
    pub sounded: BTreeMap<u64, u32>,
    /// Plays that began, per terminal and run of the terminal's life.
    pub started: BTreeMap<u64, u32>,
}

impl FleetStats {
    /// Changes the tally of a broadcast.
    pub fn tally(&self, broadcast: u64, change: impl FnOnce(&mut Tally)) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        change(tallies.entry(broadcast).or_default());
    }

    /// The tally of a broadcast.
    #[must_use]
    pub fn tally_of(&self, broadcast: u64) -> Tally {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.get(&broadcast).cloned().unwrap_or_default()
    }
}

/// Checks each distinct frame once: in the field every terminal checks on its own processor; here
/// ten thousand share two cores.
pub(super) struct SharedVerifier {
    inner: GatewayVerifier,
    known: Mutex<BTreeMap<[u8; 32], Result<(), FrameError>>>,
}

/// Frames remembered.
const FRAMES_KNOWN_MAX: usize = 4_096;

impl Verifier for SharedVerifier {
    fn verify(
        &self,
        algorithm: u8,
        key_id: u32,
        domain: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), FrameError> {
        let mut all = Vec::with_capacity(domain.len() + message.len() + signature.len() + 5);
        all.push(algorithm);
        all.extend(key_id.to_le_bytes());
        all.extend(domain);
        all.extend(message);
        all.extend(signature);
        let name = crate::model::Sha256::of(&all).0;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = known.get(&name) {
            return *result;
        }
        let result = self.inner.verify(algorithm, key_id, domain, message, signature);
        if known.len() >= FRAMES_KNOWN_MAX {
            known.clear();
        }
        known.insert(name, result);
        result
    }
}

/// What all terminals of a fleet share.
pub(super) struct Shared {
    pub(super) config: FleetConfig,
    pub(super) verifier: SharedVerifier,
    pub(super) stats: Arc<FleetStats>,
    pub(super) stop: watch::Receiver<bool>,
}

/// A running fleet.
pub struct Fleet {
    /// What it did.
    pub stats: Arc<FleetStats>,
    /// Terminals that will connect.
    pub n_connecting: usize,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl Fleet {
    /// Starts the terminals, at `connects_per_s`.
    ///
    /// # Errors
    /// When the public key is none.
    pub fn start(config: FleetConfig, terminals: Vec<FleetTerminal>) -> Result<Self, FrameError> {
        let inner = config.gateway_key.verifier(config.key_id);
        let inner = inner.ok_or(FrameError::Key(config.key_id))?;
        let verifier = SharedVerifier { inner, known: Mutex::new(BTreeMap::new()) };
        let stats = Arc::new(FleetStats::default());
        let (stop, stopped) = watch::channel(false);
        let wait = Duration::from_secs(1) / config.connects_per_s.max(1);
        let misbehaviour = config.misbehaviour;
        let terminals: Vec<FleetTerminal> = terminals
            .into_iter()
            .filter(|terminal| {
                let chance = Chance::new(misbehaviour.seed ^ terminal.id).percent();
                chance >= misbehaviour.offline_percent
            })
            .collect();
        let n_connecting = terminals.len();
        let shared =
            Arc::new(Shared { config, verifier, stats: Arc::clone(&stats), stop: stopped });
        let running = tokio::spawn(async move {
            let mut all = JoinSet::new();
            let mut ticks = tokio::time::interval(wait);
            for (number, terminal) in terminals.into_iter().enumerate() {
                ticks.tick().await;
                if *shared.stop.borrow() {
                    break;
                }
                let from = source(shared.config.broker, number);
                all.spawn(terminal::live(Arc::clone(&shared), terminal, from));
            }
            while all.join_next().await.is_some() {}
        });
        Ok(Self { stats, n_connecting, stop, running })
    }

    /// Waits until all sessions are up, or `s_max` seconds passed; gives how many are.
    pub async fn connected(&self, s_max: u64) -> usize {
        let wanted = u64::try_from(self.n_connecting).unwrap_or(u64::MAX);
        for _ in 0..s_max.saturating_mul(20) {
            if self.stats.connected.load(Ordering::Relaxed) >= wanted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        usize::try_from(self.stats.connected.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// Ends all terminals.
    pub async fn stop(self) {
        // Terminals that ended already need no word.
        let _ended = self.stop.send(true);
        self.running.abort();
        let _aborted = self.running.await;
    }
}

/// More than one source address on loopback when one has too few ports.
fn source(broker: SocketAddr, number: usize) -> Option<IpAddr> {
    let block = u8::try_from(number / SESSIONS_PER_ADDRESS).unwrap_or(u8::MAX);
    (broker.ip().is_loopback() && broker.is_ipv4() && block > 0)
        .then(|| IpAddr::V4(Ipv4Addr::new(127, 0, 1, block)))
}

/// Chance that repeats by its seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to 99.
    pub(super) fn percent(&mut self) -> u8 {
        u8::try_from(self.next() % 100).unwrap_or(0)
    }
}

/// Key and password of one terminal.
pub(super) fn secrets(config: &FleetConfig, id: u64) -> ([u8; 32], String) {
    let password = frame::terminal_password(&config.master, id).as_str().to_owned();
    (frame::terminal_key(&config.master, id), password)
}

impl FleetTerminal {
    /// From the registry.
    #[must_use]
    pub fn of(terminal: &crate::model::Terminal) -> Self {
        Self {
            id: terminal.id.number(),
            area: terminal.area,
            codecs: terminal::codec_set(&terminal.codecs),
            volume_percent: terminal.volume_percent,
        }
    }
}
