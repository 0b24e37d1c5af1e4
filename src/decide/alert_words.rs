//! The words of a plan: the template of its response plan, filled from the alert.

use super::matching::{GENERAL_TEMPLATE, Hazard, Match};
use super::target::place_name;
use super::text::{Slots, fill};
use super::{Rules, reason};
use crate::model::{
    Alert, AlertForm, AreaCode, AreaLevel, Info, Level, Message, Reason, TerminalId,
};
use std::collections::BTreeSet;

/// Area names said aloud before "等".
const AREAS_SPOKEN_MAX: usize = 6;

pub(super) fn words(
    rules: &Rules,
    alert: &Alert,
    info: &Info,
    areas: &[AreaCode],
    terminals: &BTreeSet<TerminalId>,
    matched: &Match,
) -> (Message, Vec<Reason>) {
    let response = &matched.plan;
    let (text, mut notes) = fill(
        template(rules, &response.template, GENERAL_TEMPLATE),
        &slots(rules, alert, info, areas, terminals),
    );
    if text.is_empty() {
        notes.push(reason("no_words", "预警没有可播的文字，只播录音"));
    }
    let message = Message {
        text,
        voice: response.voice.clone(),
        recording: sound_of(alert, info).or_else(|| response.recording.clone()),
        fallback_recording: response.fallback_recording.clone(),
    };
    (message, notes)
}

/// Sound that came with a message of a broadcast platform, checked and put on the shelf by the gateway.
fn sound_of(alert: &Alert, info: &Info) -> Option<String> {
    let uris = info.resources.iter().filter_map(|resource| resource.uri.as_deref());
    let mut names = uris.filter_map(|uri| uri.strip_prefix("recording:"));
    names.next().filter(|_| alert.form == AlertForm::Ebm).map(str::to_owned)
}

pub(super) fn template<'a>(rules: &'a Rules, name: &str, otherwise: &'a str) -> &'a str {
    let found = rules.policy.templates.iter().find(|template| template.name == name);
    found.map_or(otherwise, |template| template.text.as_str())
}

pub(super) fn slots(
    rules: &Rules,
    alert: &Alert,
    info: &Info,
    areas: &[AreaCode],
    terminals: &BTreeSet<TerminalId>,
) -> Slots {
    let hazard = Hazard::of(info).title;
    let level = level_word(info.level);
    let written = |text: &Option<String>| text.clone().unwrap_or_default();
    let filled = |text: &&String| !text.trim().is_empty();
    let spoken = info.speaker_message.as_ref().filter(filled);
    let headline = written(&info.headline);
    let headline = match (headline.trim().is_empty(), hazard.is_empty()) {
        (true, false) => format!("{hazard}{level}预警"),
        _ => headline,
    };
    Slots {
        headline,
        description: spoken.cloned().unwrap_or_else(|| written(&info.description)),
        instruction: written(&info.instruction),
        sender: alert.sender_name.clone().unwrap_or_else(|| written(&info.sender_name)),
        areas: spoken_areas(rules, areas, terminals),
        level: level.to_owned(),
        hazard,
    }
}

pub(super) fn level_word(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Red) => "红色",
        Some(Level::Orange) => "橙色",
        Some(Level::Yellow) => "黄色",
        Some(Level::Blue) => "蓝色",
        None => "",
    }
}

/// Names of the places, townships when there is no exact cover.
fn spoken_areas(rules: &Rules, areas: &[AreaCode], terminals: &BTreeSet<TerminalId>) -> String {
    let mut codes: Vec<AreaCode> = areas.to_vec();
    if codes.is_empty() {
        let townships: BTreeSet<AreaCode> = terminals
            .iter()
            .filter_map(|terminal| rules.network.terminals.get(terminal))
            .map(|terminal| terminal.area.at(AreaLevel::Township).unwrap_or(terminal.area))
            .collect();
        codes = townships.into_iter().collect();
    }
    let names: Vec<String> =
        codes.iter().take(AREAS_SPOKEN_MAX).map(|code| place_name(&rules.network, *code)).collect();
    let more = codes.len().saturating_sub(AREAS_SPOKEN_MAX);
    let list = names.join("、");
    if more > 0 { format!("{list}等{}个地方", codes.len()) } else { list }
}
