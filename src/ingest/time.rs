//! Times of alerts: CAP 1.2 §3.3.2 (`YYYY-MM-DDThh:mm:ss±hh:mm`) and what senders really write.

use crate::model::UtcMs;
use jiff::civil::DateTime;

/// How strict the form is about the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// CAP: a zone is needed.
    Needed,
    /// National form: without a zone it is Beijing time.
    Beijing,
}

/// A read time and whether it was written oddly.
pub(super) struct Read {
    pub(super) at: UtcMs,
    pub(super) odd: Option<&'static str>,
}

/// Reads a time.
pub(super) fn read(text: &str, zone: Zone) -> Result<Read, String> {
    let text = text.trim();
    let wrong = || format!("expected a time such as 2026-06-01T08:00:00+08:00, got `{text}`");
    if !text.is_ascii() || text.len() < 16 || text.len() > 40 {
        return Err(wrong());
    }
    let (date, rest) = text.split_at_checked(10).ok_or_else(wrong)?;
    let mut odd = None;
    let clock = match rest.strip_prefix('T') {
        Some(clock) => clock,
        None => {
            odd = Some("a space stands where CAP has a T");
            rest.strip_prefix([' ', 't']).ok_or_else(wrong)?.trim_start()
        }
    };
    let zone_at = clock.find(['+', '-', 'Z', 'z']).unwrap_or(clock.len());
    let (clock, offset) = clock.split_at_checked(zone_at).ok_or_else(wrong)?;
    let offset_minutes = match (offset.trim(), zone) {
        ("Z" | "z", _) => {
            odd = Some("Z is not allowed in CAP; read as UTC");
            0
        }
        ("", Zone::Beijing) => 480,
        ("", Zone::Needed) => return Err(format!("expected a time zone, got `{text}`")),
        (offset, _) => offset_minutes(offset).ok_or_else(wrong)?,
    };
    let civil: DateTime = format!("{date}T{}", clock.trim()).parse().map_err(|_| wrong())?;
    let timestamp = jiff::tz::TimeZone::UTC.to_timestamp(civil).map_err(|_| wrong())?;
    let utc = timestamp.as_millisecond();
    let at = UtcMs(utc).plus_s(-60 * i64::from(offset_minutes));
    Ok(Read { at, odd })
}

fn offset_minutes(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, zone: Zone, expect_s: Option<i64>, odd: bool) {
        let got = read(text, zone);
        assert_eq!(got.as_ref().ok().map(|read| read.at.as_s()), expect_s, "{text}");
        assert_eq!(got.is_ok_and(|read| read.odd.is_some()), odd, "{text}");
    }

    #[test]
    fn times_are_read_as_written_by_real_senders() {
        check("2012-10-25T09:15:58+08:00", Zone::Needed, Some(1_351_127_758), false);
        check("2012-10-25 09:15:58+08:00", Zone::Beijing, Some(1_351_127_758), true);
        check("2012-10-25 09:15:58", Zone::Beijing, Some(1_351_127_758), true);
        check("2012-10-25T01:15:58-00:00", Zone::Needed, Some(1_351_127_758), false);
        check("2012-10-25T01:15:58Z", Zone::Needed, Some(1_351_127_758), true);
        check("2012-10-25T09:15:58.250+0800", Zone::Needed, Some(1_351_127_758), false);
        check("2012-10-25T09:15:58", Zone::Needed, None, false);
        check("2012-13-25T09:15:58+08:00", Zone::Needed, None, false);
        check("2012-02-30T09:15:58+08:00", Zone::Needed, None, false);
        check("2012-10-25T24:15:58+08:00", Zone::Needed, None, false);
        check("2012-10-25T09:15:58+99:00", Zone::Needed, None, false);
        check("今天上午九点", Zone::Beijing, None, false);
        check("", Zone::Beijing, None, false);
    }
}
