//! 水雨情测站: every station with its last values beside its thresholds, who is silent and what is wrong;
//! a summary on 系统 and a line on 总览.

use super::chinese;
use super::fault::PageFault;
use super::layout::{self, page};
use super::list;
use super::sources::ago;
use super::visitor::Visitor;
use super::words::{self, Tongue};
use crate::console::Console;
use crate::daemon::{CoreFault, StationDesk, StationView, Views};
use crate::model::{
    AreaCode, Condition, Measure, Network, Quantity, Right, StationId, ThresholdRule,
};
use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Stations of one page.
const PAGE_MAX: usize = 100;
/// Stations of the whole county that are looked at; no configuration has more.
const ALL_MAX: usize = 10_000;
/// Stations in trouble that the page 系统 lists.
const TROUBLED_MAX: usize = 20;
/// Where the whole list is.
const HERE: &str = "/console/stations";

/// What to show.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    after: String,
    #[serde(default)]
    only: String,
}

/// How many stations are how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    all: usize,
    silent: usize,
    faulty: usize,
    warned: usize,
    unknown: usize,
}

impl Tally {
    fn of(views: &Views) -> Self {
        let n = |is: fn(&StationView) -> bool| views.stations.iter().filter(|one| is(one)).count();
        Self {
            all: views.stations.len(),
            silent: n(|one| one.silent),
            faulty: n(is_faulty),
            warned: n(|one| !one.warnings.is_empty()),
            unknown: views.unknown.len(),
        }
    }
}

fn is_faulty(one: &StationView) -> bool {
    !one.faults.is_empty() || one.clock.is_some() || !one.alarms.is_empty()
}

fn is_troubled(one: &StationView) -> bool {
    one.silent || is_faulty(one) || !one.warnings.is_empty()
}

/// Names of areas.
type Names = BTreeMap<AreaCode, String>;

async fn names(console: &Console) -> Result<Names, CoreFault> {
    let of = |network: &Network| {
        network.areas.values().map(|area| (area.code, area.name.clone())).collect::<Names>()
    };
    console.core.look(move |gateway| of(&gateway.rules().network)).await
}

/// The list.
pub(super) async fn get(
    State(console): State<Console>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Markup, PageFault> {
    visitor.need(Right::Read)?;
    let say = |zh, en| visitor.say(zh, en);
    let title = say("水雨情测站", "Monitoring stations");
    let Some(desk) = &console.stations else {
        let why = off(visitor.tongue());
        return Ok(list::off(&console, &visitor, (layout::SYSTEM, title), why));
    };
    let views = desk.views(None, ALL_MAX).await?;
    let names = names(&console).await?;
    let after = StationId::parse(&asked.after);
    let troubled = asked.only == "trouble";
    let mut wanted = views.stations.iter().filter(|one| {
        after.as_ref().is_none_or(|after| one.station > *after) && (!troubled || is_troubled(one))
    });
    let rows: Vec<&StationView> = wanted.by_ref().take(PAGE_MAX).collect();
    let next = wanted.next().and(rows.last()).map(|last| last.station.to_string());
    let next = next.map(|next| {
        let address = list::next(("after", &next), &[("only", &asked.only)]);
        (say("下一页", "Next"), address)
    });
    let body = html! {
        p { a href="/console/system" { "← " (say("系统", "System")) } }
        (summary(visitor.tongue(), Tally::of(&views)))
        p.actions {
            a.button href=(HERE) aria-current=[(!troubled).then_some("true")] { (say("全部", "All")) }
            a.button href={ (HERE) "?only=trouble" } aria-current=[troubled.then_some("true")] { (say("异常的", "In trouble")) }
        }
        (list::rows((rows.is_empty(), say("没有符合条件的测站。", "No station fits.")), &table(&visitor, desk, &names, &rows), next))
        (super::station_lines::part(&visitor, desk, console.county.local_offset_minutes))
        (unknown(&visitor, &views))
    };
    Ok(page(&console, &visitor, layout::SYSTEM, title, &body))
}

fn off(tongue: Tongue) -> &'static str {
    tongue.say(
        "未启用：本机不接收测站数据（gateway.toml 的 [stations]）。",
        "Off: no station is listened to ([stations] of gateway.toml).",
    )
}

