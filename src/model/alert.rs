//! An alert (预警信息) as an authority issued it, normalised from CAP or the national 12379 form.

use super::{Circle, Fault, Position, UtcMs};
use serde::{Deserialize, Serialize};

/// Who issued it, under what name, when: the identity of CAP 1.2 §3.2.1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AlertId {
    /// Sender; for the national form the sender code (falling back to the name).
    pub sender: String,
    /// Identifier, unique for that sender.
    pub identifier: String,
    /// When it was sent.
    pub sent: UtcMs,
}

/// Which written form the alert came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertForm {
    /// CAP 1.0
    Cap10,
    /// CAP 1.1
    Cap11,
    /// CAP 1.2
    Cap12,
    /// National warning platform (12379 / 国突) XML.
    National12379,
    /// Our JSON form of `POST /api/v1/alerts`.
    Json,
    /// Earthquake early warning as JSON, one object a report.
    EarthquakeWarning,
    /// Ours, made of a station's readings that crossed a threshold.
    Station,
    /// Message of an emergency-broadcast platform (GD/J 082-2018).
    Ebm,
}

/// CAP `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// For real.
    Actual,
    /// A drill 演练.
    Exercise,
    /// Between systems; never spoken.
    System,
    /// A test of the chain.
    Test,
    /// Not issued yet.
    Draft,
}

/// CAP `msgType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MsgType {
    /// First of its kind.
    Alert,
    /// Replaces what it references.
    Update,
    /// Ends what it references.
    Cancel,
    /// Says that something was received.
    Ack,
    /// Says that something was refused.
    Error,
}

/// CAP `scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// For everybody.
    Public,
    /// For those of `restriction`.
    Restricted,
    /// For those of `addresses`.
    Private,
}

/// The four Chinese levels; CAP severity Extreme/Severe/Moderate/Minor maps one to one
/// (GB/T 35965.1-2018 practice of the CMA feed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 蓝 IV 一般, Minor
    Blue,
    /// 黄 III 较重, Moderate
    Yellow,
    /// 橙 II 严重, Severe
    Orange,
    /// 红 I 特别严重, Extreme
    Red,
}

/// A pointer to an earlier message. The national form and some feeds give only the identifier, and
/// the CMA feed gives a wrong time, so matching is by identifier (and sender when given).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Sender of the earlier message, when given.
    pub sender: Option<String>,
    /// Its identifier.
    pub identifier: String,
    /// Its time, when given and readable.
    pub sent: Option<UtcMs>,
}

/// A name and a value of CAP `eventCode` or `parameter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameValue {
    /// `valueName`
    pub name: String,
    /// `value`
    pub value: String,
}

/// A CAP `geocode`; in the national form one per comma-separated code, named `area_code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geocode {
    /// `valueName`; the CMA feed writes `CPEAS Geographic Code`.
    pub name: String,
    /// `value`, white space trimmed.
    pub value: String,
}

/// A CAP `resource`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// `resourceDesc`
    pub desc: String,
    /// `mimeType`
    pub mime_type: Option<String>,
    /// `size` in bytes, when it is a number.
    pub size_bytes: Option<u64>,
    /// `uri`
    pub uri: Option<String>,
    /// `digest`, as written.
    pub digest: Option<String>,
    /// Length of the embedded `derefUri` content in bytes (0 = none); the content stays in raw.
    pub embedded_bytes: u64,
}

/// A CAP `area`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertArea {
    /// `areaDesc`
    pub desc: String,
    /// Rings of positions, each closed (first = last) and of at least four points.
    pub polygons: Vec<Vec<Position>>,
    /// Circles, radius in kilometres.
    pub circles: Vec<Circle>,
    /// Geocodes.
    pub geocodes: Vec<Geocode>,
}

/// A CAP `info` block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// RFC 3066 language, as written; CAP's default `en-US` when absent.
    pub language: String,
    /// `category` values, as written.
    pub categories: Vec<String>,
    /// `event` text; for the national form the event type code.
    pub event: String,
    /// `eventCode`s; the national `eventType` appears with the name `eventType`.
    pub event_codes: Vec<NameValue>,
    /// `responseType` values, as written.
    pub response_types: Vec<String>,
    /// `urgency`, as written.
    pub urgency: String,
    /// `severity`, as written.
    pub severity: String,
    /// The level that severity (or a colour in the headline) tells; `None` = unknown.
    pub level: Option<Level>,
    /// `certainty`, as written.
    pub certainty: String,
    /// `effective`
    pub effective: Option<UtcMs>,
    /// `onset`
    pub onset: Option<UtcMs>,
    /// `expires`
    pub expires: Option<UtcMs>,
    /// `senderName`
    pub sender_name: Option<String>,
    /// `headline`
    pub headline: Option<String>,
    /// `description`
    pub description: Option<String>,
    /// `instruction`
    pub instruction: Option<String>,
    /// The national form's message for the method SPEAKER, to be spoken instead of description.
    pub speaker_message: Option<String>,
    /// `web`
    pub web: Option<String>,
    /// `contact`
    pub contact: Option<String>,
    /// `parameter`s
    pub parameters: Vec<NameValue>,
    /// `resource`s
    pub resources: Vec<Resource>,
    /// `area`s
    pub areas: Vec<AlertArea>,
}

/// A readable alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its identity.
    pub id: AlertId,
    /// The form it was written in.
    pub form: AlertForm,
    /// Name of the sender for people (national `sender`), when it differs from the code.
    pub sender_name: Option<String>,
    /// `status`
    pub status: Status,
    /// `msgType`
    pub msg_type: MsgType,
    /// `scope`
    pub scope: Scope,
    /// `source`
    pub source: Option<String>,
    /// `restriction`
    pub restriction: Option<String>,
    /// `addresses`
    pub addresses: Option<String>,
    /// `code`s
    pub codes: Vec<String>,
    /// `note`; the reason of a Cancel.
    pub note: Option<String>,
    /// `references`
    pub references: Vec<Reference>,
    /// `incidents`
    pub incidents: Option<String>,
    /// `info` blocks in document order; may be empty.
    pub infos: Vec<Info>,
    /// Oddities that were tolerated, for people to see.
    pub oddities: Vec<Fault>,
}
