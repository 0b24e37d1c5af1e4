//! Pinyin → the phonetic alphabet that the Kokoro voice was trained on.
//!
//! The model's symbol table (`vocab.json` of Kokoro-82M v1.0) fixes the alphabet: IPA with ligatures
//! (ʦ ʨ ꭧ), tone as an arrow right after the vowel (→ ↗ ↓ ↘), words apart by spaces. Tone sandhi is
//! not applied: the model learnt it from the words.

use super::pinyin::Piece;

/// Symbols and numbers of the model's table that Chinese and spelled letters use.
const SYMBOLS: &[(char, i32)] = &[
    (';', 1),
    (':', 2),
    (',', 3),
    ('.', 4),
    ('!', 5),
    ('?', 6),
    (' ', 16),
    ('ʦ', 20),
    ('ʨ', 21),
    ('ꭧ', 23),
    ('A', 24),
    ('I', 25),
    ('O', 31),
    ('ᵊ', 42),
    ('a', 43),
    ('b', 44),
    ('d', 46),
    ('e', 47),
    ('f', 48),
    ('i', 51),
    ('j', 52),
    ('k', 53),
    ('l', 54),
    ('m', 55),
    ('n', 56),
    ('o', 57),
    ('p', 58),
    ('s', 61),
    ('t', 62),
    ('u', 63),
    ('v', 64),
    ('w', 65),
    ('x', 66),
    ('y', 67),
    ('z', 68),
    ('ɑ', 69),
    ('ɔ', 76),
    ('ɕ', 77),
    ('ʤ', 82),
    ('ə', 83),
    ('ɚ', 85),
    ('ɛ', 86),
    ('ɥ', 99),
    ('ɨ', 101),
    ('ŋ', 112),
    ('ɹ', 123),
    ('ɻ', 126),
    ('ʂ', 130),
    ('ʊ', 135),
    ('ʌ', 138),
    ('ɤ', 140),
    ('ˈ', 156),
    ('ˌ', 157),
    ('ʰ', 162),
    ('↓', 169),
    ('→', 171),
    ('↗', 172),
    ('↘', 173),
];

/// English names of the letters in the model's alphabet.
const LETTERS: [&str; 26] = [
    "ˈA",
    "bˈi",
    "sˈi",
    "dˈi",
    "ˈi",
    "ˈɛf",
    "ʤˈi",
    "ˈAʧ",
    "ˈI",
    "ʤˈA",
    "kˈA",
    "ˈɛl",
    "ˈɛm",
    "ˈɛn",
    "ˈO",
    "pˈi",
    "kjˈu",
    "ˈɑɹ",
    "ˈɛs",
    "tˈi",
    "jˈu",
    "vˈi",
    "dˈʌbᵊljˌu",
    "ˈɛks",
    "wˈI",
    "zˈi",
];

const INITIALS: &[(&str, &str)] = &[
    ("zh", "ꭧ"),
    ("ch", "ꭧʰ"),
    ("sh", "ʂ"),
    ("b", "p"),
    ("p", "pʰ"),
    ("m", "m"),
    ("f", "f"),
    ("d", "t"),
    ("t", "tʰ"),
    ("n", "n"),
    ("l", "l"),
    ("g", "k"),
    ("k", "kʰ"),
    ("h", "x"),
    ("j", "ʨ"),
    ("q", "ʨʰ"),
    ("x", "ɕ"),
    ("r", "ɻ"),
    ("z", "ʦ"),
    ("c", "ʦʰ"),
    ("s", "s"),
];

/// Finals as (before the tone, after the tone).
const FINALS: &[(&str, &str, &str)] = &[
    ("a", "a", ""),
    ("ai", "ai", ""),
    ("an", "a", "n"),
    ("ang", "a", "ŋ"),
    ("ao", "au", ""),
    ("e", "ɤ", ""),
    ("ei", "ei", ""),
    ("en", "ə", "n"),
    ("eng", "ə", "ŋ"),
    ("er", "ɚ", ""),
    ("i", "i", ""),
    ("ia", "ja", ""),
    ("ian", "jɛ", "n"),
    ("iang", "ja", "ŋ"),
    ("iao", "jau", ""),
    ("ie", "je", ""),
    ("in", "i", "n"),
    ("ing", "i", "ŋ"),
    ("io", "jɔ", ""),
    ("iong", "jʊ", "ŋ"),
    ("iou", "jou", ""),
    ("ong", "ʊ", "ŋ"),
    ("ou", "ou", ""),
    ("u", "u", ""),
    ("ua", "wa", ""),
    ("uai", "wai", ""),
    ("uan", "wa", "n"),
    ("uang", "wa", "ŋ"),
    ("uei", "wei", ""),
    ("uen", "wə", "n"),
    ("ueng", "wə", "ŋ"),
    ("uo", "wo", ""),
    ("o", "ɔ", ""),
    ("v", "y", ""),
    ("ve", "ɥe", ""),
    ("van", "ɥɛ", "n"),
    ("vn", "y", "n"),
    ("m", "m", ""),
    ("n", "n", ""),
];

