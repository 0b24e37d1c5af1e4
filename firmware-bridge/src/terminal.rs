//! The terminal: a state machine without I/O. Inputs come with the terminal's own time; what must
//! be done comes out as [`Action`]s. Real firmware and simulated terminals run this same code.
//!
//! ```text
//! order ─▶ verified, aimed, in time, never used ─▶ fetching ─▶ ready ⇄ sounding ─▶ played
//!            │                                        │          │        │
//!            └─ refused                               └──────────┴────────┴─▶ cancelled · expired · failed
//! ```

use crate::frame::{self, FrameError, Kind, Verifier};
use crate::message::{
    Cancel, Class, Clip, Manifest, Order, Query, Receipt, RefusalCode, Report, Step,
};
use crate::queue::Reports;
use crate::replay::{self, Known, Memory, Phase, Store};
use heapless::{Deque, String, Vec};

/// Broadcasts held at the same time; a further one is refused as busy unless it ranks above the
/// lowest.
pub const HELD_MAX: usize = 8;
/// How far ahead of our clock an order's issue time may lie, milliseconds.
pub const CLOCK_SKEW_MS_MAX: i64 = 120_000;
/// Wait before a failed fetch is tried again, milliseconds.
pub const FETCH_WAIT_MS: i64 = 5_000;
/// Actions of one input. An input makes at most two per held broadcast and one per report.
pub const ACTIONS_MAX: usize = 40;

/// What must be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Get this content, check its digest, then say `clip_ready` or `clip_failed`.
    Fetch(Clip),
    /// Amplifier on, play, then say `playback_started` and `playback_finished` or `_failed`.
    Start {
        /// Which broadcast.
        broadcast: u64,
        /// What content.
        clip: Clip,
        /// Volume 0 to 100.
        volume_percent: u8,
    },
    /// Stop sounding at once, amplifier off.
    Stop {
        /// Which broadcast.
        broadcast: u64,
    },
    /// Seal and send this report.
    Send(Report),
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
    Fetching { next_try_at_ms: i64 },
    Ready { not_before_ms: i64 },
    Sounding,
}

#[derive(Debug, Clone)]
struct Held {
    counter: u64,
    priority: u8,
    expires_ms: i64,
    repeats: u8,
    interval_ms: i64,
    volume_percent: u8,
    clip: Clip,
    state: State,
    start_at_ms: i64,
    plays: u8,
    received_at_ms: Option<i64>,
    playing_at_ms: Option<i64>,
    heard: bool,
}

/// Counts of what was dropped in silence, for the status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Frames that were damaged or not signed for us.
    pub frames: u32,
    /// Orders for somebody else.
    pub other_target: u32,
}

