//! Who an order goes to, what it asks, and where inputs came from.

use super::{AreaCode, BroadcastId, OriginKind, TerminalId, UtcMs};
use serde::{Deserialize, Serialize};

/// Where an input came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// `api`, `folder` or `cli`.
    pub via: String,
    /// Name of the API key or the file.
    pub by: String,
}

/// Alerts of a source that were not taken, because too many came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shed {
    /// Name of the API key.
    pub by: String,
    /// Why, a stable name.
    pub why: String,
    /// How many since the row before.
    pub n: u32,
}

/// Ways in on which readings of the county's own sensors come, by the beginning of their names.
const SENSOR_WAYS: [&str; 4] = ["sensor", "hydrology", "geology", "station"];

impl Origin {
    /// On whose account it is. Officers' own words do not come as bytes, so what is no sensor is from
    /// above or from outside.
    #[must_use]
    pub fn kind(&self) -> OriginKind {
        if SENSOR_WAYS.iter().any(|way| self.via.starts_with(way)) {
            OriginKind::Sensor
        } else {
            OriginKind::Upper
        }
    }
}

/// To whom an order was addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// Every terminal of an area, by one group order.
    Area(AreaCode),
    /// One terminal.
    Terminal(TerminalId),
}

/// What an order asks of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// Play the broadcast.
    Play,
    /// Stop it, or never begin.
    Cancel,
    /// Say how far it is.
    Query,
}

/// Why a broadcast was cancelled, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Counter of the cancel order.
    pub counter: BroadcastId,
    /// When.
    pub at: UtcMs,
    /// Officer, `alert <identifier>` or `superseded by <id>`.
    pub by: String,
    /// The reason given.
    pub reason: String,
}
