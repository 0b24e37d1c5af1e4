//! What people on duty look after: the roster, groups, programmes, and calls that must be answered.

use crate::office::{LEADER, OFFICER, Office, in_current};
use crate::page::{PHONE, Page};
use crate::process::{QUIET_HOURS, alert, free};
use crate::webhook::{Message, receiver};
use std::path::Path;
use std::sync::Mutex;

const COUNTY: &str = "430621000000";
const TOWNSHIP: &str = "430621104000";
const VILLAGE: &str = "430621104004";

/// A local moment as forms write it, hours from now.
fn local(hours: i64, pattern: &str) -> String {
    let now = mingluo::clock::now_utc().plus_s((8 + hours) * 3_600);
    jiff::Timestamp::from_millisecond(now.0).unwrap().strftime(pattern).to_string()
}

fn import(page: &Page, file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
    page.upload("[action$='roster/import'] [name=file]", file);
    page.and_load(|page| page.click_text("[action$='roster/import'] button", "检查"));
}

#[test]
fn a_roster_is_filled_imported_and_read_by_all() {
    in_current("roster", |browser| {
        let office = Office::open("roster-page");
        let mut leader = office.signed_in(browser, &LEADER);
        leader.go("/console/roster");
        leader.wait_for_text("此刻无人在岗");
        let form = "form[action='/console/roster']";
        leader.set(&format!("{form} [name=post]"), "leader");
        leader.fill(&format!("{form} [name=person]"), LEADER.name);
        leader.fill(&format!("{form} [name=telephone]"), "0730-7612345");
        leader.set(&format!("{form} [name=from]"), &local(-1, "%Y-%m-%dT%H:%M"));
        leader.set(&format!("{form} [name=until]"), &local(10, "%Y-%m-%dT%H:%M"));
        leader.and_load(|page| page.click_text(&format!("{form} button"), "添加"));
        leader.wait_for_text("班次已添加");
        assert!(!leader.reads("此刻无人在岗"), "somebody is on duty");
        leader.shot("added");
        // A file with a fault is told by its line and nothing of it is taken.
        let file = browser.folder().join("roster.txt");
        let (from, until) = (local(1, "%Y-%m-%d %H:%M"), local(9, "%Y-%m-%d %H:%M"));
        let head = "岗位,姓名,电话,区域,开始,结束\n";
        let good = format!("{head}值班员,{},119,{COUNTY},{from},{until}\n", OFFICER.name);
        import(&leader, &file, &format!("{good}司机,王五,119,{COUNTY},{from},{until}\n"));
        leader.wait_for("section.flash.bad");
        leader.wait_for_text("第 3 行");
        leader.shot("fault");
        import(&leader, &file, &good);
        leader.wait_for_text("检查通过，请确认");
        leader.and_load(|page| page.click_text("form button.primary", "确认导入"));
        leader.wait_for_text("值班表已导入");
        assert_eq!(leader.count("table.wide tbody tr"), 2);
        // On a telephone the number is one press away.
        leader.screen(PHONE);
        leader.go("/console/roster");
        leader.wait_for("a[href^='tel:']");
        leader.shot("phone");
        let officer = office.signed_in(browser, &OFFICER);
        officer.go("/console/");
        officer.wait_for_text(LEADER.name);
        officer.go("/console/roster");
        officer.wait_for_text(OFFICER.name);
        assert_eq!(officer.count("form[action*='roster'] button"), 0, "an officer reads it");
    });
}

#[test]
fn a_group_is_saved_used_and_removed_by_its_owner() {
    in_current("groups", |browser| {
        let office = Office::open("groups-page");
        let officer = office.signed_in(browser, &OFFICER);
        officer.go("/console/compose");
        officer.click(&format!("[name=area][value=\"{TOWNSHIP}\"]"));
        let folded = "document.querySelector('[name=group_name]').closest('details')";
        if officer.eval(&format!("!!{folded} && !{folded}.open")) == true {
            officer.eval(&format!("{folded}.open = true"));
        }
        officer.fill("[name=group_name]", "沿江村组");
        officer.and_load(|page| page.click("[name=step][value=save_group]"));
        officer.wait_for_text("群组已保存");
        officer.shot("saved");
        officer.go("/console/compose");
        officer.click("[name=group][value=\"沿江村组\"]");
        officer.click("[name=class][value=live]");
        officer.fill("[name=text]", "请沿江群众转移。");
        officer.set("[name=urgency]", "emergency");
        officer.and_load(|page| page.click("form.compose button.primary[type=submit]"));
        let n: u64 = officer.text("b.count").parse().unwrap();
        assert!(n > 0, "the group's places are those of the broadcast");
        officer.go("/console/groups");
        officer.wait_for_text("沿江村组");
        officer.wait_for_text(OFFICER.name);
        officer.shot("listed");
        officer.and_load(|page| page.click_text("table button", "删除"));
        officer.wait_for_text("群组已删除");
        officer.wait_for_text("还没有群组");
    });
}

