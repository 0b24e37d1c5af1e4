//! The programme schedule: when a programme is due, what is wrong with it, which others it would
//! speak over, and the plan it becomes. A programme is a manual broadcast of the class daily that
//! starts by the calendar: the same checks, the same rank below every warning.

use super::manual::{ManualRequest, Urgency, audience, check_form, manual};
use super::need::in_quiet_hours;
use super::{Memory, Rules, reason};
use crate::model::{
    Calendar, Chime, Class, LIVE_VOICE, LocalDate, Need, OnCancel, OriginKind, Plan, PlanBasis,
    PlanId, Programme, Reason, Refusal, TerminalId, UtcMs,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Days ahead in which conflicts are looked for.
pub const CONFLICT_DAYS: i64 = 366;
/// Conflicts told at once.
const CONFLICTS_TOLD_MAX: usize = 20;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 40;
/// Times of one day.
const TIMES_MAX: usize = 24;
/// Days or weekdays of one calendar.
const DATES_MAX: usize = 366;
/// Seconds after its time in which a programme may start.
const TOLERANCE_S: std::ops::RangeInclusive<u32> = 10..=3_600;
/// Spoken Chinese, milliseconds a character.
const CHARACTER_MS: i64 = 250;
/// Chime and silence around the words, milliseconds.
const AROUND_MS: i64 = 5_000;
/// A recording whose length is not known here, milliseconds.
const RECORDING_MS: i64 = 180_000;
/// Minutes of a day.
const DAY_MINUTES: u16 = 1_440;

/// When a programme is due after `after` and not after `until`, in order.
#[must_use]
pub fn occurrences(
    programme: &Programme,
    offset_minutes: i16,
    after: UtcMs,
    until: UtcMs,
) -> Vec<UtcMs> {
    let mut due = Vec::new();
    let first = LocalDate::of(after, offset_minutes).unwrap_or(programme.from).max(programme.from);
    let last = LocalDate::of(until, offset_minutes).unwrap_or(programme.until).min(programme.until);
    let mut day = Some(first).filter(|first| *first <= last);
    while let Some(today) = day {
        if programme.is_on(today) {
            let times = programme.at_minutes.iter().map(|minute| today.at(*minute, offset_minutes));
            due.extend(times.filter(|at| after < *at && *at <= until));
        }
        day = today.plus_days(1).filter(|next| *next <= last);
    }
    due
}

/// How long a programme sounds, estimated, milliseconds: all plays and pauses.
#[must_use]
pub fn estimated_ms(programme: &Programme) -> i64 {
    let spoken = match (&programme.recording, &programme.text) {
        (Some(_), _) => RECORDING_MS,
        (None, text) => {
            let n_chars = text.as_deref().unwrap_or_default().chars().count();
            i64::try_from(n_chars).unwrap_or(i64::MAX).saturating_mul(CHARACTER_MS)
        }
    };
    let plays = i64::from(programme.repeats.max(1));
    plays * (spoken + AROUND_MS) + (plays - 1) * i64::from(programme.interval_s) * 1000
}

/// One programme over another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Name of the other one.
    pub with: String,
    /// When this one starts.
    pub at: UtcMs,
    /// When the other one starts.
    pub other_at: UtcMs,
    /// Terminals of both.
    pub n_terminals: usize,
}

impl Conflict {
    /// What is the matter, for people; times are local.
    #[must_use]
    pub fn zh(&self, offset_minutes: i16) -> String {
        let when = LocalDate::of(self.other_at, offset_minutes);
        let day = when.map(|day| format!("{:02}-{:02} ", day.month(), day.day()));
        format!(
            "与节目“{}”（{}{} 开始）时间重叠，涉及 {} 个终端",
            self.with,
            day.unwrap_or_default(),
            clock(self.other_at, offset_minutes),
            self.n_terminals
        )
    }
}

