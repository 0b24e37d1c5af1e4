//! The registry of terminals 终端名册. The configuration file is its base; what people change on
//! screen stands above it, terminal by terminal, until the file's row of that terminal is another
//! one than it was then: the later change holds.

use super::people::{deny, may, refuse_ask};
use super::{Action, Answer, Gateway, Outbox, RequestId, State};
use crate::decide::{self, Rules, TerminalFault};
use crate::model::{
    Actor, AreaCode, Network, Reason, Refusal, RegistryChange, Right, Terminal, TerminalId, UtcMs,
};
use crate::record::entry::Entry;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Terminals that one change may set and retire.
pub const REGISTRY_CHANGE_MAX: usize = 20_000;
/// Terminals of one gateway; above it a change is refused.
pub const TERMINALS_MAX: usize = 200_000;
/// Letters of a reason.
const REASON_CHARS: core::ops::RangeInclusive<usize> = 2..=200;
/// Faults told in one refusal.
const FAULTS_TOLD_MAX: usize = 50;
/// Positions closer than this are the same, degrees: their text may lose the last digit.
const SAME_DEG: f64 = 1e-9;

/// The rows of the configuration files.
pub(super) type Filed = BTreeMap<TerminalId, Terminal>;

/// What people changed on screen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    /// Changes so far.
    pub revision: u64,
    /// Terminals that stand otherwise than in the file.
    pub terminals: BTreeMap<TerminalId, Changed>,
}

/// One terminal that a person changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// What the file said of it then; `None` = nothing.
    pub filed: Option<Terminal>,
    /// What holds; `None` = it is retired.
    pub now: Option<Terminal>,
    /// When.
    pub at: UtcMs,
    /// Canonical name.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Registry {
    /// Puts what was changed on screen over the terminals of the file.
    pub fn put_over(&self, network: &mut Network) {
        for (id, changed) in &self.terminals {
            if !same_row(network.terminals.get(id), changed.filed.as_ref()) {
                continue;
            }
            match &changed.now {
                Some(terminal) => drop(network.terminals.insert(*id, terminal.clone())),
                None => drop(network.terminals.remove(id)),
            }
        }
    }

    /// Terminals of whom the file says something else now than when they were changed.
    fn overtaken(&self, filed: &Filed) -> Vec<TerminalId> {
        let other = |(id, changed): &(&TerminalId, &Changed)| {
            !same_row(filed.get(id), changed.filed.as_ref())
        };
        self.terminals.iter().filter(other).map(|(id, _)| *id).collect()
    }
}

