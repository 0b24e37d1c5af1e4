//! The neural voice: Kokoro-82M (Apache-2.0) on our own processor, in Rust alone.
//!
//! Measured on two shared cores: one thread needs about 0.6 s for a second of speech, 0.25 to 0.45 GB
//! while speaking. Output is bit-identical between runs.

use super::samples::Samples;
use super::text::Script;
use rten::{Model, NodeId, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thiserror::Error;

/// Samples per second that the model gives.
pub const VOICE_RATE_HZ: u32 = 24_000;
/// Name of the model file in the voices directory (patched, see `onnxpatch`).
pub const MODEL_FILE: &str = "kokoro.onnx";
/// Length of one style row in numbers.
const STYLE_NUMBERS: usize = 256;
/// Rows of a voice file.
const STYLE_ROWS: usize = 510;
/// Below this a sample counts as silence at a chunk's edge.
const SILENCE_THRESHOLD: f32 = 0.004;
/// The model's own decision how long each symbol lasts, in frames.
const DURATIONS: &str = "/encoder/Clip_output_0";
/// Samples of one frame of [`DURATIONS`].
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
    threads: Arc<ThreadPool>,
}

impl Kokoro {
    /// Loads the model and every voice of `dir`; `threads` processor threads will speak.
    ///
    /// # Errors
    /// [`KokoroFault::File`] when a file is absent or damaged.
    pub fn load(dir: &Path, threads: usize) -> Result<Self, KokoroFault> {
        let fault = |file: &Path, what: String| KokoroFault::File {
            file: file.display().to_string(),
            what,
        };
        let path = dir.join(MODEL_FILE);
        let model = Model::load_file(&path).map_err(|e| fault(&path, e.to_string()))?;
        let node = |name: &str| model.node_id(name).map_err(|e| fault(&path, e.to_string()));
        let inputs = [node("tokens")?, node("style")?, node("speed")?];
        let output = node("audio")?;
        let mut voices = BTreeMap::new();
        for entry in std::fs::read_dir(dir).map_err(|e| fault(dir, e.to_string()))? {
            let file = entry.map_err(|e| fault(dir, e.to_string()))?.path();
            let name = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
            if file.extension().is_none_or(|e| e != "bin") {
                continue;
            }
            let bytes = std::fs::read(&file).map_err(|e| fault(&file, e.to_string()))?;
            let style = style_of(&bytes).map_err(|what| fault(&file, what))?;
            voices.insert(name, style);
        }
        let threads = Arc::new(ThreadPool::with_num_threads(threads.max(1)));
        Ok(Self { model, inputs, output, voices, threads })
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
        let style =
            self.voices.get(voice).ok_or_else(|| KokoroFault::UnknownVoice(voice.to_owned()))?;
        let mut out = Samples { rate_hz: VOICE_RATE_HZ, mono: Vec::new() };
        for (index, chunk) in script.chunks.iter().enumerate() {
            if abandoned.load(Ordering::Relaxed) {
                return Err(KokoroFault::Abandoned);
            }
            let sound = self.chunk(&chunk.symbols, style, speed)?;
            out.mono.extend(sound.trimmed(SILENCE_THRESHOLD, EDGE_MS).mono);
            if index + 1 < script.chunks.len() {
                out.mono.extend(Samples::silence(VOICE_RATE_HZ, chunk.pause_ms).mono);
            }
        }
        if out.mono.iter().any(|s| !s.is_finite()) || out.mono.is_empty() {
            return Err(KokoroFault::Model("expected sound, got silence or no numbers".to_owned()));
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
        let mut outputs = self.run(symbols, style, speed, &[self.output, durations])?.into_iter();
        let (Some(mono), Some(frames)) = (outputs.next(), outputs.next()) else {
            return Err(fault(&"expected sound and times, got less"));
        };
        if frames.len() != symbols.len() + 2 {
            return Err(fault(&format!(
                "expected {} times, got {}",
                symbols.len() + 2,
                frames.len()
            )));
        }
        let frames = frames.into_iter().map(whole).collect();
        Ok(Take { sound: Samples { rate_hz: VOICE_RATE_HZ, mono }, frames })
    }

    fn chunk(&self, symbols: &[i32], style: &[f32], speed: f32) -> Result<Samples, KokoroFault> {
        let mono = self.run(symbols, style, speed, &[self.output])?.pop();
        let mono =
            mono.ok_or_else(|| KokoroFault::Model("expected one output, got none".to_owned()))?;
        Ok(Samples { rate_hz: VOICE_RATE_HZ, mono })
    }

    fn run(
        &self,
        symbols: &[i32],
        style: &[f32],
        speed: f32,
        wanted: &[NodeId],
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
        options.thread_pool = Some(Arc::clone(&self.threads));
        let outputs = self.model.run(inputs, wanted, Some(options)).map_err(|e| fault(&e))?;
        outputs
            .into_iter()
            .map(|output| {
                let tensor = output.into_tensor::<f32>();
                tensor
                    .map(|t| t.to_vec())
                    .ok_or_else(|| fault(&"expected a tensor of numbers, got another type"))
            })
            .collect()
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
    fn a_directory_without_model_says_what_to_do() {
        let fault = Kokoro::load(Path::new("/nonexistent"), 1).err().map(|f| f.to_string());
        assert!(fault.is_some_and(|f| f.contains("mingluo voice install")));
    }
}