/// Local time of day, `07:30`.
fn clock(at: UtcMs, offset_minutes: i16) -> String {
    let minute = at.as_s().div_euclid(60) + i64::from(offset_minutes);
    let minute = minute.rem_euclid(i64::from(DAY_MINUTES));
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// What people should know of a programme before they save it, although it may be saved: plays that quiet
/// hours cut off, plays during the drill that is armed until `drill_until`, and no play at all.
#[must_use]
pub fn programme_notes(
    rules: &Rules,
    now: UtcMs,
    programme: &Programme,
    drill_until: Option<UtcMs>,
) -> Vec<Reason> {
    let (policy, mut notes) = (&rules.policy, Vec::new());
    let offset = policy.local_offset_minutes;
    let due = occurrences(programme, offset, now, now.plus_s(CONFLICT_DAYS * 86_400));
    let long_ms = estimated_ms(programme);
    let cut = |at: &&UtcMs| quiet_from(rules, **at) < at.plus_ms(long_ms);
    if let Some(at) = due.iter().find(cut) {
        let (begins, quiet) = (clock(*at, offset), clock(quiet_from(rules, *at), offset));
        let text = format!(
            "{begins} 开始的一次约 {} 分钟，{quiet} 进入静音时段，届时停播",
            (long_ms + 59_999) / 60_000
        );
        notes.push(reason("cut_by_quiet_hours", text));
    }
    let drilled = drill_until.and_then(|until| due.iter().find(|at| **at < until).zip(Some(until)));
    if let Some((at, until)) = drilled {
        let (at, until) = (clock(*at, offset), clock(until, offset));
        let text = format!("演练开启至 {until}，{at} 的一次在演练期间播出，可能与演练内容混淆");
        notes.push(reason("drill_armed", text));
    }
    if due.is_empty() {
        notes.push(reason("never", "未来一年内没有播出日".to_owned()));
    }
    notes
}

/// Overlaps of `programme` with `others` in time and place, within [`CONFLICT_DAYS`] from `now`; the
/// first with each of them.
#[must_use]
pub fn conflicts<'a>(
    rules: &Rules,
    now: UtcMs,
    programme: &Programme,
    others: impl Iterator<Item = &'a Programme>,
) -> Vec<Conflict> {
    let offset = rules.policy.local_offset_minutes;
    let until = now.plus_s(CONFLICT_DAYS * 86_400);
    let own = occurrences(programme, offset, now, until);
    let terminals = terminals_of(rules, programme);
    let own_ms = estimated_ms(programme);
    let mut found = Vec::new();
    for other in others.filter(|other| other.name != programme.name) {
        let n_terminals = terminals_of(rules, other).intersection(&terminals).count();
        if n_terminals == 0 {
            continue;
        }
        let theirs = occurrences(other, offset, now, until);
        if let Some((at, other_at)) = first_overlap(&own, own_ms, &theirs, estimated_ms(other)) {
            found.push(Conflict { with: other.name.clone(), at, other_at, n_terminals });
        }
        if found.len() >= CONFLICTS_TOLD_MAX {
            break;
        }
    }
    found
}

/// The first two spans that overlap, of two lists of beginnings in order.
fn first_overlap(
    own: &[UtcMs],
    own_ms: i64,
    theirs: &[UtcMs],
    their_ms: i64,
) -> Option<(UtcMs, UtcMs)> {
    let mut theirs = theirs.iter().copied().peekable();
    for at in own.iter().copied() {
        while theirs.next_if(|other| other.plus_ms(their_ms) <= at).is_some() {}
        if let Some(other) = theirs.peek().copied().filter(|other| *other < at.plus_ms(own_ms)) {
            return Some((at, other));
        }
    }
    None
}

/// The terminals of a programme as registered now.
#[must_use]
pub fn terminals_of(rules: &Rules, programme: &Programme) -> BTreeSet<TerminalId> {
    audience(rules, &as_manual(programme, "节目单", rules), &mut Vec::new())
}

