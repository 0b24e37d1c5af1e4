//! What a source may not do at the embedded broker, and that it and the people are told.

use super::{Site, row, yellow};
use crate::process::wait_until;
use crate::wire::{Login, SILENCE, Wire};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{ConnectReturnCode, LastWill, SubscribeReasonCode};
use std::net::SocketAddr;

const OWN: &str = "sources/geology/alerts";

/// How a login is answered; `None` = it is let in.
fn answer(site: &Site, at: SocketAddr, login: &Login) -> Option<ConnectReturnCode> {
    match site.gateway.wait_for(Wire::connect(at, login)) {
        Ok(_) => None,
        Err(code) => Some(code.expect("an answer before the connection is closed")),
    }
}

/// A terminal of the county, with its way in.
fn terminal(site: &Site) -> (SocketAddr, Login) {
    let (broker, keys) = site.gateway.broker();
    let id = *site.gateway.loaded().network.terminals.keys().next().unwrap();
    (broker, Login::of(&id.to_string(), &keys.terminal_password(id)))
}

#[test]
fn nobody_is_in_without_a_key_of_the_source_it_claims_to_be() {
    let site = Site::start("publish-logins");
    let (bad, not_allowed) =
        (ConnectReturnCode::BadUserNamePassword, ConnectReturnCode::NotAuthorized);
    let check = |login: &Login, expect: Option<ConnectReturnCode>| {
        assert_eq!(answer(&site, site.at, login), expect, "{}", login.client);
    };
    let good = site.login("geology");
    let named = |client: &str| Login { client: client.to_owned(), ..good.clone() };
    check(&Login::of("geology", "mlk_guess"), Some(bad));
    assert!(site.why("地质监测").contains("its key is not known"), "{}", site.why("地质监测"));
    check(&Login::of("geology", &site.weather), Some(bad));
    // A key that is good for other things is none of a source that publishes.
    check(&Login::of("source", &site.gateway.source()), Some(bad));
    check(&Login::of("leader", &site.gateway.leader()), Some(bad));
    check(&Login::of("geology", &site.gateway.leader()), Some(bad));
    check(&Login::of("地质监测", &site.geology), Some(bad));
    check(&Login::anonymous("geology"), Some(bad));
    // Terminals and sources have an address each.
    let (broker, horn) = terminal(&site);
    check(&horn, Some(bad));
    assert_eq!(answer(&site, broker, &horn), None);
    assert_eq!(answer(&site, broker, &good), Some(bad));
    // Nobody takes the name of another's session.
    check(&named("weather"), Some(not_allowed));
    check(&named(&horn.client), Some(not_allowed));
    check(&named("geology2"), Some(not_allowed));
    assert!(site.why("地质监测").contains("its client id must be"), "{}", site.why("地质监测"));
    let will = LastWill::new(OWN, yellow("will"), QoS::AtLeastOnce, false);
    check(&Login { will: Some(will), ..good.clone() }, Some(not_allowed));
    assert!(site.why("地质监测").contains("last will"), "{}", site.why("地质监测"));
    check(&good, None);
    check(&named("geology/slope 7"), None);
    assert_eq!(site.n_rows("alert_accepted"), 0, "no last will was taken for an alert");
    let page = site.gateway.get("/sources").to_string();
    assert!(!page.contains(&site.geology), "no key is shown");
}

#[test]
fn guessing_makes_only_the_guesser_wait() {
    let site = Site::start("publish-guesses");
    let bad = Some(ConnectReturnCode::BadUserNamePassword);
    for n in 0..5 {
        assert_eq!(answer(&site, site.at, &Login::of("geology", &format!("mlk_{n}"))), bad);
    }
    assert_eq!(answer(&site, site.at, &site.login("geology")), bad, "the right one comes too soon");
    assert!(site.why("地质监测").contains("too many wrong keys"), "{}", site.why("地质监测"));
    assert_eq!(answer(&site, site.at, &site.login("weather")), None, "others are let in");
}

#[test]
fn a_source_publishes_to_its_own_topics_and_hears_nothing() {
    let site = Site::start("publish-foreign");
    let (broker, login) = terminal(&site);
    let prefix = site.gateway.loaded().config.mqtt.prefix;
    let order = format!("{prefix}/terminal/{}/order", login.client);
    let mut horn = site.gateway.wait_for(Wire::connect(broker, &login)).unwrap();
    let granted = site.gateway.wait_for(horn.subscribe(&order));
    assert_eq!(granted, Some(SubscribeReasonCode::Success(QoS::AtLeastOnce)));
    let foreign = [
        order,
        format!("{prefix}/terminal/{}/acknowledgement", login.client),
        format!("{prefix}/area/430621000000/order"),
        "sources/weather/alerts".to_owned(),
        "sources/weather/readings".to_owned(),
        "sources/geology".to_owned(),
        "sources/geology/alerts/x".to_owned(),
        "geology".to_owned(),
        "$SYS/broker".to_owned(),
    ];
    for topic in &foreign {
        let mut geology = site.geology();
        assert!(!site.publish(&mut geology, topic, yellow("foreign").as_bytes()), "{topic}");
        let told = || site.why("地质监测").contains(&format!("it may not publish to `{topic}`"));
        wait_until(10, told, topic);
    }
    assert_eq!(site.gateway.wait_for(horn.next(SILENCE)), None, "a terminal heard a source");
    // Nor does a terminal speak as a source: there is no such topic where it is let in.
    let mut horn = site.gateway.wait_for(Wire::connect(broker, &login)).unwrap();
    assert!(!site.publish(&mut horn, OWN, yellow("terminal").as_bytes()));
    assert_eq!((site.n_rows("alert_accepted"), site.n_rows("alert_rejected")), (0, 0));
    let mut geology = site.geology();
    for filter in ["#", "sources/#", "sources/+/alerts", OWN, "$SYS/#", "$share/g/sources/#"] {
        let answer = site.gateway.wait_for(geology.subscribe(filter));
        assert_eq!(answer, Some(SubscribeReasonCode::Failure), "{filter}");
        assert!(site.why("地质监测").contains("may not subscribe"), "{filter}");
    }
    // The session lives on, and what another source says does not come to it.
    let mut weather = site.connect(&site.login("weather"));
    assert!(site.publish(&mut weather, "sources/weather/alerts", yellow("w").as_bytes()));
    assert_eq!(site.gateway.wait_for(geology.next(SILENCE)), None, "it heard another source");
    assert!(site.publish(&mut geology, OWN, yellow("g").as_bytes()));
    assert_eq!(site.n_rows("alert_accepted"), 2);
}

