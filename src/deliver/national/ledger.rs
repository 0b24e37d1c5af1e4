//! What was started where, and what terminals said about it: pure. It names broadcasts, stops what
//! is over, and grades every word by what it proves:
//!
//! | word | proves |
//! |---|---|
//! | start answered 0 | `received`: the terminal took it |
//! | start answered with an error | `refused` or `failed` |
//! | programme begins (14) | `playing` |
//! | play result 1 (15) | `played`, unless it was told to stop before that play ended |
//! | play result 0 (15) | `failed`; `cancelled` or `expired` when it was told to stop |
//! | stop of a cancelled one answered 0 | `cancelled` |
//! | heartbeat "working", programme ends (14) | nothing: they say not which, or not how |

use super::control::OK;
use super::ebm::{EbmId, Names};
use super::returned::{Played, Returned};
use crate::model::{
    Acknowledgement, BroadcastId, LinkKind, NationalCode, RefusalCode, Step, TerminalId, UtcMs,
};
use std::collections::{BTreeMap, VecDeque};

/// Starts that are remembered; those of the oldest broadcast go first, whose stops are then left to
/// the end time in the start itself.
const HELD_MAX: usize = 200_000;
/// How often a stop that is not answered is sent again, seconds, and how long.
const STOP_AGAIN_S: i64 = 10;
const STOP_PURSUIT_S: i64 = 600;
/// How long after its end a start is remembered, for late results, seconds.
const KEEP_S: i64 = 86_400;
/// Words about broadcasts that were not named yet since the gateway was started; the oldest goes.
const UNCLAIMED_MAX: usize = 1_024;
/// Bytes of a failure's text.
const TEXT_BYTES_MAX: usize = 64;

/// Why something is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It was cancelled.
    Cancelled,
    /// Its validity is over.
    Over,
}

#[derive(Debug)]
struct Stop {
    why: Why,
    at: UtcMs,
    again_at: UtcMs,
    is_accepted: bool,
}

#[derive(Debug)]
struct Held {
    until: UtcMs,
    is_accepted: bool,
    has_ended: bool,
    stop: Option<Stop>,
}

/// A word about a broadcast, as it came.
type Word = (TerminalId, u32, Returned);

/// All of it.
#[derive(Debug)]
pub(super) struct Ledger {
    names: Names,
    held: BTreeMap<(BroadcastId, TerminalId), Held>,
    unclaimed: VecDeque<(EbmId, Word)>,
}

impl Ledger {
    /// An empty one of this platform.
    #[must_use]
    pub(super) fn new(platform: NationalCode) -> Self {
        Self { names: Names::new(platform), held: BTreeMap::new(), unclaimed: VecDeque::new() }
    }

    /// The name of a broadcast on the wire; `None` when all of its day are taken.
    pub(super) fn name(&mut self, broadcast: BroadcastId) -> Option<EbmId> {
        self.names.name(broadcast)
    }

    /// Whether a terminal took the start and said nothing of an end.
    #[must_use]
    pub(super) fn holds(&self, broadcast: BroadcastId, terminal: TerminalId) -> bool {
        let held = self.held.get(&(broadcast, terminal));
        held.is_some_and(|held| held.is_accepted && !held.has_ended && held.stop.is_none())
    }

    /// A start went out to a terminal, valid until then. What the terminal had said of it before it
    /// was named here is claimed now.
    pub(super) fn started(
        &mut self,
        broadcast: BroadcastId,
        terminal: TerminalId,
        until: UtcMs,
    ) -> Vec<Acknowledgement> {
        let fresh = Held { until, is_accepted: false, has_ended: false, stop: None };
        let held = self.held.entry((broadcast, terminal)).or_insert(fresh);
        held.until = until;
        held.has_ended = false;
        if self.held.len() > HELD_MAX {
            self.held.pop_first();
        }
        let names = &self.names;
        let is_of = |(name, word): &(EbmId, Word)| {
            word.0 == terminal && names.broadcast(*name) == Some(broadcast)
        };
        if !self.unclaimed.iter().any(is_of) {
            return Vec::new();
        }
        let (claimed, rest): (VecDeque<_>, VecDeque<_>) =
            core::mem::take(&mut self.unclaimed).into_iter().partition(is_of);
        self.unclaimed = rest;
        claimed
            .iter()
            .filter_map(|(_, (_, sequence, said))| self.said(terminal, said, *sequence))
            .collect()
    }

