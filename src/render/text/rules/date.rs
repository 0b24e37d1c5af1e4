//! Days and years.

use super::super::cursor::{Cursor, Said};
use super::super::number::{cardinal, one_by_one};

/// Words before a stroke date's month or after its day that tell it from a fraction.
const AFTER_DAY: &[&str] = &[
    "日", "号", "起", "前", "后", "上午", "下午", "中午", "晚", "早", "凌晨", "夜", "白天", "发布",
    "(",
];
/// Words after `98年` that make it a number of years.
const YEARS: &[&str] =
    &["一遇", "来", "内", "以", "的", "代", "间", "多", "左右", "最", "不", "未", "后", "前"];

/// What days of disasters are named by: 7.18特大暴雨.
const DISASTERS: &[&str] =
    &["特大", "大洪水", "洪水", "洪灾", "抗洪", "溃", "山洪", "暴雨", "地震", "事故", "泥石流"];

fn fits(text: &str, max: u8) -> bool {
    (1..=2).contains(&text.len()) && text.parse::<u8>().is_ok_and(|n| n >= 1 && n <= max)
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && (text.starts_with("19") || text.starts_with("20") || text.starts_with("18"))
}

/// A number without its leading zeros.
fn plain(text: &str) -> String {
    let bare = text.trim_start_matches('0');
    cardinal(if bare.is_empty() { "0" } else { bare })
}

/// 2026-11-23, 2026/11/23, 2026.11.23, with the `T` or blank before a clock time.
pub(super) fn full(at: &Cursor<'_>) -> Option<Said> {
    let year = at.digits(0);
    let sign = at.char(year.len()).filter(|c| "-/.".contains(*c))?;
    let month = at.digits(year.len() + 1);
    let mut chars = year.len() + 1 + month.len();
    let day = at.digits(chars + 1);
    if !is_year(&year) || at.char(chars) != Some(sign) || !fits(&month, 12) || !fits(&day, 31) {
        return None;
    }
    chars += 1 + day.len();
    if at.is_one_of(chars, &[' ', 'T']) && at.is_digit(chars + 1) {
        chars += 1;
    }
    let said = format!("{}年{}月{}日", one_by_one(&year), plain(&month), plain(&day));
    Said::number(chars, said)
}

/// 2026-07, 2026/7.
pub(super) fn year_month(at: &Cursor<'_>) -> Option<Said> {
    let year = at.digits(0);
    let month = at.digits(year.len() + 1);
    let chars = year.len() + 1 + month.len();
    let next = at.char(chars);
    let fits = is_year(&year)
        && at.is_one_of(4, &['-', '/'])
        && month.len() == 2
        && fits(&month, 12)
        && !next.is_some_and(|c| c.is_ascii_alphanumeric() || "-/.号年%".contains(c));
    if !fits {
        return None;
    }
    Said::number(chars, format!("{}年{}月", one_by_one(&year), plain(&month)))
}

/// 7/18 where it can't be a fraction: a day beyond ten, a zero before, or words of a day after it. Also
/// the names of days that were disasters: 7·18.
pub(super) fn month_day(at: &Cursor<'_>) -> Option<Said> {
    let month = at.digits(0);
    let sign = at.char(month.len())?;
    let day = at.digits(month.len() + 1);
    let chars = month.len() + 1 + day.len();
    if !fits(&month, 12) || !fits(&day, 31) || at.back(1).is_some_and(|c| "/.·".contains(c)) {
        return None;
    }
    if sign == '·' || sign == '•' {
        return Said::number(chars, format!("{}{}", one_by_one(&month), one_by_one(&day)));
    }
    if sign == '.' && is_dotted_day(at, chars) {
        let written = usize::from(at.is_one_of(chars, &['日', '号']));
        return Said::number(chars + written, format!("{}月{}日", plain(&month), plain(&day)));
    }
    if sign == '.' && day.len() == 2 && at.starts_any(chars, DISASTERS) {
        return Said::number(chars, format!("{}{}", one_by_one(&month), one_by_one(&day)));
    }
    let blank = usize::from(at.char(chars) == Some(' '));
    let clock = at.is_digit(chars + blank)
        && (1..=2).any(|n| at.is_one_of(chars + blank + n, &[':', '时', '点']));
    let is_day = clock
        || at.starts_any(chars + blank, AFTER_DAY)
        || day.len() == 2 && !at.starts_any(chars, &["的", "以", "左右"]) && day != "10"
        || month.starts_with('0')
        || day.starts_with('0');
    if sign != '/' || !is_day || at.is_one_of(chars, &['/', '.']) {
        return None;
    }
    let written = usize::from(at.is_one_of(chars, &['日', '号']));
    let used = chars + written + if clock { blank } else { 0 };
    Said::number(used, format!("{}月{}日", plain(&month), plain(&day)))
}

