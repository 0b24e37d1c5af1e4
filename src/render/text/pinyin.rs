//! Words and their readings in numbered pinyin (`gang4`, 5 = neutral tone, `v` = ü).

use super::context;
use super::cursor::is_pause;
use super::lexicon::Lexicon;
use super::number;
use jieba_rs::Jieba;
use std::collections::BTreeMap;

/// Longest phrase in the tables, in characters.
const PHRASE_CHARS_MAX: usize = 5;
/// Weight that makes a local word win over any other cut.
const LOCAL_WORD_WEIGHT: usize = 1_000_000;
/// Weight that makes a word of warnings win over common words that overlap it.
const BROADCAST_WORD_WEIGHT: usize = 20_000;

const CHARACTERS: &str = include_str!("tables/characters.txt");
const PHRASES: &str = include_str!("tables/phrases.txt");
const BROADCAST: &str = include_str!("tables/broadcast.txt");

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

/// Where a reading came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `configs/phrases.toml`.
    Local,
    /// Our words of warnings.
    Broadcast,
    /// The table of phrases.
    Phrase,
    /// A number, digit by digit with its explicit reading.
    Number,
    /// The words beside it.
    Context,
    /// The commonest reading of each character.
    Character,
    /// Letters or a pause, which need no reading.
    Plain,
    /// Nobody knows the reading of at least one character.
    Unknown,
}

impl Source {
    /// The name that people see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "phrases.toml",
            Self::Broadcast => "word of warnings",
            Self::Phrase => "phrase",
            Self::Number => "number",
            Self::Context => "neighbouring words",
            Self::Character => "character",
            Self::Plain => "",
            Self::Unknown => "unknown, silent",
        }
    }
}

/// The dictionaries, loaded once (about 0.1 s and 40 MB).
pub(super) struct Reader {
    jieba: Jieba,
    characters: BTreeMap<char, &'static str>,
    phrases: BTreeMap<String, (Source, Vec<String>)>,
}

/// `word syllable syllable …` lines.
fn table(text: &str) -> impl Iterator<Item = (&str, Vec<String>)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (word, syllables) = line.split_once(' ')?;
        Some((word, syllables.split(' ').map(str::to_owned).collect()))
    })
}

/// The commonest reading of every character that the tables know.
pub(super) fn characters() -> BTreeMap<char, &'static str> {
    let mut characters = BTreeMap::new();
    for line in CHARACTERS.lines() {
        if let Some((syllable, all)) = line.split_once(' ') {
            characters.extend(all.chars().map(|c| (c, syllable)));
        }
    }
    characters
}

impl Reader {
    /// Loads the built-in tables and lays the local lexicon over them.
    #[must_use]
    pub(super) fn new(lexicon: &Lexicon) -> Self {
        let mut phrases = BTreeMap::new();
        let mut jieba = Jieba::new();
        for (word, syllables) in table(PHRASES) {
            phrases.insert(word.to_owned(), (Source::Phrase, syllables));
        }
        for (word, syllables) in table(BROADCAST) {
            if word.chars().count() > 1 {
                jieba.add_word(word, Some(BROADCAST_WORD_WEIGHT), None);
            }
            phrases.insert(word.to_owned(), (Source::Broadcast, syllables));
        }
        for (word, syllables) in lexicon.readings() {
            jieba.add_word(word, Some(LOCAL_WORD_WEIGHT), None);
            phrases.insert(word.clone(), (Source::Local, syllables.clone()));
        }
        Self { jieba, characters: characters(), phrases }
    }

    /// Cuts said text (see `normalise`) into words with readings, letters and pauses.
    #[must_use]
    pub(super) fn read(&self, said: &str) -> Vec<Piece> {
        self.read_with_sources(said).into_iter().map(|(piece, _)| piece).collect()
    }

    /// The same, with the source of each piece's reading.
    #[must_use]
    pub(super) fn read_with_sources(&self, said: &str) -> Vec<(Piece, Source)> {
        let mut pieces = Vec::new();
        let mut rest = said;
        while !rest.is_empty() {
            let (start, end) = number::run(rest).unwrap_or((rest.len(), rest.len()));
            for token in self.jieba.cut(rest.get(..start).unwrap_or_default(), true) {
                self.push_token(token.word, &mut pieces);
            }
            let end = number::without_unit(rest, start, end);
            for word in number::words(rest.get(start..end).unwrap_or_default()) {
                self.flush(&mut word.clone(), &mut pieces);
            }
            rest = rest.get(end..).unwrap_or_default();
        }
        context::adjust(&mut pieces);
        pieces
    }

