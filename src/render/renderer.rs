//! Message → clips against a deadline: voice, else the recorded warning, else the chime; never nothing.

use super::chime::chime;
use super::clip::{ClipFault, ClipStore, STORE_BYTES_MAX};
use super::encode::{EncodeFault, encode_levelled};
use super::kokoro::Kokoro;
use super::mix::{MixFault, PRE_ROLL_MS_DEFAULT, program};
use super::samples::Samples;
use super::shelf::Shelf;
use super::speech::{Neural, Speech, SpeechFault};
use super::text::{FrontEnd, Lexicon, LexiconFault};
use crate::clock::Monotonic;
use crate::model::{Chime, ClipRef, Codec, Sha256, Spoken};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;

/// Default deadline: this much …
const DEADLINE_MS_BASE: u64 = 3_000;
/// … plus this much for each character, its expected length when spoken.
const DEADLINE_MS_PER_CHAR: u64 = 240;
/// Finished renderings remembered; when full, the oldest is forgotten (its clips stay).
const REMEMBERED_MAX: usize = 256;

/// How to render.
#[derive(Debug, Clone)]
pub struct RenderConfig {
    /// Recorded messages (`audio-samples/`).
    pub audio_dir: PathBuf,
    /// The clip store.
    pub clip_dir: PathBuf,
    /// The installed voice; `None` = recorded messages only.
    pub voices_dir: Option<PathBuf>,
    /// `phrases.toml`; `None` = no local words.
    pub phrases: Option<PathBuf>,
    /// Voice of `default`: `zm_yunjian` or `kokoro:zm_yunjian`.
    pub default_voice: String,
    /// Silence before the chime in milliseconds.
    pub pre_roll_ms: u32,
    /// Limit of the clip store in bytes.
    pub store_bytes_max: u64,
    /// Processor threads for speech; leave one core free.
    pub speech_threads: usize,
    /// Speed of speech, 1 = normal.
    pub speed: f32,
}

impl RenderConfig {
    /// The usual values for these two directories, without voice and local words.
    #[must_use]
    pub fn new(audio_dir: PathBuf, clip_dir: PathBuf) -> Self {
        Self {
            audio_dir,
            clip_dir,
            voices_dir: None,
            phrases: None,
            default_voice: "kokoro:zm_yunjian".to_owned(),
            pre_roll_ms: PRE_ROLL_MS_DEFAULT,
            store_bytes_max: STORE_BYTES_MAX,
            speech_threads: 1,
            speed: 1.0,
        }
    }
}

/// What to render; texts as in `model::Message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderRequest {
    /// The words.
    pub text: String,
    /// `default`, `kokoro:zm_yunjian`, `recorded`.
    pub voice: String,
    /// Recorded message to play instead of speech.
    pub recording: Option<String>,
    /// Recorded warning when no voice speaks in time.
    pub fallback_recording: String,
    /// Chime before the words.
    pub chime: Chime,
    /// Whether the words are framed as a drill.
    pub drill: bool,
    /// Wanted codecs; empty = Opus.
    pub codecs: BTreeSet<Codec>,
    /// Milliseconds the voice has; `None` = 3 s and the expected length.
    pub deadline_ms: Option<u64>,
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

/// Words found for a request.
struct Words {
    sound: Option<Samples>,
    voice: String,
    faults: Vec<String>,
}

#[derive(Default)]
struct Remembered {
    done: BTreeMap<Sha256, Rendered>,
    order: VecDeque<Sha256>,
}

/// Renders broadcasts; shared by all render threads.
pub struct Renderer {
    config: RenderConfig,
    clips: Arc<ClipStore>,
    shelf: Shelf,
    speech: Result<Box<dyn Speech>, SpeechFault>,
    remembered: Mutex<Remembered>,
}

