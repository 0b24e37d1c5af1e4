//! The drivers around the core: thin, bounded, replaceable.

mod clips;
mod core;
mod folder;
mod ground;
mod health;
mod link;
mod metrics;
mod perform;
mod pins;
mod render;
mod replay;
mod run;
mod serve;
mod status;

pub use core::{CoreFault, CoreHandle, INPUTS_MAX};
pub(crate) use health::STUCK_MS;
pub use health::{Health, Life};
pub use metrics::{Metrics, outcome_name, step_name};
pub use perform::Seen;
pub use replay::{ReplayError, replay};
pub use run::{Daemon, StartFault};
pub(crate) use serve::stopped;
