//! What the audit answers with: ladders, counts, broadcasts.

use super::{Cursor, OutcomeKind};
use crate::model::{
    AlertId, AreaCode, BroadcastId, Class, Evidence, LinkKind, Outcome, Sha256, TerminalId, UtcMs,
    named_area,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Journal rows a ladder names; more are only counted.
pub const LADDER_ROWS_MAX: usize = 64;

/// One terminal × one broadcast: every rung with the terminal's time and ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ladder {
    /// Which broadcast.
    #[serde(serialize_with = "text")]
    pub broadcast: BroadcastId,
    /// Which terminal.
    pub terminal: TerminalId,
    /// The verdict.
    pub outcome: Outcome,
    /// The link its last report came by; before any report, the one that first took an order.
    pub link: Option<LinkKind>,
    /// The terminal's own times, when the order was sent, first and last report by our clock.
    pub evidence: Evidence,
    /// When we first had a report that it had verified the order (our clock).
    #[serde(rename = "received_reported_ms")]
    pub received_reported_at: Option<UtcMs>,
    /// When we first had a report that sound had begun (our clock).
    #[serde(rename = "playing_reported_ms")]
    pub playing_reported_at: Option<UtcMs>,
    /// When we first had a report of its end (our clock).
    #[serde(rename = "ended_reported_ms")]
    pub ended_reported_at: Option<UtcMs>,
    /// Complete plays it reported.
    pub plays: u8,
    /// Numbers of the journal rows about it alone, the first [`LADDER_ROWS_MAX`].
    pub rows: Vec<u64>,
    /// Journal rows about it alone.
    pub n_rows: u32,
    /// Where it stood when the broadcast began, when that is not the area of its name.
    pub moved: Option<AreaCode>,
}

impl Ladder {
    /// A terminal that was just chosen.
    pub(super) fn targeted(broadcast: BroadcastId, terminal: TerminalId) -> Self {
        Self {
            broadcast,
            terminal,
            outcome: Outcome::Targeted,
            link: None,
            evidence: Evidence::default(),
            received_reported_at: None,
            playing_reported_at: None,
            ended_reported_at: None,
            plays: 0,
            rows: Vec::new(),
            n_rows: 0,
            moved: None,
        }
    }

    /// The area in which it stood by the registry when the broadcast began; in records from before that
    /// was kept, the area of its name.
    #[must_use]
    pub fn area(&self) -> Option<AreaCode> {
        self.moved.or_else(|| named_area(self.terminal))
    }

    /// Code of the township it stood in.
    pub(super) fn township(&self) -> u64 {
        let area = self.area().map_or(self.terminal.number() / 1000, AreaCode::number);
        area / 1000 * 1000
    }

    /// Where the next page begins.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { broadcast: self.broadcast, terminal: self.terminal }
    }

    pub(super) fn note_row(&mut self, seq: u64) {
        self.n_rows = self.n_rows.saturating_add(1);
        if self.rows.len() < LADDER_ROWS_MAX {
            self.rows.push(seq);
        }
    }
}

/// Some ladders, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Newest broadcast first, within it by terminal.
    pub ladders: Vec<Ladder>,
    /// Where the next page begins; `None` = this was the last.
    #[serde(serialize_with = "as_text")]
    pub next: Option<Cursor>,
}

/// Numbers above 2^53 would be damaged by JavaScript: counters travel as text.
fn text<S: serde::Serializer>(id: &BroadcastId, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(id)
}

fn as_text<S: serde::Serializer>(next: &Option<Cursor>, to: S) -> Result<S::Ok, S::Error> {
    next.map(|cursor| cursor.to_string()).serialize(to)
}

/// Ladders by outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Totals(pub BTreeMap<OutcomeKind, u64>);

impl Totals {
    /// Adds ladders of one outcome.
    pub fn add(&mut self, outcome: OutcomeKind, n: u64) {
        *self.0.entry(outcome).or_default() += n;
    }

    /// Ladders of one outcome.
    #[must_use]
    pub fn of(&self, outcome: OutcomeKind) -> u64 {
        self.0.get(&outcome).copied().unwrap_or(0)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.0.values().sum()
    }

    /// Those that had the warning by their own word.
    #[must_use]
    pub fn reached(&self) -> u64 {
        self.0.iter().filter(|(kind, _)| kind.is_reached()).map(|(_, n)| n).sum()
    }
}

/// Counts of one township.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TownshipLine {
    /// The township; the county itself for terminals of no township.
    pub area: AreaCode,
    /// Its ladders by outcome.
    pub totals: Totals,
}

/// Counts of everything a filter lets through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Broadcasts with at least one such ladder.
    pub n_broadcasts: u64,
    /// Ladders by outcome.
    pub totals: Totals,
    /// The same by township, in order of codes.
    pub townships: Vec<TownshipLine>,
}

/// How far an answer reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AsOf {
    /// The last journal row in it.
    pub seq: u64,
    /// That row's chain hash.
    pub hash: Sha256,
    /// Rows of a kind the audit needs that this version can't read; they are in the journal only.
    pub n_unread: u64,
}

/// A broadcast as the audit knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BroadcastLine {
    /// Which.
    #[serde(serialize_with = "text")]
    pub id: BroadcastId,
    /// When it was authorised; for one of which only reports are on record, the time in its name.
    #[serde(rename = "started_ms")]
    pub started_at: UtcMs,
    /// When nothing more could come.
    #[serde(rename = "ended_ms")]
    pub ended_at: Option<UtcMs>,
    /// Live or drill; `None` when its beginning is not on record.
    pub class: Option<Class>,
    /// The response plan that matched, or `manual`.
    pub response_plan: String,
    /// Its title for people.
    pub plan_title: String,
    /// The alert behind it.
    pub alert: Option<AlertId>,
    /// That alert's headline.
    pub headline: Option<String>,
    /// What was said.
    pub text: String,
    /// Areas of its group orders.
    pub areas: Vec<AreaCode>,
    /// Journal rows about it as a whole.
    pub rows: Vec<u64>,
}
