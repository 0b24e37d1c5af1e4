//! Recordings that officers bring to the console, over real sockets: what is taken, under which name, and
//! what is refused with nothing kept. And a ring drawn on the map.

use crate::process::Gateway;
use crate::visitor::{Page, Visitor, add};
use std::path::{Path, PathBuf};

const BORDER: &str = "----mingluo-test";

fn fixture(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read(root.join("tests/fixtures/recording").join(name)).unwrap()
}

fn golden(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read(root.join("audio-samples/golden").join(name)).unwrap()
}

/// Parts of an upload: name, file name, bytes.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

fn upload(visitor: &mut Visitor, parts: &[Part<'_>]) -> Page {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        let head =
            format!("--{BORDER}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BORDER}--\r\n").as_bytes());
    let head = head(visitor, body.len());
    visitor.send_bytes(&head, &body)
}

fn head(visitor: &Visitor, length: usize) -> String {
    let http = visitor.http;
    format!(
        "POST /console/recordings HTTP/1.1\r\nHost: {http}\r\nOrigin: http://{http}\r\n\
         Content-Type: multipart/form-data; boundary={BORDER}\r\nContent-Length: {length}\r\n"
    )
}

/// Every file below the county's recordings.
fn shelf(gateway: &Gateway) -> Vec<String> {
    let folder: PathBuf = gateway.configs().join("recordings/uploaded");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn recordings_are_taken_by_what_they_are_and_can_be_broadcast() {
    let mut gateway = Gateway::start("console-voice");
    add(&gateway, "officer", "张三", "officer", "430621000000");
    add(&gateway, "other", "李四", "officer", "430621000000");
    add(&gateway, "admin", "孙七", "administrator", "430621000000");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    let token = officer.token.clone();
    let mut names = Vec::new();
    for (file, bytes) in [
        ("话筒.webm", fixture("tone-open.webm")),
        ("a.wav", golden("sine.wav")),
        ("a.mp3", golden("sine.mp3")),
        ("a.m4a", golden("sine.m4a")),
        ("a.flac", golden("sine.flac")),
        ("a.ogg", golden("sine-vorbis.ogg")),
        // The name says nothing: the bytes are Opus. Nor does it lead anywhere.
        ("../../../etc/passwd<script>.wav", golden("sine-opus.ogg")),
    ] {
        let parts: [Part<'_>; 2] =
            [("token", None, token.as_bytes()), ("recording", Some(file), &bytes)];
        let page = upload(&mut officer, &parts);
        assert_eq!(page.status, 303, "{file}: {}", page.whole);
        let name = page.location.strip_prefix("/console/compose?recording=").unwrap().to_owned();
        let again = upload(&mut officer, &parts);
        assert_eq!(again.location, page.location, "{file}: the same file is the same recording");
        names.push(name);
    }
    let kept = shelf(&gateway);
    let endings: Vec<&str> = kept.iter().filter_map(|name| name.split('.').nth(1)).collect();
    for ending in ["webm", "wav", "mp3", "m4a", "flac", "ogg", "opus"] {
        assert_eq!(endings.iter().filter(|e| **e == ending).count(), 1, "{ending}: {kept:?}");
    }
    let plain = |name: &String| name.starts_with("upload-") && name.len() < 30;
    assert!(kept.iter().all(plain) && kept.len() == 14, "{kept:?}");

    let page = officer.get("/console/recordings");
    assert!(page.whole.contains("话筒.webm") && !page.whole.contains("<script>.wav"));
    let heard = officer.get(&format!("/console/recordings/{}", names[0]));
    assert!(heard.status == 200 && heard.whole.contains("audio/webm"), "{}", heard.whole);
    let compose = officer.get(&format!("/console/compose?recording={}", names[0]));
    assert!(compose.whole.contains(&format!("value=\"{}\"", names[0])));
    let preview = officer.post("/console/compose/preview", &[("recording", &names[0])]);
    assert!(preview.whole.contains("/console/clips/"), "it is heard: {}", preview.whole);
    assert!(!preview.whole.contains("无法试听"), "{}", preview.whole);

    let delete = format!("/console/recordings/{}/delete", names[0]);
    assert_eq!(Visitor::signed_in(&gateway, "other").post(&delete, &[]).status, 403);
    assert_eq!(officer.post(&delete, &[]).status, 303);
    assert_eq!(officer.get(&format!("/console/recordings/{}", names[0])).status, 404);
    let mut admin = Visitor::signed_in(&gateway, "admin");
    assert_eq!(admin.post(&format!("/console/recordings/{}/delete", names[1]), &[]).status, 303);
    assert_eq!(shelf(&gateway).len(), 10);
    gateway.stop();
    let (code, rows) = gateway.cli(&["record", "export", "--format", "json"]);
    assert_eq!((code, rows.matches("recording_added").count()), (0, 7), "{rows}");
    assert_eq!(rows.matches("recording_removed").count(), 2);
}

#[test]
fn what_is_no_recording_of_ours_is_refused_and_nothing_is_kept() {
    let mut gateway = Gateway::start("console-voice-refused");
    add(&gateway, "officer", "张三", "officer", "430621000000");
    add(&gateway, "auditor", "王五", "auditor", "430621000000");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    let token = officer.token.clone();
    let good = golden("sine.wav");
    let (token, wav) = (token.as_bytes(), Some("a.wav"));
    let cut = fixture("tone.webm")[..3_000].to_vec();
    let silent = [&good[..44], &vec![0; good.len() - 44]].concat();
    let cases: [(&str, &[Part<'_>], u16, &str); 9] = [
        ("no token", &[("recording", wav, &good)], 403, ""),
        ("a wrong token", &[("token", None, b"0000"), ("recording", wav, &good)], 403, ""),
        ("a late token", &[("recording", wav, &good), ("token", None, token)], 403, ""),
        ("no recording", &[("token", None, token)], 400, ""),
        ("another part", &[("token", None, token), ("x", None, b"")], 400, ""),
        (
            "a page",
            &[("token", None, token), ("recording", wav, b"<html>")],
            422,
            "不是可用的录音格式",
        ),
        ("nothing", &[("token", None, token), ("recording", wav, b"")], 422, "没有声音"),
        ("a part", &[("token", None, token), ("recording", wav, &cut)], 422, "文件不完整"),
        ("silence", &[("token", None, token), ("recording", wav, &silent)], 422, "没有声音"),
    ];
    for (what, parts, expect, why) in cases {
        let page = upload(&mut officer, parts);
        assert_eq!(page.status, expect, "{what}: {}", page.whole);
        assert!(page.whole.contains(why), "{what}: {}", page.whole);
        assert!(shelf(&gateway).is_empty(), "{what}: {:?}", shelf(&gateway));
    }
    let large = head(&officer, 120_100_000);
    let page = officer.send_bytes(&large, b"");
    assert!(page.status == 413 && page.whole.contains("120 MB"), "{}", page.whole);
    for path in ["%2e%2e%2fpolicy.toml", "..%2F..%2Fgateway", "upload-0000000000000000"] {
        assert_eq!(officer.get(&format!("/console/recordings/{path}")).status, 404, "{path}");
        let delete = format!("/console/recordings/{path}/delete");
        assert_eq!(officer.post(&delete, &[]).status, 404, "{path}");
    }
    let mut auditor = Visitor::signed_in(&gateway, "auditor");
    let own = auditor.token.clone();
    let parts: [Part<'_>; 2] = [("token", None, own.as_bytes()), ("recording", wav, &good)];
    assert_eq!(upload(&mut auditor, &parts).status, 403);
    assert_eq!(auditor.get("/console/recordings").status, 403);
    let mut nobody = Visitor::new(&gateway);
    assert!(upload(&mut nobody, &parts).location.starts_with("/console/sign-in"));
    assert!(shelf(&gateway).is_empty());
    gateway.stop();
    let (_, rows) = gateway.cli(&["record", "export", "--format", "json"]);
    assert!(!rows.contains("recording_added"), "nothing was kept, nothing is on record");
}

#[test]
fn a_ring_on_the_map_chooses_the_terminals_inside() {
    let mut gateway = Gateway::start("console-ring");
    add(&gateway, "officer", "张三", "officer", "430621000000");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    let page = officer.get("/console/compose");
    for part in ["data-ring", "data-scale-x=", "name=\"polygon\"", "map.js"] {
        assert!(page.whole.contains(part), "{part} is not in {}", page.whole);
    }
    let whole = "112,28 114,28 114,30 112,30";
    let count = |officer: &mut Visitor, ring: &str| {
        officer.post("/console/compose/audience", &[("polygon", ring)]).whole
    };
    let n_all = gateway.loaded().network.terminals.len();
    let all = count(&mut officer, whole);
    assert!(all.contains(&format!("<b>{n_all}</b>")), "{n_all}: {all}");
    assert!(count(&mut officer, "10,10 11,10 11,11").contains("class=\"bad\""), "nobody there");
    assert!(count(&mut officer, "112,28 114,28").contains("class=\"bad\""), "no ring");
    assert!(count(&mut officer, "112;28").contains("拐角无法读取"), "no corners");
    gateway.stop();
}

#[test]
fn a_recording_in_use_is_not_deleted() {
    let mut gateway = Gateway::start("console-voice-used");
    add(&gateway, "officer", "张三", "officer", "430621000000");
    add(&gateway, "leader", "李四", "leader", "430621000000");
    let mut officer = Visitor::signed_in(&gateway, "officer");
    let token = officer.token.clone();
    let wav = golden("sine.wav");
    let parts: [Part<'_>; 2] =
        [("token", None, token.as_bytes()), ("recording", Some("a.wav"), &wav)];
    let page = upload(&mut officer, &parts);
    let name = page.location.strip_prefix("/console/compose?recording=").unwrap().to_owned();
    let fields = [
        ("step", "send"),
        ("class", "live"),
        ("recording", name.as_str()),
        ("once", "a-recording-in-use"),
        ("area", "430621000000"),
        ("urgency", "emergency"),
        ("repeats", "1"),
        ("valid", "30"),
    ];
    let sent = officer.post("/console/compose", &fields);
    assert!(sent.location.starts_with("/console/approvals"), "it waits: {}", sent.whole);
    let plan = sent.location.split('#').nth(1).unwrap().to_owned();
    let delete = format!("/console/recordings/{name}/delete");
    let said = |officer: &mut Visitor| {
        assert_eq!(officer.post(&delete, &[]).status, 303);
        officer.get("/console/recordings").whole
    };
    let told = said(&mut officer);
    assert!(told.contains("没有删除") && told.contains(&name), "{told}");
    assert_eq!(officer.get(&format!("/console/recordings/{name}")).status, 200);
    let mut leader = Visitor::signed_in(&gateway, "leader");
    let refuse = format!("/console/approvals/{plan}/refuse");
    assert_eq!(leader.post(&refuse, &[("reason", "内容不对")]).status, 303);
    let told = said(&mut officer);
    assert!(told.contains("录音已删除") && !told.contains(&name), "{told}");
    assert_eq!(officer.get(&format!("/console/recordings/{name}")).status, 404);
    gateway.stop();
}