    /// A stop went out to a terminal.
    pub(super) fn stopped(
        &mut self,
        broadcast: BroadcastId,
        terminal: TerminalId,
        why: Why,
        now: UtcMs,
    ) {
        if let Some(held) = self.held.get_mut(&(broadcast, terminal)) {
            let fresh = Stop { why, at: now, again_at: now, is_accepted: false };
            let stop = held.stop.get_or_insert(fresh);
            stop.again_at = now.plus_s(STOP_AGAIN_S);
        }
    }

    /// What is started at these terminals and has not ended.
    #[must_use]
    pub(super) fn running(
        &self,
        terminals: &[TerminalId],
    ) -> BTreeMap<BroadcastId, Vec<TerminalId>> {
        let mut running = BTreeMap::<BroadcastId, Vec<TerminalId>>::new();
        let here =
            self.held.iter().filter(|((_, id), held)| !held.has_ended && terminals.contains(id));
        for ((broadcast, terminal), _) in here {
            running.entry(*broadcast).or_default().push(*terminal);
        }
        running
    }

    /// What must be stopped now because its validity is over; forgets what is long over.
    pub(super) fn over(&mut self, now: UtcMs) -> BTreeMap<BroadcastId, Vec<TerminalId>> {
        self.held.retain(|_, held| now < held.until.plus_s(KEEP_S));
        let mut over = BTreeMap::<BroadcastId, Vec<TerminalId>>::new();
        for ((broadcast, terminal), held) in &self.held {
            let pursued = now < held.until.plus_s(STOP_PURSUIT_S);
            let due = match &held.stop {
                None => true,
                Some(stop) => !stop.is_accepted && now >= stop.again_at,
            };
            if now >= held.until && pursued && due && !held.has_ended {
                over.entry(*broadcast).or_default().push(*terminal);
            }
        }
        over
    }

    /// A terminal answered a start (`stop` false) or a stop.
    pub(super) fn answered(
        &mut self,
        broadcast: BroadcastId,
        terminal: TerminalId,
        stop: bool,
        (result, text): (u8, &str),
        sequence: u32,
    ) -> Option<Acknowledgement> {
        let held = self.held.get_mut(&(broadcast, terminal));
        let step = match (stop, held) {
            (false, held) => {
                if let Some(held) = held {
                    held.is_accepted |= result == OK;
                    held.has_ended |= result != OK && !held.is_accepted;
                }
                if result == OK { Step::Received } else { step_of(result, text) }
            }
            (true, _) if result != OK => return None,
            (true, Some(Held { stop: Some(stop), .. })) => {
                stop.is_accepted = true;
                match stop.why {
                    Why::Cancelled => Step::Cancelled,
                    Why::Over => return None,
                }
            }
            // Started before the gateway was: only a cancel asks for a stop then.
            (true, _) => Step::Cancelled,
        };
        Some(plain(terminal, broadcast, step, sequence))
    }

    /// A terminal returned a word; `Err` when it is about a broadcast that is not known here.
    ///
    /// # Errors
    /// The name that is not known; the word waits until it is.
    pub(super) fn returned(
        &mut self,
        terminal: TerminalId,
        returned: Returned,
        sequence: u32,
    ) -> Result<Option<Acknowledgement>, EbmId> {
        let name = match &returned {
            Returned::Switch { ebm, .. } | Returned::Result { ebm, .. } => *ebm,
            Returned::Heartbeat(_)
            | Returned::Answer { .. }
            | Returned::Fault { .. }
            | Returned::Other(_) => return Ok(None),
        };
        if self.names.broadcast(name).is_none() {
            if self.unclaimed.len() >= UNCLAIMED_MAX {
                self.unclaimed.pop_front();
            }
            self.unclaimed.push_back((name, (terminal, sequence, returned)));
            return Err(name);
        }
        Ok(self.said(terminal, &returned, sequence))
    }

