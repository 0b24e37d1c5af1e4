//! The neural voice: Kokoro-82M (Apache-2.0) on our own processor, in Rust alone.
//!
//! Measured on two shared cores: one thread needs about 0.6 s for a second of speech, 0.25 to 0.45 GB
//! while speaking. Output is bit-identical between runs.

use super::samples::Samples;
use super::text::Script;
use crate::model::Sha256;
use rten::{Model, NodeId, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use thiserror::Error;

/// Samples per second that the model gives.
pub const VOICE_RATE_HZ: u32 = 24_000;
/// Name of the model file in the voices directory (patched, see `onnxpatch`).
pub const MODEL_FILE: &str = "kokoro.onnx";
/// Digest of the one model this program speaks with: Kokoro-82M v1.0 int8 as rewritten by `onnxpatch`.
pub const MODEL_SHA256: &str = "3649f66de133c4ce2c887f025a8b86c931ab8bb21c0e883cb342d81eec0179e9";
/// The Mandarin voices of the same release and their digests; `zf` = female, `zm` = male.
pub const VOICES: [(&str, &str); 8] = [
    ("zf_xiaobei", "5dde6e1c9c4f12c8b327bc29c0cee361a23b52b952c04636858ba637ec66e640"),
    ("zf_xiaoni", "08892b62a39af0a615cd0581238db7e19e44c578e8fa0bfd0e586e93327d9cba"),
    ("zf_xiaoxiao", "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169"),
    ("zf_xiaoyi", "bc1555c5c486099196ac254bae5e0bb543c121952a3092f50b7d8724f1bc36b3"),
    ("zm_yunjian", "de48a00bdbf3649f07162269a2b6e0513604389bfac8a2e6c75cb34b323ad6fa"),
    ("zm_yunxi", "7243892fb4e560d47014090ddf010f8b8b790f3c6b029ff82b2ac06aa4e27c8b"),
    ("zm_yunxia", "6b2b8fc15b3df19a368daebe5c581c7fabf433ee5b8a17ffd6b3d723cff8936d"),
    ("zm_yunyang", "261e2c89470534dbbcb8fd98b8fdc495ec94063d9bb6c8277f7be43cccba3f42"),
];
/// Length of one style row in numbers.
const STYLE_NUMBERS: usize = 256;
/// Rows of a voice file.
const STYLE_ROWS: usize = 510;
/// Below this a sample counts as silence at a chunk's edge.
const SILENCE_THRESHOLD: f32 = 0.004;
/// The model's own decision how long each symbol lasts, in frames.
const DURATIONS: &str = "/encoder/Clip_output_0";
/// Samples of one frame of `DURATIONS`.
pub const FRAME_SAMPLES: usize = 600;
/// Silence kept at a chunk's edges in milliseconds.
const EDGE_MS: u32 = 30;

/// The voice can't be loaded or did not speak.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KokoroFault {
    /// A file is absent or unreadable.
    #[error("expected {file}, got {what}; run `mingluo voice install`")]
    File {
        /// Which file.
        file: String,
        /// What happened.
        what: String,
    },
    /// A file with another content than the pinned one: unpatched, damaged or of another release.
    #[error("{file}: expected sha256 {expected}, got {got}; run `mingluo voice install`")]
    Digest {
        /// Which file.
        file: String,
        /// The pinned digest.
        expected: String,
        /// The digest of what is there.
        got: String,
    },
    /// A voice of that name is not installed.
    #[error("expected an installed voice, got `{0}`; `mingluo voice list` shows them")]
    UnknownVoice(String),
    /// The model failed while speaking.
    #[error("synthesis failed: {0}")]
    Model(String),
    /// Nobody waits for it any more.
    #[error("synthesis was abandoned")]
    Abandoned,
}

/// Speech with the time of each symbol, for cutting words out of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Take {
    /// The sound, untrimmed.
    pub sound: Samples,
    /// Frames of [`FRAME_SAMPLES`] for the silence before, each symbol in order, the silence after.
    pub frames: Vec<u32>,
}

/// The model and the voices, resident in memory.
pub struct Kokoro {
    model: Model,
    inputs: [NodeId; 3],
    output: NodeId,
    voices: BTreeMap<String, Vec<f32>>,
    identity: Sha256,
    threads: Arc<ThreadPool>,
    /// For previews: made by the first of them, whose thread gives it its low priority.
    background: OnceLock<Arc<ThreadPool>>,
}

