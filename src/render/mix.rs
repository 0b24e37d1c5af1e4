//! A program: silence for amplifiers to wake, chime, words, a short tail; one loudness for all.

mod horn;

use super::loudness::{LOUDNESS_LUFS, LoudnessFault, TRUE_PEAK_DBTP_MAX, levelled};
use super::samples::{MIX_RATE_HZ, ResampleFault, Samples};
use thiserror::Error;

/// Silence before everything in milliseconds: amplifiers with a standby wake slowly.
pub const PRE_ROLL_MS_DEFAULT: u32 = 300;
/// Longest pre-roll in milliseconds that may be configured.
pub const PRE_ROLL_MS_MAX: u32 = 5_000;
/// Times the words may be said within one program.
pub const WORDS_TIMES_MAX: u8 = 5;
/// Silence between them in milliseconds.
pub const WORDS_PAUSE_MS_DEFAULT: u32 = 1_500;
/// Longest such silence in milliseconds.
pub const WORDS_PAUSE_MS_MAX: u32 = 10_000;
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

/// How programs are mixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    /// Silence before everything in milliseconds, at most [`PRE_ROLL_MS_MAX`].
    pub pre_roll_ms: u32,
    /// How often the words are said within one program, 1 to [`WORDS_TIMES_MAX`]. Beside this a
    /// terminal plays the whole program as often as the broadcast says.
    pub words_times: u8,
    /// Silence between the words and the words again, in milliseconds.
    pub words_pause_ms: u32,
    /// Whether it is shaped for horn loudspeakers.
    pub horn: bool,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            pre_roll_ms: PRE_ROLL_MS_DEFAULT,
            words_times: 1,
            words_pause_ms: WORDS_PAUSE_MS_DEFAULT,
            horn: false,
        }
    }
}

/// What is heard, in order; parts without samples ([`Chime::None`](crate::model::Chime::None)) are left
/// out.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Drill wording, chime.
    pub before: Vec<Samples>,
    /// The words.
    pub words: Option<Samples>,
    /// Drill wording.
    pub after: Vec<Samples>,
}

impl Parts {
    /// Length of the program that they make, in milliseconds; the words `words_times` times.
    #[must_use]
    pub fn duration_ms(&self, mix: &Mix, words_times: u8) -> u32 {
        let words_ms = self.words.as_ref().map_or(0, Samples::duration_ms);
        let frame: u32 =
            self.before.iter().chain(&self.after).map(|part| part.duration_ms() + GAP_MS).sum();
        let words = words_ms.saturating_add(mix.words_pause_ms.max(GAP_MS));
        let words = words.saturating_mul(words_times.into());
        frame.saturating_add(words).saturating_add(mix.pre_roll_ms + TAIL_MS)
    }
}

/// Mixes a program at 16 kHz: each part is first brought to the same loudness, then the whole.
///
/// # Errors
/// [`MixFault`] when nothing can be heard in a part or its rate is unusable.
pub fn program(mix: &Mix, parts: &Parts) -> Result<Samples, MixFault> {
    let mut mono = Samples::silence(MIX_RATE_HZ, mix.pre_roll_ms.min(PRE_ROLL_MS_MAX)).mono;
    let start = mono.len();
    let mut add = |gap_ms: u32, part: &[f32]| {
        if mono.len() > start {
            mono.extend(Samples::silence(MIX_RATE_HZ, gap_ms).mono);
        }
        mono.extend(part);
    };
    for part in parts.before.iter().filter(|part| !part.mono.is_empty()) {
        add(GAP_MS, &level_part(mix, part)?.mono);
    }
    if let Some(words) = parts.words.as_ref().filter(|words| !words.mono.is_empty()) {
        let words = level_part(mix, words)?;
        for time in 0..mix.words_times.clamp(1, WORDS_TIMES_MAX) {
            let again = time > 0;
            let pause_ms = mix.words_pause_ms.min(WORDS_PAUSE_MS_MAX);
            add(if again { pause_ms } else { GAP_MS }, &words.mono);
        }
    }
    for part in parts.after.iter().filter(|part| !part.mono.is_empty()) {
        add(GAP_MS, &level_part(mix, part)?.mono);
    }
    if mono.len() == start {
        return Err(MixFault::Nothing);
    }
    mono.extend(Samples::silence(MIX_RATE_HZ, TAIL_MS).mono);
    let whole = Samples { rate_hz: MIX_RATE_HZ, mono };
    Ok(levelled(&whole, LOUDNESS_LUFS, TRUE_PEAK_DBTP_MAX)?)
}

