//! Who calls: API keys with role and area. Only digests of keys are kept.

use super::problem::Problem;
use crate::clock;
use crate::model::{Actor, ApiKeyLine, AreaCode, Right, Role, Sha256, UtcMs};
use crate::record::entry::Entry;
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

/// Days before its end at which a key is told of.
const WARN_DAYS: [i64; 3] = [1, 7, 30];
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Prefix by which a leaked key is recognised.
pub(crate) const KEY_PREFIX: &str = "mlk_";
/// Random bytes of a key.
const KEY_BYTES: usize = 24;
/// Keys one gateway knows at the most.
pub(crate) const KEYS_MAX: usize = 1_000;

/// One API key as stored: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// Canonical name of the person or program; two keys of one person carry the same name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Areas within which it may act.
    pub areas: Vec<AreaCode>,
    /// SHA-256 of the key text.
    pub sha256: Sha256,
}

/// The file of API keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeys {
    /// All keys.
    #[serde(default)]
    pub keys: Vec<ApiKey>,
}

impl ApiKeys {
    /// Reads the file; an absent file means no keys, so nobody gets in.
    ///
    /// # Errors
    /// When it can't be read or is malformed.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        use anyhow::Context;
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text)
                .with_context(|| format!("reading API keys from {}", path.display())),
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(fault) => {
                Err(fault).with_context(|| format!("reading API keys from {}", path.display()))
            }
        }
    }

    /// Writes the file, readable by its owner only.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        crate::secrets::write_private(path, toml::to_string_pretty(self)?.as_bytes())
    }

    /// Makes a key and keeps its digest; gives the key text, which is shown once.
    ///
    /// # Errors
    /// When the operating system gives no randomness, or there are `KEYS_MAX` keys.
    pub fn create(
        &mut self,
        name: &str,
        role: Role,
        areas: Vec<AreaCode>,
    ) -> anyhow::Result<String> {
        anyhow::ensure!(self.keys.len() < KEYS_MAX, "there are {KEYS_MAX} keys; remove some first");
        let (text, sha256) = new_key()?;
        self.keys.push(ApiKey { name: name.to_owned(), role, areas, sha256 });
        Ok(text)
    }
}

/// The text of a new key and its digest.
///
/// # Errors
/// When the operating system gives no randomness.
pub(super) fn new_key() -> anyhow::Result<(String, Sha256)> {
    let mut random = [0_u8; KEY_BYTES];
    getrandom::fill(&mut random)?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("{KEY_PREFIX}{digits}");
    let sha256 = Sha256::of(text.as_bytes());
    Ok((text, sha256))
}

/// Every key that lets somebody in: those of the file as it was at the start, and those made on screen as
/// the record has them.
#[derive(Debug, Default)]
pub struct KnownKeys {
    file: Vec<ApiKey>,
    made: RwLock<BTreeMap<Sha256, ApiKeyLine>>,
}

impl KnownKeys {
    /// Keys of the file, and those made on screen that are not revoked.
    #[must_use]
    pub fn new(file: ApiKeys, made: impl IntoIterator<Item = ApiKeyLine>) -> Self {
        let made = made.into_iter().map(|key| (key.sha256, key)).collect();
        Self { file: file.keys, made: RwLock::new(made) }
    }

    /// Keys of the file.
    #[must_use]
    pub fn of_file(&self) -> &[ApiKey] {
        &self.file
    }

