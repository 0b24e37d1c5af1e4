//! Recordings that officers bring: received into a file beside their place, decoded and checked by one
//! thread of the lowest priority, and only then put on the shelf under a name made of their digest.

use crate::clock;
use crate::model::{Sha256, UtcMs};
use crate::render::recording::{RECORDING_BYTES_MAX, RECORDING_S_MAX, RecordingFault};
use crate::render::recording::{decode, extension};
use crate::render::speech::lowest_priority;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Largest recording, bytes.
pub const UPLOAD_BYTES_MAX: usize = RECORDING_BYTES_MAX;
/// Recordings that may come in at the same time; with more, the sender is told to come back.
const UPLOADS_AT_ONCE_MAX: usize = 4;
/// Recordings that officers may have on the shelf; they delete before they bring more.
const UPLOADS_MAX: usize = 500;
/// Bytes of all of them.
const UPLOADS_BYTES_MAX: u64 = 4_000_000_000;
/// Longest wait for the check, waiting in line included.
const CHECK_WAIT_MAX: Duration = Duration::from_secs(120);
/// The folder within the county's recordings.
const FOLDER: &str = "uploaded";
/// Beginning of the names.
const PREFIX: &str = "upload-";
/// Beginning of the names of files that are not yet checked.
const UNCHECKED: &str = ".incoming-";
/// Digits of the digest in a name.
const DIGITS: usize = 16;

/// A recording on the shelf, as told by the note beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What broadcasts call it: `upload-` and 16 hexadecimal digits.
    pub name: String,
    /// Ending of the file's name.
    pub extension: String,
    /// Digest of the file.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub bytes: u64,
    /// Length of the sound in milliseconds.
    pub duration_ms: u32,
    /// What its officer called it; may be empty.
    pub title: String,
    /// Canonical name of the officer.
    pub by: String,
    /// When it came.
    pub at: UtcMs,
}

/// Why a recording was not taken. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadFault {
    /// Too many come in.
    #[error("{UPLOADS_AT_ONCE_MAX} recordings are coming in already; try again in a minute")]
    Busy,
    /// Too many bytes.
    #[error("expected at most {UPLOAD_BYTES_MAX} bytes, got more; shorten or compress it")]
    TooLarge,
    /// The shelf is full.
    #[error(
        "the shelf is full ({UPLOADS_MAX} recordings, {UPLOADS_BYTES_MAX} bytes); delete old ones"
    )]
    Full,
    /// It can't be broadcast.
    #[error("{0}")]
    Unfit(#[from] RecordingFault),
    /// The check took too long, or the gateway stops.
    #[error("the check was not ready in time; warnings go first, try again later")]
    Late,
    /// The folder can't be written or read.
    #[error("`{}`: {fault}; let the service write there, or set [render] recordings_dir", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system said.
        fault: io::Error,
    },
}

impl UploadFault {
    /// The same in Chinese, for officers.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Busy => "正在接收的录音已达上限，请一分钟后再试。".to_owned(),
            Self::TooLarge => {
                format!("录音文件超过 {} MB，请缩短或压缩后再传。", UPLOAD_BYTES_MAX / 1_000_000)
            }
            Self::Full => format!("已上传的录音达到上限（{UPLOADS_MAX} 个），请先删除旧录音。"),
            Self::Late => "检查录音超时（预警优先处理），请稍后再试。".to_owned(),
            Self::Folder { folder, fault } => format!(
                "录音目录“{}”无法读写（{fault}），请管理员检查目录权限或 [render] recordings_dir。",
                folder.display()
            ),
            Self::Unfit(fault) => unfit_zh(fault),
        }
    }
}

fn unfit_zh(fault: &RecordingFault) -> String {
    match fault {
        RecordingFault::Empty(_) => "文件里没有声音。".to_owned(),
        RecordingFault::TooLarge(_) => UploadFault::TooLarge.zh(),
        RecordingFault::TooLong => format!("录音超过 {} 分钟，请缩短。", RECORDING_S_MAX / 60),
        RecordingFault::TooShort(ms) => format!("录音太短（{ms} 毫秒），请重录。"),
        RecordingFault::Format(_) => {
            "不是可用的录音格式，请使用 wav、mp3、m4a、flac、ogg、opus 或 webm（Opus）。".to_owned()
        }
        RecordingFault::Protected => "文件有版权保护（DRM），不能播出，请用自己的录音。".to_owned(),
        RecordingFault::BrokenOff { expected_ms, got_ms } => format!(
            "文件不完整：应有 {} 秒，只有 {} 秒，请重新复制。",
            expected_ms / 1_000,
            got_ms / 1_000
        ),
        RecordingFault::NoEnd => "文件不完整，结尾缺失，请重新复制或转换。".to_owned(),
        RecordingFault::Damaged(_) | RecordingFault::NotFinite => {
            "文件已损坏，请重新录制或转换。".to_owned()
        }
        RecordingFault::Silent => "录音里没有声音，请检查话筒后重录。".to_owned(),
        RecordingFault::Channels(n) => format!("声道数 {n} 不支持，请转为单声道或立体声。"),
        RecordingFault::RateRange(hz) => format!("采样率 {hz} Hz 不支持，请转换后再传。"),
        RecordingFault::Rate(_) => "采样率不支持，请转换后再传。".to_owned(),
    }
}

