//! Programs of the county that are told of every broadcast: that it began, was cancelled, and how it ended.

use super::core::CoreHandle;
use super::metrics::Metrics;
use super::webhook::{Posted, Webhook};
use crate::clock;
use crate::config::ReceiverSettings;
use crate::console::broadcast_view;
use crate::gateway::{BroadcastState, State};
use crate::model::{BroadcastId, UtcMs};
use crate::record::entry::Entry;
use anyhow::Context;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Messages that wait for one receiver. When it is full the message is dropped with an alarm; the
/// receiver finds the broadcast in `GET /api/v1/broadcasts` and in the feed of CAP.
const MESSAGES_WAITING_MAX: usize = 1_024;
/// Wait before the second try, milliseconds; it doubles from try to try.
const RETRY_MS_MIN: u64 = 1_000;
/// Longest wait between two tries, milliseconds.
const RETRY_MS_MAX: u64 = 60_000;
/// A message is given up, with an alarm, after so long, seconds.
const GIVE_UP_S: i64 = 3_600;
/// Broadcasts of this long before a start are told again, seconds: what waited when the process ended
/// is in no queue any more. The same name of the message tells a receiver that it has it already.
const TOLD_AGAIN_S: i64 = 3_600;

/// What happened to a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message {
    broadcast: BroadcastId,
    what: &'static str,
    at: UtcMs,
}

/// Where messages go.
#[derive(Clone)]
pub(crate) struct ReceiverDesk {
    queues: Vec<(String, mpsc::Sender<Message>)>,
    metrics: Arc<Metrics>,
}

impl ReceiverDesk {
    /// Takes what is on record now; never waits.
    pub(crate) fn follow(&self, entry: &Entry) {
        if self.queues.is_empty() {
            return;
        }
        if let Entry::BroadcastStarted { broadcast, .. } = entry {
            self.push(broadcast.id(), "started");
        } else if let Entry::BroadcastCancelled { broadcast, .. } = entry {
            self.push(*broadcast, "cancelled");
        } else if let Entry::BroadcastEnded { broadcast } = entry {
            self.push(*broadcast, "ended");
        }
    }

    fn push(&self, broadcast: BroadcastId, what: &'static str) {
        let message = Message { broadcast, what, at: clock::now_utc() };
        for (receiver, queue) in &self.queues {
            if queue.try_send(message).is_err() {
                self.metrics.alarm("receiver_queue_full");
                tracing::error!(%receiver, %broadcast, what, "接收方队列已满，消息没有发出");
            }
        }
    }

    /// Tells again what may have waited when the process ended.
    fn again(&self, state: &State) {
        let now = clock::now_utc();
        let fresh = |at: UtcMs| now.since_ms(at) < TOLD_AGAIN_S * 1000;
        for (id, broadcast) in &state.broadcasts {
            for what in told_again(broadcast, fresh) {
                self.push(*id, what);
            }
        }
    }
}

/// Which messages about a broadcast are told again after a start.
fn told_again(state: &BroadcastState, fresh: impl Fn(UtcMs) -> bool) -> Vec<&'static str> {
    let mut what = Vec::new();
    let ended = state.ended_at;
    if ended.is_none() || ended.is_some_and(&fresh) {
        what.push("started");
        what.extend(state.cancellation.is_some().then_some("cancelled"));
        what.extend(ended.is_some().then_some("ended"));
    }
    what
}

/// What posts to one receiver.
struct Post {
    name: String,
    webhook: Webhook,
    queue: mpsc::Receiver<Message>,
    core: CoreHandle,
    metrics: Arc<Metrics>,
}

/// A desk, with a task for each receiver that posts until `stopping`.
///
/// # Errors
/// When a key or certificate can't be read.
pub(crate) fn start(
    settings: &ReceiverSettings,
    state: &State,
    core: &CoreHandle,
    metrics: &Arc<Metrics>,
    stopping: &watch::Receiver<bool>,
) -> anyhow::Result<ReceiverDesk> {
    let mut desk = ReceiverDesk { queues: Vec::new(), metrics: Arc::clone(metrics) };
    for receiver in &settings.receivers {
        let webhook = Webhook::open(&receiver.url, &receiver.key_file, receiver.ca_file.as_deref());
        let webhook = webhook.with_context(|| format!("receiver `{}`", receiver.name))?;
        let (sender, queue) = mpsc::channel(MESSAGES_WAITING_MAX);
        desk.queues.push((receiver.name.clone(), sender));
        let (name, core, metrics) = (receiver.name.clone(), core.clone(), Arc::clone(metrics));
        let post = Post { name, webhook, queue, core, metrics };
        tokio::spawn(post.run(stopping.clone()));
    }
    desk.again(state);
    Ok(desk)
}

impl Post {
    /// Posts one after the other, so that they come in the order in which they happened.
    async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        loop {
            let next = tokio::select! {
                () = super::stopped(&mut stopping) => return,
                next = self.queue.recv() => next,
            };
            let Some(message) = next else { return };
            tokio::select! {
                () = super::stopped(&mut stopping) => return,
                () = self.deliver(message) => {}
            }
        }
    }

    async fn deliver(&self, message: Message) {
        let Some(body) = self.body(message).await else { return };
        let once = format!("{}-{}", message.broadcast, message.what);
        let mut wait_ms = RETRY_MS_MIN;
        loop {
            let why = match self.webhook.post(&body, &once).await {
                Posted::Taken => return,
                Posted::Never(why) => return self.give_up(message, &why),
                Posted::Again(why) => why,
            };
            if clock::now_utc().since_ms(message.at) >= GIVE_UP_S * 1000 {
                return self.give_up(message, &why);
            }
            tracing::warn!(receiver = %self.name, %why, wait_ms, "a message is posted again");
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            wait_ms = wait_ms.saturating_mul(2).min(RETRY_MS_MAX);
        }
    }

    fn give_up(&self, message: Message, why: &str) {
        self.metrics.alarm("receiver_not_told");
        let (receiver, broadcast, what) = (&self.name, message.broadcast, message.what);
        tracing::error!(%receiver, %broadcast, what, %why, "播发消息没有送达接收方");
    }

    /// The message; `None` when the broadcast is not in memory any more, or the core is gone.
    async fn body(&self, message: Message) -> Option<String> {
        let look = move |gateway: &crate::gateway::Gateway| {
            let state = gateway.state().broadcasts.get(&message.broadcast)?;
            Some(broadcast_view(gateway, state))
        };
        let broadcast = self.core.look(look).await.ok().flatten()?;
        let told = json!({ "what": message.what, "at_ms": message.at.0, "broadcast": broadcast });
        Some(told.to_string())
    }
}

#[cfg(test)]
#[path = "receivers_tests.rs"]
mod tests;
