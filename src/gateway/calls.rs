//! Call and answer 叫应: when a broadcast starts whose response plan asks it, the responsible persons of
//! every area are called, one call an area; who does not answer in time is followed by the township's
//! and then the county's. Answers stand in the same ledger as the terminals' acknowledgements.

use super::people::may;
use super::{Action, Answer, Gateway, Outbox, RequestId, State};
use crate::decide::{self, Rules};
use crate::model::{
    Actor, AreaCode, BroadcastId, CallAnswer, CallId, CallOrder, CallStage, CalledPerson, Class,
    Contact, Reason, Right, Sha256, TerminalId, UtcMs,
};
use crate::record::entry::Entry;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};

/// Calls kept in memory; the oldest ended ones go first, they stay in the record.
const CALLS_KEPT_MAX: usize = 10_000;
/// Persons one level of a call reaches; more of them are not called, an alarm says so.
const PERSONS_MAX: usize = 20;

/// The secret from which one-time links are made.
#[derive(Clone, PartialEq, Eq)]
pub struct CallKey([u8; 32]);

impl CallKey {
    /// From 32 secret bytes.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Token of one person's link: 64 hexadecimal digits that nobody can guess without the key, and
    /// the same again after a restart, so that a message that was not sent yet still can be.
    fn token(&self, call: CallId, place: usize) -> Option<String> {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(b"mingluo/v1/call-link\0");
        mac.update(&call.0.to_be_bytes());
        mac.update(&u64::try_from(place).ok()?.to_be_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        Some(Sha256(digest).to_string())
    }
}

impl core::fmt::Debug for CallKey {
    /// Secrets never reach a log.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("CallKey")
    }
}

/// Who answers a call, as verified at the border.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answering {
    /// Whoever holds the link whose token has this digest.
    Link(Sha256),
    /// The button of a terminal, from its own sealed frame.
    TerminalButton(TerminalId),
    /// An officer who reached the person by telephone.
    Officer(Actor),
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its name.
    pub id: CallId,
    /// About which broadcast.
    pub broadcast: BroadcastId,
    /// Of which area.
    pub area: AreaCode,
    /// Everybody called so far, in order, each with whether the message was taken.
    pub persons: Vec<(CalledPerson, bool)>,
    /// When it was made.
    pub made_at: UtcMs,
    /// When the next level is called.
    pub answer_by: UtcMs,
    /// Time every level has, milliseconds.
    pub level_ms: i64,
    /// The answer, and when it came.
    pub answer: Option<(CallAnswer, UtcMs)>,
    /// Why nobody is called any more; `None` = answered, or still open.
    pub gave_up: Option<String>,
}

impl Call {
    /// Whether an answer is still awaited.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.answer.is_none() && self.gave_up.is_none()
    }

    /// The stage it has reached.
    #[must_use]
    pub fn stage(&self) -> Option<CallStage> {
        self.persons.iter().map(|(person, _)| person.stage).max()
    }
}

impl Gateway {
    pub(super) fn call_answered(
        &mut self,
        now: UtcMs,
        request: RequestId,
        id: CallId,
        answering: Answering,
    ) -> Vec<Action> {
        self.outbox(now, |_, out| {
            let Some(call) = out.state.calls.get(&id) else {
                return out.reply(request, Answer::NotFound(format!("no call {id}")));
            };
            let how = match identify(call, answering) {
                Ok(how) => how,
                Err((by, reason)) => {
                    let what = format!("answer call {id}");
                    out.record(Entry::Denied { by, what, reason: reason.clone() });
                    return out.reply(request, Answer::Denied(reason));
                }
            };
            // An answer after nobody was left to call is an answer all the same; a second one is not.
            let broadcast = call.broadcast;
            if call.answer.is_none() {
                out.record(Entry::CallAnswered { call: id, how });
            }
            out.reply(request, Answer::Done(vec![broadcast]));
        })
    }

    pub(super) fn call_took(&mut self, now: UtcMs, call: CallId, place: usize) -> Vec<Action> {
        self.outbox(now, |_, out| {
            let persons = out.state.calls.get(&call).map(|call| &call.persons);
            let unsent = persons.and_then(|persons| persons.get(place)).is_some_and(|(_, s)| !s);
            if unsent && let Ok(place) = u32::try_from(place) {
                out.record(Entry::CallSent { call, place });
            }
        })
    }

    /// Messages of open calls that nobody took before the last stop.
    pub(super) fn unsent_calls(&self) -> Vec<Action> {
        let open = self.state.calls.values().filter(|call| call.is_open());
        open.flat_map(|call| {
            let unsent = call.persons.iter().enumerate().filter(|(_, (_, sent))| !sent);
            unsent.filter_map(|(place, _)| {
                order(&self.rules, &self.state, self.call_key.as_ref(), call.id, place)
            })
        })
        .collect()
    }
}

