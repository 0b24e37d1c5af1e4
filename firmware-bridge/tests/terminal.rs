//! Behaviours of the terminal: twice, late, never, out of order, and with the power cut.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "tests index what they made")]

mod support;
use mingluo_bridge::frame::{Ed25519Signer, Kind, seal};
use mingluo_bridge::message::{
    Cancel, Check, Class, Keep, Manifest, Order, Query, RefusalCode, Step, Target, TimeSignal,
};
use mingluo_bridge::terminal::{Action, HELD_MAX, Terminal};
use support::*;

/// A terminal with its store and the actions it asked for.
struct Bench {
    terminal: Terminal<Cells>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Cells::default())
    }
    fn with(store: Cells) -> Self {
        Self { terminal: Terminal::boot(profile(), store, NOW) }
    }
    fn order(&mut self, now_ms: i64, order: &Order) -> Vec<Action> {
        let bytes = sealed(order);
        self.terminal.on_order(now_ms, &bytes, &verifier()).unwrap();
        self.drain()
    }
    fn play(&mut self, now_ms: i64, manifest: &Manifest) -> Vec<Action> {
        let mut actions = self.order(now_ms, &Order::Play(manifest.clone()));
        self.terminal.on_clip_ready(now_ms, &manifest.clips[0].sha256);
        actions.extend(self.drain());
        actions
    }
    fn tick(&mut self, now_ms: i64) -> Vec<Action> {
        self.terminal.on_tick(now_ms);
        self.drain()
    }
    fn finished(&mut self, now_ms: i64, broadcast: u64) -> Vec<Action> {
        self.terminal.on_playback_finished(now_ms, broadcast, false);
        self.drain()
    }
    fn drain(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.terminal.next_action()).collect()
    }
    fn reboot(self) -> Self {
        Self::with(self.terminal.into_store())
    }
}

fn cancel(counter: u64, broadcast: Option<u64>) -> Order {
    let target = Target::Area(430_621_000_000);
    Order::Cancel(Cancel { counter, broadcast, target, issued_at_ms: NOW, expires_ms: NOW + HOUR })
}

fn query(broadcast: u64, issued_at_ms: i64) -> Order {
    let target = Target::Terminal(TERMINAL);
    Order::Query(Query { counter: 900, broadcast, target, issued_at_ms, expires_ms: NOW + HOUR })
}

#[test]
fn an_order_twice_sounds_once() {
    let mut bench = Bench::new();
    let manifest = manifest(5, 10);
    assert_eq!(starts(&bench.play(NOW, &manifest)), [5]);
    assert_eq!(starts(&bench.play(NOW, &manifest)), []);
    let end = bench.finished(NOW + 3_000, 5);
    assert_eq!(steps(&end), [(5, Step::Played)]);
    assert!(end.contains(&Action::AmplifierOff));
    let again = bench.play(NOW + 4_000, &manifest);
    assert_eq!((starts(&again), steps(&again)), (vec![], vec![(5, Step::Played)]));
}

#[test]
fn the_area_order_and_its_repair_by_terminal_are_one() {
    let mut bench = Bench::new();
    let mut manifest = manifest(5, 10);
    assert_eq!(starts(&bench.play(NOW, &manifest)), [5]);
    manifest.target = Target::Area(430_621_100_000);
    assert_eq!(refusals(&bench.play(NOW, &manifest)), []);
}

#[test]
fn other_content_under_a_known_counter_is_refused_and_hides_no_report() {
    let mut bench = Bench::new();
    bench.play(NOW, &manifest(5, 10));
    let played = bench.finished(NOW + 1, 5);
    let other = Manifest { volume_percent: Some(100), ..manifest(5, 10) };
    let said = reports(&bench.play(NOW + 2, &other));
    assert_eq!(said[0].step, Step::Refused(RefusalCode::Replay));
    assert_eq!(said[1].step, Step::Played);
    assert!(said[1].sequence > said[0].sequence, "a receipt of the refusal must not cover it");
    assert_eq!(said[1].ended_at_ms, reports(&played)[0].ended_at_ms);
}

#[test]
fn higher_pre_empts_and_lower_resumes_with_its_remaining_plays() {
    let mut bench = Bench::new();
    bench.play(NOW, &Manifest { repeats: 3, interval_s: 0, ..manifest(5, 10) });
    assert_eq!(starts(&bench.finished(NOW + 1, 5)), [5]);
    let got = bench.play(NOW + 2, &manifest(6, 20));
    let stop = got.iter().position(|a| *a == Action::Stop { broadcast: 5 }).unwrap();
    let start = got.iter().position(|a| matches!(a, Action::Start { broadcast: 6, .. })).unwrap();
    assert!(stop < start);
    // What the driver says late about the stopped one changes nothing.
    bench.terminal.on_playback_failed(NOW + 3, 5, "stopped");
    bench.terminal.on_playback_finished(NOW + 3, 5, true);
    assert_eq!(steps(&bench.drain()), []);
    assert_eq!(starts(&bench.finished(NOW + 4, 6)), [5]);
    assert_eq!(starts(&bench.finished(NOW + 5, 5)), [5]);
    let end = bench.finished(NOW + 6, 5);
    assert_eq!((starts(&end), reports(&end)[0].plays), (vec![], 3));
}

