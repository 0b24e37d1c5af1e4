//! Why the journal failed, and what one append may hold.

use super::NewRow;
use crate::model::Sha256;

/// Longest body of a row in bytes. Twice what ingest takes for one message, because the normalised
/// form of a large alert is longer than its raw bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest raw attachment in bytes.
pub const RAW_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Rows of one append; callers with more split them.
pub const ROWS_PER_APPEND_MAX: usize = 100_000;
/// Longest kind in bytes.
pub const KIND_BYTES_MAX: usize = 32;

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
        /// What is over.
        what: &'static str,
        /// The limit.
        max: usize,
        /// What was given.
        got: usize,
    },
    /// A kind that is no stable name.
    #[error("kind `{0}`: expected ASCII letters, digits and `_`, at least one")]
    Kind(String),
    /// Raw bytes under a digest that is not theirs.
    #[error("raw bytes given as {given} have the digest {got}")]
    Digest {
        /// The digest they were given under.
        given: Sha256,
        /// Their digest.
        got: Sha256,
    },
    /// A snapshot of a row that is not in the journal.
    #[error("snapshot of row {seq}, but the journal ends at row {head}")]
    Snapshot {
        /// The row it was made after.
        seq: u64,
        /// The last row.
        head: u64,
    },
    /// A checkpoint was asked for and no key was given.
    #[error("no key to sign checkpoints with; call `sign_with` first")]
    NoKey,
    /// Not a record, or of another version.
    #[error("{path}: {what}")]
    Foreign {
        /// The database.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// The URL names no store of this build.
    #[error("record.url `{0}`: expected `sqlite:<path>`, `sqlite:///<absolute path>` or `memory:`")]
    Url(String),
    /// The URL names a store that this build does not have.
    #[error(
        "record.url `{0}`: this build has no PostgreSQL store yet; use `sqlite:<path>` or `memory:`"
    )]
    NoPostgres(String),
    /// A memory journal can't be opened from outside its process.
    #[error("record.url `memory:` keeps nothing that could be read; give a `sqlite:<path>`")]
    NothingKept,
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

/// Checks one append before anything of it is stored.
///
/// # Errors
/// `Limit`, `Kind` or `Digest` with the first thing that does not fit.
pub(super) fn check_append(
    rows: &[NewRow],
    raws: &[(Sha256, Vec<u8>)],
) -> Result<(), JournalError> {
    let over = |what, max, got: usize| {
        if got > max { Err(JournalError::Limit { what, max, got }) } else { Ok(()) }
    };
    over("rows of one append", ROWS_PER_APPEND_MAX, rows.len())?;
    for row in rows {
        over("bytes of a kind", KIND_BYTES_MAX, row.kind.len())?;
        over("bytes of a body", BODY_BYTES_MAX, row.body.len())?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if row.kind.is_empty() || !row.kind.bytes().all(plain) {
            return Err(JournalError::Kind(row.kind.clone()));
        }
    }
    for (given, bytes) in raws {
        over("bytes of a raw attachment", RAW_BYTES_MAX, bytes.len())?;
        // A wrong digest would be a fault in the record for ever.
        let got = Sha256::of(bytes);
        if got != *given {
            return Err(JournalError::Digest { given: *given, got });
        }
    }
    Ok(())
}
