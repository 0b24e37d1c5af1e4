//! What an installed voice consists of, and whether it is all there.

use crate::model::Sha256;
use crate::render::kokoro::{MODEL_FILE, MODEL_SHA256, VOICES};
use anyhow::{Result, ensure};
use std::fs;
use std::path::Path;

/// The licence of model and voices.
pub(super) const LICENSE_FILE: &str = "LICENSE";
const LICENSE_SHA256: &str = "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4";
/// Digests of all files, as written at installation.
pub(super) const LIST_FILE: &str = "installed.sha256";

/// A file and its pinned digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) name: String,
    pub(super) sha256: String,
}

/// How a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Good,
    Damaged,
    Absent,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Damaged => "damaged",
            Self::Absent => "absent",
        }
    }
}

/// All files of an installation.
pub(super) fn files() -> Vec<Expected> {
    let file =
        |name: &str, sha256: &str| Expected { name: name.to_owned(), sha256: sha256.to_owned() };
    let voices = VOICES.iter().map(|(voice, sha256)| file(&format!("{voice}.bin"), sha256));
    let first = [file(MODEL_FILE, MODEL_SHA256), file(LICENSE_FILE, LICENSE_SHA256)];
    first.into_iter().chain(voices).collect()
}

/// A fault when `bytes` are not the pinned ones.
pub(super) fn check(file: &Expected, bytes: &[u8]) -> Result<()> {
    let got = Sha256::of(bytes).to_string();
    let (name, expected) = (&file.name, &file.sha256);
    ensure!(got == *expected, "{name}: expected sha256 {expected}, got {got}; install it again");
    Ok(())
}

/// How a file of `dir` is, and its length in bytes.
pub(super) fn state(dir: &Path, file: &Expected) -> (State, u64) {
    match fs::read(dir.join(&file.name)) {
        Ok(bytes) => {
            let good = check(file, &bytes).is_ok();
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            (if good { State::Good } else { State::Damaged }, length)
        }
        Err(_) => (State::Absent, 0),
    }
}

/// Whether everything is there as it should be.
pub(super) fn is_complete(dir: &Path) -> bool {
    files().iter().all(|file| state(dir, file).0 == State::Good)
}

/// Writes the list of digests, for `sha256sum -c`.
pub(super) fn write_list(dir: &Path) -> Result<()> {
    let lines = files().into_iter().map(|file| format!("{}  {}\n", file.sha256, file.name));
    fs::write(dir.join(LIST_FILE), lines.collect::<String>())?;
    Ok(())
}
