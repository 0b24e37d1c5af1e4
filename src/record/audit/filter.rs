//! What is asked for, and where a page goes on.

use crate::model::{AreaCode, BroadcastId, Class, LinkKind, Outcome, TerminalId, UtcMs};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Areas that one question may name.
pub const AREAS_MAX: usize = 64;

/// An [`Outcome`] without its details, as it is filtered and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// Chosen, nothing sent yet.
    Targeted,
    /// Taken by a link, no word yet.
    Sent,
    /// Verified, not playing.
    Received,
    /// Sounding.
    Playing,
    /// Played to the end.
    Played,
    /// Refused.
    Refused,
    /// Failed.
    Failed,
    /// Another broadcast took its place.
    Preempted,
    /// Cancelled.
    Cancelled,
    /// Answered, but no end was reported while it was valid.
    Expired,
    /// Never said a word.
    Unreachable,
}

impl OutcomeKind {
    /// All of them, in order of the ladder.
    pub const ALL: [Self; 11] = [
        Self::Targeted,
        Self::Sent,
        Self::Received,
        Self::Playing,
        Self::Played,
        Self::Refused,
        Self::Failed,
        Self::Preempted,
        Self::Cancelled,
        Self::Expired,
        Self::Unreachable,
    ];

    /// The kind of an outcome.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Targeted => Self::Targeted,
            Outcome::Sent => Self::Sent,
            Outcome::Received => Self::Received,
            Outcome::Playing => Self::Playing,
            Outcome::Played => Self::Played,
            Outcome::Refused(_) => Self::Refused,
            Outcome::Failed(_) => Self::Failed,
            Outcome::Preempted(_) => Self::Preempted,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Expired => Self::Expired,
            Outcome::Unreachable => Self::Unreachable,
        }
    }

    /// Its name in the API: `played`, `unreachable` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Targeted => "targeted",
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Playing => "playing",
            Self::Played => "played",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Preempted => "preempted",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Unreachable => "unreachable",
        }
    }

    /// Its name for duty staff.
    #[must_use]
    pub fn chinese(self) -> &'static str {
        match self {
            Self::Targeted => "待发送",
            Self::Sent => "已发送",
            Self::Received => "已接收",
            Self::Playing => "播放中",
            Self::Played => "已播完",
            Self::Refused => "拒绝",
            Self::Failed => "故障",
            Self::Preempted => "被抢占",
            Self::Cancelled => "已取消",
            Self::Expired => "已过期",
            Self::Unreachable => "未联通",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the terminal proved by a report of its own that it had the warning.
    #[must_use]
    pub fn is_reached(self) -> bool {
        matches!(self, Self::Received | Self::Playing | Self::Played)
    }

    /// Its number in the projection; only ever grows.
    pub(super) fn code(self) -> i64 {
        match self {
            Self::Targeted => 0,
            Self::Sent => 1,
            Self::Received => 2,
            Self::Playing => 3,
            Self::Played => 4,
            Self::Refused => 5,
            Self::Failed => 6,
            Self::Preempted => 7,
            Self::Cancelled => 8,
            Self::Expired => 9,
            Self::Unreachable => 10,
        }
    }

    pub(super) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Which ladders are asked for; what is not given does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Broadcasts that began at this time or later.
    pub since: Option<UtcMs>,
    /// Broadcasts that began before this time.
    pub until: Option<UtcMs>,
    /// Broadcasts of this alert: its identifier, or `#` and its number in this gateway.
    pub alert: Option<String>,
    /// One broadcast.
    pub broadcast: Option<BroadcastId>,
    /// Live or drill.
    pub class: Option<Class>,
    /// Terminals that stood in one of these areas or an area inside them when the broadcast began, at
    /// most [`AREAS_MAX`]; empty = everywhere.
    pub areas: Vec<AreaCode>,
    /// One terminal.
    pub terminal: Option<TerminalId>,
    /// Outcomes; empty = all.
    pub outcomes: Vec<OutcomeKind>,
    /// The link by which the last report came; before any report, the one that took the order.
    pub link: Option<LinkKind>,
}

impl Filter {
    /// The areas without those that lie inside another one.
    pub(super) fn areas_apart(&self) -> Vec<AreaCode> {
        let mut areas = self.areas.clone();
        areas.sort_unstable();
        areas.dedup();
        let inside =
            |area: &AreaCode| self.areas.iter().any(|other| other != area && other.contains(*area));
        areas.retain(|area| !inside(area));
        areas
    }
}

/// The last ladder of a page: the next page begins behind it. Newest broadcast first, within it by
/// terminal. Text form `1782000000000.430621100001-001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Its broadcast.
    pub broadcast: BroadcastId,
    /// Its terminal.
    pub terminal: TerminalId,
}

impl Cursor {
    /// Reads the text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (broadcast, terminal) = text.split_once('.')?;
        let broadcast = BroadcastId(broadcast.parse().ok()?);
        Some(Self { broadcast, terminal: TerminalId::parse(terminal)? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.broadcast, self.terminal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_come_back() {
        for kind in OutcomeKind::ALL {
            assert_eq!(OutcomeKind::from_code(kind.code()), Some(kind));
            assert_eq!(OutcomeKind::parse(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn a_cursor_is_read_back() {
        let text = "1782000000000.430621100001-001";
        assert_eq!(Cursor::parse(text).map(|cursor| cursor.to_string()).as_deref(), Some(text));
        for bad in ["", ".", "1.2", "x.430621100001-001", "1782000000000"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn areas_inside_others_count_once() {
        let code = |text| AreaCode::parse(text).unwrap();
        let areas = ["430621100001", "430621", "430621100", "430621", "430622"].map(code).to_vec();
        let filter = Filter { areas, ..Filter::default() };
        assert_eq!(filter.areas_apart(), [code("430621"), code("430622")]);
    }
}
