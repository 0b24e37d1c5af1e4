use super::plan::{Step, steps};
use super::*;
use crate::render::samples::{Samples, count_f64, narrow};
use crate::render::text::Piece;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A hum of `ms` milliseconds.
fn hum(ms: usize, hz: f64) -> Samples {
    let wave =
        |n: usize| narrow((count_f64(n) * std::f64::consts::TAU * hz / 16_000.0).sin() * 0.2);
    Samples { rate_hz: RATE_HZ, mono: (0..ms * 16).map(wave).collect() }
}

fn bytes_of(keys: &[&str]) -> Vec<u8> {
    let sound = |key: &&str| ((*key).to_owned(), hum(100 * key.split(' ').count(), 200.0));
    pack(&keys.iter().map(sound).collect::<BTreeMap<_, _>>()).expect("short sounds")
}

fn bank_of(keys: &[&str]) -> Bank {
    Bank::open(Cow::Owned(bytes_of(keys))).expect("just packed")
}

fn check_steps(bank: &Bank, pieces: &[Piece], want: &[&str]) {
    let got: Vec<String> = steps(bank, pieces)
        .into_iter()
        .map(|step| match step {
            Step::Sound(key) => key,
            Step::Pause(ms) => ms.to_string(),
        })
        .collect();
    assert_eq!(got, want);
}

fn word(text: &str, reading: &str) -> Piece {
    let readings = reading.split(' ').map(|s| (s != "?").then(|| s.to_owned()));
    Piece::Word(text.chars().zip(readings).collect())
}

#[test]
fn the_longest_sounds_are_taken_and_words_are_not_torn() {
    let bank = bank_of(&[
        "bao4",
        "yu3",
        "hong2",
        "se4",
        "bao4 yu3",
        "hong2 se4",
        "yu3 hong2",
        "bao4 yu3 hong2 se4",
        "bu2",
        "A",
    ]);
    let (rain, red) = (word("暴雨", "bao4 yu3"), word("红色", "hong2 se4"));
    check_steps(&bank, &[rain.clone(), red.clone()], &["bao4 yu3 hong2 se4"]);
    check_steps(&bank, &[rain.clone(), Piece::Pause('、'), red], &["bao4 yu3", "80", "hong2 se4"]);
    // Words torn at both ends only to save nothing: the whole word and a syllable are better.
    check_steps(&bank, &[rain, word("红", "hong2")], &["bao4 yu3", "hong2"]);
    // The nearest tone, a letter, and silence for what nobody can say.
    check_steps(&bank, &[word("抱不", "bao1 bu4"), word("是", "shi4")], &["bao4", "bu2", "80"]);
    check_steps(&bank, &[Piece::Letters("A".into()), word("\u{20000}", "?")], &["A", "80"]);
}

#[test]
fn a_letter_is_said_by_its_name_where_that_is_understood_better() {
    let road = [Piece::Letters("G".into()), word("四", "si4")];
    check_steps(&bank_of(&["G", "ji4", "si4"]), &road, &["ji4", "si4"]);
    check_steps(&bank_of(&["G", "si4"]), &road, &["G", "si4"]);
    // A sound of the whole is still better.
    check_steps(&bank_of(&["G", "G si4", "ji4", "si4"]), &road, &["G si4"]);
    let county_road = [Piece::Letters("SX".into())];
    check_steps(
        &bank_of(&["S", "X", "ai4", "ke4", "si1"]),
        &county_road,
        &["S", "ai4", "ke4", "si1"],
    );
    // Half a name is none.
    check_steps(&bank_of(&["S", "X", "ai4", "ke4"]), &county_road, &["S", "X"]);
}

#[test]
fn local_sounds_come_before_our_own() {
    let ours = bank_of(&["bao4"]);
    let long = BTreeMap::from([("bao4".to_owned(), hum(700, 200.0))]);
    let local = Bank::open(Cow::Owned(pack(&long).expect("short"))).expect("just packed");
    let both = ours.under(local);
    assert_eq!(both.sound("bao4").expect("there").expect("good").mono.len(), 700 * 16);
    assert!(both.sound("yu3").is_none());
}

#[test]
fn a_sound_comes_back_alike_and_as_long() {
    let sound = hum(333, 200.0);
    let packed = pack(&BTreeMap::from([("hum1".to_owned(), sound.clone())])).expect("short");
    let bank = Bank::open(Cow::Owned(packed)).expect("just packed");
    let back = bank.sound("hum1").expect("there").expect("good");
    assert_eq!(back.mono.len(), sound.mono.len());
    assert!(likeness(&sound.mono, &back.mono) > 0.9, "{}", likeness(&sound.mono, &back.mono));
}

fn likeness(a: &[f32], b: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

#[test]
fn damaged_files_are_refused_and_never_panic() {
    let good = bytes_of(&["bao4", "bao4 yu3", "yu3"]);
    for cut in 0..good.len() {
        let part = good.get(..cut).unwrap_or_default().to_vec();
        assert!(Bank::open(Cow::Owned(part)).is_err(), "cut at {cut}");
    }
    for at in 0..good.len() {
        for bit in [0x01, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= bit;
            assert!(Bank::open(Cow::Owned(bad)).is_err(), "bit {bit} at {at}");
        }
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(Bank::open(Cow::Owned(longer)).is_err());
    assert!(Bank::open(Cow::Owned(Vec::new())).is_err());
}

/// A file whose digest fits but whose content lies.
#[test]
fn lies_under_a_good_digest_are_refused_and_never_panic() {
    let good = bytes_of(&["bao4", "yu3"]);
    let head = 6 + 2 + 4 + 4;
    for at in (6..head).chain(head + 32..good.len()) {
        for value in [0, 1, 127, 255] {
            let mut bad = good.clone();
            bad[at] = value;
            let digest = crate::model::Sha256::of(&bad[head + 32..]);
            bad[head..head + 32].copy_from_slice(&digest.0);
            let Ok(bank) = Bank::open(Cow::Owned(bad)) else { continue };
            for key in ["bao4", "yu3"] {
                if let Some(Ok(sound)) = bank.sound(key) {
                    assert!(sound.mono.len() <= 20 * 16_000);
                }
            }
        }
    }
}
