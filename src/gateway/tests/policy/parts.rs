//! Response plans that are new, go, and come back; and changes that another person refuses.

use super::*;
use crate::model::{MsgType, Reference, Template};

fn named(county: &County, name: &str, change: impl FnOnce(&mut ResponsePlan)) -> PolicyEdit {
    let mut plan = plan(county, "rain-red");
    plan.name = name.into();
    plan.title = "山洪预案".into();
    plan.hazards = vec!["11C01".into()];
    plan.event_words = vec!["山洪".into()];
    change(&mut plan);
    PolicyEdit {
        deed: PolicyDeed::Add,
        content: PolicyContent::Plan(Box::new(plan)),
        stands_before: None,
        seen: 0,
        reason: WHY.into(),
        returns_to: None,
    }
}

fn removal(county: &County, name: &str) -> PolicyEdit {
    PolicyEdit { deed: PolicyDeed::Remove, ..edit(county, name, |_| {}) }
}

/// Two persons do it.
fn both(county: &mut County, edit: PolicyEdit) {
    let part = edit.content.part();
    assert_eq!(propose(county, &leader("李带班"), edit), Answer::Saved { more: 1 });
    let version = county.gateway.state().policy.parts[&part].last;
    let yes = county.ask(&leader("赵六"), Ask::ApprovePolicy(part, version));
    assert_eq!(yes, Answer::Saved { more: 0 });
}

fn order(county: &County) -> Vec<String> {
    county.gateway.rules().policy.plans.iter().map(|plan| plan.name.clone()).collect()
}

#[test]
fn a_new_plan_stands_where_two_persons_put_it() {
    let mut county = default_county();
    let before = order(&county);
    let flood = named(&county, "flood-red", |_| {});
    let first = PolicyEdit { stands_before: Some(before[0].clone()), ..flood };
    assert_eq!(propose(&mut county, &leader("李带班"), first), Answer::Saved { more: 1 });
    assert_eq!(order(&county), before, "one person alone adds nothing");
    let own = county.ask(&leader("李 带班"), Ask::ApprovePolicy(part("flood-red"), 1));
    assert_eq!(codes(&own), ["own_request"]);
    assert_eq!(approve(&mut county, &leader("赵六"), "flood-red", 1), Answer::Saved { more: 0 });
    // One more before that one, though its name comes earlier in the alphabet; and one at the end.
    let early = named(&county, "early", |plan| plan.hazards = vec!["11C02".into()]);
    both(&mut county, PolicyEdit { stands_before: Some("flood-red".into()), ..early });
    let late = named(&county, "late", |plan| plan.hazards = vec!["11C03".into()]);
    both(&mut county, late);
    let expect =
        [&["early".to_owned(), "flood-red".into()], &before[..], &["late".into()]].concat();
    assert_eq!(order(&county), expect);
    county.restart(rules());
    assert_eq!(order(&county), expect, "a restart is a replay");
    assert_eq!(why(&county), []);
    // It is changed and moved like any other; what stands before it comes along.
    county.now = county.now.plus_s(60);
    let moved = PolicyEdit { stands_before: None, ..edit(&county, "flood-red", |p| p.repeats = 7) };
    both(&mut county, moved);
    let ends = ["late", "early", "flood-red"].map(str::to_owned);
    assert_eq!(order(&county), [&before[..], &ends].concat(), "last is last");
    assert_eq!(plan(&county, "flood-red").repeats, 7);
}

