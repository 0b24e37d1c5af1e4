//! Tables over the whole of `decide`: a county of three villages.

mod approvals;
mod interlock;
mod lineages;
mod manuals;
mod plans;
mod targets;
mod texts;

use super::{Memory, Rules};
use crate::model::{
    AfterDeadline, Alert, AlertArea, AlertForm, AlertId, ApprovalMode, Area, AreaCode,
    BreakGlassRules, Chime, Codec, Geocode, Info, Interlock, Level, LinkKind, ManualRules, MsgType,
    NameValue, Network, OnCancel, Playback, Policy, Position, QuietHours, ResponsePlan, Scope,
    Status, Template, Terminal, TerminalId, UtcMs,
};

/// 2026-06-01 12:00 in China.
pub(crate) const NOON: UtcMs = UtcMs(1_780_286_400_000);
/// 2026-06-01 23:30 in China.
pub(crate) const NIGHT: UtcMs = UtcMs(1_780_286_400_000 + 41_400_000);

pub(crate) const COUNTY: &str = "430621000000";
pub(crate) const TOWN: &str = "430621100000";
pub(crate) const VILLAGE_A: &str = "430621100001";
pub(crate) const VILLAGE_B: &str = "430621100002";
pub(crate) const OTHER_TOWN: &str = "430621104000";
pub(crate) const VILLAGE_C: &str = "430621104001";
pub(crate) const NEW_STREET: &str = "430621001000";

pub(crate) fn code(text: &str) -> AreaCode {
    AreaCode::parse(text).expect("code")
}

pub(crate) fn at(lat_deg: f64, lon_deg: f64) -> Position {
    Position { lat_deg, lon_deg }
}

fn area(text: &str, name: &str) -> (AreaCode, Area) {
    let code = code(text);
    let area =
        Area { code, name: name.into(), valid_from: None, valid_until: None, aliases: Vec::new() };
    (code, area)
}

pub(crate) fn terminal(area: &str, sequence: u16) -> TerminalId {
    TerminalId::new(code(area), sequence).expect("id")
}

pub(crate) fn network() -> Network {
    let mut network = Network { served: vec![code(COUNTY)], ..Network::default() };
    network.areas.extend([
        area("430000000000", "湖南省"),
        area("430600000000", "岳阳市"),
        area(COUNTY, "岳阳县"),
        area(NEW_STREET, "荣家湾街道"),
        area(TOWN, "荣家湾镇"),
        area(VILLAGE_A, "老街居民委员会"),
        area(VILLAGE_B, "东方村"),
        area(OTHER_TOWN, "黄沙街镇"),
        area(VILLAGE_C, "老街居民委员会"),
        area("430621105000", "新墙镇"),
    ]);
    network.areas.get_mut(&code(NEW_STREET)).expect("street").aliases.push(code(TOWN));
    for (village, sequence, position) in [
        (VILLAGE_A, 1, Some(at(29.10, 113.10))),
        (VILLAGE_A, 2, Some(at(29.11, 113.10))),
        (VILLAGE_B, 1, Some(at(29.20, 113.20))),
        (VILLAGE_C, 1, Some(at(29.30, 113.50))),
        (VILLAGE_C, 2, None),
    ] {
        let id = terminal(village, sequence);
        let terminal = Terminal {
            id,
            name: id.to_string(),
            area: code(village),
            position,
            codecs: vec![Codec::Opus],
            links: vec![LinkKind::Mqtt],
            volume_percent: 80,
            national: None,
        };
        network.terminals.insert(id, terminal);
    }
    network
}

