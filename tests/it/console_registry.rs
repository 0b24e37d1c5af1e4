//! The registry of terminals in the console: out as a spreadsheet, in again with a dry run, silent tests
//! and volumes. Each on its main path and where it must be refused.

use crate::process::{Gateway, wait_until};
use crate::visitor::{Page, Visitor, add};
use mingluo::model::{AreaCode, TerminalId};
use mingluo::simulate::{FleetTerminal, Misbehaviour};
use std::sync::atomic::Ordering;

const COUNTY: &str = "430621000000";

fn gateway(name: &str) -> Gateway {
    let gateway = Gateway::start(name);
    add(&gateway, "tech", "季技术", "technician", COUNTY);
    add(&gateway, "town", "乡技术", "technician", "430621104000");
    add(&gateway, "officer", "张三", "officer", COUNTY);
    gateway
}

fn body(page: &Page) -> &str {
    page.whole.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The registry as the console gives it, without the mark before it.
fn exported(who: &mut Visitor, query: &str) -> String {
    let page = who.get(&format!("/console/terminals/export{query}"));
    assert_eq!(page.status, 200, "{}", page.whole);
    let csv = body(&page);
    let from = csv.find("id,name").expect("the head row");
    let until = csv.rfind('\n').expect("rows");
    csv[from..=until]
        .lines()
        .filter(|line| line.contains(','))
        .fold(String::new(), |all, line| all + line + "\n")
}

fn n_registered(gateway: &Gateway) -> usize {
    gateway.get("/terminals?limit=1000")["terminals"].as_array().unwrap().len()
}

/// What a hidden field of a page holds.
fn hidden(page: &Page, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = page.whole.split_once(&start).unwrap_or_else(|| panic!("{name}: {}", page.whole)).1;
    rest.split('"').next().unwrap().to_owned()
}

const IMPORT: &str = "/console/terminals/import";
const NEW: &str = "430621104000-901";

#[test]
fn a_file_is_checked_corrected_confirmed_and_survives_a_kill() {
    let mut gateway = gateway("registry-import");
    let mut tech = Visitor::signed_in(&gateway, "tech");
    let csv = exported(&mut tech, "");
    let before = n_registered(&gateway);
    assert_eq!(csv.lines().count(), before + 1, "{csv}");
    let n_lines = csv.lines().count();

    let broken = format!("{csv}{NEW},新装,430621999000,,,,,\n430621104000-902,,12,,,,,200\n");
    let page = tech.post_parts(IMPORT, &[("file", &broken)]);
    let lines = [n_lines + 1, n_lines + 2].map(|line| format!("第 {line} 行"));
    for expect in ["没有做任何修改", lines[0].as_str(), lines[1].as_str(), "430621999000", "音量"]
    {
        assert!(page.whole.contains(expect), "`{expect}` is not in {}", page.whole);
    }
    assert_eq!(n_registered(&gateway), before);

    let good = format!("{csv}{NEW},新装 \"东\",430621104000,,,opus,mqtt,45\n");
    let good = good.replace("新装 \"东\"", "新装");
    let page = tech.post_parts(IMPORT, &[("file", &good)]);
    assert!(page.whole.contains("尚未生效") && page.whole.contains(NEW), "{}", page.whole);
    assert_eq!(n_registered(&gateway), before, "nothing changes until it is confirmed");
    let (checked, seen) = (hidden(&page, "checked"), hidden(&page, "seen"));
    let again = [("checked", checked.as_str()), ("seen", &seen), ("reason", "")];
    let refused = tech.post_parts(IMPORT, &again);
    assert!(tech.get(&refused.location).whole.contains("请写明原因"));
    let again = [("checked", checked.as_str()), ("seen", &seen), ("reason", "新村通电")];
    let done = tech.post_parts(IMPORT, &again);
    assert_eq!(done.status, 303, "{}", done.whole);
    let told = tech.get(&done.location).whole;
    let told_keys = format!("mingluo keys terminal {NEW}");
    assert!(told.contains("名册已更新") && told.contains(&told_keys), "{told}");
    let (_, keys) = gateway.broker();
    let id = TerminalId::parse(NEW).unwrap();
    assert!(!told.contains(&keys.terminal_password(id)), "a secret is on the page");
    assert_eq!(n_registered(&gateway), before + 1);
    // What somebody saw before is void now.
    let late =
        tech.post_parts(IMPORT, &[("checked", &checked), ("seen", &seen), ("reason", "再来")]);
    let told = if late.location.is_empty() { late.whole } else { tech.get(&late.location).whole };
    assert!(
        told.contains("与现有名册相同")
            || told.contains("请重新检查")
            || told.contains("没有任何修改"),
        "{told}"
    );

    gateway.kill();
    gateway.restart();
    assert_eq!(n_registered(&gateway), before + 1, "a restart is a replay");
    // It connects with the keys of its own, and its broker knows it.
    let area = AreaCode::parse("430621104000").unwrap();
    let new = FleetTerminal { id: id.number(), area, codecs: 1, volume_percent: 45 };
    let fleet = gateway.fleet_of(Misbehaviour::default(), vec![new]);
    wait_until(20, || fleet.stats.connected.load(Ordering::Relaxed) == 1, "it connects");
    gateway.wait_for(fleet.stop());
    gateway.stop();
}

#[test]
fn the_whole_registry_retires_what_is_not_in_it_and_asks_how_many() {
    let mut gateway = gateway("registry-whole");
    let mut tech = Visitor::signed_in(&gateway, "tech");
    let csv = exported(&mut tech, "");
    let before = n_registered(&gateway);
    let rows: Vec<&str> = csv.lines().collect();
    let shorter = rows[..rows.len() - 2].join("\n") + "\n";
    let page = tech.post_parts(IMPORT, &[("file", &shorter), ("whole", "1")]);
    assert!(page.whole.contains("retired\">2<"), "{}", page.whole);
    let (checked, seen) = (hidden(&page, "checked"), hidden(&page, "seen"));
    let confirm = |typed: &'static str| {
        [
            ("checked", checked.clone()),
            ("whole", "1".into()),
            ("seen", seen.clone()),
            ("typed", typed.to_owned()),
            ("reason", "拆除".to_owned()),
        ]
    };
    let send = |tech: &mut Visitor, typed: &'static str| {
        let fields = confirm(typed);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        tech.post_parts(IMPORT, &fields)
    };
    let wrong = send(&mut tech, "1");
    assert!(wrong.whole.contains("请输入将停用的终端数 2"), "{}", wrong.whole);
    assert_eq!(n_registered(&gateway), before);
    assert_eq!(send(&mut tech, "2").status, 303);
    assert_eq!(n_registered(&gateway), before - 2);
    gateway.stop();
}

