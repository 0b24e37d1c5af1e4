//! Every fixture: good ones become the alert that stands in them, bad ones are rejected for the
//! right reasons, all of them.

use super::{fixtures, listed, read_fixture};
use mingluo::model::{Alert, AlertForm, Level, MsgType, Scope, Status};

/// A good fixture: its form and level, number of infos, areas, shapes, and the oddities it must
/// tell (part of each text).
fn good(name: &str, form: AlertForm, level: Option<Level>, counts: [usize; 4], odd: &[&str]) {
    let alert = match read_fixture(name) {
        Ok(alert) => alert,
        Err(rejection) => panic!("{name} is rejected:\n{}", listed(&rejection.faults)),
    };
    assert_eq!(alert.form, form, "{name}");
    assert_eq!(alert.infos.first().and_then(|info| info.level), level, "{name}");
    assert_eq!(n_parts(&alert), counts, "{name}: infos, areas, shapes, geocodes");
    let told = listed(&alert.oddities);
    assert_eq!(alert.oddities.len(), odd.len(), "{name}:\n{told}");
    for odd in odd {
        assert!(told.contains(odd), "{name} does not tell `{odd}`:\n{told}");
    }
}

fn n_parts(alert: &Alert) -> [usize; 4] {
    let areas = || alert.infos.iter().flat_map(|info| &info.areas);
    [
        alert.infos.len(),
        areas().count(),
        areas().map(|area| area.polygons.len() + area.circles.len()).sum(),
        areas().map(|area| area.geocodes.len()).sum(),
    ]
}

/// A bad fixture: every fault, in order, as `element` and part of `what`.
fn bad(name: &str, expect: &[(&str, &str)]) {
    let Err(rejection) = read_fixture(name) else { panic!("{name} is accepted") };
    let told = listed(&rejection.faults);
    assert_eq!(rejection.faults.len(), expect.len(), "{name}:\n{told}");
    for (fault, (element, what)) in rejection.faults.iter().zip(expect) {
        assert_eq!(fault.element, *element, "{name}:\n{told}");
        assert!(fault.what.contains(what), "{name}: expected `{what}` in\n{told}");
    }
}

const ORANGE: Option<Level> = Some(Level::Orange);
const RED: Option<Level> = Some(Level::Red);

#[test]
fn good_cap() {
    let cap12 = AlertForm::Cap12;
    good("cap/good/two_languages.xml", cap12, ORANGE, [2, 2, 0, 2], &[]);
    good("cap/good/shapes.xml", cap12, ORANGE, [1, 2, 4, 0], &["closed"]);
    good("cap/good/cancel.xml", cap12, None, [0, 0, 0, 0], &[]);
    good("cap/good/prefixed_1.1.xml", AlertForm::Cap11, ORANGE, [1, 1, 0, 1], &[]);
    good("cap/good/version_1.0.xml", AlertForm::Cap10, ORANGE, [1, 1, 0, 1], &[]);
    good("cap/good/no_namespace.xml", cap12, ORANGE, [1, 1, 0, 1], &["namespace"]);
    good("cap/good/no_info_test.xml", cap12, None, [0, 0, 0, 0], &[]);
    good("cap/good/signed_and_embedded.xml", cap12, ORANGE, [1, 1, 0, 1], &[]);
    good("cap/good/in_edxl.xml", cap12, ORANGE, [1, 1, 0, 1], &["taken out"]);
}

#[test]
fn encodings_of_cap() {
    let cap12 = AlertForm::Cap12;
    good("cap/good/gbk.xml", cap12, ORANGE, [1, 1, 0, 1], &[]);
    good("cap/good/gbk_called_utf8.xml", cap12, ORANGE, [1, 1, 0, 1], &["GB18030"]);
    good("cap/good/utf16le_bom.xml", cap12, ORANGE, [1, 1, 0, 1], &[]);
    good("cap/good/utf16be.xml", cap12, ORANGE, [1, 1, 0, 1], &[]);
    good("cap/good/big5.xml", cap12, ORANGE, [1, 1, 0, 0], &[]);
    let utf8 = read_fixture("cap/good/two_languages.xml").unwrap();
    for name in ["gbk", "gbk_called_utf8", "utf16le_bom", "utf16be"] {
        let other = read_fixture(&format!("cap/good/{name}.xml")).unwrap();
        assert_eq!(other.infos[0], utf8.infos[1], "{name}: the same words in another encoding");
    }
}

