//! What people see of the serial lines of stations, and of the questions that are put (mode M4). Nothing is
//! decided by it; it begins anew with the gateway.

use crate::config::StationLine;
use crate::model::{Reading, ReadingReport, StationId, UtcMs};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Values of an answer that are kept to be shown; the rest is in the windows of the station.
const VALUES_MAX: usize = 8;
/// An answer in several packets is whole within this time, milliseconds.
const WHOLE_MS_MAX: i64 = 60_000;

/// How a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineState {
    /// Not opened yet.
    Waiting,
    /// Its port is open.
    Open,
    /// It is not, and is tried again.
    Down(String),
}

/// A serial line of stations, since the start of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSeen {
    /// Its port, such as `/dev/ttyUSB0`.
    pub port: String,
    /// Bits a second.
    pub baud: u32,
    /// Stations on it that are asked for their values.
    pub asked: Vec<StationId>,
    /// How it is.
    pub state: LineState,
    /// Since when; `None` = it was not tried yet.
    pub since: Option<UtcMs>,
    /// Telegrams that were taken.
    pub n_taken: u64,
    /// Telegrams and stretches of noise that could not be read.
    pub n_wrong: u64,
    /// The last telegram.
    pub heard_at: Option<UtcMs>,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionEnd {
    /// The answer may still come, until then.
    Waiting(UtcMs),
    /// It came.
    Answered(UtcMs),
    /// It did not, after every try.
    Silent(UtcMs),
}

/// The newest question to a station.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Whom.
    pub station: StationId,
    /// The port, or the address it is connected from.
    pub via: String,
    /// When it was put first.
    pub at: UtcMs,
    /// How often it was put.
    pub tries: u32,
    /// What became of it.
    pub end: QuestionEnd,
    /// What the answer says, the first of its values.
    pub values: Vec<Reading>,
    /// Questions to this station since the start, and those without an answer.
    pub n_asked: u64,
    /// See `n_asked`.
    pub n_silent: u64,
}

/// What happened with the questions of a connection or line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// One was put, for the n-th time; its answer may come until then.
    Put(StationId, u32, UtcMs),
    /// Its answer came.
    Answered(StationId),
    /// No answer came.
    Silent(StationId),
}

#[derive(Debug, Default)]
struct Seen {
    lines: BTreeMap<String, LineSeen>,
    /// One a station: no more than the configuration has.
    questions: BTreeMap<StationId, Question>,
}

/// Lines and questions as they are now.
#[derive(Debug, Default)]
pub struct TelemetryWatch(Mutex<Seen>);

