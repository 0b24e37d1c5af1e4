//! Settings over the interface: response plans and templates by two persons, and API keys.

use crate::process::{Gateway, alert};
use serde_json::{Value, json};

/// A key of that role, made on the command line; its name is the name of who holds it.
fn key(gateway: &Gateway, name: &str, role: &str) -> String {
    let (code, said) = gateway.cli(&["keys", "create", "--name", name, "--role", role]);
    assert_eq!(code, 0, "{said}");
    said.trim().to_owned()
}

fn opened(name: &str) -> (Gateway, [String; 4]) {
    let mut gateway = Gateway::prepare(name);
    let keys = [
        ("李带班", "leader"),
        ("管系统", "administrator"),
        ("张值班", "officer"),
        ("沈审计", "auditor"),
    ];
    let keys = keys.map(|(name, role)| key(&gateway, name, role));
    gateway.restart();
    (gateway, keys)
}

fn plan(name: &str) -> Value {
    json!({ "plan": {
        "name": name, "title": "冰雹红色", "hazards": ["11B99"], "event_words": ["强冰雹"],
        "levels": ["red"], "senders": [], "areas": [], "approval": "automatic",
        "decide_within_s": 120, "after_deadline": "expire", "chime": "red", "template": "general",
        "voice": "default", "recording": null, "fallback_recording": "general-red", "repeats": 3,
        "interval_s": 10, "volume_percent": null, "quiet_hours_exempt": true,
        "playback": "simultaneous", "validity_s_max": 7200, "on_cancel": "stop_and_announce",
        "call": null
    } })
}

fn part<'a>(policy: &'a Value, name: &str) -> &'a Value {
    let parts = policy["parts"].as_array().unwrap();
    parts.iter().find(|one| one["part"] == name).unwrap_or(&Value::Null)
}

#[test]
fn a_plan_comes_and_goes_by_two_persons() {
    let (mut gateway, [leader, administrator, officer, _]) = opened("settings-policy");
    let post = |gateway: &Gateway, path: &str, key: &str, body: &Value| {
        gateway.post(&format!("/policy/changes{path}"), key, body.to_string())
    };
    let add = json!({ "deed": "add", "part": "plan/hail-red", "content": plan("hail-red"),
        "stands_before": "rainstorm-red", "seen": 0, "reason": "今年冰雹多发" });
    assert_eq!(post(&gateway, "", &officer, &add).0, 403);
    let mut other = add.clone();
    other["part"] = json!("plan/other");
    assert_eq!(post(&gateway, "", &leader, &other).0, 400, "part and content are one");
    other["content"]["plan"]["unknown"] = json!(1);
    assert_eq!(post(&gateway, "", &leader, &other).0, 422, "a misspelt field is told");
    assert_eq!(
        post(&gateway, "", &leader, &add),
        (200, json!({ "state": "saved", "signatures_needed": 1 }))
    );
    let seen = json!({ "part": "plan/hail-red", "version": 1 });
    let mut no = seen.clone();
    no["reason"] = json!("遍数太少，请改为五遍");
    assert_eq!(post(&gateway, "/refuse", &leader, &no).0, 409, "the own one is taken back");
    assert_eq!(post(&gateway, "/refuse", &administrator, &no).0, 200);
    let history = gateway.get("/policy/history?part=plan/hail-red");
    assert_eq!(history["refused"][0]["reason"], "遍数太少，请改为五遍", "{history}");
    assert_eq!(history["refused"][0]["change"]["by"], "李带班");
    assert_eq!(post(&gateway, "/approve", &administrator, &seen).0, 404);

    assert_eq!(post(&gateway, "", &leader, &add).0, 200);
    let seen = json!({ "part": "plan/hail-red", "version": 2 });
    assert_eq!(post(&gateway, "/approve", &leader, &seen).0, 409);
    assert_eq!(post(&gateway, "/approve", &administrator, &seen).0, 200);
    let policy = gateway.get("/policy");
    let names: Vec<&str> = policy["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["part"].as_str().unwrap())
        .collect();
    let at = |name: &str| names.iter().position(|one| *one == name).unwrap();
    assert_eq!(at("plan/hail-red") + 1, at("plan/rainstorm-red"), "{names:?}");
    assert_eq!(part(&policy, "plan/hail-red")["in_file"], false);

    // It is used, and what runs by it goes on when it is removed, over a restart too.
    let hail = |name: &str| {
        alert(name, "Red", "Alert", "").replace("暴雨", "强冰雹").replace("11B03", "11B99")
    };
    let (_, told) = gateway.post("/alerts", &gateway.source(), hail("hail"));
    let broadcast = told["broadcasts"][0].as_str().expect("it started").to_owned();
    let remove =
        json!({ "deed": "remove", "part": "plan/hail-red", "seen": 2, "reason": "并入暴雨预案" });
    assert_eq!(post(&gateway, "", &administrator, &remove).0, 200);
    let seen = json!({ "part": "plan/hail-red", "version": 3 });
    assert_eq!(post(&gateway, "/approve", &leader, &seen).0, 200);
    gateway.kill();
    gateway.restart();
    assert!(part(&gateway.get("/policy"), "plan/hail-red")["content"].is_null());
    let view = gateway.get(&format!("/broadcasts/{broadcast}"));
    assert_eq!(
        (&view["response_plan"], &view["response_plan_title"]),
        (&json!("hail-red"), &json!("冰雹红色")),
        "{view}"
    );
    assert!(view["cancellation"].is_null(), "{view}");
    let (_, later) = gateway.post("/alerts", &gateway.source(), hail("later"));
    assert!(!later["reasons"].to_string().contains("冰雹红色"), "it decides no more: {later}");
    gateway.stop();
}

#[test]
fn keys_are_made_told_once_and_revoked() {
    let (gateway, [leader, administrator, ..]) = opened("settings-keys");
    let body =
        json!({ "name": "水文站", "role": "source", "areas": ["430621000000"], "valid_days": 30 });
    assert_eq!(gateway.post("/keys", &leader, body.to_string()).0, 403);
    let (status, made) = gateway.post("/keys", &administrator, body.to_string());
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().expect("its text");
    let blue = |name: &str| gateway.post("/alerts", key, alert(name, "Blue", "Alert", "")).0;
    assert_eq!(blue("first"), 202);
    let nowhere = json!({ "name": "水文站", "role": "source", "areas": [] });
    assert_eq!(gateway.post("/keys", &administrator, nowhere.to_string()).0, 409);
    let listed = gateway.fetch("/keys", &administrator).json();
    assert!(!listed.to_string().contains(key), "it is told once");
    let mine =
        listed["keys"].as_array().unwrap().iter().find(|one| one["sha256"] == made["sha256"]);
    assert_eq!(mine.expect("it is listed")["made_by"], "管系统");
    let revoke = json!({ "sha256": made["sha256"], "reason": "密钥外泄" }).to_string();
    assert_eq!(gateway.post("/keys/revoke", &administrator, revoke.clone()).0, 200);
    assert_eq!(blue("second"), 401);
    assert_eq!(gateway.post("/keys/revoke", &administrator, revoke).0, 404);
}
