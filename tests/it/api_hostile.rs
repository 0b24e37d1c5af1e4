//! A hostile client against the real daemon: whatever is sent, a clean answer comes back and the
//! gateway goes on.

use crate::process::{Gateway, alert, wait_until, wire, wire_get};
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

/// A request as bytes: head lines between the first and the empty one, and a body.
fn request(first: &str, head: &str, body: &str) -> Vec<u8> {
    let n = body.len();
    let length = if head.contains("Content-Length") || head.contains("Transfer-Encoding") {
        String::new()
    } else {
        format!("Content-Length: {n}\r\n")
    };
    format!("{first} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{length}{head}\r\n{body}").into()
}

/// What must come back: the status, and a problem document that says so too.
fn check(http: SocketAddr, bytes: &[u8], expect: u16, what: &str) -> Value {
    let (status, answer) = wire(http, bytes);
    assert_eq!(status, expect, "{what}: {answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if status < 400 {
        return serde_json::from_str(body).unwrap_or_default();
    }
    assert!(head.contains("application/problem+json"), "{what}: {answer}");
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{what}: {answer}"));
    assert_eq!(problem["status"], expect, "{what}");
    let told = problem["detail"].as_str().is_some_and(|detail| detail.len() > 5);
    assert!(told && problem["title"].is_string() && problem["type"].is_string(), "{what}");
    problem
}

const JSON: &str = "Content-Type: application/json\r\n";
const LIVE: &str = r#"{"text":"水","areas":["430621000000"],"class":"live"}"#;

/// GET by the leader: path below `/api/v1` and status.
const PATHS: &[(&str, u16)] = &[
    ("/alerts/abc", 400),
    ("/alerts/-1", 400),
    ("/alerts/99999999999999999999", 400),
    ("/alerts/7", 404),
    ("/alerts?limit=x", 400),
    ("/alerts?limit=-1", 400),
    ("/alerts?limit=0&before=0", 200),
    ("/alerts?unknown=1", 400),
    ("/broadcasts/%00", 400),
    ("/broadcasts/%ff", 400),
    ("/broadcasts/1%2F..%2F2", 400),
    ("/../../etc/passwd", 404),
    ("/%2e%2e/%2e%2e/etc/passwd", 404),
    ("//alerts", 404),
    ("/alerts/", 404),
    ("/nothing", 404),
    ("/terminals?area=x", 400),
    ("/terminals?after=x", 400),
    ("/broadcasts/5/calls", 404),
    ("/roster?area=x", 400),
    ("/roster?at_ms=99999999999999999999", 400),
    ("/roster?area=430621000000&at_ms=-9223372036854775808", 200),
    ("/broadcasts/5/acknowledgements?outcome=strange", 404),
    ("/record?from=18446744073709551615&limit=1000", 200),
];

