//! The journal: what is not recorded did not happen.
pub mod entry;
