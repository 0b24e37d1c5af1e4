//! `GET /record`: the ledger's rows, for auditors.

use super::extract::Params;
use super::{Console, Problem};
use crate::model::Right;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

/// Rows of one page.
const PAGE_MAX: usize = 1_000;

/// Cursor paging.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    from: Option<u64>,
    limit: Option<usize>,
}

/// Rows from a number on, with their chain hashes.
pub(super) async fn rows(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(page): Params<Page>,
) -> Result<Json<Value>, Problem> {
    console.keys.actor(&headers, Right::Audit)?;
    let (from, limit) = (page.from.unwrap_or(1), page.limit.unwrap_or(200).clamp(1, PAGE_MAX));
    let url = std::sync::Arc::clone(&console.record_url);
    // A reader of its own: an audit never holds up the core.
    let rows =
        tokio::task::spawn_blocking(move || crate::record::open_read_only(&url)?.read(from, limit))
            .await
            .map_err(|fault| Problem::internal(fault.to_string()))?
            .map_err(|fault| Problem::internal(fault.to_string()))?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.seq + 1);
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let body: Value = serde_json::from_slice(&row.body).unwrap_or(Value::Null);
            json!({
                "seq": row.seq, "at_ms": row.at.0, "kind": row.kind, "body": body,
                "hash": row.hash,
            })
        })
        .collect();
    Ok(Json(json!({ "rows": rows, "next_from": next })))
}
