//! Mono sound in memory, and the few conversions between numbers that sound needs.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::audioadapter_buffers::owned::InterleavedOwned;
use rubato::{Fft, FixedSync, Indexing, Resampler};

/// Rate in hertz at which programs are mixed.
pub const MIX_RATE_HZ: u32 = 16_000;
/// Longest resampler block in frames; a balance of delay and speed.
const RESAMPLER_CHUNK_FRAMES: usize = 1024;

/// Mono sound: samples nominally −1 to 1 at `rate_hz`.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Samples per second.
    pub rate_hz: u32,
    /// The samples, oldest first.
    pub mono: Vec<f32>,
}

/// The resampler refused; only rates of 0 Hz or absurd ratios do this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a usable sample rate, got {from_hz} hz to {to_hz} hz: {what}")]
pub struct ResampleFault {
    /// Rate of the input.
    pub from_hz: u32,
    /// Wanted rate.
    pub to_hz: u32,
    /// What the resampler said.
    pub what: String,
}

impl Samples {
    /// Silence of `ms` milliseconds.
    #[must_use]
    pub fn silence(rate_hz: u32, ms: u32) -> Self {
        Self { rate_hz, mono: vec![0.0; frames_of_ms(rate_hz, ms)] }
    }

    /// Length in milliseconds, rounded up, so that nobody cuts the last sample off.
    #[must_use]
    pub fn duration_ms(&self) -> u32 {
        let frames = u64::try_from(self.mono.len()).unwrap_or(u64::MAX);
        let ms = frames.saturating_mul(1000).div_ceil(u64::from(self.rate_hz.max(1)));
        u32::try_from(ms).unwrap_or(u32::MAX)
    }

    /// The same sound at another rate.
    ///
    /// # Errors
    /// [`ResampleFault`] when a rate is unusable.
    pub fn at_rate(&self, to_hz: u32) -> Result<Self, ResampleFault> {
        if to_hz == self.rate_hz || self.mono.is_empty() {
            return Ok(Self { rate_hz: to_hz, mono: self.mono.clone() });
        }
        let fault = |what: String| ResampleFault { from_hz: self.rate_hz, to_hz, what };
        let from = usize::try_from(self.rate_hz).map_err(|e| fault(e.to_string()))?;
        let to = usize::try_from(to_hz).map_err(|e| fault(e.to_string()))?;
        let mut resampler = Fft::<f32>::new(from, to, RESAMPLER_CHUNK_FRAMES, 1, FixedSync::Both)
            .map_err(|e| fault(e.to_string()))?;
        let input = InterleavedSlice::new(&self.mono, 1, self.mono.len())
            .map_err(|e| fault(e.to_string()))?;
        let output: InterleavedOwned<f32> = resampler
            .process_all(&input, self.mono.len(), None)
            .map_err(|e| fault(e.to_string()))?;
        Ok(Self { rate_hz: to_hz, mono: output.take_data() })
    }

    /// The same sound times `gain`.
    #[must_use]
    pub fn scaled(mut self, gain: f32) -> Self {
        self.mono.iter_mut().for_each(|s| *s *= gain);
        self
    }

    /// Cuts leading and trailing silence (below `threshold`), leaving `keep_ms` at each end.
    #[must_use]
    pub fn trimmed(&self, threshold: f32, keep_ms: u32) -> Self {
        let keep = frames_of_ms(self.rate_hz, keep_ms);
        let first = self.mono.iter().position(|s| s.abs() > threshold);
        let last = self.mono.iter().rposition(|s| s.abs() > threshold);
        let mono = match (first, last) {
            (Some(first), Some(last)) => {
                let end = last.saturating_add(keep).saturating_add(1).min(self.mono.len());
                self.mono.get(first.saturating_sub(keep)..end).unwrap_or_default().to_vec()
            }
            _ => Vec::new(),
        };
        Self { rate_hz: self.rate_hz, mono }
    }

    /// Sound of 16-bit samples, full scale at ±1.
    #[must_use]
    pub fn from_i16(rate_hz: u32, samples: &[i16]) -> Self {
        Self { rate_hz, mono: samples.iter().map(|s| f32::from(*s) / 32_767.0).collect() }
    }

