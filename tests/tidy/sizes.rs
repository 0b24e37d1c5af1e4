//! How long files and functions may be, and words that stand for unfinished work.

use crate::source::{code, files};

/// Lines of a file.
const FILE_LINES_MAX: usize = 500;
/// Lines of code in a function body.
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn files_and_functions_stay_short() {
    let mut long = Vec::new();
    for folder in ["src", "tests", "firmware-bridge"] {
        for file in files(folder, ".rs") {
            let n = file.text.lines().count();
            if n > FILE_LINES_MAX {
                long.push(format!("{}: {n} lines, at most {FILE_LINES_MAX}", file.path));
            }
            for (name, n) in functions(&file.text) {
                if n > FUNCTION_LINES_MAX {
                    long.push(format!("{}: fn {name} has {n} lines of code", file.path));
                }
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Every function with its lines of code.
fn functions(text: &str) -> Vec<(String, usize)> {
    let code = code(text);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        let rest = &code[at + 3..];
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if before.is_alphanumeric() || before == '_' || name.is_empty() {
            continue;
        }
        let Some(open) = rest.find(['{', ';']).filter(|open| rest[*open..].starts_with('{')) else {
            continue;
        };
        let mut depth = 0_i32;
        let end = rest[open..].char_indices().find(|(_, letter)| {
            depth += match letter {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            depth == 0
        });
        let body = &rest[open + 1..open + end.map_or(0, |(end, _)| end).max(1)];
        found.push((name, body.lines().filter(|line| !line.trim().is_empty()).count()));
    }
    found
}

#[test]
fn functions_are_measured() {
    let text = "fn a() {\n  b(\"}\");\n\n  // no code\n  c();\n}\ntrait T { fn d(&self); }\n";
    assert_eq!(functions(text), [("a".to_owned(), 2)]);
}

#[test]
fn nothing_is_left_for_later() {
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["unimpl", "emented!"], ["to", "do!("]];
    let mut found = Vec::new();
    for folder in ["src", "tests", "firmware-bridge", "configs"] {
        for file in files(folder, "") {
            for word in words.map(|halves| halves.concat()) {
                if file.text.contains(&word) {
                    found.push(format!("{}: {word}", file.path));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
