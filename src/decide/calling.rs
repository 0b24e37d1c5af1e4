//! Who is called about an area: its own responsible persons first, then the township's, then the
//! county's. A level without anybody is passed over.

use crate::model::{AreaCode, AreaLevel, CallStage, Contact, Network, TerminalId};
use std::collections::BTreeSet;

/// Every stage, in order.
const STAGES: [CallStage; 3] = [CallStage::Village, CallStage::Township, CallStage::County];

/// At which stage a responsible person of an area is called; `None` = above a county, never.
#[must_use]
pub fn stage_of(area: AreaCode) -> Option<CallStage> {
    match area.level() {
        AreaLevel::Village => Some(CallStage::Village),
        AreaLevel::Township => Some(CallStage::Township),
        AreaLevel::County => Some(CallStage::County),
        AreaLevel::City | AreaLevel::Province => None,
    }
}

fn level(stage: CallStage) -> AreaLevel {
    match stage {
        CallStage::Village => AreaLevel::Village,
        CallStage::Township => AreaLevel::Township,
        CallStage::County => AreaLevel::County,
    }
}

/// Areas that are called: those in which the terminals stand.
#[must_use]
pub fn called_areas<'a>(
    network: &Network,
    terminals: impl Iterator<Item = &'a TerminalId>,
) -> BTreeSet<AreaCode> {
    terminals.filter_map(|id| network.terminals.get(id)).map(|terminal| terminal.area).collect()
}

/// The first stage after `after` that has somebody for `area`, with all of them; `None` = nobody is
/// left.
#[must_use]
pub fn next_called(
    network: &Network,
    area: AreaCode,
    after: Option<CallStage>,
) -> Option<(CallStage, Vec<&Contact>)> {
    STAGES.into_iter().filter(|stage| after.is_none_or(|after| *stage > after)).find_map(|stage| {
        let place = area.at(level(stage))?;
        let found: Vec<&Contact> =
            network.contacts.iter().filter(|contact| contact.area == place).collect();
        (!found.is_empty()).then_some((stage, found))
    })
}

/// The name of an area for people, with the township's before a village's.
#[must_use]
pub fn area_name(network: &Network, area: AreaCode) -> String {
    let name = |code: AreaCode| network.areas.get(&code).map(|area| area.name.clone());
    let township = area.at(AreaLevel::Township).filter(|township| *township != area);
    let own = name(area).unwrap_or_else(|| area.to_string());
    township.and_then(name).map_or(own.clone(), |township| format!("{township}{own}"))
}
