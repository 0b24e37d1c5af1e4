//! The master of one serial line, without I/O: what to write next, whom to ask, when to stop
//! waiting. Time is the line's own, microseconds from any beginning.
//!
//! ```text
//! orders, receipts ─▶ step(now, input) ─▶ write · heard · here · presence
//!                        ▲   └─▶ next_at: call again then, even when nothing came
//!               bytes ───┘
//! ```
//! Before an order that a terminal judges by its clock goes the time, unless it went just before:
//! whoever has booted since knows none. The master holds no key, so it asks for that frame.
//!
//! What goes first: the time, orders, a question to whoever just got one, content, receipts, other questions.

use super::airtime::{bytes_us, units_for};
use super::transfer::{Next, Transfer, Turned};
use super::words::{LineAction, LineEvent, LineFigures, LineOrder, LineSetup, TimeUse};
use mingluo_bridge::line::{self, ALL, Addressed, Answer, Ask, GATEWAY, Packet, Poll, Progress};
use mingluo_bridge::serial::{Deframer, LINE_BYTES_MAX};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Orders and receipts waiting for the line, each. When it is full a further one is refused; the
/// schedule sends orders again, and terminals repeat what needs a receipt.
pub const WAITING_MAX: usize = 256;
/// Clips on their way at the same time; a further one is refused.
pub const TRANSFERS_MAX: usize = 16;
/// How far ahead of the line bytes are handed to the port, microseconds. More would delay a cancel.
const AHEAD_US: i64 = 20_000;
/// Longest answer, bytes on the line.
const ANSWER_BYTES_MAX: usize = 320;
/// Polls in a row without an answer until a terminal is called silent.
const SILENT_POLLS_MAX: u8 = 3;
/// How often a silent terminal is asked, microseconds, when nothing else concerns it.
const SILENT_POLL_US: i64 = 15_000_000;
/// After so many packets of content one of lower rank may go.
const CONTENT_RUN_MAX: u8 = 24;

/// Before an order goes a new time signal when the last one is older than this, microseconds.
const TIME_AGE_US_MAX: i64 = 3_000_000;
/// The same when somebody who may have booted since came back or knows nothing of an order.
const TIME_AGE_US_MAX_DOUBTED: i64 = 500_000;

#[derive(Debug, Clone)]
struct Member {
    got: u8,
    silent: u8,
    online: Option<bool>,
    /// Something was sent that it should answer soon.
    urgent: bool,
    next_poll_us: i64,
    watched_until_us: i64,
    has_status: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listening {
    address: u8,
    begin_by_us: i64,
    end_by_us: i64,
    begun: bool,
}

/// The master.
pub struct Master {
    setup: LineSetup,
    members: BTreeMap<u8, Member>,
    orders: VecDeque<LineOrder>,
    receipts: VecDeque<(u8, Arc<[u8]>)>,
    transfers: Vec<Transfer>,
    /// Time signals to write before anything else.
    times: VecDeque<Arc<[u8]>>,
    /// When the last one was written or asked for.
    time_at_us: i64,
    /// Somebody may have booted since.
    time_doubted: bool,
    listening: Option<Listening>,
    busy_until_us: i64,
    /// Terminals check the signature of an order until then.
    checked_at_us: i64,
    content_run: u8,
    deframer: Deframer,
    /// What happened here.
    pub figures: LineFigures,
}

impl Master {
    /// A master of a line with these addresses.
    #[must_use]
    pub fn new(setup: LineSetup, addresses: &[u8]) -> Self {
        let member = Member {
            got: 0,
            silent: 0,
            online: None,
            urgent: false,
            next_poll_us: i64::MIN,
            watched_until_us: 0,
            has_status: false,
        };
        Self {
            setup,
            members: addresses.iter().map(|address| (*address, member.clone())).collect(),
            orders: VecDeque::new(),
            receipts: VecDeque::new(),
            transfers: Vec::new(),
            times: VecDeque::new(),
            time_at_us: i64::MIN,
            time_doubted: false,
            listening: None,
            busy_until_us: i64::MIN,
            checked_at_us: i64::MIN,
            content_run: 0,
            deframer: Deframer::default(),
            figures: LineFigures::default(),
        }
    }

    /// When the last byte written so far leaves the line.
    #[must_use]
    pub fn busy_until_us(&self) -> i64 {
        self.busy_until_us
    }

    /// Whether an answer is awaited: nothing is written, and a line that turns its direction by
    /// hand must listen from [`Self::busy_until_us`] on.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.listening.is_some()
    }

