//! Clips on an SD card without a file system, so that a power cut can damage at most the clip that
//! was being written.
//!
//! | block | what |
//! |---|---|
//! | 1 + n | entry of slot n: magic, digest, length, codec, pinned, phrase, age, CRC-32 |
//! | 1024 + n × 8192 | content of slot n, 4 MiB at most |

use crc::{CRC_32_ISO_HDLC, Crc};
use mingluo_bridge::intake::ClipStore;
use mingluo_bridge::message::{Clip, Codec};

/// Bytes of a block.
pub const BLOCK_BYTES: usize = 512;
/// Clips on the shelf. When it is full the oldest that is not kept for later makes room.
pub const SLOTS_MAX: usize = 64;
/// Longest clip, bytes.
pub const CLIP_BYTES_MAX: u32 = 4 * 1024 * 1024;
const ENTRIES_AT: u32 = 1;
const CONTENT_AT: u32 = 1024;
const SLOT_BLOCKS: u32 = 8192;
const MAGIC: [u8; 4] = *b"MLC1";
const ENTRY_BYTES: usize = 4 + 32 + 4 + 1 + 1 + 2 + 4;
const NO_PHRASE: u16 = u16::MAX;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A card that reads and writes blocks.
pub trait Blocks {
    /// Blocks of the card; 0 when there is none.
    fn count(&mut self) -> u32;
    /// Reads a block; false when it failed.
    fn read(&mut self, block: u32, out: &mut [u8; BLOCK_BYTES]) -> bool;
    /// Writes a block and waits until the card has it; false when it failed.
    fn write(&mut self, block: u32, bytes: &[u8; BLOCK_BYTES]) -> bool;
}

/// What is remembered of a slot. The whole digest is on the card.
#[derive(Clone, Copy, Default)]
struct Slot {
    used: bool,
    pinned: bool,
    codec: u8,
    phrase: u16,
    name: [u8; 8],
    clip_bytes: u32,
    age: u32,
}

/// The shelf.
pub struct Shelf<B> {
    blocks: B,
    slots: [Slot; SLOTS_MAX],
    /// How many fit this card.
    slot_count: usize,
    age: u32,
    begun: Option<usize>,
    cache: [u8; BLOCK_BYTES],
    cached: u32,
    dirty: bool,
    /// The slot that sounds, which must not make room.
    pub playing: Option<usize>,
}

impl<B: Blocks> Shelf<B> {
    /// Reads the entries of a card.
    pub fn open(mut blocks: B) -> Self {
        let room = blocks.count().saturating_sub(CONTENT_AT) / SLOT_BLOCKS;
        let slot_count = usize::try_from(room).unwrap_or(0).min(SLOTS_MAX);
        let mut shelf = Self {
            blocks,
            slots: [Slot::default(); SLOTS_MAX],
            slot_count,
            age: 0,
            begun: None,
            cache: [0; BLOCK_BYTES],
            cached: u32::MAX,
            dirty: false,
            playing: None,
        };
        for place in 0..slot_count {
            if let Some((slot, _)) = shelf.entry(place) {
                shelf.age = shelf.age.max(slot.age);
                if let Some(to) = shelf.slots.get_mut(place) {
                    *to = slot;
                }
            }
        }
        shelf
    }

