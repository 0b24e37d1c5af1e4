//! The STOP latch 停播锁: a leader sets it for the county or some areas, alone or with a stop. Until a leader
//! lifts it with a reason, nothing starts there: what comes from above, from sources and by the clock waits
//! or is refused, as the latch says; programmes are skipped; officers' own words and resends are refused.
//! An officer on the spot may still speak by break-glass, under his name: the latch is there against bad
//! orders from elsewhere, and must not be the reason that nobody can shout when the dyke goes.
//!
//! [`Open`] is a plan that passed it; a broadcast starts from nothing else.

use super::alerts::memory;
use super::people::{cancel_broadcast, deny, may, refuse_ask, start, stop_now};
use super::state::{BroadcastState, Phase};
use super::{Action, Answer, Gateway, Outbox, RequestId, State};
use crate::decide::{self, Decision, Rules};
use crate::model::HeldBack;
use crate::model::{
    Actor, AfterDeadline, Approval, AreaCode, BroadcastId, Latch, LatchHold, Need, OriginKind,
    Plan, PlanId, Reason, Refusal, Right, StopScope, TerminalId, UtcMs,
};
use crate::record::entry::Entry;
use std::collections::BTreeSet;

/// Latches at the same time; one more is refused.
pub(crate) const LATCHES_MAX: usize = 200;

/// What a leader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatchOrder {
    /// Where.
    pub scope: StopScope,
    /// What becomes of what comes.
    pub hold: LatchHold,
    /// Whether what sounds there now is stopped as well.
    pub stop: bool,
    /// Why.
    pub reason: String,
}

/// A plan that no latch holds, or that an officer releases in spite of it.
pub(super) struct Open(Plan);

impl Open {
    /// An officer's own words, released alone and by name.
    pub(super) fn by_glass(plan: Plan) -> Self {
        Self(plan)
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.0
    }

    pub(super) fn into_plan(self) -> Plan {
        self.0
    }
}

/// A plan, parted by the latches.
pub(super) struct Parted {
    /// What may start; `None` = nothing of it.
    pub(super) open: Option<Open>,
    /// What a latch keeps waiting, with why.
    pub(super) waits: Option<(Plan, Reason)>,
    /// Why some of it is refused.
    pub(super) refused: Option<Reason>,
}

impl Parted {
    /// Why not all of it may start; empty = all may.
    pub(super) fn against(&self) -> Vec<Reason> {
        let waits = self.waits.iter().map(|(_, why)| why.clone());
        waits.chain(self.refused.iter().cloned()).collect()
    }
}

/// Parts a plan by the latches that hold now.
pub(super) fn part(rules: &Rules, state: &State, plan: Plan) -> Parted {
    let (waiting, by_wait) = held(rules, state, &plan.terminals, LatchHold::Wait);
    let (refused, by_refuse) = held(rules, state, &plan.terminals, LatchHold::Refuse);
    if waiting.is_empty() && refused.is_empty() {
        return Parted { open: Some(Open(plan)), waits: None, refused: None };
    }
    let why = |latch: &Latch, n: usize| Reason {
        code: "stop_latch".to_owned(),
        text: format!(
            "停播锁生效（{}，{} 设置：{}），{n} 个终端不能播发；须由带班领导解除停播锁",
            decide::area_name(&rules.network, latch.area),
            latch.by,
            latch.reason
        ),
    };
    let waiting: BTreeSet<TerminalId> = waiting.difference(&refused).copied().collect();
    let refused_why = by_refuse.map(|latch| why(latch, refused.len()));
    let waits = by_wait.filter(|_| !waiting.is_empty()).map(|latch| {
        let why = why(latch, waiting.len());
        (narrowed(rules, plan.clone(), waiting.clone(), &why), why)
    });
    let open: BTreeSet<TerminalId> = plan
        .terminals
        .iter()
        .filter(|id| !waiting.contains(id) && !refused.contains(id))
        .copied()
        .collect();
    let first = waits.as_ref().map(|(_, why)| why.clone()).or_else(|| refused_why.clone());
    let open = match first {
        Some(why) if !open.is_empty() => Some(Open(narrowed(rules, plan, open, &why))),
        Some(_) | None => None,
    };
    Parted { open, waits, refused: refused_why }
}

/// Terminals that a latch of this kind holds, and the first such latch.
fn held<'a>(
    rules: &Rules,
    state: &'a State,
    terminals: &BTreeSet<TerminalId>,
    hold: LatchHold,
) -> (BTreeSet<TerminalId>, Option<&'a Latch>) {
    let mut found = BTreeSet::new();
    let mut first = None;
    for latch in state.latches.values().filter(|latch| latch.hold == hold) {
        let members = rules.members(latch.area);
        let before = found.len();
        found.extend(terminals.intersection(&members).copied());
        if found.len() > before && first.is_none() {
            first = Some(latch);
        }
    }
    (found, first)
}

