//! 预警: what came in, what it says, what became of it and why; and what could not be read.

use super::chinese;
use super::fault::PageFault;
use super::layout::{self, page};
use super::visitor::Visitor;
use super::words::{self, Tongue};
use crate::console::Console;
use crate::console::extract::At;
use crate::gateway::{AlertState, RejectedState};
use crate::ingest;
use crate::model::{Alert, Disposition, Info, MsgType, Right, Scope, Sha256, Status, UtcMs};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

/// Alerts of one page.
const PAGE_MAX: usize = 50;
/// Characters of the raw bytes that the page shows; the whole is a download.
const RAW_CHARS_MAX: usize = 20_000;

/// What to show.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    before: Option<u64>,
    #[serde(default)]
    disposition: String,
}

/// The list.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(filter): Query<Filter>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let wanted = match filter.disposition.as_str() {
        "planned" => Some(Disposition::Planned),
        "awaiting" => Some(Disposition::AwaitingApproval),
        "refused" => Some(Disposition::Refused),
        "recorded" => Some(Disposition::Recorded),
        _ => None,
    };
    let before = filter.before.unwrap_or(u64::MAX);
    let look = console.core.look(move |gateway| {
        let state = gateway.state();
        let alerts: Vec<AlertState> = state
            .alerts
            .iter()
            .rev()
            .filter(|alert| alert.number < before)
            .filter(|alert| wanted.is_none_or(|wanted| alert.disposition == wanted))
            .take(PAGE_MAX)
            .cloned()
            .collect();
        let rejected: Vec<RejectedState> =
            state.rejected.iter().rev().take(PAGE_MAX).cloned().collect();
        (alerts, rejected, state.n_rejected)
    });
    let (alerts, rejected, n_rejected) = look.await?;
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        (choice(&visitor, &filter.disposition))
        @if alerts.is_empty() { p.empty { (say("没有预警。", "No alerts.")) } }
        @else { (table(visitor.tongue(), &alerts, offset)) }
        @if let Some(last) = alerts.last().filter(|_| alerts.len() == PAGE_MAX) {
            p { a.button href={ "?before=" (last.number) "&disposition=" (filter.disposition) } { (say("更早的", "Older")) } }
        }
        p { a href="/console/rejections" { (say("全部退回报文，重读 →", "All rejected messages, and reading them again →")) } }
        h2 #rejected { (say("退回的报文", "Rejected messages")) " (" (n_rejected) ")" }
        @if rejected.is_empty() { p.empty { (say("没有无法识别的报文。", "Everything could be read.")) } }
        @for one in &rejected { (rejected_card(&visitor, one, offset)) }
    };
    let title = say("预警", "Alerts").to_owned();
    Ok(page(&console, &visitor, layout::ALERTS, &title, &body))
}

fn choice(visitor: &Visitor, chosen: &str) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let all = [
        ("", say("全部", "All")),
        ("planned", say("已播发", "Broadcast")),
        ("awaiting", say("待审批", "Awaiting approval")),
        ("refused", say("不予播发", "Not broadcast")),
        ("recorded", say("仅记录", "Recorded")),
    ];
    html! {
        p.actions {
            @for (value, text) in all {
                a.button href={ "?disposition=" (value) } aria-current=[(chosen == value).then_some("true")] { (text) }
            }
            a href="#rejected" { (say("退回的报文 ↓", "Rejected ↓")) }
        }
    }
}

fn table(tongue: Tongue, alerts: &[AlertState], offset: i16) -> Markup {
    html! {
        table.wide {
            thead { tr {
                th { (tongue.say("收到", "Received")) } th { (tongue.say("级别", "Level")) }
                th { (tongue.say("标题", "Headline")) } th { (tongue.say("发布单位", "Sender")) }
                th { (tongue.say("处置", "What became of it")) }
            } }
            tbody {
                @for alert in alerts {
                    tr {
                        td { (words::moment(alert.accepted_at, offset)) }
                        td { span class={ "level " (words::level_class(alert.level)) } { (words::level(tongue, alert.level)) } }
                        td { a href={ "/console/alerts/" (alert.number) } {
                            @if alert.headline.is_empty() { (alert.id.identifier) } @else { (alert.headline) }
                        } }
                        td { (alert.id.sender) }
                        td { (words::disposition(tongue, alert.disposition)) }
                    }
                }
            }
        }
    }
}

