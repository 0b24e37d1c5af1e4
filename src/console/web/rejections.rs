//! 退回报文: what could not be read, with every fault and the bytes as they came; a leader or a technician
//! has them read again after the reader or the source was mended.

use super::chinese;
use super::fault::PageFault;
use super::layout::{self, page, token};
use super::list;
use super::visitor::{Posted, Visitor, done};
use super::words;
use crate::console::Console;
use crate::console::extract::At;
use crate::console::rejections::{self, Filter, Numbered};
use crate::gateway::Answer;
use crate::model::Right;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

/// Rows of one page.
const PAGE_MAX: usize = 50;
/// Characters of the bytes that a page shows; the whole is a download.
const PREVIEW_CHARS_MAX: usize = 4_000;

/// What to show, as a form sends it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    before: Option<u64>,
    #[serde(default)]
    by: String,
    #[serde(default)]
    fault: String,
    #[serde(default)]
    mended: String,
}

impl Asked {
    fn filter(&self) -> Filter {
        let some = |text: &String| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        Filter {
            before: self.before,
            limit: Some(PAGE_MAX),
            by: some(&self.by),
            fault: some(&self.fault),
            mended: match self.mended.as_str() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            },
            ..Filter::default()
        }
    }

    fn older(&self, before: u64) -> String {
        let fields = [("by", self.by.as_str()), ("fault", &self.fault), ("mended", &self.mended)];
        list::next(("before", &before.to_string()), &fields)
    }
}

/// The list.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let (rows, next, n_ever) = rejections::page(&console, asked.filter()).await?;
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let next = next.map(|next| (say("更早的", "Older"), asked.older(next)));
    let body = html! {
        p { a href="/console/alerts" { "← " (say("预警", "Alerts")) } " "
            span.hint { (say("累计退回 ", "rejected ever: ")) (n_ever) } }
        (choice(&visitor, &asked))
        (list::rows((rows.is_empty(), say("没有符合条件的退回报文。", "Nothing was rejected that fits.")), &table(&visitor, &rows, offset), next))
    };
    Ok(page(&console, &visitor, layout::ALERTS, say("退回报文", "Rejected messages"), &body))
}

fn table(visitor: &Visitor, rows: &[Numbered], offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        table.wide {
            thead { tr {
                th.number { (say("编号", "Number")) } th { (say("收到", "Received")) }
                th { (say("来源", "Source")) } th { (say("错误", "Faults")) } th { (say("处理", "Since then")) }
            } }
            tbody { @for row in rows { (line(visitor, row, offset)) } }
        }
    }
}

fn choice(visitor: &Visitor, asked: &Asked) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let states = [
        ("", say("全部", "all")),
        ("no", say("未处理", "open")),
        ("yes", say("已重读成功", "read since")),
    ];
    html! {
        form.actions method="get" {
            label { (say("来源", "Source")) input name="by" value=(asked.by) maxlength="80"; }
            label { (say("错误含有", "Fault contains")) input name="fault" value=(asked.fault) maxlength="80"; }
            label { (say("状态", "State")) (list::select("mended", &asked.mended, &states)) }
            button type="submit" { (say("筛选", "Show")) }
        }
    }
}

fn line(visitor: &Visitor, (number, one, mended): &Numbered, offset: i16) -> Markup {
    let first = one.rejection.faults.first().map(|fault| fault.what.as_str());
    let first = chinese::said(visitor.tongue(), first.unwrap_or_default());
    let more = one.rejection.faults.len().saturating_sub(1);
    html! {
        tr {
            td.number { a href={ "/console/rejections/" (number) } { (number) } }
            td { (words::moment(one.at, offset)) }
            td { (words::via(visitor.tongue(), &one.origin.via)) " · " (one.origin.by) }
            td { (first) @if more > 0 { span.hint { " +" (more) } } }
            td {
                @if let Some(alert) = mended {
                    a href={ "/console/alerts/" (alert) } { (visitor.say("已读为预警 ", "read as alert ")) (alert) }
                } @else if !one.replays.is_empty() {
                    (visitor.say("重读 ", "read again ")) (one.replays.len()) (visitor.say(" 次仍退回", "×, still rejected"))
                }
            }
        }
    }
}

