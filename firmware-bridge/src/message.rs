//! What gateway and terminal say to each other: bodies of frames, encoded by postcard.
//!
//! Variants and fields are only ever appended; `tests/wire_v1.rs` freezes the bytes.

use crate::taken::Taken;
use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

/// Encodings of one broadcast's audio in a manifest; a terminal picks the first it can decode.
pub const CLIPS_MAX: usize = 4;
/// Items of one receipt.
pub const RECEIPT_ITEMS_MAX: usize = 24;
/// Numbers of one phrase list.
pub const PHRASES_MAX: usize = 64;
/// Longest text of codec [`Codec::Text`] in bytes.
pub const SPOKEN_BYTES_MAX: usize = 4_000;
/// Length of a failure text in bytes.
pub const FAILURE_BYTES_MAX: usize = 64;

/// For practice or for real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Practice 演练.
    Drill,
    /// For real.
    Live,
}

/// Audio codecs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Codec {
    /// Ogg Opus.
    Opus,
    /// MP3.
    Mp3,
    /// IMA ADPCM in WAV, 8 kHz.
    Adpcm,
    /// PCM in WAV.
    Wav,
    /// A [`PhraseList`]: content kept in the terminal, by number.
    Phrases,
    /// UTF-8 text for a speech chip in the terminal, [`SPOKEN_BYTES_MAX`] bytes at most.
    Text,
}

impl Codec {
    /// Bit of this codec in a codec set.
    #[must_use]
    pub fn bit(self) -> u8 {
        match self {
            Self::Opus => 1,
            Self::Mp3 => 2,
            Self::Adpcm => 4,
            Self::Wav => 8,
            Self::Phrases => 16,
            Self::Text => 32,
        }
    }
}

/// One encoding of the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clip {
    /// Its codec.
    pub codec: Codec,
    /// SHA-256 of the encoded file.
    pub sha256: [u8; 32],
    /// Length in bytes.
    pub clip_bytes: u32,
    /// Length in milliseconds.
    pub duration_ms: u32,
}

/// Who an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Every terminal of an area: 12 digits, zeros to the right mean the whole upper area.
    Area(u64),
    /// One terminal: 15 digits.
    Terminal(u64),
}

impl Target {
    /// Whether a terminal named `terminal`, standing in `areas`, is meant.
    #[must_use]
    pub fn covers(&self, terminal: u64, areas: &[u64]) -> bool {
        match *self {
            Self::Terminal(id) => id == terminal,
            Self::Area(area) => areas.iter().any(|own| area_covers(area, *own)),
        }
    }
}

/// Whether area `upper` is `area` or contains it (GB/T 2260 and GB/T 10114 nesting).
#[must_use]
pub fn area_covers(upper: u64, area: u64) -> bool {
    const UNITS: [u64; 4] = [10_000_000_000, 100_000_000, 1_000_000, 1_000];
    let unit = UNITS.into_iter().find(|unit| upper.is_multiple_of(*unit)).unwrap_or(1);
    upper != 0 && upper / unit == area / unit
}

/// The order to play something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Order counter, and at the same time the broadcast's name.
    pub counter: u64,
    /// For practice or for real.
    pub class: Class,
    /// Whether an officer armed drills; without it a drill never sounds.
    pub drill_armed: bool,
    /// Higher pre-empts lower.
    pub priority: u8,
    /// Who must play.
    pub target: Target,
    /// When it was issued, milliseconds since 1970 UTC (as all times here).
    pub issued_at_ms: i64,
    /// Sounds not before.
    pub not_before_ms: i64,
    /// Sounds not after.
    pub expires_ms: i64,
    /// Volume 0 to 100; `None` = the terminal's own.
    pub volume_percent: Option<u8>,
    /// Number of plays, 1 to 20.
    pub repeats: u8,
    /// Seconds between plays.
    pub interval_s: u16,
    /// Start delay of odd-numbered terminals; 0 = none.
    pub stagger_ms: u32,
    /// The audio in one or more encodings.
    pub clips: Vec<Clip, CLIPS_MAX>,
}

/// The order to stop, and never to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Order counter.
    pub counter: u64,
    /// Which broadcast; `None` = every one with a lower counter (stop-all).
    pub broadcast: Option<u64>,
    /// Who must stop.
    pub target: Target,
    /// When it was issued.
    pub issued_at_ms: i64,
    /// Of no use after.
    pub expires_ms: i64,
}

/// The question how far a broadcast is. Makes no sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Order counter.
    pub counter: u64,
    /// Which broadcast.
    pub broadcast: u64,
    /// Who must answer.
    pub target: Target,
    /// When it was issued.
    pub issued_at_ms: i64,
    /// Of no use after.
    pub expires_ms: i64,
}

/// The order to keep content for later broadcasts. Makes no sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// Who must keep it.
    pub target: Target,
    /// When it was issued.
    pub issued_at_ms: i64,
    /// Of no use after.
    pub expires_ms: i64,
    /// The content.
    pub clip: Clip,
    /// Its number in phrase lists; it takes the place of what had the number before.
    pub phrase: Option<u16>,
}

/// The gateway's time, for terminals without a clock of their own. Makes no sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSignal {
    /// Who is told.
    pub target: Target,
    /// The time at which the frame was made; the line's delay comes on top.
    pub issued_at_ms: i64,
}

