//! Broadcasts under way: audio ready, orders out, reports in, time passing.

use super::{Action, Gateway, Outbox, Phase, links_of, people};
use crate::decide::{self, Rules};
use crate::deliver::{self, Due, News, Presence};
use crate::model::{
    Acknowledgement, AfterDeadline, Approval, Broadcast, BroadcastId, Class, ClipRef, LinkKind,
    Need, PlanId, Reason, Spoken, TerminalId, UtcMs,
};
use crate::model::{Address, OrderKind};
use crate::record::entry::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// After validity ends, how long last reports are awaited before a broadcast is closed, seconds.
pub(crate) const END_GRACE_S: i64 = 60;
/// A cancelled broadcast is pursued this long at most, seconds: the terminal's own clock ends it
/// at its expiry anyway.
pub(crate) const CANCEL_PURSUIT_S: i64 = 3_600;

impl Gateway {
    pub(super) fn rendered(
        &mut self,
        now: UtcMs,
        broadcast: BroadcastId,
        clips: Vec<ClipRef>,
        spoken: Spoken,
    ) -> Vec<Action> {
        self.outbox(now, |_, out| {
            let waiting = out
                .state
                .broadcasts
                .get(&broadcast)
                .is_some_and(|state| state.phase == Phase::Rendering);
            if !waiting {
                return;
            }
            if let Some(why) = &spoken.fallback_reason {
                out.effect(Action::Alarm(Reason {
                    code: "voice_fallback".into(),
                    text: format!("播发 {broadcast} 使用备用音频：{why}"),
                }));
            }
            let unfit = spoken.fallback_reason.is_some();
            out.record(Entry::ClipReady { broadcast, clips, spoken });
            if unfit && super::live::is_drill(out, broadcast) {
                // A drill that can't be told from an alarm must not sound.
                people::cancel_broadcast(out, broadcast, "gateway", "演练提示语缺失，不能喊话");
                return;
            }
            send_group(out, broadcast);
        })
    }

    pub(super) fn link_took(
        &mut self,
        now: UtcMs,
        broadcast: BroadcastId,
        to: Vec<Address>,
        kind: OrderKind,
        link: LinkKind,
    ) -> Vec<Action> {
        self.outbox(now, |_, out| {
            if !to.is_empty() && out.state.broadcasts.contains_key(&broadcast) {
                out.record(Entry::Sent { broadcast, to, link, kind });
            }
        })
    }

    pub(super) fn acknowledged(&mut self, now: UtcMs, report: Acknowledgement) -> Vec<Action> {
        if let Some(answer) = self.as_answer(&report) {
            return self.silent_answered(now, answer);
        }
        self.heard.entry(report.terminal).or_default().at = now;
        let (terminal, broadcast, sequence) = (report.terminal, report.broadcast, report.sequence);
        let link = report.link;
        self.presence.insert((terminal, report.link), Presence::Online);
        self.outbox(now, |_, out| {
            let state = out.state.broadcasts.get(&broadcast);
            let delivery = state.and_then(|state| state.deliveries.get(&terminal));
            let news = match delivery {
                Some(delivery) => delivery.news(&report),
                // A report about a broadcast that is no longer in memory is evidence all the same.
                None if state.is_none_or(|state| state.counts_kept.is_some()) => News::New,
                None => News::Repeat,
            };
            if news == News::New {
                out.record(Entry::Acknowledged { report });
            }
            // Whether that was the last one `wake` sees: looking at all of them for each report
            // would make a county's cost grow with the square of its terminals.
            // The national protocol knows no receipt.
            if link != LinkKind::National {
                out.effect(Action::Receipt(terminal, broadcast, sequence));
            }
        })
    }

