//! The national warning platform's form (12379 / 国突): like CAP, but not CAP. Layout after the
//! platform's message files; GB/T 35965.1-2018 for the values.

use super::block::{circles, shape_fault, size_bytes, times};
use super::cap::{self, MSG_TYPES, SCOPES, STATUSES};
use super::fields::{Fields, Place, texts};
use super::geometry;
use super::level;
use super::notes::{Notes, quoted};
use super::references;
use super::time::Zone;
use super::xml::Node;
use crate::model::{
    Alert, AlertArea, AlertForm, AlertId, AreaCode, Geocode, Info, MsgType, NameValue, Resource,
    Scope, UtcMs,
};
use std::collections::BTreeSet;

/// Beginning of the namespace that some writers give.
const NAMESPACE: &str = "http://com.icss";
/// Elements of `alert` that CAP does not have.
const MARKS: &[&str] = &["sendTime", "senderCode", "secClassification"];
/// Methods whose message is for loudspeakers.
const SPEAKER_METHODS: &[&str] = &["SPEAKER", "大喇叭"];
/// Name under which the comma-joined codes become geocodes.
const GEOCODE_NAME: &str = "area_code";
/// Digits of a sender code: area 6, organisation 3, unit 3, extension 2.
const SENDER_CODE_DIGITS: usize = 14;

const URGENCIES: &[&str] = &["Immediate", "Expected", "Future", "Past", "Unknown"];
const CERTAINTIES: &[&str] =
    &["Observed", "VeryLikely", "Likely", "Possible", "Unlikely", "Unknown"];
const KNOWN: &[&str] = &[
    "identifier",
    "sender",
    "senderCode",
    "phone",
    "sendTime",
    "status",
    "msgType",
    "scope",
    "code",
    "secClassification",
    "note",
    "references",
    "info",
    "Signature",
];
const KNOWN_INFO: &[&str] = &[
    "language",
    "eventType",
    "urgency",
    "severity",
    "certainty",
    "effective",
    "onset",
    "expires",
    "senderName",
    "headline",
    "description",
    "instruction",
    "web",
    "resource",
    "area",
];

/// Whether a namespace is the one of this form.
pub(super) fn is_national_namespace(namespace: &str) -> bool {
    namespace.starts_with(NAMESPACE)
}

/// Whether an `alert` is of this form: its namespace, or none together with elements that CAP does
/// not know, or one of another's making with the two elements that only this form has.
pub(super) fn is_national(root: &Node) -> bool {
    let all_marks = || MARKS.iter().take(2).all(|name| root.first(name).is_some());
    is_national_namespace(&root.namespace)
        || !cap::is_cap_namespace(&root.namespace) && all_marks()
        || root.namespace.is_empty()
            && (MARKS.iter().any(|name| root.first(name).is_some())
                || root.all("info").any(|info| info.first("eventType").is_some()))
}

