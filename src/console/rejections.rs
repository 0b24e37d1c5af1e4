//! Quarantine 退回: what could not be read, with every fault; the bytes as they came; and reading them again
//! with today's readers, in the name of the person who asked for it.

use super::broadcasts::ReasonBody;
use super::extract::{At, Form, Params};
use super::{Console, Problem, alerts, views};
use crate::gateway::{Answer, Ask, Input, RejectedState};
use crate::model::{Actor, AreaCode, Disposition, Origin, Right, Sha256, SourceRules};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Rows of one page.
const PAGE_MAX: usize = 200;

/// What is asked for. All filters must fit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    /// Number of the first one not wanted any more: go on before it.
    pub(super) before: Option<u64>,
    /// Rows wanted, 1 to 200.
    pub(super) limit: Option<usize>,
    /// Way in: `api`, `folder` …
    pub(super) via: Option<String>,
    /// Name of the key or the file, or a part of it.
    pub(super) by: Option<String>,
    /// Words in one of the faults.
    pub(super) fault: Option<String>,
    /// Not before, milliseconds since 1970.
    pub(super) since_ms: Option<i64>,
    /// Before, milliseconds since 1970.
    pub(super) until_ms: Option<i64>,
    /// Only those (true) or none of those (false) whose bytes were read as an alert later.
    pub(super) mended: Option<bool>,
}

impl Filter {
    fn fits(&self, one: &RejectedState, mended: bool) -> bool {
        let holds = |wanted: &Option<String>, text: &str| {
            wanted.as_ref().is_none_or(|wanted| text.contains(wanted.as_str()))
        };
        // People search what they read, which may be the Chinese of it.
        let mut faults = one.rejection.faults.iter();
        let in_fault = |fault: &crate::model::Fault| {
            let zh = super::web::in_chinese(&fault.what).unwrap_or_default();
            holds(&self.fault, &fault.what) || holds(&self.fault, &zh)
        };
        self.via.as_ref().is_none_or(|via| one.origin.via == *via)
            && holds(&self.by, &one.origin.by)
            && (self.fault.is_none() || faults.any(in_fault))
            && self.since_ms.is_none_or(|since| one.at.0 >= since)
            && self.until_ms.is_none_or(|until| one.at.0 < until)
            && self.mended.is_none_or(|wanted| wanted == mended)
    }
}

/// One of them, with its number and the number of the alert that its bytes became later.
pub(super) type Numbered = (u64, RejectedState, Option<u64>);

/// A page, newest first, and where the next one begins.
pub(super) async fn page(
    console: &Console,
    filter: Filter,
) -> Result<(Vec<Numbered>, Option<u64>, u64), Problem> {
    let limit = filter.limit.unwrap_or(50).clamp(1, PAGE_MAX);
    let before = filter.before.unwrap_or(u64::MAX);
    let look = console.core.look(move |gateway| {
        let state = gateway.state();
        let rows: Vec<Numbered> = state
            .rejections()
            .rev()
            .filter(|(number, _)| *number < before)
            .map(|(number, one)| (number, one, state.alert_of(one.raw)))
            .filter(|(_, one, mended)| filter.fits(one, mended.is_some()))
            .take(limit)
            .map(|(number, one, mended)| (number, one.clone(), mended))
            .collect();
        (rows, state.n_rejected)
    });
    let (rows, n_ever) = look.await?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|(number, ..)| *number);
    Ok((rows, next, n_ever))
}

/// One of them.
pub(super) async fn find(console: &Console, number: u64) -> Result<Numbered, Problem> {
    let look = console.core.look(move |gateway| {
        let state = gateway.state();
        let one = state.rejection(number)?.clone();
        let mended = state.alert_of(one.raw);
        Some((number, one, mended))
    });
    look.await?.ok_or_else(|| {
        Problem::not_found(format!(
            "no rejection {number}, or it is so old that only the record holds it"
        ))
    })
}

fn view((number, one, mended): &Numbered) -> Value {
    json!({
        "number": number,
        "at_ms": one.at.0,
        "origin": { "via": one.origin.via, "by": one.origin.by },
        "sha256": one.raw,
        "too_large": one.rejection.too_large,
        "faults": one.rejection.faults,
        "replays": one.replays.iter().map(|replay| json!({
            "at_ms": replay.at.0, "by": replay.by, "reason": replay.reason,
        })).collect::<Vec<_>>(),
        "alert": mended,
    })
}

