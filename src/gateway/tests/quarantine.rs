//! Rejections: numbered, kept, and read again under somebody's name.

use super::*;
use crate::decide::tests::alert;
use crate::gateway::Arrival;
use crate::model::{Disposition, Fault, Level, Origin, Rejection, SourceRules};

fn arrival(bytes: &[u8], readable: bool) -> Arrival {
    let fault = Fault { line: Some(1), element: "alert".into(), what: "cut off".into() };
    let rejection = Rejection { faults: vec![fault], too_large: false };
    Arrival {
        read: if readable { Ok(Box::new(alert(Level::Red))) } else { Err(rejection) },
        content: Sha256::of(b"content"),
        raw: Sha256::of(bytes),
        origin: Origin { via: "api".into(), by: "bureau".into() },
        areas: vec![code(COUNTY)],
    }
}

fn rejected(county: &mut County, bytes: &[u8]) {
    let input = Input::Arrived(RequestId(1), Box::new(arrival(bytes, false)));
    assert!(matches!(county.input(input), Some(Answer::Rejected(_))));
}

fn replay(county: &mut County, by: &Actor, number: u64, again: Arrival) -> Answer {
    county.ask(
        by,
        Ask::Replay(number, "读取程序已修复".into(), Box::new((again, SourceRules::default()))),
    )
}

#[test]
fn bytes_are_read_again_under_a_name_and_go_the_way_of_an_arrival() {
    let mut county = default_county();
    for bytes in [b"a", b"b", b"c"] {
        rejected(&mut county, bytes);
    }
    let technician = actor("季技术", Role::Technician);
    let from = county.entries.len();
    // Still unreadable: a rejection of its own.
    let answer = replay(&mut county, &technician, 2, arrival(b"b", false));
    assert!(matches!(answer, Answer::Rejected(_)), "{answer:?}");
    assert_eq!(county.kinds(from), ["rejection_replayed", "alert_rejected"]);
    assert_eq!(county.gateway.state().rejections().last().map(|(n, _)| n), Some(4));
    // Readable now: planned, approved and started as any alert is.
    let from = county.entries.len();
    let answer = replay(&mut county, &leader("李带班"), 2, arrival(b"b", true));
    let Answer::Alert { disposition, broadcasts, .. } = answer else { panic!("{answer:?}") };
    assert_eq!((disposition, broadcasts.len()), (Disposition::Planned, 1));
    assert_eq!(county.kinds(from)[..2], ["rejection_replayed", "alert_accepted"]);
    // Twice is a duplicate: nothing sounds again.
    let answer = replay(&mut county, &technician, 2, arrival(b"b", true));
    let Answer::Alert { disposition, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(disposition, Disposition::Duplicate);
    assert_eq!(county.gateway.state().broadcasts.len(), 1);
    let state = county.gateway.state();
    let who: Vec<&str> =
        state.rejection(2).unwrap().replays.iter().map(|replay| replay.by.as_str()).collect();
    assert_eq!(who, ["季技术", "李带班", "季技术"]);
    assert_eq!(state.alert_of(Sha256::of(b"b")), Some(1));
    assert_eq!(state.alert_of(Sha256::of(b"a")), None);
}

#[test]
fn who_may_not_replay_and_what() {
    let mut county = default_county();
    rejected(&mut county, b"a");
    for role in [Role::Officer, Role::Source, Role::Auditor, Role::Administrator] {
        let answer = replay(&mut county, &actor("某人", role), 1, arrival(b"a", true));
        assert!(matches!(answer, Answer::Denied(_)), "{role:?} {answer:?}");
    }
    let technician = actor("季技术", Role::Technician);
    for number in [0, 2, u64::MAX] {
        let answer = replay(&mut county, &technician, number, arrival(b"a", true));
        assert!(matches!(answer, Answer::NotFound(_)), "{number} {answer:?}");
    }
    let other = replay(&mut county, &technician, 1, arrival(b"x", true));
    assert_eq!(codes(&other), ["other_bytes"]);
    let ask = Ask::Replay(1, "好".into(), Box::new((arrival(b"a", true), SourceRules::default())));
    assert_eq!(codes(&county.ask(&technician, ask)), ["reason_too_short"]);
    assert!(county.gateway.state().alerts.is_empty());
}

#[test]
fn the_oldest_leave_memory_and_numbers_stay() {
    let mut state = State::default();
    let n = super::super::quarantine::REJECTED_KEPT_MAX + 3;
    for number in 1..=n {
        let Arrival { read, raw, origin, .. } = arrival(&number.to_le_bytes(), false);
        let rejection = read.expect_err("a rejection");
        state.apply(NOON, &Entry::AlertRejected { rejection, raw, origin });
    }
    let n = u64::try_from(n).unwrap();
    assert!(state.rejection(3).is_none() && state.rejection(4).is_some());
    let last = state.rejection(n).unwrap();
    assert_eq!(last.raw, Sha256::of(&usize::try_from(n).unwrap().to_le_bytes()));
    let numbers: Vec<u64> = state.rejections().map(|(number, _)| number).collect();
    assert_eq!((numbers[0], numbers[numbers.len() - 1]), (4, n));
}
