//! One direction: who may import whom, and where there is no clock, no file and no waiting.

use crate::source::{code, files};
use std::collections::BTreeSet;

/// A module, and which other modules of ours it may import.
const LAYERS: [(&str, &[&str]); 10] = [
    ("model", &[]),
    ("ingest", &["model"]),
    ("decide", &["model"]),
    ("render", &["model"]),
    ("deliver", &["model", "mingluo_bridge"]),
    ("record", &["model"]),
    ("watch", &["model"]),
    ("gateway", &["model", "decide", "deliver", "record", "mingluo_bridge"]),
    ("report", &["model", "record"]),
    // It shows what the stages decided and delivered, in local time; it calls none of them to act.
    ("console", &["model", "gateway", "record", "daemon", "report", "decide", "deliver", "clock"]),
];

/// Imports beside the layers, each with its reason.
const EXCEPTIONS: [(&str, &str, &str); 11] = [
    (
        "src/record/audit/fold.rs",
        "deliver",
        "the audit says what the core said, by the same ladder",
    ),
    (
        "src/render/speech/deadline.rs",
        "clock",
        "voices work against a deadline on threads of theirs",
    ),
    ("src/deliver/broker.rs", "clock", "stamps when a report reached this machine"),
    ("src/deliver/mqtt.rs", "clock", "stamps when a report reached this machine"),
    ("src/console/alerts.rs", "ingest", "reads a posted body before it goes to the core"),
    ("src/console/stations.rs", "ingest", "reads posted readings before they go to the desk"),
    ("src/watch/tests.rs", "ingest", "its alerts must be readable like any other"),
    ("src/console/web/alerts.rs", "ingest", "shows the content of an alert from its raw bytes"),
    ("src/console/web/chinese/tests.rs", "ingest", "says in Chinese what the readers really say"),
    (
        "src/console/people/account.rs",
        "secrets",
        "accounts are written so that only we can read them",
    ),
    ("src/console/session.rs", "secrets", "API keys are written so that only we can read them"),
];

/// Files and folders that only compute.
const PURE: [&str; 32] = [
    "src/model/",
    "src/ingest/",
    "src/decide/",
    "src/gateway/",
    "src/daemon/telemetry/asking.rs",
    "src/deliver/delivery.rs",
    "src/deliver/order.rs",
    "src/deliver/schedule.rs",
    "src/deliver/national/bytes.rs",
    "src/deliver/national/control.rs",
    "src/deliver/national/ebm.rs",
    "src/deliver/national/ledger.rs",
    "src/deliver/national/packet.rs",
    "src/deliver/national/returned.rs",
    "src/deliver/national/stream.rs",
    "src/deliver/serial/airtime.rs",
    "src/deliver/serial/master.rs",
    "src/deliver/serial/transfer.rs",
    "src/simulate/bus.rs",
    "src/simulate/bus_terminal.rs",
    "src/record/audit/filter.rs",
    "src/record/audit/fold.rs",
    "src/record/audit/ladder.rs",
    "src/record/audit/memory.rs",
    "src/record/audit/pack.rs",
    "src/record/chain.rs",
    "src/record/entry.rs",
    "src/record/verify.rs",
    "src/render/text/",
    "src/report/layout.rs",
    "src/watch/",
    "firmware-bridge/src/",
];

/// What a pure file may not do.
const IMPURE: [&str; 14] = [
    "async fn",
    "async move",
    ".await",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "crate::clock::",
    "tokio",
    "getrandom",
    "HashMap",
    "Mutex",
];

#[test]
fn stages_import_the_model_and_themselves() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (layer, allowed) in LAYERS {
        for file in files("src", ".rs") {
            if !file.is_in(&[&format!("src/{layer}/")]) {
                continue;
            }
            for import in imports(&code(file.product())) {
                let except = EXCEPTIONS.iter().position(|(from, to, reason)| {
                    file.is_in(&[from]) && import == *to && !reason.is_empty()
                });
                used.extend(except);
                if import != layer && !allowed.contains(&import.as_str()) && except.is_none() {
                    wrong.push(format!("{} imports {import}", file.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unused: Vec<_> = (0..EXCEPTIONS.len()).filter(|at| !used.contains(at)).collect();
    assert!(unused.is_empty(), "exceptions nobody needs any more: {unused:?}");
}

/// Modules of ours that some code names, and the wire crate.
fn imports(code: &str) -> BTreeSet<String> {
    let name = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
    };
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => {
                found.insert(name(rest));
            }
            Some(group) => {
                let group = group.split(';').next().unwrap_or_default();
                let mut depth = 0;
                let mut item = String::new();
                for letter in group.chars() {
                    depth += i32::from(letter == '{') - i32::from(letter == '}');
                    if letter == ',' && depth == 0 {
                        found.insert(name(item.trim()));
                        item.clear();
                    } else {
                        item.push(letter);
                    }
                }
                found.insert(name(item.trim()));
            }
        }
    }
    if code.contains("mingluo_bridge") {
        found.insert("mingluo_bridge".to_owned());
    }
    found.remove("");
    found
}

#[test]
fn imports_are_found() {
    let code = "use crate::model::A; use crate::{clock, record::{B, C}}; fn f() { crate::x::y() }";
    let found: Vec<String> = imports(code).into_iter().collect();
    assert_eq!(found, ["clock", "model", "record", "x"]);
}

#[test]
fn pure_files_do_nothing_but_compute() {
    let mut wrong = Vec::new();
    let all = files("src", ".rs").into_iter().chain(files("firmware-bridge/src", ".rs"));
    for file in all.filter(|file| file.is_in(&PURE) && !file.path.contains("tests")) {
        // The wire crate's module of that name computes with times and reads none.
        let code = code(file.product());
        let code = match file.path.starts_with("firmware-bridge/") {
            true => code.replace("crate::clock::", ""),
            false => code,
        };
        wrong.extend(
            IMPURE
                .iter()
                .filter(|word| code.contains(**word))
                .map(|w| format!("{}: {w}", file.path)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_is_one_way_to_sound_a_loudspeaker() {
    for file in files("src", ".rs") {
        let calls = code(file.product()).contains("Broadcast::authorise(");
        let here = file.path == "src/decide/approval.rs";
        assert_eq!(calls, here, "{}: Broadcast::authorise belongs into decide/approval", file.path);
    }
}

/// A row of an acknowledgement is written where a terminal's frame arrives, and nowhere else.
#[test]
fn nobody_writes_an_acknowledgement_for_a_terminal() {
    for file in files("src", ".rs") {
        let code = code(file.product());
        let writes = code.contains("record(Entry::Acknowledged");
        let here = file.path == "src/gateway/delivering.rs";
        assert!(here || !writes, "{} writes acknowledgements", file.path);
    }
}

/// The HTTP library's own default reads the system's authorities and panics where there are none.
#[test]
fn callers_name_whom_they_trust() {
    for file in files("src", ".rs") {
        let code = code(file.product());
        let calls =
            ["reqwest::Client::new(", "reqwest::get("].iter().any(|call| code.contains(call));
        assert!(!calls, "{}: use tls::plain_client or tls::trusting_client", file.path);
    }
}
