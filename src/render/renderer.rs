//! Message → clips against a deadline: the best voice that is ready, else the recorded warning, else the
//! chime; never nothing.

mod memory;
mod parts;
mod pieces;
mod spoken_text;
mod way;

use super::clip::{ClipFault, ClipStore, STORE_BYTES_MAX};
use super::encode::{EncodeFault, PROGRAM_MS_MAX, encode_levelled};
use super::mix::{Mix, MixFault, program};
use super::samples::Samples;
use super::shelf::Shelf;
use super::speech::{Chain, Deadline, LazyFrontEnd, SpeechConfig, SpeechFault, expected_ms};
use super::text::{Lexicon, LexiconFault, Script, TextFault};
use crate::model::{Chime, ClipRef, Codec, Sha256, Spoken};
use memory::Memory;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use way::Way;

/// The voices have this much …
const DEADLINE_MS_BASE: u64 = 3_000;
/// Longest time a preview waits for warnings before it goes on beside them.
const WAY_WAIT_MAX: Duration = Duration::from_secs(20);

/// How to render.
#[derive(Debug, Clone)]
pub struct RenderConfig {
    /// Recorded messages (`audio-samples/`).
    pub audio_dir: PathBuf,
    /// The county's own recordings, which go before those of the same name; `None` = none.
    pub recordings_dir: Option<PathBuf>,
    /// The clip store.
    pub clip_dir: PathBuf,
    /// `phrases.toml`; `None` = no local words.
    pub phrases: Option<PathBuf>,
    /// The voices.
    pub speech: SpeechConfig,
    /// How programs are mixed.
    pub mix: Mix,
    /// Limit of the clip store in bytes.
    pub store_bytes_max: u64,
}

impl RenderConfig {
    /// The usual values for these two directories, without installed voice and local words.
    #[must_use]
    pub fn new(audio_dir: PathBuf, clip_dir: PathBuf) -> Self {
        Self {
            audio_dir,
            recordings_dir: None,
            clip_dir,
            phrases: None,
            speech: SpeechConfig::default(),
            mix: Mix::default(),
            store_bytes_max: STORE_BYTES_MAX,
        }
    }
}

/// What to render; texts as in `model::Message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderRequest {
    /// The words.
    pub text: String,
    /// `default`, `bank`, `kokoro:zm_yunjian`, `command`, `recorded`.
    pub voice: String,
    /// Recorded message to play instead of speech.
    pub recording: Option<String>,
    /// Recorded warning when no voice speaks in time.
    pub fallback_recording: String,
    /// Chime before the words.
    pub chime: Chime,
    /// Whether the words are framed as a drill.
    pub drill: bool,
    /// How often the words are said within the clip; `None` = as configured.
    pub words_times: Option<u8>,
    /// Wanted codecs; empty = Opus.
    pub codecs: BTreeSet<Codec>,
    /// Most milliseconds the voices have; `None` = as long as the length of the text allows. They never
    /// have more than 3 s and the expected length of the speech.
    pub deadline_ms: Option<u64>,
    /// Whether everything else goes first (a preview).
    pub background: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One clip for each codec, in the order of [`Codec`].
    pub clips: Vec<ClipRef>,
    /// Who spoke and why nobody better.
    pub spoken: Spoken,
}

