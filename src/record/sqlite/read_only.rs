//! The record opened for reading: by the auditor, the console and the verifier, also while a
//! gateway writes it, and on a copy on a medium that can't be written.

use super::failed;
use super::layout::{self, BUSY_WAIT_MS};
use crate::model::{Sha256, UtcMs};
use crate::record::JournalError;
use crate::record::chain::{Checkpoint, RecordId, Row};
use crate::record::verify::{Found, Trust, Verification, Walk};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::{Path, PathBuf};

/// Rows that can't be read one after the other before the verifier gives up on the rest.
const UNREADABLE_ROWS_MAX: u32 = 10_000;

/// The record opened for reading.
#[derive(Debug)]
pub struct ReadOnly {
    path: PathBuf,
    connection: Connection,
}

impl ReadOnly {
    /// Opens it.
    ///
    /// # Errors
    /// When it is absent or no record of ours.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let connection = connect(path).map_err(|fault| failed(path, fault))?;
        layout::check_layout(&connection, path).map_err(|fault| failed(path, fault))??;
        Ok(Self { path: path.to_path_buf(), connection })
    }

    /// Rows from `from_seq` on, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn read(&self, from_seq: u64, limit: usize) -> Result<Vec<Row>, JournalError> {
        layout::read(&self.connection, from_seq, limit).map_err(|fault| failed(&self.path, fault))
    }

    /// Rows of these kinds from `from_seq` on. Looks at every row: not for what people wait for.
    ///
    /// # Errors
    /// When the store fails.
    pub fn of_kinds(&self, from_seq: u64, kinds: &[&str]) -> Result<Vec<Row>, JournalError> {
        let found = layout::of_kinds(&self.connection, from_seq, kinds);
        found.map_err(|fault| failed(&self.path, fault))
    }

    /// The snapshot, if its digest fits and its row still has the hash it was made at.
    ///
    /// # Errors
    /// When the store fails.
    pub fn snapshot_latest(&self) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
        layout::snapshot(&self.connection).map_err(|fault| failed(&self.path, fault))
    }

    /// Raw bytes by digest.
    ///
    /// # Errors
    /// When the store fails.
    pub fn raw(&self, sha256: Sha256) -> Result<Option<Vec<u8>>, JournalError> {
        layout::raw(&self.connection, sha256).map_err(|fault| failed(&self.path, fault))
    }

    /// Number and hash of the last row; 0 and the genesis hash when there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub fn head(&self) -> Result<(u64, Sha256), JournalError> {
        let record = self.record_id()?;
        layout::head(&self.connection, &record).map_err(|fault| failed(&self.path, fault))
    }

    /// The random name of the record.
    ///
    /// # Errors
    /// When the store fails.
    pub fn record_id(&self) -> Result<RecordId, JournalError> {
        let query = "SELECT id FROM record";
        let id = self.connection.query_row(query, [], |row| row.get(0));
        id.map_err(|fault| failed(&self.path, fault))
    }

    /// The nearest signed head at row `seq` or after it; not checked.
    ///
    /// # Errors
    /// When the store fails.
    pub fn checkpoint_from(&self, seq: u64) -> Result<Option<Checkpoint>, JournalError> {
        let query = "SELECT seq, hash, at_ms, public_key, signature FROM checkpoint \
                     WHERE seq >= ?1 ORDER BY seq, at_ms LIMIT 1";
        let found = self.connection.query_row(query, [layout::signed(seq)], |row| {
            Ok(Checkpoint {
                seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
                hash: Sha256(row.get(1)?),
                at: UtcMs(row.get(2)?),
                public_key: row.get(3)?,
                signature: row.get(4)?,
            })
        });
        found.optional().map_err(|fault| failed(&self.path, fault))
    }

    /// Verifies everything in it.
    ///
    /// # Errors
    /// When the store can't be read at all.
    pub fn verify(&self, trust: &Trust) -> Result<Verification, JournalError> {
        verify(&self.connection, trust).map_err(|fault| failed(&self.path, fault))
    }
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let attempt = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_millis(BUSY_WAIT_MS))?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    let first: Result<Connection, rusqlite::Error> = attempt();
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    // A copy in a folder that can't be written can be read as it is, if nothing waits in the WAL.
    let nothing_waits = std::fs::metadata(&wal).map_or(true, |found| found.len() == 0);
    let immutable = match &first {
        Err(_) if path.is_file() && nothing_waits => uri(path),
        _ => None,
    };
    let Some(immutable) = immutable else { return first };
    Connection::open_with_flags(immutable, flags | OpenFlags::SQLITE_OPEN_URI).or(first)
}

/// The path as a URI of a file that nobody changes.
fn uri(path: &Path) -> Option<String> {
    let mut uri = String::from("file:");
    for byte in path.to_str()?.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push_str("?immutable=1");
    Some(uri)
}

