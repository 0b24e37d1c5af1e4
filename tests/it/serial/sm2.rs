//! Orders signed with SM2 on a bus: who has the key of one algorithm stays silent to the other.

use super::world::*;
use mingluo::deliver::serial::{LineSetup, Master};
use mingluo_bridge::frame::Sm2Key;
use mingluo_bridge::gateway_key::GatewayKey;

const BAUD: u32 = 115_200;
const N_TERMINALS: u8 = 8;
/// As the gateway waits for the check of an SM2 signature.
const CHECK_US: i64 = 400_000;

/// Terminals 1 to 4 believe the SM2 key, 5 to 8 the Ed25519 key.
fn mixed(sm2: &Sm2Key) -> World {
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes();
    let key = |address| if address <= 4 { sm2.public() } else { GatewayKey::Ed25519(ed25519) };
    World::believing(BAUD, N_TERMINALS, 1, key)
}

fn sm2_key() -> Sm2Key {
    Sm2Key::from_bytes(&[9; 32]).expect("a key")
}

#[test]
fn each_terminal_takes_orders_of_its_own_algorithm_alone() {
    for by_sm2 in [true, false] {
        let mut world = mixed(&sm2_key());
        world.sm2 = by_sm2.then(sm2_key);
        world.play(7, &content(2_000), false);
        assert!(world.run(10_000_000, |world| world.n_here() == 4), "{}", world.figures());
        world.run(10_000_000, |_| false);
        let (one, other) = (vec![1; 4], vec![0; 4]);
        let expect = if by_sm2 { [one, other] } else { [other, one] };
        assert_eq!(world.plays(7), expect.concat(), "signed with SM2: {by_sm2}");
        assert_eq!(world.n_reported("", 7), 4, "the others say nothing");
    }
}

/// Between an order and what wants an answer lies the time that the check of its signature takes.
#[test]
fn nothing_but_orders_goes_while_terminals_check_a_signature() {
    let mut world = World::believing(BAUD, N_TERMINALS, 1, |_| sm2_key().public());
    world.sm2 = Some(sm2_key());
    let setup = LineSetup { check_us: CHECK_US, ..LineSetup::of(BAUD) };
    let addresses: Vec<u8> = (1..=N_TERMINALS).collect();
    world.master = Master::new(setup, &addresses);
    world.run(3_000_000, |_| false);
    let polls = world.master.figures.polls;
    world.play(7, &content(2_000), false);
    // The time and the order are 300 bytes, and are checked one after the other.
    world.run(2 * CHECK_US, |_| false);
    let figures = world.master.figures;
    assert_eq!((figures.polls - polls, figures.chunks), (0, 0), "{}", world.figures());
    assert!(world.run(10_000_000, |world| world.n_here() == 8), "{}", world.figures());
    world.run(10_000_000, |_| false);
    assert_eq!(world.plays(7), vec![1; 8]);
    assert_eq!(world.bus.figures.collisions, 0);
}
