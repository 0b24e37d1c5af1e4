//! `POST /alerts` takes an alert; `GET /alerts` tells what became of them.

use super::extract::{At, Params, take};
use super::{Console, Problem, views};
use crate::gateway::{Answer, Arrival, Input};
use crate::ingest;
use crate::model::{AreaCode, Disposition, Origin, Right, Sha256, SourceRules};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// Rows of one page.
const PAGE_MAX: usize = 200;

/// Cursor paging.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Number of the first alert not wanted any more: go on before it.
    before: Option<u64>,
    /// Rows wanted, 1 to 200.
    limit: Option<usize>,
}

/// Takes CAP XML, 12379 XML or JSON. 202 when it is on record, 422 or 413 when it is unreadable.
pub(super) async fn post(
    State(console): State<Console>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let actor = console.keys.actor(&headers, Right::PostAlert)?;
    let taken = {
        let _place = console.intake.body(&actor.name).await?;
        take(request, console.alert_bytes_max).await?
    };
    let urgent = !taken.too_large && ingest::looks_urgent(&taken.bytes);
    let _place = console.intake.enter(&actor.name, urgent).await?;
    let hint = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let source = console.sources.by_key(&actor.name);
    let origin = Origin { via: "api".into(), by: actor.name };
    let mut rules = SourceRules::default();
    let arrival;
    if taken.too_large {
        let bytes_max = u64::try_from(console.alert_bytes_max).unwrap_or(u64::MAX);
        arrival = arrive_too_large(&taken.bytes, bytes_max, taken.told_bytes, origin);
    } else if let Some(at) = source {
        let read = console.sources.read(at, &taken.bytes, hint, origin, Some(actor.areas));
        (arrival, rules) = read;
    } else {
        arrival = arrive(&taken.bytes, hint, origin, actor.areas);
    }
    let raw = (arrival.raw, taken.bytes);
    let input = move |request| Input::ArrivedFrom(request, Box::new(arrival), Box::new(rules));
    let answer = console.core.ask(Some(raw), input).await?;
    if let Some(at) = source {
        console.sources.heard(at);
        console.sources.took(at, &answer);
    }
    if let Answer::Rejected(rejection) = answer {
        return Err(Problem::rejected(rejection));
    }
    let conflict = matches!(answer, Answer::Alert { disposition: Disposition::Conflict, .. });
    let status = if conflict { StatusCode::CONFLICT } else { StatusCode::ACCEPTED };
    Ok((status, Json(views::answer(&answer)?)).into_response())
}

/// An arrival that is longer than the limit: on record as a rejection, with the bytes that fit.
pub(crate) fn arrive_too_large(
    kept: &[u8],
    bytes_max: u64,
    told_bytes: Option<u64>,
    origin: Origin,
) -> Arrival {
    let got = told_bytes.map_or("more".to_owned(), |told| format!("{told}"));
    let what = format!(
        "expected at most {bytes_max} bytes (`ingest.bytes_max`), got {got}; the first {} are kept",
        kept.len()
    );
    let fault = crate::model::Fault { line: None, element: String::new(), what };
    let rejection = crate::model::Rejection { faults: vec![fault], too_large: true };
    let content = Sha256([0; 32]);
    Arrival { read: Err(rejection), content, raw: Sha256::of(kept), origin, areas: Vec::new() }
}

/// Reads bytes as an arrival for the core. A panic in a parser is turned into a rejection.
pub(crate) fn arrive(
    bytes: &[u8],
    hint: Option<&str>,
    origin: Origin,
    areas: Vec<AreaCode>,
) -> Arrival {
    let read = std::panic::catch_unwind(|| ingest::read(bytes, hint)).unwrap_or_else(|_| {
        Err(crate::model::Rejection {
            faults: vec![crate::model::Fault {
                line: None,
                element: String::new(),
                what: "the reader failed on this message; it is kept for the engineers".into(),
            }],
            too_large: false,
        })
    });
    let raw = Sha256::of(bytes);
    let content = read.as_ref().map_or(Sha256([0; 32]), |alert| {
        // Model values are always JSON; an empty text would only make a conflict visible.
        Sha256::of(&serde_json::to_vec(alert).unwrap_or_default())
    });
    Arrival { read: read.map(Box::new), content, raw, origin, areas }
}

/// The newest alerts.
pub(super) async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(page): Params<Page>,
) -> Result<Json<serde_json::Value>, Problem> {
    console.keys.actor(&headers, Right::Read)?;
    let limit = page.limit.unwrap_or(50).clamp(1, PAGE_MAX);
    let before = page.before.unwrap_or(u64::MAX);
    let alerts = console
        .core
        .look(move |gateway| {
            let alerts = gateway.state().alerts.iter().rev();
            alerts.filter(|alert| alert.number < before).take(limit).cloned().collect::<Vec<_>>()
        })
        .await?;
    let next = alerts.last().filter(|_| alerts.len() == limit).map(|alert| alert.number);
    Ok(Json(serde_json::json!({ "alerts": alerts, "next_before": next })))
}

/// One alert by its number.
pub(super) async fn one(
    State(console): State<Console>,
    headers: HeaderMap,
    At(number): At<u64>,
) -> Result<Json<serde_json::Value>, Problem> {
    console.keys.actor(&headers, Right::Read)?;
    let alert = console
        .core
        .look(move |gateway| {
            gateway.state().alerts.iter().find(|alert| alert.number == number).cloned()
        })
        .await?;
    let alert = alert.ok_or_else(|| Problem::not_found(format!("no alert number {number}")))?;
    Ok(Json(serde_json::json!(alert)))
}
