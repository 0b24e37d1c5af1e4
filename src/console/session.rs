//! Who calls: API keys with role and area. Only digests of keys are kept.

use super::problem::Problem;
use crate::model::{Actor, AreaCode, Right, Role, Sha256};
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use std::path::Path;

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
        let mut random = [0_u8; KEY_BYTES];
        getrandom::fill(&mut random)?;
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{KEY_PREFIX}{digits}");
        let sha256 = Sha256::of(text.as_bytes());
        self.keys.push(ApiKey { name: name.to_owned(), role, areas, sha256 });
        Ok(text)
    }

    /// The actor behind a request that holds `right`.
    ///
    /// # Errors
    /// 401 without a known key, 403 without the right.
    pub fn actor(&self, headers: &HeaderMap, right: Right) -> Result<Actor, Problem> {
        let key = self.known(headers)?;
        if !key.role.may(right) {
            let why = format!("the role of key `{}` does not include this", key.name);
            return Err(Problem::forbidden(why));
        }
        Ok(Actor { name: key.name.clone(), role: key.role, areas: key.areas.clone() })
    }

    /// The key a request carries.
    ///
    /// # Errors
    /// 401 without a known one.
    pub fn known(&self, headers: &HeaderMap) -> Result<&ApiKey, Problem> {
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
        let key = self.keys.iter().find(|key| key.sha256 == digest);
        key.ok_or_else(Problem::unauthorized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: Option<&str>, right: Right, expect: Result<&str, u16>) {
        let mut keys = ApiKeys::default();
        let county = AreaCode::parse("430621").unwrap();
        let text = keys.create("张三", Role::Officer, vec![county]).unwrap();
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
}
