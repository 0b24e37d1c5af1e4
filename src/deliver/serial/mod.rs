//! Serial lines to terminals: RS-485 buses and radio modems, the gateway master of each.
//!
//! `master` and `transfer` decide (no I/O), `airtime` and
//! `choose` say what fits a line, `kept` places warnings beforehand, `port` is the port, `lines`
//! knows who is where, `words` is what the master is told and answers.

pub mod airtime;
mod choose;
mod direction;
mod kept;
mod lines;
mod master;
mod port;
mod transfer;
mod words;

pub use direction::Direction;
pub use kept::{CHIMES_KEPT, KEPT_MAX, Kept, PHRASES_KEPT_MAX, Seal};
pub(super) use lines::body_of;
pub use lines::{Contents, LineConfig, LineMember, SerialLines, TimeSignals};

pub use master::{Master, TRANSFERS_MAX, WAITING_MAX};
pub use transfer::{Bring, Content};
pub use words::{LineAction, LineEvent, LineFigures, LineOrder, LineSetup, TimeUse};

/// What came from a terminal by a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineWord {
    /// A sealed report or status.
    Frame(Vec<u8>),
    /// It answers, or has fallen silent.
    Presence(bool),
    /// It has this content.
    Here([u8; 32]),
    /// It can't have this content.
    Never([u8; 32]),
}

/// A word with port and address.
struct PortTold {
    port: usize,
    address: u8,
    word: LineWord,
}
