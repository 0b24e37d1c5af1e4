//! Monitoring stations 监测站 and what they measure: water, rain, ground.

use super::{AreaCode, Level, Position, UtcMs};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Characters of a station's name in telegrams and configuration.
const ID_CHARS_MAX: usize = 40;

/// A station: 1 to 40 letters, digits, `-`, `_` or `.`. A hydrological address of a telegram (ten
/// digits that begin with 00, SL 651-2014) is its eight-digit code of SL 502.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StationId(String);

impl StationId {
    /// Reads it; `None` when it is no name of a station.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if text.is_empty() || text.len() > ID_CHARS_MAX || !text.bytes().all(good) {
            return None;
        }
        let digits = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.strip_prefix("00") {
            Some(code) if digits => Some(Self(code.to_owned())),
            Some(_) | None => Some(Self(text)),
        }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is measured, each in one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Water level 水位, metres.
    Stage,
    /// Rain since the gauge was set up 累计雨量, millimetres; only rises until it is reset.
    RainTotal,
    /// Rain of the `minutes` before the time of the reading 时段雨量, millimetres.
    Rain {
        /// Length of the interval, 1 to 1,440 minutes.
        minutes: u16,
    },
    /// Flow 流量, cubic metres per second.
    Flow,
    /// Water stored 蓄水量, millions of cubic metres.
    Storage,
    /// Supply of the station 电压, volts.
    Voltage,
    /// Opening of a crack 裂缝, millimetres, cumulative.
    Crack,
    /// Displacement of the ground 位移, millimetres from the start.
    Displacement,
    /// Tilt 倾角, degrees.
    Tilt,
    /// Pore pressure 孔隙水压力, kilopascal.
    PorePressure,
    /// Mud level 泥位, metres.
    MudLevel,
}

impl Quantity {
    /// Its Chinese name.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Self::Stage => "水位",
            Self::RainTotal => "累计雨量",
            Self::Rain { .. } => "雨量",
            Self::Flow => "流量",
            Self::Storage => "蓄水量",
            Self::Voltage => "电压",
            Self::Crack => "裂缝",
            Self::Displacement => "位移",
            Self::Tilt => "倾角",
            Self::PorePressure => "孔压",
            Self::MudLevel => "泥位",
        }
    }

    /// Its unit as people read it.
    #[must_use]
    pub fn unit_zh(self) -> &'static str {
        match self {
            Self::Stage | Self::MudLevel => "米",
            Self::RainTotal | Self::Rain { .. } | Self::Crack | Self::Displacement => "毫米",
            Self::Flow => "立方米每秒",
            Self::Storage => "百万立方米",
            Self::Voltage => "伏",
            Self::Tilt => "度",
            Self::PorePressure => "千帕",
        }
    }

    /// What a sensor on this earth can measure: from, to. Beyond it a value is bad.
    #[must_use]
    pub fn plausible(self) -> (f64, f64) {
        match self {
            Self::Stage => (-200.0, 9_000.0),
            Self::RainTotal => (0.0, 1_000_000.0),
            Self::Rain { minutes } if minutes <= 5 => (0.0, 60.0),
            Self::Rain { minutes } if minutes <= 60 => (0.0, 450.0),
            Self::Rain { .. } => (0.0, 2_000.0),
            Self::Flow => (-50_000.0, 200_000.0),
            Self::Storage => (0.0, 100_000.0),
            Self::Voltage => (0.0, 1_000.0),
            Self::Crack | Self::Displacement => (-100_000.0, 100_000.0),
            Self::Tilt => (-180.0, 360.0),
            Self::PorePressure => (-500.0, 50_000.0),
            Self::MudLevel => (-20.0, 200.0),
        }
    }
}

/// How far a reading can be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "quality", content = "why")]
pub enum Quality {
    /// As measured.
    Good,
    /// The station says that it has no value.
    Missing,
    /// It is no possible value; why.
    Bad(String),
    /// The time of the telegram is no time; why. The value has the time at which it came.
    Untimed(String),
}

