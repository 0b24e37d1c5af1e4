//! The past of one sensor, as far as its rules look back: a bounded window of samples in order of
//! time.

use crate::model::{Quantity, Sample, Sensor, UtcMs, WindowChange, WindowKept};
use std::collections::VecDeque;

/// Samples of one sensor: a day of one a minute, and some.
pub(super) const SAMPLES_MAX: usize = 1_600;
/// A level that differs so much from the one before, metres, must be said twice.
const JUMP_M: f64 = 5.0;
/// The second may differ from the first so much, metres.
const CONFIRM_M: f64 = 1.0;
/// Between samples further apart than this a jump is no wonder, seconds.
const JUMP_S_MAX: i64 = 3_600;
/// More rain than this between two readings of a counter is a fault of the counter, mm per hour; the
/// greatest rain ever measured within an hour is about 400.
const RAIN_MM_PER_H_MAX: f64 = 450.0;
/// Counters are read at least this far apart for that, seconds.
const RAIN_STEP_S_MIN: i64 = 600;

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It is in the window.
    Kept,
    /// It was there already, with the same value.
    Known,
    /// It is older than the window.
    TooOld,
    /// It jumped: it waits for a second that says the same.
    Suspect,
}

/// The window of one sensor.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Series {
    samples: VecDeque<Sample>,
    suspect: Option<Sample>,
}

impl Series {
    /// As it was before a restart.
    pub(super) fn restored(kept: WindowKept) -> Self {
        Self { samples: kept.samples.into(), suspect: kept.suspect }
    }

    /// What the last `put` changed; `put` is the sample when it was kept.
    pub(super) fn change(&self, sensor: Sensor, put: Option<Sample>) -> WindowChange {
        let oldest = self.samples.front().or(put.as_ref());
        let oldest_at = oldest.map_or(UtcMs(i64::MIN), |oldest| oldest.at);
        WindowChange { sensor, put, oldest_at, suspect: self.suspect }
    }

    /// Takes a sample; what is older than `window_s` before the newest goes.
    pub(super) fn put(&mut self, quantity: Quantity, sample: Sample, window_s: u32) -> Put {
        let oldest = |newest: UtcMs| newest.plus_s(-i64::from(window_s));
        if let Some(newest) = self.newest()
            && sample.at < oldest(newest.at)
        {
            return Put::TooOld;
        }
        let at = self.samples.partition_point(|known| known.at < sample.at);
        if let Some(known) = self.samples.get_mut(at).filter(|known| known.at == sample.at) {
            let same = known.value.to_bits() == sample.value.to_bits();
            known.value = sample.value;
            return if same { Put::Known } else { Put::Kept };
        }
        if self.jumps(quantity, sample) {
            self.suspect = Some(sample);
            return Put::Suspect;
        }
        self.suspect = None;
        self.samples.insert(at, sample);
        let newest = self.newest().map_or(sample.at, |newest| newest.at);
        // One sample at or before the beginning stays: a change within the window begins there.
        while self.samples.get(1).is_some_and(|second| second.at <= oldest(newest)) {
            self.samples.pop_front();
        }
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
        Put::Kept
    }

    /// Whether a level leaps away from the one before, for the first time.
    fn jumps(&self, quantity: Quantity, sample: Sample) -> bool {
        let Some(newest) = self.newest() else { return false };
        let near = sample.at.since_ms(newest.at).abs() <= JUMP_S_MAX * 1000;
        let leaps = (sample.value - newest.value).abs() > JUMP_M;
        let said =
            self.suspect.is_some_and(|first| (first.value - sample.value).abs() <= CONFIRM_M);
        matches!(quantity, Quantity::Stage | Quantity::MudLevel) && near && leaps && !said
    }

    pub(super) fn newest(&self) -> Option<Sample> {
        self.samples.back().copied()
    }

    /// Samples after `from` until `until`, both included at their ends as said.
    pub(super) fn within(
        &self,
        from: UtcMs,
        until: UtcMs,
    ) -> impl DoubleEndedIterator<Item = Sample> {
        self.samples.iter().copied().filter(move |sample| sample.at >= from && sample.at <= until)
    }

    /// The last sample at or before a time.
    fn before(&self, at: UtcMs) -> Option<Sample> {
        self.samples.iter().rev().find(|sample| sample.at <= at).copied()
    }

    /// Whether the window from `from` on is covered by what is known.
    pub(super) fn reaches(&self, from: UtcMs) -> bool {
        self.samples.front().is_some_and(|first| first.at <= from)
    }

