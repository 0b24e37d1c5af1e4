//! Our JSON form of `POST /api/v1/alerts`, for departments that have no CAP: one object with the
//! element names of CAP 1.2. What may repeat is a list or a single value. Unknown fields are
//! faults: a misspelt `expires` must not be lost.
//!
//! ```json
//! {
//!   "identifier": "430621-20260601-001",
//!   "sender": "yueyang-county-water-bureau",
//!   "sent": "2026-06-01T08:00:00+08:00",
//!   "status": "Actual",
//!   "msgType": "Alert",
//!   "scope": "Public",
//!   "references": "sender,identifier,2026-06-01T07:00:00+08:00",
//!   "info": [{
//!     "language": "zh-CN",
//!     "category": ["Met"],
//!     "event": "山洪",
//!     "eventCode": [{"valueName": "eventType", "value": "11A51"}],
//!     "urgency": "Immediate",
//!     "severity": "Severe",
//!     "certainty": "Likely",
//!     "expires": "2026-06-01T14:00:00+08:00",
//!     "headline": "岳阳县水利局发布山洪橙色预警",
//!     "description": "…",
//!     "area": [{
//!       "areaDesc": "公田镇",
//!       "geocode": ["430621102000"],
//!       "polygon": ["29.1,113.1 29.2,113.1 29.2,113.2 29.1,113.1"],
//!       "circle": ["29.1,113.1 5"]
//!     }]
//!   }]
//! }
//! ```
//!
//! It differs from CAP in four friendly ways: `scope` may be left out (Public), `severity` may be
//! Red, Orange, Yellow or Blue, `geocode` may be a plain area code, and `category`, `urgency` and
//! `certainty` may be left out. It becomes the same tree as XML, so every rule of CAP holds.

use super::notes::{Notes, quoted};
use super::xml::Node;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// Deepest nesting; the form needs six.
const DEPTH_MAX: usize = 16;
/// Values of one message.
const VALUES_MAX: usize = 200_000;
/// Name of a geocode that is given as a plain code.
const GEOCODE_NAME: &str = "area_code";

/// What a field holds.
#[derive(Clone, Copy)]
enum Kind {
    /// One text.
    Text,
    /// A text or a list of texts.
    Texts,
    /// An object or a list of objects with these fields.
    Objects(&'static [(&'static str, Kind)]),
    /// As `Objects`, or plain area codes.
    Geocodes,
}

const PAIR: &[(&str, Kind)] = &[("valueName", Kind::Text), ("value", Kind::Text)];
const RESOURCE: &[(&str, Kind)] = &[
    ("resourceDesc", Kind::Text),
    ("mimeType", Kind::Text),
    ("size", Kind::Text),
    ("uri", Kind::Text),
    ("digest", Kind::Text),
];
const AREA: &[(&str, Kind)] = &[
    ("areaDesc", Kind::Text),
    ("polygon", Kind::Texts),
    ("circle", Kind::Texts),
    ("geocode", Kind::Geocodes),
    ("altitude", Kind::Text),
    ("ceiling", Kind::Text),
];
const INFO: &[(&str, Kind)] = &[
    ("language", Kind::Text),
    ("category", Kind::Texts),
    ("event", Kind::Text),
    ("responseType", Kind::Texts),
    ("urgency", Kind::Text),
    ("severity", Kind::Text),
    ("certainty", Kind::Text),
    ("audience", Kind::Text),
    ("eventCode", Kind::Objects(PAIR)),
    ("effective", Kind::Text),
    ("onset", Kind::Text),
    ("expires", Kind::Text),
    ("senderName", Kind::Text),
    ("headline", Kind::Text),
    ("description", Kind::Text),
    ("instruction", Kind::Text),
    ("web", Kind::Text),
    ("contact", Kind::Text),
    ("parameter", Kind::Objects(PAIR)),
    ("resource", Kind::Objects(RESOURCE)),
    ("area", Kind::Objects(AREA)),
];
const ALERT: &[(&str, Kind)] = &[
    ("identifier", Kind::Text),
    ("sender", Kind::Text),
    ("sent", Kind::Text),
    ("status", Kind::Text),
    ("msgType", Kind::Text),
    ("source", Kind::Text),
    ("scope", Kind::Text),
    ("restriction", Kind::Text),
    ("addresses", Kind::Text),
    ("code", Kind::Texts),
    ("note", Kind::Text),
    ("references", Kind::Text),
    ("incidents", Kind::Text),
    ("info", Kind::Objects(INFO)),
];

