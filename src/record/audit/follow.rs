//! Follows a journal and keeps its projection up to date, or makes it anew: when there is none,
//! when it is of another layout or record, when it is damaged, and when the journal is not the one
//! it was made from (an older copy was put in place).

use super::index::{Index, MadeFrom};
use super::place;
use crate::record::sqlite::{failed, guard};
use crate::record::{JournalError, ReadOnly, genesis};
use std::path::{Path, PathBuf};

/// Journal rows of one batch.
pub const BATCH_ROWS: usize = 4_096;
/// Rows between two lines of the log while a projection is made.
const TELL_ROWS: u64 = 500_000;

/// The one writer of a record's projection.
#[derive(Debug)]
pub struct Projector {
    journal: ReadOnly,
    path: PathBuf,
    index: Index,
    /// The journal's last row when we began to catch up, and when to tell next.
    telling: Option<(u64, u64)>,
    _lock: guard::Lock,
}

impl Projector {
    /// Opens the projection of a record, or an empty one that [`Self::advance`] fills.
    ///
    /// # Errors
    /// `Busy` when another process keeps it up to date; otherwise when record or disk fail.
    pub fn open(url: &str) -> Result<Self, JournalError> {
        let (record, path) = place::places(url)?;
        Self::open_at(&record, path)
    }

    /// The same with the projection at a place of its own, for a record that can't be written.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_at(record: &Path, path: PathBuf) -> Result<Self, JournalError> {
        let journal = ReadOnly::open(record)?;
        let lock = guard::lock(&path)?;
        let id = journal.record_id()?;
        let (index, why) = match Index::open(&path, &id) {
            Ok(Some(index)) => match differs(&journal, &index.made_from())? {
                None => (Some(index), ""),
                Some(why) => (None, why),
            },
            Ok(None) => (None, "there is none of this record and version"),
            Err(fault) => {
                tracing::warn!(%fault, path = %path.display(), "the audit's projection is damaged");
                (None, "it is damaged")
            }
        };
        let index = match index {
            Some(index) => index,
            None => {
                tracing::info!(path = %path.display(), why, "making the audit's projection anew");
                place::remove(&path)?;
                Index::create(&path, &id, genesis(&id)).map_err(|fault| failed(&path, fault))?
            }
        };
        Ok(Self { journal, path, index, telling: None, _lock: lock })
    }

    /// The last journal row in it.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.index.made_from().seq
    }

    /// The journal's last row now.
    ///
    /// # Errors
    /// When the record can't be read.
    pub fn head(&self) -> Result<u64, JournalError> {
        Ok(self.journal.head()?.0)
    }

    /// Takes the next batch of journal rows. Gives how many; 0 = it is up to date.
    ///
    /// # Errors
    /// When the record can't be read or the disk fails; nothing of the batch is kept then.
    pub fn advance(&mut self) -> Result<usize, JournalError> {
        let rows = self.journal.read(self.seq().saturating_add(1), BATCH_ROWS)?;
        self.index.take(&rows).map_err(|fault| failed(&self.path, fault))?;
        self.tell(rows.len())?;
        Ok(rows.len())
    }

    /// Takes everything there is.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub fn catch_up(&mut self) -> Result<(), JournalError> {
        while self.advance()? > 0 {}
        Ok(())
    }

    /// Long work tells how far it is.
    fn tell(&mut self, taken: usize) -> Result<(), JournalError> {
        let seq = self.seq();
        match self.telling {
            Some((head, _)) if taken < BATCH_ROWS => {
                tracing::info!(rows = seq.max(head), "the audit's projection is up to date");
                self.telling = None;
            }
            Some((head, next)) if seq >= next => {
                tracing::info!(row = seq, of = head, "making the audit's projection");
                self.telling = Some((head, seq + TELL_ROWS));
            }
            Some(_) => {}
            None if taken < BATCH_ROWS => {}
            None => {
                let head = self.head()?;
                if head > seq + TELL_ROWS {
                    tracing::info!(row = seq, of = head, "making the audit's projection");
                    self.telling = Some((head, seq + TELL_ROWS));
                }
            }
        }
        Ok(())
    }
}

/// Why a projection was not made from this journal.
fn differs(journal: &ReadOnly, made: &MadeFrom) -> Result<Option<&'static str>, JournalError> {
    if made.seq == 0 {
        return Ok(None);
    }
    let row = journal.read(made.seq, 1)?.into_iter().find(|row| row.seq == made.seq);
    Ok(match row {
        Some(row) if row.hash == made.hash => None,
        Some(_) => Some("it was made from another history"),
        None => Some("it knows rows that the record does not have"),
    })
}