/// A recording that comes in; its file goes away with it unless it is kept.
#[derive(Debug)]
pub struct Incoming {
    file: tokio::fs::File,
    path: PathBuf,
    bytes: usize,
    _room: OwnedSemaphorePermit,
}

impl Incoming {
    /// Adds what came.
    ///
    /// # Errors
    /// [`UploadFault::TooLarge`], or a disk that does not take it.
    pub async fn push(&mut self, part: &[u8]) -> Result<(), UploadFault> {
        self.bytes += part.len();
        if self.bytes > UPLOAD_BYTES_MAX {
            return Err(UploadFault::TooLarge);
        }
        self.file.write_all(part).await.map_err(at(&self.path))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Gone already when it was kept.
        let _gone = std::fs::remove_file(&self.path);
    }
}

/// A recording that was checked and may be kept.
#[derive(Debug)]
pub struct Checked {
    incoming: Incoming,
    /// What will stand beside it.
    pub kept: Kept,
    /// Whether the same file is on the shelf already.
    pub is_known: bool,
}

struct Job {
    incoming: Incoming,
    folder: PathBuf,
    reply: oneshot::Sender<Result<Checked, UploadFault>>,
}

/// The way to the shelf of officers' recordings.
#[derive(Clone)]
pub struct RecordingDesk {
    folder: Arc<Path>,
    room: Arc<Semaphore>,
    jobs: mpsc::Sender<Job>,
}

fn at(path: &Path) -> impl Fn(io::Error) -> UploadFault {
    let folder = path.parent().unwrap_or(path).to_path_buf();
    move |fault| UploadFault::Folder { folder: folder.clone(), fault }
}

