//! The upper emergency-broadcast platform: its packages become alerts by the same way as any other, and
//! it is told how far its messages are, by the record alone. What is told is recorded first and stays on
//! record until the other side has taken it.

use super::{Action, Answer, Arrival, Gateway, Outbox, RequestId, State};
use crate::decide::{PlatformRules, SeenBefore, judge_package};
use crate::model::{
    EbmReport, MsgType, PlatformAct, PlatformContent, PlatformEbm, PlatformPackage, ResultCode,
    Sha256, SourceRules, Status, UtcMs,
};
use crate::record::entry::Entry;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

mod answer;
mod passed;
mod report;

pub(crate) use answer::said;
pub use passed::{Came, Exchanged, PASSED_KEPT_MAX, Passed, PassedWhat, Told, ToldEnd};

/// Packages whose names are kept; the oldest is forgotten, and its time is by then out of the window.
const SEEN_MAX: usize = 10_000;
/// Messages that are reported on; the oldest is reported on no more.
const EBMS_MAX: usize = 500;
/// What waits to be taken upstream. When it is full the oldest is dropped, on record, with an alarm.
pub const OUTGOING_MAX: usize = 1_000;
/// After this what was not taken is dropped, on record, with an alarm, seconds.
const OUTGOING_S_MAX: i64 = 86_400;
/// How long after its end a message may still be corrected by late reports, seconds.
const CORRECTED_S_MAX: i64 = 3_600;
/// Shortest time between two reports in the same state, seconds.
const REPORT_EVERY_S: i64 = 30;

/// Something that the driver of the upper platform brings.
#[derive(Debug, Clone, PartialEq)]
pub enum PlatformInput {
    /// A package came and could be read.
    Package {
        /// Its head.
        package: Box<PlatformPackage>,
        /// Digest of its bytes, which the driver keeps beside the journal.
        raw: Sha256,
        /// The message in it, if it is one.
        arrival: Option<Box<Arrival>>,
        /// What the sender is told beside the answer, such as that its sound is not played; or nothing.
        note: String,
    },
    /// The upper platform asks how far a message is.
    StateAsked {
        /// `EBMID`.
        ebm: String,
        /// The package that asked.
        related: String,
    },
    /// The upper platform took what was told.
    Taken {
        /// Its number.
        sequence: u64,
        /// What it answered.
        code: ResultCode,
    },
    /// It was told and not taken.
    Unanswered {
        /// Its number.
        sequence: u64,
        /// How many times now.
        n_tries: u32,
        /// Why the last time.
        why: String,
    },
    /// What the driver answered to a question for data.
    Answered {
        /// The package that asked.
        id: String,
        /// What it was answered.
        code: ResultCode,
        /// The same in words.
        desc: String,
    },
}

/// A package that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SeenPackage {
    id: String,
    raw: Sha256,
    code: ResultCode,
}

/// What waits to be taken upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// When it was written down.
    pub at: UtcMs,
    /// The package that it answers.
    pub related: Option<String>,
    /// What is told.
    pub content: PlatformContent,
}

/// A message of the upper platform with what was last told about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Followed {
    ebm: PlatformEbm,
    request: String,
    told: Option<EbmReport>,
}

/// What must be known of the upper platform after a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformState {
    seen: VecDeque<SeenPackage>,
    ebms: VecDeque<Followed>,
    /// What waits to be taken upstream, by number.
    pub outgoing: BTreeMap<u64, Outgoing>,
    /// What passed, for people.
    #[serde(default)]
    pub exchanged: Exchanged,
}

impl PlatformState {
    /// The last that was told about each message, newest last.
    pub fn reports(&self) -> impl DoubleEndedIterator<Item = &EbmReport> {
        self.ebms.iter().filter_map(|followed| followed.told.as_ref())
    }
}

