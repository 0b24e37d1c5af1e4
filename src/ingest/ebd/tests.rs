//! Packages written and read back, faults told with their code, and mutations that never panic.

use super::*;
use crate::model::{AlertForm, BrdState, EbdKind, Level, MsgType, Scope, Status, UtcMs};

const AT: UtcMs = UtcMs(1_791_000_000_000);
const UPPER: &str = "23400000000000101010101";
const OWN: &str = "44306210000000101010101";

fn envelope(kind: EbdKind) -> Envelope {
    let related = (kind != EbdKind::Ebm).then(|| ebd_id(OWN, 9));
    let id = ebd_id(UPPER, if kind == EbdKind::ConnectionCheck { 0 } else { 7 });
    Envelope { id, kind, source: UPPER.into(), dest: Some(OWN.into()), sent: AT, related }
}

fn ebm(msg_type: u8, related: Option<&str>) -> Ebm {
    Ebm {
        id: format!("{UPPER}202610030001"),
        related: related.map(str::to_owned),
        basic: Some(Basic {
            msg_type,
            sender_name: "省气象台".into(),
            sender_code: "43000041600000".into(),
            sent: AT,
            event_type: "11B03".into(),
            severity: 1,
            begins: Some(AT),
            ends: Some(AT.plus_s(3_600)),
        }),
        contents: vec![Content {
            language: "zho".into(),
            title: Some("省气象台发布暴雨红色预警".into()),
            desc: Some("预计<3>小时内降雨 & 大风".into()),
            areas: vec!["430621000000".into()],
            auxiliaries: vec![Auxiliary {
                kind: 2,
                desc: "EBDR_rain.mp3".into(),
                size: Some(5),
                digest: Some(sm3_of(b"sound")),
            }],
        }],
        systems: Vec::new(),
    }
}

fn state() -> StateResponse {
    StateResponse {
        at: AT,
        ebm: format!("{UPPER}202610030001"),
        state: BrdState::Playing,
        desc: "播发中".into(),
        coverage: Some(Coverage {
            rate: "0.50".into(),
            areas: "430621000000".into(),
            resources: "1,0,0,3".into(),
        }),
        items: vec![ResBrdItem {
            platform: OWN.into(),
            at: AT,
            began: Some(AT),
            ended: None,
            state: BrdState::Playing,
            desc: "播发中".into(),
        }],
    }
}

fn record(kind: EbdKind) -> ResourceRecord {
    let state = kind.name().ends_with("State").then_some(1);
    let base = ResourceRecord { at: AT, code: OWN.into(), ..ResourceRecord::default() };
    match state {
        Some(_) => ResourceRecord { state, desc: "正常".into(), ..base },
        None => ResourceRecord {
            upper: Some(UPPER.into()),
            name: "县平台".into(),
            longitude: "113.12".into(),
            latitude: "29.14".into(),
            ..base
        },
    }
}

fn body(kind: EbdKind) -> Body {
    let params = Params { from: Some(AT), until: None, incremental: true };
    match kind {
        EbdKind::Ebm => Body::Ebm(Box::new(ebm(1, None))),
        EbdKind::EbmStateRequest => Body::StateRequest { ebm: ebm(1, None).id },
        EbdKind::EbmStateResponse => Body::State(state()),
        EbdKind::OmdRequest => Body::Request(OmdRequest { what: EbdKind::EbrdtInfo, params }),
        EbdKind::EbmBrdLog => {
            let mut content = ebm(1, None).contents.remove(0);
            content.auxiliaries.clear();
            let state = StateResponse { at: UtcMs(0), ..state() };
            let mut item = LogItem { state, content };
            item.state.items[0].at = AT;
            Body::Log(params, vec![item])
        }
        EbdKind::ConnectionCheck => Body::Check { at: AT },
        EbdKind::EbdNotify | EbdKind::EbdResponse => {
            Body::Result { code: ResultCode::Good, desc: "接收正常".into() }
        }
        EbdKind::EbrpsInfo
        | EbdKind::EbrstInfo
        | EbdKind::EbrasInfo
        | EbdKind::EbrbsInfo
        | EbdKind::EbrdtInfo
        | EbdKind::EbrpsState
        | EbdKind::EbrasState
        | EbdKind::EbrbsState
        | EbdKind::EbrdtState => Body::Records(params, vec![record(kind)]),
    }
}

