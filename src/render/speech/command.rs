//! A voice of the county's own: any program that turns text into a sound file.
//!
//! It is started without a shell and with an empty environment, in a process group of its own that is
//! killed when the program ends or its time is over, so that nothing of it stays behind. Its time and
//! the size of what it gives are limited; how it failed is told with its last words.

use super::{Deadline, Speech, SpeechFault};
use crate::render::recording;
use crate::render::samples::Samples;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// Programs that may run at once; with more, the next voice of the chain speaks.
pub const PROGRAMS_MAX: usize = 4;
/// What is kept of the program's messages in bytes; the rest is read and dropped.
const MESSAGE_BYTES_MAX: usize = 4_096;
/// What is told of them, in characters from the end.
const TOLD_CHARS_MAX: usize = 200;
/// Time for the last bytes after the program has ended, and for its end after it was killed.
const LAST_BYTES_WAIT: Duration = Duration::from_secs(1);
/// Bytes read at once.
const PART_BYTES: usize = 65_536;
/// Where the program finds other programs.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Which program, and what it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandConfig {
    /// Absolute path and arguments. `{voice}`, `{speed}`, `{text_file}` and `{wav_file}` inside an
    /// argument are replaced; without `{text_file}` the text comes on standard input, without
    /// `{wav_file}` the sound is expected on standard output.
    pub argv: Vec<String>,
    /// Longest run.
    pub time_max: Duration,
    /// Most bytes of the sound file.
    pub wav_bytes_max: usize,
}

/// The program as a voice.
pub struct CommandVoice {
    config: CommandConfig,
    speed: f32,
    running: AtomicUsize,
}

static NEXT_FOLDER: AtomicU32 = AtomicU32::new(0);

/// A folder for one run, readable by us alone; goes away with its content.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        let n = NEXT_FOLDER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mingluo-speech-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // An earlier process of the same number may have left one.
        drop(std::fs::remove_dir_all(&path));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Takes one of the places; gives it back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The program and everything it started, as long as it stays in its process group.
struct Group(Option<Pid>);

impl Group {
    fn kill(&self) {
        if let Some(group) = self.0 {
            // Nobody left in it is the usual case.
            let _usually_gone = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What a run gave.
struct Ran {
    status: std::process::ExitStatus,
    out: Vec<u8>,
    message: Vec<u8>,
}

impl CommandVoice {
    /// That program, asked to speak at `speed`.
    #[must_use]
    pub fn new(config: CommandConfig, speed: f32) -> Self {
        Self { config, speed, running: AtomicUsize::new(0) }
    }

    fn argument(&self, template: &str, voice: &str, folder: &Path) -> String {
        let file = |name: &str| folder.join(name).display().to_string();
        template
            .replace("{voice}", voice)
            .replace("{speed}", &self.speed.to_string())
            .replace("{text_file}", &file("text.txt"))
            .replace("{wav_file}", &file("speech.wav"))
    }

    fn uses(&self, placeholder: &str) -> bool {
        self.config.argv.iter().any(|argument| argument.contains(placeholder))
    }

    fn command(&self, voice: &str, folder: &Path) -> Result<Command, SpeechFault> {
        let mut arguments = self.config.argv.iter();
        let program = arguments.next().ok_or_else(|| failed("the configuration names none"))?;
        let mut command = Command::new(program);
        command
            .args(arguments.map(|argument| self.argument(argument, voice, folder)))
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .current_dir(folder)
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }

    async fn run(
        &self,
        text: &str,
        voice: &str,
        folder: &Path,
        limit: &Deadline,
    ) -> Result<Ran, SpeechFault> {
        let mut command = self.command(voice, folder)?;
        let fault = |e: io::Error| failed(&e.to_string());
        let stdin = if self.uses("{text_file}") {
            std::fs::write(folder.join("text.txt"), text).map_err(fault)?;
            ""
        } else {
            text
        };
        let mut child = command.spawn().map_err(fault)?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
        let bytes_max = self.config.wav_bytes_max;
        let exchange = exchange(&mut child, stdin, bytes_max, &group);
        let result = tokio::time::timeout(limit.left(), exchange).await;
        if let Ok(Ok(Some(ran))) = result {
            return Ok(ran);
        }
        group.kill();
        // Killed, it ends at once; only one stuck inside the system does not, and is left to it.
        drop(tokio::time::timeout(LAST_BYTES_WAIT, child.wait()).await);
        Err(match result {
            Err(_) => SpeechFault::Late(limit.limit_ms()),
            Ok(Err(broken)) => fault(broken),
            Ok(Ok(_)) => failed(&format!("more than {bytes_max} bytes")),
        })
    }

    fn sound(&self, ran: &Ran, folder: &Path) -> Result<Samples, SpeechFault> {
        if !ran.status.success() {
            return Err(failed(&format!("{}{}", ran.status, told(&ran.message))));
        }
        let decoded = if self.uses("{wav_file}") {
            let path = folder.join("speech.wav");
            let length = std::fs::metadata(&path).map_or(0, |meta| meta.len());
            if usize::try_from(length).unwrap_or(usize::MAX) > self.config.wav_bytes_max {
                return Err(failed(&format!("more than {} bytes", self.config.wav_bytes_max)));
            }
            recording::decode(&std::fs::read(&path).unwrap_or_default())
        } else {
            recording::decode(&ran.out)
        };
        decoded.map_err(|fault| failed(&format!("no usable sound ({fault}){}", told(&ran.message))))
    }
}

/// Feeds the program and reads what it gives, until it has ended and its group is gone. `None` when
/// it gives more than `bytes_max`.
async fn exchange(
    child: &mut Child,
    text: &str,
    bytes_max: usize,
    group: &Group,
) -> io::Result<Option<Ran>> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut out, mut message) = (Vec::new(), Vec::new());
    let (ended, over) = {
        let write = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read its text will answer for itself.
                drop(stdin.write_all(text.as_bytes()).await);
            }
            Ok(())
        };
        let messages = async {
            read_end(stderr, &mut message).await;
            Ok(())
        };
        // Ends early when there is too much.
        let reading =
            async { tokio::try_join!(write, messages, read(stdout, &mut out, bytes_max)) };
        tokio::pin!(reading);
        tokio::select! {
            status = child.wait() => {
                // What it left running may keep the pipes open; after this nothing does.
                group.kill();
                let rest = tokio::time::timeout(LAST_BYTES_WAIT, &mut reading).await;
                (Some(status?), rest.is_ok_and(|read| read.is_err()))
            }
            read = &mut reading => (None, read.is_err()),
        }
    };
    if over {
        return Ok(None);
    }
    let status = match ended {
        Some(status) => status,
        None => child.wait().await?,
    };
    Ok(Some(Ran { status, out, message }))
}

