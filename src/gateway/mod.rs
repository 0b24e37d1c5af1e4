//! The core: the only place where stages meet, and pure. `step(now, Input) -> Vec<Action>` decides
//! everything; drivers perform the actions. No clock, socket, file, lock or random order inside.
//!
//! The order of actions is a promise: every `Record` of a step comes before anything that leaves
//! the process, and a driver performs the rest only after the records are durable.

mod alerts;
mod ask;
mod breakglass;
mod calls;
mod counts;
mod delivering;
mod editing;
mod groups;
mod kept;
mod keys;
mod latch;
mod limits;
mod live;
mod people;
mod platform;
mod policy;
mod programmes;
mod progress;
mod quarantine;
mod registry;
mod resending;
mod roster;
mod silent_test;
mod sources;
mod state;
mod stations;
#[cfg(test)]
mod tests;

pub use ask::{Ask, Release};
pub use calls::{Answering, Call, CallKey};
pub use counts::Counts;
pub use kept::{EndedPlan, SettingLine};
pub use keys::KeyState;
pub use latch::LatchOrder;
pub use live::{LIVE_BEGIN_S_MAX, LIVE_S_MAX, LiveAct, Speaking};
pub(crate) use platform::said;
pub use platform::{Came, Exchanged, OUTGOING_MAX, Outgoing, PASSED_KEPT_MAX, Passed, PassedWhat};
pub use platform::{PlatformInput, PlatformState, Told, ToldEnd};
pub use programmes::{ProgrammeRun, ProgrammeState};
pub use quarantine::{RejectedState, Replay};
pub use registry::{Changed, REGISTRY_CHANGE_MAX, Registry, TERMINALS_MAX, same_terminal};
pub use roster::Whom;
pub use silent_test::{Answered, Findings, Heard, SilentRequest, SilentTest};
pub use sources::{MARKS_KEPT_MAX, SourceState};
pub use state::{AlertState, BroadcastState, Drill, Phase, State};

use crate::decide::{ManualRequest, PlatformRules, Rules};
use crate::deliver::{self, Pace, Presence};
use crate::model::{
    Acknowledgement, Act, Actor, Alert, AlertId, AreaCode, BroadcastId, CallId, CallOrder, Chime,
    ClipRef, Codec, Disposition, Health, LinkKind, Message, PlanId, Policy, Reason, Refusal,
    Rejection, ResultCode, Sha256, Shed, SilentAnswer, SilentTestId, SourceNote, SourceRules,
    Spoken, StopScope, TerminalId, UtcMs,
};
use crate::model::{Address, OrderKind, Origin};
use crate::record::entry::Entry;
use mingluo_bridge::message::Order;
use std::collections::{BTreeMap, BTreeSet};

/// Names one question from outside so that its answer finds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// An alert or a rejection on its way in.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// What the bytes became.
    pub read: Result<Box<Alert>, Rejection>,
    /// Digest of the normalised content, for duplicate and conflict (zero for a rejection).
    pub content: Sha256,
    /// Digest of the raw bytes; the driver keeps the bytes beside the journal.
    pub raw: Sha256,
    /// Where they came from.
    pub origin: Origin,
    /// Areas for which this source may act without a person.
    pub areas: Vec<AreaCode>,
}

