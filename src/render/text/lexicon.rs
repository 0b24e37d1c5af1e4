//! The county's own words: `configs/phrases.toml`.

use super::trace::{Fired, note};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Most entries of one kind; a county has a few hundred place names.
pub const ENTRIES_MAX: usize = 20_000;
/// Longest word in characters.
const WORD_CHARS_MAX: usize = 32;

/// Longest replacement in characters.
const REPLACEMENT_CHARS_MAX: usize = 64;

/// Local readings and replacements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lexicon {
    readings: BTreeMap<String, Vec<String>>,
    replacements: Vec<(String, String)>,
}

/// One thing wrong with `phrases.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("phrases.toml: {0}")]
pub struct LexiconFault(pub String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    reading: Vec<Reading>,
    #[serde(default)]
    replace: Vec<Replace>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    word: String,
    pinyin: String,
    /// Whether a local still has to confirm it; for people only.
    #[serde(default)]
    #[expect(dead_code, reason = "the mark is for people and for other tools")]
    confirm: bool,
    #[serde(default)]
    #[expect(dead_code, reason = "the remark is for people")]
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    from: String,
    to: String,
}

impl Lexicon {
    /// Reads the file's text.
    ///
    /// # Errors
    /// [`LexiconFault`] naming the first entry that is wrong.
    pub fn parse(text: &str) -> Result<Self, LexiconFault> {
        let file: File = toml::from_str(text).map_err(|e| LexiconFault(e.to_string()))?;
        if file.reading.len().max(file.replace.len()) > ENTRIES_MAX {
            return Err(LexiconFault(format!("expected at most {ENTRIES_MAX} entries")));
        }
        let mut readings = BTreeMap::new();
        for Reading { word, pinyin, .. } in file.reading {
            let syllables: Vec<String> = pinyin.split_whitespace().map(str::to_owned).collect();
            let chars = word.chars().count();
            if chars == 0 || chars > WORD_CHARS_MAX || syllables.len() != chars {
                return Err(LexiconFault(format!(
                    "reading `{word}`: expected one syllable for each of 1 to {WORD_CHARS_MAX} \
                     characters, got `{pinyin}`"
                )));
            }
            if let Some(bad) = syllables.iter().find(|s| super::phoneme::syllable(s).is_none()) {
                return Err(LexiconFault(format!(
                    "reading `{word}`: expected pinyin with a tone number such as gang4, got `{bad}`"
                )));
            }
            readings.insert(word, syllables);
        }
        let mut replacements = Vec::new();
        for Replace { from, to } in file.replace {
            if to.chars().count() > REPLACEMENT_CHARS_MAX {
                return Err(LexiconFault(format!(
                    "replace `{from}`: expected at most {REPLACEMENT_CHARS_MAX} characters in `to`, got \
                     {}",
                    to.chars().count()
                )));
            }
            if from.is_empty() {
                return Err(LexiconFault(
                    "replace: expected a word in `from`, got nothing".to_owned(),
                ));
            }
            replacements.push((from, to));
        }
        // The longest first, so that a short word can't spoil a longer one.
        replacements.sort_by_key(|(from, _)| std::cmp::Reverse(from.chars().count()));
        Ok(Self { readings, replacements })
    }

    /// Words and their syllables.
    #[must_use]
    pub fn readings(&self) -> &BTreeMap<String, Vec<String>> {
        &self.readings
    }

    /// `text` with every replacement made in one pass, longest word first, so that no replacement changes
    /// what another one wrote. What was replaced is noted in `fired`.
    #[must_use]
    pub fn replaced(&self, text: &str, fired: &mut Vec<Fired>) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let found = self.replacements.iter().find(|(from, _)| rest.starts_with(from.as_str()));
            let used = found.map_or(first.len_utf8(), |(from, _)| from.len());
            match found {
                Some((from, to)) => {
                    note(fired, "replacement of phrases.toml", from, to);
                    out.push_str(to);
                }
                None => out.push(first),
            }
            rest = rest.get(used..).unwrap_or_default();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_we_ship_is_well_formed() {
        let text = include_str!("../../../configs/phrases.toml");
        let lexicon = Lexicon::parse(text).expect("well formed");
        assert_eq!(
            lexicon.readings().get("筻口").map(|s| s.join(" ")).as_deref(),
            Some("gang4 kou3")
        );
    }

    #[test]
    fn wrong_entries_are_named() {
        for (text, part) in [
            ("[[reading]]\nword='筻口'\npinyin='gang4'", "筻口"),
            ("[[reading]]\nword='筻口'\npinyin='gang kou3'", "`gang`"),
            ("[[reading]]\nword='筻口'\npinyin='gang4 xyz3'", "`xyz3`"),
            ("[[replace]]\nfrom=''\nto='a'", "from"),
            ("[[readings]]\n", "readings"),
            ("x", "phrases.toml"),
        ] {
            let fault = Lexicon::parse(text).expect_err(text).to_string();
            assert!(fault.contains(part), "{fault}");
        }
    }

    #[test]
    fn replacements_take_the_longest_word_first() {
        let text = "[[replace]]\nfrom='防指'\nto='防汛指挥部'\n[[replace]]\nfrom='县防指'\nto='县防汛抗旱指挥部'";
        let lexicon = Lexicon::parse(text).expect("well formed");
        assert_eq!(
            lexicon.replaced("县防指和镇防指", &mut Vec::new()),
            "县防汛抗旱指挥部和镇防汛指挥部"
        );
    }
}