fn packed(envelope: &Envelope, xml: &str) -> Vec<u8> {
    let files = [
        (data_name(&envelope.id), xml.as_bytes()),
        ("EBDR_rain.mp3".to_owned(), b"sound".as_slice()),
    ];
    tar(&files, 0)
}

#[test]
fn all_seventeen_types_are_written_and_read_back_the_same() {
    for profile in [Profile::Y2018, Profile::Y2016] {
        for (kind, _) in EbdKind::ALL {
            let head = envelope(kind);
            let made = xml(profile, &head, &body(kind));
            let (_, posted) = body_with(&package_name(&head.id), &packed(&head, &made));
            assert!(is_package(&posted));
            let read = read(&posted).unwrap_or_else(|unread| panic!("{made}: {unread:?}"));
            assert_eq!((read.envelope, read.body), (head, body(kind)), "{made}");
            assert_eq!(read.oddities, [], "{made}");
            assert_eq!(read.signed, made.as_bytes());
        }
    }
}

#[test]
fn an_ebm_becomes_an_alert_with_its_sound() {
    let head = envelope(EbdKind::Ebm);
    let of = |ebm: &Ebm| {
        let text = xml(Profile::Y2018, &head, &Body::Ebm(Box::new(ebm.clone())));
        read(&packed(&head, &text)).unwrap()
    };
    let package = of(&ebm(1, None));
    let alert = package.alert.unwrap();
    assert_eq!((alert.form, alert.status), (AlertForm::Ebm, Status::Actual));
    assert_eq!((alert.msg_type, alert.scope), (MsgType::Alert, Scope::Public));
    assert_eq!((alert.id.sender.as_str(), alert.id.sent), (UPPER, AT));
    let info = &alert.infos[0];
    assert_eq!((info.level, info.language.as_str()), (Some(Level::Red), "zh-CN"));
    assert_eq!((info.expires, info.event.as_str()), (Some(AT.plus_s(3_600)), "11B03"));
    assert_eq!(info.areas[0].geocodes[0].value, "430621000000");
    assert_eq!(info.resources[0].uri, None);
    assert_eq!(
        package.sound.map(|sound| (sound.bytes, sound.vouched)),
        Some((b"sound".to_vec(), true))
    );
    for (msg_type, related, status, kind) in [
        (2, Some("x"), Status::Actual, MsgType::Cancel),
        (1, Some("x"), Status::Actual, MsgType::Update),
        (3, None, Status::Exercise, MsgType::Alert),
        (5, None, Status::Exercise, MsgType::Alert),
    ] {
        let alert = of(&ebm(msg_type, related)).alert.unwrap();
        assert_eq!((alert.status, alert.msg_type), (status, kind), "{msg_type}");
    }
    let mut others = ebm(1, None);
    others.systems = vec!["0301".into()];
    assert_eq!(of(&others).alert.unwrap().scope, Scope::Restricted);
    let mut voluntary = ebm(1, None);
    voluntary.id = format!("{UPPER}202610030000");
    voluntary.basic = None;
    assert_eq!(of(&voluntary).alert.unwrap().status, Status::System);
}

