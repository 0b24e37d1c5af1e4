//! Where the projection lies: beside its record.

use crate::record::{JournalError, sqlite_path};
use std::path::{Path, PathBuf};

/// Ending of the projection's file, after the record's own name.
const ENDING: &str = "-audit";
/// Files that SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// The record of a `sqlite:` URL and the projection beside it.
pub(super) fn places(url: &str) -> Result<(PathBuf, PathBuf), JournalError> {
    if url == "memory:" {
        return Err(JournalError::NothingKept);
    }
    let record = sqlite_path(url).ok_or_else(|| JournalError::Url(url.to_owned()))?;
    // One projection under all the names a record has.
    let record = record
        .canonicalize()
        .map_err(|source| JournalError::Io { path: record.display().to_string(), source })?;
    let index = with_ending(&record, ENDING);
    Ok((record, index))
}

/// Removes a database that can be made anew; none there is fine.
pub(in crate::record) fn remove(index: &Path) -> Result<(), JournalError> {
    for ending in BESIDE {
        let path = with_ending(index, ending);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(JournalError::Io { path: path.display().to_string(), source });
            }
        }
    }
    Ok(())
}

/// A path with this after its own name.
pub(in crate::record) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
