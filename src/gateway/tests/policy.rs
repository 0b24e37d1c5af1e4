//! Response plans and templates changed on screen: by whom, with whom, over which file, and what keeps
//! the version it was decided by.

mod parts;

use super::*;
use crate::decide::tests::{alert, area_of};
use crate::decide::{Disagreement, PolicyEdit};
use crate::gateway::Arrival;
use crate::model::{
    AfterDeadline, ApprovalMode, CallRule, Contact, Level, OnCancel, Origin, PolicyContent,
    PolicyDeed, PolicyPart, ResponsePlan,
};

const WHY: &str = "汛期加强播报";

fn part(name: &str) -> PolicyPart {
    PolicyPart::Plan(name.into())
}

fn plan(county: &County, name: &str) -> ResponsePlan {
    let found = county.gateway.rules().policy.content(&part(name));
    let Some(PolicyContent::Plan(plan)) = found else { panic!("no plan {name}") };
    *plan
}

/// A change of a response plan over what is in force.
fn edit(county: &County, name: &str, change: impl FnOnce(&mut ResponsePlan)) -> PolicyEdit {
    let mut changed = plan(county, name);
    change(&mut changed);
    PolicyEdit {
        content: PolicyContent::Plan(Box::new(changed)),
        deed: PolicyDeed::Change,
        stands_before: None,
        seen: county.gateway.state().policy.version_in_force(name),
        reason: WHY.into(),
        returns_to: None,
    }
}

fn propose(county: &mut County, by: &Actor, edit: PolicyEdit) -> Answer {
    county.ask(by, Ask::ProposePolicy(Box::new(edit)))
}

fn approve(county: &mut County, by: &Actor, name: &str, version: u32) -> Answer {
    county.ask(by, Ask::ApprovePolicy(part(name), version))
}

/// Changes a response plan, with two persons.
fn change(county: &mut County, name: &str, change: impl FnOnce(&mut ResponsePlan)) {
    let edit = edit(county, name, change);
    assert_eq!(propose(county, &leader("李带班"), edit), Answer::Saved { more: 1 });
    let version = county.gateway.state().policy.parts[&part(name)].last;
    let answer = approve(county, &actor("管系统", Role::Administrator), name, version);
    assert_eq!(answer, Answer::Saved { more: 0 });
}

fn arrives(county: &mut County, level: Level, villages: &[&str]) -> Answer {
    let mut alert = alert(level);
    alert.id.sent = county.now;
    alert.infos[0].areas = vec![area_of(villages)];
    let n = county.entries.len().to_string();
    alert.id.identifier.clone_from(&n);
    let arrival = Arrival {
        read: Ok(Box::new(alert)),
        content: Sha256::of(n.as_bytes()),
        raw: Sha256::of(n.as_bytes()),
        origin: Origin { via: "test".into(), by: "test".into() },
        areas: vec![code(COUNTY)],
    };
    county.input(Input::Arrived(RequestId(1), Box::new(arrival))).expect("an answer")
}

fn why(county: &County) -> Vec<Disagreement> {
    county.gateway.policy_notices().into_iter().map(|notice| notice.why).collect()
}