impl State {
    pub(super) fn apply_platform(&mut self, at: UtcMs, act: &PlatformAct) {
        self.platform.exchanged.apply(at, act);
        match act {
            PlatformAct::Took { package, raw, code, ebm, .. } => {
                let seen = &mut self.platform.seen;
                // Who can't sign must not use up the number of a package that is still to come.
                let counts = *code != ResultCode::Signature;
                if counts && !seen.iter().any(|seen| seen.id == package.id) {
                    seen.push_back(SeenPackage { id: package.id.clone(), raw: *raw, code: *code });
                }
                if seen.len() > SEEN_MAX {
                    seen.pop_front();
                }
                if let Some(ebm) = ebm.as_ref().filter(|_| code.is_taken()) {
                    self.follow(ebm, &package.id);
                }
            }
            PlatformAct::Queued { sequence, related, content } => {
                self.counter = self.counter.max(*sequence);
                let report = content.report();
                let mut followed = self.platform.ebms.iter_mut();
                if let Some(followed) = followed.find(|known| known.ebm.id == report.ebm) {
                    followed.told = Some(report.clone());
                }
                let (related, content) = (related.clone(), content.as_ref().clone());
                self.platform.outgoing.insert(*sequence, Outgoing { at, related, content });
            }
            PlatformAct::Sent { sequence, .. } | PlatformAct::Dropped { sequence, .. } => {
                self.platform.outgoing.remove(sequence);
            }
            PlatformAct::Answered { .. } | PlatformAct::Unanswered { .. } => {}
        }
    }

    fn follow(&mut self, ebm: &PlatformEbm, request: &str) {
        let ebms = &mut self.platform.ebms;
        if let Some(known) = ebms.iter_mut().find(|known| known.ebm.id == ebm.id) {
            request.clone_into(&mut known.request);
            return;
        }
        ebms.push_back(Followed { ebm: ebm.clone(), request: request.to_owned(), told: None });
        if ebms.len() > EBMS_MAX {
            ebms.pop_front();
        }
    }
}

impl Gateway {
    /// The same with an upper platform.
    #[must_use]
    pub fn with_platform(mut self, rules: Option<PlatformRules>) -> Self {
        self.platform = rules;
        self
    }

    pub(super) fn platform(
        &mut self,
        now: UtcMs,
        request: RequestId,
        input: PlatformInput,
    ) -> Vec<Action> {
        match input {
            PlatformInput::Package { package, raw, arrival, note } => {
                self.package(now, request, *package, raw, (arrival, note))
            }
            PlatformInput::StateAsked { ebm, related } => {
                self.outbox(now, |_, out| state_asked(out, request, &ebm, related))
            }
            PlatformInput::Taken { sequence, code } => self.outbox(now, |_, out| {
                if out.state.platform.outgoing.contains_key(&sequence) {
                    out.record(Entry::Platform { act: PlatformAct::Sent { sequence, code } });
                }
                out.reply(request, Answer::Done(Vec::new()));
            }),
            PlatformInput::Unanswered { sequence, n_tries, why } => self.outbox(now, |_, out| {
                // A row for each would be a row a minute in a night without the upper platform.
                let waits = out.state.platform.outgoing.contains_key(&sequence);
                if waits && n_tries.is_power_of_two() {
                    let act = PlatformAct::Unanswered { sequence, n_tries, why };
                    out.record(Entry::Platform { act });
                }
                out.reply(request, Answer::Done(Vec::new()));
            }),
            PlatformInput::Answered { id, code, desc } => self.outbox(now, |_, out| {
                answered(out, id, code, desc);
                out.reply(request, Answer::Done(Vec::new()));
            }),
        }
    }

    fn package(
        &mut self,
        now: UtcMs,
        request: RequestId,
        package: PlatformPackage,
        raw: Sha256,
        (arrival, note): (Option<Box<Arrival>>, String),
    ) -> Vec<Action> {
        let Some(rules) = &self.platform else {
            let answer = Answer::Denied("no upper platform is configured".into());
            return vec![Action::Reply(request, answer)];
        };
        let alert = arrival.as_ref().and_then(|arrival| arrival.read.as_ref().ok());
        let seen = self.state.platform.seen.iter().find(|seen| seen.id == package.id);
        let seen = seen.map(|seen| SeenBefore { raw: seen.raw, code: seen.code });
        // A cancel counts as for real: without a signature nobody stops a warning.
        let status = alert.map(|alert| match alert.msg_type {
            MsgType::Cancel => Status::Actual,
            MsgType::Alert | MsgType::Update | MsgType::Ack | MsgType::Error => alert.status,
        });
        let verdict = judge_package(rules, now, &package, status, raw, seen.as_ref());
        let (code, desc) = (verdict.code, verdict.desc);
        if verdict.repeated {
            return vec![Action::Reply(request, Answer::Platform { code, desc })];
        }
        let ebm = alert.map(|alert| PlatformEbm {
            id: alert.id.identifier.clone(),
            alert: alert.id.clone(),
            ends: alert.msg_type == MsgType::Cancel,
        });
        let id = package.id.clone();
        let mut actions = self.outbox(now, |_, out| {
            let (package, desc) = (Box::new(package), desc.clone());
            out.record(Entry::Platform {
                act: PlatformAct::Took { package, raw, code, desc, ebm },
            });
        });
        match arrival.filter(|_| code.is_taken()) {
            Some(arrival) => {
                let taken = self.arrived(now, request, *arrival, SourceRules::default());
                let told = taken.iter().find_map(|action| reply_in(action, request));
                let told = told.map(said);
                actions.extend(taken);
                if let Some((code, desc)) = told {
                    let desc = format!("{desc}{note}");
                    actions.extend(self.outbox(now, |_, out| answered(out, id, code, desc)));
                }
            }
            None => actions.push(Action::Reply(request, Answer::Platform { code, desc })),
        }
        actions
    }
}

