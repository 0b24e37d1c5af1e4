//! wav, flac, mp3, m4a/AAC, Ogg Vorbis and AIFF by symphonia.

use super::{Collector, RecordingFault, check_packets};
use crate::render::samples::Samples;
use std::io::Cursor;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// Lengths from here on stand for an open one: no file of two gigabytes is read anyway.
const OPEN_LENGTH_MIN: u32 = 0x7fff_0000;
/// Bytes within which a wav file's sound begins.
const HEAD_BYTES_MAX: usize = 65_536;

/// Decodes the first audio track.
pub(super) fn decode(bytes: &[u8], to_hz: Option<u32>) -> Result<Samples, RecordingFault> {
    let format = |e: &dyn std::fmt::Display| RecordingFault::Format(e.to_string());
    let source = MediaSourceStream::new(
        Box::new(Cursor::new(bytes.to_vec())),
        symphonia::core::io::MediaSourceStreamOptions::default(),
    );
    let mut reader = symphonia::default::get_probe()
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|e| format(&e))?;
    let track = reader.default_track(TrackType::Audio).ok_or_else(|| format(&"no audio track"))?;
    let track_id = track.id;
    let open_ended = is_open_ended(bytes);
    let expected = track.num_frames.filter(|_| !open_ended);
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|p| p.audio())
        .ok_or_else(|| format(&"an audio track without parameters"))?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|e| format(&e))?;
    let mut collector: Option<Collector> = None;
    let (mut good, mut bad) = (0, 0);
    let mut interleaved: Vec<f32> = Vec::new();
    loop {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            // A second stream in one file (chained Ogg) is a second recording: the first is enough.
            Ok(None) | Err(Error::ResetRequired) => break,
            Err(e) if good == 0 => return Err(RecordingFault::Damaged(e.to_string())),
            // Broken off in the last packet: telephones do that. More is told by the missing length,
            // or where no length is known by the count below.
            Err(_) => {
                bad += usize::from(expected.is_none() && !open_ended);
                break;
            }
        };
        if packet.track_id != track_id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(decoded) => {
                good += 1;
                let rate_hz = decoded.spec().rate();
                let channels = decoded.spec().channels().count();
                interleaved.clear();
                decoded.copy_to_vec_interleaved(&mut interleaved);
                let known = match &mut collector {
                    Some(known) => known,
                    None => collector.insert(Collector::new(rate_hz, to_hz, 0)?),
                };
                if known.rate_hz != rate_hz {
                    return Err(RecordingFault::Damaged(format!(
                        "a rate that changes from {} to {rate_hz} hz",
                        known.rate_hz
                    )));
                }
                known.add(&interleaved, channels, usize::MAX)?;
            }
            Err(_) => bad += 1,
        }
    }
    check_packets(good, bad)?;
    collector.ok_or(RecordingFault::Empty("no samples"))?.finish(expected)
}

/// Whether a wav file's head leaves its length open, as programs do that write into a pipe.
fn is_open_ended(bytes: &[u8]) -> bool {
    let at = bytes.starts_with(b"RIFF").then(|| {
        let start = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes);
        start.windows(4).position(|four| four == b"data")
    });
    let length = at.flatten().and_then(|at| bytes.get(at + 4..)?.first_chunk::<4>());
    length.is_some_and(|length| {
        let length = u32::from_le_bytes(*length);
        length == 0 || length >= OPEN_LENGTH_MIN
    })
}
