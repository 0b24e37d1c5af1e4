//! The STOP latch 停播锁: which hold, and a leader sets and lifts them.

use super::extract::Form;
use super::{Console, Problem, views};
use crate::gateway::{Ask, Input, LatchOrder};
use crate::model::{Actor, AreaCode, Latch, LatchHold, Right, StopScope};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

type Reply = Result<Json<Value>, Problem>;

/// Body of `POST /latches`: no areas = the whole county.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LatchBody {
    areas: Option<Vec<AreaCode>>,
    #[serde(default = "waits")]
    hold: LatchHold,
    /// Whether what sounds there now is stopped as well.
    #[serde(default)]
    stop: bool,
    reason: String,
}

fn waits() -> LatchHold {
    LatchHold::Wait
}

/// Body of `POST /latches/lift`: no areas = all that hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiftBody {
    areas: Option<Vec<AreaCode>>,
    reason: String,
}

/// `[]` may be a list that came out empty by mistake: everything is asked for by leaving it out.
fn scope(areas: Option<Vec<AreaCode>>) -> Result<StopScope, Problem> {
    match areas {
        None => Ok(StopScope::All),
        Some(areas) if areas.is_empty() => {
            Err(Problem::bad_request("`areas` is empty; leave it out to mean all of them"))
        }
        Some(areas) => Ok(StopScope::Areas(areas)),
    }
}

/// Those that hold.
pub(super) async fn list(State(console): State<Console>, headers: HeaderMap) -> Reply {
    console.keys.actor(&headers, Right::Read)?;
    let latches = console
        .core
        .look(|gateway| {
            let network = &gateway.rules().network;
            gateway.state().latches.values().map(|latch| view(network, latch)).collect::<Vec<_>>()
        })
        .await?;
    Ok(Json(json!({ "latches": latches })))
}

fn view(network: &crate::model::Network, latch: &Latch) -> Value {
    json!({
        "area": latch.area,
        "name": crate::decide::area_name(network, latch.area),
        "hold": latch.hold,
        "by": latch.by,
        "since_ms": latch.at.0,
        "reason": latch.reason,
    })
}

/// Sets one.
pub(super) async fn set(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, .. }: Form<LatchBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Latch)?;
    let LatchBody { areas, hold, stop, reason } = body;
    let order = LatchOrder { scope: scope(areas)?, hold, stop, reason };
    ask(&console, actor, Ask::SetLatch(order)).await
}

/// Lifts them.
pub(super) async fn lift(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, .. }: Form<LiftBody>,
) -> Reply {
    let actor = console.keys.actor(&headers, Right::Latch)?;
    ask(&console, actor, Ask::LiftLatch(scope(body.areas)?, body.reason)).await
}

async fn ask(console: &Console, actor: Actor, what: Ask) -> Reply {
    let input = move |request| Input::Ask(request, actor, Box::new(what));
    views::answer(&console.core.ask(None, input).await?).map(Json)
}
