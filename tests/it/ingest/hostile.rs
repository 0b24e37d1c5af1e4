//! Bytes that mean harm or come from a broken sender: bounded work, a told reason, no panic.

use super::{fixtures, is_answered, listed};
use mingluo::ingest::{RAW_BYTES_MAX, read};

/// Reads `bytes`, which must be rejected with `what` among the faults.
fn check(bytes: &[u8], too_large: bool, what: &str) {
    let rejection = read(bytes, None).unwrap_err();
    let told = listed(&rejection.faults);
    assert!(told.contains(what), "`{what}` is not in\n{told}");
    assert_eq!(rejection.too_large, too_large, "{told}");
}

fn alert_with(inside: &str) -> String {
    let head = "<identifier>1</identifier><sender>a</sender><sent>2026-06-01T08:00:00+08:00</sent>\
                <status>Actual</status><msgType>Alert</msgType><scope>Public</scope>";
    format!("<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'>{head}{inside}</alert>")
}

#[test]
fn sizes_over_their_limits() {
    check(&vec![b' '; 50 * 1024 * 1024], true, "at most 8388608 bytes");
    check(&vec![b'<'; RAW_BYTES_MAX + 1], true, "at most 8388608 bytes");
    check(alert_with(&"<a>".repeat(100_000)).as_bytes(), true, "at most 32 levels");
    let deep = "[".repeat(100_000);
    check(format!("{{\"info\":{deep}").as_bytes(), true, "levels of nesting");
    check(alert_with(&"<a/>".repeat(300_000)).as_bytes(), true, "200000 elements");
    let wide = format!("{{\"code\":[{}1]}}", "1,".repeat(300_000));
    check(wide.as_bytes(), true, "at most 200000 values");
    let note = format!("<note>{}</note>", "x".repeat(2 * 1024 * 1024));
    check(alert_with(&note).as_bytes(), true, "bytes of text in an element");
    let info = |inside: &str| {
        alert_with(&format!("<info><event>e</event><severity>Minor</severity>{inside}</info>"))
    };
    let ring = format!("<area><polygon>{}</polygon></area>", "29.1,113.1 ".repeat(20_001));
    check(info(&ring).as_bytes(), true, "at most 20000 points");
    let many: String = (0..100_000).map(|n| format!(" a{n}=''")).collect();
    check(format!("<alert{many}/>").as_bytes(), true, "at most 64 attributes");
    let twice = alert_with(&format!("{}<status>Test</status>", "<a>".repeat(100)));
    check(twice.as_bytes(), true, "at most 32 levels");
}

/// Shapes of input that would take hours if any step compared everything with everything.
#[test]
fn many_of_everything_is_still_read() {
    let infos = "<info><event>e</event><severity>Minor</severity></info>".repeat(60_000);
    check(alert_with(&infos).as_bytes(), true, "at most 256 info blocks, got 60000");
    let names: String = (0..190_000).map(|n| format!("<x{n}/>")).collect();
    let alert = read(alert_with(&names).as_bytes(), None).unwrap();
    assert!(listed(&alert.oddities).contains("189800 more oddities"));
    let codes: String = (0..140_000).map(|n| format!("{n},")).collect();
    let national = "<alert><identifier>1</identifier><senderCode>43062141600000</senderCode>\
                    <sendTime>2026-06-01 08:00:00</sendTime><status>Actual</status>\
                    <msgType>Alert</msgType><scope>Public</scope><info><eventType>11B03</eventType>\
                    <severity>Red</severity><headline>h</headline><area><geocode>CODES</geocode>\
                    </area></info></alert>";
    let alert = read(national.replace("CODES", &codes).as_bytes(), None).unwrap();
    assert_eq!(alert.infos[0].areas[0].geocodes.len(), 140_000);
    let spaces: String = (0..31)
        .map(|depth| {
            let all: String = (0..60).map(|n| format!(" xmlns:p{n}='u{depth}'")).collect();
            format!("<a{all}>")
        })
        .collect();
    check(alert_with(&spaces).as_bytes(), true, "256 namespaces");
}

/// A size fault beside another fault is not only a matter of size.
#[test]
fn too_large_is_said_only_when_it_is_the_only_reason() {
    let text = alert_with(&"<a>".repeat(100)).replace("Actual", "Real");
    check(text.as_bytes(), false, "at most 32 levels");
}

#[test]
fn entities_are_never_expanded() {
    let entities: String =
        (1..30).map(|n| format!("<!ENTITY l{n} \"&l{};&l{};\">", n - 1, n - 1)).collect();
    let bomb = format!("<!DOCTYPE a [<!ENTITY l0 \"lol\">{entities}]>");
    check((bomb.clone() + &alert_with("<note>&l29;</note>")).as_bytes(), false, "&l29;");
    check((bomb + &alert_with("")).as_bytes(), false, "DOCTYPE");
    let file = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>".to_owned();
    check((file + &alert_with("<note>&x;</note>")).as_bytes(), false, "DOCTYPE");
    let outside = "<!DOCTYPE alert SYSTEM 'http://127.0.0.1:1/x.dtd'>".to_owned();
    check((outside + &alert_with("")).as_bytes(), false, "DOCTYPE");
    let many = format!("<note>{}</note>", "&x;".repeat(500_000));
    check(alert_with(&many).as_bytes(), false, "more faults, not listed");
}

#[test]
fn nothing_and_noise() {
    check(b"", false, "got nothing");
    check(b" \n\t ", false, "got nothing");
    check(b"\xEF\xBB\xBF", false, "got nothing");
    check(b"\0", false, "expected an alert in XML or JSON");
    check(&[0; 1000], false, "expected an alert in XML or JSON");
    check(b"<", false, "well-formed");
    check(b"{", false, "expected JSON");
    check(b"\xFF\xFE", false, "got nothing");
    check(b"\xFF\xFE<", false, "damaged or cut off");
    check(b"PK\x03\x04....", false, "a ZIP archive");
    check(b"%PDF-1.7", false, "a PDF document");
    check(alert_with("<note>a\0b</note>").as_bytes(), false, "NUL");
    check((alert_with("") + "x\0\0").as_bytes(), false, "outside the root element");
    check((alert_with("") + &alert_with("")).as_bytes(), false, "one root element");
}

/// Every fixture cut off at every byte: never a panic; and what is not yet closed is no alert.
#[test]
fn cut_off_at_every_byte() {
    for path in fixtures() {
        let whole = std::fs::read(&path).unwrap();
        let used = whole.trim_ascii_end().len();
        for end in 0..whole.len() {
            let got = read(&whole[..end], None);
            if let Err(why) = is_answered(&got) {
                panic!("{} cut at byte {end}: {why}", path.display());
            }
            // In UTF-16 white space has two bytes: the end is not so easily told.
            let is_utf16 = path.to_string_lossy().contains("utf16");
            assert!(
                is_utf16 || end >= used || got.is_err(),
                "{} is accepted when cut at byte {end}",
                path.display()
            );
        }
    }
}

/// What stands before the place of an error is told too.
#[test]
fn faults_before_an_error_are_told_with_it() {
    let text = alert_with("<info><event>e</evnt>").replace("Actual", "Real");
    check(text.as_bytes(), false, "got \"Real\"");
    check(text.as_bytes(), false, "well-formed");
}
