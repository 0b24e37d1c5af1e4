//! One simulated terminal on a serial bus: the real terminal core and line side, flash in memory, a
//! horn that counts. No I/O; time is given.

use super::terminal::Slots;
use mingluo_bridge::clock::Clock;
use mingluo_bridge::gateway_key::GatewayVerifier;
use mingluo_bridge::intake::ClipStore;
use mingluo_bridge::message::{Clip, Codec};
use mingluo_bridge::phrases;
use mingluo_bridge::station::{LineProfile, Station};
use mingluo_bridge::terminal::{Action, Profile, Terminal};
use std::collections::BTreeMap;

/// From the end of a poll to the answer, microseconds.
const ANSWER_AFTER_US: i64 = 2_000;
/// How often a terminal's clock ticks, milliseconds.
const TICK_MS: i64 = 250;
/// Clips kept in the simulated flash; the oldest that is not pinned goes.
const CLIPS_MAX: usize = 16;

/// Flash in memory.
#[derive(Debug, Default)]
pub struct MemoryFlash {
    staged: Vec<u8>,
    kept: Vec<([u8; 32], bool, Vec<u8>)>,
    phrases: BTreeMap<u16, [u8; 32]>,
}

impl MemoryFlash {
    /// The content of a digest.
    #[must_use]
    pub fn content(&self, sha256: &[u8; 32]) -> Option<&[u8]> {
        self.kept.iter().find(|(name, ..)| name == sha256).map(|(_, _, bytes)| bytes.as_slice())
    }

    /// What sounds when a clip is played: itself, or the phrases that it lists.
    fn contents(&mut self, clip: &Clip) -> Option<Vec<[u8; 32]>> {
        if clip.codec != Codec::Phrases {
            return Some(vec![clip.sha256]);
        }
        let list = self.content(&clip.sha256)?.to_vec();
        let numbers = phrases::open(&list, |number| self.phrase(number))?;
        numbers.iter().map(|number| self.phrase(*number)).collect()
    }

    /// Puts content there, as a factory does.
    pub fn place(&mut self, sha256: [u8; 32], bytes: Vec<u8>) {
        self.kept.push((sha256, true, bytes));
    }
}

impl ClipStore for MemoryFlash {
    fn holds(&mut self, sha256: &[u8; 32]) -> bool {
        self.content(sha256).is_some()
    }
    fn begin(&mut self, clip: &Clip) -> bool {
        let length = usize::try_from(clip.clip_bytes).unwrap_or(0);
        self.staged.clear();
        self.staged.resize(length, 0);
        true
    }
    fn write(&mut self, offset: u32, bytes: &[u8]) -> bool {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let place = from.checked_add(bytes.len()).and_then(|to| self.staged.get_mut(from..to));
        place.map(|place| place.copy_from_slice(bytes)).is_some()
    }
    fn read(&mut self, offset: u32, out: &mut [u8]) -> usize {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let there = self.staged.get(from..).unwrap_or_default();
        out.iter_mut().zip(there).map(|(to, from)| *to = *from).count()
    }
    fn keep(&mut self, clip: &Clip, pinned: bool, phrase: Option<u16>) -> bool {
        match self.kept.iter_mut().find(|(name, ..)| *name == clip.sha256) {
            Some((_, old, _)) => *old |= pinned,
            None => self.kept.push((clip.sha256, pinned, std::mem::take(&mut self.staged))),
        }
        if let Some(number) = phrase {
            self.phrases.insert(number, clip.sha256);
        }
        if self.kept.len() > CLIPS_MAX
            && let Some(oldest) = self.kept.iter().position(|(_, pinned, _)| !pinned)
        {
            self.kept.remove(oldest);
        }
        true
    }
    fn phrase(&mut self, number: u16) -> Option<[u8; 32]> {
        let digest = self.phrases.get(&number)?;
        self.content(digest).map(|_| *digest)
    }
}

/// What the horn did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sounded {
    /// Plays that began.
    pub started: u32,
    /// Plays that came to their end.
    pub ended: u32,
    /// When the first one began, milliseconds.
    pub first_ms: i64,
}

/// The terminal.
pub struct BusTerminal {
    line: LineProfile,
    terminal: Terminal<Slots>,
    station: Station<MemoryFlash>,
    /// What sounds, until when.
    sounding: Option<(u64, i64)>,
    answer: Option<(i64, Vec<u8>)>,
    next_tick_ms: i64,
    plays: Vec<(u64, bool)>,
    time_scale: i64,
    /// Without a battery: the time comes by signals only, and is gone at every boot.
    clock: Option<Clock>,
    booted_ms: i64,
    /// Plays by broadcast.
    pub sounded: BTreeMap<u64, Sounded>,
    /// What came out of the horn: content after content, with its broadcast.
    pub heard: Vec<(u64, [u8; 32])>,
    /// Without power: hears and says nothing.
    pub dead: bool,
}

impl BusTerminal {
    /// A terminal that boots now. Sound runs `time_scale` times faster than real time.
    #[must_use]
    pub fn new(now_ms: i64, own: Profile, line: LineProfile, time_scale: u32) -> Self {
        Self {
            terminal: Terminal::boot(own, Slots::default(), now_ms),
            station: Station::new(line.clone(), MemoryFlash::default()),
            line,
            sounding: None,
            answer: None,
            next_tick_ms: now_ms,
            plays: Vec::new(),
            time_scale: i64::from(time_scale.max(1)),
            clock: None,
            booted_ms: now_ms,
            sounded: BTreeMap::new(),
            heard: Vec::new(),
            dead: false,
        }
    }

