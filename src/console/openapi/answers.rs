//! Schemas of what the interface answers. `tests/it` checks every answer it gets against them.

use super::shape::{a, anything, count, either, flag, list, map, ms, object, or_null, text, words};
use serde_json::Value;

/// Every one, with its name.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    [acts(), pages(), broadcasts(), duty(), audit()].concat()
}

/// What is said to somebody who did something.
fn acts() -> Vec<(&'static str, Value)> {
    let state = |name: &str| ("state", words(&[name]));
    vec![
        (
            "AlertTaken",
            object(&[
                (
                    "alert_id",
                    object(&[("sender", text()), ("identifier", text()), ("sent_ms", ms())]),
                ),
                ("disposition", a("Disposition")),
                ("reasons", list(a("Reason"))),
                ("plans", list(a("Number"))),
                ("broadcasts", list(a("Number"))),
            ]),
        ),
        (
            "Waiting",
            object(&[
                state("awaiting_approval"),
                ("plan", a("Number")),
                ("signatures_needed", count()),
            ]),
        ),
        (
            "Edited",
            object(&[state("awaiting_approval"), ("plan", a("Number")), ("revision", count())]),
        ),
        ("Saved", object(&[state("saved"), ("signatures_needed", count())])),
        ("Started", object(&[state("started"), ("broadcast", a("Number"))])),
        ("Done", object(&[state("done"), ("broadcasts", list(a("Number")))])),
        ("Signed", either(vec![a("Waiting"), a("Done")])),
        ("Resent", either(vec![a("Started"), a("Done")])),
        ("Begun", either(vec![a("Started"), a("Waiting")])),
    ]
}

fn pages() -> Vec<(&'static str, Value)> {
    vec![
        ("Alerts", object(&[("alerts", list(a("Alert"))), ("next_before", or_null(count()))])),
        ("Plans", object(&[("plans", list(a("Plan")))])),
        (
            "Broadcasts",
            object(&[
                ("broadcasts", list(a("BroadcastSummary"))),
                ("next_before", or_null(a("Number"))),
            ]),
        ),
        ("Glasses", object(&[("broadcasts", list(a("BrokenGlass")))])),
        (
            "Terminals",
            object(&[("terminals", list(a("Terminal"))), ("next_after", or_null(a("TerminalId")))]),
        ),
        (
            "Deliveries",
            object(&[
                ("acknowledgements", list(a("Delivery"))),
                ("next_after", or_null(a("TerminalId"))),
            ]),
        ),
        ("Rows", object(&[("rows", list(a("Row"))), ("next_from", or_null(count()))])),
        (
            "Row",
            object(&[
                ("seq", count()),
                ("at_ms", ms()),
                ("kind", text()),
                ("body", anything()),
                ("hash", a("Sha256")),
            ]),
        ),
        (
            "Terminal",
            object(&[
                ("terminal", a("TerminalId")),
                ("name", text()),
                ("area", a("AreaCode")),
                ("position", or_null(a("Position"))),
                ("codecs", list(a("Codec"))),
                ("links", list(a("LinkKind"))),
                ("presence", words(&["online", "offline", "unknown"])),
            ]),
        ),
    ]
}

