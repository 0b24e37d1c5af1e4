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
/// Rounds of gain and limiting before giving up; speech needs three or four.
const ROUNDS_MAX: usize = 12;
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
    let mut meter = EbuR128::new(1, sound.rate_hz, Mode::I | Mode::TRUE_PEAK).map_err(fault)?;
    let shortest = frames_of_ms(sound.rate_hz, MEASURED_MS_MIN);
    let mut fed = 0;
    while fed == 0 || fed < shortest {
        meter.add_frames_f32(&sound.mono).map_err(fault)?;
        fed += sound.mono.len().max(1);
    }
    Ok(Measure {
        loudness_lufs: meter.loudness_global().map_err(fault)?,
        true_peak_dbtp: 20.0 * meter.true_peak(0).map_err(fault)?.log10(),
    })
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
    let before = measure(sound)?;
    if !before.loudness_lufs.is_finite() {
        return Err(LoudnessFault::Silent);
    }
    let mut gain_db = loudness_lufs - before.loudness_lufs;
    let mut ceiling_db = peak_dbtp;
    let mut best = limited(sound, gain_db, ceiling_db);
    for _ in 0..ROUNDS_MAX {
        let now = measure(&best)?;
        let off_lu = loudness_lufs - now.loudness_lufs;
        let over_db = now.true_peak_dbtp - peak_dbtp;
        if over_db <= 0.0 && off_lu.abs() <= TOLERANCE_LU {
            break;
        }
        if over_db > 0.0 {
            ceiling_db -= over_db + 0.05;
        } else {
            gain_db += off_lu;
        }
        best = limited(sound, gain_db, ceiling_db);
    }
    // A last look: the peak limit is never broken, whatever the rounds came to.
    let over_db = measure(&best)?.true_peak_dbtp - peak_dbtp;
    Ok(if over_db > 0.0 { best.scaled(narrow(gain_of_db(-over_db))) } else { best })
}

/// Gain and a look-ahead peak limiter: the gain falls before a peak and comes back after it.
fn limited(sound: &Samples, gain_db: f64, ceiling_db: f64) -> Samples {
    let gain = narrow(gain_of_db(gain_db));
    let ceiling = narrow(gain_of_db(ceiling_db));
    let ahead = frames_of_ms(sound.rate_hz, LOOK_AHEAD_MS).max(1);
    let release = count_f64(frames_of_ms(sound.rate_hz, RELEASE_MS).max(1));
    let fall = narrow(1.0 - (-4.0 / count_f64(ahead)).exp());
    let rise = narrow(1.0 - (-1.0 / release).exp());
    let loud: Vec<f32> = sound.mono.iter().map(|s| s * gain).collect();
    let allowed = |sample: f32| if sample.abs() > ceiling { ceiling / sample.abs() } else { 1.0 };
    // The smallest gain allowed within the look-ahead, held for its length.
    let mut window = std::collections::VecDeque::<(usize, f32)>::new();
    let mut coming = loud.iter().copied().map(allowed).enumerate();
    let mut now = 1.0_f32;
    let mut mono = Vec::with_capacity(loud.len());
    for (index, sample) in loud.iter().enumerate() {
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
        mono.push((sample * now.min(allowed(*sample))).clamp(-ceiling, ceiling));
    }
    Samples { rate_hz: sound.rate_hz, mono }
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
