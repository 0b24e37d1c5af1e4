//! Who asks the gateway for something: a person or a program with an API key.

use super::AreaCode;
use serde::{Deserialize, Serialize};

/// Roles, each with the rights it needs and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A program that posts alerts.
    Source,
    /// Duty officer 值班员.
    Officer,
    /// Duty leader 带班领导.
    Leader,
    /// Auditor 审计员.
    Auditor,
    /// Technician 技术员.
    Technician,
    /// System administrator 系统管理员.
    Administrator,
}

/// Things one may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Post an alert.
    PostAlert,
    /// Ask for a manual broadcast.
    Broadcast,
    /// Approve or refuse a plan.
    Approve,
    /// Cancel a broadcast or stop everything.
    Stop,
    /// Arm and disarm drills.
    Drill,
    /// Change the duty roster.
    Roster,
    /// Change response plans and templates, with a second person.
    Policy,
    /// Read alerts, broadcasts and terminals.
    Read,
    /// Read the record.
    Audit,
    /// Change the registry of terminals and look after the machine.
    Maintain,
    /// Manage accounts and API keys.
    Administer,
    /// Set and lift the STOP latch.
    Latch,
    /// Read kept bytes of a rejection again.
    Replay,
}

impl Role {
    /// Whether this role holds `right`.
    #[must_use]
    pub fn may(self, right: Right) -> bool {
        match right {
            Right::PostAlert => matches!(self, Self::Source | Self::Officer | Self::Leader),
            Right::Broadcast | Right::Approve | Right::Stop => {
                matches!(self, Self::Officer | Self::Leader)
            }
            Right::Roster | Right::Policy => matches!(self, Self::Leader | Self::Administrator),
            Right::Drill | Right::Latch => matches!(self, Self::Leader),
            Right::Replay => matches!(self, Self::Leader | Self::Technician),
            Right::Read => !matches!(self, Self::Source),
            Right::Audit => matches!(self, Self::Auditor | Self::Leader),
            Right::Maintain => matches!(self, Self::Technician | Self::Administrator),
            Right::Administer => matches!(self, Self::Administrator),
        }
    }
}

/// Who acts, as authenticated at the border.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Canonical name, unique: two keys of one person carry the same name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Areas within which the actor may act.
    pub areas: Vec<AreaCode>,
}

impl Actor {
    /// Whether the actor may act on all of `areas`.
    #[must_use]
    pub fn covers(&self, areas: impl IntoIterator<Item = AreaCode>) -> bool {
        areas.into_iter().all(|area| self.areas.iter().any(|own| own.contains(area)))
    }
}
