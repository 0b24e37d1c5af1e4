//! `stations.csv`: monitoring stations with their thresholds, one row a station.

use super::reader::{Document, Faults};
use super::table::table;
use super::{Settings, StationSettings};
use crate::ingest::sl651::Called;
use crate::model::{AreaCode, Network, Position, Station, StationId, StationKind};
use crate::watch;
use anyhow::Context;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FILE: &str = "stations.csv";
const COLUMNS: [&str; 9] = [
    "id",
    "name",
    "kind",
    "area",
    "warns",
    "latitude",
    "longitude",
    "silent_after_min",
    "thresholds",
];
/// Stations of a county.
const STATIONS_MAX: usize = 10_000;
/// Silence after which a station is flagged when its row does not say, minutes.
const SILENT_AFTER_MIN: u32 = 90;
/// Areas that one station warns.
const WARNS_MAX: usize = 200;
/// Thresholds of others that look at one station: its readings are judged for each.
const LOOKING_MAX: usize = 200;

/// Reads them; nothing when they are off.
pub(super) fn read(dir: &Path, network: &Network, on: bool, faults: &Faults) -> Vec<Station> {
    if !on {
        return Vec::new();
    }
    let Some(table) = table(dir, FILE, &COLUMNS, faults) else { return Vec::new() };
    let mut lines: BTreeMap<StationId, u32> = BTreeMap::new();
    let mut stations = Vec::new();
    for (line, row) in &table.rows {
        let line = *line;
        let Some(station) = (Row { row, columns: &table.columns, line, faults }).station(network)
        else {
            continue;
        };
        if let Some(first) = lines.insert(station.id.clone(), line.unwrap_or_default()) {
            let what = format!("station {} stands twice, first in line {first}", station.id);
            faults.push(FILE, line, what, "remove one of the rows");
            continue;
        }
        stations.push(station);
    }
    others(&stations, &lines, faults);
    if stations.is_empty() {
        faults.warn(FILE, None, "holds no station", "nothing is watched; add one row a station");
    }
    if stations.len() > STATIONS_MAX {
        let what = format!("expected at most {STATIONS_MAX} stations, got {}", stations.len());
        faults.push(FILE, None, what, "leave out those that warn nobody");
    }
    stations
}

impl StationSettings {
    /// The password of questions to stations that were not heard yet; 0 without a file.
    ///
    /// # Errors
    /// When the file can't be read, or holds no four hexadecimal digits.
    pub fn ask_password(&self) -> anyhow::Result<u16> {
        let Some(file) = self.ask_password_file.as_deref().filter(|_| self.enabled) else {
            return Ok(0);
        };
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("stations.ask_password_file, {}", file.display()))?;
        let text = text.trim();
        let good = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        anyhow::ensure!(
            good,
            "stations.ask_password_file: expected four hexadecimal digits in {}, got {} characters",
            file.display(),
            text.chars().count()
        );
        Ok(u16::from_str_radix(text, 16)?)
    }
}

/// Checks lines and questions of `[stations]` against the stations and the terminals' lines.
pub(super) fn cross(config: &Settings, stations: &[Station], document: &Document, faults: &Faults) {
    let settings = &config.stations;
    if !settings.enabled {
        return;
    }
    let known: BTreeSet<&StationId> = stations.iter().map(|station| &station.id).collect();
    let on_lines = settings.lines.iter().map(|line| (line.line, &line.asked));
    for (line, asked) in on_lines.chain([(None, &settings.asked)]) {
        for id in asked {
            let remedy = if !known.contains(id) {
                "no row of stations.csv has that id; correct it"
            } else if Called::new(id, settings.centre, 0).is_none() {
                "only the eight digits of a hydrological station, or ten hexadecimal characters, \
                 are an address that can be asked"
            } else {
                continue;
            };
            faults.push(document.file, line, format!("stations: asked {id}"), remedy);
        }
    }
    let mut ports: BTreeSet<&str> =
        config.serial.lines.iter().map(|line| line.port.as_str()).collect();
    for line in &settings.lines {
        if !ports.insert(&line.port) {
            let what = format!("stations: port {} stands twice", line.port);
            faults.push(document.file, line.line, what, "give each line a port of its own");
        }
    }
    if let Err(fault) = settings.ask_password() {
        faults.push(document.file, None, format!("{fault:#}"), "put the file there");
    }
}

/// Thresholds that look at other stations look at stations that are there.
fn others(stations: &[Station], lines: &BTreeMap<StationId, u32>, faults: &Faults) {
    let mut n_looking: BTreeMap<&StationId, usize> = BTreeMap::new();
    for station in stations {
        let line = lines.get(&station.id).copied().filter(|line| *line > 0);
        for rule in &station.rules {
            let others = rule.conditions.iter().filter_map(|condition| condition.station.as_ref());
            for other in others {
                if lines.contains_key(other) {
                    *n_looking.entry(other).or_default() += 1;
                } else {
                    let what = format!("thresholds: {} looks at station {other}", rule.name);
                    let remedy = "no row has that id; correct it, or add the station";
                    faults.push(FILE, line, what, remedy);
                }
            }
        }
    }
    for (other, n) in n_looking.into_iter().filter(|(_, n)| *n > LOOKING_MAX) {
        let what = format!("expected at most {LOOKING_MAX} thresholds to look at {other}, got {n}");
        faults.push(FILE, None, what, "let some of them look at a station nearer to them");
    }
}

