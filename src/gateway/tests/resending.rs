use super::*;
use crate::decide::tests::{NIGHT, terminal};
use crate::model::RefusalCode;

/// A running broadcast to and B-1.
fn running(county: &mut County) -> BroadcastId {
    let plan = county.waiting(&officer("张三"));
    let broadcast = started(&county.approve(&officer("李四"), plan, 0));
    county.rendered(broadcast);
    broadcast
}

#[test]
fn those_that_ended_unplayed_get_a_new_broadcast_and_nobody_else() {
    let mut county = default_county();
    let first = running(&mut county);
    let (a1, a2, b1) = (terminal(VILLAGE_A, 1), terminal(VILLAGE_A, 2), terminal(VILLAGE_B, 1));
    county.report(first, a1, Step::Played);
    county.report(first, a2, Step::Refused(RefusalCode::Content));
    county.report(first, b1, Step::Refused(RefusalCode::Replay));
    let second = started(&county.ask(&officer("王五"), Ask::Resend(first)));
    let state = &county.gateway.state().broadcasts[&second];
    let targets: Vec<TerminalId> = state.broadcast.terminals().iter().copied().collect();
    assert_eq!(targets, [a2], "not who played, not who says that it did before");
    let old = &county.gateway.state().broadcasts[&first];
    assert_eq!(state.broadcast.expires(), old.broadcast.expires());
    assert_eq!(old.resent_as, [second]);
    assert!(county.gateway.state().automatic_at.is_empty(), "an officer's act, not a rule's");

    // While the resend may still reach A-2, and after it did, nobody is left.
    assert_eq!(codes(&county.ask(&officer("王五"), Ask::Resend(first))), ["no_audience"]);
    county.rendered(second);
    county.report(second, a2, Step::Played);
    assert_eq!(codes(&county.ask(&officer("王五"), Ask::Resend(first))), ["no_audience"]);
}

#[test]
fn a_failed_resend_may_be_sent_again() {
    let mut county = default_county();
    let first = running(&mut county);
    let a2 = terminal(VILLAGE_A, 2);
    for id in [terminal(VILLAGE_A, 1), terminal(VILLAGE_B, 1)] {
        county.report(first, id, Step::Played);
    }
    county.report(first, a2, Step::Refused(RefusalCode::Content));
    let second = started(&county.ask(&officer("王五"), Ask::Resend(first)));
    county.rendered(second);
    county.report(second, a2, Step::Refused(RefusalCode::Content));
    let third = started(&county.ask(&officer("王五"), Ask::Resend(first)));
    assert_ne!(second, third);
    county.rendered(third);
    county.report(third, a2, Step::Played);
    assert_eq!(codes(&county.ask(&officer("王五"), Ask::Resend(first))), ["no_audience"]);
}

#[test]
fn the_silent_get_the_old_order_again_at_once() {
    let mut county = default_county();
    let first = running(&mut county);
    let silent = terminal(VILLAGE_B, 1);
    for n in [1, 2] {
        county.report(first, terminal(VILLAGE_A, n), Step::Played);
    }
    county.now = NOON.plus_s(1);
    assert_eq!(county.ask(&officer("王五"), Ask::Resend(first)), Answer::Done(vec![first]));
    let delivery = &county.gateway.state().broadcasts[&first].deliveries[&silent];
    assert_eq!((delivery.tries, delivery.next_at), (0, county.now));
    assert_eq!(county.gateway.state().broadcasts.len(), 1, "no new number: never heard twice");
}

#[test]
fn what_it_is_refused_for() {
    let mut county = default_county();
    let first = running(&mut county);
    county.report(first, terminal(VILLAGE_A, 1), Step::Refused(RefusalCode::Content));
    let outsider = Actor { areas: vec![code(VILLAGE_A)], ..officer("村官") };
    assert!(matches!(county.ask(&outsider, Ask::Resend(first)), Answer::Denied(_)));
    let expires = county.gateway.state().broadcasts[&first].broadcast.expires();
    county.now = expires;
    assert!(codes(&county.ask(&officer("王五"), Ask::Resend(first))).contains(&"expired".into()));
    county.now = NOON;
    let cancel = Input::Cancel(RequestId(1), officer("张三"), first, "解除".into());
    county.input(cancel);
    assert_eq!(codes(&county.ask(&officer("王五"), Ask::Resend(first))), ["cancelled"]);
    let none = county.ask(&officer("王五"), Ask::Resend(BroadcastId(7)));
    assert!(matches!(none, Answer::NotFound(_)));
}

#[test]
fn daily_broadcasts_are_not_sent_again_at_night() {
    let mut county = default_county();
    let zhang = officer("张三");
    let daily = ManualRequest {
        urgency: Urgency::Daily,
        valid_s: 80_000,
        areas: vec![code(VILLAGE_A)],
        ..request(&zhang)
    };
    let first = started(&county.manual(&zhang, daily));
    county.rendered(first);
    county.report(first, terminal(VILLAGE_A, 1), Step::Refused(RefusalCode::Content));
    county.now = NIGHT;
    assert_eq!(codes(&county.ask(&zhang, Ask::Resend(first))), ["quiet_hours"]);
}
