//! Plain data that every stage speaks: no I/O, no clock, no decisions.
//!
//! Types derive `serde` because journal entries hold model values verbatim; a stored form only
//! grows (`tests/it/record.rs` freezes it).

mod acknowledgement;
mod act;
mod actor;
mod alert;
mod api_key;
mod area;
mod broadcast;
mod call;
mod fault;
mod hazard;
mod interlock;
mod latch;
mod national;
mod order;
mod phrase;
mod plan;
mod platform;
mod policy;
mod policy_edit;
mod programme;
mod registry;
mod roster;
mod source;
mod station;
mod terminal;
mod time;
mod window;

pub use acknowledgement::{Acknowledgement, Evidence, Outcome, RefusalCode, Step};
pub use act::Act;
pub use actor::{Actor, Right, Role};
pub use alert::{
    Alert, AlertArea, AlertForm, AlertId, Geocode, Info, Level, MsgType, NameValue, Reference,
    Resource, Scope, Status,
};
pub use api_key::ApiKeyLine;
pub use area::{Area, AreaCode, AreaLevel, Circle, Position};
pub use broadcast::{
    Approval, Broadcast, BroadcastId, Class, ClipRef, Codec, Priority, Sha256, Spoken, StopScope,
};
pub use call::{CallAnswer, CallId, CallOrder, CallRule, CallStage, CalledPerson, Contact};
pub use fault::{Fault, Rejection, Replayed};
pub use hazard::HazardCode;
pub use interlock::{HazardClass, HourSpan, InterlockLimit, InterlockRule, OriginKind, Verdict};
pub use latch::{HeldBack, Latch, LatchHold};
pub use national::NationalCode;
pub use order::{Address, Cancellation, OrderKind, Origin, Shed};
pub use phrase::Phrase;
pub use plan::{
    Disposition, LIVE_VOICE, Message, Need, Plan, PlanContent, PlanId, Reason, Refusal,
};
pub use platform::{
    BrdState, EbdKind, EbmCounts, EbmReport, PackageSignature, PlatformAct, PlatformContent,
    PlatformEbm, PlatformPackage, ResultCode,
};
pub use policy::{
    AfterDeadline, ApprovalMode, BreakGlassRules, Chime, Interlock, ManualRules, OnCancel,
    Playback, Policy, QuietHours, ResponsePlan, Template,
};
pub use policy_edit::{
    PlanBasis, PolicyChange, PolicyContent, PolicyDeed, PolicyPart, PolicyRefusal, PolicyRefused,
    PolicyVersion,
};
pub use programme::{Calendar, LocalDate, Programme, YearDay};
pub use registry::{Finding, Health, RegistryChange, SilentAnswer, SilentTestId, named_area};
pub use roster::{Group, Post, Shift, ShiftId};
pub use source::{SourceNote, SourceRules};
pub use station::parameter as station_parameter;
pub use station::{
    Condition, Crossing, Measure, Quality, Quantity, Reading, ReadingReport, Station, StationId,
    StationKind, ThresholdRule,
};
pub use terminal::{LinkKind, Network, Terminal, TerminalId};
pub use time::UtcMs;
pub use window::{Sample, Sensor, WindowChange, WindowKept};
