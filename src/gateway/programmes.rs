//! The programme schedule 节目单: saved and approved by people, started by the clock, each occurrence
//! once. What is on record decides what has started, so a restart starts nothing twice.

use super::latch::{self, Open};
use super::people::{areas_of, deny, may, refuse_ask, start};
use super::{Action, Answer, Gateway, Outbox, RequestId, State};
use crate::decide::{self, Rules, Urgency, same_person};
use crate::model::HeldBack;
use crate::model::{
    Actor, Approval, AreaCode, BroadcastId, Class, OriginKind, PlanId, Programme, Reason, Refusal,
    Right, UtcMs,
};
use crate::record::entry::Entry;
use serde::{Deserialize, Serialize};

/// Programmes of one gateway; when it is full, a new one is refused.
pub(crate) const PROGRAMMES_MAX: usize = 200;
/// How far back a gateway that was away looks for what it missed, seconds.
const LOOK_BACK_S: i64 = 86_400;

/// The newest occurrence of a programme that was dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgrammeRun {
    /// When it was due.
    pub due: UtcMs,
    /// The broadcast, or why there was none.
    pub outcome: Result<BroadcastId, Reason>,
}

/// A programme with who stands behind it and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgrammeState {
    /// The programme.
    pub programme: Programme,
    /// Who saved it.
    pub set_by: String,
    /// When.
    pub set_at: UtcMs,
    /// Whether another person must approve it.
    pub second_person: bool,
    /// Who approved it, and when.
    pub approved: Option<(String, UtcMs)>,
    /// The newest occurrence.
    pub last: Option<ProgrammeRun>,
}

impl ProgrammeState {
    /// Since when it may start; `None` = not approved yet.
    #[must_use]
    pub fn in_force_since(&self) -> Option<UtcMs> {
        if self.second_person {
            self.approved.as_ref().map(|(_, at)| *at)
        } else {
            Some(self.set_at)
        }
    }

    /// Everybody who stands behind it.
    fn people(&self) -> Vec<String> {
        let second = self.approved.iter().map(|(by, _)| by.clone());
        core::iter::once(self.set_by.clone()).chain(second).collect()
    }
}

impl Gateway {
    pub(super) fn set_programme(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        programme: Programme,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let what = format!("save programme {}", programme.name);
            let (programme, mut reasons) = out.state.resolved(programme);
            reasons.extend(decide::programme_faults(rules, &programme, &actor.name));
            if !reasons.is_empty() {
                return refuse_ask(out, request, actor, &what, Refusal { reasons });
            }
            let terminals = decide::terminals_of(rules, &programme);
            let old = out.state.programmes.get(&programme.name);
            let before = old.map(|old| decide::terminals_of(rules, &old.programme));
            let areas = areas_of(rules, terminals.iter().chain(before.iter().flatten()));
            if let Err(why) = may(actor, Right::Broadcast, areas) {
                return deny(out, request, actor, &what, &why);
            }
            let mut reasons = conflicts(rules, out, &programme);
            if old.is_none() && out.state.programmes.len() >= PROGRAMMES_MAX {
                let text = format!("节目最多 {PROGRAMMES_MAX} 个，请先删除不再使用的节目");
                reasons.push(Reason { code: "too_many_programmes".to_owned(), text });
            }
            if !reasons.is_empty() {
                return refuse_ask(out, request, actor, &what, Refusal { reasons });
            }
            let alone_max = rules.policy.manual.terminals_alone_max;
            let second_person = terminals.len() > usize::try_from(alone_max).unwrap_or(usize::MAX);
            let (programme, by) = (Box::new(programme), actor.name.clone());
            out.record(Entry::ProgrammeSet { programme, by, second_person });
            out.reply(request, Answer::Saved { more: u8::from(second_person) });
        })
    }

    pub(super) fn approve_programme(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        name: String,
        seen: UtcMs,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let what = format!("approve programme {name}");
            let Some(state) = out.state.programmes.get(&name) else {
                return out.reply(request, Answer::NotFound(format!("no programme `{name}`")));
            };
            if let Err(why) = may(actor, Right::Approve, places(rules, state)) {
                return deny(out, request, actor, &what, &why);
            }
            let against = if state.in_force_since().is_some() {
                Some(("needs_nobody", "该节目不需要审批或已批准"))
            } else if same_person(&state.set_by, &actor.name) {
                Some(("own_request", "不能批准自己的节目，请另一位值班人员批准"))
            } else if state.set_at != seen {
                Some(("stale_revision", "节目已被修改，请重新查看后再批准"))
            } else {
                None
            };
            if let Some((code, text)) = against {
                let reasons = vec![Reason { code: code.to_owned(), text: text.to_owned() }];
                return refuse_ask(out, request, actor, &what, Refusal { reasons });
            }
            out.record(Entry::ProgrammeApproved { name, by: actor.name.clone() });
            out.reply(request, Answer::Saved { more: 0 });
        })
    }

    pub(super) fn remove_programme(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        name: String,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let Some(state) = out.state.programmes.get(&name) else {
                return out.reply(request, Answer::NotFound(format!("no programme `{name}`")));
            };
            if let Err(why) = may(actor, Right::Broadcast, places(rules, state)) {
                return deny(out, request, actor, &format!("remove programme {name}"), &why);
            }
            out.record(Entry::ProgrammeRemoved { name, by: actor.name.clone() });
            out.reply(request, Answer::Done(Vec::new()));
        })
    }
}

