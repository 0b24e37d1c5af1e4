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
        // 十五 instead of 一十五 at the very beginning.
        match (d, scale) {
            (1, 10) if out.is_empty() => {}
            _ => out.extend(DIGITS.get(d)),
        }
        out.push_str(name);
    }
    out
}

/// A whole number: `12000` → 一万二千, `305` → 三百零五. A leading 2 before 千, 万 and 亿 is 两, before 百 and 十
/// it is 二. Leading zeros or more than twelve digits are read
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
        out.push_str(&said);
        out.push_str(name);
    }
    match out.strip_prefix('二') {
        Some(rest) if rest.starts_with(['千', '万', '亿']) => format!("两{rest}"),
        _ => out,
    }
}

/// A whole or decimal number: `3.50` → 三点五零, `1,200` → 一千两百.
#[must_use]
pub(super) fn decimal(number: &str) -> String {
    let plain: String = number.chars().filter(|c| *c != ',' && *c != '，').collect();
    match plain.split_once('.') {
        Some((whole, part)) => format!("{}点{}", cardinal(whole), one_by_one(part)),
        None => cardinal(&plain),
    }
}

/// The readings of a word made of number characters alone, so that no phrase can change them (一百 is
/// yi1 bai3 here: what 一 becomes before 百 is `sandhi`'s business). `None` = another word.
#[must_use]
pub(super) fn readings(word: &[char]) -> Option<Vec<String>> {
    const READINGS: &[(char, &str)] = &[
        ('零', "ling2"),
        ('一', "yi1"),
        ('二', "er4"),
        ('三', "san1"),
        ('四', "si4"),
        ('五', "wu3"),
        ('六', "liu4"),
        ('七', "qi1"),
        ('八', "ba1"),
        ('九', "jiu3"),
        ('十', "shi2"),
        ('百', "bai3"),
        ('千', "qian1"),
        ('万', "wan4"),
        ('亿', "yi4"),
        ('两', "liang3"),
        ('幺', "yao1"),
    ];
    word.iter()
        .map(|c| READINGS.iter().find(|(d, _)| d == c).map(|(_, said)| (*said).to_owned()))
        .collect()
}

/// Characters of a number, 点 between two of them.
const RUN: &str = "零一二三四五六七八九十百千万亿两幺";

/// The first number of at least two characters in said text, as byte offsets.
#[must_use]
pub(super) fn run(said: &str) -> Option<(usize, usize)> {
    let mut from = None;
    let mut count = 0;
    let mut chars = said.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let is_point = c == '点' && from.is_some() && next.is_some_and(|n| RUN.contains(n));
        if RUN.contains(c) || is_point {
            from = from.or(Some(at));
            count += 1;
            continue;
        }
        if let Some(start) = from.filter(|_| count > 1) {
            return Some((start, at));
        }
        from = None;
        count = 0;
    }
    from.filter(|_| count > 1).map(|start| (start, said.len()))
}

/// Units that begin with a character of numbers.
const UNITS_OF_HUNDREDS: [&str; 1] = ["百帕"];
const UNITS_OF_THOUSANDS: [&str; 6] = ["千米", "千伏", "千瓦", "千克", "千帕", "千卡"];

/// Where the number in `said` that ends at `to` really ends: the 百 of 三十五百帕 and the 千 of 十千伏 begin a unit.
/// 五百帕 and 三千米 may be either, and sound the same.
pub(super) fn without_unit(said: &str, from: usize, to: usize) -> usize {
    let begins_unit = |n_bytes: usize| {
        let at = to.checked_sub(n_bytes).filter(|at| *at > from)?;
        let rest = said.get(at..)?;
        let before = said.get(from..at)?;
        let units =
            if rest.starts_with('百') { &UNITS_OF_HUNDREDS[..] } else { &UNITS_OF_THOUSANDS };
        let is_unit = units.iter().any(|unit| rest.starts_with(unit));
        // 五百 is a number, 三十五百 is none; a digit behind a point counts nothing.
        let tens = before.contains(['十', '点']) || before.ends_with(['百', '千']);
        (is_unit && tens).then_some(at)
    };
    begins_unit('百'.len_utf8()).unwrap_or(to)
}

/// The words of a number: 三千 五百 十二 点 五; digits in a row stay together.
pub(super) fn words(run: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for c in run.chars() {
        let ends = out.last().is_none_or(|last| last.ends_with(['点', '百', '千', '万', '亿']));
        // 十万, 百万 and 千万 stay whole.
        let scales = matches!(c, '万' | '亿' | '百' | '千');
        match out.last_mut() {
            Some(last) if c != '点' && (!ends || scales && !last.ends_with('点')) => last.push(c),
            _ => out.push(c.to_string()),
        }
    }
    out
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
            ("200", "二百"),
            ("2000", "两千"),
            ("1005", "一千零五"),
            ("1050", "一千零五十"),
            ("2222", "两千二百二十二"),
            ("10000", "一万"),
            ("10015", "一万零一十五"),
            ("12000", "一万二千"),
            ("20000", "两万"),
            ("22000", "两万二千"),
            ("20000000", "两千万"),
            ("200000000", "两亿"),
            ("100500", "十万零五百"),
            ("120000", "十二万"),
            ("100000001", "一亿零一"),
            ("007", "零零七"),
            ("1234567890123", "一二三四五六七八九零一二三"),
        ] {
            assert_eq!(cardinal(digits), said, "{digits}");
        }
        assert_eq!(decimal("3.05"), "三点零五");
        assert_eq!(decimal("1,200.5"), "一千二百点五");
        assert_eq!(one_by_one_yao("12379"), "幺二三七九");
    }

    #[test]
    fn a_unit_is_no_part_of_its_number() {
        for (said, want) in [
            ("九百三十五百帕", "九百三十五"),
            ("十千米", "十"),
            ("十千伏", "十"),
            ("二点五千米", "二点五"),
            ("一百千伏", "一百"),
            ("五百帕", "五百"),
            ("三千米", "三千"),
            ("三千五百米", "三千五百"),
        ] {
            let (from, to) = run(said).expect("a number");
            assert_eq!(&said[from..without_unit(said, from, to)], want, "{said}");
        }
    }

    #[test]
    fn numbers_are_cut_into_words() {
        for (said, want) in [
            ("水位三十三点五米", "三十三 点 五"),
            ("一千二百三十四户", "一千 二百 三十四"),
            ("二零二六年", "二零二六"),
            ("转移三十万人", "三十万"),
            ("三点要求", ""),
            ("十七点零五分", "十七 点 零五"),
            ("一千万", "一千万"),
        ] {
            let (from, to) = run(said).unwrap_or_default();
            assert_eq!(words(&said[from..to]).join(" "), want, "{said}");
        }
    }
}
