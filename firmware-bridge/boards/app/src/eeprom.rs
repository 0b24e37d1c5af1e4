//! Persistent memory by bytes (EEPROM or FRAM): provisioning, time floor, replay window.
//!
//! | from | bytes | what |
//! |---|---|---|
//! | 0x000 | 256 | provisioning, written at the workbench |
//! | 0x100 | 2 × 16 | time floor: time, its complement; the higher valid one holds |
//! | 0x200 | 566 | replay window, slot 0 |
//! | 0x600 | 566 | replay window, slot 1 |

use mingluo_bridge::provision::{PROVISION_BYTES, Provision};
use mingluo_bridge::replay::{SLOT_BYTES, Store};

const TIME_FLOOR_AT: u16 = 0x100;
const SLOT_AT: [u16; 2] = [0x200, 0x600];

/// The time floor rises in steps of this, milliseconds: an hour costs 9,000 writes a year, of the
/// million that an EEPROM cell bears.
pub const TIME_FLOOR_STEP_MS: i64 = 3_600_000;

/// An EEPROM of 4 KiB or more.
pub trait Eeprom {
    /// Reads from an address; false when the chip does not answer.
    fn read(&mut self, at: u16, out: &mut [u8]) -> bool;
    /// Writes, and waits until the chip has it; false when it does not answer.
    fn write(&mut self, at: u16, bytes: &[u8]) -> bool;
}

/// Reads the provisioning; `None` when it is damaged or was never written.
pub fn provision(eeprom: &mut impl Eeprom) -> Option<Provision> {
    let mut bytes = [0; PROVISION_BYTES];
    if !eeprom.read(0, &mut bytes) {
        return None;
    }
    Provision::decode(&bytes)
}

/// The replay window's two slots.
pub struct Slots<E>(pub E);

impl<E: Eeprom> Store for Slots<E> {
    fn load(&mut self, slot: u8, out: &mut [u8; SLOT_BYTES]) -> bool {
        match SLOT_AT.get(usize::from(slot)) {
            Some(at) => self.0.read(*at, out),
            None => false,
        }
    }

    fn save(&mut self, slot: u8, bytes: &[u8; SLOT_BYTES]) -> bool {
        // What was written is read back: a worn cell must not count as remembered.
        let mut back = [0; SLOT_BYTES];
        match SLOT_AT.get(usize::from(slot)) {
            Some(at) => self.0.write(*at, bytes) && self.0.read(*at, &mut back) && back == *bytes,
            None => false,
        }
    }
}

/// The latest time this terminal has seen: signed time before it is old and refused, so that an
/// old time signal and an old order, played back together after a power cut, make no sound.
pub struct TimeFloor {
    floor_ms: i64,
    slot: u16,
}

impl TimeFloor {
    /// Loads the higher valid slot; zero when there is none.
    pub fn load(eeprom: &mut impl Eeprom) -> Self {
        let mut best = Self { floor_ms: 0, slot: 1 };
        for slot in [0, 1] {
            let mut bytes = [0; 16];
            if !eeprom.read(TIME_FLOOR_AT + slot * 16, &mut bytes) {
                continue;
            }
            let Some((time, complement)) = bytes.split_first_chunk::<8>() else { continue };
            let Some(complement) = complement.first_chunk::<8>() else { continue };
            let (time, complement) = (i64::from_le_bytes(*time), i64::from_le_bytes(*complement));
            if time == !complement && time > best.floor_ms {
                best = Self { floor_ms: time, slot };
            }
        }
        best
    }

    /// Whether a signed time is news; what rises enough is written down.
    pub fn passes(&mut self, eeprom: &mut impl Eeprom, time_ms: i64) -> bool {
        if time_ms < self.floor_ms {
            return false;
        }
        if time_ms.saturating_sub(self.floor_ms) >= TIME_FLOOR_STEP_MS {
            let slot = 1 - self.slot;
            let mut bytes = [0; 16];
            let halves = time_ms.to_le_bytes().into_iter().chain((!time_ms).to_le_bytes());
            bytes.iter_mut().zip(halves).for_each(|(to, from)| *to = from);
            if eeprom.write(TIME_FLOOR_AT + slot * 16, &bytes) {
                *self = Self { floor_ms: time_ms, slot };
            }
        }
        true
    }
}
