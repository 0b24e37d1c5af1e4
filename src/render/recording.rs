//! What people recorded, in the formats their telephones and computers write → mono at 16 kHz.
//!
//! Bytes of strangers: sizes and lengths are limited before memory is taken, the rate is changed while
//! decoding, and a decoder that gives up inside counts as a damaged file.

mod kind;
mod ogg_opus;
mod packed;
mod suspicion;
mod webm;

use super::samples::{Converter, MIX_RATE_HZ, ResampleFault, Samples, count_f64, narrow};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use thiserror::Error;

/// Largest file in bytes: ten minutes of 48 kHz stereo 16-bit PCM.
pub const RECORDING_BYTES_MAX: usize = 120_000_000;
/// Longest recording in seconds.
pub const RECORDING_S_MAX: u32 = 600;
/// Shortest recording in milliseconds that can be a message.
pub const RECORDING_MS_MIN: u32 = 200;
/// Rates in hertz that are taken.
pub const RECORDING_RATES_HZ: RangeInclusive<u32> = 8_000..=192_000;
/// Channels that are taken, averaged to one.
pub const RECORDING_CHANNELS_MAX: usize = 8;
/// A recording whose every sample stays below this (−60 dBFS) counts as silent.
const SILENT_BELOW: f32 = 0.001;
/// Part of packets in percent that may be undecodable before the file counts as damaged.
const BAD_PACKETS_PERCENT_MAX: usize = 5;
/// Part of the length in percent that may be missing before a recording counts as broken off.
const MISSING_PERCENT_MAX: u64 = 2;
/// Missing milliseconds that are never told: padding of encoders, last packets of telephones.
const MISSING_MS_MAX: u64 = 150;

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
    #[error("expected wav, flac, mp3, m4a, ogg vorbis, ogg opus or webm opus, got {0}; convert it")]
    Format(String),
    /// A protected file.
    #[error(
        "expected an open file, got one with copy protection (DRM); use a recording of your own"
    )]
    Protected,
    /// Ends before its own head says.
    #[error("expected {expected_ms} ms as the file's head says, got {got_ms} ms; copy it again")]
    BrokenOff {
        /// Length by its head.
        expected_ms: u64,
        /// Length of what is there.
        got_ms: u64,
    },
    /// A stream without its end.
    #[error("expected a stream with its end, got one that breaks off; copy or convert it again")]
    NoEnd,
    /// Damaged inside.
    #[error("expected an undamaged recording, got {0}; record or convert it again")]
    Damaged(String),
    /// Nothing can be heard.
    #[error("expected sound, got silence; check the microphone and record again")]
    Silent,
    /// Samples that are not numbers.
    #[error("expected samples between -1 and 1, got values that are not finite; convert it again")]
    NotFinite,
    /// More channels than are taken.
    #[error("expected 1 to {RECORDING_CHANNELS_MAX} channels, got {0}; mix it down")]
    Channels(usize),
    /// A rate outside of what is taken.
    #[error("expected 8000 to 192000 hz, got {0} hz; convert it")]
    RateRange(u32),
    /// A rate that can't be converted.
    #[error(transparent)]
    Rate(#[from] ResampleFault),
}

/// Decodes a whole recording: any rate of [`RECORDING_RATES_HZ`], up to [`RECORDING_CHANNELS_MAX`]
/// channels (averaged).
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
    let sound = decoded(bytes, Some(MIX_RATE_HZ))?;
    checked(&sound)?;
    Ok(sound)
}

/// The ending of file names that belongs to what the bytes are by their own head, whatever a sender called
/// them; `None` = none of ours.
#[must_use]
pub fn extension(bytes: &[u8]) -> Option<&'static str> {
    let at = |from: usize, mark: &[u8]| bytes.get(from..).is_some_and(|b| b.starts_with(mark));
    if at(0, b"RIFF") && at(8, b"WAVE") {
        Some("wav")
    } else if at(0, b"fLaC") {
        Some("flac")
    } else if at(0, b"OggS") {
        Some(if ogg_opus::is_ogg_opus(bytes) { "opus" } else { "ogg" })
    } else if webm::is_webm(bytes) {
        Some("webm")
    } else if at(4, b"ftyp") {
        Some("m4a")
    } else if at(0, b"ID3") || matches!(bytes, [0xff, second, ..] if second & 0xe6 == 0xe2) {
        Some("mp3")
    } else {
        None
    }
}