    /// A token that only the statistics of jieba made, with a character that must stand alone to be read
    /// rightly (长三 of 长三米), is cut again by the dictionary.
    fn push_token(&self, word: &str, pieces: &mut Vec<(Piece, Source)>) {
        let is_number = |c: char| number::readings(&[c]).is_some();
        let guessed = word.chars().count() > 1
            && !self.jieba.has_word(word)
            && word.chars().any(|c| context::knows(c) || is_number(c));
        let measure = word.starts_with(['长', '重', '高', '宽', '深', '约']);
        if measure && word.chars().count() == 2 && word.ends_with(is_number) {
            for c in word.chars() {
                self.push(&c.to_string(), pieces);
            }
        } else if guessed {
            for token in self.jieba.cut(word, false) {
                self.push(token.word, pieces);
            }
        } else {
            self.push(word, pieces);
        }
    }

    fn push(&self, word: &str, pieces: &mut Vec<(Piece, Source)>) {
        let mut hanzi = String::new();
        for c in word.chars() {
            if c.is_ascii_alphabetic() || is_pause(c) {
                self.flush(&mut hanzi, pieces);
                match pieces.last_mut() {
                    Some((Piece::Letters(letters), _)) if c.is_ascii_alphabetic() => {
                        letters.push(c);
                    }
                    _ if c.is_ascii_alphabetic() => {
                        pieces.push((Piece::Letters(c.to_string()), Source::Plain));
                    }
                    _ => pieces.push((Piece::Pause(c), Source::Plain)),
                }
            } else if c.is_alphabetic() {
                hanzi.push(c);
            }
        }
        self.flush(&mut hanzi, pieces);
    }

    fn flush(&self, hanzi: &mut String, pieces: &mut Vec<(Piece, Source)>) {
        if !hanzi.is_empty() {
            let (word, source) = self.word(hanzi);
            pieces.push((Piece::Word(word), source));
            hanzi.clear();
        }
    }

    /// A number by its own table; else the longest match inside one word, then single characters.
    fn word(&self, word: &str) -> (Vec<(char, Option<String>)>, Source) {
        let chars: Vec<char> = word.chars().collect();
        if let Some(digits) = number::readings(&chars) {
            return (chars.into_iter().zip(digits.into_iter().map(Some)).collect(), Source::Number);
        }
        if let Some((source, known)) = self.phrases.get(word) {
            return (chars.into_iter().zip(known.iter().cloned().map(Some)).collect(), *source);
        }
        let mut out = Vec::with_capacity(chars.len());
        let mut source = Source::Character;
        let mut rest = chars.as_slice();
        while let Some((first, tail)) = rest.split_first() {
            let longest = (2..=PHRASE_CHARS_MAX.min(rest.len())).rev().find_map(|n| {
                let part = rest.get(..n)?;
                let known = self.phrases.get(&part.iter().collect::<String>())?;
                Some((part, known, rest.get(n..)?))
            });
            if let Some((part, (by, known), after)) = longest {
                source = *by;
                out.extend(part.iter().copied().zip(known.iter().cloned().map(Some)));
                rest = after;
            } else {
                let alone = self.phrases.get(first.to_string().as_str());
                let known = alone.and_then(|(_, syllables)| syllables.first().cloned());
                let known = known.or_else(|| self.characters.get(first).map(|s| (*s).to_owned()));
                out.push((*first, known));
                rest = tail;
            }
        }
        if out.iter().any(|(_, syllable)| syllable.is_none()) {
            source = Source::Unknown;
        }
        (out, source)
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
        check(&reader, "G幺零七。", "G yao1ling2qi1 。");
    }

    #[test]
    fn our_words_are_well_formed_and_needed() {
        let without = {
            let mut reader = Reader::new(&Lexicon::default());
            reader.phrases.retain(|_, (source, _)| *source != Source::Broadcast);
            reader
        };
        let mut seen = std::collections::BTreeSet::new();
        for (word, syllables) in table(BROADCAST) {
            assert_eq!(word.chars().count(), syllables.len(), "{word}");
            assert!(
                syllables.iter().all(|s| super::super::phoneme::syllable(s).is_some()),
                "{word}"
            );
            assert!(seen.insert(word), "{word} twice");
        }
        assert!(seen.len() > 100, "{}", seen.len());
        check(&without, "地方", "di4fang1");
    }
}
