//! Messages put together from kept phrases on a line of 9600 baud, in the line's own time.
#![expect(clippy::print_stdout, reason = "a test shows its figures")]

use super::world::*;
use mingluo_bridge::intake::ClipStore;
use mingluo_bridge::message::Codec;
use mingluo_bridge::phrases::{PHRASES_BYTES_MAX, write};

const N_TERMINALS: u8 = 32;
/// Chime, hazard and level, action.
const NUMBERS: [u16; 3] = [60_004, 1, 300];

fn phrase(number: u16) -> Vec<u8> {
    content(2_000 + usize::from(number) % 1_000)
}

/// Keeps content under a number, as a keep order of a quiet night does.
fn keep(world: &mut World, number: u16, bytes: &[u8]) {
    for terminal in &mut world.terminals {
        let (flash, clip) = (terminal.flash(), clip(Codec::Adpcm, bytes));
        assert!(
            flash.begin(&clip) && flash.write(0, bytes) && flash.keep(&clip, true, Some(number))
        );
    }
}

fn world() -> World {
    let mut world = World::new(9_600, N_TERMINALS, 1);
    for number in NUMBERS {
        keep(&mut world, number, &phrase(number));
    }
    world.run(20_000_000, |_| false);
    world
}

fn list(numbers: &[u16]) -> Vec<u8> {
    let mut bytes = [0; PHRASES_BYTES_MAX];
    let meant = numbers.iter().map(|number| (*number, digest(&phrase(*number))));
    let used = write(meant, &mut bytes).unwrap();
    bytes[..used].to_vec()
}

/// Words of 20 s, a list of phrases, a stored warning; the list is brought.
fn play_list(world: &mut World, counter: u64, list: &[u8]) {
    let (words, stored) = (content(80_000), content(9_000));
    let clips =
        [clip(Codec::Adpcm, &words), clip(Codec::Phrases, list), clip(Codec::Adpcm, &stored)];
    world.play_contents(counter, &clips, list, false, None);
}

#[test]
fn phrases_at_9600_sound_within_seconds_in_their_order() {
    let mut world = world();
    let said = [60_004, 1, 300, 300];
    for counter in [7, 8] {
        let start = world.now_us;
        play_list(&mut world, counter, &list(&said));
        let all = usize::from(N_TERMINALS);
        assert!(
            world.run(10_000_000, |world| world.n_started(counter) == all),
            "{}",
            world.figures()
        );
        let sound_us = world.now_us - start;
        println!("9600, {} phrases: all sound after {sound_us} us", said.len());
        assert!(sound_us <= 2_000_000, "{sound_us} us to the sound of all");
        assert!(world.run(60_000_000, |world| world.n_reported("Played", counter) == all));
        let expect: Vec<(u64, [u8; 32])> =
            said.iter().map(|number| (counter, digest(&phrase(*number)))).collect();
        for terminal in &mut world.terminals {
            let heard = terminal.heard.iter().filter(|(broadcast, _)| *broadcast == counter);
            assert_eq!(heard.copied().collect::<Vec<_>>(), expect, "those words, in that order");
        }
        assert_eq!(world.plays(counter), vec![1; all]);
        let told = (1..=N_TERMINALS).map(|address| world.taken[&(address, counter)]);
        assert_eq!(told.collect::<Vec<_>>(), vec![Some(1); all], "the second content was heard");
    }
}

#[test]
fn a_number_that_means_other_words_by_now_makes_no_sound() {
    let mut world = world();
    // The same list sounded before, so that its bytes are in the terminals.
    play_list(&mut world, 7, &list(&NUMBERS));
    let all = usize::from(N_TERMINALS);
    assert!(world.run(60_000_000, |world| world.n_reported("Played", 7) == all));
    keep(&mut world, 300, &content(3_333));
    play_list(&mut world, 8, &list(&NUMBERS));
    world.run(30_000_000, |_| false);
    assert_eq!(world.n_started(8), 0, "{}", world.figures());
    // The gateway falls back to the stored warning, by the same order.
    for terminal in &mut world.terminals {
        terminal.flash().place(digest(&content(9_000)), content(9_000));
    }
    let clips = [
        clip(Codec::Adpcm, &content(80_000)),
        clip(Codec::Phrases, &list(&NUMBERS)),
        clip(Codec::Adpcm, &content(9_000)),
    ];
    world.play_contents(9, &clips, &content(9_000), true, None);
    assert!(world.run(10_000_000, |world| world.n_started(9) == all), "{}", world.figures());
    assert!(world.run(60_000_000, |world| world.n_reported("Played", 9) == all));
    assert_eq!(world.taken[&(1, 9)], Some(2), "the third content was heard");
}