/// Reads it. `hint` may be the file name, which repeats code, time, event, colour and type.
pub(super) fn alert(root: &Node, hint: Option<&str>, notes: &mut Notes) -> Option<Alert> {
    let mut fields = Fields { notes, zone: Zone::Beijing };
    let place = Place { node: root, path: "alert" };
    fields.unknown(place, KNOWN);
    if !root.namespace.is_empty() && !is_national_namespace(&root.namespace) {
        let got = quoted(&root.namespace);
        let what = format!("the namespace {NAMESPACE}.amp or none expected; got {got}, read as it");
        fields.notes.oddity(root.at(), "alert", what);
    }
    let identifier = fields.identifier(place, "identifier");
    let sender_name = fields.text(place, "sender");
    let sender = sender_code(&mut fields, place, sender_name.as_deref());
    let sent = fields.required_time(place, "sendTime");
    let status = fields.choice(place, "status", STATUSES);
    let msg_type = fields.choice(place, "msgType", MSG_TYPES);
    let (scope, restriction) = scope(&mut fields, place);
    let speaker = speaker_message(&mut fields, root);
    let references = references::plain(&mut fields, place);
    if references.is_empty() && matches!(msg_type, Some(MsgType::Update | MsgType::Cancel)) {
        let what = "an Update or Cancel without references; nobody can tell what it is about";
        fields.notes.oddity(place.line("references"), "alert/references", what);
    }
    let is_cancel = msg_type == Some(MsgType::Cancel);
    let contact = fields.text(place, "phone");
    let mut infos = Vec::new();
    for (number, node) in fields.infos(root).into_iter().enumerate() {
        let path = format!("alert/info[{}]", number + 1);
        let place = Place { node, path: &path };
        let mut info = info(&mut fields, place, sent, is_cancel || speaker.is_some());
        info.speaker_message.clone_from(&speaker);
        info.contact.clone_from(&contact);
        infos.push(info);
    }
    if infos.is_empty() {
        // A Cancel stops what it references and needs no words of its own.
        if is_cancel {
            let what = "it is missing; a Cancel can do without";
            fields.notes.oddity(None, "alert/info", what);
        } else {
            fields.notes.missing("alert/info", "an info block");
        }
    }
    by_file_name(&mut fields, hint, &infos, msg_type);
    let id = AlertId { sender: sender?, identifier: identifier?, sent: sent? };
    Some(Alert {
        sender_name: sender_name.filter(|name| *name != id.sender),
        id,
        form: AlertForm::National12379,
        status: status?,
        msg_type: msg_type?,
        scope: scope?,
        source: None,
        restriction,
        addresses: None,
        codes: method_names(root),
        note: fields.text(place, "note"),
        references,
        incidents: None,
        infos,
        oddities: Vec::new(),
    })
}

/// The sender code, or the sender's name when there is none.
fn sender_code(fields: &mut Fields<'_>, place: Place<'_>, name: Option<&str>) -> Option<String> {
    let Some(code) = fields.decisive(place, "senderCode") else {
        let Some(name) = name else {
            fields.absent(place, "senderCode", "a sender code or a sender");
            return None;
        };
        let what = "it is missing or empty; the sender's name stands in";
        fields.notes.oddity(place.line("senderCode"), "alert/senderCode", what);
        return Some(name.to_owned());
    };
    if code.len() != SENDER_CODE_DIGITS || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        let what = format!("{SENDER_CODE_DIGITS} digits expected; got {}, kept", quoted(&code));
        fields.notes.oddity(place.line("senderCode"), "alert/senderCode", what);
    }
    Some(code)
}

/// The scope and its restriction. The platform always writes Public; internal messages (内部) are
/// told by `secClassification` and must not be spoken in public without a person.
fn scope(fields: &mut Fields<'_>, place: Place<'_>) -> (Option<Scope>, Option<String>) {
    let scope = if fields.decisive(place, "scope").is_some() {
        fields.choice(place, "scope", SCOPES)
    } else {
        let what = "it is missing or empty; read as Public, the only value of this form";
        fields.notes.oddity(place.line("scope"), "alert/scope", what);
        Some(Scope::Public)
    };
    match fields.decisive(place, "secClassification") {
        Some(class) if !class.eq_ignore_ascii_case("None") => {
            let what = format!("{} read as scope Restricted", quoted(&class));
            let line = place.line("secClassification");
            fields.notes.oddity(line, "alert/secClassification", what);
            let scope = scope.map(|scope| match scope {
                Scope::Public => Scope::Restricted,
                Scope::Restricted | Scope::Private => scope,
            });
            (scope, Some(class))
        }
        _ => (scope, None),
    }
}

/// All publication methods of the message.
fn method_names(root: &Node) -> Vec<String> {
    let methods = root.all("code").flat_map(|code| code.all("method"));
    methods.flat_map(|method| texts(method, "methodName")).collect()
}

