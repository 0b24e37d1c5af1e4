//! `[interlock]` of `policy.toml`: limits of automatic release, and the county's own rules and limits.

use super::policy::{areas, levels};
use super::reader::Keys;
use crate::model::{
    HazardClass, HourSpan, Interlock, InterlockLimit, InterlockRule, OriginKind, Verdict,
};

const ORIGINS: [(&str, OriginKind); 3] =
    [("duty", OriginKind::Duty), ("upper", OriginKind::Upper), ("sensor", OriginKind::Sensor)];
const CLASSES: [(&str, HazardClass); 5] = [
    ("nature", HazardClass::Nature),
    ("accident", HazardClass::Accident),
    ("health", HazardClass::Health),
    ("security", HazardClass::Security),
    ("other", HazardClass::Other),
];
const VERDICTS: [(&str, Verdict); 2] = [("ask", Verdict::Ask), ("refuse", Verdict::Refuse)];

/// Reads it.
pub(super) fn read(mut keys: Keys<'_>) -> Interlock {
    let interlock = Interlock {
        automatic_per_hour_max: keys.number("automatic_per_hour_max", Some(6), 0..=1_000),
        automatic_terminals_max: keys.number("automatic_terminals_max", Some(500), 0..=1_000_000),
        lifted_by: keys.texts("lifted_by"),
        rules: keys.tables("rules").into_iter().map(rule).collect(),
        limits: keys.tables("limits").into_iter().map(limit).collect(),
    };
    keys.finish();
    interlock
}

fn rule(mut keys: Keys<'_>) -> InterlockRule {
    let rule = InterlockRule {
        name: keys.text("name", None),
        origins: named(&mut keys, "origins", &ORIGINS),
        classes: named(&mut keys, "classes", &CLASSES),
        levels: levels(&mut keys),
        hours: hours(&mut keys),
        areas: areas(&mut keys),
        // A misspelt verdict is at fault already, and nothing starts with it.
        verdict: keys.choice("verdict", None, &VERDICTS, Verdict::Refuse),
        reason: keys.text("reason", None),
    };
    keys.finish();
    rule
}

fn limit(mut keys: Keys<'_>) -> InterlockLimit {
    let per_hour = keys.is_present("per_hour_max");
    let terminals = keys.is_present("terminals_max");
    let limit = InterlockLimit {
        name: keys.text("name", None),
        origins: named(&mut keys, "origins", &ORIGINS),
        levels: levels(&mut keys),
        areas: areas(&mut keys),
        per_hour_max: per_hour.then(|| keys.number("per_hour_max", None, 0..=1_000)),
        terminals_max: terminals.then(|| keys.number("terminals_max", None, 0..=1_000_000)),
        over: keys.choice("over", None, &VERDICTS, Verdict::Refuse),
    };
    keys.finish();
    limit
}

/// Both hours, or neither.
fn hours(keys: &mut Keys<'_>) -> Option<HourSpan> {
    let (from, until) = (keys.is_present("from_hour"), keys.is_present("until_hour"));
    if !from && !until {
        return None;
    }
    // The one that is missing is told by its own reading.
    let span = HourSpan {
        from: keys.number("from_hour", None, 0..=23),
        until: keys.number("until_hour", None, 0..=24),
    };
    Some(span)
}

fn named<T: Copy>(keys: &mut Keys<'_>, key: &'static str, options: &[(&str, T)]) -> Vec<T> {
    let mut found = Vec::new();
    for name in keys.texts(key) {
        match options.iter().find(|(option, _)| *option == name) {
            Some((_, value)) => found.push(*value),
            None => {
                let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
                let what = format!("expected {}, got `{name}`", names.join(", "));
                keys.fault(key, &what, "correct it; a list that is left out means all");
            }
        }
    }
    found
}
