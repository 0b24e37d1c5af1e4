//! Sources that publish to the embedded broker: real publishers, each with the key its county made for it.

mod again;
mod flood;
mod refused;

use crate::feeds::cap;
use crate::process::{Gateway, free, wait_until};
use crate::wire::{Login, Wire};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

const COUNTY: &str = "430621000000";
const STATIONS: &str = "id,name,kind,area,warns,latitude,longitude,silent_after_min,thresholds
61234567,示例河道站,河道,430621100000,,,,90,警戒 橙 水位>=34.0; 保证 红 水位>=35.0
";

/// A row of `sources.toml`.
fn row(name: &str, key: &str, trust: &str) -> String {
    format!(
        "[[sources]]\nname = \"{name}\"\nkind = \"mqtt\"\nbroker = \"embedded\"\napi_key = \"{key}\"\n\
         trust = \"{trust}\"\nareas = [\"{COUNTY}\"]\n"
    )
}

/// A gateway with two sources that may publish to it.
struct Site {
    gateway: Gateway,
    at: SocketAddr,
    geology: String,
    weather: String,
}

impl Site {
    /// Not started.
    fn prepare(name: &str) -> Self {
        let mut gateway = Gateway::prepare(name);
        let at = free();
        gateway.set("mqtt.sources_listen", &at.to_string());
        gateway.set("stations.enabled", "true");
        std::fs::write(gateway.configs().join("stations.csv"), STATIONS).unwrap();
        let key = |name: &str| {
            let (code, out) = gateway.cli(&["keys", "create", "--name", name, "--role", "source"]);
            assert_eq!(code, 0, "{out}");
            out.trim().to_owned()
        };
        let (geology, weather) = (key("geology"), key("weather"));
        let rows = row("地质监测", "geology", "full") + &row("省气象局", "weather", "person");
        std::fs::write(gateway.configs().join("sources.toml"), rows).unwrap();
        Self { gateway, at, geology, weather }
    }

    fn start(name: &str) -> Self {
        let mut site = Self::prepare(name);
        site.gateway.restart();
        site
    }

    fn login(&self, name: &str) -> Login {
        let key = if name == "weather" { &self.weather } else { &self.geology };
        Login::of(name, key)
    }

    fn connect(&self, login: &Login) -> Wire {
        let wire = self.gateway.wait_for(Wire::connect(self.at, login));
        wire.unwrap_or_else(|code| panic!("{} is let in, got {code:?}", login.client))
    }

    fn geology(&self) -> Wire {
        self.connect(&self.login("geology"))
    }

    /// Publishes with QoS 1; whether it was acknowledged.
    fn publish(&self, wire: &mut Wire, topic: &str, payload: &[u8]) -> bool {
        self.gateway.wait_for(wire.publish(topic, payload, false))
    }

    /// A source, as programs see it.
    fn source(&self, name: &str) -> Value {
        let all = self.gateway.get("/sources");
        let all = all["sources"].as_array().unwrap().clone();
        all.into_iter().find(|source| source["name"] == name).unwrap()
    }

    /// What hinders a source.
    fn why(&self, name: &str) -> String {
        self.source(name)["why"].as_str().unwrap().to_owned()
    }

    fn alerts(&self) -> Vec<Value> {
        self.gateway.get("/alerts?limit=200")["alerts"].as_array().unwrap().clone()
    }

    /// How many rows of this kind the record holds.
    fn n_rows(&self, kind: &str) -> usize {
        let (mut from, mut n) = (1, 0);
        loop {
            let page = self.gateway.get(&format!("/record?from={from}&limit=1000"));
            let rows = page["rows"].as_array().unwrap();
            n += rows.iter().filter(|row| row["kind"] == kind).count();
            match page["next_from"].as_u64() {
                Some(next) => from = next,
                None => return n,
            }
        }
    }
}

fn yellow(identifier: &str) -> String {
    cap(identifier, "11B03", "Moderate", COUNTY)
}

fn stage(value: f64) -> String {
    let now = jiff::Timestamp::now().to_string();
    json!({"readings": [{ "station": "61234567", "quantity": "stage", "value": value, "observed_at": now }]})
        .to_string()
}

#[test]
fn an_acknowledged_alert_is_on_record_and_bound_by_the_row_of_its_source() {
    let site = Site::start("publish-alerts");
    let (mut geology, mut weather) = (site.geology(), site.connect(&site.login("weather")));
    let red = |identifier: &str| cap(identifier, "11B03", "Extreme", COUNTY);
    assert!(site.publish(&mut geology, "sources/geology/alerts", red("red-1").as_bytes()));
    // No waiting: what is acknowledged is on record, and red goes out by itself.
    let told = site.alerts();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["disposition"], &told[0]["level"]), (&json!("planned"), &json!("red")));
    assert!(site.publish(&mut weather, "sources/weather/alerts", red("red-2").as_bytes()));
    // The same key over HTTP is bound by the same row.
    let (status, answer) = site.gateway.post("/alerts", &site.weather, red("red-3"));
    assert_eq!(status, 202, "{answer}");
    for alert in site.alerts().iter().filter(|alert| alert["id"]["identifier"] != "red-1") {
        assert_eq!(alert["disposition"], "awaiting_approval", "{alert}");
        assert!(alert["reasons"].to_string().contains("source_not_trusted"), "{alert}");
    }
    let view = site.source("省气象局");
    assert_eq!(
        (&view["kind"], &view["from"]),
        (&json!("mqtt_embedded"), &json!("sources/weather/…"))
    );
    assert_eq!((&view["n_alerts"], &view["n_rejected"]), (&json!(2), &json!(0)), "{view}");
    // What can't be read is acknowledged too: it is on record, with its bytes.
    assert!(site.publish(&mut geology, "sources/geology/alerts", b"no alert at all"));
    assert_eq!(site.source("地质监测")["n_rejected"], 1);
    assert_eq!(site.n_rows("alert_rejected"), 1);
    // A sign of life is heard and is no alert.
    assert!(site.publish(&mut geology, "sources/geology/alerts", b"{\"type\":\"heartbeat\"}"));
    assert_eq!((site.n_rows("alert_rejected"), site.n_rows("alert_accepted")), (1, 3));
}

