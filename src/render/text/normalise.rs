//! Alert text as it is written → as it is said: only hanzi, Latin capitals and ，。！？；：、 remain.

use super::number::{cardinal, decimal, one_by_one, one_by_one_yao};

/// Units after a number, longest first, and how they are said.
const UNITS: &[(&str, &str)] = &[
    ("m³/s", "立方米每秒"),
    ("m3/s", "立方米每秒"),
    ("立方米/秒", "立方米每秒"),
    ("mm/h", "毫米每小时"),
    ("毫米/小时", "毫米每小时"),
    ("毫米/时", "毫米每小时"),
    ("km/h", "公里每小时"),
    ("公里/小时", "公里每小时"),
    ("m/s", "米每秒"),
    ("米/秒", "米每秒"),
    ("km²", "平方公里"),
    ("km2", "平方公里"),
    ("m²", "平方米"),
    ("m2", "平方米"),
    ("m³", "立方米"),
    ("m3", "立方米"),
    ("㎡", "平方米"),
    ("hPa", "百帕"),
    ("kPa", "千帕"),
    ("mm", "毫米"),
    ("cm", "厘米"),
    ("km", "公里"),
    ("㎜", "毫米"),
    ("㎝", "厘米"),
    ("㎞", "公里"),
    ("kg", "公斤"),
    ("°C", "摄氏度"),
    ("℃", "摄氏度"),
    ("°", "度"),
    ("min", "分钟"),
    ("h", "小时"),
    ("m", "米"),
    ("s", "秒"),
    ("t", "吨"),
];

/// What 2 counts as 两 instead of 二.
const COUNTED: &[&str] = &[
    "小时", "个", "次", "天", "名", "位", "人", "户", "座", "处", "台", "辆", "条", "点", "分钟",
    "倍", "公里", "千米", "米", "毫米", "厘米", "周", "层", "种", "支", "艘", "头", "吨", "间",
    "家", "批", "轮", "遍", "声", "万", "亿", "年内", "年来", "例", "起", "场", "份",
];

/// Words before digits that make them a telephone number.
const CALLS: &[&str] =
    &["电话", "拨打", "热线", "致电", "号码", "拨", "电话：", "电话:", "热线：", "热线:", "手机"];
/// Short numbers read digit by digit wherever they stand alone.
const SHORT_CALLS: &[&str] = &["12379", "12345", "12119", "12350", "95598", "96110", "12395"];

const RANGE_SIGNS: &[char] = &['-', '~', '～', '－', '–', '—', '−', '至', '到'];
const MINUS_SIGNS: &[char] = &['-', '−', '－', '–'];

/// Turns written text into said text.
#[must_use]
pub fn normalise(text: &str) -> String {
    let chars: Vec<char> = neutral(text).chars().collect();
    let mut reader = Reader { chars: &chars, at: 0, out: String::new(), after_number: false };
    while reader.at < reader.chars.len() {
        reader.step();
    }
    tidy(&reader.out)
}

