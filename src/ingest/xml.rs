//! XML to a small tree that knows its lines. No DTD, no entities of its own, no network, limits on
//! everything.

use super::notes::Notes;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// Deepest nesting; CAP itself needs five.
const DEPTH_MAX: usize = 32;
/// Elements of one message.
const ELEMENTS_MAX: usize = 200_000;

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// Name without prefix.
    pub(super) name: String,
    /// Its namespace.
    pub(super) namespace: Option<String>,
    /// Line of its start tag, from 1; 0 = no line (JSON).
    pub(super) line: u32,
    /// Its own text, entities resolved.
    pub(super) text: String,
    /// Its children.
    pub(super) children: Vec<Node>,
}

impl Node {
    /// Children of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> + 'a {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// First child of that name.
    pub(super) fn first(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Its line, when it has one.
    pub(super) fn at(&self) -> Option<u32> {
        (self.line > 0).then_some(self.line)
    }

    /// All elements of that name anywhere below.
    pub(super) fn find_all<'a>(&'a self, name: &str, found: &mut Vec<&'a Node>) {
        for child in &self.children {
            if child.name == name {
                found.push(child);
            } else {
                child.find_all(name, found);
            }
        }
    }

    /// How many elements of that name are below.
    pub(super) fn count(&self, name: &str) -> usize {
        let mut found = Vec::new();
        self.find_all(name, &mut found);
        found.len()
    }
}

/// Counts lines as the reader goes forward.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
}

impl Lines<'_> {
    fn to(&mut self, position: u64) -> u32 {
        let to = usize::try_from(position).unwrap_or(usize::MAX).min(self.text.len());
        let passed = self.text.get(self.at..to).unwrap_or_default();
        let newlines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        self.at = to.max(self.at);
        self.line
    }
}

/// Parses a document; `None` when it can't be read (the faults are noted).
pub(super) fn tree(text: &str, notes: &mut Notes) -> Option<Node> {
    let mut reader = NsReader::from_str(text);
    let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
    let mut open: Vec<Node> = Vec::new();
    let mut root: Option<Node> = None;
    let mut n_elements = 0_usize;
    loop {
        let line = lines.to(reader.buffer_position());
        let (namespace, event) = match reader.read_resolved_event() {
            Ok(read) => read,
            Err(fault) => {
                let line = lines.to(reader.error_position().max(reader.buffer_position()));
                notes.fault(Some(line), &path(&open), format!("not well-formed XML: {fault}"));
                return None;
            }
        };
        match event {
            Event::Start(start) => {
                n_elements += 1;
                open.push(node(&start, &namespace, line));
            }
            Event::Empty(start) => {
                n_elements += 1;
                let closed = node(&start, &namespace, line);
                close(closed, &mut open, &mut root);
            }
            Event::End(_) => {
                if let Some(closed) = open.pop() {
                    close(closed, &mut open, &mut root);
                }
            }
            Event::Text(piece) => append(&mut open, piece.as_ref()),
            Event::CData(piece) => append(&mut open, piece.as_ref()),
            Event::GeneralRef(reference) => match resolve(&reference) {
                Some(letter) => append(&mut open, letter.encode_utf8(&mut [0; 4])),
                None => {
                    let name = reference.as_ref();
                    let what = format!("unknown entity `&{name};`; entities are not expanded");
                    notes.fault(Some(line), &path(&open), what);
                }
            },
            Event::DocType(_) => {
                let what = "a document type declaration is refused (it can expand without limit \
                            or read files); remove `<!DOCTYPE …>`";
                notes.fault(Some(line), "", what);
                return None;
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
        if open.len() > DEPTH_MAX || n_elements > ELEMENTS_MAX {
            let what = format!("expected at most {DEPTH_MAX} levels and {ELEMENTS_MAX} elements");
            notes.too_large(what);
            return None;
        }
    }
    if let Some(unclosed) = open.last() {
        let what = format!("`{}` is not closed: the message is cut off", unclosed.name);
        notes.fault(unclosed.at(), &path(&open), what);
        return None;
    }
    if root.is_none() {
        notes.fault(None, "", "expected an XML alert, got text without any element");
    }
    root
}

fn node(start: &BytesStart<'_>, namespace: &ResolveResult<'_>, line: u32) -> Node {
    let name = start.local_name().as_ref().to_owned();
    let namespace = match namespace {
        ResolveResult::Bound(bound) => Some(bound.as_ref().to_owned()),
        ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
    };
    Node { name, namespace, line, ..Node::default() }
}

fn close(closed: Node, open: &mut [Node], root: &mut Option<Node>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(closed),
        None => {
            if root.is_none() {
                *root = Some(closed);
            }
        }
    }
}

/// Adds text to the innermost open element; text outside of the root is nobody's.
fn append(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}

fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(letter)) = reference.resolve_char_ref() {
        return Some(letter);
    }
    match reference.as_ref() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn path(open: &[Node]) -> String {
    open.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join("/")
}
