//! From an alert to a plan, a refusal, or a note in the record.

use super::alert_words::{slots, template, words};
use super::contradiction::contradictions;
use super::info::{Choice, Chosen, choose};
use super::interlock::{cell, hazard_class, judge, judged};
use super::matching::{Hazard, Match, UNMATCHED_PLAN, match_plan};
use super::need::{Facts, decide_by, interlock, need};
use super::priority::{ALL_CLEAR, EARTHQUAKE, priority};
use super::target::{Targets, cover, resolve};
use super::text::fill;
use super::{Memory, Rules, earthquake, reason};
use crate::model::{
    AfterDeadline, Alert, ApprovalMode, Chime, Class, HazardClass, Info, Message, MsgType, Need,
    OnCancel, Plan, PlanBasis, PlanId, Reason, Refusal, ResponsePlan, Scope, Status, TerminalId,
    UtcMs,
};
use std::collections::BTreeSet;

/// How long an all-clear stays valid, seconds.
const ALL_CLEAR_VALID_S: i64 = 3_600;
/// Words of an all-clear when the policy has no template `all-clear`.
const ALL_CLEAR_TEMPLATE: &str = "{headline}。{description}{instruction}";

/// What becomes of an alert.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Something may sound.
    Plan(Box<Plan>),
    /// Kept, nothing to do.
    Recorded(Vec<Reason>),
    /// It should sound but can't.
    Refused(Refusal),
    /// It ends what it references.
    Cancel(CancelDecision),
}

