//! Earthquakes and positions: M5.8, 113.1°E, N29.1°, 113°06′30″E.

use super::super::cursor::{Cursor, Said};
use super::super::number::{cardinal, decimal};

/// How the scales of magnitude are written.
const SCALES: &[&str] = &["Ms", "MS", "ML", "Mw", "MW", "Mb", "M"];

/// A magnitude: the scale is not said, 级 is.
pub(super) fn magnitude(at: &Cursor<'_>) -> Option<Said> {
    if at.back(1).is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let scale = SCALES.iter().find(|scale| at.starts(0, scale))?.len();
    let blank = usize::from(at.char(scale) == Some(' '));
    let number = at.number(scale + blank);
    let end = scale + blank + number.chars().count();
    let size: f64 = number.parse().ok()?;
    let next = at.char(end);
    if !(0.0..10.0).contains(&size) || next.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let written = usize::from(next == Some('级'));
    Said::number(end + written, format!("{}级", decimal(&number)))
}

/// A degree of longitude or latitude with its letter, before or after.
pub(super) fn coordinate(at: &Cursor<'_>) -> Option<Said> {
    if at.back(1).is_some_and(|c| c.is_ascii_alphanumeric() || c == '.') {
        return None;
    }
    if let Some(name) = at.char(0).and_then(side) {
        let blank = usize::from(at.char(1) == Some(' '));
        let (chars, said, has_sign) = degrees(at, 1 + blank)?;
        let ends = !at.char(1 + blank + chars).is_some_and(|c| c.is_ascii_alphanumeric());
        let is_place = has_sign || said.contains('点') && matches!(at.char(0), Some('N' | 'E'));
        return if ends && is_place {
            Said::number(1 + blank + chars, format!("{name}{said}"))
        } else {
            None
        };
    }
    let (chars, said, has_sign) = degrees(at, 0)?;
    if has_sign && said.contains('分') && at.back(1).is_some_and(|c| "经纬".contains(c)) {
        return Said::number(chars, said);
    }
    let blank = usize::from(at.char(chars) == Some(' '));
    let name = at.char(chars + blank).and_then(side)?;
    let ends = !at.char(chars + blank + 1).is_some_and(|c| c.is_ascii_alphanumeric());
    if ends && (has_sign || said.contains('点')) {
        Said::number(chars + blank + 1, format!("{name}{said}"))
    } else {
        None
    }
}

fn side(letter: char) -> Option<&'static str> {
    match letter {
        'E' => Some("东经"),
        'W' => Some("西经"),
        'N' => Some("北纬"),
        'S' => Some("南纬"),
        _ => None,
    }
}

/// Degrees, minutes and seconds: characters, words, whether a sign of degrees was written.
fn degrees(at: &Cursor<'_>, ahead: usize) -> Option<(usize, String, bool)> {
    let number = at.number(ahead);
    if number.is_empty() {
        return None;
    }
    let mut chars = number.chars().count();
    let mut said = format!("{}度", decimal(&number));
    let has_sign = at.is_one_of(ahead + chars, &['°', 'º', '˚', '度']);
    chars += usize::from(has_sign);
    for (signs, name) in [(['′', '\'', '’', '分'], "分"), (['″', '"', '”', '秒'], "秒")]
    {
        let part = at.number(ahead + chars);
        let end = ahead + chars + part.chars().count();
        if part.is_empty() || !at.is_one_of(end, &signs) || !has_sign {
            break;
        }
        let zero = part.len() == 2 && part.starts_with('0');
        let words = if zero {
            format!("零{}", cardinal(part.trim_start_matches('0')))
        } else {
            decimal(&part)
        };
        said.push_str(&words);
        said.push_str(name);
        chars = end + 1 - ahead;
    }
    Some((chars, said, has_sign))
}
