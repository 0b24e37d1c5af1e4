//! The built-in voice: recorded phrases, words and syllables, joined.
//!
//! `audio-samples/bank.mlb` holds sounds of readings: `bao4 yu3` for 暴雨, `gang4` for any gang4. `format`
//! reads and writes it, `plan` finds the fewest sounds that say a script, `tone` says which tone a lone
//! syllable takes beside its neighbours, `join` makes one sound of them. Sounds are found by reading, not by
//! character, so that a polyphone can't get a wrong one and a character that nobody recorded is still said.

mod format;
mod join;
mod plan;
mod tempo;
mod tone;
mod voice;

pub use format::{Bank, RATE_HZ, pack};
pub use plan::key;
pub use voice::BankVoice;

use thiserror::Error;

/// The bank can't be read or did not speak.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BankFault {
    /// The file is no bank, or damaged.
    #[error("expected a bank of sounds, got {0}; generate it again with `mingluo voice bank`")]
    Damaged(String),
    /// A sound of the bank could not be written or read.
    #[error("expected a usable sound of `{key}`, got {what}")]
    Sound {
        /// Its reading.
        key: String,
        /// What happened.
        what: String,
    },
    /// Nothing of the script can be said: neither a syllable nor a letter is in it.
    #[error("expected words to speak, got none that have a reading")]
    Silent,
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole_tests;
