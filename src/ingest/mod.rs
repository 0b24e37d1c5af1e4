//! Bytes from outside become an `Alert` or a `Rejection` that lists every fault. Pure.

mod cap;
mod encoding;
mod geometry;
mod json;
mod national12379;
mod notes;
mod report;
mod time;
mod xml;

pub use report::report;

use crate::model::{Alert, Rejection};
use notes::Notes;
use xml::Node;

/// Longest message in bytes; CAP with embedded audio stays below it.
pub const RAW_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reads CAP 1.0 to 1.2, the national 12379 form, or our JSON form. `hint` is a content type or a
/// file name; the content itself decides.
///
/// # Errors
/// A [`Rejection`] that lists every fault.
pub fn read(bytes: &[u8], hint: Option<&str>) -> Result<Alert, Rejection> {
    let mut notes = Notes::default();
    if bytes.len() > RAW_BYTES_MAX {
        let got = bytes.len();
        notes.too_large(format!("expected at most {RAW_BYTES_MAX} bytes, got {got}"));
        return Err(notes.into_rejection());
    }
    let text = encoding::decode(bytes, &mut notes);
    let Some(text) = text else { return Err(notes.into_rejection()) };
    let body = text.trim_start();
    if body.is_empty() {
        notes.fault(None, "", "expected an alert, got nothing");
        return Err(notes.into_rejection());
    }
    let looks_json = body.starts_with('{') || hint.is_some_and(|hint| hint.contains("json"));
    let root =
        if looks_json { json::tree(&text, &mut notes) } else { xml::tree(&text, &mut notes) };
    let Some(root) = root else { return Err(notes.into_rejection()) };
    let alert =
        if looks_json { cap::alert(&root, true, &mut notes) } else { by_root(&root, &mut notes) };
    match alert {
        Some(mut alert) if !notes.has_faults() => {
            alert.oddities = notes.into_oddities();
            Ok(alert)
        }
        _ => Err(notes.into_rejection()),
    }
}

/// Chooses the reader by the root element.
fn by_root(root: &Node, notes: &mut Notes) -> Option<Alert> {
    let line = Some(root.line);
    match root.name.as_str() {
        "alert" if national12379::is_national(root) => national12379::alert(root, notes),
        "alert" => cap::alert(root, false, notes),
        "feed" | "rss" | "RDF" | "EDXLDistribution" => {
            let mut inside = Vec::new();
            root.find_all("alert", &mut inside);
            if let [alert] = inside.as_slice() {
                notes.oddity(line, &root.name, "the one alert inside this wrapper was taken out");
                return cap::alert(alert, false, notes);
            }
            let n = root.count("entry") + root.count("item");
            let what = format!(
                "this is a feed or wrapper with {n} entries and {} alerts inside, not one alert; \
                 send each CAP alert by itself",
                inside.len()
            );
            notes.fault(line, &root.name, what);
            None
        }
        "schema" => {
            notes.fault(line, "schema", "this is an XML schema, not an alert");
            None
        }
        other => {
            let what = format!("expected the root element `alert`, got `{other}`");
            notes.fault(line, other, what);
            None
        }
    }
}
