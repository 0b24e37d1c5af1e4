//! `mingluo say --explain`: how a text is read, and which rule made it so.

use crate::render::text::{Explanation, Source};
use anyhow::Result;
use std::io::Write;

/// Columns of the table that the words before a reading may take, in columns of the screen.
const WORD_COLUMNS: usize = 20;
/// Columns of a reading.
const READING_COLUMNS: usize = 28;

/// Prints an explanation as a table, or as JSON.
///
/// # Errors
/// When `out` can't be written.
pub(super) fn print(explanation: &Explanation, as_json: bool, out: &mut impl Write) -> Result<()> {
    if as_json { json(explanation, out) } else { table(explanation, out) }
}

fn table(explanation: &Explanation, out: &mut impl Write) -> Result<()> {
    writeln!(out, "said:  {}", explanation.said)?;
    writeln!(out)?;
    writeln!(out, "rules that fired:")?;
    if explanation.rules.is_empty() {
        writeln!(out, "  none, the text is said as it is written")?;
    }
    for fired in &explanation.rules {
        let after = if fired.after.is_empty() { "(silent)" } else { &fired.after };
        let before = padded(&visible(&fired.before), WORD_COLUMNS);
        writeln!(out, "  {before} → {} {}", padded(after, READING_COLUMNS), fired.rule)?;
    }
    writeln!(out)?;
    writeln!(out, "words:")?;
    for spoken in &explanation.words {
        let reading = match (spoken.source, spoken.reading.is_empty()) {
            (Source::Plain, _) | (_, true) if spoken.word.is_ascii() => "(spelled)",
            (Source::Plain, _) | (_, true) => "(pause)",
            _ => &spoken.reading,
        };
        let word = padded(&spoken.word, WORD_COLUMNS);
        writeln!(out, "  {word}   {} {}", padded(reading, READING_COLUMNS), spoken.source.name())?;
    }
    if explanation.words.iter().any(|spoken| spoken.source == Source::Unknown) {
        writeln!(out)?;
        writeln!(
            out,
            "a character marked ? stays silent: add its word with a reading to phrases.toml"
        )?;
    }
    Ok(())
}

fn json(explanation: &Explanation, out: &mut impl Write) -> Result<()> {
    let rules: Vec<_> = explanation
        .rules
        .iter()
        .map(|fired| {
            serde_json::json!({ "rule": fired.rule, "before": fired.before, "after": fired.after })
        })
        .collect();
    let words: Vec<_> = explanation
        .words
        .iter()
        .map(|spoken| {
            serde_json::json!({
                "word": spoken.word,
                "reading": spoken.reading,
                "source": spoken.source.name(),
            })
        })
        .collect();
    let answer = serde_json::json!({ "said": explanation.said, "rules": rules, "words": words });
    writeln!(out, "{answer}")?;
    Ok(())
}

/// `text` without what would disturb a terminal: control and invisible characters as `\u{…}`.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == ' ' || !c.is_whitespace() && !c.is_control() && !is_invisible(c) {
                c.to_string()
            } else {
                c.escape_unicode().to_string()
            }
        })
        .collect()
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `text` filled with blanks to `columns`; a Chinese character takes two.
fn padded(text: &str, columns: usize) -> String {
    let wide: usize = text.chars().map(|c| if u32::from(c) < 0x2e80 { 1 } else { 2 }).sum();
    format!("{text}{}", " ".repeat(columns.saturating_sub(wide)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text::{FrontEnd, Lexicon};

    fn explained(text: &str, as_json: bool) -> String {
        let front_end = FrontEnd::new(Lexicon::default());
        let mut out = Vec::new();
        print(&front_end.explain(text).expect("short"), as_json, &mut out).expect("memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_table_names_words_readings_and_rules() {
        let shown = explained("17:05\u{202e}避难，LED\u{20000}", false);
        for part in [
            "十七点零五分",
            "clock time",
            "\\u{202e}",
            "(silent)",
            "bi4 nan4",
            "(spelled)",
            "?",
            "phrases.toml",
        ] {
            assert!(shown.contains(part), "{part} in\n{shown}");
        }
        assert!(!shown.contains('\u{202e}'), "{shown}");
    }

    #[test]
    fn machines_get_json() {
        let answer: serde_json::Value =
            serde_json::from_str(&explained("8-10级", true)).expect("JSON");
        assert_eq!(answer["said"], "八到十级");
        assert_eq!(answer["rules"][0]["before"], "8");
        assert_eq!(answer["words"][0]["reading"], "ba1");
    }
}
