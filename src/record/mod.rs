//! The journal: what is not recorded did not happen.
//!
//! Entries are opaque here: a time, a kind and a JSON body, chained by hash ([`chain`]). The core
//! appends through [`Journal`]; everybody else reads through [`open_read_only`], also while the
//! gateway writes.

pub mod audit;
pub mod chain;
pub mod entry;
mod error;
mod kind;
mod memory;
mod sqlite;
mod verify;
mod windows;

pub use chain::{Checkpoint, NewRow, RecordId, Row, genesis, row_hash};
pub use error::{BODY_BYTES_MAX, JournalError, KIND_BYTES_MAX, RAW_BYTES_MAX, ROWS_PER_APPEND_MAX};
pub use memory::MemoryJournal;
pub use sqlite::{ReadOnly, SqliteJournal, SqliteOptions};
pub use verify::{FAULTS_LISTED_MAX, Trust, Verification, VerifyFault};
pub use windows::WindowStore;

use crate::model::{Sha256, UtcMs};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Ballast beside the database in bytes: given up when the disk is full, so that warnings go on.
pub const BALLAST_BYTES: u64 = 64 * 1024 * 1024;
/// Rows between the checkpoints that a journal with a key signs by itself.
pub const CHECKPOINT_ROWS: u64 = 10_000;

/// The seam between core and store, with an in-memory twin for simulation.
pub trait Journal: Send {
    /// Appends rows and raw bytes in one transaction, durable when it returns; all or nothing.
    /// Gives the numbers of the new rows.
    ///
    /// # Errors
    /// Any [`JournalError`]; nothing is stored then, and the same append may be tried again.
    fn append(
        &mut self,
        rows: &[NewRow],
        raws: &[(Sha256, Vec<u8>)],
    ) -> Result<Range<u64>, JournalError>;

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
    /// `Snapshot` when there is no such row; otherwise when the store fails.
    fn snapshot_save(&mut self, seq: u64, bytes: &[u8]) -> Result<(), JournalError>;

    /// The snapshot, if its digest fits and its row still has the hash it was made at.
    ///
    /// # Errors
    /// When the store fails; a damaged snapshot is `None`, and the journal is replayed.
    fn snapshot_latest(&mut self) -> Result<Option<(u64, Vec<u8>)>, JournalError>;

    /// Gives the Ed25519 secret key that signs checkpoints: from here on every
    /// [`CHECKPOINT_ROWS`] rows, in the transaction of the rows.
    fn sign_with(&mut self, secret_key: &[u8; 32]);

    /// Signs the head now, for example when the gateway stops.
    ///
    /// # Errors
    /// `NoKey` without [`Journal::sign_with`]; otherwise when the store fails.
    fn checkpoint(&mut self, at: UtcMs) -> Result<(), JournalError>;

    /// Whether the record lives on its last reserve: the ballast is missing or was given up. Raise
    /// an alarm; it ends with the next start that has room for the ballast.
    fn space_low(&self) -> bool;

    /// Verifies everything in it.
    ///
    /// # Errors
    /// When the store can't be read at all; what does not fit is in the result.
    fn verify(&mut self, trust: &Trust) -> Result<Verification, JournalError>;
}

/// Opens the store that a `record.url` names, for writing, with the usual ballast.
///
/// # Errors
/// When the URL names no store, or the store can't be opened.
pub fn open(url: &str) -> Result<Box<dyn Journal>, JournalError> {
    open_with_ballast(url, BALLAST_BYTES)
}

/// Opens the store that a `record.url` names, for writing, with `ballast_bytes` reserved.
///
/// # Errors
/// When the URL names no store, or the store can't be opened.
pub fn open_with_ballast(url: &str, ballast_bytes: u64) -> Result<Box<dyn Journal>, JournalError> {
    if url == "memory:" {
        return Ok(Box::new(MemoryJournal::default()));
    }
    let options = SqliteOptions { ballast_bytes, ..SqliteOptions::default() };
    Ok(Box::new(SqliteJournal::open(&store_path(url)?, &options)?))
}

/// Opens a store read-only, also while a gateway writes it.
///
/// # Errors
/// When the URL names no SQLite store, or it can't be opened.
pub fn open_read_only(url: &str) -> Result<ReadOnly, JournalError> {
    if url == "memory:" {
        return Err(JournalError::NothingKept);
    }
    ReadOnly::open(&store_path(url)?)
}

/// The file of a `sqlite:` URL, absolute (`sqlite:///var/…`) or relative (`sqlite:var/…`).
#[must_use]
pub fn sqlite_path(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = match path.strip_prefix("//") {
        // `sqlite://var/…` would be a host named `var`: a slash is missing.
        Some(after) if !after.starts_with('/') => return None,
        Some(after) => after,
        None => path,
    };
    (!path.is_empty()).then(|| Path::new(path).to_path_buf())
}

fn store_path(url: &str) -> Result<PathBuf, JournalError> {
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        // The rest of the URL may hold a password.
        let scheme = url.split(':').next().unwrap_or_default();
        return Err(JournalError::NoPostgres(format!("{scheme}://…")));
    }
    sqlite_path(url).ok_or_else(|| JournalError::Url(url.to_owned()))
}
