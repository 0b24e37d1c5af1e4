//! What the broker of the sources asks at its hooks. The library acknowledges a message (PUBACK, PUBREC) after
//! its hook has answered, and each session is served one packet at a time.

use super::door::{Door, Ended, Refused};
use crate::deliver::{LinkFacts, Noticed, is_protocol_fault};
use async_trait::async_trait;
use rmqtt::codec::v5::SubscribeAckReason;
use rmqtt::context::ServerContext;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType, Type};
use rmqtt::session::Session;
use rmqtt::types::{
    AuthResult, ConnectInfo, Publish, PublishAclResult, Reason, SubscribeAclResult,
};
use std::sync::Arc;

/// One handler for all hooks.
#[derive(Clone)]
pub(super) struct Hooks {
    pub(super) door: Arc<Door>,
    pub(super) facts: Arc<LinkFacts>,
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
        ] {
            register.add(kind, Box::new(self.clone())).await;
        }
        register.start().await;
    }

    fn login(&self, connect: &ConnectInfo) -> AuthResult {
        let user = connect.username().map(ToString::to_string).unwrap_or_default();
        let password = connect.password().cloned().unwrap_or_default();
        // A last will would go out without asking the publish hook, to nobody.
        let has_will = connect.last_will().is_some();
        let (noticed, answer) = match self.door.login(connect.id(), &user, &password, has_will) {
            Ok(()) => return AuthResult::Allow(false, None),
            Err(Refused::Key) => (Noticed::LoginRefused, AuthResult::BadUsernameOrPassword),
            Err(Refused::Session) => (Noticed::LoginRefused, AuthResult::NotAuthorized),
            Err(Refused::Will) => (Noticed::WillRefused, AuthResult::NotAuthorized),
        };
        self.facts.note(noticed, connect.client_id());
        answer
    }

    async fn publish(&self, session: &Session, publish: &Publish) -> PublishAclResult {
        let (id, inner) = (&session.id, &publish.inner);
        if inner.retain {
            // It is taken like any other: an alert is not lost for a flag, and nothing is ever kept for later.
            self.facts.note(Noticed::RetainedIgnored, &id.client_id);
        }
        match self.door.publish(id, &inner.topic, &inner.payload, inner.dup).await {
            Ok(()) => PublishAclResult::allow(),
            Err(Ended::Stopping) => PublishAclResult::rejected(true, None),
            Err(Ended::NotAllowed) => {
                self.facts.note(Noticed::PublishRefused, &id.client_id);
                PublishAclResult::rejected(true, None)
            }
        }
    }

    fn down(&self, session: &Session, reason: &Reason) {
        let why = is_protocol_fault(reason).then(|| reason.to_string());
        if why.is_some() {
            self.facts.note(Noticed::ProtocolFault, &session.id.client_id);
        }
        self.door.down(&session.id, why.as_deref());
    }
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
                self.door.subscribed(&session.id, &subscribe.topic_filter);
                self.facts.note(Noticed::SubscribeRefused, &session.id.client_id);
                let answer = SubscribeAclResult::new_failure(SubscribeAckReason::NotAuthorized);
                (false, Some(HookResult::SubscribeAclResult(answer)))
            }
            Parameter::MessagePublishCheckAcl(session, publish) => {
                let answer = self.publish(session, publish).await;
                (false, Some(HookResult::PublishAclResult(answer)))
            }
            Parameter::ClientConnected(session) => {
                self.door.up(&session.id);
                (true, before)
            }
            Parameter::ClientDisconnected(session, reason) => {
                self.down(session, reason);
                (true, before)
            }
            _ => (true, before),
        }
    }
}
