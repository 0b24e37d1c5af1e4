//! The stored form of everything that happened. Variants and fields are only ever added; the JSON
//! text of version 1 is frozen by `tests/it/entry.rs`.

use crate::model::{
    Acknowledgement, Act, Address, Alert, AlertId, Approval, Broadcast, BroadcastId, Cancellation,
    ClipRef, Disposition, LinkKind, OrderKind, Origin, Plan, PlanId, Reason, Rejection, Sha256,
    Spoken, StopScope, UtcMs,
};
use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A readable alert arrived; what became of it at once.
    AlertAccepted {
        /// The normalised alert.
        alert: Box<Alert>,
        /// Digest of its normalised content: duplicate or conflict.
        content: Sha256,
        /// Digest of the raw bytes kept beside the journal.
        raw: Sha256,
        /// Where it came from.
        origin: Origin,
        /// What became of it.
        disposition: Disposition,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// The same alert again, or the same identity with other content.
    AlertRepeated {
        /// Its identity.
        id: AlertId,
        /// `Duplicate` or `Conflict`.
        disposition: Disposition,
        /// Digest of the raw bytes.
        raw: Sha256,
        /// Where it came from.
        origin: Origin,
    },
    /// Bytes that could not become an alert.
    AlertRejected {
        /// Every fault.
        rejection: Rejection,
        /// Digest of the raw bytes.
        raw: Sha256,
        /// Where they came from.
        origin: Origin,
    },
    /// A plan was made; it may wait for people.
    PlanMade {
        /// The plan.
        plan: Box<Plan>,
    },
    /// An officer signed a plan that needs more signatures.
    PlanSigned {
        /// Which.
        plan: PlanId,
        /// Canonical name of the officer.
        by: String,
    },
    /// A plan ended without sounding.
    PlanEnded {
        /// Which.
        plan: PlanId,
        /// Officer, `clock` or the alert that withdrew it.
        by: String,
        /// Why.
        reason: String,
    },
    /// A plan was authorised: the broadcast exists from here on.
    BroadcastStarted {
        /// The broadcast.
        broadcast: Box<Broadcast>,
    },
    /// Its audio is ready.
    ClipReady {
        /// Which broadcast.
        broadcast: BroadcastId,
        /// One per codec asked for.
        clips: Vec<ClipRef>,
        /// Which voice spoke.
        spoken: Spoken,
    },
    /// A link took orders of a broadcast.
    Sent {
        /// Which broadcast.
        broadcast: BroadcastId,
        /// To whom.
        to: Vec<Address>,
        /// By which kind of link.
        link: LinkKind,
        /// What kind of order.
        kind: OrderKind,
    },
    /// A terminal reported.
    Acknowledged {
        /// Its report, verified.
        #[serde(flatten)]
        report: Acknowledgement,
    },
    /// A broadcast was cancelled.
    BroadcastCancelled {
        /// Which.
        broadcast: BroadcastId,
        /// By whom and why.
        cancellation: Cancellation,
    },
    /// Everything was stopped 一键停播; the broadcasts it hit follow as `broadcast_cancelled`.
    Stopped {
        /// How far it reached.
        scope: StopScope,
        /// Counter of the stop order.
        counter: BroadcastId,
        /// Who pressed.
        by: String,
    },
    /// Nothing more can come: everyone ended or validity is over.
    BroadcastEnded {
        /// Which.
        broadcast: BroadcastId,
    },
    /// Drills may reach horns from here on.
    DrillArmed {
        /// Officer.
        by: String,
        /// When it disarms by itself.
        until: UtcMs,
    },
    /// Drills may not reach horns any more.
    DrillDisarmed {
        /// Officer.
        by: String,
    },
    /// Somebody asked for something and was refused; kept for the audit.
    Denied {
        /// Who.
        by: String,
        /// What was asked.
        what: String,
        /// Why not.
        reason: String,
    },
    /// The daemon started; says with what.
    Started {
        /// Version of the program.
        version: String,
        /// Digest of policy and registry in force.
        configuration: Sha256,
    },
    /// A person did something to the gateway itself: signed in, changed an account or a setting.
    Administered {
        /// Who.
        by: String,
        /// What.
        act: Act,
    },
    /// Approval given to a plan, kept apart from the broadcast for readers of the ledger.
    PlanApproved {
        /// Which.
        plan: PlanId,
        /// Who or what.
        approval: Approval,
    },
}

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
            Self::PlanApproved { .. } => "plan_approved",
            Self::Administered { .. } => "administered",
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
