//! What there is and how it is: the platform and its terminals, in full or as what changed since the
//! upper platform last took it.

use crate::config::PlatformSettings;
use crate::deliver::Presence;
use crate::gateway::Gateway;
use crate::ingest::ebd::{Profile, ResourceRecord};
use crate::model::{EbdKind, Outcome, Position, Terminal, TerminalId, UtcMs};
use std::collections::{BTreeMap, BTreeSet};

/// `StateCode` (083 table 4).
const ON: u8 = 1;
const OFF: u8 = 2;
const FAULT: u8 = 3;
const FAULT_CLEARED: u8 = 4;
const PLAYING: u8 = 5;

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
        let news = now.iter().filter(|record| !incremental || !same(record));
        let mut told: Vec<ResourceRecord> =
            news.map(|record| cleared(taken.get(&record.code), record)).collect();
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

/// The upper platform had it as broken and now it is on: that is told as such, once. What is told next is
/// that it is on.
fn cleared(had: Option<&ResourceRecord>, now: &ResourceRecord) -> ResourceRecord {
    let was_broken = had.is_some_and(|had| had.state == Some(FAULT));
    if was_broken && now.state == Some(ON) {
        let desc = "故障已排除".to_owned();
        return ResourceRecord { state: Some(FAULT_CLEARED), desc, ..now.clone() };
    }
    now.clone()
}

/// How a terminal is, by its own words alone: its session, its fault, and whether it plays.
fn state_of(presence: Presence, fault: bool, plays: bool) -> (u8, &'static str) {
    match presence {
        Presence::Offline => (OFF, "离线"),
        Presence::Online | Presence::Unknown if fault => (FAULT, "终端报告故障"),
        Presence::Online | Presence::Unknown if plays => (PLAYING, "正在播发"),
        Presence::Online => (ON, "在线"),
        Presence::Unknown => (OFF, "网关启动以来没有消息"),
    }
}

/// The code of each terminal: its own, when the province gave it one, else one that is made of its area and
/// number. No two have the same: the upper platform would take them for one that is never at rest.
fn codes(
    profile: Profile,
    terminals: &BTreeMap<TerminalId, Terminal>,
) -> BTreeMap<TerminalId, String> {
    let given = |terminal: &Terminal| {
        let own = terminal.national.map(|code| code.to_string());
        own.filter(|code| profile.is_code(code))
    };
    let mut taken: BTreeSet<String> = terminals.values().filter_map(given).collect();
    let mut codes = BTreeMap::new();
    for (id, terminal) in terminals {
        let mut made = profile.terminal_codes(*id, terminal.area);
        let code = given(terminal).or_else(|| made.find(|code| taken.insert(code.clone())));
        codes.extend(code.map(|code| (*id, code)));
    }
    codes
}

/// Terminals whose last word about a broadcast that runs is that they play it.
fn playing(gateway: &Gateway) -> BTreeSet<TerminalId> {
    let running = gateway.state().running();
    let all = running.flat_map(|(_, broadcast)| &broadcast.deliveries);
    all.filter(|(_, delivery)| delivery.outcome == Outcome::Playing).map(|(id, _)| *id).collect()
}

