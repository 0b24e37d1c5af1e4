//! The programme schedule.

use super::Console;
use super::extract::{At, Form, Whole};
use super::plans::{Reply, ask};
use crate::clock;
use crate::decide::{
    conflicts, estimated_ms, occurrences, programme_faults, programme_notes, terminals_of,
};
use crate::gateway::{Ask, Gateway, ProgrammeState};
use crate::model::{Programme, Right, UtcMs};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

/// How far ahead the next time is looked for, seconds.
const NEXT_S: i64 = 366 * 86_400;

/// All programmes with their next time and their newest occurrence.
pub(super) async fn list(State(console): State<Console>, headers: HeaderMap) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let now = clock::now_utc();
    let programmes = console
        .core
        .look(move |gateway| {
            let offset = gateway.rules().policy.local_offset_minutes;
            let all = gateway.state().programmes.values();
            all.map(|state| view(state, offset, now)).collect::<Vec<_>>()
        })
        .await?;
    Ok(Json(json!({ "programmes": programmes })))
}

fn view(state: &ProgrammeState, offset_minutes: i16, now: UtcMs) -> Value {
    let next = occurrences(&state.programme, offset_minutes, now, now.plus_s(NEXT_S));
    json!({
        "programme": state.programme,
        "set_by": state.set_by,
        "set_at_ms": state.set_at.0,
        "second_person": state.second_person,
        "approved_by": state.approved.as_ref().map(|(by, _)| by),
        "in_force": state.in_force_since().is_some(),
        "next_ms": next.first().map(|at| at.0),
        "estimated_ms": estimated_ms(&state.programme),
        "last": state.last.as_ref().map(|last| json!({
            "due_ms": last.due.0,
            "broadcast": last.outcome.as_ref().ok().map(ToString::to_string),
            "skipped": last.outcome.as_ref().err(),
        })),
    })
}

/// Saves a programme.
pub(super) async fn set(
    State(console): State<Console>,
    headers: HeaderMap,
    Whole(programme): Whole<Programme>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Broadcast)?;
    ask(&console, actor, Ask::SetProgramme(Box::new(programme))).await
}

/// What a programme would speak over, without saving it.
pub(super) async fn check(
    State(console): State<Console>,
    headers: HeaderMap,
    Whole(programme): Whole<Programme>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Broadcast)?;
    let now = clock::now_utc();
    let view = console
        .core
        .look(move |gateway| {
            let rules = gateway.rules();
            let (programme, mut faults) = gateway.state().resolved(programme);
            faults.extend(programme_faults(rules, &programme, &actor.name));
            let others = gateway.state().programmes.values().map(|state| &state.programme);
            json!({
                "faults": faults,
                "notes": programme_notes(rules, now, &programme, drill_until(gateway, now)),
                "conflicts": conflicts(rules, now, &programme, others),
                "terminals": terminals_of(rules, &programme).len(),
                "estimated_ms": estimated_ms(&programme),
            })
        })
        .await?;
    Ok(Json(view))
}

/// Until when drills are armed.
pub(super) fn drill_until(gateway: &Gateway, now: UtcMs) -> Option<UtcMs> {
    gateway.state().drill_armed(now).map(|drill| drill.until)
}

/// Body of approve: `set_at_ms` as it was seen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveBody {
    set_at_ms: i64,
}

/// Approves a programme that another officer saved.
pub(super) async fn approve(
    State(console): State<Console>,
    headers: HeaderMap,
    At(name): At<String>,
    Form { value: body, .. }: Form<ApproveBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Approve)?;
    ask(&console, actor, Ask::ApproveProgramme(name, UtcMs(body.set_at_ms))).await
}

/// Removes a programme.
pub(super) async fn remove(
    State(console): State<Console>,
    headers: HeaderMap,
    At(name): At<String>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Broadcast)?;
    ask(&console, actor, Ask::RemoveProgramme(name)).await
}