    /// The same without a battery for its clock, as most microcontrollers: it boots once more and
    /// knows no time before a signal comes.
    #[must_use]
    pub fn without_battery(mut self, now_ms: i64) -> Self {
        self.clock = Some(Clock::default());
        self.reboot(now_ms);
        self
    }

    /// The time as this terminal knows it; since boot, in 1970, when it knows none.
    fn own_ms(&self, now_ms: i64) -> i64 {
        let tick_ms = now_ms - self.booted_ms;
        self.clock
            .map_or(now_ms, |clock| clock.now_ms(tick_ms).map_or(tick_ms, |(own_ms, _)| own_ms))
    }

    /// Power was cut and is back: persistent memory and whole clips are left, nothing else.
    pub fn reboot(&mut self, now_ms: i64) {
        self.booted_ms = now_ms;
        self.clock = self.clock.map(|_| Clock::default());
        let own_ms = self.own_ms(now_ms);
        let own = self.terminal.profile().clone();
        let gone = Terminal::boot(own.clone(), Slots::default(), own_ms);
        let store = std::mem::replace(&mut self.terminal, gone).into_store();
        self.terminal = Terminal::boot(own, store, own_ms);
        let mut flash = std::mem::take(self.flash());
        flash.staged.clear();
        self.station = Station::new(self.line.clone(), flash);
        (self.sounding, self.answer) = (None, None);
        self.next_tick_ms = now_ms;
        self.dead = false;
    }

    /// Its flash.
    pub fn flash(&mut self) -> &mut MemoryFlash {
        &mut self.station.intake.clips
    }

    /// Whether it sounds now.
    #[must_use]
    pub fn is_sounding(&self) -> bool {
        self.sounding.is_some()
    }

    /// Plays that began (false) or ended (true) since the last call, by broadcast.
    pub fn take_plays(&mut self) -> Vec<(u64, bool)> {
        std::mem::take(&mut self.plays)
    }

    /// Takes a byte from the line.
    pub fn on_byte(&mut self, now_us: i64, now_ms: i64, byte: u8) {
        if self.dead {
            return;
        }
        self.station.on_byte(self.own_ms(now_ms), byte, &mut self.terminal);
        if byte == 0 {
            self.act(now_ms);
            if let Some(bytes) = self.station.answer() {
                self.answer = Some((now_us + ANSWER_AFTER_US, bytes.to_vec()));
            }
        }
    }

    /// Lets time pass; gives the bytes of an answer whose time has come.
    pub fn pass(&mut self, now_us: i64, now_ms: i64) -> Option<Vec<u8>> {
        if self.dead {
            return None;
        }
        if now_ms >= self.next_tick_ms || self.sounding.is_some_and(|(_, end)| now_ms >= end) {
            self.next_tick_ms = now_ms + TICK_MS;
            if let Some((broadcast, _)) = self.sounding.filter(|(_, end)| now_ms >= *end) {
                self.sounding = None;
                self.sounded.entry(broadcast).or_default().ended += 1;
                self.plays.push((broadcast, true));
                self.terminal.on_playback_finished(self.own_ms(now_ms), broadcast, true);
            }
            self.terminal.on_tick(self.own_ms(now_ms));
            self.act(now_ms);
        }
        if self.answer.as_ref().is_some_and(|(at_us, _)| now_us >= *at_us) {
            return self.answer.take().map(|(_, bytes)| bytes);
        }
        None
    }

    /// When [`Self::pass`] has something to do, microseconds; only for an answer.
    #[must_use]
    pub fn answer_at_us(&self) -> Option<i64> {
        self.answer.as_ref().map(|(at_us, _)| *at_us)
    }

    fn act(&mut self, now_ms: i64) {
        while self.station.work(self.own_ms(now_ms), &mut self.terminal) {}
        while let Some(action) = self.station.next_action(self.own_ms(now_ms), &mut self.terminal) {
            match action {
                Action::Start { broadcast, clip, .. } => {
                    let Some(contents) = self.flash().contents(&clip) else {
                        let why = "other content stands under a phrase's number";
                        self.terminal.on_playback_failed(self.own_ms(now_ms), broadcast, why);
                        continue;
                    };
                    self.heard.extend(contents.into_iter().map(|content| (broadcast, content)));
                    let length_ms = i64::from(clip.duration_ms) / self.time_scale;
                    self.sounding = Some((broadcast, now_ms + length_ms));
                    let sounded = self.sounded.entry(broadcast).or_default();
                    if sounded.started == 0 {
                        sounded.first_ms = now_ms;
                    }
                    sounded.started += 1;
                    self.plays.push((broadcast, false));
                    self.terminal.on_playback_started(self.own_ms(now_ms), broadcast);
                }
                Action::Stop { .. } | Action::AmplifierOff => self.sounding = None,
                Action::SetClock { issued_at_ms } => {
                    let tick_ms = now_ms - self.booted_ms;
                    if let Some(clock) = &mut self.clock {
                        // An old signal is refused there.
                        let _taken = clock.set(tick_ms, issued_at_ms);
                    }
                }
                Action::Fetch(_) | Action::Offer(_) | Action::Keep { .. } | Action::Send(_) => {}
            }
        }
    }
}

/// The line profile of a simulated terminal.
#[must_use]
pub fn line_profile(
    address: u8,
    key_id: u32,
    key: [u8; 32],
    verifier: impl Into<GatewayVerifier>,
) -> LineProfile {
    let software = super::terminal::heapless_text("mingluo-simulated");
    LineProfile { address, key_id, key, verifier: verifier.into(), software }
}
