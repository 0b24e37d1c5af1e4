//! Changes of response plans and templates, and API keys, as described.

use super::operation::{Operation, get, post};
use super::shape::{
    a, closed, count, either, flag, list, ms, number, object, or_null, such_as, text, with, words,
};
use crate::model::Right;
use serde_json::{Value, json};

/// Their operations.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        get(
            "/policy",
            Right::Read,
            "response plans and templates in force, in their order; what waits",
        )
        .gives("Policy"),
        get("/policy/history", Right::Read, "who changed a part, when and why; what was refused")
            .required("part", &a("PolicyPart"))
            .gives("PolicyHistory"),
        post(
            "/policy/changes",
            Right::Policy,
            "change, add or remove a part; another person approves",
        )
        .takes("PolicyBody")
        .decided()
        .gives("Saved"),
        post("/policy/changes/approve", Right::Policy, "approve another's change, as seen")
            .takes("PolicySeenBody")
            .decided()
            .gives("Saved"),
        post("/policy/changes/refuse", Right::Policy, "refuse another's change, with the reason")
            .takes("PolicyRefuseBody")
            .decided()
            .gives("Done"),
        post("/policy/changes/withdraw", Right::Policy, "take one's own change back")
            .takes("PolicySeenBody")
            .decided()
            .gives("Done"),
        get("/keys", Right::Administer, "API keys by their digests").gives("Keys"),
        post("/keys", Right::Administer, "make one; its text is told once, in this answer")
            .takes("KeyBody")
            .decided()
            .answers(201, "KeyMade"),
        post("/keys/revoke", Right::Administer, "let one in no more, at once")
            .takes("RevokeBody")
            .decided()
            .gives("Done"),
    ]
}

/// Schemas of response plans and templates.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let part = such_as("plan/rainstorm-red", "plan/NAME or template/NAME");
    let part = with(part, "pattern", json!(r"^(plan|template)/[\s\S]+$"));
    let seen = json!({ "part": "plan/rainstorm-red", "version": 2 });
    let refused = json!({ "part": "plan/rainstorm-red", "version": 2, "reason": "与汛期预案不符" });
    let version = || number(0, 4_294_967_295);
    vec![
        ("PolicyPart", part),
        ("PolicyDeed", words(&["change", "add", "remove"])),
        (
            "PolicyContent",
            either(vec![
                closed(&json!({}), &[("plan", a("ResponsePlan"))]),
                closed(&json!({}), &[("template", a("TemplateBody"))]),
            ]),
        ),
        (
            "TemplateBody",
            closed(
                &json!({ "name": "general", "text": "{headline}。{description}{instruction}" }),
                &[("name", text()), ("text", text())],
            ),
        ),
        ("ResponsePlan", response_plan()),
        ("PolicyBody", policy_body()),
        ("PolicySeenBody", closed(&seen, &[("part", a("PolicyPart")), ("version", version())])),
        (
            "PolicyRefuseBody",
            closed(
                &refused,
                &[("part", a("PolicyPart")), ("version", version()), ("reason", text())],
            ),
        ),
        ("PolicyVersion", policy_version()),
        ("Policy", policy()),
        (
            "PolicyHistory",
            object(&[
                ("part", a("PolicyPart")),
                ("versions", list(a("PolicyVersion"))),
                ("waits", or_null(a("PolicyVersion"))),
                (
                    "refused",
                    list(object(&[
                        ("change", a("PolicyVersion")),
                        ("by", text()),
                        ("at_ms", ms()),
                        ("reason", text()),
                    ])),
                ),
            ]),
        ),
    ]
}

/// Schemas of API keys.
pub(super) fn key_schemas() -> Vec<(&'static str, Value)> {
    let key = json!({ "name": "水文站", "role": "source", "areas": ["430621000000"],
        "valid_days": 365 });
    let revoke = json!({ "sha256": "ab".repeat(32), "reason": "密钥外泄" });
    vec![
        (
            "KeyBody",
            closed(
                &key,
                &[
                    ("name", text()),
                    ("role", a("Role")),
                    ("areas", list(a("AreaCode"))),
                    ("valid_days?", or_null(number(0, 65_535))),
                ],
            ),
        ),
        ("RevokeBody", closed(&revoke, &[("sha256", a("Sha256")), ("reason", text())])),
        (
            "KeyMade",
            object(&[("key", text()), ("sha256", a("Sha256")), ("expires_ms", or_null(ms()))]),
        ),
        ("Keys", object(&[("keys", list(key_line()))])),
    ]
}

