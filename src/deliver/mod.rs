//! Broadcasts become orders on links, repeated until played, refused or expired.

mod delivery;
mod schedule;

pub use delivery::{Delivery, News};
pub use schedule::{Due, Pace, Presence, due, tried, wait_ms};
