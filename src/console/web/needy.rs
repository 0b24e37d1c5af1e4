//! On the page of a broadcast: the terminals that somebody must look after, and the slowest of the others.

use super::words::{self, Tongue};
use crate::gateway::BroadcastState;
use crate::model::{Network, Outcome, TerminalId, UtcMs};
use maud::{Markup, html};

/// Terminals in the list of those that need somebody.
const NEEDY_MAX: usize = 50;
/// Terminals in the list of the slowest.
const SLOW_MAX: usize = 10;

/// One that has not played it.
struct Needy {
    id: TerminalId,
    name: String,
    outcome: Outcome,
    last: Option<UtcMs>,
}

/// One that played it, late.
struct Slow {
    id: TerminalId,
    name: String,
    /// From the start until its first report, by our clock, milliseconds.
    first_ms: i64,
    /// When it ended, by its own.
    ended_at: Option<UtcMs>,
}

/// Both lists.
pub(super) struct Laggards {
    needy: Vec<Needy>,
    n_needy: usize,
    slow: Vec<Slow>,
}

impl Laggards {
    /// First those that have failed, then those that are silent longest; and who reported last of those
    /// that played.
    pub(super) fn of(network: &Network, state: &BroadcastState) -> Self {
        let (mut needy, mut slow) = (Vec::new(), Vec::new());
        for (id, delivery) in &state.deliveries {
            let evidence = &delivery.evidence;
            if delivery.outcome != Outcome::Played {
                needy.push((!delivery.is_ended(), evidence.last_report_at, *id));
            } else if let Some(at) = evidence.first_report_at {
                slow.push((std::cmp::Reverse(at), *id));
            }
        }
        let n_needy = needy.len();
        first(&mut needy, NEEDY_MAX);
        first(&mut slow, SLOW_MAX);
        let name = |id| network.terminals.get(&id).map(|known| known.name.clone());
        let needy = needy.into_iter().filter_map(|(_, last, id)| {
            let outcome = state.deliveries.get(&id)?.outcome.clone();
            Some(Needy { id, name: name(id).unwrap_or_default(), outcome, last })
        });
        let slow = slow.into_iter().filter_map(|(std::cmp::Reverse(at), id)| {
            let ended_at = state.deliveries.get(&id)?.evidence.ended_at;
            let first_ms = at.since_ms(state.started_at).max(0);
            Some(Slow { id, name: name(id).unwrap_or_default(), first_ms, ended_at })
        });
        Self { needy: needy.collect(), n_needy, slow: slow.collect() }
    }

    /// As tables.
    pub(super) fn tables(&self, tongue: Tongue, offset: i16) -> Markup {
        html! {
            @if !self.needy.is_empty() { (self.needy_table(tongue, offset)) }
            @if !self.slow.is_empty() { (self.slow_table(tongue, offset)) }
        }
    }

    fn needy_table(&self, tongue: Tongue, offset: i16) -> Markup {
        let say = |zh, en| tongue.say(zh, en);
        html! {
            h2 { (say("尚未播完的终端", "Terminals that have not played it")) " (" (self.n_needy) ")" }
            table.wide {
                thead { tr {
                    th { (say("终端", "Terminal")) } th { (say("位置", "Place")) }
                    th { (say("结果", "Outcome")) } th { (say("最近回执", "Last word")) }
                } }
                tbody {
                    @for one in &self.needy {
                        tr {
                            td { (one.id) } td { (one.name) } td { (words::outcome(tongue, &one.outcome)) }
                            td { @match one.last {
                                Some(at) => (words::time_of_day(at, offset)), None => (say("尚无", "none")) } }
                        }
                    }
                }
            }
            @if self.n_needy > self.needy.len() {
                p.hint { (say("先列失败和久无回执的；其余见回执审计。", "Those that failed or are silent longest; the rest is in the audit.")) }
            }
        }
    }

    fn slow_table(&self, tongue: Tongue, offset: i16) -> Markup {
        let say = |zh, en| tongue.say(zh, en);
        html! {
            h2 { (say("最慢的终端", "The slowest terminals")) }
            table.wide.slowest {
                thead { tr {
                    th { (say("终端", "Terminal")) } th { (say("位置", "Place")) }
                    th.number { (say("首个回执", "First word")) } th { (say("播完", "Ended")) }
                } }
                tbody {
                    @for one in &self.slow {
                        tr {
                            td { (one.id) } td { (one.name) }
                            td.number { (seconds(one.first_ms)) (say(" 秒后", " s after")) }
                            td { (one.ended_at.map(|at| words::time_of_day(at, offset)).unwrap_or_default()) }
                        }
                    }
                }
            }
        }
    }
}

/// Keeps the first `n` in their order: the rest is not sorted, a county has ten thousand.
fn first<T: Ord>(all: &mut Vec<T>, n: usize) {
    if all.len() > n {
        all.select_nth_unstable(n);
        all.truncate(n);
    }
    all.sort_unstable();
}

/// `2.3`
fn seconds(ms: i64) -> String {
    format!("{}.{}", ms / 1_000, ms % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_many_are_kept_in_their_order() {
        let check = |mut all: Vec<u32>, n: usize, expect: &[u32]| {
            first(&mut all, n);
            assert_eq!(all, expect);
        };
        check(vec![5, 1, 4, 2, 3], 3, &[1, 2, 3]);
        check(vec![2, 1], 3, &[1, 2]);
        check(vec![], 3, &[]);
        check((0..10_000).rev().collect(), 2, &[0, 1]);
    }
}
