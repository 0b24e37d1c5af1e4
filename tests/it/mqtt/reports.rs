//! Reports on their way through a real broker: none is lost before the gateway has it.

use super::{Mosquitto, OWN, config, topic, up};
use crate::wire::{Login, PATIENCE, Wire, is_silent, next_input};
use mingluo::deliver::{LinkInput, Mqtt, MqttConfig, Noticed, Publish, link_inputs};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc;

const ANYONE: &str = "allow_anonymous true\nmax_queued_messages 20000\nmax_inflight_messages 1000";

async fn terminal(mosquitto: &Mosquitto, name: &str) -> Wire {
    Wire::connect(mosquitto.address, &Login::anonymous(name)).await.expect("anyone may come in")
}

async fn payload(inputs: &mut mpsc::Receiver<LinkInput>) -> Vec<u8> {
    let next = next_input(inputs).await;
    let LinkInput::Message { payload, .. } = next else {
        panic!("expected a report, got {next:?}")
    };
    payload
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_did_not_take_comes_again() {
    let Some(mosquitto) = Mosquitto::start("again", ANYONE).await else { return };
    let config = config(mosquitto.address);
    // The gateway takes `Up` and one report, and has no room for the other nineteen.
    let (sender, mut inputs) = mpsc::channel(1);
    let link = Mqtt::start(&config, sender).unwrap();
    assert_eq!(next_input(&mut inputs).await, LinkInput::Up);
    let mut own = terminal(&mosquitto, OWN).await;
    for n in 0..20_u8 {
        assert!(own.publish(&topic("acknowledgement"), &[n], false).await);
    }
    assert_eq!(payload(&mut inputs).await, [0]);
    link.close().await;
    drop((link, inputs));
    let (sender, mut inputs) = link_inputs();
    let _link = Mqtt::start(&config, sender).unwrap();
    let mut again = BTreeSet::new();
    while !(2..20).all(|n| again.contains(&n)) {
        // `Up` comes when the broker has answered everything; what it kept may come before.
        if let LinkInput::Message { payload, .. } = next_input(&mut inputs).await {
            again.insert(payload[0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_slow_misses_nothing() {
    let Some(mosquitto) = Mosquitto::start("slow", ANYONE).await else { return };
    let (sender, mut inputs) = mpsc::channel(1);
    let link = Mqtt::start(&config(mosquitto.address), sender).unwrap();
    assert_eq!(next_input(&mut inputs).await, LinkInput::Up);
    let mut own = terminal(&mosquitto, OWN).await;
    let n_reports = 6_000_u32;
    for n in 0..n_reports {
        assert!(own.publish(&topic("acknowledgement"), &n.to_be_bytes(), false).await);
    }
    let mut got = BTreeSet::new();
    while got.len() < usize::try_from(n_reports).unwrap() {
        got.insert(payload(&mut inputs).await);
    }
    assert_eq!(link.facts().count(Noticed::ConnectFailed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_orders_and_reports_at_once_do_not_stop_each_other() {
    let Some(mosquitto) = Mosquitto::start("both-ways", ANYONE).await else { return };
    let (link, mut inputs) = up(&config(mosquitto.address)).await;
    let n_each = 6_000_u32;
    let link = Arc::new(link);
    let sending = Arc::clone(&link);
    let orders = tokio::spawn(async move {
        for n in 0..n_each {
            let payload = Arc::from(n.to_be_bytes().as_slice());
            let publish = Publish { topic: topic("order"), payload, expires_at: None };
            sending.publish(publish).await.unwrap();
        }
    });
    let mut reporting = Vec::new();
    for part in 0..4_u32 {
        let mut own = terminal(&mosquitto, &format!("part-{part}")).await;
        reporting.push(tokio::spawn(async move {
            for n in part * n_each / 4..(part + 1) * n_each / 4 {
                assert!(own.publish(&topic("acknowledgement"), &n.to_be_bytes(), false).await);
            }
        }));
    }
    let mut got = BTreeSet::new();
    while got.len() < usize::try_from(n_each).unwrap() {
        got.insert(payload(&mut inputs).await);
    }
    tokio::time::timeout(PATIENCE * 3, orders).await.expect("all orders went out").unwrap();
    for part in reporting {
        part.await.unwrap();
    }
    assert_eq!(link.facts().count(Noticed::ConnectFailed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_report_of_now_is_left_out_and_the_link_stays() {
    let Some(mosquitto) = Mosquitto::start("odd", ANYONE).await else { return };
    let mut own = terminal(&mosquitto, OWN).await;
    assert!(own.publish(&topic("status"), b"kept by the broker", true).await);
    let (link, mut inputs) = up(&config(mosquitto.address)).await;
    assert!(is_silent(&mut inputs).await, "an old status is no status");
    // Longer than a frame but short enough for a packet; then longer than any packet.
    assert!(own.publish(&topic("acknowledgement"), &[7; 1_025], false).await);
    assert!(own.publish(&topic("acknowledgement"), &vec![7; 100_000], false).await);
    assert!(own.publish(&topic("acknowledgement"), b"good", false).await);
    assert_eq!(payload(&mut inputs).await, b"good");
    assert!(is_silent(&mut inputs).await);
    assert_eq!(link.facts().count(Noticed::PayloadTooLong), 1);
    assert_eq!(link.facts().count(Noticed::ConnectFailed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_under_one_name_do_not_fight_at_full_speed() {
    let Some(mosquitto) = Mosquitto::start("twins", ANYONE).await else { return };
    let config = MqttConfig { queue_wanted: 0, ..config(mosquitto.address) };
    let (one, _inputs_one) = up(&config).await;
    let (two, _inputs_two) = up(&config).await;
    tokio::time::sleep(PATIENCE).await;
    let n = one.facts().count(Noticed::ConnectFailed) + two.facts().count(Noticed::ConnectFailed);
    assert!((1..=12).contains(&n), "{n} breaks in {PATIENCE:?}");
}
