//! Single signs: pauses, words for signs, and what stays silent.

use super::super::cursor::{Cursor, Said, is_han, is_pause};
use super::super::number::cardinal;

/// What may follow a dash between two days or places, so that it means 到.
const AFTER_DASH: &[&str] =
    &["次日", "翌日", "明", "后天", "周", "星期", "今", "凌晨", "傍晚", "夜"];
/// How far a dash between places looks for a word of a stretch, characters.
const STRETCH_CHARS: usize = 8;

/// A Chinese character or a pause of said text, as it is.
pub(super) fn plain(at: &Cursor<'_>) -> Option<Said> {
    let c = at.char(0)?;
    if is_han(c) || is_pause(c) { Said::words(1, c) } else { None }
}

/// Blanks: nothing between words, a short pause between numbers and where a form leaves a gap.
pub(super) fn blank(at: &Cursor<'_>) -> Option<Said> {
    let n = (0..).take_while(|n| at.char(*n) == Some(' ')).count();
    if n == 0 {
        return None;
    }
    let between_digits = at.back(1).is_some_and(|c| c.is_ascii_digit()) && at.is_digit(n);
    let gap = n > 1 || between_digits;
    Said::words(n, if gap { "，" } else { "" })
}

/// Punctuation → one of the pauses.
pub(super) fn pause(at: &Cursor<'_>) -> Option<Said> {
    let c = at.char(0)?;
    let next = at.char(1);
    if matches!(c, '-' | '—' | '–' | '~' | '～' | '〜') && joins_days_or_places(at) {
        return Said::words(1, "到");
    }
    // A bullet.
    if matches!(c, '-' | '*' | '·' | '•' | '●' | '○' | '‧' | '・') && at.is_item_start() {
        return Said::words(1, "");
    }
    let said = match c {
        '—' | '–' | '…' | '-' => {
            let n = (1..8).take_while(|n| at.char(*n) == Some(c)).count();
            return Said::words(n + 1, "，");
        }
        ',' | '(' | ')' | '[' | ']' | '【' | '】' | '{' | '}' | '〔' | '〕' | '〖' | '〗' | '|'
        | '\\' | '︱' => "，",
        '.' if next.is_some_and(|n| n.is_ascii_alphanumeric()) => "、",
        '.' | '．' => "。",
        '!' => "！",
        '?' => "？",
        ';' => "；",
        ':' => "：",
        '/' | '+' | '_' | '·' | '•' | '‧' | '・'
            if at.back(1).is_some_and(|b| b.is_ascii_alphanumeric())
                && next.is_some_and(|n| n.is_ascii_alphanumeric()) =>
        {
            "、"
        }
        '/' => "、",
        _ => return None,
    };
    Said::words(1, said)
}

/// `周一-周五`, `白天～夜间`, `岳阳-临湘段`.
fn joins_days_or_places(at: &Cursor<'_>) -> bool {
    let sign = at.char(0).unwrap_or(' ');
    if !at.back(1).is_some_and(is_han) || !at.char(1).is_some_and(is_han) {
        return false;
    }
    let rest: String = at.ahead(STRETCH_CHARS).chars().skip(1).take_while(|c| is_han(*c)).collect();
    matches!(sign, '~' | '～' | '〜')
        || at.starts_any(1, AFTER_DASH)
        || ["段", "一线", "区间", "沿线", "方向"].iter().any(|word| rest.contains(word))
}

/// A sign that has words.
pub(super) fn sign(at: &Cursor<'_>) -> Option<Said> {
    let c = at.char(0)?;
    let digit_next =
        at.is_digit(1) || at.is_minus(1) || (at.char(1) == Some(' ') && at.is_digit(2));
    if let Some(said) = power(at, c) {
        return Some(said);
    }
    let said = match c {
        '≥' | '≧' | '⩾' => "大于等于",
        '≤' | '≦' | '⩽' => "小于等于",
        '>' if at.char(1) == Some('=') => return Said::words(2, "大于等于"),
        '<' if at.char(1) == Some('=') => return Said::words(2, "小于等于"),
        '>' | '﹥' if digit_next => "大于",
        '<' | '﹤' if digit_next => "小于",
        '±' => "正负",
        '×' | '✕' if at.after_number() => "乘",
        '≈' => "约",
        '~' | '～' if digit_next => "约",
        '+' if digit_next => "加",
        '=' if digit_next => "等于",
        '&' => "和",
        '№' => "编号",
        '#' if at.back(1).is_some_and(|b| b.is_ascii_digit()) => "号",
        '↑' if at.before(9).contains(['涨', '升', '高']) => "",
        '↓' if at.before(9).contains(['落', '降', '退', '低']) => "",
        '↑' => "上升",
        '↓' => "下降",
        '→' | '➡' => "到",
        '℃' => "摄氏度",
        '℉' => "华氏度",
        '%' => "百分号",
        'Φ' | 'φ' if digit_next => "直径",
        'μ' => "微",
        _ => return None,
    };
    Said::words(1, said)
}

/// 10^4, 10⁴.
fn power(at: &Cursor<'_>, c: char) -> Option<Said> {
    if !at.back(1).is_some_and(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = if c == '^' { at.digits(1) } else { String::new() };
    let high = "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|high| high == c);
    let said = match high {
        Some(n) => cardinal(&n.to_string()),
        None if !digits.is_empty() => cardinal(&digits),
        None => return None,
    };
    Said::number(1 + digits.len(), format!("的{said}次方"))
}

/// Letters of other scripts stay, so that the script can name them; all else falls silent.
pub(super) fn silent(at: &Cursor<'_>) -> Option<Said> {
    let c = at.char(0)?;
    let is_letter = c.is_alphabetic() && !c.is_ascii() && !c.is_numeric();
    Said::words(1, if is_letter { c.to_string() } else { String::new() })
}