#[test]
fn a_pre_empted_one_that_expires_is_reported_as_pre_empted() {
    let mut bench = Bench::new();
    bench.play(NOW, &Manifest { expires_ms: NOW + 5_000, ..manifest(5, 10) });
    bench.play(NOW + 1, &manifest(6, 20));
    assert_eq!(steps(&bench.tick(NOW + 5_000))[0], (5, Step::Preempted(6)));
}

#[test]
fn a_driver_that_never_ends_leaves_no_amplifier_on() {
    let mut bench = Bench::new();
    bench.play(NOW, &manifest(5, 10));
    assert!(!bench.tick(NOW + 29_999).contains(&Action::AmplifierOff));
    let end = bench.tick(NOW + 30_000);
    assert!(end.contains(&Action::Stop { broadcast: 5 }) && end.contains(&Action::AmplifierOff));
    assert!(matches!(steps(&end)[..], [(5, Step::Failed(_))]), "{end:?}");
    assert_eq!(steps(&bench.finished(NOW + 30_001, 5)), []);
}

#[test]
fn what_a_sensor_heard_is_told_with_the_end() {
    let mut bench = Bench::new();
    bench.terminal.on_heard();
    bench.play(NOW, &manifest(5, 10));
    bench.terminal.on_heard();
    assert!(reports(&bench.finished(NOW + 1, 5))[0].heard);
    bench.play(NOW, &manifest(6, 10));
    assert!(!reports(&bench.finished(NOW + 1, 6))[0].heard);
}

#[test]
fn content_is_kept_and_clocks_are_set_only_by_whom_it_is_for() {
    let keep = |expires_ms| {
        let target = Target::Terminal(TERMINAL);
        let (clip, phrase) = (clip(1), Some(7));
        Order::Keep(Keep { target, issued_at_ms: NOW, expires_ms, clip, phrase })
    };
    let mut bench = Bench::new();
    let kept = Action::Keep { clip: clip(1), phrase: Some(7) };
    assert!(bench.order(NOW, &keep(NOW + HOUR)).contains(&kept));
    assert!(!bench.order(NOW + HOUR, &keep(NOW + HOUR)).contains(&kept));
    assert_eq!(bench.terminal.dropped.keeps, 1);
    for (target, told) in [(430_621_100_001, true), (430_621_100_002, false)] {
        let time = TimeSignal { target: Target::Area(target), issued_at_ms: NOW };
        let set = bench.order(NOW, &Order::Time(time));
        assert_eq!(set.contains(&Action::SetClock { issued_at_ms: NOW }), told, "{target}");
    }
}

#[test]
fn nothing_sounds_after_expiry() {
    let mut bench = Bench::new();
    bench.play(NOW, &Manifest { expires_ms: NOW + 5_000, ..manifest(5, 10) });
    assert!(!bench.tick(NOW + 4_999).contains(&Action::Stop { broadcast: 5 }));
    let end = bench.tick(NOW + 5_000);
    assert!(end.contains(&Action::Stop { broadcast: 5 }));
    assert!(end.contains(&Action::AmplifierOff));
    assert_eq!(steps(&end)[0], (5, Step::Expired));
    let late = bench.play(NOW + HOUR, &manifest(6, 10));
    assert_eq!(refusals(&late), [RefusalCode::Window]);
    let mut waiting = Bench::new();
    waiting.order(NOW, &Order::Play(Manifest { expires_ms: NOW + 5_000, ..manifest(7, 10) }));
    waiting.terminal.on_clip_ready(NOW + 5_000, &clip(7).sha256);
    assert_eq!(starts(&waiting.drain()), []);
}

#[test]
fn not_before_stagger_and_interval_are_kept() {
    let mut bench = Bench::new();
    let later = NOW + 10_000;
    let plan = Manifest { not_before_ms: later, stagger_ms: 700, repeats: 2, ..manifest(5, 10) };
    assert_eq!(starts(&bench.play(NOW, &plan)), []);
    assert_eq!(starts(&bench.tick(later + 699)), []);
    assert_eq!(starts(&bench.tick(later + 700)), [5]);
    assert_eq!(starts(&bench.finished(later + 1_000, 5)), []);
    assert_eq!(starts(&bench.tick(later + 10_999)), []);
    assert_eq!(starts(&bench.tick(later + 11_000)), [5]);
}

