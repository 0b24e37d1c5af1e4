//! A warning in words: the alert in our own JSON form, as `POST /api/v1/alerts` takes it, so that
//! its bytes are kept, shown and read like any other.

use super::Warning;
use crate::model::{
    AlertId, AreaCode, Condition, Crossing, Level, Measure, Quantity, ThresholdRule, UtcMs,
    station_parameter as parameter,
};
use core::fmt::Write;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::{Value, json};

/// Sender of alerts that the gateway makes of its stations.
pub const SENDER: &str = "mingluo-stations";
/// Kinds of levels that are spoken as 某某水位.
const LEVEL_NAMES: [&str; 6] = ["警戒", "保证", "汛限", "设防", "设计", "校核"];

/// The alert of a warning, told at `now` and valid for `valid_s`. `name_of` knows areas by name.
#[must_use]
pub fn alert(
    warning: &Warning,
    now: UtcMs,
    valid_s: u32,
    name_of: &dyn Fn(AreaCode) -> Option<String>,
) -> Value {
    let station = &warning.station;
    let level = warning.rule.as_ref().map(|rule| rule.level);
    let level = level.or(warning.before.as_ref().map(|before| before.level));
    let kind = match (&warning.rule, &warning.before) {
        (None, _) => "Cancel",
        (Some(_), None) => "Alert",
        (Some(_), Some(_)) => "Update",
    };
    let names: Vec<String> =
        station.warns.iter().map(|code| name_of(*code).unwrap_or(code.to_string())).collect();
    let codes: Vec<String> = station.warns.iter().map(ToString::to_string).collect();
    let mut whole = json!({
        "identifier": format!("{}-{}-{}", station.id, warning.hazard, now.0),
        "sender": SENDER,
        "sent": rfc3339(now),
        "status": "Actual",
        "msgType": kind,
        "scope": "Public",
        "source": format!("监测站 {}（{}）", station.name, station.id),
        "info": [{
            "language": "zh-CN",
            "category": [if warning.hazard.starts_with("11B") { "Met" } else { "Geo" }],
            "event": hazard_zh(&warning.hazard),
            "eventCode": [{ "valueName": "eventType", "value": warning.hazard }],
            "urgency": "Immediate",
            "severity": severity(level),
            "certainty": "Observed",
            "effective": rfc3339(now),
            "expires": rfc3339(now.plus_s(i64::from(valid_s))),
            "senderName": "监测站自动预警",
            "headline": headline(warning),
            "description": description(warning),
            "parameter": parameters(warning),
            "area": [{ "areaDesc": names.join("、"), "geocode": codes }],
        }],
    });
    if let (Some(before), Some(fields)) = (&warning.before, whole.as_object_mut()) {
        let (id, sent) = (&before.alert.identifier, rfc3339(before.alert.sent));
        fields.insert("references".into(), format!("{},{id},{sent}", before.alert.sender).into());
        if warning.rule.is_none() {
            fields.insert("note".into(), description(warning).into());
        }
    }
    whole
}

/// What the warning leaves behind once its alert is on record; `None` = nothing holds any more.
pub(super) fn crossing(warning: &Warning, alert: &AlertId) -> Option<Crossing> {
    let rule = warning.rule.as_ref()?;
    Some(Crossing {
        station: warning.station.id.clone(),
        hazard: warning.hazard.clone(),
        rule: rule.name.clone(),
        level: rule.level,
        alert: alert.clone(),
        since: alert.sent,
    })
}

fn severity(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Red) => "Red",
        Some(Level::Orange) => "Orange",
        Some(Level::Yellow) => "Yellow",
        Some(Level::Blue) | None => "Blue",
    }
}

fn level_zh(level: Level) -> &'static str {
    match level {
        Level::Red => "红色",
        Level::Orange => "橙色",
        Level::Yellow => "黄色",
        Level::Blue => "蓝色",
    }
}

/// Name of a hazard code that rules use; others by their group.
fn hazard_zh(code: &str) -> &'static str {
    match code {
        "11A01" => "洪水",
        "11A02" => "内涝",
        "11A03" => "水库重大险情",
        "11A04" => "堤防重大险情",
        "11A51" => "山洪灾害",
        "11B03" => "暴雨",
        "11D01" => "滑坡",
        "11D02" => "泥石流",
        _ if code.starts_with("11D") => "地质灾害",
        _ if code.starts_with("11A") => "水旱灾害",
        _ => "监测",
    }
}

fn headline(warning: &Warning) -> String {
    let name = &warning.station.name;
    let hazard = hazard_zh(&warning.hazard);
    let Some(rule) = &warning.rule else { return format!("{name}{hazard}预警解除") };
    let first = rule.conditions.first().zip(warning.values.first().copied().flatten());
    let short = first.map(|(condition, value)| short(condition, rule, value)).unwrap_or_default();
    let level = level_zh(rule.level);
    match rule.conditions.first().and_then(|condition| other(warning, condition)) {
        Some(other) => format!("{other}{short}，{name}{hazard}{level}预警"),
        None => format!("{name}{short}，{hazard}{level}预警"),
    }
}

/// Name of the other station that a condition looks at.
fn other<'a>(warning: &'a Warning, condition: &Condition) -> Option<&'a str> {
    warning.others.get(condition.station.as_ref()?).map(String::as_str)
}

