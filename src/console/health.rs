//! `/healthz` (alive), `/readyz` (can warn) and `/metrics`: open to whoever can reach the address.

use super::Console;
use crate::clock;
use crate::daemon::Metrics;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use std::sync::atomic::Ordering;

/// The core turns at least this often, milliseconds; slower means it is stuck.
const CORE_STUCK_MS: i64 = 10_000;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/healthz", get(|State(c): State<Console>| async move { alive(&c.metrics) }))
        .route("/readyz", get(|State(c): State<Console>| async move { ready(&c.metrics) }))
        .route("/metrics", get(|State(c): State<Console>| async move { metrics(&c.metrics) }))
}

fn turning(metrics: &Metrics) -> bool {
    let turned_ms = metrics.core_turned_ms.load(Ordering::Relaxed);
    clock::now_utc().0.saturating_sub(turned_ms) < CORE_STUCK_MS
}

fn alive(metrics: &Metrics) -> Response {
    let good = turning(metrics);
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, if good { "ok\n" } else { "the core is stuck\n" }).into_response()
}

fn ready(metrics: &Metrics) -> Response {
    let checks = [
        ("core", turning(metrics)),
        ("record", metrics.journal_good.load(Ordering::Relaxed)),
        ("link", metrics.link_up.load(Ordering::Relaxed)),
    ];
    let good = checks.iter().all(|(_, good)| *good);
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body: serde_json::Map<String, serde_json::Value> =
        checks.iter().map(|(name, good)| ((*name).to_owned(), (*good).into())).collect();
    // Ready all the same, but a person should look at the broker.
    let warnings = metrics.link_warnings();
    if !warnings.is_empty() {
        body.insert("link_warnings".into(), warnings.into());
    }
    (status, Json(body)).into_response()
}

fn metrics(metrics: &Metrics) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(fault) => (StatusCode::INTERNAL_SERVER_ERROR, fault.to_string()).into_response(),
    }
}
