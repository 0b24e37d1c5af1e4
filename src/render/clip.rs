//! Clips by content: `<dir>/ab/<sha256>.<ext>`, written whole or not at all, verified when read.

use super::encode::extension;
use crate::model::{ClipRef, Codec, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// Largest clip in bytes: eleven minutes of 16 kHz PCM and its header.
pub const CLIP_BYTES_MAX: u32 = 22_000_000;
/// Default size of a store in bytes.
pub const STORE_BYTES_MAX: u64 = 2_000_000_000;

/// The store refused or failed.
#[derive(Debug, Error)]
pub enum ClipFault {
    /// No bytes, or more than [`CLIP_BYTES_MAX`].
    #[error("expected a clip of 1 to {CLIP_BYTES_MAX} bytes, got {0}")]
    Size(usize),
    /// Full of pinned clips.
    #[error(
        "expected room for {wanted} bytes, got {free}; delete old clips or raise the limit of the clip store"
    )]
    Full {
        /// Bytes of the clip.
        wanted: u64,
        /// Bytes that eviction could free.
        free: u64,
    },
    /// No such clip.
    #[error("expected clip {0}, got none; render the broadcast again")]
    Absent(Sha256),
    /// The bytes on disk are not what their name says. The file was removed.
    #[error("expected clip {0}, got other bytes; it was removed, render the broadcast again")]
    Damaged(Sha256),
    /// The disk.
    #[error("clip store: {0}")]
    Disk(#[from] io::Error),
}

struct Held {
    path: PathBuf,
    bytes: u64,
    /// Rising with each use; the smallest goes first.
    age: u64,
}

#[derive(Default)]
struct Index {
    held: BTreeMap<Sha256, Held>,
    /// Counted; a pin outlives a file that was deleted by hand and stored again.
    pins: BTreeMap<Sha256, u32>,
    bytes: u64,
    next_age: u64,
}

/// A content-addressed store of clips.
pub struct ClipStore {
    dir: PathBuf,
    store_bytes_max: u64,
    index: Mutex<Index>,
}

impl ClipStore {
    /// Opens (or makes) the store in `dir`; what an interrupted write left is removed.
    ///
    /// # Errors
    /// [`ClipFault::Disk`] when the directory can't be made or read.
    pub fn open(dir: &Path, store_bytes_max: u64) -> Result<Self, ClipFault> {
        fs::create_dir_all(dir)?;
        let mut found = Vec::new();
        for shelf in fs::read_dir(dir)? {
            let shelf = shelf?.path();
            if !shelf.is_dir() {
                continue;
            }
            for file in fs::read_dir(&shelf)? {
                let file = file?;
                let path = file.path();
                let name = file.file_name();
                let stem = name.to_str().and_then(|n| n.split('.').next()).and_then(Sha256::parse);
                match stem {
                    Some(sha256) => {
                        let meta = file.metadata()?;
                        found.push((meta.modified()?, sha256, path, meta.len()));
                    }
                    None if name.to_string_lossy().ends_with(".part") => fs::remove_file(&path)?,
                    None => {}
                }
            }
        }
        found.sort();
        let mut index = Index::default();
        for (_, sha256, path, bytes) in found {
            index.add(sha256, path, bytes);
        }
        Ok(Self { dir: dir.to_owned(), store_bytes_max, index: Mutex::new(index) })
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // The index is consistent between statements, so a panic elsewhere does not spoil it.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores `bytes` (a second time costs nothing) and evicts the oldest unpinned clips if need be.
    ///
    /// # Errors
    /// [`ClipFault`] for a wrong size, a store full of pinned clips, or a failing disk.
    pub fn put(&self, codec: Codec, bytes: &[u8], duration_ms: u32) -> Result<ClipRef, ClipFault> {
        let clip_bytes = u32::try_from(bytes.len())
            .ok()
            .filter(|n| (1..=CLIP_BYTES_MAX).contains(n))
            .ok_or(ClipFault::Size(bytes.len()))?;
        let sha256 = Sha256::of(bytes);
        let clip = ClipRef { sha256, codec, clip_bytes, duration_ms };
        let mut index = self.index();
        if index.touch(sha256) {
            return Ok(clip);
        }
        index.make_room(u64::from(clip_bytes), self.store_bytes_max)?;
        let name = sha256.to_string();
        let shelf = self.dir.join(name.get(..2).unwrap_or("00"));
        fs::create_dir_all(&shelf)?;
        let path = shelf.join(format!("{name}.{}", extension(codec)));
        write_whole(&shelf, &path, bytes)?;
        index.add(sha256, path, u64::from(clip_bytes));
        Ok(clip)
    }

    /// The bytes of a clip, verified.
    ///
    /// # Errors
    /// [`ClipFault::Absent`], [`ClipFault::Damaged`] or [`ClipFault::Disk`].
    pub fn read(&self, sha256: Sha256) -> Result<Vec<u8>, ClipFault> {
        let path = self.path(sha256).ok_or(ClipFault::Absent(sha256))?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.index().forget(sha256);
                return Err(ClipFault::Absent(sha256));
            }
            Err(e) => return Err(e.into()),
        };
        if Sha256::of(&bytes) == sha256 {
            return Ok(bytes);
        }
        self.index().forget(sha256);
        fs::remove_file(&path)?;
        Err(ClipFault::Damaged(sha256))
    }

    /// Where a clip lies, for a server that streams files. Read it with [`Self::read`] to verify it.
    #[must_use]
    pub fn path(&self, sha256: Sha256) -> Option<PathBuf> {
        let mut index = self.index();
        index.touch(sha256).then(|| index.held.get(&sha256).map(|h| h.path.clone())).flatten()
    }

    /// Keeps a clip from eviction until [`Self::unpin`]; counted. False when it is not there now:
    /// then the pin waits for it.
    #[must_use]
    pub fn pin(&self, sha256: Sha256) -> bool {
        let mut index = self.index();
        let pins = index.pins.entry(sha256).or_default();
        *pins = pins.saturating_add(1);
        index.touch(sha256)
    }

    /// Takes one pin away.
    pub fn unpin(&self, sha256: Sha256) {
        let mut index = self.index();
        let left = index.pins.get_mut(&sha256).map(|pins| {
            *pins = pins.saturating_sub(1);
            *pins
        });
        if left == Some(0) {
            index.pins.remove(&sha256);
        }
    }

    /// Bytes held now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.index().bytes
    }
}

