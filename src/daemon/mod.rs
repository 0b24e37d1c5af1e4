//! The drivers around the core: thin, bounded, replaceable.

mod audit;
mod call;
pub(crate) mod clips;
mod core;
mod expiry;
mod external;
mod folder;
mod ground;
mod health;
mod keep;
mod lines;
mod link;
mod metrics;
mod perform;
mod pins;
mod preview;
mod recordings;
mod render;
mod replay;
mod run;
mod serve;
mod status;

pub use audit::{AuditDesk, AuditFault, Letterhead, Pieces};
pub use core::{CoreFault, CoreHandle, INPUTS_MAX};
pub use external::external_broker;
pub(crate) use health::STUCK_MS;
pub use health::{Health, Life};
pub use metrics::{Metrics, outcome_name, step_name};
pub use perform::Seen;
pub use preview::{Preview, PreviewDesk, PreviewFault, PreviewOrder};
pub use recordings::{Checked, Incoming, Kept, RecordingDesk, UPLOAD_BYTES_MAX, UploadFault};
pub use replay::{ReplayError, replay};
pub use run::{Daemon, StartFault};
pub(crate) use run::{key_ring, render_config};
pub use serve::Peer;
pub(crate) use serve::stopped;
