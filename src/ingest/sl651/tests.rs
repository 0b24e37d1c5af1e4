//! Telegrams whose bytes are worked out by hand from the layout, and the published samples.

use super::*;
use crate::ingest::stream::{Cut, after_wrong, cut};
use crate::model::{Quality, Quantity, UtcMs};

/// 2014-12-05 11:00:02 Beijing.
const SENT: UtcMs = UtcMs(1_417_748_402_000);
const TIMED: &str = "7E7E02001234567804D232002B0200121412051100\
02F1F1001234567848F0F01412051100201900010026190001003923000144203812122003\
9FE1";

fn bytes(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// A telegram of this function with this body, upwards, with its check.
fn made(function: &str, body: &str) -> Vec<u8> {
    let n = body.len() / 2;
    let mut all = bytes(&format!("7E7E0200123456780000{function}{n:04X}02{body}03"));
    all.extend(super::frame::check_of(&all).to_be_bytes());
    all
}

fn made_ascii(function: &str, body: &str) -> Vec<u8> {
    let n = body.len();
    let mut all = format!("\x010200123456780000{function}{n:04X}\x02{body}\x03").into_bytes();
    let check = super::frame::check_of(&all);
    all.extend(format!("{check:04X}").into_bytes());
    all
}

fn said(bytes: &[u8]) -> String {
    let read = frame(bytes).and_then(|frame| telegram(&frame));
    match read {
        Ok(telegram) => {
            let elements = telegram
                .elements
                .iter()
                .map(|element| format!("{}={:?}", element.symbol, element.value));
            let odd = telegram.oddities.iter().map(|odd| format!("{}: {}", odd.element, odd.what));
            format!(
                "{} #{:?} {} | {}",
                telegram.station,
                telegram.serial,
                elements.collect::<Vec<_>>().join(" "),
                odd.collect::<Vec<_>>().join("; ")
            )
        }
        Err(rejection) => {
            let all =
                rejection.faults.iter().map(|fault| format!("{}: {}", fault.element, fault.what));
            all.collect::<Vec<_>>().join("; ")
        }
    }
}

fn check(bytes: &[u8], expect: &[&str]) {
    let said = said(bytes);
    for expect in expect {
        assert!(said.contains(expect), "{said}\ndoes not say {expect}");
    }
}

#[test]
fn the_published_report_is_read() {
    check(
        &bytes(TIMED),
        &[
            "0012345678 #Some(18) PJ=Number(10.0, 1) PT=Number(10.0, 1) Z=Number(14.42, 3) VT=Number(12.2, 2)",
        ],
    );
    let telegram = telegram(&frame(&bytes(TIMED)).unwrap()).unwrap();
    assert_eq!((telegram.reported_at, telegram.class), (Some(SENT), Some('H')));
    let report = readings(&telegram, SENT).unwrap();
    assert_eq!(report.station.as_str(), "12345678");
    let stage = report.readings.iter().find(|r| r.quantity == Quantity::Stage).unwrap();
    assert_eq!((stage.value, &stage.quality), (14.42, &Quality::Good));
    assert_eq!(stage.observed_at, SENT.plus_s(-2));
}

#[test]
fn elements_of_every_kind() {
    let body = |elements: &str| format!("0001260601080000F1F1001234567848F0F02606010800{elements}");
    let cases: &[(&str, &str)] = &[
        ("3923FF014420", "Z=Number(-14.42, 3)"),
        ("3923AAAAAAAA", "Z=Missing"),
        ("3923FFFFFFFF", "Z=Missing"),
        ("39230001A420", "Z=Bad(\"0001A420\") | offset 37: Z: expected decimal digits"),
        ("452000000006", "ZT=Bits(6)"),
        (
            "F46000010203FFFFFFFFFFFFFFFF",
            "DRP=Series([Some(0.0), Some(0.1), Some(0.2), Some(0.3), None",
        ),
        ("0418000105", "DRxnn=StepMinutes(65)"),
        ("FF112300000021", "offset 37: element FF11 is not known"),
        ("39230014", "offset 37: an element goes beyond the end; 4 bytes are not read"),
        (
            "F0F02613010800392300014420",
            "Z=Number(14.42, 3) | offset 37: expected a time, got 2613010800",
        ),
    ];
    for (elements, expect) in cases {
        check(&made("32", &body(elements)), &[expect]);
    }
    check(&made("35", "0001260601080000F2F2B5AAC4CF"), &["RGZS=Text("]);
    check(&made("2F", "0001260601080000"), &["#Some(1)  | "]);
    check(&made("46", "0001260601080000F1F10012345678452000000002"), &["ZT=Bits(2) | "]);
}

#[test]
fn ascii_mode_says_the_same() {
    let body = "00121412051100 02".replace(' ', "")
        + "ST 0012345678 H TT 1412051100 PJ 10.0 Z 14.420 VT 12.20 X9 3 ZT 00000006 Q abc";
    check(
        &made_ascii("32", &body),
        &[
            "0012345678 #Some(18) PJ=Number(10.0, 1) Z=Number(14.42, 3) VT=Number(12.2, 2)",
            "ZT=Bits(6) Q=Bad(\"abc\")",
            "element 0 is not known",
        ],
    );
}

#[test]
fn every_fault_is_told_with_its_offset() {
    let good = bytes(TIMED);
    let mut wrong = good.clone();
    wrong[20] ^= 1;
    check(&wrong, &["offset 58: check: expected"]);
    wrong[57] = 0x99;
    wrong[11] = 0x70;
    check(
        &wrong,
        &["offset 11: direction: expected 0 (up) or 8 (down), got 7", "offset 57", "offset 58"],
    );
    check(&good[..30], &["offset 30: expected 60 bytes as the length says, got 30"]);
    check(b"GET / HTTP/1.1", &["offset 0: expected the start 7E 7E or 01"]);
    check(&[], &["offset 0: expected the start"]);
    check(&made("32", "00"), &["offset 14: body: expected 8 of serial number and time, got 1"]);
}

#[test]
fn answers_are_those_of_the_standard() {
    let frame = frame(&bytes(TIMED)).unwrap();
    let ours = answer(&frame, 18, SENT, Confirm::StayOnline, &[]);
    assert_eq!(
        ours,
        bytes(
            "7E7E00123456780204D2328008020012141205110002\
1BBD6C"
        )
    );
    check(&ours, &["0012345678 #Some(18)"]);
    let again = answer(&frame, 18, SENT, Confirm::Again, &[3]);
    assert_eq!(again.get(28 - 6), Some(&0x00), "{again:02X?}");
    let ascii = super::frame::frame(&made_ascii("32", "0012141205110002")).unwrap();
    check(&answer(&ascii, 18, SENT, Confirm::Close, &[]), &["0012345678 #Some(18)"]);
}

#[test]
fn a_series_has_its_times() {
    let body = "0001260601140000F1F1001234567848F0F02606011305F4600A00000000000000000000 14"
        .replace(' ', "");
    let telegram = telegram(&frame(&made("34", &body)).unwrap()).unwrap();
    let report = readings(&telegram, SENT).unwrap();
    let times: Vec<i64> = report
        .readings
        .iter()
        .map(|r| r.observed_at.since_ms(telegram.reported_at.unwrap()) / 60_000)
        .collect();
    assert_eq!((times.first(), times.last()), (Some(&-55), Some(&0)));
    assert_eq!((report.readings[0].value, report.readings[11].value), (1.0, 2.0));
}

#[test]
fn a_stream_is_cut_whatever_is_between() {
    let good = bytes(TIMED);
    let mut stream = b"xx".to_vec();
    stream.extend(&good);
    stream.extend([0x7E, 0x7E]);
    stream.extend(&good);
    assert_eq!(cut(&stream), Cut::Junk(2));
    assert_eq!(cut(&stream[2..]), Cut::Sl651(60));
    assert_eq!(cut(&stream[62..]), Cut::Junk(2));
    assert_eq!(cut(&stream[64..]), Cut::Sl651(60));
    assert_eq!(cut(&good[..40]), Cut::More);
    // A length that is too long swallows the next telegram; it is found inside.
    let mut long = good.clone();
    long[12] = 0x50;
    long.extend(&good);
    assert_eq!(cut(&long), Cut::Sl651(97));
    assert_eq!(after_wrong(&long[..97]), 60);
}

#[test]
fn packets_are_joined_in_any_order() {
    let packet = |number: u16, end: &str, body: &str| {
        let n = body.len() / 2 + 3;
        let mut all = bytes(&format!("7E7E020012345678000036{n:04X}16003{number:03X}{body}{end}"));
        all.extend(super::frame::check_of(&all).to_be_bytes());
        frame(&all).unwrap()
    };
    let first = packet(1, "17", "0001260601080000F1F1001234567848F0F02606010800F3F3FFD8");
    let (second, third) = (packet(2, "17", "0102"), packet(3, "03", "0304"));
    let mut open = Assembler::default();
    assert_eq!(open.take(SENT, first.clone()), Assembled::Waiting);
    assert_eq!(open.take(SENT, third.clone()), Assembled::Missing(vec![2], 1));
    let Assembled::Whole(whole) = open.take(SENT, second.clone()) else { panic!("not whole") };
    let telegram = telegram(&whole).unwrap();
    assert_eq!(telegram.elements.last().map(|e| e.value.clone()), Some(Value::Picture(6)));
    // What comes again is not missing anything: its confirm was lost, or it was asked for twice.
    assert_eq!(open.take(SENT.plus_s(9), second.clone()), Assembled::Waiting);
    assert_eq!(open.take(SENT.plus_s(9), third.clone()), Assembled::Known(1));
    let next = packet(1, "17", "0002260601080500F1F1001234567848F0F02606010800F3F3FFD8");
    for packet in [next, second.clone()] {
        assert_eq!(open.take(SENT.plus_s(9), packet), Assembled::Waiting);
    }
    assert!(matches!(open.take(SENT.plus_s(9), third.clone()), Assembled::Whole(_)));
    // Too late: the earlier packets are gone.
    assert_eq!(open.take(SENT, first), Assembled::Waiting);
    assert_eq!(open.take(SENT.plus_s(620), third), Assembled::Missing(vec![1, 2], 0));
}

/// Values of an element at even intervals, one behind the other, and as every element has one.
#[test]
fn values_at_even_intervals_have_their_own_times() {
    let head = "0003260601080500F1F1001234567848F0F0260601080004180000053923";
    let of = |function: &str, rest: &str| made(function, &format!("{head}{rest}"));
    let at = |bytes: &[u8]| {
        let telegram = telegram(&frame(bytes).unwrap()).unwrap();
        let first = telegram.elements[0].observed_at.unwrap();
        let told = telegram.elements.iter().map(|element| {
            let minutes = element.observed_at.unwrap().since_ms(first) / 60_000;
            let Value::Number(value, _) = element.value else { return String::new() };
            format!("{}={value}+{minutes}", element.symbol)
        });
        let told: Vec<String> = told.filter(|told| !told.is_empty()).collect();
        (told.join(" "), telegram.oddities.len())
    };
    let many = "00030000000301000003020000030300";
    let levels = "Z=30+0 Z=30.1+5 Z=30.2+10 Z=30.3+15";
    assert_eq!(at(&of("31", many)), (levels.to_owned(), 0));
    assert_eq!(at(&of("38", many)), (levels.to_owned(), 0));
    let two = format!("{many}2219000010000020000030000040");
    let rain = "PN05=1+0 PN05=2+5 PN05=3+10 PN05=4+15";
    assert_eq!(at(&of("31", &two)), (format!("{levels} {rain}"), 0));
    assert_eq!(at(&of("31", "00030000381212202019000015")).0, "Z=30+0 VT=12.2+0 PJ=1.5+0");
    // Elsewhere it has one value, and what follows is not taken for elements.
    assert_eq!(at(&of("32", many)), ("Z=30+0".to_owned(), 1));
    let ascii = "0003260601080500ST 0012345678 H TT 2606010800 DRN05 Z 30.0 30.1 MMMM 30.3 VT 12.1";
    assert_eq!(at(&made_ascii("31", ascii)).0, "Z=30+0 Z=30.1+5 Z=30.3+15 VT=12.1+0");
    let without = "0003260601080500ST 0012345678 H TT 2606010800 Z 30.0 30.1 VT 12.1";
    assert_eq!(at(&made_ascii("32", without)), ("Z=30+0 VT=12.1+0".to_owned(), 1));
}

/// Flipped, cut, doubled and spliced telegrams are answered, whatever they say.
#[test]
fn mutations_never_panic() {
    let mut seed = 0x9E37_79B9_u32;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed as usize % below.max(1)
    };
    let body = "0001260601140000F1F1001234567848F0F02606011305F4600A0000000000000000000014392300014420452000000006";
    let sources =
        [bytes(TIMED), made("34", body), made_ascii("32", "0012141205110002ST 0012345678 H Z 1.0")];
    let mut n_read = 0;
    for round in 0..20_000 {
        let mut bytes = sources[round % sources.len()].clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] ^= 1 << random(8),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, u8::try_from(random(256)).unwrap()),
                _ => bytes[at] = u8::try_from(random(256)).unwrap(),
            }
        }
        if round % 2 == 0 && bytes.len() > 4 {
            // With a right check, so that the body is read as well.
            let at = bytes.len() - 2;
            let check = super::frame::check_of(&bytes[..at]).to_be_bytes();
            bytes[at..].copy_from_slice(&check);
        }
        let _cut = cut(&bytes);
        let _next = after_wrong(&bytes);
        if let Ok(frame) = frame(&bytes)
            && let Ok(telegram) = telegram(&frame)
        {
            n_read += 1;
            let _report = readings(&telegram, SENT);
            let _answer = answer(&frame, 1, SENT, Confirm::Again, &[1, 2]);
        }
        let _other = crate::ingest::szy206::read(&bytes, SENT);
    }
    assert!(n_read > 500, "only {n_read} were read: the body is not reached");
}
