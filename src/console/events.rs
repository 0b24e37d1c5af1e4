//! `GET /events`: entries as they are recorded, as server-sent events.

use super::{Console, Problem, WATCHERS_MAX};
use crate::daemon::stopped;
use crate::model::Right;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use std::convert::Infallible;
use tokio::sync::broadcast::error::RecvError;

/// Streams entries. A watcher that falls behind is told how many it missed.
pub(super) async fn stream(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    console.keys.actor(&headers, Right::Read)?;
    if console.watchers.receiver_count() >= WATCHERS_MAX {
        let why = format!("{WATCHERS_MAX} watchers are here already; close one of them");
        return Err(Problem::busy(why));
    }
    let receiver = console.watchers.subscribe();
    let mut stopping = console.stopping.clone();
    let events = stream::unfold(receiver, |mut receiver| async move {
        let event = match receiver.recv().await {
            Ok(seen) => Event::default().event(seen.kind).data(&*seen.body),
            Err(RecvError::Lagged(missed)) => {
                Event::default().event("missed").data(missed.to_string())
            }
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), receiver))
    });
    let events = events.take_until(Box::pin(async move { stopped(&mut stopping).await }));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