fn broadcasts() -> Vec<(&'static str, Value)> {
    let summary = [
        ("id", a("Number")),
        ("state", a("Phase")),
        ("class", a("Class")),
        ("response_plan", text()),
        ("response_plan_title", text()),
        ("started_ms", ms()),
        ("counts", a("Counts")),
    ];
    let more = [
        ("approval", a("Approval")),
        ("alert", or_null(a("AlertId"))),
        ("text", text()),
        ("ended_ms", or_null(ms())),
        ("not_before_ms", ms()),
        ("expires_ms", ms()),
        ("repeats", count()),
        ("clips", list(a("ClipRef"))),
        ("spoken", or_null(a("Spoken"))),
        ("cancellation", or_null(a("Cancellation"))),
        (
            "townships",
            list(object(&[
                ("area", a("AreaCode")),
                ("name", or_null(text())),
                ("counts", a("Counts")),
            ])),
        ),
    ];
    vec![
        ("BroadcastSummary", object(&summary)),
        ("Broadcast", object(&[&summary[..], &more].concat())),
        ("Plan", plan()),
        (
            "BrokenGlass",
            object(&[
                ("broadcast", a("Number")),
                ("by", text()),
                ("reason", text()),
                ("at_ms", ms()),
                ("countersign_by_ms", ms()),
                ("signed", list(a("Countersignature"))),
                ("signatures_needed", count()),
                ("leader_needed", flag()),
                ("overdue", flag()),
            ]),
        ),
        (
            "Delivery",
            object(&[
                ("terminal", a("TerminalId")),
                ("name", or_null(text())),
                ("area", or_null(a("AreaCode"))),
                ("outcome", a("OutcomeKind")),
                ("detail", a("Outcome")),
                ("sent_ms", or_null(ms())),
                ("received_ms", or_null(ms())),
                ("playing_ms", or_null(ms())),
                ("ended_ms", or_null(ms())),
                ("first_report_ms", or_null(ms())),
                ("last_report_ms", or_null(ms())),
                ("heard", flag()),
                ("orders", count()),
            ]),
        ),
        ("Preview", preview()),
    ]
}

fn plan() -> Value {
    object(&[
        ("id", a("Number")),
        ("response_plan", text()),
        ("response_plan_title", text()),
        ("requested_by", text()),
        ("class", a("Class")),
        ("text", text()),
        ("terminals", count()),
        ("areas", list(a("AreaCode"))),
        ("need", a("Need")),
        ("revision", count()),
        ("author", or_null(text())),
        ("since_ms", ms()),
        ("escalated", flag()),
        ("asked", list(a("Shift"))),
        ("asked_next", list(a("Shift"))),
        ("escalates_ms", or_null(ms())),
        ("signed", list(a("Signature"))),
        ("expires_ms", ms()),
        ("reasons", list(a("Reason"))),
    ])
}

fn preview() -> Value {
    let clip = object(&[
        ("codec", a("Codec")),
        ("sha256", a("Sha256")),
        ("url", text()),
        ("bytes", count()),
        ("airtime_ms", map(count())),
    ]);
    object(&[
        ("clip", clip.clone()),
        ("clips", list(clip)),
        ("duration_ms", count()),
        ("bytes", map(count())),
        ("airtime_ms", map(count())),
        ("airtime_formula", text()),
        ("voice", text()),
        ("fallback_reason", or_null(text())),
        ("render_ms", count()),
        ("said", text()),
        ("readings", list(text())),
        ("unknown", list(text())),
        ("text", text()),
        ("repeats", count()),
        ("sounding_ms", count()),
    ])
}

fn duty() -> Vec<(&'static str, Value)> {
    let shift = object(&[
        ("id", a("Number")),
        ("post", a("Post")),
        ("title", text()),
        ("person", text()),
        ("telephone", text()),
        ("area", a("AreaCode")),
        ("from_ms", ms()),
        ("until_ms", ms()),
    ]);
    vec![
        ("RosterLine", shift),
        (
            "Roster",
            object(&[("shifts", list(a("RosterLine"))), ("next_after", or_null(a("Number")))]),
        ),
        (
            "RosterTaken",
            either(vec![
                a("Done"),
                object(&[("state", words(&["checked"])), ("shifts", list(a("RosterLine")))]),
            ]),
        ),
        ("Templates", object(&[("templates", list(a("Template")))])),
        ("Groups", object(&[("groups", list(a("Group")))])),
        ("Programmes", object(&[("programmes", list(a("ProgrammeLine")))])),
        ("ProgrammeLine", programme_line()),
        (
            "Checked",
            object(&[
                ("faults", list(a("Reason"))),
                ("notes", list(a("Reason"))),
                (
                    "conflicts",
                    list(object(&[
                        ("with", text()),
                        ("at", ms()),
                        ("other_at", ms()),
                        ("n_terminals", count()),
                    ])),
                ),
                ("terminals", count()),
                ("estimated_ms", count()),
            ]),
        ),
        ("Calls", object(&[("calls", list(a("Call")))])),
        ("Call", call()),
    ]
}

