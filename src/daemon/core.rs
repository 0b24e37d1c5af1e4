//! The core's own thread: drains inputs, commits their entries in one transaction, then performs
//! the actions. Recorded first, done second.

use super::perform::Performer;
use crate::clock;
use crate::gateway::{Action, Answer, Gateway, Input, RequestId};
use crate::model::{Sha256, UtcMs};
use crate::record::entry::Entry;
use crate::record::{Journal, JournalError, NewRow};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Inputs waiting for the core. When it is full: HTTP answers 503 and upstream repeats;
/// acknowledgements wait in the link, and the terminal repeats them until its receipt.
pub const INPUTS_MAX: usize = 65_536;
/// Inputs of one group commit.
pub(crate) const GROUP_MAX: usize = 4_096;
/// Tries of one group commit before the process ends and a restart replays.
const COMMIT_TRIES_MAX: u32 = 30;
/// Wait between these tries, milliseconds.
const COMMIT_WAIT_MS: u64 = 1_000;

/// A function that looks at the gateway and changes nothing.
pub(crate) type Look = Box<dyn FnOnce(&Gateway) + Send>;

/// What other tasks send to the core.
pub(crate) enum CoreMessage {
    /// Something happened; nobody waits for an answer.
    Happened(Input),
    /// Somebody asks and waits.
    Asked {
        /// Makes the input once its request has a name.
        make: Box<dyn FnOnce(RequestId) -> Input + Send>,
        /// Raw bytes to keep beside the journal.
        raw: Option<(Sha256, Vec<u8>)>,
        /// Where the answer goes, after it is durable.
        reply: oneshot::Sender<Answer>,
    },
    /// A read-only look at the state.
    Look(Look),
    /// Finish commits and end; answered when all is durable.
    Stop(oneshot::Sender<()>),
}

/// Handle by which other tasks reach the core.
#[derive(Clone)]
pub struct CoreHandle {
    sender: mpsc::Sender<CoreMessage>,
}

/// Why the core did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoreFault {
    /// Its queue is full: try again.
    #[error("the gateway has {INPUTS_MAX} inputs waiting; try again in a moment")]
    Full,
    /// It has ended.
    #[error("the gateway is stopping")]
    Gone,
    /// It made no answer, which is a fault of the gateway.
    #[error("the gateway made no answer to this; look at its log, then try again")]
    Unanswered,
}

impl CoreHandle {
    /// Asks and waits for the durable answer.
    ///
    /// # Errors
    /// `Full` when the queue is full, `Gone` when the core ends.
    pub async fn ask(
        &self,
        raw: Option<(Sha256, Vec<u8>)>,
        make: impl FnOnce(RequestId) -> Input + Send + 'static,
    ) -> Result<Answer, CoreFault> {
        let (reply, answer) = oneshot::channel();
        let message = CoreMessage::Asked { make: Box::new(make), raw, reply };
        self.sender.try_send(message).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => CoreFault::Full,
            mpsc::error::TrySendError::Closed(_) => CoreFault::Gone,
        })?;
        answer.await.map_err(|_| {
            if self.sender.is_closed() { CoreFault::Gone } else { CoreFault::Unanswered }
        })
    }

    /// Looks at the gateway.
    ///
    /// # Errors
    /// `Full` or `Gone`.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Gateway) -> T + Send + 'static,
    ) -> Result<T, CoreFault> {
        let (reply, answer) = oneshot::channel();
        let look: Look = Box::new(move |gateway| {
            // The asker may have gone away; then nobody needs the answer.
            let _gone = reply.send(look(gateway));
        });
        self.sender.send(CoreMessage::Look(look)).await.map_err(|_| CoreFault::Gone)?;
        answer.await.map_err(|_| CoreFault::Gone)
    }

    /// Tells that something happened, waiting for room (back-pressure).
    ///
    /// # Errors
    /// `Gone` when the core ended.
    pub async fn happened(&self, input: Input) -> Result<(), CoreFault> {
        self.sender.send(CoreMessage::Happened(input)).await.map_err(|_| CoreFault::Gone)
    }

    /// The same from a thread without a runtime.
    ///
    /// # Errors
    /// `Gone` when the core ended.
    pub fn happened_blocking(&self, input: Input) -> Result<(), CoreFault> {
        self.sender.blocking_send(CoreMessage::Happened(input)).map_err(|_| CoreFault::Gone)
    }

    /// Wakes the core; when its queue is full it is awake anyway.
    pub fn wake(&self) {
        let _full = self.sender.try_send(CoreMessage::Happened(Input::Wake));
    }

    /// Whether the core has ended.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }

    /// Inputs that wait for the core.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        INPUTS_MAX.saturating_sub(self.sender.capacity())
    }

    /// Ends the core after its last commit.
    pub async fn stop(&self) {
        let (done, wait) = oneshot::channel();
        if self.sender.send(CoreMessage::Stop(done)).await.is_ok() {
            let _ended = wait.await;
        }
    }
}

