//! The watched folder: a file dropped in is an alert. When it is on record it moves to `done/` or
//! `rejected/`, with a report beside it. Files still being written are left alone.

use super::core::CoreHandle;
use super::serve::stopped;
use crate::clock;
use crate::console::{arrive, arrive_too_large, said_in_chinese};
use crate::gateway::{Answer, Input};
use crate::ingest;
use crate::model::{AreaCode, Disposition, Origin, UtcMs};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;

/// Seconds between looks.
const LOOK_S: u64 = 1;
/// Files taken per look; the rest waits for the next.
const FILES_PER_LOOK_MAX: usize = 100;

/// How a file looked last time: it is complete when it looks the same for `settle_s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    bytes: u64,
    changed: Option<std::time::SystemTime>,
    since: UtcMs,
}

/// Watches a folder.
pub(crate) struct Folder {
    path: PathBuf,
    settle_s: u32,
    bytes_max: u64,
    core: CoreHandle,
    /// Who can write into the folder acts for all served areas.
    served: Vec<AreaCode>,
    looks: BTreeMap<PathBuf, Look>,
    stop: watch::Receiver<bool>,
}

impl Folder {
    /// Makes the folder and its `done/` and `rejected/`.
    ///
    /// # Errors
    /// When they can't be made.
    pub(crate) fn open(
        path: PathBuf,
        settle_s: u32,
        bytes_max: u64,
        core: CoreHandle,
        served: Vec<AreaCode>,
        stop: watch::Receiver<bool>,
    ) -> std::io::Result<Self> {
        std::fs::create_dir_all(path.join("done"))?;
        std::fs::create_dir_all(path.join("rejected"))?;
        Ok(Self { path, settle_s, bytes_max, core, served, looks: BTreeMap::new(), stop })
    }

    /// Looks again and again until the daemon stops; never leaves a file half way.
    pub(crate) async fn watch(mut self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(LOOK_S));
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return,
                _ = ticks.tick() => {}
            }
            match self.settled() {
                Ok(files) => {
                    for file in files {
                        if *stop.borrow() {
                            return;
                        }
                        if let Err(fault) = self.take(&file).await {
                            tracing::error!(file = %file.display(), %fault, "file stays in place");
                        }
                    }
                }
                Err(fault) => {
                    tracing::error!(folder = %self.path.display(), %fault, "can't be read");
                }
            }
        }
    }

    /// Files that have not changed for `settle_s`.
    fn settled(&mut self) -> std::io::Result<Vec<PathBuf>> {
        let now = clock::now_utc();
        let mut looks = BTreeMap::new();
        let mut settled = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let meta = entry.metadata()?;
            // Writers' usual names of unfinished files.
            let unfinished = name.starts_with('.')
                || [".tmp", ".part", ".filepart"].iter().any(|end| name.ends_with(end));
            if !meta.is_file() || unfinished {
                continue;
            }
            let path = entry.path();
            let mut look = Look { bytes: meta.len(), changed: meta.modified().ok(), since: now };
            if let Some(before) = self.looks.get(&path)
                && before.bytes == look.bytes
                && before.changed == look.changed
            {
                look.since = before.since;
            }
            if now.since_ms(look.since) >= i64::from(self.settle_s) * 1000 {
                settled.push(path.clone());
            }
            looks.insert(path, look);
        }
        self.looks = looks;
        settled.sort();
        settled.truncate(FILES_PER_LOOK_MAX);
        Ok(settled)
    }

    async fn take(&mut self, file: &Path) -> anyhow::Result<()> {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let bytes = read_up_to(file, self.bytes_max)?;
        let whole_bytes = std::fs::metadata(file)?.len();
        let origin = Origin { via: "folder".into(), by: name.clone() };
        let arrival = if whole_bytes > self.bytes_max {
            arrive_too_large(&bytes, self.bytes_max, Some(whole_bytes), origin)
        } else {
            arrive(&bytes, Some(&name), origin, self.served.clone())
        };
        let raw = (arrival.raw, bytes);
        let answer = self
            .core
            .ask(Some(raw), move |request| Input::Arrived(request, Box::new(arrival)))
            .await?;
        let (folder, report) = match &answer {
            Answer::Rejected(rejection) => {
                ("rejected", ingest::report(rejection, &said_in_chinese))
            }
            Answer::Alert { disposition, reasons, .. } => {
                let lines: Vec<String> =
                    reasons.iter().map(|reason| format!("- {}", reason.text)).collect();
                let word = disposition_zh(*disposition);
                ("done", format!("处理结果：{word} {disposition:?}\n{}\n", lines.join("\n")))
            }
            Answer::Waiting { .. }
            | Answer::Started(_)
            | Answer::Done(_)
            | Answer::Refused(_)
            | Answer::Denied(_)
            | Answer::Edited { .. }
            | Answer::Saved { .. }
            | Answer::TestStarted(_)
            | Answer::Platform { .. }
            | Answer::NotFound(_) => ("done", format!("{answer:?}\n")),
        };
        let to = free_name(&self.path.join(folder), &name);
        std::fs::rename(file, &to)?;
        let mut beside = to.into_os_string();
        beside.push(".report.txt");
        std::fs::write(beside, report)?;
        self.looks.remove(file);
        Ok(())
    }
}

fn disposition_zh(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Planned => "已播发",
        Disposition::AwaitingApproval => "待审批",
        Disposition::Refused => "不予播发",
        Disposition::Duplicate => "重复，不再处理",
        Disposition::Conflict => "与同一标识的另一份报文内容不同，待人工处理",
        Disposition::Recorded => "仅存档，不播发",
    }
}

fn read_up_to(file: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A name in `folder` that is not taken: the same file may come twice.
fn free_name(folder: &Path, name: &str) -> PathBuf {
    let plain = folder.join(name);
    if !plain.exists() {
        return plain;
    }
    (2..u32::MAX)
        .map(|number| folder.join(format!("{number}.{name}")))
        .find(|path| !path.exists())
        .unwrap_or(plain)
}
