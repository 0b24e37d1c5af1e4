//! Response plans and API keys changed on the pages of the real daemon: two persons, a restart, a file
//! that was changed meanwhile, and the commands that look at the configuration.

use crate::process::{Gateway, alert, wire};
use crate::visitor::{Page, Visitor, add};

const COUNTY: &str = "430621000000";
const PART: &str = "plan/rainstorm-red";
const HISTORY: &str = "/console/plans/history?part=plan%2Frainstorm-red";

/// The form of the red rainstorm as it is shipped.
const FORM: [(&str, &str); 21] = [
    ("part", PART),
    ("seen", "0"),
    ("returns_to", ""),
    ("title", "暴雨红色"),
    ("levels", "red"),
    ("hazards", "11B03、11B38、11B64、11B49"),
    ("event_words", "暴雨、强降雨、rainstorm、heavy rain"),
    ("senders", ""),
    ("approval", "automatic"),
    ("decide_within_s", "900"),
    ("after_deadline", "expire"),
    ("chime", "red"),
    ("template", "rainstorm-urgent"),
    ("voice", "default"),
    ("fallback_recording", "rainstorm-red"),
    ("interval_s", "5"),
    ("volume_percent", "100"),
    ("quiet_hours_exempt", "yes"),
    ("playback", "simultaneous"),
    ("validity_s_max", "10800"),
    ("on_cancel", "stop_and_announce"),
];

fn gateway(name: &str) -> Gateway {
    let mut gateway = Gateway::prepare(name);
    for (login, name, role, area) in [
        ("li", "李带班", "leader", COUNTY),
        ("zhao", "赵带班", "leader", COUNTY),
        ("zhang", "张值班", "officer", COUNTY),
        ("wan", "万镇长", "leader", "430621104000"),
        ("guan", "管系统", "administrator", COUNTY),
    ] {
        add(&gateway, login, name, role, area);
    }
    gateway.restart();
    gateway
}

/// Sends the form with some fields other than shipped.
fn send(visitor: &mut Visitor, other: &[(&str, &str)]) -> Page {
    let own = FORM.iter().filter(|(name, _)| !other.iter().any(|(changed, _)| changed == name));
    let fields: Vec<(&str, &str)> = own.chain(other).copied().collect();
    visitor.post("/console/plans/edit", &fields)
}

fn says(page: &Page, words: &str) {
    assert!(page.whole.contains(words), "`{words}` is not in {}", page.whole);
}

/// Times a red alert would be played, as `mingluo explain` says.
fn explained(gateway: &Gateway) -> String {
    let file = gateway.configs().join("alert.xml");
    std::fs::write(&file, alert("explained", "Red", "Alert", "")).unwrap();
    let (code, said) = gateway.cli(&["explain", &file.display().to_string()]);
    assert_eq!(code, 0, "{said}");
    let line = said.lines().find(|line| line.starts_with("播放")).unwrap_or_default();
    line.to_owned()
}

#[test]
fn a_response_plan_is_changed_by_two_persons_and_outlives_a_restart() {
    let mut gateway = gateway("policy");
    let mut li = Visitor::signed_in(&gateway, "li");
    says(&li.get(&format!("/console/plans/edit?part={PART}")), "暴雨红色");
    // Every fault at once, and nothing is saved.
    let wrong = [
        ("repeats", "99"),
        ("title", ""),
        ("template", "none"),
        ("recording", "no-such-song"),
        ("reason", "汛期加强播报"),
        ("step", "save"),
    ];
    let page = send(&mut li, &wrong);
    for fault in [
        "应为 1 至 20 的整数，收到“99”",
        "名称：不能为空",
        "没有模板“none”",
        "没有录音“no-such-song”",
    ] {
        says(&page, fault);
    }
    let good = [("repeats", "5"), ("title", "暴雨红色（县定）"), ("reason", "汛期加强播报")];
    let with = |step| [&good[..], &[("step", step)]].concat();
    let page = send(&mut li, &with("preview"));
    for words in ["检查通过", "自动播发，无需审批", "个终端", "岳阳县发布暴雨红色预警"]
    {
        says(&page, words);
    }
    assert_eq!(explained(&gateway), "播放  3 遍，间隔 5 秒", "a preview changes nothing");
    let page = send(&mut li, &with("save"));
    assert_eq!((page.status, page.location.as_str()), (303, HISTORY), "{}", page.whole);
    says(&li.get(HISTORY), "待批准，尚未生效");
    let version = [("part", PART), ("version", "1")];
    let refused = li.post("/console/plans/approve", &version);
    assert_eq!(refused.status, 303);
    says(&li.get(HISTORY), "不能批准自己的修改");
    for nobody in ["zhang", "wan"] {
        let mut nobody = Visitor::signed_in(&gateway, nobody);
        nobody.post("/console/plans/approve", &version);
        says(&nobody.get(HISTORY), "待批准，尚未生效");
    }
    assert_eq!(explained(&gateway), "播放  3 遍，间隔 5 秒", "one person alone changes nothing");
    let (_, said) = gateway.cli(&["check"]);
    assert!(said.contains("plan/rainstorm-red: a change by 李带班 waits"), "{said}");
    let mut guan = Visitor::signed_in(&gateway, "guan");
    guan.post("/console/plans/approve", &version);
    let page = guan.get(HISTORY);
    for words in ["已批准，立即生效", "第 1 版", "批准：管系统", "遍数：3", "遍数：5"]
    {
        says(&page, words);
    }
    assert_eq!(explained(&gateway), "播放  5 遍，间隔 5 秒");
    gateway.kill();
    gateway.restart();
    let (_, answer) = gateway.post("/alerts", &gateway.source(), alert("red", "Red", "Alert", ""));
    let id = answer["broadcasts"][0].as_str().expect("it started");
    let broadcast = gateway.get(&format!("/broadcasts/{id}"));
    assert_eq!(broadcast["repeats"], 5, "{broadcast}");
    assert_eq!(broadcast["response_plan"], "rainstorm-red");
    assert_eq!(broadcast["response_plan_title"], "暴雨红色（县定）");
    another_file(&mut gateway);
}

