//! How many terminals ended how.

use crate::model::Outcome;
use serde::{Deserialize, Serialize};

/// Terminals per outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All that were chosen.
    pub targeted: u32,
    /// Taken by a link, no word yet.
    pub sent: u32,
    /// Verified, not playing.
    pub received: u32,
    /// Sounding.
    pub playing: u32,
    /// Played to the end.
    pub played: u32,
    /// Refused.
    pub refused: u32,
    /// Failed.
    pub failed: u32,
    /// Pre-empted.
    pub preempted: u32,
    /// Cancelled.
    pub cancelled: u32,
    /// Expired half way.
    pub expired: u32,
    /// Never said a word.
    pub unreachable: u32,
    /// Nothing sent yet.
    pub waiting: u32,
}

impl Counts {
    /// Adds one terminal.
    pub fn add(&mut self, outcome: &Outcome) {
        self.targeted += 1;
        let slot = match outcome {
            Outcome::Targeted => &mut self.waiting,
            Outcome::Sent => &mut self.sent,
            Outcome::Received => &mut self.received,
            Outcome::Playing => &mut self.playing,
            Outcome::Played => &mut self.played,
            Outcome::Refused(_) => &mut self.refused,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Preempted(_) => &mut self.preempted,
            Outcome::Cancelled => &mut self.cancelled,
            Outcome::Expired => &mut self.expired,
            Outcome::Unreachable => &mut self.unreachable,
        };
        *slot += 1;
    }
}
