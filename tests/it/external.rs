//! The gateway on somebody else's broker: a real mosquitto, killed in mid-broadcast.

use crate::mqtt::Mosquitto;
use crate::process::{Gateway, wait_until};
use mingluo::simulate::Misbehaviour;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

#[test]
fn a_broadcast_survives_the_death_of_an_external_broker() {
    let Some(mut gateway) = Gateway::start_on_mosquitto("mosquitto") else {
        let _closed = writeln!(std::io::stderr(), "SKIPPED: mosquitto is not installed");
        return;
    };
    let fleet = gateway.fleet(Misbehaviour::default());
    let n_online = u64::try_from(fleet.n_connecting).unwrap();
    let up = || fleet.stats.connected.load(std::sync::atomic::Ordering::Relaxed);
    wait_until(60, || up() >= n_online, "all terminals connect");
    let answer = gateway.post_alert("Red");
    let id: u64 = answer["broadcasts"][0].as_str().unwrap().parse().unwrap();
    gateway.sleep_ms(4_000);
    gateway.restart_mosquitto();
    let count = |name: &str| {
        gateway.get(&format!("/broadcasts/{id}"))["counts"][name].as_u64().unwrap_or(0)
    };
    wait_until(180, || count("played") == n_online, "every terminal played");
    let repeats = gateway.get(&format!("/broadcasts/{id}"))["repeats"].as_u64().unwrap();
    let tally = fleet.stats.tally_of(id);
    for (terminal, plays) in &tally.sounded {
        assert_eq!(u64::from(*plays), repeats, "{terminal}");
    }
    gateway.stop();
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0);
}

/// `mingluo check --broker` against that address: exit code and all it prints.
fn check(broker: SocketAddr) -> (i32, String) {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/dev");
    let done = Command::new(env!("CARGO_BIN_EXE_mingluo"))
        .args(["check", "--broker", "--config"])
        .arg(configs)
        .env("MINGLUO__MQTT__MODE", "external")
        .env("MINGLUO__MQTT__URL", format!("mqtt://{broker}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    (done.status.code().unwrap(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_the_limits_of_the_broker_that_are_too_low() {
    let low = "allow_anonymous true\nmax_queued_messages 50";
    let Some(mut mosquitto) = Mosquitto::start("check", low).await else { return };
    let (code, text) = check(mosquitto.address);
    assert_eq!(code, 0, "{text}");
    for option in ["max_queued_messages", "max_inflight_messages"] {
        assert!(text.contains(option), "{option}: {text}");
    }
    mosquitto.kill();
    let (code, text) = check(mosquitto.address);
    assert_eq!(code, 69, "{text}");
    assert!(text.contains("mqtt.url"), "{text}");
}
