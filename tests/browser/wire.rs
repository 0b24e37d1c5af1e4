//! The protocol of Chrome's developer tools over two pipes: JSON messages that end with a zero byte. No port, no
//! second program, and a browser whose pipes are closed ends by itself.

use crate::seen::Seen;
use mingluo::clock::Monotonic;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Longest wait for the answer to a command, milliseconds; a busy machine of two cores needs much.
const ANSWER_MS_MAX: u64 = 60_000;
/// Messages of the browser that wait to be read; then the browser waits.
const MESSAGES_MAX: usize = 10_000;

/// Both pipes, and what every page was seen doing.
pub(crate) struct Wire {
    to: ChildStdin,
    from: Receiver<Value>,
    next_number: u64,
    answers: BTreeMap<u64, Value>,
    /// By session, which is one page.
    pub(crate) pages: BTreeMap<String, Seen>,
}

impl Wire {
    /// Reads on a thread of its own, which ends with the browser.
    pub(crate) fn new(to: ChildStdin, from: ChildStdout) -> Self {
        let (sender, receiver) = sync_channel(MESSAGES_MAX);
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut message = Vec::new();
            while from.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { return };
                if sender.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let (answers, pages) = (BTreeMap::new(), BTreeMap::new());
        Self { to, from: receiver, next_number: 0, answers, pages }
    }

    /// Sends a command and waits for its answer; what happens meanwhile is noted.
    ///
    /// # Errors
    /// What the browser says against it.
    pub(crate) fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, String> {
        let number = self.send(session, method, parameters);
        let waited = Monotonic::start();
        loop {
            if let Some(mut answer) = self.answers.remove(&number) {
                return match answer.get("error") {
                    Some(error) => Err(format!("{method}: {error}")),
                    None => Ok(answer["result"].take()),
                };
            }
            self.turn(Duration::from_millis(200))?;
            if waited.elapsed_ms() > ANSWER_MS_MAX {
                return Err(format!("{method}: no answer within {ANSWER_MS_MAX} ms"));
            }
        }
    }

    fn send(&mut self, session: Option<&str>, method: &str, parameters: Value) -> u64 {
        self.next_number += 1;
        let mut command = json!({ "id": self.next_number, "method": method });
        command["params"] = parameters;
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        // A browser that is gone is told by the reading side.
        let _gone = self.to.write_all(&bytes).and_then(|()| self.to.flush());
        self.next_number
    }

    /// Takes what has come, waiting at most `wait` for the first message.
    ///
    /// # Errors
    /// When the browser is gone.
    pub(crate) fn turn(&mut self, wait: Duration) -> Result<(), String> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        let mut wait = wait;
        loop {
            match self.from.recv_timeout(wait) {
                Ok(message) => self.take(message),
                Err(Timeout) => return Ok(()),
                Err(Disconnected) => return Err("the browser is gone".to_owned()),
            }
            wait = Duration::ZERO;
        }
    }

    fn take(&mut self, message: Value) {
        if let Some(number) = message["id"].as_u64() {
            self.answers.insert(number, message);
            return;
        }
        let Some(session) = message["sessionId"].as_str().map(str::to_owned) else { return };
        let Some(page) = self.pages.get_mut(&session) else { return };
        let reply = page.note(message["method"].as_str().unwrap_or(""), &message["params"]);
        if let Some((method, parameters)) = reply {
            // Nobody waits for its answer: a dialog that cannot be answered is gone.
            self.send(Some(&session), method, parameters);
        }
    }
}
