//! The `info` block of CAP with its resources and areas (OASIS CAP-v1.2, clauses 3.2.2 to 3.2.4).

use super::fields::{Fields, Place, texts};
use super::geometry::{self, Wrong};
use super::level::{self, Words};
use super::xml::Node;
use crate::model::{AlertArea, Geocode, Info, NameValue, Resource, UtcMs};

const CATEGORIES: &[&str] = &[
    "Geo",
    "Met",
    "Safety",
    "Security",
    "Rescue",
    "Fire",
    "Health",
    "Env",
    "Transport",
    "Infra",
    "CBRNE",
    "Other",
];
const RESPONSE_TYPES: &[&str] = &[
    "Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None",
];
const URGENCIES: &[&str] = &["Immediate", "Expected", "Future", "Past", "Unknown"];
const CERTAINTIES: &[&str] = &["Observed", "Likely", "Possible", "Unlikely", "Unknown"];

const KNOWN: &[&str] = &[
    "language",
    "category",
    "event",
    "responseType",
    "urgency",
    "severity",
    "certainty",
    "audience",
    "eventCode",
    "effective",
    "onset",
    "expires",
    "senderName",
    "headline",
    "description",
    "instruction",
    "web",
    "contact",
    "parameter",
    "resource",
    "area",
];
const KNOWN_AREA: &[&str] = &["areaDesc", "polygon", "circle", "geocode", "altitude", "ceiling"];

/// Reads an `info` block.
pub(super) fn info(
    fields: &mut Fields<'_>,
    place: Place<'_>,
    words: Words,
    sent: Option<UtcMs>,
) -> Info {
    let node = place.node;
    fields.unknown(place, KNOWN);
    let headline = fields.text(place, "headline");
    let event = event(fields, place, headline.as_deref());
    let (severity, level) = level::read(fields, place, words, headline.as_deref());
    let categories = fields.words(place, "category", CATEGORIES);
    if categories.is_empty() {
        fields.notes.oddity(None, &place.child("category"), "it is missing");
    }
    let mut areas = Vec::new();
    for (number, node) in node.all("area").enumerate() {
        let path = format!("{}/area[{}]", place.path, number + 1);
        areas.push(area(fields, Place { node, path: &path }));
    }
    let resources = node.all("resource").enumerate().map(|(number, node)| {
        let path = format!("{}/resource[{}]", place.path, number + 1);
        resource(fields, Place { node, path: &path })
    });
    let resources = resources.collect();
    let (effective, onset, expires) = times(fields, place, sent);
    Info {
        language: fields.text(place, "language").unwrap_or_else(|| "en-US".to_owned()),
        categories,
        event,
        event_codes: name_values(fields, place, "eventCode"),
        response_types: fields.words(place, "responseType", RESPONSE_TYPES),
        urgency: fields.loose(place, "urgency", URGENCIES),
        severity,
        level,
        certainty: fields.loose(place, "certainty", CERTAINTIES),
        effective,
        onset,
        expires,
        sender_name: fields.text(place, "senderName"),
        headline,
        description: fields.text(place, "description"),
        instruction: fields.text(place, "instruction"),
        speaker_message: None,
        web: fields.text(place, "web"),
        contact: fields.text(place, "contact"),
        parameters: name_values(fields, place, "parameter"),
        resources,
        areas,
    }
}

/// `event`; a headline says the same, so it may stand in.
fn event(fields: &mut Fields<'_>, place: Place<'_>, headline: Option<&str>) -> String {
    match (fields.text(place, "event"), headline) {
        (Some(event), _) => event,
        (None, Some(headline)) => {
            let what = "it is missing or empty; the headline stands in";
            fields.notes.oddity(place.line("event"), &place.child("event"), what);
            headline.to_owned()
        }
        (None, None) => {
            fields.absent(place, "event", "a name of the event");
            String::new()
        }
    }
}

/// `effective`, `onset` and `expires`, and whether they make sense together.
pub(super) fn times(
    fields: &mut Fields<'_>,
    place: Place<'_>,
    sent: Option<UtcMs>,
) -> (Option<UtcMs>, Option<UtcMs>, Option<UtcMs>) {
    let effective = fields.time(place, "effective");
    let onset = fields.time(place, "onset");
    let expires = fields.time(place, "expires");
    let begins = effective.or(sent);
    if let (Some(begins), Some(ends)) = (begins, expires)
        && ends <= begins
    {
        let what = "it ends before or when it begins; as written it never sounds";
        fields.notes.oddity(place.line("expires"), &place.child("expires"), what);
    }
    (effective, onset, expires)
}

/// Reads an `area`.
fn area(fields: &mut Fields<'_>, place: Place<'_>) -> AlertArea {
    fields.unknown(place, KNOWN_AREA);
    let desc = fields.text(place, "areaDesc").unwrap_or_else(|| {
        let what = "it is missing or empty";
        fields.notes.oddity(place.line("areaDesc"), &place.child("areaDesc"), what);
        String::new()
    });
    let mut area =
        AlertArea { desc, polygons: Vec::new(), circles: Vec::new(), geocodes: Vec::new() };
    polygons(fields, place, &mut area);
    circles(fields, place, false, &mut area);
    for NameValue { name, value } in name_values(fields, place, "geocode") {
        area.geocodes.push(Geocode { name, value });
    }
    area
}

