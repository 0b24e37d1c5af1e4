//! XML to a small tree that knows its lines. No document types, no entities of its own, no network,
//! a limit on everything.
//!
//! A syntax error ends the reading there; what stands before it is kept, so that the faults in it
//! are told together with the error.

use super::entities::{html_letter, resolve};
use super::notes::{Notes, quoted};
use super::{cap, national12379};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

/// Deepest nesting; CAP itself needs five, a signature ten.
const DEPTH_MAX: usize = 32;
/// Elements of one message.
const ELEMENTS_MAX: usize = 200_000;
/// Attributes of one element; alerts need none but namespaces.
const ATTRIBUTES_MAX: usize = 64;
/// Namespace prefixes in force at one place.
const PREFIXES_MAX: usize = 256;
/// Text of one element in bytes, save embedded files, which are only measured.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// The element that carries a whole file in base64.
const EMBEDDED: &str = "derefUri";
/// XML-DSig inside an alert; carried along, verified elsewhere.
const SIGNATURE: &str = "Signature";

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// Name without prefix; with it for elements of another vocabulary inside an alert.
    pub(super) name: String,
    /// Its namespace; empty = none.
    pub(super) namespace: String,
    /// Whether its own start tag sets the namespace that it is in.
    pub(super) has_own_namespace: bool,
    /// Line of its start tag, from 1; 0 = no line (JSON).
    pub(super) line: u32,
    /// Its own text, entities resolved; empty for [`EMBEDDED`].
    pub(super) text: String,
    /// Characters of embedded base64, without white space.
    pub(super) embedded_chars: usize,
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

    /// Elements of that name anywhere below, not looking inside those found.
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

/// What is being built.
struct Builder<'n> {
    notes: &'n mut Notes,
    open: Vec<Node>,
    /// Prefixes in force: depth of the element that set them, prefix, namespace.
    prefixes: Vec<(usize, String, String)>,
    root: Option<Node>,
    n_elements: usize,
    told_control: bool,
    told_html: bool,
    told_outside: bool,
}

/// Parses a document. When it can't be read to its end the faults are noted and what was read
/// before is returned; `None` when not even a root element was seen.
pub(super) fn tree(text: &str, notes: &mut Notes) -> Option<Node> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().allow_dangling_amp = true;
    let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
    let mut builder = Builder {
        notes,
        open: Vec::new(),
        prefixes: Vec::new(),
        root: None,
        n_elements: 0,
        told_control: false,
        told_html: false,
        told_outside: false,
    };
    loop {
        let line = lines.to(reader.buffer_position());
        let goes_on = match reader.read_event() {
            Ok(Event::Eof) => {
                builder.end();
                false
            }
            Ok(event) => builder.take(event, line),
            Err(fault) => {
                let line = lines.to(reader.error_position().max(reader.buffer_position()));
                builder.broken(line, &fault.to_string());
                false
            }
        };
        if !goes_on {
            return builder.close_all();
        }
    }
}

