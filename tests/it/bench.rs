//! The benchmarks run with the configuration we ship: their figures are of the program as it is.

use std::process::Command;

fn check(arguments: &[&str], expect: &[&str]) {
    let done = Command::new(env!("CARGO_BIN_EXE_mingluo"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("bench")
        .args(arguments)
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&done.stdout);
    let faults = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "bench {arguments:?}: {told}\n{faults}");
    for word in expect {
        assert!(told.contains(word), "bench {arguments:?}: expected {word:?}, got {told}");
    }
}

#[test]
fn in_a_flood_every_alert_is_recorded_or_refused_and_counted() {
    // Short, and with a program that is not optimised: only what was answered is looked at here.
    let flood = ["flood", "--seconds", "3", "--rate", "600", "--senders", "16"];
    let done = Command::new(env!("CARGO_BIN_EXE_mingluo"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("bench")
        .args(flood)
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&done.stdout);
    let faults = String::from_utf8_lossy(&done.stderr);
    assert!(told.contains(" 0 of the answers are not there"), "{told}\n{faults}");
    assert!(told.contains(" 0 otherwise") && told.contains("ratio "), "{told}");
    assert!(!told.contains(" 0 refused for now"), "it was no flood: {told}");
}

#[test]
fn the_fan_out_is_measured_with_the_shipped_configuration() {
    let embedded = "mingluo, embedded broker";
    check(&["fanout", "--terminals", "30", "--only", "embedded"], &[embedded, "        30"]);
    // Without mosquitto the two rows beside it are left out, and told.
    check(&["fanout", "--terminals", "30"], &[embedded, "mosquitto"]);
}

#[test]
fn the_countys_response_is_measured_against_bare_sends() {
    let county = ["county", "--national", "20", "--mqtt", "40"];
    check(
        &county,
        &["20 national and 40 MQTT terminals", "mingluo, from the alert on", "response "],
    );
    check(&[&county[..], &["--sign"]].concat(), &["orders signed", "bare sends"]);
}
