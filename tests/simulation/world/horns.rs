//! The real terminals with their simulated horns, memory, links and clocks.

use super::{Bug, Event, World};
use crate::checks;
use mingluo::deliver;
use mingluo::gateway::Input;
use mingluo::model::{LinkKind, Step, TerminalId};
use mingluo_bridge::frame::{self, FRAME_BYTES_MAX, HmacKey, Kind};
use mingluo_bridge::message::Step as Told;
use mingluo_bridge::replay::{SLOT_BYTES, Store};
use mingluo_bridge::terminal::{self, Profile, Terminal};
use std::collections::BTreeMap;

/// Persistent memory of a simulated terminal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cells([Option<Vec<u8>>; 2]);

impl Store for Cells {
    fn load(&mut self, slot: u8, out: &mut [u8; SLOT_BYTES]) -> bool {
        match &self.0[usize::from(slot)] {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                true
            }
            None => false,
        }
    }
    fn save(&mut self, slot: u8, bytes: &[u8; SLOT_BYTES]) -> bool {
        self.0[usize::from(slot)] = Some(bytes.to_vec());
        true
    }
}

/// A terminal with its horn.
pub(crate) struct Horn {
    pub id: TerminalId,
    pub(super) profile: Profile,
    pub(super) terminal: Option<Terminal<Cells>>,
    pub(super) cells: Option<Cells>,
    pub(super) linked: bool,
    pub(super) dark: bool,
    pub(super) clock_off_ms: i64,
    pub(super) life: u32,
    /// Complete plays by broadcast, as the horn really sounded.
    pub sounded: BTreeMap<u64, u32>,
    /// What sounds now, since when.
    pub sounding: Option<u64>,
}

impl World {
    /// A message between gateway and terminal: lost, late or both.
    pub(super) fn post(&mut self, horn: usize, event: Event) {
        let lost = self.dice.percent(self.loss);
        let there = &self.horns[horn];
        if there.linked && there.terminal.is_some() && !lost {
            self.later(event);
        }
    }

    pub(super) fn report(&mut self, horn: usize, bytes: &[u8]) {
        let id = self.horns[horn].id;
        let report = self.keys.open_report(id, bytes).expect("the terminal's own key");
        let Some(report) = deliver::acknowledgement(&report, LinkKind::Mqtt) else { return };
        if self.bug == Some(Bug::ReceiptWithoutRecord) && self.dice.percent(30) {
            self.note_receipt(id, report.broadcast.0, report.sequence);
            let sealed = self.keys.seal_receipt(id, report.broadcast, report.sequence).unwrap();
            return self.post(horn, Event::Receipt(horn, sealed.to_vec()));
        }
        let mut report = report;
        if self.bug == Some(Bug::ForgedPlayed) && self.dice.percent(5) {
            report.step = Step::Played;
        }
        self.input(Input::Acknowledged(report));
    }

    pub(super) fn note_receipt(&mut self, terminal: TerminalId, broadcast: u64, sequence: u32) {
        let far = self.told.get(&(terminal, broadcast, sequence)).copied().unwrap_or(0);
        let on_record = self.on_record.get(&(terminal, broadcast)).copied().unwrap_or(0);
        if on_record < far {
            self.broken.push(format!("{terminal} gets a receipt for {broadcast} not on record"));
        }
    }

    pub(super) fn boot(&mut self, horn: usize) {
        let forget = self.bug == Some(Bug::TerminalForgets);
        let now = self.now.plus_ms(self.horns[horn].clock_off_ms).0;
        let there = &mut self.horns[horn];
        if there.terminal.is_some() {
            return;
        }
        let cells = there.cells.take().filter(|_| !forget).unwrap_or_default();
        there.terminal = Some(Terminal::boot(there.profile.clone(), cells, now));
        self.drain(horn);
        if self.horns[horn].linked {
            self.presence(horn, true);
        }
    }

    pub(super) fn terminal(&mut self, horn: usize, call: impl FnOnce(&mut Terminal<Cells>, i64)) {
        let now = self.now.plus_ms(self.horns[horn].clock_off_ms).0;
        if let Some(terminal) = &mut self.horns[horn].terminal {
            call(terminal, now);
        }
        self.drain(horn);
    }

    pub(super) fn drain(&mut self, horn: usize) {
        while let Some(action) = self.horns[horn].terminal.as_mut().and_then(Terminal::next_action)
        {
            match action {
                terminal::Action::Fetch(clip) => {
                    let life = self.horns[horn].life;
                    let longest = if self.parts.contains_key(&clip.sha256) { 1_200 } else { 8_000 };
                    let wait_ms = 100 + i64::try_from(self.dice.below(longest)).unwrap();
                    self.soon(wait_ms, Event::Clip(horn, life, clip.sha256));
                }
                terminal::Action::Start { broadcast, clip, .. } => {
                    checks::start(self, horn, broadcast);
                    checks::part(self, horn, clip.sha256);
                    let life = self.horns[horn].life;
                    self.horns[horn].sounding = Some(broadcast);
                    self.soon(i64::from(clip.duration_ms), Event::PlayEnd(horn, life, broadcast));
                    let now = self.now.plus_ms(self.horns[horn].clock_off_ms).0;
                    if let Some(terminal) = &mut self.horns[horn].terminal {
                        terminal.on_playback_started(now, broadcast);
                    }
                }
                terminal::Action::Stop { .. } | terminal::Action::AmplifierOff => {
                    if self.bug != Some(Bug::StopIgnored) {
                        self.horns[horn].sounding = None;
                    }
                }
                terminal::Action::Keep { .. }
                | terminal::Action::Offer(_)
                | terminal::Action::SetClock { .. } => {}
                terminal::Action::Send(report) => {
                    let far = match report.step {
                        Told::Unknown => 0,
                        Told::Received => 1,
                        Told::Playing => 2,
                        Told::Played
                        | Told::Refused(_)
                        | Told::Failed(_)
                        | Told::Preempted(_)
                        | Told::Cancelled
                        | Told::Expired
                        | Told::Able => 3,
                    };
                    let id = self.horns[horn].id;
                    self.told.insert((id, report.broadcast, report.sequence), far);
                    if report.step == Told::Cancelled {
                        self.silenced.insert((self.horns[horn].id, report.broadcast));
                    }
                    let key = self.keys.terminal_key(self.horns[horn].id);
                    let mut out = [0; FRAME_BYTES_MAX];
                    let signer = HmacKey::new(self.keys.key_id(), &key);
                    let used =
                        frame::seal(Kind::Acknowledgement, &report, &signer, &mut out).unwrap();
                    self.post(horn, Event::Report(horn, out[..used].to_vec()));
                }
            }
        }
    }

    pub(super) fn play_end(&mut self, horn: usize, life: u32, broadcast: u64) {
        let there = &mut self.horns[horn];
        if there.life != life || there.sounding != Some(broadcast) {
            return;
        }
        if !self.parts.values().any(|live| *live == broadcast) {
            *there.sounded.entry(broadcast).or_default() += 1;
        }
        there.sounding = None;
        if self.bug == Some(Bug::DriverRepeats) && self.dice.percent(20) {
            *self.horns[horn].sounded.entry(broadcast).or_default() += 1;
        }
        self.terminal(horn, |terminal, now| terminal.on_playback_finished(now, broadcast, false));
    }
}
