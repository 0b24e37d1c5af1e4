//! The watcher: readings of stations become crossings of thresholds, and crossings become alerts of
//! our own. Pure: it has no clock and does nothing; the windows it keeps are bounded.
//!
//! ```text
//! ReadingReport ─put─▶ windows ─judge─▶ Warning ─words─▶ alert in our JSON form ─ingest─▶ …
//!                       └─▶ WindowChange ─▶ kept beside the record ─restore─▶ windows after a restart
//! ```
//!
//! One warning holds a station and hazard at a time: that of its highest rule. It is told once when
//! it is crossed, once for every change to another rule, and once when it ends. A warning counts as
//! told when its alert is on record (`told`); until then the next reading says it again. What the
//! record holds is given back at the start (`new`), and so are the windows (`restore`): a restart
//! neither repeats nor forgets. A rule may look at sensors of other stations; then their readings are
//! judged for it too.

mod judge;
#[cfg(test)]
mod restarts;
mod rules;
mod series;
mod stations;
#[cfg(test)]
mod tests;
mod words;

pub use judge::Measured;
pub use rules::rules;
pub use stations::{StationView, Unknown};
pub use words::{SENDER, alert};

use crate::model::{
    AlertId, Condition, Crossing, Quality, Quantity, Reading, ReadingReport, Sample, Sensor,
    Station, StationId, ThresholdRule, UtcMs, WindowChange, WindowKept,
};
use judge::{Held, Judged, Sight};
use series::{Put, Series};
use stations::Seen;
use std::collections::{BTreeMap, BTreeSet};

/// Sensors kept of one station; more are shown no more.
const SENSORS_MAX: usize = 64;
/// Stations that are not in the configuration and are remembered for people.
const UNKNOWN_MAX: usize = 200;
/// A clock that differs so much from ours is wrong, seconds.
const CLOCK_S_MAX: i64 = 600;
/// A reading older than this warns of nothing by itself, seconds.
const LATE_S_MAX: i64 = 3_600;
/// What is kept of a sensor that no rule looks back at, seconds.
const WINDOW_S_MIN: u32 = 3_600;
/// Samples of one condition that go with an alert.
const EVIDENCE_MAX: usize = 60;

/// Windows of a station, by point and quantity.
type Windows = BTreeMap<(String, Quantity), Series>;

/// What is to be told of a station.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// The station.
    pub station: Station,
    /// Hazard code.
    pub hazard: String,
    /// The rule that holds now; `None` = the warning ended.
    pub rule: Option<ThresholdRule>,
    /// The values of its conditions, or of the ended rule's.
    pub values: Vec<Option<f64>>,
    /// The warning that held before.
    pub before: Option<Crossing>,
    /// The rule of that warning, when it is still in the configuration.
    pub before_rule: Option<ThresholdRule>,
    /// Time of the reading that led to it.
    pub at: UtcMs,
    /// What was measured, oldest first for each condition.
    pub evidence: Vec<Measured>,
    /// Names of the other stations whose sensors count.
    pub others: BTreeMap<StationId, String>,
}

/// What a report led to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taken {
    /// Whether the station is in the configuration.
    pub known: bool,
    /// What is wrong with its values or its clock, Chinese, for people.
    pub notes: Vec<String>,
    /// What must be kept before anything is done for it.
    pub changes: Vec<WindowChange>,
    /// Whether one of its readings may warn.
    pub may_warn: bool,
}

/// One station with its past.
#[derive(Debug)]
struct Watched {
    station: Station,
    windows: Windows,
    held: BTreeMap<String, Crossing>,
    seen: Seen,
    /// Conditions that look at its sensors, of its own rules and of others.
    looking: Vec<Condition>,
    /// Other stations with such rules, and the hazards of these.
    looked_at_by: BTreeMap<StationId, Vec<String>>,
}

/// All stations.
#[derive(Debug, Default)]
pub struct Watcher {
    stations: BTreeMap<StationId, Watched>,
    unknown: BTreeMap<StationId, UtcMs>,
}