#[test]
fn dirty_cap_is_accepted_and_every_oddity_told() {
    let name = "cap/good/dirty_but_clear.xml";
    let odd = [
        "got \"actual\", read as `Actual`",
        "no spaces, commas",
        "a space or small letter stands where CAP has a T",
        "alert/invented: this form has no such element",
        "VeryLikely",
        "alert/info[1]/urgency: it is missing or empty",
        "the headline says orange; that is used",
        "polygon[1]: first and last point differ",
        "polygon[2]: it is empty",
        "geocode[1]: valueName is empty",
        "geocode[2]: value is empty",
        "alert/info[1]/area[1]/shade: this form has no such element",
    ];
    good(name, AlertForm::Cap12, ORANGE, [1, 1, 1, 1], &odd);
    let alert = read_fixture(name).unwrap();
    assert_eq!(
        (alert.status, alert.codes.as_slice()),
        (Status::Actual, &["profile:1.0".into()][..])
    );
    let area = &alert.infos[0].areas[0];
    assert_eq!(area.geocodes[0].name, "CPEAS Geographic Code");
    assert_eq!(area.geocodes[0].value, "430621102000");
    assert_eq!(area.polygons[0].len(), 4);
}

#[test]
fn details_of_cap() {
    let cancel = read_fixture("cap/good/cancel.xml").unwrap();
    assert_eq!(cancel.msg_type, MsgType::Cancel);
    assert_eq!(cancel.note.as_deref(), Some("降雨已减弱"));
    assert_eq!(cancel.references.len(), 2);
    assert_eq!(cancel.references[1].identifier, "43062141600000_20260601070000");
    assert_eq!(cancel.references[1].sender.as_deref(), Some("43062141600000"));
    assert_eq!(cancel.references[1].sent.unwrap().0, 1_780_268_400_000);
    let old = read_fixture("cap/good/version_1.0.xml").unwrap();
    assert_eq!(old.scope, Scope::Public);
    assert_eq!(old.infos[0].event_codes[0].name, "SAME");
    assert_eq!(old.infos[0].areas[0].geocodes[0].value, "430621");
    let signed = read_fixture("cap/good/signed_and_embedded.xml").unwrap();
    let resource = &signed.infos[0].resources[0];
    assert_eq!((resource.embedded_bytes, resource.size_bytes), (9, Some(9)));
    let shapes = read_fixture("cap/good/shapes.xml").unwrap();
    let area = &shapes.infos[0].areas[0];
    assert!((area.circles[0].radius_km - 5.5).abs() < 1e-9);
    assert_eq!((area.polygons[0].len(), area.polygons[1].len()), (4, 4));
}

#[test]
fn bad_cap_heads() {
    let all = [
        ("alert/sender", "it is empty"),
        ("alert/msgType", "expected one of Alert, Update, Cancel, Ack, Error; it is empty"),
        ("alert/identifier", "it is missing"),
        ("alert/sent", "expected a time; it is missing"),
        ("alert/status", "expected one of Actual, Exercise, System, Test, Draft; it is missing"),
        ("alert/scope", "it is missing"),
    ];
    bad("cap/bad/empty_head.xml", &all);
    let words = [
        ("alert/status", "expected one of Actual, Exercise, System, Test, Draft; got \"Acutal\""),
        ("alert/msgType", "got \"Warn\""),
        ("alert/scope", "expected one of Public, Restricted, Private; got \"Everyone\""),
        ("alert/info[1]/severity", "Extreme, Severe, Moderate, Minor, Unknown; got \"Red\""),
    ];
    bad("cap/bad/wrong_words.xml", &words);
    let times = [
        ("alert/sent", "with its zone"),
        ("alert/info[1]/effective", "got \"2026-02-30T08:00:00+08:00\""),
        ("alert/info[1]/expires", "got \"2026-06-01T24:30:00+08:00\""),
        ("alert/info[1]/onset", "got \"soon\""),
    ];
    bad("cap/bad/wrong_times.xml", &times);
    let twice = [
        ("alert/status", "expected one value, got \"Actual\" and \"Test\""),
        ("alert/info[1]/expires", "expected one value"),
    ];
    bad("cap/bad/said_twice.xml", &twice);
    bad("cap/bad/foreign_status.xml", &[("alert/status", "it is missing")]);
    bad("cap/bad/no_event.xml", &[("alert/info[1]/event", "it is missing")]);
    bad("cap/bad/foreign_namespace.xml", &[("alert", "urn:example:alerts")]);
}