    /// What a rain counter rose from `from` until `until`, millimetres. A counter that was reset, or
    /// that leaps further than it can rain, adds nothing for that step.
    pub(super) fn risen(&self, from: UtcMs, until: UtcMs) -> Option<f64> {
        let mut last = self.before(from);
        let mut sum = None;
        for sample in self.within(from.plus_ms(1), until) {
            if let Some(last) = last {
                let step_s = (sample.at.since_ms(last.at) / 1000).max(RAIN_STEP_S_MIN);
                let hours = f64::from(i32::try_from(step_s).unwrap_or(i32::MAX)) / 3_600.0;
                let more = sample.value - last.value;
                let possible = (0.0..=RAIN_MM_PER_H_MAX * hours).contains(&more);
                sum = Some(sum.unwrap_or(0.0) + if possible { more } else { 0.0 });
            }
            last = Some(sample);
        }
        sum
    }

    /// The sum of intervals of `minutes` that end within the window and do not overlap,
    /// millimetres; and whether they cover it.
    pub(super) fn summed(&self, minutes: u16, from: UtcMs, until: UtcMs) -> Option<(f64, bool)> {
        let length_s = i64::from(minutes) * 60;
        let mut free = None;
        let mut sum = 0.0;
        for sample in self.within(from.plus_ms(1), until).rev() {
            let begins = sample.at.plus_s(-length_s);
            if begins >= from && free.is_none_or(|free| sample.at <= free) {
                sum += sample.value;
                free = Some(begins);
            }
        }
        free.map(|begins| (sum, begins.plus_s(-length_s) < from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_S: u32 = 3_600;

    fn series(quantity: Quantity, samples: &[(i64, f64)]) -> Series {
        let mut series = Series::default();
        for (minute, value) in samples {
            series.put(quantity, Sample { at: UtcMs(minute * 60_000), value: *value }, HOUR_S);
        }
        series
    }

    fn check_risen(samples: &[(i64, f64)], expect: Option<f64>) {
        let found = series(Quantity::RainTotal, samples).risen(UtcMs(0), UtcMs(60 * 60_000));
        assert_eq!(found.map(|mm| (mm * 10.0).round()), expect.map(|mm| mm * 10.0), "{samples:?}");
    }

    #[test]
    fn a_counter_rises_is_reset_and_fails() {
        check_risen(&[(0, 100.0)], None);
        check_risen(&[(0, 100.0), (30, 110.0), (60, 130.0)], Some(30.0));
        check_risen(&[(10, 100.0), (30, 110.0)], Some(10.0));
        check_risen(&[(0, 100.0), (20, 1.0), (40, 6.0)], Some(5.0));
        // Down and up again by a fault: nobody is told of 1,230 mm.
        check_risen(&[(0, 1_230.0), (5, 0.0), (10, 1_232.0), (15, 1_233.0)], Some(1.0));
    }

    fn check_summed(minutes: u16, samples: &[(i64, f64)], expect: Option<(f64, bool)>) {
        let quantity = Quantity::Rain { minutes };
        let found = series(quantity, samples).summed(minutes, UtcMs(0), UtcMs(60 * 60_000));
        assert_eq!(found, expect, "{samples:?}");
    }

    #[test]
    fn intervals_are_summed_once() {
        check_summed(5, &[], None);
        check_summed(30, &[(30, 5.0), (60, 7.0)], Some((12.0, true)));
        check_summed(30, &[(60, 7.0)], Some((7.0, false)));
        // Overlapping reports of the last half hour, each ten minutes: the newest counts first.
        check_summed(30, &[(30, 5.0), (40, 6.0), (50, 7.0), (60, 8.0)], Some((13.0, true)));
        // It began before the window.
        check_summed(60, &[(30, 50.0)], None);
    }

    #[test]
    fn a_leap_of_the_level_must_be_said_twice() {
        let mut level = series(Quantity::Stage, &[(0, 30.0), (5, 30.1)]);
        let mut put = |minute: i64, value| {
            level.put(Quantity::Stage, Sample { at: UtcMs(minute * 60_000), value }, HOUR_S)
        };
        assert_eq!(put(10, 0.0), Put::Suspect);
        assert_eq!(put(15, 30.2), Put::Kept);
        assert_eq!(put(20, 38.0), Put::Suspect);
        assert_eq!(put(25, 38.4), Put::Kept);
        assert_eq!(put(25, 38.4), Put::Known);
        assert_eq!(put(-120, 20.0), Put::TooOld);
    }

    #[test]
    fn the_window_is_bounded() {
        let mut series = Series::default();
        for second in 0..10_000 {
            let sample = Sample { at: UtcMs(second * 1000), value: 1.0 };
            series.put(Quantity::Flow, sample, 86_400);
        }
        assert_eq!(series.samples.len(), SAMPLES_MAX);
    }
}
