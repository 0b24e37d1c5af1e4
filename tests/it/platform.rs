//! The exchange with an upper emergency-broadcast platform over real sockets: a signed message with sound
//! goes to the county's terminals, and what they report reaches the platform that sent it.

mod between;
mod refused;
mod sounds;
mod tls;
mod upward;

use crate::process::{Gateway, wait_until};
use crate::upper::{OWN, UPPER, beside, message, order, sound, sound_of};
use mingluo::daemon::Saying;
use mingluo::ingest::ebd::{Body, OmdRequest, Params, Profile, body_with, data_name, tar, xml};
use mingluo::ingest::ebd::{Envelope, StateResponse, ebd_id};
use mingluo::model::{BrdState, EbdKind, PackageSignature, ResultCode};
use mingluo::simulate::{EbmOrder, FleetTerminal, FromCounty, Misbehaviour};
use mingluo::simulate::{UpperPlatform, UpperTls};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering;

/// Seconds for which terminals play, and how much faster than real time they do.
const PLAYING_S: u32 = 6;
const FASTER: u32 = 20;
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
        Self::start_with(name, |_| None)
    }

    /// The same over HTTPS, with the files that `secured` makes in the folder.
    fn start_with(name: &str, secured: impl FnOnce(&Path) -> Option<UpperTls>) -> Self {
        let mut gateway = Gateway::prepare(name);
        let (upper, url) = beside(&mut gateway, secured);
        Self { gateway, upper, url, seen: Vec::new() }
    }

    /// Where the gateway takes packages.
    fn listen(&self) -> SocketAddr {
        let at = self.url.split("//").nth(1).unwrap().trim_end_matches('/');
        at.parse().unwrap()
    }

    /// What was rejected on the way of the platform, newest first: words of all faults, and whether the
    /// sender's address is among them.
    fn rejections(&self) -> Vec<String> {
        let list = self.gateway.get("/rejections");
        let all = list["rejections"].as_array().unwrap().clone();
        let ours = all.iter().filter(|one| one.to_string().contains("\"platform\""));
        ours.map(ToString::to_string).collect()
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

    // Long enough that its terminals are seen to play when they are looked at, every 5 s.
    let long = EbmOrder { sound: Some(sound_of(PLAYING_S * FASTER)), ..order(1, 1, 60) };
    let (id, saying, files) = message(&long);
    let (code, desc) = world.send(saying, &files);
    assert_eq!(code, ResultCode::Good, "{desc}");
    assert!(desc.contains("已自动播发"), "{desc}");
    let playing = world.wait_state(60, &id, BrdState::Playing);
    assert!(!playing.desc.contains("播完30"), "{}", playing.desc);
    let plays = |body: &Body, kind| {
        let Body::Records(_, records) = body else { return false };
        kind == EbdKind::EbrdtState && records.iter().any(|one| one.state == Some(5))
    };
    world.wait(30, "terminals that play", plays);
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
    assert!(desc.contains("没有此类资源"), "{desc}");
    let none = world.wait(30, "adapters", |_, kind| kind == EbdKind::EbrasInfo);
    assert!(matches!(none.package.body, Body::Records(_, ref records) if records.is_empty()));
    let question = Saying::new(EbdKind::EbmStateRequest, Body::StateRequest { ebm: id });
    assert_eq!(world.send(question, &[]).0, ResultCode::Good);
    let beat = Saying::new(EbdKind::ConnectionCheck, Body::Check { at: now });
    assert_eq!(world.send(beat, &[]).0, ResultCode::Good);
    world.gateway.stop();
    assert_eq!(world.gateway.cli(&["record", "verify"]).0, 0);
}
