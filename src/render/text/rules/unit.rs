//! Units: how they are written and how they are said.

use super::super::cursor::{Cursor, Said};

/// Units after a number, a longer one before what it begins with.
const UNITS: &[(&str, &str)] = &[
    ("m³/s", "立方米每秒"),
    ("m3/s", "立方米每秒"),
    ("m^3/s", "立方米每秒"),
    ("立方米/秒", "立方米每秒"),
    ("m³/h", "立方米每小时"),
    ("m3/h", "立方米每小时"),
    ("μg/m³", "微克每立方米"),
    ("μg/m3", "微克每立方米"),
    ("ug/m³", "微克每立方米"),
    ("ug/m3", "微克每立方米"),
    ("mg/m³", "毫克每立方米"),
    ("mg/m3", "毫克每立方米"),
    ("mg/L", "毫克每升"),
    ("mm/min", "毫米每分钟"),
    ("mm/h", "毫米每小时"),
    ("mm/d", "毫米每天"),
    ("cm/h", "厘米每小时"),
    ("cm/d", "厘米每天"),
    ("km/h", "公里每小时"),
    ("m/min", "米每分钟"),
    ("m/h", "米每小时"),
    ("m/s", "米每秒"),
    ("km²", "平方公里"),
    ("km2", "平方公里"),
    ("m²", "平方米"),
    ("m2", "平方米"),
    ("m³", "立方米"),
    ("m3", "立方米"),
    ("m^3", "立方米"),
    ("hm²", "公顷"),
    ("ha", "公顷"),
    ("hPa", "百帕"),
    ("kPa", "千帕"),
    ("MPa", "兆帕"),
    ("mm", "毫米"),
    ("cm", "厘米"),
    ("dm", "分米"),
    ("km", "公里"),
    ("kg", "公斤"),
    ("mg", "毫克"),
    ("μg", "微克"),
    ("ug", "微克"),
    ("μm", "微米"),
    ("mL", "毫升"),
    ("ml", "毫升"),
    ("kWh", "千瓦时"),
    ("kW·h", "千瓦时"),
    ("kVA", "千伏安"),
    ("kV", "千伏"),
    ("kW", "千瓦"),
    ("MW", "兆瓦"),
    ("MHz", "兆赫"),
    ("kHz", "千赫"),
    ("Hz", "赫兹"),
    ("dB", "分贝"),
    ("min", "分钟"),
    ("°C", "摄氏度"),
    ("ºC", "摄氏度"),
    ("˚C", "摄氏度"),
    ("℃", "摄氏度"),
    ("℉", "华氏度"),
    ("°", "度"),
    ("º", "度"),
    ("h", "小时"),
    ("m", "米"),
    ("s", "秒"),
    ("t", "吨"),
    ("g", "克"),
    ("L", "升"),
    ("l", "升"),
    ("V", "伏"),
    ("W", "瓦"),
    ("d", "天"),
];

/// Written after `/`, as in 元/亩 and mm/24h, and how it is said after 每.
const PER: &[(&str, &str)] = &[
    ("24h", "二十四小时"),
    ("24小时", "二十四小时"),
    ("小时", "小时"),
    ("分钟", "分钟"),
    ("秒", "秒"),
    ("分", "分钟"),
    ("时", "小时"),
    ("天", "天"),
    ("日", "天"),
    ("周", "周"),
    ("月", "月"),
    ("年", "年"),
    ("人", "人"),
    ("户", "户"),
    ("亩", "亩"),
    ("公顷", "公顷"),
    ("斤", "斤"),
    ("公斤", "公斤"),
    ("吨", "吨"),
    ("平方公里", "平方公里"),
    ("平方米", "平方米"),
    ("立方米", "立方米"),
    ("次", "次"),
    ("km²", "平方公里"),
    ("km2", "平方公里"),
    ("min", "分钟"),
    ("h", "小时"),
    ("s", "秒"),
    ("d", "天"),
];

/// The unit written `ahead` of here: its characters and its words. Letters may have the wrong case where
/// no other unit is meant (50MM, 3KM).
pub(super) fn unit(at: &Cursor<'_>, ahead: usize) -> Option<(usize, &'static str)> {
    let exact = UNITS.iter().find(|(unit, _)| at.starts(ahead, unit) && ends(at, ahead, unit));
    let loose = || {
        UNITS.iter().find(|(unit, _)| {
            unit.len() > 1 && starts_in_any_case(at, ahead, unit) && ends(at, ahead, unit)
        })
    };
    exact.or_else(loose).map(|(unit, said)| (unit.chars().count(), *said))
}

fn starts_in_any_case(at: &Cursor<'_>, ahead: usize, unit: &str) -> bool {
    unit.chars()
        .enumerate()
        .all(|(n, c)| at.char(ahead + n).is_some_and(|found| found.eq_ignore_ascii_case(&c)))
}

fn ends(at: &Cursor<'_>, ahead: usize, unit: &str) -> bool {
    let next = at.char(ahead + unit.chars().count());
    !unit.ends_with(|c: char| c.is_ascii_alphanumeric())
        || !next.is_some_and(|n| n.is_ascii_alphanumeric())
}

/// Whether a unit or something counted is written `ahead` of here.
pub(in super::super) fn is_counted_or_measured(at: &Cursor<'_>, ahead: usize) -> bool {
    unit(at, ahead).is_some()
        || at.starts_any(ahead, super::two::COUNTED)
        || at.starts_any(
            ahead,
            &["余", "多", "元", "亩", "毫", "%", "‰", "岁", "级", "日", "月", "年"],
        )
}

/// 元/亩: what comes after the stroke of a quantity.
pub(super) fn per(at: &Cursor<'_>) -> Option<Said> {
    if at.char(0)? != '/' || !at.after_number() {
        return None;
    }
    let (unit, said) = PER.iter().find(|(unit, _)| at.starts(1, unit) && ends(at, 1, unit))?;
    Said::words(unit.chars().count() + 1, format!("每{said}"))
}

/// A unit without its number: 单位：mm.
pub(super) fn alone(at: &Cursor<'_>) -> Option<Said> {
    let letters = at.letters(0);
    let is_unit = at.is_one_of(0, &['μ', '°', 'º', '˚'])
        || letters.len() > 1 && letters.starts_with(|c: char| c.is_ascii_lowercase())
        || at.starts_any(0, &["m³", "m²", "m/s", "m3/s"]);
    if !is_unit || at.back(1).is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let exact = UNITS.iter().find(|(unit, _)| at.starts(0, unit) && ends(at, 0, unit))?;
    Said::words(exact.0.chars().count(), exact.1)
}