/// A part of what somebody speaks now, for terminals that took the [`Order::Live`] of its broadcast.
/// Sounds once, in turn, within a play that is going on; by itself it begins nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which broadcast.
    pub broadcast: u64,
    /// From 0, rising by one.
    pub number: u32,
    /// Who must play it.
    pub target: Target,
    /// When it was issued.
    pub issued_at_ms: i64,
    /// Of no use after; seconds, not minutes.
    pub expires_ms: i64,
    /// Nothing follows: `number` parts were spoken, and this is none.
    pub ends: bool,
    /// Its sound in one or more encodings; empty at the end.
    pub clips: Vec<Clip, CLIPS_MAX>,
}

/// The question whether a terminal could play now. Makes no sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, from the counter of orders; the answer is a report about it.
    pub check: u64,
    /// Who must answer.
    pub target: Target,
    /// When it was issued.
    pub issued_at_ms: i64,
    /// Of no use after.
    pub expires_ms: i64,
    /// Own volume from now on, 1 to 100; `None` = it stays. Kept until the power goes.
    pub volume_percent: Option<u8>,
}

/// Content of codec [`Codec::Phrases`]: kept content by number, played one after the other. A proof
/// follows it, see [`crate::phrases`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhraseList {
    /// Numbers of [`Keep::phrase`].
    pub phrases: Vec<u16, PHRASES_MAX>,
}

/// What the gateway orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Play.
    Play(Manifest),
    /// Stop.
    Cancel(Cancel),
    /// Tell.
    Query(Query),
    /// Keep content.
    Keep(Keep),
    /// Set the clock.
    Time(TimeSignal),
    /// Play, then go on with what is spoken now, part by part.
    Live(Manifest),
    /// The next part of it.
    Part(Part),
    /// Say whether you could play.
    Check(Check),
}

impl Order {
    /// Who it is for.
    #[must_use]
    pub fn target(&self) -> Target {
        match self {
            Self::Play(manifest) | Self::Live(manifest) => manifest.target,
            Self::Cancel(cancel) => cancel.target,
            Self::Query(query) => query.target,
            Self::Keep(keep) => keep.target,
            Self::Time(time) => time.target,
            Self::Part(part) => part.target,
            Self::Check(check) => check.target,
        }
    }
}

/// Why a terminal refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalCode {
    /// Bad signature. Reserved: a terminal stays silent on these.
    Signature,
    /// Used before or too old.
    Replay,
    /// Not for this terminal.
    Target,
    /// Outside its time window.
    Window,
    /// A drill that is not armed.
    Drill,
    /// No encoding it can decode, or the content never matched its digest.
    Content,
    /// Queue full.
    Busy,
}

/// How far a terminal is with a broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Never heard of it.
    Unknown,
    /// Signature and content verified, waiting to play.
    Received,
    /// Sound is coming out.
    Playing,
    /// Played to the end.
    Played,
    /// Refused.
    Refused(RefusalCode),
    /// Failed.
    Failed(String<FAILURE_BYTES_MAX>),
    /// Another broadcast took its place for good.
    Preempted(u64),
    /// Stopped by order.
    Cancelled,
    /// Validity ended first.
    Expired,
    /// Nothing sounded: the answer to a [`Check`] of a terminal that could play.
    Able,
}

impl Step {
    /// Whether nothing more will come.
    #[must_use]
    pub fn is_end(&self) -> bool {
        !matches!(self, Self::Unknown | Self::Received | Self::Playing)
    }
}

/// A terminal's cumulative report about one broadcast (回执).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Who says it.
    pub terminal: u64,
    /// About what.
    pub broadcast: u64,
    /// How far.
    pub step: Step,
    /// Own clock: verified.
    pub received_at_ms: Option<i64>,
    /// Own clock: sound began.
    pub playing_at_ms: Option<i64>,
    /// Own clock: end.
    pub ended_at_ms: Option<i64>,
    /// Complete plays.
    pub plays: u8,
    /// A sensor heard it.
    pub heard: bool,
    /// Rises with every change of this terminal's reports.
    pub sequence: u32,
    /// Which content of the order it took.
    pub taken: Taken,
}

/// One report that is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptItem {
    /// Whose.
    pub terminal: u64,
    /// About what.
    pub broadcast: u64,
    /// All reports up to this number.
    pub sequence: u32,
}

/// The gateway has these reports on record; the terminal may stop repeating them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which reports.
    pub items: Vec<ReceiptItem, RECEIPT_ITEMS_MAX>,
    /// When it was issued.
    pub issued_at_ms: i64,
}

/// What a terminal is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activity {
    /// Nothing.
    Idle,
    /// Sounding.
    Playing,
    /// Broken.
    Fault,
}

/// A terminal's state, sent at connect and now and then; with `online` false it is the last will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whose.
    pub terminal: u64,
    /// False in the last will only.
    pub online: bool,
    /// What it does.
    pub activity: Activity,
    /// Its clock.
    pub clock_ms: i64,
    /// Highest order counter it accepted.
    pub counter_highest: u64,
    /// How often it booted.
    pub boot_count: u32,
    /// Its software.
    pub software: String<32>,
    /// Codec set, see [`Codec::bit`].
    pub codecs: u8,
    /// Its own volume.
    pub volume_percent: u8,
    /// Whether it takes part in armed drills.
    pub armed_for_drill: bool,
}

impl Status {
    /// The last will, prepared at connect: the same status with `online` false and nothing sounding.
    #[must_use]
    pub fn last_will(&self) -> Self {
        Self { online: false, activity: Activity::Idle, ..self.clone() }
    }
}
