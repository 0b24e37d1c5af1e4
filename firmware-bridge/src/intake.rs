//! Content that comes over a serial line: collected from chunks in any order, checked against the
//! digest a signed order gave, kept in the terminal's flash.

use crate::line::{
    CHUNK_BYTES_MAX, CHUNK_UNIT_BYTES, CHUNKS_MAX, Chunk, MISSING_BYTES_MAX, Progress, Tag, tag,
};
use crate::message::{Clip, Codec};
use crate::phrases::{self, PHRASES_BYTES_MAX};
use heapless::Vec;
use sha2::{Digest, Sha256};

/// Clips remembered as asked for. When it is full the oldest makes room, first of those only kept
/// for later.
pub const WANTED_MAX: usize = 24;
/// Bytes hashed by one call of [`Intake::work`].
pub const WORK_BYTES: usize = 512;

/// Flash, or whatever keeps clips.
pub trait ClipStore {
    /// Whether content with this digest is here, whole and checked.
    fn holds(&mut self, sha256: &[u8; 32]) -> bool;
    /// Makes room for this content; what was begun before and never kept is given up. Content that
    /// was kept for later makes no room. False: impossible.
    #[must_use]
    fn begin(&mut self, clip: &Clip) -> bool;
    /// Writes bytes of the content begun, at `offset`; false when it failed.
    #[must_use]
    fn write(&mut self, offset: u32, bytes: &[u8]) -> bool;
    /// Reads bytes of the content begun back, from `offset`; gives how many.
    fn read(&mut self, offset: u32, out: &mut [u8]) -> usize;
    /// The content begun (or held already) is whole and was checked: [`Self::holds`] says so from
    /// now on. `pinned`: kept for later, also across a power cut; `phrase` is its number then.
    #[must_use]
    fn keep(&mut self, clip: &Clip, pinned: bool, phrase: Option<u16>) -> bool;
    /// Digest of the content kept under a number.
    fn phrase(&mut self, number: u16) -> Option<[u8; 32]>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Waiting,
    Here,
    Impossible,
}

#[derive(Debug, Clone)]
struct Wanted {
    clip: Clip,
    pinned: bool,
    phrase: Option<u16>,
    stand: Stand,
}

/// The one clip that is being received.
#[derive(Debug)]
struct Transfer {
    clip: Clip,
    units: u8,
    missing: u16,
    have: [u8; CHUNKS_MAX / 8],
    hasher: Sha256,
    hashed: u32,
}

/// What became of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// Whole and checked: say `on_clip_ready`.
    Whole([u8; 32]),
    /// It can't be had: say `on_clip_failed`.
    Never([u8; 32]),
}

/// The collection.
#[derive(Debug)]
pub struct Intake<C> {
    /// The flash.
    pub clips: C,
    wanted: Vec<Wanted, WANTED_MAX>,
    transfer: Option<Transfer>,
    /// Contents that were whole and did not fit their digest; each was begun anew.
    pub spoilt: u32,
}

impl<C: ClipStore> Intake<C> {
    /// Over this flash.
    #[must_use]
    pub fn new(clips: C) -> Self {
        Self { clips, wanted: Vec::new(), transfer: None, spoilt: 0 }
    }

    /// A signed order asks for `clip`. True when it is here already.
    pub fn want(&mut self, clip: &Clip) -> bool {
        self.put(clip, false, None) == Stand::Here
    }

    /// A signed order names `clip` beside another one: it is taken when it comes.
    pub fn offer(&mut self, clip: &Clip) {
        let _here = self.put(clip, false, None);
    }

    /// Digest of a clip that an order named and that is here.
    #[must_use]
    pub fn here(&self, of: Tag) -> Option<[u8; 32]> {
        let named = self.wanted.iter().find(|wanted| tag(&wanted.clip.sha256) == of)?;
        (named.stand == Stand::Here).then_some(named.clip.sha256)
    }

    /// A signed order asks to keep `clip` for later. True when it is here already.
    pub fn keep(&mut self, clip: &Clip, phrase: Option<u16>) -> bool {
        self.put(clip, true, phrase) == Stand::Here
    }

