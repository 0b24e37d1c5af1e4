//! What is known of each station now, for people: last values, age, clock, faults, warnings.

use super::Watcher;
use crate::model::{AreaCode, Crossing, Position, Quantity, ReadingReport, StationId, UtcMs};
use serde::Serialize;

/// What was last heard of a station.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) at: Option<UtcMs>,
    pub(super) clock: Option<String>,
    pub(super) faults: Vec<String>,
    alarms: Vec<String>,
}

impl Seen {
    pub(super) fn came(&mut self, report: &ReadingReport) {
        self.at = Some(report.received_at);
        if let Some(alarms) = &report.alarms {
            self.alarms.clone_from(alarms);
        }
    }
}

/// The last value of one sensor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Last {
    /// Which sensor.
    pub point: String,
    /// What it measures.
    pub quantity: Quantity,
    /// Chinese name of that.
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// Its unit, Chinese.
    pub unit: &'static str,
    /// When it was measured.
    pub observed_at: UtcMs,
}

/// A station for people and programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StationView {
    /// Its name in telegrams.
    pub station: StationId,
    /// Its name for people.
    pub name: String,
    /// `river`, `reservoir`, `rain`, `gate` or `slope`.
    pub kind: crate::model::StationKind,
    /// Where it stands.
    pub area: AreaCode,
    /// Where exactly.
    pub position: Option<Position>,
    /// When it was last heard; `None` = not since the start.
    pub heard_at: Option<UtcMs>,
    /// Seconds since then.
    pub age_s: Option<i64>,
    /// Silent longer than configured, counted from the start when it was never heard.
    pub silent: bool,
    /// What is wrong with its clock, Chinese.
    pub clock: Option<String>,
    /// What is wrong with its last values, Chinese.
    pub faults: Vec<String>,
    /// What it says about itself, Chinese.
    pub alarms: Vec<String>,
    /// Its last values.
    pub values: Vec<Last>,
    /// Warnings that hold.
    pub warnings: Vec<Crossing>,
}

/// A station that is not in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// The name it gave.
    pub station: StationId,
    /// When it was last heard.
    pub heard_at: UtcMs,
}

impl Watcher {
    /// Stations in order of name after `after`, at most `max`. `started_at` is when the watcher began.
    #[must_use]
    pub fn views(
        &self,
        now: UtcMs,
        started_at: UtcMs,
        after: Option<&StationId>,
        max: usize,
    ) -> Vec<StationView> {
        let stations = self.stations.iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
        let view = |watched: &super::Watched| {
            let station = &watched.station;
            let silent_ms = i64::from(station.silent_after_s) * 1000;
            let last = |((point, quantity), series): (&(String, Quantity), &super::Series)| {
                let newest = series.newest()?;
                Some(Last {
                    point: point.clone(),
                    quantity: *quantity,
                    name: quantity.zh(),
                    value: newest.value,
                    unit: quantity.unit_zh(),
                    observed_at: newest.at,
                })
            };
            StationView {
                station: station.id.clone(),
                name: station.name.clone(),
                kind: station.kind,
                area: station.area,
                position: station.position,
                heard_at: watched.seen.at,
                age_s: watched.seen.at.map(|at| now.since_ms(at) / 1000),
                silent: now.since_ms(watched.seen.at.unwrap_or(started_at)) > silent_ms,
                clock: watched.seen.clock.clone(),
                faults: watched.seen.faults.clone(),
                alarms: watched.seen.alarms.clone(),
                values: watched.windows.iter().filter_map(last).collect(),
                warnings: watched.held.values().cloned().collect(),
            }
        };
        stations.take(max).map(|(_, watched)| view(watched)).collect()
    }

    /// Stations that sent something and are not in the configuration.
    #[must_use]
    pub fn unknown(&self) -> Vec<Unknown> {
        let known = |(station, at): (&StationId, &UtcMs)| Unknown {
            station: station.clone(),
            heard_at: *at,
        };
        self.unknown.iter().map(known).collect()
    }
}
