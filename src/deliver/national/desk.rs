//! Where orders become packets for the sessions that are up. Terminals share a packet in groups, so
//! that one signature serves many; everything is sent without waiting for anybody.

use super::control::{Auxiliary, Class, Control, Setting, Start, request};
use super::ledger::{Ledger, Why};
use super::packet::Signature;
use super::{NationalConfig, NationalWord};
use crate::deliver::link::{LinkInput, Outgoing};
use crate::deliver::serial::body_of;
use crate::model::{
    Address, BroadcastId, Finding, HazardCode, NationalCode, SilentTestId, TerminalId, UtcMs,
};
use mingluo_bridge::message::{self as wire, Order};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Packets waiting for one session. When it is full the terminal counts as not reached, and the
/// schedule sends again.
pub(super) const QUEUE_MAX: usize = 32;
/// Terminals that share a packet and its signature.
const TARGETS_MAX: usize = 16;
/// Requests whose answers are awaited; the oldest is given up.
const PENDING_MAX: usize = 65_536;
/// Plays of one order: the audio stands so often in its start.
const REPEATS_MAX: u8 = 20;
/// Kind of audio: an mp3 file by its address.
const MP3: u8 = 2;
/// Kind of hazard of what names none: "any".
const ANY_HAZARD: [u8; 5] = *b"11111";

/// What an answer will be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A start (false) or a stop (true) of this broadcast.
    Sound(BroadcastId, bool),
    /// The clock was set to this.
    Clock(UtcMs),
    /// The volume was set, and a silent test goes on with the answer.
    Volume(SilentTestId),
    /// It was asked in silence whether it could play.
    Able(SilentTestId),
    /// Nothing that an answer proves anything of.
    Other,
}

#[derive(Debug)]
struct Pending {
    asked: Asked,
    of: Vec<TerminalId>,
}

/// A packet on its way to a session.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) bytes: Arc<[u8]>,
    /// End of what it would let sound: from then on it goes out no more. `None` = it starts nothing.
    until: Option<UtcMs>,
}

impl Packed {
    /// Whether it would start what is over.
    pub(super) fn is_over(&self, now: UtcMs) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

/// A session that takes orders.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) number: u64,
    pub(super) orders: mpsc::Sender<Packed>,
    pub(super) is_working: bool,
}

pub(super) struct State {
    pub(super) ledger: Ledger,
    pub(super) sessions: BTreeMap<TerminalId, Session>,
    pending: BTreeMap<u32, Pending>,
    /// Who was asked in silence and has not answered: the latest test of each.
    tests: BTreeMap<TerminalId, SilentTestId>,
}

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Who is on the way to get it.
    pub to: Vec<Address>,
    /// How many could not be reached.
    pub n_refused: usize,
}

pub(super) struct Desk {
    pub(super) config: NationalConfig,
    pub(super) by_code: BTreeMap<NationalCode, TerminalId>,
    state: Mutex<State>,
    next_session: AtomicU32,
    pub(super) inputs: mpsc::Sender<LinkInput>,
}

