//! Earthquake early warning as JSON, one object a report: the form of public relays of the Chinese networks
//! (`EventID`, `ReportNum`, `OriginTime`, `Magnitude` or `Magunitude` …). Times are Beijing time.
//!
//! It becomes an alert whose area is the circle in which shaking may be felt; what a village has to expect,
//! and whether anything is still of use there, is decided later, when it is known who hears it.

use super::notes::Notes;
use super::time::{self, Zone};
use crate::model::{
    Alert, AlertArea, AlertForm, AlertId, Circle, Info, MsgType, NameValue, Position, Reference,
    Scope, Status, UtcMs,
};
use serde_json::{Map, Value};

/// Earlier reports of an earthquake that a report replaces.
const REPORTS_MAX: u32 = 200;
/// Depth when none is told, kilometres.
const USUAL_DEPTH_KM: f64 = 10.0;
/// How long after its origin an earthquake can still be warned of, seconds: then every wave has passed.
const VALID_S: i64 = 300;
/// By so much the origin may seem to be after the report, by clocks that do not agree, seconds.
const ORIGIN_AHEAD_S_MAX: i64 = 10;
/// Intensity at the edge of the area, and the attenuation by which it is found (see `decide`).
const EDGE_INTENSITY: f64 = 3.0;

/// Whether some JSON is such a report; others have the elements of CAP.
pub(super) fn is_report(body: &str) -> bool {
    body.starts_with('{') && body.contains("\"EventID\"") && body.contains("\"OriginTime\"")
}

/// Whether a message is only a sign of life of such a relay.
#[must_use]
pub fn is_heartbeat(bytes: &[u8]) -> bool {
    const HEARTBEAT_BYTES_MAX: usize = 1_024;
    bytes.len() <= HEARTBEAT_BYTES_MAX
        && serde_json::from_slice::<Value>(bytes)
            .is_ok_and(|value| value.get("type").is_some_and(|kind| kind == "heartbeat"))
}

/// Reads a report; `None` when something that decides is missing or wrong (the faults are noted).
pub(super) fn alert(body: &str, notes: &mut Notes) -> Option<Alert> {
    let fields = match serde_json::from_str::<Map<String, Value>>(body) {
        Ok(fields) => fields,
        Err(fault) => {
            let what = format!("expected well-formed JSON, got an error: {fault}");
            notes.fault(u32::try_from(fault.line()).ok(), "", what);
            return None;
        }
    };
    let mut fields = Fields { fields, notes };
    let event = fields.text("EventID");
    let report = fields.number("ReportNum", 1.0, 9_999.0);
    let sent = fields.moment("ReportTime");
    let origin = fields.moment("OriginTime");
    let lat_deg = fields.number("Latitude", -90.0, 90.0);
    let lon_deg = fields.number("Longitude", -180.0, 180.0);
    let name = if fields.fields.contains_key("Magunitude") { "Magunitude" } else { "Magnitude" };
    let magnitude = fields.number(name, -2.0, 10.0);
    let depth_km = match fields.fields.get("Depth") {
        None | Some(Value::Null) => Some(USUAL_DEPTH_KM),
        Some(_) => fields.number("Depth", 0.0, 800.0),
    };
    let place = fields.text("HypoCenter");
    let (is_cancel, is_training) = (fields.flag("isCancel"), fields.flag("isTraining"));
    let sender = fields.fields.get("type").and_then(Value::as_str).unwrap_or("eew").to_owned();
    fields.in_order(origin, sent);
    let (report, place, magnitude) = (whole(report?), place?, magnitude?);
    // The Sichuan network puts the number of the report behind the name of the earthquake.
    let event = event?;
    let event = event.strip_suffix(&format!("_{report}")).unwrap_or(&event).to_owned();
    let references = earlier(&sender, &event, report, is_cancel);
    let msg_type = match (is_cancel, report) {
        (true, _) => MsgType::Cancel,
        (false, 1) => MsgType::Alert,
        (false, _) => MsgType::Update,
    };
    let end = if is_cancel { "_cancel" } else { "" };
    let identifier = format!("{event}_{report}{end}");
    let epicentre = Position { lat_deg: lat_deg?, lon_deg: lon_deg? };
    let about = About { place, magnitude, depth_km: depth_km?, origin: origin?, epicentre };
    Some(Alert {
        id: AlertId { sender, identifier, sent: sent? },
        form: AlertForm::EarthquakeWarning,
        sender_name: None,
        status: if is_training { Status::Exercise } else { Status::Actual },
        msg_type,
        scope: Scope::Public,
        source: None,
        restriction: None,
        addresses: None,
        codes: Vec::new(),
        note: None,
        references,
        incidents: Some(event),
        infos: vec![about.info(is_cancel)],
        oddities: Vec::new(),
    })
}