#[test]
fn an_order_from_the_future_is_refused() {
    let future = Manifest { issued_at_ms: NOW + 120_001, ..manifest(5, 10) };
    assert_eq!(refusals(&Bench::new().play(NOW, &future)), [RefusalCode::Window]);
    let allowed = Manifest { issued_at_ms: NOW + 120_000, ..manifest(5, 10) };
    assert_eq!(starts(&Bench::new().play(NOW, &allowed)), [5]);
}

#[test]
fn a_cancel_overtakes_its_order_even_across_a_reboot() {
    let mut bench = Bench::new();
    assert_eq!(steps(&bench.order(NOW, &cancel(9, Some(5)))), [(5, Step::Cancelled)]);
    let mut bench = bench.reboot();
    let got = bench.play(NOW + 1, &manifest(5, 10));
    assert_eq!((starts(&got), steps(&got)), (vec![], vec![(5, Step::Cancelled)]));
}

#[test]
fn stop_all_stops_what_sounds_waits_or_comes_late() {
    let mut bench = Bench::new();
    bench.play(NOW, &manifest(5, 10));
    bench.play(NOW, &manifest(6, 10));
    let got = bench.order(NOW + 1, &cancel(9, None));
    assert!(got.contains(&Action::Stop { broadcast: 5 }));
    assert_eq!(steps(&got).len(), 2);
    assert_eq!(refusals(&bench.play(NOW + 2, &manifest(8, 10))), [RefusalCode::Replay]);
    assert_eq!(starts(&bench.play(NOW + 3, &manifest(10, 10))), [10]);
}

#[test]
fn stop_all_also_covers_an_order_that_a_power_cut_left_accepted() {
    let mut bench = Bench::new();
    bench.order(NOW, &Order::Play(manifest(5, 10)));
    let mut bench = bench.reboot();
    bench.order(NOW + 1, &cancel(9, None));
    let got = bench.play(NOW + 2, &manifest(5, 10));
    assert_eq!((starts(&got), steps(&got)), (vec![], vec![(5, Step::Cancelled)]));
}

#[test]
fn a_stop_that_cannot_be_written_holds_and_is_written_later() {
    for one in [cancel(9, Some(5)), cancel(9, None)] {
        let store = Cells::default();
        let mut bench = Bench::with(store.clone());
        bench.order(NOW, &Order::Play(manifest(5, 10)));
        store.writes_left(Some(0));
        bench.order(NOW + 1, &one);
        store.writes_left(None);
        assert_eq!(starts(&bench.play(NOW + 2, &manifest(5, 10))), []);
        bench.tick(NOW + 3);
        let mut bench = bench.reboot();
        assert_eq!(starts(&bench.play(NOW + 4, &manifest(5, 10))), []);
    }
}

#[test]
fn drills_need_an_armed_order_and_a_willing_terminal() {
    let drill = Manifest { class: Class::Drill, ..manifest(5, 10) };
    assert_eq!(refusals(&Bench::new().play(NOW, &drill)), [RefusalCode::Drill]);
    let armed = Manifest { drill_armed: true, ..drill };
    assert_eq!(starts(&Bench::new().play(NOW, &armed)), [5]);
    let mut unwilling = profile();
    unwilling.drills = false;
    let mut bench = Bench { terminal: Terminal::boot(unwilling, Cells::default(), NOW) };
    assert_eq!(refusals(&bench.play(NOW, &armed)), [RefusalCode::Drill]);
}

#[test]
fn a_full_queue_is_busy_but_makes_room_for_higher() {
    let mut bench = Bench::new();
    for counter in 1..=u64::try_from(HELD_MAX).unwrap() {
        bench.order(NOW, &Order::Play(manifest(counter, 10)));
    }
    let busy = bench.order(NOW, &Order::Play(manifest(50, 10)));
    assert_eq!(refusals(&busy), [RefusalCode::Busy]);
    let pushed = bench.order(NOW, &Order::Play(manifest(51, 11)));
    assert_eq!(steps(&pushed), [(8, Step::Preempted(51))]);
    // Refused as busy is not remembered: it may come again when there is room.
    bench.order(NOW, &cancel(60, Some(1)));
    assert_eq!(refusals(&bench.order(NOW, &Order::Play(manifest(50, 10)))), []);
}

#[test]
fn orders_for_others_and_forged_orders_stay_without_an_answer() {
    let mut bench = Bench::new();
    let elsewhere = Manifest { target: Target::Area(430_622_000_000), ..manifest(5, 10) };
    assert_eq!(bench.order(NOW, &Order::Play(elsewhere)), [Action::AmplifierOff]);
    let other = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let mut out = [0; 1024];
    let order = Order::Play(manifest(6, 10));
    let used = seal(Kind::Order, &order, &Ed25519Signer::new(1, &other), &mut out).unwrap();
    assert!(bench.terminal.on_order(NOW, &out[..used], &verifier()).is_err());
    assert_eq!(bench.drain(), []);
    assert_eq!((bench.terminal.dropped.frames, bench.terminal.dropped.other_target), (1, 1));
}

