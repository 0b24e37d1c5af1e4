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

/// Decodes the first audio track.
pub(super) fn decode(bytes: &[u8]) -> Result<Samples, RecordingFault> {
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
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|p| p.audio())
        .ok_or_else(|| format(&"an audio track without parameters"))?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|e| format(&e))?;
    let mut collector: Option<(u32, Collector)> = None;
    let (mut good, mut bad) = (0, 0);
    let mut interleaved: Vec<f32> = Vec::new();
    loop {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            // A second stream in one file (chained Ogg) is a second recording: the first is enough.
            Ok(None) | Err(Error::ResetRequired) => break,
            Err(e) if good == 0 => return Err(RecordingFault::Damaged(e.to_string())),
            // Broken off in the last packet: telephones do that. More is told by the count below.
            Err(_) => {
                bad += 1;
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
                let (known_hz, collector) =
                    collector.get_or_insert_with(|| (rate_hz, Collector::new(rate_hz)));
                if *known_hz != rate_hz {
                    return Err(RecordingFault::Damaged(format!(
                        "a rate that changes from {known_hz} to {rate_hz} hz"
                    )));
                }
                collector.add(&interleaved, channels)?;
            }
            Err(_) => bad += 1,
        }
    }
    check_packets(good, bad)?;
    let (rate_hz, collector) = collector.ok_or(RecordingFault::Empty("no samples"))?;
    Ok(Samples { rate_hz, mono: collector.mono })
}