pub(crate) fn response(name: &str, level: Level, approval: ApprovalMode) -> ResponsePlan {
    ResponsePlan {
        name: name.into(),
        title: name.into(),
        hazards: vec!["11B03".into()],
        event_words: vec!["暴雨".into()],
        levels: vec![level],
        senders: Vec::new(),
        areas: Vec::new(),
        approval,
        decide_within_s: 600,
        after_deadline: AfterDeadline::Release,
        chime: Chime::Red,
        template: "t".into(),
        voice: "default".into(),
        recording: None,
        fallback_recording: "rainstorm-red".into(),
        repeats: 3,
        interval_s: 5,
        volume_percent: None,
        quiet_hours_exempt: level == Level::Red,
        playback: Playback::Simultaneous,
        validity_s_max: 7_200,
        on_cancel: OnCancel::StopAndAnnounce,
        call: None,
    }
}

pub(crate) fn rules() -> Rules {
    let policy = Policy {
        plans: vec![
            response("rain-red", Level::Red, ApprovalMode::Automatic),
            response("rain-orange", Level::Orange, ApprovalMode::Automatic),
            response("rain-yellow", Level::Yellow, ApprovalMode::OnePerson),
            response("rain-blue", Level::Blue, ApprovalMode::TwoPerson),
        ],
        templates: vec![Template {
            name: "t".into(),
            text: "{headline}。{description}{instruction}".into(),
        }],
        quiet_hours: Some(QuietHours { from_minute: 22 * 60, until_minute: 6 * 60 }),
        interlock: Interlock {
            automatic_per_hour_max: 3,
            automatic_terminals_max: 4,
            lifted_by: vec!["王主任".into()],
            rules: Vec::new(),
            limits: Vec::new(),
        },
        manual: ManualRules { terminals_alone_max: 2, ..ManualRules::default() },
        break_glass: BreakGlassRules::default(),
        validity_s_default: 86_400,
        local_offset_minutes: 480,
        sent_age_s_max: 3_600,
        sent_ahead_s_max: 300,
    };
    Rules::new(network(), policy)
}

pub(crate) fn area_of(codes: &[&str]) -> AlertArea {
    AlertArea {
        desc: String::new(),
        polygons: Vec::new(),
        circles: Vec::new(),
        geocodes: codes
            .iter()
            .map(|code| Geocode { name: "area_code".into(), value: (*code).into() })
            .collect(),
    }
}

fn colour(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Red) | None => "红色",
        Some(Level::Orange) => "橙色",
        Some(Level::Yellow) => "黄色",
        Some(Level::Blue) => "蓝色",
    }
}

pub(crate) fn info(level: Option<Level>) -> Info {
    Info {
        language: "zh-CN".into(),
        categories: vec!["Met".into()],
        event: "暴雨".into(),
        event_codes: vec![NameValue { name: "eventType".into(), value: "11B03".into() }],
        response_types: Vec::new(),
        urgency: "Unknown".into(),
        severity: "Extreme".into(),
        level,
        certainty: "Unknown".into(),
        effective: None,
        onset: None,
        expires: None,
        sender_name: None,
        headline: Some(format!("岳阳县气象台发布暴雨{}预警", colour(level))),
        description: Some("预计未来三小时有大暴雨".into()),
        instruction: Some("请注意防范".into()),
        speaker_message: None,
        web: None,
        contact: None,
        parameters: Vec::new(),
        resources: Vec::new(),
        areas: vec![area_of(&[VILLAGE_A])],
    }
}

pub(crate) fn alert(level: Level) -> Alert {
    Alert {
        id: AlertId { sender: "43062141600000".into(), identifier: "A1".into(), sent: NOON },
        form: AlertForm::Cap12,
        sender_name: Some("岳阳县气象台".into()),
        status: Status::Actual,
        msg_type: MsgType::Alert,
        scope: Scope::Public,
        source: None,
        restriction: None,
        addresses: None,
        codes: Vec::new(),
        note: None,
        references: Vec::new(),
        incidents: None,
        infos: vec![info(Some(level))],
        oddities: Vec::new(),
    }
}

pub(crate) fn armed() -> Memory {
    Memory { drill_armed: true, ..Memory::default() }
}
