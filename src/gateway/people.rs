//! What people ask: manual broadcasts, approvals, refusals, cancels, stop-all, drills.

use super::alerts::memory;
use super::latch::{self, Open};
use super::{Action, Answer, Gateway, Outbox, RequestId, render_action};
use crate::decide::{self, ManualRequest, Rules, Signed};
use crate::model::Cancellation;
use crate::model::{
    Actor, Approval, AreaCode, BroadcastId, Need, OriginKind, Plan, PlanId, Refusal, Right,
    StopScope, TerminalId, UtcMs, named_area,
};
use crate::record::entry::Entry;

/// Longest time a drill stays armed, seconds.
pub(crate) const DRILL_ARMED_S_MAX: i64 = 4 * 3600;

impl Gateway {
    pub(super) fn manual(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        manual: &ManualRequest,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            if !actor.role.may(Right::Broadcast) {
                return deny(out, request, actor, "manual broadcast", "role may not broadcast");
            }
            let id = PlanId(out.state.next_counter(now));
            let past = memory(rules, out, &[], OriginKind::Duty);
            let whole = out.state.with_groups(manual);
            match whole.and_then(|whole| decide::manual(rules, now, &whole, &past, id)) {
                Err(refusal) => refuse_ask(out, request, actor, "manual broadcast", refusal),
                Ok(plan) => {
                    if let Err(refusal) = latch::whole(rules, out.state, plan.clone()) {
                        return refuse_ask(out, request, actor, "manual broadcast", refusal);
                    }
                    let more = match plan.need {
                        Need::Nothing => 0,
                        Need::Officers { officers, .. } => officers,
                    };
                    let answer = match take_plan(rules, out, plan).0 {
                        Some(broadcast) => Answer::Started(broadcast),
                        None => Answer::Waiting { plan: id, more },
                    };
                    out.reply(request, answer);
                }
            }
        })
    }

    pub(super) fn approve(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        plan: PlanId,
        seen: u32,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let Some(pending) = out.state.pending.get(&plan) else {
                return out.reply(request, Answer::NotFound(format!("no plan {plan} is waiting")));
            };
            if let Err(why) = may(actor, Right::Approve, areas_of(rules, &pending.plan().terminals))
            {
                return deny(out, request, actor, &format!("approve plan {plan}"), &why);
            }
            if let Some(stale) = pending.stale(seen) {
                let refusal = Refusal { reasons: vec![stale] };
                return refuse_ask(out, request, actor, &format!("approve plan {plan}"), refusal);
            }
            let parted = latch::part(rules, out.state, pending.plan().clone());
            if parted.open.is_none() {
                let refusal = Refusal { reasons: parted.against() };
                return refuse_ask(out, request, actor, &format!("approve plan {plan}"), refusal);
            }
            match decide::sign(pending, &actor.name, now) {
                Err(refused) => {
                    deny(
                        out,
                        request,
                        actor,
                        &format!("approve plan {plan}"),
                        &refused.to_string(),
                    );
                }
                Ok(Signed::MoreNeeded { have, need }) => {
                    out.record(Entry::PlanSigned { plan, by: actor.name.clone() });
                    let more = need.saturating_sub(have);
                    out.reply(request, Answer::Waiting { plan, more });
                }
                Ok(Signed::Approved(approval)) => {
                    let ready = pending.plan().clone();
                    out.record(Entry::PlanSigned { plan, by: actor.name.clone() });
                    let (started, _) = latch::start_open(rules, out, ready, approval);
                    let answer = started.map_or(Answer::Done(Vec::new()), Answer::Started);
                    out.reply(request, answer);
                }
            }
        })
    }

    pub(super) fn refuse(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        plan: PlanId,
        reason: String,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let Some(pending) = out.state.pending.get(&plan) else {
                return out.reply(request, Answer::NotFound(format!("no plan {plan} is waiting")));
            };
            if let Err(why) = may(actor, Right::Approve, areas_of(rules, &pending.plan().terminals))
            {
                return deny(out, request, actor, &format!("refuse plan {plan}"), &why);
            }
            if let Some(bad) = decide::bad_reason(&reason) {
                let refusal = Refusal { reasons: vec![bad] };
                return refuse_ask(out, request, actor, &format!("refuse plan {plan}"), refusal);
            }
            out.record(Entry::PlanEnded { plan, by: actor.name.clone(), reason });
            out.reply(request, Answer::Done(Vec::new()));
        })
    }

    pub(super) fn cancel(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        broadcast: BroadcastId,
        reason: &str,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let Some(state) = out.state.broadcasts.get(&broadcast) else {
                let answer = Answer::NotFound(format!("no broadcast {broadcast}"));
                return out.reply(request, answer);
            };
            let areas = areas_of(rules, state.broadcast.terminals());
            if let Err(why) = may(actor, Right::Stop, areas) {
                return deny(out, request, actor, &format!("cancel broadcast {broadcast}"), &why);
            }
            let answer = if cancel_broadcast(out, broadcast, &actor.name, reason) {
                Answer::Done(vec![broadcast])
            } else {
                Answer::NotFound(format!("broadcast {broadcast} has ended or is being cancelled"))
            };
            out.reply(request, answer);
        })
    }

    pub(super) fn stop(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        scope: &StopScope,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let areas = match scope {
                StopScope::All => rules.network.served.clone(),
                StopScope::Areas(areas) => areas.clone(),
            };
            if let Err(why) = may(actor, Right::Stop, areas) {
                return deny(out, request, actor, "stop", &why);
            }
            let hit = stop_now(rules, out, actor, scope);
            out.reply(request, Answer::Done(hit));
        })
    }

    pub(super) fn arm(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        until: Option<UtcMs>,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            if let Err(why) = may(actor, Right::Drill, rules.network.served.clone()) {
                return deny(out, request, actor, "arm a drill", &why);
            }
            let by = actor.name.clone();
            match until {
                Some(until) if until <= now || until > now.plus_s(DRILL_ARMED_S_MAX) => {
                    let why = format!("a drill must end within {} h", DRILL_ARMED_S_MAX / 3600);
                    return deny(out, request, actor, "arm a drill", &why);
                }
                Some(until) => out.record(Entry::DrillArmed { by, until }),
                None => {
                    out.record(Entry::DrillDisarmed { by });
                    let drills: Vec<BroadcastId> = out
                        .state
                        .running()
                        .filter(|(_, state)| state.broadcast.class() == crate::model::Class::Drill)
                        .map(|(id, _)| *id)
                        .collect();
                    for drill in drills {
                        cancel_broadcast(out, drill, &actor.name, "演练结束");
                    }
                }
            }
            out.reply(request, Answer::Done(Vec::new()));
        })
    }
}