#[test]
fn several_that_are_last_stand_in_the_order_in_which_they_came() {
    let mut county = default_county();
    let before = order(&county);
    let names = ["wind", "frost", "quake"];
    for (name, hazard) in names.into_iter().zip(["11C01", "11C02", "11C03"]) {
        county.now = county.now.plus_s(60);
        let new = named(&county, name, |plan| plan.hazards = vec![hazard.into()]);
        // What is shown before it is asked for is what comes of it.
        let change = crate::model::PolicyChange {
            version: 1,
            before: None,
            after: new.content.clone(),
            file: None,
            reason: String::new(),
            returns_to: None,
            deed: PolicyDeed::Add,
            stands_before: None,
        };
        let (file, network) =
            (county.gateway.policy_file().clone(), &county.gateway.rules().network);
        let shown = county.gateway.state().policy.with(&file, network, &change);
        let shown: Vec<String> = shown.plans.iter().map(|plan| plan.name.clone()).collect();
        both(&mut county, new);
        assert_eq!(order(&county), shown, "{name}");
    }
    let expect = [&before[..], &names.map(str::to_owned)].concat();
    assert_eq!(order(&county), expect);
    // A change of one leaves it where it is, also after a restart.
    for repeats in 1..=4 {
        let change = edit(&county, "wind", |plan| plan.repeats = 3 + repeats);
        both(&mut county, change);
    }
    county.restart(rules());
    assert_eq!(order(&county), expect);
    // Removed and brought back it comes last.
    let gone = removal(&county, "wind");
    both(&mut county, gone);
    let back = PolicyEdit { seen: 6, ..named(&county, "wind", |_| {}) };
    both(&mut county, back);
    let expect = [&before[..], &["frost", "quake", "wind"].map(str::to_owned)].concat();
    assert_eq!(order(&county), expect);
}

#[test]
fn every_fault_of_a_new_plan_is_told_at_once() {
    let mut county = default_county();
    let mut check = |edit: PolicyEdit, expect: &[&str]| {
        assert_eq!(codes(&propose(&mut county, &leader("李带班"), edit)), expect);
    };
    let seed = default_county();
    check(named(&seed, "rain-red", |_| {}), &["already_there"]);
    for bad in ["", "Flood", "山洪", "a/b", "1st", &"a".repeat(41)] {
        check(named(&seed, bad, |_| {}), &["bad_name"]);
    }
    check(named(&seed, "manual", |_| {}), &["faulty_policy"]);
    let nowhere = named(&seed, "flood", |_| {});
    check(PolicyEdit { stands_before: Some("no".into()), ..nowhere }, &["unknown_plan"]);
    let broken = named(&seed, "flood", |plan| {
        plan.template = "no".into();
        plan.levels.clear();
    });
    check(
        PolicyEdit { reason: "短".into(), seen: 3, ..broken },
        &["reason_too_short", "stale_revision", "faulty_policy", "faulty_policy"],
    );
    // What every earlier plan takes would never be reached.
    let hidden = named(&seed, "flood", |plan| {
        plan.hazards = super::plan(&seed, "rain-red").hazards;
        plan.event_words.clear();
    });
    check(hidden, &["faulty_policy"]);
    check(PolicyEdit { deed: PolicyDeed::Remove, ..named(&seed, "no", |_| {}) }, &["not_in_force"]);
    check(PolicyEdit { deed: PolicyDeed::Change, ..named(&seed, "no", |_| {}) }, &["not_in_force"]);
}

/// A plan is removed while a broadcast by it is on air and another waits: both go on as decided.
#[test]
fn what_runs_goes_on_when_its_plan_is_removed() {
    let mut county = default_county();
    let Answer::Alert { plans, .. } = arrives(&mut county, Level::Yellow, &[VILLAGE_A]) else {
        panic!("an alert")
    };
    let on_air = started(&county.approve(&officer("张三"), plans[0], 0));
    let Answer::Alert { plans, .. } = arrives(&mut county, Level::Yellow, &[VILLAGE_B]) else {
        panic!("an alert")
    };
    let waits = plans[0];
    let gone = removal(&county, "rain-yellow");
    both(&mut county, gone);
    assert!(!order(&county).contains(&"rain-yellow".to_owned()));
    let running = |county: &County, id| county.gateway.state().running().any(|(on, _)| *on == id);
    assert!(running(&county, on_air));
    county.restart(rules());
    assert!(running(&county, on_air), "a replay stops nothing");
    let second = started(&county.approve(&officer("张三"), waits, 0));
    let basis = |id| county.gateway.state().broadcasts[&id].broadcast.basis().cloned();
    assert_eq!(basis(second).map(|basis| basis.title), Some("rain-yellow".into()));
    let removed = county.gateway.state().policy.removed_plan("rain-yellow");
    assert!(removed.is_some_and(|plan| plan.on_cancel == OnCancel::StopAndAnnounce), "{removed:?}");
    // The next alert of the kind goes to a person.
    let Answer::Alert { plans, .. } = arrives(&mut county, Level::Yellow, &[VILLAGE_A]) else {
        panic!("an alert")
    };
    let pending = &county.gateway.state().pending[&plans[0]];
    assert_eq!(pending.plan().response_plan, crate::decide::UNMATCHED_PLAN);
}

