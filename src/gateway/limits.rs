//! What the limits of the interlock count: broadcasts of the last hour, by origin and place.

use super::{BroadcastState, State};
use crate::decide::Rules;
use crate::model::{BroadcastId, InterlockLimit, OriginKind, UtcMs};

/// Span of the rolling window, seconds.
const WINDOW_S: i64 = 3_600;

impl State {
    /// For each limit of the policy, the broadcasts of the hour before `now` that count for it.
    #[must_use]
    pub fn limits_used(&self, rules: &Rules, now: UtcMs) -> Vec<usize> {
        let limits = &rules.policy.interlock.limits;
        if limits.is_empty() {
            return Vec::new();
        }
        // Counters are in step with the clock or ahead of it, so nothing of the hour is before this.
        let since = now.plus_s(-WINDOW_S);
        let first = BroadcastId(u64::try_from(since.0).unwrap_or(0));
        let recent: Vec<&BroadcastState> = self
            .broadcasts
            .range(first..)
            .map(|(_, state)| state)
            .filter(|state| state.started_at > since)
            .collect();
        let counted = |limit| recent.iter().filter(|state| counts(rules, limit, state)).count();
        limits.iter().map(counted).collect()
    }
}

/// From where the wish for a broadcast came.
fn origin_of(state: &BroadcastState) -> OriginKind {
    let kept = state.broadcast.basis().and_then(|basis| basis.origin);
    let by_hand = state.broadcast.alert().is_none();
    kept.unwrap_or(if by_hand { OriginKind::Duty } else { OriginKind::Upper })
}

fn counts(rules: &Rules, limit: &InterlockLimit, state: &BroadcastState) -> bool {
    let mut terminals = state.broadcast.terminals().iter();
    let area = |id| rules.network.terminals.get(id).map(|known| known.area);
    let inside = |area| limit.areas.iter().any(|own| own.contains(area));
    (limit.origins.is_empty() || limit.origins.contains(&origin_of(state)))
        && (limit.areas.is_empty() || terminals.any(|id| area(id).is_some_and(inside)))
}
