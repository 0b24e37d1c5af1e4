//! `GET /openapi.json`.

use axum::Json;
use serde_json::{Value, json};

/// OpenAPI 3.1 of what `router` serves; `tests/it/api.rs` checks that both name the same paths.
pub(super) async fn document() -> Json<Value> {
    Json(paths())
}

/// The document.
pub(crate) fn paths() -> Value {
    let asked = |summary: &str, more: &[&str]| asked(op(summary), more);
    let mut document = json!({
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
    });
    if let (Some(Value::Object(all)), Value::Object(people)) =
        (document.get_mut("paths"), people_paths())
    {
        all.extend(people);
    }
    document
}

/// One operation.
fn op(summary: &str) -> Value {
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
}

/// What people do beside broadcasts: edits, later signatures, roster, groups, programmes, calls.
fn people_paths() -> Value {
    json!({
            "/plans/{id}/edit": {
                "post": op("change a waiting plan as seen in `revision`; signatures fall")
            },
            "/break-glass": {
                "get": op("broadcasts released by one officer alone, with later signatures"),
                "post": op("release a waiting plan or a manual broadcast alone, with a reason")
            },
            "/broadcasts/{id}/countersign": {
                "post": op("sign afterwards what another officer released alone")
            },
            "/broadcasts/{id}/resend": {
                "post": op("send it again to terminals that did not play it")
            },
            "/roster": {
                "get": op("shifts of the duty roster; with area, who is on duty there"),
                "post": op("set and remove single shifts")
            },
            "/roster/import": {
                "post": op("take a roster as CSV, all or nothing; with dry_run only check it")
            },
            "/templates": { "get": op("templates of the policy, for composing") },
            "/groups": {
                "get": op("saved groups of places"),
                "post": op("save a group")
            },
            "/groups/{name}": { "delete": op("remove a group") },
            "/broadcasts/{id}/calls": {
                "get": op("calls to responsible persons about a broadcast, with their answers")
            },
            "/calls/{id}/answered": {
                "post": op("note that the person was reached by telephone")
            },
            "/programmes": {
                "get": op("the programme schedule with next time and newest occurrence"),
                "post": op("save a programme; refused with every fault and conflict")
            },
            "/programmes/check": {
                "post": op("faults, conflicts, terminals and length of a programme, unsaved")
            },
            "/programmes/{name}": { "delete": op("remove a programme") },
            "/programmes/{name}/approve": {
                "post": op("approve a programme of another officer, as seen in `set_at_ms`")
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
