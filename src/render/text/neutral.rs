//! Forms without power: full-width letters become plain ones, traditional characters simplified ones;
//! mark-up, control and direction characters and emojis go.

use super::trace::{Fired, note};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Longest tag of speech mark-up, characters; a `<` without `>` within it is a sign.
const TAG_CHARS_MAX: usize = 200;

/// `traditional simplified` pairs, see `tables/README.md`.
static SIMPLIFIED: LazyLock<BTreeMap<char, char>> = LazyLock::new(|| {
    let mut pairs = BTreeMap::new();
    for line in include_str!("tables/traditional.txt").lines() {
        let mut chars = line.chars();
        if let (Some(from), Some(' '), Some(to)) = (chars.next(), chars.next(), chars.next()) {
            pairs.insert(from, to);
        }
    }
    pairs
});

/// Signs that stand for several plain ones.
const SPELLED: &[(char, &str)] = &[
    ('㎜', "mm"),
    ('㎝', "cm"),
    ('㎞', "km"),
    ('㎡', "m²"),
    ('㎢', "km²"),
    ('㎥', "m³"),
    ('㎏', "kg"),
    ('㎎', "mg"),
    ('㎍', "μg"),
    ('㎖', "mL"),
    ('㏄', "mL"),
    ('㎾', "kW"),
    ('㎸', "kV"),
    ('㏊', "ha"),
    ('µ', "μ"),
    ('℡', "电话"),
    ('〇', "零"),
    ('廿', "二十"),
    ('卅', "三十"),
    ('﹣', "-"),
    ('－', "-"),
    ('‐', "-"),
    ('‑', "-"),
    ('﹪', "%"),
    ('﹐', "，"),
    ('﹑', "、"),
    ('﹒', "。"),
    ('︰', "："),
    ('｡', "。"),
    ('､', "、"),
];

/// The text as plain characters.
pub(super) fn neutral(text: &str, fired: &mut Vec<Fired>) -> Vec<char> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::with_capacity(chars.len());
    let mut at = 0;
    while let Some(c) = chars.get(at).copied() {
        let tag = match c {
            '<' => tag_chars(&chars, at),
            '[' => command_chars(&chars, at),
            '&' => entity_chars(&chars, at),
            _ => 0,
        };
        if tag > 0 {
            let before: String = chars.iter().skip(at).take(tag).collect();
            note(fired, "mark-up, not spoken", &before, "");
            out.push(' ');
            at += tag;
            continue;
        }
        at += 1;
        let (rule, now) = plain(c, &out);
        if !rule.is_empty() {
            note(fired, rule, &c.to_string(), now.trim());
        }
        out.extend(now.chars());
    }
    out
}

/// Characters of the tag that begins at `at`, 0 = it is a sign.
fn tag_chars(chars: &[char], at: usize) -> usize {
    if !chars.get(at + 1).is_some_and(|n| n.is_ascii_alphabetic() || "/!?".contains(*n)) {
        return 0;
    }
    let rest = chars.get(at..).unwrap_or_default();
    match rest.iter().take(TAG_CHARS_MAX).position(|c| *c == '>') {
        Some(end) => end + 1,
        // Never closed: up to the next Chinese character, so that the words are not lost.
        None => rest.iter().take_while(|c| c.is_ascii() && **c != '\n').count(),
    }
}

/// Characters of a command of speech chips (`[v10]`, `[s5]`) that begins at `at`, 0 = it is a bracket.
fn command_chars(chars: &[char], at: usize) -> usize {
    let rest = chars.get(at..).unwrap_or_default();
    let n_digits = rest.iter().skip(2).take_while(|c| c.is_ascii_digit()).count();
    let is_command = rest.get(1).is_some_and(char::is_ascii_alphabetic)
        && (1..=3).contains(&n_digits)
        && rest.get(2 + n_digits) == Some(&']');
    if is_command { n_digits + 3 } else { 0 }
}

/// Characters of an entity of mark-up (`&lt;`, `&#39;`) that begins at `at`, 0 = it is a sign.
fn entity_chars(chars: &[char], at: usize) -> usize {
    let rest = chars.get(at + 1..).unwrap_or_default();
    let name = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '#').count();
    if (2..=8).contains(&name) && rest.get(name) == Some(&';') { name + 2 } else { 0 }
}

fn plain(c: char, before: &[char]) -> (&'static str, String) {
    if let Some((_, said)) = SPELLED.iter().find(|(sign, _)| *sign == c) {
        return ("sign of several characters", (*said).to_owned());
    }
    match c {
        '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' => ("", "。".to_owned()),
        '\u{3000}' | '\t' => ("", "  ".to_owned()),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => ("", " ".to_owned()),
        '，' | '！' | '？' | '；' | '：' => ("", c.to_string()),
        '\u{ff01}'..='\u{ff5e}' => {
            let now = char::from_u32(u32::from(c) - 0xfee0).unwrap_or(' ');
            // A full-width bracket is no news; a full-width letter or digit is.
            (if now.is_ascii_alphanumeric() { "full-width form" } else { "" }, now.to_string())
        }
        '₀'..='₉' => ("low digit", low_digit(c).to_string()),
        // A circle between Chinese digits is a zero: 二○二六年.
        '○' | '◯' if before.last().is_some_and(|c| "一二三四五六七八九零".contains(*c)) => {
            ("zero", "零".to_owned())
        }
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}'
        | '\u{fe00}'..='\u{fe0f}' => ("invisible character, not spoken", String::new()),
        c if c.is_control() => ("control character, not spoken", String::new()),
        '\u{2600}'..='\u{27bf}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{20e3}'
        | '\u{2b00}'..='\u{2bff}'
            if super::rules::list::enclosed(c).is_none() =>
        {
            // Between words it parts them, as a mark would.
            let parts = before.last().is_some_and(|c| c.is_alphanumeric());
            ("emoji, not spoken", if parts { "  ".to_owned() } else { String::new() })
        }
        '\u{c0}'..='\u{17f}' => ("accented letter", unaccented(c).to_string()),
        c => match SIMPLIFIED.get(&c) {
            Some(now) => ("traditional character", now.to_string()),
            None => ("", c.to_string()),
        },
    }
}

fn low_digit(c: char) -> char {
    char::from_u32(u32::from(c) - u32::from('₀') + u32::from('0')).unwrap_or('0')
}

/// The plain letter of an accented one; other letters stay.
fn unaccented(c: char) -> char {
    const PAIRS: &[(&str, char)] = &[
        ("ÀÁÂÃÄÅĀĂĄ", 'A'),
        ("àáâãäåāăą", 'a'),
        ("ÇĆĈĊČ", 'C'),
        ("çćĉċč", 'c'),
        ("ÈÉÊËĒĔĖĘĚ", 'E'),
        ("èéêëēĕėęě", 'e'),
        ("ÌÍÎÏĨĪĬĮİ", 'I'),
        ("ìíîïĩīĭįı", 'i'),
        ("ÑŃŅŇ", 'N'),
        ("ñńņň", 'n'),
        ("ÒÓÔÕÖØŌŎŐ", 'O'),
        ("òóôõöøōŏő", 'o'),
        ("ÙÚÛÜŨŪŬŮŰŲ", 'U'),
        ("ùúûüũūŭůűų", 'u'),
    ];
    PAIRS.iter().find(|(all, _)| all.contains(c)).map_or(c, |(_, plain)| *plain)
}