fn policy_body() -> Value {
    let example = json!({
        "deed": "change", "part": "template/general",
        "content": { "template": { "name": "general", "text": "{headline}。{instruction}" } },
        "stands_before": null, "seen": 0, "reason": "汛期精简", "returns_to": null
    });
    let before = with(text(), "description", "of a plan that the file does not name".into());
    closed(
        &example,
        &[
            ("deed?", a("PolicyDeed")),
            ("part", a("PolicyPart")),
            ("content?", or_null(a("PolicyContent"))),
            ("stands_before?", or_null(before)),
            ("seen", number(0, 4_294_967_295)),
            ("reason", text()),
            ("returns_to?", or_null(number(0, 4_294_967_295))),
        ],
    )
}

fn policy() -> Value {
    let part = object(&[
        ("part", a("PolicyPart")),
        ("version", count()),
        ("content", or_null(a("PolicyContent"))),
        ("in_file", flag()),
        ("waits", or_null(a("PolicyVersion"))),
    ]);
    let notice = object(&[("part", a("PolicyPart")), ("version", count()), ("text", text())]);
    object(&[("parts", list(part)), ("notices", list(notice))])
}

fn policy_version() -> Value {
    object(&[
        ("version", count()),
        ("deed", a("PolicyDeed")),
        ("before", or_null(a("PolicyContent"))),
        ("after", or_null(a("PolicyContent"))),
        ("reason", text()),
        ("returns_to", or_null(count())),
        ("stands_before", or_null(text())),
        ("by", text()),
        ("role", a("Role")),
        ("at_ms", ms()),
        ("approved_by", or_null(text())),
        ("approved_at_ms", or_null(ms())),
    ])
}

fn key_line() -> Value {
    let revoked = object(&[("by", text()), ("at_ms", ms()), ("reason", text())]);
    object(&[
        ("name", text()),
        ("role", a("Role")),
        ("areas", list(a("AreaCode"))),
        ("sha256", a("Sha256")),
        ("from", words(&["screen", "file"])),
        ("expires_ms", or_null(ms())),
        ("made_by", or_null(text())),
        ("made_at_ms", or_null(ms())),
        ("revoked", or_null(revoked)),
    ])
}

/// As `policy.toml` has it. Numbers are as wide as their types; what is out of range is refused by name.
fn response_plan() -> Value {
    let example = json!({
        "name": "flood-red", "title": "山洪红色", "hazards": ["11B38"], "event_words": ["山洪"],
        "levels": ["red"], "senders": [], "areas": [], "approval": "one-person",
        "decide_within_s": 120, "after_deadline": "expire", "chime": "red", "template": "general",
        "voice": "default", "recording": null, "fallback_recording": "general-red", "repeats": 3,
        "interval_s": 10, "volume_percent": null, "quiet_hours_exempt": true,
        "playback": "simultaneous", "validity_s_max": 7200, "on_cancel": "stop_and_announce",
        "call": null
    });
    let wide = || number(0, 4_294_967_295);
    let call = closed(&json!({ "answer_within_s": 300 }), &[("answer_within_s", wide())]);
    closed(
        &example,
        &[
            ("name", text()),
            ("title", text()),
            ("hazards", list(text())),
            ("event_words", list(text())),
            ("levels", list(a("Level"))),
            ("senders", list(text())),
            ("areas", list(a("AreaCode"))),
            ("approval", words(&["automatic", "one-person", "two-person"])),
            ("decide_within_s", wide()),
            ("after_deadline", a("AfterDeadline")),
            ("chime", a("Chime")),
            ("template", text()),
            ("voice", text()),
            ("recording?", or_null(text())),
            ("fallback_recording", text()),
            ("repeats", number(0, 255)),
            ("interval_s", number(0, 65_535)),
            ("volume_percent?", or_null(number(0, 255))),
            ("quiet_hours_exempt", flag()),
            ("playback", words(&["simultaneous", "staggered"])),
            ("validity_s_max", wide()),
            ("on_cancel", words(&["stop", "stop_and_announce"])),
            ("call?", or_null(call)),
        ],
    )
}
