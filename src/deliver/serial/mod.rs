//! Serial lines to terminals: RS-485 buses and radio modems, the gateway master of each.
//!
//! `master` and `transfer` decide (no I/O), `airtime` says what fits a line.

pub mod airtime;
mod master;
mod transfer;

pub use master::{
    LineAction, LineEvent, LineFigures, LineOrder, LineSetup, Master, TRANSFERS_MAX, WAITING_MAX,
};
pub use transfer::Content;
