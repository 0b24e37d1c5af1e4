//! An authorised broadcast (播发任务): the only thing that may sound a loudspeaker.

use super::{
    AlertId, AreaCode, Chime, HazardCode, Message, PlanBasis, PlanId, Playback, TerminalId, UtcMs,
};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A SHA-256 digest; text form is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut out = [0_u8; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(out))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("expected 64 hexadecimal digits, got `{text}`"))
    }
}

/// A broadcast's name and at the same time its order counter: always rising, in step with the
/// clock (milliseconds since 1970 when it was made, or one more than the last), so that it rises
/// even when an older record is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BroadcastId(pub u64);

impl fmt::Display for BroadcastId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Audio codecs a terminal may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// Ogg Opus, 16 kHz mono, 16 kbit/s.
    Opus,
    /// MP3, 16 kHz mono, 32 kbit/s.
    Mp3,
    /// IMA ADPCM in WAV, 8 kHz mono.
    Adpcm,
    /// PCM WAV, 16 bit, 16 kHz mono.
    Wav,
    /// Text for a speech chip in the terminal, UTF-8.
    Text,
    /// A list of phrases that the terminal keeps, by number.
    Phrases,
}

/// One rendered encoding of a broadcast's audio in the content-addressed store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClipRef {
    /// Digest of the encoded file; its name in the store.
    pub sha256: Sha256,
    /// Its codec.
    pub codec: Codec,
    /// Its length in bytes.
    pub clip_bytes: u32,
    /// Its length in milliseconds.
    pub duration_ms: u32,
}

/// What voice spoke, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// `recorded:<file>`, `kokoro:<voice>` …
    pub voice: String,
    /// Why a better voice was not used; `None` = the wanted voice spoke.
    pub fallback_reason: Option<String>,
    /// Milliseconds the rendering took.
    pub render_ms: u32,
}

/// For real or for practice. Kept apart from end to end, inside the signed order too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A drill 演练.
    Drill,
    /// For real.
    Live,
}

/// Who goes first at a terminal: higher pre-empts lower, equal keep their order in time.
/// Emergency before daily, then level (GD/J 089-2018 B.2). 0 (daily) to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub u8);

/// Who or what allowed a broadcast, with the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// A response plan whose approval is automatic.
    Rule {
        /// Name of the response plan.
        plan: String,
        /// When.
        at: UtcMs,
    },
    /// One or two officers.
    Officers {
        /// Their names, in the order they signed.
        by: Vec<String>,
        /// When the last one signed.
        at: UtcMs,
    },
    /// One officer alone, in an emergency 紧急直发; two others countersign afterwards.
    BreakGlass {
        /// The officer.
        by: String,
        /// Why it could not wait, as typed.
        reason: String,
        /// When.
        at: UtcMs,
    },
    /// Nobody decided in time and the response plan says release.
    Clock {
        /// Name of the response plan.
        plan: String,
        /// When the time ran out.
        at: UtcMs,
    },
}

/// What a stop reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopScope {
    /// Everything everywhere 一键停播.
    All,
    /// Everything inside these areas.
    Areas(Vec<AreaCode>),
}

/// An authorised broadcast. Fields are private and the one constructor asks for the approval, so
/// that no path to a loudspeaker exists without one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Broadcast {
    id: BroadcastId,
    plan: PlanId,
    approval: Approval,
    alert: Option<AlertId>,
    response_plan: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    basis: Option<PlanBasis>,
    class: Class,
    priority: Priority,
    message: Message,
    chime: Chime,
    playback: Playback,
    volume_percent: Option<u8>,
    repeats: u8,
    interval_s: u16,
    areas: Vec<AreaCode>,
    terminals: BTreeSet<TerminalId>,
    not_before: UtcMs,
    expires: UtcMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hazard: Option<HazardCode>,
}

