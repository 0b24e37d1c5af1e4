//! 版本历史: who changed a response plan or template, what, when and why; what waits for a second person;
//! and the way back to an older version, as a new one.

use super::diff;
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::plan_form::{Scene, form_of, history_of, part_of, refusal};
use super::plan_remove;
use super::plan_words;
use super::visitor::{Posted, Visitor, done};
use super::words::{self, Tongue};
use crate::console::Console;
use crate::decide::{PartHistory, PolicyNotice, REASON_CHARS_MAX, REASON_CHARS_MIN, policy_text};
use crate::gateway::{Answer, Ask, Input};
use crate::model::{
    Network, PolicyChange, PolicyContent, PolicyDeed, PolicyPart, PolicyVersion, Right,
};
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};

/// Whose history.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    pub(super) part: String,
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
    if in_force.is_none() && history.last == 0 {
        return Err(PageFault::not_found().next("/console/plans", "预案", "response plans"));
    }
    let notices = scene.edits.over(&scene.file, &scene.rules.network).notices;
    let (tongue, network) = (visitor.tongue(), &scene.rules.network);
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        p { a href="/console/plans" { "← " (say("预案", "Response plans")) } }
        @for notice in notices.iter().filter(|notice| notice.part == part) {
            (disagreement(&visitor, &scene, notice))
        }
        @if let Some(waits) = &history.proposed { (waiting(&visitor, network, &part, waits, offset)) }
        @if let Some(content) = &in_force {
            section.card {
                h2 { (say("正在执行", "In force")) " · " (version_words(&visitor, history.newest())) }
                ul.diff { @for line in plan_words::lines(tongue, network, content).lines() { li.same { (line) } } }
                @if visitor.may(Right::Policy) && history.proposed.is_none() {
                    div.actions {
                        a.button href={ (form_of(&part, None)) } { (say("修改", "Change")) }
                        a.button href={ (plan_remove::form_of(&part)) } { (say("移除", "Remove")) }
                    }
                }
                details { summary { (say("写回 policy.toml 的文本", "As text for policy.toml")) }
                    pre { (policy_text(content)) } }
            }
        }
        @else if history.newest() > 0 {
            p.flash.warn { (say("已移除，不再执行。可从下面的历次修改恢复。", "Removed, not in force. It can be brought back from below.")) }
        }
        (refused(&visitor, network, &history, offset))
        (versions(&visitor, network, (&part, &history, scene.file.content(&part).is_some()), offset))
    };
    let title = part_title(tongue, &scene, &part);
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
pub(super) fn disagreement(visitor: &Visitor, scene: &Scene, notice: &PolicyNotice) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let text = super::system::told(visitor.tongue(), notice);
    let part = &notice.part;
    let newest = scene.edits.parts.get(part).and_then(|history| history.versions.last());
    let removed = newest.is_some_and(|newest| newest.change.in_force().is_none());
    let keep =
        if removed { plan_remove::form_of(part) } else { form_of(part, Some(scene.newest(part))) };
    html! {
        div.flash.bad role="alert" {
            p { (text) }
            @if visitor.may(Right::Policy) && notice.why != crate::decide::Disagreement::NotInFile {
                div.actions {
                    @if scene.file.content(part).is_some() {
                        a.button href={ (form_of(part, Some(0))) } { (say("采用 policy.toml", "Take the file's")) }
                    }
                    a.button href=(keep) { @if removed { (say("仍然移除", "Remove it all the same")) }
                        @else { (say("保留屏幕上的版本", "Keep the screen's")) } }
                }
            }
        }
    }
}

/// What people call a part, of one that is not in force too.
pub(super) fn part_title(tongue: Tongue, scene: &Scene, part: &PolicyPart) -> String {
    if scene.rules.policy.content(part).is_some() {
        return plan_words::title(tongue, &scene.rules.policy, part);
    }
    let history = scene.edits.parts.get(part);
    let newest = history.and_then(|history| {
        let refused = history.refused.last().map(|refused| &refused.version);
        history.proposed.as_ref().or(history.versions.last()).or(refused)
    });
    match newest.map(|version| &version.change.after) {
        Some(PolicyContent::Plan(plan)) if !plan.title.is_empty() => plan.title.clone(),
        _ => part.name().to_owned(),
    }
}

fn deed_words(visitor: &Visitor, deed: PolicyDeed) -> &'static str {
    match deed {
        PolicyDeed::Change => visitor.tongue().say("修改", "change"),
        PolicyDeed::Add => visitor.tongue().say("新增", "new"),
        PolicyDeed::Remove => visitor.tongue().say("移除", "removal"),
    }
}

