//! Break-glass 紧急直发: it sounds at once, stands in the record under the officer's name, and asks for
//! two later signatures until they are there; past its deadline an alarm says that they are missing.

use super::alerts::memory;
use super::latch::{self, Open};
use super::people::{areas_of, deny, may, refuse_ask, start, take_plan};
use super::{Action, Answer, Gateway, Outbox, Release, RequestId, State};
use crate::decide::{self, BrokenGlass, Countersignature, Rules};
use crate::model::{
    Actor, Approval, BroadcastId, Need, OriginKind, Plan, PlanId, Reason, Refusal, Right, UtcMs,
};
use crate::record::entry::Entry;

/// Such acts kept in memory; the oldest signed ones go first, they stay in the record.
const GLASS_KEPT_MAX: usize = 1_000;

impl Gateway {
    pub(super) fn break_glass(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        what: &Release,
        why: &str,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            const WHAT: &str = "break-glass";
            let plan = match chosen(rules, out, what) {
                Ok(Some(plan)) => plan,
                Ok(None) => {
                    let what = "no such plan is waiting".to_owned();
                    return out.reply(request, Answer::NotFound(what));
                }
                Err(refusal) => return refuse_ask(out, request, actor, WHAT, refusal),
            };
            for right in [Right::Broadcast, Right::Approve] {
                if let Err(why) = may(actor, right, areas_of(rules, &plan.terminals)) {
                    return deny(out, request, actor, WHAT, &why);
                }
            }
            let is_manual = matches!(what, Release::Manual(_));
            // A latch is there against orders from elsewhere: only the county's own words pass it.
            let latched = latch::whole(rules, out.state, plan.clone()).err();
            if let Some(refusal) = latched.clone().filter(|_| plan.alert.is_some()) {
                return refuse_ask(out, request, actor, WHAT, refusal);
            }
            if is_manual && plan.need == Need::Nothing && latched.is_none() {
                // Within the officer's own limits: nothing to break.
                let (started, _) = take_plan(rules, out, plan);
                let answer = started.map_or(Answer::Done(Vec::new()), Answer::Started);
                return out.reply(request, answer);
            }
            let plan = match latched {
                Some(refusal) => latch::broken(plan, refusal),
                None => plan,
            };
            let broken = out.state.glass.values();
            if let Err(refusal) = decide::break_glass(rules, now, actor, &plan, why, broken) {
                return refuse_ask(out, request, actor, WHAT, refusal);
            }
            if is_manual {
                out.record(Entry::PlanMade { plan: Box::new(plan.clone()) });
            }
            let broadcast = release(rules, out, plan, &actor.name, why);
            out.reply(request, Answer::Started(broadcast));
        })
    }

    pub(super) fn countersign(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        broadcast: BroadcastId,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let what = format!("countersign broadcast {broadcast}");
            let Some(glass) = out.state.glass.get(&broadcast) else {
                let none = format!("broadcast {broadcast} asks for no countersignature");
                return out.reply(request, Answer::NotFound(none));
            };
            let state = out.state.broadcasts.get(&broadcast);
            let areas = state.map(|state| areas_of(rules, state.broadcast.terminals()));
            if let Err(why) = may(actor, Right::Approve, areas.unwrap_or_default()) {
                return deny(out, request, actor, &what, &why);
            }
            if let Err(refused) = glass.countersign(actor) {
                return deny(out, request, actor, &what, &refused.to_string());
            }
            let plan = state.map_or(PlanId(0), |state| state.broadcast.plan());
            let (by, role) = (actor.name.clone(), actor.role);
            out.record(Entry::Countersigned { broadcast, by, role });
            let more = out.state.glass.get(&broadcast).map_or(0, BrokenGlass::more);
            let answer = match more {
                0 => Answer::Done(vec![broadcast]),
                more => Answer::Waiting { plan, more },
            };
            out.reply(request, answer);
        })
    }
}

/// The plan that is meant; `None` = none waits under that number.
fn chosen(rules: &Rules, out: &Outbox<'_>, what: &Release) -> Result<Option<Plan>, Refusal> {
    match what {
        Release::Plan(id, seen) => {
            let Some(pending) = out.state.pending.get(id) else { return Ok(None) };
            match pending.stale(*seen) {
                Some(stale) => Err(Refusal { reasons: vec![stale] }),
                None => Ok(Some(pending.plan().clone())),
            }
        }
        Release::Manual(manual) => {
            let id = PlanId(out.state.next_counter(out.now));
            let whole = out.state.with_groups(manual)?;
            decide::manual(rules, out.now, &whole, &memory(rules, out, &[], OriginKind::Duty), id)
                .map(Some)
        }
    }
}

fn release(rules: &Rules, out: &mut Outbox<'_>, plan: Plan, by: &str, why: &str) -> BroadcastId {
    let now = out.now;
    let id = plan.id;
    let approval = Approval::BreakGlass { by: by.to_owned(), reason: why.to_owned(), at: now };
    let broadcast = start(rules, out, Open::by_glass(plan), approval);
    let within_s = i64::from(rules.policy.break_glass.countersign_within_s);
    out.record(Entry::GlassBroken {
        broadcast,
        plan: id,
        by: by.to_owned(),
        reason: why.to_owned(),
        countersign_by: now.plus_s(within_s),
    });
    let text = format!("{by} 紧急直发播发 {broadcast}：{why}；请两位人员（含一位带班领导）补签");
    out.effect(Action::Alarm(Reason { code: "break_glass".to_owned(), text }));
    broadcast
}

/// Alarms about signatures that did not come in time.
pub(super) fn overdue(out: &mut Outbox<'_>) {
    let now = out.now;
    let late: Vec<BroadcastId> = out
        .state
        .glass
        .values()
        .filter(|glass| glass.is_open() && !glass.overdue && now >= glass.countersign_by)
        .map(|glass| glass.broadcast)
        .collect();
    for broadcast in late {
        out.record(Entry::CountersignOverdue { broadcast });
        let text = format!("紧急直发 {broadcast} 超过时限仍未完成补签，请立即补签");
        out.effect(Action::Alarm(Reason { code: "countersign_overdue".to_owned(), text }));
    }
}

impl State {
    /// Countersignatures that are still missing, oldest first.
    pub fn open_glass(&self) -> impl Iterator<Item = &BrokenGlass> {
        self.glass.values().filter(|glass| glass.is_open())
    }

    pub(super) fn apply_glass(&mut self, at: UtcMs, entry: &Entry) {
        if let Entry::GlassBroken { broadcast, by, reason, countersign_by, .. } = entry {
            let glass = BrokenGlass {
                broadcast: *broadcast,
                by: by.clone(),
                reason: reason.clone(),
                at,
                countersign_by: *countersign_by,
                signed: Vec::new(),
                overdue: false,
            };
            self.glass.insert(*broadcast, glass);
            while self.glass.len() > GLASS_KEPT_MAX {
                let signed = self.glass.values().find(|glass| !glass.is_open());
                let Some(oldest) = signed.or_else(|| self.glass.values().next()) else { return };
                let oldest = oldest.broadcast;
                self.glass.remove(&oldest);
            }
        } else if let Entry::Countersigned { broadcast, by, role } = entry {
            if let Some(glass) = self.glass.get_mut(broadcast) {
                glass.signed.push(Countersignature { by: by.clone(), role: *role, at });
            }
        } else if let Entry::CountersignOverdue { broadcast } = entry
            && let Some(glass) = self.glass.get_mut(broadcast)
        {
            glass.overdue = true;
        }
    }
}
