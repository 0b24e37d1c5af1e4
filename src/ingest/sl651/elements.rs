//! Elements of the body: identifier, width and decimals, value (SL 651-2014 annexes C and D).

use super::super::octets::{Octets, digits, hex, number, word};
use crate::model::UtcMs;
use serde::Serialize;

/// Symbol, Chinese name and unit of an identifier.
pub(super) struct Known {
    id: u8,
    pub(super) symbol: &'static str,
    pub(super) zh: &'static str,
    pub(super) unit: &'static str,
}

const fn of(id: u8, symbol: &'static str, zh: &'static str, unit: &'static str) -> Known {
    Known { id, symbol, zh, unit }
}

/// The identifiers we know by name; others are read by their declared width.
const KNOWN: &[Known] = &[
    of(0x02, "AI", "气温", "℃"),
    of(0x03, "C", "水温", "℃"),
    of(0x04, "DRxnn", "时间步长", ""),
    of(0x08, "FL", "气压", "百帕"),
    of(0x0E, "H", "地下水埋深", "m"),
    of(0x10, "M10", "10cm土壤含水量", "%"),
    of(0x11, "M20", "20cm土壤含水量", "%"),
    of(0x12, "M30", "30cm土壤含水量", "%"),
    of(0x13, "M40", "40cm土壤含水量", "%"),
    of(0x14, "M50", "50cm土壤含水量", "%"),
    of(0x15, "M60", "60cm土壤含水量", "%"),
    of(0x16, "M80", "80cm土壤含水量", "%"),
    of(0x17, "M100", "100cm土壤含水量", "%"),
    of(0x18, "MST", "湿度", "%"),
    of(0x1A, "P1", "1小时降水量", "mm"),
    of(0x1B, "P2", "2小时降水量", "mm"),
    of(0x1C, "P3", "3小时降水量", "mm"),
    of(0x1D, "P6", "6小时降水量", "mm"),
    of(0x1E, "P12", "12小时降水量", "mm"),
    of(0x1F, "PD", "日降水量", "mm"),
    of(0x20, "PJ", "当前降水量", "mm"),
    of(0x21, "PN01", "1分钟降水量", "mm"),
    of(0x22, "PN05", "5分钟降水量", "mm"),
    of(0x23, "PN10", "10分钟降水量", "mm"),
    of(0x24, "PN30", "30分钟降水量", "mm"),
    of(0x25, "PR", "暴雨量", "mm"),
    of(0x26, "PT", "降水量累计值", "mm"),
    of(0x27, "Q", "瞬时流量", "m³/s"),
    of(0x30, "QA", "总出库流量", "m³/s"),
    of(0x31, "QZ", "过闸流量", "m³/s"),
    of(0x33, "UC", "风向", ""),
    of(0x34, "UE", "风力", "级"),
    of(0x35, "US", "风速", "m/s"),
    of(0x36, "VA", "断面平均流速", "m/s"),
    of(0x37, "VJ", "瞬时流速", "m/s"),
    of(0x38, "VT", "电源电压", "V"),
    of(0x39, "Z", "河道水位", "m"),
    of(0x3A, "ZB", "库(闸、站)下水位", "m"),
    of(0x3B, "ZU", "库(闸、站)上水位", "m"),
    of(0x3C, "Z1", "取(排)水口水位1", "m"),
    of(0x3D, "Z2", "取(排)水口水位2", "m"),
    of(0x3E, "Z3", "取(排)水口水位3", "m"),
    of(0x3F, "Z4", "取(排)水口水位4", "m"),
    of(0x40, "Z5", "取(排)水口水位5", "m"),
    of(0x41, "Z6", "取(排)水口水位6", "m"),
    of(0x42, "Z7", "取(排)水口水位7", "m"),
    of(0x43, "Z8", "取(排)水口水位8", "m"),
    of(0x45, "ZT", "状态及报警", ""),
    of(0x70, "VTA", "交流A相电压", "V"),
    of(0x71, "VTB", "交流B相电压", "V"),
    of(0x72, "VTC", "交流C相电压", "V"),
    of(0x73, "VIA", "交流A相电流", "A"),
    of(0x74, "VIB", "交流B相电流", "A"),
    of(0x75, "VIC", "交流C相电流", "A"),
    of(0xF4, "DRP", "1小时内每5分钟雨量", "mm"),
    of(0xF5, "DRZ1", "1小时内每5分钟相对水位1", "m"),
    of(0xF6, "DRZ2", "1小时内每5分钟相对水位2", "m"),
    of(0xF7, "DRZ3", "1小时内每5分钟相对水位3", "m"),
    of(0xF8, "DRZ4", "1小时内每5分钟相对水位4", "m"),
    of(0xF9, "DRZ5", "1小时内每5分钟相对水位5", "m"),
    of(0xFA, "DRZ6", "1小时内每5分钟相对水位6", "m"),
    of(0xFB, "DRZ7", "1小时内每5分钟相对水位7", "m"),
    of(0xFC, "DRZ8", "1小时内每5分钟相对水位8", "m"),
];

