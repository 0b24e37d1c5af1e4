//! Element names in other letters than the form's: `<msgtype>` or `<MSGTYPE>` can only mean `msgType`.

use super::notes::Notes;
use super::xml::Node;

/// Names of CAP and of the national form that a reader asks for.
const NAMES: [&str; 52] = [
    "alert",
    "identifier",
    "sender",
    "senderCode",
    "phone",
    "sent",
    "sendTime",
    "status",
    "msgType",
    "source",
    "scope",
    "restriction",
    "addresses",
    "code",
    "method",
    "methodName",
    "message",
    "secClassification",
    "note",
    "references",
    "incidents",
    "info",
    "language",
    "category",
    "event",
    "eventType",
    "responseType",
    "urgency",
    "severity",
    "certainty",
    "audience",
    "eventCode",
    "valueName",
    "value",
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
    "resourceDesc",
    "mimeType",
    "area",
    "areaDesc",
    "polygon",
    "circle",
    "geocode",
];

/// Gives the elements of an alert the names that readers ask for. Nothing is done below a root element that is
/// no alert in any letters.
pub(super) fn usual(root: &mut Node, notes: &mut Notes) {
    if !root.name.eq_ignore_ascii_case("alert") {
        return;
    }
    let namespace = root.namespace.clone();
    let mut first = None;
    rename(root, &namespace, &mut first);
    if let Some((line, written, name)) = first {
        let what =
            format!("`{name}` is written `{written}`; element names are read in any letters");
        notes.oddity(line, name, what);
    }
}

/// The first element that was renamed: its line, what was written, its name.
type First = Option<(Option<u32>, String, &'static str)>;

fn rename(node: &mut Node, namespace: &str, first: &mut First) {
    let known = NAMES.iter().copied().find(|name| node.name.eq_ignore_ascii_case(name));
    if let Some(name) = known
        && node.name != name
        && node.namespace == namespace
    {
        let line = node.at();
        let written = core::mem::replace(&mut node.name, name.to_owned());
        first.get_or_insert((line, written, name));
    }
    // The tree is at most as deep as its reader allows.
    for child in &mut node.children {
        rename(child, namespace, first);
    }
}
