//! What a telegram says: serial number, time, station, elements.

use super::super::octets::{Octets, at_offset, bcd_time, beijing, hex};
use super::elements::{self, Element, Value};
use super::frame::{Frame, Mode, Packet, ascii_word};
use super::uniform;
use crate::model::{Fault, Rejection, UtcMs};
use serde::Serialize;

/// Elements of one telegram; the body holds at most half as many bytes.
const ELEMENTS_MAX: usize = 2_048;
/// Oddities kept of one telegram.
const ODDITIES_MAX: usize = 100;
/// Station classes that the standard knows.
const CLASSES: &[u8] = b"PHKZDTMGQIO";
/// Function of a link that is kept alive.
pub const KEEP_ALIVE: u8 = 0x2F;

/// A telegram as it was understood.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Telegram {
    /// In which characters.
    pub mode: Mode,
    /// From the station to the centre.
    pub upward: bool,
    /// Address of the centre.
    pub centre: u8,
    /// Address of the station, ten characters.
    pub station: String,
    /// Function code.
    pub function: u8,
    /// Which packet, when it is one of several.
    pub packet: Option<Packet>,
    /// Serial number; `None` in the later packets of several.
    pub serial: Option<u16>,
    /// When the station says it sent it; `None` = it is no time.
    pub reported_at: Option<UtcMs>,
    /// Station class, such as `H`.
    pub class: Option<char>,
    /// Its elements in order.
    pub elements: Vec<Element>,
    /// Bytes of the body that were not read as elements.
    pub unread_bytes: usize,
    /// What is odd, each with its offset.
    pub oddities: Vec<Fault>,
}

/// Chinese name of a function.
#[must_use]
pub fn function_zh(function: u8) -> &'static str {
    match function {
        0x2F => "链路维持报",
        0x30 => "测试报",
        0x31 => "均匀时段报",
        0x32 => "定时报",
        0x33 => "加报",
        0x34 => "小时报",
        0x35 => "人工置数报",
        0x36 => "图片报",
        0x37 => "实时数据查询",
        0x38 => "时段数据查询",
        0x39 => "人工置数查询",
        0x3A => "指定要素查询",
        0x40 | 0x41 => "基本配置",
        0x42 | 0x43 => "运行参数",
        0x44 => "水泵电机数据",
        0x45 => "软件版本",
        0x46 => "状态和报警",
        0x47 => "初始化固态存储",
        0x48 => "恢复出厂设置",
        0x49 => "修改密码",
        0x4A => "设置时钟",
        0x50 => "事件记录",
        0x51 => "查询时钟",
        0xE0..=0xFF => "自定义功能",
        _ => "其他功能",
    }
}

/// Whether a function carries elements of observation.
fn observes(function: u8) -> bool {
    matches!(function, 0x30..=0x3A | 0x44 | 0x46)
}

/// Reads the body of a frame, or of all packets joined under the frame of the first.
///
/// # Errors
/// When the body has no serial number and time: there is nothing to answer then.
pub fn telegram(frame: &Frame) -> Result<Telegram, Rejection> {
    let mut telegram = Telegram {
        mode: frame.mode,
        upward: frame.upward,
        centre: frame.centre,
        station: frame.address(),
        function: frame.function,
        packet: frame.packet,
        serial: None,
        reported_at: None,
        class: None,
        elements: Vec::new(),
        unread_bytes: 0,
        oddities: frame.oddities.clone(),
    };
    if frame.packet.is_some_and(|packet| packet.number > 1) {
        telegram.unread_bytes = frame.body.len();
        return Ok(telegram);
    }
    let mut octets = Octets::new(&frame.body, frame.body_at);
    let head = match frame.mode {
        Mode::Hex => hex_head(&mut octets, &mut telegram),
        Mode::Ascii => ascii_head(&mut octets, &mut telegram),
    };
    if head.is_none() {
        let n = if frame.mode == Mode::Hex { 8 } else { 16 };
        let what =
            format!("body: expected {n} of serial number and time, got {}", octets.rest().len());
        return Err(Rejection { faults: vec![at_offset(octets.at(), what)], too_large: false });
    }
    if telegram.upward && telegram.function != KEEP_ALIVE {
        match frame.mode {
            Mode::Hex => hex_body(&mut octets, &mut telegram),
            Mode::Ascii => ascii_body(octets.all(), octets.at(), &mut telegram),
        }
    }
    telegram.unread_bytes = octets.rest().len();
    Ok(telegram)
}

impl Telegram {
    fn odd(&mut self, at: usize, what: impl Into<String>) {
        if self.oddities.len() < ODDITIES_MAX {
            self.oddities.push(at_offset(at, what));
        }
    }

    fn push(&mut self, element: Element) {
        if element.symbol.is_empty() {
            let what = format!("element {:X} is not known; it is kept as it came", element.id);
            self.odd(element.offset, what);
        }
        if let Value::Bad(got) = &element.value {
            let what = format!("{}: expected decimal digits, got {got}", element.symbol);
            self.odd(element.offset, what);
        }
        self.elements.push(element);
    }