fn places(rules: &Rules, state: &ProgrammeState) -> Vec<AreaCode> {
    areas_of(rules, &decide::terminals_of(rules, &state.programme))
}

fn conflicts(rules: &Rules, out: &Outbox<'_>, programme: &Programme) -> Vec<Reason> {
    let others = out.state.programmes.values().map(|state| &state.programme);
    decide::conflicts(rules, out.now, programme, others)
        .into_iter()
        .map(|conflict| {
            let text = conflict.zh(rules.policy.local_offset_minutes);
            Reason { code: "conflict".to_owned(), text }
        })
        .collect()
}

/// Starts what is due, and notes what can't start or was missed.
pub(super) fn due(rules: &Rules, out: &mut Outbox<'_>) {
    let now = out.now;
    let offset = rules.policy.local_offset_minutes;
    let mut due: Vec<(UtcMs, String)> = Vec::new();
    for (name, state) in &out.state.programmes {
        let Some(since) = state.in_force_since() else { continue };
        let last = state.last.as_ref().map_or(since, |last| last.due.max(since));
        let after = last.max(now.plus_s(-LOOK_BACK_S));
        let occurrences = decide::occurrences(&state.programme, offset, after, now);
        due.extend(occurrences.into_iter().map(|due| (due, name.clone())));
    }
    due.sort();
    for (due, name) in due {
        let Some(state) = out.state.programmes.get(&name).cloned() else { continue };
        match ready(rules, out, &state, due) {
            Err(reason) => out.record(Entry::ProgrammeSkipped { name, due, reason }),
            Ok((plan, held)) => {
                let id = plan.plan().id;
                out.record(Entry::PlanMade { plan: Box::new(plan.plan().clone()) });
                let approval = Approval::Officers { by: state.people(), at: now };
                let broadcast = start(rules, out, plan, approval);
                for reason in held {
                    out.record(Entry::LatchHeld(HeldBack { plan: id, waits_as: None, reason }));
                }
                out.record(Entry::ProgrammeStarted { name, due, broadcast });
            }
        }
    }
}

