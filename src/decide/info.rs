//! Which `info` blocks of an alert are spoken.
//!
//! Blocks are chosen by language, never by position: Chinese ones first (by tag, or by their
//! letters when the tag is missing). Of several Chinese blocks the one of the highest level that is
//! still in force decides level, words and times; the areas of the other blocks of the same event
//! are added, so that nobody whom the alert names is left out. Blocks that are over (`AllClear` or
//! expired) take no part; blocks of another event are noted for people.

use super::matching::Hazard;
use super::reason;
use crate::model::{Alert, AlertArea, Info, Reason, UtcMs};

/// The blocks that count.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    pub(super) main: &'a Info,
    pub(super) areas: Vec<AlertArea>,
    pub(super) notes: Vec<Reason>,
    /// Whether the words are in another language than Chinese.
    pub(super) foreign: bool,
}

#[derive(Debug)]
pub(super) enum Choice<'a> {
    /// Something is in force.
    Speak(Chosen<'a>),
    /// Every block says that it is over by `AllClear`.
    AllClear(Chosen<'a>),
    /// Every block has expired.
    Expired(Chosen<'a>),
    /// No block at all.
    Nothing,
}

pub(super) fn choose(alert: &Alert, now: UtcMs) -> Choice<'_> {
    let (blocks, foreign) = in_our_language(alert);
    let in_force = |info: &&Info| !is_all_clear(info) && !is_expired(info, now);
    let open: Vec<&Info> = blocks.iter().copied().filter(in_force).collect();
    if !open.is_empty() {
        return gather(&open, blocks.len() - open.len(), foreign)
            .map_or(Choice::Nothing, Choice::Speak);
    }
    let cleared: Vec<&Info> = blocks.iter().copied().filter(|info| is_all_clear(info)).collect();
    if !cleared.is_empty() {
        return gather(&cleared, 0, foreign).map_or(Choice::Nothing, Choice::AllClear);
    }
    gather(&blocks, 0, foreign).map_or(Choice::Nothing, Choice::Expired)
}

/// The Chinese blocks, or all when there is none.
fn in_our_language(alert: &Alert) -> (Vec<&Info>, bool) {
    let pick = |wanted: fn(&Info) -> bool| -> Vec<&Info> {
        alert.infos.iter().filter(|info| wanted(info)).collect()
    };
    let tagged = pick(is_chinese_tag);
    if !tagged.is_empty() {
        return (tagged, false);
    }
    let lettered = pick(has_chinese_letters);
    if !lettered.is_empty() {
        return (lettered, false);
    }
    (alert.infos.iter().collect(), true)
}

fn is_chinese_tag(info: &Info) -> bool {
    let tag = info.language.trim().to_ascii_lowercase();
    ["zh", "chi", "cmn"].iter().any(|prefix| tag.starts_with(prefix))
}

fn has_chinese_letters(info: &Info) -> bool {
    [&info.headline, &info.description, &info.speaker_message]
        .into_iter()
        .flatten()
        .any(|text| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)))
}

fn is_all_clear(info: &Info) -> bool {
    info.response_types.iter().any(|kind| kind.trim().eq_ignore_ascii_case("allclear"))
}

fn is_expired(info: &Info, now: UtcMs) -> bool {
    info.expires.is_some_and(|expires| expires <= now)
}

fn gather<'a>(blocks: &[&'a Info], n_over: usize, foreign: bool) -> Option<Chosen<'a>> {
    // Of equal levels the first one counts: max_by_key would take the last.
    let main = blocks.iter().copied().rev().max_by_key(|info| info.level)?;
    let event = Hazard::of(main);
    let mut areas = Vec::new();
    let mut notes = Vec::new();
    let mut others = Vec::new();
    for info in blocks.iter().copied() {
        let theirs = Hazard::of(info);
        let same_event = theirs == event || info.event.trim() == main.event.trim();
        if same_event {
            areas.extend(info.areas.iter().cloned());
        } else if !others.contains(&theirs.title) {
            others.push(theirs.title);
        }
    }
    if n_over > 0 {
        notes.push(reason("info_over", format!("{n_over} 段内容已解除或过期，不播")));
    }
    if !others.is_empty() {
        notes.push(reason(
            "other_event_in_alert",
            format!("同一预警还含有 {}，未随本方案播发，请值班人员核实", others.join("、")),
        ));
    }
    if blocks.iter().any(|info| info.level != main.level) {
        notes.push(reason("highest_level_decides", "多段内容级别不同，按最高级别处理"));
    }
    Some(Chosen { main, areas, notes, foreign })
}
