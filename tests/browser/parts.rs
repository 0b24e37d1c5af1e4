//! Response plans that are new, refused, approved and removed on screen; monitoring stations as people see
//! them; and faults of messages in Chinese.

use crate::office::{ADMINISTRATOR, LEADER, OFFICER, Office, TECHNICIAN, in_current};
use crate::page::{DESKTOP, PHONE, Page};
use crate::process::alert;
use serde_json::json;

fn step(page: &Page, step: &str) {
    page.and_load(|page| page.click(&format!("[name=step][value={step}]")));
}

/// The same page on a phone, in the light and in the dark.
fn looks(page: &mut Page, name: &str) {
    let all = [("light", "desk"), ("dark", "desk"), ("dark", "phone"), ("light", "phone")];
    for (scheme, on) in all {
        page.screen(if on == "desk" { DESKTOP } else { PHONE });
        page.prefers(scheme);
        page.pause(100);
        let wide = crate::sight::too_wide(page);
        assert!(wide.is_empty(), "{name}: {wide:?}");
        let weak = crate::sight::weak_contrasts(page);
        assert!(weak.is_empty(), "{name} {scheme}: {weak:?}");
        page.shot(&format!("{name}-{scheme}-{on}"));
    }
    page.screen(DESKTOP);
    page.prefers("light");
}

#[test]
fn a_new_plan_is_refused_asked_again_approved_and_removed() {
    in_current("parts", |browser| {
        let office = Office::open("parts");
        let mut leader = office.signed_in(browser, &LEADER);
        leader.go("/console/plans");
        leader.and_load(|page| page.click_text("main a", "新建预案"));
        // Everything wrong with it at once.
        leader.fill("[name=name]", "hail-red");
        step(&leader, "preview");
        for fault in ["名称：不能为空", "灾种代码和灾种用词至少填一项", "至少选一个级别"]
        {
            leader.wait_for_text(fault);
        }
        asked_for(&leader);
        looks(&mut leader, "form");
        step(&leader, "save");
        leader.wait_for_text("待批准，尚未生效");
        leader.wait_for_text("新增");
        let mut other = office.signed_in(browser, &ADMINISTRATOR);
        refused(&mut other, &mut leader);
        // Asked once more, and approved.
        leader.go("/console/plans/edit?new=plan");
        leader.fill("[name=name]", "hail-red");
        asked_for(&leader);
        step(&leader, "save");
        leader.wait_for_text("待批准，尚未生效");
        other.go("/console/plans");
        other.and_load(|page| page.click("form[action$=approve] button"));
        other.wait_for_text("已批准，立即生效");
        leader.go("/console/plans");
        assert_eq!(leader.count("#plan-hail-red"), 1);
        let first = leader.apply("() => document.querySelector('details.card').id", &[]);
        assert_eq!(first, "plan-hail-red", "it stands where it was put");
        removed(&office, &mut leader, &mut other);
        seen_later(&mut leader, &mut other);
    });
}

fn asked_for(page: &Page) {
    page.fill("[name=title]", "冰雹红色");
    page.fill("[name=hazards]", "11B99");
    page.fill("[name=event_words]", "强冰雹");
    page.click("[name=levels][value=red]");
    page.set("[name=stands_before]", "rainstorm-red");
    page.fill("main [name=reason]", "今年冰雹多发");
    step(page, "preview");
    page.wait_for_text("检查通过");
    page.wait_for("#preview");
}

fn refused(other: &mut Page, leader: &mut Page) {
    other.go("/console/plans");
    other.wait_for_text("冰雹红色");
    other.click("article.plan details summary");
    other.fill("[action$=refuse] [name=reason]", "遍数太少，请改为三遍");
    other.and_load(|page| page.click("[action$=refuse] button"));
    other.wait_for_text("修改已退回");
    leader.go("/console/plans");
    leader.wait_for_text("李带班 的修改被 管系统 退回，理由：遍数太少，请改为三遍");
    looks(leader, "refused");
    leader.and_load(|page| page.click("a[href$='#refused']"));
    leader.wait_for_text("退回理由：遍数太少，请改为三遍");
    looks(leader, "refused-history");
}

/// A broadcast by it is on air when it is removed: it goes on.
fn removed(office: &Office, leader: &mut Page, other: &mut Page) {
    let gateway = &office.gateway;
    let body =
        alert("hail", "Red", "Alert", "").replace("暴雨", "强冰雹").replace("11B03", "11B99");
    let (status, told) = gateway.post("/alerts", &gateway.source(), body);
    assert!((200..300).contains(&status), "{told}");
    leader.go("/console/plans/remove?part=plan/hail-red");
    leader.wait_for_text("移除后，这样的预警由它处理");
    looks(leader, "remove");
    leader.fill("main [name=reason]", "并入暴雨预案");
    leader.and_load(|page| page.click("form[action$=remove] button.danger"));
    leader.wait_for_text("移除已提交");
    other.go("/console/plans");
    other.wait_for_text("移除");
    other.and_load(|page| page.click("form[action$=approve] button"));
    other.wait_for_text("已移除，不再执行");
    other.shot("removed");
    other.go("/console/plans");
    assert_eq!(other.count("#plan-hail-red"), 0);
    other.wait_for_text("冰雹红色");
    let policy = gateway.get("/policy");
    let parts = policy["parts"].as_array().expect("parts");
    let hail = parts.iter().find(|one| one["part"] == "plan/hail-red").expect("it is known");
    assert!(hail["content"].is_null() && hail["version"].as_u64() > Some(1), "{hail}");
    // What was decided by it stands.
    if let Some(id) = told["broadcasts"][0].as_str() {
        let view = gateway.get(&format!("/broadcasts/{id}"));
        assert!(view["cancellation"].is_null(), "{view}");
    }
}