    fn time(&mut self, at: usize, time: Option<UtcMs>, got: &str) -> Option<UtcMs> {
        if time.is_none() {
            self.odd(at, format!("expected a time, got {got}"));
        }
        time
    }
}

fn hex_head(octets: &mut Octets<'_>, telegram: &mut Telegram) -> Option<()> {
    let mut both = octets.clone();
    let (serial, at) = (both.word()?, both.at());
    let time = both.take(6)?;
    *octets = both;
    telegram.serial = Some(serial);
    telegram.reported_at = telegram.time(at, bcd_time(time), &hex(time));
    Some(())
}

/// Address groups, time groups and elements until the end.
fn hex_body(octets: &mut Octets<'_>, telegram: &mut Telegram) {
    let mut observed = None;
    let mut uniform = Uniform::default();
    while !octets.rest().is_empty() {
        if telegram.elements.len() >= ELEMENTS_MAX {
            telegram.odd(octets.at(), format!("more than {ELEMENTS_MAX} elements; not read"));
            return;
        }
        match octets.rest() {
            [0xF1, 0xF1, ..] => {
                if address_group(octets, telegram).is_none() {
                    return cut(octets, telegram, "an address");
                }
            }
            [0xF0, 0xF0, ..] => {
                let at = octets.at();
                let Some(time) = octets.clone().take(7).and_then(|group| group.get(2..)) else {
                    return cut(octets, telegram, "a time of observation");
                };
                let _taken = octets.take(7);
                observed = telegram.time(at, bcd_time(time), &hex(time));
            }
            [0xF2, 0xF2, ..] => {
                let at = octets.at();
                let (text, _, _) =
                    encoding_rs::GBK.decode(octets.all().get(2..).unwrap_or_default());
                let text = Value::Text(text.into_owned());
                return telegram.elements.push(typed(0xF2, "RGZS", "人工置数", observed, text, at));
            }
            [0xF3, 0xF3, ..] => {
                let (at, n) = (octets.at(), octets.all().len().saturating_sub(2));
                let picture = Value::Picture(n);
                return telegram.elements.push(typed(0xF3, "PIC", "图片", observed, picture, at));
            }
            _ if !observes(telegram.function) => return,
            // No element has this number: what follows was not meant as one.
            [0, ..] => {
                let n = octets.rest().len();
                let what = format!("expected an element, got 00; {n} bytes are not read");
                return telegram.odd(octets.at(), what);
            }
            _ => {
                if element(octets, telegram, observed, &mut uniform).is_none() {
                    return cut(octets, telegram, "an element");
                }
            }
        }
    }
}

/// Values at even intervals: the step, and how many of them an element has.
#[derive(Debug, Default)]
struct Uniform {
    step_s: i64,
    more: usize,
}

/// One element with all its values; `None` when it goes beyond the end.
fn element(
    octets: &mut Octets<'_>,
    telegram: &mut Telegram,
    observed: Option<UtcMs>,
    uniform: &mut Uniform,
) -> Option<()> {
    let mut at = octets.at();
    let mut after = octets.clone();
    let (id, n, decimals) = elements::heading(&mut after)?;
    let value = elements::value(id, after.take(n)?, decimals);
    let step = if let Value::StepMinutes(minutes) = &value { Some(*minutes) } else { None };
    telegram.push(Element::new(id, observed, value, at));
    let room = ELEMENTS_MAX.saturating_sub(telegram.elements.len());
    let more = if uniform::is_single(id) { 0 } else { uniform.more.min(room) };
    for _ in 0..more {
        // The time of a group is that of its first values.
        let later = telegram.elements.last().and_then(|last| last.observed_at);
        let later = later.map(|time| time.plus_s(uniform.step_s));
        at = after.at();
        let Some(bytes) = after.take(n) else { break };
        telegram.push(Element::new(id, later, elements::value(id, bytes, decimals), at));
    }
    *octets = after;
    if let Some(minutes) = step.filter(|_| matches!(telegram.function, 0x31 | 0x38)) {
        uniform.step_s = i64::try_from(minutes * 60).unwrap_or_default();
        uniform.more = uniform::values_each(octets) - 1;
    }
    Some(())
}

fn typed(
    id: u16,
    symbol: &str,
    zh: &str,
    observed_at: Option<UtcMs>,
    value: Value,
    offset: usize,
) -> Element {
    let (symbol, zh) = (symbol.to_owned(), zh.to_owned());
    Element { id, symbol, zh, unit: String::new(), observed_at, value, offset }
}

/// What was read before stays; the rest is told.
fn cut(octets: &Octets<'_>, telegram: &mut Telegram, what: &str) {
    let n = octets.rest().len();
    telegram.odd(octets.at(), format!("{what} goes beyond the end; {n} bytes are not read"));
}

