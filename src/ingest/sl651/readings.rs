//! Telegrams as readings of sensors: levels, rain, flow, and what the station says about itself.

use super::elements::{self, Element, Value};
use super::telegram::Telegram;
use crate::model::{Quality, Quantity, Reading, ReadingReport, StationId, UtcMs};

/// Minutes between the values of a series.
const SERIES_STEP_MIN: u16 = 5;
/// A series may end this long after the report was sent, seconds; beyond, its time was its end.
const AHEAD_S_MAX: i64 = 300;
/// What makers send for a level without a sensor.
const NO_SENSOR_M: f64 = 9_999.999;

/// What the watcher can use of a telegram; `None` when its address names no station.
#[must_use]
pub fn readings(telegram: &Telegram, received_at: UtcMs) -> Option<ReadingReport> {
    let station = StationId::parse(&telegram.station)?;
    let mut report = ReadingReport {
        station,
        reported_at: telegram.reported_at,
        received_at,
        readings: Vec::new(),
        alarms: None,
    };
    for element in &telegram.elements {
        match &element.value {
            Value::Bits(bits) if element.id == 0x45 => {
                report.alarms = Some(elements::alarms(*bits));
            }
            Value::Series(values) if element.id == 0xF4 => {
                series(element, values, telegram.reported_at, &mut report);
            }
            Value::Number(..) | Value::Missing | Value::Bad(_) => {
                if let Some(quantity) = quantity(element.id) {
                    single(element, quantity, &mut report);
                }
            }
            Value::Bits(_)
            | Value::Series(_)
            | Value::StepMinutes(_)
            | Value::Text(_)
            | Value::Picture(_) => {}
        }
    }
    Some(report)
}

fn quantity(id: u16) -> Option<Quantity> {
    let rain = |minutes| Some(Quantity::Rain { minutes });
    match id {
        0x39..=0x43 => Some(Quantity::Stage),
        0x26 => Some(Quantity::RainTotal),
        0x21 => rain(1),
        0x22 => rain(5),
        0x23 => rain(10),
        0x24 => rain(30),
        0x1A => rain(60),
        0x1B => rain(120),
        0x1C => rain(180),
        0x1D => rain(360),
        0x1E => rain(720),
        0x1F => rain(1_440),
        0x27 => Some(Quantity::Flow),
        0x38 => Some(Quantity::Voltage),
        _ => None,
    }
}

fn single(element: &Element, quantity: Quantity, report: &mut ReadingReport) {
    let (value, quality) = match &element.value {
        Value::Number(value, _) if quantity == Quantity::Stage && *value >= NO_SENSOR_M => {
            (0.0, Quality::Missing)
        }
        Value::Number(value, _) => (*value, Quality::Good),
        Value::Missing => (0.0, Quality::Missing),
        Value::Bad(got) => (0.0, Quality::Bad(format!("不是数字：{got}"))),
        Value::Bits(_)
        | Value::Series(_)
        | Value::StepMinutes(_)
        | Value::Text(_)
        | Value::Picture(_) => return,
    };
    push(element, quantity, element.observed_at, value, quality, report);
}

fn push(
    element: &Element,
    quantity: Quantity,
    observed_at: Option<UtcMs>,
    value: f64,
    quality: Quality,
    report: &mut ReadingReport,
) {
    let untimed = || Quality::Untimed("报文的观测时间无法识别".into());
    report.readings.push(Reading {
        station: report.station.clone(),
        point: element.symbol.clone(),
        quantity,
        value,
        observed_at: observed_at.unwrap_or(report.received_at),
        quality: if observed_at.is_some() || quality != Quality::Good {
            quality
        } else {
            untimed()
        },
    });
}

/// Twelve values: the time of the group is that of the first. Some makers give that of the last.
fn series(
    element: &Element,
    values: &[Option<f64>],
    reported_at: Option<UtcMs>,
    report: &mut ReadingReport,
) {
    let step_s = i64::from(SERIES_STEP_MIN) * 60;
    let span_s = step_s * i64::try_from(values.len().saturating_sub(1)).unwrap_or_default();
    let first = element.observed_at.map(|at| {
        let ends_late =
            reported_at.is_some_and(|sent| at.plus_s(span_s) > sent.plus_s(AHEAD_S_MAX));
        if ends_late { at.plus_s(-span_s) } else { at }
    });
    let mut at = first;
    for value in values {
        let quality = if value.is_some() { Quality::Good } else { Quality::Missing };
        let quantity = Quantity::Rain { minutes: SERIES_STEP_MIN };
        push(element, quantity, at, value.unwrap_or_default(), quality, report);
        at = at.map(|at| at.plus_s(step_s));
    }
}
