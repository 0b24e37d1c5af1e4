//! One terminal × one broadcast: the ladder of evidence as a pure state machine.
//!
//! ```text
//! targeted ─▶ sent ─▶ received ─▶ playing ─▶ played
//!     │         │         │          │
//!     └─────────┴────┬────┴──────────┴─▶ refused · failed · pre-empted · cancelled · expired
//!                    └─ validity over, never a word ─▶ unreachable
//! ```
//! Only a terminal's own report moves it past `sent`. What we close at the end of validity a late
//! report may still correct, because the terminal knows and we do not.

use crate::model::{Acknowledgement, Evidence, Outcome, RefusalCode, Step, UtcMs};
use serde::{Deserialize, Serialize};

/// State of one terminal × broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Verdict so far.
    pub outcome: Outcome,
    /// Times and claims behind it.
    pub evidence: Evidence,
    /// Orders sent by terminal address since the last report, for back-off.
    pub tries: u16,
    /// Earliest time of the next order; in the past = due.
    pub next_at: UtcMs,
}

/// Whether a report told anything new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Worth a row in the record.
    New,
    /// Known already; only a receipt is due.
    Repeat,
}

impl Delivery {
    /// A terminal that was just chosen.
    #[must_use]
    pub fn targeted(at: UtcMs) -> Self {
        Self { outcome: Outcome::Targeted, evidence: Evidence::default(), tries: 0, next_at: at }
    }

    /// A link took an order for it.
    pub fn sent(&mut self, at: UtcMs) {
        if self.outcome == Outcome::Targeted {
            self.outcome = Outcome::Sent;
        }
        self.evidence.sent_at.get_or_insert(at);
        self.evidence.attempts = self.evidence.attempts.saturating_add(1);
    }

    /// Whether `report` changes anything here.
    #[must_use]
    pub fn news(&self, report: &Acknowledgement) -> News {
        let mut after = self.clone();
        after.acknowledged(report, self.evidence.last_report_at.unwrap_or_default());
        let same = after.outcome == self.outcome
            && after.evidence.received_at == self.evidence.received_at
            && after.evidence.playing_at == self.evidence.playing_at
            && after.evidence.ended_at == self.evidence.ended_at
            && after.evidence.heard == self.evidence.heard
            && self.evidence.first_report_at.is_some();
        if same { News::Repeat } else { News::New }
    }

    /// Takes a terminal's report that reached us `at`. Never undoes `played`, never goes down the
    /// ladder on a report that arrives out of order.
    pub fn acknowledged(&mut self, report: &Acknowledgement, at: UtcMs) {
        let said = outcome_of(&report.step);
        if self.outcome != Outcome::Played && rank(&said) >= self.claimed_rank() {
            self.outcome = said;
        }
        let evidence = &mut self.evidence;
        evidence.first_report_at.get_or_insert(at);
        evidence.last_report_at = Some(at);
        evidence.received_at = evidence.received_at.or(report.received_at);
        evidence.playing_at = evidence.playing_at.or(report.playing_at);
        evidence.ended_at = evidence.ended_at.or(report.ended_at);
        evidence.heard |= report.heard;
        self.tries = 0;
    }

    /// Ends it when validity is over: what was never answered is unreachable, what was answered but
    /// not ended has expired.
    pub fn close(&mut self) {
        match self.outcome {
            Outcome::Targeted | Outcome::Sent => self.outcome = Outcome::Unreachable,
            Outcome::Received | Outcome::Playing => self.outcome = Outcome::Expired,
            Outcome::Played
            | Outcome::Refused(_)
            | Outcome::Failed(_)
            | Outcome::Preempted(_)
            | Outcome::Cancelled
            | Outcome::Expired
            | Outcome::Unreachable => {}
        }
    }

    /// Ends it when its broadcast was cancelled before anything was sent to it.
    pub fn cancelled_unsent(&mut self) {
        if self.outcome == Outcome::Targeted {
            self.outcome = Outcome::Cancelled;
        }
    }

    /// Whether nothing more is expected. A busy terminal is asked again.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        match self.outcome {
            Outcome::Targeted
            | Outcome::Sent
            | Outcome::Received
            | Outcome::Playing
            | Outcome::Refused(RefusalCode::Busy) => false,
            Outcome::Played
            | Outcome::Refused(_)
            | Outcome::Failed(_)
            | Outcome::Preempted(_)
            | Outcome::Cancelled
            | Outcome::Expired
            | Outcome::Unreachable => true,
        }
    }

    /// Whether the terminal holds the order and only has to play it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.outcome, Outcome::Received | Outcome::Playing)
    }

    /// Rank of what the terminal itself claimed; verdicts that we gave without its word rank low,
    /// so that its late word replaces them.
    fn claimed_rank(&self) -> u8 {
        let ours =
            matches!(self.outcome, Outcome::Expired | Outcome::Unreachable | Outcome::Cancelled);
        if ours && self.evidence.ended_at.is_none() { 0 } else { rank(&self.outcome) }
    }
}