impl Index {
    fn add(&mut self, sha256: Sha256, path: PathBuf, bytes: u64) {
        self.forget(sha256);
        self.next_age += 1;
        self.bytes += bytes;
        self.held.insert(sha256, Held { path, bytes, age: self.next_age });
    }

    fn forget(&mut self, sha256: Sha256) {
        if let Some(held) = self.held.remove(&sha256) {
            self.bytes -= held.bytes;
        }
    }

    fn touch(&mut self, sha256: Sha256) -> bool {
        self.next_age += 1;
        let age = self.next_age;
        // A file that somebody deleted by hand is rendered again instead of promised.
        match self.held.get_mut(&sha256).filter(|held| held.path.exists()) {
            Some(held) => held.age = age,
            None => self.forget(sha256),
        }
        self.held.contains_key(&sha256)
    }

    fn make_room(&mut self, wanted: u64, bytes_max: u64) -> Result<(), ClipFault> {
        let pins = &self.pins;
        let is_loose = |sha256: &Sha256| !pins.contains_key(sha256);
        let loose = self.held.iter().filter(|(sha256, _)| is_loose(sha256));
        let loose: u64 = loose.map(|(_, held)| held.bytes).sum();
        if self.bytes - loose + wanted > bytes_max {
            let free = bytes_max.saturating_sub(self.bytes - loose);
            return Err(ClipFault::Full { wanted, free });
        }
        while self.bytes + wanted > bytes_max {
            let loose = self.held.iter().filter(|(sha256, _)| !self.pins.contains_key(sha256));
            let oldest = loose.min_by_key(|(_, held)| held.age);
            let Some((sha256, path)) = oldest.map(|(k, h)| (*k, h.path.clone())) else { break };
            match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
                _ => self.forget(sha256),
            }
        }
        Ok(())
    }
}

/// Temporary file, fsync, rename, fsync of the directory: after a power cut the clip is whole or absent.
fn write_whole(shelf: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = fs::File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&part, path)?;
    fs::File::open(shelf)?.sync_all()
}

#[cfg(test)]
#[path = "clip_tests.rs"]
mod tests;
