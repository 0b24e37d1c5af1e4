//! The tables: made once, checked at every opening, and the queries that writer and reader share.

use crate::model::{Sha256, UtcMs};
use crate::record::JournalError;
use crate::record::chain::{RecordId, Row, genesis};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::Path;

/// Marks the file as ours: "MLUO".
const APPLICATION_ID: i64 = 0x4D4C_554F;
/// Layout of the tables.
const LAYOUT: i64 = 1;
/// How long a lock is waited for, milliseconds.
pub(super) const BUSY_WAIT_MS: u64 = 2_000;

/// A connection for writing, with its tables. The outer fault is the store's own, so that the
/// caller can tell a full disk.
pub(super) fn open_writer(
    path: &Path,
    pages_max: Option<u32>,
) -> Result<Result<(Connection, RecordId), JournalError>, rusqlite::Error> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_WAIT_MS))?;
    // A file of somebody else is recognised before anything in it is changed.
    let n_tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if n_tables > 0
        && let Err(fault) = check_layout(&connection, path)?
    {
        return Ok(Err(fault));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    if let Some(pages_max) = pages_max {
        connection.pragma_update(None, "max_page_count", pages_max)?;
    }
    // One transaction: a kill while the record is made leaves an empty file and no half of it.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if n_tables == 0 {
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
    }
    let record = record_id(&transaction)?;
    transaction.commit()?;
    Ok(Ok((connection, record)))
}

/// Whether a file is a record of this layout.
pub(super) fn check_layout(
    connection: &Connection,
    path: &Path,
) -> Result<Result<(), JournalError>, rusqlite::Error> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get(0));
    let (application, layout): (i64, i64) = (pragma("application_id")?, pragma("user_version")?);
    if application == APPLICATION_ID && layout == LAYOUT {
        return Ok(Ok(()));
    }
    let what = format!(
        "expected a Mingluo record of layout {LAYOUT}, found application {application:#x} layout \
         {layout}; the file was not changed"
    );
    Ok(Err(JournalError::Foreign { path: path.display().to_string(), what }))
}

fn record_id(transaction: &Transaction<'_>) -> Result<RecordId, rusqlite::Error> {
    let query = "SELECT id FROM record";
    if let Some(id) = transaction.query_row(query, [], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    transaction.execute("INSERT INTO record (one, id) VALUES (1, randomblob(16))", [])?;
    transaction.query_row(query, [], |row| row.get(0))
}

/// Number and hash of the last row.
pub(super) fn head(
    connection: &Connection,
    record: &RecordId,
) -> Result<(u64, Sha256), rusqlite::Error> {
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

/// Rows from a number on.
pub(super) fn read(
    connection: &Connection,
    from_seq: u64,
    limit: usize,
) -> Result<Vec<Row>, rusqlite::Error> {
    let query =
        "SELECT seq, at_ms, kind, body, hash FROM row WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
    let mut query = connection.prepare_cached(query)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query.query_map(params![signed(from_seq), limit], whole)?;
    rows.collect()
}

/// Rows of these kinds from a number on.
pub(super) fn of_kinds(
    connection: &Connection,
    from_seq: u64,
    kinds: &[&str],
) -> Result<Vec<Row>, rusqlite::Error> {
    let marks = vec!["?"; kinds.len()].join(", ");
    let query = format!(
        "SELECT seq, at_ms, kind, body, hash FROM row WHERE seq >= {} AND kind IN ({marks}) \
         ORDER BY seq",
        signed(from_seq)
    );
    let mut query = connection.prepare(&query)?;
    let rows = query.query_map(rusqlite::params_from_iter(kinds), whole)?;
    rows.collect()
}

fn whole(row: &rusqlite::Row<'_>) -> Result<Row, rusqlite::Error> {
    Ok(Row {
        seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
        at: UtcMs(row.get(1)?),
        kind: row.get(2)?,
        body: row.get(3)?,
        hash: Sha256(row.get(4)?),
    })
}

/// The snapshot, if its digest fits and its row still has the hash it was made at.
pub(super) fn snapshot(connection: &Connection) -> Result<Option<(u64, Vec<u8>)>, rusqlite::Error> {
    let query = "SELECT s.seq, s.hash = r.hash, s.sha256, s.bytes FROM snapshot s \
                 LEFT JOIN row r ON r.seq = s.seq";
    let found = connection.query_row(query, [], |row| {
        let on_chain: Option<bool> = row.get(1)?;
        let (sha256, bytes): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
        Ok((row.get::<_, i64>(0)?, on_chain, sha256, bytes))
    });
    let Some((seq, on_chain, sha256, bytes)) = found.optional()? else { return Ok(None) };
    let seq = u64::try_from(seq).unwrap_or(0);
    if on_chain == Some(true) && Sha256::of(&bytes).0.as_slice() == sha256 {
        return Ok(Some((seq, bytes)));
    }
    tracing::warn!(seq, "the snapshot is damaged or of another history; all rows are replayed");
    Ok(None)
}

/// Raw bytes by digest.
pub(super) fn raw(
    connection: &Connection,
    sha256: Sha256,
) -> Result<Option<Vec<u8>>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT bytes FROM raw WHERE sha256 = ?1")?
        .query_row([sha256.0], |row| row.get(0))
        .optional()
}

/// SQLite's integers are signed; row numbers stay far below that.
pub(super) fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
