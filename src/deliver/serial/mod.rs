//! Serial lines to terminals: RS-485 buses and radio modems, the gateway master of each.
//!
//! `master` and `transfer` decide (no I/O), `airtime` says what fits a line, `port` is the port, `lines`
//! knows who is where.

pub mod airtime;
mod lines;
mod master;
mod port;
mod transfer;

pub use lines::{Contents, LineConfig, LineMember, SerialLines};
pub use port::Direction;

pub use master::{
    LineAction, LineEvent, LineFigures, LineOrder, LineSetup, Master, TRANSFERS_MAX, WAITING_MAX,
};
pub use transfer::Content;

/// What came from a terminal by a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineWord {
    /// A sealed report or status.
    Frame(Vec<u8>),
    /// It answers, or has fallen silent.
    Presence(bool),
    /// It has this content.
    Here([u8; 32]),
}

/// A word with port and address.
struct PortTold {
    port: usize,
    address: u8,
    word: LineWord,
}
