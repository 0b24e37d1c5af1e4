//! What is spoken now: in turn, once, within its broadcast, and silence when it stops.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "tests index what they made")]

mod support;
use mingluo_bridge::message::{Cancel, Class, Clip, Order, Part, RefusalCode, Step, Target};
use mingluo_bridge::terminal::{
    Action, LIVE_BUFFER_PARTS, LIVE_GAP_PARTS_MAX, LIVE_LATE_MS, LIVE_SILENCE_MS_MAX, Terminal,
};
use support::*;

const LIVE: u64 = 5;
const PART_MS: i64 = 1_000;

struct Bench {
    terminal: Terminal<Cells>,
    now: i64,
}

fn sound(number: u32) -> Clip {
    Clip { duration_ms: 1_000, clip_bytes: 4_000, ..clip(1_000 + u64::from(number)) }
}

fn part(number: u32, issued_at_ms: i64) -> Part {
    Part {
        broadcast: LIVE,
        number,
        target: Target::Area(430_621_100_001),
        issued_at_ms,
        expires_ms: issued_at_ms + 10_000,
        ends: false,
        clips: [sound(number)].into_iter().collect(),
    }
}

fn ends(number: u32, issued_at_ms: i64) -> Part {
    let clips = [].into_iter().collect();
    Part { ends: true, clips, expires_ms: issued_at_ms + 60_000, ..part(number, issued_at_ms) }
}

impl Bench {
    /// The opening was played.
    fn open() -> Self {
        let mut bench = Self::began();
        assert_eq!(starts(&bench.drain()), [LIVE]);
        bench.finished();
        bench
    }
    /// The opening plays.
    fn began() -> Self {
        let terminal = Terminal::boot(profile(), Cells::default(), NOW);
        let mut bench = Self { terminal, now: NOW };
        bench.drain();
        let got = bench.order(&Order::Live(manifest(LIVE, 10)));
        assert_eq!(got, [Action::Fetch(clip(LIVE))]);
        bench.terminal.on_clip_ready(NOW, &clip(LIVE).sha256);
        bench
    }
    fn order(&mut self, order: &Order) -> Vec<Action> {
        self.terminal.on_order(self.now, &sealed(order), &verifier()).unwrap();
        self.drain()
    }
    /// A part comes and is fetched.
    fn part(&mut self, number: u32) -> Vec<Action> {
        let mut actions = self.order(&Order::Part(part(number, self.now)));
        self.terminal.on_clip_ready(self.now, &sound(number).sha256);
        actions.extend(self.drain());
        actions
    }
    fn ends(&mut self, number: u32) -> Vec<Action> {
        self.order(&Order::Part(ends(number, self.now)))
    }
    fn finished(&mut self) -> Vec<Action> {
        self.terminal.on_playback_finished(self.now, LIVE, false);
        self.drain()
    }
    fn after(&mut self, ms: i64) -> Vec<Action> {
        self.now += ms;
        self.terminal.on_tick(self.now);
        self.drain()
    }
    fn drain(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.terminal.next_action()).collect()
    }
    fn n_dropped(&self) -> u32 {
        self.terminal.dropped.parts
    }
}

/// Parts that begin to sound.
fn sounds(actions: &[Action]) -> Vec<u32> {
    let parts = actions.iter().filter_map(|action| match action {
        Action::Start { clip, .. } => (0..100).find(|number| sound(*number) == *clip),
        Action::Fetch(_)
        | Action::Offer(_)
        | Action::Stop { .. }
        | Action::Send(_)
        | Action::AmplifierOff
        | Action::Keep { .. }
        | Action::SetClock { .. } => None,
    });
    parts.collect()
}

#[test]
fn parts_sound_in_turn_and_the_end_is_played() {
    let mut bench = Bench::open();
    assert_eq!(sounds(&bench.part(0)), [], "{LIVE_BUFFER_PARTS} are waited for");
    assert_eq!(sounds(&bench.part(1)), [0]);
    bench.terminal.on_playback_started(bench.now, LIVE);
    assert_eq!(steps(&bench.drain()), [(LIVE, Step::Playing)]);
    bench.part(2);
    assert_eq!(sounds(&bench.finished()), [1]);
    assert_eq!(sounds(&bench.finished()), [2]);
    assert!(bench.ends(3).is_empty());
    let end = bench.finished();
    assert_eq!(steps(&end), [(LIVE, Step::Played)]);
    assert!(end.contains(&Action::AmplifierOff));
    assert_eq!(reports(&end)[0].plays, 1);
    // It is over: the same order again is answered, not played.
    assert_eq!(steps(&bench.order(&Order::Live(manifest(LIVE, 10)))), [(LIVE, Step::Played)]);
    assert_eq!(sounds(&bench.part(3)), []);
}

