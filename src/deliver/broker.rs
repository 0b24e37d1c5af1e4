//! The embedded broker (rmqtt as a library): per-terminal credentials and rights at its hooks,
//! reports taken at the publish hook, orders routed without a socket.
//!
//! A report is acknowledged to its terminal only after the gateway's queue took it; when that queue
//! is full the terminal's session waits, so nothing is dropped in silence.

mod gate;
mod hooks;
mod listening;
mod sessions;

use self::gate::Gate;
use self::hooks::Hooks;
pub(crate) use self::hooks::is_protocol_fault;
pub(crate) use self::listening::{Listening, bind};
use self::sessions::Sessions;
use super::facts::LinkFacts;
use super::link::{LinkFault, LinkInput, PACKET_BYTES_MAX, Publish};
use super::order::goes_to_an_area;
use crate::clock;
use rmqtt::codec::types::Publish as CodecPublish;
use rmqtt::codec::v5::PublishProperties;
use rmqtt::context::ServerContext;
use rmqtt::net::Builder;
use rmqtt::session::SessionState;
use rmqtt::types::{From as Sender, Id, QoS};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Connections beyond the registered terminals: none get in, but a few sockets may be shaking hands.
const HANDSHAKES_MAX: usize = 20_000;
/// Messages waiting for one slow terminal; orders are repeated anyway.
const WAITING_PER_TERMINAL_MAX: usize = 256;
/// Longest keep-alive a terminal may ask for, seconds: half-open sessions end after 1.5 times that.
const KEEP_ALIVE_S_MAX: u16 = 300;
/// Sockets waiting to be accepted.
const BACKLOG: i32 = 8_192;
/// Topic levels of a subscription.
const TOPIC_LEVELS_MAX: usize = 12;
/// Sockets of the process beside the terminals' ones: HTTP, files, logs.
const OTHER_FILES: u64 = 256;
/// Longest life of a session after its connection, so that no order waits in the broker for a
/// terminal that is away: the gateway itself sends what is still valid. The library reads zero as
/// "without end".
const AWAY_MAX: Duration = Duration::from_millis(1);

/// Where and how the broker listens.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Certificate chain and key in PEM; `None` = without TLS (a closed network, or loopback).
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Sessions at the same time.
    pub connections_max: usize,
}

/// Who may log in, publish and subscribe. Everything not allowed is refused.
pub trait Access: Send + Sync {
    /// Whether this client may log in.
    fn login(&self, client_id: &str, user: &str, password: &[u8]) -> bool;
    /// Whether it may publish to this topic.
    fn may_publish(&self, client_id: &str, topic: &str) -> bool;
    /// Whether it may subscribe to this filter.
    fn may_subscribe(&self, client_id: &str, filter: &str) -> bool;
}

/// Why the broker can't start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The address can't be had.
    #[error("the broker can't listen on {listen}: {why}; is another broker running there?")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        why: String,
    },
    /// Certificate or key.
    #[error("the broker's TLS certificate or key can't be used: {0}")]
    Tls(String),
}

/// The running broker.
pub struct Broker {
    context: ServerContext,
    sender: Sender,
    local: SocketAddr,
    sessions: Arc<Sessions>,
    facts: Arc<LinkFacts>,
    gate: Arc<Gate>,
    listening: Listening,
}

