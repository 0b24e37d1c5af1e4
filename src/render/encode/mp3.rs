//! MP3 (MPEG-2 Layer III) by LAME. LAME is LGPL-2.0-or-later and linked as a library; a build without
//! it only loses this codec.

use super::EncodeFault;
use crate::render::samples::Samples;
use mp3lame_encoder::{Bitrate, Builder, FlushNoGap, MonoPcm, Quality, max_required_buffer_size};

/// Samples per second.
pub(super) const RATE_HZ: u32 = 16_000;
/// Samples per call of the encoder.
const CALL_SAMPLES: usize = 16_000;

/// Constant 32 kbit/s, mono, no tags: plain frames from the first byte on, which the smallest player
/// chips start on.
pub(super) fn encode(sound: &Samples) -> Result<Vec<u8>, EncodeFault> {
    let fault = |what: String| EncodeFault::Encoder { codec: "mp3", what };
    let refused = |e: &dyn std::fmt::Debug| fault(format!("{e:?}"));
    let mut builder = Builder::new().ok_or_else(|| fault("out of memory".to_owned()))?;
    builder.set_num_channels(1).map_err(|e| refused(&e))?;
    builder.set_sample_rate(sound.rate_hz).map_err(|e| refused(&e))?;
    builder.set_brate(Bitrate::Kbps32).map_err(|e| refused(&e))?;
    builder.set_quality(Quality::Good).map_err(|e| refused(&e))?;
    builder.set_to_write_vbr_tag(false).map_err(|e| refused(&e))?;
    let mut encoder = builder.build().map_err(|e| refused(&e))?;
    let mut out = Vec::new();
    for part in sound.to_i16().chunks(CALL_SAMPLES) {
        out.reserve(max_required_buffer_size(part.len()));
        let _written = encoder.encode_to_vec(MonoPcm(part), &mut out).map_err(|e| refused(&e))?;
    }
    out.reserve(max_required_buffer_size(0));
    let _written = encoder.flush_to_vec::<FlushNoGap>(&mut out).map_err(|e| refused(&e))?;
    Ok(out)
}
