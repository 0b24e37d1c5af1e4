//! Changes of response plans and templates made on screen, over the shipped policy file.
//!
//! The file is the base. A change goes into force when a second person has approved it, and stands over
//! the file from then on. When the file says something else later than it did at the change, the change
//! stays in force and is told of everywhere until people decide; what the file does not name any more,
//! or what would be faulty by now, is out of force and told of as well. Neither side wins unseen.

use super::policy_check::{PolicyFault, policy_faults};
use super::{REASON_CHARS_MAX, bad_reason, reason, same_person};
use crate::model::{
    Network, Policy, PolicyChange, PolicyContent, PolicyDeed, PolicyPart, PolicyRefused,
    PolicyVersion, Reason, Refusal, ResponsePlan, Role, UtcMs,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Versions of one part kept in memory; older ones stay in the record.
pub const VERSIONS_KEPT_MAX: usize = 50;
/// Parts that have changes; when it is full a change of another part is refused.
pub const PARTS_MAX: usize = 1_000;

/// Refused changes of one part kept in memory; older ones stay in the record.
pub const REFUSED_KEPT_MAX: usize = 10;
/// Characters of the name of a new part.
pub const PART_NAME_CHARS_MAX: usize = 40;

/// Every version of one part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PartHistory {
    /// Those that went into force, newest last.
    pub versions: Vec<PolicyVersion>,
    /// One that waits for a second person.
    pub proposed: Option<PolicyVersion>,
    /// The last number given out.
    pub last: u32,
    /// What another person would not have, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<PolicyRefused>,
    /// When it came to its place, as a new part or moved: several at one place stand in this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<UtcMs>,
}

impl PartHistory {
    /// The newest version that was approved; 0 = the file's.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.versions.last().map_or(0, |version| version.change.version)
    }

    /// Whether a change puts it at another place.
    fn moved(&self, change: &PolicyChange) -> bool {
        let before = self.versions.last().map(|newest| &newest.change.stands_before);
        change.deed == PolicyDeed::Add
            || before.is_some_and(|before| *before != change.stands_before)
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
    /// What is to be done.
    pub deed: PolicyDeed,
    /// What is to be in force; of a removal only its part counts.
    pub content: PolicyContent,
    /// Of a response plan that the file does not name: the one before which it is tried; `None` = last.
    pub stands_before: Option<String>,
    /// The newest approved version that was seen; 0 = the file's.
    pub seen: u32,
    /// Why, as typed.
    pub reason: String,
    /// The older version it returns to; 0 = the file's.
    pub returns_to: Option<u32>,
}

/// A change that is laid over the file.
#[derive(Clone, Copy)]
struct Laid<'a> {
    part: &'a PolicyPart,
    change: &'a PolicyChange,
    by: &'a str,
    /// When the part came to its place, of one that the file does not name.
    placed_at: UtcMs,
}

impl Laid<'_> {
    fn notice(&self, why: Disagreement) -> PolicyNotice {
        let (version, by) = (self.change.version, self.by.to_owned());
        PolicyNotice { part: self.part.clone(), version, by, why }
    }

    /// Whether it says something else than the file did, and so does not just follow it.
    fn is_own(&self) -> bool {
        self.change.in_force() != self.change.file.as_ref()
    }

    /// Whether the file named the part then and does not now.
    fn lost(&self, file: &Policy) -> bool {
        self.change.file.is_some() && file.content(self.part).is_none()
    }

    fn disagreement(&self, file: &Policy) -> Option<Disagreement> {
        let says = file.content(self.part);
        let agrees = says == self.change.file || says.as_ref() == self.change.in_force();
        (!agrees).then_some(Disagreement::FileChanged)
    }
}