/// What there is of a kind. Front ends, adapters and transmission devices there are none: the gateway
/// reaches terminals by its own links, which have no resource codes.
pub(super) fn records(
    settings: &PlatformSettings,
    gateway: &Gateway,
    kind: EbdKind,
    now: UtcMs,
) -> Vec<ResourceRecord> {
    let own = settings.own_code.clone();
    let base = ResourceRecord { at: now, code: own.clone(), ..ResourceRecord::default() };
    let all = &gateway.rules().network.terminals;
    let terminals = all.values();
    let codes = codes(settings.profile, all);
    let coded = |terminal: &Terminal| codes.get(&terminal.id).cloned();
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
            let n_running = gateway.state().running().count();
            let (state, desc) = match n_running {
                0 => (ON, "正常".to_owned()),
                n => (PLAYING, format!("正常，正在播发 {n} 条")),
            };
            vec![ResourceRecord { state: Some(state), desc, ..base }]
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
        EbdKind::EbrdtState => {
            let playing = playing(gateway);
            terminals
                .filter_map(|terminal| {
                    let health = gateway.heard(terminal.id).and_then(|heard| heard.health.as_ref());
                    let fault = health.is_some_and(|(_, health)| health.fault);
                    let plays = playing.contains(&terminal.id);
                    let (state, desc) = state_of(gateway.presence(terminal.id), fault, plays);
                    let code = coded(terminal)?;
                    let (state, desc) = (Some(state), desc.to_owned());
                    Some(ResourceRecord { at: now, code, state, desc, ..ResourceRecord::default() })
                })
                .collect()
        }
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
    use crate::model::{AreaCode, Codec, LinkKind, NationalCode};

    fn record(code: &str, at: i64, name: &str) -> ResourceRecord {
        let (code, name) = (code.to_owned(), name.to_owned());
        ResourceRecord { at: UtcMs(at), code, name, ..ResourceRecord::default() }
    }

    #[test]
    fn a_terminal_is_what_it_says_itself() {
        use Presence::{Offline, Online, Unknown};
        for (presence, fault, plays, expect) in [
            (Online, false, false, ON),
            (Offline, false, false, OFF),
            (Offline, true, true, OFF),
            (Unknown, false, false, OFF),
            (Unknown, false, true, PLAYING),
            (Online, false, true, PLAYING),
            (Online, true, false, FAULT),
            (Online, true, true, FAULT),
        ] {
            let got = state_of(presence, fault, plays);
            assert_eq!(got.0, expect, "{presence:?} {fault} {plays}");
        }
    }

    #[test]
    fn no_two_terminals_are_reported_under_one_code() {
        let village = AreaCode::parse("430621100001").unwrap();
        let made = |id: &str, national: Option<&str>| {
            let id = TerminalId::parse(id).unwrap();
            let national = national.map(|code| NationalCode::parse(code).unwrap());
            let (name, position, volume_percent) = (String::new(), None, 80);
            let (codecs, links) = (vec![Codec::Mp3], vec![LinkKind::Mqtt]);
            let area = village;
            let terminal =
                Terminal { id, name, area, position, codecs, links, volume_percent, national };
            (id, terminal)
        };
        let all = [
            made("430621100001-001", None),
            made("430621100001-002", None),
            // It stands in another village than its number says.
            made("430621100002-002", None),
            made("430621100001-901", Some("64306211000010314010401")),
        ];
        let all: BTreeMap<_, _> = all.into();
        let codes = codes(Profile::Y2018, &all);
        let different: BTreeSet<&String> = codes.values().collect();
        assert_eq!((codes.len(), different.len()), (4, 4), "{codes:?}");
        let of = |id: &str| codes[&TerminalId::parse(id).unwrap()].as_str();
        assert_eq!(of("430621100001-901"), "64306211000010314010401", "as the province gave it");
        assert_eq!(of("430621100001-002"), "64306211000010314010402", "as it was before");
    }

    /// 3, then 4 once, then 1.
    #[test]
    fn a_fault_that_is_gone_is_told_as_such_once() {
        let kind = EbdKind::EbrdtState;
        let mut inventory = Inventory::default();
        let mut told = Vec::new();
        for (at, state) in [(1, ON), (2, FAULT), (3, FAULT), (4, ON), (5, ON), (6, ON)] {
            let now = [ResourceRecord { state: Some(state), ..record("1", at, "") }];
            let news = inventory.news(kind, &now, true);
            inventory.took(kind, &news);
            told.extend(news.iter().map(|one| (one.at.0, one.state.unwrap())));
        }
        assert_eq!(told, [(1, ON), (2, FAULT), (4, FAULT_CLEARED), (5, ON)]);
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
