//! Resend 补发: those that ended without playing get a new broadcast; those that are silent get the
//! order they have, again and at once. The old order's number tells a terminal that it knows it, so
//! nobody who played, plays or will play by the old order hears it twice.

use super::alerts::memory;
use super::people::{areas_of, deny, may, refuse_ask, start};
use super::{Action, Answer, BroadcastState, Gateway, Outbox, Phase, RequestId, State, latch};
use crate::decide;
use crate::deliver::Delivery;
use crate::model::{
    Actor, Approval, BroadcastId, OriginKind, Outcome, PlanId, Reason, Refusal, RefusalCode, Right,
    TerminalId, UtcMs,
};
use crate::record::entry::Entry;
use std::collections::BTreeSet;

impl Gateway {
    pub(super) fn resend(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        of: BroadcastId,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let what = format!("resend broadcast {of}");
            let Some(old) = out.state.broadcasts.get(&of) else {
                return out.reply(request, Answer::NotFound(format!("no broadcast {of}")));
            };
            let areas = areas_of(rules, old.broadcast.terminals());
            if let Err(why) = may(actor, Right::Broadcast, areas) {
                return deny(out, request, actor, &what, &why);
            }
            if let Some(against) = not_now(old) {
                let refusal = Refusal { reasons: vec![against] };
                return refuse_ask(out, request, actor, &what, refusal);
            }
            let due = out.state.unplayed(of);
            let silent = if now < old.broadcast.expires() { silent(old) } else { BTreeSet::new() };
            let urged = u32::try_from(silent.len()).unwrap_or(u32::MAX);
            let by = actor.name.clone();
            if due.is_empty() && urged > 0 {
                urge(out, of, &silent);
                out.record(Entry::Resent { of, broadcast: None, urged, by });
                return out.reply(request, Answer::Done(vec![of]));
            }
            let id = PlanId(out.state.next_counter(now));
            let past = memory(rules, out, &[], OriginKind::Duty);
            let plan = decide::resend(rules, now, &old.broadcast, due, &by, &past, id);
            match plan.and_then(|plan| latch::whole(rules, out.state, plan)) {
                Err(refusal) => refuse_ask(out, request, actor, &what, refusal),
                Ok(plan) => {
                    out.record(Entry::PlanMade { plan: Box::new(plan.plan().clone()) });
                    let approval = Approval::Officers { by: vec![by.clone()], at: now };
                    let broadcast = start(rules, out, plan, approval);
                    urge(out, of, &silent);
                    out.record(Entry::Resent { of, broadcast: Some(broadcast), urged, by });
                    out.reply(request, Answer::Started(broadcast));
                }
            }
        })
    }
}

/// Why a broadcast can't be sent again, whoever asks.
fn not_now(old: &BroadcastState) -> Option<Reason> {
    let against =
        |code: &str, text: &str| Some(Reason { code: code.to_owned(), text: text.to_owned() });
    if old.cancellation.is_some() {
        return against("cancelled", "该播发已取消，不能补发");
    }
    if old.broadcast.speaker().is_some() {
        return against("spoken_live", "现场喊话不能补发；请用喊话录音或文字另行播发");
    }
    if old.phase == Phase::Rendering {
        return against("not_out_yet", "音频尚未生成，播发还没有发出");
    }
    if old.counts_kept.is_some() {
        return against("detail_gone", "该播发的逐终端明细已归档，请重新播发");
    }
    None
}

/// Terminals of a running broadcast that have said nothing yet, or were busy.
fn silent(old: &BroadcastState) -> BTreeSet<TerminalId> {
    let waits = |delivery: &Delivery| {
        let holds_it = matches!(delivery.outcome, Outcome::Received | Outcome::Playing);
        !delivery.is_ended() && !holds_it
    };
    let all = old.deliveries.iter().filter(|_| old.phase == Phase::Sending);
    all.filter(|(_, delivery)| waits(delivery)).map(|(terminal, _)| *terminal).collect()
}

/// Makes the old order of silent terminals due now, as when they come back.
fn urge(out: &mut Outbox<'_>, of: BroadcastId, silent: &BTreeSet<TerminalId>) {
    let now = out.now;
    let Some(old) = out.state.broadcasts.get_mut(&of) else { return };
    for (_, delivery) in old.deliveries.iter_mut().filter(|(id, _)| silent.contains(id)) {
        delivery.tries = 0;
        delivery.next_at = now;
    }
}

impl State {
    /// Terminals that ended without playing a broadcast, by no earlier resend either: none of those
    /// that such a resend reaches or may still reach.
    #[must_use]
    pub fn unplayed(&self, of: BroadcastId) -> BTreeSet<TerminalId> {
        let Some(old) = self.broadcasts.get(&of) else { return BTreeSet::new() };
        let mut due: BTreeSet<TerminalId> = ended_unplayed(old).collect();
        let mut resends = old.resent_as.clone();
        while let Some(next) = resends.pop() {
            let Some(again) = self.broadcasts.get(&next) else { continue };
            let unplayed: BTreeSet<TerminalId> = ended_unplayed(again).collect();
            due.retain(|id| !again.broadcast.terminals().contains(id) || unplayed.contains(id));
            resends.extend(again.resent_as.iter().copied());
        }
        due
    }
}

fn ended_unplayed(state: &BroadcastState) -> impl Iterator<Item = TerminalId> {
    // Who refuses an order as used before has played it, or began to; its report was lost.
    let heard_it = |delivery: &Delivery| {
        matches!(delivery.outcome, Outcome::Played | Outcome::Refused(RefusalCode::Replay))
    };
    let ended = state
        .deliveries
        .iter()
        .filter(move |(_, delivery)| delivery.is_ended() && !heard_it(delivery));
    ended.map(|(terminal, _)| *terminal)
}