    pub(super) fn presence_changed(
        &mut self,
        now: UtcMs,
        terminal: TerminalId,
        link: LinkKind,
        online: bool,
    ) -> Vec<Action> {
        let presence = if online { Presence::Online } else { Presence::Offline };
        let before = self.presence.insert((terminal, link), presence);
        if !online || before == Some(Presence::Online) {
            return Vec::new();
        }
        let pace = self.pace;
        self.outbox(now, |_, out| {
            // Cancels go first, so that nothing older sounds; then what is valid, highest first.
            let mut due: Vec<(bool, u8, BroadcastId)> = out
                .state
                .running()
                .filter(|(_, state)| state.phase != Phase::Rendering)
                .filter(|(_, state)| {
                    state.deliveries.get(&terminal).is_some_and(|delivery| !delivery.is_ended())
                })
                .map(|(id, state)| {
                    let play = state.phase == Phase::Sending;
                    (play, u8::MAX - state.broadcast.priority().0, *id)
                })
                .collect();
            due.sort_unstable();
            for (_, _, id) in due {
                // One that is reached by its other link needs no second copy by this one.
                if way(out, id, terminal) != link {
                    continue;
                }
                if let Some(state) = out.state.broadcasts.get_mut(&id)
                    && let Some(delivery) = state.deliveries.get_mut(&terminal)
                {
                    delivery.tries = 0;
                    deliver::tried(delivery, terminal, now, &pace);
                }
                send(out, id, vec![Address::Terminal(terminal)], link);
            }
        })
    }

    pub(super) fn link_changed(&mut self, now: UtcMs, up: bool) -> Vec<Action> {
        self.presence.retain(|(_, link), _| *link != LinkKind::Mqtt);
        if up {
            // What was sent into a broken link is unknown: everything unanswered is due now.
            for state in self.state.broadcasts.values_mut() {
                state.group_sent &= state.phase == Phase::Ended;
                state.deliveries.values_mut().for_each(|delivery| delivery.next_at = now);
            }
            return self.wake(now);
        }
        vec![Action::Alarm(Reason {
            code: "link_down".into(),
            text: "与终端的链路已断开，恢复后自动补发未过期播发".into(),
        })]
    }

    /// Time passed: clocks of plans, group orders not yet out, repairs, ends.
    pub(super) fn wake(&mut self, now: UtcMs) -> Vec<Action> {
        let pace = self.pace;
        if self.budget_second != now.as_s() {
            self.budget_second = now.as_s();
            self.repair_budget = pace.repair_orders_per_s_max;
        }
        let mut budget = self.repair_budget;
        let mut out = Outbox {
            now,
            pace,
            rules: &self.rules,
            presence: &self.presence,
            call_key: self.call_key.as_ref(),
            state: &mut self.state,
            records: Vec::new(),
            effects: Vec::new(),
        };
        run_out(&self.rules, &mut out);
        super::breakglass::overdue(&mut out);
        super::roster::escalate(&self.rules, &mut out);
        super::programmes::due(&self.rules, &mut out);
        super::calls::escalate(&self.rules, &mut out);
        super::live::watch(&mut out);
        let running: Vec<BroadcastId> = out.state.running().map(|(id, _)| *id).collect();
        for id in running {
            end_if_done(&mut out, id);
            pursue(&mut out, id, &mut budget);
        }
        super::silent_test::pursue(&mut out, &mut budget);
        if self.platform.is_some() {
            super::platform::tell(&mut out);
        }
        self.repair_budget = budget;
        let Outbox { mut records, effects, .. } = out;
        records.extend(effects);
        records
    }
}

/// Plans whose clock ran out: released or ended, as their response plan says.
fn run_out(rules: &Rules, out: &mut Outbox<'_>) {
    let now = out.now;
    let due: Vec<(PlanId, bool)> = out
        .state
        .pending
        .iter()
        .filter_map(|(id, pending)| match pending.plan().need {
            Need::Nothing => None,
            Need::Officers { decide_by, .. } if now < decide_by => None,
            Need::Officers { after, .. } => {
                Some((*id, after == AfterDeadline::Release && now < pending.plan().expires))
            }
        })
        .collect();
    for (id, release) in due {
        let plan = out.state.pending.get(&id).map(decide::Pending::by_clock);
        match plan {
            Some(plan) if release => {
                let approval = Approval::Clock { plan: plan.response_plan.clone(), at: now };
                super::latch::start_open(rules, out, plan, approval);
            }
            _ => out.record(Entry::PlanEnded {
                plan: id,
                by: "clock".into(),
                reason: "限时内无人审批".into(),
            }),
        }
    }
}

