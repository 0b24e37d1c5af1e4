//! The audit 回执审计: handlers for programs, thin over functions that pages call as well.

use super::extract::Params;
use super::{Console, Problem};
use crate::daemon::AuditFault;
use crate::model::{Actor, AreaCode, BroadcastId, Network, Right, TerminalId};
use crate::record::JournalError;
use crate::record::audit::{
    AsOf, BroadcastLine, Cursor, Filter, Ladder, OutcomeKind, Proof, Summary,
};
use crate::report::{Asked, Directory, Form, TerminalName};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Ladders of one page.
pub(crate) const PAGE_MAX: usize = 1_000;

type Reply = Result<Json<Value>, Problem>;

/// A page of ladders with everything that is shown beside them.
pub(crate) struct AuditPage {
    /// Newest broadcast first, within it by terminal.
    pub(crate) ladders: Vec<Ladder>,
    /// Where the next page begins; `None` = this was the last.
    pub(crate) next: Option<Cursor>,
    /// The broadcasts of these ladders.
    pub(crate) broadcasts: BTreeMap<BroadcastId, BroadcastLine>,
    /// Names of their terminals and areas.
    pub(crate) names: Directory,
    /// How far the answer reaches.
    pub(crate) as_of: AsOf,
}

/// Counts with the names of the townships.
pub(crate) struct AuditSummary {
    /// The counts.
    pub(crate) summary: Summary,
    /// Names of the townships.
    pub(crate) names: Directory,
    /// How far the answer reaches.
    pub(crate) as_of: AsOf,
}

/// Ladders behind `after`, at most `limit` (1 to [`PAGE_MAX`]), as far as the actor may see.
///
/// # Errors
/// 403 outside of the actor's areas, 503 while the record is read for the first time.
pub(crate) async fn page(
    console: &Console,
    actor: &Actor,
    filter: Filter,
    after: Option<Cursor>,
    limit: usize,
) -> Result<AuditPage, Problem> {
    let filter = within(console, actor, filter).await?;
    let limit = limit.clamp(1, PAGE_MAX);
    let asked = console.audit.ask(move |audit| {
        let page = audit.page(&filter, after, limit)?;
        let ids: BTreeSet<BroadcastId> = page.ladders.iter().map(|one| one.broadcast).collect();
        let mut broadcasts = BTreeMap::new();
        for id in ids {
            broadcasts.extend(audit.broadcast(id)?.map(|line| (id, line)));
        }
        Ok((page, broadcasts))
    });
    let ((page, broadcasts), as_of) = asked.await?;
    let terminals = page.ladders.iter().map(|ladder| ladder.terminal).collect();
    let names = names(console, terminals, BTreeSet::new()).await?;
    Ok(AuditPage { ladders: page.ladders, next: page.next, broadcasts, names, as_of })
}

/// Counts per outcome and township, as far as the actor may see.
///
/// # Errors
/// As [`page`].
pub(crate) async fn summary(
    console: &Console,
    actor: &Actor,
    filter: Filter,
) -> Result<AuditSummary, Problem> {
    let filter = within(console, actor, filter).await?;
    let (summary, as_of) = console.audit.ask(move |audit| audit.summary(&filter)).await?;
    let areas = summary.townships.iter().map(|line| line.area).collect();
    let names = names(console, BTreeSet::new(), areas).await?;
    Ok(AuditSummary { summary, names, as_of })
}

/// Everything on record about one terminal in one broadcast, with proof of the chain.
///
/// # Errors
/// 404 when the broadcast never meant the terminal; otherwise as [`page`].
pub(crate) async fn proof(
    console: &Console,
    actor: &Actor,
    broadcast: BroadcastId,
    terminal: TerminalId,
) -> Result<(Proof, Directory), Problem> {
    let only = Filter { terminal: Some(terminal), ..Filter::default() };
    within(console, actor, only).await?;
    let trust = console.audit.trust();
    let (proof, _) =
        console.audit.ask(move |audit| audit.proof(broadcast, terminal, &trust)).await?;
    let proof = proof.ok_or_else(|| {
        Problem::not_found(format!("broadcast {broadcast} never meant terminal {terminal}"))
    })?;
    let names = names(console, BTreeSet::from([terminal]), BTreeSet::new()).await?;
    Ok((proof, names))
}

