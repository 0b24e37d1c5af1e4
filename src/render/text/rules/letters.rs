//! Latin letters: abbreviations are spelled, foreign words are left out.

use super::super::cursor::{Cursor, Said};
use super::super::number::{cardinal, decimal, one_by_one_yao};

/// Longest word that is spelled, letters; beyond it nobody can follow.
const SPELLED_LETTERS_MAX: usize = 8;
/// Longest word in small letters that is spelled.
const SMALL_LETTERS_MAX: usize = 3;

/// Abbreviations that have words of their own, and how they are said.
const KNOWN: &[(&str, &str)] = &[
    ("CO中毒", "一氧化碳中毒"),
    ("CO2", "二氧化碳"),
    ("SO2", "二氧化硫"),
    ("NO2", "二氧化氮"),
    ("NH3", "氨气"),
    ("H2S", "硫化氢"),
    ("O3", "臭氧"),
    ("PM2.5", "PM二点五"),
    ("PM10", "PM十"),
    ("Wi-Fi", "WIFI"),
    ("WiFi", "WIFI"),
    ("WIFI", "WIFI"),
    ("wifi", "WIFI"),
    ("WeChat", "微信"),
    ("Email", "邮箱"),
    ("email", "邮箱"),
    ("E-mail", "邮箱"),
    ("e-mail", "邮箱"),
    ("Tel", "电话"),
    ("TEL", "电话"),
    ("tel", "电话"),
    ("No.", "编号"),
    ("NO.", "编号"),
    ("am", "上午"),
    ("pm", "下午"),
    ("vs", "对"),
];

fn is_inside_word(at: &Cursor<'_>) -> bool {
    at.back(1).is_some_and(|c| c.is_ascii_alphanumeric())
}

/// An abbreviation with words of its own.
pub(super) fn known(at: &Cursor<'_>) -> Option<Said> {
    if !at.char(0)?.is_ascii_alphabetic() || is_inside_word(at) {
        return None;
    }
    let (written, said) = KNOWN.iter().find(|(written, _)| {
        let next = at.char(written.chars().count());
        at.starts(0, written)
            && (written.ends_with('.') || !next.is_some_and(|c| c.is_ascii_alphanumeric()))
    })?;
    Said::words(written.chars().count(), *said)
}

/// A4, 5G, H7N9, TD-12: letters spelled, digits one by one.
pub(super) fn with_digits(at: &Cursor<'_>) -> Option<Said> {
    let letters = at.letters(0);
    if letters.is_empty() || letters.len() > SPELLED_LETTERS_MAX || is_inside_word(at) {
        return None;
    }
    let dash = usize::from(at.char(letters.len()) == Some('-'));
    let from = letters.len() + dash;
    let number = at.number(from);
    if number.is_empty() || at.is_one_of(from + number.chars().count(), &[':', '/']) {
        return None;
    }
    let said = match () {
        () if number.contains('.') => decimal(&number),
        () if number.len() <= 2 && !number.starts_with('0') => cardinal(&number),
        // A kilometre stone without metres.
        () if letters == "K" && !at.starts(from + number.len(), "次") => cardinal(&number),
        () => one_by_one_yao(&number),
    };
    Said::number(from + number.chars().count(), format!("{}{said}", letters.to_ascii_uppercase()))
}

/// A foreign word among Chinese words: nobody could follow its letters.
pub(super) fn foreign(at: &Cursor<'_>) -> Option<Said> {
    let letters = at.letters(0);
    let small = letters.contains(|c: char| c.is_ascii_lowercase());
    let long = letters.len() > SPELLED_LETTERS_MAX || small && letters.len() > SMALL_LETTERS_MAX;
    if !long || !at.has_words {
        return None;
    }
    Said::words(letters.len(), "")
}

/// Letters by their names.
pub(super) fn spelled(at: &Cursor<'_>) -> Option<Said> {
    let letters = at.letters(0);
    if letters.is_empty() {
        return None;
    }
    Said::words(letters.len(), letters.to_ascii_uppercase())
}