    fn put(&mut self, clip: &Clip, pinned: bool, phrase: Option<u16>) -> Stand {
        // A list is looked at anew each time: other content may stand under its numbers by now.
        let held = clip.codec != Codec::Phrases
            && self.clips.holds(&clip.sha256)
            && (!pinned || self.clips.keep(clip, true, phrase));
        let stand = if held { Stand::Here } else { Stand::Waiting };
        if let Some(old) = self.wanted.iter_mut().find(|old| old.clip.sha256 == clip.sha256) {
            old.stand = stand;
            old.pinned |= pinned;
            old.phrase = phrase.or(old.phrase);
            return stand;
        }
        if self.wanted.is_full() {
            let place = self.wanted.iter().position(|old| old.pinned).unwrap_or(0);
            let old = self.wanted.remove(place);
            if self.transfer.as_ref().is_some_and(|now| now.clip.sha256 == old.clip.sha256) {
                self.transfer = None;
            }
        }
        // Room was made just now.
        let _fits = self.wanted.push(Wanted { clip: *clip, pinned, phrase, stand });
        stand
    }

    /// Takes a chunk.
    pub fn chunk(&mut self, chunk: &Chunk<'_>) -> Option<Came> {
        let wanted = self.wanted.iter_mut().find(|wanted| tag(&wanted.clip.sha256) == chunk.tag)?;
        if wanted.stand != Stand::Waiting {
            return None;
        }
        let clip = wanted.clip;
        let size = chunk_bytes(chunk.units)?;
        let count = chunk_count(clip.clip_bytes, chunk.units)?;
        let offset = u32::from(chunk.index).checked_mul(size)?;
        let expected = clip.clip_bytes.checked_sub(offset)?.min(size);
        if chunk.index >= count || u32::try_from(chunk.bytes.len()) != Ok(expected) {
            return None;
        }
        let same = self
            .transfer
            .as_ref()
            .is_some_and(|now| now.clip.sha256 == clip.sha256 && now.units == chunk.units);
        if !same {
            if !self.clips.begin(&clip) {
                wanted.stand = Stand::Impossible;
                return Some(Came::Never(clip.sha256));
            }
            self.transfer = Some(Transfer {
                clip,
                units: chunk.units,
                missing: count,
                have: [0; CHUNKS_MAX / 8],
                hasher: Sha256::new(),
                hashed: 0,
            });
        }
        let transfer = self.transfer.as_mut()?;
        let (byte, bit) = place(chunk.index);
        let mark = transfer.have.get_mut(byte)?;
        if *mark & bit != 0 || !self.clips.write(offset, chunk.bytes) {
            return None;
        }
        *mark |= bit;
        transfer.missing = transfer.missing.saturating_sub(1);
        if transfer.hashed == offset {
            transfer.hasher.update(chunk.bytes);
            transfer.hashed = offset.saturating_add(expected);
        }
        self.check()
    }

    /// Hashes what is here and was not hashed yet, [`WORK_BYTES`] at most. Call it whenever there
    /// is time; true as long as there is more to do.
    pub fn work(&mut self) -> (bool, Option<Came>) {
        let Some(transfer) = &mut self.transfer else { return (false, None) };
        let size = chunk_bytes(transfer.units).unwrap_or(1);
        let index = u16::try_from(transfer.hashed / size).unwrap_or(u16::MAX);
        let (byte, bit) = place(index);
        let have = transfer.have.get(byte).is_some_and(|mark| mark & bit != 0);
        if !have || transfer.hashed >= transfer.clip.clip_bytes {
            return (false, None);
        }
        let left = size - transfer.hashed % size;
        let left = left.min(transfer.clip.clip_bytes - transfer.hashed);
        let mut buffer = [0_u8; WORK_BYTES];
        let length = usize::try_from(left).unwrap_or(WORK_BYTES).min(WORK_BYTES);
        let Some(out) = buffer.get_mut(..length) else { return (false, None) };
        let got = self.clips.read(transfer.hashed, out).min(length);
        if got == 0 {
            // What was written can't be read back: it is missing again.
            if let Some(mark) = transfer.have.get_mut(byte) {
                *mark &= !bit;
                transfer.missing = transfer.missing.saturating_add(1);
            }
            return (false, None);
        }
        transfer.hasher.update(buffer.get(..got).unwrap_or_default());
        transfer.hashed = transfer.hashed.saturating_add(u32::try_from(got).unwrap_or(0));
        (true, self.check())
    }

