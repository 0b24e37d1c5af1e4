//! The STOP latch 停播锁: what it holds, where, for how long, and who passes it.

use super::*;
use crate::decide::tests::{OTHER_TOWN, TOWN, VILLAGE_C, alert, area_of, terminal};
use crate::gateway::{Arrival, LatchOrder, Release};
use crate::model::{
    Disposition, InterlockLimit, LatchHold, Level, Need, Origin, OriginKind, StopScope, Verdict,
};

const WHY: &str = "上级平台误发，正在核实";

fn order(areas: &[&str], hold: LatchHold) -> LatchOrder {
    let scope = match areas {
        [] => StopScope::All,
        areas => StopScope::Areas(areas.iter().map(|area| code(area)).collect()),
    };
    LatchOrder { scope, hold, stop: false, reason: WHY.into() }
}

fn set(county: &mut County, areas: &[&str], hold: LatchHold) {
    let answer = county.ask(&leader("王五"), Ask::SetLatch(order(areas, hold)));
    assert_eq!(answer, Answer::Done(Vec::new()));
}

fn lift(county: &mut County) {
    let answer = county.ask(&leader("赵六"), Ask::LiftLatch(StopScope::All, "已核实解除".into()));
    assert_eq!(answer, Answer::Done(Vec::new()));
}

/// An alert from above arrives; gives what became of it.
fn arrive(
    county: &mut County,
    name: &str,
    level: Level,
    areas: &[&str],
) -> (Disposition, Vec<PlanId>, Vec<BroadcastId>) {
    arrive_by(county, "api", name, level, areas)
}

fn arrive_by(
    county: &mut County,
    via: &str,
    name: &str,
    level: Level,
    areas: &[&str],
) -> (Disposition, Vec<PlanId>, Vec<BroadcastId>) {
    let mut alert = alert(level);
    alert.id.identifier = name.into();
    alert.id.sent = county.now;
    alert.infos[0].areas = vec![area_of(areas)];
    let arrival = Arrival {
        content: Sha256::of(name.as_bytes()),
        raw: Sha256::of(name.as_bytes()),
        read: Ok(Box::new(alert)),
        origin: Origin { via: via.into(), by: "upper".into() },
        areas: vec![code(COUNTY)],
    };
    let answer = county.input(Input::Arrived(RequestId(1), Box::new(arrival)));
    let Some(Answer::Alert { disposition, plans, broadcasts, .. }) = answer else {
        panic!("an alert, got {answer:?}");
    };
    (disposition, plans, broadcasts)
}

fn terminals(county: &County, broadcast: BroadcastId) -> usize {
    county.gateway.state().broadcasts[&broadcast].broadcast.terminals().len()
}

#[test]
fn a_red_alert_from_above_waits_until_the_latch_is_lifted() {
    let mut county = default_county();
    set(&mut county, &[], LatchHold::Wait);
    assert_eq!(county.alarms(), ["stop_latch_set"]);
    let (disposition, plans, broadcasts) = arrive(&mut county, "A", Level::Red, &[COUNTY]);
    assert_eq!(disposition, Disposition::AwaitingApproval);
    assert!(broadcasts.is_empty());
    let [plan] = plans[..] else { panic!("{plans:?}") };
    let waiting = county.gateway.state().pending[&plan].plan().clone();
    assert!(waiting.reasons.iter().any(|r| r.code == "stop_latch" && r.text.contains(WHY)));
    // Nobody releases it while the latch holds, a leader neither, nor by break-glass; nor does a clock.
    assert_eq!(codes(&county.approve(&leader("王五"), plan, 0)), ["stop_latch"]);
    let glass = Ask::BreakGlass(Release::Plan(plan, 0), "水已经漫上来了".into());
    assert_eq!(codes(&county.ask(&officer("李四"), glass)), ["stop_latch"]);
    county.wake_at(NOON.plus_s(3_000));
    assert!(county.gateway.state().pending.contains_key(&plan));
    // It survives a restart.
    county.restart(rules());
    assert_eq!(codes(&county.approve(&leader("王五"), plan, 0)), ["stop_latch"]);
    lift(&mut county);
    assert_eq!(county.alarms(), ["stop_latch_lifted"]);
    let broadcast = started(&county.approve(&officer("李四"), plan, 0));
    assert_eq!(terminals(&county, broadcast), 5);
    let (disposition, ..) = arrive(&mut county, "B", Level::Red, &[COUNTY]);
    assert_eq!(disposition, Disposition::Planned, "nothing is left of it");
}

