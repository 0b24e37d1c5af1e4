//! Phrases kept in serial terminals: pieces from which messages are put together on slow lines.

use super::AreaCode;

/// A piece of messages that serial terminals keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Its number in the terminals, 1 to [`Phrase::NUMBER_MAX`]. It stays with its words: what has a
    /// number in a terminal makes room when other content gets it.
    pub number: u16,
    /// Its words, as messages write them.
    pub words: String,
    /// Recording to play for it; `None` = a voice says it.
    pub recording: Option<String>,
    /// Where it is kept; empty = everywhere.
    pub areas: Vec<AreaCode>,
}

impl Phrase {
    /// Highest number; above are the chimes.
    pub const NUMBER_MAX: u16 = 59_999;

    /// Whether terminals of this area keep it.
    #[must_use]
    pub fn is_for(&self, area: AreaCode) -> bool {
        self.areas.is_empty() || self.areas.iter().any(|own| own.contains(area))
    }
}
