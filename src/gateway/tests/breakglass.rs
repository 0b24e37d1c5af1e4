use super::*;
use crate::gateway::Release;
use crate::model::Approval;

const WHY: &str = "水库溃坝，来不及等第二人";

fn break_it(county: &mut County, by: &Actor, plan: PlanId, why: &str) -> Answer {
    county.ask(by, Ask::BreakGlass(Release::Plan(plan, 0), why.into()))
}

#[test]
fn it_sounds_at_once_and_asks_for_two_others_a_leader_among_them() {
    let mut county = default_county();
    let zhang = officer("张三");
    let plan = county.waiting(&zhang);
    let broadcast = started(&break_it(&mut county, &zhang, plan, WHY));
    assert_eq!(county.alarms(), ["break_glass"]);
    let approval = county.gateway.state().broadcasts[&broadcast].broadcast.approval().clone();
    let expect = Approval::BreakGlass { by: "张三".into(), reason: WHY.into(), at: NOON };
    assert_eq!(approval, expect);
    assert!(county.actions.iter().any(|action| matches!(action, Action::Render(_))));
    assert!(county.gateway.state().pending.is_empty());

    let sign = Ask::Countersign(broadcast);
    assert!(matches!(county.ask(&zhang, sign.clone()), Answer::Denied(_)), "the officer's own act");
    let waits = county.ask(&officer("李四"), sign.clone());
    assert_eq!(waits, Answer::Waiting { plan, more: 1 });
    assert!(matches!(county.ask(&officer("李 四"), sign.clone()), Answer::Denied(_)), "twice");
    let waits = county.ask(&officer("王五"), sign.clone());
    assert_eq!(waits, Answer::Waiting { plan, more: 1 }, "a leader is missing");
    assert_eq!(county.gateway.state().open_glass().count(), 1);
    assert_eq!(county.ask(&leader("赵六"), sign.clone()), Answer::Done(vec![broadcast]));
    assert_eq!(county.gateway.state().open_glass().count(), 0);
    assert!(matches!(county.ask(&leader("孙七"), sign), Answer::Denied(_)), "signed by enough");
}

#[test]
fn missing_signatures_raise_one_alarm_and_still_may_come() {
    let mut county = default_county();
    let plan = county.waiting(&officer("张三"));
    let broadcast = started(&break_it(&mut county, &officer("张三"), plan, WHY));
    county.wake_at(NOON.plus_s(86_399));
    assert!(!county.alarms().contains(&"countersign_overdue"));
    county.wake_at(NOON.plus_s(86_400));
    assert_eq!(county.alarms(), ["countersign_overdue"]);
    county.wake_at(NOON.plus_s(86_401));
    assert!(county.alarms().is_empty());
    let late = county.ask(&leader("赵六"), Ask::Countersign(broadcast));
    assert!(matches!(late, Answer::Waiting { more: 1, .. }), "{late:?}");
}

/// The deadline passes while nobody runs: told once, after the start.
#[test]
fn a_deadline_that_passed_while_the_gateway_was_away_is_told_once() {
    let mut county = default_county();
    let plan = county.waiting(&officer("张三"));
    let broadcast = started(&break_it(&mut county, &officer("张三"), plan, WHY));
    let sign = Ask::Countersign(broadcast);
    assert!(matches!(county.ask(&leader("赵六"), sign.clone()), Answer::Waiting { more: 1, .. }));
    county.now = NOON.plus_s(86_400 * 3);
    let before = county.entries.len();
    county.restart(rules());
    assert_eq!(county.alarms(), ["countersign_overdue"]);
    assert!(county.kinds(before).contains(&"countersign_overdue"));
    county.restart(rules());
    assert!(county.alarms().is_empty(), "it is on record");
    // Late is better than never, and the broadcast is still marked as late.
    assert_eq!(county.ask(&officer("李四"), sign), Answer::Done(vec![broadcast]));
    let glass = &county.gateway.state().glass[&broadcast];
    assert!(glass.overdue && !glass.is_open());
}

