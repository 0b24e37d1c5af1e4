//! Simulated terminals: the real terminal core over real MQTT connections, thousands in one
//! process, well-behaved or not.

mod clips;
mod fleet;
mod session;
mod terminal;

pub use clips::{ClipSource, Fetching};
pub use fleet::{Fleet, FleetConfig, FleetStats, FleetTerminal, Misbehaviour, Tally};
pub use session::{Received, Session, SessionConfig, SessionFault};
