//! Signatures made by another program, tampering, wrapping, and seeded mutations.

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/signature/", $name))
    };
}

const INCLUSIVE_XML: &[u8] = fixture!("rsa_inclusive.xml");
const EXCLUSIVE_XML: &[u8] = fixture!("rsa_exclusive.xml");
const SHA1_XML: &[u8] = fixture!("rsa_sha1.xml");
const ECDSA_XML: &[u8] = fixture!("ecdsa.xml");

fn key(pem: &[u8]) -> VerifyingKey {
    VerifyingKey::from_pem(pem).unwrap()
}

fn word(bytes: &[u8], keys: &[VerifyingKey]) -> &'static str {
    match signature(bytes, None, keys) {
        SignatureState::None => "none",
        SignatureState::Valid { legacy: false, .. } => "valid",
        SignatureState::Valid { legacy: true, .. } => "legacy",
        SignatureState::UnknownKey => "unknown key",
        SignatureState::Invalid(_) => "invalid",
    }
}

fn changed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = core::str::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn signatures_of_another_program_are_valid_with_their_own_key_alone() {
    let (rsa, ec) = (key(fixture!("rsa.pem")), key(fixture!("ec.pem")));
    let (bare, other) = (key(fixture!("rsa_public.pem")), key(fixture!("other.pem")));
    for (bytes, own, expect) in [
        (INCLUSIVE_XML, &rsa, "valid"),
        (INCLUSIVE_XML, &bare, "valid"),
        (EXCLUSIVE_XML, &rsa, "valid"),
        (SHA1_XML, &rsa, "legacy"),
        (ECDSA_XML, &ec, "valid"),
    ] {
        assert_eq!(word(bytes, &[other.clone(), own.clone()]), expect);
        assert_eq!(word(bytes, std::slice::from_ref(&other)), "unknown key");
        assert_eq!(word(bytes, &[]), "unknown key");
        let read = crate::ingest::read(bytes, None).unwrap();
        assert_eq!(read.infos[0].headline.as_deref(), Some("岳阳县气象台发布暴雨红色预警"));
    }
    assert_eq!(word(b"<alert/>", std::slice::from_ref(&rsa)), "none");
    assert_eq!(word(b"{}", &[rsa]), "none");
}

#[test]
fn longer_digests_and_other_names_of_the_same_form_are_valid() {
    let keys = [key(fixture!("rsa_sha2.pem"))];
    let all: [&[u8]; 2] = [fixture!("rsa_sha384.xml"), fixture!("rsa_sha512.xml")];
    for bytes in all {
        assert_eq!(word(bytes, &keys), "valid");
        assert_eq!(word(bytes, &[]), "unknown key");
        assert_eq!(word(&changed(bytes, "橙色", "蓝色"), &keys), "invalid");
        assert_eq!(word(&changed(bytes, "#rsa-sha", "#rsa-sah"), &keys), "invalid");
    }
}

#[test]
fn a_changed_alert_is_not_valid() {
    let keys = [key(fixture!("rsa.pem"))];
    for bytes in [INCLUSIVE_XML, EXCLUSIVE_XML, SHA1_XML] {
        for (from, to) in [
            ("红色", "蓝色"),
            ("430621000000", "430600000000"),
            ("<status>", "<status >x"),
            ("<scope>", "<info/><scope>"),
            ("xmldsig-more#rsa-sha256", "xmldsig-more#rsa-sha512"),
            ("enveloped-signature", "enveloped"),
            ("URI=\"\"", "URI=\"#x\""),
            ("URI=\"\"", "URI=\"http://a/b\""),
            ("<ds:Reference", "<ds:Reference URI=\"\"/><ds:Reference"),
            ("<ds:DigestValue>", "<ds:DigestValue>AA"),
            ("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"),
        ] {
            if from.contains("sha256") && bytes == SHA1_XML {
                continue;
            }
            let state = signature(&changed(bytes, from, to), None, &keys);
            assert!(matches!(state, SignatureState::Invalid(_)), "{from} → {to}: {state:?}");
            assert!(state.refused().is_some() && state.reason().is_some());
        }
        // What is not signed may change: comments, the form of an empty element, quotes.
        for (from, to) in [(" not signed ", " other "), ("encoding=\"UTF-8\"", "encoding='utf-8'")]
        {
            assert_ne!(word(&changed(bytes, from, to), &keys), "invalid", "{from}");
        }
    }
}

/// The signed alert moved elsewhere, and another put in its place.
#[test]
fn wrapping_a_signed_alert_in_another_gains_nothing() {
    let keys = [key(fixture!("rsa.pem"))];
    let text = core::str::from_utf8(EXCLUSIVE_XML).unwrap();
    let at = text.find("<alert").unwrap();
    let signed = text[at..].trim();
    let evil = signed.replace("红色", "蓝色");
    let cut = evil.find("<ds:Signature").unwrap();
    let (evil_head, _) = evil.split_at(cut);
    let sign_at = signed.find("<ds:Signature").unwrap();
    let sign = signed[sign_at..].trim_end_matches("</alert>");
    for wrapped in [
        format!("{evil_head}<x>{signed}</x></alert>"),
        format!("{evil_head}{sign}<x>{signed}</x></alert>"),
        format!(
            "{evil_head}{}</alert>",
            sign.replace(
                "</ds:Signature>",
                &format!("<ds:Object>{signed}</ds:Object></ds:Signature>")
            )
        ),
        format!("<feed>{signed}</feed>"),
        format!("{evil_head}<info>{sign}</info></alert>"),
        format!("{evil_head}{sign}{sign}</alert>"),
    ] {
        assert_eq!(word(wrapped.as_bytes(), &keys), "invalid", "{wrapped}");
    }
}

/// Seeded changes of single bytes and pieces: never a panic, and valid only if the alert reads the same.
#[test]
fn mutations_never_panic_and_never_pass_with_another_content() {
    let keys = [key(fixture!("rsa.pem")), key(fixture!("ec.pem"))];
    let seeds = [INCLUSIVE_XML, EXCLUSIVE_XML, ECDSA_XML];
    let told = |bytes: &[u8]| {
        let mut alert = crate::ingest::read(bytes, None).ok()?;
        alert.oddities.clear();
        Some(alert)
    };
    let whole: Vec<_> = seeds.iter().map(|seed| told(seed)).collect();
    let mut random = 1_u64;
    let mut next = |n: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % n
    };
    let (mut n_valid, mut n_not) = (0, 0);
    for run in 0..4_000 {
        let which = run % seeds.len();
        let mut bytes = seeds[which].to_vec();
        let at = next(bytes.len());
        match next(4) {
            0 => bytes[at] ^= 1 << next(8),
            1 => drop(bytes.drain(at..(at + next(30)).min(seeds[which].len()))),
            2 => {
                let end = (at + next(60)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = next(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let pieces: [&[u8]; 6] =
                    [b"<!---->", b" ", b"&#10;", b"<x/>", b"]]>", b"xmlns:q='u' "];
                bytes.splice(at..at, pieces[next(6)].iter().copied());
            }
        }
        if word(&bytes, &keys) == "valid" {
            n_valid += 1;
            // What the reader refuses sounds nowhere, signed or not.
            let read = told(&bytes);
            let same = read.is_none() || read == whole[which];
            assert!(same, "{}", String::from_utf8_lossy(&bytes));
        } else {
            n_not += 1;
        }
    }
    assert!(n_valid > 10 && n_not > 1_000, "{n_valid} valid, {n_not} not");
}
