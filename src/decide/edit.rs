//! An officer changes a plan that waits: words, repeats, volume, validity, places. Narrower is free;
//! other words and wider places are checked as a manual broadcast of that officer would be, and what
//! would need a second person there can't be approved by its author alone here.

use super::manual::{
    ManualRequest, Urgency, audience, check_bounds, check_form, keep_hearing, second_person,
};
use super::priority::priority;
use super::target::cover;
use super::text::spoken;
use super::{Memory, Pending, Rules, reason};
use crate::model::{AreaCode, Class, Plan, PlanContent, Refusal, TerminalId, UtcMs};
use serde::{Deserialize, Serialize};

/// What an officer wants changed; `None` leaves a part as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanEdit {
    /// Revision of the plan that the officer saw.
    pub revision: u32,
    /// Other words, instead of a recording too.
    pub text: Option<String>,
    /// Plays per terminal, 1 to 20.
    pub repeats: Option<u8>,
    /// Volume 1 to 100 percent.
    pub volume_percent: Option<u8>,
    /// Seconds it stays valid from now on.
    pub valid_s: Option<u32>,
    /// Whole areas; with `terminals` the new audience.
    pub areas: Option<Vec<AreaCode>>,
    /// Single terminals; with `areas` the new audience.
    pub terminals: Option<Vec<TerminalId>>,
    /// Canonical name of the officer.
    pub edited_by: String,
    /// Areas within which the officer may broadcast.
    pub allowed_areas: Vec<AreaCode>,
}

/// An edit that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// What stood before.
    pub before: PlanContent,
    /// What stands then.
    pub after: PlanContent,
    /// Whether it needs the eyes of somebody other than its author.
    pub needs_other: bool,
}

/// Checks an edit of a waiting plan. Changes nothing: the caller records it and folds it in.
///
/// # Errors
/// A refusal with every reason: another revision stands, the plan ran out, nothing changes, a limit
/// of manual broadcasts is passed, longer than the alert, outside the officer's areas.
pub fn edit(
    rules: &Rules,
    now: UtcMs,
    pending: &Pending,
    edit: &PlanEdit,
    memory: &Memory,
) -> Result<Edited, Refusal> {
    let plan = pending.plan();
    if let Some(stale) = pending.stale(edit.revision) {
        return Err(Refusal { reasons: vec![stale] });
    }
    if now >= plan.expires {
        return Err(Refusal {
            reasons: vec![reason("expired", "该方案已过有效期，不能再修改")]
        });
    }
    let request = as_manual(plan, edit);
    let mut faults = check_form(rules, &request, memory);
    let before = plan.content();
    let mut after = before.clone();
    if edit.areas.is_some() || edit.terminals.is_some() {
        after.terminals = audience(rules, &request, &mut faults);
        after.areas = cover(&rules.index, &rules.network, &after.terminals);
        if plan.message.speaker().is_some() {
            keep_hearing(rules, &mut after.terminals);
        }
        if after.terminals.is_empty() && faults.is_empty() {
            faults.push(reason("no_audience", "所选范围内没有终端"));
        }
    }
    check_bounds(rules, &request, before.terminals.union(&after.terminals), &mut faults);
    if let Some(text) = &edit.text {
        after.text = spoken(text).into_owned();
        after.recording = None;
    }
    after.repeats = request.repeats;
    after.volume_percent = request.volume_percent;
    if let Some(valid_s) = edit.valid_s {
        after.expires = now.plus_s(i64::from(valid_s));
        if plan.alert.is_some() && after.expires > plan.expires {
            faults.push(reason("beyond_alert", "不能超过预警本身的有效期"));
        }
    }
    if faults.is_empty() && after == before {
        faults.push(reason("nothing_changed", "没有任何修改"));
    }
    if !faults.is_empty() {
        return Err(Refusal { reasons: faults });
    }
    let words = after.text != before.text || after.recording != before.recording;
    let wider = !after.terminals.is_subset(&before.terminals);
    let against = second_person(rules, now, &request, after.terminals.len());
    let needs_other = (words || wider) && !against.is_empty();
    Ok(Edited { before, after, needs_other })
}

/// The manual broadcast that the edited plan would be, for the same checks.
fn as_manual(plan: &Plan, edit: &PlanEdit) -> ManualRequest {
    let daily = plan.priority <= priority(Class::Live, None, Some(Urgency::Daily));
    let recording = if edit.text.is_some() { None } else { plan.message.recording.clone() };
    ManualRequest {
        text: Some(edit.text.clone().unwrap_or_else(|| plan.message.text.clone())),
        recording,
        areas: edit.areas.clone().unwrap_or_default(),
        terminals: edit.terminals.clone().unwrap_or_default(),
        polygon: None,
        groups: Vec::new(),
        class: plan.class,
        level: None,
        urgency: if daily { Urgency::Daily } else { Urgency::Emergency },
        chime: plan.chime,
        voice: None,
        repeats: edit.repeats.unwrap_or(plan.repeats),
        interval_s: plan.interval_s,
        volume_percent: edit.volume_percent.or(plan.volume_percent),
        // What the edit leaves alone was checked when the plan was made.
        valid_s: edit.valid_s.unwrap_or(1),
        requested_by: edit.edited_by.clone(),
        allowed_areas: edit.allowed_areas.clone(),
    }
}