/// Verifies a record in one read transaction, so that a gateway that goes on writing does not move
/// the ground.
pub(super) fn verify(
    connection: &Connection,
    trust: &Trust,
) -> Result<Verification, rusqlite::Error> {
    let transaction = connection.unchecked_transaction()?;
    let query = "SELECT id FROM record";
    let record: RecordId = match transaction.query_row(query, [], |row| row.get(0)) {
        Ok(record) => record,
        Err(fault) => {
            let mut found = Verification::default();
            found.fault(0, format!("the record's id can't be read: {fault}"));
            return Ok(found);
        }
    };
    let mut damaged = Verification::default();
    let checkpoints = checkpoints(&transaction, &mut damaged)?;
    let mut has_raw = transaction.prepare("SELECT 1 FROM raw WHERE sha256 = ?1")?;
    let mut walk = Walk::new(&record, &checkpoints, trust, |sha256| {
        has_raw.exists([sha256.0]).unwrap_or(false)
    });
    walk_rows(&transaction, &mut walk)?;
    let mut found = walk.finish();
    damaged.faults.into_iter().for_each(|fault| found.fault(fault.seq, fault.what));
    raws(&transaction, &mut found);
    Ok(found)
}

/// Streams all rows; after a damaged page it goes on behind it.
fn walk_rows<F: FnMut(&Sha256) -> bool>(
    connection: &Connection,
    walk: &mut Walk<F>,
) -> Result<(), rusqlite::Error> {
    let last: Option<i64> = connection
        .query_row("SELECT seq FROM row ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
        .optional()
        .unwrap_or(None);
    let mut query = connection
        .prepare("SELECT seq, at_ms, kind, body, hash FROM row WHERE seq >= ?1 ORDER BY seq")?;
    // Negative numbers are no rows of ours, but they must not go unseen.
    let mut next = i64::MIN;
    let mut n_unreadable = 0;
    loop {
        let Err(fault) = stream(&mut query, &mut next, walk) else { return Ok(()) };
        next = next.max(1);
        n_unreadable += 1;
        let what = format!("the store can't read it: {fault}");
        walk.step(Found::Unreadable { seq: u64::try_from(next).unwrap_or(0), hash: None, what });
        next = next.saturating_add(1);
        if n_unreadable >= UNREADABLE_ROWS_MAX || last.is_none_or(|last| next > last) {
            return Ok(());
        }
    }
}

fn stream<F: FnMut(&Sha256) -> bool>(
    query: &mut rusqlite::Statement<'_>,
    next: &mut i64,
    walk: &mut Walk<F>,
) -> Result<(), rusqlite::Error> {
    let mut rows = query.query([*next])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        walk.step(found(seq, row));
        *next = seq.saturating_add(1);
    }
    Ok(())
}

/// Takes whatever is in the columns.
fn found(seq: i64, row: &rusqlite::Row<'_>) -> Found {
    let whole = || -> Result<Row, rusqlite::Error> {
        Ok(Row {
            seq: u64::try_from(seq)
                .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, seq))?,
            at: UtcMs(row.get(1)?),
            kind: row.get(2)?,
            body: row.get(3)?,
            hash: Sha256(row.get(4)?),
        })
    };
    whole().map_or_else(
        |fault| Found::Unreadable {
            seq: u64::try_from(seq).unwrap_or(0),
            hash: row.get(4).ok().map(Sha256),
            what: format!("a column can't be read: {fault}"),
        },
        Found::Row,
    )
}

fn checkpoints(
    connection: &Connection,
    damaged: &mut Verification,
) -> Result<Vec<Checkpoint>, rusqlite::Error> {
    let mut query = connection
        .prepare("SELECT seq, hash, at_ms, public_key, signature FROM checkpoint ORDER BY seq")?;
    let mut rows = query.query([])?;
    let mut all = Vec::new();
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(all),
            Err(fault) => {
                damaged.fault(0, format!("checkpoints can't be read: {fault}"));
                return Ok(all);
            }
        };
        let seq = row.get::<_, i64>(0).ok().and_then(|seq| u64::try_from(seq).ok());
        let whole = || -> Result<Checkpoint, rusqlite::Error> {
            let out_of_range = rusqlite::Error::IntegralValueOutOfRange(0, -1);
            Ok(Checkpoint {
                seq: seq.ok_or(out_of_range)?,
                hash: Sha256(row.get(1)?),
                at: UtcMs(row.get(2)?),
                public_key: row.get(3)?,
                signature: row.get(4)?,
            })
        };
        match whole() {
            Ok(checkpoint) => all.push(checkpoint),
            Err(fault) => {
                let what = format!("a checkpoint can't be read: {fault}");
                damaged.fault(seq.unwrap_or(0), what);
            }
        }
    }
}

fn raws(connection: &Connection, found: &mut Verification) {
    let mut all = || -> Result<(), rusqlite::Error> {
        let mut query = connection.prepare("SELECT sha256, bytes FROM raw")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            match (row.get(0), row.get_ref(1)?) {
                (Ok(sha256), ValueRef::Blob(bytes)) => found.raw(Sha256(sha256), bytes),
                _ => found.fault(0, "a raw attachment has no readable digest or bytes"),
            }
        }
        Ok(())
    };
    if let Err(fault) = all() {
        found.fault(0, format!("raw attachments can't be read: {fault}"));
    }
}
