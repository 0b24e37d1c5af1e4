//! 总览: first what would sound now, then what sounds, then what waits.

use super::broadcasts::{Three, phase};
use super::fault::PageFault;
use super::layout::{self, page};
use super::live::{self, Topic};
use super::map::{Dot, Mark, dots, draw};
use super::visitor::Visitor;
use super::words::{self, Tongue};
use crate::console::Console;
use crate::daemon::{CoreFault, Life};
use crate::deliver::Presence;
use crate::gateway::{Counts, Gateway, Phase};
use crate::model::{AreaCode, AreaLevel, BroadcastId, Class, Disposition, Level, Right, UtcMs};
use axum::extract::State;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Alerts shown.
const ALERTS_MAX: usize = 8;

/// How many terminals of a place would sound.
#[derive(Debug, Clone, Copy, Default)]
struct Ready {
    all: u32,
    online: u32,
    offline: u32,
}

/// What terminals and sources say of themselves.
#[derive(Debug, Clone, Copy, Default)]
struct Signs {
    broken: u32,
    clocks: u32,
    last_alert: Option<UtcMs>,
    last_rejected: Option<UtcMs>,
}

struct Picture {
    dots: Vec<Dot>,
    signs: Signs,
    ready: Ready,
    townships: Vec<(AreaCode, String, Ready)>,
    running: Vec<(BroadcastId, Class, Phase, String, Counts)>,
    waiting: usize,
    alerts: Vec<(u64, String, Option<Level>, Disposition, UtcMs)>,
}

/// The page.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let body = html! {
        div data-live="overview" { (live::part(&console, Topic::Overview, visitor.tongue()).await?) }
    };
    let title = visitor.say("总览", "Overview").to_owned();
    Ok(page(&console, &visitor, layout::OVERVIEW, &title, &body))
}

/// The part that follows.
pub(super) async fn part(console: &Console, tongue: Tongue) -> Result<Markup, CoreFault> {
    let picture = console.core.look(look).await?;
    let say = |zh, en| tongue.say(zh, en);
    let offset = console.county.local_offset_minutes;
    let ready = picture.ready;
    let healthy = console.metrics.health.life() == Life::Running;
    Ok(html! {
        div.board {
        div.numbers {
        p.headline.bad[ready.online < ready.all] {
            @match tongue {
                Tongue::Zh => { "此刻能响 " b { (ready.online) } " / " (ready.all) " 个终端" }
                Tongue::En => { b { (ready.online) } " of " (ready.all) " terminals would sound now" }
            }
            @if ready.online < ready.all {
                " · " a href="/console/terminals?presence=offline" {
                    (say("查看不在线的 ", "see the missing ")) (ready.all - ready.online)
                }
            }
        }
        @if !healthy { p.flash.bad { (say("网关未处于正常运行状态，详见系统页。", "The gateway is not running normally; see System.")) } }
        (super::roster::line(console, tongue).await?)
        (signs(console, tongue, picture.signs))
        (sources(console, tongue))
        (super::stations::line(console, tongue).await?)
        (running(tongue, &picture))
        (alerts(tongue, &picture, offset))
        }
        div.beside {
        section { h2 { (say("地图", "Map")) } (draw(tongue, &console.county.outline, &picture.dots)) }
        (townships(tongue, &picture))
        }
        }
    })
}

/// Links, sources and sensors, as far as anything is known of them.
fn signs(console: &Console, tongue: Tongue, signs: Signs) -> Markup {
    let say = |zh, en| tongue.say(zh, en);
    let offset = console.county.local_offset_minutes;
    let link = console.metrics.health.link_why();
    let warnings = console.metrics.link_warnings().len();
    html! {
        p.signs {
            a href="/console/system" { (say("链路", "Link")) } "："
            @if link.is_empty() { (say("已连接", "up")) } @else { strong.bad { (say("中断", "down")) } }
            @if warnings > 0 { " · " strong.bad { (warnings) (say(" 条提醒", " warnings")) } }
            " · " (say("最近预警：", "last alert: "))
            @match signs.last_alert { Some(at) => (words::moment(at, offset)), None => (say("尚无", "none")) }
            @if let Some(at) = signs.last_rejected { " · " a href="/console/alerts" { (say("最近退回：", "last unreadable: ")) (words::moment(at, offset)) } }
            @if signs.broken > 0 { " · " strong.bad { (say("终端自报故障 ", "terminals broken ")) (signs.broken) } }
            @if signs.clocks > 0 { " · " strong.bad { (say("时钟不准 ", "clocks off ")) (signs.clocks) } }
        }
    }
}

/// Sources of alerts: how many there are, and those that fell silent, by name.
fn sources(console: &Console, tongue: Tongue) -> Markup {
    let views = console.sources.views();
    let silent: Vec<&str> =
        views.iter().filter(|view| view.silent).map(|view| view.name.as_str()).collect();
    html! {
        @if !views.is_empty() {
            p.signs {
                a href="/console/system#sources" { (tongue.say("预警来源 ", "Sources ")) (views.len()) }
                @if silent.is_empty() { " · " (tongue.say("全部正常", "all fine")) }
                @else { " · " strong.bad { (tongue.say("无消息：", "silent: ")) (silent.join("、")) } }
            }
        }
    }
}

