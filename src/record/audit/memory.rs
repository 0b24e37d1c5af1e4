//! The twin in memory: the same fold and the same questions without a database, each answered in
//! the plainest way, so that it can judge the other one.

use super::fold::{Change, Extent, Store, fold};
use super::{
    BroadcastLine, Cursor, Filter, Ladder, OutcomeKind, Page, Summary, Totals, TownshipLine,
};
use crate::model::{AlertId, AreaCode, BroadcastId, TerminalId, UtcMs};
use crate::record::Row;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// The projection of a journal, in memory.
#[derive(Debug, Default)]
pub struct MemoryAudit {
    /// Identity, headline and number.
    alerts: Vec<(AlertId, String)>,
    broadcasts: BTreeMap<BroadcastId, BroadcastLine>,
    ladders: BTreeMap<(BroadcastId, TerminalId), Ladder>,
    /// Rows of a kind the audit needs that can't be read.
    pub n_unread: u64,
}

impl MemoryAudit {
    /// Folds rows of a journal in, in their order.
    pub fn take<'a>(&mut self, rows: impl IntoIterator<Item = &'a Row>) {
        for row in rows {
            let Ok(read) = fold(self, row);
            self.n_unread += u64::from(!read);
        }
    }

    /// A page of ladders behind `after`.
    #[must_use]
    pub fn page(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Page {
        let behind = |ladder: &Ladder| {
            after.is_none_or(|after| {
                ladder.broadcast < after.broadcast
                    || ladder.broadcast == after.broadcast && ladder.terminal > after.terminal
            })
        };
        let mut found: Vec<&Ladder> = self
            .ladders
            .values()
            .filter(|ladder| behind(ladder) && self.fits(filter, ladder))
            .collect();
        found.sort_by_key(|ladder| (std::cmp::Reverse(ladder.broadcast), ladder.terminal));
        let more = found.len() > limit;
        found.truncate(limit);
        let next = if more { found.last().map(|last| last.cursor()) } else { None };
        Page { ladders: found.into_iter().cloned().collect(), next }
    }

    /// Counts of everything a filter lets through.
    #[must_use]
    pub fn summary(&self, filter: &Filter) -> Summary {
        let mut totals = Totals::default();
        let mut townships: BTreeMap<AreaCode, Totals> = BTreeMap::new();
        let mut broadcasts = BTreeSet::new();
        for ladder in self.ladders.values().filter(|ladder| self.fits(filter, ladder)) {
            let kind = OutcomeKind::of(&ladder.outcome);
            totals.add(kind, 1);
            broadcasts.insert(ladder.broadcast);
            if let Some(township) = AreaCode::from_number(ladder.township()) {
                townships.entry(township).or_default().add(kind, 1);
            }
        }
        let townships =
            townships.into_iter().map(|(area, totals)| TownshipLine { area, totals }).collect();
        Summary { n_broadcasts: broadcasts.len() as u64, totals, townships }
    }

    /// A broadcast.
    #[must_use]
    pub fn broadcast(&self, id: BroadcastId) -> Option<BroadcastLine> {
        let mut line = self.broadcasts.get(&id)?.clone();
        let alert = line.alert.as_ref();
        let of_alert = self.alerts.iter().rev().find(|(id, _)| Some(id) == alert);
        line.headline = of_alert.map(|(_, headline)| headline.clone());
        Some(line)
    }

    fn fits(&self, filter: &Filter, ladder: &Ladder) -> bool {
        let Some(broadcast) = self.broadcasts.get(&ladder.broadcast) else { return false };
        let kind = OutcomeKind::of(&ladder.outcome);
        let inside = |area: &AreaCode| ladder.area().is_some_and(|own| area.contains(own));
        filter.since.is_none_or(|since| broadcast.started_at >= since)
            && filter.until.is_none_or(|until| broadcast.started_at < until)
            && filter.alert.as_deref().is_none_or(|name| self.is_alert(broadcast, name))
            && filter.broadcast.is_none_or(|id| id == ladder.broadcast)
            && filter.class.is_none_or(|class| broadcast.class == Some(class))
            && (filter.areas.is_empty() || filter.areas.iter().any(inside))
            && filter.terminal.is_none_or(|terminal| terminal == ladder.terminal)
            && (filter.outcomes.is_empty() || filter.outcomes.contains(&kind))
            && filter.link.is_none_or(|link| ladder.link == Some(link))
    }

    fn is_alert(&self, broadcast: &BroadcastLine, name: &str) -> bool {
        let Some(alert) = &broadcast.alert else { return false };
        match name.strip_prefix('#') {
            None => alert.identifier == name,
            Some(number) => {
                let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                at.and_then(|at| self.alerts.get(at)).is_some_and(|(id, _)| id == alert)
            }
        }
    }
}

impl Store for MemoryAudit {
    type Fault = Infallible;

    fn alert(&mut self, id: &AlertId, headline: &str, _: u64) -> Result<(), Infallible> {
        self.alerts.push((id.clone(), headline.to_owned()));
        Ok(())
    }

    fn broadcast(&mut self, line: &BroadcastLine) -> Result<(), Infallible> {
        self.broadcasts.insert(line.id, line.clone());
        Ok(())
    }

    fn extent(&mut self, id: BroadcastId) -> Result<Option<Extent>, Infallible> {
        Ok(self
            .broadcasts
            .get(&id)
            .map(|line| Extent { areas: line.areas.clone(), ended: line.ended_at.is_some() }))
    }

    fn broadcast_row(&mut self, id: BroadcastId, seq: u64) -> Result<(), Infallible> {
        if let Some(line) = self.broadcasts.get_mut(&id) {
            line.rows.push(seq);
        }
        Ok(())
    }

    fn ended(&mut self, id: BroadcastId, at: UtcMs) -> Result<(), Infallible> {
        if let Some(line) = self.broadcasts.get_mut(&id) {
            line.ended_at = Some(at);
        }
        Ok(())
    }

    fn targeted(
        &mut self,
        id: BroadcastId,
        terminals: &mut dyn Iterator<Item = (TerminalId, Option<AreaCode>)>,
    ) -> Result<(), Infallible> {
        self.ladders.extend(terminals.map(|(terminal, moved)| {
            ((id, terminal), Ladder { moved, ..Ladder::targeted(id, terminal) })
        }));
        Ok(())
    }

    fn one(
        &mut self,
        id: BroadcastId,
        terminal: TerminalId,
        make: bool,
        change: Change<'_>,
    ) -> Result<(), Infallible> {
        let key = (id, terminal);
        if make {
            self.ladders.entry(key).or_insert_with(|| Ladder::targeted(id, terminal));
        }
        if let Some(ladder) = self.ladders.get_mut(&key) {
            change(ladder);
        }
        Ok(())
    }

    fn each(&mut self, id: BroadcastId, change: Change<'_>) -> Result<(), Infallible> {
        self.ladders
            .iter_mut()
            .filter(|((broadcast, _), _)| *broadcast == id)
            .for_each(|(_, ladder)| change(ladder));
        Ok(())
    }
}
