//! What schemas are built of: JSON Schema 2020-12, as OpenAPI 3.1 has it.

use serde_json::{Map, Value, json};

/// A schema with one keyword more.
pub(super) fn with(mut schema: Value, keyword: &str, value: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(keyword.to_owned(), value);
    }
    schema
}

/// Any text.
pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// A text with an example of itself.
pub(super) fn such_as(example: &str, what: &str) -> Value {
    json!({ "type": "string", "description": what, "examples": [example] })
}

/// Yes or no.
pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// An integer from `min` to `max`.
pub(super) fn number(min: u64, max: u64) -> Value {
    json!({ "type": "integer", "minimum": min, "maximum": max })
}

/// How many.
pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// A moment.
pub(super) fn ms() -> Value {
    json!({ "type": "integer", "format": "int64", "description": "milliseconds since 1970, UTC" })
}

/// A floating-point number.
pub(super) fn real() -> Value {
    json!({ "type": "number" })
}

/// The component of that name.
pub(super) fn a(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Any number of them.
pub(super) fn list(of: Value) -> Value {
    with(json!({ "type": "array" }), "items", of)
}

/// The same or nothing.
pub(super) fn or_null(mut of: Value) -> Value {
    if let Some(kind @ Value::String(_)) = of.get_mut("type") {
        *kind = json!([kind.clone(), "null"]);
        return of;
    }
    json!({ "anyOf": [of, { "type": "null" }] })
}

/// One of these words.
pub(super) fn words(all: &[&str]) -> Value {
    json!({ "type": "string", "enum": all })
}

/// One of several shapes.
pub(super) fn either(all: Vec<Value>) -> Value {
    with(json!({}), "anyOf", Value::Array(all))
}

/// An object in an answer. A name that ends with `?` may be missing; more fields may be added.
pub(super) fn object(fields: &[(&str, Value)]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, schema) in fields {
        let bare = name.trim_end_matches('?');
        if bare == *name {
            required.push(bare);
        }
        properties.insert(bare.to_owned(), schema.clone());
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// An object in a request: unknown fields are refused.
pub(super) fn closed(example: &Value, fields: &[(&str, Value)]) -> Value {
    let schema = with(object(fields), "additionalProperties", Value::Bool(false));
    with(schema, "examples", json!([example]))
}

/// An object whose names are data.
pub(super) fn map(of: Value) -> Value {
    with(json!({ "type": "object" }), "additionalProperties", of)
}

/// Any object.
pub(super) fn anything() -> Value {
    json!({ "type": "object", "additionalProperties": true })
}
