//! Changes of response plans and templates made on screen, over the shipped policy file.
//!
//! The file is the base. A change goes into force when a second person has approved it, and stands over
//! the file from then on. When the file says something else later than it did at the change, the change
//! stays in force and is told of everywhere until people decide; what the file does not name any more,
//! or what would be faulty by now, is out of force and told of as well. Neither side wins unseen.

use super::policy_check::{PolicyFault, policy_faults};
use super::{REASON_CHARS_MAX, bad_reason, reason, same_person};
use crate::model::{
    Network, Policy, PolicyChange, PolicyContent, PolicyPart, PolicyVersion, Reason, Refusal, Role,
    UtcMs,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Versions of one part kept in memory; older ones stay in the record.
pub const VERSIONS_KEPT_MAX: usize = 50;
/// Parts that have changes; when it is full a change of another part is refused.
pub const PARTS_MAX: usize = 1_000;

/// Every version of one part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PartHistory {
    /// Those that went into force, newest last.
    pub versions: Vec<PolicyVersion>,
    /// One that waits for a second person.
    pub proposed: Option<PolicyVersion>,
    /// The last number given out.
    pub last: u32,
}

impl PartHistory {
    /// The newest version that was approved; 0 = the file's.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.versions.last().map_or(0, |version| version.change.version)
    }
}

/// All changes made on screen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyEdits {
    /// By part.
    pub parts: BTreeMap<PolicyPart, PartHistory>,
}

/// Why the file and a change on screen do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disagreement {
    /// The file was changed after the change on screen, which stays in force.
    FileChanged,
    /// The file does not name the part any more: the change is out of force.
    NotInFile,
    /// With the change the policy would be faulty by now: it is out of force.
    Faulty(String),
}

/// One such place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyNotice {
    /// Where.
    pub part: PolicyPart,
    /// The version of the change.
    pub version: u32,
    /// Who made it.
    pub by: String,
    /// What is the matter.
    pub why: Disagreement,
}

impl PolicyNotice {
    /// For people, Chinese; without the part.
    #[must_use]
    pub fn zh(&self) -> String {
        let Self { version, by, why, .. } = self;
        let head = format!("{by} 在屏幕上的修改（第 {version} 版）");
        match why {
            Disagreement::FileChanged => format!(
                "{head}之后，policy.toml 又被改动。屏幕上的版本仍在执行，请到“预案”页决定采用哪一个"
            ),
            Disagreement::NotInFile => {
                format!("{head}已不再执行：policy.toml 里没有它了。如需恢复，请把它写回文件")
            }
            Disagreement::Faulty(fault) => {
                format!("{head}已不再执行，现按 policy.toml：{fault}。请到“预案”页重新修改")
            }
        }
    }

    /// What is the matter, and what to do; without the part.
    #[must_use]
    pub fn en(&self) -> (String, &'static str) {
        let Self { version, by, why, .. } = self;
        let head = format!("version {version}, made on screen by {by},");
        match why {
            Disagreement::FileChanged => (
                format!("{head} stays in force although the file was changed after it"),
                "decide on the page of response plans which one counts",
            ),
            Disagreement::NotInFile => (
                format!("{head} is out of force: the file does not name it any more"),
                "put it back into the file if it was meant to stay",
            ),
            Disagreement::Faulty(fault) => (
                format!("{head} is out of force, the file counts: {fault}"),
                "correct it on the page of response plans",
            ),
        }
    }
}

/// The policy in force, and where file and screen do not agree.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce {
    /// The file with the changes over it.
    pub policy: Policy,
    /// What people must know.
    pub notices: Vec<PolicyNotice>,
}

/// A change as somebody asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyEdit {
    /// What is to be in force.
    pub content: PolicyContent,
    /// The newest approved version that was seen; 0 = the file's.
    pub seen: u32,
    /// Why, as typed.
    pub reason: String,
    /// The older version it returns to; 0 = the file's.
    pub returns_to: Option<u32>,
}

impl PolicyEdits {
    /// The policy with these changes over `file`.
    #[must_use]
    pub fn over(&self, file: &Policy, network: &Network) -> InForce {
        let mut policy = file.clone();
        let mut notices = Vec::new();
        let mut over = Vec::new();
        for (part, history) in &self.parts {
            let Some(newest) = history.versions.last() else { continue };
            let change = &newest.change;
            let own = change.after != change.file;
            let notice = |why| PolicyNotice {
                part: part.clone(),
                version: change.version,
                by: newest.by.clone(),
                why,
            };
            match file.content(part) {
                _ if !own => {}
                None => notices.push(notice(Disagreement::NotInFile)),
                Some(says) => {
                    if says != change.file && says != change.after {
                        notices.push(notice(Disagreement::FileChanged));
                    }
                    policy.set(&change.after);
                    over.push((part.clone(), newest));
                }
            }
        }
        // What was sound when it was approved need not be so over another file.
        while let Some((at, fault)) = first_faulty(&policy, network, &over) {
            let (part, newest) = over.remove(at);
            if let Some(says) = file.content(&part) {
                policy.set(&says);
            }
            notices.retain(|notice| notice.part != part);
            let (version, by) = (newest.change.version, newest.by.clone());
            notices.push(PolicyNotice { part, version, by, why: Disagreement::Faulty(fault) });
        }
        InForce { policy, notices }
    }

    /// The version of a response plan that is decided by now; 0 = the file's.
    #[must_use]
    pub fn version_in_force(&self, plan: &str) -> u32 {
        let history = self.parts.get(&PolicyPart::Plan(plan.to_owned()));
        history.map_or(0, PartHistory::newest)
    }

    /// Changes that wait for a second person.
    #[must_use]
    pub fn n_proposed(&self) -> usize {
        self.parts.values().filter(|history| history.proposed.is_some()).count()
    }