/// The plan of an occurrence with why a latch holds some of it, or why it does not start.
fn ready(
    rules: &Rules,
    out: &Outbox<'_>,
    state: &ProgrammeState,
    due: UtcMs,
) -> Result<(Open, Vec<Reason>), Reason> {
    let now = out.now;
    if now > due.plus_s(i64::from(state.programme.tolerance_s)) {
        let text = "到点时网关未运行，已超过允许推迟的时间".to_owned();
        return Err(Reason { code: "missed".to_owned(), text });
    }
    let id = PlanId(out.state.next_counter(now));
    let past = super::alerts::memory(rules, out, &[], OriginKind::Duty);
    let plan = decide::programme_plan(rules, now, &state.programme, &state.set_by, &past, id);
    let plan = plan.map_err(|refusal| Reason {
        code: refusal.reasons.first().map(|first| first.code.clone()).unwrap_or_default(),
        text: refusal.reasons.into_iter().map(|r| r.text).collect::<Vec<_>>().join("；"),
    })?;
    // Nobody can be asked at this moment: who had to agree did so before.
    let asks = plan.reasons.iter().find(|why| why.code == "interlock_ask");
    if let Some(asks) = asks.filter(|_| state.approved.is_none()) {
        return Err(asks.clone());
    }
    let daily = decide::priority(Class::Live, None, Some(Urgency::Daily));
    let emergency = out.state.running().find(|(_, running)| {
        let broadcast = &running.broadcast;
        running.cancellation.is_none()
            && broadcast.class() == Class::Live
            && broadcast.priority() > daily
            && now < broadcast.expires()
            && !broadcast.terminals().is_disjoint(&plan.terminals)
    });
    match emergency {
        Some((id, _)) => {
            let text = format!("范围内正在应急播发 {id}，日常节目让路");
            Err(Reason { code: "emergency_running".to_owned(), text })
        }
        None => unlatched(latch::part(rules, out.state, plan)),
    }
}

/// What of it a latch leaves: what it holds does not wait, it is over when the latch is lifted.
fn unlatched(parted: latch::Parted) -> Result<(Open, Vec<Reason>), Reason> {
    let held = parted.against();
    match (parted.open, held.first()) {
        (Some(open), _) => Ok((open, held)),
        (None, Some(why)) => Err(why.clone()),
        (None, None) => {
            let text = "没有可播发的终端".to_owned();
            Err(Reason { code: "no_audience".to_owned(), text })
        }
    }
}

impl State {
    /// A programme with the places of its groups beside its own, and the groups that do not exist.
    #[must_use]
    pub fn resolved(&self, mut programme: Programme) -> (Programme, Vec<Reason>) {
        programme.name = programme.name.trim().to_owned();
        let groups = core::mem::take(&mut programme.groups);
        let reasons = self.add_groups(&groups, &mut programme.areas, &mut programme.terminals);
        (programme, reasons)
    }

    pub(super) fn apply_programme(&mut self, at: UtcMs, entry: &Entry) {
        if let Entry::ProgrammeSet { programme, by, second_person } = entry {
            let last = self.programmes.get(&programme.name).and_then(|old| old.last.clone());
            let state = ProgrammeState {
                programme: programme.as_ref().clone(),
                set_by: by.clone(),
                set_at: at,
                second_person: *second_person,
                approved: None,
                last,
            };
            self.programmes.insert(programme.name.clone(), state);
        } else if let Entry::ProgrammeApproved { name, by } = entry {
            if let Some(state) = self.programmes.get_mut(name) {
                state.approved = Some((by.clone(), at));
            }
        } else if let Entry::ProgrammeRemoved { name, .. } = entry {
            self.programmes.remove(name);
        } else if let Entry::ProgrammeStarted { name, due, broadcast } = entry {
            self.ran(name, *due, Ok(*broadcast));
        } else if let Entry::ProgrammeSkipped { name, due, reason } = entry {
            self.ran(name, *due, Err(reason.clone()));
        }
    }

    fn ran(&mut self, name: &str, due: UtcMs, outcome: Result<BroadcastId, Reason>) {
        if let Some(state) = self.programmes.get_mut(name) {
            state.last = Some(ProgrammeRun { due, outcome });
        }
    }
}