    /// Ends the transfer when everything was hashed.
    fn check(&mut self) -> Option<Came> {
        let transfer = self.transfer.as_mut()?;
        let clip = transfer.clip;
        if transfer.missing > 0 || transfer.hashed < clip.clip_bytes {
            return None;
        }
        let digest: [u8; 32] = core::mem::take(&mut transfer.hasher).finalize().into();
        if digest != clip.sha256 {
            self.spoilt = self.spoilt.saturating_add(1);
            self.transfer = None;
            return None;
        }
        let speakable = clip.codec != Codec::Phrases || self.phrases_here(&clip);
        self.transfer = None;
        let wanted = self.wanted.iter_mut().find(|wanted| wanted.clip.sha256 == digest)?;
        if speakable && self.clips.keep(&clip, wanted.pinned, wanted.phrase) {
            wanted.stand = Stand::Here;
            Some(Came::Whole(digest))
        } else {
            wanted.stand = Stand::Impossible;
            Some(Came::Never(digest))
        }
    }

    /// Whether everything a received phrase list names is kept here, and is what it means.
    fn phrases_here(&mut self, clip: &Clip) -> bool {
        let mut bytes = [0_u8; PHRASES_BYTES_MAX];
        let Some(space) = usize::try_from(clip.clip_bytes).ok().and_then(|n| bytes.get_mut(..n))
        else {
            return false;
        };
        let used = self.clips.read(0, space);
        let list = space.get(..used).unwrap_or_default();
        phrases::open(list, |number| self.clips.phrase(number)).is_some()
    }

    /// How far the clip of a tag is, with its missing chunks.
    #[must_use]
    pub fn progress(&self, of: Tag) -> (Progress, Vec<u8, MISSING_BYTES_MAX>) {
        let none = Vec::new();
        let wanted = self.wanted.iter().find(|wanted| tag(&wanted.clip.sha256) == of);
        let Some(wanted) = wanted else { return (Progress::Unasked, none) };
        match (wanted.stand, &self.transfer) {
            (Stand::Here, _) => (Progress::Here, none),
            (Stand::Impossible, _) => (Progress::Impossible, none),
            (Stand::Waiting, Some(now)) if now.clip.sha256 == wanted.clip.sha256 => now.progress(),
            (Stand::Waiting, _) => (Progress::Missing { first: 0, count: u16::MAX }, none),
        }
    }
}

impl Transfer {
    fn progress(&self) -> (Progress, Vec<u8, MISSING_BYTES_MAX>) {
        let mut missing = Vec::new();
        if self.missing == 0 {
            return (Progress::Checking, missing);
        }
        let count = chunk_count(self.clip.clip_bytes, self.units).unwrap_or(0);
        let lacks = |index: u16| {
            let (byte, bit) = place(index);
            index < count && self.have.get(byte).is_some_and(|mark| mark & bit == 0)
        };
        let first = (0..count).find(|index| lacks(*index)).unwrap_or(0);
        for eight in 0..u16::try_from(MISSING_BYTES_MAX).unwrap_or(0) {
            let from = first.saturating_add(eight * 8);
            let byte = (0..8_u16)
                .filter(|bit| lacks(from.saturating_add(*bit)))
                .fold(0_u8, |byte, bit| byte | 1 << bit);
            // As many as fit.
            let _fits = missing.push(byte);
        }
        while missing.last() == Some(&0) {
            missing.pop();
        }
        (Progress::Missing { first, count: self.missing }, missing)
    }
}

/// Bytes of a chunk of so many units; `None` when no chunk has that size.
#[must_use]
pub fn chunk_bytes(units: u8) -> Option<u32> {
    let bytes = u32::from(units) * u32::from(CHUNK_UNIT_BYTES);
    (bytes > 0 && usize::try_from(bytes).is_ok_and(|bytes| bytes <= CHUNK_BYTES_MAX))
        .then_some(bytes)
}

/// Number of chunks of a clip; `None` when it is empty or there are too many.
#[must_use]
pub fn chunk_count(clip_bytes: u32, units: u8) -> Option<u16> {
    let count = u16::try_from(clip_bytes.div_ceil(chunk_bytes(units)?)).ok()?;
    (count > 0 && usize::from(count) <= CHUNKS_MAX).then_some(count)
}

fn place(index: u16) -> (usize, u8) {
    (usize::from(index / 8), 1 << (index % 8))
}
