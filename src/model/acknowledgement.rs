//! What a terminal said, and our verdict from it.

use super::{BroadcastId, LinkKind, TerminalId, UtcMs};
use serde::{Deserialize, Serialize};

/// How far a terminal says it got. Each report is cumulative: a later step implies that the
/// earlier ones happened, with the times the report carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Signature and content verified, waiting to play.
    Received,
    /// Sound is coming out.
    Playing,
    /// Played to the end, all repeats.
    Played,
    /// The terminal refuses, and why.
    Refused(RefusalCode),
    /// The terminal tried and failed; text from the terminal, at most 64 bytes.
    Failed(String),
    /// Another broadcast took its place for good.
    Preempted(BroadcastId),
    /// Stopped by a cancel order.
    Cancelled,
    /// Its validity ended before it could play.
    Expired,
}

/// Why a terminal refuses an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The signature is wrong or its key unknown.
    Signature,
    /// The order was used before or is too old.
    Replay,
    /// Not for this terminal.
    Target,
    /// Outside its time window.
    Window,
    /// A drill, and this terminal is not armed for drills.
    Drill,
    /// It can't decode or fetch the audio.
    Content,
    /// Its queue is full.
    Busy,
}

/// One report of one terminal about one broadcast, as it enters the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who said it.
    pub terminal: TerminalId,
    /// About which broadcast.
    pub broadcast: BroadcastId,
    /// How far it got.
    pub step: Step,
    /// Terminal's clock when it verified the order, if it did.
    pub received_at: Option<UtcMs>,
    /// Terminal's clock when sound began, if it did.
    pub playing_at: Option<UtcMs>,
    /// Terminal's clock at the end, if it came.
    pub ended_at: Option<UtcMs>,
    /// Complete plays so far.
    pub plays: u8,
    /// Whether a sensor (amplifier current, microphone) heard it.
    pub heard: bool,
    /// Terminal's own counter of reports, rising by one; tells repeats from news.
    pub sequence: u32,
    /// The link it came by.
    pub link: LinkKind,
    /// Which of the broadcast's clips it took, by its place, when it was not the first: other codec,
    /// text, phrases, recorded warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<u8>,
}

/// Our verdict on one terminal × broadcast (the ladder of evidence). Ordered as a ladder up to
/// `Played`; the rest are ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Chosen, nothing sent yet.
    Targeted,
    /// A link took the order; nobody knows more.
    Sent,
    /// The terminal verified signature and content.
    Received,
    /// The terminal says sound is coming out.
    Playing,
    /// The terminal says it played to the end.
    Played,
    /// The terminal refused.
    Refused(RefusalCode),
    /// The terminal failed.
    Failed(String),
    /// Another broadcast took its place.
    Preempted(BroadcastId),
    /// Cancelled before or while playing.
    Cancelled,
    /// Valid no longer and no end was reported.
    Expired,
    /// Valid no longer and the terminal never said a word.
    Unreachable,
}

/// The times of the ladder for one terminal × broadcast: who said what, when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When a link first took the order (our clock).
    pub sent_at: Option<UtcMs>,
    /// When its first report reached us (our clock).
    pub first_report_at: Option<UtcMs>,
    /// When its last report reached us (our clock).
    pub last_report_at: Option<UtcMs>,
    /// Terminal's clock: verified.
    pub received_at: Option<UtcMs>,
    /// Terminal's clock: sound began.
    pub playing_at: Option<UtcMs>,
    /// Terminal's clock: end.
    pub ended_at: Option<UtcMs>,
    /// A sensor heard it.
    pub heard: bool,
    /// Orders sent to it, group orders included.
    pub attempts: u16,
}
