//! Schemas of what the interface takes. Each has an example that the tests beside send through the
//! type that reads it, whole and with one field less.

use super::shape::{a, anything, closed, flag, list, map, ms, number, or_null, text, with};
use serde_json::{Value, json};

/// Plays of a terminal.
fn repeats() -> Value {
    number(1, 20)
}

/// Every one, with its name.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    [broadcasts(), acts(), duty()].concat()
}

fn broadcasts() -> Vec<(&'static str, Value)> {
    let manual = json!({
        "text": "今晚八点至明早六点停水，请提前蓄水。", "areas": ["430621104000"], "class": "live",
        "repeats": 2, "interval_s": 30, "valid_s": 1_800
    });
    let preview = json!({ "text": "暴雨红色预警，请立即转移。", "codec": "opus", "repeats": 2 });
    vec![
        (
            "ManualBody",
            closed(
                &manual,
                &[
                    ("text?", or_null(text())),
                    ("recording?", or_null(text())),
                    ("voice?", or_null(text())),
                    ("areas?", list(a("AreaCode"))),
                    ("terminals?", list(a("TerminalId"))),
                    ("groups?", list(text())),
                    ("class", a("Class")),
                    ("level?", or_null(a("Level"))),
                    ("chime?", or_null(a("Chime"))),
                    ("repeats?", repeats()),
                    ("interval_s?", number(0, 3_600)),
                    ("volume_percent?", or_null(number(1, 100))),
                    ("valid_s?", number(1, 86_400)),
                    ("emergency?", flag()),
                ],
            ),
        ),
        (
            "PreviewBody",
            closed(
                &preview,
                &[
                    ("text?", or_null(text())),
                    ("template?", or_null(text())),
                    ("slots?", map(text())),
                    ("plan?", or_null(a("Number"))),
                    ("recording?", or_null(text())),
                    ("voice?", or_null(text())),
                    ("chime?", or_null(a("Chime"))),
                    ("drill?", or_null(flag())),
                    ("codec?", or_null(a("Codec"))),
                    ("repeats?", or_null(repeats())),
                    ("interval_s?", or_null(number(0, 65_535))),
                    ("words_times?", or_null(repeats())),
                ],
            ),
        ),
        ("AlertBody", anything()),
    ]
}

fn acts() -> Vec<(&'static str, Value)> {
    let edit = json!({ "revision": 0, "text": "请沿江群众立即转移。", "repeats": 3 });
    let glass = json!({ "reason": "溃坝在即，联系不上带班领导", "plan": "1764300000000" });
    vec![
        (
            "EditBody",
            closed(
                &edit,
                &[
                    ("revision", number(0, 4_294_967_295)),
                    ("text?", or_null(text())),
                    ("repeats?", or_null(repeats())),
                    ("volume_percent?", or_null(number(1, 100))),
                    ("valid_s?", or_null(number(1, 86_400))),
                    ("areas?", or_null(list(a("AreaCode")))),
                    ("terminals?", or_null(list(a("TerminalId")))),
                ],
            ),
        ),
        (
            "BreakGlassBody",
            closed(
                &glass,
                &[
                    ("reason", text()),
                    ("plan?", or_null(a("Number"))),
                    ("revision?", number(0, 4_294_967_295)),
                    ("manual?", or_null(a("ManualBody"))),
                ],
            ),
        ),
        ("ReasonBody", closed(&json!({ "reason": "误播" }), &[("reason", text())])),
        (
            "ApproveBody",
            closed(&json!({ "revision": 0 }), &[("revision?", number(0, 4_294_967_295))]),
        ),
        (
            "StopBody",
            closed(
                &json!({ "areas": ["430621104000"] }),
                &[("areas?", or_null(at_least_one(list(a("AreaCode")))))],
            ),
        ),
        (
            "DrillBody",
            closed(
                &json!({ "armed": true, "minutes": 5 }),
                &[("armed", flag()), ("minutes?", number(0, 4_294_967_295))],
            ),
        ),
    ]
}

fn at_least_one(of: Value) -> Value {
    with(of, "minItems", 1.into())
}

fn duty() -> Vec<(&'static str, Value)> {
    let shift = json!({
        "post": "leader", "person": "李四", "telephone": "13800000002", "area": "430621000000",
        "from": 1_764_201_600_000_i64, "until": 1_764_288_000_000_i64
    });
    let group = json!({ "name": "沿江村组", "areas": ["430621104000"] });
    vec![
        (
            "RosterBody",
            closed(
                &json!({ "set": [shift] }),
                &[("set?", list(a("Shift"))), ("remove?", list(number(0, u64::MAX)))],
            ),
        ),
        (
            "GroupBody",
            closed(
                &group,
                &[
                    ("name", text()),
                    ("areas?", list(a("AreaCode"))),
                    ("terminals?", list(a("TerminalId"))),
                ],
            ),
        ),
        (
            "ApproveProgrammeBody",
            closed(&json!({ "set_at_ms": 1_764_300_000_000_i64 }), &[("set_at_ms", ms())]),
        ),
    ]
}
