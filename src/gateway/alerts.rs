//! An alert arrives: recorded, then decided.

use super::state::BroadcastState;
use super::{Action, Answer, Arrival, Gateway, Outbox, RequestId, latch, people};
use crate::decide::{self, Decision, Memory, Rules, Verdict};
use crate::model::{
    AfterDeadline, Alert, AlertId, AreaCode, BroadcastId, Class, Disposition, Need, Plan, PlanId,
    Reason, Sha256, Shed, SourceRules, TerminalId, UtcMs,
};
use crate::model::{Origin, OriginKind};
use crate::record::entry::Entry;
use std::collections::BTreeSet;

impl Gateway {
    pub(super) fn arrived(
        &mut self,
        now: UtcMs,
        request: RequestId,
        arrival: Arrival,
        limits: SourceRules,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| take(rules, out, request, arrival, limits))
    }
}

impl Gateway {
    pub(super) fn alerts_shed(&mut self, now: UtcMs, shed: Shed) -> Vec<Action> {
        self.outbox(now, |_, out| {
            let Shed { by, why, n } = &shed;
            let text = format!("来源 {by} 的 {n} 份报文过多未受理（{why}），已要求其重发");
            out.effect(Action::Alarm(Reason { code: "alerts_shed".into(), text }));
            out.record(Entry::AlertsShed(shed));
        })
    }
}

/// The one way in of everything that comes as bytes.
pub(super) fn take(
    rules: &Rules,
    out: &mut Outbox<'_>,
    request: RequestId,
    arrival: Arrival,
    limits: SourceRules,
) {
    match arrival.read {
        Err(rejection) => {
            out.record(Entry::AlertRejected {
                rejection: rejection.clone(),
                raw: arrival.raw,
                origin: arrival.origin,
            });
            out.reply(request, Answer::Rejected(rejection));
        }
        Ok(alert) => {
            let verdict = out.state.lineage.verdict(&alert, arrival.content);
            let taken = Taken {
                request,
                content: arrival.content,
                raw: arrival.raw,
                areas: limits.areas.clone().unwrap_or(arrival.areas),
                limits,
            };
            match verdict {
                Verdict::Duplicate => {
                    repeated(out, &alert, &taken, arrival.origin, Disposition::Duplicate);
                }
                Verdict::Conflict { .. } => {
                    repeated(out, &alert, &taken, arrival.origin, Disposition::Conflict);
                }
                Verdict::New { supersedes, already_cancelled, .. } => {
                    let news = News { supersedes, already_cancelled };
                    accepted(rules, out, *alert, &taken, arrival.origin, &news);
                }
            }
        }
    }
}

/// How the bytes came in, for record and reply.
struct Taken {
    request: RequestId,
    content: Sha256,
    raw: Sha256,
    /// Areas for which the source may act without a person.
    areas: Vec<AreaCode>,
    /// What else it may do without one.
    limits: SourceRules,
}

/// What the lineage says about a new alert.
struct News {
    supersedes: Vec<AlertId>,
    already_cancelled: Option<AlertId>,
}

fn repeated(
    out: &mut Outbox<'_>,
    alert: &Alert,
    taken: &Taken,
    origin: Origin,
    disposition: Disposition,
) {
    let known = out.state.alert(&alert.id);
    let (plans, broadcasts) =
        known.map(|known| (known.plans.clone(), known.broadcasts.clone())).unwrap_or_default();
    out.record(Entry::AlertRepeated { id: alert.id.clone(), disposition, raw: taken.raw, origin });
    let mut reasons = Vec::new();
    if disposition == Disposition::Conflict {
        let reason = Reason {
            code: "same_identity_other_content".into(),
            text: format!("{} 与已收到的同号预警内容不同，请人工核实", alert.id.identifier),
        };
        out.effect(Action::Alarm(reason.clone()));
        reasons.push(reason);
    }
    let id = alert.id.clone();
    out.reply(taken.request, Answer::Alert { id, disposition, reasons, plans, broadcasts });
}

