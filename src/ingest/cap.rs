//! CAP 1.2 (and 1.1, 1.0): OASIS CAP-v1.2, clause 3.2. Our JSON form has the same elements.

use super::geometry;
use super::notes::Notes;
use super::time::{self, Zone};
use super::xml::Node;
use crate::model::{
    Alert, AlertArea, AlertForm, AlertId, Geocode, Info, Level, MsgType, NameValue, Reference,
    Resource, Scope, Status, UtcMs,
};

/// Longest text of one element that is kept, characters.
const TEXT_CHARS_MAX: usize = 20_000;

/// Reads the elements of one form, noting faults by their path.
pub(super) struct Reader<'a> {
    pub(super) notes: &'a mut Notes,
    pub(super) zone: Zone,
}

impl Reader<'_> {
    /// The trimmed text of an optional child; empty elements count as absent.
    pub(super) fn text(&self, node: &Node, name: &str) -> Option<String> {
        let text = node.first(name)?.text.trim();
        (!text.is_empty()).then(|| text.chars().take(TEXT_CHARS_MAX).collect())
    }

    /// The trimmed text of a child that must be there.
    pub(super) fn required(&mut self, node: &Node, path: &str, name: &str) -> Option<String> {
        let text = self.text(node, name);
        if text.is_none() {
            let line = node.first(name).map_or(node.at(), Node::at);
            let state = if node.first(name).is_some() { "it is empty" } else { "it is missing" };
            self.notes.fault(line, &join(path, name), format!("expected a value; {state}"));
        }
        text
    }

    /// A time; a fault when it must be there and can't be read, an oddity when it may be absent.
    pub(super) fn time(
        &mut self,
        node: &Node,
        path: &str,
        name: &str,
        required: bool,
    ) -> Option<UtcMs> {
        let text = if required { self.required(node, path, name) } else { self.text(node, name) }?;
        let line = node.first(name).and_then(Node::at);
        match time::read(&text, self.zone) {
            Ok(read) => {
                if let (Some(odd), Zone::Needed) = (read.odd, self.zone) {
                    self.notes.oddity(line, &join(path, name), odd);
                }
                Some(read.at)
            }
            Err(what) => {
                // A wrong time of validity could make an old alert sound: it is never skipped.
                self.notes.fault(line, &join(path, name), what);
                None
            }
        }
    }

    /// One of a closed list of words, any case.
    pub(super) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        path: &str,
        name: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.required(node, path, name)?;
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        match found {
            Some((word, value)) => {
                if *word != text {
                    let what = format!("expected `{word}`, got `{text}`; read as the same");
                    self.notes.oddity(node.first(name).and_then(Node::at), &join(path, name), what);
                }
                Some(*value)
            }
            None => {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                let what = format!("expected one of {}; got `{text}`", words.join(", "));
                self.notes.fault(node.first(name).and_then(Node::at), &join(path, name), what);
                None
            }
        }
    }
}

/// `path/name`.
pub(super) fn join(path: &str, name: &str) -> String {
    format!("{path}/{name}")
}

pub(super) const STATUSES: &[(&str, Status)] = &[
    ("Actual", Status::Actual),
    ("Exercise", Status::Exercise),
    ("System", Status::System),
    ("Test", Status::Test),
    ("Draft", Status::Draft),
];

pub(super) const MSG_TYPES: &[(&str, MsgType)] = &[
    ("Alert", MsgType::Alert),
    ("Update", MsgType::Update),
    ("Cancel", MsgType::Cancel),
    ("Ack", MsgType::Ack),
    ("Error", MsgType::Error),
];

const SCOPES: &[(&str, Scope)] =
    &[("Public", Scope::Public), ("Restricted", Scope::Restricted), ("Private", Scope::Private)];

const KNOWN: &[&str] = &[
    "identifier",
    "sender",
    "sent",
    "status",
    "msgType",
    "source",
    "scope",
    "restriction",
    "addresses",
    "code",
    "note",
    "references",
    "incidents",
    "info",
    "Signature",
    "password",
];

