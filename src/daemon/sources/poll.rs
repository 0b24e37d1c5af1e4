//! Asks a source again and again for its feed, and takes what is new in it, the oldest first.

use super::Intake;
use super::fetch::{FetchFault, Fetched, Fetcher};
use crate::config::SourceSettings;
use crate::daemon::CoreFault;
use crate::daemon::serve::stopped;
use crate::gateway::{Input, MARKS_KEPT_MAX, SourceState};
use crate::ingest::{self, FEED_ENTRIES_MAX, Feed, FeedContent, FeedEntry};
use crate::model::{Sha256, SourceNote};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::sync::watch;

/// Longest feed, bytes; it may hold hundreds of alerts.
const FEED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// New entries taken from one poll; the rest waits for the next, which comes at once.
const ENTRIES_PER_POLL_MAX: usize = 200;
/// Polls in which the alert of an entry is asked for before it is recorded as not to be had.
const ENTRY_TRIES_MAX: u32 = 5;
/// Longest wait after failures, seconds, when polls come more often than that.
const BACK_OFF_S_MAX: u64 = 900;
/// Wait when the core is full or more entries are there, seconds.
const SOON_S: u64 = 2;

/// Polls one source.
pub(super) struct Poller {
    intake: Intake,
    fetcher: Fetcher,
    /// Where the feed was in the end.
    base: reqwest::Url,
    every: Duration,
    etag: Option<String>,
    modified: Option<String>,
    /// Marks of entries that were dealt with, the newest last, as the record keeps them.
    seen: VecDeque<String>,
    /// Entries whose alert could not be had, with the tries so far.
    tries: BTreeMap<String, u32>,
    /// The last document that was no feed: it is on record once.
    unreadable: Option<Sha256>,
    n_failed: u32,
}

/// What one poll brought.
enum Polled {
    /// All is dealt with.
    Good,
    /// There is more to take.
    More,
    /// Nothing came.
    Failed(FetchFault),
}

impl Poller {
    /// A poller that goes on where the record ends.
    ///
    /// # Errors
    /// When there is no client for it.
    pub(super) fn new(
        settings: &SourceSettings,
        intake: Intake,
        before: SourceState,
    ) -> anyhow::Result<Self> {
        let SourceState { etag, modified, seen, .. } = before;
        let every = Duration::from_secs(u64::from(settings.poll_every_s));
        let fetcher = Fetcher::new(settings)?;
        let base = fetcher.url.clone();
        let (tries, unreadable, n_failed) = (BTreeMap::new(), None, 0);
        let poller = Self {
            intake,
            fetcher,
            base,
            every,
            etag,
            modified,
            seen,
            tries,
            unreadable,
            n_failed,
        };
        Ok(poller)
    }

