//! Reads single elements of one form and notes what is wrong with them, by path and line.

use super::notes::{Notes, quoted};
use super::time::{self, Zone};
use super::xml::Node;
use crate::model::UtcMs;
use std::collections::BTreeSet;

/// Longest identifier or sender, characters.
const IDENTIFIER_CHARS_MAX: usize = 512;
/// Longest text that people read or hear, characters; the rest of a longer one stays in the raw
/// bytes, and an oddity says so.
const TEXT_CHARS_MAX: usize = 20_000;

/// `info` blocks of one alert; real ones have a handful, one for each language and event.
const INFOS_MAX: usize = 256;

/// Where in the message a reader is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The element.
    pub(super) node: &'a Node,
    /// Its path, such as `alert/info[2]`.
    pub(super) path: &'a str,
}

impl Place<'_> {
    /// Path of a child.
    pub(super) fn child(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Line of the first child of that name.
    pub(super) fn line(&self, name: &str) -> Option<u32> {
        self.node.first(name).and_then(Node::at)
    }
}

/// Whether an element may be said twice with different words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twice {
    /// It decides whether and when something sounds: two values are a fault.
    Fault,
    /// It is words: the first counts.
    Oddity,
}

/// Reads the elements of one form.
pub(super) struct Fields<'n> {
    pub(super) notes: &'n mut Notes,
    pub(super) zone: Zone,
}