/// A report as a download, written as it is read.
///
/// # Errors
/// 503 when other reports are being written or a PDF finds no font; otherwise as [`page`].
pub(crate) async fn export(
    console: &Console,
    actor: &Actor,
    filter: Filter,
    form: Form,
) -> Result<Response, Problem> {
    let filter = within(console, actor, filter).await?;
    let directory = console.core.look(|gateway| Directory::of(&gateway.rules().network)).await?;
    let asked_by = actor.name.clone();
    let (name, pieces) = console.audit.report(form, filter, asked_by, directory).await?;
    let pieces = stream::unfold(pieces, |mut pieces| async {
        let piece = pieces.next().await?;
        Some((piece.map_err(std::io::Error::other), pieces))
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// The filter bounded by what the actor may see, and with the codes its areas are also known by.
async fn within(console: &Console, actor: &Actor, mut filter: Filter) -> Result<Filter, Problem> {
    let named = filter.terminal.and_then(|one| AreaCode::from_number(one.number() / 1000));
    for area in filter.areas.iter().copied().chain(named) {
        if !actor.covers([area]) {
            let why = format!("`{}` may not see area {area}; ask for areas of its own", actor.name);
            return Err(Problem::forbidden(why));
        }
    }
    if filter.areas.is_empty() {
        filter.areas.clone_from(&actor.areas);
    }
    if filter.areas.is_empty() {
        return Err(Problem::forbidden(format!("`{}` has no areas", actor.name)));
    }
    let areas = std::mem::take(&mut filter.areas);
    let look = |areas| console.core.look(|gateway| with_aliases(&gateway.rules().network, areas));
    filter.areas = look(areas).await?;
    Ok(filter)
}

/// Codes change under a running system: terminals keep the code they were first named after.
fn with_aliases(network: &Network, mut areas: Vec<AreaCode>) -> Vec<AreaCode> {
    let known = network.areas.values().filter(|area| areas.contains(&area.code));
    let aliases: Vec<AreaCode> = known.flat_map(|area| area.aliases.iter().copied()).collect();
    areas.extend(aliases);
    areas
}

/// Names of terminals, of the areas in their names, and of areas.
async fn names(
    console: &Console,
    terminals: BTreeSet<TerminalId>,
    mut areas: BTreeSet<AreaCode>,
) -> Result<Directory, Problem> {
    let look = console.core.look(move |gateway| {
        let network = &gateway.rules().network;
        let mut directory = Directory::default();
        for id in terminals {
            let mut area = AreaCode::from_number(id.number() / 1000);
            while let Some(code) = area.filter(|code| areas.insert(*code)) {
                area = code.parent();
            }
            if let Some(known) = network.terminals.get(&id) {
                let name = TerminalName { name: known.name.clone(), contact: None };
                directory.terminals.insert(id, name);
            }
        }
        let known = areas.iter().filter_map(|code| network.areas.get_key_value(code));
        directory.areas.extend(known.map(|(code, area)| (*code, area.name.clone())));
        directory
    });
    Ok(look.await?)
}

impl From<AuditFault> for Problem {
    fn from(fault: AuditFault) -> Self {
        let detail = fault.to_string();
        let unavailable = |title| {
            Self::of(StatusCode::SERVICE_UNAVAILABLE, "audit-unavailable", title, detail.clone())
        };
        match fault {
            AuditFault::Behind { .. } => unavailable("正在整理历史记录，请稍后再查"),
            AuditFault::Busy | AuditFault::Stopping => Self::busy(detail),
            AuditFault::Late => unavailable("查询超时，请缩小范围"),
            AuditFault::Stuck(_) | AuditFault::Record(JournalError::NothingKept) => {
                unavailable("审计暂不可用")
            }
            AuditFault::Report(crate::report::ReportFault::Font(_)) => {
                unavailable("缺少中文字体，无法生成 PDF")
            }
            AuditFault::Record(_) | AuditFault::Report(_) => Self::internal(detail),
        }
    }
}

/// `GET /audit/acknowledgements`.
pub(super) async fn acknowledgements(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(asked): Params<Asked>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Audit)?;
    let filter = asked.filter().map_err(Problem::bad_request)?;
    let cursor = crate::report::word(&asked.after, "after", "the `next` of a page", Cursor::parse);
    let limit = crate::report::word(&asked.limit, "limit", "a number", |text| text.parse().ok());
    let after = cursor.map_err(Problem::bad_request)?;
    let limit = limit.map_err(Problem::bad_request)?.unwrap_or(200);
    let page = page(&console, &actor, filter, after, limit).await?;
    let ladders: Vec<Value> =
        page.ladders.iter().map(|ladder| ladder_json(ladder, &page.names)).collect();
    Ok(Json(json!({
        "acknowledgements": ladders,
        "broadcasts": page.broadcasts.values().collect::<Vec<_>>(),
        "next": page.next.map(|next| next.to_string()),
        "as_of": page.as_of,
    })))
}

/// `GET /audit/summary`.
pub(super) async fn counts(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(asked): Params<Asked>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Audit)?;
    let filter = asked.filter().map_err(Problem::bad_request)?;
    let AuditSummary { summary, names, as_of } = summary(&console, &actor, filter).await?;
    let townships: Vec<Value> = summary
        .townships
        .iter()
        .map(|line| {
            let name = names.areas.get(&line.area);
            json!({ "area": line.area, "name": name, "totals": line.totals })
        })
        .collect();
    Ok(Json(json!({
        "broadcasts": summary.n_broadcasts,
        "acknowledgements": summary.totals.all(),
        "reached": summary.totals.reached(),
        "totals": summary.totals,
        "townships": townships,
        "as_of": as_of,
    })))
}

/// `GET /audit/evidence?broadcast=&terminal=`.
pub(super) async fn evidence(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(asked): Params<Asked>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Audit)?;
    let filter = asked.filter().map_err(Problem::bad_request)?;
    let (Some(broadcast), Some(terminal)) = (filter.broadcast, filter.terminal) else {
        return Err(Problem::bad_request("expected both `broadcast` and `terminal`"));
    };
    let (proof, names) = proof(&console, &actor, broadcast, terminal).await?;
    Ok(Json(json!({
        "broadcast": proof.broadcast,
        "acknowledgement": ladder_json(&proof.ladder, &names),
        "rows": proof.rows,
        "chain": proof.chain,
    })))
}

