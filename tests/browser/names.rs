//! Every text that people, files or upstream put in and pages show: each holds markup of its own, and is
//! found again on some page as the text that it is. A field that nobody finds is a field nobody checked.

use crate::browser::Browser;
use crate::flows::post;
use crate::office::{ADMINISTRATOR, LEADER, Office, PASSWORD, TECHNICIAN, in_current, sign_in};
use crate::page::Page;
use crate::process::{Gateway, alert, free, wait_until};
use crate::seen::PWNED;
use crate::webhook::receiver;
use mingluo::console::{Account, Accounts};
use mingluo::model::{AreaCode, Role};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const COUNTY: &str = "430621000000";
const COUNTY_PART: &str = "430621104000";
const VILLAGE: &str = "430621104004";
const TERMINAL: &str = "430621104000-001";

/// The fields, each with the letter that its text reports itself by.
const FIELDS: [(char, &str); 37] = [
    ('a', "name of an area (areas.toml)"),
    ('b', "name of a terminal (terminals.csv)"),
    ('c', "name of a contact (contacts.csv)"),
    ('d', "role of a contact (contacts.csv)"),
    ('e', "name of an account"),
    ('f', "name of a group"),
    ('g', "name of a programme"),
    ('h', "words of a programme"),
    ('i', "person of a shift"),
    ('j', "name of an API key"),
    ('k', "reason of revoking a key"),
    ('l', "words of a broadcast"),
    ('m', "reason of a cancel"),
    ('n', "title of a recording"),
    ('o', "reason of a change of the registry"),
    ('p', "title of a response plan"),
    ('q', "reason of a change of a response plan"),
    ('r', "words of a template"),
    ('s', "reason of a release alone"),
    ('u', "headline of an alert"),
    ('v', "description of an alert"),
    ('w', "area of an alert"),
    ('y', "identifier of an alert"),
    ('z', "what an unreadable alert says"),
    ('A', "name in a registry file that is only checked"),
    ('B', "CAP: event"),
    ('C', "CAP: senderName"),
    ('D', "CAP: headline"),
    ('E', "CAP: description"),
    ('F', "CAP: instruction"),
    ('G', "CAP: note"),
    ('t', "name of a station (stations.csv)"),
    ('I', "title of a new response plan"),
    ('J', "reason of refusing a change of a response plan"),
    ('K', "reason of removing a response plan"),
    ('L', "reason of reading a rejection again"),
    ('M', "reason of a STOP latch"),
];

/// Pages of the leader that show what was typed in, whatever its number.
const LEADERS_PAGES: [&str; 27] = [
    "/console/",
    "/console/?wall=1",
    "/console/alerts",
    "/console/compose",
    "/console/approvals",
    "/console/broadcasts",
    "/console/terminals",
    "/console/plans",
    "/console/plans/history?part=plan/rainstorm-red",
    "/console/plans/history?part=template/general",
    "/console/plans/history?part=plan/marked",
    "/console/plans/history?part=plan/flash-flood-red",
    "/console/plans/remove?part=plan/rainstorm-red",
    "/console/rejections",
    "/console/rejections/1",
    "/console/latches",
    "/console/stations",
    "/console/settings",
    "/console/platform",
    "/console/roster",
    "/console/programmes",
    "/console/groups",
    "/console/drills",
    "/console/me",
    "/console/recordings",
    "/console/audit",
    "/console/system",
];

/// Markup that reports its letter when it becomes code, in 32 characters: the shortest of the fields. It
/// breaks out of an attribute, and needs nothing but to be there.
fn mark(letter: char) -> String {
    let mut mark = format!("\"><svg onload={PWNED}('{letter}')>");
    assert_eq!(mark.len(), 32);
    // The name of a station has thirty characters: it breaks out of no attribute.
    if letter == 't' { mark.split_off(2) } else { mark }
}

/// The mark inside a file or form in which quotes are doubled.
fn cell(letter: char) -> String {
    format!("\"{}\"", mark(letter).replace('"', "\"\""))
}

fn xml(letter: char) -> String {
    mark(letter).replace('&', "&amp;").replace('<', "&lt;")
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn edit(gateway: &Gateway, file: &str, change: impl Fn(String) -> String) {
    let path = gateway.configs().join(file);
    let before = std::fs::read_to_string(&path).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after, "{file} was to be changed");
    std::fs::write(path, after).unwrap();
}

