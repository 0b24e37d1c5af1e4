//! The gateway on somebody else's broker: a real mosquitto, killed in mid-broadcast.

use crate::process::{Gateway, wait_until};
use mingluo::simulate::Misbehaviour;
use std::io::Write as _;

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
