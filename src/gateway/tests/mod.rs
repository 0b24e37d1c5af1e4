//! The core with people around it: what they ask, what stands in the record, and that a replay of
//! the record is the same state.

mod breakglass;
mod calls;
mod editing;
mod kept;
mod keys;
mod latch;
mod live;
mod platform;
mod policy;
mod programmes;
mod quarantine;
mod registry;
mod resending;
mod roster;
mod scheduled;

use super::{Action, Answer, Ask, Gateway, Input, RequestId, State};
use crate::decide::tests::{COUNTY, NOON, VILLAGE_A, VILLAGE_B, code, rules};
use crate::decide::{ManualRequest, Rules, Urgency};
use crate::deliver::Pace;
use crate::model::{
    Acknowledgement, Actor, BroadcastId, Chime, Class, ClipRef, Codec, LinkKind, PlanId, Role,
    Sha256, Spoken, Step, TerminalId, UtcMs,
};
use crate::record::entry::Entry;

/// A core, everything it recorded, and its last actions.
pub(super) struct County {
    pub(super) gateway: Gateway,
    pub(super) now: UtcMs,
    pub(super) entries: Vec<(UtcMs, Entry)>,
    pub(super) actions: Vec<Action>,
}

pub(super) fn actor(name: &str, role: Role) -> Actor {
    Actor { name: name.into(), role, areas: vec![code(COUNTY)] }
}

pub(super) fn officer(name: &str) -> Actor {
    actor(name, Role::Officer)
}

pub(super) fn leader(name: &str) -> Actor {
    actor(name, Role::Leader)
}

impl County {
    pub(super) fn new(rules: Rules) -> Self {
        let gateway = Gateway::open(rules, Pace::default(), State::default());
        Self { gateway, now: NOON, entries: Vec::new(), actions: Vec::new() }
    }

    /// One input; gives its answer, if it had one.
    pub(super) fn input(&mut self, input: Input) -> Option<Answer> {
        self.actions = self.gateway.step(self.now, input);
        let mut answer = None;
        for action in &self.actions {
            if let Action::Record(entry) = action {
                // What is stored is what is read back.
                let body = entry.to_body().unwrap();
                assert_eq!(Entry::from_body(&body).unwrap(), *entry);
                self.entries.push((self.now, entry.clone()));
            } else if let Action::Reply(_, reply) = action {
                answer = Some(reply.clone());
            }
        }
        assert_eq!(self.replayed(), *self.gateway.state(), "a replay is the same state");
        answer
    }

    /// The state that the record alone gives, without what only this life of the process knows.
    fn replayed(&self) -> State {
        let mut state = State::default();
        for (at, entry) in &self.entries {
            state.apply(*at, entry);
        }
        // The schedule of orders is no part of the record.
        for (id, mine) in &self.gateway.state().broadcasts {
            if let Some(theirs) = state.broadcasts.get_mut(id) {
                theirs.group_sent = mine.group_sent;
                if let (Some(theirs), Some(mine)) = (&mut theirs.speaking, &mine.speaking) {
                    theirs.n_end_told = mine.n_end_told;
                }
                for (terminal, delivery) in &mut theirs.deliveries {
                    if let Some(mine) = mine.deliveries.get(terminal) {
                        delivery.tries = mine.tries;
                        delivery.next_at = mine.next_at;
                    }
                }
            }
        }
        for (id, mine) in &self.gateway.state().tests {
            if let Some(theirs) = state.tests.get_mut(id) {
                (theirs.next_at, theirs.tries, theirs.after) =
                    (mine.next_at, mine.tries, mine.after);
            }
        }
        state
    }

    /// The process dies and comes back with the record.
    pub(super) fn restart(&mut self, rules: Rules) {
        let bytes = serde_json::to_vec(&self.replayed()).unwrap();
        let state = serde_json::from_slice(&bytes).unwrap();
        self.gateway = Gateway::open(rules, Pace::default(), state);
        let resumed = self.gateway.resume(self.now);
        for action in &resumed {
            if let Action::Record(entry) = action {
                self.entries.push((self.now, entry.clone()));
            }
        }
        self.actions = resumed;
    }