/// Reads the polygons of an area; open ones are closed.
fn polygons(fields: &mut Fields<'_>, place: Place<'_>, area: &mut AlertArea) {
    for (number, node) in place.node.all("polygon").enumerate() {
        let path = format!("{}/polygon[{}]", place.path, number + 1);
        match geometry::polygon(&node.text) {
            Ok(Some(ring)) => {
                if ring.was_open {
                    let what = "first and last point differ; closed";
                    fields.notes.oddity(node.at(), &path, what);
                }
                for odd in ring.odd {
                    fields.notes.oddity(node.at(), &path, odd);
                }
                area.polygons.push(ring.points);
            }
            Ok(None) => fields.notes.oddity(node.at(), &path, "it is empty; ignored"),
            Err(wrong) => shape_fault(fields, node, &path, wrong),
        }
    }
}

/// Notes an unreadable shape.
pub(super) fn shape_fault(fields: &mut Fields<'_>, node: &Node, path: &str, wrong: Wrong) {
    match wrong {
        Wrong::TooLarge(what) => fields.notes.too_large(node.at(), path, what),
        Wrong::Unreadable(what) => fields.notes.fault(node.at(), path, what),
    }
}

/// Reads the circles of an area.
pub(super) fn circles(
    fields: &mut Fields<'_>,
    place: Place<'_>,
    in_metres: bool,
    area: &mut AlertArea,
) {
    for (number, node) in place.node.all("circle").enumerate() {
        let path = format!("{}/circle[{}]", place.path, number + 1);
        match geometry::circle(&node.text, in_metres) {
            Ok(Some(round)) => {
                for odd in round.odd {
                    fields.notes.oddity(node.at(), &path, odd);
                }
                area.circles.push(round.circle);
            }
            // The national form leaves them empty as a rule.
            Ok(None) if in_metres => {}
            Ok(None) => fields.notes.oddity(node.at(), &path, "it is empty; ignored"),
            Err(wrong) => shape_fault(fields, node, &path, wrong),
        }
    }
}

/// Reads `valueName` and `value` pairs. CAP 1.0 writes `<eventCode>SAME=TOR</eventCode>`. A pair
/// with an empty half says nothing and is dropped.
fn name_values(fields: &mut Fields<'_>, place: Place<'_>, name: &str) -> Vec<NameValue> {
    let mut found = Vec::new();
    for (number, node) in place.node.all(name).enumerate() {
        let path = format!("{}/{name}[{}]", place.path, number + 1);
        let first = |name| texts(node, name).into_iter().next();
        let (value_name, value) = (first("valueName"), first("value"));
        // Some writers put several pairs into one element.
        let n_pairs = texts(node, "valueName").len();
        if n_pairs > 1 && n_pairs == texts(node, "value").len() {
            let pairs = texts(node, "valueName").into_iter().zip(texts(node, "value"));
            found.extend(pairs.map(|(name, value)| NameValue { name, value }));
            fields.notes.oddity(node.at(), &path, "one pair expected; got several, all are read");
            continue;
        }
        match (value_name, value, node.text.trim().split_once('=')) {
            (Some(name), Some(value), _) => found.push(NameValue { name, value }),
            (None, None, Some((name, value))) if !name.is_empty() && !value.is_empty() => {
                found.push(NameValue { name: name.to_owned(), value: value.to_owned() });
            }
            (Some(_), None, _) => {
                fields.notes.oddity(node.at(), &path, "value is empty; dropped");
            }
            (None, ..) => fields.notes.oddity(node.at(), &path, "valueName is empty; dropped"),
        }
    }
    found
}

/// Reads a `resource`; of an embedded file only its length is kept.
fn resource(fields: &mut Fields<'_>, place: Place<'_>) -> Resource {
    // Four characters of base64 stand for three bytes.
    let embedded = place.node.first("derefUri").map_or(0, |node| node.embedded_chars / 4 * 3);
    let size = fields.text(place, "size");
    let size_bytes = size.as_deref().and_then(size_bytes);
    if size.is_some() && size_bytes.is_none() {
        let what = "a number of bytes expected; ignored";
        fields.notes.oddity(place.line("size"), &place.child("size"), what);
    }
    Resource {
        desc: fields.text(place, "resourceDesc").unwrap_or_default(),
        mime_type: fields.text(place, "mimeType"),
        size_bytes,
        uri: fields.text(place, "uri"),
        digest: fields.text(place, "digest"),
        embedded_bytes: u64::try_from(embedded).unwrap_or(u64::MAX),
    }
}

/// A size in bytes; the national form also writes `84k`.
pub(super) fn size_bytes(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits_end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at_checked(digits_end)?;
    let factor: u64 = match unit.trim() {
        "" | "b" | "byte" | "bytes" => 1,
        "k" | "kb" | "kib" => 1024,
        "m" | "mb" | "mib" => 1024 * 1024,
        _ => return None,
    };
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let tenths = tenths.get(..1)?.parse::<u64>().ok()? * factor / 10;
    whole.checked_add(tenths)
}

#[cfg(test)]
mod tests {
    use super::size_bytes;

    #[test]
    fn sizes_of_attachments() {
        for (text, expect) in [
            ("17437", Some(17_437)),
            ("84k", Some(86_016)),
            ("84 KB", Some(86_016)),
            ("1.5M", Some(1_572_864)),
            ("0", Some(0)),
            ("-1", None),
            ("big", None),
            ("", None),
            ("99999999999999999999", None),
            ("18446744073709551615k", None),
        ] {
            assert_eq!(size_bytes(text), expect, "{text}");
        }
    }
}
