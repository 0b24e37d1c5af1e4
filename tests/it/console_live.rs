//! Live speaking over real sockets: an officer's sound goes in at the console, comes out of the terminals,
//! and stands in the record; and what is refused.

use crate::process::{Gateway, wait_until};
use crate::visitor::{Page, Visitor, add};
use mingluo::simulate::{Fleet, Misbehaviour};
use serde_json::Value;
use std::sync::atomic::Ordering;

const TOWNSHIP: &str = "430621100000";

/// So many milliseconds of a tone, as a page sends them.
fn tone(ms: usize) -> Vec<u8> {
    let sample = |at: usize| {
        let angle =
            f64::from(u32::try_from(at).unwrap()) * 440.0 * std::f64::consts::TAU / 16_000.0;
        #[expect(clippy::cast_possible_truncation, reason = "within 16 bits")]
        let value = (angle.sin() * 9_000.0) as i16;
        value.to_le_bytes()
    };
    (0..ms * 16).flat_map(sample).collect()
}

impl Visitor {
    fn speak(&mut self, path: &str, token: &str, piece: u32, body: &[u8]) -> Page {
        let http = self.http;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {http}\r\nOrigin: http://{http}\r\nX-Form-Token: {token}\r\n\
             X-Piece: {piece}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n",
            body.len()
        );
        self.send_bytes(&head, body)
    }
}

struct Town {
    gateway: Gateway,
    fleet: Fleet,
    officer: Visitor,
    token: String,
}

impl Town {
    fn open(name: &str) -> Self {
        let gateway = Gateway::start(name);
        add(&gateway, "officer", "张三", "officer", "430621000000");
        add(&gateway, "other", "李四", "officer", "430621000000");
        let fleet = gateway.fleet(Misbehaviour::default());
        let n = u64::try_from(fleet.n_connecting).unwrap();
        let up = || fleet.stats.connected.load(Ordering::Relaxed) >= n;
        wait_until(60, up, "all terminals connect");
        let officer = Visitor::signed_in(&gateway, "officer");
        let token = officer.token.clone();
        Self { gateway, fleet, officer, token }
    }

    /// Allowed at once: a township at noon or by break-glass; gives its page.
    fn allowed(&mut self) -> String {
        self.allowed_as("live")
    }

    fn allowed_as(&mut self, class: &str) -> String {
        let fields = [
            ("class", class),
            ("voice", "live"),
            ("text", "请下河捕鱼的群众马上上岸"),
            ("area", TOWNSHIP),
            ("urgency", "emergency"),
            ("chime", "notice"),
            ("repeats", "3"),
            ("interval", "0"),
            ("valid", "30"),
            ("glass_reason", "有人落水，来不及打字"),
        ];
        let review =
            self.officer.post("/console/compose", &[&fields[..], &[("step", "review")]].concat());
        assert!(review.whole.contains("现场喊话：获准后由您"), "{}", review.whole);
        let n =
            review.whole.split("<b class=\"count\">").nth(1).unwrap().split('<').next().unwrap();
        let n = n.to_owned();
        let once = review.whole.split("name=\"once\" value=\"").nth(1).unwrap();
        let once = once.split('"').next().unwrap().to_owned();
        let alone = !review.whole.contains("提交审批");
        let step = if alone { "send" } else { "glass" };
        let rest = [("step", step), ("typed", n.as_str()), ("once", once.as_str())];
        let sent = self.officer.post("/console/compose", &[&fields[..], &rest].concat());
        assert_eq!(sent.status, 303, "{}", sent.whole);
        assert!(sent.location.ends_with("/speak"), "{}", sent.location);
        sent.location
    }

    /// Begins, when the opening is rendered.
    fn begin(&mut self, page: &str) {
        let path = format!("{page}/begin");
        let mut last = String::new();
        let (officer, token) = (&mut self.officer, self.token.clone());
        let mut begun = || {
            let answer = officer.speak(&path, &token, 0, b"");
            last = answer.whole;
            answer.status == 200
        };
        wait_until(20, &mut begun, "the opening is ready");
        assert!(last.contains("opening_ms"), "{last}");
        self.gateway.sleep_ms(1_500);
    }

    fn id(page: &str) -> u64 {
        page.split('/').nth(3).unwrap().parse().unwrap()
    }

    fn counts(&self, id: u64) -> Value {
        self.gateway.get(&format!("/broadcasts/{id}"))["counts"].clone()
    }

