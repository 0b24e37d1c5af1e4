//! The terminal: a state machine without I/O. Inputs come with the terminal's own time, one before
//! [`crate::clock::FIRST_MS`] while it has none; what must be done comes out as [`Action`]s. Real firmware and simulated terminals run this same code.
//!
//! ```text
//! order ─▶ verified, aimed, in time, never used ─▶ fetching ─▶ ready ⇄ sounding ─▶ played
//!            │                                        │          │        │
//!            └─ refused                               └──────────┴────────┴─▶ cancelled · expired · failed
//! ```

use crate::clock::is_time;
use crate::frame::{self, FrameError, Kind, Verifier};
use crate::message::{CLIPS_MAX, Clip, Order, Receipt, Report, Step};
use crate::queue::Reports;
use crate::replay::{self, Memory, Phase, Store};
use crate::taken::Taken;
use heapless::{Deque, String, Vec};
use live::Live;
pub use live::{LIVE_BUFFER_PARTS, LIVE_GAP_PARTS_MAX, LIVE_LATE_MS, LIVE_SILENCE_MS_MAX};

mod live;
mod orders;
mod tell;
mod turn;

/// Broadcasts held at the same time; a further one is refused as busy unless it ranks above the
/// lowest.
pub const HELD_MAX: usize = 8;
/// How far ahead of our clock an order's issue time may lie, milliseconds.
pub const CLOCK_SKEW_MS_MAX: i64 = 120_000;
/// Wait before a failed fetch is tried again, milliseconds.
pub const FETCH_WAIT_MS: i64 = 5_000;
/// How much longer than its content a play may take before the amplifier is switched off,
/// milliseconds.
pub const PLAY_SLACK_MS: i64 = 10_000;
/// What is reported when power went while sounding.
const POWER_LOST: &str = "power lost while playing";
/// What is reported when the time went while sounding.
const TIME_LOST: &str = "time lost while playing";
/// Actions of one input, which the caller drains after every input. When it is full a waiting
/// `Send` makes room (reports are repeated anyway), so that a `Stop` is never lost.
pub const ACTIONS_MAX: usize = 24;

/// What must be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Get this content, check its digest, then say `clip_ready` or `clip_failed`.
    Fetch(Clip),
    /// The same in another encoding, or what may be said in its place: never ask for it, but when
    /// the link brings it, or names it and it is here, say `clip_ready` and it is taken.
    Offer(Clip),
    /// Amplifier on, play, then say `playback_started` and `playback_finished` or `_failed`.
    Start {
        /// Which broadcast.
        broadcast: u64,
        /// What content.
        clip: Clip,
        /// Volume 0 to 100.
        volume_percent: u8,
    },
    /// Stop sounding at once. `AmplifierOff` follows when nothing else starts.
    Stop {
        /// Which broadcast.
        broadcast: u64,
    },
    /// Seal and send this report.
    Send(Report),
    /// Nothing sounds: relay open, amplifier off.
    AmplifierOff,
    /// Get this content when the link has it to give, check its digest, and keep it for later.
    Keep {
        /// The content.
        clip: Clip,
        /// Its number in phrase lists.
        phrase: Option<u16>,
    },
    /// The gateway's time, signed: give it to [`crate::clock::Clock::set`] of a terminal that has
    /// no better clock.
    SetClock {
        /// The gateway's time when it made the frame.
        issued_at_ms: i64,
    },
}

/// Who this terminal is.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name, 15 digits.
    pub id: u64,
    /// The areas it stands in (aliases included).
    pub areas: Vec<u64, 8>,
    /// Codecs it can decode, see [`crate::message::Codec::bit`].
    pub codecs: u8,
    /// Its own volume.
    pub volume_percent: u8,
    /// Whether it takes part in armed drills.
    pub drills: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fetching {
        next_try_at_ms: i64,
    },
    Ready {
        not_before_ms: i64,
    },
    Sounding,
    /// Between two parts of what is spoken now: its turn is not over.
    Listening,
}

#[derive(Debug, Clone)]
struct Held {
    counter: u64,
    priority: u8,
    expires_ms: i64,
    repeats: u8,
    interval_ms: i64,
    volume_percent: u8,
    /// The content, and its place in the order.
    clip: Clip,
    place: u8,
    /// Other contents of the order that this terminal can play, with their places.
    others: Vec<(u8, Clip), { CLIPS_MAX - 1 }>,
    state: State,
    start_at_ms: i64,
    plays: u8,
    received_at_ms: Option<i64>,
    playing_at_ms: Option<i64>,
    /// When the play that sounds now must have ended.
    sounds_until_ms: i64,
    heard: bool,
    /// What silenced it, until it sounds again.
    preempted_by: Option<u64>,
}

