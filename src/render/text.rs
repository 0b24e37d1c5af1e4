//! From alert text to what a voice needs: words as said, readings, phonemes, sentence by sentence.

mod context;
mod cursor;
mod explain;
pub mod lexicon;
mod names;
mod neutral;
mod normalise;
mod number;
mod phoneme;
mod pinyin;
mod rules;
mod sandhi;
mod trace;

pub use explain::{Explanation, Spoken};
pub use lexicon::{Lexicon, LexiconFault};
pub use names::{Names, Unsure};
pub use normalise::{normalise, normalise_traced};
pub use pinyin::{Piece, Source};
pub use sandhi::sandhi;
pub use trace::Fired;

use pinyin::Reader;
use thiserror::Error;

/// Longest text that may be spoken, in characters (`model::Message::text`).
pub const TEXT_CHARS_MAX: usize = 2_000;
/// Longest text as said, in characters: 40 minutes of speech, more than any program may last.
pub const SAID_CHARS_MAX: usize = 8_000;
/// Most phoneme symbols the voice gets at once; bounds its memory (about 0.4 GB) and the time until an
/// abandoned synthesis ends. The model itself takes 509.
pub const CHUNK_SYMBOLS_MAX: usize = 220;

/// The text can't be spoken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TextFault {
    /// More than [`TEXT_CHARS_MAX`] characters as written, or [`SAID_CHARS_MAX`] as said.
    #[error("expected at most {TEXT_CHARS_MAX} characters, got {0}; shorten the text")]
    TooLong(usize),
    /// No word to say is in it.
    #[error("expected words to speak, got none")]
    Empty,
}

/// A piece that is synthesised in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its words with readings and its pauses, for voices that have sounds of words.
    pub pieces: Vec<Piece>,
    /// Its words with readings, for people: `岳阳县 yue4 yang2 xian4`.
    pub reading: String,
    /// Its phonemes.
    pub phonemes: String,
    /// The model's symbol numbers, 1 to [`CHUNK_SYMBOLS_MAX`].
    pub symbols: Vec<i32>,
    /// Silence after it in milliseconds.
    pub pause_ms: u32,
}

/// What will be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The text as said.
    pub said: String,
    /// The chunks in order, never empty.
    pub chunks: Vec<Chunk>,
    /// Characters whose reading nobody knows; they stay silent.
    pub unknown: Vec<char>,
    /// Which rule changed what in the text, in order.
    pub rules: Vec<Fired>,
}

/// The front end: local words, dictionaries, phonemes.
pub struct FrontEnd {
    lexicon: Lexicon,
    reader: Reader,
}

impl FrontEnd {
    /// Loads the dictionaries (about 0.1 s).
    #[must_use]
    pub fn new(lexicon: Lexicon) -> Self {
        let reader = Reader::new(&lexicon);
        Self { lexicon, reader }
    }

    /// The script of `text`.
    ///
    /// # Errors
    /// [`TextFault`] when the text is too long or holds no word.
    pub fn script(&self, text: &str) -> Result<Script, TextFault> {
        let (said, rules) = self.said(text)?;
        let pieces = self.reader.read(&said);
        let unknown = pieces.iter().flat_map(unknown_of).collect();
        let mut chunks = Vec::new();
        for sentence in pieces.split_inclusive(|piece| is_end(piece, "。！？")) {
            fill(sentence, &mut chunks);
        }
        if chunks.is_empty() {
            return Err(TextFault::Empty);
        }
        Ok(Script { said, chunks, unknown, rules })
    }

    /// What is said of `text`, and every rule that fired.
    fn said(&self, text: &str) -> Result<(String, Vec<Fired>), TextFault> {
        let chars = text.chars().count();
        if chars > TEXT_CHARS_MAX {
            return Err(TextFault::TooLong(chars));
        }
        let mut rules = Vec::new();
        let said = normalise_traced(&self.lexicon.replaced(text, &mut rules), &mut rules);
        let chars = said.chars().count();
        if chars > SAID_CHARS_MAX {
            return Err(TextFault::TooLong(chars));
        }
        Ok((said, rules))
    }
}

/// The neural voice's symbol numbers of `pieces`, without any limit on their count.
#[must_use]
pub fn symbols(pieces: &[Piece]) -> Vec<i32> {
    phoneme::numbers(&phoneme::phonemes(pieces))
}

/// Every syllable that the dictionaries use and the voice can say, in numbered pinyin, and the second tones
/// that third tones become before each other.
#[must_use]
pub fn syllables_in_use() -> std::collections::BTreeSet<String> {
    let mut all = std::collections::BTreeSet::new();
    for known in pinyin::table_syllables().filter(|s| phoneme::syllable(s).is_some()) {
        all.extend(known.strip_suffix('3').map(|bare| format!("{bare}2")));
        all.insert(known.to_owned());
    }
    all
}

