//! Reports of both networks, cancellations, faults, and seeded mutations.

use crate::ingest::{is_heartbeat, read};
use crate::model::{AlertForm, MsgType, Status};

const CENC: &str = r#"{"type":"cenc_eew","ID":"1","EventID":"202606010001","ReportTime":"2026-06-01 08:00:12","ReportNum":2,"OriginTime":"2026-06-01 08:00:00","HypoCenter":"湖南岳阳县","Latitude":29.1,"Longitude":113.1,"Magnitude":5.6,"Depth":null,"MaxIntensity":7.0,"isFinal":false}"#;

fn with(from: &str, to: &str) -> String {
    assert!(CENC.contains(from), "{from}");
    CENC.replace(from, to)
}

#[test]
fn a_report_becomes_an_alert_that_replaces_the_earlier_ones() {
    let alert = read(CENC.as_bytes(), None).unwrap();
    assert_eq!((alert.form, alert.msg_type), (AlertForm::EarthquakeWarning, MsgType::Update));
    assert_eq!(alert.id.identifier, "202606010001_2");
    assert_eq!(alert.references[0].identifier, "202606010001_1");
    assert_eq!(alert.references.len(), 1);
    assert_eq!(alert.infos[0].expires.unwrap().since_ms(alert.id.sent), 288_000);
    let first = read(with("\"ReportNum\":2", "\"ReportNum\":\"1\"").as_bytes(), None).unwrap();
    assert_eq!((first.msg_type, first.references.len()), (MsgType::Alert, 0));
    let misspelt = with("Magnitude", "Magunitude").replace("202606010001", "202606010001_2");
    let sichuan = read(misspelt.as_bytes(), None).unwrap();
    assert_eq!(sichuan.id.identifier, "202606010001_2");
    let cancel = read(with("\"isFinal\":false", "\"isCancel\":true").as_bytes(), None).unwrap();
    assert_eq!((cancel.msg_type, cancel.references.len()), (MsgType::Cancel, 2));
    let drill = read(with("\"isFinal\":false", "\"isTraining\":true").as_bytes(), None).unwrap();
    assert_eq!(drill.status, Status::Exercise);
    assert!(is_heartbeat(b"{\"type\":\"heartbeat\",\"id\":1}") && !is_heartbeat(CENC.as_bytes()));
}

#[test]
fn what_is_missing_or_impossible_is_told_at_its_field() {
    for (from, to, element) in [
        ("\"Magnitude\":5.6", "\"Magnitude\":56", "Magnitude"),
        ("\"Magnitude\":5.6,", "", "Magnitude"),
        ("\"Latitude\":29.1", "\"Latitude\":\"north\"", "Latitude"),
        ("\"Longitude\":113.1", "\"Longitude\":[]", "Longitude"),
        ("2026-06-01 08:00:00", "yesterday", "OriginTime"),
        ("2026-06-01 08:00:00", "2026-06-01 09:00:00", "OriginTime"),
        ("\"ReportNum\":2", "\"ReportNum\":0", "ReportNum"),
        ("\"isFinal\":false", "\"isCancel\":\"maybe\"", "isCancel"),
        ("湖南岳阳县", "<b>", "HypoCenter"),
    ] {
        let rejection = read(with(from, to).as_bytes(), None).unwrap_err();
        assert!(rejection.faults.iter().any(|f| f.element == element), "{element}: {rejection:?}");
    }
}

#[test]
fn mutated_reports_are_always_answered() {
    let mut random = 3_u64;
    let mut next = |n: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % n
    };
    let pieces = ["\"", "{", "}", "null", "1e999", "-", "NaN", ",", ":", "true", "9999999999"];
    let (mut n_read, mut n_refused) = (0, 0);
    for _ in 0..6_000 {
        let mut bytes = CENC.as_bytes().to_vec();
        let at = next(bytes.len());
        match next(3) {
            0 => bytes[at] ^= 1 << next(8),
            1 => drop(bytes.drain(at..(at + next(12)).min(CENC.len()))),
            _ => drop(bytes.splice(at..at, pieces[next(pieces.len())].bytes())),
        }
        match read(&bytes, None) {
            Ok(_) => n_read += 1,
            Err(rejection) => {
                assert!(!rejection.faults.is_empty());
                n_refused += 1;
            }
        }
    }
    assert!(n_read > 100 && n_refused > 100, "{n_read} read, {n_refused} refused");
}
