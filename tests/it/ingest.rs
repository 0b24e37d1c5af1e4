//! Ingest: bytes → alert or rejection. Fixtures are our own, after the published layouts.

mod corpus;
mod fixtures;
mod fuzz;
mod hostile;
mod rules;
mod senders;
mod wrappers;

use mingluo::ingest::read;
use mingluo::model::{Alert, Fault, Rejection};
use std::path::{Path, PathBuf};

/// All files below `folder`, in order of name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The fixtures of ingest.
fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    ["cap", "national12379", "json"].iter().flat_map(|form| files(&root.join(form))).collect()
}

/// One fixture's bytes, by its path below `tests/fixtures`.
fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// Reads a fixture with its file name as the hint.
fn read_fixture(name: &str) -> Result<Alert, Rejection> {
    read(&fixture(name), name.rsplit('/').next())
}

/// Real files of other senders, kept outside of this repository: `$MINGLUO_SHARED` or `../shared`.
fn corpus() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let root = std::env::var_os("MINGLUO_SHARED").map_or(beside, PathBuf::from);
    files(&root.join("corpus/cap"))
}

/// `line element: what` of each fault, for messages of failing tests.
fn listed(faults: &[Fault]) -> String {
    let lines = faults.iter().map(|fault| {
        let line = fault.line.map_or("-".to_owned(), |line| line.to_string());
        format!("  {line} {}: {}\n", fault.element, fault.what)
    });
    lines.collect()
}

/// What must hold for any bytes: an alert that is whole, or a rejection that says why.
fn is_answered(read: &Result<Alert, Rejection>) -> Result<(), String> {
    match read {
        Ok(alert) if alert.id.identifier.is_empty() || alert.id.sender.is_empty() => {
            Err("an alert without identity".to_owned())
        }
        Ok(alert) => {
            let rings = alert.infos.iter().flat_map(|info| &info.areas).flat_map(|a| &a.polygons);
            let is_ring = |ring: &Vec<_>| ring.len() >= 4 && ring.first() == ring.last();
            rings.clone().all(is_ring).then_some(()).ok_or("a polygon that is no ring".to_owned())
        }
        Err(rejection) if rejection.faults.is_empty() => Err("no fault is told".to_owned()),
        Err(rejection) => match rejection.faults.iter().find(|fault| fault.what.is_empty()) {
            Some(fault) => Err(format!("a fault without words at {}", fault.element)),
            None => Ok(()),
        },
    }
}