    /// Which slot holds this digest.
    pub fn find(&mut self, sha256: &[u8; 32]) -> Option<usize> {
        let candidates = self.slots;
        candidates
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.used && sha256.starts_with(&slot.name))
            .map(|(place, _)| place)
            .find(|place| self.entry(*place).is_some_and(|(_, digest)| digest == *sha256))
    }

    /// Length and codec of a slot's clip.
    #[must_use]
    pub fn clip(&self, place: usize) -> Option<(u32, Option<Codec>)> {
        let slot = self.slots.get(place).filter(|slot| slot.used)?;
        let codec =
            [Codec::Opus, Codec::Mp3, Codec::Adpcm, Codec::Wav, Codec::Phrases, Codec::Text]
                .into_iter()
                .find(|codec| codec.bit() == slot.codec);
        Some((slot.clip_bytes, codec))
    }

    /// The slot kept under a number.
    #[must_use]
    pub fn numbered(&self, number: u16) -> Option<usize> {
        self.slots.iter().position(|slot| slot.used && slot.pinned && slot.phrase == number)
    }

    /// Reads a block of a slot's content.
    pub fn content(&mut self, place: usize, block: u32, out: &mut [u8; BLOCK_BYTES]) -> bool {
        let at = content_at(place).saturating_add(block);
        if at == self.cached {
            *out = self.cache;
            return true;
        }
        block < SLOT_BLOCKS && self.blocks.read(at, out)
    }

    fn entry(&mut self, place: usize) -> Option<(Slot, [u8; 32])> {
        let mut block = [0; BLOCK_BYTES];
        let at = ENTRIES_AT.saturating_add(u32::try_from(place).ok()?);
        if !self.blocks.read(at, &mut block) {
            return None;
        }
        decode(&block)
    }

    fn write_entry(&mut self, place: usize, slot: Slot, sha256: &[u8; 32]) -> bool {
        let Some(at) = u32::try_from(place).ok().map(|place| ENTRIES_AT + place) else {
            return false;
        };
        let written = self.blocks.write(at, &encode(&slot, sha256));
        if written && let Some(to) = self.slots.get_mut(place) {
            *to = slot;
        }
        written
    }

    /// Makes a slot free, on the card first.
    fn clear(&mut self, place: usize) -> bool {
        let used = self.slots.get(place).is_some_and(|slot| slot.used);
        if !used {
            return true;
        }
        let Some(at) = u32::try_from(place).ok().map(|place| ENTRIES_AT + place) else {
            return false;
        };
        let cleared = self.blocks.write(at, &[0; BLOCK_BYTES]);
        if cleared && let Some(slot) = self.slots.get_mut(place) {
            *slot = Slot::default();
        }
        cleared
    }

    /// A free slot, or else the oldest that may go.
    fn room(&self) -> Option<usize> {
        let slots = self.slots.iter().enumerate().take(self.slot_count);
        slots
            .filter(|(place, slot)| !slot.used || !(slot.pinned || self.playing == Some(*place)))
            .min_by_key(|(_, slot)| (slot.used, slot.age))
            .map(|(place, _)| place)
    }

    /// Brings a block of the content begun into the cache.
    fn bring(&mut self, at: u32) -> bool {
        if self.cached == at {
            return true;
        }
        if !self.flush() {
            return false;
        }
        self.cached = at;
        if self.blocks.read(at, &mut self.cache) {
            return true;
        }
        self.cached = u32::MAX;
        false
    }

    fn flush(&mut self) -> bool {
        if self.dirty {
            self.dirty = !self.blocks.write(self.cached, &self.cache);
        }
        !self.dirty
    }

    /// Calls `use_it` with each piece of the cache that `length` bytes from `offset` touch.
    fn pieces(
        &mut self,
        offset: u32,
        length: usize,
        mut use_it: impl FnMut(&mut [u8], usize),
    ) -> bool {
        let Some(place) = self.begun else { return false };
        let Ok(mut at) = usize::try_from(offset) else { return false };
        let mut done = 0;
        while done < length {
            let Ok(block) = u32::try_from(at / BLOCK_BYTES) else { return false };
            if block >= SLOT_BLOCKS || !self.bring(content_at(place) + block) {
                return false;
            }
            let from = at % BLOCK_BYTES;
            let piece = (BLOCK_BYTES - from).min(length - done);
            let Some(cache) = self.cache.get_mut(from..from + piece) else { return false };
            use_it(cache, done);
            at += piece;
            done += piece;
        }
        true
    }
}

impl<B: Blocks> ClipStore for Shelf<B> {
    fn holds(&mut self, sha256: &[u8; 32]) -> bool {
        self.find(sha256).is_some()
    }

