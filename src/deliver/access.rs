//! What a terminal may do at the broker: log in as itself, publish its own reports and status,
//! subscribe to its own orders and to those of the areas it stands in. Nothing else.

use super::broker::Access;
use super::keys::KeyRing;
use crate::model::{AreaCode, Network, Terminal, TerminalId};
use mingluo_bridge::topics::{self, Leaf};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

/// The rights of the registered terminals.
pub struct TerminalAccess {
    keys: Arc<KeyRing>,
    prefix: String,
    known: RwLock<Known>,
}

/// Who may log in, and who may only end what it is saying.
struct Known {
    areas: BTreeMap<TerminalId, AreaCode>,
    retired: BTreeSet<TerminalId>,
}

impl TerminalAccess {
    /// From the registry.
    #[must_use]
    pub fn new(keys: Arc<KeyRing>, prefix: String, network: &Network) -> Self {
        let areas = network.terminals.values().map(|terminal| (terminal.id, terminal.area));
        let known = Known { areas: areas.collect(), retired: BTreeSet::new() };
        Self { keys, prefix, known: RwLock::new(known) }
    }

    /// The registry was changed: these are set and those are gone. Who is gone keeps its session, and
    /// reports what it still plays; it can't begin another one.
    pub fn change(&self, set: &[Terminal], retired: &[TerminalId]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for terminal in set {
            known.areas.insert(terminal.id, terminal.area);
            known.retired.remove(&terminal.id);
        }
        for id in retired {
            known.areas.remove(id);
            known.retired.insert(*id);
        }
    }

    fn registered(&self, client_id: &str) -> Option<(TerminalId, AreaCode)> {
        // Only the canonical form: with aliases one terminal could hold several sessions.
        let terminal =
            TerminalId::parse(client_id).filter(|terminal| terminal.to_string() == client_id)?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.areas.get(&terminal).map(|area| (terminal, *area))
    }
}

impl Access for TerminalAccess {
    fn login(&self, client_id: &str, user: &str, password: &[u8]) -> bool {
        let Some((terminal, _)) = self.registered(client_id) else { return false };
        let expected = self.keys.terminal_password(terminal);
        // Comparing digests tells nothing of the password by its timing.
        user == client_id
            && crate::model::Sha256::of(password) == crate::model::Sha256::of(expected.as_bytes())
    }

    fn may_publish(&self, client_id: &str, topic: &str) -> bool {
        let own = TerminalId::parse(client_id).filter(|own| {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let has = known.areas.contains_key(own) || known.retired.contains(own);
            has && own.to_string() == client_id
        });
        let own = own.map(TerminalId::number);
        match topics::parse_terminal(&self.prefix, topic) {
            Some((number, Leaf::Acknowledgement | Leaf::Status)) => own == Some(number),
            Some((_, Leaf::Order | Leaf::Receipt)) | None => false,
        }
    }

    fn may_subscribe(&self, client_id: &str, filter: &str) -> bool {
        let Some((terminal, mut area)) = self.registered(client_id) else { return false };
        if let Some((number, Leaf::Order | Leaf::Receipt)) =
            topics::parse_terminal(&self.prefix, filter)
        {
            return number == terminal.number();
        }
        loop {
            let topic = topics::area_order(&self.prefix, area.number());
            if topic.is_some_and(|topic| topic.as_str() == filter) {
                return true;
            }
            match area.parent() {
                Some(parent) => area = parent,
                None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Codec, LinkKind, Terminal};

    fn access() -> (TerminalAccess, String) {
        let keys = Arc::new(KeyRing::new(&[1; 32], [2; 32]));
        let id = TerminalId::parse("430621100001-001").unwrap();
        let terminal = Terminal {
            id,
            name: "村口".into(),
            area: AreaCode::parse("430621100001").unwrap(),
            position: None,
            codecs: vec![Codec::Opus],
            links: vec![LinkKind::Mqtt],
            volume_percent: 80,
            national: None,
        };
        let network = Network { terminals: [(id, terminal)].into(), ..Network::default() };
        let password = keys.terminal_password(id);
        (TerminalAccess::new(keys, "m/v1".into(), &network), password)
    }

    #[test]
    fn a_terminal_logs_in_only_as_itself() {
        let (access, password) = access();
        let own = "430621100001-001";
        let check = |client: &str, user: &str, password: &str, expect: bool| {
            assert_eq!(access.login(client, user, password.as_bytes()), expect, "{client} {user}");
        };
        check(own, own, &password, true);
        check(own, own, "", false);
        check(own, "430621100001-002", &password, false);
        check("430621100001-002", "430621100001-002", &password, false);
        check("", "", "", false);
        // No alias of a terminal is a terminal.
        check("430621100001-+01", "430621100001-+01", &password, false);
        check(" 430621100001-001", " 430621100001-001", &password, false);
    }

    #[test]
    fn a_change_of_the_registry_is_known_at_once() {
        let (access, password) = access();
        let (own, other) = ("430621100001-001", "430621100001-002");
        let report = |id: &str| format!("m/v1/terminal/{id}/acknowledgement");
        let id = TerminalId::parse(own).unwrap();
        let mut second = Terminal {
            id: TerminalId::parse(other).unwrap(),
            name: "村尾".into(),
            area: AreaCode::parse("430621101001").unwrap(),
            position: None,
            codecs: vec![Codec::Opus],
            links: vec![LinkKind::Mqtt],
            volume_percent: 80,
            national: None,
        };
        access.change(std::slice::from_ref(&second), &[id]);
        let secret = access.keys.terminal_password(second.id);
        assert!(access.login(other, other, secret.as_bytes()));
        assert!(access.may_subscribe(other, "m/v1/area/430621101001/order"));
        assert!(!access.login(own, own, password.as_bytes()), "it is retired");
        assert!(!access.may_subscribe(own, "m/v1/area/430621100001/order"));
        assert!(access.may_publish(own, &report(own)), "it may report what it still plays");
        assert!(!access.may_publish(own, &report(other)));
        second.id = id;
        access.change(&[second], &[]);
        assert!(access.login(own, own, password.as_bytes()), "it is back");
    }

    #[test]
    fn a_terminal_reaches_only_its_own_topics() {
        let (access, _) = access();
        let own = "430621100001-001";
        let check = |write: bool, topic: &str, expect: bool| {
            let may = if write {
                access.may_publish(own, topic)
            } else {
                access.may_subscribe(own, topic)
            };
            assert_eq!(may, expect, "{topic}");
        };
        check(true, "m/v1/terminal/430621100001-001/acknowledgement", true);
        check(true, "m/v1/terminal/430621100001-001/status", true);
        check(true, "m/v1/terminal/430621100001-002/acknowledgement", false);
        check(true, "m/v1/terminal/430621100001-001/order", false);
        check(true, "m/v1/area/430621100001/order", false);
        check(false, "m/v1/terminal/430621100001-001/order", true);
        check(false, "m/v1/terminal/430621100001-001/receipt", true);
        check(false, "m/v1/terminal/430621100001-002/order", false);
        check(false, "m/v1/area/430621100001/order", true);
        check(false, "m/v1/area/430621100000/order", true);
        check(false, "m/v1/area/430621000000/order", true);
        check(false, "m/v1/area/430621101000/order", false);
        check(false, "m/v1/#", false);
        check(false, "m/v1/area/+/order", false);
        check(false, "#", false);
    }
}
