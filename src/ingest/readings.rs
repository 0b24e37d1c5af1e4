//! Readings in JSON: our own form, and the form of geological monitoring (DZ/T, point names such as
//! `L1_LF_1`), told apart by the field `readings`.
//!
//! ```json
//! {"readings": [{"station": "61234567", "quantity": "stage", "value": 34.2,
//!                "observed_at": "2026-06-01T08:00:00+08:00"}]}
//! {"SK00EA0D1307986": {"L1_LF_1": {"2026-04-05T20:34:06.000Z": 10.86}}}
//! ```

use super::notes::{Notes, quoted};
use super::time::{self, Zone};
use crate::model::{Quality, Quantity, Reading, ReadingReport, Rejection, StationId, UtcMs};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Readings of one body.
const READINGS_MAX: usize = 10_000;

/// Reads a body that came at `received_at`: one report a station.
///
/// # Errors
/// Every fault with the path of its field; then nothing of the body is taken.
pub fn readings(bytes: &[u8], received_at: UtcMs) -> Result<Vec<ReadingReport>, Rejection> {
    let mut notes = Notes::default();
    let (mut found, mut heard) = (Vec::new(), BTreeSet::new());
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(root)) => match root.get("readings") {
            Some(Value::Array(all)) => {
                for name in root.keys().filter(|name| *name != "readings") {
                    notes.fault(None, name, "expected only `readings` beside it");
                }
                for (at, one) in all.iter().enumerate().take(READINGS_MAX + 1) {
                    found.extend(ours(one, &format!("readings[{}]", at + 1), &mut notes));
                }
            }
            Some(_) => notes.fault(None, "readings", "expected a list"),
            None if root.contains_key("bodies") => {
                let what = "expected readings as they are, got an envelope with a body in cipher";
                notes.fault(None, "bodies", what);
            }
            None => heard = geology(&root, received_at, &mut notes, &mut found),
        },
        Ok(_) => notes.fault(None, "", "expected an object with readings, got another value"),
        Err(fault) => {
            let line = u32::try_from(fault.line()).ok();
            notes.fault(line, "", format!("expected JSON, got a fault: {fault}"));
        }
    }
    if found.len() > READINGS_MAX {
        notes.too_large(None, "readings", format!("expected at most {READINGS_MAX} readings"));
    }
    if notes.has_faults() {
        return Err(notes.into_rejection());
    }
    // Who tells of its own state alone is alive as well.
    let empty = |station: StationId| ReadingReport {
        station,
        reported_at: None,
        received_at,
        readings: Vec::new(),
        alarms: None,
    };
    let mut reports: BTreeMap<StationId, ReadingReport> =
        heard.into_iter().map(|station| (station.clone(), empty(station))).collect();
    for reading in found {
        let station = reading.station.clone();
        let report = reports.entry(station.clone()).or_insert_with(|| empty(station));
        report.readings.push(reading);
    }
    Ok(reports.into_values().collect())
}

/// A number, or a text that is one; makers write both.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|number| number.is_finite())
}

fn ours(value: &Value, path: &str, notes: &mut Notes) -> Option<Reading> {
    const FIELDS: [&str; 6] = ["station", "point", "quantity", "minutes", "value", "observed_at"];
    let Value::Object(fields) = value else {
        notes.fault(None, path, "expected an object");
        return None;
    };
    for name in fields.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
        let what = format!("expected one of {}", FIELDS.join(", "));
        notes.fault(None, &format!("{path}/{name}"), what);
    }
    let mut text = |name: &str, needed: bool| {
        let found = fields.get(name).and_then(Value::as_str);
        if found.is_none() && (needed || fields.contains_key(name)) {
            notes.fault(None, &format!("{path}/{name}"), "expected a text");
        }
        found.map(str::to_owned)
    };
    let (station, point) = (text("station", true), text("point", false));
    let (kind, observed) = (text("quantity", true), text("observed_at", true));
    let id = station.as_deref().and_then(StationId::parse);
    if station.is_some() && id.is_none() {
        let what = format!(
            "expected 1 to 40 letters and digits, got {}",
            quoted(&station.unwrap_or_default())
        );
        notes.fault(None, &format!("{path}/station"), what);
    }
    let minutes = fields.get("minutes").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok());
    let quantity = kind.and_then(|kind| {
        let found = quantity(&kind, minutes);
        if let Err(what) = &found {
            notes.fault(None, &format!("{path}/quantity"), what.clone());
        }
        found.ok()
    });
    let observed_at = observed.and_then(|text| match time::read(&text, Zone::Needed) {
        Ok(read) => Some(read.at),
        Err(what) => {
            notes.fault(None, &format!("{path}/observed_at"), what);
            None
        }
    });
    let value = fields.get("value").and_then(number);
    if value.is_none() {
        notes.fault(None, &format!("{path}/value"), "expected a number");
    }
    Some(Reading {
        station: id?,
        point: point.unwrap_or_default(),
        quantity: quantity?,
        value: value?,
        observed_at: observed_at?,
        quality: Quality::Good,
    })
}

