//! The same broadcast again, as a new one, for terminals that did not play it. Words, places and
//! validity were allowed before; what has changed since is checked again.

use super::need::in_quiet_hours;
use super::priority::priority;
use super::target::cover;
use super::{Memory, Rules, Urgency, reason};
use crate::model::{Broadcast, Class, Need, Plan, PlanId, Refusal, TerminalId, UtcMs};
use std::collections::BTreeSet;

/// The plan of a resend to `terminals`, asked for by `by`. It needs nobody else: its words, its
/// validity and a wider audience were authorised already.
///
/// # Errors
/// A refusal with every reason: it ran out, nobody is left, a drill that is not armed any more, a
/// daily broadcast in quiet hours.
pub fn resend(
    rules: &Rules,
    now: UtcMs,
    old: &Broadcast,
    terminals: BTreeSet<TerminalId>,
    by: &str,
    memory: &Memory,
    id: PlanId,
) -> Result<Plan, Refusal> {
    let mut faults = Vec::new();
    if now >= old.expires() {
        faults.push(reason("expired", "该播发已过有效期，不能补发"));
    }
    if terminals.is_empty() {
        faults.push(reason("no_audience", "没有需要补发的终端"));
    }
    if old.class() == Class::Drill && !memory.drill_armed {
        faults.push(reason("drill_not_armed", "未启动演练，不能补发演练内容"));
    }
    let daily = old.priority() <= priority(Class::Live, None, Some(Urgency::Daily));
    let policy = &rules.policy;
    if daily && in_quiet_hours(policy.quiet_hours, policy.local_offset_minutes, now) {
        faults.push(reason("quiet_hours", "当前为静音时段，日常播发不补发"));
    }
    if !faults.is_empty() {
        return Err(Refusal { reasons: faults });
    }
    let text = format!("{by} 补发播发 {}，共 {} 个未播放的终端", old.id(), terminals.len());
    Ok(Plan {
        id,
        alert: old.alert().cloned(),
        response_plan: old.response_plan().to_owned(),
        basis: old.basis().cloned(),
        requested_by: by.to_owned(),
        class: old.class(),
        priority: old.priority(),
        message: old.message().clone(),
        chime: old.chime(),
        playback: old.playback(),
        volume_percent: old.volume_percent(),
        repeats: old.repeats(),
        interval_s: old.interval_s(),
        areas: cover(&rules.index, &rules.network, &terminals),
        terminals,
        not_before: now,
        expires: old.expires(),
        need: Need::Nothing,
        supersedes: Vec::new(),
        reasons: vec![reason("resend", text)],
        hazard: old.hazard(),
    })
}
