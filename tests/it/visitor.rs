//! A browser without a screen, for tests of the console over real sockets.

use crate::process::{Gateway, wire};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;

pub(crate) const PASSWORD: &str = "correct horse 7 staple";

/// A browser without a screen: it keeps cookies, sends `Origin`, and finds the token of forms.
pub(crate) struct Visitor {
    pub(crate) http: SocketAddr,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) token: String,
}

/// What came back.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: String,
    pub(crate) whole: String,
}

impl Visitor {
    pub(crate) fn new(gateway: &Gateway) -> Self {
        let http = gateway.listeners()[1].1;
        Self { http, cookies: BTreeMap::new(), token: String::new() }
    }

    pub(crate) fn signed_in(gateway: &Gateway, login: &str) -> Self {
        let mut visitor = Self::new(gateway);
        let page = visitor.post("/console/sign-in", &[("login", login), ("password", PASSWORD)]);
        assert_eq!((page.status, page.location.as_str()), (303, "/console/"), "{}", page.whole);
        visitor.get("/console/");
        visitor
    }

    pub(crate) fn get(&mut self, path: &str) -> Page {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.http), "")
    }

    /// A download that is no text.
    pub(crate) fn get_bytes(&self, path: &str) -> String {
        use std::io::{Read, Write as _};
        let jar: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nConnection: close\r\n\r\n",
            self.http,
            jar.join("; ")
        );
        let mut stream = std::net::TcpStream::connect(self.http).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let origin = format!("http://{}", self.http);
        let token = self.token.clone();
        let mut all = vec![("token", token.as_str())];
        all.extend_from_slice(fields);
        self.post_from(&origin, path, &all)
    }

    pub(crate) fn post_from(&mut self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            self.http,
            body.len()
        );
        self.send(&head, &body)
    }

    /// A form with a file in it.
    pub(crate) fn post_parts(&mut self, path: &str, parts: &[(&str, &str)]) -> Page {
        let token = self.token.clone();
        let mut body = String::new();
        for (name, value) in [("token", token.as_str())].iter().chain(parts) {
            let file = if *name == "file" { "; filename=\"duty.csv\"" } else { "" };
            write!(
                body,
                "--edge\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n"
            )
            .unwrap();
        }
        body.push_str("--edge--\r\n");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\n\
             Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: {1}\r\n",
            self.http,
            body.len()
        );
        self.send(&head, &body)
    }

    pub(crate) fn send(&mut self, head: &str, body: &str) -> Page {
        self.send_bytes(head, body.as_bytes())
    }

    /// The same with a body that is no text.
    pub(crate) fn send_bytes(&mut self, head: &str, body: &[u8]) -> Page {
        let mut request = head.to_owned();
        let jar: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        write!(request, "Cookie: {}\r\nConnection: close\r\n\r\n", jar.join("; ")).unwrap();
        let request = [request.as_bytes(), body].concat();
        let (status, whole) = wire(self.http, &request);
        let head = whole.split("\r\n\r\n").next().unwrap_or_default();
        let mut location = String::new();
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "location" => value.clone_into(&mut location),
                "set-cookie" => {
                    let pair = value.split(';').next().unwrap();
                    let (name, value) = pair.split_once('=').unwrap();
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
        if let Some((_, rest)) = whole.split_once("name=\"token\" value=\"") {
            rest.split('"').next().unwrap().clone_into(&mut self.token);
        }
        Page { status, location, whole }
    }
}

pub(crate) fn add(gateway: &Gateway, login: &str, name: &str, role: &str, area: &str) {
    let arguments = ["user", "add", login, "--name", name, "--role", role, "--area", area];
    let (code, said) = gateway.cli_with(&arguments, PASSWORD);
    assert_eq!(code, 0, "{said}");
}
