//! Our JSON form: the CAP element names as keys, lists for what may repeat. It is turned into the
//! same tree as XML, so that every rule of CAP holds for it too.

use super::notes::Notes;
use super::xml::Node;
use serde_json::Value;

/// Deepest nesting.
const DEPTH_MAX: usize = 16;

/// Parses a JSON alert into a tree named `alert`.
pub(super) fn tree(text: &str, notes: &mut Notes) -> Option<Node> {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => {
            let mut found = Vec::new();
            grow("alert", &value, 0, &mut found, notes);
            found.pop()
        }
        Ok(_) => {
            notes.fault(None, "", "expected a JSON object with the fields of an alert");
            None
        }
        Err(fault) => {
            let line = u32::try_from(fault.line()).ok();
            notes.fault(line, "", format!("not JSON: {fault}"));
            None
        }
    }
}

fn grow(name: &str, value: &Value, depth: usize, found: &mut Vec<Node>, notes: &mut Notes) {
    if depth > DEPTH_MAX {
        return notes.too_large(format!("expected at most {DEPTH_MAX} levels"));
    }
    let mut node = Node { name: name.to_owned(), ..Node::default() };
    match value {
        Value::Null => return,
        Value::Array(items) => {
            return items.iter().for_each(|item| grow(name, item, depth + 1, found, notes));
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                grow(key, field, depth + 1, &mut node.children, notes);
            }
        }
        Value::String(text) => node.text.clone_from(text),
        Value::Number(number) => node.text = number.to_string(),
        Value::Bool(flag) => node.text = flag.to_string(),
    }
    found.push(node);
}