impl Fields<'_> {
    /// The trimmed text of an optional child; empty elements count as absent.
    pub(super) fn text(&mut self, place: Place<'_>, name: &str) -> Option<String> {
        self.single(place, name, Twice::Oddity)
    }

    /// The trimmed text of an optional child that decides something.
    pub(super) fn decisive(&mut self, place: Place<'_>, name: &str) -> Option<String> {
        self.single(place, name, Twice::Fault)
    }

    fn single(&mut self, place: Place<'_>, name: &str, twice: Twice) -> Option<String> {
        let mut all = place.node.all(name).filter(|child| !child.text.trim().is_empty());
        let first = all.next()?;
        let text = first.text.trim();
        if let Some(other) = all.find(|other| other.text.trim() != text) {
            let (one, two) = (quoted(text), quoted(other.text.trim()));
            let path = place.child(name);
            match twice {
                Twice::Fault => {
                    let what = format!("expected one value, got {one} and {two}");
                    self.notes.fault(other.at(), &path, what);
                }
                Twice::Oddity => {
                    let what = format!("given more than once; {one} is used, {two} is not");
                    self.notes.oddity(other.at(), &path, what);
                }
            }
        }
        if let Some(inner) = first.children.first() {
            let what = format!("expected only text, got the element `{}` inside", inner.name);
            self.notes.oddity(inner.at(), &place.child(name), what);
        }
        let n_chars = text.chars().count();
        if n_chars <= TEXT_CHARS_MAX {
            return Some(text.to_owned());
        }
        let path = place.child(name);
        if twice == Twice::Fault {
            let what = format!("expected at most {TEXT_CHARS_MAX} characters, got {n_chars}");
            self.notes.too_large(first.at(), &path, what);
            return None;
        }
        let what = format!("{n_chars} characters, cut off after {TEXT_CHARS_MAX}");
        self.notes.oddity(first.at(), &path, what);
        Some(text.chars().take(TEXT_CHARS_MAX).collect())
    }

    /// Notes that a child that must be there is absent or empty.
    pub(super) fn absent(&mut self, place: Place<'_>, name: &str, expected: &str) {
        let path = place.child(name);
        match place.node.first(name) {
            Some(empty) => {
                self.notes.fault(empty.at(), &path, format!("expected {expected}; it is empty"));
            }
            None => self.notes.missing(&path, expected),
        }
    }

    /// An identifier or sender, CAP 1.2 §3.2.1: no spaces, commas, `<` or `&`. Live feeds break
    /// that; only then references to it may not be found again.
    pub(super) fn identifier(&mut self, place: Place<'_>, name: &str) -> Option<String> {
        let Some(text) = self.decisive(place, name) else {
            self.absent(place, name, "a value");
            return None;
        };
        let n_chars = text.chars().count();
        if n_chars > IDENTIFIER_CHARS_MAX {
            let what = format!("expected at most {IDENTIFIER_CHARS_MAX} characters, got {n_chars}");
            self.notes.fault(place.line(name), &place.child(name), what);
            return None;
        }
        if text.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '<' | '&')) {
            let got = quoted(&text);
            let what =
                format!("expected no spaces, commas, `<` or `&`, got {got}; used as written");
            self.notes.oddity(place.line(name), &place.child(name), what);
        }
        Some(text)
    }

    /// A time that must be there.
    pub(super) fn required_time(&mut self, place: Place<'_>, name: &str) -> Option<UtcMs> {
        if place.node.all(name).all(|child| child.text.trim().is_empty()) {
            self.absent(place, name, "a time");
            return None;
        }
        self.time(place, name)
    }

    /// An optional time. An unreadable one is a fault: skipped, it could make an old alert sound.
    pub(super) fn time(&mut self, place: Place<'_>, name: &str) -> Option<UtcMs> {
        let text = self.decisive(place, name)?;
        match time::read(&text, self.zone) {
            Ok(read) => {
                if let Some(odd) = read.odd {
                    let what = format!("{odd}; got {}", quoted(&text));
                    self.notes.oddity(place.line(name), &place.child(name), what);
                }
                Some(read.at)
            }
            Err(what) => {
                self.notes.fault(place.line(name), &place.child(name), what);
                None
            }
        }
    }

    /// One of a closed list of words that must be there. Other capitals are tolerated: they can't
    /// mean another word.
    pub(super) fn choice<T: Copy>(
        &mut self,
        place: Place<'_>,
        name: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let expected = one_of(choices.iter().map(|(word, _)| *word));
        let Some(text) = self.decisive(place, name) else {
            self.absent(place, name, &expected);
            return None;
        };
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        let got = quoted(place.node.first(name).map_or(&text, |child| &child.text));
        match found {
            Some((word, value)) => {
                if *word != text {
                    let what = format!("{expected} expected; got {got}, read as `{word}`");
                    self.notes.oddity(place.line(name), &place.child(name), what);
                }
                Some(*value)
            }
            None => {
                let what = format!("expected {expected}; got {got}");
                self.notes.fault(place.line(name), &place.child(name), what);
                None
            }
        }
    }

    /// Words kept as written though they are outside of the form's list: nothing sounds by them.
    pub(super) fn loose(&mut self, place: Place<'_>, name: &str, words: &[&str]) -> String {
        let Some(text) = self.text(place, name) else {
            let what = "it is missing or empty; read as Unknown";
            self.notes.oddity(place.line(name), &place.child(name), what);
            return "Unknown".to_owned();
        };
        self.check_word(place.line(name), &place.child(name), &text, words);
        text
    }

    /// All texts of a repeatable child, with an oddity for words outside of `words`.
    pub(super) fn words(&mut self, place: Place<'_>, name: &str, words: &[&str]) -> Vec<String> {
        let found = texts(place.node, name);
        for text in &found {
            self.check_word(place.line(name), &place.child(name), text, words);
        }
        found
    }

    fn check_word(&mut self, line: Option<u32>, path: &str, text: &str, words: &[&str]) {
        if !words.contains(&text) {
            let expected = one_of(words.iter().copied());
            let what = format!("{expected} expected; got {}, kept as written", quoted(text));
            self.notes.oddity(line, path, what);
        }
    }

    /// The `info` blocks of an alert, as many as are allowed.
    pub(super) fn infos<'a>(&mut self, root: &'a Node) -> Vec<&'a Node> {
        let mut found: Vec<&Node> = root.all("info").collect();
        let n_found = found.len();
        if n_found > INFOS_MAX {
            let what = format!("expected at most {INFOS_MAX} info blocks, got {n_found}");
            self.notes.too_large(root.at(), "alert/info", what);
            found.truncate(INFOS_MAX);
        }
        found
    }

    /// Notes elements that the form does not know. They are ignored, never silently.
    pub(super) fn unknown(&mut self, place: Place<'_>, known: &[&str]) {
        let mut told = BTreeSet::new();
        for child in &place.node.children {
            let name = child.name.as_str();
            if !known.contains(&name) && told.insert(name) {
                let what = "this form has no such element; ignored";
                self.notes.oddity(child.at(), &place.child(name), what);
            }
        }
    }
}

/// Non-empty trimmed texts of all children of that name; white space inside becomes one space.
pub(super) fn texts(node: &Node, name: &str) -> Vec<String> {
    node.all(name)
        .map(|child| child.text.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|text| !text.is_empty())
        .collect()
}

/// `one of Actual, Exercise`.
pub(super) fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("one of {}", words.collect::<Vec<_>>().join(", "))
}
