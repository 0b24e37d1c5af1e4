//! Response plans and API keys, as people change them.

use crate::office::{ADMINISTRATOR, ALIAS, LEADER, OFFICER, Office, in_current};
use crate::page::Page;
use crate::process::{alert, wire_get};

const FORM: &str = "/console/plans/edit?part=plan/rainstorm-red";

fn step(page: &Page, step: &str) {
    page.and_load(|page| page.click(&format!("[name=step][value={step}]")));
}

#[test]
fn a_response_plan_is_mended_previewed_approved_and_returned_to() {
    in_current("policy", |browser| {
        let office = Office::open("policy");
        let leader = office.signed_in(browser, &LEADER);
        leader.go("/console/plans");
        leader.click("#plan-rainstorm-red summary");
        leader.shot("plans");
        leader.and_load(|page| page.click_text("#plan-rainstorm-red a", "修改"));
        // Every fault at once; what was typed stays.
        leader.fill("[name=repeats]", "99");
        leader.fill("[name=title]", "");
        leader.fill("[name=hazards]", "暴雨");
        step(&leader, "preview");
        for fault in ["应为 1 至 20 的整数，收到“99”", "名称：不能为空", "灾种代码：应如 11B03"]
        {
            leader.wait_for_text(fault);
        }
        assert_eq!(leader.count("#preview"), 0, "what is faulty is not previewed");
        leader.shot("faults");
        leader.fill("[name=repeats]", "5");
        leader.fill("[name=title]", "暴雨红色");
        leader.fill("[name=hazards]", "11B03、11B38、11B64、11B49");
        leader.fill("[name=sample_words]", "新墙河水位猛涨。");
        step(&leader, "preview");
        leader.wait_for_text("检查通过");
        let preview = leader.text("#preview");
        for words in ["新墙河水位猛涨", "自动播发，无需审批", "个终端", "5 遍"]
        {
            assert!(preview.contains(words), "`{words}` is not in {preview}");
        }
        leader.shot("preview");
        leader.fill("main [name=reason]", "汛期加强播报");
        step(&leader, "save");
        leader.wait_for_text("另一位负责人批准后生效");
        leader.wait_for_text("待批准，尚未生效");
        leader.shot("proposed");
        assert_eq!(leader.count("form[action$=approve]"), 0, "nobody approves the own change");
        approved(&office, &office.signed_in(browser, &ADMINISTRATOR));
        // Back to the file, as a new version.
        leader.go("/console/plans/history?part=plan/rainstorm-red");
        leader.and_load(|page| page.click_text("article a", "恢复到此版"));
        assert_eq!(leader.eval("document.querySelector('[name=repeats]').value"), "3");
        step(&leader, "save");
        leader.wait_for_text("取自 policy.toml 原文");
        let alias = office.signed_in(browser, &ALIAS);
        alias.go("/console/plans");
        alias.wait_for_text("待批准，尚未生效");
        alias.and_load(|page| page.click("form[action$=approve] button"));
        alias.wait_for_text("已批准，立即生效");
        alias.shot("returned");
        // A duty officer reads all of it, and changes nothing.
        let officer = office.signed_in(browser, &OFFICER);
        officer.go("/console/plans");
        assert_eq!(officer.count("main a[href*='plans/edit']"), 0);
        officer.go(FORM);
        officer.expect_fault("403");
    });
}

/// Another person approves; a warning after it is played as often as the new version says.
fn approved(office: &Office, other: &Page) {
    let gateway = &office.gateway;
    let (_, before) = gateway.post("/alerts", &gateway.source(), alert("old", "Red", "Alert", ""));
    other.go("/console/plans");
    other.wait_for_text("待批准，尚未生效");
    other.and_load(|page| page.click("form[action$=approve] button"));
    other.wait_for_text("已批准，立即生效");
    other.wait_for_text("批准：管系统");
    let gone = other.text(".diff del");
    let new = other.text(".diff ins");
    assert_eq!((gone.as_str(), new.as_str()), ("遍数：3", "遍数：5"));
    other.shot("history");
    let (_, after) = gateway.post("/alerts", &gateway.source(), alert("new", "Red", "Alert", ""));
    let repeats = |answer: &serde_json::Value| {
        let id = answer["broadcasts"][0].as_str().expect("it started");
        gateway.get(&format!("/broadcasts/{id}"))["repeats"].clone()
    };
    assert_eq!(repeats(&before), 3, "what runs keeps what it was decided by");
    assert_eq!(repeats(&after), 5);
    other.go("/console/broadcasts");
    other.wait_for_text("暴雨红色");
    assert!(!other.reads("rainstorm-red"), "people read titles");
}

#[test]
fn an_api_key_is_shown_once_and_revoked() {
    in_current("keys", |browser| {
        let office = Office::open("keys");
        let page = office.signed_in(browser, &ADMINISTRATOR);
        page.go("/console/system");
        page.and_load(|page| page.click_text("main a", "接口密钥"));
        page.wait_for_text("配置文件");
        page.fill("[name=name]", "水文站");
        page.set("[name=role]", "source");
        page.set("[name=days]", "90");
        page.click("[name=area][value=\"430621000000\"]");
        page.and_load(|page| page.click_text("form button", "新建密钥"));
        let key = page.text("#new-key");
        assert!(key.starts_with("mlk_") && key.len() == 52, "{key}");
        page.shot("made");
        let gateway = &office.gateway;
        let send = |name: &str| gateway.post("/alerts", &key, alert(name, "Blue", "Alert", "")).0;
        assert_eq!(send("first"), 202);
        page.go("/console/keys");
        page.wait_for_text("新建：管系统");
        assert!(!page.reads(&key), "it is shown once");
        page.click("table details summary");
        page.fill("table [name=reason]", "密钥外泄");
        page.and_load(|page| page.click("table form button"));
        page.wait_for_text("密钥已吊销");
        page.shot("revoked");
        assert_eq!(send("second"), 401);
        // A key that ends soon is told of on the page that people look at, and to programs that watch.
        page.fill("[name=name]", "水位站");
        page.set("[name=role]", "source");
        page.set("[name=days]", "7");
        page.click("[name=area][value=\"430621000000\"]");
        page.and_load(|page| page.click_text("form button", "新建密钥"));
        page.go("/console/system");
        page.wait_for_text("接口密钥“水位站”即将到期");
        page.shot("ends-soon");
        let (status, told) = wire_get(gateway.listeners()[0].1, "/readyz");
        assert!(status == 200 && told.contains("1 API keys end soon"), "{told}");
        assert!(!told.contains("水位站"), "whose it is stays inside");
        let leader = office.signed_in(browser, &LEADER);
        leader.go("/console/keys");
        leader.expect_fault("403");
    });
}
