//! Opus in Ogg (RFC 7845): `ogg` takes the pages apart, `ropus` decodes.

use super::{Collector, RecordingFault, check_packets};
use crate::render::samples::Samples;
use ogg::reading::PacketReader;
use ropus::{Channels, DecodeMode, Decoder};
use std::io::Cursor;

/// Opus always decodes at 48 kHz.
const RATE_HZ: u32 = 48_000;
/// Longest packet: 120 ms at 48 kHz, for each channel.
const PACKET_FRAMES_MAX: usize = 5_760;

/// Whether the first page of an Ogg file holds an Opus header.
pub(super) fn is_ogg_opus(bytes: &[u8]) -> bool {
    bytes.starts_with(b"OggS") && bytes.get(28..36) == Some(b"OpusHead")
}

/// What `OpusHead` says.
struct Head {
    channels: usize,
    pre_skip: usize,
    gain: f64,
}

fn head(packet: &[u8]) -> Result<Head, RecordingFault> {
    let damaged = || RecordingFault::Damaged("an opus header of wrong form".to_owned());
    let &[channels, skip_low, skip_high, _, _, _, _, gain_low, gain_high, family, ..] =
        packet.get(9..).ok_or_else(damaged)?
    else {
        return Err(damaged());
    };
    if family != 0 || !(1..=2).contains(&channels) {
        return Err(RecordingFault::Format(format!(
            "ogg opus with {channels} channels, family {family}"
        )));
    }
    Ok(Head {
        channels: usize::from(channels),
        pre_skip: usize::from(u16::from_le_bytes([skip_low, skip_high])),
        // Q7.8 decibels (RFC 7845 section 5.1).
        gain: 10_f64.powf(f64::from(i16::from_le_bytes([gain_low, gain_high])) / (20.0 * 256.0)),
    })
}

/// Decodes the first stream.
pub(super) fn decode(bytes: &[u8]) -> Result<Samples, RecordingFault> {
    let damaged = |e: &dyn std::fmt::Display| RecordingFault::Damaged(e.to_string());
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let first = reader.read_packet_expected().map_err(|e| damaged(&e))?;
    let serial = first.stream_serial();
    let head = head(&first.data)?;
    let channels = if head.channels == 1 { Channels::Mono } else { Channels::Stereo };
    let mut decoder = Decoder::new(RATE_HZ, channels).map_err(|e| damaged(&e))?;
    let mut collector = Collector::new(RATE_HZ);
    let mut pcm = vec![0.0_f32; PACKET_FRAMES_MAX * head.channels];
    let (mut good, mut bad, mut end) = (0, 0, None);
    let mut tags_seen = false;
    loop {
        let packet = match reader.read_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(e) if good == 0 => return Err(damaged(&e)),
            Err(_) => {
                bad += 1;
                break;
            }
        };
        if packet.stream_serial() != serial {
            continue;
        }
        if !std::mem::replace(&mut tags_seen, true) {
            continue;
        }
        match decoder.decode_float(&packet.data, &mut pcm, DecodeMode::Normal) {
            Ok(frames) => {
                good += 1;
                collector
                    .add(pcm.get(..frames * head.channels).unwrap_or_default(), head.channels)?;
            }
            Err(_) => bad += 1,
        }
        if packet.last_in_stream() {
            end = usize::try_from(packet.absgp_page()).ok();
            break;
        }
    }
    check_packets(good, bad)?;
    let mut mono = collector.mono;
    mono.truncate(end.unwrap_or(mono.len()));
    mono.drain(..head.pre_skip.min(mono.len()));
    Ok(Samples { rate_hz: RATE_HZ, mono }.scaled(crate::render::samples::narrow(head.gain)))
}
