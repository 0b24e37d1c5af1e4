//! IMA ADPCM in WAVE (format tag 0x11, mono): the sound of small terminals, decoded in integers.
//!
//! (2c + 1) × step / 8 at once, as the gateway's encoder and most players do, so that the samples
//! are the same everywhere, bit for bit.

/// Largest block a terminal decodes, bytes. The gateway writes blocks of 256.
pub const BLOCK_BYTES_MAX: usize = 512;
/// Longest head before the sound, bytes.
pub const HEAD_BYTES_MAX: usize = 256;
/// Bytes of a block before its codes: first sample, step index, one zero.
const PREAMBLE_BYTES: usize = 4;
const FORMAT_TAG: u16 = 0x11;

const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66,
    73, 80, 88, 97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449,
    494, 544, 598, 658, 724, 796, 876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272,
    2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493,
    10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794, 32767,
];
const INDEX_CHANGE: [i32; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];
const INDEX_MAX: i32 = 88;

/// What the head of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Samples per second.
    pub rate_hz: u32,
    /// Bytes of a block.
    pub block_bytes: u16,
    /// Samples of the whole sound; the last block may hold more.
    pub samples: u32,
    /// Where the blocks begin in the file.
    pub sound_at: u32,
    /// Bytes of all blocks.
    pub sound_bytes: u32,
}

impl Head {
    /// Reads the head from the first bytes of a file; [`HEAD_BYTES_MAX`] are enough. `None` when it is
    /// no IMA ADPCM in WAVE, mono.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
        let (mut format, mut samples) = (None, None);
        loop {
            let (name, after) = rest.split_first_chunk::<4>()?;
            let (length, after) = after.split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length);
            if name == b"data" {
                let (rate_hz, block_bytes) = format?;
                let sound_at = u32::try_from(bytes.len().checked_sub(after.len())?).ok()?;
                let blocks = length / u32::from(block_bytes);
                let all = blocks.checked_mul(block_samples(block_bytes))?;
                let samples = samples.unwrap_or(all).min(all);
                return Some(Self { rate_hz, block_bytes, samples, sound_at, sound_bytes: length });
            }
            let length = usize::try_from(length).ok()?;
            let chunk = after.get(..length)?;
            match name {
                b"fmt " => format = Some(read_format(chunk)?),
                b"fact" => samples = chunk.first_chunk::<4>().map(|n| u32::from_le_bytes(*n)),
                _ => {}
            }
            // Chunks begin at even places.
            rest = after.get(length.checked_add(length % 2)?..)?;
        }
    }
}

fn read_format(chunk: &[u8]) -> Option<(u32, u16)> {
    let (tag, rest) = chunk.split_first_chunk::<2>()?;
    let (channels, rest) = rest.split_first_chunk::<2>()?;
    let (rate, rest) = rest.split_first_chunk::<4>()?;
    let (block, rest) = rest.get(4..)?.split_first_chunk::<2>()?;
    let (bits, _) = rest.split_first_chunk::<2>()?;
    let block_bytes = u16::from_le_bytes(*block);
    let known = u16::from_le_bytes(*tag) == FORMAT_TAG
        && u16::from_le_bytes(*channels) == 1
        && u16::from_le_bytes(*bits) == 4
        && usize::from(block_bytes) > PREAMBLE_BYTES
        && usize::from(block_bytes) <= BLOCK_BYTES_MAX;
    known.then_some((u32::from_le_bytes(*rate), block_bytes))
}

/// Samples of a block of so many bytes.
#[must_use]
pub fn block_samples(block_bytes: u16) -> u32 {
    (u32::from(block_bytes).saturating_sub(4)) * 2 + 1
}

/// Decodes one block; gives the samples one by one. A block too short for its preamble gives none,
/// and a step index that is none is taken as the largest.
pub fn decode_block(block: &[u8], mut sample: impl FnMut(i16)) {
    let Some(([low, high, index, _], codes)) = block.split_first_chunk::<PREAMBLE_BYTES>() else {
        return;
    };
    let first = i16::from_le_bytes([*low, *high]);
    let mut state = Predictor { sample: i32::from(first), index: i32::from(*index).min(INDEX_MAX) };
    sample(first);
    for byte in codes {
        sample(state.next(byte & 15));
        sample(state.next(byte >> 4));
    }
}

