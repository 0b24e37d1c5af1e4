//! The STOP latch 停播锁: while it holds in an area, nothing starts there that an officer of the county does
//! not release alone and by name.

use super::{AreaCode, PlanId, Reason, UtcMs};
use serde::{Deserialize, Serialize};

/// What becomes of what a latch keeps from starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatchHold {
    /// It waits as a plan for people, who can release it when the latch is lifted.
    Wait,
    /// It is refused, with the reason.
    Refuse,
}

/// A latch that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latch {
    /// Where.
    pub area: AreaCode,
    /// What becomes of what comes.
    pub hold: LatchHold,
    /// Canonical name of the leader.
    pub by: String,
    /// Since when.
    pub at: UtcMs,
    /// Why, as typed.
    pub reason: String,
}

/// A plan, or a part of it, that a latch kept from starting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// Which plan.
    pub plan: PlanId,
    /// The plan that waits for people instead; `None` = it is refused.
    pub waits_as: Option<PlanId>,
    /// Which latch, and how much of it.
    pub reason: Reason,
}