fn same_row(a: Option<&Terminal>, b: Option<&Terminal>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same_terminal(a, b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Whether two rows say the same of a terminal.
#[must_use]
pub fn same_terminal(a: &Terminal, b: &Terminal) -> bool {
    let same_place = match (a.position, b.position) {
        (Some(a), Some(b)) => {
            (a.lat_deg - b.lat_deg).abs() < SAME_DEG && (a.lon_deg - b.lon_deg).abs() < SAME_DEG
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let text = |t: &Terminal| {
        (t.id, t.area, t.codecs.clone(), t.links.clone(), t.volume_percent, t.national)
    };
    same_place && a.name == b.name && text(a) == text(b)
}

impl Gateway {
    /// What the configuration files say of a terminal, whatever was changed on screen.
    #[must_use]
    pub fn filed(&self, terminal: TerminalId) -> Option<&Terminal> {
        self.filed.get(&terminal)
    }

    /// Every reason against setting these terminals and retiring those, each with its terminal.
    #[must_use]
    pub fn registry_faults(
        &self,
        set: &[Terminal],
        retired: &[TerminalId],
    ) -> Vec<(TerminalId, TerminalFault)> {
        let rules = &self.rules;
        let of_set = set.iter().flat_map(|terminal| {
            let wired = decide::wiring_fault(self.filed.get(&terminal.id), Some(terminal));
            let faults = decide::terminal_faults(&rules.network, terminal).into_iter();
            faults.chain(wired).map(|fault| (terminal.id, fault))
        });
        let of_retired = retired.iter().filter_map(|id| {
            let fault = decide::wiring_fault(self.filed.get(id), None)?;
            Some((*id, fault))
        });
        of_set.chain(of_retired).collect()
    }

    pub(super) fn change_registry(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        change: RegistryChange,
    ) -> Vec<Action> {
        let faults = self.registry_faults(&change.set, &change.retired);
        let filed = std::mem::take(&mut self.filed);
        let before = self.state.registry.revision;
        let actions = self.outbox(now, |rules, out| {
            decide_change(rules, out, &filed, faults, (request, actor, change));
        });
        self.filed = filed;
        if self.state.registry.revision != before {
            self.adopt_registry();
        }
        actions
    }

    /// Rules and index from the files and what was changed on screen.
    pub(super) fn adopt_registry(&mut self) {
        let mut network = std::mem::take(&mut self.rules.network);
        network.terminals.clone_from(&self.filed);
        self.state.registry.put_over(&mut network);
        self.rules = Rules::new(network, self.rules.policy.clone());
        // A change of the policy may name what only these terminals or no terminal knows.
        self.take_policy_into_force();
    }

    /// Lets go of what the file has overtaken: on record, so that it never comes back when the file
    /// is changed again.
    pub(super) fn overtaken(&mut self, now: UtcMs) -> Vec<Action> {
        let terminals = self.state.registry.overtaken(&self.filed);
        if terminals.is_empty() {
            return Vec::new();
        }
        self.outbox(now, |_, out| {
            let names: Vec<String> = terminals.iter().take(5).map(ToString::to_string).collect();
            let text = format!(
                "terminals.csv 晚于网页上的修改，{} 个终端以文件为准：{}",
                terminals.len(),
                names.join("、")
            );
            out.record(Entry::RegistryFiled { terminals });
            out.effect(Action::Alarm(Reason { code: "registry_filed".to_owned(), text }));
        })
    }
}

fn decide_change(
    rules: &Rules,
    out: &mut Outbox<'_>,
    filed: &Filed,
    faults: Vec<(TerminalId, TerminalFault)>,
    (request, actor, change): (RequestId, &Actor, RegistryChange),
) {
    const WHAT: &str = "change the registry of terminals";
    let known = &rules.network.terminals;
    let named = change.set.iter().map(|terminal| terminal.id).chain(change.retired.iter().copied());
    let before = named.clone().filter_map(|id| known.get(&id)).map(|terminal| terminal.area);
    let areas: Vec<AreaCode> =
        change.set.iter().map(|terminal| terminal.area).chain(before).collect();
    if let Err(why) = may(actor, Right::Maintain, areas) {
        return deny(out, request, actor, WHAT, &why);
    }
    let mut reasons = against(rules, out, &change);
    let told = faults.into_iter().take(FAULTS_TOLD_MAX);
    reasons.extend(told.map(|(_, fault)| reason("bad_terminal", fault.zh)));
    if !reasons.is_empty() {
        return refuse_ask(out, request, actor, WHAT, Refusal { reasons });
    }
    let filed = named.filter_map(|id| filed.get(&id)).cloned().collect();
    out.record(Entry::RegistryChanged {
        filed,
        set: change.set,
        retired: change.retired,
        by: actor.name.clone(),
        reason: change.reason.trim().to_owned(),
    });
    out.reply(request, Answer::Done(Vec::new()));
}

fn reason(code: &str, text: impl Into<String>) -> Reason {
    Reason { code: code.to_owned(), text: text.into() }
}

/// What speaks against the change as a whole.
fn against(rules: &Rules, out: &Outbox<'_>, change: &RegistryChange) -> Vec<Reason> {
    let known = &rules.network.terminals;
    let mut reasons = Vec::new();
    let n_changed = change.set.len() + change.retired.len();
    if n_changed == 0 {
        reasons.push(reason("nothing_changed", "没有任何修改"));
    }
    if n_changed > REGISTRY_CHANGE_MAX {
        let text = format!("一次最多修改 {REGISTRY_CHANGE_MAX} 个终端，收到 {n_changed} 个");
        reasons.push(reason("too_many_terminals", text));
    }
    if known.len() + change.set.len() > TERMINALS_MAX + change.retired.len() {
        reasons.push(reason("registry_full", format!("名册最多 {TERMINALS_MAX} 个终端")));
    }
    if change.seen != out.state.registry.revision {
        let text = "检查之后名册又被他人修改，请重新检查";
        reasons.push(reason("registry_changed", text));
    }
    let why = change.reason.trim();
    if !REASON_CHARS.contains(&why.chars().count()) || why.chars().any(char::is_control) {
        let (low, high) = (REASON_CHARS.start(), REASON_CHARS.end());
        reasons.push(reason("bad_reason", format!("请写明原因，{low} 至 {high} 字")));
    }
    let mut seen = BTreeSet::new();
    let named = change.set.iter().map(|terminal| terminal.id).chain(change.retired.iter().copied());
    for id in named.filter(|id| !seen.insert(*id)).take(FAULTS_TOLD_MAX) {
        reasons.push(reason("twice", format!("{id} 出现两次")));
    }
    let unknown = change.retired.iter().filter(|id| !known.contains_key(id));
    for id in unknown.take(FAULTS_TOLD_MAX) {
        reasons.push(reason("unknown_terminal", format!("没有这个终端：{id}")));
    }
    reasons
}

impl State {
    pub(super) fn apply_registry(&mut self, at: UtcMs, entry: &Entry) {
        if let Entry::RegistryChanged { set, retired, filed, by, reason } = entry {
            self.registry.revision += 1;
            let filed: BTreeMap<TerminalId, Terminal> =
                filed.iter().map(|row| (row.id, row.clone())).collect();
            let set = set.iter().map(|terminal| (terminal.id, Some(terminal.clone())));
            for (id, now) in set.chain(retired.iter().map(|id| (*id, None))) {
                if same_row(filed.get(&id), now.as_ref()) {
                    // As the file has it: nothing stands above it any more.
                    self.registry.terminals.remove(&id);
                    continue;
                }
                let (by, reason) = (by.clone(), reason.clone());
                let changed = Changed { filed: filed.get(&id).cloned(), now, at, by, reason };
                self.registry.terminals.insert(id, changed);
            }
        } else if let Entry::RegistryFiled { terminals } = entry {
            self.registry.revision += 1;
            for id in terminals {
                self.registry.terminals.remove(id);
            }
        }
    }
}
