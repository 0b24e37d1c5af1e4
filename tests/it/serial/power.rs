//! Power cut at random points of a broadcast on a line: while the order goes out, in the middle of
//! content, between two samples. Cuts at each single write of the memory are in the terminal's own
//! tests; cuts of real firmware in `.ci/firmware`.

use super::world::{World, content};
use mingluo_bridge::message::Step;

/// Random points.
const POINTS: u64 = 1_000;
/// How long the whole broadcast takes without a cut, microseconds of line time.
const STORY_US: u64 = 1_500_000;
/// Longest time without power, microseconds.
const DARK_US_MAX: u64 = 2_000_000;

/// Numbers that repeat with their seed (splitmix64).
fn random(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number << 32);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn microseconds(seed: u64, number: u64, below: u64) -> i64 {
    i64::try_from(random(seed, number) % below).unwrap()
}

/// What was cut off: nothing had begun, the sound, or nothing any more.
#[derive(Default, Debug)]
struct Ends {
    played: u32,
    interrupted: u32,
}

fn check(seed: u64, ends: &mut Ends) {
    // Every boot loses the time, and an order that nobody can judge must not be the end of it.
    let mut world = World::new(115_200, 2, seed).without_batteries();
    world.bus.trouble.flips_per_million = 200;
    world.run(100_000, |_| false);
    world.play(7, &content(2_000), false);
    world.run(microseconds(seed, 1, STORY_US), |_| false);
    world.power(1, false);
    world.run(microseconds(seed, 2, DARK_US_MAX), |_| false);
    world.power(1, true);
    let ended = |world: &World, address| world.reports.get(&(address, 7)).is_some_and(Step::is_end);
    // The schedule repeats what has no end, still valid.
    for _ in 0..20 {
        if ended(&world, 1) && ended(&world, 2) {
            break;
        }
        world.repeat();
        world.run(3_000_000, |world| ended(world, 1) && ended(world, 2));
    }
    let said = (world.reports.get(&(1, 7)), world.reports.get(&(2, 7)));
    assert_eq!(world.plays(7), [1, 1], "seed {seed}: {said:?}");
    assert_eq!(said.1, Some(&Step::Played), "seed {seed}: the neighbour is not concerned");
    match said.0 {
        Some(Step::Played) => ends.played += 1,
        Some(Step::Failed(why)) if why.as_str() == "power lost while playing" => {
            ends.interrupted += 1;
        }
        other => panic!("seed {seed}: {other:?}"),
    }
    // Whatever is said again later, and after one more boot, sounds no more.
    world.power(1, true);
    world.repeat();
    world.run(3_000_000, |_| false);
    assert_eq!(world.plays(7), [1, 1], "seed {seed}: after the end");
}

#[test]
fn without_the_time_nothing_sounds_and_nothing_is_refused_and_with_it_the_same_order_plays_once() {
    let mut world = World::new(115_200, 2, 1).without_batteries();
    world.tells_time = false;
    world.run(100_000, |_| false);
    world.play(7, &content(2_000), false);
    world.run(5_000_000, |_| false);
    assert_eq!((world.plays(7), world.reports.len()), (vec![0, 0], 0), "{:?}", world.reports);
    world.tells_time = true;
    world.repeat();
    assert!(
        world.run(5_000_000, |world| world.n_reported("Played", 7) == 2),
        "{}",
        world.figures()
    );
    world.repeat();
    world.run(2_000_000, |_| false);
    assert_eq!(world.plays(7), [1, 1]);
}

#[test]
fn the_time_goes_before_an_order_when_the_last_is_old_or_somebody_came_back() {
    let mut world = World::new(115_200, 2, 1).without_batteries();
    world.run(100_000, |_| false);
    let mut told = vec![world.times];
    for (wait_us, boots) in [(0, false), (1_000_000, false), (2_500_000, false), (600_000, true)] {
        world.run(wait_us, |_| false);
        if boots {
            // Its only poll in the dark goes without an answer.
            world.power(1, false);
            world.run(20_000_000, |world| world.offline.contains(&1));
            world.repeat();
            world.run(700_000, |_| false);
            world.power(1, true);
            world.run(20_000_000, |world| !world.offline.contains(&1));
        }
        world.play(7 + u64::try_from(told.len()).unwrap(), &content(200), false);
        world.run(100_000, |_| false);
        told.push(world.times);
    }
    let new: Vec<bool> = told.windows(2).map(|pair| pair[1] > pair[0]).collect();
    assert_eq!(new, [true, false, true, true], "{told:?}");
}

#[test]
fn power_cut_at_a_thousand_random_points_never_plays_twice_and_loses_nothing() {
    let mut ends = Ends::default();
    (1..=POINTS).for_each(|seed| check(seed, &mut ends));
    println!("{POINTS} cuts: {} played, {} interrupted", ends.played, ends.interrupted);
    // The points lie in all parts of the story.
    assert!(ends.played > 300 && ends.interrupted > 100, "{ends:?}");
}
