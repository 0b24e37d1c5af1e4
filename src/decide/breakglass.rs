//! Break-glass 紧急直发: one officer releases at once what needs more people, and two others, a leader
//! among them, countersign afterwards. It is loud in the record; it is never a way around the areas
//! of an officer, a drill that is not armed, or the end of an alert.

use super::approval::not_allowed;
use super::{NotAllowed, Rules, reason, same_person};
use crate::model::{
    Actor, AreaCode, BroadcastId, Class, Need, Plan, Reason, Refusal, Role, TerminalId, UtcMs,
};
use serde::{Deserialize, Serialize};

/// Shortest reason a person may give, characters without white space.
pub const REASON_CHARS_MIN: usize = 4;
/// Longest reason, characters.
pub const REASON_CHARS_MAX: usize = 500;
/// Other people who must countersign.
pub const COUNTERSIGNATURES: usize = 2;

/// One later signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Countersignature {
    /// Canonical name.
    pub by: String,
    /// In which role.
    pub role: Role,
    /// When.
    pub at: UtcMs,
}

/// A broadcast that one officer released alone, with what was signed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenGlass {
    /// Which.
    pub broadcast: BroadcastId,
    /// The officer.
    pub by: String,
    /// Why it could not wait.
    pub reason: String,
    /// When.
    pub at: UtcMs,
    /// Until when the others should have signed.
    pub countersign_by: UtcMs,
    /// Who signed since, in order.
    pub signed: Vec<Countersignature>,
    /// Whether the alarm of the deadline was raised.
    pub overdue: bool,
}

impl BrokenGlass {
    /// Whether signatures are still missing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.signed.len() < COUNTERSIGNATURES || self.lacks_leader()
    }

    /// Whether no leader has signed.
    #[must_use]
    pub fn lacks_leader(&self) -> bool {
        !self.signed.iter().any(|signature| signature.role == Role::Leader)
    }

    /// Signatures still needed, with one of a leader.
    #[must_use]
    pub fn more(&self) -> u8 {
        let missing = COUNTERSIGNATURES.saturating_sub(self.signed.len());
        let missing = missing.max(usize::from(self.lacks_leader()));
        u8::try_from(missing).unwrap_or(u8::MAX)
    }

    /// Whether `actor` may countersign. Late is allowed: better late than never.
    ///
    /// # Errors
    /// `NotAllowed`: signed by enough, the officer's own act, signed before.
    pub fn countersign(&self, actor: &Actor) -> Result<(), NotAllowed> {
        if !self.is_open() {
            return Err(not_allowed("signed_by_enough", "补签已经完成"));
        }
        if same_person(&self.by, &actor.name) {
            return Err(not_allowed("own_act", "紧急直发人不能为自己补签"));
        }
        if self.signed.iter().any(|signature| same_person(&signature.by, &actor.name)) {
            return Err(not_allowed("signed_before", "您已经补签过，需要另一位人员补签"));
        }
        Ok(())
    }
}

/// Whether `actor` may release `plan` alone now, with `broken` as every earlier such act.
///
/// # Errors
/// A refusal with every reason.
pub fn break_glass<'a>(
    rules: &Rules,
    now: UtcMs,
    actor: &Actor,
    plan: &Plan,
    why: &str,
    broken: impl Iterator<Item = &'a BrokenGlass>,
) -> Result<(), Refusal> {
    let policy = &rules.policy.break_glass;
    let mut faults = Vec::new();
    faults.extend(bad_reason(why));
    if !policy.enabled {
        faults.push(reason("break_glass_off", "本地规定不允许紧急直发"));
    }
    if !policy.roles.contains(&actor.role) {
        faults.push(reason("break_glass_role", "您的岗位不能紧急直发"));
    }
    let place = |terminal: &TerminalId| rules.network.terminals.get(terminal).map(|t| t.area);
    let inside = |area: AreaCode| policy.areas.iter().any(|allowed| allowed.contains(area));
    if !policy.areas.is_empty()
        && !plan.terminals.iter().all(|terminal| place(terminal).is_some_and(inside))
    {
        faults.push(reason("break_glass_areas", "播发范围超出允许紧急直发的区域"));
    }
    let offset = rules.policy.local_offset_minutes;
    let today = local_day(now, offset);
    let n_today = broken
        .filter(|glass| same_person(&glass.by, &actor.name))
        .filter(|glass| local_day(glass.at, offset) == today)
        .count();
    let day_max = usize::from(policy.per_officer_per_day_max);
    if n_today >= day_max {
        let text = format!("您今天已紧急直发 {n_today} 次，每人每天最多 {day_max} 次");
        faults.push(reason("break_glass_rate", text));
    }
    if plan.class == Class::Drill {
        faults.push(reason("break_glass_drill", "演练不需要紧急直发"));
    }
    if plan.terminals.is_empty() {
        faults.push(reason("no_audience", "尚未选定播发范围"));
    }
    if now >= plan.expires {
        faults.push(reason("expired", "该方案已过有效期"));
    }
    if plan.need == Need::Nothing {
        faults.push(reason("needs_nobody", "该方案不需要审批"));
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal { reasons: faults }) }
}

/// What is wrong with a reason that a person typed; `None` = good.
#[must_use]
pub fn bad_reason(why: &str) -> Option<Reason> {
    let n_chars = why.chars().filter(|c| !c.is_whitespace()).count();
    if n_chars < REASON_CHARS_MIN {
        let text = format!("理由至少 {REASON_CHARS_MIN} 个字，收到 {n_chars} 个字");
        return Some(reason("reason_too_short", text));
    }
    let n_chars = why.chars().count();
    (n_chars > REASON_CHARS_MAX).then(|| {
        reason("reason_too_long", format!("理由最多 {REASON_CHARS_MAX} 个字，收到 {n_chars} 个字"))
    })
}

/// Number of the local day in which a moment lies.
fn local_day(at: UtcMs, offset_minutes: i16) -> i64 {
    (at.as_s() + i64::from(offset_minutes) * 60).div_euclid(86_400)
}
