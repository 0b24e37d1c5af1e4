//! Simulation: the real core and the real terminals under seeded loss, delay, duplicates, crashes,
//! partitions, clock errors, late cancels and a full disk; invariants checked after every step.
//!
//! `SIM_RUNS=20000` runs more seeds, `SIM_SEED=n` replays one. Planted bugs: `README.md`.

#![expect(clippy::print_stdout, reason = "a test talks to whoever runs it")]

mod checks;
mod world;

use world::{Bug, World};

/// Seeds of an ordinary test run.
const RUNS: u64 = 200;
/// Seeds in which a planted bug must be found.
const BUG_RUNS: u64 = 60;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_seed_keeps_every_invariant() {
    if let Some(seed) = number("SIM_SEED") {
        let mut world = World::new(seed, None);
        world.talk = true;
        assert_eq!(world.run(), Vec::<String>::new(), "seed {seed}");
        return;
    }
    let mut steps = 0;
    let mut played = 0;
    let mut silent = 0;
    for seed in 0..number("SIM_RUNS").unwrap_or(RUNS) {
        let mut world = World::new(seed, None);
        let broken = world.run();
        assert_eq!(broken, Vec::<String>::new(), "replay with SIM_SEED={seed}");
        steps += world.steps;
        played += world.n_played();
        silent += world.n_not_played();
    }
    // A simulation in which nobody plays, or nothing ever goes wrong, proves nothing.
    assert!(played > steps / 1_000 && silent > 0, "{steps} steps, {played} played, {silent} not");
}

#[test]
fn planted_bugs_are_found() {
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let found = (0..BUG_RUNS).find(|seed| !World::new(*seed, Some(bug)).run().is_empty());
        match found {
            Some(seed) => println!("{bug:?}: found by seed {seed}"),
            None => missed.push(bug),
        }
    }
    assert_eq!(missed, Vec::<Bug>::new(), "planted bugs that no seed found");
}
