//! What passes between this gateway and the upper emergency-broadcast platform (GD/J 083-2018): what
//! came, how it was signed, and what is told upstream about a message.

use super::{AlertId, AreaCode, Sha256, UtcMs};
use serde::{Deserialize, Serialize};

/// The seventeen kinds of packages (083 table 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EbdKind {
    /// A message to broadcast, or to stop.
    Ebm,
    /// Asks how far a message is.
    EbmStateRequest,
    /// Says how far a message is.
    EbmStateResponse,
    /// Asks for data of operation and maintenance.
    OmdRequest,
    /// Platforms.
    EbrpsInfo,
    /// Front ends and stations.
    EbrstInfo,
    /// Adapters.
    EbrasInfo,
    /// Transmission devices.
    EbrbsInfo,
    /// Platform devices and terminals.
    EbrdtInfo,
    /// What was broadcast.
    EbmBrdLog,
    /// State of platforms.
    EbrpsState,
    /// State of adapters.
    EbrasState,
    /// State of transmission devices.
    EbrbsState,
    /// State of platform devices and terminals.
    EbrdtState,
    /// Heartbeat.
    ConnectionCheck,
    /// A result, told in a connection of its own.
    EbdNotify,
    /// A receipt, told in the same connection.
    EbdResponse,
}

impl EbdKind {
    /// All of them with the names of their elements.
    pub const ALL: [(Self, &'static str); 17] = [
        (Self::Ebm, "EBM"),
        (Self::EbmStateRequest, "EBMStateRequest"),
        (Self::EbmStateResponse, "EBMStateResponse"),
        (Self::OmdRequest, "OMDRequest"),
        (Self::EbrpsInfo, "EBRPSInfo"),
        (Self::EbrstInfo, "EBRSTInfo"),
        (Self::EbrasInfo, "EBRASInfo"),
        (Self::EbrbsInfo, "EBRBSInfo"),
        (Self::EbrdtInfo, "EBRDTInfo"),
        (Self::EbmBrdLog, "EBMBrdLog"),
        (Self::EbrpsState, "EBRPSState"),
        (Self::EbrasState, "EBRASState"),
        (Self::EbrbsState, "EBRBSState"),
        (Self::EbrdtState, "EBRDTState"),
        (Self::ConnectionCheck, "ConnectionCheck"),
        (Self::EbdNotify, "EBDNotify"),
        (Self::EbdResponse, "EBDResponse"),
    ];

    /// The name in `EBDType` and of the element.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Reads the name, whatever its capitals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text.trim()));
        found.map(|(kind, _)| *kind)
    }

    /// The element of one record in an `Info`, `State` or log; empty for others.
    #[must_use]
    pub fn record_name(self) -> &'static str {
        match self {
            Self::EbrpsInfo | Self::EbrpsState => "EBRPS",
            Self::EbrstInfo => "EBRST",
            Self::EbrasInfo | Self::EbrasState => "EBRAS",
            Self::EbrbsInfo | Self::EbrbsState => "EBRBS",
            Self::EbrdtInfo | Self::EbrdtState => "EBRDT",
            Self::EbmBrdLog => "EBMBrdItem",
            Self::Ebm
            | Self::EbmStateRequest
            | Self::EbmStateResponse
            | Self::OmdRequest
            | Self::ConnectionCheck
            | Self::EbdNotify
            | Self::EbdResponse => "",
        }
    }
}

/// `ResultCode` of a receipt. From `ParseFailed` on, nothing of the package is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultCode {
    /// 0: received, not handled.
    Received,
    /// 1: parsed and checked.
    Good,
    /// 2: can't be parsed.
    ParseFailed,
    /// 3: content is missing.
    Missing,
    /// 4: the signature is absent or wrong.
    Signature,
    /// 5: another reason.
    Other,
}

impl ResultCode {
    const ALL: [Self; 6] = [
        Self::Received,
        Self::Good,
        Self::ParseFailed,
        Self::Missing,
        Self::Signature,
        Self::Other,
    ];

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        let at = Self::ALL.iter().position(|code| *code == self);
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or(5)
    }

    /// From the number on the wire.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether the sender's package was taken.
    #[must_use]
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Received | Self::Good)
    }
}

/// `BrdStateCode`: how far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrdState {
    /// 0: not handled; here: a person has to decide.
    Unhandled,
    /// 1: waits for its time, or for the first terminal.
    Waiting,
    /// 2: at least one terminal reported that it plays or played.
    Playing,
    /// 3: every terminal reported that it played.
    Done,
    /// 4: all or part failed, or it may not sound.
    Failed,
    /// 5: cancelled.
    Cancelled,
}

