//! 终端: the registry with what the links and the terminals themselves say.

use super::fault::PageFault;
use super::layout::{self, page};
use super::visitor::{Fields, Visitor, encoded};
use super::words;
use super::{registry, silent_test};
use crate::clock;
use crate::console::Console;
use crate::deliver::Presence;
use crate::gateway::{Gateway, Heard};
use crate::model::{AreaCode, Health, LinkKind, Right, Terminal, TerminalId, UtcMs};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// Terminals of one page.
const PAGE_MAX: usize = 100;
/// How far a terminal's clock may be off before it is told, seconds.
const CLOCK_OFF_S: i64 = 30;

/// What to show.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    area: String,
    #[serde(default)]
    presence: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    after: String,
}

impl Filter {
    /// From a form that carries it along.
    pub(super) fn of(fields: &Fields) -> Self {
        let one = |name| fields.one(name).to_owned();
        Self {
            area: one("area"),
            presence: one("presence"),
            name: one("name"),
            after: String::new(),
        }
    }

    /// The same as part of an address.
    pub(super) fn address(&self) -> String {
        let (area, presence, name) =
            (encoded(&self.area), encoded(&self.presence), encoded(&self.name));
        format!("area={area}&presence={presence}&name={name}")
    }

    /// For people.
    pub(super) fn told(&self) -> String {
        let parts = [self.name.trim(), self.area.trim(), self.presence.trim()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { "全部".to_owned() } else { parts.join(" ") }
    }

    /// What it carries in a form.
    pub(super) fn hidden(&self) -> Markup {
        html! {
            @for (name, value) in [("area", &self.area), ("presence", &self.presence), ("name", &self.name)] {
                input type="hidden" name=(name) value=(value);
            }
        }
    }
}

struct Row {
    terminal: Terminal,
    area: String,
    presence: Presence,
    heard: Option<Heard>,
    /// Who changed it on screen, and why.
    changed: Option<(String, String)>,
}

struct Listing {
    rows: Vec<Row>,
    n_all: usize,
    n_found: usize,
    next: Option<TerminalId>,
    tests: Vec<silent_test::Line>,
    since: UtcMs,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(filter): Query<Filter>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    whole(&console, &visitor, &filter, None).await
}

/// The page, with what a file that was just checked comes to.
pub(super) async fn whole(
    console: &Console,
    visitor: &Visitor,
    filter: &Filter,
    checked: Option<Markup>,
) -> Result<Markup, PageFault> {
    let wanted = filter.clone();
    let listing = console.core.look(move |gateway| list(gateway, &wanted)).await?;
    let offset = console.county.local_offset_minutes;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        @if let Some(checked) = checked { (checked) }
        (form(visitor, filter))
        p.actions { span { (say("找到 ", "Found ")) b { (listing.n_found) } " / " (listing.n_all) }
            a.button href={ "/console/terminals/export?" (filter.address()) } { (say("导出 CSV", "Export CSV")) } }
        table.wide {
            thead { tr {
                th { (say("编号", "Number")) } th { (say("名称", "Name")) } th { (say("所在区域", "Area")) }
                th { (say("状态", "State")) } th { (say("最近收到", "Last heard")) } th { (say("健康", "Health")) }
                th { (say("链路", "Links")) } th.number { (say("音量", "Volume")) }
            } }
            tbody { @for row in &listing.rows { (line(visitor, row, (listing.since, offset))) } }
        }
        @if let Some(next) = listing.next {
            p { a.button href={ "?" (filter.address()) "&after=" (next) } { (say("下一页", "Next page")) } }
        }
        @if visitor.may(Right::Maintain) {
            (silent_test::form(visitor, filter, listing.n_found))
            (silent_test::list(visitor, &listing.tests, offset))
            (registry::import_form(visitor))
        }
    };
    let title = say("终端", "Terminals").to_owned();
    Ok(page(console, visitor, layout::TERMINALS, &title, &body))
}

/// The registry as far as the filter goes, as the import takes it.
pub(super) async fn export(
    State(console): State<Console>,
    visitor: Visitor,
    Query(filter): Query<Filter>,
) -> Result<Response, PageFault> {
    visitor.need(Right::Read)?;
    let text = console
        .core
        .look(move |gateway| crate::decide::write_registry(chosen(gateway, &filter).into_iter()));
    let text = text.await?.map_err(|fault| PageFault::malformed(&fault.to_string()))?;
    let kind = ("content-type", "text/csv; charset=utf-8");
    let name = ("content-disposition", "attachment; filename=\"terminals.csv\"");
    // The mark tells spreadsheet programs that it is UTF-8.
    Ok(([kind, name], format!("\u{feff}{text}")).into_response())
}

