//! When to try again towards the upper platform: pure. Who does not answer is asked again after a wait that
//! doubles. What alone is refused an answer again and again steps aside, so that the rest is told meanwhile.

use crate::model::UtcMs;
use std::collections::BTreeMap;

/// Wait after a failed post, seconds; it doubles from failure to failure.
const RETRY_S_MIN: i64 = 1;
/// Longest wait between two tries, seconds.
const RETRY_S_MAX: i64 = 60;
/// Failures in a row after which people are told.
pub(super) const SILENT_AFTER: u32 = 3;
/// Tries in vain after which something on record steps aside.
const ASIDE_AFTER: u32 = 3;

/// Counts failures, and knows when the next try is.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Failures in a row.
    pub(super) n_failed: u32,
    /// Nothing is posted before this.
    pub(super) next_at: UtcMs,
    /// What stands on record and was posted in vain; it goes when it is taken or dropped.
    vain: BTreeMap<u64, Vain>,
}

#[derive(Debug, Default)]
struct Vain {
    /// Ever, and since the upper platform was last silent.
    n_tries: u32,
    n_now: u32,
    again_at: UtcMs,
}

/// The wait after the `n`th failure in a row, seconds.
fn wait_s(n: u32) -> i64 {
    (RETRY_S_MIN << n.saturating_sub(1).min(6)).min(RETRY_S_MAX)
}

impl Patience {
    /// A post failed; gives the wait in seconds.
    pub(super) fn failed(&mut self, now: UtcMs) -> i64 {
        self.n_failed = self.n_failed.saturating_add(1);
        let wait_s = wait_s(self.n_failed);
        self.next_at = now.plus_s(wait_s);
        wait_s
    }

    /// A receipt came; whether it is the first after people were told of the silence. Then nothing that
    /// was told in vain meanwhile is to blame, and all is told in its order.
    pub(super) fn answered(&mut self) -> bool {
        let was_silent = self.n_failed >= SILENT_AFTER;
        self.n_failed = 0;
        if was_silent {
            let of_old = self.vain.values_mut();
            of_old.for_each(|vain| (vain.n_now, vain.again_at) = (0, UtcMs::default()));
        }
        was_silent
    }

    /// The last failure was of something that stepped aside, and is no silence.
    pub(super) fn forgive(&mut self) {
        (self.n_failed, self.next_at) = (0, UtcMs::default());
    }

    /// Something on record was posted in vain. Gives how often so far, of which `before` stand on record.
    pub(super) fn in_vain(&mut self, sequence: u64, before: u32, now: UtcMs) -> u32 {
        let vain = self.vain.entry(sequence).or_default();
        vain.n_tries = vain.n_tries.max(before).saturating_add(1);
        vain.n_now = vain.n_now.saturating_add(1);
        vain.again_at = now.plus_s(wait_s(vain.n_now));
        vain.n_tries
    }

    /// Whether something on record lets the rest go first.
    pub(super) fn is_aside(&self, sequence: u64) -> bool {
        self.vain.get(&sequence).is_some_and(|vain| vain.n_now >= ASIDE_AFTER)
    }

    /// Whether it may be posted now, though it stepped aside.
    pub(super) fn is_due(&self, sequence: u64, now: UtcMs) -> bool {
        self.vain.get(&sequence).is_none_or(|vain| vain.again_at <= now)
    }

    /// It was taken: the other side is well, and whatever stepped aside may come at once.
    pub(super) fn taken(&mut self, sequence: u64) {
        self.vain.remove(&sequence);
        self.vain.values_mut().for_each(|vain| vain.again_at = UtcMs::default());
    }

    /// Forgets what waits no more.
    pub(super) fn keep(&mut self, waiting: impl Fn(u64) -> bool) {
        self.vain.retain(|sequence, _| waiting(*sequence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMs = UtcMs(1_000_000);

    #[test]
    fn waits_double_up_to_a_minute_and_an_answer_ends_them() {
        let mut patience = Patience::default();
        let waits: Vec<i64> = (0..9).map(|_| patience.failed(NOW)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(patience.next_at, NOW.plus_s(60));
        assert!(patience.answered(), "after a silence");
        assert_eq!(patience.failed(NOW), 1);
        assert!(!patience.answered(), "one failure is no silence");
    }

    #[test]
    fn what_alone_is_in_vain_steps_aside_and_comes_back() {
        let mut patience = Patience::default();
        for (expect, aside) in [(1, false), (2, false), (3, true)] {
            assert_eq!(patience.in_vain(8, 0, NOW), expect);
            assert_eq!(patience.is_aside(8), aside);
        }
        assert!(!patience.is_due(8, NOW) && patience.is_due(8, NOW.plus_s(4)));
        patience.taken(9);
        assert!(patience.is_due(8, NOW) && patience.is_aside(8));
        assert_eq!(patience.in_vain(5, 64, NOW), 65, "counting goes on after a restart");
        for _ in 0..SILENT_AFTER {
            patience.failed(NOW);
        }
        assert!(patience.answered());
        assert!(!patience.is_aside(8), "it was the silence");
        assert_eq!(patience.in_vain(8, 0, NOW), 4);
        patience.keep(|sequence| sequence == 5);
        assert_eq!(patience.in_vain(8, 0, NOW), 1, "forgotten");
        patience.forgive();
        assert!(!patience.answered());
    }
}
