//! Alerts inside other documents: envelopes of web services, distributions, feed entries, and alerts
//! that are written as text in them.

use super::fuzz::{Random, mutate, number};
use super::rules::{CAP, NATIONAL};
use super::{is_answered, listed};
use mingluo::ingest::read;

/// Mutations of an ordinary test run.
const RUNS: u64 = 5_000;

/// Wrappers; `@` is where the alert stands.
const GOOD: &[&str] = &[
    "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header/><s:Body>@</s:Body>\
     </s:Envelope>",
    "<EBM version=\"1\"><EBMHeader><code>x</code></EBMHeader><Content>@</Content></EBM>",
    "<EBD xmlns=\"http://ebd.example/1\"><EBDType>EBM</EBDType><MsgContent>@</MsgContent></EBD>",
    "<EDXLDistribution xmlns=\"urn:oasis:names:tc:emergency:EDXL:DE:1.0\"><contentObject><xmlContent>\
     <embeddedXMLContent>@</embeddedXMLContent></xmlContent></contentObject></EDXLDistribution>",
    "<entry xmlns=\"http://www.w3.org/2005/Atom\"><title>t</title><content type=\"text/xml\">@\
     </content></entry>",
    "<feed xmlns=\"http://www.w3.org/2005/Atom\"><entry><content>@</content></entry></feed>",
];

fn without_declaration(alert: &str) -> &str {
    alert.split_once("?>").map_or(alert, |(_, rest)| rest)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The same alert comes out as if it had come alone, and an oddity tells where it stood.
fn check(wrapper: &str, inside: &str, alone: &str, odd: &str) {
    let expect = read(alone.as_bytes(), None).unwrap();
    let whole = wrapper.replace('@', inside);
    let alert = match read(whole.as_bytes(), None) {
        Ok(alert) => alert,
        Err(rejection) => panic!("{whole}:\n{}", listed(&rejection.faults)),
    };
    let told = listed(&alert.oddities);
    assert!(told.contains(odd), "{wrapper}: `{odd}` is not in\n{told}");
    assert_eq!(alert.infos, expect.infos, "{wrapper}");
    assert_eq!((alert.id, alert.form), (expect.id, expect.form), "{wrapper}");
}

#[test]
fn alerts_in_wrappers() {
    for wrapper in GOOD {
        for alone in [CAP, NATIONAL] {
            let bare = without_declaration(alone);
            check(wrapper, bare, alone, "it was taken out");
            check(wrapper, &escaped(alone), alone, "written as text");
            let data = format!("<arg0><![CDATA[{alone}]]></arg0>");
            check(wrapper, &data, alone, "written as text");
        }
    }
}

#[test]
fn what_is_no_single_alert_is_told() {
    let envelope = GOOD[0];
    let cap = without_declaration(CAP);
    let two = format!("<a>{0}</a><b>{0}</b>", escaped(CAP));
    let nested = escaped(&format!("<x>{}</x>", escaped(CAP)));
    for (inside, expect) in [
        (String::new(), "without any alert"),
        (cap.repeat(2), "with 2 alerts; send each by itself"),
        (two, "with 2 of them written as text"),
        (escaped("<alert><status>Actual</status>"), "expected `</alert>`"),
        (escaped("<note>no alert here</note>"), "expected one alert written inside"),
        (nested, "expected one alert written inside"),
        (escaped(&cap.replace("Actual", "Real")), "got \"Real\""),
        ("<fault>alert</fault>".to_owned(), "without any alert"),
    ] {
        let whole = envelope.replace('@', &inside);
        let rejection = read(whole.as_bytes(), None).expect_err(&whole);
        let told = listed(&rejection.faults);
        assert!(told.contains(expect), "{inside}: `{expect}` is not in\n{told}");
    }
    // A namespace that the alert itself names is not the wrapper's.
    let foreign = cap.replace("urn:oasis:names:tc:emergency:cap:1.2", "urn:x");
    let rejection = read(envelope.replace('@', &foreign).as_bytes(), None).unwrap_err();
    assert!(listed(&rejection.faults).contains("expected the namespace"));
}

/// Seeded: wrappers around mutated alerts, in all three ways of standing there.
#[test]
fn mutated_wrappers_are_always_answered() {
    let others: Vec<Vec<u8>> = [CAP, NATIONAL].map(|text| text.as_bytes().to_vec()).into();
    let seed = number("FUZZ_SEED", 1);
    let mut n_alerts = 0_u64;
    for run in 0..number("FUZZ_RUNS", RUNS) {
        let mut random = Random(seed.wrapping_mul(7_000_003).wrapping_add(run));
        let mut alert = others[random.below(others.len())].clone();
        for _ in 0..random.below(3) {
            mutate(&mut alert, &others, &mut random);
        }
        let text = String::from_utf8_lossy(&alert).into_owned();
        let inside = match random.below(3) {
            0 => without_declaration(&text).to_owned(),
            1 => escaped(&text),
            _ => format!("<![CDATA[{text}]]>"),
        };
        let mut whole = GOOD[random.below(GOOD.len())].replace('@', &inside).into_bytes();
        for _ in 0..random.below(3) {
            mutate(&mut whole, &others, &mut random);
        }
        let got = std::panic::catch_unwind(|| read(&whole, None));
        let shown = String::from_utf8_lossy(&whole);
        let Ok(got) = got else { panic!("run {run} of seed {seed} panics on {shown:?}") };
        if let Err(why) = is_answered(&got) {
            panic!("run {run} of seed {seed}: {why}: {shown:?}");
        }
        n_alerts += u64::from(got.is_ok());
    }
    assert!(n_alerts > 0, "mutations that leave nothing whole test nothing");
}
