//! What people recorded, in the formats their telephones and computers write → mono at 16 kHz.

mod ogg_opus;
mod packed;

use super::samples::{MIX_RATE_HZ, ResampleFault, Samples};
use thiserror::Error;

/// Largest file in bytes: ten minutes of 48 kHz stereo 16-bit PCM.
pub const RECORDING_BYTES_MAX: usize = 120_000_000;
/// Longest recording in seconds.
pub const RECORDING_S_MAX: u32 = 600;
/// Shortest recording in milliseconds that can be a message.
pub const RECORDING_MS_MIN: u32 = 200;
/// A recording whose every sample stays below this (−60 dBFS) counts as silent.
const SILENT_BELOW: f32 = 0.001;
/// Part of packets in percent that may be undecodable before the file counts as damaged.
const BAD_PACKETS_PERCENT_MAX: usize = 5;

/// Why a recording is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordingFault {
    /// No bytes or no samples.
    #[error("expected a recording, got {0}")]
    Empty(&'static str),
    /// Too many bytes.
    #[error(
        "expected at most {RECORDING_BYTES_MAX} bytes, got {0}; shorten or compress the recording"
    )]
    TooLarge(usize),
    /// Too long to broadcast.
    #[error("expected at most {RECORDING_S_MAX} s, got more; shorten the recording")]
    TooLong,
    /// Too short to be a message.
    #[error("expected at least {RECORDING_MS_MIN} ms, got {0} ms; record again")]
    TooShort(u32),
    /// A format we don't read.
    #[error("expected wav, flac, mp3, m4a, ogg vorbis or ogg opus, got {0}")]
    Format(String),
    /// Broken off or damaged inside.
    #[error("expected an undamaged recording, got {0}; record or convert it again")]
    Damaged(String),
    /// Nothing can be heard.
    #[error("expected sound, got silence; check the microphone and record again")]
    Silent,
    /// Samples that are not numbers.
    #[error("expected samples between -1 and 1, got values that are not finite; convert it again")]
    NotFinite,
    /// A rate that can't be converted.
    #[error(transparent)]
    Rate(#[from] ResampleFault),
}

/// Decodes a whole recording: any rate, any number of channels (averaged).
///
/// # Errors
/// [`RecordingFault`] saying what was expected and what was got.
pub fn decode(bytes: &[u8]) -> Result<Samples, RecordingFault> {
    if bytes.is_empty() {
        return Err(RecordingFault::Empty("no bytes"));
    }
    if bytes.len() > RECORDING_BYTES_MAX {
        return Err(RecordingFault::TooLarge(bytes.len()));
    }
    checked(&raw(bytes)?)
}

/// Decodes at the recording's own rate, without limits.
pub(super) fn raw(bytes: &[u8]) -> Result<Samples, RecordingFault> {
    if ogg_opus::is_ogg_opus(bytes) { ogg_opus::decode(bytes) } else { packed::decode(bytes) }
}

/// Limits that every format shares.
fn checked(sound: &Samples) -> Result<Samples, RecordingFault> {
    if sound.mono.is_empty() {
        return Err(RecordingFault::Empty("no samples"));
    }
    if sound.mono.iter().any(|s| !s.is_finite()) {
        return Err(RecordingFault::NotFinite);
    }
    let ms = sound.duration_ms();
    if ms > RECORDING_S_MAX * 1000 {
        return Err(RecordingFault::TooLong);
    }
    if ms < RECORDING_MS_MIN {
        return Err(RecordingFault::TooShort(ms));
    }
    if sound.mono.iter().all(|s| s.abs() < SILENT_BELOW) {
        return Err(RecordingFault::Silent);
    }
    Ok(sound.at_rate(MIX_RATE_HZ)?)
}

/// Collects decoded frames as mono and stops what grows too long.
struct Collector {
    mono: Vec<f32>,
    frames_max: usize,
}

impl Collector {
    fn new(rate_hz: u32) -> Self {
        let frames = u64::from(rate_hz) * u64::from(RECORDING_S_MAX);
        Self { mono: Vec::new(), frames_max: usize::try_from(frames).unwrap_or(usize::MAX) }
    }

    /// Adds interleaved frames of `channels` channels.
    fn add(&mut self, interleaved: &[f32], channels: usize) -> Result<(), RecordingFault> {
        let share = 1.0 / super::samples::narrow(super::samples::count_f64(channels.max(1)));
        self.mono.extend(
            interleaved.chunks_exact(channels.max(1)).map(|f| f.iter().sum::<f32>() * share),
        );
        if self.mono.len() > self.frames_max { Err(RecordingFault::TooLong) } else { Ok(()) }
    }
}

/// Refuses a file of which too much was undecodable.
fn check_packets(good: usize, bad: usize) -> Result<(), RecordingFault> {
    if good == 0 && bad == 0 {
        return Err(RecordingFault::Empty("no audio packets"));
    }
    if bad * 100 > (good + bad) * BAD_PACKETS_PERCENT_MAX {
        return Err(RecordingFault::Damaged(format!(
            "{bad} of {} packets undecodable",
            good + bad
        )));
    }
    Ok(())
}

#[cfg(test)]
#[path = "recording_tests.rs"]
mod tests;
