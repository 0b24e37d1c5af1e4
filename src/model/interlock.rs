//! The county's own interlock as data: who may start what, when and where, and how often. Its rules only
//! make a decision stricter; none of them allows anything.

use super::{AreaCode, Level};
use serde::{Deserialize, Serialize};

/// From where a wish to broadcast comes.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum OriginKind {
    /// The county's own duty 本县值班: officers by hand, and their programmes.
    Duty,
    /// An upper platform or another source of alerts 上级平台或外部来源. What is not known is this.
    #[default]
    Upper,
    /// A sensor of the county that passed a threshold 自动监测.
    Sensor,
}

/// The classes of GB/T 35561-2017, by the first digits of the hazard code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HazardClass {
    /// 自然灾害, codes 11…
    Nature,
    /// 事故灾难, codes 12…
    Accident,
    /// 公共卫生事件, codes 13…
    Health,
    /// 社会安全事件, codes 14…
    Security,
    /// Everything else, and what names no hazard, such as an officer's own words.
    Other,
}

impl HazardClass {
    /// The class of a hazard code (11B03 …).
    #[must_use]
    pub fn of_code(code: Option<&str>) -> Self {
        match code.and_then(|code| code.get(..2)) {
            Some("11") => Self::Nature,
            Some("12") => Self::Accident,
            Some("13") => Self::Health,
            Some("14") => Self::Security,
            Some(_) | None => Self::Other,
        }
    }
}

/// What the interlock says, from mild to strict.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The response plan decides.
    #[default]
    Allow,
    /// A person decides; the clock never releases it.
    Ask,
    /// It does not sound.
    Refuse,
}

/// A daily span of whole local hours, 0 to 23; `from` > `until` spans midnight, both alike never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourSpan {
    /// First hour.
    pub from: u8,
    /// First hour that is not in it any more.
    pub until: u8,
}

impl HourSpan {
    /// Whether a local hour lies in it.
    #[must_use]
    pub fn holds(self, hour: u8) -> bool {
        if self.from <= self.until {
            (self.from..self.until).contains(&hour)
        } else {
            hour >= self.from || hour < self.until
        }
    }
}

/// One rule. A list that is empty means all of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterlockRule {
    /// Its name, unique.
    pub name: String,
    /// For whom.
    pub origins: Vec<OriginKind>,
    /// For which hazards.
    pub classes: Vec<HazardClass>,
    /// For which levels.
    pub levels: Vec<Level>,
    /// When; `None` = always.
    pub hours: Option<HourSpan>,
    /// Where.
    pub areas: Vec<AreaCode>,
    /// `Ask` or `Refuse`.
    pub verdict: Verdict,
    /// Why, Chinese, for who asked and for the record.
    pub reason: String,
}

/// How much of one origin, in one place, in one hour. A list that is empty means all of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterlockLimit {
    /// Its name, unique among rules and limits.
    pub name: String,
    /// For whom.
    pub origins: Vec<OriginKind>,
    /// Levels that it holds back.
    pub levels: Vec<Level>,
    /// Where.
    pub areas: Vec<AreaCode>,
    /// Broadcasts of these origins that reach these areas in a rolling hour, of any level.
    pub per_hour_max: Option<u16>,
    /// Terminals there that one broadcast reaches.
    pub terminals_max: Option<u32>,
    /// `Ask` or `Refuse` for what is over.
    pub over: Verdict,
}