/// Files with a mark in each of their names, and calls that go to a receiver.
fn planted(gateway: &mut Gateway) {
    edit(gateway, "areas.toml", |text| {
        text.replace(
            "name = \"黄沙街镇\"",
            &format!("name = \"{}\"", mark('a').replace('"', "\\\"")),
        )
    });
    edit(gateway, "terminals.csv", |text| text.replace("黄沙街镇 1号", &cell('b')));
    edit(gateway, "policy.toml", |text| {
        text.replacen("[[plans]]\n", "[[plans]]\ncall = { answer_within_s = 600 }\n", 1)
    });
    let (name, role) = (cell('c'), cell('d'));
    let rows = format!("name,role,telephone,area\n{name},{role},0730-7612345,{COUNTY}\n");
    std::fs::write(gateway.configs().join("contacts.csv"), rows).unwrap();
    let rows = format!(
        "id,name,kind,area,warns,latitude,longitude,silent_after_min,thresholds\n\
         61234567,{},河道,{VILLAGE},,,,90,警戒 橙 水位>=34.0\n",
        cell('t')
    );
    std::fs::write(gateway.configs().join("stations.csv"), rows).unwrap();
    gateway.set("stations.enabled", "true");
    mingluo::secrets::write_private(
        &gateway.configs().join("webhook.key"),
        "5a".repeat(32).as_bytes(),
    )
    .unwrap();
    let file = gateway.configs().join("keys/accounts.toml");
    let mut all = Accounts::load(&file).unwrap();
    let areas = vec![AreaCode::parse(COUNTY).unwrap()];
    all.add(Account::new("marked", &mark('e'), Role::Officer, areas, PASSWORD).unwrap()).unwrap();
    all.save(&file).unwrap();
}

/// What pages show and hold: all text, and the values of fields and attributes that people read.
fn shown(page: &Page) -> BTreeSet<char> {
    let all = "() => { const held = Array.from(document.querySelectorAll('input, textarea, option, [title], [aria-label]'))
            .map(e => [e.value, e.title, e.getAttribute('aria-label')].join(' '));
        return document.body.textContent + held.join(' '); }";
    let text = page.apply(all, &[]);
    let text = text.as_str().unwrap_or_default();
    FIELDS
        .iter()
        .map(|(letter, _)| *letter)
        .filter(|letter| text.contains(&mark(*letter)))
        .collect()
}

/// What was found where, and what became code.
#[derive(Default)]
struct Findings {
    found: BTreeMap<char, String>,
    faults: BTreeSet<String>,
}

impl Findings {
    fn look(&mut self, page: &Page) {
        page.pause(100);
        let at = page.path();
        for letter in shown(page) {
            self.found.entry(letter).or_insert_with(|| at.clone());
        }
        for fault in page.seen(|seen| std::mem::take(&mut seen.faults)) {
            // What a careless page ran or would have run.
            self.faults.insert(format!("{at}: {fault}"));
        }
    }

    fn go(&mut self, page: &Page, path: &str) {
        page.go(path);
        self.look(page);
    }
}

fn good(answer: (u16, Value)) -> Value {
    let (status, body) = answer;
    assert!(matches!(status, 200 | 202), "{status} {body}");
    body
}

/// What programs bring in, each with its mark.
fn brought(gateway: &Gateway) -> (String, String) {
    let leader = gateway.leader();
    let post = |path: &str, body: Value| good(gateway.post(path, &leader, body.to_string()));
    let village = json!([VILLAGE]);
    post("/groups", json!({ "name": mark('f'), "areas": village }));
    post(
        "/programmes",
        json!({
            "name": mark('g'), "text": mark('h'), "recording": null, "areas": village,
            "calendar": { "kind": "daily" }, "at_minutes": [450], "from": "2026-06-01",
            "until": "2036-06-30", "repeats": 1, "tolerance_s": 60, "valid_s": 600
        }),
    );
    let now = mingluo::clock::now_utc();
    let shift = json!({
        "post": "leader", "person": mark('i'), "telephone": "0730-7612345", "area": COUNTY,
        "from": now.plus_s(-3_600).0, "until": now.plus_s(86_400).0
    });
    post("/roster", json!({ "set": [shift] }));
    let manual = json!({ "text": "洪水", "areas": [VILLAGE], "class": "live", "emergency": true });
    let started = post("/broadcasts", manual);
    let id = started["broadcast"].as_str().expect("a few terminals need nobody").to_owned();
    post(&format!("/broadcasts/{id}/cancel"), json!({ "reason": mark('m') }));
    let wide = json!({ "text": "洪水", "areas": [COUNTY], "class": "live", "emergency": true });
    let alone = json!({ "reason": mark('s'), "manual": wide });
    let alone = post("/break-glass", alone)["broadcast"].as_str().unwrap().to_owned();
    (id, alone)
}

