//! The exchange with an upper emergency-broadcast platform over real sockets: a signed message with sound
//! goes to the county's terminals, and what they report reaches the platform that sent it.

use crate::process::{Gateway, free, wait_until};
use mingluo::daemon::{Party, Saying, Trust, certificates};
use mingluo::ingest::ebd::{Body, OmdRequest, Params, Profile, body_with, data_name, tar, xml};
use mingluo::ingest::ebd::{Envelope, StateResponse, ebd_id};
use mingluo::model::{BrdState, Codec, EbdKind, PackageSignature, ResultCode};
use mingluo::render::encode::encode;
use mingluo::render::samples::Samples;
use mingluo::secrets::read_sm2_key;
use mingluo::simulate::{EbmOrder, FleetTerminal, FromCounty, Misbehaviour, UpperPlatform, ebm};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const UPPER: &str = "24300000000000101010101";
const OWN: &str = "44306210000000101010101";
/// Terminals that never come up, of all that are registered.
const SILENT: usize = 2;

struct World {
    gateway: Gateway,
    upper: UpperPlatform,
    url: String,
    seen: Vec<FromCounty>,
}

impl World {
    /// Keys of both sides by the command line, an upper platform, and the county behind it.
    fn start(name: &str) -> Self {
        let mut gateway = Gateway::prepare(name);
        let at = |file: &str| gateway.configs().join("keys").join(file);
        let files = |side: &str| (at(&format!("{side}.key")), at(&format!("{side}.cert")));
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
        let upper = gateway.wait_for(async { UpperPlatform::start(any, party) }).unwrap();
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
        let url = format!("http://{listen}/");
        Self { gateway, upper, url, seen: Vec::new() }
    }

    fn send(&self, saying: Saying, files: &[(String, Vec<u8>)]) -> (ResultCode, String) {
        let sent = self.gateway.wait_for(self.upper.send(&self.url, saying, files));
        let receipt = sent.expect("a receipt");
        (receipt.code, receipt.desc)
    }

    /// Waits for a package of the county, and checks that it is signed.
    fn wait(&mut self, s_max: u64, what: &str, is: impl Fn(&Body, EbdKind) -> bool) -> FromCounty {
        let (upper, seen) = (&mut self.upper, &mut self.seen);
        let mut found = None;
        let look = || {
            while let Ok(received) = upper.inbox.try_recv() {
                let signed = matches!(received.signature, PackageSignature::Verified { .. });
                assert!(signed, "{:?}", received.signature);
                seen.push(received);
            }
            let mut all = seen.iter();
            found = all.find(|one| is(&one.package.body, one.package.envelope.kind)).cloned();
            found.is_some()
        };
        wait_until(s_max, look, what);
        found.unwrap()
    }

    fn wait_state(&mut self, s_max: u64, ebm: &str, state: BrdState) -> StateResponse {
        let is = |body: &Body, _| matches!(body, Body::State(told) if told.ebm == ebm && told.state == state);
        let found = self.wait(s_max, &format!("state {state:?}"), is);
        assert!(found.package.envelope.related.is_some(), "it says what it answers");
        let Body::State(told) = found.package.body else { panic!("a state") };
        told
    }
}

/// A second of sound as MP3.
fn sound() -> Vec<u8> {
    let mono: Vec<f32> = (0_u16..16_000).map(|n| (f32::from(n) * 0.2).sin() * 0.3).collect();
    encode(&Samples { rate_hz: 16_000, mono }, Codec::Mp3).unwrap()
}

