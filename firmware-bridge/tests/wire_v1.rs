//! The bytes of version 1. If this fails, do not change the test: devices in the field speak
//! exactly these bytes. Append instead, or raise the version.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "tests index what they made")]

mod support;
use mingluo_bridge::frame::*;
use mingluo_bridge::gateway_key::GatewayKey;
use mingluo_bridge::message::*;
use mingluo_bridge::serial::{LINE_BYTES_MAX, encode};
use mingluo_bridge::taken::Taken;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::{Debug, Write};
use support::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// `value` has these bytes, and these bytes are `value`.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, expect: &str) {
    let mut out = [0; 1024];
    let bytes = postcard::to_slice(value, &mut out).unwrap();
    assert_eq!(hex(bytes), expect, "{value:?}");
    let (back, rest) = postcard::take_from_bytes::<T>(bytes).unwrap();
    assert_eq!((&back, rest), (value, &[][..]));
}

fn report(step: Step) -> Report {
    Report {
        terminal: TERMINAL,
        broadcast: 5,
        step,
        received_at_ms: Some(NOW),
        playing_at_ms: Some(NOW + 1_000),
        ended_at_ms: None,
        plays: 1,
        heard: true,
        sequence: 65_537,
        taken: Taken::default(),
    }
}

fn example() -> Cancel {
    let target = Target::Area(430_621_100_000);
    Cancel { counter: 300, broadcast: Some(5), target, issued_at_ms: NOW, expires_ms: NOW + HOUR }
}

#[test]
fn orders() {
    let mut play = manifest(5, 10);
    play.volume_percent = Some(80);
    play.clips[0].sha256 = [0xAB; 32];
    check(
        &Order::Play(play),
        "000501000a01e98dcbcddcf46180c0e285e36880c0e285e36880fa9989e3680150010a000102abababababababababababababababababababababababababababababababab80f104a09c01",
    );
    check(&Order::Cancel(example()), "01ac02010500e08f9298c40c80c0e285e36880fa9989e368");
    let all = Cancel { broadcast: None, ..example() };
    check(&Order::Cancel(all), "01ac020000e08f9298c40c80c0e285e36880fa9989e368");
    let target = Target::Terminal(TERMINAL);
    let (issued_at_ms, expires_ms) = (NOW, NOW + HOUR);
    check(
        &Order::Query(Query { counter: 301, broadcast: 5, target, issued_at_ms, expires_ms }),
        "02ad020501e98dcbcddcf46180c0e285e36880fa9989e368",
    );
    let check_order = Check { check: 302, target, issued_at_ms, expires_ms, volume_percent: None };
    check(&Order::Check(check_order), "07ae0201e98dcbcddcf46180c0e285e36880fa9989e36800");
    let louder = Check { volume_percent: Some(80), ..check_order };
    check(&Order::Check(louder), "07ae0201e98dcbcddcf46180c0e285e36880fa9989e3680150");
}

#[test]
fn what_is_spoken_now() {
    let mut live = manifest(5, 10);
    live.volume_percent = Some(80);
    live.clips[0].sha256 = [0xAB; 32];
    check(
        &Order::Live(live),
        "050501000a01e98dcbcddcf46180c0e285e36880c0e285e36880fa9989e3680150010a000102abababababababababababababababababababababababababababababababab80f104a09c01",
    );
    let target = Target::Area(430_621_100_000);
    let sound = Clip { sha256: [0xAB; 32], clip_bytes: 4_060, duration_ms: 1_000, ..clip(5) };
    let part = Part {
        broadcast: 5,
        number: 300,
        target,
        issued_at_ms: NOW,
        expires_ms: NOW + 15_000,
        ends: false,
        clips: [sound].into_iter().collect(),
    };
    let head = "0605ac0200e08f9298c40c80c0e285e368b0aae485e368";
    let clips = format!("0102{}dc1fe807", "ab".repeat(32));
    check(&Order::Part(part.clone()), &format!("{head}00{clips}"));
    check(
        &Order::Part(Part { ends: true, clips: [].into_iter().collect(), ..part }),
        &format!("{head}0100"),
    );
}

