//! The words: a template with slots, filled once from the alert, cleaned for speech.

use super::reason;
use crate::model::Reason;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Longest message in characters; at 4 to 5 characters a second that is about eight minutes.
pub const MESSAGE_CHARS_MAX: usize = 2_000;
/// Slots a template may use.
pub const SLOTS: [&str; 7] =
    ["headline", "description", "instruction", "sender", "areas", "level", "hazard"];
/// Where a sentence ends.
const SENTENCE_ENDS: [char; 5] = ['。', '！', '？', '!', '?'];
/// What may stand at the end of a part, but not begin one.
const MARKS: [char; 12] = ['。', '，', '、', '；', '：', '！', '？', ',', ';', ':', '!', '?'];

/// What the slots are filled with, as written in the alert.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Slots {
    pub(super) headline: String,
    pub(super) description: String,
    pub(super) instruction: String,
    pub(super) sender: String,
    pub(super) areas: String,
    pub(super) level: String,
    pub(super) hazard: String,
}

/// Fills `template`. Each thing is said once: a headline that the description repeats is left out,
/// and so is an instruction. Gives the text and notes (`text_cut`).
pub(super) fn fill(template: &str, slots: &Slots) -> (String, Vec<Reason>) {
    let slots = once(slots);
    let mut out = String::new();
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let Some((name, after)) = from.get(1..).and_then(|inner| inner.split_once('}')) else {
            // A brace that never closes is not spoken; `check` reports the template.
            rest = "";
            break;
        };
        out.push_str(slot(&slots, name));
        rest = after;
    }
    out.push_str(rest);
    cut(&tidy_marks(&out))
}

/// The words of `template` with `given` in its slots, for previews.
///
/// # Errors
/// The name of a slot that templates don't have.
pub(super) fn filled(template: &str, given: &BTreeMap<String, String>) -> Result<String, String> {
    let mut slots = Slots::default();
    for (name, value) in given {
        let slot = match name.as_str() {
            "headline" => &mut slots.headline,
            "description" => &mut slots.description,
            "instruction" => &mut slots.instruction,
            "sender" => &mut slots.sender,
            "areas" => &mut slots.areas,
            "level" => &mut slots.level,
            "hazard" => &mut slots.hazard,
            other => return Err(other.to_owned()),
        };
        slot.clone_from(value);
    }
    Ok(fill(template, &slots).0)
}

/// Slots of a template that nobody fills, and braces that never close.
pub(crate) fn bad_slots(template: &str) -> Vec<String> {
    let mut bad = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find(['{', '}']) {
        let from = rest.split_at(start).1;
        let inner = from.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = inner else {
            bad.push(from.chars().take(12).collect());
            return bad;
        };
        if !SLOTS.contains(&name) {
            bad.push(name.to_owned());
        }
        rest = after;
    }
    bad
}

fn slot<'a>(slots: &'a Slots, name: &str) -> &'a str {
    match name {
        "headline" => &slots.headline,
        "description" => &slots.description,
        "instruction" => &slots.instruction,
        "sender" => &slots.sender,
        "areas" => &slots.areas,
        "level" => &slots.level,
        "hazard" => &slots.hazard,
        _ => "",
    }
}

fn once(slots: &Slots) -> Slots {
    // Editors leave tags in alerts; what a person types is meant.
    let clean = |text: &str| clean(&without_tags(text));
    let mut clean_slots = Slots {
        headline: clean(&slots.headline).trim_end_matches(MARKS).to_owned(),
        description: sentence(clean(&slots.description)),
        instruction: sentence(clean(&slots.instruction)),
        sender: clean(&slots.sender),
        areas: clean(&slots.areas),
        level: clean(&slots.level),
        hazard: clean(&slots.hazard),
    };
    if says(&clean_slots.description, &clean_slots.headline) {
        clean_slots.headline.clear();
    }
    if says(&clean_slots.description, &clean_slots.instruction) {
        clean_slots.instruction.clear();
    }
    if says(&clean_slots.headline, &clean_slots.sender)
        || says(&clean_slots.description, &clean_slots.sender)
    {
        clean_slots.sender.clear();
    }
    clean_slots
}