/// A channel to a core that [`CoreLoop::run`] serves.
#[must_use]
pub(crate) fn core_queue() -> (CoreHandle, mpsc::Receiver<CoreMessage>) {
    let (sender, receiver) = mpsc::channel(INPUTS_MAX);
    (CoreHandle { sender }, receiver)
}

/// The core with everything it needs to commit and perform.
pub(crate) struct CoreLoop {
    /// The pure core.
    pub gateway: Gateway,
    /// The record.
    pub journal: Box<dyn Journal>,
    /// Performs actions.
    pub performer: Performer,
    /// Row of the last snapshot.
    pub snapshot_seq: u64,
    /// Rows between snapshots.
    pub snapshot_every_rows: u64,
}

/// One group of inputs on its way through commit and perform.
#[derive(Default)]
struct Group {
    began: Option<clock::Monotonic>,
    rows: Vec<NewRow>,
    entries: Vec<Entry>,
    raws: Vec<(Sha256, Vec<u8>)>,
    actions: Vec<Action>,
    looks: Vec<Look>,
    stop: Option<oneshot::Sender<()>>,
}

impl CoreLoop {
    /// Serves until `Stop` or until every handle is gone.
    ///
    /// # Errors
    /// When the record can't be written for [`COMMIT_TRIES_MAX`] tries: the process must end, and a
    /// restart replays; nothing unrecorded was done.
    pub(crate) fn run(
        mut self,
        mut inputs: mpsc::Receiver<CoreMessage>,
    ) -> Result<(), JournalError> {
        let mut replies: BTreeMap<RequestId, oneshot::Sender<Answer>> = BTreeMap::new();
        let mut request = RequestId(0);
        let resumed = self.gateway.resume(clock::now_utc());
        let mut group = Group::default();
        self.sort(clock::now_utc(), resumed, &mut group);
        self.commit_and_perform(group, &mut replies)?;
        while let Some(first) = inputs.blocking_recv() {
            let began = Some(clock::Monotonic::start());
            let mut group = Group { began, ..Group::default() };
            let mut next = Some(first);
            let mut taken = 0;
            while let Some(message) = next {
                self.take(message, &mut group, &mut request, &mut replies);
                taken += 1;
                next = if taken < GROUP_MAX { inputs.try_recv().ok() } else { None };
            }
            let stop = group.stop.take();
            self.commit_and_perform(group, &mut replies)?;
            if let Some(done) = stop {
                self.performer.flush_receipts();
                self.snapshot()?;
                let _gone = done.send(());
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        message: CoreMessage,
        group: &mut Group,
        request: &mut RequestId,
        replies: &mut BTreeMap<RequestId, oneshot::Sender<Answer>>,
    ) {
        let now = clock::now_utc();
        match message {
            CoreMessage::Happened(input) => {
                if input == Input::Wake {
                    self.performer.flush_receipts_due();
                }
                let actions = self.gateway.step(now, input);
                self.sort(now, actions, group);
            }
            CoreMessage::Asked { make, raw, reply } => {
                request.0 += 1;
                replies.insert(*request, reply);
                group.raws.extend(raw);
                let actions = self.gateway.step(now, make(*request));
                self.sort(now, actions, group);
            }
            CoreMessage::Look(look) => group.looks.push(look),
            CoreMessage::Stop(done) => group.stop = Some(done),
        }
    }

    /// Records to rows, the rest in order.
    fn sort(&mut self, now: UtcMs, actions: Vec<Action>, group: &mut Group) {
        for action in actions {
            match action {
                Action::Record(entry) => match entry.to_body() {
                    Ok(body) => {
                        group.rows.push(NewRow { at: now, kind: entry.kind().to_owned(), body });
                        group.entries.push(entry);
                    }
                    // Model values are always JSON; should one ever not be, its text is kept.
                    Err(fault) => {
                        tracing::error!(kind = entry.kind(), %fault, "entry kept as text only");
                        let text = serde_json::json!({ "entry": "denied", "by": "gateway",
                            "what": entry.kind(), "reason": format!("{fault}: {entry:?}") });
                        let body = text.to_string().into_bytes();
                        group.rows.push(NewRow { at: now, kind: "denied".to_owned(), body });
                    }
                },
                Action::Reply(..)
                | Action::Render(_)
                | Action::Send { .. }
                | Action::Receipt(..)
                | Action::Call(_)
                | Action::Alarm(_) => group.actions.push(action),
            }
        }
    }

    fn commit_and_perform(
        &mut self,
        group: Group,
        replies: &mut BTreeMap<RequestId, oneshot::Sender<Answer>>,
    ) -> Result<(), JournalError> {
        self.commit(&group.rows, &group.raws)?;
        if let Some(began) = group.began.filter(|_| !group.rows.is_empty()) {
            self.performer.committed(began.elapsed());
        }
        group.entries.iter().for_each(|entry| self.performer.recorded(entry));
        for action in group.actions {
            if let Action::Reply(request, answer) = action {
                if let Some(reply) = replies.remove(&request) {
                    // The asker may have hung up; the answer is on record anyway.
                    let _gone = reply.send(answer);
                }
            } else {
                self.performer.perform(&self.gateway, action);
            }
        }
        // Every question is answered by its own step: what has no answer by now never gets one, and
        // its asker is told so instead of waiting.
        for (request, _) in std::mem::take(replies) {
            tracing::error!(?request, "a question has no answer");
        }
        group.looks.into_iter().for_each(|look| look(&self.gateway));
        if self.journal.head().0 >= self.snapshot_seq.saturating_add(self.snapshot_every_rows) {
            self.snapshot()?;
        }
        Ok(())
    }

    fn commit(&mut self, rows: &[NewRow], raws: &[(Sha256, Vec<u8>)]) -> Result<(), JournalError> {
        if rows.is_empty() && raws.is_empty() {
            return Ok(());
        }
        let mut tries = 0;
        loop {
            match self.journal.append(rows, raws) {
                Ok(_) => {
                    if self.journal.space_low() {
                        self.performer.space_low();
                    }
                    self.performer.journal_state(true);
                    return Ok(());
                }
                Err(fault) => {
                    tries += 1;
                    self.performer.journal_state(false);
                    tracing::error!(%fault, tries, "record not written; nothing is done until it is");
                    if tries >= COMMIT_TRIES_MAX {
                        return Err(fault);
                    }
                    wait(Duration::from_millis(COMMIT_WAIT_MS));
                }
            }
        }
    }

    /// Keeps the state for a quick start and signs the head, so that a cut-off tail shows.
    fn snapshot(&mut self) -> Result<(), JournalError> {
        let seq = self.journal.head().0;
        self.journal.checkpoint(clock::now_utc())?;
        match super::replay::encode_state(self.gateway.state()) {
            Ok(bytes) => {
                self.journal.snapshot_save(seq, &bytes)?;
                self.snapshot_seq = seq;
            }
            Err(fault) => tracing::error!(%fault, "no snapshot; the next start replays more"),
        }
        Ok(())
    }
}

/// Waits without the banned sleep: a channel nobody sends on.
fn wait(time: Duration) {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    let _elapsed = never.recv_timeout(time);
}