/// The newest.
pub(super) async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(filter): Params<Filter>,
) -> Result<Json<Value>, Problem> {
    console.keys.actor(&headers, Right::Read)?;
    let (rows, next, n_ever) = page(&console, filter).await?;
    let rows: Vec<Value> = rows.iter().map(view).collect();
    Ok(Json(json!({ "rejections": rows, "next_before": next, "ever": n_ever })))
}

/// One by its number.
pub(super) async fn one(
    State(console): State<Console>,
    headers: HeaderMap,
    At(number): At<u64>,
) -> Result<Json<Value>, Problem> {
    console.keys.actor(&headers, Right::Read)?;
    find(&console, number).await.map(|found| Json(view(&found)))
}

/// Its bytes as they came, as a file.
pub(super) async fn raw(
    State(console): State<Console>,
    headers: HeaderMap,
    At(number): At<u64>,
) -> Result<Response, Problem> {
    console.keys.actor(&headers, Right::Read)?;
    let (_, one, _) = find(&console, number).await?;
    let bytes = raw_bytes(&console, one.raw).await?;
    Ok(attachment(one.raw, bytes))
}

/// Bytes from outside as a file: never shown as a page, whatever is in them.
fn attachment(sha256: Sha256, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"rejected-{sha256}.bin\"")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, bytes).into_response()
}

/// The bytes of a rejection from the record.
pub(super) async fn raw_bytes(console: &Console, sha256: Sha256) -> Result<Vec<u8>, Problem> {
    let url = Arc::clone(&console.record_url);
    let read = move || crate::record::open_read_only(&url)?.raw(sha256);
    let read = tokio::task::spawn_blocking(read).await;
    let unreadable = |why: String| Problem::busy(format!("the record can't be read now: {why}"));
    let bytes = read
        .map_err(|fault| unreadable(fault.to_string()))?
        .map_err(|f| unreadable(f.to_string()))?;
    bytes.ok_or_else(|| Problem::not_found(format!("the record holds no bytes of {sha256}")))
}

/// Reads them again with today's readers. They go the way of a new arrival from the same source, with the
/// areas that this source has now: who replays does not lend it his own rights.
pub(super) async fn again(
    console: &Console,
    actor: Actor,
    number: u64,
    reason: String,
) -> Result<Answer, Problem> {
    let (_, one, _) = find(console, number).await?;
    let bytes = raw_bytes(console, one.raw).await?;
    let areas = areas_of(console, &one.origin);
    let read = match console.sources.of(&one.origin) {
        Some(at) => console.sources.read(at, &bytes, None, one.origin, areas),
        None => {
            let areas = areas.unwrap_or_default();
            (alerts::arrive(&bytes, None, one.origin, areas), SourceRules::default())
        }
    };
    let ask = Ask::Replay(number, reason, Box::new(read));
    let input = move |request| Input::Ask(request, actor, Box::new(ask));
    Ok(console.core.ask(None, input).await?)
}

/// Areas for which whoever brought it may act without a person now; `None` = nobody says.
fn areas_of(console: &Console, origin: &Origin) -> Option<Vec<AreaCode>> {
    match origin.via.as_str() {
        "folder" => Some(console.county.served.clone()),
        "api" => Some(console.keys.areas_of_source(&origin.by)),
        "source" => {
            let key = console.sources.key_of(&origin.by);
            key.map(|key| console.keys.areas_of_source(key))
        }
        _ => None,
    }
}

/// Replays one. As for a new alert: 202 when it is on record, 422 when it still can't be read.
pub(super) async fn replay(
    State(console): State<Console>,
    headers: HeaderMap,
    At(number): At<u64>,
    Form { value: body, .. }: Form<ReasonBody>,
) -> Result<Response, Problem> {
    let actor = console.keys.actor(&headers, Right::Replay)?;
    let answer = again(&console, actor, number, body.reason).await?;
    let conflict = matches!(answer, Answer::Alert { disposition: Disposition::Conflict, .. });
    let status = if conflict { StatusCode::CONFLICT } else { StatusCode::ACCEPTED };
    Ok((status, Json(views::answer(&answer)?)).into_response())
}
