//! Checks between the files: what no file alone can know.

use super::areas::AreaLines;
use super::policy::PlanLines;
use super::reader::Faults;
use super::terminals::TerminalLines;
use crate::model::{ApprovalMode, AreaCode, AreaLevel, Level, Network, Policy, ResponsePlan};
use std::collections::{BTreeMap, BTreeSet};

const AREAS: &str = "areas.toml";
const TERMINALS: &str = "terminals.csv";
const POLICY: &str = "policy.toml";
/// How far outside the county's bounding box a terminal may stand, degrees (about a kilometre).
const BOUNDS_SLACK_DEG: f64 = 0.01;
/// Areas without terminals that are named before "and more".
const NAMED_MAX: usize = 5;

pub(super) fn network(
    network: &Network,
    areas: &AreaLines,
    terminals: &TerminalLines,
    faults: &Faults,
) {
    if network.areas.is_empty() {
        // Every terminal would stand in an unknown area: one fault says it.
        faults.push(AREAS, None, "holds no area", "add `[[areas]]` with code and name");
        return;
    }
    aliases(network, areas, faults);
    for terminal in network.terminals.values() {
        let line = terminals.get(&terminal.id).copied();
        if !network.areas.contains_key(&terminal.area) {
            let what =
                format!("{} stands in area {} that is not known", terminal.id, terminal.area);
            faults.push(TERMINALS, line, what, "correct the area or add it to areas.toml");
        } else if !network.served.iter().any(|served| served.contains(terminal.area)) {
            let what = format!("{} stands outside the served areas", terminal.id);
            faults.push(TERMINALS, line, what, "correct the area or `served` in areas.toml");
        }
        if let Some((low, high)) = areas.bounds
            && let Some(at) = terminal.position
        {
            let slack = BOUNDS_SLACK_DEG;
            let inside = (low.lat_deg - slack..=high.lat_deg + slack).contains(&at.lat_deg)
                && (low.lon_deg - slack..=high.lon_deg + slack).contains(&at.lon_deg);
            if !inside {
                let what = format!(
                    "{} stands at {}, {} outside the county's bounds",
                    terminal.id, at.lat_deg, at.lon_deg
                );
                faults.push(
                    TERMINALS,
                    line,
                    what,
                    "check that latitude and longitude are not exchanged",
                );
            }
        }
    }
    if network.terminals.is_empty() {
        faults.push(TERMINALS, None, "holds no terminal", "add one row a terminal");
    }
    without_terminals(network, areas, faults);
}

fn aliases(network: &Network, areas: &AreaLines, faults: &Faults) {
    for area in network.areas.values() {
        let line = areas.lines.get(&area.code).copied();
        if let Some(parent) = area.code.parent()
            && !network.areas.contains_key(&parent)
        {
            let what = format!("upper area {parent} of {} is not known", area.code);
            faults.push(AREAS, line, what, "add it with its name");
        }
        let mut seen = BTreeSet::from([area.code]);
        let mut open: Vec<AreaCode> = area.aliases.clone();
        while let Some(alias) = open.pop() {
            if alias == area.code {
                let what = format!("aliases of {} lead back to it", area.code);
                faults.push(AREAS, line, what, "name the other code on one side only");
                break;
            }
            if seen.insert(alias)
                && let Some(next) = network.areas.get(&alias)
            {
                open.extend(next.aliases.iter().copied());
            }
        }
    }
}

/// Villages (and townships with no village) that nobody would reach.
fn without_terminals(network: &Network, areas: &AreaLines, faults: &Faults) {
    let reached: BTreeSet<AreaCode> =
        network.terminals.values().map(|terminal| terminal.area).collect();
    let silent: Vec<&AreaCode> = network
        .areas
        .keys()
        .filter(|code| code.level() == AreaLevel::Village)
        .filter(|code| network.served.iter().any(|served| served.contains(**code)))
        .filter(|code| !reached.contains(code))
        .collect();
    let Some(first) = silent.first() else { return };
    let names: Vec<String> = silent.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let what = format!("{} villages without a terminal: {}", silent.len(), names.join(", "));
    let line = areas.lines.get(first).copied();
    faults.warn(AREAS, line, what, "warnings for them reach nobody");
}

