//! The way of messages to responsible persons: JSON posted to the county's gateway of messages, signed,
//! tried again with growing waits until it is taken or the next level is called.

use super::core::CoreHandle;
use super::metrics::Metrics;
use crate::clock;
use crate::config::CallSettings;
use crate::gateway::Input;
use crate::model::{CallOrder, UtcMs};
use crate::secrets;
use crate::tls;
use anyhow::Context;
use futures_util::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Messages that wait to be posted. When it is full the message is not posted and an alarm says so;
/// the call escalates when its time is over.
pub(crate) const CALLS_WAITING_MAX: usize = 4_096;
/// Messages that are posted at the same time.
const POSTS_AT_ONCE_MAX: usize = 8;
/// Longest wait for the answer to one post, seconds.
const POST_S_MAX: u64 = 10;
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
    let key = secrets::read_key(&key_file).context("call.webhook_key_file")?;
    let trusted = settings.webhook_ca_file.as_deref();
    let client = tls::posting_client(&url, trusted, Duration::from_secs(POST_S_MAX));
    let client = client.context("call.webhook_url and call.webhook_ca_file")?;
    let (sender, queue) = mpsc::channel(CALLS_WAITING_MAX);
    let public_url = settings.public_url.clone();
    let poster = Poster { client, url, key, public_url, core: core.clone(), metrics };
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
    client: reqwest::Client,
    url: String,
    key: [u8; 32],
    public_url: String,
    core: CoreHandle,
    metrics: Arc<Metrics>,
}

/// What one post brought.
enum Posted {
    Taken,
    Again(String),
    Never(String),
}

impl Poster {
    async fn deliver(&self, order: CallOrder) {
        let (call, place) = (order.call, order.place);
        let body = body(&order, &self.public_url);
        let mut wait_ms = RETRY_MS_MIN;
        loop {
            match self.post(&body, &format!("{call}-{place}")).await {
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

    async fn post(&self, body: &str, once: &str) -> Posted {
        let at = clock::now_utc();
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("idempotency-key", once)
            .header("x-mingluo-timestamp", at.0.to_string())
            .header("x-mingluo-signature", format!("sha256={}", signature(&self.key, at, body)))
            .body(body.to_owned());
        match request.send().await {
            Err(fault) => Posted::Again(fault.to_string()),
            Ok(answer) => {
                let status = answer.status();
                let why = format!("the gateway of messages answered {status}");
                match status.as_u16() {
                    200..=299 => Posted::Taken,
                    // Too slow, too early, too many: worth another try, as every 5xx is.
                    408 | 425 | 429 | 500..=599 => Posted::Again(why),
                    _ => Posted::Never(why),
                }
            }
        }
    }
}

/// HMAC-SHA256 of `<timestamp>.<body>`, hexadecimal.
fn signature(key: &[u8; 32], at: UtcMs, body: &str) -> String {
    let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{}.{body}", at.0).as_bytes());
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    crate::model::Sha256(digest).to_string()
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
