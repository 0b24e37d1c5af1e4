//! Telegrams of water stations by SZY 206-2016, self reports and alarms: read only.
//!
//! `68 L 68 | C A1…A5 AFN data | CRC 16`, L counts from C to the data. Values are packed decimals, the
//! low byte first; a set top half byte of the last is the sign. The time label has no month: it is
//! the one nearest to the time of reception.

use super::octets::{Octets, at_offset, digits, hex};
use crate::model::{Fault, Quality, Quantity, Reading, ReadingReport, Rejection, StationId, UtcMs};
use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use serde::Serialize;

/// Bytes before what L counts.
const HEAD: usize = 3;
/// Bytes behind it.
const TAIL: usize = 2;
/// End of a telegram.
const END: u8 = 0x16;
/// Self report in real time.
const REPORT: u8 = 0xC0;
/// Report of an alarm.
const ALARM: u8 = 0x81;
/// Alarm word, status word, time label.
const TRAILER_BYTES: usize = 9;
/// Alarm bits, Chinese.
const ALARMS: [&str; 14] = [
    "工作交流电停电",
    "蓄电池电压报警",
    "水位超限报警",
    "流量超限报警",
    "水质超限报警",
    "流量仪表故障",
    "水泵停机报警",
    "水位仪表故障",
    "水压超限报警",
    "IC卡报警",
    "定值报警",
    "剩余水量下限报警",
    "剩余水量报警",
    "箱门打开报警",
];

/// How many bytes the telegram has that `bytes` begin with: `None` = too few are here to tell, zero
/// = none begins here.
#[must_use]
pub fn length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0x68, length, 0x68, ..] if *length >= 7 => Some(HEAD + usize::from(*length) + TAIL),
        [] | [0x68] | [0x68, _] => None,
        [_, ..] => Some(0),
    }
}

/// CRC-8 of the standard: x7+x6+x5+x2+1, start 00.
fn check_of(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 != 0 { crc << 1 ^ 0xE5 } else { crc << 1 })
    })
}

/// A telegram as it was understood.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Szy206 {
    /// From the station to the centre.
    pub upward: bool,
    /// Address, ten characters.
    pub station: String,
    /// What kind of value it carries, 0 to 15.
    pub kind: u8,
    /// Function AFN.
    pub function: u8,
    /// Its values in order, in the unit of `quantity`; `None` = the station has none.
    pub values: Vec<Result<Option<f64>, String>>,
    /// What the first value is, when we know it.
    pub quantity: Option<Quantity>,
    /// Alarms, Chinese.
    pub alarms: Vec<String>,
    /// Whether it has the words of alarms and status at all.
    pub tells_state: bool,
    /// When the station sent it; `None` = it is no time.
    pub reported_at: Option<UtcMs>,
    /// Bytes that were not read.
    pub unread_bytes: usize,
    /// What is odd.
    pub oddities: Vec<Fault>,
}

/// Reads one telegram that came at `received_at`.
///
/// # Errors
/// Every fault with its offset.
pub fn read(bytes: &[u8], received_at: UtcMs) -> Result<Szy206, Rejection> {
    let mut faults = Vec::new();
    let told = length(bytes).unwrap_or_default();
    if told == 0 {
        let got = hex(bytes.get(..3).unwrap_or(bytes));
        faults.push(at_offset(0, format!("expected 68, a length of 7 or more, 68; got {got}")));
        return Err(Rejection { faults, too_large: false });
    }
    if told != bytes.len() {
        let what = format!("expected {told} bytes as the length says, got {}", bytes.len());
        faults.push(at_offset(bytes.len().min(told), what));
    }
    let (counted, tail) = bytes
        .get(HEAD..)
        .and_then(|rest| rest.split_at_checked(rest.len().checked_sub(TAIL)?))
        .unwrap_or_default();
    if let [check, end] = tail {
        let expected = check_of(counted);
        if *check != expected {
            let what = format!("check: expected {expected:02X}, got {check:02X}");
            faults.push(at_offset(HEAD + counted.len(), what));
        }
        if *end != END {
            let what = format!("expected 16 as the end, got {end:02X}");
            faults.push(at_offset(HEAD + counted.len() + 1, what));
        }
    }
    let read = contents(counted, received_at);
    if read.is_none() {
        faults.push(at_offset(HEAD, "expected control byte, address and function; it ends before"));
    }
    match read {
        Some(read) if faults.is_empty() => Ok(read),
        Some(_) | None => Err(Rejection { faults, too_large: false }),
    }
}

