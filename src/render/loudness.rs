//! One loudness for everything: measured and set by EBU R 128 (ITU-R BS.1770-4), with a limiter.

use super::samples::{Samples, count_f64, frames_of_ms, narrow};
use ebur128::{EbuR128, Mode};
use thiserror::Error;

/// Wanted integrated loudness in LUFS: loud enough for a horn, with room for peaks.
pub const LOUDNESS_LUFS: f64 = -16.0;
/// Highest true peak in dBTP. Half a decibel under the promised −1, because lossy codecs add a little.
pub const TRUE_PEAK_DBTP_MAX: f64 = -1.5;
/// How far from the wanted loudness is good enough, in LU.
const TOLERANCE_LU: f64 = 0.2;
/// Rounds of gain and limiting before giving up; speech needs two or three.
const ROUNDS_MAX: usize = 8;
/// Rounds with a lower ceiling before the whole is turned down; speech needs none.
const PEAK_ROUNDS_MAX: usize = 3;
/// Largest change of gain in one round, in decibels.
const STEP_DB_MAX: f64 = 12.0;
/// Loudness a decibel of gain usually gives where the limiter works, in LU.
const SLOPE_USUAL: f64 = 0.6;
/// Least loudness a decibel of gain is taken to give, in LU.
const SLOPE_MIN: f64 = 0.25;
/// What the limiter's own estimate of a true peak may lack, in decibels.
const PEAK_ESTIMATE_DB: f64 = 0.05;
/// Part of the ceiling from which the curve between samples is looked at; it can't rise higher above
/// its neighbours in any sound that is not made for it.
const INSPECTED_FROM: f32 = 0.5;
/// Taps of the filter that looks between samples.
const TAPS: usize = 12;
/// Look-ahead of the limiter in milliseconds.
const LOOK_AHEAD_MS: u32 = 5;
/// Time in which the limiter recovers, in milliseconds.
const RELEASE_MS: u32 = 80;
/// Loudness blocks are 400 ms; shorter sound is measured with itself repeated.
const MEASURED_MS_MIN: u32 = 1_200;

/// What a meter says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// Integrated loudness in LUFS; −∞ for silence.
    pub loudness_lufs: f64,
    /// True peak in dBTP, 4 × oversampled; −∞ for silence.
    pub true_peak_dbtp: f64,
}

/// Loudness can't be measured or set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoudnessFault {
    /// The meter refused.
    #[error("expected sound that can be measured, got {0}")]
    Meter(String),
    /// Nothing but silence.
    #[error("expected sound, got silence")]
    Silent,
}

/// Measures `sound`.
///
/// # Errors
/// [`LoudnessFault::Meter`] when the rate is out of the meter's range.
pub fn measure(sound: &Samples) -> Result<Measure, LoudnessFault> {
    let fault = |e: ebur128::Error| LoudnessFault::Meter(e.to_string());
    let meter = fed(sound, Mode::I | Mode::TRUE_PEAK)?;
    Ok(Measure {
        loudness_lufs: meter.loudness_global().map_err(fault)?,
        true_peak_dbtp: 20.0 * meter.true_peak(0).map_err(fault)?.log10(),
    })
}

/// Integrated loudness alone, at half the cost.
fn loudness(sound: &Samples) -> Result<f64, LoudnessFault> {
    let meter = fed(sound, Mode::I)?;
    meter.loudness_global().map_err(|e| LoudnessFault::Meter(e.to_string()))
}

fn fed(sound: &Samples, mode: Mode) -> Result<EbuR128, LoudnessFault> {
    let fault = |e: ebur128::Error| LoudnessFault::Meter(e.to_string());
    let mut meter = EbuR128::new(1, sound.rate_hz, mode).map_err(fault)?;
    let shortest = frames_of_ms(sound.rate_hz, MEASURED_MS_MIN);
    let mut fed = 0;
    while fed == 0 || fed < shortest {
        meter.add_frames_f32(&sound.mono).map_err(fault)?;
        fed += sound.mono.len().max(1);
    }
    Ok(meter)
}

fn gain_of_db(db: f64) -> f64 {
    10_f64.powf(db / 20.0)
}

