//! Opus in `WebM` (RFC 8794, RFC 9559), as browsers record it from a microphone. The elements are walked in
//! one line over the bytes: masters are entered, everything else is stepped over by its length, so that
//! segments and clusters of open length, which browsers write, need nothing of their own.

use super::ogg_opus::{PACKET_FRAMES_MAX, Voice, decoded_rate, head};
use super::{Collector, RecordingFault, check_packets};
use crate::render::samples::{Samples, narrow};

/// First bytes of every such file.
const MAGIC: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK: u32 = 0xae;
const TRACK_NUMBER: u32 = 0xd7;
const CODEC: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63a2;
const ENCODINGS: u32 = 0x6d80;
const CLUSTER: u32 = 0x1f43_b675;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
/// Bits of a block's flags that say its frames are laced; no program laces Opus.
const LACING: u8 = 0x06;
/// Bytes of a block between its track number and its frame: time, flags.
const BLOCK_HEAD_BYTES: usize = 3;

/// Whether the bytes begin like one.
pub(super) fn is_webm(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// An element: a master's body is not in it, the walk goes on inside.
struct Element<'a> {
    id: u32,
    body: &'a [u8],
}

/// What is left to walk.
struct Walk<'a> {
    rest: &'a [u8],
    /// An element claimed more than there was.
    is_cut: bool,
}

impl<'a> Walk<'a> {
    /// The next element; `None` at the end, or where it is cut.
    fn next(&mut self) -> Result<Option<Element<'a>>, RecordingFault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some((id, id_bytes)) = number(self.rest, 4) else { return self.cut() };
        let after = self.rest.get(id_bytes..).unwrap_or_default();
        let Some((size, size_bytes)) = number(after, 8) else { return self.cut() };
        let body = after.get(size_bytes..).unwrap_or_default();
        // All ones behind the mark stand for an open length.
        let mark = 1_u64 << (7 * size_bytes);
        let size = Some(size & (mark - 1)).filter(|size| *size != mark - 1);
        let id = u32::try_from(id).unwrap_or(0);
        let room = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if matches!(id, SEGMENT | CLUSTER | TRACKS | TRACK | BLOCK_GROUP) {
            self.is_cut |= size.is_some_and(|size| size > room);
            self.rest = body;
            return Ok(Some(Element { id, body: &[] }));
        }
        let Some(size) = size else {
            let what = format!("a webm element {id:x} without a length");
            return Err(RecordingFault::Damaged(what));
        };
        let length = usize::try_from(size).ok();
        let Some((body, rest)) = length.and_then(|length| body.split_at_checked(length)) else {
            return self.cut();
        };
        self.rest = rest;
        Ok(Some(Element { id, body }))
    }

    fn cut(&mut self) -> Result<Option<Element<'a>>, RecordingFault> {
        (self.is_cut, self.rest) = (true, &[]);
        Ok(None)
    }
}

/// A number of variable length with its mark, and the bytes it takes, at most `bytes_max`.
fn number(bytes: &[u8], bytes_max: usize) -> Option<(u64, usize)> {
    let length = usize::try_from(bytes.first()?.leading_zeros()).ok()? + 1;
    let digits = bytes.get(..length).filter(|_| length <= bytes_max)?;
    let value = digits.iter().fold(0, |value, digit| (value << 8) | u64::from(*digit));
    Some((value, length))
}

/// What is known of a track.
#[derive(Default)]
struct Track<'a> {
    number: u64,
    codec: &'a [u8],
    head: &'a [u8],
    is_encoded: bool,
}

/// Decodes the first Opus track.
pub(super) fn decode(bytes: &[u8], to_hz: Option<u32>) -> Result<Samples, RecordingFault> {
    let mut walk = Walk { rest: bytes, is_cut: false };
    let mut tracks: Vec<Track<'_>> = Vec::new();
    let mut sound: Option<Sound> = None;
    while let Some(Element { id, body }) = walk.next()? {
        match id {
            TRACK if sound.is_none() => tracks.push(Track::default()),
            SIMPLE_BLOCK | BLOCK => {
                let known = match &mut sound {
                    Some(known) => known,
                    None => sound.insert(Sound::of(&tracks, to_hz)?),
                };
                known.add(body)?;
            }
            _ => {
                let Some(track) = tracks.last_mut() else { continue };
                match id {
                    TRACK_NUMBER => {
                        track.number = body
                            .iter()
                            .take(8)
                            .fold(0, |value, digit| (value << 8) | u64::from(*digit));
                    }
                    CODEC => track.codec = body,
                    CODEC_PRIVATE => track.head = body,
                    ENCODINGS => track.is_encoded = true,
                    _ => {}
                }
            }
        }
    }
    let sound = match sound {
        Some(sound) => sound,
        None => Sound::of(&tracks, to_hz)?,
    };
    if walk.is_cut {
        return Err(RecordingFault::NoEnd);
    }
    check_packets(sound.good, sound.bad)?;
    Ok(sound.collector.finish(None)?.scaled(narrow(sound.gain)))
}

/// A track that is being decoded.
struct Sound {
    number: u64,
    channels: usize,
    gain: f64,
    voice: Voice,
    pcm: Vec<f32>,
    collector: Collector,
    good: usize,
    bad: usize,
}

impl Sound {
    fn of(tracks: &[Track<'_>], to_hz: Option<u32>) -> Result<Self, RecordingFault> {
        let Some(track) = tracks.iter().find(|track| track.codec == b"A_OPUS") else {
            let codecs: Vec<String> = tracks
                .iter()
                .map(|track| track.codec.escape_ascii().take(40).map(char::from).collect())
                .collect();
            return Err(RecordingFault::Format(format!(
                "webm with the codecs `{}`, expected opus",
                codecs.join(" ").chars().take(200).collect::<String>()
            )));
        };
        if track.is_encoded {
            return Err(RecordingFault::Format("webm, packed or encrypted inside".to_owned()));
        }
        if !track.head.starts_with(b"OpusHead") {
            return Err(RecordingFault::Damaged("webm opus without its header".to_owned()));
        }
        let head = head(track.head)?;
        let (rate_hz, each) = decoded_rate(to_hz);
        Ok(Self {
            number: track.number,
            channels: head.channels,
            gain: head.gain,
            voice: Voice::new(&head, rate_hz)?,
            pcm: vec![0.0; PACKET_FRAMES_MAX * head.channels],
            collector: Collector::new(rate_hz, to_hz, head.pre_skip / each)?,
            good: 0,
            bad: 0,
        })
    }

    /// One block; those of other tracks are left out. What encoders pad at the end is kept: it is silent
    /// and shorter than a packet.
    fn add(&mut self, block: &[u8]) -> Result<(), RecordingFault> {
        let Some((track, bytes)) = number(block, 8) else {
            self.bad += 1;
            return Ok(());
        };
        if track & !(1_u64 << (7 * bytes)) != self.number {
            return Ok(());
        }
        let flags = block.get(bytes + BLOCK_HEAD_BYTES - 1).copied().unwrap_or_default();
        if flags & LACING != 0 {
            return Err(RecordingFault::Format("webm with laced blocks".to_owned()));
        }
        let packet = block.get(bytes + BLOCK_HEAD_BYTES..).unwrap_or_default();
        let decoded = self.voice.decode(packet, &mut self.pcm, self.channels);
        match decoded.filter(|_| !packet.is_empty()) {
            Some(frames) => {
                self.good += 1;
                let part = self.pcm.get(..frames * self.channels).unwrap_or_default();
                self.collector.add(part, self.channels, usize::MAX)
            }
            None => {
                self.bad += 1;
                Ok(())
            }
        }
    }
}
