//! One simulated county: gateway, journal, links, terminals and everything that goes wrong.

mod faults;
mod horns;
mod people;

pub(crate) use faults::{Bug, Dice};
pub(crate) use horns::{Cells, Horn};

use crate::checks;
use mingluo::config::Config;
use mingluo::decide::Rules;
use mingluo::deliver::{self, KeyRing, Pace};
use mingluo::gateway::{Action, Arrival, Gateway, Input, RequestId, State};
use mingluo::ingest;
use mingluo::model::{
    Actor, Address, AreaLevel, BroadcastId, OrderKind, Origin, Outcome, Role, Sha256, Step,
    StopScope, TerminalId, UtcMs,
};
use mingluo::record::entry::Entry;
use mingluo::record::{Journal, MemoryJournal, NewRow};
use mingluo_bridge::frame::{Ed25519Verifier, HmacKey};
use mingluo_bridge::terminal::{Profile, Terminal};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::path::Path;
use std::sync::OnceLock;

/// 2026-06-01T10:00:00+08:00, outside quiet hours.
pub(crate) const START: UtcMs = UtcMs(1_780_279_200_000);
/// How long one run lasts: beyond the validity of everything.
const RUN_S: i64 = 4_200;

/// What happens when its time comes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Alert(usize),
    Stop,
    Officer(u64),
    /// An officer says the next part of a broadcast; the first of all begins it.
    Speak(u64, Option<u32>),
    Wake,
    Rendered(u64),
    Order(usize, Vec<u8>),
    Receipt(usize, Vec<u8>),
    Report(usize, Vec<u8>),
    Clip(usize, u32, [u8; 32]),
    PlayEnd(usize, u32, u64),
    Tick(usize),
    TerminalDown(usize),
    TerminalUp(usize),
    LinkDown(usize),
    LinkUp(usize),
    GatewayDown,
    GatewayUp,
    DiskFull,
    DiskFree,
}

pub(crate) struct World {
    pub now: UtcMs,
    pub steps: u64,
    pub talk: bool,
    pub bug: Option<Bug>,
    pub gateway: Option<Gateway>,
    pub journal: MemoryJournal,
    pub horns: Vec<Horn>,
    pub broken: Vec<String>,
    /// When a terminal took note of a cancel.
    pub silenced: BTreeSet<(TerminalId, u64)>,
    pub mild: bool,
    /// Parts of what is spoken, with their broadcasts.
    pub parts: BTreeMap<[u8; 32], u64>,
    /// Which of them each horn has begun.
    pub heard: BTreeSet<(TerminalId, [u8; 32])>,
    /// How far the reports went that a terminal sent, by its sequence number.
    told: BTreeMap<(TerminalId, u64, u32), u8>,
    /// How far each terminal got according to the ledger.
    on_record: BTreeMap<(TerminalId, u64), u8>,
    keys: KeyRing,
    verifier: Ed25519Verifier,
    dice: Dice,
    queue: BinaryHeap<Reverse<(i64, u64, Event)>>,
    number: u64,
    loss: u64,
    delay_ms: u64,
    disk_full: bool,
    held_back: Vec<(UtcMs, Vec<Action>)>,
    alerts: Vec<String>,
    requests: u64,
}

