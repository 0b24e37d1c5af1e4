//! The files of the repository, and their code without words.

use std::path::{Path, PathBuf};

/// Folders that a build or a run makes.
const MADE: [&str; 4] = [".git", "target", "var", "node_modules"];

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text file.
pub(crate) struct Source {
    /// Its path below the root, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl Source {
    /// Its lines of the product: without the tests at its end.
    pub(crate) fn product(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
    }

    /// Whether it is one of these files, or inside one of these folders (ending with `/`).
    pub(crate) fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| match place.strip_suffix('/') {
            Some(folder) => self.path.starts_with(place) || self.path == format!("{folder}.rs"),
            None => self.path == *place,
        })
    }
}

/// All text files below a folder, by path; `ending` such as `.rs`, or empty.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root().join(folder), ending, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no files {ending} in {folder}");
    found
}

fn walk(folder: &Path, ending: &str, found: &mut Vec<Source>) {
    for path in children(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if MADE.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, ending, found);
        } else if name.ends_with(ending)
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}

/// What a folder holds.
pub(crate) fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|_| panic!("{}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// One file.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// The code with comments, strings and characters blanked; every line stays where it is.
pub(crate) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(end) = raw_string(rest) {
            end
        } else if letter == '"' {
            closing(rest)
        } else if letter == '\'' {
            character(rest)
        } else {
            0
        };
        if skip == 0 {
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            let (skipped, after) = rest.split_at(skip);
            out.extend(skipped.chars().filter(|letter| *letter == '\n'));
            rest = after;
        }
    }
    out
}

/// Length of a raw string that begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let hashes = rest.strip_prefix('r')?;
    let n = hashes.len() - hashes.trim_start_matches('#').len();
    let body = hashes[n..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(n));
    Some(1 + n + 1 + body.find(&end)? + end.len())
}

/// Length of a string that begins here.
fn closing(rest: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Length of a character that begins here; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), Some(_)) => {
            letters.find(|(_, letter)| *letter == '\'').map_or(0, |(at, _)| at + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

#[test]
fn words_are_blanked_and_code_stays() {
    let text = "let a = \"{ \\\" }\"; // {\nlet b = ['{', '\\'', r#\"{\"\"#]; fn c<'a>() {}\n";
    assert_eq!(code(text), "let a = ; \nlet b = [, , ]; fn c<'a>() {}\n");
}
