//! What somebody speaks now (现场喊话): an opening that is played like anything else, then parts as
//! they come, each ordered, signed and numbered, each sounding once. The parts hold no right of their
//! own: the broadcast they belong to was accepted before, and ends them when it ends.
//!
//! ```text
//! opening ready ─▶ sounding ─▶ listening ⇄ sounding (part) ─▶ played · failed · cancelled · pre-empted
//! ```

use super::{Action, CLOCK_SKEW_MS_MAX, PLAY_SLACK_MS, State, Terminal, failed};
use crate::clock::is_time;
use crate::message::{Clip, FAILURE_BYTES_MAX, Part, Step};
use crate::replay::{Phase, Store};
use core::fmt::Write;
use heapless::{String, Vec};

/// Parts that may be missing between two that are here; a longer hole ends the broadcast.
pub const LIVE_GAP_PARTS_MAX: u32 = 5;
/// Parts on their way or waiting to sound: every number up to the longest hole.
const LIVE_PARTS_MAX: usize = 6;
/// Parts that are here before the first sounds, so that a late one makes no hole.
pub const LIVE_BUFFER_PARTS: usize = 2;
/// How long a part that is late is waited for when later ones are here, milliseconds.
pub const LIVE_LATE_MS: i64 = 1_500;
/// Silence after which nobody speaks any more, milliseconds.
pub const LIVE_SILENCE_MS_MAX: i64 = 8_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Fetching,
    Here,
    Lost,
}

#[derive(Debug, Clone)]
struct Waiting {
    number: u32,
    clip: Clip,
    content: Content,
}

/// How far it is.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) counter: u64,
    /// The part that sounds next; `None` before the first.
    next: Option<u32>,
    /// Parts that sounded.
    n_heard: u32,
    /// How many there are, once it ended.
    n_all: Option<u32>,
    parts: Vec<Waiting, LIVE_PARTS_MAX>,
    listens_since_ms: i64,
}

/// What to do next.
enum Turn {
    Wait,
    Sound(Clip),
    End(Step),
}

impl Live {
    pub(super) fn new(counter: u64) -> Self {
        let (next, n_all, parts) = (None, None, Vec::new());
        Self { counter, next, n_heard: 0, n_all, parts, listens_since_ms: i64::MAX }
    }

    fn lowest(&self) -> Option<u32> {
        self.parts.iter().map(|part| part.number).min()
    }

    /// Takes a part in; false when it was used before. The number of missing parts when there are
    /// too many.
    fn take(&mut self, number: u32, clip: Clip) -> Result<bool, u32> {
        let known = self.parts.iter().any(|part| part.number == number);
        if known || self.next.is_some_and(|next| number < next) {
            return Ok(false);
        }
        if let Some(next) = self.next
            && number - next > LIVE_GAP_PARTS_MAX
        {
            return Err(number - next);
        }
        if self.parts.is_full() {
            // Nothing was heard yet: it begins with what is newest.
            let Some(oldest) = self.lowest().filter(|oldest| *oldest < number) else {
                return Ok(false);
            };
            self.parts.retain(|part| part.number != oldest);
        }
        Ok(self.parts.push(Waiting { number, clip, content: Content::Fetching }).is_ok())
    }

    /// What comes next when nothing sounds.
    fn turn(&mut self, now_ms: i64) -> Turn {
        let waited_ms = now_ms.saturating_sub(self.listens_since_ms);
        if self.next.is_none() {
            let n_here = self.parts.iter().filter(|part| part.content == Content::Here).count();
            if n_here < LIVE_BUFFER_PARTS && self.n_all.is_none() {
                let over = waited_ms >= LIVE_SILENCE_MS_MAX;
                return if over { Turn::End(failed("nobody spoke")) } else { Turn::Wait };
            }
        }
        let here = self.parts.iter().filter(|part| part.content == Content::Here);
        let Some((number, clip)) =
            here.map(|part| (part.number, part.clip)).min_by_key(|(number, _)| *number)
        else {
            let comes = self.parts.iter().any(|part| part.content == Content::Fetching);
            if comes && waited_ms < LIVE_SILENCE_MS_MAX {
                return Turn::Wait;
            }
            // Nothing of these will sound, not even when it comes again.
            self.next =
                self.parts.iter().map(|part| part.number.saturating_add(1)).max().or(self.next);
            self.parts.clear();
            return self.none_left(waited_ms);
        };
        let below = || self.parts.iter().filter(|part| part.number < number);
        let comes = below().any(|part| part.content == Content::Fetching);
        let n_below = u32::try_from(below().count()).unwrap_or(u32::MAX);
        let is_hole = self.next.is_some_and(|next| number.saturating_sub(next) > n_below);
        if (comes || is_hole) && waited_ms < LIVE_LATE_MS {
            return Turn::Wait;
        }
        self.parts.retain(|part| part.number > number);
        self.next = Some(number.saturating_add(1));
        self.n_heard = self.n_heard.saturating_add(1);
        Turn::Sound(clip)
    }

