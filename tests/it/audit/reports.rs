//! Reports of the library, and the audit of the real daemon.

use super::{Folder, NIGHT, area, history, report, started, terminal, write};
use crate::process::{Gateway, alert, wait_until};
use mingluo::model::{Class, LinkKind, Network, Step, UtcMs};
use mingluo::record::audit::{Audit, Filter, OutcomeKind};
use mingluo::record::{Journal, SqliteJournal, SqliteOptions};
use mingluo::report::{self, Directory, Form, Heading, TerminalName, find_font};
use mingluo::simulate::Misbehaviour;
use serde_json::Value;
use std::io::Write;

/// Rows of the table that must go out in constant memory.
const MANY: u64 = 200_000;
/// Terminals of one broadcast in it.
const EACH: u64 = 20_000;
/// Growth of the gateway while it writes reports of [`MANY`] rows, KiB; the CSV has 60 MB.
const GROWTH_KIB_MAX: u64 = 48 * 1024;

fn heading(filter: Filter) -> Heading {
    Heading {
        county: "岳阳县".into(),
        filter,
        asked_by: "审计员".into(),
        made_at: UtcMs(NIGHT),
        font_file: None,
    }
}

fn audit(rows: &[mingluo::record::NewRow]) -> (Folder, Audit) {
    let folder = Folder::new("reports");
    write(&mut folder.journal(), rows);
    let audit = Audit::open_offline(&folder.url()).unwrap();
    (folder, audit)
}

fn table(bytes: &[u8]) -> Vec<csv::StringRecord> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").expect("a mark for WPS and Excel");
    csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text)
        .records()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn csv_is_the_audit_and_no_formula() {
    let id = u64::try_from(NIGHT).unwrap();
    let me = terminal(100, 1, 1);
    let rows = [
        started(id, NIGHT, Some("=cmd()"), Class::Drill, &[], &[me, terminal(100, 1, 2)]),
        report(id, NIGHT + 5_000, me, Step::Failed("-2+3\"x\"".into()), LinkKind::Serial),
    ];
    let (_folder, audit) = audit(&rows);
    let mut directory = Directory::of(&Network::default());
    let name = TerminalName { name: "@老街".into(), contact: None };
    directory.terminals.insert(me, name);
    directory.areas.insert(area("430621100"), "荣家湾镇".into());
    let mut out = Vec::new();
    let n = report::write(&audit, Form::Csv, &heading(Filter::default()), &directory, &mut out);
    assert_eq!(n.unwrap(), 2);
    let lines = table(&out);
    assert_eq!(lines.len(), 3);
    let cell = |line: usize, name: &str| {
        let at = lines[0].iter().position(|column| column == name).unwrap();
        lines[line][at].to_owned()
    };
    assert_eq!(cell(1, "播发编号"), NIGHT.to_string());
    assert_eq!(cell(1, "播发开始"), "2026-07-01 03:12:00.000");
    assert_eq!(cell(1, "类别"), "演练");
    assert_eq!(cell(1, "预警标识"), "'=cmd()");
    assert_eq!(cell(1, "终端名称"), "'@老街");
    assert_eq!(cell(1, "乡镇"), "荣家湾镇");
    assert_eq!((cell(1, "结果"), cell(1, "结果说明")), ("故障".into(), "'-2+3\"x\"".into()));
    assert_eq!(cell(1, "链路"), "串口");
    assert_eq!(cell(1, "接收（终端）"), "2026-07-01 03:12:02.000");
    assert_eq!(cell(1, "接收回执到达（网关）"), "2026-07-01 03:12:05.000");
    assert_eq!(cell(1, "账本行号"), "2");
    assert_eq!(cell(2, "结果"), "待发送");
    assert!(String::from_utf8(out).unwrap().contains("\r\n"));
}