fn quantity(name: &str, minutes: Option<u16>) -> Result<Quantity, String> {
    match name {
        "stage" => Ok(Quantity::Stage),
        "rain_total" => Ok(Quantity::RainTotal),
        "rain" => match minutes.filter(|minutes| (1..=1_440).contains(minutes)) {
            Some(minutes) => Ok(Quantity::Rain { minutes }),
            None => Err("expected `minutes` of 1 to 1440 beside rain".into()),
        },
        "flow" => Ok(Quantity::Flow),
        "storage" => Ok(Quantity::Storage),
        "voltage" => Ok(Quantity::Voltage),
        "crack" => Ok(Quantity::Crack),
        "displacement" => Ok(Quantity::Displacement),
        "tilt" => Ok(Quantity::Tilt),
        "pore_pressure" => Ok(Quantity::PorePressure),
        "mud_level" => Ok(Quantity::MudLevel),
        other => Err(format!("expected a quantity such as stage or rain, got {}", quoted(other))),
    }
}

/// Devices, their points, and under each point a value or times with values. Gives the devices.
fn geology(
    root: &Map<String, Value>,
    received_at: UtcMs,
    notes: &mut Notes,
    found: &mut Vec<Reading>,
) -> BTreeSet<StationId> {
    let mut heard = BTreeSet::new();
    if root.is_empty() {
        notes.fault(None, "", "expected readings, got an empty object");
    }
    for (device, points) in root {
        let (Some(station), Value::Object(points)) = (StationId::parse(device), points) else {
            notes.fault(None, device, "expected a device with an object of points");
            continue;
        };
        heard.insert(station.clone());
        for (point, value) in points {
            let path = format!("{device}/{point}");
            match value {
                Value::Object(times) => {
                    for (at, value) in times.iter().take(READINGS_MAX) {
                        match time::read(at, Zone::Beijing)
                            .or_else(|_| time::read(at, Zone::Needed))
                        {
                            Ok(read) => {
                                found.extend(point_reading(&station, point, value, read.at));
                            }
                            Err(what) => notes.fault(None, &path, what),
                        }
                    }
                }
                scalar @ (Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)) => {
                    found.extend(point_reading(&station, point, scalar, received_at));
                }
            }
        }
    }
    heard
}

