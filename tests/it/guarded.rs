//! The STOP latch and the quarantine over real sockets: interface, command line, pages, restarts.

use crate::process::Gateway;
use crate::visitor::{Visitor, add};
use serde_json::json;
use std::process::Command;

const COUNTY: &str = "430621000000";

#[test]
fn a_latch_holds_over_a_restart_and_is_told_everywhere() {
    let mut gateway = Gateway::start("latch");
    add(&gateway, "li", "李带班", "leader", COUNTY);
    add(&gateway, "shen", "沈审计", "auditor", COUNTY);
    let leader = gateway.leader();
    let set = json!({ "reason": "上级平台误发 <b>核实</b>" }).to_string();
    assert_eq!(gateway.post("/latches", &gateway.source(), set.clone()).0, 403);
    let empty = json!({ "areas": [], "reason": "上级平台误发" }).to_string();
    assert_eq!(gateway.post("/latches", &leader, empty).0, 400);
    let (status, told) = gateway.post("/latches", &leader, set);
    assert_eq!(status, 200, "{told}");
    let held = gateway.post_alert("RED");
    assert_eq!(held["disposition"], "awaiting_approval", "{held}");
    assert!(held["reasons"].to_string().contains("stop_latch"), "{held}");
    assert_eq!(held["broadcasts"], json!([]));

    gateway.kill();
    gateway.restart();
    let latches = gateway.get("/latches");
    assert_eq!(latches["latches"][0]["area"], COUNTY);
    assert_eq!(latches["latches"][0]["hold"], "wait");
    for login in ["li", "shen"] {
        let mut visitor = Visitor::signed_in(&gateway, login);
        for path in ["/console/", "/console/alerts", "/console/me", "/console/latches"] {
            let page = visitor.get(path).whole;
            assert!(page.contains("停播锁生效"), "{login} {path}");
            assert!(!page.contains("<b>核实"), "{login} {path} escapes the reason");
        }
    }
    let plan = held["plans"][0].as_str().unwrap();
    let (status, told) =
        gateway.post(&format!("/broadcasts/{plan}/approve"), &leader, String::new());
    assert_eq!(status, 409, "{told}");
    assert!(told["detail"].as_str().unwrap().contains("停播锁"), "{told}");

    let mut visitor = Visitor::signed_in(&gateway, "li");
    let fields = [("area", COUNTY), ("reason", "已与上级核实")];
    assert_eq!(visitor.post("/console/latches/lift", &fields).status, 303);
    assert!(visitor.get("/console/latches").whole.contains("停播锁已解除"));
    assert_eq!(gateway.get("/latches")["latches"], json!([]));
    let (status, told) =
        gateway.post(&format!("/broadcasts/{plan}/approve"), &leader, String::new());
    assert_eq!(status, 200, "{told}");
    gateway.stop();
}

#[test]
fn the_command_sets_shows_and_lifts_it() {
    let mut gateway = Gateway::start("latch-command");
    let run = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_mingluo"))
            .arg("latch")
            .args(arguments)
            .env("MINGLUO_URL", format!("http://{}", gateway.listeners()[1].1))
            .env("MINGLUO_KEY", gateway.leader())
            .output()
            .expect("the program starts");
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        (done.status.code(), told + &String::from_utf8_lossy(&done.stderr))
    };
    let reason = "误发，正在核实";
    let set = ["set", "--area", "430621104000", "--refuse", "--stop", "--reason", reason];
    assert_eq!(run(&set).0, Some(0));
    let (_, told) = run(&["show", "--json"]);
    assert!(told.contains("430621104000") && told.contains("refuse"), "{told}");
    let (code, told) = run(&["lift", "--area", "430621105000", "--reason", reason]);
    assert!(code == Some(1) && told.contains("404"), "{told}");
    assert_eq!(run(&["lift", "--reason", reason]).0, Some(0));
    assert!(!run(&["show"]).1.contains("430621104000"));
    gateway.stop();
}

#[test]
fn rejections_are_paged_filtered_downloaded_and_replayed() {
    let mut gateway = Gateway::start("quarantine");
    add(&gateway, "ji", "季技术", "technician", COUNTY);
    add(&gateway, "zhang", "张三", "officer", COUNTY);
    for number in 0..5 {
        let body = format!("<alert><script>alert({number})</script>");
        assert_eq!(gateway.post("/alerts", &gateway.source(), body).0, 422);
    }
    let page = gateway.get("/rejections?limit=2");
    assert_eq!(page["ever"], 5);
    let numbers = |page: &serde_json::Value| -> Vec<u64> {
        let rows = page["rejections"].as_array().unwrap().iter();
        rows.map(|row| row["number"].as_u64().unwrap()).collect()
    };
    assert_eq!((numbers(&page), page["next_before"].as_u64()), (vec![5, 4], Some(4)));
    assert_eq!(numbers(&gateway.get("/rejections?limit=9&before=4")), [3, 2, 1]);
    assert_eq!(numbers(&gateway.get("/rejections?via=folder")), [0; 0]);
    assert_eq!(numbers(&gateway.get("/rejections?mended=false&limit=1")), [5]);
    let by = page["rejections"][0]["origin"]["by"].as_str().unwrap().to_owned();
    assert_eq!(numbers(&gateway.get(&format!("/rejections?by={by}"))).len(), 5);
    assert!(!gateway.get("/rejections/3")["faults"].as_array().unwrap().is_empty());

    let raw = gateway.fetch("/rejections/3/raw", &gateway.leader());
    assert_eq!((raw.status, raw.content_type.as_str()), (200, "application/octet-stream"));
    assert_eq!(raw.bytes, b"<alert><script>alert(2)</script>");

    // Still unreadable: a rejection again, on record with who and why.
    let why = json!({ "reason": "读取程序已更新" }).to_string();
    let replay = "/rejections/3/replay";
    assert_eq!(gateway.post(replay, &gateway.source(), why.clone()).0, 403);
    let (status, told) = gateway.post(replay, &gateway.leader(), why.clone());
    assert_eq!(status, 422, "{told}");
    assert_eq!(gateway.get("/rejections/3")["replays"].as_array().unwrap().len(), 1);
    assert_eq!(gateway.get("/rejections")["ever"], 6);
    assert_eq!(gateway.post("/rejections/99/replay", &gateway.leader(), why).0, 404);

    let mut officer = Visitor::signed_in(&gateway, "zhang");
    let shown = officer.get("/console/rejections/3").whole;
    assert!(shown.contains("&lt;script&gt;alert(2)") && !shown.contains("<script>alert("));
    assert!(!shown.contains("/rejections/3/replay"), "an officer has no form for it");
    let refused = officer.post("/console/rejections/3/replay", &[("reason", "读取程序已更新")]);
    assert_eq!(refused.status, 403);
    let mut technician = Visitor::signed_in(&gateway, "ji");
    let done = technician.post("/console/rejections/3/replay", &[("reason", "读取程序已更新")]);
    assert_eq!((done.status, done.location.as_str()), (303, "/console/rejections/3"));
    let told = technician.get(&done.location).whole;
    assert!(told.contains("仍然无法识别") && told.contains("季技术"), "{told}");
    gateway.kill();
    gateway.restart();
    assert_eq!(gateway.get("/rejections/3")["replays"].as_array().unwrap().len(), 2);
    gateway.stop();
}