impl Broadcast {
    /// Turns an approved plan into a broadcast. Called in `decide/approval.rs` only (tidy checks).
    #[must_use]
    pub fn authorise(id: BroadcastId, plan: super::Plan, approval: Approval) -> Self {
        Self {
            id,
            plan: plan.id,
            approval,
            alert: plan.alert,
            response_plan: plan.response_plan,
            basis: plan.basis,
            class: plan.class,
            priority: plan.priority,
            message: plan.message,
            chime: plan.chime,
            playback: plan.playback,
            volume_percent: plan.volume_percent,
            repeats: plan.repeats,
            interval_s: plan.interval_s,
            areas: plan.areas,
            terminals: plan.terminals,
            not_before: plan.not_before,
            expires: plan.expires,
            hazard: plan.hazard,
        }
    }

    /// Its name and order counter.
    #[must_use]
    pub fn id(&self) -> BroadcastId {
        self.id
    }
    /// The plan it came from.
    #[must_use]
    pub fn plan(&self) -> PlanId {
        self.plan
    }
    /// Who allowed it.
    #[must_use]
    pub fn approval(&self) -> &Approval {
        &self.approval
    }
    /// The alert behind it; `None` for a manual broadcast.
    #[must_use]
    pub fn alert(&self) -> Option<&AlertId> {
        self.alert.as_ref()
    }
    /// The response plan that matched, or `manual`.
    #[must_use]
    pub fn response_plan(&self) -> &str {
        &self.response_plan
    }
    /// That response plan as it stood when it was decided.
    #[must_use]
    pub fn basis(&self) -> Option<&PlanBasis> {
        self.basis.as_ref()
    }
    /// Its title for people; its name when none is on record.
    #[must_use]
    pub fn plan_title(&self) -> &str {
        title_of(&self.response_plan, self.basis.as_ref())
    }
    /// Live or drill.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }
    /// Its rank at a terminal.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.priority
    }
    /// What is said.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }
    /// The officer who speaks it live; only a broadcast by an officer's own hand is spoken so.
    #[must_use]
    pub fn speaker(&self) -> Option<&str> {
        let manual = self.alert.is_none() && self.response_plan == "manual";
        self.message.speaker().filter(|_| manual)
    }
    /// The chime before it.
    #[must_use]
    pub fn chime(&self) -> Chime {
        self.chime
    }
    /// All at once or staggered.
    #[must_use]
    pub fn playback(&self) -> Playback {
        self.playback
    }
    /// Volume in percent; `None` = each terminal's own.
    #[must_use]
    pub fn volume_percent(&self) -> Option<u8> {
        self.volume_percent
    }
    /// How often a terminal plays it, 1 to 20.
    #[must_use]
    pub fn repeats(&self) -> u8 {
        self.repeats
    }
    /// Seconds between plays.
    #[must_use]
    pub fn interval_s(&self) -> u16 {
        self.interval_s
    }
    /// Areas of which every terminal is meant, for group orders; empty when terminals were picked
    /// one by one (polygon, circle).
    #[must_use]
    pub fn areas(&self) -> &[AreaCode] {
        &self.areas
    }
    /// Every terminal that must hear it.
    #[must_use]
    pub fn terminals(&self) -> &BTreeSet<TerminalId> {
        &self.terminals
    }
    /// Sounds nowhere before this.
    #[must_use]
    pub fn not_before(&self) -> UtcMs {
        self.not_before
    }
    /// Sounds nowhere after this.
    #[must_use]
    pub fn expires(&self) -> UtcMs {
        self.expires
    }
    /// Against which kind of hazard, as the national protocol writes it; `None` = it names none.
    #[must_use]
    pub fn hazard(&self) -> Option<HazardCode> {
        self.hazard
    }
}

/// What people call a response plan.
pub(super) fn title_of<'a>(name: &'a str, basis: Option<&'a PlanBasis>) -> &'a str {
    match (basis, name) {
        (Some(basis), _) => &basis.title,
        (None, "manual") => "手动广播",
        (None, name) => name,
    }
}
