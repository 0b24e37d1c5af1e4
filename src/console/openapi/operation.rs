//! One operation: what it asks for, what it takes and what it may answer.

use super::shape::{a, number, text};
use crate::model::{Right, Role};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// All roles, in the order of their rank.
pub(super) const ROLES: [Role; 6] = [
    Role::Source,
    Role::Officer,
    Role::Leader,
    Role::Auditor,
    Role::Technician,
    Role::Administrator,
];

/// An operation under construction.
pub(super) struct Operation {
    /// `get`, `post` or `delete`.
    pub(super) method: &'static str,
    /// Its path as the router has it.
    pub(super) path: &'static str,
    summary: &'static str,
    right: Option<Right>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Map<String, Value>,
    problems: BTreeSet<u16>,
}

/// A GET.
pub(super) fn get(path: &'static str, right: Right, summary: &'static str) -> Operation {
    Operation::new("get", path, Some(right), summary)
}

/// A POST.
pub(super) fn post(path: &'static str, right: Right, summary: &'static str) -> Operation {
    Operation::new("post", path, Some(right), summary)
}

/// A DELETE.
pub(super) fn delete(path: &'static str, right: Right, summary: &'static str) -> Operation {
    Operation::new("delete", path, Some(right), summary)
}

/// A GET without a key.
pub(super) fn open(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("get", path, None, summary)
}

impl Operation {
    fn new(
        method: &'static str,
        path: &'static str,
        right: Option<Right>,
        summary: &'static str,
    ) -> Self {
        let mut problems = BTreeSet::from([400, 405, 500]);
        if right.is_some() {
            problems.extend([401, 403, 503, 504]);
        }
        let mut parameters = Vec::new();
        for name in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            let schema = if name == "name" { text() } else { number(0, u64::MAX) };
            parameters
                .push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
            problems.insert(404);
        }
        let (body, answers) = (None, Map::new());
        Self { method, path, summary, right, parameters, body, answers, problems }
    }

    /// A parameter behind `?`.
    pub(super) fn query(mut self, name: &str, schema: &Value) -> Self {
        self.parameters.push(json!({ "name": name, "in": "query", "schema": schema }));
        self
    }

    /// A parameter behind `?` that must be there.
    pub(super) fn required(mut self, name: &str, schema: &Value) -> Self {
        let parameter = json!({ "name": name, "in": "query", "required": true, "schema": schema });
        self.parameters.push(parameter);
        self.problems.insert(404);
        self
    }

    /// The same request twice under one key is done once.
    pub(super) fn once(mut self) -> Self {
        // HTTP takes spaces around a value away.
        let schema = json!({ "type": "string", "pattern": "^[ \\t]*[!-~]{1,128}[ \\t]*$" });
        let told = "1 to 128 ASCII bytes; the same key with the same request gives the first answer \
                    again, with another request 422, while the first is under way 409; kept in memory";
        self.parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "schema": schema, "description": told
        }));
        self.problems.extend([409, 422]);
        self
    }

    /// Takes a JSON body.
    pub(super) fn takes(self, schema: &str) -> Self {
        self.takes_as(true, &json!({ "application/json": { "schema": a(schema) } }))
    }

    /// Takes a JSON body, or none.
    pub(super) fn may_take(self, schema: &str) -> Self {
        self.takes_as(false, &json!({ "application/json": { "schema": a(schema) } }))
    }

    /// Takes a body of other types.
    pub(super) fn takes_as(mut self, required: bool, content: &Value) -> Self {
        self.body = Some(json!({ "required": required, "content": content }));
        self.problems.extend([408, 413, 415, 422]);
        self
    }

    /// Answers 200 with this component.
    pub(super) fn gives(self, schema: &str) -> Self {
        self.answers(200, schema)
    }

    /// Answers that status with this component.
    pub(super) fn answers(self, status: u16, schema: &str) -> Self {
        self.answers_as(status, &json!({ "application/json": { "schema": a(schema) } }))
    }

    /// Answers that status with bodies of other types.
    pub(super) fn answers_as(mut self, status: u16, content: &Value) -> Self {
        let mut content = content.clone();
        if self.problems.remove(&status)
            && let Some(content) = content.as_object_mut()
        {
            content
                .insert("application/problem+json".to_owned(), json!({ "schema": a("Problem") }));
        }
        let told = if status < 400 { "done" } else { "recorded, and a person must look" };
        self.answers.insert(status.to_string(), json!({ "description": told, "content": content }));
        self
    }

    /// Asks the core, which may say no.
    pub(super) fn decided(mut self) -> Self {
        self.problems.insert(409);
        self
    }

    /// As the document has it.
    pub(super) fn value(&self) -> Value {
        let mut answers = self.answers.clone();
        for status in &self.problems {
            answers.insert(status.to_string(), json!({ "$ref": "#/components/responses/Problem" }));
        }
        answers.insert("default".to_owned(), json!({ "$ref": "#/components/responses/Problem" }));
        let mut value = json!({
            "summary": self.summary,
            "operationId": self.id(),
            "responses": answers,
            "security": self.right.map_or_else(|| json!([]), |_| json!([{ "key": [] }])),
        });
        if let Some(fields) = value.as_object_mut() {
            if let Some(right) = self.right {
                let roles: Vec<Role> = ROLES.into_iter().filter(|role| role.may(right)).collect();
                fields.insert("x-roles".to_owned(), json!(roles));
            }
            if !self.parameters.is_empty() {
                fields.insert("parameters".to_owned(), json!(self.parameters));
            }
            fields.extend(self.body.clone().map(|body| ("requestBody".to_owned(), body)));
        }
        value
    }

    /// A name for generated clients: `post_broadcasts_id_cancel`.
    fn id(&self) -> String {
        let words = self.path.split(|c: char| !c.is_ascii_alphanumeric());
        words
            .filter(|word| !word.is_empty())
            .fold(self.method.to_owned(), |id, word| id + "_" + word)
    }
}
