//! A filter as people and programs write it: on the command line, in an address, in a form.

use crate::model::{AreaCode, BroadcastId, Class, LinkKind, TerminalId, UtcMs};
use crate::record::audit::{AREAS_MAX, Filter, OutcomeKind};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;

/// Longest name of an alert, bytes.
const ALERT_BYTES_MAX: usize = 512;

/// The words of a filter; an empty one is the same as none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    /// Time from which on broadcasts began: `2026-07-01`, `2026-07-01T03:12`, with or without an
    /// offset (China Standard Time without), or milliseconds since 1970.
    pub since: Option<String>,
    /// Time before which they began.
    pub until: Option<String>,
    /// Identifier of the alert, or `#` and its number.
    pub alert: Option<String>,
    /// Number of the broadcast.
    pub broadcast: Option<String>,
    /// `live` or `drill`.
    pub class: Option<String>,
    /// Area codes with commas between them: 2, 4, 6, 9 or 12 digits.
    pub area: Option<String>,
    /// A terminal such as `430621100001-001`.
    pub terminal: Option<String>,
    /// Outcomes with commas between them: `played,unreachable`.
    pub outcome: Option<String>,
    /// `mqtt` or `serial`.
    pub link: Option<String>,
    /// Where a page goes on.
    pub after: Option<String>,
    /// Lines of a page.
    pub limit: Option<String>,
    /// Form of a report.
    pub format: Option<String>,
}

impl Asked {
    /// The filter these words mean.
    ///
    /// # Errors
    /// Which word is wrong, and what was expected.
    pub fn filter(&self) -> Result<Filter, String> {
        let areas = list(&self.area, "area", "12 digits, or the first 2, 4, 6 or 9", |text| {
            AreaCode::parse(text)
        })?;
        if areas.len() > AREAS_MAX {
            return Err(format!("area: expected at most {AREAS_MAX}, got {}", areas.len()));
        }
        let time = |name, text| word(text, name, "", |text| parse_time(text).ok());
        let classes = [("live", Class::Live), ("drill", Class::Drill)];
        let links = [
            ("mqtt", LinkKind::Mqtt),
            ("serial", LinkKind::Serial),
            ("national", LinkKind::National),
        ];
        let alert = word(&self.alert, "alert", "at most 512 bytes", |text| {
            (text.len() <= ALERT_BYTES_MAX).then(|| text.to_owned())
        })?;
        Ok(Filter {
            since: time("since", &self.since).map_err(|fault| fault + TIME)?,
            until: time("until", &self.until).map_err(|fault| fault + TIME)?,
            alert,
            broadcast: word(&self.broadcast, "broadcast", "a number", |text| {
                text.parse().ok().map(BroadcastId)
            })?,
            class: word(&self.class, "class", "`live` or `drill`", |text| one_of(&classes, text))?,
            areas,
            terminal: word(
                &self.terminal,
                "terminal",
                "a terminal such as 430621100001-001",
                TerminalId::parse,
            )?,
            outcomes: list(&self.outcome, "outcome", &outcomes(), OutcomeKind::parse)?,
            link: word(&self.link, "link", "`mqtt` or `serial`", |text| one_of(&links, text))?,
        })
    }
}

/// What a time looks like.
const TIME: &str = "a time like 2026-07-01 or 2026-07-01T03:12:00+08:00";

fn outcomes() -> String {
    format!("some of {}", OutcomeKind::ALL.map(OutcomeKind::name).join(","))
}

fn one_of<T: Copy>(options: &[(&str, T)], text: &str) -> Option<T> {
    options.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
}

/// A word that is there and not empty.
pub(crate) fn word<T>(
    text: &Option<String>,
    name: &str,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(text) = text.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let wrong = || format!("{name}: got `{text}`, expected {expected}");
    read(text).map(Some).ok_or_else(wrong)
}

fn list<T>(
    text: &Option<String>,
    name: &str,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, String> {
    let all = text.as_deref().unwrap_or_default().split(',').map(str::trim);
    all.filter(|one| !one.is_empty())
        .map(|one| read(one).ok_or_else(|| format!("{name}: got `{one}`, expected {expected}")))
        .collect()
}

/// Reads `2026-07-01`, `2026-07-01T03:12`, the same with an offset as in RFC 3339, or milliseconds
/// since 1970. Without an offset it is China Standard Time.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_time(text: &str) -> Result<UtcMs, String> {
    let china = TimeZone::fixed(Offset::constant(8));
    let civil = || {
        let at: DateTime = match text.parse::<Date>() {
            Ok(date) if text.len() <= "2026-07-01".len() => date.into(),
            _ => text.parse().ok()?,
        };
        at.to_zoned_datetime(china).ok().map(|zoned| UtcMs(zoned.timestamp().as_millisecond()))
    };
    // Years have four digits, milliseconds of our times twelve or more.
    let ms = || text.parse::<i64>().ok().filter(|_| text.len() >= 12).map(UtcMs);
    let moment = || text.parse::<Timestamp>().ok().map(|at| UtcMs(at.as_millisecond()));
    ms().or_else(moment).or_else(civil).ok_or_else(|| format!("expected {TIME}, got `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: &Asked, expect: Result<Filter, &str>) {
        match (asked.filter(), expect) {
            (Ok(got), Ok(expect)) => assert_eq!(got, expect),
            (Err(got), Err(expect)) => assert!(got.contains(expect), "{got}"),
            (got, expect) => panic!("{asked:?}: got {got:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn words_become_a_filter_or_say_what_is_wrong() {
        let say = |text: &str| Some(text.to_owned());
        check(&Asked { alert: say(" "), ..Asked::default() }, Ok(Filter::default()));
        let night = UtcMs(1_782_846_720_000);
        for time in ["2026-07-01T03:12", "2026-06-30T19:12:00Z", "1782846720000"] {
            let filter = Filter { since: Some(night), ..Filter::default() };
            check(&Asked { since: say(time), ..Asked::default() }, Ok(filter));
        }
        let areas = ["430621", "430622100"].map(|code| AreaCode::parse(code).unwrap()).to_vec();
        let outcomes = vec![OutcomeKind::Failed, OutcomeKind::Unreachable];
        check(
            &Asked {
                area: say("430621, 430622100"),
                outcome: say("failed,unreachable"),
                class: say("drill"),
                link: say("serial"),
                ..Asked::default()
            },
            Ok(Filter {
                areas,
                outcomes,
                class: Some(Class::Drill),
                link: Some(LinkKind::Serial),
                ..Filter::default()
            }),
        );
        check(&Asked { since: say("gestern"), ..Asked::default() }, Err("2026-07-01T03:12"));
        check(&Asked { area: say("43062"), ..Asked::default() }, Err("area: got `43062`"));
        check(&Asked { outcome: say("heard"), ..Asked::default() }, Err("played"));
        check(&Asked { terminal: say("1"), ..Asked::default() }, Err("430621100001-001"));
        check(&Asked { broadcast: say("-1"), ..Asked::default() }, Err("a number"));
        let many = vec!["430621"; AREAS_MAX + 1].join(",");
        check(&Asked { area: Some(many), ..Asked::default() }, Err("at most 64"));
    }
}
