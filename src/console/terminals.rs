//! Terminals: the registry with what the links say.

use super::extract::Params;
use super::{Console, Problem};
use crate::deliver::Presence;
use crate::gateway::{BroadcastState, Counts, Gateway};
use crate::model::{AreaCode, AreaLevel, Right, TerminalId};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Terminals of one page.
const PAGE_MAX: usize = 1_000;

/// Cursor paging.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    after: Option<TerminalId>,
    limit: Option<usize>,
    area: Option<AreaCode>,
}

/// The registry, in order of names.
pub(super) async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
    Params(page): Params<Page>,
) -> Result<Json<Value>, Problem> {
    console.keys.actor(&headers, Right::Read)?;
    let limit = page.limit.unwrap_or(200).clamp(1, PAGE_MAX);
    let rows = console
        .core
        .look(move |gateway| {
            let terminals = gateway.rules().network.terminals.values();
            terminals
                .filter(|terminal| page.after.is_none_or(|after| terminal.id > after))
                .filter(|terminal| page.area.is_none_or(|area| area.contains(terminal.area)))
                .take(limit)
                .map(|terminal| {
                    json!({
                        "terminal": terminal.id,
                        "name": terminal.name,
                        "area": terminal.area,
                        "position": terminal.position,
                        "codecs": terminal.codecs,
                        "links": terminal.links,
                        "presence": match gateway.presence(terminal.id) {
                            Presence::Online => "online",
                            Presence::Offline => "offline",
                            Presence::Unknown => "unknown",
                        },
                    })
                })
                .collect::<Vec<_>>()
        })
        .await?;
    let next = rows.last().filter(|_| rows.len() == limit).and_then(|row| row.get("terminal"));
    Ok(Json(json!({ "terminals": rows, "next_after": next })))
}

/// Counts of a broadcast by township, each with its name.
pub(crate) fn per_township(gateway: &Gateway, state: &BroadcastState) -> Vec<Value> {
    let network = &gateway.rules().network;
    let mut townships: BTreeMap<AreaCode, Counts> = BTreeMap::new();
    for (terminal, delivery) in &state.deliveries {
        let Some(known) = network.terminals.get(terminal) else { continue };
        let township = known.area.at(AreaLevel::Township).unwrap_or(known.area);
        townships.entry(township).or_default().add(&delivery.outcome);
    }
    let name = |code: AreaCode| network.areas.get(&code).map(|area| area.name.clone());
    townships
        .into_iter()
        .map(|(code, counts)| json!({ "area": code, "name": name(code), "counts": counts }))
        .collect()
}
