//! Every operation of `router`, part by part.

use super::model::OUTCOMES;
use super::operation::{Operation, delete, get, open, post};
use super::shape::{a, flag, ms, number, such_as, text, with, words};
use crate::model::Right;
use serde_json::{Value, json};

/// All of them.
pub(super) fn all() -> Vec<Operation> {
    let described = open("/openapi.json", "this document")
        .answers_as(200, &json!({ "application/json": { "schema": super::shape::anything() } }));
    [
        alerts(),
        broadcasts(),
        acts(),
        duty(),
        programmes(),
        audit(),
        super::feeds::operations(),
        super::guarded::operations(),
        super::settings::operations(),
        vec![described],
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Rows of a page: what is too small or too large is brought into the range.
fn limit(usual: u64, max: u64) -> Value {
    let told = format!("rows wanted, 1 to {max}; less is 1, more is {max}");
    with(with(number(0, u64::MAX), "description", told.into()), "default", usual.into())
}

fn counter() -> Value {
    number(0, u64::MAX)
}

fn alerts() -> Vec<Operation> {
    let xml = json!({ "schema": text() });
    let bodies = json!({
        "application/xml": xml, "text/xml": xml,
        "application/json": { "schema": a("AlertBody") }
    });
    vec![
        get("/alerts", Right::Read, "alerts, newest first")
            .query("before", &counter())
            .query("limit", &limit(50, 200))
            .gives("Alerts"),
        post("/alerts", Right::PostAlert, "take CAP XML, 12379 XML or JSON; known by its identity")
            .takes_as(true, &bodies)
            .answers(202, "AlertTaken")
            .answers(409, "AlertTaken"),
        get("/alerts/{number}", Right::Read, "one alert").gives("Alert"),
    ]
}

fn broadcasts() -> Vec<Operation> {
    vec![
        get("/plans", Right::Read, "plans that wait for people").gives("Plans"),
        get("/broadcasts", Right::Read, "broadcasts, newest first")
            .query("before", &counter())
            .query("limit", &limit(200, 1_000))
            .gives("Broadcasts"),
        post("/broadcasts", Right::Broadcast, "manual broadcast; live or drill must be said")
            .once()
            .takes("ManualBody")
            .gives("Begun"),
        get("/broadcasts/{id}", Right::Read, "one broadcast with its counts").gives("Broadcast"),
        get("/broadcasts/{id}/acknowledgements", Right::Read, "each terminal's ladder")
            .query("after", &a("TerminalId"))
            .query("limit", &limit(200, 1_000))
            .query("outcome", &words(OUTCOMES))
            .gives("Deliveries"),
        get(
            "/broadcasts/{id}/calls",
            Right::Read,
            "calls to responsible persons, with their answers",
        )
        .gives("Calls"),
        get("/break-glass", Right::Read, "broadcasts that one officer released alone")
            .gives("Glasses"),
        get("/terminals", Right::Read, "the registry with presence")
            .query("after", &a("TerminalId"))
            .query("limit", &limit(200, 1_000))
            .query("area", &a("AreaCode"))
            .gives("Terminals"),
        get("/stations", Right::Read, "monitoring stations: values, age, faults, warnings")
            .query("after", &text())
            .query("limit", &limit(200, 1_000))
            .answers_as(
                200,
                &json!({ "application/json": { "schema": super::shape::anything() } }),
            ),
        post("/readings", Right::PostAlert, "take readings of stations, ours or geological JSON")
            .takes_as(true, &json!({ "application/json": { "schema": super::shape::anything() } }))
            .answers_as(
                202,
                &json!({ "application/json": { "schema": super::shape::anything() } }),
            ),
        get("/events", Right::Read, "entries as they are recorded, as server-sent events")
            .answers_as(200, &json!({ "text/event-stream": { "schema": stream() } })),
        post("/preview", Right::Broadcast, "how it would sound; clip, length, airtime")
            .takes("PreviewBody")
            .gives("Preview"),
    ]
}

/// What a watcher reads.
fn stream() -> Value {
    let told = "`event:` is the entry's kind and `data:` its JSON; `event: missed` tells how many a slow \
                watcher missed: read them from `/record`";
    json!({ "type": "string", "description": told })
}

fn acts() -> Vec<Operation> {
    vec![
        post(
            "/broadcasts/{id}/approve",
            Right::Approve,
            "approve the plan of that number, as seen",
        )
        .may_take("ApproveBody")
        .decided()
        .gives("Begun"),
        post("/broadcasts/{id}/refuse", Right::Approve, "refuse the plan of that number")
            .takes("ReasonBody")
            .decided()
            .gives("Done"),
        post("/plans/{id}/edit", Right::Approve, "change a waiting plan, as seen; signatures fall")
            .takes("EditBody")
            .decided()
            .gives("Edited"),
        post("/broadcasts/{id}/cancel", Right::Stop, "cancel a broadcast")
            .takes("ReasonBody")
            .decided()
            .gives("Done"),
        post("/broadcasts/{id}/resend", Right::Broadcast, "again to those that did not play it")
            .once()
            .gives("Resent"),
        post("/break-glass", Right::Broadcast, "release a plan or a manual broadcast alone")
            .once()
            .takes("BreakGlassBody")
            .gives("Begun"),
        post(
            "/broadcasts/{id}/countersign",
            Right::Approve,
            "sign afterwards what was released alone",
        )
        .decided()
        .gives("Signed"),
        post("/calls/{id}/answered", Right::Approve, "the person was reached by telephone")
            .decided()
            .gives("Done"),
        post("/stop", Right::Stop, "stop everything, or everything in some areas")
            .may_take("StopBody")
            .decided()
            .gives("Done"),
        post("/drill", Right::Drill, "arm drills for some minutes, or disarm them")
            .takes("DrillBody")
            .decided()
            .gives("Done"),
    ]
}

fn duty() -> Vec<Operation> {
    let csv = json!({ "text/csv": { "schema": text() } });
    vec![
        get("/roster", Right::Read, "shifts; with `area`, who is on duty there")
            .query("area", &a("AreaCode"))
            .query("at_ms", &ms())
            .query("after", &counter())
            .query("limit", &limit(200, 1_000))
            .gives("Roster"),
        post("/roster", Right::Roster, "set and remove single shifts")
            .takes("RosterBody")
            .decided()
            .gives("Done"),
        post("/roster/import", Right::Roster, "take a roster as CSV, all or nothing")
            .query("dry_run", &flag())
            .takes_as(true, &csv)
            .decided()
            .gives("RosterTaken"),
        get("/templates", Right::Read, "templates of the policy, for composing").gives("Templates"),
        get("/groups", Right::Read, "saved groups of places").gives("Groups"),
        post("/groups", Right::Broadcast, "save a group")
            .takes("GroupBody")
            .decided()
            .gives("Done"),
        delete("/groups/{name}", Right::Broadcast, "remove a group").decided().gives("Done"),
    ]
}

fn programmes() -> Vec<Operation> {
    vec![
        get("/programmes", Right::Read, "the schedule with next time and newest occurrence")
            .gives("Programmes"),
        post("/programmes", Right::Broadcast, "save; refused with every fault and conflict")
            .takes("Programme")
            .decided()
            .gives("Saved"),
        post(
            "/programmes/check",
            Right::Broadcast,
            "faults, conflicts, terminals, length; unsaved",
        )
        .takes("Programme")
        .gives("Checked"),
        delete("/programmes/{name}", Right::Broadcast, "remove a programme")
            .decided()
            .gives("Done"),
        post("/programmes/{name}/approve", Right::Approve, "approve another's programme, as seen")
            .takes("ApproveProgrammeBody")
            .decided()
            .gives("Saved"),
    ]
}

/// An operation of the audit with the filters that all of them take.
fn asked(operation: Operation) -> Operation {
    let time =
        "2026-07-01, 2026-07-01T03:12 (China Standard Time) or with an offset, or milliseconds";
    operation
        .query("since", &such_as("2026-07-01", time))
        .query("until", &such_as("2026-07-01T03:12", time))
        .query("alert", &such_as("#1", "identifier of an alert, or # and its number"))
        .query("broadcast", &text())
        .query("class", &text())
        .query("area", &such_as("430621", "area codes with commas between them"))
        .query("terminal", &text())
        .query("outcome", &such_as("played,unreachable", "outcomes with commas between them"))
        .query("link", &text())
}

fn audit() -> Vec<Operation> {
    let file = json!({ "schema": { "type": "string" } });
    let files = json!({
        "text/csv": file, "application/pdf": file,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": file
    });
    vec![
        asked(get("/audit/acknowledgements", Right::Audit, "ladders of all broadcasts ever"))
            .query("after", &such_as("1764300000000.430621100001-001", "`next` of a page"))
            .query("limit", &text())
            .gives("Ladders"),
        asked(get("/audit/summary", Right::Audit, "counts per outcome and township"))
            .gives("Summary"),
        asked(get("/audit/evidence", Right::Audit, "one terminal in one broadcast, proved"))
            .gives("Evidence"),
        asked(get("/audit/export", Right::Audit, "csv or xlsx, or the pdf to be signed"))
            .query("format", &words(&["csv", "xlsx", "pdf"]))
            .answers_as(200, &files),
        get("/record", Right::Audit, "rows of the ledger")
            .query("from", &counter())
            .query("limit", &limit(200, 1_000))
            .gives("Rows"),
    ]
}
