//! Faster or slower at the same pitch: overlap-add of pieces that fit their neighbours (WSOLA; Verhelst and
//! Roelands, ICASSP 1993).

use crate::render::samples::{Samples, count_f64, frames_of_ms, narrow};

/// Length of a piece in milliseconds: two periods of a low voice.
const PIECE_MS: u32 = 30;
/// How far a piece may be moved to fit, in milliseconds.
const SEARCH_MS: u32 = 8;
/// Samples that a comparison steps over; a voice has little above 2 kHz that matters here.
const STRIDE: usize = 4;

/// `sound` at `speed` times its tempo; as it is where the difference is not heard.
pub(super) fn changed(sound: &Samples, speed: f32) -> Samples {
    if !speed.is_finite() || (speed - 1.0).abs() < 0.01 {
        return sound.clone();
    }
    let half = frames_of_ms(sound.rate_hz, PIECE_MS) / 2;
    let search = frames_of_ms(sound.rate_hz, SEARCH_MS);
    let source = &sound.mono;
    if half == 0 || source.len() < 4 * half {
        return sound.clone();
    }
    let mut mono: Vec<f32> = source.iter().take(half).copied().collect();
    // What would follow in the source: the next piece should begin like it.
    let mut natural = half;
    let mut piece = 1_u32;
    loop {
        let ideal = position(f64::from(piece) * f64::from(speed) * count_f64(half));
        if ideal.max(natural) + 2 * half + search >= source.len() {
            break;
        }
        let at = best_match(source, natural, ideal, half, search);
        for index in 0..half {
            let rise = narrow(count_f64(index) / count_f64(half));
            let falling = source.get(natural + index).copied().unwrap_or(0.0);
            let rising = source.get(at + index).copied().unwrap_or(0.0);
            mono.push(falling * (1.0 - rise) + rising * rise);
        }
        natural = at + half;
        piece = piece.saturating_add(1);
    }
    mono.extend(source.get(natural..).unwrap_or_default());
    Samples { rate_hz: sound.rate_hz, mono }
}

/// The place near `ideal` where the source is most like at `natural`.
fn best_match(source: &[f32], natural: usize, ideal: usize, half: usize, search: usize) -> usize {
    let wanted = source.get(natural..natural + half).unwrap_or_default();
    let likeness = |at: usize| -> f32 {
        let there = source.get(at..at + half).unwrap_or_default();
        wanted.iter().zip(there).step_by(STRIDE).map(|(a, b)| a * b).sum()
    };
    (ideal.saturating_sub(search)..=ideal + search)
        .step_by(2)
        .max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)))
        .unwrap_or(ideal)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position in a sound, clamped to the range of u32 first"
)]
fn position(samples: f64) -> usize {
    samples.clamp(0.0, f64::from(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tempo_changes_and_pitch_does_not() {
        let wave =
            |n: usize| narrow((count_f64(n) * std::f64::consts::TAU * 200.0 / 16_000.0).sin());
        let tone = Samples { rate_hz: 16_000, mono: (0..32_000).map(wave).collect() };
        let crossings =
            |s: &Samples| s.mono.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
        for speed in [0.5, 0.8, 1.25, 2.0] {
            let out = changed(&tone, speed);
            let seconds = count_f64(out.mono.len()) / 16_000.0;
            assert!((seconds * f64::from(speed) - 2.0).abs() < 0.15, "{speed}: {seconds} s");
            let hz = count_f64(crossings(&out)) / seconds;
            assert!((hz - 200.0).abs() < 6.0, "{speed}: {hz} hz");
        }
        assert_eq!(changed(&tone, 1.0), tone);
    }
}