impl Kokoro {
    /// Loads the model and every voice of `dir`; `threads` processor threads will speak.
    ///
    /// # Errors
    /// [`KokoroFault::File`] when a file is absent or unusable, [`KokoroFault::Digest`] when the model
    /// or one of [`VOICES`] is not the pinned one. A county's own voice files of other names are taken.
    pub fn load(dir: &Path, threads: usize) -> Result<Self, KokoroFault> {
        let fault = |file: &Path, what: String| KokoroFault::File {
            file: file.display().to_string(),
            what,
        };
        let path = dir.join(MODEL_FILE);
        let bytes = std::fs::read(&path).map_err(|e| fault(&path, e.to_string()))?;
        let mut digests = vec![pinned(&path, &bytes, Some(MODEL_SHA256))?];
        let model = Model::load(bytes).map_err(|e| fault(&path, e.to_string()))?;
        let node = |name: &str| model.node_id(name).map_err(|e| fault(&path, e.to_string()));
        let inputs = [node("tokens")?, node("style")?, node("speed")?];
        let output = node("audio")?;
        let mut voices = BTreeMap::new();
        let entries = std::fs::read_dir(dir).map_err(|e| fault(dir, e.to_string()))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            let name = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
            if file.extension().is_none_or(|e| e != "bin") {
                continue;
            }
            let bytes = std::fs::read(&file).map_err(|e| fault(&file, e.to_string()))?;
            let known = VOICES.iter().find(|(voice, _)| *voice == name).map(|(_, digest)| *digest);
            digests.push(pinned(&file, &bytes, known)?);
            let style = style_of(&bytes).map_err(|what| fault(&file, what))?;
            voices.insert(name, style);
        }
        let identity = Sha256::of(format!("{digests:?}").as_bytes());
        let threads = Arc::new(ThreadPool::with_num_threads(threads.max(1)));
        let background = OnceLock::new();
        Ok(Self { model, inputs, output, voices, identity, threads, background })
    }

    /// Digest of the model and all voices: everything in files that decides how it sounds.
    #[must_use]
    pub fn identity(&self) -> Sha256 {
        self.identity
    }

    /// Names of the installed voices.
    pub fn voices(&self) -> impl Iterator<Item = &str> {
        self.voices.keys().map(String::as_str)
    }

    /// Speaks `script`, chunk by chunk; looks at `abandoned` between chunks.
    ///
    /// # Errors
    /// [`KokoroFault`] when the voice is unknown, the model fails or nobody waits any more.
    pub fn speak(
        &self,
        script: &Script,
        voice: &str,
        speed: f32,
        abandoned: &AtomicBool,
    ) -> Result<Samples, KokoroFault> {
        let mut out = Samples { rate_hz: VOICE_RATE_HZ, mono: Vec::new() };
        for (index, chunk) in script.chunks.iter().enumerate() {
            if abandoned.load(Ordering::Relaxed) {
                return Err(KokoroFault::Abandoned);
            }
            out.mono.extend(self.sentence(&chunk.symbols, voice, speed, false)?.mono);
            if index + 1 < script.chunks.len() {
                out.mono.extend(Samples::silence(VOICE_RATE_HZ, chunk.pause_ms).mono);
            }
        }
        Ok(out)
    }

    /// Speaks 1 to 509 symbols (see `text::symbols`) in one go and tells when each of them sounds.
    ///
    /// # Errors
    /// [`KokoroFault`] when the voice is unknown, the model fails or gives no times.
    pub fn speak_timed(
        &self,
        symbols: &[i32],
        voice: &str,
        speed: f32,
    ) -> Result<Take, KokoroFault> {
        let style =
            self.voices.get(voice).ok_or_else(|| KokoroFault::UnknownVoice(voice.to_owned()))?;
        let fault = |e: &dyn std::fmt::Display| KokoroFault::Model(e.to_string());
        let durations = self.model.node_id(DURATIONS).map_err(|e| fault(&e))?;
        let wanted = [self.output, durations];
        let mut outputs = self.run(symbols, style, speed, &wanted, &self.threads)?.into_iter();
        let (Some(mono), Some(frames)) = (outputs.next(), outputs.next()) else {
            return Err(fault(&"expected sound and times, got less"));
        };
        if frames.len() != symbols.len() + 2 {
            let expected = symbols.len() + 2;
            return Err(fault(&format!("expected {expected} times, got {}", frames.len())));
        }
        let frames = frames.into_iter().map(whole).collect();
        Ok(Take { sound: Samples { rate_hz: VOICE_RATE_HZ, mono }, frames })
    }

    /// Speaks one sentence, silence at its ends cut to 30 ms.
    ///
    /// # Errors
    /// [`KokoroFault`] when the voice is unknown or the model fails.
    pub fn sentence(
        &self,
        symbols: &[i32],
        voice: &str,
        speed: f32,
        background: bool,
    ) -> Result<Samples, KokoroFault> {
        let style =
            self.voices.get(voice).ok_or_else(|| KokoroFault::UnknownVoice(voice.to_owned()))?;
        let threads = if background {
            self.background.get_or_init(|| Arc::new(ThreadPool::with_num_threads(1)))
        } else {
            &self.threads
        };
        let sound = self.chunk(symbols, style, speed, threads)?;
        let sound = sound.trimmed(SILENCE_THRESHOLD, EDGE_MS);
        if sound.mono.iter().any(|s| !s.is_finite()) || sound.mono.is_empty() {
            return Err(KokoroFault::Model("expected sound, got silence or no numbers".to_owned()));
        }
        Ok(sound)
    }

    fn chunk(
        &self,
        symbols: &[i32],
        style: &[f32],
        speed: f32,
        threads: &Arc<ThreadPool>,
    ) -> Result<Samples, KokoroFault> {
        let mono = self.run(symbols, style, speed, &[self.output], threads)?.pop();
        let mono =
            mono.ok_or_else(|| KokoroFault::Model("expected one output, got none".to_owned()))?;
        Ok(Samples { rate_hz: VOICE_RATE_HZ, mono })
    }

    /// One run of the model on `threads`: the `wanted` outputs as numbers, in order.
    fn run(
        &self,
        symbols: &[i32],
        style: &[f32],
        speed: f32,
        wanted: &[NodeId],
        threads: &Arc<ThreadPool>,
    ) -> Result<Vec<Vec<f32>>, KokoroFault> {
        let fault = |e: &dyn std::fmt::Display| KokoroFault::Model(e.to_string());
        // The style row depends on the length: row N for N symbols.
        let row = symbols.len().min(STYLE_ROWS - 1);
        let style: Vec<f32> =
            style.iter().skip(row * STYLE_NUMBERS).take(STYLE_NUMBERS).copied().collect();
        let tokens: Vec<i32> =
            std::iter::once(0).chain(symbols.iter().copied()).chain(std::iter::once(0)).collect();
        let [tokens_id, style_id, speed_id] = self.inputs;
        let length = tokens.len();
        let inputs = vec![
            (tokens_id, NdTensor::from_data([1, length], tokens).into()),
            (style_id, NdTensor::from_data([1, STYLE_NUMBERS], style).into()),
            (speed_id, NdTensor::from_data([1], vec![speed]).into()),
        ];
        let mut options = RunOptions::default();
        options.thread_pool = Some(Arc::clone(threads));
        let outputs = self.model.run(inputs, wanted, Some(options)).map_err(|e| fault(&e))?;
        outputs
            .into_iter()
            .map(|output| {
                let tensor = output.into_tensor::<f32>();
                tensor
                    .map(|tensor| tensor.to_vec())
                    .ok_or_else(|| fault(&"expected a tensor of numbers, got another type"))
            })
            .collect()
    }
}

