//! Alert text as it is written → as it is said: only hanzi, Latin capitals and ，。！？；：、 remain.
//!
//! `neutral` takes the power from forms and mark-up, then the first rule of `rules::RULES` that knows
//! the text at hand says it. What no rule knows is a character that is said as it is.

use super::cursor::{Cursor, PAUSES, Said, is_pause};
use super::neutral::neutral;
use super::rules::RULES;
use super::trace::{Fired, note};

/// Turns written text into said text.
#[must_use]
pub fn normalise(text: &str) -> String {
    normalise_traced(text, &mut Vec::new())
}

/// Turns written text into said text, and notes every rule that fired.
#[must_use]
pub fn normalise_traced(text: &str, fired: &mut Vec<Fired>) -> String {
    let chars = neutral(text, fired);
    let mut cursor = Cursor::new(&chars);
    let mut out = String::with_capacity(text.len());
    while !cursor.is_at_end() {
        let (rule, said) = RULES
            .iter()
            .find_map(|(name, read)| read(&cursor).map(|said| (*name, said)))
            .unwrap_or(("nothing to say", Said { chars: 1, words: String::new(), number: false }));
        let before = cursor.ahead(said.chars);
        note(fired, rule, &before, &said.words);
        push(&mut out, &said.words, cursor.back(1));
        cursor.advance(&said);
    }
    tidy(&out)
}

/// Adds words; abbreviations that a sign parted stay apart.
fn push(out: &mut String, words: &str, before: Option<char>) {
    let letters = out.ends_with(|c: char| c.is_ascii_uppercase())
        && words.starts_with(|c: char| c.is_ascii_uppercase());
    if letters && before.is_some_and(|c| !c.is_ascii_alphabetic()) {
        out.push('、');
    }
    out.push_str(words);
}

/// One pause where several meet, the strongest of them; none at the start,
/// and at the end only one that ends a sentence.
fn tidy(text: &str) -> String {
    let strength = |c: char| PAUSES.chars().position(|p| p == c);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match (strength(c), out.chars().next_back().filter(|c| is_pause(*c)).and_then(strength)) {
            (Some(_), None) if out.is_empty() => {}
            (Some(now), Some(before)) if now > before => {
                let _ = out.pop();
                out.push(c);
            }
            (Some(_), Some(_)) => {}
            _ => out.push(c),
        }
    }
    // Nothing follows a weak pause at the end.
    while out.ends_with(['、', '，', '：', '；']) {
        let _ = out.pop();
    }
    out
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
mod tests;