    /// Keys that end soon or have ended and are not revoked: name, end, and how many days before its end it
    /// is told of, 0 = it has ended. The first to end comes first. Keys of the file have no end.
    #[must_use]
    pub fn ending(&self, now: UtcMs) -> Vec<(String, UtcMs, i64)> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let ends = made.values().filter_map(|key| {
            let end = key.expires?;
            Some((key.name.clone(), end, stage(end.since_ms(now))?))
        });
        let mut ending: Vec<_> = ends.collect();
        ending.sort_by_key(|(name, end, _)| (*end, name.clone()));
        ending
    }

    /// What people should do about them; `None` = nothing yet.
    #[must_use]
    pub fn warning(&self, now: UtcMs) -> Option<String> {
        let ending = self.ending(now);
        let (_, end, _) = ending.first()?;
        let days = end.since_ms(now).max(0) / DAY_MS;
        let n = ending.len();
        let remedy = "make others under System, API keys, and revoke the old ones";
        Some(format!("{n} API keys end soon or have ended, the first in {days} days: {remedy}"))
    }

    /// Takes in what is on record now.
    pub(crate) fn follow(&self, entry: &Entry) {
        let made = || self.made.write().unwrap_or_else(PoisonError::into_inner);
        if let Entry::KeyMade { key, .. } = entry {
            made().insert(key.sha256, key.clone());
        } else if let Entry::KeyRevoked { sha256, .. } = entry {
            made().remove(sha256);
        }
    }

    /// The actor behind a request that holds `right`.
    ///
    /// # Errors
    /// 401 without a known key, 403 without the right.
    pub fn actor(&self, headers: &HeaderMap, right: Right) -> Result<Actor, Problem> {
        let actor = self.known(headers)?;
        if !actor.role.may(right) {
            let why = format!("the role of key `{}` does not include this", actor.name);
            return Err(Problem::forbidden(why));
        }
        Ok(actor)
    }

    /// Whose key a request carries.
    ///
    /// # Errors
    /// 401 without a known one that has not run out.
    pub fn known(&self, headers: &HeaderMap) -> Result<Actor, Problem> {
        let mut sent = headers.get_all(header::AUTHORIZATION).iter();
        let text = sent.next().and_then(|value| value.to_str().ok());
        let (scheme, text) =
            text.and_then(|text| text.split_once(' ')).ok_or_else(Problem::unauthorized)?;
        // Two of them leave open who asks.
        if !scheme.eq_ignore_ascii_case("Bearer") || sent.next().is_some() {
            return Err(Problem::unauthorized());
        }
        // Looking up by digest leaks nothing of the key by its timing.
        let digest = Sha256::of(text.trim().as_bytes());
        self.holder(digest, clock::now_utc()).ok_or_else(Problem::unauthorized)
    }

    /// Areas for which the source of this name may act now; none when no key of it is known.
    pub(super) fn areas_of_source(&self, name: &str) -> Vec<AreaCode> {
        let of_file =
            self.file.iter().find(|key| key.name == name && key.role.may(Right::PostAlert));
        if let Some(key) = of_file {
            return key.areas.clone();
        }
        let (made, now) =
            (self.made.read().unwrap_or_else(PoisonError::into_inner), clock::now_utc());
        let known = |key: &&ApiKeyLine| {
            key.name == name
                && key.role.may(Right::PostAlert)
                && key.expires.is_none_or(|end| now < end)
        };
        made.values().find(known).map(|key| key.areas.clone()).unwrap_or_default()
    }

    /// Whose key has this digest, if it lets anybody in at `now`.
    pub(crate) fn holder(&self, digest: Sha256, now: UtcMs) -> Option<Actor> {
        if let Some(key) = self.file.iter().find(|key| key.sha256 == digest) {
            let ApiKey { name, role, areas, .. } = key.clone();
            return Some(Actor { name, role, areas });
        }
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let key = made.get(&digest).filter(|key| key.expires.is_none_or(|end| now < end))?;
        let ApiKeyLine { name, role, areas, .. } = key.clone();
        Some(Actor { name, role, areas })
    }
}