    /// 16-bit form for encoders, full scale at ±1.
    #[must_use]
    pub fn to_i16(&self) -> Vec<i16> {
        self.mono.iter().copied().map(to_i16).collect()
    }
}

/// Changes the rate of sound that comes piece by piece, so that only the result is held in memory.
pub struct Converter {
    resampler: Option<Fft<f32>>,
    from_hz: u32,
    to_hz: u32,
    /// Input that does not fill a block of the resampler yet.
    waiting: Vec<f32>,
    block: Vec<f32>,
    /// Frames of the resampler's delay that are still to be left out.
    skip: usize,
    taken: u64,
    mono: Vec<f32>,
}

impl Converter {
    /// From one rate to the other.
    ///
    /// # Errors
    /// [`ResampleFault`] when a rate is unusable.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, ResampleFault> {
        let fault = |what: String| ResampleFault { from_hz, to_hz, what };
        let resampler = if from_hz == to_hz {
            None
        } else {
            let from = usize::try_from(from_hz).map_err(|e| fault(e.to_string()))?;
            let to = usize::try_from(to_hz).map_err(|e| fault(e.to_string()))?;
            let made = Fft::new(from, to, RESAMPLER_CHUNK_FRAMES, 1, FixedSync::Both);
            Some(made.map_err(|e| fault(e.to_string()))?)
        };
        let (frames, skip) =
            resampler.as_ref().map_or((0, 0), |r| (r.output_frames_max(), r.output_delay()));
        let block = vec![0.0; frames];
        let (waiting, mono) = (Vec::new(), Vec::new());
        Ok(Self { resampler, from_hz, to_hz, waiting, block, skip, taken: 0, mono })
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`ResampleFault`] when the resampler fails.
    pub fn push(&mut self, piece: impl Iterator<Item = f32>) -> Result<(), ResampleFault> {
        if self.resampler.is_none() {
            self.mono.extend(piece);
            return Ok(());
        }
        let before = self.waiting.len();
        self.waiting.extend(piece);
        self.taken += u64::try_from(self.waiting.len() - before).unwrap_or(0);
        while let Some(needed) = self.resampler.as_ref().map(Resampler::input_frames_next)
            && self.waiting.len() >= needed
        {
            self.convert(needed, None)?;
        }
        Ok(())
    }

    /// Frames of the result so far.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.mono.len()
    }

    /// The whole.
    ///
    /// # Errors
    /// [`ResampleFault`] when the resampler fails.
    pub fn finish(mut self) -> Result<Samples, ResampleFault> {
        let (from, to) = (u64::from(self.from_hz.max(1)), u64::from(self.to_hz));
        let expected = usize::try_from((self.taken * to).div_ceil(from)).unwrap_or(usize::MAX);
        while self.resampler.is_some() && self.mono.len() < expected {
            let left = self.waiting.len();
            self.convert(left, Some(left))?;
        }
        if self.resampler.is_some() {
            self.mono.truncate(expected);
        }
        Ok(Samples { rate_hz: self.to_hz, mono: self.mono })
    }

    /// Sends `frames` through the resampler; with `partial`, silence follows them.
    fn convert(&mut self, frames: usize, partial: Option<usize>) -> Result<(), ResampleFault> {
        let (from_hz, to_hz) = (self.from_hz, self.to_hz);
        let fault = |what: String| ResampleFault { from_hz, to_hz, what };
        let Some(resampler) = &mut self.resampler else { return Ok(()) };
        let input = self.waiting.get(..frames).unwrap_or_default();
        let input = InterleavedSlice::new(input, 1, frames).map_err(|e| fault(e.to_string()))?;
        let room = self.block.len();
        let mut output = InterleavedSlice::new_mut(&mut self.block, 1, room)
            .map_err(|e| fault(e.to_string()))?;
        let indexing = Indexing {
            input_offset: 0,
            output_offset: 0,
            partial_len: partial,
            active_channels_mask: None,
        };
        let (_, made) = resampler
            .process_into_buffer(&input, &mut output, Some(&indexing))
            .map_err(|e| fault(e.to_string()))?;
        self.waiting.drain(..frames);
        let skipped = self.skip.min(made);
        self.skip -= skipped;
        self.mono.extend(self.block.get(skipped..made).unwrap_or_default());
        Ok(())
    }
}

