//! Collects everything that is wrong or odd, so that a sender learns all of it at once.

use crate::model::{Fault, Rejection};

/// Faults kept, and oddities kept; what is over is counted in one last line.
const KEPT_MAX: usize = 200;
/// Characters of a sender's own words that a message repeats.
const QUOTED_CHARS_MAX: usize = 60;

/// What was noticed while reading.
#[derive(Debug, Default)]
pub(super) struct Notes {
    faults: Vec<Fault>,
    oddities: Vec<Fault>,
    n_sizes: usize,
    n_more: usize,
    n_more_oddities: usize,
    cut: bool,
}

impl Notes {
    /// Something that makes the message unreadable or could make it sound wrongly.
    pub(super) fn fault(&mut self, line: Option<u32>, element: &str, what: impl Into<String>) {
        if self.faults.len() < KEPT_MAX {
            self.faults.push(Fault { line, element: element.to_owned(), what: what.into() });
        } else {
            self.n_more += 1;
        }
    }

    /// An element that must be there and isn't. Behind the place where a message was cut off
    /// nothing is known to be missing, so nothing is said; nor where a fault is told already.
    pub(super) fn missing(&mut self, element: &str, expected: &str) {
        if !self.cut && self.faults.iter().all(|fault| fault.element != element) {
            self.fault(None, element, format!("expected {expected}; it is missing"));
        }
    }

    /// Something odd that does not change what the message says.
    pub(super) fn oddity(&mut self, line: Option<u32>, element: &str, what: impl Into<String>) {
        if self.oddities.len() < KEPT_MAX {
            self.oddities.push(Fault { line, element: element.to_owned(), what: what.into() });
        } else {
            self.n_more_oddities += 1;
        }
    }

    /// Over a limit of size or depth.
    pub(super) fn too_large(&mut self, line: Option<u32>, element: &str, what: impl Into<String>) {
        self.n_sizes += 1;
        self.fault(line, element, what);
    }

    /// The message ends before its end: from here on absent elements are no fault of their own.
    pub(super) fn cut_off(&mut self) {
        self.cut = true;
    }

    /// Whether anything was found that rejects.
    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Whether further faults would only be counted.
    pub(super) fn is_full(&self) -> bool {
        self.faults.len() >= KEPT_MAX
    }

    /// The oddities in order of place.
    pub(super) fn into_oddities(mut self) -> Vec<Fault> {
        sort(&mut self.oddities);
        push_rest(&mut self.oddities, self.n_more_oddities, "oddities");
        self.oddities
    }

    /// The rejection; never without a fault.
    pub(super) fn into_rejection(mut self) -> Rejection {
        if self.faults.is_empty() {
            // A reader that gives up must say why; this keeps the promise even if one forgets.
            let what = "expected a readable alert, got something else".to_owned();
            self.faults.push(Fault { line: None, element: String::new(), what });
        }
        let too_large = self.n_sizes > 0 && self.n_sizes == self.faults.len() + self.n_more;
        sort(&mut self.faults);
        push_rest(&mut self.faults, self.n_more, "faults");
        Rejection { faults: self.faults, too_large }
    }
}

/// By line; what has no line comes last, in the order it was found.
fn sort(faults: &mut [Fault]) {
    faults.sort_by_key(|fault| fault.line.unwrap_or(u32::MAX));
}

fn push_rest(faults: &mut Vec<Fault>, n_more: usize, word: &str) {
    if n_more > 0 {
        let what = format!("and {n_more} more {word}, not listed");
        faults.push(Fault { line: None, element: String::new(), what });
    }
}

/// A sender's words in quotes, with invisible characters made visible and shortened.
pub(super) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
