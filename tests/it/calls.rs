//! Call and answer through the real daemon: the message reaches a receiver, signed, tried again when
//! the receiver fails, and the link in it answers the call.

use crate::process::{Gateway, alert, free, wait_until};
use crate::visitor::Visitor;
use crate::webhook::{Message, receiver};
use hmac::{Hmac, KeyInit, Mac};
use mingluo::daemon::Daemon;
use mingluo::gateway::{Answer, Answering, Input};
use mingluo::model::{CallId, Sha256};
use serde_json::Value;

const KEY: [u8; 32] = [0x5a; 32];

fn is_signed(message: &Message) -> bool {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(format!("{}.{}", message.header("x-mingluo-timestamp"), message.body).as_bytes());
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    message.header("x-mingluo-signature") == format!("sha256={}", Sha256(digest))
}

#[test]
fn a_responsible_person_is_called_and_answers_by_the_link() {
    let gateway = Gateway::prepare("calls");
    let webhook = free();
    let configs = gateway.configs();
    let edit = |file: &str, change: &dyn Fn(String) -> String| {
        let path = configs.join(file);
        let text = change(std::fs::read_to_string(&path).unwrap());
        std::fs::write(path, text).unwrap();
    };
    mingluo::secrets::write_private(&configs.join("webhook.key"), "5a".repeat(32).as_bytes())
        .unwrap();
    edit("policy.toml", &|text| {
        text.replacen("[[plans]]\n", "[[plans]]\ncall = { answer_within_s = 600 }\n", 1)
    });
    edit("gateway.toml", &|text| {
        format!(
            "{text}\n[call]\nwebhook_url = \"http://{webhook}/sms\"\n\
             webhook_key_file = \"webhook.key\"\npublic_url = \"http://console.test/\"\n"
        )
    });
    let rows = "name,role,telephone,area\n县值班室,值班室,0730-7612345,430621000000\n";
    std::fs::write(configs.join("contacts.csv"), rows).unwrap();
    let seen = receiver(webhook, 2);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let daemon = runtime.block_on(Daemon::start(gateway.loaded())).unwrap();
    let (_, answer) =
        gateway.post("/alerts", &gateway.source(), alert("calls-1", "Red", "Alert", ""));
    let broadcast = answer["broadcasts"][0].as_str().expect("it started").to_owned();
    let calls = || gateway.get(&format!("/broadcasts/{broadcast}/calls"))["calls"].clone();
    let n_calls = calls().as_array().expect("calls").len();
    assert!(n_calls > 0, "{}", calls());
    let all_sent = || {
        let calls = calls();
        let mut calls = calls.as_array().expect("calls").iter();
        calls.all(|call| call["persons"][0]["sent"] == true)
    };
    wait_until(60, all_sent, "every message is taken, two of them at the second try");
    let messages = seen.lock().unwrap().clone();
    assert_eq!(messages.len(), n_calls + 2);
    assert!(messages.iter().all(is_signed));
    let message = messages.last().unwrap().json();
    assert_eq!(message["name"], "县值班室");
    assert_eq!(message["broadcast"], broadcast);
    let link = message["link"].as_str().expect("a link");
    let token = link.strip_prefix("http://console.test/call/").expect("the console's address");
    // The token is in the message and nowhere else.
    let digest = Sha256::of(token.as_bytes());
    let mut record = std::fs::read(gateway.record()).unwrap();
    let log = gateway.record().with_extension("db-wal");
    record.extend(std::fs::read(log).unwrap_or_default());
    let holds = |text: &str| record.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds(&digest.to_string()) && !holds(token));
    let call: u64 = message["call"].as_str().unwrap().parse().unwrap();
    let ask = |digest: Sha256| {
        let input = move |id| Input::CallAnswered(id, CallId(call), Answering::Link(digest));
        runtime.block_on(daemon.core.ask(None, input)).unwrap()
    };
    assert!(matches!(ask(Sha256::of(b"guess")), Answer::Denied(_)));
    the_phone_answers(&gateway, token);
    let entries = || gateway_answers(&gateway);
    assert_eq!(entries(), 1, "one answer stands in the record");
    assert!(matches!(ask(digest), Answer::Done(_)));
    assert_eq!(entries(), 1);
    let calls = calls();
    let answered: Vec<&Value> =
        calls.as_array().unwrap().iter().filter(|call| call["open"] == false).collect();
    assert_eq!(answered.len(), 1, "{calls}");
    assert_eq!(answered[0]["answer"]["link"]["person"], "县值班室");
    runtime.block_on(daemon.stop()).unwrap();
}

