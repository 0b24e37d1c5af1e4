//! What a terminal says about its broadcasts.

use super::{Action, HELD_MAX, State, Terminal, failed, stamp};
use crate::message::{RefusalCode, Report, Step};
use crate::replay::{Phase, Store};
use crate::taken::Taken;
use heapless::Vec;

impl<S: Store> Terminal<S> {
    /// Says (again) how far a broadcast is.
    pub(super) fn tell(&mut self, now_ms: i64, counter: u64) {
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
            // The memory keeps no times, and none are invented.
            Some(step) => self.report_bare(None, now_ms, counter, step),
            None => {}
        }
    }

    /// Ends a held broadcast for good.
    pub(super) fn end(&mut self, now_ms: i64, counter: u64, phase: Phase, step: Step) {
        let Some(place) = self.held.iter().position(|held| held.counter == counter) else { return };
        let held = self.held.swap_remove(place);
        if self.live.as_ref().is_some_and(|live| live.counter == counter) {
            self.live = None;
        }
        if held.state == State::Sounding && phase != Phase::Played {
            self.act(Action::Stop { broadcast: counter });
        }
        // If this can't be written it holds in memory and is tried again. A power cut before then
        // leaves the entry as playing (reported as interrupted) or as accepted (the order would
        // have to come again).
        let counters = self.counters();
        let _written = self.memory.finish(counter, phase, &counters);
        let mut report = self.bare(counter, step);
        report.received_at_ms = held.received_at_ms;
        report.playing_at_ms = held.playing_at_ms;
        report.ended_at_ms = stamp(now_ms);
        report.plays = held.plays;
        report.heard = held.heard;
        report.taken = held.taken();
        self.put(now_ms, report);
    }

    /// Ends a broadcast that is not held.
    pub(super) fn end_unheld(
        &mut self,
        ended_at_ms: Option<i64>,
        now_ms: i64,
        counter: u64,
        phase: Phase,
        step: Step,
    ) {
        let counters = self.counters();
        let _written = self.memory.finish(counter, phase, &counters);
        self.report_bare(ended_at_ms, now_ms, counter, step);
    }

    pub(super) fn report_held(&mut self, now_ms: i64, counter: u64, step: Step) {
        let mut report = self.bare(counter, step);
        if let Some(held) = self.held.iter().find(|held| held.counter == counter) {
            report.received_at_ms = held.received_at_ms;
            report.playing_at_ms = held.playing_at_ms;
            report.plays = held.plays;
            report.heard = held.heard;
            report.taken = held.taken();
        }
        self.put(now_ms, report);
    }

    /// Refuses an order. A waiting report of the same broadcast is not lost by it: it follows with
    /// a higher number, so that a receipt for the refusal can't drop it.
    pub(super) fn refuse(&mut self, now_ms: i64, counter: u64, code: RefusalCode) {
        let step = Step::Refused(code);
        match self.reports.of(counter).cloned() {
            Some(waiting) if waiting.step == step => self.act(Action::Send(waiting)),
            Some(mut waiting) => {
                let refusal = self.bare(counter, step);
                self.act(Action::Send(refusal));
                self.sequence = self.sequence.wrapping_add(1);
                waiting.sequence = self.sequence;
                self.put(now_ms, waiting);
            }
            None => self.report_bare(stamp(now_ms), now_ms, counter, step),
        }
    }

    pub(super) fn report_bare(
        &mut self,
        ended_at_ms: Option<i64>,
        now_ms: i64,
        counter: u64,
        step: Step,
    ) {
        let mut report = self.bare(counter, step);
        if report.step.is_end() {
            report.ended_at_ms = ended_at_ms;
        }
        self.put(now_ms, report);
    }

    /// Counters of what is held.
    pub(super) fn counters(&self) -> Vec<u64, HELD_MAX> {
        self.held.iter().map(|held| held.counter).collect()
    }

    pub(super) fn bare(&mut self, broadcast: u64, step: Step) -> Report {
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
            taken: Taken::default(),
        }
    }

    pub(super) fn put(&mut self, now_ms: i64, report: Report) {
        // "Unknown" only answers a question; the gateway records nothing, so no receipt comes.
        if report.step != Step::Unknown {
            self.reports.put(now_ms, report.clone());
        }
        self.act(Action::Send(report));
    }

    pub(super) fn act(&mut self, action: Action) {
        // A report makes room when the caller did not drain: reports come again, a stop does not.
        if self.actions.is_full() && !matches!(action, Action::Send(_)) {
            let mut dropped = false;
            for _ in 0..self.actions.len() {
                let Some(old) = self.actions.pop_front() else { break };
                if !dropped && matches!(old, Action::Send(_)) {
                    dropped = true;
                    continue;
                }
                // One was taken out just now.
                let _fits = self.actions.push_back(old);
            }
        }
        let _full = self.actions.push_back(action);
    }
}
