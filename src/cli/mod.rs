//! Subcommands of `mingluo`, one file each.

pub mod check;
pub mod record;
