//! State: the fold of the record. `apply` cannot fail and has no side effects, so that replaying
//! the journal after a crash gives exactly the state before it.

use super::calls::Call;
use super::counts::Counts;
use super::kept::{EndedPlan, SettingLine};
use super::keys::KeyState;
use super::live::Speaking;
use super::platform::PlatformState;
use super::programmes::ProgrammeState;
use super::quarantine::RejectedState;
use super::registry::Registry;
use super::silent_test::SilentTest;
use super::sources::SourceState;
use crate::decide::{BrokenGlass, Change, Lineage, Pending, PolicyEdits};
use crate::deliver::Delivery;
use crate::model::{
    AlertId, Approval, AreaCode, Broadcast, BroadcastId, CallId, ClipRef, Crossing, Disposition,
    Group, Latch, Level, PlanId, Reason, Shift, ShiftId, SilentTestId, Spoken, StopScope,
    TerminalId, UtcMs, named_area,
};
use crate::model::{Cancellation, Sha256};
use crate::record::entry::Entry;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Alerts kept in memory; older ones are in the record only. Identity (for duplicates) is kept
/// longer by the lineage.
pub(crate) const ALERTS_KEPT_MAX: usize = 2_000;
/// Span of the rolling window that limits automatic broadcasts.
const AUTOMATIC_WINDOW_S: i64 = 3_600;

/// An alert as the gateway remembers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertState {
    /// Its identity.
    pub id: AlertId,
    /// Rising number: its name in the API.
    pub number: u64,
    /// Headline or event text, for people.
    pub headline: String,
    /// Level, when known.
    pub level: Option<Level>,
    /// What became of it.
    pub disposition: Disposition,
    /// Why.
    pub reasons: Vec<Reason>,
    /// When we took it.
    pub accepted_at: UtcMs,
    /// Plans made from it.
    pub plans: Vec<PlanId>,
    /// Broadcasts started from it.
    pub broadcasts: Vec<BroadcastId>,
    /// Digest of the bytes it came as; `None` in states from before this was kept.
    #[serde(default)]
    pub raw: Option<Sha256>,
}

/// How far a broadcast is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waiting for its audio.
    Rendering,
    /// Orders go out.
    Sending,
    /// Cancelled; cancel orders go out.
    Cancelling,
    /// Nothing more can come.
    Ended,
}

/// A broadcast with everything that happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BroadcastState {
    /// What was authorised.
    pub broadcast: Broadcast,
    /// How far it is.
    pub phase: Phase,
    /// When it was authorised.
    pub started_at: UtcMs,
    /// When it ended.
    pub ended_at: Option<UtcMs>,
    /// Its audio.
    pub clips: Vec<ClipRef>,
    /// Which voice spoke.
    pub spoken: Option<Spoken>,
    /// Its cancellation.
    pub cancellation: Option<Cancellation>,
    /// One per targeted terminal; emptied when it is old (`counts_kept`).
    pub deliveries: BTreeMap<TerminalId, Delivery>,
    /// Counts of the outcomes, kept when deliveries are dropped.
    pub counts_kept: Option<Counts>,
    /// Broadcasts that sent it again to those that had not played it.
    #[serde(default)]
    pub resent_as: Vec<BroadcastId>,
    /// What is spoken live, once it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaking: Option<Speaking>,
    /// Its terminals that stand elsewhere than in the area of their name, and where.
    #[serde(default)]
    pub moved: BTreeMap<TerminalId, AreaCode>,
    /// Whether the group orders were sent at least once in this life of the process.
    #[serde(skip)]
    pub group_sent: bool,
}

impl BroadcastState {
    /// Terminals per outcome.
    #[must_use]
    pub fn counts(&self) -> Counts {
        if let Some(kept) = self.counts_kept {
            return kept;
        }
        let mut counts = Counts::default();
        self.deliveries.values().for_each(|delivery| counts.add(&delivery.outcome));
        counts
    }

    /// Whether its time came before it was cancelled: else nobody can have heard it.
    #[must_use]
    pub fn may_have_begun(&self, now: UtcMs) -> bool {
        let until = self.cancellation.as_ref().map_or(now, |cancellation| cancellation.at);
        self.broadcast.not_before() <= until
    }

    /// Milliseconds a terminal needs for all repeats, from its first sound.
    #[must_use]
    pub fn play_ms(&self) -> i64 {
        let clip_ms = self.clips.iter().map(|clip| i64::from(clip.duration_ms)).max().unwrap_or(0);
        if let Some(speaking) = &self.speaking {
            return clip_ms + speaking.spoken_ms_max();
        }
        let repeats = i64::from(self.broadcast.repeats().max(1));
        repeats * clip_ms + (repeats - 1) * i64::from(self.broadcast.interval_s()) * 1000
    }