/// Nothing could be rendered: only a full or failing disk and wrong configuration do this.
#[derive(Debug, Error)]
pub enum RenderFault {
    /// The clip store.
    #[error(transparent)]
    Clip(#[from] ClipFault),
    /// Encoding.
    #[error(transparent)]
    Encode(#[from] EncodeFault),
    /// Mixing.
    #[error(transparent)]
    Mix(#[from] MixFault),
    /// Local words.
    #[error(transparent)]
    Lexicon(#[from] LexiconFault),
    /// A configured file can't be read.
    #[error("expected a readable {file}, got {what}")]
    File {
        /// Which.
        file: String,
        /// What happened.
        what: String,
    },
}

/// What is known of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineState {
    /// `kokoro`, `bank`, `command`.
    pub name: String,
    /// Its voices; empty when it has one only, or while it loads.
    pub voices: Vec<String>,
    /// Why it does not speak; `None` = it does, or still loads.
    pub fault: Option<SpeechFault>,
}

/// Renders broadcasts; shared by all render threads.
pub struct Renderer {
    config: RenderConfig,
    clips: Arc<ClipStore>,
    shelf: Shelf,
    front_end: Arc<LazyFrontEnd>,
    chain: Chain,
    memory: Memory,
    way: Way,
}

impl Renderer {
    /// Opens the clip store; the voices load in the background meanwhile. A voice that can't be loaded is
    /// no fault here: the next one speaks, and every rendering says why.
    ///
    /// # Errors
    /// [`RenderFault`] when the clip store or `phrases.toml` is unusable.
    pub fn new(config: RenderConfig) -> Result<Self, RenderFault> {
        let lexicon = match &config.phrases {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| RenderFault::File {
                    file: path.display().to_string(),
                    what: e.to_string(),
                })?;
                Lexicon::parse(&text)?
            }
            None => Lexicon::default(),
        };
        let front_end = Arc::new(LazyFrontEnd::new(lexicon));
        let chain = super::speech::open(&config.speech, &front_end);
        Self::with_chain(config, chain, front_end)
    }

    /// With other voices.
    ///
    /// # Errors
    /// [`RenderFault::Clip`] when the clip store can't be opened.
    pub fn with_chain(
        config: RenderConfig,
        chain: Chain,
        front_end: Arc<LazyFrontEnd>,
    ) -> Result<Self, RenderFault> {
        let clips = Arc::new(ClipStore::open(&config.clip_dir, config.store_bytes_max)?);
        let own = config.recordings_dir.iter().cloned();
        let shelf = Shelf::new(own.chain([config.audio_dir.clone()]).collect());
        let (memory, way) = (Memory::default(), Way::default());
        Ok(Self { config, clips, shelf, front_end, chain, memory, way })
    }

    /// The clip store, for those who serve clips.
    #[must_use]
    pub fn clips(&self) -> Arc<ClipStore> {
        Arc::clone(&self.clips)
    }

    /// The engines in their order.
    #[must_use]
    pub fn engines(&self) -> Vec<EngineState> {
        let state = |engine: &super::speech::Engine| EngineState {
            name: engine.speech.name(),
            voices: engine.speech.voices(),
            fault: engine.speech.fault(),
        };
        self.chain.engines().iter().map(state).collect()
    }

    /// How `text` would be read.
    ///
    /// # Errors
    /// [`TextFault`] when it can't be spoken.
    pub fn script(&self, text: &str) -> Result<Script, TextFault> {
        self.front_end.get().script(text)
    }

    /// Renders a request. Blocks; call it from a thread of its own. A second request alike is
    /// answered from memory. One in the background waits between its steps until nothing else renders.
    ///
    /// # Errors
    /// [`RenderFault`]; never for want of a voice or a recording.
    pub fn render(&self, request: &RenderRequest) -> Result<Rendered, RenderFault> {
        let watch = Deadline::within(WAY_WAIT_MAX);
        let elapsed_ms = || u32::try_from(watch.elapsed_ms()).unwrap_or(u32::MAX);
        let key = self.key(request);
        if let Some(mut known) = self.memory.recall(key, &self.clips) {
            known.spoken.render_ms = elapsed_ms();
            return Ok(known);
        }
        let _first = (!request.background).then(|| self.way.first());
        let give_way = || {
            if request.background {
                self.way.give(watch.left());
            }
        };
        give_way();
        let mut heard = self.heard(request);
        let words_times = request.words_times.unwrap_or(self.config.mix.words_times);
        let mut mix = Mix { words_times, ..self.config.mix.clone() };
        if heard.parts.duration_ms(&mix, words_times) > PROGRAM_MS_MAX {
            let told = format!("said once instead of {words_times} times, which takes too long");
            heard.faults.push(told);
            mix.words_times = 1;
        }
        give_way();
        let sound = program(&mix, &heard.parts)?;
        let duration_ms = sound.duration_ms();
        let default = BTreeSet::from([Codec::Opus]);
        let codecs = if request.codecs.is_empty() { &default } else { &request.codecs };
        let mut clips = Vec::with_capacity(codecs.len());
        // Phrases are made of what terminals keep, by whoever knows that.
        let sounds: Vec<Codec> =
            codecs.iter().copied().filter(|c| !matches!(c, Codec::Text | Codec::Phrases)).collect();
        // In the background one after the other, else all at once.
        for together in sounds.chunks(if request.background { 1 } else { sounds.len().max(1) }) {
            give_way();
            for (codec, bytes) in together.iter().zip(encoded(&sound, together)) {
                clips.push(self.clips.put(*codec, &bytes?, duration_ms)?);
            }
        }
        if codecs.contains(&Codec::Text) {
            clips.extend(self.text_clip(request)?);
        }
        let fallback_reason = (!heard.faults.is_empty()).then(|| heard.faults.join("; "));
        let spoken = Spoken { voice: heard.voice, fallback_reason, render_ms: elapsed_ms() };
        let rendered = Rendered { clips, spoken };
        if rendered.spoken.fallback_reason.is_none() {
            self.memory.remember(key, rendered.clone());
        }
        Ok(rendered)
    }

    /// Time the voices have for a request.
    fn voices_deadline(&self, request: &RenderRequest) -> Duration {
        let expected = expected_ms(&request.text, self.config.speech.speed);
        let usual_ms = expected.saturating_add(DEADLINE_MS_BASE);
        Duration::from_millis(request.deadline_ms.unwrap_or(u64::MAX).min(usual_ms))
    }

    /// Everything that decides how it will sound.
    fn key(&self, request: &RenderRequest) -> Sha256 {
        let alike = RenderRequest { background: false, ..request.clone() };
        let named = request.recording.as_deref().unwrap_or(&request.fallback_recording);
        let speech = &self.config.speech;
        let config =
            (&speech.engines, &speech.default_voice, speech.speed.to_bits(), &self.config.mix);
        let file = self.shelf.stamp(named);
        Sha256::of(format!("{alike:?}{config:?}{file:?}").as_bytes())
    }
}

/// A program in these encodings, each by a thread of its own: a county of terminals of several kinds waits
/// for the slowest, not for the sum.
fn encoded(sound: &Samples, codecs: &[Codec]) -> Vec<Result<Vec<u8>, EncodeFault>> {
    if let [codec] = codecs {
        return vec![encode_levelled(sound, *codec)];
    }
    std::thread::scope(|scope| {
        let begin = |codec: &Codec| {
            let codec = *codec;
            scope.spawn(move || encode_levelled(sound, codec))
        };
        let under_way: Vec<_> = codecs.iter().map(begin).collect();
        let ended = under_way.into_iter().map(std::thread::ScopedJoinHandle::join);
        // A panic goes on where a panic of this very thread would.
        ended.map(|end| end.unwrap_or_else(|fault| std::panic::resume_unwind(fault))).collect()
    })
}

#[cfg(test)]
#[path = "renderer_tests.rs"]
mod tests;