/// Decodes at the recording's own rate.
#[cfg(test)]
pub(super) fn raw(bytes: &[u8]) -> Result<Samples, RecordingFault> {
    decoded(bytes, None)
}

fn decoded(bytes: &[u8], to_hz: Option<u32>) -> Result<Samples, RecordingFault> {
    let decode = || {
        suspicion::check(bytes)?;
        if ogg_opus::is_ogg_opus(bytes) {
            ogg_opus::decode(bytes, to_hz)
        } else if webm::is_webm(bytes) {
            webm::decode(bytes, to_hz)
        } else {
            packed::decode(bytes, to_hz)
        }
    };
    // The decoders were written for files that are as they should be.
    let result = catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(RecordingFault::Damaged("something no decoder understands".to_owned()))
    });
    result.map_err(|fault| {
        let unread = matches!(fault, RecordingFault::Format(_) | RecordingFault::Damaged(_));
        if unread && suspicion::is_protected(bytes) { RecordingFault::Protected } else { fault }
    })
}

/// Limits that every format shares.
fn checked(sound: &Samples) -> Result<(), RecordingFault> {
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
    Ok(())
}

/// Collects decoded frames as mono at the wanted rate and stops what grows too long.
struct Collector {
    converter: Converter,
    frames_max: usize,
    rate_hz: u32,
    /// Frames at the start that are still to be left out.
    skip: usize,
    /// Frames taken, at the file's own rate, without those left out.
    taken: u64,
}

impl Collector {
    /// For sound of `rate_hz`, to be had at `to_hz` (`None` = as it is), without its first `skip` frames.
    fn new(rate_hz: u32, to_hz: Option<u32>, skip: usize) -> Result<Self, RecordingFault> {
        if !RECORDING_RATES_HZ.contains(&rate_hz) {
            return Err(RecordingFault::RateRange(rate_hz));
        }
        let to_hz = to_hz.unwrap_or(rate_hz);
        let frames = u64::from(to_hz) * u64::from(RECORDING_S_MAX);
        let frames_max = usize::try_from(frames).unwrap_or(usize::MAX);
        let converter = Converter::new(rate_hz, to_hz)?;
        Ok(Self { converter, frames_max, rate_hz, skip, taken: 0 })
    }

    /// Adds interleaved frames of `channels` channels, at most `frames_max` of them.
    fn add(
        &mut self,
        interleaved: &[f32],
        channels: usize,
        frames_max: usize,
    ) -> Result<(), RecordingFault> {
        if !(1..=RECORDING_CHANNELS_MAX).contains(&channels) {
            return Err(RecordingFault::Channels(channels));
        }
        let frames = (interleaved.len() / channels).min(frames_max);
        let skipped = self.skip.min(frames);
        self.skip -= skipped;
        self.taken += u64::try_from(frames - skipped).unwrap_or(0);
        let share = 1.0 / narrow(count_f64(channels));
        let mono = interleaved
            .chunks_exact(channels)
            .take(frames)
            .skip(skipped)
            .map(|frame| frame.iter().sum::<f32>() * share);
        self.converter.push(mono)?;
        if self.converter.frames() > self.frames_max {
            Err(RecordingFault::TooLong)
        } else {
            Ok(())
        }
    }

    /// The sound; a fault when much less came than `expected` frames.
    fn finish(self, expected: Option<u64>) -> Result<Samples, RecordingFault> {
        let ms = |frames: u64| frames.saturating_mul(1_000) / u64::from(self.rate_hz.max(1));
        let (expected_ms, got_ms) = (expected.map_or(0, ms), ms(self.taken));
        let missing_ms = expected_ms.saturating_sub(got_ms);
        if missing_ms > MISSING_MS_MAX && missing_ms * 100 > expected_ms * MISSING_PERCENT_MAX {
            return Err(RecordingFault::BrokenOff { expected_ms, got_ms });
        }
        Ok(self.converter.finish()?)
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
