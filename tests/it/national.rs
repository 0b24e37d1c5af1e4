//! Terminals of the national protocol over real sockets: alert, broadcast, sound, acknowledgements,
//! record; terminals that fail in every way; three thousand at once.
#![expect(clippy::print_stdout, reason = "a test shows its figures")]

mod console;
mod over;
mod scale;
mod silent;
mod site;
mod strangers;

use crate::process::{Gateway, alert, free, wait_until};
use mingluo::config::Config;
use mingluo::model::NationalCode;
use mingluo::secrets::read_sm2_key;
use mingluo::simulate::{NationalFaults, NationalFleet, NationalFleetConfig};
use mingluo_bridge::frame::Sm2Verifier;
use mingluo_bridge::gateway_key::GatewayKey;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

/// Our own code.
pub(crate) const PLATFORM: &str = "44306210000000101010101";
/// Sound runs this many times faster.
const TIME_SCALE: u32 = 20;

/// A gateway whose terminals are all national.
struct County {
    gateway: Gateway,
    listen: SocketAddr,
    codes: Vec<(String, NationalCode)>,
    verifier: Sm2Verifier,
}

/// The code of terminal `n` of an area.
pub(crate) fn code(area: &str, n: usize) -> NationalCode {
    NationalCode::parse(&format!("6{area}0314{n:02}0401")).unwrap()
}

impl County {
    fn start(name: &str) -> Self {
        let mut gateway = Gateway::prepare(name);
        let listen = free();
        assert_eq!(gateway.cli(&["keys", "init", "--sm2"]).0, 0);
        let registry = gateway.configs().join("terminals.csv");
        let text = std::fs::read_to_string(&registry).unwrap();
        let mut rows = vec!["id,name,area,codecs,links,volume_percent,national".to_owned()];
        let mut codes = Vec::new();
        for row in text.lines().filter(|row| row.starts_with("4306")) {
            let cells: Vec<&str> = row.split(',').collect();
            let code = code(cells[2], cells[0][13..].parse().unwrap());
            rows.push(format!("{},{},{},mp3,national,80,{code}", cells[0], cells[1], cells[2]));
            codes.push((cells[0].to_owned(), code));
        }
        std::fs::write(&registry, rows.join("\n")).unwrap();
        let settings = gateway.configs().join("gateway.toml");
        let toml = std::fs::read_to_string(&settings).unwrap();
        let ours = format!(
            "\n[national]\nlisten = \"{listen}\"\nplatform = \"{PLATFORM}\"\nsign = true\n\
             certificate = \"0A0B0C0D0E0F\"\n"
        );
        std::fs::write(&settings, toml + &ours).unwrap();
        let key_file = gateway.loaded().config.keys.sm2_key_file;
        let GatewayKey::Sm2 { x, y } = read_sm2_key(&key_file).unwrap().public() else {
            panic!("it is an SM2 key")
        };
        let verifier = Sm2Verifier::new(0, &x, &y).unwrap();
        gateway.restart();
        Self { gateway, listen, codes, verifier }
    }

    /// Terminals from place to place, with these faults.
    fn fleet(&self, places: std::ops::Range<usize>, faults: NationalFaults) -> NationalFleet {
        let codes: Vec<NationalCode> = self.codes[places].iter().map(|(_, code)| *code).collect();
        let config = NationalFleetConfig {
            gateway: self.listen,
            time_scale: TIME_SCALE,
            verifier: Some(self.verifier.clone()),
            faults,
        };
        let fleet = self.gateway.wait_for(async { NationalFleet::start(&config, &codes) });
        wait_until(30, || fleet.stats.connected.load(Ordering::Relaxed) > 0, "a connection");
        fleet
    }

    /// A red alert that is valid for so long; gives its broadcast.
    fn warn(&self, name: &str, valid_s: i64) -> String {
        let text = alert(name, "Red", "Alert", "");
        let until = mingluo::clock::now_utc().plus_s(valid_s + 8 * 3_600);
        let until = jiff::Timestamp::from_millisecond(until.0).unwrap();
        let until = until.strftime("%Y-%m-%d %H:%M:%S+08:00").to_string();
        let (head, rest) = text.split_once("<expires>").unwrap();
        let (_, tail) = rest.split_once("</expires>").unwrap();
        let text = format!("{head}<expires>{until}</expires>{tail}");
        let (status, answer) = self.gateway.post("/alerts", &self.gateway.source(), text);
        assert_eq!(status, 202, "{answer}");
        answer["broadcasts"][0].as_str().expect("red goes out by itself").to_owned()
    }