#[test]
fn readings_of_a_sensor_warn_like_those_over_http() {
    let site = Site::start("publish-readings");
    let mut geology = site.geology();
    let topic = "sources/geology/readings";
    assert!(site.publish(&mut geology, topic, stage(33.5).as_bytes()));
    assert_eq!(site.alerts().len(), 0, "below every threshold");
    assert!(site.publish(&mut geology, topic, stage(35.12).as_bytes()));
    let told = site.alerts();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["headline"], "示例河道站水位超过保证水位，洪水红色预警");
    assert_eq!(told[0]["disposition"], "planned");
    // A station that nobody knows is told, readings that can't be read are on record.
    let unknown = stage(1.0).replace("61234567", "69999999");
    assert!(site.publish(&mut geology, topic, unknown.as_bytes()));
    assert!(site.why("地质监测").contains("station 69999999"), "{}", site.why("地质监测"));
    assert!(site.publish(&mut geology, topic, b"{\"readings\": 7}"));
    assert_eq!((site.n_rows("alert_rejected"), site.alerts().len()), (1, 1));
}

#[test]
fn a_payload_that_is_too_long_is_on_record_and_a_packet_beyond_that_ends_the_session() {
    let mut site = Site::prepare("publish-long");
    site.gateway.set("ingest.bytes_max", "4096");
    site.gateway.restart();
    let mut geology = site.geology();
    for topic in ["sources/geology/alerts", "sources/geology/readings"] {
        assert!(site.publish(&mut geology, topic, &[b'x'; 5_000]), "{topic}");
    }
    let told = site.gateway.get("/rejections?limit=10").to_string();
    assert_eq!(told.matches("expected at most 4096 bytes").count(), 2, "{told}");
    assert!(!site.publish(&mut geology, "sources/geology/alerts", &vec![b'x'; 100_000]));
    let told = || site.why("地质监测").contains("its session was ended");
    wait_until(20, told, "people are told why");
    assert_eq!(site.n_rows("alert_rejected"), 2);
}

/// Publishers of other makers, by both versions of the protocol.
#[test]
#[expect(clippy::print_stdout, reason = "people must see that it was left out")]
fn publishers_of_other_makers_are_understood() {
    let site = Site::start("publish-makers");
    let (host, port, key) = (site.at.ip().to_string(), site.at.port(), site.geology.clone());
    let topic = "sources/geology/alerts";
    let (at, password) = (host.clone(), key.clone());
    let answered = site.gateway.wait_for(async move {
        use rumqttc::v5::mqttbytes::{QoS, v5::Packet};
        use rumqttc::v5::{AsyncClient, Event, MqttOptions};
        let mut options = MqttOptions::new("geology/v5", at, port);
        options.set_credentials("geology", password).set_keep_alive(Duration::from_secs(30));
        let (client, mut events) = AsyncClient::new(options, 10);
        // To be kept for later, which nobody does: it is an alert like any other.
        client.publish(topic, QoS::AtLeastOnce, true, yellow("v5")).await.unwrap();
        loop {
            if let Event::Incoming(Packet::PubAck(ack)) = events.poll().await.unwrap() {
                return format!("{:?}", ack.reason);
            }
        }
    });
    assert_eq!(answered, "Success");
    let (at, password) = (host.clone(), key.clone());
    site.gateway.wait_for(async move {
        use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
        let mut options = MqttOptions::new("geology/v4", at, port);
        options.set_credentials("geology", password).set_keep_alive(Duration::from_secs(30));
        let (client, mut events) = AsyncClient::new(options, 10);
        client.publish(topic, QoS::ExactlyOnce, false, yellow("v4")).await.unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Incoming::PubComp(_))) {}
    });
    assert_eq!(site.alerts().len(), 2);
    let send = |key: &str, more: &[&str], words: &str| {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", &host, "-p", &port.to_string(), "-u", "geology", "-P", key]);
        command.args(["-i", "geology/mosquitto", "-m", words]).args(more);
        let done = command.output().ok()?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        Some((done.status.success(), said))
    };
    let Some((good, said)) = send(&key, &["-t", topic, "-q", "1"], &yellow("mosquitto-1")) else {
        println!("SKIPPED: no mosquitto_pub");
        return;
    };
    assert!(good, "{said}");
    for (version, qos) in [("mqttv5", "2"), ("mqttv311", "2"), ("mqttv311", "0")] {
        let more = ["-V", version, "-q", qos, "-t", "sources/geology/readings"];
        let (good, said) = send(&key, &more, &stage(35.3)).unwrap();
        assert!(good, "{version} {qos}: {said}");
    }
    wait_until(20, || site.alerts().len() == 4, "the river's alert is there, and mosquitto's");
    let (good, said) = send("mlk_wrong", &["-t", topic, "-V", "mqttv5"], "x").unwrap();
    assert!(!good && !said.is_empty(), "{said}");
    site.gateway.sleep_ms(500);
    assert_eq!(site.alerts().len(), 4, "nothing else came");
}
