//! Cutting units out of a breath: by the model's times, trimmed to where sound is, at one loudness.

use super::units::Breath;
use crate::render::bank::RATE_HZ;
use crate::render::kokoro::{FRAME_SAMPLES, Take, VOICE_RATE_HZ};
use crate::render::samples::{Samples, count_f64, frames_of_ms, narrow};
use anyhow::{Context, Result};

/// What is looked at before and after the model's times, in milliseconds: its frames are 25 ms long.
const LEAD_MS: u32 = 30;
const TAIL_MS: u32 = 90;
/// Window in which loudness is looked at.
const WINDOW_MS: u32 = 5;
/// Quieter than the loudest window by this factor (−36 dB) is silence.
const SILENCE: f32 = 0.016;
/// Silence kept at the edges, which a cross-fade uses up.
const EDGE_MS: u32 = 12;
/// Loudness of every unit: root mean square of its loud windows.
const LEVEL: f32 = 0.1;
/// Windows quieter than the loudest by this factor (−15 dB) do not count for loudness.
const LOUD: f32 = 0.18;
/// Highest sample after levelling.
const PEAK: f32 = 0.9;

/// The units of a breath with their sounds.
pub(super) fn sounds(breath: &Breath, take: &Take) -> Result<Vec<(String, Samples)>> {
    let mut out = Vec::new();
    for (key, first, last) in &breath.units {
        // Times begin with the silence before the first symbol.
        let until = |symbol: usize| -> usize {
            let frames = take.frames.iter().take(symbol + 1);
            frames.map(|n| usize::try_from(*n).unwrap_or(0) * FRAME_SAMPLES).sum()
        };
        let start = until(*first).saturating_sub(frames_of_ms(VOICE_RATE_HZ, LEAD_MS));
        let pause_end = until(*last + 1);
        let end = (until(*last) + frames_of_ms(VOICE_RATE_HZ, TAIL_MS)).min(pause_end);
        let mono = take.sound.mono.get(start..end.min(take.sound.mono.len()));
        let mono = mono.with_context(|| format!("{key}: expected sound until {end}, got less"))?;
        let sound = Samples { rate_hz: VOICE_RATE_HZ, mono: mono.to_vec() }.at_rate(RATE_HZ)?;
        let sound = levelled(trimmed(&sound));
        anyhow::ensure!(!sound.mono.is_empty(), "{key}: expected sound, got silence");
        out.push((key.clone(), faded(sound)));
    }
    Ok(out)
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