/// How many days before its end a key that ends in `left_ms` is told of; 0 = it has ended.
fn stage(left_ms: i64) -> Option<i64> {
    if left_ms <= 0 {
        return Some(0);
    }
    WARN_DAYS.into_iter().find(|days| left_ms <= days.saturating_mul(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: Option<&str>, right: Right, expect: Result<&str, u16>) {
        let mut keys = ApiKeys::default();
        let county = AreaCode::parse("430621").unwrap();
        let text = keys.create("张三", Role::Officer, vec![county]).unwrap();
        let keys = KnownKeys::new(keys, []);
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(header::AUTHORIZATION, header.replace("KEY", &text).parse().unwrap());
        }
        let got = keys.actor(&headers, right);
        assert_eq!(got.as_ref().map(|a| a.name.as_str()).map_err(|p| p.status), expect);
    }

    #[test]
    fn only_a_known_key_with_the_right_gets_in() {
        check(Some("Bearer KEY"), Right::Broadcast, Ok("张三"));
        check(Some("Bearer KEY"), Right::Audit, Err(403));
        check(Some("bearer KEY"), Right::Broadcast, Ok("张三"));
        check(Some("Bearer KEYx"), Right::Broadcast, Err(401));
        check(Some("Basic KEY"), Right::Broadcast, Err(401));
        check(Some("Bearer "), Right::Read, Err(401));
        check(None, Right::Read, Err(401));
    }

    #[test]
    fn a_key_made_on_screen_lives_from_its_entry_to_its_end() {
        let (_, sha256) = new_key().unwrap();
        let county = AreaCode::parse("430621").unwrap();
        let line = |expires| ApiKeyLine {
            name: "水文站".into(),
            role: Role::Source,
            areas: vec![county],
            sha256,
            expires,
        };
        let made = |expires| Entry::KeyMade { key: line(expires), by: "管系统".into() };
        let keys = KnownKeys::default();
        let holds = |now| keys.holder(sha256, UtcMs(now)).map(|actor| actor.name);
        assert_eq!(holds(1), None, "it is not on record");
        keys.follow(&made(Some(UtcMs(10))));
        assert_eq!(holds(9).as_deref(), Some("水文站"));
        assert_eq!(holds(10), None, "it ran out");
        keys.follow(&made(None));
        assert_eq!(holds(i64::MAX).as_deref(), Some("水文站"));
        let (by, reason) = ("管系统".into(), "外泄".into());
        keys.follow(&Entry::KeyRevoked { sha256, by, reason });
        assert_eq!(holds(1), None, "it is revoked");
        let again = KnownKeys::new(ApiKeys::default(), [line(None)]);
        assert!(again.holder(sha256, UtcMs(1)).is_some(), "a restart knows it");
    }

    #[test]
    fn keys_near_their_end_are_told_of_until_they_are_revoked() {
        let (day, county) = (DAY_MS, AreaCode::parse("430621").unwrap());
        let keys = KnownKeys::default();
        let mut last = Sha256([0; 32]);
        for (name, expires) in [("a", Some(40 * day)), ("b", Some(8 * day)), ("c", None)] {
            let (_, sha256) = new_key().unwrap();
            let expires = expires.map(UtcMs);
            let (areas, role) = (vec![county], Role::Source);
            let key = ApiKeyLine { name: name.into(), role, areas, sha256, expires };
            keys.follow(&Entry::KeyMade { key, by: "管系统".into() });
            if name == "b" {
                last = sha256;
            }
        }
        let check = |keys: &KnownKeys, now_days: i64, expect: &[(&str, i64)]| {
            let ending = keys.ending(UtcMs(now_days * day));
            let told: Vec<_> = ending.iter().map(|(name, _, at)| (name.as_str(), *at)).collect();
            assert_eq!(told, expect, "day {now_days}");
            assert_eq!(keys.warning(UtcMs(now_days * day)).is_some(), !expect.is_empty());
        };
        check(&keys, -30, &[]);
        check(&keys, 0, &[("b", 30)]);
        check(&keys, 1, &[("b", 7)]);
        check(&keys, 7, &[("b", 1)]);
        check(&keys, 8, &[("b", 0)]);
        check(&keys, 10, &[("b", 0), ("a", 30)]);
        let (by, reason) = ("管系统".into(), "换新".into());
        keys.follow(&Entry::KeyRevoked { sha256: last, by, reason });
        check(&keys, 8, &[]);
    }
}
