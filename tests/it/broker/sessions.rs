//! Sessions of terminals: taken over, slow, away, late.

use super::{NEIGHBOUR, OWN, Site, in_s, topic};
use crate::wire::{Login, PATIENCE, SILENCE, Wire, is_silent};
use mingluo::deliver::Noticed;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_connects_again_stays_online() {
    for clean in [true, false] {
        let mut site = Site::start().await;
        let broker = site.broker.local_addr();
        let login = Login { clean, ..site.login(OWN) };
        let mut old = Wire::connect(broker, &login).await.unwrap();
        site.expect_connected(OWN).await;
        let mut new = Wire::connect(broker, &login).await.unwrap();
        site.expect_connected(OWN).await;
        assert!(old.is_ended().await, "one session for one terminal");
        assert!(is_silent(&mut site.inputs).await, "the old session's end is no end");
        assert_eq!(site.count(Noticed::SessionTakeover), 1);
        new.subscribe(&topic(OWN, "order")).await.unwrap();
        assert!(site.order(&topic(OWN, "order"), b"play", in_s(60)).await);
        assert_eq!(new.next(PATIENCE).await.unwrap().1, b"play", "clean: {clean}");
        drop(new);
        site.expect_disconnected(OWN).await;
        assert!(is_silent(&mut site.inputs).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_takes_nothing_loses_orders_visibly_and_alone() {
    let mut site = Site::start().await;
    let mut stuck = site.terminal(OWN).await;
    let mut good = site.terminal(NEIGHBOUR).await;
    let area = "m/v1/area/430621100001/order";
    stuck.subscribe(area).await.unwrap();
    good.subscribe(area).await.unwrap();
    // 16 in flight, 256 in its queue: the others are dropped, the oldest first.
    let n_orders = 400_u32;
    for n in 0..n_orders {
        assert!(site.order(area, &n.to_be_bytes(), in_s(60)).await);
        let (_, payload) = good.next(PATIENCE).await.expect("the neighbour gets every order");
        assert_eq!(payload, n.to_be_bytes());
    }
    site.noticed(Noticed::OrderDropped, 128).await;
    assert_eq!(site.count(Noticed::OrderDropped), 128);
    let mut last = 0;
    let mut n_got = 0;
    while let Some((_, payload)) = stuck.next(SILENCE * 4).await {
        last = u32::from_be_bytes(payload.try_into().unwrap());
        n_got += 1;
    }
    assert_eq!((n_got, last), (272, n_orders - 1), "the newest got through");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expired_is_neither_sent_nor_kept() {
    let mut site = Site::start().await;
    let mut own = site.terminal(OWN).await;
    own.subscribe(&topic(OWN, "order")).await.unwrap();
    assert!(!site.order(&topic(OWN, "order"), b"over", in_s(0)).await);
    assert!(!site.order(&topic(OWN, "order"), b"long over", in_s(-3_600)).await);
    assert_eq!(own.next(SILENCE).await, None);
    // Fill its window, so that the next orders wait in the broker beyond their time.
    for n in 0..16_u8 {
        assert!(site.order(&topic(OWN, "order"), &[n], in_s(60)).await);
    }
    assert!(site.order(&topic(OWN, "order"), b"brief", in_s(1)).await);
    assert!(site.order(&topic(OWN, "order"), b"valid", in_s(60)).await);
    tokio::time::sleep(SILENCE * 2).await;
    let mut got = Vec::new();
    while let Some((_, payload)) = own.next(SILENCE * 4).await {
        got.push(payload);
    }
    assert_eq!(got.len(), 17, "{got:?}");
    assert_eq!(got.last().unwrap(), b"valid");
    assert_eq!(site.count(Noticed::OrderExpired), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_waits_in_the_broker_for_a_terminal_that_is_away() {
    let mut site = Site::start().await;
    let broker = site.broker.local_addr();
    let login = Login { clean: false, ..site.login(OWN) };
    let mut own = Wire::connect(broker, &login).await.unwrap();
    site.expect_connected(OWN).await;
    own.subscribe(&topic(OWN, "order")).await.unwrap();
    own.leave().await;
    site.expect_disconnected(OWN).await;
    tokio::time::sleep(SILENCE).await;
    // The play is cancelled before it comes back: it must not hear it first.
    assert!(site.order(&topic(OWN, "order"), b"play", in_s(60)).await);
    let mut own = Wire::connect(broker, &login).await.unwrap();
    site.expect_connected(OWN).await;
    assert!(!own.session_present);
    own.subscribe(&topic(OWN, "order")).await.unwrap();
    assert_eq!(own.next(SILENCE).await, None);
    assert!(site.order(&topic(OWN, "order"), b"cancel", in_s(60)).await);
    assert_eq!(own.next(PATIENCE).await.unwrap().1, b"cancel");
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_5_gives_no_longer_memory_either() {
    let mut site = Site::start().await;
    let (broker, login) = (site.broker.local_addr(), site.login(OWN));
    let mut options = MqttOptions::new(OWN, "127.0.0.1", broker.port());
    options.set_clean_start(false);
    options.set_session_expiry_interval(Some(u32::MAX));
    options.set_credentials(OWN, login.user.unwrap().1);
    let (client, mut events) = AsyncClient::new(options, 8);
    client.subscribe(topic(OWN, "order"), QoS::AtLeastOnce).await.unwrap();
    while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
    site.expect_connected(OWN).await;
    drop((client, events));
    site.expect_disconnected(OWN).await;
    // The library says goodbye to an MQTT 5 session with half a second of delay.
    tokio::time::sleep(SILENCE * 2).await;
    assert!(site.order(&topic(OWN, "order"), b"play", in_s(60)).await);
    let login = Login { clean: false, ..site.login(OWN) };
    let mut own = Wire::connect(broker, &login).await.unwrap();
    assert!(!own.session_present);
    assert_eq!(own.next(SILENCE).await, None);
}
