//! Good, damaged, silent, endless and strange recordings.

use super::*;
use crate::model::Codec;
use crate::render::encode::encode;
use crate::render::samples::{count_f64, narrow};

fn tone(ms: u32) -> Samples {
    let mono = (0..ms * 16).map(|n| narrow((f64::from(n) * 0.2).sin() * 0.4));
    Samples { rate_hz: MIX_RATE_HZ, mono: mono.collect() }
}

/// Best match of `b` in `a` over small shifts, 0 to 1.
fn likeness(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(p, q)| f64::from(p * q)).sum::<f64>();
    let mid = &b[4_000..12_000];
    (3_000..5_500_usize)
        .filter_map(|at| a.get(at..at + mid.len()))
        .map(|part| dot(part, mid) / (dot(part, part) * dot(mid, mid)).sqrt())
        .fold(0.0, f64::max)
}

fn check(codec: Codec, least: f64) {
    let sound = tone(1_230);
    let bytes = encode(&sound, codec).expect("encodes");
    let back = decode(&bytes).unwrap_or_else(|e| panic!("{codec:?}: {e}"));
    assert_eq!(back.rate_hz, MIX_RATE_HZ);
    let like = likeness(&back.mono, &sound.mono);
    assert!(like > least, "{codec:?}: {like}");
    let extra_ms = match codec {
        // Its frames don't say where padding begins.
        Codec::Mp3 => 160,
        // The decoder fills the last block up.
        Codec::Adpcm => 64,
        Codec::Opus | Codec::Wav => 1,
    };
    assert!(back.duration_ms().abs_diff(1_230) <= extra_ms, "{codec:?}: {} ms", back.duration_ms());
    assert_eq!(
        bytes,
        encode(&sound, codec).expect("encodes"),
        "the same sound gives the same bytes"
    );
    // Cut anywhere, it is refused or shorter, and never a panic.
    for part in 1..40 {
        drop(decode(&bytes[..bytes.len() * part / 40]));
    }
    let mut noisy = bytes;
    for (n, byte) in noisy.iter_mut().enumerate().skip(60) {
        *byte ^= u8::try_from(n * 31 % 251).unwrap_or(0);
    }
    drop(decode(&noisy));
}

#[test]
fn what_we_encode_we_decode() {
    check(Codec::Wav, 0.999);
    check(Codec::Adpcm, 0.98);
    check(Codec::Mp3, 0.95);
    check(Codec::Opus, 0.9);
}

fn wav(rate_hz: u32, samples: &[f32]) -> Vec<u8> {
    encode(&Samples { rate_hz, mono: samples.to_vec() }, Codec::Wav).expect("encodes")
}

#[test]
fn useless_recordings_are_refused_with_the_reason() {
    assert_eq!(decode(b""), Err(RecordingFault::Empty("no bytes")));
    assert!(matches!(decode(b"not audio at all, only words"), Err(RecordingFault::Format(_))));
    assert_eq!(decode(&wav(16_000, &[0.0; 16_000])), Err(RecordingFault::Silent));
    assert_eq!(decode(&wav(16_000, &[0.5; 800])), Err(RecordingFault::TooShort(50)));
    assert!(matches!(decode(&vec![0; RECORDING_BYTES_MAX + 1]), Err(RecordingFault::TooLarge(_))));
    assert!(matches!(
        decode(b"OggS\0\x02aaaaaaaaaaaaaaaaaaaa\x01\x13OpusHead"),
        Err(RecordingFault::Damaged(_))
    ));
    let long = Samples { rate_hz: 16_000, mono: vec![0.3; 16_000 * 601] };
    assert_eq!(checked(&long), Err(RecordingFault::TooLong));
    let strange = Samples { rate_hz: 16_000, mono: vec![f32::NAN; 16_000] };
    assert_eq!(checked(&strange), Err(RecordingFault::NotFinite));
}

#[test]
fn channels_are_averaged_and_growth_is_stopped() {
    let mut collector = Collector { mono: Vec::new(), frames_max: 3 };
    collector.add(&[1.0, 0.0, 0.5, 0.5], 2).expect("short");
    assert_eq!(collector.mono, vec![0.5, 0.5]);
    assert_eq!(collector.add(&[0.0, 0.0], 1), Err(RecordingFault::TooLong));
    assert!(count_f64(1) > 0.0);
}

#[test]
fn formats_of_telephones_and_computers() {
    // Made by ffmpeg from a 440 Hz sine of one second, 44.1 kHz stereo; see audio-samples/README.md.
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/golden");
    for file in
        ["sine.flac", "sine.mp3", "sine.m4a", "sine-vorbis.ogg", "sine-opus.ogg", "sine.wav"]
    {
        let bytes = std::fs::read(dir.join(file)).expect(file);
        let sound = decode(&bytes).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!((950..1_150).contains(&sound.duration_ms()), "{file}: {} ms", sound.duration_ms());
        let crossings =
            sound.mono[2_000..14_000].windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
        assert!((325..=335).contains(&crossings), "{file}: {crossings} periods in 750 ms");
    }
}
