//! Mingluo 鸣锣: early-warning broadcast gateway for a county's village loudspeakers.
//!
//! One direction: `ingest → decide → render → deliver → record`. See `ARCHITECTURE.md`.
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

pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod daemon;
pub mod decide;
pub mod deliver;
pub mod gateway;
pub mod ingest;
pub mod model;
pub mod record;
pub mod render;
pub mod report;
pub mod secrets;
pub mod simulate;
pub mod tls;
pub mod watch;
