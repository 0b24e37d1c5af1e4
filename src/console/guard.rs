//! What every request passes before its handler: a known key before a byte of its body is read, a
//! core that turns, and an end to its time.

use super::{Console, Problem};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// Longest time a request may take, seconds. `GET /events` is outside of it.
const REQUEST_S_MAX: u64 = 30;

/// Lets known keys through, as long as the core turns.
pub(super) async fn known(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(problem) = console.keys.known(request.headers()) {
        return problem.into_response();
    }
    if console.metrics.health.core_stuck() {
        let silent_s = console.metrics.health.core_silent_ms() / 1000;
        let why = format!("the core last turned {silent_s} s ago, nothing is taken; try again");
        return Problem::busy(why).into_response();
    }
    next.run(request).await
}

/// Ends a request that takes too long.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    let limit = Duration::from_secs(REQUEST_S_MAX);
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let why = format!(
            "no answer within {REQUEST_S_MAX} s; it may have been done all the same: look, or send \
             the same again (an alert is known by its identity, a broadcast by its Idempotency-Key)"
        );
        Problem::of(StatusCode::GATEWAY_TIMEOUT, "no-answer", "处理超时", why).into_response()
    })
}
