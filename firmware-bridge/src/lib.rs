//! Wire format and terminal core of Mingluo, shared by gateway, firmware and simulators.
//!
//! `no_std`, no allocation, no `unsafe`. Byte layout for other vendors: `PROTOCOL.md`; frozen by
//! `tests/wire_v1.rs`.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable
    )
)]

#[cfg(any(feature = "std", test))]
extern crate std;

pub mod adpcm;
pub mod clock;
pub mod frame;
pub mod gateway_key;
pub mod intake;
pub mod line;
pub mod message;
pub mod phrases;
pub mod provision;
pub mod queue;
pub mod replay;
pub mod serial;
pub mod station;
pub mod taken;
pub mod terminal;
pub mod topics;
pub mod tts;

/// Text of at most `N` bytes, without allocation.
pub type Text<const N: usize> = heapless::String<N>;