#[test]
fn a_latch_of_one_town_leaves_the_others_their_warning() {
    for (hold, n_plans) in [(LatchHold::Wait, 2), (LatchHold::Refuse, 1)] {
        let mut county = default_county();
        set(&mut county, &[OTHER_TOWN], hold);
        let (disposition, plans, broadcasts) = arrive(&mut county, "A", Level::Red, &[COUNTY]);
        assert_eq!((disposition, plans.len()), (Disposition::Planned, n_plans), "{hold:?}");
        assert_eq!(terminals(&county, broadcasts[0]), 3);
        let broadcast = &county.gateway.state().broadcasts[&broadcasts[0]].broadcast;
        assert!(!broadcast.areas().contains(&code(COUNTY)), "no group order reaches it");
        let waiting = county.gateway.state().pending.values().next().map(|p| p.plan().clone());
        assert_eq!(waiting.is_some(), hold == LatchHold::Wait);
        if let Some(waiting) = waiting {
            assert!(waiting.terminals.contains(&terminal(VILLAGE_C, 1)));
            assert_eq!(waiting.terminals.len(), 2);
            assert!(matches!(waiting.need, Need::Officers { officers: 1, .. }));
        }
        assert!(county.kinds(0).contains(&"latch_held"));
        let (disposition, _, broadcasts) = arrive(&mut county, "B", Level::Red, &[VILLAGE_C]);
        let want = match hold {
            LatchHold::Wait => Disposition::AwaitingApproval,
            LatchHold::Refuse => Disposition::Refused,
        };
        assert_eq!((disposition, broadcasts.len()), (want, 0));
        assert_eq!(arrive(&mut county, "C", Level::Red, &[TOWN]).0, Disposition::Planned);
    }
}

#[test]
fn what_waited_before_is_not_released_by_its_clock() {
    let mut county = default_county();
    // Yellow: one person, and the clock releases it after 600 s.
    let (_, plans, _) = arrive(&mut county, "A", Level::Yellow, &[COUNTY]);
    set(&mut county, &[OTHER_TOWN], LatchHold::Wait);
    county.wake_at(NOON.plus_s(601));
    let state = county.gateway.state();
    let running: Vec<_> = state.running().map(|(_, b)| b.broadcast.terminals().len()).collect();
    assert_eq!(running, [3], "the other town gets what the clock releases");
    assert!(!state.pending.contains_key(&plans[0]));
    let held: Vec<usize> = state.pending.values().map(|p| p.plan().terminals.len()).collect();
    assert_eq!(held, [2], "the latched town waits");
    let mut county = default_county();
    let (_, plans, _) = arrive(&mut county, "A", Level::Yellow, &[COUNTY]);
    set(&mut county, &[], LatchHold::Refuse);
    county.wake_at(NOON.plus_s(601));
    assert!(county.gateway.state().running().next().is_none());
    assert!(!county.gateway.state().pending.contains_key(&plans[0]), "refused, as the latch says");
    assert!(county.kinds(0).contains(&"plan_ended") && county.kinds(0).contains(&"latch_held"));
}

#[test]
fn the_countys_officers_speak_by_break_glass_alone() {
    let mut county = default_county();
    set(&mut county, &[TOWN], LatchHold::Refuse);
    let by = officer("张三");
    let mut words = request(&by);
    assert_eq!(codes(&county.manual(&by, words.clone())), ["stop_latch"]);
    assert!(county.gateway.outlook(county.now, &words).is_err());
    // Within his own limits there is nothing to break otherwise; the latch makes it an act all the same.
    words.areas = vec![code(VILLAGE_B)];
    let glass = Ask::BreakGlass(Release::Manual(Box::new(words)), "堤坝决口，马上转移".into());
    let broadcast = started(&county.ask(&by, glass));
    assert_eq!(terminals(&county, broadcast), 1);
    assert!(county.gateway.state().glass.contains_key(&broadcast), "two others must countersign");
    // Elsewhere nothing has changed.
    let mut elsewhere = request(&by);
    elsewhere.areas = vec![code(VILLAGE_C)];
    started(&county.manual(&by, elsewhere));
}

#[test]
fn a_programme_is_skipped_where_it_holds_and_when_the_interlock_asks() {
    let check = |areas: &[&str], change: fn(&mut Rules), latch: &str, want: &str| {
        let mut rules = rules();
        rules.policy.manual.terminals_alone_max = 10;
        change(&mut rules);
        let mut county = County::new(rules);
        set(&mut county, &[latch], LatchHold::Wait);
        let mut programme = super::programmes::programme("早间节目");
        programme.areas = areas.iter().map(|area| code(area)).collect();
        county.ask(&officer("张三"), Ask::SetProgramme(Box::new(programme)));
        county.wake_at(NOON.plus_s(1_801));
        let last = county.gateway.state().programmes["早间节目"].last.clone().expect("it was due");
        match last.outcome {
            Ok(broadcast) => assert_eq!(want, terminals(&county, broadcast).to_string()),
            Err(why) => assert_eq!(want, why.code),
        }
    };
    check(&[VILLAGE_B], |_| {}, TOWN, "stop_latch");
    check(&[VILLAGE_B, VILLAGE_C], |_| {}, TOWN, "2");
    check(&[VILLAGE_B], |_| {}, OTHER_TOWN, "1");
    let asks = |rules: &mut Rules| {
        rules.policy.interlock.rules = vec![crate::model::InterlockRule {
            name: "节目".into(),
            origins: vec![OriginKind::Duty],
            classes: Vec::new(),
            levels: vec![Level::Blue],
            hours: None,
            areas: Vec::new(),
            verdict: Verdict::Ask,
            reason: "日常广播须两人同意".into(),
        }];
    };
    check(&[VILLAGE_B], asks, OTHER_TOWN, "interlock_ask");
}

