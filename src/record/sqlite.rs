//! The SQLite store: WAL, `synchronous=FULL`, one transaction per group.

use super::chain::{NewRow, RecordId, Row, checkpoint_message, genesis, row_hash};
use super::verify::{Checkpoint, Verification, verify_rows};
use super::{BODY_BYTES_MAX, Journal, JournalError, ROWS_PER_APPEND_MAX};
use crate::model::{Sha256, UtcMs};
use ed25519_dalek::Signer;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use std::path::{Path, PathBuf};

/// Marks the file as ours: "MLUO".
const APPLICATION_ID: i64 = 0x4D4C_554F;
/// Layout of the tables.
const LAYOUT: i64 = 1;
/// How long a reader waits for a lock, milliseconds.
const BUSY_WAIT_MS: u64 = 2_000;
/// Longest kind in bytes.
const KIND_BYTES_MAX: usize = 32;
/// Rows read at a time by the verifier.
const VERIFY_ROWS: usize = 10_000;

/// The record in one SQLite file.
pub struct SqliteJournal {
    path: PathBuf,
    connection: Connection,
    record: RecordId,
    head: (u64, Sha256),
    ballast: PathBuf,
    _lock: std::fs::File,
}

impl SqliteJournal {
    /// Opens or makes the record, as its only writer.
    ///
    /// # Errors
    /// When another gateway holds it, it is no record of ours, or the disk fails.
    pub fn open(path: &Path, ballast_bytes: u64) -> Result<Self, JournalError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| io(path, source))?;
        }
        let lock = lock(path)?;
        let connection = Connection::open(path).map_err(|source| store(path, source))?;
        prepare(&connection).map_err(|source| store(path, source))?;
        check_layout(&connection, path)?;
        let record = record_id(&connection).map_err(|source| store(path, source))?;
        let head = head(&connection, &record).map_err(|source| store(path, source))?;
        let ballast = path.with_extension("ballast");
        if !ballast.exists() {
            // Without room for the ballast the record works all the same.
            if let Err(fault) = write_ballast(&ballast, ballast_bytes) {
                tracing::warn!(%fault, "no room for the ballast of {ballast_bytes} bytes");
            }
        }
        let path = path.to_path_buf();
        Ok(Self { path, connection, record, head, ballast, _lock: lock })
    }

    fn append_once(
        &mut self,
        rows: &[NewRow],
        raws: &[(Sha256, Vec<u8>)],
    ) -> Result<(u64, Sha256), rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        let (mut seq, mut hash) = self.head;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO row (seq, at_ms, kind, body, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for row in rows {
                seq += 1;
                hash = row_hash(hash, seq, row.at, &row.kind, &row.body);
                insert.execute(params![signed(seq), row.at.0, row.kind, row.body, hash.0])?;
            }
            let mut insert = transaction
                .prepare_cached("INSERT OR IGNORE INTO raw (sha256, bytes) VALUES (?1, ?2)")?;
            for (sha256, bytes) in raws {
                insert.execute(params![sha256.0, bytes])?;
            }
        }
        transaction.commit()?;
        Ok((seq, hash))
    }
}

impl Journal for SqliteJournal {
    fn append(&mut self, rows: &[NewRow], raws: &[(Sha256, Vec<u8>)]) -> Result<u64, JournalError> {
        check_limits(rows)?;
        let mut done = self.append_once(rows, raws);
        if done.as_ref().is_err_and(is_full) && std::fs::remove_file(&self.ballast).is_ok() {
            tracing::error!("disk full: the ballast was given up; free space now");
            done = self.append_once(rows, raws);
        }
        match done {
            Ok(head) => {
                self.head = head;
                Ok(head.0)
            }
            Err(fault) if is_full(&fault) => {
                Err(JournalError::Full { path: self.path.display().to_string() })
            }
            Err(fault) => Err(store(&self.path, fault)),
        }
    }

    fn read(&mut self, from_seq: u64, limit: usize) -> Result<Vec<Row>, JournalError> {
        read(&self.connection, from_seq, limit).map_err(|source| store(&self.path, source))
    }

    fn raw(&mut self, sha256: Sha256) -> Result<Option<Vec<u8>>, JournalError> {
        let query = "SELECT bytes FROM raw WHERE sha256 = ?1";
        self.connection
            .query_row(query, [sha256.0], |row| row.get(0))
            .optional()
            .map_err(|source| store(&self.path, source))
    }

    fn head(&self) -> (u64, Sha256) {
        self.head
    }

    fn snapshot_save(&mut self, seq: u64, bytes: &[u8]) -> Result<(), JournalError> {
        let save = "INSERT OR REPLACE INTO snapshot (one, seq, hash, sha256, bytes) \
                    SELECT 1, ?1, hash, ?2, ?3 FROM row WHERE seq = ?1";
        let digest = Sha256::of(bytes);
        self.connection
            .execute(save, params![signed(seq), digest.0, bytes])
            .map(|_| ())
            .map_err(|source| store(&self.path, source))
    }

