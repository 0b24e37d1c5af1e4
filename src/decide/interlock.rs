//! The county's own interlock: origin × class of hazard × level × hour × area gives allow, ask a person or
//! refuse, and limits count what of it is too much. The strictest that fits holds, so no rule can make
//! anything looser. A rule for some areas takes effect there alone: what else was meant still sounds.

use super::matching::Hazard;
use super::target::{Targets, cover};
use super::{Memory, Rules, reason};
use crate::model::{
    AreaCode, HazardClass, Info, Interlock, InterlockLimit, InterlockRule, Level, OriginKind,
    Reason, ResponsePlan, TerminalId, UtcMs, Verdict,
};
use std::collections::BTreeSet;

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// Who wants to start what, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// From where the wish comes.
    pub origin: OriginKind,
    /// What about.
    pub class: HazardClass,
    /// How grave; `None` = not known.
    pub level: Option<Level>,
    /// Local hour in which it would begin, 0 to 23.
    pub hour: u8,
}

/// The local hour of a moment.
#[must_use]
pub fn local_hour(at: UtcMs, offset_minutes: i16) -> u8 {
    let local_ms = at.0.saturating_add(i64::from(offset_minutes) * 60_000);
    u8::try_from(local_ms.div_euclid(HOUR_MS).rem_euclid(24)).unwrap_or_default()
}

/// What the rules say of a cell in one area. A level that is not known is never refused by a rule for
/// some levels: a person looks at it.
#[must_use]
pub fn verdict(interlock: &Interlock, cell: Cell, area: AreaCode) -> Verdict {
    let here = |rule: &&InterlockRule| is_in(&rule.areas, area);
    interlock.rules.iter().filter(here).map(|rule| says(rule, cell)).max().unwrap_or_default()
}

fn is_in(areas: &[AreaCode], area: AreaCode) -> bool {
    areas.is_empty() || areas.iter().any(|own| own.contains(area))
}

fn fits<T: PartialEq>(list: &[T], one: &T) -> bool {
    list.is_empty() || list.contains(one)
}

/// How strict something for `levels` is at a level.
fn at_level(levels: &[Level], level: Option<Level>, strict: Verdict) -> Verdict {
    match level {
        _ if levels.is_empty() => strict,
        Some(level) if levels.contains(&level) => strict,
        Some(_) => Verdict::Allow,
        None => strict.min(Verdict::Ask),
    }
}

fn says(rule: &InterlockRule, cell: Cell) -> Verdict {
    let fits = fits(&rule.origins, &cell.origin)
        && fits(&rule.classes, &cell.class)
        && rule.hours.is_none_or(|hours| hours.holds(cell.hour));
    if fits { at_level(&rule.levels, cell.level, rule.verdict) } else { Verdict::Allow }
}

/// What the interlock found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// Why a person must look.
    pub(super) ask: Vec<Reason>,
    /// Why some of it, or all, does not sound.
    pub(super) refused: Vec<Reason>,
    /// Whether nothing is left.
    pub(super) silenced: bool,
}

impl Judged {
    /// Takes what is refused out of `terminals`.
    fn refuse(
        &mut self,
        rules: &Rules,
        areas: &[AreaCode],
        text: &str,
        terminals: &mut BTreeSet<TerminalId>,
    ) {
        let before = terminals.len();
        terminals.retain(|terminal| !stands_in(rules, areas, *terminal));
        let n = before - terminals.len();
        if areas.is_empty() || (n > 0 && terminals.is_empty()) {
            self.silenced = true;
            self.refused.push(reason("interlock_refused", format!("不予播发：{text}")));
        } else if n > 0 {
            let text = format!("{n} 个终端不予播发：{text}");
            self.refused.push(reason("interlock_refused", text));
        }
    }

    fn ask(&mut self, text: &str) {
        self.ask.push(reason("interlock_ask", format!("需人工确认：{text}")));
    }
}

