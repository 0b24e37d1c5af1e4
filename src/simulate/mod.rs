//! Simulated terminals: the real terminal core over real MQTT connections, thousands in one
//! process, well-behaved or not; and the same core on a software RS-485 bus behind pseudo-terminals.

mod bus;
mod bus_pty;
mod bus_terminal;
mod clips;
mod fleet;
mod national;
mod national_horn;
mod platform;
mod session;
mod terminal;

pub use bus::{Bus, BusByte, BusFigures, LineTrouble};
pub use bus_pty::{SerialFleet, SimulatedLine, SimulatedLines};
pub use bus_terminal::{BusTerminal, MemoryFlash, Sounded, line_profile};
pub use clips::{ClipSource, Fetching};
pub use fleet::{Fleet, FleetConfig, FleetStats, FleetTerminal, Misbehaviour, OrderTimes, Tally};
pub use national::{NationalFaults, NationalFleet, NationalFleetConfig, NationalStats};
pub use platform::{EbmOrder, FromCounty, UpperPlatform, UpperTls, ebm};
pub use session::{Received, Session, SessionConfig, SessionFault};
pub use terminal::Slots;
