//! How one journal row changes the projection: pure, the same for every store. The verdict is the
//! one of [`Delivery`], so that the audit never says anything else than the gateway did.

use super::{BroadcastLine, Ladder};
use crate::deliver::Delivery;
use crate::model::{
    Acknowledgement, Address, Alert, AlertId, AreaCode, Broadcast, BroadcastId, LinkKind,
    OrderKind, TerminalId, UtcMs,
};
use crate::record::Row;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A change to one ladder.
pub(super) type Change<'a> = &'a mut dyn FnMut(&mut Ladder);

/// Where a projection is kept.
pub(super) trait Store {
    /// Why it failed.
    type Fault;
    /// Keeps an alert; its number is one more than that of the alert before.
    fn alert(&mut self, id: &AlertId, headline: &str, seq: u64) -> Result<(), Self::Fault>;
    /// Keeps a broadcast.
    fn broadcast(&mut self, line: &BroadcastLine) -> Result<(), Self::Fault>;
    /// Areas and end of a broadcast; `None` when it is not known.
    fn extent(&mut self, id: BroadcastId) -> Result<Option<Extent>, Self::Fault>;
    /// Notes a journal row about a broadcast as a whole.
    fn broadcast_row(&mut self, id: BroadcastId, seq: u64) -> Result<(), Self::Fault>;
    /// Notes the end of a broadcast.
    fn ended(&mut self, id: BroadcastId, at: UtcMs) -> Result<(), Self::Fault>;
    /// Makes ladders of a broadcast that has none; with the area of those that stand elsewhere than their
    /// name says.
    fn targeted(
        &mut self,
        id: BroadcastId,
        terminals: &mut dyn Iterator<Item = (TerminalId, Option<AreaCode>)>,
    ) -> Result<(), Self::Fault>;
    /// Changes one ladder; one that is not there begins as chosen.
    fn one(
        &mut self,
        id: BroadcastId,
        terminal: TerminalId,
        make: bool,
        change: Change<'_>,
    ) -> Result<(), Self::Fault>;
    /// Changes all ladders of a broadcast.
    fn each(&mut self, id: BroadcastId, change: Change<'_>) -> Result<(), Self::Fault>;
}

/// What the fold must know of a broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    /// Areas of its group orders.
    pub(super) areas: Vec<AreaCode>,
    /// Whether it has ended.
    pub(super) ended: bool,
}

/// The parts of entries that the audit needs. Each kind of row has its own type, because reading
/// the tagged [`crate::record::entry::Entry`] costs three times as much.
#[derive(Deserialize)]
struct Accepted {
    alert: Box<Alert>,
}

#[derive(Deserialize)]
struct Started {
    broadcast: Box<Broadcast>,
    #[serde(default)]
    moved: Vec<(TerminalId, AreaCode)>,
}

#[derive(Deserialize)]
struct OfBroadcast {
    broadcast: BroadcastId,
}

#[derive(Deserialize)]
struct Sent {
    broadcast: BroadcastId,
    to: Vec<Address>,
    link: LinkKind,
    kind: OrderKind,
}

/// Folds one row in. `false` when the audit needs this kind of row but can't read it.
pub(super) fn fold<S: Store>(store: &mut S, row: &Row) -> Result<bool, S::Fault> {
    let seq = row.seq;
    match row.kind.as_str() {
        "acknowledged" => {
            let Some(report) = parse::<Acknowledgement>(row) else { return Ok(false) };
            acknowledged(store, row, &report)?;
        }
        "sent" => {
            let Some(sent) = parse::<Sent>(row) else { return Ok(false) };
            took(store, row, &sent)?;
        }
        "alert_accepted" => {
            let Some(Accepted { alert }) = parse(row) else { return Ok(false) };
            store.alert(&alert.id, &headline(&alert), seq)?;
        }
        "broadcast_started" => {
            let Some(Started { broadcast, moved }) = parse(row) else { return Ok(false) };
            started(store, row, &broadcast, &moved)?;
        }
        // The parts of live speech are in the clip that is kept of all of it.
        "clip_ready" | "live_begun" | "live_ended" | "live_kept" => {
            let Some(OfBroadcast { broadcast }) = parse(row) else { return Ok(false) };
            store.broadcast_row(broadcast, seq)?;
        }
        "broadcast_cancelled" => {
            let Some(OfBroadcast { broadcast }) = parse(row) else { return Ok(false) };
            store.broadcast_row(broadcast, seq)?;
            if store.extent(broadcast)?.is_some_and(|extent| !extent.ended) {
                climb_all(store, broadcast, &mut Delivery::cancelled_unsent)?;
            }
        }
        "broadcast_ended" => {
            let Some(OfBroadcast { broadcast }) = parse(row) else { return Ok(false) };
            store.broadcast_row(broadcast, seq)?;
            store.ended(broadcast, row.at)?;
            climb_all(store, broadcast, &mut Delivery::close)?;
        }
        _ => {}
    }
    Ok(true)
}