    fn none_left(&self, waited_ms: i64) -> Turn {
        match self.n_all {
            Some(n_all) if self.n_heard >= n_all => Turn::End(Step::Played),
            Some(n_all) => {
                let mut why = String::<FAILURE_BYTES_MAX>::new();
                // Two numbers fit.
                let _fits = write!(why, "heard {} of {n_all} parts", self.n_heard);
                Turn::End(Step::Failed(why))
            }
            None if waited_ms >= LIVE_SILENCE_MS_MAX => Turn::End(failed("the voice broke off")),
            None => Turn::Wait,
        }
    }
}

impl State {
    /// Whether it sounds, or is between two parts.
    pub(super) fn has_the_turn(self) -> bool {
        matches!(self, Self::Sounding | Self::Listening)
    }
}

impl<S: Store> Terminal<S> {
    /// The broadcast that has the loudspeaker, with its priority.
    pub(super) fn has_the_turn(&self) -> Option<(u64, u8)> {
        let held = self.held.iter().find(|held| held.state.has_the_turn());
        held.map(|held| (held.counter, held.priority))
    }

    /// One voice at a time: a higher one takes the word from a lower one. False when it may not.
    pub(super) fn takes_the_word(&mut self, now_ms: i64, priority: u8, by: u64) -> bool {
        let Some(other) = self.live.as_ref().map(|live| live.counter) else { return true };
        let ranks = self.held.iter().find(|held| held.counter == other).map(|held| held.priority);
        if ranks.is_some_and(|ranks| ranks >= priority) {
            return false;
        }
        self.end(now_ms, other, Phase::Preempted, Step::Preempted(by));
        true
    }

    /// Takes the next part.
    pub(super) fn part(&mut self, now_ms: i64, part: &Part) {
        let early = part.issued_at_ms > now_ms.saturating_add(CLOCK_SKEW_MS_MAX);
        let in_time = is_time(now_ms) && !early && now_ms < part.expires_ms;
        let codecs = self.profile.codecs;
        let live = self.live.as_mut().filter(|live| live.counter == part.broadcast && in_time);
        let Some(live) = live else { return self.drop_part() };
        if part.ends {
            live.n_all.get_or_insert(part.number);
            let counter = live.counter;
            let held = self.held.iter().find(|held| held.counter == counter);
            if held.is_some_and(|held| !held.state.has_the_turn()) {
                let step = failed("spoken before it could sound");
                self.end(now_ms, counter, Phase::Failed, step);
            }
            return;
        }
        let Some(clip) = part.clips.iter().find(|clip| clip.codec.bit() & codecs != 0).copied()
        else {
            return self.drop_part();
        };
        // After the end nothing follows.
        let taken = if live.n_all.is_some() { Ok(false) } else { live.take(part.number, clip) };
        let counter = live.counter;
        match taken {
            Ok(true) => self.act(Action::Fetch(clip)),
            Ok(false) => self.drop_part(),
            Err(n_missing) => {
                let mut why = String::<FAILURE_BYTES_MAX>::new();
                // One number fits.
                let _fits = write!(why, "{n_missing} parts are missing");
                self.end(now_ms, counter, Phase::Failed, Step::Failed(why));
            }
        }
    }

    fn drop_part(&mut self) {
        self.dropped.parts = self.dropped.parts.saturating_add(1);
    }

    /// The content of a part is here, or can't be got; there is no time to try again.
    pub(super) fn part_fetched(&mut self, sha256: &[u8; 32], is_here: bool) {
        let content = if is_here { Content::Here } else { Content::Lost };
        let parts = self.live.iter_mut().flat_map(|live| live.parts.iter_mut());
        for part in parts.filter(|part| part.clip.sha256 == *sha256) {
            if part.content == Content::Fetching {
                part.content = content;
            }
        }
    }

    /// Whether a broadcast is still at its opening.
    pub(super) fn is_opening(&self, broadcast: u64) -> bool {
        self.live.as_ref().is_some_and(|live| live.counter == broadcast && live.next.is_none())
    }

    /// The opening or a part came to its end; false when the broadcast is none of that kind.
    pub(super) fn listens_again(&mut self, now_ms: i64, broadcast: u64, heard: bool) -> bool {
        let Some(live) = self.live.as_mut().filter(|live| live.counter == broadcast) else {
            return false;
        };
        live.listens_since_ms = now_ms;
        let held = self.held.iter_mut().find(|held| held.counter == broadcast);
        if let Some(held) = held.filter(|held| held.state == State::Sounding) {
            held.heard |= heard;
            held.state = State::Listening;
        }
        true
    }

    /// Sounds the next part, or ends.
    pub(super) fn speak_on(&mut self, now_ms: i64) {
        let Some(live) = &mut self.live else { return };
        let counter = live.counter;
        let held = self.held.iter_mut().find(|held| held.counter == counter);
        let Some(held) = held.filter(|held| held.state == State::Listening) else { return };
        match live.turn(now_ms) {
            Turn::Wait => {}
            Turn::Sound(clip) => {
                held.state = State::Sounding;
                held.sounds_until_ms =
                    now_ms.saturating_add(i64::from(clip.duration_ms) + PLAY_SLACK_MS);
                let volume_percent = held.volume_percent;
                self.act(Action::Start { broadcast: counter, clip, volume_percent });
            }
            Turn::End(step) => {
                let phase = if step == Step::Played { Phase::Played } else { Phase::Failed };
                held.plays = u8::from(step == Step::Played);
                self.end(now_ms, counter, phase, step);
            }
        }
    }
}
