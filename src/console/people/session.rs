//! Who is signed in: sessions in memory, known by the digest of a random cookie.

use super::{digest, lock, random_token};
use crate::model::{Actor, Sha256};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Silence after which a session ends, milliseconds.
const IDLE_MS_MAX: u64 = 60 * 60_000;
/// Longest life of a session whatever happens in it: a shift, milliseconds.
const AGE_MS_MAX: u64 = 13 * 3_600_000;
/// Sessions at the same time. When it is full, the one that is silent the longest goes.
const SESSIONS_MAX: usize = 4_096;
/// Messages for the next page at the most; the oldest go.
const FLASHES_MAX: usize = 8;

/// One line at the head of the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flash {
    /// Whether it went well.
    pub(crate) good: bool,
    /// What to read.
    pub(crate) text: String,
}

/// One person at one browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    login: String,
    actor: Actor,
    /// What every form of this session must bring along.
    form_token: String,
    made_ms: u64,
    seen_ms: u64,
    flashes: Vec<Flash>,
}

impl Session {
    /// The account.
    pub(crate) fn login(&self) -> &str {
        &self.login
    }

    /// The person, as the core knows one.
    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What every form must bring along.
    pub(crate) fn form_token(&self) -> &str {
        &self.form_token
    }

    fn is_over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.seen_ms) >= IDLE_MS_MAX
            || now_ms.saturating_sub(self.made_ms) >= AGE_MS_MAX
    }
}

/// What a look at a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    /// Somebody did something.
    Acted,
    /// A page that stands open asked by itself: no sign of life.
    Watched,
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Mutex<BTreeMap<Sha256, Session>>,
}

impl Sessions {
    /// Opens a session; gives the text of its cookie. It is always a new one, so that nobody can have
    /// planted it before.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn open(&self, now_ms: u64, login: &str, actor: Actor) -> anyhow::Result<String> {
        let cookie = random_token()?;
        let session = Session {
            login: login.to_owned(),
            actor,
            form_token: random_token()?,
            made_ms: now_ms,
            seen_ms: now_ms,
            flashes: Vec::new(),
        };
        let mut open = lock(&self.open);
        open.retain(|_, session| !session.is_over(now_ms));
        if open.len() >= SESSIONS_MAX {
            let silent = open.iter().min_by_key(|(_, session)| session.seen_ms);
            if let Some(silent) = silent.map(|(key, _)| *key) {
                open.remove(&silent);
            }
        }
        open.insert(digest(&cookie), session);
        Ok(cookie)
    }

    /// The session of a cookie, while it lasts.
    pub(crate) fn find(&self, now_ms: u64, cookie: &str, live: Live) -> Option<Session> {
        let key = digest(cookie);
        let mut open = lock(&self.open);
        let session = open.get_mut(&key)?;
        if session.is_over(now_ms) {
            open.remove(&key);
            return None;
        }
        if live == Live::Acted {
            session.seen_ms = now_ms;
        }
        Some(session.clone())
    }

    /// Ends a session.
    pub(crate) fn close(&self, cookie: &str) {
        lock(&self.open).remove(&digest(cookie));
    }

    /// Leaves a line for the next page.
    pub(crate) fn flash(&self, cookie: &str, flash: Flash) {
        if let Some(session) = lock(&self.open).get_mut(&digest(cookie)) {
            if session.flashes.len() >= FLASHES_MAX {
                session.flashes.remove(0);
            }
            session.flashes.push(flash);
        }
    }

    /// Takes the lines for this page.
    pub(crate) fn take_flashes(&self, cookie: &str) -> Vec<Flash> {
        let mut open = lock(&self.open);
        open.get_mut(&digest(cookie)).map(|s| std::mem::take(&mut s.flashes)).unwrap_or_default()
    }

    /// Ends all sessions for which `keep` says no.
    pub(crate) fn keep_if(&self, keep: impl Fn(&Session) -> bool) {
        lock(&self.open).retain(|_, session| keep(session));
    }

    /// Who is signed in now, by account.
    pub(crate) fn logins(&self, now_ms: u64) -> BTreeMap<String, u32> {
        let mut logins = BTreeMap::new();
        for session in lock(&self.open).values().filter(|session| !session.is_over(now_ms)) {
            *logins.entry(session.login.clone()).or_insert(0) += 1;
        }
        logins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    fn actor() -> Actor {
        Actor { name: "张三".into(), role: Role::Officer, areas: Vec::new() }
    }

    fn check(acts_ms: &[u64], then_ms: u64, live: Live, expect: bool) {
        let sessions = Sessions::default();
        let cookie = sessions.open(0, "zhang", actor()).unwrap();
        for at_ms in acts_ms {
            sessions.find(*at_ms, &cookie, live);
        }
        assert_eq!(sessions.find(then_ms, &cookie, Live::Acted).is_some(), expect, "{acts_ms:?}");
    }

    #[test]
    fn sessions_end_by_silence_and_by_age() {
        check(&[], IDLE_MS_MAX - 1, Live::Acted, true);
        check(&[], IDLE_MS_MAX, Live::Acted, false);
        check(&[IDLE_MS_MAX - 1], IDLE_MS_MAX * 2 - 2, Live::Acted, true);
        check(&[IDLE_MS_MAX - 1], IDLE_MS_MAX, Live::Watched, false);
        let busy: Vec<u64> = (0..AGE_MS_MAX / 600_000).map(|n| n * 600_000).collect();
        check(&busy, AGE_MS_MAX - 1, Live::Acted, true);
        check(&busy, AGE_MS_MAX, Live::Acted, false);
    }

    #[test]
    fn cookies_are_new_each_time_and_unknown_ones_open_nothing() {
        let sessions = Sessions::default();
        let first = sessions.open(0, "zhang", actor()).unwrap();
        let second = sessions.open(0, "zhang", actor()).unwrap();
        assert_ne!(first, second);
        assert!(sessions.find(1, "planted", Live::Acted).is_none());
        sessions.close(&first);
        assert!(sessions.find(1, &first, Live::Acted).is_none());
        assert!(sessions.find(1, &second, Live::Acted).is_some());
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        let first = sessions.open(0, "zhang", actor()).unwrap();
        for n in 0..SESSIONS_MAX as u64 {
            sessions.open(n + 1, "li", actor()).unwrap();
        }
        assert!(sessions.find(1, &first, Live::Acted).is_none(), "the silent one goes");
    }
}
