//! The audit's desk: a thread that follows the journal for the projection, and questions on threads
//! for blocking work, so that neither the core nor the runtime ever waits for an auditor.

use crate::record::audit::{AsOf, Audit, BATCH_ROWS, Projector};
use crate::record::{JournalError, Trust};
use crate::render::speech::lowest_priority;
use crate::report::{self, Directory, Form, Heading, ReportFault};
use bytes::Bytes;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// Questions at the same time; more wait within the time of their request.
const QUESTIONS_MAX: usize = 4;
/// Longest time of a question, seconds.
const QUESTION_S_MAX: u64 = 20;
/// Reports that are written at the same time; 503 above it.
const REPORTS_MAX: usize = 2;
/// Longest silence of a receiver of a report, seconds.
const RECEIVER_S_MAX: u64 = 60;
/// How long a question waits for the newest rows, milliseconds.
const FRESH_MS_MAX: u64 = 2_000;
/// Rows by which answers may be behind the journal; further behind, the projection is being made.
const BEHIND_ROWS_MAX: u64 = 200_000;
/// How often the follower looks when nobody asks, milliseconds.
const LOOK_MS: u64 = 500;
/// Wait after a fault of the follower, milliseconds.
const FAULT_WAIT_MS: u64 = 10_000;
/// Bytes of a report that are handed on at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces on their way to the receiver.
const PIECES_MAX: usize = 4;

/// Why the audit gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AuditFault {
    /// The record keeps nothing that could be audited, or can't be read.
    #[error(transparent)]
    Record(#[from] JournalError),
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] ReportFault),
    /// The projection is being made.
    #[error("the audit reads the record for the first time: row {seq} of {head}; come back later")]
    Behind {
        /// The row it is at.
        seq: u64,
        /// The record's last row.
        head: u64,
    },
    /// The projection can't be kept up to date.
    #[error("the audit can't follow the record: {0}")]
    Stuck(String),
    /// Too many reports at once.
    #[error("{REPORTS_MAX} reports are being written; try again when one is done")]
    Busy,
    /// It took too long.
    #[error("no answer within {QUESTION_S_MAX} s; narrow the question, for example in time")]
    Late,
    /// The gateway stops.
    #[error("the gateway is stopping")]
    Stopping,
}

/// How far the follower is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Followed {
    seq: u64,
    fault: Option<String>,
}

/// Where questions are asked. Cheap to clone.
#[derive(Clone)]
pub struct AuditDesk {
    url: Arc<str>,
    trust: Arc<Trust>,
    county: Arc<str>,
    font_file: Option<PathBuf>,
    followed: watch::Receiver<Followed>,
    look: SyncSender<()>,
    questions: Arc<Semaphore>,
    reports: Arc<Semaphore>,
}

/// The follower's thread.
pub(crate) struct Follower {
    stop: Arc<AtomicBool>,
    look: SyncSender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Follower {
    /// Tells it to end; it does after the batch it is at.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let _awake_anyway = self.look.try_send(());
    }

