//! 群组: places that officers saved under a name.

use super::fault::PageFault;
use super::layout::{self, page, token};
use super::visitor::{Fields, Posted, Visitor, done};
use crate::console::Console;
use crate::daemon::CoreFault;
use crate::decide::same_person;
use crate::gateway::{Ask, Gateway, Input};
use crate::model::{AreaCode, Group, Right, Role};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

const HERE: &str = "/console/groups";

/// A group with the names of its places.
struct Shown {
    group: Group,
    places: String,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Broadcast)?;
    let groups = console.core.look(all).await?;
    let say = |zh, en| visitor.say(zh, en);
    let own = |group: &Group| {
        let actor = visitor.actor();
        actor.role == Role::Leader || same_person(&group.owner, &actor.name)
    };
    let body = html! {
        p { a href="/console/compose" { "← " (say("手动广播", "Manual broadcast")) } }
        p.hint { (say("在“手动广播”页勾选区域后可另存为群组。", "Save the chosen places as a group on the page of manual broadcasts.")) }
        @if groups.is_empty() { p.empty { (say("还没有群组。", "No group yet.")) } }
        @else {
            form method="post" action="/console/groups/remove" {
                (token(&visitor))
                table.wide {
                    thead { tr { th { (say("名称", "Name")) } th { (say("范围", "Places")) } th { (say("建立人", "Owner")) } th { } } }
                    tbody {
                        @for shown in &groups {
                            tr {
                                td { (shown.group.name) } td { (shown.places) } td { (shown.group.owner) }
                                td { @if own(&shown.group) {
                                    button type="submit" name="name" value=(shown.group.name) { (say("删除", "Remove")) }
                                } }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(page(&console, &visitor, layout::COMPOSE, say("群组", "Groups"), &body))
}

fn all(gateway: &Gateway) -> Vec<Shown> {
    let groups = gateway.state().groups.values();
    groups
        .map(|group| {
            let mut places = super::approvals::places(gateway, &group.areas);
            if !group.terminals.is_empty() {
                places = format!("{places} + {}", group.terminals.len());
            }
            Shown { group: group.clone(), places }
        })
        .collect()
}

/// The groups to pick from, with a box each.
pub(super) async fn picker(
    console: &Console,
    visitor: &Visitor,
    fields: &Fields,
) -> Result<Markup, CoreFault> {
    let groups = console.core.look(all).await?;
    let on = |name: &str| fields.all("group").any(|group| group == name);
    Ok(html! {
        @if !groups.is_empty() {
            fieldset {
                legend { (visitor.say("按群组选择", "By group")) }
                @for shown in &groups {
                    label { input type="checkbox" name="group" value=(shown.group.name) checked[on(&shown.group.name)];
                        b { (shown.group.name) } " " span.hint { (shown.places) } }
                }
                a href=(HERE) { (visitor.say("管理群组", "Manage groups")) }
            }
        }
    })
}

/// Saves places under a name.
pub(super) async fn save(
    console: &Console,
    visitor: &Visitor,
    name: &str,
    areas: Vec<AreaCode>,
) -> Result<Result<String, String>, CoreFault> {
    let actor = visitor.actor().clone();
    let (owner, name) = (actor.name.clone(), name.to_owned());
    let ask = Ask::SetGroup(Group { name, owner, areas, terminals: Vec::new() });
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, Box::new(ask))).await?;
    let text = visitor.say("群组已保存，可直接选用。", "The group is saved.");
    let (good, text) = super::told(visitor.tongue(), &answer, text);
    Ok(if good { Ok(text) } else { Err(text) })
}

/// Removes one.
pub(super) async fn remove(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Broadcast)?;
    let (actor, name) = (visitor.actor().clone(), fields.one("name").to_owned());
    let ask = Box::new(Ask::RemoveGroup(name));
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, ask)).await?;
    let text = visitor.say("群组已删除。", "The group is removed.");
    let (good, text) = super::told(visitor.tongue(), &answer, text);
    Ok(done(&console, &visitor, good, &text, HERE))
}
