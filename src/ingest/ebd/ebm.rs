//! An EBM as an [`Alert`] of the model.

use super::codes::{ebm_platform, is_voluntary};
use super::message::{Auxiliary, Basic, Content, Ebm};
use crate::ingest::notes::{Notes, quoted};
use crate::model::{
    Alert, AlertArea, AlertForm, AlertId, AreaCode, Geocode, Info, Level, MsgType, NameValue,
    Reference, Resource, Scope, Status, UtcMs,
};

/// Resource type of village loudspeakers (大喇叭系统).
const LOUDSPEAKERS: &str = "0314";
/// Before the name of a recording that the gateway itself put on its shelf.
pub const RECORDING_URI: &str = "recording:";

/// Makes it; what can't be understood is noted. `sent` is the time of the package.
pub(super) fn alert(ebm: &Ebm, sent: UtcMs, notes: &mut Notes) -> Option<Alert> {
    let sender = ebm_platform(&ebm.id).unwrap_or_default().to_owned();
    let basic = ebm.basic.as_ref();
    if basic.is_none() && !is_voluntary(&ebm.id) {
        notes.missing("EBD/EBM/MsgBasicInfo", "type, sender, time and level of the message");
        return None;
    }
    let (status, msg_type) = kinds(basic, ebm.related.is_some());
    if msg_type == MsgType::Cancel && ebm.related.is_none() {
        notes.missing("EBD/EBM/RelatedInfo", "the message to stop");
        return None;
    }
    if ebm.contents.is_empty() && msg_type != MsgType::Cancel && basic.is_some() {
        notes.missing("EBD/EBM/MsgContent", "title, words and areas");
        return None;
    }
    let reference = |id: &String| Reference {
        sender: ebm_platform(id).map(str::to_owned),
        identifier: id.clone(),
        sent: None,
    };
    let others =
        !ebm.systems.is_empty() && !ebm.systems.iter().any(|system| system.contains(LOUDSPEAKERS));
    let restriction = others.then(|| format!("Dispatch: {}", ebm.systems.join(",")));
    Some(Alert {
        id: AlertId { sender, identifier: ebm.id.clone(), sent: basic.map_or(sent, |b| b.sent) },
        form: AlertForm::Ebm,
        sender_name: basic.map(|basic| basic.sender_name.clone()).filter(|name| !name.is_empty()),
        status,
        msg_type,
        // A message for other means of broadcasting is not for horns unless a person says so.
        scope: if others { Scope::Restricted } else { Scope::Public },
        source: None,
        restriction,
        addresses: None,
        codes: Vec::new(),
        note: None,
        references: ebm.related.iter().map(reference).collect(),
        incidents: None,
        infos: ebm.contents.iter().map(|content| info(content, basic, notes)).collect(),
        oddities: Vec::new(),
    })
}

/// Status and type. Without the basic part nobody said that it is for real: it is kept, not spoken.
fn kinds(basic: Option<&Basic>, related: bool) -> (Status, MsgType) {
    match basic.map(|basic| basic.msg_type) {
        None => (Status::System, MsgType::Alert),
        Some(2) => (Status::Actual, MsgType::Cancel),
        Some(1) if related => (Status::Actual, MsgType::Update),
        Some(1) => (Status::Actual, MsgType::Alert),
        Some(_) => (Status::Exercise, MsgType::Alert),
    }
}

fn info(content: &Content, basic: Option<&Basic>, notes: &mut Notes) -> Info {
    let code = basic.map(|basic| basic.event_type.clone()).unwrap_or_default();
    let event = Some(code.clone()).filter(|code| !code.is_empty()).or(content.title.clone());
    let (severity, level) = match basic.map(|basic| basic.severity) {
        Some(1) => ("Extreme", Some(Level::Red)),
        Some(2) => ("Severe", Some(Level::Orange)),
        Some(3) => ("Moderate", Some(Level::Yellow)),
        Some(4) => ("Minor", Some(Level::Blue)),
        _ => ("Unknown", None),
    };
    if content.title.is_none() && content.desc.is_none() {
        let what = "neither title nor words; only sound that comes along can be played";
        notes.oddity(None, "EBD/EBM/MsgContent/MsgDesc", what);
    }
    Info {
        language: language(&content.language),
        categories: Vec::new(),
        event: event.unwrap_or_default(),
        event_codes: vec![NameValue { name: "eventType".into(), value: code }],
        response_types: Vec::new(),
        urgency: "Unknown".into(),
        severity: severity.into(),
        level,
        certainty: "Unknown".into(),
        effective: basic.and_then(|basic| basic.begins),
        onset: None,
        expires: basic.and_then(|basic| basic.ends),
        sender_name: basic.map(|basic| basic.sender_name.clone()),
        headline: content.title.clone(),
        description: content.desc.clone(),
        instruction: None,
        speaker_message: None,
        web: None,
        contact: None,
        parameters: Vec::new(),
        resources: content.auxiliaries.iter().map(resource).collect(),
        areas: vec![area(&content.areas, notes)],
    }
}

/// GB/T 4880.2 code as the tag that the rest of the gateway knows.
fn language(code: &str) -> String {
    match code.to_ascii_lowercase().as_str() {
        "" | "zho" | "chi" | "zh" | "cn" => "zh-CN".to_owned(),
        "eng" | "en" => "en-US".to_owned(),
        other => other.to_owned(),
    }
}

fn area(codes: &[String], notes: &mut Notes) -> AlertArea {
    if codes.is_empty() {
        notes.oddity(None, "EBD/EBM/MsgContent/AreaCode", "no area; a person must say where");
    }
    let geocode = |code: &String| {
        if AreaCode::parse(code).is_none() {
            let what = format!("a 12-digit area code expected; got {}, kept", quoted(code));
            notes.oddity(None, "EBD/EBM/MsgContent/AreaCode", what);
        }
        Geocode { name: "area_code".into(), value: code.clone() }
    };
    let geocodes = codes.iter().map(geocode).collect();
    AlertArea { desc: codes.join(","), polygons: Vec::new(), circles: Vec::new(), geocodes }
}

fn resource(auxiliary: &Auxiliary) -> Resource {
    let mime_type = match auxiliary.kind {
        1 | 2 => Some("audio/mpeg"),
        3 | 4 => Some("audio/dra"),
        41 => Some("image/png"),
        42 => Some("image/jpeg"),
        43 => Some("image/gif"),
        _ => None,
    };
    Resource {
        desc: auxiliary.desc.clone(),
        mime_type: mime_type.map(str::to_owned),
        size_bytes: auxiliary.size,
        uri: None,
        digest: auxiliary.digest.clone(),
        embedded_bytes: 0,
    }
}
