//! Rejections as the gateway remembers them, and reading their bytes again.

use super::people::{deny, may, refuse_ask};
use super::{Action, Answer, Arrival, Gateway, RequestId, State, alerts};
use crate::decide;
use crate::model::{
    Actor, Origin, Reason, Refusal, Rejection, Replayed, Right, Sha256, SourceRules, UtcMs,
};
use crate::record::entry::Entry;
use serde::{Deserialize, Serialize};

/// Rejections kept in memory; older ones are in the record only.
pub(crate) const REJECTED_KEPT_MAX: usize = 2_000;
/// Replays of one of them that are kept in memory; older ones are in the record only.
const REPLAYS_KEPT_MAX: usize = 20;

/// Bytes that could not become an alert, as the gateway remembers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedState {
    /// When they came.
    pub at: UtcMs,
    /// Where from.
    pub origin: Origin,
    /// Digest of the bytes.
    pub raw: Sha256,
    /// Every fault.
    pub rejection: Rejection,
    /// Who had them read again, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replays: Vec<Replay>,
}

/// Somebody had the bytes of a rejection read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// When.
    pub at: UtcMs,
    /// Canonical name.
    pub by: String,
    /// Why, as typed.
    pub reason: String,
}

impl Gateway {
    pub(super) fn replay(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        (number, reason): (u64, String),
        (arrival, limits): (Arrival, SourceRules),
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let what = format!("replay rejection {number}");
            if let Err(why) = may(actor, Right::Replay, Vec::new()) {
                return deny(out, request, actor, &what, &why);
            }
            let Some(rejected) = out.state.rejection(number) else {
                return out.reply(request, Answer::NotFound(format!("no rejection {number}")));
            };
            let mut reasons: Vec<Reason> = decide::bad_reason(&reason).into_iter().collect();
            if rejected.raw != arrival.raw {
                let text = "台账中的原文与退回记录不一致，不能重读".to_owned();
                reasons.push(Reason { code: "other_bytes".to_owned(), text });
            }
            if !reasons.is_empty() {
                return refuse_ask(out, request, actor, &what, Refusal { reasons });
            }
            let by = actor.name.clone();
            out.record(Entry::RejectionReplayed(Replayed { number, by, reason }));
            alerts::take(rules, out, request, arrival, limits);
        })
    }
}

impl State {
    /// Rejections in memory with their numbers, oldest first. The first ever was number 1.
    pub fn rejections(&self) -> impl DoubleEndedIterator<Item = (u64, &RejectedState)> {
        let kept = u64::try_from(self.rejected.len()).unwrap_or(u64::MAX);
        let before = self.n_rejected.saturating_sub(kept);
        self.rejected.iter().enumerate().map(move |(place, one)| {
            let place = u64::try_from(place).unwrap_or(u64::MAX);
            (before.saturating_add(place).saturating_add(1), one)
        })
    }

    /// One by its number, as long as it is in memory.
    #[must_use]
    pub fn rejection(&self, number: u64) -> Option<&RejectedState> {
        self.rejected.get(self.place_of(number)?)
    }

    fn place_of(&self, number: u64) -> Option<usize> {
        let kept = u64::try_from(self.rejected.len()).ok()?;
        let before = self.n_rejected.checked_sub(kept)?;
        usize::try_from(number.checked_sub(before)?.checked_sub(1)?).ok()
    }

    /// Number of the alert that came as these very bytes.
    #[must_use]
    pub fn alert_of(&self, raw: Sha256) -> Option<u64> {
        self.alerts.iter().rev().find(|alert| alert.raw == Some(raw)).map(|alert| alert.number)
    }

    pub(super) fn apply_rejected(&mut self, at: UtcMs, entry: &Entry) {
        if let Entry::AlertRejected { rejection, raw, origin } = entry {
            let (rejection, origin, raw) = (rejection.clone(), origin.clone(), *raw);
            self.n_rejected += 1;
            let replays = Vec::new();
            self.rejected.push_back(RejectedState { at, origin, raw, rejection, replays });
            if self.rejected.len() > REJECTED_KEPT_MAX {
                self.rejected.pop_front();
            }
        } else if let Entry::AlertsShed(shed) = entry {
            self.n_shed += u64::from(shed.n);
        } else if let Entry::RejectionReplayed(Replayed { number, by, reason }) = entry
            && let Some(place) = self.place_of(*number)
            && let Some(rejected) = self.rejected.get_mut(place)
        {
            rejected.replays.push(Replay { at, by: by.clone(), reason: reason.clone() });
            if rejected.replays.len() > REPLAYS_KEPT_MAX {
                rejected.replays.remove(0);
            }
        }
    }
}
