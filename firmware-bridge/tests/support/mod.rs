//! What the tests of the terminal share: a store that fails, keys, manifests, views of actions.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test binary uses its own part"
)]

use ed25519_dalek::SigningKey;
use mingluo_bridge::frame::{Ed25519Signer, Ed25519Verifier, FRAME_BYTES_MAX, Kind, seal};
use mingluo_bridge::message::{
    Class, Clip, Codec, Manifest, Order, Receipt, ReceiptItem, RefusalCode, Report, Step, Target,
};
use mingluo_bridge::replay::{SLOT_BYTES, Store};
use mingluo_bridge::terminal::{Action, Profile};
use std::cell::RefCell;
use std::rc::Rc;

pub const NOW: i64 = 1_800_000_000_000;
pub const HOUR: i64 = 3_600_000;
pub const TERMINAL: u64 = 430_621_100_001_001;

#[derive(Debug, Default)]
struct Inner {
    slots: [Option<[u8; SLOT_BYTES]>; 2],
    writes_left: Option<u32>,
    torn: bool,
    failed: bool,
}

/// Two slots shared by all clones; after the allowed writes every write fails, torn or clean.
#[derive(Debug, Default, Clone)]
pub struct Cells(Rc<RefCell<Inner>>);

impl Cells {
    pub fn writes_left(&self, writes: Option<u32>) {
        self.0.borrow_mut().writes_left = writes;
    }
    /// Whether a failing write leaves half of its bytes behind.
    pub fn torn(&self, torn: bool) {
        self.0.borrow_mut().torn = torn;
    }
    /// Whether the power is gone: at once after the last good write, or at the first failing one.
    pub fn is_cut(&self, at_once: bool) -> bool {
        let inner = self.0.borrow();
        inner.failed || (at_once && inner.writes_left == Some(0))
    }
    /// Power and memory are back.
    pub fn repair(&self) {
        let mut inner = self.0.borrow_mut();
        inner.writes_left = None;
        inner.failed = false;
    }
}

impl Store for Cells {
    fn load(&mut self, slot: u8, out: &mut [u8; SLOT_BYTES]) -> bool {
        let kept = self.0.borrow().slots[usize::from(slot)];
        kept.inspect(|bytes| *out = *bytes).is_some()
    }
    fn save(&mut self, slot: u8, bytes: &[u8; SLOT_BYTES]) -> bool {
        let mut inner = self.0.borrow_mut();
        let inner = &mut *inner;
        let place = &mut inner.slots[usize::from(slot)];
        match &mut inner.writes_left {
            Some(0) => {
                if inner.torn {
                    let kept = place.get_or_insert([0xFF; SLOT_BYTES]);
                    kept[..SLOT_BYTES / 2].copy_from_slice(&bytes[..SLOT_BYTES / 2]);
                }
                inner.failed = true;
                return false;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        *place = Some(*bytes);
        true
    }
}

pub fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub fn verifier() -> Ed25519Verifier {
    Ed25519Verifier::new(1, signing_key().verifying_key().as_bytes()).unwrap()
}

pub fn sealed(order: &Order) -> Vec<u8> {
    let mut out = [0; FRAME_BYTES_MAX];
    let used = seal(Kind::Order, order, &Ed25519Signer::new(1, &signing_key()), &mut out).unwrap();
    out[..used].to_vec()
}

pub fn receipt(broadcast: u64, sequence: u32, key: &SigningKey) -> Vec<u8> {
    let item = ReceiptItem { terminal: TERMINAL, broadcast, sequence };
    let body = Receipt { items: [item].into_iter().collect(), issued_at_ms: NOW };
    let mut out = [0; FRAME_BYTES_MAX];
    let used = seal(Kind::Receipt, &body, &Ed25519Signer::new(1, key), &mut out).unwrap();
    out[..used].to_vec()
}

pub fn profile() -> Profile {
    Profile {
        id: TERMINAL,
        areas: [430_621_100_001].into_iter().collect(),
        codecs: Codec::Adpcm.bit() | Codec::Mp3.bit(),
        volume_percent: 60,
        drills: true,
    }
}

pub fn clip(counter: u64) -> Clip {
    let mut sha256 = [0; 32];
    sha256[..8].copy_from_slice(&counter.to_le_bytes());
    Clip { codec: Codec::Adpcm, sha256, clip_bytes: 80_000, duration_ms: 20_000 }
}

pub fn manifest(counter: u64, priority: u8) -> Manifest {
    Manifest {
        counter,
        class: Class::Live,
        drill_armed: false,
        priority,
        target: Target::Terminal(TERMINAL),
        issued_at_ms: NOW,
        not_before_ms: NOW,
        expires_ms: NOW + HOUR,
        volume_percent: None,
        repeats: 1,
        interval_s: 10,
        stagger_ms: 0,
        clips: [clip(counter)].into_iter().collect(),
    }
}

pub fn starts(actions: &[Action]) -> Vec<u64> {
    let start = |action: &Action| match action {
        Action::Start { broadcast, .. } => Some(*broadcast),
        Action::Fetch(_)
        | Action::Offer(_)
        | Action::Stop { .. }
        | Action::Send(_)
        | Action::AmplifierOff
        | Action::Keep { .. }
        | Action::SetClock { .. } => None,
    };
    actions.iter().filter_map(start).collect()
}

pub fn reports(actions: &[Action]) -> Vec<Report> {
    let report = |action: &Action| match action {
        Action::Send(report) => Some(report.clone()),
        Action::Fetch(_)
        | Action::Offer(_)
        | Action::Stop { .. }
        | Action::Start { .. }
        | Action::AmplifierOff
        | Action::Keep { .. }
        | Action::SetClock { .. } => None,
    };
    actions.iter().filter_map(report).collect()
}

pub fn steps(actions: &[Action]) -> Vec<(u64, Step)> {
    reports(actions).into_iter().map(|report| (report.broadcast, report.step)).collect()
}

pub fn refusals(actions: &[Action]) -> Vec<RefusalCode> {
    let code =
        |report: Report| if let Step::Refused(code) = report.step { Some(code) } else { None };
    reports(actions).into_iter().filter_map(code).collect()
}
