//! 补发: once more to those that have not played it, never to those that have.

use super::fault::PageFault;
use super::layout::token;
use super::visitor::{Posted, Visitor, done};
use crate::console::Console;
use crate::console::extract::At;
use crate::deliver::Delivery;
use crate::gateway::{Answer, Ask, BroadcastState, Input};
use crate::model::{BroadcastId, Outcome, Right};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

/// The later broadcasts to those that had not played it.
pub(super) fn line(visitor: &Visitor, state: &[BroadcastId]) -> Markup {
    html! {
        @if !state.is_empty() {
            p { (visitor.say("已补发：", "Sent again as: "))
                @for id in state { a href={ "/console/broadcasts/" (id) } { (id) } " " }
            }
        }
    }
}

/// Whether sending again can be of use at all.
pub(super) fn may_help(state: &BroadcastState) -> bool {
    // Every view of a page asks: the first that did not play is enough.
    let unplayed = |delivery: &Delivery| delivery.outcome != Outcome::Played;
    state.broadcast.speaker().is_none()
        && state.cancellation.is_none()
        && state.counts_kept.is_none()
        && state.deliveries.values().any(unplayed)
}

/// The button.
pub(super) fn form(visitor: &Visitor, id: u64) -> Markup {
    html! {
        form method="post" action={ "/console/broadcasts/" (id) "/resend" } {
            (token(visitor))
            button type="submit" { (visitor.say("补发给未播完的终端", "Send again to those that have not played it")) }
            " " span.hint { (visitor.say("已播完的终端不会再响", "nobody hears it twice")) }
        }
    }
}

/// Sends it again.
pub(super) async fn post(
    State(console): State<Console>,
    At(id): At<u64>,
    Posted { visitor, .. }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Broadcast)?;
    let actor = visitor.actor().clone();
    let ask = Ask::Resend(BroadcastId(id));
    let answer = console.core.ask(None, move |r| Input::Ask(r, actor, Box::new(ask))).await?;
    let tongue = visitor.tongue();
    if let Answer::Started(again) = answer {
        let text = tongue.say("补发已开始。", "It goes out again.");
        return Ok(done(&console, &visitor, true, text, &format!("/console/broadcasts/{again}")));
    }
    let text = tongue.say(
        "没有回音的终端已立即重新下发。",
        "The order goes out again now to the terminals that are silent.",
    );
    let (good, text) = super::told(tongue, &answer, text);
    Ok(done(&console, &visitor, good, &text, &format!("/console/broadcasts/{id}")))
}
