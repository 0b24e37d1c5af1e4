//! The hash chain, so that an auditor can write a verifier of his own. All numbers are
//! little-endian; `‖` joins bytes; texts in quotes are ASCII and end with one zero byte:
//!
//! * genesis = SHA-256("mingluo/v1/genesis" ‖ record id, 16)
//! * row = SHA-256("mingluo/v1/row" ‖ hash before, 32 ‖ number, 8 ‖ UTC time in ms, 8 ‖ length of
//!   kind, 2 ‖ kind ‖ length of body, 4 ‖ body)
//! * checkpoint = Ed25519 (RFC 8032) over "mingluo/v1/checkpoint" ‖ record id, 16 ‖ number, 8 ‖
//!   hash, 32 ‖ UTC time in ms, 8
//!
//! The hash before row 1 is the genesis hash. Raw attachments are named by their SHA-256 in the
//! bodies (key `raw`), so the chain covers them too. The chain proves order and content against
//! everybody who can't recompute it to the end; against somebody who can, only a checkpoint under a
//! known key or a head written down elsewhere proves anything.

use crate::model::{Sha256, UtcMs};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::Digest;

/// Random name of one record.
pub type RecordId = [u8; 16];

/// A row to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// When it happened.
    pub at: UtcMs,
    /// Stable name of the kind of entry: 1 to 32 ASCII letters, digits and `_`.
    pub kind: String,
    /// The entry as JSON, at most [`super::BODY_BYTES_MAX`].
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

/// A signed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Row it signs; 0 = the genesis hash.
    pub seq: u64,
    /// Chain hash of that row.
    pub hash: Sha256,
    /// When it was signed.
    pub at: UtcMs,
    /// Public key that signed.
    pub public_key: [u8; 32],
    /// Ed25519 signature, 64 bytes.
    pub signature: Vec<u8>,
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
    // Longer ones never get in; a forged one must only fail to fit, not to be hashed.
    hash.update(u16::try_from(kind.len()).unwrap_or(u16::MAX).to_le_bytes());
    hash.update(kind.as_bytes());
    hash.update(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    hash.update(body);
    Sha256(hash.finalize().into())
}

fn checkpoint_message(record: &RecordId, seq: u64, hash: Sha256, at: UtcMs) -> Vec<u8> {
    let mut message = b"mingluo/v1/checkpoint\0".to_vec();
    message.extend(record);
    message.extend(seq.to_le_bytes());
    message.extend(hash.0);
    message.extend(at.0.to_le_bytes());
    message
}

impl Checkpoint {
    /// Signs the head of a record.
    #[must_use]
    pub fn sign(key: &SigningKey, record: &RecordId, head: (u64, Sha256), at: UtcMs) -> Self {
        let (seq, hash) = head;
        let signature = key.sign(&checkpoint_message(record, seq, hash, at)).to_bytes().to_vec();
        Self { seq, hash, at, public_key: key.verifying_key().to_bytes(), signature }
    }

    /// Whether the signature fits the checkpoint and the key it names.
    #[must_use]
    pub fn fits(&self, record: &RecordId) -> bool {
        let message = checkpoint_message(record, self.seq, self.hash, self.at);
        let key = VerifyingKey::from_bytes(&self.public_key);
        let signature = Signature::from_slice(&self.signature);
        matches!((key, signature), (Ok(key), Ok(signature))
            if key.verify_strict(&message, &signature).is_ok())
    }
}
