//! What people write in alerts and how it must sound: the cases of `cases/*.tsv`, and what holds for any
//! text at all.

use super::super::cursor::is_pause;
use super::super::{FrontEnd, Lexicon, Piece};
use super::{normalise, normalise_traced};
use std::path::{Path, PathBuf};

/// Texts of the property tests.
const RANDOM_TEXTS: u32 = 3_000;

fn cases(text: &'static str) -> Vec<(&'static str, &'static str)> {
    text.lines()
        .filter(|line| !line.starts_with("# "))
        .map(|line| line.split_once('\t').expect("two columns"))
        .collect()
}

#[test]
fn texts_are_said_as_a_broadcaster_says_them() {
    let mut wrong = Vec::new();
    let all =
        [include_str!("cases/said.tsv"), include_str!("cases/warnings.tsv")].map(cases).concat();
    assert!(all.len() >= 400, "{}", all.len());
    for (written, said) in all {
        let got = normalise(written);
        if got != said {
            wrong.push(format!("{written}: expected {said}, got {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts_are_read_as_a_broadcaster_reads_them() {
    let front_end =
        FrontEnd::new(Lexicon::parse(include_str!("../../../configs/phrases.toml")).expect("ours"));
    let mut wrong = Vec::new();
    let all = cases(include_str!("cases/pinyin.tsv"));
    assert!(all.len() >= 400, "{}", all.len());
    for (written, want) in all {
        let script = front_end.script(written).expect("speakable");
        let mut got = Vec::new();
        for piece in script.chunks.into_iter().flat_map(|chunk| chunk.pieces) {
            match piece {
                Piece::Word(word) => {
                    got.extend(word.into_iter().map(|(_, s)| s.unwrap_or_else(|| "?".to_owned())));
                }
                Piece::Letters(letters) => got.push(letters),
                Piece::Pause(_) => {}
            }
        }
        if got.join(" ") != want {
            wrong.push(format!("{written}: expected {want}, got {}", got.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Only Chinese characters, letters of other scripts, Latin capitals and pauses are left, and saying it
/// again changes nothing.
fn check_form(written: &str) {
    let said = normalise(written);
    let odd = said
        .chars()
        .find(|c| !(is_pause(*c) || c.is_ascii_uppercase() || c.is_alphabetic() && !c.is_ascii()));
    assert_eq!(odd, None, "{written:?}: {said:?}");
    assert_eq!(normalise(&said), said, "{written:?}");
}

#[test]
fn every_case_is_said_in_form_and_only_once() {
    let all = [
        include_str!("cases/said.tsv"),
        include_str!("cases/warnings.tsv"),
        include_str!("cases/pinyin.tsv"),
    ];
    for (written, _) in all.map(cases).concat() {
        check_form(written);
    }
}

/// A reproducible stream of numbers (the constants of Knuth's MMIX generator).
struct Stream(u64);

impl Stream {
    fn below(&mut self, n: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap_or(0) % n
    }
}

#[test]
fn no_text_makes_it_panic_or_leaves_a_digit() {
    let seeds = "2026-07/18:05.3,~％%℃°mKk/s³Ⅲ①（(）)<>[]&;“”—…年月日时点级户人两第零一百万电话拨打GSXM+至到 \n";
    let seeds: Vec<char> = seeds.chars().collect();
    let mut stream = Stream(7);
    for _ in 0..RANDOM_TEXTS {
        let length = stream.below(40);
        let text: String = (0..length)
            .map(|_| match stream.below(4) {
                0 => char::from_u32(stream.below(0x0011_0000)).unwrap_or('雨'),
                1 => char::from_u32(stream.below(0x3000)).unwrap_or('水'),
                _ => {
                    let at = usize::try_from(stream.below(u32::try_from(seeds.len()).unwrap_or(1)));
                    seeds[at.unwrap_or(0)]
                }
            })
            .collect();
        let said = normalise(&text);
        let odd = said.chars().find(|c| {
            !(is_pause(*c) || c.is_ascii_uppercase() || c.is_alphabetic() && !c.is_ascii())
        });
        assert_eq!(odd, None, "{text:?}: {said:?}");
    }
}

#[test]
fn nothing_makes_it_panic() {
    for text in [
        "",
        "-",
        "1/",
        "1:",
        "1.",
        ",",
        "2026-",
        "99:99",
        "１２：",
        "1,2,3,4",
        "\u{10ffff}",
        "½",
        "²",
        "<",
        "&",
        "[",
        "+86",
        "K1+",
        "M",
        "level",
    ] {
        drop(normalise(text));
        drop(normalise(&text.repeat(500)));
    }
}

#[test]
fn the_trace_names_every_change() {
    let mut fired = Vec::new();
    let said = normalise_traced("17:05雨50mm🌧️", &mut fired);
    assert_eq!(said, "十七点零五分雨五十毫米");
    let got: Vec<(&str, &str, &str)> =
        fired.iter().map(|f| (f.rule, f.before.as_str(), f.after.as_str())).collect();
    assert_eq!(got[0], ("emoji, not spoken", "🌧", ""));
    assert!(got.contains(&("clock time", "17:05", "十七点零五分")), "{got:?}");
    assert!(got.contains(&("quantity", "50mm", "五十毫米")), "{got:?}");
}

/// Texts of real messages, where they are at hand (`MINGLUO_SHARED`).
#[test]
#[expect(clippy::print_stderr, reason = "a test that could not be made must be heard of")]
fn real_messages_are_said_in_form() {
    let Some(folder) = std::env::var_os("MINGLUO_SHARED").map(|dir| Path::new(&dir).join("corpus"))
    else {
        eprintln!("skipped: MINGLUO_SHARED is not set, real messages were not tried");
        return;
    };
    let mut files = Vec::new();
    collect(&folder, &mut files);
    let mut texts = 0;
    for bytes in files.iter().filter_map(|file| std::fs::read(file).ok()) {
        let text = String::from_utf8_lossy(&bytes);
        for part in text.split(['<', '>', '"', '\n']).filter(|part| !part.trim().is_empty()) {
            let part: String = part.chars().take(2_000).collect();
            let has_han = part.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            if has_han {
                check_form(&part);
            } else {
                drop(normalise(&part));
            }
            texts += 1;
        }
    }
    assert!(texts > 100, "{texts} texts in {}", folder.display());
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
