//! What is allowed now and begins later: nobody has heard it before, and a latch set meanwhile holds it.

use super::*;
use crate::decide::tests::{OTHER_TOWN, VILLAGE_C, alert, area_of, terminal};
use crate::gateway::{Arrival, LatchOrder};
use crate::model::{
    Approval, Disposition, LatchHold, Level, MsgType, Origin, Reference, StopScope,
};

/// When it is to begin.
const BEGINS: UtcMs = UtcMs(NOON.0 + 600_000);

/// A red alert that begins then; `ends` = the alert that it takes back instead.
fn arrive(county: &mut County, name: &str, ends: Option<&str>) -> (Disposition, Vec<BroadcastId>) {
    let mut alert = alert(Level::Red);
    alert.id.identifier = name.into();
    alert.id.sent = county.now;
    alert.infos[0].areas = vec![area_of(&[COUNTY])];
    alert.infos[0].effective = Some(BEGINS);
    if let Some(ends) = ends {
        alert.msg_type = MsgType::Cancel;
        alert.infos[0].effective = None;
        let identifier = ends.to_owned();
        alert.references = vec![Reference { sender: None, identifier, sent: None }];
    }
    let arrival = Arrival {
        content: Sha256::of(name.as_bytes()),
        raw: Sha256::of(name.as_bytes()),
        read: Ok(Box::new(alert)),
        origin: Origin { via: "platform".into(), by: "upper".into() },
        areas: vec![code(COUNTY)],
    };
    let answer = county.input(Input::Arrived(RequestId(1), Box::new(arrival)));
    let Some(Answer::Alert { disposition, broadcasts, .. }) = answer else {
        panic!("an alert, got {answer:?}");
    };
    (disposition, broadcasts)
}

fn latch(county: &mut County, scope: StopScope, hold: LatchHold) -> Vec<BroadcastId> {
    let reason = "上级平台误发，正在核实".into();
    let order = LatchOrder { scope, hold, stop: false, reason };
    let answer = county.ask(&leader("王五"), Ask::SetLatch(order));
    let Answer::Done(hit) = answer else { panic!("done, got {answer:?}") };
    hit
}

/// Terminals of every broadcast that still runs, and those of plans that wait.
fn left(county: &County) -> (Vec<usize>, Vec<usize>) {
    let state = county.gateway.state();
    let running = state.running().filter(|(_, state)| state.cancellation.is_none());
    let running = running.map(|(_, state)| state.broadcast.terminals().len()).collect();
    let waiting = state.pending.values().map(|pending| pending.plan().terminals.len()).collect();
    (running, waiting)
}

#[test]
fn a_latch_holds_what_was_allowed_before_and_has_not_begun() {
    let town = || StopScope::Areas(vec![code(OTHER_TOWN)]);
    for (scope, hold, expect) in [
        (StopScope::All, LatchHold::Wait, (vec![], vec![5])),
        (StopScope::All, LatchHold::Refuse, (vec![], vec![])),
        (town(), LatchHold::Wait, (vec![3], vec![2])),
        (town(), LatchHold::Refuse, (vec![3], vec![])),
    ] {
        let mut county = default_county();
        let (disposition, broadcasts) = arrive(&mut county, "A", None);
        assert_eq!(disposition, Disposition::Planned);
        county.rendered(broadcasts[0]);
        assert_eq!(latch(&mut county, scope.clone(), hold), broadcasts, "{scope:?} {hold:?}");
        assert_eq!(left(&county), expect, "{scope:?} {hold:?}");
        let old = &county.gateway.state().broadcasts[&broadcasts[0]];
        assert!(old.cancellation.is_some(), "its orders are taken back");
        let waits = county.gateway.state().pending.values().next().map(|one| one.plan().clone());
        if let Some(plan) = waits {
            assert_eq!(plan.not_before, BEGINS);
            assert!(plan.reasons.iter().any(|reason| reason.code == "stop_latch_withdrawn"));
            assert!(plan.terminals.contains(&terminal(VILLAGE_C, 1)));
            let denied = county.approve(&leader("王五"), plan.id, 0);
            assert_eq!(codes(&denied), ["stop_latch"]);
            let lift = Ask::LiftLatch(StopScope::All, "已核实解除".into());
            assert_eq!(county.ask(&leader("赵六"), lift), Answer::Done(Vec::new()));
            let released = started(&county.approve(&officer("李四"), plan.id, 0));
            let released = &county.gateway.state().broadcasts[&released].broadcast;
            assert!(matches!(released.approval(), Approval::Officers { .. }));
        }
        county.restart(rules());
    }
}

#[test]
fn a_latch_without_a_stop_leaves_what_has_begun() {
    let mut county = default_county();
    let (_, broadcasts) = arrive(&mut county, "A", None);
    county.rendered(broadcasts[0]);
    county.wake_at(BEGINS.plus_s(1));
    assert_eq!(latch(&mut county, StopScope::All, LatchHold::Wait), []);
    assert_eq!(left(&county), (vec![5], vec![]));
}

#[test]
fn nobody_is_told_of_the_end_of_what_nobody_heard() {
    for (seconds, all_clear) in [(60, false), (660, true)] {
        let mut county = default_county();
        let (_, broadcasts) = arrive(&mut county, "A", None);
        county.rendered(broadcasts[0]);
        county.wake_at(NOON.plus_s(seconds));
        let (_, told) = arrive(&mut county, "B", Some("A"));
        assert_eq!(told.iter().any(|id| *id != broadcasts[0]), all_clear, "after {seconds} s");
        assert!(county.gateway.state().broadcasts[&broadcasts[0]].cancellation.is_some());
        // The same is sent again after the time that it never came to.
        county.wake_at(BEGINS.plus_s(60));
        let before = county.gateway.state().broadcasts.len();
        arrive(&mut county, "C", Some("A"));
        let n_more = county.gateway.state().broadcasts.len() - before;
        assert!(all_clear || n_more == 0);
    }
}
