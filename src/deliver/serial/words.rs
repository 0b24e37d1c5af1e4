//! What the master of a line is told, and what it answers.

use super::transfer::Content;
use std::sync::Arc;

/// From this speed on chunks are larger, bits per second.
const FAST_BAUD: u32 = 38_400;

/// How one line is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineSetup {
    /// Bits per second.
    pub baud: u32,
    /// Chunk size in units of eight bytes.
    pub units: u8,
    /// From the end of a poll to the first byte of its answer at most, microseconds.
    pub answer_wait_us: i64,
    /// How often a terminal is asked when nothing concerns it, microseconds.
    pub idle_poll_us: i64,
    /// How often it is asked while it may be playing, microseconds.
    pub watch_poll_us: i64,
    /// Silence after an order, in which terminals check its signature and could lose what comes,
    /// microseconds; orders follow each other without it.
    pub check_us: i64,
}

impl LineSetup {
    /// What suits a line of that speed. A damaged byte costs a chunk, and a cancel waits for one:
    /// small chunks on slow lines, where large ones would take half a second.
    #[must_use]
    pub fn of(baud: u32) -> Self {
        Self {
            baud,
            units: if baud >= FAST_BAUD { 60 } else { 28 },
            answer_wait_us: 60_000,
            idle_poll_us: 10_000_000,
            watch_poll_us: 1_000_000,
            check_us: 0,
        }
    }
}

/// What an order has to do with the terminals' clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUse {
    /// It sets them.
    Sets,
    /// It is judged by them: the time goes before it.
    Needs,
    /// It holds without: nothing may delay it.
    Free,
}

/// An order for terminals of this line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineOrder {
    /// The sealed frame.
    pub frame: Arc<[u8]>,
    /// Addresses it concerns.
    pub to: Vec<u8>,
    /// Higher goes first when content waits for the line.
    pub priority: u8,
    /// Of no use after, microseconds of the line's time.
    pub expires_us: i64,
    /// Content that goes with it.
    pub content: Vec<Content>,
    /// How long answers are expected, microseconds.
    pub watch_us: i64,
    /// Whether the time must go before it.
    pub time: TimeUse,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineEvent<'a> {
    /// Bytes came from the line.
    Bytes(&'a [u8]),
    /// An order to send.
    Order(LineOrder),
    /// A receipt for one terminal.
    Receipt(u8, Arc<[u8]>),
    /// The answer to [`LineAction::AskTime`]: sealed time signals, made just now; none when there
    /// are none, and orders go without.
    Time(Vec<Arc<[u8]>>),
    /// Nothing: time passed.
    Tick,
    /// The port came back: what was on the line is lost.
    Opened,
}

/// What must be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineAction {
    /// Write these bytes; they take the line until `Master::busy_until_us`.
    Write(Vec<u8>),
    /// Make the time signals now, and hand them over at once as [`LineEvent::Time`].
    AskTime,
    /// A sealed report or status of the terminal at this address.
    Heard(u8, Vec<u8>),
    /// The terminal at this address answers (again), or has fallen silent.
    Presence(u8, bool),
    /// The terminal at this address has this content.
    Here(u8, [u8; 32]),
    /// The terminal at this address can't have this content.
    Never(u8, [u8; 32]),
    /// The queue is full, or content does not fit the line: this order was not taken.
    Refused(Arc<[u8]>),
}

/// Counts of one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineFigures {
    /// Bytes written.
    pub bytes: u64,
    /// Polls written.
    pub polls: u64,
    /// Answers that came whole.
    pub answers: u64,
    /// Polls without a whole answer.
    pub silences: u64,
    /// Chunks written.
    pub chunks: u64,
}
