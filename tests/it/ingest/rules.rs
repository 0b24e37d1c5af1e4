//! One rule a line: a whole message with one change, and what must become of it.

use super::listed;
use mingluo::ingest::read;
use mingluo::model::{Alert, Level, Scope, Status};

pub(super) const CAP: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>A-1</identifier>
  <sender>w@county</sender>
  <sent>2026-06-01T08:00:00+08:00</sent>
  <status>Actual</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
  <info>
    <language>zh-CN</language>
    <category>Met</category>
    <event>暴雨</event>
    <urgency>Immediate</urgency>
    <severity>Severe</severity>
    <certainty>Likely</certainty>
    <headline>暴雨橙色预警</headline>
    <area>
      <areaDesc>公田镇</areaDesc>
      <polygon>29.1,113.1 29.2,113.1 29.2,113.2 29.1,113.1</polygon>
      <circle>29.1,113.1 5</circle>
      <geocode><valueName>CPEAS Geographic Code</valueName><value>430621102000</value></geocode>
    </area>
  </info>
</alert>"#;

pub(super) const NATIONAL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<alert>
  <identifier>43062141600000_20260601080000</identifier>
  <sender>岳阳县气象局</sender>
  <senderCode>43062141600000</senderCode>
  <sendTime>2026-06-01 08:00:00+08:00</sendTime>
  <status>Actual</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
  <code><method><methodName>SPEAKER</methodName><message>请转移</message></method></code>
  <secClassification>None</secClassification>
  <references/>
  <info>
    <eventType>11B03</eventType>
    <urgency>Unknown</urgency>
    <severity>Red</severity>
    <certainty>Unknown</certainty>
    <effective>2026-06-01 08:00:00+08:00</effective>
    <headline>暴雨红色预警</headline>
    <description>大雨</description>
    <area><areaDesc>公田镇</areaDesc><polygon/><circle/><geocode>430621102000</geocode></area>
  </info>
</alert>"#;

