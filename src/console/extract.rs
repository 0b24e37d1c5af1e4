//! What a request carries, read with limits; whatever is wrong with it is a problem document.

use super::Problem;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Longest JSON body in bytes: a list of all terminals of a large county.
const JSON_BYTES_MAX: usize = 1024 * 1024;
/// Longest roster that is imported, bytes.
pub(super) const ROSTER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest time for a whole body, seconds.
pub(super) const BODY_S_MAX: u64 = 20;
/// Bytes above the limit that are read and thrown away, so that the sender sees the answer.
const WASTE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A body, or the part of it that fits.
pub(super) struct Taken {
    /// Its bytes, at most the limit.
    pub(super) bytes: Vec<u8>,
    /// Whether more came than the limit.
    pub(super) too_large: bool,
    /// Its length, when the sender told.
    pub(super) told_bytes: Option<u64>,
}

/// Reads a body of at most `bytes_max`.
///
/// # Errors
/// 408 when it takes too long, 400 when the connection breaks.
pub(super) async fn take(request: Request, bytes_max: usize) -> Result<Taken, Problem> {
    let told = request.headers().get(header::CONTENT_LENGTH).and_then(|told| told.to_str().ok());
    let told_bytes = told.and_then(|told| told.parse::<u64>().ok());
    let limit = Duration::from_secs(BODY_S_MAX);
    let read = read(request.into_body(), bytes_max, told_bytes);
    let (bytes, too_large) = tokio::time::timeout(limit, read).await.map_err(|_| {
        let why = format!("expected the whole body within {BODY_S_MAX} s; send it again");
        Problem::of(StatusCode::REQUEST_TIMEOUT, "slow-body", "请求体接收超时", why)
    })??;
    Ok(Taken { bytes, too_large, told_bytes })
}

async fn read(
    body: Body,
    bytes_max: usize,
    told_bytes: Option<u64>,
) -> Result<(Vec<u8>, bool), Problem> {
    let hopeless = bytes_max.saturating_add(WASTE_BYTES_MAX);
    let hopeless = u64::try_from(hopeless).unwrap_or(u64::MAX);
    if told_bytes.is_some_and(|told| told > hopeless) {
        return Ok((Vec::new(), true));
    }
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut n_wasted = 0;
    while let Some(piece) = stream.next().await {
        let piece: Bytes = piece.map_err(|fault| {
            Problem::bad_request(format!("the body broke off: {fault}; send it again"))
        })?;
        let fits = piece.len().min(bytes_max.saturating_sub(bytes.len()));
        bytes.extend_from_slice(piece.get(..fits).unwrap_or_default());
        n_wasted += piece.len() - fits;
        if n_wasted > WASTE_BYTES_MAX {
            break;
        }
    }
    Ok((bytes, n_wasted > 0))
}

/// A JSON body.
pub(super) struct Form<T> {
    /// The value.
    pub(super) value: T,
    /// Digest of the bytes, to tell a repeated request from another one.
    pub(super) digest: crate::model::Sha256,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json_bytes(request).await?;
        let value = parse(&bytes)?;
        Ok(Self { value, digest: crate::model::Sha256::of(&bytes) })
    }
}

/// A JSON body of stored types, which take unknown fields so that older versions can read newer records;
/// a program that sends one has misspelt it.
pub(super) struct Whole<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Serialize> FromRequest<S> for Whole<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json_bytes(request).await?;
        let value: T = parse(&bytes)?;
        let sent: Value = parse(&bytes)?;
        let known = serde_json::to_value(&value).map_err(|f| Problem::internal(f.to_string()))?;
        match unknown(&sent, &known) {
            None => Ok(Self(value)),
            Some(name) => {
                let why = format!("unknown field `{name}`; correct it and send it again");
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Err(Problem::of(status, "wrong-fields", "请求内容有误", why))
            }
        }
    }
}

/// The first name in what was sent that the value read from it does not have.
fn unknown(sent: &Value, known: &Value) -> Option<String> {
    match (sent, known) {
        (Value::Object(sent), Value::Object(known)) => {
            sent.iter().find_map(|(name, value)| match known.get(name) {
                None => Some(name.clone()),
                Some(known) => unknown(value, known),
            })
        }
        (Value::Array(sent), Value::Array(known)) => {
            sent.iter().zip(known).find_map(|(sent, known)| unknown(sent, known))
        }
        _ => None,
    }
}

/// A JSON body that may be empty.
pub(super) struct MaybeForm<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json_bytes(request).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(T::default()));
        }
        parse(&bytes).map(Self)
    }
}

async fn json_bytes(request: Request) -> Result<Vec<u8>, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).cloned();
    let said = kind.as_ref().map(|kind| kind.to_str().unwrap_or("something unreadable"));
    let taken = take(request, JSON_BYTES_MAX).await?;
    let is_json = |said: &str| {
        let kind = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
    };
    // No content type says nothing against JSON; a wrong one does, unless there is no body.
    if let Some(said) = said
        && !is_json(said)
        && !taken.bytes.is_empty()
    {
        let why = format!("expected `Content-Type: application/json`, got `{said}`");
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::of(status, "media-type", "只接受 JSON", why));
    }
    if taken.too_large {
        let why = format!("expected at most {JSON_BYTES_MAX} bytes of JSON");
        return Err(Problem::of(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "请求体过大", why));
    }
    Ok(taken.bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let first = bytes.trim_ascii_start().first();
    if first.is_some_and(|first| *first != b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
    {
        let why = "expected a JSON object such as `{\"text\": …}`, got another kind of value";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::of(status, "wrong-fields", "请求内容有误", why));
    }
    serde_json::from_slice(bytes).map_err(|fault| {
        let why = format!("the body can't be read: {fault}; correct it and send it again");
        match fault.classify() {
            serde_json::error::Category::Data => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Problem::of(status, "wrong-fields", "请求内容有误", why)
            }
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => Problem::bad_request(why),
        }
    })
}

/// A part of the path.
pub(super) struct At<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(fault) => Err(Problem::bad_request(format!("the path: {}", fault.body_text()))),
        }
    }
}

/// The part after `?`.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(fault) => Err(Problem::bad_request(fault.body_text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(sent: &Value, expect: Option<&str>) {
        let known = json!({ "name": "安全", "calendar": { "kind": "daily" }, "set": [{ "a": 1 }] });
        assert_eq!(unknown(sent, &known).as_deref(), expect, "{sent}");
    }

    #[test]
    fn a_misspelt_name_is_found_at_any_depth() {
        check(&json!({ "name": "安全", "set": [] }), None);
        check(&json!({ "nane": "安全" }), Some("nane"));
        check(&json!({ "calendar": { "kind": "daily", "weekday": [1] } }), Some("weekday"));
        check(&json!({ "set": [{ "a": 1, "b": 2 }] }), Some("b"));
    }
}
