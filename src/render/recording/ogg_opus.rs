//! Opus in Ogg (RFC 7845): `ogg` takes the pages apart, `ropus` decodes.

use super::{Collector, RECORDING_CHANNELS_MAX, RecordingFault, check_packets};
use crate::render::samples::{Samples, narrow};
use ogg::reading::PacketReader;
use ropus::opus::multistream::OpusMSDecoder;
use ropus::{Channels, DecodeMode, Decoder};
use std::io::Cursor;

/// Lengths and positions in the file count at 48 kHz, whatever rate it is decoded at.
const RATE_HZ: u32 = 48_000;
/// Longest packet: 120 ms at 48 kHz, for each channel.
pub(super) const PACKET_FRAMES_MAX: usize = 5_760;
/// Rates at which a decoder gives its sound by itself (RFC 6716 section 2): nothing has to be converted.
const DECODED_RATES_HZ: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// Whether the first page of an Ogg file holds an Opus header.
pub(super) fn is_ogg_opus(bytes: &[u8]) -> bool {
    bytes.starts_with(b"OggS") && bytes.get(28..36) == Some(b"OpusHead")
}

/// What `OpusHead` says.
pub(super) struct Head {
    /// Channels, at most [`RECORDING_CHANNELS_MAX`].
    pub(super) channels: usize,
    /// Frames to leave out at the start.
    pub(super) pre_skip: usize,
    /// Factor for every sample.
    pub(super) gain: f64,
    /// Streams, coupled ones among them, and which channel comes from where (mapping family 1).
    mapping: Option<(u8, u8, Vec<u8>)>,
}

pub(super) fn head(packet: &[u8]) -> Result<Head, RecordingFault> {
    let damaged = || RecordingFault::Damaged("an opus header of wrong form".to_owned());
    let &[channels, skip_low, skip_high, _, _, _, _, gain_low, gain_high, family, ref rest @ ..] =
        packet.get(9..).ok_or_else(damaged)?
    else {
        return Err(damaged());
    };
    let n_channels = usize::from(channels);
    if n_channels > RECORDING_CHANNELS_MAX {
        return Err(RecordingFault::Channels(n_channels));
    }
    let mapping = match (family, channels) {
        (0, 1..=2) => None,
        (1, 1..) => match rest {
            [streams, coupled, mapping @ ..] => {
                let mapping = mapping.get(..n_channels).ok_or_else(damaged)?;
                Some((*streams, *coupled, mapping.to_vec()))
            }
            _ => return Err(damaged()),
        },
        _ => {
            let what = format!("ogg opus with {channels} channels, family {family}");
            return Err(RecordingFault::Format(what));
        }
    };
    Ok(Head {
        channels: n_channels,
        pre_skip: usize::from(u16::from_le_bytes([skip_low, skip_high])),
        // Q7.8 decibels (RFC 7845 section 5.1).
        gain: 10_f64.powf(f64::from(i16::from_le_bytes([gain_low, gain_high])) / (20.0 * 256.0)),
        mapping,
    })
}

/// One or two channels, or several streams in each packet.
pub(super) enum Voice {
    Plain(Box<Decoder>),
    Many(Box<OpusMSDecoder>, Vec<i16>),
}

impl Voice {
    pub(super) fn new(head: &Head, rate_hz: u32) -> Result<Self, RecordingFault> {
        let damaged = |what: String| RecordingFault::Damaged(what);
        if let Some((streams, coupled, mapping)) = &head.mapping {
            let rate = i32::try_from(rate_hz).unwrap_or(0);
            let channels = i32::try_from(head.channels).unwrap_or(0);
            let (streams, coupled) = (i32::from(*streams), i32::from(*coupled));
            let made = OpusMSDecoder::new(rate, channels, streams, coupled, mapping);
            let made = made.map_err(|code| damaged(format!("opus streams (error {code})")))?;
            let pcm = vec![0; PACKET_FRAMES_MAX * head.channels];
            return Ok(Self::Many(Box::new(made), pcm));
        }
        let channels = if head.channels == 1 { Channels::Mono } else { Channels::Stereo };
        let made = Decoder::new(rate_hz, channels).map_err(|e| damaged(e.to_string()))?;
        Ok(Self::Plain(Box::new(made)))
    }

    /// Frames of a packet into `out`; `None` when it can't be decoded.
    pub(super) fn decode(
        &mut self,
        packet: &[u8],
        out: &mut [f32],
        channels: usize,
    ) -> Option<usize> {
        match self {
            Self::Plain(decoder) => decoder.decode_float(packet, out, DecodeMode::Normal).ok(),
            Self::Many(decoder, pcm) => {
                let length = i32::try_from(packet.len()).ok()?;
                let room = i32::try_from(PACKET_FRAMES_MAX).ok()?;
                let frames = decoder.decode(Some(packet), length, pcm, room, false).ok()?;
                let frames = usize::try_from(frames).ok()?;
                for (to, from) in out.iter_mut().zip(pcm.iter().take(frames * channels)) {
                    *to = f32::from(*from) / 32_768.0;
                }
                Some(frames)
            }
        }
    }
}

/// The rate to decode at for sound wanted at `to_hz`, and how many frames of the file one of its is.
pub(super) fn decoded_rate(to_hz: Option<u32>) -> (u32, usize) {
    let rate_hz = to_hz.filter(|hz| DECODED_RATES_HZ.contains(hz)).unwrap_or(RATE_HZ);
    (rate_hz, usize::try_from(RATE_HZ / rate_hz).unwrap_or(1))
}

/// Decodes the first stream.
pub(super) fn decode(bytes: &[u8], to_hz: Option<u32>) -> Result<Samples, RecordingFault> {
    let damaged = |e: &dyn std::fmt::Display| RecordingFault::Damaged(e.to_string());
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let first = reader.read_packet_expected().map_err(|e| damaged(&e))?;
    let serial = first.stream_serial();
    let head = head(&first.data)?;
    let (rate_hz, each) = decoded_rate(to_hz);
    let mut voice = Voice::new(&head, rate_hz)?;
    let mut collector = Collector::new(rate_hz, to_hz, head.pre_skip / each)?;
    let mut pcm = vec![0.0_f32; PACKET_FRAMES_MAX * head.channels];
    let (mut good, mut bad, mut total) = (0, 0, 0_usize);
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
        let last = packet.last_in_stream();
        match voice.decode(&packet.data, &mut pcm, head.channels) {
            Some(frames) => {
                good += 1;
                // The last page says where the sound ends within its last packet.
                let end = last.then(|| usize::try_from(packet.absgp_page()).ok()).flatten();
                let room = end.map_or(frames, |end| (end / each).saturating_sub(total));
                total += frames;
                let part = pcm.get(..frames * head.channels).unwrap_or_default();
                collector.add(part, head.channels, room)?;
            }
            None => bad += 1,
        }
        if last {
            break;
        }
    }
    check_packets(good, bad)?;
    Ok(collector.finish(None)?.scaled(narrow(head.gain)))
}