fn parse<'a, T: Deserialize<'a>>(row: &'a Row) -> Option<T> {
    serde_json::from_slice(&row.body).ok()
}

/// Headline or event text of the Chinese block, else of the first.
fn headline(alert: &Alert) -> String {
    let spoken = alert.infos.iter().find(|info| info.language.starts_with("zh"));
    let info = spoken.or_else(|| alert.infos.first());
    info.map(|info| info.headline.clone().unwrap_or_else(|| info.event.clone())).unwrap_or_default()
}

fn started<S: Store>(
    store: &mut S,
    row: &Row,
    broadcast: &Broadcast,
    moved: &[(TerminalId, AreaCode)],
) -> Result<(), S::Fault> {
    let moved: BTreeMap<TerminalId, AreaCode> = moved.iter().copied().collect();
    store.broadcast(&BroadcastLine {
        id: broadcast.id(),
        started_at: row.at,
        ended_at: None,
        class: Some(broadcast.class()),
        response_plan: broadcast.response_plan().to_owned(),
        plan_title: broadcast.plan_title().to_owned(),
        alert: broadcast.alert().cloned(),
        headline: None,
        text: broadcast.message().text.clone(),
        areas: broadcast.areas().to_vec(),
        rows: Vec::new(),
    })?;
    store.broadcast_row(broadcast.id(), row.seq)?;
    let terminals = broadcast.terminals().iter();
    store.targeted(broadcast.id(), &mut terminals.map(|id| (*id, moved.get(id).copied())))
}

fn acknowledged<S: Store>(
    store: &mut S,
    row: &Row,
    report: &Acknowledgement,
) -> Result<(), S::Fault> {
    let at = row.at;
    if store.extent(report.broadcast)?.is_none() {
        let id = report.broadcast;
        store.broadcast(&unknown(id))?;
    }
    store.one(report.broadcast, report.terminal, true, &mut |ladder| {
        climb(ladder, &mut |delivery| delivery.acknowledged(report, at));
        ladder.link = Some(report.link);
        ladder.plays = ladder.plays.max(report.plays);
        let first = |slot: &mut Option<UtcMs>, told: Option<UtcMs>| {
            if told.is_some() {
                slot.get_or_insert(at);
            }
        };
        first(&mut ladder.received_reported_at, report.received_at);
        first(&mut ladder.playing_reported_at, report.playing_at);
        first(&mut ladder.ended_reported_at, report.ended_at);
        ladder.note_row(row.seq);
    })
}

/// A broadcast of which only reports are on record: an older record was put in place of the one in
/// which it began. Its name is the time at which it was made.
fn unknown(id: BroadcastId) -> BroadcastLine {
    BroadcastLine {
        id,
        started_at: UtcMs(i64::try_from(id.0).unwrap_or(i64::MAX)),
        ended_at: None,
        class: None,
        response_plan: String::new(),
        plan_title: String::new(),
        alert: None,
        headline: None,
        text: String::new(),
        areas: Vec::new(),
        rows: Vec::new(),
    }
}

/// A link took orders: what the core's own state makes of it, and who was addressed.
fn took<S: Store>(store: &mut S, row: &Row, sent: &Sent) -> Result<(), S::Fault> {
    let Some(extent) = store.extent(sent.broadcast)? else { return Ok(()) };
    let play = sent.kind == OrderKind::Play;
    let mut to_areas = sent.to.iter().any(|to| matches!(to, Address::Area(_)));
    let all = |areas: &[AreaCode]| areas.iter().all(|area| sent.to.contains(&Address::Area(*area)));
    if play && !extent.areas.is_empty() && all(&extent.areas) {
        store.each(sent.broadcast, &mut |ladder| {
            climb(ladder, &mut |delivery| delivery.sent(row.at));
            ladder.link.get_or_insert(sent.link);
        })?;
    }
    for address in &sent.to {
        let Address::Terminal(terminal) = address else { continue };
        store.one(sent.broadcast, *terminal, false, &mut |ladder| {
            if play {
                climb(ladder, &mut |delivery| delivery.sent(row.at));
                ladder.link.get_or_insert(sent.link);
            }
            ladder.note_row(row.seq);
        })?;
    }
    // An order to nobody in particular must still be found.
    to_areas |= sent.to.is_empty();
    if to_areas { store.broadcast_row(sent.broadcast, row.seq) } else { Ok(()) }
}

fn climb_all<S: Store>(
    store: &mut S,
    id: BroadcastId,
    step: &mut dyn FnMut(&mut Delivery),
) -> Result<(), S::Fault> {
    store.each(id, &mut |ladder| climb(ladder, step))
}

/// Does to a ladder what the core does to its delivery.
fn climb(ladder: &mut Ladder, step: &mut dyn FnMut(&mut Delivery)) {
    let mut delivery = Delivery::targeted(UtcMs::default());
    delivery.outcome = ladder.outcome.clone();
    delivery.evidence = std::mem::take(&mut ladder.evidence);
    step(&mut delivery);
    ladder.outcome = delivery.outcome;
    ladder.evidence = delivery.evidence;
}
