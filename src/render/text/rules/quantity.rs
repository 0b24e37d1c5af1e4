//! Numbers with their units, signs, ranges, fractions and percentages.

use super::super::cursor::{Cursor, RANGE_SIGNS, Said, is_han};
use super::super::number::{cardinal, decimal, one_by_one_yao};
use super::{level, unit};

/// Digits from which a number without unit is no quantity but a call or a register number.
const LONG_DIGITS_MIN: usize = 7;
/// Digits from which any number is read one by one.
const CARDINAL_DIGITS_MAX: usize = 12;

/// `number` of `chars` characters with the unit that follows it.
pub(super) fn measured(at: &Cursor<'_>, chars: usize, number: &str) -> Said {
    let gap = usize::from(at.char(chars) == Some(' '));
    match unit::unit(at, chars + gap) {
        Some((n, said)) => {
            Said { chars: chars + gap + n, words: format!("{number}{said}"), number: true }
        }
        None => Said { chars, words: number.to_owned(), number: true },
    }
}

/// A number.
pub(super) fn quantity(at: &Cursor<'_>) -> Option<Said> {
    if let Some(said) = at.char(0).and_then(vulgar) {
        return Said::number(1, said);
    }
    let number = at.number(0);
    if number.is_empty() {
        return None;
    }
    let chars = number.chars().count();
    if let Some(part) = at.char(chars).and_then(vulgar) {
        return Said::number(chars + 1, format!("{}又{part}", cardinal(&number)));
    }
    Some(measured(at, chars, &decimal(&number)))
}

/// ½ and its like.
fn vulgar(c: char) -> Option<&'static str> {
    Some(match c {
        '½' => "二分之一",
        '⅓' => "三分之一",
        '⅔' => "三分之二",
        '¼' => "四分之一",
        '¾' => "四分之三",
        '⅕' => "五分之一",
        '⅖' => "五分之二",
        '⅗' => "五分之三",
        '⅘' => "五分之四",
        '⅙' => "六分之一",
        '⅛' => "八分之一",
        _ => return None,
    })
}

/// A number too long to be a quantity, or serial numbers joined by dashes.
pub(super) fn long(at: &Cursor<'_>) -> Option<Said> {
    let first = at.digits(0);
    if first.is_empty() || at.back(1).is_some_and(|c| c.is_ascii_digit()) {
        return None;
    }
    if let Some(said) = dashed(at, &first).or_else(|| dotted(at, &first)) {
        return Some(said);
    }
    let is_whole = at.number(0) == first;
    let next_is_unit = at.char(first.len()).is_some_and(is_han)
        || unit::is_counted_or_measured(at, first.len())
        || at.is_one_of(first.len(), &[',', '.', '%']) && !is_whole;
    let is_round = first.ends_with("0000") && !first.starts_with('0');
    let is_long = first.len() > CARDINAL_DIGITS_MAX
        || first.len() >= LONG_DIGITS_MIN && is_whole && !next_is_unit && !is_round;
    if !is_long {
        return None;
    }
    Said::number(first.len(), one_by_one_yao(&first))
}

/// 3-2-201: every dash is said.
fn dashed(at: &Cursor<'_>, first: &str) -> Option<Said> {
    let mut parts = vec![first.to_owned()];
    let mut chars = first.len();
    while at.char(chars) == Some('-') && at.is_digit(chars + 1) {
        let next = at.digits(chars + 1);
        chars += 1 + next.len();
        parts.push(next);
    }
    let said: Vec<String> = parts.iter().map(|part| one_by_one_yao(part)).collect();
    (parts.len() > 2).then(|| Said { chars, words: said.join("杠"), number: true })
}

/// 3.2.1 or 10.0.0.1: a version or an address.
fn dotted(at: &Cursor<'_>, first: &str) -> Option<Said> {
    let mut parts = vec![first.to_owned()];
    let mut chars = first.len();
    while at.is_one_of(chars, &['.', '·']) && at.is_digit(chars + 1) {
        let next = at.digits(chars + 1);
        chars += 1 + next.len();
        parts.push(next);
    }
    let said: Vec<String> = parts.iter().map(|part| one_by_one_yao(part)).collect();
    (parts.len() > 2).then(|| Said { chars, words: said.join("点"), number: true })
}

