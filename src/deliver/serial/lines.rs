//! All serial lines of a gateway: which order goes to which port and address, with which content,
//! and what came back from whom.

use super::airtime::{clip_ms, units_for};
use super::choose::{Limits, choose};
use super::direction::Direction;
use super::kept::Placing;
use super::port::{PORT_QUEUE_MAX, Port, PortInput};
use super::transfer::Bring;
use super::words::{LineOrder, LineSetup, TimeUse};
use super::{Content, LineWord, PortTold};
use crate::deliver::link::{LinkFault, LinkInput, Publish};
use crate::model::{AreaCode, Codec, TerminalId, UtcMs};
use mingluo_bridge::message::{self as wire, Order, Target};
use mingluo_bridge::topics::{self, Leaf};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::mpsc;

/// Words from the ports waiting for the gateway; terminals keep their reports until polled again.
const TOLD_MAX: usize = 1_024;
/// How long after the end of play answers are still awaited closely, milliseconds.
const WATCH_MS: i64 = 30_000;
/// Longest close watch, milliseconds; later words come with the idle polls.
const WATCH_MS_MAX: i64 = 900_000;
/// Bytes of a sealed order before and after its body.
const SEAL_BYTES: (usize, usize) = (7, 64);
/// Validity of what has no end, milliseconds: a day.
const FOREVER_MS: i64 = 86_400_000;
/// Clips of which a port remembers who has them; the oldest digest makes room.
const PLACED_MAX: usize = 256;
/// Refusals of contents a port remembers; the lowest address makes room.
const NEVER_MAX: usize = 1_024;

/// One terminal on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineMember {
    /// Its address, 1 to 247.
    pub address: u8,
    /// Its name.
    pub terminal: TerminalId,
    /// The area it stands in.
    pub area: AreaCode,
    /// What it can decode.
    pub codecs: Vec<Codec>,
    /// Whether the line is its preferred link.
    pub preferred: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineConfig {
    /// The port, such as `/dev/ttyUSB0`.
    pub path: String,
    /// Speed and waits.
    pub setup: LineSetup,
    /// Who turns the line.
    pub direction: Direction,
    /// Longest time a clip may take on it, seconds.
    pub clip_s_max: u32,
    /// A clip that takes longer gives way to a stored warning or a text, seconds.
    pub clip_soon_s: u32,
    /// Who is on it.
    pub members: Vec<LineMember>,
}

/// Gives the bytes of a clip by digest, from the clip store; may read a file.
pub type Contents = Arc<dyn Fn(&wire::Clip) -> Option<Arc<[u8]>> + Send + Sync>;

/// Makes sealed time signals for all areas served, of this moment.
pub type TimeSignals = Arc<dyn Fn() -> Vec<Arc<[u8]>> + Send + Sync>;

pub(super) struct Line {
    pub(super) config: LineConfig,
    pub(super) inputs: mpsc::Sender<PortInput>,
    pub(super) up: Arc<AtomicBool>,
    /// Who has which content.
    pub(super) placed: Mutex<BTreeMap<[u8; 32], BTreeSet<u8>>>,
    /// Who can't have which content.
    never: Mutex<BTreeSet<(u8, [u8; 32])>>,
    pub(super) placing: Mutex<Placing>,
}

impl Line {
    /// Whether a terminal has a content, as far as is known.
    fn has(&self, sha256: &[u8; 32], address: u8) -> bool {
        let placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        placed.get(sha256).is_some_and(|have| have.contains(&address))
    }

    /// How long a clip takes to a terminal among `n_terminals` that want it, milliseconds: nothing
    /// when it is there; `None` when it can't be had there.
    fn takes_ms(&self, clip: &wire::Clip, member: &LineMember, n_terminals: usize) -> Option<i64> {
        let never = self.never.lock().unwrap_or_else(PoisonError::into_inner);
        let can = member.codecs.iter().any(|codec| same(*codec, clip.codec))
            && !never.contains(&(member.address, clip.sha256));
        drop(never);
        if can && clip.codec != wire::Codec::Phrases && self.has(&clip.sha256, member.address) {
            return Some(0);
        }
        let setup = &self.config.setup;
        let units = units_for(clip.clip_bytes, setup.units).filter(|_| can)?;
        clip_ms(setup.baud, clip.clip_bytes, units, n_terminals)
    }

