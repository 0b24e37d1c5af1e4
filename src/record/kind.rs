//! Names of entries in the journal, which never change however the code calls them; and their text.

use super::entry::Entry;

impl Entry {
    /// Stable name in the journal's `kind` column.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AlertAccepted { .. } => "alert_accepted",
            Self::AlertRepeated { .. } => "alert_repeated",
            Self::AlertRejected { .. } => "alert_rejected",
            Self::PlanMade { .. } => "plan_made",
            Self::PlanSigned { .. } => "plan_signed",
            Self::PlanEnded { .. } => "plan_ended",
            Self::BroadcastStarted { .. } => "broadcast_started",
            Self::ClipReady { .. } => "clip_ready",
            Self::Sent { .. } => "sent",
            Self::Acknowledged { .. } => "acknowledged",
            Self::BroadcastCancelled { .. } => "broadcast_cancelled",
            Self::Stopped { .. } => "stopped",
            Self::BroadcastEnded { .. } => "broadcast_ended",
            Self::DrillArmed { .. } => "drill_armed",
            Self::DrillDisarmed { .. } => "drill_disarmed",
            Self::Denied { .. } => "denied",
            Self::Started { .. } => "started",
            Self::PlanEdited { .. } => "plan_edited",
            Self::GlassBroken { .. } => "glass_broken",
            Self::Countersigned { .. } => "countersigned",
            Self::CountersignOverdue { .. } => "countersign_overdue",
            Self::Resent { .. } => "resent",
            Self::RosterChanged { .. } => "roster_changed",
            Self::PlanEscalated { .. } => "plan_escalated",
            Self::GroupSet { .. } => "group_set",
            Self::GroupRemoved { .. } => "group_removed",
            Self::ProgrammeSet { .. } => "programme_set",
            Self::ProgrammeApproved { .. } => "programme_approved",
            Self::ProgrammeRemoved { .. } => "programme_removed",
            Self::ProgrammeStarted { .. } => "programme_started",
            Self::ProgrammeSkipped { .. } => "programme_skipped",
            Self::CallMade { .. } => "call_made",
            Self::CallSent { .. } => "call_sent",
            Self::CallEscalated { .. } => "call_escalated",
            Self::CallAnswered { .. } => "call_answered",
            Self::CallUnanswered { .. } => "call_unanswered",
            Self::PolicyProposed { .. } => "policy_proposed",
            Self::PolicyApproved { .. } => "policy_approved",
            Self::PolicyWithdrawn { .. } => "policy_withdrawn",
            Self::PolicyRefused(_) => "policy_refused",
            Self::KeyMade { .. } => "key_made",
            Self::KeyRevoked { .. } => "key_revoked",
            Self::LiveBegun { .. } => "live_begun",
            Self::LivePart { .. } => "live_part",
            Self::LiveEnded { .. } => "live_ended",
            Self::LiveKept { .. } => "live_kept",
            Self::RegistryChanged { .. } => "registry_changed",
            Self::RegistryFiled { .. } => "registry_filed",
            Self::SilentTestStarted { .. } => "silent_test_started",
            Self::SilentTestAnswered { .. } => "silent_test_answered",
            Self::SilentTestEnded { .. } => "silent_test_ended",
            Self::Platform { act } => act.kind(),
            Self::PlanApproved { .. } => "plan_approved",
            Self::Administered { .. } => "administered",
            Self::LatchChanged { .. } => "latch_changed",
            Self::LatchHeld(_) => "latch_held",
            Self::AlertsShed(_) => "alerts_shed",
            Self::RejectionReplayed(_) => "rejection_replayed",
            Self::SourceNoted { .. } => "source_noted",
        }
    }

    /// The JSON text for the journal.
    ///
    /// # Errors
    /// Only when a value can't be JSON, which no model value is (non-finite coordinates are refused
    /// at ingest).
    pub fn to_body(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads a journal body back.
    ///
    /// # Errors
    /// When the text is not an entry this version knows; replay then stops and says which row.
    pub fn from_body(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }
}
