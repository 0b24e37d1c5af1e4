//! What stays to be seen after it happened: plans that ended without a broadcast, so that who asked for one
//! sees why; and what people changed of the settings, so that others see who changed what: response plans,
//! API keys, accounts, the registry, the roster, groups, programmes, recordings, latches. What is older
//! stands in the record.

use super::State;
use crate::model::{Act, Class, PlanId, UtcMs};
use crate::record::entry::Entry;
use serde::{Deserialize, Serialize};

/// Such plans kept in state.
pub(crate) const ENDED_PLANS_MAX: usize = 50;
/// Characters of the words that are kept of one.
const WORDS_CHARS_MAX: usize = 200;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedPlan {
    /// Which.
    pub plan: PlanId,
    /// What it was, for people: title of its response plan.
    pub title: String,
    /// Live or drill.
    pub class: Class,
    /// The beginning of its words.
    pub words: String,
    /// Who asked for it: an officer, an API key, or `alert`.
    pub requested_by: String,
    /// Officer, `clock`, `latch` or the alert that withdrew it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: UtcMs,
}

impl State {
    /// What follows from the end of a plan that waits.
    pub(super) fn end_plan(&mut self, id: PlanId, by: &str, reason: &str, at: UtcMs) {
        let Some(pending) = self.pending.remove(&id) else { return };
        let plan = pending.plan();
        self.ended_plans.push_back(EndedPlan {
            plan: id,
            title: plan.title().to_owned(),
            class: plan.class,
            words: plan.message.text.chars().take(WORDS_CHARS_MAX).collect(),
            requested_by: plan.requested_by.clone(),
            by: by.to_owned(),
            reason: reason.to_owned(),
            at,
        });
        if self.ended_plans.len() > ENDED_PLANS_MAX {
            self.ended_plans.pop_front();
        }
    }
}

/// Changes kept in state.
pub(crate) const SETTING_LINES_MAX: usize = 1_000;
/// Characters of the names in one line.
const WHAT_CHARS_MAX: usize = 200;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingLine {
    /// When.
    pub at: UtcMs,
    /// Who.
    pub by: String,
    /// Kind of the entry; of an act its own name, such as `account_made`.
    pub kind: String,
    /// Of what: a part of the policy, a name.
    pub what: String,
    /// Why, as typed, or what changed; may be empty.
    pub detail: String,
}

/// Who, kind, of what, why.
type Told<'a> = (&'a str, &'static str, String, String);

impl State {
    /// Notes a change of settings; before the entry is folded in, so that what it ends still has a name.
    pub(super) fn note_setting(&mut self, at: UtcMs, entry: &Entry) {
        let Some((by, kind, what, detail)) = self.setting_of(entry) else { return };
        let short = |text: String| text.chars().take(WHAT_CHARS_MAX).collect();
        self.setting_lines.push_back(SettingLine {
            at,
            by: by.to_owned(),
            kind: kind.to_owned(),
            what: short(what),
            detail: short(detail),
        });
        if self.setting_lines.len() > SETTING_LINES_MAX {
            self.setting_lines.pop_front();
        }
    }

    fn setting_of<'a>(&self, entry: &'a Entry) -> Option<Told<'a>> {
        let kind = entry.kind();
        if let Entry::PolicyProposed { change, by, .. } = entry {
            Some((by, kind, change.after.part().to_string(), change.reason.clone()))
        } else if let Entry::PolicyApproved { part, by, .. } = entry {
            Some((by, kind, part.to_string(), String::new()))
        } else if let Entry::PolicyWithdrawn { part, by, .. } = entry {
            Some((by, kind, part.to_string(), String::new()))
        } else if let Entry::PolicyRefused(refusal) = entry {
            Some((&refusal.by, kind, refusal.part.to_string(), refusal.reason.clone()))
        } else if let Entry::KeyMade { key, by } = entry {
            Some((by, kind, key.name.clone(), String::new()))
        } else if let Entry::KeyRevoked { sha256, by, reason } = entry {
            let name = self.api_keys.get(sha256).map(|known| known.key.name.clone());
            Some((by, kind, name.unwrap_or_default(), reason.clone()))
        } else if let Entry::RegistryChanged { set, retired, by, reason, .. } = entry {
            let names = set.iter().map(|terminal| terminal.id).chain(retired.iter().copied());
            let names: Vec<String> = names.take(5).map(|id| id.to_string()).collect();
            let n = set.len() + retired.len();
            Some((by, kind, format!("{n}：{}", names.join("、")), reason.clone()))
        } else {
            duty(entry).or_else(|| acted(entry))
        }
    }
}

fn duty(entry: &Entry) -> Option<Told<'_>> {
    let kind = entry.kind();
    if let Entry::RosterChanged { set, removed, by } = entry {
        let names: Vec<&str> = set.iter().take(5).map(|shift| shift.person.as_str()).collect();
        let n = set.len() + removed.len();
        Some((by, kind, format!("{n}：{}", names.join("、")), String::new()))
    } else if let Entry::GroupSet { group, by } = entry {
        Some((by, kind, group.name.clone(), String::new()))
    } else if let Entry::GroupRemoved { name, by }
    | Entry::ProgrammeApproved { name, by }
    | Entry::ProgrammeRemoved { name, by } = entry
    {
        Some((by, kind, name.clone(), String::new()))
    } else if let Entry::ProgrammeSet { programme, by, .. } = entry {
        Some((by, kind, programme.name.clone(), String::new()))
    } else if let Entry::LatchChanged { areas, hold, by, reason } = entry {
        let kind = if hold.is_some() { kind } else { "latch_lifted" };
        let areas: Vec<String> = areas.iter().take(5).map(ToString::to_string).collect();
        Some((by, kind, areas.join("、"), reason.clone()))
    } else {
        None
    }
}

/// What people did to the gateway itself; coming and going is no setting.
fn acted(entry: &Entry) -> Option<Told<'_>> {
    let Entry::Administered { by, act } = entry else { return None };
    let (kind, what, detail) = match act {
        Act::AccountMade { login, name, .. } => ("account_made", login.clone(), name.clone()),
        Act::AccountChanged { login, what } => ("account_changed", login.clone(), what.clone()),
        Act::KeyChanged { name, what } => ("key_changed", name.clone(), what.clone()),
        Act::SettingChanged { what, before, after } => {
            ("setting_changed", what.clone(), format!("{before} → {after}"))
        }
        Act::RecordingAdded { name, .. } => ("recording_added", name.clone(), String::new()),
        Act::RecordingRemoved { name, .. } => ("recording_removed", name.clone(), String::new()),
        Act::SignedIn { .. } | Act::SignedOut { .. } | Act::Exported { .. } => return None,
    };
    Some((by, kind, what, detail))
}
