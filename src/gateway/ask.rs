//! What people ask beyond broadcasts and approvals. A closed list, each answered in its own file.

use super::latch::LatchOrder;
use super::live::LiveAct;
use super::{Action, Arrival, Gateway, RequestId, SilentRequest};
use crate::decide::{ManualRequest, PlanEdit, PolicyEdit};
use crate::model::{
    Actor, ApiKeyLine, BroadcastId, Group, PlanId, PolicyPart, Programme, RegistryChange, Sha256,
    Shift, ShiftId, SourceRules, StopScope, UtcMs,
};

/// One such question.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Change a plan that waits.
    EditPlan(PlanId, PlanEdit),
    /// Release alone and at once 紧急直发 what needs more people, with the reason.
    BreakGlass(Release, String),
    /// Send a broadcast again to those that did not play it.
    Resend(BroadcastId),
    /// Set and remove shifts of the duty roster; a shift without a name is new.
    ChangeRoster(Vec<Shift>, Vec<ShiftId>),
    /// Save a group of places; its owner is who asks.
    SetGroup(Group),
    /// Remove a saved group.
    RemoveGroup(String),
    /// Save a programme, new or changed.
    SetProgramme(Box<Programme>),
    /// Approve a programme that another officer saved, as saved at this moment.
    ApproveProgramme(String, UtcMs),
    /// Remove a programme.
    RemoveProgramme(String),
    /// Speak live, with what comes of it.
    Live(BroadcastId, LiveAct),
    /// Sign afterwards what another officer released alone.
    Countersign(BroadcastId),
    /// Change a response plan or a template.
    ProposePolicy(Box<PolicyEdit>),
    /// Approve such a change of another person, as it was seen.
    ApprovePolicy(PolicyPart, u32),
    /// Take back such a change before it was approved.
    WithdrawPolicy(PolicyPart, u32),
    /// Refuse such a change of another person, with the reason.
    RefusePolicy(PolicyPart, u32, String),
    /// Let a new API key in; the key itself never gets here, its digest does.
    MakeKey(Box<ApiKeyLine>),
    /// Let an API key that was made on screen in no more, with the reason.
    RevokeKey(Sha256, String),
    /// Change the registry of terminals.
    ChangeRegistry(RegistryChange),
    /// Ask terminals whether they could play.
    TestSilently(SilentRequest),
    /// Let nothing start somewhere until it is lifted 停播锁.
    SetLatch(LatchOrder),
    /// Lift such a latch, with the reason; all of them, or those of some areas.
    LiftLatch(StopScope, String),
    /// Read the bytes of a rejection again, with the reason; what they became now.
    Replay(u64, String, Box<(Arrival, SourceRules)>),
}

/// What is released alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Release {
    /// A plan that waits, in the revision that the officer saw.
    Plan(PlanId, u32),
    /// A manual broadcast that would wait for a second person.
    Manual(Box<ManualRequest>),
}

impl Gateway {
    pub(super) fn ask(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        ask: Ask,
    ) -> Vec<Action> {
        match ask {
            Ask::EditPlan(plan, edit) => self.edit_plan(now, request, actor, plan, edit),
            Ask::BreakGlass(what, why) => self.break_glass(now, request, actor, &what, &why),
            Ask::Resend(broadcast) => self.resend(now, request, actor, broadcast),
            Ask::ChangeRoster(set, remove) => self.change_roster(now, request, actor, set, remove),
            Ask::SetGroup(group) => self.set_group(now, request, actor, group),
            Ask::RemoveGroup(name) => self.remove_group(now, request, actor, name),
            Ask::SetProgramme(programme) => self.set_programme(now, request, actor, *programme),
            Ask::ApproveProgramme(name, seen) => {
                self.approve_programme(now, request, actor, name, seen)
            }
            Ask::RemoveProgramme(name) => self.remove_programme(now, request, actor, name),
            Ask::Live(broadcast, act) => self.live(now, request, actor, broadcast, act),
            Ask::Countersign(broadcast) => self.countersign(now, request, actor, broadcast),
            Ask::ProposePolicy(edit) => self.propose_policy(now, request, actor, *edit),
            Ask::ApprovePolicy(part, version) => {
                self.approve_policy(now, request, actor, part, version)
            }
            Ask::WithdrawPolicy(part, version) => {
                self.withdraw_policy(now, request, actor, part, version)
            }
            Ask::RefusePolicy(part, version, why) => {
                self.refuse_policy(now, request, actor, part, (version, why))
            }
            Ask::MakeKey(key) => self.make_key(now, request, actor, *key),
            Ask::RevokeKey(digest, why) => self.revoke_key(now, request, actor, digest, why),
            Ask::ChangeRegistry(change) => self.change_registry(now, request, actor, change),
            Ask::TestSilently(asked) => self.test_silently(now, request, actor, asked),
            Ask::SetLatch(order) => self.set_latch(now, request, actor, &order),
            Ask::LiftLatch(scope, why) => self.lift_latch(now, request, actor, scope, why),
            Ask::Replay(number, why, again) => {
                self.replay(now, request, actor, (number, why), *again)
            }
        }
    }
}
