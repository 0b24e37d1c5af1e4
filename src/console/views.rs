//! State as JSON for machines.

use super::Problem;
use crate::daemon::outcome_name;
use crate::gateway::{Answer, BroadcastState, Gateway};
use crate::model::Evidence;
use serde_json::{Value, json};

/// The JSON of an answer.
///
/// # Errors
/// The problem that a negative answer is.
pub(super) fn answer(answer: &Answer) -> Result<Value, Problem> {
    match answer {
        Answer::Alert { id, disposition, reasons, plans, broadcasts } => Ok(json!({
            "alert_id": { "sender": id.sender, "identifier": id.identifier, "sent_ms": id.sent.0 },
            "disposition": disposition,
            "reasons": reasons,
            "plans": texts(plans),
            "broadcasts": texts(broadcasts),
        })),
        Answer::Waiting { plan, more } => Ok(json!({
            "state": "awaiting_approval", "plan": plan.to_string(), "signatures_needed": more,
        })),
        Answer::Edited { plan, revision } => Ok(json!({
            "state": "awaiting_approval", "plan": plan.to_string(), "revision": revision,
        })),
        Answer::Saved { more } => Ok(json!({ "state": "saved", "signatures_needed": more })),
        Answer::TestStarted(test) => Ok(json!({ "state": "testing", "test": test.to_string() })),
        Answer::Started(broadcast) => {
            Ok(json!({ "state": "started", "broadcast": broadcast.to_string() }))
        }
        Answer::Done(broadcasts) => Ok(json!({ "state": "done", "broadcasts": texts(broadcasts) })),
        Answer::Rejected(rejection) => Err(Problem::rejected(rejection.clone())),
        Answer::Refused(refusal) => {
            let why: Vec<&str> = refusal.reasons.iter().map(|r| r.text.as_str()).collect();
            Err(Problem::refused(why.join("；")))
        }
        Answer::Denied(why) => Err(Problem::forbidden(why.clone())),
        Answer::NotFound(what) => Err(Problem::not_found(what.clone())),
        Answer::Platform { code, desc } => {
            Ok(json!({ "state": "answered", "code": code.number(), "desc": desc }))
        }
    }
}

/// Numbers above 2^53 would be damaged by JavaScript: counters travel as text.
fn texts<T: ToString>(ids: &[T]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// One broadcast with its counts and the townships' share.
pub(crate) fn broadcast(gateway: &Gateway, state: &BroadcastState) -> Value {
    let broadcast = &state.broadcast;
    json!({
        "id": broadcast.id().to_string(),
        "state": state.phase,
        "class": broadcast.class(),
        "response_plan": broadcast.response_plan(),
        "response_plan_title": broadcast.plan_title(),
        "approval": broadcast.approval(),
        "alert": broadcast.alert(),
        "text": broadcast.message().text,
        "started_ms": state.started_at.0,
        "ended_ms": state.ended_at.map(|at| at.0),
        "not_before_ms": broadcast.not_before().0,
        "expires_ms": broadcast.expires().0,
        "repeats": broadcast.repeats(),
        "clips": state.clips,
        "spoken": state.spoken,
        "cancellation": state.cancellation,
        "counts": state.counts(),
        "townships": super::terminals::per_township(gateway, state),
    })
}

/// Times and claims behind an outcome, put into an object.
pub(super) fn put_evidence(view: &mut Value, evidence: &Evidence) {
    let Some(view) = view.as_object_mut() else { return };
    let times = [
        ("sent_ms", evidence.sent_at),
        ("received_ms", evidence.received_at),
        ("playing_ms", evidence.playing_at),
        ("ended_ms", evidence.ended_at),
        ("first_report_ms", evidence.first_report_at),
        ("last_report_ms", evidence.last_report_at),
    ];
    for (name, at) in times {
        view.insert(name.to_owned(), json!(at.map(|at| at.0)));
    }
    view.insert("heard".to_owned(), json!(evidence.heard));
    view.insert("orders".to_owned(), json!(evidence.attempts));
}

/// One terminal's ladder in a broadcast.
pub(super) fn delivery(
    gateway: &Gateway,
    terminal: crate::model::TerminalId,
    delivery: &crate::deliver::Delivery,
) -> Value {
    let known = gateway.rules().network.terminals.get(&terminal);
    let mut view = json!({
        "terminal": terminal,
        "name": known.map(|known| known.name.clone()),
        "area": known.map(|known| known.area),
        "outcome": outcome_name(&delivery.outcome),
        "detail": delivery.outcome,
    });
    put_evidence(&mut view, &delivery.evidence);
    view
}
