//! References in XML: the five letters and the numbers that XML knows, and those of HTML that editors of alerts
//! leave in their words.

use quick_xml::events::BytesRef;

/// Entities of HTML. None of them can change what is meant.
const HTML: [(&str, char); 14] = [
    ("nbsp", ' '),
    ("ensp", ' '),
    ("emsp", ' '),
    ("middot", '·'),
    ("deg", '°'),
    ("hellip", '…'),
    ("mdash", '—'),
    ("ndash", '–'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("times", '×'),
    ("plusmn", '±'),
];

/// The letter of an entity of HTML.
pub(super) fn html_letter(name: &str) -> Option<char> {
    HTML.iter().find(|(known, _)| *known == name).map(|(_, letter)| *letter)
}

/// The letter of a reference that XML knows without a declaration.
pub(super) fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(letter)) = reference.resolve_char_ref() {
        return Some(letter);
    }
    let name: &str = reference.as_ref();
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}
