//! `GET /stations`: monitoring stations as they are now. `POST /readings` takes their readings.

use super::alerts::arrive_too_large;
use super::extract::{Params, take};
use super::{Console, Problem};
use crate::gateway::{Answer, Arrival, Input};
use crate::ingest::readings::readings;
use crate::model::{Origin, ReadingReport, Rejection, Right, Sha256, StationId, UtcMs};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest body of readings, bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Stations of one page.
const PAGE_MAX: usize = 1_000;

/// Cursor paging.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

fn off() -> Problem {
    Problem::not_found("stations are off; set `enabled = true` in [stations] of gateway.toml")
}

/// Stations in order of name, and those that are not in the configuration.
pub(super) async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(page): Params<Page>,
) -> Result<Json<Value>, Problem> {
    console.keys.actor(&headers, Right::Read)?;
    let desk = console.stations.as_ref().ok_or_else(off)?;
    let limit = page.limit.unwrap_or(200).clamp(1, PAGE_MAX);
    let after = page.after.as_deref().and_then(StationId::parse);
    let views = desk.views(after, limit).await?;
    let last = views.stations.last().filter(|_| views.stations.len() == limit);
    let next = last.map(|view| view.station.clone());
    Ok(Json(json!({
        "stations": views.stations, "unknown": views.unknown, "next_after": next,
    })))
}

/// Takes readings of stations within the areas of the key. 202 when what they told is on record.
pub(super) async fn take_readings(
    State(console): State<Console>,
    headers: HeaderMap,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let actor = console.keys.actor(&headers, Right::PostAlert)?;
    let desk = console.stations.as_ref().ok_or_else(off)?;
    let taken = take(request, BODY_BYTES_MAX).await?;
    let origin = Origin { via: "api".into(), by: actor.name.clone() };
    if taken.too_large {
        let bytes_max = u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX);
        let arrival = arrive_too_large(&taken.bytes, bytes_max, taken.told_bytes, origin);
        return Err(refuse(&console, arrival, taken.bytes).await?);
    }
    let now = crate::clock::now_utc();
    let reports = match read(&taken.bytes, now) {
        Ok(reports) => reports,
        Err(rejection) => {
            let (content, raw) = (Sha256([0; 32]), Sha256::of(&taken.bytes));
            let arrival = Arrival { read: Err(rejection), content, raw, origin, areas: Vec::new() };
            return Err(refuse(&console, arrival, taken.bytes).await?);
        }
    };
    let (mut n_taken, mut unknown, mut outside) = (0, Vec::new(), Vec::new());
    let (mut notes, mut alerts) = (Vec::new(), Vec::new());
    for report in reports {
        let (station, n) = (report.station.clone(), report.readings.len());
        let told = desk.take(report, Some(actor.areas.clone())).await?;
        if told.outside {
            outside.push(station);
        } else if told.known {
            n_taken += n;
            notes.extend(told.notes.iter().map(|note| json!({ "station": station, "note": note })));
            alerts.extend(told.alerts);
        } else {
            unknown.push(station);
        }
    }
    let answer = json!({
        "taken": n_taken, "unknown": unknown, "outside": outside, "notes": notes, "alerts": alerts,
    });
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// A panic in the reader is a rejection like any other.
pub(crate) fn read(bytes: &[u8], now: UtcMs) -> Result<Vec<ReadingReport>, Rejection> {
    std::panic::catch_unwind(|| readings(bytes, now)).unwrap_or_else(|_| {
        let what = "the reader failed on this message; it is kept for the engineers".into();
        let fault = crate::model::Fault { line: None, element: String::new(), what };
        Err(Rejection { faults: vec![fault], too_large: false })
    })
}

/// Unreadable bytes go on record; the sender learns every fault.
async fn refuse(console: &Console, arrival: Arrival, bytes: Vec<u8>) -> Result<Problem, Problem> {
    let raw = Some((arrival.raw, bytes));
    let ask = move |request| Input::Arrived(request, Box::new(arrival));
    let answer = console.core.ask(raw, ask).await?;
    if let Answer::Rejected(rejection) = answer {
        return Ok(Problem::rejected(rejection));
    }
    Ok(Problem::internal(format!("expected a rejection, got {answer:?}")))
}
