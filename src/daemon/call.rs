//! The way of messages to responsible persons: JSON posted to the county's gateway of messages, signed,
//! tried again with growing waits until it is taken or the next level is called.

use super::core::CoreHandle;
use super::metrics::Metrics;
use super::webhook::{Posted, Webhook};
use crate::clock;
use crate::config::CallSettings;
use crate::gateway::Input;
use crate::model::CallOrder;
use anyhow::Context;
use futures_util::StreamExt;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Messages that wait to be posted. When it is full the message is not posted and an alarm says so;
/// the call escalates when its time is over.
pub(crate) const CALLS_WAITING_MAX: usize = 4_096;
/// Messages that are posted at the same time.
const POSTS_AT_ONCE_MAX: usize = 8;
/// Wait before the second try, milliseconds; it doubles from try to try.
const RETRY_MS_MIN: u64 = 1_000;
/// Longest wait between two tries, milliseconds.
const RETRY_MS_MAX: u64 = 60_000;

/// Where the core's messages go.
#[derive(Clone)]
pub(crate) struct CallDesk {
    queue: Option<mpsc::Sender<CallOrder>>,
    metrics: Arc<Metrics>,
}

impl CallDesk {
    /// Takes a message; never waits.
    pub(crate) fn push(&self, order: CallOrder) {
        let Some(queue) = &self.queue else {
            self.metrics.alarm("call_no_webhook");
            tracing::warn!(call = %order.call, "call.webhook_url 未设置，叫应消息没有发出，请电话联系");
            return;
        };
        if let Err(refused) = queue.try_send(order) {
            self.metrics.alarm("call_queue_full");
            let (mpsc::error::TrySendError::Full(order) | mpsc::error::TrySendError::Closed(order)) =
                refused;
            tracing::error!(call = %order.call, "叫应消息队列已满，消息没有发出，请电话联系");
        }
    }
}

/// What posts the messages.
struct CallPost {
    queue: mpsc::Receiver<CallOrder>,
    poster: Poster,
}

/// A desk, with a task behind it that posts until `stopping` when a webhook is configured.
///
/// # Errors
/// When the key can't be read, or there is no HTTP client.
pub(crate) fn start(
    settings: &CallSettings,
    core: &CoreHandle,
    metrics: &Arc<Metrics>,
    stopping: watch::Receiver<bool>,
) -> anyhow::Result<CallDesk> {
    let metrics = Arc::clone(metrics);
    let Some((url, key_file)) = settings.webhook_url.clone().zip(settings.webhook_key_file.clone())
    else {
        return Ok(CallDesk { queue: None, metrics });
    };
    let webhook = Webhook::open(&url, &key_file, settings.webhook_ca_file.as_deref());
    let webhook =
        webhook.context("`webhook_url`, `webhook_key_file`, `webhook_ca_file` of [call]")?;
    let (sender, queue) = mpsc::channel(CALLS_WAITING_MAX);
    let public_url = settings.public_url.clone();
    let poster = Poster { webhook, public_url, core: core.clone(), metrics };
    let desk = CallDesk { queue: Some(sender), metrics: Arc::clone(&poster.metrics) };
    tokio::spawn(CallPost { queue, poster }.run(stopping));
    Ok(desk)
}

impl CallPost {
    /// Posts until every desk is gone or the daemon stops; what was not taken is posted after the
    /// next start.
    async fn run(self, mut stopping: watch::Receiver<bool>) {
        let Self { queue, poster } = self;
        let orders = futures_util::stream::unfold(queue, |mut queue| async {
            let order = queue.recv().await?;
            Some((order, queue))
        });
        let all = orders.for_each_concurrent(POSTS_AT_ONCE_MAX, |order| poster.deliver(order));
        tokio::select! {
            () = all => {}
            _stop = stopping.wait_for(|stop| *stop) => {}
        }
    }
}

struct Poster {
    webhook: Webhook,
    public_url: String,
    core: CoreHandle,
    metrics: Arc<Metrics>,
}

impl Poster {
    async fn deliver(&self, order: CallOrder) {
        let (call, place) = (order.call, order.place);
        let body = body(&order, &self.public_url);
        let mut wait_ms = RETRY_MS_MIN;
        loop {
            match self.webhook.post(&body, &format!("{call}-{place}")).await {
                Posted::Taken => {
                    // Without the core there is nobody to note it; the next start posts it again.
                    let _gone = self.core.happened(Input::CallTook(call, place)).await;
                    return;
                }
                Posted::Never(why) => return self.give_up(&order, &why),
                Posted::Again(why) => {
                    let next = clock::now_utc().plus_ms(i64::try_from(wait_ms).unwrap_or(i64::MAX));
                    if next >= order.answer_by {
                        return self.give_up(&order, &why);
                    }
                    tracing::warn!(%call, place, %why, wait_ms, "a message is posted again");
                }
            }
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            wait_ms = wait_ms.saturating_mul(2).min(RETRY_MS_MAX);
        }
    }

    fn give_up(&self, order: &CallOrder, why: &str) {
        self.metrics.alarm("call_not_sent");
        let (call, name) = (order.call, &order.person.name);
        tracing::error!(%call, %why, "叫应 {name} 的消息没有发出，请电话联系");
    }
}

fn body(order: &CallOrder, public_url: &str) -> String {
    let link = order.token.as_ref().map(|token| format!("{public_url}/call/{token}"));
    let person = &order.person;
    json!({
        "call": order.call.to_string(),
        "broadcast": order.broadcast.to_string(),
        "name": person.name,
        "role": person.role,
        "telephone": person.telephone,
        "stage": person.stage,
        "area": order.area,
        "area_name": order.area_name,
        "drill": order.drill,
        "text": order.text,
        "link": link,
        "answer_by_ms": order.answer_by.0,
    })
    .to_string()
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