/// Whether `whole` already says `part`, punctuation aside.
fn says(whole: &str, part: &str) -> bool {
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let part = bare(part);
    !part.is_empty() && bare(whole).contains(&part)
}

/// Text for the ear: no mark-up, brackets of levels, web addresses, braces or line breaks. Brackets
/// that do not close must not swallow the warning: then only the bracket signs go.
fn clean(text: &str) -> String {
    let count = |signs: [char; 2]| text.chars().filter(|c| signs.contains(c)).count();
    let balanced = count(['[', '【']) == count([']', '】']);
    let mut out = String::with_capacity(text.len());
    let mut square = 0_u32;
    let mut words = String::new();
    for c in text.chars() {
        match c {
            '[' | '【' if balanced => square += 1,
            ']' | '】' if balanced => square = square.saturating_sub(1),
            '[' | ']' | '【' | '】' => words.push(' '),
            _ if square > 0 => {}
            '{' | '}' | '<' | '>' | '*' | '#' | '|' => words.push(' '),
            c if c.is_control() || c == '\u{feff}' || c == '\u{200b}' => words.push(' '),
            c => words.push(c),
        }
    }
    for word in words.split_whitespace() {
        let spoken = match word.find("http") {
            Some(at) if word.contains("://") => word.split_at(at).0,
            _ => word,
        };
        // A blank between Chinese characters is layout; between Latin words it separates.
        let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if latin(out.chars().last()) && latin(spoken.chars().next()) {
            out.push(' ');
        }
        out.push_str(spoken);
    }
    out
}

/// Longest tag of a page, bytes.
const TAG_BYTES_MAX: usize = 120;

/// The text without tags of web pages (`<b>`, `<br/>`, `</p>`), which editors leave in CDATA. Any other `<` stays.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('<') {
        out.push_str(before);
        let name = behind.strip_prefix('/').unwrap_or(behind);
        let end = behind.find('>').filter(|end| *end <= TAG_BYTES_MAX);
        let tag = end.filter(|_| name.starts_with(|c: char| c.is_ascii_alphabetic()));
        let inside = tag.and_then(|end| behind.split_at_checked(end));
        match inside.filter(|(inside, _)| inside.is_ascii()) {
            Some((_, after)) => {
                out.push(' ');
                rest = after.strip_prefix('>').unwrap_or(after);
            }
            None => {
                out.push('<');
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out
}

fn sentence(text: String) -> String {
    if text.is_empty() || text.ends_with(SENTENCE_ENDS) || text.ends_with('.') {
        return text;
    }
    let mut text = text.trim_end_matches(MARKS).to_owned();
    text.push('。');
    text
}

/// Removes marks that an empty slot left behind: none at the start, none doubled.
fn tidy_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last_was_mark = true;
    for c in text.chars() {
        let mark = MARKS.contains(&c);
        if mark && last_was_mark {
            continue;
        }
        last_was_mark = mark;
        out.push(c);
    }
    out.trim().to_owned()
}

/// Cuts at the last sentence that fits, with a note.
pub(super) fn cut(text: &str) -> (String, Vec<Reason>) {
    if text.chars().count() <= MESSAGE_CHARS_MAX {
        return (text.to_owned(), Vec::new());
    }
    let head: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
    let whole = head.rfind(SENTENCE_ENDS).and_then(|at| {
        let mark = head.get(at..)?.chars().next()?;
        head.get(..at + mark.len_utf8()).map(str::to_owned)
    });
    let note = reason(
        "text_cut",
        format!("原文 {} 字，超过 {MESSAGE_CHARS_MAX} 字，已在句末截断", text.chars().count()),
    );
    (whole.unwrap_or(head), vec![note])
}

/// The text of a manual broadcast: cleaned and whole.
pub(super) fn spoken(text: &str) -> Cow<'_, str> {
    let cleaned = clean(text);
    if cleaned == text { Cow::Borrowed(text) } else { Cow::Owned(cleaned) }
}
