//! Silent tests 静默测试: terminals are asked whether they could play, and nothing sounds. They answer
//! under their own key; who does not answer until the end is silent.

use super::people::{deny, may, refuse_ask};
use super::{Action, Answer, Gateway, LinkPresence, Outbox, RequestId, State, links_of};
use crate::decide::Rules;
use crate::deliver::{self, Pace, Presence};
use crate::model::{
    Acknowledgement, Actor, Address, AreaCode, BroadcastId, Finding, Health, LinkKind, OrderKind,
    Reason, Refusal, Right, SilentAnswer, SilentTestId, Step, TerminalId, UtcMs,
};
use crate::record::entry::Entry;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long answers are awaited, seconds.
const ANSWER_S: i64 = 90;
/// Wait before those that did not answer are asked again, seconds.
const AGAIN_S: i64 = 10;
/// Times a terminal is asked.
const TRIES_MAX: u8 = 4;
/// Tests under way at the same time; a further one is refused.
const RUNNING_MAX: usize = 4;
/// Tests kept in memory; older ones are in the record.
const KEPT_MAX: usize = 10;
/// Letters of what was chosen.
const WHAT_CHARS_MAX: usize = 200;
const RETELL: SilentTestId = SilentTestId::RETELL;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentRequest {
    /// Who is asked.
    pub terminals: BTreeSet<TerminalId>,
    /// Volume they take as their own, 1 to 100 (percent).
    pub volume_percent: Option<u8>,
    /// What was chosen, for people.
    pub what: String,
}

/// A silent test with its answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilentTest {
    /// Canonical name of who asked.
    pub by: String,
    /// When.
    pub at: UtcMs,
    /// Answers count until then.
    pub until: UtcMs,
    /// Volume they took as their own, percent.
    pub volume_percent: Option<u8>,
    /// What was chosen, for people.
    pub what: String,
    /// Everybody asked, with the answer.
    pub answers: BTreeMap<TerminalId, Option<Answered>>,
    /// Whether it is over.
    pub ended: bool,
    /// When the next round begins.
    #[serde(skip)]
    pub(super) next_at: UtcMs,
    /// Rounds so far.
    #[serde(skip)]
    pub(super) tries: u8,
    /// The last one asked in the round under way.
    #[serde(skip)]
    pub(super) after: Option<TerminalId>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// When it reached us.
    pub at: UtcMs,
    /// What the terminal found.
    pub finding: Finding,
    /// Its clock then, if it has one.
    pub clock: Option<UtcMs>,
    /// By which link.
    pub link: LinkKind,
}

/// How many could, could not, and said nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Findings {
    /// Could play.
    pub able: u32,
    /// Could not, and said so.
    pub unable: u32,
    /// Did not answer, so far.
    pub silent: u32,
}

impl SilentTest {
    /// Its figures.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let mut found = Findings::default();
        for answer in self.answers.values() {
            let slot = match answer {
                None => &mut found.silent,
                Some(Answered { finding: Finding::Able, .. }) => &mut found.able,
                Some(_) => &mut found.unable,
            };
            *slot = slot.saturating_add(1);
        }
        found
    }
}

/// When a terminal was last heard, and what it said of itself. Not in the record: a terminal that
/// lives tells it again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Its last word of any kind.
    pub at: UtcMs,
    /// Its last word about itself, and when.
    pub health: Option<(UtcMs, Health)>,
}

impl Gateway {
    /// When a terminal was last heard since the start; `None` = never.
    #[must_use]
    pub fn heard(&self, terminal: TerminalId) -> Option<&Heard> {
        self.heard.get(&terminal)
    }

    /// A terminal says how it is.
    pub(super) fn health_told(
        &mut self,
        now: UtcMs,
        terminal: TerminalId,
        link: LinkKind,
        health: Health,
    ) -> Vec<Action> {
        let told = health.volume_percent;
        let heard = self.heard.entry(terminal).or_default();
        *heard = Heard { at: now, health: Some((now, health)) };
        let mut actions = self.presence_changed(now, terminal, link, true);
        // Its own volume goes with its power; what a person set on screen is told again.
        let changed = self.state.registry.terminals.get(&terminal);
        let set = changed.and_then(|changed| {
            let volume_percent = changed.now.as_ref()?.volume_percent;
            let filed = changed.filed.as_ref().map(|filed| filed.volume_percent);
            (filed != Some(volume_percent)).then_some(volume_percent)
        });
        if let Some(percent) = set.filter(|percent| *percent != told) {
            let expires = now.plus_s(ANSWER_S);
            let order = deliver::check_order(RETELL, Some(percent), now, expires);
            let to = vec![Address::Terminal(terminal)];
            actions.push(ask(RETELL, order, to, link, expires));
        }
        actions
    }