    pub(super) fn ask(&mut self, actor: &Actor, ask: Ask) -> Answer {
        let input = Input::Ask(RequestId(1), actor.clone(), Box::new(ask));
        self.input(input).expect("an answer")
    }

    pub(super) fn approve(&mut self, actor: &Actor, plan: PlanId, revision: u32) -> Answer {
        let input = Input::Approve(RequestId(1), actor.clone(), plan, revision);
        self.input(input).expect("an answer")
    }

    pub(super) fn manual(&mut self, actor: &Actor, request: ManualRequest) -> Answer {
        let input = Input::Manual(RequestId(1), actor.clone(), Box::new(request));
        self.input(input).expect("an answer")
    }

    /// A manual broadcast over the limits of one officer: it waits.
    pub(super) fn waiting(&mut self, by: &Actor) -> PlanId {
        let answer = self.manual(by, request(by));
        let Answer::Waiting { plan, .. } = answer else { panic!("it waits, got {answer:?}") };
        plan
    }

    pub(super) fn wake_at(&mut self, now: UtcMs) {
        self.now = now;
        self.input(Input::Wake);
    }

    pub(super) fn rendered(&mut self, broadcast: BroadcastId) {
        let clip = ClipRef {
            sha256: Sha256::of(b"clip"),
            codec: Codec::Opus,
            clip_bytes: 4_000,
            duration_ms: 10_000,
        };
        let spoken = Spoken { voice: "test".into(), fallback_reason: None, render_ms: 1 };
        self.input(Input::Rendered(broadcast, vec![clip], spoken));
    }

    pub(super) fn report(&mut self, broadcast: BroadcastId, terminal: TerminalId, step: Step) {
        let n = u32::try_from(self.entries.len()).unwrap();
        let report = Acknowledgement {
            terminal,
            broadcast,
            sequence: n + 1,
            step,
            received_at: Some(self.now),
            playing_at: None,
            ended_at: None,
            plays: 0,
            heard: false,
            link: LinkKind::Mqtt,
            content: None,
        };
        self.input(Input::Acknowledged(report));
    }

    /// Kinds of the entries since `from`.
    pub(super) fn kinds(&self, from: usize) -> Vec<&'static str> {
        self.entries.iter().skip(from).map(|(_, entry)| entry.kind()).collect()
    }

    pub(super) fn alarms(&self) -> Vec<&str> {
        let mut codes = Vec::new();
        for action in &self.actions {
            if let Action::Alarm(reason) = action {
                codes.push(reason.code.as_str());
            }
        }
        codes
    }
}

/// To three terminals, one over the limit of an officer alone.
pub(super) fn request(by: &Actor) -> ManualRequest {
    ManualRequest {
        text: Some("河水上涨，请马上转移".into()),
        recording: None,
        areas: vec![code(VILLAGE_A), code(VILLAGE_B)],
        terminals: Vec::new(),
        groups: Vec::new(),
        polygon: None,
        class: Class::Live,
        level: None,
        urgency: Urgency::Emergency,
        chime: Chime::Notice,
        voice: None,
        repeats: 1,
        interval_s: 0,
        volume_percent: None,
        valid_s: 3_600,
        requested_by: by.name.clone(),
        allowed_areas: by.areas.clone(),
    }
}

/// Codes of a refusal, or what else came.
pub(super) fn codes(answer: &Answer) -> Vec<String> {
    if let Answer::Refused(refusal) = answer {
        refusal.reasons.iter().map(|reason| reason.code.clone()).collect()
    } else {
        vec![format!("{answer:?}")]
    }
}

pub(super) fn started(answer: &Answer) -> BroadcastId {
    let Answer::Started(id) = answer else { panic!("expected a broadcast, got {answer:?}") };
    *id
}

pub(super) fn default_county() -> County {
    County::new(rules())
}
