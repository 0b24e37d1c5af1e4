//! What officers on duty do in the console: change, release, countersign, the roster, groups, programmes.
//! Each on its main path and where it must be refused.

use crate::process::Gateway;
use crate::visitor::{Page, Visitor, add};

const COUNTY: &str = "430621000000";

fn between<'a>(text: &'a str, start: &str) -> &'a str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("`{start}` is not in {text}")).1;
    rest.split('"').next().unwrap()
}

/// All values of boxes of one name.
fn boxes(page: &Page, name: &str) -> Vec<String> {
    let start = format!("name=\"{name}\" value=\"");
    page.whole
        .split(&start)
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

fn gateway(name: &str) -> Gateway {
    let gateway = Gateway::start(name);
    for (login, name, role) in
        [("officer", "张三", "officer"), ("leader", "李四", "leader"), ("second", "王五", "leader")]
    {
        add(&gateway, login, name, role, COUNTY);
    }
    add(&gateway, "auditor", "赵六", "auditor", COUNTY);
    gateway
}

/// A broadcast to the whole county, by the button `step`.
fn compose(officer: &mut Visitor, step: &str, reason: &str) -> Page {
    let words = [
        ("class", "live"),
        ("text", "河水上涨，请沿河群众立即转移。"),
        ("area", COUNTY),
        ("urgency", "emergency"),
        ("level", "red"),
        ("chime", "red"),
        ("repeats", "1"),
        ("valid", "30"),
    ];
    let review = officer.post("/console/compose", &words);
    let once = between(&review.whole, "name=\"once\" value=\"").to_owned();
    // Asked for from fifty terminals on.
    let typed = review
        .whole
        .split_once("pattern=\"")
        .map_or("", |_| between(&review.whole, "pattern=\""))
        .to_owned();
    let mut send = words.to_vec();
    send.extend([("step", step), ("once", &once), ("typed", &typed), ("glass_reason", reason)]);
    officer.post("/console/compose", &send)
}

fn says(visitor: &mut Visitor, answer: &Page, expect: &str) {
    let page = visitor.get(&answer.location);
    assert!(page.whole.contains(expect), "`{expect}` is not in {}", page.whole);
}

#[test]
fn a_plan_is_changed_and_only_what_was_seen_is_approved() {
    let mut gateway = gateway("duty-edit");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    let sent = compose(&mut officer, "send", "");
    let plan = sent.location.split_once('#').expect("it waits").1.to_owned();
    let mut leader = Visitor::signed_in(&gateway, "leader");
    let edit = format!("/console/approvals/{plan}/edit");
    let form = leader.get(&edit);
    let (townships, areas) = (boxes(&form, "township"), boxes(&form, "area"));
    assert!(townships.len() > 1, "{}", form.whole);
    let mut change = vec![("revision", "0"), ("repeats", "3")];
    change.push(("text", "河水上涨，请马上转移。"));
    change.extend(townships.iter().skip(1).map(|code| ("township", code.as_str())));
    change.extend(areas.iter().map(|code| ("area", code.as_str())));
    let saved = leader.post(&edit, &change);
    assert_eq!(saved.location, format!("/console/approvals#{plan}"), "{}", saved.whole);
    let again = leader.post(&edit, &change);
    assert!(again.whole.contains("第 1 版"), "the form was stale: {}", again.whole);
    let mut second = Visitor::signed_in(&gateway, "second");
    let page = second.get("/console/approvals").whole;
    for expect in ["<del>请沿河群众立即转移。</del>", "<ins>请马上转移。</ins>", "李四", "现在请"]
    {
        assert!(page.contains(expect), "`{expect}` is not in {page}");
    }
    let approve = format!("/console/approvals/{plan}/approve");
    let stale = second.post(&approve, &[("revision", "0")]);
    says(&mut second, &stale, "您看到的是第 0 版");
    let own = officer.post(&approve, &[("revision", "1")]);
    says(&mut officer, &own, "不能批准自己");
    let started = second.post(&approve, &[("revision", "1")]);
    assert!(started.location.starts_with("/console/broadcasts/"), "{}", started.whole);
    let none = second.post(&format!("{}/resend", started.location), &[]);
    assert_eq!(none.status, 303);
    let mut auditor = Visitor::signed_in(&gateway, "auditor");
    assert_eq!(auditor.post(&format!("{}/resend", started.location), &[]).status, 403);
    assert_eq!(auditor.get(&edit).status, 403);
    gateway.stop();
}

#[test]
fn released_alone_it_asks_for_two_other_names() {
    let mut gateway = gateway("duty-glass");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    let short = compose(&mut officer, "glass", "急");
    assert!(short.whole.contains("理由至少"), "{}", short.whole);
    let sent = compose(&mut officer, "glass", "溃坝在即，来不及等");
    assert!(sent.location.starts_with("/console/broadcasts/"), "{}", sent.whole);
    let sign = format!("{}/countersign", sent.location);
    let own = officer.post(&sign, &[]);
    says(&mut officer, &own, "不能为自己补签");
    let mut auditor = Visitor::signed_in(&gateway, "auditor");
    assert_eq!(auditor.post(&sign, &[]).status, 403);
    for (login, expect) in [("leader", "还需要 1 人补签"), ("second", "补签已完成")] {
        let mut visitor = Visitor::signed_in(&gateway, login);
        assert!(visitor.get("/console/approvals").whole.contains("溃坝在即"));
        let signed = visitor.post(&sign, &[("back", "/console/approvals")]);
        says(&mut visitor, &signed, expect);
    }
    assert!(!officer.get("/console/approvals").whole.contains("溃坝在即"));
    gateway.stop();
}

#[test]
fn a_roster_is_taken_whole_or_not_at_all() {
    let mut gateway = gateway("duty-roster");
    let mut leader = Visitor::signed_in(&gateway, "leader");
    let import = "/console/roster/import";
    let head = "岗位,姓名,电话,区域,开始,结束\n";
    let good = format!("{head}值班员,张三,119,{COUNTY},2090-06-01 08:00,2090-06-01 20:00\n");
    let bad = format!("{good}司机,王五,手机,{COUNTY},2090-06-01 08:00,2090-06-01 20:00\n");
    let told = leader.post_parts(import, &[("file", &bad)]).whole;
    assert!(told.contains("第 3 行") && told.contains("没有导入任何内容"), "{told}");
    let checked = leader.post_parts(import, &[("file", &good)]).whole;
    assert!(checked.contains("确认导入") && checked.contains("还没有排班"), "{checked}");
    let text = between(&checked, "name=\"checked\" value=\"").to_owned();
    let taken = leader.post_parts(import, &[("checked", &text)]);
    says(&mut leader, &taken, "值班表已导入");
    let page = leader.get("/console/roster").whole;
    assert!(page.contains("2090-06-01 08:00") && page.contains("tel:119"), "{page}");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    assert_eq!(officer.post_parts(import, &[("checked", &text)]).status, 403);
    assert_eq!(officer.post("/console/roster/remove", &[("shift", "1")]).status, 403);
    leader.token = "forged".to_owned();
    assert_eq!(leader.post_parts(import, &[("checked", &text)]).status, 403, "no token");
    leader.get("/console/roster");
    let now = [
        ("post", "leader"),
        ("person", "李四"),
        ("telephone", "119"),
        ("area", COUNTY),
        ("from", "2090-06-02T08:00"),
        ("until", "2090-06-01T08:00"),
    ];
    let wrong = leader.post("/console/roster", &now);
    says(&mut leader, &wrong, "结束时间应晚于开始时间");
    let gone = leader.post("/console/roster/remove", &[("shift", "1")]);
    says(&mut leader, &gone, "班次已删除");
    gateway.stop();
}

#[test]
fn groups_and_programmes_are_saved_approved_and_removed() {
    let mut gateway = gateway("duty-programmes");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    let area = ("area", COUNTY);
    let group = [("step", "review"), area, ("group_name", "沿江"), ("step", "save_group")];
    let saved = officer.post("/console/compose", &group).whole;
    assert!(
        saved.contains("群组已保存") && saved.contains("name=\"group\" value=\"沿江\""),
        "{saved}"
    );
    let edit = "/console/programmes/edit";
    let programme = |text: &'static str, until: &'static str, step: &'static str| {
        [
            ("name", "安全生产月"),
            ("text", text),
            area,
            ("kind", "month"),
            ("days", "6"),
            ("times", "07:30"),
            ("from", "2026-06-01"),
            ("until", until),
            ("repeats", "1"),
            ("step", step),
        ]
    };
    let wrong = officer.post(edit, &programme("人人讲安全", "2026-06-31", "save")).whole;
    assert!(wrong.contains("日期应如"), "{wrong}");
    let silent = officer.post(edit, &programme("", "2036-06-30", "save")).whole;
    assert!(silent.contains("没有播发内容"), "{silent}");
    let checked = officer.post(edit, &programme("人人讲安全", "2036-06-30", "check")).whole;
    assert!(checked.contains("检查通过"), "{checked}");
    assert!(officer.get("/console/programmes").whole.contains("还没有节目"), "only checked");
    let saved = officer.post(edit, &programme("人人讲安全", "2036-06-30", "save"));
    says(&mut officer, &saved, "节目已保存");
    let page = officer.get("/console/programmes").whole;
    assert!(page.contains("每年 6 月每天 07:30") && page.contains("待批准"), "{page}");
    let mut leader = Visitor::signed_in(&gateway, "leader");
    let page = leader.get("/console/programmes").whole;
    let seen = between(&page, "name=\"seen\" value=\"").to_owned();
    let approve = "/console/programmes/approve";
    let own = officer.post(approve, &[("name", "安全生产月"), ("seen", &seen)]);
    says(&mut officer, &own, "不能批准自己的节目");
    let stale = leader.post(approve, &[("name", "安全生产月"), ("seen", "7")]);
    says(&mut leader, &stale, "节目已被修改");
    let good = leader.post(approve, &[("name", "安全生产月"), ("seen", &seen)]);
    says(&mut leader, &good, "节目已批准");
    let mut auditor = Visitor::signed_in(&gateway, "auditor");
    assert_eq!(auditor.post("/console/programmes/remove", &[("name", "安全生产月")]).status, 403);
    let gone = officer.post("/console/programmes/remove", &[("name", "安全生产月")]);
    says(&mut officer, &gone, "节目已删除");
    let gone = officer.post("/console/groups/remove", &[("name", "沿江")]);
    says(&mut officer, &gone, "群组已删除");
    gateway.stop();
}