/// The file with changes over it. What the file does not name stands where its change says: of several
/// at one place the one that came there first is first.
fn lay(file: &Policy, over: &[Laid<'_>]) -> Policy {
    let mut policy = file.clone();
    let mut added = Vec::new();
    for laid in over {
        match laid.change.in_force() {
            None => policy.remove(laid.part),
            Some(content) if file.content(laid.part).is_some() => policy.set(content),
            Some(_) => added.push(laid),
        }
    }
    added.sort_by_key(|laid| laid.placed_at);
    let mut added: Vec<&PolicyChange> = added.into_iter().map(|laid| laid.change).collect();
    // One may stand before another that is added as well.
    while !added.is_empty() {
        let stands = |name: &String| policy.plans.iter().any(|plan| plan.name == *name);
        let next = added.iter().position(|one| one.stands_before.as_ref().is_none_or(stands));
        let one = added.remove(next.unwrap_or(0));
        policy.add(&one.after, one.stands_before.as_deref());
    }
    policy
}

impl PolicyEdits {
    /// The policy with these changes over `file`.
    #[must_use]
    pub fn over(&self, file: &Policy, network: &Network) -> InForce {
        self.settle(file, network, None).0
    }

    /// The policy with a change in force that waits or is only thought of.
    #[must_use]
    pub fn with(&self, file: &Policy, network: &Network, change: &PolicyChange) -> Policy {
        let part = change.after.part();
        let (_, mut over) = self.settle(file, network, Some(&part));
        let history = self.parts.get(&part);
        let placed_at = match history {
            Some(history) if !history.moved(change) => history.placed_at.unwrap_or_default(),
            Some(_) | None => UtcMs(i64::MAX),
        };
        over.push(Laid { part: &part, change, by: "", placed_at });
        lay(file, &over)
    }

    /// What is in force without the changes of one part, and what is laid over the file for it.
    fn settle<'a>(
        &'a self,
        file: &Policy,
        network: &Network,
        without: Option<&PolicyPart>,
    ) -> (InForce, Vec<Laid<'a>>) {
        let newest = self.parts.iter().filter(|(part, _)| without != Some(part));
        let newest = newest.filter_map(|(part, history)| {
            let PolicyVersion { change, by, .. } = history.versions.last()?;
            let placed_at = history.placed_at.unwrap_or_default();
            Some(Laid { part, change, by, placed_at }).filter(Laid::is_own)
        });
        let (lost, mut over): (Vec<_>, Vec<_>) = newest.partition(|laid| laid.lost(file));
        // A removal of what is gone from the file anyway is no news.
        let lost = lost.iter().filter(|laid| laid.change.deed != PolicyDeed::Remove);
        let mut outside: Vec<PolicyNotice> =
            lost.map(|laid| laid.notice(Disagreement::NotInFile)).collect();
        // What was sound when it was approved need not be so over another file.
        loop {
            let policy = lay(file, &over);
            if let Some((at, fault)) = first_faulty(&policy, network, &over) {
                outside.push(over.remove(at).notice(Disagreement::Faulty(fault)));
                continue;
            }
            let told = over.iter().filter_map(|laid| Some(laid.notice(laid.disagreement(file)?)));
            let mut notices: Vec<PolicyNotice> = told.collect();
            notices.append(&mut outside);
            return (InForce { policy, notices }, over);
        }
    }

    /// The version of a response plan that is decided by now; 0 = the file's.
    #[must_use]
    pub fn version_in_force(&self, plan: &str) -> u32 {
        let history = self.parts.get(&PolicyPart::Plan(plan.to_owned()));
        history.map_or(0, PartHistory::newest)
    }

    /// What a response plan said that was removed on screen.
    #[must_use]
    pub fn removed_plan(&self, name: &str) -> Option<&ResponsePlan> {
        let newest = self.parts.get(&PolicyPart::Plan(name.to_owned()))?.versions.last()?;
        let PolicyContent::Plan(plan) = &newest.change.after else { return None };
        newest.change.in_force().is_none().then_some(plan.as_ref())
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
        if history.moved(&version.change) {
            history.placed_at = Some(at);
        }
        history.versions.push(version);
        if history.versions.len() > VERSIONS_KEPT_MAX {
            history.versions.remove(0);
        }
    }

    /// What follows from refusing it.
    pub fn refuse(&mut self, part: &PolicyPart, version: u32, (by, why): (&str, &str), at: UtcMs) {
        let Some(history) = self.parts.get_mut(part) else { return };
        let waits = history.proposed.take_if(|waits| waits.change.version == version);
        let Some(version) = waits else { return };
        let (by, reason) = (by.to_owned(), why.to_owned());
        history.refused.push(PolicyRefused { version, by, at, reason });
        if history.refused.len() > REFUSED_KEPT_MAX {
            history.refused.remove(0);
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
fn first_faulty(policy: &Policy, network: &Network, over: &[Laid<'_>]) -> Option<(usize, String)> {
    let faults = policy_faults(policy, network);
    let fault = faults.into_iter().find(|fault| fault.grave)?;
    let own = over.iter().position(|laid| fault.part.as_ref() == Some(laid.part));
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
    let (says, before) = (file.content(&part), in_force.policy.content(&part));
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
    let known = says.is_some() || history.is_some_and(|history| history.newest() > 0);
    let disagrees = in_force.notices.iter().any(|notice| notice.part == part);
    // What was removed before the file was changed is removed once more, over what the file says now.
    let again = edit.deed == PolicyDeed::Remove && disagrees && says.is_some();
    reasons.extend(wrong_deed(edit.deed, &part, before.is_some() || again, known));
    let anchor = edit.stands_before.as_ref().filter(|_| says.is_none());
    if let Some(name) = anchor
        && !in_force.policy.plans.iter().any(|plan| plan.name == *name)
    {
        reasons.push(reason("unknown_plan", format!("没有预案“{name}”，不能排在它之前")));
    }
    let place = history.and_then(|history| history.versions.last()?.change.stands_before.as_ref());
    let moved = says.is_none() && place != anchor;
    let changes = edit.deed != PolicyDeed::Change || moved || disagrees;
    if !changes && before.as_ref() == Some(&edit.content) {
        reasons.push(reason("nothing_changed", "没有任何修改"));
    }
    let change = PolicyChange {
        version: history.map_or(0, |history| history.last).saturating_add(1),
        after: match (edit.deed, &before) {
            (PolicyDeed::Remove, Some(before)) => before.clone(),
            (PolicyDeed::Change | PolicyDeed::Add | PolicyDeed::Remove, _) => edit.content,
        },
        before,
        file: says,
        reason: edit.reason.trim().chars().take(REASON_CHARS_MAX).collect(),
        returns_to: edit.returns_to,
        deed: edit.deed,
        stands_before: anchor.cloned(),
    };
    reasons.extend(faults_of_change(edits, file, network, &change).into_iter().map(|fault| {
        let at = if fault.key.is_empty() { String::new() } else { format!("{}：", fault.key) };
        reason("faulty_policy", format!("{at}{}", fault.zh))
    }));
    if reasons.is_empty() { Ok(change) } else { Err(Refusal { reasons }) }
}

/// Why this can't be done with a part, by whether it is in force and whether it ever was.
fn wrong_deed(deed: PolicyDeed, part: &PolicyPart, in_force: bool, known: bool) -> Option<Reason> {
    match deed {
        PolicyDeed::Change | PolicyDeed::Remove if !in_force => {
            let text = format!("没有 {part}，可能已被移除，不能修改或移除");
            Some(reason("not_in_force", text))
        }
        PolicyDeed::Add if in_force => {
            Some(reason("already_there", format!("已有 {part}，请换一个内部名称")))
        }
        PolicyDeed::Add if !known && !is_part_name(part.name()) => {
            let text = format!(
                "内部名称应为 1 至 {PART_NAME_CHARS_MAX} 个小写字母、数字或连字符，以字母开头"
            );
            Some(reason("bad_name", text))
        }
        PolicyDeed::Change | PolicyDeed::Add | PolicyDeed::Remove => None,
    }
}

fn is_part_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= PART_NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(fine)
}

/// Grave faults of the policy with a change in force: they would be the change's own, because what is in
/// force has none.
fn faults_of_change(
    edits: &PolicyEdits,
    file: &Policy,
    network: &Network,
    change: &PolicyChange,
) -> Vec<PolicyFault> {
    let faults = policy_faults(&edits.with(file, network, change), network);
    faults.into_iter().filter(|fault| fault.grave).collect()
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
    let mut reasons = Vec::new();
    if same_person(&waits.by, by) {
        reasons.push(reason("own_request", "不能批准自己的修改，请另一位负责人批准"));
    }
    if role != Role::Leader && !proposer_leads {
        reasons.push(reason("leader_needed", "提出和批准的两人中须有一位带班领导"));
    }
    if file.content(&change.after.part()) != change.file {
        let text = "提出修改之后 policy.toml 又被改动，请撤回并重新修改";
        reasons.push(reason("file_changed", text));
    }
    for fault in faults_of_change(edits, file, network, change) {
        reasons.push(reason("faulty_policy", fault.zh));
    }
    if reasons.is_empty() { Ok(()) } else { Err(Refusal { reasons }) }
}
