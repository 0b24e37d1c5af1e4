//! Sound from the shelf into the converter's queue: one clip, or kept clips one after the other; or a
//! text to the speech chip.

use crate::Board;
use crate::shelf::{BLOCK_BYTES, Blocks, Shelf};
use heapless::Vec;
use mingluo_bridge::adpcm::{BLOCK_BYTES_MAX, Head, at_volume, block_samples, decode_block};
use mingluo_bridge::intake::ClipStore as _;
use mingluo_bridge::message::{Codec, PHRASES_MAX, SPOKEN_BYTES_MAX};
use mingluo_bridge::tts::{Act, Command, FRAME_BYTES_MAX, Speech, SpeechChip, Utf16Le, frame};

/// Samples per second of the converter.
pub const SAMPLE_RATE_HZ: u32 = 8_000;

/// How long after a stop the chip is told: what it gets has left by then, milliseconds.
const HUSH_MS: i64 = 700;

/// Where a text is while it is spoken.
pub type TextSpace = Vec<u8, SPOKEN_BYTES_MAX>;

/// What became of a play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The first samples are in the queue.
    Started(u64),
    /// The last sample has left the queue.
    Ended(u64),
    /// It can't be played.
    Failed(u64, &'static str),
}

/// The clip that sounds.
struct Open {
    head: Head,
    /// Bytes of sound taken.
    taken: u32,
    samples_left: u32,
}

/// The player.
pub struct Player<'a> {
    chip: Option<SpeechChip>,
    text: &'a mut TextSpace,
    speech: Option<Speech<Utf16Le>>,
    /// A text was stopped in its middle, and the chip does not know yet.
    hush_at_ms: Option<i64>,
    broadcast: Option<u64>,
    volume_percent: u8,
    places: Vec<usize, PHRASES_MAX>,
    next: usize,
    open: Option<Open>,
    started: bool,
}

impl<'a> Player<'a> {
    /// A player with this speech chip, if there is one.
    #[must_use]
    pub fn new(chip: Option<SpeechChip>, text: &'a mut TextSpace) -> Self {
        Self {
            chip,
            text,
            speech: None,
            hush_at_ms: None,
            broadcast: None,
            volume_percent: 0,
            places: Vec::new(),
            next: 0,
            open: None,
            started: false,
        }
    }

    /// Begins a play. False when its content is not all here.
    pub fn start<B: Blocks>(
        &mut self,
        broadcast: u64,
        sha256: &[u8; 32],
        volume_percent: u8,
        tick_ms: i64,
        shelf: &mut Shelf<B>,
    ) -> bool {
        self.stop(tick_ms, shelf);
        let Some(place) = shelf.find(sha256) else { return false };
        let places = match shelf.clip(place) {
            Some((length, Some(Codec::Text))) => {
                let Some(chip) = self.chip else { return false };
                if !read_text(place, length, self.text, shelf) {
                    return false;
                }
                self.speech = Some(Speech::new(chip, Utf16Le, volume_percent, tick_ms));
                // What it speaks now ends what it spoke.
                self.hush_at_ms = None;
                Some(Vec::new())
            }
            Some((_, Some(Codec::Adpcm))) => Some([place].into_iter().collect()),
            Some((length, Some(Codec::Phrases))) => phrases(place, length, shelf),
            Some(_) | None => None,
        };
        let Some(places) = places else { return false };
        (self.places, self.volume_percent) = (places, volume_percent);
        self.broadcast = Some(broadcast);
        true
    }

    /// Ends the play; the board drops its queue itself.
    pub fn stop<B>(&mut self, tick_ms: i64, shelf: &mut Shelf<B>) {
        if self.speech.is_some() {
            self.hush_at_ms = Some(tick_ms.saturating_add(HUSH_MS));
        }
        self.end(shelf);
    }

    /// Nothing plays any more.
    fn end<B>(&mut self, shelf: &mut Shelf<B>) {
        shelf.playing = None;
        (self.broadcast, self.speech, self.open) = (None, None, None);
        self.places.clear();
        (self.next, self.started) = (0, false);
    }

    /// Tells the chip to be silent when its time has come. The relay has opened long before.
    pub(crate) fn hush(&mut self, tick_ms: i64, board: &mut impl Board) {
        let Some(chip) = self.chip.filter(|_| self.hush_at_ms.is_some_and(|at| tick_ms >= at))
        else {
            return;
        };
        let mut bytes = [0; FRAME_BYTES_MAX];
        let used = frame(chip, Command::Stop, &[], &mut bytes).unwrap_or(0);
        if board.chip_send(bytes.get(..used).unwrap_or_default()) {
            self.hush_at_ms = None;
        }
    }

