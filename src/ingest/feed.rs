//! Feeds of alerts: Atom and RSS whose entries link to CAP or hold it, and JSON lists. A feed is cut into
//! its entries; each alert is then read by itself, from exactly the bytes that stand in the feed.

use super::notes::Notes;
use super::time::{self, Zone};
use super::{RAW_BYTES_MAX, encoding, entities};
use crate::model::{Fault, Rejection, Sha256, UtcMs};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Entries of one document; what is over is counted.
pub const FEED_ENTRIES_MAX: usize = 2_000;
/// Longest link, bytes.
const LINK_BYTES_MAX: usize = 2_048;
/// Longest text of one field of an entry, bytes; an alert written as text may be as long as an alert.
const FIELD_BYTES_MAX: usize = RAW_BYTES_MAX;
/// Deepest nesting.
const DEPTH_MAX: usize = 64;
/// Namespace declarations in force at one place.
const NAMESPACES_MAX: usize = 256;

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedContent {
    /// The alert itself.
    Alert(String),
    /// Where the alert is, as written; `bases` of the entry say from where.
    Link(String),
    /// Neither; the entry as it stands.
    Nothing(String),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Tells it from all others, and from itself once it was changed: 16 hexadecimal digits.
    pub mark: String,
    /// When it was changed, when that can be read.
    pub updated: Option<UtcMs>,
    /// What it holds.
    pub content: FeedContent,
    /// `xml:base` around its link, the outermost first: each is relative to the one before, the first to
    /// the address of the feed.
    pub bases: Vec<String>,
}

/// A feed, the oldest entries first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feed {
    /// At most [`FEED_ENTRIES_MAX`].
    pub entries: Vec<FeedEntry>,
    /// Entries that were too many.
    pub n_more: usize,
}

/// Cuts a feed into its entries.
///
/// # Errors
/// A [`Rejection`] when it is no feed that can be read to its end.
pub fn feed(bytes: &[u8], hint: Option<&str>) -> Result<Feed, Rejection> {
    let mut notes = Notes::default();
    let Some(text) = encoding::decode(bytes, hint, &mut notes) else {
        return Err(notes.into_rejection());
    };
    let text = text.trim_start_matches('\u{FEFF}').trim();
    let entries = match text.chars().next() {
        Some('<') => Cutter::new(text).cut(),
        Some('{' | '[') => json_items(text).map(|items| items.into_iter().map(inline).collect()),
        Some(_) | None => Err("expected a feed in XML or JSON, got something else".to_owned()),
    };
    let mut entries = entries.map_err(|what| {
        let faults = vec![Fault { line: None, element: String::new(), what }];
        Rejection { faults, too_large: false }
    })?;
    // Feeds begin with the newest, and an Update must come after what it changes.
    let n_more = entries.len().saturating_sub(FEED_ENTRIES_MAX);
    entries.truncate(FEED_ENTRIES_MAX);
    entries.reverse();
    entries.sort_by_key(|entry| entry.updated);
    Ok(Feed { entries, n_more })
}

fn mark(parts: &[&str]) -> String {
    Sha256::of(parts.join("\n").as_bytes()).to_string().chars().take(16).collect()
}

fn inline(text: &str) -> FeedEntry {
    let content = FeedContent::Alert(text.to_owned());
    FeedEntry { mark: mark(&[text]), updated: None, content, bases: Vec::new() }
}

/// An entry that is being read.
#[derive(Debug, Default)]
struct Open {
    depth: usize,
    begins_at: usize,
    id: String,
    updated: String,
    published: String,
    /// Links with their rank: lower is better; and the bases around them.
    links: Vec<(u8, String, Vec<String>)>,
    content: String,
    alert: Option<String>,
}

