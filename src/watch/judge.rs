//! Whether a condition holds at a time: it does, it does not, or the window is too empty to tell.

use super::Watched;
use crate::model::{Condition, Measure, Quantity, Sample, StationId, ThresholdRule, UtcMs};
use std::collections::BTreeMap;

/// A value older than this says nothing about now, seconds.
const NOW_S_MAX: i64 = 3_600;
/// Points of levels that are not the river's or the reservoir's own: below a dam, at intakes.
const OTHER_LEVELS: [&str; 9] = ["ZB", "Z1", "Z2", "Z3", "Z4", "Z5", "Z6", "Z7", "Z8"];

/// Where the conditions of a station's rules look: at its own sensors, and at those of others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) own: &'a Watched,
    pub(super) all: &'a BTreeMap<StationId, Watched>,
}

impl<'a> Sight<'a> {
    pub(super) fn of(&self, condition: &Condition) -> Option<&'a Watched> {
        condition.station.as_ref().map_or(Some(self.own), |other| self.all.get(other))
    }
}

/// What a condition came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Held {
    /// It holds; by this value.
    Yes(f64),
    /// It does not; by this value.
    No(f64),
    /// Too little is known.
    Unknown,
}

/// A sample as evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Where, when not at the warning's own station.
    pub other: Option<StationId>,
    /// Which sensor.
    pub point: String,
    /// What.
    pub quantity: Quantity,
    /// When and how much.
    pub sample: Sample,
}

/// Conditions of a rule with what they came to, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    pub(super) held: Held,
    pub(super) values: Vec<Option<f64>>,
}

/// Judges a rule: all conditions must hold. `was_held` = it was crossed before, so that it ends only
/// below its lower limits.
pub(super) fn rule(rule: &ThresholdRule, sight: Sight<'_>, at: UtcMs, was_held: bool) -> Judged {
    let all: Vec<Held> = rule
        .conditions
        .iter()
        .map(|condition| {
            let limit = if was_held { condition.ends_below } else { condition.at_least };
            sight
                .of(condition)
                .map_or(Held::Unknown, |watched| self::condition(condition, watched, at, limit))
        })
        .collect();
    let values = all.iter().map(|held| match held {
        Held::Yes(value) | Held::No(value) => Some(*value),
        Held::Unknown => None,
    });
    let values = values.collect();
    let no = all.iter().find(|held| matches!(held, Held::No(_)));
    let unknown = all.iter().find(|held| matches!(held, Held::Unknown));
    let first = all.first().copied().unwrap_or(Held::Unknown);
    Judged { held: *no.or(unknown).unwrap_or(&first), values }
}

/// Whether a sensor counts for a condition.
pub(super) fn counts(condition: &Condition, point: &str, quantity: Quantity) -> bool {
    let is_rain = matches!(quantity, Quantity::RainTotal | Quantity::Rain { .. });
    let wants_rain = condition.quantity == Quantity::RainTotal;
    let of_kind = if wants_rain { is_rain } else { condition.quantity == quantity };
    let of_point = match &condition.point {
        Some(wanted) => wanted == point,
        None => quantity != Quantity::Stage || !OTHER_LEVELS.contains(&point),
    };
    of_kind && of_point
}

fn condition(condition: &Condition, watched: &Watched, at: UtcMs, limit: f64) -> Held {
    let from = at.plus_s(-i64::from(condition.window_s));
    let silent_ms = i64::from(watched.station.silent_after_s) * 1000;
    let sensors =
        watched.windows.iter().filter(|((point, quantity), _)| counts(condition, point, *quantity));
    // The most that any sensor says, and whether one of them knows the whole window.
    let mut most: Option<f64> = None;
    let mut known = false;
    for ((_, quantity), series) in sensors {
        let told = match condition.measure {
            Measure::Value => series
                .newest()
                .filter(|newest| at.since_ms(newest.at) <= NOW_S_MAX * 1000)
                .map(|newest| (newest.value, true)),
            Measure::Change => {
                let samples: Vec<Sample> = series.within(from, at).collect();
                change(*quantity, &samples).map(|moved| (moved, series.reaches(from)))
            }
            Measure::Sum => match quantity {
                Quantity::Rain { minutes } => series.summed(*minutes, from, at),
                Quantity::RainTotal => series.risen(from, at).map(|mm| (mm, series.reaches(from))),
                Quantity::Stage
                | Quantity::Flow
                | Quantity::Storage
                | Quantity::Voltage
                | Quantity::Crack
                | Quantity::Displacement
                | Quantity::Tilt
                | Quantity::PorePressure
                | Quantity::MudLevel => None,
            },
        };
        if let Some((value, covered)) = told {
            most = Some(most.map_or(value, |most| most.max(value)));
            // A sensor that fell silent does not say that it rains no more.
            let heard = series.newest().is_some_and(|last| at.since_ms(last.at) <= silent_ms);
            known |= covered && heard;
        }
    }
    match most {
        Some(value) if value >= limit => Held::Yes(value),
        Some(value) if known => Held::No(value),
        Some(_) | None => Held::Unknown,
    }
}

/// How far the newest value is above the lowest of the window; the ground may move either way.
fn change(quantity: Quantity, samples: &[Sample]) -> Option<f64> {
    let newest = samples.last()?;
    if samples.len() < 2 {
        return None;
    }
    let either_way = matches!(quantity, Quantity::Crack | Quantity::Displacement | Quantity::Tilt);
    let moved = samples.iter().map(|sample| {
        let more = newest.value - sample.value;
        if either_way { more.abs() } else { more }
    });
    moved.reduce(f64::max)
}

/// The newest samples that a condition looked at, oldest first, at most `max`.
pub(super) fn evidence(
    condition: &Condition,
    sight: Sight<'_>,
    at: UtcMs,
    max: usize,
) -> Vec<Measured> {
    let window_s = i64::from(condition.window_s.max(3_600));
    let windows = sight.of(condition).into_iter().flat_map(|watched| &watched.windows);
    let sensors = windows.filter(|((point, quantity), _)| counts(condition, point, *quantity));
    let mut all: Vec<Measured> = sensors
        .flat_map(|((point, quantity), series)| {
            let within = series.within(at.plus_s(-window_s), at);
            within.map(|sample| Measured {
                other: condition.station.clone(),
                point: point.clone(),
                quantity: *quantity,
                sample,
            })
        })
        .collect();
    all.sort_by_key(|measured| measured.sample.at);
    all.split_off(all.len().saturating_sub(max))
}