/// One value of one sensor at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Which station.
    pub station: StationId,
    /// Which of its sensors, such as `Z` or `L1_LF_1`.
    pub point: String,
    /// What is measured.
    pub quantity: Quantity,
    /// The value in the unit of the quantity; 0 when it is missing.
    pub value: f64,
    /// When it was measured; for an interval its end.
    pub observed_at: UtcMs,
    /// Whether it can be believed.
    pub quality: Quality,
}

/// Readings as they came in, with what the station says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingReport {
    /// Which station sent it.
    pub station: StationId,
    /// When it says it sent it; `None` = it says none.
    pub reported_at: Option<UtcMs>,
    /// When we had it.
    pub received_at: UtcMs,
    /// The values.
    pub readings: Vec<Reading>,
    /// Alarms that the station raises about itself, in Chinese, such as 电池电压低; `None` = it says
    /// nothing about itself, such as a sign of life.
    pub alarms: Option<Vec<String>>,
}

/// What kind of place a station watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StationKind {
    /// River 河道.
    River,
    /// Reservoir 水库.
    Reservoir,
    /// Rain gauge 雨量.
    Rain,
    /// Gate 闸坝.
    Gate,
    /// Slope or landslide 地质.
    Slope,
}

impl StationKind {
    /// Its Chinese name.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Self::River => "河道站",
            Self::Reservoir => "水库站",
            Self::Rain => "雨量站",
            Self::Gate => "闸坝站",
            Self::Slope => "地质监测点",
        }
    }
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The newest value.
    Value,
    /// How much it rose (or, for the ground, moved) within `window_s`.
    Change,
    /// The sum of rain within `window_s`.
    Sum,
}

/// One comparison of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// What is compared; for rain `RainTotal` stands for every way to measure it.
    pub quantity: Quantity,
    /// Only this sensor; `None` = any of the quantity.
    pub point: Option<String>,
    /// Measured at this station; `None` = at the rule's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub station: Option<StationId>,
    /// How.
    pub measure: Measure,
    /// Length of the window, seconds; 0 for `Value`.
    pub window_s: u32,
    /// It holds from here on, in the unit of the quantity.
    pub at_least: f64,
    /// Once it held, it ends below this.
    pub ends_below: f64,
}

/// A threshold: all conditions together are a crossing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdRule {
    /// Its name, such as 警戒 or 保证.
    pub name: String,
    /// The level of the warning.
    pub level: Level,
    /// Hazard code of GB/T 35561.
    pub hazard: String,
    /// One or more.
    pub conditions: Vec<Condition>,
}

/// A station of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Station {
    /// Its name in telegrams.
    pub id: StationId,
    /// Its name for people.
    pub name: String,
    /// What it watches.
    pub kind: StationKind,
    /// Where it stands.
    pub area: AreaCode,
    /// Areas that are warned; never empty, its own when the row names no other.
    pub warns: Vec<AreaCode>,
    /// Where exactly.
    pub position: Option<Position>,
    /// Seconds of silence after which it is flagged.
    pub silent_after_s: u32,
    /// Thresholds; may be empty (only shown).
    pub rules: Vec<ThresholdRule>,
}

/// A warning of a station that holds: the alert that told it is on record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crossing {
    /// Which station.
    pub station: StationId,
    /// Hazard code; one warning a station and hazard.
    pub hazard: String,
    /// Name of the rule.
    pub rule: String,
    /// Level of the warning.
    pub level: Level,
    /// The alert.
    pub alert: super::AlertId,
    /// When it was crossed.
    pub since: UtcMs,
}

/// Names of the parameters by which an alert of ours tells of its station; they never change.
pub mod parameter {
    /// The station.
    pub const STATION: &str = "station";
    /// Hazard code of the warning.
    pub const HAZARD: &str = "stationHazard";
    /// The rule that holds; absent when the warning ended.
    pub const RULE: &str = "stationRule";
}