struct Cutter<'t> {
    text: &'t str,
    /// Local names of the open elements.
    open: Vec<String>,
    /// Depth, prefix and raw value of the namespaces in force.
    namespaces: Vec<(usize, String, String)>,
    /// Depth and `xml:base` of the open elements that have one.
    bases: Vec<(usize, String)>,
    /// Local name of the outermost element.
    root: String,
    entry: Option<Open>,
    /// Where the alert that is open begins, at which depth, and what it must declare.
    alert: Option<(usize, usize, String)>,
    field: String,
    entries: Vec<FeedEntry>,
}

impl<'t> Cutter<'t> {
    fn new(text: &'t str) -> Self {
        let (open, namespaces, entries) = (Vec::new(), Vec::new(), Vec::new());
        let (bases, root, field) = (Vec::new(), String::new(), String::new());
        Self { text, open, namespaces, bases, root, entry: None, alert: None, field, entries }
    }

    fn cut(mut self) -> Result<Vec<FeedEntry>, String> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let from = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let event =
                reader.read_event().map_err(|fault| format!("expected XML, got {fault}"))?;
            let to = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            match event {
                Event::Start(start) => self.start(&start, from)?,
                Event::Empty(start) => {
                    self.start(&start, from)?;
                    self.end(to);
                }
                Event::End(_) => self.end(to),
                Event::Text(piece) => self.text(&piece),
                Event::CData(piece) => self.text(&piece),
                Event::GeneralRef(reference) => match entities::resolve(&reference) {
                    Some(letter) => self.text(letter.encode_utf8(&mut [0; 4])),
                    None => return Err("expected no entities of its own, got one".into()),
                },
                Event::DocType(_) => {
                    return Err("expected no document type declaration, got one".into());
                }
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof if self.open.is_empty() => return self.whole(),
                Event::Eof => return Err("expected the end of the feed, it is cut off".into()),
            }
        }
    }

    /// The entries. A page for people, such as that of a sign-in, is no feed without any.
    fn whole(self) -> Result<Vec<FeedEntry>, String> {
        let is_feed = ["feed", "rss", "RDF", "channel", "alerts"].contains(&self.root.as_str());
        if self.entries.is_empty() && !is_feed {
            return Err(format!("expected a feed or alerts, got `{}`", self.root));
        }
        Ok(self.entries)
    }

    fn start(&mut self, start: &BytesStart<'_>, from: usize) -> Result<(), String> {
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("expected at most {DEPTH_MAX} levels"));
        }
        let depth = self.open.len();
        let name: &str = start.name().into_inner();
        let local = name.split_once(':').map_or(name, |(_, local)| local).to_owned();
        let mut attributes = Vec::new();
        for attribute in start.attributes().with_checks(true) {
            let attribute = attribute.map_err(|fault| format!("expected XML, got {fault}"))?;
            let key: &str = attribute.key.into_inner();
            if let Some(prefix) = key.strip_prefix("xmlns") {
                let prefix = prefix.trim_start_matches(':').to_owned();
                self.namespaces.push((depth, prefix, attribute.value.to_string()));
            }
            if key == "xml:base" && attribute.value.len() <= LINK_BYTES_MAX {
                self.bases.push((depth, attribute.value.replace("&amp;", "&").trim().to_owned()));
            }
            attributes.push((key.to_owned(), attribute.value.to_string()));
        }
        if self.namespaces.len() > NAMESPACES_MAX {
            return Err(format!("expected at most {NAMESPACES_MAX} namespaces"));
        }
        if depth == 0 {
            self.root.clone_from(&local);
        }
        if self.alert.is_none() {
            self.field.clear();
            match local.as_str() {
                "alert" => self.alert = Some((from, depth, self.outer(depth))),
                "entry" | "item" if self.entry.is_none() => {
                    self.entry = Some(Open { depth, begins_at: from, ..Open::default() });
                }
                "link" | "enclosure" => self.linked(&attributes),
                _ => {}
            }
        }
        self.open.push(local);
        Ok(())
    }

    /// Declarations of the wrapper that an alert needs once it stands alone.
    fn outer(&self, depth: usize) -> String {
        let mut seen: Vec<&str> = Vec::new();
        let mut text = String::new();
        for (at, prefix, value) in self.namespaces.iter().rev() {
            if seen.contains(&prefix.as_str()) {
                continue;
            }
            seen.push(prefix);
            // An alert without a namespace of its own means none, not that of the feed.
            if *at == depth || prefix.is_empty() {
                continue;
            }
            let quote = if value.contains('"') { '\'' } else { '"' };
            text.push_str(&format!(" xmlns:{prefix}={quote}{value}{quote}"));
        }
        text
    }

    /// A link as an attribute: Atom, and enclosures of RSS.
    fn linked(&mut self, attributes: &[(String, String)]) {
        let get =
            |key: &str| attributes.iter().find(|(own, _)| own == key).map(|(_, v)| v.as_str());
        let Some(href) = get("href").or_else(|| get("url")) else { return };
        let Some(entry) = &mut self.entry else { return };
        let kind = get("type").unwrap_or_default().to_ascii_lowercase();
        let rel = get("rel").unwrap_or("alternate");
        let rank = if kind.contains("cap+xml") || kind.contains("common-alerting") {
            0
        } else if rel == "alternate" && kind.contains("xml") && !kind.contains("html") {
            1
        } else if rel == "alternate" && kind.is_empty() {
            2
        } else if kind.contains("html") || rel == "self" || rel == "edit" {
            4
        } else {
            3
        };
        let bases = self.bases.iter().map(|(_, base)| base.clone()).collect();
        entry.links.push((rank, href.replace("&amp;", "&").trim().to_owned(), bases));
    }

    fn text(&mut self, piece: &str) {
        if self.alert.is_none()
            && self.entry.is_some()
            && self.field.len() + piece.len() <= FIELD_BYTES_MAX
        {
            self.field.push_str(piece);
        }
    }

    fn end(&mut self, to: usize) {
        let Some(local) = self.open.pop() else { return };
        let depth = self.open.len();
        if let Some((from, _, outer)) = self.alert.take_if(|(_, at, _)| *at == depth) {
            self.took(from, to, &outer);
        } else if self.alert.is_none() {
            let closed = self.entry.take_if(|entry| entry.depth == depth);
            match (closed, &mut self.entry) {
                (Some(entry), _) => self.close(entry, to),
                (None, Some(entry)) if entry.depth + 1 == depth => {
                    let field = std::mem::take(&mut self.field);
                    let bases = || self.bases.iter().map(|(_, base)| base.clone()).collect();
                    entry.field(&local, field.trim(), bases);
                }
                (None, _) => {}
            }
        }
        while self.namespaces.last().is_some_and(|(at, ..)| *at >= depth) {
            self.namespaces.pop();
        }
        self.bases.retain(|(at, _)| *at < depth);
    }

    /// An alert ended; its text stands alone from here on.
    fn took(&mut self, from: usize, to: usize, outer: &str) {
        let Some(text) = self.text.get(from..to) else { return };
        let name_end = text.find(|c: char| c.is_whitespace() || c == '>' || c == '/');
        let (head, rest) = text.split_at(name_end.unwrap_or(text.len()));
        let alone = format!("{head}{outer}{rest}");
        match self.entry.as_mut().filter(|entry| entry.alert.is_none()) {
            Some(entry) => entry.alert = Some(alone),
            None => self.entries.push(inline(&alone)),
        }
    }

    fn close(&mut self, entry: Open, to: usize) {
        let whole = self.text.get(entry.begins_at..to).unwrap_or_default();
        let written = entry.content.trim();
        let updated =
            if entry.updated.is_empty() { &entry.published } else { &entry.updated }.as_str();
        let link = entry.links.iter().filter(|(_, link, _)| link.len() <= LINK_BYTES_MAX);
        let link = link.min_by_key(|(rank, ..)| *rank).cloned();
        let (link, bases) = link.map(|(_, link, bases)| (link, bases)).unzip();
        let by_id = Some(entry.id.clone()).filter(|id| is_http(id) && id.len() <= LINK_BYTES_MAX);
        let content = match (entry.alert, link.or(by_id)) {
            (Some(alert), _) => FeedContent::Alert(alert),
            (None, _) if begins_alert(written) => FeedContent::Alert(written.to_owned()),
            (None, Some(link)) => FeedContent::Link(link),
            (None, None) => FeedContent::Nothing(whole.to_owned()),
        };
        let what = match &content {
            FeedContent::Alert(text) | FeedContent::Link(text) | FeedContent::Nothing(text) => text,
        };
        let mark = mark(&[&entry.id, updated, what]);
        let (updated, bases) = (moment(updated), bases.unwrap_or_default());
        self.entries.push(FeedEntry { mark, updated, content, bases });
    }
}

