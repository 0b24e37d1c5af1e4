//! The file of sounds: an index sorted by reading, and Opus packets.
//!
//! All numbers are little-endian. Head: `MLBANK`, version u16, count of sounds u32, bytes of the index u32,
//! SHA-256 of all that follows. Index, for each sound in strictly rising order of its key: length of the key
//! u8, the key (ASCII), length in samples u32, bytes of its packets u32. Then the packets of every sound in the
//! same order, each packet after its length u8. Sounds are mono, 16 kHz, 20 ms packets, and each begins with
//! a fresh decoder whose first [`PRE_SKIP_SAMPLES`] are dropped.

use super::BankFault;
use crate::model::Sha256;
use crate::render::samples::{MIX_RATE_HZ, Samples};
use ropus::{Application, Bitrate, Channels, Decoder, Encoder, Signal};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// Samples per second of every sound.
pub const RATE_HZ: u32 = MIX_RATE_HZ;
/// Samples that the decoder runs behind (6.5 ms, RFC 6716 section 4).
const PRE_SKIP_SAMPLES: usize = 104;
/// Samples of one packet: 20 ms.
const PACKET_SAMPLES: usize = 320;
/// Largest packet in bytes; its length is one byte.
const PACKET_BYTES_MAX: usize = 255;
/// Bits per second. The clips made of it are coded once more, so it has some reserve.
const BITS_PER_S: u32 = 19_000;
/// Encoder effort, 0 to 10; encoding is done once.
const COMPLEXITY: u8 = 10;
/// Most sounds of a bank.
const SOUNDS_MAX: usize = 50_000;
/// Largest file in bytes.
const BANK_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest sound in samples: 20 s.
const SOUND_SAMPLES_MAX: usize = 20 * 16_000;
const MAGIC: &[u8] = b"MLBANK";
const VERSION: u16 = 1;
const DIGEST_BYTES: usize = 32;

/// Sounds by reading, read in place; later layers are looked at first.
#[derive(Debug)]
pub struct Bank {
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    bytes: Cow<'static, [u8]>,
    sounds: Vec<Sound>,
    syllables_max: usize,
}

#[derive(Debug)]
struct Sound {
    key: Range<usize>,
    samples: usize,
    packets: Range<usize>,
}

impl Bank {
    /// The bank inside this program.
    ///
    /// # Errors
    /// [`BankFault::Damaged`] when the program was built with a damaged file.
    pub fn embedded() -> Result<Self, BankFault> {
        Self::open(Cow::Borrowed(include_bytes!("../../../audio-samples/bank.mlb")))
    }

    /// Reads a bank; every length and the digest are checked, no sound is decoded.
    ///
    /// # Errors
    /// [`BankFault::Damaged`] with the first thing that is wrong.
    pub fn open(bytes: Cow<'static, [u8]>) -> Result<Self, BankFault> {
        let sounds = index(&bytes).map_err(BankFault::Damaged)?;
        let mut layer = Layer { bytes, sounds, syllables_max: 0 };
        let longest = layer.keys().map(|key| key.split(' ').count()).max();
        layer.syllables_max = longest.unwrap_or(0);
        Ok(Self { layers: vec![layer] })
    }

    /// This bank, with the sounds of `local` taken before its own.
    #[must_use]
    pub fn under(mut self, local: Self) -> Self {
        self.layers.extend(local.layers);
        self
    }

    /// Every reading that has a sound, layer by layer, sorted within a layer.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().flat_map(Layer::keys)
    }

    /// Whether `key` has a sound.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.layers.iter().any(|layer| layer.find(key).is_some())
    }

    /// Syllables of the longest key.
    pub(super) fn syllables_max(&self) -> usize {
        self.layers.iter().map(|layer| layer.syllables_max).max().unwrap_or(0)
    }

    /// The sound of `key`, decoded (about 1 ms of processor for a second); `None` when there is none.
    ///
    /// # Errors
    /// [`BankFault::Sound`] when its packets are damaged.
    pub fn sound(&self, key: &str) -> Option<Result<Samples, BankFault>> {
        let found = |layer: &Layer| {
            layer.find(key).map(|sound| {
                let packets = layer.bytes.get(sound.packets.clone()).unwrap_or_default();
                decode(packets, sound.samples)
                    .map_err(|what| BankFault::Sound { key: key.to_owned(), what })
            })
        };
        self.layers.iter().rev().find_map(found)
    }
}

impl Layer {
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.sounds.iter().map(|sound| self.key(sound))
    }

    fn key(&self, sound: &Sound) -> &str {
        // `index` let ASCII through only.
        let bytes = self.bytes.get(sound.key.clone()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    fn find(&self, key: &str) -> Option<&Sound> {
        let at = self.sounds.binary_search_by(|sound| self.key(sound).cmp(key)).ok()?;
        self.sounds.get(at)
    }
}

/// Takes bytes from the front.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count);
        let part = end.and_then(|end| self.bytes.get(self.at..end));
        let part = part.ok_or_else(|| format!("an end after {} bytes", self.bytes.len()))?;
        self.at = self.at.saturating_add(count);
        Ok(part)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "a short number".to_owned())
    }

    fn size(&mut self) -> Result<usize, String> {
        usize::try_from(u32::from_le_bytes(self.number()?)).map_err(|e| e.to_string())
    }
}

