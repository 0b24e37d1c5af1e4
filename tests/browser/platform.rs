//! 上级平台往来 in a real browser: a signed message and a forged one, what was answered, what is told, and how
//! often it was told in vain; nothing of it is code.

use crate::office::{LEADER, OFFICER, Office, in_current};
use crate::process::wait_until;
use crate::upper::{UPPER, beside, message, order};
use mingluo::model::ResultCode;

#[test]
fn people_see_what_came_what_was_answered_and_what_is_told() {
    in_current("platform", |browser| {
        let mut upper = None;
        let office = Office::open_with("platform-page", |gateway| {
            upper = Some(beside(gateway, |_| None));
        });
        let (upper, url) = upper.unwrap();
        let gateway = &office.gateway;
        let mut hostile = order(1, 1, 600);
        hostile.title = "<img src=x onerror=alert(1)>暴雨红色预警".into();
        let (ebm, saying, files) = message(&hostile);
        let receipt = gateway.wait_for(upper.send(&url, saying, &files)).unwrap();
        assert_eq!(receipt.code, ResultCode::Good, "{}", receipt.desc);
        // Bytes that are no package: among the rejected messages, which the page leads to.
        let post = reqwest::Client::new().post(&url).body("no package").send();
        let _answer = gateway.wait_for(post).unwrap();
        let page = office.signed_in(browser, &LEADER);
        page.go("/console/system");
        page.and_load(|page| page.click("a[href=\"/console/platform\"]"));
        page.wait_for_text("上级平台往来");
        page.check();
        let told = || {
            page.go("/console/platform");
            let text = page.text("main");
            text.contains("播发状态反馈") && text.contains("1 正常") && text.contains("心跳")
        };
        wait_until(60, told, "a state was told and taken");
        let text = page.text("main");
        for word in [ebm.as_str(), UPPER, "有效，证书", "播发消息", "已自动播发", "上级最近应答"]
        {
            assert!(text.contains(word), "`{word}` is not in {text}");
        }
        page.shot("list");
        page.go("/console/platform?way=came");
        assert!(!page.text("table").contains("播发状态反馈"), "the choice holds");
        page.go("/console/platform/1");
        page.wait_for_text("EBDID");
        page.check();
        let text = page.text("main");
        for word in ["SHA-256", "播发消息 EBM", "相关往来", "播发状态反馈"] {
            assert!(text.contains(word), "`{word}` is not in {text}");
        }
        page.shot("detail");
        page.and_load(|page| page.click("a[href^=\"/console/alerts/\"]"));
        page.wait_for_text("暴雨红色预警");
        page.go(&format!("/console/rejections?by={UPPER}"));
        page.wait_for("a[href^=\"/console/rejections/\"]");
        let officer = office.signed_in(browser, &OFFICER);
        officer.go("/console/platform");
        officer.wait_for_text("上级平台往来");
    });
}