#[test]
fn a_ready_made_programme_is_added_changed_and_approved() {
    in_current("programmes", |browser| {
        let office = Office::open_with("programmes-page", |gateway| {
            gateway.edit_policy("[interlock]\n", &format!("{QUIET_HOURS}[interlock]\n"));
        });
        let mut officer = office.signed_in(browser, &OFFICER);
        officer.go("/console/programmes");
        officer.wait_for_text("静音时段（policy.toml）：22:00—06:00");
        officer.and_load(|page| page.click_text("button", "安全生产月"));
        officer.wait_for_text("已加入节目单");
        assert!(officer.path().starts_with("/console/programmes/edit"), "{}", officer.path());
        officer.shot("added");
        // In quiet hours nothing is saved.
        let step = |page: &Page, step: &str| {
            page.and_load(|page| page.click(&format!("[name=step][value={step}]")));
        };
        officer.fill("[name=times]", "07:30 23:00");
        step(&officer, "save");
        officer.wait_for_text("23:00 在静音时段内");
        officer.fill("[name=times]", "07:00");
        officer.fill("[name=except]", "2027-06-09");
        step(&officer, "save");
        officer.wait_for_text("节目已保存");
        officer.wait_for_text("每年 6 月每天 07:00");
        officer.wait_for_text("不播日期 1");
        officer.wait_for_text("待批准");
        officer.shot("saved");
        // Another one at the same time and places: the overlap is shown before it is saved.
        officer.and_load(|page| page.click_text("main a", "新建节目"));
        officer.fill("[name=name]", "早间新闻");
        officer.fill("[name=text]", "各位村民早上好。");
        officer.fill("[name=times]", "07:00");
        officer.set("[name=from]", "2026-01-01");
        officer.set("[name=until]", "2036-12-31");
        officer.click(&format!("[name=area][value=\"{TOWNSHIP}\"]"));
        step(&officer, "check");
        officer.wait_for_text("与节目“安全生产月”");
        officer.wait_for_text("时间重叠");
        officer.shot("overlap");
        // Plays into the quiet hours may be saved, after they were read.
        officer.fill("[name=times]", "21:59");
        officer.set("[name=repeats]", "20");
        step(&officer, "save");
        officer.wait_for_text("进入静音时段，届时停播");
        officer.shot("note");
        assert!(!officer.reads("节目已保存"));
        step(&officer, "save");
        officer.wait_for_text("节目已保存");
        let leader = office.signed_in(browser, &LEADER);
        leader.go("/console/programmes");
        leader.and_load(|page| page.click_text("article form button", "批准"));
        leader.wait_for_text("节目已批准");
        leader.shot("approved");
        officer.screen(PHONE);
        officer.prefers("dark");
        officer.go("/console/programmes");
        officer.shot("phone-dark");
        officer.prefers("light");
    });
}

/// The message about a call that a person got; `none` before it came.
fn message(messages: &Mutex<Vec<Message>>, name: &str) -> Option<serde_json::Value> {
    let messages = messages.lock().unwrap();
    messages.iter().map(Message::json).find(|message| message["name"] == name)
}

