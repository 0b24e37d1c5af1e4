//! `references`: CAP's triples `sender,identifier,sent` (CAP 1.2 §3.2.1), and what feeds make of
//! them.

use super::fields::{Fields, Place};
use super::notes::quoted;
use super::time::{self, Zone};
use crate::model::{Reference, UtcMs};

/// References of one alert.
const REFERENCES_MAX: usize = 1_000;

/// Reads CAP triples. Senders with spaces or commas in their names are put together again; what is
/// no triple is kept as a bare identifier with an oddity.
pub(super) fn triples(fields: &mut Fields<'_>, place: Place<'_>) -> Vec<Reference> {
    let Some(text) = fields.text(place, "references") else { return Vec::new() };
    let (path, line) = (place.child("references"), place.line("references"));
    let mut found = Vec::new();
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split(',') {
        let Some((sent, rest)) = leading_time(part) else {
            parts.push(part.trim());
            continue;
        };
        match parts.as_slice() {
            [sender @ .., identifier] if !identifier.is_empty() => {
                let sender = sender.join(",");
                found.push(Reference {
                    sender: (!sender.is_empty()).then_some(sender),
                    identifier: (*identifier).to_owned(),
                    sent: Some(sent),
                });
            }
            _ => odd(fields, line, &path, part),
        }
        parts.clear();
        if !rest.is_empty() {
            parts.push(rest);
        }
    }
    parts.retain(|part| !part.is_empty());
    match parts.as_slice() {
        [] => {}
        // A triple whose time can't be read.
        [sender @ .., identifier, sent] if !sender.is_empty() => {
            odd(fields, line, &path, sent);
            let sender = Some(sender.join(","));
            found.push(Reference { sender, identifier: (*identifier).to_owned(), sent: None });
        }
        [sender, identifier] => {
            odd(fields, line, &path, identifier);
            let sender = Some((*sender).to_owned());
            found.push(Reference { sender, identifier: (*identifier).to_owned(), sent: None });
        }
        [alone, ..] => {
            odd(fields, line, &path, alone);
            found.extend(alone.split_whitespace().map(bare));
        }
    }
    limit(fields, line, &path, found)
}

/// Reads the plain identifiers of the national form.
pub(super) fn plain(fields: &mut Fields<'_>, place: Place<'_>) -> Vec<Reference> {
    let Some(text) = fields.text(place, "references") else { return Vec::new() };
    if text.split(',').any(|part| leading_time(part).is_some()) {
        return triples(fields, place);
    }
    let pieces = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '，' | ';'));
    let found = pieces.filter(|piece| !piece.is_empty()).map(bare).collect();
    limit(fields, place.line("references"), &place.child("references"), found)
}

fn bare(identifier: &str) -> Reference {
    Reference { sender: None, identifier: identifier.to_owned(), sent: None }
}

fn odd(fields: &mut Fields<'_>, line: Option<u32>, path: &str, got: &str) {
    let what = format!("`sender,identifier,sent` expected; got {} in it, kept", quoted(got));
    fields.notes.oddity(line, path, what);
}

fn limit(
    fields: &mut Fields<'_>,
    line: Option<u32>,
    path: &str,
    found: Vec<Reference>,
) -> Vec<Reference> {
    if found.len() > REFERENCES_MAX {
        let what = format!("expected at most {REFERENCES_MAX} references, got {}", found.len());
        fields.notes.too_large(line, path, what);
    }
    found
}

/// The time at the head of `part` and what follows it; times may hold one space themselves.
fn leading_time(part: &str) -> Option<(UtcMs, &str)> {
    let part = part.trim();
    let mut ends: Vec<usize> =
        part.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(at, _)| at).take(3).collect();
    if ends.len() < 3 {
        ends.push(part.len());
    }
    // The longest that reads as a time wins: `2026-06-01 08:00:00 +08:00` is one time.
    ends.into_iter().rev().find_map(|end| {
        let (head, rest) = part.split_at_checked(end)?;
        let read = time::read(head, Zone::Beijing).ok()?;
        Some((read.at, rest.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::notes::Notes;
    use super::super::xml::Node;
    use super::*;

    /// Expected: sender, identifier, whether a time was read; and whether something was odd.
    fn check(text: &str, expect: &[(Option<&str>, &str, bool)], is_odd: bool) {
        let child = Node { name: "references".into(), text: text.to_owned(), ..Node::default() };
        let node = Node { children: vec![child], ..Node::default() };
        let mut notes = Notes::default();
        let mut fields = Fields { notes: &mut notes, zone: Zone::Needed };
        let got = triples(&mut fields, Place { node: &node, path: "alert" });
        let got: Vec<_> = got
            .iter()
            .map(|r| (r.sender.as_deref(), r.identifier.as_str(), r.sent.is_some()))
            .collect();
        assert_eq!(got, expect, "{text}");
        assert_eq!(!notes.into_oddities().is_empty(), is_odd, "{text}");
    }

    #[test]
    fn triples_of_real_feeds() {
        let t = "2026-06-01T08:00:00+08:00";
        check("", &[], false);
        check(&format!("a@b,1,{t}"), &[(Some("a@b"), "1", true)], false);
        let two = [(Some("a@b"), "1", true), (Some("c"), "2", true)];
        check(&format!("a@b,1,{t} c,2,{t}"), &two, false);
        check(&format!("a@b,1,{t}\n\t c,2,{t} "), &two, false);
        check(&format!("a@b,1,{t},c,2,{t}"), &two, false);
        check(&format!("U.S., DHS,1,{t}"), &[(Some("U.S.,DHS"), "1", true)], false);
        check(&format!("My Office,1,{t}"), &[(Some("My Office"), "1", true)], false);
        check("a,1,2026-06-01 08:00:00+08:00", &[(Some("a"), "1", true)], false);
        check("a,1,yesterday", &[(Some("a"), "1", false)], true);
        check("a,1", &[(Some("a"), "1", false)], true);
        check("1 2", &[(None, "1", false), (None, "2", false)], true);
        check(&format!(",,{t}"), &[], true);
    }
}