fn accepted(
    rules: &Rules,
    out: &mut Outbox<'_>,
    alert: Alert,
    taken: &Taken,
    origin: Origin,
    news: &News,
) {
    let id = PlanId(out.state.next_counter(out.now));
    let memory = memory(rules, out, &news.supersedes, origin.kind());
    let decision = match &news.already_cancelled {
        Some(by) => Decision::Recorded(vec![Reason {
            code: "already_cancelled".into(),
            text: format!("先到的 {} 已解除或更新本预警，不再播发", by.identifier),
        }]),
        None => decide::plan(rules, out.now, &alert, &memory, id),
    };
    let beyond = decide::beyond_source(&alert, out.now, &taken.limits);
    let ends = matches!(decision, Decision::Cancel(_));
    let decision = bounded(rules, out, decision, &memory, taken, beyond);
    let decision = latch::bounded(rules, out.state, decision);
    if let (true, Decision::Recorded(why)) = (ends, &decision) {
        // What sounds goes on: a person must know that its end was not believed.
        why.iter().for_each(|why| out.effect(Action::Alarm(why.clone())));
    }
    let (disposition, mut reasons) = summary(&decision);
    reasons.extend(taken.limits.notes.iter().cloned());
    let alert_id = alert.id.clone();
    out.record(Entry::AlertAccepted {
        alert: Box::new(alert),
        content: taken.content,
        raw: taken.raw,
        origin,
        disposition,
        reasons: reasons.clone(),
    });
    let mut plans = Vec::new();
    let mut broadcasts = Vec::new();
    match decision {
        Decision::Plan(mut plan) => {
            if let Some(basis) = &mut plan.basis {
                basis.version = out.state.policy.version_in_force(&plan.response_plan);
            }
            withdraw(out, &news.supersedes, &format!("alert {}", alert_id.identifier), "已更新");
            take_plan(rules, out, *plan, &mut plans, &mut broadcasts);
        }
        Decision::Cancel(cancel) => {
            let by = format!("alert {}", alert_id.identifier);
            withdraw(out, &news.supersedes, &by, "解除");
            for broadcast in memory.superseded {
                people::cancel_broadcast(out, broadcast, &by, "解除");
                broadcasts.push(broadcast);
            }
            if let Some(plan) = cancel.announce {
                take_plan(rules, out, *plan, &mut plans, &mut broadcasts);
            }
        }
        Decision::Recorded(_) | Decision::Refused(_) => {}
    }
    let answer = Answer::Alert { id: alert_id, disposition, reasons, plans, broadcasts };
    out.reply(taken.request, answer);
}

/// Time people have to decide about an alert that reaches beyond its source's areas, seconds.
const OUTSIDE_DECIDE_S: i64 = 900;

/// Keeps a source within its areas and rules: what reaches further waits for a person, and its Cancel
/// stops nothing there.
fn bounded(
    rules: &Rules,
    out: &Outbox<'_>,
    decision: Decision,
    memory: &Memory,
    taken: &Taken,
    beyond: Option<Reason>,
) -> Decision {
    let outside = |terminals: &BTreeSet<TerminalId>| {
        let reached = people::areas_of(rules, terminals);
        reached.into_iter().any(|area| !taken.areas.iter().any(|own| own.contains(area)))
    };
    let elsewhere = || Reason {
        code: "outside_source_areas".into(),
        text: "超出该预警来源的授权区域，需人工确认".into(),
    };
    let stops = |id: &BroadcastId| {
        let state = out.state.broadcasts.get(id);
        state.is_some_and(|state| outside(state.broadcast.terminals()))
    };
    let far = match &decision {
        Decision::Plan(plan) => outside(&plan.terminals),
        Decision::Cancel(_) => memory.superseded.iter().any(stops),
        Decision::Recorded(_) | Decision::Refused(_) => false,
    };
    let why: Vec<Reason> = far.then(elsewhere).into_iter().chain(beyond).collect();
    if why.is_empty() {
        return decision;
    }
    match decision {
        Decision::Plan(mut plan) => {
            plan.need = match plan.need {
                Need::Nothing => Need::Officers {
                    officers: 1,
                    decide_by: out.now.plus_s(OUTSIDE_DECIDE_S).min(plan.expires),
                    after: AfterDeadline::Expire,
                },
                // What its source may not do is never released by the clock.
                Need::Officers { officers, decide_by, .. } => {
                    Need::Officers { officers, decide_by, after: AfterDeadline::Expire }
                }
            };
            plan.reasons.extend(why);
            Decision::Plan(plan)
        }
        Decision::Cancel(_) => Decision::Recorded(why),
        kept @ (Decision::Recorded(_) | Decision::Refused(_)) => kept,
    }
}