/// Reads a CAP alert.
pub(super) fn alert(root: &Node, json: bool, notes: &mut Notes) -> Option<Alert> {
    let form = form(root, json, notes)?;
    let mut reader = Reader { notes, zone: Zone::Needed };
    unknown_elements(root, json, &mut reader);
    let path = "alert";
    let identifier = reader.required(root, path, "identifier");
    let sender = reader.required(root, path, "sender");
    let sent = reader.time(root, path, "sent", true);
    let status = reader.choice(root, path, "status", STATUSES);
    let msg_type = reader.choice(root, path, "msgType", MSG_TYPES);
    let scope = match form {
        // CAP 1.0 has no mandatory scope.
        AlertForm::Cap10 if root.first("scope").is_none() => Some(Scope::Public),
        AlertForm::Cap10
        | AlertForm::Cap11
        | AlertForm::Cap12
        | AlertForm::National12379
        | AlertForm::Json => reader.choice(root, path, "scope", SCOPES),
    };
    let references = references(root, &mut reader);
    let mut infos = Vec::new();
    for (number, node) in root.all("info").enumerate() {
        infos.extend(info(node, &format!("alert/info[{}]", number + 1), &mut reader));
    }
    Some(Alert {
        id: AlertId { sender: sender?, identifier: identifier?, sent: sent? },
        form,
        sender_name: None,
        status: status?,
        msg_type: msg_type?,
        scope: scope?,
        source: reader.text(root, "source"),
        restriction: reader.text(root, "restriction"),
        addresses: reader.text(root, "addresses"),
        codes: texts(root, "code"),
        note: reader.text(root, "note"),
        references,
        incidents: reader.text(root, "incidents"),
        infos,
        oddities: Vec::new(),
    })
}

fn form(root: &Node, json: bool, notes: &mut Notes) -> Option<AlertForm> {
    if json {
        return Some(AlertForm::Json);
    }
    match root.namespace.as_deref() {
        Some("urn:oasis:names:tc:emergency:cap:1.2") => Some(AlertForm::Cap12),
        Some("urn:oasis:names:tc:emergency:cap:1.1") => Some(AlertForm::Cap11),
        Some("http://www.incident.com/cap/1.0") => Some(AlertForm::Cap10),
        Some(other) if other.starts_with("urn:oasis:names:tc:emergency:cap:") => {
            notes.oddity(root.at(), "alert", format!("CAP version `{other}` is read as 1.2"));
            Some(AlertForm::Cap12)
        }
        None | Some("") => {
            notes.oddity(root.at(), "alert", "no namespace; read as CAP 1.2");
            Some(AlertForm::Cap12)
        }
        Some(other) => {
            let what = format!(
                "expected the namespace urn:oasis:names:tc:emergency:cap:1.2, got `{other}`"
            );
            notes.fault(root.at(), "alert", what);
            None
        }
    }
}

fn unknown_elements(root: &Node, json: bool, reader: &mut Reader<'_>) {
    for child in root.children.iter().filter(|child| !KNOWN.contains(&child.name.as_str())) {
        let path = join("alert", &child.name);
        if json {
            reader.notes.fault(None, &path, "no such field in an alert");
        } else {
            reader.notes.oddity(child.at(), &path, "unknown element, ignored");
        }
    }
}

