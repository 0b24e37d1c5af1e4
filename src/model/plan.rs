//! A plan (播发方案): who would hear what, and what is needed before it may sound.

use super::{
    AfterDeadline, AlertId, AreaCode, BroadcastId, Chime, Class, HazardCode, PlanBasis, Playback,
    Priority, TerminalId, UtcMs,
};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A plan's name: rising, like a broadcast's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(pub u64);

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The words (播发内容) and what to use when no voice can speak them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The text to speak, Chinese, without mark-up; at most 2,000 characters.
    pub text: String,
    /// Wanted voice: `default`, `kokoro:zm_yunjian`, `recorded`.
    pub voice: String,
    /// Recorded message in `audio-samples/` to play instead of speech, when the plan says so.
    pub recording: Option<String>,
    /// Recorded warning to play when no voice can speak in time (hazard and level).
    pub fallback_recording: String,
}

/// The voice of an officer who speaks himself, into the microphone: `live`, and in a plan `live:` with
/// his canonical name.
pub const LIVE_VOICE: &str = "live";

impl Message {
    /// The officer who speaks it live 现场喊话; `None` = it is spoken or played by the gateway.
    #[must_use]
    pub fn speaker(&self) -> Option<&str> {
        self.voice.strip_prefix(LIVE_VOICE)?.strip_prefix(':')
    }
}

/// One reason of a decision, for people and for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable name, such as `plan_matched` or `quiet_hours`.
    pub code: String,
    /// One sentence in Chinese for the duty officer.
    pub text: String,
}

/// What must happen before a plan may sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Nothing: the response plan releases it by itself.
    Nothing,
    /// `officers` different people must approve before `decide_by`.
    Officers {
        /// 1 or 2.
        officers: u8,
        /// When the clock runs out.
        decide_by: UtcMs,
        /// What happens then.
        after: AfterDeadline,
    },
}

/// What decide made of an alert: complete, but not yet allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name.
    pub id: PlanId,
    /// The alert behind it; `None` for a manual broadcast.
    pub alert: Option<AlertId>,
    /// The matched response plan's name, or `manual`.
    pub response_plan: String,
    /// What it was decided by; `None` = by no response plan, or before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<PlanBasis>,
    /// Who asked: the API key's or officer's name, or `alert`.
    pub requested_by: String,
    /// Live or drill.
    pub class: Class,
    /// Rank at a terminal.
    pub priority: Priority,
    /// The words.
    pub message: Message,
    /// The chime.
    pub chime: Chime,
    /// Simultaneous or staggered.
    pub playback: Playback,
    /// Volume in percent; `None` = each terminal's own.
    pub volume_percent: Option<u8>,
    /// Plays per terminal, 1 to 20.
    pub repeats: u8,
    /// Seconds between plays.
    pub interval_s: u16,
    /// Areas of which every terminal is meant (smallest cover); empty when picked one by one.
    pub areas: Vec<AreaCode>,
    /// Every terminal that must hear it; may be empty only while a person has to choose.
    pub terminals: BTreeSet<TerminalId>,
    /// Not before.
    pub not_before: UtcMs,
    /// Not after.
    pub expires: UtcMs,
    /// What it waits for.
    pub need: Need,
    /// Broadcasts that it replaces: they are cancelled when it starts.
    pub supersedes: Vec<BroadcastId>,
    /// Why it is as it is.
    pub reasons: Vec<Reason>,
    /// Against which kind of hazard, as the national protocol writes it; `None` = it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hazard: Option<HazardCode>,
}

/// The parts of a waiting plan that an officer may change, as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanContent {
    /// The words.
    pub text: String,
    /// Recorded message instead of speech; gone when the words were changed.
    pub recording: Option<String>,
    /// Plays per terminal, 1 to 20.
    pub repeats: u8,
    /// Volume in percent; `None` = each terminal's own.
    pub volume_percent: Option<u8>,
    /// Not after.
    pub expires: UtcMs,
    /// Smallest cover of `terminals`; empty when there is none.
    pub areas: Vec<AreaCode>,
    /// Every terminal that must hear it.
    pub terminals: BTreeSet<TerminalId>,
}

impl Plan {
    /// The response plan's title for people; its name when none is on record.
    #[must_use]
    pub fn title(&self) -> &str {
        super::broadcast::title_of(&self.response_plan, self.basis.as_ref())
    }

    /// What of it may be changed while it waits.
    #[must_use]
    pub fn content(&self) -> PlanContent {
        PlanContent {
            text: self.message.text.clone(),
            recording: self.message.recording.clone(),
            repeats: self.repeats,
            volume_percent: self.volume_percent,
            expires: self.expires,
            areas: self.areas.clone(),
            terminals: self.terminals.clone(),
        }
    }

    /// The same plan with another content; the clock for people never runs longer than the plan.
    #[must_use]
    pub fn with(mut self, content: PlanContent) -> Self {
        let PlanContent { text, recording, repeats, volume_percent, expires, areas, terminals } =
            content;
        self.message.text = text;
        self.message.recording = recording;
        self.repeats = repeats;
        self.volume_percent = volume_percent;
        self.expires = expires;
        self.areas = areas;
        self.terminals = terminals;
        if let Need::Officers { decide_by, .. } = &mut self.need {
            *decide_by = (*decide_by).min(expires);
        }
        self
    }
}

/// Not broadcast (不予播发), with every reason; recorded, not sounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why, never empty.
    pub reasons: Vec<Reason>,
}

/// What became of an alert; the answer of `POST /api/v1/alerts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// A broadcast goes out.
    Planned,
    /// Waits for people.
    AwaitingApproval,
    /// Will not sound.
    Refused,
    /// Same message as before.
    Duplicate,
    /// Same identity, other content: for a person.
    Conflict,
    /// Kept, nothing to do (Ack, Error, outside our area …).
    Recorded,
}
