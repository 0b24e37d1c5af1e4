//! 预案: the response plans in force and the words they speak.

use super::fault::PageFault;
use super::layout::{self, page};
use super::visitor::Visitor;
use super::words::{self, Tongue};
use crate::console::Console;
use crate::model::{
    AfterDeadline, ApprovalMode, Playback, Policy, QuietHours, ResponsePlan, Right,
};
use axum::extract::State;
use maud::{Markup, html};

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let policy = console.core.look(|gateway| gateway.rules().policy.clone()).await?;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        p.hint { (say(
            "按顺序匹配，第一个符合的预案生效。预案保存在 policy.toml，修改后用 mingluo check 检查并重启生效。",
            "The first plan that matches is used. They stand in policy.toml; after a change, run `mingluo check` and restart.",
        )) }
        (limits(&visitor, &policy))
        @for plan in &policy.plans { (card(&visitor, &policy, plan)) }
    };
    let title = say("预案", "Response plans").to_owned();
    Ok(page(&console, &visitor, layout::PLANS, &title, &body))
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
                @if !policy.interlock.lifted_by.is_empty() {
                    dt { (say("可解除限制的人", "Who may lift limits")) } dd { (policy.interlock.lifted_by.join("、")) }
                }
            }
        }
    }
}

fn quiet(tongue: Tongue, hours: Option<QuietHours>) -> String {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    hours.map_or_else(
        || tongue.say("无", "none").to_owned(),
        |hours| format!("{} — {}", clock(hours.from_minute), clock(hours.until_minute)),
    )
}

fn card(visitor: &Visitor, policy: &Policy, plan: &ResponsePlan) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let tongue = visitor.tongue();
    let words = policy.templates.iter().find(|template| template.name == plan.template);
    html! {
        details.card id={ "plan-" (plan.name) } {
            summary {
                strong { (plan.title) } " "
                @for level in &plan.levels {
                    span class={ "level " (words::level_class(Some(*level))) } { (words::level(tongue, Some(*level))) } " "
                }
                span.hint { (approval(tongue, plan)) }
            }
            dl.facts {
                dt { (say("名称", "Name")) } dd { (plan.name) }
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
            }
            @if let Some(template) = words { blockquote.words { (template.text) } }
        }
    }
}

fn approval(tongue: Tongue, plan: &ResponsePlan) -> String {
    let mode = match plan.approval {
        ApprovalMode::Automatic => return tongue.say("自动播发", "automatic").to_owned(),
        ApprovalMode::OnePerson => tongue.say("一人批准", "one person"),
        ApprovalMode::TwoPerson => tongue.say("两人批准", "two persons"),
    };
    let after = match plan.after_deadline {
        AfterDeadline::Release => tongue.say("未决则放行", "then it goes out"),
        AfterDeadline::Expire => tongue.say("未决则作废", "then it ends"),
    };
    format!("{mode} · {} · {after}", words::span(tongue, i64::from(plan.decide_within_s)))
}
