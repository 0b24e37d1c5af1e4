//! Recorded messages by name in one directory and the folders below it.

use super::recording::{self, RECORDING_BYTES_MAX};
use super::samples::Samples;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// File name extensions, in the order they are looked for.
const EXTENSIONS: [&str; 7] = ["opus", "ogg", "wav", "flac", "mp3", "m4a", "aac"];
/// Longest name in characters.
const NAME_CHARS_MAX: usize = 64;
/// Levels of folders that are searched, the directory itself included.
const DEPTH_MAX: u8 = 3;

/// The directory of recorded messages.
pub struct Shelf {
    dir: PathBuf,
}

impl Shelf {
    /// Recordings in `dir`.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The file of `name`. Names hold letters, digits, `-` and `_` only, so none leads out of the directory.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let good = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        let chars = name.chars().count();
        if chars == 0 || chars > NAME_CHARS_MAX || !name.chars().all(good) {
            return None;
        }
        find(&self.dir, name, DEPTH_MAX)
    }

    /// Decodes `name`.
    ///
    /// # Errors
    /// One sentence for the record: what was expected and what was got.
    pub fn load(&self, name: &str) -> Result<Samples, String> {
        let path =
            self.path(name).ok_or_else(|| format!("expected recording `{name}`, got none"))?;
        let fault = |what: &dyn std::fmt::Display| format!("recording `{name}`: {what}");
        let length = std::fs::metadata(&path).map_err(|e| fault(&e))?.len();
        if length > u64::try_from(RECORDING_BYTES_MAX).unwrap_or(u64::MAX) {
            return Err(fault(&format!(
                "expected at most {RECORDING_BYTES_MAX} bytes, got {length}"
            )));
        }
        let bytes = std::fs::read(&path).map_err(|e| fault(&e))?;
        recording::decode(&bytes).map_err(|e| fault(&e))
    }

    /// Length and time of the file, to notice that it was replaced.
    #[must_use]
    pub fn stamp(&self, name: &str) -> Option<(u64, Option<SystemTime>)> {
        let meta = std::fs::metadata(self.path(name)?).ok()?;
        Some((meta.len(), meta.modified().ok()))
    }
}

/// The file in `dir` itself first, then in its folders in order of their names.
fn find(dir: &Path, name: &str, depth: u8) -> Option<PathBuf> {
    let mut files = EXTENSIONS.iter().map(|e| dir.join(format!("{name}.{e}")));
    if let Some(file) = files.find(|file| file.is_file()) {
        return Some(file);
    }
    if depth <= 1 {
        return None;
    }
    let entries = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.iter().find_map(|folder| find(folder, name, depth - 1))
}
