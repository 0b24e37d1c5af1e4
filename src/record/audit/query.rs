//! Questions to the projection. Broadcasts come first, by time; within one the counts tell which
//! townships hold what is asked for, and only those ladders are read.

use super::pack::{self, COLUMNS, class_code, link_code, signed, unsigned};
use super::{Cursor, Filter, Ladder, OutcomeKind, Summary, Totals, TownshipLine};
use crate::model::{AreaCode, AreaLevel, BroadcastId, TerminalId};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Terminals from the first to the last number, and whether these are whole townships.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: i64,
    last: i64,
    whole_townships: bool,
}

impl Span {
    fn of(area: AreaCode) -> Self {
        let unit = match area.level() {
            AreaLevel::Province => 10_000_000_000,
            AreaLevel::City => 100_000_000,
            AreaLevel::County => 1_000_000,
            AreaLevel::Township => 1_000,
            AreaLevel::Village => 1,
        };
        let first = area.number();
        Self {
            first: signed(first * 1000),
            last: signed((first + unit) * 1000 - 1),
            whole_townships: unit > 1,
        }
    }

    fn one(terminal: TerminalId) -> Self {
        let number = signed(terminal.number());
        Self { first: number, last: number, whole_townships: false }
    }

    /// Whether a ladder's place lies in it, as SQL: by the area it was moved to, else by its name.
    fn place(self) -> String {
        let Self { first, last, .. } = self;
        let (low, high) = (first / 1000, last / 1000);
        format!(
            "(moved IS NULL AND terminal BETWEEN {first} AND {last} OR moved BETWEEN {low} AND {high})"
        )
    }

    /// Codes of the townships it touches.
    fn townships(self) -> (i64, i64) {
        let township = |terminal: i64| terminal / 1_000_000 * 1000;
        (township(self.first), township(self.last))
    }

    /// The part of it inside a township.
    fn within(self, township: i64) -> Self {
        let (first, last) = (township * 1000, township * 1000 + 999_999);
        Self { first: self.first.max(first), last: self.last.min(last), ..self }
    }
}

const EVERYWHERE: Span = Span { first: 0, last: i64::MAX, whole_townships: true };

/// A filter on its way to SQL.
struct Plan {
    /// Apart from each other, in order; empty = nothing can fit.
    spans: Vec<Span>,
    /// Conditions on a broadcast `b`, and their values.
    broadcasts: String,
    values: Vec<Value>,
    /// The one terminal that is asked for: then its place is looked at ladder by ladder.
    one: bool,
    /// Conditions on outcome and link, with `AND` before each; the same columns in both tables.
    narrow: String,
}

impl Plan {
    fn of(filter: &Filter) -> Self {
        let mut plan = Self {
            spans: spans(filter),
            one: filter.terminal.is_some(),
            broadcasts: "1".into(),
            values: Vec::new(),
            narrow: "".into(),
        };
        if let Some(since) = filter.since {
            plan.broadcast("b.started_ms >= ?", Value::Integer(since.0));
        }
        if let Some(until) = filter.until {
            plan.broadcast("b.started_ms < ?", Value::Integer(until.0));
        }
        if let Some(id) = filter.broadcast {
            plan.broadcast("b.id = ?", Value::Integer(signed(id.0)));
        }
        if let Some(class) = filter.class {
            plan.broadcast("b.class = ?", Value::Integer(class_code(Some(class))));
        }
        match filter.alert.as_deref().map(|name| (name, name.strip_prefix('#'))) {
            None => {}
            Some((name, None)) => plan.broadcast("b.alert_name = ?", Value::Text(name.to_owned())),
            Some((_, Some(number))) => {
                let exact = "(b.alert_name, b.alert_sender, b.alert_sent_ms) = (SELECT identifier, \
                             sender, sent_ms FROM alert WHERE number = ?)";
                plan.broadcast(exact, Value::Integer(number.parse().unwrap_or(0)));
            }
        }
        if !filter.outcomes.is_empty() {
            let codes: Vec<String> =
                filter.outcomes.iter().map(|kind| kind.code().to_string()).collect();
            plan.narrow += &format!(" AND outcome IN ({})", codes.join(","));
        }
        if let Some(link) = filter.link {
            plan.narrow += &format!(" AND link = {}", link_code(Some(link)));
        }
        plan
    }

