//! Seeded mutations of all fixtures and of the corpus: any bytes are answered, none panics.
//!
//! `FUZZ_RUNS=200000` runs more, `FUZZ_SEED=n` begins elsewhere.

use super::{corpus, fixtures, is_answered};
use mingluo::ingest::read;

/// Mutations of an ordinary test run.
const RUNS: u64 = 20_000;
/// Longest file that is mutated, in bytes: larger ones only slow the run.
const SEED_BYTES_MAX: u64 = 32 * 1024;
/// Pieces that readers must stumble over.
const PIECES: &[&[u8]] = &[
    b"<",
    b">",
    b"</",
    b"/>",
    b"&",
    b"&x;",
    b"&#0;",
    b"&#x110000;",
    b"<!DOCTYPE a [",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"\"",
    b"\0",
    b"\xFF\xFE",
    b"\xEF\xBB\xBF",
    b"\x81",
    b"\xE4\xB8",
    b",",
    b" ",
    b"-",
    b"+08:00",
    b"Z",
    b"2026-02-30T25:61:61+99:99",
    "２０２６年".as_bytes(),
    "Ⅰ级".as_bytes(),
    "特别重大".as_bytes(),
    b"&#xFFFE;",
    b"&#xD800;",
    b"&lt;alert&gt;",
    b"<alert>",
    b"<soap:Body>",
    b"-9223372036854775808",
    b"1e400",
    b"NaN",
    b"Actual",
    b"Test",
    b"Cancel",
    b"<info>",
    b"</info>",
    b"<polygon>",
    b"[",
    b"{",
    b"}",
    b"null",
    b"<sendTime>",
    b" encoding=\"GBK\"",
    b" xmlns=\"\"",
];

/// `SplitMix64`: small, seeded, the same everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `n` - 1; 0 when `n` is 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap().max(1);
        usize::try_from(self.next() % n).unwrap()
    }
}

pub(super) fn mutate(bytes: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(40)).min(bytes.len());
    match random.below(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let piece = PIECES[random.below(PIECES.len())];
            bytes.splice(at..at, piece.iter().copied());
        }
        3 => {
            let copy = bytes[at..end].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, copy);
        }
        4 => bytes.truncate(at),
        5 => {
            let other = &others[random.below(others.len())];
            let from = random.below(other.len() + 1);
            let to = (from + random.below(200)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let piece = PIECES[random.below(PIECES.len())];
            bytes.splice(at..end, piece.iter().copied());
        }
    }
}

pub(super) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
#[expect(clippy::print_stdout, reason = "tells how much was tried")]
fn mutated_messages_are_always_answered() {
    let all: Vec<Vec<u8>> = fixtures()
        .into_iter()
        .chain(corpus())
        .filter(|path| path.metadata().is_ok_and(|meta| meta.len() <= SEED_BYTES_MAX))
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let seed = number("FUZZ_SEED", 1);
    let (mut n_alerts, mut n_rejections) = (0_u64, 0_u64);
    for run in 0..number("FUZZ_RUNS", RUNS) {
        let mut random = Random(seed.wrapping_mul(1_000_003).wrapping_add(run));
        let mut bytes = all[random.below(all.len())].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &all, &mut random);
        }
        let hint = [None, Some("application/json; charset=gbk"), Some("a_b_11B03_RED_ALERT.XML")];
        let hint = hint[random.below(hint.len())];
        let got = std::panic::catch_unwind(|| read(&bytes, hint));
        let Ok(got) = got else {
            panic!("run {run} of seed {seed} panics on {:?}", String::from_utf8_lossy(&bytes));
        };
        if let Err(why) = is_answered(&got) {
            panic!("run {run} of seed {seed}: {why}: {:?}", String::from_utf8_lossy(&bytes));
        }
        match got {
            Ok(_) => n_alerts += 1,
            Err(_) => n_rejections += 1,
        }
    }
    println!("{n_alerts} alerts and {n_rejections} rejections from {} seeds", all.len());
    assert!(n_alerts > 0 && n_rejections > 0, "mutations that change nothing test nothing");
}
