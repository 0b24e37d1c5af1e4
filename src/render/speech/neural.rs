//! The neural voice as the gateway uses it: resident, sentence by sentence, out of a cache.
//!
//! Two threads speak: one for warnings, one at the lowest priority of the system for previews, so that
//! listening to a draft delays nothing. A sentence that nobody waits for any more is left out when it
//! has not begun, and kept for the next time when it has.

use super::cache::{Pcm, SentenceCache};
use super::priority::{behind_the_gateway, lowest_priority};
use super::{Deadline, Speech, SpeechFault, Utterance};
use crate::model::Sha256;
use crate::render::kokoro::{Kokoro, KokoroFault};
use crate::render::samples::Samples;
use crate::render::text::{Chunk, FrontEnd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};

/// Sentences that may wait for one thread; when full, the next voice of the chain speaks.
pub const SENTENCES_WAITING_MAX: usize = 32;
/// Voice when none is named.
pub const VOICE_DEFAULT: &str = "zm_yunjian";

/// What speaks one sentence; [`Kokoro`] in earnest.
pub trait SentenceModel: Send + Sync + 'static {
    /// Identity of everything in the model that decides how it sounds, for the cache.
    fn identity(&self) -> Sha256;

    /// Names of its voices.
    fn voices(&self) -> Vec<String>;

    /// Speaks the symbols of one sentence, silence at both ends cut. Called for warnings and for
    /// previews from two threads.
    ///
    /// # Errors
    /// [`KokoroFault`] when the voice is unknown or the model fails.
    fn sentence(
        &self,
        symbols: &[i32],
        voice: &str,
        speed: f32,
        background: bool,
    ) -> Result<Samples, KokoroFault>;
}

impl SentenceModel for Kokoro {
    fn identity(&self) -> Sha256 {
        Self::identity(self)
    }

    fn voices(&self) -> Vec<String> {
        Self::voices(self).map(str::to_owned).collect()
    }

    fn sentence(
        &self,
        symbols: &[i32],
        voice: &str,
        speed: f32,
        background: bool,
    ) -> Result<Samples, KokoroFault> {
        Self::sentence(self, symbols, voice, speed, background)
    }
}

type Reply = Result<Pcm, SpeechFault>;

struct Job {
    key: Sha256,
    symbols: Vec<i32>,
    voice: String,
    abandoned: Arc<AtomicBool>,
    reply: SyncSender<Reply>,
}

/// A resident voice.
pub struct Neural {
    front_end: Arc<FrontEnd>,
    cache: Arc<SentenceCache>,
    voices: Vec<String>,
    identity: Sha256,
    speed: f32,
    warnings: SyncSender<Job>,
    previews: SyncSender<Job>,
}

impl Neural {
    /// A voice that speaks `speed` times as fast as normal (0.5 to 2).
    ///
    /// # Errors
    /// [`SpeechFault::Broken`] when its threads can't be started.
    pub fn new(
        model: impl SentenceModel,
        front_end: Arc<FrontEnd>,
        speed: f32,
        cache: SentenceCache,
    ) -> Result<Self, SpeechFault> {
        let speed = speed.clamp(0.5, 2.0);
        let (voices, identity) = (model.voices(), model.identity());
        let (model, cache) = (Arc::new(model), Arc::new(cache));
        let lane = |background| lane(&model, &cache, speed, background);
        let (warnings, previews) = (lane(false)?, lane(true)?);
        Ok(Self { front_end, cache, voices, identity, speed, warnings, previews })
    }

    /// Everything that decides how a sentence sounds.
    fn key(&self, chunk: &Chunk, voice: &str) -> Sha256 {
        let speed = self.speed.to_bits();
        Sha256::of(format!("{} {voice} {speed} {:?}", self.identity, chunk.symbols).as_bytes())
    }

