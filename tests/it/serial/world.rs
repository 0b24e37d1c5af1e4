//! A virtual line: master, bus and terminals, in the line's own time.

use ed25519_dalek::SigningKey;
use mingluo::deliver::serial::{
    Bring, Content, LineAction, LineEvent, LineOrder, LineSetup, Master, TimeUse,
};
use mingluo::simulate::{Bus, BusTerminal, line_profile};
use mingluo_bridge::frame::{
    Ed25519Signer, FRAME_BYTES_MAX, HmacKey, Kind, Sm2Key, Sm2Signer, open, peek, seal,
};
use mingluo_bridge::gateway_key::GatewayKey;
use mingluo_bridge::message::{
    Cancel, Class, Clip, Codec, Manifest, Order, Report, Step, Target, TimeSignal,
};
use mingluo_bridge::terminal::Profile;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const AREA: u64 = 430_621_100_001;

pub(crate) struct World {
    pub(crate) master: Master,
    pub(crate) bus: Bus,
    pub(crate) terminals: Vec<BusTerminal>,
    pub(crate) now_us: i64,
    pub(crate) here: BTreeSet<u8>,
    pub(crate) offline: BTreeSet<u8>,
    pub(crate) reports: BTreeMap<(u8, u64), Step>,
    /// Which content was taken, by the last report.
    pub(crate) taken: BTreeMap<(u8, u64), Option<u8>>,
    /// Whether the gateway can make time signals.
    pub(crate) tells_time: bool,
    /// Time signals asked for so far.
    pub(crate) times: u32,
    /// Signs orders in place of the Ed25519 key.
    pub(crate) sm2: Option<Sm2Key>,
    /// The last play order, as it went out.
    ordered: Option<LineOrder>,
    wake_us: i64,
}

pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * at) >> 3).to_le_bytes()[0]).collect()
}

/// As an order names content; sound of 8 kHz ADPCM.
pub(crate) fn clip(codec: Codec, bytes: &[u8]) -> Clip {
    let clip_bytes = u32::try_from(bytes.len()).unwrap();
    Clip { codec, sha256: digest(bytes), clip_bytes, duration_ms: (clip_bytes / 4).max(1_000) }
}

pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn ratio(took_us: i64, bare_us: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let ratio = took_us as f64 / bare_us as f64;
    ratio
}

fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn terminal_key(address: u8) -> [u8; 32] {
    [address; 32]
}

impl World {
    pub(crate) fn new(baud: u32, n_terminals: u8, seed: u64) -> Self {
        let ed25519 = GatewayKey::Ed25519(signing_key().verifying_key().to_bytes());
        Self::believing(baud, n_terminals, seed, |_| ed25519)
    }

    /// With terminals that believe each its own key.
    pub(crate) fn believing(
        baud: u32,
        n_terminals: u8,
        seed: u64,
        key: impl Fn(u8) -> GatewayKey,
    ) -> Self {
        let addresses: Vec<u8> = (1..=n_terminals).collect();
        let terminals = addresses
            .iter()
            .map(|address| {
                let own = Profile {
                    id: AREA * 1_000 + u64::from(*address),
                    areas: [AREA].into_iter().collect(),
                    codecs: Codec::Adpcm.bit() | Codec::Phrases.bit(),
                    volume_percent: 80,
                    drills: true,
                };
                let verifier = key(*address).verifier(1).unwrap();
                let key = terminal_key(*address);
                BusTerminal::new(NOW_MS, own, line_profile(*address, 1, key, verifier), 1)
            })
            .collect();
        Self {
            master: Master::new(LineSetup::of(baud), &addresses),
            bus: Bus::new(baud, usize::from(n_terminals) + 1, seed),
            terminals,
            now_us: 0,
            here: BTreeSet::new(),
            offline: BTreeSet::new(),
            reports: BTreeMap::new(),
            taken: BTreeMap::new(),
            tells_time: true,
            times: 0,
            sm2: None,
            ordered: None,
            wake_us: 0,
        }
    }