fn rejected_card(visitor: &Visitor, one: &RejectedState, offset: i16) -> Markup {
    html! {
        details.card {
            summary {
                (words::moment(one.at, offset)) " · " (words::via(visitor.tongue(), &one.origin.via)) " · " (one.origin.by) " · "
                (one.rejection.faults.len()) (visitor.say(" 处错误", " faults"))
            }
            (chinese::table(visitor.tongue(), &one.rejection.faults))
            (raw_link(visitor, one.raw))
        }
    }
}

fn raw_link(visitor: &Visitor, raw: Sha256) -> Markup {
    html! { p { a href={ "/console/raw/" (raw) } { (visitor.say("下载原文", "Download the raw bytes")) }
    " " span.hint { "SHA-256 " (raw) } } }
}

/// One alert.
pub(super) async fn one(
    State(console): State<Console>,
    visitor: Visitor,
    At(number): At<u64>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let look = console.core.look(move |gateway| {
        gateway.state().alerts.iter().find(|alert| alert.number == number).cloned()
    });
    let known = look.await?.ok_or_else(PageFault::not_found)?;
    let bytes = match known.raw {
        Some(raw) => raw_bytes(&console, raw).await?,
        None => None,
    };
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        (became(&visitor, &known, offset))
        @if let Some(bytes) = &bytes {
            @match ingest::read(bytes, None) {
                Ok(alert) => (content(&visitor, &alert, offset)),
                Err(rejection) => (chinese::table(visitor.tongue(), &rejection.faults)),
            }
            details { summary { (say("原文", "Raw")) } (raw_text(bytes)) }
            @if let Some(raw) = known.raw { (raw_link(&visitor, raw)) }
        }
    };
    let title = if known.headline.is_empty() { known.id.identifier } else { known.headline };
    Ok(page(&console, &visitor, layout::ALERTS, &title, &body))
}

fn became(visitor: &Visitor, known: &AlertState, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let tongue = visitor.tongue();
    html! {
        section.card {
            p.big {
                span class={ "level " (words::level_class(known.level)) } { (words::level(tongue, known.level)) } " "
                strong { (words::disposition(tongue, known.disposition)) }
            }
            dl.facts {
                dt { (say("收到", "Received")) } dd { (words::moment(known.accepted_at, offset)) }
                dt { (say("编号", "Identity")) } dd { (known.id.sender) " · " (known.id.identifier) " · " (words::moment(known.id.sent, offset)) }
                @if !known.broadcasts.is_empty() {
                    dt { (say("播发任务", "Broadcasts")) } dd {
                        @for id in &known.broadcasts { a href={ "/console/broadcasts/" (id) } { (id) } " " }
                    }
                }
            }
            h2 { (say("处置依据", "Why")) }
            ul.reasons { @for reason in &known.reasons { li { (reason.text) } } }
        }
    }
}

fn content(visitor: &Visitor, alert: &Alert, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        h2 { (say("内容", "Content")) }
        (kind(visitor, alert, offset))
        @for info in &alert.infos { (info_card(visitor, info, offset)) }
        @if !alert.oddities.is_empty() {
            h2 { (say("不规范之处（已容忍）", "Oddities (tolerated)")) }
            (chinese::table(visitor.tongue(), &alert.oddities))
        }
    }
}