    fn said(
        &mut self,
        terminal: TerminalId,
        said: &Returned,
        sequence: u32,
    ) -> Option<Acknowledgement> {
        match said {
            Returned::Switch { begins: true, ebm, at_s, .. } => {
                let broadcast = self.names.broadcast(*ebm)?;
                let report = plain(terminal, broadcast, Step::Playing, sequence);
                Some(Acknowledgement { playing_at: time(*at_s), ..report })
            }
            Returned::Result { ebm, played, text, from_s, until_s, plays, .. } => {
                let broadcast = self.names.broadcast(*ebm)?;
                let held = self.held.get_mut(&(broadcast, terminal));
                let ended_at = time(*until_s);
                let stop = held.as_ref().and_then(|held| held.stop.as_ref());
                // Whole seconds here, milliseconds there.
                let cut =
                    stop.filter(|stop| ended_at.is_none_or(|end| end.as_s() >= stop.at.as_s()));
                let cut = cut.map(|stop| match stop.why {
                    Why::Cancelled => Step::Cancelled,
                    Why::Over => Step::Expired,
                });
                let (step, ended_at) = match (played, cut) {
                    (Played::Still, _) => (Step::Playing, None),
                    (Played::Well | Played::Failed, Some(cut)) => (cut, ended_at),
                    (Played::Well, None) => (Step::Played, ended_at),
                    (Played::Failed, None) => (Step::Failed(short(text)), ended_at),
                };
                if let Some(held) = held {
                    held.has_ended |= *played != Played::Still;
                }
                let report = plain(terminal, broadcast, step, sequence);
                let playing_at = time(*from_s);
                Some(Acknowledgement { playing_at, ended_at, plays: *plays, ..report })
            }
            Returned::Switch { .. }
            | Returned::Heartbeat(_)
            | Returned::Answer { .. }
            | Returned::Fault { .. }
            | Returned::Other(_) => None,
        }
    }
}

/// A terminal's clock; zero means that it has none.
fn time(at_s: u32) -> Option<UtcMs> {
    (at_s > 0).then(|| UtcMs(i64::from(at_s) * 1_000))
}

fn plain(
    terminal: TerminalId,
    broadcast: BroadcastId,
    step: Step,
    sequence: u32,
) -> Acknowledgement {
    Acknowledgement {
        terminal,
        broadcast,
        step,
        received_at: None,
        playing_at: None,
        ended_at: None,
        plays: 0,
        // The protocol has no sensor that hears a broadcast.
        heard: false,
        sequence,
        link: LinkKind::National,
        content: None,
    }
}

fn short(text: &str) -> String {
    let mut text = text.to_owned();
    while text.len() > TEXT_BYTES_MAX {
        text.pop();
    }
    text
}

