//! Words and their readings in numbered pinyin (`gang4`, 5 = neutral tone, `v` = ü).

use super::lexicon::Lexicon;
use jieba_rs::Jieba;
use std::collections::BTreeMap;

/// Longest phrase in the table, in characters.
const PHRASE_CHARS_MAX: usize = 5;
/// Weight that makes a local word win over any other cut.
const LOCAL_WORD_WEIGHT: usize = 1_000_000;

const CHARACTERS: &str = include_str!("tables/characters.txt");
const PHRASES: &str = include_str!("tables/phrases.txt");

/// The syllables of both tables, with repetitions.
pub(super) fn table_syllables() -> impl Iterator<Item = &'static str> {
    let single = CHARACTERS.lines().filter_map(|line| line.split(' ').next());
    let phrases = PHRASES.lines().flat_map(|line| line.split(' ').skip(1));
    single.chain(phrases)
}

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A word with one syllable for each character; `None` = nobody knows its reading.
    Word(Vec<(char, Option<String>)>),
    /// Latin capitals to be spelled.
    Letters(String),
    /// A pause, one of 、，：；？！。
    Pause(char),
}

/// The dictionaries, loaded once (about 0.1 s and 40 MB).
pub(super) struct Reader {
    jieba: Jieba,
    characters: BTreeMap<char, &'static str>,
    phrases: BTreeMap<String, Vec<String>>,
}

impl Reader {
    /// Loads the built-in tables and lays the local lexicon over them.
    #[must_use]
    pub(super) fn new(lexicon: &Lexicon) -> Self {
        let mut characters = BTreeMap::new();
        for line in CHARACTERS.lines() {
            if let Some((syllable, all)) = line.split_once(' ') {
                characters.extend(all.chars().map(|c| (c, syllable)));
            }
        }
        let mut phrases = BTreeMap::new();
        for line in PHRASES.lines() {
            if let Some((phrase, syllables)) = line.split_once(' ') {
                phrases
                    .insert(phrase.to_owned(), syllables.split(' ').map(str::to_owned).collect());
            }
        }
        let mut jieba = Jieba::new();
        for (word, syllables) in lexicon.readings() {
            jieba.add_word(word, Some(LOCAL_WORD_WEIGHT), None);
            phrases.insert(word.clone(), syllables.clone());
        }
        Self { jieba, characters, phrases }
    }

    /// Cuts said text (see `normalise`) into words with readings, letters and pauses.
    #[must_use]
    pub(super) fn read(&self, said: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for token in self.jieba.cut(said, true) {
            self.push(token.word, &mut pieces);
        }
        pieces
    }

    fn push(&self, word: &str, pieces: &mut Vec<Piece>) {
        let mut hanzi = String::new();
        for c in word.chars() {
            if c.is_ascii_alphabetic() || "、，：；？！。".contains(c) {
                self.flush(&mut hanzi, pieces);
                match pieces.last_mut() {
                    Some(Piece::Letters(letters)) if c.is_ascii_alphabetic() => letters.push(c),
                    _ if c.is_ascii_alphabetic() => pieces.push(Piece::Letters(c.to_string())),
                    _ => pieces.push(Piece::Pause(c)),
                }
            } else if c.is_alphabetic() {
                hanzi.push(c);
            }
        }
        self.flush(&mut hanzi, pieces);
    }

    fn flush(&self, hanzi: &mut String, pieces: &mut Vec<Piece>) {
        if !hanzi.is_empty() {
            pieces.push(Piece::Word(self.word(hanzi)));
            hanzi.clear();
        }
    }

    /// Longest match inside one word, then single characters.
    fn word(&self, word: &str) -> Vec<(char, Option<String>)> {
        let chars: Vec<char> = word.chars().collect();
        if let Some(known) = self.phrases.get(word) {
            return chars.into_iter().zip(known.iter().cloned().map(Some)).collect();
        }
        let mut out = Vec::with_capacity(chars.len());
        let mut rest = chars.as_slice();
        while let Some((first, tail)) = rest.split_first() {
            let longest = (2..=PHRASE_CHARS_MAX.min(rest.len())).rev().find_map(|n| {
                let part = rest.get(..n)?;
                let known = self.phrases.get(&part.iter().collect::<String>())?;
                Some((part, known, rest.get(n..)?))
            });
            if let Some((part, known, after)) = longest {
                out.extend(part.iter().copied().zip(known.iter().cloned().map(Some)));
                rest = after;
            } else {
                out.push((*first, self.characters.get(first).map(|s| (*s).to_owned())));
                rest = tail;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reader: &Reader, said: &str, want: &str) {
        let mut got = Vec::new();
        for piece in reader.read(said) {
            match piece {
                Piece::Word(word) => got.push(
                    word.into_iter()
                        .map(|(c, s)| s.unwrap_or_else(|| format!("?{c}")))
                        .collect::<String>(),
                ),
                Piece::Letters(letters) => got.push(letters),
                Piece::Pause(c) => got.push(c.to_string()),
            }
        }
        assert_eq!(got.join(" "), want, "{said}");
    }

    #[test]
    fn polyphones_place_names_and_unknowns() {
        let lexicon = Lexicon::parse(
            "[[reading]]\nword = \"筻口\"\npinyin = \"gang4 kou3\"\n\
             [[reading]]\nword = \"长湖乡\"\npinyin = \"chang2 hu2 xiang1\"\n",
        )
        .expect("well formed");
        let reader = Reader::new(&lexicon);
        check(&reader, "湖南省长江", "hu2nan2sheng3 chang2jiang1");
        check(&reader, "避难，要求", "bi4nan4 ， yao1qiu2");
        check(&reader, "银行", "yin2hang2");
        check(&reader, "筻口镇", "gang4kou3 zhen4");
        check(&reader, "长湖乡", "chang2hu2xiang1");
        check(&reader, "一点", "yi1dian3");
        check(&reader, "G幺零七。", "G yao1 ling2qi1 。");
    }
}
