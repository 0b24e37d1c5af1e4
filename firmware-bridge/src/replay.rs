//! What a terminal must remember across power cuts so that nothing sounds twice.
//!
//! A window of recent order counters with the digest of their manifest and how far they got. A
//! counter at or below the floor is refused for ever. Kept in two slots of persistent memory,
//! written in turns; the newer valid one wins, so a cut during a write costs nothing.

use crate::message::{Manifest, Target};
use crc::{CRC_32_ISO_HDLC, Crc};
use heapless::Vec;
use sha2::{Digest, Sha256};

/// Orders remembered one by one.
pub const WINDOW_ENTRIES_MAX: usize = 32;
/// Bytes of one slot.
pub const SLOT_BYTES: usize = 1 + 4 + 4 + 8 + 1 + WINDOW_ENTRIES_MAX * ENTRY_BYTES + 4;
const ENTRY_BYTES: usize = 8 + 8 + 1;
const LAYOUT: u8 = 1;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Persistent memory of two slots.
pub trait Store {
    /// Reads a slot (0 or 1) into `out`; false when there is nothing.
    fn load(&mut self, slot: u8, out: &mut [u8; SLOT_BYTES]) -> bool;
    /// Writes a slot; false when it failed.
    #[must_use]
    fn save(&mut self, slot: u8, bytes: &[u8; SLOT_BYTES]) -> bool;
}

/// How far an order got, as far as must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Held, never began to sound.
    Accepted,
    /// Began to sound.
    Playing,
    /// Played to the end.
    Played,
    /// Cancelled.
    Cancelled,
    /// Failed.
    Failed,
    /// Expired.
    Expired,
    /// Pre-empted for good.
    Preempted,
}

impl Phase {
    const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Playing,
        Self::Played,
        Self::Cancelled,
        Self::Failed,
        Self::Expired,
        Self::Preempted,
    ];

    fn byte(self) -> u8 {
        match self {
            Self::Accepted => 1,
            Self::Playing => 2,
            Self::Played => 3,
            Self::Cancelled => 4,
            Self::Failed => 5,
            Self::Expired => 6,
            Self::Preempted => 7,
        }
    }

    /// Whether it will never sound (again).
    #[must_use]
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Accepted | Self::Playing)
    }
}

/// One remembered order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Remembered {
    counter: u64,
    digest: [u8; 8],
    phase: Phase,
}

/// What the memory says about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Never seen: may be accepted.
    New,
    /// The same order, this far.
    Same(Phase),
    /// Seen with other content, or too old: refuse.
    Replay,
}

/// The memory itself.
#[derive(Debug)]
pub struct Memory<S> {
    store: S,
    generation: u32,
    /// How often the terminal booted.
    pub boot_count: u32,
    floor: u64,
    entries: Vec<Remembered, WINDOW_ENTRIES_MAX>,
    /// Something in memory is not in the store yet.
    unsaved: bool,
}

/// Short digest of a manifest without its target, so that the area's order and its repair by
/// terminal address are the same order.
#[must_use]
pub fn digest(manifest: &Manifest) -> [u8; 8] {
    digest_of(manifest, &[])
}

/// The same of an order to play what is spoken now: never equal to that of a play of the same
/// manifest.
#[must_use]
pub fn digest_live(manifest: &Manifest) -> [u8; 8] {
    digest_of(manifest, b"live")
}

fn digest_of(manifest: &Manifest, kind: &[u8]) -> [u8; 8] {
    let mut plain = manifest.clone();
    plain.target = Target::Terminal(0);
    let mut buffer = [0_u8; 512];
    let bytes = postcard::to_slice(&plain, &mut buffer).map(|used| &*used).unwrap_or_default();
    let full: [u8; 32] = Sha256::new().chain_update(bytes).chain_update(kind).finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = full;
    [a, b, c, d, e, f, g, h]
}

impl<S: Store> Memory<S> {
    /// Loads the newer valid slot; starts empty when there is none.
    pub fn load(mut store: S) -> Self {
        let mut best: Option<(u32, u32, u64, Vec<Remembered, WINDOW_ENTRIES_MAX>)> = None;
        for slot in [0, 1] {
            let mut bytes = [0_u8; SLOT_BYTES];
            if store.load(slot, &mut bytes)
                && let Some(read) = decode(&bytes)
                && best.as_ref().is_none_or(|old| read.0 > old.0)
            {
                best = Some(read);
            }
        }
        let (generation, boot_count, floor, entries) = best.unwrap_or((0, 0, 0, Vec::new()));
        Self { store, generation, boot_count, floor, entries, unsaved: false }
    }

    /// Highest counter ever accepted.
    #[must_use]
    pub fn counter_highest(&self) -> u64 {
        self.entries.iter().map(|entry| entry.counter).max().unwrap_or(0).max(self.floor)
    }

    /// What is known of an order.
    #[must_use]
    pub fn known(&self, counter: u64, digest: [u8; 8]) -> Known {
        match self.entries.iter().find(|entry| entry.counter == counter) {
            // A cancel that came first leaves no digest: whatever comes is cancelled.
            Some(entry) if entry.digest == digest || entry.phase == Phase::Cancelled => {
                Known::Same(entry.phase)
            }
            Some(_) => Known::Replay,
            None if counter <= self.floor => Known::Replay,
            None => Known::New,
        }
    }

    /// How far a broadcast got, if it is remembered.
    #[must_use]
    pub fn phase(&self, counter: u64) -> Option<Phase> {
        self.entries.iter().find(|entry| entry.counter == counter).map(|entry| entry.phase)
    }

    /// Broadcasts that were sounding when power went.
    pub fn interrupted(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().filter(|e| e.phase == Phase::Playing).map(|entry| entry.counter)
    }