/// What an error code says of a start.
#[must_use]
pub(super) fn step_of(code: u8, text: &str) -> Step {
    let refused = match code {
        31 | 73 => Some(RefusalCode::Busy),
        35 | 36 | 51 | 52 => Some(RefusalCode::Signature),
        55 | 58 => Some(RefusalCode::Content),
        59 => Some(RefusalCode::Target),
        _ => None,
    };
    let name = match code {
        11 => "protocol timeout",
        12 => "version",
        13 => "not parsed",
        14 => "missing parameter",
        15 => "CRC",
        10..=29 => "protocol",
        30..=49 => "system",
        50..=69 => "data",
        71 => "terminal invalid",
        72 => "terminal offline",
        70..=79 => "terminal",
        _ => "unknown",
    };
    refused.map_or_else(|| Step::Failed(short(&format!("{code} {name} {text}"))), Step::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMs = UtcMs(1_783_785_600_000);
    const ID: BroadcastId = BroadcastId(1_783_785_600_000);

    fn me() -> TerminalId {
        TerminalId::parse("430621100001-001").unwrap()
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(NationalCode::parse("44306210000000101010101").unwrap());
        ledger.name(ID).unwrap();
        assert!(ledger.started(ID, me(), NOW.plus_s(600)).is_empty());
        ledger
    }

    fn result(ledger: &mut Ledger, played: Played, until: UtcMs) -> Returned {
        let (ebm, at_s) = (ledger.name(ID).unwrap(), u32::try_from(until.as_s()).unwrap());
        let text = "x".to_owned();
        Returned::Result { ebm, played, text, from_s: at_s - 5, until_s: at_s, plays: 1, at_s }
    }

    fn check(ledger: &mut Ledger, played: Played, until: UtcMs, expect: &Step) {
        let said = result(ledger, played, until);
        let report = ledger.returned(me(), said, 9).unwrap().unwrap();
        assert_eq!((&report.step, report.sequence, report.heard), (expect, 9, false));
    }

    #[test]
    fn only_the_terminals_own_result_proves_a_play() {
        let mut county = ledger();
        let took = county.answered(ID, me(), false, (0, ""), 1).unwrap();
        assert_eq!(took.step, Step::Received);
        assert!(county.holds(ID, me()));
        let ebm = county.name(ID).unwrap();
        let begins = Returned::Switch { begins: true, source: 1, ebm, at_s: 7 };
        assert_eq!(county.returned(me(), begins, 2).unwrap().unwrap().step, Step::Playing);
        let ends = Returned::Switch { begins: false, source: 1, ebm, at_s: 9 };
        assert_eq!(county.returned(me(), ends, 3), Ok(None));
        check(&mut county, Played::Still, NOW.plus_s(9), &Step::Playing);
        assert!(county.holds(ID, me()));
        check(&mut county, Played::Well, NOW.plus_s(20), &Step::Played);
        assert!(!county.holds(ID, me()));
        check(&mut ledger(), Played::Failed, NOW.plus_s(20), &Step::Failed("x".into()));
    }

    #[test]
    fn what_was_cut_off_is_not_played() {
        let mut county = ledger();
        county.stopped(ID, me(), Why::Cancelled, NOW.plus_s(30));
        // It had ended before.
        check(&mut county, Played::Well, NOW.plus_s(29), &Step::Played);
        check(&mut county, Played::Well, NOW.plus_s(31), &Step::Cancelled);
        check(&mut county, Played::Failed, NOW.plus_s(31), &Step::Cancelled);
        let stopped = county.answered(ID, me(), true, (0, ""), 4).unwrap();
        assert_eq!(stopped.step, Step::Cancelled);
        assert_eq!(county.answered(ID, me(), true, (70, ""), 4), None);
        let mut late = ledger();
        late.stopped(ID, me(), Why::Over, NOW.plus_s(600));
        assert_eq!(late.answered(ID, me(), true, (0, ""), 4), None);
        check(&mut late, Played::Well, NOW.plus_s(601), &Step::Expired);
    }

    #[test]
    fn what_is_over_is_stopped_until_answered_and_not_for_ever() {
        let mut county = ledger();
        let mut due = |at_s: i64| county.over(NOW.plus_s(at_s)).len();
        assert_eq!((due(599), due(600)), (0, 1));
        county.stopped(ID, me(), Why::Over, NOW.plus_s(600));
        assert_eq!(county.over(NOW.plus_s(609)).len(), 0);
        assert_eq!(county.over(NOW.plus_s(610)).len(), 1);
        assert_eq!(county.running(&[me()]).len(), 1);
        assert_eq!(county.over(NOW.plus_s(600 + STOP_PURSUIT_S)).len(), 0);
        county.answered(ID, me(), true, (0, ""), 4);
        assert_eq!(county.over(NOW.plus_s(700)).len(), 0);
        assert!(county.over(NOW.plus_s(600 + KEEP_S)).is_empty() && county.held.is_empty());
        let mut ended = ledger();
        check(&mut ended, Played::Well, NOW.plus_s(20), &Step::Played);
        assert!(ended.over(NOW.plus_s(600)).is_empty(), "it is silent already");
    }

    #[test]
    fn a_result_that_comes_before_its_name_waits_for_it() {
        let mut before = ledger();
        let said = result(&mut before, Played::Well, NOW.plus_s(20));
        let mut county = Ledger::new(NationalCode::parse("44306210000000101010101").unwrap());
        assert!(county.returned(me(), said, 5).is_err());
        county.name(ID).unwrap();
        let claimed = county.started(ID, me(), NOW.plus_s(600));
        assert_eq!(claimed.len(), 1);
        assert_eq!((&claimed[0].step, claimed[0].sequence), (&Step::Played, 5));
        assert!(county.over(NOW.plus_s(600)).is_empty());
    }

    #[test]
    fn error_codes_have_these_reasons() {
        for (code, expect) in [
            (73, Step::Refused(RefusalCode::Busy)),
            (31, Step::Refused(RefusalCode::Busy)),
            (52, Step::Refused(RefusalCode::Signature)),
            (59, Step::Refused(RefusalCode::Target)),
            (58, Step::Refused(RefusalCode::Content)),
            (15, Step::Failed("15 CRC x".into())),
            (34, Step::Failed("34 system x".into())),
            (200, Step::Failed("200 unknown x".into())),
        ] {
            assert_eq!(step_of(code, "x"), expect);
        }
        let Step::Failed(long) = step_of(70, &"字".repeat(64)) else { panic!("failed") };
        assert!(long.len() <= TEXT_BYTES_MAX);
    }
}