struct Predictor {
    sample: i32,
    index: i32,
}

impl Predictor {
    fn next(&mut self, code: u8) -> i16 {
        let step = usize::try_from(self.index).ok().and_then(|index| STEPS.get(index));
        let size = code & 7;
        let difference = ((2 * i32::from(size) + 1) * step.copied().unwrap_or(0)) >> 3;
        let difference = if code & 8 == 0 { difference } else { -difference };
        self.sample = (self.sample + difference).clamp(-32_768, 32_767);
        let change = INDEX_CHANGE.get(usize::from(size)).copied().unwrap_or(0);
        self.index = (self.index + change).clamp(0, INDEX_MAX);
        i16::try_from(self.sample).unwrap_or(0)
    }
}

/// A sample at a volume of 0 to 100 percent; 100 changes nothing.
#[must_use]
pub fn at_volume(sample: i16, volume_percent: u8) -> i16 {
    let scaled = i32::from(sample) * i32::from(volume_percent.min(100)) / 100;
    i16::try_from(scaled).unwrap_or(sample)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn wave(format: &[u8], extra: &[u8], data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
        file.extend(u32::try_from(format.len()).unwrap().to_le_bytes());
        file.extend(format);
        file.extend(extra);
        file.extend(b"data");
        file.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        file.extend(data);
        file
    }

    /// Tag, one channel, 8 kHz, bytes per second, block, bits, two bytes of extension, its samples.
    const FORMAT: [u8; 20] =
        [0x11, 0, 1, 0, 0x40, 0x1F, 0, 0, 0xD7, 0x0F, 0, 0, 0, 1, 4, 0, 2, 0, 0xF9, 1];

    #[test]
    fn heads_are_read_and_others_are_not() {
        let file = wave(&FORMAT, b"fact\x04\0\0\0\x58\x02\0\0", &[0; 512]);
        let head = Head::read(&file).unwrap();
        let want =
            Head { rate_hz: 8000, block_bytes: 256, samples: 600, sound_at: 60, sound_bytes: 512 };
        assert_eq!(head, want);
        let odd = wave(&FORMAT, b"LIST\x03\0\0\0abc\0", &[0; 512]);
        assert_eq!(Head::read(&odd).map(|head| (head.samples, head.sound_at)), Some((1010, 60)));
        for (at, byte) in [(0, 1), (2, 2), (12, 0), (13, 3), (14, 8)] {
            let mut format = FORMAT;
            format[at] = byte;
            if at == 12 {
                format[13] = 0;
            }
            assert_eq!(Head::read(&wave(&format, b"", &[0; 512])), None, "{at}");
        }
        for length in 0..file.len() - 512 {
            assert_eq!(Head::read(&file[..length]), None, "cut at {length}");
        }
        assert_eq!(Head::read(&wave(&FORMAT, b"junk\xff\xff\xff\xff", &[0; 512])), None);
    }

    #[test]
    fn samples_are_those_of_the_paper() {
        let mut got = Vec::new();
        // Step 7 at index 0: code 7 adds 15 * 7 / 8 = 13 and goes to index 8 (step 16); code 15 takes
        // 15 * 16 / 8 = 30 away and goes to index 16 (step 34); code 0 adds 34 / 8 = 4.
        decode_block(&[100, 0, 0, 0, 0xF7, 0x00], |sample| got.push(sample));
        assert_eq!(got, [100, 113, 83, 87, 90]);
        got.clear();
        decode_block(&[0xFF, 0x7F, 200, 0, 0x77, 0xFF], |sample| got.push(sample));
        assert_eq!(got, [32767, 32767, 32767, -28671, -32768]);
        decode_block(&[1, 2, 3], |_| panic!("no preamble, no sample"));
    }

    #[test]
    fn volume_scales_towards_zero() {
        let got = [(1000, 100), (-32768, 100), (-1001, 50), (1001, 50), (77, 0), (9, 255)]
            .map(|(sample, volume)| at_volume(sample, volume));
        assert_eq!(got, [1000, -32768, -500, 500, 0, 9]);
    }
}
