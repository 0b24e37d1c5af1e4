//! Plans and broadcasts: manual broadcast, approve, refuse, cancel, stop-all, drills, outcomes.

use super::extract::{At, Form, MaybeForm, Params};
use super::idempotency::once;
use super::{Console, Problem, views};
use crate::clock;
use crate::decide::{ManualRequest, Urgency};
use crate::gateway::Input;
use crate::model::{
    Actor, AreaCode, BroadcastId, Chime, Class, Level, PlanId, Right, StopScope, TerminalId,
};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

/// Terminals or broadcasts of one page.
const PAGE_MAX: usize = 1_000;

type Reply = Result<Json<Value>, Problem>;

/// Body of `POST /broadcasts`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManualBody {
    text: Option<String>,
    recording: Option<String>,
    voice: Option<String>,
    #[serde(default)]
    areas: Vec<AreaCode>,
    #[serde(default)]
    terminals: Vec<TerminalId>,
    /// Saved groups by name.
    #[serde(default)]
    groups: Vec<String>,
    /// `live` or `drill`; there is no default, so that nobody sounds live by leaving it out.
    class: Class,
    level: Option<Level>,
    chime: Option<Chime>,
    #[serde(default = "one_play")]
    repeats: u8,
    #[serde(default)]
    interval_s: u16,
    volume_percent: Option<u8>,
    #[serde(default = "half_an_hour")]
    valid_s: u32,
    #[serde(default)]
    emergency: bool,
}

impl ManualBody {
    /// The request of an officer that it is.
    pub(super) fn request(self, actor: &Actor) -> ManualRequest {
        ManualRequest {
            text: self.text,
            recording: self.recording,
            areas: self.areas,
            polygon: None,
            groups: self.groups,
            voice: self.voice,
            terminals: self.terminals,
            class: self.class,
            level: self.level,
            chime: self.chime.unwrap_or(Chime::Notice),
            repeats: self.repeats,
            interval_s: self.interval_s,
            volume_percent: self.volume_percent,
            valid_s: self.valid_s,
            urgency: if self.emergency { Urgency::Emergency } else { Urgency::Daily },
            requested_by: actor.name.clone(),
            allowed_areas: actor.areas.clone(),
        }
    }
}

fn one_play() -> u8 {
    1
}

fn half_an_hour() -> u32 {
    1_800
}

/// Body of refuse and cancel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonBody {
    pub(super) reason: String,
}

/// Body of approve: without a revision the plan must be as it was made.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveBody {
    #[serde(default)]
    revision: u32,
}

/// Body of `POST /stop`: no areas = everything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StopBody {
    areas: Option<Vec<AreaCode>>,
}

/// Body of `POST /drill`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DrillBody {
    armed: bool,
    #[serde(default)]
    minutes: u32,
}

/// Cursor paging over terminals.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    after: Option<TerminalId>,
    limit: Option<usize>,
    outcome: Option<String>,
}

/// Cursor paging over broadcasts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListPage {
    before: Option<u64>,
    limit: Option<usize>,
}

/// A manual broadcast.
pub(super) async fn post(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, digest }: Form<ManualBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Broadcast)?;
    let (name, request) = (actor.name.clone(), body.request(&actor));
    let input = move |id| Input::Manual(id, actor, Box::new(request));
    once(console, &headers, &name, ("broadcast", digest), input).await
}

/// Plans that wait for people.
pub(super) async fn plans(State(console): State<Console>, headers: HeaderMap) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let plans = console
        .core
        .look(|gateway| {
            let now = clock::now_utc();
            let pending = gateway.state().pending.values();
            pending
                .map(|pending| {
                    let plan = pending.plan();
                    let whom = gateway.whom(plan.id, now).unwrap_or_default();
                    json!({
                        "id": plan.id.to_string(),
                        "response_plan": plan.response_plan,
                        "response_plan_title": plan.title(),
                        "requested_by": plan.requested_by,
                        "class": plan.class,
                        "text": plan.message.text,
                        "terminals": plan.terminals.len(),
                        "areas": plan.areas,
                        "need": plan.need,
                        "revision": pending.revision(),
                        "author": pending.author(),
                        "since_ms": pending.since().0,
                        "escalated": pending.escalated(),
                        "asked": whom.now,
                        "asked_next": whom.next,
                        "escalates_ms": whom.escalates_at.map(|at| at.0),
                        "signed": pending.signatures(),
                        "expires_ms": plan.expires.0,
                        "reasons": plan.reasons,
                    })
                })
                .collect::<Vec<_>>()
        })
        .await?;
    Ok(Json(json!({ "plans": plans })))
}