fn short(condition: &Condition, rule: &ThresholdRule, value: f64) -> String {
    let window = window_zh(condition.window_s);
    match (condition.measure, condition.quantity) {
        (Measure::Value, Quantity::Stage) if LEVEL_NAMES.contains(&rule.name.as_str()) => {
            format!("水位超过{}水位", rule.name)
        }
        (Measure::Value, quantity) => format!("{}达到预警标准", quantity.zh()),
        (Measure::Change, Quantity::Stage | Quantity::MudLevel) => "水位快速上涨".to_owned(),
        (Measure::Change, quantity) => format!("{}变化过快", quantity.zh()),
        (Measure::Sum, _) => format!("{window}降雨{}毫米", number(value)),
    }
}

fn description(warning: &Warning) -> String {
    let rule = warning.rule.as_ref().or(warning.before_rule.as_ref());
    let mut said: Vec<String> = Vec::new();
    if let Some(rule) = rule {
        let pairs = rule.conditions.iter().zip(&warning.values);
        said = pairs
            .filter_map(|(condition, value)| {
                let value = (*value)?;
                let over = value >= condition.at_least;
                let ended = warning.rule.is_none();
                // Of a combination that ended, what still holds is not said to be over.
                (!ended || !over).then(|| {
                    let other = other(warning, condition).unwrap_or_default();
                    format!("{other}{}", sentence(condition, rule, value, over))
                })
            })
            .collect();
    }
    let mut text = format!("{}，{}", moment(warning.at), warning.station.name);
    if said.is_empty() {
        text.push_str("监测值已低于预警标准");
    }
    if warning.others.values().any(|other| said.first().is_some_and(|said| said.starts_with(other)))
    {
        text.push('，');
    }
    text.push_str(&said.join("；"));
    text.push('。');
    if let (Some(rule), Some(before)) = (&warning.rule, &warning.before)
        && rule.level != before.level
    {
        let word = if rule.level > before.level { "升" } else { "降" };
        let (from, to) = (level_zh(before.level), level_zh(rule.level));
        // Writing to a String can't fail.
        let _ok = write!(text, "预警级别由{from}{word}为{to}。");
    }
    text
}

fn sentence(condition: &Condition, rule: &ThresholdRule, value: f64, over: bool) -> String {
    let (unit, zh) = (condition.quantity.unit_zh(), condition.quantity.zh());
    let (value, limit) = (number(value), number(condition.at_least));
    let window = window_zh(condition.window_s);
    let verb = if over { "达到" } else { "已低于" };
    match (condition.measure, condition.quantity) {
        (Measure::Value, Quantity::Stage) if LEVEL_NAMES.contains(&rule.name.as_str()) => {
            let verb = if over { "超过" } else { "已低于" };
            format!("水位{value}米，{verb}{}水位{limit}米", rule.name)
        }
        (Measure::Value, _) => format!("{zh}{value}{unit}，{verb}预警值{limit}{unit}"),
        (Measure::Change, Quantity::Stage | Quantity::MudLevel) => {
            format!("{zh}{window}内上涨{value}米，{verb}预警值{limit}米")
        }
        (Measure::Change, _) => {
            format!("{zh}{window}内变化{value}{unit}，{verb}预警值{limit}{unit}")
        }
        (Measure::Sum, _) => format!("{window}内降雨{value}毫米，{verb}预警值{limit}毫米"),
    }
}

fn parameters(warning: &Warning) -> Vec<Value> {
    let pair = |name: &str, value: String| json!({ "valueName": name, "value": value });
    let mut all = vec![
        pair(parameter::STATION, warning.station.id.to_string()),
        pair(parameter::HAZARD, warning.hazard.clone()),
        pair("stationName", warning.station.name.clone()),
        pair("observedAt", rfc3339(warning.at)),
    ];
    let others = warning.others.iter();
    all.extend(others.map(|(id, name)| pair("otherStation", format!("{id} {name}"))));
    if let Some(rule) = &warning.rule {
        all.push(pair(parameter::RULE, rule.name.clone()));
    }
    let rule = warning.rule.as_ref().or(warning.before_rule.as_ref());
    for (condition, value) in
        rule.iter().flat_map(|rule| rule.conditions.iter().zip(&warning.values))
    {
        let value = value.map_or("unknown".to_owned(), number);
        let told = format!(
            "{}{} {:?} window_s={} value={value} at_least={} ends_below={}",
            condition.station.as_ref().map_or(String::new(), |other| format!("station={other} ")),
            condition.quantity.zh(),
            condition.measure,
            condition.window_s,
            number(condition.at_least),
            number(condition.ends_below)
        );
        all.push(pair("condition", told));
    }
    let evidence: Vec<String> = warning
        .evidence
        .iter()
        .map(|measured| {
            let (at, value) = (rfc3339(measured.sample.at), number(measured.sample.value));
            let (what, point) = (measured.quantity.zh(), super::point_note(&measured.point));
            match &measured.other {
                Some(other) => format!("{at} {other} {what}{point}={value}"),
                None => format!("{at} {what}{point}={value}"),
            }
        })
        .collect();
    if !evidence.is_empty() {
        all.push(pair("readings", evidence.join("; ")));
    }
    all
}

/// Two decimals, without zeros at the end.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn window_zh(window_s: u32) -> String {
    if window_s.is_multiple_of(3_600) {
        format!("{}小时", window_s / 3_600)
    } else {
        format!("{}分钟", window_s / 60)
    }
}

fn local(at: UtcMs) -> DateTime {
    let at = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    Offset::constant(8).to_datetime(at)
}

fn rfc3339(at: UtcMs) -> String {
    // Whole seconds; the identifier tells two of one second apart.
    let local = local(at);
    local.strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string()
}

fn moment(at: UtcMs) -> String {
    let local = local(at);
    format!("{}月{}日{}时{}分", local.month(), local.day(), local.hour(), local.minute())
}
