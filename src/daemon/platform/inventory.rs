//! What there is and how it is: the platform and its terminals, in full or as what changed since the
//! upper platform last took it.

use crate::config::PlatformSettings;
use crate::deliver::Presence;
use crate::gateway::Gateway;
use crate::ingest::ebd::ResourceRecord;
use crate::model::{EbdKind, Position, UtcMs};
use std::collections::BTreeMap;

/// Records by code: what the upper platform has.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    taken: BTreeMap<EbdKind, BTreeMap<String, ResourceRecord>>,
}

impl Inventory {
    /// What is to be told of `now`: all of it, or what is other than what was taken; what is gone is
    /// told as deleted.
    pub(super) fn news(
        &self,
        kind: EbdKind,
        now: &[ResourceRecord],
        incremental: bool,
    ) -> Vec<ResourceRecord> {
        let none = BTreeMap::new();
        let taken = self.taken.get(&kind).unwrap_or(&none);
        let same = |record: &ResourceRecord| {
            taken
                .get(&record.code)
                .is_some_and(|had| ResourceRecord { at: record.at, ..had.clone() } == *record)
        };
        let mut told: Vec<ResourceRecord> =
            now.iter().filter(|record| !incremental || !same(record)).cloned().collect();
        let at = now.first().map_or(UtcMs::default(), |record| record.at);
        // Of a state nothing is deleted; 083 marks deletion of terminals as not used yet.
        if kind.name().ends_with("Info") && kind != EbdKind::EbrdtInfo {
            let gone = taken.values().filter(|had| now.iter().all(|now| now.code != had.code));
            told.extend(gone.map(|had| ResourceRecord { at, deleted: true, ..had.clone() }));
        }
        told
    }

    /// Whether anything was taken of this kind.
    pub(super) fn has(&self, kind: EbdKind) -> bool {
        self.taken.contains_key(&kind)
    }

    /// The upper platform took these.
    pub(super) fn took(&mut self, kind: EbdKind, records: &[ResourceRecord]) {
        let taken = self.taken.entry(kind).or_default();
        for record in records {
            if record.deleted {
                taken.remove(&record.code);
            } else {
                taken.insert(record.code.clone(), record.clone());
            }
        }
    }
}

/// What there is of a kind; adapters, stations and transmission devices there are none.
pub(super) fn records(
    settings: &PlatformSettings,
    gateway: &Gateway,
    kind: EbdKind,
    now: UtcMs,
) -> Vec<ResourceRecord> {
    let own = settings.own_code.clone();
    let base = ResourceRecord { at: now, code: own.clone(), ..ResourceRecord::default() };
    let terminals = gateway.rules().network.terminals.values();
    let coded = |terminal: &crate::model::Terminal| {
        settings.profile.terminal_code(terminal.id, terminal.area)
    };
    match kind {
        EbdKind::EbrpsInfo => vec![ResourceRecord {
            upper: Some(settings.upper_code.clone()),
            name: settings.name.clone(),
            address: settings.address.clone(),
            contact: settings.contact.clone(),
            telephone: settings.telephone.clone(),
            url: settings.listen.map(|at| format!("http://{at}")).unwrap_or_default(),
            ..base
        }],
        EbdKind::EbrpsState => {
            vec![ResourceRecord { state: Some(1), desc: "正常".into(), ..base }]
        }
        EbdKind::EbrdtInfo => terminals
            .filter_map(|terminal| {
                let place = terminal.position.map(place).unwrap_or_default();
                Some(ResourceRecord {
                    at: now,
                    upper: Some(own.clone()),
                    code: coded(terminal)?,
                    name: terminal.name.clone(),
                    longitude: place.0,
                    latitude: place.1,
                    ..ResourceRecord::default()
                })
            })
            .collect(),
        EbdKind::EbrdtState => terminals
            .filter_map(|terminal| {
                let online = gateway.presence(terminal.id) == Presence::Online;
                let (state, desc) = if online { (1, "在线") } else { (2, "离线") };
                let code = coded(terminal)?;
                let (state, desc) = (Some(state), desc.to_owned());
                Some(ResourceRecord { at: now, code, state, desc, ..ResourceRecord::default() })
            })
            .collect(),
        EbdKind::Ebm
        | EbdKind::EbmStateRequest
        | EbdKind::EbmStateResponse
        | EbdKind::OmdRequest
        | EbdKind::EbrstInfo
        | EbdKind::EbrasInfo
        | EbdKind::EbrbsInfo
        | EbdKind::EbmBrdLog
        | EbdKind::EbrasState
        | EbdKind::EbrbsState
        | EbdKind::ConnectionCheck
        | EbdKind::EbdNotify
        | EbdKind::EbdResponse => Vec::new(),
    }
}

/// Longitude and latitude with at most six digits after the point.
fn place(position: Position) -> (String, String) {
    (format!("{:.6}", position.lon_deg), format!("{:.6}", position.lat_deg))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(code: &str, at: i64, name: &str) -> ResourceRecord {
        let (code, name) = (code.to_owned(), name.to_owned());
        ResourceRecord { at: UtcMs(at), code, name, ..ResourceRecord::default() }
    }

    #[test]
    fn increments_tell_what_changed_and_nothing_else() {
        let kind = EbdKind::EbrpsInfo;
        let mut inventory = Inventory::default();
        let first = [record("1", 1, "a"), record("2", 1, "b")];
        assert_eq!(inventory.news(kind, &first, true), first, "all is new");
        inventory.took(kind, &first);
        let later = [record("1", 9, "a"), record("2", 9, "b")];
        assert_eq!(inventory.news(kind, &later, true), [], "the time alone is no change");
        assert_eq!(inventory.news(kind, &later, false), later);
        let changed = [record("1", 9, "c")];
        let news = inventory.news(kind, &changed, true);
        let gone = ResourceRecord { deleted: true, ..record("2", 9, "b") };
        assert_eq!(news, [record("1", 9, "c"), gone]);
        inventory.took(kind, &news);
        assert_eq!(inventory.news(kind, &changed, true), []);
        assert!(inventory.has(kind) && !inventory.has(EbdKind::EbrpsState));
    }
}
