//! Chinese for sentences that readers, links and drivers write in English: faults of messages above all.
//! The record keeps what was written, in English and for ever; these tables say it to people, so that
//! what stands in old records is read in Chinese too. A row is a sentence with `{}` where values stand,
//! and the Chinese with `{0}`, `{1}` … for them. Of rows that fit, the one with the most fixed words says
//! it. What no row fits stays as it is: better English than nothing.

mod faults;
mod odd;
mod phrases;

use super::words::Tongue;
use crate::model::Fault;
use maud::{Markup, html};

/// A sentence and its Chinese.
type Row = (&'static str, &'static str);

/// Words inside of words are looked up at most so deep.
const DEPTH_MAX: u8 = 4;

/// The sentence in Chinese; `None` = no row fits.
pub(crate) fn chinese(text: &str) -> Option<String> {
    say(text, &[faults::FAULTS, odd::ODDITIES, phrases::DRIVERS], DEPTH_MAX)
}

/// The sentence in the language of the page.
pub(super) fn said(tongue: Tongue, text: &str) -> String {
    match tongue {
        Tongue::Zh => chinese(text).unwrap_or_else(|| text.to_owned()),
        Tongue::En => text.to_owned(),
    }
}

fn say(text: &str, tables: &[&[Row]], depth: u8) -> Option<String> {
    let rows = tables.iter().copied().flatten();
    let fits = rows.filter_map(|row| Some((row, values(row.0, text)?)));
    let ((_, zh), values) = fits.max_by_key(|(row, _)| n_fixed(row.0))?;
    let mut said = (*zh).to_owned();
    for (at, value) in values.iter().enumerate() {
        let (place, value) = (format!("{{{at}}}"), value_said(value, depth));
        let value = spaced(&said, &place, value);
        said = said.replacen(&place, &value, 1);
    }
    Some(said)
}

/// Latin letters and digits stand apart from Chinese characters.
fn spaced(said: &str, place: &str, value: String) -> String {
    let before = said.split(place).next().and_then(|before| before.chars().next_back());
    let is_hanzi = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let latin = value.starts_with(|c: char| c.is_ascii_alphanumeric());
    if latin && before.is_some_and(is_hanzi) { format!(" {value}") } else { value }
}

/// A value: words that are known in Chinese; what a sender wrote, in Chinese quotes and as it is.
fn value_said(value: &str, depth: u8) -> String {
    // A brace would be taken for the place of the next value.
    let plain = |text: &str| text.replace('{', "｛").replace('}', "｝");
    if let Some(bare) = value.strip_prefix('"') {
        return format!("“{}”", plain(bare.strip_suffix('"').unwrap_or(bare)));
    }
    let known = depth.checked_sub(1).and_then(|depth| {
        let phrase = say(value, &[phrases::PHRASES], depth);
        phrase.or_else(|| say(value, &[faults::FAULTS, odd::ODDITIES], depth))
    });
    known.unwrap_or_else(|| plain(value))
}

/// Bytes of a row that are no value.
fn n_fixed(row: &str) -> usize {
    row.split("{}").map(str::len).sum()
}

/// What stands where the row has `{}`; `None` = the text is another sentence.
fn values<'a>(row: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = row.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let at = match (pieces.peek(), piece) {
            (None, "") => rest.len(),
            (None, end) => rest.strip_suffix(end)?.len(),
            (Some(_), piece) => rest.find(piece)?,
        };
        let (value, after) = rest.split_at_checked(at)?;
        if value.is_empty() {
            return None;
        }
        found.push(value);
        rest = after.strip_prefix(piece)?;
    }
    rest.is_empty().then_some(found)
}

/// Where a fault stands: a path of elements stays, a place in a telegram is said.
fn place(tongue: Tongue, element: &str) -> String {
    match (tongue, element.strip_prefix("offset ")) {
        (Tongue::Zh, Some(at)) => format!("第 {at} 字节（从 0 数起）"),
        (Tongue::Zh | Tongue::En, _) => element.to_owned(),
    }
}

/// Faults or oddities of a message as a table; the sentence on record stands behind the Chinese one.
pub(super) fn table(tongue: Tongue, faults: &[Fault]) -> Markup {
    html! {
        table.wide.faults {
            thead { tr { th.number { (tongue.say("行", "Line")) } th { (tongue.say("元素", "Element")) }
                th { (tongue.say("错误", "Fault")) } } }
            tbody { @for fault in faults {
                tr { td.number { @if let Some(line) = fault.line { (line) } }
                    td { (place(tongue, &fault.element)) } td { (sentence(tongue, &fault.what)) } }
            } }
        }
    }
}

fn sentence(tongue: Tongue, what: &str) -> Markup {
    let zh = (tongue == Tongue::Zh).then(|| chinese(what)).flatten();
    html! {
        @match zh {
            Some(zh) => { (zh) details.original { summary { "台账原文" } span lang="en" { (what) } } }
            None => span lang="en" { (what) },
        }
    }
}

#[cfg(test)]
mod tests;
