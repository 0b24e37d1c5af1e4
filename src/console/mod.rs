//! The HTTP interface `/api/v1`: every write needs an API key with role and area; answers go out
//! after they are durable.

mod alerts;
mod api_keys;
pub(crate) mod audit;
mod broadcasts;
mod calls;
mod cap;
mod duty;
mod events;
mod extract;
mod guard;
pub(crate) mod health;
mod idempotency;
mod intake;
mod latches;
mod openapi;
mod people;
mod plans;
mod policy;
mod preview;
mod problem;
mod programmes;
mod record;
mod rejections;
mod session;
mod sources;
mod stations;
mod terminals;
mod views;
mod web;

pub(crate) use alerts::{arrive, arrive_too_large};
pub use cap::CapIdentity;
pub use idempotency::Answered;
pub use intake::Intake;
pub use people::{Account, AccountFault, Accounts, PasswordFault, People};
pub(crate) use people::{Attempts, Who};
pub use problem::Problem;
pub use session::{ApiKey, ApiKeys, KnownKeys};
pub(crate) use stations::read as read_readings;
pub(crate) use views::broadcast as broadcast_view;
pub(crate) use web::chinese::chinese as said_in_chinese;
pub(crate) use web::known_host;
pub use web::{Board, County, Outline, Tiles};

use crate::daemon::{
    AuditDesk, CoreHandle, LiveDesk, Metrics, PlatformWatch, PreviewDesk, RecordingDesk, Seen,
    SourceDesk, StationDesk,
};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};
use std::sync::{Arc, Mutex};
use tokio::sync::{broadcast, watch};
use tower_http::catch_panic::CatchPanicLayer;

/// Watchers of `GET /events` at the same time; 503 above it.
const WATCHERS_MAX: usize = 64;

/// What every handler shares.
#[derive(Clone)]
pub struct Console {
    /// The way to the core.
    pub core: CoreHandle,
    /// The way to the audit.
    pub audit: AuditDesk,
    /// The way to the stations; `None` = they are off.
    pub stations: Option<StationDesk>,
    /// The way to the preview thread.
    pub previews: PreviewDesk,
    /// The way to what officers speak live.
    pub live: LiveDesk,
    /// The way to the recordings that officers bring.
    pub recordings: RecordingDesk,
    /// Known API keys.
    pub keys: Arc<KnownKeys>,
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
    /// The way in of posted alerts.
    pub intake: Arc<Intake>,
    /// True when the daemon stops.
    pub stopping: watch::Receiver<bool>,
    /// Who may sign in, and who is there.
    pub people: Arc<People>,
    /// What pages tell of the county.
    pub county: Arc<County>,
    /// Serves `/clips/{sha256}`, for those who listen at the console.
    pub clips: Router,
    /// The parts of pages that people watch.
    pub board: Arc<Board>,
    /// Sources of alerts, and how they are.
    pub sources: Arc<SourceDesk>,
    /// Under which name our own CAP goes out.
    pub cap: Arc<CapIdentity>,
    /// The exchange with the upper platform, when there is one.
    pub platform: Option<Arc<PlatformWatch>>,
}

/// What could not be read, and the STOP latch.
fn guarded() -> Router<Console> {
    Router::new()
        .route("/latches", get(latches::list).post(latches::set))
        .route("/latches/lift", post(latches::lift))
        .route("/rejections", get(rejections::list))
        .route("/rejections/{number}", get(rejections::one))
        .route("/rejections/{number}/raw", get(rejections::raw))
        .route("/rejections/{number}/replay", post(rejections::replay))
}

/// Response plans, templates and API keys, as they are changed.
fn settings() -> Router<Console> {
    Router::new()
        .route("/policy", get(policy::list))
        .route("/policy/history", get(policy::history))
        .route("/policy/changes", post(policy::propose))
        .route("/policy/changes/approve", post(policy::approve))
        .route("/policy/changes/refuse", post(policy::refuse))
        .route("/policy/changes/withdraw", post(policy::withdraw))
        .route("/keys", get(api_keys::list).post(api_keys::make))
        .route("/keys/revoke", post(api_keys::revoke))
}

/// The API as a router.
pub fn router(console: Console) -> Router {
    let health = health::router(Arc::clone(&console.metrics));
    let api = Router::new()
        .route("/alerts", get(alerts::list).post(alerts::post))
        .route("/alerts/{number}", get(alerts::one))
        .route("/plans", get(broadcasts::plans))
        .route("/plans/{id}/edit", post(plans::edit))
        .route("/break-glass", get(plans::glass).post(plans::break_glass))
        .route("/broadcasts/{id}/countersign", post(plans::countersign))
        .route("/broadcasts/{id}/resend", post(plans::resend))
        .route("/roster", get(duty::roster).post(duty::change))
        .route("/roster/import", post(duty::import))
        .route("/templates", get(duty::templates))
        .route("/groups", get(duty::groups).post(duty::set_group))
        .route("/groups/{name}", delete(duty::remove_group))
        .route("/broadcasts/{id}/calls", get(calls::list))
        .route("/calls/{id}/answered", post(calls::answered))
        .route("/programmes", get(programmes::list).post(programmes::set))
        .route("/programmes/check", post(programmes::check))
        .route("/programmes/{name}", delete(programmes::remove))
        .route("/programmes/{name}/approve", post(programmes::approve))
        .route("/broadcasts", get(broadcasts::list).post(broadcasts::post))
        .route("/broadcasts/{id}", get(broadcasts::one))
        .route("/broadcasts/{id}/approve", post(broadcasts::approve))
        .route("/broadcasts/{id}/refuse", post(broadcasts::refuse))
        .route("/broadcasts/{id}/cancel", post(broadcasts::cancel))
        .route("/broadcasts/{id}/acknowledgements", get(broadcasts::acknowledgements))
        .route("/stop", post(broadcasts::stop))
        .route("/drill", post(broadcasts::drill))
        .merge(guarded())
        .route("/terminals", get(terminals::list))
        .route("/sources", get(sources::list))
        .merge(settings())
        .route("/cap/feed", get(cap::feed))
        .route("/cap/broadcasts/{id}", get(cap::alert))
        .route("/cap/broadcasts/{id}/cancel", get(cap::cancel))
        .route("/cap/broadcasts/{id}/result", get(cap::result))
        .route("/stations", get(stations::list))
        .route("/readings", post(stations::take_readings))
        .route("/record", get(record::rows))
        .route("/audit/acknowledgements", get(audit::acknowledgements))
        .route("/audit/summary", get(audit::counts))
        .route("/audit/evidence", get(audit::evidence))
        .layer(from_fn(guard::in_time))
        .route("/audit/export", get(audit::file))
        .route("/events", get(events::stream))
        .route("/preview", post(preview::post))
        .layer(from_fn_with_state(console.clone(), guard::known))
        .route("/openapi.json", get(openapi::document));
    let pages = web::router(&console);
    Router::new()
        .nest("/api/v1", api)
        .with_state(console)
        .merge(pages)
        .merge(health)
        .fallback(async || Problem::not_found("no such path; /api/v1/openapi.json names them"))
        .method_not_allowed_fallback(async || {
            let why = "this path does not take this method; see the Allow header";
            Problem::of(StatusCode::METHOD_NOT_ALLOWED, "method", "不支持的方法", why)
        })
        .layer(CatchPanicLayer::custom(|_| {
            use axum::response::IntoResponse;
            tracing::error!("a request handler panicked");
            Problem::internal("this request failed; the gateway goes on").into_response()
        }))
}
