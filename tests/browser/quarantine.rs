//! Quarantine and STOP latch in a real browser: hostile bytes are shown and stay text; a technician has them
//! read again; a leader sets the latch and every page says so.

use crate::hostile::corpus;
use crate::office::{LEADER, OFFICER, Office, TECHNICIAN, in_current};

#[test]
fn rejected_bytes_stay_text_and_are_read_again() {
    in_current("quarantine", |browser| {
        let office = Office::open("quarantine-page");
        let gateway = &office.gateway;
        for text in corpus() {
            let (status, told) =
                gateway.post("/alerts", &gateway.source(), format!("<alert>{text}"));
            assert_eq!(status, 422, "{told}");
        }
        let page = office.signed_in(browser, &TECHNICIAN);
        page.go("/console/alerts");
        page.and_load(|page| page.click("a[href=\"/console/rejections\"]"));
        page.wait_for_text("退回报文");
        page.shot("list");
        for number in 1..=corpus().len() {
            page.go(&format!("/console/rejections/{number}"));
            page.wait_for("pre#raw");
            page.pause(50);
            page.check();
            assert!(
                page.text("pre#raw").starts_with("<alert>"),
                "the bytes are shown as they came"
            );
        }
        page.fill("[action$=replay] [name=reason]", "读取程序已更新");
        page.and_load(|page| page.click("[action$=replay] button[type=submit]"));
        page.wait_for_text("仍然无法识别");
        page.wait_for_text("季技术");
        page.shot("replayed");
        let officer = office.signed_in(browser, &OFFICER);
        officer.go("/console/rejections/1");
        assert_eq!(officer.count("[action$=replay]"), 0);
    });
}

#[test]
fn a_latch_is_told_on_every_page_until_it_is_lifted() {
    in_current("latch", |browser| {
        let office = Office::open("latch-page");
        let page = office.signed_in(browser, &LEADER);
        page.go("/console/latches");
        page.fill("[action=\"/console/latches\"] [name=reason]", "上级平台误发，正在核实");
        page.and_load(|page| page.click("[action=\"/console/latches\"] button.danger"));
        page.wait_for_text("停播锁已生效");
        page.shot("held");
        let officer = office.signed_in(browser, &OFFICER);
        for path in ["/console/", "/console/broadcasts", "/console/compose", "/console/me"] {
            officer.go(path);
            assert!(officer.text("div.latch").contains("李带班"), "{path}");
        }
        let held = office.gateway.post_alert("RED");
        assert_eq!(held["disposition"], "awaiting_approval", "{held}");
        officer.go("/console/latches");
        assert_eq!(officer.count("[action$=lift]"), 0, "an officer has no form for it");
        page.fill("[action$=lift] [name=reason]", "已与上级核实");
        page.and_load(|page| page.click("[action$=lift] button[type=submit]"));
        page.wait_for_text("停播锁已解除");
        officer.go("/console/");
        assert_eq!(officer.count("div.latch"), 0);
    });
}
