//! 设置变更: who changed which setting, when and why, newest first.

use super::fault::PageFault;
use super::layout::{self, page};
use super::list;
use super::plan_form::{Scene, history_of};
use super::plan_history::part_title;
use super::visitor::Visitor;
use super::words::{self, Tongue};
use crate::console::Console;
use crate::gateway::{Gateway, SettingLine};
use crate::model::{PolicyPart, Right};
use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

/// Rows of one page.
const PAGE_MAX: usize = 100;

/// What is said of each kind.
const KINDS: [(&str, &str, &str); 21] = [
    ("policy_proposed", "提出预案修改", "asked for a change of a response plan"),
    ("policy_approved", "批准预案修改", "approved a change of a response plan"),
    ("policy_withdrawn", "撤回预案修改", "took a change of a response plan back"),
    ("policy_refused", "退回预案修改", "refused a change of a response plan"),
    ("key_made", "新建接口密钥", "made an API key"),
    ("key_revoked", "吊销接口密钥", "revoked an API key"),
    ("key_changed", "改动接口密钥", "changed an API key"),
    ("registry_changed", "改动终端台账", "changed the registry"),
    ("roster_changed", "改动值班表", "changed the roster"),
    ("group_set", "保存群组", "saved a group"),
    ("group_removed", "删除群组", "removed a group"),
    ("programme_set", "保存节目", "saved a programme"),
    ("programme_approved", "批准节目", "approved a programme"),
    ("programme_removed", "删除节目", "removed a programme"),
    ("latch_changed", "设置停播锁", "set a latch"),
    ("latch_lifted", "解除停播锁", "lifted a latch"),
    ("account_made", "新建账号", "made an account"),
    ("account_changed", "改动账号", "changed an account"),
    ("setting_changed", "改动设置", "changed a setting"),
    ("recording_added", "添加录音", "added a recording"),
    ("recording_removed", "删除录音", "removed a recording"),
];

/// What to show.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    by: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    skip: usize,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Markup, PageFault> {
    if !visitor.may(Right::Audit) {
        visitor.need(Right::Maintain)?;
    }
    let look = |gateway: &Gateway| {
        (
            Scene::of(gateway),
            gateway.state().setting_lines.iter().rev().cloned().collect::<Vec<_>>(),
        )
    };
    let (scene, lines) = console.core.look(look).await?;
    let mut wanted = lines
        .iter()
        .filter(|line| line.by.contains(asked.by.trim()))
        .filter(|line| asked.kind.is_empty() || line.kind == asked.kind)
        .skip(asked.skip);
    let rows: Vec<&SettingLine> = wanted.by_ref().take(PAGE_MAX).collect();
    let more = wanted.next().is_some();
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let next = more.then(|| (say("更早的", "Older"), older(&asked)));
    let table = html! {
        table.wide {
            thead { tr { th { (say("时间", "Time")) } th { (say("何人", "Who")) } th { (say("做了什么", "Did what")) }
                th { (say("对象", "Of what")) } th { (say("理由或内容", "Why, or what")) } } }
            tbody { @for line in &rows { tr {
                td { (words::moment(line.at, offset)) } td { (line.by) } td { (said(visitor.tongue(), &line.kind)) }
                td { (object(visitor.tongue(), &scene, line)) } td.text { (line.detail) }
            } } }
        }
    };
    let body = html! {
        p { a href="/console/system" { "← " (say("系统", "System")) } }
        (choice(&visitor, &asked))
        (list::rows((rows.is_empty(), say("没有符合条件的变更。", "No change fits.")), &table, next))
    };
    Ok(page(&console, &visitor, layout::SYSTEM, say("设置变更", "Changes of settings"), &body))
}

fn older(asked: &Asked) -> String {
    let skip = asked.skip.saturating_add(PAGE_MAX).to_string();
    list::next(("skip", &skip), &[("by", &asked.by), ("kind", &asked.kind)])
}

fn choice(visitor: &Visitor, asked: &Asked) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let kinds: Vec<(&str, &str)> = std::iter::once(("", say("全部", "all")))
        .chain(KINDS.iter().map(|(kind, zh, en)| (*kind, say(zh, en))))
        .collect();
    html! {
        form.actions method="get" {
            label { (say("何人", "Who")) input name="by" value=(asked.by) maxlength="80"; }
            label { (say("类别", "Kind")) (list::select("kind", &asked.kind, &kinds)) }
            button type="submit" { (say("筛选", "Show")) }
        }
    }
}

fn said(tongue: Tongue, kind: &str) -> &str {
    KINDS.iter().find(|(known, ..)| *known == kind).map_or(kind, |(_, zh, en)| tongue.say(zh, en))
}

fn object(tongue: Tongue, scene: &Scene, line: &SettingLine) -> Markup {
    let part = line.kind.starts_with("policy_").then(|| PolicyPart::parse(&line.what)).flatten();
    html! {
        @match part {
            Some(part) => a href={ (history_of(&part)) } { (part_title(tongue, scene, &part)) },
            None => (line.what),
        }
    }
}
