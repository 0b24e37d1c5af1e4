//! Requests of the interface, each answer judged by the interface's own description.

use super::{Contract, Gateway};
use serde_json::Value;
use std::io::Write as _;

/// What a GET brought.
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) bytes: Vec<u8>,
}

impl Fetched {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }
}

impl Gateway {
    /// How the interface describes itself.
    pub(crate) fn contract(&self) -> &Contract {
        self.contract.get_or_init(|| {
            let url = format!("http://{}/api/v1/openapi.json", self.http);
            Contract::new(self.runtime.block_on(async {
                reqwest::Client::new().get(url).send().await.unwrap().json().await.unwrap()
            }))
        })
    }

    /// GET of the API as leader.
    pub(crate) fn get(&self, path: &str) -> Value {
        let fetched = self.fetch(path, &self.leader_key);
        serde_json::from_slice(&fetched.bytes).expect("the answer is JSON")
    }

    /// GET of the API with any key.
    pub(crate) fn fetch(&self, path: &str, key: &str) -> Fetched {
        let url = format!("http://{}/api/v1{path}", self.http);
        let fetched = self.runtime.block_on(async {
            let answer = reqwest::Client::new().get(url).bearer_auth(key).send().await.unwrap();
            let status = answer.status().as_u16();
            let kind = answer.headers().get("content-type").cloned();
            let content_type = kind.map(|kind| kind.to_str().unwrap().to_owned());
            let content_type = content_type.unwrap_or_default();
            Fetched { status, content_type, bytes: answer.bytes().await.unwrap().to_vec() }
        });
        if fetched.content_type.contains("json") {
            let (status, kind) = (fetched.status, &fetched.content_type);
            self.contract().check("get", path, status, kind, &fetched.json());
        }
        fetched
    }

    /// A GET whose answer has begun and is not read.
    pub(crate) fn begin(&self, path: &str, key: &str) -> reqwest::Response {
        let url = format!("http://{}/api/v1{path}", self.http);
        let request = reqwest::Client::new().get(url).bearer_auth(key);
        self.runtime.block_on(async { request.send().await.unwrap() })
    }

    /// POST of the API; gives status and body.
    pub(crate) fn post(&self, path: &str, key: &str, body: String) -> (u16, Value) {
        self.send("post", path, key, body)
    }

    /// Any request with a JSON body; gives status and body.
    pub(crate) fn send(&self, method: &str, path: &str, key: &str, body: String) -> (u16, Value) {
        let url = format!("http://{}/api/v1{path}", self.http);
        let verb = method.to_uppercase().parse().unwrap();
        let (status, kind, answer) = self.runtime.block_on(async {
            let request = reqwest::Client::new().request(verb, url).bearer_auth(key).body(body);
            let answer = request.header("Content-Type", "application/json").send().await.unwrap();
            let kind = answer.headers().get("content-type").cloned();
            let kind = kind.map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
            let status = answer.status().as_u16();
            if kind.is_empty() || kind.contains("json") {
                (status, kind, answer.json().await.unwrap_or_default())
            } else {
                (status, kind, Value::String(answer.text().await.unwrap()))
            }
        });
        self.contract().check(method, path, status, &kind, &answer);
        (status, answer)
    }

    /// An open `GET /events`; ends when it is dropped.
    pub(crate) fn watch(&self) -> std::net::TcpStream {
        let mut stream = std::net::TcpStream::connect(self.http).unwrap();
        let key = &self.leader_key;
        let head = "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n";
        write!(stream, "{head}Authorization: Bearer {key}\r\n\r\n").unwrap();
        stream
    }
}