#[test]
fn reports_receipts_and_status() {
    let third = Report { taken: Taken(Some(2)), ..report(Step::Playing) };
    check(&third, "e98dcbcddcf46105020180c0e285e36801d0cfe285e36800010181800402");
    check(&report(Step::Playing), "e98dcbcddcf46105020180c0e285e36801d0cfe285e368000101818004");
    let items = [ReceiptItem { terminal: TERMINAL, broadcast: 5, sequence: 65_537 }];
    check(
        &Receipt { items: items.into_iter().collect(), issued_at_ms: NOW },
        "01e98dcbcddcf4610581800480c0e285e368",
    );
    let status = Status {
        terminal: TERMINAL,
        online: true,
        activity: Activity::Playing,
        clock_ms: NOW,
        counter_highest: 301,
        boot_count: 2,
        software: "1.0".try_into().unwrap(),
        codecs: 6,
        volume_percent: 60,
        armed_for_drill: true,
    };
    check(&status, "e98dcbcddcf461010180c0e285e368ad020203312e30063c01");
    check(&status.last_will(), "e98dcbcddcf461000080c0e285e368ad020203312e30063c01");
}

#[test]
fn every_variant_keeps_its_number() {
    let codes = [
        RefusalCode::Signature,
        RefusalCode::Replay,
        RefusalCode::Target,
        RefusalCode::Window,
        RefusalCode::Drill,
        RefusalCode::Content,
        RefusalCode::Busy,
    ];
    for (number, code) in codes.into_iter().enumerate() {
        check(&Step::Refused(code), &format!("04{number:02x}"));
    }
    check(&Step::Unknown, "00");
    check(&Step::Received, "01");
    check(&Step::Playing, "02");
    check(&Step::Played, "03");
    check(&Step::Failed("no power".try_into().unwrap()), "05086e6f20706f776572");
    check(&Step::Preempted(6), "0606");
    check(&Step::Cancelled, "07");
    check(&Step::Expired, "08");
    check(&Step::Able, "09");
    check(&[Codec::Opus, Codec::Mp3, Codec::Adpcm, Codec::Wav], "00010203");
    check(&[Activity::Idle, Activity::Playing, Activity::Fault], "000102");
    check(&[Class::Drill, Class::Live], "0001");
}

#[test]
fn sealed_frames_and_the_line() {
    let frame = sealed(&Order::Cancel(example()));
    assert_eq!(
        hex(&frame),
        "0101010100000001ac02010500e08f9298c40c80c0e285e36880fa9989e36820413bd8a24d306419e47fbd37b9c6be8eaf3b7a5b11341653668b051e3f69bdaac4ca8d00e99930d1a1a2424c6b7f9a5fc3c7ec0f1d21adcf260f561ec53605"
    );
    assert!(include_str!("../PROTOCOL.md").contains(&hex(&frame)), "PROTOCOL.md shows it");
    let mut line = [0; LINE_BYTES_MAX];
    let used = encode(&frame, &mut line).unwrap();
    assert_eq!(
        hex(&line[..used]),
        "050101010101010601ac02010537e08f9298c40c80c0e285e36880fa9989e36820413bd8a24d306419e47fbd37b9c6be8eaf3b7a5b11341653668b051e3f69bdaac4ca8d20e99930d1a1a2424c6b7f9a5fc3c7ec0f1d21adcf260f561ec53605c8a06b8400"
    );
    let key = terminal_key(&[3; 32], TERMINAL);
    assert_eq!(hex(&key), "a7e32dd3b77bec1de2724103d884c31794782e878355e2aad64aee1a457deaa4");
    assert_eq!(
        terminal_password(&[3; 32], TERMINAL),
        "8bd810ec98a67f9a17ed84a560063f3bd7e9ed7104ef73392a86f8e5bc15677b"
    );
    let mut out = [0; FRAME_BYTES_MAX];
    let hmac = HmacKey::new(1, &key);
    let used = seal(Kind::Acknowledgement, &report(Step::Playing), &hmac, &mut out).unwrap();
    assert_eq!(
        hex(&out[..used]),
        "01020301000000e98dcbcddcf46105020180c0e285e36801d0cfe285e3680001018180045b67fa6b5ec14d1faf23d22ea2a0a20c6d27212778f0b386ca16bcbb1594cada"
    );
    let back: Report = open(Kind::Acknowledgement, &out[..used], &hmac).unwrap();
    assert_eq!(back, report(Step::Playing));
}

