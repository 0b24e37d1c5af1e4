//! Time that is left.

use crate::clock::Monotonic;
use std::time::Duration;

/// A span that began when this was made.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    watch: Monotonic,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now.
    #[must_use]
    pub fn within(limit: Duration) -> Self {
        Self { watch: Monotonic::start(), limit }
    }

    /// What is left of it; zero when it has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.watch.elapsed())
    }

    /// Milliseconds since it began.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        self.watch.elapsed_ms()
    }

    /// The whole span in milliseconds.
    #[must_use]
    pub fn limit_ms(&self) -> u64 {
        u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX)
    }
}
