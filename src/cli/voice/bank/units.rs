//! What the bank says: units, and the breaths in which they are spoken.

use crate::render::bank::key;
use crate::render::text::{FrontEnd, Lexicon, Piece, syllables, syllables_in_use, symbols};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Symbols of a breath, above which the next unit goes into another one. Bounds memory, and a voice that
/// says too long a list grows hasty.
const BREATH_SYMBOLS_MAX: usize = 130;
/// Speed of words: slow enough that the voice makes a pause after each.
const WORD_SPEED: f32 = 0.9;
/// Speed of the phrases that carry syllables: slower than words, for the syllable is weak between the others.
const SYLLABLE_SPEED: f32 = 0.8;
/// What is said after a syllable. Alone in a list it is drawn out, so that aspiration becomes a hiss (请 was
/// heard as 行是); before another it is said as in speech, and parts cleanly where the mouth closes for the stop.
const CARRIER: (char, &str) = ('的', "de5");
/// Neighbours in a list of syllables are this far apart in the alphabet, so that they differ.
const SYLLABLE_STRIDE: usize = 97;
/// Characters of the longest clause taken whole from a template or a recorded message.
const CLAUSE_CHARS_MAX: usize = 16;
/// Ends of area names that are words of their own.
const BODIES: [&str; 4] = ["社区居民委员会", "居民委员会", "社区居委会", "居委会"];

/// One sound to make.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    /// Its reading, the bank's key.
    pub(super) key: String,
    /// What the neural voice says.
    symbols: Vec<i32>,
    /// How many symbols of it come after the unit itself; none after words.
    after: usize,
    speed: f32,
}

/// Units spoken in one go, as a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Breath {
    /// All symbols, the first and last item of the list included.
    pub(super) symbols: Vec<i32>,
    /// Speed of the voice.
    pub(super) speed: f32,
    /// The units in it.
    pub(super) units: Vec<Place>,
}

/// Where a unit is in a breath.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// Its key.
    pub(super) key: String,
    /// Its first symbol.
    pub(super) first: usize,
    /// The symbol after its last one.
    pub(super) end: usize,
    /// Whether another syllable follows without a pause.
    pub(super) carried: bool,
}

/// The symbols of `, `.
const COMMA: [i32; 2] = [3, 16];
/// The symbol of the full stop.
const STOP: i32 = 4;

/// Packs units into breaths in their order; each list begins and ends with an item that is thrown away,
/// because the first is said higher and the last lower than the others.
pub(super) fn breaths(units: &[Unit]) -> Vec<Breath> {
    let edge = |syllable: &str, hanzi| symbols(&[word(hanzi, syllable)]);
    let (first, last) = (edge("er4", '二'), edge("san1", '三'));
    let mut breaths: Vec<Breath> = Vec::new();
    for unit in units {
        let fits = |b: &Breath| {
            b.speed.total_cmp(&unit.speed).is_eq()
                && b.symbols.len() + unit.symbols.len() <= BREATH_SYMBOLS_MAX
        };
        if !breaths.last().is_some_and(fits) {
            let symbols = [first.as_slice(), &COMMA].concat();
            breaths.push(Breath { symbols, speed: unit.speed, units: Vec::new() });
        }
        let Some(breath) = breaths.last_mut() else { continue };
        let first = breath.symbols.len();
        breath.symbols.extend(&unit.symbols);
        let end = breath.symbols.len().saturating_sub(unit.after);
        let carried = unit.after > 0;
        breath.units.push(Place { key: unit.key.clone(), first, end, carried });
        breath.symbols.extend(COMMA);
    }
    for breath in &mut breaths {
        breath.symbols.extend(&last);
        breath.symbols.push(STOP);
    }
    breaths
}

/// The units of the whole bank, the most needed first.
pub(super) fn all(configs: &Path, samples: &Path) -> Result<Vec<Unit>> {
    let front_end = front_end(configs)?;
    let in_use = syllables_in_use();
    let mut units = carried_all(&in_use.iter().cloned().collect::<Vec<_>>());
    // What no dictionary uses: only a place's own reading may need it.
    units.extend(carried_all(&syllables().difference(&in_use).cloned().collect::<Vec<_>>()));
    units.extend(('A'..='Z').map(|c| unit(&[Piece::Letters(c.to_string())], WORD_SPEED)));
    let mut texts = lines(&read(&samples.join("bank-words.txt"))?);
    texts.extend(areas(&read(&configs.join("areas.toml"))?)?);
    texts.extend(clauses(&read(&configs.join("policy.toml"))?)?);
    texts.extend(clauses(&read(&samples.join("recordings.toml"))?)?);
    units.extend(words(&front_end, &texts));
    Ok(distinct(units))
}

