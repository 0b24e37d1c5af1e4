//! What officers do through the API of the real daemon, beyond broadcasts.

use crate::process::Gateway;
use serde_json::{Value, json};

const COUNTY: &str = "430621000000";

/// A gateway with a second officer beside the leader.
fn gateway(name: &str) -> (Gateway, String) {
    let mut gateway = Gateway::prepare(name);
    let (code, key) = gateway.cli(&["keys", "create", "--name", "张三", "--role", "officer"]);
    assert_eq!(code, 0, "{key}");
    gateway.restart();
    (gateway, key.trim().to_owned())
}

fn check(gateway: &Gateway, path: &str, key: &str, body: &Value, expect: u16) -> Value {
    let (status, answer) = gateway.post(path, key, body.to_string());
    assert_eq!(status, expect, "{path} {body}: {answer}");
    answer
}

fn manual() -> Value {
    json!({ "text": "河水上涨", "areas": [COUNTY], "class": "live", "emergency": true })
}

#[test]
fn edit_approve_break_glass_countersign() {
    let (mut gateway, officer) = gateway("people");
    let leader = gateway.leader();
    let waiting = check(&gateway, "/broadcasts", &officer, &manual(), 200);
    assert_eq!(waiting["state"], "awaiting_approval", "the whole county is over one's limit");
    let plan = waiting["plan"].as_str().unwrap();
    let edit = json!({ "revision": 0, "repeats": 3 });
    let path = format!("/plans/{plan}/edit");
    assert_eq!(check(&gateway, &path, &leader, &edit, 200)["revision"], 1);
    check(&gateway, &path, &leader, &edit, 409);
    let shown = gateway.get("/plans");
    assert_eq!(shown["plans"][0]["revision"], 1, "{shown}");
    let approve = format!("/broadcasts/{plan}/approve");
    let stale = check(&gateway, &approve, &leader, &json!({}), 409);
    assert!(stale["detail"].as_str().unwrap().contains("第 1 版"), "{stale}");
    check(&gateway, &approve, &officer, &json!({ "revision": 1 }), 403);
    check(&gateway, &approve, &leader, &json!({ "revision": 1 }), 200);

    let alone = json!({ "reason": "溃坝在即", "manual": manual() });
    let started = check(&gateway, "/break-glass", &officer, &alone, 200);
    let broadcast = started["broadcast"].as_str().unwrap();
    let short = json!({ "reason": "急", "manual": manual() });
    check(&gateway, "/break-glass", &officer, &short, 409);
    check(&gateway, "/break-glass", &officer, &json!({ "reason": "溃坝在即" }), 400);
    check(&gateway, "/break-glass", &gateway.source(), &alone, 403);
    let sign = format!("/broadcasts/{broadcast}/countersign");
    check(&gateway, &sign, &officer, &json!({}), 403);
    assert_eq!(check(&gateway, &sign, &leader, &json!({}), 200)["signatures_needed"], 1);
    let open = gateway.get("/break-glass");
    assert_eq!(open["broadcasts"][0]["signatures_needed"], 1, "{open}");
    check(&gateway, "/broadcasts/7/resend", &leader, &json!({}), 404);
    gateway.stop();
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn roster_groups_and_programmes_survive_a_kill() {
    let (mut gateway, officer) = gateway("duty");
    let leader = gateway.leader();
    let head = "岗位,姓名,电话,区域,开始,结束\n";
    let bad = format!("{head}司机,张三,110,{COUNTY},2090-06-01 08:00,2090-06-01 20:00\n");
    let import = |key: &str, query: &str, body: String| {
        gateway.post(&format!("/roster/import{query}"), key, body)
    };
    let (status, answer) = import(&leader, "", bad);
    assert_eq!((status, &answer["faults"][0]["line"]), (422, &json!(2)), "{answer}");
    let good = format!("{head}值班员,张三,119,{COUNTY},2090-06-01 08:00,2090-06-01 20:00\n");
    assert_eq!(import(&officer, "", good.clone()).0, 403);
    let (status, answer) = import(&leader, "?dry_run=true", good.clone());
    assert_eq!((status, &answer["state"]), (200, &json!("checked")), "{answer}");
    assert_eq!(gateway.get("/roster")["shifts"], json!([]), "only checked");
    assert_eq!(import(&leader, "", good).0, 200);

    let group = json!({ "name": "沿江", "areas": [COUNTY] });
    check(&gateway, "/groups", &officer, &group, 200);
    let programme = json!({
        "name": "安全", "text": "人人讲安全", "recording": null, "areas": [], "groups": ["沿江"],
        "calendar": { "kind": "month", "month": 6 }, "at_minutes": [450], "from": "2026-06-01",
        "until": "2036-06-30", "repeats": 1, "tolerance_s": 60, "valid_s": 600
    });
    let looked = check(&gateway, "/programmes/check", &officer, &programme, 200);
    assert_eq!(looked["conflicts"], json!([]), "{looked}");
    check(&gateway, "/programmes", &officer, &programme, 200);
    let mut wrong = programme.clone();
    wrong["from"] = json!("2026-06-31");
    check(&gateway, "/programmes", &officer, &wrong, 422);
    gateway.kill();
    gateway.restart();
    let at = "?area=430621100001&at_ms=3799972800000";
    let duty = gateway.get(&format!("/roster{at}"));
    assert_eq!(duty["shifts"][0]["person"], "张三", "{duty}");
    assert_eq!(gateway.get("/groups")["groups"][0]["owner"], "张三");
    let listed = gateway.get("/programmes");
    let first = &listed["programmes"][0];
    assert_eq!(first["set_by"], "张三", "{listed}");
    assert_eq!(first["programme"]["areas"], json!([COUNTY]), "the group's places");
    if first["in_force"] == false {
        let seen = json!({ "set_at_ms": first["set_at_ms"] });
        check(&gateway, "/programmes/%E5%AE%89%E5%85%A8/approve", &officer, &seen, 409);
        check(&gateway, "/programmes/%E5%AE%89%E5%85%A8/approve", &leader, &seen, 200);
        assert_eq!(gateway.get("/programmes")["programmes"][0]["in_force"], true);
    }
    gateway.stop();
}
