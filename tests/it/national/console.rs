//! What people do with national terminals in the console: a silent test that finds who could play, and
//! live speech, which tells who can't hear it, on screen and on record.

use super::County;
use crate::process::wait_until;
use crate::visitor::{Visitor, add};
use mingluo::simulate::NationalFaults;
use std::sync::atomic::Ordering;

const COUNTY: &str = "430621000000";

#[test]
fn a_silent_test_is_answered_by_the_protocol_and_nothing_sounds() {
    let mut county = County::start("national-silent");
    add(&county.gateway, "tech", "季技术", "technician", COUNTY);
    let n = county.codes.len();
    let fleet = county.fleet(0..n, NationalFaults::default());
    county.online(n);
    let mut tech = Visitor::signed_in(&county.gateway, "tech");
    let mut test = |fields: &[(&str, &str)], able: usize| {
        let begun = tech.post("/console/terminals/tests", fields);
        assert!(begun.location.starts_with("/console/terminals/tests/"), "{}", begun.whole);
        let able = format!("<div class=\"reached\"><b>{able}</b>");
        let over = || {
            let whole = tech.get(&begun.location).whole;
            whole.contains(&able) && whole.contains("已结束")
        };
        wait_until(30, over, &format!("{able}, and over"));
    };
    test(&[("act", "test")], n);
    let one = county.codes[0].0.as_str();
    let volume = [("act", "volume"), ("name", one), ("volume", "35"), ("reason", "太响")];
    test(&volume, 1);
    let page = tech.get(&format!("/console/terminals?name={one}")).whole;
    assert!(page.contains("35%") && !page.contains("终端 80%"), "the terminal has it too: {page}");
    assert_eq!(fleet.stats.orders.load(Ordering::Relaxed), 0, "nothing was started");
    county.gateway.stop_within(12);
    assert_eq!(county.gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn live_speech_to_national_terminals_alone_is_refused_in_plain_words() {
    let mut county = County::start("national-live");
    add(&county.gateway, "officer", "张三", "officer", COUNTY);
    let mut officer = Visitor::signed_in(&county.gateway, "officer");
    let fields = [
        ("class", "live"),
        ("voice", "live"),
        ("text", "请下河捕鱼的群众马上上岸"),
        ("area", COUNTY),
        ("urgency", "emergency"),
        ("chime", "notice"),
        ("repeats", "1"),
        ("interval", "0"),
        ("valid", "30"),
        ("step", "review"),
    ];
    let told = officer.post("/console/compose", &fields).whole;
    let n = county.codes.len();
    assert!(told.contains(&format!("所选 {n} 个终端都听不到现场喊话")), "{told}");
    county.gateway.stop_within(12);
}