impl Held {
    /// Which content it took, once that is here and is not the first.
    fn taken(&self) -> Taken {
        let here = !matches!(self.state, State::Fetching { .. });
        Taken((here && self.place > 0).then_some(self.place))
    }
}

/// Counts of what was dropped in silence, for the status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Frames that were damaged or not signed for us.
    pub frames: u32,
    /// Queries outside their time window.
    pub queries: u32,
    /// Orders for somebody else.
    pub other_target: u32,
    /// Orders to keep content outside their time window, or in a codec this terminal can't decode.
    pub keeps: u32,
    /// Play orders that came before the terminal had a time to judge them by.
    pub timeless: u32,
    /// Parts outside their time, used before, or of a broadcast that is not being spoken here.
    pub parts: u32,
}

/// The terminal.
#[derive(Debug)]
pub struct Terminal<S> {
    profile: Profile,
    memory: Memory<S>,
    held: Vec<Held, HELD_MAX>,
    /// What is spoken now; its broadcast is among `held`.
    live: Option<Live>,
    reports: Reports,
    sequence: u32,
    actions: Deque<Action, ACTIONS_MAX>,
    amplifier_on: bool,
    /// Whether the last play failed in the player.
    player_failed: bool,
    /// Name of the last check that set the volume: an older one may come later.
    volume_by: u64,
    /// What was dropped in silence.
    pub dropped: Dropped,
}

impl<S: Store> Terminal<S> {
    /// Boots: loads the memory and reports what a power cut interrupted.
    pub fn boot(profile: Profile, store: S, now_ms: i64) -> Self {
        let mut memory = Memory::load(store);
        // A store that can't be written is found again, and reported, with the first order.
        let _written = memory.booted();
        let reports = Reports::new(profile.id);
        // Rises across boots, so that the gateway can tell news from repeats.
        let sequence = memory.boot_count << 16;
        let mut terminal = Self {
            profile,
            memory,
            held: Vec::new(),
            live: None,
            reports,
            sequence,
            actions: Deque::new(),
            // Unknown after a reset, so it is switched off first.
            amplifier_on: true,
            player_failed: false,
            volume_by: 0,
            dropped: Dropped::default(),
        };
        let interrupted: Vec<u64, { replay::WINDOW_ENTRIES_MAX }> =
            terminal.memory.interrupted().collect();
        for counter in interrupted {
            // When it stopped sounding nobody knows.
            terminal.end_unheld(None, now_ms, counter, Phase::Failed, failed(POWER_LOST));
        }
        terminal.turn(now_ms);
        terminal
    }

    /// The next thing to do.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Who it is.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Its memory, for the status.
    #[must_use]
    pub fn memory(&self) -> &Memory<S> {
        &self.memory
    }

    /// The broadcast that sounds now.
    #[must_use]
    pub fn sounding(&self) -> Option<u64> {
        self.held.iter().find(|held| held.state == State::Sounding).map(|held| held.counter)
    }

    /// Pulls the plug: only the store survives.
    pub fn into_store(self) -> S {
        self.memory.into_store()
    }

    /// Takes a sealed order.
    ///
    /// # Errors
    /// When the frame is not a valid order of the gateway: nothing happens and nothing is sent, so
    /// that a forger learns nothing.
    pub fn on_order(
        &mut self,
        now_ms: i64,
        bytes: &[u8],
        verifier: &impl Verifier,
    ) -> Result<(), FrameError> {
        let order: Order = frame::open(Kind::Order, bytes, verifier).inspect_err(|_| {
            self.dropped.frames = self.dropped.frames.saturating_add(1);
        })?;
        if !order.target().covers(self.profile.id, &self.profile.areas) {
            self.dropped.other_target = self.dropped.other_target.saturating_add(1);
            return Ok(());
        }
        match order {
            Order::Play(manifest) => self.play(now_ms, &manifest, false),
            Order::Live(manifest) => self.play(now_ms, &manifest, true),
            Order::Part(part) => self.part(now_ms, &part),
            Order::Cancel(cancel) => self.cancel(now_ms, &cancel),
            Order::Query(query) => self.query(now_ms, &query),
            Order::Keep(keep) => self.keep(now_ms, &keep),
            Order::Check(check) => self.check(now_ms, &check),
            Order::Time(time) => self.act(Action::SetClock { issued_at_ms: time.issued_at_ms }),
        }
        self.turn(now_ms);
        Ok(())
    }