impl Renderer {
    /// Opens the clip store and loads the voice (about half a second). A voice that can't be loaded is
    /// no fault here: recorded warnings play, and every rendering says why.
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
        let speech: Result<Box<dyn Speech>, SpeechFault> = match &config.voices_dir {
            Some(dir) => {
                Kokoro::load(dir, config.speech_threads).map_err(SpeechFault::from).map(|k| {
                    let front_end = Arc::new(FrontEnd::new(lexicon));
                    let voice: Box<dyn Speech> = Box::new(Neural::new(k, front_end, config.speed));
                    voice
                })
            }
            None => Err(SpeechFault::Absent("none is configured".to_owned())),
        };
        Self::with_speech(config, speech)
    }

    /// With another voice, or none and the reason.
    ///
    /// # Errors
    /// [`RenderFault::Clip`] when the clip store can't be opened.
    pub fn with_speech(
        config: RenderConfig,
        speech: Result<Box<dyn Speech>, SpeechFault>,
    ) -> Result<Self, RenderFault> {
        let clips = Arc::new(ClipStore::open(&config.clip_dir, config.store_bytes_max)?);
        let shelf = Shelf::new(config.audio_dir.clone());
        Ok(Self { config, clips, shelf, speech, remembered: Mutex::default() })
    }

    /// The clip store, for those who serve clips.
    #[must_use]
    pub fn clips(&self) -> Arc<ClipStore> {
        Arc::clone(&self.clips)
    }

    /// Why no voice speaks; `None` = it does.
    #[must_use]
    pub fn voice_fault(&self) -> Option<&SpeechFault> {
        self.speech.as_ref().err()
    }

    /// Renders a request. Blocks; call it from a thread of its own. A second request alike is
    /// answered from memory.
    ///
    /// # Errors
    /// [`RenderFault`]; never for want of a voice or a recording.
    pub fn render(&self, request: &RenderRequest) -> Result<Rendered, RenderFault> {
        let watch = Monotonic::start();
        let elapsed_ms = || u32::try_from(watch.elapsed_ms()).unwrap_or(u32::MAX);
        let key = self.key(request);
        if let Some(mut known) = self.recall(key) {
            known.spoken.render_ms = elapsed_ms();
            return Ok(known);
        }
        let (parts, voice, faults) = self.parts(request);
        let sound = program(self.config.pre_roll_ms, &parts)?;
        let duration_ms = sound.duration_ms();
        let default = BTreeSet::from([Codec::Opus]);
        let codecs = if request.codecs.is_empty() { &default } else { &request.codecs };
        let mut clips = Vec::with_capacity(codecs.len());
        for codec in codecs {
            clips.push(self.clips.put(*codec, &encode_levelled(&sound, *codec)?, duration_ms)?);
        }
        let fallback_reason = (!faults.is_empty()).then(|| faults.join("; "));
        let rendered =
            Rendered { clips, spoken: Spoken { voice, fallback_reason, render_ms: elapsed_ms() } };
        if rendered.spoken.fallback_reason.is_none() {
            self.remember(key, rendered.clone());
        }
        Ok(rendered)
    }

    /// The parts of the program in order, who spoke, and what went wrong.
    fn parts(&self, request: &RenderRequest) -> (Vec<Samples>, String, Vec<String>) {
        let mut words = self.words(request);
        // With nothing to say a chime must sound at least.
        let kind = match (request.chime, &words.sound) {
            (Chime::None, None) => Chime::Notice,
            (kind, _) => kind,
        };
        let main = std::iter::once(chime(kind)).chain(words.sound.take());
        if !request.drill {
            return (main.collect(), words.voice, words.faults);
        }
        match (self.shelf.load("drill-before"), self.shelf.load("drill-after")) {
            // The frame comes before the alarm signal, so that nobody starts up at a siren.
            (Ok(before), Ok(after)) => {
                let frame = [chime(Chime::Notice), before].into_iter();
                let parts = frame.chain(main).chain(std::iter::once(after)).collect();
                (parts, words.voice, words.faults)
            }
            // A drill that can't be told from an alarm must not sound like one.
            (before, after) => {
                words.faults.extend(before.err().into_iter().chain(after.err()));
                words
                    .faults
                    .push("drill wording is missing, so only the notice chime plays".to_owned());
                (vec![chime(Chime::Notice)], "chime".to_owned(), words.faults)
            }
        }
    }

    fn words(&self, request: &RenderRequest) -> Words {
        let mut faults = Vec::new();
        let recorded = match (&request.recording, request.voice.as_str()) {
            (Some(name), _) => Some(name.clone()),
            (None, "recorded") => Some(request.fallback_recording.clone()),
            (None, _) => None,
        };
        if let Some(name) = recorded {
            match self.shelf.load(&name) {
                Ok(sound) => {
                    return Words { sound: Some(sound), voice: format!("recorded:{name}"), faults };
                }
                Err(fault) => faults.push(fault),
            }
        }
        if request.voice != "recorded" {
            match self.speak(request) {
                Ok((sound, voice)) => return Words { sound: Some(sound), voice, faults },
                Err(fault) => faults.push(fault.to_string()),
            }
        }
        for name in fallbacks(request) {
            match self.shelf.load(&name) {
                Ok(sound) => {
                    return Words { sound: Some(sound), voice: format!("recorded:{name}"), faults };
                }
                Err(fault) => faults.push(fault),
            }
        }
        Words { sound: None, voice: "chime".to_owned(), faults }
    }

    fn speak(&self, request: &RenderRequest) -> Result<(Samples, String), SpeechFault> {
        let speech = self.speech.as_ref().map_err(Clone::clone)?;
        let own = format!("{}:", speech.name());
        let wanted = match request.voice.as_str() {
            "" | "default" => self.config.default_voice.as_str(),
            other => other,
        };
        let voice = wanted.strip_prefix(&own).unwrap_or(wanted);
        let chars = u64::try_from(request.text.chars().count()).unwrap_or(u64::MAX);
        let usual_ms = chars.saturating_mul(DEADLINE_MS_PER_CHAR).saturating_add(DEADLINE_MS_BASE);
        let deadline = Duration::from_millis(request.deadline_ms.unwrap_or(usual_ms));
        Ok((speech.speak(&request.text, voice, deadline)?, format!("{own}{voice}")))
    }

    /// Everything that decides how it will sound.
    fn key(&self, request: &RenderRequest) -> Sha256 {
        let named = request.recording.as_deref().unwrap_or(&request.fallback_recording);
        let config =
            (&self.config.default_voice, self.config.pre_roll_ms, self.config.speed.to_bits());
        let file = self.shelf.stamp(named);
        Sha256::of(format!("{request:?}{config:?}{file:?}").as_bytes())
    }

    fn recall(&self, key: Sha256) -> Option<Rendered> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let known = remembered.done.get(&key)?;
        // A clip may have been evicted meanwhile.
        known.clips.iter().all(|clip| self.clips.path(clip.sha256).is_some()).then(|| known.clone())
    }

    fn remember(&self, key: Sha256, rendered: Rendered) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.done.insert(key, rendered).is_none() {
            remembered.order.push_back(key);
        }
        if remembered.order.len() > REMEMBERED_MAX
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.done.remove(&oldest);
        }
    }
}

/// Recordings to try when nobody speaks: the named one, then those of the level alone.
fn fallbacks(request: &RenderRequest) -> Vec<String> {
    let named = request.fallback_recording.as_str();
    let level = ["red", "orange", "yellow", "blue"]
        .into_iter()
        .find(|level| named.ends_with(&format!("-{level}")))
        .or(match request.chime {
            Chime::Red => Some("red"),
            Chime::Orange => Some("orange"),
            Chime::Yellow => Some("yellow"),
            Chime::Blue => Some("blue"),
            Chime::Notice | Chime::None => None,
        });
    let by_level = level.map(|level| [format!("fallback-{level}"), format!("general-{level}")]);
    let named = (!named.is_empty()).then(|| named.to_owned());
    named.into_iter().chain(by_level.into_iter().flatten()).collect()
}

#[cfg(test)]
#[path = "renderer_tests.rs"]
mod tests;
