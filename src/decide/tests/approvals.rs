use super::*;
use crate::decide::{Decision, Pending, Signed, authorise, plan, release, sign};
use crate::model::{Approval, BroadcastId, Need, Plan, PlanId};

fn waiting(level: Level) -> Plan {
    let decision = plan(&rules(), NOON, &alert(level), &Memory::default(), PlanId(1));
    let Decision::Plan(plan) = decision else { panic!("expected a plan, got {decision:?}") };
    *plan
}

fn denied(pending: &Pending, person: &str, now: UtcMs) -> &'static str {
    sign(pending, person, now).expect_err("not allowed").code
}

#[test]
fn two_different_people() {
    let mut pending = Pending::new(waiting(Level::Blue), NOON);
    assert_eq!(sign(&pending, "Zhang San", NOON), Ok(Signed::MoreNeeded { have: 1, need: 2 }));
    pending.signed("Zhang San", NOON);
    for same in ["Zhang San", "zhang san", "ＺＨＡＮＧ　ＳＡＮ", "ZhangSan "] {
        assert_eq!(denied(&pending, same, NOON), "signed_before", "{same}");
        pending.signed(same, NOON);
    }
    assert_eq!(pending.signatures().len(), 1);
    let Ok(Signed::Approved(approval)) = sign(&pending, "李四", NOON.plus_s(1)) else {
        panic!("two people are enough")
    };
    let by = vec!["Zhang San".to_owned(), "李四".to_owned()];
    assert_eq!(approval, Approval::Officers { by, at: NOON.plus_s(1) });
    let broadcast = authorise(BroadcastId(9), pending.plan().clone(), approval.clone());
    assert_eq!((broadcast.id(), broadcast.approval()), (BroadcastId(9), &approval));
}

#[test]
fn who_may_not_sign() {
    assert_eq!(denied(&Pending::new(waiting(Level::Red), NOON), "a", NOON), "needs_nobody");
    let yellow = waiting(Level::Yellow);
    let pending = Pending::new(yellow.clone(), NOON);
    assert_eq!(denied(&pending, "a", NOON.plus_s(600)), "too_late");
    assert_eq!(denied(&pending, "a", yellow.expires), "expired");
    assert_eq!(denied(&pending, " 　", NOON), "nameless");
    let empty = Plan { terminals: [].into(), ..yellow.clone() };
    assert_eq!(denied(&Pending::new(empty.clone(), NOON), "a", NOON), "no_audience");
    assert_eq!(release(&empty, NOON.plus_s(600)), None);
    let own = Plan { alert: None, requested_by: "王五".into(), ..yellow };
    assert_eq!(denied(&Pending::new(own, NOON), "王五", NOON), "own_request");
}

#[test]
fn without_people() {
    let red = waiting(Level::Red);
    let rule = Approval::Rule { plan: "rain-red".into(), at: NOON };
    assert_eq!(release(&red, NOON), Some(rule));
    assert_eq!(release(&red, red.expires), None);
    let yellow = waiting(Level::Yellow);
    assert_eq!(release(&yellow, NOON.plus_s(599)), None);
    let clock = Approval::Clock { plan: "rain-yellow".into(), at: NOON.plus_s(600) };
    assert_eq!(release(&yellow, NOON.plus_s(600)), Some(clock));
    let strict = Plan {
        need: Need::Officers { officers: 1, decide_by: NOON, after: AfterDeadline::Expire },
        ..yellow
    };
    assert_eq!(release(&strict, NOON.plus_s(600)), None);
}
