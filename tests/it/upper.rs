//! A simulated upper platform beside a gateway, with keys that each believes of the other.

use crate::process::{Gateway, free};
use mingluo::daemon::{Party, Saying, Trust, certificates};
use mingluo::ingest::ebd::{Body, Profile};
use mingluo::model::{Codec, EbdKind};
use mingluo::render::encode::encode;
use mingluo::render::samples::Samples;
use mingluo::secrets::read_sm2_key;
use mingluo::simulate::{EbmOrder, UpperPlatform, UpperTls, ebm};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

pub(crate) const UPPER: &str = "24300000000000101010101";
pub(crate) const OWN: &str = "44306210000000101010101";

/// Keys of both sides by the command line, and an upper platform, over HTTPS with the files that `secured`
/// makes; gives it, and where the gateway will take packages.
pub(crate) fn beside(
    gateway: &mut Gateway,
    secured: impl FnOnce(&Path) -> Option<UpperTls>,
) -> (UpperPlatform, String) {
    let keys = gateway.configs().join("keys");
    let files = |side: &str| (keys.join(format!("{side}.key")), keys.join(format!("{side}.cert")));
    for (side, serial) in [("county", "000000000101"), ("upper", "000000000202")] {
        let (key, certificate) = files(side);
        let (key, certificate) = (key.display().to_string(), certificate.display().to_string());
        let arguments = ["platform", "keys", "--serial", serial, "--until", "2099-12"];
        let to = ["--key", &key, "--certificate", &certificate];
        let (code, said) = gateway.cli(&[&arguments[..], &to[..]].concat());
        assert_eq!(code, 0, "{said}");
    }
    let (key, certificate) = files("upper");
    let own = certificates(&certificate).unwrap().remove(0);
    let believed = certificates(&files("county").1).unwrap();
    let trust = Trust::new(read_sm2_key(&key).unwrap(), own, believed).unwrap();
    let party = Party {
        profile: Profile::Y2018,
        code: UPPER.into(),
        peer: OWN.into(),
        trust: Arc::new(trust),
        allow_unsigned: false,
        last_number: Arc::default(),
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let secured = secured(&keys);
    let started = async { UpperPlatform::start_with(any, party, secured.as_ref()) };
    let upper = gateway.wait_for(started).unwrap();
    let listen = free();
    for (key, value) in [
        ("platform.own_code", OWN),
        ("platform.upper_code", UPPER),
        ("platform.name", "岳阳县应急广播平台"),
        ("platform.url", &format!("http://{}/", upper.local)),
        ("platform.listen", &listen.to_string()),
        ("platform.sm2_key_file", "keys/county.key"),
        ("platform.certificate_file", "keys/county.cert"),
        ("platform.trusted_file", "keys/upper.cert"),
        ("platform.heartbeat_s", "1"),
    ] {
        gateway.set(key, value);
    }
    (upper, format!("http://{listen}/"))
}

/// A second of sound as MP3.
pub(crate) fn sound() -> Vec<u8> {
    sound_of(1)
}

/// So many seconds of sound as MP3.
pub(crate) fn sound_of(seconds: u32) -> Vec<u8> {
    let mono: Vec<f32> = (0..16_000 * seconds)
        .map(|n| (f32::from(u16::try_from(n % 16_000).unwrap()) * 0.2).sin() * 0.3)
        .collect();
    encode(&Samples { rate_hz: 16_000, mono }, Codec::Mp3).unwrap()
}

pub(crate) fn order(number: u16, msg_type: u8, valid_s: i64) -> EbmOrder {
    EbmOrder {
        platform: UPPER.into(),
        number,
        msg_type,
        related: None,
        event: "11B03".into(),
        severity: 1,
        title: "省气象台发布暴雨红色预警信号".into(),
        text: "预计未来三小时有特大暴雨，请立即转移".into(),
        areas: vec!["430621000000".into()],
        valid_s,
        sound: Some(sound()),
    }
}

pub(crate) fn message(order: &EbmOrder) -> (String, Saying, Vec<(String, Vec<u8>)>) {
    let (made, files) = ebm(order, mingluo::clock::now_utc());
    (made.id.clone(), Saying::new(EbdKind::Ebm, Body::Ebm(Box::new(made))), files)
}
