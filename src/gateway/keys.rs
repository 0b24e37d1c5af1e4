//! API keys made and revoked on screen. Keys of the file stand beside them and are no matter of the core.

use super::people::{deny, may, refuse_ask};
use super::{Action, Answer, Gateway, Outbox, RequestId, State};
use crate::decide::bad_reason;
use crate::model::{Actor, ApiKeyLine, Network, Reason, Refusal, Right, Sha256, UtcMs};
use crate::record::entry::Entry;
use serde::{Deserialize, Serialize};

/// Keys made on screen that are kept, revoked and expired ones among them. When it is full the oldest of
/// those goes; when all are good, a new one is refused.
pub(crate) const MADE_KEYS_MAX: usize = 1_000;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 32;
/// Areas of one key.
const AREAS_MAX: usize = 200;
/// Longest validity, seconds: ten years.
const VALID_S_MAX: i64 = 10 * 366 * 86_400;

/// A key with the people behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyState {
    /// The key.
    pub key: ApiKeyLine,
    /// Who made it.
    pub by: String,
    /// When.
    pub at: UtcMs,
    /// Who revoked it, when, and why.
    pub revoked: Option<(String, UtcMs, String)>,
}

impl KeyState {
    /// Whether it lets anybody in at `now`.
    #[must_use]
    pub fn is_good(&self, now: UtcMs) -> bool {
        self.revoked.is_none() && self.key.expires.is_none_or(|expires| now < expires)
    }
}

impl Gateway {
    pub(super) fn make_key(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        mut key: ApiKeyLine,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let what = format!("make an API key for {}", key.name);
            if let Err(why) = may(actor, Right::Administer, key.areas.clone()) {
                return deny(out, request, actor, &what, &why);
            }
            key.name = key.name.trim().to_owned();
            let reasons = faults(&rules.network, out, &key);
            if !reasons.is_empty() {
                return refuse_ask(out, request, actor, &what, Refusal { reasons });
            }
            out.record(Entry::KeyMade { key, by: actor.name.clone() });
            out.reply(request, Answer::Done(Vec::new()));
        })
    }

    pub(super) fn revoke_key(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        sha256: Sha256,
        reason: String,
    ) -> Vec<Action> {
        self.outbox(now, |_, out| {
            let known = out.state.api_keys.get(&sha256).filter(|known| known.revoked.is_none());
            let Some(known) = known else {
                let none = "no such key was made on screen, or it is revoked already".to_owned();
                return out.reply(request, Answer::NotFound(none));
            };
            let what = format!("revoke an API key of {}", known.key.name);
            // Areas don't matter: to shut somebody out is never too much.
            if let Err(why) = may(actor, Right::Administer, Vec::new()) {
                return deny(out, request, actor, &what, &why);
            }
            if let Some(bad) = bad_reason(&reason) {
                let refusal = Refusal { reasons: vec![bad] };
                return refuse_ask(out, request, actor, &what, refusal);
            }
            out.record(Entry::KeyRevoked { sha256, by: actor.name.clone(), reason });
            out.reply(request, Answer::Done(Vec::new()));
        })
    }
}

fn faults(network: &Network, out: &Outbox<'_>, key: &ApiKeyLine) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut fault = |wrong: bool, code: &str, text: String| {
        if wrong {
            reasons.push(Reason { code: code.to_owned(), text });
        }
    };
    let n = key.name.chars().count();
    let bad = n == 0 || n > NAME_CHARS_MAX || key.name.chars().any(char::is_control);
    fault(bad, "bad_name", format!("名称应为 1 至 {NAME_CHARS_MAX} 字，收到 {n} 字"));
    let n = key.areas.len();
    let text = format!("应选 1 至 {AREAS_MAX} 个区域，收到 {n} 个");
    fault(n == 0 || n > AREAS_MAX, "bad_areas", text);
    for area in key.areas.iter().filter(|area| !network.areas.contains_key(area)) {
        fault(true, "unknown_area", format!("没有这个区域：{area}"));
    }
    let late = key
        .expires
        .is_some_and(|expires| expires <= out.now || expires > out.now.plus_s(VALID_S_MAX));
    fault(late, "bad_expiry", "有效期应在今后十年之内".to_owned());
    let full = out.state.api_keys.len() >= MADE_KEYS_MAX
        && out.state.api_keys.values().all(|known| known.is_good(out.now));
    fault(full, "too_many_keys", format!("密钥最多 {MADE_KEYS_MAX} 个，请先吊销不用的"));
    let taken = out.state.api_keys.contains_key(&key.sha256);
    fault(taken, "same_key", "这个密钥已经登记".to_owned());
    reasons
}

impl State {
    pub(super) fn apply_key(&mut self, at: UtcMs, entry: &Entry) {
        if let Entry::KeyMade { key, by } = entry {
            if self.api_keys.len() >= MADE_KEYS_MAX {
                let ended = self.api_keys.values().filter(|known| !known.is_good(at));
                let oldest = ended.min_by_key(|known| known.at).map(|known| known.key.sha256);
                if let Some(oldest) = oldest {
                    self.api_keys.remove(&oldest);
                }
            }
            let state = KeyState { key: key.clone(), by: by.clone(), at, revoked: None };
            self.api_keys.insert(key.sha256, state);
        } else if let Entry::KeyRevoked { sha256, by, reason } = entry
            && let Some(known) = self.api_keys.get_mut(sha256)
        {
            known.revoked = Some((by.clone(), at, reason.clone()));
        }
    }
}