    /// Whether nothing more is expected of any terminal.
    #[must_use]
    pub fn all_ended(&self) -> bool {
        self.deliveries.values().all(Delivery::is_ended)
    }
}

/// A drill that an officer armed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// Officer.
    pub armed_by: String,
    /// When it disarms by itself.
    pub until: UtcMs,
}

/// Everything the gateway knows that must survive a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Highest plan, broadcast or cancel counter given out.
    pub counter: u64,
    /// Identities and references of alerts.
    pub lineage: Lineage,
    /// Alerts, newest last.
    pub alerts: VecDeque<AlertState>,
    /// Plans that wait for people.
    pub pending: BTreeMap<PlanId, Pending>,
    /// Plans that ended without a broadcast, newest last.
    #[serde(default)]
    pub ended_plans: VecDeque<EndedPlan>,
    /// Broadcasts by counter.
    pub broadcasts: BTreeMap<BroadcastId, BroadcastState>,
    /// The armed drill.
    pub drill: Option<Drill>,
    /// When automatic broadcasts started, within the rolling hour.
    pub automatic_at: VecDeque<UtcMs>,
    /// Broadcasts that one officer released alone, with their later signatures.
    #[serde(default)]
    pub glass: BTreeMap<BroadcastId, BrokenGlass>,
    /// The duty roster.
    #[serde(default)]
    pub shifts: BTreeMap<ShiftId, Shift>,
    /// Last name given to a shift.
    #[serde(default)]
    pub shift_last: ShiftId,
    /// Saved groups by name.
    #[serde(default)]
    pub groups: BTreeMap<String, Group>,
    /// The programme schedule by name.
    #[serde(default)]
    pub programmes: BTreeMap<String, ProgrammeState>,
    /// What people changed of the registry of terminals.
    #[serde(default)]
    pub registry: Registry,
    /// Silent tests, the newest last.
    #[serde(default)]
    pub tests: BTreeMap<SilentTestId, SilentTest>,
    /// Calls to responsible persons.
    #[serde(default)]
    pub calls: BTreeMap<CallId, Call>,
    /// Response plans and templates changed on screen.
    #[serde(default)]
    pub policy: PolicyEdits,
    /// What people changed of the settings, newest last.
    #[serde(default)]
    pub setting_lines: VecDeque<SettingLine>,
    /// API keys made on screen, by digest.
    #[serde(default)]
    pub api_keys: BTreeMap<Sha256, KeyState>,
    /// How far each source was read, and whether it is silent.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceState>,
    /// Alerts that could not be read, ever.
    pub n_rejected: u64,
    /// The last of these, newest last.
    #[serde(default)]
    pub rejected: VecDeque<RejectedState>,
    /// Alerts that were not taken because too many came, ever; their senders were told.
    #[serde(default)]
    pub n_shed: u64,
    /// STOP latches that hold, by area.
    #[serde(default)]
    pub latches: BTreeMap<AreaCode, Latch>,
    /// Warnings of stations that hold, by station and hazard.
    #[serde(default)]
    pub crossings: BTreeMap<String, Crossing>,
    /// The upper emergency-broadcast platform.
    #[serde(default)]
    pub platform: PlatformState,
}

