//! Canonical XML 1.0, inclusive (W3C REC-xml-c14n-20010315) and exclusive (REC-xml-exc-c14n-20020718),
//! without comments: the bytes that a signature is about.

use quick_xml::events::Event;
use quick_xml::reader::Reader;
use std::collections::{BTreeMap, BTreeSet};

/// Elements of a document whose signature is checked; every one may carry all namespaces.
const ELEMENTS_MAX: usize = 20_000;
/// Deepest nesting.
const DEPTH_MAX: usize = 32;
/// Namespace declarations of a document.
const NAMESPACES_MAX: usize = 256;

/// Something inside an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Element(Element),
    Text(String),
    Instruction(String),
}

/// An element as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Name with its prefix.
    pub(super) name: String,
    /// Namespace of the name.
    pub(super) namespace: String,
    /// Attributes but namespace declarations: name with prefix, namespace, value.
    attributes: Vec<(String, String, String)>,
    /// Namespaces declared here: prefix, namespace.
    declared: Vec<(String, String)>,
    pub(super) items: Vec<Item>,
}

/// A document: instructions before and after its root element.
#[derive(Debug, Clone, Default)]
pub(super) struct Document {
    before: Vec<String>,
    pub(super) root: Element,
    after: Vec<String>,
}

/// Which of the two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    Inclusive,
    /// With the prefixes of `InclusiveNamespaces`; `#default` is the empty one.
    Exclusive(BTreeSet<String>),
}

type Names = BTreeMap<String, String>;

impl Element {
    /// Name without its prefix.
    pub(super) fn local(&self) -> &str {
        self.name.split_once(':').map_or(self.name.as_str(), |(_, local)| local)
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _, _)| own == name).map(|(_, _, value)| value.as_str())
    }

    pub(super) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.items.iter().filter_map(|item| match item {
            Item::Element(element) => Some(element),
            Item::Text(_) | Item::Instruction(_) => None,
        })
    }

    /// Its own text.
    pub(super) fn text(&self) -> String {
        let texts = self.items.iter().filter_map(|item| match item {
            Item::Text(text) => Some(text.as_str()),
            Item::Element(_) | Item::Instruction(_) => None,
        });
        texts.collect()
    }
}

/// Reads a document; what stands in it is told exactly, or not at all.
///
/// # Errors
/// What is wrong or beyond a limit.
pub(super) fn document(text: &str) -> Result<Document, String> {
    let mut reader = Reader::from_str(text);
    let mut document = Document::default();
    let mut open: Vec<(Element, Names)> = Vec::new();
    let (mut n_elements, mut n_namespaces, mut has_root) = (0_usize, 0_usize, false);
    loop {
        let event = reader.read_event().map_err(|fault| fault.to_string())?;
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                n_elements += 1;
                if n_elements > ELEMENTS_MAX || open.len() >= DEPTH_MAX {
                    return Err(format!("more than {ELEMENTS_MAX} elements or {DEPTH_MAX} levels"));
                }
                if open.is_empty() && has_root {
                    return Err("a second root element".into());
                }
                let mut names = open.last().map(|(_, names)| names.clone()).unwrap_or_default();
                let element = begin(start, &mut names)?;
                n_namespaces += element.declared.len();
                if n_namespaces > NAMESPACES_MAX {
                    return Err(format!("more than {NAMESPACES_MAX} namespaces"));
                }
                open.push((element, names));
                if matches!(event, Event::Empty(_)) {
                    has_root |= close(&mut open, &mut document);
                }
            }
            Event::End(_) => has_root |= close(&mut open, &mut document),
            Event::Text(piece) if open.is_empty() && !piece.trim().is_empty() => {
                return Err("text outside the root element".into());
            }
            Event::Text(piece) => add_text(&mut open, &line_ends(&piece)),
            Event::CData(piece) => add_text(&mut open, &line_ends(&piece)),
            Event::GeneralRef(reference) => {
                let letter =
                    super::super::entities::resolve(&reference).ok_or("an unknown entity")?;
                add_text(&mut open, letter.encode_utf8(&mut [0; 4]));
            }
            Event::PI(written) => {
                let written = line_ends(&written);
                let (target, data) = match written.split_once([' ', '\n', '\t']) {
                    Some((target, data)) => (target, data.trim_start()),
                    None => (written.as_str(), ""),
                };
                let space = if data.is_empty() { "" } else { " " };
                let written = format!("<?{target}{space}{data}?>");
                match open.last_mut() {
                    Some((element, _)) => element.items.push(Item::Instruction(written)),
                    None if has_root => document.after.push(written),
                    None => document.before.push(written),
                }
            }
            Event::DocType(_) => return Err("a document type declaration".into()),
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof if open.is_empty() && has_root => return Ok(document),
            Event::Eof => return Err("the end came too early".into()),
        }
    }
}

