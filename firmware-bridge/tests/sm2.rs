//! Orders signed with SM2: the standard's own example, what is refused, and that no terminal can be
//! talked from one algorithm into the other.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "tests index what they made")]

mod support;
use mingluo_bridge::frame::*;
use mingluo_bridge::gateway_key::GatewayKey;
use mingluo_bridge::message::{Order, Query, Target};
use mingluo_bridge::provision::Provision;
use mingluo_bridge::terminal::Terminal;
use support::*;

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    let pairs = hex.as_bytes().chunks(2);
    let all: Vec<u8> =
        pairs.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect();
    all.try_into().unwrap()
}

/// GB/T 32918.5, annex A: private key, public key and signature of "message digest".
const PRIVATE: &str = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
const X: &str = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020";
const Y: &str = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
const SIGNATURE: &str = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3\
                         b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";

#[test]
fn the_standards_example_is_verified() {
    let public = Sm2Key::from_bytes(&bytes(PRIVATE)).unwrap().public();
    assert_eq!(public, GatewayKey::Sm2 { x: bytes(X), y: bytes(Y) });
    let verifier = public.verifier(1).unwrap();
    let check = |domain: &[u8], message: &[u8], signature: &[u8]| {
        verifier.verify(2, 1, domain, message, signature)
    };
    let signature = bytes::<64>(SIGNATURE);
    assert_eq!(
        check(b"message ", b"digest", &signature),
        Ok(()),
        "domain and message are one text"
    );
    assert_eq!(check(b"", b"message digest", &signature), Ok(()));
    assert_eq!(check(b"message", b"digest", &signature), Err(FrameError::Signature));
    for at in 0..64 {
        let mut bad = signature;
        bad[at] ^= 1;
        assert_eq!(check(b"message ", b"digest", &bad), Err(FrameError::Signature), "byte {at}");
    }
    let mut swapped = signature;
    swapped.rotate_left(32);
    assert_eq!(check(b"message ", b"digest", &swapped), Err(FrameError::Signature));
    for bad in [[0; 64], [0xFF; 64]] {
        assert_eq!(check(b"message ", b"digest", &bad), Err(FrameError::Signature));
    }
    assert_eq!(check(b"message ", b"digest", &signature[..63]), Err(FrameError::Signature));
}

#[test]
fn what_is_no_key_makes_none() {
    let order = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";
    let mut last: [u8; 32] = bytes(order);
    assert!(Sm2Key::from_bytes(&last).is_none(), "n");
    last[31] -= 1;
    assert!(Sm2Key::from_bytes(&last).is_none(), "n - 1 signs nothing");
    last[31] -= 1;
    assert!(Sm2Key::from_bytes(&last).is_some(), "n - 2");
    assert!(Sm2Key::from_bytes(&[0; 32]).is_none());
    assert!(Sm2Key::from_bytes(&[0xFF; 32]).is_none());
    let beside = GatewayKey::Sm2 { x: bytes(X), y: bytes(X) };
    assert!(beside.verifier(1).is_none(), "no point of the curve");
    assert!(GatewayKey::Sm2 { x: [0; 32], y: [0; 32] }.verifier(1).is_none());
}

fn query() -> Order {
    let target = Target::Terminal(TERMINAL);
    let (issued_at_ms, expires_ms) = (NOW, NOW + HOUR);
    Order::Query(Query { counter: 1, broadcast: 1, target, issued_at_ms, expires_ms })
}

fn frame_by(signer: &impl Signer, order: &Order) -> Vec<u8> {
    let mut out = [0; FRAME_BYTES_MAX];
    let used = seal(Kind::Order, order, signer, &mut out).unwrap();
    out[..used].to_vec()
}

#[test]
fn a_changed_frame_is_refused_and_the_same_order_has_the_same_bytes() {
    let key = Sm2Key::from_bytes(&bytes(PRIVATE)).unwrap();
    let verifier = key.public().verifier(7).unwrap();
    let frame = frame_by(&Sm2Signer::new(7, &key), &query());
    assert_eq!(frame, frame_by(&Sm2Signer::new(7, &key), &query()));
    let opened = |bytes: &[u8]| open::<Order>(Kind::Order, bytes, &verifier);
    assert_eq!(opened(&frame), Ok(query()));
    for at in 0..frame.len() {
        for bit in 0..8 {
            let mut bad = frame.clone();
            bad[at] ^= 1 << bit;
            assert!(opened(&bad).is_err(), "byte {at}, bit {bit}");
        }
    }
    for length in 0..frame.len() {
        assert!(opened(&frame[..length]).is_err(), "{length} bytes");
    }
    let other = frame_by(&Sm2Signer::new(8, &key), &query());
    assert_eq!(opened(&other), Err(FrameError::Key(8)));
    let stranger = Sm2Key::from_bytes(&[1; 32]).unwrap();
    let forged = frame_by(&Sm2Signer::new(7, &stranger), &query());
    assert_eq!(opened(&forged), Err(FrameError::Signature));
    assert_eq!(open::<Order>(Kind::Receipt, &frame, &verifier), Err(FrameError::Kind(1)));
}

/// A terminal provisioned with both keys, and one with the old key alone.
fn record(sm2: bool) -> Provision {
    let key = Sm2Key::from_bytes(&bytes(PRIVATE)).unwrap();
    let GatewayKey::Sm2 { x, y } = key.public() else { panic!("an SM2 key") };
    Provision {
        terminal: TERMINAL,
        address: 7,
        areas: [430_621_100_001].into_iter().collect(),
        key_id: 1,
        key: [5; 32],
        gateway_key: signing_key().verifying_key().to_bytes(),
        volume_percent: 80,
        drills: true,
        speech: None,
        sm2_key: sm2.then_some((x, y)),
    }
}

#[test]
fn no_terminal_is_talked_into_the_other_algorithm() {
    let key = Sm2Key::from_bytes(&bytes(PRIVATE)).unwrap();
    let order = Order::Play(manifest(5, 10));
    let by_sm2 = frame_by(&Sm2Signer::new(1, &key), &order);
    let by_ed25519 = sealed(&order);
    for sm2 in [true, false] {
        let verifier = record(sm2).line("test").unwrap().verifier;
        let mut terminal = Terminal::boot(profile(), Cells::default(), NOW);
        while terminal.next_action().is_some() {}
        let (own, foreign) = if sm2 { (&by_sm2, &by_ed25519) } else { (&by_ed25519, &by_sm2) };
        let algorithm = foreign[2];
        let refused = Err(FrameError::Algorithm(algorithm));
        assert_eq!(terminal.on_order(NOW, foreign, &verifier), refused);
        // The other's frame under our algorithm's number, and ours under the other's.
        for (frame, byte) in [(foreign, own[2]), (own, foreign[2])] {
            let mut relabelled = frame.clone();
            relabelled[2] = byte;
            assert!(terminal.on_order(NOW, &relabelled, &verifier).is_err());
        }
        assert_eq!(terminal.next_action(), None, "a forger learns nothing");
        assert_eq!(terminal.on_order(NOW, own, &verifier), Ok(()));
        assert!(terminal.next_action().is_some());
    }
}