impl State {
    /// Folds one entry in.
    pub fn apply(&mut self, at: UtcMs, entry: &Entry) {
        self.note_setting(at, entry);
        match entry {
            Entry::AlertAccepted { .. } => self.apply_alert(at, entry),
            Entry::AlertRepeated { .. }
            | Entry::Denied { .. }
            | Entry::Started { .. }
            | Entry::Administered { .. }
            | Entry::LatchHeld(_)
            | Entry::PlanApproved { .. } => {}
            Entry::AlertRejected { .. } | Entry::RejectionReplayed(_) | Entry::AlertsShed(_) => {
                self.apply_rejected(at, entry);
            }
            Entry::GlassBroken { .. }
            | Entry::Countersigned { .. }
            | Entry::CountersignOverdue { .. } => self.apply_glass(at, entry),
            Entry::RosterChanged { set, removed, .. } => self.apply_roster(at, set, removed),
            Entry::GroupSet { group, .. } => self.apply_group(group),
            Entry::GroupRemoved { name, .. } => drop(self.groups.remove(name)),
            Entry::ProgrammeSet { .. }
            | Entry::ProgrammeApproved { .. }
            | Entry::ProgrammeRemoved { .. }
            | Entry::ProgrammeStarted { .. }
            | Entry::ProgrammeSkipped { .. } => self.apply_programme(at, entry),
            Entry::CallMade { .. }
            | Entry::CallSent { .. }
            | Entry::CallEscalated { .. }
            | Entry::CallAnswered { .. }
            | Entry::CallUnanswered { .. } => self.apply_call(at, entry),
            Entry::PolicyProposed { .. }
            | Entry::PolicyApproved { .. }
            | Entry::PolicyRefused(_)
            | Entry::PolicyWithdrawn { .. } => self.apply_policy(at, entry),
            Entry::KeyMade { .. } | Entry::KeyRevoked { .. } => self.apply_key(at, entry),
            Entry::RegistryChanged { .. } | Entry::RegistryFiled { .. } => {
                self.apply_registry(at, entry);
            }
            Entry::SilentTestStarted { .. }
            | Entry::SilentTestAnswered { .. }
            | Entry::SilentTestEnded { .. } => self.apply_silent_test(at, entry),
            Entry::PlanMade { .. }
            | Entry::PlanSigned { .. }
            | Entry::PlanEdited { .. }
            | Entry::PlanEscalated { .. }
            | Entry::PlanEnded { .. } => self.apply_plan(at, entry),
            Entry::Resent { of, broadcast, .. } => self.apply_resent(*of, *broadcast),
            Entry::LiveBegun { .. }
            | Entry::LivePart { .. }
            | Entry::LiveEnded { .. }
            | Entry::LiveKept { .. } => self.apply_live(at, entry),
            Entry::BroadcastStarted { broadcast, moved } => {
                self.apply_started(at, broadcast, moved);
            }
            Entry::ClipReady { broadcast, clips, spoken } => {
                self.apply_clips(*broadcast, clips, spoken);
            }
            Entry::Sent { broadcast, to, kind, .. } => self.apply_sent(at, *broadcast, to, *kind),
            Entry::Acknowledged { report } => self.apply_acknowledged(at, report),
            Entry::BroadcastCancelled { broadcast, cancellation } => {
                self.counter = self.counter.max(cancellation.counter.0);
                self.apply_cancelled(*broadcast, cancellation);
            }
            Entry::Stopped { counter, .. } => self.counter = self.counter.max(counter.0),
            Entry::BroadcastEnded { broadcast } => self.apply_ended(at, *broadcast),
            Entry::DrillArmed { .. } | Entry::DrillDisarmed { .. } => self.apply_drill(entry),
            Entry::LatchChanged { .. } => self.apply_latch(at, entry),
            Entry::SourceNoted { source, note } => self.apply_source(source, note),
            Entry::Platform { act } => self.apply_platform(at, act),
        }
    }

    /// The next counter: in step with the clock, always rising.
    #[must_use]
    pub fn next_counter(&self, now: UtcMs) -> u64 {
        self.counter.saturating_add(1).max(u64::try_from(now.0).unwrap_or(0))
    }

    /// Automatic broadcasts in the rolling hour before `now`.
    #[must_use]
    pub fn automatic_in_window(&self, now: UtcMs) -> usize {
        self.automatic_at.iter().filter(|at| now.since_ms(**at) < AUTOMATIC_WINDOW_S * 1000).count()
    }

    /// Whether a drill may reach horns now.
    #[must_use]
    pub fn drill_armed(&self, now: UtcMs) -> Option<&Drill> {
        self.drill.as_ref().filter(|drill| now < drill.until)
    }

    /// An alert by identity.
    #[must_use]
    pub fn alert(&self, id: &AlertId) -> Option<&AlertState> {
        self.alerts.iter().rev().find(|alert| alert.id == *id)
    }

    /// Broadcasts not ended.
    pub fn running(&self) -> impl Iterator<Item = (&BroadcastId, &BroadcastState)> {
        self.broadcasts.iter().filter(|(_, state)| state.phase != Phase::Ended)
    }

    fn alert_mut(&mut self, id: Option<&AlertId>) -> Option<&mut AlertState> {
        let id = id?;
        self.alerts.iter_mut().rev().find(|alert| alert.id == *id)
    }

    fn apply_resent(&mut self, of: BroadcastId, broadcast: Option<BroadcastId>) {
        if let Some(old) = self.broadcasts.get_mut(&of) {
            old.resent_as.extend(broadcast);
        }
    }