/// First orders of a broadcast, by each terminal's preferred link: one per area when the areas are
/// its cover, else one per terminal.
pub(super) fn send_group(out: &mut Outbox<'_>, id: BroadcastId) {
    let (now, pace) = (out.now, out.pace);
    let Some(state) = out.state.broadcasts.get(&id) else { return };
    let mut by_link: BTreeMap<LinkKind, Vec<Address>> = BTreeMap::new();
    for terminal in state.deliveries.keys() {
        let first = way(out, id, *terminal);
        by_link.entry(first).or_default().push(Address::Terminal(*terminal));
    }
    if state.is_unspoken() {
        return;
    }
    if !state.broadcast.areas().is_empty() {
        let areas = state.broadcast.areas().iter().map(|area| Address::Area(*area));
        let areas: Vec<Address> = areas.collect();
        // A session of the national protocol is one terminal's: it knows no area.
        let grouped = by_link.iter_mut().filter(|(link, _)| **link != LinkKind::National);
        grouped.for_each(|(_, to)| to.clone_from(&areas));
    }
    let Some(state) = out.state.broadcasts.get_mut(&id) else { return };
    state.group_sent = true;
    let wait_s = i64::from(pace.acknowledge_wait_s);
    for delivery in state.deliveries.values_mut().filter(|delivery| !delivery.is_ended()) {
        delivery.next_at = now.plus_s(wait_s);
    }
    for (link, to) in by_link {
        send(out, id, to, link);
    }
}

/// The link by which a terminal gets its next order of a broadcast.
fn way(out: &Outbox<'_>, id: BroadcastId, terminal: TerminalId) -> LinkKind {
    let there = |link| out.presence.get(&(terminal, link)).copied().unwrap_or(Presence::Unknown);
    let state = out.state.broadcasts.get(&id);
    if state.is_some_and(|state| state.broadcast.speaker().is_some()) {
        return LinkKind::Mqtt;
    }
    let delivery = state.and_then(|state| state.deliveries.get(&terminal));
    deliver::way(links_of(out.rules, terminal), there, delivery, out.now, &out.pace)
}

/// Cancel orders to everyone a play order may have reached.
pub(super) fn send_cancel(out: &mut Outbox<'_>, id: BroadcastId) {
    send_group(out, id);
}

/// Repeats orders to those who are due, within the budget, each by the link whose turn it is.
fn pursue(out: &mut Outbox<'_>, id: BroadcastId, budget: &mut u32) {
    let (now, pace) = (out.now, out.pace);
    let (rules, presence) = (out.rules, out.presence);
    let Some(state) = out.state.broadcasts.get_mut(&id) else { return };
    let cancelled = match state.phase {
        Phase::Sending => false,
        Phase::Cancelling => true,
        Phase::Rendering | Phase::Ended => return,
    };
    if now >= state.broadcast.expires() || state.is_unspoken() {
        return;
    }
    let live = state.broadcast.speaker().is_some();
    if !state.group_sent {
        return send_group(out, id);
    }
    let play_ms = state.play_ms();
    let mut due: BTreeMap<(bool, LinkKind), Vec<Address>> = BTreeMap::new();
    for (terminal, delivery) in &mut state.deliveries {
        if *budget == 0 {
            break;
        }
        let links = links_of(rules, *terminal);
        let by = |link| presence.get(&(*terminal, link)).copied().unwrap_or(Presence::Unknown);
        let there = deliver::presence_of(links, by);
        let query = match deliver::due(delivery, now, there, play_ms, cancelled) {
            Due::Nothing => continue,
            Due::Order => false,
            Due::Query => true,
        };
        let link =
            if live { LinkKind::Mqtt } else { deliver::way(links, by, Some(delivery), now, &pace) };
        due.entry((query, link)).or_default().push(Address::Terminal(*terminal));
        *budget -= 1;
        deliver::tried(delivery, *terminal, now, &pace);
    }
    for ((query, link), to) in due {
        if query {
            self::query(out, id, to, link);
        } else {
            send(out, id, to, link);
        }
    }
}

