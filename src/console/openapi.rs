//! `GET /openapi.json`.

use axum::Json;
use serde_json::{Value, json};

/// OpenAPI 3.1 of what `router` serves; `tests/it/api.rs` checks that both name the same paths.
pub(super) async fn document() -> Json<Value> {
    Json(paths())
}

/// The document.
pub(crate) fn paths() -> Value {
    let op = |summary: &str| {
        json!({
            "summary": summary,
            "security": [{ "key": [] }],
            "responses": {
                "200": { "description": "done" },
                "default": {
                    "description": "RFC 9457 problem",
                    "content": { "application/problem+json": {} }
                }
            }
        })
    };
    let asked = |summary: &str, more: &[&str]| asked(op(summary), more);
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Mingluo", "version": env!("CARGO_PKG_VERSION") },
        "servers": [{ "url": "/api/v1" }],
        "components": { "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } } },
        "paths": {
            "/alerts": {
                "get": op("alerts, newest first; page with before and limit"),
                "post": op("take CAP XML, 12379 XML or JSON; 202, or 422 with every fault")
            },
            "/alerts/{number}": { "get": op("one alert") },
            "/plans": { "get": op("plans that wait for people") },
            "/broadcasts": {
                "get": op("broadcasts, newest first"),
                "post": op("manual broadcast; honours Idempotency-Key")
            },
            "/broadcasts/{id}": { "get": op("one broadcast with its counts") },
            "/broadcasts/{id}/approve": { "post": op("approve the plan of that number") },
            "/broadcasts/{id}/refuse": { "post": op("refuse the plan of that number") },
            "/broadcasts/{id}/cancel": { "post": op("cancel a broadcast") },
            "/broadcasts/{id}/acknowledgements": {
                "get": op("each terminal's ladder; page with after and limit, filter by outcome")
            },
            "/preview": {
                "post": op("how text, template, plan or recording would sound; clip, length, airtime")
            },
            "/stop": { "post": op("stop everything, or everything in some areas") },
            "/drill": { "post": op("arm or disarm drills") },
            "/terminals": { "get": op("the registry with presence") },
            "/record": { "get": op("rows of the ledger; page with from and limit") },
            "/audit/acknowledgements": {
                "get": asked("each terminal's ladder in every broadcast ever; page with after and limit", &["after", "limit"])
            },
            "/audit/summary": { "get": asked("counts per outcome and township", &[]) },
            "/audit/evidence": {
                "get": asked("every row of the ledger about one terminal in one broadcast, and proof of the chain", &[])
            },
            "/audit/export": {
                "get": asked("the table as csv or xlsx, or the report to be signed as pdf", &["format"])
            },
            "/events": { "get": op("entries as they are recorded, as server-sent events") },
            "/openapi.json": { "get": op("this document") }
        }
    })
}

/// A path of the audit, with the filters that all of them take.
fn asked(mut op: Value, more: &[&str]) -> Value {
    let names =
        ["since", "until", "alert", "broadcast", "class", "area", "terminal", "outcome", "link"];
    let parameters: Vec<Value> = names
        .iter()
        .chain(more)
        .map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } }))
        .collect();
    if let Some(fields) = op.as_object_mut() {
        fields.insert("parameters".to_owned(), parameters.into());
    }
    op
}
