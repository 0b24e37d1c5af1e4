//! A source (预警来源): what the county lets it say without a person, and what the gateway keeps of it.

use super::{AreaCode, Level, Reason, UtcMs};
use serde::{Deserialize, Serialize};

/// What a source may say without a person. What is beyond waits for one, and the reason says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRules {
    /// Hazard codes or their beginnings (`11B`); empty = all.
    pub hazards: Vec<String>,
    /// Levels; empty = all.
    pub levels: Vec<Level>,
    /// Areas; `None` = those of whoever brought it.
    pub areas: Option<Vec<AreaCode>>,
    /// Why every alert of it goes to a person, whatever it says; `None` = it is trusted.
    pub person: Option<Reason>,
    /// What was found on the way in, such as the state of its signature; kept with the alert.
    pub notes: Vec<Reason>,
}

/// Something that is kept about a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum SourceNote {
    /// Its feed was read up to here.
    Read {
        /// `ETag` of the answer, when everything in it was dealt with.
        etag: Option<String>,
        /// `Last-Modified` of the answer, when everything in it was dealt with.
        modified: Option<String>,
        /// Marks of the entries that were dealt with now, 16 hexadecimal digits each.
        seen: Vec<String>,
    },
    /// It has been silent for longer than allowed.
    Silent {
        /// When it was heard last, or when waiting began.
        since: UtcMs,
        /// What hinders, when it is known.
        why: String,
    },
    /// It is heard again.
    Heard,
}
