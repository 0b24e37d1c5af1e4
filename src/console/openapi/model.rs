//! Schemas of the values that requests and answers share. Their names of fields and words are compared
//! with the types by the tests beside.

use super::shape::{
    a, closed, count, either, flag, list, map, ms, number, object, or_null, real, such_as, text,
    with, words,
};
use serde_json::{Value, json};

/// Every one, with its name.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    [names(), choices(), alerts(), broadcasts(), duty(), ladder()].concat()
}

fn names() -> Vec<(&'static str, Value)> {
    let digits = "^(?!0+$)([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})$";
    let matching = |pattern: &str, example: &str, what: &str| {
        with(such_as(example, what), "pattern", pattern.into())
    };
    vec![
        (
            "AreaCode",
            matching(digits, "430621104000", "12 digits, or the first 2, 4, 6 or 9 of them"),
        ),
        (
            "TerminalId",
            matching(
                "^(?!0{12})[0-9]{12}-(?!000)[0-9]{3}$",
                "430621100001-001",
                "area and number of a terminal",
            ),
        ),
        (
            "Number",
            matching("^[0-9]{1,20}$", "1764300000000", "a counter, as text: it may exceed 2^53"),
        ),
        ("Sha256", matching("^[0-9a-f]{64}$", &"0f".repeat(32), "64 hexadecimal digits")),
        ("LocalDate", matching("^2[01][0-9]{2}-[0-9]{2}-[0-9]{2}$", "2026-05-12", "a local day")),
        ("Position", object(&[("lat_deg", real()), ("lon_deg", real())])),
        ("Reason", object(&[("code", text()), ("text", text())])),
        ("Fault", object(&[("line", or_null(count())), ("element", text()), ("what", text())])),
        (
            "Problem",
            object(&[
                ("type", such_as("urn:mingluo:problem:refused", "stable name of its kind")),
                ("title", text()),
                ("status", number(400, 599)),
                ("detail", text()),
                ("faults?", list(a("Fault"))),
            ]),
        ),
    ]
}

fn choices() -> Vec<(&'static str, Value)> {
    vec![
        ("Level", words(&["blue", "yellow", "orange", "red"])),
        ("Class", words(&["drill", "live"])),
        ("Chime", words(&["none", "notice", "blue", "yellow", "orange", "red"])),
        ("Codec", words(&["opus", "mp3", "adpcm", "wav", "text", "phrases"])),
        ("LinkKind", words(&["mqtt", "serial", "national"])),
        ("Phase", words(&["rendering", "sending", "cancelling", "ended"])),
        (
            "Disposition",
            words(&[
                "planned",
                "awaiting_approval",
                "refused",
                "duplicate",
                "conflict",
                "recorded",
            ]),
        ),
        ("Post", words(&["leader", "deputy", "officer", "standby"])),
        ("Role", words(&["source", "officer", "leader", "auditor", "technician", "administrator"])),
        ("CallStage", words(&["village", "township", "county"])),
        ("OrderKind", words(&["play", "cancel", "query"])),
        ("AfterDeadline", words(&["release", "expire"])),
        (
            "RefusalCode",
            words(&["signature", "replay", "target", "window", "drill", "content", "busy"]),
        ),
        ("OutcomeKind", words(OUTCOMES)),
    ]
}

/// Outcomes by name, as filters and counts take them.
pub(super) const OUTCOMES: &[&str] = &[
    "targeted",
    "sent",
    "received",
    "playing",
    "played",
    "refused",
    "failed",
    "preempted",
    "cancelled",
    "expired",
    "unreachable",
];

fn alerts() -> Vec<(&'static str, Value)> {
    vec![
        ("AlertId", object(&[("sender", text()), ("identifier", text()), ("sent", ms())])),
        (
            "Alert",
            object(&[
                ("id", a("AlertId")),
                ("number", count()),
                ("headline", text()),
                ("level", or_null(a("Level"))),
                ("disposition", a("Disposition")),
                ("reasons", list(a("Reason"))),
                ("accepted_at", ms()),
                ("plans", list(count())),
                ("broadcasts", list(count())),
                ("raw", or_null(a("Sha256"))),
            ]),
        ),
    ]
}

