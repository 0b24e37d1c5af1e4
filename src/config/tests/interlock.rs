//! `[[interlock.rules]]` and `[[interlock.limits]]`: what is read, and every fault with its line.

use super::*;
use crate::model::{HazardClass, HourSpan, Level, OriginKind, Verdict};

const RULES: &str = r#"
[[interlock.rules]]
name = "夜间"
origins = ["upper", "sensor"]
classes = ["nature"]
levels = ["blue"]
areas = ["430621104000"]
from_hour = 22
until_hour = 6
verdict = "refuse"
reason = "夜间不播"
[[interlock.limits]]
name = "每小时"
origins = ["upper"]
per_hour_max = 10
over = "ask"
[manual]"#;

#[test]
fn rules_and_limits_are_read() {
    let dir =
        changed("guarded", "policy.toml", |text| text.replace("\n[manual]", RULES).into_bytes());
    let audio = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples").display().to_string();
    let read = Config::load_with(&dir, &BTreeMap::from([("render.audio_dir".to_owned(), audio)]));
    std::fs::remove_dir_all(&dir).expect("remove");
    let interlock = read.expect("no fault").policy.interlock;
    let rule = &interlock.rules[0];
    assert_eq!(rule.origins, [OriginKind::Upper, OriginKind::Sensor]);
    assert_eq!((rule.classes[0], rule.levels[0]), (HazardClass::Nature, Level::Blue));
    assert_eq!(rule.hours, Some(HourSpan { from: 22, until: 6 }));
    assert_eq!(rule.verdict, Verdict::Refuse);
    let limit = &interlock.limits[0];
    assert_eq!(
        (limit.per_hour_max, limit.terminals_max, limit.over),
        (Some(10), None, Verdict::Ask)
    );
}

#[test]
fn every_fault_of_them_is_told() {
    let with = |from: &'static str, to: &'static str| {
        move |text: String| text.replace("\n[manual]", &RULES.replace(from, to))
    };
    check("origin", "policy.toml", with("\"sensor\"", "\"sky\""), &["interlock.rules.origins"]);
    check("class", "policy.toml", with("\"nature\"", "\"natur\""), &["`natur`"]);
    check("verdict", "policy.toml", with("\"refuse\"", "\"allow\""), &["one of ask, refuse"]);
    check("hour", "policy.toml", with("from_hour = 22", "from_hour = 24"), &["from 0 to 23"]);
    check("half", "policy.toml", with("until_hour = 6\n", ""), &["until_hour"]);
    check("place", "policy.toml", with("430621104000", "430623104000"), &["430623104000"]);
    check("nothing", "policy.toml", with("per_hour_max = 10\n", ""), &["limits nothing"]);
    check("reason", "policy.toml", with("夜间不播", " "), &["`reason`"]);
    check("key", "policy.toml", with("over =", "ower ="), &["interlock.limits.over", "ower"]);
}