/// Its all-clear too is what was decided then.
#[test]
fn a_cancel_of_a_removed_plan_stops_and_announces() {
    let mut county = default_county();
    let Answer::Alert { plans, id, .. } = arrives(&mut county, Level::Yellow, &[VILLAGE_A]) else {
        panic!("an alert")
    };
    let on_air = started(&county.approve(&officer("张三"), plans[0], 0));
    county.now = county.now.plus_s(60);
    let gone = removal(&county, "rain-yellow");
    both(&mut county, gone);
    let mut cancel = alert(Level::Yellow);
    cancel.id.sent = county.now;
    cancel.id.identifier = "cancel".into();
    cancel.msg_type = MsgType::Cancel;
    cancel.references = vec![Reference { sender: None, identifier: id.identifier, sent: None }];
    cancel.infos[0].areas = vec![area_of(&[VILLAGE_A])];
    let arrival = Arrival {
        read: Ok(Box::new(cancel)),
        content: Sha256::of(b"cancel"),
        raw: Sha256::of(b"cancel"),
        origin: Origin { via: "test".into(), by: "test".into() },
        areas: vec![code(COUNTY)],
    };
    county.input(Input::Arrived(RequestId(1), Box::new(arrival))).expect("an answer");
    let state = county.gateway.state();
    assert!(state.broadcasts[&on_air].cancellation.is_some());
}

#[test]
fn what_was_removed_comes_back_in_its_place() {
    let mut county = default_county();
    let before = order(&county);
    let gone = removal(&county, "rain-red");
    both(&mut county, gone);
    assert_eq!(order(&county), before[1..]);
    let again = removal(&default_county(), "rain-red");
    let again = PolicyEdit { seen: 1, ..again };
    assert_eq!(codes(&propose(&mut county, &leader("李带班"), again)), ["not_in_force"]);
    let back = |county: &County, seen| PolicyEdit {
        deed: PolicyDeed::Add,
        seen,
        returns_to: Some(0),
        ..edit(county, "rain-yellow", |_| {})
    };
    let file = county.gateway.policy_file().content(&part("rain-red")).expect("it is in the file");
    let edit = PolicyEdit { content: file, ..back(&county, 1) };
    both(&mut county, edit);
    assert_eq!(order(&county), before, "where the file has it");
    county.restart(rules());
    assert_eq!((order(&county), why(&county)), (before, Vec::new()));
}