/// The page changes the words; voice, pause, lateness and single terminals stay as a program set them.
#[test]
fn a_programme_saved_on_its_page_keeps_the_rest() {
    let mut gateway = gateway("duty-kept");
    let set = serde_json::json!({
        "name": "防灾减灾日", "text": "人人学避险。", "voice": "default", "areas": [],
        "terminals": ["430621000000-001"], "calendar": { "kind": "yearly",
        "days": [{ "month": 5, "day": 12 }] }, "at_minutes": [600], "from": "2027-01-01",
        "until": "2036-12-31", "repeats": 2, "interval_s": 45, "tolerance_s": 900, "valid_s": 1_800
    });
    let (status, answer) = gateway.post("/programmes", &gateway.leader(), set.to_string());
    assert_eq!(status, 200, "{answer}");
    let mut leader = Visitor::signed_in(&gateway, "leader");
    let path = form_urlencoded::byte_serialize("防灾减灾日".as_bytes()).collect::<String>();
    let page = leader.get(&format!("/console/programmes/edit?name={path}"));
    let one = |name: &str| boxes(&page, name).first().cloned().unwrap_or_default();
    let mut fields = vec![("text", "人人会避险。".to_owned()), ("kind", "yearly".to_owned())];
    for name in ["voice", "interval", "tolerance", "terminal"] {
        fields.push((name, one(name)));
    }
    // Inputs whose value does not stand right behind their name.
    for (name, value) in [
        ("name", "防灾减灾日"),
        ("days", "05-12"),
        ("times", "10:00"),
        ("from", "2027-01-01"),
        ("until", "2036-12-31"),
        ("repeats", "2"),
        ("valid", "30"),
        ("step", "save"),
    ] {
        fields.push((name, value.to_owned()));
    }
    for (name, value) in [("interval", "45"), ("tolerance", "900")] {
        let shown = format!("name=\"{name}\" min=\"");
        let rest = page.whole.split_once(&shown).unwrap_or_else(|| panic!("{}", page.whole)).1;
        assert_eq!(between(rest, "value=\""), value, "{name}");
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value.to_owned()));
    }
    let voice = page.whole.split_once("name=\"voice\"").unwrap().1;
    assert_eq!(between(voice, "value=\""), "default");
    fields.retain(|(known, _)| *known != "voice");
    fields.push(("voice", "default".to_owned()));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let saved = leader.post("/console/programmes/edit", &fields);
    says(&mut leader, &saved, "节目已保存");
    let mut kept = gateway.get("/programmes")["programmes"][0]["programme"].clone();
    assert_eq!(kept["text"], "人人会避险。");
    for (name, value) in set.as_object().unwrap().iter().filter(|(name, _)| *name != "text") {
        assert_eq!(kept[name].take(), *value, "{name}");
    }
    gateway.stop();
}

/// Who has no token is not read any further: the answer comes although most of the body never does.
#[test]
fn a_roster_without_its_token_is_not_read() {
    let mut gateway = gateway("duty-forged");
    let mut leader = Visitor::signed_in(&gateway, "leader");
    let http = leader.http;
    let head = format!(
        "POST /console/roster/import HTTP/1.1\r\nHost: {http}\r\nOrigin: http://{http}\r\n\
         Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: 100000\r\n"
    );
    let part = "Content-Disposition: form-data; name=\"file\"; filename=\"duty.csv\"\r\n\r\n岗位,";
    assert_eq!(leader.send(&head, &format!("--edge\r\n{part}")).status, 403);
    gateway.stop();
}