/// Records a plan and starts it when it needs nobody.
fn take_plan(
    rules: &Rules,
    out: &mut Outbox<'_>,
    plan: Plan,
    plans: &mut Vec<PlanId>,
    broadcasts: &mut Vec<BroadcastId>,
) {
    let id = plan.id;
    plans.push(id);
    let (started, kept) = people::take_plan(rules, out, plan);
    broadcasts.extend(started);
    plans.extend(kept);
}

/// Plans of superseded alerts that still wait must not sound any more.
fn withdraw(out: &mut Outbox<'_>, superseded: &[AlertId], by: &str, reason: &str) {
    let waiting: Vec<PlanId> = out
        .state
        .pending
        .values()
        .map(decide::Pending::plan)
        .filter(|plan| plan.alert.as_ref().is_some_and(|alert| superseded.contains(alert)))
        .map(|plan| plan.id)
        .collect();
    for plan in waiting {
        out.record(Entry::PlanEnded { plan, by: by.to_owned(), reason: reason.to_owned() });
    }
}

/// What decide must know of the past.
pub(super) fn memory(
    rules: &Rules,
    out: &Outbox<'_>,
    superseded: &[AlertId],
    origin: OriginKind,
) -> Memory {
    let of_these = |state: &&BroadcastState| {
        state.broadcast.alert().is_some_and(|alert| superseded.contains(alert))
    };
    let earlier_states = || out.state.broadcasts.values().filter(of_these);
    let earlier = || earlier_states().map(|state| &state.broadcast);
    Memory {
        drill_armed: out.state.drill_armed(out.now).is_some(),
        automatic_in_hour: out.state.automatic_in_window(out.now),
        origin,
        limits_used: out.state.limits_used(rules, out.now),
        superseded: out
            .state
            .running()
            .filter(|(_, state)| {
                state.cancellation.is_none()
                    && state.broadcast.alert().is_some_and(|alert| superseded.contains(alert))
            })
            .map(|(id, _)| *id)
            .collect(),
        // Who heard a drill is told of its end by the drill's own words, never by a live all-clear; and
        // what was to begin later was heard by nobody.
        targeted: earlier_states()
            .filter(|state| state.broadcast.class() == Class::Live && state.may_have_begun(out.now))
            .flat_map(|state| state.broadcast.terminals().iter().copied())
            .collect(),
        response_plan: earlier().next_back().map(|broadcast| broadcast.response_plan().to_owned()),
        basis: earlier().next_back().and_then(|broadcast| broadcast.basis().cloned()),
    }
}

fn summary(decision: &Decision) -> (Disposition, Vec<Reason>) {
    match decision {
        Decision::Plan(plan) => {
            let disposition = match plan.need {
                Need::Nothing => Disposition::Planned,
                Need::Officers { .. } => Disposition::AwaitingApproval,
            };
            (disposition, plan.reasons.clone())
        }
        Decision::Cancel(cancel) => (Disposition::Recorded, cancel.reasons.clone()),
        Decision::Recorded(reasons) => (Disposition::Recorded, reasons.clone()),
        Decision::Refused(refusal) => (Disposition::Refused, refusal.reasons.clone()),
    }
}