impl Open {
    fn field(&mut self, name: &str, text: &str, bases: impl FnOnce() -> Vec<String>) {
        match name {
            "id" | "guid" => self.id = text.to_owned(),
            "updated" => self.updated = text.to_owned(),
            "published" | "pubDate" | "date" => self.published = text.to_owned(),
            "link" if !text.is_empty() => self.links.push((2, text.to_owned(), bases())),
            "content" | "description" | "encoded" | "summary" if text.starts_with('<') => {
                self.content = text.to_owned();
            }
            _ => {}
        }
    }
}

/// Whether a text is XML whose outermost element is an alert: words for people may hold tags as well.
fn begins_alert(text: &str) -> bool {
    let mut rest = text.trim_start();
    for (begin, end) in [("<?", "?>"), ("<!--", "-->")] {
        while let Some(inner) = rest.strip_prefix(begin) {
            let Some((_, after)) = inner.split_once(end) else { return false };
            rest = after.trim_start();
        }
    }
    let Some(inner) = rest.strip_prefix('<') else { return false };
    let name = inner.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).next();
    name.is_some_and(|name| name.rsplit(':').next() == Some("alert"))
}

fn is_http(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// A time of Atom (RFC 3339) or of RSS (RFC 2822).
fn moment(text: &str) -> Option<UtcMs> {
    if let Ok(read) = time::read(text, Zone::Needed) {
        return Some(read.at);
    }
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(UtcMs(parsed.as_millisecond()))
}

/// The objects of a JSON list, of the list `alerts` of an object, or the one object, as written.
fn json_items(text: &str) -> Result<Vec<&str>, String> {
    let wrong = |what: &str| format!("expected a JSON object or a list of objects, got {what}");
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|fault| wrong(&fault.to_string()))?;
    let list = if value.is_array() {
        text
    } else if value.get("alerts").is_some_and(serde_json::Value::is_array) {
        value_of(text, "alerts").ok_or_else(|| wrong("no list"))?
    } else {
        return Ok(vec![text]);
    };
    Ok(parts(list).into_iter().map(|(_, item)| item).collect())
}

/// The text of a field of an object that is known to be JSON.
fn value_of<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    let quoted = format!("\"{name}\"");
    parts(object).into_iter().find(|(key, _)| *key == quoted).map(|(_, value)| value)
}

/// Keys and values of an object, or the values of a list, as written. The text is known to be JSON.
fn parts(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let (mut key, mut from) = ("", 0);
    for (at, c) in text.char_indices() {
        if in_text {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_text = false,
                _ => {}
            }
            continue;
        }
        let piece = || text.get(from..at).unwrap_or_default().trim();
        match c {
            '"' => in_text = true,
            '[' | '{' => {
                depth += 1;
                if depth == 1 {
                    from = at + 1;
                }
            }
            ':' if depth == 1 => {
                key = piece();
                from = at + 1;
            }
            ',' | ']' | '}' if depth == 1 => {
                if !piece().is_empty() {
                    found.push((key, piece()));
                }
                (key, from) = ("", at + 1);
                depth -= usize::from(c != ',');
            }
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
