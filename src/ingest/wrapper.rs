//! Documents that are not an alert but may hold one: feeds, EDXL distributions, web service
//! envelopes; and schemas, which never do.

use super::notes::Notes;
use super::xml::Node;

/// The one alert inside a wrapper. Anything else is a fault that says what the document is and what
/// to send instead: an alert of several must not be picked by chance.
pub(super) fn only_alert<'a>(root: &'a Node, notes: &mut Notes) -> Option<&'a Node> {
    let line = root.at();
    let name = root.name.as_str();
    let mut inside = Vec::new();
    root.find_all("alert", &mut inside);
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
            Some(alert)
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