impl Watcher {
    /// Watches these stations, going on from the warnings that the record holds.
    #[must_use]
    pub fn new(stations: Vec<Station>, crossings: &[Crossing]) -> Self {
        let watched = |station: Station| {
            let own = crossings.iter().filter(|crossing| crossing.station == station.id);
            let held = own.map(|crossing| (crossing.hazard.clone(), crossing.clone())).collect();
            let watched = Watched {
                windows: Windows::new(),
                held,
                seen: Seen::default(),
                looking: Vec::new(),
                looked_at_by: BTreeMap::new(),
                station,
            };
            (watched.station.id.clone(), watched)
        };
        let mut all = Self {
            stations: stations.into_iter().map(watched).collect(),
            unknown: BTreeMap::new(),
        };
        all.connect();
        all
    }

    /// Tells every station which conditions look at its sensors.
    fn connect(&mut self) {
        let mut looks: Vec<(StationId, StationId, String, Condition)> = Vec::new();
        for (id, watched) in &self.stations {
            for rule in &watched.station.rules {
                for condition in &rule.conditions {
                    let at = condition.station.as_ref().unwrap_or(id).clone();
                    looks.push((at, id.clone(), rule.hazard.clone(), condition.clone()));
                }
            }
        }
        for (at, by, hazard, condition) in looks {
            let Some(watched) = self.stations.get_mut(&at) else { continue };
            watched.looking.push(condition);
            if at != by {
                let hazards = watched.looked_at_by.entry(by).or_default();
                if !hazards.contains(&hazard) {
                    hazards.push(hazard);
                }
            }
        }
    }

    /// Gives windows back as they were kept; what belongs to no station any more is returned.
    #[must_use]
    pub fn restore(&mut self, kept: Vec<WindowKept>) -> Vec<Sensor> {
        let mut left = Vec::new();
        for window in kept {
            let room = |watched: &&mut Watched| watched.windows.len() < SENSORS_MAX;
            match self.stations.get_mut(&window.sensor.station).filter(room) {
                Some(watched) => {
                    let key = (window.sensor.point.clone(), window.sensor.quantity);
                    watched.windows.insert(key, Series::restored(window));
                }
                None => left.push(window.sensor),
            }
        }
        left
    }

    /// What holds after a restart and was not told before it, or is new by other thresholds. What
    /// nobody measured within the last hour is not told.
    #[must_use]
    pub fn resume(&self, now: UtcMs) -> Vec<Warning> {
        let fresh = |at: &UtcMs| now.since_ms(*at) <= LATE_S_MAX * 1000;
        let judged = |watched: &Watched| {
            let newest = watched.newest().filter(fresh);
            newest.map(|_| self.judge(&watched.station.id)).unwrap_or_default()
        };
        let mut warnings: Vec<Warning> = self.stations.values().flat_map(judged).collect();
        // A station and one that its rules look at give the same.
        let mut told = BTreeSet::new();
        warnings
            .retain(|warning| told.insert((warning.station.id.clone(), warning.hazard.clone())));
        warnings
    }

    /// Puts a report into the windows. When its changes are kept, [`Watcher::judge`] says what it
    /// means.
    pub fn put(&mut self, report: &ReadingReport) -> Taken {
        let Some(watched) = self.stations.get_mut(&report.station) else {
            if self.unknown.len() < UNKNOWN_MAX || self.unknown.contains_key(&report.station) {
                self.unknown.insert(report.station.clone(), report.received_at);
            }
            return Taken::default();
        };
        let mut taken = Taken { known: true, ..Taken::default() };
        watched.seen.came(report);
        watched.seen.clock = clock_note(report);
        if let Some(note) = &watched.seen.clock {
            taken.notes.push(note.clone());
            watched.seen.faults.clear();
            return taken;
        }
        for reading in &report.readings {
            match watched.put(reading, report.received_at, &mut taken.changes) {
                Ok(may_warn) => taken.may_warn |= may_warn,
                Err(note) => taken.notes.push(note),
            }
        }
        // A sign of life says nothing new about its values.
        if !report.readings.is_empty() {
            watched.seen.faults.clone_from(&taken.notes);
        }
        taken
    }

