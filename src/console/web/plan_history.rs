//! 版本历史: who changed a response plan or template, what, when and why; what waits for a second person;
//! and the way back to an older version, as a new one.

use super::diff;
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::plan_form::{Scene, form_of, history_of, part_of, refusal};
use super::plan_words;
use super::visitor::{Posted, Visitor, done};
use super::words;
use crate::console::Console;
use crate::decide::{PartHistory, PolicyNotice, policy_text};
use crate::gateway::{Answer, Ask, Input};
use crate::model::{Network, PolicyChange, PolicyPart, PolicyVersion, Right};
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};

/// Whose history.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    part: String,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let part = part_of(&wanted.part)?;
    let scene = console.core.look(Scene::of).await?;
    let history = scene.edits.parts.get(&part).cloned().unwrap_or_default();
    let in_force = scene.rules.policy.content(&part);
    if in_force.is_none() && history.versions.is_empty() {
        return Err(PageFault::not_found().next("/console/plans", "预案", "response plans"));
    }
    let notices = scene.edits.over(&scene.file, &scene.rules.network).notices;
    let (tongue, network) = (visitor.tongue(), &scene.rules.network);
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        p { a href="/console/plans" { "← " (say("预案", "Response plans")) } }
        @for notice in notices.iter().filter(|notice| notice.part == part) {
            (disagreement(&visitor, notice, history.newest()))
        }
        @if let Some(waits) = &history.proposed { (waiting(&visitor, network, &part, waits, offset)) }
        @if let Some(content) = &in_force {
            section.card {
                h2 { (say("正在执行", "In force")) " · " (version_words(&visitor, history.newest())) }
                ul.diff { @for line in plan_words::lines(tongue, network, content).lines() { li.same { (line) } } }
                @if visitor.may(Right::Policy) && history.proposed.is_none() {
                    div.actions { a.button href={ (form_of(&part, None)) } { (say("修改", "Change")) } }
                }
                details { summary { (say("写回 policy.toml 的文本", "As text for policy.toml")) }
                    pre { (policy_text(content)) } }
            }
        }
        (versions(&visitor, network, (&part, &history), offset))
    };
    let title = plan_words::title(tongue, &scene.rules.policy, &part);
    let title = format!("{} · {title}", say("版本历史", "History"));
    Ok(page(&console, &visitor, layout::PLANS, &title, &body))
}

fn version_words(visitor: &Visitor, version: u32) -> String {
    match version {
        0 => visitor.say("policy.toml 原文", "as in policy.toml").to_owned(),
        version => format!("{}{version}{}", visitor.say("第 ", "version "), visitor.say(" 版", "")),
    }
}

/// Where the file and the change on screen do not agree, with both ways out.
pub(super) fn disagreement(visitor: &Visitor, notice: &PolicyNotice, newest: u32) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let text = super::system::told(visitor.tongue(), notice);
    html! {
        div.flash.bad role="alert" {
            p { (text) }
            @if visitor.may(Right::Policy) && notice.why != crate::decide::Disagreement::NotInFile {
                div.actions {
                    a.button href={ (form_of(&notice.part, Some(0))) } { (say("采用 policy.toml", "Take the file's")) }
                    a.button href={ (form_of(&notice.part, Some(newest))) } { (say("保留屏幕上的版本", "Keep the screen's")) }
                }
            }
        }
    }
}

fn compared(visitor: &Visitor, network: &Network, change: &PolicyChange) -> Markup {
    let lines = |content| plan_words::lines(visitor.tongue(), network, content);
    html! {
        (diff::lines(&lines(&change.before), &lines(&change.after)))
        p { (visitor.say("理由：", "Reason: ")) (change.reason)
            @if let Some(from) = change.returns_to {
                " · " (visitor.say("取自 ", "from ")) (version_words(visitor, from))
            }
        }
    }
}

/// A change that waits for a second person.
pub(super) fn waiting(
    visitor: &Visitor,
    network: &Network,
    part: &PolicyPart,
    waits: &PolicyVersion,
    offset: i16,
) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let change = &waits.change;
    let own = crate::decide::same_person(&waits.by, &visitor.actor().name);
    let fields = html! {
        (token(visitor))
        input type="hidden" name="part" value=(part);
        input type="hidden" name="version" value=(change.version);
    };
    html! {
        article.card.plan {
            header { span.tag.bad { (say("待批准，尚未生效", "waits, not in force")) } " "
                strong { (version_words(visitor, change.version)) }
                " · " (waits.by) " · " (words::moment(waits.at, offset)) }
            (compared(visitor, network, change))
            @if visitor.may(Right::Policy) {
                div.actions {
                    @if own { span.hint { (say("须由另一位带班领导或系统管理员批准", "another leader or the administrator must approve it")) } }
                    @else {
                        form method="post" action="/console/plans/approve" {
                            (fields)
                            button.primary type="submit" { (say("批准，立即生效", "Approve, in force at once")) }
                        }
                    }
                    form method="post" action="/console/plans/withdraw" {
                        (fields)
                        button type="submit" { (say("撤回", "Take it back")) }
                    }
                }
            }
        }
    }
}

fn versions(
    visitor: &Visitor,
    network: &Network,
    (part, history): (&PolicyPart, &PartHistory),
    offset: i16,
) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let back = |version: u32| {
        let may = visitor.may(Right::Policy) && history.proposed.is_none();
        html! { @if may && version != history.newest() {
            a.button href={ (form_of(part, Some(version))) } { (say("恢复到此版", "Go back to this")) }
        } }
    };
    html! {
        h2 { (say("历次修改", "Every change")) }
        @for known in history.versions.iter().rev() {
            article.card {
                header { strong { (version_words(visitor, known.change.version)) } }
                p { (known.by) " · " (words::moment(known.at, offset))
                    @if let Some((by, at)) = &known.approved {
                        " · " (say("批准：", "approved by ")) (by) " · " (words::moment(*at, offset))
                    }
                }
                (compared(visitor, network, &known.change))
                div.actions { (back(known.change.version)) }
            }
        }
        article.card {
            header { strong { (version_words(visitor, 0)) } }
            p.hint { (say("安装时随配置文件给出的内容。", "What the configuration files say.")) }
            div.actions { (back(0)) }
        }
    }
}

/// Approves what another person asked for, as it was seen.
pub(super) async fn approve(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Policy)?;
    let (part, version) = (part_of(fields.one("part"))?, fields.parsed("version")?);
    let ask = Ask::ApprovePolicy(part.clone(), version.unwrap_or_default());
    let text = visitor.say("已批准，立即生效。", "Approved, in force at once.").to_owned();
    tell(&console, &visitor, ask, &part, &text).await
}

/// Takes a change back before it was approved.
pub(super) async fn withdraw(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Policy)?;
    let (part, version) = (part_of(fields.one("part"))?, fields.parsed("version")?);
    let ask = Ask::WithdrawPolicy(part.clone(), version.unwrap_or_default());
    let text = visitor.say("修改已撤回。", "The change is taken back.").to_owned();
    tell(&console, &visitor, ask, &part, &text).await
}

async fn tell(
    console: &Console,
    visitor: &Visitor,
    ask: Ask,
    part: &PolicyPart,
    text: &str,
) -> Result<Response, PageFault> {
    let actor = visitor.actor().clone();
    let answer = console.core.ask(None, move |id| Input::Ask(id, actor, Box::new(ask))).await?;
    let good = matches!(answer, Answer::Saved { .. } | Answer::Done(_));
    let text = if good { text.to_owned() } else { refusal(visitor.tongue(), &answer) };
    Ok(done(console, visitor, good, &text, &history_of(part)))
}