/// Everything that can happen to the gateway. A closed list.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Bytes from a source, already read.
    Arrived(RequestId, Box<Arrival>),
    /// An officer asks for a broadcast.
    Manual(RequestId, Actor, Box<ManualRequest>),
    /// An officer approves a plan, as it stood in the revision that the officer saw.
    Approve(RequestId, Actor, PlanId, u32),
    /// An officer refuses a plan, with the reason.
    Refuse(RequestId, Actor, PlanId, String),
    /// An officer cancels a broadcast, with the reason.
    Cancel(RequestId, Actor, BroadcastId, String),
    /// An officer stops everything in reach.
    Stop(RequestId, Actor, StopScope),
    /// A leader arms drills until a time.
    ArmDrill(RequestId, Actor, UtcMs),
    /// A leader disarms drills.
    DisarmDrill(RequestId, Actor),
    /// A person did something to the gateway itself, which goes on record.
    Act(RequestId, Actor, Act),
    /// A person asks for anything else.
    Ask(RequestId, Actor, Box<Ask>),
    /// The audio of a broadcast is ready.
    Rendered(BroadcastId, Vec<ClipRef>, Spoken),
    /// A link took these orders.
    LinkTook {
        /// Which broadcast.
        broadcast: BroadcastId,
        /// To whom.
        to: Vec<Address>,
        /// What kind of order.
        kind: OrderKind,
        /// Which kind of link.
        link: LinkKind,
    },
    /// A verified report of a terminal.
    Acknowledged(Acknowledgement),
    /// A terminal says how it is, which says that its session is up.
    Health(TerminalId, LinkKind, Box<Health>),
    /// A terminal answers a silent test.
    Tested(SilentAnswer),
    /// A terminal's session came up or went down.
    Presence(TerminalId, bool),
    /// A terminal on a serial line answers polls (true), or has fallen silent.
    LinePresence(TerminalId, bool),
    /// A terminal's session by the national protocol came up or went down.
    NationalPresence(TerminalId, bool),
    /// The link as a whole came up (true) or went down.
    Link(bool),
    /// A called person answered.
    CallAnswered(RequestId, CallId, Answering),
    /// The gateway of messages took the message to the person at this place of a call.
    CallTook(CallId, usize),
    /// Alerts of a source were not taken, and their sender was told so.
    AlertsShed(Shed),
    /// Time passed.
    Wake,
    /// Bytes of a source that the county set rules for.
    ArrivedFrom(RequestId, Box<Arrival>, Box<SourceRules>),
    /// A source was read further, fell silent, or is heard again.
    SourceNoted(String, SourceNote),
    /// Something of the upper platform.
    Platform(RequestId, PlatformInput),
}

/// What the drivers must do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Append to the journal, durable before any later action is performed.
    Record(Entry),
    /// Answer a question.
    Reply(RequestId, Answer),
    /// Render a broadcast's audio, then come back with `Rendered`.
    Render(Box<RenderOrder>),
    /// Seal the order once per address and hand it to the link, then come back with `LinkTook`.
    Send {
        /// Which broadcast.
        broadcast: BroadcastId,
        /// The order; its target is set per address.
        order: Box<Order>,
        /// To whom.
        to: Vec<Address>,
        /// What kind of order it is.
        kind: OrderKind,
        /// By which kind of link.
        link: LinkKind,
        /// When it stops being of use.
        expires: UtcMs,
    },
    /// Tell a terminal that its report is on record.
    Receipt(TerminalId, BroadcastId, u32),
    /// Send a message to a responsible person, then come back with `CallTook`.
    Call(Box<CallOrder>),
    /// Raise an alarm for people (log, metrics, console).
    Alarm(Reason),
}

/// What to render.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderOrder {
    /// For which broadcast.
    pub broadcast: BroadcastId,
    /// The words and the fall-back.
    pub message: Message,
    /// The chime.
    pub chime: Chime,
    /// Whether the drill wording goes before and after.
    pub drill: bool,
    /// Codecs the targeted terminals need.
    pub codecs: BTreeSet<Codec>,
    /// Whether the recorded warning goes beside the words, for terminals on slow lines.
    pub stored: bool,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What became of an alert.
    Alert {
        /// Its identity.
        id: AlertId,
        /// What became of it.
        disposition: Disposition,
        /// Why.
        reasons: Vec<Reason>,
        /// Plans that wait for people.
        plans: Vec<PlanId>,
        /// Broadcasts that started or were cancelled.
        broadcasts: Vec<BroadcastId>,
    },
    /// Unreadable bytes.
    Rejected(Rejection),
    /// A plan that waits for `need` more signatures.
    Waiting {
        /// Which.
        plan: PlanId,
        /// Signatures still needed.
        more: u8,
    },
    /// A plan stands in a new revision.
    Edited {
        /// Which.
        plan: PlanId,
        /// Its revision now.
        revision: u32,
    },
    /// Saved; it takes effect when `more` others have approved it.
    Saved {
        /// Approvals still needed.
        more: u8,
    },
    /// A broadcast started.
    Started(BroadcastId),
    /// A silent test started.
    TestStarted(SilentTestId),
    /// Done; these broadcasts are affected.
    Done(Vec<BroadcastId>),
    /// Not done: the rules of deciding say no.
    Refused(Refusal),
    /// Not done: this actor may not.
    Denied(String),
    /// No such plan or broadcast, or it has ended.
    NotFound(String),
    /// What the upper platform is answered.
    Platform {
        /// The code.
        code: ResultCode,
        /// The same in words.
        desc: String,
    },
}

