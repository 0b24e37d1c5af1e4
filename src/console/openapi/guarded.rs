//! The STOP latch and the quarantine, as described.

use super::operation::{Operation, get, post};
use super::shape::{
    a, closed, count, flag, list, ms, number, object, or_null, such_as, text, with, words,
};
use crate::model::Right;
use serde_json::{Value, json};

/// Their operations.
pub(super) fn operations() -> Vec<Operation> {
    let bytes = json!({ "application/octet-stream": { "schema": text() } });
    let limit = with(number(0, u64::MAX), "description", "rows wanted, 1 to 200".into());
    vec![
        get("/latches", Right::Read, "STOP latches that hold").gives("Latches"),
        post("/latches", Right::Latch, "set one: nothing starts there until it is lifted")
            .takes("LatchBody")
            .decided()
            .gives("Done"),
        post("/latches/lift", Right::Latch, "lift them, with the reason")
            .takes("LiftBody")
            .decided()
            .gives("Done"),
        get("/rejections", Right::Read, "what could not be read, newest first")
            .query("before", &number(0, u64::MAX))
            .query("limit", &limit)
            .query("via", &such_as("api", "way in: api, folder …"))
            .query("by", &such_as("bureau", "name of the key or the file, or a part of it"))
            .query("fault", &text())
            .query("since_ms", &ms())
            .query("until_ms", &ms())
            .query("mended", &flag())
            .gives("Rejections"),
        get("/rejections/{number}", Right::Read, "one rejection").gives("RejectionView"),
        get("/rejections/{number}/raw", Right::Read, "its bytes as they came")
            .answers_as(200, &bytes),
        post(
            "/rejections/{number}/replay",
            Right::Replay,
            "read its bytes again, as a new arrival",
        )
        .takes("ReasonBody")
        .decided()
        .answers(202, "AlertTaken")
        .answers(409, "AlertTaken"),
    ]
}

/// Their schemas.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let set = json!({ "areas": ["430621104000"], "hold": "wait", "stop": true,
        "reason": "上级平台误发，正在核实" });
    let lift = json!({ "areas": ["430621104000"], "reason": "已与上级核实，误发已停" });
    let some = || or_null(with(list(a("AreaCode")), "minItems", 1.into()));
    vec![
        ("LatchHold", words(&["wait", "refuse"])),
        (
            "LatchBody",
            closed(
                &set,
                &[
                    ("areas?", some()),
                    ("hold?", a("LatchHold")),
                    ("stop?", flag()),
                    ("reason", text()),
                ],
            ),
        ),
        ("LiftBody", closed(&lift, &[("areas?", some()), ("reason", text())])),
        (
            "Latches",
            object(&[(
                "latches",
                list(object(&[
                    ("area", a("AreaCode")),
                    ("name", text()),
                    ("hold", a("LatchHold")),
                    ("by", text()),
                    ("since_ms", ms()),
                    ("reason", text()),
                ])),
            )]),
        ),
        (
            "Rejections",
            object(&[
                ("rejections", list(a("RejectionView"))),
                ("next_before", or_null(count())),
                ("ever", count()),
            ]),
        ),
        (
            "RejectionView",
            object(&[
                ("number", count()),
                ("at_ms", ms()),
                ("origin", object(&[("via", text()), ("by", text())])),
                ("sha256", a("Sha256")),
                ("too_large", flag()),
                ("faults", list(a("Fault"))),
                ("replays", list(object(&[("at_ms", ms()), ("by", text()), ("reason", text())]))),
                ("alert", or_null(count())),
            ]),
        ),
    ]
}