    fn counts(&self, broadcast: &str) -> Value {
        self.gateway.get(&format!("/broadcasts/{broadcast}"))["counts"].clone()
    }

    fn wait_counts(&self, s_max: u64, broadcast: &str, expect: &[(&str, usize)]) {
        let met = || {
            let counts = self.counts(broadcast);
            let same = |(name, n): &(&str, usize)| counts[*name].as_u64() == Some(*n as u64);
            expect.iter().all(same)
        };
        wait_until(s_max, met, &format!("{expect:?}, there is {}", self.counts(broadcast)));
    }

    fn online(&self, n: usize) {
        let all = || {
            let answer = self.gateway.get("/terminals?limit=1000").to_string();
            answer.matches("\"online\":true").count()
                + answer.matches("\"presence\":\"online\"").count()
                >= n
        };
        wait_until(
            30,
            all,
            &format!("{n} terminals online: {}", self.gateway.get("/terminals?limit=2")),
        );
    }
}

#[test]
fn a_red_alert_is_played_acknowledged_and_on_record_and_every_failure_has_its_name() {
    let mut county = County::start("national");
    let n_all = county.codes.len();
    let n_good = n_all - 5;
    let one = NationalFaults::default();
    let good = county.fleet(0..n_good, one);
    let silent = county.fleet(n_good..n_good + 1, NationalFaults { silent_percent: 100, ..one });
    let error = NationalFaults { error_percent: 100, error_code: 34, ..one };
    let error = county.fleet(n_good + 1..n_good + 2, error);
    let drops = county.fleet(n_good + 2..n_good + 3, NationalFaults { drop_percent: 100, ..one });
    let again = NationalFaults { restart_percent: 100, ..one };
    let again = county.fleet(n_good + 3..n_good + 4, again);
    // The last one is away.
    county.online(n_all - 1);
    let broadcast = county.warn("national-1", 75);
    county.wait_counts(60, &broadcast, &[("played", n_good + 2), ("failed", 1)]);
    county.wait_counts(
        150,
        &broadcast,
        &[("played", n_good + 2), ("failed", 1), ("unreachable", 2)],
    );
    let sounds = |fleet: &NationalFleet| {
        let sounded = fleet.stats.sounded.lock().unwrap();
        sounded.values().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(sounds(&good), vec![1; n_good], "each sounded once");
    let hazards = good.stats.hazards.lock().unwrap().iter().copied().collect::<Vec<_>>();
    assert_eq!(hazards, [*b"11B03"], "the alert's own kind of hazard");
    assert!(sounds(&silent).is_empty() && sounds(&error).is_empty());
    assert_eq!(sounds(&drops), [1], "a lost connection plays nothing twice");
    assert_eq!(sounds(&again), [2], "who lost power begins anew");
    for fleet in [&good, &silent, &error, &drops, &again] {
        assert_eq!(fleet.stats.refused_signatures.load(Ordering::Relaxed), 0);
        assert_eq!(fleet.stats.late.load(Ordering::Relaxed), 0);
    }
    let said = county.gateway.get(&format!("/broadcasts/{broadcast}/acknowledgements?limit=1000"));
    let said = said.to_string();
    assert!(said.contains("34 system"), "the error code is told: {said}");
    county.gateway.stop_within(12);
    assert_eq!(county.gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn a_cancel_cuts_off_what_sounds_and_a_wrong_key_sounds_nothing() {
    let mut county = County::start("national-cancel");
    let slow = NationalFleetConfig {
        gateway: county.listen,
        time_scale: 1,
        verifier: Some(county.verifier.clone()),
        faults: NationalFaults::default(),
    };
    let codes: Vec<NationalCode> = county.codes.iter().map(|(_, code)| *code).collect();
    let (first, rest) = codes.split_at(4);
    let fleet = county.gateway.wait_for(async { NationalFleet::start(&slow, first) });
    // Another key than the gateway's.
    let other = mingluo_bridge::frame::Sm2Key::from_bytes(&[7; 32]).unwrap().public();
    let GatewayKey::Sm2 { x, y } = other else { panic!("it is an SM2 key") };
    let verifier = Sm2Verifier::new(0, &x, &y);
    let wary = NationalFleetConfig { verifier, ..slow };
    let wary = county.gateway.wait_for(async { NationalFleet::start(&wary, rest) });
    county.online(codes.len());
    let broadcast = county.warn("national-2", 3_600);
    county.wait_counts(60, &broadcast, &[("playing", 4), ("refused", rest.len())]);
    let path = format!("/broadcasts/{broadcast}/cancel");
    let (status, answer) =
        county.gateway.post(&path, &county.gateway.leader(), r#"{"reason":"误报"}"#.into());
    assert_eq!(status, 200, "{answer}");
    county.wait_counts(60, &broadcast, &[("cancelled", 4), ("refused", rest.len())]);
    assert_eq!(fleet.stats.cut.load(Ordering::Relaxed), 4);
    assert!(wary.stats.sounded.lock().unwrap().is_empty(), "no foreign order sounds");
    assert!(wary.stats.refused_signatures.load(Ordering::Relaxed) >= rest.len() as u64);
    county.gateway.stop_within(12);
    assert_eq!(county.gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn what_ignores_its_end_is_stopped_and_nothing_starts_after_it() {
    let mut county = County::start("national-over");
    let endless = NationalFleetConfig {
        gateway: county.listen,
        time_scale: 1,
        verifier: Some(county.verifier.clone()),
        faults: NationalFaults { endless_percent: 100, ..NationalFaults::default() },
    };
    let codes: Vec<NationalCode> = county.codes.iter().map(|(_, code)| *code).collect();
    let (first, rest) = codes.split_at(3);
    let fleet = county.gateway.wait_for(async { NationalFleet::start(&endless, first) });
    county.online(first.len());
    let broadcast = county.warn("national-3", 25);
    county.wait_counts(25, &broadcast, &[("playing", 3)]);
    county.wait_counts(60, &broadcast, &[("expired", 3)]);
    assert_eq!(fleet.stats.cut.load(Ordering::Relaxed), 3, "each was cut off by its stop");
    // Who comes now gets no start, nor who comes again.
    let late = county.gateway.wait_for(async { NationalFleet::start(&endless, rest) });
    drop(fleet);
    let again = county.gateway.wait_for(async { NationalFleet::start(&endless, first) });
    county.online(codes.len());
    county.wait_counts(90, &broadcast, &[("expired", 3), ("unreachable", rest.len())]);
    for fleet in [late, again] {
        assert_eq!(fleet.stats.orders.load(Ordering::Relaxed), 0);
    }
    county.gateway.stop_within(12);
    assert_eq!(county.gateway.cli(&["record", "verify"]).0, 0);
}

#[test]
fn every_fault_of_the_configuration_is_told() {
    let gateway = Gateway::prepare("national-config");
    let registry = gateway.configs().join("terminals.csv");
    let own = code("430621100001", 1);
    let rows = format!(
        "id,name,area,codecs,links,volume_percent,national\n\
         430621100001-001,甲,430621100001,mp3,national,80,{own}\n\
         430621100001-002,乙,430621100001,mp3,national,80,{own}\n\
         430621100001-003,丙,430621100001,mp3,national,80,\n\
         430621100001-004,丁,430621100001,opus,mqtt,80,{}\n\
         430621100001-005,戊,430621100001,opus,mqtt national,80,{}\n\
         430621100001-006,己,430621100001,mp3,mqtt,80,123\n",
        code("430621100001", 4),
        code("430621100001", 5)
    );
    std::fs::write(&registry, rows).unwrap();
    let check = |table: &str, expect: &[&str]| {
        let path = gateway.configs().join("gateway.toml");
        let toml = std::fs::read_to_string(&path).unwrap();
        let toml = toml.split("\n[national]").next().unwrap().to_owned();
        std::fs::write(&path, format!("{toml}\n[national]\n{table}")).unwrap();
        let Err(faults) = Config::load_with(&gateway.configs(), &Default::default()) else {
            panic!("{table}: it is faulty")
        };
        let text = faults.iter().map(|fault| format!("{fault}\n")).collect::<String>();
        for word in expect {
            assert!(text.contains(word), "`{word}` is not in {text}");
        }
    };
    let of_rows = [
        "430621100001-002 has the resource code of 430621100001-001",
        "430621100001-003 has the national link and no resource code",
        "430621100001-004 has a resource code and no national link",
        "430621100001-005 has the national link and no mp3",
        "terminals.csv:7: national: expected a resource code of 23 digits",
    ];
    check(&format!("listen = \"127.0.0.1:0\"\nplatform = \"{PLATFORM}\"\n"), &of_rows);
    check("", &["430621100001-001 has only the national link, which is off"]);
    check(
        "listen = \"x\"\nplatform = \"1\"\nheartbeat_s = 60\nsilent_s = 60\ncertificate = \"0\"\nsign = true\n",
        &[
            "an address with port",
            "our resource code of 23",
            "60 s are not more",
            "12 hexadecimal",
            "`sign` needs",
        ],
    );
}
