//! The hash chain, so that an auditor can write a verifier of his own:
//!
//! * genesis = SHA-256(`mingluo/v1/genesis\0` ‖ record id, 16 bytes)
//! * row = SHA-256(`mingluo/v1/row\0` ‖ hash before, 32 ‖ number, 8 LE ‖ time in ms, 8 LE ‖ length
//!   of kind, 2 LE ‖ kind ‖ length of body, 4 LE ‖ body)
//! * checkpoint = Ed25519 over `mingluo/v1/checkpoint\0` ‖ record id ‖ number, 8 LE ‖ hash, 32

use crate::model::{Sha256, UtcMs};
use sha2::Digest;

/// Random name of one record.
pub type RecordId = [u8; 16];

/// A row to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// When it happened.
    pub at: UtcMs,
    /// Stable name of the kind of entry, at most 32 ASCII letters.
    pub kind: String,
    /// The entry as JSON.
    pub body: Vec<u8>,
}

/// A row of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: UtcMs,
    /// Kind of entry.
    pub kind: String,
    /// The entry as JSON.
    pub body: Vec<u8>,
    /// Its chain hash.
    pub hash: Sha256,
}

/// Hash before the first row.
#[must_use]
pub fn genesis(record: &RecordId) -> Sha256 {
    let mut hash = sha2::Sha256::new();
    hash.update(b"mingluo/v1/genesis\0");
    hash.update(record);
    Sha256(hash.finalize().into())
}

/// Chain hash of a row after `before`.
#[must_use]
pub fn row_hash(before: Sha256, seq: u64, at: UtcMs, kind: &str, body: &[u8]) -> Sha256 {
    let mut hash = sha2::Sha256::new();
    hash.update(b"mingluo/v1/row\0");
    hash.update(before.0);
    hash.update(seq.to_le_bytes());
    hash.update(at.0.to_le_bytes());
    hash.update(u16::try_from(kind.len()).unwrap_or(u16::MAX).to_le_bytes());
    hash.update(kind.as_bytes());
    hash.update(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    hash.update(body);
    Sha256(hash.finalize().into())
}

/// What a checkpoint signs.
#[must_use]
pub(crate) fn checkpoint_message(record: &RecordId, seq: u64, hash: Sha256) -> Vec<u8> {
    let mut message = b"mingluo/v1/checkpoint\0".to_vec();
    message.extend(record);
    message.extend(seq.to_le_bytes());
    message.extend(hash.0);
    message
}
