//! Our own CAP 1.2: what was broadcast, that it was cancelled, and who heard it; and the feed of these.

mod write;

use super::extract::At;
use super::{Console, Problem};
use crate::gateway::{BroadcastState, Gateway, Phase};
use crate::model::{BroadcastId, Right};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use write::Message;

/// Broadcasts in the feed, the newest first; older ones are at their own addresses.
const FEED_BROADCASTS_MAX: usize = 100;

/// Under which name our own CAP goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapIdentity {
    /// `sender`
    sender: String,
    /// Base of the addresses in the feed; empty = relative ones.
    base: String,
}

impl CapIdentity {
    /// A name without spaces, commas, `<` and `&`; an empty base makes relative addresses.
    #[must_use]
    pub fn new(sender: String, base: String) -> Self {
        Self { sender, base }
    }
}

fn document(kind: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// The newest broadcasts as an Atom feed.
pub(super) async fn feed(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    console.keys.actor(&headers, Right::Read)?;
    let identity = std::sync::Arc::clone(&console.cap);
    let text = console
        .core
        .look(move |gateway| {
            let newest = gateway.state().broadcasts.values().rev().take(FEED_BROADCASTS_MAX);
            write::feed(gateway, &newest.collect::<Vec<_>>(), &identity.sender, &identity.base)
        })
        .await?;
    Ok(document("application/atom+xml; charset=utf-8", text))
}

/// What was broadcast.
pub(super) async fn alert(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<BroadcastId>,
) -> Result<Response, Problem> {
    message(&console, &headers, id, Message::Alert).await
}

/// That it was cancelled.
pub(super) async fn cancel(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<BroadcastId>,
) -> Result<Response, Problem> {
    message(&console, &headers, id, Message::Cancel).await
}

/// Who heard it.
pub(super) async fn result(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<BroadcastId>,
) -> Result<Response, Problem> {
    message(&console, &headers, id, Message::Result).await
}

async fn message(
    console: &Console,
    headers: &HeaderMap,
    id: BroadcastId,
    message: Message,
) -> Result<Response, Problem> {
    console.keys.actor(headers, Right::Read)?;
    let identity = std::sync::Arc::clone(&console.cap);
    let look = move |gateway: &Gateway| {
        let state = gateway.state().broadcasts.get(&id)?;
        is_there(state, message).then(|| write::cap(gateway, state, message, &identity.sender))
    };
    let text = console.core.look(look).await?;
    let text = text.ok_or_else(|| {
        Problem::not_found(format!("broadcast {id} is not known here, or has no such message"))
    })?;
    Ok(document("application/cap+xml; charset=utf-8", text))
}

/// Whether a broadcast has come so far that there is such a message.
fn is_there(state: &BroadcastState, message: Message) -> bool {
    match message {
        Message::Alert => true,
        Message::Cancel => state.cancellation.is_some(),
        Message::Result => state.phase == Phase::Ended,
    }
}
