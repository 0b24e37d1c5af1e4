//! `mingluo record` as the auditor runs it.

use super::{Folder, SECRET, alert, open, url};
use clap::Parser;
use mingluo::cli::record::{RecordArgs, run};
use mingluo::model::UtcMs;
use mingluo::record::{Journal, NewRow};
use serde_json::Value;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    record: RecordArgs,
}

/// Runs a command line; gives exit code and output.
fn mingluo(folder: &Folder, words: &[&str]) -> (u8, String) {
    let url = url(&folder.db());
    let line = ["record", "--record", &url];
    let args = Line::try_parse_from(line.iter().chain(words))
        .unwrap_or_else(|fault| panic!("{words:?}: {fault}"));
    let mut out = Vec::new();
    let code = run(&args.record, &mut out).unwrap_or_else(|fault| panic!("{words:?}: {fault:#}"));
    (code, String::from_utf8(out).unwrap())
}

fn refused(folder: &Folder, words: &[&str]) -> String {
    let url = url(&folder.db());
    let args = match Line::try_parse_from(["record", "--record", &url].iter().chain(words)) {
        Ok(args) => args,
        Err(fault) => return fault.to_string(),
    };
    format!("{:#}", run(&args.record, &mut Vec::new()).unwrap_err())
}

fn acknowledged(at: i64, body: &str) -> NewRow {
    NewRow { at: UtcMs(at), kind: "acknowledged".to_owned(), body: body.as_bytes().to_vec() }
}

/// 2026-07-01 03:12:00 China Standard Time.
const NIGHT: i64 = 1_782_846_720_000;

