//! Who was not reached, terminal by terminal; and a filter in words.

use super::{Directory, Heading, ReportFault, local_time, table};
use crate::model::{AreaCode, TerminalId, UtcMs};
use crate::record::audit::{Audit, Filter, OutcomeKind};
use std::collections::BTreeMap;

/// Terminals that a report lists; the table has all of them.
pub const MISSED_LISTED_MAX: usize = 2_000;

/// Outcomes by which a terminal did not give the warning to the end.
const MISSED: [OutcomeKind; 6] = [
    OutcomeKind::Targeted,
    OutcomeKind::Sent,
    OutcomeKind::Refused,
    OutcomeKind::Failed,
    OutcomeKind::Expired,
    OutcomeKind::Unreachable,
];

/// A terminal that missed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) terminal: TerminalId,
    /// Where it stood by then.
    pub(super) area: Option<AreaCode>,
    /// How often.
    pub(super) n: u32,
    /// Start of the newest broadcast it missed.
    pub(super) last_at: UtcMs,
    /// What became of that one.
    pub(super) last: String,
}

/// All terminals that missed something, most often first. Kept by terminal, so that no length of
/// time needs more memory than the county has terminals.
pub(super) fn missed(audit: &Audit, heading: &Heading) -> Result<Vec<Missed>, ReportFault> {
    let mut filter = heading.filter.clone();
    filter.outcomes.retain(|kind| MISSED.contains(kind));
    if filter.outcomes.is_empty() {
        if !heading.filter.outcomes.is_empty() {
            return Ok(Vec::new());
        }
        filter.outcomes = MISSED.to_vec();
    }
    let heading = Heading { filter, ..heading.clone() };
    let mut found: BTreeMap<TerminalId, Missed> = BTreeMap::new();
    let nobody = Directory::default();
    super::csv_form::each(audit, &heading, &nobody, |line| {
        // Newest first: the first one seen is the last that was missed.
        let terminal = line.ladder.terminal;
        let entry = found.entry(terminal).or_insert_with(|| {
            let kind = OutcomeKind::of(&line.ladder.outcome).chinese();
            let why = table::detail(&line.ladder.outcome);
            let last = if why.is_empty() { kind.to_owned() } else { format!("{kind}：{why}") };
            Missed {
                terminal,
                area: line.ladder.area(),
                n: 0,
                last_at: line.broadcast.started_at,
                last,
            }
        });
        entry.n += 1;
        Ok(())
    })?;
    let mut all: Vec<Missed> = found.into_values().collect();
    all.sort_by_key(|missed| (std::cmp::Reverse(missed.n), missed.terminal));
    Ok(all)
}

/// The time a filter spans, in words.
pub(super) fn period(filter: &Filter) -> String {
    match (filter.since, filter.until) {
        (None, None) => "自有记录以来".to_owned(),
        (Some(since), None) => format!("{} 起", minute(since)),
        (None, Some(until)) => format!("{} 之前", minute(until)),
        (Some(since), Some(until)) => format!("{} 至 {}（不含）", minute(since), minute(until)),
    }
}

fn minute(at: UtcMs) -> String {
    local_time(at).chars().take(16).collect()
}

/// A filter in words.
pub(super) fn scope(filter: &Filter, directory: &Directory) -> String {
    let mut parts = vec![period(filter)];
    if let Some(alert) = &filter.alert {
        parts.push(format!("预警 {alert}"));
    }
    if let Some(broadcast) = filter.broadcast {
        parts.push(format!("播发 {broadcast}"));
    }
    if let Some(class) = filter.class {
        parts.push(table::class(Some(class)).to_owned());
    }
    if !filter.areas.is_empty() {
        let names: Vec<String> = filter.areas.iter().map(|area| directory.area(*area)).collect();
        parts.push(format!("区域 {}", names.join("、")));
    }
    if let Some(terminal) = filter.terminal {
        parts.push(format!("终端 {terminal}"));
    }
    if !filter.outcomes.is_empty() {
        let names: Vec<&str> = filter.outcomes.iter().map(|kind| kind.chinese()).collect();
        parts.push(format!("结果 {}", names.join("、")));
    }
    if let Some(link) = filter.link {
        parts.push(format!("链路 {}", table::link(Some(link))));
    }
    parts.join("；")
}
