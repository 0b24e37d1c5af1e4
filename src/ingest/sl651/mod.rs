//! Telegrams of hydrological stations by SL 651-2014, in HEX and ASCII mode, of one packet or of
//! several, and the answers to them. Pure: bytes in, data out, whatever the bytes say.
//!
//! ```text
//! stream ─cut─▶ bytes of one telegram ─frame─▶ Frame ─Assembler─▶ Frame ─telegram─▶ Telegram ─readings─▶ ReadingReport
//! ```

mod answer;
mod assemble;
mod elements;
mod frame;
mod readings;
mod telegram;
#[cfg(test)]
mod tests;
mod uniform;

pub use answer::{Called, Confirm, QUERY, answer, query};
pub use assemble::{Assembled, Assembler};
pub use elements::{Element, Value};
pub use frame::{Frame, Mode, Packet, TELEGRAM_BYTES_MAX, frame};
pub use readings::readings;
pub use telegram::{KEEP_ALIVE, Telegram, function_zh, telegram};

/// How many bytes the telegram has that `bytes` begin with: `None` = too few are here to tell,
/// zero = none begins here.
#[must_use]
pub fn length(bytes: &[u8]) -> Option<usize> {
    frame::length(bytes)
}
