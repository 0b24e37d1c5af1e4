//! What an officer does on the page of a manual broadcast beyond typing words: speak, record, upload, draw,
//! save places, confirm; and how he signs in with a code, and over HTTPS. The microphone is Chromium's own
//! fake one, which beeps once a second.

use crate::browser::Browser;
use crate::office::{OFFICER, Office, PASSWORD, in_current, sign_in};
use crate::page::Page;
use crate::process::wait_until;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const TOWNSHIP: &str = "[name=area][value=\"430621100000\"]";
const NEXT: &str = "form.compose .actions button.primary[type=submit]";
const SEND: &str = "[name=step][value=send]";

/// The form with what every broadcast needs, to one township.
fn compose(page: &Page, class: &str) {
    page.go("/console/compose");
    page.click(&format!("[name=class][value={class}]"));
    page.click(TOWNSHIP);
    page.set("[name=urgency]", "emergency");
    page.set("[name=interval]", "0");
    page.set("[name=repeats]", "1");
}

fn counts(office: &Office, path: &str) -> Value {
    let id = path.split('/').nth(3).unwrap().split(['?', '#']).next().unwrap().to_owned();
    office.gateway.get(&format!("/broadcasts/{id}"))["counts"].clone()
}

fn all_played(office: &Office, path: &str) {
    let played = || {
        let counts = counts(office, path);
        counts["targeted"].as_u64().unwrap_or(0) > 3 && counts["played"] == counts["targeted"]
    };
    wait_until(40, played, "every terminal played it");
}

#[test]
#[expect(clippy::print_stdout, reason = "a test tells its figures to whoever runs it")]
fn an_officer_speaks_live() {
    in_current("live speaking", |browser| {
        let office = Office::open("browser-live");
        let page = office.signed_in(browser, &OFFICER);
        compose(&page, "live");
        page.click("[name=voice][value=live]");
        page.fill("[name=text]", "汛情喊话");
        page.shot("live-compose");
        page.and_load(|page| page.click(NEXT));
        page.wait_for_text("获准后由您在喊话页面用话筒讲话");
        page.shot("live-review");
        page.and_load(|page| page.click(SEND));
        assert!(page.path().ends_with("/speak"), "{}", page.path());
        let path = page.path();
        page.wait_for("[data-speak-ready]:not([hidden])");
        page.wait_for_text("等待开始");
        page.pause(1_500);
        page.click("[data-speak-start]");
        page.wait_for_text("请讲话");
        let parts = "Number((document.querySelector('[data-speak-out]') || { dataset: {} }).dataset.parts || 0)";
        page.wait_until("parts go out", || page.eval(parts).as_u64().unwrap_or(0) >= 4);
        page.wait_for("[data-heard-ms]");
        let out_ms = page.eval("Number(document.querySelector('[data-speak-out]').dataset.outMs)");
        let heard_ms =
            page.eval("Number(document.querySelector('[data-heard-ms]').dataset.heardMs)");
        page.shot("live-on-air");
        page.click("[data-speak-stop]");
        page.wait_for_text("喊话已结束");
        all_played(&office, &path);
        page.wait_for("[data-live-whole]");
        page.shot("live-ended");
        // Figures of a busy machine, told and not judged, except that they are some.
        println!("from speech to order {out_ms} ms, to a terminal's word {heard_ms} ms");
        assert!(out_ms.as_u64().unwrap() >= 1_000 && heard_ms.as_u64().unwrap() >= 1_000);
        page.check();
    });
}

#[test]
fn a_stop_from_another_page_ends_a_speech() {
    in_current("live speaking stopped", |browser| {
        let office = Office::open("browser-live-stop");
        let page = office.signed_in(browser, &OFFICER);
        compose(&page, "live");
        page.click("[name=voice][value=live]");
        page.and_load(|page| page.click(NEXT));
        page.and_load(|page| page.click(SEND));
        page.pause(1_500);
        page.click("[data-speak-start]");
        page.wait_for_text("请讲话");
        page.pause(2_500);
        let leader = office.signed_in(browser, &crate::office::LEADER);
        let key = office.gateway.leader();
        let (status, _) = office.gateway.post("/stop", &key, "{}".to_owned());
        assert!((200..300).contains(&status), "{status}");
        page.wait_for_text("喊话已中断");
        page.shot("live-stopped");
        leader.go(page.path().trim_end_matches("/speak"));
        leader.wait_for_text("现场喊话");
        leader.shot("live-stopped-seen-by-leader");
        page.expect_fault("409");
        leader.check();
    });
}

