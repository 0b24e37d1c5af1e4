//! `GET /sources`: who may bring alerts, and how they are.

use super::{Console, Problem};
use crate::model::Right;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

/// All of them, in the order of the configuration.
pub(super) async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    console.keys.actor(&headers, Right::Read)?;
    Ok(Json(json!({ "sources": console.sources.views() })))
}
