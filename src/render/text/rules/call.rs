//! Telephone numbers, digit by digit with 幺 for one.

use super::super::cursor::{Cursor, Said};
use super::super::number::one_by_one_yao;
use super::unit;

/// Words before digits that make them a telephone number.
const CALLS: &[&str] = &[
    "电话",
    "拨打",
    "热线",
    "致电",
    "号码",
    "拨",
    "手机",
    "专线",
    "座机",
    "传真",
    "短号",
    "邮编",
    "邮政编码",
];
/// How far before the digits such a word may stand, characters.
const CALLS_CHARS: usize = 14;
/// The same for further numbers of a list of telephones, which names stand between.
const LIST_CHARS: usize = 60;
/// Short numbers read digit by digit wherever no unit follows.
const SHORT_CALLS: &[&str] = &[
    "12379", "12345", "12119", "12350", "95598", "96110", "12395", "12315", "12320", "12328",
    "12369", "12333", "12348", "12356", "12122", "95518", "96533", "95119",
];
/// Emergency numbers: read so before these words, or beside each other.
const EMERGENCY: &[&str] = &["110", "119", "120", "122"];
const AFTER_EMERGENCY: &[&str] = &[
    "报警",
    "急救",
    "火警",
    "消防",
    "求助",
    "求救",
    "求援",
    "电话",
    "热线",
    "指挥中心",
    "接警",
    "平台",
    "救援",
    "出警",
    "中心",
];

/// A telephone number.
pub(super) fn telephone(at: &Cursor<'_>) -> Option<Said> {
    if !at.is_digit(0) && !at.is_one_of(0, &['+', '('])
        || at.back(1).is_some_and(|c| c.is_ascii_digit())
    {
        return None;
    }
    abroad(at).or_else(|| area_code(at)).or_else(|| grouped(at)).or_else(|| short(at))
}

/// +86 before a mobile number is not said.
fn abroad(at: &Cursor<'_>) -> Option<Said> {
    let prefix = ["+86-", "+86 ", "+86"].iter().find(|p| at.starts(0, p))?.len();
    let digits = at.digits(prefix);
    if digits.len() != 11 {
        return None;
    }
    Said::number(prefix + 11, mobile(&digits))
}

fn mobile(digits: &str) -> String {
    match (digits.get(..3), digits.get(3..7), digits.get(7..)) {
        (Some(a), Some(b), Some(c)) => [a, b, c].map(one_by_one_yao).join("，"),
        _ => one_by_one_yao(digits),
    }
}

/// 0730-8888888, (0730)8888888, 0730 8888888.
fn area_code(at: &Cursor<'_>) -> Option<Said> {
    let open = usize::from(at.char(0) == Some('('));
    let code = at.digits(open);
    if !(3..=4).contains(&code.len()) || !code.starts_with('0') {
        return None;
    }
    let mut chars = open + code.len();
    let close = usize::from(open == 1 && at.char(chars) == Some(')'));
    chars += close;
    let sign = usize::from(at.is_one_of(chars, &['-', ' ', '–', '—', '−']));
    let number = at.digits(chars + sign);
    if close + sign == 0 || !(7..=8).contains(&number.len()) {
        return None;
    }
    let said = format!("{}，{}", one_by_one_yao(&code), in_groups(&number));
    Said::number(chars + sign + number.len(), said)
}

/// 138-1234-5678, 138 1234 5678, 400-820-8820, 13812345678.
fn grouped(at: &Cursor<'_>) -> Option<Said> {
    let first = at.digits(0);
    if first.len() == 11 && first.starts_with('1') && first.get(1..2).is_some_and(|d| d > "2") {
        return Said::number(11, mobile(&first));
    }
    let sign = at.char(first.len()).filter(|c| "- ".contains(*c))?;
    let second = at.digits(first.len() + 1);
    let third = at.digits(first.len() + second.len() + 2);
    let lengths = [first.len(), second.len(), third.len()];
    let is_mobile = lengths == [3, 4, 4] && first.starts_with('1');
    let is_service = [[3, 3, 4], [3, 4, 3]].contains(&lengths)
        && (first.starts_with("400") || first.starts_with("800"));
    if !(is_mobile || is_service) || at.char(first.len() + second.len() + 1) != Some(sign) {
        return None;
    }
    let chars = lengths.iter().sum::<usize>() + 2;
    Said::number(chars, [first, second, third].map(|part| one_by_one_yao(&part)).join("，"))
}

/// Numbers without area code: after a word of calling, or known to everybody.
fn short(at: &Cursor<'_>) -> Option<Said> {
    let digits = at.digits(0);
    if !(3..=12).contains(&digits.len()) || at.number(0) != digits {
        return None;
    }
    let end = digits.len();
    let quantity = unit::is_counted_or_measured(at, end)
        || at.is_one_of(end, &['年', '月', '日', '时', '元', '国', '省', '县', '号']);
    let known = SHORT_CALLS.contains(&digits.as_str()) && !quantity;
    let emergency = EMERGENCY.contains(&digits.as_str())
        && (at.starts_any(end, AFTER_EMERGENCY) || beside_another(at, end));
    if !known && !emergency && (quantity || !is_called(at) && !is_listed(at, end)) {
        return None;
    }
    Said::number(end, in_groups(&digits))
}

/// Seven digits and more as people say them, in groups of three and four: 762，3456, with a pause to write them down.
fn in_groups(digits: &str) -> String {
    let lengths: &[usize] = match digits.len() {
        7 => &[3, 4],
        8 => &[4, 4],
        9 => &[3, 3, 3],
        10 => &[3, 3, 4],
        11 => &[3, 4, 4],
        12 => &[4, 4, 4],
        _ => return one_by_one_yao(digits),
    };
    let mut at = 0;
    let groups = lengths.iter().map(|length| {
        at += length;
        one_by_one_yao(digits.get(at - length..at).unwrap_or_default())
    });
    groups.collect::<Vec<_>>().join("，")
}

/// 110/119/120, 119、120.
fn beside_another(at: &Cursor<'_>, end: usize) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| "/、和或及".contains(c));
    let after = joins(at.char(end)) && EMERGENCY.contains(&at.digits(end + 1).as_str());
    let before = joins(at.back(1)) && EMERGENCY.iter().any(|n| at.before(4).starts_with(n));
    after || before
}

/// Whether it has the length of a fixed line and an extension, or stands in a list of telephones.
fn is_listed(at: &Cursor<'_>, end: usize) -> bool {
    let before = at.before(LIST_CHARS);
    let sentence = before.rsplit(['。', '！', '？']).next().unwrap_or_default();
    let in_list = at.back(1).is_some_and(|c| "、/,，;；或和".contains(c))
        && CALLS.iter().any(|word| sentence.contains(word));
    let has_extension = at.char(end) == Some('转') && at.is_digit(end + 1);
    (7..=8).contains(&end) && (in_list || has_extension)
}

/// Whether a word of calling stands before, in the same clause.
fn is_called(at: &Cursor<'_>) -> bool {
    let before = at.before(CALLS_CHARS);
    let clause = before.rsplit(['。', '；', '！', '？', '，', ',']).next().unwrap_or_default();
    let is_extension = at.back(1) == Some('转') && at.back(2).is_some_and(|c| c.is_ascii_digit());
    is_extension || CALLS.iter().any(|word| clause.contains(word))
}
