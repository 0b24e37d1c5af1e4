//! The offline verifier: recomputes the chain and names everything that does not fit.

use super::chain::{RecordId, Row, checkpoint_message, genesis, row_hash};
use crate::model::Sha256;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Serialize;

/// Faults listed; more only raise the count.
pub(crate) const FAULTS_LISTED_MAX: usize = 1_000;

/// A signed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Row it signs.
    pub seq: u64,
    /// Chain hash of that row.
    pub hash: Sha256,
    /// Public key that signed.
    pub public_key: [u8; 32],
    /// Ed25519 signature.
    pub signature: Vec<u8>,
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyFault {
    /// Row it was found at.
    pub seq: u64,
    /// What does not fit.
    pub what: String,
}

/// Result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Rows read.
    pub n_rows: u64,
    /// Number of the last row.
    pub head_seq: u64,
    /// Hash of the last row, hexadecimal.
    pub head_hash: String,
    /// Checkpoints whose signature fits.
    pub n_checkpoints: u64,
    /// Raw messages whose digest fits.
    pub n_raws: u64,
    /// Faults, the first [`FAULTS_LISTED_MAX`].
    pub faults: Vec<VerifyFault>,
    /// All faults.
    pub n_faults: u64,
}

impl Verification {
    /// Notes a fault.
    pub fn fault(&mut self, seq: u64, what: impl Into<String>) {
        self.n_faults += 1;
        if self.faults.len() < FAULTS_LISTED_MAX {
            self.faults.push(VerifyFault { seq, what: what.into() });
        }
    }
}

/// Walks rows in order of storage. After a broken row the walk goes on from that row's stored hash,
/// so that one bad row does not hide the rest.
#[derive(Debug)]
pub(crate) struct ChainWalk {
    expected_seq: u64,
    before: Sha256,
    /// What was found so far.
    pub found: Verification,
}

impl ChainWalk {
    /// A walk from the beginning of a record.
    #[must_use]
    pub(crate) fn new(record: &RecordId) -> Self {
        Self { expected_seq: 1, before: genesis(record), found: Verification::default() }
    }

    /// Checks one more row.
    pub(crate) fn step(&mut self, row: &Row) {
        if row.seq != self.expected_seq {
            let what = format!("expected row {}, found row {}", self.expected_seq, row.seq);
            self.found.fault(row.seq, what);
        }
        if row_hash(self.before, row.seq, row.at, &row.kind, &row.body) != row.hash {
            self.found.fault(
                row.seq,
                "content and chain hash do not fit: changed, removed before, or reordered",
            );
        }
        self.before = row.hash;
        self.expected_seq = row.seq.saturating_add(1);
        self.found.n_rows += 1;
        self.found.head_seq = row.seq;
        self.found.head_hash = row.hash.to_string();
    }
}

/// Verifies rows, checkpoints and, if given, an expected head.
#[must_use]
pub fn verify_rows(
    record: &RecordId,
    rows: impl IntoIterator<Item = Row>,
    checkpoints: &[Checkpoint],
    trusted: Option<[u8; 32]>,
    expected_head: Option<(u64, Sha256)>,
) -> Verification {
    let mut walk = ChainWalk::new(record);
    let mut marks: Vec<(u64, Sha256)> = checkpoints.iter().map(|c| (c.seq, c.hash)).collect();
    marks.extend(expected_head);
    marks.sort_unstable();
    let mut next_mark = marks.iter().peekable();
    while next_mark.next_if(|mark| mark.0 == 0).is_some() {}
    for row in rows {
        walk.step(&row);
        while let Some((seq, hash)) = next_mark.next_if(|mark| mark.0 <= row.seq) {
            if *seq != row.seq || *hash != row.hash {
                walk.found.fault(*seq, "the row differs from the one that was signed or expected");
            }
        }
    }
    for (seq, _) in next_mark {
        walk.found.fault(*seq, "this row was signed or expected, but the record ends before it");
    }
    for checkpoint in checkpoints {
        match check_signature(record, checkpoint, trusted) {
            Ok(()) => walk.found.n_checkpoints += 1,
            Err(what) => walk.found.fault(checkpoint.seq, what),
        }
    }
    walk.found
}

fn check_signature(
    record: &RecordId,
    checkpoint: &Checkpoint,
    trusted: Option<[u8; 32]>,
) -> Result<(), String> {
    if trusted.is_some_and(|trusted| trusted != checkpoint.public_key) {
        return Err("checkpoint signed by another key than the given one".to_owned());
    }
    let message = checkpoint_message(record, checkpoint.seq, checkpoint.hash);
    let key = VerifyingKey::from_bytes(&checkpoint.public_key);
    let signature = Signature::from_slice(&checkpoint.signature);
    match (key, signature) {
        (Ok(key), Ok(signature)) if key.verify_strict(&message, &signature).is_ok() => Ok(()),
        _ => Err("checkpoint signature does not fit".to_owned()),
    }
}