    fn snapshot_latest(&mut self) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
        let query = "SELECT s.seq, s.sha256, s.bytes FROM snapshot s \
                     JOIN row r ON r.seq = s.seq AND r.hash = s.hash";
        let found: Option<(i64, [u8; 32], Vec<u8>)> = self
            .connection
            .query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()
            .map_err(|source| store(&self.path, source))?;
        Ok(found.and_then(|(seq, sha256, bytes)| {
            (Sha256::of(&bytes).0 == sha256).then(|| (u64::try_from(seq).unwrap_or(0), bytes))
        }))
    }

    fn checkpoint(&mut self, key: &ed25519_dalek::SigningKey) -> Result<(), JournalError> {
        let (seq, hash) = self.head;
        let signature = key.sign(&checkpoint_message(&self.record, seq, hash)).to_bytes();
        let insert =
            "INSERT INTO checkpoint (seq, hash, public_key, signature) VALUES (?1, ?2, ?3, ?4)";
        let public_key = key.verifying_key().to_bytes();
        self.connection
            .execute(insert, params![signed(seq), hash.0, public_key, signature])
            .map(|_| ())
            .map_err(|source| store(&self.path, source))
    }
}

/// Checks rows against the limits.
///
/// # Errors
/// `Limit` with the first row that is over.
pub(super) fn check_limits(rows: &[NewRow]) -> Result<(), JournalError> {
    let over = |what, max, got: usize| {
        if got > max { Err(JournalError::Limit { what, max, got }) } else { Ok(()) }
    };
    over("rows of one append", ROWS_PER_APPEND_MAX, rows.len())?;
    for row in rows {
        over("bytes of a kind", KIND_BYTES_MAX, row.kind.len())?;
        over("bytes of a body", BODY_BYTES_MAX, row.body.len())?;
    }
    Ok(())
}

/// The record opened for reading, also while a gateway writes it.
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
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|source| store(path, source))?;
        connection
            .busy_timeout(std::time::Duration::from_millis(BUSY_WAIT_MS))
            .map_err(|source| store(path, source))?;
        check_layout(&connection, path)?;
        Ok(Self { path: path.to_path_buf(), connection })
    }

    /// Rows from `from_seq` on, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn read(&self, from_seq: u64, limit: usize) -> Result<Vec<Row>, JournalError> {
        read(&self.connection, from_seq, limit).map_err(|source| store(&self.path, source))
    }

    /// Verifies everything in it.
    ///
    /// # Errors
    /// When the store can't be read at all.
    pub fn verify(
        &self,
        trusted: Option<[u8; 32]>,
        expected_head: Option<(u64, Sha256)>,
    ) -> Result<Verification, JournalError> {
        self.verify_inner(trusted, expected_head).map_err(|source| store(&self.path, source))
    }

    fn verify_inner(
        &self,
        trusted: Option<[u8; 32]>,
        expected_head: Option<(u64, Sha256)>,
    ) -> Result<Verification, rusqlite::Error> {
        // One read transaction, so that a gateway that goes on writing does not move the ground.
        let transaction = self.connection.unchecked_transaction()?;
        let record = match transaction.query_row("SELECT id FROM record", [], |row| row.get(0)) {
            Ok(record) => record,
            Err(fault) => {
                let mut found = Verification::default();
                found.fault(0, format!("the record's name can't be read: {fault}"));
                return Ok(found);
            }
        };
        let mut query = transaction
            .prepare("SELECT seq, hash, public_key, signature FROM checkpoint ORDER BY seq")?;
        let checkpoints: Vec<Checkpoint> = query
            .query_map([], |row| {
                Ok(Checkpoint {
                    seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
                    hash: Sha256(row.get(1)?),
                    public_key: row.get(2)?,
                    signature: row.get(3)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        let mut fault = None;
        let rows = Pages {
            connection: &transaction,
            next: 0,
            page: Vec::new().into_iter(),
            fault: &mut fault,
        };
        let mut found = verify_rows(&record, rows, &checkpoints, trusted, expected_head);
        if let Some(fault) = fault {
            found.fault(found.head_seq + 1, format!("rows can't be read: {fault}"));
        }
        let mut query = transaction.prepare("SELECT sha256, bytes FROM raw")?;
        let mut raws = query.query([])?;
        while let Some(raw) = raws.next()? {
            let (sha256, bytes): ([u8; 32], Vec<u8>) = (raw.get(0)?, raw.get(1)?);
            if Sha256::of(&bytes).0 == sha256 {
                found.n_raws += 1;
            } else {
                found.fault(0, format!("raw message {} was changed", Sha256(sha256)));
            }
        }
        self.check_raws_present(&mut found)?;
        Ok(found)
    }

    /// Every digest of raw bytes that a row names must be there.
    fn check_raws_present(&self, found: &mut Verification) -> Result<(), rusqlite::Error> {
        let query = "SELECT seq FROM row WHERE kind IN \
                     ('alert_accepted', 'alert_repeated', 'alert_rejected') AND NOT EXISTS \
                     (SELECT 1 FROM raw WHERE lower(hex(raw.sha256)) = json_extract(body, '$.raw'))";
        let mut query = self.connection.prepare(query)?;
        let mut rows = query.query([])?;
        while let Ok(Some(row)) = rows.next() {
            let seq: i64 = row.get(0)?;
            found.fault(u64::try_from(seq).unwrap_or(0), "its raw message is missing");
        }
        Ok(())
    }
}

/// Rows page by page.
struct Pages<'a> {
    connection: &'a Connection,
    next: u64,
    page: std::vec::IntoIter<Row>,
    fault: &'a mut Option<rusqlite::Error>,
}

impl Iterator for Pages<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.page.len() == 0 {
            match read(self.connection, self.next, VERIFY_ROWS) {
                Ok(rows) => self.page = rows.into_iter(),
                Err(fault) => *self.fault = Some(fault),
            }
        }
        let row = self.page.next()?;
        self.next = row.seq.saturating_add(1);
        Some(row)
    }
}

