//! PCM in WAVE (Microsoft Multimedia Programming Interface 1.0, RIFF WAVE, format 1).

use crate::render::samples::Samples;

/// Samples per second.
pub(super) const RATE_HZ: u32 = 16_000;

/// 16-bit mono PCM.
pub(super) fn encode(sound: &Samples) -> Vec<u8> {
    let data: Vec<u8> = sound.to_i16().iter().flat_map(|s| s.to_le_bytes()).collect();
    let mut format = Vec::new();
    format.extend(1_u16.to_le_bytes()); // PCM
    format.extend(1_u16.to_le_bytes()); // channels
    format.extend(sound.rate_hz.to_le_bytes());
    format.extend((sound.rate_hz * 2).to_le_bytes()); // bytes per second
    format.extend(2_u16.to_le_bytes()); // block align
    format.extend(16_u16.to_le_bytes()); // bits per sample
    riff(&[(*b"fmt ", &format), (*b"data", &data)])
}

/// A RIFF WAVE file of `chunks`, each padded to an even length.
pub(super) fn riff(chunks: &[([u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    for (name, content) in chunks {
        body.extend(name);
        body.extend(length(content).to_le_bytes());
        body.extend(*content);
        if content.len() % 2 == 1 {
            body.push(0);
        }
    }
    let mut out = b"RIFF".to_vec();
    out.extend(length(&body).to_le_bytes());
    out.extend(body);
    out
}

/// Programs are limited to eleven minutes, so lengths always fit.
fn length(content: &[u8]) -> u32 {
    u32::try_from(content.len()).unwrap_or(u32::MAX)
}