fn contents(counted: &[u8], received_at: UtcMs) -> Option<Szy206> {
    let mut octets = Octets::new(counted, HEAD);
    let control = octets.byte()?;
    let divided = control & 0x40 != 0;
    if divided {
        octets.byte()?;
    }
    let station = hex(octets.take(5)?);
    let function = octets.byte()?;
    let mut read = Szy206 {
        upward: control & 0x80 != 0,
        station,
        kind: control & 0x0F,
        function,
        values: Vec::new(),
        quantity: None,
        alarms: Vec::new(),
        tells_state: false,
        reported_at: None,
        unread_bytes: 0,
        oddities: Vec::new(),
    };
    if divided {
        read.oddities.push(at_offset(HEAD, "one of several frames; its values are not read"));
    } else if read.upward && matches!(function, REPORT | ALARM) {
        report(&mut octets, &mut read, received_at);
    }
    read.unread_bytes = octets.rest().len();
    Some(read)
}

/// Bytes and decimals of a value by kind.
fn form(kind: u8) -> Option<(Option<Quantity>, usize, u8)> {
    match kind {
        1 => Some((Some(Quantity::RainTotal), 3, 1)),
        2 => Some((Some(Quantity::Stage), 4, 3)),
        3 => Some((Some(Quantity::Flow), 5, 3)),
        _ => None,
    }
}

fn report(octets: &mut Octets<'_>, read: &mut Szy206, received_at: UtcMs) {
    let Some(n) = octets.rest().len().checked_sub(TRAILER_BYTES) else {
        let what = format!("expected {TRAILER_BYTES} bytes or more of a report; not read");
        return read.oddities.push(at_offset(octets.at(), what));
    };
    let at = octets.at();
    let bytes = octets.take(n).unwrap_or_default();
    match form(read.kind) {
        Some((quantity, width, decimals)) if bytes.len().is_multiple_of(width) => {
            read.quantity = quantity;
            read.values = bytes.chunks_exact(width).map(|value| signed(value, decimals)).collect();
        }
        Some((_, width, _)) => {
            let what = format!("expected values of {width} bytes, got {n} bytes; not read");
            read.oddities.push(at_offset(at, what));
        }
        None => {
            let what = format!("values of kind {} are not read: {}", read.kind, hex(bytes));
            read.oddities.push(at_offset(at, what));
        }
    }
    let alarm = octets.take(2).unwrap_or_default();
    let bits = alarm.iter().rev().fold(0_u16, |sum, byte| sum << 8 | u16::from(*byte));
    let set = |(bit, _): &(usize, &&str)| bits >> bit & 1 == 1;
    read.alarms = ALARMS.iter().enumerate().filter(set).map(|(_, zh)| (*zh).to_owned()).collect();
    read.tells_state = true;
    let _status = octets.take(2);
    let at = octets.at();
    let label = octets.take(5).unwrap_or_default();
    read.reported_at = labelled(label, received_at);
    if read.reported_at.is_none() {
        read.oddities.push(at_offset(at, format!("expected a time label, got {}", hex(label))));
    }
}

/// Low byte first, sign in the top half byte of the last.
fn signed(bytes: &[u8], decimals: u8) -> Result<Option<f64>, String> {
    if bytes.iter().all(|byte| matches!(byte, 0xAA)) || bytes.iter().all(|byte| *byte == 0xFF) {
        return Ok(None);
    }
    let mut high_first: Vec<u8> = bytes.iter().rev().copied().collect();
    let mut sign = 1.0;
    if let Some(first) = high_first.first_mut()
        && *first >> 4 != 0
    {
        if *first >> 4 == 0x0F || *first >> 4 == 1 {
            sign = -1.0;
        } else {
            return Err(hex(bytes));
        }
        *first &= 0x0F;
    }
    let number = digits(&high_first).and_then(|n| format!("{n}e-{decimals}").parse::<f64>().ok());
    number.map(|number| Some(sign * number)).ok_or_else(|| hex(bytes))
}

/// Second, minute, hour, day (packed decimals), and minutes of delay that we don't need.
fn labelled(label: &[u8], received_at: UtcMs) -> Option<UtcMs> {
    let part = |at: usize| {
        let digits = digits(&[*label.get(at)?])?;
        i8::try_from(digits).ok()
    };
    let (second, minute, hour, day) = (part(0)?, part(1)?, part(2)?, part(3)?);
    let now = Timestamp::from_millisecond(received_at.0).ok()?;
    let local = Offset::constant(8).to_datetime(now);
    let months = [-1, 0, 1].map(|months| {
        let month = local.date().first_of_month().checked_add(Span::new().months(months)).ok()?;
        let at = DateTime::new(month.year(), month.month(), day, hour, minute, second, 0).ok()?;
        let at = Offset::constant(8).to_timestamp(at).ok()?;
        Some(UtcMs(at.as_millisecond()))
    });
    months.into_iter().flatten().min_by_key(|at| at.since_ms(received_at).abs())
}