    /// What is to be told by what this station measured.
    #[must_use]
    pub fn judge(&self, station: &StationId) -> Vec<Warning> {
        let Some(watched) = self.stations.get(station) else { return Vec::new() };
        let mut warnings = Vec::new();
        for hazard in watched.hazards() {
            let sight = Sight { own: watched, all: &self.stations };
            warnings.extend(watched.judge_hazard(hazard, sight));
        }
        for (other, hazards) in &watched.looked_at_by {
            let Some(other) = self.stations.get(other) else { continue };
            for hazard in hazards {
                let sight = Sight { own: other, all: &self.stations };
                warnings.extend(other.judge_hazard(hazard, sight));
            }
        }
        warnings
    }

    /// The alert of a warning is on record.
    pub fn told(&mut self, warning: &Warning, alert: &AlertId) {
        let Some(watched) = self.stations.get_mut(&warning.station.id) else { return };
        match words::crossing(warning, alert) {
            Some(crossing) => drop(watched.held.insert(warning.hazard.clone(), crossing)),
            None => drop(watched.held.remove(&warning.hazard)),
        }
    }
}

/// Why the clock of a station can't be believed.
fn clock_note(report: &ReadingReport) -> Option<String> {
    let sent = report.reported_at?;
    let off_s = sent.since_ms(report.received_at) / 1000;
    let minutes = off_s.abs() / 60;
    let word = if off_s > 0 { "快" } else { "慢" };
    (off_s.abs() > CLOCK_S_MAX)
        .then(|| format!("测站时钟比网关{word} {minutes} 分钟，本次数据不参与预警"))
}

impl Watched {
    /// Puts a reading into its window. `true` = it is new enough to warn.
    fn put(
        &mut self,
        reading: &Reading,
        received_at: UtcMs,
        changes: &mut Vec<WindowChange>,
    ) -> Result<bool, String> {
        let name = format!("{}{}", reading.quantity.zh(), point_note(&reading.point));
        match &reading.quality {
            Quality::Good => {}
            // Many stations send elements for which they have no sensor.
            Quality::Missing => return Ok(false),
            Quality::Bad(why) | Quality::Untimed(why) => return Err(format!("{name}：{why}")),
        }
        let (low, high) = reading.quantity.plausible();
        if !(low..=high).contains(&reading.value) {
            return Err(format!("{name}：{} 超出可能范围 {low} 至 {high}", reading.value));
        }
        let age_s = received_at.since_ms(reading.observed_at) / 1000;
        if age_s < -CLOCK_S_MAX {
            return Err(format!("{name}：观测时间在未来 {} 分钟", -age_s / 60));
        }
        let key = (reading.point.clone(), reading.quantity);
        if self.windows.len() >= SENSORS_MAX && !self.windows.contains_key(&key) {
            return Err(format!("{name}：该站传感器超过 {SENSORS_MAX} 个，未予保存"));
        }
        let window_s = self.window_s(&reading.point, reading.quantity);
        let sample = Sample { at: reading.observed_at, value: reading.value };
        let series = self.windows.entry(key).or_default();
        let put = series.put(reading.quantity, sample, window_s);
        if matches!(put, Put::Kept | Put::Suspect) {
            let Reading { station, point, quantity, .. } = reading.clone();
            let kept = Some(sample).filter(|_| put == Put::Kept);
            changes.push(series.change(Sensor { station, point, quantity }, kept));
        }
        match put {
            Put::Kept => Ok(age_s <= LATE_S_MAX),
            // Said again, because our answer was lost or a warning could not be recorded.
            Put::Known => Ok(age_s <= LATE_S_MAX),
            Put::TooOld => Ok(false),
            Put::Suspect => {
                Err(format!("{name}：{} 与上一次相差过大，待下一次数据确认", reading.value))
            }
        }
    }

    /// How far the rules look back at a sensor.
    fn window_s(&self, point: &str, quantity: Quantity) -> u32 {
        let looking =
            self.looking.iter().filter(|condition| judge::counts(condition, point, quantity));
        looking.map(|condition| condition.window_s).max().unwrap_or(0).max(WINDOW_S_MIN)
    }

