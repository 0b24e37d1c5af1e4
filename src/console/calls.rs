//! Calls to responsible persons, and the answers that officers enter.

use super::extract::At;
use super::plans::Reply;
use super::{Console, Problem, views};
use crate::gateway::{Answering, Call, Input};
use crate::model::{BroadcastId, CallId, Right};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

/// The calls about one broadcast.
pub(super) async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<u64>,
) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let calls = console
        .core
        .look(move |gateway| {
            let state = gateway.state();
            state.broadcasts.get(&BroadcastId(id))?;
            Some(state.calls_of(BroadcastId(id)).map(view).collect::<Vec<_>>())
        })
        .await?;
    let calls = calls.ok_or_else(|| Problem::not_found(format!("no broadcast {id}")))?;
    Ok(Json(json!({ "calls": calls })))
}

fn view(call: &Call) -> Value {
    let persons = call.persons.iter().map(|(person, sent)| {
        json!({
            "name": person.name,
            "role": person.role,
            "telephone": person.telephone,
            "stage": person.stage,
            "sent": sent,
        })
    });
    json!({
        "id": call.id.to_string(),
        "area": call.area,
        "persons": persons.collect::<Vec<_>>(),
        "made_ms": call.made_at.0,
        "answer_by_ms": call.answer_by.0,
        "open": call.is_open(),
        "answer": call.answer.as_ref().map(|(how, _)| how),
        "answered_ms": call.answer.as_ref().map(|(_, at)| at.0),
        "gave_up": call.gave_up,
    })
}

/// Notes that an officer reached the person by telephone.
pub(super) async fn answered(
    State(console): State<Console>,
    headers: HeaderMap,
    At(id): At<u64>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Approve)?;
    let input = move |request| Input::CallAnswered(request, CallId(id), Answering::Officer(actor));
    views::answer(&console.core.ask(None, input).await?).map(Json)
}
