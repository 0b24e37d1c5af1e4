//! Audio for terminals: `GET /clips/{sha256}` with ranges, so that a broken download resumes.
//! The content is public speech and its name is its digest, so no key is asked.

use crate::model::Sha256;
use crate::render::ClipStore;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use tower_http::services::ServeFile;

/// The router terminals fetch from.
pub(crate) fn router(clips: Arc<ClipStore>) -> Router {
    Router::new().route("/clips/{sha256}", get(clip)).with_state(clips)
}

async fn clip(
    State(clips): State<Arc<ClipStore>>,
    Path(sha256): Path<String>,
    request: Request,
) -> Response {
    let path = Sha256::parse(&sha256).and_then(|sha256| clips.path(sha256));
    let Some(path) = path else {
        return (StatusCode::NOT_FOUND, "no such clip\n").into_response();
    };
    match ServeFile::new(path).try_call(request).await {
        Ok(response) => response.map(axum::body::Body::new),
        Err(fault) => (StatusCode::INTERNAL_SERVER_ERROR, fault.to_string()).into_response(),
    }
}