fn begin(start: &quick_xml::events::BytesStart<'_>, names: &mut Names) -> Result<Element, String> {
    let name: &str = start.name().into_inner();
    let mut element = Element { name: name.to_owned(), ..Element::default() };
    let mut plain = Vec::new();
    for attribute in start.attributes().with_checks(true) {
        let attribute = attribute.map_err(|fault| fault.to_string())?;
        let key: &str = attribute.key.into_inner();
        let value = attribute_value(&attribute.value)?;
        match key.strip_prefix("xmlns") {
            Some("") => element.declared.push((String::new(), value)),
            Some(rest) if rest.starts_with(':') => {
                element.declared.push((rest.trim_start_matches(':').to_owned(), value));
            }
            Some(_) | None => plain.push((key.to_owned(), value)),
        }
    }
    names.extend(element.declared.iter().cloned());
    let of = |name: &str, default: bool| -> Result<String, String> {
        match name.split_once(':') {
            Some(("xml", _)) => Ok("http://www.w3.org/XML/1998/namespace".to_owned()),
            Some((prefix, _)) => names
                .get(prefix)
                .cloned()
                .ok_or_else(|| format!("the prefix `{prefix}` is unknown")),
            None if default => Ok(names.get("").cloned().unwrap_or_default()),
            None => Ok(String::new()),
        }
    };
    element.namespace = of(name, true)?;
    for (key, value) in plain {
        let namespace = of(&key, false)?;
        element.attributes.push((key, namespace, value));
    }
    Ok(element)
}

/// Ends the innermost element; true when that was the root.
fn close(open: &mut Vec<(Element, Names)>, document: &mut Document) -> bool {
    let Some((closed, _)) = open.pop() else { return false };
    match open.last_mut() {
        Some((parent, _)) => {
            parent.items.push(Item::Element(closed));
            false
        }
        None => {
            document.root = closed;
            true
        }
    }
}

fn add_text(open: &mut [(Element, Names)], piece: &str) {
    let Some((element, _)) = open.last_mut() else { return };
    match element.items.last_mut() {
        Some(Item::Text(text)) => text.push_str(piece),
        Some(Item::Element(_) | Item::Instruction(_)) | None => {
            element.items.push(Item::Text(piece.to_owned()));
        }
    }
}

/// XML 1.0 §2.11.
fn line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// XML 1.0 §3.3.3: white space becomes spaces, references what they stand for.
fn attribute_value(raw: &str) -> Result<String, String> {
    let mut value = String::new();
    let raw = line_ends(raw);
    let mut rest = raw.as_str();
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        value.extend(before.chars().map(spaced));
        let end = from.find(';').ok_or("a reference without an end")?;
        let (name, after) = (from.get(1..end).unwrap_or_default(), from.get(end + 1..));
        value.push(referred(name).ok_or("an unknown entity")?);
        rest = after.unwrap_or_default();
    }
    value.extend(rest.chars().map(spaced));
    Ok(value)
}

fn spaced(c: char) -> char {
    if matches!(c, '\t' | '\n') { ' ' } else { c }
}