impl Desk {
    pub(super) fn new(config: NationalConfig, inputs: mpsc::Sender<LinkInput>) -> Self {
        let ledger = Ledger::new(config.platform);
        let (sessions, pending, tests) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let by_code = config.members.iter().map(|(id, member)| (member.code, *id)).collect();
        // Numbers of a gateway that was started again differ from those before.
        let first = u32::try_from((config.now)().as_s() & 0x3FFF_FFFF).unwrap_or(0);
        let state = Mutex::new(State { ledger, sessions, pending, tests });
        Self { config, by_code, state, next_session: AtomicU32::new(first), inputs }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the gateway a terminal's word; waits while its queue is full.
    pub(super) async fn tell(&self, terminal: TerminalId, word: NationalWord) {
        // It ends with the gateway.
        let _gone = self.inputs.send(LinkInput::National { terminal, word }).await;
    }

    /// What a terminal's answer to the request of that number is about, if it was asked.
    pub(super) fn asked(&self, session: u32, terminal: TerminalId) -> Option<Asked> {
        let state = self.state();
        let pending = state.pending.get(&session)?;
        pending.of.contains(&terminal).then_some(pending.asked)
    }

    /// A packet of that request to these terminals, signed when it is sound.
    fn packet(&self, session: u32, control: &Control, to: &[TerminalId]) -> Option<Packed> {
        let code = |id| self.config.members.get(id).map(|member| member.code);
        let targets = to.iter().filter_map(code).collect();
        let mut packet = request(self.config.platform, targets, control);
        packet.session = session;
        let now_s = u32::try_from((self.config.now)().as_s()).unwrap_or(u32::MAX);
        if let Some(signer) = &self.config.signer {
            let certificate = self.config.certificate;
            let part = packet.signed_part(now_s, certificate).ok()?;
            let Some(value) = signer(&part) else {
                tracing::error!("an order for national terminals can't be signed; it is not sent");
                return None;
            };
            packet.signature = Some(Signature { at_s: now_s, certificate, value });
        }
        let bytes =
            packet.encode().inspect_err(|fault| tracing::error!(%fault, "order too long")).ok()?;
        let until = match control {
            Control::Start(start) => Some(UtcMs(i64::from(start.end_s) * 1_000)),
            Control::Stop(_)
            | Control::Heartbeat(_)
            | Control::Query(_)
            | Control::Set(_)
            | Control::Answer { .. }
            | Control::Other(_) => None,
        };
        Some(Packed { bytes: bytes.into(), until })
    }

    /// Sends one request to many; gives those whose session took it.
    pub(super) async fn ask(
        &self,
        control: &Control,
        asked: Asked,
        to: &[TerminalId],
    ) -> Vec<TerminalId> {
        let up: Vec<TerminalId> = {
            let state = self.state();
            to.iter().copied().filter(|id| state.sessions.contains_key(id)).collect()
        };
        let mut taken = Vec::with_capacity(up.len());
        for group in up.chunks(TARGETS_MAX) {
            let session = self.next_session.fetch_add(1, Ordering::Relaxed);
            if let Some(packed) = self.packet(session, control, group) {
                self.hand_over(session, asked, group, &packed, &mut taken);
            }
            // A signature takes a millisecond: sessions get their turn between two.
            tokio::task::yield_now().await;
        }
        taken
    }

    fn hand_over(
        &self,
        session: u32,
        asked: Asked,
        group: &[TerminalId],
        packed: &Packed,
        taken: &mut Vec<TerminalId>,
    ) {
        let mut state = self.state();
        let state = &mut *state;
        // Before it goes out: the answer may be here at once.
        state.pending.insert(session, Pending { asked, of: group.to_vec() });
        if state.pending.len() > PENDING_MAX {
            state.pending.pop_first();
        }
        for id in group {
            let sent = state.sessions.get(id).map(|to| to.orders.try_send(packed.clone()));
            if matches!(sent, Some(Ok(()))) {
                taken.push(*id);
            }
        }
    }

    /// Sends a batch of orders.
    pub(super) async fn deliver(&self, batch: &Outgoing) -> Taken {
        let mut taken = Taken::default();
        for (order, addresses) in grouped(batch) {
            let all = self.terminals(&addresses);
            let to: Vec<TerminalId> = all.iter().map(|(id, _)| *id).collect();
            let got = self.order(&order, batch.hazard, &to).await;
            let got: BTreeSet<TerminalId> = got.into_iter().collect();
            let meant: BTreeSet<Address> = all.iter().map(|(_, address)| *address).collect();
            let reached = all.iter().filter(|(id, _)| got.contains(id));
            let reached: BTreeSet<Address> = reached.map(|(_, address)| *address).collect();
            taken.n_refused += meant.len() - reached.len();
            taken.to.extend(reached);
        }
        taken
    }

    /// Our terminals at these addresses, each with the address that means it.
    fn terminals(&self, addresses: &[Address]) -> Vec<(TerminalId, Address)> {
        let members = &self.config.members;
        let mut all = Vec::new();
        for address in addresses {
            match address {
                Address::Terminal(id) => {
                    all.extend(members.contains_key(id).then_some((*id, *address)));
                }
                Address::Area(area) => {
                    let inside = members.iter().filter(|(_, member)| area.contains(member.area));
                    all.extend(inside.map(|(id, _)| (*id, *address)));
                }
            }
        }
        all
    }

    async fn order(
        &self,
        order: &Order,
        hazard: Option<HazardCode>,
        to: &[TerminalId],
    ) -> Vec<TerminalId> {
        match order {
            Order::Play(manifest) => self.start(manifest, hazard, to).await,
            Order::Cancel(wire::Cancel { broadcast: Some(broadcast), .. }) => {
                self.stop(BroadcastId(*broadcast), to, Why::Cancelled).await
            }
            Order::Cancel(wire::Cancel { broadcast: None, .. }) => {
                let running = self.state().ledger.running(to);
                let mut stopped = Vec::new();
                for (broadcast, at) in running {
                    stopped.extend(self.stop(broadcast, &at, Why::Cancelled).await);
                }
                stopped
            }
            Order::Check(wire::Check { check, volume_percent, .. }) => {
                self.check(SilentTestId(*check), *volume_percent, to).await
            }
            Order::Query(_) => self.ask(&super::session::questions(), Asked::Other, to).await,
            // What the protocol has no words for; who speaks live is told so before he begins.
            Order::Keep(_) | Order::Time(_) | Order::Live(_) | Order::Part(_) => Vec::new(),
        }
    }

    /// Asks in silence whether they could play. A volume is set first: the answer to that goes on.
    async fn check(
        &self,
        test: SilentTestId,
        volume_percent: Option<u8>,
        to: &[TerminalId],
    ) -> Vec<TerminalId> {
        let Some(percent) = volume_percent else { return self.ask_able(test, to).await };
        self.ask(&Control::Set(vec![Setting::Volume(percent)]), Asked::Volume(test), to).await
    }

    /// Asks how they are; what they return next answers the test.
    pub(super) async fn ask_able(&self, test: SilentTestId, to: &[TerminalId]) -> Vec<TerminalId> {
        {
            // Before it goes out: the answer may be here at once.
            let mut state = self.state();
            state.tests.extend(to.iter().map(|id| (*id, test)));
        }
        self.ask(&super::session::questions(), Asked::Able(test), to).await
    }

    /// A terminal answered a silent test, by refusing what it was asked or by what it returned.
    pub(super) async fn tested(&self, terminal: TerminalId, sequence: u32, finding: Finding) {
        let test = self.state().tests.remove(&terminal);
        if let Some(test) = test {
            self.tell(terminal, NationalWord::Tested { test, finding, sequence }).await;
        }
    }

    async fn start(
        &self,
        manifest: &wire::Manifest,
        hazard: Option<HazardCode>,
        to: &[TerminalId],
    ) -> Vec<TerminalId> {
        let broadcast = BroadcastId(manifest.counter);
        let until = UtcMs(manifest.expires_ms);
        let (control, to) = {
            let mut state = self.state();
            let Some(control) = start_of(manifest, hazard, &mut state.ledger, &self.config) else {
                return Vec::new();
            };
            // One that took it and says that it works is not told twice: it might begin anew.
            let plays = |id: &TerminalId| {
                state.ledger.holds(broadcast, *id)
                    && state.sessions.get(id).is_some_and(|session| session.is_working)
            };
            let to: Vec<TerminalId> = to.iter().copied().filter(|id| !plays(id)).collect();
            (control, to)
        };
        if (self.config.now)() >= until {
            return Vec::new();
        }
        let mut said = Vec::new();
        let up: Vec<TerminalId> = {
            let mut state = self.state();
            let State { ledger, sessions, .. } = &mut *state;
            let up: Vec<TerminalId> =
                to.into_iter().filter(|id| sessions.contains_key(id)).collect();
            // Before it goes out, so that nothing sounds that nobody would stop.
            up.iter().for_each(|id| said.extend(ledger.started(broadcast, *id, until)));
            up
        };
        let taken = self.ask(&control, Asked::Sound(broadcast, false), &up).await;
        for report in said {
            self.tell(report.terminal, NationalWord::Report(report)).await;
        }
        taken
    }

    pub(super) async fn stop(
        &self,
        broadcast: BroadcastId,
        to: &[TerminalId],
        why: Why,
    ) -> Vec<TerminalId> {
        let name = self.state().ledger.name(broadcast);
        let Some(name) = name else { return Vec::new() };
        let now = (self.config.now)();
        let up: Vec<TerminalId> = {
            let mut state = self.state();
            let State { ledger, sessions, .. } = &mut *state;
            let up = to.iter().copied().filter(|id| sessions.contains_key(id)).collect::<Vec<_>>();
            up.iter().for_each(|id| ledger.stopped(broadcast, *id, why, now));
            up
        };
        self.ask(&Control::Stop(name), Asked::Sound(broadcast, true), &up).await
    }
}

/// The orders of a batch, each with all who get it.
fn grouped(batch: &Outgoing) -> Vec<(Order, Vec<Address>)> {
    let mut groups: Vec<(&[u8], Order, Vec<Address>)> = Vec::new();
    for (address, publish) in batch.to.iter().zip(&batch.publishes) {
        let known = groups.iter_mut().rev().find(|(bytes, ..)| **bytes == *publish.payload);
        if let Some((_, _, to)) = known {
            to.push(*address);
        } else if let Some(order) = body_of(&publish.payload) {
            // One terminal's own order differs from another's in its target alone.
            let same = groups.iter_mut().find(|(_, known, _)| same_but_target(known, &order));
            match same {
                Some((_, _, to)) => to.push(*address),
                None => groups.push((&publish.payload, order, vec![*address])),
            }
        }
    }
    groups.into_iter().map(|(_, order, to)| (order, to)).collect()
}

fn same_but_target(a: &Order, b: &Order) -> bool {
    match (a, b) {
        (Order::Play(a), Order::Play(b)) => wire::Manifest { target: b.target, ..a.clone() } == *b,
        (Order::Cancel(a), Order::Cancel(b)) => {
            wire::Cancel { target: b.target, ..a.clone() } == *b
        }
        (Order::Query(a), Order::Query(b)) => wire::Query { target: b.target, ..a.clone() } == *b,
        (Order::Check(a), Order::Check(b)) => wire::Check { target: b.target, ..*a } == *b,
        _ => false,
    }
}

/// The start of a broadcast; `None` when it has no mp3, or no name is free.
fn start_of(
    manifest: &wire::Manifest,
    hazard: Option<HazardCode>,
    ledger: &mut Ledger,
    config: &NationalConfig,
) -> Option<Control> {
    let Some(clip) = manifest.clips.iter().find(|clip| clip.codec == wire::Codec::Mp3) else {
        tracing::warn!(broadcast = manifest.counter, "no mp3 for national terminals");
        return None;
    };
    let digest = crate::model::Sha256(clip.sha256);
    let data = format!("{}/{digest}", config.clip_url.trim_end_matches('/')).into_bytes();
    let audio = Auxiliary { kind: MP3, data };
    let seconds = |ms: i64| u32::try_from(ms / 1_000).ok();
    let (class, level) = class_of(manifest.class, manifest.priority);
    Some(Control::Start(Start {
        ebm: ledger.name(BroadcastId(manifest.counter))?,
        class,
        level,
        event: hazard.map_or(ANY_HAZARD, HazardCode::bytes),
        volume_percent: manifest.volume_percent,
        start_s: seconds(manifest.not_before_ms.max(manifest.issued_at_ms))?,
        // Rounded down: nothing sounds after it expires.
        end_s: seconds(manifest.expires_ms)?,
        audio: vec![audio; usize::from(manifest.repeats.clamp(1, REPEATS_MAX))],
    }))
}

/// Class and level of a broadcast, by its priority: 200 red, 175 orange, 150 yellow, below it blue.
fn class_of(class: wire::Class, priority: u8) -> (Class, u8) {
    let level = match priority {
        200.. => 1,
        175..=199 => 2,
        150..=174 => 3,
        0..=149 => 4,
    };
    match class {
        // An order for a drill exists only while an officer has armed it: it is heard.
        wire::Class::Drill => (Class::RealDrill, level),
        wire::Class::Live if priority < 40 => (Class::Daily, level),
        wire::Class::Live => (Class::Emergency, level),
    }
}
