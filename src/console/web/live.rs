//! The parts of pages that follow what happens. Each part is a topic; it is rendered once for everybody
//! who watches it, at most once a second, and sent only when it has changed: a hundred watchers cost the
//! core what one costs.

use super::visitor::Visitor;
use super::words::Tongue;
use super::{approvals, broadcast, broadcasts, overview, pulse};
use crate::console::Console;
use crate::console::people::Live;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt, select_all};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Shortest time between two states of a topic.
const REFRESH: Duration = Duration::from_secs(1);
/// A sign of life on a silent stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often it is looked whether the watcher is still signed in.
const SESSION_LOOK: Duration = Duration::from_secs(20);
/// Topics of one page at the most; the rest of the list is left out.
const TOPICS_MAX: usize = 8;
/// Watchers of all pages together; above it a page stands still and says so.
const WATCHERS_MAX: usize = 500;

/// A part of a page that follows what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// The line in the head of every page.
    Pulse,
    /// The overview.
    Overview,
    /// The list of broadcasts.
    Broadcasts,
    /// One broadcast.
    Broadcast(u64),
    /// The plans that wait.
    Approvals,
}

impl Topic {
    /// Reads `pulse`, `broadcast-123` …
    fn parse(text: &str) -> Option<Self> {
        match text {
            "pulse" => Some(Self::Pulse),
            "overview" => Some(Self::Overview),
            "broadcasts" => Some(Self::Broadcasts),
            "approvals" => Some(Self::Approvals),
            _ => text.strip_prefix("broadcast-")?.parse().ok().map(Self::Broadcast),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Pulse => "pulse".to_owned(),
            Self::Overview => "overview".to_owned(),
            Self::Broadcasts => "broadcasts".to_owned(),
            Self::Approvals => "approvals".to_owned(),
            Self::Broadcast(id) => format!("broadcast-{id}"),
        }
    }

    /// The part as it stands now; `None` when the core can't be asked.
    async fn render(self, console: &Console, tongue: Tongue) -> Option<String> {
        let markup = match self {
            Self::Pulse => pulse::part(console, tongue).await,
            Self::Overview => overview::part(console, tongue).await,
            Self::Broadcasts => broadcasts::part(console, tongue).await,
            Self::Approvals => approvals::part(console, tongue).await,
            Self::Broadcast(id) => broadcast::part(console, tongue, id).await,
        };
        markup.ok().map(|markup| markup.into_string())
    }
}

type Parts = BTreeMap<(Topic, Tongue), watch::Sender<Arc<str>>>;

/// What is being watched.
#[derive(Debug, Default)]
pub struct Board {
    parts: Mutex<Parts>,
}

impl Board {
    /// Joins those who watch a topic; the first one starts it, and it ends with the last.
    fn watch(
        self: &Arc<Self>,
        console: &Console,
        topic: Topic,
        tongue: Tongue,
    ) -> Option<watch::Receiver<Arc<str>>> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let watchers: usize = parts.values().map(watch::Sender::receiver_count).sum();
        if watchers >= WATCHERS_MAX {
            return None;
        }
        if let Some(part) = parts.get(&(topic, tongue)) {
            return Some(part.subscribe());
        }
        let (sender, receiver) = watch::channel(Arc::from(""));
        parts.insert((topic, tongue), sender);
        drop(parts);
        tokio::spawn(Arc::clone(self).keep(console.clone(), topic, tongue));
        Some(receiver)
    }

    async fn keep(self: Arc<Self>, mut console: Console, topic: Topic, tongue: Tongue) {
        loop {
            if let Some(text) = topic.render(&console, tongue).await {
                let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(part) = parts.get(&(topic, tongue)) {
                    part.send_if_modified(|kept| {
                        let changed = **kept != *text;
                        if changed {
                            *kept = Arc::from(text.as_str());
                        }
                        changed
                    });
                }
            }
            tokio::select! {
                () = tokio::time::sleep(REFRESH) => {}
                _ = console.stopping.wait_for(|stopping| *stopping) => {}
            }
            let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            let watched = parts.get(&(topic, tongue)).map_or(0, watch::Sender::receiver_count);
            if watched == 0 || *console.stopping.borrow() {
                parts.remove(&(topic, tongue));
                return;
            }
        }
    }
}

/// Which topics a page wants: `?topic=pulse,broadcast-7`.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    topic: String,
}

/// The stream of a page: one message per topic that has changed, named by the topic.
pub(super) async fn stream(
    State(console): State<Console>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Response {
    let topics = wanted.topic.split(',').filter_map(Topic::parse).take(TOPICS_MAX);
    let mut parts = Vec::new();
    for topic in topics {
        let Some(receiver) = console.board.watch(&console, topic, visitor.tongue()) else {
            return axum::http::StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        parts.push(part(topic.name(), receiver).boxed());
    }
    let over = over(console, visitor.cookie);
    let messages = select_all(parts).take_until(Box::pin(over));
    Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

fn part(
    name: String,
    receiver: watch::Receiver<Arc<str>>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((name, receiver, true), |(name, mut receiver, first)| async move {
        let waits = first && !receiver.borrow().is_empty();
        if !waits {
            receiver.changed().await.ok()?;
        }
        let text = Arc::clone(&receiver.borrow_and_update());
        let event = Event::default().event(&name).data(&*text);
        Some((Ok(event), (name, receiver, false)))
    })
}

/// Returns when the session has ended or the gateway stops.
async fn over(mut console: Console, cookie: String) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SESSION_LOOK) => {}
            _ = console.stopping.wait_for(|stopping| *stopping) => return,
        }
        let people = &console.people;
        if people.sessions.find(people.now_ms(), &cookie, Live::Watched).is_none() {
            return;
        }
    }
}
