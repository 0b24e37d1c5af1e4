//! The duty roster 值班表: changed by people, read by approvals. When half of a plan's time is over,
//! the next people on duty are asked too.

use super::people::{areas_of, deny, may, refuse_ask};
use super::{Action, Answer, Gateway, Outbox, RequestId, State};
use crate::decide::{self, Rules, same_person};
use crate::model::{Actor, AreaCode, Need, PlanId, Reason, Refusal, Right, Shift, ShiftId, UtcMs};
use crate::record::entry::Entry;

/// Shifts one change may set or remove.
pub(crate) const SHIFTS_OF_CHANGE_MAX: usize = 10_000;
/// Shifts kept; when it is full a change is refused until old ones go.
pub(crate) const SHIFTS_MAX: usize = 20_000;
/// How long after its end a shift is kept in memory, seconds; the record keeps it for ever.
const SHIFT_KEPT_S: i64 = 60 * 86_400;
/// Faults told in one refusal.
const FAULTS_TOLD_MAX: usize = 50;

/// Whom a plan asks now and who is next, from the roster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whom {
    /// Now.
    pub now: Vec<Shift>,
    /// Next.
    pub next: Vec<Shift>,
    /// When the next are asked too; `None` = they are asked already.
    pub escalates_at: Option<UtcMs>,
}

impl Gateway {
    /// Whom a waiting plan asks at `now`; `None` when no such plan waits.
    #[must_use]
    pub fn whom(&self, plan: PlanId, now: UtcMs) -> Option<Whom> {
        let pending = self.state.pending.get(&plan)?;
        let areas = areas_of(&self.rules, &pending.plan().terminals);
        let asked = decide::asked(self.state.shifts.values(), pending, &areas, now);
        let own = |shifts: Vec<&Shift>| shifts.into_iter().cloned().collect();
        let escalates_at = decide::escalates_at(pending).filter(|_| !pending.escalated());
        Some(Whom { now: own(asked.now), next: own(asked.next), escalates_at })
    }

    pub(super) fn change_roster(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        set: Vec<Shift>,
        remove: Vec<ShiftId>,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            const WHAT: &str = "change the roster";
            let gone = remove.iter().filter_map(|id| out.state.shifts.get(id));
            let named = set.iter().filter_map(|shift| out.state.shifts.get(&shift.id));
            let areas: Vec<AreaCode> =
                set.iter().chain(gone).chain(named).map(|shift| shift.area).collect();
            if let Err(why) = may(actor, Right::Roster, areas) {
                return deny(out, request, actor, WHAT, &why);
            }
            let reasons = faults(rules, out, &set, &remove);
            if !reasons.is_empty() {
                return refuse_ask(out, request, actor, WHAT, Refusal { reasons });
            }
            let set = named_all(out, set);
            out.record(Entry::RosterChanged { set, removed: remove, by: actor.name.clone() });
            out.reply(request, Answer::Done(Vec::new()));
        })
    }
}