/// The sign between the two ends of a range: 8-10级, 20时～次日8时, -3℃~5℃.
pub(super) fn range(at: &Cursor<'_>) -> Option<Said> {
    if !at.after_number() || at.is_one_of(0, &['至', '到']) {
        return None;
    }
    let sign = at.range_sign(0);
    let doubled =
        at.back(1).is_some_and(|c| c == ' ' || RANGE_SIGNS.contains(&c) || "至到".contains(c));
    if sign == 0 || doubled {
        return None;
    }
    let ends = at.is_digit(sign)
        || at.is_minus(sign)
        || at.is_one_of(sign, &['+']) && at.is_digit(sign + 1)
        || level::starts(at, sign)
        || at.char(sign) == Some('K') && at.is_digit(sign + 1)
        || at.starts_any(
            sign,
            &["次日", "翌日", "明", "后天", "今", "零下", "凌晨", "下午", "上午", "晚"],
        );
    if !ends {
        return None;
    }
    Said::number(sign, "到")
}

/// The sign before a number: 零下 for a temperature below zero, 负 for other numbers.
pub(super) fn signed(at: &Cursor<'_>) -> Option<Said> {
    if at.is_minus(0) && !at.back(1).is_some_and(|c| c.is_ascii_alphanumeric()) {
        let said = if is_temperature(at, 1) { "零下" } else { "负" };
        return Said::words(1, said);
    }
    let is_plus = at.char(0)? == '+' && at.is_digit(1) && is_temperature(at, 1);
    if is_plus { Said::words(1, "零上") } else { None }
}

/// Whether the number or range `ahead` of here ends in a unit of temperature.
fn is_temperature(at: &Cursor<'_>, ahead: usize) -> bool {
    let rest: String = at.ahead(ahead + 16).chars().skip(ahead).collect();
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || ". -~～–—−至到".contains(c));
    ["℃", "°C", "ºC", "˚C", "摄氏度", "度"].iter().any(|unit| rest.starts_with(unit))
}

/// 1/3 → 三分之一.
pub(super) fn fraction(at: &Cursor<'_>) -> Option<Said> {
    let above = at.digits(0);
    let below = at.digits(above.len() + 1);
    let chars = above.len() + 1 + below.len();
    let is_fraction = at.is_one_of(above.len(), &['/', '⁄'])
        && (1..=4).contains(&above.len())
        && (1..=4).contains(&below.len())
        && !below.starts_with('0')
        && !at.is_one_of(chars, &['/', '.'])
        && !at.back(1).is_some_and(|c| c.is_ascii_digit() || "./".contains(c));
    if !is_fraction || unit::unit(at, chars).is_some() {
        return None;
    }
    Said::number(chars, format!("{}分之{}", cardinal(&below), cardinal(&above)))
}

/// 30% → 百分之三十, also the lower end of 30-50%.
pub(super) fn percent(at: &Cursor<'_>) -> Option<Said> {
    let number = at.number(0);
    if number.is_empty() {
        return None;
    }
    let chars = number.chars().count();
    let gap = usize::from(at.char(chars) == Some(' '));
    if let Some(name) = at.char(chars + gap).and_then(per_name) {
        return Said::number(chars + gap + 1, format!("{name}{}", decimal(&number)));
    }
    let sign = at.range_sign(chars);
    let upper = at.number(chars + sign);
    if sign == 0 || upper.is_empty() {
        return None;
    }
    let name = at.char(chars + sign + upper.chars().count()).and_then(per_name)?;
    Said::number(chars, format!("{name}{}", decimal(&number)))
}

fn per_name(sign: char) -> Option<&'static str> {
    match sign {
        '%' => Some("百分之"),
        '‰' => Some("千分之"),
        '‱' => Some("万分之"),
        _ => None,
    }
}

/// 16:9 where the words before say that it is a ratio.
pub(super) fn ratio(at: &Cursor<'_>) -> Option<Said> {
    let first = at.digits(0);
    let second = at.digits(first.len() + 1);
    let before = at.before(5);
    let is_ratio = !first.is_empty()
        && !second.is_empty()
        && at.is_one_of(first.len(), &[':', '：', '∶'])
        && ["比例", "配比", "比为", "比值", "比分", "按", "尺"]
            .iter()
            .any(|word| before.contains(word));
    if !is_ratio {
        return None;
    }
    let said = format!("{}比{}", cardinal(&first), cardinal(&second));
    Said::number(first.len() + 1 + second.len(), said)
}