fn stands_in(rules: &Rules, areas: &[AreaCode], terminal: TerminalId) -> bool {
    let known = || rules.network.terminals.get(&terminal);
    areas.is_empty() || known().is_some_and(|known| is_in(areas, known.area))
}

/// Judges a wish to reach `terminals`, of which those that are refused are taken out. `used` = broadcasts
/// of the last hour that each limit counts, in the order of the policy.
pub(super) fn judge(
    rules: &Rules,
    cell: Cell,
    used: &[usize],
    terminals: &mut BTreeSet<TerminalId>,
) -> Judged {
    let interlock = &rules.policy.interlock;
    let mut judged = Judged::default();
    let found =
        |strict: Verdict| interlock.rules.iter().filter(move |rule| says(rule, cell) == strict);
    for rule in found(Verdict::Refuse) {
        judged.refuse(rules, &rule.areas, &rule.reason, terminals);
    }
    let over: Vec<(&InterlockLimit, Verdict, String)> = interlock
        .limits
        .iter()
        .enumerate()
        .filter_map(|(at, limit)| {
            let used = used.get(at).copied().unwrap_or_default();
            over(rules, limit, cell, used, terminals).map(|(strict, why)| (limit, strict, why))
        })
        .collect();
    for (limit, strict, why) in &over {
        if *strict == Verdict::Refuse {
            judged.refuse(rules, &limit.areas, why, terminals);
        }
    }
    // Only what is left needs somebody who looks at it.
    let left = |areas: &[AreaCode]| {
        areas.is_empty() || terminals.iter().any(|terminal| stands_in(rules, areas, *terminal))
    };
    for rule in found(Verdict::Ask).filter(|rule| left(&rule.areas)) {
        judged.ask(&rule.reason);
    }
    for (limit, strict, why) in &over {
        if *strict == Verdict::Ask && left(&limit.areas) {
            judged.ask(why);
        }
    }
    judged
}

/// Whether a limit is passed, how strict it is about that, and in which words.
fn over(
    rules: &Rules,
    limit: &InterlockLimit,
    cell: Cell,
    used: usize,
    terminals: &BTreeSet<TerminalId>,
) -> Option<(Verdict, String)> {
    let strict = at_level(&limit.levels, cell.level, limit.over);
    let n = terminals.iter().filter(|terminal| stands_in(rules, &limit.areas, **terminal)).count();
    let here = limit.areas.is_empty() || n > 0;
    if !fits(&limit.origins, &cell.origin) || strict == Verdict::Allow || !here {
        return None;
    }
    let name = &limit.name;
    if let Some(max) = limit.per_hour_max.filter(|max| used >= usize::from(*max)) {
        return Some((strict, format!("“{name}”一小时内已播发 {used} 次，上限 {max} 次")));
    }
    let max = limit.terminals_max?;
    let passed = n > usize::try_from(max).unwrap_or(usize::MAX);
    passed.then(|| (strict, format!("“{name}”将到达 {n} 个终端，上限 {max} 个")))
}

/// The class of a hazard by its code, else by that of its response plan.
pub(super) fn hazard_class(info: &Info, response: &ResponsePlan) -> HazardClass {
    let code = Hazard::of(info).code;
    let code = code.as_ref().or_else(|| response.hazards.first());
    HazardClass::of_code(code.map(String::as_str))
}

/// The cell of a wish.
pub(super) fn cell(
    rules: &Rules,
    memory: &Memory,
    class: HazardClass,
    level: Option<Level>,
    at: UtcMs,
) -> Cell {
    let hour = local_hour(at, rules.policy.local_offset_minutes);
    Cell { origin: memory.origin, class, level, hour }
}

/// What the county's interlock says; what it refuses is taken out of `targets`.
pub(super) fn judged(rules: &Rules, cell: Cell, memory: &Memory, targets: &mut Targets) -> Judged {
    let before = targets.terminals.len();
    let judged = judge(rules, cell, &memory.limits_used, &mut targets.terminals);
    if targets.terminals.len() < before {
        targets.areas = cover(&rules.index, &rules.network, &targets.terminals);
    }
    judged
}