/// What is not in the package is told as an address or as left out; nothing of it vanishes.
#[test]
fn sound_elsewhere_is_told_and_nothing_vanishes() {
    let head = envelope(EbdKind::Ebm);
    let of = |auxiliaries: &[(u8, &str)], more: &[&str]| {
        let mut ebm = ebm(1, None);
        let made = auxiliaries.iter().map(|(kind, desc)| Auxiliary {
            kind: *kind,
            desc: (*desc).to_owned(),
            size: Some(5),
            digest: None,
        });
        ebm.contents[0].auxiliaries = made.collect();
        let text = xml(Profile::Y2018, &head, &Body::Ebm(Box::new(ebm)));
        let mut files = vec![(data_name(&head.id), text.as_bytes())];
        files.extend(more.iter().map(|name| ((*name).to_owned(), b"<EBI/>".as_slice())));
        read(&tar(&files, 0)).unwrap()
    };
    let url = "HTTP://10.0.0.9/sounds/rain.mp3";
    let linked = of(&[(2, url)], &[]);
    assert_eq!((linked.sound, linked.left_out.as_slice()), (None, [].as_slice()));
    let linked = linked.linked.unwrap();
    assert_eq!((linked.url.as_str(), linked.size), (url, Some(5)));
    let check = |auxiliaries: &[(u8, &str)], more: &[&str], left: &[LeftOut], word: &str| {
        let package = of(auxiliaries, more);
        assert_eq!(package.left_out, left, "{auxiliaries:?}");
        let told = package.oddities.iter().any(|oddity| oddity.what.contains(word));
        assert!(told, "`{word}` is not in {:?}", package.oddities);
    };
    check(&[(61, "rtp://239.0.0.1:5000")], &[], &[LeftOut::Stream], "a stream is not played");
    check(&[(2, "rtsp://10.0.0.9/x")], &[], &[LeftOut::Stream], "no file that can be fetched");
    check(&[(2, url), (2, url)], &[], &[LeftOut::MoreSounds], "the first is played");
    check(&[], &["EBDI_1.xml"], &[LeftOut::Information], "the information file");
    assert!(linked.sound(b"sound".to_vec()).is_ok_and(|sound| !sound.vouched));
    assert!(linked.sound(b"longer".to_vec()).unwrap_err().contains("expected 5 bytes, got 6"));
    let signed = LinkedSound { digest: Some(sm3_of(b"sound")), ..linked };
    assert!(signed.sound(b"sound".to_vec()).is_ok_and(|sound| sound.vouched));
    assert!(signed.sound(b"other".to_vec()).unwrap_err().contains("SM3"));
}

/// The code of the receipt, and a word that a fault has.
fn check(change: impl Fn(&str) -> String, code: ResultCode, word: &str) {
    let head = envelope(EbdKind::Ebm);
    let text = change(&xml(Profile::Y2018, &head, &body(EbdKind::Ebm)));
    let unread = read(&packed(&head, &text)).expect_err(word);
    assert_eq!(unread.code, code, "{unread:?}");
    let faults = &unread.rejection.faults;
    assert!(faults.iter().any(|fault| fault.what.contains(word)), "{word}: {faults:?}");
}

#[test]
fn faults_are_told_with_the_code_of_the_receipt() {
    use ResultCode::{Missing, ParseFailed};
    let without = |name: &'static str| {
        move |text: &str| {
            let (head, rest) = text.split_once(&format!("<{name}>")).unwrap();
            let (_, tail) = rest.split_once(&format!("</{name}>")).unwrap();
            format!("{head}{tail}")
        }
    };
    check(without("EBDID"), Missing, "it is missing");
    check(without("EBDTime"), Missing, "it is missing");
    check(without("MsgBasicInfo"), Missing, "it is missing");
    check(without("MsgContent"), Missing, "it is missing");
    check(without("SendTime"), Missing, "it is missing");
    check(|text| text.replace("<MsgType>1<", "<MsgType>2<"), Missing, "message to stop");
    check(|text| text.replace("<MsgType>1<", "<MsgType>9<"), ParseFailed, "0 to 5");
    check(|text| text.replace("EBDType>EBM<", "EBDType>EBX<"), ParseFailed, "seventeen");
    check(|text| text.replace(&sm3_of(b"sound"), &sm3_of(b"other")), ParseFailed, "SM3");
    check(|text| text.replace("EBDR_rain", "EBDR_none"), Missing, "EBDR_none");
    check(|text| text.replace("2026-", "20x6-"), ParseFailed, "a time");
    check(|text| text.replace("</EBD>", ""), ParseFailed, "end of the message");
    let bomb = "<!DOCTYPE a [<!ENTITY b \"c\">]><EBD>";
    check(|text| text.replace("<EBD>", bomb), ParseFailed, "DOCTYPE");
    assert_eq!(read(b"").unwrap_err().code, ParseFailed);
    assert_eq!(read(&tar(&[("x".into(), b"y")], 0)).unwrap_err().code, Missing);
}

