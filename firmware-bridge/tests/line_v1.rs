//! The bytes of the serial line and of the orders added for it. If this fails, do not change the
//! test: terminals in the field speak exactly these bytes.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "tests index what they made")]

mod support;
use mingluo_bridge::line::*;
use mingluo_bridge::message::*;
use mingluo_bridge::serial::{Deframer, LINE_BYTES_MAX};
use std::fmt::Write;
use support::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// `packet` from `from` to `to` is these bytes before COBS and check sum, and comes back from the
/// line.
fn check(to: u8, from: u8, packet: Packet<'_>, expect: &str) {
    let mut line = [0; LINE_BYTES_MAX];
    let used = encode(to, from, &packet, &mut line).unwrap();
    let mut deframer = Deframer::default();
    let mut found = 0;
    for byte in &line[..used] {
        if let Some(frame) = deframer.push(*byte) {
            found += 1;
            assert_eq!(hex(frame), expect, "{packet:?}");
            assert_eq!(read(frame), Some(Addressed { to, from, packet }));
        }
    }
    assert_eq!((found, deframer.damaged), (1, 0));
}

fn order(order: &Order, expect: &str) {
    let mut out = [0; 1024];
    let bytes = postcard::to_slice(order, &mut out).unwrap();
    assert_eq!(hex(bytes), expect, "{order:?}");
    assert_eq!(postcard::from_bytes::<Order>(bytes).as_ref(), Ok(order));
}

#[test]
fn packets() {
    check(ALL, GATEWAY, Packet::Sealed(&[1, 1, 1]), "81ff000003010101");
    check(7, GATEWAY, Packet::Poll(Poll { got: 0, ask: Ask::Report }), "810700010000");
    let ask = Ask::Clip([0xAA, 0xBB, 0xCC, 0xDD]);
    check(7, GATEWAY, Packet::Poll(Poll { got: 9, ask }), "810700010901aabbccdd");
    check(7, GATEWAY, Packet::Poll(Poll { got: 9, ask: Ask::Status }), "810700010902");
    let chunk = Chunk { tag: [1, 2, 3, 4], units: 28, index: 300, bytes: &[0, 9] };
    check(ALL, GATEWAY, Packet::Chunk(chunk), "81ff0002010203041cac02020009");
    let answer = Answer {
        activity: Activity::Playing,
        waiting: 1,
        clip: Some(Progress::Missing { first: 300, count: 2 }),
        missing: &[5],
        number: 3,
        sealed: &[1, 2],
    };
    check(
        GATEWAY,
        7,
        Packet::Answer(answer),
        "8100070301010101ac02020105030201 02".replace(' ', "").as_str(),
    );
    let numbers = [
        (Progress::Unasked, "00"),
        (Progress::Checking, "02"),
        (Progress::Here, "03"),
        (Progress::Impossible, "04"),
    ];
    for (progress, number) in numbers {
        let (clip, missing, sealed) = (Some(progress), &[][..], &[][..]);
        let answer =
            Answer { activity: Activity::Idle, waiting: 0, clip, missing, number: 0, sealed };
        check(
            GATEWAY,
            7,
            Packet::Answer(answer),
            &format!("8100070300 0001{number}000000").replace(' ', ""),
        );
    }
}

#[test]
fn orders_for_slow_lines() {
    let target = Target::Terminal(TERMINAL);
    let kept = Clip { codec: Codec::Phrases, sha256: [0xAB; 32], clip_bytes: 9, duration_ms: 300 };
    let phrase = Some(300);
    let keep = Keep { target, issued_at_ms: NOW, expires_ms: NOW + HOUR, clip: kept, phrase };
    order(
        &Order::Keep(keep),
        "0301e98dcbcddcf46180c0e285e36880fa9989e36804abababababababababababababababababababababababababababababababab09ac0201ac02",
    );
    let time = TimeSignal { target: Target::Area(430_621_100_000), issued_at_ms: NOW };
    order(&Order::Time(time), "0400e08f9298c40c80c0e285e368");
    let list = PhraseList { phrases: [1, 300].into_iter().collect() };
    let mut out = [0; 64];
    assert_eq!(hex(postcard::to_slice(&list, &mut out).unwrap()), "0201ac02");
    assert_eq!([Codec::Phrases.bit(), Codec::Text.bit()], [16, 32]);
    let mut out = [0; 8];
    assert_eq!(postcard::to_slice(&[Codec::Phrases, Codec::Text], &mut out).unwrap(), &[4, 5]);
}

#[test]
fn the_line_as_a_whole() {
    let packet = Packet::Poll(Poll { got: 0, ask: Ask::Report });
    let mut line = [0; LINE_BYTES_MAX];
    let used = encode(7, GATEWAY, &packet, &mut line).unwrap();
    let text = hex(&line[..used]);
    assert_eq!(text, POLL_ON_THE_LINE);
    assert!(include_str!("../PROTOCOL.md").contains(&text), "PROTOCOL.md shows it");
}

const POLL_ON_THE_LINE: &str = "0003810702010105f9d0ccd700";

#[test]
fn a_bare_sealed_frame_is_for_all_and_nothing_else_is_a_packet() {
    let frame = sealed(&Order::Play(manifest(5, 10)));
    let read_back = read(&frame).unwrap();
    assert_eq!(
        (read_back.to, read_back.from, read_back.packet),
        (ALL, GATEWAY, Packet::Sealed(&frame))
    );
    for bad in [
        &[][..],
        &[0x80, 7, 0, 1, 0, 0],
        &[0x81, 7, 0],
        &[0x81, 7, 0, 1, 0, 0, 0],
        &[0x81, 7, 0, 9],
    ] {
        assert_eq!(read(bad), None, "{bad:?}");
    }
}

#[test]
fn the_largest_of_each_fits_a_frame() {
    let mut line = [0; LINE_BYTES_MAX];
    let bytes = [7; CHUNK_BYTES_MAX];
    let chunk = Chunk { tag: [9; 4], units: 120, index: u16::MAX, bytes: &bytes };
    assert!(encode(ALL, GATEWAY, &Packet::Chunk(chunk), &mut line).is_some());
    let sealed = [7; SEALED_BYTES_MAX];
    assert!(encode(ALL, GATEWAY, &Packet::Sealed(&sealed), &mut line).is_some());
    let answer = Answer {
        activity: Activity::Fault,
        waiting: 255,
        clip: Some(Progress::Missing { first: u16::MAX, count: u16::MAX }),
        missing: &[255; MISSING_BYTES_MAX],
        number: 255,
        sealed: &[7; 300],
    };
    assert!(encode(GATEWAY, 247, &Packet::Answer(answer), &mut line).is_some());
}
