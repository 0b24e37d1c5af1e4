//! Our own CAP, and messages of broadcasts to programs of the county.

use super::server::{Asked, Page, Server};
use crate::process::{Gateway, wait_until};
use hmac::{Hmac, KeyInit, Mac};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn broadcasts_go_out_as_cap_and_to_receivers_with_a_signature() {
    let receiver = Server::start();
    let page = Page { status: 503, kind: "text/plain", body: Vec::new(), head: String::new() };
    receiver.put_page("/hook", page.clone());
    let mut gateway = Gateway::prepare("out");
    let key = "0123456789abcdef".repeat(4);
    let file = gateway.configs().join("hook.key");
    mingluo::secrets::write_private(&file, key.as_bytes()).unwrap();
    let text = format!(
        "cap_sender = \"water.example.cn\"\n[[receivers]]\nname = \"platform\"\nurl = \"{}\"\n\
         key_file = \"hook.key\"\n",
        receiver.url("/hook")
    );
    std::fs::write(gateway.configs().join("receivers.toml"), text).unwrap();
    gateway.restart();
    let answer = gateway.post_alert("Red");
    let id = answer["broadcasts"][0].as_str().expect("red goes out by itself").to_owned();
    wait_until(30, || !receiver.log().is_empty(), "the receiver is told");
    receiver.put_page("/hook", Page { status: 200, ..page });
    wait_until(30, || receiver.log().len() >= 2, "it is told again until it takes it");
    let (status, said) = gateway.post(
        &format!("/broadcasts/{id}/cancel"),
        &gateway.leader(),
        "{\"reason\":\"演示\"}".to_owned(),
    );
    assert_eq!(status, 200, "{said}");
    let cancelled =
        || receiver.log().iter().any(|asked| asked.body.contains("\"what\":\"cancelled\""));
    wait_until(30, cancelled, "the cancellation is told");
    receiver.log().iter().for_each(|asked| check_signature(asked, &key, &id));
    let fetch = |path: &str| gateway.fetch(path, &gateway.leader());
    let feed = fetch("/cap/feed");
    let feed_text = String::from_utf8(feed.bytes).unwrap();
    assert!(feed.content_type.starts_with("application/atom+xml"));
    let links = [format!("broadcasts/{id}\""), format!("broadcasts/{id}/cancel\"")];
    assert!(links.iter().all(|link| feed_text.contains(link)), "{feed_text}");
    let ours = mingluo::ingest::feed(feed_text.as_bytes(), None).expect("our own reader reads it");
    assert!(ours.entries.len() >= 2);
    assert_eq!(gateway.fetch("/cap/feed", &gateway.source()).status, 403, "a reading role alone");
    assert_eq!(fetch("/cap/broadcasts/1").status, 404);
    let files: Vec<Vec<u8>> =
        ["", "/cancel"].map(|end| fetch(&format!("/cap/broadcasts/{id}{end}")).bytes).to_vec();
    for bytes in &files {
        let read = mingluo::ingest::read(bytes, None).expect("our own reader reads it");
        assert!(read.oddities.is_empty(), "{:?}", read.oddities);
        assert_eq!(read.id.sender, "water.example.cn");
    }
    validate(&gateway, &files);
}

/// Every message says by its signature that it is ours, and by its name which it is.
pub(super) fn check_signature(asked: &Asked, key: &str, id: &str) {
    let field = |name: &str| {
        let line = asked.head.lines().find(|line| line.to_lowercase().starts_with(name)).unwrap();
        line.split_once(": ").unwrap().1.trim().to_owned()
    };
    let key = mingluo::model::Sha256::parse(key).unwrap().0;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}", field("x-mingluo-timestamp"), asked.body).as_bytes());
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    let expect = format!("sha256={}", mingluo::model::Sha256(digest));
    assert_eq!(field("x-mingluo-signature"), expect);
    assert!(field("idempotency-key").starts_with(id));
}

/// The schema of OASIS takes our files.
#[expect(clippy::print_stdout, reason = "people must see that it was left out")]
pub(super) fn validate(gateway: &Gateway, files: &[Vec<u8>]) {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let root = std::env::var_os("MINGLUO_SHARED").map_or(beside, PathBuf::from);
    let schema = root.join("corpus/cap/cap__CAP-v1.2.xsd");
    if !schema.exists() || Command::new("xmllint").arg("--version").output().is_err() {
        println!("SKIPPED: no corpus or no xmllint; the schema was not asked");
        return;
    }
    for bytes in files {
        let file = gateway.configs().join("out.xml");
        std::fs::write(&file, bytes).unwrap();
        let mut lint = Command::new("xmllint");
        let lint = lint.args(["--nonet", "--noout", "--schema"]).arg(&schema).arg(&file);
        let done = lint.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}
