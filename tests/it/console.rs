//! The console over real sockets: the first start, who gets in, what each role may do, and the guards
//! against forms and names that are not ours. What a browser makes of it is in `tests/browser`.

use crate::process::{Gateway, wait_until};
use crate::visitor::{PASSWORD, Page, Visitor, add};
use mingluo::simulate::Misbehaviour;

#[test]
fn the_first_start_is_set_up_by_its_link_and_never_again() {
    let mut gateway = Gateway::start("console-setup");
    let link = gateway.setup_link().expect("a first start prints its link");
    let mut visitor = Visitor::new(&gateway);
    assert_eq!(visitor.get("/console/setup?token=guessed").status, 410);
    assert_eq!(visitor.get(&link).status, 200);
    let token = link.split_once("token=").unwrap().1;
    let typed = |password: &'static str| {
        [
            ("setup", token.to_owned()),
            ("login", "admin".to_owned()),
            ("name", "王管理".to_owned()),
            ("password", password.to_owned()),
            ("again", password.to_owned()),
        ]
    };
    let post = |visitor: &mut Visitor, password| {
        let fields = typed(password);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        visitor.post("/console/setup", &fields)
    };
    let weak = post(&mut visitor, "1234567890");
    assert!(weak.status == 200 && weak.whole.contains("太容易猜到"), "{}", weak.whole);
    assert_eq!(post(&mut visitor, PASSWORD).location, "/console/");
    assert_eq!(visitor.get("/console/accounts").status, 200);
    assert_eq!(post(&mut Visitor::new(&gateway), PASSWORD).status, 410, "used up");
    gateway.stop();
    gateway.restart();
    assert_eq!(gateway.setup_link(), None, "there is an account: no link any more");
    Visitor::signed_in(&gateway, "admin");
    gateway.stop();
    let (code, rows) = gateway.cli(&["record", "export", "--format", "json"]);
    assert!(code == 0 && rows.contains("\"signed_in\"") && rows.contains("王管理"), "{rows}");
    assert!(!rows.contains(PASSWORD) && !rows.contains("argon2"), "no secret on record");
}

#[test]
fn each_role_sees_and_does_what_is_its_own() {
    let mut gateway = Gateway::start("console-roles");
    for (login, name, role) in [
        ("officer", "张三", "officer"),
        ("leader", "李四", "leader"),
        ("auditor", "王五", "auditor"),
        ("technician", "赵六", "technician"),
        ("admin", "孙七", "administrator"),
    ] {
        add(&gateway, login, name, role, "430621000000");
    }
    let all = [
        ("/console/", "officer leader auditor technician admin"),
        ("/console/alerts", "officer leader auditor technician admin"),
        ("/console/compose", "officer leader"),
        ("/console/approvals", "officer leader"),
        ("/console/broadcasts", "officer leader auditor technician admin"),
        ("/console/terminals", "officer leader auditor technician admin"),
        ("/console/plans", "officer leader auditor technician admin"),
        ("/console/roster", "officer leader auditor technician admin"),
        ("/console/programmes", "officer leader auditor technician admin"),
        ("/console/programmes/edit", "officer leader"),
        ("/console/groups", "officer leader"),
        ("/console/drills", "leader"),
        ("/console/latches", "officer leader auditor technician admin"),
        ("/console/rejections", "officer leader auditor technician admin"),
        ("/console/audit", "leader auditor"),
        ("/console/system", "officer leader auditor technician admin"),
        ("/console/accounts", "admin"),
        ("/console/me", "officer leader auditor technician admin"),
    ];
    for login in ["officer", "leader", "auditor", "technician", "admin"] {
        let mut visitor = Visitor::signed_in(&gateway, login);
        for (path, may) in all {
            let expect = if may.split(' ').any(|one| one == login) { 200 } else { 403 };
            assert_eq!(visitor.get(path).status, expect, "{login} {path}");
        }
        let stop = visitor.post("/console/stop", &[]);
        let may = matches!(login, "officer" | "leader");
        assert_eq!(stop.status, if may { 303 } else { 403 }, "{login} stops");
    }
    for (path, _) in all {
        let nobody = Visitor::new(&gateway).get(path);
        assert!(nobody.location.starts_with("/console/sign-in"), "{path}: {}", nobody.whole);
    }
    gateway.stop();
}

