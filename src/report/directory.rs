//! Names for codes. The record holds codes only; names are those of the registry today.

use crate::model::{AreaCode, AreaLevel, Network, TerminalId};
use std::collections::BTreeMap;

/// A terminal's name, and whom to call about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalName {
    /// Where it stands.
    pub name: String,
    /// Name and telephone of the person who looks after it, when known.
    pub contact: Option<String>,
}

/// Names of areas and terminals; empty = only codes are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// Areas.
    pub areas: BTreeMap<AreaCode, String>,
    /// Terminals.
    pub terminals: BTreeMap<TerminalId, TerminalName>,
}

impl Directory {
    /// The names of a registry, each terminal with the responsible person nearest to it.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let areas = network.areas.iter().map(|(code, area)| (*code, area.name.clone())).collect();
        let mut nearest: BTreeMap<AreaCode, String> = BTreeMap::new();
        for contact in &network.contacts {
            let told = format!("{} {}", contact.name, contact.telephone);
            nearest.entry(contact.area).or_insert(told);
        }
        let responsible = |area: AreaCode| {
            let mut next = Some(area);
            while let Some(code) = next {
                if let Some(told) = nearest.get(&code) {
                    return Some(told.clone());
                }
                next = code.parent();
            }
            None
        };
        let terminals = network.terminals.iter().map(|(id, known)| {
            let contact = responsible(known.area);
            (*id, TerminalName { name: known.name.clone(), contact })
        });
        Self { areas, terminals: terminals.collect() }
    }

    /// The name of an area, or its code.
    #[must_use]
    pub fn area(&self, code: AreaCode) -> String {
        self.areas.get(&code).cloned().unwrap_or_else(|| code.to_string())
    }

    /// The name of a terminal; empty when it is not in the registry any more.
    #[must_use]
    pub fn terminal(&self, id: TerminalId) -> &str {
        self.terminals.get(&id).map_or("", |known| known.name.as_str())
    }

    pub(super) fn contact(&self, id: TerminalId) -> &str {
        self.terminals.get(&id).and_then(|known| known.contact.as_deref()).unwrap_or("")
    }

    /// Names of township and village of a terminal's area.
    pub(super) fn places(&self, area: AreaCode) -> (String, String) {
        let at = |level| area.at(level).map(|code| self.area(code)).unwrap_or_default();
        (at(AreaLevel::Township), at(AreaLevel::Village))
    }
}