fn faults(rules: &Rules, out: &Outbox<'_>, set: &[Shift], remove: &[ShiftId]) -> Vec<Reason> {
    let fault = |code: &str, text: String| Reason { code: code.to_owned(), text };
    let (n_set, n_removed) = (set.len(), remove.len());
    if n_set == 0 && n_removed == 0 {
        return vec![fault("nothing_changed", "没有任何修改".to_owned())];
    }
    if n_set > SHIFTS_OF_CHANGE_MAX || n_removed > SHIFTS_OF_CHANGE_MAX {
        let text = format!("一次最多修改 {SHIFTS_OF_CHANGE_MAX} 个班次");
        return vec![fault("too_many_shifts", text)];
    }
    if out.state.shifts.len() + n_set > SHIFTS_MAX + n_removed {
        let text = format!("值班表最多 {SHIFTS_MAX} 个班次，请先删除旧的班次");
        return vec![fault("roster_full", text)];
    }
    let mut faults: Vec<Reason> = set
        .iter()
        .flat_map(|shift| {
            let of = format!("{} {}", shift.post.title(), shift.person);
            decide::shift_faults(&rules.network, shift).into_iter().map(move |mut reason| {
                reason.text = format!("{of}：{}", reason.text);
                reason
            })
        })
        .take(FAULTS_TOLD_MAX)
        .collect();
    let over = |shift: &&Shift| out.now.since_ms(shift.until) >= SHIFT_KEPT_S * 1000;
    for shift in set.iter().filter(over).take(FAULTS_TOLD_MAX) {
        let text = format!("{} 的班次早已结束，不能再登记", shift.person);
        faults.push(fault("long_over", text));
    }
    let unknown = |id: &&ShiftId| id.0 != 0 && !out.state.shifts.contains_key(id);
    let named = set.iter().map(|shift| &shift.id);
    for id in remove.iter().chain(named).filter(unknown).take(FAULTS_TOLD_MAX) {
        faults.push(fault("unknown_shift", format!("没有这个班次：{id}")));
    }
    faults
}

/// Gives every new shift a name; one for the same person, post, area and beginning takes its place.
fn named_all(out: &Outbox<'_>, mut set: Vec<Shift>) -> Vec<Shift> {
    let mut next = out.state.shifts.keys().next_back().map_or(0, |last| last.0);
    next = next.max(out.state.shift_last.0);
    for shift in set.iter_mut().filter(|shift| shift.id.0 == 0) {
        let same = out.state.shifts.values().find(|old| {
            (old.area, old.post, old.from) == (shift.area, shift.post, shift.from)
                && same_person(&old.person, &shift.person)
        });
        shift.id = match same {
            Some(old) => old.id,
            None => {
                next += 1;
                ShiftId(next)
            }
        };
    }
    set
}

/// Plans of whose time half is over: the next people are asked.
pub(super) fn escalate(rules: &Rules, out: &mut Outbox<'_>) {
    let now = out.now;
    let due: Vec<PlanId> = out
        .state
        .pending
        .values()
        .filter(|pending| !pending.escalated())
        .filter(|pending| {
            let Need::Officers { decide_by, .. } = pending.plan().need else { return false };
            now < decide_by && decide::escalates_at(pending).is_some_and(|at| now >= at)
        })
        .map(|pending| pending.plan().id)
        .collect();
    for plan in due {
        let Some(mut pending) = out.state.pending.get(&plan).cloned() else { continue };
        pending.escalate();
        let areas = areas_of(rules, &pending.plan().terminals);
        let asked = decide::asked(out.state.shifts.values(), &pending, &areas, now).now;
        let names: Vec<String> = asked.iter().map(|shift| shift.person.clone()).collect();
        let call: Vec<String> = asked
            .iter()
            .map(|shift| format!("{} {} {}", shift.post.title(), shift.person, shift.telephone))
            .collect();
        let whom =
            if call.is_empty() { "值班表上无人在岗".to_owned() } else { call.join("，") };
        let text = format!("方案 {plan} 审批时间已过半仍无人批准，请立即联系：{whom}");
        out.record(Entry::PlanEscalated { plan, asked: names });
        out.effect(Action::Alarm(Reason { code: "plan_escalated".to_owned(), text }));
    }
}

impl State {
    /// Who is on duty for an area: the nearest area first, then by post.
    #[must_use]
    pub fn on_duty(&self, area: AreaCode, now: UtcMs) -> Vec<&Shift> {
        decide::on_duty(self.shifts.values(), area, now)
    }

    pub(super) fn apply_roster(&mut self, at: UtcMs, set: &[Shift], removed: &[ShiftId]) {
        for id in removed {
            self.shifts.remove(id);
        }
        for shift in set {
            self.shift_last = self.shift_last.max(shift.id);
            self.shifts.insert(shift.id, shift.clone());
        }
        self.shifts.retain(|_, shift| at.since_ms(shift.until) < SHIFT_KEPT_S * 1000);
    }
}