    fn apply_drill(&mut self, entry: &Entry) {
        self.drill = None;
        if let Entry::DrillArmed { by, until } = entry {
            self.drill = Some(Drill { armed_by: by.clone(), until: *until });
        }
    }

    fn apply_plan(&mut self, at: UtcMs, entry: &Entry) {
        if let Entry::PlanMade { plan } = entry {
            self.counter = self.counter.max(plan.id.0);
            if let Some(alert) = self.alert_mut(plan.alert.as_ref()) {
                alert.plans.push(plan.id);
            }
            self.pending.insert(plan.id, Pending::new(plan.as_ref().clone(), at));
        } else if let Entry::PlanEnded { plan, by, reason } = entry {
            self.end_plan(*plan, by, reason, at);
        } else if let Entry::PlanSigned { plan, by } = entry
            && let Some(pending) = self.pending.get_mut(plan)
        {
            pending.signed(by, at);
        } else if let Entry::PlanEdited { plan, revision, by, before, after, needs_other } = entry
            && let Some(pending) = self.pending.get_mut(plan)
        {
            let change = Change { by: by.clone(), at, before: before.as_ref().clone() };
            pending.edited(change, *revision, *needs_other, after.as_ref().clone());
        } else if let Entry::PlanEscalated { plan, .. } = entry
            && let Some(pending) = self.pending.get_mut(plan)
        {
            pending.escalate();
        }
    }

    fn apply_alert(&mut self, at: UtcMs, entry: &Entry) {
        let Entry::AlertAccepted { alert, content, raw, disposition, reasons, .. } = entry else {
            return;
        };
        self.lineage.insert(&alert.id, *content, alert.msg_type, alert.status, &alert.references);
        self.apply_crossing(alert);
        let spoken = alert.infos.iter().find(|info| info.language.starts_with("zh"));
        let info = spoken.or_else(|| alert.infos.first());
        let headline = info
            .map(|info| info.headline.clone().unwrap_or_else(|| info.event.clone()))
            .unwrap_or_default();
        let number = self.alerts.back().map_or(1, |last| last.number + 1);
        self.alerts.push_back(AlertState {
            id: alert.id.clone(),
            number,
            headline,
            level: info.and_then(|info| info.level),
            disposition: *disposition,
            reasons: reasons.clone(),
            accepted_at: at,
            plans: Vec::new(),
            broadcasts: Vec::new(),
            raw: Some(*raw),
        });
        if self.alerts.len() > ALERTS_KEPT_MAX {
            self.alerts.pop_front();
        }
    }

    fn apply_started(
        &mut self,
        at: UtcMs,
        broadcast: &Broadcast,
        moved: &[(TerminalId, AreaCode)],
    ) {
        let id = broadcast.id();
        self.counter = self.counter.max(id.0);
        self.pending.remove(&broadcast.plan());
        if matches!(broadcast.approval(), Approval::Rule { .. }) {
            self.automatic_at.push_back(at);
            while self
                .automatic_at
                .front()
                .is_some_and(|first| at.since_ms(*first) >= AUTOMATIC_WINDOW_S * 1000)
            {
                self.automatic_at.pop_front();
            }
        }
        if let Some(alert) = self.alert_mut(broadcast.alert()) {
            alert.broadcasts.push(id);
            alert.disposition = Disposition::Planned;
        }
        let deliveries =
            broadcast.terminals().iter().map(|id| (*id, Delivery::targeted(at))).collect();
        self.broadcasts.insert(
            id,
            BroadcastState {
                broadcast: broadcast.clone(),
                moved: moved.iter().copied().collect(),
                phase: Phase::Rendering,
                started_at: at,
                ended_at: None,
                clips: Vec::new(),
                spoken: None,
                cancellation: None,
                deliveries,
                counts_kept: None,
                resent_as: Vec::new(),
                speaking: None,
                group_sent: false,
            },
        );
    }

    /// Running broadcasts that a stop of this scope hits.
    #[must_use]
    pub fn hit_by(&self, scope: &StopScope) -> Vec<BroadcastId> {
        let inside = |areas: &[AreaCode], state: &BroadcastState| {
            state.deliveries.keys().any(|terminal| {
                let moved = state.moved.get(terminal).copied();
                let area = moved.or_else(|| named_area(*terminal));
                area.is_some_and(|area| areas.iter().any(|upper| upper.contains(area)))
            })
        };
        self.running()
            .filter(|(_, state)| state.phase != Phase::Cancelling)
            .filter(|(_, state)| match scope {
                StopScope::All => true,
                StopScope::Areas(areas) => inside(areas, state),
            })
            .map(|(id, _)| *id)
            .collect()
    }
}
