//! What a page was seen doing: every request, every fault of a script, every violation of its
//! content security policy, every dialog.

use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// What a page calls when its policy is violated.
pub(crate) const VIOLATION: &str = "mingluoViolation";
/// What hostile texts call when they become code.
pub(crate) const PWNED: &str = "mingluoPwned";

/// One request of a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) url: String,
    pub(crate) method: String,
    /// `Document`, `Script`, `Stylesheet`, `Image`, `XHR`, `EventSource` …
    pub(crate) kind: String,
    /// 0 before an answer.
    pub(crate) status: u64,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// Bytes over the wire, heads and bodies as they were sent.
    pub(crate) bytes: u64,
}

/// Everything since the page was opened.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// In their order.
    pub(crate) requests: Vec<Request>,
    by_id: BTreeMap<String, usize>,
    /// What no good page does; a test takes what it expects, and fails when something is left.
    pub(crate) faults: Vec<String>,
    /// Texts of the dialogs that were answered.
    pub(crate) dialogs: Vec<String>,
    /// Answers to the next dialogs: yes or no, and what is typed.
    pub(crate) dialog_answers: VecDeque<(bool, String)>,
    /// How often a document was loaded to its end.
    pub(crate) n_loads: u64,
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Bytes over the wire that an event tells; older browsers write them as a fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, not negative")]
fn n_bytes(with: &Value) -> u64 {
    with["encodedDataLength"].as_f64().unwrap_or(0.0).max(0.0) as u64
}

impl Seen {
    /// Notes an event; gives the command that it asks for.
    pub(crate) fn note(&mut self, event: &str, with: &Value) -> Option<(&'static str, Value)> {
        match event {
            "Page.loadEventFired" => self.n_loads += 1,
            "Page.javascriptDialogOpening" => return Some(self.dialog(&text(&with["message"]))),
            "Inspector.targetCrashed" => self.faults.push("the page crashed".to_owned()),
            "Runtime.exceptionThrown" => {
                let details = &with["exceptionDetails"];
                let what = &details["exception"]["description"];
                let what = if what.is_null() { &details["text"] } else { what };
                let (url, line) = (text(&details["url"]), &details["lineNumber"]);
                self.faults.push(format!("script: {} ({url}:{line})", text(what)));
            }
            "Runtime.consoleAPICalled" => {
                if matches!(with["type"].as_str(), Some("error" | "assert")) {
                    self.faults.push(format!("console: {}", with["args"]));
                }
            }
            "Runtime.bindingCalled" => self.bound(with),
            "Log.entryAdded" => {
                let entry = &with["entry"];
                if entry["level"] == "error" {
                    let (source, url) = (text(&entry["source"]), text(&entry["url"]));
                    self.faults.push(format!("{source}: {} ({url})", text(&entry["text"])));
                }
            }
            _ => self.network(event, with),
        }
        None
    }

    /// Forgets the requests until now.
    pub(crate) fn forget_requests(&mut self) {
        self.requests.clear();
        self.by_id.clear();
    }

    fn dialog(&mut self, message: &str) -> (&'static str, Value) {
        let (accept, typed) = self.dialog_answers.pop_front().unwrap_or_else(|| {
            self.faults.push(format!("dialog: nobody expected `{message}`"));
            (false, String::new())
        });
        self.dialogs.push(message.to_owned());
        ("Page.handleJavaScriptDialog", json!({ "accept": accept, "promptText": typed }))
    }

    fn bound(&mut self, with: &Value) {
        let payload = text(&with["payload"]);
        match with["name"].as_str() {
            Some(VIOLATION) => self.faults.push(format!("policy: {payload}")),
            Some(PWNED) => self.faults.push(format!("a text became code: {payload}")),
            _ => {}
        }
    }

    fn network(&mut self, event: &str, with: &Value) {
        let id = text(&with["requestId"]);
        if event == "Network.requestWillBeSent" {
            if let Some(answer) = with.get("redirectResponse") {
                self.answered(&id, answer);
            }
            self.by_id.insert(id, self.requests.len());
            self.requests.push(Request {
                url: text(&with["request"]["url"]),
                method: text(&with["request"]["method"]),
                kind: text(&with["type"]),
                ..Request::default()
            });
            return;
        }
        if event == "Network.webSocketCreated" {
            let (url, kind) = (text(&with["url"]), "WebSocket".to_owned());
            self.requests.push(Request { url, kind, ..Request::default() });
        }
        if event == "Network.responseReceived" {
            self.answered(&id, &with["response"]);
        }
        let Some(request) = self.by_id.get(&id).and_then(|at| self.requests.get_mut(*at)) else {
            return;
        };
        let bytes = n_bytes(with);
        match event {
            "Network.dataReceived" => request.bytes += bytes,
            // The whole, with the head.
            "Network.loadingFinished" => request.bytes = request.bytes.max(bytes),
            "Network.loadingFailed" => {
                let blocked = with["blockedReason"].as_str();
                if let Some(why) = blocked {
                    self.faults.push(format!("blocked: {} ({why})", request.url));
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, id: &str, answer: &Value) {
        let Some(request) = self.by_id.get(id).and_then(|at| self.requests.get_mut(*at)) else {
            return;
        };
        request.status = answer["status"].as_u64().unwrap_or(0);
        if let Some(headers) = answer["headers"].as_object() {
            let pair = |(name, value): (&String, &Value)| (name.to_lowercase(), text(value));
            request.headers = headers.iter().map(pair).collect();
        }
        request.bytes = request.bytes.max(n_bytes(answer));
    }
}
