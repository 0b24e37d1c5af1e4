//! Levels: Ⅰ-Ⅳ, IV级, level 3.

use super::super::cursor::{Cursor, Said};
use super::super::number::cardinal;

const ROMAN: &[&str] = &["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
/// What follows a Roman number written with Latin letters.
const LEVELLED: &[&str] = &["级", "类", "度", "型", "期", "等", "档", "号", "区", "、I"];

/// The Roman number `ahead` of here: characters and value.
fn roman(at: &Cursor<'_>, ahead: usize) -> Option<(usize, usize)> {
    let c = at.char(ahead)?;
    for first in ['Ⅰ', 'ⅰ'] {
        let value = u32::from(c).wrapping_sub(u32::from(first));
        if value < 12 {
            return usize::try_from(value).ok().map(|value| (1, value + 1));
        }
    }
    let letters = at.letters(ahead);
    let value = ROMAN.iter().position(|r| *r == letters)? + 1;
    let end = ahead + letters.len();
    let sign = at.range_sign(end).max(usize::from(at.is_one_of(end, &['、', '/'])));
    let levelled = at.starts_any(end, LEVELLED)
        || at.char(end) == Some(' ') && at.char(end + 1) == Some('级')
        || ahead == 0 && at.back(1) == Some('第')
        || sign > 0 && !at.letters(end + sign).is_empty() && roman(at, end + sign).is_some();
    levelled.then_some((letters.len(), value))
}

/// Whether a Roman level stands `ahead` of here.
pub(super) fn starts(at: &Cursor<'_>, ahead: usize) -> bool {
    roman(at, ahead).is_some()
}

/// A level in Roman numbers or in English.
pub(super) fn level(at: &Cursor<'_>) -> Option<Said> {
    if at.back(1).is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    if let Some((chars, value)) = roman(at, 0) {
        return Said::number(chars, cardinal(&value.to_string()));
    }
    let word = at.letters(0);
    let is_level = ["level", "grade", "lv"].iter().any(|name| word.eq_ignore_ascii_case(name));
    if !is_level {
        return None;
    }
    let gap =
        word.len() + (0..3).take_while(|n| at.is_one_of(word.len() + n, &[' ', '-', '.'])).count();
    let digits = at.digits(gap);
    let (chars, said) = if digits.is_empty() {
        let letters = at.letters(gap);
        let unicode = at.char(gap).filter(|c| ('Ⅰ'..='Ⅻ').contains(c));
        match (ROMAN.iter().position(|r| *r == letters), unicode) {
            (Some(n), _) => (letters.len(), cardinal(&(n + 1).to_string())),
            (None, Some(_)) => {
                roman(at, gap).map(|(n, value)| (n, cardinal(&value.to_string())))?
            }
            (None, None) => return None,
        }
    } else {
        (digits.len(), cardinal(&digits))
    };
    let written = usize::from(at.char(gap + chars) == Some('级'));
    Said::number(gap + chars + written, format!("{said}级"))
}