fn signs_of(gateway: &Gateway) -> Signs {
    let state = gateway.state();
    let mut signs = Signs {
        last_alert: state.alerts.back().map(|alert| alert.accepted_at),
        last_rejected: state.rejected.back().map(|rejected| rejected.at),
        ..Signs::default()
    };
    for id in gateway.rules().network.terminals.keys() {
        let Some((at, health)) = gateway.heard(*id).and_then(|heard| heard.health.as_ref()) else {
            continue;
        };
        signs.broken += u32::from(health.fault);
        signs.clocks += u32::from(super::terminals::clock_off_s(health, *at).is_some());
    }
    signs
}

fn look(gateway: &Gateway) -> Picture {
    let network = &gateway.rules().network;
    let state = gateway.state();
    let mut ready = Ready::default();
    let mut townships: BTreeMap<AreaCode, Ready> = BTreeMap::new();
    for terminal in network.terminals.values() {
        let township = terminal.area.at(AreaLevel::Township).unwrap_or(terminal.area);
        let presence = gateway.presence(terminal.id);
        for place in [&mut ready, townships.entry(township).or_default()] {
            place.all += 1;
            place.online += u32::from(presence == Presence::Online);
            place.offline += u32::from(presence == Presence::Offline);
        }
    }
    let name = |code: AreaCode| {
        network.areas.get(&code).map_or_else(|| code.to_string(), |area| area.name.clone())
    };
    let marks = network.terminals.values().map(|terminal| {
        let online = gateway.presence(terminal.id) == Presence::Online;
        (terminal, if online { Mark::Good } else { Mark::Bad })
    });
    Picture {
        dots: dots(network, marks),
        signs: signs_of(gateway),
        ready,
        townships: townships.into_iter().map(|(code, ready)| (code, name(code), ready)).collect(),
        running: state
            .running()
            .map(|(id, running)| {
                let broadcast = &running.broadcast;
                let plan = broadcast.plan_title().to_owned();
                (*id, broadcast.class(), running.phase, plan, running.counts())
            })
            .collect(),
        waiting: state.pending.len(),
        alerts: state
            .alerts
            .iter()
            .rev()
            .take(ALERTS_MAX)
            .map(|a| (a.number, a.headline.clone(), a.level, a.disposition, a.accepted_at))
            .collect(),
    }
}

fn running(tongue: Tongue, picture: &Picture) -> Markup {
    let say = |zh, en| tongue.say(zh, en);
    html! {
        section {
            h2 { (say("正在播发", "On air")) }
            @if picture.running.is_empty() { p.empty { (say("没有正在播发的任务。", "Nothing is on air.")) } }
            @for (id, class, how, plan, counts) in &picture.running {
                @let three = Three::of(counts);
                a.card.row.drill[*class == Class::Drill].live[*class == Class::Live]
                    href={ "/console/broadcasts/" (id) } {
                    span.tag { (words::class(tongue, *class)) } " " strong { (plan) } " "
                    (phase(tongue, *how, false)) " · "
                    (say("已播完 ", "played ")) b { (three.reached) } " · "
                    (say("仍在尝试 ", "trying ")) b { (three.trying) } " · "
                    (say("未到达 ", "not reached ")) b { (three.lost) }
                }
            }
            @if picture.waiting > 0 {
                p { a.button href="/console/approvals" { (say("待审批：", "Waiting for approval: ")) (picture.waiting) } }
            }
        }
    }
}

fn alerts(tongue: Tongue, picture: &Picture, offset: i16) -> Markup {
    html! {
        section {
            h2 { (tongue.say("最近预警", "Latest alerts")) }
            @if picture.alerts.is_empty() { p.empty { (tongue.say("还没有收到预警。", "No alert yet.")) } }
            @else {
                table.wide { tbody {
                    @for (number, headline, level, disposition, at) in &picture.alerts {
                        tr {
                            td { (words::moment(*at, offset)) }
                            td { span class={ "level " (words::level_class(*level)) } { (words::level(tongue, *level)) } }
                            td { a href={ "/console/alerts/" (number) } { (headline) } }
                            td { (words::disposition(tongue, *disposition)) }
                        }
                    }
                } }
            }
        }
    }
}

fn townships(tongue: Tongue, picture: &Picture) -> Markup {
    let say = |zh, en| tongue.say(zh, en);
    html! {
        section {
            h2 { (say("各乡镇终端", "Terminals by township")) }
            table.wide {
                thead { tr {
                    th { (say("乡镇", "Township")) } th.number { (say("终端", "Terminals")) }
                    th.number { (say("在线", "Online")) } th.number { (say("离线", "Offline")) }
                    th { (say("在线率", "Share online")) }
                } }
                tbody {
                    @for (code, name, ready) in &picture.townships {
                        tr {
                            td { a href={ "/console/terminals?area=" (code) } { (name) } }
                            td.number { (ready.all) } td.number { (ready.online) } td.number { (ready.offline) }
                            td { meter min="0" max=(ready.all) value=(ready.online) {} }
                        }
                    }
                }
            }
        }
    }
}
