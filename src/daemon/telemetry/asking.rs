//! Mode M4: which station is asked for its values, and when. Pure; one question is under way on a line
//! at a time. Whoever reports by himself is not asked, and whoever does not answer is asked less.

use super::seen::News;
use crate::ingest::sl651::{self, Called, Frame};
use crate::model::{StationId, UtcMs};
use std::collections::{BTreeMap, BTreeSet};

/// How long an answer may take, milliseconds: the station may have to measure first.
const ANSWER_MS_MAX: i64 = 10_000;
/// Times that one question is put; the standard repeats twice.
const TRIES_MAX: u32 = 3;
/// Longest rest of a station that does not answer, milliseconds.
const REST_MS_MAX: i64 = 3_600_000;
/// Shortest time between the end of one question and the next, milliseconds.
const GAP_MS: i64 = 200;
/// Longest time until the next look, milliseconds.
const LOOK_MS_MAX: i64 = 60_000;

/// The questions of one connection or line.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Asking {
    every_ms: i64,
    /// Who may be asked.
    asked: BTreeSet<StationId>,
    /// Who can be: how they are called.
    callable: BTreeMap<[u8; 5], Callable>,
    open: Option<Open>,
    rest_until: UtcMs,
    serial: u16,
    /// What happened since it was last taken.
    news: Vec<News>,
}

#[derive(Debug, Clone)]
struct Callable {
    called: Called,
    due_at: UtcMs,
    n_silent: u32,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    station: [u8; 5],
    tries: u32,
    until: UtcMs,
}

impl Asking {
    /// Questions to these stations, once they were heard.
    pub(in crate::daemon) fn new(
        every_min: u32,
        asked: impl IntoIterator<Item = StationId>,
    ) -> Self {
        let every_ms = i64::from(every_min) * 60_000;
        Self { every_ms, asked: asked.into_iter().collect(), ..Self::default() }
    }

    /// The same for stations that are on this line, heard or not.
    pub(in crate::daemon) fn with(mut self, called: impl IntoIterator<Item = Called>) -> Self {
        for called in called {
            let due_at = UtcMs(0);
            self.callable.insert(called.station, Callable { called, due_at, n_silent: 0 });
        }
        self
    }

    /// A telegram came. `true` = it is an answer to a question, now or late, and is not confirmed: the
    /// exchange ends with it, and a station must not take a confirm for the next question.
    pub(super) fn heard(&mut self, now: UtcMs, frame: &Frame) -> bool {
        let id = StationId::parse(&frame.address()).filter(|id| self.asked.contains(id));
        let Some(id) = id else { return false };
        let called = Called::of(frame);
        let fresh = Callable { called, due_at: now, n_silent: 0 };
        let callable = self.callable.entry(frame.station).or_insert(fresh);
        callable.called = called;
        if frame.function == sl651::KEEP_ALIVE {
            return false;
        }
        callable.n_silent = 0;
        callable.due_at = now.plus_ms(self.every_ms);
        if self.open.is_some_and(|open| open.station == frame.station) {
            self.open = None;
            self.rest_until = now.plus_ms(GAP_MS);
            self.news.push(News::Answered(id));
        }
        frame.function == sl651::QUERY
    }

    /// The question to put now, if it is time for one.
    pub(super) fn next(&mut self, now: UtcMs) -> Option<Vec<u8>> {
        if let Some(open) = &mut self.open {
            if now < open.until {
                return None;
            }
            let callable = self.callable.get_mut(&open.station)?;
            if open.tries < TRIES_MAX {
                open.tries += 1;
                open.until = now.plus_ms(ANSWER_MS_MAX);
                let id = StationId::parse(&callable.called.address());
                self.news.extend(id.map(|id| News::Put(id, open.tries, open.until)));
                return Some(sl651::query(&callable.called, self.serial, now));
            }
            callable.n_silent += 1;
            let rest_ms = self.every_ms.saturating_mul(1 << callable.n_silent.min(10));
            callable.due_at = now.plus_ms(rest_ms.min(REST_MS_MAX.max(self.every_ms)));
            tracing::warn!(
                station = callable.called.address(),
                n_silent = callable.n_silent,
                "a station does not answer; it is asked again later"
            );
            self.news.extend(StationId::parse(&callable.called.address()).map(News::Silent));
            self.open = None;
            self.rest_until = now.plus_ms(GAP_MS);
        }
        if now < self.rest_until {
            return None;
        }
        let due = self.callable.values().filter(|callable| callable.due_at <= now);
        let called = due.min_by_key(|callable| callable.due_at)?.called;
        self.serial = if self.serial == u16::MAX { 1 } else { self.serial + 1 };
        let until = now.plus_ms(ANSWER_MS_MAX);
        self.news.extend(StationId::parse(&called.address()).map(|id| News::Put(id, 1, until)));
        self.open = Some(Open { station: called.station, tries: 1, until });
        Some(sl651::query(&called, self.serial, now))
    }

