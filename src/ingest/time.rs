//! Times of alerts: CAP 1.2 §3.3.2 (`YYYY-MM-DDThh:mm:ss±hh:mm`), the national form
//! (`YYYY-MM-DD hh:mm:ss+08:00`), and what senders really write.

use super::notes::quoted;
use crate::model::UtcMs;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Years that a warning may carry; others are slips of a clock or of a finger.
const YEARS: core::ops::RangeInclusive<i16> = 1990..=2199;
/// Largest offset from UTC in minutes (+14:00, Line Islands).
const OFFSET_MINUTES_MAX: i32 = 14 * 60;

/// What a form says about the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// CAP: a zone is needed.
    Needed,
    /// National form: without a zone it is Beijing time, and a space stands for the T.
    Beijing,
}

/// A time that was read, and how it was written oddly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) at: UtcMs,
    pub(super) odd: Option<&'static str>,
}

/// Reads a time.
///
/// # Errors
/// What was expected and got.
pub(super) fn read(text: &str, zone: Zone) -> Result<Read, String> {
    let example = match zone {
        Zone::Needed => "2026-06-01T08:00:00+08:00",
        Zone::Beijing => "2026-06-01 08:00:00+08:00",
    };
    let wrong = || format!("expected a time such as {example}, got {}", quoted(text));
    let plain = plain(text.trim());
    let mut odd =
        (plain != text.trim()).then_some("the time is written in Chinese or full-width characters");
    let plain = match (compact(&plain), zone) {
        (Some(spread), Zone::Beijing) => {
            odd = Some("the time is fourteen digits without signs");
            spread
        }
        (_, Zone::Beijing | Zone::Needed) => plain,
    };
    let text = plain.as_str();
    let (date, rest) = text.split_at_checked(10).ok_or_else(wrong)?;
    let (year, month, day) = match numbers(date, &['-', '/']).as_deref() {
        Some([year, month, day]) => (*year, *month, *day),
        _ => return Err(wrong()),
    };
    if date.contains('/') {
        odd = Some("the date is written with slashes");
    }
    let clock = match (rest.strip_prefix('T'), zone) {
        (Some(clock), _) => clock,
        (None, zone) => {
            let clock = rest.strip_prefix([' ', 't']).ok_or_else(wrong)?.trim_start();
            if zone == Zone::Needed {
                odd = Some("a space or small letter stands where CAP has a T");
            }
            clock
        }
    };
    let zone_at = clock.find(['+', '-', 'Z', 'z']).unwrap_or(clock.len());
    let (clock, offset) = clock.split_at_checked(zone_at).ok_or_else(wrong)?;
    let offset = match (offset.trim(), zone) {
        ("Z" | "z", _) => {
            odd = odd.or(Some("Z is not allowed in CAP; read as UTC"));
            Offset::UTC
        }
        ("", Zone::Beijing) => Offset::constant(8),
        ("", Zone::Needed) => {
            let got = quoted(text);
            return Err(format!("expected a time with its zone such as {example}, got {got}"));
        }
        (offset, _) => read_offset(offset).ok_or_else(wrong)?,
    };
    let (clock, ms) = fraction(clock.trim()).ok_or_else(wrong)?;
    let (hour, minute, second) = match numbers(clock, &[':']).as_deref() {
        Some([hour, minute, second]) => (*hour, *minute, *second),
        Some([hour, minute]) => {
            odd = odd.or(Some("the seconds are missing; read as 00"));
            (*hour, *minute, 0)
        }
        _ => return Err(wrong()),
    };
    if !YEARS.contains(&year) {
        let (first, last) = (YEARS.start(), YEARS.end());
        return Err(format!("expected a year from {first} to {last}, got {}", quoted(text)));
    }
    let at = moment([year, month, day], [hour, minute, second], offset).ok_or_else(wrong)?;
    Ok(Read { at: at.plus_ms(ms), odd })
}

/// The moment of a date and a clock; `None` = there is none.
fn moment(date: [i16; 3], clock: [i16; 3], offset: Offset) -> Option<UtcMs> {
    let [year, month, day] = date;
    // ISO 8601: the end of a day may be written so.
    let end_of_day = clock == [24, 0, 0];
    let [hour, minute, second] = if end_of_day { [0; 3] } else { clock };
    let narrow = |number: i16| i8::try_from(number).ok();
    let (month, day) = (narrow(month)?, narrow(day)?);
    let civil =
        DateTime::new(year, month, day, narrow(hour)?, narrow(minute)?, narrow(second)?, 0).ok()?;
    let at = UtcMs(offset.to_timestamp(civil).ok()?.as_millisecond());
    Some(if end_of_day { at.plus_s(86_400) } else { at })
}

/// `20260601080000` with its signs; the national form's identifiers write times so.
fn compact(text: &str) -> Option<String> {
    if text.len() != 14 || !is_digits(text) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    Some(format!("{year}-{month}-{day} {}:{}:{}", part(8, 10), part(10, 12), part(12, 14)))
}

/// Full-width characters as plain ones, and `2026年06月01日08时00分00秒` with marks instead of words.
fn plain(text: &str) -> String {
    let chinese = text.contains('年');
    let letters = text.chars().filter_map(|c| match c {
        '年' | '月' => Some('-'),
        '日' if chinese => Some(' '),
        '时' | '点' | '分' if chinese => Some(':'),
        '秒' if chinese => None,
        '\u{3000}' => Some(' '),
        // U+FF01 to U+FF5E stand for U+0021 to U+007E.
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0),
        c => Some(c),
    });
    let text: String = letters.collect();
    // A clock that ends with 分 has no seconds.
    text.trim().trim_end_matches(':').to_owned()
}

