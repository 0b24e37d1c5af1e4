//! Who is on duty, and who is asked about a plan that waits: now, and next when half of its time is
//! over.

use super::{Pending, reason, same_person};
use crate::model::{AreaCode, Need, Network, Post, Reason, Shift, UtcMs};

/// Longest shift, seconds.
const SHIFT_S_MAX: i64 = 7 * 86_400;
/// Longest name of a person, characters.
const PERSON_CHARS_MAX: usize = 40;
/// Characters of a telephone number.
const TELEPHONE_CHARS: std::ops::RangeInclusive<usize> = 3..=24;

/// Shifts on duty for an area at a moment: the nearest area first, then by post and name.
#[must_use]
pub fn on_duty<'a>(
    shifts: impl Iterator<Item = &'a Shift>,
    area: AreaCode,
    now: UtcMs,
) -> Vec<&'a Shift> {
    let here = |shift: &&Shift| shift.area.contains(area);
    let mut found: Vec<&Shift> = shifts.filter(|shift| is_on(shift, now)).filter(here).collect();
    found.sort_by(|a, b| b.area.level().cmp(&a.area.level()).then_with(|| order(a).cmp(&order(b))));
    found
}

fn is_on(shift: &Shift, now: UtcMs) -> bool {
    shift.from <= now && now < shift.until
}

fn order(shift: &Shift) -> (Post, &str) {
    (shift.post, shift.person.as_str())
}

/// Whom a plan asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Now.
    pub now: Vec<&'a Shift>,
    /// When half of the time is over; after that, who is left.
    pub next: Vec<&'a Shift>,
}

/// Whom a waiting plan asks: people on duty whose area holds every place of it, officers and
/// deputy first, then the leader, then standby. Nobody who can't approve it any more: its requester,
/// its author, who signed.
#[must_use]
pub fn asked<'a>(
    shifts: impl Iterator<Item = &'a Shift>,
    pending: &Pending,
    areas: &[AreaCode],
    now: UtcMs,
) -> Asked<'a> {
    let plan = pending.plan();
    let Need::Officers { officers, .. } = plan.need else { return Asked::default() };
    let out = |person: &str| {
        let own = plan.alert.is_none() && same_person(&plan.requested_by, person);
        let author = pending.author().filter(|_| officers <= 1);
        own || author.is_some_and(|author| same_person(author, person))
            || pending.signatures().iter().any(|signed| same_person(&signed.person, person))
    };
    let mut able: Vec<&Shift> = shifts
        .filter(|shift| is_on(shift, now) && !out(&shift.person))
        .filter(|shift| areas.iter().all(|area| shift.area.contains(*area)))
        .collect();
    able.sort_by(|a, b| order(a).cmp(&order(b)));
    let tiers: [&[Post]; 3] = [&[Post::Deputy, Post::Officer], &[Post::Leader], &[Post::Standby]];
    let mut tiers = tiers
        .into_iter()
        .map(|posts| able.iter().copied().filter(|s| posts.contains(&s.post)).collect::<Vec<_>>())
        .filter(|tier| !tier.is_empty());
    let mut asked = Asked { now: tiers.next().unwrap_or_default(), next: Vec::new() };
    if pending.escalated() {
        asked.now.extend(tiers.next().unwrap_or_default());
    }
    asked.next = tiers.next().unwrap_or_default();
    asked
}

/// When the next people are asked: half of the time is over. `None` = the plan waits for nobody.
#[must_use]
pub fn escalates_at(pending: &Pending) -> Option<UtcMs> {
    let Need::Officers { decide_by, .. } = pending.plan().need else { return None };
    let half_ms = decide_by.since_ms(pending.since()) / 2;
    Some(pending.since().plus_ms(half_ms))
}

/// What is wrong with a shift; empty = nothing.
#[must_use]
pub fn shift_faults(network: &Network, shift: &Shift) -> Vec<Reason> {
    let mut faults = Vec::new();
    let n_chars = shift.person.chars().count();
    if shift.person.trim().is_empty() || n_chars > PERSON_CHARS_MAX {
        let text = format!("姓名应为 1 至 {PERSON_CHARS_MAX} 字，收到 {n_chars} 字");
        faults.push(reason("bad_person", text));
    }
    if !is_telephone(&shift.telephone) {
        let text = format!("电话应为数字，可含 + - 和空格，收到“{}”", shift.telephone);
        faults.push(reason("bad_telephone", text));
    }
    let known = network.areas.contains_key(&shift.area)
        && network.served.iter().any(|served| served.contains(shift.area));
    if !known {
        faults.push(reason("unknown_area", format!("没有这个区域：{}", shift.area)));
    }
    let long_ms = shift.until.since_ms(shift.from);
    if long_ms <= 0 {
        faults.push(reason("ends_before_start", "结束时间应晚于开始时间"));
    } else if long_ms > SHIFT_S_MAX * 1000 {
        let text = format!("一个班次最长 {} 天，请分开填写", SHIFT_S_MAX / 86_400);
        faults.push(reason("shift_too_long", text));
    }
    faults
}

/// Whether a text can be dialled.
#[must_use]
pub fn is_telephone(text: &str) -> bool {
    let good = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ');
    TELEPHONE_CHARS.contains(&text.len())
        && text.chars().all(good)
        && text.chars().filter(char::is_ascii_digit).count() >= *TELEPHONE_CHARS.start()
}
