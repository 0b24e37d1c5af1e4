//! `areas.toml`: the areas of the county and above it.

use super::reader::{Document, Faults, Keys};
use crate::model::{Area, AreaCode, Network, Position, UtcMs};
use std::collections::BTreeMap;

/// Hours from UTC in which dates of the registry are meant (China).
const DATE_OFFSET_HOURS: i8 = 8;

/// Where things stand in the file, for the cross checks.
#[derive(Debug, Default)]
pub(super) struct AreaLines {
    pub(super) lines: BTreeMap<AreaCode, u32>,
    /// South-west and north-east corner of the county.
    pub(super) bounds: Option<(Position, Position)>,
}

pub(super) fn read(document: &Document, faults: &Faults) -> (Network, AreaLines) {
    let root = document.parse(faults);
    let mut keys = document.keys(&root, None, faults);
    let mut network = Network::default();
    let mut lines = AreaLines::default();
    for served in keys.texts("served") {
        match AreaCode::parse(&served) {
            Some(code) => network.served.push(code),
            None => keys.fault(
                "served",
                &format!("expected 12-digit area codes, got `{served}`"),
                "write it like `served = [\"430621000000\"]`",
            ),
        }
    }
    if network.served.is_empty() {
        keys.fault("served", "names no area", "write it like `served = [\"430621000000\"]`");
    }
    if keys.has("bounds") {
        lines.bounds = Some(bounds(keys.table("bounds")));
    }
    for table in keys.tables("areas") {
        area(table, document.file, &mut network, &mut lines, faults);
    }
    keys.finish();
    for served in &network.served {
        if !network.areas.contains_key(served) {
            let what = format!("served area {served} has no row in `areas`");
            faults.push(document.file, None, what, "add it with its name");
        }
    }
    (network, lines)
}

fn bounds(mut keys: Keys<'_>) -> (Position, Position) {
    let corners = (
        Position {
            lat_deg: keys.decimal("lat_deg_min", -90.0..=90.0),
            lon_deg: keys.decimal("lon_deg_min", -180.0..=180.0),
        },
        Position {
            lat_deg: keys.decimal("lat_deg_max", -90.0..=90.0),
            lon_deg: keys.decimal("lon_deg_max", -180.0..=180.0),
        },
    );
    if corners.0.lat_deg > corners.1.lat_deg || corners.0.lon_deg > corners.1.lon_deg {
        keys.fault("lat_deg_min", "least and greatest are exchanged", "exchange them");
    }
    keys.finish();
    corners
}

fn area(
    mut keys: Keys<'_>,
    file: &str,
    network: &mut Network,
    lines: &mut AreaLines,
    faults: &Faults,
) {
    let code = keys.text("code", None);
    let name = keys.text("name", None);
    let valid_from = date(&mut keys, "valid_from");
    let valid_until = date(&mut keys, "valid_until");
    if valid_from.zip(valid_until).is_some_and(|(from, until)| from >= until) {
        keys.fault("valid_until", "is not later than `valid_from`", "correct the dates");
    }
    let mut aliases = Vec::new();
    for alias in keys.texts("aliases") {
        match AreaCode::parse(&alias) {
            Some(code) => aliases.push(code),
            None => {
                let what = format!("expected 12-digit area codes, got `{alias}`");
                keys.fault("aliases", &what, "correct the code");
            }
        }
    }
    if name.trim().is_empty() && keys.has("name") {
        keys.fault("name", "is empty", "write the name as it is spoken");
    }
    let line = keys.line_of("code").or(keys.line());
    let parsed = AreaCode::parse(&code).filter(|_| code.len() == 12);
    match parsed {
        None if keys.has("code") => {
            let what = format!("expected 12 digits, got `{code}`");
            keys.fault("code", &what, "write 12 digits in quotes, zeros to the right");
        }
        None => {}
        Some(code) => {
            if network.areas.contains_key(&code) {
                let first = lines.lines.get(&code).copied().unwrap_or_default();
                let what = format!("area {code} stands twice, first in line {first}");
                faults.push(file, line, what, "remove one of them");
            }
            lines.lines.entry(code).or_insert(line.unwrap_or_default());
            let area = Area { code, name, valid_from, valid_until, aliases };
            network.areas.entry(code).or_insert(area);
        }
    }
    keys.finish();
}

fn date(keys: &mut Keys<'_>, key: &'static str) -> Option<UtcMs> {
    let text = keys.text_opt(key)?;
    let moment = text
        .parse::<jiff::civil::Date>()
        .and_then(|date| jiff::tz::offset(DATE_OFFSET_HOURS).to_timestamp(date.at(0, 0, 0, 0)));
    match moment {
        Ok(moment) => Some(UtcMs(moment.as_millisecond())),
        Err(_) => {
            let what = format!("expected a date, got `{text}`");
            keys.fault(key, &what, format!("write it like `{key} = \"2026-01-31\"`"));
            None
        }
    }
}