#[test]
fn a_call_is_answered_on_the_telephone_or_goes_to_the_next() {
    in_current("calls", |browser| {
        let webhook = free();
        let messages = receiver(webhook, 0);
        let office = Office::open_with("calls-page", |gateway| {
            let (configs, http) = (gateway.configs(), gateway.listeners()[1].1);
            let edit = |file: &str, change: &dyn Fn(String) -> String| {
                let path = configs.join(file);
                let text = change(std::fs::read_to_string(&path).unwrap());
                std::fs::write(path, text).unwrap();
            };
            edit("policy.toml", &|text| {
                text.replacen("[[plans]]\n", "[[plans]]\ncall = { answer_within_s = 30 }\n", 1)
            });
            edit("gateway.toml", &|text| {
                format!(
                    "{text}\n[call]\nwebhook_url = \"http://{webhook}/sms\"\n\
                     webhook_key_file = \"webhook.key\"\npublic_url = \"http://{http}/\"\n"
                )
            });
            let rows = format!(
                "name,role,telephone,area\n村支书,村责任人,0730-7612341,{VILLAGE}\n\
                 镇干部,包片干部,0730-7612342,{TOWNSHIP}\n县值班室,县值班室,0730-7612343,{COUNTY}\n"
            );
            std::fs::write(configs.join("contacts.csv"), rows).unwrap();
            let key = configs.join("webhook.key");
            mingluo::secrets::write_private(&key, "5a".repeat(32).as_bytes()).unwrap();
        });
        let gateway = &office.gateway;
        let (status, told) =
            gateway.post("/alerts", &gateway.source(), alert("call", "Red", "Alert", ""));
        assert_eq!(status, 202, "{told}");
        let id = told["broadcasts"][0].as_str().expect("it started").to_owned();
        let leader = office.signed_in(browser, &LEADER);
        leader.go(&format!("/console/broadcasts/{id}"));
        leader.wait_for("section.calls");
        leader.wait_for_text("等待应答");
        leader.forget_requests();
        leader.shot("waiting");
        // The village says nothing: its township is called, and stands in the list by itself.
        let village = || message(&messages, "村支书");
        leader.wait_until("the village is called", || village().is_some());
        let call = village().unwrap()["call"].clone();
        let row = "tr => tr.textContent.includes('村支书') && tr.textContent.includes('镇干部')";
        let escalated = || {
            leader.eval(&format!(
                "Array.from(document.querySelectorAll('section.calls tbody tr')).some({row})"
            )) == true
        };
        leader.wait_until("the township is called for it", escalated);
        let polled = leader.requests().into_iter().filter(|r| r.kind == "Document").count();
        assert_eq!(polled, 0, "it followed without loading itself again");
        leader.shot("escalated");
        let next = || {
            let messages = messages.lock().unwrap();
            let mut all = messages.iter().map(Message::json);
            all.find(|message| message["name"] == "镇干部" && message["call"] == call)
        };
        leader.wait_until("its message came", || next().is_some());
        let link = |message: serde_json::Value| message["link"].as_str().unwrap().to_owned();
        answered(browser.person(&office.origin()), &link(next().unwrap()));
        leader.wait_for_text("短信链接：镇干部");
        // The village's own link is of no use any more, and says why.
        let mut late = browser.person(&office.origin());
        late.screen(PHONE);
        late.go(&link(village().unwrap()));
        late.wait_for_text("已收到应答：镇干部");
        assert_eq!(late.count("form button"), 0);
        // Another one is reached by telephone, and an officer enters it.
        leader.and_load(|page| page.click_text("section.calls button", "已电话叫应"));
        leader.wait_for_text("已登记电话叫应");
        leader.wait_for_text("电话，登记人：李带班");
        leader.shot("entered");
    });
}

/// A person with the link on a telephone: the warning, one large button, and it is done.
fn answered(mut phone: Page, link: &str) {
    phone.screen(PHONE);
    phone.go(link);
    phone.wait_for_text("预警广播：请确认收到");
    phone.wait_for_text("请立即转移到安全地带");
    phone.shot("phone-asked");
    let button = "(() => { const b = document.querySelector('form button').getBoundingClientRect();
        return b.height >= 48 && b.width >= 200 && b.bottom <= innerHeight; })()";
    assert_eq!(phone.eval(button), true, "a thumb finds it without scrolling");
    phone.and_load(|page| page.click_text("form button", "我已收到"));
    phone.wait_for_text("已收到应答：镇干部");
    phone.wait_for_text("已记入台账");
    assert_eq!(phone.count("form button"), 0, "good once");
    phone.prefers("dark");
    phone.shot("phone-answered-dark");
}
