//! From words with readings to the fewest sounds that say them.

use super::Bank;
use super::tone::{self, Syllable};
use crate::render::text::Piece;

/// Silence for a character that nobody can read, in milliseconds.
const UNKNOWN_MS: u32 = 80;
/// What a sound costs; fewer sounds have fewer joins.
const SOUND_COST: u32 = 10;
/// What a border inside a word costs: such a join is heard most.
const SPLIT_COST: u32 = 4;
/// What a syllable of a longer word costs more than a word.
const SYLLABLE_COST: u32 = 6;

/// One thing to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Play the sound of this key; it is in the bank.
    Sound(String),
    /// Silence in milliseconds.
    Pause(u32),
}

/// The key of a piece of text: its syllables with the tones of the single characters, letters as capitals,
/// apart by spaces (`bao4 yu3`). Pauses are no part of it.
#[must_use]
pub fn key(pieces: &[Piece]) -> String {
    let syllables: Vec<String> =
        runs(pieces).into_iter().flat_map(|run| run.said).map(|s| s.key).collect();
    syllables.join(" ")
}

/// Syllables without a pause between them, and the silence after them.
struct Run {
    said: Vec<Syllable>,
    pause_ms: u32,
}

fn runs(pieces: &[Piece]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut said: Vec<Syllable> = Vec::new();
    let mut end = |said: &mut Vec<Syllable>, pause_ms: u32| {
        runs.push(Run { said: std::mem::take(said), pause_ms });
    };
    for piece in pieces {
        match piece {
            Piece::Word(word) => {
                let count = word.len();
                for (index, (hanzi, reading)) in word.iter().enumerate() {
                    let borders = (index == 0, index + 1 == count);
                    match reading.as_deref().and_then(|r| Syllable::of(*hanzi, r, borders)) {
                        Some(syllable) => said.push(syllable),
                        None => end(&mut said, UNKNOWN_MS),
                    }
                }
            }
            Piece::Letters(letters) => said.extend(letters.chars().map(Syllable::letter)),
            Piece::Pause(c) => end(&mut said, pause_ms(*c)),
        }
    }
    end(&mut said, 0);
    runs
}

/// Silence of a punctuation mark in milliseconds; the sounds' own edges come to it.
fn pause_ms(mark: char) -> u32 {
    match mark {
        '、' => 80,
        '，' => 200,
        '；' | '：' => 250,
        _ => 350,
    }
}

/// The steps that say `pieces`.
pub(super) fn steps(bank: &Bank, pieces: &[Piece]) -> Vec<Step> {
    let mut steps = Vec::new();
    for run in runs(pieces) {
        cover(bank, &run.said, &mut steps);
        if run.pause_ms > 0 {
            steps.push(Step::Pause(run.pause_ms));
        }
    }
    steps
}

/// The cheapest way to say the syllables up to some place.
#[derive(Clone, Copy)]
struct Best {
    cost: u32,
    /// Syllables of the last sound.
    length: usize,
}

/// Covers a run with sounds at the lowest sum of costs.
fn cover(bank: &Bank, run: &[Syllable], steps: &mut Vec<Step>) {
    let mut best = vec![Best { cost: 0, length: 0 }];
    for end in 1..=run.len() {
        let longest = bank.syllables_max().min(end);
        let mut found = Best { cost: u32::MAX, length: 1 };
        for length in 1..=longest.max(1) {
            let before = best.get(end - length).map_or(u32::MAX, |b| b.cost);
            let part = run.get(end - length..end).unwrap_or_default();
            let cost = cost(bank, part).map(|c| c.saturating_add(before));
            // At equal cost the longer last sound wins.
            if let Some(cost) = cost.filter(|c| *c <= found.cost) {
                found = Best { cost, length };
            }
        }
        best.push(found);
    }
    let mut lengths = Vec::new();
    let mut end = run.len();
    while end > 0 {
        let length = best.get(end).map_or(1, |b| b.length.max(1));
        lengths.push(length);
        end = end.saturating_sub(length);
    }
    for length in lengths.into_iter().rev() {
        let part = run.get(end..end + length).unwrap_or_default();
        match part {
            [own] => steps.extend(lone(bank, run, own, end)),
            part => steps.push(Step::Sound(joined(part))),
        }
        end += length;
    }
}

fn joined(part: &[Syllable]) -> String {
    part.iter().map(|s| s.key.as_str()).collect::<Vec<_>>().join(" ")
}

fn cost(bank: &Bank, part: &[Syllable]) -> Option<u32> {
    let (first, last) = (part.first()?, part.last()?);
    if part.len() > 1 && !bank.has(&joined(part)) {
        return None;
    }
    let split = |whole: bool| if whole { 0 } else { SPLIT_COST };
    let alone = part.len() == 1 && !(first.starts && first.ends);
    let alone = if alone { SYLLABLE_COST } else { 0 };
    Some(SOUND_COST + split(first.starts) + split(last.ends) + alone)
}

/// What says one syllable or letter among its neighbours: its sound, or that of the nearest tone that is
/// there; the name of a letter that has a better one.
fn lone(bank: &Bank, run: &[Syllable], own: &Syllable, at: usize) -> Vec<Step> {
    let sound = |key: &str| Step::Sound(key.to_owned());
    let name = tone::name_of_letter(&own.key);
    if let Some(name) = name.filter(|name| name.iter().all(|key| bank.has(key))) {
        return name.iter().map(|key| sound(key)).collect();
    }
    let before = at.checked_sub(1).and_then(|n| run.get(n));
    let said = tone::surface(before, own, run.get(at + 1));
    if bank.has(&said) {
        return vec![Step::Sound(said)];
    }
    let bare = said.trim_end_matches(|c: char| c.is_ascii_digit());
    let mut nearest = ["4", "1", "2", "3", "5"].iter().map(|t| format!("{bare}{t}"));
    let nearest = nearest.find(|key| bank.has(key));
    vec![nearest.map_or(Step::Pause(UNKNOWN_MS), Step::Sound)]
}
