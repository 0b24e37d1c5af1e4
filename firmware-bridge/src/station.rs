//! A terminal's side of a serial line, without I/O: bytes in, one answer out when polled.
//!
//! ```text
//! bytes ─▶ Station::on_byte ─▶ Terminal (orders, receipts) ─▶ actions ─▶ Station::next_action ─▶ board
//!                  └─▶ Intake (chunks) ─▶ Terminal::on_clip_ready            └─▶ Station::answer ─▶ line
//! ```
//! One terminal may have several links: each has its own side and all share the [`Terminal`], whose
//! memory keeps a broadcast from sounding twice.

use crate::frame::{self, FRAME_BYTES_MAX, HmacKey, Kind};
use crate::gateway_key::GatewayVerifier;
use crate::intake::{Came, ClipStore, Intake};
use crate::line::{self, ALL, Answer, Ask, GATEWAY, Packet, Poll};
use crate::message::{Activity, Clip, Report, Status};
use crate::queue::REPORTS_MAX;
use crate::replay::Store;
use crate::serial::{Deframer, LINE_BYTES_MAX};
use crate::terminal::{Action, Terminal};
use heapless::Vec;

/// Who the terminal is on the line.
#[derive(Clone)]
pub struct LineProfile {
    /// Its address, 1 to 247.
    pub address: u8,
    /// Number of the gateway's key.
    pub key_id: u32,
    /// The terminal's own key.
    pub key: [u8; 32],
    /// The gateway's public key.
    pub verifier: GatewayVerifier,
    /// Its software, for the status.
    pub software: crate::Text<32>,
}

/// Counts, for people who look for faults on a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Frames with a good check sum.
    pub frames: u32,
    /// Polls answered.
    pub answers: u32,
    /// Chunks taken or known already.
    pub chunks: u32,
}

/// The line side.
pub struct Station<C> {
    profile: LineProfile,
    deframer: Deframer,
    /// Content on its way.
    pub intake: Intake<C>,
    outbox: Vec<Report, REPORTS_MAX>,
    /// Number of the last report told, and which it was.
    number: u8,
    told: Option<(u64, u32)>,
    line: [u8; LINE_BYTES_MAX],
    line_used: usize,
    /// What happened here.
    pub counts: LineCounts,
}

impl<C: ClipStore> Station<C> {
    /// A line side over this flash.
    #[must_use]
    pub fn new(profile: LineProfile, clips: C) -> Self {
        Self {
            profile,
            deframer: Deframer::default(),
            intake: Intake::new(clips),
            outbox: Vec::new(),
            number: 0,
            told: None,
            line: [0; LINE_BYTES_MAX],
            line_used: 0,
            counts: LineCounts::default(),
        }
    }

    /// Pieces of the line that were no frame.
    #[must_use]
    pub fn damaged(&self) -> u32 {
        self.deframer.damaged
    }

    /// Takes one byte from the line. Drain [`Self::next_action`] afterwards, then send
    /// [`Self::answer`] if there is one.
    pub fn on_byte<S: Store>(&mut self, now_ms: i64, byte: u8, terminal: &mut Terminal<S>) {
        let Some(frame) = self.deframer.push(byte) else { return };
        self.counts.frames = self.counts.frames.saturating_add(1);
        let Some(addressed) = line::read(frame) else { return };
        if addressed.from != GATEWAY || ![self.profile.address, ALL].contains(&addressed.to) {
            return;
        }
        match addressed.packet {
            Packet::Sealed(sealed) => match frame::peek(sealed).map(|head| head.kind) {
                // What is wrong with a frame the terminal counts, and nobody is told.
                Ok(Kind::Order) => {
                    let _counted = terminal.on_order(now_ms, sealed, &self.profile.verifier);
                }
                Ok(Kind::Receipt) => {
                    let key = HmacKey::new(self.profile.key_id, &self.profile.key);
                    let _counted = terminal.on_receipt(sealed, &key);
                }
                Ok(Kind::Acknowledgement | Kind::Status) | Err(_) => {}
            },
            Packet::Chunk(chunk) => {
                self.counts.chunks = self.counts.chunks.saturating_add(1);
                let came = self.intake.chunk(&chunk);
                tell(now_ms, came, terminal);
            }
            Packet::Poll(poll) => {
                // Content the gateway asks about is the content it means, also when it asks all.
                if let Ask::Clip(tag) = poll.ask
                    && let Some(sha256) = self.intake.here(tag)
                {
                    terminal.on_clip_ready(now_ms, &sha256);
                }
                if addressed.to == self.profile.address {
                    self.answer_poll(now_ms, poll, terminal);
                }
            }
            Packet::Answer(_) => {}
        }
    }

