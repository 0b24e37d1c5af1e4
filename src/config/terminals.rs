//! `terminals.csv`: one row a terminal, as a spreadsheet saves it (UTF-8 with or without mark, or
//! GB18030 from Excel on a Chinese Windows).

use super::reader::{Faults, read_file};
use crate::model::{AreaCode, Codec, LinkKind, Network, Position, Terminal, TerminalId};
use csv::StringRecord;
use std::collections::BTreeMap;
use std::path::Path;

const FILE: &str = "terminals.csv";
const COLUMNS: [&str; 8] =
    ["id", "name", "area", "lat_deg", "lon_deg", "codecs", "links", "volume_percent"];
/// Volume of a terminal whose row gives none, percent.
const VOLUME_PERCENT: u8 = 80;

/// Line of each terminal.
pub(super) type TerminalLines = BTreeMap<TerminalId, u32>;

pub(super) fn read(dir: &Path, network: &mut Network, faults: &Faults) -> TerminalLines {
    let mut lines = TerminalLines::new();
    let Some(bytes) = read_file(dir, FILE, faults) else { return lines };
    let Some(text) = decode(FILE, &bytes, faults) else { return lines };
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let Some(columns) = columns(&mut reader, faults) else { return lines };
    for row in reader.records() {
        match row {
            Err(error) => {
                let line = error.position().and_then(|at| u32::try_from(at.line()).ok());
                faults.push(FILE, line, format!("cannot be read: {error}"), "correct the row");
            }
            Ok(row) => {
                let line = row.position().and_then(|at| u32::try_from(at.line()).ok());
                let row = Row { row: &row, columns: &columns, line, faults };
                if let Some(terminal) = row.read() {
                    if let Some(first) = lines.get(&terminal.id) {
                        let what = format!("{} stands twice, first in line {first}", terminal.id);
                        faults.push(FILE, line, what, "give every terminal its own id");
                        continue;
                    }
                    lines.insert(terminal.id, line.unwrap_or_default());
                    network.terminals.insert(terminal.id, terminal);
                }
            }
        }
    }
    lines
}

/// A spreadsheet as text.
pub(super) fn decode(file: &str, bytes: &[u8], faults: &Faults) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let (text, _, damaged) = encoding_rs::GB18030.decode(bytes);
            if damaged {
                let what = "is neither UTF-8 nor GB18030".to_owned();
                faults.unreadable(file, what, "save it as CSV UTF-8, not as a workbook");
                return None;
            }
            text.into_owned()
        }
    };
    let head = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    let wrong = [(';', "semicolons"), ('\t', "tabs")];
    let wrong = wrong.iter().find(|(mark, _)| head.contains(*mark) && !head.contains(','));
    if let Some((_, name)) = wrong {
        let what = format!("its columns are separated by {name}");
        faults.unreadable(file, what, "save it as CSV with commas");
        return None;
    }
    Some(text)
}

/// Position of each wanted column.
fn columns(
    reader: &mut csv::Reader<&[u8]>,
    faults: &Faults,
) -> Option<BTreeMap<&'static str, usize>> {
    let head = match reader.headers() {
        Ok(head) => head.clone(),
        Err(error) => {
            faults.push(FILE, Some(1), format!("cannot be read: {error}"), "correct the head row");
            return None;
        }
    };
    let mut found = BTreeMap::new();
    for (at, name) in head.iter().enumerate() {
        match COLUMNS.iter().find(|column| **column == name) {
            Some(column) => {
                found.insert(*column, at);
            }
            None => {
                let remedy = format!("remove it; known here: {}", COLUMNS.join(", "));
                faults.push(FILE, Some(1), format!("unknown column `{name}`"), remedy);
            }
        }
    }
    let missing: Vec<&str> =
        ["id", "name", "area"].into_iter().filter(|name| !found.contains_key(name)).collect();
    if !missing.is_empty() {
        let what = format!("missing columns: {}", missing.join(", "));
        faults.push(FILE, Some(1), what, format!("the head row is {}", COLUMNS.join(",")));
        return None;
    }
    Some(found)
}

struct Row<'a> {
    row: &'a StringRecord,
    columns: &'a BTreeMap<&'static str, usize>,
    line: Option<u32>,
    faults: &'a Faults,
}

