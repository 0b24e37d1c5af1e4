//! Chimes made of sums of sines: no recording, no licence, told apart by ear.
//!
//! Rising urgency: soft pair, three bells, two-tone, fast two-tone, rising sweeps. All stay under four
//! seconds and none resembles the air-raid signals 预先警报, 空袭警报 and 解除警报 (sirens of minutes).
//! Tones lie between 500 Hz and 1.6 kHz where horn loudspeakers are strongest.

use super::samples::{MIX_RATE_HZ, Samples, count_f64, frames_of_ms, narrow};
use crate::model::Chime;
use std::f64::consts::TAU;

/// A tone: start and end pitch in hertz, length in milliseconds, and how fast it dies away.
struct Tone {
    from_hz: f64,
    to_hz: f64,
    ms: u32,
    /// Decay in 1/s; 0 = steady.
    decay: f64,
}

/// The chime at the mixing rate, about −16 dBFS; empty for [`Chime::None`].
#[must_use]
pub fn chime(kind: Chime) -> Samples {
    let bell = |hz: f64, ms: u32| Tone { from_hz: hz, to_hz: hz, ms, decay: 3.5 };
    let horn = |hz: f64, ms: u32| Tone { from_hz: hz, to_hz: hz, ms, decay: 0.0 };
    let tones: Vec<Tone> = match kind {
        Chime::None => Vec::new(),
        Chime::Notice => vec![bell(659.3, 550), bell(523.3, 800)],
        Chime::Blue => vec![bell(523.3, 450), bell(659.3, 450), bell(784.0, 850)],
        Chime::Yellow => [784.0, 622.3].repeat(2).into_iter().map(|hz| horn(hz, 450)).collect(),
        Chime::Orange => [988.0, 740.0].repeat(5).into_iter().map(|hz| horn(hz, 250)).collect(),
        Chime::Red => {
            (0..3).map(|_| Tone { from_hz: 600.0, to_hz: 1_500.0, ms: 1_150, decay: 0.0 }).collect()
        }
    };
    let mut mono = Vec::new();
    for tone in &tones {
        mono.extend(sound(tone));
    }
    Samples { rate_hz: MIX_RATE_HZ, mono }
}

/// One tone with two soft overtones and 8 ms ramps, so that it does not click.
fn sound(tone: &Tone) -> Vec<f32> {
    let rate = f64::from(MIX_RATE_HZ);
    let frames = frames_of_ms(MIX_RATE_HZ, tone.ms);
    let ramp = count_f64(frames_of_ms(MIX_RATE_HZ, 8));
    let mut phase = 0.0_f64;
    (0..frames)
        .map(|n| {
            let done = count_f64(n) / count_f64(frames);
            phase += (tone.from_hz + (tone.to_hz - tone.from_hz) * done) / rate;
            let edge = (count_f64(n.min(frames - n)) / ramp).min(1.0);
            let fade = (-tone.decay * count_f64(n) / rate).exp();
            let wave = (TAU * phase).sin()
                + 0.3 * (2.0 * TAU * phase).sin()
                + 0.15 * (3.0 * TAU * phase).sin();
            narrow(0.2 * wave * edge * fade)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chimes_are_short_distinct_and_quiet_at_their_ends() {
        let all = [Chime::Notice, Chime::Blue, Chime::Yellow, Chime::Orange, Chime::Red].map(chime);
        for (index, one) in all.iter().enumerate() {
            assert!((1_000..=4_000).contains(&one.duration_ms()), "{}", one.duration_ms());
            assert!(one.mono.iter().all(|s| s.abs() < 0.9));
            assert!(one.mono.last().is_some_and(|s| s.abs() < 0.02));
            assert!(all.iter().skip(index + 1).all(|other| other != one));
        }
        assert!(chime(Chime::None).mono.is_empty());
    }
}