    /// Lets the chip speak on.
    fn speak<B>(
        &mut self,
        broadcast: u64,
        tick_ms: i64,
        shelf: &mut Shelf<B>,
        board: &mut impl Board,
    ) -> Option<Event> {
        let speech = self.speech.as_mut()?;
        while let Some(byte) = board.chip_read() {
            speech.hear(tick_ms, byte);
        }
        if speech.is_heard() && !self.started {
            self.started = true;
            return Some(Event::Started(broadcast));
        }
        let text = core::str::from_utf8(self.text).unwrap_or_default();
        match speech.act(tick_ms, text) {
            Act::Wait => None,
            Act::Send(bytes) => {
                // A frame that found no room gets no answer, and is sent again.
                let _taken = board.chip_send(bytes);
                None
            }
            Act::Done => {
                self.end(shelf);
                Some(Event::Ended(broadcast))
            }
            Act::Failed(why) => {
                self.stop(tick_ms, shelf);
                Some(Event::Failed(broadcast, why))
            }
        }
    }

    /// Whether something plays.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.broadcast.is_some()
    }

    /// Decodes one block when the queue has room for it.
    pub(crate) fn pump<B: Blocks>(
        &mut self,
        tick_ms: i64,
        shelf: &mut Shelf<B>,
        board: &mut impl Board,
    ) -> Option<Event> {
        let broadcast = self.broadcast?;
        if self.speech.is_some() {
            return self.speak(broadcast, tick_ms, shelf, board);
        }
        if self.open.is_none() {
            let Some(place) = self.places.get(self.next).copied() else {
                if board.sounding() {
                    return None;
                }
                self.end(shelf);
                return Some(Event::Ended(broadcast));
            };
            shelf.playing = Some(place);
            match open(place, shelf) {
                Some(clip) => self.open = Some(clip),
                None => {
                    self.end(shelf);
                    return Some(Event::Failed(broadcast, "no sound this terminal can play"));
                }
            }
        }
        let (place, clip) = (*self.places.get(self.next)?, self.open.as_mut()?);
        let room = u32::try_from(board.sound_room()).unwrap_or(u32::MAX);
        if room < block_samples(clip.head.block_bytes) {
            return None;
        }
        let mut block = [0; BLOCK_BYTES_MAX];
        let size = usize::from(clip.head.block_bytes);
        let block = block.get_mut(..size)?;
        if clip.samples_left > 0 {
            if !read(place, clip.head.sound_at.saturating_add(clip.taken), block, shelf) {
                self.end(shelf);
                return Some(Event::Failed(broadcast, "the card can't be read"));
            }
            clip.taken = clip.taken.saturating_add(u32::from(clip.head.block_bytes));
            let volume_percent = self.volume_percent;
            let left = &mut clip.samples_left;
            decode_block(block, |sample| {
                if *left > 0 {
                    *left -= 1;
                    board.sound_put(at_volume(sample, volume_percent));
                }
            });
        }
        if clip.samples_left == 0 {
            self.open = None;
            self.next += 1;
        }
        if self.started {
            return None;
        }
        self.started = true;
        Some(Event::Started(broadcast))
    }
}

/// Reads a text; false when it is none or too long.
fn read_text<B: Blocks>(
    place: usize,
    length: u32,
    text: &mut TextSpace,
    shelf: &mut Shelf<B>,
) -> bool {
    let Ok(length) = usize::try_from(length) else { return false };
    text.clear();
    text.resize_default(length).is_ok()
        && read(place, 0, text, shelf)
        && core::str::from_utf8(text).is_ok()
}

/// The slots of a phrase list.
fn phrases<B: Blocks>(
    place: usize,
    length: u32,
    shelf: &mut Shelf<B>,
) -> Option<Vec<usize, PHRASES_MAX>> {
    let mut block = [0; BLOCK_BYTES];
    if !shelf.content(place, 0, &mut block) {
        return None;
    }
    let bytes = block.get(..usize::try_from(length).ok()?)?;
    // It was proven when it came; since then a number may have been given anew.
    let numbers = mingluo_bridge::phrases::open(bytes, |number| shelf.phrase(number))?;
    numbers.iter().map(|number| shelf.numbered(*number)).collect()
}

fn open<B: Blocks>(place: usize, shelf: &mut Shelf<B>) -> Option<Open> {
    let mut block = [0; BLOCK_BYTES];
    if !shelf.content(place, 0, &mut block) {
        return None;
    }
    let (length, _) = shelf.clip(place)?;
    let head = Head::read(&block)?;
    let fits = head.sound_at.checked_add(head.sound_bytes)? <= length;
    let known = fits && head.rate_hz == SAMPLE_RATE_HZ;
    known.then_some(Open { head, taken: 0, samples_left: head.samples })
}

/// Reads bytes that may lie across two blocks of the card.
fn read<B: Blocks>(place: usize, from: u32, out: &mut [u8], shelf: &mut Shelf<B>) -> bool {
    let Ok(mut at) = usize::try_from(from) else { return false };
    let mut block = [0; BLOCK_BYTES];
    let mut rest = out;
    while !rest.is_empty() {
        let Ok(number) = u32::try_from(at / BLOCK_BYTES) else { return false };
        if !shelf.content(place, number, &mut block) {
            return false;
        }
        let here = block.get(at % BLOCK_BYTES..).unwrap_or_default();
        let piece = here.len().min(rest.len());
        let (to, after) = rest.split_at_mut(piece);
        to.copy_from_slice(here.get(..piece).unwrap_or_default());
        at += piece;
        rest = after;
    }
    true
}
