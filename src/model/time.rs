//! The one notion of time inside the gateway.

use serde::{Deserialize, Serialize};

/// A moment, milliseconds since 1970-01-01T00:00:00Z. UTC everywhere inside; local time exists
/// only in speech, console and CLI text.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UtcMs(pub i64);

impl UtcMs {
    /// This moment plus `seconds` (may be negative), saturating.
    #[must_use]
    pub fn plus_s(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// This moment plus `ms` milliseconds (may be negative), saturating.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to here; negative when `earlier` is later.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub fn as_s(self) -> i64 {
        self.0.div_euclid(1000)
    }
}
