//! The in-memory twin: for simulation, tests and `record.url = "memory:"`.

use super::chain::{NewRow, RecordId, Row, checkpoint_message, genesis, row_hash};
use super::{Checkpoint, Journal, JournalError};
use crate::model::Sha256;
use ed25519_dalek::Signer;
use std::collections::BTreeMap;

/// A journal that lives and dies with the process, and can fail on purpose.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    record: RecordId,
    rows: Vec<Row>,
    raws: BTreeMap<Sha256, Vec<u8>>,
    snapshot: Option<(u64, Vec<u8>)>,
    checkpoints: Vec<Checkpoint>,
    /// Appends that fail from now on (disk full), for tests.
    pub fail_appends: u32,
}

impl MemoryJournal {
    /// All rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Changes a body and leaves the hashes as they are, as a forger would; for tests.
    pub fn tamper(&mut self, place: usize, body: Vec<u8>) {
        if let Some(row) = self.rows.get_mut(place) {
            row.body = body;
        }
    }

    /// Verifies itself.
    #[must_use]
    pub fn verify(&self) -> super::Verification {
        super::verify_rows(&self.record, self.rows.clone(), &self.checkpoints, None, None)
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, rows: &[NewRow], raws: &[(Sha256, Vec<u8>)]) -> Result<u64, JournalError> {
        if self.fail_appends > 0 {
            self.fail_appends -= 1;
            return Err(JournalError::Planted("append"));
        }
        super::sqlite::check_limits(rows)?;
        for row in rows {
            let (seq, before) = self.head();
            let seq = seq + 1;
            let hash = row_hash(before, seq, row.at, &row.kind, &row.body);
            let (kind, body) = (row.kind.clone(), row.body.clone());
            self.rows.push(Row { seq, at: row.at, kind, body, hash });
        }
        self.raws.extend(raws.iter().cloned());
        Ok(self.head().0)
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
        self.snapshot = Some((seq, bytes.to_vec()));
        Ok(())
    }

    fn snapshot_latest(&mut self) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
        Ok(self.snapshot.clone())
    }

    fn checkpoint(&mut self, key: &ed25519_dalek::SigningKey) -> Result<(), JournalError> {
        let (seq, hash) = self.head();
        let signature = key.sign(&checkpoint_message(&self.record, seq, hash)).to_bytes().to_vec();
        let public_key = key.verifying_key().to_bytes();
        self.checkpoints.push(Checkpoint { seq, hash, public_key, signature });
        Ok(())
    }
}
