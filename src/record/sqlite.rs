//! The SQLite store: WAL, `synchronous=FULL`, one transaction per group.
//!
//! One writer per record by a lock beside the database and not by SQLite's exclusive locking mode,
//! because that mode would also shut out the auditor who reads while the gateway writes.

pub(super) mod guard;
mod layout;
mod read_only;

pub use read_only::ReadOnly;

use super::chain::{Checkpoint, NewRow, RecordId, Row, row_hash};
use super::error::check_append;
use super::verify::{Trust, Verification};
use super::{BALLAST_BYTES, CHECKPOINT_ROWS, Journal, JournalError};
use crate::model::{Sha256, UtcMs};
use ed25519_dalek::SigningKey;
use guard::Ballast;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How a record is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Bytes reserved beside the database; 0 = no ballast.
    pub ballast_bytes: u64,
    /// Pages of 4 KiB that the database may have at most; `None` = as many as the disk takes.
    pub pages_max: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { ballast_bytes: BALLAST_BYTES, pages_max: None }
    }
}

/// The record in one SQLite file.
#[derive(Debug)]
pub struct SqliteJournal {
    path: PathBuf,
    connection: Connection,
    record: RecordId,
    head: (u64, Sha256),
    key: Option<SigningKey>,
    ballast: Ballast,
    // Last, so that the connection is closed before the next writer may come.
    _lock: guard::Lock,
}

impl SqliteJournal {
    /// Opens or makes the record, as its only writer.
    ///
    /// # Errors
    /// When another gateway holds it, it is no record of ours, or the disk fails.
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<Self, JournalError> {
        let path = guard::real_path(path)?;
        let lock = guard::lock(&path)?;
        let mut ballast = Ballast::beside(&path, options.ballast_bytes);
        let mut opened = layout::open_writer(&path, options.pages_max);
        if opened.as_ref().is_err_and(is_full) && ballast.give_up() {
            opened = layout::open_writer(&path, options.pages_max);
        } else if matches!(opened, Ok(Ok(_))) {
            ballast.reserve();
        }
        let (connection, record) = opened.map_err(|fault| failed(&path, fault))??;
        let head = layout::head(&connection, &record).map_err(|fault| failed(&path, fault))?;
        Ok(Self { path, connection, record, head, key: None, ballast, _lock: lock })
    }

    fn append_once(
        &mut self,
        rows: &[NewRow],
        raws: &[(Sha256, Vec<u8>)],
    ) -> Result<(u64, Sha256), rusqlite::Error> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (first, _) = self.head;
        let head = insert_rows(&transaction, self.head, rows)?;
        insert_raws(&transaction, raws)?;
        if let (Some(key), Some(last)) = (&self.key, rows.last())
            && first / CHECKPOINT_ROWS != head.0 / CHECKPOINT_ROWS
        {
            insert_checkpoint(&transaction, &Checkpoint::sign(key, &self.record, head, last.at))?;
        }
        transaction.commit()?;
        Ok(head)
    }

    /// Does a write, and once more without the ballast when the disk is full.
    fn write<T>(
        &mut self,
        mut once: impl FnMut(&mut Self) -> Result<T, rusqlite::Error>,
    ) -> Result<T, JournalError> {
        let mut done = once(self);
        if done.as_ref().is_err_and(is_full) && self.ballast.give_up() {
            done = once(self);
        }
        done.map_err(|fault| failed(&self.path, fault))
    }
}

impl Journal for SqliteJournal {
    fn append(
        &mut self,
        rows: &[NewRow],
        raws: &[(Sha256, Vec<u8>)],
    ) -> Result<Range<u64>, JournalError> {
        check_append(rows, raws)?;
        let first = self.head.0.saturating_add(1);
        self.head = self.write(|journal| journal.append_once(rows, raws))?;
        Ok(first..self.head.0.saturating_add(1))
    }

    fn read(&mut self, from_seq: u64, limit: usize) -> Result<Vec<Row>, JournalError> {
        layout::read(&self.connection, from_seq, limit).map_err(|fault| failed(&self.path, fault))
    }