    /// With terminals that have no battery for their clocks.
    pub(crate) fn without_batteries(mut self) -> Self {
        self.terminals =
            self.terminals.into_iter().map(|terminal| terminal.without_battery(NOW_MS)).collect();
        self
    }

    fn sealed(&self, order: &Order) -> Arc<[u8]> {
        let mut out = [0; FRAME_BYTES_MAX];
        let used = match &self.sm2 {
            Some(key) => seal(Kind::Order, order, &Sm2Signer::new(1, key), &mut out),
            None => seal(Kind::Order, order, &Ed25519Signer::new(1, &signing_key()), &mut out),
        };
        out[..used.unwrap()].into()
    }

    fn addresses(&self) -> Vec<u8> {
        (1..=u8::try_from(self.terminals.len()).unwrap()).collect()
    }

    pub(crate) fn play(&mut self, counter: u64, bytes: &[u8], placed: bool) {
        self.play_to(counter, bytes, placed, None);
    }

    /// To one terminal by its own order, or to all by the area's.
    pub(crate) fn play_to(&mut self, counter: u64, bytes: &[u8], placed: bool, one: Option<u8>) {
        self.play_contents(counter, &[clip(Codec::Adpcm, bytes)], bytes, placed, one);
    }

    /// An order with several contents, of which `bytes` are those of the one that is brought.
    pub(crate) fn play_contents(
        &mut self,
        counter: u64,
        clips: &[Clip],
        bytes: &[u8],
        placed: bool,
        one: Option<u8>,
    ) {
        let issued_at_ms = NOW_MS + self.now_us / 1_000;
        let order = Order::Play(Manifest {
            counter,
            class: Class::Live,
            drill_armed: false,
            priority: 10,
            target: one
                .map_or(Target::Area(AREA), |at| Target::Terminal(AREA * 1_000 + u64::from(at))),
            issued_at_ms,
            not_before_ms: issued_at_ms,
            expires_ms: issued_at_ms + HOUR_MS,
            volume_percent: None,
            repeats: 1,
            interval_s: 10,
            stagger_ms: 0,
            clips: clips.iter().copied().collect(),
        });
        let to = one.map_or(self.addresses(), |at| vec![at]);
        let bring = if placed { Bring::Name } else { Bring::Send };
        let content = Content { sha256: digest(bytes), bytes: bytes.into(), to: to.clone(), bring };
        let order = LineOrder {
            frame: self.sealed(&order),
            to,
            priority: 10,
            expires_us: self.now_us + HOUR_MS * 1_000,
            content: vec![content],
            watch_us: 120_000_000,
            time: TimeUse::Needs,
        };
        self.ordered = Some(order.clone());
        self.step(LineEvent::Order(order));
    }

    /// The last play order once more, byte for byte, as the schedule repeats it.
    pub(crate) fn repeat(&mut self) {
        let order = self.ordered.clone().expect("something was ordered");
        self.step(LineEvent::Order(order));
    }

    /// Cuts the power of the terminal at this address, or gives it back.
    pub(crate) fn power(&mut self, address: u8, on: bool) {
        let terminal = &mut self.terminals[usize::from(address) - 1];
        if on {
            terminal.reboot(NOW_MS + self.now_us / 1_000);
        } else {
            terminal.dead = true;
        }
    }

    pub(crate) fn cancel(&mut self, counter: u64, broadcast: u64) {
        let issued_at_ms = NOW_MS + self.now_us / 1_000;
        let expires_ms = issued_at_ms + HOUR_MS;
        let (target, broadcast) = (Target::Area(AREA), Some(broadcast));
        let cancel = Cancel { counter, broadcast, target, issued_at_ms, expires_ms };
        let order = LineOrder {
            frame: self.sealed(&Order::Cancel(cancel)),
            to: self.addresses(),
            priority: 255,
            expires_us: self.now_us + HOUR_MS * 1_000,
            content: Vec::new(),
            watch_us: 60_000_000,
            time: TimeUse::Free,
        };
        self.step(LineEvent::Order(order));
    }