    pub(super) fn test_silently(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        asked: SilentRequest,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            const WHAT: &str = "test terminals silently";
            let areas: Vec<AreaCode> = super::people::areas_of(rules, &asked.terminals);
            if let Err(why) = may(actor, Right::Maintain, areas) {
                return deny(out, request, actor, WHAT, &why);
            }
            let reasons = faults(rules, out, &asked);
            if !reasons.is_empty() {
                return refuse_ask(out, request, actor, WHAT, Refusal { reasons });
            }
            let test = SilentTestId(out.state.next_counter(now));
            out.record(Entry::SilentTestStarted {
                test,
                terminals: asked.terminals.into_iter().collect(),
                volume_percent: asked.volume_percent,
                what: asked.what.chars().take(WHAT_CHARS_MAX).collect(),
                until: now.plus_s(ANSWER_S),
                by: actor.name.clone(),
            });
            // The next wake asks, with what broadcasts leave of the budget.
            out.reply(request, Answer::TestStarted(test));
        })
    }

    /// A report that answers a silent test; `None` = it is about a broadcast.
    pub(super) fn as_answer(&self, report: &Acknowledgement) -> Option<SilentAnswer> {
        let test = SilentTestId(report.broadcast.0);
        if test != RETELL && !self.state.tests.contains_key(&test) {
            return None;
        }
        let finding = match &report.step {
            Step::Refused(code) => Finding::Refused(*code),
            Step::Failed(why) => Finding::Failed(why.clone()),
            // No terminal that follows the protocol says so.
            Step::Received
            | Step::Playing
            | Step::Played
            | Step::Preempted(_)
            | Step::Cancelled
            | Step::Expired => Finding::Failed("it answered as if it had played".to_owned()),
        };
        Some(SilentAnswer {
            terminal: report.terminal,
            test,
            finding,
            clock: report.ended_at,
            link: report.link,
            sequence: report.sequence,
        })
    }

    pub(super) fn silent_answered(&mut self, now: UtcMs, answer: SilentAnswer) -> Vec<Action> {
        self.presence.insert((answer.terminal, answer.link), Presence::Online);
        let heard = self.heard.entry(answer.terminal).or_default();
        heard.at = now;
        // Who is able has taken the volume that the test set.
        let test = self.state.tests.get(&answer.test);
        if let (Finding::Able, Some(percent), Some((_, health))) =
            (&answer.finding, test.and_then(|test| test.volume_percent), &mut heard.health)
        {
            health.volume_percent = percent;
        }
        self.outbox(now, |_, out| {
            let (terminal, test, sequence) = (answer.terminal, answer.test, answer.sequence);
            let link = answer.link;
            let open = out.state.tests.get(&test).filter(|test| !test.ended);
            // The first answer counts; later ones are repeats until the receipt.
            if open.is_some_and(|test| test.answers.get(&terminal) == Some(&None)) {
                out.record(Entry::SilentTestAnswered { answer });
            }
            // The national protocol knows no receipt.
            if link != LinkKind::National {
                out.effect(Action::Receipt(terminal, BroadcastId(test.0), sequence));
            }
        })
    }
}

fn faults(rules: &Rules, out: &Outbox<'_>, asked: &SilentRequest) -> Vec<Reason> {
    let mut faults = Vec::new();
    let mut fault = |code: &str, text: String| {
        faults.push(Reason { code: code.to_owned(), text });
    };
    if asked.terminals.is_empty() {
        fault("nobody", "没有选中任何终端".to_owned());
    }
    for id in asked.terminals.iter().filter(|id| !rules.network.terminals.contains_key(id)).take(5)
    {
        fault("unknown_terminal", format!("没有这个终端：{id}"));
    }
    if asked.volume_percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
        fault("bad_volume", "音量应为 1 至 100".to_owned());
    }
    if out.state.tests.values().filter(|test| !test.ended).count() >= RUNNING_MAX {
        fault("busy", format!("已有 {RUNNING_MAX} 个静默测试正在进行，请稍后再试"));
    }
    faults
}

fn ask(
    test: SilentTestId,
    order: mingluo_bridge::message::Order,
    to: Vec<Address>,
    link: LinkKind,
    expires: UtcMs,
) -> Action {
    let (broadcast, kind) = (BroadcastId(test.0), OrderKind::Query);
    Action::Send { broadcast, order: Box::new(order), to, kind, link, expires }
}