struct Row<'a> {
    row: &'a csv::StringRecord,
    columns: &'a [usize],
    line: Option<u32>,
    faults: &'a Faults,
}

impl Row<'_> {
    fn cell(&self, at: usize) -> &str {
        self.columns.get(at).and_then(|at| self.row.get(*at)).unwrap_or_default()
    }

    fn fault(&self, what: String, remedy: &str) {
        self.faults.push(FILE, self.line, what, remedy);
    }

    fn station(&self, network: &Network) -> Option<Station> {
        let id = StationId::parse(self.cell(0));
        if id.is_none() {
            let what = format!("id: expected 1 to 40 letters and digits, got `{}`", self.cell(0));
            self.fault(what, "write the station's code; format the column as text");
        }
        let name = self.cell(1);
        let n_chars = name.chars().count();
        if !(1..=30).contains(&n_chars) {
            let what = format!("name: expected 1 to 30 characters, got {n_chars}");
            self.fault(what, "write the name as people say it");
        }
        let kind = self.kind();
        let area = self.area("area", self.cell(3), network);
        let warns = self.warns(area, network);
        let position = self.position();
        let silent_after_s = self.silent_after_s();
        let rules = watch::rules(self.cell(8)).map_err(|all| {
            for fault in all {
                self.fault(
                    format!("thresholds: {fault}"),
                    "correct it; configs/README.md shows the form",
                );
            }
        });
        Some(Station {
            id: id?,
            name: Some(name.to_owned()).filter(|_| (1..=30).contains(&n_chars))?,
            kind: kind?,
            area: area?,
            warns: warns?,
            position: position.ok()?,
            silent_after_s: silent_after_s?,
            rules: rules.ok()?,
        })
    }

    fn kind(&self) -> Option<StationKind> {
        let kind = match self.cell(2) {
            "river" | "河道" => StationKind::River,
            "reservoir" | "水库" => StationKind::Reservoir,
            "rain" | "雨量" => StationKind::Rain,
            "gate" | "闸坝" => StationKind::Gate,
            "slope" | "地质" => StationKind::Slope,
            other => {
                let what = format!("kind: expected 河道, 水库, 雨量, 闸坝 or 地质, got `{other}`");
                self.fault(what, "correct the kind");
                return None;
            }
        };
        Some(kind)
    }

    fn area(&self, column: &str, text: &str, network: &Network) -> Option<AreaCode> {
        let code = AreaCode::parse(text).filter(|_| text.len() == 12);
        let Some(code) = code else {
            let what = format!("{column}: expected a 12-digit area code, got `{text}`");
            self.fault(what, "format the column as text, not number");
            return None;
        };
        // Without any area one fault says so already.
        let served = network.served.iter().any(|served| served.contains(code));
        let known = network.areas.contains_key(&code) && served;
        if !network.areas.is_empty() && !known {
            self.fault(format!("{column}: {code} is not served here"), "correct the code");
            return None;
        }
        Some(code)
    }

    /// Areas below the station, or its own.
    fn warns(&self, area: Option<AreaCode>, network: &Network) -> Option<Vec<AreaCode>> {
        let texts: Vec<&str> = self.cell(4).split_whitespace().collect();
        if texts.is_empty() {
            return area.map(|area| vec![area]);
        }
        if texts.len() > WARNS_MAX {
            let what = format!("warns: expected at most {WARNS_MAX} areas, got {}", texts.len());
            self.fault(what, "name the township instead of its villages");
            return None;
        }
        let codes: Vec<Option<AreaCode>> =
            texts.into_iter().map(|text| self.area("warns", text, network)).collect();
        codes.into_iter().collect()
    }

    fn position(&self) -> Result<Option<Position>, ()> {
        let (lat, lon) = (self.cell(5), self.cell(6));
        if lat.is_empty() && lon.is_empty() {
            return Ok(None);
        }
        let degrees = |text: &str, max: f64| {
            text.parse::<f64>().ok().filter(|degrees| (-max..=max).contains(degrees))
        };
        match (degrees(lat, 90.0), degrees(lon, 180.0)) {
            (Some(lat_deg), Some(lon_deg)) => Ok(Some(Position { lat_deg, lon_deg })),
            (Some(_) | None, _) => {
                let what =
                    format!("expected latitude and longitude in degrees, got `{lat}`, `{lon}`");
                self.fault(what, "correct both, or leave both empty");
                Err(())
            }
        }
    }

    fn silent_after_s(&self) -> Option<u32> {
        let text = self.cell(7);
        let minutes = if text.is_empty() { Some(SILENT_AFTER_MIN) } else { text.parse().ok() };
        let minutes = minutes.filter(|minutes| (5..=20_160).contains(minutes));
        if minutes.is_none() {
            let what = format!("silent_after_min: expected 5 to 20160 minutes, got `{text}`");
            self.fault(what, "write about three times the interval of its reports");
        }
        minutes.map(|minutes: u32| minutes * 60)
    }
}