/// What must become of a message.
enum Expect {
    /// An alert without an oddity.
    Clean,
    /// An alert with an oddity that says this.
    Odd(&'static str),
    /// A rejection with exactly one fault that says this.
    Fault(&'static str),
}
use Expect::{Clean, Fault, Odd};

/// Changes `from` to `to` in `whole` and reads it.
fn check(whole: &str, (from, to): (&str, &str), expect: &Expect) -> Option<Alert> {
    assert!(whole.contains(from), "`{from}` is not in the message");
    let text = whole.replacen(from, to, 1);
    let got = read(text.as_bytes(), None);
    match (&got, expect) {
        (Ok(alert), Clean) => {
            assert!(alert.oddities.is_empty(), "{from} → {to}:\n{}", listed(&alert.oddities));
        }
        (Ok(alert), Odd(odd)) => {
            let told = listed(&alert.oddities);
            assert!(told.contains(odd), "{from} → {to}: `{odd}` is not in\n{told}");
        }
        (Err(rejection), Fault(what)) => {
            let told = listed(&rejection.faults);
            assert_eq!(rejection.faults.len(), 1, "{from} → {to}:\n{told}");
            assert!(told.contains(what), "{from} → {to}: `{what}` is not in\n{told}");
        }
        (Ok(alert), Fault(what)) => {
            panic!("{from} → {to}: `{what}` is accepted:\n{}", listed(&alert.oddities))
        }
        (Err(rejection), _) => panic!("{from} → {to}: rejected:\n{}", listed(&rejection.faults)),
    }
    got.ok()
}

#[test]
fn head_of_cap() {
    for (from, to, expect) in [
        ("A-1", "A-1", Clean),
        ("A-1", " \n A-1 ", Clean),
        ("A-1", "A 1", Odd("alert/identifier: expected no spaces")),
        ("A-1", "A&amp;1", Odd("alert/identifier: expected no spaces")),
        ("A-1", "", Fault("3 alert/identifier: expected a value; it is empty")),
        ("w@county", "Weather Office, Yueyang", Odd("alert/sender: expected no spaces")),
        ("<sender>w@county</sender>", "", Fault("- alert/sender: expected a value; it is missing")),
        ("Actual", "actual ", Odd("got \"actual \", read as `Actual`")),
        ("Actual", "\n  Actual\n", Clean),
        ("Actual", "Real", Fault("Actual, Exercise, System, Test, Draft; got \"Real\"")),
        ("Actual", "Actual Test", Fault("got \"Actual Test\"")),
        ("<status>Actual</status>", "<status>Actual</status><status>Actual</status>", Clean),
        ("<status>Actual</status>", "<status/><status>Actual</status>", Clean),
        ("<scope>Public</scope>", "", Fault("Public, Restricted, Private; it is missing")),
        ("8:00:00+08:00", "8:00:00Z", Odd("Z is not allowed")),
        ("T08:00:00+08:00", " 08:00:00+08:00", Odd("a space or small letter")),
        ("T08:00:00+08:00", "T08:00:00", Fault("with its zone")),
        ("T08:00:00+08:00", "T24:00:00+08:00", Clean),
        ("T08:00:00+08:00", "T24:00:01+08:00", Fault("a time such as")),
        ("2026-06-01", "2026-06-31", Fault("a time such as")),
        ("8:00:00+08:00", "8:00:00z", Odd("Z is not allowed")),
        ("8:00:00+08:00", "8:00:00+8:00", Clean),
        ("8:00:00+08:00", "8:00:00+0800", Clean),
        ("8:00:00+08:00", "8:00:00+-8:00", Fault("a time such as")),
        ("2026-06-01", "0026-06-01", Fault("expected a year from")),
        ("<scope>", "<references>x</references><scope>", Odd("`sender,identifier,sent` expected")),
        ("<scope>", "<made_up/><scope>", Odd("alert/made_up: this form has no such element")),
        (">Alert<", ">Cancel<", Odd("without references")),
        ("cap:1.2", "cap:1.3", Odd("unknown CAP version")),
        (" xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"", "", Odd("is missing; read as it")),
        ("urn:oasis:names:tc:emergency:cap:1.2", "urn:x", Fault("expected the namespace")),
    ] {
        check(CAP, (from, to), &expect);
    }
    let long = "9".repeat(600);
    check(CAP, ("A-1", &long), &Fault("at most 512 characters"));
}

#[test]
fn info_of_cap() {
    for (from, to, expect) in [
        ("<event>暴雨</event>", "<event/>", Odd("the headline stands in")),
        (">Severe<", ">SEVERE<", Odd("`Severe` expected; got \"SEVERE\"")),
        (
            ">Severe<",
            ">Orange<",
            Fault("Extreme, Severe, Moderate, Minor, Unknown; got \"Orange\""),
        ),
        (">Severe<", "><", Odd("it is missing or empty; read as Unknown")),
        (">Severe<", ">橙色<", Odd("read as the same")),
        (">Severe<", ">较大<", Odd("means yellow, but the headline says orange")),
        (">Severe<", ">Minor<", Odd("means blue, but the headline says orange; severity is used")),
        (">Likely<", ">VeryLikely<", Odd("got \"VeryLikely\", kept as written")),
        (">Immediate<", "><", Odd("urgency: it is missing or empty")),
        (">Met<", ">Weather<", Odd("got \"Weather\", kept")),
        ("<language>zh-CN</language>", "", Clean),
        ("<urgency>", "<responseType>Hide</responseType><urgency>", Odd("got \"Hide\"")),
        ("<headline>", "<expires></expires><headline>", Clean),
        ("<headline>", "<expires>tomorrow</expires><headline>", Fault("got \"tomorrow\"")),
        (
            "<headline>",
            "<expires>2026-06-01T07:00:00+08:00</expires><headline>",
            Odd("it ends before or when it begins"),
        ),
        ("<headline>", "<headline>又一个</headline><headline>", Odd("given more than once")),
        ("<headline>", "<headline><b>粗</b>", Odd("got the element `b` inside")),
        ("<areaDesc>公田镇</areaDesc>", "", Odd("areaDesc: it is missing")),
    ] {
        check(CAP, (from, to), &expect);
    }
}

#[test]
fn shapes_of_cap() {
    for (from, to, expect) in [
        (" 29.1,113.1</polygon>", "</polygon>", Odd("first and last point differ; closed")),
        ("29.2,113.1 29.2,113.2 ", "\n29.2,113.1\n\t29.2, 113.2\n", Clean),
        ("29.2,113.1 29.2,113.2 ", "29.2,113.1 ", Odd("it encloses nothing and was left out")),
        ("29.2,113.1", "91,113.1", Fault("expected latitude -90 to 90")),
        ("29.2,113.1", "29.2,181", Fault("expected latitude -90 to 90")),
        ("29.2,113.1", "29.2", Fault("expected a pair `lat,lon`, got \"29.2\"")),
        ("29.2,113.1", "NaN,NaN", Fault("expected pairs `lat,lon`")),
        ("29.2,113.1", "29.2,113.1,40", Odd("taken for a height")),
        ("29.1,113.1 5<", "29.1,113.1 -5<", Fault("expected a radius of 0 to")),
        ("29.1,113.1 5<", "29.1,113.1 0<", Clean),
        ("29.1,113.1 5<", "29.1,113.1 5km<", Odd("with its unit")),
        ("29.1,113.1 5<", "29.1,113.1 5miles<", Fault("`lat,lon radius`")),
        ("29.1,113.1 5<", "29.1,113.1 5000<", Odd("may be meant in metres")),
        ("29.1,113.1 5<", "<", Odd("circle[1]: it is empty")),
        ("CPEAS Geographic Code", "", Odd("geocode[1]: valueName is empty; dropped")),
        ("430621102000", " \n ", Odd("geocode[1]: value is empty; dropped")),
        ("<circle>29.1,113.1 5</circle>", "<circle>87.6,43.8 5</circle>", Odd("may be swapped")),
    ] {
        check(CAP, (from, to), &expect);
    }
}

#[test]
fn national_form() {
    for (from, to, expect) in [
        ("Red", "RED", Clean),
        ("Red", "red", Clean),
        ("Red", "rED", Clean),
        ("Red", "红色", Odd("`红色` expected; got \"红色\", read as the same")),
        ("Red", "Ⅰ级/特别重大", Odd("got \"Ⅰ级/特别重大\", read as the same")),
        ("Red", "一般", Odd("severity is used")),
        ("Red", "未知", Odd("the headline says red; that is used")),
        ("Red", "Ⅰ级（重大）", Fault("got \"Ⅰ级（重大）\"")),
        ("Red", "深红", Fault("got \"深红\"")),
        ("2026-06-01 08:00:00+08:00", "2026-06-01 08:00:00", Clean),
        ("2026-06-01 08:00:00+08:00", "2026-06-01 08:00:00+8:00", Clean),
        ("2026-06-01 08:00:00+08:00", "2026-06-01 08:00:00+0800", Clean),
        ("2026-06-01 08:00:00+08:00", "2026-06-01 00:00:00z", Odd("read as UTC")),
        ("2026-06-01 08:00:00+08:00", "2026-06-01 08:00:00+-8:00", Fault("got \"2026-06-01")),
        ("2026-06-01 08:00:00+08:00", "2026年06月01日08时00分", Odd("written in Chinese")),
        (">Alert<", ">ALERT<", Odd("read as `Alert`")),
        ("<status>", "<status>Test</status><status>", Fault("expected one value")),
        (
            "<references/>",
            "<references>A</references><references>B</references>",
            Odd("more than once"),
        ),
        ("大雨", "&#xD800;", Fault("got \"&#xD800;\"")),
        ("大雨", "&#x110000;", Fault("or a number, got")),
        ("大雨", "&#0;", Fault("or a number, got")),
        ("大雨", "大&#1;雨", Odd("read as spaces")),
        ("大雨", "大&#xFFFE;雨", Odd("read as spaces")),
        ("</alert>", "</alert><alert/>", Fault("expected one root element")),
        ("</alert>", "</alert> rest", Fault("expected nothing outside the root element")),
        ("</alert>", "</alert><!-- end -->\n", Clean),
        ("Red", "Extreme", Fault("one of Red, Orange, Yellow, Blue, Unknown; got \"Extreme\"")),
        ("Red", "Unknown", Odd("the headline says red; that is used")),
        ("Red", "Blue", Odd("severity is used")),
        ("2026-06-01 08:00:00+08:00", "2026-06-01T08:00:00", Clean),
        ("2026-06-01 08:00:00+08:00", "2026/06/01 08:00:00", Odd("slashes")),
        ("2026-06-01 08:00:00+08:00", "今天", Fault("got \"今天\"")),
        ("<alert>", "<alert xmlns=\"http://com.icss.amp\">", Clean),
        ("<senderCode>43062141600000</senderCode>", "", Odd("the sender's name stands in")),
        ("<senderCode>43062141600000", "<senderCode>4306", Odd("14 digits expected")),
        ("<scope>Public</scope>", "", Odd("read as Public")),
        (">None<", ">Inner<", Odd("\"Inner\" read as scope Restricted")),
        (">11B03<", "><", Odd("the headline stands in")),
        (">11B03<", ">暴雨<", Odd("a code such as 11B03 expected")),
        ("<certainty>Unknown", "<certainty>VeryLikely", Clean),
        ("<geocode>430621102000", "<geocode>430621102000,,430621102000，", Clean),
        ("<geocode>430621102000", "<geocode>公田", Odd("a 12-digit area code expected")),
        ("<circle/>", "<circle>29.1,113.1 2000</circle>", Clean),
        ("<circle/>", "<circle>29.1,113.1 x</circle>", Fault("`lat,lon radius`")),
        (">Alert<", ">Update<", Odd("without references")),
    ] {
        check(NATIONAL, (from, to), &expect);
    }
}

#[test]
fn what_is_read_from_odd_messages() {
    let get = |whole, change, expect: &Expect| check(whole, change, expect).unwrap();
    let alert = get(CAP, ("Actual", "TEST"), &Odd("read as `Test`"));
    assert_eq!(alert.status, Status::Test);
    let alert = get(CAP, (">Severe<", ">Unknown<"), &Odd("the headline says orange"));
    assert_eq!(alert.infos[0].level, Some(Level::Orange));
    assert_eq!(alert.infos[0].severity, "Unknown");
    let alert = get(CAP, (">Severe<", ">Extreme<"), &Odd("severity is used"));
    assert_eq!(alert.infos[0].level, Some(Level::Red));
    let alert = get(NATIONAL, ("请转移", "  "), &Clean);
    assert_eq!(alert.infos[0].speaker_message, None);
    let alert = get(NATIONAL, ("SPEAKER", "大喇叭"), &Clean);
    assert_eq!(alert.infos[0].speaker_message.as_deref(), Some("请转移"));
    let alert = get(NATIONAL, ("SPEAKER", "SMS"), &Clean);
    assert_eq!(alert.infos[0].speaker_message, None);
    let alert = get(NATIONAL, (">None<", ">Inner<"), &Odd("Restricted"));
    assert_eq!((alert.scope, alert.restriction.as_deref()), (Scope::Restricted, Some("Inner")));
    let alert = get(CAP, ("暴雨橙色预警", "暴雨&#x6A59;色<![CDATA[预警]]>"), &Clean);
    assert_eq!(alert.infos[0].headline.as_deref(), Some("暴雨橙色预警"));
}

/// Words of any length are no reason to lose a warning; what is cut off is told.
#[test]
fn long_words_are_cut_and_told() {
    for (n_chars, expect) in
        [(20_000, Clean), (20_001, Odd("20001 characters, cut off after 20000"))]
    {
        let words = "雨".repeat(n_chars);
        let alert = check(NATIONAL, ("大雨", &words), &expect).unwrap();
        let description = alert.infos[0].description.as_deref().unwrap_or_default();
        assert_eq!(description.chars().count(), 20_000);
    }
}

/// A Cancel of the national form names the identifier of the first message.
#[test]
fn a_cancel_of_the_national_form_refers_by_identifier() {
    let whole = NATIONAL.replace(">Alert<", ">Cancel<");
    let one = "<references>43062141600000_20260601080000</references>";
    for (references, expect) in [
        (one, 1),
        ("<references> A，B;C </references>", 3),
        ("<references>43062141600000,A,2026-06-01 08:00:00+08:00</references>", 1),
    ] {
        let alert = check(&whole, ("<references/>", references), &Clean).unwrap();
        assert_eq!(alert.references.len(), expect, "{references}");
        assert!(alert.references.iter().all(|one| !one.identifier.is_empty()));
    }
}

/// The file name of the national form repeats what the message says.
#[test]
fn file_names_are_compared() {
    for (name, odd) in [
        ("43062141600000_20260601080000_11B03_RED_ALERT.XML", None),
        ("43062141600000_20260601080000_11B03_BLUE_ALERT.XML", Some("the file name says BLUE")),
        ("43062141600000_20260601080000_11B01_RED_ALERT.XML", Some("the file name says 11B01")),
        ("43062141600000_20260601080000_11B03_RED_CANCEL.XML", Some("the file name says CANCEL")),
        ("application/xml", None),
        ("a_b_c_d_e.xml", None),
    ] {
        let alert = read(NATIONAL.as_bytes(), Some(name)).unwrap();
        let told = listed(&alert.oddities);
        match odd {
            Some(odd) => assert!(told.contains(odd), "{name}: {told}"),
            None => assert_eq!(told, "", "{name}"),
        }
    }
}
