//! What a terminal may do at the broker: log in as itself, publish its own reports and status,
//! subscribe to its own orders and to those of the areas it stands in. Nothing else.

use super::broker::Access;
use super::keys::KeyRing;
use crate::model::{AreaCode, Network, TerminalId};
use mingluo_bridge::topics::{self, Leaf};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rights of the registered terminals.
pub struct TerminalAccess {
    keys: Arc<KeyRing>,
    prefix: String,
    areas: BTreeMap<TerminalId, AreaCode>,
}

impl TerminalAccess {
    /// From the registry.
    #[must_use]
    pub fn new(keys: Arc<KeyRing>, prefix: String, network: &Network) -> Self {
        let areas = network.terminals.values().map(|terminal| (terminal.id, terminal.area));
        Self { keys, prefix, areas: areas.collect() }
    }

    fn registered(&self, client_id: &str) -> Option<(TerminalId, AreaCode)> {
        // Only the canonical form: with aliases one terminal could hold several sessions.
        let terminal =
            TerminalId::parse(client_id).filter(|terminal| terminal.to_string() == client_id)?;
        self.areas.get(&terminal).map(|area| (terminal, *area))
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
        let own = self.registered(client_id).map(|(terminal, _)| terminal.number());
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
