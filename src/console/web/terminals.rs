//! 终端: the registry with what the links say.

use super::fault::PageFault;
use super::layout::{self, page};
use super::visitor::{Visitor, encoded};
use crate::console::Console;
use crate::deliver::Presence;
use crate::gateway::Gateway;
use crate::model::{AreaCode, LinkKind, Right, Terminal, TerminalId};
use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

/// Terminals of one page.
const PAGE_MAX: usize = 100;

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

struct Row {
    terminal: Terminal,
    area: String,
    presence: Presence,
}

struct Listing {
    rows: Vec<Row>,
    n_all: usize,
    n_found: usize,
    next: Option<TerminalId>,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(filter): Query<Filter>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let wanted = filter.clone();
    let listing = console.core.look(move |gateway| list(gateway, &wanted)).await?;
    let say = |zh, en| visitor.say(zh, en);
    let body = html! {
        (form(&visitor, &filter))
        p { (say("找到 ", "Found ")) b { (listing.n_found) } " / " (listing.n_all) }
        table.wide {
            thead { tr {
                th { (say("编号", "Number")) } th { (say("名称", "Name")) } th { (say("所在区域", "Area")) }
                th { (say("状态", "State")) } th { (say("链路", "Links")) } th.number { (say("音量", "Volume")) }
            } }
            tbody { @for row in &listing.rows { (line(&visitor, row)) } }
        }
        @if let Some(next) = listing.next {
            p { a.button href={ "?area=" (encoded(&filter.area)) "&presence=" (encoded(&filter.presence))
                "&name=" (encoded(&filter.name)) "&after=" (next) } { (say("下一页", "Next page")) } }
        }
    };
    let title = say("终端", "Terminals").to_owned();
    Ok(page(&console, &visitor, layout::TERMINALS, &title, &body))
}

fn list(gateway: &Gateway, filter: &Filter) -> Listing {
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
    let found: Vec<&Terminal> = network.terminals.values().filter(is_wanted).collect();
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
        })
        .collect();
    let last = rows.last().map(|row| row.terminal.id);
    Listing {
        next: last.filter(|_| rest.count() > PAGE_MAX),
        n_all: network.terminals.len(),
        n_found: found.len(),
        rows,
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

fn line(visitor: &Visitor, row: &Row) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let terminal = &row.terminal;
    html! {
        tr {
            td { (terminal.id) } td { (terminal.name) } td { (row.area) }
            td {
                @match row.presence {
                    Presence::Online => span.presence.online { "● " (say("在线", "online")) },
                    Presence::Offline => span.presence.offline { "○ " (say("离线", "offline")) },
                    Presence::Unknown => span.presence.unknown { "？" (say("未知", "unknown")) },
                }
            }
            td { @for link in &terminal.links { (match link { LinkKind::Mqtt => "MQTT ", LinkKind::Serial => "RS-485 " }) } }
            td.number { (terminal.volume_percent) "%" }
        }
    }
}