/// Syllables in an order in which neighbours differ.
fn carried_all(syllables: &[String]) -> Vec<Unit> {
    (0..SYLLABLE_STRIDE)
        .flat_map(|first| syllables.iter().skip(first).step_by(SYLLABLE_STRIDE))
        .map(|syllable| carried(syllable))
        .collect()
}

/// A syllable before the carrier.
fn carried(syllable: &str) -> Unit {
    let own = ('\u{3007}', Some(syllable.to_owned()));
    let carrier = (CARRIER.0, Some(CARRIER.1.to_owned()));
    let after = symbols(&[Piece::Word(vec![carrier.clone()])]).len();
    let key = key(&[Piece::Word(vec![own.clone()])]);
    let symbols = symbols(&[Piece::Word(vec![own, carrier])]);
    Unit { key, symbols, after, speed: SYLLABLE_SPEED }
}

/// The units of a county's own list of words.
pub(super) fn local(list: &Path, configs: &Path) -> Result<Vec<Unit>> {
    let front_end = front_end(configs)?;
    Ok(distinct(words(&front_end, &lines(&read(list)?))))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))
}

fn front_end(configs: &Path) -> Result<FrontEnd> {
    Ok(FrontEnd::new(Lexicon::parse(&read(&configs.join("phrases.toml"))?)?))
}

fn word(hanzi: char, syllable: &str) -> Piece {
    Piece::Word(vec![(hanzi, Some(syllable.to_owned()))])
}

fn unit(pieces: &[Piece], speed: f32) -> Unit {
    Unit { key: key(pieces), symbols: symbols(pieces), after: 0, speed }
}

/// One unit of each text, in one piece even where it has a pause.
fn words(front_end: &FrontEnd, texts: &[String]) -> Vec<Unit> {
    let spoken = texts.iter().filter_map(|text| front_end.script(text).ok());
    spoken
        .map(|script| {
            let pieces: Vec<Piece> = script
                .chunks
                .into_iter()
                .flat_map(|chunk| chunk.pieces)
                .filter(|piece| !matches!(piece, Piece::Pause(_)))
                .collect();
            unit(&pieces, WORD_SPEED)
        })
        .collect()
}

/// The first of each key; syllables come first.
fn distinct(units: Vec<Unit>) -> Vec<Unit> {
    let mut seen = BTreeSet::new();
    let new = |u: &Unit| !u.key.is_empty() && !u.symbols.is_empty() && seen.insert(u.key.clone());
    let mut new = new;
    units.into_iter().filter(|u| new(u)).collect()
}

/// Words apart by white space; `#` begins a remark.
fn lines(text: &str) -> Vec<String> {
    let without_remark = |line: &'_ str| line.split('#').next().unwrap_or_default().to_owned();
    text.lines()
        .map(without_remark)
        .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Names of areas, without the words for the body that governs them.
fn areas(text: &str) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct File {
        areas: Vec<Area>,
    }
    #[derive(Deserialize)]
    struct Area {
        name: String,
    }
    let file: File = toml::from_str(text)?;
    let bare = |name: &str| {
        BODIES.iter().find_map(|body| name.strip_suffix(body)).unwrap_or(name).to_owned()
    };
    let names = file.areas.iter().map(|area| bare(&area.name));
    Ok(names.chain(BODIES.map(str::to_owned)).collect())
}

/// Clauses of the templates or of the recorded messages, short enough to be said again in other texts.
fn clauses(text: &str) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        templates: Vec<Text>,
        #[serde(default)]
        recording: Vec<Text>,
    }
    #[derive(Deserialize)]
    struct Text {
        text: String,
    }
    let file: File = toml::from_str(text)?;
    let mut clauses = Vec::new();
    for Text { text } in file.templates.iter().chain(&file.recording) {
        let parts = text.split(|c| "，。、；：！？".contains(c));
        // What stands in braces is another text each time.
        let parts = parts.flat_map(|part| part.split('}')).filter(|part| !part.contains('{'));
        clauses.extend(
            parts
                .filter(|part| (2..=CLAUSE_CHARS_MAX).contains(&part.chars().count()))
                .map(str::to_owned),
        );
    }
    Ok(clauses)
}
