//! Tones as they sound: 一, 不 and chains of third tones.
//!
//! Readings elsewhere keep the tones of the dictionary, because the neural voice learnt the changes from
//! the words and would make them twice. A voice that joins recorded syllables asks here.

use super::pinyin::Piece;

/// After 一 as the number of something in an order, and before which it keeps its tone.
const ORDERED: &[char] =
    &['级', '月', '日', '号', '楼', '组', '班', '线', '等', '期', '区', '队', '中', '九', '小'];
/// Number characters beside which 一 is a digit.
const DIGITS: &[char] =
    &['零', '一', '二', '三', '四', '五', '六', '七', '八', '九', '十', '点', '幺', '第', '之'];

/// One syllable with its place.
struct Syllable {
    character: char,
    base: String,
    tone: char,
    /// Number of its word within the group, and whether it is the last of its word.
    word: usize,
    is_last: bool,
}

/// The pieces with surface tones. Pauses and letters part groups; nothing changes across them.
#[must_use]
pub fn sandhi(pieces: &[Piece]) -> Vec<Piece> {
    let mut out = Vec::with_capacity(pieces.len());
    for group in pieces.chunk_by(|a, b| is_word(a) && is_word(b)) {
        let mut syllables = flatten(group);
        one_and_not(&mut syllables);
        third_tones(&mut syllables);
        let mut changed = syllables.into_iter();
        for piece in group {
            out.push(match piece {
                Piece::Word(word) => Piece::Word(
                    word.iter()
                        .map(|(c, s)| {
                            let now = changed.next().filter(|s| !s.base.is_empty());
                            (*c, now.map(|now| format!("{}{}", now.base, now.tone)).or(s.clone()))
                        })
                        .collect(),
                ),
                other @ (Piece::Letters(_) | Piece::Pause(_)) => other.clone(),
            });
        }
    }
    out
}

fn is_word(piece: &Piece) -> bool {
    matches!(piece, Piece::Word(_))
}

fn flatten(group: &[Piece]) -> Vec<Syllable> {
    let mut out = Vec::new();
    for (number, piece) in group.iter().enumerate() {
        let Piece::Word(word) = piece else { continue };
        for (at, (character, syllable)) in word.iter().enumerate() {
            let text = syllable.as_deref().unwrap_or_default();
            let tone = text.chars().next_back().filter(char::is_ascii_digit).unwrap_or('0');
            let base = text.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
            let is_last = at + 1 == word.len();
            out.push(Syllable { character: *character, base, tone, word: number, is_last });
        }
    }
    out
}

/// 一 is yi2 before a fourth tone, yi4 before the others, and itself as a digit, in an order or at the end;
/// 不 is bu2 before a fourth tone.
fn one_and_not(syllables: &mut [Syllable]) {
    for at in 0..syllables.len() {
        let before = at.checked_sub(1).and_then(|n| syllables.get(n)).map(|s| s.character);
        let next = syllables.get(at + 1).map(|s| (s.character, s.tone));
        let Some(now) = syllables.get_mut(at) else { continue };
        let Some((next_character, next_tone)) = next else { continue };
        match (now.character, now.base.as_str()) {
            ('一', "yi") if now.tone == '1' => {
                let is_digit = before.is_some_and(|c| DIGITS.contains(&c))
                    && !matches!(next_character, '百' | '千' | '万' | '亿')
                    || DIGITS.contains(&next_character)
                    || ORDERED.contains(&next_character)
                    || now.is_last && before.is_some() && now.word > 0 && next_character == '的';
                let ends_word = ends_in_one(before, now.is_last);
                if !is_digit && !ends_word {
                    now.tone = if next_tone == '4' || next_character == '个' { '2' } else { '4' };
                }
            }
            ('不', "bu") if now.tone == '4' && next_tone == '4' => now.tone = '2',
            _ => {}
        }
    }
}

/// Whether the character before makes 一 the end of a word: 统一, 唯一, 万一, 之一.
fn ends_in_one(before: Option<char>, is_last: bool) -> bool {
    before.is_some_and(|c| "统唯专".contains(c) || is_last && "万之同单逐合周".contains(c))
}

/// Chains of third tones: within a word every one but the last rises; in longer words and rows of digits
/// they go in pairs; a word of one character joins its neighbour.
fn third_tones(syllables: &mut [Syllable]) {
    let mut from = 0;
    while from < syllables.len() {
        let mut end = from + 1;
        while joined(syllables, end) {
            end += 1;
        }
        if let Some(foot) = syllables.get_mut(from..end) {
            chain(foot);
        }
        from = end;
    }
}

/// Whether the syllable `at` and the one before belong to one foot and both are third tones.
fn joined(syllables: &[Syllable], at: usize) -> bool {
    let (Some(before), Some(now)) =
        (at.checked_sub(1).and_then(|n| syllables.get(n)), syllables.get(at))
    else {
        return false;
    };
    let alone = |s: &Syllable, n: usize| {
        s.is_last
            && n.checked_sub(1).and_then(|n| syllables.get(n)).is_none_or(|b| b.word != s.word)
    };
    before.tone == '3'
        && now.tone == '3'
        && (before.word == now.word || alone(before, at - 1) || alone(now, at))
}

fn chain(foot: &mut [Syllable]) {
    let n = foot.len();
    for (at, syllable) in foot.iter_mut().enumerate() {
        // In a foot of up to three all but the last rise; a longer one goes in pairs from its end.
        let rises = at + 1 < n && (n <= 3 || (n - at).is_multiple_of(2));
        if rises {
            syllable.tone = '2';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FrontEnd, Lexicon};
    use super::*;

    fn check(front_end: &FrontEnd, said: &str, want: &str) {
        let script = front_end.script(said).expect("speakable");
        let mut got = Vec::new();
        for chunk in &script.chunks {
            for piece in sandhi(&chunk.pieces) {
                match piece {
                    Piece::Word(word) => {
                        got.extend(
                            word.into_iter().map(|(_, s)| s.unwrap_or_else(|| "?".to_owned())),
                        );
                    }
                    Piece::Letters(letters) => got.push(letters),
                    Piece::Pause(c) => got.push(c.to_string()),
                }
            }
        }
        assert_eq!(got.join(" "), want, "{said}");
    }

    #[test]
    fn surface_tones() {
        let front_end = FrontEnd::new(Lexicon::default());
        for line in include_str!("cases/sandhi.tsv").lines().filter(|line| !line.starts_with('#')) {
            let (said, want) = line.split_once('\t').expect("two columns");
            check(&front_end, said, want);
        }
    }

    #[test]
    fn unknown_characters_and_letters_stay() {
        let pieces = vec![
            Piece::Word(vec![('\u{20000}', None), ('一', Some("yi1".to_owned()))]),
            Piece::Letters("GPS".to_owned()),
            Piece::Pause('。'),
        ];
        assert_eq!(sandhi(&pieces), pieces);
    }
}
