//! Recorded messages by name: the county's own first, then the shipped ones.

use super::recording::{self, RECORDING_BYTES_MAX};
use super::samples::Samples;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// File name extensions, in the order they are looked for.
const EXTENSIONS: [&str; 8] = ["opus", "ogg", "wav", "flac", "mp3", "m4a", "aac", "webm"];
/// Longest name in characters.
const NAME_CHARS_MAX: usize = 64;
/// Levels of folders that are searched, the directory itself included.
const DEPTH_MAX: u8 = 3;

/// The directories of recorded messages, the county's own before the shipped ones.
pub struct Shelf {
    dirs: Vec<PathBuf>,
}

/// A recording, and what was wrong with one of the same name that should have been played instead.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The sound.
    pub sound: Samples,
    /// One sentence on the better one.
    pub fault: Option<String>,
}

impl Shelf {
    /// Recordings in `dirs`; a name in an earlier one stands for the same name in a later one.
    #[must_use]
    pub fn new(dirs: Vec<PathBuf>) -> Self {
        Self { dirs }
    }

    /// The files of `name`, best first. Names hold letters, digits, `-` and `_` only, so none leads out
    /// of the directories.
    fn paths(&self, name: &str) -> Vec<PathBuf> {
        let good = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        let chars = name.chars().count();
        if chars == 0 || chars > NAME_CHARS_MAX || !name.chars().all(good) {
            return Vec::new();
        }
        self.dirs.iter().filter_map(|dir| find(dir, name, DEPTH_MAX)).collect()
    }

    /// Decodes `name`. One of the county's own that can't be played gives way to the shipped one.
    ///
    /// # Errors
    /// One sentence for the record: what was expected and what was got.
    pub fn load(&self, name: &str) -> Result<Found, String> {
        let mut fault = None;
        for path in self.paths(name) {
            match decoded(&path) {
                Ok(sound) => return Ok(Found { sound, fault }),
                Err(what) => {
                    fault.get_or_insert_with(|| format!("recording `{name}`: {what}"));
                }
            }
        }
        Err(fault.unwrap_or_else(|| format!("expected recording `{name}`, got none")))
    }

    /// Length and time of the files, to notice that one was replaced.
    #[must_use]
    pub fn stamp(&self, name: &str) -> Vec<(u64, Option<SystemTime>)> {
        let stamp = |path: &PathBuf| {
            let meta = std::fs::metadata(path).ok()?;
            Some((meta.len(), meta.modified().ok()))
        };
        self.paths(name).iter().filter_map(stamp).collect()
    }
}

fn decoded(path: &Path) -> Result<Samples, String> {
    let length = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if length > u64::try_from(RECORDING_BYTES_MAX).unwrap_or(u64::MAX) {
        return Err(format!("expected at most {RECORDING_BYTES_MAX} bytes, got {length}"));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    recording::decode(&bytes).map_err(|e| e.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Codec;
    use crate::render::encode::encode;
    use crate::render::samples::narrow;

    fn wav(ms: u32) -> Vec<u8> {
        let mono = (0..ms * 16).map(|n| narrow((f64::from(n) * 0.3).sin() * 0.2)).collect();
        encode(&Samples { rate_hz: 16_000, mono }, Codec::Wav).expect("encodes")
    }

    #[test]
    fn a_countys_own_recording_goes_before_the_shipped_one_unless_it_is_damaged() {
        let dir = std::env::temp_dir().join(format!("mingluo-shelf-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&dir));
        let (own, shipped) = (dir.join("recordings"), dir.join("shipped"));
        std::fs::create_dir_all(own.join("岳阳县")).unwrap();
        std::fs::create_dir_all(&shipped).unwrap();
        let shelf = Shelf::new(vec![own.clone(), shipped.clone()]);
        let check = |ms: u32, fault: bool| {
            let found = shelf.load("flood-red").unwrap();
            assert_eq!((found.sound.duration_ms(), found.fault.is_some()), (ms, fault));
        };
        assert!(shelf.load("flood-red").unwrap_err().contains("got none"));
        std::fs::write(shipped.join("flood-red.wav"), wav(300)).unwrap();
        check(300, false);
        let before = shelf.stamp("flood-red");
        let local = own.join("岳阳县/flood-red.wav");
        std::fs::write(&local, wav(400)).unwrap();
        check(400, false);
        assert_ne!(shelf.stamp("flood-red"), before);
        std::fs::write(&local, b"no sound").unwrap();
        check(300, true);
        for name in ["../shipped/flood-red", "", "a/b", "flood-red.wav"] {
            assert!(shelf.load(name).is_err(), "{name}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
