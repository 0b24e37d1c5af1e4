//! Results of broadcasts as CAP, messages that waited when the gateway was killed, and every fault of
//! `receivers.toml`.

use super::out::{check_signature, validate};
use super::server::{Page, Server};
use crate::process::{Gateway, wait_until};
use mingluo::simulate::Misbehaviour;
use std::sync::atomic::Ordering;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn page(status: u16) -> Page {
    Page { status, kind: "text/plain", body: Vec::new(), head: String::new() }
}

/// A gateway with one receiver, not started.
fn told(name: &str, receiver: &Server) -> Gateway {
    let gateway = Gateway::prepare(name);
    let file = gateway.configs().join("hook.key");
    mingluo::secrets::write_private(&file, KEY.as_bytes()).unwrap();
    let text = format!(
        "cap_sender = \"water.example.cn\"\n[[receivers]]\nname = \"platform\"\nurl = \"{}\"\n\
         key_file = \"hook.key\"\n",
        receiver.url("/hook")
    );
    std::fs::write(gateway.configs().join("receivers.toml"), text).unwrap();
    gateway
}

/// The result is there when nothing more can come, and its numbers are those of the terminals' reports.
#[test]
fn the_result_of_a_broadcast_goes_out_as_cap_with_true_numbers() {
    let receiver = Server::start();
    receiver.put_page("/hook", page(200));
    let mut gateway = told("cap-result", &receiver);
    gateway.restart();
    let fleet = gateway.fleet(Misbehaviour::default());
    let n_all = u64::try_from(fleet.n_connecting).unwrap();
    let connected = || fleet.stats.connected.load(Ordering::Relaxed) >= n_all;
    wait_until(60, connected, "terminals connect");
    let answer = gateway.post_alert("Red");
    let id = answer["broadcasts"][0].as_str().expect("red goes out by itself").to_owned();
    let path = format!("/cap/broadcasts/{id}/result");
    let result = || gateway.fetch(&path, &gateway.leader());
    assert_eq!(result().status, 404, "there is no result while it runs");
    let view = || gateway.get(&format!("/broadcasts/{id}"));
    wait_until(120, || view()["state"] == "ended", "all terminals have played");
    let done = result();
    assert_eq!(done.status, 200);
    assert!(done.content_type.starts_with("application/cap+xml"), "{}", done.content_type);
    assert_eq!(gateway.fetch(&path, &gateway.source()).status, 403, "a reading role alone");
    let read = mingluo::ingest::read(&done.bytes, None).expect("our own reader reads it");
    assert!(read.oddities.is_empty(), "{:?}", read.oddities);
    let names = &read.infos[0].parameters;
    let counts = view()["counts"].as_object().unwrap().clone();
    assert_eq!(counts["played"], n_all);
    for (name, count) in counts {
        let name = format!("mingluo:{name}");
        let told = names.iter().find(|parameter| parameter.name == name);
        let told = told.unwrap_or_else(|| panic!("{name} is not in {names:?}"));
        assert_eq!(told.value, count.to_string(), "{name}");
    }
    let reference = &read.references[0];
    assert!(reference.identifier.contains(&id), "it says whose result it is: {reference:?}");
    validate(&gateway, &[done.bytes]);
    let ended = || receiver.log().iter().any(|asked| asked.body.contains("\"what\":\"ended\""));
    wait_until(30, ended, "the receiver is told of the end");
    gateway.stop();
}

