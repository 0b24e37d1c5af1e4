//! What a package says, as plain data: read by `body`, written by `write`.

use crate::model::{BrdState, EbdKind, ResultCode, UtcMs};

/// Head of an EBD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `EBDID`
    pub id: String,
    /// `EBDType`
    pub kind: EbdKind,
    /// `SRC/EBRID`, white space removed; may be empty.
    pub source: String,
    /// `DEST/EBRID`
    pub dest: Option<String>,
    /// `EBDTime`
    pub sent: UtcMs,
    /// `RelatedEBD/EBDID`
    pub related: Option<String>,
}

/// What stands in the element named as the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `EBM`
    Ebm(Box<Ebm>),
    /// `EBMStateRequest`
    StateRequest {
        /// `EBM/EBMID`
        ebm: String,
    },
    /// `EBMStateResponse`
    State(StateResponse),
    /// `OMDRequest`
    Request(OmdRequest),
    /// Any `…Info` or `…State`.
    Records(Params, Vec<ResourceRecord>),
    /// `EBMBrdLog`
    Log(Params, Vec<LogItem>),
    /// `ConnectionCheck`
    Check {
        /// `RptTime`
        at: UtcMs,
    },
    /// `EBDResponse` or `EBDNotify`.
    Result {
        /// `ResultCode`
        code: ResultCode,
        /// `ResultDesc`
        desc: String,
    },
}

/// `Params` of requests and reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Params {
    /// `RptStartTime`
    pub from: Option<UtcMs>,
    /// `RptEndTime`
    pub until: Option<UtcMs>,
    /// `RptType` is `Incremental`.
    pub incremental: bool,
}

/// `OMDRequest`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OmdRequest {
    /// `OMDType`
    pub what: EbdKind,
    /// `Params`
    pub params: Params,
}

/// One message to broadcast or to stop (082 tables 1 to 5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ebm {
    /// `EBMID`
    pub id: String,
    /// `RelatedInfo/EBMID`
    pub related: Option<String>,
    /// `MsgBasicInfo`
    pub basic: Option<Basic>,
    /// `MsgContent`
    pub contents: Vec<Content>,
    /// `Dispatch/EBRBS/BrdSysType` of all, when given.
    pub systems: Vec<String>,
}

/// `MsgBasicInfo`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basic {
    /// `MsgType`: 1 actual, 2 cancel, 3 platform drill, 4 front-end drill, 5 terminal drill.
    pub msg_type: u8,
    /// `SenderName`
    pub sender_name: String,
    /// `SenderCode`
    pub sender_code: String,
    /// `SendTime`
    pub sent: UtcMs,
    /// `EventType`
    pub event_type: String,
    /// `Severity`: 0 unknown, 1 red to 4 blue.
    pub severity: u8,
    /// `StartTime`
    pub begins: Option<UtcMs>,
    /// `EndTime`
    pub ends: Option<UtcMs>,
}

/// `MsgContent`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// `LanguageCode`, as written.
    pub language: String,
    /// `MsgTitle`
    pub title: Option<String>,
    /// `MsgDesc`
    pub desc: Option<String>,
    /// `AreaCode`, split.
    pub areas: Vec<String>,
    /// `Auxiliary`
    pub auxiliaries: Vec<Auxiliary>,
}

/// `Auxiliary`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Auxiliary {
    /// `AuxiliaryType`: 1 MPEG-1 layer I/II, 2 MP3, 41 to 43 pictures, 61 a stream …
    pub kind: u8,
    /// `AuxiliaryDesc`: a file of the package, or an address.
    pub desc: String,
    /// `Size`, bytes.
    pub size: Option<u64>,
    /// `Digest`: SM3, hexadecimal, small letters.
    pub digest: Option<String>,
}

impl Auxiliary {
    /// Whether it is sound in a file of its own.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        matches!(self.kind, 1..=4)
    }
}

/// `EBMStateResponse`, and the same elements of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateResponse {
    /// `RptTime`
    pub at: UtcMs,
    /// `EBM/EBMID`
    pub ebm: String,
    /// `BrdStateCode`
    pub state: BrdState,
    /// `BrdStateDesc`
    pub desc: String,
    /// `Coverage`
    pub coverage: Option<Coverage>,
    /// `ResBrdInfo/ResBrdItem`
    pub items: Vec<ResBrdItem>,
}

/// `Coverage`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// `CoverageRate`, 0 to 1.
    pub rate: String,
    /// `AreaCode`, joined by commas.
    pub areas: String,
    /// `ResBrdStat`: platforms, adapters, devices, terminals.
    pub resources: String,
}

/// `ResBrdItem`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResBrdItem {
    /// `EBRPS/EBRID`
    pub platform: String,
    /// `RptTime`
    pub at: UtcMs,
    /// `StartTime`
    pub began: Option<UtcMs>,
    /// `EndTime`; `None` = still playing.
    pub ended: Option<UtcMs>,
    /// `BrdStateCode`
    pub state: BrdState,
    /// `BrdStateDesc`
    pub desc: String,
}

/// One platform, front end, adapter, device or terminal, of an `…Info` or `…State`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceRecord {
    /// `RptTime`
    pub at: UtcMs,
    /// `RptType` is `Delete`; else `Sync`.
    pub deleted: bool,
    /// `RelatedEBRPS/EBRID`
    pub upper: Option<String>,
    /// `EBRID`
    pub code: String,
    /// `EBRName`
    pub name: String,
    /// `Address`
    pub address: String,
    /// `Contact`
    pub contact: String,
    /// `PhoneNumber`
    pub telephone: String,
    /// `Longitude`
    pub longitude: String,
    /// `Latitude`
    pub latitude: String,
    /// `URL`
    pub url: String,
    /// `StateCode`: 1 on, 2 off, 3 fault, 4 fault cleared, 5 playing.
    pub state: Option<u8>,
    /// `StateDesc`
    pub desc: String,
}

/// `EBMBrdItem`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogItem {
    /// How it ended.
    pub state: StateResponse,
    /// `EBM/MsgContent`
    pub content: Content,
}