/// An alert with marks in its fields, and one that can't be read; gives its broadcast.
fn alerted(gateway: &Gateway) -> String {
    let body = alert(&xml('y'), "Red", "Alert", "")
        .replace("岳阳县气象台发布暴雨红色预警", &xml('u'))
        .replace("请立即转移到安全地带。", &xml('v'))
        .replace("<areaDesc>岳阳县", &format!("<areaDesc>{}", xml('w')));
    let told = good(gateway.post("/alerts", &gateway.source(), body));
    let bad = alert("unreadable", "Red", "Alert", "")
        .replace("<status>Actual", &format!("<status>{}", xml('z')));
    assert_eq!(gateway.post("/alerts", &gateway.source(), bad).0, 422);
    let told = told["broadcasts"][0].as_str().expect("it started").to_owned();
    good(gateway.post("/alerts", &gateway.source(), cap()));
    told
}

/// The shipped example of CAP, as of now, with marks in what people read of it.
fn cap() -> String {
    let now = mingluo::clock::now_utc();
    let time = |at: mingluo::model::UtcMs| {
        let local = jiff::Timestamp::from_millisecond(at.plus_s(8 * 3_600).0).unwrap();
        local.strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string()
    };
    include_str!("../fixtures/cap/good/two_languages.xml")
        .replace("2026-06-01T08:00:00+08:00", &time(now))
        .replace("2026-06-01T14:00:00+08:00", &time(now.plus_s(3_600)))
        .replace("</scope>", &format!("</scope><note>{}</note>", xml('G')))
        .replace("<event>暴雨", &format!("<event>{}", xml('B')))
        .replace("<senderName>岳阳县气象台", &format!("<senderName>{}", xml('C')))
        .replace("岳阳县气象台发布暴雨橙色预警", &xml('D'))
        .replace("预计未来3小时公田镇降雨量将达50毫米以上。", &xml('E'))
        .replace("请远离河道和陡坡。", &xml('F'))
}

/// Words that are typed in: read back as they are, and waiting for another person.
fn composed(page: &Page, findings: &mut Findings) {
    page.go("/console/compose");
    page.click("[name=class][value=live]");
    page.fill("[name=text]", &mark('l'));
    page.click(&format!("[name=area][value=\"{COUNTY_PART}\"]"));
    page.set("[name=urgency]", "emergency");
    page.and_load(|page| page.click("form.compose button.primary[type=submit]"));
    page.wait_for("section.plan");
    findings.look(page);
}

/// What people type in at pages that have no way for programs.
fn typed(administrator: &Page, leader: &Page) {
    let key = format!("name={}&role=source&days=90&area={COUNTY}", encoded(&mark('j')));
    assert_eq!(post(administrator, "/console/keys", &key), 200);
    administrator.go("/console/keys");
    let sha256 = administrator.eval("document.querySelector('[name=sha256]').value");
    let revoke = format!("sha256={}&reason={}", sha256.as_str().unwrap(), encoded(&mark('k')));
    assert_eq!(post(administrator, "/console/keys/revoke", &revoke), 200);
    for (form, field, letter) in
        [("plan/rainstorm-red", "title", 'p'), ("template/general", "text", 'r')]
    {
        leader.go(&format!("/console/plans/edit?part={form}"));
        let (field, text) = (format!("main [name={field}]"), mark(letter));
        leader.fill(&field, &text);
        leader.fill("main [name=reason]", &mark('q'));
        leader.and_load(|page| page.click("[name=step][value=save]"));
        leader.wait_for_text(&text);
    }
}

/// A response plan that is new and refused, one that is to go, a rejection that is read again, a latch.
fn decided(administrator: &Page, leader: &Page) {
    leader.go("/console/plans/edit?new=plan");
    leader.fill("[name=name]", "marked");
    leader.fill("[name=title]", &mark('I'));
    leader.fill("[name=hazards]", "11B99");
    leader.click("[name=levels][value=red]");
    leader.fill("main [name=reason]", "今年冰雹多发");
    leader.and_load(|page| page.click("[name=step][value=save]"));
    leader.wait_for_text("另一位负责人批准后生效");
    for (who, path, body, letter) in [
        (administrator, "plans/refuse", "part=plan/marked&version=1".to_owned(), 'J'),
        (leader, "plans/remove", "part=plan/flash-flood-red&seen=0".to_owned(), 'K'),
        (leader, "rejections/1/replay", String::new(), 'L'),
        (leader, "latches", "area=430621100000&hold=wait".to_owned(), 'M'),
    ] {
        let body = format!("{body}&reason={}", encoded(&mark(letter)));
        assert_eq!(post(who, &format!("/console/{path}"), &body), 200, "{path}");
    }
}

