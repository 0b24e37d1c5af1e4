//! Numbers of list items: (1) 1. 1、 ① ㈠.

use super::super::cursor::{Cursor, Said, is_han};
use super::super::number::cardinal;

/// Signs that number items: first sign, last sign, number of the first.
const ENCLOSED: &[(char, char, u32)] = &[
    ('①', '⑳', 1),
    ('⑴', '⒇', 1),
    ('⒈', '⒛', 1),
    ('❶', '❿', 1),
    ('➀', '➉', 1),
    ('㈠', '㈩', 1),
    ('㊀', '㊉', 1),
    ('㉑', '㉟', 21),
];

/// The number of an enclosed sign.
pub(in super::super) fn enclosed(c: char) -> Option<u32> {
    ENCLOSED
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&c))
        .map(|(first, _, number)| u32::from(c) - u32::from(*first) + number)
}

/// The number that begins an item.
pub(super) fn item(at: &Cursor<'_>) -> Option<Said> {
    let after_blank = at.back(1) == Some(' ') && !at.back(2).is_some_and(|c| c.is_ascii_digit());
    if !at.is_item_start() && !after_blank {
        return None;
    }
    let after = |n: usize| n + usize::from(at.is_one_of(n, &['、', '.', ' ']));
    if let Some(number) = at.char(0).and_then(enclosed) {
        return Said::words(after(1), format!("{}、", cardinal(&number.to_string())));
    }
    let open = usize::from(at.char(0) == Some('('));
    let digits = at.digits(open);
    let end = open + digits.len();
    if digits.is_empty() && open == 1 {
        let hanzi: String = at
            .ahead(4)
            .chars()
            .skip(1)
            .take_while(|c| "一二三四五六七八九十".contains(*c))
            .collect();
        let n = hanzi.chars().count();
        let closed = n > 0 && at.char(1 + n) == Some(')');
        return if closed { Said::words(after(n + 2), format!("{hanzi}、")) } else { None };
    }
    if !(1..=2).contains(&digits.len()) || digits.starts_with('0') {
        return None;
    }
    let chars = match at.char(end)? {
        ')' => after(end + 1),
        '、' if open == 0 && at.is_item_start() && !at.is_digit(end + 1) => end + 1,
        '.' if open == 0 && !at.is_digit(end + 1) && at.char(end + 1).is_some() => after(end + 1),
        _ => return None,
    };
    let pause = if at.is_item_start() { "" } else { "，" };
    Said::words(chars, format!("{pause}{}、", cardinal(&digits)))
}

/// An enclosed number within a sentence: 见①.
pub(super) fn circled(at: &Cursor<'_>) -> Option<Said> {
    let number = cardinal(&at.char(0).and_then(enclosed)?.to_string());
    let is_item = at.char(1).is_some_and(is_han)
        && at.back(1).is_some_and(|c| is_han(c) && !"见图表第注如".contains(c));
    if is_item { Said::words(1, format!("，{number}、")) } else { Said::number(1, number) }
}
