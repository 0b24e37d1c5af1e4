//! 回执审计: who was warned, when, and who was not, over everything ever broadcast; with exports.

use super::fault::PageFault;
use super::layout::{self, page};
use super::visitor::Visitor;
use super::words;
use crate::console::Console;
use crate::console::audit::{self, AuditPage, AuditSummary};
use crate::model::{Act, Right, UtcMs};
use crate::record::audit::{Cursor, Filter, Ladder, OutcomeKind};
use crate::report::{Asked, Form};
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};

/// Ladders of one page.
const LADDERS_MAX: usize = 100;
/// Forms of the report, with what follows `format=`.
const FORMS: [(&str, &str, Form); 3] =
    [("xlsx", "Excel", Form::Xlsx), ("csv", "CSV", Form::Csv), ("pdf", "PDF", Form::Pdf)];

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Audit)?;
    let say = |zh, en| visitor.say(zh, en);
    let body = match filter(&asked) {
        Err(fault) => html! {
            (form(&visitor, &asked))
            p.flash.bad role="alert" { (say("筛选条件有误：", "The filter: ")) (fault) }
        },
        Ok((filter, after)) => {
            let actor = visitor.actor();
            let counts = audit::summary(&console, actor, filter.clone()).await?;
            let found = audit::page(&console, actor, filter, after, LADDERS_MAX).await?;
            html! {
                (form(&visitor, &asked))
                (exports(&visitor, &asked))
                (totals(&visitor, &counts))
                (ladders(&visitor, &found, console.county.local_offset_minutes))
                @if let Some(next) = found.next {
                    p { a.button href={ "?" (query(&asked)) "&after=" (next) } { (say("下一页", "Next page")) } }
                }
                p.hint {
                    (say("以上结果截至台账第 ", "As of row ")) (found.as_of.seq)
                    (say(" 行，链哈希 ", ", chain hash ")) code { (found.as_of.hash) }
                }
                @if found.as_of.n_unread > 0 {
                    p.flash.bad { (found.as_of.n_unread) (say(" 行台账由较新版本写入，本版本无法汇总。", " rows were written by a newer version and are not counted here.")) }
                }
            }
        }
    };
    let title = say("回执审计", "Acknowledgement audit").to_owned();
    Ok(page(&console, &visitor, layout::AUDIT, &title, &body))
}

fn filter(asked: &Asked) -> Result<(Filter, Option<Cursor>), String> {
    let after = asked.after.as_deref().filter(|after| !after.is_empty());
    let after = match after {
        None => None,
        Some(text) => Some(Cursor::parse(text).ok_or_else(|| format!("after: got `{text}`"))?),
    };
    Ok((asked.filter()?, after))
}

/// The filter as the part of an address after `?`.
fn query(asked: &Asked) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("since", &asked.since),
        ("until", &asked.until),
        ("alert", &asked.alert),
        ("broadcast", &asked.broadcast),
        ("class", &asked.class),
        ("area", &asked.area),
        ("terminal", &asked.terminal),
        ("outcome", &asked.outcome),
        ("link", &asked.link),
    ] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            text.append_pair(name, value);
        }
    }
    text.finish()
}

fn form(visitor: &Visitor, asked: &Asked) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let is = |kept: &Option<String>, value: &str| kept.as_deref() == Some(value);
    let field = |name: &str, text: &str, kept: &Option<String>, hint: &str| {
        html! { label { (text) input name=(name) value=(kept.as_deref().unwrap_or_default()) maxlength="512" placeholder=(hint); } }
    };
    html! {
        form.filters.card method="get" action="/console/audit" {
            (field("since", say("开始时间（含）", "From"), &asked.since, "2026-07-01"))
            (field("until", say("结束时间（不含）", "Before"), &asked.until, "2026-08-01T00:00"))
            (field("alert", say("预警编号", "Alert"), &asked.alert, ""))
            (field("broadcast", say("播发任务", "Broadcast"), &asked.broadcast, ""))
            (field("area", say("区域代码", "Area code"), &asked.area, "430621100"))
            (field("terminal", say("终端", "Terminal"), &asked.terminal, "430621100001-001"))
            label { (say("结果", "Outcome"))
                select name="outcome" {
                    option value="" { (say("全部", "all")) }
                    option value="targeted,sent,refused,failed,preempted,cancelled,expired,unreachable"
                        selected[asked.outcome.as_deref().is_some_and(|kept| kept.contains(','))] {
                        (say("所有未收到的", "all that had nothing")) }
                    @for kind in OutcomeKind::ALL {
                        option value=(kind.name()) selected[is(&asked.outcome, kind.name())] { (outcome(visitor, kind)) }
                    }
                }
            }
            label { (say("类别", "Class"))
                select name="class" {
                    option value="" { (say("全部", "all")) }
                    option value="live" selected[is(&asked.class, "live")] { (say("实播", "live")) }
                    option value="drill" selected[is(&asked.class, "drill")] { (say("演练", "drill")) }
                }
            }
            label { (say("链路", "Link"))
                select name="link" {
                    option value="" { (say("全部", "all")) }
                    option value="mqtt" selected[is(&asked.link, "mqtt")] { "MQTT" }
                    option value="serial" selected[is(&asked.link, "serial")] { "RS-485" }
                    option value="national" selected[is(&asked.link, "national")] { (say("国标 GD/J 089", "national GD/J 089")) }
                }
            }
            p { button.primary type="submit" { (say("查询", "Search")) } " " a href="/console/audit" { (say("清除", "Clear")) } }
        }
    }
}