/// A plan for fewer terminals.
fn narrowed(rules: &Rules, mut plan: Plan, terminals: BTreeSet<TerminalId>, why: &Reason) -> Plan {
    plan.areas = rules.cover(&terminals);
    plan.terminals = terminals;
    plan.reasons.push(why.clone());
    plan
}

/// The same plan, to wait for people as long as it is valid.
fn waiting(mut plan: Plan) -> Plan {
    let officers = match plan.need {
        Need::Nothing => 1,
        Need::Officers { officers, .. } => officers,
    };
    plan.need = Need::Officers { officers, decide_by: plan.expires, after: AfterDeadline::Expire };
    plan
}

/// An officer's own plan that he releases alone in spite of a latch: it says so, and is never one that
/// needs nobody.
pub(super) fn broken(mut plan: Plan, latched: Refusal) -> Plan {
    plan.reasons.extend(latched.reasons);
    if plan.need == Need::Nothing { waiting(plan) } else { plan }
}

/// Puts on record what a latch kept from starting; gives the plan that waits for people from here on.
pub(super) fn keep(
    out: &mut Outbox<'_>,
    of: PlanId,
    waits: Option<(Plan, Reason)>,
    refused: Option<Reason>,
) -> Option<PlanId> {
    if let Some(reason) = refused {
        out.record(Entry::LatchHeld(HeldBack { plan: of, waits_as: None, reason }));
    }
    let (plan, reason) = waits?;
    let id = PlanId(out.state.next_counter(out.now));
    out.record(Entry::PlanMade { plan: Box::new(Plan { id, ..waiting(plan) }) });
    out.record(Entry::LatchHeld(HeldBack { plan: of, waits_as: Some(id), reason }));
    Some(id)
}

/// The plan, when no latch holds any of it.
///
/// # Errors
/// The refusal that says which latch holds.
pub(super) fn whole(rules: &Rules, state: &State, plan: Plan) -> Result<Open, Refusal> {
    let parted = part(rules, state, plan);
    let reasons = parted.against();
    match parted.open {
        Some(open) if reasons.is_empty() => Ok(open),
        Some(_) | None => Err(Refusal { reasons }),
    }
}

/// Starts what may start of a plan that is on record and allowed, and keeps the rest. Gives the broadcast,
/// and the plan that waits.
pub(super) fn start_open(
    rules: &Rules,
    out: &mut Outbox<'_>,
    plan: Plan,
    approval: Approval,
) -> (Option<BroadcastId>, Option<PlanId>) {
    let id = plan.id;
    let parted = part(rules, out.state, plan);
    let against = parted.against();
    let Parted { open, waits, refused } = parted;
    let broadcast = open.map(|open| start(rules, out, open, approval));
    if broadcast.is_none() {
        let reason = against.into_iter().map(|why| why.text).collect::<Vec<_>>().join("；");
        out.record(Entry::PlanEnded { plan: id, by: "latch".to_owned(), reason });
    }
    let kept = keep(out, id, waits, refused);
    (broadcast, kept)
}

/// A decision about an alert, as the latches leave it: what can't start at all waits or is refused. A part
/// that is held is parted when the rest starts.
pub(super) fn bounded(rules: &Rules, state: &State, decision: Decision) -> Decision {
    match decision {
        Decision::Plan(plan) => match left(rules, state, *plan) {
            Ok(plan) => Decision::Plan(Box::new(plan)),
            Err(refusal) => Decision::Refused(refusal),
        },
        Decision::Cancel(mut cancel) => {
            match cancel.announce.take().map(|plan| left(rules, state, *plan)) {
                Some(Ok(plan)) => cancel.announce = Some(Box::new(plan)),
                Some(Err(refusal)) => cancel.reasons.extend(refusal.reasons),
                None => {}
            }
            Decision::Cancel(cancel)
        }
        within @ (Decision::Recorded(_) | Decision::Refused(_)) => within,
    }
}

fn left(rules: &Rules, state: &State, mut plan: Plan) -> Result<Plan, Refusal> {
    let parted = part(rules, state, plan.clone());
    let reasons = parted.against();
    match (parted.open, parted.waits) {
        (Some(_), _) => {
            plan.reasons.extend(reasons);
            Ok(plan)
        }
        (None, Some((waits, _))) => Ok(waiting(waits)),
        (None, None) => Err(Refusal { reasons }),
    }
}