impl BrdState {
    const ALL: [Self; 6] =
        [Self::Unhandled, Self::Waiting, Self::Playing, Self::Done, Self::Failed, Self::Cancelled];

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        let at = Self::ALL.iter().position(|state| *state == self);
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
    }

    /// From the number on the wire.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether nothing more is expected.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// What became of the signature of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageSignature {
    /// By a certificate that the configuration trusts.
    Verified {
        /// Its serial number, 12 hexadecimal digits.
        certificate: String,
    },
    /// There is none.
    Unsigned,
    /// There is one that proves nothing.
    Bad {
        /// Why.
        why: String,
    },
}

/// The head of a package that came, with what became of its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformPackage {
    /// `EBDID`.
    pub id: String,
    /// `EBDType`.
    pub kind: EbdKind,
    /// `SRC/EBRID`, white space removed; empty when the sender left it so.
    pub source: String,
    /// `DEST/EBRID`, when given.
    pub dest: Option<String>,
    /// `EBDTime`.
    pub sent: UtcMs,
    /// `RelatedEBD/EBDID`, when given.
    pub related: Option<String>,
    /// Signed by whom.
    pub signature: PackageSignature,
}

/// Terminals per outcome, as they are told upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EbmCounts {
    /// All that must hear it.
    pub targeted: u32,
    /// Have the order or wait for it; they have not begun.
    pub open: u32,
    /// Reported that they play.
    pub playing: u32,
    /// Reported that they played to the end.
    pub played: u32,
    /// Refused, failed, pre-empted or expired, by their own word.
    pub failed: u32,
    /// Cancelled.
    pub cancelled: u32,
    /// Never said a word.
    pub unreachable: u32,
}

/// How far a message of the upper platform is, by the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EbmReport {
    /// `EBMID`.
    pub ebm: String,
    /// When this was so.
    pub at: UtcMs,
    /// The state.
    pub state: BrdState,
    /// In words, with the numbers.
    pub desc: String,
    /// The numbers.
    pub counts: EbmCounts,
    /// Areas of the broadcasts.
    pub areas: Vec<AreaCode>,
    /// First sound, by a terminal's report.
    pub began: Option<UtcMs>,
    /// The end of the last broadcast.
    pub ended: Option<UtcMs>,
    /// Headline, for logs.
    pub title: String,
    /// What was spoken, or the headline when nothing was.
    pub words: String,
}

/// What is told upstream on record: written down first, then sent until it is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformContent {
    /// `EBMStateResponse`.
    State(EbmReport),
    /// `EBMBrdLog` of one message.
    Log(EbmReport),
}

impl PlatformContent {
    /// The report in it.
    #[must_use]
    pub fn report(&self) -> &EbmReport {
        match self {
            Self::State(report) | Self::Log(report) => report,
        }
    }
}

/// A message of the upper platform, and the alert it became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformEbm {
    /// `EBMID`.
    pub id: String,
    /// The alert.
    pub alert: AlertId,
    /// Whether it ends another message.
    pub ends: bool,
}

/// What passed between this gateway and the upper platform, as it stands in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformAct {
    /// A package came; a message in it follows as an alert when it was taken.
    Took {
        /// Its head and what became of its signature.
        package: Box<PlatformPackage>,
        /// Digest of its bytes.
        raw: Sha256,
        /// What was answered.
        code: ResultCode,
        /// The same in words.
        desc: String,
        /// The message in it.
        ebm: Option<PlatformEbm>,
    },
    /// Something must be told.
    Queued {
        /// Its number, from which the name of the package is made.
        sequence: u64,
        /// The package that it answers.
        related: Option<String>,
        /// What is told.
        content: Box<PlatformContent>,
    },
    /// The upper platform took it.
    Sent {
        /// Its number.
        sequence: u64,
        /// What it answered.
        code: ResultCode,
    },
    /// It was not taken, and is no longer sent.
    Dropped {
        /// Its number.
        sequence: u64,
        /// Why.
        reason: String,
    },
    /// What was answered to a package in the end, where that is more than that it was taken.
    Answered {
        /// Its `EBDID`.
        id: String,
        /// What was answered.
        code: ResultCode,
        /// The same in words.
        desc: String,
    },
    /// It was posted and not taken so many times; on record at the 1st, 2nd, 4th, 8th … time.
    Unanswered {
        /// Its number.
        sequence: u64,
        /// How often.
        n_tries: u32,
        /// Why the last time.
        why: String,
    },
}

impl PlatformAct {
    /// Stable name in the journal's `kind` column.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Took { .. } => "platform_took",
            Self::Queued { .. } => "platform_queued",
            Self::Sent { .. } => "platform_sent",
            Self::Dropped { .. } => "platform_dropped",
            Self::Answered { .. } => "platform_answered",
            Self::Unanswered { .. } => "platform_unanswered",
        }
    }
}
