//! The shipped configuration for mosquitto, with its access list, does what it says.

use super::{Mosquitto, OWN, config, up};
use crate::wire::{Folder, Login, SILENCE, Wire, is_silent, next_input};
use mingluo::deliver::{LinkInput, MqttConfig, Publish, QueueProbe, examine};
use std::path::Path;
use std::process::Command;

const NEIGHBOUR: &str = "430621100001-002";

/// The example without what belongs to a machine: listeners, certificates, paths. `None` when
/// mosquitto's password tool is not installed.
fn lines(folder: &Folder) -> Option<String> {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let passwords = folder.write("passwords", &format!("mingluo:a\n{OWN}:b\n{NEIGHBOUR}:c\n"));
    let sealed = Command::new("mosquitto_passwd").arg("-U").arg(&passwords).status().ok()?;
    assert!(sealed.success());
    let list = std::fs::read_to_string(configs.join("mosquitto-acl.conf")).unwrap();
    let list = folder.write("acl", &list.replace("mingluo/v1", "m/v1"));
    let example = std::fs::read_to_string(configs.join("mosquitto.conf")).unwrap();
    let of_machine = ["listener", "cafile", "certfile", "keyfile", "persistence true"];
    let kept = example.lines().filter(|line| !of_machine.iter().any(|key| line.starts_with(key)));
    let kept = kept.map(|line| match line.split(' ').next() {
        Some("password_file") => format!("password_file {}", passwords.display()),
        Some("acl_file") => format!("acl_file {}", list.display()),
        _ => line.to_owned(),
    });
    Some(kept.collect::<Vec<_>>().join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_example_serves_a_county_and_keeps_terminals_apart() {
    let folder = Folder::new("mosquitto-example");
    let Some(lines) = lines(&folder) else { return };
    let Some(mosquitto) = Mosquitto::start_in(folder, &lines).await else { return };
    let login = Some(("mingluo".to_owned(), "a".to_owned()));
    let config = MqttConfig { login, queue_wanted: 5_000, ..config(mosquitto.address) };
    let (limits, queue) = examine(&config).await.unwrap();
    assert_eq!(queue, QueueProbe::Holds(5_000));
    assert_eq!(limits.unwrap().warnings(), Vec::<String>::new());
    let (link, mut inputs) = up(&MqttConfig { queue_wanted: 0, ..config }).await;
    assert!(Wire::connect(mosquitto.address, &Login::anonymous(OWN)).await.is_err());
    let connect = async |name: &str, password: &str| {
        Wire::connect(mosquitto.address, &Login::of(name, password)).await.expect("its password")
    };
    let (mut own, mut neighbour) = (connect(OWN, "b").await, connect(NEIGHBOUR, "c").await);
    let topic = |name: &str, leaf: &str| format!("m/v1/terminal/{name}/{leaf}");
    for filter in [topic(OWN, "order"), "m/v1/area/430621000000/order".into()] {
        own.subscribe(&filter).await.unwrap();
    }
    // mosquitto grants or acknowledges these, and lets nothing through.
    for filter in [topic(OWN, "order"), topic(OWN, "acknowledgement"), "m/v1/#".into()] {
        neighbour.subscribe(&filter).await.unwrap();
    }
    for leaf in ["acknowledgement", "status", "order"] {
        assert!(neighbour.publish(&topic(OWN, leaf), b"forged", false).await);
    }
    assert!(neighbour.publish("m/v1/area/430621000000/order", b"forged", false).await);
    assert!(is_silent(&mut inputs).await);
    assert_eq!(own.next(SILENCE).await, None);
    assert!(own.publish(&topic(OWN, "acknowledgement"), b"mine", false).await);
    let next = next_input(&mut inputs).await;
    assert!(matches!(&next, LinkInput::Message { payload, .. } if payload == b"mine"), "{next:?}");
    for to in [topic(OWN, "order"), "m/v1/area/430621000000/order".into()] {
        let payload = b"order".as_slice().into();
        link.publish(Publish { topic: to.clone(), payload, expires_at: None }).await.unwrap();
        assert_eq!(own.next(SILENCE * 5).await, Some((to, b"order".to_vec())));
    }
    let overheard = neighbour.next(SILENCE).await.map(|(topic, _)| topic);
    // Orders to areas are signed and for everybody; those to one terminal are not.
    assert_eq!(overheard.as_deref(), Some("m/v1/area/430621000000/order"));
    assert_eq!(neighbour.next(SILENCE).await, None);
}