/// Takes everything and keeps only the count; refuses pieces that are too large.
struct Counting(u64);

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += u64::try_from(bytes.len()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A receiver that is full.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("no space"))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_form_is_written_or_says_why_not() {
    let (_folder, audit) = audit(&history(21, 12));
    let (all, directory) = (heading(Filter::default()), Directory::default());
    let n_all = audit.summary(&Filter::default()).unwrap().totals.all();
    let mut forms = vec![Form::Csv, Form::Xlsx];
    match find_font(None) {
        Ok(_) => forms.push(Form::Pdf),
        Err(fault) => assert!(fault.to_string().contains("fonts-noto-cjk"), "{fault}"),
    }
    for form in forms {
        let mut out = Counting(0);
        assert_eq!(report::write(&audit, form, &all, &directory, &mut out).unwrap(), n_all);
        assert!(out.0 > 5_000, "{form:?}: {} bytes", out.0);
        let fault = report::write(&audit, form, &all, &directory, &mut Full).unwrap_err();
        assert!(fault.to_string().contains("no space"), "{form:?}: {fault}");
        let nothing = Filter { areas: vec![area("999999")], ..Filter::default() };
        let n = report::write(&audit, form, &heading(nothing), &directory, &mut Counting(0));
        assert_eq!(n.unwrap(), 0, "{form:?} of nothing");
    }
    let missing = Heading { font_file: Some("/nowhere/font.ttf".into()), ..all };
    let fault = report::write(&audit, Form::Pdf, &missing, &directory, &mut Counting(0));
    let fault = fault.unwrap_err().to_string();
    assert!(fault.contains("/nowhere/font.ttf") && fault.contains("fonts-noto-cjk"), "{fault}");
}

/// The daemon's audit of a real broadcast, within what a key may see.
#[test]
fn the_daemon_answers_within_the_areas_of_a_key() {
    let mut gateway = Gateway::prepare("audit-api");
    let key = |name: &str, role: &str, area: &str| {
        let words = ["keys", "create", "--name", name, "--role", role, "--area", area];
        let (code, key) = gateway.cli(&words);
        assert_eq!(code, 0, "{key}");
        key.trim().to_owned()
    };
    let town = key("town", "auditor", "430621100000");
    let officer = key("officer", "officer", "430621000000");
    gateway.restart();
    let fleet = gateway.fleet(Misbehaviour::default());
    let (status, answer) =
        gateway.post("/alerts", &gateway.source(), alert("audit-1", "Red", "Alert", ""));
    assert_eq!(status, 202, "{answer}");
    let n_online = u64::try_from(fleet.n_connecting).unwrap();
    let played = || gateway.get("/audit/summary")["totals"]["played"].as_u64().unwrap_or(0);
    wait_until(120, || played() == n_online, "the audit knows that everybody played");
    let summary = gateway.get("/audit/summary?alert=audit-1");
    let all = summary["acknowledgements"].as_u64().unwrap();
    let n_registered = gateway.loaded().network.terminals.len();
    assert_eq!((all, &summary["broadcasts"]), (u64::try_from(n_registered).unwrap(), &1.into()));
    assert!(summary["townships"][0]["name"].is_string(), "{summary}");
    // Page by page it is as many.
    let (mut n, mut next) = (0, String::new());
    loop {
        let page = gateway.get(&format!("/audit/acknowledgements?limit=50&after={next}"));
        n += page["acknowledgements"].as_array().unwrap().len();
        match page["next"].as_str() {
            Some(text) => next = text.to_owned(),
            None => break,
        }
    }
    assert_eq!(n, n_registered);
    let of_town = gateway.fetch("/audit/summary", &town).json();
    let of_town = of_town["acknowledgements"].as_u64().unwrap();
    let asked = gateway.get("/audit/summary?area=430621100")["acknowledgements"].as_u64().unwrap();
    assert!(of_town == asked && asked < all, "{of_town} {asked} {all}");
    check_evidence(&gateway, &town);
    for (path, key, expect) in [
        ("/audit/summary?area=430621", &town, 403),
        ("/audit/acknowledgements?area=430621101", &town, 403),
        ("/audit/export?format=csv&area=430621", &town, 403),
        ("/audit/evidence?broadcast=1&terminal=430621101001-001", &town, 403),
        ("/audit/evidence?broadcast=1&terminal=430621100001-001", &town, 404),
        ("/audit/evidence?broadcast=1", &town, 400),
        ("/audit/summary?outcome=heard", &town, 400),
        ("/audit/summary?colour=red", &town, 400),
        ("/audit/export?format=doc", &town, 400),
        ("/audit/summary", &officer, 403),
        ("/audit/summary", &"nobody".to_owned(), 401),
    ] {
        let answer = gateway.fetch(path, key);
        assert_eq!(answer.status, expect, "{path}: {}", answer.json());
    }
    gateway.stop();
    assert!(!gateway.record().with_extension("db-wal").exists(), "the record was closed in order");
    let (code, out) = gateway.cli(&["record", "export", "--outcome", "played", "--format", "csv"]);
    assert_eq!((code, out.lines().count()), (0, usize::try_from(n_online).unwrap() + 1), "{out}");
}