#[test]
fn bad_cap_shapes() {
    let area = "alert/info[1]/area[1]";
    bad(
        "cap/bad/wrong_shapes.xml",
        &[
            (&format!("{area}/polygon[2]"), "are the two swapped?"),
            (&format!("{area}/polygon[3]"), "lat,lon"),
            (&format!("{area}/circle[1]"), "radius of 0 to"),
            (&format!("{area}/circle[2]"), "lat,lon radius"),
        ],
    );
}

#[test]
fn bad_documents() {
    let cut = [("alert/status", "Acutal"), ("alert/info[1]/description", "the end of the message")];
    bad("cap/bad/cut_off.xml", &cut);
    bad("cap/bad/mismatched_tags.xml", &[("alert/info[1]/event", "well-formed")]);
    bad("cap/bad/entity_bomb.xml", &[("", "DOCTYPE"), ("alert/note", "&c;")]);
    bad("cap/bad/external_entity.xml", &[("", "DOCTYPE"), ("alert/note", "&x;")]);
    bad("cap/bad/feed.xml", &[("feed", "a feed with 2 entries or links and 0 whole alerts")]);
    bad("cap/bad/two_alerts.xml", &[("alerts", "2 alerts; send each by itself")]);
    bad("cap/bad/schema.xml", &[("schema", "XML schema")]);
    bad("cap/bad/page.xml", &[("html", "a web page")]);
    bad("cap/bad/broken_utf8.xml", &[("", "expected UTF-8 (declared: UTF-8)")]);
    bad("cap/bad/plain_text.xml", &[("", "expected an alert in XML or JSON")]);
}

#[test]
fn good_national() {
    let national = AlertForm::National12379;
    let full = "national12379/good/43062141600000_20260601080000_11B03_RED_ALERT.xml";
    good(full, national, RED, [1, 1, 0, 2], &[]);
    let plain = "national12379/good/no_namespace_no_zone.xml";
    good(plain, national, ORANGE, [1, 1, 0, 2], &[]);
    good("national12379/good/update.xml", national, RED, [1, 1, 0, 2], &[]);
    let no_info = ["a Cancel can do without"];
    good("national12379/good/cancel_without_info.xml", national, None, [0, 0, 0, 0], &no_info);
    good("national12379/good/internal.xml", national, RED, [1, 1, 0, 2], &["Restricted"]);
    let unknown = ["the headline says red"];
    good("national12379/good/unknown_severity.xml", national, RED, [1, 1, 0, 2], &unknown);
    let shapes = ["a line in this form", "there is no geocode; closed"];
    good("national12379/good/shapes.xml", national, RED, [1, 2, 2, 1], &shapes);
    let code = ["the sender's name stands in"];
    good("national12379/good/sender_without_code.xml", national, RED, [1, 1, 0, 2], &code);
}

#[test]
fn details_of_national() {
    let name = "national12379/good/43062141600000_20260601080000_11B03_RED_ALERT.xml";
    let alert = read_fixture(name).unwrap();
    assert_eq!(alert.id.sender, "43062141600000");
    assert_eq!(alert.sender_name.as_deref(), Some("岳阳县气象局"));
    assert_eq!(alert.id.sent.0, 1_780_272_330_000);
    assert_eq!(alert.codes, ["SMS", "SPEAKER"]);
    let info = &alert.infos[0];
    assert_eq!(info.speaker_message.as_deref(), Some("请公田镇、月田镇群众立即转移。"));
    assert_eq!((info.event.as_str(), info.event_codes[0].name.as_str()), ("11B03", "eventType"));
    assert_eq!((info.onset, info.expires), (None, None));
    assert_eq!(info.resources[0].size_bytes, Some(86_016));
    let codes: Vec<&str> = info.areas[0].geocodes.iter().map(|code| code.value.as_str()).collect();
    assert_eq!(codes, ["430621102000", "430621103000"]);
    let plain = read_fixture("national12379/good/no_namespace_no_zone.xml").unwrap();
    assert_eq!(plain.id.sent, alert.id.sent);
    assert_eq!(plain.infos[0].speaker_message, None);
    assert_eq!(plain.infos[0].expires.unwrap().0, 1_780_358_400_000);
    let update = read_fixture("national12379/good/update.xml").unwrap();
    assert_eq!(update.references[0].identifier, "43062141600000_20260601070000");
    assert_eq!(update.references[0].sender, None);
    let internal = read_fixture("national12379/good/internal.xml").unwrap();
    assert_eq!(internal.scope, Scope::Restricted);
    let shapes = read_fixture("national12379/good/shapes.xml").unwrap();
    assert!((shapes.infos[0].areas[0].circles[0].radius_km - 2.5).abs() < 1e-9);
    assert!(shapes.infos[0].areas[0].polygons.is_empty());
    assert_eq!(shapes.infos[0].areas[1].polygons.len(), 1);
}

