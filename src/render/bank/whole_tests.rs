//! The bank that we ship.

use super::*;
use crate::render::samples::Samples;
use crate::render::text::{FrontEnd, Lexicon, syllables};

fn front_end() -> FrontEnd {
    FrontEnd::new(Lexicon::parse(include_str!("../../../configs/phrases.toml")).expect("ours"))
}

#[test]
fn every_syllable_in_every_tone_has_a_sound() {
    let bank = Bank::embedded().expect("our own");
    let absent: Vec<String> = syllables().into_iter().filter(|s| !bank.has(s)).collect();
    assert_eq!(absent, Vec::<String>::new());
    let letters: Vec<char> = ('A'..='Z').filter(|c| !bank.has(&c.to_string())).collect();
    assert_eq!(letters, Vec::<char>::new());
    assert!(syllables().len() > 1_600);
}

#[test]
fn every_area_of_the_sample_county_is_one_sound() {
    let bank = Bank::embedded().expect("our own");
    let front_end = front_end();
    let areas: toml::Table = include_str!("../../../configs/areas.toml").parse().expect("ours");
    let names = areas["areas"].as_array().expect("a list").iter();
    let mut count = 0;
    for name in names.filter_map(|area| area["name"].as_str()) {
        let bodies = ["社区居民委员会", "居民委员会", "社区居委会", "居委会"];
        let bare = bodies.iter().find_map(|body| name.strip_suffix(body)).unwrap_or(name);
        let pieces = front_end.script(bare).expect("a name").chunks.remove(0).pieces;
        assert!(bank.has(&key(&pieces)), "{bare}: {}", key(&pieces));
        count += 1;
    }
    assert!(count > 150, "{count}");
}

#[test]
fn it_stays_small_enough_to_ship() {
    const BYTES_MAX: usize = 6_000_000;
    let bytes = include_bytes!("../../../audio-samples/bank.mlb").len();
    assert!(bytes <= BYTES_MAX, "expected at most {BYTES_MAX} bytes, got {bytes}");
}

fn jump(sound: &Samples) -> f32 {
    sound.mono.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
}

#[test]
fn any_text_is_spoken_at_a_natural_pace_without_clicks() {
    let bank = Bank::embedded().expect("our own");
    let front_end = front_end();
    for (text, syllables) in [
        ("岳阳县气象台发布暴雨红色预警，请立即转移到安全地带。", 23),
        ("魑魅魍魉，饕餮耄耋，龃龉龌龊，彳亍囹圄。", 16),
        ("G107国道K1532公里处，电话13800138000。", 27),
        ("🌧️暴雨🌊!!\u{20000}来了\u{0}<b>ABC</b>", 9),
        ("筻口镇", 3),
        ("A", 1),
    ] {
        let script = front_end.script(text).expect(text);
        let sound = bank.speak(&script, 1.0).expect(text);
        let each_ms = sound.duration_ms() / syllables;
        assert!((120..=600).contains(&each_ms), "{text}: {each_ms} ms a syllable");
        assert!(sound.mono.iter().all(|s| s.is_finite() && s.abs() <= 1.2), "{text}");
        // A join may not jump further than the sounds do by themselves.
        let pieces = script.chunks.iter().flat_map(|chunk| plan::steps(&bank, &chunk.pieces));
        let own = pieces.filter_map(|step| match step {
            plan::Step::Sound(key) => Some(jump(&bank.sound(&key)?.expect("decodable"))),
            plan::Step::Pause(_) => None,
        });
        let own = own.fold(0.0, f32::max);
        assert!(jump(&sound) <= own + 0.02, "{text}: a jump of {} after {own}", jump(&sound));
        assert!((sound.mono.first().map_or(0.0, |s| s.abs())) < 0.05, "{text}");
        let slow = bank.speak(&script, 0.8).expect(text).duration_ms();
        assert!(slow > sound.duration_ms() * 11 / 10, "{text}: {slow} ms");
    }
    let nothing = front_end.script("\u{20000}").or_else(|_| front_end.script("雨\u{20000}"));
    assert!(nothing.is_ok_and(|script| bank.speak(&script, 1.0).is_ok() || script.said.chars().count() < 2));
}
