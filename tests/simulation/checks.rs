//! The invariants, checked from outside: by what the horns really did and what the ledger says.

use crate::world::World;
use mingluo::gateway::{Phase, State};
use mingluo::model::{Approval, AreaCode, BroadcastId, Class, Outcome, named_area};
use mingluo::record::entry::Entry;
use mingluo::record::{Journal, MemoryJournal, NewRow, Trust};
use std::collections::BTreeSet;

/// How much longer than its validity a horn may sound: the bound of a terminal's clock error plus
/// the wait for its next tick.
const CLOCK_ERROR_MS: i64 = 30_000 + 5_000;

/// In a mild county a cancel reaches everybody within this, milliseconds.
const CANCEL_REACHES_MS: i64 = 60_000;

/// When a horn begins.
pub(crate) fn start(world: &mut World, horn: usize, broadcast: u64) {
    let id = world.horns[horn].id;
    if world.silenced.contains(&(id, broadcast)) {
        world.broken.push(format!("{id} sounds {broadcast} after it took note of the cancel"));
    }
    let mut folded = State::default();
    let state = if let Some(gateway) = &world.gateway {
        gateway.state()
    } else {
        replay(world, &mut folded);
        &folded
    };
    let Some(known) = state.broadcasts.get(&BroadcastId(broadcast)) else {
        world.broken.push(format!("{id} sounds {broadcast}, which nobody authorised"));
        return;
    };
    if !recorded(world, broadcast) {
        world.broken.push(format!("{id} sounds {broadcast} before it is on record"));
    }
    if known.broadcast.class() == Class::Drill {
        world.broken.push(format!("{id} sounds the drill {broadcast}, and none is armed"));
    }
    if world.now.0 > known.broadcast.expires().0 + CLOCK_ERROR_MS {
        world.broken.push(format!("{id} begins {broadcast} after its validity"));
    }
}

/// When a horn begins a part of what is spoken: once, in its broadcast, and never after that ended.
pub(crate) fn part(world: &mut World, horn: usize, sha256: [u8; 32]) {
    let Some(broadcast) = world.parts.get(&sha256).copied() else { return };
    let id = world.horns[horn].id;
    if !world.heard.insert((id, sha256)) {
        world.broken.push(format!("{id} sounds a part of {broadcast} twice"));
    }
    start(world, horn, broadcast);
}

fn recorded(world: &World, broadcast: u64) -> bool {
    let name = format!("\"id\":{broadcast},");
    world.journal.rows().iter().any(|row| {
        row.kind == "broadcast_started" && String::from_utf8_lossy(&row.body).contains(&name)
    })
}

fn replay(world: &World, state: &mut State) {
    for row in world.journal.rows() {
        state.apply(row.at, &Entry::from_body(&row.body).expect("our own rows"));
    }
}

/// After every step.
pub(crate) fn step(world: &mut World) {
    let Some(gateway) = &world.gateway else { return };
    let mut broken = Vec::new();
    for horn in &world.horns {
        if let Some(broadcast) = horn.sounding
            && let Some(state) = gateway.state().broadcasts.get(&BroadcastId(broadcast))
            && world.now.0 > state.broadcast.expires().0 + CLOCK_ERROR_MS
        {
            broken.push(format!("{} still sounds {broadcast} after its validity", horn.id));
        }
        if let Some(broadcast) = horn.sounding {
            if world.silenced.contains(&(horn.id, broadcast)) {
                broken.push(format!("{} goes on with {broadcast} after its cancel", horn.id));
            }
            let state = gateway.state().broadcasts.get(&BroadcastId(broadcast));
            let cancelled = state.and_then(|state| state.cancellation.as_ref());
            let late = |at: mingluo::model::UtcMs| world.now.since_ms(at) > CANCEL_REACHES_MS;
            if world.mild && cancelled.is_some_and(|cancelled| late(cancelled.at)) {
                broken.push(format!("{} never heard that {broadcast} is cancelled", horn.id));
            }
        }
        for (broadcast, n) in &horn.sounded {
            if let Some(state) = gateway.state().broadcasts.get(&BroadcastId(*broadcast))
                && *n > u32::from(state.broadcast.repeats())
            {
                broken.push(format!("{} played {broadcast} {n} times", horn.id));
            }
        }
    }
    world.broken.extend(broken);
}

