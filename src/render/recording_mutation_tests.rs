//! Damaged files of every format by the thousand: no panic comes out, no memory without end is taken, and
//! every refusal is one sentence. Seeded: the same files each time.

use super::recording::{RECORDING_S_MAX, decode};
use super::samples::{MIX_RATE_HZ, Samples, narrow};
use crate::model::Codec;
use crate::render::encode::encode;
use std::process::Command;

/// Files made of each good one; `MINGLUO_MUTATIONS` sets another number.
const MUTATIONS: u32 = 1_000;
/// Address space of the process that reads them, in kibibytes: the largest good file needs a fifth.
const ADDRESS_SPACE_KIB: u32 = 1_500_000;

/// A small generator of numbers (Knuth's MMIX constants): damage needs no better one.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

/// One good file of each format.
fn good() -> Vec<(String, Vec<u8>)> {
    let mono = (0..5_000).map(|n| narrow((f64::from(n) * 0.2).sin() * 0.4)).collect();
    let sound = Samples { rate_hz: MIX_RATE_HZ, mono };
    let mut files: Vec<(String, Vec<u8>)> = [Codec::Wav, Codec::Adpcm, Codec::Mp3, Codec::Opus]
        .map(|codec| (format!("{codec:?}"), encode(&sound, codec).unwrap()))
        .into();
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/golden");
    for name in ["sine.flac", "sine.m4a", "sine-vorbis.ogg"] {
        files.push((name.to_owned(), std::fs::read(dir.join(name)).unwrap()));
    }
    let open = include_bytes!("../../tests/fixtures/recording/tone-open.webm");
    files.push(("tone-open.webm".to_owned(), open.to_vec()));
    files
}

fn damaged(good: &[u8], random: &mut Seeded) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=random.below(4) {
        let length = bytes.len();
        // Most of what can go wrong is in the head.
        let at =
            if random.below(3) == 0 { random.below(length) } else { random.below(600) % length };
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.byte(),
            2 | 3 => {
                // Lengths and counts that claim hours.
                let absurd =
                    [[0xff; 4], [0x7f, 0xff, 0xff, 0xff], [0; 4], [0xff, 0xff, 0xff, 0x0f]];
                let value = absurd[random.below(absurd.len())];
                bytes.iter_mut().skip(at).zip(value).for_each(|(to, from)| *to = from);
            }
            4 => bytes.truncate(at.max(1)),
            5 => {
                let part = bytes[at..(at + random.below(400)).min(length)].to_vec();
                let place = random.below(length);
                bytes.splice(place..place, part);
            }
            6 => drop(bytes.drain(at..(at + random.below(200)).min(length))),
            _ => {
                let end = (at + random.below(64)).min(length);
                bytes[at..end].iter_mut().for_each(|byte| *byte = random.byte());
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    if bytes.starts_with(b"OggS") && random.below(4) != 0 {
        mend_ogg(&mut bytes);
    }
    bytes
}

/// Gives every Ogg page the checksum that its damaged content needs, so that the damage gets through.
fn mend_ogg(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(page) = bytes.get_mut(at..).filter(|page| page.starts_with(b"OggS")) {
        let Some(segments) = page.get(26).copied().map(usize::from) else { return };
        let Some(table) = page.get(27..27 + segments) else { return };
        let length = 27 + segments + table.iter().copied().map(usize::from).sum::<usize>();
        let Some(page) = page.get_mut(..length) else { return };
        page[22..26].fill(0);
        let sum = page.iter().fold(0_u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
                if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 }
            })
        });
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        at += length;
    }
}

fn check(name: &str, bytes: &[u8]) -> bool {
    match decode(bytes) {
        Ok(sound) => {
            assert_eq!(sound.rate_hz, MIX_RATE_HZ, "{name}");
            assert!(sound.duration_ms() <= RECORDING_S_MAX * 1_000, "{name}");
            assert!(sound.mono.iter().all(|sample| sample.is_finite()), "{name}");
            true
        }
        Err(fault) => {
            let told = fault.to_string();
            assert!(!told.is_empty() && !told.contains('\n') && told.len() < 400, "{name}: {told}");
            false
        }
    }
}

/// Run by the test below, in a process with little memory.
#[test]
#[ignore = "run by `damaged_files_take_no_panic_and_no_memory_without_end` in a process of its own"]
fn read_damaged_files() {
    // Decoders may give up inside; what comes out of `decode` is a refusal, and the rest is noise.
    std::panic::set_hook(Box::new(|_| {}));
    let count = std::env::var("MINGLUO_MUTATIONS").ok().and_then(|n| n.parse().ok());
    for (name, good) in good() {
        assert!(check(&name, &good), "{name} is good before it is damaged");
        let mut random = Seeded(0x6d69_6e67);
        let n_read = (0..count.unwrap_or(MUTATIONS))
            .filter(|_| check(&name, &damaged(&good, &mut random)))
            .count();
        assert!(n_read > 0, "{name}: no damage left anything to hear, so it is too coarse");
    }
}

#[test]
fn damaged_files_take_no_panic_and_no_memory_without_end() {
    let program = std::env::current_exe().expect("this program");
    let name = "render::recording_mutation_tests::read_damaged_files";
    let script = format!("ulimit -v {ADDRESS_SPACE_KIB} && exec \"$0\" \"$@\"");
    let done = Command::new("/bin/sh")
        .args(["-c", &script])
        .arg(program)
        .args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .expect("a shell");
    let told =
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && told.contains("1 passed"), "{}: {told}", done.status);
}
