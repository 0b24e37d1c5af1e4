//! The watcher against a river that rises and falls, rain that gathers, a slope that moves.

use super::*;
use crate::ingest;
use crate::model::{AlertForm, AreaCode, Condition, Level, Measure, MsgType, Quality, StationKind};

/// 2026-06-01 08:00 Beijing.
const START: UtcMs = UtcMs(1_780_272_000_000);

pub(super) fn minute(minute: i64) -> UtcMs {
    START.plus_s(minute * 60)
}

fn value(quantity: Quantity, at_least: f64, ends_below: f64) -> Condition {
    let (point, station, measure) = (None, None, Measure::Value);
    Condition { quantity, point, station, measure, window_s: 0, at_least, ends_below }
}

fn window(measure: Measure, quantity: Quantity, hours: u32, at_least: f64) -> Condition {
    let (ends_below, window_s) = (at_least * 0.9, hours * 3_600);
    Condition { quantity, point: None, station: None, measure, window_s, at_least, ends_below }
}

fn rule(name: &str, level: Level, hazard: &str, conditions: Vec<Condition>) -> ThresholdRule {
    ThresholdRule { name: name.into(), level, hazard: hazard.into(), conditions }
}

pub(super) fn id() -> StationId {
    StationId::parse("0061234567").unwrap()
}

/// A rain gauge up the valley, without a rule of its own.
pub(super) fn above() -> StationId {
    StationId::parse("R-1").unwrap()
}

pub(super) fn stations() -> Vec<Station> {
    let mut gauge = station();
    (gauge.id, gauge.name, gauge.rules) = (above(), "龙门雨量站".into(), Vec::new());
    (gauge.kind, gauge.silent_after_s) = (StationKind::Rain, 5_400);
    let mut river = station();
    let mut upstream = window(Measure::Sum, Quantity::RainTotal, 24, 80.0);
    upstream.station = Some(above());
    let moved = window(Measure::Change, Quantity::Tilt, 24, 2.0);
    river.rules.push(rule("上游雨", Level::Blue, "11A03", vec![upstream.clone()]));
    river.rules.push(rule("坡", Level::Orange, "11D01", vec![moved, upstream]));
    vec![river, gauge]
}

fn station() -> Station {
    let stage = |at: f64| vec![value(Quantity::Stage, at, at - 0.2)];
    let both = vec![
        window(Measure::Change, Quantity::Displacement, 24, 5.0),
        window(Measure::Sum, Quantity::RainTotal, 24, 30.0),
    ];
    Station {
        id: id(),
        name: "公田站".into(),
        kind: StationKind::River,
        area: AreaCode::parse("430621102").unwrap(),
        warns: vec![AreaCode::parse("430621102").unwrap()],
        position: None,
        silent_after_s: 3_600,
        rules: vec![
            rule("警戒", Level::Orange, "11A01", stage(34.0)),
            rule("保证", Level::Red, "11A01", stage(35.0)),
            rule(
                "三小时",
                Level::Yellow,
                "11A51",
                vec![window(Measure::Sum, Quantity::RainTotal, 3, 50.0)],
            ),
            rule("滑坡", Level::Red, "11D00", both),
        ],
    }
}