#[test]
fn a_key_made_on_screen_lets_in_until_it_is_revoked() {
    let mut site = Site::prepare("publish-revoked");
    let key = |name: &str, role: &str| {
        let (code, out) = site.gateway.cli(&["keys", "create", "--name", name, "--role", role]);
        assert_eq!(code, 0, "{out}");
        out.trim().to_owned()
    };
    let administrator = key("管系统", "administrator");
    assert_eq!(site.gateway.cli(&["keys", "revoke", "geology"]).0, 0);
    site.gateway.restart();
    let bad = Some(ConnectReturnCode::BadUserNamePassword);
    assert_eq!(answer(&site, site.at, &site.login("geology")), bad, "revoked before the start");
    let body =
        serde_json::json!({ "name": "geology", "role": "source", "areas": ["430621000000"] });
    let (status, made) = site.gateway.post("/keys", &administrator, body.to_string());
    assert_eq!(status, 201, "{made}");
    site.geology = made["key"].as_str().unwrap().to_owned();
    let mut geology = site.geology();
    assert!(site.publish(&mut geology, OWN, yellow("before").as_bytes()));
    let body = serde_json::json!({ "sha256": made["sha256"], "reason": "密钥外泄，换新" });
    assert_eq!(site.gateway.post("/keys/revoke", &administrator, body.to_string()).0, 200);
    assert!(!site.publish(&mut geology, OWN, yellow("after").as_bytes()), "its session is ended");
    assert!(site.why("地质监测").contains("revoked"), "{}", site.why("地质监测"));
    assert_eq!(answer(&site, site.at, &site.login("geology")), bad);
    assert_eq!(site.n_rows("alert_accepted"), 1);
}

#[test]
fn check_tells_every_fault_of_a_source_that_publishes() {
    let mut site = Site::prepare("check-publish");
    let write = |site: &Site, text: &str| {
        std::fs::write(site.gateway.configs().join("sources.toml"), text).unwrap();
        site.gateway.cli(&["check"])
    };
    let check = |site: &Site, text: &str, code: i32, expect: &[&str]| {
        let (got, said) = write(site, text);
        assert_eq!(got, code, "{said}");
        for expect in expect {
            assert!(said.contains(expect), "`{expect}` is not in {said}");
        }
    };
    let good = row("地质监测", "geology", "full");
    check(&site, &good, 0, &[]);
    let (_, said) = write(&site, &good);
    assert!(!said.contains("sources.toml"), "nothing to say: {said}");
    let no_key = ["no key `landslide`", "keys create --name landslide --role source"];
    check(&site, &row("滑坡", "landslide", "full"), 0, &no_key);
    check(&site, "", 0, &["no source of sources.toml publishes there"]);
    let two = good.clone() + &row("另一个", "geology", "full");
    check(&site, &two, 78, &["`api_key` geology", "a key of its own"]);
    check(&site, &row("斜线", "a/b", "full"), 78, &["`sources.api_key`", "part of topics"]);
    check(&site, &good.replace("api_key = \"geology\"\n", ""), 78, &["`api_key = …`"]);
    let more = good.clone() + "url = \"mqtt://x\"\ntopic = \"y\"\nuser = \"u\"\n";
    let expect = ["`sources.url`", "`sources.topic`", "`sources.user`", "our own broker"];
    check(&site, &more, 78, &expect);
    let push = good.replace("\"mqtt\"", "\"push\"");
    check(&site, &push, 78, &["`sources.broker`", "is for `kind = \"mqtt\"` alone"]);
    site.gateway.set("mqtt.sources_listen", "0.0.0.0:1884");
    check(&site, &good, 0, &["in the clear"]);
    site.gateway.set("mqtt.mode", "external");
    check(&site, &good, 78, &["is for `mode = \"embedded\"`"]);
    site.gateway.set("mqtt.mode", "embedded");
    site.gateway.set("mqtt.sources_listen", "");
    check(&site, &good, 78, &["has no address", "set `sources_listen`"]);
    site.gateway.set("mqtt.sources_listen", "1884");
    check(&site, &good, 78, &["expected an address with port, got `1884`"]);
    let terminals = site.gateway.listeners()[3].1.to_string();
    site.gateway.set("mqtt.sources_listen", &terminals);
    check(&site, &good, 78, &["is the same as `mqtt.listen`"]);
}
