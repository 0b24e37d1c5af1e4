//! The master of a serial line and real terminal cores on a virtual bus: nothing waits for a clock.
#![expect(clippy::print_stdout, reason = "a test shows its figures")]

mod choice;
mod config;
mod phrases;
mod power;
mod pty;
mod sm2;
mod system;
mod two_ways;
mod world;

use mingluo::simulate::LineTrouble;
use world::*;

/// Bare airtime of 20 s of ADPCM at 115200, microseconds.
const BARE_US: i64 = 80_000 * 10 * 1_000_000 / 115_200;

#[test]
fn a_clip_for_32_takes_little_more_than_its_own_airtime() {
    let mut world = World::new(115_200, 32, 1);
    let bytes = content(80_000);
    let start = world.now_us;
    world.play(7, &bytes, false);
    assert!(world.run(20_000_000, |world| world.n_here() == 32), "{}", world.figures());
    let took_us = world.now_us - start;
    println!("clean: {:.3} of bare airtime; {}", ratio(took_us, BARE_US), world.figures());
    assert!(took_us * 100 <= BARE_US * 115, "{took_us} us of {BARE_US}: {}", world.figures());
    assert!(
        world.terminals.iter_mut().all(|t| t.flash().content(&digest(&bytes)) == Some(&bytes[..]))
    );
    assert!(world.run(40_000_000, |world| world.n_reported("Played", 7) == 32));
    assert_eq!(world.plays(7), vec![1; 32]);
    assert_eq!(world.bus.figures.collisions, 0);
}

#[test]
fn noise_costs_repeats_of_what_is_missing_and_no_more() {
    for seed in 1..6 {
        let mut world = World::new(115_200, 32, seed);
        world.bus.trouble.flips_per_million = 300;
        let bytes = content(80_000);
        let start = world.now_us;
        world.play(7, &bytes, false);
        assert!(world.run(30_000_000, |world| world.n_here() == 32), "{}", world.figures());
        let took_us = world.now_us - start;
        println!("300/million, seed {seed}: {:.3}; {}", ratio(took_us, BARE_US), world.figures());
        assert!(took_us * 10 <= BARE_US * 18, "{took_us} us of {BARE_US}");
        assert!(world.run(60_000_000, |world| world.n_reported("Played", 7) == 32));
        assert_eq!(world.plays(7), vec![1; 32]);
    }
}

/// A bus of 32 at 9600 baud whose terminals all keep the clip already, heard by the gateway.
fn stored_at_9600() -> (World, Vec<u8>) {
    let mut world = World::new(9_600, 32, 1);
    let bytes = content(80_000);
    for terminal in &mut world.terminals {
        terminal.flash().place(digest(&bytes), bytes.clone());
    }
    world.run(20_000_000, |_| false);
    (world, bytes)
}

#[test]
fn a_stored_warning_at_9600_sounds_at_once_and_all_answer() {
    let (mut world, bytes) = stored_at_9600();
    let start = world.now_us;
    world.play(7, &bytes, true);
    assert!(world.run(10_000_000, |world| world.n_started(7) == 32), "{}", world.figures());
    let sound_us = world.now_us - start;
    assert!(world.run(20_000_000, |world| world.n_reported("", 7) == 32), "{}", world.figures());
    let answered_us = world.now_us - start;
    println!("9600 stored: all sound after {sound_us} us, all answered after {answered_us} us");
    assert!(sound_us <= 1_500_000, "{sound_us} us to the sound of all");
    assert!(answered_us <= 5_000_000, "{answered_us} us to the last acknowledgement");
    assert!(world.run(60_000_000, |world| world.n_reported("Played", 7) == 32));
    assert_eq!(world.plays(7), vec![1; 32]);
}

#[test]
fn a_gateway_that_forgot_asks_before_it_sends_again() {
    let (mut world, bytes) = stored_at_9600();
    let start = world.now_us;
    world.play(7, &bytes, false);
    assert!(world.run(20_000_000, |world| world.n_reported("", 7) == 32), "{}", world.figures());
    assert!(world.now_us - start < 6_000_000, "{} us", world.now_us - start);
    assert_eq!(world.master.figures.chunks, 0);
}

#[test]
fn who_is_silent_holds_up_nobody_and_gets_it_when_back() {
    let mut world = World::new(115_200, 8, 1);
    let bytes = content(20_000);
    world.terminals[2].dead = true;
    let start = world.now_us;
    world.play(7, &bytes, false);
    assert!(world.run(10_000_000, |world| world.n_here() == 7), "{}", world.figures());
    assert!(world.now_us - start < 3_500_000, "{} us", world.now_us - start);
    let chunks = world.master.figures.chunks;
    world.run(5_000_000, |_| false);
    assert_eq!(world.master.figures.chunks, chunks, "silence is not everything missing");
    assert!(world.offline.contains(&3));
    world.terminals[2].dead = false;
    assert!(world.run(120_000_000, |world| world.n_here() == 8), "{}", world.figures());
    assert!(!world.offline.contains(&3));
    world.run(30_000_000, |_| false);
    assert_eq!(world.plays(7), vec![1; 8]);
}

#[test]
fn a_cut_cable_or_a_stuck_talker_ends_and_the_rest_follows() {
    for trouble in [
        LineTrouble { cut_at: Some(4), ..LineTrouble::default() },
        LineTrouble { stuck: Some(3), ..LineTrouble::default() },
    ] {
        let mut world = World::new(115_200, 8, 1);
        let bytes = content(20_000);
        world.play(7, &bytes, false);
        world.run(300_000, |_| false);
        world.bus.trouble = trouble;
        world.run(6_000_000, |_| false);
        assert!(world.n_here() < 8);
        world.bus.trouble = LineTrouble::default();
        assert!(world.run(200_000_000, |world| world.n_here() == 8), "{}", world.figures());
        world.run(30_000_000, |_| false);
        assert_eq!(world.plays(7), vec![1; 8], "{trouble:?}");
    }
}

#[test]
fn orders_to_single_terminals_share_one_clip() {
    let mut world = World::new(9_600, 8, 1);
    let bytes = content(8_000);
    for address in 1..=8 {
        world.play_to(7, &bytes, false, Some(address));
    }
    assert!(world.run(30_000_000, |world| world.n_here() == 8), "{}", world.figures());
    // Once for all, and what the last ones missed at its beginning.
    assert!(world.master.figures.chunks <= 36 + 20, "{}", world.figures());
    assert!(world.run(60_000_000, |world| world.n_reported("Played", 7) == 8));
    assert_eq!(world.plays(7), vec![1; 8]);
}

#[test]
fn an_echo_is_no_answer() {
    let mut world = World::new(115_200, 4, 1);
    world.bus.trouble.echo = true;
    let bytes = content(20_000);
    world.play(7, &bytes, false);
    assert!(world.run(10_000_000, |world| world.n_here() == 4), "{}", world.figures());
}

#[test]
fn a_cancel_goes_before_content_that_is_on_its_way() {
    let mut world = World::new(9_600, 8, 1);
    world.play(7, &content(40_000), false);
    world.run(3_000_000, |_| false);
    let start = world.now_us;
    world.cancel(8, 7);
    assert!(world.run(30_000_000, |world| world.n_reported("Cancelled", 7) == 8));
    let took_us = world.now_us - start;
    println!("cancel at 9600 in the middle of content: {took_us} us to the last answer");
    assert!(took_us <= 3_000_000, "{took_us} us");
    assert_eq!(world.plays(7), vec![0; 8]);
}
