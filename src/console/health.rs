//! `/healthz` (alive), `/readyz` (can warn, and if not, why) and `/metrics`: open to whoever can
//! reach the address. They read plain numbers and never ask the core.

use crate::daemon::{Life, Metrics, STUCK_MS};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The three pages over the metrics of a process.
pub(crate) fn router(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/healthz", get(|State(m): State<Arc<Metrics>>| async move { alive(&m) }))
        .route("/readyz", get(|State(m): State<Arc<Metrics>>| async move { ready(&m) }))
        .route("/metrics", get(|State(m): State<Arc<Metrics>>| async move { page(&m) }))
        .with_state(metrics)
}

/// Alive: a running core turns. A start and a stop have limits of their own and count as alive.
fn alive(metrics: &Metrics) -> Response {
    match core(metrics) {
        Some(why) if metrics.health.life() == Life::Running => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
        }
        _ => "ok\n".into_response(),
    }
}

/// Ready: every check has nothing to say against it.
fn ready(metrics: &Metrics) -> Response {
    let checks = [
        ("process", process(metrics.health.life())),
        ("core", core(metrics)),
        ("runtime", runtime(metrics)),
        ("record", record(metrics)),
        ("disk", disk(metrics)),
        ("link", link(metrics)),
    ];
    let good = checks.iter().all(|(_, why)| why.is_none());
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks: Map<String, Value> = checks
        .into_iter()
        .map(|(name, why)| (name.to_owned(), json!({ "good": why.is_none(), "why": why })))
        .collect();
    let body = json!({
        "ready": good,
        "core_silent_ms": metrics.health.core_silent_ms(),
        "runtime_silent_ms": metrics.health.runtime_silent_ms(),
        "checks": checks,
        // Ready all the same, but a person should look at the broker.
        "link_warnings": metrics.link_warnings(),
        "certificate_warning": metrics.certificate_warning(),
        // Ready as well: other sources and officers can still warn.
        "source_warnings": metrics.source_warnings(),
        // How many and when: whose they are is nobody's business here.
        "key_warning": metrics.key_warning(),
    });
    (status, Json(body)).into_response()
}

fn process(life: Life) -> Option<String> {
    let why = match life {
        Life::Starting => "it is starting",
        Life::Replaying => "the record is being replayed; alerts are taken when that is done",
        Life::Running => return None,
        Life::Stopping => "it is stopping",
    };
    Some(why.to_owned())
}

fn core(metrics: &Metrics) -> Option<String> {
    let silent_ms = metrics.health.core_silent_ms();
    match metrics.health.life() {
        Life::Starting | Life::Replaying => Some("it has not begun".to_owned()),
        Life::Running | Life::Stopping => (silent_ms >= STUCK_MS)
            .then(|| format!("the core is stuck: it last turned {} s ago", silent_ms / 1000)),
    }
}

fn runtime(metrics: &Metrics) -> Option<String> {
    let silent_ms = metrics.health.runtime_silent_ms();
    let stuck = metrics.health.life() == Life::Running && silent_ms >= STUCK_MS;
    stuck.then(|| format!("the API is stuck: it last turned {} s ago", silent_ms / 1000))
}

fn record(metrics: &Metrics) -> Option<String> {
    let good = metrics.journal_good.load(Ordering::Relaxed);
    let why = "the last entries could not be written; free space or mend the disk, the log tells";
    (!good).then(|| why.to_owned())
}

fn disk(metrics: &Metrics) -> Option<String> {
    let why = "it is nearly full: the record uses its last reserve; free space, then restart";
    metrics.health.space_low().then(|| why.to_owned())
}

fn link(metrics: &Metrics) -> Option<String> {
    let up = metrics.link_up.load(Ordering::Relaxed);
    (!up).then(|| format!("the link to the broker is down: {}", metrics.health.link_why()))
}

fn page(metrics: &Metrics) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(fault) => (StatusCode::INTERNAL_SERVER_ERROR, fault.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that runs, with everything good.
    fn running() -> Metrics {
        let metrics = Metrics::default();
        metrics.link_went(true, "");
        metrics.health.enter(Life::Running);
        metrics
    }

    async fn check(metrics: &Metrics, expect: &[(&str, &str)]) {
        let answer = ready(metrics);
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(status.is_success(), expect.is_empty(), "{body}");
        assert_eq!(body["ready"], expect.is_empty());
        let checks = body["checks"].as_object().unwrap();
        let bad = checks.values().filter(|check| check["good"] == false).count();
        assert_eq!(bad, expect.len(), "{body}");
        for (name, why) in expect {
            let told = checks[*name]["why"].as_str().unwrap_or_default();
            assert!(told.contains(why), "{name}: `{why}` is not in {body}");
        }
    }

    #[tokio::test]
    async fn every_reason_is_told_by_itself() {
        check(&running(), &[]).await;
        let metrics = running();
        metrics.link_went(false, "connection refused");
        check(&metrics, &[("link", "connection refused")]).await;
        let metrics = running();
        metrics.health.set_space_low();
        check(&metrics, &[("disk", "nearly full")]).await;
        let metrics = running();
        metrics.journal_good.store(false, Ordering::Relaxed);
        check(&metrics, &[("record", "could not be written")]).await;
        let metrics = running();
        metrics.health.enter(Life::Stopping);
        check(&metrics, &[("process", "stopping")]).await;
        let metrics = running();
        metrics.health.enter(Life::Replaying);
        check(&metrics, &[("process", "being replayed"), ("core", "not begun")]).await;
        assert_eq!(alive(&metrics).status(), StatusCode::OK, "a replay is no reason to be killed");
    }
}
