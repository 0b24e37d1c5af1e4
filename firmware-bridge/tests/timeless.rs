//! A terminal whose clock was never set, is set, or is lost: orders it can't judge are no end.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod support;
use mingluo_bridge::clock::FIRST_MS;
use mingluo_bridge::message::{
    Cancel, Class, Codec, Keep, Manifest, Order, Query, RefusalCode, Step, Target,
};
use mingluo_bridge::terminal::{Action, Terminal};
use support::*;

/// Shortly after a boot without a time, as the firmware counts then.
const TICK: i64 = 1_200;

struct Bench(Terminal<Cells>);

impl Bench {
    fn drain(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.0.next_action()).collect()
    }
    /// An order whose content comes at once, if it is asked for.
    fn order(&mut self, now_ms: i64, order: &Order) -> Vec<Action> {
        self.0.on_order(now_ms, &sealed(order), &verifier()).unwrap();
        let mut actions = self.drain();
        for action in actions.clone() {
            if let Action::Fetch(clip) = action {
                self.0.on_clip_ready(now_ms, &clip.sha256);
            }
        }
        actions.extend(self.drain());
        actions
    }
    fn reboot(self, now_ms: i64) -> Self {
        Self(Terminal::boot(profile(), self.0.into_store(), now_ms))
    }
}

fn bench(now_ms: i64) -> Bench {
    Bench(Terminal::boot(profile(), Cells::default(), now_ms))
}

/// Sends `play` to a terminal that boots without a time, then again once the time is `set_ms`:
/// nothing at first, then what is expected of starts and steps.
fn check(boot_ms: i64, play: &Manifest, set_ms: i64, started: &[u64], said: &[Step]) {
    let order = Order::Play(play.clone());
    let mut bench = bench(boot_ms);
    let nothing = [Action::AmplifierOff];
    for tick_ms in [TICK, TICK + 1, TICK + 300_000] {
        let got = bench.order(boot_ms + tick_ms, &order);
        assert!(got.is_empty() || got == nothing, "{boot_ms}: {got:?}");
        bench.0.on_tick(boot_ms + tick_ms + 10_000);
        assert_eq!(bench.drain(), [], "{boot_ms}: nothing later either");
    }
    assert_eq!((bench.0.dropped.timeless, bench.0.memory().counter_highest()), (3, 0));
    let mut got = bench.order(set_ms, &order);
    assert_eq!(starts(&got), started, "{boot_ms}");
    for broadcast in started {
        bench.0.on_playback_finished(set_ms + 20_000, *broadcast, true);
        got.extend(bench.drain());
    }
    let steps: Vec<Step> = steps(&got).into_iter().map(|(_, step)| step).collect();
    assert_eq!(steps, said, "{boot_ms}");
    // The same order never sounds again, with the time, without it, and after a boot.
    let mut bench = bench.reboot(boot_ms);
    for now_ms in [set_ms + 21_000, boot_ms + TICK, set_ms + 30_000] {
        let again = if started.is_empty() { vec![] } else { starts(&bench.order(now_ms, &order)) };
        assert_eq!(again, [], "{boot_ms}");
    }
}

#[test]
fn an_order_before_the_time_is_judged_when_it_comes() {
    let whole = [Step::Received, Step::Played];
    let plain = manifest(5, 10);
    let late = Manifest { expires_ms: NOW + 5_000, ..manifest(5, 10) };
    let odd = Manifest { issued_at_ms: 0, not_before_ms: 0, expires_ms: 9, ..manifest(5, 10) };
    let drill = Manifest { class: Class::Drill, ..manifest(5, 10) };
    let mut undecodable = manifest(5, 10);
    undecodable.clips.iter_mut().for_each(|clip| clip.codec = Codec::Wav);
    let year_2000 = 946_684_800_000;
    for boot_ms in [0, year_2000, FIRST_MS - 1_000_000] {
        check(boot_ms, &plain, NOW + 10_000, &[5], &whole);
        let window = [Step::Refused(RefusalCode::Window)];
        check(boot_ms, &late, NOW + 5_000, &[], &window);
        check(boot_ms, &odd, NOW, &[], &window);
        check(boot_ms, &drill, NOW, &[], &[Step::Refused(RefusalCode::Drill)]);
        check(boot_ms, &undecodable, NOW, &[], &[Step::Refused(RefusalCode::Content)]);
    }
}