#[test]
fn two_people_take_a_broadcast_to_every_village_and_stop_it() {
    let mut gateway = Gateway::start("console-broadcast");
    let fleet = gateway.fleet(Misbehaviour::default());
    add(&gateway, "officer", "张三", "officer", "430621000000");
    add(&gateway, "alias", "张 三", "leader", "430621000000");
    add(&gateway, "leader", "李四", "leader", "430621000000");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    let words = [
        ("class", "live"),
        ("text", "<script>alert(1)</script>河水上涨，请沿河群众立即转移。"),
        ("area", "430621000000"),
        ("urgency", "emergency"),
        ("level", "red"),
        ("chime", "red"),
        ("repeats", "1"),
        ("valid", "30"),
    ];
    let drill: Vec<(&str, &str)> =
        words.iter().map(|(k, v)| (*k, if *k == "class" { "drill" } else { *v })).collect();
    let refused = officer.post("/console/compose", &drill);
    assert!(refused.whole.contains("未启动演练"), "a drill is not armed: {}", refused.whole);
    let review = officer.post("/console/compose", &words);
    assert!(review.whole.contains("核对后播发"), "{}", review.whole);
    assert!(!review.whole.contains("<script>alert"), "what was typed is text, not markup");
    let once = review.whole.split_once("name=\"once\" value=\"").unwrap().1;
    let once = once.split('"').next().unwrap().to_owned();
    let mut send = words.to_vec();
    send.extend([("step", "send"), ("once", once.as_str())]);
    if let Some((_, rest)) = review.whole.split_once("pattern=\"") {
        let wrong = officer.post("/console/compose", &send);
        assert!(wrong.whole.contains("没有播发"), "{}", wrong.whole);
        let count: &'static str = rest.split('"').next().unwrap().to_owned().leak();
        send.push(("typed", count));
    }
    let sent = officer.post("/console/compose", &send);
    assert_eq!(sent.status, 303, "{}", sent.whole);
    let again = officer.post("/console/compose", &send);
    assert_eq!(again.location, sent.location, "twice is once");
    // So many terminals need a second person.
    let (_, plan) = sent.location.split_once('#').expect("a plan that waits");
    let approve = format!("/console/approvals/{plan}/approve");
    let own = officer.post(&approve, &[]);
    assert!(officer.get(&own.location).whole.contains("不能批准自己"), "nobody approves himself");
    let mut alias = Visitor::signed_in(&gateway, "alias");
    let own = alias.post(&approve, &[]);
    assert!(alias.get(&own.location).whole.contains("不能批准自己"), "nor under another login");
    let mut leader = Visitor::signed_in(&gateway, "leader");
    assert!(leader.get("/console/approvals").whole.contains("河水上涨"));
    let broadcast = leader.post(&approve, &[]).location;
    assert!(broadcast.starts_with("/console/broadcasts/"), "{broadcast}");
    let played = || {
        let all = gateway.get("/broadcasts");
        all["broadcasts"][0]["counts"]["played"].as_u64().unwrap_or(0) > 0
    };
    wait_until(60, played, "a terminal played it");
    let page = leader.get(&broadcast);
    assert!(page.whole.contains("河水上涨") && !page.whole.contains("<script>alert"));
    let stopped = leader.post("/console/stop", &[("reason", "误播")]);
    assert_eq!(stopped.status, 303);
    the_audit_finds_it(&mut leader, broadcast.rsplit('/').next().unwrap());
    assert_eq!(officer.get("/console/audit").status, 403, "an officer is no auditor");
    gateway.stop();
    drop(fleet);
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}

/// The audit of a broadcast: the page, one terminal's proof, every form of the report.
fn the_audit_finds_it(leader: &mut Visitor, broadcast: &str) {
    let played = format!("/console/audit?broadcast={broadcast}&outcome=played");
    let mut found = Page { status: 0, location: String::new(), whole: String::new() };
    // The projection follows the record by moments.
    wait_until(
        20,
        || {
            found = leader.get(&played);
            found.whole.contains("/console/audit/evidence?")
        },
        "the audit has it",
    );
    let link = found.whole.split("href=\"/console/audit/evidence?").nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    let proof = leader.get(&format!("/console/audit/evidence?{link}"));
    for expect in ["报文经该终端密钥验证", "校验通过", "播完"] {
        assert!(proof.whole.contains(expect), "`{expect}` is not in {}", proof.whole);
    }
    for (format, expect) in [("csv", "text/csv"), ("xlsx", "spreadsheetml"), ("pdf", "pdf")] {
        let path = format!("/console/audit/export?broadcast={broadcast}&format={format}");
        let file = leader.get_bytes(&path);
        assert!(file.contains(expect), "{format}: {}", file.chars().take(500).collect::<String>());
    }
    let wrong = leader.get("/console/audit?area=9x");
    assert!(wrong.status == 200 && wrong.whole.contains("筛选条件有误"), "{}", wrong.whole);
}

#[test]
fn forms_and_names_that_are_not_ours_are_refused() {
    let mut gateway = Gateway::start("console-guards");
    add(&gateway, "leader", "李四", "leader", "430621000000");
    let mut leader = Visitor::signed_in(&gateway, "leader");
    let token = leader.token.clone();
    let own = format!("http://{}", leader.http);
    for (origin, fields, expect) in [
        (own.as_str(), vec![("token", token.as_str())], 303),
        (own.as_str(), vec![("token", "")], 403),
        (own.as_str(), vec![("token", "0000")], 403),
        (own.as_str(), vec![], 403),
        ("http://evil.example", vec![("token", token.as_str())], 403),
        ("null", vec![("token", token.as_str())], 403),
    ] {
        let page = leader.post_from(origin, "/console/stop", &fields);
        assert_eq!(page.status, expect, "{origin} {fields:?}");
    }
    let named = leader.send("GET /console/ HTTP/1.1\r\nHost: evil.example\r\n", "");
    assert_eq!(named.status, 421);
    // A cookie that was planted before the sign-in opens nothing after it.
    let mut planted = Visitor::new(&gateway);
    planted.cookies.insert("mingluo_session".into(), "planted".into());
    planted.post("/console/sign-in", &[("login", "leader"), ("password", PASSWORD)]);
    assert_ne!(planted.cookies["mingluo_session"], "planted");
    let away = planted.post(
        "/console/sign-in",
        &[("login", "leader"), ("password", PASSWORD), ("next", "https://evil.example/")],
    );
    assert_eq!(away.location, "/console/");
    let page = leader.get("/console/");
    let head = page.whole.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
    for expect in
        ["content-security-policy: default-src 'none'", "x-frame-options: deny", "no-store"]
    {
        assert!(head.contains(expect), "`{expect}` is not in {head}");
    }
    assert!(
        !head.contains("unsafe-inline") && !page.whole.contains(" style=\""),
        "no inline style"
    );
    gateway.stop();
}
