//! 移除预案: what would become of its alerts without it, what runs by it and goes on; and the wish, with a
//! reason, for another person to approve.

use super::fault::PageFault;
use super::layout::{self, page, token};
use super::plan_form::{Scene, check, history_of, part_of, propose, told};
use super::plan_history::Wanted;
use super::plan_preview::{self, Sample};
use super::plan_words;
use super::visitor::{Fields, Posted, Visitor};
use crate::console::Console;
use crate::decide::{PolicyEdit, REASON_CHARS_MAX, REASON_CHARS_MIN};
use crate::gateway::Gateway;
use crate::model::{PolicyContent, PolicyDeed, PolicyPart, Right};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

/// The address of the form.
pub(super) fn form_of(part: &PolicyPart) -> String {
    format!("/console/plans/remove?part={}", super::visitor::encoded(&part.to_string()))
}

/// What goes on by a response plan: running broadcasts, plans that wait.
fn in_use(gateway: &Gateway, name: &str) -> (usize, usize) {
    let state = gateway.state();
    let running = state.running().filter(|(_, one)| one.broadcast.response_plan() == name);
    let waiting = state.pending.values().filter(|one| one.plan().response_plan == name);
    (running.count(), waiting.count())
}

/// The form.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Policy)?;
    let part = part_of(&wanted.part)?;
    shown(&console, &visitor, &part, ("", &html! {})).await
}

async fn shown(
    console: &Console,
    visitor: &Visitor,
    part: &PolicyPart,
    (reason, news): (&str, &Markup),
) -> Result<Markup, PageFault> {
    let name = part.name().to_owned();
    let look = move |gateway: &Gateway| (Scene::whole(gateway), in_use(gateway, &name));
    let (scene, (running, waiting)) = console.core.look(look).await?;
    // What was removed before the file was changed is not in force, and removed once more.
    let content = scene.rules.policy.content(part).or_else(|| scene.file.content(part));
    let none = || PageFault::not_found().next("/console/plans", "预案", "response plans");
    let content = content.ok_or_else(none)?;
    let without = scene.changed(PolicyDeed::Remove, &content, None);
    let faults = check(console, &scene, (&without, None)).await?;
    let good = faults.iter().all(|fault| !fault.grave);
    let say = |zh, en| visitor.say(zh, en);
    let newest = scene.newest(part).to_string();
    let title = plan_words::title(visitor.tongue(), &scene.rules.policy, part);
    let body = html! {
        p { a href={ (history_of(part)) } { "← " (say("版本历史", "History")) } }
        (news)
        p { (say(
            "移除后不再用它处理新的预警；另一位负责人批准后生效，随时可以从版本历史恢复。",
            "New alerts are not handled by it any more; it is in force when another person has approved it, and can be brought back from the history.",
        )) }
        @if running + waiting > 0 {
            p.flash.warn { (say("正在播发 ", "On air: ")) (running) (say(" 项、待审批 ", ", waiting: ")) (waiting)
                (say(" 项由它产生，移除后仍按当时的内容继续。", " by it; they go on as they were decided.")) }
        }
        (told(visitor, &faults))
        @if good { (plan_preview::shown(visitor, &scene, (&without, PolicyDeed::Remove), &content, &Sample::read(&Fields::default()))) }
        form.card method="post" action="/console/plans/remove" {
            (token(visitor))
            input type="hidden" name="part" value=(part);
            input type="hidden" name="seen" value=(newest);
            label { (say("移除理由（至少 4 个字，记入台账）", "Reason (at least 4 characters, on record)"))
                input name="reason" required minlength=(REASON_CHARS_MIN) maxlength=(REASON_CHARS_MAX) autocomplete="off" value=(reason); }
            div.actions {
                @if good { button.danger type="submit" { (say("提交移除，由另一人批准", "Ask for removal, for another person to approve")) } }
                a.button href={ (history_of(part)) } { (say("不移除，返回", "Leave it")) }
            }
        }
    };
    let title = format!("{} · {title}", say("移除", "Remove"));
    Ok(page(console, visitor, layout::PLANS, &title, &body))
}

/// Asks for it.
pub(super) async fn post(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Policy)?;
    let part = part_of(fields.one("part"))?;
    let wanted = part.clone();
    let look = move |gateway: &Gateway| {
        let in_force = gateway.rules().policy.content(&wanted);
        in_force.or_else(|| gateway.policy_file().content(&wanted))
    };
    let none = || PageFault::not_found().next("/console/plans", "预案", "response plans");
    let content: PolicyContent = console.core.look(look).await?.ok_or_else(none)?;
    let edit = PolicyEdit {
        deed: PolicyDeed::Remove,
        content,
        stands_before: None,
        seen: fields.parsed("seen")?.unwrap_or_default(),
        reason: fields.one("reason").to_owned(),
        returns_to: None,
    };
    let saved = visitor.say(
        "移除已提交并记入台账，另一位负责人批准后生效。",
        "The removal is on record; it is in force when another person has approved it.",
    );
    match propose(&console, &visitor, edit, saved).await? {
        Ok(done) => Ok(done),
        Err(news) => {
            let again = shown(&console, &visitor, &part, (fields.one("reason"), &news)).await?;
            Ok(again.into_response())
        }
    }
}
