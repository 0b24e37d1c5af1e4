//! Documents that are not an alert but may hold one: feeds, EDXL distributions, web service
//! envelopes; and schemas, which never do.

use super::notes::Notes;
use super::xml::{self, Node};
use super::{cap, national12379};

/// The one alert inside a wrapper. Anything else is a fault that says what the document is and what
/// to send instead: an alert of several must not be picked by chance.
pub(super) fn only_alert(root: &Node, notes: &mut Notes) -> Option<Node> {
    let line = root.at();
    let name = root.name.as_str();
    let mut inside = Vec::new();
    root.find_all("alert", &mut inside);
    if inside.is_empty() && name != "schema" {
        match written(root).as_slice() {
            [] => {}
            [text] => return written_alert(name, text, notes),
            several => {
                let n_alerts = several.len();
                let what = format!(
                    "expected one alert, got `{name}` with {n_alerts} of them written as text; \
                     send each by itself"
                );
                notes.fault(line, name, what);
                return None;
            }
        }
    }
    let n_entries = root.count("entry") + root.count("item");
    match (inside.as_slice(), name) {
        (_, "schema") => {
            let what = "expected an alert, got an XML schema; send an alert that follows it";
            notes.fault(line, name, what);
            None
        }
        ([alert], _) if n_entries <= 1 => {
            let what = format!("one alert stands inside `{name}`; it was taken out");
            notes.oddity(line, name, what);
            Some(at_home((*alert).clone()))
        }
        (alerts, "feed" | "rss" | "RDF" | "channel") => {
            let n_alerts = alerts.len();
            let what = format!(
                "expected one alert, got a feed with {n_entries} entries or links and {n_alerts} \
                 whole alerts; send each CAP alert by itself"
            );
            notes.fault(line, name, what);
            None
        }
        ([], "html") => {
            notes.fault(line, name, "expected an alert, got a web page");
            None
        }
        ([], _) => {
            let what = format!("expected the root element `alert`, got `{name}` without any alert");
            notes.fault(line, name, what);
            None
        }
        (alerts, _) => {
            let n_alerts = alerts.len();
            let what = format!(
                "expected one alert, got `{name}` with {n_alerts} alerts; send each by itself"
            );
            notes.fault(line, name, what);
            None
        }
    }
}

/// An alert without a namespace of its own takes that of the wrapper: it means none.
fn at_home(mut alert: Node) -> Node {
    let namespace = alert.namespace.clone();
    let own = cap::is_cap_namespace(&namespace)
        || national12379::is_national_namespace(&namespace)
        || alert.has_own_namespace;
    if !own {
        forget(&mut alert, &namespace);
    }
    alert
}

fn forget(node: &mut Node, namespace: &str) {
    if node.namespace == namespace {
        node.namespace.clear();
    }
    node.children.iter_mut().for_each(|child| forget(child, namespace));
}

/// Elements whose text is itself a document with an alert, as web services send it, in CDATA or
/// with `&lt;`.
fn written(root: &Node) -> Vec<&Node> {
    let text = root.text.trim_start();
    let is_document = text.starts_with('<') && text.contains("alert");
    let mut found: Vec<&Node> = is_document.then_some(root).into_iter().collect();
    found.extend(root.children.iter().flat_map(written));
    found
}

/// Reads an alert that is written as text inside `name`. Once: what is written in that again is no
/// alert any more.
fn written_alert(name: &str, holder: &Node, notes: &mut Notes) -> Option<Node> {
    let line = holder.at();
    let what = "an alert is written as text inside; read, its lines are counted from its beginning";
    notes.oddity(line, &holder.name, what);
    let root = xml::tree(holder.text.trim(), notes)?;
    if root.name == "alert" {
        return Some(root);
    }
    let mut inside = Vec::new();
    root.find_all("alert", &mut inside);
    if let [alert] = inside.as_slice() {
        return Some(at_home((*alert).clone()));
    }
    let n_alerts = inside.len();
    let what = format!("expected one alert written inside `{name}`, got {n_alerts}");
    notes.fault(line, &holder.name, what);
    None
}
