//! Checks between the files: what no file alone can know.

use super::areas::AreaLines;
use super::policy::PolicyLines;
use super::reader::Faults;
use super::terminals::TerminalLines;
use crate::decide::{self, terminal_faults};
use crate::model::{AreaCode, AreaLevel, Network, Policy, PolicyPart};
use std::collections::BTreeSet;

const AREAS: &str = "areas.toml";
const TERMINALS: &str = "terminals.csv";
const POLICY: &str = "policy.toml";
/// Keys of a response plan that may be left out and are at fault then all the same.
const MAY_BE_ABSENT: [&str; 3] = ["", "hazards", "levels"];
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
        // An empty name was told with its row.
        let named = !terminal.name.is_empty();
        for fault in terminal_faults(network, terminal).into_iter().filter(|_| named) {
            faults.push(TERMINALS, line, fault.what, fault.remedy);
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

/// What the policy's own questions say, each at its line. A key that could not be read is at fault
/// already: what follows from it is not told.
pub(super) fn policy(policy: &Policy, network: &Network, lines: &PolicyLines, faults: &Faults) {
    let unread = faults.lines_of(POLICY);
    for found in decide::policy_faults(policy, network) {
        let part = found.part.as_ref();
        let whole = part.and_then(|part| lines.key(part, ""));
        let line = part.and_then(|part| lines.key(part, found.key));
        let absent = line.is_none() && !MAY_BE_ABSENT.contains(&found.key);
        if absent || line.is_some_and(|line| !found.key.is_empty() && unread.contains(&line)) {
            continue;
        }
        let table = match part {
            Some(PolicyPart::Template(_)) => "templates",
            Some(PolicyPart::Plan(_)) | None => "plans",
        };
        let what = match found.key {
            "" => found.what,
            key => format!("`{table}.{key}`: {}", found.what),
        };
        if found.grave {
            faults.push(POLICY, line.or(whole), what, found.remedy);
        } else {
            faults.warn(POLICY, line.or(whole), what, found.remedy);
        }
    }
}