fn programme_line() -> Value {
    let last = object(&[
        ("due_ms", ms()),
        ("broadcast", or_null(a("Number"))),
        ("skipped", or_null(a("Reason"))),
    ]);
    object(&[
        ("programme", a("Programme")),
        ("set_by", text()),
        ("set_at_ms", ms()),
        ("second_person", flag()),
        ("approved_by", or_null(text())),
        ("in_force", flag()),
        ("next_ms", or_null(ms())),
        ("estimated_ms", count()),
        ("last", or_null(last)),
    ])
}

fn call() -> Value {
    let person = object(&[
        ("name", text()),
        ("role", text()),
        ("telephone", text()),
        ("stage", a("CallStage")),
        ("sent", flag()),
    ]);
    object(&[
        ("id", a("Number")),
        ("area", a("AreaCode")),
        ("persons", list(person)),
        ("made_ms", ms()),
        ("answer_by_ms", ms()),
        ("open", flag()),
        ("answer", or_null(a("CallAnswer"))),
        ("answered_ms", or_null(ms())),
        ("gave_up", or_null(text())),
    ])
}

fn audit() -> Vec<(&'static str, Value)> {
    let township =
        object(&[("area", a("AreaCode")), ("name", or_null(text())), ("totals", a("Totals"))]);
    vec![
        (
            "Ladders",
            object(&[
                ("acknowledgements", list(a("Ladder"))),
                ("broadcasts", list(a("BroadcastLine"))),
                ("next", or_null(text())),
                ("as_of", a("AsOf")),
            ]),
        ),
        (
            "Summary",
            object(&[
                ("broadcasts", count()),
                ("acknowledgements", count()),
                ("reached", count()),
                ("totals", a("Totals")),
                ("townships", list(township)),
                ("as_of", a("AsOf")),
            ]),
        ),
        (
            "Evidence",
            object(&[
                ("broadcast", or_null(a("BroadcastLine"))),
                ("acknowledgement", a("Ladder")),
                ("rows", list(a("ProofRow"))),
                ("chain", a("ChainProof")),
            ]),
        ),
        (
            "ProofRow",
            object(&[
                ("seq", count()),
                ("at_ms", ms()),
                ("kind", text()),
                ("hash", a("Sha256")),
                ("fits", flag()),
                ("fact", a("Fact")),
            ]),
        ),
        (
            "ChainProof",
            object(&[
                ("head_seq", count()),
                ("head_hash", a("Sha256")),
                ("first_seq", count()),
                ("last_seq", count()),
                ("n_rows_checked", count()),
                ("whole_span", flag()),
                ("fits", flag()),
                ("faults", list(a("VerifyFault"))),
                ("signed", or_null(a("SignedHead"))),
            ]),
        ),
        ("Ladder", ladder()),
    ]
}

fn ladder() -> Value {
    let moments = [
        "sent_ms",
        "received_ms",
        "received_reported_ms",
        "playing_ms",
        "playing_reported_ms",
        "ended_ms",
        "ended_reported_ms",
        "first_report_ms",
        "last_report_ms",
    ];
    let mut fields = vec![
        ("broadcast", a("Number")),
        ("terminal", a("TerminalId")),
        ("name", or_null(text())),
        ("area", or_null(a("AreaCode"))),
        ("area_name", or_null(text())),
        ("outcome", a("OutcomeKind")),
        ("detail", a("Outcome")),
        ("link", or_null(a("LinkKind"))),
        ("plays", count()),
        ("heard", flag()),
        ("orders", count()),
        ("rows", list(count())),
        ("n_rows", count()),
    ];
    fields.extend(moments.map(|name| (name, or_null(ms()))));
    object(&fields)
}
