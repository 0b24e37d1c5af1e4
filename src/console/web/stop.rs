//! 一键停播: stops everything in the visitor's reach.

use super::fault::PageFault;
use super::visitor::{Posted, done};
use crate::console::Console;
use crate::gateway::{Answer, Input};
use crate::model::{Right, StopScope};
use axum::extract::State;
use axum::response::Response;

/// Stops. Who may act in the whole county stops the county, others their areas.
pub(super) async fn post(
    State(console): State<Console>,
    Posted { visitor, .. }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Stop)?;
    let actor = visitor.actor().clone();
    let whole = actor.covers(console.county.served.iter().copied());
    let scope = if whole { StopScope::All } else { StopScope::Areas(actor.areas.clone()) };
    let answer = console.core.ask(None, move |request| Input::Stop(request, actor, scope)).await?;
    let tongue = visitor.tongue();
    let nothing = tongue.say("已停播。当前没有正在播发的任务。", "Stopped. Nothing was on air.");
    let mut text = nothing.to_owned();
    if let Answer::Done(hit) = &answer
        && !hit.is_empty()
    {
        let out =
            tongue.say("已下达停播指令，涉及播发任务：", "Stop orders are out for broadcasts: ");
        text = format!("{out}{}", hit.len());
    }
    let (good, text) = super::told(tongue, &answer, &text);
    Ok(done(&console, &visitor, good, &text, "/console/broadcasts"))
}