fn referred(name: &str) -> Option<char> {
    let number = match name {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "amp" => return Some('&'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let number = match number.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(number)
}

impl Document {
    /// The whole document but the child of the root at `without`.
    pub(super) fn canonical(&self, form: &Form, without: Option<usize>) -> String {
        let mut out = String::new();
        for instruction in &self.before {
            out.push_str(instruction);
            out.push('\n');
        }
        out.push_str(&self.root_canonical(form, without));
        for instruction in &self.after {
            out.push('\n');
            out.push_str(instruction);
        }
        out
    }

    /// The root element but its child at `without`.
    pub(super) fn root_canonical(&self, form: &Form, without: Option<usize>) -> String {
        let mut out = String::new();
        write(&self.root, form, &Names::new(), &Names::new(), without, &mut out);
        out
    }

    /// An element below the root, reached through `path` from the root.
    pub(super) fn inner_canonical(&self, form: &Form, path: &[&Element]) -> String {
        let mut names = Names::new();
        let mut out = String::new();
        let Some((last, above)) = path.split_last() else { return out };
        let mut inherited: Vec<(String, String, String)> = Vec::new();
        for element in core::iter::once(&self.root).chain(above.iter().copied()) {
            names.extend(element.declared.iter().cloned());
            for attribute in element.attributes.iter().filter(|(name, ..)| name.starts_with("xml:"))
            {
                inherited.retain(|(name, ..)| *name != attribute.0);
                inherited.push(attribute.clone());
            }
        }
        let mut apex = (*last).clone();
        if *form == Form::Inclusive {
            // An element that is taken out keeps what it inherited (§2.4).
            inherited.retain(|(name, ..)| apex.attribute(name).is_none());
            apex.attributes.extend(inherited);
        }
        write(&apex, form, &names, &Names::new(), None, &mut out);
        out
    }
}

/// Writes an element. `in_scope` are the namespaces of its parent, `written` those that its ancestors
/// in the output carry.
fn write(
    element: &Element,
    form: &Form,
    in_scope: &Names,
    written: &Names,
    without: Option<usize>,
    out: &mut String,
) {
    let mut in_scope = in_scope.clone();
    in_scope.extend(element.declared.iter().cloned());
    let mut written = written.clone();
    out.push('<');
    out.push_str(&element.name);
    for prefix in needed(element, form, &in_scope) {
        let namespace = in_scope.get(&prefix).cloned().unwrap_or_default();
        let before = written.get(&prefix).map(String::as_str).unwrap_or_default();
        if prefix == "xml" || before == namespace {
            continue;
        }
        let colon = if prefix.is_empty() { "" } else { ":" };
        out.push_str(&format!(" xmlns{colon}{prefix}=\""));
        escape(&namespace, true, out);
        out.push('"');
        written.insert(prefix, namespace);
    }
    let mut attributes: Vec<_> = element.attributes.iter().collect();
    attributes.sort_by(|a, b| (&a.1, local(&a.0)).cmp(&(&b.1, local(&b.0))));
    for (name, _, value) in attributes {
        out.push_str(&format!(" {name}=\""));
        escape(value, true, out);
        out.push('"');
    }
    out.push('>');
    let kept = element.items.iter().enumerate().filter(|(at, _)| Some(*at) != without);
    for item in kept.map(|(_, item)| item) {
        match item {
            Item::Element(child) => write(child, form, &in_scope, &written, None, out),
            Item::Text(text) => escape(text, false, out),
            Item::Instruction(instruction) => out.push_str(instruction),
        }
    }
    out.push_str(&format!("</{}>", element.name));
}

/// Prefixes whose namespaces an element must carry unless an ancestor does.
fn needed(element: &Element, form: &Form, in_scope: &Names) -> BTreeSet<String> {
    match form {
        Form::Inclusive => {
            let default = core::iter::once(String::new());
            in_scope.keys().cloned().chain(default).collect()
        }
        Form::Exclusive(listed) => {
            let prefix =
                |name: &str| name.split_once(':').map_or("", |(prefix, _)| prefix).to_owned();
            let names = element.attributes.iter().map(|(name, ..)| prefix(name));
            let mut used: BTreeSet<String> = names.filter(|prefix| !prefix.is_empty()).collect();
            used.insert(prefix(&element.name));
            used.extend(listed.iter().filter(|prefix| in_scope.contains_key(*prefix)).cloned());
            used
        }
    }
}

fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

fn escape(text: &str, in_attribute: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' if !in_attribute => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\t' if in_attribute => out.push_str("&#x9;"),
            '\n' if in_attribute => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, form: &Form, expect: &str) {
        assert_eq!(document(text).unwrap().canonical(form, None), expect, "{text}");
    }

    #[test]
    fn the_canonical_form_follows_the_recommendation() {
        let whole = Form::Inclusive;
        check(
            "<?xml version='1.0'?>\n<?a  b?><e a='1'/>\n<?c?><!-- x -->",
            &whole,
            "<?a b?>\n<e a=\"1\"></e>\n<?c?>",
        );
        check(
            "<e b=\"x\" a='&#9;&#10;\n&lt;\"'>\r\n&#13;<![CDATA[<&]]>></e>",
            &whole,
            "<e a=\"&#x9;&#xA; &lt;&quot;\" b=\"x\">\n&#xD;&lt;&amp;&gt;</e>",
        );
        // Sorted by namespace, then by name; a declaration is not written again.
        check(
            "<e xmlns='u' xmlns:b='w' xmlns:a='v' a:z='1' b:a='2' c='3'><f xmlns='u'/><g xmlns=''/></e>",
            &whole,
            "<e xmlns=\"u\" xmlns:a=\"v\" xmlns:b=\"w\" c=\"3\" a:z=\"1\" b:a=\"2\"><f></f><g xmlns=\"\"></g></e>",
        );
        let exclusive = Form::Exclusive(BTreeSet::new());
        check(
            "<e xmlns='u' xmlns:b='w'><b:f/><b:f/></e>",
            &exclusive,
            "<e xmlns=\"u\"><b:f xmlns:b=\"w\"></b:f><b:f xmlns:b=\"w\"></b:f></e>",
        );
        let listed = Form::Exclusive(BTreeSet::from(["b".to_owned()]));
        check("<e xmlns:b='w'><b:f/></e>", &listed, "<e xmlns:b=\"w\"><b:f></b:f></e>");
    }

    #[test]
    fn what_is_not_plain_xml_is_refused() {
        for text in
            ["", "<a>", "<a/><b/>", "<!DOCTYPE a><a/>", "<p:a/>", "<a>&x;</a>", "<a b='&x;'/>"]
        {
            assert!(document(text).is_err(), "{text}");
        }
        assert!(document(&"<a>".repeat(100)).is_err());
        assert!(document(&format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX))).is_err());
    }
}
