//! Numbers as Chinese people say them.

const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
/// More digits than this are read one by one (up to 9,999 亿).
const CARDINAL_DIGITS_MAX: usize = 12;

fn digit(c: char) -> Option<usize> {
    c.to_digit(10).and_then(|d| usize::try_from(d).ok())
}

/// Digit by digit: `2026` → 二零二六. Other characters are dropped.
#[must_use]
pub(super) fn one_by_one(digits: &str) -> String {
    digits.chars().filter_map(digit).filter_map(|d| DIGITS.get(d)).collect()
}

/// Digit by digit with 幺 for one, as telephone and road numbers are said: `119` → 幺幺九.
#[must_use]
pub(super) fn one_by_one_yao(digits: &str) -> String {
    one_by_one(digits).replace('一', "幺")
}

/// One group of up to four digits, said as if alone.
fn group(value: u64) -> String {
    let mut out = String::new();
    let mut zero = false;
    for (scale, name) in [(1000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let d = usize::try_from(value / scale % 10).unwrap_or(0);
        if d == 0 {
            zero = !out.is_empty();
            continue;
        }
        if zero {
            out.push('零');
        }
        zero = false;
        // 十五 instead of 一十五 at the very beginning; 两千 and 两百 instead of 二千 and 二百.
        match (d, scale) {
            (1, 10) if out.is_empty() => {}
            (2, 100 | 1000) => out.push('两'),
            _ => out.extend(DIGITS.get(d)),
        }
        out.push_str(name);
    }
    out
}

/// A whole number: `12000` → 一万两千, `305` → 三百零五. Leading zeros or more than twelve digits are read
/// digit by digit.
#[must_use]
pub(super) fn cardinal(digits: &str) -> String {
    if digits.len() > CARDINAL_DIGITS_MAX || (digits.len() > 1 && digits.starts_with('0')) {
        return one_by_one(digits);
    }
    let Ok(value) = digits.parse::<u64>() else { return one_by_one(digits) };
    if value == 0 {
        return "零".to_owned();
    }
    let mut out = String::new();
    let mut gap = false;
    for (scale, name) in [(100_000_000, "亿"), (10_000, "万"), (1, "")] {
        let part = value / scale % 10_000;
        if part == 0 {
            gap = !out.is_empty();
            continue;
        }
        let said = group(part);
        if !out.is_empty() && (gap || part < 1000) {
            out.push('零');
            // After 零 a ten is said in full: 一万零一十五.
            if said.starts_with('十') {
                out.push('一');
            }
        }
        gap = false;
        if part == 2 && scale > 1 {
            out.push('两');
        } else {
            out.push_str(&said);
        }
        out.push_str(name);
    }
    out
}

/// A whole or decimal number: `3.50` → 三点五零, `1,200` → 一千两百.
#[must_use]
pub(super) fn decimal(number: &str) -> String {
    let plain: String = number.chars().filter(|c| *c != ',').collect();
    match plain.split_once('.') {
        Some((whole, part)) => format!("{}点{}", cardinal(whole), one_by_one(part)),
        None => cardinal(&plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        for (digits, said) in [
            ("0", "零"),
            ("2", "二"),
            ("10", "十"),
            ("15", "十五"),
            ("20", "二十"),
            ("102", "一百零二"),
            ("110", "一百一十"),
            ("200", "两百"),
            ("1005", "一千零五"),
            ("1050", "一千零五十"),
            ("2222", "两千两百二十二"),
            ("10000", "一万"),
            ("10015", "一万零一十五"),
            ("12000", "一万两千"),
            ("20000", "两万"),
            ("100500", "十万零五百"),
            ("120000", "十二万"),
            ("100000001", "一亿零一"),
            ("007", "零零七"),
            ("1234567890123", "一二三四五六七八九零一二三"),
        ] {
            assert_eq!(cardinal(digits), said, "{digits}");
        }
        assert_eq!(decimal("3.05"), "三点零五");
        assert_eq!(decimal("1,200.5"), "一千两百点五");
        assert_eq!(one_by_one_yao("12379"), "幺二三七九");
    }
}