/// Splits at one of `separators` (the same all through) into numbers of at most four digits.
fn numbers(text: &str, separators: &[char]) -> Option<Vec<i16>> {
    let separator = separators.iter().find(|separator| text.contains(**separator))?;
    text.split(*separator)
        .map(|digits| {
            let is_number = matches!(digits.len(), 1..=4) && is_digits(digits);
            is_number.then(|| digits.parse().ok()).flatten()
        })
        .collect()
}

/// Takes off a fraction of a second, in milliseconds.
fn fraction(clock: &str) -> Option<(&str, i64)> {
    let Some((clock, digits)) = clock.split_once('.') else { return Some((clock, 0)) };
    if digits.is_empty() || digits.len() > 9 || !is_digits(digits) {
        return None;
    }
    let thousandths: String = digits.chars().chain("000".chars()).take(3).collect();
    Some((clock, thousandths.parse().ok()?))
}

fn read_offset(text: &str) -> Option<Offset> {
    let (sign, digits) = text.split_at_checked(1)?;
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    if !is_digits(hours) || !is_digits(minutes) || hours.len() > 2 || minutes.len() > 2 {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    if minutes >= 60 || total > OFFSET_MINUTES_MAX {
        return None;
    }
    Offset::from_seconds(sign * total * 60).ok()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, zone: Zone, expect_ms: Option<i64>, odd: bool) {
        let got = read(text, zone);
        assert_eq!(got.as_ref().ok().map(|read| read.at.0), expect_ms, "{text}");
        assert_eq!(got.is_ok_and(|read| read.odd.is_some()), odd, "{text}");
    }

    #[test]
    fn times_are_read_as_written_by_real_senders() {
        let at = Some(1_351_127_758_000);
        check("2012-10-25T09:15:58+08:00", Zone::Needed, at, false);
        check("2012-10-25T09:15:58+08:00", Zone::Beijing, at, false);
        check("2012-10-25 09:15:58+08:00", Zone::Beijing, at, false);
        check("2012-10-25 09:15:58 +08:00", Zone::Beijing, at, false);
        check("2012-10-25 09:15:58", Zone::Beijing, at, false);
        check("2012/10/25 09:15:58", Zone::Beijing, at, true);
        check("2012-10-25 09:15:58+08:00", Zone::Needed, at, true);
        check("2012-10-25T01:15:58-00:00", Zone::Needed, at, false);
        check("2012-10-25T01:15:58Z", Zone::Needed, at, true);
        check("2012-10-24T15:45:58-09:30", Zone::Needed, at, false);
        check("2012-10-25T09:15:58+0800", Zone::Needed, at, false);
        check("2012-10-25T09:15:58+08", Zone::Needed, at, false);
        check("2012-10-25T09:15:58.250+08:00", Zone::Needed, Some(1_351_127_758_250), false);
        check("2012-10-25T09:15:58.1234567+08:00", Zone::Needed, Some(1_351_127_758_123), false);
        check("2012-10-25T09:15+08:00", Zone::Needed, Some(1_351_127_700_000), true);
        check("2012-10-25T09:15:58+8:00", Zone::Needed, at, false);
        check("2012-10-25T09:15:58+8", Zone::Needed, at, false);
        check("2012-10-25T01:15:58z", Zone::Needed, at, true);
        check("2012-10-25 01:15:58Z", Zone::Beijing, at, true);
        check("2012-10-25 09:15:58+0800", Zone::Beijing, at, false);
        check("2012-10-25 09：15：58", Zone::Beijing, at, true);
        check("２０１２－１０－２５　０９：１５：５８", Zone::Beijing, at, true);
        check("2012年10月25日09时15分58秒", Zone::Beijing, at, true);
        check("20121025091558", Zone::Beijing, at, true);
        let midnight = Some(1_351_180_800_000);
        check("2012-10-25T24:00:00+08:00", Zone::Needed, midnight, false);
        check("2012-10-25 24:00:00", Zone::Beijing, midnight, false);
        check("2012-10-26 00:00:00", Zone::Beijing, midnight, false);
        check("2012年10月25日 09时15分", Zone::Beijing, Some(1_351_127_700_000), true);
    }

    #[test]
    fn wrong_times_are_told() {
        for text in [
            "2012-10-25T09:15:58",
            "2012-13-25T09:15:58+08:00",
            "2012-02-30T09:15:58+08:00",
            "2012-10-25T24:00:01+08:00",
            "2012-10-25T25:00:00+08:00",
            "2012-10-25T09:60:00+08:00",
            "2012-10-25T09:15:58+99:00",
            "2012-10-25T09:15:58+-8:00",
            "2012-10-25T09:15:58-+8:00",
            "2012-10-25T09:15:58++08:00",
            "2012-10-25T09:15:58+08:00:00",
            "2012-10-25T09:15:58+",
            "2012-10-25T09:15:58+800",
            "2012年10月25日09时15分58秒",
            "2012年10月",
            "2012-10-25T09:15:58+08:60",
            "2012-10-25T09:15:58+15:00",
            "0001-10-25T09:15:58+08:00",
            "9999-10-25T09:15:58+08:00",
            "2012-10-25",
            "2012-1-5T09:15:58+08:00",
            "Thu, 01 Jan 2026 16:00:00 +0000",
            "20121025091558",
            "2012-10-25T09:15:58+08:00 UTC",
            "今天上午九点整发布",
            "二〇一二",
            "",
        ] {
            check(text, Zone::Needed, None, false);
        }
        assert!(read("2012-10-25T09:15:58", Zone::Needed).unwrap_err().contains("zone"));
    }
}