/// The message meant for loudspeakers, if there is one of its own.
fn speaker_message(fields: &mut Fields<'_>, root: &Node) -> Option<String> {
    let methods = root.all("code").flat_map(|code| code.all("method"));
    let mut found: Option<String> = None;
    for (number, node) in methods.enumerate() {
        let path = format!("alert/code/method[{}]", number + 1);
        let place = Place { node, path: &path };
        let name = fields.text(place, "methodName").unwrap_or_default();
        if !SPEAKER_METHODS.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            continue;
        }
        let Some(message) = fields.text(place, "message") else { continue };
        match &found {
            None => found = Some(message),
            Some(first) if *first != message => {
                let what = "a second message for loudspeakers; the first is used";
                fields.notes.oddity(node.at(), &place.child("message"), what);
            }
            Some(_) => {}
        }
    }
    found
}

/// Reads the `info` block. `wordless` = it needs no headline or description.
fn info(fields: &mut Fields<'_>, place: Place<'_>, sent: Option<UtcMs>, wordless: bool) -> Info {
    fields.unknown(place, KNOWN_INFO);
    let headline = fields.text(place, "headline");
    let description = fields.text(place, "description");
    if headline.is_none() && description.is_none() && !wordless {
        let expected = "a headline, a description or a message for SPEAKER";
        fields.absent(place, "headline", expected);
    }
    let (severity, level) = level::read(fields, place, level::NATIONAL, headline.as_deref());
    let event = event_type(fields, place, headline.as_deref());
    let (effective, onset, expires) = times(fields, place, sent);
    let mut areas = Vec::new();
    for (number, node) in place.node.all("area").enumerate() {
        let path = format!("{}/area[{}]", place.path, number + 1);
        areas.push(area(fields, Place { node, path: &path }));
    }
    let mut resources = Vec::new();
    for (number, node) in place.node.all("resource").enumerate() {
        let path = format!("{}/resource[{}]", place.path, number + 1);
        resources.push(resource(fields, Place { node, path: &path }));
    }
    Info {
        language: fields.text(place, "language").unwrap_or_else(|| "zh-CN".to_owned()),
        categories: Vec::new(),
        event_codes: vec![NameValue { name: "eventType".into(), value: event.clone() }],
        event,
        response_types: Vec::new(),
        urgency: fields.loose(place, "urgency", URGENCIES),
        severity,
        level,
        certainty: fields.loose(place, "certainty", CERTAINTIES),
        effective,
        onset,
        expires,
        sender_name: fields.text(place, "senderName"),
        headline,
        description,
        instruction: fields.text(place, "instruction"),
        speaker_message: None,
        web: fields.text(place, "web"),
        contact: None,
        parameters: Vec::new(),
        resources,
        areas,
    }
}

/// The event type. A headline names the event too, and a warning must not die for its code.
fn event_type(fields: &mut Fields<'_>, place: Place<'_>, headline: Option<&str>) -> String {
    let Some(code) = fields.text(place, "eventType") else {
        let Some(headline) = headline else {
            fields.absent(place, "eventType", "an event type such as 11B03");
            return String::new();
        };
        let what = "it is missing or empty; the headline stands in";
        fields.notes.oddity(place.line("eventType"), &place.child("eventType"), what);
        return headline.to_owned();
    };
    let is_code = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_code {
        let what = format!("a code such as 11B03 expected; got {}, kept", quoted(&code));
        fields.notes.oddity(place.line("eventType"), &place.child("eventType"), what);
    }
    code
}

fn area(fields: &mut Fields<'_>, place: Place<'_>) -> AlertArea {
    let mut area = AlertArea {
        desc: fields.text(place, "areaDesc").unwrap_or_default(),
        polygons: Vec::new(),
        circles: Vec::new(),
        geocodes: Vec::new(),
    };
    geocodes(fields, place, &mut area);
    polygons(fields, place, &mut area);
    circles(fields, place, true, &mut area);
    area
}