fn index(bytes: &[u8]) -> Result<Vec<Sound>, String> {
    if bytes.len() > BANK_BYTES_MAX {
        return Err(format!("{} bytes", bytes.len()));
    }
    let mut head = Cursor { bytes, at: 0 };
    if head.take(MAGIC.len())? != MAGIC {
        return Err("another kind of file".to_owned());
    }
    let version = u16::from_le_bytes(head.number()?);
    if version != VERSION {
        return Err(format!("version {version} instead of {VERSION}"));
    }
    let (count, index_bytes) = (head.size()?, head.size()?);
    let digest = head.take(DIGEST_BYTES)?;
    if Sha256::of(bytes.get(head.at..).unwrap_or_default()).0 != digest {
        return Err("a digest that does not fit".to_owned());
    }
    if count > SOUNDS_MAX {
        return Err(format!("{count} sounds"));
    }
    let mut packets_at = head.at.checked_add(index_bytes).ok_or("a huge index")?;
    let mut entries = Cursor { bytes: bytes.get(..packets_at).ok_or("a cut index")?, at: head.at };
    let mut sounds: Vec<Sound> = Vec::with_capacity(count);
    let mut before: &[u8] = &[];
    for _ in 0..count {
        let [length] = entries.number()?;
        let start = entries.at;
        let key = entries.take(usize::from(length))?;
        if !key.is_ascii() || key <= before {
            return Err(format!("a wrong key after {} sounds", sounds.len()));
        }
        before = key;
        let key = start..entries.at;
        let (samples, packet_bytes) = (entries.size()?, entries.size()?);
        let end = packets_at.checked_add(packet_bytes).filter(|end| *end <= bytes.len());
        let end = end.ok_or_else(|| format!("cut packets after {} sounds", sounds.len()))?;
        if samples == 0 || samples > SOUND_SAMPLES_MAX {
            return Err(format!("a sound of {samples} samples"));
        }
        sounds.push(Sound { key, samples, packets: packets_at..end });
        packets_at = end;
    }
    if entries.at != entries.bytes.len() || packets_at != bytes.len() {
        return Err("bytes that belong to no sound".to_owned());
    }
    Ok(sounds)
}

fn decode(packets: &[u8], samples: usize) -> Result<Samples, String> {
    let mut decoder = Decoder::new(RATE_HZ, Channels::Mono).map_err(|e| e.to_string())?;
    let mut cursor = Cursor { bytes: packets, at: 0 };
    let mut mono = Vec::with_capacity(samples + PRE_SKIP_SAMPLES + PACKET_SAMPLES);
    // A packet may claim up to 120 ms (RFC 6716 section 3.2).
    let mut pcm = [0_f32; 6 * PACKET_SAMPLES];
    while mono.len() < samples + PRE_SKIP_SAMPLES {
        let [length] = cursor.number()?;
        let packet = cursor.take(usize::from(length))?;
        let count = decoder
            .decode_float(packet, &mut pcm, ropus::DecodeMode::Normal)
            .map_err(|e| e.to_string())?;
        if count == 0 {
            return Err("an empty packet".to_owned());
        }
        mono.extend(pcm.iter().take(count));
    }
    let mono = mono.get(PRE_SKIP_SAMPLES..PRE_SKIP_SAMPLES + samples).unwrap_or_default().to_vec();
    Ok(Samples { rate_hz: RATE_HZ, mono })
}

fn encode(sound: &Samples) -> Result<Vec<u8>, String> {
    if sound.rate_hz != RATE_HZ || sound.mono.is_empty() || sound.mono.len() > SOUND_SAMPLES_MAX {
        return Err(format!("{} samples at {} hz", sound.mono.len(), sound.rate_hz));
    }
    let mut encoder = Encoder::builder(RATE_HZ, Channels::Mono, Application::Voip)
        .bitrate(Bitrate::Bits(BITS_PER_S))
        .complexity(COMPLEXITY)
        .signal(Signal::Voice)
        .build()
        .map_err(|e| e.to_string())?;
    let mut pcm = sound.to_i16();
    pcm.resize((pcm.len() + PRE_SKIP_SAMPLES).next_multiple_of(PACKET_SAMPLES), 0);
    let mut packets = Vec::new();
    let mut packet = [0; PACKET_BYTES_MAX];
    for part in pcm.chunks(PACKET_SAMPLES) {
        let length = encoder.encode(part, &mut packet).map_err(|e| e.to_string())?;
        packets.push(u8::try_from(length).map_err(|e| e.to_string())?);
        packets.extend(packet.iter().take(length));
    }
    Ok(packets)
}

/// Writes a bank of `sounds` by reading. The same sounds give the same bytes.
///
/// # Errors
/// [`BankFault`] when a key or a sound is too long or the encoder refuses.
pub fn pack(sounds: &BTreeMap<String, Samples>) -> Result<Vec<u8>, BankFault> {
    let size = |n: usize, key: &str| {
        u32::try_from(n).map_err(|e| BankFault::Sound { key: key.to_owned(), what: e.to_string() })
    };
    let (mut entries, mut packets) = (Vec::new(), Vec::new());
    for (key, sound) in sounds {
        let fault = |what: String| BankFault::Sound { key: key.clone(), what };
        let coded = encode(sound).map_err(fault)?;
        entries.push(u8::try_from(key.len()).map_err(|e| fault(e.to_string()))?);
        entries.extend(key.as_bytes());
        entries.extend(size(sound.mono.len(), key)?.to_le_bytes());
        entries.extend(size(coded.len(), key)?.to_le_bytes());
        packets.extend(coded);
    }
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend(size(sounds.len(), "")?.to_le_bytes());
    out.extend(size(entries.len(), "")?.to_le_bytes());
    entries.extend(packets);
    out.extend(Sha256::of(&entries).0);
    out.extend(entries);
    Ok(out)
}
