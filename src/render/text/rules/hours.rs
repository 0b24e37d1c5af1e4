//! Times of the day: 17:05, 8:00:30, 08:00-20:00, 24:00.

use super::super::cursor::{Cursor, Said};
use super::super::number::cardinal;

/// Hours, minutes and seconds as written, and the characters they take.
struct Clock {
    hour: String,
    minute: String,
    second: Option<String>,
    chars: usize,
}

/// Words after a whole hour that leave no 整 before them.
const AFTER_HOUR: &[&str] =
    &["前", "后", "起", "以前", "之前", "以后", "之后", "左右", "许", "开始", "至", "到", "止"];

/// A time of the day. A whole hour is 整 alone, and plain as an end of a span and before [`AFTER_HOUR`].
pub(super) fn clock(at: &Cursor<'_>) -> Option<Said> {
    let clock = parse(at, 0)?;
    if at.back(1).is_some_and(|c| c.is_ascii_digit() || ".:".contains(c)) {
        return None;
    }
    let Clock { hour, minute, second, chars } = clock;
    let hour = if hour.len() > 1 { hour.trim_start_matches('0') } else { hour.as_str() };
    let mut said = match hour {
        "" => "零".to_owned(),
        "2" => "两".to_owned(),
        other => cardinal(other),
    };
    said.push('点');
    let sign = at.range_sign(chars);
    let is_span = sign > 0
        && (parse(at, chars + sign).is_some() || at.starts_any(chars + sign, &["次日", "翌日"]))
        || at.after_number()
            && at.back(1).is_some_and(|c| "-~～–—−至到 ".contains(c))
            && is_second_end(at);
    let is_plain = is_span || at.starts_any(chars, AFTER_HOUR);
    match (minute.as_str(), second.as_deref()) {
        ("00", None | Some("00")) => said.push_str(if is_plain { "" } else { "整" }),
        (minute, None | Some("00")) => said.push_str(&format!("{}分", cardinal(minute))),
        ("00", Some(second)) => said.push_str(&format!("零分{}秒", cardinal(second))),
        (minute, Some(second)) => {
            said.push_str(&format!("{}分{}秒", cardinal(minute), cardinal(second)));
        }
    }
    let (half, name) = half_of_day(at, chars);
    Said::number(chars + half + zone(at, chars), format!("{name}{said}"))
}

/// `am` or `pm` behind a time: its characters, and what is said before the time.
fn half_of_day(at: &Cursor<'_>, chars: usize) -> (usize, &'static str) {
    let blank = usize::from(at.char(chars) == Some(' '));
    match at.letters(chars + blank).to_ascii_lowercase().as_str() {
        "am" => (blank + 2, "上午"),
        "pm" => (blank + 2, "下午"),
        _ => (0, ""),
    }
}

/// Whether a range sign stands right before.
fn is_second_end(at: &Cursor<'_>) -> bool {
    let before = at.before(3);
    before.trim_end().ends_with(|c: char| "-~～–—−至到".contains(c))
}

fn parse(at: &Cursor<'_>, ahead: usize) -> Option<Clock> {
    let fits = |text: &str, max: u8| {
        (1..=2).contains(&text.len()) && text.parse::<u8>().is_ok_and(|n| n <= max)
    };
    let colon = |n: usize| at.is_one_of(n, &[':', '：', '∶']);
    let hour = at.digits(ahead);
    let mut chars = hour.len();
    let minute = at.digits(ahead + chars + 1);
    if !colon(ahead + chars) || !fits(&hour, 24) || minute.len() != 2 || !fits(&minute, 59) {
        return None;
    }
    chars += 3;
    let second = at.digits(ahead + chars + 1);
    if !colon(ahead + chars) || second.len() != 2 || !fits(&second, 59) {
        return Some(Clock { hour, minute, second: None, chars });
    }
    chars += 3;
    if at.char(ahead + chars) == Some('.') {
        // Fractions of a second are not said.
        let part = at.digits(ahead + chars + 1);
        chars += if part.is_empty() { 0 } else { 1 + part.len() };
    }
    Some(Clock { hour, minute, second: Some(second), chars })
}

/// Characters of a time zone (`Z`, `+08:00`), which is not said: it is everybody's own.
fn zone(at: &Cursor<'_>, chars: usize) -> usize {
    if at.starts(chars, "+08:00") {
        return 6;
    }
    let ends = !at.char(chars + 1).is_some_and(|c| c.is_ascii_alphanumeric());
    usize::from(at.char(chars) == Some('Z') && ends)
}