/// [`syllables_in_use`] and whatever is missing of them in the four tones.
#[must_use]
pub fn syllables() -> std::collections::BTreeSet<String> {
    let mut all = syllables_in_use();
    for known in all.clone() {
        let bare = known.trim_end_matches(|c: char| c.is_ascii_digit());
        all.extend(["1", "2", "3", "4"].map(|tone| format!("{bare}{tone}")));
    }
    all
}

fn unknown_of(piece: &Piece) -> Vec<char> {
    match piece {
        Piece::Word(word) => word
            .iter()
            .filter(|(_, s)| s.as_deref().and_then(phoneme::syllable).is_none())
            .map(|(c, _)| *c)
            .collect(),
        Piece::Letters(_) | Piece::Pause(_) => Vec::new(),
    }
}

fn is_end(piece: &Piece, ends: &str) -> bool {
    matches!(piece, Piece::Pause(c) if ends.contains(*c))
}

/// Adds a sentence, cut at its pauses and if need be between words where it is too long.
fn fill(sentence: &[Piece], chunks: &mut Vec<Chunk>) {
    let symbols = phoneme::numbers(&phoneme::phonemes(sentence));
    if symbols.len() > CHUNK_SYMBOLS_MAX {
        let half = sentence.len() / 2;
        let cut = (1..sentence.len())
            .filter(|n| sentence.get(n - 1).is_some_and(|piece| is_end(piece, "，；：、")))
            .min_by_key(|n| n.abs_diff(half))
            .or((half > 0).then_some(half));
        if let Some((left, right)) = cut.and_then(|n| sentence.split_at_checked(n)) {
            fill(left, chunks);
            fill(right, chunks);
            return;
        }
    }
    if sentence.iter().all(|piece| matches!(piece, Piece::Pause(_))) || symbols.is_empty() {
        return;
    }
    let pause_ms = match sentence.last() {
        Some(Piece::Pause('。' | '！' | '？')) | None => 350,
        Some(Piece::Pause(_)) => 200,
        Some(Piece::Word(_) | Piece::Letters(_)) => 120,
    };
    chunks.push(Chunk {
        pieces: sentence.to_vec(),
        reading: reading(sentence),
        phonemes: phoneme::phonemes(sentence),
        symbols: symbols.into_iter().take(CHUNK_SYMBOLS_MAX).collect(),
        pause_ms,
    });
}

fn reading(sentence: &[Piece]) -> String {
    let mut out = Vec::new();
    for piece in sentence {
        match piece {
            Piece::Word(word) => {
                let hanzi: String = word.iter().map(|(c, _)| *c).collect();
                let syllables: Vec<&str> =
                    word.iter().map(|(_, s)| s.as_deref().unwrap_or("?")).collect();
                out.push(format!("{hanzi} {}", syllables.join(" ")));
            }
            Piece::Letters(letters) => out.push(letters.clone()),
            Piece::Pause(c) => out.push(c.to_string()),
        }
    }
    out.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front_end() -> FrontEnd {
        FrontEnd::new(Lexicon::parse(include_str!("../../configs/phrases.toml")).expect("ours"))
    }

    #[test]
    fn sentences_become_chunks() {
        let script = front_end().script("岳阳县发布暴雨红色预警。请立即避险！").expect("speakable");
        assert_eq!(script.chunks.len(), 2);
        assert_eq!(script.chunks[0].phonemes, "ɥe↘ja↗ŋɕjɛ↘n fa→pu↘ pau↘y↓ xʊ↗ŋsɤ↘ y↘ʨi↓ŋ.");
        assert!(script.unknown.is_empty());
    }

    #[test]
    fn limits_hold() {
        let front_end = front_end();
        assert_eq!(front_end.script(&"雨".repeat(2_001)), Err(TextFault::TooLong(2_001)));
        assert_eq!(front_end.script("。！<b>"), Err(TextFault::Empty));
        for text in ["暴雨红色预警".repeat(300), "暴雨，洪水，".repeat(300), "A".repeat(1_000)]
        {
            let script = front_end.script(&text).expect("speakable");
            assert!(script.chunks.iter().all(|c| c.symbols.len() <= CHUNK_SYMBOLS_MAX));
        }
    }

    #[test]
    fn unknown_characters_are_named_and_stay_silent() {
        let script = front_end().script("雨\u{20000}大").expect("speakable");
        assert_eq!(script.unknown, vec!['\u{20000}']);
    }
}