#[test]
fn two_persons_stand_behind_a_change() {
    let mut county = default_county();
    let edit_of = |county: &County| edit(county, "rain-red", |plan| plan.repeats = 5);
    let far = Actor { areas: vec![code(VILLAGE_A)], ..leader("镇长") };
    for nobody in [officer("张三"), actor("季技术", Role::Technician), far.clone()] {
        let edit = edit_of(&county);
        let answer = propose(&mut county, &nobody, edit);
        assert!(matches!(answer, Answer::Denied(_)), "{nobody:?}: {answer:?}");
    }
    let li = leader("李带班");
    let asked = edit_of(&county);
    assert_eq!(propose(&mut county, &li, asked.clone()), Answer::Saved { more: 1 });
    assert_eq!(plan(&county, "rain-red").repeats, 3, "one person alone changes nothing");
    assert_eq!(codes(&propose(&mut county, &li, asked)), ["already_proposed"]);
    assert_eq!(codes(&approve(&mut county, &leader("李 带班"), "rain-red", 1)), ["own_request"]);
    assert!(matches!(approve(&mut county, &leader("赵六"), "rain-red", 2), Answer::NotFound(_)));
    assert!(matches!(approve(&mut county, &far, "rain-red", 1), Answer::Denied(_)));
    let answer = approve(&mut county, &actor("管系统", Role::Administrator), "rain-red", 1);
    assert_eq!(answer, Answer::Saved { more: 0 });
    assert_eq!(plan(&county, "rain-red").repeats, 5);
    let kinds = county.kinds(0);
    assert!(
        kinds.ends_with(&["policy_proposed", "denied", "denied", "denied", "policy_approved"]),
        "{kinds:?}"
    );
    // A restart is a replay: the same policy, and the file's as the base.
    county.restart(rules());
    assert_eq!(plan(&county, "rain-red").repeats, 5);
    assert_eq!(county.gateway.policy_file(), &rules().policy);
    assert_eq!(why(&county), []);
}

#[test]
fn one_of_the_two_is_a_leader() {
    let mut county = default_county();
    let (guan, wang) = (actor("管系统", Role::Administrator), actor("王系统", Role::Administrator));
    let asked = edit(&county, "rain-red", |plan| plan.approval = ApprovalMode::OnePerson);
    assert_eq!(propose(&mut county, &guan, asked), Answer::Saved { more: 1 });
    assert_eq!(codes(&approve(&mut county, &wang, "rain-red", 1)), ["leader_needed"]);
    assert_eq!(approve(&mut county, &leader("李带班"), "rain-red", 1), Answer::Saved { more: 0 });
    assert_eq!(plan(&county, "rain-red").approval, ApprovalMode::OnePerson);
}

#[test]
fn every_fault_of_a_change_is_told_at_once() {
    let mut county = default_county();
    let mut check = |change: &dyn Fn(&mut ResponsePlan), reason: &str, expect: &[&str]| {
        let asked = PolicyEdit { reason: reason.into(), ..edit(&county, "rain-red", change) };
        let got = codes(&propose(&mut county, &leader("李带班"), asked));
        assert_eq!(got, expect);
    };
    check(&|_| {}, WHY, &["nothing_changed"]);
    check(&|plan| plan.repeats = 9, "短", &["reason_too_short"]);
    let broken = |plan: &mut ResponsePlan| {
        plan.template = "no".into();
        plan.repeats = 21;
        plan.levels.clear();
        plan.hazards = vec!["rain".into()];
        plan.fallback_recording.clear();
        plan.areas = vec![code("430999000000")];
        plan.decide_within_s = 5;
    };
    check(&broken, WHY, &["faulty_policy"; 7]);
    // What another plan before it takes altogether would never be reached.
    let mut hidden = edit(&county, "rain-blue", |plan| {
        plan.levels = vec![Level::Red];
        plan.event_words.clear();
    });
    hidden.seen = 4;
    let got = codes(&propose(&mut county, &leader("李带班"), hidden));
    assert_eq!(got, ["stale_revision", "faulty_policy"]);
    let mut unknown = edit(&county, "rain-red", |plan| plan.repeats = 4);
    let PolicyContent::Plan(content) = &mut unknown.content else { panic!("a plan") };
    content.name = "new".into();
    assert_eq!(codes(&propose(&mut county, &leader("李带班"), unknown)), ["not_in_force"]);
    assert!(county.gateway.state().policy.parts.is_empty());
}