    /// Pieces from the line that were no frame.
    #[must_use]
    pub fn damaged(&self) -> u32 {
        self.deframer.damaged
    }

    /// When to call [`Self::step`] again at the latest.
    #[must_use]
    pub fn next_at_us(&self, now_us: i64) -> i64 {
        if let Some(listening) = self.listening {
            return if listening.begun { listening.end_by_us } else { listening.begin_by_us };
        }
        if self.busy_until_us > now_us {
            return self.busy_until_us.saturating_sub(AHEAD_US).max(now_us + 1_000);
        }
        now_us + 5_000
    }

    /// Takes what happened and gives what to do.
    pub fn step(&mut self, now_us: i64, event: LineEvent<'_>) -> Vec<LineAction> {
        let mut out = Vec::new();
        match event {
            LineEvent::Bytes(bytes) => self.heard(now_us, bytes, &mut out),
            LineEvent::Order(order) if self.orders.len() < WAITING_MAX => {
                self.orders.push_back(order);
            }
            LineEvent::Order(order) => out.push(LineAction::Refused(order.frame)),
            LineEvent::Receipt(address, frame) => {
                // A receipt that finds no room is sent again when its report comes again.
                if self.receipts.len() < WAITING_MAX && self.members.contains_key(&address) {
                    self.receipts.push_back((address, frame));
                }
            }
            LineEvent::Time(frames) => self.times = frames.into(),
            LineEvent::Tick => {}
            LineEvent::Opened => {
                self.times.clear();
                self.time_doubted = true;
                self.listening = None;
                self.busy_until_us = now_us;
                self.checked_at_us = now_us;
                self.deframer = Deframer::default();
            }
        }
        self.stop_waiting(now_us, &mut out);
        // What is written early enough goes in one piece, without a gap on the line.
        while self.listening.is_none() && self.busy_until_us.saturating_sub(now_us) <= AHEAD_US {
            let at_us = now_us.max(self.busy_until_us);
            if !self.write_next(at_us, &mut out) {
                break;
            }
        }
        out
    }

    fn heard(&mut self, now_us: i64, bytes: &[u8], out: &mut Vec<LineAction>) {
        for byte in bytes {
            if let Some(listening) = &mut self.listening {
                listening.begun |= now_us >= self.busy_until_us;
            }
            let Some(frame) = self.deframer.push(*byte) else { continue };
            let Some(Addressed { to: GATEWAY, from, packet: Packet::Answer(answer) }) =
                line::read(frame)
            else {
                // Our own bytes, on a line that echoes; or nothing of ours.
                continue;
            };
            if self.listening.is_none_or(|listening| listening.address != from) {
                continue;
            }
            self.listening = None;
            self.figures.answers += 1;
            let Some(member) = self.members.get_mut(&from) else { continue };
            self.time_doubted |= member.silent > 0
                || member.online != Some(true)
                || answer.clip == Some(Progress::Unasked);
            answered(member, now_us, &answer, &self.setup);
            if member.online != Some(true) {
                member.online = Some(true);
                out.push(LineAction::Presence(from, true));
            }
            if !answer.sealed.is_empty() {
                member.has_status |= answer.number == 0;
                out.push(LineAction::Heard(from, answer.sealed.to_vec()));
            }
            if let Some(progress) = answer.clip
                && let Some(transfer) = self.transfers.iter_mut().find(|t| t.asked_last == from)
            {
                transfer.asked_last = GATEWAY;
                let sha256 = transfer.content.sha256;
                match transfer.answered(now_us, from, progress, answer.missing) {
                    Turned::Here => out.push(LineAction::Here(from, sha256)),
                    Turned::Never => out.push(LineAction::Never(from, sha256)),
                    Turned::Nothing => {}
                }
            }
        }
    }

    /// Ends a listening whose time is over.
    fn stop_waiting(&mut self, now_us: i64, out: &mut Vec<LineAction>) {
        let Some(listening) = self.listening else { return };
        let until = if listening.begun { listening.end_by_us } else { listening.begin_by_us };
        if now_us < until {
            return;
        }
        self.listening = None;
        self.figures.silences += 1;
        let address = listening.address;
        for transfer in self.transfers.iter_mut().filter(|t| t.asked_last == address) {
            transfer.asked_last = GATEWAY;
            transfer.silent(now_us, address);
        }
        let Some(member) = self.members.get_mut(&address) else { return };
        member.silent = member.silent.saturating_add(1);
        // The report it may have told is told again.
        member.got = 0;
        if member.silent < SILENT_POLLS_MAX {
            member.next_poll_us = member.next_poll_us.min(now_us + self.setup.watch_poll_us / 4);
        } else {
            member.urgent = false;
            member.has_status = false;
            member.next_poll_us = now_us + SILENT_POLL_US;
            if member.online != Some(false) {
                member.online = Some(false);
                out.push(LineAction::Presence(address, false));
            }
        }
    }