impl Broker {
    /// Starts it. What terminals publish comes out at `inputs`.
    ///
    /// # Errors
    /// When the address or the certificate can't be used.
    pub async fn start(
        config: BrokerConfig,
        access: Arc<dyn Access>,
        inputs: mpsc::Sender<LinkInput>,
    ) -> Result<Self, BrokerError> {
        let (listener, local) = bind(builder(&config), config.tls.is_some())?;
        let facts = Arc::new(LinkFacts::default());
        if let Some(warning) = too_few_files(config.connections_max) {
            facts.warn(warning);
        }
        let most = isize::try_from(config.connections_max).unwrap_or(isize::MAX);
        let context = ServerContext::new().mqtt_max_sessions(most).busy_check_enable(false);
        let context = context.build().await;
        let sessions = Arc::new(Sessions::new(inputs.clone()));
        let gate = Arc::new(Gate::new());
        let hooks = Hooks {
            access,
            sessions: Arc::clone(&sessions),
            facts: Arc::clone(&facts),
            gate: Arc::clone(&gate),
        };
        hooks.register(&context).await;
        // Nobody listens at the other end only while the gateway stops.
        let _stopping = inputs.send(LinkInput::Up).await;
        let listening = Listening::serve(context.clone(), listener, move |why| async move {
            let _stopping = inputs.send(LinkInput::Down { why }).await;
        });
        let id = Id::new(1, 0, None, None, "mingluo-gateway".into(), None);
        let sender = Sender::from_system(id);
        Ok(Self { context, sender, local, sessions, facts, gate, listening })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What it noticed since start.
    #[must_use]
    pub fn facts(&self) -> Arc<LinkFacts> {
        Arc::clone(&self.facts)
    }

    /// Routes one message to whoever is subscribed now.
    ///
    /// # Errors
    /// `Expired` when its time is over, `Down` when the broker can't route it.
    pub async fn publish(&self, publish: Publish) -> Result<(), LinkFault> {
        let now = clock::now_utc();
        let message_expiry_interval = publish.expiry_s(now)?;
        // The interval has whole seconds, rounded up: counting from a little earlier makes the end
        // exact to the millisecond.
        let created = match (publish.expires_at, message_expiry_interval) {
            (Some(at), Some(left_s)) => now.min(at.plus_s(-i64::from(left_s.get()))),
            _ => now,
        };
        let properties =
            PublishProperties { message_expiry_interval, ..PublishProperties::default() };
        let (queued, all_queued) = oneshot::channel::<()>();
        if goes_to_an_area(&publish.topic) && self.gate.close() {
            // It ends by itself within half a second.
            let _opening = tokio::spawn(Arc::clone(&self.gate).open_when_sent(all_queued));
        }
        let inner = CodecPublish {
            dup: false,
            retain: false,
            qos: QoS::AtLeastOnce,
            topic: publish.topic.into(),
            packet_id: None,
            payload: bytes::Bytes::copy_from_slice(&publish.payload),
            properties: Some(properties),
        };
        let publish = rmqtt::types::Publish::new(Box::new(inner), None, None, Some(created.0));
        let sender = self.sender.clone();
        let done = SessionState::forwards(&self.context, sender, publish, false, None).await;
        drop(queued);
        done.map_err(|fault| LinkFault::Down(fault.to_string()))
    }

    /// Ends it: the port is free, no session lives, and nothing comes out any more.
    pub async fn close(&self) {
        self.sessions.stop();
        self.listening.close().await;
    }
}

/// Each terminal needs an open file of the process: without enough, the broker would let the last
/// ones wait for ever. Linux only; elsewhere nobody knows.
fn too_few_files(connections_max: usize) -> Option<String> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    let soft = line.split_whitespace().nth(3)?.parse::<u64>().ok()?;
    let needed = u64::try_from(connections_max).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    (soft < needed).then(|| {
        format!(
            "the process may open {soft} files, {needed} are needed for as many sessions: raise \
             LimitNOFILE of the service, or `ulimit -n`"
        )
    })
}

fn builder(config: &BrokerConfig) -> Builder {
    let file = |path: &PathBuf| path.display().to_string();
    Builder::new()
        .name("mingluo")
        .laddr(config.listen)
        .backlog(BACKLOG)
        .nodelay(true)
        .reuseaddr(Some(true))
        .max_connections(config.connections_max)
        .max_handshaking_limit(HANDSHAKES_MAX)
        .max_packet_size(PACKET_BYTES_MAX)
        .allow_anonymous(false)
        .allow_zero_keepalive(false)
        .max_keepalive(KEEP_ALIVE_S_MAX)
        .max_clientid_len(64)
        .max_topic_levels(TOPIC_LEVELS_MAX)
        .max_subscriptions(16)
        .max_mqueue_len(WAITING_PER_TERMINAL_MAX)
        .max_qos_allowed(QoS::AtLeastOnce)
        .session_expiry_interval(Duration::ZERO)
        .max_session_expiry_interval(AWAY_MAX)
        .message_expiry_interval(Duration::from_secs(24 * 3600))
        .tls_cert(config.tls.as_ref().map(|(cert, _)| file(cert)))
        .tls_key(config.tls.as_ref().map(|(_, key)| file(key)))
}