fn outcome(visitor: &Visitor, kind: OutcomeKind) -> &'static str {
    visitor.tongue().say(kind.chinese(), kind.name())
}

fn exports(visitor: &Visitor, asked: &Asked) -> Markup {
    let query = query(asked);
    html! {
        p.actions {
            span { (visitor.say("按以上条件导出：", "Export what is filtered:")) }
            @for (format, name, _) in FORMS {
                a.button href={ "/console/audit/export?" (query) "&format=" (format) } download { (name) }
            }
        }
    }
}

fn totals(visitor: &Visitor, counts: &AuditSummary) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let all = &counts.summary.totals;
    html! {
        div.three {
            div.reached { b { (all.reached()) } span { (say("终端自己确认收到", "had it, by the terminal's own word")) } }
            div.lost { b { (all.all() - all.reached()) } span { (say("没有收到的凭据", "no word that it had it")) } }
            div { b { (counts.summary.n_broadcasts) } span { (say("播发任务", "broadcasts")) } }
        }
        p.outcomes {
            @for kind in OutcomeKind::ALL {
                @if all.of(kind) > 0 { span { (outcome(visitor, kind)) " " b { (all.of(kind)) } } }
            }
        }
        @if counts.summary.townships.len() > 1 {
            details {
                summary { (say("按乡镇", "By township")) }
                table.wide {
                    thead { tr {
                        th { (say("乡镇", "Township")) } th.number { (say("目标", "Targeted")) }
                        th.number { (say("收到", "Had it")) } th.number { (say("播完", "Played")) }
                        th.number { (say("未联通", "Unreachable")) } th { (say("收到率", "Share")) }
                    } }
                    tbody {
                        @for line in &counts.summary.townships {
                            tr {
                                td { (counts.names.area(line.area)) }
                                td.number { (line.totals.all()) } td.number { (line.totals.reached()) }
                                td.number { (line.totals.of(OutcomeKind::Played)) }
                                td.number { (line.totals.of(OutcomeKind::Unreachable)) }
                                td { meter min="0" max=(line.totals.all()) value=(line.totals.reached()) {} }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn ladders(visitor: &Visitor, found: &AuditPage, offset: i16) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    if found.ladders.is_empty() {
        return html! { p.empty { (say("没有符合条件的回执。", "Nothing fits.")) } };
    }
    html! {
        table.wide {
            thead { tr {
                th { (say("播发", "Broadcast")) } th { (say("终端", "Terminal")) } th { (say("位置", "Place")) }
                th { (say("结果", "Outcome")) } th { (say("链路", "Link")) }
                th { (say("发出", "Sent")) } th { (say("收到", "Received")) }
                th { (say("开播", "Sounding")) } th { (say("结束", "End")) } th {}
            } }
            tbody { @for ladder in &found.ladders { (line(visitor, found, ladder, offset)) } }
        }
    }
}

fn line(visitor: &Visitor, found: &AuditPage, ladder: &Ladder, offset: i16) -> Markup {
    let kind = OutcomeKind::of(&ladder.outcome);
    let evidence = &ladder.evidence;
    let time = |at: Option<UtcMs>| at.map(|at| words::time_of_day(at, offset)).unwrap_or_default();
    let began = found.broadcasts.get(&ladder.broadcast).map(|line| line.started_at);
    let id = ladder.terminal;
    html! {
        tr {
            td { a href={ "/console/audit?broadcast=" (ladder.broadcast) } {
                @match began { Some(at) => (words::moment(at, offset)), None => (ladder.broadcast) }
            } }
            td { (id) } td { (found.names.terminal(id)) }
            td { span.bad[!kind.is_reached()] { (outcome(visitor, kind)) }
                @if evidence.heard { " " (visitor.say("（拾音证实）", "(heard)")) } }
            td { @if let Some(link) = ladder.link { (words::link(link)) } }
            td { (time(evidence.sent_at)) } td { (time(evidence.received_at)) }
            td { (time(evidence.playing_at)) } td { (time(evidence.ended_at)) }
            td { a href={ "/console/audit/evidence?broadcast=" (ladder.broadcast) "&terminal=" (id) } {
                (visitor.say("凭据", "Proof")) } }
        }
    }
}

/// A report as a download; that it was taken goes on record first.
pub(super) async fn export(
    State(console): State<Console>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, PageFault> {
    visitor.need(Right::Audit)?;
    let filter = asked.filter().map_err(|why| PageFault::malformed(&why))?;
    let named = asked.format.as_deref().unwrap_or_default();
    let form = FORMS.iter().find(|(name, ..)| *name == named).map(|(.., form)| *form);
    let form = form.ok_or_else(|| PageFault::malformed("`format`"))?;
    let what = format!("audit {named} {}", query(&asked));
    super::note(&console, visitor.actor().clone(), Act::Exported { what }).await?;
    Ok(audit::export(&console, visitor.actor(), filter, form).await?)
}