    /// What follows from a change that was asked for.
    pub fn propose(&mut self, change: &PolicyChange, (by, role): (&str, Role), at: UtcMs) {
        let history = self.parts.entry(change.after.part()).or_default();
        history.last = history.last.max(change.version);
        let (change, by) = (change.clone(), by.to_owned());
        history.proposed = Some(PolicyVersion { change, by, role, at, approved: None });
    }

    /// What follows from its approval.
    pub fn approve(&mut self, part: &PolicyPart, version: u32, by: &str, at: UtcMs) {
        let Some(history) = self.parts.get_mut(part) else { return };
        let waits = history.proposed.take_if(|waits| waits.change.version == version);
        let Some(mut version) = waits else { return };
        version.approved = Some((by.to_owned(), at));
        history.versions.push(version);
        if history.versions.len() > VERSIONS_KEPT_MAX {
            history.versions.remove(0);
        }
    }

    /// What follows from taking it back.
    pub fn withdraw(&mut self, part: &PolicyPart, version: u32) {
        if let Some(history) = self.parts.get_mut(part) {
            drop(history.proposed.take_if(|waits| waits.change.version == version));
        }
    }
}

/// The newest change that makes the policy faulty, with the first fault. A fault elsewhere that only
/// changes can have caused (the file alone has none) is laid to the last of them.
fn first_faulty(
    policy: &Policy,
    network: &Network,
    over: &[(PolicyPart, &PolicyVersion)],
) -> Option<(usize, String)> {
    let faults = policy_faults(policy, network);
    let fault = faults.into_iter().find(|fault| fault.grave)?;
    let own = over.iter().position(|(part, _)| fault.part.as_ref() == Some(part));
    let at = own.or_else(|| over.len().checked_sub(1))?;
    Some((at, fault.zh))
}

/// Checks a change that somebody asks for, over the policy in force. Changes nothing.
///
/// # Errors
/// A refusal with every reason.
pub fn policy_change(
    edits: &PolicyEdits,
    file: &Policy,
    network: &Network,
    edit: PolicyEdit,
) -> Result<PolicyChange, Refusal> {
    let part = edit.content.part();
    let in_force = edits.over(file, network);
    let (Some(says), Some(before)) = (file.content(&part), in_force.policy.content(&part)) else {
        let text = format!("policy.toml 里没有 {part}，不能在屏幕上修改");
        return Err(Refusal { reasons: vec![reason("not_in_file", text)] });
    };
    let history = edits.parts.get(&part);
    let mut reasons: Vec<Reason> = bad_reason(&edit.reason).into_iter().collect();
    if history.is_some_and(|history| history.proposed.is_some()) {
        let text = "这里已有一份修改等待批准，请先批准或撤回它".to_owned();
        reasons.push(reason("already_proposed", text));
    }
    if history.map_or(0, PartHistory::newest) != edit.seen {
        reasons.push(reason("stale_revision", "内容已被修改，请重新打开后再改"));
    }
    if history.is_none() && edits.parts.len() >= PARTS_MAX {
        reasons.push(reason("too_many_parts", format!("屏幕修改最多涉及 {PARTS_MAX} 处")));
    }
    let disagrees = in_force.notices.iter().any(|notice| notice.part == part);
    if edit.content == before && !disagrees {
        reasons.push(reason("nothing_changed", "没有任何修改"));
    }
    reasons.extend(faults_of_edit(&in_force.policy, network, &edit.content).into_iter().map(
        |fault| {
            let at = if fault.key.is_empty() { String::new() } else { format!("{}：", fault.key) };
            reason("faulty_policy", format!("{at}{}", fault.zh))
        },
    ));
    if !reasons.is_empty() {
        return Err(Refusal { reasons });
    }
    Ok(PolicyChange {
        version: history.map_or(0, |history| history.last).saturating_add(1),
        before,
        after: edit.content,
        file: says,
        reason: edit.reason.trim().chars().take(REASON_CHARS_MAX).collect(),
        returns_to: edit.returns_to,
    })
}

/// Grave faults of `policy` with `content` in it: they would be the change's own, because what is in
/// force has none.
#[must_use]
pub fn faults_of_edit(
    policy: &Policy,
    network: &Network,
    content: &PolicyContent,
) -> Vec<PolicyFault> {
    let mut changed = policy.clone();
    changed.set(content);
    policy_faults(&changed, network).into_iter().filter(|fault| fault.grave).collect()
}

/// Whether somebody may approve a change that waits, after the roles and areas of both were checked.
/// Two persons stand behind each change, one of them a leader: the administrator knows the machine, the
/// leader answers for the warning.
///
/// # Errors
/// A refusal with every reason.
pub fn approve_change(
    edits: &PolicyEdits,
    file: &Policy,
    network: &Network,
    waits: &PolicyVersion,
    (by, role, proposer_leads): (&str, Role, bool),
) -> Result<(), Refusal> {
    let change = &waits.change;
    let in_force = edits.over(file, network).policy;
    let mut reasons = Vec::new();
    if same_person(&waits.by, by) {
        reasons.push(reason("own_request", "不能批准自己的修改，请另一位负责人批准"));
    }
    if role != Role::Leader && !proposer_leads {
        reasons.push(reason("leader_needed", "提出和批准的两人中须有一位带班领导"));
    }
    if file.content(&change.after.part()).as_ref() != Some(&change.file) {
        let text = "提出修改之后 policy.toml 又被改动，请撤回并重新修改";
        reasons.push(reason("file_changed", text));
    }
    for fault in faults_of_edit(&in_force, network, &change.after) {
        reasons.push(reason("faulty_policy", fault.zh));
    }
    if reasons.is_empty() { Ok(()) } else { Err(Refusal { reasons }) }
}