pub(super) fn policy(policy: &Policy, network: &Network, lines: &PlanLines, faults: &Faults) {
    let line = |plan: &ResponsePlan| lines.get(&plan.name).copied();
    if policy.plans.is_empty() {
        let what = "holds no response plan, every alert would wait for a person";
        faults.push(POLICY, None, what, "add `[[plans]]`");
    }
    for (at, plan) in policy.plans.iter().enumerate() {
        for area in &plan.areas {
            if !network.areas.contains_key(area) {
                let what = format!("response plan `{}` names unknown area {area}", plan.name);
                faults.push(POLICY, line(plan), what, "correct the area");
            }
        }
        let before = policy.plans.get(..at).unwrap_or_default();
        let hidden = hidden_by(plan, before);
        let n_pairs = plan.hazards.len() * plan.levels.len();
        if n_pairs > 0 && hidden.len() == n_pairs && plan.event_words.is_empty() {
            let by = hidden.values().next().cloned().unwrap_or_default();
            let what =
                format!("response plan `{}` is never reached, `{by}` is before it", plan.name);
            faults.push(POLICY, line(plan), what, "the first match wins: move or remove it");
        } else if let Some(((hazard, level), by)) = hidden.iter().next() {
            let what = format!(
                "response plan `{}` overlaps `{by}` for {hazard} {level:?}; the first one wins",
                plan.name
            );
            faults.warn(POLICY, line(plan), what, "make the hazards or levels disjoint");
        }
        let loud_at_night = plan.quiet_hours_exempt && plan.levels.contains(&Level::Blue);
        if loud_at_night && plan.approval == ApprovalMode::Automatic {
            let what = format!("response plan `{}` sounds blue at night by itself", plan.name);
            faults.warn(POLICY, line(plan), what, "remove `quiet_hours_exempt`");
        }
    }
    uncovered(policy, lines, faults);
}

/// Pairs of hazard and level that an earlier plan takes, with that plan's name.
fn hidden_by(plan: &ResponsePlan, before: &[ResponsePlan]) -> BTreeMap<(String, Level), String> {
    let mut hidden = BTreeMap::new();
    for hazard in &plan.hazards {
        for level in &plan.levels {
            let earlier = before.iter().find(|other| {
                other.levels.contains(level)
                    && other.hazards.iter().any(|prefix| hazard.starts_with(prefix))
                    && (other.senders.is_empty() || other.senders == plan.senders)
                    && (other.areas.is_empty() || other.areas == plan.areas)
            });
            if let Some(earlier) = earlier {
                hidden.insert((hazard.clone(), *level), earlier.name.clone());
            }
        }
    }
    hidden
}

/// Hazards that have a plan for some levels, but not for others.
fn uncovered(policy: &Policy, lines: &PlanLines, faults: &Faults) {
    let hazards: BTreeSet<&String> = policy.plans.iter().flat_map(|plan| &plan.hazards).collect();
    for hazard in hazards {
        let covers = |plan: &&ResponsePlan| {
            plan.hazards.iter().any(|prefix| hazard.starts_with(prefix.as_str()))
        };
        let missing: Vec<String> = [Level::Red, Level::Orange, Level::Yellow, Level::Blue]
            .into_iter()
            .filter(|level| {
                !policy.plans.iter().filter(covers).any(|plan| plan.levels.contains(level))
            })
            .map(|level| format!("{level:?}").to_lowercase())
            .collect();
        if !missing.is_empty() {
            let line = policy.plans.iter().find(covers).and_then(|plan| lines.get(&plan.name));
            let what = format!("hazard {hazard} has no plan for {}", missing.join(", "));
            faults.warn(POLICY, line.copied(), what, "these wait for a person");
        }
    }
}
