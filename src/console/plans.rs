//! What people do with plans and broadcasts beyond approving: edit, break-glass, countersign, resend.

use super::broadcasts::ManualBody;
use super::extract::{At, Form};
use super::idempotency::once;
use super::{Console, Problem, views};
use crate::decide::PlanEdit;
use crate::gateway::{Ask, Input, Release};
use crate::model::{Actor, AreaCode, BroadcastId, PlanId, Right, Sha256, TerminalId};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) type Reply = Result<Json<Value>, Problem>;

/// Asks the core and gives its answer as JSON.
pub(super) async fn ask(console: &Console, actor: Actor, ask: Ask) -> Reply {
    let input = move |request| Input::Ask(request, actor, Box::new(ask));
    views::answer(&console.core.ask(None, input).await?).map(Json)
}

/// Body of `POST /plans/{id}/edit`: what is left out stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditBody {
    /// Revision of the plan that was seen.
    revision: u32,
    text: Option<String>,
    repeats: Option<u8>,
    volume_percent: Option<u8>,
    valid_s: Option<u32>,
    areas: Option<Vec<AreaCode>>,
    terminals: Option<Vec<TerminalId>>,
}

/// Changes a plan that waits; every earlier signature falls.
pub(super) async fn edit(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<u64>,
    Form { value: body, .. }: Form<EditBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Approve)?;
    let edit = PlanEdit {
        revision: body.revision,
        text: body.text,
        repeats: body.repeats,
        volume_percent: body.volume_percent,
        valid_s: body.valid_s,
        areas: body.areas,
        terminals: body.terminals,
        edited_by: actor.name.clone(),
        allowed_areas: actor.areas.clone(),
    };
    ask(&console, actor, Ask::EditPlan(PlanId(id), edit)).await
}

/// Body of `POST /break-glass`: a plan with the revision that was seen, or a manual broadcast.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BreakGlassBody {
    reason: String,
    plan: Option<String>,
    #[serde(default)]
    revision: u32,
    manual: Option<ManualBody>,
}

/// Releases alone and at once 紧急直发.
pub(super) async fn break_glass(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, digest }: Form<BreakGlassBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Broadcast)?;
    let plan = body.plan.as_deref().map(str::parse::<u64>);
    let release = match (plan, body.manual) {
        (Some(Ok(id)), None) => Release::Plan(PlanId(id), body.revision),
        (None, Some(manual)) => Release::Manual(Box::new(manual.request(&actor))),
        (Some(Err(_)), _) | (Some(_), Some(_)) | (None, None) => {
            let why = "expected either `plan`, the number of a waiting plan as text, or `manual`";
            return Err(Problem::bad_request(why));
        }
    };
    let (name, ask) = (actor.name.clone(), Ask::BreakGlass(release, body.reason));
    let input = move |request| Input::Ask(request, actor, Box::new(ask));
    once(console, &headers, &name, ("break-glass", digest), input).await
}

/// Broadcasts that were released alone, newest first, with their later signatures.
pub(super) async fn glass(State(console): State<Console>, headers: HeaderMap) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let all = console
        .core
        .look(|gateway| {
            let glass = gateway.state().glass.values().rev();
            glass
                .map(|glass| {
                    json!({
                        "broadcast": glass.broadcast.to_string(),
                        "by": glass.by,
                        "reason": glass.reason,
                        "at_ms": glass.at.0,
                        "countersign_by_ms": glass.countersign_by.0,
                        "signed": glass.signed,
                        "signatures_needed": glass.more(),
                        "leader_needed": glass.lacks_leader(),
                        "overdue": glass.overdue,
                    })
                })
                .collect::<Vec<_>>()
        })
        .await?;
    Ok(Json(json!({ "broadcasts": all })))
}

/// Signs afterwards what another officer released alone.
pub(super) async fn countersign(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<u64>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Approve)?;
    ask(&console, actor, Ask::Countersign(BroadcastId(id))).await
}

/// Sends a broadcast again to those that did not play it.
pub(super) async fn resend(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<u64>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Broadcast)?;
    let name = actor.name.clone();
    let input = move |request| Input::Ask(request, actor, Box::new(Ask::Resend(BroadcastId(id))));
    once(console, &headers, &name, (&format!("resend {id}"), Sha256::of(b"")), input).await
}
