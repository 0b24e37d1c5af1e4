//! What stands beside the database: the lock of its one writer, and the ballast.

use super::io;
use crate::record::JournalError;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes written at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// The path with every link resolved, so that a record has one lock under all its names. Makes the
/// folder.
pub(in crate::record) fn real_path(path: &Path) -> Result<PathBuf, JournalError> {
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(|source| io(folder, source))?;
    let folder = folder.canonicalize().map_err(|source| io(folder, source))?;
    let name = path.file_name().ok_or_else(|| JournalError::Foreign {
        path: path.display().to_string(),
        what: "expected the path of a file".to_owned(),
    })?;
    Ok(folder.join(name))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// One writer per record: an advisory lock that dies with the process.
#[derive(Debug)]
pub(in crate::record) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone is too late when a process that is just being started holds a copy.
        let _closing_does_it_then = self.0.unlock();
    }
}

/// Takes the lock of a record.
pub(in crate::record) fn lock(path: &Path) -> Result<Lock, JournalError> {
    let lock_path = beside(path, "-lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(|source| io(&lock_path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(JournalError::Busy { path: path.display().to_string() })
        }
        Err(std::fs::TryLockError::Error(source)) => Err(io(&lock_path, source)),
    }
}

/// Reserved space beside the database.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    bytes: u64,
    missing: bool,
}

impl Ballast {
    /// The ballast of a database, as an earlier run left it.
    pub(super) fn beside(path: &Path, bytes: u64) -> Self {
        Self { path: beside(path, "-ballast"), bytes, missing: bytes > 0 }
    }

    /// Reserves it, if it is not there in full size. Without room for it the record works all the
    /// same, and [`Ballast::is_missing`] tells.
    pub(super) fn reserve(&mut self) {
        let there = std::fs::metadata(&self.path).map(|found| found.len()).ok();
        if self.bytes == 0 || there == Some(self.bytes) {
            self.missing = false;
            return;
        }
        self.missing = false;
        if let Err(fault) = self.fill() {
            self.missing = true;
            tracing::error!(%fault, bytes = self.bytes, "no room for the ballast; free space now");
            // Half a ballast on a full disk would do harm.
            self.remove();
        }
    }

    /// Real bytes, because a hole would give nothing back.
    fn fill(&self) -> std::io::Result<()> {
        let mut file = File::create(&self.path)?;
        let block = [0x5A_u8; BLOCK_BYTES];
        let mut left = self.bytes;
        while left > 0 {
            let n_now = usize::try_from(left).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
            file.write_all(block.get(..n_now).unwrap_or(&block))?;
            left = left.saturating_sub(u64::try_from(n_now).unwrap_or(left));
        }
        file.sync_all()
    }

    /// Gives it up. False when there is nothing to give.
    pub(super) fn give_up(&mut self) -> bool {
        let given = self.remove();
        if given {
            self.missing = true;
            tracing::error!("disk full: the ballast was given up; free space now");
        }
        given
    }

    fn remove(&self) -> bool {
        std::fs::remove_file(&self.path).is_ok()
    }

    /// Whether it could not be reserved or was given up.
    pub(super) fn is_missing(&self) -> bool {
        self.missing
    }
}
