//! A small HTTP server for tests: documents by path, conditional requests, and a log of what was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it answers.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
    /// `Location` and the like.
    pub(crate) head: String,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

#[derive(Default)]
struct Inner {
    pages: BTreeMap<String, Page>,
    log: Vec<Asked>,
}

/// The server; it ends with the process.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let server = Self { at, inner: Arc::clone(&inner) };
        drop(std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = Arc::clone(&inner);
                drop(std::thread::spawn(move || answer(stream, &inner)));
            }
        }));
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    pub(crate) fn put(&self, path: &str, kind: &'static str, body: impl Into<Vec<u8>>) {
        let page = Page { status: 200, kind, body: body.into(), head: String::new() };
        self.put_page(path, page);
    }

    /// For every path that begins so, when there is none of that name.
    pub(crate) fn put_page(&self, path: &str, page: Page) {
        self.inner.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    pub(crate) fn log(&self) -> Vec<Asked> {
        self.inner.lock().unwrap().log.clone()
    }
}

fn answer(stream: TcpStream, inner: &Mutex<Inner>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    while reader.read_line(&mut head).ok()? > 2 {}
    let path = head.split(' ').nth(1)?.to_owned();
    let lower = head.to_lowercase();
    let field = |name: &str| {
        let line = lower.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let n_bytes: usize = field("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; n_bytes];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let page = {
        let mut inner = inner.lock().unwrap();
        inner.log.push(Asked { path: path.clone(), head: head.clone(), body });
        let begins = |(start, _): &(&String, &Page)| {
            start.ends_with('*') && path.starts_with(start.trim_end_matches('*'))
        };
        let found = inner.pages.get(&path);
        found.or_else(|| inner.pages.iter().find(begins).map(|(_, page)| page)).cloned()
    };
    let absent = Page { status: 404, kind: "text/plain", body: Vec::new(), head: String::new() };
    let mut page = page.unwrap_or(absent);
    // What stands for many paths is a document of its own at each.
    let digits = mingluo::model::Sha256::of(path.as_bytes()).to_string();
    let text = String::from_utf8_lossy(&page.body).replace("PATH", &digits);
    page.body = text.into_bytes();
    let etag = format!("\"{}\"", mingluo::model::Sha256::of(&page.body));
    let same = field("if-none-match").is_some_and(|known| known == etag);
    let mut stream = stream;
    let (status, body) = if same { (304, Vec::new()) } else { (page.status, page.body) };
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: {}\r\nContent-Length: {}\r\nETag: {etag}\r\n{}Connection: close\r\n\r\n",
        page.kind,
        body.len(),
        page.head,
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&body).ok()
}