/// The page behind the link, on a telephone.
fn the_phone_answers(gateway: &Gateway, token: &str) {
    let mut phone = Visitor::new(gateway);
    assert_eq!(phone.get(&format!("/call/{}", "0".repeat(64))).status, 404, "guessed");
    let here = format!("/call/{token}");
    let asked = phone.get(&here);
    assert!(
        asked.whole.contains("我已收到") && asked.whole.contains("县值班室"),
        "{}",
        asked.whole
    );
    let strange = phone.post_from("http://evil.example", &here, &[]);
    assert_eq!(strange.status, 403, "another site presses for nobody");
    assert!(phone.get(&here).whole.contains("我已收到"));
    assert_eq!(phone.post(&here, &[]).location, here);
    let answered = phone.get(&here).whole;
    assert!(answered.contains("已收到应答") && !answered.contains("我已收到"), "{answered}");
    assert_eq!(phone.post(&here, &[]).location, here, "a used link answers nothing again");
}

/// Answers in the record.
fn gateway_answers(gateway: &Gateway) -> usize {
    let all = gateway.get("/record?limit=1000");
    let rows = all["rows"].as_array().unwrap_or_else(|| panic!("no rows in {all}"));
    rows.iter().filter(|row| row["kind"] == "call_answered").count()
}

#[test]
fn every_fault_of_contacts_is_found_by_check() {
    let gateway = Gateway::prepare("contacts");
    let configs = gateway.configs();
    let policy = std::fs::read_to_string(configs.join("policy.toml")).unwrap();
    let policy = policy.replacen("[[plans]]\n", "[[plans]]\ncall = { answer_within_s = 600 }\n", 1);
    std::fs::write(configs.join("policy.toml"), policy).unwrap();
    std::fs::remove_file(configs.join("contacts.csv")).unwrap();
    let check = |rows: Option<&str>, expect: &[&str]| {
        let file = configs.join("contacts.csv");
        match rows {
            Some(rows) => std::fs::write(&file, rows).unwrap(),
            None => assert!(!file.exists()),
        }
        let (code, said) = gateway.cli(&["check"]);
        assert_eq!(code, 78, "{said}");
        for expect in expect {
            assert!(said.contains(expect), "`{expect}` is not in {said}");
        }
    };
    check(None, &["contacts.csv: cannot be read"]);
    check(Some("name,area\n"), &["missing columns: role, telephone"]);
    let rows = "name,role,telephone,area,colour\n\
                ,支书,119,430621000000,x\n\
                张三,支书,手机,430621000000\n\
                李四,支书,119,430699000000\n\
                王五,支书,119,4306\n\
                赵六,支书,119,430600000000\n\
                孙七,支书,110,430621000000\n\
                周八,支书,110,430621000000\n";
    let expect = [
        "unknown column `colour`",
        "contacts.csv:2: name: expected 1 to 40 characters",
        "contacts.csv:3: telephone",
        "contacts.csv:4: area: 430699000000 is not served",
        "contacts.csv:5: area: expected a 12-digit area code",
        "contacts.csv:6: area: 430600000000 is above a county",
        "contacts.csv:8: 周八 is called twice",
    ];
    check(Some(rows), &expect);
}
