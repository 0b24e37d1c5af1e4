//! The command line used wrongly: what people are told, and the code that programs see.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of our own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mingluo-misuse-{name}-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Code and words of `mingluo` with these arguments, run in `folder`.
fn run(folder: &Path, args: &[&str]) -> (i32, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_mingluo"))
        .args(args)
        .current_dir(folder)
        .env_remove("MINGLUO_CONFIG")
        .env_remove("MINGLUO_RECORD")
        .env_remove("MINGLUO_KEY")
        .output()
        .unwrap();
    let told = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (done.status.code().unwrap_or(-1), told.concat())
}

fn check(folder: &Path, args: &[&str], code: i32, words: &[&str]) {
    let (got, told) = run(folder, args);
    assert_eq!(got, code, "{args:?}: {told}");
    for word in words {
        assert!(told.contains(word), "{args:?}: `{word}` is not in: {told}");
    }
}

#[test]
fn a_wrong_call_is_told_what_was_expected_and_what_is_safe() {
    let here = folder("nothing");
    let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/configs");
    check(&here, &["explain", "no.xml"], 66, &["an alert file", "no.xml", "nothing was sent"]);
    check(&here, &["alert", "no.xml"], 66, &["no.xml", "name a file"]);
    check(&here, &["stations", "read", "no.txt"], 66, &["no.txt"]);
    std::fs::write(here.join("a.xml"), "<alert/>").unwrap();
    check(&here, &["explain", "a.xml"], 78, &["1 fault in configs", "nothing was done", "check"]);
    let explain = ["explain", "--config", configs, "a.xml"];
    check(&here, &explain, 1, &["已退回", "缺少：", "the raw bytes are kept"]);
    check(&here, &["terminals", "list"], 78, &["--config"]);
    for verb in ["verify", "show", "export"] {
        check(&here, &["record", verb], 66, &["there is no configs/var/record.db", "--record"]);
    }
    let typo = ["record", "--record", "sqlite:typo.db", "verify"];
    check(&here, &typo, 66, &["nothing was made"]);
    assert!(!here.join("typo.db").exists(), "a question makes no record");
    check(&here, &["say", "你好", "--explain", "--phrases", "no.toml"], 1, &["no.toml"]);
    check(&here, &["say", "你好", "--explain"], 0, &["ni3 hao3"]);
    let fast = ["say", "你好", "-o", "x.wav", "--speed", "9"];
    check(&here, &fast, 64, &["a speed from 0.5 to 2"]);
    let nobody = ["say", "你好", "-o", "x.wav", "--voice", "zz"];
    check(&here, &nobody, 1, &["got `zz`", "kokoro:zm_yunjian", "mingluo voice list"]);
    check(&here, &["say", "你好", "-o", "no/x.wav"], 1, &["no/x.wav", "nothing was made"]);
    assert!(!here.join("x.wav").exists());
    std::fs::remove_dir_all(here).unwrap();
}

#[test]
fn keys_are_made_for_areas_that_are_served_and_both_or_the_missing_one() {
    let here = folder("keys");
    let configs = here.join("configs");
    std::fs::create_dir(&configs).unwrap();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/configs")).unwrap() {
        let file = file.unwrap().path();
        if file.is_file() {
            std::fs::copy(&file, configs.join(file.file_name().unwrap())).unwrap();
        }
    }
    let create =
        |area: &'static str| ["keys", "create", "--name", "a", "--role", "source", "--area", area];
    for area in ["99", "430621999000", "110000000000", "430x"] {
        check(&here, &create(area), 1, &["430621000000", "nothing was made", area]);
    }
    check(&here, &create("430621100000"), 0, &["mlk_"]);
    check(&here, &create("430600000000"), 0, &["mlk_"]);
    check(&here, &["keys", "init"], 0, &["signing.key", "terminal-master.key"]);
    check(&here, &["keys", "init"], 1, &["exist already", "stay as they are"]);
    let (signing, master) = ("configs/keys/signing.key", "configs/keys/terminal-master.key");
    let before = std::fs::read(here.join(signing)).unwrap();
    std::fs::remove_file(here.join(master)).unwrap();
    let (code, told) = run(&here, &["keys", "init"]);
    assert!(
        code == 0 && told.contains("terminal-master.key") && !told.contains("signing.key"),
        "{told}"
    );
    assert_eq!(std::fs::read(here.join(signing)).unwrap(), before, "a key in use stays");
    std::fs::remove_dir_all(here).unwrap();
}

#[test]
fn a_serial_port_that_is_not_there_is_named_by_check() {
    let here = folder("port");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/configs");
    for file in std::fs::read_dir(source).unwrap() {
        let file = file.unwrap().path();
        if file.is_file() {
            std::fs::copy(&file, here.join(file.file_name().unwrap())).unwrap();
        }
    }
    let change = |name: &str, change: &dyn Fn(String) -> String| {
        let text = std::fs::read_to_string(here.join(name)).unwrap();
        std::fs::write(here.join(name), change(text)).unwrap();
    };
    change("terminals.csv", &|text| {
        let row = |line: &str| match line.starts_with("430621100001-001,") {
            true => line.replace(",mqtt,", ",mqtt serial,"),
            false => line.to_owned(),
        };
        text.lines().map(row).collect::<Vec<_>>().join("\n")
    });
    let line = "\n[[serial.lines]]\nport = \"/dev/tty-not-there\"\nbaud = 9600\n\
                terminals = [\"430621100001-001@1\"]\n\n[national]";
    change("gateway.toml", &|text| text.replacen("\n[national]", line, 1));
    let args = ["check", "--config", here.to_str().unwrap()];
    check(&here, &args, 0, &["/dev/tty-not-there is not there now", "correct `port`"]);
    std::fs::remove_dir_all(&here).unwrap();
}