    /// Whether it has ended.
    pub(crate) fn ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// What reports of this gateway show.
pub struct Letterhead {
    /// Name at their top.
    pub county: String,
    /// The font of a PDF; `None` = one that is found.
    pub font_file: Option<PathBuf>,
}

impl AuditDesk {
    /// Opens the desk; the follower begins at once and is not waited for. `public_key` is ours, for
    /// the signed heads.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn open(
        url: &str,
        public_key: [u8; 32],
        letterhead: Letterhead,
    ) -> std::io::Result<(Self, Follower)> {
        let (progress, followed) = watch::channel(Followed::default());
        let (look, looks) = sync_channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let (its_stop, its_url) = (Arc::clone(&stop), url.to_owned());
        let thread = std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || follow(&its_url, &progress, &looks, &its_stop))?;
        let desk = Self {
            url: url.into(),
            trust: Arc::new(Trust { keys: vec![public_key], head: None }),
            county: letterhead.county.into(),
            font_file: letterhead.font_file,
            followed,
            look: look.clone(),
            questions: Arc::new(Semaphore::new(QUESTIONS_MAX)),
            reports: Arc::new(Semaphore::new(REPORTS_MAX)),
        };
        Ok((desk, Follower { stop, look, thread }))
    }

    /// Whose signed heads are trusted: our own key.
    #[must_use]
    pub fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.trust)
    }

    /// Asks on a thread for blocking work, with every row that is on record by now. The answer comes
    /// with how far it reaches.
    ///
    /// # Errors
    /// An [`AuditFault`].
    pub async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Audit) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<(T, AsOf), AuditFault> {
        let _permit = self.questions.acquire().await.map_err(|_| AuditFault::Stopping)?;
        self.fresh().await?;
        let url = Arc::clone(&self.url);
        let (tell, told) = oneshot::channel();
        let work = tokio::task::spawn_blocking(move || {
            let audit = Audit::open(&url)?;
            // Nobody waits for it any more when this fails.
            let _gone = tell.send(audit.interrupt());
            audit.at_once(|audit| Ok::<_, JournalError>((ask(audit)?, audit.as_of()?)))
        });
        let limit = Duration::from_secs(QUESTION_S_MAX);
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(broken)) => Err(AuditFault::Stuck(broken.to_string())),
            Err(_) => {
                if let Ok(interrupt) = told.await {
                    interrupt.now();
                }
                Err(AuditFault::Late)
            }
        }
    }

    /// Writes a report on a thread of its own; it comes in pieces as it is read. The file's name is
    /// given beside it.
    ///
    /// # Errors
    /// An [`AuditFault`] when not even its first piece could be written. A later fault breaks the
    /// stream off.
    pub async fn report(
        &self,
        form: Form,
        filter: crate::record::audit::Filter,
        asked_by: String,
        directory: Directory,
    ) -> Result<(String, Pieces), AuditFault> {
        let permit = Arc::clone(&self.reports).try_acquire_owned().map_err(|_| AuditFault::Busy)?;
        self.fresh().await?;
        let heading = Heading {
            county: self.county.to_string(),
            filter,
            asked_by,
            made_at: crate::clock::now_utc(),
            font_file: self.font_file.clone(),
        };
        let name = heading.file_name(form);
        let (sender, mut pieces) = mpsc::channel(PIECES_MAX);
        let (url, runtime) = (Arc::clone(&self.url), Handle::current());
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut out = PieceWriter { sender, runtime, kept: Vec::with_capacity(PIECE_BYTES) };
            let written = Audit::open(&url)
                .map_err(ReportFault::from)
                .and_then(|audit| report::write(&audit, form, &heading, &directory, &mut out));
            let written = written.and_then(|n_rows| Ok(out.flush().map(|()| n_rows)?));
            match written {
                Ok(ladders) => tracing::info!(ladders, by = heading.asked_by, "report written"),
                Err(fault) => out.break_off(fault),
            }
        });
        match pieces.recv().await {
            Some(Err(fault)) => Err(fault.into()),
            first => Ok((name, Pieces { first: first.and_then(Result::ok), rest: pieces })),
        }
    }

    /// Waits until the newest rows are in, or says why they can't be.
    async fn fresh(&self) -> Result<(), AuditFault> {
        let url = Arc::clone(&self.url);
        let head = tokio::task::spawn_blocking(move || {
            Ok::<_, JournalError>(crate::record::open_read_only(&url)?.head()?.0)
        });
        let head = head.await.map_err(|broken| AuditFault::Stuck(broken.to_string()))??;
        let mut followed = self.followed.clone();
        let _awake_anyway = self.look.try_send(());
        let there = followed.wait_for(|now| now.seq >= head || now.fault.is_some());
        let waited = tokio::time::timeout(Duration::from_millis(FRESH_MS_MAX), there).await;
        // What it gives locks the value: with the look below, and the follower in between, all three would
        // wait for each other for ever.
        let waited = waited.map(|there| there.map(drop));
        if let Ok(Err(_)) = waited {
            return Err(AuditFault::Stopping);
        }
        let now = self.followed.borrow().clone();
        match now.fault {
            Some(fault) => Err(AuditFault::Stuck(fault)),
            None if now.seq.saturating_add(BEHIND_ROWS_MAX) < head || now.seq == 0 && head > 0 => {
                Err(AuditFault::Behind { seq: now.seq, head })
            }
            None => Ok(()),
        }
    }
}