/// Who it is that answers; else who tried, and why not.
fn identify(call: &Call, answering: Answering) -> Result<CallAnswer, (String, String)> {
    match answering {
        Answering::Link(digest) => {
            let found = call.persons.iter().find(|(person, _)| person.digest == Some(digest));
            found
                .map(|(person, _)| CallAnswer::Link { person: person.name.clone() })
                .ok_or_else(|| ("link".to_owned(), "this link belongs to no such call".to_owned()))
        }
        Answering::TerminalButton(terminal) => {
            let area = AreaCode::from_number(terminal.number() / 1000);
            if area.is_some_and(|area| call.area.contains(area)) {
                Ok(CallAnswer::TerminalButton { terminal })
            } else {
                Err((terminal.to_string(), "this terminal stands in another area".to_owned()))
            }
        }
        Answering::Officer(actor) => match may(&actor, Right::Approve, vec![call.area]) {
            Ok(()) => Ok(CallAnswer::Officer { by: actor.name }),
            Err(why) => Err((actor.name, why)),
        },
    }
}

/// Calls everybody a broadcast's response plan asks for. An area that was called about the same
/// alert is not called again for a resend.
pub(super) fn call_all(rules: &Rules, out: &mut Outbox<'_>, id: BroadcastId) {
    let Some(state) = out.state.broadcasts.get(&id) else { return };
    let broadcast = &state.broadcast;
    let name = broadcast.response_plan();
    let by_name = || rules.policy.plans.iter().find(|plan| plan.name == name)?.call;
    let Some(rule) = broadcast.basis().map_or_else(by_name, |basis| basis.call) else { return };
    let alert = broadcast.alert();
    let called: Vec<AreaCode> = out
        .state
        .calls
        .values()
        .filter(|call| {
            let earlier = out.state.broadcasts.get(&call.broadcast);
            alert.is_some() && earlier.is_some_and(|earlier| earlier.broadcast.alert() == alert)
        })
        .map(|call| call.area)
        .collect();
    let mut areas = decide::called_areas(&rules.network, broadcast.terminals().iter());
    areas.retain(|area| !called.contains(area));
    let answer_by = out.now.plus_s(i64::from(rule.answer_within_s));
    for area in areas {
        let call = CallId(out.state.next_counter(out.now));
        match decide::next_called(&rules.network, area, None) {
            None => nobody(out, rules, area),
            Some((stage, contacts)) => {
                let persons = persons(out, call, 0, stage, &contacts);
                out.record(Entry::CallMade { call, broadcast: id, area, persons, answer_by });
                send(rules, out, call, 0);
            }
        }
    }
}

fn nobody(out: &mut Outbox<'_>, rules: &Rules, area: AreaCode) {
    let name = decide::area_name(&rules.network, area);
    let text = format!("{name} 及上级都没有登记责任人，无法叫应");
    out.effect(Action::Alarm(Reason { code: "call_nobody".to_owned(), text }));
}

fn persons(
    out: &mut Outbox<'_>,
    call: CallId,
    first: usize,
    stage: CallStage,
    contacts: &[&Contact],
) -> Vec<CalledPerson> {
    if contacts.len() > PERSONS_MAX {
        let text = format!("叫应 {call}：责任人 {} 位，只叫前 {PERSONS_MAX} 位", contacts.len());
        out.effect(Action::Alarm(Reason { code: "call_too_many".to_owned(), text }));
    }
    let token = |at: usize| out.call_key.and_then(|key| key.token(call, first + at));
    contacts
        .iter()
        .take(PERSONS_MAX)
        .enumerate()
        .map(|(at, contact)| CalledPerson {
            name: contact.name.clone(),
            role: contact.role.clone(),
            telephone: contact.telephone.clone(),
            stage,
            digest: token(at).map(|token| Sha256::of(token.as_bytes())),
        })
        .collect()
}

/// Messages to everybody of a call from a place on.
fn send(rules: &Rules, out: &mut Outbox<'_>, call: CallId, first: usize) {
    let n_persons = out.state.calls.get(&call).map_or(0, |call| call.persons.len());
    for place in first..n_persons {
        let order = order(rules, out.state, out.call_key, call, place);
        order.into_iter().for_each(|order| out.effect(order));
    }
}