/// The watcher with a clerk who records every alert at once, and keeps every window.
pub(super) struct Desk {
    pub(super) watcher: Watcher,
    pub(super) told: Vec<String>,
    alerts: Vec<crate::model::Alert>,
    kept: BTreeMap<Sensor, WindowKept>,
    /// A planted bug: what the windows hold is not kept.
    pub(super) forgets: bool,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            watcher: Watcher::new(stations(), &[]),
            told: Vec::new(),
            alerts: Vec::new(),
            kept: BTreeMap::new(),
            forgets: false,
        }
    }

    fn crossings(&self) -> Vec<Crossing> {
        self.watcher
            .views(START, START, None, 10)
            .into_iter()
            .flat_map(|view| view.warnings)
            .collect()
    }

    /// A restart: only what is on record or kept beside it comes back.
    pub(super) fn restart(&mut self) {
        self.watcher = Watcher::new(stations(), &self.crossings());
        if !self.forgets {
            let kept = self.kept.values().cloned().collect();
            assert_eq!(self.watcher.restore(kept), []);
        }
    }

    /// What the store beside the record does.
    fn keep(&mut self, change: &WindowChange) {
        let sensor = change.sensor.clone();
        let empty = WindowKept { sensor: sensor.clone(), samples: Vec::new(), suspect: None };
        let window = self.kept.entry(sensor).or_insert(empty);
        if let Some(put) = change.put {
            window.samples.retain(|sample| sample.at != put.at);
            window.samples.push(put);
        }
        window.samples.retain(|sample| sample.at >= change.oldest_at);
        window.samples.sort_by_key(|sample| sample.at);
        window.suspect = change.suspect;
    }

    pub(super) fn report(&mut self, report: &ReadingReport) -> Taken {
        let taken = self.watcher.put(report);
        taken.changes.iter().for_each(|change| self.keep(change));
        let warnings = taken.may_warn.then(|| self.watcher.judge(&report.station));
        self.tell(&warnings.unwrap_or_default(), report.received_at);
        taken
    }

    pub(super) fn tell(&mut self, warnings: &[Warning], now: UtcMs) {
        for warning in warnings {
            let name = |_| Some("公田镇".to_owned());
            let whole = alert(warning, now, 21_600, &name).to_string();
            let mut read = ingest::read(whole.as_bytes(), None).unwrap_or_else(|rejection| {
                panic!("our own alert is rejected: {rejection:?}\n{whole}")
            });
            assert_eq!(read.oddities, [], "{whole}");
            read.form = AlertForm::Station;
            let info = read.infos.first().unwrap();
            let refers = read.references.first().map_or("", |reference| &reference.identifier);
            self.told.push(format!(
                "{:?} {:?} {} | {} >{refers}",
                read.msg_type,
                info.level.unwrap(),
                info.headline.as_deref().unwrap(),
                info.description.as_deref().unwrap()
            ));
            self.watcher.told(warning, &read.id);
            self.alerts.push(read);
        }
    }

    fn read(&mut self, at: i64, quantity: Quantity, value: f64) -> Taken {
        self.read_late(at, at, quantity, value, Quality::Good)
    }

    fn read_late(
        &mut self,
        at: i64,
        received: i64,
        quantity: Quantity,
        value: f64,
        quality: Quality,
    ) -> Taken {
        let reading = Reading {
            station: id(),
            point: if quantity == Quantity::Stage { "Z".into() } else { String::new() },
            quantity,
            value,
            observed_at: minute(at),
            quality,
        };
        self.report(&ReadingReport {
            station: id(),
            reported_at: None,
            received_at: minute(received),
            readings: vec![reading],
            alarms: None,
        })
    }

    /// What was told since the last look.
    fn check(&mut self, expect: &[&str]) {
        let told = core::mem::take(&mut self.told);
        assert_eq!(told.len(), expect.len(), "{told:#?}");
        for (told, expect) in told.iter().zip(expect) {
            assert!(told.contains(expect), "{told}\ndoes not say {expect}");
        }
    }
}

#[test]
fn a_river_rises_over_both_levels_and_falls() {
    let mut desk = Desk::new();
    desk.read(0, Quantity::Stage, 33.5);
    desk.check(&[]);
    desk.read(5, Quantity::Stage, 34.0);
    desk.check(&["Alert Orange 公田站水位超过警戒水位，洪水橙色预警 | 6月1日8时5分，公田站水位34米，超过警戒水位34米。 >"]);
    desk.read(10, Quantity::Stage, 34.5);
    desk.check(&[]);
    desk.read(15, Quantity::Stage, 35.12);
    desk.check(&["Update Red 公田站水位超过保证水位，洪水红色预警 | 6月1日8时15分，公田站水位35.12米，超过保证水位35米。预警级别由橙色升为红色。 >61234567-11A01-"]);
    // Between the limit and the hysteresis nothing changes, however it swings.
    for (at, stage) in [(20, 34.9), (25, 35.0), (30, 34.85), (35, 35.05)] {
        desk.read(at, Quantity::Stage, stage);
    }
    desk.check(&[]);
    desk.read(40, Quantity::Stage, 34.7);
    desk.check(&["Update Orange 公田站水位超过警戒水位"]);
    desk.read(45, Quantity::Stage, 33.9);
    desk.check(&[]);
    desk.read(50, Quantity::Stage, 33.75);
    desk.check(&["Cancel Orange 公田站洪水预警解除 | 6月1日8时50分，公田站水位33.75米，已低于警戒水位34米。 >"]);
    desk.read(55, Quantity::Stage, 33.7);
    desk.check(&[]);
}