/// A report as it comes.
pub struct Pieces {
    first: Option<Bytes>,
    rest: mpsc::Receiver<Result<Bytes, ReportFault>>,
}

impl Pieces {
    /// The next piece; `None` = that was all.
    ///
    /// # Errors
    /// When the report broke off: what came so far is not whole.
    pub async fn next(&mut self) -> Option<Result<Bytes, ReportFault>> {
        match self.first.take() {
            Some(first) => Some(Ok(first)),
            None => self.rest.recv().await,
        }
    }
}

/// Hands a report on in pieces, no faster than they are taken.
struct PieceWriter {
    sender: mpsc::Sender<Result<Bytes, ReportFault>>,
    runtime: Handle,
    kept: Vec<u8>,
}

impl PieceWriter {
    fn hand_on(&mut self) -> std::io::Result<()> {
        let full = std::mem::replace(&mut self.kept, Vec::with_capacity(PIECE_BYTES));
        let limit = Duration::from_secs(RECEIVER_S_MAX);
        let sent = self.sender.send(Ok(full.into()));
        match self.runtime.block_on(async { tokio::time::timeout(limit, sent).await }) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(std::io::Error::other("the receiver has gone")),
            Err(_) => {
                let what = format!("the receiver took nothing for {RECEIVER_S_MAX} s");
                Err(std::io::Error::new(std::io::ErrorKind::TimedOut, what))
            }
        }
    }

    /// Lets the receiver know that it has not everything.
    fn break_off(&self, fault: ReportFault) {
        tracing::warn!(%fault, "a report broke off");
        let _gone = self.sender.blocking_send(Err(fault));
    }
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = PIECE_BYTES.saturating_sub(self.kept.len()).max(1);
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.kept.extend_from_slice(taken);
        if self.kept.len() >= PIECE_BYTES {
            self.hand_on()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.kept.is_empty() { Ok(()) } else { self.hand_on() }
    }
}

/// Keeps the projection up to date until it is told to stop.
fn follow(url: &str, progress: &watch::Sender<Followed>, looks: &Receiver<()>, stop: &AtomicBool) {
    // Behind everything else of the gateway: an audit can wait, a warning can't.
    lowest_priority();
    let stopped = |ms| {
        let gone = looks.recv_timeout(Duration::from_millis(ms));
        stop.load(Ordering::Relaxed) || gone == Err(RecvTimeoutError::Disconnected)
    };
    loop {
        let fault = match Projector::open(url) {
            Ok(projector) => match keep_up(projector, progress, &stopped) {
                Ok(()) => return,
                Err(fault) => fault,
            },
            // Nothing is kept, so there is nothing to follow.
            Err(fault @ JournalError::NothingKept) => {
                progress.send_replace(Followed { seq: 0, fault: Some(fault.to_string()) });
                return;
            }
            Err(fault) => fault,
        };
        tracing::warn!(%fault, "the audit can't follow the record; warnings are not touched by it");
        progress.send_modify(|followed| followed.fault = Some(fault.to_string()));
        if stopped(FAULT_WAIT_MS) {
            return;
        }
    }
}

fn keep_up(
    mut projector: Projector,
    progress: &watch::Sender<Followed>,
    stopped: &impl Fn(u64) -> bool,
) -> Result<(), JournalError> {
    progress.send_replace(Followed { seq: projector.seq(), fault: None });
    loop {
        let taken = projector.advance()?;
        let seq = projector.seq();
        progress.send_if_modified(|followed| {
            std::mem::replace(followed, Followed { seq, fault: None }).seq != seq
        });
        if stopped(if taken < BATCH_ROWS { LOOK_MS } else { 0 }) {
            return Ok(());
        }
    }
}