/// POST by the leader: path, content type, body and status.
const BODIES: &[(&str, &str, &str, u16)] = &[
    ("/broadcasts", JSON, "", 400),
    ("/broadcasts", JSON, "{", 400),
    ("/broadcasts", JSON, "null", 422),
    ("/broadcasts", JSON, "[]", 422),
    ("/drill", JSON, "[true, 5]", 422),
    ("/broadcasts", JSON, r#"{"class":"loud"}"#, 422),
    ("/broadcasts", JSON, r#"{"class":"live","class":"drill"}"#, 422),
    ("/broadcasts", JSON, r#"{"class":"live","repeats":300}"#, 422),
    ("/broadcasts", JSON, r#"{"class":"live","repeats":-1}"#, 422),
    ("/broadcasts", JSON, r#"{"class":"live","repeats":1.5}"#, 422),
    ("/broadcasts", JSON, r#"{"class":"live","text":7}"#, 422),
    ("/broadcasts", JSON, r#"{"class":"live","areas":"430621000000"}"#, 422),
    ("/broadcasts", JSON, r#"{"class":"live","areas":["430621"," "]}"#, 422),
    ("/broadcasts", "Content-Type: text/plain\r\n", LIVE, 415),
    ("/broadcasts", "Content-Type: application/xml\r\n", LIVE, 415),
    ("/drill", JSON, r#"{"armed":"yes"}"#, 422),
    ("/drill", JSON, r#"{"armed":true,"minutes":4294967296}"#, 422),
    ("/stop", JSON, r#"{"areas":[]}"#, 400),
    ("/stop", JSON, r#"{"areas":["x"]}"#, 422),
    ("/stop", "Content-Type: application/x-www-form-urlencoded\r\n", "areas=1", 415),
    ("/broadcasts/7/cancel", JSON, r#"{"reason":"x"}"#, 404),
    ("/broadcasts/7/refuse", JSON, r#"{"reason":"x"}"#, 404),
    ("/broadcasts/7/approve", "", "", 404),
    ("/broadcasts/7/approve", JSON, r#"{"revision":-1}"#, 422),
    ("/plans/7/edit", JSON, r#"{"revision":0}"#, 404),
    ("/plans/7/edit", JSON, r#"{"text":"水"}"#, 422),
    ("/break-glass", JSON, r#"{"reason":"溃坝在即","plan":"x"}"#, 400),
    ("/break-glass", JSON, r#"{"reason":"溃坝在即","plan":"7"}"#, 404),
    ("/broadcasts/7/countersign", "", "", 404),
    ("/broadcasts/7/resend", "", "", 404),
    ("/roster", JSON, r#"{"set":[{}]}"#, 422),
    ("/roster", JSON, "{}", 409),
    ("/roster/import", "", "", 422),
    ("/roster/import?dry_run=perhaps", "", "", 400),
    ("/groups", JSON, r#"{"name":""}"#, 409),
    ("/programmes", JSON, r#"{"name":"x"}"#, 422),
    ("/programmes/x/approve", JSON, r#"{"set_at_ms":0}"#, 404),
    ("/calls/7/answered", "", "", 404),
    ("/alerts", "", "", 422),
    ("/alerts", "Content-Encoding: gzip\r\n", "\u{1f}", 422),
    ("/openapi.json", "", "", 405),
];

fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}\r\n")
}

fn post(gateway: &Gateway, path: &str, head: &str, body: &str, expect: u16) -> Value {
    let (_, http) = gateway.listeners()[1];
    let head = format!("{}{head}", bearer(&gateway.leader()));
    let bytes = request(&format!("POST /api/v1{path}"), &head, body);
    check(http, &bytes, expect, &format!("{path} {head:?} {body:.60}"))
}

#[test]
fn whatever_is_sent_a_clean_answer_comes_back() {
    let mut gateway = Gateway::start("hostile");
    let (_, http) = gateway.listeners()[1];
    let key = bearer(&gateway.leader());
    for (path, expect) in PATHS {
        check(http, &request(&format!("GET /api/v1{path}"), &key, ""), *expect, path);
    }
    for (path, head, body, expect) in BODIES {
        post(&gateway, path, head, body, *expect);
    }
    post(
        &gateway,
        "/broadcasts",
        JSON,
        &format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)),
        422,
    );
    post(&gateway, "/broadcasts", JSON, &format!("{{\"text\":\"{}\"}}", "水".repeat(500_000)), 413);
    for (line, expect) in [
        ("DELETE /api/v1/alerts", 405),
        ("PUT /api/v1/broadcasts/1", 405),
        ("TRACE /api/v1/alerts", 405),
        ("POST /healthz", 405),
        ("GET /", 303),
        ("GET /api", 404),
        ("GET /api/v2/alerts", 404),
    ] {
        check(http, &request(line, &key, ""), expect, line);
    }
    // The HTTP library refuses it before us: no document, but 400 and an end.
    let bytes = request("POST /api/v1/alerts", &format!("{key}Content-Type: \u{1}\r\n"), "<");
    assert_eq!(wire(http, &bytes).0, 400);
    gateway.stop();
}

#[test]
fn a_wrong_key_gets_no_further_than_401() {
    let mut gateway = Gateway::start("keys");
    let (_, http) = gateway.listeners()[1];
    let (leader, source) = (gateway.leader(), gateway.source());
    for head in [
        String::new(),
        "Authorization: Bearer\r\n".to_owned(),
        bearer("mlk_0"),
        format!("Authorization: Basic {leader}\r\n"),
        format!("{0}{0}", bearer(&leader)),
        bearer(&"k".repeat(30_000)),
        bearer("\u{fc}"),
    ] {
        let bytes = request("POST /api/v1/alerts", &head, "<alert/>");
        check(http, &bytes, 401, &format!("{head:.60}"));
        let endless = format!("{head}Content-Length: 4000000000\r\n");
        check(http, &request("POST /api/v1/alerts", &endless, "<"), 401, "before the body");
    }
    let bytes = request("GET /api/v1/record", &bearer(&source), "");
    check(http, &bytes, 403, "a source does not audit");
    gateway.stop();
}

#[test]
fn what_is_too_large_is_on_record_as_a_rejection() {
    let mut gateway = Gateway::start("large");
    let fault = post(&gateway, "/alerts", "", &"x".repeat(5_000_000), 413);
    assert!(fault["faults"].to_string().contains("expected at most 4194304 bytes"), "{fault}");
    let fault = post(&gateway, "/alerts", "Content-Length: 4000000000\r\n", "<", 413);
    assert!(fault["faults"].to_string().contains("got 4000000000"), "{fault}");
    let rows = gateway.get("/record?limit=1000")["rows"].to_string();
    assert_eq!(rows.matches("expected at most 4194304 bytes").count(), 2, "{rows}");
    gateway.stop();
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn one_idempotency_key_is_one_broadcast() {
    let mut gateway = Gateway::start("idempotent");
    let (_, http) = gateway.listeners()[1];
    let send = |text: &str, key: &str| {
        let body = json!({ "text": text, "areas": ["430621000000"], "class": "live" }).to_string();
        let head = format!(
            "Authorization: Bearer {}\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n",
            gateway.leader()
        );
        wire(http, &request("POST /api/v1/broadcasts", &head, &body))
    };
    let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| send("今晚停水", "a"))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (status, answer) in &answers {
        assert!(matches!(status, 200 | 409), "{answer}");
    }
    assert_eq!(send("今晚停水", "a").0, 200, "asked again later");
    assert_eq!(send("明晚停水", "a").0, 422, "another body");
    assert_eq!(send("今晚停水", "").0, 400);
    assert_eq!(send("今晚停水", &"a".repeat(200)).0, 400);
    let all = [gateway.get("/broadcasts"), gateway.get("/plans")];
    let n = |at: usize, name: &str| all[at][name].as_array().unwrap().len();
    assert_eq!(n(0, "broadcasts") + n(1, "plans"), 1, "{all:?}");
    gateway.stop();
}

/// Slow senders and crowds do not keep others out.
#[test]
fn slow_and_many_connections_do_not_stop_the_gateway() {
    let mut gateway = Gateway::start("slow");
    let (_, http) = gateway.listeners()[1];
    let key = format!("Authorization: Bearer {}\r\n", gateway.source());
    let mut half = TcpStream::connect(http).unwrap();
    half.write_all(b"POST /api/v1/alerts HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let mut body = TcpStream::connect(http).unwrap();
    let head =
        format!("POST /api/v1/alerts HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n{key}\r\n<");
    body.write_all(head.as_bytes()).unwrap();
    body.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    // One who sends forty bodies slowly holds up nobody's red warning but his own.
    let slow: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut one = TcpStream::connect(http).unwrap();
            one.write_all(head.as_bytes()).unwrap();
            one
        })
        .collect();
    let (status, answer) =
        gateway.post("/alerts", &gateway.leader(), alert("s-0", "Red", "Alert", ""));
    assert_eq!(status, 202, "{answer}");
    for one in &slow {
        one.set_nonblocking(true).unwrap();
        let waits = one.peek(&mut [0; 1]).unwrap_err();
        assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock, "they were held meanwhile");
    }
    drop(slow);
    let crowd: Vec<TcpStream> = (0..600).map(|_| TcpStream::connect(http).unwrap()).collect();
    let (status, answer) =
        gateway.post("/alerts", &gateway.source(), alert("s-1", "Red", "Alert", ""));
    assert_eq!(status, 202, "{answer}");
    let mut told = String::new();
    let _end = std::io::Read::read_to_string(&mut body, &mut told);
    assert!(told.starts_with("HTTP/1.1 408"), "a slow body is ended: {told}");
    assert!(told.contains("application/problem+json"), "{told}");
    half.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let ended = std::io::Read::read_to_string(&mut half, &mut String::new());
    assert!(
        ended.is_ok() || ended.is_err_and(|fault| fault.kind() != std::io::ErrorKind::WouldBlock)
    );
    drop(crowd);
    // Headers beyond all measure: 431 and an end.
    let huge = format!("{key}X-Huge: {}\r\n", "h".repeat(200_000));
    assert_eq!(wire(http, &request("GET /api/v1/alerts", &huge, "")).0, 431);
    let many: String = (0..500).map(|n| format!("X-{n}: 1\r\n")).collect();
    assert_eq!(wire(http, &request("GET /api/v1/alerts", &many, "")).0, 431);
    for noise in [&b"\x16\x03\x01\x02\x00\x01"[..], b"\0\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
    {
        let (status, answer) = wire(http, noise);
        assert!(matches!(status, 0 | 400 | 505), "{answer}");
    }
    wait_until(10, || wire_get(http, "/healthz").0 == 200, "the gateway goes on");
    gateway.stop();
}
