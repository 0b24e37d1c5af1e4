//! Documents, interfaces and files name the same things.

use crate::source::{Source, children, files, read, root};
use clap::Subcommand;
use mingluo::cli::Command;

/// All that may lie at the top.
const TOP: [&str; 19] = [
    ".ci",
    ".dockerignore",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "README.zh-CN.md",
    "audio-samples",
    "clippy.toml",
    "configs",
    "deny.toml",
    "firmware-bridge",
    "rustfmt.toml",
    "src",
    "tests",
];
/// What builds, runs and version control leave there.
const MADE: [&str; 3] = [".git", "target", "var"];
/// Both readmes.
const READMES: [&str; 2] = ["README.md", "README.zh-CN.md"];
/// Lines of ARCHITECTURE.md.
const ARCHITECTURE_LINES_MAX: usize = 200;

#[test]
fn the_top_holds_what_belongs_there() {
    for path in children(root()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let known = TOP.contains(&name.as_str()) || MADE.contains(&name.as_str());
        assert!(known, "{name} does not belong at the top; see `TOP` in tests/tidy");
    }
    for name in TOP {
        assert!(root().join(name).exists(), "{name} is missing");
    }
    let n = read("ARCHITECTURE.md").lines().count();
    assert!(n <= ARCHITECTURE_LINES_MAX, "ARCHITECTURE.md has {n} lines");
}

#[test]
fn every_verb_is_in_both_readmes() {
    let all = Command::augment_subcommands(clap::Command::new("mingluo"));
    for readme in READMES {
        let text = read(readme);
        for verb in all.get_subcommands() {
            let name = format!("mingluo {}", verb.get_name());
            let lines: Vec<&str> = text.lines().filter(|line| line.contains(&name)).collect();
            assert!(!lines.is_empty(), "{readme} does not say `{name}`");
            for below in verb.get_subcommands().filter(|below| below.get_name() != "help") {
                let below = below.get_name();
                assert!(
                    lines.iter().any(|line| line.contains(&format!("`{below}"))
                        || line.contains(&format!("{name} {below}"))),
                    "{readme} does not say `{name} {below}`"
                );
            }
        }
    }
}

#[test]
fn every_route_is_in_both_readmes() {
    let router = read("src/console/mod.rs");
    let paths: Vec<&str> =
        router.split(".route(\"").skip(1).filter_map(|route| route.split('"').next()).collect();
    assert!(paths.len() >= 15, "found only {paths:?}: does this test still read the router?");
    for readme in READMES {
        let text = read(readme);
        for path in &paths {
            assert!(text.contains(path), "{readme} does not say {path}");
        }
    }
}

/// The commands of the first code block of a readme.
fn first_commands(text: &str) -> Vec<&str> {
    let block = text.split("```").nth(1).expect("a readme begins with its two commands");
    block.lines().skip(1).filter(|line| line.starts_with("cargo ")).collect()
}

#[test]
fn the_two_commands_are_those_of_ci() {
    let ci = read(".ci/run");
    for readme in READMES {
        let text = read(readme);
        let commands = first_commands(&text);
        assert_eq!(commands.len(), 2, "{readme}: {commands:?}");
        for command in commands {
            assert!(
                ci.lines().any(|line| line.ends_with(command)),
                "`{command}` is not in .ci/run"
            );
        }
    }
    let readme = read("README.md");
    let docker = read("Dockerfile");
    let build = docker.split("cargo build").nth(1).expect("the Dockerfile builds");
    let build = format!("cargo build{}", build.split(['\n', '&']).next().unwrap_or_default());
    let said = readme.lines().any(|line| line.trim() == build.trim());
    assert!(said, "README.md does not say `{}`", build.trim());
}

/// What the container copies is there, and no key or record of this machine goes with it.
#[test]
fn the_container_takes_what_exists_and_leaves_secrets_out() {
    let docker = read("Dockerfile");
    let left_out = read(".dockerignore");
    let copies = docker.lines().filter_map(|line| line.strip_prefix("COPY "));
    for copy in copies.filter(|copy| !copy.starts_with("--from")) {
        let mut names: Vec<&str> = copy.split(' ').collect();
        names.pop();
        for name in names {
            assert!(root().join(name).exists(), "the Dockerfile copies {name}, which is not there");
            assert!(!left_out.lines().any(|line| line == name), "{name} is copied and left out");
        }
    }
    for name in [".git", "target", "var", "configs/keys", "configs/var"] {
        assert!(left_out.lines().any(|line| line == name), "{name} would go into the container");
    }
    let shipped = read("configs/gateway.toml");
    for line in docker.lines().filter_map(|line| line.split("MINGLUO__").nth(1)) {
        let (section, rest) = line.split_once("__").expect("section and key");
        let (section, key) = (section.to_lowercase(), rest.split(['=', ' ']).next().unwrap());
        let table = shipped.split(&format!("[{section}]\n")).nth(1).unwrap_or_default();
        let table = table.split("\n[").next().unwrap_or_default();
        let there =
            table.lines().any(|line| line.starts_with(&format!("{} =", key.to_lowercase())));
        assert!(there || key == "PUBLIC_CLIP_URL", "gateway.toml has no {section}.{key}");
    }
}

#[test]
fn every_recording_has_an_origin() {
    let told = read("audio-samples/README.md");
    let words = read("audio-samples/recordings.toml");
    let mut unknown = Vec::new();
    for path in children(&root().join("audio-samples")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let stem = name.split('.').next().unwrap_or_default();
        let known = told.contains(&name)
            || words.contains(&format!("\"{stem}\""))
            || words.contains(&format!("[{stem}]"))
            || name == "README.md"
            || (path.is_dir() && told.contains(&format!("`{name}/")));
        if !known {
            unknown.push(name);
        }
    }
    assert!(unknown.is_empty(), "neither in README.md nor in recordings.toml: {unknown:?}");
}

#[test]
fn no_text_knows_the_machine_it_was_written_on() {
    let needles = [["/wo", "rk/"], ["/ho", "me/"], ["/Use", "rs/"]].map(|halves| halves.concat());
    let tells = |file: &Source| needles.iter().any(|needle| file.text.contains(needle));
    let found: Vec<String> =
        files("", "").into_iter().filter(tells).map(|file| file.path).collect();
    assert!(found.is_empty(), "machine paths in {found:?}");
}
