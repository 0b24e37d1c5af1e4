//! Loudspeaker terminals and the network they form with the areas.

use super::{Area, AreaCode, Codec, Contact, NationalCode, Position};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A terminal's name on the wire and in the record: 15 digits, the area code it was first placed
/// in and a three-digit number; written `430621100001-001`. It never changes, even when area codes
/// do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TerminalId(u64);

impl TerminalId {
    /// The terminal number `sequence` (1 to 999) of `area`.
    #[must_use]
    pub fn new(area: AreaCode, sequence: u16) -> Option<Self> {
        (1..=999).contains(&sequence).then(|| Self(area.number() * 1000 + u64::from(sequence)))
    }

    /// From the wire's number; `None` when it is not 13 to 15 digits.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        let area = AreaCode::from_number(number / 1000)?;
        Self::new(area, u16::try_from(number % 1000).ok()?)
    }

    /// The wire's number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// Reads `430621100001-001`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (area, sequence) = text.trim().split_once('-')?;
        let digits = sequence.bytes().all(|byte| byte.is_ascii_digit());
        if area.len() != 12 || sequence.len() != 3 || !digits {
            return None;
        }
        Self::new(AreaCode::parse(area)?, sequence.parse().ok()?)
    }
}

impl fmt::Display for TerminalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}-{:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl fmt::Debug for TerminalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<TerminalId> for String {
    fn from(id: TerminalId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for TerminalId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
            .ok_or_else(|| format!("expected a terminal such as 430621100001-001, got `{text}`"))
    }
}

/// By what kind of link a terminal is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// An MQTT session.
    Mqtt,
    /// A serial line.
    Serial,
    /// A TCP session by the national protocol (GD/J 089-2018, annexes D and E).
    National,
}

/// One loudspeaker terminal of the registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terminal {
    /// Its name.
    pub id: TerminalId,
    /// Where it stands, for people: `荣家湾镇 老街居民委员会 1号`.
    pub name: String,
    /// The area it stands in now (village, township or county seat).
    pub area: AreaCode,
    /// Its position, when surveyed.
    pub position: Option<Position>,
    /// Codecs it can decode, best first; never empty.
    pub codecs: Vec<Codec>,
    /// Links in order of preference; never empty.
    pub links: Vec<LinkKind>,
    /// Volume 1 to 100 (percent) when the plan gives none.
    pub volume_percent: u8,
    /// Its resource code, by which it is known on the national link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub national: Option<NationalCode>,
}

/// The registry: areas and terminals of one county.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Network {
    /// The areas this gateway serves (usually one county).
    pub served: Vec<AreaCode>,
    /// All known areas by code.
    pub areas: BTreeMap<AreaCode, Area>,
    /// Responsible persons, for calls.
    pub contacts: Vec<Contact>,
    /// All terminals by name.
    pub terminals: BTreeMap<TerminalId, Terminal>,
}
