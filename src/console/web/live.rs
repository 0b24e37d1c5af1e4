//! The parts of pages that follow what happens. Each part is a topic; it is rendered once for everybody
//! who watches it, at most once a second, and sent only when it has changed: a hundred watchers cost the
//! core what one costs.

use super::visitor::Visitor;
use super::words::Tongue;
use super::{approvals, broadcast, broadcasts, overview, pulse, silent_test};
use crate::clock::Monotonic;
use crate::console::Console;
use crate::console::people::Live;
use crate::daemon::CoreFault;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt, select_all};
use maud::{Markup, PreEscaped};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Shortest time between two states of a topic.
const REFRESH: Duration = Duration::from_secs(1);
/// Bytes a second that one topic sends to one watcher in a storm: a larger part comes less often.
const BYTES_PER_S_MAX: usize = 16 * 1024;
/// A page that is opened takes a part that was drawn so long ago at most: a crowd costs one drawing.
const REUSE: Duration = Duration::from_millis(300);
/// Parts remembered for that; above it those that nobody draws are forgotten.
const DRAWN_MAX: usize = 64;
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
    /// The figures of one broadcast.
    Broadcast(u64),
    /// Its map, townships and names.
    Detail(u64),
    /// The plans that wait.
    Approvals,
    /// One silent test.
    SilentTest(u64),
}

impl Topic {
    /// Reads `pulse`, `broadcast-123` …
    fn parse(text: &str) -> Option<Self> {
        match text {
            "pulse" => Some(Self::Pulse),
            "overview" => Some(Self::Overview),
            "broadcasts" => Some(Self::Broadcasts),
            "approvals" => Some(Self::Approvals),
            _ => {
                let (kind, number) = text.split_once('-')?;
                let number = number.parse().ok()?;
                match kind {
                    "broadcast" => Some(Self::Broadcast(number)),
                    "detail" => Some(Self::Detail(number)),
                    "test" => Some(Self::SilentTest(number)),
                    _ => None,
                }
            }
        }
    }

    fn name(self) -> String {
        match self {
            Self::Pulse => "pulse".to_owned(),
            Self::Overview => "overview".to_owned(),
            Self::Broadcasts => "broadcasts".to_owned(),
            Self::Approvals => "approvals".to_owned(),
            Self::Broadcast(id) => format!("broadcast-{id}"),
            Self::Detail(id) => format!("detail-{id}"),
            Self::SilentTest(id) => format!("test-{id}"),
        }
    }

    /// The part as it stands now.
    async fn render(self, console: &Console, tongue: Tongue) -> Result<String, CoreFault> {
        let markup = match self {
            Self::Pulse => pulse::part(console, tongue).await,
            Self::Overview => overview::part(console, tongue).await,
            Self::Broadcasts => broadcasts::part(console, tongue).await,
            Self::Approvals => approvals::part(console, tongue).await,
            Self::Broadcast(id) => broadcast::part(console, tongue, id).await,
            Self::Detail(id) => broadcast::detail(console, tongue, id).await,
            Self::SilentTest(id) => silent_test::part(console, tongue, id).await,
        };
        markup.map(Markup::into_string)
    }
}

type Parts = BTreeMap<(Topic, Tongue), watch::Sender<Arc<str>>>;
/// A part with the time at which it was drawn; who draws it holds it.
type Drawn = Arc<tokio::sync::Mutex<Option<(Monotonic, Arc<str>)>>>;

/// What is being watched.
#[derive(Debug, Default)]
pub struct Board {
    parts: Mutex<Parts>,
    drawn: Mutex<BTreeMap<(Topic, Tongue), Drawn>>,
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

    /// A part that was drawn `since` ago at most.
    async fn drawn(
        &self,
        console: &Console,
        (topic, tongue): (Topic, Tongue),
        since: Duration,
    ) -> Result<Arc<str>, CoreFault> {
        let slot = {
            let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
            if drawn.len() >= DRAWN_MAX {
                drawn.retain(|_, slot| Arc::strong_count(slot) > 1);
            }
            Arc::clone(drawn.entry((topic, tongue)).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some((at, text)) = &*slot
            && at.elapsed() < since
        {
            return Ok(Arc::clone(text));
        }
        let at = Monotonic::start();
        let text: Arc<str> = topic.render(console, tongue).await?.into();
        *slot = Some((at, Arc::clone(&text)));
        Ok(text)
    }

    async fn keep(self: Arc<Self>, mut console: Console, topic: Topic, tongue: Tongue) {
        loop {
            let mut wait = REFRESH;
            if let Ok(text) = self.drawn(&console, (topic, tongue), Duration::ZERO).await {
                let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(part) = parts.get(&(topic, tongue)) {
                    part.send_if_modified(|kept| {
                        let changed = **kept != *text;
                        if changed {
                            wait = pace(text.len());
                            *kept = Arc::clone(&text);
                        }
                        changed
                    });
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
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

/// How long a part of so many bytes stays before it is sent anew.
fn pace(bytes: usize) -> Duration {
    let ms = bytes.saturating_mul(1000) / BYTES_PER_S_MAX;
    REFRESH.max(Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)))
}

/// A part for a page that is opened: as the watchers have it, or drawn now.
pub(super) async fn part(
    console: &Console,
    topic: Topic,
    tongue: Tongue,
) -> Result<Markup, CoreFault> {
    let text = console.board.drawn(console, (topic, tongue), REUSE).await?;
    Ok(PreEscaped(text.as_ref().to_owned()))
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
        parts.push(messages(topic.name(), receiver).boxed());
    }
    let over = over(console, visitor.cookie);
    let messages = select_all(parts).take_until(Box::pin(over));
    Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

fn messages(
    name: String,
    receiver: watch::Receiver<Arc<str>>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((name, receiver, true), |(name, mut receiver, first)| async move {
        let waits = first && !receiver.borrow().is_empty();
        if !waits {
            receiver.changed().await.ok()?;
        }
        let text = Arc::clone(&receiver.borrow_and_update());
        // A message without data is none to a browser, and an empty part must be shown as such.
        let text = if text.is_empty() { " " } else { &*text };
        let event = Event::default().event(&name).data(text);
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