#[test]
fn a_recording_by_the_microphone_is_broadcast() {
    in_current("microphone recording", |browser| {
        let office = Office::open("browser-mic");
        let page = office.signed_in(browser, &OFFICER);
        compose(&page, "live");
        page.click("[data-voice] summary");
        page.wait_for("[data-microphone]:not([hidden])");
        page.click("[data-mic-start]");
        page.wait_until("three seconds are recorded", || {
            page.text("[data-mic-time]").as_str() >= "00:03"
        });
        page.click("[data-mic-stop]");
        page.wait_for_text("录好了");
        page.click("[data-mic-send]");
        page.wait_for_text("录音可用");
        page.shot("microphone-recorded");
        let name = page.eval("document.querySelector('form.compose [name=recording]').value");
        assert!(name.as_str().unwrap().starts_with("upload-"), "{name}");
        page.and_load(|page| page.click(NEXT));
        page.wait_for_text("录音：");
        page.and_load(|page| page.click(SEND));
        all_played(&office, &page.path());
        page.check();
    });
}

/// A file of that name and content, for the browser to upload.
fn file(office: &Office, name: &str, bytes: &[u8]) -> PathBuf {
    let path = office.gateway.configs().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn files_are_uploaded_or_refused() {
    in_current("recording upload", |browser| {
        let office = Office::open("browser-upload");
        let page = office.signed_in(browser, &OFFICER);
        page.go("/console/compose");
        page.click("[data-voice] summary");
        let wav = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/golden/sine.wav");
        let wav = std::fs::read(wav).unwrap();
        page.upload("[data-voice-file]", &file(&office, "no-sound.wav", b"<html>no sound</html>"));
        page.click("[data-voice-send]");
        page.wait_for_text("没有采用");
        page.shot("upload-refused");
        page.expect_fault("422");
        // A name that wants to lead elsewhere is a title and no more.
        page.upload("[data-voice-file]", &file(&office, "..%2F..%2Fgateway.toml <b>x<.wav", &wav));
        page.click("[data-voice-send]");
        page.wait_for_text("录音可用");
        let kept = std::fs::read_dir(office.gateway.configs().join("recordings/uploaded")).unwrap();
        let names: Vec<String> =
            kept.flatten().map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        assert!(
            names.len() == 2 && names.iter().all(|name| name.starts_with("upload-")),
            "{names:?}"
        );
        page.go("/console/recordings");
        assert!(page.reads("<b>x<.wav"), "the title is shown as it is");
        page.shot("recordings");
        page.check();
    });
}

#[test]
fn a_ring_is_drawn_by_clicks() {
    in_current("ring on the map", |browser| {
        let office = Office::open("browser-ring");
        let page = office.signed_in(browser, &OFFICER);
        page.go("/console/compose");
        page.click("[data-ring] summary");
        let box_of = "(() => { const s = document.querySelector('[data-ring] svg.map');
            s.scrollIntoView({ block: 'center' }); const b = s.getBoundingClientRect();
            return { x: b.left, y: b.top, w: b.width, h: b.height }; })()";
        let at = page.eval(box_of);
        let edge = |name: &str| at[name].as_f64().unwrap();
        for (across, down) in [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)] {
            let (x, y) = (edge("x") + edge("w") * across, edge("y") + edge("h") * down);
            for kind in ["mousePressed", "mouseReleased"] {
                let event =
                    json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
                page.call("Input.dispatchMouseEvent", event);
            }
        }
        page.wait_for_text("拐角：4");
        page.wait_until("the audience is counted", || {
            page.text("[data-audience]").chars().any(|c| c.is_ascii_digit())
        });
        page.shot("ring");
        let counted = page.text("[data-audience]");
        page.click("[data-ring-undo]");
        page.wait_for_text("拐角：3");
        page.wait_until("fewer are inside", || page.text("[data-audience]") != counted);
        page.click("[data-ring-clear]");
        page.wait_until("nobody is chosen", || page.text("[data-audience]").contains("请选择范围"));
        page.check();
    });
}

#[test]
fn enter_goes_on_and_places_are_saved_by_their_own_button() {
    in_current("enter and groups", |browser| {
        let office = Office::open("browser-groups");
        let page = office.signed_in(browser, &OFFICER);
        compose(&page, "live");
        page.fill("[name=text]", "请马上转移");
        page.click("[name=volume]");
        page.and_load(|page| page.press("Enter"));
        page.wait_for(SEND);
        page.go("/console/compose");
        page.click(TOWNSHIP);
        page.click_text("summary", "存为群组");
        page.fill("[name=group_name]", "沿河各村");
        page.and_load(|page| page.click("[name=step][value=save_group]"));
        page.wait_for("p.flash.good");
        page.shot("group-saved");
        page.go("/console/compose");
        page.click("[name=group][value=沿河各村]");
        page.wait_until("the group is counted", || {
            page.text("[data-audience]").chars().any(|c| c.is_ascii_digit())
        });
        page.check();
    });
}