/// Why a plan was not broadcast, and who changed which setting.
fn seen_later(leader: &mut Page, other: &mut Page) {
    leader.go("/console/approvals");
    leader.fill("[action$=refuse] [name=reason]", "并非实际险情，不播");
    leader.and_load(|page| page.click("[action$=refuse] button"));
    leader.go("/console/approvals");
    leader.wait_for_text("最近未播出的方案");
    leader.wait_for_text("并非实际险情，不播");
    looks(leader, "ended");
    other.go("/console/system");
    other.and_load(|page| page.click_text("main a", "设置变更"));
    for words in ["退回预案修改", "遍数太少，请改为三遍", "批准预案修改", "冰雹红色"]
    {
        other.wait_for_text(words);
    }
    looks(other, "settings");
}

#[test]
fn stations_are_seen_with_their_values_and_thresholds() {
    in_current("stations", |browser| {
        let office = Office::open_with("stations-page", |gateway| {
            let rows = "id,name,kind,area,warns,latitude,longitude,silent_after_min,thresholds\n\
                61234567,示例河道站,河道,430621100000,,,,90,警戒 橙 水位>=34.0; 保证 红 水位>=35.0\n\
                61234568,示例水库站,水库,430621104000,,,,90,汛限 黄 水位>=60.5\n\
                GEO-1,示例滑坡点,地质,430621104000,,29.1,113.1,240,滑坡 黄 位移变化>=5/24h & 雨量>=30/24h\n";
            std::fs::write(gateway.configs().join("stations.csv"), rows).expect("a file");
            gateway.set("stations.enabled", "true");
            gateway.set("stations.listen", &crate::process::free().to_string());
        });
        let gateway = &office.gateway;
        let now = jiff::Timestamp::now().to_string();
        let reading = |station: &str, quantity: &str, value: f64| json!({ "station": station, "quantity": quantity, "value": value, "observed_at": now });
        let body = json!({ "readings": [
            reading("61234567", "stage", 34.21), reading("61234568", "stage", 99_999.0),
            reading("99999999", "stage", 1.0)
        ] });
        let (status, told) = gateway.post("/readings", &gateway.source(), body.to_string());
        assert_eq!(status, 202, "{told}");
        let mut page = office.signed_in(browser, &OFFICER);
        page.go("/console/");
        page.wait_for_text("越限 1");
        looks(&mut page, "overview");
        page.go("/console/system");
        page.wait_for_text("示例河道站");
        looks(&mut page, "system");
        page.and_load(|page| page.click_text("main a", "全部测站"));
        for words in [
            "水位 34.21 米",
            "警戒",
            "水位 ≥ 35 米",
            "24 小时",
            "启动以来没有",
            "99999999",
            "数据异常 1",
        ] {
            page.wait_for_text(words);
        }
        looks(&mut page, "stations");
        page.and_load(|page| page.click_text("main a", "异常的"));
        assert!(!page.reads("示例滑坡点"), "what is fine is left out");
        page.wait_for_text("示例水库站");
    });
}

#[test]
fn faults_of_a_message_are_said_in_chinese() {
    in_current("chinese", |browser| {
        let office = Office::open("chinese");
        let gateway = &office.gateway;
        let bad = alert("bad", "Red", "Alert", "")
            .replace("<sendTime>", "<sendTime>昨天")
            .replace("Actual", "Actuell");
        let (status, told) = gateway.post("/alerts", &gateway.source(), bad);
        assert_eq!(status, 422, "{told}");
        let mut page = office.signed_in(browser, &TECHNICIAN);
        page.go("/console/rejections");
        page.wait_for_text("时间格式应如");
        page.wait_for_text("接口 · source");
        page.fill("[name=fault]", "应为 Actual");
        page.and_load(|page| page.click("form.actions button"));
        page.wait_for_text("时间格式应如");
        looks(&mut page, "list");
        page.go("/console/rejections/1");
        page.wait_for_text("应为 Actual");
        page.wait_for_text("收到“Actuell”");
        assert!(!page.text("table.faults td:last-child").starts_with("expected"), "it is Chinese");
        looks(&mut page, "one");
        page.click("details.original summary");
        page.wait_for_text("expected");
    });
}