/// The terminals that a filter finds, in order of names.
pub(super) fn chosen<'a>(gateway: &'a Gateway, filter: &Filter) -> Vec<&'a Terminal> {
    let network = &gateway.rules().network;
    let area = AreaCode::parse(&filter.area);
    let presence = match filter.presence.as_str() {
        "online" => Some(true),
        "offline" => Some(false),
        _ => None,
    };
    let name = filter.name.trim();
    let is_wanted = |terminal: &&Terminal| {
        let online = gateway.presence(terminal.id) == Presence::Online;
        area.is_none_or(|area| area.contains(terminal.area))
            && presence.is_none_or(|wanted| wanted == online)
            && (terminal.name.contains(name) || terminal.id.to_string().contains(name))
    };
    network.terminals.values().filter(is_wanted).collect()
}

fn list(gateway: &Gateway, filter: &Filter) -> Listing {
    let network = &gateway.rules().network;
    let found = chosen(gateway, filter);
    let changes = &gateway.state().registry.terminals;
    let after = TerminalId::parse(&filter.after);
    let rest = found.iter().filter(|terminal| after.is_none_or(|after| terminal.id > after));
    let area_name = |code: AreaCode| {
        network.areas.get(&code).map_or_else(|| code.to_string(), |area| area.name.clone())
    };
    let rows: Vec<Row> = rest
        .clone()
        .take(PAGE_MAX)
        .map(|terminal| Row {
            terminal: (*terminal).clone(),
            area: area_name(terminal.area),
            presence: gateway.presence(terminal.id),
            heard: gateway.heard(terminal.id).cloned(),
            changed: changes.get(&terminal.id).map(|c| (c.by.clone(), c.reason.clone())),
        })
        .collect();
    let last = rows.last().map(|row| row.terminal.id);
    Listing {
        next: last.filter(|_| rest.count() > PAGE_MAX),
        n_all: network.terminals.len(),
        n_found: found.len(),
        rows,
        tests: silent_test::lines(gateway),
        since: clock::now_utc(),
    }
}

fn form(visitor: &Visitor, filter: &Filter) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        form.filters method="get" action="/console/terminals" {
            label { (say("编号或名称", "Number or name")) input name="name" value=(filter.name) maxlength="64"; }
            label { (say("区域代码", "Area code")) input name="area" value=(filter.area) maxlength="12" inputmode="numeric"; }
            label { (say("状态", "State"))
                select name="presence" {
                    option value="" { (say("全部", "all")) }
                    option value="online" selected[filter.presence == "online"] { (say("在线", "online")) }
                    option value="offline" selected[filter.presence == "offline"] { (say("不在线", "not online")) }
                }
            }
            p { button type="submit" { (say("筛选", "Filter")) } }
        }
    }
}

fn line(visitor: &Visitor, row: &Row, (now, offset): (UtcMs, i16)) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let terminal = &row.terminal;
    html! {
        tr {
            td { (terminal.id) }
            td { (terminal.name)
                @if let Some((by, reason)) = &row.changed { br; span.hint { "✎ " (by) "：" (reason) } }
            }
            td { (row.area) }
            td {
                @match row.presence {
                    Presence::Online => span.presence.online { "● " (say("在线", "online")) },
                    Presence::Offline => span.presence.offline { "○ " (say("离线", "offline")) },
                    Presence::Unknown => span.presence.unknown { "？" (say("未知", "unknown")) },
                }
            }
            td { @match &row.heard {
                Some(heard) => (words::moment(heard.at, offset)),
                None => span.hint { (say("启动后未收到", "not since the start")) },
            } }
            td { (health(visitor, row, now)) }
            td { @for link in &terminal.links { (match link { LinkKind::Mqtt => "MQTT ", LinkKind::Serial => "RS-485 ", LinkKind::National => "GD/J 089 " }) } }
            td.number { (terminal.volume_percent) "%"
                @if let Some((_, health)) = row.heard.as_ref().and_then(|heard| heard.health.as_ref()) {
                    @if health.volume_percent != terminal.volume_percent {
                        br; span.bad { (say("终端 ", "says ")) (health.volume_percent) "%" }
                    }
                }
            }
        }
    }
}

/// By how many seconds a terminal's clock was off when it told it; `None` = by little.
pub(super) fn clock_off_s(health: &Health, at: UtcMs) -> Option<i64> {
    Some(health.clock.since_ms(at) / 1000).filter(|off_s| off_s.abs() > CLOCK_OFF_S)
}

/// What a terminal said of itself, the odd first.
fn health(visitor: &Visitor, row: &Row, now: UtcMs) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let Some((at, health)) = row.heard.as_ref().and_then(|heard| heard.health.as_ref()) else {
        return html! { span.hint { "—" } };
    };
    let lacks = row.terminal.codecs.first().filter(|best| !health.codecs.contains(best));
    html! {
        @if health.fault { span.bad { (say("故障 ", "broken ")) } }
        @if let Some(off_s) = clock_off_s(health, *at) { span.bad { (say("时钟差 ", "clock off by ")) (off_s) " s " } }
        @if lacks.is_some() { span.bad { (say("编码与名册不符 ", "codecs differ ")) } }
        span.hint { (health.software) " · " (say("启动 ", "boots ")) (health.boot_count)
            " · " (words::span(visitor.tongue(), now.since_ms(*at) / 1000)) (say("前", " ago")) }
    }
}