/// Brings `sound` to `loudness_lufs` with no true peak above `peak_dbtp`: gain, limit, measure, again
/// until both hold. Where they can't both hold, the peak wins.
///
/// # Errors
/// [`LoudnessFault`] for silence and for what can't be measured.
pub fn levelled(
    sound: &Samples,
    loudness_lufs: f64,
    peak_dbtp: f64,
) -> Result<Samples, LoudnessFault> {
    let before_lufs = loudness(sound)?;
    if !before_lufs.is_finite() {
        return Err(LoudnessFault::Silent);
    }
    let off_lu = loudness_lufs - before_lufs;
    // Peaks cost as much to look at as loudness, and most sound is off already.
    if off_lu.abs() <= TOLERANCE_LU && measure(sound)?.true_peak_dbtp <= peak_dbtp {
        return Ok(sound.clone());
    }
    let mut gain_db = off_lu;
    let mut ceiling_db = peak_dbtp - PEAK_ESTIMATE_DB;
    let mut best = at_gain(sound, loudness_lufs, &mut gain_db, ceiling_db)?;
    let mut over_db = measure(&best)?.true_peak_dbtp - peak_dbtp;
    for _ in 0..PEAK_ROUNDS_MAX {
        if over_db <= 0.0 {
            return Ok(best);
        }
        ceiling_db -= over_db + PEAK_ESTIMATE_DB;
        best = at_gain(sound, loudness_lufs, &mut gain_db, ceiling_db)?;
        over_db = measure(&best)?.true_peak_dbtp - peak_dbtp;
    }
    // A last look: the peak limit is never broken, whatever the rounds came to.
    Ok(if over_db > 0.0 { best.scaled(narrow(gain_of_db(-over_db))) } else { best })
}

/// Sound of about `before_lufs` at `loudness_lufs`, its peaks held at `peak_dbtp` as well as the limiter
/// sees them: for who measures what becomes of it, and so needs no measurement before and after.
///
/// # Errors
/// As [`levelled`].
pub fn limited_to(
    sound: &Samples,
    before_lufs: f64,
    loudness_lufs: f64,
    peak_dbtp: f64,
) -> Result<Samples, LoudnessFault> {
    let mut gain_db = loudness_lufs - before_lufs;
    at_gain(sound, loudness_lufs, &mut gain_db, peak_dbtp - PEAK_ESTIMATE_DB)
}

/// Limits at `ceiling_db` with the gain that gives `loudness_lufs`; begins with `gain_db` and leaves the
/// gain found there.
fn at_gain(
    sound: &Samples,
    loudness_lufs: f64,
    gain_db: &mut f64,
    ceiling_db: f64,
) -> Result<Samples, LoudnessFault> {
    let mut best = limited(sound, *gain_db, ceiling_db);
    let mut now_lufs = loudness(&best)?;
    if !now_lufs.is_finite() {
        return Err(LoudnessFault::Silent);
    }
    // How much louder it becomes for a decibel of gain. Without limiting it would be one, and the first
    // gain would have been right.
    let mut slope = SLOPE_USUAL;
    for _ in 0..ROUNDS_MAX {
        let off_lu = loudness_lufs - now_lufs;
        if off_lu.abs() <= TOLERANCE_LU {
            break;
        }
        let step_db = (off_lu / slope).clamp(-STEP_DB_MAX, STEP_DB_MAX);
        *gain_db += step_db;
        best = limited(sound, *gain_db, ceiling_db);
        let louder_lufs = loudness(&best)?;
        slope = ((louder_lufs - now_lufs) / step_db).clamp(SLOPE_MIN, 1.0);
        now_lufs = louder_lufs;
    }
    Ok(best)
}

/// Gain and a look-ahead peak limiter: the gain falls before a peak and comes back after it. Peaks
/// between the samples count too.
fn limited(sound: &Samples, gain_db: f64, ceiling_db: f64) -> Samples {
    let gain = narrow(gain_of_db(gain_db));
    let ceiling = narrow(gain_of_db(ceiling_db));
    let ahead = frames_of_ms(sound.rate_hz, LOOK_AHEAD_MS).max(1);
    let release = count_f64(frames_of_ms(sound.rate_hz, RELEASE_MS).max(1));
    let fall = narrow(1.0 - (-4.0 / count_f64(ahead)).exp());
    let rise = narrow(1.0 - (-1.0 / release).exp());
    let loud: Vec<f32> = sound.mono.iter().map(|s| s * gain).collect();
    let mut allowed = peaks(&loud, ceiling * INSPECTED_FROM);
    allowed.iter_mut().for_each(|peak| *peak = if *peak > ceiling { ceiling / *peak } else { 1.0 });
    // The smallest gain allowed within the look-ahead, held for its length.
    let mut window = std::collections::VecDeque::<(usize, f32)>::new();
    let mut coming = allowed.iter().copied().enumerate();
    let mut now = 1.0_f32;
    let mut mono = Vec::with_capacity(loud.len());
    for (index, (sample, most)) in loud.iter().zip(&allowed).enumerate() {
        while window.back().is_none_or(|(at, _)| *at < index + ahead) {
            let Some((at, gain)) = coming.next() else { break };
            // Every index stays in the window's range, only smaller gains behind it matter.
            while window.back().is_some_and(|(_, last)| *last >= gain) {
                let _ = window.pop_back();
            }
            window.push_back((at, gain));
            if at >= index + ahead {
                break;
            }
        }
        while window.front().is_some_and(|(at, _)| *at < index) {
            let _ = window.pop_front();
        }
        let wanted = window.front().map_or(1.0, |(_, gain)| *gain);
        now += (wanted - now) * if wanted < now { fall } else { rise };
        mono.push((sample * now.min(*most)).clamp(-ceiling, ceiling));
    }
    Samples { rate_hz: sound.rate_hz, mono }
}

