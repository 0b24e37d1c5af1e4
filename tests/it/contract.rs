//! The interface's own description as a judge of its answers. Stricter than the description: an answer
//! with a field that is not described fails too.

use serde_json::Value;

/// What schemas are made of here. Another keyword would be ignored in silence: it is a panic.
const KEYWORDS: [&str; 15] = [
    "$ref",
    "additionalProperties",
    "anyOf",
    "default",
    "description",
    "enum",
    "examples",
    "format",
    "items",
    "maximum",
    "minItems",
    "minimum",
    "pattern",
    "properties",
    "required",
];

/// `/openapi.json` of a gateway.
pub(crate) struct Contract(Value);

impl Contract {
    /// From the document.
    pub(crate) fn new(document: Value) -> Self {
        assert_eq!(document["openapi"], "3.1.0", "{document:.200}");
        Self(document)
    }

    /// The document.
    pub(crate) fn document(&self) -> &Value {
        &self.0
    }

    /// Fails when an answer is not as described.
    pub(crate) fn check(&self, method: &str, path: &str, status: u16, kind: &str, body: &Value) {
        let Some(operation) = self.operation(method, path) else {
            assert!(matches!(status, 404 | 405), "{method} {path} is not described: {status}");
            return;
        };
        let answers = &operation["responses"];
        let answer = answers.get(status.to_string()).unwrap_or(&answers["default"]);
        let answer = self.resolve(answer);
        let kind = kind.split(';').next().unwrap_or_default();
        let what = format!("{method} {path} {status} {kind}");
        let schema = &answer["content"][kind]["schema"];
        assert!(schema.is_object(), "{what}: this kind of answer is not described: {answer}");
        if let Err(fault) = self.fits(schema, body, "") {
            panic!("{what}: {fault}\nin {body}");
        }
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let path: Vec<&str> = path.split('?').next()?.split('/').collect();
        let same = |described: &str| {
            let described: Vec<&str> = described.split('/').collect();
            let fits = |(a, b): (&&str, &&str)| a.starts_with('{') || a == b;
            described.len() == path.len() && described.iter().zip(&path).all(fits)
        };
        let paths = self.0["paths"].as_object()?;
        // Where both fit, words go before parameters.
        let mut fitting: Vec<_> = paths.iter().filter(|(described, _)| same(described)).collect();
        fitting.sort_by_key(|(described, _)| described.matches('{').count());
        fitting.first()?.1.get(method)
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            None => value,
            Some(to) => self.0.pointer(to.trim_start_matches('#')).expect("it leads somewhere"),
        }
    }

    /// Whether a value is as its schema says.
    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let schema = self.resolve(schema);
        for keyword in schema.as_object().expect("a schema is an object").keys() {
            let known = keyword == "type" || KEYWORDS.contains(&keyword.as_str());
            assert!(known, "this judge knows no `{keyword}`");
        }
        if let Some(all) = schema["anyOf"].as_array() {
            let faults: Vec<String> =
                all.iter().filter_map(|one| self.fits(one, value, at).err()).collect();
            return if faults.len() < all.len() { Ok(()) } else { Err(faults.join("\n or ")) };
        }
        let kinds = schema["type"].as_array().into_iter().flatten().chain([&schema["type"]]);
        let kinds: Vec<&str> = kinds.filter_map(Value::as_str).collect();
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) if kinds.contains(&"number") => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let wrong = |what: String| Err(format!("{at}: {what}, got {value:.200}"));
        if !kinds.contains(&kind) {
            return wrong(format!("expected {kinds:?}"));
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            return wrong(format!("expected one of {words:?}"));
        }
        let (min, max) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
        let out = value.as_i64().is_some_and(|value| {
            min.is_some_and(|min| value < min) || max.is_some_and(|max| value > max)
        });
        if out {
            return wrong(format!("expected {min:?} to {max:?}"));
        }
        for (number, item) in value.as_array().into_iter().flatten().enumerate() {
            self.fits(&schema["items"], item, &format!("{at}[{number}]"))?;
        }
        self.fields_fit(schema, value, at)
    }

    fn fields_fit(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let Some(fields) = value.as_object() else { return Ok(()) };
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !fields.contains_key(name) {
                return Err(format!("{at}: `{name}` is missing"));
            }
        }
        for (name, value) in fields {
            let at = format!("{at}.{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(schema), _) => self.fits(schema, value, &at)?,
                (None, Value::Bool(true)) => {}
                (None, schema @ Value::Object(_)) => self.fits(schema, value, &at)?,
                (None, _) => return Err(format!("{at} is not described, got {value:.200}")),
            }
        }
        Ok(())
    }
}

#[test]
fn the_judge_sees_what_does_not_fit() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"],
        "properties": { "a": { "type": ["integer", "null"], "minimum": 1 },
            "b": { "type": "array", "items": { "$ref": "#/w" } } }
    });
    let document = serde_json::json!({
        "openapi": "3.1.0", "w": { "type": "string", "enum": ["x", "y"] }
    });
    let contract = Contract::new(document);
    let check = |value: Value, expect: Option<&str>| {
        let got = contract.fits(&schema, &value, "").err();
        let same = got
            .as_deref()
            .map_or(expect.is_none(), |got| expect.is_some_and(|expect| got.contains(expect)));
        assert!(same, "{value}: {got:?}");
    };
    check(serde_json::json!({ "a": 1, "b": ["x"] }), None);
    check(serde_json::json!({ "a": null }), None);
    check(serde_json::json!({ "b": [] }), Some("`a` is missing"));
    check(serde_json::json!({ "a": 0 }), Some("expected Some(1)"));
    check(serde_json::json!({ "a": "1" }), Some("expected [\"integer\""));
    check(serde_json::json!({ "a": 1, "b": ["z"] }), Some(".b[0]: expected one of"));
    check(serde_json::json!({ "a": 1, "c": 2 }), Some(".c is not described"));
}