#[test]
fn what_was_taken_back_is_gone_and_its_number_too() {
    let mut county = default_county();
    let asked = edit(&county, "rain-red", |plan| plan.repeats = 5);
    propose(&mut county, &leader("李带班"), asked);
    let back = Ask::WithdrawPolicy(part("rain-red"), 1);
    assert!(matches!(county.ask(&officer("张三"), back.clone()), Answer::Denied(_)));
    assert_eq!(county.ask(&leader("李带班"), back.clone()), Answer::Done(Vec::new()));
    assert!(matches!(county.ask(&leader("李带班"), back), Answer::NotFound(_)));
    assert!(matches!(approve(&mut county, &leader("赵六"), "rain-red", 1), Answer::NotFound(_)));
    change(&mut county, "rain-red", |plan| plan.repeats = 6);
    assert_eq!(county.gateway.state().policy.version_in_force("rain-red"), 2);
}

#[test]
fn an_older_version_comes_back_as_a_new_one() {
    let mut county = default_county();
    change(&mut county, "rain-red", |plan| plan.repeats = 5);
    change(&mut county, "rain-red", |plan| plan.repeats = 6);
    let history = |county: &County| county.gateway.state().policy.parts[&part("rain-red")].clone();
    let first = history(&county).versions[0].change.after.clone();
    let back =
        PolicyEdit { content: first, returns_to: Some(1), ..edit(&county, "rain-red", |_| {}) };
    assert_eq!(propose(&mut county, &leader("李带班"), back), Answer::Saved { more: 1 });
    assert_eq!(approve(&mut county, &leader("赵六"), "rain-red", 3), Answer::Saved { more: 0 });
    let known = history(&county);
    let last = known.versions.last().expect("a version");
    assert_eq!((last.change.version, last.change.returns_to), (3, Some(1)));
    assert_eq!((last.by.as_str(), last.approved.as_ref().unwrap().0.as_str()), ("李带班", "赵六"));
    assert_eq!(plan(&county, "rain-red").repeats, 5);
    // What says the file's words follows the file again.
    change(&mut county, "rain-red", |plan| plan.repeats = 3);
    let mut other = rules();
    other.policy.plans[0].repeats = 9;
    county.restart(other);
    assert_eq!(plan(&county, "rain-red").repeats, 9);
    assert_eq!(why(&county), []);
}

/// Another file after the change: neither wins unseen.
#[test]
fn a_file_that_was_changed_later_is_told_of() {
    let check = |later: &dyn Fn(&mut Rules), expect: &[Disagreement], repeats: u8| {
        let mut county = default_county();
        change(&mut county, "rain-red", |plan| plan.repeats = 5);
        let mut file = rules();
        later(&mut file);
        county.restart(file);
        assert_eq!(why(&county), expect);
        let found = county.gateway.rules().policy.plans.iter().find(|p| p.name == "rain-red");
        assert_eq!(found.map_or(0, |plan| plan.repeats), repeats);
        county
    };
    check(&|_| {}, &[], 5);
    check(&|file| file.policy.plans[1].repeats = 8, &[], 5);
    check(&|file| file.policy.plans[0].repeats = 5, &[], 5);
    check(&|file| drop(file.policy.plans.remove(0)), &[Disagreement::NotInFile], 0);
    let mut county =
        check(&|file| file.policy.plans[0].repeats = 8, &[Disagreement::FileChanged], 5);
    // People decide: the words stay, now over the new file; or the file's are taken.
    let keep = edit(&county, "rain-red", |_| {});
    assert_eq!(propose(&mut county, &leader("李带班"), keep), Answer::Saved { more: 1 });
    assert_eq!(approve(&mut county, &leader("赵六"), "rain-red", 2), Answer::Saved { more: 0 });
    assert_eq!((why(&county), plan(&county, "rain-red").repeats), (Vec::new(), 5));
    change(&mut county, "rain-red", |plan| plan.repeats = 8);
    assert_eq!((why(&county), plan(&county, "rain-red").repeats), (Vec::new(), 8));
}

