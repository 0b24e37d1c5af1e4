//! What a plan must wait for: the response plan's approval, made stricter by the interlock. A plan
//! that was made stricter is never released by the clock: only a person lifts an interlock.

use super::reason;
use crate::model::{
    AfterDeadline, ApprovalMode, Class, Level, Need, Policy, QuietHours, Reason, ResponsePlan,
    UtcMs,
};

/// Seconds people have when the response plan names no time.
const DECIDE_WITHIN_S: u32 = 900;
/// Minutes of a day.
const DAY_MINUTES: i64 = 1_440;

/// Whether `at` lies in the quiet hours of the county.
#[must_use]
pub fn in_quiet_hours(quiet: Option<QuietHours>, offset_minutes: i16, at: UtcMs) -> bool {
    let Some(quiet) = quiet else { return false };
    let minute = (at.as_s().div_euclid(60) + i64::from(offset_minutes)).rem_euclid(DAY_MINUTES);
    let (from, until) = (i64::from(quiet.from_minute), i64::from(quiet.until_minute));
    if from <= until { (from..until).contains(&minute) } else { minute >= from || minute < until }
}

/// What the interlock looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) class: Class,
    pub(super) level: Option<Level>,
    pub(super) n_terminals: usize,
    pub(super) automatic_in_hour: usize,
    pub(super) not_before: UtcMs,
}

/// Reasons of the interlock against automatic release.
pub(super) fn interlock(policy: &Policy, plan: &ResponsePlan, facts: Facts) -> Vec<Reason> {
    let mut over = Vec::new();
    let quiet = in_quiet_hours(policy.quiet_hours, policy.local_offset_minutes, facts.not_before);
    if quiet && !(plan.quiet_hours_exempt && facts.class == Class::Live) {
        over.push(reason("quiet_hours", "当前为静音时段，需人工确认"));
    }
    if plan.approval != ApprovalMode::Automatic {
        return over;
    }
    let lifted_by = if policy.interlock.lifted_by.is_empty() {
        "值班领导".to_owned()
    } else {
        policy.interlock.lifted_by.join("、")
    };
    if facts.automatic_in_hour >= usize::from(policy.interlock.automatic_per_hour_max) {
        over.push(reason(
            "automatic_rate",
            format!(
                "一小时内已自动播发 {} 次，达到上限，需 {lifted_by} 确认",
                facts.automatic_in_hour
            ),
        ));
    }
    let limit = usize::try_from(policy.interlock.automatic_terminals_max).unwrap_or(usize::MAX);
    if facts.level != Some(Level::Red) && facts.n_terminals > limit {
        over.push(reason(
            "automatic_terminals",
            format!(
                "自动播发将到达 {} 个终端，超过 {limit} 个，需 {lifted_by} 确认",
                facts.n_terminals
            ),
        ));
    }
    over
}

/// Joins the response plan's approval with what was found against automatic release.
pub(super) fn need(plan: &ResponsePlan, against: &[Reason], now: UtcMs, expires: UtcMs) -> Need {
    let officers = match plan.approval {
        ApprovalMode::Automatic => u8::from(!against.is_empty()),
        ApprovalMode::OnePerson => 1,
        ApprovalMode::TwoPerson => 2,
    };
    if officers == 0 {
        return Need::Nothing;
    }
    let after = if against.is_empty() { plan.after_deadline } else { AfterDeadline::Expire };
    Need::Officers { officers, decide_by: decide_by(now, plan.decide_within_s, expires), after }
}

/// When the clock for people runs out: never after the plan itself.
pub(super) fn decide_by(now: UtcMs, within_s: u32, expires: UtcMs) -> UtcMs {
    let within_s = if within_s == 0 { DECIDE_WITHIN_S } else { within_s };
    now.plus_s(i64::from(within_s)).min(expires)
}