/// An end of earlier alerts. The caller stops their broadcasts (`Memory::superseded`).
#[derive(Debug, Clone, PartialEq)]
pub struct CancelDecision {
    /// The all-clear to announce, when the response plan asks for it.
    pub announce: Option<Box<Plan>>,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// Decides what becomes of a new `alert` at `now`.
#[must_use]
pub fn plan(rules: &Rules, now: UtcMs, alert: &Alert, memory: &Memory, id: PlanId) -> Decision {
    if let Some(why) = not_for_us(alert, memory) {
        return Decision::Recorded(vec![why]);
    }
    let chosen = choose(alert, now);
    if alert.msg_type == MsgType::Cancel {
        return cancel(rules, now, alert, memory, id, &chosen);
    }
    match chosen {
        Choice::Nothing => refused("no_info", "预警没有 info 内容，无法播发"),
        Choice::AllClear(_) => cancel(rules, now, alert, memory, id, &chosen),
        Choice::Expired(_) if alert.msg_type == MsgType::Update => {
            cancel(rules, now, alert, memory, id, &chosen)
        }
        Choice::Expired(_) => refused("expired", "预警到达时已过有效期"),
        Choice::Speak(_) if earthquake::is_early_warning(alert) => {
            early(rules, now, alert, memory, id)
        }
        Choice::Speak(chosen) => warn(rules, now, alert, memory, id, &chosen, None),
    }
}

/// An earthquake early warning: for those whom the wave has not reached and who were not told of it yet.
/// It is said once, because the seconds in it are right once.
fn early(rules: &Rules, now: UtcMs, alert: &Alert, memory: &Memory, id: PlanId) -> Decision {
    let local = match earthquake::localise(rules, now, alert, &memory.targeted) {
        Ok(local) => local,
        Err(why) => return Decision::Recorded(vec![why]),
    };
    let Choice::Speak(chosen) = choose(&local.alert, now) else {
        return refused("expired", "预警到达时已过有效期");
    };
    let only = Some(&local.terminals);
    let mut decision = warn(rules, now, &local.alert, memory, id, &chosen, only);
    if let Decision::Plan(plan) = &mut decision {
        if plan.class == Class::Live {
            plan.priority = EARTHQUAKE;
        }
        plan.repeats = 1;
        // The words begin with what is known here, without the beginnings of templates.
        plan.message.text = earthquake::words(&local.alert);
        plan.message.recording = None;
        // What earlier reports set off goes on: nobody is interrupted in mid-warning.
        plan.supersedes.clear();
        plan.reasons.extend(local.notes);
    }
    decision
}

/// Who is meant; of these `only` some, when that is said.
fn targeted(
    rules: &Rules,
    now: UtcMs,
    chosen: &Chosen<'_>,
    only: Option<&BTreeSet<TerminalId>>,
) -> Targets {
    let mut targets = resolve(&rules.network, &rules.index, now, &chosen.areas);
    if let Some(only) = only {
        targets.terminals.retain(|terminal| only.contains(terminal));
        targets.areas = rules.cover(&targets.terminals);
    }
    targets
}

/// What of a response plan still counts when it was changed after the decision.
fn basis(plan: &ResponsePlan) -> PlanBasis {
    PlanBasis {
        title: plan.title.clone(),
        version: 0,
        automatic: plan.approval == ApprovalMode::Automatic,
        on_cancel: plan.on_cancel,
        call: plan.call,
        origin: None,
    }
}

/// Why an alert only enters the record, whatever it says.
fn not_for_us(alert: &Alert, memory: &Memory) -> Option<Reason> {
    match alert.msg_type {
        MsgType::Ack => return Some(reason("msg_type_ack", "这是接收确认，不播发")),
        MsgType::Error => return Some(reason("msg_type_error", "这是退回说明，不播发")),
        MsgType::Alert | MsgType::Update | MsgType::Cancel => {}
    }
    match alert.status {
        Status::Actual => None,
        Status::System => Some(reason("status_system", "系统间消息，不播发")),
        Status::Draft => Some(reason("status_draft", "草稿，不播发")),
        // An exercise ends nothing that is real; drills end when they are disarmed.
        Status::Exercise | Status::Test if alert.msg_type == MsgType::Cancel => {
            Some(reason("drill_cancel", "演练或测试的解除，仅存档"))
        }
        Status::Exercise | Status::Test if memory.drill_armed => None,
        Status::Exercise => Some(reason("drill_not_armed", "演练消息，未启动演练，不播发")),
        Status::Test => Some(reason("drill_not_armed", "测试消息，未启动演练，不播发")),
    }
}

fn refused(code: &str, text: impl Into<String>) -> Decision {
    Decision::Refused(Refusal { reasons: vec![reason(code, text)] })
}

/// When a warning may sound: from `effective` on, to `expires` or the default, never longer than
/// the response plan allows. `onset` is when the hazard begins, so a warning comes before it.
pub(super) fn window(
    rules: &Rules,
    now: UtcMs,
    alert: &Alert,
    info: &Info,
    validity_s_max: u32,
) -> (UtcMs, UtcMs) {
    let not_before = info.effective.map_or(now, |effective| effective.max(now));
    let counted_from = info.effective.unwrap_or(alert.id.sent).min(not_before);
    let default = counted_from.plus_s(i64::from(rules.policy.validity_s_default));
    let latest = not_before.plus_s(i64::from(validity_s_max));
    (not_before, info.expires.unwrap_or(default).min(latest))
}

fn warn(
    rules: &Rules,
    now: UtcMs,
    alert: &Alert,
    memory: &Memory,
    id: PlanId,
    chosen: &Chosen<'_>,
    only: Option<&BTreeSet<TerminalId>>,
) -> Decision {
    let mut targets = targeted(rules, now, chosen, only);
    if let Some(decision) = nobody(alert, memory, &targets) {
        return decision;
    }
    let info = chosen.main;
    let matched = match_plan(&rules.policy, &rules.network, alert, info, &targets);
    let response = &matched.plan;
    let (not_before, expires) = window(rules, now, alert, info, response.validity_s_max);
    if expires <= now {
        return refused("expired", "预警到达时已过有效期");
    }
    if expires <= not_before {
        return refused("ends_before_it_begins", "结束时间不晚于开始时间");
    }
    let class = if alert.status == Status::Actual { Class::Live } else { Class::Drill };
    let cell = cell(rules, memory, hazard_class(info, response), info.level, not_before);
    let judged = judged(rules, cell, memory, &mut targets);
    if judged.silenced {
        return Decision::Refused(Refusal { reasons: judged.refused });
    }
    let facts = Facts {
        class,
        level: info.level,
        n_terminals: targets.terminals.len(),
        automatic_in_hour: memory.automatic_in_hour,
        not_before,
    };
    let mut against = doubts(rules, now, alert, chosen, &targets, &matched);
    against.extend(interlock(&rules.policy, response, facts));
    against.extend(judged.ask);
    let need = need(response, &against, now, expires);
    let (message, cut) = words(rules, alert, info, &targets.areas, &targets.terminals, &matched);
    let mut reasons = why(&matched, against, chosen, &targets);
    reasons.extend(judged.refused);
    reasons.extend(cut);
    let supersedes = match (class, alert.msg_type) {
        (Class::Live, MsgType::Update) => memory.superseded.clone(),
        _ => Vec::new(),
    };
    Decision::Plan(Box::new(Plan {
        id,
        alert: Some(alert.id.clone()),
        response_plan: response.name.clone(),
        basis: Some(PlanBasis { origin: Some(memory.origin), ..basis(response) }),
        requested_by: "alert".to_owned(),
        class,
        priority: priority(class, info.level, None),
        message,
        chime: response.chime,
        playback: response.playback,
        volume_percent: response.volume_percent,
        repeats: response.repeats.clamp(1, 20),
        interval_s: response.interval_s,
        areas: targets.areas,
        terminals: targets.terminals,
        not_before,
        expires,
        need,
        supersedes,
        reasons,
        hazard: Hazard::of(info).national(),
    }))
}

/// Why it became what it is, in order.
fn why(
    matched: &Match,
    against: Vec<Reason>,
    chosen: &Chosen<'_>,
    targets: &Targets,
) -> Vec<Reason> {
    let mut reasons = vec![match matched.found {
        true => reason("plan_matched", format!("符合预案“{}”", matched.plan.title)),
        false => reason("no_plan_matched", "没有符合的预案，按通用模板处理"),
    }];
    reasons.extend(against);
    reasons.extend(chosen.notes.iter().cloned());
    reasons.extend(targets.notes.iter().cloned());
    if !targets.outside.is_empty() {
        let text = format!("{} 处区域不在本地，未计入", targets.outside.len());
        reasons.push(reason("partly_outside", text));
    }
    reasons
}

/// What an alert without a single terminal of ours becomes; `None` = somebody is there to hear it,
/// or a person must say who.
fn nobody(alert: &Alert, memory: &Memory, targets: &Targets) -> Option<Decision> {
    if !targets.terminals.is_empty() || !targets.unknown.is_empty() {
        return None;
    }
    let outside = !targets.outside.is_empty()
        && targets.notes.iter().all(|note| note.code != "area_without_terminals");
    let mut reasons = if outside {
        vec![reason("outside", format!("不在本地范围：{}", targets.outside.join("、")))]
    } else {
        vec![reason("no_terminals", "预警区域内没有登记终端")]
    };
    reasons.extend(targets.notes.iter().cloned());
    // An Update that has moved away ends what sounds here.
    if alert.msg_type == MsgType::Update
        && alert.status == Status::Actual
        && !memory.targeted.is_empty()
    {
        return Some(Decision::Cancel(CancelDecision { announce: None, reasons }));
    }
    Some(if outside { Decision::Recorded(reasons) } else { Decision::Refused(Refusal { reasons }) })
}

/// Everything that makes a person look before it sounds.
fn doubts(
    rules: &Rules,
    now: UtcMs,
    alert: &Alert,
    chosen: &Chosen<'_>,
    targets: &Targets,
    matched: &Match,
) -> Vec<Reason> {
    let mut doubts = Vec::new();
    if !targets.unknown.is_empty() {
        let text = format!("有无法识别的区域：{}，需人工核定", targets.unknown.join("、"));
        doubts.push(reason("unknown_area", text));
    }
    if matched.found && !matched.trusted {
        let text = format!("发布单位 {} 不在预案信任名单", alert.id.sender);
        doubts.push(reason("sender_not_trusted", text));
    }
    if chosen.main.level.is_none() {
        doubts.push(reason("level_unknown", "预警级别不明"));
    }
    doubts.extend(contradictions(alert, chosen));
    if chosen.foreign {
        doubts.push(reason("not_chinese", "预警没有中文内容"));
    }
    match alert.scope {
        Scope::Public => {}
        Scope::Restricted => doubts.push(reason("scope_restricted", "限定范围消息，需人工确认")),
        Scope::Private => doubts.push(reason("scope_private", "非公开消息，需人工确认")),
    }
    let age_ms = now.since_ms(alert.id.sent);
    if age_ms > i64::from(rules.policy.sent_age_s_max) * 1000 {
        doubts.push(reason("sent_long_ago", format!("{} 分钟前发布", age_ms / 60_000)));
    }
    if age_ms < -i64::from(rules.policy.sent_ahead_s_max) * 1000 {
        doubts.push(reason("sent_in_future", "发布时间晚于本机时间，请核对时钟"));
    }
    doubts
}

/// A Cancel, or an Update that says it is over: stop what it references, and tell those who heard.
fn cancel(
    rules: &Rules,
    now: UtcMs,
    alert: &Alert,
    memory: &Memory,
    id: PlanId,
    choice: &Choice<'_>,
) -> Decision {
    let mut reasons = vec![reason("ends_earlier", "解除或终止此前的预警")];
    if alert.status != Status::Actual {
        return Decision::Recorded(vec![reason("drill_cancel", "演练或测试的解除，仅存档")]);
    }
    if memory.targeted.is_empty() {
        reasons.push(reason("nobody_was_told", "此前没有实播过，不作解除播报"));
        return Decision::Cancel(CancelDecision { announce: None, reasons });
    }
    let chosen = match choice {
        Choice::Speak(chosen) | Choice::AllClear(chosen) | Choice::Expired(chosen) => Some(chosen),
        Choice::Nothing => None,
    };
    // What it was decided by counts, not what the response plan says by now.
    let by_name = |name: &String| rules.policy.plans.iter().find(|plan| plan.name == *name);
    let by_name = || memory.response_plan.as_ref().and_then(by_name).map(basis);
    let earlier = memory.basis.clone().or_else(by_name);
    let announces = earlier.as_ref().is_none_or(|plan| plan.on_cancel == OnCancel::StopAndAnnounce);
    // An Update whose time ran out is no news; only a said all-clear is announced.
    let said = !matches!(choice, Choice::Expired(_)) || alert.msg_type == MsgType::Cancel;
    if !announces || !said {
        return Decision::Cancel(CancelDecision { announce: None, reasons });
    }
    let announce = all_clear(rules, now, alert, memory, id, chosen.map(|c| c.main), earlier);
    match announce {
        Ok(announce) => {
            reasons.extend(announce.reasons.iter().cloned());
            Decision::Cancel(CancelDecision { announce: Some(Box::new(announce)), reasons })
        }
        Err(refused) => {
            reasons.extend(refused);
            Decision::Cancel(CancelDecision { announce: None, reasons })
        }
    }
}

/// The announcement that it is over; or why the interlock does not let it sound.
fn all_clear(
    rules: &Rules,
    now: UtcMs,
    alert: &Alert,
    memory: &Memory,
    id: PlanId,
    info: Option<&Info>,
    earlier: Option<PlanBasis>,
) -> Result<Plan, Vec<Reason>> {
    let mut terminals: BTreeSet<TerminalId> = memory
        .targeted
        .iter()
        .copied()
        .filter(|terminal| rules.network.terminals.contains_key(terminal))
        .collect();
    let expires = now.plus_s(ALL_CLEAR_VALID_S);
    // It has no level of its own, and its hazard is over: rules for all of both hold, others ask.
    let class = HazardClass::of_code(info.and_then(|info| Hazard::of(info).code).as_deref());
    let cell = cell(rules, memory, class, None, now);
    let judged = judge(rules, cell, &memory.limits_used, &mut terminals);
    if judged.silenced {
        return Err(judged.refused);
    }
    let policy = &rules.policy;
    let quiet = super::in_quiet_hours(policy.quiet_hours, policy.local_offset_minutes, now);
    let mut reasons = vec![reason("all_clear", "向此前收到预警的终端播报解除")];
    if quiet {
        reasons.push(reason("quiet_hours", "当前为静音时段，解除播报需人工确认"));
    }
    let public = alert.scope == Scope::Public;
    let automatic = earlier.as_ref().is_some_and(|plan| plan.automatic);
    let need = if automatic && !quiet && public && judged.ask.is_empty() {
        Need::Nothing
    } else {
        let decide_by = decide_by(now, 0, expires);
        Need::Officers { officers: 1, decide_by, after: AfterDeadline::Expire }
    };
    reasons.extend(judged.ask);
    reasons.extend(judged.refused);
    let mut slots = info.map(|info| slots(rules, alert, info, &[], &terminals)).unwrap_or_default();
    let said = [&slots.headline, &slots.description].into_iter().any(|text| text.contains("解除"));
    if !said {
        // The block may still hold the words of the warning itself: not to be said again.
        slots.headline = format!("此前发布的{}{}预警现已解除", slots.hazard, slots.level);
        slots.description = alert.note.clone().unwrap_or_default();
        slots.instruction.clear();
    }
    let (text, notes) = fill(template(rules, "all-clear", ALL_CLEAR_TEMPLATE), &slots);
    reasons.extend(notes);
    Ok(Plan {
        id,
        alert: Some(alert.id.clone()),
        response_plan: memory.response_plan.clone().unwrap_or_else(|| UNMATCHED_PLAN.to_owned()),
        // Nobody has to answer an all-clear.
        basis: earlier.map(|earlier| PlanBasis { call: None, ..earlier }),
        requested_by: "alert".to_owned(),
        class: Class::Live,
        priority: ALL_CLEAR,
        message: Message {
            text,
            voice: "default".to_owned(),
            recording: None,
            fallback_recording: "all-clear".to_owned(),
        },
        chime: Chime::Notice,
        playback: crate::model::Playback::Simultaneous,
        volume_percent: None,
        repeats: 1,
        interval_s: 0,
        areas: cover(&rules.index, &rules.network, &terminals),
        terminals,
        not_before: now,
        expires,
        need,
        supersedes: Vec::new(),
        reasons,
        hazard: info.and_then(|info| Hazard::of(info).national()),
    })
}