    fn sentence(
        &self,
        chunk: &Chunk,
        voice: &str,
        background: bool,
        deadline: &Deadline,
    ) -> Result<Pcm, SpeechFault> {
        let key = self.key(chunk, voice);
        if let Some(known) = self.cache.get(key) {
            return Ok(known);
        }
        let abandoned = Arc::new(AtomicBool::new(false));
        let (reply, answer) = sync_channel(1);
        let job = Job {
            key,
            symbols: chunk.symbols.clone(),
            voice: voice.to_owned(),
            abandoned: Arc::clone(&abandoned),
            reply,
        };
        let lane = if background { &self.previews } else { &self.warnings };
        lane.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => SpeechFault::Busy,
            TrySendError::Disconnected(_) => SpeechFault::Broken("its thread ended".to_owned()),
        })?;
        match answer.recv_timeout(deadline.left()) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                abandoned.store(true, Ordering::Relaxed);
                Err(SpeechFault::Late(deadline.limit_ms()))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(SpeechFault::Broken("its thread ended".to_owned()))
            }
        }
    }
}

/// A thread that speaks sentences as they come; ends with the voice.
fn lane(
    model: &Arc<impl SentenceModel>,
    cache: &Arc<SentenceCache>,
    speed: f32,
    background: bool,
) -> Result<SyncSender<Job>, SpeechFault> {
    let (sender, jobs) = sync_channel(SENTENCES_WAITING_MAX);
    let (model, cache) = (Arc::clone(model), Arc::clone(cache));
    std::thread::Builder::new()
        .name(if background { "speech-preview" } else { "speech" }.to_owned())
        .spawn(move || {
            if background {
                // The model's threads for previews are started by this one.
                lowest_priority();
            } else {
                behind_the_gateway();
            }
            speak_all(&*model, &cache, speed, background, &jobs);
        })
        .map_err(|e| SpeechFault::Broken(e.to_string()))?;
    Ok(sender)
}

fn speak_all(
    model: &impl SentenceModel,
    cache: &SentenceCache,
    speed: f32,
    background: bool,
    jobs: &Receiver<Job>,
) {
    while let Ok(job) = jobs.recv() {
        if job.abandoned.load(Ordering::Relaxed) {
            continue;
        }
        // Another text may have had the same sentence meanwhile.
        let speak = || match cache.get(job.key) {
            Some(known) => Ok(known),
            None => model.sentence(&job.symbols, &job.voice, speed, background).map(|sound| {
                let pcm = Pcm::of(&sound);
                cache.put(job.key, &pcm);
                pcm
            }),
        };
        let result = match catch_unwind(AssertUnwindSafe(speak)) {
            Ok(result) => result.map_err(SpeechFault::from),
            Err(_) => Err(SpeechFault::Broken("it panicked".to_owned())),
        };
        // Who asked may have given up.
        drop(job.reply.try_send(result));
    }
}

impl Speech for Neural {
    fn name(&self) -> String {
        "kokoro".to_owned()
    }

    fn speak(
        &self,
        text: &str,
        voice: &str,
        deadline: std::time::Duration,
    ) -> Result<Samples, SpeechFault> {
        let utterance = Utterance { text, voice, deadline, background: false };
        self.speak_streaming(&utterance, &mut |_| {})
    }

    fn speak_streaming(
        &self,
        utterance: &Utterance<'_>,
        each: &mut dyn FnMut(&Samples),
    ) -> Result<Samples, SpeechFault> {
        let deadline = Deadline::within(utterance.deadline);
        let voice = if utterance.voice.is_empty() { VOICE_DEFAULT } else { utterance.voice };
        let script = self.front_end.script(utterance.text)?;
        let mut whole: Option<Samples> = None;
        for (index, chunk) in script.chunks.iter().enumerate() {
            let pcm = self.sentence(chunk, voice, utterance.background, &deadline)?;
            let mut sound = pcm.sound();
            if index + 1 < script.chunks.len() {
                sound.mono.extend(Samples::silence(sound.rate_hz, chunk.pause_ms).mono);
            }
            each(&sound);
            match &mut whole {
                Some(whole) => whole.mono.extend(sound.mono),
                None => whole = Some(sound),
            }
        }
        whole.ok_or(SpeechFault::Text(crate::render::text::TextFault::Empty))
    }

    fn voices(&self) -> Vec<String> {
        self.voices.clone()
    }
}

#[cfg(test)]
#[path = "neural_tests.rs"]
mod tests;