    /// What happened since it was last asked for, in its order.
    pub(super) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Milliseconds until [`Asking::next`] may have something.
    pub(super) fn wait_ms(&self, now: UtcMs) -> u64 {
        let due = self.callable.values().map(|callable| callable.due_at).min();
        let next = match self.open {
            Some(open) => Some(open.until),
            None => due.map(|due| due.max(self.rest_until)),
        };
        let wait_ms = next.map_or(LOOK_MS_MAX, |next| next.since_ms(now).clamp(1, LOOK_MS_MAX));
        u64::try_from(wait_ms).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::sl651::frame;

    fn at(s: i64) -> UtcMs {
        UtcMs(1_780_272_000_000).plus_s(s)
    }

    fn id(text: &str) -> StationId {
        StationId::parse(text).unwrap()
    }

    /// A telegram of a station, by its address and function.
    fn telegram(address: &str, function: &str) -> Frame {
        let hex =
            format!("7E7E01{address}1234{function}00080200012606010800000 3").replace(' ', "");
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let mut bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let check = crc::Crc::<u16>::new(&crc::CRC_16_MODBUS).checksum(&bytes);
        bytes.extend(check.to_be_bytes());
        frame(&bytes).unwrap()
    }

    /// Which station is asked, with which serial number.
    fn asked(asking: &mut Asking, now: UtcMs) -> Option<(String, u16)> {
        let frame = frame(&asking.next(now)?).expect("our own question is a telegram");
        assert!((frame.upward, frame.function, frame.end) == (false, 0x37, 0x05));
        Some((frame.address(), u16::from_be_bytes([frame.body[0], frame.body[1]])))
    }

    fn one(address: &str, serial: u16) -> Option<(String, u16)> {
        Some((address.to_owned(), serial))
    }

    #[test]
    fn one_question_at_a_time_and_the_answer_ends_it() {
        let mut asking = Asking::new(10, [id("61234567"), id("61234568")]);
        assert_eq!(asked(&mut asking, at(0)), None, "nobody was heard");
        assert!(!asking.heard(at(0), &telegram("0099999999", "2F")), "not one of ours");
        assert_eq!(asked(&mut asking, at(0)), None);
        assert!(!asking.heard(at(0), &telegram("0061234567", "2F")));
        assert!(!asking.heard(at(1), &telegram("0061234568", "2F")));
        assert_eq!(asked(&mut asking, at(1)), one("0061234567", 1));
        assert_eq!(asked(&mut asking, at(2)), None, "one is under way");
        assert!(asking.heard(at(3), &telegram("0061234567", "37")));
        assert!(asking.heard(at(3), &telegram("0061234567", "37")), "late, and not confirmed");
        assert_eq!(asked(&mut asking, at(3)), None, "the line rests");
        assert_eq!(asked(&mut asking, at(4)), one("0061234568", 2));
        // It reports by itself instead: that is confirmed, and answers too.
        assert!(!asking.heard(at(5), &telegram("0061234568", "33")));
        assert_eq!(asked(&mut asking, at(600)), None);
        assert_eq!(asked(&mut asking, at(603)), one("0061234567", 3));
    }

    #[test]
    fn who_is_silent_is_asked_thrice_and_then_less() {
        let mut asking = Asking::new(10, [id("61234567")]);
        asking.heard(at(0), &telegram("0061234567", "2F"));
        let mut questions = Vec::new();
        for s in 0..36_000 {
            if let Some((_, serial)) = asked(&mut asking, at(s)) {
                questions.push((s, serial));
            }
        }
        let first: Vec<(i64, u16)> = questions.iter().copied().take(6).collect();
        assert_eq!(first, [(0, 1), (10, 1), (20, 1), (1_230, 2), (1_240, 2), (1_250, 2)]);
        assert!(questions.len() <= 3 * 12, "{questions:?}");
        // Heard again, it is asked as before.
        asking.heard(at(36_000), &telegram("0061234567", "34"));
        asking.open = None;
        assert_eq!(
            asked(&mut asking, at(36_601)).map(|(address, _)| address),
            Some("0061234567".into())
        );
    }

    #[test]
    fn stations_of_a_line_are_asked_before_they_are_heard() {
        let called = Called::new(&id("61234567"), 1, 0xABCD).unwrap();
        let mut asking = Asking::new(10, [id("61234567")]).with([called]);
        assert_eq!(asking.wait_ms(at(0)), 1);
        assert_eq!(asked(&mut asking, at(0)), one("0061234567", 1));
        assert_eq!(asking.wait_ms(at(4)), 6_000);
        assert!(Called::new(&id("GEO-1"), 1, 0).is_none());
        assert_eq!(Called::new(&id("43062100A1"), 1, 0).unwrap().station, [0x43, 6, 0x21, 0, 0xA1]);
    }
}