/// What it is and what it refers to: half of what decides.
fn kind(visitor: &Visitor, alert: &Alert, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let status = match alert.status {
        Status::Actual => say("实际发布", "actual"),
        Status::Exercise => say("演练", "exercise"),
        Status::System => say("系统消息", "system"),
        Status::Test => say("测试", "test"),
        Status::Draft => say("草稿", "draft"),
    };
    let msg_type = match alert.msg_type {
        MsgType::Alert => say("首次发布", "alert"),
        MsgType::Update => say("更新", "update"),
        MsgType::Cancel => say("解除", "cancel"),
        MsgType::Ack => say("确认", "acknowledgement"),
        MsgType::Error => say("拒收", "error"),
    };
    let scope = match alert.scope {
        Scope::Public => say("公开", "public"),
        Scope::Restricted => say("限定范围", "restricted"),
        Scope::Private => say("指定对象", "private"),
    };
    html! {
        section.card { dl.facts {
            dt { (say("性质", "Kind")) } dd { (status) " · " (msg_type) " · " (scope) }
            @if let Some(sender) = &alert.sender_name { dt { (say("发布单位", "Sender")) } dd { (sender) } }
            @if !alert.references.is_empty() {
                dt { (say("引用", "Refers to")) } dd { @for one in &alert.references { div {
                    (one.identifier)
                    @if let Some(sender) = &one.sender { " · " (sender) }
                    @if let Some(sent) = one.sent { " · " (words::moment(sent, offset)) }
                } } }
            }
            @if let Some(note) = &alert.note { dt { (say("说明", "Note")) } dd { (note) } }
        } }
    }
}

fn info_card(visitor: &Visitor, info: &Info, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let time = |at: UtcMs| words::moment(at, offset);
    let codes: Vec<&str> = info.event_codes.iter().map(|code| code.value.as_str()).collect();
    let certain = [&info.urgency, &info.severity, &info.certainty];
    let certain: Vec<&str> =
        certain.into_iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    html! {
        section.card lang=(info.language) {
            p { strong { (info.event) }
                @if let Some(sender) = info.sender_name.as_deref().filter(|name| !name.is_empty()) { " · " (sender) } }
            @if let Some(headline) = &info.headline { p.big { (headline) } }
            @if let Some(text) = &info.description { blockquote.words { (text) } }
            @if let Some(text) = &info.instruction { p { (text) } }
            dl.facts {
                @if !codes.is_empty() { dt { (say("灾种代码", "Hazard code")) } dd { (codes.join("、")) } }
                @if !certain.is_empty() {
                    dt { (say("紧迫、严重、确定程度", "Urgency, severity, certainty")) } dd { (certain.join(" · ")) } }
                @if let Some(at) = info.effective { dt { (say("生效", "Effective")) } dd { (time(at)) } }
                @if let Some(at) = info.onset { dt { (say("预计发生", "Onset")) } dd { (time(at)) } }
                @if let Some(at) = info.expires { dt { (say("失效", "Expires")) } dd { (time(at)) } }
                dt { (say("区域", "Areas")) } dd {
                    @for area in &info.areas {
                        (area.desc) " "
                        @for code in &area.geocodes { span.hint { (code.value) " " } }
                        @if !area.polygons.is_empty() { (say("多边形 ", "polygons ")) (area.polygons.len()) " " }
                        @if !area.circles.is_empty() { (say("圆 ", "circles ")) (area.circles.len()) " " }
                    }
                }
            }
        }
    }
}

fn raw_text(bytes: &[u8]) -> Markup {
    let text: String = String::from_utf8_lossy(bytes).chars().take(RAW_CHARS_MAX).collect();
    html! { pre.words { (text) } }
}

/// The bytes as they came, as a file: never shown as a page, whatever is in them.
pub(super) async fn raw(
    State(console): State<Console>,
    visitor: Visitor,
    Path(sha256): Path<String>,
) -> Result<Response, PageFault> {
    visitor.need(Right::Read)?;
    let sha256 = Sha256::parse(&sha256).ok_or_else(PageFault::not_found)?;
    let bytes = raw_bytes(&console, sha256).await?.ok_or_else(PageFault::not_found)?;
    let name = format!("attachment; filename=\"alert-{sha256}.bin\"");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, bytes).into_response())
}

async fn raw_bytes(console: &Console, sha256: Sha256) -> Result<Option<Vec<u8>>, PageFault> {
    let url = Arc::clone(&console.record_url);
    let read = move || crate::record::open_read_only(&url)?.raw(sha256);
    let read = tokio::task::spawn_blocking(read).await;
    let unreadable = |why: String| {
        let zh = "台账暂时无法读取，请稍后重试。";
        PageFault::new(
            StatusCode::SERVICE_UNAVAILABLE,
            zh,
            format!("The record can't be read: {why}"),
        )
    };
    read.map_err(|fault| unreadable(fault.to_string()))?.map_err(|f| unreadable(f.to_string()))
}