#[test]
fn with_a_good_clock_an_expired_order_is_refused_at_once_and_says_when() {
    let mut bench = bench(NOW + HOUR);
    let got = bench.order(NOW + HOUR, &Order::Play(manifest(5, 10)));
    assert_eq!(refusals(&got), [RefusalCode::Window]);
    assert_eq!(reports(&got).first().unwrap().ended_at_ms, Some(NOW + HOUR));
    assert_eq!(bench.0.dropped.timeless, 0);
}

#[test]
fn what_was_accepted_before_a_power_cut_waits_for_the_time_and_plays_once() {
    let mut bench = bench(NOW);
    let order = Order::Play(manifest(5, 10));
    bench.0.on_order(NOW, &sealed(&order), &verifier()).unwrap();
    let mut bench = bench.reboot(0);
    assert_eq!(steps(&bench.order(TICK, &order)), []);
    assert_eq!(starts(&bench.order(NOW + 9_000, &order)), [5]);
    assert_eq!(starts(&bench.order(NOW + 9_001, &order)), []);
    // The end of one that sounded when power went needs no time, and none is invented.
    let mut bench = bench.reboot(0);
    let said = reports(&bench.order(TICK, &order));
    assert!(matches!(said.first().unwrap().step, Step::Failed(_)), "{said:?}");
    assert!(said.iter().all(|report| report.ended_at_ms.is_none()), "{said:?}");
}

#[test]
fn a_stop_needs_no_time_and_a_question_or_content_to_keep_gets_no_word() {
    let mut bench = bench(0);
    let target = Target::Terminal(TERMINAL);
    let (issued_at_ms, expires_ms) = (NOW, NOW + HOUR);
    let query = Query { counter: 8, broadcast: 5, target, issued_at_ms, expires_ms };
    assert_eq!(steps(&bench.order(TICK, &Order::Query(query))), []);
    let keep = Keep { target, issued_at_ms, expires_ms, clip: clip(1), phrase: None };
    let got = bench.order(TICK, &Order::Keep(keep));
    assert!(!got.iter().any(|action| matches!(action, Action::Keep { .. })), "{got:?}");
    let cancel = Cancel { counter: 9, broadcast: Some(5), target, issued_at_ms, expires_ms };
    let said = reports(&bench.order(TICK, &Order::Cancel(cancel)));
    assert_eq!(said.first().unwrap().step, Step::Cancelled);
    assert_eq!(said.first().unwrap().ended_at_ms, None, "no time, none invented");
    assert_eq!(starts(&bench.order(NOW, &Order::Play(manifest(5, 10)))), []);
}

#[test]
fn a_terminal_that_loses_the_time_falls_silent_and_keeps_what_waits() {
    let mut bench = bench(NOW);
    bench.order(NOW, &Order::Play(manifest(5, 10)));
    let later = Manifest { not_before_ms: NOW + 60_000, ..manifest(6, 10) };
    bench.order(NOW, &Order::Play(later));
    bench.0.on_tick(TICK);
    let got = bench.drain();
    assert!(got.contains(&Action::Stop { broadcast: 5 }) && got.contains(&Action::AmplifierOff));
    assert!(matches!(steps(&got).as_slice(), [(5, Step::Failed(_)), ..]), "{got:?}");
    bench.0.on_tick(TICK + HOUR);
    assert_eq!(starts(&bench.drain()), []);
    bench.0.on_tick(NOW + 61_000);
    assert_eq!(starts(&bench.drain()), [6]);
}
