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
    let word = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&severity)).copied();
    let word = word.or_else(|| {
        let (level, word) = chinese(&severity)?;
        let what = format!("`{word}` expected; got {}, read as the same", quoted(&severity));
        fields.notes.oddity(line, &path, what);
        words.iter().find(|(_, known)| *known == level).map(|(_, level)| ("", *level))
    });
    let Some((known, said)) = word else {
        let expected = one_of(words.iter().map(|(word, _)| *word));
        let what = format!("expected {expected}; got {}", quoted(&severity));
        fields.notes.fault(line, &path, what);
        return (severity, None);
    };
    if words == CAP && !known.is_empty() && known != severity {
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
        (Some(said), Colour::One(level)) if said != level => {
            let what = format!(
                "{} means {}, but the headline says {}; severity is used",
                quoted(&severity),
                name(said),
                name(level)
            );
            fields.notes.oddity(line, &path, what);
            Some(said)
        }
        (said, _) => said,
    };
    (severity, level)
}

/// Words of GB/T 35965.1-2018 and of the emergency plans for the four levels, and for none.
const CHINESE: &[(Option<Level>, &[&str])] = &[
    (Some(Level::Red), &["红", "红色", "特别重大", "特别严重", "Ⅰ级", "I级", "一级", "1级"]),
    (Some(Level::Orange), &["橙", "橙色", "重大", "严重", "Ⅱ级", "II级", "二级", "2级"]),
    (Some(Level::Yellow), &["黄", "黄色", "较大", "较重", "Ⅲ级", "III级", "三级", "3级"]),
    (Some(Level::Blue), &["蓝", "蓝色", "一般", "Ⅳ级", "IV级", "四级", "4级"]),
    (None, &["未知", "不详", "无"]),
];

/// The level that Chinese words tell, and the first of its usual words. Several words, such as
/// `Ⅱ级（重大）`, must all say the same.
fn chinese(severity: &str) -> Option<(Option<Level>, &'static str)> {
    let is_gap = |c: char| c.is_whitespace() || "/／,，、()（）[]【】·|".contains(c);
    let mut parts = severity.split(is_gap).filter(|part| !part.is_empty());
    let level_of = |part: &str| {
        let upper = part.to_ascii_uppercase();
        let bare = ["预警信号", "预警", "响应"].iter().find_map(|end| upper.strip_suffix(end));
        let bare = bare.unwrap_or(&upper);
        CHINESE.iter().find(|(_, words)| words.contains(&bare))
    };
    let first = level_of(parts.next()?)?;
    let all_same = parts.all(|part| level_of(part).is_some_and(|(level, _)| *level == first.0));
    // The second of the words is the colour in full.
    let word = first.1.get(1).copied().unwrap_or("Unknown");
    all_same.then_some((first.0, if first.0.is_some() { word } else { "Unknown" }))
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
    fn chinese_words_for_levels() {
        let red = Some(Some(Level::Red));
        for (severity, expect) in [
            ("红色", red),
            ("红", red),
            ("红色预警", red),
            ("特别重大", red),
            ("Ⅰ级", red),
            ("I级", red),
            ("i级", red),
            ("Ⅰ级/特别重大", red),
            ("Ⅰ级（特别重大）", red),
            ("【Ⅰ级】 红色预警信号", red),
            ("橙色", Some(Some(Level::Orange))),
            ("重大", Some(Some(Level::Orange))),
            ("II级/严重", Some(Some(Level::Orange))),
            ("Ⅲ级", Some(Some(Level::Yellow))),
            ("较大", Some(Some(Level::Yellow))),
            ("一般", Some(Some(Level::Blue))),
            ("四级", Some(Some(Level::Blue))),
            ("IV级", Some(Some(Level::Blue))),
            ("未知", Some(None)),
            ("红色/蓝色", None),
            ("Ⅰ级（重大）", None),
            ("红色河谷", None),
            ("五级", None),
            ("V级", None),
            ("级", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(chinese(severity).map(|(level, _)| level), expect, "{severity}");
        }
    }

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