/// At the end: the ledger proves itself and tells the truth.
pub(crate) fn end(world: &mut World) {
    let mut broken = Vec::new();
    if !world.journal.verify(&Trust::default()).expect("memory").is_good() {
        broken.push("the ledger does not verify".to_owned());
    }
    let mut folded = State::default();
    replay(world, &mut folded);
    let Some(gateway) = &world.gateway else {
        world.broken.push("the gateway never came back".into());
        return;
    };
    if same(gateway.state()) != same(&folded) {
        broken.push("state and replayed ledger differ".into());
    }
    let bytes = serde_json::to_vec(gateway.state()).expect("state is JSON");
    let back: State = serde_json::from_slice(&bytes).expect("state reads back");
    if same(&back) != same(gateway.state()) {
        broken.push("a snapshot does not give the state back".into());
    }
    broken.extend(programmes(world));
    broken.extend(latches(world));
    let mut n_broadcasts = 0;
    for (id, state) in &folded.broadcasts {
        n_broadcasts += 1;
        if state.phase != Phase::Ended {
            broken.push(format!("{id} never ended: {:?}", state.phase));
        }
        for (terminal, delivery) in &state.deliveries {
            let horn = world.horns.iter().find(|horn| horn.id == *terminal).expect("ours");
            let sounded = horn.sounded.get(&id.0).copied().unwrap_or(0);
            let wanted = u32::from(state.broadcast.repeats());
            if let Some(speaking) = &state.speaking {
                let heard = world.n_parts_heard(*terminal, id.0);
                if delivery.outcome == Outcome::Played && heard < speaking.n_parts {
                    broken.push(format!("{terminal} is `played` for {id} but heard {heard} parts"));
                }
            } else if delivery.outcome == Outcome::Played && sounded < wanted {
                broken.push(format!("{terminal} is `played` for {id} but sounded {sounded} times"));
            }
            if !delivery.is_ended() {
                broken.push(format!("{terminal} has no end for {id}: {:?}", delivery.outcome));
            }
            let superseded = state.cancellation.is_some();
            let pre_empted = matches!(delivery.outcome, Outcome::Preempted(_) | Outcome::Expired);
            if world.mild && !superseded && !pre_empted && delivery.outcome != Outcome::Played {
                let outcome = &delivery.outcome;
                broken.push(format!("{terminal} was reachable and is {outcome:?} for {id}"));
            }
        }
    }
    let latched = world.journal.rows().iter().any(|row| row.kind == "latch_changed");
    if n_broadcasts == 0 && !latched {
        broken.push("no broadcast at all".into());
    }
    world.broken.extend(broken);
}

/// Every occurrence of a programme ends once: started or skipped.
fn programmes(world: &World) -> Vec<String> {
    let mut n_set = 0;
    let mut ends: Vec<i64> = Vec::new();
    for row in world.journal.rows() {
        let entry = Entry::from_body(&row.body).expect("our own rows");
        if let Entry::ProgrammeSet { .. } = entry {
            n_set += 1;
        } else if let Entry::ProgrammeStarted { due, .. } | Entry::ProgrammeSkipped { due, .. } =
            entry
        {
            ends.push(due.0);
        }
    }
    if n_set > 0 && ends.len() != 1 {
        return vec![format!("a programme of one occurrence ended {} times: {ends:?}", ends.len())];
    }
    Vec::new()
}

/// By the ledger alone: where a latch held, nothing started but what an officer released by name.
fn latches(world: &World) -> Vec<String> {
    let mut held: BTreeSet<AreaCode> = BTreeSet::new();
    let mut broken = Vec::new();
    for row in world.journal.rows() {
        let entry = Entry::from_body(&row.body).expect("our own rows");
        if let Entry::LatchChanged { areas, hold, .. } = entry {
            held.retain(|area| !areas.contains(area));
            held.extend(areas.into_iter().filter(|_| hold.is_some()));
        } else if let Entry::BroadcastStarted { broadcast, .. } = entry
            && !matches!(broadcast.approval(), Approval::BreakGlass { .. })
        {
            let mut areas = broadcast.terminals().iter().filter_map(|id| named_area(*id));
            let latched = areas.find(|area| held.iter().any(|latch| latch.contains(*area)));
            broken.extend(
                latched.map(|area| {
                    format!("{} started in {area}, where a latch holds", broadcast.id())
                }),
            );
        }
    }
    broken
}

/// What must survive: everything but the pacing of orders, which is of this process only.
fn same(state: &State) -> State {
    let mut plain = state.clone();
    for broadcast in plain.broadcasts.values_mut() {
        broadcast.group_sent = false;
        if let Some(speaking) = &mut broadcast.speaking {
            speaking.n_end_told = 0;
        }
        for delivery in broadcast.deliveries.values_mut() {
            delivery.tries = 0;
            delivery.next_at = mingluo::model::UtcMs(0);
        }
    }
    plain
}

/// The ledger with one word changed, hashes kept as they were.
pub(crate) fn edited(journal: &MemoryJournal) -> MemoryJournal {
    let mut other = journal.clone();
    let rows: Vec<NewRow> = journal
        .rows()
        .iter()
        .map(|row| NewRow { at: row.at, kind: row.kind.clone(), body: row.body.clone() })
        .collect();
    let place = rows.iter().position(|row| row.kind == "acknowledged").unwrap_or(0);
    let mut body = rows[place].body.clone();
    let at = body.iter().position(|byte| byte.is_ascii_digit()).expect("a digit");
    body[at] = if body[at] == b'1' { b'2' } else { b'1' };
    other.rows_mut()[place].body = body;
    assert_eq!(other.head(), journal.head());
    other
}
