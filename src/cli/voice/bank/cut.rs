//! Cutting units out of a breath: by the model's times, trimmed to where sound is, at one loudness.

use super::units::{Breath, Place};
use crate::render::bank::RATE_HZ;
use crate::render::kokoro::{FRAME_SAMPLES, Take, VOICE_RATE_HZ};
use crate::render::samples::{Samples, count_f64, frames_of_ms, narrow};
use anyhow::{Context, Result};

/// Where the border lies, in milliseconds before the times of the model, which tell when a vowel is in full
/// swing: consonants come earlier. Averages over 1,755 syllables: after a pause a hiss begins 105 ms before its
/// symbol, a stop is closed from 95 to 65 ms before, a nasal begins 70 ms before; the carrier's d is closed from
/// 50 to 20 ms before its own.
const PAUSE_LEAD_MS: (u32, u32) = (80, 50);
const CARRIER_LEAD_MS: (u32, u32) = (70, 15);
/// Symbols of the pause between two units: a comma and a space.
const PAUSE_SYMBOLS: usize = 2;
/// Window in which loudness is looked at.
const WINDOW_MS: u32 = 5;
/// Quieter than the loudest window by this factor (−36 dB) is silence.
const SILENCE: f32 = 0.016;
/// Silence kept at the edges, which a cross-fade uses up.
const EDGE_MS: u32 = 10;
/// Loudness of every unit: root mean square of its loud windows.
const LEVEL: f32 = 0.1;
/// Windows quieter than the loudest by this factor (−15 dB) do not count for loudness.
const LOUD: f32 = 0.18;
/// Highest sample after levelling.
const PEAK: f32 = 0.9;

/// The units of a breath with their sounds.
pub(super) fn sounds(breath: &Breath, take: &Take) -> Result<Vec<(String, Samples)>> {
    let mut out = Vec::new();
    for Place { key, first, end, carried } in &breath.units {
        let start = border(take, first.saturating_sub(PAUSE_SYMBOLS), PAUSE_SYMBOLS);
        let end = border(take, *end, if *carried { 0 } else { PAUSE_SYMBOLS });
        let mono = take.sound.mono.get(start..end);
        let mono = mono.with_context(|| format!("{key}: expected sound until {end}, got less"))?;
        let sound = Samples { rate_hz: VOICE_RATE_HZ, mono: mono.to_vec() }.at_rate(RATE_HZ)?;
        let sound = levelled(trimmed(&sound));
        anyhow::ensure!(!sound.mono.is_empty(), "{key}: expected sound, got silence");
        out.push((key.clone(), faded(sound)));
    }
    Ok(out)
}

/// The quietest place in the pause of `length` symbols that begins with symbol number `pause`. The voice runs one
/// unit into the next where that begins with a sonorant, or where there is no pause; the border is then
/// where one ebbs and the other rises.
fn border(take: &Take, pause: usize, length: usize) -> usize {
    let starts = |symbol: usize| -> usize {
        // Times begin with the silence before the first symbol.
        let frames = take.frames.iter().take(symbol + 1);
        frames.map(|n| usize::try_from(*n).unwrap_or(0) * FRAME_SAMPLES).sum()
    };
    let (lead, rest) = if length > 0 { PAUSE_LEAD_MS } else { CARRIER_LEAD_MS };
    let before = |at: usize, ms: u32| at.saturating_sub(frames_of_ms(VOICE_RATE_HZ, ms));
    let until = before(starts(pause + length), rest).min(take.sound.mono.len());
    let from = before(starts(pause), lead).min(until);
    let mono = take.sound.mono.get(from..until).unwrap_or_default().to_vec();
    let windows = windows(&Samples { rate_hz: VOICE_RATE_HZ, mono });
    let quietest = windows.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
    let window = frames_of_ms(VOICE_RATE_HZ, WINDOW_MS);
    from + quietest.map_or(0, |(index, _)| index * window + window / 2)
}

/// Root mean square of each window.
fn windows(sound: &Samples) -> Vec<f32> {
    let window = frames_of_ms(sound.rate_hz, WINDOW_MS).max(1);
    let power =
        |part: &[f32]| part.iter().map(|s| s * s).sum::<f32>() / narrow(count_f64(part.len()));
    sound.mono.chunks(window).map(|part| power(part).sqrt()).collect()
}

fn loudest(windows: &[f32]) -> f32 {
    windows.iter().copied().fold(0.0, f32::max)
}

fn trimmed(sound: &Samples) -> Samples {
    let window = frames_of_ms(sound.rate_hz, WINDOW_MS).max(1);
    let edge = frames_of_ms(sound.rate_hz, EDGE_MS);
    let windows = windows(sound);
    let least = loudest(&windows) * SILENCE;
    let first = windows.iter().position(|w| *w > least).unwrap_or(0) * window;
    let last = windows.iter().rposition(|w| *w > least).map_or(0, |n| (n + 1) * window);
    let range = first.saturating_sub(edge)..(last + edge).min(sound.mono.len());
    let mono = sound.mono.get(range).unwrap_or_default().to_vec();
    Samples { rate_hz: sound.rate_hz, mono }
}

fn levelled(sound: Samples) -> Samples {
    let windows = windows(&sound);
    let least = loudest(&windows) * LOUD;
    let loud: Vec<f32> = windows.into_iter().filter(|w| *w > least).collect();
    let power = loud.iter().map(|w| w * w).sum::<f32>() / narrow(count_f64(loud.len().max(1)));
    let peak = sound.mono.iter().map(|s| s.abs()).fold(0.0, f32::max);
    if power <= 0.0 || peak <= 0.0 {
        return Samples { rate_hz: sound.rate_hz, mono: Vec::new() };
    }
    sound.scaled((LEVEL / power.sqrt()).min(PEAK / peak))
}

/// Both ends rise from nothing, so that a sound after a pause makes no click.
fn faded(mut sound: Samples) -> Samples {
    let fade = frames_of_ms(sound.rate_hz, EDGE_MS).min(sound.mono.len() / 2);
    let length = narrow(count_f64(fade.max(1)));
    for (index, sample) in sound.mono.iter_mut().take(fade).enumerate() {
        *sample *= narrow(count_f64(index)) / length;
    }
    for (index, sample) in sound.mono.iter_mut().rev().take(fade).enumerate() {
        *sample *= narrow(count_f64(index)) / length;
    }
    sound
}