    fn begin(&mut self, clip: &Clip) -> bool {
        self.begun = None;
        self.dirty = false;
        self.cached = u32::MAX;
        if clip.clip_bytes > CLIP_BYTES_MAX {
            return false;
        }
        match self.room() {
            Some(place) if self.clear(place) => self.begun = Some(place),
            Some(_) | None => {}
        }
        self.begun.is_some()
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> bool {
        let mut dirty = false;
        // The cache is flushed in `bring` before it moves on, so it is marked piece by piece.
        let mut rest = bytes;
        let mut at = offset;
        while !rest.is_empty() {
            let from = usize::try_from(at).unwrap_or(0) % BLOCK_BYTES;
            let (piece, after) = rest.split_at(rest.len().min(BLOCK_BYTES - from));
            let written = self.pieces(at, piece.len(), |cache, _| cache.copy_from_slice(piece));
            if !written {
                return false;
            }
            self.dirty = true;
            dirty = true;
            at = at.saturating_add(u32::try_from(piece.len()).unwrap_or(0));
            rest = after;
        }
        dirty
    }

    fn read(&mut self, offset: u32, out: &mut [u8]) -> usize {
        let length = out.len();
        let read = self.pieces(offset, length, |cache, done| {
            if let Some(to) = out.get_mut(done..done + cache.len()) {
                to.copy_from_slice(cache);
            }
        });
        if read { length } else { 0 }
    }

    fn keep(&mut self, clip: &Clip, pinned: bool, phrase: Option<u16>) -> bool {
        let here = self.find(&clip.sha256);
        let Some(place) = here.or(self.begun) else { return false };
        if here.is_none() && !self.flush() {
            return false;
        }
        // A number that is given anew leaves the clip that had it.
        let old = phrase.and_then(|number| self.numbered(number)).filter(|old| *old != place);
        if let Some(old) = old
            && let Some((slot, digest)) = self.entry(old)
            && !self.write_entry(old, Slot { phrase: NO_PHRASE, pinned: false, ..slot }, &digest)
        {
            return false;
        }
        let before = self.slots.get(place).filter(|_| here.is_some()).copied();
        self.age = self.age.saturating_add(1);
        let [a, b, c, d, e, f, g, h, ..] = clip.sha256;
        let slot = Slot {
            used: true,
            pinned: pinned || before.is_some_and(|before| before.pinned),
            codec: clip.codec.bit(),
            phrase: phrase.or(before.map(|before| before.phrase)).unwrap_or(NO_PHRASE),
            name: [a, b, c, d, e, f, g, h],
            clip_bytes: clip.clip_bytes,
            age: self.age,
        };
        let written = self.write_entry(place, slot, &clip.sha256);
        if written && here.is_none() {
            self.begun = None;
        }
        written
    }

    fn phrase(&mut self, number: u16) -> Option<[u8; 32]> {
        let place = self.numbered(number)?;
        self.entry(place).map(|(_, digest)| digest)
    }
}

fn content_at(place: usize) -> u32 {
    CONTENT_AT + u32::try_from(place).unwrap_or(0) * SLOT_BLOCKS
}

fn encode(slot: &Slot, sha256: &[u8; 32]) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    let bytes = MAGIC
        .into_iter()
        .chain(*sha256)
        .chain(slot.clip_bytes.to_le_bytes())
        .chain([slot.codec, u8::from(slot.pinned)])
        .chain(slot.phrase.to_le_bytes())
        .chain(slot.age.to_le_bytes());
    block.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    let crc = block.get(..ENTRY_BYTES).map(|entry| CRC.checksum(entry)).unwrap_or_default();
    let place = block.iter_mut().skip(ENTRY_BYTES);
    place.zip(crc.to_le_bytes()).for_each(|(to, from)| *to = from);
    block
}

fn decode(block: &[u8; BLOCK_BYTES]) -> Option<(Slot, [u8; 32])> {
    let (entry, rest) = block.split_at_checked(ENTRY_BYTES)?;
    let crc = rest.first_chunk::<4>()?;
    if CRC.checksum(entry).to_le_bytes() != *crc {
        return None;
    }
    let (sha256, rest) = entry.strip_prefix(&MAGIC)?.split_first_chunk::<32>()?;
    let (clip_bytes, rest) = rest.split_first_chunk::<4>()?;
    let ([codec, pinned], rest) = rest.split_first_chunk::<2>()?;
    let (phrase, rest) = rest.split_first_chunk::<2>()?;
    let (age, _) = rest.split_first_chunk::<4>()?;
    let slot = Slot {
        used: true,
        pinned: *pinned != 0,
        codec: *codec,
        phrase: u16::from_le_bytes(*phrase),
        name: *sha256.first_chunk::<8>()?,
        clip_bytes: u32::from_le_bytes(*clip_bytes),
        age: u32::from_le_bytes(*age),
    };
    Some((slot, *sha256))
}
