//! Earthquake early warning 地震预警: which villages the shaking has not reached yet, how strong it will be
//! there, and how many seconds are left. All of it is an estimate for minutes, not a survey: straight rays
//! through a uniform crust, and one attenuation for the whole county.

use super::Rules;
use super::geometry::distance_km;
use super::reason;
use crate::model::{
    Alert, AlertArea, AlertForm, AreaCode, Circle, Geocode, Info, Level, Position, Reason,
    TerminalId, UtcMs,
};
use std::collections::{BTreeMap, BTreeSet};

/// Speed of the shear wave in the crust, kilometres a second: of the range seen, the faster end, so that
/// the wave never comes before it was said.
const SHEAR_KM_S: f64 = 3.6;
/// Depth that the attenuation has in it, kilometres.
const USUAL_DEPTH_KM: f64 = 15.0;
/// From the decision to the first word at a horn: rendering, sending, the chime, seconds.
const LEAD_S: f64 = 7.0;
/// With less left than this after `LEAD_S` nobody can act on the words any more, seconds.
const USEFUL_S: f64 = 2.0;
/// Estimated intensity below which nobody is warned (felt indoors by few).
const INTENSITY_MIN: f64 = 3.0;
/// Names of the parameters by which the reader hands over what CAP has no element for.
const MAGNITUDE: &str = "eew:magnitude";
const DEPTH_KM: &str = "eew:depth_km";
const ORIGIN_MS: &str = "eew:origin_ms";

/// A source of waves.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Quake {
    epicentre: Position,
    depth_km: f64,
    magnitude: f64,
    origin: UtcMs,
}

/// What a village has to expect.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Expected {
    /// Seconds from now to the shear wave.
    left_s: f64,
    /// Intensity of the Chinese scale, 1 to 12.
    intensity: f64,
}

/// An early warning made fit for this county at this moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Localised {
    /// The alert with local level, words and validity, for the whole county.
    pub(super) alert: Alert,
    /// The terminals that the wave has not reached.
    pub(super) terminals: BTreeSet<TerminalId>,
    /// What was left out, and why.
    pub(super) notes: Vec<Reason>,
}

/// Whether an alert is one.
pub(super) fn is_early_warning(alert: &Alert) -> bool {
    alert.form == AlertForm::EarthquakeWarning
}

/// Makes an early warning fit for the county.
///
/// # Errors
/// Why nothing is broadcast.
pub(super) fn localise(
    rules: &Rules,
    now: UtcMs,
    alert: &Alert,
    warned: &BTreeSet<TerminalId>,
) -> Result<Localised, Reason> {
    let unreadable = || reason("eew_incomplete", "地震预警缺少震级、震源或发震时刻，不播发");
    let info = alert.infos.first().ok_or_else(unreadable)?;
    let quake = quake(info).ok_or_else(unreadable)?;
    let villages = villages(rules);
    let mut found: BTreeMap<AreaCode, Expected> = BTreeMap::new();
    let (mut n_late, mut n_weak, mut n_unplaced) = (0, 0, 0);
    for (area, places) in &villages {
        let Some(expected) = nearest(&quake, now, places) else {
            n_unplaced += 1;
            continue;
        };
        if expected.intensity < INTENSITY_MIN {
            n_weak += 1;
        } else if expected.left_s < LEAD_S + USEFUL_S {
            n_late += 1;
        } else {
            found.insert(*area, expected);
        }
    }
    let terminals = rules.network.terminals.values().filter(|t| found.contains_key(&t.area));
    let all: BTreeSet<TerminalId> = terminals.map(|terminal| terminal.id).collect();
    let terminals: BTreeSet<TerminalId> = all.difference(warned).copied().collect();
    if terminals.is_empty() {
        return Err(match (all.is_empty(), n_late) {
            (false, _) => reason("eew_already_warned", "相关村已收到此前一报，不再播发"),
            (true, 0) => reason("eew_too_weak", "预估烈度低于播发标准，不再播发"),
            (true, _) => reason("eew_too_late", "地震波已到达或来不及提醒，不再播发"),
        });
    }
    let in_reach = |area: &AreaCode| {
        terminals.iter().any(|id| rules.network.terminals.get(id).is_some_and(|t| t.area == *area))
    };
    found.retain(|area, _| in_reach(area));
    let mut notes = Vec::new();
    for (n, code, text) in [
        (n_late, "eew_wave_passed", "个村地震波已到或即将到达，未列入"),
        (n_weak, "eew_below_threshold", "个村预估烈度低于播发标准，未列入"),
        (n_unplaced, "eew_no_position", "个村没有坐标，无法估算，未列入"),
    ] {
        if n > 0 {
            notes.push(reason(code, format!("{n} {text}")));
        }
    }
    notes.extend(found.iter().take(5).map(|(area, expected)| {
        let name = super::calling::area_name(&rules.network, *area);
        let (left_s, intensity) = (expected.left_s.floor(), expected.intensity);
        reason("eew_village", format!("{name}：约 {left_s} 秒后到达，预估烈度 {intensity:.1}"))
    }));
    let alert = spoken(rules, now, alert, &quake, &found);
    Ok(Localised { alert, terminals, notes })
}

