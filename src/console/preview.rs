//! `POST /preview`: how words would sound, and how long they would be on the lines, before anybody sends
//! them. Nothing is broadcast and nothing is recorded; the log tells of it.

use super::extract::Form;
use super::{Console, Problem};
use crate::daemon::{Preview, PreviewDesk, PreviewOrder};
use crate::gateway::Gateway;
use crate::model::{Chime, Class, Codec, PlanId, Right};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Plays of a terminal at the most, as for broadcasts.
const REPEATS_MAX: u8 = 20;
/// Recording when no voice speaks and none is named.
const FALLBACK_RECORDING: &str = "general-yellow";

/// Body of `POST /preview`: one of `text`, `template`, `plan`, `recording` says what is to be heard; the
/// rest is how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewBody {
    text: Option<String>,
    template: Option<String>,
    #[serde(default)]
    slots: BTreeMap<String, String>,
    plan: Option<String>,
    recording: Option<String>,
    voice: Option<String>,
    chime: Option<Chime>,
    drill: Option<bool>,
    codec: Option<Codec>,
    repeats: Option<u8>,
    interval_s: Option<u16>,
    words_times: Option<u8>,
}

/// What to render, and how often terminals would play it.
struct Wanted {
    order: PreviewOrder,
    repeats: u8,
    interval_s: u16,
}

/// A preview.
pub(super) async fn post(
    State(console): State<Console>,
    headers: HeaderMap,
    Form { value: body, .. }: Form<PreviewBody>,
) -> Result<Json<Value>, Problem> {
    let actor = console.keys.actor(&headers, Right::Broadcast)?;
    let codec = body.codec.unwrap_or(Codec::Opus);
    let wanted = console.core.look(move |gateway| wanted(gateway, body)).await?;
    let Wanted { order, repeats, interval_s } = wanted.map_err(Problem::bad_request)?;
    tracing::info!(by = actor.name, "preview asked for");
    let text = order.text.clone();
    let preview = console.previews.preview(order).await?;
    let mut answer = answer(&console.previews, &preview, codec)?;
    let duration_ms = preview.clips.first().map_or(0, |clip| u64::from(clip.duration_ms));
    let pauses_ms = u64::from(repeats.saturating_sub(1)) * u64::from(interval_s) * 1_000;
    answer.insert("text".to_owned(), json!(text));
    answer.insert("repeats".to_owned(), json!(repeats));
    let sounding_ms = duration_ms * u64::from(repeats) + pauses_ms;
    answer.insert("sounding_ms".to_owned(), json!(sounding_ms));
    Ok(Json(Value::Object(answer)))
}

fn wanted(gateway: &Gateway, body: PreviewBody) -> Result<Wanted, String> {
    let named = [&body.text, &body.template, &body.plan, &body.recording];
    let n_named = named.iter().filter(|one| one.is_some()).count();
    if n_named != 1 {
        let what = "expected one of `text`, `template`, `plan` and `recording`";
        return Err(format!("{what}, got {n_named} of them"));
    }
    for (name, count) in [("repeats", body.repeats), ("words_times", body.words_times)] {
        if count.is_some_and(|count| !(1..=REPEATS_MAX).contains(&count)) {
            return Err(format!("expected `{name}` from 1 to {REPEATS_MAX}"));
        }
    }
    let mut wanted = match &body.plan {
        Some(number) => of_plan(gateway, number)?,
        None => {
            let text = match &body.template {
                Some(name) => gateway.rules().template_words(name, &body.slots)?,
                None => body.text.unwrap_or_default(),
            };
            let order = PreviewOrder {
                text,
                voice: "default".to_owned(),
                recording: body.recording,
                fallback_recording: FALLBACK_RECORDING.to_owned(),
                chime: Chime::Notice,
                drill: false,
                words_times: None,
            };
            Wanted { order, repeats: 1, interval_s: 0 }
        }
    };
    let order = &mut wanted.order;
    order.voice = body.voice.unwrap_or_else(|| order.voice.clone());
    order.chime = body.chime.unwrap_or(order.chime);
    order.drill = body.drill.unwrap_or(order.drill);
    order.words_times = body.words_times;
    wanted.repeats = body.repeats.unwrap_or(wanted.repeats);
    wanted.interval_s = body.interval_s.unwrap_or(wanted.interval_s);
    Ok(wanted)
}

/// What a plan that waits for approval would say.
fn of_plan(gateway: &Gateway, number: &str) -> Result<Wanted, String> {
    let id = number.parse().map(PlanId).ok();
    let pending = id.and_then(|id| gateway.state().pending.get(&id));
    let plan = pending.ok_or_else(|| format!("expected a waiting plan, got `{number}`"))?.plan();
    let message = plan.message.clone();
    let order = PreviewOrder {
        text: message.text,
        voice: message.voice,
        recording: message.recording,
        fallback_recording: message.fallback_recording,
        chime: plan.chime,
        drill: plan.class == Class::Drill,
        words_times: None,
    };
    Ok(Wanted { order, repeats: plan.repeats, interval_s: plan.interval_s })
}

fn answer(
    desk: &PreviewDesk,
    preview: &Preview,
    codec: Codec,
) -> Result<Map<String, Value>, Problem> {
    let airtime = |bytes: u32| -> Map<String, Value> {
        let times = desk.airtime_ms(u64::from(bytes));
        times.into_iter().map(|(line, ms)| (line.to_owned(), json!(ms))).collect()
    };
    let clips: Vec<Value> = preview
        .clips
        .iter()
        .map(|clip| {
            json!({
                "codec": clip.codec,
                "sha256": clip.sha256,
                "url": desk.url(clip),
                "bytes": clip.clip_bytes,
                "airtime_ms": airtime(clip.clip_bytes),
            })
        })
        .collect();
    let chosen = preview.clips.iter().position(|clip| clip.codec == codec);
    let chosen = chosen.and_then(|at| Some((preview.clips.get(at)?, clips.get(at)?)));
    // A recording has no words for a speech chip, and phrases are made of what terminals keep.
    let none =
        || Problem::bad_request(format!("this can't be had as {codec:?}; name another codec"));
    let (clip, view) = chosen.ok_or_else(none)?;
    let bytes: Map<String, Value> = preview
        .clips
        .iter()
        .filter_map(|clip| Some((json!(clip.codec).as_str()?.to_owned(), json!(clip.clip_bytes))))
        .collect();
    let value = json!({
        "clip": view,
        "clips": clips,
        "duration_ms": clip.duration_ms,
        "bytes": bytes,
        "airtime_ms": airtime(clip.clip_bytes),
        "airtime_formula": desk.airtime_formula(),
        "voice": preview.spoken.voice,
        "fallback_reason": preview.spoken.fallback_reason,
        "render_ms": preview.spoken.render_ms,
        "said": preview.said,
        "readings": preview.readings,
        "unknown": preview.unknown,
    });
    value.as_object().cloned().ok_or_else(|| Problem::internal("the answer is no object"))
}
