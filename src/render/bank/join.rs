//! One sound of many.

use super::plan::Step;
use super::{Bank, BankFault, RATE_HZ};
use crate::render::samples::{Samples, count_f64, frames_of_ms, narrow};

/// Length of a cross-fade in milliseconds. The sounds' edges are nearly silent and about as long.
const FADE_MS: u32 = 15;
/// Silence of the closed mouth before a stop or an affricate, in milliseconds. Sounds begin with the burst:
/// without the silence before it, zh is heard as sh and q as x.
const CLOSURE_MS: u32 = 40;

/// How a sound begins, for what is before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Onset {
    /// A stop or an affricate: silence, then a burst.
    Closed,
    /// A hiss, which an overlap would shorten.
    Hiss,
    /// A voiced beginning, which may overlap.
    Open,
}

fn onset(key: &str) -> Onset {
    match key.as_bytes() {
        // Letters by their names: dee, double-u, jay; see, vee, zed.
        [b'B' | b'D' | b'G' | b'J' | b'K' | b'P' | b'Q' | b'T' | b'W', ..] => Onset::Closed,
        [b'C' | b'V' | b'Z', ..] => Onset::Hiss,
        [b's' | b'x' | b'f' | b'h', ..] => Onset::Hiss,
        [b'b' | b'p' | b'd' | b't' | b'g' | b'k' | b'j' | b'q' | b'z' | b'c', ..] => Onset::Closed,
        _ => Onset::Open,
    }
}

/// Plays the steps one after another; neighbours without a pause meet as the second one's onset asks.
pub(super) fn joined(bank: &Bank, steps: &[Step]) -> Result<Samples, BankFault> {
    let mut mono: Vec<f32> = Vec::new();
    let mut follows = false;
    let mut said = false;
    for step in steps {
        match step {
            Step::Pause(ms) => {
                mono.resize(mono.len() + frames_of_ms(RATE_HZ, *ms), 0.0);
                follows = false;
            }
            Step::Sound(key) => {
                let Some(sound) = bank.sound(key) else { continue };
                let (overlap_ms, closed_ms) = match onset(key) {
                    _ if !follows => (0, 0),
                    Onset::Closed => (0, CLOSURE_MS),
                    Onset::Hiss => (0, 0),
                    Onset::Open => (FADE_MS, 0),
                };
                mono.resize(mono.len() + frames_of_ms(RATE_HZ, closed_ms), 0.0);
                append(&mut mono, &sound?.mono, frames_of_ms(RATE_HZ, overlap_ms));
                follows = true;
                said = true;
            }
        }
    }
    if said { Ok(Samples { rate_hz: RATE_HZ, mono }) } else { Err(BankFault::Silent) }
}

/// Adds `sound` so that its first `overlap` samples rise while the last ones before it fall.
fn append(mono: &mut Vec<f32>, sound: &[f32], overlap: usize) {
    let overlap = overlap.min(mono.len()).min(sound.len());
    let start = mono.len() - overlap;
    let tail = mono.get_mut(start..).unwrap_or_default();
    for (index, (old, new)) in tail.iter_mut().zip(sound).enumerate() {
        let rise = narrow((count_f64(index) + 0.5) / count_f64(overlap));
        *old = *old * (1.0 - rise) + new * rise;
    }
    mono.extend(sound.get(overlap..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_have_their_closure_and_hisses_their_length() {
        for (key, want) in [
            ("zhi4 shui3", Onset::Closed),
            ("qing3", Onset::Closed),
            ("bao4 yu3", Onset::Closed),
            ("shui3", Onset::Hiss),
            ("hong2", Onset::Hiss),
            ("ma3", Onset::Open),
            ("er4", Onset::Open),
            ("A", Onset::Open),
            ("S", Onset::Open),
            ("D", Onset::Closed),
            ("C", Onset::Hiss),
        ] {
            assert_eq!(onset(key), want, "{key}");
        }
    }

    #[test]
    fn cross_fades_make_no_jump() {
        let mut mono = vec![0.5; 1_000];
        append(&mut mono, &[-0.5; 1_000], 240);
        assert_eq!(mono.len(), 1_760);
        let jump = mono.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(jump < 0.01, "{jump}");
        append(&mut mono, &[0.1; 10], 240);
        assert_eq!(mono.len(), 1_760);
    }
}
