//! What an external broker allows, found out at start; and TLS towards it.

use super::{Mosquitto, OWN, config, topic, up};
use crate::wire::{Folder, Login, Wire, certificate, next_input};
use mingluo::deliver::{
    LinkInput, Mqtt, MqttConfig, MqttError, MqttTls, QueueProbe, examine, link_inputs,
};
use std::path::PathBuf;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_drops_in_silence_is_found_out_at_start() {
    let check = async |name: &str, lines: &str, queue: QueueProbe, options: &[&str]| {
        let lines = format!("allow_anonymous true\n{lines}");
        let Some(mosquitto) = Mosquitto::start(name, &lines).await else { return };
        let config = MqttConfig { queue_wanted: 2_000, ..config(mosquitto.address) };
        let (link, _inputs) = up(&config).await;
        let facts = link.facts();
        let probed = || facts.limits().map(|limits| limits.queue).unwrap_or_default();
        for _ in 0..600 {
            if probed() != QueueProbe::NotRun {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(probed(), queue, "{name}");
        let warnings = facts.warnings();
        assert_eq!(warnings.len(), options.len(), "{name}: {warnings:?}");
        for (warning, option) in warnings.iter().zip(options) {
            assert!(warning.contains(option), "{name}: {warning}");
        }
    };
    // As installed: 1,000 waiting and the 10 that the probe lets be in flight.
    let drops = QueueProbe::Drops { sent: 2_000, arrived: 1_010 };
    check("as-installed", "", drops, &["max_inflight_messages", "max_queued_messages"]).await;
    let raised = "max_queued_messages 5000\nmax_inflight_messages 200";
    check("raised", raised, QueueProbe::Holds(2_000), &[]).await;
    let small = format!("{raised}\nmax_packet_size 500");
    check("small", &small, QueueProbe::Holds(2_000), &["max_packet_size"]).await;
    let zero = format!("{raised}\nmax_qos 0");
    let Some(mosquitto) = Mosquitto::start("qos-0", &format!("allow_anonymous true\n{zero}")).await
    else {
        return;
    };
    let (limits, _) = examine(&config(mosquitto.address)).await.unwrap();
    if let Some(limits) = limits.filter(|limits| limits.qos_max == 0) {
        assert!(limits.warnings().iter().any(|text| text.contains("max_qos")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_does_not_let_us_look_is_told() {
    let folder = Folder::new("mosquitto-acl");
    let list = folder.write("acl", "topic write m/v1/terminal/+/order\n");
    let lines = format!("allow_anonymous true\nacl_file {}", list.display());
    let Some(mosquitto) = Mosquitto::start_in(folder, &lines).await else { return };
    let (limits, queue) = examine(&config(mosquitto.address)).await.unwrap();
    let QueueProbe::Unknown(why) = queue else { panic!("expected no answer, got {queue:?}") };
    assert!(why.contains("m/v1/gateway/gateway-probe"), "{why}");
    let warnings = limits.expect("it answered").warnings();
    assert!(warnings.iter().any(|warning| warning.contains(&why)), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_nobody_hears_gives_no_limits() {
    let (limits, queue) = examine(&config(([127, 0, 0, 1], 1).into())).await.unwrap();
    assert_eq!(limits, None);
    assert!(matches!(queue, QueueProbe::Unknown(_)), "{queue:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_tls_and_shows_its_own_certificate() {
    let folder = Folder::new("mosquitto-tls");
    let (ca, chain, key) = certificate(&folder, "broker");
    let (own_ca, own_chain, own_key) = certificate(&folder, "gateway");
    let lines = format!(
        "allow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true",
        own_ca.display(),
        chain.display(),
        key.display()
    );
    let Some(mosquitto) = Mosquitto::start_in(folder, &lines).await else { return };
    let with = |ca: &PathBuf, identity: Option<(PathBuf, PathBuf)>, host: &str| {
        let tls = Some(MqttTls { ca_file: ca.clone(), identity });
        MqttConfig { tls, host: host.into(), ..config(mosquitto.address) }
    };
    let identity = Some((own_chain.clone(), own_key.clone()));
    for host in ["localhost", "127.0.0.1"] {
        let (link, mut inputs) = up(&with(&ca, identity.clone(), host)).await;
        // A terminal of its own, by the same certificate, is heard through it.
        let (other, _inputs) =
            up(&MqttConfig { client_id: "other".into(), ..with(&ca, identity.clone(), host) })
                .await;
        let publish = mingluo::deliver::Publish {
            topic: topic("status"),
            payload: b"sealed".as_slice().into(),
            expires_at: None,
        };
        other.publish(publish).await.unwrap();
        let LinkInput::Message { payload, .. } = next_input(&mut inputs).await else {
            panic!("expected a report")
        };
        assert_eq!(payload, b"sealed");
        link.close().await;
        other.close().await;
    }
    let refused = async |config: MqttConfig| {
        let (sender, mut inputs) = link_inputs();
        let _link = Mqtt::start(&config, sender).unwrap();
        let next = next_input(&mut inputs).await;
        let LinkInput::Down { why } = next else { panic!("expected Down, got {next:?}") };
        why
    };
    let why = refused(with(&own_ca, identity.clone(), "localhost")).await;
    assert!(why.contains("mqtt.tls_ca_file"), "{why}");
    let _why = refused(with(&ca, None, "localhost")).await;
    assert!(Wire::connect(mosquitto.address, &Login::anonymous(OWN)).await.is_err(), "no TLS");
    let at_start = |config: MqttConfig| {
        let (sender, _inputs) = link_inputs();
        let fault = Mqtt::start(&config, sender).err();
        assert!(matches!(fault, Some(MqttError::Tls { .. })), "{fault:?}");
    };
    at_start(with(&mosquitto.folder.0.join("missing.pem"), None, "localhost"));
    at_start(with(&own_key, None, "localhost"));
    at_start(with(&ca, Some((own_chain, key)), "localhost"));
}
