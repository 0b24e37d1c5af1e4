//! Rules that no compiler checks: who may import whom, how long things may be, and that documents,
//! configurations and interfaces name the same things.

mod documents;
mod guards;
mod layers;
mod sizes;
mod source;

use mingluo::config::Config;
use std::collections::BTreeMap;

#[test]
fn shipped_configurations_have_no_fault() {
    for dir in ["configs", "configs/dev"] {
        let loaded = Config::load_with(&source::root().join(dir), &BTreeMap::new());
        if let Err(faults) = loaded {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            panic!("{dir}:\n{}", lines.join("\n"));
        }
    }
}
