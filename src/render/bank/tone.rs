//! The tone a syllable takes beside its neighbours, for syllables said alone.
//!
//! Words need none of it: their sounds were made whole, and the neural voice applies it by itself.

/// A syllable or a letter of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Syllable {
    /// Numbered pinyin with the tone of the character alone, or a capital letter.
    pub(super) key: String,
    hanzi: char,
    /// The tone as the front end wrote it.
    tone: u8,
    /// Whether a word begins with it.
    pub(super) starts: bool,
    /// Whether a word ends with it.
    pub(super) ends: bool,
}

impl Syllable {
    /// The syllable of `hanzi` read as `reading`, at the `borders` (first, last) of a word; `None` when
    /// the reading is no numbered pinyin.
    pub(super) fn of(hanzi: char, reading: &str, borders: (bool, bool)) -> Option<Self> {
        let tone = reading.bytes().last()?.checked_sub(b'0').filter(|t| (1..=5).contains(t))?;
        let bare = reading.get(..reading.len().checked_sub(1)?)?;
        if bare.is_empty() || !bare.bytes().all(|b| b.is_ascii_lowercase()) {
            return None;
        }
        // Dictionaries write 一 and 不 now with their own tone, now with that of the phrase.
        let key = match (hanzi, bare) {
            ('一', "yi") => "yi1".to_owned(),
            ('不', "bu") => "bu4".to_owned(),
            _ => reading.to_owned(),
        };
        Some(Self { key, hanzi, tone, starts: borders.0, ends: borders.1 })
    }

    /// A letter of the Latin alphabet.
    pub(super) fn letter(letter: char) -> Self {
        let key = letter.to_ascii_uppercase().to_string();
        Self { key, hanzi: letter, tone: 0, starts: true, ends: true }
    }
}

/// Letters said by syllables of Mandarin, as announcers do, where a machine's ear understood the bank's own sound
/// of the letter less well: G was heard as 这, P and T as 第, V as 飞, O as 狗, and X made it lose the thread.
const LETTER_NAMES: [(&str, &[&str]); 11] = [
    ("G", &["ji4"]),
    ("H", &["ai4", "chi1"]),
    ("J", &["jie4"]),
    ("L", &["ai4", "le4"]),
    ("O", &["ou1"]),
    ("P", &["pi4"]),
    ("Q", &["qiu1"]),
    ("T", &["ti4"]),
    ("V", &["wei1"]),
    ("X", &["ai4", "ke4", "si1"]),
    ("Z", &["zei2"]),
];

/// The syllables that name the letter `key` better than the letter's own sound.
pub(super) fn name_of_letter(key: &str) -> Option<&'static [&'static str]> {
    LETTER_NAMES.iter().find(|(letter, _)| *letter == key).map(|(_, name)| *name)
}

/// Characters beside which 一 is a figure and keeps its tone.
const FIGURES: &str = "零一二三四五六七八九十百第点月日号级";

/// The key of `own` as it sounds between `before` and `after`: a third tone before a third tone is said as a
/// second; 不 rises before a fourth tone; 一 rises before a fourth tone and falls before the others unless it is
/// a figure or stands last.
pub(super) fn surface(
    before: Option<&Syllable>,
    own: &Syllable,
    after: Option<&Syllable>,
) -> String {
    let bare = own.key.trim_end_matches(|c: char| c.is_ascii_digit());
    let next = after.map_or(0, |s| s.tone);
    let tone = match own.hanzi {
        _ if own.tone == 0 => return own.key.clone(),
        '不' if next == 4 => 2,
        '不' => 4,
        '一' if own.tone != 1 => own.tone,
        '一' => {
            let figure = |s: Option<&Syllable>| s.is_some_and(|s| FIGURES.contains(s.hanzi));
            match next {
                _ if figure(before) || figure(after) => 1,
                4 => 2,
                1..=3 => 4,
                _ => 1,
            }
        }
        _ if own.tone == 3 && next == 3 => 2,
        _ => own.tone,
    };
    format!("{bare}{tone}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &[(char, &str)], want: &[&str]) {
        let said: Vec<Syllable> = word
            .iter()
            .map(|(c, r)| Syllable::of(*c, r, (true, true)).expect("a reading"))
            .collect();
        for (at, want) in want.iter().enumerate() {
            let before = at.checked_sub(1).map(|n| &said[n]);
            assert_eq!(surface(before, &said[at], said.get(at + 1)), *want, "{word:?}");
        }
    }

    #[test]
    fn third_tones_yi_and_bu_follow_their_neighbours() {
        check(&[('水', "shui3"), ('里', "li3")], &["shui2", "li3"]);
        check(&[('水', "shui3"), ('库', "ku4")], &["shui3", "ku4"]);
        check(&[('不', "bu4"), ('要', "yao4")], &["bu2", "yao4"]);
        check(&[('不', "bu2"), ('涉', "she4")], &["bu2", "she4"]);
        check(&[('不', "bu4"), ('能', "neng2")], &["bu4", "neng2"]);
        check(&[('一', "yi1"), ('次', "ci4")], &["yi2", "ci4"]);
        check(&[('一', "yi1"), ('场', "chang2")], &["yi4", "chang2"]);
        check(&[('十', "shi2"), ('一', "yi1"), ('月', "yue4")], &["shi2", "yi1", "yue4"]);
        check(&[('一', "yi1")], &["yi1"]);
    }

    #[test]
    fn what_is_no_pinyin_is_no_syllable() {
        for wrong in ["", "4", "gang", "gang6", "鸣1", "GANG4"] {
            assert_eq!(Syllable::of('鸣', wrong, (true, true)), None, "{wrong}");
        }
        assert_eq!(surface(None, &Syllable::letter('g'), None), "G");
    }
}
