//! A restart is a replay: the latest good snapshot, then every row after it.

use crate::decide::PolicyEdits;
use crate::gateway::State;
use crate::record::entry::Entry;
use crate::record::{self, Journal, JournalError, Row};

/// Rows read at a time.
const READ_ROWS: usize = 4_096;
/// Layout of the snapshot; a snapshot of another layout is ignored and the journal is replayed
/// from its beginning. Raise it with every change of `State`.
const SNAPSHOT_LAYOUT: u32 = 3;
/// Kinds of entries that change the policy.
const POLICY_KINDS: [&str; 4] =
    ["policy_proposed", "policy_approved", "policy_withdrawn", "policy_refused"];

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
            state.apply(row.at, &entry(&row)?);
        }
    }
}

/// What people changed of the policy, from a record that need not be ours to write; nothing when there is
/// no record yet. For those who look at a configuration beside the gateway.
///
/// # Errors
/// When the record can't be read.
pub fn policy_edits(url: &str) -> Result<PolicyEdits, ReplayError> {
    if !record::sqlite_path(url).is_some_and(|file| file.exists()) {
        return Ok(PolicyEdits::default());
    }
    let store = record::open_read_only(url)?;
    let snapshot = store.snapshot_latest()?;
    let known = snapshot.and_then(|(seq, bytes)| decode_state(&bytes).map(|state| (seq, state)));
    let (from, mut state) = known.unwrap_or_default();
    for row in store.of_kinds(from + 1, &POLICY_KINDS)? {
        state.apply(row.at, &entry(&row)?);
    }
    Ok(state.policy)
}

fn entry(row: &Row) -> Result<Entry, ReplayError> {
    Entry::from_body(&row.body).map_err(|source| ReplayError::Row {
        seq: row.seq,
        kind: row.kind.clone(),
        source,
    })
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