/// Positions of every area's terminals; an area without any stands where its upper area stands.
fn villages(rules: &Rules) -> BTreeMap<AreaCode, Vec<Position>> {
    let network = &rules.network;
    let is_served = |area: AreaCode| network.served.iter().any(|served| served.contains(area));
    let mut villages: BTreeMap<AreaCode, Vec<Position>> = BTreeMap::new();
    for terminal in network.terminals.values().filter(|terminal| is_served(terminal.area)) {
        villages.entry(terminal.area).or_default().extend(terminal.position);
    }
    let placed = villages.clone();
    for (area, places) in villages.iter_mut().filter(|(_, places)| places.is_empty()) {
        let mut upper = area.parent();
        while let Some(code) = upper.filter(|_| places.is_empty()) {
            let inside = placed.range(code..).take_while(|(inner, _)| code.contains(**inner));
            places.extend(inside.flat_map(|(_, places)| places.iter().copied()));
            upper = code.parent();
        }
    }
    villages
}

/// What the place with the least time has to expect, with the strongest shaking of them all.
fn nearest(quake: &Quake, now: UtcMs, places: &[Position]) -> Option<Expected> {
    let all = places.iter().map(|place| quake.expected(*place, now));
    all.filter(|expected| expected.left_s.is_finite()).reduce(|a, b| Expected {
        left_s: a.left_s.min(b.left_s),
        intensity: a.intensity.max(b.intensity),
    })
}

impl Quake {
    fn expected(&self, place: Position, now: UtcMs) -> Expected {
        let away_km = distance_km(self.epicentre, place);
        let travel_s = away_km.hypot(self.depth_km) / SHEAR_KM_S;
        let since_s = seconds(now.since_ms(self.origin));
        Expected { left_s: travel_s - since_s, intensity: self.intensity(away_km) }
    }

    /// Intensity by the attenuation of eastern China, long axis (Wang Suyun and others, 2000):
    /// I = 5.019 + 1.446 M - 4.136 lg(R + 24); what is deeper than usual counts as farther away.
    fn intensity(&self, away_km: f64) -> f64 {
        let deeper_km = (self.depth_km - USUAL_DEPTH_KM).max(0.0);
        let far_km = away_km.hypot(deeper_km);
        (5.019 + 1.446 * self.magnitude - 4.136 * (far_km + 24.0).log10()).clamp(1.0, 12.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of minutes are exact in a float")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn quake(info: &Info) -> Option<Quake> {
    let number = |name: &str| -> Option<f64> {
        let found = info.parameters.iter().find(|parameter| parameter.name == name)?;
        found.value.parse().ok().filter(|number: &f64| number.is_finite())
    };
    let origin = info.parameters.iter().find(|parameter| parameter.name == ORIGIN_MS)?;
    let Circle { centre, .. } = info.areas.first()?.circles.first().copied()?;
    Some(Quake {
        epicentre: centre,
        depth_km: number(DEPTH_KM)?,
        magnitude: number(MAGNITUDE)?,
        origin: UtcMs(origin.value.parse().ok()?),
    })
}

/// Level by the strongest shaking that is expected here; from 6 on houses of villages are damaged.
fn level(intensity: f64) -> Level {
    match intensity {
        strong if strong >= 6.0 => Level::Red,
        strong if strong >= 5.0 => Level::Orange,
        strong if strong >= 4.0 => Level::Yellow,
        _ => Level::Blue,
    }
}

/// The alert as it is spoken here: words with the seconds left when they are heard, for the county as a
/// whole (its terminals are picked one by one), and no longer than the last village has.
fn spoken(
    rules: &Rules,
    now: UtcMs,
    alert: &Alert,
    quake: &Quake,
    villages: &BTreeMap<AreaCode, Expected>,
) -> Alert {
    let each = || villages.values();
    let first_s = each().map(|v| v.left_s).fold(f64::INFINITY, f64::min) - LEAD_S;
    let last_s = each().map(|v| v.left_s).fold(0.0, f64::max);
    let strongest = each().map(|v| v.intensity).fold(0.0, f64::max);
    let mut alert = alert.clone();
    let Some(info) = alert.infos.first_mut() else { return alert };
    let place = info.areas.first().map(|area| area.desc.clone()).unwrap_or_default();
    let (first, heard_s) = (first_s.floor(), (last_s - LEAD_S).floor());
    let when = if heard_s - first >= 5.0 {
        format!("最快{first}秒、最迟{heard_s}秒后到达")
    } else {
        format!("约{first}秒后到达")
    };
    info.level = Some(level(strongest));
    info.headline = Some("地震预警".to_owned());
    let magnitude = quake.magnitude;
    info.description = Some(format!(
        "{place}发生{magnitude:.1}级地震，地震波{when}，本地预估烈度{:.0}度。",
        strongest.floor()
    ));
    info.instruction = Some("请立即就近避险，远离门窗、围墙和悬挂物。".to_owned());
    info.effective = None;
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the travel time in the county")]
    let left_ms = (last_s * 1000.0) as i64;
    info.expires = Some(now.plus_ms(left_ms));
    let geocode =
        |code: &AreaCode| Geocode { name: "area_code".to_owned(), value: code.to_string() };
    info.areas = vec![AlertArea {
        desc: place,
        polygons: Vec::new(),
        circles: Vec::new(),
        geocodes: rules.network.served.iter().map(geocode).collect(),
    }];
    alert
}

/// What is said, in this order: that the shaking comes, when, how strong, and what to do.
pub(super) fn words(alert: &Alert) -> String {
    let Some(info) = alert.infos.first() else { return String::new() };
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let headline = said(&info.headline);
    format!("{headline}，{headline}！{}{}", said(&info.description), said(&info.instruction))
}

#[cfg(test)]
#[path = "earthquake_tests.rs"]
mod tests;
