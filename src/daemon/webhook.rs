//! Posts JSON to a program of the county, signed with a key that both hold.

use crate::model::UtcMs;
use crate::{clock, secrets, tls};
use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use std::path::Path;
use std::time::Duration;

/// Longest wait for the answer to one post, seconds.
const POST_S_MAX: u64 = 10;

/// Where it posts, and with which key.
pub(super) struct Webhook {
    client: reqwest::Client,
    url: String,
    key: [u8; 32],
}

/// What one post brought.
pub(super) enum Posted {
    /// The receiver has it.
    Taken,
    /// It may be taken later.
    Again(String),
    /// It will never be taken.
    Never(String),
}

impl Webhook {
    /// A webhook with the key of this file.
    ///
    /// # Errors
    /// When the key or the certificates can't be read.
    pub(super) fn open(url: &str, key_file: &Path, trusted: Option<&Path>) -> anyhow::Result<Self> {
        let key = secrets::read_key(key_file).context("the key file")?;
        let client = tls::posting_client(url, trusted, Duration::from_secs(POST_S_MAX))?;
        Ok(Self::new(client, url.to_owned(), key))
    }

    pub(super) fn new(client: reqwest::Client, url: String, key: [u8; 32]) -> Self {
        Self { client, url, key }
    }

    /// Posts a body; `once` is the same for the same message, however often it comes.
    pub(super) async fn post(&self, body: &str, once: &str) -> Posted {
        let at = clock::now_utc();
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("idempotency-key", once)
            .header("x-mingluo-timestamp", at.0.to_string())
            .header("x-mingluo-signature", format!("sha256={}", signature(&self.key, at, body)))
            .body(body.to_owned());
        match request.send().await {
            Err(fault) => Posted::Again(fault.to_string()),
            Ok(answer) => {
                let status = answer.status();
                let why = format!("the receiver answered {status}");
                match status.as_u16() {
                    200..=299 => Posted::Taken,
                    // Too slow, too early, too many: worth another try, as every 5xx is.
                    408 | 425 | 429 | 500..=599 => Posted::Again(why),
                    _ => Posted::Never(why),
                }
            }
        }
    }
}

/// HMAC-SHA256 of `<timestamp>.<body>`, hexadecimal.
fn signature(key: &[u8; 32], at: UtcMs, body: &str) -> String {
    let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{}.{body}", at.0).as_bytes());
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    crate::model::Sha256(digest).to_string()
}
