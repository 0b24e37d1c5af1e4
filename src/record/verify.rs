//! The offline verifier: recomputes the chain and names everything that does not fit. It goes on
//! after a fault, because one bad row must not hide the state of the others.

use super::chain::{Checkpoint, RecordId, Row, genesis, row_hash};
use crate::model::Sha256;
use serde::{Deserialize, Serialize};

/// Faults listed; more only raise the count.
pub const FAULTS_LISTED_MAX: usize = 1_000;

/// What the verifier takes as given from outside the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Public keys that may sign checkpoints; none = each checkpoint is only checked against the
    /// key it names itself, which a forger could have made.
    pub keys: Vec<[u8; 32]>,
    /// A row number and hash that were written down elsewhere.
    pub head: Option<(u64, Sha256)>,
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyFault {
    /// Row it was found at; 0 = not at a row.
    pub seq: u64,
    /// What does not fit.
    pub what: String,
}

/// Result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Rows found.
    pub n_rows: u64,
    /// Rows whose content fits the chain.
    pub n_rows_fit: u64,
    /// Number of the last row.
    pub head_seq: u64,
    /// Hash of the last row, hexadecimal.
    pub head_hash: String,
    /// Checkpoints whose signature fits.
    pub n_checkpoints: u64,
    /// Last row under a checkpoint that fits; what comes after it is chained, but not signed.
    pub signed_seq: u64,
    /// Raw attachments whose digest fits.
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

    /// Whether everything fits.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.n_faults == 0
    }

    /// The first row with a fault.
    #[must_use]
    pub fn first_bad(&self) -> Option<u64> {
        self.faults.iter().map(|fault| fault.seq).filter(|seq| *seq > 0).min()
    }

    /// Checks one raw attachment against the digest it is kept under.
    pub(super) fn raw(&mut self, sha256: Sha256, bytes: &[u8]) {
        if Sha256::of(bytes) == sha256 {
            self.n_raws += 1;
        } else {
            self.fault(0, format!("raw attachment {sha256} was changed"));
        }
    }
}

/// A row as it was found in a store that may have been tampered with.
#[derive(Debug)]
pub(super) enum Found {
    /// All columns can be read.
    Row(Row),
    /// A column or the page can't be read.
    Unreadable {
        /// Its number.
        seq: u64,
        /// Its chain hash, if at least that can be read.
        hash: Option<Sha256>,
        /// What can't be read.
        what: String,
    },
}

/// Verifies rows in order of their numbers, checkpoints, and what is trusted from outside.
/// `has_raw` tells whether a raw attachment is there.
pub(super) fn verify_rows(
    record: &RecordId,
    rows: impl IntoIterator<Item = Found>,
    checkpoints: &[Checkpoint],
    trust: &Trust,
    has_raw: impl FnMut(&Sha256) -> bool,
) -> Verification {
    let mut walk = Walk::new(record, checkpoints, trust, has_raw);
    for row in rows {
        walk.step(row);
    }
    walk.finish()
}

/// A walk along the chain.
pub(super) struct Walk<F> {
    expected_seq: u64,
    /// Hash stored in the row before; `None` = unknown.
    stored: Option<Sha256>,
    /// Hash computed for the row before, when it differs from the stored one: if the next row
    /// fits this one, only the stored hash was changed.
    computed: Option<Sha256>,
    /// Rows and hashes that were signed or expected, latest first.
    marks: Vec<(u64, Sha256, &'static str)>,
    /// Whether keys were given, so that something must be signed.
    must_be_signed: bool,
    has_raw: F,
    found: Verification,
}

impl<F: FnMut(&Sha256) -> bool> Walk<F> {
    /// Begins before row 1.
    pub(super) fn new(
        record: &RecordId,
        checkpoints: &[Checkpoint],
        trust: &Trust,
        has_raw: F,
    ) -> Self {
        let genesis = genesis(record);
        let mut walk = Self {
            expected_seq: 1,
            stored: Some(genesis),
            computed: None,
            marks: Vec::new(),
            must_be_signed: !trust.keys.is_empty(),
            has_raw,
            found: Verification { head_hash: genesis.to_string(), ..Verification::default() },
        };
        for checkpoint in checkpoints {
            walk.take_checkpoint(record, checkpoint, trust);
        }
        walk.marks.extend(trust.head.map(|(seq, hash)| (seq, hash, "expected")));
        walk.marks.sort_unstable_by_key(|mark| std::cmp::Reverse(mark.0));
        walk.pass_marks(0, Some(genesis));
        walk
    }

