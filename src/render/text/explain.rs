//! How a text is read and why: what `mingluo say --explain` prints.

use super::pinyin::{Piece, Source};
use super::trace::Fired;
use super::{FrontEnd, TextFault};

/// A word, a spelled abbreviation or a pause, as it is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The characters.
    pub word: String,
    /// Syllables apart by blanks, `?` for a character that nobody knows; empty for letters and pauses.
    pub reading: String,
    /// Where the reading came from.
    pub source: Source,
}

/// The whole story of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The text as said.
    pub said: String,
    /// Which rule changed what, in order.
    pub rules: Vec<Fired>,
    /// Every word with its reading, in order.
    pub words: Vec<Spoken>,
}

impl FrontEnd {
    /// Explains how `text` is read. Unlike `script` it also explains a text without a word.
    ///
    /// # Errors
    /// [`TextFault::TooLong`].
    pub fn explain(&self, text: &str) -> Result<Explanation, TextFault> {
        let (said, rules) = self.said(text)?;
        let words = self.reader.read_with_sources(&said).into_iter().map(spoken).collect();
        Ok(Explanation { said, rules, words })
    }
}

fn spoken((piece, source): (Piece, Source)) -> Spoken {
    let (word, reading) = match piece {
        Piece::Word(word) => {
            let syllables: Vec<&str> =
                word.iter().map(|(_, s)| s.as_deref().unwrap_or("?")).collect();
            (word.iter().map(|(c, _)| *c).collect(), syllables.join(" "))
        }
        Piece::Letters(letters) => (letters, String::new()),
        Piece::Pause(c) => (c.to_string(), String::new()),
    };
    Spoken { word, reading, source }
}