/// Comma-joined codes; duplicates and a comma at the end occur.
fn geocodes(fields: &mut Fields<'_>, place: Place<'_>, area: &mut AlertArea) {
    let mut known = BTreeSet::new();
    for (number, node) in place.node.all("geocode").enumerate() {
        let path = format!("{}/geocode[{}]", place.path, number + 1);
        // Some writers nest CAP's valueName and value here.
        let mut text = node.text.clone();
        for nested in node.all("value") {
            text.push(',');
            text.push_str(&nested.text);
        }
        for code in text.split(|c: char| c.is_whitespace() || ",，;；、|/".contains(c)) {
            let value = code.to_owned();
            if code.is_empty() || !known.insert(value.clone()) {
                continue;
            }
            if AreaCode::parse(code).is_none() {
                let what = format!("a 12-digit area code expected; got {}, kept", quoted(code));
                fields.notes.oddity(node.at(), &path, what);
            }
            area.geocodes.push(Geocode { name: GEOCODE_NAME.into(), value });
        }
    }
}

/// Polygons of this form may be open: then they are lines (a river, a road). A line can't say who
/// is meant, so the geocodes decide; only without any geocode is it closed to an area.
fn polygons(fields: &mut Fields<'_>, place: Place<'_>, area: &mut AlertArea) {
    for (number, node) in place.node.all("polygon").enumerate() {
        let path = format!("{}/polygon[{}]", place.path, number + 1);
        match geometry::polygon(&node.text) {
            Ok(Some(ring)) => {
                for odd in ring.odd {
                    fields.notes.oddity(node.at(), &path, odd);
                }
                if ring.was_open && !area.geocodes.is_empty() {
                    let what = "an open polygon is a line in this form; the geocodes decide";
                    fields.notes.oddity(node.at(), &path, what);
                    continue;
                }
                if ring.was_open {
                    let what = "first and last point differ and there is no geocode; closed";
                    fields.notes.oddity(node.at(), &path, what);
                }
                area.polygons.push(ring.points);
            }
            Ok(None) => {}
            Err(wrong) => shape_fault(fields, node, &path, wrong),
        }
    }
}

fn resource(fields: &mut Fields<'_>, place: Place<'_>) -> Resource {
    Resource {
        desc: fields.text(place, "resourceDesc").unwrap_or_default(),
        mime_type: fields.text(place, "mimeType"),
        size_bytes: fields.text(place, "size").as_deref().and_then(size_bytes),
        uri: None,
        digest: fields.text(place, "digest"),
        embedded_bytes: 0,
    }
}

/// Compares with the file name `<senderCode>_<time>_<eventType>_<COLOUR>_<MSGTYPE>.XML`.
fn by_file_name(
    fields: &mut Fields<'_>,
    hint: Option<&str>,
    infos: &[Info],
    msg_type: Option<MsgType>,
) {
    let stem = hint.and_then(|name| name.rsplit_once('.')).map(|(stem, _)| stem);
    let parts: Vec<&str> = stem.map(|stem| stem.split('_').collect()).unwrap_or_default();
    let [_, _, event, colour, kind, ..] = parts.as_slice() else { return };
    if level::by_colour_word(colour).is_none() {
        return;
    }
    for info in infos {
        if info.level.is_some() && info.level != level::by_colour_word(colour) {
            let what = format!("the file name says {colour}, the message {}", info.severity);
            fields.notes.oddity(None, "alert/info/severity", what);
        }
        if !info.event.eq_ignore_ascii_case(event) {
            let what = format!("the file name says {event}, the message {}", info.event);
            fields.notes.oddity(None, "alert/info/eventType", what);
        }
    }
    let named = MSG_TYPES.iter().find(|(word, _)| word.eq_ignore_ascii_case(kind));
    if named.is_some_and(|(_, named)| Some(*named) != msg_type) {
        let what = format!("the file name says {kind}, the message does not");
        fields.notes.oddity(None, "alert/msgType", what);
    }
}
