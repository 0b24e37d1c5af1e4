//! Makes `audio-samples/*.opus` with our own voice, and checks what is there.

use super::kokoro::Kokoro;
use super::loudness::{LOUDNESS_LUFS, TRUE_PEAK_DBTP_MAX, levelled};
use super::samples::{MIX_RATE_HZ, Samples, count_f64, frames_of_ms, narrow};
use super::text::{FrontEnd, Lexicon};
use super::{encode, recording};
use crate::model::Codec;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

#[derive(Deserialize)]
struct Table {
    recording: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    file: String,
    text: String,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples")
}

fn table() -> Table {
    let text = std::fs::read_to_string(directory().join("recordings.toml")).expect("committed");
    toml::from_str(&text).expect("well formed")
}

/// A second of 440 Hz and a second of 1 kHz, to check a line from end to end.
fn test_tone() -> Samples {
    let mono = (0..frames_of_ms(MIX_RATE_HZ, 4_000)).map(|n| {
        let hz = if n < frames_of_ms(MIX_RATE_HZ, 2_000) { 440.0 } else { 1_000.0 };
        narrow((std::f64::consts::TAU * hz * count_f64(n) / f64::from(MIX_RATE_HZ)).sin() * 0.3)
    });
    Samples { rate_hz: MIX_RATE_HZ, mono: mono.collect() }
}

/// Run by `audio-samples/generate.sh` with `MINGLUO_VOICES` set; makes only the files that are absent.
#[test]
#[ignore = "needs the installed voice; run audio-samples/generate.sh"]
fn generate_recordings() {
    let voices =
        std::env::var("MINGLUO_VOICES").expect("MINGLUO_VOICES names the voices directory");
    let kokoro = Kokoro::load(Path::new(&voices), 1).expect("installed voice");
    let lexicon = Lexicon::parse(include_str!("../../configs/phrases.toml")).expect("ours");
    let front_end = FrontEnd::new(lexicon);
    let write = |file: &str, sound: &Samples| {
        let sound = sound.at_rate(MIX_RATE_HZ).expect("usual rate");
        let level = levelled(&sound, LOUDNESS_LUFS, TRUE_PEAK_DBTP_MAX).expect("sound");
        let bytes = encode::encode(&level, Codec::Opus).expect("encodes");
        std::fs::write(directory().join(format!("{file}.opus")), bytes).expect("writable");
    };
    if !directory().join("test-tone.opus").exists() {
        write("test-tone", &test_tone());
    }
    for entry in table().recording {
        if !directory().join(format!("{}.opus", entry.file)).exists() {
            let script = front_end.script(&entry.text).expect("speakable");
            assert!(script.unknown.is_empty(), "{}: {:?}", entry.file, script.unknown);
            let sound =
                kokoro.speak(&script, "zm_yunjian", 1.0, &AtomicBool::new(false)).expect("speaks");
            write(&entry.file, &sound);
        }
    }
}

#[test]
fn every_recording_is_there_decodes_and_is_as_long_as_its_words() {
    let mut total_bytes = 0;
    for Entry { file, text } in table().recording {
        let bytes = std::fs::read(directory().join(format!("{file}.opus"))).expect(&file);
        total_bytes += bytes.len();
        let sound = recording::decode(&bytes).unwrap_or_else(|e| panic!("{file}: {e}"));
        let chars = u32::try_from(text.chars().count()).expect("short");
        let ms = sound.duration_ms();
        assert!((chars * 120..chars * 400).contains(&ms), "{file}: {chars} characters in {ms} ms");
    }
    assert!(total_bytes < 4_000_000, "{total_bytes} bytes");
}

/// All files below a folder, as paths within it.
fn files_below(folder: &Path, within: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let name = format!("{within}{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            files_below(&path, &format!("{name}/"), found);
        } else {
            found.push(name);
        }
    }
}

/// Whether a file is meant by a pattern of README.md: `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => {
            let rest = name.strip_prefix(before);
            rest.is_some_and(|rest| rest.ends_with(after))
        }
    }
}

#[test]
fn every_file_has_a_line_with_origin_and_licence() {
    let told = std::fs::read_to_string(directory().join("README.md")).expect("committed");
    let words = table();
    let mut patterns = Vec::new();
    for row in told.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        assert_eq!(cells.len(), 3, "{row}");
        let licensed = ["Apache-2.0", "MIT", "CC0"].iter().any(|name| cells[2].contains(name));
        assert!(licensed && cells[2].trim().len() > 15, "no origin and licence: {row}");
        patterns.extend(cells[0].split('`').skip(1).step_by(2).map(str::to_owned));
    }
    let mut files = Vec::new();
    files_below(&directory(), "", &mut files);
    assert!(files.len() > 60, "{} files", files.len());
    let by_words = |name: &str| {
        let stem = name.strip_suffix(".opus");
        let listed = patterns.iter().any(|pattern| pattern == "<hazard>-<level>.opus");
        listed && stem.is_some_and(|stem| words.recording.iter().any(|entry| entry.file == stem))
    };
    let known = |name: &String| patterns.iter().any(|p| fits(p, name)) || by_words(name);
    let unknown: Vec<&String> = files.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "no line in README.md: {unknown:?}");
    // And no line about a file that is gone.
    for pattern in patterns.iter().filter(|pattern| !pattern.contains('<')) {
        assert!(files.iter().any(|name| fits(pattern, name)), "no file for `{pattern}`");
    }
}
