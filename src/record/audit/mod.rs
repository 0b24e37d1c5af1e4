//! The audit 回执审计: who was warned, when, by which link, over everything ever recorded.
//!
//! Ten million journal rows can't be read for a question, so a projection of them lies in a file
//! beside the record: one [`Ladder`] for each terminal × broadcast, and counts of them by township.
//! A thread of its own follows the journal ([`Projector`]), so that nothing is added to the commit
//! that a warning waits for. The journal stays the truth: the verifier never looks at the
//! projection, which may be deleted at any time and is made again from the journal.
//!
//! ```text
//! journal ──Projector──▶ record.db-audit ──Audit──▶ page · summary · ladders one by one
//!    └──────────────────────────────────────Audit──▶ proof: rows, hashes, signed head
//! ```

mod filter;
mod fold;
mod follow;
mod index;
mod ladder;
mod memory;
mod pack;
pub(super) mod place;
mod proof;
mod query;
mod reader;

pub use filter::{AREAS_MAX, Cursor, Filter, OutcomeKind};
pub use follow::{BATCH_ROWS, Projector};
pub use ladder::{
    AsOf, BroadcastLine, LADDER_ROWS_MAX, Ladder, Page, Summary, Totals, TownshipLine,
};
pub use memory::MemoryAudit;
pub use proof::{ChainProof, Fact, Proof, ProofRow, SPAN_ROWS_MAX, SignedHead};
pub use reader::{Audit, Interrupt};
