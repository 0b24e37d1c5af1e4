//! Sound of messages: fetched from the address that a signed message names, within limits of size, time and
//! where it may lead; and put on the shelf where recordings are found.

use crate::config::PlatformSettings;
use crate::daemon::sources::{Bounds, bounded_client, bytes_of, causes};
use crate::ingest::ebd::{LinkedSound, PACKAGE_BYTES_MAX, Sound};
use crate::model::Sha256;
use crate::render::recording::{decode, extension};
use anyhow::{Context, bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Bytes of a sound at an address: as many as one that comes along may have.
const SOUND_BYTES_MAX: usize = PACKAGE_BYTES_MAX;
/// Sounds that are fetched at the same time; another waits within its own time.
const FETCHES_MAX: usize = 4;
/// Sounds on the shelf; the oldest make room.
const SOUNDS_MAX: usize = 200;

/// Fetches sound.
#[derive(Clone)]
pub(super) struct Fetcher {
    client: reqwest::Client,
    bounds: Bounds,
    wait_max: Duration,
    room: Arc<Semaphore>,
}

impl Fetcher {
    /// As the configuration allows; `None` = sound at an address is not fetched.
    ///
    /// # Errors
    /// When the certificates can't be read.
    pub(super) fn new(settings: &PlatformSettings) -> anyhow::Result<Option<Self>> {
        if settings.sound_wait_s == 0 {
            return Ok(None);
        }
        let mut bounds = Bounds { private: settings.sound_private_addresses, ..Bounds::default() };
        // The upper platform's own host is where its sounds lie, in whatever network it is.
        if let Some(url) = settings.url.as_deref().and_then(|url| reqwest::Url::parse(url).ok()) {
            url.host_str().unwrap_or_default().clone_into(&mut bounds.host);
            bounds.port = url.port_or_known_default().unwrap_or_default();
        }
        let wait_max = Duration::from_secs(u64::from(settings.sound_wait_s));
        // Ours ends first, and says why.
        let longer = wait_max.saturating_mul(2);
        let client = match &settings.ca_file {
            Some(file) => bounded_client(&bounds, "https://", Some(file), longer)?,
            // A machine without authorities of its own still fetches over plain HTTP.
            None => bounded_client(&bounds, "https://", None, longer)
                .or_else(|_| bounded_client(&bounds, "http://", None, longer))?,
        };
        Ok(Some(Self { client, bounds, wait_max, room: Arc::new(Semaphore::new(FETCHES_MAX)) }))
    }

    /// The sound at an address.
    ///
    /// # Errors
    /// Why it is not played.
    pub(super) async fn get(&self, linked: &LinkedSound) -> anyhow::Result<Sound> {
        let url = reqwest::Url::parse(&linked.url).context("no address")?;
        self.bounds.allow(&url).map_err(anyhow::Error::msg)?;
        let fetched = tokio::time::timeout(self.wait_max, self.bytes(url)).await;
        let late = || format!("it did not come within {} s", self.wait_max.as_secs());
        linked.sound(fetched.with_context(late)??).map_err(anyhow::Error::msg)
    }

    async fn bytes(&self, url: reqwest::Url) -> anyhow::Result<Vec<u8>> {
        let _place = self.room.acquire().await?;
        let answer = self.client.get(url).send().await;
        let answer = answer.map_err(|fault| anyhow::Error::msg(causes(&fault)))?;
        ensure!(answer.status().is_success(), "the server answered {}", answer.status());
        let told = answer.content_length().and_then(|told| usize::try_from(told).ok());
        let too_long = format!("it is longer than {SOUND_BYTES_MAX} bytes");
        ensure!(told.is_none_or(|told| told <= SOUND_BYTES_MAX), "{too_long}");
        let bytes = bytes_of(answer, SOUND_BYTES_MAX).await.map_err(anyhow::Error::msg)?;
        if bytes.len() > SOUND_BYTES_MAX {
            bail!(too_long);
        }
        Ok(bytes)
    }
}

/// Puts sound where recordings are found; gives its name.
pub(super) fn shelve(folder: &Path, bytes: &[u8]) -> anyhow::Result<String> {
    // Decoded once here, so that what can't be played is known before anything is decided.
    decode(bytes)?;
    let ending = extension(bytes).unwrap_or("mp3");
    let digest: String = Sha256::of(bytes).to_string().chars().take(32).collect();
    let name = format!("ebm-{digest}");
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("{name}.{ending}"));
    if !file.exists() {
        crate::secrets::write_private(&file, bytes)?;
    }
    make_room(folder, &file)?;
    Ok(name)
}

/// Deletes the oldest sounds above the limit; rendered clips do not need them any more.
fn make_room(folder: &Path, keep: &Path) -> std::io::Result<()> {
    let mut files: Vec<(std::time::SystemTime, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort();
    let n_over = files.len().saturating_sub(SOUNDS_MAX);
    let old = files.into_iter().take(n_over).map(|(_, path)| path);
    old.filter(|path| path != keep).try_for_each(std::fs::remove_file)
}
