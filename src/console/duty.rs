//! The duty roster and saved groups.

use super::extract::{At, Form, Params, ROSTER_BYTES_MAX, Whole, take};
use super::plans::{Reply, ask};
use super::{Console, Problem};
use crate::clock;
use crate::decide::{RowFault, read_roster};
use crate::gateway::Ask;
use crate::model::{AreaCode, Group, Right, Shift, ShiftId, TerminalId, UtcMs};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Shifts of one page.
const PAGE_MAX: usize = 1_000;

/// Which part of the roster.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RosterQuery {
    /// Who is on duty for this area, instead of all shifts.
    area: Option<AreaCode>,
    /// At this moment instead of now.
    at_ms: Option<i64>,
    after: Option<u64>,
    limit: Option<usize>,
}

/// The roster, or who is on duty.
pub(super) async fn roster(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(query): Params<RosterQuery>,
) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let at = query.at_ms.map_or_else(clock::now_utc, UtcMs);
    let limit = query.limit.unwrap_or(200).clamp(1, PAGE_MAX);
    let after = ShiftId(query.after.unwrap_or(0));
    let shifts: Vec<Shift> = console
        .core
        .look(move |gateway| {
            let state = gateway.state();
            match query.area {
                Some(area) => state.on_duty(area, at).into_iter().cloned().collect(),
                None => {
                    let all = state.shifts.values().filter(|shift| shift.id > after);
                    all.take(limit).cloned().collect()
                }
            }
        })
        .await?;
    let full = query.area.is_none() && shifts.len() == limit;
    let next = shifts.last().filter(|_| full).map(|shift| shift.id.to_string());
    let shifts: Vec<Value> = shifts.iter().map(shift_view).collect();
    Ok(Json(json!({ "shifts": shifts, "next_after": next })))
}

fn shift_view(shift: &Shift) -> Value {
    json!({
        "id": shift.id.to_string(),
        "post": shift.post,
        "title": shift.post.title(),
        "person": shift.person,
        "telephone": shift.telephone,
        "area": shift.area,
        "from_ms": shift.from.0,
        "until_ms": shift.until.0,
    })
}

/// Body of `POST /roster`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RosterBody {
    #[serde(default)]
    set: Vec<Shift>,
    #[serde(default)]
    remove: Vec<ShiftId>,
}

/// Sets and removes single shifts.
pub(super) async fn change(
    State(console): State<Console>,
    headers: HeaderMap,
    Whole(body): Whole<RosterBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Roster)?;
    ask(&console, actor, Ask::ChangeRoster(body.set, body.remove)).await
}

/// How an import is meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportQuery {
    /// Only check, and tell what would be set.
    #[serde(default)]
    dry_run: bool,
}

/// Takes a roster as CSV: all of it, or nothing and every fault.
pub(super) async fn import(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(query): Params<ImportQuery>,
    request: Request,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Roster)?;
    let taken = take(request, ROSTER_BYTES_MAX).await?;
    if taken.too_large {
        let why = format!("expected a roster of at most {ROSTER_BYTES_MAX} bytes");
        return Err(Problem::of(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "文件过大", why));
    }
    let (network, offset_minutes) = console
        .core
        .look(|gateway| {
            let rules = gateway.rules();
            (rules.network.clone(), rules.policy.local_offset_minutes)
        })
        .await?;
    let read =
        tokio::task::spawn_blocking(move || read_roster(&taken.bytes, &network, offset_minutes));
    match read.await.map_err(|fault| Problem::internal(fault.to_string()))? {
        Err(faults) => Err(rows_refused(&faults)),
        Ok(shifts) if query.dry_run => {
            let shifts: Vec<Value> = shifts.iter().map(shift_view).collect();
            Ok(Json(json!({ "state": "checked", "shifts": shifts })))
        }
        Ok(shifts) => ask(&console, actor, Ask::ChangeRoster(shifts, Vec::new())).await,
    }
}

fn rows_refused(faults: &[RowFault]) -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let why = "nothing was taken; mend every fault listed and send the file again";
    let mut problem = Problem::of(status, "roster-refused", "值班表有误，未导入", why);
    problem.faults = faults
        .iter()
        .map(|fault| crate::model::Fault {
            line: Some(fault.line),
            element: String::new(),
            what: fault.what.clone(),
        })
        .collect();
    problem
}

/// Saved groups.
pub(super) async fn groups(State(console): State<Console>, headers: HeaderMap) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let groups: Vec<Group> =
        console.core.look(|gateway| gateway.state().groups.values().cloned().collect()).await?;
    Ok(Json(json!({ "groups": groups })))
}

/// Templates of the policy, for composing.
pub(super) async fn templates(State(console): State<Console>, headers: HeaderMap) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let templates = console.core.look(|gateway| gateway.rules().policy.templates.clone()).await?;
    Ok(Json(json!({ "templates": templates })))
}

/// Body of `POST /groups`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupBody {
    name: String,
    #[serde(default)]
    areas: Vec<AreaCode>,
    #[serde(default)]
    terminals: Vec<TerminalId>,
}

/// Saves a group.
pub(super) async fn set_group(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, .. }: Form<GroupBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Broadcast)?;
    let GroupBody { name, areas, terminals } = body;
    let group = Group { name, owner: actor.name.clone(), areas, terminals };
    ask(&console, actor, Ask::SetGroup(group)).await
}

/// Removes a group.
pub(super) async fn remove_group(
    State(console): State<Console>,
    headers: HeaderMap,
    At(name): At<String>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Broadcast)?;
    ask(&console, actor, Ask::RemoveGroup(name)).await
}
