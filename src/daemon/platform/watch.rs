//! How the exchange is right now, for people: what stands on no record, because it is said again and again
//! (heartbeats, what there is, how it is), and when the next try is.

use crate::config::PlatformSettings;
use crate::model::{EbdKind, ResultCode, UtcMs};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Posts that are kept to be seen; the oldest go.
const SAID_KEPT_MAX: usize = 100;

/// What passed by now and what is next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlatformStatus {
    /// Posts in vain, in a row.
    pub n_failed: u32,
    /// Why the last of them.
    pub why: String,
    /// Nothing is posted before this.
    pub next_at: UtcMs,
    /// When the upper platform last answered.
    pub answered_at: Option<UtcMs>,
    /// When its last heartbeat came.
    pub heartbeat_at: Option<UtcMs>,
    /// Posts that stand on no record, oldest first.
    pub said: VecDeque<SaidNow>,
}

/// A post that stands on no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidNow {
    /// When.
    pub at: UtcMs,
    /// What.
    pub kind: EbdKind,
    /// How many records, for reports of them.
    pub n_records: Option<usize>,
    /// What was answered, or why nothing was.
    pub answer: Result<(ResultCode, String), String>,
}

/// The upper platform as the console sees it.
#[derive(Debug)]
pub struct PlatformWatch {
    /// What is configured.
    pub settings: PlatformSettings,
    status: Mutex<PlatformStatus>,
}

impl PlatformWatch {
    /// Of an exchange that is configured so.
    #[must_use]
    pub fn new(settings: PlatformSettings) -> Self {
        Self { settings, status: Mutex::default() }
    }

    fn status(&self) -> MutexGuard<'_, PlatformStatus> {
        // Every field is whole at any time.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is.
    #[must_use]
    pub fn now(&self) -> PlatformStatus {
        self.status().clone()
    }

    /// A heartbeat of the upper platform came.
    pub(super) fn heard(&self, at: UtcMs) {
        self.status().heartbeat_at = Some(at);
    }

    /// The upper platform answered.
    pub(super) fn answered(&self, at: UtcMs) {
        let mut status = self.status();
        status.answered_at = Some(at);
        status.n_failed = 0;
        status.why.clear();
    }

    /// It did not.
    pub(super) fn unanswered(&self, n_failed: u32, why: &str, next_at: UtcMs) {
        let mut status = self.status();
        status.n_failed = n_failed;
        why.clone_into(&mut status.why);
        status.next_at = next_at;
    }

    /// Something was said that stands on no record. A heartbeat takes the place of the one before.
    pub(super) fn said(&self, said: SaidNow) {
        let all = &mut self.status().said;
        if said.kind == EbdKind::ConnectionCheck {
            all.retain(|before| before.kind != EbdKind::ConnectionCheck);
        }
        all.push_back(said);
        if all.len() > SAID_KEPT_MAX {
            all.pop_front();
        }
    }
}

/// How many were refused in this minute, beyond those that stand on record one by one.
#[derive(Debug, Default)]
pub(super) struct Refused {
    minute: i64,
    n: u32,
    /// Not on record yet, by reason.
    uncounted: BTreeMap<&'static str, u32>,
}

impl Refused {
    /// Whether another refusal goes on record by itself; else it is counted under `why`.
    pub(super) fn may_record(
        &mut self,
        now: UtcMs,
        per_minute_max: u32,
        why: &'static str,
    ) -> bool {
        let minute = now.as_s() / 60;
        if self.minute != minute {
            (self.minute, self.n) = (minute, 0);
        }
        self.n = self.n.saturating_add(1);
        let fits = self.n <= per_minute_max;
        if !fits {
            let n = self.uncounted.entry(why).or_default();
            *n = n.saturating_add(1);
        }
        fits
    }

    /// What is to be put on record as numbers; forgets it.
    pub(super) fn take(&mut self) -> BTreeMap<&'static str, u32> {
        std::mem::take(&mut self.uncounted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_for_a_minute_is_counted_by_reason() {
        let mut refused = Refused::default();
        let now = UtcMs(60_000);
        let fits: Vec<bool> =
            (0..5).map(|n| refused.may_record(now, 3, if n < 4 { "a" } else { "b" })).collect();
        assert_eq!(fits, [true, true, true, false, false]);
        assert_eq!(refused.take(), BTreeMap::from([("a", 1), ("b", 1)]));
        assert_eq!(refused.take(), BTreeMap::new());
        assert!(refused.may_record(now.plus_s(60), 3, "a"), "another minute");
    }
}
