//! The national warning platform's form (12379 / 国突): like CAP, but not CAP.

use super::cap::{MSG_TYPES, Reader, STATUSES, join, level, shape_polygon};
use super::geometry;
use super::notes::Notes;
use super::time::Zone;
use super::xml::Node;
use crate::model::{
    Alert, AlertArea, AlertForm, AlertId, Geocode, Info, NameValue, Reference, Resource, Scope,
};

/// Method whose message is for loudspeakers.
const SPEAKER_METHODS: &[&str] = &["SPEAKER", "大喇叭"];
/// Name under which comma-joined codes become geocodes.
const GEOCODE_NAME: &str = "area_code";

/// Whether an `alert` is of this form: it has elements that CAP does not know.
pub(super) fn is_national(root: &Node) -> bool {
    root.namespace.as_deref() == Some("http://com.icss.amp")
        || ["sendTime", "senderCode", "secClassification"]
            .iter()
            .any(|name| root.first(name).is_some())
}

/// Reads it.
pub(super) fn alert(root: &Node, notes: &mut Notes) -> Option<Alert> {
    let mut reader = Reader { notes, zone: Zone::Beijing };
    let path = "alert";
    let identifier = reader.required(root, path, "identifier");
    let sender_name = reader.text(root, "sender");
    let sender = match reader.text(root, "senderCode") {
        Some(code) => Some(code),
        None => reader.required(root, path, "sender"),
    };
    let sent = reader.time(root, path, "sendTime", true);
    let status = reader.choice(root, path, "status", STATUSES);
    let msg_type = reader.choice(root, path, "msgType", MSG_TYPES);
    let speaker = speaker_message(root, &reader);
    let references = reader
        .text(root, "references")
        .map(|text| {
            text.split([',', ' ', '，'])
                .filter(|piece| !piece.is_empty())
                .map(|piece| Reference { sender: None, identifier: piece.to_owned(), sent: None })
                .collect()
        })
        .unwrap_or_default();
    let mut infos = Vec::new();
    for (number, node) in root.all("info").enumerate() {
        let path = format!("alert/info[{}]", number + 1);
        infos.extend(info(node, &path, speaker.clone(), &mut reader));
    }
    if infos.is_empty() && root.first("info").is_none() {
        reader.notes.fault(root.at(), "alert/info", "expected a value; it is missing");
    }
    Some(Alert {
        id: AlertId { sender: sender?, identifier: identifier?, sent: sent? },
        form: AlertForm::National12379,
        sender_name,
        status: status?,
        msg_type: msg_type?,
        scope: Scope::Public,
        source: None,
        restriction: None,
        addresses: None,
        codes: Vec::new(),
        note: reader.text(root, "note"),
        references,
        incidents: None,
        infos,
        oddities: Vec::new(),
    })
}

/// The message meant for loudspeakers, if there is one of its own.
fn speaker_message(root: &Node, reader: &Reader<'_>) -> Option<String> {
    let methods = root.all("code").flat_map(|code| code.all("method"));
    methods
        .filter(|method| {
            reader.text(method, "methodName").is_some_and(|name| {
                SPEAKER_METHODS.iter().any(|known| known.eq_ignore_ascii_case(&name))
            })
        })
        .find_map(|method| reader.text(method, "message"))
}

fn info(
    node: &Node,
    path: &str,
    speaker_message: Option<String>,
    reader: &mut Reader<'_>,
) -> Option<Info> {
    let event = reader.required(node, path, "eventType");
    let severity = reader.required(node, path, "severity");
    let headline = reader.text(node, "headline");
    let description = reader.text(node, "description");
    if headline.is_none() && description.is_none() && speaker_message.is_none() {
        let what = "expected a headline, a description or a SPEAKER message; all are empty";
        reader.notes.fault(node.at(), path, what);
    }
    let areas: Vec<AlertArea> = node
        .all("area")
        .enumerate()
        .map(|(number, area)| self::area(area, &format!("{path}/area[{}]", number + 1), reader))
        .collect();
    let severity = severity?;
    let level = level(&severity, headline.as_deref(), node, path, reader);
    let event = event?;
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "Unknown".to_owned());
    Some(Info {
        language: reader.text(node, "language").unwrap_or_else(|| "zh-CN".to_owned()),
        categories: Vec::new(),
        event_codes: vec![NameValue { name: "eventType".into(), value: event.clone() }],
        event,
        response_types: Vec::new(),
        urgency: or_unknown(reader.text(node, "urgency")),
        level,
        severity,
        certainty: or_unknown(reader.text(node, "certainty")),
        effective: reader.time(node, path, "effective", false),
        onset: reader.time(node, path, "onset", false),
        expires: reader.time(node, path, "expires", false),
        sender_name: reader.text(node, "senderName"),
        headline,
        description,
        instruction: reader.text(node, "instruction"),
        speaker_message,
        web: reader.text(node, "web"),
        contact: None,
        parameters: Vec::new(),
        resources: node.all("resource").map(|node| resource(node, reader)).collect(),
        areas,
    })
}

fn area(node: &Node, path: &str, reader: &mut Reader<'_>) -> AlertArea {
    let mut area = AlertArea {
        desc: reader.text(node, "areaDesc").unwrap_or_default(),
        polygons: Vec::new(),
        circles: Vec::new(),
        geocodes: Vec::new(),
    };
    for polygon in node.all("polygon") {
        shape_polygon(polygon, path, &mut area, reader);
    }
    for circle in node.all("circle") {
        match geometry::circle(&circle.text, true) {
            Ok(found) => area.circles.extend(found),
            Err(what) => reader.notes.fault(circle.at(), &join(path, "circle"), what),
        }
    }
    for codes in node.all("geocode") {
        // Some writers nest CAP's valueName and value here.
        let nested = reader.text(codes, "value");
        let text = nested.unwrap_or_else(|| codes.text.clone());
        for code in text.split([',', '，', ';', ' ', '\n']).map(str::trim) {
            let value = code.to_owned();
            if !code.is_empty() && !area.geocodes.iter().any(|known| known.value == value) {
                area.geocodes.push(Geocode { name: GEOCODE_NAME.into(), value });
            }
        }
    }
    area
}

/// Sizes are written as `84k`.
fn resource(node: &Node, reader: &Reader<'_>) -> Resource {
    let size_bytes = reader.text(node, "size").and_then(|size| {
        let size = size.to_ascii_lowercase();
        match size.strip_suffix("kb").or_else(|| size.strip_suffix('k')) {
            Some(kilo) => kilo.trim().parse::<u64>().ok()?.checked_mul(1024),
            None => size.trim_end_matches('b').trim().parse().ok(),
        }
    });
    Resource {
        desc: reader.text(node, "resourceDesc").unwrap_or_default(),
        mime_type: reader.text(node, "mimeType"),
        size_bytes,
        uri: None,
        digest: reader.text(node, "digest"),
        embedded_bytes: 0,
    }
}