impl Gateway {
    pub(super) fn set_latch(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        order: &LatchOrder,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            const WHAT: &str = "set a stop latch";
            let areas = match &order.scope {
                StopScope::All => rules.network.served.clone(),
                StopScope::Areas(areas) => areas.clone(),
            };
            if let Err(why) = may(actor, Right::Latch, areas.clone()) {
                return deny(out, request, actor, WHAT, &why);
            }
            let mut reasons: Vec<Reason> = decide::bad_reason(&order.reason).into_iter().collect();
            reasons.extend(areas.iter().filter(|area| !ours(rules, **area)).map(|area| Reason {
                code: "unknown_area".to_owned(),
                text: format!("没有这个区域：{area}"),
            }));
            let new = areas.iter().filter(|area| !out.state.latches.contains_key(area)).count();
            if areas.is_empty() {
                let text = "没有选定区域".to_owned();
                reasons.push(Reason { code: "no_area".to_owned(), text });
            } else if out.state.latches.len() + new > LATCHES_MAX {
                let text = format!("停播锁最多 {LATCHES_MAX} 处，请对上一级区域设置");
                reasons.push(Reason { code: "too_many_latches".to_owned(), text });
            }
            if !reasons.is_empty() {
                return refuse_ask(out, request, actor, WHAT, Refusal { reasons });
            }
            let (by, reason) = (actor.name.clone(), order.reason.clone());
            out.record(Entry::LatchChanged { areas, hold: Some(order.hold), by, reason });
            let text = format!("{} 设置停播锁：{}", actor.name, order.reason);
            out.effect(Action::Alarm(Reason { code: "stop_latch_set".to_owned(), text }));
            let hit = if order.stop {
                stop_now(rules, out, actor, &order.scope)
            } else {
                withdraw(rules, out, actor, &order.scope)
            };
            out.reply(request, Answer::Done(hit));
        })
    }

    pub(super) fn lift_latch(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        scope: StopScope,
        reason: String,
    ) -> Vec<Action> {
        self.outbox(now, |_, out| {
            const WHAT: &str = "lift a stop latch";
            let areas: Vec<AreaCode> = match scope {
                StopScope::All => out.state.latches.keys().copied().collect(),
                StopScope::Areas(areas) => areas,
            };
            if let Err(why) = may(actor, Right::Latch, areas.clone()) {
                return deny(out, request, actor, WHAT, &why);
            }
            let free = areas.iter().find(|area| !out.state.latches.contains_key(area));
            if areas.is_empty() || free.is_some() {
                let place = free.map_or("anywhere".to_owned(), |area| format!("in {area}"));
                return out.reply(request, Answer::NotFound(format!("no latch holds {place}")));
            }
            if let Some(bad) = decide::bad_reason(&reason) {
                return refuse_ask(out, request, actor, WHAT, Refusal { reasons: vec![bad] });
            }
            let text = format!("{} 解除停播锁：{reason}", actor.name);
            let by = actor.name.clone();
            out.record(Entry::LatchChanged { areas, hold: None, by, reason });
            out.effect(Action::Alarm(Reason { code: "stop_latch_lifted".to_owned(), text }));
            out.reply(request, Answer::Done(Vec::new()));
        })
    }
}

/// What was allowed before the latch and has not begun would start under it: it is withdrawn. What no latch
/// holds of it begins at its time, as it was allowed; the rest waits or is refused.
fn withdraw(
    rules: &Rules,
    out: &mut Outbox<'_>,
    actor: &Actor,
    scope: &StopScope,
) -> Vec<BroadcastId> {
    let now = out.now;
    let ahead = |state: &BroadcastState| {
        let has_begun = state.phase != Phase::Rendering && state.broadcast.not_before() <= now;
        !has_begun && state.speaking.is_none()
    };
    let hit = out.state.hit_by(scope).into_iter();
    let hit: Vec<BroadcastId> =
        hit.filter(|id| out.state.broadcasts.get(id).is_some_and(ahead)).collect();
    for id in &hit {
        let Some(old) = out.state.broadcasts.get(id).map(|state| state.broadcast.clone()) else {
            continue;
        };
        cancel_broadcast(out, *id, &actor.name, "停播锁设置时尚未开始，先撤回");
        let plan = PlanId(out.state.next_counter(now));
        let past = memory(rules, out, &[], OriginKind::Duty);
        let meant = old.terminals().clone();
        // What may not be sent again, such as a drill that is not armed any more, stays withdrawn.
        let Ok(plan) = decide::resend(rules, now, &old, meant, &actor.name, &past, plan) else {
            continue;
        };
        let text = format!("停播锁设置时播发 {id} 尚未开始，由此转来");
        let reasons = vec![Reason { code: "stop_latch_withdrawn".to_owned(), text }];
        let plan = Plan { not_before: old.not_before().max(now), reasons, ..plan };
        out.record(Entry::PlanMade { plan: Box::new(plan.clone()) });
        start_open(rules, out, plan, old.approval().clone());
    }
    hit
}

fn ours(rules: &Rules, area: AreaCode) -> bool {
    let served = rules.network.served.iter().any(|served| served.contains(area));
    served && rules.network.areas.contains_key(&area)
}

impl State {
    pub(super) fn apply_latch(&mut self, at: UtcMs, entry: &Entry) {
        let Entry::LatchChanged { areas, hold, by, reason } = entry else { return };
        for area in areas {
            let (by, reason) = (by.clone(), reason.clone());
            match hold {
                Some(hold) => {
                    let latch = Latch { area: *area, hold: *hold, by, at, reason };
                    self.latches.insert(*area, latch);
                }
                None => drop(self.latches.remove(area)),
            }
        }
    }
}
