//! 预案: the response plans in force and the words they speak, what waits for a second person, and where
//! file and screen do not agree.

use super::fault::PageFault;
use super::layout::{self, page};
use super::plan_form::{Scene, form_of, history_of};
use super::plan_history::{disagreement, part_title, refused_note, waiting};
use super::plan_remove;
use super::plan_words;
use super::visitor::Visitor;
use super::words::{self, Tongue};
use crate::console::Console;
use crate::model::{
    ApprovalMode, Playback, Policy, PolicyPart, QuietHours, ResponsePlan, Right, Verdict,
};
use axum::extract::State;
use maud::{Markup, html};

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let scene = console.core.look(Scene::of).await?;
    let policy = &scene.rules.policy;
    let say = |zh, en| visitor.say(zh, en);
    let tongue = visitor.tongue();
    let offset = console.county.local_offset_minutes;
    let notices = scene.edits.over(&scene.file, &scene.rules.network).notices;
    let waits =
        scene.edits.parts.iter().filter_map(|(part, known)| Some((part, known.proposed.as_ref()?)));
    let body = html! {
        p.hint { (say(
            "按顺序匹配，第一个符合的预案生效。policy.toml 是底本；屏幕上的修改由一人提出、另一人批准后生效，全部记入台账。正在播发和待审批的，仍按当时的版本执行。",
            "The first plan that matches is used. policy.toml is the base; a change on screen is in force when another person approved it, and stands in the record. What runs or waits keeps the version it was decided by.",
        )) }
        @for notice in &notices {
            h2 { (part_title(tongue, &scene, &notice.part)) }
            (disagreement(&visitor, &scene, notice))
        }
        @for (part, history) in &scene.edits.parts {
            (refused_note(&visitor, &part_title(tongue, &scene, part), part, history))
        }
        @for (part, waits) in waits {
            h2 { (part_title(tongue, &scene, part)) }
            (waiting(&visitor, &scene.rules.network, part, waits, offset))
        }
        (limits(&visitor, policy))
        @if visitor.may(Right::Policy) {
            div.actions {
                a.button href="/console/plans/edit?new=plan" { (say("新建预案", "New response plan")) }
                a.button href="/console/plans/edit?new=template" { (say("新建模板", "New template")) }
            }
        }
        @for plan in &policy.plans { (card(&visitor, &scene, plan)) }
        h2 { (say("模板", "Templates")) }
        @for template in &policy.templates {
            @let part = PolicyPart::Template(template.name.clone());
            details.card id={ "template-" (template.name) } {
                summary { (plan_words::template(tongue, policy, &template.name)) (changed(&visitor, &scene, &part)) }
                blockquote.words { (template.text) }
                (actions(&visitor, &part))
            }
        }
        (removed(&visitor, &scene))
    };
    let title = say("预案", "Response plans").to_owned();
    Ok(page(&console, &visitor, layout::PLANS, &title, &body))
}

/// What was taken out of force on screen, with the way back.
fn removed(visitor: &Visitor, scene: &Scene) -> Markup {
    let gone = |part: &PolicyPart, history: &crate::decide::PartHistory| {
        history.newest() > 0 && scene.rules.policy.content(part).is_none()
    };
    let gone: Vec<&PolicyPart> = scene
        .edits
        .parts
        .iter()
        .filter(|(part, history)| gone(part, history))
        .map(|(part, _)| part)
        .collect();
    html! {
        @if !gone.is_empty() {
            h2 { (visitor.say("已移除", "Removed")) }
            ul { @for part in gone { li {
                a href={ (history_of(part)) } { (part_title(visitor.tongue(), scene, part)) }
            } } }
        }
    }
}

/// The version of a part, when it is not the file's.
fn changed(visitor: &Visitor, scene: &Scene, part: &PolicyPart) -> Markup {
    let newest = scene.edits.parts.get(part).map_or(0, crate::decide::PartHistory::newest);
    html! { @if newest > 0 {
        " " span.tag { (visitor.say("第 ", "version ")) (newest) (visitor.say(" 版", "")) }
    } }
}

fn actions(visitor: &Visitor, part: &PolicyPart) -> Markup {
    html! {
        div.actions {
            @if visitor.may(Right::Policy) { a.button href={ (form_of(part, None)) } { (visitor.say("修改", "Change")) } }
            @if visitor.may(Right::Policy) { a.button href={ (plan_remove::form_of(part)) } { (visitor.say("移除", "Remove")) } }
            a.button href={ (history_of(part)) } { (visitor.say("版本历史", "History")) }
        }
    }
}

