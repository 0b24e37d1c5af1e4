//! Call and answer 叫应 in the demo: a receiver on this machine in place of the county's gateway of
//! messages, and telephones that press the links in them. Nothing leaves the machine.

use super::show::Show;
use crate::daemon::Daemon;
use crate::gateway::Call;
use crate::model::BroadcastId;
use crate::{clock, secrets, tls};
use anyhow::Context;
use axum::Router;
use axum::routing::post;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest wait until every message was taken, seconds.
const SENT_S_MAX: u64 = 30;
/// One in so many persons does not answer, so that something is left open.
const SILENT_EVERY: usize = 8;
/// Messages the receiver keeps.
const MESSAGES_MAX: usize = 10_000;

/// The receiver, bound before the configuration that names it is read.
pub(super) struct Phones {
    listener: TcpListener,
    messages: Arc<Mutex<Vec<Value>>>,
}

impl Phones {
    /// Binds it, and names it and its key in the demo's configuration.
    ///
    /// # Errors
    /// When there is no address or the key can't be written.
    pub(super) fn bind(
        dir: &Path,
        overrides: &mut BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the demo's receiver")?;
        listener.set_nonblocking(true)?;
        let key = dir.join("webhook.key");
        secrets::create_key(&key)?;
        let url = format!("http://{}/messages", listener.local_addr()?);
        overrides.insert("call.webhook_url".to_owned(), url);
        overrides.insert("call.webhook_key_file".to_owned(), key.display().to_string());
        Ok(Self { listener, messages: Arc::default() })
    }

    /// Takes messages from now on; ends with the process.
    ///
    /// # Errors
    /// When the listener can't be used.
    pub(super) fn serve(&self) -> anyhow::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener.try_clone()?)?;
        let kept = Arc::clone(&self.messages);
        let take = async move |axum::Json(message): axum::Json<Value>| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < MESSAGES_MAX {
                kept.push(message);
            }
        };
        let router = Router::new().route("/messages", post(take));
        tokio::spawn(async move {
            if let Err(fault) = axum::serve(listener, router).await {
                tracing::warn!(%fault, "the demo's receiver of messages ended");
            }
        });
        Ok(())
    }

    /// Waits until the messages of a broadcast were taken, presses most of their links, and tells.
    ///
    /// # Errors
    /// When the gateway does not answer.
    pub(super) async fn answer(
        &self,
        daemon: &Daemon,
        broadcast: BroadcastId,
        show: &mut Show,
    ) -> anyhow::Result<()> {
        let watch = clock::Monotonic::start();
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while watch.elapsed() < Duration::from_secs(SENT_S_MAX) {
            ticks.tick().await;
            let sent = |call: &Call| call.persons.iter().all(|(_, sent)| *sent);
            if calls(daemon, broadcast).await?.iter().all(sent) {
                break;
            }
        }
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let say = |message: &Value, key: &str| {
            message.get(key).and_then(Value::as_str).unwrap_or("").to_owned()
        };
        show.line(&format!(
            "叫应：{} 条消息到达本机的接收器（人员和号码均为虚构），例如",
            messages.len()
        ));
        for message in messages.iter().take(3) {
            let part = |key| say(message, key);
            let (place, name, role) = (part("area_name"), part("name"), part("role"));
            show.line(&format!("  {place} {name} {role} {}", part("telephone")));
        }
        let client = tls::plain_client();
        for (n, message) in messages.iter().enumerate() {
            if n % SILENT_EVERY < SILENT_EVERY - 1 {
                press(&client, daemon.http, &say(message, "link")).await?;
            }
        }
        let calls = calls(daemon, broadcast).await?;
        let n = calls.iter().filter(|call| call.answer.is_some()).count();
        let left = calls.len() - n;
        show.line(&format!("叫应：{n} / {} 处已应答，{left} 处未应答，到时叫上一级", calls.len()));
        Ok(())
    }
}

async fn calls(daemon: &Daemon, broadcast: BroadcastId) -> anyhow::Result<Vec<Call>> {
    let look = daemon
        .core
        .look(move |gateway| gateway.state().calls_of(broadcast).cloned().collect::<Vec<Call>>());
    Ok(look.await?)
}

/// Presses the button behind a link, as the page of a telephone does.
async fn press(client: &reqwest::Client, console: SocketAddr, link: &str) -> anyhow::Result<()> {
    let (_, token) = link.rsplit_once('/').context("a message without a link")?;
    let url = format!("http://{console}/call/{token}");
    let sent = client.post(url).header("origin", format!("http://{console}")).send().await?;
    let status = sent.status();
    anyhow::ensure!(!status.is_client_error() && !status.is_server_error(), "the link: {status}");
    Ok(())
}