impl RecordingDesk {
    /// Starts the thread that checks. The folder within `recordings_dir` is made with the first recording;
    /// what a stop left half received is removed.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub(crate) fn start(recordings_dir: &Path) -> io::Result<Self> {
        let folder: Arc<Path> = recordings_dir.join(FOLDER).into();
        let (jobs, waiting) = mpsc::channel(UPLOADS_AT_ONCE_MAX);
        for path in files(&folder).unwrap_or_default() {
            if file_name(&path).starts_with(UNCHECKED) {
                let _stays = std::fs::remove_file(path);
            }
        }
        std::thread::Builder::new().name("recordings".to_owned()).spawn(move || work(waiting))?;
        Ok(Self { folder, room: Arc::new(Semaphore::new(UPLOADS_AT_ONCE_MAX)), jobs })
    }

    /// Makes room for one.
    ///
    /// # Errors
    /// [`UploadFault`].
    pub async fn receive(&self) -> Result<Incoming, UploadFault> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let room = Arc::clone(&self.room).try_acquire_owned().map_err(|_| UploadFault::Busy)?;
        let kept = self.list().await?;
        let bytes: u64 = kept.iter().map(|kept| kept.bytes).sum();
        if kept.len() >= UPLOADS_MAX || bytes >= UPLOADS_BYTES_MAX {
            return Err(UploadFault::Full);
        }
        let name = format!("{UNCHECKED}{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let path = self.folder.join(name);
        tokio::fs::create_dir_all(&self.folder).await.map_err(at(&path))?;
        let file = tokio::fs::File::create(&path).await.map_err(at(&path))?;
        Ok(Incoming { file, path, bytes: 0, _room: room })
    }

    /// Decodes and checks it; `title` is what the officer `by` calls it.
    ///
    /// # Errors
    /// [`UploadFault`]; nothing is kept.
    pub async fn check(
        &self,
        incoming: Incoming,
        title: &str,
        by: &str,
    ) -> Result<Checked, UploadFault> {
        incoming.file.sync_all().await.map_err(at(&incoming.path))?;
        let (reply, answer) = oneshot::channel();
        let folder = self.folder.to_path_buf();
        let job = Job { incoming, folder, reply };
        self.jobs.try_send(job).map_err(|_| UploadFault::Busy)?;
        let answer = tokio::time::timeout(CHECK_WAIT_MAX, answer).await;
        let mut checked =
            answer.map_err(|_| UploadFault::Late)?.map_err(|_| UploadFault::Late)??;
        title.clone_into(&mut checked.kept.title);
        by.clone_into(&mut checked.kept.by);
        Ok(checked)
    }

    /// Puts it on the shelf: first the sound, then the note that lists it.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub async fn keep(&self, checked: Checked) -> Result<Kept, UploadFault> {
        let (path, note) = self.places(&checked.kept);
        let text = serde_json::to_vec_pretty(&checked.kept)
            .map_err(|fault| at(&note)(io::Error::other(fault)))?;
        let half = note.with_extension("half");
        tokio::fs::rename(&checked.incoming.path, &path).await.map_err(at(&path))?;
        tokio::fs::write(&half, text).await.map_err(at(&half))?;
        tokio::fs::rename(&half, &note).await.map_err(at(&note))?;
        let folder = tokio::fs::File::open(&self.folder).await.map_err(at(&path))?;
        folder.sync_all().await.map_err(at(&path))?;
        Ok(checked.kept.clone())
    }

    /// All of them, the newest first.
    ///
    /// # Errors
    /// When the folder is there and can't be read.
    pub async fn list(&self) -> Result<Vec<Kept>, UploadFault> {
        let folder = Arc::clone(&self.folder);
        let read = move || -> io::Result<Vec<Kept>> {
            let notes = files(&folder)?.into_iter().filter(|path| has_extension(path, "json"));
            let read = |path: PathBuf| serde_json::from_slice(&std::fs::read(path).ok()?).ok();
            let mut kept: Vec<Kept> = notes.filter_map(read).collect();
            kept.sort_by_key(|kept| std::cmp::Reverse(kept.at));
            Ok(kept)
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(io::Error::other);
        let fault = |fault| UploadFault::Folder { folder: self.folder.to_path_buf(), fault };
        read.and_then(|read| read).map_err(fault)
    }

    /// The recording of that name; only what the list tells of is found, so no name leads elsewhere.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub async fn find(&self, name: &str) -> Result<Option<Kept>, UploadFault> {
        Ok(self.list().await?.into_iter().find(|kept| kept.name == name))
    }

    /// Where the sound lies.
    #[must_use]
    pub fn path(&self, kept: &Kept) -> PathBuf {
        self.places(kept).0
    }

    /// Takes it off the shelf.
    ///
    /// # Errors
    /// When a file can't be removed.
    pub async fn remove(&self, kept: &Kept) -> Result<(), UploadFault> {
        let (path, note) = self.places(kept);
        tokio::fs::remove_file(&path).await.map_err(at(&path))?;
        tokio::fs::remove_file(&note).await.map_err(at(&note))
    }

    /// Sound and note; made of the digest alone, whatever the note says.
    fn places(&self, kept: &Kept) -> (PathBuf, PathBuf) {
        let name = name_of(kept.sha256);
        let known = ["wav", "flac", "opus", "ogg", "webm", "m4a", "mp3"];
        let ending = known.into_iter().find(|known| *known == kept.extension).unwrap_or("wav");
        (self.folder.join(format!("{name}.{ending}")), self.folder.join(format!("{name}.json")))
    }
}

fn name_of(sha256: Sha256) -> String {
    PREFIX.chars().chain(sha256.to_string().chars().take(DIGITS)).collect()
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension == wanted)
}

/// The files of a folder; none when there is no folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

fn work(mut waiting: mpsc::Receiver<Job>) {
    lowest_priority();
    while let Some(Job { incoming, folder, reply }) = waiting.blocking_recv() {
        // Who asked may have gone away meanwhile.
        if reply.is_closed() {
            continue;
        }
        let result = checked(incoming, &folder);
        if let Err(fault) = &result {
            tracing::info!(%fault, "a recording was refused");
        }
        let _gone = reply.send(result);
    }
}

fn checked(incoming: Incoming, folder: &Path) -> Result<Checked, UploadFault> {
    let bytes = std::fs::read(&incoming.path).map_err(at(&incoming.path))?;
    let unknown = || RecordingFault::Format("something else".to_owned());
    let extension = if bytes.is_empty() { Some("") } else { extension(&bytes) };
    let extension = extension.ok_or_else(unknown)?;
    let sound = decode(&bytes)?;
    let sha256 = Sha256::of(&bytes);
    let name = name_of(sha256);
    let is_known = folder.join(format!("{name}.json")).is_file();
    let kept = Kept {
        name,
        extension: extension.to_owned(),
        sha256,
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        duration_ms: sound.duration_ms(),
        title: String::new(),
        by: String::new(),
        at: clock::now_utc(),
    };
    Ok(Checked { incoming, kept, is_known })
}
