//! What people do in the console, from the first start to the audit, as they do it.

use crate::browser::Browser;
use crate::office::{
    ALIAS, AUDITOR, LEADER, OFFICER, Office, PASSWORD, Person, TECHNICIAN, TOWNSHIP, in_current,
    sign_in,
};
use crate::page::{PHONE, Page};
use crate::process::{Gateway, wait_until};
use serde_json::{Value, json};

const WORDS: &str = "洪水将至，请荣家湾、黄沙街沿河群众马上转移。";

/// Fills in the form of a manual broadcast; nothing is sent yet.
fn compose(page: &Page, class: &str, townships: &[&str], words: &str) {
    page.go("/console/compose");
    page.click(&format!("[name=class][value={class}]"));
    page.fill("[name=text]", words);
    for township in townships {
        page.click(&format!("[name=area][value=\"{township}\"]"));
    }
    page.set("[name=urgency]", "emergency");
    page.set("[name=interval]", "0");
    page.set("[name=repeats]", "1");
}

/// Reads back and sends; what changes is typed in when the page asks for it.
fn send(page: &Page) {
    page.and_load(|page| page.click("form.compose button.primary[type=submit]"));
    if page.count("[name=typed]") > 0 {
        let n = page.text("b.count");
        page.fill("[name=typed]", &n);
        // Who typed what changes has confirmed it: Enter sends, as an officer expects.
        page.and_load(|page| page.press("Enter"));
        return;
    }
    page.and_load(|page| page.click("[name=step][value=send]"));
}