fn outcome_of(step: &Step) -> Outcome {
    match step {
        Step::Received => Outcome::Received,
        Step::Playing => Outcome::Playing,
        Step::Played => Outcome::Played,
        Step::Refused(code) => Outcome::Refused(*code),
        Step::Failed(why) => Outcome::Failed(why.clone()),
        Step::Preempted(by) => Outcome::Preempted(*by),
        Step::Cancelled => Outcome::Cancelled,
        Step::Expired => Outcome::Expired,
    }
}

/// Height on the ladder; all ends share one height, so that the later end report wins.
fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Targeted => 0,
        Outcome::Sent => 1,
        Outcome::Refused(RefusalCode::Busy) => 2,
        Outcome::Received => 3,
        Outcome::Playing => 4,
        Outcome::Refused(_)
        | Outcome::Failed(_)
        | Outcome::Preempted(_)
        | Outcome::Cancelled
        | Outcome::Expired
        | Outcome::Unreachable => 5,
        Outcome::Played => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BroadcastId, LinkKind, TerminalId};

    fn report(step: Step) -> Acknowledgement {
        let ended = !matches!(step, Step::Received | Step::Playing);
        Acknowledgement {
            terminal: TerminalId::from_number(430_621_100_001_001).unwrap(),
            broadcast: BroadcastId(7),
            step,
            received_at: Some(UtcMs(10)),
            playing_at: None,
            ended_at: ended.then_some(UtcMs(30)),
            plays: 0,
            heard: false,
            sequence: 1,
            link: LinkKind::Mqtt,
            content: None,
        }
    }

    /// Feeds steps in order of arrival and compares the outcome.
    fn check(steps: &[Step], expect: &Outcome) {
        let mut delivery = Delivery::targeted(UtcMs(0));
        delivery.sent(UtcMs(1));
        for step in steps {
            delivery.acknowledged(&report(step.clone()), UtcMs(50));
        }
        assert_eq!(&delivery.outcome, expect, "after {steps:?}");
    }

    #[test]
    fn reports_climb_the_ladder_in_any_order() {
        check(&[], &Outcome::Sent);
        check(&[Step::Received, Step::Playing, Step::Played], &Outcome::Played);
        check(&[Step::Playing, Step::Received], &Outcome::Playing);
        check(&[Step::Played, Step::Received], &Outcome::Played);
        check(&[Step::Played, Step::Failed("late".into())], &Outcome::Played);
        check(&[Step::Received, Step::Cancelled], &Outcome::Cancelled);
        check(&[Step::Cancelled, Step::Received], &Outcome::Cancelled);
        check(&[Step::Refused(RefusalCode::Busy), Step::Received], &Outcome::Received);
        check(&[Step::Failed("amplifier".into()), Step::Played], &Outcome::Played);
        check(&[Step::Preempted(BroadcastId(9))], &Outcome::Preempted(BroadcastId(9)));
    }

    #[test]
    fn silence_is_unreachable_and_half_way_is_expired() {
        let mut silent = Delivery::targeted(UtcMs(0));
        silent.close();
        assert_eq!(silent.outcome, Outcome::Unreachable);
        let mut half = Delivery::targeted(UtcMs(0));
        half.acknowledged(&report(Step::Received), UtcMs(1));
        half.close();
        assert_eq!(half.outcome, Outcome::Expired);
    }

    #[test]
    fn a_late_word_corrects_our_verdict() {
        let mut delivery = Delivery::targeted(UtcMs(0));
        delivery.close();
        delivery.acknowledged(&report(Step::Received), UtcMs(99));
        assert_eq!(delivery.outcome, Outcome::Received);
        delivery.close();
        delivery.acknowledged(&report(Step::Played), UtcMs(100));
        assert_eq!(delivery.outcome, Outcome::Played);
    }

    #[test]
    fn a_repeat_is_no_news() {
        let mut delivery = Delivery::targeted(UtcMs(0));
        assert_eq!(delivery.news(&report(Step::Received)), News::New);
        delivery.acknowledged(&report(Step::Received), UtcMs(5));
        assert_eq!(delivery.news(&report(Step::Received)), News::Repeat);
        assert_eq!(delivery.news(&report(Step::Playing)), News::New);
    }

    #[test]
    fn cancel_ends_only_what_was_never_sent() {
        let mut unsent = Delivery::targeted(UtcMs(0));
        unsent.cancelled_unsent();
        assert_eq!(unsent.outcome, Outcome::Cancelled);
        let mut sent = Delivery::targeted(UtcMs(0));
        sent.sent(UtcMs(1));
        sent.cancelled_unsent();
        assert_eq!(sent.outcome, Outcome::Sent);
        assert!(!sent.is_ended());
    }
}
