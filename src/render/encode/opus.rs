//! Opus in Ogg (RFC 6716, RFC 7845).

use super::EncodeFault;
use crate::render::samples::{Samples, frames_of_ms};
use ogg::writing::{PacketWriteEndInfo, PacketWriter};
use ropus::{Application, Bitrate, Channels, Encoder, Signal};

/// Samples per second of the input.
pub(super) const RATE_HZ: u32 = 16_000;
/// Bits per second.
const BITS_PER_S: u32 = 16_000;
/// Encoder effort 0 to 10; 3 is as intelligible as 5 at seven tenths of the time (55 warnings of the
/// built-in voice through either: 0.066 and 0.067 of the syllables misheard by `tests/speech/check`).
const COMPLEXITY: u8 = 3;
/// Length of a frame in milliseconds.
const FRAME_MS: u32 = 20;
/// Granule positions count at 48 kHz whatever the input (RFC 7845 section 4).
const GRANULES_PER_SAMPLE: u64 = 3;
/// Packets on one page: a second, so that a reader may begin early.
const PAGE_PACKETS: usize = 50;
/// The stream's number: fixed, so that the same sound gives the same bytes.
const SERIAL: u32 = 0x4d4c_0001;
/// Largest Opus packet in bytes (RFC 6716 section 3.4).
const PACKET_BYTES_MAX: usize = 1_275;

/// Mono, 16 kbit/s, 20 ms frames tuned for speech.
pub(super) fn encode(sound: &Samples) -> Result<Vec<u8>, EncodeFault> {
    let fault = |what: String| EncodeFault::Encoder { codec: "opus", what };
    let mut encoder = Encoder::builder(sound.rate_hz, Channels::Mono, Application::Voip)
        .bitrate(Bitrate::Bits(BITS_PER_S))
        .complexity(COMPLEXITY)
        .signal(Signal::Voice)
        .build()
        .map_err(|e| fault(e.to_string()))?;
    let pre_skip = u16::try_from(u64::from(encoder.lookahead()) * lookahead_scale())
        .map_err(|e| fault(e.to_string()))?;
    let frame = frames_of_ms(sound.rate_hz, FRAME_MS);
    let mut pcm = sound.to_i16();
    let total = u64::try_from(pcm.len()).unwrap_or(u64::MAX);
    // The decoder runs behind by the pre-skip: feed that much more, then fill the last frame.
    pcm.resize(pcm.len() + usize::from(pre_skip).div_ceil(3), 0);
    pcm.resize(pcm.len().next_multiple_of(frame), 0);

    let mut writer = PacketWriter::new(Vec::new());
    let mut put = |packet: Vec<u8>, end, granule| {
        writer.write_packet(packet, SERIAL, end, granule).map_err(|e| fault(e.to_string()))
    };
    put(head(pre_skip, sound.rate_hz), PacketWriteEndInfo::EndPage, 0)?;
    put(tags(), PacketWriteEndInfo::EndPage, 0)?;
    let count = pcm.len() / frame;
    let end_granule = u64::from(pre_skip) + total * GRANULES_PER_SAMPLE;
    let mut granule = 0;
    let mut packet = vec![0; PACKET_BYTES_MAX];
    for (index, part) in pcm.chunks(frame).enumerate() {
        let length = encoder.encode(part, &mut packet).map_err(|e| fault(e.to_string()))?;
        granule += u64::from(FRAME_MS) * 48;
        let end = if index + 1 == count {
            PacketWriteEndInfo::EndStream
        } else if (index + 1) % PAGE_PACKETS == 0 {
            PacketWriteEndInfo::EndPage
        } else {
            PacketWriteEndInfo::NormalPacket
        };
        let bytes = packet.get(..length).unwrap_or_default().to_vec();
        // The last page ends before its last sample so that the padding is cut off again.
        put(bytes, end, granule.min(end_granule))?;
    }
    Ok(writer.into_inner())
}

/// `lookahead()` counts at the encoder's own rate, as libopus does; the header wants 48 kHz.
const fn lookahead_scale() -> u64 {
    GRANULES_PER_SAMPLE
}

/// `OpusHead` (RFC 7845 section 5.1).
fn head(pre_skip: u16, rate_hz: u32) -> Vec<u8> {
    let mut out = b"OpusHead".to_vec();
    out.push(1); // version
    out.push(1); // channels
    out.extend(pre_skip.to_le_bytes());
    out.extend(rate_hz.to_le_bytes());
    out.extend(0_u16.to_le_bytes()); // output gain
    out.push(0); // mapping family
    out
}

/// `OpusTags` (RFC 7845 section 5.2) without comments.
fn tags() -> Vec<u8> {
    let vendor = b"mingluo ropus";
    let mut out = b"OpusTags".to_vec();
    out.extend(u32::try_from(vendor.len()).unwrap_or(0).to_le_bytes());
    out.extend(vendor);
    out.extend(0_u32.to_le_bytes());
    out
}