/// One part at the mixing rate, shaped if wanted, at the common loudness.
fn level_part(mix: &Mix, part: &Samples) -> Result<Samples, MixFault> {
    let part = part.at_rate(MIX_RATE_HZ)?;
    let part = if mix.horn { horn::shaped(&part) } else { part };
    Ok(levelled(&part, LOUDNESS_LUFS, TRUE_PEAK_DBTP_MAX)?)
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

    fn check(mix: &Mix, kind: Chime, words: Option<Samples>, after: Vec<Samples>) -> Samples {
        let parts = Parts { before: vec![chime(kind)], words, after };
        let out = program(mix, &parts).expect("sound");
        let got = measure(&out).expect("measurable");
        assert!((got.loudness_lufs - LOUDNESS_LUFS).abs() <= 0.5, "{kind:?}: {got:?}");
        assert!(got.true_peak_dbtp <= -1.0, "{kind:?}: {got:?}");
        assert!(out.mono.iter().take(4_800).all(|s| s.abs() < 1e-6), "pre-roll is silent");
        let ms = parts.duration_ms(mix, mix.words_times);
        assert!(out.duration_ms().abs_diff(ms) < 2_500, "{} of {ms}", out.duration_ms());
        out
    }

    #[test]
    fn every_chime_and_level_comes_out_at_one_loudness() {
        for kind in
            [Chime::None, Chime::Notice, Chime::Blue, Chime::Yellow, Chime::Orange, Chime::Red]
        {
            for horn in [false, true] {
                let mix = Mix { horn, ..Mix::default() };
                drop(check(&mix, kind, Some(speech(24_000, 0.02)), Vec::new()));
            }
            let after = vec![speech(16_000, 0.01)];
            drop(check(&Mix::default(), kind, Some(speech(8_000, 0.9)), after));
        }
        drop(check(&Mix::default(), Chime::Red, None, Vec::new()));
    }

    #[test]
    fn words_are_said_again_after_their_pause() {
        let once = check(&Mix::default(), Chime::Notice, Some(speech(16_000, 0.1)), Vec::new());
        let mix = Mix { words_times: 3, words_pause_ms: 2_000, ..Mix::default() };
        let thrice = check(&mix, Chime::Notice, Some(speech(16_000, 0.1)), Vec::new());
        let more_ms = thrice.duration_ms() - once.duration_ms();
        assert_eq!(more_ms, 2 * (5_000 + 2_000));
    }

    #[test]
    fn the_pre_roll_is_as_long_as_configured_and_no_longer_than_allowed() {
        for (wanted_ms, ms) in [(0, 0), (300, 300), (60_000, PRE_ROLL_MS_MAX)] {
            let mix = Mix { pre_roll_ms: wanted_ms, ..Mix::default() };
            let parts = Parts { before: vec![chime(Chime::Red)], ..Parts::default() };
            let out = program(&mix, &parts).expect("sound");
            assert_eq!(out.duration_ms(), chime(Chime::Red).duration_ms() + TAIL_MS + ms);
        }
    }

    #[test]
    fn nothing_and_silence_are_refused() {
        let none = Parts { before: vec![chime(Chime::None)], ..Parts::default() };
        assert_eq!(program(&Mix::default(), &none), Err(MixFault::Nothing));
        let words = Some(Samples::silence(16_000, 800));
        let silent = Parts { words, ..Parts::default() };
        assert!(matches!(program(&Mix::default(), &silent), Err(MixFault::Loudness(_))));
    }
}
