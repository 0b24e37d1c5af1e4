//! API keys over the API: which there are, new ones whose text is told once, and none any more.

use super::extract::Form;
use super::plans::{Reply, ask};
use super::{Console, Problem, session};
use crate::clock;
use crate::gateway::{Answer, Ask, Input, KeyState};
use crate::model::{ApiKeyLine, AreaCode, Right, Role, Sha256};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

/// Body of `POST /keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBody {
    name: String,
    role: Role,
    areas: Vec<AreaCode>,
    /// Days it is good for; none = without an end.
    valid_days: Option<u16>,
}

/// Body of `POST /keys/revoke`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeBody {
    sha256: Sha256,
    reason: String,
}

fn made(known: &KeyState) -> Value {
    let key = &known.key;
    json!({
        "name": key.name,
        "role": key.role,
        "areas": key.areas,
        "sha256": key.sha256,
        "from": "screen",
        "expires_ms": key.expires.map(|end| end.0),
        "made_by": known.by,
        "made_at_ms": known.at.0,
        "revoked": known.revoked.as_ref().map(|(by, at, reason)| json!({
            "by": by, "at_ms": at.0, "reason": reason,
        })),
    })
}

/// All of them, by their digests; nobody can read a key back.
pub(super) async fn list(State(console): State<Console>, headers: HeaderMap) -> Reply {
    console.keys.actor(&headers, Right::Administer)?;
    let look = console
        .core
        .look(|gateway| gateway.state().api_keys.values().map(made).collect::<Vec<_>>());
    let mut keys = look.await?;
    keys.extend(console.keys.of_file().iter().map(|key| {
        json!({
            "name": key.name, "role": key.role, "areas": key.areas, "sha256": key.sha256,
            "from": "file", "expires_ms": null, "made_by": null, "made_at_ms": null,
            "revoked": null,
        })
    }));
    Ok(Json(json!({ "keys": keys })))
}

/// Makes one. Its text is in this answer and nowhere else.
pub(super) async fn make(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, .. }: Form<KeyBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let actor = console.keys.actor(&headers, Right::Administer)?;
    let (text, sha256) = session::new_key().map_err(|fault| {
        tracing::error!(%fault, "no API key was made");
        Problem::internal("the system gave no randomness; try again")
    })?;
    let KeyBody { name, role, areas, valid_days } = body;
    let expires = valid_days.map(|days| clock::now_utc().plus_s(i64::from(days) * 86_400));
    let key = ApiKeyLine { name, role, areas, sha256, expires };
    let make = Ask::MakeKey(Box::new(key));
    let input = move |request| Input::Ask(request, actor, Box::new(make));
    let answer = console.core.ask(None, input).await?;
    if matches!(answer, Answer::Done(_)) {
        let told = json!({
            "key": text, "sha256": sha256, "expires_ms": expires.map(|end| end.0),
        });
        return Ok((StatusCode::CREATED, Json(told)));
    }
    super::views::answer(&answer).map(|told| (StatusCode::OK, Json(told)))
}

/// Lets one in no more.
pub(super) async fn revoke(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, .. }: Form<RevokeBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Administer)?;
    ask(&console, actor, Ask::RevokeKey(body.sha256, body.reason)).await
}
