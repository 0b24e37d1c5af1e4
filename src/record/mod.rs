//! The journal: what is not recorded did not happen.

mod chain;
pub mod entry;
mod memory;
mod sqlite;
mod verify;

pub use chain::{NewRow, RecordId, Row, genesis, row_hash};
pub use memory::MemoryJournal;
pub use sqlite::{ReadOnly, SqliteJournal};
pub use verify::{Checkpoint, Verification, VerifyFault, verify_rows};

use crate::model::Sha256;
use std::path::{Path, PathBuf};

/// Longest body of a row in bytes: an alert with every polygon fits.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Rows of one append; callers group fewer.
pub const ROWS_PER_APPEND_MAX: usize = 100_000;
/// Ballast beside the database: given up when the disk is full, so that warnings go on.
pub const BALLAST_BYTES: u64 = 64 * 1024 * 1024;

/// Why the journal failed. Nothing of the failed append is stored.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk is full and the ballast is gone.
    #[error("no space left for the record at {path}; free space, nothing was lost or done")]
    Full {
        /// The database.
        path: String,
    },
    /// Another gateway writes this record.
    #[error("{path} is in use by another gateway; stop it first, or give this one its own record")]
    Busy {
        /// The database.
        path: String,
    },
    /// A row or group over its limit.
    #[error("{what}: at most {max}, got {got}")]
    Limit {
        /// What.
        what: &'static str,
        /// Limit.
        max: usize,
        /// Got.
        got: usize,
    },
    /// Not a record, or of another version.
    #[error("{path}: {what}")]
    Foreign {
        /// The database.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// The URL names no store of this build.
    #[error("record.url `{0}`: expected `sqlite:<path>` or `memory:`")]
    Url(String),
    /// The store failed.
    #[error("the record at {path}: {source}")]
    Store {
        /// The database.
        path: String,
        /// What it said.
        source: rusqlite::Error,
    },
    /// The file system failed.
    #[error("the record at {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What it said.
        source: std::io::Error,
    },
    /// A fault that a test planted.
    #[error("planted fault: {0}")]
    Planted(&'static str),
}

/// The seam between core and store, with an in-memory twin for simulation.
pub trait Journal: Send {
    /// Appends rows and raw bytes in one transaction, durable when it returns; all or nothing.
    /// Gives the number of the last row.
    ///
    /// # Errors
    /// Any [`JournalError`]; nothing is stored then.
    fn append(&mut self, rows: &[NewRow], raws: &[(Sha256, Vec<u8>)]) -> Result<u64, JournalError>;

    /// Rows from `from_seq` on, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    fn read(&mut self, from_seq: u64, limit: usize) -> Result<Vec<Row>, JournalError>;

    /// Raw bytes by digest.
    ///
    /// # Errors
    /// When the store fails.
    fn raw(&mut self, sha256: Sha256) -> Result<Option<Vec<u8>>, JournalError>;

    /// Number and hash of the last row; 0 and the genesis hash when there is none.
    fn head(&self) -> (u64, Sha256);

    /// Keeps a snapshot of the state after row `seq`, in place of the one before.
    ///
    /// # Errors
    /// When the store fails.
    fn snapshot_save(&mut self, seq: u64, bytes: &[u8]) -> Result<(), JournalError>;

    /// The latest snapshot whose digest fits and whose row has the hash it was made at.
    ///
    /// # Errors
    /// When the store fails; a damaged snapshot is `None`, and the journal is replayed.
    fn snapshot_latest(&mut self) -> Result<Option<(u64, Vec<u8>)>, JournalError>;

    /// Signs the head with the record's key.
    ///
    /// # Errors
    /// When the store fails.
    fn checkpoint(&mut self, key: &ed25519_dalek::SigningKey) -> Result<(), JournalError>;
}

/// Opens the store that a `record.url` names, for writing.
///
/// # Errors
/// When the URL names no store, or the store can't be opened.
pub fn open(url: &str) -> Result<Box<dyn Journal>, JournalError> {
    match sqlite_path(url) {
        Some(path) => Ok(Box::new(SqliteJournal::open(&path, BALLAST_BYTES)?)),
        None if url == "memory:" => Ok(Box::new(MemoryJournal::default())),
        None => Err(JournalError::Url(url.to_owned())),
    }
}

/// Opens a store read-only, also while a gateway writes it.
///
/// # Errors
/// When the URL names no SQLite store, or it can't be opened.
pub fn open_read_only(url: &str) -> Result<ReadOnly, JournalError> {
    let path = sqlite_path(url).ok_or_else(|| JournalError::Url(url.to_owned()))?;
    ReadOnly::open(&path)
}

/// The file of a `sqlite:` URL, absolute (`sqlite:///var/…`) or relative (`sqlite:var/…`).
#[must_use]
pub fn sqlite_path(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    (!path.is_empty()).then(|| Path::new(path).to_path_buf())
}