#[test]
fn bad_national() {
    bad(
        "national12379/bad/empty.xml",
        &[
            ("alert/identifier", "it is empty"),
            ("alert/senderCode", "it is empty"),
            ("alert/sendTime", "it is empty"),
            ("alert/status", "it is empty"),
            ("alert/msgType", "it is empty"),
            ("alert/info", "it is missing"),
        ],
    );
    let words = [
        ("alert/status", "got \"actually\""),
        ("alert/msgType", "got \"解除\""),
        ("alert/info[1]/severity", "one of Red, Orange, Yellow, Blue, Unknown; got \"Severe\""),
    ];
    bad("national12379/bad/wrong_words.xml", &words);
    let times = [
        ("alert/sendTime", "got \"2026年6月1日8时\""),
        ("alert/info[1]/effective", "2026-06-31"),
        ("alert/info[1]/expires", "got \"08:00\""),
    ];
    bad("national12379/bad/wrong_times.xml", &times);
    let words = "a headline, a description or a message for SPEAKER; it is empty";
    bad("national12379/bad/wordless.xml", &[("alert/info[1]/headline", words)]);
    let shapes = [
        ("alert/info[1]/area[1]/polygon[1]", "are the two swapped?"),
        ("alert/info[1]/area[1]/circle[1]", "got 99000 km"),
    ];
    bad("national12379/bad/wrong_shapes.xml", &shapes);
}

#[test]
fn json() {
    good("json/good/full.json", AlertForm::Json, ORANGE, [1, 1, 2, 2], &[]);
    let loose = ["category", "urgency", "certainty"];
    good("json/good/least.json", AlertForm::Json, Some(Level::Blue), [1, 1, 0, 1], &loose);
    good("json/good/cancel.json", AlertForm::Json, None, [0, 0, 0, 0], &[]);
    let least = read_fixture("json/good/least.json").unwrap();
    assert_eq!((least.scope, least.status), (Scope::Public, Status::Exercise));
    assert_eq!(least.infos[0].areas[0].geocodes[0].name, "area_code");
    bad(
        "json/bad/misspelt.json",
        &[
            ("alert/sent", "expected a text, got a list"),
            ("alert/status", "expected a text, got true or false"),
            ("alert/info[1]/area[1]/polygon[1]", "got a list"),
            ("alert/info[1]/area[1]/geocodes", "got \"geocodes\""),
            ("alert/info[1]/expries", "got \"expries\""),
            ("alert/expire", "got \"expire\""),
        ],
    );
    let missing = ["identifier", "sender", "sent", "status", "msgType"];
    let missing: Vec<String> = missing.iter().map(|name| format!("alert/{name}")).collect();
    let missing: Vec<_> = missing.iter().map(|path| (path.as_str(), "it is missing")).collect();
    bad("json/bad/missing.json", &missing);
    bad("json/bad/list.json", &[("", "expected one JSON object, got a list")]);
    bad("json/bad/twice.json", &[("alert/status", "expected each field once")]);
    bad("json/bad/cut_off.json", &[("", "expected JSON, got an error")]);
    bad("json/bad/deep.json", &[("", "levels of nesting")]);
}

/// The tables above name every file: a new fixture without an expectation is found here.
#[test]
fn every_fixture_is_good_or_bad_as_its_folder_says() {
    let source = include_str!("fixtures.rs");
    let all = fixtures();
    assert!(all.len() > 50, "fixtures are missing");
    for path in all {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(source.contains(&name), "{} is in no table", path.display());
        let is_good = path.parent().unwrap().ends_with("good");
        let read = mingluo::ingest::read(&std::fs::read(&path).unwrap(), None);
        assert_eq!(read.is_ok(), is_good, "{}", path.display());
    }
}
