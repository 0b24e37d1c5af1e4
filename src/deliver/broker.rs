//! The embedded broker (rmqtt as a library): per-terminal credentials and rights at its hooks,
//! reports taken at the publish hook, orders routed without a socket.
//!
//! A report is acknowledged to its terminal only after the gateway's queue took it; when that queue
//! is full the terminal's session waits, so nothing is dropped in silence.

use super::link::{LinkFault, LinkInput, PAYLOAD_BYTES_MAX, Publish};
use crate::clock;
use async_trait::async_trait;
use rmqtt::codec::types::Publish as CodecPublish;
use rmqtt::codec::v5::{PublishProperties, SubscribeAckReason};
use rmqtt::context::ServerContext;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType, Type};
use rmqtt::net::Builder;
use rmqtt::server::MqttServer;
use rmqtt::session::SessionState;
use rmqtt::types::{AuthResult, From as Sender, Id, PublishAclResult, QoS, SubscribeAclResult};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

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
    server: tokio::task::JoinHandle<()>,
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
        let sessions = isize::try_from(config.connections_max).unwrap_or(isize::MAX);
        let context = ServerContext::new().mqtt_max_sessions(sessions).busy_check_enable(false);
        let context = context.build().await;
        let register = context.extends.hook_mgr().register();
        for kind in [
            Type::ClientAuthenticate,
            Type::ClientSubscribeCheckAcl,
            Type::MessagePublishCheckAcl,
            Type::ClientConnected,
            Type::ClientDisconnected,
        ] {
            let hooks = Hooks { access: Arc::clone(&access), inputs: inputs.clone() };
            register.add(kind, Box::new(hooks)).await;
        }
        register.start().await;
        let listen = config.listen;
        let refused = |why: String| BrokerError::Listen { listen, why };
        let builder = builder(&config);
        let listener = builder.bind().map_err(|fault| refused(fault.to_string()))?;
        let listener = if config.tls.is_some() {
            listener.tls().map_err(|fault| BrokerError::Tls(fault.to_string()))?
        } else {
            listener.tcp().map_err(|fault| refused(fault.to_string()))?
        };
        let local = listener.local_addr().map_err(|fault| refused(fault.to_string()))?;
        let server = MqttServer::new(context.clone()).listener(listener).build();
        let server = tokio::spawn(async move {
            if let Err(fault) = server.run().await {
                tracing::error!(%fault, "the embedded broker ended");
            }
        });
        let id = Id::new(1, 0, None, None, "mingluo-gateway".into(), None);
        // Nobody listens at the other end only while the gateway stops.
        let _stopping = inputs.send(LinkInput::Up).await;
        Ok(Self { context, sender: Sender::from_system(id), local, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Routes one message to whoever is subscribed now.
    ///
    /// # Errors
    /// `Down` when the broker can't route it.
    pub async fn publish(&self, publish: Publish) -> Result<(), LinkFault> {
        let now = clock::now_utc();
        let expires_in_s = publish.expires_at.map(|at| at.since_ms(now).max(0) / 1000);
        let expiry = expires_in_s
            .and_then(|seconds| NonZeroU32::new(u32::try_from(seconds).unwrap_or(u32::MAX)));
        let properties =
            PublishProperties { message_expiry_interval: expiry, ..PublishProperties::default() };
        let inner = CodecPublish {
            dup: false,
            retain: false,
            qos: QoS::AtLeastOnce,
            topic: publish.topic.into(),
            packet_id: None,
            payload: bytes::Bytes::copy_from_slice(&publish.payload),
            properties: Some(properties),
        };
        let publish = rmqtt::types::Publish::new(Box::new(inner), None, None, Some(now.0));
        SessionState::forwards(&self.context, self.sender.clone(), publish, false, None)
            .await
            .map_err(|fault| LinkFault::Down(fault.to_string()))
    }

    /// Ends it: no new connections; sessions end with the process.
    pub fn close(&self) {
        self.server.abort();
    }
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
        .max_packet_size(u32::try_from(PAYLOAD_BYTES_MAX + 1024).unwrap_or(u32::MAX))
        .allow_anonymous(false)
        .allow_zero_keepalive(false)
        .max_keepalive(KEEP_ALIVE_S_MAX)
        .max_clientid_len(64)
        .max_topic_levels(TOPIC_LEVELS_MAX)
        .max_subscriptions(16)
        .max_mqueue_len(WAITING_PER_TERMINAL_MAX)
        .max_qos_allowed(QoS::AtLeastOnce)
        .session_expiry_interval(Duration::ZERO)
        .message_expiry_interval(Duration::from_secs(24 * 3600))
        .tls_cert(config.tls.as_ref().map(|(cert, _)| file(cert)))
        .tls_key(config.tls.as_ref().map(|(_, key)| file(key)))
}

/// One handler for all hooks.
struct Hooks {
    access: Arc<dyn Access>,
    inputs: mpsc::Sender<LinkInput>,
}

#[async_trait]
impl Handler for Hooks {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only the registered hooks ever call")]
    #[expect(elided_lifetimes_in_paths, reason = "the trait of the library writes it so")]
    async fn hook(&self, parameter: &Parameter, before: Option<HookResult>) -> ReturnType {
        match parameter {
            Parameter::ClientAuthenticate(connect) => {
                let user = connect.username().map(ToString::to_string).unwrap_or_default();
                let password = connect.password().cloned().unwrap_or_default();
                let result = if self.access.login(connect.client_id(), &user, &password) {
                    AuthResult::Allow(false, None)
                } else {
                    AuthResult::BadUsernameOrPassword
                };
                (false, Some(HookResult::AuthResult(result)))
            }
            Parameter::ClientSubscribeCheckAcl(session, subscribe) => {
                let allowed =
                    self.access.may_subscribe(&session.id.client_id, &subscribe.topic_filter);
                let result = if allowed {
                    SubscribeAclResult::new_success(QoS::AtLeastOnce, None)
                } else {
                    SubscribeAclResult::new_failure(SubscribeAckReason::NotAuthorized)
                };
                (false, Some(HookResult::SubscribeAclResult(result)))
            }
            Parameter::MessagePublishCheckAcl(session, publish) => {
                let client_id = session.id.client_id.to_string();
                let topic = publish.inner.topic.to_string();
                let allowed = self.access.may_publish(&client_id, &topic)
                    && publish.inner.payload.len() <= PAYLOAD_BYTES_MAX;
                let taken = allowed && {
                    let payload = publish.inner.payload.to_vec();
                    let input = LinkInput::Message { topic, payload, from: Some(client_id) };
                    self.inputs.send(input).await.is_ok()
                };
                let result = if taken {
                    PublishAclResult::allow()
                } else {
                    // A session that asks for what it may not do is ended.
                    PublishAclResult::rejected(true, None)
                };
                (false, Some(HookResult::PublishAclResult(result)))
            }
            Parameter::ClientConnected(session) => {
                let client_id = session.id.client_id.to_string();
                // Gone only while the gateway stops.
                let _stopping = self.inputs.send(LinkInput::Connected { client_id }).await;
                (true, before)
            }
            Parameter::ClientDisconnected(session, _) => {
                let client_id = session.id.client_id.to_string();
                let _stopping = self.inputs.send(LinkInput::Disconnected { client_id }).await;
                (true, before)
            }
            _ => (true, before),
        }
    }
}
