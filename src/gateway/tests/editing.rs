use super::*;
use crate::decide::PlanEdit;
use crate::decide::tests::{VILLAGE_C, terminal};

fn edit(revision: u32) -> PlanEdit {
    PlanEdit {
        revision,
        text: None,
        repeats: None,
        volume_percent: None,
        valid_s: None,
        areas: None,
        terminals: None,
        edited_by: String::new(),
        allowed_areas: Vec::new(),
    }
}

fn words(revision: u32, text: &str) -> PlanEdit {
    PlanEdit { text: Some(text.into()), ..edit(revision) }
}

#[test]
fn a_stale_approval_is_refused_after_an_edit() {
    let mut county = default_county();
    let plan = county.waiting(&officer("张三"));
    let louder = PlanEdit { volume_percent: Some(90), ..edit(0) };
    let answer = county.ask(&officer("李四"), Ask::EditPlan(plan, louder));
    assert_eq!(answer, Answer::Edited { plan, revision: 1 });
    assert_eq!(codes(&county.approve(&officer("王五"), plan, 0)), ["stale_revision"]);
    assert_eq!(codes(&county.approve(&officer("王五"), plan, 2)), ["stale_revision"]);
    started(&county.approve(&officer("王五"), plan, 1));
    let Some((_, Entry::PlanEdited { before, after, by, .. })) =
        county.entries.iter().find(|(_, entry)| entry.kind() == "plan_edited")
    else {
        panic!("the edit is on record")
    };
    assert_eq!((before.volume_percent, after.volume_percent), (None, Some(90)));
    assert_eq!(by, "李四");
}

#[test]
fn signatures_fall_with_an_edit() {
    let mut rules = rules();
    rules.policy.manual.terminals_alone_max = 100;
    let mut county = County::new(rules);
    // A plan of a two-person response plan, straight into the state.
    let plan = two_person(&mut county);
    county.approve(&officer("甲"), plan, 0);
    assert_eq!(county.gateway.state().pending[&plan].signatures().len(), 1);
    county.ask(&officer("乙"), Ask::EditPlan(plan, words(0, "改过的内容")));
    assert!(county.gateway.state().pending[&plan].signatures().is_empty());
    // The editor may be one of two, never the only one.
    let first = county.approve(&officer("乙"), plan, 1);
    assert_eq!(first, Answer::Waiting { plan, more: 1 });
    assert!(matches!(county.approve(&officer(" 乙 "), plan, 1), Answer::Denied(_)));
    let broadcast = started(&county.approve(&officer("甲"), plan, 1));
    let state = county.gateway.state();
    assert_eq!(state.broadcasts[&broadcast].broadcast.message().text, "改过的内容");
}

/// An alert of a response plan that two people must approve.
fn two_person(county: &mut County) -> PlanId {
    use crate::decide::tests::alert;
    use crate::gateway::Arrival;
    use crate::model::{Level, Origin};
    let arrival = Arrival {
        read: Ok(Box::new(alert(Level::Blue))),
        content: Sha256::of(b"a"),
        raw: Sha256::of(b"a"),
        origin: Origin { via: "test".into(), by: "test".into() },
        areas: vec![code(COUNTY)],
    };
    county.input(Input::Arrived(RequestId(1), Box::new(arrival)));
    *county.gateway.state().pending.keys().next().expect("it waits")
}

#[test]
fn who_wrote_the_words_does_not_approve_them_alone() {
    let mut county = default_county();
    let (zhang, li) = (officer("张三"), officer("Li Si"));
    let plan = county.waiting(&zhang);
    county.ask(&li, Ask::EditPlan(plan, words(0, "全体村民立即转移")));
    for alias in ["Li Si", "ＬＩ　ＳＩ", "li si"] {
        assert!(matches!(county.approve(&officer(alias), plan, 1), Answer::Denied(_)), "{alias}");
    }
    assert!(matches!(county.approve(&zhang, plan, 1), Answer::Denied(_)), "own request");
    started(&county.approve(&officer("王五"), plan, 1));
}