#[test]
fn the_opening_alone_is_no_voice() {
    let mut bench = Bench::began();
    assert_eq!(steps(&bench.drain()), [(LIVE, Step::Received)]);
    bench.terminal.on_playback_started(NOW, LIVE);
    assert_eq!(steps(&bench.drain()), []);
    bench.finished();
    // Until its receipt a report is repeated.
    assert_eq!(steps(&bench.after(LIVE_SILENCE_MS_MAX - 1)), [(LIVE, Step::Received)]);
    let end = bench.after(1);
    assert_eq!(steps(&end), [(LIVE, Step::Failed("nobody spoke".try_into().unwrap()))]);
    assert!(end.contains(&Action::AmplifierOff));
}

#[test]
fn a_part_sounds_once() {
    let mut bench = Bench::open();
    bench.part(0);
    assert_eq!(sounds(&bench.part(1)), [0]);
    let again = sealed(&Order::Part(part(0, NOW)));
    bench.terminal.on_order(bench.now, &again, &verifier()).unwrap();
    assert_eq!((bench.drain(), bench.n_dropped()), (vec![], 1));
    assert_eq!(bench.part(1), [], "one that waits");
    assert_eq!(sounds(&bench.finished()), [1]);
    assert_eq!(bench.part(1), [], "one that sounds");
    assert_eq!(bench.n_dropped(), 3);
    assert_eq!(sounds(&bench.finished()), []);
}

#[test]
fn nothing_sounds_outside_its_broadcast() {
    // None is held.
    let mut bench = Bench { terminal: Terminal::boot(profile(), Cells::default(), NOW), now: NOW };
    bench.drain();
    assert_eq!((bench.part(0), bench.n_dropped()), (vec![], 1));
    // Another one's.
    let mut bench = Bench::open();
    bench.order(&Order::Part(Part { broadcast: 6, ..part(0, NOW) }));
    // Too late, and from the future.
    bench.order(&Order::Part(Part { expires_ms: NOW, ..part(0, NOW) }));
    bench.order(&Order::Part(part(0, NOW + 200_000)));
    assert_eq!(bench.n_dropped(), 3);
    assert!(bench.terminal.next_action().is_none());
}

#[test]
fn a_stop_silences_it_for_good() {
    for broadcast in [Some(LIVE), None] {
        let mut bench = Bench::open();
        bench.part(0);
        bench.part(1);
        let (target, issued_at_ms) = (Target::Area(430_621_000_000), NOW);
        let expires_ms = NOW + HOUR;
        let cancel = Cancel { counter: 99, broadcast, target, issued_at_ms, expires_ms };
        let end = bench.order(&Order::Cancel(cancel));
        assert_eq!(steps(&end), [(LIVE, Step::Cancelled)]);
        assert!(end.contains(&Action::Stop { broadcast: LIVE }));
        assert_eq!(bench.finished(), [], "a driver that answers a stop");
        assert_eq!(sounds(&bench.part(2)), []);
        assert_eq!(sounds(&bench.after(1_000)), []);
        assert_eq!(starts(&bench.order(&Order::Live(manifest(LIVE, 10)))), []);
        assert_eq!(sounds(&bench.part(3)), []);
    }
}

#[test]
fn validity_ends_it() {
    let mut bench = Bench::open();
    bench.part(0);
    bench.part(1);
    bench.now = NOW + HOUR;
    let end = bench.after(0);
    assert!(end.contains(&Action::Stop { broadcast: LIVE }));
    assert_eq!(steps(&end), [(LIVE, Step::Expired)]);
    assert_eq!(sounds(&bench.part(2)), []);
}

#[test]
fn silence_ends_it() {
    let mut bench = Bench::open();
    bench.part(0);
    bench.part(1);
    bench.finished();
    bench.finished();
    assert!(!bench.after(LIVE_SILENCE_MS_MAX - 1).contains(&Action::AmplifierOff));
    let end = bench.after(1);
    assert_eq!(steps(&end), [(LIVE, Step::Failed("the voice broke off".try_into().unwrap()))]);
    assert!(end.contains(&Action::AmplifierOff));
}

#[test]
fn a_short_hole_is_passed_over_and_told() {
    let mut bench = Bench::open();
    bench.part(0);
    bench.part(1);
    bench.part(4);
    bench.finished();
    assert_eq!(sounds(&bench.finished()), [], "a late part is waited for");
    assert_eq!(sounds(&bench.after(LIVE_LATE_MS)), [4]);
    assert_eq!(bench.part(3), [], "its turn is over");
    bench.ends(5);
    let why = "heard 3 of 5 parts".try_into().unwrap();
    assert_eq!(steps(&bench.finished()), [(LIVE, Step::Failed(why))]);
}