impl Row<'_> {
    fn cell(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.row.get(*at)).unwrap_or_default()
    }

    fn fault(&self, column: &str, expected: &str, remedy: &str) {
        let what = format!("{column}: expected {expected}, got `{}`", self.cell(column));
        self.faults.push(FILE, self.line, what, remedy);
    }

    fn read(&self) -> Option<Terminal> {
        let id = TerminalId::parse(self.cell("id"));
        if id.is_none() {
            let expected = "an id such as 430621100001-001";
            self.fault("id", expected, "twelve digits of the area, a dash, 001 to 999");
        }
        let area = AreaCode::parse(self.cell("area")).filter(|_| self.cell("area").len() == 12);
        if area.is_none() {
            self.fault("area", "a 12-digit area code", "format the column as text, not number");
        }
        if self.cell("name").is_empty() {
            self.fault("name", "a name", "say where it stands");
        }
        let position = self.position();
        let codecs = self.list("codecs", &CODECS, SOUNDS);
        if codecs.contains(&Codec::Phrases)
            && (!codecs.contains(&Codec::Adpcm) || codecs.first() == Some(&Codec::Phrases))
        {
            self.fault("codecs", "adpcm before phrases", "phrases are kept as adpcm; write both");
        }
        let links = self.list("links", &LINKS, LINKS.len());
        let volume_percent = self.volume();
        Some(Terminal {
            id: id?,
            name: self.cell("name").to_owned(),
            area: area?,
            position,
            codecs,
            links,
            volume_percent,
        })
    }

    fn position(&self) -> Option<Position> {
        let (lat, lon) = (self.cell("lat_deg"), self.cell("lon_deg"));
        if lat.is_empty() && lon.is_empty() {
            return None;
        }
        let degrees = |column: &str, limit: f64| {
            let number = self.cell(column).parse::<f64>().ok().filter(|n| n.abs() <= limit);
            if number.is_none() {
                let expected = format!("degrees from -{limit} to {limit}");
                self.fault(column, &expected, "decimal degrees, or leave both columns empty");
            }
            number
        };
        let (lat_deg, lon_deg) = (degrees("lat_deg", 90.0), degrees("lon_deg", 180.0));
        Some(Position { lat_deg: lat_deg?, lon_deg: lon_deg? })
    }

    /// Names separated by blanks, best first; an empty cell takes the first `usual`.
    fn list<T: Copy + PartialEq>(
        &self,
        column: &str,
        options: &[(&str, T)],
        usual: usize,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for name in self.cell(column).split([' ', ';', '|', '+', '/']).filter(|n| !n.is_empty()) {
            match options.iter().find(|(option, _)| *option == name) {
                Some((_, value)) if !values.contains(value) => values.push(*value),
                Some(_) => {}
                None => {
                    let names: Vec<&str> = options.iter().map(|(option, _)| *option).collect();
                    let expected = format!("some of {}, best first", names.join(" "));
                    self.fault(column, &expected, "separate them by blanks");
                }
            }
        }
        if values.is_empty() {
            values.extend(options.iter().take(usual).map(|(_, value)| *value));
        }
        values
    }

    fn volume(&self) -> u8 {
        let cell = self.cell("volume_percent");
        if cell.is_empty() {
            return VOLUME_PERCENT;
        }
        match cell.parse::<u8>() {
            Ok(volume @ 1..=100) => volume,
            _ => {
                self.fault("volume_percent", "1 to 100", "correct the volume");
                VOLUME_PERCENT
            }
        }
    }
}

const CODECS: [(&str, Codec); 6] = [
    ("opus", Codec::Opus),
    ("mp3", Codec::Mp3),
    ("adpcm", Codec::Adpcm),
    ("wav", Codec::Wav),
    ("text", Codec::Text),
    ("phrases", Codec::Phrases),
];
/// Codecs of a terminal whose row names none: text needs a speech chip, phrases a memory, which are said.
const SOUNDS: usize = 4;
const LINKS: [(&str, LinkKind); 2] = [("mqtt", LinkKind::Mqtt), ("serial", LinkKind::Serial)];
