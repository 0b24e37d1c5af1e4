//! What must sound where, decided purely from network, policy, alert, memory and time. No I/O, no
//! clock, no lock, no random order: the same arguments give the same decision.
//!
//! ```text
//! alert ─lineage─▶ new? ─plan─▶ Plan | Recorded | Refused | Cancel
//! officer ──────────────manual─▶ Plan | Refusal
//! Plan ─approval─▶ Broadcast
//! ```

mod alert_words;
mod approval;
mod breakglass;
mod calling;
mod contradiction;
mod earthquake;
mod edit;
mod explain;
mod geometry;
mod info;
mod interlock;
mod interlock_check;
mod lineage;
mod manual;
mod matching;
mod need;
mod plan;
mod platform;
mod policy_check;
mod policy_edit;
mod policy_text;
mod priority;
mod programme;
mod programme_ready;
mod registry;
mod registry_csv;
mod resend;
mod roster;
mod roster_csv;
mod source;
mod target;
#[cfg(test)]
pub(crate) mod tests;
mod text;

pub use approval::{
    Change, NotAllowed, Pending, Signature, Signed, authorise, release, same_person, sign,
};
pub use breakglass::{
    BrokenGlass, COUNTERSIGNATURES, Countersignature, REASON_CHARS_MAX, REASON_CHARS_MIN,
    bad_reason, break_glass,
};
pub use calling::{area_name, called_areas, next_called, stage_of};
pub use edit::{Edited, PlanEdit, edit};
pub use explain::{Explanation, TownshipCount, explain};
pub use interlock::{Cell, local_hour, verdict};
pub use lineage::{LINEAGE_ALERTS_MAX, Lineage, Verdict};
pub use manual::{ManualRequest, Urgency, manual};
pub use matching::{Hazard, UNMATCHED_PLAN};
pub use need::in_quiet_hours;
pub use plan::{CancelDecision, Decision, plan};
pub use platform::{PlatformRules, SeenBefore, Verdict as PackageVerdict, judge_package};
pub use policy_check::{
    ANSWER_WITHIN_S, DECIDE_WITHIN_S, INTERVAL_S, PolicyFault, REPEATS, TITLE_CHARS_MAX,
    VALIDITY_S, VOLUME_PERCENT, policy_faults,
};
pub use policy_edit::{
    Disagreement, InForce, PART_NAME_CHARS_MAX, PARTS_MAX, PartHistory, PolicyEdit, PolicyEdits,
    PolicyNotice, REFUSED_KEPT_MAX, VERSIONS_KEPT_MAX, approve_change, policy_change,
};
pub use policy_text::policy_text;
pub use priority::priority;
pub use programme::{
    CONFLICT_DAYS, Conflict, conflicts, estimated_ms, occurrences, programme_faults,
    programme_notes, programme_plan, terminals_of,
};
pub use programme_ready::{READY_PROGRAMMES, Ready};
pub use registry::{TerminalFault, terminal_faults, wiring_fault};
pub use registry_csv::{ReadRegistry, read_registry, sheet_text, write_registry};
pub use resend::resend;
pub use roster::{Asked, asked, escalates_at, is_telephone, on_duty, shift_faults};
pub use roster_csv::{ROSTER_ROWS_MAX, RowFault, read_roster};
pub use source::beyond_source;
pub use target::{POINT_REACH_KM, TargetIndex, Targets, resolve};
pub use text::{MESSAGE_CHARS_MAX, SLOTS};

use crate::model::{BroadcastId, Network, OriginKind, PlanBasis, Policy, Reason, TerminalId};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that rules a decision: the registry, its index and the county's policy.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Areas and terminals.
    pub network: Network,
    /// Index over `network`.
    pub index: TargetIndex,
    /// Response plans and limits.
    pub policy: Policy,
}

impl Rules {
    /// Builds the index over `network`.
    #[must_use]
    pub fn new(network: Network, policy: Policy) -> Self {
        let index = TargetIndex::new(&network);
        Self { network, index, policy }
    }

    /// The smallest list of area codes that holds exactly `terminals`; empty when there is none.
    #[must_use]
    pub fn cover(&self, terminals: &BTreeSet<TerminalId>) -> Vec<crate::model::AreaCode> {
        target::cover(&self.index, &self.network, terminals)
    }

    /// Terminals of an area under any of its codes.
    #[must_use]
    pub fn members(&self, area: crate::model::AreaCode) -> BTreeSet<TerminalId> {
        self.index.members(&self.network, area)
    }

    /// The words of a template with these slots, for previews.
    ///
    /// # Errors
    /// What was expected and what was got: a template or slot that does not exist.
    pub fn template_words(
        &self,
        name: &str,
        slots: &BTreeMap<String, String>,
    ) -> Result<String, String> {
        let found = self.policy.templates.iter().find(|template| template.name == name);
        let template = found.ok_or_else(|| {
            let names: Vec<&str> = self.policy.templates.iter().map(|t| t.name.as_str()).collect();
            format!("expected a template out of {}, got `{name}`", names.join(", "))
        })?;
        text::filled(&template.text, slots)
            .map_err(|slot| format!("expected slots out of {}, got `{slot}`", SLOTS.join(", ")))
    }
}

/// What a decision must know of the past; the gateway fills it from its state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Whether a drill is armed now.
    pub drill_armed: bool,
    /// Automatic broadcasts started in the last hour.
    pub automatic_in_hour: usize,
    /// From where the wish comes.
    pub origin: OriginKind,
    /// Broadcasts of the last hour that each limit of the interlock counts, in its order.
    pub limits_used: Vec<usize>,
    /// Running broadcasts of the alerts that this one supersedes or cancels.
    pub superseded: Vec<BroadcastId>,
    /// Terminals that broadcasts of these alerts, running or ended, were meant for: those who must
    /// hear the all-clear.
    pub targeted: BTreeSet<TerminalId>,
    /// Response plan of the newest of these broadcasts; says whether the all-clear is announced.
    pub response_plan: Option<String>,
    /// That response plan as it stood when that broadcast was decided.
    pub basis: Option<PlanBasis>,
}

fn reason(code: &str, text: impl Into<String>) -> Reason {
    Reason { code: code.to_owned(), text: text.into() }
}
