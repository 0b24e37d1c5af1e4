//! Stands between a county and its upper platform, and spoils what passes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it does with a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mood {
    /// It goes through, and the answer comes back.
    Pass,
    /// The connection is closed at once.
    Refuse,
    /// It is read, and nothing comes back.
    Hang,
    /// It is answered with something that is no receipt.
    Nonsense,
    /// It goes through, and the answer is lost.
    Swallow,
    /// Those that hold these words are answered 503; others pass.
    BusyFor(String),
}

struct Inner {
    to: SocketAddr,
    mood: Mutex<Mood>,
    n_posts: Mutex<usize>,
}

/// It ends with the process.
pub(super) struct Between {
    pub(super) at: SocketAddr,
    inner: Arc<Inner>,
}

impl Between {
    pub(super) fn start(to: SocketAddr, mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let inner = Arc::new(Inner { to, mood: Mutex::new(mood), n_posts: Mutex::default() });
        let shared = Arc::clone(&inner);
        drop(std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = Arc::clone(&shared);
                drop(std::thread::spawn(move || inner.pass(stream)));
            }
        }));
        Self { at, inner }
    }

    pub(super) fn set(&self, mood: Mood) {
        *self.inner.mood.lock().unwrap() = mood;
    }

    /// Posts that came so far.
    pub(super) fn n_posts(&self) -> usize {
        *self.inner.n_posts.lock().unwrap()
    }
}

impl Inner {
    fn pass(&self, mut stream: TcpStream) -> Option<()> {
        *self.n_posts.lock().unwrap() += 1;
        let mood = self.mood.lock().unwrap().clone();
        if mood == Mood::Refuse {
            return None;
        }
        let request = whole(&stream)?;
        let busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        match mood {
            Mood::Hang => {
                let mut byte = [0];
                stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
                // It returns when the other side has had enough.
                let _gone = stream.read(&mut byte);
                None
            }
            Mood::Nonsense => {
                let words = "<html>404 but 200</html>";
                let answer =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{words}", words.len());
                stream.write_all(answer.as_bytes()).ok()
            }
            Mood::BusyFor(words) if holds(&request, &words) => stream.write_all(busy).ok(),
            Mood::Pass | Mood::Swallow | Mood::Refuse | Mood::BusyFor(_) => {
                let answer = self.through(&request)?;
                if mood == Mood::Swallow { None } else { stream.write_all(&answer).ok() }
            }
        }
    }

    fn through(&self, request: &[u8]) -> Option<Vec<u8>> {
        let mut upper = TcpStream::connect(self.to).ok()?;
        upper.write_all(request).ok()?;
        let mut answer = Vec::new();
        upper.read_to_end(&mut answer).ok()?;
        Some(answer)
    }
}

fn holds(request: &[u8], words: &str) -> bool {
    request.windows(words.len()).any(|part| part == words.as_bytes())
}

/// A request with its body, made to end the connection.
fn whole(stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut n_bytes) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? <= 2 {
            break;
        }
        let lower = line.to_lowercase();
        if let Some(n) = lower.strip_prefix("content-length:") {
            n_bytes = n.trim().parse().ok()?;
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut request = format!("{head}Connection: close\r\n\r\n").into_bytes();
    let mut body = vec![0; n_bytes];
    reader.read_exact(&mut body).ok()?;
    request.extend_from_slice(&body);
    Some(request)
}