/// Quirks of real peers: taken, with a note each.
#[test]
fn quirks_of_real_peers_are_taken() {
    let odd = |kind: EbdKind, from: &str, to: &str| {
        let head = envelope(kind);
        let text = xml(Profile::Y2018, &head, &body(kind));
        assert!(text.contains(from), "{from} in {text}");
        read(&packed(&head, &text.replacen(from, to, 1))).unwrap_or_else(|e| panic!("{to}: {e:?}"))
    };
    let spaced = odd(EbdKind::Ebm, "<EBRID>23400", "<EBRID>234 00");
    assert_eq!(spaced.envelope.source, UPPER);
    assert!(!spaced.oddities.is_empty());
    let none = odd(EbdKind::Ebm, &format!("<EBRID>{UPPER}"), "<EBRID>");
    assert_eq!(none.envelope.source, "");
}

#[test]
fn the_sample_of_a_state_request_without_its_wrapper_is_read() {
    let head = envelope(EbdKind::EbmStateRequest);
    let text = xml(Profile::Y2018, &head, &body(EbdKind::EbmStateRequest));
    let bare = text.replace("<EBM><EBMID>", "<EBMID>").replace("</EBMID></EBM>", "</EBMID>");
    let read = read(&packed(&head, &bare)).unwrap();
    assert_eq!(read.body, body(EbdKind::EbmStateRequest));
    let head = envelope(EbdKind::EbmStateResponse);
    let text = xml(Profile::Y2018, &head, &body(EbdKind::EbmStateResponse));
    let short = text.replace("BrdStateDesc>", "BrdStateDes>");
    let Body::State(state) = super::read(&packed(&head, &short)).unwrap().body else { panic!() };
    assert_eq!(state.desc, "播发中");
}

/// Bytes flipped, cut, doubled and put elsewhere: every package is answered, none panics.
#[test]
fn mutated_packages_are_answered() {
    let mut seed = 0x5EED_u64;
    let mut next = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below.max(1)
    };
    let seeds: Vec<Vec<u8>> = EbdKind::ALL
        .iter()
        .map(|(kind, _)| {
            let head = envelope(*kind);
            let packed = packed(&head, &xml(Profile::Y2018, &head, &body(*kind)));
            body_with(&package_name(&head.id), &packed).1
        })
        .collect();
    let (mut good, mut bad) = (0, 0);
    for run in 0..8_000 {
        let mut bytes = seeds[run % seeds.len()].clone();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(5) {
                0 => bytes[at] ^= 1 << next(8),
                1 => bytes.truncate(at),
                2 => {
                    let end = (at + next(600)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = next(bytes.len());
                    bytes.splice(to..to, piece);
                }
                3 => drop(bytes.drain(at..(at + next(40)).min(bytes.len()))),
                _ => bytes[at] = [0, b'<', b'7', 0xFF, b'&', b'/'][next(6)],
            }
            if bytes.is_empty() {
                break;
            }
        }
        match read(&bytes) {
            Ok(_) => good += 1,
            Err(unread) => {
                assert!(!unread.rejection.faults.is_empty());
                bad += 1;
            }
        }
    }
    assert!(good > 100 && bad > 1_000, "{good} read, {bad} refused: the mutations are too weak");
}