#[test]
fn a_question_is_answered_and_invents_no_times() {
    let mut bench = Bench::new();
    assert_eq!(steps(&bench.order(NOW, &query(5, NOW))), [(5, Step::Unknown)]);
    assert_eq!(reports(&bench.tick(NOW + HOUR - 1)).len(), 0, "unknown is not repeated");
    bench.play(NOW, &manifest(5, 10));
    bench.finished(NOW + 1, 5);
    let mut bench = bench.reboot();
    let said = reports(&bench.order(NOW + 2, &query(5, NOW)));
    assert_eq!((&said[0].step, said[0].ended_at_ms), (&Step::Played, None));
    assert_eq!(reports(&bench.order(NOW, &query(5, NOW + 120_001))).len(), 0);
}

/// The question of a silent test.
fn check_order(check: u64, issued_at_ms: i64, volume_percent: Option<u8>) -> Order {
    let target = Target::Area(430_621_100_000);
    let expires_ms = issued_at_ms + 60_000;
    Order::Check(Check { check, target, issued_at_ms, expires_ms, volume_percent })
}

#[test]
fn a_check_is_answered_and_nothing_sounds() {
    let check = |bench: &mut Bench, now_ms: i64, order: &Order, expect: Step| {
        let actions = bench.order(now_ms, order);
        let sounded = actions.iter().any(|action| matches!(action, Action::Start { .. }));
        assert!(!sounded, "{actions:?}");
        let said = reports(&actions);
        assert_eq!(said.last().map(|report| report.step.clone()), Some(expect));
    };
    let mut bench = Bench::new();
    check(&mut bench, NOW, &check_order(7, NOW, None), Step::Able);
    assert_eq!(reports(&bench.tick(NOW + 5_000)).len(), 1, "repeated until its receipt");
    // The clock is what a warning would fail by.
    let window = Step::Refused(RefusalCode::Window);
    check(&mut bench, NOW, &check_order(8, NOW + 120_001, None), window.clone());
    check(&mut bench, NOW, &check_order(9, NOW - 60_000, None), window);
    check(&mut bench, 5, &check_order(10, NOW, None), Step::Failed("no time".try_into().unwrap()));
    bench.play(NOW, &manifest(5, 10));
    bench.terminal.on_playback_failed(NOW, 5, "no amplifier");
    let failed = Step::Failed("the last play failed".try_into().unwrap());
    check(&mut bench, NOW, &check_order(11, NOW, None), failed);
    bench.play(NOW, &manifest(6, 10));
    bench.finished(NOW, 6);
    check(&mut bench, NOW, &check_order(12, NOW, None), Step::Able);
    let elsewhere = Target::Area(430_622_000_000);
    let (issued_at_ms, expires_ms, volume_percent) = (NOW, NOW + HOUR, None);
    let other = Check { check: 13, target: elsewhere, issued_at_ms, expires_ms, volume_percent };
    assert_eq!(reports(&bench.order(NOW, &Order::Check(other))), []);
}

#[test]
fn a_check_sets_the_volume_and_an_older_one_does_not() {
    let mut bench = Bench::new();
    for (check, percent, expect) in
        [(20, Some(35), 35), (19, Some(90), 35), (21, None, 35), (22, Some(0), 1)]
    {
        bench.order(NOW, &check_order(check, NOW, percent));
        assert_eq!(bench.terminal.profile().volume_percent, expect, "{check}");
    }
}

#[test]
fn reports_repeat_with_back_off_until_their_receipt() {
    let mut bench = Bench::new();
    bench.play(NOW, &manifest(5, 10));
    let said = reports(&bench.finished(NOW, 5));
    let mut times = vec![];
    for second in 1..400 {
        times.extend(reports(&bench.tick(NOW + second * 1_000)).iter().map(|_| second));
    }
    let gaps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((4..=5).contains(&times[0]) && gaps.windows(2).all(|g| g[1] >= g[0]), "{times:?}");
    assert!(gaps.iter().all(|gap| *gap <= 61) && *gaps.last().unwrap() >= 60, "{times:?}");
    let key = signing_key();
    for (sequence, left) in [(said[0].sequence - 1, 1), (said[0].sequence, 0)] {
        let bytes = receipt(5, sequence, &key);
        bench.terminal.on_receipt(&bytes, &verifier()).unwrap();
        assert_eq!(reports(&bench.tick(NOW + 900_000 + i64::from(sequence) * 90_000)).len(), left);
    }
}
