//! Power cuts and failing writes at every write of a story: never a double play, nothing lost
//! without a word.
#![expect(clippy::indexing_slicing, reason = "tests index what they made")]
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod support;
use mingluo_bridge::message::{Order, Step};
use mingluo_bridge::terminal::{Action, Terminal};
use std::collections::BTreeMap;
use support::*;

#[derive(Default, Debug)]
struct Seen {
    starts: BTreeMap<u64, u32>,
    ends: BTreeMap<u64, Vec<Step>>,
}

/// Lets the terminal do everything it asks for, until it is quiet. `cut` says when power is gone.
fn live(terminal: &mut Terminal<Cells>, now_ms: i64, seen: &mut Seen, cut: &dyn Fn() -> bool) {
    while let Some(action) = terminal.next_action() {
        if cut() {
            return;
        }
        match action {
            Action::Fetch(clip) => terminal.on_clip_ready(now_ms, &clip.sha256),
            Action::Start { broadcast, .. } => {
                *seen.starts.entry(broadcast).or_default() += 1;
                terminal.on_playback_started(now_ms, broadcast);
                terminal.on_playback_finished(now_ms, broadcast, true);
            }
            Action::Send(report) if report.step.is_end() => {
                seen.ends.entry(report.broadcast).or_default().push(report.step);
            }
            Action::Stop { .. }
            | Action::Send(_)
            | Action::Offer(_)
            | Action::AmplifierOff
            | Action::Keep { .. }
            | Action::SetClock { .. } => {}
        }
    }
}

/// Three broadcasts, each order delivered again after every trouble.
fn story(terminal: &mut Terminal<Cells>, from: i64, seen: &mut Seen, cut: &dyn Fn() -> bool) {
    live(terminal, from, seen, cut);
    for counter in [1, 2, 3] {
        let bytes = sealed(&Order::Play(manifest(counter, 10)));
        terminal.on_order(from, &bytes, &verifier()).unwrap();
        live(terminal, from, seen, cut);
        terminal.on_tick(from + 1);
        live(terminal, from + 1, seen, cut);
    }
}

#[test]
fn a_power_cut_at_any_write_never_plays_twice_and_always_ends() {
    for case in 0..16 * 4 {
        let (writes, torn, at_once) = (case / 4, case % 2 == 1, case % 4 > 1);
        let store = Cells::default();
        store.torn(torn);
        let mut seen = Seen::default();
        let mut terminal = Terminal::boot(profile(), store.clone(), NOW);
        store.writes_left(Some(writes));
        // Whatever was asked for after the cut never happens.
        story(&mut terminal, NOW, &mut seen, &|| store.is_cut(at_once));
        drop(terminal);
        store.repair();
        for boot in 1..4 {
            let mut terminal = Terminal::boot(profile(), store.clone(), NOW + boot * 1_000);
            story(&mut terminal, NOW + boot * 1_000, &mut seen, &|| false);
        }
        for counter in [1, 2, 3] {
            let times = seen.starts.get(&counter).copied().unwrap_or(0);
            let ends = &seen.ends[&counter];
            assert!(times <= 1, "broadcast {counter} after {writes} writes, torn {torn}: {seen:?}");
            assert!(
                times == 1 || ends.iter().any(|end| matches!(end, Step::Failed(_))),
                "broadcast {counter} after {writes} writes, torn {torn}: {seen:?}"
            );
        }
    }
}

#[test]
fn a_store_that_fails_after_some_writes_never_plays_twice_and_says_so() {
    for (writes, torn) in (0..16).flat_map(|writes| [(writes, false), (writes, true)]) {
        let store = Cells::default();
        store.torn(torn);
        store.writes_left(Some(writes));
        let mut seen = Seen::default();
        let mut terminal = Terminal::boot(profile(), store.clone(), NOW);
        story(&mut terminal, NOW, &mut seen, &|| false);
        story(&mut terminal, NOW + 2_000, &mut seen, &|| false);
        drop(terminal);
        let mut terminal = Terminal::boot(profile(), store.clone(), NOW + 5_000);
        store.writes_left(None);
        story(&mut terminal, NOW + 6_000, &mut seen, &|| false);
        for counter in [1, 2, 3] {
            let times = seen.starts.get(&counter).copied().unwrap_or(0);
            assert!(times <= 1, "broadcast {counter} after {writes} writes, torn {torn}: {seen:?}");
            assert!(!seen.ends[&counter].is_empty(), "{counter} lost: {seen:?}");
        }
    }
}

#[test]
fn power_lost_while_sounding_is_reported_and_never_played_again() {
    let store = Cells::default();
    let mut terminal = Terminal::boot(profile(), store.clone(), NOW);
    let bytes = sealed(&Order::Play(manifest(5, 10)));
    terminal.on_order(NOW, &bytes, &verifier()).unwrap();
    terminal.on_clip_ready(NOW, &clip(5).sha256);
    let actions: Vec<Action> = std::iter::from_fn(|| terminal.next_action()).collect();
    assert_eq!(starts(&actions), [5]);
    drop(terminal);
    let mut terminal = Terminal::boot(profile(), store, NOW + 9);
    terminal.on_order(NOW + 10, &bytes, &verifier()).unwrap();
    terminal.on_clip_ready(NOW + 10, &clip(5).sha256);
    let actions: Vec<Action> = std::iter::from_fn(|| terminal.next_action()).collect();
    assert_eq!(starts(&actions), []);
    let said = reports(&actions);
    assert_eq!(said[0].step, Step::Failed("power lost while playing".try_into().unwrap()));
    assert_eq!(said[0].ended_at_ms, None);
}

#[test]
fn orders_that_never_came_again_after_power_cuts_do_not_fill_the_memory() {
    let store = Cells::default();
    for counter in 1..=100 {
        let mut terminal = Terminal::boot(profile(), store.clone(), NOW);
        let bytes = sealed(&Order::Play(manifest(counter, 10)));
        terminal.on_order(NOW, &bytes, &verifier()).unwrap();
        let actions: Vec<Action> = std::iter::from_fn(|| terminal.next_action()).collect();
        assert!(actions.contains(&Action::Fetch(clip(counter))), "order {counter}: {actions:?}");
    }
    // What made room is refused, not played.
    let mut terminal = Terminal::boot(profile(), store, NOW);
    let bytes = sealed(&Order::Play(manifest(1, 10)));
    terminal.on_order(NOW, &bytes, &verifier()).unwrap();
    let actions: Vec<Action> = std::iter::from_fn(|| terminal.next_action()).collect();
    assert_eq!(refusals(&actions).len(), 1);
}