    /// Remembers an order as accepted or as playing; false when there is no room or it could not
    /// be written. Nothing has changed then. `held` are the counters the terminal holds now.
    #[must_use]
    pub fn remember(&mut self, counter: u64, digest: [u8; 8], phase: Phase, held: &[u64]) -> bool {
        if !self.unsaved && self.phase(counter) == Some(phase) {
            return true;
        }
        let before = (self.floor, self.entries.clone(), self.unsaved);
        if !self.place(Remembered { counter, digest, phase }, held) {
            return false;
        }
        if self.save() {
            return true;
        }
        (self.floor, self.entries, self.unsaved) = before;
        false
    }

    /// Ends an order. The end holds from now on even when it can't be written (false): forgetting
    /// it could make a stopped broadcast sound again. It is written with the next change.
    #[must_use]
    pub fn finish(&mut self, counter: u64, phase: Phase, held: &[u64]) -> bool {
        if !self.unsaved && self.phase(counter) == Some(phase) {
            return true;
        }
        let placed = self.place(Remembered { counter, digest: [0; 8], phase }, held);
        self.save() && placed
    }

    /// Stop-all: refuses every counter up to `counter` from now on, and cancels those remembered
    /// as open, with one write. Holds even when it can't be written (false).
    #[must_use]
    pub fn stop_all(&mut self, counter: u64) -> bool {
        for entry in self.entries.iter_mut().filter(|entry| entry.counter < counter) {
            if !entry.phase.is_end() {
                entry.phase = Phase::Cancelled;
            }
        }
        self.floor = self.floor.max(counter);
        self.save()
    }

    /// Counts a boot.
    #[must_use]
    pub fn booted(&mut self) -> bool {
        self.boot_count = self.boot_count.wrapping_add(1);
        self.save()
    }

    /// Writes what an earlier failure left unwritten; true when nothing is left.
    #[must_use]
    pub fn settle(&mut self) -> bool {
        !self.unsaved || self.save()
    }

    /// Puts or changes an entry. A full window drops its oldest ended entry, or else the oldest
    /// that nobody holds (its power was cut and its order never came again), and raises the floor
    /// to it, so that what was dropped is refused and never sounds.
    fn place(&mut self, new: Remembered, held: &[u64]) -> bool {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.counter == new.counter) {
            entry.phase = new.phase;
            return true;
        }
        if self.entries.is_full() {
            let oldest = self
                .entries
                .iter()
                .enumerate()
                .filter(|(_, entry)| entry.phase.is_end() || !held.contains(&entry.counter))
                .min_by_key(|(_, entry)| (!entry.phase.is_end(), entry.counter))
                .map(|(place, entry)| (place, entry.counter));
            let Some((place, counter)) = oldest else { return false };
            self.entries.swap_remove(place);
            self.floor = self.floor.max(counter);
        }
        self.entries.push(new).is_ok()
    }

    fn save(&mut self) -> bool {
        let next = self.generation.wrapping_add(1);
        let bytes = encode(next, self.boot_count, self.floor, &self.entries);
        let slot = u8::from(next % 2 == 1);
        if self.store.save(slot, &bytes) {
            self.generation = next;
            self.unsaved = false;
            true
        } else {
            self.unsaved = true;
            false
        }
    }

    /// Gives the store back (a test pulls the plug this way).
    pub fn into_store(self) -> S {
        self.store
    }
}

fn encode(
    generation: u32,
    boot_count: u32,
    floor: u64,
    entries: &[Remembered],
) -> [u8; SLOT_BYTES] {
    let mut out = [0_u8; SLOT_BYTES];
    let count = u8::try_from(entries.len()).unwrap_or(u8::MAX);
    let head = [LAYOUT]
        .into_iter()
        .chain(generation.to_le_bytes())
        .chain(boot_count.to_le_bytes())
        .chain(floor.to_le_bytes())
        .chain([count]);
    let body = entries.iter().flat_map(|entry| {
        entry.counter.to_le_bytes().into_iter().chain(entry.digest).chain([entry.phase.byte()])
    });
    out.iter_mut().zip(head.chain(body)).for_each(|(to, from)| *to = from);
    if let Some((all, crc)) = out.split_last_chunk_mut::<4>() {
        *crc = CRC.checksum(all).to_le_bytes();
    }
    out
}

type Decoded = (u32, u32, u64, Vec<Remembered, WINDOW_ENTRIES_MAX>);

fn decode(bytes: &[u8; SLOT_BYTES]) -> Option<Decoded> {
    let (all, crc) = bytes.split_last_chunk::<4>()?;
    if CRC.checksum(all).to_le_bytes() != *crc {
        return None;
    }
    let (layout, rest) = all.split_first()?;
    if *layout != LAYOUT {
        return None;
    }
    let (generation, rest) = rest.split_first_chunk::<4>()?;
    let (boot_count, rest) = rest.split_first_chunk::<4>()?;
    let (floor, rest) = rest.split_first_chunk::<8>()?;
    let (count, mut rest) = rest.split_first()?;
    let mut entries = Vec::new();
    for _ in 0..*count {
        let (counter, after) = rest.split_first_chunk::<8>()?;
        let (digest, after) = after.split_first_chunk::<8>()?;
        let (phase, after) = after.split_first()?;
        let phase = Phase::ALL.into_iter().find(|candidate| candidate.byte() == *phase)?;
        let counter = u64::from_le_bytes(*counter);
        entries.push(Remembered { counter, digest: *digest, phase }).ok()?;
        rest = after;
    }
    Some((
        u32::from_le_bytes(*generation),
        u32::from_le_bytes(*boot_count),
        u64::from_le_bytes(*floor),
        entries,
    ))
}