    /// Writes one packet, if anything is due; `at_us` is when it begins on the line.
    fn write_next(&mut self, at_us: i64, out: &mut Vec<LineAction>) -> bool {
        self.transfers.retain(|transfer| !transfer.is_over(at_us));
        if let Some(frame) = self.times.pop_front() {
            self.time_written(at_us);
            self.signed(at_us, ALL, &frame, out);
            return true;
        }
        if self.wants_time(at_us) {
            // Asked once: when none comes, the order goes without.
            self.time_written(at_us);
            out.push(LineAction::AskTime);
            return false;
        }
        if let Some(order) = self.orders.pop_front() {
            return self.write_order(at_us, order, out);
        }
        if at_us < self.checked_at_us {
            return self.write_content(at_us, out);
        }
        if let Some(address) = self.due(at_us, true) {
            return self.poll(at_us, address, Ask::Report, out);
        }
        let lower_first = self.content_run >= CONTENT_RUN_MAX;
        if lower_first {
            self.content_run = 0;
        } else if self.write_content(at_us, out) {
            self.content_run += 1;
            return true;
        }
        if let Some((address, frame)) = self.receipts.pop_front() {
            self.write(at_us, address, &Packet::Sealed(&frame), out);
            return true;
        }
        // While content goes out only those are asked who have waited long.
        let patience_us = if lower_first { self.setup.idle_poll_us } else { 0 };
        if let Some(address) = self.due(at_us - patience_us, false) {
            let has_status = self.members.get(&address).is_some_and(|member| member.has_status);
            let ask = if has_status { Ask::Report } else { Ask::Status };
            return self.poll(at_us, address, ask, out);
        }
        lower_first && self.write_content(at_us, out)
    }

    fn time_written(&mut self, at_us: i64) {
        self.time_at_us = at_us;
        self.time_doubted = false;
    }

    /// Whether the next order on the line is one for which the last time signal is too old.
    fn wants_time(&self, at_us: i64) -> bool {
        let next = self.orders.front().map(|order| order.time);
        let needs = match next {
            Some(time) => time == TimeUse::Needs,
            None => self.transfers.iter().any(Transfer::has_order),
        };
        let age_us_max = if self.time_doubted { TIME_AGE_US_MAX_DOUBTED } else { TIME_AGE_US_MAX };
        needs && at_us.saturating_sub(self.time_at_us) > age_us_max
    }

    /// The member to ask next, longest due first.
    fn due(&self, at_us: i64, urgent: bool) -> Option<u8> {
        self.members
            .iter()
            .filter(|(_, member)| member.urgent || !urgent)
            .filter(|(_, member)| member.next_poll_us <= at_us)
            .min_by_key(|(address, member)| (member.next_poll_us, **address))
            .map(|(address, _)| *address)
    }

    fn write_order(&mut self, at_us: i64, order: LineOrder, out: &mut Vec<LineAction>) -> bool {
        if at_us >= order.expires_us || order.to.is_empty() {
            return true;
        }
        let LineOrder { frame, to, priority, expires_us, content, watch_us, time } = order;
        if time == TimeUse::Sets {
            self.time_written(at_us);
        }
        // What needs no answer concerns nobody's poll.
        for address in to.iter().filter(|_| watch_us > 0) {
            if let Some(member) = self.members.get_mut(address) {
                member.watched_until_us = member.watched_until_us.max(at_us + watch_us);
                member.next_poll_us = at_us;
                member.urgent = content.is_empty();
                // One that fell silent gets its chance, and costs one wait at most.
                member.silent = member.silent.min(SILENT_POLLS_MAX - 1);
            }
        }
        if content.is_empty() {
            let address = if let [one] = *to { one } else { ALL };
            self.signed(at_us, address, &frame, out);
            return true;
        }
        for content in content {
            let known = self.transfers.iter_mut().find(|t| t.content.sha256 == content.sha256);
            if let Some(known) = known {
                // The same clip for more terminals, or the same order again.
                known.join(at_us, &content.to, &frame);
                continue;
            }
            let bytes = u32::try_from(content.bytes.len()).unwrap_or(u32::MAX);
            let new = units_for(bytes, self.setup.units)
                .filter(|_| self.transfers.len() < TRANSFERS_MAX)
                .and_then(|units| {
                    Transfer::new(content, Arc::clone(&frame), priority, expires_us, units)
                });
            match new {
                Some(transfer) => self.transfers.push(transfer),
                None => out.push(LineAction::Refused(Arc::clone(&frame))),
            }
        }
        // Those of highest priority first; among equals the older one.
        self.transfers.sort_by_key(|transfer| u8::MAX - transfer.priority);
        true
    }