/// Full-width letters and digits become plain ones; mark-up and control characters lose their power.
fn neutral(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\r' => out.push('。'),
            '<' if rest.peek().is_some_and(|n| n.is_ascii_alphabetic() || "/!?".contains(*n)) => {
                // A tag of speech mark-up: skipped to its end, never obeyed or read out.
                while rest.next_if(|n| *n != '>' && *n != '。').is_some() {}
                let _ = rest.next_if_eq(&'>');
                out.push(' ');
            }
            '\u{ff01}'..='\u{ff5e}' if !"，。！？；：（）".contains(c) => {
                out.extend(char::from_u32(u32::from(c) - 0xfee0));
            }
            '\u{3000}' | '\u{a0}' | '\t' => out.push(' '),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Where we are in the text.
struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    out: String,
    /// Whether a number (with its unit) was said just before, so that `-` means 到.
    after_number: bool,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn digits(&self, from: usize) -> String {
        let rest = self.chars.get(from..).unwrap_or_default();
        rest.iter().take_while(|c| c.is_ascii_digit()).collect()
    }

    fn starts(&self, from: usize, word: &str) -> bool {
        word.chars().enumerate().all(|(n, c)| self.chars.get(from + n) == Some(&c))
    }

    /// Digits, one decimal point, thousands commas.
    fn number(&self, from: usize) -> String {
        let mut out = self.digits(from);
        loop {
            let at = from + out.chars().count();
            let next = self.digits(at + 1);
            let is_group = out.len() <= 3 || out.contains(',');
            match self.chars.get(at) {
                Some('.') if !out.contains('.') && !next.is_empty() => out.push('.'),
                Some(',') if is_group && next.len() == 3 && !out.contains('.') => out.push(','),
                _ => return out,
            }
            out.push_str(&next);
        }
    }

    fn step(&mut self) {
        let Some(c) = self.peek(0) else { return };
        let next_is_digit = self.peek(1).is_some_and(|n| n.is_ascii_digit());
        if c.is_ascii_digit() {
            self.read_digits();
            return;
        }
        let after_number = std::mem::take(&mut self.after_number);
        let minus_next = self.peek(1).is_some_and(|n| MINUS_SIGNS.contains(&n))
            && self.peek(2).is_some_and(|n| n.is_ascii_digit());
        if after_number && RANGE_SIGNS.contains(&c) && (next_is_digit || minus_next) {
            self.at += 1;
            self.out.push('到');
            return;
        }
        if MINUS_SIGNS.contains(&c) && next_is_digit {
            self.at += 1;
            let below = self.temperature_follows();
            self.out.push_str(if below { "零下" } else { "负" });
            return;
        }
        if c.is_ascii_alphabetic() {
            self.read_letters();
            return;
        }
        self.at += 1;
        self.symbol(c, next_is_digit);
    }

    /// Whether the number (or range) here ends in a temperature unit.
    fn temperature_follows(&self) -> bool {
        let rest: String = self
            .chars
            .get(self.at..)
            .unwrap_or_default()
            .iter()
            .take(16)
            .skip_while(|c| c.is_ascii_digit() || **c == '.' || RANGE_SIGNS.contains(c))
            .collect();
        ["℃", "°C", "摄氏度", "度"].iter().any(|unit| rest.starts_with(unit))
    }

    fn read_digits(&mut self) {
        if self.read_call() || self.read_date() || self.read_clock() {
            return;
        }
        let number = self.number(self.at);
        let end = self.at + number.chars().count();
        // 1/3 is a fraction; 3/s is not.
        let below = self.digits(end + 1);
        if self.chars.get(end) == Some(&'/') && !below.is_empty() && !number.contains('.') {
            self.out.push_str(&format!("{}分之{}", cardinal(&below), cardinal(&number)));
            self.at = end + 1 + below.len();
            return;
        }
        for (sign, name) in [('%', "百分之"), ('‰', "千分之")] {
            if self.chars.get(end) == Some(&sign) {
                self.out.push_str(name);
                self.out.push_str(&decimal(&number));
                self.at = end + 1;
                self.after_number = true;
                return;
            }
        }
        if self.chars.get(end) == Some(&'年') && number.len() == 4 && !number.contains(',') {
            self.out.push_str(&one_by_one(&number));
        } else if number == "2" && self.counted(end) {
            self.out.push('两');
        } else {
            self.out.push_str(&decimal(&number));
        }
        self.at = end;
        self.after_number = true;
        self.read_unit();
    }

    fn counted(&self, end: usize) -> bool {
        COUNTED.iter().any(|word| self.starts(end, word))
            || UNITS.iter().any(|(unit, said)| {
                self.starts(end, unit) && self.unit_ends(end, unit) && !said.ends_with('度')
            })
    }

    fn unit_ends(&self, at: usize, unit: &str) -> bool {
        let next = self.chars.get(at + unit.chars().count());
        !unit.ends_with(|c: char| c.is_ascii_alphanumeric())
            || !next.is_some_and(char::is_ascii_alphanumeric)
    }

    fn read_unit(&mut self) {
        let gap = usize::from(self.peek(0) == Some(' '));
        let from = self.at + gap;
        if let Some((unit, said)) =
            UNITS.iter().find(|(unit, _)| self.starts(from, unit) && self.unit_ends(from, unit))
        {
            self.out.push_str(said);
            self.at = from + unit.chars().count();
        }
    }

    /// A telephone number.
    fn read_call(&mut self) -> bool {
        let digits = self.digits(self.at);
        let before: String = self.chars.get(..self.at).unwrap_or_default().iter().collect();
        let before = before.trim_end();
        let after = self.at + digits.len();
        let second = self.digits(after + 1);
        if (3..=4).contains(&digits.len())
            && digits.starts_with('0')
            && self.chars.get(after) == Some(&'-')
            && (7..=8).contains(&second.len())
        {
            self.out.push_str(&format!("{}，{}", one_by_one_yao(&digits), one_by_one_yao(&second)));
            self.at = after + 1 + second.len();
            return true;
        }
        let called = CALLS.iter().any(|word| before.ends_with(word)) && digits.len() >= 3;
        let mobile = digits.len() == 11 && digits.starts_with('1');
        if called || mobile || SHORT_CALLS.contains(&digits.as_str()) {
            self.out.push_str(&one_by_one_yao(&digits));
            self.at = after;
            return true;
        }
        false
    }

    /// 2026-11-23, 2026/11/23, 2026.11.23.
    fn read_date(&mut self) -> bool {
        let year = self.digits(self.at);
        let mut at = self.at + year.len();
        let Some(sign @ ('-' | '/' | '.')) = self.chars.get(at).copied() else { return false };
        let month = self.digits(at + 1);
        at += 1 + month.len();
        let day = self.digits(at + 1);
        let fits = |text: &str, max: u8| text.parse::<u8>().is_ok_and(|n| n >= 1 && n <= max);
        if year.len() != 4
            || self.chars.get(at) != Some(&sign)
            || !fits(&month, 12)
            || !fits(&day, 31)
        {
            return false;
        }
        let plain = |text: &str| cardinal(text.trim_start_matches('0'));
        self.out.push_str(&format!("{}年{}月{}日", one_by_one(&year), plain(&month), plain(&day)));
        self.at = at + 1 + day.len();
        true
    }

    /// 17:05, 8:00:30.
    fn read_clock(&mut self) -> bool {
        let hour = self.digits(self.at);
        let mut at = self.at + hour.len();
        let minute = self.digits(at + 1);
        let colon = matches!(self.chars.get(at), Some(':' | '：'));
        let fits =
            |text: &str, max: u8| text.len() <= 2 && text.parse::<u8>().is_ok_and(|n| n <= max);
        if !colon || !fits(&hour, 24) || minute.len() != 2 || !fits(&minute, 59) {
            return false;
        }
        let hour = if hour.len() > 1 { hour.trim_start_matches('0') } else { hour.as_str() };
        let said = match hour {
            "" => "零".to_owned(),
            "2" => "两".to_owned(),
            other => cardinal(other),
        };
        self.out.push_str(&said);
        self.out.push('点');
        if minute == "00" {
            self.out.push('整');
        } else {
            self.out.push_str(&cardinal(&minute));
            self.out.push('分');
        }
        at += 3;
        let second = self.digits(at + 1);
        if matches!(self.chars.get(at), Some(':' | '：')) && second.len() == 2 && fits(&second, 59)
        {
            if second != "00" {
                if minute == "00" {
                    let _ = self.out.pop();
                    self.out.push_str("零分");
                }
                self.out.push_str(&cardinal(&second));
                self.out.push('秒');
            }
            at += 3;
        }
        self.at = at;
        self.after_number = true;
        true
    }

    /// Latin letters are spelled, road numbers (G107) read digit by digit, addresses not read at all.
    fn read_letters(&mut self) {
        for start in ["http://", "https://", "www."] {
            if self.starts(self.at, start) {
                self.out.push_str("网址");
                while self.peek(0).is_some_and(|c| c.is_ascii_graphic()) {
                    self.at += 1;
                }
                return;
            }
        }
        while let Some(c) = self.peek(0).filter(char::is_ascii_alphabetic) {
            self.out.push(c.to_ascii_uppercase());
            self.at += 1;
        }
        if self.peek(0) == Some('-') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = self.digits(self.at);
        if !digits.is_empty() {
            self.out.push_str(&one_by_one_yao(&digits));
            self.at += digits.len();
        }
    }

    fn symbol(&mut self, c: char, next_is_digit: bool) {
        let said = match c {
            '，' | '。' | '！' | '？' | '；' | '：' | '、' => {
                self.out.push(c);
                return;
            }
            ',' | '(' | ')' | '（' | '）' | '[' | ']' | '【' | '】' | '{' | '}' | '—' | '…'
            | '|' | '/' | '\\' | '-' | '–' | '~' => "，",
            '.' => "。",
            '!' => "！",
            '?' => "？",
            ';' => "；",
            ':' => "：",
            '≥' => "大于等于",
            '≤' => "小于等于",
            '>' if next_is_digit => "大于",
            '<' if next_is_digit => "小于",
            '±' => "正负",
            '×' => "乘",
            '+' if next_is_digit => "加",
            '=' if next_is_digit => "等于",
            '&' => "和",
            '№' => "号",
            'Ⅰ'..='Ⅻ' => return self.ordinal(c, 'Ⅰ'),
            '①'..='⑳' => return self.ordinal(c, '①'),
            '℃' => "摄氏度",
            '%' => "百分号",
            // A letter or character of a language that the voice reads; all else falls silent.
            c if c.is_alphabetic() => {
                self.out.push(c);
                return;
            }
            _ => return,
        };
        self.out.push_str(said);
    }

    /// Ⅲ → 三.
    fn ordinal(&mut self, c: char, first: char) {
        let number = u32::from(c).saturating_sub(u32::from(first)) + 1;
        self.out.push_str(&cardinal(&number.to_string()));
    }
}

/// One pause where several meet, the strongest of them; none at the start.
fn tidy(text: &str) -> String {
    let strength = |c: char| "、，：；？！。".chars().position(|p| p == c);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match (strength(c), out.chars().last().and_then(strength)) {
            (Some(_), None) if out.is_empty() => {}
            (Some(now), Some(before)) if now > before => {
                let _ = out.pop();
                out.push(c);
            }
            (Some(_), Some(_)) => {}
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
mod tests;