/// One variant that carries fields.
fn carrying(name: &str, fields: &[(&str, Value)]) -> Value {
    object(&[(name, object(fields))])
}

fn broadcasts() -> Vec<(&'static str, Value)> {
    let counts: Vec<(&str, Value)> =
        OUTCOMES.iter().chain(&["waiting"]).map(|name| (*name, count())).collect();
    vec![
        (
            "Approval",
            either(vec![
                carrying("rule", &[("plan", text()), ("at", ms())]),
                carrying("officers", &[("by", list(text())), ("at", ms())]),
                carrying("break_glass", &[("by", text()), ("reason", text()), ("at", ms())]),
                carrying("clock", &[("plan", text()), ("at", ms())]),
            ]),
        ),
        (
            "Need",
            either(vec![
                words(&["nothing"]),
                carrying(
                    "officers",
                    &[("officers", count()), ("decide_by", ms()), ("after", a("AfterDeadline"))],
                ),
            ]),
        ),
        ("Signature", object(&[("person", text()), ("at", ms())])),
        ("Countersignature", object(&[("by", text()), ("role", a("Role")), ("at", ms())])),
        (
            "ClipRef",
            object(&[
                ("sha256", a("Sha256")),
                ("codec", a("Codec")),
                ("clip_bytes", count()),
                ("duration_ms", count()),
            ]),
        ),
        (
            "Spoken",
            object(&[
                ("voice", text()),
                ("fallback_reason", or_null(text())),
                ("render_ms", count()),
            ]),
        ),
        (
            "Cancellation",
            object(&[("counter", count()), ("at", ms()), ("by", text()), ("reason", text())]),
        ),
        ("Counts", object(&counts)),
        ("Template", object(&[("name", text()), ("text", text())])),
    ]
}

fn duty() -> Vec<(&'static str, Value)> {
    let shift = json!({
        "post": "officer", "person": "张三", "telephone": "13800000001", "area": "430621000000",
        "from": 1_764_201_600_000_i64, "until": 1_764_288_000_000_i64
    });
    let kind = |name: &str| ("kind", words(&[name]));
    let small = |told: &str| with(number(0, 255), "description", told.into());
    vec![
        (
            "Shift",
            closed(
                &shift,
                &[
                    ("id?", count()),
                    ("post", a("Post")),
                    ("person", text()),
                    ("telephone", text()),
                    ("area", a("AreaCode")),
                    ("from", ms()),
                    ("until", ms()),
                ],
            ),
        ),
        (
            "Group",
            object(&[
                ("name", text()),
                ("owner", text()),
                ("areas", list(a("AreaCode"))),
                ("terminals", list(a("TerminalId"))),
            ]),
        ),
        ("YearDay", object(&[("month", small("1 to 12")), ("day", small("1 to 31"))])),
        (
            "Calendar",
            either(vec![
                object(&[kind("daily")]),
                object(&[kind("weekly"), ("weekdays", list(small("Monday 1 to Sunday 7")))]),
                object(&[kind("dates"), ("dates", list(a("LocalDate")))]),
                object(&[kind("yearly"), ("days", list(a("YearDay")))]),
                object(&[kind("month"), ("month", small("1 to 12"))]),
            ]),
        ),
        ("Programme", programme()),
        (
            "CallAnswer",
            either(vec![
                carrying("link", &[("person", text())]),
                carrying("terminal_button", &[("terminal", a("TerminalId"))]),
                carrying("officer", &[("by", text())]),
            ]),
        ),
    ]
}