fn read(connection: &Connection, from_seq: u64, limit: usize) -> Result<Vec<Row>, rusqlite::Error> {
    let query =
        "SELECT seq, at_ms, kind, body, hash FROM row WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
    let mut query = connection.prepare_cached(query)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query.query_map(params![signed(from_seq), limit], |row| {
        Ok(Row {
            seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
            at: UtcMs(row.get(1)?),
            kind: row.get(2)?,
            body: row.get(3)?,
            hash: Sha256(row.get(4)?),
        })
    })?;
    rows.collect()
}

fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_WAIT_MS))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let empty: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    if empty == 0 {
        connection.execute_batch(include_str!("sqlite/schema.sql"))?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", LAYOUT)?;
    }
    Ok(())
}

fn check_layout(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let pragma = |name: &str| -> Result<i64, JournalError> {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .map_err(|source| store(path, source))
    };
    let (application, layout) = (pragma("application_id")?, pragma("user_version")?);
    if application == APPLICATION_ID && layout == LAYOUT {
        return Ok(());
    }
    let what = format!(
        "expected a Mingluo record of layout {LAYOUT}, found application {application:#x} layout \
         {layout}; the file was not changed"
    );
    Err(JournalError::Foreign { path: path.display().to_string(), what })
}

fn record_id(connection: &Connection) -> Result<RecordId, rusqlite::Error> {
    let known = connection.query_row("SELECT id FROM record", [], |row| row.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    connection.execute("INSERT INTO record (one, id) VALUES (1, randomblob(16))", [])?;
    connection.query_row("SELECT id FROM record", [], |row| row.get(0))
}

fn head(connection: &Connection, record: &RecordId) -> Result<(u64, Sha256), rusqlite::Error> {
    let last: Option<(i64, [u8; 32])> = connection
        .query_row("SELECT seq, hash FROM row ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(last.map_or_else(
        || (0, genesis(record)),
        |(seq, hash)| (u64::try_from(seq).unwrap_or(0), Sha256(hash)),
    ))
}

/// One writer per record: an advisory lock that dies with the process.
fn lock(path: &Path) -> Result<std::fs::File, JournalError> {
    let lock_path = path.with_extension("lock");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(|source| io(&lock_path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(JournalError::Busy { path: path.display().to_string() })
        }
        Err(std::fs::TryLockError::Error(source)) => Err(io(&lock_path, source)),
    }
}

/// Real bytes, because a hole would give nothing back.
fn write_ballast(path: &Path, bytes: u64) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::File::create(path)?;
    let block = [0x5A_u8; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(64 * 1024);
        let piece = block.get(..usize::try_from(now).unwrap_or(0)).unwrap_or(&block);
        if let Err(fault) = file.write_all(piece) {
            // A half ballast on a full disk would do harm.
            std::fs::remove_file(path)?;
            return Err(fault);
        }
        left -= now;
    }
    file.sync_all()
}

fn is_full(fault: &rusqlite::Error) -> bool {
    fault.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

fn store(path: &Path, source: rusqlite::Error) -> JournalError {
    JournalError::Store { path: path.display().to_string(), source }
}

fn io(path: &Path, source: std::io::Error) -> JournalError {
    JournalError::Io { path: path.display().to_string(), source }
}

/// SQLite's integers are signed; row numbers stay far below that.
fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