/// The digest of `bytes`; a fault when another one is pinned.
fn pinned(file: &Path, bytes: &[u8], expected: Option<&str>) -> Result<Sha256, KokoroFault> {
    let got = Sha256::of(bytes);
    match expected.filter(|expected| got.to_string() != **expected) {
        None => Ok(got),
        Some(expected) => Err(KokoroFault::Digest {
            file: file.display().to_string(),
            expected: expected.to_owned(),
            got: got.to_string(),
        }),
    }
}

/// A frame count that the model gives as a float.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0 to 10,000 first"
)]
fn whole(frames: f32) -> u32 {
    frames.clamp(0.0, 10_000.0).round() as u32
}

/// Reads a voice file: 510 rows of 256 little-endian f32.
fn style_of(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let expected = STYLE_ROWS * STYLE_NUMBERS * 4;
    if bytes.len() != expected {
        return Err(format!("{} bytes instead of {expected}", bytes.len()));
    }
    let (numbers, _) = bytes.as_chunks::<4>();
    let style: Vec<f32> = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
    if style.iter().all(|n| n.is_finite()) {
        Ok(style)
    } else {
        Err("numbers that are not finite".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_file_of_wrong_length_or_content_is_refused() {
        assert!(style_of(&[0; 10]).is_err());
        let whole = vec![0_u8; STYLE_ROWS * STYLE_NUMBERS * 4];
        assert!(style_of(&whole).is_ok());
        let mut bad = whole;
        bad[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(style_of(&bad).is_err());
    }

    #[test]
    fn another_model_is_refused_by_its_digest() {
        let dir = std::env::temp_dir().join(format!("mingluo-kokoro-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(MODEL_FILE), b"an unpatched model").unwrap();
        let fault = Kokoro::load(&dir, 1).err().unwrap().to_string();
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(fault.contains(MODEL_SHA256) && fault.contains("voice install"), "{fault}");
    }

    #[test]
    fn a_directory_without_model_says_what_to_do() {
        let fault = Kokoro::load(Path::new("/nonexistent"), 1).err().map(|f| f.to_string());
        assert!(fault.is_some_and(|f| f.contains("mingluo voice install")));
    }
}
