//! Who is on duty where and when (值班表), and groups of places that officers saved.

use super::{AreaCode, TerminalId, UtcMs};
use core::fmt;
use serde::{Deserialize, Serialize};

/// A shift's name: rising, never used twice. 0 = not yet named.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ShiftId(pub u64);

impl fmt::Display for ShiftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Posts of a duty shift (1+1+2+N), in the order in which they stand on a roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Post {
    /// 带班领导
    Leader,
    /// 副班
    Deputy,
    /// 值班员
    Officer,
    /// 备勤
    Standby,
}

impl Post {
    /// Every post with its names in a roster, the Chinese one first.
    pub const NAMES: [(Self, [&'static str; 4]); 4] = [
        (Self::Leader, ["带班领导", "带班", "领导", "leader"]),
        (Self::Deputy, ["副班", "副值班", "副带班", "deputy"]),
        (Self::Officer, ["值班员", "值班", "值班人员", "officer"]),
        (Self::Standby, ["备勤", "备班", "备勤人员", "standby"]),
    ];

    /// Its name in Chinese.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Leader => "带班领导",
            Self::Deputy => "副班",
            Self::Officer => "值班员",
            Self::Standby => "备勤",
        }
    }
}

/// One person at one post for some hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Its name; 0 when it is new.
    #[serde(default)]
    pub id: ShiftId,
    /// The post.
    pub post: Post,
    /// Canonical name, the one on the person's account or API key.
    pub person: String,
    /// Where to reach the person.
    pub telephone: String,
    /// For which area.
    pub area: AreaCode,
    /// First moment.
    pub from: UtcMs,
    /// First moment after it.
    pub until: UtcMs,
}

/// Places that officers saved under a name, for manual broadcasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name, unique, at most 40 characters.
    pub name: String,
    /// Canonical name of who saved it.
    pub owner: String,
    /// Whole areas.
    pub areas: Vec<AreaCode>,
    /// Single terminals.
    #[serde(default)]
    pub terminals: Vec<TerminalId>,
}