/// Files that come in through a browser: a recording's name, a registry, one that is only checked.
fn uploaded(browser: &Browser, leader: &Page, technician: &Page, findings: &mut Findings) {
    let send = "async name => {
        const token = document.querySelector('[name=token]').value;
        const form = new FormData(); form.set('token', token); form.set('title', name);
        const sound = await (await fetch('/console/recordings')).text();
        form.set('recording', new File([Uint8Array.from(atob(window.sound), c => c.charCodeAt(0))], 'a.wav'));
        return (await fetch('/console/recordings', { method: 'POST', body: form })).status; }";
    let sound = include_bytes!("../../audio-samples/golden/sine.wav");
    let sound = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sound);
    leader.go("/console/compose");
    leader.apply("sound => { window.sound = sound; }", &[json!(sound)]);
    assert_eq!(leader.apply(send, &[json!(mark('n'))]), 200);
    let file = browser.folder().join("registry.txt");
    let mut import = |name: &str| {
        let head = "id,name,area,lat_deg,lon_deg,codecs,links,volume_percent\n";
        let row = format!("430621104000-901,{name},430621104000,,,opus,mqtt,45\n");
        std::fs::write(&file, format!("{head}{row}")).unwrap();
        technician.go("/console/terminals");
        technician.upload("[action$=import] [name=file]", &file);
        technician.and_load(|page| page.click("[action$=import] button[type=submit]"));
        findings.look(technician);
    };
    import(&cell('A'));
    import("新装");
    technician.fill(".dry-run [name=reason]", &mark('o'));
    technician.and_load(|page| page.click(".dry-run button.primary"));
    findings.go(technician, "/console/terminals?name=430621104000-901");
}

#[test]
fn every_field_of_everybody_is_shown_as_text() {
    in_current("names", |browser| {
        let webhook = free();
        let messages = receiver(webhook, 0);
        let office = Office::open_with("names", |gateway| {
            planted(gateway);
            edit(gateway, "gateway.toml", |text| {
                format!(
                    "{text}\n[call]\nwebhook_url = \"http://{webhook}/sms\"\n\
                     webhook_key_file = \"webhook.key\"\npublic_url = \"http://console.test/\"\n"
                )
            });
        });
        let gateway = &office.gateway;
        let mut findings = Findings::default();
        let officer = named_officer(&office, browser);
        let (cancelled, alone) = brought(gateway);
        let warned = alerted(gateway);
        let leader = office.signed_in(browser, &LEADER);
        let administrator = office.signed_in(browser, &ADMINISTRATOR);
        let technician = office.signed_in(browser, &TECHNICIAN);
        typed(&administrator, &leader);
        decided(&administrator, &leader);
        composed(&leader, &mut findings);
        uploaded(browser, &leader, &technician, &mut findings);
        wait_until(30, || !messages.lock().unwrap().is_empty(), "somebody is called");
        let link = messages.lock().unwrap()[0].json()["link"].as_str().unwrap().to_owned();
        let found = [
            format!("/console/programmes/edit?name={}", encoded(&mark('g'))),
            format!("/console/broadcasts/{cancelled}"),
            format!("/console/broadcasts/{alone}"),
            format!("/console/broadcasts/{warned}"),
            format!("/console/audit?broadcast={warned}"),
            format!("/console/terminals?name={TERMINAL}"),
        ];
        for path in LEADERS_PAGES.into_iter().chain(found.iter().map(String::as_str)) {
            findings.go(&leader, path);
        }
        for number in 1..=2 {
            findings.go(&leader, &format!("/console/alerts/{number}"));
        }
        for path in ["/console/accounts", "/console/keys", "/console/system"] {
            findings.go(&administrator, path);
        }
        for path in ["/console/", "/console/me", "/console/broadcasts"] {
            findings.go(&officer, path);
        }
        let phone = browser.person(&office.origin());
        findings.go(&phone, link.strip_prefix("http://console.test").unwrap());
        told(&findings);
    });
}

/// Somebody whose name is a mark.
fn named_officer(office: &Office, browser: &Browser) -> Page {
    let page = browser.person(&office.origin());
    let who = crate::office::person("marked", "", Role::Officer, COUNTY);
    sign_in(&page, &who, PASSWORD);
    page.wait_for("nav");
    page
}

fn told(findings: &Findings) {
    let faults: Vec<&str> = findings.faults.iter().map(String::as_str).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let lost = FIELDS.iter().filter(|(letter, _)| !findings.found.contains_key(letter));
    let lost: Vec<&str> = lost.map(|(_, what)| *what).collect();
    assert!(lost.is_empty(), "on no page: {lost:?}; found: {:?}", findings.found);
}
