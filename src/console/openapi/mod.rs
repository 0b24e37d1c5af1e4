//! `GET /openapi.json`: the interface as OpenAPI 3.1. One table of operations, one of schemas. It can't
//! drift unseen: tests beside compare it with the router's routes and with the types that read requests,
//! and the tests of whole stages check every answer they get against it.

mod answers;
mod feeds;
mod guarded;
mod model;
mod operation;
mod operations;
mod requests;
mod settings;
mod shape;
#[cfg(test)]
mod tests;

use axum::Json;
use serde_json::{Map, Value, json};

/// What the interface is and how it is used, for its readers.
const ABOUT: &str = "Alerts in, broadcasts out, every acknowledgement on record. \
    Every request carries an API key; `x-roles` of an operation names the roles whose keys may. \
    Errors are problems (RFC 9457). Pages go on with the cursor of the page before (`before`, `after`, \
    `from`); null = it was the last. Numbers of plans, broadcasts and calls travel as text. \
    Fields may be added to answers; unknown fields of requests are refused.";

/// The document.
pub(super) async fn document() -> Json<Value> {
    Json(value())
}

fn value() -> Value {
    let mut paths = Map::new();
    for operation in operations::all() {
        let entry = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(operation.method.to_owned(), operation.value());
        }
    }
    let schemas = [
        model::schemas(),
        answers::schemas(),
        requests::schemas(),
        feeds::schemas(),
        guarded::schemas(),
        settings::schemas(),
        settings::key_schemas(),
    ]
    .concat();
    let schemas: Map<String, Value> =
        schemas.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let problem = json!({
        "description": "why not, and what to do next",
        "content": { "application/problem+json": { "schema": shape::a("Problem") } }
    });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Mingluo", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT },
        "servers": [{ "url": "/api/v1" }],
        "components": {
            "securitySchemes": { "key": {
                "type": "http", "scheme": "bearer", "description": "an API key: `mingluo keys create`"
            } },
            "responses": { "Problem": problem },
            "schemas": schemas
        },
        "paths": paths
    })
}
