//! What is wrong with bytes from outside.

use serde::{Deserialize, Serialize};

/// One thing wrong (or odd but tolerated) in an incoming message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Line in the source, from 1; `None` when the fault has no place (an absent element).
    pub line: Option<u32>,
    /// Path of the element, such as `alert/info[1]/area/polygon`; empty = the whole message.
    pub element: String,
    /// What was expected and what was got, lower case, no full stop.
    pub what: String,
}

/// Bytes that could not become an alert (退回): every fault, raw kept by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// All faults found, in order of place; never empty.
    pub faults: Vec<Fault>,
    /// Whether the only reason is size or depth (HTTP 413 instead of 422).
    pub too_large: bool,
}

/// That a person had the kept bytes of a rejection read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Which: the first rejection ever was number 1.
    pub number: u64,
    /// Canonical name.
    pub by: String,
    /// Why, as typed.
    pub reason: String,
}
