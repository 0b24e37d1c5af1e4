//! The registry of terminals as people change it, what terminals say of themselves, and silent
//! tests 静默测试.

use super::{AreaCode, Codec, LinkKind, RefusalCode, Terminal, TerminalId, UtcMs};
use core::fmt;
use serde::{Deserialize, Serialize};

/// A change of the registry that a person asks for: all of it or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistryChange {
    /// Terminals that are new or other than before.
    pub set: Vec<Terminal>,
    /// Terminals that are no longer there.
    pub retired: Vec<TerminalId>,
    /// Why, as typed.
    pub reason: String,
    /// Number of changes before it, as the person saw it: another one in between makes it void.
    pub seen: u64,
}

/// What a terminal says of itself, at connect and now and then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether it says that it is broken.
    pub fault: bool,
    /// Its clock.
    pub clock: UtcMs,
    /// How often it booted.
    pub boot_count: u32,
    /// Its software.
    pub software: String,
    /// What it can decode.
    pub codecs: Vec<Codec>,
    /// Its own volume, percent.
    pub volume_percent: u8,
    /// Whether it takes part in armed drills.
    pub drills: bool,
}

/// Name of a silent test: out of the counter of orders, so that no broadcast has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SilentTestId(pub u64);

impl SilentTestId {
    /// Name of the check by which a terminal is told its volume again after it lost power: lower than
    /// that of any test, so that it never undoes one.
    pub const RETELL: Self = Self(1);
}

impl fmt::Display for SilentTestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a terminal found when it was tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It could play.
    Able,
    /// It would refuse, and why.
    Refused(RefusalCode),
    /// It would fail; text from the terminal, at most 64 bytes.
    Failed(String),
}

/// One terminal's answer to a silent test, verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilentAnswer {
    /// Who says it.
    pub terminal: TerminalId,
    /// To which test.
    pub test: SilentTestId,
    /// What it found.
    pub finding: Finding,
    /// Its clock at the answer, if it has one.
    pub clock: Option<UtcMs>,
    /// The link it came by.
    pub link: LinkKind,
    /// Terminal's own counter of reports.
    pub sequence: u32,
}

/// The area a terminal was first placed in: the one in its name.
#[must_use]
pub fn named_area(terminal: TerminalId) -> Option<AreaCode> {
    AreaCode::from_number(terminal.number() / 1000)
}