/// For each sample the highest level of it and of the curve to its neighbours, at four times the rate
/// (the idea of ITU-R BS.1770-4 annex 2, with a shorter filter). Samples below `from` are taken as they
/// are.
fn peaks(mono: &[f32], from: f32) -> Vec<f32> {
    let filters = filters();
    let mut peaks: Vec<f32> = mono.iter().map(|s| s.abs()).collect();
    let before = TAPS / 2 - 1;
    for (start, window) in mono.windows(TAPS).enumerate() {
        let Some([left, right]) = window.get(before..before + 2).and_then(|two| two.first_chunk())
        else {
            break;
        };
        if left.abs().max(right.abs()) < from {
            continue;
        }
        let between = filters
            .iter()
            .map(|filter| filter.iter().zip(window).map(|(a, b)| a * b).sum::<f32>().abs());
        let between = between.fold(0.0_f32, f32::max);
        for peak in peaks.iter_mut().skip(start + before).take(2) {
            *peak = peak.max(between);
        }
    }
    peaks
}

/// Windowed sinc at a quarter, a half and three quarters between the two middle taps.
fn filters() -> [[f32; TAPS]; 3] {
    [0.25, 0.5, 0.75].map(|place| {
        std::array::from_fn(|tap| {
            let x = count_f64(tap) - count_f64(TAPS / 2 - 1) - place;
            let angle = std::f64::consts::PI * x;
            let window = (angle / count_f64(TAPS)).cos().powi(2);
            narrow(angle.sin() / angle * window)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bursts of a tone with sharp clicks: a high crest factor, like close speech.
    fn spiky(level: f32) -> Samples {
        let mono = (0..16_000 * 4).map(|n| {
            let t = count_f64(n) / 16_000.0;
            let on = if n / 3_200 % 2 == 0 { 1.0 } else { 0.05 };
            let click = if n % 800 < 3 { 3.0 } else { 1.0 };
            narrow((t * 1_800.0).sin() * on * click) * level
        });
        Samples { rate_hz: 16_000, mono: mono.collect() }
    }

    fn check(sound: &Samples, loudness_lufs: f64) {
        let out = levelled(sound, loudness_lufs, TRUE_PEAK_DBTP_MAX).expect("sound");
        let got = measure(&out).expect("measurable");
        assert!((got.loudness_lufs - loudness_lufs).abs() <= 0.5, "{got:?}");
        assert!(got.true_peak_dbtp <= -1.0, "{got:?}");
        assert_eq!(out.mono.len(), sound.mono.len());
    }

    #[test]
    fn quiet_loud_spiky_and_short_sound_all_come_out_alike() {
        for level in [0.001, 0.05, 0.9, 4.0] {
            check(&spiky(level), LOUDNESS_LUFS);
        }
        let mut short = spiky(0.3);
        short.mono.truncate(3_000);
        check(&short, LOUDNESS_LUFS);
    }

    #[test]
    fn silence_is_refused() {
        assert_eq!(
            levelled(&Samples::silence(16_000, 900), -16.0, -1.5),
            Err(LoudnessFault::Silent)
        );
        let empty = Samples { rate_hz: 16_000, mono: Vec::new() };
        assert_eq!(levelled(&empty, -16.0, -1.5), Err(LoudnessFault::Silent));
    }

    #[test]
    fn a_sine_measures_as_the_standard_says() {
        // ITU-R BS.1770-4: a full-scale 997 Hz sine in one channel reads −3.01 LKFS.
        let mono = (0..48_000 * 3)
            .map(|n| narrow((std::f64::consts::TAU * 997.0 * count_f64(n) / 48_000.0).sin()));
        let got = measure(&Samples { rate_hz: 48_000, mono: mono.collect() }).expect("measurable");
        assert!((got.loudness_lufs + 3.01).abs() < 0.05, "{got:?}");
    }
}