impl TelemetryWatch {
    /// With the lines of the configuration.
    pub(in crate::daemon) fn of(lines: &[StationLine]) -> Self {
        let seen = |line: &StationLine| LineSeen {
            port: line.port.clone(),
            baud: line.baud,
            asked: line.asked.clone(),
            state: LineState::Waiting,
            since: None,
            n_taken: 0,
            n_wrong: 0,
            heard_at: None,
        };
        let lines = lines.iter().map(|line| (line.port.clone(), seen(line))).collect();
        Self(Mutex::new(Seen { lines, ..Seen::default() }))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines, by port.
    #[must_use]
    pub fn lines(&self) -> Vec<LineSeen> {
        self.seen().lines.values().cloned().collect()
    }

    /// The newest question to each station, the newest of all first, at most `max`; and how many there are.
    #[must_use]
    pub fn questions(&self, max: usize) -> (Vec<Question>, usize) {
        let seen = self.seen();
        let mut all: Vec<&Question> = seen.questions.values().collect();
        let n_all = all.len();
        all.sort_by_key(|question| std::cmp::Reverse(question.at));
        (all.into_iter().take(max).cloned().collect(), n_all)
    }

    /// A port was opened, or was not, or is lost.
    pub(super) fn line(&self, port: &str, state: LineState, now: UtcMs) {
        if let Some(line) = self.seen().lines.get_mut(port)
            && line.state != state
        {
            (line.state, line.since) = (state, Some(now));
        }
    }

    /// A telegram came, or something that is none. Of connections nothing is kept.
    pub(super) fn heard(&self, by: &str, good: bool, now: UtcMs) {
        if let Some(line) = self.seen().lines.get_mut(by) {
            if good {
                line.n_taken += 1;
                line.heard_at = Some(now);
            } else {
                line.n_wrong += 1;
            }
        }
    }

    /// Something happened with a question.
    pub(super) fn note(&self, by: &str, news: News, now: UtcMs) {
        let mut seen = self.seen();
        match news {
            News::Put(station, tries, until) => {
                let fresh = Question {
                    station: station.clone(),
                    via: String::new(),
                    at: now,
                    tries: 0,
                    end: QuestionEnd::Waiting(until),
                    values: Vec::new(),
                    n_asked: 0,
                    n_silent: 0,
                };
                let question = seen.questions.entry(station).or_insert(fresh);
                if tries == 1 {
                    question.at = now;
                    question.n_asked += 1;
                    question.values.clear();
                }
                by.clone_into(&mut question.via);
                (question.tries, question.end) = (tries, QuestionEnd::Waiting(until));
            }
            News::Answered(station) => {
                if let Some(question) = seen.questions.get_mut(&station) {
                    question.end = QuestionEnd::Answered(now);
                }
            }
            News::Silent(station) => {
                if let Some(question) = seen.questions.get_mut(&station) {
                    question.end = QuestionEnd::Silent(now);
                    question.n_silent += 1;
                }
            }
        }
    }

    /// What a telegram says, when it is the answer to a question.
    pub(super) fn said(&self, report: &ReadingReport) {
        let mut seen = self.seen();
        let Some(question) = seen.questions.get_mut(&report.station) else { return };
        if let QuestionEnd::Answered(at) = question.end
            && question.values.is_empty()
            && report.received_at.since_ms(at) <= WHOLE_MS_MAX
        {
            question.values = report.readings.iter().take(VALUES_MAX).cloned().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StationId {
        StationId::parse(text).unwrap()
    }

    fn line(port: &str) -> StationLine {
        StationLine { port: port.into(), baud: 9_600, asked: vec![id("61234567")], line: None }
    }

    #[test]
    fn a_line_tells_how_it_is_and_what_came() {
        let watch = TelemetryWatch::of(&[line("/dev/ttyS1")]);
        assert_eq!(watch.lines()[0].state, LineState::Waiting);
        let down = LineState::Down("no such port".into());
        watch.line("/dev/ttyS1", down.clone(), UtcMs(1));
        // Tried in vain again: it is down since the first time.
        watch.line("/dev/ttyS1", down.clone(), UtcMs(2));
        assert_eq!(
            (watch.lines()[0].state.clone(), watch.lines()[0].since),
            (down, Some(UtcMs(1)))
        );
        watch.line("/dev/ttyS1", LineState::Open, UtcMs(3));
        watch.heard("/dev/ttyS1", true, UtcMs(4));
        watch.heard("/dev/ttyS1", false, UtcMs(5));
        watch.heard("10.0.0.9", true, UtcMs(6));
        let lines = watch.lines();
        assert_eq!(lines.len(), 1, "of connections nothing is kept");
        let told = (lines[0].n_taken, lines[0].n_wrong, lines[0].heard_at, lines[0].since);
        assert_eq!(told, (1, 1, Some(UtcMs(4)), Some(UtcMs(3))));
    }

    #[test]
    fn the_newest_question_of_each_station_is_kept() {
        let watch = TelemetryWatch::default();
        let put = |name: &str, tries, at| {
            watch.note("/dev/ttyS1", News::Put(id(name), tries, UtcMs(at + 10)), UtcMs(at));
        };
        put("61234567", 1, 100);
        put("61234567", 2, 110);
        put("61234568", 1, 105);
        watch.note("/dev/ttyS1", News::Silent(id("61234567")), UtcMs(120));
        let (all, n) = watch.questions(1);
        assert_eq!((all.len(), n), (1, 2));
        assert_eq!(all[0].station, id("61234568"), "the newest is first");
        let (all, _) = watch.questions(9);
        let old = &all[1];
        assert_eq!((old.at, old.tries, old.n_asked, old.n_silent), (UtcMs(100), 2, 1, 1));
        assert_eq!(old.end, QuestionEnd::Silent(UtcMs(120)));
        put("61234567", 1, 200);
        watch.note("10.0.0.9", News::Answered(id("61234567")), UtcMs(205));
        let (all, _) = watch.questions(1);
        assert_eq!((all[0].end, all[0].n_asked), (QuestionEnd::Answered(UtcMs(205)), 2));
        let report = |at| ReadingReport {
            station: id("61234567"),
            reported_at: None,
            received_at: UtcMs(at),
            readings: vec![Reading {
                station: id("61234567"),
                point: "Z".into(),
                quantity: crate::model::Quantity::Stage,
                value: f64::from(i32::try_from(at).unwrap()),
                observed_at: UtcMs(at),
                quality: crate::model::Quality::Good,
            }],
            alarms: Some(Vec::new()),
        };
        watch.said(&report(205));
        // What it reports by itself later is no answer.
        watch.said(&report(206));
        let (all, _) = watch.questions(1);
        assert_eq!(all[0].values.iter().map(|one| one.observed_at.0).collect::<Vec<_>>(), [205]);
    }
}
