//! Local words of `phrases.toml`: whether the file is right, and which place names lack a reading.

use super::areas::AreaLines;
use super::reader::Faults;
use crate::model::Network;
use crate::render::text::{Lexicon, Names};
use std::collections::BTreeSet;
use std::path::Path;

const FILE: &str = "phrases.toml";
/// Place names that are named before "and more".
const NAMED_MAX: usize = 20;

/// Checks the file, and warns of each name of an area or a terminal that a voice may read wrongly. Without
/// the file every unsure name is one.
pub(super) fn check(dir: &Path, network: &Network, areas: &AreaLines, faults: &Faults) {
    let lexicon = match std::fs::read_to_string(dir.join(FILE)) {
        Ok(text) => match Lexicon::parse(&text) {
            Ok(lexicon) => lexicon,
            Err(fault) => {
                faults.push(FILE, None, fault.0, "correct the entry");
                return;
            }
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Lexicon::default(),
        Err(e) => {
            faults.push(FILE, None, format!("can't be read: {e}"), "make it readable");
            return;
        }
    };
    let names = Names::new(&lexicon);
    let areas_named = network
        .areas
        .values()
        .map(|area| ("areas.toml", areas.lines.get(&area.code).copied(), area.name.as_str()));
    // A terminal's name begins with its place, word by word.
    let terminals_named = network.terminals.values().flat_map(|terminal| {
        terminal.name.split_whitespace().map(|part| ("terminals.csv", None, part))
    });
    let mut words = BTreeSet::new();
    for (file, line, name) in areas_named.chain(terminals_named) {
        let Some(unsure) = names.unsure(name) else { continue };
        if !words.insert(unsure.word.clone()) || words.len() > NAMED_MAX {
            continue;
        }
        let what = format!(
            "`{name}` has no reading in {FILE}, and `{}` can be read in more than one way",
            unsure.characters
        );
        let remedy = format!(
            "ask a local and add: [[reading]] word = \"{}\" pinyin = \"{}\"",
            unsure.word, unsure.pinyin
        );
        faults.warn(file, line, what, remedy);
    }
    if words.len() > NAMED_MAX {
        let what = format!("{} more place names have no reading", words.len() - NAMED_MAX);
        faults.warn(FILE, None, what, "add the ones above, then check again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Area, AreaCode};

    /// A network of one area with this name.
    fn named(name: &str) -> Network {
        let code = AreaCode::parse("430621999999").expect("code");
        let area = Area {
            code,
            name: name.to_owned(),
            valid_from: None,
            valid_until: None,
            aliases: Vec::new(),
        };
        Network { areas: [(code, area)].into(), ..Network::default() }
    }

    fn warnings(name: &str) -> Vec<String> {
        let faults = Faults::default();
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
        check(&dir, &named(name), &AreaLines::default(), &faults);
        let (faults, warnings) = faults.into_lists();
        assert!(faults.is_empty(), "{faults:?}");
        warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_place_without_a_sure_reading_is_warned_of_with_the_line_to_add() {
        assert_eq!(warnings("柏祥镇"), Vec::<String>::new());
        assert_eq!(warnings("大明村"), Vec::<String>::new());
        let found = warnings("长乐镇");
        assert_eq!(found.len(), 1, "{found:?}");
        for part in ["长乐镇", "areas.toml", "word = \"长乐\"", "chang2"] {
            assert!(found[0].contains(part), "{part} in {found:?}");
        }
    }
}
