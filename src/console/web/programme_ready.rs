//! Ready-made programmes on the page of the schedule: added with one press, then changed like any other.

use super::fault::PageFault;
use super::layout::token;
use super::programmes::HERE;
use super::visitor::{Posted, Visitor, done, encoded};
use crate::clock;
use crate::console::Console;
use crate::decide::{READY_PROGRAMMES, Ready};
use crate::gateway::{Answer, Ask, Input};
use crate::model::{AreaCode, LocalDate, Right};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Those that are not on the schedule yet, by the names that are.
pub(super) fn offered(visitor: &Visitor, names: &BTreeSet<String>) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let missing = || READY_PROGRAMMES.iter().filter(|ready| !names.contains(ready.name));
    html! {
        @if missing().next().is_some() {
            section.card {
                h2 { (say("现成的宣传教育节目", "Ready-made education programmes")) }
                p.hint { (say(
                    "按一下即加入节目单（范围为您的辖区），再按需修改文字、时间和范围；范围较大时须另一人批准后才播。",
                    "One press puts it on the schedule for your areas; change words, times and places afterwards. A large audience needs another person's approval first.",
                )) }
                @for ready in missing() {
                    form method="post" action="/console/programmes/add" {
                        (token(visitor))
                        input type="hidden" name="ready" value=(ready.key);
                        details { summary { (ready.name) } blockquote.words { (ready.text) } }
                        button type="submit" { (say("加入节目单：", "Add: ")) (ready.name) }
                    }
                }
            }
        }
    }
}

/// Adds one. What is on the schedule by that name already is never written over.
pub(super) async fn post(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Broadcast)?;
    let ready = Ready::of(fields.one("ready")).ok_or_else(|| PageFault::malformed("`ready`"))?;
    let offset = console.county.local_offset_minutes;
    let today = LocalDate::of(clock::now_utc(), offset);
    let today = today.ok_or_else(|| PageFault::malformed("the clock"))?;
    let programme = ready.programme(places(&console, &visitor), today);
    let is_known =
        console.core.look(move |gateway| gateway.state().programmes.contains_key(ready.name));
    let edit = format!("/console/programmes/edit?name={}", encoded(ready.name));
    if is_known.await? {
        let text =
            visitor.say("它已在节目单上，可在此修改。", "It is on the schedule; change it here.");
        return Ok(done(&console, &visitor, true, text, &edit));
    }
    let (actor, ask) = (visitor.actor().clone(), Box::new(Ask::SetProgramme(Box::new(programme))));
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, ask)).await?;
    if !matches!(answer, Answer::Saved { .. }) {
        let text = super::plan_form::refusal(visitor.tongue(), &answer);
        return Ok(done(&console, &visitor, false, &text, HERE));
    }
    let text = visitor.say(
        "已加入节目单，请核对文字、时间和范围。",
        "It is on the schedule; look over words, times and places.",
    );
    Ok(done(&console, &visitor, true, text, &edit))
}

/// The county, as far as the person's areas go.
fn places(console: &Console, visitor: &Visitor) -> Vec<AreaCode> {
    let own = &visitor.actor().areas;
    let served = &console.county.served;
    let within = |area: &&AreaCode| own.iter().any(|own| own.contains(**area));
    let mut places: Vec<AreaCode> = served.iter().filter(within).copied().collect();
    let below = own.iter().filter(|own| served.iter().any(|served| served.contains(**own)));
    places.extend(below.filter(|own| !served.contains(own)));
    places
}
