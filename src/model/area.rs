//! Administrative areas and positions.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A 12-digit area code (GB/T 2260 six digits, GB/T 10114 six digits). Zeros to the right mean the
/// whole upper area. Range 0 to 999,999,999,999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AreaCode(u64);

/// How deep an area lies in the administrative tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AreaLevel {
    /// 省
    Province,
    /// 市
    City,
    /// 县
    County,
    /// 乡镇
    Township,
    /// 村
    Village,
}

impl AreaCode {
    /// Reads 12 digits, or 2, 4, 6 or 9 digits that are padded with zeros to the right.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !matches!(text.len(), 2 | 4 | 6 | 9 | 12) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut number: u64 = text.parse().ok()?;
        for _ in text.len()..12 {
            number = number.checked_mul(10)?;
        }
        (number > 0).then_some(Self(number))
    }

    /// Makes a code from its number; `None` above twelve digits or zero.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        (number > 0 && number <= 999_999_999_999).then_some(Self(number))
    }

    /// The twelve digits as a number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The level that the trailing zeros tell.
    #[must_use]
    pub fn level(self) -> AreaLevel {
        match self.0 {
            n if n.is_multiple_of(10_000_000_000) => AreaLevel::Province,
            n if n.is_multiple_of(100_000_000) => AreaLevel::City,
            n if n.is_multiple_of(1_000_000) => AreaLevel::County,
            n if n.is_multiple_of(1_000) => AreaLevel::Township,
            _ => AreaLevel::Village,
        }
    }

    /// The area one level up; `None` for a province.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let unit = match self.level() {
            AreaLevel::Province => return None,
            AreaLevel::City => 10_000_000_000,
            AreaLevel::County => 100_000_000,
            AreaLevel::Township => 1_000_000,
            AreaLevel::Village => 1_000,
        };
        Some(Self(self.0 / unit * unit))
    }

    /// The ancestor (or self) at `level`; `None` when this area is above that level.
    #[must_use]
    pub fn at(self, level: AreaLevel) -> Option<Self> {
        let mut area = self;
        while area.level() > level {
            area = area.parent()?;
        }
        (area.level() == level).then_some(area)
    }

    /// Whether `other` is this area or lies inside it.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        let unit = match self.level() {
            AreaLevel::Province => 10_000_000_000,
            AreaLevel::City => 100_000_000,
            AreaLevel::County => 1_000_000,
            AreaLevel::Township => 1_000,
            AreaLevel::Village => 1,
        };
        self.0 / unit == other.0 / unit
    }
}

impl fmt::Display for AreaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl fmt::Debug for AreaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<AreaCode> for String {
    fn from(code: AreaCode) -> Self {
        code.to_string()
    }
}

impl TryFrom<String> for AreaCode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("expected a 12-digit area code, got `{text}`"))
    }
}

/// One area of the registry. Codes change under a running system, so every row keeps its validity
/// and the codes it is also known by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// Its code.
    pub code: AreaCode,
    /// Its name as spoken, without the parent's.
    pub name: String,
    /// First moment of validity; `None` = always was.
    pub valid_from: Option<UtcMsDate>,
    /// First moment of no more validity; `None` = still valid.
    pub valid_until: Option<UtcMsDate>,
    /// Older or newer codes that mean this area.
    pub aliases: Vec<AreaCode>,
}

/// A moment given as a date in configuration.
pub(crate) type UtcMsDate = super::UtcMs;

/// A point on WGS-84. Degrees; latitude −90 to 90, longitude −180 to 180.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Degrees north.
    pub lat_deg: f64,
    /// Degrees east.
    pub lon_deg: f64,
}

/// A circle on the ground (CAP 1.2 §3.2.4). Radius in kilometres, 0 = the point itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Circle {
    /// Its middle.
    pub centre: Position,
    /// Its radius in kilometres, ≥ 0.
    pub radius_km: f64,
}
