//! A terminal's main loop: terminal core, line, content and sound, over a [`Board`].
//!
//! ```text
//! line ─▶ Station ─▶ Terminal ─▶ Start/Stop ─▶ Player ─▶ samples ─▶ Board (converter, amplifier)
//!   ◀── answer ┘  └─▶ Clips (SD card) ────────────┘
//! ```
//! No allocation and no `unsafe`: what touches hardware is in the board crates.
#![no_std]
#![forbid(unsafe_code)]

mod eeprom;
mod player;
mod sd;
mod shelf;
mod step;

pub use eeprom::{Eeprom, Slots, TIME_FLOOR_STEP_MS, TimeFloor, provision};
pub use player::{Player, SAMPLE_RATE_HZ, TextSpace};
pub use sd::{CardBus, SdCard};
pub use shelf::{BLOCK_BYTES, Blocks, CLIP_BYTES_MAX, SLOTS_MAX, Shelf};
pub use step::{App, Core, Line, Parts, core, line};

use mingluo_bridge::message::Codec;

/// What this firmware can play without a speech chip.
pub const CODECS: u8 = {
    // `Codec::bit` is no constant function; the status test on the host compares both.
    const ADPCM: u8 = 4;
    const PHRASES: u8 = 16;
    ADPCM | PHRASES
};

/// Name and version, for the status.
pub const SOFTWARE: &str = concat!("mingluo-bridge ", env!("CARGO_PKG_VERSION"));

/// Whether [`CODECS`] has this one.
#[must_use]
pub fn plays(codec: Codec) -> bool {
    codec.bit() & CODECS != 0
}

/// What a board must have. Nothing here waits.
pub trait Board {
    /// Milliseconds since boot.
    fn tick_ms(&self) -> i64;
    /// The next byte from the line, if one came.
    fn line_read(&mut self) -> Option<u8>;
    /// When the newest byte came, milliseconds since boot.
    fn line_heard_ms(&self) -> i64;
    /// Before the first and after the last byte of an answer: the line driver's direction.
    fn line_talk(&mut self, talk: bool);
    /// Puts a byte on the line; false when there is no room yet.
    fn line_write(&mut self, byte: u8) -> bool;
    /// Whether everything written has left, stop bit and all.
    fn line_sent(&self) -> bool;
    /// The amplifier's relay. A board opens it at reset and in every fault by itself.
    fn relay(&mut self, closed: bool);
    /// How many samples the converter's queue takes now.
    fn sound_room(&self) -> usize;
    /// Puts one sample, 16 bits at [`SAMPLE_RATE_HZ`], into the queue.
    fn sound_put(&mut self, sample: i16);
    /// Whether samples wait in the queue.
    fn sounding(&self) -> bool;
    /// Drops what waits in the queue, at once.
    fn sound_stop(&mut self);
    /// Takes a whole frame for the speech chip; false when there is no room for all of it, or no
    /// chip. It leaves without a pause in it.
    fn chip_send(&mut self, frame: &[u8]) -> bool;
    /// The next byte from the speech chip, if one came.
    fn chip_read(&mut self) -> Option<u8>;
    /// A sensor finds current in the loudspeaker's line.
    fn heard(&mut self) -> bool;
    /// All is well: the watchdog may wait again.
    fn feed(&mut self);
    /// Sleeps until an interrupt, a millisecond at most.
    fn rest(&mut self);
}