    fn broadcast(&mut self, condition: &str, value: Value) {
        self.values.push(value);
        self.broadcasts += " AND ";
        self.broadcasts += &condition.replace('?', &format!("?{}", self.values.len()));
    }

    fn whole_townships(&self) -> bool {
        self.spans.iter().all(|span| span.whole_townships)
    }
}

fn spans(filter: &Filter) -> Vec<Span> {
    let areas = filter.areas_apart();
    match filter.terminal {
        Some(terminal) => vec![Span::one(terminal)],
        None if areas.is_empty() => vec![EVERYWHERE],
        None => areas.into_iter().map(Span::of).collect(),
    }
}

/// Shows ladders one by one, newest broadcast first, within it by terminal, behind `after`.
pub(super) fn visit(
    connection: &Connection,
    filter: &Filter,
    after: Option<Cursor>,
    mut show: impl FnMut(Ladder) -> ControlFlow<()>,
) -> Result<(), rusqlite::Error> {
    let mut plan = Plan::of(filter);
    if let Some(after) = after {
        plan.broadcast("b.id <= ?", Value::Integer(signed(after.broadcast.0)));
    }
    let query =
        format!("SELECT b.id FROM broadcast b WHERE {} ORDER BY b.id DESC", plan.broadcasts);
    let mut query = connection.prepare(&query)?;
    let mut broadcasts = query.query(params_from_iter(&plan.values))?;
    let mut scan = Scan::prepare(connection, &plan)?;
    let asked = filter.terminal.is_some().then_some(filter.areas.as_slice());
    let mut show = |ladder: Ladder| {
        // Of one terminal there are few ladders: where it stood is looked at here.
        let stood = asked.is_none_or(|areas| is_inside(&ladder, areas));
        if stood { show(ladder) } else { ControlFlow::Continue(()) }
    };
    while let Some(row) = broadcasts.next()? {
        let id: i64 = row.get(0)?;
        let behind = after.filter(|after| signed(after.broadcast.0) == id);
        let behind = behind.map_or(-1, |after| signed(after.terminal.number()));
        if scan.has_moved(id)? {
            if scan.by_place(id, behind, &mut show)?.is_break() {
                return Ok(());
            }
            continue;
        }
        for span in &plan.spans {
            if scan.broadcast(id, *span, behind, &mut show)?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Prepared statements that read one broadcast.
struct Scan<'a> {
    townships: Option<rusqlite::Statement<'a>>,
    ladders: rusqlite::Statement<'a>,
    /// Whether a broadcast has terminals that stood elsewhere than their names say; `None` = that is
    /// the same to this question.
    moved: Option<rusqlite::Statement<'a>>,
    /// Its ladders by where they stood, one by one.
    by_place: rusqlite::Statement<'a>,
}

impl<'a> Scan<'a> {
    fn prepare(connection: &'a Connection, plan: &Plan) -> Result<Self, rusqlite::Error> {
        let narrow = &plan.narrow;
        let townships = format!(
            "SELECT DISTINCT township FROM tally WHERE broadcast = ?1 AND township BETWEEN ?2 AND \
             ?3{narrow} ORDER BY township"
        );
        let ladders = format!(
            "SELECT {COLUMNS} FROM ladder WHERE broadcast = ?1 AND terminal BETWEEN ?2 AND ?3\
             {narrow} ORDER BY terminal"
        );
        // Where nothing is narrowed, every ladder of the span is wanted.
        let by_township = !narrow.is_empty() && plan.whole_townships();
        let townships = if by_township { Some(connection.prepare(&townships)?) } else { None };
        let moved =
            "SELECT EXISTS (SELECT 1 FROM ladder WHERE broadcast = ?1 AND moved IS NOT NULL)";
        let everywhere = plan.one || plan.spans.iter().any(|span| span.last == i64::MAX);
        let moved = if everywhere { None } else { Some(connection.prepare(moved)?) };
        let places: Vec<String> = plan.spans.iter().map(|span| span.place()).collect();
        let places = if places.is_empty() { "0".to_owned() } else { places.join(" OR ") };
        let by_place = connection.prepare(&format!(
            "SELECT {COLUMNS} FROM ladder WHERE broadcast = ?1 AND terminal BETWEEN ?2 AND ?3 AND \
             ({places}){narrow} ORDER BY terminal"
        ))?;
        Ok(Self { townships, ladders: connection.prepare(&ladders)?, moved, by_place })
    }

    fn has_moved(&mut self, id: i64) -> Result<bool, rusqlite::Error> {
        self.moved.as_mut().map_or(Ok(false), |moved| moved.query_row([id], |row| row.get(0)))
    }

    fn by_place(
        &mut self,
        id: i64,
        behind: i64,
        show: &mut impl FnMut(Ladder) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, rusqlite::Error> {
        let all = Span { first: behind.saturating_add(1), ..EVERYWHERE };
        ladders(&mut self.by_place, id, all, show)
    }

    fn broadcast(
        &mut self,
        id: i64,
        span: Span,
        behind: i64,
        show: &mut impl FnMut(Ladder) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, rusqlite::Error> {
        let first = span.first.max(behind.saturating_add(1));
        let span = Span { first, ..span };
        if span.first > span.last {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(townships) = &mut self.townships else {
            return ladders(&mut self.ladders, id, span, show);
        };
        let (from, to) = span.townships();
        let mut townships = townships.query([id, from, to])?;
        while let Some(row) = townships.next()? {
            let part = span.within(row.get(0)?);
            if ladders(&mut self.ladders, id, part, show)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Whether a ladder's terminal stood in one of these areas; in all when there are none.
fn is_inside(ladder: &Ladder, areas: &[AreaCode]) -> bool {
    let stood = |area: &AreaCode| ladder.area().is_some_and(|own| area.contains(own));
    areas.is_empty() || areas.iter().any(stood)
}

fn ladders(
    statement: &mut rusqlite::Statement<'_>,
    id: i64,
    span: Span,
    show: &mut impl FnMut(Ladder) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, rusqlite::Error> {
    let mut rows = statement.query([id, span.first, span.last])?;
    while let Some(row) = rows.next()? {
        if show(pack::read(row)?).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Counts of everything a filter lets through: from the tally where whole townships are asked for.
pub(super) fn summary(
    connection: &Connection,
    filter: &Filter,
) -> Result<Summary, rusqlite::Error> {
    if filter.terminal.is_some() {
        return summary_of_one(connection, filter);
    }
    let plan = Plan::of(filter);
    let mut found: BTreeMap<i64, Totals> = BTreeMap::new();
    for span in &plan.spans {
        count(connection, &plan, *span, &mut found)?;
    }
    let mut summary =
        Summary { n_broadcasts: count_broadcasts(connection, &plan)?, ..Summary::default() };
    for (township, totals) in found {
        totals.0.iter().for_each(|(kind, n)| summary.totals.add(*kind, *n));
        if let Some(area) = AreaCode::from_number(unsigned(township)) {
            summary.townships.push(TownshipLine { area, totals });
        }
    }
    Ok(summary)
}

/// The same for one terminal, ladder by ladder.
fn summary_of_one(connection: &Connection, filter: &Filter) -> Result<Summary, rusqlite::Error> {
    let (mut summary, mut townships) = (Summary::default(), BTreeMap::<u64, Totals>::new());
    visit(connection, filter, None, |ladder| {
        let kind = OutcomeKind::of(&ladder.outcome);
        summary.n_broadcasts += 1;
        summary.totals.add(kind, 1);
        townships.entry(ladder.township()).or_default().add(kind, 1);
        ControlFlow::Continue(())
    })?;
    for (township, totals) in townships {
        if let Some(area) = AreaCode::from_number(township) {
            summary.townships.push(TownshipLine { area, totals });
        }
    }
    Ok(summary)
}

fn count(
    connection: &Connection,
    plan: &Plan,
    span: Span,
    found: &mut BTreeMap<i64, Totals>,
) -> Result<(), rusqlite::Error> {
    let Plan { broadcasts, narrow, .. } = plan;
    // The order of the tables is given, so that time always narrows before place.
    let query = if span.whole_townships {
        let (from, to) = span.townships();
        format!(
            "SELECT township, outcome, sum(n) FROM broadcast b CROSS JOIN tally t ON \
             t.broadcast = b.id WHERE {broadcasts} AND township BETWEEN {from} AND {to}{narrow} \
             GROUP BY 1, 2"
        )
    } else {
        let Span { first, last, .. } = span;
        let (low, high) = (first / 1000, last / 1000);
        let from =
            format!("broadcast b CROSS JOIN ladder l ON l.broadcast = b.id WHERE {broadcasts}");
        // Each half by its own index. The same values serve both, by their numbers.
        format!(
            "SELECT township, outcome, sum(n) FROM (SELECT terminal / 1000000 * 1000 AS township, \
             outcome, count(*) AS n FROM {from} AND moved IS NULL AND terminal BETWEEN {first} AND \
             {last}{narrow} GROUP BY 1, 2 UNION ALL SELECT moved / 1000 * 1000, outcome, count(*) \
             FROM {from} AND moved BETWEEN {low} AND {high}{narrow} GROUP BY 1, 2) GROUP BY 1, 2"
        )
    };
    let mut query = connection.prepare(&query)?;
    let mut rows = query.query(params_from_iter(&plan.values))?;
    while let Some(row) = rows.next()? {
        let n = unsigned(row.get(2)?);
        if let Some(kind) = OutcomeKind::from_code(row.get(1)?).filter(|_| n > 0) {
            found.entry(row.get(0)?).or_default().add(kind, n);
        }
    }
    Ok(())
}

fn count_broadcasts(connection: &Connection, plan: &Plan) -> Result<u64, rusqlite::Error> {
    let narrow = &plan.narrow;
    let any: Vec<String> = plan
        .spans
        .iter()
        .map(|span| {
            if span.whole_townships {
                let (from, to) = span.townships();
                return format!(
                    "EXISTS (SELECT 1 FROM tally WHERE broadcast = b.id AND township BETWEEN \
                     {from} AND {to}{narrow})"
                );
            }
            let Span { first, last, .. } = span;
            let (low, high) = (first / 1000, last / 1000);
            format!(
                "EXISTS (SELECT 1 FROM ladder WHERE broadcast = b.id AND moved IS NULL AND terminal \
                 BETWEEN {first} AND {last}{narrow}) OR EXISTS (SELECT 1 FROM ladder WHERE \
                 broadcast = b.id AND moved BETWEEN {low} AND {high}{narrow})"
            )
        })
        .collect();
    if any.is_empty() {
        return Ok(0);
    }
    let query = format!(
        "SELECT count(*) FROM broadcast b WHERE {} AND ({})",
        plan.broadcasts,
        any.join(" OR ")
    );
    connection.query_row(&query, params_from_iter(&plan.values), |row| row.get(0)).map(unsigned)
}

/// One ladder.
pub(super) fn ladder(
    connection: &Connection,
    id: BroadcastId,
    terminal: TerminalId,
) -> Result<Option<Ladder>, rusqlite::Error> {
    let filter = Filter { broadcast: Some(id), terminal: Some(terminal), ..Filter::default() };
    let mut found = None;
    visit(connection, &filter, None, |ladder| {
        found = Some(ladder);
        ControlFlow::Break(())
    })?;
    Ok(found)
}
