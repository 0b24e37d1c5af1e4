//! Subcommands of `mingluo`, one file each.

pub mod check;
