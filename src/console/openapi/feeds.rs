//! Operations and schemas of sources and of our own CAP.

use super::operation::{Operation, get};
use super::shape::{count, flag, list, ms, object, or_null, text, words};
use crate::model::Right;
use serde_json::{Value, json};

/// Operations.
pub(super) fn operations() -> Vec<Operation> {
    let xml = |kind: &str| json!({ kind: { "schema": text() } });
    let (atom, cap) = (xml("application/atom+xml"), xml("application/cap+xml"));
    vec![
        get("/sources", Right::Read, "who may bring alerts, and how they are").gives("Sources"),
        get("/cap/feed", Right::Read, "newest broadcasts as an Atom feed of CAP 1.2")
            .answers_as(200, &atom),
        get("/cap/broadcasts/{id}", Right::Read, "what was broadcast, as CAP 1.2")
            .answers_as(200, &cap),
        get("/cap/broadcasts/{id}/cancel", Right::Read, "its cancellation, as CAP 1.2")
            .answers_as(200, &cap),
        get("/cap/broadcasts/{id}/result", Right::Read, "who heard it, once it ended, as CAP 1.2")
            .answers_as(200, &cap),
    ]
}

/// Schemas.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let source = object(&[
        ("name", text()),
        ("kind", words(&["atom", "http_json", "mqtt", "push", "mqtt_embedded"])),
        ("from", text()),
        ("trusted", flag()),
        ("silent", flag()),
        ("heard_at", or_null(ms())),
        ("stale_after_s", count()),
        ("n_alerts", count()),
        ("n_rejected", count()),
        ("why", text()),
    ]);
    vec![("Sources", object(&[("sources", list(source))]))]
}