#[test]
fn narrowing_below_the_limit_needs_no_other_eyes() {
    let mut county = default_county();
    let li = officer("李四");
    let plan = county.waiting(&officer("张三"));
    let narrow = PlanEdit { areas: Some(vec![code(VILLAGE_A)]), ..edit(0) };
    county.ask(&li, Ask::EditPlan(plan, narrow));
    let broadcast = started(&county.approve(&li, plan, 1));
    let state = &county.gateway.state().broadcasts[&broadcast];
    assert_eq!(state.broadcast.terminals().len(), 2);
    assert_eq!(state.broadcast.areas(), [code(VILLAGE_A)]);
}

#[test]
fn what_an_edit_is_refused_for() {
    let check = |edit: PlanEdit, expect: &str| {
        let mut county = default_county();
        let plan = county.waiting(&officer("张三"));
        let answer = county.ask(&officer("李四"), Ask::EditPlan(plan, edit));
        assert_eq!(codes(&answer), [expect]);
        assert_eq!(county.gateway.state().pending[&plan].revision(), 0, "{expect}");
    };
    check(edit(0), "nothing_changed");
    check(words(3, "别的"), "stale_revision");
    check(words(0, " 。"), "nothing_to_say");
    check(words(0, &"字".repeat(2_001)), "text_too_long");
    check(PlanEdit { repeats: Some(21), ..edit(0) }, "bad_repeats");
    check(PlanEdit { volume_percent: Some(0), ..edit(0) }, "bad_volume");
    check(PlanEdit { valid_s: Some(86_401), ..edit(0) }, "bad_validity");
    check(PlanEdit { areas: Some(Vec::new()), ..edit(0) }, "no_audience");
    check(
        PlanEdit { terminals: Some(vec![terminal(VILLAGE_C, 99)]), ..edit(0) },
        "unknown_terminal",
    );
}

#[test]
fn an_officer_edits_within_the_own_areas_only() {
    let mut county = default_county();
    let plan = county.waiting(&officer("张三"));
    let village = Actor { areas: vec![code(VILLAGE_A)], ..officer("村官") };
    let answer = county.ask(&village, Ask::EditPlan(plan, words(0, "别的")));
    assert!(matches!(answer, Answer::Denied(_)), "{answer:?}");
    let town = Actor { areas: vec![code(crate::decide::tests::TOWN)], ..officer("镇干部") };
    let wider = PlanEdit { areas: Some(vec![code(VILLAGE_C)]), ..edit(0) };
    assert_eq!(codes(&county.ask(&town, Ask::EditPlan(plan, wider))), ["outside_officer_areas"]);
}

#[test]
fn the_clock_releases_what_was_planned_not_what_one_person_wrote() {
    use crate::decide::tests::alert;
    use crate::model::{Approval, Level, Need};
    let mut rules = rules();
    rules.policy.manual.terminals_alone_max = 0;
    let mut county = County::new(rules);
    let arrival = crate::gateway::Arrival {
        read: Ok(Box::new(alert(Level::Yellow))),
        content: Sha256::of(b"a"),
        raw: Sha256::of(b"a"),
        origin: crate::model::Origin { via: "test".into(), by: "test".into() },
        areas: vec![code(COUNTY)],
    };
    county.input(Input::Arrived(RequestId(1), Box::new(arrival)));
    let plan = *county.gateway.state().pending.keys().next().expect("it waits");
    let planned = county.gateway.state().pending[&plan].plan().clone();
    county.ask(&officer("李四"), Ask::EditPlan(plan, words(0, "假消息")));
    let Need::Officers { decide_by, .. } = planned.need else { panic!("it waits") };
    county.wake_at(decide_by);
    let (_, state) = county.gateway.state().broadcasts.iter().next().expect("released");
    assert!(matches!(state.broadcast.approval(), Approval::Clock { .. }));
    assert_eq!(state.broadcast.message().text, planned.message.text);
}
