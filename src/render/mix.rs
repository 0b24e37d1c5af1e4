//! A program: silence for amplifiers to wake, chime, words, a short tail; one loudness for all.

use super::loudness::{LOUDNESS_LUFS, LoudnessFault, TRUE_PEAK_DBTP_MAX, levelled};
use super::samples::{MIX_RATE_HZ, ResampleFault, Samples};
use thiserror::Error;

/// Silence before everything in milliseconds: amplifiers with a standby wake slowly.
pub const PRE_ROLL_MS_DEFAULT: u32 = 300;
/// Longest pre-roll in milliseconds that may be configured.
pub const PRE_ROLL_MS_MAX: u32 = 5_000;
/// Silence between chime and words, and between parts, in milliseconds.
const GAP_MS: u32 = 350;
/// Silence at the end in milliseconds: players that stop early cut this, not the last word.
const TAIL_MS: u32 = 400;

/// Why a program can't be mixed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MixFault {
    /// Loudness can't be set.
    #[error(transparent)]
    Loudness(#[from] LoudnessFault),
    /// A part has an unusable rate.
    #[error(transparent)]
    Rate(#[from] ResampleFault),
    /// No chime and no words.
    #[error("expected a chime or words, got neither")]
    Nothing,
}

/// Mixes a program at 16 kHz: each part is first brought to the same loudness, then the whole. Parts
/// without samples ([`Chime::None`](crate::model::Chime::None)) are left out.
///
/// # Errors
/// [`MixFault`] when nothing can be heard in a part or its rate is unusable.
pub fn program(pre_roll_ms: u32, parts: &[Samples]) -> Result<Samples, MixFault> {
    let mut mono = Samples::silence(MIX_RATE_HZ, pre_roll_ms.min(PRE_ROLL_MS_MAX)).mono;
    let start = mono.len();
    for part in parts.iter().filter(|part| !part.mono.is_empty()) {
        if mono.len() > start {
            mono.extend(Samples::silence(MIX_RATE_HZ, GAP_MS).mono);
        }
        let part = part.at_rate(MIX_RATE_HZ)?;
        mono.extend(levelled(&part, LOUDNESS_LUFS, TRUE_PEAK_DBTP_MAX)?.mono);
    }
    if mono.len() == start {
        return Err(MixFault::Nothing);
    }
    mono.extend(Samples::silence(MIX_RATE_HZ, TAIL_MS).mono);
    let whole = Samples { rate_hz: MIX_RATE_HZ, mono };
    Ok(levelled(&whole, LOUDNESS_LUFS, TRUE_PEAK_DBTP_MAX)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Chime;
    use crate::render::chime::chime;
    use crate::render::loudness::measure;
    use crate::render::samples::{count_f64, narrow};
    use std::f64::consts::TAU;

    /// Syllable-like bursts of a buzzing tone.
    fn speech(rate_hz: u32, level: f32) -> Samples {
        let mono = (0..rate_hz * 5).map(|n| {
            let t = f64::from(n) / f64::from(rate_hz);
            let buzz: f64 =
                (1..12).map(|k| (t * 140.0 * count_f64(k) * TAU).sin() / count_f64(k)).sum();
            narrow(buzz * (t * 12.0).sin().abs().powi(3)) * level
        });
        Samples { rate_hz, mono: mono.collect() }
    }

    fn check(kind: Chime, words: &[Samples]) {
        let parts = [&[chime(kind)], words].concat();
        let out = program(300, &parts).expect("sound");
        let got = measure(&out).expect("measurable");
        assert!((got.loudness_lufs - LOUDNESS_LUFS).abs() <= 0.5, "{kind:?}: {got:?}");
        assert!(got.true_peak_dbtp <= -1.0, "{kind:?}: {got:?}");
        assert!(out.mono.iter().take(4_800).all(|s| s.abs() < 1e-6), "pre-roll is silent");
    }

    #[test]
    fn every_chime_and_level_comes_out_at_one_loudness() {
        for kind in
            [Chime::None, Chime::Notice, Chime::Blue, Chime::Yellow, Chime::Orange, Chime::Red]
        {
            check(kind, &[speech(24_000, 0.02)]);
            check(kind, &[speech(8_000, 0.9), speech(16_000, 0.01)]);
        }
        check(Chime::Red, &[]);
    }

    #[test]
    fn nothing_and_silence_are_refused() {
        assert_eq!(program(300, &[chime(Chime::None)]), Err(MixFault::Nothing));
        let silence = Samples::silence(16_000, 800);
        assert!(matches!(program(300, &[silence]), Err(MixFault::Loudness(_))));
    }
}