    /// What the board must do. Content and reports are taken care of here.
    pub fn next_action<S: Store>(
        &mut self,
        now_ms: i64,
        terminal: &mut Terminal<S>,
    ) -> Option<Action> {
        loop {
            match terminal.next_action()? {
                Action::Fetch(clip) => self.fetch(now_ms, &clip, terminal),
                Action::Offer(clip) => self.intake.offer(&clip),
                Action::Keep { clip, phrase } => {
                    let _here = self.intake.keep(&clip, phrase);
                }
                Action::Send(report) => self.say(report),
                action @ (Action::Start { .. }
                | Action::Stop { .. }
                | Action::SetClock { .. }
                | Action::AmplifierOff) => return Some(action),
            }
        }
    }

    /// An [`Action::Fetch`] of a terminal with several links.
    pub fn fetch<S: Store>(&mut self, now_ms: i64, clip: &Clip, terminal: &mut Terminal<S>) {
        if self.intake.want(clip) {
            terminal.on_clip_ready(now_ms, &clip.sha256);
        }
    }

    /// An [`Action::Send`] of a terminal with several links: waits for the next poll, in place of
    /// what was to be said about the same broadcast before.
    pub fn say(&mut self, report: Report) {
        self.outbox.retain(|old| old.broadcast != report.broadcast);
        if self.outbox.is_full() {
            // The oldest: the terminal says it again until its receipt comes.
            self.outbox.remove(0);
        }
        // Room was made just now.
        let _fits = self.outbox.push(report);
    }

    /// Does a piece of the checking of content; call it whenever there is time. True as long as
    /// there is more to do.
    pub fn work<S: Store>(&mut self, now_ms: i64, terminal: &mut Terminal<S>) -> bool {
        let (more, came) = self.intake.work();
        tell(now_ms, came, terminal);
        more
    }

    /// The answer to send now, once: bytes for the line, to begin within
    /// [`crate::line::ANSWER_AFTER_MS`] after the poll's last byte.
    pub fn answer(&mut self) -> Option<&[u8]> {
        let used = core::mem::take(&mut self.line_used);
        self.line.get(..used).filter(|bytes| !bytes.is_empty())
    }

    fn answer_poll<S: Store>(&mut self, now_ms: i64, poll: Poll, terminal: &Terminal<S>) {
        if poll.got == self.number
            && let Some((broadcast, sequence)) = self.told.take()
        {
            self.outbox.retain(|old| old.broadcast != broadcast || old.sequence > sequence);
        }
        let mut sealed = [0_u8; FRAME_BYTES_MAX];
        let (mut used, mut number) = (0, 0);
        let key = HmacKey::new(self.profile.key_id, &self.profile.key);
        match (poll.ask, self.outbox.first()) {
            (Ask::Status, _) => {
                let status = status(now_ms, &self.profile, terminal);
                used = frame::seal(Kind::Status, &status, &key, &mut sealed).unwrap_or(0);
            }
            (Ask::Report | Ask::Clip(_), Some(report)) => {
                let this = (report.broadcast, report.sequence);
                if self.told != Some(this) {
                    self.number = self.number.checked_add(1).unwrap_or(1);
                    self.told = Some(this);
                }
                number = self.number;
                used = frame::seal(Kind::Acknowledgement, report, &key, &mut sealed).unwrap_or(0);
            }
            (Ask::Report | Ask::Clip(_), None) => {}
        }
        let (clip, missing) = match poll.ask {
            Ask::Clip(tag) => {
                let (progress, missing) = self.intake.progress(tag);
                (Some(progress), missing)
            }
            Ask::Report | Ask::Status => (None, Vec::new()),
        };
        let answer = Answer {
            activity: activity(terminal),
            waiting: u8::try_from(self.outbox.len()).unwrap_or(u8::MAX),
            clip,
            missing: &missing,
            number,
            sealed: sealed.get(..used).unwrap_or_default(),
        };
        let packet = Packet::Answer(answer);
        let from = self.profile.address;
        self.line_used = line::encode(GATEWAY, from, &packet, &mut self.line).unwrap_or(0);
        self.counts.answers = self.counts.answers.saturating_add(1);
    }
}

fn tell<S: Store>(now_ms: i64, came: Option<Came>, terminal: &mut Terminal<S>) {
    match came {
        Some(Came::Whole(sha256)) => terminal.on_clip_ready(now_ms, &sha256),
        Some(Came::Never(sha256)) => terminal.on_clip_failed(now_ms, &sha256),
        None => {}
    }
}

fn activity<S: Store>(terminal: &Terminal<S>) -> Activity {
    if terminal.sounding().is_some() { Activity::Playing } else { Activity::Idle }
}

fn status<S: Store>(now_ms: i64, profile: &LineProfile, terminal: &Terminal<S>) -> Status {
    let own = terminal.profile();
    Status {
        terminal: own.id,
        online: true,
        activity: activity(terminal),
        clock_ms: now_ms,
        counter_highest: terminal.memory().counter_highest(),
        boot_count: terminal.memory().boot_count,
        software: profile.software.clone(),
        codecs: own.codecs,
        volume_percent: own.volume_percent,
        armed_for_drill: own.drills,
    }
}
