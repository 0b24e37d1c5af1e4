//! API keys that programs make, on the page of the people who look after them, and the other way round.

use crate::office::{ADMINISTRATOR, Office, in_current};
use crate::page::{DESKTOP, PHONE, Page};
use crate::process::{Gateway, alert};
use serde_json::{Value, json};

fn sends(gateway: &Gateway, key: &str, name: &str) -> u16 {
    gateway.post("/alerts", key, alert(name, "Blue", "Alert", "")).0
}

/// What programs are told of the key of that name.
fn listed(gateway: &Gateway, own: &str, name: &str) -> Value {
    let all = gateway.fetch("/keys", own).json();
    let known = all["keys"].as_array().unwrap().iter().find(|key| key["name"] == name);
    known.unwrap_or_else(|| panic!("{name} is not in {all}")).clone()
}

fn looks(page: &mut Page, name: &str) {
    for (size, screen) in [("desk", DESKTOP), ("phone", PHONE)] {
        page.screen(screen);
        for scheme in ["light", "dark"] {
            page.prefers(scheme);
            page.shot(&format!("{name}-{scheme}-{size}"));
        }
    }
    page.screen(DESKTOP);
    page.prefers("light");
}

#[test]
fn a_key_made_by_a_program_is_seen_and_revoked_by_people_and_the_other_way_round() {
    in_current("api-keys", |browser| {
        let mut own = String::new();
        let office = Office::open_with("api-keys", |gateway| {
            let create = ["keys", "create", "--name", "管系统", "--role", "administrator"];
            let (code, said) = gateway.cli(&create);
            assert_eq!(code, 0, "{said}");
            said.trim().clone_into(&mut own);
        });
        let gateway = &office.gateway;
        let body = json!({
            "name": "雨量站", "role": "source", "areas": ["430621104000"], "valid_days": 20
        });
        let (status, made) = gateway.post("/keys", &own, body.to_string());
        assert_eq!(status, 201, "{made}");
        let key = made["key"].as_str().expect("its text");
        assert_eq!(sends(gateway, key, "first"), 202);
        let mut page = office.signed_in(browser, &ADMINISTRATOR);
        page.go("/console/keys");
        let row = page.text("table tbody tr");
        for words in ["雨量站", "信息源", "黄沙街镇", "新建：管系统", "有效"] {
            assert!(row.contains(words), "`{words}` is not in {row}");
        }
        assert!(!page.reads(key), "its text was told once, to the program");
        assert_eq!(page.count("table td .bad"), 1, "it ends within a month");
        looks(&mut page, "made");
        page.click("table details summary");
        page.fill("table [name=reason]", "设备被盗");
        page.and_load(|page| page.click("table form button"));
        page.wait_for_text("密钥已吊销");
        assert_eq!(sends(gateway, key, "second"), 401, "at once");
        let told = listed(gateway, &own, "雨量站");
        assert_eq!(told["revoked"]["reason"], "设备被盗", "{told}");
        assert_eq!(told["revoked"]["by"], "管系统", "{told}");
        // One that people made, revoked by a program.
        page.fill("[name=name]", "水位站");
        page.set("[name=role]", "source");
        page.set("[name=days]", "90");
        page.click("[name=area][value=\"430621000000\"]");
        page.and_load(|page| page.click_text("form button", "新建密钥"));
        let by_hand = page.text("#new-key");
        assert_eq!(sends(gateway, &by_hand, "third"), 202);
        let told = listed(gateway, &own, "水位站");
        assert!(!told.to_string().contains(&by_hand), "{told}");
        let revoke = json!({ "sha256": told["sha256"], "reason": "换新密钥" }).to_string();
        assert_eq!(gateway.post("/keys/revoke", &own, revoke).0, 200);
        assert_eq!(sends(gateway, &by_hand, "fourth"), 401);
        page.go("/console/keys");
        page.wait_for_text("换新密钥");
        assert_eq!(page.count("table form"), 0, "none is left to revoke");
        looks(&mut page, "revoked");
        page.go("/console/settings");
        for words in ["新建接口密钥", "吊销接口密钥", "雨量站", "水位站"] {
            page.wait_for_text(words);
        }
    });
}
