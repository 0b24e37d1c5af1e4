//! Collects everything that is wrong or odd, so that a sender learns all of it at once.

use crate::model::{Fault, Rejection};

/// Faults and oddities kept; more are counted in one last line.
const KEPT_MAX: usize = 200;

/// What was noticed while reading.
#[derive(Debug, Default)]
pub(super) struct Notes {
    faults: Vec<Fault>,
    oddities: Vec<Fault>,
    too_large: bool,
    n_more: usize,
}

impl Notes {
    /// Something that makes the message unreadable.
    pub(super) fn fault(&mut self, line: Option<u32>, element: &str, what: impl Into<String>) {
        if self.faults.len() < KEPT_MAX {
            self.faults.push(Fault { line, element: element.to_owned(), what: what.into() });
        } else {
            self.n_more += 1;
        }
    }

    /// Something odd that does not change what the message says.
    pub(super) fn oddity(&mut self, line: Option<u32>, element: &str, what: impl Into<String>) {
        if self.oddities.len() < KEPT_MAX {
            self.oddities.push(Fault { line, element: element.to_owned(), what: what.into() });
        }
    }

    /// Over a limit of size or depth.
    pub(super) fn too_large(&mut self, what: impl Into<String>) {
        self.too_large = true;
        self.fault(None, "", what);
    }

    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    pub(super) fn into_oddities(self) -> Vec<Fault> {
        self.oddities
    }

    pub(super) fn into_rejection(mut self) -> Rejection {
        if self.n_more > 0 {
            let what = format!("and {} more faults", self.n_more);
            self.faults.push(Fault { line: None, element: String::new(), what });
        }
        if self.faults.is_empty() {
            // A reader that gives up must say why; this keeps the promise even if one forgets.
            let what = "the message could not be read".to_owned();
            self.faults.push(Fault { line: None, element: String::new(), what });
        }
        Rejection { faults: self.faults, too_large: self.too_large }
    }
}