/// SM2-SM3 orders; the private key is the seed of the other example, 32 bytes of 07.
#[test]
fn sealed_by_sm2() {
    let key = Sm2Key::from_bytes(&[7; 32]).unwrap();
    let GatewayKey::Sm2 { x, y } = key.public() else { panic!("an SM2 key") };
    let mut out = [0; FRAME_BYTES_MAX];
    let order = Order::Cancel(example());
    let used = seal(Kind::Order, &order, &Sm2Signer::new(1, &key), &mut out).unwrap();
    let frame = &out[..used];
    assert_eq!(
        [hex(&x), hex(&y), hex(frame)],
        [
            "df07dc0b31591dfb63ec895516e5bb4ad05a09c2feba6d496ce523f7303fffcd",
            "4add27de09262dc59baf690c0286f05e29948517cc1e069b988e139c00f449c8",
            "0101020100000001ac02010500e08f9298c40c80c0e285e36880fa9989e36873f1307cf220f45edeac55e287bb7dc639eb50dd1783459264b31e7d4990ae1f753e7119f0ee83a815c64e2e4451e05de471743436a8a0e048341310a8857219"
        ]
    );
    let document = include_str!("../PROTOCOL.md");
    for shown in [hex(&x), hex(&y), hex(frame)] {
        assert!(document.contains(&shown), "PROTOCOL.md shows {shown}");
    }
    assert_eq!(open(Kind::Order, frame, &key.public().verifier(1).unwrap()), Ok(order));
}

#[test]
fn what_open_refuses() {
    let frame = sealed(&Order::Cancel(example()));
    let refuse = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = frame.clone();
        change(&mut bytes);
        open::<Order>(Kind::Order, &bytes, &verifier()).unwrap_err()
    };
    assert_eq!(refuse(&|b| b[0] = 2), FrameError::Version(2));
    assert_eq!(refuse(&|b| b[1] = 2), FrameError::Kind(2));
    assert_eq!(refuse(&|b| b[2] = 2), FrameError::Algorithm(2));
    assert_eq!(refuse(&|b| b[2] = 3), FrameError::Algorithm(3));
    assert_eq!(refuse(&|b| b[3] = 9), FrameError::Key(9));
    assert_eq!(refuse(&|b| b[9] ^= 1), FrameError::Signature);
    assert_eq!(refuse(&|b| b.truncate(3)), FrameError::Length(3));
    assert_eq!(refuse(&|b| b.resize(1025, 0)), FrameError::Length(1025));
    // Bytes after the body, honestly signed: still no frame.
    let mut out = [0; FRAME_BYTES_MAX];
    let key = signing_key();
    let twice = (Order::Cancel(example()), 0_u8);
    let used = seal(Kind::Order, &twice, &Ed25519Signer::new(1, &key), &mut out).unwrap();
    let got = open::<Order>(Kind::Order, &out[..used], &verifier());
    assert_eq!(got, Err(FrameError::Body));
    let head = peek(&frame).unwrap();
    assert_eq!((head.kind, head.algorithm, head.key_id), (Kind::Order, 1, 1));
}

#[test]
fn areas_cover_what_lies_below_them() {
    let own = [430_621_100_001];
    for (area, covers) in [
        (430_621_100_001, true),
        (430_621_100_000, true),
        (430_621_000_000, true),
        (430_600_000_000, true),
        (430_000_000_000, true),
        (430_621_100_002, false),
        (430_621_101_000, false),
        (430_622_000_000, false),
        (0, false),
    ] {
        assert_eq!(Target::Area(area).covers(TERMINAL, &own), covers, "{area}");
    }
    // A village's order is not for the whole township.
    assert!(!Target::Area(430_621_100_001).covers(TERMINAL, &[430_621_100_000]));
}

/// Numbers that PROTOCOL.md names, and what they are here.
#[test]
fn the_document_names_the_limits_of_the_code() {
    let document: String =
        include_str!("../PROTOCOL.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for (limit, sentence) in [
        (FRAME_BYTES_MAX, "One frame is at most {} bytes"),
        (CLIPS_MAX, "clips, list of at most {}: codec"),
        (RECEIPT_ITEMS_MAX, "items, list of at most {} (terminal"),
        (PHRASES_MAX, "Content of codec 4 is a list of at most {} numbers"),
        (mingluo_bridge::line::SEALED_BYTES_MAX, "a sealed order or receipt, {} at most"),
        (mingluo_bridge::line::MISSING_BYTES_MAX, "missing bytes ({} at most)"),
    ] {
        let digits = limit.to_string();
        let grouped = match digits.len() {
            4 => format!("{},{}", &digits[..1], &digits[1..]),
            _ => digits.clone(),
        };
        let said = [digits, grouped].map(|number| sentence.replace("{}", &number));
        assert!(said.iter().any(|said| document.contains(said)), "{}", said[0]);
    }
    for name in ["MPEG-2 Layer III", "format tag 0x11", "blocks of 256 bytes"] {
        assert!(document.contains(name), "{name}");
    }
}