/// More came than allowed.
struct TooMuch;

/// Reads into `kept` until the end, or until there is more than `bytes_max`.
async fn read(
    from: Option<impl AsyncRead + Unpin>,
    kept: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<(), TooMuch> {
    let Some(mut from) = from else { return Ok(()) };
    let mut part = vec![0; PART_BYTES];
    while let Ok(n) = from.read(&mut part).await {
        if n == 0 {
            break;
        }
        if kept.len() + n > bytes_max {
            return Err(TooMuch);
        }
        kept.extend(part.iter().take(n));
    }
    Ok(())
}

/// Reads until the end and keeps the last bytes.
async fn read_end(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut part = vec![0; PART_BYTES];
    while let Ok(n) = from.read(&mut part).await {
        if n == 0 {
            break;
        }
        kept.extend(part.iter().take(n));
        kept.drain(..kept.len().saturating_sub(MESSAGE_BYTES_MAX));
    }
}

fn failed(what: &str) -> SpeechFault {
    SpeechFault::Failed(format!("expected sound from the program, got {what}"))
}

/// The end of the program's messages, on one line.
fn told(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let skip = line.chars().count().saturating_sub(TOLD_CHARS_MAX);
    let end: String = line.chars().skip(skip).filter(|c| !c.is_control()).collect();
    if end.is_empty() { String::new() } else { format!(", it said: {end}") }
}

impl Speech for CommandVoice {
    fn name(&self) -> String {
        "command".to_owned()
    }

    fn speak(&self, text: &str, voice: &str, deadline: Duration) -> Result<Samples, SpeechFault> {
        let limit = Deadline::within(deadline.min(self.config.time_max));
        let free = |n| (n < PROGRAMS_MAX).then_some(n + 1);
        if self.running.fetch_update(Ordering::AcqRel, Ordering::Acquire, free).is_err() {
            return Err(SpeechFault::Busy);
        }
        let _place = Place(&self.running);
        let fault = |e: io::Error| failed(&e.to_string());
        let folder = Folder::make().map_err(fault)?;
        let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fault)?;
        let ran = runtime.block_on(self.run(&text, voice, &folder.0, &limit))?;
        self.sound(&ran, &folder.0)
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