#[test]
fn a_restart_neither_repeats_nor_forgets() {
    let mut desk = Desk::new();
    desk.read(0, Quantity::Stage, 35.2);
    desk.check(&["Alert Red"]);
    desk.restart();
    desk.read(5, Quantity::Stage, 35.3);
    desk.check(&[]);
    desk.restart();
    desk.read(10, Quantity::Stage, 33.0);
    desk.check(&["Cancel Red"]);
    desk.restart();
    desk.read(15, Quantity::Stage, 33.1);
    desk.check(&[]);
    // A sum that held is not over because the window is empty after a restart.
    desk.read(100, Quantity::RainTotal, 100.0);
    desk.read(130, Quantity::RainTotal, 155.0);
    desk.check(&["Alert Yellow 公田站3小时降雨55毫米，山洪灾害黄色预警 | 6月1日10时10分，公田站3小时内降雨55毫米，达到预警值50毫米。"]);
    desk.restart();
    desk.read(140, Quantity::RainTotal, 155.0);
    desk.read(145, Quantity::RainTotal, 155.0);
    desk.check(&[]);
    desk.read(330, Quantity::RainTotal, 156.0);
    desk.check(&["Cancel Yellow 公田站山洪灾害预警解除 | 6月1日13时30分，公田站3小时内降雨1毫米，已低于预警值50毫米。"]);
}

/// A warning that could not be recorded is said again by the next reading.
#[test]
fn what_is_not_on_record_is_said_again() {
    let mut watcher = Watcher::new(vec![station()], &[]);
    let warnings = |watcher: &mut Watcher, report: &ReadingReport| {
        assert!(watcher.put(report).may_warn);
        watcher.judge(&report.station)
    };
    let report = |at: i64| ReadingReport {
        station: id(),
        reported_at: Some(minute(at)),
        received_at: minute(at),
        readings: vec![Reading {
            station: id(),
            point: "Z".into(),
            quantity: Quantity::Stage,
            value: 35.5,
            observed_at: minute(at),
            quality: Quality::Good,
        }],
        alarms: None,
    };
    assert_eq!(warnings(&mut watcher, &report(0)).len(), 1);
    // The same telegram again, because it got no answer.
    assert_eq!(warnings(&mut watcher, &report(0)).len(), 1);
    let again = warnings(&mut watcher, &report(5));
    let id = AlertId { sender: "s".into(), identifier: "i".into(), sent: minute(5) };
    watcher.told(again.first().unwrap(), &id);
    assert_eq!(warnings(&mut watcher, &report(5)), []);
}

#[test]
fn what_cannot_be_believed_warns_of_nothing() {
    let mut desk = Desk::new();
    let bad = Quality::Bad("不是数字".into());
    let cases: &[(i64, i64, f64, Quality, &str)] = &[
        (0, 0, 36.0, Quality::Missing, ""),
        (5, 5, 36.0, bad, "不是数字"),
        (10, 10, 36.0, Quality::Untimed("无时间".into()), "无时间"),
        (15, 15, 99_999.0, Quality::Good, "超出可能范围"),
        (200, 20, 36.0, Quality::Good, "观测时间在未来 180 分钟"),
        (-100, 25, 36.0, Quality::Good, ""),
    ];
    for (at, received, value, quality, note) in cases {
        let taken = desk.read_late(*at, *received, Quantity::Stage, *value, quality.clone());
        assert!(taken.known);
        assert_eq!(
            taken.notes.iter().any(|said| said.contains(note)),
            !note.is_empty(),
            "{taken:?}"
        );
    }
    desk.check(&[]);
    let clock = |off_min: i64| ReadingReport {
        station: id(),
        reported_at: Some(minute(300 + off_min)),
        received_at: minute(300),
        readings: vec![Reading {
            station: id(),
            point: "Z".into(),
            quantity: Quantity::Stage,
            value: 36.0,
            observed_at: minute(300),
            quality: Quality::Good,
        }],
        alarms: Some(vec!["蓄电池电压低".into()]),
    };
    let taken = desk.report(&clock(-60));
    assert_eq!(taken.notes, ["测站时钟比网关慢 60 分钟，本次数据不参与预警"]);
    let view = desk.watcher.views(minute(300), START, None, 10).remove(0);
    assert!(view.clock.is_some() && view.alarms == ["蓄电池电压低"], "{view:?}");
    desk.check(&[]);
    // What says nothing about alarms takes none back.
    desk.report(&ReadingReport { alarms: None, ..clock(-60) });
    let view = desk.watcher.views(minute(300), START, None, 10).remove(0);
    assert_eq!(view.alarms, ["蓄电池电压低"]);
    desk.report(&clock(5));
    desk.check(&["Alert Red"]);
    // A leap down and back: no all-clear of a broken sensor.
    desk.read(305, Quantity::Stage, 0.5);
    desk.read(310, Quantity::Stage, 36.1);
    desk.check(&[]);
    let unknown = ReadingReport { station: StationId::parse("X1").unwrap(), ..clock(0) };
    assert!(!desk.report(&unknown).known);
    assert_eq!(desk.watcher.unknown().len(), 1);
}