#[test]
fn what_would_be_faulty_over_another_file_is_out_of_force() {
    let mut county = default_county();
    change(&mut county, "rain-blue", |plan| plan.levels = vec![Level::Blue, Level::Yellow]);
    let mut other = rules();
    // The template it names is gone from the file.
    other.policy.templates[0].name = "other".into();
    other.policy.plans.iter_mut().for_each(|plan| plan.template = "other".into());
    county.restart(other);
    let found = why(&county);
    let [Disagreement::Faulty(fault)] = found.as_slice() else { panic!("{found:?}") };
    assert!(fault.contains("模板"), "{fault}");
    assert_eq!(plan(&county, "rain-blue").levels, [Level::Blue]);
    // It can be mended on screen.
    change(&mut county, "rain-blue", |plan| plan.repeats = 4);
    assert_eq!(why(&county), []);
}

#[test]
fn an_approval_after_the_file_changed_does_not_count() {
    let mut county = default_county();
    let asked = edit(&county, "rain-red", |plan| plan.repeats = 5);
    propose(&mut county, &leader("李带班"), asked);
    let mut other = rules();
    other.policy.plans[0].repeats = 8;
    county.restart(other);
    assert_eq!(codes(&approve(&mut county, &leader("赵六"), "rain-red", 1)), ["file_changed"]);
    assert_eq!(plan(&county, "rain-red").repeats, 8);
}

/// A plan that waits, and a broadcast that runs, keep what they were decided by.
#[test]
fn what_waits_or_runs_keeps_its_version() {
    let mut rules = rules();
    rules.network.contacts = vec![Contact {
        name: "县值班室".into(),
        role: "值班室".into(),
        telephone: "119".into(),
        area: code(COUNTY),
    }];
    let mut county = County::new(rules);
    let Answer::Alert { plans, .. } = arrives(&mut county, Level::Yellow, &[VILLAGE_A]) else {
        panic!("an alert")
    };
    let call = Some(CallRule { answer_within_s: 300 });
    change(&mut county, "rain-yellow", |plan| {
        plan.title = "改名".into();
        plan.call = call;
        plan.on_cancel = OnCancel::Stop;
        plan.after_deadline = AfterDeadline::Expire;
    });
    let id = started(&county.approve(&officer("张三"), plans[0], 0));
    let basis = |county: &County, id| {
        county.gateway.state().broadcasts[&id].broadcast.basis().expect("a basis").clone()
    };
    let old = basis(&county, id);
    assert_eq!((old.title.as_str(), old.version, old.call), ("rain-yellow", 0, None));
    assert!(county.gateway.state().calls.is_empty(), "nobody was to be called when it was decided");
    let Answer::Alert { plans, .. } = arrives(&mut county, Level::Yellow, &[VILLAGE_B]) else {
        panic!("an alert")
    };
    let id = started(&county.approve(&officer("张三"), plans[0], 0));
    let new = basis(&county, id);
    assert_eq!((new.title.as_str(), new.version, new.call), ("改名", 1, call));
    assert_eq!(county.gateway.state().calls.len(), 1);
}

#[test]
fn words_of_a_template_are_changed_the_same_way() {
    let mut county = default_county();
    let name = PolicyPart::Template("t".into());
    let words = |text: &str, seen| PolicyEdit {
        content: PolicyContent::Template(crate::model::Template {
            name: "t".into(),
            text: text.into(),
        }),
        deed: PolicyDeed::Change,
        stands_before: None,
        seen,
        reason: WHY.into(),
        returns_to: None,
    };
    let bad = propose(&mut county, &leader("李带班"), words("{headlin}。请转移。", 0));
    assert_eq!(codes(&bad), ["faulty_policy"]);
    let good = propose(&mut county, &leader("李带班"), words("{headline}。请转移。", 0));
    assert_eq!(good, Answer::Saved { more: 1 });
    let yes = county.ask(&leader("赵六"), Ask::ApprovePolicy(name, 1));
    assert_eq!(yes, Answer::Saved { more: 0 });
    arrives(&mut county, Level::Red, &[VILLAGE_A]);
    let said = county.gateway.state().broadcasts.values().next().unwrap();
    assert!(said.broadcast.message().text.ends_with("请转移。"), "{said:?}");
}
