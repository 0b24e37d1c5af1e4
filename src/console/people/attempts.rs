//! Wrong passwords cost time where they come from, and nowhere else: a stranger who guesses at an
//! officer's account makes himself wait, while the officer gets in from the browser he always uses.

use crate::model::Sha256;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Wrong ones that cost nothing.
const FREE: u32 = 5;
/// First wait after them, milliseconds; it doubles with each further one.
const WAIT_MS_MIN: u64 = 15_000;
/// Longest wait, milliseconds.
const WAIT_MS_MAX: u64 = 15 * 60_000;
/// After so long without a wrong one, all are forgotten, milliseconds.
const FORGET_MS: u64 = 60 * 60_000;
/// Pairs of account and place that are remembered. When it is full, the one that failed longest ago goes.
const KEPT_MAX: usize = 10_000;

/// Where a sign-in comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// A browser from which this account has signed in before, by the digest of its cookie.
    Browser(Sha256),
    /// Any other, by its address.
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy, Default)]
struct Failed {
    count: u32,
    last_ms: u64,
}

/// Wrong sign-ins of the last hour.
#[derive(Debug)]
pub(crate) struct Attempts {
    failed: BTreeMap<(String, Who), Failed>,
    wait_ms_max: u64,
}

impl Default for Attempts {
    fn default() -> Self {
        Self::waiting_at_most(WAIT_MS_MAX)
    }
}

impl Attempts {
    /// With another longest wait, milliseconds: a machine with a random key can't be guessed at, and must be
    /// in again soon once its key is right.
    pub(crate) fn waiting_at_most(wait_ms_max: u64) -> Self {
        Self { failed: BTreeMap::new(), wait_ms_max }
    }

    /// Milliseconds until the next try counts; 0 = now.
    pub(crate) fn wait_ms(&self, now_ms: u64, login: &str, who: &Who) -> u64 {
        let Some(failed) = self.failed.get(&(login.to_owned(), who.clone())) else { return 0 };
        let Some(over) = failed.count.checked_sub(FREE) else { return 0 };
        let wait_ms = WAIT_MS_MIN.saturating_mul(1 << over.min(10)).min(self.wait_ms_max);
        (failed.last_ms + wait_ms).saturating_sub(now_ms)
    }

    /// A wrong one.
    pub(crate) fn failed(&mut self, now_ms: u64, login: &str, who: &Who) {
        self.failed.retain(|_, failed| now_ms.saturating_sub(failed.last_ms) < FORGET_MS);
        let failed = self.failed.entry((login.to_owned(), who.clone())).or_default();
        failed.count = failed.count.saturating_add(1);
        failed.last_ms = now_ms;
        if self.failed.len() > KEPT_MAX {
            let oldest = self.failed.iter().min_by_key(|(_, failed)| failed.last_ms);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.failed.remove(&oldest);
            }
        }
    }

    /// The right one.
    pub(crate) fn succeeded(&mut self, login: &str, who: &Who) {
        self.failed.remove(&(login.to_owned(), who.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRANGER: [u8; 4] = [192, 0, 2, 7];

    fn stranger() -> Who {
        Who::Address(IpAddr::from(STRANGER))
    }

    fn check(wrong: u32, after_ms: u64, expect_wait_ms: u64) {
        let mut attempts = Attempts::default();
        (0..wrong).for_each(|_| attempts.failed(1_000, "zhang", &stranger()));
        assert_eq!(attempts.wait_ms(1_000 + after_ms, "zhang", &stranger()), expect_wait_ms);
    }

    #[test]
    fn waits_grow_and_end() {
        check(0, 0, 0);
        check(4, 0, 0);
        check(5, 0, 15_000);
        check(5, 15_000, 0);
        check(6, 0, 30_000);
        check(8, 0, 120_000);
        check(1_000, 0, WAIT_MS_MAX);
        check(1_000, WAIT_MS_MAX, 0);
    }

    #[test]
    fn a_stranger_keeps_nobody_else_out() {
        let mut attempts = Attempts::default();
        (0..100).for_each(|_| attempts.failed(0, "zhang", &stranger()));
        let known = Who::Browser(Sha256::of(b"cookie"));
        assert_eq!(attempts.wait_ms(0, "zhang", &known), 0);
        assert_eq!(attempts.wait_ms(0, "zhang", &Who::Address([192, 0, 2, 8].into())), 0);
        assert_eq!(attempts.wait_ms(0, "li", &stranger()), 0);
        attempts.succeeded("zhang", &known);
        assert!(attempts.wait_ms(0, "zhang", &stranger()) > 0, "that is another one's success");
    }

    #[test]
    fn memory_is_bounded_and_forgets() {
        let mut attempts = Attempts::default();
        for n in 0..KEPT_MAX + 10 {
            attempts.failed(n as u64, &format!("login{n}"), &stranger());
        }
        assert_eq!(attempts.failed.len(), KEPT_MAX);
        attempts.failed(FORGET_MS * 3, "zhang", &stranger());
        assert_eq!(attempts.failed.len(), 1);
    }
}