/// The file changes under a change on screen: said by `check`, by the page, and decided by people.
fn another_file(gateway: &mut Gateway) {
    gateway.edit_policy("repeats = 3\ninterval_s = 5", "repeats = 4\ninterval_s = 5");
    let (code, said) = gateway.cli(&["check"]);
    assert_eq!(code, 0, "{said}");
    let told = "plan/rainstorm-red: version 1, made on screen by 李带班, stays in force although";
    assert!(said.contains(told), "{said}");
    gateway.stop();
    gateway.restart();
    assert_eq!(explained(gateway), "播放  5 遍，间隔 5 秒");
    let mut li = Visitor::signed_in(gateway, "li");
    for page in ["/console/system", "/console/plans", HISTORY] {
        says(&li.get(page), "policy.toml 又被改动");
    }
    // Back to the file, by two persons again.
    says(&li.get(&format!("/console/plans/edit?part={PART}&from=0")), "采用 policy.toml 的内容");
    let file = [
        ("seen", "1"),
        ("returns_to", "0"),
        ("repeats", "4"),
        ("reason", "采用文件"),
        ("step", "save"),
    ];
    assert_eq!(send(&mut li, &file).status, 303);
    let mut zhao = Visitor::signed_in(gateway, "zhao");
    zhao.post("/console/plans/approve", &[("part", PART), ("version", "2")]);
    says(&zhao.get(HISTORY), "取自 policy.toml 原文");
    assert_eq!(explained(gateway), "播放  4 遍，间隔 5 秒");
    let (_, said) = gateway.cli(&["check"]);
    assert!(!said.contains("made on screen"), "{said}");
    gateway.stop();
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn only_leaders_and_administrators_get_the_form() {
    let gateway = gateway("policy-roles");
    for (login, expect) in [("zhang", 403), ("li", 200), ("guan", 200)] {
        let mut visitor = Visitor::signed_in(&gateway, login);
        let page = visitor.get(&format!("/console/plans/edit?part={PART}"));
        assert_eq!(page.status, expect, "{login}");
        let save = [("repeats", "5"), ("reason", "汛期加强"), ("step", "preview")];
        assert_eq!(send(&mut visitor, &save).status, expect, "{login}");
    }
    let mut li = Visitor::signed_in(&gateway, "li");
    for nothing in ["plan/none", "template/none", "none", ""] {
        assert_eq!(li.get(&format!("/console/plans/edit?part={nothing}")).status, 404, "{nothing}");
        assert_eq!(li.get(&format!("/console/plans/history?part={nothing}")).status, 404);
    }
}

/// The status of a request with a key.
fn with_key(gateway: &Gateway, key: &str) -> u16 {
    let http = gateway.listeners()[1].1;
    let head = format!(
        "GET /api/v1/terminals HTTP/1.1\r\nHost: {http}\r\nAuthorization: Bearer {key}\r\n\
         Connection: close\r\n\r\n"
    );
    wire(http, head.as_bytes()).0
}

#[test]
fn a_key_is_made_shown_once_and_revoked() {
    let mut gateway = gateway("keys-page");
    let mut guan = Visitor::signed_in(&gateway, "guan");
    says(&guan.get("/console/keys"), "配置文件");
    let new = [("name", "水文站"), ("role", "auditor"), ("days", "30"), ("area", COUNTY)];
    let mut li = Visitor::signed_in(&gateway, "li");
    assert_eq!(li.get("/console/keys").status, 403);
    assert_eq!(li.post("/console/keys", &new).status, 403);
    let none = guan.post("/console/keys", &[("name", " "), ("role", "auditor"), ("days", "30")]);
    says(&none, "名称应为 1 至 32 字");
    says(&none, "应选 1 至 200 个区域");
    let made = guan.post("/console/keys", &new);
    let at = made.whole.find("mlk_").expect("the key");
    let key: String =
        made.whole[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    assert_eq!(key.len(), 4 + 48, "{key}");
    assert_eq!(with_key(&gateway, &key), 200);
    let listed = guan.get("/console/keys");
    says(&listed, "新建：管系统");
    assert!(!listed.whole.contains(&key), "it is shown once");
    // It outlives the process, by its digest alone.
    gateway.kill();
    gateway.restart();
    assert_eq!(with_key(&gateway, &key), 200);
    let mut record = std::fs::read(gateway.record()).unwrap();
    record.extend(std::fs::read(gateway.record().with_extension("db-wal")).unwrap_or_default());
    let digest = mingluo::model::Sha256::of(key.as_bytes()).to_string();
    let holds = |text: &str| record.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds(&digest) && !holds(&key));
    let mut guan = Visitor::signed_in(&gateway, "guan");
    let revoke = [("sha256", digest.as_str()), ("reason", "密钥外泄")];
    let mut zhang = Visitor::signed_in(&gateway, "zhang");
    assert_eq!(zhang.post("/console/keys/revoke", &revoke).status, 403);
    assert_eq!(guan.post("/console/keys/revoke", &revoke).status, 303);
    assert_eq!(with_key(&gateway, &key), 401, "at once");
    says(&guan.get("/console/keys"), "密钥外泄");
    gateway.stop();
    gateway.restart();
    assert_eq!(with_key(&gateway, &key), 401);
    assert_eq!(with_key(&gateway, &gateway.leader()), 200, "keys of the file go on working");
    gateway.stop();
}
