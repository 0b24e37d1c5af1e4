//! The table of guards says what is: what `.ci/guards` takes out stands in its file once, and
//! the tests that must then fail are there.

use crate::source::root;
use serde::Deserialize;
use std::collections::BTreeSet;

/// What there must be guards against, by the word that begins their names.
const KINDS: [&str; 13] = [
    "xss", "csrf", "fixation", "host", "paths", "role", "area", "alias", "stale", "reason", "key",
    "over", "publish",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    guard: Vec<Guard>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guard {
    name: String,
    against: String,
    tests: Vec<String>,
    edits: Vec<Edit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    has: String,
    without: String,
}

/// All text of the files in which a test may stand: `--lib x`, `--test it x`, `--test browser x`.
fn sources(arguments: &str) -> (String, String) {
    let words: Vec<&str> = arguments.split(' ').collect();
    let (folder, path) = match words.as_slice() {
        ["--lib", path] => ("src", path),
        ["--test", "it", path] => ("tests/it", path),
        ["--test", "browser", path] => ("tests/browser", path),
        _ => panic!("expected arguments of `cargo test`, got `{arguments}`"),
    };
    let (module, test) = path.rsplit_once("::").expect("module::test");
    let file = root().join(folder).join(module.replace("::", "/"));
    let text = std::fs::read_to_string(file.with_extension("rs"))
        .or_else(|_| std::fs::read_to_string(file.join("mod.rs")));
    let (test, text) = match text {
        Ok(text) => (test, text),
        // The whole of a module's tests.
        Err(_) => panic!("`{arguments}`: there is no module {module}"),
    };
    (test.to_owned(), text)
}

#[test]
fn the_table_of_guards_says_what_is() {
    let text = std::fs::read_to_string(root().join("tests/guards.toml")).unwrap();
    let table: Table = toml::from_str(&text).expect("the table can be read");
    let mut names = BTreeSet::new();
    for guard in &table.guard {
        let name = &guard.name;
        assert!(names.insert(name), "`{name}` stands there twice");
        assert!(!guard.against.is_empty() && !guard.tests.is_empty(), "`{name}` says too little");
        for edit in &guard.edits {
            let file = std::fs::read_to_string(root().join(&edit.file)).expect("a file of ours");
            let found = file.matches(&edit.has).count();
            assert_eq!(found, 1, "`{name}`: `{}` in {}", edit.has, edit.file);
            assert_ne!(edit.has, edit.without, "`{name}` takes nothing out");
        }
        for arguments in &guard.tests {
            let (test, text) = sources(arguments);
            let found =
                text.contains(&format!("fn {test}")) || text.contains(&format!("mod {test}"));
            assert!(test.is_empty() || found, "`{name}`: no test `{arguments}`");
        }
    }
    for kind in KINDS {
        let known = names.iter().any(|name| name.starts_with(&format!("{kind}: ")));
        assert!(known, "no guard against {kind}");
    }
}
