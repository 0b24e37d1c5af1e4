//! Shaping for horn loudspeakers: they give nothing below 300 Hz, and bass only heats and rattles them;
//! consonants live around 2 to 4 kHz. The loudness stage behind it gives the energy back to the band that
//! is heard. Filters after R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter
//! coefficients" (W3C Note, 2021).

use crate::render::samples::{Samples, narrow};
use std::f64::consts::TAU;

/// Corner of the high-pass in hertz (fourth-order Butterworth, 24 dB an octave).
const HIGH_PASS_HZ: f64 = 300.0;
/// Q of its two sections.
const HIGH_PASS_Q: [f64; 2] = [0.541_196_1, 1.306_563];
/// Middle of the presence lift in hertz.
const PRESENCE_HZ: f64 = 2_600.0;
/// Its height in decibels.
const PRESENCE_DB: f64 = 4.0;
/// Its width as Q.
const PRESENCE_Q: f64 = 0.8;

/// One second-order section, direct form 1, normalised to `a0` = 1.
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    x: [f64; 2],
    y: [f64; 2],
}

impl Biquad {
    fn new(b: [f64; 3], a: [f64; 3]) -> Self {
        let [a0, a1, a2] = a;
        Self { b: b.map(|b| b / a0), a: [a1 / a0, a2 / a0], x: [0.0; 2], y: [0.0; 2] }
    }

    fn high_pass(rate_hz: u32, hz: f64, q: f64) -> Self {
        let (sin, cos) = (TAU * hz / f64::from(rate_hz)).sin_cos();
        let alpha = sin / (2.0 * q);
        let side = f64::midpoint(1.0, cos);
        Self::new([side, -(1.0 + cos), side], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
    }

    fn peak(rate_hz: u32, hz: f64, q: f64, db: f64) -> Self {
        let (sin, cos) = (TAU * hz / f64::from(rate_hz)).sin_cos();
        let (alpha, gain) = (sin / (2.0 * q), 10_f64.powf(db / 40.0));
        let b = [1.0 + alpha * gain, -2.0 * cos, 1.0 - alpha * gain];
        Self::new(b, [1.0 + alpha / gain, -2.0 * cos, 1.0 - alpha / gain])
    }

    fn next(&mut self, input: f64) -> f64 {
        let ([b0, b1, b2], [a1, a2]) = (self.b, self.a);
        let ([x1, x2], [y1, y2]) = (self.x, self.y);
        let output = b0 * input + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2;
        self.x = [input, x1];
        self.y = [output, y1];
        output
    }
}

/// `sound` as a horn wants it; its loudness is for the next stage.
#[must_use]
pub(super) fn shaped(sound: &Samples) -> Samples {
    let rate = sound.rate_hz;
    // A filter above half the rate is none.
    let hz = |hz: f64| hz.min(f64::from(rate) * 0.45);
    let [low, high] = HIGH_PASS_Q.map(|q| Biquad::high_pass(rate, hz(HIGH_PASS_HZ), q));
    let presence = Biquad::peak(rate, hz(PRESENCE_HZ), PRESENCE_Q, PRESENCE_DB);
    let mut sections = [low, high, presence];
    let shape = |sample: &f32| {
        narrow(sections.iter_mut().fold(f64::from(*sample), |value, section| section.next(value)))
    };
    Samples { rate_hz: rate, mono: sound.mono.iter().map(shape).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::count_f64;

    /// Gain in decibels for a tone.
    fn gain_db(hz: f64) -> f64 {
        let rate = 16_000;
        let tone = (0..rate).map(|n| narrow((TAU * hz * f64::from(n) / f64::from(rate)).sin()));
        let sound = Samples { rate_hz: rate, mono: tone.collect() };
        let power = |sound: &Samples| {
            let settled = &sound.mono[4_000..];
            settled.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / count_f64(settled.len())
        };
        10.0 * (power(&shaped(&sound)) / power(&sound)).log10()
    }

    #[test]
    fn bass_goes_and_consonants_rise() {
        assert!(gain_db(75.0) < -40.0, "{}", gain_db(75.0));
        assert!((gain_db(300.0) + 3.0).abs() < 0.5, "{}", gain_db(300.0));
        assert!(gain_db(1_000.0).abs() < 1.5, "{}", gain_db(1_000.0));
        assert!((gain_db(2_600.0) - PRESENCE_DB).abs() < 0.3, "{}", gain_db(2_600.0));
        assert!(gain_db(7_500.0).abs() < 1.0, "{}", gain_db(7_500.0));
    }

    #[test]
    fn low_rates_stay_stable() {
        let sound = Samples { rate_hz: 400, mono: vec![1.0; 4_000] };
        assert!(shaped(&sound).mono.iter().all(|s| s.is_finite() && s.abs() < 10.0));
    }
}