/// What waited for a receiver when the gateway was killed is told after the start, under the same name.
#[test]
fn messages_outlive_a_kill_and_keep_their_names() {
    let receiver = Server::start();
    receiver.put_page("/hook", page(503));
    let mut gateway = told("hook-kill", &receiver);
    gateway.restart();
    let answer = gateway.post_alert("Red");
    let id = answer["broadcasts"][0].as_str().expect("red goes out by itself").to_owned();
    let cancel = format!("/broadcasts/{id}/cancel");
    let (status, said) =
        gateway.post(&cancel, &gateway.leader(), "{\"reason\":\"演示\"}".to_owned());
    assert_eq!(status, 200, "{said}");
    wait_until(30, || !receiver.log().is_empty(), "the receiver refuses the first");
    gateway.kill();
    let n_before = receiver.log().len();
    receiver.put_page("/hook", page(200));
    gateway.restart();
    let since = || receiver.log().split_off(n_before);
    let name_of = |head: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with("idempotency-key"));
        line.unwrap().split_once(": ").unwrap().1.trim().to_owned()
    };
    let names = || since().iter().map(|asked| name_of(&asked.head)).collect::<Vec<_>>();
    wait_until(30, || names().len() >= 2, "both are told after the start");
    assert_eq!(names()[..2], [format!("{id}-started"), format!("{id}-cancelled")], "in order");
    let first = name_of(&receiver.log()[0].head);
    assert_eq!(first, names()[0], "the same name as before the kill");
    since().iter().for_each(|asked| check_signature(asked, KEY, &id));
    // What will never be taken is given up, and the next is told.
    receiver.put_page("/hook", page(410));
    let n_before = receiver.log().len();
    let (status, said) = gateway.post(
        "/alerts",
        &gateway.source(),
        crate::process::alert("hook-2", "Red", "Alert", ""),
    );
    assert_eq!(status, 202, "{said}");
    wait_until(30, || receiver.log().len() > n_before, "it is tried");
    let alarmed = || {
        let status = gateway.listeners()[0].1;
        crate::process::wire_get(status, "/metrics").1.contains("receiver_not_told")
    };
    wait_until(30, alarmed, "given up with an alarm");
    gateway.stop();
}

#[test]
fn check_finds_every_fault_of_a_receiver() {
    let gateway = Gateway::prepare("check-receivers");
    let file = gateway.configs().join("hook.key");
    mingluo::secrets::write_private(&file, KEY.as_bytes()).unwrap();
    std::fs::write(gateway.configs().join("short.key"), "abc").unwrap();
    let check = |text: &str, expect: &[&str]| {
        std::fs::write(gateway.configs().join("receivers.toml"), text).unwrap();
        let (code, said) = gateway.cli(&["check"]);
        assert_eq!(code == 0, expect.is_empty(), "{text}: {said}");
        for expect in expect {
            assert!(said.contains(expect), "`{expect}` is not in {said}");
        }
    };
    let row = |name: &str, more: &str| format!("[[receivers]]\nname = \"{name}\"\n{more}\n");
    let good = row("a", "url = \"https://hook.example.cn/\"\nkey_file = \"hook.key\"");
    check("", &[]);
    check(&good, &[]);
    check(&format!("cap_url = \"https://gw.example.cn/\"\n{good}"), &[]);
    check(&(good.clone() + &good), &["receiver `a` stands twice"]);
    for sender in ["", "a b", "a,b", "a<b", "a&b"] {
        check(&format!("cap_sender = \"{sender}\"\n"), &["without spaces, commas, < and &"]);
    }
    check("cap_url = \"ftp://x\"\n", &["cap_url", "http:// or https://"]);
    check("[[receivers]]\n", &["`receivers.name`", "`receivers.url`", "`receivers.key_file`"]);
    check(&row("a", "url = \"ftp://x\"\nkey_file = \"hook.key\""), &["got `ftp://x`"]);
    check(&row("a", "url = \"https://\"\nkey_file = \"hook.key\""), &["got `https://`"]);
    check(
        &row("a", "url = \"https://x\"\nkey_file = \"absent\""),
        &["receivers.key_file", "absent"],
    );
    check(&row("a", "url = \"https://x\"\nkey_file = \"short.key\""), &["64 hexadecimal digits"]);
    let ca = "url = \"https://x\"\nkey_file = \"hook.key\"\nca_file = \"areas.toml\"";
    check(&row("a", ca), &["receivers.ca_file", "found none"]);
    check(&row("a", "urll = \"https://x\"\nkey_file = \"hook.key\""), &["did you mean `url`"]);
    let many: String = (0..21)
        .map(|n| row(&format!("r{n}"), "url = \"https://x\"\nkey_file = \"hook.key\""))
        .collect();
    check(&many, &["at most 20 receivers, got 21"]);
    check("[[receivers]\n", &["receivers.toml"]);
}
