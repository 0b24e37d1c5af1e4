//! A Chromium of any age since 78: where it is, how it starts, and that it ends.

use crate::page::Page;
use crate::seen::Seen;
use crate::wire::Wire;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Debian's, when `MINGLUO_CHROMIUM` names no other.
const CHROMIUM: &str = "/usr/bin/chromium";
/// What `.ci/old-browsers` unpacks, oldest first.
const OLD: [&str; 3] = ["79", "92", "108"];
/// The shell gives the browser the pipes that it reads and writes at the numbers it expects.
const PIPES: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#;
const FLAGS: [&str; 17] = [
    "--headless",
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--no-default-browser-check",
    "--hide-scrollbars",
    // A microphone that hums, and nobody who must allow it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--remote-debugging-pipe",
];

/// A program and what it is called in messages and file names.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) name: String,
    path: PathBuf,
}

impl Program {
    /// A program anywhere.
    pub(crate) fn at(name: &str, path: &str) -> Self {
        Self { name: name.to_owned(), path: path.into() }
    }
}

/// Says on the real standard error, which the test runner does not keep to itself.
fn say(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{line}");
}

/// The current Chromium. Without one a test says so loudly and is skipped, but fails in CI.
pub(crate) fn current(test: &str) -> Option<Program> {
    let path = std::env::var_os("MINGLUO_CHROMIUM").map_or_else(|| CHROMIUM.into(), PathBuf::from);
    if path.exists() {
        return Some(Program { name: "current".to_owned(), path });
    }
    let line = format!(
        "!!! SKIPPED {test}: expected a Chromium at {}, found none; install Debian's chromium or \
         set MINGLUO_CHROMIUM",
        path.display()
    );
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{line}");
    say(&line);
    None
}

/// The old ones that `.ci/old-browsers` unpacked; those that are not there are named loudly.
pub(crate) fn old(test: &str) -> Vec<Program> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("MINGLUO_CACHE").map(PathBuf::from).or_else(home);
    let cache = cache.unwrap_or_default().join("mingluo-browsers");
    let mut found = Vec::new();
    for version in OLD {
        let path = cache.join(version).join("chromium");
        if path.exists() {
            found.push(Program { name: format!("chromium-{version}"), path });
        } else {
            say(&format!("!!! SKIPPED {test} in Chromium {version}: run .ci/old-browsers first"));
        }
    }
    found
}

/// Current and old ones.
pub(crate) fn all(test: &str) -> Vec<Program> {
    current(test).into_iter().chain(old(test)).collect()
}

/// A running browser; it ends with this, whatever happens.
pub(crate) struct Browser {
    /// Of the program.
    pub(crate) name: String,
    /// Main version, such as 108.
    pub(crate) version: u32,
    pub(crate) wire: Rc<RefCell<Wire>>,
    child: Child,
    profile: PathBuf,
}

impl Browser {
    /// Starts it with a profile of its own.
    pub(crate) fn start(program: &Program) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let profile =
            std::env::temp_dir().join(format!("mingluo-browser-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&profile).unwrap();
        let log = std::fs::File::create(profile.join("stderr.txt")).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", PIPES, "sh"]).arg(&program.path).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.join("profile").display()));
        if let Some(folder) = program.path.parent().filter(|folder| folder.join("lib").is_dir())
            && program.name != "current"
        {
            command.env("LD_LIBRARY_PATH", folder.join("lib"));
        }
        // A group of its own: its helpers end with it.
        let command = command.process_group(0).env("HOME", &profile);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = spawned.unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let wire = Rc::new(RefCell::new(Wire::new(to, from)));
        let mut browser = Self { name: program.name.clone(), version: 0, wire, child, profile };
        let told = browser.call("Browser.getVersion", json!({}));
        let product = told["product"].as_str().unwrap_or_default().to_owned();
        let number = product.split(['/', '.']).nth(1).and_then(|number| number.parse().ok());
        browser.version = number.unwrap_or_else(|| panic!("no version in {told}"));
        browser
    }

    /// A command to the browser itself.
    pub(crate) fn call(&self, method: &str, parameters: Value) -> Value {
        let answer = self.wire.borrow_mut().call(None, method, parameters);
        answer.unwrap_or_else(|why| panic!("{}: {why}\n{}", self.name, self.log()))
    }

    /// A page of a person with cookies of his own, who may talk to `origin` and nobody else.
    pub(crate) fn person(&self, origin: &str) -> Page {
        let context = self.call("Target.createBrowserContext", json!({}));
        self.page(&context["browserContextId"], origin)
    }

    /// Another page of the same person.
    pub(crate) fn page(&self, context: &Value, origin: &str) -> Page {
        let create = json!({ "url": "about:blank", "browserContextId": context });
        let target = self.call("Target.createTarget", create)["targetId"].clone();
        let attach = json!({ "targetId": target, "flatten": true });
        let session = self.call("Target.attachToTarget", attach)["sessionId"].clone();
        let session = session.as_str().expect("a session").to_owned();
        self.wire.borrow_mut().pages.insert(session.clone(), Seen::default());
        Page::new(Rc::clone(&self.wire), self.name.clone(), session, context.clone(), origin)
    }

    /// What it complained about.
    fn log(&self) -> String {
        let text = std::fs::read(self.profile.join("stderr.txt")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let from = text.char_indices().rev().nth(4_000).map_or(0, |(at, _)| at);
        text[from..].to_owned()
    }

    /// Its process, for the test of its end.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Its folder, for the test of its end.
    pub(crate) fn folder(&self) -> &Path {
        &self.profile
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.child.id())
            && let Some(group) = Pid::from_raw(group)
        {
            let _ended = kill_process_group(group, Signal::KILL);
        }
        let _ended = self.child.wait();
        // Helpers may write a last file while the folder goes.
        for _ in 0..50 {
            if std::fs::remove_dir_all(&self.profile).is_ok() || !self.profile.exists() {
                break;
            }
            let (_keep, never) = std::sync::mpsc::channel::<()>();
            let _elapsed = never.recv_timeout(std::time::Duration::from_millis(20));
        }
    }
}