/// Stops what sounds in a scope; gives the broadcasts that it hit.
pub(super) fn stop_now(
    rules: &Rules,
    out: &mut Outbox<'_>,
    actor: &Actor,
    scope: &StopScope,
) -> Vec<BroadcastId> {
    let hit = out.state.hit_by(scope);
    let waiting: Vec<PlanId> = out.state.pending.keys().copied().collect();
    let counter = BroadcastId(out.state.next_counter(out.now));
    let by = actor.name.clone();
    out.record(Entry::Stopped { scope: scope.clone(), counter, by });
    for broadcast in &hit {
        cancel_broadcast(out, *broadcast, &actor.name, "一键停播");
    }
    if *scope == StopScope::All {
        for plan in waiting {
            let (by, reason) = (actor.name.clone(), "一键停播".to_owned());
            out.record(Entry::PlanEnded { plan, by, reason });
        }
        for order in super::delivering::stop_all(rules, counter, out.now) {
            out.effect(order);
        }
    }
    hit
}

/// Records a plan; starts it when it needs nobody. Gives the broadcast when it started, and the plan of
/// the part that a latch keeps waiting.
pub(super) fn take_plan(
    rules: &Rules,
    out: &mut Outbox<'_>,
    plan: Plan,
) -> (Option<BroadcastId>, Option<PlanId>) {
    out.record(Entry::PlanMade { plan: Box::new(plan.clone()) });
    match decide::release(&plan, out.now) {
        Some(approval) => latch::start_open(rules, out, plan, approval),
        None => (None, None),
    }
}

