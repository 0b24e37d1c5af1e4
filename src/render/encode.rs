//! Programs into the codecs that terminals know.

mod adpcm;
mod mp3;
mod opus;
mod wav;

use super::samples::{ResampleFault, Samples};
use crate::model::Codec;
use thiserror::Error;

/// Longest program in milliseconds: a recording of 600 s and its frame.
pub const PROGRAM_MS_MAX: u32 = 660_000;

/// A program could not be encoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodeFault {
    /// Nothing to encode.
    #[error("expected sound, got no samples")]
    Empty,
    /// Too long.
    #[error("expected at most {PROGRAM_MS_MAX} ms, got {0} ms; shorten the recording or the text")]
    TooLong(u32),
    /// The rate could not be changed.
    #[error(transparent)]
    Resample(#[from] ResampleFault),
    /// The encoder refused.
    #[error("{codec} encoder: {what}")]
    Encoder {
        /// Which one.
        codec: &'static str,
        /// What it said.
        what: String,
    },
}

/// File name extension of a codec's files.
#[must_use]
pub fn extension(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Mp3 => "mp3",
        Codec::Adpcm => "adpcm.wav",
        Codec::Wav => "wav",
    }
}

/// Encodes a program. The same sound always gives the same bytes.
///
/// # Errors
/// [`EncodeFault`] when there is no sound, too much of it, or the encoder refuses.
pub fn encode(program: &Samples, codec: Codec) -> Result<Vec<u8>, EncodeFault> {
    if program.mono.is_empty() {
        return Err(EncodeFault::Empty);
    }
    let duration_ms = program.duration_ms();
    if duration_ms > PROGRAM_MS_MAX {
        return Err(EncodeFault::TooLong(duration_ms));
    }
    match codec {
        Codec::Opus => opus::encode(&program.at_rate(opus::RATE_HZ)?),
        Codec::Mp3 => mp3::encode(&program.at_rate(mp3::RATE_HZ)?),
        Codec::Adpcm => Ok(adpcm::encode(&program.at_rate(adpcm::RATE_HZ)?)),
        Codec::Wav => Ok(wav::encode(&program.at_rate(wav::RATE_HZ)?)),
    }
}
