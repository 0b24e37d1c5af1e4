//! The HTTP interface `/api/v1`: every write needs an API key with role and area; answers go out
//! after they are durable.

mod alerts;
mod broadcasts;
mod events;
mod health;
mod openapi;
mod preview;
mod problem;
mod record;
mod session;
mod terminals;
mod views;

pub(crate) use alerts::arrive;
pub use problem::Problem;
pub use session::{ApiKey, ApiKeys};
pub(crate) use views::broadcast as broadcast_view;

use crate::daemon::{CoreHandle, Metrics, PreviewDesk, Seen};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// Longest time a request may take, seconds. `GET /events` is outside of it, and so is `POST /preview`,
/// which has a limit of its own.
const REQUEST_S_MAX: u64 = 30;
/// Answers kept for `Idempotency-Key`; the oldest goes when it is full.
const ANSWERS_KEPT_MAX: usize = 1_000;

/// What every handler shares.
#[derive(Clone)]
pub struct Console {
    /// The way to the core.
    pub core: CoreHandle,
    /// The way to the preview thread.
    pub previews: PreviewDesk,
    /// Known API keys.
    pub keys: Arc<ApiKeys>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Entries as they happen.
    pub watchers: broadcast::Sender<Seen>,
    /// Where the record is, for read-only access.
    pub record_url: Arc<str>,
    /// Largest alert body in bytes.
    pub alert_bytes_max: usize,
    /// Answers by idempotency key.
    pub answered: Arc<Mutex<Answered>>,
}

/// Answers already given to requests that carried an `Idempotency-Key`.
#[derive(Debug, Default)]
pub struct Answered {
    answers: BTreeMap<String, serde_json::Value>,
    order: VecDeque<String>,
}

impl Answered {
    /// The answer given before.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<serde_json::Value> {
        self.answers.get(key).cloned()
    }

    /// Keeps an answer.
    pub fn put(&mut self, key: String, answer: serde_json::Value) {
        if self.order.len() >= ANSWERS_KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        if self.answers.insert(key.clone(), answer).is_none() {
            self.order.push_back(key);
        }
    }
}

/// The API as a router.
pub fn router(console: Console) -> Router {
    let alert_bytes_max = console.alert_bytes_max;
    let timeout = TimeoutLayer::with_status_code(
        axum::http::StatusCode::SERVICE_UNAVAILABLE,
        std::time::Duration::from_secs(REQUEST_S_MAX),
    );
    let api = Router::new()
        .route("/alerts", get(alerts::list).post(alerts::post))
        .route("/alerts/{number}", get(alerts::one))
        .route("/plans", get(broadcasts::plans))
        .route("/broadcasts", get(broadcasts::list).post(broadcasts::post))
        .route("/broadcasts/{id}", get(broadcasts::one))
        .route("/broadcasts/{id}/approve", post(broadcasts::approve))
        .route("/broadcasts/{id}/refuse", post(broadcasts::refuse))
        .route("/broadcasts/{id}/cancel", post(broadcasts::cancel))
        .route("/broadcasts/{id}/acknowledgements", get(broadcasts::acknowledgements))
        .route("/stop", post(broadcasts::stop))
        .route("/drill", post(broadcasts::drill))
        .route("/terminals", get(terminals::list))
        .route("/record", get(record::rows))
        .route("/openapi.json", get(openapi::document))
        .layer(timeout)
        .route("/preview", post(preview::post))
        .route("/events", get(events::stream))
        .layer(DefaultBodyLimit::max(alert_bytes_max));
    Router::new()
        .nest("/api/v1", api)
        .merge(health::routes())
        .layer(CatchPanicLayer::custom(|_| {
            use axum::response::IntoResponse;
            tracing::error!("a request handler panicked");
            Problem::internal("this request failed; the gateway goes on").into_response()
        }))
        .with_state(console)
}