/// The core. Owns the rules and the state.
#[derive(Debug)]
pub struct Gateway {
    rules: Rules,
    /// The policy of the file; `rules` holds it with the changes of people over it.
    policy_file: Policy,
    pace: Pace,
    state: State,
    /// Terminals as the configuration files have them.
    filed: registry::Filed,
    heard: BTreeMap<TerminalId, Heard>,
    presence: LinkPresence,
    call_key: Option<CallKey>,
    /// The upper platform, when there is one.
    platform: Option<PlatformRules>,
    /// Orders by terminal address left in the current second.
    repair_budget: u32,
    budget_second: i64,
}

/// What each link says about each terminal.
type LinkPresence = BTreeMap<(TerminalId, LinkKind), Presence>;

/// Collects what one step decides: applies entries as they are made.
struct Outbox<'a> {
    now: UtcMs,
    pace: Pace,
    rules: &'a Rules,
    presence: &'a LinkPresence,
    call_key: Option<&'a CallKey>,
    state: &'a mut State,
    records: Vec<Action>,
    effects: Vec<Action>,
}

impl Outbox<'_> {
    fn record(&mut self, entry: Entry) {
        self.state.apply(self.now, &entry);
        self.records.push(Action::Record(entry));
    }

    fn effect(&mut self, action: Action) {
        self.effects.push(action);
    }

    fn reply(&mut self, request: RequestId, answer: Answer) {
        self.effects.push(Action::Reply(request, answer));
    }
}

impl Gateway {
    /// A gateway over `state`, as replayed from the record. `rules` hold the network of the files;
    /// what people changed on screen is put over it.
    #[must_use]
    pub fn open(rules: Rules, pace: Pace, state: State) -> Self {
        let filed = rules.network.terminals.clone();
        let changed = !state.registry.terminals.is_empty();
        let mut gateway = Self {
            policy_file: rules.policy.clone(),
            filed,
            heard: BTreeMap::new(),
            rules,
            pace,
            state,
            presence: BTreeMap::new(),
            call_key: None,
            platform: None,
            repair_budget: 0,
            budget_second: i64::MIN,
        };
        if changed {
            gateway.adopt_registry();
        }
        gateway.take_policy_into_force();
        gateway
    }

    /// The same with the secret from which one-time links of calls are made; without it calls carry
    /// no link.
    #[must_use]
    pub fn with_call_key(mut self, key: Option<CallKey>) -> Self {
        self.call_key = key;
        self
    }

    /// Read access for views; nobody outside changes the state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What the links say about a terminal.
    #[must_use]
    pub fn presence(&self, terminal: TerminalId) -> Presence {
        let there =
            |link| self.presence.get(&(terminal, link)).copied().unwrap_or(Presence::Unknown);
        deliver::presence_of(links_of(&self.rules, terminal), there)
    }

    /// Terminals whose session is up.
    #[must_use]
    pub fn n_online(&self) -> usize {
        self.presence.values().filter(|presence| **presence == Presence::Online).count()
    }

    /// What must be taken up again after a restart: audio of broadcasts that had none yet. Orders
    /// resume with the next `Wake`.
    #[must_use]
    pub fn resume(&mut self, now: UtcMs) -> Vec<Action> {
        let waiting: Vec<BroadcastId> = self
            .state
            .running()
            .filter(|(_, state)| state.phase == Phase::Rendering)
            .map(|(id, _)| *id)
            .collect();
        let mut actions = self.overtaken(now);
        actions.extend(waiting.into_iter().filter_map(|id| self.render_action(id)));
        actions.extend(self.unsent_calls());
        actions.extend(self.step(now, Input::Wake));
        actions
    }