/// The terminal.
#[derive(Debug)]
pub struct Terminal<S> {
    profile: Profile,
    memory: Memory<S>,
    held: Vec<Held, HELD_MAX>,
    reports: Reports,
    sequence: u32,
    actions: Deque<Action, ACTIONS_MAX>,
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
            reports,
            sequence,
            actions: Deque::new(),
            dropped: Dropped::default(),
        };
        let interrupted: Vec<u64, { replay::WINDOW_ENTRIES_MAX }> =
            terminal.memory.interrupted().collect();
        for counter in interrupted {
            terminal.end_unheld(now_ms, counter, Phase::Failed, failed("power lost while playing"));
        }
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
        let target = match &order {
            Order::Play(manifest) => manifest.target,
            Order::Cancel(cancel) => cancel.target,
            Order::Query(query) => query.target,
        };
        if !target.covers(self.profile.id, &self.profile.areas) {
            self.dropped.other_target = self.dropped.other_target.saturating_add(1);
            return Ok(());
        }
        match order {
            Order::Play(manifest) => self.play(now_ms, &manifest),
            Order::Cancel(cancel) => self.cancel(now_ms, &cancel),
            Order::Query(query) => self.query(now_ms, &query),
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

    /// Content with this digest is here and was checked.
    pub fn on_clip_ready(&mut self, now_ms: i64, sha256: &[u8; 32]) {
        let mut ready: Vec<u64, HELD_MAX> = Vec::new();
        for held in &mut self.held {
            if held.clip.sha256 == *sha256 && matches!(held.state, State::Fetching { .. }) {
                held.state = State::Ready { not_before_ms: held.start_at_ms };
                held.received_at_ms.get_or_insert(now_ms);
                // At most as many as are held.
                let _fits = ready.push(held.counter);
            }
        }
        for counter in ready {
            self.report_held(now_ms, counter, Step::Received);
        }
        self.turn(now_ms);
    }

    /// Content with this digest could not be got; it is tried again until validity ends.
    pub fn on_clip_failed(&mut self, now_ms: i64, sha256: &[u8; 32]) {
        for held in &mut self.held {
            if held.clip.sha256 == *sha256 && matches!(held.state, State::Fetching { .. }) {
                held.state = State::Fetching { next_try_at_ms: now_ms + FETCH_WAIT_MS };
            }
        }
    }

    /// Sound comes out.
    pub fn on_playback_started(&mut self, now_ms: i64, broadcast: u64) {
        if let Some(held) = self.held.iter_mut().find(|held| held.counter == broadcast)
            && held.playing_at_ms.is_none()
        {
            held.playing_at_ms = Some(now_ms);
            self.report_held(now_ms, broadcast, Step::Playing);
        }
    }

    /// One play came to its end; `heard` = a sensor heard it.
    pub fn on_playback_finished(&mut self, now_ms: i64, broadcast: u64, heard: bool) {
        if let Some(held) = self.held.iter_mut().find(|held| held.counter == broadcast)
            && held.state == State::Sounding
        {
            held.plays = held.plays.saturating_add(1);
            held.heard |= heard;
            if held.plays >= held.repeats {
                self.end(now_ms, broadcast, Phase::Played, Step::Played);
            } else {
                held.state = State::Ready { not_before_ms: now_ms + held.interval_ms };
            }
        }
        self.turn(now_ms);
    }

    /// Playing failed.
    pub fn on_playback_failed(&mut self, now_ms: i64, broadcast: u64, why: &str) {
        self.end(now_ms, broadcast, Phase::Failed, failed(why));
        self.turn(now_ms);
    }

    /// Time passed; call at least once a second.
    pub fn on_tick(&mut self, now_ms: i64) {
        self.turn(now_ms);
        while let Some(report) = self.reports.due(now_ms) {
            self.act(Action::Send(report));
        }
    }

    fn play(&mut self, now_ms: i64, manifest: &Manifest) {
        let counter = manifest.counter;
        let digest = replay::digest(manifest);
        match self.memory.known(counter, digest) {
            Known::Replay => {
                return self.report_bare(now_ms, counter, Step::Refused(RefusalCode::Replay));
            }
            Known::Same(phase) => {
                let held = self.held.iter().any(|held| held.counter == counter);
                if held || phase.is_end() {
                    return self.tell(now_ms, counter);
                }
                if phase == Phase::Playing {
                    let step = failed("power lost while playing");
                    return self.end_unheld(now_ms, counter, Phase::Failed, step);
                }
            }
            Known::New => {}
        }
        if let Some(code) = self.refusal(now_ms, manifest) {
            return self.report_bare(now_ms, counter, Step::Refused(code));
        }
        let codecs = self.profile.codecs;
        let Some(clip) = manifest.clips.iter().find(|clip| clip.codec.bit() & codecs != 0) else {
            return self.report_bare(now_ms, counter, Step::Refused(RefusalCode::Content));
        };
        if !self.make_room(now_ms, manifest.priority, counter) {
            return self.report_bare(now_ms, counter, Step::Refused(RefusalCode::Busy));
        }
        if !self.memory.remember(counter, digest, Phase::Accepted) {
            return self.report_bare(now_ms, counter, failed("memory can't be written"));
        }
        let odd = self.profile.id % 2 == 1;
        let stagger_ms = if odd { i64::from(manifest.stagger_ms) } else { 0 };
        let held = Held {
            counter,
            priority: manifest.priority,
            expires_ms: manifest.expires_ms,
            repeats: manifest.repeats.clamp(1, 20),
            interval_ms: i64::from(manifest.interval_s) * 1000,
            volume_percent: manifest.volume_percent.unwrap_or(self.profile.volume_percent).min(100),
            clip: *clip,
            state: State::Fetching { next_try_at_ms: i64::MAX },
            start_at_ms: manifest.not_before_ms.max(now_ms).saturating_add(stagger_ms),
            plays: 0,
            received_at_ms: None,
            playing_at_ms: None,
            heard: false,
        };
        // Room was made above.
        let _fits = self.held.push(held);
        self.act(Action::Fetch(*clip));
    }

    fn refusal(&self, now_ms: i64, manifest: &Manifest) -> Option<RefusalCode> {
        let window = manifest.issued_at_ms > now_ms.saturating_add(CLOCK_SKEW_MS_MAX)
            || now_ms >= manifest.expires_ms;
        let drill =
            manifest.class == Class::Drill && !(manifest.drill_armed && self.profile.drills);
        match (window, drill) {
            (true, _) => Some(RefusalCode::Window),
            (false, true) => Some(RefusalCode::Drill),
            (false, false) => None,
        }
    }

    /// Makes room for one of `priority`, pushing out the lowest silent one if that ranks lower.
    fn make_room(&mut self, now_ms: i64, priority: u8, by: u64) -> bool {
        if !self.held.is_full() {
            return true;
        }
        let lowest = self
            .held
            .iter()
            .filter(|held| held.state != State::Sounding && held.priority < priority)
            .min_by_key(|held| (held.priority, u64::MAX - held.counter))
            .map(|held| held.counter);
        if let Some(counter) = lowest {
            self.end(now_ms, counter, Phase::Preempted, Step::Preempted(by));
        }
        !self.held.is_full()
    }

    fn cancel(&mut self, now_ms: i64, cancel: &Cancel) {
        if now_ms >= cancel.expires_ms {
            return;
        }
        let hit: Vec<u64, HELD_MAX> = self
            .held
            .iter()
            .map(|held| held.counter)
            .filter(|counter| match cancel.broadcast {
                Some(broadcast) => *counter == broadcast,
                None => *counter < cancel.counter,
            })
            .collect();
        for counter in &hit {
            self.end(now_ms, *counter, Phase::Cancelled, Step::Cancelled);
        }
        match cancel.broadcast {
            None => {
                if !self.memory.raise_floor(cancel.counter) {
                    self.report_bare(now_ms, cancel.counter, failed("memory can't be written"));
                }
            }
            Some(broadcast) if hit.is_empty() => {
                if self.memory.phase(broadcast).is_some_and(Phase::is_end) {
                    self.tell(now_ms, broadcast);
                } else {
                    self.end_unheld(now_ms, broadcast, Phase::Cancelled, Step::Cancelled);
                }
            }
            Some(_) => {}
        }
    }

    fn query(&mut self, now_ms: i64, query: &Query) {
        if now_ms < query.expires_ms {
            self.tell(now_ms, query.broadcast);
        }
    }

    /// Says (again) how far a broadcast is.
    fn tell(&mut self, now_ms: i64, counter: u64) {
        if let Some(report) = self.reports.of(counter) {
            let again = report.clone();
            return self.act(Action::Send(again));
        }
        let held = self.held.iter().find(|held| held.counter == counter);
        let step = match (held, self.memory.phase(counter)) {
            (Some(held), _) if held.playing_at_ms.is_some() => Some(Step::Playing),
            (Some(held), _) if held.received_at_ms.is_some() => Some(Step::Received),
            // Still fetching: the report comes when the content is here.
            (Some(_), _) => None,
            (None, None | Some(Phase::Accepted)) => Some(Step::Unknown),
            (None, Some(Phase::Played)) => Some(Step::Played),
            (None, Some(Phase::Cancelled)) => Some(Step::Cancelled),
            (None, Some(Phase::Expired)) => Some(Step::Expired),
            (None, Some(Phase::Preempted)) => Some(Step::Preempted(0)),
            (None, Some(Phase::Failed | Phase::Playing)) => Some(failed("failed before")),
        };
        match step {
            Some(step) if held.is_some() => self.report_held(now_ms, counter, step),
            Some(step) => self.report_bare(now_ms, counter, step),
            None => {}
        }
    }

    /// Ends what is over, starts what is due, pre-empts what ranks lower.
    fn turn(&mut self, now_ms: i64) {
        while let Some(counter) =
            self.held.iter().find(|held| now_ms >= held.expires_ms).map(|held| held.counter)
        {
            self.end(now_ms, counter, Phase::Expired, Step::Expired);
        }
        let retry: Vec<Clip, HELD_MAX> = self
            .held
            .iter_mut()
            .filter_map(|held| match &mut held.state {
                State::Fetching { next_try_at_ms } if *next_try_at_ms <= now_ms => {
                    *next_try_at_ms = i64::MAX;
                    Some(held.clip)
                }
                State::Fetching { .. } | State::Ready { .. } | State::Sounding => None,
            })
            .collect();
        for clip in retry {
            self.act(Action::Fetch(clip));
        }
        let Some((counter, priority)) = self.next_to_sound(now_ms) else { return };
        if let Some(now_sounding) = self.held.iter_mut().find(|h| h.state == State::Sounding) {
            if now_sounding.priority >= priority {
                return;
            }
            let broadcast = now_sounding.counter;
            now_sounding.state = State::Ready { not_before_ms: now_ms };
            self.act(Action::Stop { broadcast });
        }
        if !self.memory.remember(counter, [0; 8], Phase::Playing) {
            return self.end(now_ms, counter, Phase::Failed, failed("memory can't be written"));
        }
        if let Some(held) = self.held.iter_mut().find(|held| held.counter == counter) {
            held.state = State::Sounding;
            let (clip, volume_percent) = (held.clip, held.volume_percent);
            self.act(Action::Start { broadcast: counter, clip, volume_percent });
        }
    }

    /// The ready broadcast that ranks highest. One that pauses between its plays keeps lower ones
    /// silent.
    fn next_to_sound(&self, now_ms: i64) -> Option<(u64, u8)> {
        let best = self
            .held
            .iter()
            .filter(|held| match held.state {
                State::Ready { not_before_ms } => not_before_ms <= now_ms || held.plays > 0,
                State::Fetching { .. } | State::Sounding => false,
            })
            .min_by_key(|held| (u8::MAX - held.priority, held.counter))?;
        match best.state {
            State::Ready { not_before_ms } if not_before_ms <= now_ms => {
                Some((best.counter, best.priority))
            }
            State::Ready { .. } | State::Fetching { .. } | State::Sounding => None,
        }
    }

    /// Ends a held broadcast for good.
    fn end(&mut self, now_ms: i64, counter: u64, phase: Phase, step: Step) {
        let Some(place) = self.held.iter().position(|held| held.counter == counter) else { return };
        let held = self.held.swap_remove(place);
        if held.state == State::Sounding && phase != Phase::Played {
            self.act(Action::Stop { broadcast: counter });
        }
        // If this can't be written, the entry stays open in memory: after a power cut it would be
        // reported as interrupted, never played again.
        let _written = self.memory.finish(counter, phase);
        let mut report = self.bare(counter, step);
        report.received_at_ms = held.received_at_ms;
        report.playing_at_ms = held.playing_at_ms;
        report.ended_at_ms = Some(now_ms);
        report.plays = held.plays;
        report.heard = held.heard;
        self.put(now_ms, report);
    }

    /// Ends a broadcast that is not held.
    fn end_unheld(&mut self, now_ms: i64, counter: u64, phase: Phase, step: Step) {
        let _written = self.memory.finish(counter, phase);
        self.report_bare(now_ms, counter, step);
    }

    fn report_held(&mut self, now_ms: i64, counter: u64, step: Step) {
        let mut report = self.bare(counter, step);
        if let Some(held) = self.held.iter().find(|held| held.counter == counter) {
            report.received_at_ms = held.received_at_ms;
            report.playing_at_ms = held.playing_at_ms;
            report.plays = held.plays;
            report.heard = held.heard;
        }
        self.put(now_ms, report);
    }

    fn report_bare(&mut self, now_ms: i64, counter: u64, step: Step) {
        let mut report = self.bare(counter, step);
        if report.step.is_end() {
            report.ended_at_ms = Some(now_ms);
        }
        self.put(now_ms, report);
    }

    fn bare(&mut self, broadcast: u64, step: Step) -> Report {
        self.sequence = self.sequence.wrapping_add(1);
        Report {
            terminal: self.profile.id,
            broadcast,
            step,
            received_at_ms: None,
            playing_at_ms: None,
            ended_at_ms: None,
            plays: 0,
            heard: false,
            sequence: self.sequence,
        }
    }

    fn put(&mut self, now_ms: i64, report: Report) {
        self.reports.put(now_ms, report.clone());
        self.act(Action::Send(report));
    }

    fn act(&mut self, action: Action) {
        // The caller drains after every input, so only repeats of reports can meet a full queue,
        // and those come again.
        let _full = self.actions.push_back(action);
    }
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
