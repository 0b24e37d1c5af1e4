//! The receiving end of messages of calls, as a county's gateway of short messages would be.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

/// One message as it arrived.
#[derive(Clone)]
pub(crate) struct Message {
    head: Vec<String>,
    pub(crate) body: String,
}

impl Message {
    /// The value of a head line.
    pub(crate) fn header(&self, name: &str) -> &str {
        let line = self.head.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        line.unwrap_or_else(|| panic!("no header {name} in {:?}", self.head))
    }

    /// What it tells.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A gateway of messages that fails the first `n_failures` times.
pub(crate) fn receiver(at: SocketAddr, n_failures: usize) -> Arc<Mutex<Vec<Message>>> {
    let listener = TcpListener::bind(at).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = Vec::new();
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                head.push(line.trim().to_owned());
                line.clear();
            }
            if head.is_empty() {
                continue;
            }
            let mut message = Message { head, body: String::new() };
            let n_bytes: usize = message.header("content-length").parse().unwrap();
            let mut body = vec![0; n_bytes];
            reader.read_exact(&mut body).unwrap();
            message.body = String::from_utf8(body).unwrap();
            let n_seen = {
                let mut seen = shared.lock().unwrap();
                seen.push(message);
                seen.len()
            };
            let status = if n_seen <= n_failures { "503 Busy" } else { "200 OK" };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    seen
}