#[test]
fn who_may_not_change_it() {
    let mut gateway = gateway("registry-rights");
    let mut tech = Visitor::signed_in(&gateway, "tech");
    let csv = exported(&mut tech, "");
    let changed = csv.replace(",80\n", ",33\n");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    assert_eq!(officer.post_parts(IMPORT, &[("file", &changed)]).status, 403);
    assert_eq!(officer.post("/console/terminals/tests", &[("act", "test")]).status, 403);
    assert!(!officer.get("/console/terminals").whole.contains(IMPORT), "no form either");
    // A township's technician: every row of another township is a fault with its line.
    let mut town = Visitor::signed_in(&gateway, "town");
    let page = town.post_parts(IMPORT, &[("file", &changed)]);
    assert!(page.whole.contains("不在您的管辖范围内"), "{}", page.whole);
    let own = exported(&mut town, "?area=430621104000").replace(",80\n", ",33\n");
    let page = town.post_parts(IMPORT, &[("file", &own)]);
    assert!(page.whole.contains("尚未生效"), "{}", page.whole);
    // Another site's form carries no token.
    town.token = "forged".to_owned();
    let forged = town.post_parts(IMPORT, &[("file", &own)]);
    assert_eq!(forged.status, 403);
    gateway.stop();
}

#[test]
fn a_silent_test_tells_who_could_play_and_a_volume_is_confirmed() {
    let mut gateway = gateway("registry-silent");
    let fleet = gateway.fleet(Misbehaviour::default());
    let n = fleet.n_connecting;
    let connected = || fleet.stats.connected.load(Ordering::Relaxed) >= u64::try_from(n).unwrap();
    wait_until(60, connected, "all terminals connect");
    let mut tech = Visitor::signed_in(&gateway, "tech");
    let begun = tech.post("/console/terminals/tests", &[("act", "test")]);
    assert!(begun.location.starts_with("/console/terminals/tests/"), "{}", begun.whole);
    let able = format!("<div class=\"reached\"><b>{n}</b>");
    let report = |tech: &mut Visitor, at: &str, able: &str| {
        let mut last = String::new();
        for _ in 0..60 {
            last = tech.get(at).whole;
            if last.contains(able) && last.contains("已结束") {
                return;
            }
            gateway.sleep_ms(250);
        }
        panic!("`{able}` is not in {last}");
    };
    report(&mut tech, &begun.location, &able);
    assert_eq!(fleet.stats.refused_frames.load(Ordering::Relaxed), 0);
    let test: u64 = begun.location.rsplit('/').next().unwrap().parse().unwrap();
    assert!(fleet.stats.tally_of(test).started.is_empty(), "something sounded");

    let one = "430621104000-001";
    let fields = [("act", "volume"), ("name", one), ("volume", "35"), ("reason", "居民反映太响")];
    let begun = tech.post("/console/terminals/tests", &fields);
    report(&mut tech, &begun.location, "<div class=\"reached\"><b>1</b>");
    let page = tech.get(&format!("/console/terminals?name={one}")).whole;
    assert!(page.contains("35%") && page.contains("居民反映太响"), "{page}");
    assert!(!page.contains("终端 80%"), "the terminal has it too: {page}");
    let none = tech.post("/console/terminals/tests", &[("act", "volume"), ("volume", "0")]);
    assert!(tech.get(&none.location).whole.contains("1 至 100"));
    gateway.wait_for(fleet.stop());
    gateway.stop();
}

#[test]
fn a_corner_that_cannot_be_read_keeps_the_form() {
    let mut gateway = gateway("registry-corner");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    let fields =
        [("class", "live"), ("text", "河水上涨"), ("polygon", "113.1,29.1 abc 113.2,29.2")];
    let page = officer.post("/console/compose", &fields);
    assert_eq!(page.status, 200, "{}", page.whole);
    for expect in ["拐角无法读取", "abc", "河水上涨"] {
        assert!(page.whole.contains(expect), "`{expect}` is not in {}", page.whole);
    }
    let counted = officer.post("/console/compose/audience", &fields);
    assert!(counted.status == 200 && counted.whole.contains("拐角无法读取"), "{}", counted.whole);
    gateway.stop();
}
