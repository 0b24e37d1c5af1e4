//! Call and answer 叫应: responsible persons must say that they heard, or the next level is called.

use super::{AreaCode, BroadcastId, Sha256, TerminalId, UtcMs};
use core::fmt;
use serde::{Deserialize, Serialize};

/// A call's name: rising, in the same count as plans and broadcasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a response plan asks of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRule {
    /// Seconds in which a level must answer before the next one is called.
    pub answer_within_s: u32,
}

/// Levels of responsible persons, in the order in which they are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStage {
    /// 村
    Village,
    /// 乡镇
    Township,
    /// 县
    County,
}

/// A responsible person of an area, from `contacts.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Name.
    pub name: String,
    /// What the person is: 村支书, 包村干部 …
    pub role: String,
    /// Where the message goes.
    pub telephone: String,
    /// Responsible for this area; its level says at which stage the person is called.
    pub area: AreaCode,
}

/// A person who was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledPerson {
    /// Name.
    pub name: String,
    /// What the person is.
    pub role: String,
    /// Where the message went.
    pub telephone: String,
    /// At which stage.
    pub stage: CallStage,
    /// Digest of the token in the person's link; the token itself goes out with the message only.
    /// `None` = no link was made.
    pub digest: Option<Sha256>,
}

/// How a call was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallAnswer {
    /// By the one-time link that this person got.
    Link {
        /// Name of the person.
        person: String,
    },
    /// At a terminal's button.
    TerminalButton {
        /// The terminal.
        terminal: TerminalId,
    },
    /// By telephone, entered by an officer.
    Officer {
        /// Canonical name of the officer.
        by: String,
    },
}

/// A message to one person, for the webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct CallOrder {
    /// The call.
    pub call: CallId,
    /// Place of the person among those of the call.
    pub place: usize,
    /// The broadcast behind it.
    pub broadcast: BroadcastId,
    /// The person.
    pub person: CalledPerson,
    /// The area that is called.
    pub area: AreaCode,
    /// Its name, with the township's before a village's.
    pub area_name: String,
    /// The words of the broadcast.
    pub text: String,
    /// Whether it is a drill.
    pub drill: bool,
    /// Secret of the one-time link, never recorded or logged; `None` = no link.
    pub token: Option<String>,
    /// When the next level is called.
    pub answer_by: UtcMs,
}

impl fmt::Debug for CallOrder {
    /// Secrets never reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, place, person, .. } = self;
        write!(f, "CallOrder {{ call: {call}, place: {place}, stage: {:?} }}", person.stage)
    }
}
