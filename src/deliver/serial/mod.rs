//! Serial lines to terminals: RS-485 buses and radio modems, the gateway master of each.
//!
//! `master` and `transfer` decide (no I/O), `airtime` and
//! `choose` say what fits a line, `kept` places warnings beforehand, `port` is the port, `lines`
//! knows who is where.

pub mod airtime;
mod choose;
mod kept;
mod lines;
mod master;
mod port;
mod transfer;

pub use kept::{KEPT_MAX, Kept, Seal};
pub use lines::{Contents, LineConfig, LineMember, SerialLines};
pub use port::Direction;

pub use master::{
    LineAction, LineEvent, LineFigures, LineOrder, LineSetup, Master, TRANSFERS_MAX, WAITING_MAX,
};
pub use transfer::{Bring, Content};

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
