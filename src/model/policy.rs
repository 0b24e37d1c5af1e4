//! Response plans (预案) and the other rules of a county, as data.

use super::{AreaCode, CallRule, InterlockLimit, InterlockRule, Level, Role};
use serde::{Deserialize, Serialize};

/// What happens when nobody decided in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterDeadline {
    /// It goes out (written county policy).
    Release,
    /// It ends, recorded as not decided.
    Expire,
}

/// Who must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalMode {
    /// Nobody.
    Automatic,
    /// One officer.
    OnePerson,
    /// Two different officers.
    TwoPerson,
}

/// The chime or siren before speech, by level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chime {
    /// None.
    None,
    /// Soft two-tone for notices and drills.
    Notice,
    /// Blue level.
    Blue,
    /// Yellow level.
    Yellow,
    /// Orange level.
    Orange,
    /// Red level: rising siren.
    Red,
}

/// All at once, or neighbours one after the other so that echoes don't blur the words (時差放送).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Playback {
    /// All terminals at once.
    Simultaneous,
    /// Odd and even terminals of a village in turns.
    Staggered,
}

/// What a Cancel of the source does besides stopping what still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCancel {
    /// Stop only.
    Stop,
    /// Stop, then announce the all-clear (解除) to those who were targeted.
    StopAndAnnounce,
}

/// A local daily span in which only exempt plans sound. Minutes after local midnight, 0 to 1439;
/// `from` > `until` spans midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// First quiet minute.
    pub from_minute: u16,
    /// First minute that is not quiet any more.
    pub until_minute: u16,
}

/// One response plan (预案).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponsePlan {
    /// Its name, unique.
    pub name: String,
    /// Title for people, Chinese.
    pub title: String,
    /// Hazard codes (11B03 …); a shorter one matches as a prefix (`11B`).
    pub hazards: Vec<String>,
    /// Words that match in `event` or headline when the alert has no known code, any case.
    pub event_words: Vec<String>,
    /// Levels it is for.
    pub levels: Vec<Level>,
    /// Senders (code or name prefixes) it trusts; empty = every authenticated source.
    pub senders: Vec<String>,
    /// Areas it is for; empty = all served.
    pub areas: Vec<AreaCode>,
    /// Who must agree.
    pub approval: ApprovalMode,
    /// Seconds people have to decide.
    pub decide_within_s: u32,
    /// What then.
    pub after_deadline: AfterDeadline,
    /// Chime before speech.
    pub chime: Chime,
    /// Template by name.
    pub template: String,
    /// Wanted voice.
    pub voice: String,
    /// Recorded message played instead of speech.
    pub recording: Option<String>,
    /// Recorded warning when no voice can speak in time.
    pub fallback_recording: String,
    /// Plays per terminal, 1 to 20.
    pub repeats: u8,
    /// Seconds between plays.
    pub interval_s: u16,
    /// Volume in percent; `None` = the terminal's own.
    pub volume_percent: Option<u8>,
    /// Whether it may sound in quiet hours.
    pub quiet_hours_exempt: bool,
    /// Simultaneous or staggered.
    pub playback: Playback,
    /// Longest validity in seconds, whatever the alert says.
    pub validity_s_max: u32,
    /// What a Cancel does.
    pub on_cancel: OnCancel,
    /// Whether responsible persons are called and must answer 叫应.
    #[serde(default)]
    pub call: Option<CallRule>,
}

/// Words with slots: `{headline} {description} {instruction} {sender} {areas} {level} {hazard}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its name, unique.
    pub name: String,
    /// Its text, Chinese.
    pub text: String,
}

/// Limits on automatic release, each with a person behind it: what is over goes to approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interlock {
    /// Automatic broadcasts per rolling hour.
    pub automatic_per_hour_max: u16,
    /// Terminals one automatic broadcast below red may reach.
    pub automatic_terminals_max: u32,
    /// Officers who may lift it, for the message.
    pub lifted_by: Vec<String>,
    /// Who may start what, when and where: the strictest rule that fits holds.
    #[serde(default)]
    pub rules: Vec<InterlockRule>,
    /// How much of it.
    #[serde(default)]
    pub limits: Vec<InterlockLimit>,
}

/// What officers may broadcast by their own hand. The officer who asks counts as the first person;
/// what goes over a limit needs a second one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualRules {
    /// Terminals one officer may reach alone; more needs a second person.
    pub terminals_alone_max: u32,
    /// Whether a broadcast of the class daily in quiet hours needs a second person.
    pub quiet_hours_second_person: bool,
    /// Seconds the second person has to decide.
    pub decide_within_s: u32,
    /// Longest validity in seconds.
    pub validity_s_max: u32,
}

impl Default for ManualRules {
    fn default() -> Self {
        Self {
            terminals_alone_max: 20,
            quiet_hours_second_person: true,
            decide_within_s: 900,
            validity_s_max: 86_400,
        }
    }
}

/// When one officer may release at once 紧急直发 what needs more people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlassRules {
    /// Whether anybody may.
    pub enabled: bool,
    /// Roles that may.
    pub roles: Vec<Role>,
    /// Areas in which it is allowed; empty = wherever the officer may act.
    pub areas: Vec<AreaCode>,
    /// Times an officer may do it in one local day.
    pub per_officer_per_day_max: u16,
    /// Seconds in which two others must countersign.
    pub countersign_within_s: u32,
}

impl Default for BreakGlassRules {
    fn default() -> Self {
        Self {
            enabled: true,
            roles: vec![Role::Officer, Role::Leader],
            areas: Vec::new(),
            per_officer_per_day_max: 2,
            countersign_within_s: 86_400,
        }
    }
}

/// All rules of a county.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Response plans; the first match wins.
    pub plans: Vec<ResponsePlan>,
    /// Templates.
    pub templates: Vec<Template>,
    /// Quiet hours; `None` = never quiet.
    pub quiet_hours: Option<QuietHours>,
    /// Limits of automatic release.
    pub interlock: Interlock,
    /// Limits of manual broadcasts.
    #[serde(default)]
    pub manual: ManualRules,
    /// Limits of releasing alone in an emergency.
    #[serde(default)]
    pub break_glass: BreakGlassRules,
    /// Validity in seconds of an alert without `expires` (12379 practice: 24 h).
    pub validity_s_default: u32,
    /// Offset of local time from UTC in minutes (480 for China).
    pub local_offset_minutes: i16,
    /// An alert sent longer ago than this goes to a person, in seconds.
    pub sent_age_s_max: u32,
    /// An alert sent more than this in the future goes to a person, in seconds.
    pub sent_ahead_s_max: u32,
}
