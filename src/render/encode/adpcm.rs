//! IMA ADPCM in WAVE, format tag 0x11 (IMA Digital Audio Focus and Technical Working Groups,
//! Recommended Practices for Enhancing Digital Audio Compatibility, 1992; block layout of Microsoft
//! RIFF registration `WAVE_FORMAT_DVI_ADPCM`): 4 bits a sample, for small players.

use super::wav::riff;
use crate::render::samples::Samples;

/// Samples per second.
pub(super) const RATE_HZ: u32 = 8_000;
/// Bytes of one block.
const BLOCK_BYTES: u16 = 256;
/// Samples of one block: one in the header, two in each byte after its four.
const BLOCK_SAMPLES: u16 = (BLOCK_BYTES - 4) * 2 + 1;

const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66,
    73, 80, 88, 97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449,
    494, 544, 598, 658, 724, 796, 876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272,
    2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493,
    10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794, 32767,
];
const INDEX_CHANGE: [i8; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];
const INDEX_MAX: i8 = 88;

/// What encoder and decoder both know after each sample.
#[derive(Debug, Clone, Copy, Default)]
struct Predictor {
    sample: i32,
    index: i8,
}

impl Predictor {
    fn step(self) -> i32 {
        let index = usize::try_from(self.index).unwrap_or(0);
        STEPS.get(index).copied().unwrap_or(32_767)
    }

    /// Takes one code in, exactly as a decoder does.
    fn apply(&mut self, code: u8) {
        // (2c + 1) × step / 8 at once, as ffmpeg and most players do; adding shifted parts one by one,
        // as the paper does, differs by the rounding of three shifts, which nobody hears.
        let difference = ((2 * i32::from(code & 7) + 1) * self.step()) >> 3;
        let sign = if code & 8 == 0 { 1 } else { -1 };
        self.sample = (self.sample + sign * difference).clamp(-32_768, 32_767);
        let change = INDEX_CHANGE.get(usize::from(code & 7)).copied().unwrap_or(0);
        self.index = (self.index + change).clamp(0, INDEX_MAX);
    }

    /// The code that comes nearest to `sample`.
    fn code(self, sample: i16) -> u8 {
        let mut left = i32::from(sample) - self.sample;
        let mut code = 0;
        if left < 0 {
            code = 8;
            left = -left;
        }
        let step = self.step();
        for (bit, part) in [(4, step), (2, step >> 1), (1, step >> 2)] {
            if left >= part {
                code |= bit;
                left -= part;
            }
        }
        code
    }
}

/// IMA ADPCM mono; the `fact` chunk holds the true length, the last block is filled with silence.
pub(super) fn encode(sound: &Samples) -> Vec<u8> {
    let pcm = sound.to_i16();
    let mut data = Vec::new();
    let mut state = Predictor::default();
    for block in pcm.chunks(usize::from(BLOCK_SAMPLES)) {
        let first = block.first().copied().unwrap_or(0);
        state.sample = i32::from(first);
        data.extend(first.to_le_bytes());
        data.push(u8::try_from(state.index).unwrap_or(0));
        data.push(0);
        let mut rest = block.iter().skip(1).copied();
        for _ in 4..BLOCK_BYTES {
            let mut byte = 0;
            for shift in [0, 4] {
                let code = state.code(rest.next().unwrap_or(0));
                state.apply(code);
                byte |= code << shift;
            }
            data.push(byte);
        }
    }
    let samples = u32::try_from(pcm.len()).unwrap_or(u32::MAX);
    let bytes_per_s = sound.rate_hz * u32::from(BLOCK_BYTES) / u32::from(BLOCK_SAMPLES);
    let mut format = Vec::new();
    format.extend(0x11_u16.to_le_bytes());
    format.extend(1_u16.to_le_bytes()); // channels
    format.extend(sound.rate_hz.to_le_bytes());
    format.extend(bytes_per_s.to_le_bytes());
    format.extend(BLOCK_BYTES.to_le_bytes());
    format.extend(4_u16.to_le_bytes()); // bits per sample
    format.extend(2_u16.to_le_bytes()); // bytes of extension
    format.extend(BLOCK_SAMPLES.to_le_bytes());
    riff(&[(*b"fmt ", &format), (*b"fact", &samples.to_le_bytes()), (*b"data", &data)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::narrow;

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "samples of 16 bits")]
    fn another_decoder_gets_exactly_what_the_encoder_predicted() {
        let mono = (0..3_000).map(|n| {
            let t = f64::from(n) / 8_000.0;
            narrow((t * 2_500.0).sin() * (t * 9.0).cos() * 0.9)
        });
        let sound = Samples { rate_hz: RATE_HZ, mono: mono.collect() };
        let bytes = encode(&sound);
        // RIFF 12, fmt 8 + 20, then `fact` with the true number of samples.
        assert_eq!(bytes[40..44], *b"fact");
        assert_eq!(bytes[48..52], 3_000_u32.to_le_bytes());
        let got = crate::render::recording::raw(&bytes).expect("decodes");
        let mut state = Predictor::default();
        let mut want = Vec::new();
        for block in sound.to_i16().chunks(usize::from(BLOCK_SAMPLES)) {
            state.sample = i32::from(block[0]);
            want.push(state.sample);
            let mut rest = block.iter().skip(1).copied();
            for _ in 1..BLOCK_SAMPLES {
                state.apply(state.code(rest.next().unwrap_or(0)));
                want.push(state.sample);
            }
        }
        let got: Vec<i32> =
            got.mono.iter().map(|s| i32::from((s * 32_768.0).round() as i16)).collect();
        let first_wrong = got.iter().zip(&want).position(|(a, b)| a != b);
        assert_eq!((got.len(), first_wrong), (want.len(), None));
    }
}
