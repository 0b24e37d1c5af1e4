//! From a plan to a broadcast: by its response plan, by officers, or by a clock that runs out. The
//! one place that authorises.

use crate::model::{
    AfterDeadline, Approval, Broadcast, BroadcastId, Need, Plan, PlanContent, Reason, UtcMs,
};
use serde::{Deserialize, Serialize};

/// One officer's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Canonical name of the officer.
    pub person: String,
    /// When.
    pub at: UtcMs,
}

/// A plan that waits, with the signatures it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    plan: Plan,
    signed: Vec<Signature>,
    /// How often it was edited.
    #[serde(default)]
    revision: u32,
    /// Who wrote what stands now, when that needs another person's eyes.
    #[serde(default)]
    author: Option<String>,
    /// What was planned, kept once somebody became its author.
    #[serde(default)]
    planned: Option<Box<PlanContent>>,
    /// When it began to wait.
    #[serde(default)]
    since: UtcMs,
    /// Whether the next people were asked.
    #[serde(default)]
    escalated: bool,
}

impl Pending {
    /// A plan nobody signed yet, waiting since `since`.
    #[must_use]
    pub fn new(plan: Plan, since: UtcMs) -> Self {
        Self {
            plan,
            signed: Vec::new(),
            revision: 0,
            author: None,
            planned: None,
            since,
            escalated: false,
        }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Who signed so far, in order.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signed
    }

    /// How often it was edited; an approval names the revision that the officer saw.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// Who wrote what stands now, when one pair of eyes is not enough for it.
    #[must_use]
    pub fn author(&self) -> Option<&str> {
        self.author.as_deref()
    }

    /// When it began to wait.
    #[must_use]
    pub fn since(&self) -> UtcMs {
        self.since
    }

    /// Whether the next people were asked.
    #[must_use]
    pub fn escalated(&self) -> bool {
        self.escalated
    }

    /// Why an approval of `seen` does not fit what stands now; `None` = it fits.
    #[must_use]
    pub fn stale(&self, seen: u32) -> Option<Reason> {
        let now = self.revision;
        (seen != now).then(|| Reason {
            code: "stale_revision".to_owned(),
            text: format!(
                "方案已被修改（现为第 {now} 版，您看到的是第 {seen} 版），请重新查看后再操作"
            ),
        })
    }

    /// Folds a recorded edit in: every signature falls.
    pub fn edited(&mut self, by: &str, revision: u32, needs_other: bool, after: PlanContent) {
        if needs_other {
            if self.planned.is_none() {
                self.planned = Some(Box::new(self.plan.content()));
            }
            self.author = Some(by.to_owned());
        }
        self.signed.clear();
        self.revision = revision;
        self.plan = self.plan.clone().with(after);
    }

    /// Folds in that the next people were asked.
    pub fn escalate(&mut self) {
        self.escalated = true;
    }

    /// What the clock may release: words or places that only their author saw are not the response
    /// plan's any more, so the clock gives what was planned.
    #[must_use]
    pub fn by_clock(&self) -> Plan {
        match (&self.author, &self.planned) {
            (Some(_), Some(planned)) => self.plan.clone().with(planned.as_ref().clone()),
            _ => self.plan.clone(),
        }
    }

    /// Folds a recorded signature in; the same person twice counts once.
    pub fn signed(&mut self, person: &str, at: UtcMs) {
        if !self.has_signed(person) {
            self.signed.push(Signature { person: person.to_owned(), at });
        }
    }

    fn has_signed(&self, person: &str) -> bool {
        self.signed.iter().any(|signature| same_person(&signature.person, person))
    }
}

/// What a signature brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// One more person is needed.
    MoreNeeded {
        /// Signatures with this one.
        have: u8,
        /// Signatures needed.
        need: u8,
    },
    /// That was the last one.
    Approved(Approval),
}

/// Why a person may not sign; the text is for people, in Chinese.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotAllowed {
    /// Stable name, such as `signed_before`.
    pub code: &'static str,
    /// Why.
    pub why: String,
}

pub(super) fn not_allowed(code: &'static str, why: &str) -> NotAllowed {
    NotAllowed { code, why: why.to_owned() }
}

/// What happens when `person` signs at `now`. Changes nothing: the caller records the signature and
/// folds it in.
///
/// # Errors
/// `NotAllowed` when the plan needs nobody, has ended or run out, has no audience, or this person
/// signed before, asked for it, or alone wrote what it says now.
pub fn sign(pending: &Pending, person: &str, now: UtcMs) -> Result<Signed, NotAllowed> {
    let plan = pending.plan();
    let Need::Officers { officers, decide_by, .. } = plan.need else {
        return Err(not_allowed("needs_nobody", "该方案不需要审批"));
    };
    if canonical(person).is_empty() {
        return Err(not_allowed("nameless", "审批人姓名为空"));
    }
    if now >= plan.expires {
        return Err(not_allowed("expired", "该方案已过有效期，不能再批准"));
    }
    if now >= decide_by {
        return Err(not_allowed("too_late", "已过审批时限，不能再批准"));
    }
    if plan.terminals.is_empty() {
        return Err(not_allowed("no_audience", "尚未选定播发范围，请改用人工播发选择区域"));
    }
    if plan.alert.is_none() && same_person(&plan.requested_by, person) {
        return Err(not_allowed("own_request", "申请人不能批准自己的播发，请另一位值班人员批准"));
    }
    if officers <= 1 && pending.author().is_some_and(|author| same_person(author, person)) {
        return Err(not_allowed("own_edit", "您修改过该方案，需要另一位值班人员批准"));
    }
    if pending.has_signed(person) {
        return Err(not_allowed("signed_before", "您已经批准过，需要另一位值班人员批准"));
    }
    let need = officers.max(1);
    let have = u8::try_from(pending.signed.len() + 1).unwrap_or(u8::MAX);
    if have < need {
        return Ok(Signed::MoreNeeded { have, need });
    }
    let mut by: Vec<String> =
        pending.signed.iter().map(|signature| signature.person.clone()).collect();
    by.push(person.to_owned());
    Ok(Signed::Approved(Approval::Officers { by, at: now }))
}

/// The approval a plan has without anybody signing: its response plan's, its own requester's, or
/// the clock's after the deadline when the response plan says release. `None` = not allowed (yet).
#[must_use]
pub fn release(plan: &Plan, now: UtcMs) -> Option<Approval> {
    if plan.terminals.is_empty() || now >= plan.expires {
        return None;
    }
    let name = plan.response_plan.clone();
    match plan.need {
        Need::Nothing if plan.alert.is_none() => {
            Some(Approval::Officers { by: vec![plan.requested_by.clone()], at: now })
        }
        Need::Nothing => Some(Approval::Rule { plan: name, at: now }),
        Need::Officers { decide_by, after: AfterDeadline::Release, .. } if now >= decide_by => {
            Some(Approval::Clock { plan: name, at: now })
        }
        Need::Officers { .. } => None,
    }
}

/// Makes the broadcast of an approved plan: the only caller of `Broadcast::authorise`.
#[must_use]
pub fn authorise(id: BroadcastId, plan: Plan, approval: Approval) -> Broadcast {
    Broadcast::authorise(id, plan, approval)
}

/// Whether two names mean one person: case, full-width forms and white space make no difference.
#[must_use]
pub fn same_person(a: &str, b: &str) -> bool {
    canonical(a) == canonical(b)
}

/// A name without case, full-width forms and white space.
fn canonical(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            // Full-width ASCII lies at a fixed distance from ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c)
            }
            _ => c,
        })
        .flat_map(char::to_lowercase)
        .collect()
}
