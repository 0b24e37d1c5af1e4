//! A web server of the tests themselves: fixed pages, a place for forms, and a stream of events.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A header that allows nothing but what this server sends.
pub(crate) const STRICT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'";

#[derive(Default)]
struct Shared {
    /// By path: type and body.
    files: BTreeMap<String, (&'static str, String)>,
    policy: String,
    /// Bodies that were posted, in their order.
    posted: Mutex<Vec<Vec<u8>>>,
}

/// It listens until the test process ends.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Serves these files: path, type, body. `/events` is a stream, a POST anywhere is kept.
    pub(crate) fn start(policy: &str, files: &[(&str, &'static str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let files = files
            .iter()
            .map(|(path, kind, body)| ((*path).to_owned(), (*kind, (*body).to_owned())));
        let shared =
            Shared { files: files.collect(), policy: policy.to_owned(), ..Shared::default() };
        let shared = Arc::new(shared);
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&of_thread);
                // A browser opens sockets that it never uses: each has a thread.
                std::thread::spawn(move || {
                    let _cut_off = answer(&stream, &shared);
                });
            }
        });
        Self { address, shared }
    }

    /// Its origin.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same server under a name that is another site to a browser.
    pub(crate) fn other_site(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// What was posted until now.
    pub(crate) fn posted(&self) -> Vec<Vec<u8>> {
        self.shared.posted.lock().unwrap().clone()
    }
}

fn answer(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut to = stream;
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if reader.read_until(b'\n', &mut head)? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        if path == "/events" {
            return events(to);
        }
        let (status, kind, text) = if method == "POST" {
            shared.posted.lock().unwrap().push(body);
            ("200 OK", "text/html", "<!doctype html><title>posted</title><h1>posted</h1>")
        } else {
            match shared.files.get(path.split('?').next().unwrap_or("")) {
                Some((kind, text)) => ("200 OK", *kind, text.as_str()),
                // A browser asks for it by itself.
                None if path == "/favicon.ico" => ("200 OK", "image/x-icon", ""),
                None => ("404 Not Found", "text/plain", "not here"),
            }
        };
        write!(
            to,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\n\
             Content-Security-Policy: {}\r\n\r\n{text}",
            text.len(),
            shared.policy
        )?;
    }
}

/// Counts, ten times a second, until nobody listens.
fn events(mut to: &TcpStream) -> std::io::Result<()> {
    write!(to, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")?;
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    for number in 0.. {
        write!(to, "event: count\ndata: {number}\n\n")?;
        let _elapsed = never.recv_timeout(Duration::from_millis(100));
    }
    Ok(())
}
