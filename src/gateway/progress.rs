//! What the entries of a running broadcast do to its state: clips, orders, reports, its end.

use super::state::{Phase, State};
use crate::deliver::Delivery;
use crate::model::{
    Acknowledgement, Address, BroadcastId, Cancellation, ClipRef, OrderKind, Spoken, UtcMs,
};
use std::collections::BTreeMap;

/// Ended broadcasts whose per-terminal deliveries stay in memory, counted in deliveries; older
/// ones keep their counts only and are read from the record.
pub(crate) const DELIVERIES_KEPT_MAX: usize = 200_000;

impl State {
    pub(super) fn apply_clips(&mut self, id: BroadcastId, clips: &[ClipRef], spoken: &Spoken) {
        let Some(state) = self.broadcasts.get_mut(&id) else { return };
        state.clips = clips.to_vec();
        state.spoken = Some(spoken.clone());
        if state.phase == Phase::Rendering {
            state.phase = Phase::Sending;
        }
    }

    pub(super) fn apply_sent(
        &mut self,
        at: UtcMs,
        id: BroadcastId,
        to: &[Address],
        kind: OrderKind,
    ) {
        let Some(state) = self.broadcasts.get_mut(&id) else { return };
        if kind != OrderKind::Play {
            return;
        }
        // Group orders reach exactly the targeted terminals, because the areas are their cover; a
        // partly taken group marks nobody, and the orders by terminal address follow.
        let areas = state.broadcast.areas();
        if !areas.is_empty() && areas.iter().all(|area| to.contains(&Address::Area(*area))) {
            state.deliveries.values_mut().for_each(|delivery| delivery.sent(at));
        }
        for address in to {
            if let Address::Terminal(terminal) = address
                && let Some(delivery) = state.deliveries.get_mut(terminal)
            {
                delivery.sent(at);
            }
        }
    }

    pub(super) fn apply_acknowledged(&mut self, at: UtcMs, report: &Acknowledgement) {
        if let Some(delivery) = self
            .broadcasts
            .get_mut(&report.broadcast)
            .and_then(|state| state.deliveries.get_mut(&report.terminal))
        {
            delivery.acknowledged(report, at);
        }
    }

    pub(super) fn apply_cancelled(&mut self, id: BroadcastId, cancellation: &Cancellation) {
        if let Some(state) = self.broadcasts.get_mut(&id)
            && state.phase != Phase::Ended
        {
            state.phase = Phase::Cancelling;
            state.cancellation = Some(cancellation.clone());
            state.group_sent = false;
            state.deliveries.values_mut().for_each(|delivery| {
                delivery.cancelled_unsent();
                delivery.tries = 0;
                delivery.next_at = cancellation.at;
            });
        }
    }

    pub(super) fn apply_ended(&mut self, at: UtcMs, id: BroadcastId) {
        if let Some(state) = self.broadcasts.get_mut(&id) {
            state.phase = Phase::Ended;
            state.ended_at = Some(at);
            state.deliveries.values_mut().for_each(Delivery::close);
        }
        self.forget_old();
    }

    /// Drops per-terminal detail of the oldest ended broadcasts beyond the limit.
    fn forget_old(&mut self) {
        let mut kept: usize = self.broadcasts.values().map(|state| state.deliveries.len()).sum();
        for state in self.broadcasts.values_mut() {
            if kept <= DELIVERIES_KEPT_MAX {
                break;
            }
            if state.phase == Phase::Ended {
                kept -= state.deliveries.len();
                state.counts_kept = Some(state.counts());
                state.deliveries = BTreeMap::new();
            }
        }
    }
}