    /// A terminal has this content.
    fn has_now(&self, address: u8, sha256: &[u8; 32]) {
        // In this order wherever both are held.
        let placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        placed.entry(*sha256).or_default().insert(address);
        for replaced in placing.replaced_by(sha256) {
            if let Some(have) = placed.get_mut(&replaced) {
                have.remove(&address);
            }
        }
        if placed.len() > PLACED_MAX {
            let passing = |name: &&[u8; 32]| *name != sha256 && !placing.is_kept(name);
            let oldest = placed.keys().find(passing).copied();
            oldest.map(|name| placed.remove(&name));
        }
    }

    /// Notes what a terminal said about a content; true when it was about one.
    fn noted(&self, address: u8, word: &LineWord) -> bool {
        match word {
            LineWord::Here(sha256) => {
                let mut never = self.never.lock().unwrap_or_else(PoisonError::into_inner);
                never.remove(&(address, *sha256));
                drop(never);
                self.has_now(address, sha256);
                true
            }
            LineWord::Never(sha256) => {
                let mut never = self.never.lock().unwrap_or_else(PoisonError::into_inner);
                never.insert((address, *sha256));
                if never.len() > NEVER_MAX {
                    never.pop_first();
                }
                true
            }
            LineWord::Frame(_) | LineWord::Presence(_) => false,
        }
    }
}

