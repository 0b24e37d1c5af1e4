//! A clock for terminals without one: the gateway's signed time plus the terminal's own ticks, with
//! a bound on its error.

/// How fast a cheap crystal may run wrong, parts per million.
pub const DRIFT_PPM: i64 = 100;
/// Longest way of a time signal on the line, milliseconds; a part of every error.
pub const SIGNAL_DELAY_MS_MAX: i64 = 2_000;
/// A clock that may be wrong by more than this is no clock, milliseconds.
pub const ERROR_MS_MAX: i64 = 60_000;

/// No time before this is believed, milliseconds since 1970 UTC (2020-01-01): it is what a clock
/// shows that lost its power or counts from boot.
pub const FIRST_MS: i64 = 1_577_836_800_000;

/// Whether `now_ms` is a time at all. A terminal without one never sounds, and judges no validity.
#[must_use]
pub fn is_time(now_ms: i64) -> bool {
    now_ms >= FIRST_MS
}

/// Time by signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    set: Option<(i64, i64)>,
}

impl Clock {
    /// Takes a signed time. `tick_ms` is the terminal's own count since boot. False when it lies
    /// before what this clock shows by more than its error: an old signal, played back.
    pub fn set(&mut self, tick_ms: i64, issued_at_ms: i64) -> bool {
        let early = self
            .now_ms(tick_ms)
            .is_some_and(|(now_ms, error_ms)| issued_at_ms < now_ms.saturating_sub(error_ms));
        if !early {
            self.set = Some((tick_ms, issued_at_ms));
        }
        !early
    }

    /// Time and the bound on its error, both in milliseconds; `None` before the first signal and
    /// when the error has grown past [`ERROR_MS_MAX`].
    #[must_use]
    pub fn now_ms(&self, tick_ms: i64) -> Option<(i64, i64)> {
        let (at_tick_ms, at_ms) = self.set?;
        let gone_ms = tick_ms.saturating_sub(at_tick_ms).max(0);
        let error_ms = SIGNAL_DELAY_MS_MAX
            + gone_ms / 1_000_000 * DRIFT_PPM
            + gone_ms % 1_000_000 * DRIFT_PPM / 1_000_000;
        (error_ms <= ERROR_MS_MAX).then_some((at_ms.saturating_add(gone_ms), error_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_the_signal_and_its_error_grows() {
        let mut clock = Clock::default();
        assert_eq!(clock.now_ms(5), None);
        assert!(clock.set(1_000, 1_800_000_000_000));
        assert_eq!(clock.now_ms(1_000), Some((1_800_000_000_000, 2_000)));
        assert_eq!(clock.now_ms(10_001_000), Some((1_800_010_000_000, 3_000)));
        // 580,000 s at 100 ppm is 58 s: with the signal's own 2 s the limit.
        assert!(clock.now_ms(580_001_000).is_some());
        assert_eq!(clock.now_ms(581_000_000), None);
    }

    #[test]
    fn an_old_signal_is_refused_and_a_correction_is_taken() {
        let mut clock = Clock::default();
        assert!(clock.set(0, 1_000_000));
        assert!(!clock.set(100_000, 1_000_000), "a signal of 100 s ago");
        assert!(clock.set(100_000, 1_098_500), "within the error");
        assert_eq!(clock.now_ms(100_000), Some((1_098_500, 2_000)));
    }
}
