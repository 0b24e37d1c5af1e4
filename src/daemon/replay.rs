//! A restart is a replay: the latest good snapshot, then every row after it.

use crate::gateway::State;
use crate::record::entry::Entry;
use crate::record::{Journal, JournalError};

/// Rows read at a time.
const READ_ROWS: usize = 4_096;
/// Layout of the snapshot; a snapshot of another layout is ignored and the journal is replayed
/// from its beginning. Raise it with every change of `State`.
const SNAPSHOT_LAYOUT: u32 = 2;

/// Why the record can't be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A row this version can't read.
    #[error(
        "row {seq} (`{kind}`) can't be read: {source}; the record is unchanged. Start the version \
         that wrote it, or run `mingluo record verify`"
    )]
    Row {
        /// Its number.
        seq: u64,
        /// Its kind.
        kind: String,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Folds the record into a state. Gives the state and the row of the snapshot it began with.
///
/// # Errors
/// When the store fails or holds a row this version can't read.
pub fn replay(journal: &mut dyn Journal) -> Result<(State, u64), ReplayError> {
    let (mut state, from) = match journal.snapshot_latest()? {
        Some((seq, bytes)) => match decode_state(&bytes) {
            Some(state) => (state, seq),
            None => {
                tracing::warn!(seq, "snapshot of another version; replaying from the beginning");
                (State::default(), 0)
            }
        },
        None => (State::default(), 0),
    };
    let mut next = from + 1;
    loop {
        let rows = journal.read(next, READ_ROWS)?;
        let Some(last) = rows.last() else { return Ok((state, from)) };
        next = last.seq + 1;
        for row in rows {
            let entry = Entry::from_body(&row.body).map_err(|source| ReplayError::Row {
                seq: row.seq,
                kind: row.kind.clone(),
                source,
            })?;
            state.apply(row.at, &entry);
        }
    }
}

/// Snapshot bytes of a state.
///
/// # Errors
/// When a value can't be encoded, which none of ours is.
pub(crate) fn encode_state(state: &State) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&(SNAPSHOT_LAYOUT, env!("CARGO_PKG_VERSION"), state))
}

fn decode_state(bytes: &[u8]) -> Option<State> {
    let (layout, version, state): (u32, String, State) = serde_json::from_slice(bytes).ok()?;
    (layout == SNAPSHOT_LAYOUT && version == env!("CARGO_PKG_VERSION")).then_some(state)
}