#[test]
fn what_reaches_a_whole_county_is_typed_in() {
    in_current("typed confirmation", |browser| {
        let office = Office::open_with("browser-typed", |gateway| {
            let path = gateway.configs().join("terminals.csv");
            let mut all = std::fs::read_to_string(&path).unwrap();
            for number in 100..140 {
                writeln!(all, "430621100001-{number},加装 {number}号,430621100001,29.14,113.11,opus mp3 wav,mqtt,80").unwrap();
            }
            std::fs::write(&path, all).unwrap();
        });
        let page = office.signed_in(browser, &OFFICER);
        page.go("/console/compose");
        page.click("[name=class][value=live]");
        page.fill("[name=text]", "全县注意，洪水将至");
        page.click(".areas .whole [name=area]");
        page.and_load(|page| page.click(NEXT));
        let n = page.text("b.count");
        assert!(n.parse::<u32>().unwrap() >= 50, "{n}");
        page.click(SEND);
        page.pause(500);
        assert!(page.count("[name=typed]") == 1, "nothing went out without it");
        page.fill("[name=typed]", "1");
        page.click(SEND);
        page.pause(500);
        assert!(page.count("[name=typed]") == 1, "nor with another number");
        page.shot("typed");
        page.fill("[name=typed]", &n);
        page.and_load(|page| page.click(SEND));
        page.wait_for_text("等待另一人批准");
        page.check();
    });
}

/// The six digits that an authenticator shows now.
fn code(secret: &str) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret.trim()).unwrap();
    let made = totp_rs::Builder::new().with_secret(secret).with_account_name("mingluo").build();
    let unix_s = u64::try_from(mingluo::clock::now_utc().0 / 1_000).unwrap();
    made.unwrap().generate(unix_s).to_string()
}

#[test]
fn a_code_is_set_up_and_asked_for() {
    in_current("authenticator", |browser| {
        let office = Office::open("browser-code");
        let page = office.signed_in(browser, &OFFICER);
        page.go("/console/me");
        page.and_load(|page| page.click("form[action$='/me/code/new'] button"));
        let secret = page.text("p.big code");
        page.shot("authenticator");
        page.fill("form[action$='/me/code'] [name=code]", &code(&secret));
        page.and_load(|page| page.click("form[action$='/me/code'] button"));
        page.wait_for_text("已启用");
        let again = browser.person(&office.origin());
        sign_in(&again, &OFFICER, PASSWORD);
        assert!(again.count("nav") == 0 || again.path().contains("sign-in"), "the code is missing");
        again.shot("code-needed");
        again.expect_fault("401");
        again.fill("[name=login]", OFFICER.login);
        again.fill("[name=password]", PASSWORD);
        // A code is good once: the one that set it up is used.
        let used = code(&secret);
        page.wait_until("the next code", || code(&secret) != used);
        again.fill("[name=code]", &code(&secret));
        again.and_load(|page| page.click("main button[type=submit]"));
        again.wait_for_text(OFFICER.name);
    });
}

#[test]
fn the_pages_work_over_https() {
    in_current("https", |browser: &Browser| {
        let office = Office::open_with("browser-https", |gateway| {
            gateway.set("http.tls_certificate_file", "keys/tls.crt");
            gateway.set("http.tls_key_file", "keys/tls.key");
            let make = ["keys", "tls", "--name", "localhost,127.0.0.1"];
            let (code, told) = gateway.cli(&make);
            assert_eq!(code, 0, "{told}");
        });
        let page = browser.person(&office.origin().replace("http://", "https://"));
        sign_in(&page, &OFFICER, PASSWORD);
        page.wait_for("nav");
        assert_eq!(page.eval("window.isSecureContext"), true);
        for cookie in page.cookies() {
            if cookie["name"] == "mingluo_session" {
                assert_eq!((&cookie["secure"], &cookie["httpOnly"]), (&json!(true), &json!(true)));
            }
        }
        compose(&page, "live");
        page.fill("[name=text]", "请马上转移");
        page.and_load(|page| page.click(NEXT));
        page.and_load(|page| page.click(SEND));
        page.wait_for_text("已开始播发");
        page.wait_until("every terminal played it", || {
            page.text(".three .reached b").trim().parse::<u32>().unwrap_or(0) > 3
        });
        page.shot("https");
        page.check();
    });
}