fn check_evidence(gateway: &Gateway, key: &str) {
    let page = gateway.fetch("/audit/acknowledgements?outcome=played&limit=1", key).json();
    let one = &page["acknowledgements"][0];
    let (broadcast, terminal) =
        (one["broadcast"].as_str().unwrap(), one["terminal"].as_str().unwrap());
    let path = format!("/audit/evidence?broadcast={broadcast}&terminal={terminal}");
    let proof = gateway.fetch(&path, key).json();
    let said: Vec<&Value> =
        proof["rows"].as_array().unwrap().iter().map(|row| &row["fact"]).collect();
    let has = |name: &str| said.iter().any(|fact| fact["fact"] == name);
    assert!(has("targeted") && has("clip_ready") && has("ordered") && has("reported"), "{proof}");
    assert_eq!(proof["chain"]["fits"], true, "{proof}");
    assert!(one["played"].is_null() && one["ended_ms"].is_i64(), "{one}");
}

/// Two hundred thousand ladders go out without being held in memory.
#[test]
fn reports_need_no_more_memory_than_a_page() {
    let mut gateway = Gateway::prepare("audit-memory");
    std::fs::create_dir_all(gateway.record().parent().unwrap()).unwrap();
    let options = SqliteOptions { ballast_bytes: 0, pages_max: None };
    let mut journal = SqliteJournal::open(&gateway.record(), &options).unwrap();
    let terminals: Vec<_> = (0..EACH).map(|n| terminal(n % 900, n / 900 + 1, 1)).collect();
    for number in 0..MANY / EACH {
        let id = u64::try_from(NIGHT).unwrap() + number * 1_000_000;
        let at = i64::try_from(id).unwrap();
        let rows = [
            started(id, at, None, Class::Live, &[area("430621")], &terminals),
            super::ended(id, at + 1_900_000),
        ];
        journal.append(&rows, &[]).unwrap();
    }
    drop(journal);
    gateway.restart();
    wait_until(
        120,
        || gateway.fetch("/audit/summary", &gateway.leader()).status == 200,
        "the projection is made",
    );
    let before = gateway.memory_peak_kib();
    let csv = gateway.fetch("/audit/export?format=csv", &gateway.leader());
    assert_eq!((csv.status, csv.content_type.as_str()), (200, "text/csv; charset=utf-8"));
    assert_eq!(u64::try_from(table(&csv.bytes).len()).unwrap(), MANY + 1);
    assert!(csv.bytes.len() > 20_000_000, "{}", csv.bytes.len());
    let xlsx = gateway.fetch("/audit/export?format=xlsx", &gateway.leader());
    assert!(xlsx.status == 200 && xlsx.bytes.starts_with(b"PK"));
    let growth = gateway.memory_peak_kib().saturating_sub(before);
    assert!(growth < GROWTH_KIB_MAX, "the gateway grew by {growth} KiB");
    // A receiver that goes away in the middle gives its place back.
    for _ in 0..4 {
        drop(gateway.begin("/audit/export?format=csv", &gateway.leader()));
    }
    wait_until(
        30,
        || {
            gateway.fetch("/audit/export?format=csv&outcome=played", &gateway.leader()).status
                == 200
        },
        "a report begins again",
    );
    let unreachable = gateway.get("/audit/summary")["totals"]["unreachable"].as_u64();
    assert_eq!(unreachable, Some(MANY));
    assert_eq!(OutcomeKind::Unreachable.chinese(), "未联通");
    gateway.stop();
}