    fn close(mut self) -> Vec<Value> {
        self.gateway.wait_for(self.fleet.stop());
        self.gateway.stop();
        let (code, rows) = self.gateway.cli(&["record", "export", "--format", "json"]);
        assert_eq!(code, 0, "{rows}");
        let (code, told) = self.gateway.cli(&["record", "verify"]);
        assert_eq!(code, 0, "{told}");
        let lines = rows.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.collect()
    }
}

fn of_kind<'a>(rows: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let bodies = rows.iter().map(|row| row.get("body").unwrap_or(row));
    bodies.filter(|body| body["entry"] == kind).collect()
}

#[test]
fn a_speech_sounds_everywhere_and_stands_in_the_record() {
    let mut town = Town::open("console-live");
    let page = town.allowed();
    let id = Town::id(&page);
    let shown = town.officer.get(&page);
    assert!(shown.whole.contains("data-speak=") && shown.whole.contains("mingluo keys tls"));
    town.begin(&page);
    for piece in 0..8 {
        let said = town.officer.speak(&page, &town.token.clone(), piece, &tone(500));
        assert_eq!(said.status, 200, "{}", said.whole);
        town.gateway.sleep_ms(450);
    }
    let ended = town.officer.speak(&format!("{page}/end"), &town.token.clone(), 0, b"");
    assert!(ended.status == 200 && ended.whole.contains("\"parts\":4"), "{}", ended.whole);
    let all_played = || {
        let counts = town.counts(id);
        counts["targeted"].as_u64().unwrap() > 3 && counts["played"] == counts["targeted"]
    };
    wait_until(30, all_played, "every terminal played it to the end");
    let n_terminals = town.counts(id)["targeted"].as_u64().unwrap();
    let tally = town.fleet.stats.tally_of(id);
    assert_eq!(tally.sounded.len(), usize::try_from(n_terminals).unwrap());
    assert!(tally.sounded.values().all(|n| *n == 5), "opening and four parts: {tally:?}");
    let kept = || town.gateway.get(&format!("/broadcasts/{id}")).is_object();
    wait_until(10, kept, "it is there");
    let mut whole = String::new();
    let mut shown = || {
        whole = town.officer.get(&format!("/console/broadcasts/{id}")).whole;
        whole.contains("data-live-whole")
    };
    wait_until(20, &mut shown, "the page offers all of it");
    assert!(whole.contains("SHA-256") && whole.contains("喊话结束"), "{whole}");

    let rows = town.close();
    assert_eq!(of_kind(&rows, "live_begun").len(), 1);
    let connected = of_kind(&rows, "live_begun")[0]["connected"].as_array().unwrap().len();
    assert_eq!(u64::try_from(connected).unwrap(), n_terminals);
    let parts = of_kind(&rows, "live_part");
    assert_eq!(parts.len(), 4);
    assert!(parts.iter().all(|part| !part["clips"].as_array().unwrap().is_empty()));
    assert_eq!(of_kind(&rows, "live_ended").len(), 1);
    let clip = &of_kind(&rows, "live_kept")[0]["clip"];
    assert_eq!(clip["duration_ms"], 4_000);
    assert_eq!(clip["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn who_may_not_speak_is_refused_and_a_stop_ends_it_at_once() {
    let mut town = Town::open("console-live-stop");
    let page = town.allowed();
    let id = Town::id(&page);
    let token = town.token.clone();
    // Before it began, by another, without the token, from elsewhere.
    assert_eq!(town.officer.speak(&page, &token, 0, &tone(500)).status, 409);
    let mut other = Visitor::signed_in(&town.gateway, "other");
    let own = other.token.clone();
    assert_eq!(other.get(&page).status, 403);
    assert_eq!(other.speak(&format!("{page}/begin"), &own, 0, b"").status, 409);
    assert_eq!(town.officer.speak(&format!("{page}/begin"), &own, 0, b"").status, 403);
    let stranger = format!(
        "POST {page}/begin HTTP/1.1\r\nHost: {0}\r\nOrigin: http://evil.example\r\n\
         X-Form-Token: {token}\r\nContent-Length: 0\r\n",
        town.officer.http
    );
    assert_eq!(town.officer.send(&stranger, "").status, 403);
    let mut nobody = Visitor::new(&town.gateway);
    assert!(nobody.speak(&format!("{page}/begin"), &token, 0, b"").status >= 300);

    town.begin(&page);
    assert_eq!(town.officer.speak(&page, &token, 0, &tone(1_200)).status, 200);
    assert_eq!(other.speak(&page, &own, 1, &tone(1_000)).status, 403, "not in between");
    let more = town.officer.speak(&page, &token, 1, &tone(300));
    assert_eq!(more.status, 200, "and it ends nothing: {}", more.whole);
    let stopped = other.post("/console/stop", &[("confirm", "yes")]);
    assert_eq!(stopped.status, 303, "{}", stopped.whole);
    let late = town.officer.speak(&page, &token, 2, &tone(2_000));
    assert_eq!(late.status, 409, "{}", late.whole);
    let all_ended = || {
        let counts = town.counts(id);
        counts["cancelled"].as_u64().unwrap_or(0) > 0 && counts["playing"] == 0
    };
    wait_until(30, all_ended, "all terminals stop");
    town.gateway.sleep_ms(500);
    let rows = town.close();
    let parts = of_kind(&rows, "live_part");
    assert_eq!(parts.len(), 1, "{parts:?}");
    assert_eq!(of_kind(&rows, "live_ended").len(), 1);
}

#[test]
fn a_page_that_falls_silent_ends_it() {
    let mut town = Town::open("console-live-silent");
    let page = town.allowed();
    let token = town.token.clone();
    town.begin(&page);
    assert_eq!(town.officer.speak(&page, &token, 0, &tone(2_500)).status, 200);
    let lost = town.officer.speak(&page, &token, 5, &tone(500));
    assert_eq!(lost.status, 409, "{}", lost.whole);
    let gone = || {
        let whole = town.officer.get(page.trim_end_matches("/speak")).whole;
        whole.contains("已结束") && whole.contains("data-live-whole")
    };
    wait_until(20, gone, "it has ended, and all of it is kept");
    let rows = town.close();
    assert_eq!(of_kind(&rows, "live_ended").len(), 1);
    assert_eq!(of_kind(&rows, "live_kept").len(), 1);
}

#[test]
fn a_session_that_ends_ends_it() {
    let mut town = Town::open("console-live-session");
    let page = town.allowed();
    let token = town.token.clone();
    town.begin(&page);
    assert_eq!(town.officer.speak(&page, &token, 0, &tone(1_200)).status, 200);
    assert_eq!(town.officer.post("/console/sign-out", &[]).status, 303);
    let late = town.officer.speak(&page, &token, 1, &tone(1_200));
    assert!(late.location.starts_with("/console/sign-in"), "{}", late.whole);
    let mut other = Visitor::signed_in(&town.gateway, "other");
    let ended = || other.get(page.trim_end_matches("/speak")).whole.contains("已结束");
    wait_until(20, ended, "it has ended by itself");
    let rows = town.close();
    assert_eq!(of_kind(&rows, "live_part").len(), 2, "what was spoken before, its rest included");
}

#[test]
fn a_drill_is_framed_by_its_words() {
    let mut town = Town::open("console-live-drill");
    let arm = r#"{"armed":true,"minutes":30}"#.to_owned();
    let (status, told) = town.gateway.post("/drill", &town.gateway.leader(), arm);
    assert!((200..300).contains(&status), "{told}");
    let page = town.allowed_as("drill");
    let id = Town::id(&page);
    let token = town.token.clone();
    town.begin(&page);
    for piece in 0..2 {
        assert_eq!(town.officer.speak(&page, &token, piece, &tone(1_000)).status, 200);
        town.gateway.sleep_ms(300);
    }
    let ended = town.officer.speak(&format!("{page}/end"), &token, 0, b"");
    assert!(ended.status == 200 && ended.whole.contains("\"parts\":3"), "{}", ended.whole);
    let all_played = || {
        let counts = town.counts(id);
        counts["played"] == counts["targeted"]
    };
    wait_until(30, all_played, "every terminal played it to the end");
    let rows = town.close();
    let opening = of_kind(&rows, "clip_ready")[0].clone();
    assert_eq!(opening["spoken"]["voice"], "recorded:drill-before");
    let parts = of_kind(&rows, "live_part");
    let after = parts[2]["clips"][0]["duration_ms"].as_u64().unwrap();
    assert!(after > 2_000, "the words after a drill: {after} ms");
}