    /// Polls until the daemon stops.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let polled = tokio::select! {
                () = stopped(&mut stop) => return,
                polled = self.poll() => polled,
            };
            let wait = match polled {
                Ok(polled) => self.wait_after(polled),
                Err(CoreFault::Gone) => return,
                Err(CoreFault::Full | CoreFault::Unanswered) => Duration::from_secs(SOON_S),
            };
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn wait_after(&mut self, polled: Polled) -> Duration {
        match polled {
            Polled::Good => {
                self.n_failed = 0;
                self.every
            }
            Polled::More => Duration::from_secs(SOON_S).min(self.every),
            Polled::Failed(fault) => {
                self.n_failed = self.n_failed.saturating_add(1);
                let source = self.intake.origin().by;
                tracing::warn!(%source, why = %fault.why, n_failed = self.n_failed, "no feed");
                self.intake.desk.hindered(self.intake.at, &fault.why);
                back_off(self.every, self.n_failed).max(fault.wait.unwrap_or_default())
            }
        }
    }

    async fn poll(&mut self) -> Result<Polled, CoreFault> {
        let known = (self.etag.as_deref(), self.modified.as_deref());
        let url = self.fetcher.url.clone();
        match self.fetcher.get(&url, FEED_BYTES_MAX, known).await {
            Err(fault) => Ok(Polled::Failed(fault)),
            Ok(Fetched::Unchanged) => {
                self.intake.desk.heard(self.intake.at);
                Ok(Polled::Good)
            }
            Ok(Fetched::Document { bytes, url, kind, etag, modified }) => {
                self.base = *url;
                self.read(&bytes, kind.as_deref(), (etag, modified)).await
            }
        }
    }

    async fn read(
        &mut self,
        bytes: &[u8],
        kind: Option<&str>,
        validators: (Option<String>, Option<String>),
    ) -> Result<Polled, CoreFault> {
        let failed = |why: String| Polled::Failed(FetchFault { why, lasting: false, wait: None });
        if bytes.len() > FEED_BYTES_MAX {
            return Ok(failed(format!("the feed is longer than {FEED_BYTES_MAX} bytes")));
        }
        let read = std::panic::catch_unwind(|| ingest::feed(bytes, kind));
        let feed = match read {
            Ok(Ok(feed)) => feed,
            Ok(Err(rejection)) => {
                let why = rejection.faults.first().map(|f| f.what.clone()).unwrap_or_default();
                let digest = Sha256::of(bytes);
                if self.unreadable != Some(digest) {
                    self.intake.refuse(bytes.to_vec(), rejection).await?;
                    self.unreadable = Some(digest);
                }
                return Ok(failed(why));
            }
            Err(_) => return Ok(failed("the reader failed on this feed".into())),
        };
        self.intake.desk.heard(self.intake.at);
        if feed.n_more > 0 {
            let why = format!("{} entries over {FEED_ENTRIES_MAX} were left out", feed.n_more);
            self.intake.desk.hindered(self.intake.at, &why);
        }
        self.entries(feed, validators).await
    }

    /// Takes what is new. What could not be had is asked for again, so the answer counts as seen only
    /// when nothing is left.
    async fn entries(
        &mut self,
        feed: Feed,
        (etag, modified): (Option<String>, Option<String>),
    ) -> Result<Polled, CoreFault> {
        let known: BTreeSet<&String> = self.seen.iter().collect();
        let new = feed.entries.iter().filter(|entry| !known.contains(&entry.mark));
        let new: Vec<FeedEntry> = new.cloned().collect();
        let current: BTreeSet<String> = feed.entries.into_iter().map(|entry| entry.mark).collect();
        self.tries.retain(|mark, _| current.contains(mark));
        let n_new = new.len();
        let (mut dealt, mut left, mut full) = (Vec::new(), false, None);
        for entry in new.into_iter().take(ENTRIES_PER_POLL_MAX) {
            match self.entry(&entry).await {
                Ok(true) => dealt.push(entry.mark),
                Ok(false) => left = true,
                Err(fault) => {
                    full = Some(fault);
                    break;
                }
            }
        }
        let more = n_new > ENTRIES_PER_POLL_MAX;
        let whole = !left && !more && full.is_none();
        (self.etag, self.modified) = if whole { (etag, modified) } else { (None, None) };
        if !dealt.is_empty() {
            self.seen.extend(dealt.iter().cloned());
            let over = self.seen.len().saturating_sub(MARKS_KEPT_MAX);
            self.seen.drain(..over);
            let (etag, modified) = (self.etag.clone(), self.modified.clone());
            let note = SourceNote::Read { etag, modified, seen: dealt };
            self.intake.core.happened(Input::SourceNoted(self.intake.origin().by, note)).await?;
        }
        match full {
            Some(fault) => Err(fault),
            None if more => Ok(Polled::More),
            None => Ok(Polled::Good),
        }
    }

    /// Takes one entry; false = its alert could not be had yet.
    async fn entry(&mut self, entry: &FeedEntry) -> Result<bool, CoreFault> {
        let link = match &entry.content {
            FeedContent::Alert(text) => {
                self.intake.take(text.clone().into_bytes(), None).await?;
                return Ok(true);
            }
            FeedContent::Nothing(text) => {
                let what = "expected an alert in this entry or a link to one, got neither";
                self.intake.reject(text.clone().into_bytes(), what.into()).await?;
                return Ok(true);
            }
            FeedContent::Link(link) => link,
        };
        let fetched = match self.fetcher.linked(&self.base, &entry.bases, link) {
            Ok(url) => self.fetcher.get(&url, self.intake.bytes_max, (None, None)).await,
            Err(fault) => Err(fault),
        };
        match fetched {
            Ok(Fetched::Document { bytes, kind, .. }) => {
                self.intake.take(bytes, kind.as_deref()).await?;
                self.tries.remove(&entry.mark);
                Ok(true)
            }
            Ok(Fetched::Unchanged) => {
                self.not_had(entry, link, "got 304 without asking", false).await
            }
            Err(fault) => self.not_had(entry, link, &fault.why, fault.lasting).await,
        }
    }

    async fn not_had(
        &mut self,
        entry: &FeedEntry,
        link: &str,
        why: &str,
        lasting: bool,
    ) -> Result<bool, CoreFault> {
        let tries = self.tries.entry(entry.mark.clone()).or_insert(0);
        *tries += 1;
        self.intake.desk.hindered(self.intake.at, why);
        if !lasting && *tries < ENTRY_TRIES_MAX {
            return Ok(false);
        }
        let what =
            format!("the alert that this entry links to could not be had in {tries} tries: {why}");
        self.intake.reject(link.as_bytes().to_vec(), what).await?;
        self.tries.remove(&entry.mark);
        Ok(true)
    }
}

/// Doubles from failure to failure.
fn back_off(every: Duration, n_failed: u32) -> Duration {
    let doubled = every.saturating_mul(2_u32.saturating_pow(n_failed.min(16)));
    doubled.min(every.max(Duration::from_secs(BACK_OFF_S_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_make_polls_rarer_up_to_a_limit() {
        let check = |every_s, n_failed, expect_s| {
            let wait = back_off(Duration::from_secs(every_s), n_failed);
            assert_eq!(wait, Duration::from_secs(expect_s), "{every_s} {n_failed}");
        };
        check(60, 1, 120);
        check(60, 2, 240);
        check(60, 10, 900);
        check(60, u32::MAX, 900);
        check(3_600, 3, 3_600);
    }
}
