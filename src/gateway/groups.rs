//! Saved groups of places, for manual broadcasts.

use super::people::{deny, may, refuse_ask};
use super::{Action, Answer, Gateway, RequestId, State};
use crate::decide::{ManualRequest, same_person};
use crate::model::{
    Actor, AreaCode, Group, Network, Reason, Refusal, Right, Role, TerminalId, UtcMs,
};
use crate::record::entry::Entry;

/// Groups of one gateway; when it is full, a new one is refused.
pub(crate) const GROUPS_MAX: usize = 500;
/// Characters of a group's name.
const NAME_CHARS_MAX: usize = 40;
/// Areas and terminals of one group.
const PLACES_MAX: usize = 2_000;

impl Gateway {
    pub(super) fn set_group(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        mut group: Group,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let what = format!("save group {}", group.name);
            let of = group.terminals.iter().filter_map(|id| rules.network.terminals.get(id));
            let areas: Vec<AreaCode> =
                group.areas.iter().copied().chain(of.map(|terminal| terminal.area)).collect();
            if let Err(why) = may(actor, Right::Broadcast, areas) {
                return deny(out, request, actor, &what, &why);
            }
            group.name = group.name.trim().to_owned();
            let mut reasons = faults(&rules.network, &group);
            match out.state.groups.get(&group.name) {
                Some(old) if !owns(old, actor) => {
                    let text = format!(
                        "群组“{}”由 {} 建立，只能由本人或带班领导修改",
                        old.name, old.owner
                    );
                    reasons.push(Reason { code: "not_owner".to_owned(), text });
                }
                None if out.state.groups.len() >= GROUPS_MAX => {
                    let text = format!("群组最多 {GROUPS_MAX} 个");
                    reasons.push(Reason { code: "too_many_groups".to_owned(), text });
                }
                Some(old) => group.owner.clone_from(&old.owner),
                None => group.owner.clone_from(&actor.name),
            }
            if !reasons.is_empty() {
                return refuse_ask(out, request, actor, &what, Refusal { reasons });
            }
            out.record(Entry::GroupSet { group, by: actor.name.clone() });
            out.reply(request, Answer::Done(Vec::new()));
        })
    }

    pub(super) fn remove_group(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        name: String,
    ) -> Vec<Action> {
        self.outbox(now, |_, out| {
            let Some(group) = out.state.groups.get(&name) else {
                return out.reply(request, Answer::NotFound(format!("no group `{name}`")));
            };
            if !actor.role.may(Right::Broadcast) || !owns(group, actor) {
                let why = "only its owner or a leader may remove a group";
                return deny(out, request, actor, &format!("remove group {name}"), why);
            }
            out.record(Entry::GroupRemoved { name, by: actor.name.clone() });
            out.reply(request, Answer::Done(Vec::new()));
        })
    }
}

fn owns(group: &Group, actor: &Actor) -> bool {
    actor.role == Role::Leader || same_person(&group.owner, &actor.name)
}

fn faults(network: &Network, group: &Group) -> Vec<Reason> {
    let mut faults = Vec::new();
    let mut fault = |code: &str, text: String| {
        faults.push(Reason { code: code.to_owned(), text });
    };
    let n_chars = group.name.chars().count();
    if n_chars == 0 || n_chars > NAME_CHARS_MAX || group.name.chars().any(char::is_control) {
        fault("bad_name", format!("群组名称应为 1 至 {NAME_CHARS_MAX} 字，收到 {n_chars} 字"));
    }
    let n_places = group.areas.len() + group.terminals.len();
    if n_places == 0 || n_places > PLACES_MAX {
        fault("bad_places", format!("群组应含 1 至 {PLACES_MAX} 个区域或终端，收到 {n_places} 个"));
    }
    for area in group.areas.iter().filter(|area| !network.areas.contains_key(area)) {
        fault("unknown_area", format!("没有这个区域：{area}"));
    }
    for id in group.terminals.iter().filter(|id| !network.terminals.contains_key(id)) {
        fault("unknown_terminal", format!("没有这个终端：{id}"));
    }
    faults
}

impl State {
    pub(super) fn apply_group(&mut self, group: &Group) {
        self.groups.insert(group.name.clone(), group.clone());
    }

    /// A manual request with the places of its groups beside its own.
    ///
    /// # Errors
    /// A refusal that names every group that does not exist.
    pub fn with_groups(&self, request: &ManualRequest) -> Result<ManualRequest, Refusal> {
        let mut whole = ManualRequest { groups: Vec::new(), ..request.clone() };
        let reasons = self.add_groups(&request.groups, &mut whole.areas, &mut whole.terminals);
        if reasons.is_empty() { Ok(whole) } else { Err(Refusal { reasons }) }
    }

    /// Adds the places of groups by name; gives a reason for every group that does not exist.
    pub(super) fn add_groups(
        &self,
        names: &[String],
        areas: &mut Vec<AreaCode>,
        terminals: &mut Vec<TerminalId>,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for name in names {
            match self.groups.get(name) {
                Some(group) => {
                    areas.extend(&group.areas);
                    terminals.extend(&group.terminals);
                }
                None => {
                    let text = format!("没有这个群组：{name}");
                    reasons.push(Reason { code: "unknown_group".to_owned(), text });
                }
            }
        }
        reasons
    }
}
