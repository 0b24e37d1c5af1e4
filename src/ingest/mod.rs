//! Bytes from outside become an [`Alert`] or a [`Rejection`] that lists every fault. Pure: no
//! network, no clock, no files, whatever the bytes say.
//!
//! ```text
//! bytes ─encoding─▶ text ─xml | json─▶ tree ─cap | national12379─▶ Alert | Rejection
//! ```
//!
//! A *fault* is what leaves open what the sender meant, or could make an alert sound at the wrong
//! time, place or level. An *oddity* is what is untidy but clear; it is tolerated and kept with the
//! alert for people to see.

mod block;
mod cap;
pub mod ebd;
mod eew;
mod encoding;
mod entities;
mod feed;
mod fields;
mod geometry;
mod json;
mod letters;
mod level;
mod national12379;
mod notes;
mod octets;
pub mod readings;
mod references;
mod report;
mod signature;
pub mod sl651;
pub mod stream;
pub mod szy206;
mod time;
mod urgency;
mod wrapper;
mod xml;

pub use eew::is_heartbeat;
pub use feed::{FEED_ENTRIES_MAX, Feed, FeedContent, FeedEntry, feed};
pub use report::{Chinese, Problem, problem, report, said};
pub use signature::{SignatureState, VerifyingKey, signature};
pub use urgency::looks_urgent;

use crate::model::{Alert, AlertForm, Rejection};
use notes::{Notes, quoted};
use xml::Node;

/// Longest message in bytes; CAP with embedded audio stays below it. What is longer is rejected
/// unread.
pub const RAW_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reads CAP 1.0 to 1.2, the national 12379 form, a package of a broadcast platform, or our JSON form. The content decides which;
/// `hint`, a content type or a file name, only helps with the encoding and with checks.
///
/// # Errors
/// A [`Rejection`] that lists every fault, never empty.
pub fn read(bytes: &[u8], hint: Option<&str>) -> Result<Alert, Rejection> {
    let mut notes = Notes::default();
    let alert = by_content(bytes, hint, &mut notes);
    match alert {
        Some(mut alert) if !notes.has_faults() => {
            alert.oddities = notes.into_oddities();
            Ok(alert)
        }
        _ => Err(notes.into_rejection()),
    }
}

fn by_content(bytes: &[u8], hint: Option<&str>, notes: &mut Notes) -> Option<Alert> {
    if bytes.len() > RAW_BYTES_MAX {
        let got = bytes.len();
        notes.too_large(None, "", format!("expected at most {RAW_BYTES_MAX} bytes, got {got}"));
        return None;
    }
    if ebd::is_package(bytes) {
        return ebd::unchecked_alert(bytes, notes);
    }
    if let Some(what) = not_text(bytes) {
        notes.fault(None, "", format!("expected an alert in XML or JSON, got {what}"));
        return None;
    }
    let text = encoding::decode(bytes, hint, notes)?;
    let text = text.trim_start_matches('\u{FEFF}');
    // Programs that send fixed blocks fill the last one up.
    let filled = text.trim_end_matches('\0');
    if filled.len() < text.len() && !filled.is_empty() {
        notes.oddity(None, "", "NUL characters stand behind the message; left out");
    }
    let text = filled;
    let body = text.trim_start();
    if is_web_page(body) {
        notes.fault(Some(1), "html", "expected an alert, got a web page");
        return None;
    }
    match body.chars().next() {
        None => {
            notes.fault(None, "", "expected an alert in XML or JSON, got nothing");
            None
        }
        Some('{' | '[') if eew::is_report(body) => eew::alert(body, notes),
        Some('{' | '[') => {
            let root = json::tree(body, notes)?;
            cap::alert(&root, Some(AlertForm::Json), notes)
        }
        Some('<') => {
            if body.len() < text.len() && body.starts_with("<?xml") {
                let what = "white space stands before the XML declaration; skipped";
                notes.oddity(Some(1), "", what);
            }
            // Lines are counted from the first line of the message, skipped ones included.
            let mut root = xml::tree(text, notes)?;
            letters::usual(&mut root, notes);
            by_root(&root, hint, notes)
        }
        Some(_) => {
            let got = quoted(body.trim_end());
            notes.fault(Some(1), "", format!("expected an alert in XML or JSON, got {got}"));
            None
        }
    }
}

/// Files of other kinds that land in an inbox, by their first bytes.
fn not_text(bytes: &[u8]) -> Option<&'static str> {
    const KINDS: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "a ZIP archive (or office document); unpack it and send the XML inside"),
        (b"\x1F\x8B", "a gzip file; unpack it and send the XML inside"),
        (b"%PDF", "a PDF document"),
        (b"Rar!", "a RAR archive; unpack it and send the XML inside"),
        (b"\xD0\xCF\x11\xE0", "an office document"),
        (b"\x89PNG", "a picture"),
        (b"\xFF\xD8\xFF", "a picture"),
        (b"RIFF", "a sound file"),
        (b"ID3", "a sound file"),
    ];
    KINDS.iter().find(|(mark, _)| bytes.starts_with(mark)).map(|(_, what)| *what)
}

/// What gateways and log-in pages answer in place of an alert.
fn is_web_page(body: &str) -> bool {
    let head: String = body.chars().take(15).collect::<String>().to_ascii_lowercase();
    head.starts_with("<!doctype html") || head.starts_with("<html")
}

/// Chooses the reader by the root element.
fn by_root(root: &Node, hint: Option<&str>, notes: &mut Notes) -> Option<Alert> {
    match root.name.as_str() {
        "alert" if national12379::is_national(root) => national12379::alert(root, hint, notes),
        "alert" => cap::alert(root, None, notes),
        _ => {
            let inside = wrapper::only_alert(root, notes)?;
            if national12379::is_national(&inside) {
                return national12379::alert(&inside, hint, notes);
            }
            cap::alert(&inside, None, notes)
        }
    }
}