/// One of them.
pub(super) async fn one(
    State(console): State<Console>,
    visitor: Visitor,
    At(number): At<u64>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let (number, one, mended) = rejections::find(&console, number).await?;
    let bytes = rejections::raw_bytes(&console, one.raw).await?;
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let text: String = String::from_utf8_lossy(&bytes).chars().take(PREVIEW_CHARS_MAX).collect();
    let body = html! {
        p { a href="/console/rejections" { "← " (say("退回报文", "Rejected messages")) } }
        section.card {
            dl.facts {
                dt { (say("收到", "Received")) } dd { (words::moment(one.at, offset)) }
                dt { (say("来源", "Source")) } dd { (words::via(visitor.tongue(), &one.origin.via)) " · " (one.origin.by) }
                dt { (say("长度", "Length")) } dd { (bytes.len()) (say(" 字节", " bytes")) }
                dt { "SHA-256" } dd { code { (one.raw) } }
                @if let Some(alert) = mended {
                    dt { (say("现已读为", "Read since as")) } dd {
                        a href={ "/console/alerts/" (alert) } { (say("预警 ", "alert ")) (alert) } }
                }
            }
        }
        h2 { (say("错误", "Faults")) " (" (one.rejection.faults.len()) ")" }
        (chinese::table(visitor.tongue(), &one.rejection.faults))
        h2 { (say("原文", "Raw")) }
        p { a.button href={ "/console/raw/" (one.raw) } { (say("下载原文", "Download the raw bytes")) } }
        pre.words id="raw" { (text) }
        @if bytes.len() > PREVIEW_CHARS_MAX { p.hint { (say("仅显示开头部分。", "Only its beginning is shown.")) } }
        h2 { (say("重读", "Read again")) }
        @if one.replays.is_empty() { p.empty { (say("还没有人重读过。", "Nobody had it read again.")) } }
        @else { ul { @for replay in &one.replays {
            li { (words::moment(replay.at, offset)) " · " (replay.by) " · " (replay.reason) }
        } } }
        @if visitor.may(Right::Replay) { (form(&visitor, number)) }
    };
    let title = format!("{} {number}", say("退回报文", "Rejected message"));
    Ok(page(&console, &visitor, layout::ALERTS, &title, &body))
}

fn form(visitor: &Visitor, number: u64) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        form.card method="post" action={ "/console/rejections/" (number) "/replay" } {
            (token(visitor))
            p { (say(
                "用现在的读取程序重新读一遍原文，与新到的预警走同样的流程（查重、预案、审批、联锁）。您的姓名和理由记入台账。",
                "Reads the bytes with today's readers; what comes of it goes the way of a new alert. Your name and \
                 reason go on record.",
            )) }
            label { (say("理由", "Reason")) input name="reason" required maxlength="200" autocomplete="off"; }
            button type="submit" { (say("重读", "Read again")) }
        }
    }
}

/// Replays one.
pub(super) async fn replay(
    State(console): State<Console>,
    At(number): At<u64>,
    Posted { visitor, fields }: Posted,
) -> Result<Response, PageFault> {
    visitor.need(Right::Replay)?;
    let actor = visitor.actor().clone();
    let reason = fields.one("reason").to_owned();
    let answer = rejections::again(&console, actor, number, reason).await?;
    let tongue = visitor.tongue();
    let (good, text) = match &answer {
        Answer::Alert { disposition, .. } => {
            let became = words::disposition(tongue, *disposition);
            (true, format!("{}{became}", tongue.say("已重读：", "Read: ")))
        }
        Answer::Rejected(rejection) => {
            let n = rejection.faults.len();
            let text = tongue.say("仍然无法识别，错误数：", "Still unreadable, faults: ");
            (false, format!("{text}{n}"))
        }
        other @ (Answer::Refused(_)
        | Answer::Denied(_)
        | Answer::NotFound(_)
        | Answer::Waiting { .. }
        | Answer::Edited { .. }
        | Answer::Saved { .. }
        | Answer::Started(_)
        | Answer::TestStarted(_)
        | Answer::Platform { .. }
        | Answer::Done(_)) => (false, super::refusal(tongue, other)),
    };
    let to = format!("/console/rejections/{number}");
    Ok(done(&console, &visitor, good, &text, &to))
}