fn limits(visitor: &Visitor, policy: &Policy) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        section.card {
            dl.facts {
                dt { (say("静音时段", "Quiet hours")) } dd { (quiet(visitor.tongue(), policy.quiet_hours)) }
                dt { (say("自动播发", "Automatic")) } dd {
                    (say("每小时最多 ", "at most ")) (policy.interlock.automatic_per_hour_max)
                    (say(" 次；红色以下每次最多 ", " an hour; below red at most "))
                    (policy.interlock.automatic_terminals_max) (say(" 个终端，超出转人工", " terminals, else a person decides"))
                }
                dt { (say("手动播发", "Manual")) } dd {
                    (say("一人最多 ", "alone at most ")) (policy.manual.terminals_alone_max)
                    (say(" 个终端，超出需另一人批准", " terminals, else a second person"))
                }
                @for rule in &policy.interlock.rules {
                    dt { (say("联锁：", "Interlock: ")) (rule.name) }
                    dd { (strict(visitor, rule.verdict)) " · " (rule.reason) }
                }
                @for limit in &policy.interlock.limits {
                    dt { (say("限额：", "Limit: ")) (limit.name) }
                    dd {
                        @if let Some(n) = limit.per_hour_max { (say("每小时 ", "an hour ")) (n) " · " }
                        @if let Some(n) = limit.terminals_max { (say("终端 ", "terminals ")) (n) " · " }
                        (strict(visitor, limit.over))
                    }
                }
                @if !policy.interlock.lifted_by.is_empty() {
                    dt { (say("可解除限制的人", "Who may lift limits")) } dd { (policy.interlock.lifted_by.join("、")) }
                }
            }
        }
    }
}

fn strict(visitor: &Visitor, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => visitor.tongue().say("按预案", "as the plan says"),
        Verdict::Ask => visitor.tongue().say("须人工确认", "a person decides"),
        Verdict::Refuse => visitor.tongue().say("不予播发", "refused"),
    }
}

fn quiet(tongue: Tongue, hours: Option<QuietHours>) -> String {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    hours.map_or_else(
        || tongue.say("无", "none").to_owned(),
        |hours| format!("{} — {}", clock(hours.from_minute), clock(hours.until_minute)),
    )
}

fn card(visitor: &Visitor, scene: &Scene, plan: &ResponsePlan) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let tongue = visitor.tongue();
    let words = scene.rules.policy.templates.iter().find(|template| template.name == plan.template);
    let part = PolicyPart::Plan(plan.name.clone());
    html! {
        details.card id={ "plan-" (plan.name) } {
            summary {
                strong { (plan.title) } " "
                @for level in &plan.levels {
                    span class={ "level " (words::level_class(Some(*level))) } { (words::level(tongue, Some(*level))) } " "
                }
                span.hint { (approval(tongue, plan)) }
                (changed(visitor, scene, &part))
            }
            dl.facts {
                dt { (say("内部名称", "Name")) } dd { (plan.name) }
                dt { (say("灾种", "Hazards")) } dd { (plan.hazards.join("、")) " " (plan.event_words.join("、")) }
                dt { (say("审批", "Approval")) } dd { (approval(tongue, plan)) }
                dt { (say("提示音", "Chime")) } dd { (words::chime(tongue, plan.chime)) }
                dt { (say("播放", "Plays")) } dd {
                    (plan.repeats) (say(" 遍，间隔 ", " times, pause ")) (words::span(tongue, i64::from(plan.interval_s)))
                    @if plan.playback == Playback::Staggered { (say("，相邻终端错开", ", neighbours in turns")) }
                }
                dt { (say("静音时段", "Quiet hours")) } dd {
                    @if plan.quiet_hours_exempt { (say("照常播发", "sounds all the same")) } @else { (say("转人工", "a person decides")) }
                }
                dt { (say("最长有效", "Valid at most")) } dd { (words::span(tongue, i64::from(plan.validity_s_max))) }
                dt { (say("备用录音", "Recording if no voice")) } dd { (plan.fallback_recording) }
                @if let Some(rule) = plan.call {
                    dt { (say("叫应", "Calls")) } dd { (say("责任人须应答，每级限 ", "persons must answer, each level within ")) (words::span(tongue, i64::from(rule.answer_within_s))) }
                }
            }
            @if let Some(template) = words { blockquote.words { (template.text) } }
            (actions(visitor, &part))
        }
    }
}

fn approval(tongue: Tongue, plan: &ResponsePlan) -> String {
    let mode = plan_words::approval(tongue, plan.approval);
    if plan.approval == ApprovalMode::Automatic {
        return mode.to_owned();
    }
    let after = plan_words::after(tongue, plan.after_deadline);
    format!("{mode} · {} · {after}", words::span(tongue, i64::from(plan.decide_within_s)))
}