/// What is wrong with a programme; empty = nothing. Groups are resolved before.
#[must_use]
pub fn programme_faults(rules: &Rules, programme: &Programme, by: &str) -> Vec<Reason> {
    let request = as_manual(programme, by, rules);
    let mut faults = check_form(rules, &request, &Memory::default());
    if audience(rules, &request, &mut faults).is_empty() && faults.is_empty() {
        faults.push(reason("no_audience", "所选范围内没有终端"));
    }
    let mut fault = |wrong: bool, code: &str, text: String| {
        if wrong {
            faults.push(reason(code, text));
        }
    };
    let live = programme.voice.as_deref().is_some_and(|voice| voice.starts_with(LIVE_VOICE));
    fault(live, "bad_voice", "节目单不能用现场喊话".to_owned());
    let n_chars = programme.name.chars().count();
    let bad_name = programme.name.trim().is_empty()
        || n_chars > NAME_CHARS_MAX
        || programme.name.chars().any(char::is_control);
    fault(
        bad_name,
        "bad_name",
        format!("节目名称应为 1 至 {NAME_CHARS_MAX} 字，收到 {n_chars} 字"),
    );
    let n_times = programme.at_minutes.len();
    let bad_times = n_times == 0
        || n_times > TIMES_MAX
        || programme.at_minutes.iter().any(|minute| *minute >= DAY_MINUTES);
    fault(bad_times, "bad_times", format!("每天应有 1 至 {TIMES_MAX} 个时刻，收到 {n_times} 个"));
    fault(
        programme.until < programme.from,
        "ends_before_start",
        format!("结束日期 {} 早于开始日期 {}", programme.until, programme.from),
    );
    fault(
        !TOLERANCE_S.contains(&programme.tolerance_s),
        "bad_tolerance",
        format!("允许推迟应为 10 至 3600 秒，收到 {}", programme.tolerance_s),
    );
    fault(bad_calendar(&programme.calendar), "bad_calendar", "播出日期有误或为空".to_owned());
    let n_except = programme.except.len();
    fault(
        n_except > DATES_MAX,
        "bad_calendar",
        format!("不播日期最多 {DATES_MAX} 天，收到 {n_except} 天"),
    );
    let policy = &rules.policy;
    let offset = policy.local_offset_minutes;
    let quiet = |minute: &&u16| {
        **minute < DAY_MINUTES
            && in_quiet_hours(policy.quiet_hours, offset, programme.from.at(**minute, offset))
    };
    for minute in programme.at_minutes.iter().filter(quiet) {
        let text = format!("{:02}:{:02} 在静音时段内", minute / 60, minute % 60);
        faults.push(reason("quiet_hours", text));
    }
    faults
}

fn bad_calendar(calendar: &Calendar) -> bool {
    match calendar {
        Calendar::Daily => false,
        Calendar::Weekly { weekdays } => {
            weekdays.is_empty() || weekdays.iter().any(|day| !(1..=7).contains(day))
        }
        Calendar::Dates { dates } => dates.is_empty() || dates.len() > DATES_MAX,
        // 2028 is a leap year.
        Calendar::Yearly { days } => {
            days.is_empty()
                || days.iter().any(|day| LocalDate::new(2028, day.month, day.day).is_none())
        }
        Calendar::Month { month } => !(1..=12).contains(month),
    }
}

/// The plan of a programme that is due: it needs nobody any more, because whoever had to agree did
/// when it was saved.
///
/// # Errors
/// A refusal with every reason: quiet hours, or what manual broadcasts are refused for.
pub fn programme_plan(
    rules: &Rules,
    now: UtcMs,
    programme: &Programme,
    by: &str,
    memory: &Memory,
    id: PlanId,
) -> Result<Plan, Refusal> {
    let policy = &rules.policy;
    if in_quiet_hours(policy.quiet_hours, policy.local_offset_minutes, now) {
        return Err(Refusal { reasons: vec![reason("quiet_hours", "当前为静音时段")] });
    }
    let request = as_manual(programme, by, rules);
    let mut plan = manual(rules, now, &request, memory, id)?;
    plan.need = Need::Nothing;
    plan.expires = plan.expires.min(quiet_from(rules, now));
    plan.basis = Some(PlanBasis {
        title: format!("节目：{}", programme.name),
        version: 0,
        automatic: false,
        on_cancel: OnCancel::Stop,
        call: None,
        origin: Some(OriginKind::Duty),
    });
    // What the interlock asks now was not known when it was saved.
    plan.reasons.retain(|why| why.code.starts_with("interlock_"));
    plan.reasons.insert(0, reason("programme", format!("节目单：{}", programme.name)));
    Ok(plan)
}

/// The next moment of quiet hours; far away when there are none.
fn quiet_from(rules: &Rules, now: UtcMs) -> UtcMs {
    let offset = rules.policy.local_offset_minutes;
    let quiet = rules.policy.quiet_hours.zip(LocalDate::of(now, offset));
    let Some((quiet, today)) = quiet else { return UtcMs(i64::MAX) };
    let first = today.at(quiet.from_minute, offset);
    if first > now { first } else { first.plus_s(86_400) }
}

fn as_manual(programme: &Programme, by: &str, rules: &Rules) -> ManualRequest {
    ManualRequest {
        text: programme.text.clone(),
        recording: programme.recording.clone(),
        areas: programme.areas.clone(),
        terminals: programme.terminals.clone(),
        groups: Vec::new(),
        polygon: None,
        class: Class::Live,
        level: None,
        urgency: Urgency::Daily,
        chime: Chime::Notice,
        voice: programme.voice.clone(),
        repeats: programme.repeats,
        interval_s: programme.interval_s,
        volume_percent: programme.volume_percent,
        valid_s: programme.valid_s,
        requested_by: by.to_owned(),
        // Who saved it was checked against its places then.
        allowed_areas: rules.network.served.clone(),
    }
}