fn rules() -> Rules {
    static LOADED: OnceLock<Rules> = OnceLock::new();
    LOADED
        .get_or_init(|| {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
            let loaded = Config::load_with(&dir, &BTreeMap::new()).expect("configs/dev is good");
            Rules::new(loaded.network, loaded.policy)
        })
        .clone()
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x5EED);
        let keys = KeyRing::new(&[7; 32], [9; 32]);
        let verifier = Ed25519Verifier::new(keys.key_id(), &keys.public_key()).unwrap();
        // A third of the counties have nothing but lost and late messages: there everybody hears.
        let mild = seed.is_multiple_of(3);
        let rules = rules();
        let horns = rules
            .network
            .terminals
            .values()
            .map(|known| {
                let areas = core::iter::once(known.area.number()).collect();
                let profile = Profile {
                    id: known.id.number(),
                    areas,
                    codecs: 15,
                    volume_percent: 80,
                    drills: true,
                };
                let mut horn = Horn {
                    id: known.id,
                    profile: profile.clone(),
                    terminal: Some(Terminal::boot(profile, Cells::default(), START.0)),
                    cells: None,
                    linked: true,
                    dark: !mild && dice.percent(8),
                    clock_off_ms: 0,
                    life: 0,
                    sounded: BTreeMap::new(),
                    sounding: None,
                };
                if !mild && dice.percent(10) {
                    horn.clock_off_ms = i64::try_from(dice.below(60_000)).unwrap() - 30_000;
                }
                horn.linked = !horn.dark;
                horn
            })
            .collect();
        let mut world = Self {
            now: START,
            steps: 0,
            talk: false,
            bug,
            gateway: Some(Gateway::open(rules, Pace::default(), State::default())),
            journal: MemoryJournal::default(),
            horns,
            broken: Vec::new(),
            silenced: BTreeSet::new(),
            mild,
            parts: BTreeMap::new(),
            heard: BTreeSet::new(),
            told: BTreeMap::new(),
            on_record: BTreeMap::new(),
            keys,
            verifier,
            loss: dice.below(if mild { 10 } else { 30 }),
            delay_ms: 20 + dice.below(3_000),
            dice,
            queue: BinaryHeap::new(),
            number: 0,
            disk_full: false,
            held_back: Vec::new(),
            alerts: Vec::new(),
            requests: 0,
        };
        world.plan_faults();
        world
    }

    fn at(&mut self, ms: i64, event: Event) {
        self.number += 1;
        self.queue.push(Reverse((START.plus_ms(ms).0, self.number, event)));
    }

    fn later(&mut self, event: Event) {
        let delay_ms = 5 + i64::try_from(self.dice.below(self.delay_ms)).unwrap();
        self.number += 1;
        self.queue.push(Reverse((self.now.plus_ms(delay_ms).0, self.number, event)));
    }

    fn soon(&mut self, ms: i64, event: Event) {
        self.number += 1;
        self.queue.push(Reverse((self.now.plus_ms(ms).0, self.number, event)));
    }

    /// Runs to the end; gives every broken invariant (of the first step that broke one).
    pub(crate) fn run(&mut self) -> Vec<String> {
        while let Some(Reverse((at, _, event))) = self.queue.pop() {
            self.now = UtcMs(at);
            if self.talk && !matches!(event, Event::Wake | Event::Tick(_)) {
                println!(
                    "{:>9} {}",
                    at - START.0,
                    format!("{event:?}").chars().take(100).collect::<String>()
                );
            }
            self.happen(event);
            self.steps += 1;
            checks::step(self);
            if !self.broken.is_empty() {
                return self.broken.clone();
            }
        }
        if self.bug == Some(Bug::LedgerEdited) {
            self.journal = checks::edited(&self.journal);
        }
        checks::end(self);
        self.broken.clone()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Alert(number) => self.arrive(number),
            Event::Stop => self.stop_all(),
            Event::Officer(act) => self.officer(act),
            Event::Speak(broadcast, part) => self.speak(BroadcastId(broadcast), part),
            Event::Wake => self.input(Input::Wake),
            Event::Rendered(broadcast) => self.rendered(broadcast),
            Event::Order(horn, bytes) => {
                let verifier = self.verifier.clone();
                self.terminal(horn, |terminal, now| {
                    terminal.on_order(now, &bytes, &verifier).expect("our own orders verify");
                });
            }
            Event::Receipt(horn, bytes) => {
                let key = self.keys.terminal_key(self.horns[horn].id);
                let key_id = self.keys.key_id();
                self.terminal(horn, |terminal, _| {
                    terminal.on_receipt(&bytes, &HmacKey::new(key_id, &key)).expect("our receipts");
                });
            }
            Event::Report(horn, bytes) => self.report(horn, &bytes),
            Event::Clip(horn, life, sha256) => {
                if self.horns[horn].life == life {
                    if self.bug == Some(Bug::PartsAtOnce) {
                        checks::part(self, horn, sha256);
                    }
                    self.terminal(horn, |terminal, now| terminal.on_clip_ready(now, &sha256));
                }
            }
            Event::PlayEnd(horn, life, broadcast) => self.play_end(horn, life, broadcast),
            Event::Tick(horn) => {
                self.terminal(horn, Terminal::on_tick);
            }
            Event::TerminalDown(horn) => {
                let down = &mut self.horns[horn];
                down.life += 1;
                down.sounding = None;
                down.cells = down.terminal.take().map(Terminal::into_store).or(down.cells.take());
                self.presence(horn, false);
            }
            Event::TerminalUp(horn) => self.boot(horn),
            Event::LinkDown(horn) => {
                self.horns[horn].linked = false;
                self.presence(horn, false);
            }
            Event::LinkUp(horn) => {
                if !self.horns[horn].dark {
                    self.horns[horn].linked = true;
                    self.terminal(horn, Terminal::on_link_up);
                    self.presence(horn, true);
                }
            }
            Event::GatewayDown => {
                // What was not committed is lost with the process.
                self.gateway = None;
                self.held_back.clear();
            }
            Event::GatewayUp => self.restart(),
            Event::DiskFull => self.disk_full = true,
            Event::DiskFree => {
                self.disk_full = false;
                for (at, actions) in core::mem::take(&mut self.held_back) {
                    self.commit(at, actions);
                }
            }
        }
    }

    fn arrive(&mut self, number: usize) {
        if self.gateway.is_none() {
            // Nobody answers: upstream sends it again.
            return self.soon(5_000, Event::Alert(number));
        }
        let bytes = self.alerts[number].clone().into_bytes();
        let read = ingest::read(&bytes, None).map(Box::new);
        let content = Sha256::of(&serde_json::to_vec(&read.as_ref().ok()).unwrap());
        let arrival = Arrival {
            read,
            content,
            raw: Sha256::of(&bytes),
            origin: Origin { via: "sim".into(), by: "sim".into() },
            areas: rules().network.served,
        };
        self.requests += 1;
        self.input(Input::Arrived(RequestId(self.requests), Box::new(arrival)));
    }

    fn stop_all(&mut self) {
        let areas = rules().network.served;
        let actor = Actor { name: "值班员".into(), role: Role::Officer, areas };
        self.requests += 1;
        self.input(Input::Stop(RequestId(self.requests), actor, StopScope::All));
    }

    fn input(&mut self, input: Input) {
        if let Some(gateway) = &mut self.gateway {
            let actions = gateway.step(self.now, input);
            self.commit(self.now, actions);
        }
    }

    /// Recorded first, done second.
    fn commit(&mut self, at: UtcMs, actions: Vec<Action>) {
        let rows: Vec<NewRow> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Record(entry) => {
                    Some(NewRow { at, kind: entry.kind().into(), body: entry.to_body().unwrap() })
                }
                Action::Reply(..)
                | Action::Render(_)
                | Action::Send { .. }
                | Action::Receipt(..)
                | Action::Call(_)
                | Action::Alarm(_) => None,
            })
            .collect();
        if self.disk_full && !rows.is_empty() {
            if self.bug == Some(Bug::ActsBeforeRecord) {
                return self.perform(actions);
            }
            return self.held_back.push((at, actions));
        }
        if !self.held_back.is_empty() && self.disk_full {
            return self.held_back.push((at, actions));
        }
        for action in &actions {
            if let Action::Record(Entry::Acknowledged { report }) = action {
                let far = match report.step {
                    Step::Received => 1,
                    Step::Playing => 2,
                    Step::Played
                    | Step::Refused(_)
                    | Step::Failed(_)
                    | Step::Preempted(_)
                    | Step::Cancelled
                    | Step::Expired => 3,
                };
                let key = (report.terminal, report.broadcast.0);
                let best = self.on_record.entry(key).or_default();
                *best = far.max(*best);
            }
        }
        let raws: Vec<(Sha256, Vec<u8>)> = self
            .alerts
            .iter()
            .map(|alert| (Sha256::of(alert.as_bytes()), alert.clone().into_bytes()))
            .collect();
        self.journal.append(&rows, &raws).unwrap();
        self.note_resends(&actions);
        self.perform(actions);
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Record(_) | Action::Reply(..) | Action::Call(_) | Action::Alarm(_) => {}
                Action::Render(order) => {
                    let wait_ms = 50 + i64::try_from(self.dice.below(4_000)).unwrap();
                    self.soon(wait_ms, Event::Rendered(order.broadcast.0));
                }
                Action::Send { broadcast, order, to, kind, link, expires } => {
                    if self.now >= expires {
                        self.broken.push(format!("{kind:?} of {broadcast} sent after its expiry"));
                    }
                    if self.bug == Some(Bug::CancelLost) && kind == OrderKind::Cancel {
                        continue;
                    }
                    self.send(broadcast, &order, &to);
                    self.input(Input::LinkTook { broadcast, to, kind, link });
                }
                Action::Receipt(terminal, broadcast, sequence) => {
                    self.note_receipt(terminal, broadcast.0, sequence);
                    let sealed = self.keys.seal_receipt(terminal, broadcast, sequence).unwrap();
                    let horn = self.horns.iter().position(|horn| horn.id == terminal).unwrap();
                    self.post(horn, Event::Receipt(horn, sealed.to_vec()));
                }
            }
        }
    }

    fn send(
        &mut self,
        broadcast: BroadcastId,
        order: &mingluo_bridge::message::Order,
        to: &[Address],
    ) {
        let rules = rules();
        let cover = self
            .gateway
            .as_ref()
            .and_then(|gateway| gateway.state().broadcasts.get(&broadcast))
            .map(|state| state.broadcast.areas().to_vec())
            .unwrap_or_default();
        for address in to {
            let known = match address {
                Address::Terminal(id) => rules.network.terminals.get(id),
                Address::Area(_) => None,
            };
            if known.is_some() && self.bug == Some(Bug::RepairLost) {
                continue;
            }
            let sealed =
                self.keys.seal_order(&deliver::aimed(order, *address, &cover, known)).unwrap();
            for horn in 0..self.horns.len() {
                let terminal = &rules.network.terminals[&self.horns[horn].id];
                let there = match address {
                    Address::Terminal(id) => *id == terminal.id,
                    Address::Area(area) => {
                        // Subscriptions: own village, its township, its county.
                        [AreaLevel::Village, AreaLevel::Township, AreaLevel::County]
                            .iter()
                            .any(|level| terminal.area.at(*level) == Some(*area))
                    }
                };
                if there {
                    self.post(horn, Event::Order(horn, sealed.to_vec()));
                    if self.dice.percent(5) {
                        self.post(horn, Event::Order(horn, sealed.to_vec()));
                    }
                }
            }
        }
    }

    fn presence(&mut self, horn: usize, up: bool) {
        let id = self.horns[horn].id;
        self.input(Input::Presence(id, up));
    }

    fn restart(&mut self) {
        if self.gateway.is_some() {
            return;
        }
        let mut state = State::default();
        let rows = self.journal.rows().to_vec();
        let forget = if self.bug == Some(Bug::ReplayForgetsTail) { 6 } else { 0 };
        for row in rows.iter().take(rows.len().saturating_sub(forget)) {
            state.apply(row.at, &Entry::from_body(&row.body).unwrap());
        }
        if self.bug == Some(Bug::RestartForgetsProgrammes) {
            state.programmes.values_mut().for_each(|programme| programme.last = None);
        }
        if self.bug == Some(Bug::LatchForgotten) {
            state.latches.clear();
        }
        let mut gateway = Gateway::open(rules(), Pace::default(), state);
        let actions = gateway.resume(self.now);
        self.gateway = Some(gateway);
        self.commit(self.now, actions);
        // Sessions tell that they are up.
        for horn in 0..self.horns.len() {
            let up = self.horns[horn].linked && self.horns[horn].terminal.is_some();
            self.presence(horn, up);
        }
    }

    /// Terminals × broadcasts with the outcome `played`.
    pub(crate) fn n_played(&self) -> u64 {
        self.outcomes(|outcome| *outcome == Outcome::Played)
    }

    /// Terminals × broadcasts with another outcome.
    pub(crate) fn n_not_played(&self) -> u64 {
        self.outcomes(|outcome| *outcome != Outcome::Played)
    }

    fn outcomes(&self, wanted: impl Fn(&Outcome) -> bool) -> u64 {
        let broadcasts = self.gateway.iter().flat_map(|g| g.state().broadcasts.values());
        let deliveries = broadcasts.flat_map(|state| state.deliveries.values());
        deliveries.filter(|delivery| wanted(&delivery.outcome)).count().try_into().unwrap()
    }
}