/// The reports that one replaces or takes back.
fn earlier(sender: &str, event: &str, report: u32, is_cancel: bool) -> Vec<Reference> {
    let told = |number: u32| Reference {
        sender: Some(sender.to_owned()),
        identifier: format!("{event}_{number}"),
        sent: None,
    };
    let first = report.saturating_sub(REPORTS_MAX).max(1);
    // A cancellation may carry the number of the report it takes back.
    let last = if is_cancel { report } else { report.saturating_sub(1) };
    (first..=last).map(told).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "1 to 9,999 by its check"
)]
fn whole(number: f64) -> u32 {
    number as u32
}

/// What a report says about the earthquake.
struct About {
    place: String,
    magnitude: f64,
    depth_km: f64,
    origin: UtcMs,
    epicentre: Position,
}

impl About {
    fn info(&self, is_cancel: bool) -> Info {
        let parameter = |name: &str, value: String| NameValue { name: name.to_owned(), value };
        let reach = (5.019 + 1.446 * self.magnitude - EDGE_INTENSITY) / 4.136;
        let radius_km = (10_f64.powf(reach) - 24.0).clamp(1.0, 2_000.0);
        let circle = Circle { centre: self.epicentre, radius_km };
        let area = AlertArea {
            desc: self.place.clone(),
            polygons: Vec::new(),
            circles: vec![circle],
            geocodes: Vec::new(),
        };
        let (headline, description) = if is_cancel {
            ("地震预警取消", "此前发布的地震预警已经取消，请恢复正常生活秩序。".to_owned())
        } else {
            let (place, magnitude) = (&self.place, self.magnitude);
            ("地震预警", format!("{place}发生{magnitude:.1}级地震。"))
        };
        Info {
            language: "zh-CN".into(),
            categories: vec!["Geo".into()],
            event: "地震".into(),
            event_codes: vec![parameter("eventType", "11C02".into())],
            response_types: Vec::new(),
            urgency: "Immediate".into(),
            severity: "Unknown".into(),
            level: None,
            certainty: "Observed".into(),
            effective: None,
            onset: None,
            // A cancellation is told for as long as any all-clear.
            expires: (!is_cancel).then(|| self.origin.plus_s(VALID_S)),
            sender_name: None,
            headline: Some(headline.to_owned()),
            description: Some(description),
            instruction: None,
            speaker_message: None,
            web: None,
            contact: None,
            parameters: vec![
                parameter("eew:magnitude", self.magnitude.to_string()),
                parameter("eew:depth_km", self.depth_km.to_string()),
                parameter("eew:origin_ms", self.origin.0.to_string()),
            ],
            resources: Vec::new(),
            areas: vec![area],
        }
    }
}

/// Fields of a report; numbers may be written as text, and text as numbers.
struct Fields<'n> {
    fields: Map<String, Value>,
    notes: &'n mut Notes,
}

impl Fields<'_> {
    fn written(&mut self, name: &str, expected: &str) -> Option<String> {
        let text = match self.fields.get(name) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Null) | None => {
                self.notes.missing(name, expected);
                return None;
            }
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => String::new(),
        };
        if text.is_empty() {
            self.notes.fault(None, name, format!("expected {expected}; got nothing of the kind"));
            return None;
        }
        Some(text)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let text = self.written(name, "a text")?;
        let forbidden = |c: char| c.is_control() || matches!(c, '<' | '&' | ',');
        if text.chars().count() > 100 || text.contains(forbidden) {
            let what = "expected a text of at most 100 characters without , < &";
            self.notes.fault(None, name, what);
            return None;
        }
        Some(text)
    }

    fn number(&mut self, name: &str, least: f64, most: f64) -> Option<f64> {
        let expected = format!("a number from {least} to {most}");
        let text = self.written(name, &expected)?;
        let number = text.parse::<f64>().ok().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let got = super::notes::quoted(&text);
            self.notes.fault(None, name, format!("expected {expected}; got {got}"));
        }
        number
    }

    fn moment(&mut self, name: &str) -> Option<UtcMs> {
        let text = self.written(name, "a time")?;
        match time::read(&text, Zone::Beijing) {
            Ok(read) => Some(read.at),
            Err(what) => {
                self.notes.fault(None, name, what);
                None
            }
        }
    }

    /// Nobody reports an earthquake before it is there; a count-down to it would be nonsense.
    fn in_order(&mut self, origin: Option<UtcMs>, sent: Option<UtcMs>) {
        let (Some(origin), Some(sent)) = (origin, sent) else { return };
        let ahead_s = origin.since_ms(sent) / 1_000;
        if ahead_s > ORIGIN_AHEAD_S_MAX {
            let what = format!("expected a time before `ReportTime`; got one {ahead_s} s after it");
            self.notes.fault(None, "OriginTime", what);
        }
    }

    fn flag(&mut self, name: &str) -> bool {
        match self.fields.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                let got = super::notes::quoted(&other.to_string());
                self.notes.fault(None, name, format!("expected true or false; got {got}"));
                false
            }
        }
    }
}

#[cfg(test)]
#[path = "eew_tests.rs"]
mod tests;