fn references(root: &Node, reader: &mut Reader<'_>) -> Vec<Reference> {
    let Some(text) = reader.text(root, "references") else { return Vec::new() };
    let line = root.first("references").and_then(Node::at);
    let mut found = Vec::new();
    // Names of senders may hold spaces in dirty feeds: a triple ends where its time ends.
    let mut waiting = String::new();
    for piece in text.split_whitespace() {
        if !waiting.is_empty() {
            waiting.push(' ');
        }
        waiting.push_str(piece);
        let parts: Vec<&str> = waiting.split(',').map(str::trim).collect();
        if let [.., sender, identifier, sent] = parts.as_slice()
            && let Ok(read) = time::read(sent, Zone::Beijing)
        {
            found.push(Reference {
                sender: (!sender.is_empty()).then(|| (*sender).to_owned()),
                identifier: (*identifier).to_owned(),
                sent: Some(read.at),
            });
            waiting.clear();
        }
    }
    if !waiting.is_empty() {
        let what = format!("expected `sender,identifier,sent`, got `{waiting}`; used as written");
        reader.notes.oddity(line, "alert/references", what);
        for piece in waiting.split_whitespace() {
            let identifier = piece.split(',').nth(1).unwrap_or(piece).to_owned();
            let sender = piece.split_once(',').map(|(sender, _)| sender.to_owned());
            found.push(Reference { sender, identifier, sent: None });
        }
    }
    found
}

fn info(node: &Node, path: &str, reader: &mut Reader<'_>) -> Option<Info> {
    let headline = reader.text(node, "headline");
    let event = reader.text(node, "event").or_else(|| headline.clone());
    if reader.text(node, "event").is_none() {
        // The event is only words here; a headline says the same.
        match &headline {
            Some(_) => reader.notes.oddity(node.at(), path, "no event; the headline stands for it"),
            None => reader.notes.fault(
                node.at(),
                &join(path, "event"),
                "expected a value; it is missing",
            ),
        }
    }
    let severity = reader.text(node, "severity").unwrap_or_else(|| {
        reader.notes.oddity(node.at(), &join(path, "severity"), "missing; read as Unknown");
        "Unknown".to_owned()
    });
    let areas: Vec<AlertArea> = node
        .all("area")
        .enumerate()
        .map(|(number, area)| self::area(area, &format!("{path}/area[{}]", number + 1), reader))
        .collect();
    let level = level(&severity, headline.as_deref(), node, path, reader);
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "Unknown".to_owned());
    Some(Info {
        language: reader.text(node, "language").unwrap_or_else(|| "en-US".to_owned()),
        categories: texts(node, "category"),
        event: event?,
        event_codes: name_values(node, "eventCode", path, reader),
        response_types: texts(node, "responseType"),
        urgency: or_unknown(reader.text(node, "urgency")),
        level,
        severity,
        certainty: or_unknown(reader.text(node, "certainty")),
        effective: reader.time(node, path, "effective", false),
        onset: reader.time(node, path, "onset", false),
        expires: reader.time(node, path, "expires", false),
        sender_name: reader.text(node, "senderName"),
        headline,
        description: reader.text(node, "description"),
        instruction: reader.text(node, "instruction"),
        speaker_message: None,
        web: reader.text(node, "web"),
        contact: reader.text(node, "contact"),
        parameters: name_values(node, "parameter", path, reader),
        resources: node.all("resource").map(|node| resource(node, reader)).collect(),
        areas,
    })
}

/// CAP severity to level (GB/T 35965.1 practice); a colour in the headline helps when unknown.
pub(super) fn level(
    severity: &str,
    headline: Option<&str>,
    node: &Node,
    path: &str,
    reader: &mut Reader<'_>,
) -> Option<Level> {
    const WORDS: &[(&str, Option<Level>)] = &[
        ("extreme", Some(Level::Red)),
        ("severe", Some(Level::Orange)),
        ("moderate", Some(Level::Yellow)),
        ("minor", Some(Level::Blue)),
        ("red", Some(Level::Red)),
        ("orange", Some(Level::Orange)),
        ("yellow", Some(Level::Yellow)),
        ("blue", Some(Level::Blue)),
        ("unknown", None),
    ];
    let path = join(path, "severity");
    let line = node.first("severity").map_or(node.at(), Node::at);
    let word = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(severity));
    let Some((_, said)) = word else {
        let what =
            format!("expected one of Extreme, Severe, Moderate, Minor, Unknown; got `{severity}`");
        reader.notes.fault(line, &path, what);
        return None;
    };
    let colour = headline.and_then(colour);
    match (said, colour) {
        (None, Some(colour)) => {
            reader.notes.oddity(line, &path, "Unknown; the colour in the headline gives the level");
            Some(colour)
        }
        (Some(said), Some(colour)) if *said != colour => {
            let what =
                format!("`{severity}` and the colour in the headline differ; `{severity}` holds");
            reader.notes.oddity(line, &path, what);
            Some(*said)
        }
        (said, _) => *said,
    }
}