fn order(number: u16, msg_type: u8, valid_s: i64) -> EbmOrder {
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

fn message(order: &EbmOrder) -> (String, Saying, Vec<(String, Vec<u8>)>) {
    let (made, files) = ebm(order, mingluo::clock::now_utc());
    (made.id.clone(), Saying::new(EbdKind::Ebm, Body::Ebm(Box::new(made))), files)
}

/// All numbers are true: who played counts, two who were silent do not.
#[test]
fn a_message_with_sound_is_played_and_its_true_state_goes_back() {
    let mut world = World::start("platform");
    world.gateway.restart();
    let loaded = world.gateway.loaded();
    let all: Vec<_> = loaded.network.terminals.values().map(FleetTerminal::of).collect();
    let n_all = all.len();
    let up: Vec<_> = all.into_iter().skip(SILENT).collect();
    let n_up = up.len();
    let fleet = world.gateway.fleet_of(Misbehaviour::default(), up);
    let connected =
        || fleet.stats.connected.load(Ordering::Relaxed) >= u64::try_from(n_up).unwrap();
    wait_until(60, connected, "terminals connect");
    world.wait(30, "a heartbeat", |_, kind| kind == EbdKind::ConnectionCheck);
    let terminals = world.wait(30, "the terminals", |_, kind| kind == EbdKind::EbrdtInfo);
    let Body::Records(_, records) = terminals.package.body else { panic!("records") };
    assert_eq!(records.len(), n_all);

    let (id, saying, files) = message(&order(1, 1, 60));
    let (code, desc) = world.send(saying, &files);
    assert_eq!(code, ResultCode::Good, "{desc}");
    assert!(desc.contains("已自动播发"), "{desc}");
    let playing = world.wait_state(60, &id, BrdState::Playing);
    assert!(!playing.desc.contains("播完30"), "{}", playing.desc);
    let ended = world.wait_state(120, &id, BrdState::Failed);
    let expect = format!("终端{n_all}，播完{n_up}，");
    assert!(ended.desc.contains(&expect), "{}", ended.desc);
    assert!(ended.desc.contains(&format!("无应答{SILENT}")), "{}", ended.desc);
    let coverage = ended.coverage.unwrap();
    assert_eq!(coverage.resources, format!("1,0,0,{n_up}"));
    assert_eq!(coverage.areas, "430621000000");
    let log = world.wait(30, "the log", |_, kind| kind == EbdKind::EbmBrdLog);
    let Body::Log(_, items) = log.package.body else { panic!("a log") };
    assert_eq!((items.len(), items[0].state.state), (1, BrdState::Failed));
    assert_eq!(items[0].state.desc, ended.desc);

    let broadcasts = world.gateway.get("/broadcasts");
    assert_eq!(broadcasts["broadcasts"][0]["counts"]["played"], n_up);
    let one = broadcasts["broadcasts"][0]["id"].as_str().unwrap().to_owned();
    let view = world.gateway.get(&format!("/broadcasts/{one}"));
    assert!(view["spoken"]["voice"].as_str().unwrap().contains("ebm-"), "its sound: {view}");
    world.gateway.stop();
    assert_eq!(world.gateway.cli(&["record", "verify"]).0, 0);
}

/// Unsigned, forged, repeated: refused with the right code, and nothing sounds.
#[test]
fn only_signed_packages_count_and_questions_are_answered() {
    let mut world = World::start("platform-trust");
    world.gateway.restart();
    let now = mingluo::clock::now_utc();
    let (_, saying, files) = message(&order(7, 1, 600));
    let envelope = Envelope {
        id: ebd_id(UPPER, 7),
        kind: EbdKind::Ebm,
        source: UPPER.into(),
        dest: Some(OWN.into()),
        sent: now,
        related: None,
    };
    let data = xml(Profile::Y2018, &envelope, &saying.body);
    let mut unsigned = vec![(data_name(&envelope.id), data.as_bytes())];
    unsigned.extend(files.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())));
    let post = |package: &[u8]| {
        let (content_type, body) = body_with("EBDT.tar", package);
        let client = reqwest::Client::new();
        let request = client.post(&world.url).header("content-type", content_type).body(body);
        let bytes = world.gateway.wait_for(async { request.send().await.unwrap().bytes().await });
        let package = mingluo::ingest::ebd::read(&bytes.unwrap()).unwrap();
        let Body::Result { code, desc } = package.body else { panic!("a receipt") };
        (code, desc)
    };
    assert_eq!(post(&tar(&unsigned, 0)).0, ResultCode::Signature);
    assert_eq!(post(b"no tar at all").0, ResultCode::ParseFailed);
    assert_eq!(post(&tar(&[("../EBDB_1.xml".into(), b"x")], 0)).0, ResultCode::ParseFailed);
    let broadcasts = world.gateway.get("/broadcasts");
    assert_eq!(broadcasts["broadcasts"].as_array().map(Vec::len), Some(0), "{broadcasts}");
    // A drill that is signed is taken, and kept silent while no drill is armed.
    let (id, saying, files) = message(&order(8, 3, 600));
    let (code, desc) = world.send(saying, &files);
    assert_eq!(code, ResultCode::Good, "{desc}");
    let told = world.wait_state(30, &id, BrdState::Failed);
    assert!(told.desc.contains("未启动演练"), "{}", told.desc);
    let ask = OmdRequest { what: EbdKind::EbrasInfo, params: Params::default() };
    let (code, desc) = world.send(Saying::new(EbdKind::OmdRequest, Body::Request(ask)), &[]);
    assert_eq!(code, ResultCode::Good, "{desc}");
    let none = world.wait(30, "adapters", |_, kind| kind == EbdKind::EbrasInfo);
    assert!(matches!(none.package.body, Body::Records(_, ref records) if records.is_empty()));
    let question = Saying::new(EbdKind::EbmStateRequest, Body::StateRequest { ebm: id });
    assert_eq!(world.send(question, &[]).0, ResultCode::Good);
    let beat = Saying::new(EbdKind::ConnectionCheck, Body::Check { at: now });
    assert_eq!(world.send(beat, &[]).0, ResultCode::Good);
    world.gateway.stop();
    assert_eq!(world.gateway.cli(&["record", "verify"]).0, 0);
}
