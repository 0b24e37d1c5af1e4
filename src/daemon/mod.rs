//! The drivers around the core: thin, bounded, replaceable.

pub(crate) mod clips;
mod core;
mod folder;
mod lines;
mod link;
mod metrics;
mod perform;
mod render;
mod replay;
mod run;

pub use core::{CoreFault, CoreHandle, INPUTS_MAX};
pub use metrics::{Metrics, outcome_name, step_name};
pub use perform::Seen;
pub use replay::{ReplayError, replay};
pub use run::{Daemon, StartFault};