fn colour(headline: &str) -> Option<Level> {
    [("红色", Level::Red), ("橙色", Level::Orange), ("黄色", Level::Yellow), ("蓝色", Level::Blue)]
        .into_iter()
        .find(|(word, _)| headline.contains(word))
        .map(|(_, level)| level)
}

fn area(node: &Node, path: &str, reader: &mut Reader<'_>) -> AlertArea {
    let desc = reader.text(node, "areaDesc").unwrap_or_else(|| {
        reader.notes.oddity(node.at(), &join(path, "areaDesc"), "missing");
        String::new()
    });
    let mut area =
        AlertArea { desc, polygons: Vec::new(), circles: Vec::new(), geocodes: Vec::new() };
    for polygon in node.all("polygon") {
        shape_polygon(polygon, path, &mut area, reader);
    }
    for circle in node.all("circle") {
        match geometry::circle(&circle.text, false) {
            Ok(found) => area.circles.extend(found),
            Err(what) => reader.notes.fault(circle.at(), &join(path, "circle"), what),
        }
    }
    for NameValue { name, value } in name_values(node, "geocode", path, reader) {
        area.geocodes.push(Geocode { name, value });
    }
    area
}

/// Reads one polygon into `area`.
pub(super) fn shape_polygon(
    polygon: &Node,
    path: &str,
    area: &mut AlertArea,
    reader: &mut Reader<'_>,
) {
    match geometry::polygon(&polygon.text) {
        Ok(Some((ring, closed_by_us))) => {
            if closed_by_us {
                let what = "first and last point differ; closed";
                reader.notes.oddity(polygon.at(), &join(path, "polygon"), what);
            }
            area.polygons.push(ring);
        }
        Ok(None) => {}
        Err(what) => reader.notes.fault(polygon.at(), &join(path, "polygon"), what),
    }
}

fn name_values(node: &Node, name: &str, path: &str, reader: &mut Reader<'_>) -> Vec<NameValue> {
    let mut found = Vec::new();
    for child in node.all(name) {
        let value_name = reader.text(child, "valueName");
        match (value_name, reader.text(child, "value")) {
            (Some(value_name), Some(value)) => found.push(NameValue { name: value_name, value }),
            // CAP 1.0 writes `<eventCode>SAME=TOR</eventCode>`.
            (None, None) if child.text.contains('=') => {
                if let Some((name, value)) = child.text.trim().split_once('=') {
                    found.push(NameValue { name: name.to_owned(), value: value.to_owned() });
                }
            }
            (None, Some(value)) => {
                reader.notes.oddity(child.at(), &join(path, name), "valueName is empty");
                found.push(NameValue { name: String::new(), value });
            }
            (Some(_) | None, None) => {
                reader.notes.oddity(child.at(), &join(path, name), "value is empty; dropped");
            }
        }
    }
    found
}

fn resource(node: &Node, reader: &Reader<'_>) -> Resource {
    let embedded = node.first("derefUri").map_or(0, |node| {
        node.text.bytes().filter(|byte| !byte.is_ascii_whitespace()).count() / 4 * 3
    });
    Resource {
        desc: reader.text(node, "resourceDesc").unwrap_or_default(),
        mime_type: reader.text(node, "mimeType"),
        size_bytes: reader.text(node, "size").and_then(|size| size.parse().ok()),
        uri: reader.text(node, "uri"),
        digest: reader.text(node, "digest"),
        embedded_bytes: u64::try_from(embedded).unwrap_or(u64::MAX),
    }
}

fn texts(node: &Node, name: &str) -> Vec<String> {
    node.all(name)
        .map(|child| child.text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect()
}