/// The counts in a line.
fn summary(tongue: Tongue, tally: Tally) -> Markup {
    let say = |zh, en| tongue.say(zh, en);
    let counts = [
        (tally.warned, say("越限 ", "over a threshold ")),
        (tally.silent, say("无消息 ", "silent ")),
        (tally.faulty, say("数据异常 ", "faulty ")),
        (tally.unknown, say("未登记 ", "unknown ")),
    ];
    html! {
        p.signs {
            a href=(HERE) { (say("测站 ", "Stations ")) (tally.all) }
            @for (n, word) in counts { @if n > 0 { " · " strong.bad { (word) (n) } } }
            @if tally.all > 0 && tally.warned + tally.silent + tally.faulty == 0 { " · " (say("全部正常", "all fine")) }
        }
    }
}

/// The line on 总览; nothing when stations are off or none is configured.
pub(super) async fn line(console: &Console, tongue: Tongue) -> Result<Markup, CoreFault> {
    let Some(desk) = &console.stations else { return Ok(html! {}) };
    let tally = Tally::of(&desk.views(None, ALL_MAX).await?);
    Ok(html! {
        @if tally.all + tally.unknown > 0 {
            (summary(tongue, tally))
        }
    })
}

/// The section on 系统.
pub(super) async fn section(console: &Console, visitor: &Visitor) -> Result<Markup, PageFault> {
    let say = |zh, en| visitor.say(zh, en);
    let heading = say("水雨情测站", "Monitoring stations");
    let Some(desk) = &console.stations else {
        return Ok(html! { section.card { h2 { (heading) } p.hint { (off(visitor.tongue())) } } });
    };
    let views = desk.views(None, ALL_MAX).await?;
    let names = names(console).await?;
    let troubled: Vec<&StationView> =
        views.stations.iter().filter(|one| is_troubled(one)).take(TROUBLED_MAX).collect();
    Ok(html! {
        section.card {
            h2 { (heading) }
            (summary(visitor.tongue(), Tally::of(&views)))
            @if !troubled.is_empty() { (table(visitor, desk, &names, &troubled)) }
            p { a.button href=(HERE) { (say("全部测站", "All stations")) } }
        }
    })
}

fn table(visitor: &Visitor, desk: &StationDesk, names: &Names, rows: &[&StationView]) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        table.wide.stations {
            thead { tr {
                th { (say("测站", "Station")) } th { (say("状态", "State")) } th { (say("最近消息", "Last heard")) }
                th { (say("最近数值", "Last values")) } th { (say("警戒线", "Thresholds")) }
            } }
            tbody { @for one in rows { (row(visitor, desk.thresholds(&one.station), names, one)) } }
        }
    }
}

fn row(visitor: &Visitor, rules: &[ThresholdRule], names: &Names, one: &StationView) -> Markup {
    let tongue = visitor.tongue();
    let area = names.get(&one.area).cloned().unwrap_or_else(|| one.area.to_string());
    html! {
        tr {
            td { strong { (one.name) } br; span.hint { (one.kind.zh()) " · " (area) " · " (one.station) } }
            td { (state(tongue, one)) }
            td { @match one.heard_at { Some(at) => (ago(visitor, at)), None => (tongue.say("启动以来没有", "not since the start")) } }
            td { @for value in &one.values { div { (measured(value.quantity, value.value, &value.point)) } } }
            td { @for rule in rules { div {
                span class={ "level " (words::level_class(Some(rule.level))) } { (rule.name) } " "
                (rule.conditions.iter().map(condition).collect::<Vec<_>>().join(" 且 "))
            } } }
        }
    }
}

fn state(tongue: Tongue, one: &StationView) -> Markup {
    html! {
        @if !is_troubled(one) { (tongue.say("正常", "fine")) }
        @for crossing in &one.warnings {
            div { span class={ "level " (words::level_class(Some(crossing.level))) } { (tongue.say("越限 ", "over ")) (crossing.rule) } }
        }
        @if one.silent { div { span.bad { (tongue.say("无消息", "silent")) } } }
        @for fault in one.clock.iter().chain(&one.faults).chain(&one.alarms) {
            div { span.bad { (chinese::said(tongue, fault)) } }
        }
    }
}

/// `水位 33.21 米`, with its sensor when it says more than the quantity.
pub(super) fn measured(quantity: Quantity, value: f64, point: &str) -> Markup {
    let minutes = if let Quantity::Rain { minutes } = quantity { Some(minutes) } else { None };
    html! {
        @if let Some(minutes) = minutes { (minutes) " 分钟" }
        (quantity.zh()) " " b { (number(value)) } " " (quantity.unit_zh())
        @if point.len() > 2 { " " span.hint { (point) } }
    }
}

