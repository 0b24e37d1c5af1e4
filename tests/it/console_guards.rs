//! What strangers and thieves try at the console, where the tests of its pages do not try it already. Which
//! guard each of these tests keeps stands in `tests/guards.toml`.

use crate::process::Gateway;
use crate::visitor::{PASSWORD, Visitor, add};
use serde_json::json;

const COUNTY: &str = "430621000000";

/// Ways out of a folder, as they stand in an address.
const WAYS_OUT: [&str; 8] = [
    "..%2F..%2Fkeys%2Fmaster.key",
    "..%2f..%2fkeys%2fmaster",
    "%2e%2e%2f%2e%2e%2fkeys%2fmaster",
    "....%2F%2Fkeys%2Fmaster",
    "..%5C..%5Ckeys%5Cmaster",
    "%2Fetc%2Fpasswd",
    "upload-%2F..%2F..%2F..%2Fkeys%2Fmaster",
    "..%252f..%252fkeys%252fmaster",
];

#[test]
fn no_name_leads_out_of_its_folder() {
    let mut gateway = Gateway::start("guards-paths");
    add(&gateway, "officer", "张三", "officer", COUNTY);
    let mut officer = Visitor::signed_in(&gateway, "officer");
    // The folder must be there, or there would be nothing to lead out of.
    std::fs::create_dir_all(gateway.configs().join("recordings/uploaded")).unwrap();
    let secret = std::fs::read_to_string(gateway.configs().join("keys/master.key")).unwrap();
    let edition = officer.get("/console/").whole;
    let edition = edition.split_once("/console/assets/").expect("a style sheet").1;
    let edition = edition.split('/').next().unwrap().to_owned();
    for way in WAYS_OUT {
        for place in [
            "recordings/".to_owned(),
            "raw/".to_owned(),
            "clips/".to_owned(),
            format!("assets/{edition}/"),
        ] {
            let page = officer.get(&format!("/console/{place}{way}"));
            assert!(page.status >= 400 && page.status < 500, "{place}{way}: {}", page.whole);
            let told = page.whole.contains(secret.trim()) || page.whole.contains("root:");
            assert!(!told, "{place}{way} leads out: {}", page.whole);
        }
        let delete = officer.post(&format!("/console/recordings/{way}/delete"), &[]);
        assert_eq!(delete.status, 404, "{way}: {}", delete.whole);
    }
    assert!(gateway.configs().join("keys/master.key").exists());
    for name in ["../keys/master", "..\\keys\\master", "/etc/passwd", "uploaded/../../keys/master"]
    {
        let body = json!({ "recording": name, "codec": "wav" }).to_string();
        let (status, answer) = gateway.post("/preview", &gateway.leader(), body);
        let heard = answer.to_string();
        assert!(status != 200 || !heard.contains("\"fault\":null"), "{name}: {heard}");
        assert!(!heard.contains(secret.trim()), "{name}: {heard}");
    }
    gateway.stop();
}

#[test]
fn who_got_in_by_a_password_of_before_is_out() {
    let mut gateway = Gateway::start("guards-passwords");
    add(&gateway, "leader", "李四", "leader", COUNTY);
    add(&gateway, "admin", "孙七", "administrator", COUNTY);
    let mut thief = Visitor::signed_in(&gateway, "leader");
    let mut leader = Visitor::signed_in(&gateway, "leader");
    let mut admin = Visitor::signed_in(&gateway, "admin");
    let new = "river gong before dawn";
    let wrong = [("present", "guessed guess"), ("password", new), ("again", new)];
    leader.post("/console/me/password", &wrong);
    assert_eq!(thief.get("/console/").status, 200, "nothing was changed");
    leader
        .post("/console/me/password", &[("present", PASSWORD), ("password", new), ("again", new)]);
    assert!(thief.get("/console/").location.contains("sign-in"), "the thief is out");
    assert_eq!(leader.get("/console/").status, 200, "who changed it stays");
    let set = [("login", "leader"), ("role", "leader"), ("password", "gongs over the lake")];
    admin.post("/console/accounts/change", &set);
    assert!(leader.get("/console/").location.contains("sign-in"), "an administrator set another");
    assert_eq!(admin.get("/console/accounts").status, 200);
    gateway.stop();
}
