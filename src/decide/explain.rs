//! Everything `mingluo explain` shows of a decision: pure data, made by the same functions that
//! decide.

use super::info::{Choice, choose};
use super::matching::{Hazard, match_plan};
use super::plan::{Decision, plan};
use super::target::{place_name, resolve};
use super::{Memory, Rules};
use crate::model::{Alert, AlertId, AreaLevel, Level, MsgType, PlanId, Reason, Status, UtcMs};
use serde::Serialize;
use std::collections::BTreeMap;

/// How many terminals of a township would hear it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TownshipCount {
    /// Name of the township (or the county seat).
    pub name: String,
    /// Terminals.
    pub n_terminals: usize,
}

/// A dry run in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Identity.
    pub id: AlertId,
    /// `status`.
    pub status: Status,
    /// `msgType`.
    pub msg_type: MsgType,
    /// Hazard code, when known.
    pub hazard_code: Option<String>,
    /// Hazard name.
    pub hazard: String,
    /// Level, when known.
    pub level: Option<Level>,
    /// Headline of the chosen block.
    pub headline: String,
    /// `plan`, `recorded`, `refused` or `cancel`.
    pub decision: &'static str,
    /// Why, in order.
    pub reasons: Vec<Reason>,
    /// The plan, or the all-clear of a cancel.
    pub plan: Option<crate::model::Plan>,
    /// Response plans that did not match, each with the reason.
    pub misses: Vec<(String, Reason)>,
    /// Who would hear it.
    pub townships: Vec<TownshipCount>,
    /// What nobody here knows.
    pub unknown: Vec<String>,
    /// What is elsewhere.
    pub outside: Vec<String>,
    /// Length of one play in milliseconds, filled in by the caller once the audio is known.
    pub airtime_ms: Option<u32>,
}

/// Explains what `plan` would decide.
#[must_use]
pub fn explain(rules: &Rules, now: UtcMs, alert: &Alert, memory: &Memory) -> Explanation {
    let decided = plan(rules, now, alert, memory, PlanId(0));
    let (decision, reasons, plan) = match decided {
        Decision::Plan(plan) => ("plan", plan.reasons.clone(), Some(*plan)),
        Decision::Recorded(reasons) => ("recorded", reasons, None),
        Decision::Refused(refusal) => ("refused", refusal.reasons, None),
        Decision::Cancel(cancel) => {
            ("cancel", cancel.reasons, cancel.announce.map(|announce| *announce))
        }
    };
    let choice = choose(alert, now);
    let chosen = match &choice {
        Choice::Speak(chosen) | Choice::AllClear(chosen) | Choice::Expired(chosen) => Some(chosen),
        Choice::Nothing => None,
    };
    let info = chosen.map(|chosen| chosen.main);
    let targets = chosen
        .map(|chosen| resolve(&rules.network, &rules.index, now, &chosen.areas))
        .unwrap_or_default();
    let misses = info
        .map(|info| match_plan(&rules.policy, &rules.network, alert, info, &targets).misses)
        .unwrap_or_default();
    let hazard = info.map(Hazard::of).unwrap_or_default();
    Explanation {
        id: alert.id.clone(),
        status: alert.status,
        msg_type: alert.msg_type,
        hazard_code: hazard.code,
        hazard: hazard.title,
        level: info.and_then(|info| info.level),
        headline: info.and_then(|info| info.headline.clone()).unwrap_or_default(),
        decision,
        reasons,
        townships: plan.as_ref().map(|plan| townships(rules, plan)).unwrap_or_default(),
        plan,
        misses,
        unknown: targets.unknown,
        outside: targets.outside,
        airtime_ms: None,
    }
}

fn townships(rules: &Rules, plan: &crate::model::Plan) -> Vec<TownshipCount> {
    let mut counts = BTreeMap::new();
    for terminal in &plan.terminals {
        if let Some(terminal) = rules.network.terminals.get(terminal) {
            let township = terminal.area.at(AreaLevel::Township).unwrap_or(terminal.area);
            *counts.entry(township).or_insert(0) += 1;
        }
    }
    counts
        .into_iter()
        .map(|(code, n_terminals)| TownshipCount {
            name: place_name(&rules.network, code),
            n_terminals,
        })
        .collect()
}
