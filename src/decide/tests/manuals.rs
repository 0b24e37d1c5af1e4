use super::*;
use crate::decide::{ManualRequest, Urgency, manual};
use crate::model::{Class, Need, Plan, PlanId, Refusal};

pub(super) fn request() -> ManualRequest {
    ManualRequest {
        text: Some("明天上午停水".into()),
        recording: None,
        areas: vec![code(VILLAGE_A)],
        terminals: Vec::new(),
        polygon: None,
        groups: Vec::new(),
        class: Class::Live,
        level: None,
        urgency: Urgency::Daily,
        chime: Chime::Notice,
        voice: None,
        repeats: 2,
        interval_s: 10,
        volume_percent: None,
        valid_s: 3_600,
        requested_by: "王五".into(),
        allowed_areas: vec![code(TOWN)],
    }
}

fn ask(now: UtcMs, change: impl Fn(&mut ManualRequest), memory: &Memory) -> Result<Plan, Refusal> {
    let mut request = request();
    change(&mut request);
    manual(&rules(), now, &request, memory, PlanId(3))
}

fn refused(change: impl Fn(&mut ManualRequest), code: &str) {
    let refusal = ask(NOON, change, &Memory::default()).expect_err(code);
    let codes: Vec<&str> = refusal.reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert_eq!(codes, [code], "{refusal:?}");
}

#[test]
fn what_is_refused() {
    refused(|r| r.text = None, "nothing_to_say");
    refused(|r| r.text = Some(" 。\n".into()), "nothing_to_say");
    refused(|r| r.text = Some("字".repeat(2_001)), "text_too_long");
    refused(|r| r.recording = Some("../etc/passwd".into()), "bad_recording");
    refused(|r| r.repeats = 0, "bad_repeats");
    refused(|r| r.repeats = 21, "bad_repeats");
    refused(|r| r.interval_s = 3_601, "bad_interval");
    refused(|r| r.volume_percent = Some(0), "bad_volume");
    refused(|r| r.valid_s = 0, "bad_validity");
    refused(|r| r.valid_s = 86_401, "bad_validity");
    refused(|r| r.requested_by = String::new(), "nameless");
    refused(|r| r.class = Class::Drill, "drill_not_armed");
    refused(|r| r.areas.clear(), "no_audience");
    refused(|r| r.areas = vec![code("430621105000")], "no_audience");
    refused(|r| r.areas = vec![code("430623000000")], "unknown_area");
    refused(|r| r.areas = vec![code("430621999000")], "unknown_area");
    refused(|r| r.terminals = vec![terminal(VILLAGE_A, 99)], "unknown_terminal");
    refused(|r| r.areas = vec![code(VILLAGE_C)], "outside_officer_areas");
    refused(|r| r.allowed_areas.clear(), "outside_officer_areas");
    refused(|r| r.polygon = Some(vec![at(29.0, 113.0)]), "bad_polygon");
}

#[test]
fn who_must_agree() {
    let officers =
        |now: UtcMs, change: &dyn Fn(&mut ManualRequest)| match ask(now, change, &armed())
            .expect("allowed")
            .need
        {
            Need::Nothing => 0,
            Need::Officers { officers, .. } => officers,
        };
    assert_eq!(officers(NOON, &|_| {}), 0);
    assert_eq!(officers(NOON, &|r| r.areas = vec![code(TOWN)]), 1);
    assert_eq!(officers(NIGHT, &|_| {}), 1);
    assert_eq!(officers(NIGHT, &|r| r.urgency = Urgency::Emergency), 0);
    assert_eq!(
        officers(NIGHT, &|r| {
            r.urgency = Urgency::Emergency;
            r.class = Class::Drill;
        }),
        1
    );
}

#[test]
fn what_becomes_of_it() {
    let plan = ask(NOON, |_| {}, &Memory::default()).expect("allowed");
    assert_eq!((plan.areas.as_slice(), plan.terminals.len()), ([code(VILLAGE_A)].as_slice(), 2));
    assert_eq!(plan.alert, None);
    assert_eq!(plan.expires, NOON.plus_s(3_600));
    let ring = vec![at(29.05, 113.05), at(29.05, 113.15), at(29.105, 113.15), at(29.105, 113.05)];
    let drawn = |r: &mut ManualRequest| {
        r.areas.clear();
        r.polygon = Some(ring.clone());
    };
    let plan = ask(NOON, drawn, &Memory::default()).expect("allowed");
    assert_eq!((plan.areas.len(), plan.terminals.len()), (0, 1));
    // An officer of the new street reaches the terminals still registered under the old town.
    let street = |r: &mut ManualRequest| r.areas = vec![code(NEW_STREET)];
    assert_eq!(ask(NOON, street, &Memory::default()).expect("allowed").terminals.len(), 3);
}