fn address_group(octets: &mut Octets<'_>, telegram: &mut Telegram) -> Option<()> {
    let at = octets.at();
    let mut after = octets.clone();
    let address = hex(after.take(7)?.get(2..)?);
    if address != telegram.station {
        let what = format!("the body names station {address}, the head {}", telegram.station);
        telegram.odd(at, what);
    }
    if matches!(telegram.function, 0x30..=0x3A | 0x44) {
        match after.rest().first() {
            Some(class) if CLASSES.contains(class) => {
                telegram.class = Some(char::from(*class));
                let _taken = after.byte();
            }
            Some(class) => {
                let what = format!("expected a station class after the address, got {class:02X}");
                telegram.odd(after.at(), what);
            }
            None => {}
        }
    }
    *octets = after;
    Some(())
}

fn ascii_head(octets: &mut Octets<'_>, telegram: &mut Telegram) -> Option<()> {
    let mut both = octets.clone();
    let serial = ascii_word(both.take(4)?)?;
    let at = both.at();
    let time = String::from_utf8_lossy(both.take(12)?).into_owned();
    *octets = both;
    telegram.serial = Some(serial);
    telegram.reported_at = telegram.time(at, ascii_time(&time), &time);
    Some(())
}

/// `YYMMDDHHmm`, with seconds or without.
fn ascii_time(text: &str) -> Option<UtcMs> {
    let good = matches!(text.len(), 10 | 12) && text.bytes().all(|byte| byte.is_ascii_digit());
    let pairs = text.as_bytes().chunks(2);
    let parts: Option<Vec<u64>> = pairs
        .map(|pair| core::str::from_utf8(pair).ok().and_then(|pair| pair.parse().ok()))
        .collect();
    parts.filter(|_| good).and_then(|parts| beijing(&parts))
}

/// Words in pairs: identifier and value; ST has two values, address and class.
fn ascii_body(bytes: &[u8], end: usize, telegram: &mut Telegram) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let from = end.saturating_sub(bytes.len());
    let mut observed = None;
    let mut step_s = None;
    let mut words = words(&text).into_iter().peekable();
    while let Some((at, name)) = words.next() {
        if telegram.elements.len() >= ELEMENTS_MAX {
            telegram.odd(from + at, format!("more than {ELEMENTS_MAX} elements; not read"));
            return;
        }
        if let Some(minutes) = uniform::step_minutes(name) {
            step_s = i64::try_from(minutes * 60).ok();
            continue;
        }
        let Some((_, value)) = words.next() else {
            telegram.odd(from + at, format!("{name} has no value"));
            return;
        };
        match name {
            "ST" => {
                if value != telegram.station {
                    let what =
                        format!("the body names station {value}, the head {}", telegram.station);
                    telegram.odd(from + at, what);
                }
                telegram.class = words.next().and_then(|(_, class)| class.chars().next());
            }
            "TT" => observed = telegram.time(from + at, ascii_time(value), value),
            _ => {
                telegram.push(ascii_element(name, value, observed, from + at));
                let mut time = observed;
                while let Some((at, value)) = words.next_if(|(_, word)| uniform::is_value(word)) {
                    let Some(step_s) = step_s else {
                        telegram.odd(from + at, format!("{name} has a second value; not read"));
                        continue;
                    };
                    time = time.map(|time| time.plus_s(step_s));
                    telegram.push(ascii_element(name, value, time, from + at));
                }
            }
        }
    }
}

fn ascii_element(name: &str, text: &str, observed_at: Option<UtcMs>, offset: usize) -> Element {
    let known = elements::by_symbol(name);
    let value = ascii_value(known.as_ref().map(|(id, _)| *id), text);
    match known {
        Some((id, _)) => Element::new(u16::from(id), observed_at, value, offset),
        None => {
            let mut unknown = Element::new(0, observed_at, value, offset);
            unknown.zh = name.to_owned();
            unknown
        }
    }
}

fn ascii_value(id: Option<u8>, text: &str) -> Value {
    let bytes = || text.as_bytes().chunks(2).map(|pair| ascii_word(pair).unwrap_or(0xFF));
    match id {
        Some(0x45) if text.len() == 8 => {
            let words: Vec<u16> = text.as_bytes().chunks(4).filter_map(ascii_word).collect();
            match words.as_slice() {
                [high, low] => Value::Bits(u32::from(*high) << 16 | u32::from(*low)),
                _ => Value::Bad(text.to_owned()),
            }
        }
        Some(id @ 0xF4..=0xFC) => {
            let bytes: Vec<u8> = bytes().map(|byte| u8::try_from(byte).unwrap_or(0xFF)).collect();
            elements::value(u16::from(id), &bytes, 0)
        }
        _ if text.bytes().all(|byte| matches!(byte, b'M' | b'N' | b'F' | b'f' | b'/')) => {
            Value::Missing
        }
        _ => {
            let decimals = text.split_once('.').map_or(0, |(_, after)| after.len());
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            match (number, u8::try_from(decimals)) {
                (Some(number), Ok(decimals)) => Value::Number(number, decimals),
                (Some(_) | None, _) => Value::Bad(text.to_owned()),
            }
        }
    }
}

/// Words with their places.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split([' ', '\r', '\n', '\t']) {
        if !word.is_empty() {
            found.push((at, word));
        }
        at += word.len() + 1;
    }
    found
}
