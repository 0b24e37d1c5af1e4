//! Connections that break, are refused, or end on purpose.

use super::{Mosquitto, OWN, config, topic, up};
use crate::wire::{Login, PATIENCE, SILENCE, Wire, is_silent, next_input};
use mingluo::deliver::{LinkFault, LinkInput, Mqtt, MqttConfig, Noticed, Publish, link_inputs};
use mingluo::model::UtcMs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ANYONE: &str = "allow_anonymous true";

fn order(expires_in_s: i64) -> Publish {
    let expires_at = Some(mingluo::clock::now_utc().plus_s(expires_in_s));
    Publish { topic: topic("order"), payload: Arc::from(b"play".as_slice()), expires_at }
}

/// A broker that reads one packet of each connection, answers `answer`, and counts.
async fn broker_that_says(answer: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let n_connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let _n = stream.read(&mut [0; 1024]).await;
            let _n = stream.write_all(answer).await;
        }
    });
    (address, n_connections)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_back_listens_again_and_brings_no_order_of_the_past() {
    let Some(mut mosquitto) = Mosquitto::start("back", ANYONE).await else { return };
    let (link, mut inputs) = up(&config(mosquitto.address)).await;
    for round in 0..2 {
        mosquitto.kill();
        assert!(matches!(next_input(&mut inputs).await, LinkInput::Down { .. }));
        let refused = link.publish(order(60)).await;
        assert!(matches!(refused, Err(LinkFault::Down(_))), "{refused:?}");
        mosquitto.restart().await;
        let mut terminal =
            Wire::connect(mosquitto.address, &Login::anonymous(OWN)).await.expect("anyone");
        terminal.subscribe(&topic("order")).await.unwrap();
        assert_eq!(next_input(&mut inputs).await, LinkInput::Up, "round {round}");
        assert_eq!(terminal.next(SILENCE).await, None, "an order from before");
        assert!(terminal.publish(&topic("status"), b"here", false).await);
        let LinkInput::Message { payload, from: None, .. } = next_input(&mut inputs).await else {
            panic!("expected the report");
        };
        assert_eq!(payload, b"here");
        link.publish(order(60)).await.unwrap();
        assert_eq!(terminal.next(PATIENCE).await.unwrap().1, b"play");
    }
    assert!(link.facts().count(Noticed::ConnectFailed) >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_told_once_and_not_hammered() {
    // CONNACK of MQTT 5 with 0x86, bad user name or password.
    let (address, n_connections) = broker_that_says(&[0x20, 3, 0, 0x86, 0]).await;
    let (sender, mut inputs) = link_inputs();
    let login = Some(("gateway".to_owned(), "old password".to_owned()));
    let link = Mqtt::start(&MqttConfig { login, ..config(address) }, sender).unwrap();
    let LinkInput::Down { why } = next_input(&mut inputs).await else { panic!("expected Down") };
    assert!(why.contains("mqtt.user") && why.contains("mqtt.password_file"), "{why}");
    tokio::time::sleep(SILENCE * 5).await;
    assert_eq!(n_connections.load(Ordering::Relaxed), 1, "only a person can change that");
    assert!(is_silent(&mut inputs).await);
    link.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_hangs_up_is_tried_ever_more_slowly() {
    let (address, n_connections) = broker_that_says(&[]).await;
    let (sender, mut inputs) = link_inputs();
    let link = Mqtt::start(&config(address), sender).unwrap();
    assert!(matches!(next_input(&mut inputs).await, LinkInput::Down { .. }));
    tokio::time::sleep(SILENCE * 5).await;
    // At least half of 1 s and half of 2 s lie between the first three tries.
    let n = n_connections.load(Ordering::Relaxed);
    assert!((2..=4).contains(&n), "{n} tries");
    link.close().await;
    let n = n_connections.load(Ordering::Relaxed);
    tokio::time::sleep(SILENCE * 4).await;
    assert_eq!(n_connections.load(Ordering::Relaxed), n, "a closed link tries no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_speaks_nonsense_never_ends_the_link() {
    for answer in [&[0x20, 3, 0, 0xfe, 0][..], &[0xff; 64], &[0x20, 0x7f, 0, 0, 0x90]] {
        let (address, n_connections) = broker_that_says(answer).await;
        let (sender, mut inputs) = link_inputs();
        let link = Mqtt::start(&config(address), sender).unwrap();
        assert!(matches!(next_input(&mut inputs).await, LinkInput::Down { .. }), "{answer:?}");
        tokio::time::sleep(SILENCE * 3).await;
        assert!(n_connections.load(Ordering::Relaxed) >= 2, "{answer:?}: it tries again");
        link.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expired_is_not_sent_and_what_is_too_long_is_told() {
    let limit = format!("{ANYONE}\nmax_packet_size 600");
    let Some(mosquitto) = Mosquitto::start("expired", &limit).await else { return };
    let mut terminal =
        Wire::connect(mosquitto.address, &Login::anonymous(OWN)).await.expect("anyone");
    terminal.subscribe(&topic("order")).await.unwrap();
    let (link, _inputs) = up(&config(mosquitto.address)).await;
    assert_eq!(link.publish(order(0)).await, Err(LinkFault::Expired));
    let long = Publish { payload: Arc::from([7; 900].as_slice()), ..order(60) };
    let refused = link.publish(long).await;
    assert!(matches!(refused, Err(LinkFault::TooLong { bytes_max: 600, .. })), "{refused:?}");
    assert_eq!(terminal.next(SILENCE).await, None);
    let endless = Publish { expires_at: None, ..order(0) };
    link.publish(endless).await.unwrap();
    assert_eq!(terminal.next(PATIENCE).await.unwrap().1, b"play", "the link lives on");
    let far = Publish { expires_at: Some(UtcMs(i64::MAX)), ..order(0) };
    link.publish(far).await.unwrap();
    assert!(terminal.next(PATIENCE).await.is_some());
    link.close().await;
    let refused = link.publish(order(60)).await;
    assert!(matches!(refused, Err(LinkFault::Down(_))), "{refused:?}");
}
