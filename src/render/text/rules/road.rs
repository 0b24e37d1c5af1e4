//! Numbers that name: roads, kilometre stones, rooms, buses.

use super::super::cursor::{Cursor, Said};
use super::super::number::{cardinal, one_by_one, one_by_one_yao};

/// How far before a stone without its letter 桩号 may stand, characters: a range has it once.
const STONE_CHARS: usize = 12;

/// G107, S201, X012, G4: the letter, then digit by digit. Also 107国道 and 101路公交.
pub(super) fn road(at: &Cursor<'_>) -> Option<Said> {
    let letter = at.char(0)?;
    if at.back(1).is_some_and(|c| c.is_ascii_alphanumeric() || c == '.') {
        return None;
    }
    if "GSXYCZ".contains(letter) || "DTK".contains(letter) {
        let blank = usize::from(at.char(1) == Some(' '));
        let digits = at.digits(1 + blank);
        let end = 1 + blank + digits.len();
        let is_train = !"DTK".contains(letter) || at.starts_any(end, &["次", "号列车"]);
        if is_train && (1..=4).contains(&digits.len()) && at.char(end) != Some('+') {
            let said =
                if digits.len() == 1 { one_by_one(&digits) } else { one_by_one_yao(&digits) };
            return Said::number(end, format!("{letter}{said}"));
        }
        return None;
    }
    let digits = at.digits(0);
    let end = digits.len();
    let is_road = (2..=4).contains(&end)
        && (at.starts_any(end, &["国道", "省道", "县道", "乡道", "村道", "路公交", "路车"])
            || end >= 3 && at.starts_any(end, &["次列车", "次高铁"]));
    if !is_road || at.before(2).ends_with('第') {
        return None;
    }
    Said::number(end, one_by_one_yao(&digits))
}

/// K123+400: the stone at 123 kilometres and 400 metres. On dykes without the letter: 桩号12+300.
pub(super) fn stone(at: &Cursor<'_>) -> Option<Said> {
    let letter = usize::from(at.is_one_of(0, &['K', 'k']));
    if at.back(1).is_some_and(|c| c.is_ascii_alphanumeric() || "+.".contains(c)) {
        return None;
    }
    let km = at.number(letter);
    let m = at.digits(letter + km.len() + 1);
    let chars = letter + km.len() + 1 + m.len();
    if km.is_empty() || m.is_empty() || at.char(letter + km.len()) != Some('+') {
        return None;
    }
    if letter == 0 && (m.len() != 3 || !at.before(STONE_CHARS).contains("桩号")) {
        return None;
    }
    let is_zero = m.chars().all(|c| c == '0');
    let m = if is_zero { "0" } else { m.trim_start_matches('0') };
    let name = if letter == 1 { "K" } else { "" };
    Said::number(chars, format!("{name}{}加{}", cardinal(&km.replace(',', "")), cardinal(m)))
}

/// 201室, 3#楼: digits on a door.
pub(super) fn door(at: &Cursor<'_>) -> Option<Said> {
    let digits = at.digits(0);
    let end = digits.len();
    if (3..=4).contains(&end) && at.starts_any(end, &["室", "房间", "病房", "教室", "号房"])
    {
        return Said::number(end, one_by_one(&digits));
    }
    if at.char(0)? == '#' && at.is_digit(1) {
        let digits = at.digits(1);
        return Said::number(1 + digits.len(), format!("{}号", cardinal(&digits)));
    }
    None
}
