//! `[stations]`: readings of hydrological and geological stations.

use super::path_opt;
use crate::config::reader::Keys;
use crate::model::StationId;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Serial lines of stations of one gateway.
const LINES_MAX: usize = 64;

/// `[stations]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationSettings {
    /// Whether `stations.csv` is read and readings are taken.
    pub enabled: bool,
    /// Where stations connect by TCP; `None` = no listener.
    pub listen: Option<SocketAddr>,
    /// Whether telegrams are answered (modes M2 and M3); M1 stations expect nothing.
    pub answer: bool,
    /// How long a warning of a station is valid, seconds.
    pub valid_s: u32,
    /// Stations that are asked by TCP, once they are connected (mode M4).
    pub asked: Vec<StationId>,
    /// How often a station is asked that does not report, minutes.
    pub ask_every_min: u32,
    /// Our address in questions to stations that were not heard yet.
    pub centre: u8,
    /// The password in these, four hexadecimal digits in a file; `None` = 0000.
    pub ask_password_file: Option<PathBuf>,
    /// Serial lines, `[[stations.lines]]`.
    pub lines: Vec<StationLine>,
}

/// `[[stations.lines]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationLine {
    /// The port.
    pub port: String,
    /// Its speed, baud.
    pub baud: u32,
    /// Stations on it that are asked (mode M4).
    pub asked: Vec<StationId>,
    /// Line of the file, for faults.
    pub line: Option<u32>,
}

pub(super) fn stations(dir: &Path, mut keys: Keys<'_>) -> StationSettings {
    let enabled = keys.flag("enabled", false);
    let text = keys.text_opt("listen").filter(|text| !text.is_empty());
    let listen = text.and_then(|text| {
        let address = text.parse().ok();
        if address.is_none() {
            let what = format!("expected an address with port, got `{text}`");
            keys.fault(
                "listen",
                &what,
                "write it like `listen = \"0.0.0.0:8730\"`, or leave it empty",
            );
        }
        address
    });
    if listen.is_some() && !enabled {
        keys.warn(
            "listen",
            "is set, and `enabled` is not",
            "set `enabled = true` to take readings",
        );
    }
    let answer = keys.flag("answer", true);
    let valid_s = keys.number("valid_s", Some(21_600), 600..=172_800);
    let asked = asked(&mut keys);
    let ask_every_min = keys.number("ask_every_min", Some(15), 1..=1_440);
    let centre = keys.number("centre", Some(1), 1..=255);
    let ask_password_file = path_opt(dir, &mut keys, "ask_password_file");
    let lines: Vec<StationLine> = keys.tables("lines").into_iter().map(line).collect();
    if lines.len() > LINES_MAX {
        keys.fault("lines", &format!("are more than {LINES_MAX}"), "use a second gateway");
    }
    keys.finish();
    StationSettings {
        enabled,
        listen,
        answer,
        valid_s,
        asked,
        ask_every_min,
        centre,
        ask_password_file,
        lines,
    }
}

fn line(mut keys: Keys<'_>) -> StationLine {
    let line = keys.line();
    let port = keys.text("port", None);
    let baud = keys.number("baud", Some(9_600), 300..=921_600);
    let asked = asked(&mut keys);
    keys.finish();
    StationLine { port, baud, asked, line }
}

fn asked(keys: &mut Keys<'_>) -> Vec<StationId> {
    let mut found = Vec::new();
    for text in keys.texts("asked").iter().filter(|text| !text.is_empty()) {
        match StationId::parse(text) {
            Some(id) => found.push(id),
            None => {
                let what = format!("expected the id of a station, got `{text}`");
                keys.fault("asked", &what, "write it as stations.csv has it");
            }
        }
    }
    found
}