/// The question how far they are, to these addresses.
fn query(out: &mut Outbox<'_>, id: BroadcastId, to: Vec<Address>, link: LinkKind) {
    let Some(state) = out.state.broadcasts.get(&id) else { return };
    let expires = state.broadcast.expires();
    let order = Box::new(deliver::query_order(&state.broadcast, out.now));
    let kind = OrderKind::Query;
    out.effect(Action::Send { broadcast: id, order, to, kind, link, expires });
}

/// The order that fits the phase, to these addresses.
fn send(out: &mut Outbox<'_>, id: BroadcastId, to: Vec<Address>, link: LinkKind) {
    let now = out.now;
    let Some(state) = out.state.broadcasts.get(&id) else { return };
    let broadcast: &Broadcast = &state.broadcast;
    let expires = broadcast.expires();
    if now >= expires || to.is_empty() {
        return;
    }
    let drill_unarmed = broadcast.class() == Class::Drill && out.state.drill_armed(now).is_none();
    let (order, kind) = match (&state.cancellation, state.phase) {
        (Some(cancellation), _) => {
            (deliver::cancel_order(broadcast, cancellation.counter, now), OrderKind::Cancel)
        }
        (None, Phase::Sending) if broadcast.speaker().is_some() && !drill_unarmed => {
            // Who comes when all is said would hear an opening and nothing more.
            if !state.speaking.as_ref().is_some_and(super::Speaking::goes_on) {
                return;
            }
            (deliver::live_order(broadcast, &state.clips, state.started_at), OrderKind::Play)
        }
        (None, Phase::Sending) if !drill_unarmed => {
            (deliver::play_order(broadcast, &state.clips, state.started_at), OrderKind::Play)
        }
        (None, _) => return,
    };
    out.effect(Action::Send { broadcast: id, order: Box::new(order), to, kind, link, expires });
}

/// The stop orders for everything everywhere, one for every kind of link in use.
pub(super) fn stop_all(rules: &Rules, counter: BroadcastId, now: UtcMs) -> Vec<Action> {
    let to: Vec<Address> = rules.network.served.iter().map(|area| Address::Area(*area)).collect();
    let expires = now.plus_s(CANCEL_PURSUIT_S);
    let order = Box::new(deliver::stop_all_order(counter, now, expires));
    let used = rules.network.terminals.values().flat_map(|known| known.links.iter().copied());
    let links: BTreeSet<LinkKind> = used.chain([LinkKind::Mqtt]).collect();
    links
        .into_iter()
        .map(|link| {
            let (order, to, kind) = (order.clone(), to.clone(), OrderKind::Cancel);
            Action::Send { broadcast: counter, order, to, kind, link, expires }
        })
        .collect()
}

/// Closes a broadcast when everyone ended or validity and grace are over.
fn end_if_done(out: &mut Outbox<'_>, id: BroadcastId) {
    let Some(state) = out.state.broadcasts.get(&id) else { return };
    let over = match state.phase {
        Phase::Ended => return,
        Phase::Rendering => out.now >= state.broadcast.expires(),
        Phase::Sending => {
            let until = state.speaking.as_ref().and_then(|speaking| speaking.ended_at);
            let until = until.unwrap_or_else(|| state.broadcast.expires());
            state.all_ended() || out.now >= until.plus_s(END_GRACE_S)
        }
        Phase::Cancelling => {
            let pursued_until = state
                .cancellation
                .as_ref()
                .map_or(out.now, |cancellation| cancellation.at.plus_s(CANCEL_PURSUIT_S));
            let until = pursued_until.min(state.broadcast.expires().plus_s(END_GRACE_S));
            state.all_ended() || out.now >= until
        }
    };
    if over {
        out.record(Entry::BroadcastEnded { broadcast: id });
    }
}