    fn take_checkpoint(&mut self, record: &RecordId, checkpoint: &Checkpoint, trust: &Trust) {
        let seq = checkpoint.seq;
        if !trust.keys.is_empty() && !trust.keys.contains(&checkpoint.public_key) {
            let key = Sha256(checkpoint.public_key);
            self.found.fault(seq, format!("checkpoint signed by {key}, which is no given key"));
        } else if checkpoint.fits(record) {
            self.found.n_checkpoints += 1;
            self.marks.push((seq, checkpoint.hash, "signed"));
        } else {
            self.found.fault(seq, "checkpoint and its signature do not fit: changed or forged");
        }
    }

    /// Checks one more row.
    pub(super) fn step(&mut self, found: Found) {
        let seq = match &found {
            Found::Row(row) => row.seq,
            Found::Unreadable { seq, .. } => *seq,
        };
        self.found.n_rows += 1;
        if seq == 0 {
            self.found.fault(0, "a row stands before row 1: inserted");
            return;
        }
        self.check_number(seq);
        let hash = match found {
            Found::Row(row) => {
                self.check_chain(&row);
                self.check_mention(&row);
                Some(row.hash)
            }
            Found::Unreadable { hash, what, .. } => {
                self.found.fault(seq, what);
                (self.stored, self.computed) = (hash, None);
                hash
            }
        };
        self.expected_seq = seq.saturating_add(1);
        self.found.head_seq = seq;
        self.found.head_hash = hash.map(|hash| hash.to_string()).unwrap_or_default();
        self.pass_marks(seq, hash);
    }

    fn check_number(&mut self, seq: u64) {
        let expected = self.expected_seq;
        if seq == expected {
            return;
        }
        let what = if seq < expected {
            format!("row {seq} stands where row {expected} belongs")
        } else if seq == expected + 1 {
            format!("row {expected} is missing; row {seq} can't be checked without it")
        } else {
            let last = seq - 1;
            format!("rows {expected} to {last} are missing; row {seq} can't be checked")
        };
        self.found.fault(expected.min(seq), what);
        (self.stored, self.computed) = (None, None);
    }

    fn check_chain(&mut self, row: &Row) {
        let chained = |before: Sha256| row_hash(before, row.seq, row.at, &row.kind, &row.body);
        let after_stored = self.stored.map(chained);
        let fits = after_stored == Some(row.hash)
            || self.computed.is_some_and(|before| chained(before) == row.hash);
        if fits {
            self.found.n_rows_fit += 1;
            self.computed = None;
        } else {
            if after_stored.is_some() {
                let what = "content and chain hash do not fit: changed, forged or out of order";
                self.found.fault(row.seq, what);
            }
            self.computed = after_stored;
        }
        self.stored = Some(row.hash);
    }

    /// Raw bytes that a row names must be there.
    fn check_mention(&mut self, row: &Row) {
        if let Some(raw) = mentioned_raw(&row.body)
            && !(self.has_raw)(&raw)
        {
            self.found.fault(row.seq, format!("its raw attachment {raw} is missing"));
        }
    }

    fn pass_marks(&mut self, seq: u64, hash: Option<Sha256>) {
        while let Some((marked, expected, by)) = self.marks.pop_if(|mark| mark.0 <= seq) {
            if marked == seq && Some(expected) == hash {
                if by == "signed" {
                    self.found.signed_seq = self.found.signed_seq.max(seq);
                }
            } else {
                self.found.fault(marked, format!("this row is not the one that was {by}"));
            }
        }
    }

    /// What was found; marks beyond the last row mean that the tail was cut off.
    pub(super) fn finish(mut self) -> Verification {
        let head = self.found.head_seq;
        while let Some((seq, _, by)) = self.marks.pop() {
            let what = format!("row {seq} was {by}, but the record ends at row {head}: cut off");
            self.found.fault(seq, what);
        }
        // Otherwise whoever deletes all checkpoints could cut and forge as he likes.
        if self.must_be_signed && self.found.n_rows > 0 && self.found.n_checkpoints == 0 {
            self.found.fault(0, "no checkpoint under a given key: nothing here is signed");
        }
        self.found.faults.sort_by_key(|fault| fault.seq);
        self.found
    }
}

/// The digest of raw bytes that a body names at its top level.
fn mentioned_raw(body: &[u8]) -> Option<Sha256> {
    #[derive(Deserialize)]
    struct Mention {
        raw: Sha256,
    }
    // Few rows have one; parsing all would take longer than hashing them.
    let key = b"\"raw\"";
    body.windows(key.len()).any(|part| part == key).then_some(())?;
    serde_json::from_slice::<Mention>(body).ok().map(|mention| mention.raw)
}
