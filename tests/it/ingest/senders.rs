//! What other senders write beside their standard, and what becomes of it: what is clear is read with an oddity,
//! the rest is told.

use super::listed;
use mingluo::ingest::read;
use mingluo::model::{Alert, UtcMs};

const CAP: &str = "<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'><identifier>a-1</identifier>\
    <sender>w@yy</sender><sent>2026-06-01T08:00:00+08:00</sent><status>Actual</status><msgType>Alert</msgType>\
    <scope>Public</scope><info><language>zh-CN</language><category>Met</category><event>暴雨</event>\
    <urgency>Immediate</urgency><severity>Severe</severity><certainty>Likely</certainty>\
    <expires>2026-06-01T20:00:00+08:00</expires><headline>岳阳县发布暴雨橙色预警</headline>\
    <description>将有50毫米以上降雨</description><area><areaDesc>岳阳县</areaDesc>\
    <circle>29.15,113.1 5</circle></area></info></alert>";
const NATIONAL: &str = "<alert xmlns='http://com.icss.amp'><identifier>43062141600000_20260601080000</identifier>\
    <sender>岳阳县气象局</sender><senderCode>43062141600000</senderCode>\
    <sendTime>2026-06-01 08:00:00+08:00</sendTime><status>Actual</status><msgType>Alert</msgType>\
    <scope>Public</scope><info><language>zh-CN</language><eventType>11B03</eventType>\
    <urgency>Unknown</urgency><severity>Orange</severity><certainty>Unknown</certainty>\
    <headline>岳阳县发布暴雨橙色预警</headline><description>将有50毫米以上降雨</description>\
    <area><areaDesc>岳阳县</areaDesc><geocode>430621000000</geocode></area></info></alert>";

/// `whole` with `from` written as `to` is read as `want` says, and oddly: `odd` stands among the oddities.
fn check(whole: &str, from: &str, to: &str, odd: &str, want: impl Fn(&Alert) -> bool) {
    assert!(whole.contains(from), "{from} is not in the alert");
    let alert = read(whole.replace(from, to).as_bytes(), None);
    let alert = alert.unwrap_or_else(|rejection| panic!("{to}: {}", listed(&rejection.faults)));
    assert!(want(&alert), "{to}: {alert:?}");
    let odds = listed(&alert.oddities);
    assert!(odds.contains(odd), "{to}: {odd} is not in\n{odds}");
}

/// It is rejected, for `fault`.
fn refuse(bytes: &[u8], fault: &str) {
    let rejection = read(bytes, None).expect_err("no alert");
    assert!(listed(&rejection.faults).contains(fault), "{}", listed(&rejection.faults));
}

fn description(want: &'static str) -> impl Fn(&Alert) -> bool {
    move |alert| alert.infos.iter().all(|info| info.description.as_deref() == Some(want))
}

#[test]
fn words_with_signs_of_other_papers() {
    check(CAP, "将有50毫米", "将有&nbsp;50毫米", "is of HTML", description("将有 50毫米以上降雨"));
    check(CAP, "将有50毫米", "37&deg;&mdash;将有", "is of HTML", description("37°—将有以上降雨"));
    check(CAP, "将有50毫米", "大风 & 将有", "a bare `&`", description("大风 & 将有以上降雨"));
    check(CAP, "将有50毫米", "50mm&大风", "a bare `&`", description("50mm&大风以上降雨"));
    let unknown = CAP.replace("将有50毫米", "&evil;");
    refuse(unknown.as_bytes(), "&evil;");
    refuse(CAP.replace("将有50毫米", "雨量 < 50").as_bytes(), "well-formed");
}

#[test]
fn names_in_other_letters() {
    let all = |alert: &Alert| alert.infos.len() == 1 && alert.infos[0].areas[0].circles.len() == 1;
    check(CAP, "msgType>", "msgtype>", "`msgType` is written `msgtype`", all);
    check(CAP, "headline>", "HEADLINE>", "element names are read in any letters", all);
    let upper: String = CAP
        .split('<')
        .map(|part| match part.find(['>', ' ']) {
            Some(end) => format!("<{}{}", part[..end].to_uppercase(), &part[end..]),
            None => part.to_owned(),
        })
        .collect();
    let alert = read(upper.as_bytes(), None).unwrap_or_else(|rejection| panic!("{rejection:?}"));
    assert!(all(&alert) && alert.id.identifier == "a-1", "{alert:?}");
    // Two spellings of one element are two values, not a choice.
    let twice = CAP.replace("<status>Actual", "<STATUS>Test</STATUS><status>Actual");
    refuse(twice.as_bytes(), "expected one value");
}

#[test]
fn times_and_shapes_of_other_hands() {
    let ends = |at: i64| move |alert: &Alert| alert.infos[0].expires == Some(UtcMs(at));
    let midnight = 1_780_329_600_000;
    check(CAP, "2026-06-01T20:00:00+08:00", "2026-06-01T24:00:00+08:00", "", ends(midnight));
    let sent = |alert: &Alert| alert.id.sent == UtcMs(1_780_272_000_000);
    check(NATIONAL, "2026-06-01 08:00:00+08:00", "20260601080000", "fourteen digits", sent);
    let round =
        |alert: &Alert| alert.infos[0].areas[0].circles[0].radius_km.to_bits() == 5_f64.to_bits();
    check(CAP, "113.1 5<", "113.1 5km<", "with its unit", round);
    check(CAP, "113.1 5<", "113.1 5000 米<", "with its unit", round);
    refuse(CAP.replace("113.1 5<", "113.1 5 miles<").as_bytes(), "`lat,lon radius`");
    let bow = "<polygon>29.0,113.0 29.3,113.3 29.0,113.3 29.3,113.0 29.0,113.0</polygon>";
    check(CAP, "<circle>29.15,113.1 5</circle>", bow, "crosses itself", |alert| {
        alert.infos[0].areas[0].polygons.len() == 1
    });
}

#[test]
fn the_national_form_by_other_hands() {
    let codes = |n: usize| move |alert: &Alert| alert.infos[0].areas[0].geocodes.len() == n;
    let several = "430621100000|430621104000/430621105000";
    check(NATIONAL, "430621000000", several, "", codes(3));
    let form = |alert: &Alert| alert.form == mingluo::model::AlertForm::National12379;
    check(NATIONAL, "http://com.icss.amp", "http://www.12379.cn/alert", "or none expected", form);
    refuse(
        CAP.replace("urn:oasis:names:tc:emergency:cap:1.2", "urn:x").as_bytes(),
        "the namespace",
    );
}

#[test]
fn what_stands_around_a_message() {
    let filled = format!("{NATIONAL}\0\0\0\0");
    let alert = read(filled.as_bytes(), None).unwrap_or_else(|rejection| panic!("{rejection:?}"));
    assert!(listed(&alert.oddities).contains("NUL characters"), "{alert:?}");
    for page in [
        "<!DOCTYPE html>\n<html><body><hr>502 Bad Gateway</body></html>",
        "\n<!doctype HTML PUBLIC '-//IETF//DTD HTML 2.0//EN'><html><head>",
        "<HTML><BODY>login</BODY></HTML>",
    ] {
        let faults = read(page.as_bytes(), None).expect_err("no alert").faults;
        assert_eq!(faults.len(), 1, "{}", listed(&faults));
        assert!(faults[0].what.contains("a web page"), "{}", listed(&faults));
    }
    refuse(b"\0\0\0\0", "expected an alert");
}