/// Frames in `ms` milliseconds at `rate_hz`.
#[must_use]
pub fn frames_of_ms(rate_hz: u32, ms: u32) -> usize {
    usize::try_from(u64::from(rate_hz) * u64::from(ms) / 1000).unwrap_or(usize::MAX)
}

/// One sample as a 16-bit number, clipped at full scale.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16 first")]
pub fn to_i16(sample: f32) -> i16 {
    (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16
}

/// A count as a float for arithmetic on sound; exact up to 2^32.
#[must_use]
pub fn count_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A double as a single, for samples and gains.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "samples and gains need 24 bits only")]
pub fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate_hz: u32, hz: f64, ms: u32) -> Samples {
        let step = std::f64::consts::TAU * hz / f64::from(rate_hz);
        let mono =
            (0..frames_of_ms(rate_hz, ms)).map(|n| narrow((step * count_f64(n)).sin() * 0.5));
        Samples { rate_hz, mono: mono.collect() }
    }

    fn check_rate(from_hz: u32, to_hz: u32) {
        let out = tone(from_hz, 440.0, 500).at_rate(to_hz).expect("usable rates");
        assert_eq!(out.rate_hz, to_hz);
        let want = tone(to_hz, 440.0, 500);
        assert!(out.mono.len().abs_diff(want.mono.len()) <= 1, "{} frames", out.mono.len());
        let middle = out.mono.len() / 4..out.mono.len() * 3 / 4;
        let error: f32 = out.mono[middle.clone()]
            .iter()
            .zip(&want.mono[middle])
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        // Odd ratios shift by less than one sample: 0.5 × 2π × 440 / 16,000 = 0.09 at most.
        assert!(error < 0.09, "{from_hz} to {to_hz}: error {error}");
    }

    #[test]
    fn every_usual_rate_becomes_the_mixing_rate() {
        for from_hz in [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000] {
            check_rate(from_hz, MIX_RATE_HZ);
        }
        check_rate(MIX_RATE_HZ, 8_000);
    }

    #[test]
    fn pieces_give_the_same_as_the_whole() {
        for (from_hz, ms) in
            [(8_000, 700), (44_100, 333), (48_000, 20), (192_000, 250), (11_127, 90)]
        {
            let sound = tone(from_hz, 440.0, ms);
            let whole = sound.at_rate(MIX_RATE_HZ).expect("usable rates");
            for piece in [1, 777, 100_000] {
                let mut converter = Converter::new(from_hz, MIX_RATE_HZ).expect("usable rates");
                for part in sound.mono.chunks(piece) {
                    converter.push(part.iter().copied()).expect("converts");
                }
                let got = converter.finish().expect("converts");
                assert_eq!(got.mono.len(), whole.mono.len(), "{from_hz} in {piece}");
                let far = got.mono.iter().zip(&whole.mono).any(|(a, b)| (a - b).abs() > 1e-5);
                assert!(!far, "{from_hz} in {piece}");
            }
        }
        let mut same = Converter::new(16_000, 16_000).expect("the same rate");
        same.push([0.5, -0.5].into_iter()).expect("takes");
        assert_eq!(same.finish().expect("gives").mono, [0.5, -0.5]);
        assert!(Converter::new(0, 16_000).is_err());
    }

    #[test]
    fn a_rate_of_nothing_is_refused() {
        let sound = Samples { rate_hz: 0, mono: vec![0.1; 100] };
        assert!(sound.at_rate(MIX_RATE_HZ).is_err());
    }

    #[test]
    fn trimming_keeps_the_sound_and_its_margin() {
        let mut mono = vec![0.0; 1600];
        mono.extend([0.5; 160]);
        mono.extend([0.0; 1600]);
        let sound = Samples { rate_hz: 16_000, mono };
        assert_eq!(sound.trimmed(0.01, 10).mono.len(), 160 + 320);
        assert!(Samples::silence(16_000, 100).trimmed(0.01, 10).mono.is_empty());
    }

    #[test]
    fn full_scale_clips_instead_of_wrapping() {
        assert_eq!([1.5, -1.5, 0.0].map(to_i16), [32_767, -32_767, 0]);
        assert_eq!(to_i16(f32::NAN), 0);
    }
}
