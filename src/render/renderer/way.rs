//! Warnings first: what is rendered in the background steps aside for them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many warnings are being rendered.
#[derive(Default)]
pub(super) struct Way {
    warnings: Mutex<usize>,
    news: Condvar,
}

/// A warning being rendered, until dropped.
pub(super) struct First<'a>(&'a Way);

impl Way {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A warning begins.
    pub(super) fn first(&self) -> First<'_> {
        *self.lock() += 1;
        First(self)
    }

    /// Waits until no warning is being rendered, at most `limit`.
    pub(super) fn give(&self, limit: Duration) {
        let busy = |warnings: &mut usize| *warnings > 0;
        drop(self.news.wait_timeout_while(self.lock(), limit, busy));
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.news.notify_all();
    }
}
