//! Whether the rules and limits of the interlock make sense.

use super::policy_check::PolicyFault;
use crate::model::{AreaCode, Interlock, Network, Verdict};
use std::collections::BTreeSet;

/// Rules of one policy, and limits.
const LIST_MAX: usize = 200;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 40;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 200;

/// Everything wrong with them.
pub(super) fn interlock_faults(interlock: &Interlock, network: &Network) -> Vec<PolicyFault> {
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    for (kind, n) in [("rules", interlock.rules.len()), ("limits", interlock.limits.len())] {
        if n > LIST_MAX {
            let zh = format!("联锁规则最多 {LIST_MAX} 条，收到 {n} 条");
            let what = format!("`interlock.{kind}`: expected at most {LIST_MAX}, got {n}");
            faults.push(fault(zh, what, "remove some"));
        }
    }
    for rule in &interlock.rules {
        let place = format!("`interlock.rules` \"{}\"", rule.name);
        named(&mut faults, &mut names, &place, &rule.name);
        strict(&mut faults, &place, rule.verdict);
        known(&mut faults, &place, &rule.areas, network);
        let n = rule.reason.trim().chars().count();
        if n == 0 || n > REASON_CHARS_MAX || rule.reason.chars().any(char::is_control) {
            let zh = format!("联锁规则“{}”的理由应为 1 至 {REASON_CHARS_MAX} 字", rule.name);
            let what = format!(
                "{place}: expected a `reason` of 1 to {REASON_CHARS_MAX} characters without controls, got {n}"
            );
            faults.push(fault(zh, what, "say in Chinese why, for who asked and for the record"));
        }
        if rule.hours.is_some_and(|hours| hours.from == hours.until) {
            let zh = format!("联锁规则“{}”的起止时刻相同，永远不生效", rule.name);
            let what = format!("{place}: `from_hour` equals `until_hour`, it never holds");
            faults.push(fault(zh, what, "remove both for the whole day, or give it a span"));
        }
    }
    for limit in &interlock.limits {
        let place = format!("`interlock.limits` \"{}\"", limit.name);
        named(&mut faults, &mut names, &place, &limit.name);
        strict(&mut faults, &place, limit.over);
        known(&mut faults, &place, &limit.areas, network);
        if limit.per_hour_max.is_none() && limit.terminals_max.is_none() {
            let zh = format!("联锁限额“{}”没有写明限额", limit.name);
            let what = format!("{place}: limits nothing");
            faults.push(fault(zh, what, "add `per_hour_max` or `terminals_max`"));
        }
    }
    faults
}

fn fault(zh: String, what: String, remedy: &str) -> PolicyFault {
    PolicyFault { part: None, key: "", grave: true, zh, what, remedy: remedy.to_owned() }
}

fn named(faults: &mut Vec<PolicyFault>, names: &mut BTreeSet<String>, place: &str, name: &str) {
    let n = name.trim().chars().count();
    if n == 0 || n > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let zh = format!("联锁规则的名称应为 1 至 {NAME_CHARS_MAX} 字，收到 {n} 字");
        let what =
            format!("{place}: expected a `name` of 1 to {NAME_CHARS_MAX} characters, got {n}");
        faults.push(fault(zh, what, "give it a name for people"));
    } else if !names.insert(name.to_owned()) {
        let zh = format!("联锁规则“{name}”重名");
        faults.push(fault(zh, format!("{place}: stands twice"), "give each its own name"));
    }
}

/// A rule only makes stricter: one that allows would say nothing, and would be believed.
fn strict(faults: &mut Vec<PolicyFault>, place: &str, verdict: Verdict) {
    if verdict == Verdict::Allow {
        let zh = "联锁规则只能从严：应为 ask 或 refuse".to_owned();
        let what = format!("{place}: expected ask or refuse, got allow");
        faults.push(fault(zh, what, "a rule can't allow what a response plan does not"));
    }
}

fn known(faults: &mut Vec<PolicyFault>, place: &str, areas: &[AreaCode], network: &Network) {
    let ours = |area: &AreaCode| {
        let served = network.served.iter().any(|served| served.contains(*area));
        served && network.areas.contains_key(area)
    };
    for area in areas.iter().filter(|area| !ours(area)) {
        let zh = format!("联锁规则中的区域 {area} 不在本地登记");
        let what = format!("{place}: area {area} is not one of ours");
        faults.push(fault(zh, what, "correct the code; it would never take effect"));
    }
}
