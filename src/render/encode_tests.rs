//! Loudness and peaks of what a terminal decodes.

use super::*;
use crate::model::Chime;
use crate::render::chime::chime;
use crate::render::mix::{Mix, Parts, program};
use crate::render::samples::{count_f64, narrow};

/// Recorded speech of our own.
fn recorded(name: &str) -> Samples {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples");
    let bytes = std::fs::read(dir.join(format!("{name}.opus"))).expect(name);
    recording::decode(&bytes).expect(name)
}

/// Clicks over a noise: a crest factor that makes every codec overshoot.
fn spiky() -> Samples {
    let mut seed = 7_u32;
    let mono = (0..16_000 * 5).map(|n| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(seed >> 16) / 32_768.0 - 1.0;
        let click = if n % 4_000 < 4 { 0.9 } else { 0.0 };
        let speech = (count_f64(n) * 0.31).sin() * (count_f64(n) / 3_000.0).sin().abs();
        narrow(0.02 * noise + 0.1 * speech + click)
    });
    Samples { rate_hz: 16_000, mono: mono.collect() }
}

fn check(what: &str, words: &Samples, kind: Chime, horn: bool) {
    let mix = Mix { horn, ..Mix::default() };
    let parts = Parts { before: vec![chime(kind)], words: Some(words.clone()), after: Vec::new() };
    let sound = program(&mix, &parts).expect("sound");
    for codec in [Codec::Opus, Codec::Mp3, Codec::Adpcm, Codec::Wav] {
        let bytes = encode_levelled(&sound, codec).expect("encodes");
        let got = recording::raw(&bytes).expect("decodes");
        let got = measure(&got).expect("measurable");
        let told = format!("{what}, {codec:?}, horn {horn}: {got:?}");
        assert!((got.loudness_lufs - LOUDNESS_LUFS).abs() <= 0.5, "{told}");
        assert!(got.true_peak_dbtp <= -1.0, "{told}");
    }
}

#[test]
fn every_codec_is_level_and_below_the_peak_after_decoding() {
    for horn in [false, true] {
        check("speech", &recorded("thunder-blue"), Chime::Red, horn);
        check("clicks", &spiky(), Chime::None, horn);
    }
    check("short", &recorded("drill-after"), Chime::None, false);
}