#[test]
fn what_it_is_refused_for() {
    let refused = |change: &dyn Fn(&mut Rules), by: &Actor, why: &str, expect: &str| {
        let mut rules = rules();
        change(&mut rules);
        let mut county = County::new(rules);
        let plan = county.waiting(&officer("张三"));
        assert_eq!(codes(&break_it(&mut county, by, plan, why)), [expect]);
        assert_eq!(county.gateway.state().broadcasts.len(), 0, "{expect}");
    };
    let zhang = officer("张三");
    refused(&|_| {}, &zhang, "  急 ", "reason_too_short");
    refused(&|_| {}, &zhang, &"急".repeat(501), "reason_too_long");
    refused(&|r| r.policy.break_glass.enabled = false, &zhang, WHY, "break_glass_off");
    refused(&|r| r.policy.break_glass.roles = vec![Role::Leader], &zhang, WHY, "break_glass_role");
    refused(
        &|r| r.policy.break_glass.areas = vec![code(VILLAGE_A)],
        &zhang,
        WHY,
        "break_glass_areas",
    );
    let rate = |r: &mut Rules| r.policy.break_glass.per_officer_per_day_max = 0;
    refused(&rate, &zhang, WHY, "break_glass_rate");
}

#[test]
fn an_officer_has_so_many_a_day() {
    let mut county = default_county();
    let zhang = officer("张三");
    for n in 0..3 {
        let answer = county.ask(
            &officer(if n == 1 { "张 三" } else { "张三" }),
            Ask::BreakGlass(Release::Manual(Box::new(request(&zhang))), WHY.into()),
        );
        assert_eq!(matches!(answer, Answer::Started(_)), n < 2, "{n}: {answer:?}");
    }
    // Another officer has an own count, and the next local day begins at midnight in China.
    let li = officer("李四");
    let manual = || Release::Manual(Box::new(request(&officer("李四"))));
    started(&county.ask(&li, Ask::BreakGlass(manual(), WHY.into())));
    county.now = NOON.plus_s(12 * 3600 - 1);
    let before = county.ask(&zhang, Ask::BreakGlass(manual(), WHY.into()));
    assert_eq!(codes(&before), ["break_glass_rate"]);
    county.now = NOON.plus_s(12 * 3600);
    started(&county.ask(&zhang, Ask::BreakGlass(manual(), WHY.into())));
}

#[test]
fn who_may_not_broadcast_may_not_break_the_glass() {
    let mut county = default_county();
    let plan = county.waiting(&officer("张三"));
    for by in [actor("审计", Role::Auditor), actor("技术", Role::Technician)] {
        let answer = break_it(&mut county, &by, plan, WHY);
        assert!(matches!(answer, Answer::Denied(_)), "{answer:?}");
    }
    let far = Actor { areas: vec![code(VILLAGE_A)], ..officer("村官") };
    assert!(matches!(break_it(&mut county, &far, plan, WHY), Answer::Denied(_)));
    let stale = county.ask(&officer("张三"), Ask::BreakGlass(Release::Plan(plan, 1), WHY.into()));
    assert_eq!(codes(&stale), ["stale_revision"]);
}

#[test]
fn within_the_own_limits_there_is_no_glass_to_break() {
    let mut county = default_county();
    let zhang = officer("张三");
    let small = ManualRequest { areas: vec![code(VILLAGE_B)], ..request(&zhang) };
    let release = Release::Manual(Box::new(small));
    started(&county.ask(&zhang, Ask::BreakGlass(release, WHY.into())));
    assert!(county.gateway.state().glass.is_empty());
}

#[test]
fn a_refusal_gives_a_reason() {
    let mut county = default_county();
    let plan = county.waiting(&officer("张三"));
    let refuse = |why: &str| Input::Refuse(RequestId(1), officer("李四"), plan, why.into());
    let answer = county.input(refuse(" 不 行 ")).expect("an answer");
    assert_eq!(codes(&answer), ["reason_too_short"]);
    assert!(county.gateway.state().pending.contains_key(&plan));
    assert_eq!(county.input(refuse("内容有误")), Some(Answer::Done(Vec::new())));
}
