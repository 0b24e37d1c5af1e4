//! Severity to level, and what a colour in the headline adds.

use super::fields::{Fields, Place, one_of};
use super::notes::quoted;
use crate::model::Level;

/// Words of `severity` in one form.
pub(super) type Words = &'static [(&'static str, Option<Level>)];

/// CAP 1.2 §3.2.2; the levels by the practice of GB/T 35965.1-2018.
pub(super) const CAP: Words = &[
    ("Extreme", Some(Level::Red)),
    ("Severe", Some(Level::Orange)),
    ("Moderate", Some(Level::Yellow)),
    ("Minor", Some(Level::Blue)),
    ("Unknown", None),
];

/// The national form.
pub(super) const NATIONAL: Words = &[
    ("Red", Some(Level::Red)),
    ("Orange", Some(Level::Orange)),
    ("Yellow", Some(Level::Yellow)),
    ("Blue", Some(Level::Blue)),
    ("Unknown", None),
];

/// Our JSON form takes the words of both.
pub(super) const JSON: Words = &[
    ("Extreme", Some(Level::Red)),
    ("Severe", Some(Level::Orange)),
    ("Moderate", Some(Level::Yellow)),
    ("Minor", Some(Level::Blue)),
    ("Red", Some(Level::Red)),
    ("Orange", Some(Level::Orange)),
    ("Yellow", Some(Level::Yellow)),
    ("Blue", Some(Level::Blue)),
    ("Unknown", None),
];

/// Reads `severity`: its text as written, and the level. Severity decides; a colour in the headline
/// helps only when severity is Unknown or empty.
pub(super) fn read(
    fields: &mut Fields<'_>,
    place: Place<'_>,
    words: Words,
    headline: Option<&str>,
) -> (String, Option<Level>) {
    let path = place.child("severity");
    let line = place.line("severity");
    let severity = fields.decisive(place, "severity").unwrap_or_else(|| {
        fields.notes.oddity(line, &path, "it is missing or empty; read as Unknown");
        "Unknown".to_owned()
    });
    let word = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&severity));
    let Some((known, said)) = word else {
        let expected = one_of(words.iter().map(|(word, _)| *word));
        let what = format!("expected {expected}; got {}", quoted(&severity));
        fields.notes.fault(line, &path, what);
        return (severity, None);
    };
    if words == CAP && *known != severity {
        let what = format!("`{known}` expected; got {}, read as the same", quoted(&severity));
        fields.notes.oddity(line, &path, what);
    }
    let colour = headline.map_or(Colour::None, colour);
    let level = match (said, colour) {
        (None, Colour::One(level)) => {
            let what = format!("Unknown, but the headline says {}; that is used", name(level));
            fields.notes.oddity(line, &path, what);
            Some(level)
        }
        (None, Colour::Several) => {
            let what = "Unknown, and the headline names several colours; no level is assumed";
            fields.notes.oddity(line, &path, what);
            None
        }
        (Some(said), Colour::One(level)) if *said != level => {
            let what = format!(
                "{} means {}, but the headline says {}; severity is used",
                quoted(&severity),
                name(*said),
                name(level)
            );
            fields.notes.oddity(line, &path, what);
            Some(*said)
        }
        (said, _) => *said,
    };
    (severity, level)
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Red => "red",
        Level::Orange => "orange",
        Level::Yellow => "yellow",
        Level::Blue => "blue",
    }
}

/// The level that a colour word of the national file names tells, any case.
pub(super) fn by_colour_word(word: &str) -> Option<Level> {
    NATIONAL
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word))
        .and_then(|(_, level)| *level)
}

/// Colours of warnings in a headline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    None,
    One(Level),
    Several,
}

const HANZI: &[(&str, Level)] = &[
    ("红色", Level::Red),
    ("橙色", Level::Orange),
    ("黄色", Level::Yellow),
    ("蓝色", Level::Blue),
];
/// Characters between the colour and the word for warning, as in 红色(I级)预警.
const GAP_CHARS_MAX: usize = 8;

/// Finds `红色预警` and the English of the CMA feed, `red warning`. The colour must stand at the
/// word for warning: a Yellow River is not a level.
fn colour(headline: &str) -> Colour {
    let mut found: Vec<Level> = Vec::new();
    for (word, level) in HANZI {
        let behind = headline.split(word).skip(1);
        for rest in behind {
            let near: String = rest.chars().take(GAP_CHARS_MAX + 2).collect();
            if ["预警", "警报", "信号", "警戒"].iter().any(|word| near.contains(word)) {
                found.push(*level);
            }
        }
    }
    let lower = headline.to_lowercase();
    let english: Vec<&str> = lower.split(|c: char| !c.is_alphabetic()).collect();
    let english: Vec<&str> = english.into_iter().filter(|word| !word.is_empty()).collect();
    for pair in english.windows(3) {
        let (Some(colour), Some(next)) = (pair.first(), pair.get(1)) else { continue };
        let is_warning = |word: &str| matches!(word, "warning" | "alert" | "signal" | "alarm");
        let early = *next == "early" && pair.get(2).is_some_and(|word| is_warning(word));
        if early || is_warning(next) {
            found.extend(by_colour_word(colour));
        }
    }
    if let [.., colour, last] = english.as_slice()
        && matches!(*last, "warning" | "alert" | "signal" | "alarm")
    {
        found.extend(by_colour_word(colour));
    }
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [] => Colour::None,
        [level] => Colour::One(*level),
        _ => Colour::Several,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_headlines() {
        for (headline, expect) in [
            ("岳阳县气象台发布暴雨红色预警", Colour::One(Level::Red)),
            ("发布暴雨橙色预警信号[II级/严重]", Colour::One(Level::Orange)),
            ("山洪黄色（Ⅲ级）预警", Colour::One(Level::Yellow)),
            ("蓝色预警升级为黄色预警", Colour::Several),
            ("红色文化旅游节开幕", Colour::None),
            ("Yueyang issued blue warning signal for gale[Class IV]", Colour::One(Level::Blue)),
            ("Issued a Yellow early warning of rainstorm", Colour::One(Level::Yellow)),
            ("Rainstorm RED ALERT", Colour::One(Level::Red)),
            ("Flood Warning for Red River and Orange County", Colour::None),
            ("Tornado", Colour::None),
            ("", Colour::None),
        ] {
            assert_eq!(colour(headline), expect, "{headline}");
        }
    }
}
