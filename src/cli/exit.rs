//! Faults with an exit code of their own (sysexits), so that programs tell a wrong call from a wrong file.

use anyhow::Error;
use std::path::Path;

/// What was given is not there, or can't be read (`EX_NOINPUT`).
pub(super) const NO_INPUT: u8 = 66;
/// The configuration has faults (`EX_CONFIG`).
pub(super) const CONFIG: u8 = 78;

/// A fault and the code the process ends with.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct Exit {
    pub(super) code: u8,
    pub(super) what: String,
}

/// The bytes of a file that was named as an argument.
///
/// # Errors
/// [`NO_INPUT`]: what was expected, why it can't be read, what to do.
pub(super) fn read_input(path: &Path, expected: &str) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|fault| {
        let what = format!(
            "expected {expected}, can't read {}: {fault}; nothing was sent or changed, name a file that this user \
             may read",
            path.display()
        );
        Exit { code: NO_INPUT, what }.into()
    })
}