impl Builder<'_> {
    /// Takes one event; `false` = reading ends here.
    fn take(&mut self, event: Event<'_>, line: u32) -> bool {
        match event {
            Event::Start(start) => self.start(&start, line),
            Event::Empty(start) => {
                let goes_on = self.start(&start, line);
                if goes_on {
                    self.close();
                }
                goes_on
            }
            Event::End(_) => {
                self.close();
                true
            }
            Event::Text(piece) => {
                // A reference is an event of its own: this one begins none.
                if piece.contains('&') && !self.open.is_empty() {
                    let what = "a bare `&` stands in the words, XML has `&amp;`; read as `&`";
                    self.tell_html(line, what.to_owned());
                }
                self.text(&piece, line)
            }
            Event::CData(piece) => self.text(&piece, line),
            Event::GeneralRef(reference) => self.reference(&reference, line),
            Event::DocType(_) => {
                let what = "expected no document type declaration, got `<!DOCTYPE …>` (it can \
                            expand without limit or read files); remove it";
                self.notes.fault(Some(line), "", what);
                true
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => true,
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, line: u32) -> bool {
        self.n_elements += 1;
        if self.open.len() >= DEPTH_MAX || self.n_elements > ELEMENTS_MAX {
            let what = format!("expected at most {DEPTH_MAX} levels and {ELEMENTS_MAX} elements");
            self.notes.too_large(Some(line), &self.path(), what);
            self.notes.cut_off();
            return false;
        }
        if self.open.is_empty() && self.root.is_some() {
            let name = start.name().as_ref().to_owned();
            let what = format!("expected one root element, got another, `{name}`");
            self.notes.fault(Some(line), "", what);
            return false;
        }
        if !self.bind(start, line) {
            return false;
        }
        let name = start.name().as_ref().to_owned();
        let (prefix, local) = name.split_once(':').unwrap_or(("", &name));
        let bound = self.prefixes.iter().rev().find(|(_, known, _)| known == prefix);
        let namespace = bound.map(|(_, _, namespace)| namespace.clone()).unwrap_or_default();
        // A prefix is written at the element itself, so it says where it belongs.
        let has_own_namespace =
            !prefix.is_empty() || bound.is_some_and(|(depth, _, _)| *depth == self.open.len());
        let name = if !self.is_foreign(&namespace, local) {
            local.to_owned()
        } else if prefix.is_empty() {
            format!("{{{namespace}}}{local}")
        } else {
            name.clone()
        };
        self.open.push(Node { name, namespace, has_own_namespace, line, ..Node::default() });
        true
    }

    /// Whether an element inside an alert belongs to another vocabulary: `x:status` of another
    /// namespace is not the alert's status. It keeps its prefix, so that no reader takes it.
    fn is_foreign(&self, namespace: &str, local: &str) -> bool {
        let Some(alert) = self.open.iter().find(|node| node.name == "alert") else { return false };
        local != SIGNATURE
            && namespace != alert.namespace
            && !cap::is_cap_namespace(namespace)
            && !national12379::is_national_namespace(namespace)
    }

    /// Puts the namespace declarations of an element in force.
    fn bind(&mut self, start: &BytesStart<'_>, line: u32) -> bool {
        for (number, attribute) in start.attributes().with_checks(true).enumerate() {
            if number >= ATTRIBUTES_MAX || self.prefixes.len() >= PREFIXES_MAX {
                let what = format!(
                    "expected at most {ATTRIBUTES_MAX} attributes in an element and \
                     {PREFIXES_MAX} namespaces"
                );
                self.notes.too_large(Some(line), &self.path(), what);
                self.notes.cut_off();
                return false;
            }
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(fault) => {
                    self.broken(line, &fault.to_string());
                    return false;
                }
            };
            let key = attribute.key.as_ref();
            let prefix = match key.strip_prefix("xmlns") {
                Some("") => "",
                Some(prefixed) => match prefixed.strip_prefix(':') {
                    Some(prefix) => prefix,
                    None => continue,
                },
                None => continue,
            };
            let namespace = attribute.value.trim().to_owned();
            self.prefixes.push((self.open.len(), prefix.to_owned(), namespace));
        }
        true
    }

    fn text(&mut self, piece: &str, line: u32) -> bool {
        let Some(node) = self.open.last_mut() else {
            if !piece.trim().is_empty() && !self.told_outside {
                self.told_outside = true;
                let got = quoted(piece.trim());
                let what = format!("expected nothing outside the root element, got {got}");
                self.notes.fault(Some(line), "", what);
            }
            return true;
        };
        if node.name == EMBEDDED {
            node.embedded_chars += piece.chars().filter(|c| !c.is_whitespace()).count();
            return true;
        }
        if node.text.len() + piece.len() > TEXT_BYTES_MAX {
            let what = format!("expected at most {TEXT_BYTES_MAX} bytes of text in an element");
            self.notes.too_large(Some(line), &self.path(), what);
            self.notes.cut_off();
            return false;
        }
        // XML 1.0 clause 2.2, and the control characters that it only discourages.
        let is_forbidden = |c: char| {
            c.is_control() && !matches!(c, '\t' | '\n' | '\r')
                || matches!(c, '\u{FFFE}' | '\u{FFFF}')
        };
        if !piece.contains(is_forbidden) {
            node.text.push_str(piece);
            return true;
        }
        // Text pasted from office programs carries vertical tabs and the like: they are no words.
        node.text.push_str(&piece.replace(is_forbidden, " "));
        if piece.contains('\0') {
            let path = if self.notes.is_full() { String::new() } else { self.path() };
            let what = "expected text, got a NUL character; the message is damaged";
            self.notes.fault(Some(line), &path, what);
        } else if !self.told_control {
            self.told_control = true;
            let what = "control characters are not allowed in XML; read as spaces";
            self.notes.oddity(Some(line), &self.path(), what);
        }
        true
    }

    fn reference(&mut self, reference: &BytesRef<'_>, line: u32) -> bool {
        let html = html_letter(reference.as_ref());
        if html.is_some() {
            let got = quoted(&format!("&{};", reference.as_ref() as &str));
            let what = format!("{got} is of HTML, XML has no such entity; read as its letter");
            self.tell_html(line, what);
        }
        match resolve(reference).or(html) {
            Some(letter) => self.text(letter.encode_utf8(&mut [0; 4]), line),
            None => {
                let path = if self.notes.is_full() { String::new() } else { self.path() };
                let got = quoted(&format!("&{};", reference.as_ref() as &str));
                let what = format!("expected &lt; &gt; &amp; &quot; &apos; or a number, got {got}");
                self.notes.fault(Some(line), &path, what);
                true
            }
        }
    }

    /// Told once: who writes one of them writes many.
    fn tell_html(&mut self, line: u32, what: String) {
        if !std::mem::replace(&mut self.told_html, true) {
            self.notes.oddity(Some(line), &self.path(), what);
        }
    }

    fn broken(&mut self, line: u32, fault: &str) {
        let what = format!("expected well-formed XML, got an error: {fault}");
        self.notes.fault(Some(line), &self.path(), what);
        self.notes.cut_off();
    }

    fn end(&mut self) {
        if let Some(unclosed) = self.open.last() {
            let what = format!("expected `</{}>`, got the end of the message", unclosed.name);
            let line = unclosed.at();
            self.notes.fault(line, &self.path(), what);
            self.notes.cut_off();
        } else if self.root.is_none() {
            self.notes.fault(None, "", "expected an XML alert, got no element at all");
        }
    }

    fn close(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        while self.prefixes.last().is_some_and(|(depth, _, _)| *depth >= self.open.len()) {
            self.prefixes.pop();
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => self.root = Some(closed),
        }
    }

    /// Closes what a broken message left open. The innermost element is left out when it has only
    /// text: that text may be cut.
    fn close_all(mut self) -> Option<Node> {
        if self.open.len() > 1 && self.open.last().is_some_and(|node| node.children.is_empty()) {
            self.open.pop();
        }
        while !self.open.is_empty() {
            self.close();
        }
        self.root
    }

    /// Where we are, such as `alert/info[2]/area[1]`.
    fn path(&self) -> String {
        let mut path = String::new();
        let mut parent: Option<&Node> = None;
        for node in &self.open {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&node.name);
            let n_before = parent.map_or(0, |parent| parent.all(&node.name).count());
            if n_before > 0 || is_repeatable(&node.name) {
                path.push_str(&format!("[{}]", n_before + 1));
            }
            parent = Some(node);
        }
        path
    }
}

