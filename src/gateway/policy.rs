//! Response plans and templates changed on screen: proposed by one person, approved by another, in force
//! from then on over the policy file. What runs or waits keeps what it was decided by.

use super::people::{deny, may, refuse_ask};
use super::{Action, Answer, Gateway, Outbox, RequestId, State};
use crate::decide::{self, PolicyEdit, PolicyNotice, bad_reason, same_person};
use crate::model::{
    Actor, Policy, PolicyDeed, PolicyPart, PolicyRefusal, PolicyVersion, Reason, Refusal, Right,
    Role, UtcMs,
};
use crate::record::entry::Entry;

impl Gateway {
    /// The policy as the file says it, without what was changed on screen.
    #[must_use]
    pub fn policy_file(&self) -> &Policy {
        &self.policy_file
    }

    /// Where the file and changes on screen do not agree.
    #[must_use]
    pub fn policy_notices(&self) -> Vec<PolicyNotice> {
        self.state.policy.over(&self.policy_file, &self.rules.network).notices
    }

    pub(super) fn take_policy_into_force(&mut self) {
        self.rules.policy = self.state.policy.over(&self.policy_file, &self.rules.network).policy;
    }

    pub(super) fn propose_policy(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        edit: PolicyEdit,
    ) -> Vec<Action> {
        let file = self.policy_file.clone();
        self.outbox(now, |rules, out| {
            let deed = match edit.deed {
                PolicyDeed::Change => "change",
                PolicyDeed::Add => "add",
                PolicyDeed::Remove => "remove",
            };
            let what = format!("{deed} {}", edit.content.part());
            if let Err(why) = may(actor, Right::Policy, rules.network.served.clone()) {
                return deny(out, request, actor, &what, &why);
            }
            match decide::policy_change(&out.state.policy, &file, &rules.network, edit) {
                Err(refusal) => refuse_ask(out, request, actor, &what, refusal),
                Ok(change) => {
                    let (change, by) = (Box::new(change), actor.name.clone());
                    out.record(Entry::PolicyProposed { change, by, role: actor.role });
                    out.reply(request, Answer::Saved { more: 1 });
                }
            }
        })
    }

    pub(super) fn approve_policy(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        part: PolicyPart,
        version: u32,
    ) -> Vec<Action> {
        let file = self.policy_file.clone();
        let actions = self.outbox(now, |rules, out| {
            let what = format!("approve the change of {part}");
            let Some(waits) = waiting(out, &part, version).cloned() else {
                let none = format!("no version {version} of {part} is waiting");
                return out.reply(request, Answer::NotFound(none));
            };
            if let Err(why) = may(actor, Right::Policy, rules.network.served.clone()) {
                return deny(out, request, actor, &what, &why);
            }
            let who = (actor.name.as_str(), actor.role, waits.role == Role::Leader);
            let edits = &out.state.policy;
            match decide::approve_change(edits, &file, &rules.network, &waits, who) {
                Err(refusal) => refuse_ask(out, request, actor, &what, refusal),
                Ok(()) => {
                    let by = actor.name.clone();
                    out.record(Entry::PolicyApproved { part, version, by });
                    out.reply(request, Answer::Saved { more: 0 });
                }
            }
        });
        self.take_policy_into_force();
        actions
    }

    pub(super) fn refuse_policy(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        part: PolicyPart,
        (version, reason): (u32, String),
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let Some(waits) = waiting(out, &part, version) else {
                let none = format!("no version {version} of {part} is waiting");
                return out.reply(request, Answer::NotFound(none));
            };
            let own = same_person(&waits.by, &actor.name);
            let what = format!("refuse the change of {part}");
            if let Err(why) = may(actor, Right::Policy, rules.network.served.clone()) {
                return deny(out, request, actor, &what, &why);
            }
            let mut reasons: Vec<Reason> = bad_reason(&reason).into_iter().collect();
            if own {
                let text = "自己的修改请用“撤回”".to_owned();
                reasons.push(Reason { code: "own_request".to_owned(), text });
            }
            if !reasons.is_empty() {
                return refuse_ask(out, request, actor, &what, Refusal { reasons });
            }
            let (by, reason) = (actor.name.clone(), reason.trim().to_owned());
            out.record(Entry::PolicyRefused(PolicyRefusal { part, version, by, reason }));
            out.reply(request, Answer::Done(Vec::new()));
        })
    }

    pub(super) fn withdraw_policy(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        part: PolicyPart,
        version: u32,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let Some(waits) = waiting(out, &part, version) else {
                let none = format!("no version {version} of {part} is waiting");
                return out.reply(request, Answer::NotFound(none));
            };
            let own = same_person(&waits.by, &actor.name);
            if let Err(why) = may(actor, Right::Policy, rules.network.served.clone()) {
                return deny(out, request, actor, &format!("take back the change of {part}"), &why);
            }
            if !own {
                let text = "别人的修改请用“退回”，写明理由".to_owned();
                let reasons = vec![Reason { code: "not_own_request".to_owned(), text }];
                let what = format!("take back the change of {part}");
                return refuse_ask(out, request, actor, &what, Refusal { reasons });
            }
            out.record(Entry::PolicyWithdrawn { part, version, by: actor.name.clone() });
            out.reply(request, Answer::Done(Vec::new()));
        })
    }
}

fn waiting<'a>(out: &'a Outbox<'_>, part: &PolicyPart, version: u32) -> Option<&'a PolicyVersion> {
    let waits = out.state.policy.parts.get(part)?.proposed.as_ref()?;
    (waits.change.version == version).then_some(waits)
}

impl State {
    pub(super) fn apply_policy(&mut self, at: UtcMs, entry: &Entry) {
        if let Entry::PolicyProposed { change, by, role } = entry {
            self.policy.propose(change, (by, *role), at);
        } else if let Entry::PolicyApproved { part, version, by } = entry {
            self.policy.approve(part, *version, by, at);
        } else if let Entry::PolicyRefused(PolicyRefusal { part, version, by, reason }) = entry {
            self.policy.refuse(part, *version, (by, reason), at);
        } else if let Entry::PolicyWithdrawn { part, version, .. } = entry {
            self.policy.withdraw(part, *version);
        }
    }
}