fn order(
    rules: &Rules,
    state: &State,
    key: Option<&CallKey>,
    id: CallId,
    place: usize,
) -> Option<Action> {
    let call = state.calls.get(&id)?;
    let (person, _) = call.persons.get(place)?;
    let broadcast = &state.broadcasts.get(&call.broadcast)?.broadcast;
    // A link that was made under another key would not be known.
    let token = key.and_then(|key| key.token(id, place));
    let token = token.filter(|token| person.digest == Some(Sha256::of(token.as_bytes())));
    Some(Action::Call(Box::new(CallOrder {
        call: id,
        place,
        broadcast: call.broadcast,
        person: person.clone(),
        area: call.area,
        area_name: decide::area_name(&rules.network, call.area),
        text: broadcast.message().text.clone(),
        drill: broadcast.class() == Class::Drill,
        token,
        answer_by: call.answer_by,
    })))
}

/// Calls whose time is over: the next level, or nobody is left.
pub(super) fn escalate(rules: &Rules, out: &mut Outbox<'_>) {
    let now = out.now;
    let cancelled = |call: &Call| {
        let state = out.state.broadcasts.get(&call.broadcast);
        state.is_some_and(|state| state.cancellation.is_some())
    };
    let due: Vec<(CallId, bool)> = out
        .state
        .calls
        .values()
        .filter(|call| call.is_open())
        .map(|call| (call, cancelled(call)))
        .filter(|(call, cancelled)| *cancelled || now >= call.answer_by)
        .map(|(call, cancelled)| (call.id, cancelled))
        .collect();
    for (id, cancelled) in due {
        if cancelled {
            out.record(Entry::CallUnanswered { call: id, reason: "cancelled".to_owned() });
        } else {
            next_level(rules, out, id);
        }
    }
}

fn next_level(rules: &Rules, out: &mut Outbox<'_>, id: CallId) {
    let Some(call) = out.state.calls.get(&id) else { return };
    let (area, first) = (call.area, call.persons.len());
    let answer_by = out.now.plus_ms(call.level_ms);
    match decide::next_called(&rules.network, area, call.stage()) {
        Some((stage, contacts)) => {
            let persons = persons(out, id, first, stage, &contacts);
            out.record(Entry::CallEscalated { call: id, persons, answer_by });
            send(rules, out, id, first);
        }
        None => {
            let name = decide::area_name(&rules.network, area);
            out.record(Entry::CallUnanswered { call: id, reason: "time".to_owned() });
            let text = format!("{name} 叫应无人应答，已无上级可叫，请立即电话联系");
            out.effect(Action::Alarm(Reason { code: "call_unanswered".to_owned(), text }));
        }
    }
}

impl State {
    /// The call and the person to whom a link belongs, by the digest of its token.
    #[must_use]
    pub fn call_by_digest(&self, digest: Sha256) -> Option<(&Call, &CalledPerson)> {
        self.calls.values().find_map(|call| {
            let mut persons = call.persons.iter().map(|(person, _)| person);
            persons.find(|person| person.digest == Some(digest)).map(|person| (call, person))
        })
    }

    /// Calls about a broadcast, by area.
    pub fn calls_of(&self, broadcast: BroadcastId) -> impl Iterator<Item = &Call> {
        self.calls.values().filter(move |call| call.broadcast == broadcast)
    }

    pub(super) fn apply_call(&mut self, at: UtcMs, entry: &Entry) {
        if let Entry::CallMade { call, broadcast, area, persons, answer_by } = entry {
            self.counter = self.counter.max(call.0);
            let made = Call {
                id: *call,
                broadcast: *broadcast,
                area: *area,
                persons: persons.iter().map(|person| (person.clone(), false)).collect(),
                made_at: at,
                answer_by: *answer_by,
                level_ms: answer_by.since_ms(at),
                answer: None,
                gave_up: None,
            };
            self.calls.insert(*call, made);
            while self.calls.len() > CALLS_KEPT_MAX {
                let ended = self.calls.values().find(|call| !call.is_open());
                let Some(oldest) = ended.or_else(|| self.calls.values().next()) else { return };
                let oldest = oldest.id;
                self.calls.remove(&oldest);
            }
        } else if let Entry::CallSent { call, place } = entry {
            let persons = self.calls.get_mut(call).map(|call| &mut call.persons);
            let place = usize::try_from(*place).unwrap_or(usize::MAX);
            if let Some((_, sent)) = persons.and_then(|persons| persons.get_mut(place)) {
                *sent = true;
            }
        } else if let Entry::CallEscalated { call, persons, answer_by } = entry
            && let Some(call) = self.calls.get_mut(call)
        {
            call.persons.extend(persons.iter().map(|person| (person.clone(), false)));
            call.answer_by = *answer_by;
        } else if let Entry::CallAnswered { call, how } = entry
            && let Some(call) = self.calls.get_mut(call)
        {
            call.answer = Some((how.clone(), at));
        } else if let Entry::CallUnanswered { call, reason } = entry
            && let Some(call) = self.calls.get_mut(call)
        {
            call.gave_up = Some(reason.clone());
        }
    }
}