/// Whether 日 stands after a 7.18, or after the 7.20 that ends a range.
fn is_dotted_day(at: &Cursor<'_>, chars: usize) -> bool {
    let is_day = |n: usize| {
        at.is_one_of(n, &['日', '号']) && !at.starts_any(n + 1, &["内", "以", "左右", "龄"])
    };
    let sign = at.range_sign(chars);
    is_day(chars) || sign > 0 && is_day(chars + sign + at.number(chars + sign).len())
}

/// 2026年 digit by digit, also 2025-2026年 and 1954、1998、2020年; 2000年一遇 is no year.
pub(super) fn year(at: &Cursor<'_>) -> Option<Said> {
    let digits = at.digits(0);
    if at.back(1).is_some_and(|c| c.is_ascii_digit()) {
        return None;
    }
    if digits.len() == 2 && digits.starts_with('9') {
        let is_year = at.char(2) == Some('年')
            && !at.starts_any(3, YEARS)
            && !["近", "达", "约", "去", "第"].iter().any(|word| at.before(1).ends_with(word));
        return if is_year { Said::number(2, one_by_one(&digits)) } else { None };
    }
    if !(is_year(&digits) || digits.len() == 4 && digits.starts_with('1')) {
        return None;
    }
    let bracketed = at.back(1).is_some_and(|c| "〔[【(".contains(c))
        && at.char(4).is_some_and(|c| "〕]】)".contains(c));
    if bracketed && is_year(&digits) {
        return Said::number(4, one_by_one(&digits));
    }
    let mut end = 4;
    loop {
        let sign =
            at.range_sign(end).max(usize::from(at.is_one_of(end, &['、', '和', '与', '及', ','])));
        let next = at.digits(end + sign);
        if sign == 0 || !is_year(&next) {
            break;
        }
        end += sign + 4;
    }
    let is_age = at.starts_any(end, &["年一遇", "年多", "年来", "年历史", "年以上", "年不遇"]);
    if at.char(end) != Some('年') && !at.starts(end, " 年") || is_age {
        return None;
    }
    Said::number(4, one_by_one(&digits))
}

/// 08时, 07月, 05日: the zero is not said; 05分 keeps it.
pub(super) fn part(at: &Cursor<'_>) -> Option<Said> {
    let digits = at.digits(0);
    let blank = usize::from(at.char(2) == Some(' '));
    let is_part = digits.len() == 2
        && digits.starts_with('0')
        && (at.is_one_of(2 + blank, &['月', '日', '时', '点', '号']) || range_of_parts(at))
        && !at.back(1).is_some_and(|c| c.is_ascii_digit() || c == '.');
    if !is_part {
        return None;
    }
    let two_o_clock = digits == "02" && at.char(2) == Some('点');
    Said::number(2 + blank, if two_o_clock { "两".to_owned() } else { plain(&digits) })
}

/// 08-20时: the first of two hours or days.
fn range_of_parts(at: &Cursor<'_>) -> bool {
    let sign = at.range_sign(2);
    let next = at.digits(2 + sign);
    sign > 0 && next.len() == 2 && at.is_one_of(4 + sign, &['月', '日', '时', '点'])
}
