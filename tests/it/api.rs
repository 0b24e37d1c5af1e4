//! The API of the real daemon: who may do what, what comes back, folder and formats.

use crate::process::{Gateway, alert, wait_until};
use mingluo::simulate::Misbehaviour;
use serde_json::json;

#[test]
fn the_api_keeps_its_promises() {
    let mut gateway = Gateway::start("api");
    let (source, leader) = (gateway.source(), gateway.leader());
    let check = |path: &str, key: &str, body: String, expect: u16| {
        let (status, answer) = gateway.post(path, key, body);
        assert_eq!(status, expect, "{path}: {answer}");
        answer
    };
    let red = alert("api-1", "Red", "Alert", "");
    check("/alerts", "nobody", red.clone(), 401);
    let first = check("/alerts", &source, red.clone(), 202);
    assert_eq!(first["disposition"], "planned", "{first}");
    let again = check("/alerts", &source, red.clone(), 202);
    assert_eq!(again["disposition"], "duplicate");
    assert_eq!(again["broadcasts"], first["broadcasts"], "the same broadcast, not a second one");
    let other = red.replace("请立即转移", "请马上转移");
    assert_eq!(check("/alerts", &source, other, 409)["disposition"], "conflict");
    let faults = check("/alerts", &source, red.replace("Actual", "Real"), 422);
    assert!(faults["faults"].to_string().contains("alert/status"), "{faults}");
    check("/alerts", &source, "x".repeat(5_000_000), 413);
    // A source may not broadcast, approve or stop.
    let words = json!({ "text": "今晚停水", "areas": ["430621000000"], "class": "live" });
    check("/broadcasts", &source, words.to_string(), 403);
    check("/stop", &source, "{}".to_owned(), 403);
    // A drill does not sound unless it is armed.
    let drill = json!({ "text": "演练", "areas": ["430621000000"], "class": "drill" });
    check("/broadcasts", &leader, drill.to_string(), 409);
    check("/drill", &leader, json!({ "armed": true, "minutes": 5 }).to_string(), 200);
    check("/broadcasts", &leader, drill.to_string(), 200);
    // Live must be said; unknown fields are refused.
    check("/broadcasts", &leader, json!({ "text": "x" }).to_string(), 422);
    let stopped = check("/stop", &leader, "{}".to_owned(), 200);
    assert!(stopped["broadcasts"].as_array().is_some_and(|all| !all.is_empty()), "{stopped}");
    let cancelled = check("/alerts", &source, alert("api-2", "Red", "Cancel", "api-1"), 202);
    assert_eq!(cancelled["disposition"], "recorded", "{cancelled}");
    gateway.stop();
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn files_in_the_watched_folder_become_alerts() {
    let mut gateway = Gateway::start("folder");
    let fleet = gateway.fleet(Misbehaviour::default());
    let folder = gateway.folder();
    std::fs::write(folder.join("good.xml"), alert("folder-1", "Red", "Alert", "")).unwrap();
    std::fs::write(folder.join("bad.xml"), "<alert><status>Actual</status></alert>").unwrap();
    std::fs::write(folder.join("half.xml.part"), "<alert>").unwrap();
    std::fs::write(folder.join("huge.xml"), vec![b'<'; 5_000_000]).unwrap();
    let there = |name: &str| folder.join(name).exists();
    wait_until(30, || there("done/good.xml") && there("rejected/bad.xml"), "files are moved");
    wait_until(10, || there("done/good.xml.report.txt"), "a report lies beside it");
    let report = std::fs::read_to_string(folder.join("rejected/bad.xml.report.txt")).unwrap();
    assert!(report.contains("identifier"), "{report}");
    wait_until(10, || there("rejected/huge.xml.report.txt"), "what is too large is told");
    let report = std::fs::read_to_string(folder.join("rejected/huge.xml.report.txt")).unwrap();
    assert!(report.contains("4194304") && report.contains("5000000"), "{report}");
    assert!(there("half.xml.part"), "a half-written file is left alone");
    let played = || {
        let all = gateway.get("/broadcasts");
        all["broadcasts"][0]["counts"]["played"].as_u64().unwrap_or(0)
    };
    let n_online = u64::try_from(fleet.n_connecting).unwrap();
    wait_until(120, || played() == n_online, "everybody played");
    gateway.stop();
}

#[test]
fn a_source_releases_by_itself_only_within_its_areas() {
    let mut gateway = Gateway::start("bounded");
    let arguments =
        ["keys", "create", "--name", "town", "--role", "source", "--area", "430621100000"];
    let (code, key) = gateway.cli(&arguments);
    assert_eq!(code, 0, "{key}");
    gateway.stop();
    gateway.restart();
    let red = alert("bounded-1", "Red", "Alert", "");
    let (status, answer) = gateway.post("/alerts", key.trim(), red);
    assert_eq!((status, &answer["disposition"]), (202, &json!("awaiting_approval")), "{answer}");
    assert!(answer["reasons"].to_string().contains("outside_source_areas"), "{answer}");
    let wide = alert("bounded-2", "Red", "Alert", "");
    let (_, started) = gateway.post("/alerts", &gateway.source(), wide);
    assert_eq!(started["disposition"], "planned", "{started}");
    let cancel = alert("bounded-3", "Red", "Cancel", "bounded-2");
    let (_, answer) = gateway.post("/alerts", key.trim(), cancel);
    assert_eq!(answer["broadcasts"], json!([]), "a town's source stops nothing in the county");
    gateway.stop();
}

/// For every operation and every role: the description says who may, and nobody else can.
#[test]
fn each_role_may_do_what_the_description_says() {
    let mut gateway = Gateway::prepare("roles");
    let roles = ["source", "officer", "leader", "auditor", "technician", "administrator"];
    let keys = roles.map(|role| {
        let name = format!("test {role}");
        let (code, key) = gateway.cli(&["keys", "create", "--name", &name, "--role", role]);
        assert_eq!(code, 0, "{key}");
        (role, key.trim().to_owned())
    });
    gateway.restart();
    let document = gateway.contract().document().clone();
    let mut n_checked = 0;
    for (path, entry) in document["paths"].as_object().unwrap() {
        for (method, operation) in entry.as_object().unwrap() {
            let Some(may) = operation["x-roles"].as_array() else { continue };
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let schema = schema.as_str().and_then(|to| document.pointer(&to[1..]));
            let body = schema.map(|schema| schema["examples"][0].to_string()).unwrap_or_default();
            let path = path.replace("{name}", "x").replace("{id}", "7").replace("{number}", "7");
            for (role, key) in &keys {
                let may = may.contains(&json!(role));
                // They never end, or end in a file.
                if may && matches!(path.as_str(), "/events" | "/audit/export") {
                    continue;
                }
                let (status, answer) = gateway.send(method, &path, key, body.clone());
                assert_eq!(status == 403, !may, "{role} {method} {path}: {status} {answer}");
                assert!(status < 500, "{role} {method} {path}: {answer}");
                n_checked += 1;
            }
        }
    }
    assert!(n_checked > 200, "only {n_checked}");
    gateway.stop();
}