    fn raw(&mut self, sha256: Sha256) -> Result<Option<Vec<u8>>, JournalError> {
        layout::raw(&self.connection, sha256).map_err(|fault| failed(&self.path, fault))
    }

    fn head(&self) -> (u64, Sha256) {
        self.head
    }

    fn snapshot_save(&mut self, seq: u64, bytes: &[u8]) -> Result<(), JournalError> {
        let save = "INSERT OR REPLACE INTO snapshot (one, seq, hash, sha256, bytes) \
                    SELECT 1, ?1, hash, ?2, ?3 FROM row WHERE seq = ?1";
        let digest = Sha256::of(bytes);
        let n_saved = self.write(|journal| {
            journal.connection.execute(save, params![layout::signed(seq), digest.0, bytes])
        })?;
        if n_saved == 1 { Ok(()) } else { Err(JournalError::Snapshot { seq, head: self.head.0 }) }
    }

    fn snapshot_latest(&mut self) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
        layout::snapshot(&self.connection).map_err(|fault| failed(&self.path, fault))
    }

    fn sign_with(&mut self, secret_key: &[u8; 32]) {
        self.key = Some(SigningKey::from_bytes(secret_key));
    }

    fn checkpoint(&mut self, at: UtcMs) -> Result<(), JournalError> {
        let key = self.key.as_ref().ok_or(JournalError::NoKey)?;
        let checkpoint = Checkpoint::sign(key, &self.record, self.head, at);
        self.write(|journal| insert_checkpoint(&journal.connection, &checkpoint))
    }

    fn space_low(&self) -> bool {
        self.ballast.is_missing()
    }

    fn verify(&mut self, trust: &Trust) -> Result<Verification, JournalError> {
        read_only::verify(&self.connection, trust).map_err(|fault| failed(&self.path, fault))
    }
}

fn insert_rows(
    transaction: &Transaction<'_>,
    before: (u64, Sha256),
    rows: &[NewRow],
) -> Result<(u64, Sha256), rusqlite::Error> {
    let (mut seq, mut hash) = before;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO row (seq, at_ms, kind, body, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for row in rows {
        seq += 1;
        hash = row_hash(hash, seq, row.at, &row.kind, &row.body);
        insert.execute(params![layout::signed(seq), row.at.0, row.kind, row.body, hash.0])?;
    }
    Ok((seq, hash))
}

fn insert_raws(
    transaction: &Transaction<'_>,
    raws: &[(Sha256, Vec<u8>)],
) -> Result<(), rusqlite::Error> {
    // The same bytes under the same digest are there already when an alert comes twice.
    let insert = "INSERT OR IGNORE INTO raw (sha256, bytes) VALUES (?1, ?2)";
    let mut insert = transaction.prepare_cached(insert)?;
    for (sha256, bytes) in raws {
        insert.execute(params![sha256.0, bytes])?;
    }
    Ok(())
}

fn insert_checkpoint(
    connection: &Connection,
    checkpoint: &Checkpoint,
) -> Result<(), rusqlite::Error> {
    let insert = "INSERT INTO checkpoint (seq, hash, at_ms, public_key, signature) \
                  VALUES (?1, ?2, ?3, ?4, ?5)";
    let Checkpoint { seq, hash, at, public_key, signature } = checkpoint;
    connection
        .prepare_cached(insert)?
        .execute(params![layout::signed(*seq), hash.0, at.0, public_key, signature])
        .map(|_| ())
}

/// No space: for the file itself, or for the shared memory of the WAL.
fn is_full(fault: &rusqlite::Error) -> bool {
    let code = fault.sqlite_error().map(|fault| fault.extended_code);
    fault.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        || code == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

pub(super) fn failed(path: &Path, source: rusqlite::Error) -> JournalError {
    let path = path.display().to_string();
    if is_full(&source) {
        JournalError::Full { path }
    } else {
        JournalError::Store { path, source }
    }
}

fn io(path: &Path, source: std::io::Error) -> JournalError {
    JournalError::Io { path: path.display().to_string(), source }
}
