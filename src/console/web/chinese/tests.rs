//! The tables against what the readers really say.

use super::*;
use std::path::Path;

/// English that was left standing, outside of quotes: two words in a row.
fn english(said: &str) -> Option<String> {
    let bare: String = said.split(['“', '”', '`']).step_by(2).collect::<Vec<_>>().join("。");
    let is_word = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase());
    let words: Vec<&str> = bare.split(' ').collect();
    let pair = |pair: &&[&str]| {
        let ends = |word: &str| word.rsplit(|c: char| !c.is_ascii()).next().is_some_and(is_word);
        let begins = |word: &str| word.split(|c: char| !c.is_ascii()).next().is_some_and(is_word);
        ends(pair.first().copied().unwrap_or_default())
            && begins(pair.last().copied().unwrap_or_default())
    };
    words.windows(2).find(pair).map(|pair| pair.join(" "))
}

fn check(text: &str, expect: &str) {
    assert_eq!(chinese(text).as_deref(), Some(expect), "{text}");
}

#[test]
fn sentences_are_said_in_chinese_with_their_values() {
    check("expected a time; it is missing", "缺少：时间");
    check("expected at most 4194304 bytes, got 5000000", "最多 4194304 字节，收到 5000000 字节");
    check(
        "expected one of Actual, Exercise; got \"actuell\"",
        "应为 Actual, Exercise 之一，收到“actuell”",
    );
    check(
        "expected an alert in XML or JSON, got a picture",
        "应为 XML 或 JSON 格式的预警，收到的是图片",
    );
    check(
        "expected a valid signature of this source, got one that is not valid: the alert was changed after it was \
         signed",
        "该来源须有有效的数字签名，实际签名无效：预警在签名之后被改动",
    );
    check("check: expected 1F2C, got 0000", "校验码应为 1F2C，收到 0000");
    check("role Officer may not do this", "您的角色没有这项权限");
    // A sender's words are no sentence of ours, whatever they look like.
    check(
        "expected `lat,lon radius`, got \"{0} got {1}\"",
        "圆应写成“纬度,经度 半径”，收到“｛0｝ got ｛1｝”",
    );
    check("the seconds are missing; read as 00; got \"08:00\"", "缺少秒，按 00 处理，收到“08:00”");
    assert_eq!(chinese("something that nobody says"), None);
    assert_eq!(english("应为 it as 之一").as_deref(), Some("it as"), "the check sees English");
    assert_eq!(
        said(Tongue::En, "expected a time; it is missing"),
        "expected a time; it is missing"
    );
    assert_eq!(said(Tongue::Zh, "something that nobody says"), "something that nobody says");
    assert_eq!(place(Tongue::Zh, "offset 12"), "第 12 字节（从 0 数起）");
}

/// What all messages of the fixtures are rejected for, or are odd by, is said in Chinese.
#[test]
fn every_fault_of_the_fixtures_is_said() {
    let mut n_said = 0;
    for file in files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures"))) {
        let bytes = std::fs::read(&file).expect("a fixture");
        let faults = match crate::ingest::read(&bytes, None) {
            Ok(alert) => alert.oddities,
            Err(rejection) => rejection.faults,
        };
        for fault in faults {
            let zh = chinese(&fault.what);
            let zh = zh.unwrap_or_else(|| panic!("{}: {}", file.display(), fault.what));
            // What the XML or JSON library says of the text is quoted in its own words.
            assert!(zh.contains("格式有误") || english(&zh).is_none(), "{}: {zh}", fault.what);
            n_said += 1;
        }
    }
    assert!(n_said > 50, "the fixtures are there: {n_said}");
}

/// Every sentence of the readers that begins with `expected` has its own row, not only the general one.
#[test]
fn every_sentence_of_the_readers_has_a_row() {
    let mut n = 0;
    for file in files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ingest"))) {
        let source = std::fs::read_to_string(&file).expect("a source");
        for text in literals(&source).iter().filter(|text| text.starts_with("expected ")) {
            if text.trim() == "expected" {
                continue;
            }
            let zh = chinese(&sample(text)).unwrap_or_else(|| panic!("{}: {text}", file.display()));
            let left = english(&zh);
            assert_eq!(left, None, "{}: `{text}` is said as `{zh}`", file.display());
            n += 1;
        }
    }
    assert!(n > 100, "the sources are there: {n}");
}

/// No row says more or fewer values than it has.
#[test]
fn rows_keep_their_values() {
    for table in [faults::FAULTS, odd::ODDITIES, phrases::PHRASES, phrases::DRIVERS] {
        for (row, zh) in table {
            let n = row.matches("{}").count();
            let all = (0..n).all(|at| zh.matches(&format!("{{{at}}}")).count() == 1);
            // A role, and why a thing is missing, are left out on purpose.
            assert!(all || *row == "role {} may not do this", "{row}: {zh}");
            assert!(!zh.contains(&format!("{{{n}}}")), "{row}: {zh}");
        }
    }
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Its text literals, without those of its tests.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text = lines.collect::<Vec<_>>().join("\n").replace("'\"'", "' '").replace("'\\''", "' '");
    let mut found = Vec::new();
    let mut chars = text.chars();
    while chars.any(|c| c == '"') {
        let mut literal = String::new();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => match chars.next() {
                    Some('\n') => {
                        let rest = chars.as_str();
                        let n = rest.len() - rest.trim_start().len();
                        chars = rest.get(n..).unwrap_or_default().chars();
                    }
                    Some('n') => literal.push('\n'),
                    Some(c) => literal.push(c),
                    None => break,
                },
                c => literal.push(c),
            }
        }
        found.push(literal);
    }
    found
}

/// A literal with a number for every value.
fn sample(literal: &str) -> String {
    let mut made = String::new();
    let mut inside = false;
    for c in literal.chars() {
        match c {
            '{' if !inside => {
                inside = true;
                made.push('7');
            }
            '}' => inside = false,
            c if !inside => made.push(c),
            _ => {}
        }
    }
    made
}
