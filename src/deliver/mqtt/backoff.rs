//! How long to wait before the next try to connect: pure.

use std::time::Duration;

/// First and longest wait after a broken connection, milliseconds.
const WAIT_MS: (u64, u64) = (1_000, 30_000);
/// Wait after the broker refused us, milliseconds: only a person can change that.
const REFUSED_WAIT_MS: u64 = 60_000;

/// Doubling waits with jitter.
#[derive(Debug)]
pub(super) struct BackOff {
    next_ms: u64,
}

impl Default for BackOff {
    fn default() -> Self {
        Self { next_ms: WAIT_MS.0 }
    }
}

impl BackOff {
    /// The next wait. `steady` = the connection had held for a while, so counting starts anew; a
    /// connection that breaks at once, as when two gateways share one client id, does not earn that.
    /// `random` spreads gateways: the wait is between half and all of its turn.
    pub(super) fn wait(&mut self, refused: bool, steady: bool, random: u32) -> Duration {
        if steady {
            self.next_ms = WAIT_MS.0;
        }
        let full_ms = if refused { REFUSED_WAIT_MS } else { self.next_ms };
        self.next_ms = (self.next_ms * 2).min(WAIT_MS.1);
        let jitter_ms = full_ms / 2 * u64::from(random) / u64::from(u32::MAX);
        Duration::from_millis(full_ms - jitter_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tries: &[(bool, bool, u32)], last_ms: u128) {
        let mut back_off = BackOff::default();
        let mut wait = Duration::ZERO;
        for (refused, steady, random) in tries {
            wait = back_off.wait(*refused, *steady, *random);
        }
        assert_eq!(wait.as_millis(), last_ms, "{tries:?}");
    }

    #[test]
    fn waits_double_with_jitter_and_start_anew_only_after_a_steady_time() {
        check(&[(false, false, 0)], 1_000);
        check(&[(false, false, u32::MAX)], 500);
        check(&[(false, false, 0); 2], 2_000);
        check(&[(false, false, 0); 20], 30_000);
        check(&[(false, false, 0), (false, false, 0), (false, true, 0)], 1_000);
        check(&[(true, false, 0)], 60_000);
        check(&[(true, false, u32::MAX)], 30_000);
    }
}