/// Its numbers are as wide as their types: `/programmes/check` tells what is out of range, by name.
fn programme() -> Value {
    let told = |max: u64, told: &str| with(number(0, max), "description", told.into());
    let example = json!({
        "name": "安全生产月", "text": "安全生产，人人有责。", "areas": ["430621000000"],
        "calendar": { "kind": "month", "month": 6 }, "at_minutes": [450, 1080],
        "from": "2026-01-01", "until": "2030-12-31", "repeats": 1, "tolerance_s": 600,
        "valid_s": 1800
    });
    closed(
        &example,
        &[
            ("name", text()),
            ("text?", or_null(text())),
            ("recording?", or_null(text())),
            ("voice?", or_null(text())),
            ("areas", list(a("AreaCode"))),
            ("terminals?", list(a("TerminalId"))),
            ("groups?", list(text())),
            ("calendar", a("Calendar")),
            ("at_minutes", list(told(65_535, "local minutes of the day, 0 to 1439"))),
            ("from", a("LocalDate")),
            ("until", a("LocalDate")),
            ("except?", list(a("LocalDate"))),
            ("repeats", told(255, "1 to 20")),
            ("interval_s?", told(65_535, "0 to 3600")),
            ("volume_percent?", or_null(told(255, "1 to 100"))),
            ("tolerance_s", told(4_294_967_295, "10 to 3600")),
            ("valid_s", number(0, 4_294_967_295)),
        ],
    )
}

fn ladder() -> Vec<(&'static str, Value)> {
    let plain = ["targeted", "sent", "received", "playing", "played", "cancelled", "expired"];
    let carried = || {
        vec![
            object(&[("refused", a("RefusalCode"))]),
            object(&[("failed", text())]),
            object(&[("preempted", count())]),
        ]
    };
    let outcome = words(&[&plain[..], &["unreachable"]].concat());
    let step = words(&["received", "playing", "played", "cancelled", "expired"]);
    let with = |words: Value| either([vec![words], carried()].concat());
    vec![
        ("Outcome", with(outcome)),
        ("Step", with(step)),
        (
            "Address",
            either(vec![
                object(&[("area", a("AreaCode"))]),
                object(&[("terminal", a("TerminalId"))]),
            ]),
        ),
        ("AsOf", object(&[("seq", count()), ("hash", a("Sha256")), ("n_unread", count())])),
        ("Totals", map(count())),
        ("VerifyFault", object(&[("seq", count()), ("what", text())])),
        (
            "BroadcastLine",
            object(&[
                ("id", a("Number")),
                ("started_ms", ms()),
                ("ended_ms", or_null(ms())),
                ("class", or_null(a("Class"))),
                ("response_plan", text()),
                ("plan_title", text()),
                ("alert", or_null(a("AlertId"))),
                ("headline", or_null(text())),
                ("text", text()),
                ("areas", list(a("AreaCode"))),
                ("rows", list(count())),
            ]),
        ),
        ("Fact", fact()),
        (
            "SignedHead",
            object(&[
                ("seq", count()),
                ("hash", a("Sha256")),
                ("at_ms", ms()),
                ("public_key", a("Sha256")),
                ("fits", flag()),
                ("key_trusted", or_null(flag())),
                ("chained", flag()),
            ]),
        ),
    ]
}

/// What a journal row says about one terminal.
fn fact() -> Value {
    let fact = |name: &str, fields: &[(&str, Value)]| {
        object(&[&[("fact", words(&[name]))], fields].concat())
    };
    either(vec![
        fact(
            "targeted",
            &[
                ("class", a("Class")),
                ("approval", a("Approval")),
                ("response_plan", text()),
                ("plan_title", text()),
            ],
        ),
        fact("clip_ready", &[("clips", list(a("ClipRef"))), ("spoken", a("Spoken"))]),
        fact("ordered", &[("kind", a("OrderKind")), ("to", a("Address")), ("link", a("LinkKind"))]),
        fact(
            "reported",
            &[
                ("step", a("Step")),
                ("received_ms", or_null(ms())),
                ("playing_ms", or_null(ms())),
                ("ended_ms", or_null(ms())),
                ("plays", count()),
                ("heard", flag()),
                ("counter", count()),
                ("link", a("LinkKind")),
                ("content?", count()),
                ("authenticated", flag()),
            ],
        ),
        fact("cancelled", &[("cancellation", a("Cancellation"))]),
        fact("live_begun", &[("by", text()), ("connected", flag())]),
        fact("live_ended", &[("by", text()), ("reason", text())]),
        fact("live_kept", &[("clip", a("ClipRef"))]),
        fact("ended", &[]),
        fact("unreadable", &[]),
    ])
}