/// At most three decimals, and none that say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `水位 ≥ 34 米`, `测站 99620003 24 小时雨量 ≥ 30 毫米`, `24 小时位移变化 ≥ 5 毫米`.
fn condition(one: &Condition) -> String {
    let window = match one.window_s {
        0 => String::new(),
        seconds => format!("{} ", words::span(Tongue::Zh, i64::from(seconds))),
    };
    let what = match (one.measure, one.quantity) {
        (Measure::Sum, Quantity::RainTotal) => format!("{window}雨量"),
        (Measure::Sum, quantity) => format!("{window}{}", quantity.zh()),
        (Measure::Change, quantity) => format!("{window}{}变化", quantity.zh()),
        (Measure::Value, quantity) => quantity.zh().to_owned(),
    };
    let point = one.point.as_ref().map(|point| format!("（{point}）")).unwrap_or_default();
    let of = one.station.as_ref().map(|station| format!("测站 {station} ")).unwrap_or_default();
    format!("{of}{what}{point} ≥ {} {}", number(one.at_least), one.quantity.unit_zh())
}

fn unknown(visitor: &Visitor, views: &Views) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    html! {
        @if !views.unknown.is_empty() {
            h2 { (say("未登记的站号", "Stations that are not configured")) }
            p.hint { (say("收到过它们的数据，但 stations.csv 里没有，数据不采用。", "They send, and stations.csv does not name them: nothing of it is used.")) }
            ul { @for one in &views.unknown { li { (one.station) " · " (ago(visitor, one.heard_at)) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Level;

    type Given<'a> = (Measure, Quantity, u32, f64, Option<&'a str>);

    fn check((measure, quantity, window_s, at_least, station): Given<'_>, expect: &str) {
        let station = station.and_then(StationId::parse);
        let (point, ends_below) = (None, at_least);
        let one = Condition { quantity, point, station, measure, window_s, at_least, ends_below };
        assert_eq!(condition(&one), expect);
    }

    #[test]
    fn thresholds_are_said_as_people_say_them() {
        check((Measure::Value, Quantity::Stage, 0, 34.0, None), "水位 ≥ 34 米");
        check((Measure::Sum, Quantity::RainTotal, 3_600, 50.5, None), "1 小时 雨量 ≥ 50.5 毫米");
        check(
            (Measure::Sum, Quantity::RainTotal, 86_400, 30.0, Some("99620003")),
            "测站 99620003 24 小时 雨量 ≥ 30 毫米",
        );
        check(
            (Measure::Change, Quantity::Displacement, 86_400, 5.0, None),
            "24 小时 位移变化 ≥ 5 毫米",
        );
    }

    fn view(name: &str, change: impl FnOnce(&mut StationView)) -> StationView {
        let mut view = StationView {
            station: StationId::parse(name).expect("a station"),
            name: name.into(),
            kind: crate::model::StationKind::River,
            area: AreaCode::parse("430621").expect("an area"),
            position: None,
            heard_at: None,
            age_s: None,
            silent: false,
            clock: None,
            faults: Vec::new(),
            alarms: Vec::new(),
            values: Vec::new(),
            warnings: Vec::new(),
        };
        change(&mut view);
        view
    }

    #[test]
    fn every_kind_of_trouble_is_counted_once() {
        let stations = vec![
            view("A", |_| {}),
            view("B", |one| one.silent = true),
            view("C", |one| one.faults = vec!["数值超出范围".into(), "不是数字".into()]),
            view("D", |one| one.clock = Some("时钟慢 20 分钟".into())),
            view("E", |one| {
                one.warnings = vec![crate::model::Crossing {
                    station: StationId::parse("E").expect("a station"),
                    hazard: "11B38".into(),
                    rule: "警戒".into(),
                    level: Level::Orange,
                    alert: crate::model::AlertId {
                        sender: "s".into(),
                        identifier: "i".into(),
                        sent: crate::model::UtcMs(0),
                    },
                    since: crate::model::UtcMs(0),
                }];
            }),
        ];
        let tally = Tally::of(&Views { stations, unknown: Vec::new() });
        assert_eq!(tally, Tally { all: 5, silent: 1, faulty: 2, warned: 1, unknown: 0 });
    }
}
