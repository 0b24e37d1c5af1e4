//! `kill -9` in mid-broadcast: the real daemon as a process, real terminals over real MQTT. No
//! accepted alert is lost, no terminal plays twice, the ledger proves itself.

use crate::process::{Gateway, wait_until};
use mingluo::simulate::Misbehaviour;
use std::sync::atomic::Ordering;

/// Kills the gateway `kill_after_ms` after the alert was accepted, starts it again, and waits for
/// the end of the broadcast.
fn check(name: &str, kill_after_ms: u64, odd: Misbehaviour) {
    let mut gateway = Gateway::start(name);
    let fleet = gateway.fleet(odd);
    let n_online = fleet.n_connecting;
    wait_until(
        60,
        || fleet.stats.connected.load(Ordering::Relaxed) >= u64::try_from(n_online).unwrap(),
        "all terminals connect",
    );
    let answer = gateway.post_alert("Red");
    let broadcast = answer["broadcasts"][0].as_str().expect("red goes out by itself").to_owned();
    gateway.sleep_ms(kill_after_ms);
    gateway.kill();
    gateway.restart();
    let id: u64 = broadcast.parse().unwrap();
    wait_until(
        150,
        || {
            let view = gateway.get(&format!("/broadcasts/{broadcast}"));
            let count = |name: &str| view["counts"][name].as_u64().unwrap_or(0);
            count("played") >= u64::try_from(n_online).unwrap()
        },
        "every terminal that is online played",
    );
    let tally = fleet.stats.tally_of(id);
    let view = gateway.get(&format!("/broadcasts/{broadcast}"));
    let repeats = u32::try_from(view["repeats"].as_u64().unwrap()).unwrap();
    for (terminal, plays) in &tally.sounded {
        assert_eq!(*plays, repeats, "{terminal} played {plays} times, {repeats} were ordered");
    }
    assert_eq!(tally.sounded.len(), n_online);
    gateway.stop();
    assert_eq!(gateway.cli(&["record", "verify"]).0, 0, "the ledger proves itself");
}

#[test]
fn killed_right_after_the_alert_was_accepted() {
    check("early", 0, Misbehaviour::default());
}

#[test]
fn killed_while_terminals_receive_with_a_tenth_offline_and_loss() {
    let odd =
        Misbehaviour { offline_percent: 10, loss_percent: 5, seed: 3, ..Misbehaviour::default() };
    check("receiving", 2_500, odd);
}

#[test]
fn killed_while_they_play() {
    check("playing", 4_500, Misbehaviour::default());
}
