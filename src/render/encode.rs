//! Programs into the codecs that terminals know.

mod adpcm;
mod mp3;
mod opus;
mod wav;

use super::loudness::{LOUDNESS_LUFS, TRUE_PEAK_DBTP_MAX, limited_to, measure};
use super::recording;
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
        Codec::Text => "txt",
        Codec::Phrases => "phrases",
    }
}

/// Rounds of encoding, decoding and correcting before the last result is taken.
const ROUNDS_MAX: u32 = 4;
/// Promised loudness of what a terminal decodes, ± LU.
const TOLERANCE_LU: f64 = 0.4;
/// Promised true peak of what a terminal decodes, in dBTP.
const DECODED_PEAK_DBTP_MAX: f64 = -1.1;

/// What a codec does to speech: LU it takes away (the lowest tones), and the true peak in dBTP from which
/// it came out below [`DECODED_PEAK_DBTP_MAX`] in 19 programs of the built-in voice (Opus at effort 1). A second round
/// costs as much as the first, and a county waits for it.
fn habit(codec: Codec) -> (f64, f64) {
    match codec {
        Codec::Opus => (0.6, -4.1),
        Codec::Mp3 => (0.35, -2.6),
        Codec::Adpcm => (0.5, -2.5),
        Codec::Wav | Codec::Text | Codec::Phrases => (0.0, TRUE_PEAK_DBTP_MAX),
    }
}

/// Encodes a levelled program so that it is level **after decoding** too: speech codecs cut the lowest
/// tones (−0.7 LU) and overshoot peaks (+1 dB). Encode, decode, measure, correct, again.
///
/// # Errors
/// As [`encode`].
pub fn encode_levelled(program: &Samples, codec: Codec) -> Result<Vec<u8>, EncodeFault> {
    let (taken_lu, mut peak_dbtp) = habit(codec);
    let mut loudness_lufs = LOUDNESS_LUFS + taken_lu;
    // A program is about that loud already; what comes out is measured below.
    let ready =
        |loudness_lufs, peak_dbtp| limited_to(program, LOUDNESS_LUFS, loudness_lufs, peak_dbtp);
    let mut bytes = match ready(loudness_lufs, peak_dbtp) {
        Ok(ready) => encode(&ready, codec)?,
        // What can't be levelled is encoded as it is.
        Err(_) => return encode(program, codec),
    };
    for _ in 1..ROUNDS_MAX {
        let Some(now) = recording::decode(&bytes).ok().and_then(|sound| measure(&sound).ok())
        else {
            break;
        };
        let off_lu = LOUDNESS_LUFS - now.loudness_lufs;
        let over_db = now.true_peak_dbtp - DECODED_PEAK_DBTP_MAX;
        if off_lu.abs() <= TOLERANCE_LU && over_db <= 0.0 {
            break;
        }
        loudness_lufs += off_lu;
        peak_dbtp -= over_db.max(0.0);
        let Ok(corrected) = ready(loudness_lufs, peak_dbtp) else { break };
        bytes = encode(&corrected, codec)?;
    }
    Ok(bytes)
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
        Codec::Text => {
            Err(EncodeFault::Encoder { codec: "text", what: "sound is no text".to_owned() })
        }
        Codec::Phrases => {
            Err(EncodeFault::Encoder { codec: "phrases", what: "sound is no list".to_owned() })
        }
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
