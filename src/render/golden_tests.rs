//! Golden audio, by length and likeness and not by bytes, so that other processors pass.

use super::chime::chime;
use super::encode::encode_levelled;
use super::mix::{Mix, Parts, program};
use super::recording;
use super::samples::{MIX_RATE_HZ, Samples, frames_of_ms};
use crate::model::{Chime, Codec};
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples").join(name)
}

fn decoded(name: &str) -> Samples {
    let bytes = std::fs::read(file(name)).expect(name);
    recording::decode(&bytes).expect(name)
}

/// Rate at which likeness is measured: below 2 kHz lies what makes speech alike.
const LIKENESS_RATE_HZ: u32 = 4_000;

/// Normalised correlation of the common length at the best shift within 60 ms, 0 to 1.
fn likeness(a: &Samples, b: &Samples) -> f64 {
    let [a, b] = [a, b].map(|sound| sound.at_rate(LIKENESS_RATE_HZ).expect("usual rate"));
    let most = frames_of_ms(a.rate_hz, 60);
    let length = a.mono.len().min(b.mono.len()).saturating_sub(most);
    let power = |x: &[f32]| x.iter().map(|s| f64::from(s * s)).sum::<f64>();
    let at = |x: &[f32], y: &[f32]| {
        let dot: f64 = x.iter().zip(y).map(|(p, q)| f64::from(p * q)).sum();
        dot / (power(x) * power(y)).sqrt().max(f64::MIN_POSITIVE)
    };
    // One side is shifted, then the other.
    (0..most)
        .flat_map(|shift| {
            let (left, right) = (&a.mono[shift..shift + length], &b.mono[shift..shift + length]);
            [at(left, &b.mono[..length]), at(&a.mono[..length], right)]
        })
        .fold(0.0, f64::max)
}

fn check(name: &str, got: &Samples, want: &Samples, least: f64) {
    let (got_ms, want_ms) = (got.duration_ms(), want.duration_ms());
    assert!(got_ms.abs_diff(want_ms) * 100 <= want_ms, "{name}: {got_ms} ms instead of {want_ms}");
    let like = likeness(got, want);
    assert!(like >= least, "{name}: {like}");
}

/// A red chime and a recorded warning for a horn, as it goes out.
fn red_program() -> Vec<u8> {
    let parts = Parts {
        before: vec![chime(Chime::Red)],
        words: Some(decoded("thunder-blue.opus")),
        after: Vec::new(),
    };
    let mix = Mix { horn: true, ..Mix::default() };
    encode_levelled(&program(&mix, &parts).expect("sound"), Codec::Opus).expect("encodes")
}

#[test]
fn a_program_sounds_as_it_did() {
    let got = recording::decode(&red_program()).expect("decodes");
    check("program-red", &got, &decoded("golden/program-red.opus"), 0.95);
    // The measure is no blank cheque.
    assert!(likeness(&got, &decoded("rainstorm-red.opus")) < 0.3);
}

/// Writes the golden file again; to be listened to before it is committed.
#[test]
#[ignore = "writes audio-samples/golden/program-red.opus"]
fn generate_golden() {
    std::fs::write(file("golden/program-red.opus"), red_program()).expect("writable");
}

/// The neural voice against the recordings that it made once; told and left out where it is not
/// installed.
#[test]
fn the_neural_voice_sounds_as_it_did() {
    use super::kokoro::Kokoro;
    use super::text::{FrontEnd, Lexicon};
    use std::io::Write;
    let Some(voices) = std::env::var_os("MINGLUO_VOICES") else {
        let told = "left out: MINGLUO_VOICES names no installed voice";
        writeln!(std::io::stderr(), "the_neural_voice_sounds_as_it_did {told}").expect("open");
        return;
    };
    let kokoro = Kokoro::load(Path::new(&voices), 2).expect("installed voice");
    let lexicon = Lexicon::parse(include_str!("../../configs/phrases.toml")).expect("ours");
    let front_end = FrontEnd::new(lexicon);
    // The words of drill-after in recordings.toml.
    let text = "演练播发完毕。刚才是演练，不是真实警报。谢谢大家配合。";
    let script = front_end.script(text).expect("speakable");
    let abandoned = std::sync::atomic::AtomicBool::new(false);
    let sound = kokoro.speak(&script, "zm_yunjian", 1.0, &abandoned).expect("speaks");
    let sound = sound.at_rate(MIX_RATE_HZ).expect("usual rate");
    check("drill-after", &sound, &decoded("drill-after.opus"), 0.85);
    let symbols = &script.chunks.first().expect("a sentence").symbols;
    let warning = kokoro.sentence(symbols, "zm_yunjian", 1.0, false);
    let preview = kokoro.sentence(symbols, "zm_yunjian", 1.0, true);
    assert_eq!(warning, preview, "previews sound like warnings");
}