/// What a point of the standard says that the watcher can use; a value that it can't use is told as bad.
fn point_reading(
    station: &StationId,
    point: &str,
    written: &Value,
    observed_at: UtcMs,
) -> Option<Reading> {
    const SURFACE: &[&str] = &["gpsTotalX", "gpsTotalY", "gpsTotalZ"];
    const DEEP: &[&str] = &["dispsX", "dispsY"];
    const AXES: &[&str] = &["X", "Y", "Z"];
    let mut parts = point.split('_');
    let (class, kind) = (parts.next()?, parts.next()?);
    let field = |name: &str| match written {
        Value::Object(fields) => fields.get(name).and_then(number),
        scalar if name == "value" => number(scalar),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    };
    let length = |names: &[&str]| {
        let sides: Vec<f64> = names.iter().filter_map(|name| field(name)).collect();
        (!sides.is_empty()).then(|| sides.iter().map(|side| side * side).sum::<f64>().sqrt())
    };
    let (quantity, value, names) = match (class, kind) {
        ("L1", "LF") => (Quantity::Crack, field("value"), &["value"][..]),
        ("L1", "GP") => (Quantity::Displacement, length(SURFACE), SURFACE),
        ("L1", "SW") => (Quantity::Displacement, length(DEEP), DEEP),
        ("L1", "QJ") => {
            let most = AXES.iter().filter_map(|axis| field(axis)).map(f64::abs);
            let value = field("angle").or_else(|| most.reduce(f64::max));
            (Quantity::Tilt, value, &["angle", "X", "Y", "Z"][..])
        }
        // A single value may be of any interval; only the counter can be summed.
        ("L3", "YL") => (Quantity::RainTotal, field("totalValue"), &["value", "totalValue"][..]),
        ("L3", "SY") => (Quantity::PorePressure, field("value"), &["value"][..]),
        ("L4", "NW") => (Quantity::MudLevel, field("value"), &["value"][..]),
        _ => return None,
    };
    // Other things of the same sensor, such as what a receiver of satellites has raw, are no values.
    if let Value::Object(fields) = written
        && !names.iter().any(|name| fields.contains_key(*name))
    {
        return None;
    }
    let quality = match value {
        Some(_) => Quality::Good,
        None if written.is_null() => Quality::Missing,
        None if quantity == Quantity::RainTotal => {
            Quality::Bad("没有累计雨量（totalValue），时段不明的雨量不能累计".into())
        }
        None => Quality::Bad("没有可用的数值".into()),
    };
    let (station, point, value) = (station.clone(), point.to_owned(), value.unwrap_or_default());
    Some(Reading { station, point, quantity, value, observed_at, quality })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMs = UtcMs(1_780_272_000_000);

    fn check(body: &str, expect: &str) {
        let said = match readings(body.as_bytes(), NOW) {
            Ok(reports) => {
                let all = reports.iter().flat_map(|report| &report.readings).map(|r| {
                    let at = r.observed_at.since_ms(NOW) / 1000;
                    let Reading { station, point, quantity, value, quality, .. } = r;
                    let bad = if *quality == Quality::Good {
                        String::new()
                    } else {
                        format!(" {quality:?}")
                    };
                    format!("{station} {point} {quantity:?} {value} {at}{bad}")
                });
                all.collect::<Vec<_>>().join("; ")
            }
            Err(rejection) => {
                let all = rejection.faults.iter().map(|f| format!("{}: {}", f.element, f.what));
                all.collect::<Vec<_>>().join("; ")
            }
        };
        assert!(said.contains(expect), "{body}\n{said}\ndoes not say {expect}");
    }

    #[test]
    fn both_forms_are_read() {
        check(
            r#"{"readings":[{"station":"0061234567","quantity":"stage","value":"34.2","observed_at":"2026-06-01T08:00:10+08:00"}]}"#,
            "61234567  Stage 34.2 10",
        );
        check(
            r#"{"readings":[{"station":"a","point":"p","quantity":"rain","minutes":5,"value":1,"observed_at":"2026-06-01T00:00:00Z"}]}"#,
            "A p Rain { minutes: 5 } 1 0",
        );
        check(
            r#"{"SK00EA0D1":{"L1_LF_1":{"2026-06-01T00:00:06.000Z":10.86}}}"#,
            "SK00EA0D1 L1_LF_1 Crack 10.86 6",
        );
        check(
            r#"{"d":{"L1_GP_1":{"2026-06-01T00:00:00Z":{"gpsTotalX":3,"gpsTotalY":"4"}}}}"#,
            "Displacement 5 0",
        );
        check(
            r#"{"d":{"L3_YL_1":{"2026-06-01T00:00:00Z":{"value":1,"totalValue":23.5}}}}"#,
            "RainTotal 23.5",
        );
        check(r#"{"d":{"L1_QJ_1":{"2026-06-01T00:00:00Z":{"X":-3,"Y":1}}}}"#, "Tilt 3");
        check(
            r#"{"d":{"S1_ZT_1":{"2026-06-01T00:00:00Z":{"pa_state":0}},"L3_YL_1":"23.5"}}"#,
            "D L3_YL_1 RainTotal 0 0 Bad",
        );
        check(r#"{"d":{"L1_LF_1":{"2026-06-01T00:00:00Z":"broken"}}}"#, "Crack 0 0 Bad");
        check(r#"{"d":{"L1_LF_1":null}}"#, "Crack 0 0 Missing");
        let raw =
            readings(br#"{"d":{"L1_GP_1":{"2026-06-01T00:00:00Z":{"gpsInitial":"0wAT"}}}}"#, NOW);
        assert!(raw.unwrap()[0].readings.is_empty());
        // Its own state alone: it is alive.
        let alive = readings(br#"{"d":{"S1_ZT_1":{"2026-06-01T00:00:00Z":{"temp":1}}}}"#, NOW);
        let alive = alive.unwrap();
        assert_eq!((alive.len(), alive[0].readings.len()), (1, 0));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_path() {
        check("", "expected JSON");
        check("[]", "expected an object with readings");
        check("{}", "got an empty object");
        check(r#"{"readings":[{}]}"#, "readings[1]/station: expected a text");
        check(
            r#"{"readings":[{"station":"a","quantity":"depth","value":"x","observed_at":"8 Uhr","vlaue":1}]}"#,
            "readings[1]/quantity: expected a quantity such as stage or rain, got \"depth\"",
        );
        check(
            r#"{"readings":[{"station":"a b","quantity":"rain","value":1,"observed_at":"x"}]}"#,
            "readings[1]/quantity: expected `minutes`",
        );
        check(r#"{"d":{"L1_LF_1":{"yesterday":1}}}"#, "d/L1_LF_1: expected a time");
        check(r#"{"d":1}"#, "d: expected a device");
        check(r#"{"header":{"appId":"a"},"bodies":{"body":"AAAA"}}"#, "bodies: expected readings");
    }
}