#[test]
fn a_resend_does_not_pass_it() {
    let mut county = default_county();
    let (_, _, broadcasts) = arrive(&mut county, "A", Level::Red, &[VILLAGE_B]);
    county.rendered(broadcasts[0]);
    let unplayed = Step::Refused(crate::model::RefusalCode::Content);
    county.report(broadcasts[0], terminal(VILLAGE_B, 1), unplayed);
    set(&mut county, &[], LatchHold::Wait);
    let answer = county.ask(&officer("张三"), Ask::Resend(broadcasts[0]));
    assert_eq!(codes(&answer), ["stop_latch"]);
}

#[test]
fn who_sets_and_lifts_it_and_with_what() {
    let mut county = default_county();
    let all = || order(&[], LatchHold::Wait);
    let denied = county.ask(&officer("张三"), Ask::SetLatch(all()));
    assert!(matches!(denied, Answer::Denied(_)), "{denied:?}");
    let mut of_town = leader("钱七");
    of_town.areas = vec![code(TOWN)];
    assert!(matches!(county.ask(&of_town, Ask::SetLatch(all())), Answer::Denied(_)));
    let no_reason = LatchOrder { reason: "停".into(), ..all() };
    assert_eq!(codes(&county.ask(&leader("王五"), Ask::SetLatch(no_reason))), ["reason_too_short"]);
    let unknown = order(&["430621999000"], LatchHold::Wait);
    assert_eq!(codes(&county.ask(&leader("王五"), Ask::SetLatch(unknown))), ["unknown_area"]);
    let nothing = Ask::LiftLatch(StopScope::All, "已核实解除".into());
    assert!(matches!(county.ask(&leader("王五"), nothing), Answer::NotFound(_)));
    assert!(county.gateway.state().latches.is_empty());
    // With a stop: what sounds falls silent in the same step.
    let (_, _, broadcasts) = arrive(&mut county, "A", Level::Red, &[COUNTY]);
    let with_stop = LatchOrder { stop: true, ..all() };
    let answer = county.ask(&leader("王五"), Ask::SetLatch(with_stop));
    assert_eq!(answer, Answer::Done(broadcasts.clone()));
    assert!(county.gateway.state().broadcasts[&broadcasts[0]].cancellation.is_some());
    let short = Ask::LiftLatch(StopScope::All, "好".into());
    assert_eq!(codes(&county.ask(&leader("赵六"), short)), ["reason_too_short"]);
    let others = Ask::LiftLatch(StopScope::All, "已核实解除".into());
    assert!(matches!(county.ask(&of_town, others), Answer::Denied(_)));
    lift(&mut county);
    assert!(county.gateway.state().latches.is_empty());
}

#[test]
fn a_limit_counts_its_origin_in_its_place() {
    let mut rules = rules();
    rules.policy.interlock.automatic_per_hour_max = 100;
    rules.policy.interlock.limits = vec![InterlockLimit {
        name: "黄沙街监测".into(),
        origins: vec![OriginKind::Sensor],
        levels: Vec::new(),
        areas: vec![code(OTHER_TOWN)],
        per_hour_max: Some(1),
        terminals_max: None,
        over: Verdict::Ask,
    }];
    let mut county = County::new(rules);
    let mut fares = |via: &str, name: &str, area: &str, seconds: i64| {
        county.now = NOON.plus_s(seconds);
        arrive_by(&mut county, via, name, Level::Red, &[area]).0
    };
    assert_eq!(fares("api", "A", VILLAGE_C, 0), Disposition::Planned);
    assert_eq!(fares("sensor", "B", VILLAGE_B, 1), Disposition::Planned);
    assert_eq!(
        fares("sensor", "C", VILLAGE_C, 2),
        Disposition::Planned,
        "the first of its kind there"
    );
    assert_eq!(fares("sensor", "D", VILLAGE_C, 3), Disposition::AwaitingApproval);
    assert_eq!(fares("api", "E", VILLAGE_C, 4), Disposition::Planned);
    assert_eq!(fares("sensor", "F", VILLAGE_B, 5), Disposition::Planned);
    assert_eq!(fares("sensor", "G", VILLAGE_C, 3_603), Disposition::Planned, "an hour later");
}