/// Elements that are numbered in paths even when there is only one.
fn is_repeatable(name: &str) -> bool {
    matches!(name, "info" | "area" | "polygon" | "circle" | "geocode" | "resource")
        || matches!(name, "parameter" | "eventCode" | "method")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Faults of `text`: each `line element what` that must be contained, in order.
    fn check(text: &str, expect: &[(Option<u32>, &str, &str)]) {
        let mut notes = Notes::default();
        let root = tree(text, &mut notes);
        if expect.is_empty() {
            assert!(root.is_some() && !notes.has_faults(), "{text}: {notes:?}");
            return;
        }
        let faults = notes.into_rejection().faults;
        assert_eq!(faults.len(), expect.len(), "{text}: {faults:?}");
        for (fault, (line, element, what)) in faults.iter().zip(expect) {
            assert_eq!((fault.line, fault.element.as_str()), (*line, *element), "{faults:?}");
            assert!(fault.what.contains(what), "{fault:?}");
        }
    }

    #[test]
    fn well_formed_text_becomes_a_tree() {
        check("<a/>", &[]);
        check("<a>&lt;&#24453;<![CDATA[<b>]]></a>", &[]);
        let root = tree("<p:a xmlns:p='u'>\n<b> x&amp;y </b></p:a>", &mut Notes::default());
        let root = root.unwrap();
        assert_eq!((root.name.as_str(), root.namespace.as_str(), root.line), ("a", "u", 1));
        let b = root.first("b").unwrap();
        assert_eq!((b.namespace.as_str(), b.line, b.text.as_str()), ("", 2, " x&y "));
    }

    #[test]
    fn a_prefix_ends_with_its_element() {
        let text = "<a xmlns='u'><b xmlns='v'><c/></b><d/></a>";
        let root = tree(text, &mut Notes::default()).unwrap();
        let b = root.first("b").unwrap();
        assert_eq!(b.first("c").unwrap().namespace, "v");
        assert_eq!(root.first("d").unwrap().namespace, "u");
    }

    #[test]
    fn broken_text_is_told_with_its_place() {
        check("<a>\n<b></a>", &[(Some(2), "a/b", "well-formed")]);
        check("<a>\n<b>", &[(Some(2), "a/b", "the end of the message")]);
        check("<a b='1' b='2'/>", &[(Some(1), "", "well-formed")]);
        check("<a/><b/>", &[(Some(1), "", "one root element")]);
        check("<a/>x", &[(Some(1), "", "outside")]);
        check("x<a/>", &[(Some(1), "", "outside")]);
        check("", &[(None, "", "no element")]);
        check("<a>\u{0}</a>", &[(Some(1), "a", "NUL")]);
        check("<a>&#0;</a>", &[(Some(1), "a", "&#0;")]);
        check("<a>&copy;</a>", &[(Some(1), "a", "&copy;")]);
    }

    #[test]
    fn document_types_are_refused_and_nothing_is_expanded() {
        let bomb = "<!DOCTYPE a [<!ENTITY l \"lol\"><!ENTITY m \"&l;&l;\">]>\n<a>&m;</a>";
        check(bomb, &[(Some(1), "", "DOCTYPE"), (Some(2), "a", "&m;")]);
        check("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", &[(Some(1), "", "DOCTYPE")]);
    }

    #[test]
    fn limits_are_told_as_too_large() {
        for text in [
            "<a>".repeat(100_000),
            format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX)),
            format!("<a>{}</a>", "x".repeat(TEXT_BYTES_MAX + 1)),
            format!("<a {}/>", (0..100).map(|n| format!("b{n}='' ")).collect::<String>()),
        ] {
            let mut notes = Notes::default();
            let _tree = tree(&text, &mut notes);
            assert!(notes.into_rejection().too_large);
        }
    }

    #[test]
    fn control_characters_become_spaces_once_told() {
        let mut notes = Notes::default();
        let root = tree("<a>x\u{b}y\u{b}z</a>", &mut notes).unwrap();
        assert_eq!(root.text, "x y z");
        assert_eq!(notes.into_oddities().len(), 1);
    }

    #[test]
    fn entities_of_html_are_their_letters_once_told() {
        let mut notes = Notes::default();
        let root = tree("<a>雨&nbsp;大&hellip;37&deg;</a>", &mut notes).unwrap();
        assert_eq!(root.text, "雨 大…37°");
        assert_eq!(notes.into_oddities().len(), 1);
        let mut notes = Notes::default();
        let root = tree("<a>雨 & 风&雷<b/></a>", &mut notes).unwrap();
        assert_eq!(root.text, "雨 & 风&雷");
        assert_eq!(notes.into_oddities().len(), 1);
    }
}