    fn write_content(&mut self, at_us: i64, out: &mut Vec<LineAction>) -> bool {
        for place in 0..self.transfers.len() {
            let Some(transfer) = self.transfers.get_mut(place) else { return false };
            if at_us < self.checked_at_us && !transfer.has_word() {
                continue;
            }
            let tag = transfer.tag;
            match transfer.next(at_us) {
                Next::Wait(_) => {}
                Next::Ask(address) => {
                    transfer.asked_last = address;
                    return self.poll(at_us, address, Ask::Clip(tag), out);
                }
                Next::Name => {
                    // Nobody answers what is sent to all; whoever has it begins with it.
                    let poll = Poll { got: 0, ask: Ask::Clip(tag) };
                    self.write(at_us, ALL, &Packet::Poll(poll), out);
                    return true;
                }
                Next::Order(frame) => {
                    self.signed(at_us, ALL, &frame, out);
                    return true;
                }
                Next::Chunk(index) => {
                    // To all: others may need the same clip in a moment.
                    let line =
                        transfer.chunk(index).and_then(|chunk| encoded(ALL, &Packet::Chunk(chunk)));
                    self.figures.chunks += 1;
                    self.put(at_us, line.unwrap_or_default(), out);
                    return true;
                }
            }
        }
        false
    }

    fn poll(&mut self, at_us: i64, address: u8, ask: Ask, out: &mut Vec<LineAction>) -> bool {
        let Some(member) = self.members.get_mut(&address) else { return false };
        let poll = Packet::Poll(Poll { got: member.got, ask });
        let watched = at_us < member.watched_until_us;
        let every_us = if watched { self.setup.watch_poll_us } else { self.setup.idle_poll_us };
        member.next_poll_us = at_us + every_us;
        self.write(at_us, address, &poll, out);
        self.figures.polls += 1;
        let begin_by_us = self.busy_until_us + self.setup.answer_wait_us;
        let end_by_us = begin_by_us + bytes_us(self.setup.baud, ANSWER_BYTES_MAX);
        self.listening = Some(Listening { address, begin_by_us, end_by_us, begun: false });
        true
    }

    /// Writes an order, whose signature takes its time.
    fn signed(&mut self, at_us: i64, to: u8, frame: &[u8], out: &mut Vec<LineAction>) {
        self.write(at_us, to, &Packet::Sealed(frame), out);
        let from_us = self.checked_at_us.max(self.busy_until_us);
        self.checked_at_us = from_us.saturating_add(self.setup.check_us);
    }

    fn write(&mut self, at_us: i64, to: u8, packet: &Packet<'_>, out: &mut Vec<LineAction>) {
        self.put(at_us, encoded(to, packet).unwrap_or_default(), out);
    }

    fn put(&mut self, at_us: i64, line: Vec<u8>, out: &mut Vec<LineAction>) {
        self.busy_until_us = at_us + bytes_us(self.setup.baud, line.len());
        self.figures.bytes += u64::try_from(line.len()).unwrap_or(0);
        out.push(LineAction::Write(line));
    }
}

fn encoded(to: u8, packet: &Packet<'_>) -> Option<Vec<u8>> {
    let mut line = [0_u8; LINE_BYTES_MAX];
    let used = line::encode(to, GATEWAY, packet, &mut line)?;
    line.get(..used).map(<[u8]>::to_vec)
}

/// Books an answer.
fn answered(member: &mut Member, now_us: i64, answer: &Answer<'_>, setup: &LineSetup) {
    member.silent = 0;
    member.urgent = false;
    if answer.number > 0 {
        member.got = answer.number;
        // Its number goes back soon; at once when more waits.
        let wait_us = if answer.waiting > 1 { 0 } else { setup.watch_poll_us };
        member.next_poll_us = member.next_poll_us.min(now_us + wait_us);
    } else if answer.waiting > 0 {
        member.next_poll_us = now_us;
    }
}