    /// Takes one input at `now` and says what to do. The records come first.
    #[must_use]
    pub fn step(&mut self, now: UtcMs, input: Input) -> Vec<Action> {
        match input {
            Input::Arrived(request, arrival) => {
                self.arrived(now, request, *arrival, SourceRules::default())
            }
            Input::ArrivedFrom(request, arrival, rules) => {
                self.arrived(now, request, *arrival, *rules)
            }
            Input::SourceNoted(source, note) => self.source_noted(now, source, note),
            Input::Manual(request, actor, manual) => self.manual(now, request, &actor, &manual),
            Input::Approve(request, actor, plan, seen) => {
                self.approve(now, request, &actor, plan, seen)
            }
            Input::Refuse(request, actor, plan, reason) => {
                self.refuse(now, request, &actor, plan, reason)
            }
            Input::Cancel(request, actor, broadcast, reason) => {
                self.cancel(now, request, &actor, broadcast, &reason)
            }
            Input::Stop(request, actor, scope) => self.stop(now, request, &actor, &scope),
            Input::ArmDrill(request, actor, until) => self.arm(now, request, &actor, Some(until)),
            Input::DisarmDrill(request, actor) => self.arm(now, request, &actor, None),
            Input::Act(request, actor, act) => self.outbox(now, |_, out| {
                out.record(Entry::Administered { by: actor.name, act });
                out.reply(request, Answer::Done(Vec::new()));
            }),
            Input::Ask(request, actor, ask) => self.ask(now, request, &actor, *ask),
            Input::Rendered(broadcast, clips, spoken) => {
                self.rendered(now, broadcast, clips, spoken)
            }
            Input::LinkTook { broadcast, to, kind, link } => {
                self.link_took(now, broadcast, to, kind, link)
            }
            Input::Acknowledged(report) => self.acknowledged(now, report),
            Input::Health(terminal, link, health) => self.health_told(now, terminal, link, *health),
            Input::Tested(answer) => self.silent_answered(now, answer),
            Input::Presence(terminal, online) => {
                self.presence_changed(now, terminal, LinkKind::Mqtt, online)
            }
            Input::LinePresence(terminal, online) => {
                self.presence_changed(now, terminal, LinkKind::Serial, online)
            }
            Input::NationalPresence(terminal, online) => {
                self.presence_changed(now, terminal, LinkKind::National, online)
            }
            Input::Link(up) => self.link_changed(now, up),
            Input::CallAnswered(request, call, how) => self.call_answered(now, request, call, how),
            Input::CallTook(call, place) => self.call_took(now, call, place),
            Input::AlertsShed(shed) => self.alerts_shed(now, shed),
            Input::Wake => self.wake(now),
            Input::Platform(request, input) => self.platform(now, request, input),
        }
    }

    /// Runs `decide` with an outbox and returns its actions, records first.
    fn outbox(&mut self, now: UtcMs, decide: impl FnOnce(&Rules, &mut Outbox<'_>)) -> Vec<Action> {
        let mut out = Outbox {
            now,
            pace: self.pace,
            rules: &self.rules,
            presence: &self.presence,
            call_key: self.call_key.as_ref(),
            state: &mut self.state,
            records: Vec::new(),
            effects: Vec::new(),
        };
        decide(&self.rules, &mut out);
        let Outbox { mut records, effects, .. } = out;
        records.extend(effects);
        records
    }

    fn render_action(&self, id: BroadcastId) -> Option<Action> {
        render_action(&self.rules, &self.state, id)
    }
}

/// The links of a terminal, preferred first.
fn links_of(rules: &Rules, terminal: TerminalId) -> &[LinkKind] {
    const MQTT: &[LinkKind] = &[LinkKind::Mqtt];
    rules.network.terminals.get(&terminal).map_or(MQTT, |known| known.links.as_slice())
}

fn render_action(rules: &Rules, state: &State, id: BroadcastId) -> Option<Action> {
    let broadcast = &state.broadcasts.get(&id)?.broadcast;
    let known = |terminal| rules.network.terminals.get(terminal);
    let terminals = || broadcast.terminals().iter().filter_map(known);
    if broadcast.speaker().is_some() {
        let spoken = terminals().filter_map(live::codec).collect();
        return Some(Action::Render(Box::new(live::opening(broadcast, spoken))));
    }
    let others = [Codec::Text, Codec::Phrases];
    let known = |codec: &Codec| terminals().any(|terminal| terminal.codecs.contains(codec));
    let others = others.into_iter().filter(known);
    let codecs = terminals().filter_map(|terminal| terminal.codecs.first().copied());
    // The national protocol has nothing else, whatever else its terminals can.
    let mp3 = terminals().any(|terminal| terminal.links.contains(&LinkKind::National));
    let mp3 = mp3.then_some(Codec::Mp3);
    let stored = terminals().any(|terminal| {
        terminal.links.contains(&LinkKind::Serial) && terminal.codecs.contains(&Codec::Adpcm)
    });
    Some(Action::Render(Box::new(RenderOrder {
        broadcast: id,
        message: broadcast.message().clone(),
        chime: broadcast.chime(),
        drill: broadcast.class() == crate::model::Class::Drill,
        codecs: codecs.chain(others).chain(mp3).collect(),
        stored,
    })))
}
