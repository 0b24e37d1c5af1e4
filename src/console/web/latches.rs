//! 停播锁: where it holds, since when, by whom and why; a leader sets and lifts it. The strip that tells of
//! it stands on every page.

use super::fault::PageFault;
use super::layout::{self, page, token};
use super::visitor::{Posted, Visitor, done};
use super::words;
use crate::console::Console;
use crate::decide::area_name;
use crate::gateway::{Ask, Gateway, Input, LatchOrder};
use crate::model::{AreaCode, AreaLevel, Latch, LatchHold, Right, StopScope};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

const HERE: &str = "/console/latches";

/// A latch with the name of its place.
#[derive(Debug, Clone)]
pub(super) struct Held {
    latch: Latch,
    place: String,
}

/// Those that hold.
pub(super) fn held(gateway: &Gateway) -> Vec<Held> {
    let network = &gateway.rules().network;
    let latches = gateway.state().latches.values();
    latches
        .map(|latch| Held { latch: latch.clone(), place: area_name(network, latch.area) })
        .collect()
}

/// The strip under the head of a page.
pub(super) fn strip(visitor: &Visitor, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        @if !visitor.latches.is_empty() {
            div.latch role="alert" {
                @for Held { latch, place } in &visitor.latches {
                    p {
                        strong { (say("停播锁生效：", "STOP latch: ")) (place) } " · "
                        (hold(visitor, latch.hold)) " · " (latch.by) " · "
                        (words::moment(latch.at, offset)) " · " (latch.reason) " "
                        a href=(HERE) { (say("查看", "see")) }
                    }
                }
            }
        }
    }
}

fn hold(visitor: &Visitor, hold: LatchHold) -> &'static str {
    match hold {
        LatchHold::Wait => visitor
            .look
            .tongue
            .say("上级、来源和节目的播发转为待审批", "what comes from elsewhere waits for people"),
        LatchHold::Refuse => visitor
            .look
            .tongue
            .say("上级、来源和节目的播发一律退回", "what comes from elsewhere is refused"),
    }
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let areas = console.core.look(places).await?;
    let own: Vec<&(AreaCode, String)> =
        areas.iter().filter(|(area, _)| visitor.actor().covers([*area])).collect();
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let may = visitor.may(Right::Latch);
    let body = html! {
        p { (say(
            "停播锁生效的区域内，上级平台、预警来源和节目单的播发都不会响，直到带班领导写明理由解除。本县值班员紧急时仍可“紧急直发”。",
            "Where it holds nothing from above, from sources or from programmes sounds until a leader lifts it \
             with a reason. Officers of the county may still speak by break-glass.",
        )) }
        @if visitor.latches.is_empty() { p.empty { (say("当前没有停播锁。", "No latch holds.")) } }
        @for Held { latch, place } in &visitor.latches {
            section.card {
                h2 { (place) " " span.hint { (latch.area) } }
                dl.facts {
                    dt { (say("方式", "Kind")) } dd { (hold(&visitor, latch.hold)) }
                    dt { (say("设置人", "Set by")) } dd { (latch.by) }
                    dt { (say("设置时间", "Since")) } dd { (words::moment(latch.at, offset)) }
                    dt { (say("理由", "Reason")) } dd { (latch.reason) }
                }
                @if may && visitor.actor().covers([latch.area]) {
                    form method="post" action="/console/latches/lift" {
                        (token(&visitor))
                        input type="hidden" name="area" value=(latch.area);
                        label { (say("解除理由", "Why it is lifted"))
                            input name="reason" required maxlength="200" autocomplete="off"; }
                        button type="submit" { (say("解除停播锁", "Lift the latch")) }
                    }
                }
            }
        }
        @if may && !own.is_empty() { (form(&visitor, &own)) }
    };
    Ok(page(&console, &visitor, layout::LATCHES, say("停播锁", "STOP latch"), &body))
}

fn form(visitor: &Visitor, own: &[&(AreaCode, String)]) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        section.card {
            h2 { (say("设置停播锁", "Set a latch")) }
            form method="post" action=(HERE) {
                (token(visitor))
                label { (say("区域", "Where"))
                    select name="area" { @for (area, name) in own { option value=(area) { (name) } } } }
                label { (say("到来的播发", "What comes meanwhile"))
                    select name="hold" {
                        option value="wait" { (say("转为待审批", "waits for people")) }
                        option value="refuse" { (say("退回，不予播发", "is refused")) }
                    } }
                label { input type="checkbox" name="stop" value="1";
                    " " (say("同时停止正在播发的内容", "also stop what sounds now")) }
                label { (say("理由", "Reason"))
                    input name="reason" required maxlength="200" autocomplete="off"; }
                button.danger type="submit" { (say("设置停播锁", "Set the latch")) }
            }
        }
    }
}

/// The county and its townships, to choose from.
fn places(gateway: &Gateway) -> Vec<(AreaCode, String)> {
    let network = &gateway.rules().network;
    let served = network.served.iter().copied();
    let towns = network.areas.keys().copied().filter(|area| {
        area.level() == AreaLevel::Township
            && network.served.iter().any(|served| served != area && served.contains(*area))
    });
    served.chain(towns).map(|area| (area, area_name(network, area))).collect()
}

/// Sets one.
pub(super) async fn set(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Latch)?;
    let area = area(fields.one("area"))?;
    // Who latches the whole county and stops it stops everything, waiting plans too.
    let scope =
        if console.county.served == [area] { StopScope::All } else { StopScope::Areas(vec![area]) };
    let hold = match fields.one("hold") {
        "refuse" => LatchHold::Refuse,
        "wait" => LatchHold::Wait,
        other => return Err(PageFault::malformed(&format!("`hold` = `{other}`"))),
    };
    let stop = fields.one("stop") == "1";
    let order = LatchOrder { scope, hold, stop, reason: fields.one("reason").to_owned() };
    let text = visitor.say("停播锁已生效。", "The latch holds.").to_owned();
    change(&console, &visitor, Ask::SetLatch(order), &text).await
}

/// Lifts one.
pub(super) async fn lift(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Latch)?;
    let scope = StopScope::Areas(vec![area(fields.one("area"))?]);
    let text = visitor.say("停播锁已解除。", "The latch is lifted.").to_owned();
    let ask = Ask::LiftLatch(scope, fields.one("reason").to_owned());
    change(&console, &visitor, ask, &text).await
}

fn area(text: &str) -> Result<AreaCode, PageFault> {
    AreaCode::parse(text).ok_or_else(|| PageFault::malformed(&format!("`area` = `{text}`")))
}

async fn change(
    console: &Console,
    visitor: &Visitor,
    ask: Ask,
    text: &str,
) -> Result<Response, PageFault> {
    let actor = visitor.actor().clone();
    let input = move |request| Input::Ask(request, actor, Box::new(ask));
    let answer = console.core.ask(None, input).await?;
    let (good, text) = super::told(visitor.tongue(), &answer, text);
    Ok(done(console, visitor, good, &text, HERE))
}