/// Neither file nor screen wins unseen, with parts that come and go.
#[test]
fn another_file_later_is_told_of() {
    let check = |edit: &dyn Fn(&County) -> PolicyEdit,
                 later: &dyn Fn(&mut Rules),
                 expect: &[Disagreement],
                 n: usize| {
        let mut county = default_county();
        let edit = edit(&county);
        both(&mut county, edit);
        let mut file = rules();
        later(&mut file);
        county.restart(file);
        assert_eq!(why(&county), expect);
        assert_eq!(order(&county).len(), n);
    };
    let n = rules().policy.plans.len();
    let remove = |county: &County| removal(county, "rain-red");
    let add = |county: &County| named(county, "flood", |_| {});
    check(&remove, &|_| {}, &[], n - 1);
    check(&remove, &|file| drop(file.policy.plans.remove(0)), &[], n - 1);
    check(&remove, &|file| file.policy.plans[0].repeats = 9, &[Disagreement::FileChanged], n - 1);
    // People decide: it stays removed over what the file says now.
    let mut county = default_county();
    let gone = remove(&county);
    both(&mut county, gone);
    let mut file = rules();
    file.policy.plans[0].repeats = 9;
    county.restart(file.clone());
    let content = file.policy.content(&part("rain-red")).expect("it is in the file");
    let seen = 1;
    let once_more = PolicyEdit { content, seen, ..removal(&county, "rain-yellow") };
    both(&mut county, once_more);
    assert_eq!((why(&county), order(&county).len()), (Vec::new(), n - 1));
    check(&add, &|_| {}, &[], n + 1);
    let names_it = |file: &mut Rules| {
        let mut plan = file.policy.plans[0].clone();
        plan.name = "flood".into();
        plan.hazards = vec!["11C09".into()];
        file.policy.plans.push(plan);
    };
    check(&add, &names_it, &[Disagreement::FileChanged], n + 1);
    // What it speaks with is gone from the file.
    let other = |file: &mut Rules| {
        file.policy.templates[0].name = "other".into();
        file.policy.plans.iter_mut().for_each(|plan| plan.template = "other".into());
    };
    let mut county = default_county();
    let edit = add(&county);
    both(&mut county, edit);
    let mut file = rules();
    other(&mut file);
    county.restart(file);
    assert!(matches!(why(&county).as_slice(), [Disagreement::Faulty(_)]), "{:?}", why(&county));
    assert_eq!(order(&county).len(), n);
}

#[test]
fn the_last_plan_and_a_used_template_stay() {
    let mut county = default_county();
    let names = order(&county);
    let (last, others) = names.split_last().expect("plans");
    for name in others {
        let gone = removal(&county, name);
        both(&mut county, gone);
    }
    let gone = removal(&county, last);
    assert_eq!(codes(&propose(&mut county, &leader("李带班"), gone)), ["faulty_policy"]);
    let template = PolicyEdit {
        content: PolicyContent::Template(Template { name: "t".into(), text: String::new() }),
        seen: 0,
        ..removal(&county, last)
    };
    assert_eq!(codes(&propose(&mut county, &leader("李带班"), template)), ["faulty_policy"]);
}

#[test]
fn a_refused_change_keeps_its_reason_for_its_author() {
    let mut county = default_county();
    let asked = edit(&county, "rain-red", |plan| plan.repeats = 5);
    assert_eq!(propose(&mut county, &leader("李带班"), asked.clone()), Answer::Saved { more: 1 });
    let no = |why: &str| Ask::RefusePolicy(part("rain-red"), 1, why.into());
    let far = Actor { areas: vec![code(VILLAGE_A)], ..leader("镇长") };
    for nobody in [officer("张三"), far] {
        let answer = county.ask(&nobody, no("与汛期预案不符"));
        assert!(matches!(answer, Answer::Denied(_)), "{nobody:?}: {answer:?}");
    }
    assert_eq!(codes(&county.ask(&leader("赵六"), no("不"))), ["reason_too_short"]);
    assert_eq!(codes(&county.ask(&leader("李带班"), no("我自己不要了"))), ["own_request"]);
    let back = Ask::WithdrawPolicy(part("rain-red"), 1);
    assert_eq!(codes(&county.ask(&leader("赵六"), back)), ["not_own_request"]);
    assert_eq!(county.ask(&leader("赵六"), no("与汛期预案不符")), Answer::Done(Vec::new()));
    assert!(matches!(county.ask(&leader("赵六"), no("与汛期预案不符")), Answer::NotFound(_)));
    assert!(matches!(approve(&mut county, &leader("赵六"), "rain-red", 1), Answer::NotFound(_)));
    assert_eq!(plan(&county, "rain-red").repeats, 3);
    county.restart(rules());
    let history = county.gateway.state().policy.parts[&part("rain-red")].clone();
    let [refused] = history.refused.as_slice() else { panic!("{history:?}") };
    assert_eq!((refused.by.as_str(), refused.reason.as_str()), ("赵六", "与汛期预案不符"));
    assert_eq!((refused.version.by.as_str(), history.proposed), ("李带班", None));
    // The next one has its own number.
    assert_eq!(propose(&mut county, &leader("李带班"), asked), Answer::Saved { more: 1 });
    assert_eq!(county.gateway.state().policy.parts[&part("rain-red")].last, 2);
}