/// The one way from an approved plan to a sounding loudspeaker.
pub(super) fn start(
    rules: &Rules,
    out: &mut Outbox<'_>,
    plan: Open,
    approval: Approval,
) -> BroadcastId {
    let plan = plan.into_plan();
    let id = BroadcastId(out.state.next_counter(out.now));
    let superseded = plan.supersedes.clone();
    out.record(Entry::PlanApproved { plan: plan.id, approval: approval.clone() });
    let broadcast = decide::authorise(id, plan, approval);
    let moved = moved(rules, broadcast.terminals());
    out.record(Entry::BroadcastStarted { broadcast: Box::new(broadcast), moved });
    for old in superseded {
        cancel_broadcast(out, old, &format!("superseded by {id}"), "已更新");
    }
    if let Some(action) = render_action(rules, out.state, id) {
        out.effect(action);
    }
    super::calls::call_all(rules, out, id);
    id
}

/// Those that stand elsewhere than in the area of their name, and where.
fn moved<'a>(
    rules: &Rules,
    terminals: impl IntoIterator<Item = &'a TerminalId>,
) -> Vec<(TerminalId, AreaCode)> {
    let known = |id: &TerminalId| rules.network.terminals.get(id).map(|known| (*id, known.area));
    let other = |(id, area): &(TerminalId, AreaCode)| named_area(*id) != Some(*area);
    terminals.into_iter().filter_map(known).filter(other).collect()
}

/// Cancels a running broadcast; false when there is nothing to cancel.
pub(super) fn cancel_broadcast(
    out: &mut Outbox<'_>,
    broadcast: BroadcastId,
    by: &str,
    reason: &str,
) -> bool {
    let running =
        out.state.running().any(|(id, state)| *id == broadcast && state.cancellation.is_none());
    if running {
        let counter = BroadcastId(out.state.next_counter(out.now));
        let cancellation =
            Cancellation { counter, at: out.now, by: by.to_owned(), reason: reason.to_owned() };
        out.record(Entry::BroadcastCancelled { broadcast, cancellation });
        super::delivering::send_cancel(out, broadcast);
    }
    running
}

pub(super) fn areas_of<'a>(
    rules: &Rules,
    terminals: impl IntoIterator<Item = &'a TerminalId>,
) -> Vec<AreaCode> {
    let mut areas: Vec<AreaCode> = terminals
        .into_iter()
        .filter_map(|id| rules.network.terminals.get(id).map(|terminal| terminal.area))
        .collect();
    areas.dedup();
    areas
}

pub(super) fn may(actor: &Actor, right: Right, areas: Vec<AreaCode>) -> Result<(), String> {
    if !actor.role.may(right) {
        return Err(format!("role {:?} may not do this", actor.role));
    }
    if actor.covers(areas) { Ok(()) } else { Err("outside the areas of this officer".to_owned()) }
}

pub(super) fn deny(out: &mut Outbox<'_>, request: RequestId, actor: &Actor, what: &str, why: &str) {
    let reason = why.to_owned();
    out.record(Entry::Denied { by: actor.name.clone(), what: what.to_owned(), reason });
    out.reply(request, Answer::Denied(why.to_owned()));
}

/// Records what was refused to whom, and answers with every reason.
pub(super) fn refuse_ask(
    out: &mut Outbox<'_>,
    request: RequestId,
    actor: &Actor,
    what: &str,
    refusal: Refusal,
) {
    let why: Vec<&str> = refusal.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let (by, reason) = (actor.name.clone(), why.join("；"));
    out.record(Entry::Denied { by, what: what.to_owned(), reason });
    out.reply(request, Answer::Refused(refusal));
}

impl Gateway {
    /// What a manual broadcast would be if it was asked for now: the plan with its audience, or every
    /// reason against it. Changes nothing.
    ///
    /// # Errors
    /// The refusal.
    pub fn outlook(&self, now: UtcMs, manual: &ManualRequest) -> Result<Plan, Refusal> {
        let drill_armed = self.state.drill_armed(now).is_some();
        let limits_used = self.state.limits_used(&self.rules, now);
        let past = decide::Memory { drill_armed, limits_used, ..decide::Memory::default() };
        let whole = self.state.with_groups(manual)?;
        let plan = decide::manual(&self.rules, now, &whole, &past, PlanId(0))?;
        latch::whole(&self.rules, &self.state, plan).map(Open::into_plan)
    }
}