#[test]
fn a_long_hole_ends_it() {
    let mut bench = Bench::open();
    bench.part(0);
    bench.part(1);
    // Part 0 sounds, so 1 is next.
    assert!(sounds(&bench.part(1 + LIVE_GAP_PARTS_MAX)).is_empty());
    let end = bench.part(2 + LIVE_GAP_PARTS_MAX);
    assert_eq!(steps(&end), [(LIVE, Step::Failed("6 parts are missing".try_into().unwrap()))]);
    assert!(end.contains(&Action::Stop { broadcast: LIVE }));
}

#[test]
fn order_of_arrival_and_lost_content_do_not_matter() {
    let mut bench = Bench::open();
    bench.part(1);
    assert_eq!(sounds(&bench.part(0)), [0]);
    assert_eq!(sounds(&bench.finished()), [1]);
    bench.order(&Order::Part(part(2, NOW)));
    bench.part(3);
    assert_eq!(sounds(&bench.finished()), [], "2 is on its way");
    bench.terminal.on_clip_failed(bench.now, &sound(2).sha256);
    assert_eq!(sounds(&bench.after(PART_MS)), [3]);
}

#[test]
fn who_comes_late_hears_the_rest() {
    let mut bench = Bench::began();
    for number in 20..30 {
        bench.part(number);
    }
    assert_eq!(sounds(&bench.finished()), [24], "the newest that are kept");
    bench.ends(30);
    for number in 25..30 {
        assert_eq!(sounds(&bench.finished()), [number]);
    }
    let why = "heard 6 of 30 parts".try_into().unwrap();
    assert_eq!(steps(&bench.finished()), [(LIVE, Step::Failed(why))]);
}

#[test]
fn a_higher_warning_takes_its_place_for_good() {
    let mut bench = Bench::open();
    bench.part(0);
    bench.part(1);
    // One that ranks no higher waits, between parts too.
    for (counter, priority, steps_then) in
        [(6, 10, vec![]), (7, 11, vec![(LIVE, Step::Preempted(7))])]
    {
        bench.finished();
        bench.finished();
        bench.order(&Order::Play(manifest(counter, priority)));
        bench.terminal.on_clip_ready(bench.now, &clip(counter).sha256);
        let actions = bench.drain();
        let of_live: Vec<_> = steps(&actions).into_iter().filter(|(id, _)| *id == LIVE).collect();
        assert_eq!(of_live, steps_then, "{counter}");
        assert_eq!(starts(&actions), if counter == 7 { vec![7] } else { vec![] });
    }
    assert_eq!(sounds(&bench.part(2)), []);
}

#[test]
fn one_voice_at_a_time() {
    let mut bench = Bench::open();
    let busy = bench.order(&Order::Live(manifest(6, 10)));
    assert_eq!(refusals(&busy), [RefusalCode::Busy]);
    let higher = bench.order(&Order::Live(manifest(7, 11)));
    assert!(steps(&higher).contains(&(LIVE, Step::Preempted(7))));
    assert!(higher.contains(&Action::Fetch(clip(7))));
}

#[test]
fn a_drill_that_is_not_armed_is_refused_and_stays_silent() {
    let mut bench = Bench { terminal: Terminal::boot(profile(), Cells::default(), NOW), now: NOW };
    let mut drill = manifest(LIVE, 10);
    drill.class = Class::Drill;
    assert_eq!(refusals(&bench.order(&Order::Live(drill))), [RefusalCode::Drill]);
    assert_eq!(sounds(&bench.part(0)), []);
    assert_eq!(sounds(&bench.part(1)), []);
}

#[test]
fn a_play_and_a_live_of_the_same_number_are_not_the_same() {
    let mut bench = Bench::open();
    let forged = bench.order(&Order::Play(manifest(LIVE, 10)));
    assert_eq!(refusals(&forged), [RefusalCode::Replay]);
}

#[test]
fn a_power_cut_is_told_and_it_never_goes_on() {
    let mut bench = Bench::open();
    bench.part(0);
    bench.part(1);
    let mut terminal = Terminal::boot(profile(), bench.terminal.into_store(), NOW + 5_000);
    let boot: Vec<Action> = std::iter::from_fn(|| terminal.next_action()).collect();
    let why = "power lost while playing".try_into().unwrap();
    assert_eq!(steps(&boot), [(LIVE, Step::Failed(why))]);
    let mut bench = Bench { terminal, now: NOW + 5_000 };
    assert_eq!(starts(&bench.order(&Order::Live(manifest(LIVE, 10)))), []);
    assert_eq!(sounds(&bench.part(2)), []);
}