    /// Time of the newest sample.
    fn newest(&self) -> Option<UtcMs> {
        self.windows.values().filter_map(Series::newest).map(|newest| newest.at).max()
    }

    /// Hazards of its rules and of warnings that hold, in order.
    fn hazards(&self) -> Vec<&str> {
        let mut hazards: Vec<&str> =
            self.station.rules.iter().map(|rule| rule.hazard.as_str()).collect();
        hazards.extend(self.held.keys().map(String::as_str));
        hazards.sort_unstable();
        hazards.dedup();
        hazards
    }

    /// What changed of one hazard by the newest that is known: a late reading does not turn back the
    /// time.
    fn judge_hazard(&self, hazard: &str, sight: Sight<'_>) -> Option<Warning> {
        let own = self.station.rules.iter().filter(|rule| rule.hazard == hazard);
        let looked_at = own.flat_map(|rule| &rule.conditions).filter_map(|c| sight.of(c));
        let at = looked_at.filter_map(Watched::newest).chain(self.newest()).max()?;
        let before = self.held.get(hazard);
        let mut rules: Vec<&ThresholdRule> =
            self.station.rules.iter().filter(|rule| rule.hazard == hazard).collect();
        rules.sort_by_key(|rule| core::cmp::Reverse(rule.level));
        let judge = |rule: &ThresholdRule| {
            let was_held = before.is_some_and(|before| rule.level <= before.level);
            judge::rule(rule, sight, at, was_held)
        };
        let judged: Vec<(&ThresholdRule, Judged)> =
            rules.into_iter().map(|rule| (rule, judge(rule))).collect();
        let before_rule =
            before.and_then(|before| judged.iter().find(|(rule, _)| rule.name == before.rule));
        let holds = judged.iter().find(|(_, judged)| matches!(judged.held, Held::Yes(_)));
        // What held is not over because nothing is known.
        if let Some((known, judged)) = before_rule
            && judged.held == Held::Unknown
            && holds.is_none_or(|(rule, _)| rule.level <= known.level)
        {
            return None;
        }
        let values = |found: Option<&(&ThresholdRule, Judged)>| {
            found.map(|(_, judged)| judged.values.clone()).unwrap_or_default()
        };
        let (rule, values) = match (holds, before) {
            (None, None) => return None,
            // Of two rules of one level, the one that was told stays.
            (Some((rule, _)), Some(before)) if rule.level == before.level => {
                let stays =
                    before_rule.is_some_and(|(_, judged)| matches!(judged.held, Held::Yes(_)));
                if stays || rule.name == before.rule {
                    return None;
                }
                (Some(*rule), values(holds))
            }
            (Some((rule, _)), _) => (Some(*rule), values(holds)),
            (None, Some(_)) => (None, values(before_rule)),
        };
        let before_rule = before_rule.map(|(rule, _)| *rule);
        Some(self.warning(hazard, (at, sight), rule, (before, before_rule), values))
    }

    fn warning(
        &self,
        hazard: &str,
        (at, sight): (UtcMs, Sight<'_>),
        rule: Option<&ThresholdRule>,
        (before, before_rule): (Option<&Crossing>, Option<&ThresholdRule>),
        values: Vec<Option<f64>>,
    ) -> Warning {
        let looked_at = rule.or(before_rule).map(|rule| rule.conditions.as_slice());
        let looked_at = looked_at.unwrap_or_default();
        let evidence = looked_at
            .iter()
            .flat_map(|condition| judge::evidence(condition, sight, at, EVIDENCE_MAX))
            .collect();
        let others = looked_at.iter().filter_map(|condition| {
            let other = condition.station.clone()?;
            Some((other, sight.of(condition)?.station.name.clone()))
        });
        Warning {
            station: self.station.clone(),
            hazard: hazard.to_owned(),
            rule: rule.cloned(),
            values,
            before: before.cloned(),
            before_rule: before_rule.cloned(),
            at,
            evidence,
            others: others.collect(),
        }
    }
}

fn point_note(point: &str) -> String {
    if point.is_empty() { String::new() } else { format!("（{point}）") }
}