    fn step(&mut self, event: LineEvent<'_>) {
        let actions = self.master.step(self.now_us, event);
        self.wake_us = self.master.next_at_us(self.now_us);
        for action in actions {
            match action {
                LineAction::Write(bytes) => self.bus.talk(0, &bytes),
                LineAction::AskTime => self.tell_time(),
                LineAction::Heard(address, sealed) => self.heard(address, &sealed),
                LineAction::Presence(address, true) => drop(self.offline.remove(&address)),
                LineAction::Presence(address, false) => drop(self.offline.insert(address)),
                LineAction::Here(address, _) => drop(self.here.insert(address)),
                LineAction::Never(..) => {}
                LineAction::Refused(_) => panic!("an order was refused"),
            }
        }
    }

    fn tell_time(&mut self) {
        self.times += 1;
        let issued_at_ms = NOW_MS + self.now_us / 1_000;
        let time = TimeSignal { target: Target::Area(AREA), issued_at_ms };
        let frames =
            if self.tells_time { vec![self.sealed(&Order::Time(time))] } else { Vec::new() };
        self.step(LineEvent::Time(frames));
    }

    fn heard(&mut self, address: u8, sealed: &[u8]) {
        if peek(sealed).unwrap().kind != Kind::Acknowledgement {
            return;
        }
        let key = terminal_key(address);
        let report: Report = open(Kind::Acknowledgement, sealed, &HmacKey::new(1, &key)).unwrap();
        self.taken.insert((address, report.broadcast), report.taken.0);
        self.reports.insert((address, report.broadcast), report.step);
    }

    /// Runs until `done`, for `limit_us` of line time at most; whether it was done.
    pub(crate) fn run(&mut self, limit_us: i64, done: impl Fn(&Self) -> bool) -> bool {
        let until_us = self.now_us + limit_us;
        while self.now_us < until_us {
            if done(self) {
                return true;
            }
            if self.bus.is_idle() {
                let answers = self.terminals.iter().filter_map(BusTerminal::answer_at_us).min();
                let next = self.wake_us.min(answers.unwrap_or(i64::MAX)).min(self.now_us + 5_000);
                self.now_us = next.max(self.now_us + 1);
                self.bus.skip_to(self.now_us);
            } else {
                self.now_us = self.bus.next_us();
                for heard in self.bus.pass() {
                    self.hear(heard);
                }
            }
            let now_ms = NOW_MS + self.now_us / 1_000;
            for (port, terminal) in (1..).zip(&mut self.terminals) {
                if let Some(answer) = terminal.pass(self.now_us, now_ms) {
                    self.bus.talk(port, &answer);
                }
            }
            if self.now_us >= self.wake_us {
                self.step(LineEvent::Tick);
            }
        }
        done(self)
    }

    fn hear(&mut self, heard: mingluo::simulate::BusByte) {
        let now_ms = NOW_MS + self.now_us / 1_000;
        for port in heard.from..heard.to {
            if heard.not == Some(port) {
                continue;
            }
            match port.checked_sub(1) {
                None => self.step(LineEvent::Bytes(&[heard.byte])),
                Some(at) => self.terminals[at].on_byte(self.now_us, now_ms, heard.byte),
            }
        }
    }

    pub(crate) fn n_here(&self) -> usize {
        self.here.len()
    }

    pub(crate) fn n_started(&self, broadcast: u64) -> usize {
        self.terminals.iter().filter(|t| t.sounded.contains_key(&broadcast)).count()
    }

    /// Terminals whose last word about the broadcast is this step; empty = any word.
    pub(crate) fn n_reported(&self, step: &str, broadcast: u64) -> usize {
        let said = |(address_broadcast, said): &(&(u8, u64), &Step)| {
            address_broadcast.1 == broadcast && format!("{said:?}").starts_with(step)
        };
        self.reports.iter().filter(said).count()
    }

    pub(crate) fn plays(&self, broadcast: u64) -> Vec<u32> {
        let plays =
            |t: &BusTerminal| t.sounded.get(&broadcast).map_or(0, |sounded| sounded.started);
        self.terminals.iter().map(plays).collect()
    }

    pub(crate) fn figures(&self) -> String {
        format!("{} here, {:?} {:?}", self.here.len(), self.master.figures, self.bus.figures)
    }
}
