//! Rendering beside the core: its own threads, highest priority first, never in the core's way.

use super::core::CoreHandle;
use super::phrases::PhraseBook;
use crate::gateway::{Input, RenderOrder};
use crate::model::{Chime, ClipRef, Codec};
use crate::render::{RenderRequest, Renderer};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex};

/// Worker threads: one may hold the neural voice while the other renders recordings.
const WORKERS: usize = 2;

/// Longest time the voices have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// For any warning, milliseconds.
    pub(crate) ms_max: u64,
    /// For red ones, milliseconds: they must be out within seconds.
    pub(crate) red_ms_max: u64,
}

impl Deadlines {
    fn ms_of(self, chime: Chime) -> u64 {
        if chime == Chime::Red { self.ms_max.min(self.red_ms_max) } else { self.ms_max }
    }
}

/// Broadcasts that wait for their audio. It holds at most what the core holds, because every
/// waiting broadcast is in the core's state; loudest chime first.
#[derive(Clone)]
pub(crate) struct RenderQueue {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    orders: VecDeque<RenderOrder>,
    closed: bool,
}

impl Default for RenderQueue {
    fn default() -> Self {
        let shared = Shared { waiting: Mutex::new(Waiting::default()), news: Condvar::new() };
        Self { shared: Arc::new(shared) }
    }
}

impl RenderQueue {
    /// Adds an order; a louder chime (higher level) goes before a softer one.
    pub(crate) fn push(&self, order: RenderOrder) {
        let mut waiting = lock(&self.shared.waiting);
        let place =
            waiting.orders.iter().position(|other| urgency(other.chime) < urgency(order.chime));
        let place = place.unwrap_or(waiting.orders.len());
        waiting.orders.insert(place, order);
        drop(waiting);
        self.shared.news.notify_one();
    }

    /// Ends the workers when their current render is done.
    pub(crate) fn close(&self) {
        lock(&self.shared.waiting).closed = true;
        self.shared.news.notify_all();
    }

    /// Starts the workers. The clip of each order comes back to the core as `Rendered`; voices that
    /// have not spoken by their deadline are replaced by the recorded warning.
    ///
    /// # Errors
    /// When a thread can't be started.
    pub(crate) fn start(
        &self,
        renderer: &Arc<Renderer>,
        phrases: &Arc<PhraseBook>,
        core: &CoreHandle,
        deadlines: Deadlines,
    ) -> std::io::Result<()> {
        for worker in 0..WORKERS {
            let (queue, renderer, core) = (self.clone(), Arc::clone(renderer), core.clone());
            let phrases = Arc::clone(phrases);
            std::thread::Builder::new()
                .name(format!("render-{worker}"))
                .spawn(move || queue.work(&renderer, &phrases, &core, deadlines))?;
        }
        Ok(())
    }

    fn work(
        &self,
        renderer: &Renderer,
        phrases: &PhraseBook,
        core: &CoreHandle,
        deadlines: Deadlines,
    ) {
        while let Some(order) = self.next() {
            let request = RenderRequest {
                text: order.message.text.clone(),
                voice: order.message.voice.clone(),
                recording: order.message.recording.clone(),
                fallback_recording: order.message.fallback_recording.clone(),
                chime: order.chime,
                drill: order.drill,
                words_times: None,
                codecs: with_default(order.codecs.clone()),
                deadline_ms: Some(deadlines.ms_of(order.chime)),
                background: false,
            };
            match renderer.render(&request) {
                Ok(done) => {
                    let mut clips = done.clips;
                    clips.extend(phrases.list(renderer, &order, clips.len()));
                    let clips = with_stored(renderer, &order, clips);
                    let input = Input::Rendered(order.broadcast, clips, done.spoken);
                    if core.happened_blocking(input).is_err() {
                        return;
                    }
                }
                Err(fault) => {
                    // A full disk or the like: the broadcast stays in `rendering`, visible, and is
                    // tried again until it expires or somebody cancels it.
                    tracing::error!(broadcast = %order.broadcast, %fault, "audio not rendered");
                    let (_keep, never) = std::sync::mpsc::channel::<()>();
                    let _elapsed = never.recv_timeout(RETRY_WAIT);
                    self.push(order);
                }
            }
        }
    }

    fn next(&self) -> Option<RenderOrder> {
        let mut waiting = lock(&self.shared.waiting);
        loop {
            if waiting.closed {
                return None;
            }
            if let Some(order) = waiting.orders.pop_front() {
                return Some(order);
            }
            waiting = self.shared.news.wait(waiting).unwrap_or_else(|bad| bad.into_inner());
        }
    }
}

/// Wait before a failed render is tried again.
const RETRY_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// The recorded warning goes last into the order: it sounds on lines where the words would come too
/// late. A drill is never in it, because recorded warnings sound like one.
fn with_stored(renderer: &Renderer, order: &RenderOrder, mut clips: Vec<ClipRef>) -> Vec<ClipRef> {
    if !order.stored || order.drill {
        return clips;
    }
    let message = &order.message;
    let name = message.recording.as_ref().unwrap_or(&message.fallback_recording);
    let clip = super::keep::stored(renderer, order.chime, name, false).map(|(clip, _)| clip);
    clips.extend(clip.filter(|stored| clips.iter().all(|clip| clip.sha256 != stored.sha256)));
    clips
}

/// Every clip exists as Opus at least, for preview and audit.
fn with_default(mut codecs: BTreeSet<Codec>) -> BTreeSet<Codec> {
    codecs.insert(Codec::Opus);
    codecs
}

fn urgency(chime: Chime) -> u8 {
    match chime {
        Chime::None => 0,
        Chime::Notice => 1,
        Chime::Blue => 2,
        Chime::Yellow => 3,
        Chime::Orange => 4,
        Chime::Red => 5,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A worker that panicked leaves the queue itself whole.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
