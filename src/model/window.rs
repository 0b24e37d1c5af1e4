//! What the windows of stations hold, so that they outlive a restart: samples of sensors.

use super::{Quantity, StationId, UtcMs};

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was measured.
    pub at: UtcMs,
    /// The value, in the unit of its quantity.
    pub value: f64,
}

/// One sensor of one station.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sensor {
    /// Its station.
    pub station: StationId,
    /// Its name there, such as `Z`; may be empty.
    pub point: String,
    /// What it measures.
    pub quantity: Quantity,
}

/// How the window of a sensor changed by one reading.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowChange {
    /// Which sensor.
    pub sensor: Sensor,
    /// What came in, in place of an older value of the same time.
    pub put: Option<Sample>,
    /// Everything before this left the window.
    pub oldest_at: UtcMs,
    /// The leap that waits for a second that says the same, from now on.
    pub suspect: Option<Sample>,
}

/// The window of a sensor as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowKept {
    /// Which sensor.
    pub sensor: Sensor,
    /// In order of time.
    pub samples: Vec<Sample>,
    /// The leap that waits.
    pub suspect: Option<Sample>,
}
