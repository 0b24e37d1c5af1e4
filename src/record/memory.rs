//! The in-memory twin: for simulation, tests and `record.url = "memory:"`.

use super::chain::{Checkpoint, NewRow, RecordId, Row, genesis, row_hash};
use super::error::check_append;
use super::verify::{Found, Trust, Verification, verify_rows};
use super::{CHECKPOINT_ROWS, Journal, JournalError};
use crate::model::{Sha256, UtcMs};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use std::ops::Range;

/// A journal that lives and dies with the process, and can fail on purpose. Its record id is zero,
/// so that a simulation repeats bit by bit.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    record: RecordId,
    rows: Vec<Row>,
    raws: BTreeMap<Sha256, Vec<u8>>,
    snapshot: Option<Snapshot>,
    checkpoints: Vec<Checkpoint>,
    key: Option<SigningKey>,
    /// Appends that fail from now on, for tests.
    pub fail_appends: u32,
    /// The disk is full after this many rows, for tests; `None` = never.
    pub rows_max: Option<u64>,
}

#[derive(Debug, Clone)]
struct Snapshot {
    seq: u64,
    hash: Sha256,
    sha256: Sha256,
    bytes: Vec<u8>,
}

impl MemoryJournal {
    /// All rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// All rows, for tests that tamper with them.
    pub fn rows_mut(&mut self) -> &mut Vec<Row> {
        &mut self.rows
    }

    fn hash_at(&self, seq: u64) -> Option<Sha256> {
        let index = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.rows.get(index).map(|row| row.hash)
    }
}

impl Journal for MemoryJournal {
    fn append(
        &mut self,
        rows: &[NewRow],
        raws: &[(Sha256, Vec<u8>)],
    ) -> Result<Range<u64>, JournalError> {
        check_append(rows, raws)?;
        if self.fail_appends > 0 {
            self.fail_appends -= 1;
            return Err(JournalError::Planted("append"));
        }
        let first = self.head().0 + 1;
        let n_new = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let next = first.saturating_add(n_new);
        if self.rows_max.is_some_and(|max| next - 1 > max) {
            return Err(JournalError::Full { path: "memory:".to_owned() });
        }
        for row in rows {
            let (seq, before) = self.head();
            let seq = seq + 1;
            let hash = row_hash(before, seq, row.at, &row.kind, &row.body);
            let (kind, body) = (row.kind.clone(), row.body.clone());
            self.rows.push(Row { seq, at: row.at, kind, body, hash });
        }
        self.raws.extend(raws.iter().cloned());
        if let (Some(key), Some(last)) = (&self.key, rows.last())
            && (first - 1) / CHECKPOINT_ROWS != (next - 1) / CHECKPOINT_ROWS
        {
            self.checkpoints.push(Checkpoint::sign(key, &self.record, self.head(), last.at));
        }
        Ok(first..next)
    }

    fn read(&mut self, from_seq: u64, limit: usize) -> Result<Vec<Row>, JournalError> {
        let skip = usize::try_from(from_seq.saturating_sub(1)).unwrap_or(usize::MAX);
        Ok(self.rows.iter().skip(skip).take(limit).cloned().collect())
    }

    fn raw(&mut self, sha256: Sha256) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.raws.get(&sha256).cloned())
    }

    fn head(&self) -> (u64, Sha256) {
        self.rows.last().map_or_else(|| (0, genesis(&self.record)), |row| (row.seq, row.hash))
    }

    fn snapshot_save(&mut self, seq: u64, bytes: &[u8]) -> Result<(), JournalError> {
        let head = self.head().0;
        let hash = self.hash_at(seq).ok_or(JournalError::Snapshot { seq, head })?;
        let sha256 = Sha256::of(bytes);
        self.snapshot = Some(Snapshot { seq, hash, sha256, bytes: bytes.to_vec() });
        Ok(())
    }

    fn snapshot_latest(&mut self) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
        Ok(self
            .snapshot
            .as_ref()
            .filter(|kept| Sha256::of(&kept.bytes) == kept.sha256)
            .filter(|kept| self.hash_at(kept.seq) == Some(kept.hash))
            .map(|kept| (kept.seq, kept.bytes.clone())))
    }

    fn sign_with(&mut self, secret_key: &[u8; 32]) {
        self.key = Some(SigningKey::from_bytes(secret_key));
    }

    fn checkpoint(&mut self, at: UtcMs) -> Result<(), JournalError> {
        let key = self.key.as_ref().ok_or(JournalError::NoKey)?;
        self.checkpoints.push(Checkpoint::sign(key, &self.record, self.head(), at));
        Ok(())
    }

    fn space_low(&self) -> bool {
        false
    }

    fn verify(&mut self, trust: &Trust) -> Result<Verification, JournalError> {
        let rows = self.rows.iter().cloned().map(Found::Row);
        let mut found = verify_rows(&self.record, rows, &self.checkpoints, trust, |sha256| {
            self.raws.contains_key(sha256)
        });
        for (sha256, bytes) in &self.raws {
            found.raw(*sha256, bytes);
        }
        Ok(found)
    }
}