/// Asks who has not answered, with what broadcasts left of the budget, and ends what is over.
pub(super) fn pursue(out: &mut Outbox<'_>, budget: &mut u32) {
    let now = out.now;
    let open: Vec<SilentTestId> =
        out.state.tests.iter().filter(|(_, test)| !test.ended).map(|(id, _)| *id).collect();
    for id in open {
        let Some(test) = out.state.tests.get_mut(&id) else { continue };
        let Findings { able, unable, silent } = test.findings();
        if silent == 0 || now >= test.until {
            out.record(Entry::SilentTestEnded { test: id, able, unable, silent });
            continue;
        }
        if now < test.next_at || test.tries >= TRIES_MAX {
            continue;
        }
        let by_link = next_round(test, out.rules, out.presence, (now, &out.pace), budget);
        let order = deliver::check_order(id, test.volume_percent, test.at, test.until);
        let until = test.until;
        for (link, to) in by_link {
            out.effect(ask(id, order.clone(), to, link, until));
        }
    }
}

/// The next addresses to ask: whole areas first, when they are exactly who is asked, then single
/// terminals that are not known to be away.
fn next_round(
    test: &mut SilentTest,
    rules: &Rules,
    presence: &LinkPresence,
    (now, pace): (UtcMs, &Pace),
    budget: &mut u32,
) -> BTreeMap<LinkKind, Vec<Address>> {
    let mut by_link: BTreeMap<LinkKind, Vec<Address>> = BTreeMap::new();
    let mut rest: Vec<TerminalId> = Vec::new();
    for (id, _) in test.answers.iter().filter(|(_, answer)| answer.is_none()) {
        if test.after.is_some_and(|after| *id <= after) {
            continue;
        }
        let links = links_of(rules, *id);
        let there = |link| presence.get(&(*id, link)).copied().unwrap_or(Presence::Unknown);
        if deliver::presence_of(links, there) == Presence::Offline {
            continue;
        }
        let link = deliver::way(links, there, None, now, pace);
        by_link.entry(link).or_default().push(Address::Terminal(*id));
        rest.push(*id);
    }
    let everybody: BTreeSet<TerminalId> = test.answers.keys().copied().collect();
    let cover = if test.tries == 0 { rules.cover(&everybody) } else { Vec::new() };
    let n_orders = u32::try_from(cover.len()).unwrap_or(u32::MAX);
    if !cover.is_empty() && cover.len() < rest.len() && n_orders <= *budget {
        *budget -= n_orders;
        let areas: Vec<Address> = cover.into_iter().map(Address::Area).collect();
        by_link.values_mut().for_each(|to| to.clone_from(&areas));
        rest.clear();
    }
    let room = usize::try_from(*budget).unwrap_or(usize::MAX);
    if rest.len() > room {
        rest.truncate(room);
        let asked: BTreeSet<TerminalId> = rest.iter().copied().collect();
        let is_asked = |to: &Address| matches!(to, Address::Terminal(id) if asked.contains(id));
        by_link.values_mut().for_each(|to| to.retain(is_asked));
        by_link.retain(|_, to| !to.is_empty());
        test.after = rest.last().copied().or(test.after);
    } else {
        test.after = None;
        test.tries += 1;
        test.next_at = now.plus_s(AGAIN_S);
    }
    *budget = budget.saturating_sub(u32::try_from(rest.len()).unwrap_or(u32::MAX));
    by_link
}

impl State {
    pub(super) fn apply_silent_test(&mut self, at: UtcMs, entry: &Entry) {
        if let Entry::SilentTestStarted { test, terminals, volume_percent, what, until, by } = entry
        {
            self.counter = self.counter.max(test.0);
            let fresh = SilentTest {
                by: by.clone(),
                at,
                until: *until,
                volume_percent: *volume_percent,
                what: what.clone(),
                answers: terminals.iter().map(|id| (*id, None)).collect(),
                ended: false,
                next_at: at,
                tries: 0,
                after: None,
            };
            self.tests.insert(*test, fresh);
            while self.tests.len() > KEPT_MAX {
                self.tests.pop_first();
            }
        } else if let Entry::SilentTestAnswered { answer } = entry
            && let Some(test) = self.tests.get_mut(&answer.test)
        {
            let (finding, clock, link) = (answer.finding.clone(), answer.clock, answer.link);
            test.answers.insert(answer.terminal, Some(Answered { at, finding, clock, link }));
        } else if let Entry::SilentTestEnded { test, .. } = entry
            && let Some(test) = self.tests.get_mut(test)
        {
            test.ended = true;
        }
    }
}