/// The full final of a syllable without initial (`ya` → `ia`).
fn spelled_out(bare: &str) -> String {
    if let Some(rest) = bare.strip_prefix("yu") {
        return if rest.starts_with("an") || rest == "e" || rest == "n" || rest.is_empty() {
            format!("v{rest}")
        } else {
            format!("iu{rest}")
        };
    }
    match bare {
        "yi" | "yin" | "ying" => bare.replacen('y', "", 1),
        "you" => "iou".to_owned(),
        "wu" => "u".to_owned(),
        other => match (other.strip_prefix('y'), other.strip_prefix('w')) {
            (Some(rest), _) => format!("i{rest}"),
            (_, Some(rest)) => format!("u{rest}"),
            _ => other.to_owned(),
        },
    }
}

/// One numbered syllable in the model's alphabet; `None` when it is no syllable of Mandarin.
#[must_use]
pub(super) fn syllable(numbered: &str) -> Option<String> {
    let tone = match numbered.chars().last()? {
        '1' => "→",
        '2' => "↗",
        '3' => "↓",
        '4' => "↘",
        '5' => "",
        _ => return None,
    };
    let bare = numbered.get(..numbered.len() - 1)?;
    let found = INITIALS.iter().find(|(name, _)| bare.len() > name.len() && bare.starts_with(name));
    let (initial, sound, rest) = match found {
        Some((name, sound)) => (*name, *sound, bare.get(name.len()..)?.to_owned()),
        None => ("", "", spelled_out(bare)),
    };
    let rest = match (initial, rest.as_str()) {
        ("zh" | "ch" | "sh" | "r" | "z" | "c" | "s", "i") => {
            return Some(format!("{sound}ɨ{tone}"));
        }
        ("j" | "q" | "x", final_) if final_.starts_with('u') => final_.replacen('u', "v", 1),
        (_, "iu") => "iou".to_owned(),
        (_, "ui") => "uei".to_owned(),
        (_, "un") => "uen".to_owned(),
        ("b" | "p" | "m" | "f" | "l", "o") => "uo".to_owned(),
        (_, final_) => final_.to_owned(),
    };
    let (_, before, after) = FINALS.iter().find(|(name, ..)| *name == rest)?;
    Some(format!("{sound}{before}{tone}{after}"))
}

/// A sentence in the model's alphabet, words apart by spaces.
#[must_use]
pub(super) fn phonemes(pieces: &[Piece]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Word(word) => {
                let said: String =
                    word.iter().filter_map(|(_, s)| s.as_deref().and_then(syllable)).collect();
                push_word(&mut out, &said);
            }
            Piece::Letters(letters) => {
                for letter in letters.bytes() {
                    let index = usize::from(letter.wrapping_sub(b'A'));
                    push_word(&mut out, LETTERS.get(index).unwrap_or(&""));
                }
            }
            Piece::Pause(c) => out.push(match c {
                '。' => '.',
                '！' => '!',
                '？' => '?',
                '；' => ';',
                '：' => ':',
                _ => ',',
            }),
        }
    }
    out
}

fn push_word(out: &mut String, word: &str) {
    if !word.is_empty() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
}

/// The model's numbers of `phonemes`; symbols it does not know are left out.
#[must_use]
pub(super) fn numbers(phonemes: &str) -> Vec<i32> {
    phonemes
        .chars()
        .filter_map(|c| {
            if c == 'ʧ' {
                Some(133)
            } else {
                SYMBOLS.iter().find(|(s, _)| *s == c).map(|(_, n)| *n)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syllable_of_the_tables_has_symbols_that_the_model_knows() {
        let text =
            [include_str!("tables/characters.txt"), include_str!("tables/phrases.txt")].concat();
        let mut checked = 0;
        for word in text.split_ascii_whitespace().filter(|w| w.is_ascii()) {
            let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
            if ["hm", "fiao", "hng", "ng", "eh", "m", "n"].contains(&bare) {
                continue;
            }
            let said = syllable(word).unwrap_or_else(|| panic!("no sound for {word}"));
            assert_eq!(numbers(&said).len(), said.chars().count(), "{word}: {said}");
            checked += 1;
        }
        assert!(checked > 10_000, "{checked}");
        assert!(LETTERS.iter().all(|l| numbers(l).len() == l.chars().count()));
    }

    #[test]
    fn syllables_sound_as_written() {
        for (numbered, said) in [
            ("yue4", "ɥe↘"),
            ("yang2", "ja↗ŋ"),
            ("zhong1", "ꭧʊ→ŋ"),
            ("chi1", "ꭧʰɨ→"),
            ("qu4", "ʨʰy↘"),
            ("xuan1", "ɕɥɛ→n"),
            ("lv4", "ly↘"),
            ("liu2", "ljou↗"),
            ("shui3", "ʂwei↓"),
            ("bo1", "pwo→"),
            ("er4", "ɚ↘"),
            ("wu3", "u↓"),
            ("yi1", "i→"),
            ("de5", "tɤ"),
            ("gun3", "kwə↓n"),
            ("yong4", "jʊ↘ŋ"),
        ] {
            assert_eq!(syllable(numbered).as_deref(), Some(said), "{numbered}");
        }
        for wrong in ["", "4", "gang", "xyz1", "gang6", "鸣1"] {
            assert_eq!(syllable(wrong), None, "{wrong}");
        }
    }
}