fn compared(visitor: &Visitor, network: &Network, change: &PolicyChange) -> Markup {
    let lines = |content: Option<&PolicyContent>| {
        content.map_or_else(String::new, |content| {
            plan_words::lines(visitor.tongue(), network, content)
        })
    };
    html! {
        (diff::lines(&lines(change.before.as_ref()), &lines(change.in_force())))
        @if let Some(before) = &change.stands_before {
            p { (visitor.say("排在“", "before `")) (before) (visitor.say("”之前", "`")) }
        }
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
                strong { (deed_words(visitor, change.deed)) " · " (version_words(visitor, change.version)) }
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
                    @if own {
                        form method="post" action="/console/plans/withdraw" {
                            (fields)
                            button type="submit" { (say("撤回", "Take it back")) }
                        }
                    } @else { (refuse_form(visitor, &fields)) }
                }
            }
        }
    }
}

fn refuse_form(visitor: &Visitor, fields: &Markup) -> Markup {
    html! {
        details {
            summary { (visitor.say("不同意，退回", "Refuse it")) }
            form method="post" action="/console/plans/refuse" {
                (fields)
                label { (visitor.say("退回理由（至少 4 个字，提出人可见）", "Reason (at least 4 characters, its author sees it)"))
                    input name="reason" required minlength=(REASON_CHARS_MIN) maxlength=(REASON_CHARS_MAX) autocomplete="off"; }
                button.danger type="submit" { (visitor.say("退回", "Refuse")) }
            }
        }
    }
}

/// What another person would not have, newest first, with the reason.
fn refused(visitor: &Visitor, network: &Network, history: &PartHistory, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        @if !history.refused.is_empty() { h2 #refused { (say("被退回的修改", "Refused changes")) } }
        @for one in history.refused.iter().rev() {
            article.card {
                header { span.tag.bad { (say("已退回", "refused")) } " "
                    strong { (deed_words(visitor, one.version.change.deed)) " · " (version_words(visitor, one.version.change.version)) } }
                p { (one.version.by) " · " (words::moment(one.version.at, offset)) " · "
                    (say("退回：", "refused by ")) (one.by) " · " (words::moment(one.at, offset)) }
                p.flash.bad { (say("退回理由：", "Why: ")) (one.reason) }
                details { summary { (say("当时的修改", "What was asked for")) } (compared(visitor, network, &one.version.change)) }
            }
        }
    }
}

/// That another person refused the newest change of a part, on the page of all parts: its author sees it first.
pub(super) fn refused_note(
    visitor: &Visitor,
    title: &str,
    part: &PolicyPart,
    history: &PartHistory,
) -> Markup {
    let newest = history
        .refused
        .last()
        .filter(|one| history.proposed.is_none() && one.version.change.version > history.newest());
    let own = newest
        .is_some_and(|one| crate::decide::same_person(&one.version.by, &visitor.actor().name));
    html! {
        @if let Some(one) = newest {
            div.flash.bad[own].warn[!own] {
                p { (title) (visitor.say("：", ": ")) (one.version.by)
                    (visitor.say(" 的修改被 ", "'s change was refused by ")) (one.by)
                    (visitor.say(" 退回，理由：", ", because: ")) (one.reason) }
                a href={ (history_of(part)) "#refused" } { (visitor.say("查看", "Look")) }
            }
        }
    }
}

fn versions(
    visitor: &Visitor,
    network: &Network,
    (part, history, in_file): (&PolicyPart, &PartHistory, bool),
    offset: i16,
) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let may = visitor.may(Right::Policy) && history.proposed.is_none();
    let back = |version: u32| {
        html! { @if may && version != history.newest() {
            a.button href={ (form_of(part, Some(version))) } { (say("恢复到此版", "Go back to this")) }
        } }
    };
    html! {
        @if in_file || !history.versions.is_empty() { h2 { (say("历次修改", "Every change")) } }
        @for known in history.versions.iter().rev() {
            article.card {
                header { strong { (version_words(visitor, known.change.version)) } " · " (deed_words(visitor, known.change.deed)) }
                p { (known.by) " · " (words::moment(known.at, offset))
                    @if let Some((by, at)) = &known.approved {
                        " · " (say("批准：", "approved by ")) (by) " · " (words::moment(*at, offset))
                    }
                }
                (compared(visitor, network, &known.change))
                @if known.change.in_force().is_some() { div.actions { (back(known.change.version)) } }
            }
        }
        @if in_file {
            article.card {
                header { strong { (version_words(visitor, 0)) } }
                p.hint { (say("安装时随配置文件给出的内容。", "What the configuration files say.")) }
                div.actions { (back(0)) }
            }
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

/// Refuses what another person asked for, with the reason.
pub(super) async fn refuse(
    State(console): State<Console>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Policy)?;
    let (part, version) = (part_of(fields.one("part"))?, fields.parsed("version")?);
    let reason = fields.one("reason").to_owned();
    let ask = Ask::RefusePolicy(part.clone(), version.unwrap_or_default(), reason);
    let text =
        visitor.say("修改已退回，理由已记入台账。", "Refused; the reason is on record.").to_owned();
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
