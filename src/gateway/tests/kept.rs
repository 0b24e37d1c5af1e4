//! What stays to be seen: why a plan was not broadcast, and who changed which setting.

use super::*;
use crate::gateway::LatchOrder;
use crate::model::{Act, ApiKeyLine, LatchHold, StopScope};

#[test]
fn who_asked_for_a_plan_sees_why_it_was_refused() {
    let mut county = default_county();
    let plan = county.waiting(&officer("张三"));
    let refuse = Input::Refuse(RequestId(1), leader("李带班"), plan, "范围过大，请缩小".into());
    assert_eq!(county.input(refuse), Some(Answer::Done(Vec::new())));
    county.restart(rules());
    let ended = &county.gateway.state().ended_plans;
    assert_eq!(ended.len(), 1);
    let ended = ended.back().expect("one");
    assert_eq!((ended.requested_by.as_str(), ended.by.as_str()), ("张三", "李带班"));
    assert_eq!((ended.reason.as_str(), ended.plan), ("范围过大，请缩小", plan));
    assert!(ended.words.contains("河水上涨"), "{ended:?}");
    // What starts did not end.
    let plan = county.waiting(&officer("张三"));
    let _started = started(&county.approve(&officer("李四"), plan, 0));
    assert_eq!(county.gateway.state().ended_plans.len(), 1);
}

fn check(county: &County, expect: &[(&str, &str, &str, &str)]) {
    let lines = county.gateway.state().setting_lines.iter();
    let told: Vec<_> = lines
        .map(|line| {
            (line.by.as_str(), line.kind.as_str(), line.what.as_str(), line.detail.as_str())
        })
        .collect();
    assert_eq!(told, expect);
}

#[test]
fn who_changed_which_setting_stays_to_be_seen() {
    let mut county = default_county();
    let guan = actor("管系统", Role::Administrator);
    let sha256 = Sha256::of(b"key");
    let areas = vec![code(COUNTY)];
    let key =
        ApiKeyLine { name: "水文站".into(), role: Role::Source, areas, sha256, expires: None };
    county.ask(&guan, Ask::MakeKey(Box::new(key)));
    county.ask(&guan, Ask::RevokeKey(sha256, "密钥外泄".into()));
    let order = LatchOrder {
        scope: StopScope::All,
        hold: LatchHold::Wait,
        stop: false,
        reason: "上级误发".into(),
    };
    county.ask(&leader("李带班"), Ask::SetLatch(order));
    county.ask(&leader("李带班"), Ask::LiftLatch(StopScope::All, "已与上级核实".into()));
    // Who came and went is no setting, and what was refused changed nothing.
    county.ask(&officer("张三"), Ask::RevokeKey(sha256, "不该由我".into()));
    let came = Act::SignedIn { login: "zhang".into(), from: "10.0.0.1".into() };
    let made =
        Act::AccountMade { login: "wang".into(), name: "王五".into(), role: Role::Officer };
    for act in [came, made] {
        county.input(Input::Act(RequestId(1), guan.clone(), act));
    }
    county.restart(rules());
    check(
        &county,
        &[
            ("管系统", "key_made", "水文站", ""),
            ("管系统", "key_revoked", "水文站", "密钥外泄"),
            ("李带班", "latch_changed", COUNTY, "上级误发"),
            ("李带班", "latch_lifted", COUNTY, "已与上级核实"),
            ("管系统", "account_made", "wang", "王五"),
        ],
    );
}