/// Broadcasts in memory, newest first.
pub(super) async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(page): Params<ListPage>,
) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let limit = page.limit.unwrap_or(200).clamp(1, PAGE_MAX);
    let before = BroadcastId(page.before.unwrap_or(u64::MAX));
    let all = console
        .core
        .look(move |gateway| {
            let broadcasts = gateway.state().broadcasts.range(..before).rev();
            broadcasts
                .take(limit)
                .map(|(_, state)| {
                    json!({
                        "id": state.broadcast.id().to_string(),
                        "state": state.phase,
                        "class": state.broadcast.class(),
                        "response_plan": state.broadcast.response_plan(),
                        "response_plan_title": state.broadcast.plan_title(),
                        "started_ms": state.started_at.0,
                        "counts": state.counts(),
                    })
                })
                .collect::<Vec<_>>()
        })
        .await?;
    let next = all.last().filter(|_| all.len() == limit).and_then(|last| last.get("id"));
    Ok(Json(json!({ "broadcasts": all, "next_before": next })))
}

/// One broadcast.
pub(super) async fn one(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<u64>,
) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let view = console
        .core
        .look(move |gateway| {
            let state = gateway.state().broadcasts.get(&BroadcastId(id))?;
            Some(views::broadcast(gateway, state))
        })
        .await?;
    view.map(Json).ok_or_else(|| Problem::not_found(format!("no broadcast {id}")))
}

/// Each terminal's ladder, in order of terminals.
pub(super) async fn acknowledgements(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<u64>,
    Params(page): Params<Page>,
) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let limit = page.limit.unwrap_or(200).clamp(1, PAGE_MAX);
    let rows = console
        .core
        .look(move |gateway| {
            let state = gateway.state().broadcasts.get(&BroadcastId(id))?;
            let rows: Vec<Value> = state
                .deliveries
                .iter()
                .filter(|(terminal, _)| page.after.is_none_or(|after| **terminal > after))
                .filter(|(_, delivery)| {
                    let name = crate::daemon::outcome_name(&delivery.outcome);
                    page.outcome.as_deref().is_none_or(|wanted| wanted == name)
                })
                .take(limit)
                .map(|(terminal, delivery)| views::delivery(gateway, *terminal, delivery))
                .collect();
            Some(rows)
        })
        .await?;
    let rows = rows.ok_or_else(|| Problem::not_found(format!("no broadcast {id}")))?;
    let next = rows.last().filter(|_| rows.len() == limit).and_then(|row| row.get("terminal"));
    Ok(Json(json!({ "acknowledgements": rows, "next_after": next })))
}

/// Approves the plan of that number, in the revision that was seen.
pub(super) async fn approve(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<u64>,
    MaybeForm(body): MaybeForm<ApproveBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Approve)?;
    let answer = console
        .core
        .ask(None, move |request| Input::Approve(request, actor, PlanId(id), body.revision))
        .await?;
    views::answer(&answer).map(Json)
}

/// Refuses the plan of that number.
pub(super) async fn refuse(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<u64>,
    Form { value: body, .. }: Form<ReasonBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Approve)?;
    let answer = console
        .core
        .ask(None, move |request| Input::Refuse(request, actor, PlanId(id), body.reason))
        .await?;
    views::answer(&answer).map(Json)
}

/// Cancels a broadcast.
pub(super) async fn cancel(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<u64>,
    Form { value: body, .. }: Form<ReasonBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Stop)?;
    let answer = console
        .core
        .ask(None, move |request| Input::Cancel(request, actor, BroadcastId(id), body.reason))
        .await?;
    views::answer(&answer).map(Json)
}

/// Stops everything in reach 一键停播.
pub(super) async fn stop(
    State(console): State<Console>,
    headers: HeaderMap,
    MaybeForm(body): MaybeForm<StopBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Stop)?;
    // `[]` may be a list that came out empty by mistake: everything is asked for by leaving it out.
    if body.areas.as_ref().is_some_and(Vec::is_empty) {
        return Err(Problem::bad_request("`areas` is empty; leave it out to stop everything"));
    }
    let areas = body.areas.unwrap_or_default();
    let scope = if areas.is_empty() { StopScope::All } else { StopScope::Areas(areas) };
    let answer = console.core.ask(None, move |request| Input::Stop(request, actor, scope)).await?;
    views::answer(&answer).map(Json)
}

/// Arms or disarms drills.
pub(super) async fn drill(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, .. }: Form<DrillBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Drill)?;
    let until = clock::now_utc().plus_s(i64::from(body.minutes) * 60);
    let answer = console
        .core
        .ask(None, move |request| {
            if body.armed {
                Input::ArmDrill(request, actor, until)
            } else {
                Input::DisarmDrill(request, actor)
            }
        })
        .await?;
    views::answer(&answer).map(Json)
}