fn ledger() -> Folder {
    let folder = Folder::new("cli");
    let mut journal = open(&folder.db());
    journal.sign_with(&SECRET);
    let (row, raw) = alert(b"<alert/>");
    journal.append(&[row], &[raw]).unwrap();
    let all = [
        acknowledged(NIGHT, r#"{"terminal":"t-1","step":"played","heard":true,"ended_at":null}"#),
        acknowledged(NIGHT + 1, r#"{"terminal":"=cmd()","step":{"failed":"a,\"b\""},"gain":-3}"#),
        acknowledged(NIGHT + 2, r#"{"terminal":"+1","step":"@x","note":"村\n委会"}"#),
        acknowledged(NIGHT + 86_400_000, r#"{"terminal":"t-9","step":"-","seq":5}"#),
    ];
    journal.append(&all, &[]).unwrap();
    journal.checkpoint(UtcMs(NIGHT)).unwrap();
    folder
}

#[test]
fn verify_tells_good_from_bad() {
    let folder = ledger();
    let key = ed25519_dalek::SigningKey::from_bytes(&SECRET).verifying_key().to_bytes();
    let key = mingluo::model::Sha256(key).to_string();
    let (code, text) = mingluo(&folder, &["verify", "--key", &key]);
    assert!(
        code == 0 && text.contains("完好 good") && text.contains("signed up to row 5"),
        "{text}"
    );
    let (code, text) = mingluo(&folder, &["verify", "--json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &answer["ok"], &answer["n_rows"]), (0, &true.into(), &5.into()));
    let head = format!("{}:{}", answer["head_seq"], answer["head_hash"].as_str().unwrap());
    assert_eq!(mingluo(&folder, &["verify", "--head", &head]).0, 0);
    assert!(mingluo(&folder, &["show"]).1.contains(&head));

    let connection = rusqlite::Connection::open(folder.db()).unwrap();
    connection.execute("UPDATE row SET at_ms = at_ms + 1 WHERE seq = 3", []).unwrap();
    let (code, text) = mingluo(&folder, &["verify"]);
    assert!(code == 1 && text.contains("行 row 3"), "{text}");
    let (code, text) = mingluo(&folder, &["verify", "--json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &answer["ok"], &answer["first_bad"]), (1, &false.into(), &3.into()));
}

#[test]
fn wrong_words_are_refused_with_what_is_expected() {
    let folder = ledger();
    let not_a_key = "ab".repeat(31);
    for (words, says) in [
        (vec!["verify", "--key", "ab"], "64 hexadecimal digits"),
        (vec!["verify", "--key", &not_a_key], "64 hexadecimal digits"),
        (vec!["verify", "--head", "12"], "SEQ:HASH"),
        (vec!["export", "--since", "yesterday"], "2026-07-01"),
        (vec!["export", "--since", "2026-13-01"], "2026-07-01"),
        (vec!["show", "6"], "the record ends at row 5"),
        (vec!["show", "0"], "0"),
    ] {
        let fault = refused(&folder, &words);
        assert!(fault.contains(says), "{words:?}: {fault}");
    }
    let nothing = Folder::new("nothing");
    assert!(refused(&nothing, &["verify"]).contains("record.db"));
    assert!(!nothing.db().exists());
}

#[test]
fn csv_is_the_ledger_and_no_formula() {
    let (code, text) = mingluo(&ledger(), &["export", "--format", "csv"]);
    assert_eq!(code, 0);
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let heading: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(
        heading,
        [
            "seq", "at", "at_ms", "hash", "ended_at", "gain", "heard", "note", "body.seq", "step",
            "terminal"
        ]
    );
    let lines: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(&lines[0][1], "2026-07-01T03:12:00.000+08:00");
    let cells = |line: usize| lines[line].iter().skip(4).collect::<Vec<_>>();
    assert_eq!(cells(0), ["", "", "true", "", "", "played", "t-1"]);
    assert_eq!(cells(1), ["", "'-3", "", "", "", r#"{"failed":"a,\"b\""}"#, "'=cmd()"]);
    assert_eq!(cells(2), ["", "", "", "村\n委会", "", "'@x", "'+1"]);
    assert_eq!(cells(3), ["", "", "", "", "5", "'-", "t-9"]);
    let (_, empty) = mingluo(&ledger(), &["export", "--format", "csv", "--kind", "none"]);
    assert_eq!(empty, "seq,at,at_ms,hash\n");
}

#[test]
fn json_lines_choose_by_kind_number_and_time() {
    let folder = ledger();
    let check = |words: &[&str], wanted: &[u64]| {
        let mut line = vec!["export"];
        line.extend(words);
        let (_, text) = mingluo(&folder, &line);
        let seqs: Vec<u64> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(seqs, wanted, "{words:?}");
    };
    check(&[], &[1, 2, 3, 4, 5]);
    check(&["--kind", "acknowledged"], &[2, 3, 4, 5]);
    check(&["--from", "4"], &[4, 5]);
    check(&["--since", "2026-07-01"], &[2, 3, 4, 5]);
    check(&["--since", "2026-07-01", "--until", "2026-07-02"], &[2, 3, 4]);
    check(&["--since", "2026-07-01T03:12:01"], &[5]);
    check(&["--since", "2026-06-30T19:12:00Z", "--until", "2026-07-01T03:12:00.001+08:00"], &[2]);
    let (_, text) =
        mingluo(&folder, &["export", "--from", "2", "--until", "2026-07-01T03:12:00.001"]);
    let second = text.lines().next().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(second.unwrap()["body"]["terminal"], "t-1");
}

#[test]
fn an_export_never_overwrites() {
    let folder = ledger();
    let file = folder.0.join("ledger.csv");
    let name = file.to_str().unwrap();
    let (code, text) = mingluo(&folder, &["export", "--format", "csv", "-o", name]);
    assert!(code == 0 && text.contains("4 行 rows"), "{text}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written, mingluo(&folder, &["export", "--format", "csv"]).1);
    let db = folder.db();
    for taken in [name, db.to_str().unwrap()] {
        let fault = refused(&folder, &["export", "-o", taken]);
        assert!(fault.contains("not there yet"), "{fault}");
    }
    assert_eq!(mingluo(&folder, &["verify"]).0, 0);
}

#[test]
fn show_prints_a_row_with_its_body() {
    let (code, text) = mingluo(&ledger(), &["show", "2"]);
    assert!(code == 0 && text.contains("acknowledged") && text.contains("\"t-1\""), "{text}");
    let (_, text) = mingluo(&ledger(), &["show", "2", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["body"]["heard"], true);
}