/// What the watcher can use; `None` when its address names no station.
#[must_use]
pub fn readings(read: &Szy206, received_at: UtcMs) -> Option<ReadingReport> {
    let station = StationId::parse(&read.station)?;
    let reading = |quantity, value: &Result<Option<f64>, String>| {
        let (number, quality) = match value {
            Ok(Some(number)) if read.reported_at.is_some() => (*number, Quality::Good),
            Ok(Some(number)) => (*number, Quality::Untimed("报文的时标无法识别".into())),
            Ok(None) => (0.0, Quality::Missing),
            Err(got) => (0.0, Quality::Bad(format!("不是数字：{got}"))),
        };
        Reading {
            station: station.clone(),
            point: String::new(),
            quantity,
            value: number,
            observed_at: read.reported_at.unwrap_or(received_at),
            quality,
        }
    };
    let first = read.quantity.zip(read.values.first());
    Some(ReadingReport {
        readings: first.into_iter().map(|(quantity, value)| reading(quantity, value)).collect(),
        reported_at: read.reported_at,
        received_at,
        alarms: read.tells_state.then(|| read.alarms.clone()),
        station,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-08-09 08:50 Beijing.
    const NOW: UtcMs = UtcMs(1_786_236_600_000);

    fn bytes(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    fn made(counted: &str) -> Vec<u8> {
        let counted = bytes(counted);
        let n = u8::try_from(counted.len()).unwrap();
        [vec![0x68, n, 0x68], counted.clone(), vec![check_of(&counted), 0x16]].concat()
    }

    fn check(bytes: &[u8], expect: &str) {
        let said = match read(bytes, NOW) {
            Ok(read) => format!(
                "{} {:02X} kind {} {:?} {:?} at {:?} {} odd",
                read.station,
                read.function,
                read.kind,
                read.values,
                read.quantity,
                read.reported_at.map(|at| at.since_ms(NOW) / 1000),
                read.oddities.len()
            ),
            Err(rejection) => {
                let all = rejection.faults.iter().map(|f| format!("{}: {}", f.element, f.what));
                all.collect::<Vec<_>>().join("; ")
            }
        };
        assert!(said.contains(expect), "{said}\ndoes not say {expect}");
    }

    #[test]
    fn published_telegrams_are_read() {
        check(
            &bytes("681568B34406070001C0AAAAAAAAAA004040000000000101E516"),
            "4406070001 C0 kind 3 [Ok(None)] Some(Flow) at",
        );
        check(
            &bytes("681A68B35303810D00C00059000000826110000001106000004508090A3516"),
            "5303810D00 C0 kind 3 [Ok(Some(5.9)), Ok(Some(",
        );
    }

    #[test]
    fn values_signs_and_times() {
        // No alarm, no status, 08:50:00 on the 9th, 5 minutes of delay.
        let trailer = "000000000050080905";
        check(
            &made(&format!("B24306210001C078563400{trailer}")),
            "[Ok(Some(345.678))] Some(Stage) at Some(0)",
        );
        check(
            &made(&format!("B24306210001C0785634F0{trailer}")),
            "[Ok(Some(-345.678))] Some(Stage)",
        );
        check(&made(&format!("B24306210001C0785A3400{trailer}")), "[Err(\"785A3400\")]");
        check(
            &made(&format!("B14306210001C0254301{trailer}")),
            "[Ok(Some(1432.5))] Some(RainTotal)",
        );
        check(&made("B24306210001C07856340000000000FF50080905"), "at None 1 odd");
    }

    #[test]
    fn a_sign_of_life_says_nothing_about_alarms() {
        let alarms = |counted: &str| {
            let read = read(&made(counted), NOW).unwrap();
            readings(&read, NOW).unwrap().alarms
        };
        // The word of alarms has its low byte first: bit 1.
        let report = "B24306210001C078563400020000000050080905";
        assert_eq!(alarms(report), Some(vec!["蓄电池电压报警".to_owned()]));
        assert_eq!(alarms("B2430621000102F2"), None, "the station keeps its link");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let good = made("B24306210001C078563400000000000050080905");
        let mut wrong = good.clone();
        wrong[5] ^= 1;
        check(&wrong, "offset 23: check: expected");
        check(&good[..good.len() - 1], "bytes as the length says");
        check(b"hello", "offset 0: expected 68");
    }
}
