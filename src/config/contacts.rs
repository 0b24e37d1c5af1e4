//! `contacts.csv`: who is responsible for an area and must answer a call 叫应. One row a person.

use super::reader::Faults;
use super::table::table;
use crate::decide::{is_telephone, stage_of};
use crate::model::{AreaCode, Contact, Network, Policy};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FILE: &str = "contacts.csv";
const COLUMNS: [&str; 4] = ["name", "role", "telephone", "area"];
/// Villages a warning names.
const NAMED_MAX: usize = 5;

/// Reads them into the network. The file may be absent while no response plan calls anybody.
pub(super) fn read(dir: &Path, network: &mut Network, policy: &Policy, faults: &Faults) {
    let asked = policy.plans.iter().any(|plan| plan.call.is_some());
    if !asked && !dir.join(FILE).exists() {
        return;
    }
    let Some(table) = table(dir, FILE, &COLUMNS, faults) else { return };
    let mut seen: BTreeMap<(AreaCode, String), u32> = BTreeMap::new();
    for (line, row) in &table.rows {
        let line = *line;
        let Some(contact) = contact(row, &table.columns, network, line, faults) else { continue };
        let key = (contact.area, contact.telephone.clone());
        if let Some(first) = seen.get(&key) {
            let what =
                format!("{} is called twice for {}, first in line {first}", contact.name, key.0);
            faults.push(FILE, line, what, "remove one of the rows");
            continue;
        }
        seen.insert(key, line.unwrap_or_default());
        network.contacts.push(contact);
    }
    if asked {
        uncalled(network, faults);
    }
}

fn contact(
    row: &csv::StringRecord,
    columns: &[usize],
    network: &Network,
    line: Option<u32>,
    faults: &Faults,
) -> Option<Contact> {
    let cell = |at: usize| columns.get(at).and_then(|at| row.get(*at)).unwrap_or_default();
    let (name, role, telephone, code) = (cell(0), cell(1), cell(2), cell(3));
    let mut good = true;
    let mut fault = |wrong: bool, what: String, remedy: &str| {
        if wrong {
            good = false;
            faults.push(FILE, line, what, remedy);
        }
    };
    let n_chars = name.chars().count();
    let what = format!("name: expected 1 to 40 characters, got {n_chars}");
    fault(!(1..=40).contains(&n_chars), what, "say who it is");
    let what = format!("role: expected at most 40 characters, got {}", role.chars().count());
    fault(role.chars().count() > 40, what, "say shortly what the person is");
    let what = format!("telephone: expected a number that can be dialled, got `{telephone}`");
    fault(!is_telephone(telephone), what, "digits, with + - and blanks; format the column as text");
    let area = AreaCode::parse(code).filter(|_| code.len() == 12);
    let what = format!("area: expected a 12-digit area code, got `{code}`");
    fault(area.is_none(), what, "format the column as text, not number");
    // Without any area one fault says so already.
    if let Some(area) = area.filter(|_| !network.areas.is_empty()) {
        let known = network.areas.contains_key(&area)
            && network.served.iter().any(|served| served.contains(area));
        fault(!known, format!("area: {area} is not served here"), "correct the code");
        let what = format!("area: {area} is above a county, nobody there is called");
        fault(stage_of(area).is_none(), what, "name a village, township or county");
    }
    let contact = Contact {
        name: name.to_owned(),
        role: role.to_owned(),
        telephone: telephone.to_owned(),
        area: area?,
    };
    good.then_some(contact)
}

/// Areas with terminals for which nobody would be called at all, and a missing last level.
fn uncalled(network: &Network, faults: &Faults) {
    let placed: BTreeSet<AreaCode> =
        network.terminals.values().map(|terminal| terminal.area).collect();
    let responsible: BTreeSet<AreaCode> =
        network.contacts.iter().map(|contact| contact.area).collect();
    let silent: Vec<AreaCode> =
        placed.into_iter().filter(|area| !responsible.contains(area)).collect();
    if !silent.is_empty() {
        let names: Vec<String> = silent.iter().take(NAMED_MAX).map(ToString::to_string).collect();
        let what = format!("{} areas without a person: {}", silent.len(), names.join(", "));
        faults.warn(FILE, None, what, "calls for them go to the level above at once");
    }
    for served in &network.served {
        if !responsible.contains(served) {
            let what = format!("nobody is responsible for {served} as a whole");
            faults.warn(FILE, None, what, "calls that nobody answers end without a last person");
        }
    }
}
