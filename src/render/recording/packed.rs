//! wav, flac, mp3, m4a/AAC, Ogg Vorbis and AIFF by symphonia.

use super::{Collector, RecordingFault, check_packets, kind};
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
    let unread = |e: &Error| unread(bytes, e);
    let format = |what: &str| RecordingFault::Format(what.to_owned());
    let source = MediaSourceStream::new(
        Box::new(Cursor::new(with_length(bytes))),
        symphonia::core::io::MediaSourceStreamOptions::default(),
    );
    let mut reader = symphonia::default::get_probe()
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|e| unread(&e))?;
    let track = reader.default_track(TrackType::Audio).ok_or_else(|| format("no audio track"))?;
    let track_id = track.id;
    let open_ended = is_open_ended(bytes);
    let expected = track.num_frames.filter(|_| !open_ended);
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|p| p.audio())
        .ok_or_else(|| format("an audio track without parameters"))?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|e| unread(&e))?;
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

/// Why no decoder takes it: it is of another kind, or one of ours that is damaged.
fn unread(bytes: &[u8], fault: &Error) -> RecordingFault {
    if let Some(named) = kind::named(bytes) {
        return RecordingFault::Format(named.to_owned());
    }
    match (super::extension(bytes), matches!(fault, Error::Unsupported(_))) {
        (Some(_), false) => RecordingFault::Damaged(format!("a head that can't be read ({fault})")),
        (Some(name), true) => {
            RecordingFault::Format(format!("{name} with sound of a kind we don't read ({fault})"))
        }
        (None, _) => RecordingFault::Format(format!("a file of a kind we don't know ({fault})")),
    }
}

/// The bytes, with their lengths in a wav head that was never finished: recorders that lose their power leave 0
/// there.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let mut whole = bytes.to_vec();
    let mut put = |at: usize| {
        let rest = u32::try_from(bytes.len().saturating_sub(at + 4)).unwrap_or(u32::MAX);
        if let Some(field) = whole.get_mut(at..at + 4).filter(|field| **field == [0; 4]) {
            field.copy_from_slice(&rest.to_le_bytes());
        }
    };
    if bytes.starts_with(b"RIFF\0\0\0\0") {
        put(4);
        if let Some(data) = data_at(bytes) {
            put(data + 4);
        }
    }
    whole
}

/// Where the chunk of sound begins in a wav file.
fn data_at(bytes: &[u8]) -> Option<usize> {
    let start = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes);
    bytes.starts_with(b"RIFF").then(|| start.windows(4).position(|four| four == b"data")).flatten()
}

/// Whether a wav file's head leaves its length open, as programs do that write into a pipe.
fn is_open_ended(bytes: &[u8]) -> bool {
    let length = data_at(bytes).and_then(|at| bytes.get(at + 4..)?.first_chunk::<4>());
    length.is_some_and(|length| {
        let length = u32::from_le_bytes(*length);
        length == 0 || length >= OPEN_LENGTH_MIN
    })
}