    /// Takes a sealed receipt.
    ///
    /// # Errors
    /// When it is not a valid receipt of the gateway.
    pub fn on_receipt(&mut self, bytes: &[u8], verifier: &impl Verifier) -> Result<(), FrameError> {
        let receipt: Receipt = frame::open(Kind::Receipt, bytes, verifier).inspect_err(|_| {
            self.dropped.frames = self.dropped.frames.saturating_add(1);
        })?;
        self.reports.receipted(self.profile.id, &receipt);
        Ok(())
    }

    /// The link came back: everything unreceipted is due again.
    pub fn on_link_up(&mut self, now_ms: i64) {
        self.reports.all_due(now_ms);
    }

    /// Content with this digest is here and was checked. Of an order with several contents this
    /// one is taken, unless one was before.
    pub fn on_clip_ready(&mut self, now_ms: i64, sha256: &[u8; 32]) {
        let mut ready: Vec<u64, HELD_MAX> = Vec::new();
        for held in self.held.iter_mut().filter(|h| matches!(h.state, State::Fetching { .. })) {
            let other = held.others.iter_mut().find(|(_, other)| other.sha256 == *sha256);
            if let Some((place, other)) = other {
                core::mem::swap(other, &mut held.clip);
                core::mem::swap(place, &mut held.place);
            }
            if held.clip.sha256 == *sha256 {
                held.state = State::Ready { not_before_ms: held.start_at_ms };
                held.received_at_ms.get_or_insert(now_ms);
                // At most as many as are held.
                let _fits = ready.push(held.counter);
            }
        }
        for counter in ready {
            self.report_held(now_ms, counter, Step::Received);
        }
        self.part_fetched(sha256, true);
        self.turn(now_ms);
    }

    /// Content with this digest could not be got; it is tried again until validity ends.
    pub fn on_clip_failed(&mut self, now_ms: i64, sha256: &[u8; 32]) {
        for held in &mut self.held {
            if held.clip.sha256 == *sha256 && matches!(held.state, State::Fetching { .. }) {
                held.state =
                    State::Fetching { next_try_at_ms: now_ms.saturating_add(FETCH_WAIT_MS) };
            }
        }
        self.part_fetched(sha256, false);
    }

    /// Sound comes out.
    pub fn on_playback_started(&mut self, now_ms: i64, broadcast: u64) {
        if self.is_opening(broadcast) {
            // Nobody speaks yet.
            return;
        }
        if let Some(held) = self.held.iter_mut().find(|held| held.counter == broadcast)
            && held.state == State::Sounding
            && held.playing_at_ms.is_none()
        {
            held.playing_at_ms = Some(now_ms);
            self.report_held(now_ms, broadcast, Step::Playing);
        }
    }

    /// One play came to its end; `heard` = a sensor heard it.
    pub fn on_playback_finished(&mut self, now_ms: i64, broadcast: u64, heard: bool) {
        if self.listens_again(now_ms, broadcast, heard) {
            return self.turn(now_ms);
        }
        if let Some(held) = self.held.iter_mut().find(|held| held.counter == broadcast)
            && held.state == State::Sounding
        {
            self.player_failed = false;
            held.plays = held.plays.saturating_add(1);
            held.heard |= heard;
            if held.plays >= held.repeats {
                self.end(now_ms, broadcast, Phase::Played, Step::Played);
            } else {
                held.state =
                    State::Ready { not_before_ms: now_ms.saturating_add(held.interval_ms) };
            }
        }
        self.turn(now_ms);
    }

    /// A sensor hears what sounds: current into the loudspeaker, or a microphone. Evidence only; the
    /// terminal's own word is `playing`.
    pub fn on_heard(&mut self) {
        if let Some(held) = self.held.iter_mut().find(|held| held.state == State::Sounding) {
            held.heard = true;
        }
    }

    /// Playing failed. Ignored for a broadcast that does not sound: a driver may answer a `Stop`
    /// with it, and what was pre-empted must still resume.
    pub fn on_playback_failed(&mut self, now_ms: i64, broadcast: u64, why: &str) {
        if self.sounding() == Some(broadcast) {
            self.player_failed = true;
            self.end(now_ms, broadcast, Phase::Failed, failed(why));
        }
        self.turn(now_ms);
    }

    /// Time passed; call at least once a second.
    pub fn on_tick(&mut self, now_ms: i64) {
        // What an earlier failure left unwritten; tried again with every tick.
        let _written = self.memory.settle();
        self.turn(now_ms);
        while let Some(report) = self.reports.due(now_ms) {
            self.act(Action::Send(report));
        }
    }
}

/// What a report says about when: nothing without a time.
fn stamp(now_ms: i64) -> Option<i64> {
    is_time(now_ms).then_some(now_ms)
}

fn failed(why: &str) -> Step {
    let mut text = String::new();
    for letter in why.chars() {
        if text.push(letter).is_err() {
            break;
        }
    }
    Step::Failed(text)
}
