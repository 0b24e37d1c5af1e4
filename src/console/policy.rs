//! Response plans and templates: what is in force, who changed what, and changes asked for, approved and
//! refused, by the rules of the pages.

use super::extract::{Form, Params, Whole};
use super::plans::{Reply, ask};
use super::{Console, Problem};
use crate::decide::{PartHistory, PolicyEdit};
use crate::gateway::{Ask, Gateway};
use crate::model::{PolicyContent, PolicyDeed, PolicyPart, PolicyRefused, PolicyVersion, Right};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Body of a change that is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyBody {
    #[serde(default)]
    deed: PolicyDeed,
    part: PolicyPart,
    /// What it is to say; a removal has none.
    content: Option<PolicyContent>,
    stands_before: Option<String>,
    seen: u32,
    reason: String,
    returns_to: Option<u32>,
}

/// Body of an approval: the version as it was seen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicySeenBody {
    part: PolicyPart,
    version: u32,
}

/// Body of a refusal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyRefuseBody {
    part: PolicyPart,
    version: u32,
    reason: String,
}

/// Whose history.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// It is required; who may not look hears that first.
    part: Option<PolicyPart>,
}

fn version(known: &PolicyVersion) -> Value {
    let change = &known.change;
    json!({
        "version": change.version,
        "deed": change.deed,
        "before": change.before,
        "after": change.in_force(),
        "reason": change.reason,
        "returns_to": change.returns_to,
        "stands_before": change.stands_before,
        "by": known.by,
        "role": known.role,
        "at_ms": known.at.0,
        "approved_by": known.approved.as_ref().map(|(by, _)| by),
        "approved_at_ms": known.approved.as_ref().map(|(_, at)| at.0),
    })
}

fn refused(one: &PolicyRefused) -> Value {
    json!({
        "change": version(&one.version),
        "by": one.by,
        "at_ms": one.at.0,
        "reason": one.reason,
    })
}

fn parts(gateway: &Gateway) -> Value {
    let policy = &gateway.rules().policy;
    let plans = policy.plans.iter().map(|plan| PolicyPart::Plan(plan.name.clone()));
    let templates =
        policy.templates.iter().map(|template| PolicyPart::Template(template.name.clone()));
    let edits = &gateway.state().policy.parts;
    let in_force: Vec<PolicyPart> = plans.chain(templates).collect();
    let others = edits.keys().filter(|part| !in_force.contains(part));
    let view = |part: &PolicyPart| {
        let history = edits.get(part);
        json!({
            "part": part,
            "version": history.map_or(0, PartHistory::newest),
            "content": policy.content(part),
            "in_file": gateway.policy_file().content(part).is_some(),
            "waits": history.and_then(|history| history.proposed.as_ref()).map(version),
        })
    };
    let views: Vec<Value> = in_force.iter().chain(others).map(view).collect();
    let notices: Vec<Value> = gateway
        .policy_notices()
        .iter()
        .map(
            |notice| json!({ "part": notice.part, "version": notice.version, "text": notice.zh() }),
        )
        .collect();
    json!({ "parts": views, "notices": notices })
}

/// All parts, in the order in which response plans are tried; what waits or was removed after them.
pub(super) async fn list(State(console): State<Console>, headers: HeaderMap) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    Ok(Json(console.core.look(parts).await?))
}

/// Who changed a part, when and why.
pub(super) async fn history(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(wanted): Params<Wanted>,
) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let expected = || Problem::bad_request("expected `part`, such as `part=plan/flood-red`");
    let wanted = wanted.part.ok_or_else(expected)?;
    let part = wanted.clone();
    let look = move |gateway: &Gateway| {
        let known = gateway.state().policy.parts.get(&part).cloned();
        known.or_else(|| gateway.rules().policy.content(&part).map(|_| PartHistory::default()))
    };
    let none = || Problem::not_found(format!("{wanted} is not known"));
    let history = console.core.look(look).await?.ok_or_else(none)?;
    Ok(Json(json!({
        "part": wanted,
        "versions": history.versions.iter().map(version).collect::<Vec<_>>(),
        "waits": history.proposed.as_ref().map(version),
        "refused": history.refused.iter().map(refused).collect::<Vec<_>>(),
    })))
}

/// Asks for a change, a new part or a removal; another person must approve it.
pub(super) async fn propose(
    State(console): State<Console>,
    headers: HeaderMap,
    Whole(body): Whole<PolicyBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Policy)?;
    let PolicyBody { deed, part, content, stands_before, seen, reason, returns_to } = body;
    let content = match (deed, content) {
        (PolicyDeed::Remove, None) => {
            let wanted = part.clone();
            let look = move |gateway: &Gateway| {
                let in_force = gateway.rules().policy.content(&wanted);
                in_force.or_else(|| gateway.policy_file().content(&wanted))
            };
            let none = || Problem::not_found(format!("{part} is not in force"));
            console.core.look(look).await?.ok_or_else(none)?
        }
        (PolicyDeed::Change | PolicyDeed::Add, Some(content)) if content.part() == part => content,
        (PolicyDeed::Remove, Some(_)) => {
            return Err(Problem::bad_request("a removal has no `content`; leave it out"));
        }
        (PolicyDeed::Change | PolicyDeed::Add, got) => {
            let got = got.map_or_else(|| "none".to_owned(), |content| content.part().to_string());
            let why = format!("expected the `content` of {part}, got {got}");
            return Err(Problem::bad_request(why));
        }
    };
    let edit = PolicyEdit { deed, content, stands_before, seen, reason, returns_to };
    ask(&console, actor, Ask::ProposePolicy(Box::new(edit))).await
}

/// Approves what another person asked for.
pub(super) async fn approve(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, .. }: Form<PolicySeenBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Policy)?;
    ask(&console, actor, Ask::ApprovePolicy(body.part, body.version)).await
}

/// Refuses what another person asked for.
pub(super) async fn refuse(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, .. }: Form<PolicyRefuseBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Policy)?;
    ask(&console, actor, Ask::RefusePolicy(body.part, body.version, body.reason)).await
}

/// Takes back what one asked for oneself.
pub(super) async fn withdraw(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, .. }: Form<PolicySeenBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Policy)?;
    ask(&console, actor, Ask::WithdrawPolicy(body.part, body.version)).await
}