/// Bits of ZT that tell of something wrong when set. Door (7), card (9) and pump (10) are states.
const ALARMS: [(u32, &str); 9] = [
    (0, "交流电停电"),
    (1, "蓄电池电压低"),
    (2, "水位超限报警"),
    (3, "流量超限报警"),
    (4, "水质超限报警"),
    (5, "流量仪表故障"),
    (6, "水位仪表故障"),
    (8, "存储器异常"),
    (11, "剩余水量越限"),
];

/// Alarms of a status word, in Chinese.
pub(super) fn alarms(bits: u32) -> Vec<String> {
    let set = |(bit, _): &&(u32, &str)| bits >> bit & 1 == 1;
    ALARMS.iter().filter(set).map(|(_, zh)| (*zh).to_owned()).collect()
}

/// What is known of an identifier.
pub(super) fn known(id: u8) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.id == id)
}

/// The same by symbol, as ASCII mode writes it.
pub(super) fn by_symbol(symbol: &str) -> Option<(u8, &'static Known)> {
    KNOWN.iter().find(|known| known.symbol == symbol).map(|known| (known.id, known))
}

/// What an element holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A number with so many decimals.
    Number(f64, u8),
    /// The station says that it has none.
    Missing,
    /// No number at all: its bytes or characters.
    Bad(String),
    /// A status word.
    Bits(u32),
    /// Twelve values five minutes apart.
    Series(Vec<Option<f64>>),
    /// A step of days, hours and minutes, in minutes.
    StepMinutes(u64),
    /// Text typed by a person.
    Text(String),
    /// A picture of so many bytes.
    Picture(usize),
}

/// One element of a telegram.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Element {
    /// Identifier; of an extended one the second byte with FF00 added.
    pub id: u16,
    /// Symbol of the standard; empty when we don't know it.
    pub symbol: String,
    /// Chinese name; empty when we don't know it.
    pub zh: String,
    /// Unit; empty = none.
    pub unit: String,
    /// When it was observed; `None` = the telegram gives no readable time.
    pub observed_at: Option<UtcMs>,
    /// What it says.
    pub value: Value,
    /// Offset in the telegram (in the joined body of several packets).
    pub offset: usize,
}

impl Element {
    pub(super) fn new(id: u16, observed_at: Option<UtcMs>, value: Value, offset: usize) -> Self {
        let known = u8::try_from(id).ok().and_then(known);
        let text =
            |part: fn(&Known) -> &'static str| known.map(part).unwrap_or_default().to_owned();
        let (symbol, zh) = (text(|known| known.symbol), text(|known| known.zh));
        Self { id, symbol, zh, unit: text(|known| known.unit), observed_at, value, offset }
    }
}

/// Identifier, then width and decimals; `None` when the body ends before.
pub(super) fn heading(octets: &mut Octets<'_>) -> Option<(u16, usize, u8)> {
    let first = octets.byte()?;
    let id = if first == 0xFF { 0xFF00 | u16::from(octets.byte()?) } else { u16::from(first) };
    let definition = octets.byte()?;
    Some((id, usize::from(definition >> 3), definition & 0x07))
}

/// The value of an element.
pub(super) fn value(id: u16, bytes: &[u8], decimals: u8) -> Value {
    let all = |what: u8| !bytes.is_empty() && bytes.iter().all(|byte| *byte == what);
    match id {
        0xF4 => Value::Series(bytes.iter().map(|byte| tenths(*byte)).collect()),
        0xF5..=0xFC => Value::Series(bytes.chunks_exact(2).map(hundredths).collect()),
        0x45 if bytes.len() == 4 => Value::Bits(number(bytes)),
        0x04 if bytes.len() == 3 => {
            let part = |at: usize| bytes.get(at).and_then(|byte| digits(&[*byte]));
            let step = || Some(part(0)? * 1_440 + part(1)? * 60 + part(2)?);
            step().map_or_else(|| Value::Bad(hex(bytes)), Value::StepMinutes)
        }
        _ if all(0xFF) || all(0xAA) => Value::Missing,
        _ => decimal(bytes, decimals),
    }
}

fn tenths(byte: u8) -> Option<f64> {
    (byte != 0xFF).then(|| f64::from(byte) / 10.0)
}

fn hundredths(bytes: &[u8]) -> Option<f64> {
    let value = word(bytes);
    (value != 0xFFFF).then(|| f64::from(value) / 100.0)
}

/// Packed decimals; FF in front = below zero.
fn decimal(bytes: &[u8], decimals: u8) -> Value {
    let (sign, size) = match bytes {
        [0xFF, size @ ..] if !size.is_empty() => (-1.0, size),
        size => (1.0, size),
    };
    let text = digits(size).map(|digits| format!("{digits}e-{decimals}"));
    // Through the decimal text: the nearest number, as a person would write it.
    match text.and_then(|text| text.parse::<f64>().ok()) {
        Some(number) if !bytes.is_empty() => Value::Number(sign * number, decimals),
        Some(_) | None => Value::Bad(hex(bytes)),
    }
}