#[test]
fn a_slope_moves_while_it_rains() {
    let mut desk = Desk::new();
    desk.read(0, Quantity::Displacement, 10.0);
    desk.read(60, Quantity::Displacement, 16.0);
    desk.check(&[]);
    desk.read(61, Quantity::RainTotal, 500.0);
    desk.read(120, Quantity::RainTotal, 535.0);
    desk.check(&["Alert Red 公田站位移变化过快，地质灾害红色预警 | 6月1日10时0分，公田站位移24小时内变化6毫米，达到预警值5毫米；24小时内降雨35毫米，达到预警值30毫米。"]);
    let info = desk.alerts[0].infos[0].clone();
    let readings = info.parameters.iter().find(|p| p.name == "readings").unwrap();
    assert!(
        readings.value.contains("2026-06-01T10:00:00+08:00 累计雨量=535"),
        "{}",
        readings.value
    );
    assert_eq!(desk.alerts[0].msg_type, MsgType::Alert);
}

#[test]
fn the_other_side_of_a_dam_does_not_warn() {
    let mut desk = Desk::new();
    let below = Reading {
        station: id(),
        point: "ZB".into(),
        quantity: Quantity::Stage,
        value: 40.0,
        observed_at: START,
        quality: Quality::Good,
    };
    desk.report(&ReadingReport {
        station: id(),
        reported_at: None,
        received_at: START,
        readings: vec![below],
        alarms: None,
    });
    desk.check(&[]);
}

#[test]
fn a_silent_station_shows() {
    let desk = Desk::new();
    let silent = |now| desk.watcher.views(now, START, None, 10).remove(0).silent;
    assert!(!silent(minute(60)));
    assert!(silent(minute(61)));
}

/// A rule that looks at the rain of another station: judged by the readings of either.
#[test]
fn rain_up_the_valley_counts_for_the_slope() {
    let mut desk = Desk::new();
    let rain = |desk: &mut Desk, at: i64, value: f64| {
        let reading = Reading {
            station: above(),
            point: "PT".into(),
            quantity: Quantity::RainTotal,
            value,
            observed_at: minute(at),
            quality: Quality::Good,
        };
        desk.report(&ReadingReport {
            station: above(),
            reported_at: None,
            received_at: minute(at),
            readings: vec![reading],
            alarms: None,
        });
    };
    desk.read(0, Quantity::Tilt, 1.0);
    desk.read(60, Quantity::Tilt, 4.0);
    desk.check(&[]);
    rain(&mut desk, 61, 500.0);
    rain(&mut desk, 100, 560.0);
    desk.check(&[]);
    // The rain itself makes the warning, at the station that has the rule.
    rain(&mut desk, 110, 585.5);
    desk.check(&[
        "Alert Blue 龙门雨量站24小时降雨85.5毫米，公田站水库重大险情蓝色预警 | 6月1日9时50分，公田站，龙门雨量站24小时内降雨85.5毫米，达到预警值80毫米。",
        "Alert Orange 公田站倾角变化过快，滑坡橙色预警 | 6月1日9时50分，公田站倾角24小时内变化3度，达到预警值2度；龙门雨量站24小时内降雨85.5毫米，达到预警值80毫米。",
    ]);
    let info = desk.alerts[1].infos[0].clone();
    let told = |name: &str| {
        let found = info.parameters.iter().filter(|p| p.name == name);
        found.map(|p| p.value.clone()).collect::<Vec<_>>().join(" / ")
    };
    assert_eq!(
        (told("station"), told("otherStation")),
        (id().to_string(), "R-1 龙门雨量站".into())
    );
    let readings = told("readings");
    for expect in
        ["2026-06-01T09:00:00+08:00 倾角=4", "2026-06-01T09:50:00+08:00 R-1 累计雨量（PT）=585.5"]
    {
        assert!(readings.contains(expect), "{readings}\ndoes not say {expect}");
    }
    assert!(told("condition").contains("station=R-1 累计雨量 Sum window_s=86400 value=85.5"));
    // The gauge falls silent, the slope reports on: silence of the rain is no all-clear.
    for (at, tilt) in [(180, 10.0), (1_545, 20.0), (1_800, 30.0)] {
        desk.read(at, Quantity::Tilt, tilt);
    }
    desk.check(&[]);
    // It comes back and says how little it was.
    rain(&mut desk, 1_810, 586.0);
    desk.check(&[
        "Cancel Blue 公田站水库重大险情预警解除 | 6月2日14时10分，公田站，龙门雨量站24小时内降雨0.5毫米，已低于预警值80毫米。",
        "Cancel Orange 公田站滑坡预警解除 | 6月2日14时10分，公田站，龙门雨量站24小时内降雨0.5毫米，已低于预警值80毫米。",
    ]);
}
