//! `Idempotency-Key`: the same request twice is one broadcast, and one key never stands for two
//! different requests. Kept in memory: after a restart an old key is a new one.

use super::{Console, Problem, views};
use crate::gateway::{Input, RequestId};
use crate::model::Sha256;
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Answers kept; the oldest goes when it is full.
const KEPT_MAX: usize = 1_000;
/// Longest key in bytes.
const KEY_BYTES_MAX: usize = 128;

/// Requests that carried a key.
#[derive(Debug, Default)]
pub struct Answered {
    requests: BTreeMap<String, Known>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Known {
    digest: Sha256,
    /// `None` while it is under way.
    answer: Option<Value>,
}

/// A key that was taken for one request. Without an answer it is given back when this is dropped.
pub(super) struct Taken {
    answered: Arc<Mutex<Answered>>,
    key: String,
    done: bool,
}

/// What a key says about a request.
pub(super) enum Said {
    /// It carries no key, or a new one: go on.
    New(Option<Taken>),
    /// It was answered before.
    Again(Value),
}

/// Asks the core, once for each key: the same request under the same key gets the first answer again.
/// `what` tells apart what may be asked with the same body.
///
/// # Errors
/// As for a key that is malformed or taken, and what the core's answer is.
pub(super) async fn once(
    console: Console,
    headers: &HeaderMap,
    actor: &str,
    (what, body): (&str, Sha256),
    input: impl FnOnce(RequestId) -> Input + Send + 'static,
) -> Result<Json<Value>, Problem> {
    let digest = Sha256::of(format!("{what}\0{body}").as_bytes());
    let key = match look(&console.answered, headers, actor, digest)? {
        Said::Again(answer) => return Ok(Json(answer)),
        Said::New(key) => key,
    };
    // On a task of its own: should the caller hang up, the key still stands for what was done.
    let done = tokio::spawn(async move {
        let value = views::answer(&console.core.ask(None, input).await?)?;
        if let Some(key) = key {
            key.answer(value.clone());
        }
        Ok(Json(value))
    });
    done.await.map_err(|fault| Problem::internal(fault.to_string()))?
}

/// Looks at the key of a request by `actor` whose body has this digest.
///
/// # Errors
/// 400 for a malformed key, 422 when it stood for another body, 409 while the first is under way.
pub(super) fn look(
    answered: &Arc<Mutex<Answered>>,
    headers: &HeaderMap,
    actor: &str,
    digest: Sha256,
) -> Result<Said, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(Said::New(None)) };
    let text = key.to_str().ok().map(str::trim);
    let graphic = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let well_formed = text.filter(|text| !text.is_empty() && text.len() <= KEY_BYTES_MAX);
    let well_formed = well_formed.filter(graphic);
    let Some(text) = well_formed.filter(|_| keys.next().is_none()) else {
        let why = format!(
            "expected one Idempotency-Key of 1 to {KEY_BYTES_MAX} ASCII bytes without spaces"
        );
        return Err(Problem::bad_request(why));
    };
    let key = format!("{actor}\0{text}");
    let mut all = lock(answered);
    match all.requests.get(&key) {
        Some(known) if known.digest != digest => {
            let why =
                "this Idempotency-Key stood for another body; take a new key for each request";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(Problem::of(status, "key-reused", "幂等键已用于另一请求", why))
        }
        Some(Known { answer: Some(answer), .. }) => Ok(Said::Again(answer.clone())),
        Some(Known { answer: None, .. }) => {
            let why = "the first request with this Idempotency-Key is under way; ask again later";
            Err(Problem::of(StatusCode::CONFLICT, "under-way", "同一请求正在处理", why))
        }
        None => {
            all.begin(key.clone(), digest);
            let taken = Taken { answered: Arc::clone(answered), key, done: false };
            Ok(Said::New(Some(taken)))
        }
    }
}

impl Answered {
    fn begin(&mut self, key: String, digest: Sha256) {
        if self.order.len() >= KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.requests.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.requests.insert(key, Known { digest, answer: None });
    }
}

impl Taken {
    /// Keeps the answer for those who ask again.
    pub(super) fn answer(mut self, answer: Value) {
        if let Some(known) = lock(&self.answered).requests.get_mut(&self.key) {
            known.answer = Some(answer);
        }
        self.done = true;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.done {
            let mut all = lock(&self.answered);
            all.requests.remove(&self.key);
            all.order.retain(|key| *key != self.key);
        }
    }
}

fn lock(answered: &Mutex<Answered>) -> MutexGuard<'_, Answered> {
    answered.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(answered: &Arc<Mutex<Answered>>, key: &str, body: &str) -> Result<Said, u16> {
        let mut headers = HeaderMap::new();
        if !key.is_empty() {
            headers.insert("idempotency-key", key.parse().unwrap());
        }
        let said = look(answered, &headers, "张三", Sha256::of(body.as_bytes()));
        said.map_err(|problem| problem.status)
    }

    #[test]
    fn one_key_is_one_request() {
        let answered = Arc::default();
        assert!(matches!(ask(&answered, "", "a"), Ok(Said::New(None))));
        let Ok(Said::New(Some(first))) = ask(&answered, "k", "a") else { panic!("not new") };
        assert!(matches!(ask(&answered, "k", "a"), Err(409)), "under way");
        assert!(matches!(ask(&answered, "k", "b"), Err(422)), "another body");
        first.answer(Value::Bool(true));
        assert!(matches!(ask(&answered, "k", "a"), Ok(Said::Again(Value::Bool(true)))));
        assert!(matches!(ask(&answered, "k", "b"), Err(422)));
        assert!(matches!(ask(&answered, &"k".repeat(129), "a"), Err(400)));
        assert!(matches!(ask(&answered, "k k", "a"), Err(400)), "no space inside");
    }

    #[test]
    fn a_refused_request_gives_its_key_back_and_the_oldest_goes() {
        let answered = Arc::default();
        drop(ask(&answered, "k", "a"));
        let Ok(Said::New(Some(first))) = ask(&answered, "k", "b") else { panic!("not new") };
        first.answer(Value::Null);
        for n in 0..KEPT_MAX {
            let Ok(Said::New(Some(next))) = ask(&answered, &format!("{n}"), "a") else {
                panic!("{n} is not new")
            };
            next.answer(Value::Null);
        }
        assert!(matches!(ask(&answered, "k", "other"), Ok(Said::New(Some(_)))), "forgotten");
        assert!(lock(&answered).requests.len() <= KEPT_MAX);
    }
}
