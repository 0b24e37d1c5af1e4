//! Who is in at the broker of the sources: sessions by client id, each with the key it came with, and what a
//! source may do. All others may do nothing.

use crate::config::SOURCE_TOPICS;
use crate::model::Sha256;
use rmqtt::types::Id;
use std::collections::BTreeMap;

/// Sessions of one source at the same time: its sensors, a standby, and some that are not ended yet.
pub(super) const SESSIONS_PER_SOURCE_MAX: usize = 32;
/// After so long a login that brought no session is forgotten, milliseconds.
const HANDSHAKE_MS_MAX: i64 = 60_000;

/// What a source publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// An alert, in any form that the readers know.
    Alert,
    /// Readings of stations.
    Readings,
}

/// What the source `name` says by publishing to `topic`; `None` = it may not.
pub(super) fn what(name: &str, topic: &str) -> Option<What> {
    let rest = topic.strip_prefix(SOURCE_TOPICS)?.strip_prefix('/')?.strip_prefix(name)?;
    match rest {
        "/alerts" => Some(What::Alert),
        "/readings" => Some(What::Readings),
        _ => None,
    }
}

/// Whether a source may call its session so: by its name, or by its name with more behind a slash.
/// No name holds a slash, so none can take the place of another's session.
pub(super) fn may_be_called(name: &str, client_id: &str) -> bool {
    let rest = client_id.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.len() > 1 && rest.starts_with('/'))
}

/// A session of a source.
#[derive(Debug, Clone)]
pub(super) struct Session {
    id: Id,
    /// Whose: the name of its key.
    pub(super) name: String,
    /// Digest of the key.
    pub(super) key: Sha256,
    /// Whether it got beyond its login.
    up: bool,
}

/// The library compares addresses only; the time of birth tells two sessions of one port apart.
fn same(a: &Id, b: &Id) -> bool {
    a == b && a.create_time == b.create_time
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sessions(BTreeMap<String, Session>);

impl Sessions {
    /// Keeps a login; false = the source has enough sessions. A session of the same client id ends.
    pub(super) fn enter(&mut self, id: &Id, name: &str, key: Sha256, now_ms: i64) -> bool {
        self.0.retain(|_, one| one.up || now_ms - one.id.create_time < HANDSHAKE_MS_MAX);
        let client_id = id.client_id.to_string();
        let others = self.0.iter().filter(|(other, one)| **other != client_id && one.name == name);
        if others.count() >= SESSIONS_PER_SOURCE_MAX {
            return false;
        }
        let session = Session { id: id.clone(), name: name.to_owned(), key, up: false };
        self.0.insert(client_id, session);
        true
    }

    /// It got beyond its login.
    pub(super) fn up(&mut self, id: &Id) {
        let client_id: &str = &id.client_id;
        if let Some(session) = self.0.get_mut(client_id).filter(|one| same(&one.id, id)) {
            session.up = true;
        }
    }

    /// Whose session this is; `None` = another one has taken its place.
    pub(super) fn of(&self, id: &Id) -> Option<&Session> {
        let client_id: &str = &id.client_id;
        self.0.get(client_id).filter(|one| same(&one.id, id))
    }

    /// It ended; gives whose it was, unless another one has taken its place.
    pub(super) fn leave(&mut self, id: &Id) -> Option<String> {
        let name = self.of(id)?.name.clone();
        let client_id: &str = &id.client_id;
        let _ended = self.0.remove(client_id);
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(client_id: &str, port: u16) -> Id {
        Id::new(1, 0, None, Some(([127, 0, 0, 1], port).into()), client_id.to_owned().into(), None)
    }

    #[test]
    fn a_source_has_two_topics() {
        let check = |name: &str, topic: &str, expect: Option<What>| {
            assert_eq!(what(name, topic), expect, "{name} {topic}");
        };
        check("geology", "sources/geology/alerts", Some(What::Alert));
        check("geology", "sources/geology/readings", Some(What::Readings));
        for topic in [
            "",
            "sources/geology",
            "sources/geology/",
            "sources/geology/alerts/",
            "sources/geology/alerts/x",
            "sources/geology2/alerts",
            "sources/weather/alerts",
            "sources//geology/alerts",
            "/sources/geology/alerts",
            "sourcesgeology/alerts",
            "geology/alerts",
            "$SYS/sources/geology/alerts",
            "mingluo/v1/terminal/430621100001-001/order",
            "mingluo/v1/area/430621000000/order",
        ] {
            check("geology", topic, None);
        }
    }

    #[test]
    fn no_session_is_called_like_that_of_another() {
        let check = |client_id: &str, expect: bool| {
            assert_eq!(may_be_called("geology", client_id), expect, "{client_id}");
        };
        check("geology", true);
        check("geology/slope 7", true);
        check("geology/", false);
        check("geology2", false);
        check("", false);
        check("430621100001-001", false);
    }

    #[test]
    fn a_session_is_one_until_it_ends_or_another_takes_its_place() {
        let (mut sessions, key) = (Sessions::default(), Sha256([7; 32]));
        let (old, new) = (id("geology", 1), id("geology", 2));
        assert!(sessions.enter(&old, "geology", key, old.create_time));
        sessions.up(&old);
        assert_eq!(sessions.of(&old).map(|one| one.key), Some(key));
        assert!(sessions.enter(&new, "geology", key, new.create_time));
        assert!(sessions.of(&old).is_none(), "its place is taken");
        assert_eq!(sessions.leave(&old), None);
        sessions.up(&new);
        assert_eq!(sessions.leave(&new).as_deref(), Some("geology"));
        assert!(sessions.of(&new).is_none());
    }

    #[test]
    fn sessions_of_a_source_are_counted_and_dead_logins_forgotten() {
        let (mut sessions, key) = (Sessions::default(), Sha256([7; 32]));
        let ids: Vec<Id> = (0..=SESSIONS_PER_SOURCE_MAX)
            .map(|n| id(&format!("geology/{n}"), u16::try_from(n).unwrap()))
            .collect();
        let now_ms = ids[0].create_time;
        let (last, first) = ids.split_last().unwrap();
        assert!(first.iter().all(|id| sessions.enter(id, "geology", key, now_ms)));
        assert!(!sessions.enter(last, "geology", key, now_ms));
        assert!(sessions.enter(&first[0], "geology", key, now_ms), "its own place it may take");
        assert!(sessions.enter(&id("weather", 99), "weather", key, now_ms), "others have theirs");
        first.iter().skip(1).for_each(|id| sessions.up(id));
        let later_ms = now_ms + 2 * HANDSHAKE_MS_MAX;
        assert!(sessions.enter(last, "geology", key, later_ms), "one never came up");
        sessions.up(last);
        assert!(!sessions.enter(&id("geology/x", 98), "geology", key, later_ms));
    }
}
