//! How simulated terminals get their audio: each by itself over HTTP, or one copy per process, as
//! a township cache would.

use crate::model::Sha256;
use mingluo_bridge::message::Clip;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};

/// Downloads at the same time.
const DOWNLOADS_MAX: usize = 64;
/// Longest download, seconds.
const DOWNLOAD_S_MAX: u64 = 60;

/// Who fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fetching {
    /// Every terminal fetches its own copy.
    Each,
    /// One copy per process, shared.
    Shared,
}

/// Where audio comes from.
pub struct ClipSource {
    url: String,
    fetching: Fetching,
    client: reqwest::Client,
    downloads: Semaphore,
    /// What was fetched for all. No lock is held across a fetch: thousands that wait for the first one
    /// go on together.
    shared: Mutex<BTreeMap<[u8; 32], Arc<OnceCell<()>>>>,
}

impl ClipSource {
    /// A source below `url`, such as `http://127.0.0.1:8722/clips`.
    #[must_use]
    pub fn new(url: String, fetching: Fetching) -> Arc<Self> {
        Arc::new(Self {
            url,
            fetching,
            client: crate::tls::plain_client(),
            downloads: Semaphore::new(DOWNLOADS_MAX),
            shared: Mutex::default(),
        })
    }

    /// Gets the clip and checks length and digest.
    ///
    /// # Errors
    /// A short text for people.
    pub async fn get(&self, clip: &Clip) -> Result<(), String> {
        match self.fetching {
            Fetching::Each => self.download(clip).await,
            Fetching::Shared => {
                let fetched = {
                    let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                    Arc::clone(shared.entry(clip.sha256).or_default())
                };
                fetched.get_or_try_init(|| self.download(clip)).await.copied()
            }
        }
    }

    async fn download(&self, clip: &Clip) -> Result<(), String> {
        let _turn = self.downloads.acquire().await.map_err(|fault| fault.to_string())?;
        let url = format!("{}/{}", self.url.trim_end_matches('/'), Sha256(clip.sha256));
        let request = self.client.get(url).timeout(Duration::from_secs(DOWNLOAD_S_MAX));
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let bytes = match answer {
            Ok(answer) => answer.bytes().await.map_err(|fault| fault.to_string())?,
            Err(fault) => return Err(fault.to_string()),
        };
        if u32::try_from(bytes.len()) != Ok(clip.clip_bytes) || Sha256::of(&bytes).0 != clip.sha256
        {
            return Err("length or digest differ".to_owned());
        }
        Ok(())
    }
}
