//! The programme schedule 节目单: routine and education broadcasts, by the calendar.

use super::{AreaCode, TerminalId, UtcMs};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// A day of the local calendar, `2026-05-12`; years 2000 to 2200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct LocalDate {
    year: i16,
    month: u8,
    day: u8,
}

impl LocalDate {
    /// A day that exists.
    #[must_use]
    pub fn new(year: i16, month: u8, day: u8) -> Option<Self> {
        let known = (2_000..=2_200).contains(&year) && civil(year, month, day).is_some();
        known.then_some(Self { year, month, day })
    }

    /// Reads `2026-05-12`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let year = parts.next()?.parse().ok()?;
        let month = parts.next()?.parse().ok()?;
        let day = parts.next()?.parse().ok()?;
        if parts.next().is_some() { None } else { Self::new(year, month, day) }
    }

    /// The local day of a moment.
    #[must_use]
    pub fn of(at: UtcMs, offset_minutes: i16) -> Option<Self> {
        let local_s = at.as_s() + i64::from(offset_minutes) * 60;
        let at = jiff::Timestamp::from_second(local_s).ok()?;
        let date = jiff::tz::Offset::UTC.to_datetime(at).date();
        Self::new(date.year(), u8::try_from(date.month()).ok()?, u8::try_from(date.day()).ok()?)
    }

    /// The moment of a local minute of this day, 0 to 1439.
    #[must_use]
    pub fn at(self, minute: u16, offset_minutes: i16) -> UtcMs {
        let minutes = i64::from(minute) - i64::from(offset_minutes);
        UtcMs((self.day_number() * DAY_S + minutes * 60).saturating_mul(1000))
    }

    /// The day `days` later.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Option<Self> {
        Self::of(UtcMs((self.day_number() + days).saturating_mul(DAY_S * 1000)), 0)
    }

    /// The last day of the year `years` later.
    #[must_use]
    pub fn end_of_year(self, years: i16) -> Self {
        Self::new(self.year.saturating_add(years), 12, 31).unwrap_or(self)
    }

    /// Day of the week, Monday 1 to Sunday 7.
    #[must_use]
    pub fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        u8::try_from((self.day_number() + 3).rem_euclid(7) + 1).unwrap_or(1)
    }

    /// Month 1 to 12.
    #[must_use]
    pub fn month(self) -> u8 {
        self.month
    }

    /// Day of the month, 1 to 31.
    #[must_use]
    pub fn day(self) -> u8 {
        self.day
    }

    /// Days since 1970-01-01.
    fn day_number(self) -> i64 {
        civil(self.year, self.month, self.day).map_or(0, |second| second.div_euclid(DAY_S))
    }
}

/// Second of a day's first moment, as if it were UTC; `None` when there is no such day.
fn civil(year: i16, month: u8, day: u8) -> Option<i64> {
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let date = jiff::civil::Date::new(year, month, day).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_second())
}

impl fmt::Display for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl From<LocalDate> for String {
    fn from(date: LocalDate) -> Self {
        date.to_string()
    }
}

impl TryFrom<String> for LocalDate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("expected a day such as 2026-05-12, got `{text}`"))
    }
}

/// A day of every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct YearDay {
    /// Month 1 to 12.
    pub month: u8,
    /// Day 1 to 31; the 29th of February only in leap years.
    pub day: u8,
}

/// On which days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Calendar {
    /// Every day.
    Daily,
    /// Every week.
    Weekly {
        /// Monday 1 to Sunday 7.
        weekdays: BTreeSet<u8>,
    },
    /// These days.
    Dates {
        /// Which.
        dates: BTreeSet<LocalDate>,
    },
    /// The same days of every year, such as 5·12.
    Yearly {
        /// Which.
        days: BTreeSet<YearDay>,
    },
    /// Every day of one month of every year, such as 安全生产月 in June.
    Month {
        /// Month 1 to 12.
        month: u8,
    },
}

impl Calendar {
    /// Whether it holds a day.
    #[must_use]
    pub fn holds(&self, date: LocalDate) -> bool {
        match self {
            Self::Daily => true,
            Self::Weekly { weekdays } => weekdays.contains(&date.weekday()),
            Self::Dates { dates } => dates.contains(&date),
            Self::Yearly { days } => {
                days.contains(&YearDay { month: date.month(), day: date.day() })
            }
            Self::Month { month } => *month == date.month(),
        }
    }
}

impl Programme {
    /// Whether it is played on a day, between its first and its last.
    #[must_use]
    pub fn is_on(&self, date: LocalDate) -> bool {
        self.calendar.holds(date) && !self.except.contains(&date)
    }
}

/// A routine or education broadcast that starts by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Programme {
    /// Its name, unique, at most 40 characters.
    pub name: String,
    /// Words to speak; at most 2,000 characters.
    pub text: Option<String>,
    /// Recorded message by name.
    pub recording: Option<String>,
    /// Wanted voice; `None` = default.
    #[serde(default)]
    pub voice: Option<String>,
    /// Whole areas.
    pub areas: Vec<AreaCode>,
    /// Single terminals.
    #[serde(default)]
    pub terminals: Vec<TerminalId>,
    /// Saved groups by name; their places as they are when the programme is saved.
    #[serde(default)]
    pub groups: Vec<String>,
    /// On which days.
    pub calendar: Calendar,
    /// At which local minutes of the day, 0 to 1439; 1 to 24 of them.
    pub at_minutes: BTreeSet<u16>,
    /// First day.
    pub from: LocalDate,
    /// Last day.
    pub until: LocalDate,
    /// Days on which it stays silent all the same, such as holidays; at most 366.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub except: BTreeSet<LocalDate>,
    /// Plays per terminal, 1 to 20.
    pub repeats: u8,
    /// Seconds between plays, at most 3,600.
    #[serde(default)]
    pub interval_s: u16,
    /// Volume 1 to 100 percent; `None` = each terminal's own.
    #[serde(default)]
    pub volume_percent: Option<u8>,
    /// Seconds after its time in which it may still start, 10 to 3,600.
    pub tolerance_s: u32,
    /// Seconds it stays valid once started.
    pub valid_s: u32,
}