/// `GET /audit/export?format=`.
pub(super) async fn file(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let actor = console.keys.actor(&headers, Right::Audit)?;
    let filter = asked.filter().map_err(Problem::bad_request)?;
    let form = match asked.format.as_deref() {
        Some("csv") => Form::Csv,
        Some("xlsx") => Form::Xlsx,
        Some("pdf") => Form::Pdf,
        other => {
            let got = other.unwrap_or("nothing");
            let why = format!("format: expected csv, xlsx or pdf, got {got}");
            return Err(Problem::bad_request(why));
        }
    };
    export(&console, &actor, filter, form).await
}

/// One ladder for programs.
pub(crate) fn ladder_json(ladder: &Ladder, names: &Directory) -> Value {
    let area = ladder.area();
    let mut view = json!({
        "broadcast": ladder.broadcast.to_string(),
        "terminal": ladder.terminal,
        "name": names.terminals.get(&ladder.terminal).map(|known| &known.name),
        "area": area,
        "area_name": area.and_then(|area| names.areas.get(&area)),
        "outcome": OutcomeKind::of(&ladder.outcome),
        "detail": ladder.outcome,
        "link": ladder.link,
        "received_reported_ms": ladder.received_reported_at.map(|at| at.0),
        "playing_reported_ms": ladder.playing_reported_at.map(|at| at.0),
        "ended_reported_ms": ladder.ended_reported_at.map(|at| at.0),
        "plays": ladder.plays,
        "rows": ladder.rows,
        "n_rows": ladder.n_rows,
    });
    super::views::put_evidence(&mut view, &ladder.evidence);
    view
}