/// The lines.
pub struct SerialLines {
    pub(super) lines: Arc<Vec<Line>>,
    /// Digests of the phrases that terminals should have by now, by number.
    pub(super) phrases: Mutex<BTreeMap<u16, [u8; 32]>>,
    contents: Contents,
    prefix: String,
    /// Terminals whose last report came by a line: their receipt goes there.
    owed: Arc<Mutex<BTreeSet<TerminalId>>>,
    time_signals: Arc<OnceLock<TimeSignals>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl SerialLines {
    /// Starts one task a port. What terminals say comes out at `inputs`.
    #[must_use]
    pub fn start(
        configs: Vec<LineConfig>,
        prefix: String,
        contents: Contents,
        inputs: mpsc::Sender<LinkInput>,
    ) -> Self {
        let (told, heard) = mpsc::channel(TOLD_MAX);
        let mut tasks = Vec::new();
        let mut lines = Vec::new();
        let time_signals = Arc::new(OnceLock::new());
        for (number, config) in configs.into_iter().enumerate() {
            let (orders, port_inputs) = mpsc::channel(PORT_QUEUE_MAX);
            let up = Arc::new(AtomicBool::new(false));
            let port = Port {
                path: config.path.clone(),
                setup: config.setup,
                direction: config.direction,
                addresses: config.members.iter().map(|member| member.address).collect(),
                inputs: port_inputs,
                told: told.clone(),
                number,
                time_signals: Arc::clone(&time_signals),
                up: Arc::clone(&up),
                talking: false,
            };
            tasks.push(tokio::spawn(port.run()));
            let (placed, never, placing) = (Mutex::default(), Mutex::default(), Mutex::default());
            lines.push(Line { config, inputs: orders, up, placed, never, placing });
        }
        let lines = Arc::new(lines);
        let owed = Arc::new(Mutex::new(BTreeSet::new()));
        tasks.push(tokio::spawn(listen(Arc::clone(&lines), heard, Arc::clone(&owed), inputs)));
        let phrases = Mutex::default();
        Self { lines, phrases, contents, prefix, owed, time_signals, tasks }
    }

    /// Whether there is any line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// From now on the time goes before orders, made by `time_signals`; set once.
    pub fn tell_time(&self, time_signals: TimeSignals) {
        // A second call changes nothing: the first one's signals are as good.
        let _set = self.time_signals.set(time_signals);
    }

    /// Sends an order to those it is for: an area's to the terminals that prefer the line, a
    /// terminal's own to it in any case.
    ///
    /// # Errors
    /// `Down` when no port with such a terminal is open, `Full` when a port's queue is full.
    pub async fn publish(&self, publish: &Publish, now: UtcMs) -> Result<(), LinkFault> {
        let Some(order) = body_of(&publish.payload) else {
            return Err(LinkFault::Down("not an order".into()));
        };
        let address = self.address_of(&publish.topic);
        let mut result = Err(LinkFault::Down("no serial port with such a terminal is open".into()));
        for line in self.lines.iter().filter(|line| line.up.load(Ordering::Relaxed)) {
            let members: Vec<&LineMember> = line
                .config
                .members
                .iter()
                .filter(|member| match address {
                    Some(Target::Terminal(id)) => member.terminal.number() == id,
                    Some(Target::Area(_)) => {
                        let for_all = matches!(order, Order::Time(_) | Order::Keep(_));
                        (for_all || member.preferred)
                            && order.target().covers(0, &[member.area.number()])
                    }
                    None => false,
                })
                .collect();
            if members.is_empty() {
                continue;
            }
            let order = self.line_order(line, &members, &order, publish, now);
            let sent = line.inputs.try_send(PortInput::Order(Box::new(order)));
            match (sent, &result) {
                (Ok(()), _) => result = Ok(()),
                (Err(_), Err(_)) => result = Err(LinkFault::Full),
                (Err(_), Ok(())) => {}
            }
            // Content is read from disk per line: others get their turn.
            tokio::task::yield_now().await;
        }
        result
    }

    /// Sends a receipt to a terminal whose last report came by a line; to others it is not sent.
    pub fn receipt(&self, publish: &Publish) {
        let terminal = topics::parse_terminal(&self.prefix, &publish.topic);
        let Some((id, Leaf::Receipt)) = terminal else { return };
        let Some(terminal) = TerminalId::from_number(id) else { return };
        if !self.owed.lock().unwrap_or_else(PoisonError::into_inner).remove(&terminal) {
            return;
        }
        for line in self.lines.iter() {
            let member = line.config.members.iter().find(|member| member.terminal == terminal);
            if let Some(member) = member {
                let receipt = PortInput::Receipt(member.address, Arc::clone(&publish.payload));
                // A full queue loses it: the report comes again, and so does its receipt.
                let _full = line.inputs.try_send(receipt);
            }
        }
    }

    /// Ends all ports.
    pub fn close(&self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }

    fn address_of(&self, topic: &str) -> Option<Target> {
        if let Some((id, Leaf::Order)) = topics::parse_terminal(&self.prefix, topic) {
            return Some(Target::Terminal(id));
        }
        let rest = topic.strip_prefix(self.prefix.as_str())?.strip_prefix("/area/")?;
        rest.strip_suffix("/order")?.parse().ok().map(Target::Area)
    }

    fn line_order(
        &self,
        line: &Line,
        members: &[&LineMember],
        order: &Order,
        publish: &Publish,
        now: UtcMs,
    ) -> LineOrder {
        let left_ms = publish.expires_at.map_or(FOREVER_MS, |at| at.since_ms(now).max(0));
        let watched = |play_ms: i64| play_ms.saturating_add(WATCH_MS).min(WATCH_MS_MAX);
        let (priority, watch_ms) = match order {
            Order::Play(manifest) | Order::Live(manifest) => {
                (manifest.priority, watched(play_ms(manifest)))
            }
            Order::Cancel(_) => (u8::MAX, watched(0)),
            Order::Query(_) | Order::Check(_) => (0, watched(0)),
            Order::Keep(_) | Order::Time(_) | Order::Part(_) => (0, 0),
        };
        let mut to: Vec<u8> = members.iter().map(|member| member.address).collect();
        let listed = self.listed(order);
        let (groups, without) = wanted(line, members, order, left_ms, listed.as_deref());
        for (address, quickest_ms) in &without {
            let quickest_s = quickest_ms.map(|ms| ms / 1_000);
            let limit_s = line.config.clip_s_max;
            tracing::warn!(
                port = %line.config.path, address, ?quickest_s, limit_s,
                "no content of this order is there in time; keep warnings there, or use a lower codec"
            );
        }
        to.retain(|address| without.iter().all(|(refused, _)| refused != address));
        let contents = groups.into_iter().filter_map(|(clip, to)| self.content(line, &clip, to));
        let contents = contents.collect();
        LineOrder {
            frame: Arc::clone(&publish.payload),
            to,
            priority,
            expires_us: left_ms.saturating_mul(1_000),
            content: contents,
            watch_us: watch_ms * 1_000,
            time: time_use(order),
        }
    }

    /// What the phrase list of an order is made of; `None` when it has none, or one of other phrases
    /// than terminals have now.
    fn listed(&self, order: &Order) -> Option<Vec<[u8; 32]>> {
        let Order::Play(manifest) = order else { return None };
        let list = manifest.clips.iter().find(|clip| clip.codec == wire::Codec::Phrases)?;
        let bytes = (self.contents)(list)?;
        let phrases = self.phrases.lock().unwrap_or_else(PoisonError::into_inner);
        let digest_of = |number| phrases.get(&number).copied();
        let numbers = mingluo_bridge::phrases::open(&bytes, digest_of)?;
        numbers.iter().map(|number| digest_of(*number)).collect()
    }

    /// The content these addresses need; none when it is not in our store (they may keep it).
    fn content(&self, line: &Line, clip: &wire::Clip, to: Vec<u8>) -> Option<Content> {
        let bytes = (self.contents)(clip)?;
        // A list is looked at anew by terminals each time, so that it is sent each time.
        let placed = clip.codec != wire::Codec::Phrases
            && to.iter().all(|address| line.has(&clip.sha256, *address));
        let bring = if placed { Bring::Name } else { Bring::Send };
        Some(Content { sha256: clip.sha256, bytes, to, bring })
    }
}

/// A content with the addresses that get it.
type Group = (wire::Clip, Vec<u8>);

/// The content for each terminal, and who gets none, with what the quickest would take.
fn wanted(
    line: &Line,
    members: &[&LineMember],
    order: &Order,
    left_ms: i64,
    listed: Option<&[[u8; 32]]>,
) -> (Vec<Group>, Vec<(u8, Option<i64>)>) {
    let (mut groups, mut without) = (Vec::<Group>::new(), Vec::new());
    let Order::Play(manifest) = order else { return (groups, without) };
    let limits = Limits {
        soon_ms: i64::from(line.config.clip_soon_s) * 1_000,
        most_ms: left_ms.min(i64::from(line.config.clip_s_max) * 1_000),
    };
    for member in members {
        let keeps = |phrases: &[[u8; 32]]| phrases.iter().all(|one| line.has(one, member.address));
        let takes_ms = |clip: &wire::Clip| {
            let sayable = clip.codec != wire::Codec::Phrases || listed.is_some_and(keeps);
            line.takes_ms(clip, member, members.len()).filter(|_| sayable)
        };
        let chosen = choose(&manifest.clips, limits, takes_ms);
        match chosen {
            Ok(clip) => match groups.iter_mut().find(|(known, _)| known.sha256 == clip.sha256) {
                Some((_, addresses)) => addresses.push(member.address),
                None => groups.push((clip, vec![member.address])),
            },
            Err(quickest_ms) => without.push((member.address, quickest_ms)),
        }
    }
    (groups, without)
}

pub(super) fn same(codec: Codec, wire: wire::Codec) -> bool {
    crate::deliver::order::wire_codec(codec) == wire
}

fn time_use(order: &Order) -> TimeUse {
    match order {
        Order::Play(_)
        | Order::Query(_)
        | Order::Keep(_)
        | Order::Live(_)
        | Order::Part(_)
        | Order::Check(_) => TimeUse::Needs,
        Order::Cancel(_) => TimeUse::Free,
        Order::Time(_) => TimeUse::Sets,
    }
}

/// How long all plays take.
fn play_ms(manifest: &wire::Manifest) -> i64 {
    let longest_ms = manifest.clips.iter().map(|clip| clip.duration_ms).max().unwrap_or(0);
    let one_ms = i64::from(longest_ms) + i64::from(manifest.interval_s) * 1_000;
    one_ms * i64::from(manifest.repeats) + i64::from(manifest.stagger_ms)
}

/// Reads the body of an order we sealed ourselves.
pub(in crate::deliver) fn body_of(frame: &[u8]) -> Option<Order> {
    let end = frame.len().checked_sub(SEAL_BYTES.1)?;
    postcard::from_bytes(frame.get(SEAL_BYTES.0..end)?).ok()
}

/// Turns what the ports tell into inputs of the gateway, until it stops.
async fn listen(
    lines: Arc<Vec<Line>>,
    mut heard: mpsc::Receiver<PortTold>,
    owed: Arc<Mutex<BTreeSet<TerminalId>>>,
    inputs: mpsc::Sender<LinkInput>,
) {
    while let Some(told) = heard.recv().await {
        let Some(line) = lines.get(told.port) else { continue };
        let member = line.config.members.iter().find(|member| member.address == told.address);
        let Some(terminal) = member.map(|member| member.terminal) else { continue };
        let word = told.word;
        if line.noted(told.address, &word) {
            continue;
        }
        if let LineWord::Frame(_) = word {
            owed.lock().unwrap_or_else(PoisonError::into_inner).insert(terminal);
        }
        if inputs.send(LinkInput::Serial { terminal, word }).await.is_err() {
            return;
        }
    }
}
