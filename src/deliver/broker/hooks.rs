//! What the embedded broker asks at its hooks: who may log in, publish and subscribe; and what it
//! tells: reports, sessions, drops.

use super::Access;
use super::gate::Gate;
use super::sessions::Sessions;
use crate::deliver::facts::{LinkFacts, Noticed};
use crate::deliver::link::{LinkInput, PAYLOAD_BYTES_MAX};
use async_trait::async_trait;
use rmqtt::codec::v5::SubscribeAckReason;
use rmqtt::context::ServerContext;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType, Type};
use rmqtt::net::MqttError;
use rmqtt::session::Session;
use rmqtt::types::{
    AuthResult, ConnectInfo, From as Sender, LastWill, Publish, PublishAclResult, QoS, Reason,
    Subscribe, SubscribeAclResult, To,
};
use std::sync::Arc;

/// One handler for all hooks.
#[derive(Clone)]
pub(super) struct Hooks {
    pub(super) access: Arc<dyn Access>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) facts: Arc<LinkFacts>,
    pub(super) gate: Arc<Gate>,
}

impl Hooks {
    /// Puts itself at every hook it answers.
    pub(super) async fn register(&self, context: &ServerContext) {
        let register = context.extends.hook_mgr().register();
        for kind in [
            Type::ClientAuthenticate,
            Type::ClientSubscribeCheckAcl,
            Type::MessagePublishCheckAcl,
            Type::ClientConnected,
            Type::ClientDisconnected,
            Type::MessageDelivered,
            Type::MessageDropped,
        ] {
            register.add(kind, Box::new(self.clone())).await;
        }
        register.start().await;
    }

    fn login(&self, connect: &ConnectInfo) -> AuthResult {
        let client_id = connect.client_id();
        let user = connect.username().map(ToString::to_string).unwrap_or_default();
        let password = connect.password().cloned().unwrap_or_default();
        if !self.access.login(client_id, &user, &password) {
            self.facts.note(Noticed::LoginRefused, client_id);
            return AuthResult::BadUsernameOrPassword;
        }
        // The broker publishes a last will without asking the publish hook, so it is judged here.
        if connect.last_will().is_some_and(|will| !self.may_leave(client_id, &will)) {
            self.facts.note(Noticed::WillRefused, client_id);
            return AuthResult::NotAuthorized;
        }
        AuthResult::Allow(false, None)
    }

    fn may_leave(&self, client_id: &str, will: &LastWill<'_>) -> bool {
        let (topic, length) = match will {
            LastWill::V3(will) => (&will.topic, will.message.len()),
            LastWill::V5(will) => (&will.topic, will.message.len()),
        };
        !will.retain() && length <= PAYLOAD_BYTES_MAX && self.access.may_publish(client_id, topic)
    }

    fn subscribe(&self, session: &Session, subscribe: &Subscribe) -> SubscribeAclResult {
        let client_id = &session.id.client_id;
        if self.access.may_subscribe(client_id, &subscribe.topic_filter) {
            return SubscribeAclResult::new_success(QoS::AtLeastOnce, None);
        }
        self.facts.note(Noticed::SubscribeRefused, client_id);
        SubscribeAclResult::new_failure(SubscribeAckReason::NotAuthorized)
    }

    /// A terminal is acknowledged only after the gateway's queue took its report; a session that
    /// asks for what it may not do is ended.
    async fn publish(&self, session: &Session, publish: &Publish) -> PublishAclResult {
        let client_id = &session.id.client_id;
        let topic = &publish.inner.topic;
        let refused = |why: Noticed| {
            self.facts.note(why, client_id);
            PublishAclResult::rejected(true, None)
        };
        if publish.inner.retain || !self.access.may_publish(client_id, topic) {
            return refused(Noticed::PublishRefused);
        }
        if publish.inner.payload.len() > PAYLOAD_BYTES_MAX {
            return refused(Noticed::PayloadTooLong);
        }
        self.gate.passed().await;
        let input = LinkInput::Message {
            topic: topic.to_string(),
            payload: publish.inner.payload.to_vec(),
            from: Some(client_id.to_string()),
        };
        match self.sessions.take(input).await {
            Ok(()) => PublishAclResult::allow(),
            // The gateway stops; unacknowledged, the report comes again.
            Err(_stopping) => PublishAclResult::rejected(true, None),
        }
    }

    /// Only orders to terminals count: what a terminal publishes has no other listener.
    fn dropped(&self, to: Option<&To>, from: &Sender, reason: &Reason) {
        if !from.is_system() {
            return;
        }
        let expired = matches!(reason, Reason::MessageExpiration);
        let what = if expired { Noticed::OrderExpired } else { Noticed::OrderDropped };
        self.facts.note(what, to.map_or("", |to| &to.client_id));
    }
}

/// Whether a session ended because its terminal connected again.
fn is_taken_over(reason: &Reason) -> bool {
    if let Reason::Reasons(reasons) = reason {
        return reasons.iter().any(is_taken_over);
    }
    reason.is_kicked(false)
}

/// Whether a session ended because its client broke the protocol or a limit.
pub(crate) fn is_protocol_fault(reason: &Reason) -> bool {
    if let Reason::Reasons(reasons) = reason {
        return reasons.iter().any(is_protocol_fault);
    }
    if let Reason::Error(text) = reason {
        // The library keeps only the words of a fault; a broken connection is no one's fault.
        return !text.contains("io error") && !text.contains("os error");
    }
    matches!(
        reason,
        Reason::ProtocolError(_)
            | Reason::InflightWindowFull
            | Reason::MqttError(
                MqttError::Protocol(_)
                    | MqttError::Decode(_)
                    | MqttError::InvalidProtocol
                    | MqttError::TooManySubscriptions
                    | MqttError::TooManyTopicLevels
                    | MqttError::PacketIdInUse(_)
            )
    )
}

#[async_trait]
impl Handler for Hooks {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only the registered hooks ever call")]
    #[expect(elided_lifetimes_in_paths, reason = "the trait of the library writes it so")]
    async fn hook(&self, parameter: &Parameter, before: Option<HookResult>) -> ReturnType {
        match parameter {
            Parameter::ClientAuthenticate(connect) => {
                (false, Some(HookResult::AuthResult(self.login(connect))))
            }
            Parameter::ClientSubscribeCheckAcl(session, subscribe) => {
                let answer = self.subscribe(session, subscribe);
                (false, Some(HookResult::SubscribeAclResult(answer)))
            }
            Parameter::MessagePublishCheckAcl(session, publish) => {
                let answer = self.publish(session, publish).await;
                (false, Some(HookResult::PublishAclResult(answer)))
            }
            Parameter::ClientConnected(session) => {
                if self.sessions.up(&session.id).await {
                    self.facts.note(Noticed::SessionTakeover, &session.id.client_id);
                }
                (true, before)
            }
            Parameter::ClientDisconnected(session, reason) => {
                if is_protocol_fault(reason) {
                    self.facts.note(Noticed::ProtocolFault, &session.id.client_id);
                }
                // Told by the terminal's new session, which took the place of this one.
                if !is_taken_over(reason) {
                    self.sessions.down(&session.id).await;
                }
                (true, before)
            }
            Parameter::MessageDelivered(_, from, _) => {
                if from.is_system() {
                    self.gate.sent();
                }
                (true, before)
            }
            Parameter::MessageDropped(to, from, _, reason) => {
                self.dropped(to.as_ref(), from, reason);
                (true, before)
            }
            _ => (true, before),
        }
    }
}
