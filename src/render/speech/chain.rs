//! Voices in order: the best one that is ready in time speaks.
//!
//! The whole deadline belongs to the voices before the first instant one; that one speaks beside them
//! from the beginning. So it costs no time when the better ones fail, and no deadline of theirs can
//! take its time away.

use super::{Deadline, Speech, SpeechFault, Utterance};
use crate::render::samples::Samples;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Instant voices that may speak at once beside others; with more, they speak in turn.
const BESIDE_MAX: usize = 4;
/// What an instant voice has at least, even when the deadline has passed: it needs a tenth of it.
const INSTANT_GRACE: Duration = Duration::from_millis(1_500);

/// A voice's place in the chain.
pub struct Engine {
    /// The voice.
    pub speech: Arc<dyn Speech>,
    /// Whether it takes a fraction of a second for any text.
    pub instant: bool,
}

/// Sound, and who made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The sound.
    pub sound: Samples,
    /// `kokoro:zm_yunjian`, `bank` …
    pub voice: String,
}

/// All voices of a gateway, best first.
pub struct Chain {
    engines: Vec<Engine>,
    /// Wanted voice of `default`, `engine:voice`.
    default_voice: String,
    beside: Arc<AtomicUsize>,
}

/// Who is asked: the engine's place, and the voice's name within it.
type Order<'a> = Vec<(&'a Engine, &'a str)>;

impl Chain {
    /// Voices in this order; of the engine that `default_voice` names, that voice speaks.
    #[must_use]
    pub fn new(engines: Vec<Engine>, default_voice: &str) -> Self {
        Self { engines, default_voice: default_voice.to_owned(), beside: Arc::default() }
    }

    /// The voices.
    #[must_use]
    pub fn engines(&self) -> &[Engine] {
        &self.engines
    }

    /// Who is asked for `wanted`: `default` = the configured order; `engine` or `engine:voice` = that
    /// engine first; another word = a voice of the default's engine. The rest follows in order.
    fn order<'a>(&'a self, wanted: &'a str, faults: &mut Vec<String>) -> Order<'a> {
        let (default_engine, default_voice) =
            self.default_voice.split_once(':').unwrap_or((&self.default_voice, ""));
        let usual = |engine: &Engine| {
            if engine.speech.name() == default_engine { default_voice } else { "" }
        };
        let mut order: Order<'a> =
            self.engines.iter().map(|engine| (engine, usual(engine))).collect();
        if wanted.is_empty() || wanted == "default" {
            return order;
        }
        let is_engine = |name: &str| self.engines.iter().any(|e| e.speech.name() == name);
        let (name, voice) = match wanted.split_once(':') {
            Some((engine, voice)) => (engine, voice),
            None if is_engine(wanted) => (wanted, ""),
            None => (default_engine, wanted),
        };
        match order.iter().position(|(engine, _)| engine.speech.name() == name) {
            Some(place) => {
                let (engine, usual) = order.remove(place);
                order.insert(0, (engine, if voice.is_empty() { usual } else { voice }));
            }
            None => faults.push(format!("expected a configured voice, got `{wanted}`")),
        }
        order
    }

    /// Speaks; what went wrong with better voices goes to `faults`, one sentence each.
    pub fn speak(&self, utterance: &Utterance<'_>, faults: &mut Vec<String>) -> Option<Said> {
        let deadline = Deadline::within(utterance.deadline);
        let order = self.order(utterance.voice, faults);
        if order.is_empty() {
            faults.push("no voice is configured".to_owned());
        }
        let beside = self.begin_instant(&order, utterance);
        for (place, (engine, voice)) in order.iter().enumerate() {
            let left = deadline.left();
            let result = match &beside {
                Some((at, receiver)) if *at == place => {
                    collected(receiver, left.max(INSTANT_GRACE))
                }
                _ if engine.instant => ask(engine, voice, left.max(INSTANT_GRACE), utterance),
                _ if left.is_zero() => Err(SpeechFault::Late(deadline.limit_ms())),
                _ => ask(engine, voice, left, utterance),
            };
            let name = engine.speech.name();
            match result {
                Ok(sound) => {
                    let voice = if voice.is_empty() { name } else { format!("{name}:{voice}") };
                    return Some(Said { sound, voice });
                }
                Err(fault) => faults.push(format!("{name}: {fault}")),
            }
        }
        None
    }

    /// Starts the first instant voice beside the slower ones before it.
    fn begin_instant(
        &self,
        order: &Order<'_>,
        utterance: &Utterance<'_>,
    ) -> Option<(usize, Receiver<Result<Samples, SpeechFault>>)> {
        let place = order.iter().position(|(engine, _)| engine.instant).filter(|at| *at > 0)?;
        let (engine, voice) = order.get(place)?;
        let slot = Slot::take(&self.beside)?;
        let speech = Arc::clone(&engine.speech);
        let (text, voice) = (utterance.text.to_owned(), (*voice).to_owned());
        let deadline = utterance.deadline.max(INSTANT_GRACE);
        let (sender, receiver) = sync_channel(1);
        let spawned =
            std::thread::Builder::new().name("speech-instant".to_owned()).spawn(move || {
                let _slot = slot;
                // When a better voice spoke, nobody waits for this one.
                drop(sender.try_send(speech.speak(&text, &voice, deadline)));
            });
        spawned.ok().map(|_running| (place, receiver))
    }
}

fn ask(
    engine: &Engine,
    voice: &str,
    deadline: Duration,
    utterance: &Utterance<'_>,
) -> Result<Samples, SpeechFault> {
    let utterance = Utterance { voice, deadline, ..*utterance };
    // A clip goes out whole, so nobody is served by its first sentence here.
    engine.speech.speak_streaming(&utterance, &mut |_| {})
}

fn collected(
    receiver: &Receiver<Result<Samples, SpeechFault>>,
    left: Duration,
) -> Result<Samples, SpeechFault> {
    match receiver.recv_timeout(left) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            Err(SpeechFault::Late(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)))
        }
        Err(RecvTimeoutError::Disconnected) => Err(SpeechFault::Broken("it panicked".to_owned())),
    }
}

/// One of [`BESIDE_MAX`] places; given back when dropped, after a panic too.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(taken: &Arc<AtomicUsize>) -> Option<Self> {
        let free = |n| (n < BESIDE_MAX).then_some(n + 1);
        taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, free).ok()?;
        Some(Self(Arc::clone(taken)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