fn reply_in(action: &Action, request: RequestId) -> Option<&Answer> {
    if let Action::Reply(to, answer) = action { (*to == request).then_some(answer) } else { None }
}

fn answered(out: &mut Outbox<'_>, id: String, code: ResultCode, desc: String) {
    out.record(Entry::Platform { act: PlatformAct::Answered { id, code, desc } });
}

/// An answer of its own, whatever was told before.
fn state_asked(out: &mut Outbox<'_>, request: RequestId, ebm: &str, related: String) {
    let known = out.state.platform.ebms.iter().find(|followed| followed.ebm.id == *ebm).cloned();
    let Some(report) = known.and_then(|known| report::of(out.state, &known.ebm, out.now)) else {
        let desc = format!("没有收到过消息 {ebm}");
        answered(out, related, ResultCode::Other, desc.clone());
        return out.reply(request, Answer::Platform { code: ResultCode::Other, desc });
    };
    queue(out, Some(related), PlatformContent::State(report));
    let (code, desc) = (ResultCode::Good, "状态将在新的连接中反馈".to_owned());
    out.reply(request, Answer::Platform { code, desc });
}

fn queue(out: &mut Outbox<'_>, related: Option<String>, content: PlatformContent) {
    if out.state.platform.outgoing.len() >= OUTGOING_MAX
        && let Some(oldest) = out.state.platform.outgoing.keys().next().copied()
    {
        dropped(out, oldest, &format!("{OUTGOING_MAX} 条待上报，丢弃最早的一条"));
    }
    let sequence = out.state.next_counter(out.now);
    let content = Box::new(content);
    out.record(Entry::Platform { act: PlatformAct::Queued { sequence, related, content } });
}

fn dropped(out: &mut Outbox<'_>, sequence: u64, why: &str) {
    let reason = why.to_owned();
    out.record(Entry::Platform { act: PlatformAct::Dropped { sequence, reason } });
    let text = format!("上级平台没有收到一条播发结果：{why}");
    let code = "platform_report_dropped".to_owned();
    out.effect(Action::Alarm(crate::model::Reason { code, text }));
}

/// Tells what is new about each message of the upper platform, and drops what nobody took.
pub(super) fn tell(out: &mut Outbox<'_>) {
    let old = out.state.platform.outgoing.iter();
    let old = old.filter(|(_, waiting)| out.now.since_ms(waiting.at) > OUTGOING_S_MAX * 1_000);
    let old: Vec<u64> = old.map(|(sequence, _)| *sequence).collect();
    for sequence in old {
        dropped(out, sequence, "24 小时没有送达");
    }
    let open: Vec<Followed> =
        out.state.platform.ebms.iter().filter(|f| f.is_open(out.now)).cloned().collect();
    for followed in open {
        let Some(report) = report::of(out.state, &followed.ebm, out.now) else { continue };
        if !followed.is_news(&report, out.now) {
            continue;
        }
        let related = || Some(followed.request.clone());
        let is_end = report.state.is_end();
        queue(out, related(), PlatformContent::State(report.clone()));
        if is_end {
            queue(out, related(), PlatformContent::Log(report));
        }
    }
}

impl Followed {
    fn is_open(&self, now: UtcMs) -> bool {
        self.told.as_ref().is_none_or(|told| {
            !told.state.is_end() || now.since_ms(told.at) < CORRECTED_S_MAX * 1_000
        })
    }

    fn is_news(&self, report: &EbmReport, now: UtcMs) -> bool {
        self.told.as_ref().is_none_or(|told| {
            let waited = now.since_ms(told.at) >= REPORT_EVERY_S * 1_000;
            told.state != report.state || told.counts != report.counts && waited
        })
    }
}