/// A JSON value that keeps the order and the repetition of its keys.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Text(String),
    Number(String),
    Flag,
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// Parses a JSON alert into a tree named `alert`; `None` = not even an object.
pub(super) fn tree(text: &str, notes: &mut Notes) -> Option<Node> {
    if depth(text) > DEPTH_MAX {
        notes.too_large(None, "", format!("expected at most {DEPTH_MAX} levels of nesting"));
        return None;
    }
    let left = Cell::new(VALUES_MAX);
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Seed(&left).deserialize(&mut reader).and_then(|value| {
        reader.end()?;
        Ok(value)
    });
    match value {
        Ok(Value::Object(entries)) => Some(object("alert", &entries, "alert", ALERT, notes)),
        Ok(other) => {
            let what = format!("expected one JSON object, got {}", kind_of(&other));
            notes.fault(None, "", what);
            None
        }
        Err(_) if left.get() == 0 => {
            notes.too_large(None, "", format!("expected at most {VALUES_MAX} values"));
            None
        }
        Err(fault) => {
            let line = u32::try_from(fault.line()).ok().filter(|line| *line > 0);
            notes.fault(line, "", format!("expected JSON, got an error: {fault}"));
            None
        }
    }
}

/// Deepest nesting of brackets outside of texts.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn object(
    name: &str,
    entries: &[(String, Value)],
    path: &str,
    fields: &[(&str, Kind)],
    notes: &mut Notes,
) -> Node {
    let mut node = Node { name: name.to_owned(), ..Node::default() };
    for (at, (key, value)) in entries.iter().enumerate() {
        let path = format!("{path}/{key}");
        if entries.iter().take(at).any(|(before, _)| before == key) {
            notes.fault(None, &path, "expected each field once, got it again");
        } else if let Some((_, kind)) = fields.iter().find(|(known, _)| known == key) {
            field(key, value, &path, *kind, &mut node, notes);
        } else {
            let known = fields.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
            notes.fault(None, &path, format!("expected one of {known}; got {}", quoted(key)));
        }
        if notes.is_full() {
            break;
        }
    }
    node
}

fn field(key: &str, value: &Value, path: &str, kind: Kind, node: &mut Node, notes: &mut Notes) {
    let items = match (value, kind) {
        (Value::List(items), Kind::Texts | Kind::Objects(_) | Kind::Geocodes) => items.as_slice(),
        (single, _) => std::slice::from_ref(single),
    };
    for (number, item) in items.iter().enumerate() {
        let path = match kind {
            Kind::Text => path.to_owned(),
            Kind::Texts | Kind::Objects(_) | Kind::Geocodes => format!("{path}[{}]", number + 1),
        };
        let child = match (item, kind) {
            (Value::Null, _) => continue,
            (Value::Text(text) | Value::Number(text), Kind::Text | Kind::Texts) => {
                Node { name: key.to_owned(), text: text.clone(), ..Node::default() }
            }
            (Value::Text(code) | Value::Number(code), Kind::Geocodes) => geocode(key, code),
            (Value::Object(entries), Kind::Objects(fields)) => {
                object(key, entries, &path, fields, notes)
            }
            (Value::Object(entries), Kind::Geocodes) => object(key, entries, &path, PAIR, notes),
            (other, _) => {
                let expected = match kind {
                    Kind::Text => "a text",
                    Kind::Texts => "a text or a list of texts",
                    Kind::Objects(_) => "an object or a list of objects",
                    Kind::Geocodes => "area codes or objects with valueName and value",
                };
                let what = format!("expected {expected}, got {}", kind_of(other));
                notes.fault(None, &path, what);
                continue;
            }
        };
        node.children.push(child);
    }
}

fn geocode(key: &str, code: &str) -> Node {
    let leaf = |name: &str, text: &str| Node {
        name: name.to_owned(),
        text: text.to_owned(),
        ..Node::default()
    };
    let children = vec![leaf("valueName", GEOCODE_NAME), leaf("value", code)];
    Node { name: key.to_owned(), children, ..Node::default() }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Text(_) => "a text",
        Value::Number(_) => "a number",
        Value::Flag => "true or false",
        Value::List(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Builds a [`Value`], counting down the values that are left.
struct Seed<'c>(&'c Cell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl Seed<'_> {
    fn take_one<E: serde::de::Error>(&self) -> Result<(), E> {
        let left = self.0.get().checked_sub(1).ok_or_else(|| E::custom("too many values"))?;
        self.0.set(left);
        Ok(())
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, _flag: bool) -> Result<Value, E> {
        Ok(Value::Flag)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Seed(self.0))? {
            self.take_one()?;
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.take_one()?;
            object.push((key, entries.next_value_seed(Seed(self.0))?));
        }
        Ok(Value::Object(object))
    }
}
