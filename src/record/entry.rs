//! The stored form of everything that happened. Variants and fields are only ever added; the JSON
//! text of version 1 is frozen by `tests/it/entry.rs`.

use crate::model::{
    Acknowledgement, Act, Address, Alert, AlertId, ApiKeyLine, Approval, AreaCode, Broadcast,
    BroadcastId, CallAnswer, CallId, CalledPerson, Cancellation, ClipRef, Disposition, Group,
    HeldBack, LatchHold, LinkKind, OrderKind, Origin, Plan, PlanContent, PlanId, PlatformAct,
    PolicyChange, PolicyPart, PolicyRefusal, Programme, Reason, Rejection, Replayed, Role, Sha256,
    Shed, Shift, ShiftId, SilentAnswer, SilentTestId, SourceNote, Spoken, StopScope, Terminal,
    TerminalId, UtcMs,
};
use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// An officer begins to speak live 现场喊话.
    LiveBegun {
        /// Which broadcast.
        broadcast: BroadcastId,
        /// Who speaks.
        by: String,
        /// Its terminals whose session was up.
        connected: Vec<TerminalId>,
    },
    /// A part of what is spoken goes out.
    LivePart {
        /// Which broadcast.
        broadcast: BroadcastId,
        /// From 0, rising by one.
        number: u32,
        /// When its first sound came, by our clock.
        spoken_at: UtcMs,
        /// Its sound.
        clips: Vec<ClipRef>,
    },
    /// Nothing more is spoken.
    LiveEnded {
        /// Which broadcast.
        broadcast: BroadcastId,
        /// The officer, or `gateway`.
        by: String,
        /// Why.
        reason: String,
    },
    /// Everything that was spoken, as one clip.
    LiveKept {
        /// Which broadcast.
        broadcast: BroadcastId,
        /// The clip.
        clip: ClipRef,
    },
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
        /// Its terminals that stand elsewhere than in the area of their name, and where.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        moved: Vec<(TerminalId, AreaCode)>,
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
    /// An officer changed a plan that waits; every signature before falls.
    PlanEdited {
        /// Which.
        plan: PlanId,
        /// Rising from 1.
        revision: u32,
        /// Canonical name of the officer.
        by: String,
        /// What stood before.
        before: Box<PlanContent>,
        /// What stands from here on.
        after: Box<PlanContent>,
        /// Whether another person than `by` must see it.
        #[serde(default)]
        needs_other: bool,
    },
    /// One officer released a plan alone 紧急直发; two others must countersign.
    GlassBroken {
        /// The broadcast that started by it.
        broadcast: BroadcastId,
        /// The plan that needed more people.
        plan: PlanId,
        /// Canonical name of the officer.
        by: String,
        /// Why it could not wait, as typed.
        reason: String,
        /// Until when the others should sign.
        countersign_by: UtcMs,
    },
    /// Another person signed afterwards what one officer released alone.
    Countersigned {
        /// Which broadcast.
        broadcast: BroadcastId,
        /// Canonical name.
        by: String,
        /// In which role.
        role: Role,
    },
    /// The time for countersignatures passed without all of them.
    CountersignOverdue {
        /// Which broadcast.
        broadcast: BroadcastId,
    },
    /// An officer sent a broadcast again to those that did not play it.
    Resent {
        /// The old broadcast.
        of: BroadcastId,
        /// The new one for terminals that ended without playing; `None` = there were none.
        broadcast: Option<BroadcastId>,
        /// Silent terminals that get the old order again at once.
        urged: u32,
        /// Canonical name of the officer.
        by: String,
    },
    /// The duty roster was changed.
    RosterChanged {
        /// Shifts that are new or other than before.
        set: Vec<Shift>,
        /// Shifts that are gone.
        removed: Vec<ShiftId>,
        /// Canonical name.
        by: String,
    },
    /// Half of a plan's time is over: the next people on duty are asked.
    PlanEscalated {
        /// Which.
        plan: PlanId,
        /// Canonical names of all who are asked from here on; empty = nobody is on duty.
        asked: Vec<String>,
    },
    /// A group of places was saved.
    GroupSet {
        /// The group.
        group: Group,
        /// Canonical name of the officer.
        by: String,
    },
    /// A saved group was removed.
    GroupRemoved {
        /// Its name.
        name: String,
        /// Canonical name of the officer.
        by: String,
    },
    /// A programme was saved, new or changed; a change asks for approval again.
    ProgrammeSet {
        /// The programme.
        programme: Box<Programme>,
        /// Canonical name of the officer.
        by: String,
        /// Whether another person must approve it before it starts.
        second_person: bool,
    },
    /// Another person approved a programme.
    ProgrammeApproved {
        /// Its name.
        name: String,
        /// Canonical name of the officer.
        by: String,
    },
    /// A programme was removed.
    ProgrammeRemoved {
        /// Its name.
        name: String,
        /// Canonical name of the officer.
        by: String,
    },
    /// A programme started by itself.
    ProgrammeStarted {
        /// Its name.
        name: String,
        /// When it was due: an occurrence starts once.
        due: UtcMs,
        /// The broadcast it became.
        broadcast: BroadcastId,
    },
    /// An occurrence of a programme did not start, and will not.
    ProgrammeSkipped {
        /// Its name.
        name: String,
        /// When it was due.
        due: UtcMs,
        /// Why.
        reason: Reason,
    },
    /// The responsible persons of an area were called about a broadcast.
    CallMade {
        /// The call.
        call: CallId,
        /// About which broadcast.
        broadcast: BroadcastId,
        /// Of which area.
        area: AreaCode,
        /// Everybody who was called.
        persons: Vec<CalledPerson>,
        /// When the next level is called.
        answer_by: UtcMs,
    },
    /// The message to one of them was taken by the gateway of messages.
    CallSent {
        /// The call.
        call: CallId,
        /// Place of the person among those of the call.
        place: u32,
    },
    /// Nobody answered in time: the next level was called too.
    CallEscalated {
        /// The call.
        call: CallId,
        /// Everybody who was called now.
        persons: Vec<CalledPerson>,
        /// When the level after that is called.
        answer_by: UtcMs,
    },
    /// Somebody answered.
    CallAnswered {
        /// The call.
        call: CallId,
        /// How.
        how: CallAnswer,
    },
    /// Nobody answered, and nobody is left to call.
    CallUnanswered {
        /// The call.
        call: CallId,
        /// `time` when nobody is left, `cancelled` when the broadcast was cancelled.
        reason: String,
    },
    /// A person asked for a change of a response plan or a template; another must approve it.
    PolicyProposed {
        /// What stood, what is to stand, and why.
        change: Box<PolicyChange>,
        /// Canonical name.
        by: String,
        /// In which role.
        role: Role,
    },
    /// Another person approved such a change: it is in force from here on.
    PolicyApproved {
        /// Of which part.
        part: PolicyPart,
        /// Which version.
        version: u32,
        /// Canonical name.
        by: String,
    },
    /// Such a change was taken back before it was approved.
    PolicyWithdrawn {
        /// Of which part.
        part: PolicyPart,
        /// Which version.
        version: u32,
        /// Canonical name.
        by: String,
    },
    /// An API key was made on screen.
    KeyMade {
        /// Whose, with which rights; the digest of the key alone.
        key: ApiKeyLine,
        /// Canonical name of the administrator.
        by: String,
    },
    /// An API key that was made on screen lets nobody in any more.
    KeyRevoked {
        /// Its digest.
        sha256: Sha256,
        /// Canonical name of the administrator.
        by: String,
        /// Why, as typed.
        reason: String,
    },
    /// A person changed the registry of terminals.
    RegistryChanged {
        /// Terminals that are new or other than before.
        set: Vec<Terminal>,
        /// Terminals that are no longer there.
        retired: Vec<TerminalId>,
        /// What the configuration file says of these terminals, of those that it names.
        filed: Vec<Terminal>,
        /// Canonical name.
        by: String,
        /// Why, as typed.
        reason: String,
    },
    /// The configuration file was changed after these terminals were on screen: it holds again.
    RegistryFiled {
        /// Which.
        terminals: Vec<TerminalId>,
    },
    /// Terminals were asked whether they could play; nothing sounds.
    SilentTestStarted {
        /// Which test.
        test: SilentTestId,
        /// Who is asked.
        terminals: Vec<TerminalId>,
        /// Volume they take as their own, percent.
        volume_percent: Option<u8>,
        /// What was chosen, for people.
        what: String,
        /// Answers count until then.
        until: UtcMs,
        /// Canonical name.
        by: String,
    },
    /// A terminal answered it.
    SilentTestAnswered {
        /// Its answer, verified.
        #[serde(flatten)]
        answer: SilentAnswer,
    },
    /// Everybody answered, or the time is over.
    SilentTestEnded {
        /// Which test.
        test: SilentTestId,
        /// Terminals that could play.
        able: u32,
        /// Terminals that could not, and said so.
        unable: u32,
        /// Terminals that did not answer.
        silent: u32,
    },
    /// Approval given to a plan, kept apart from the broadcast for readers of the ledger.
    PlanApproved {
        /// Which.
        plan: PlanId,
        /// Who or what.
        approval: Approval,
    },
    /// A leader set or lifted the STOP latch 停播锁: nothing starts there while it holds.
    LatchChanged {
        /// Where.
        areas: Vec<AreaCode>,
        /// What becomes of what comes; `None` = it is lifted.
        hold: Option<LatchHold>,
        /// Canonical name.
        by: String,
        /// Why, as typed.
        reason: String,
    },
    /// A latch kept a plan, or a part of it, from starting.
    LatchHeld(HeldBack),
    /// Alerts were not taken because too many came; their senders were told to send them again.
    AlertsShed(Shed),
    /// A person had the kept bytes of a rejection read again; what they became is the next entry.
    RejectionReplayed(Replayed),
    /// How far a source was read, that it fell silent, or is heard again.
    SourceNoted {
        /// Name of the source.
        source: String,
        /// What.
        note: SourceNote,
    },
    /// Something passed between this gateway and the upper platform.
    Platform {
        /// What.
        act: PlatformAct,
    },
    /// Another person refused such a change, with the reason.
    PolicyRefused(PolicyRefusal),
}