fn every_township(page: &Page) -> Vec<String> {
    page.go("/console/compose");
    let all = page.eval(
        "Array.from(document.querySelectorAll('.areas summary [name=area]')).map(e => e.value)",
    );
    all.as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

/// An officer asks for everything there is, which one person alone may not do; gives the plan.
fn submitted(office: &Office, browser: &Browser) -> (Page, String) {
    let page = office.signed_in(browser, &OFFICER);
    let all = every_township(&page);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    compose(&page, "live", &all, WORDS);
    page.wait_until("the audience is counted", || {
        page.text("[data-audience]").chars().any(|c| c.is_ascii_digit())
    });
    send(&page);
    page.wait_for_text("等待另一人批准");
    let plan = page.eval("document.querySelector('article.plan').id");
    (page, plan.as_str().unwrap().to_owned())
}

fn broadcasts(office: &Office) -> Vec<Value> {
    let all = office.gateway.get("/broadcasts");
    let items = all.get("items").or_else(|| all.get("broadcasts")).unwrap_or(&all);
    items.as_array().cloned().unwrap_or_default()
}

#[test]
fn the_first_start_asks_for_an_administrator_once() {
    in_current("first start", |browser| {
        let mut gateway = Gateway::prepare("first-start");
        gateway.restart();
        let origin = format!("http://{}", gateway.listeners()[1].1);
        let mut link = None;
        let mut printed = || {
            link = gateway.setup_link();
            link.is_some()
        };
        wait_until(20, &mut printed, "a first start prints its link");
        let link = link.unwrap();
        let page = browser.person(&origin);
        page.go("/console/");
        assert!(page.path().starts_with("/console/sign-in"), "{}", page.path());
        page.go("/console/setup?token=guessed");
        page.expect_fault("410");
        page.go(&link);
        page.shot("setup");
        page.fill("[name=login]", "guan");
        page.fill("[name=name]", "管系统");
        for (password, again, expect) in
            [("1234567890", "1234567890", "太容易猜到"), (PASSWORD, "something else", "不一致")]
        {
            page.fill("[name=password]", password);
            page.fill("[name=again]", again);
            page.and_load(|page| page.click("main [type=submit]"));
            page.wait_for_text(expect);
        }
        page.fill("[name=password]", PASSWORD);
        page.fill("[name=again]", PASSWORD);
        page.and_load(|page| page.click("main [type=submit]"));
        page.wait_for_text("管系统");
        // Nobody gets in by it again, neither now nor after another start.
        let late = browser.person(&origin);
        late.go(&link);
        late.expect_fault("410");
        // Pages go before the gateway does: what they still load would be refused.
        drop(late);
        drop(page);
        gateway.stop();
        gateway.restart();
        assert_eq!(gateway.setup_link(), None, "there is an account");
        let later = browser.person(&origin);
        later.go(&link);
        later.expect_fault("410");
        assert!(!wrote(&gateway, "log.txt").contains("setup?token"), "the token is in the log");
    });
}

/// What a file beside the configuration holds.
fn wrote(gateway: &Gateway, name: &str) -> String {
    std::fs::read_to_string(gateway.configs().with_file_name(name)).unwrap_or_default()
}

#[test]
fn from_the_words_to_the_audit() {
    in_current("words to audit", |browser| {
        let office = Office::open("words-to-audit");
        let (officer, plan) = submitted(&office, browser);
        officer.shot("waiting");
        // Nobody approves what he asked for himself, nor by another account of his.
        let approve = format!("[id=\"{plan}\"] form[action$=approve] button");
        officer.and_load(|page| page.click(&approve));
        officer.wait_for("p.flash.bad");
        let alias = office.signed_in(browser, &ALIAS);
        alias.go("/console/approvals");
        alias.and_load(|page| page.click(&approve));
        alias.wait_for("p.flash.bad");
        assert!(broadcasts(&office).is_empty(), "nothing sounds yet");

        let leader = office.signed_in(browser, &LEADER);
        leader.go("/console/approvals");
        leader.wait_for_text(WORDS);
        leader.shot("approvals");
        leader.and_load(|page| page.click(&approve));
        leader.wait_for_text("开始播发");
        // The officer watches without touching anything: his page follows by itself.
        let id = leader.path().rsplit('/').next().unwrap().to_owned();
        officer.go(&format!("/console/broadcasts/{id}"));
        officer.forget_requests();
        let n = office.fleet.n_connecting;
        let reached = || officer.text(".three .reached b").parse() == Ok(n - 4);
        officer.shot("live");
        officer.wait_until("every terminal played", reached);
        let polled = officer.requests().into_iter().filter(|r| r.kind == "Document").count();
        assert_eq!(polled, 0, "it followed without loading itself again");
        officer.shot("played");

        let auditor = office.signed_in(browser, &AUDITOR);
        auditor.go(&format!("/console/broadcasts/{id}"));
        auditor.wait_for_text("李带班");
        auditor.wait_for_text(WORDS);
        audited(&auditor, browser, &id, n - 4);
    });
}

/// Months later: every terminal's ladder, one of them with its proof, and the report as files.
fn audited(auditor: &Page, browser: &Browser, id: &str, n: usize) {
    auditor.go(&format!("/console/audit?broadcast={id}"));
    let rows = "main a[href*=\"/console/audit/evidence\"]";
    // The audit's own store follows the record within moments.
    for _ in 0..50 {
        if auditor.count(rows) == u64::try_from(n).unwrap() && !auditor.reads("播放中") {
            break;
        }
        auditor.pause(200);
        auditor.go(&format!("/console/audit?broadcast={id}"));
    }
    assert_eq!(auditor.count(rows), u64::try_from(n).unwrap(), "one ladder a terminal");
    auditor.shot("audit");
    for (format, begins) in [("csv", &b""[..]), ("xlsx", b"PK"), ("pdf", b"%PDF")] {
        let folder = browser.folder().join(format!("export-{format}"));
        auditor.download_to(&folder);
        auditor.click(&format!("a[href*=\"format={format}\"]"));
        let bytes = std::fs::read(auditor.downloaded(&folder)).unwrap();
        assert!(bytes.starts_with(begins) && bytes.len() > 500, "{format}: {} bytes", bytes.len());
        if format == "csv" {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(text.contains("430621104000-001"), "{text}");
        }
    }
    auditor.and_load(|page| page.click(rows));
    auditor.wait_for_text("台账链证明");
    auditor.shot("evidence");
}

/// Who approves has read what goes out: what was changed meanwhile must be read again.
#[test]
fn an_approval_of_what_was_edited_meanwhile_does_not_count() {
    in_current("stale approval", |browser| {
        let office = Office::open("stale-approval");
        let (_officer, plan) = submitted(&office, browser);
        let leader = office.signed_in(browser, &LEADER);
        leader.go("/console/approvals");
        leader.wait_for_text(WORDS);
        let revision = leader.eval("Number(document.querySelector('[name=revision]').value)");
        let edit = json!({ "revision": revision, "text": "改过的话。" }).to_string();
        let path = format!("/plans/{plan}/edit");
        let (status, told) = office.gateway.post(&path, &office.gateway.leader(), edit);
        assert_eq!(status, 200, "{told}");
        let approve = format!("[id=\"{plan}\"] form[action$=approve] button");
        leader.and_load(|page| page.click(&approve));
        leader.wait_for("p.flash.bad");
        leader.shot("changed-meanwhile");
        assert!(broadcasts(&office).is_empty(), "nothing sounds on a stale approval");
        leader.wait_for_text("改过的话。");
        leader.and_load(|page| page.click(&approve));
        leader.wait_for_text("开始播发");
    });
}

#[test]
fn a_drill_is_never_live() {
    in_current("drill", |browser| {
        let office = Office::open("drill");
        let officer = office.signed_in(browser, &OFFICER);
        officer.go("/console/compose");
        let chosen = "document.querySelectorAll('[name=class]:checked').length";
        assert_eq!(officer.eval(chosen), 0, "neither is chosen beforehand");
        assert_eq!(officer.eval("document.querySelector('[value=drill]').disabled"), true);
        // Who forces the form open is refused by the rules.
        officer.eval("document.querySelector('[value=drill]').disabled = false");
        officer.click("[name=class][value=drill]");
        officer.fill("[name=text]", "演练");
        officer.click("[name=area][value=\"430621104000\"]");
        officer.and_load(|page| page.click("form.compose button.primary[type=submit]"));
        officer.wait_for_text("未启动演练");
        let (status, _) = office.gateway.post(
            "/drill",
            &office.gateway.leader(),
            json!({ "armed": true, "minutes": 30 }).to_string(),
        );
        assert_eq!(status, 200);
        compose(&officer, "drill", &["430621104000"], "演练：请按路线转移。");
        officer.shot("drill-form");
        officer.and_load(|page| page.click("form.compose button.primary[type=submit]"));
        officer.wait_for("section.plan.drill");
        assert_eq!(officer.count(".live"), 0, "nothing on it is of the colour of live");
        officer.shot("drill-read-back");
        officer.and_load(|page| page.click("[name=step][value=send]"));
        let all = || broadcasts(&office);
        officer.wait_until("it is there", || !all().is_empty());
        assert_eq!(all()[0]["class"], "drill", "{}", all()[0]);
        // Its report is where drills are, and every terminal's word is one press away.
        let leader = office.signed_in(browser, &LEADER);
        leader.go("/console/drills");
        leader.wait_for("a[href$='format=pdf']");
        leader.shot("drill-report");
        leader.and_load(|page| page.click_text("main td a", "逐终端"));
        leader.wait_for_text("回执审计");
        assert!(leader.path().contains("broadcast="), "{}", leader.path());
    });
}

#[test]
fn two_presses_stop_everything_from_every_page() {
    in_current("stop-all", |browser| {
        let office = Office::open("stop-all");
        let mut officer = office.signed_in(browser, &OFFICER);
        compose(&officer, "live", &["430621104000"], WORDS);
        officer.set("[name=repeats]", "20");
        officer.set("[name=interval]", "600");
        send(&officer);
        officer.wait_for_text("已开始播发");
        officer.screen(PHONE);
        for path in ["/console/compose", "/console/broadcasts", "/console/approvals"] {
            officer.go(path);
            officer.click("details.stop summary");
            officer.wait_for("details.stop [type=submit]");
        }
        officer.shot("asks-once-more");
        officer.and_load(|page| page.click("details.stop [type=submit]"));
        officer.wait_for_text("已下达停播指令");
        officer.shot("stopped");
        officer.wait_until("it has stopped", || {
            broadcasts(&office).iter().all(|one| one["state"] != "running")
        });
    });
}

#[test]
fn a_role_reaches_what_is_its_own() {
    in_current("roles", |browser| {
        let office = Office::open("roles");
        let (_officer, plan) = submitted(&office, browser);
        let refused: [(&Person, &str); 2] = [(&AUDITOR, "审计"), (&TECHNICIAN, "技术")];
        for (who, _) in refused {
            let page = office.signed_in(browser, who);
            assert_eq!(page.count("details.stop"), 0, "{} may not stop", who.login);
            for path in ["/console/compose", "/console/approvals"] {
                assert_eq!(page.count(&format!("nav a[href=\"{path}\"]")), 0, "{}", who.login);
                page.go(path);
                page.expect_fault("403");
                page.wait_for_text("没有这项权限");
            }
            // With a token of his own he is no further.
            for path in [&format!("/console/approvals/{plan}/approve"), "/console/stop"] {
                assert_eq!(post(&page, path, "reason=x"), 403, "{} {path}", who.login);
                page.expect_fault("403");
            }
        }
        // A township's officer reaches the township.
        let township = office.signed_in(browser, &TOWNSHIP);
        let all = every_township(&township);
        assert_eq!(all, ["430621104000"]);
        let body = "class=live&text=x&area=430621100000&step=send&valid=30&repeats=1&interval=0";
        post(&township, "/console/compose", body);
        let out = broadcasts(&office).iter().any(|one| one["requested_by"] == "万乡镇");
        assert!(!out, "outside of his township nothing sounds");
        post(&township, &format!("/console/approvals/{plan}/approve"), "");
        assert!(broadcasts(&office).is_empty(), "and he approves nothing for the county");
    });
}

/// Posts a form with the token of the page it is on; gives the status after redirects.
pub(crate) fn post(page: &Page, path: &str, body: &str) -> u64 {
    page.go("/console/");
    let send = "async (path, body) => {
        const token = document.querySelector('[name=token]').value;
        const answer = await fetch(path, { method: 'POST', credentials: 'same-origin',
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
            body: body + '&token=' + encodeURIComponent(token) });
        return answer.status; }";
    page.apply(send, &[json!(path), json!(body)]).as_u64().unwrap()
}

#[test]
fn wrong_passwords_are_slowed_down_for_who_types_them_alone() {
    in_current("passwords", |browser| {
        let office = Office::open("passwords");
        let known = office.signed_in(browser, &LEADER);
        let stranger = browser.person(&office.origin());
        let mut waits = false;
        for _ in 0..12 {
            sign_in(&stranger, &LEADER, "not the password");
            stranger.wait_for("p.flash.bad");
            stranger.expect_fault("status of 4");
            assert_eq!(stranger.count("nav"), 0);
            waits |= stranger.reads("秒后再试");
        }
        assert!(waits, "a stranger who guesses must wait");
        stranger.shot("wait");
        // Who has signed in from this browser before still can.
        known.click(".me summary");
        known.and_load(|page| page.click_text("form[action$=sign-out] button", "退出"));
        sign_in(&known, &LEADER, PASSWORD);
        known.wait_for("nav");
    });
}
