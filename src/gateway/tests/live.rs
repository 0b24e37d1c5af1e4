use super::*;
use crate::decide::tests::{TOWN, terminal};
use crate::gateway::{LIVE_BEGIN_S_MAX, LIVE_S_MAX, LiveAct};
use crate::model::{Address, Outcome, StopScope};
use mingluo_bridge::message::{Order, Part};

fn spoken(by: &Actor) -> ManualRequest {
    ManualRequest { text: None, voice: Some("live".into()), repeats: 3, ..request(by) }
}

/// Allowed by another person and rendered; nothing has gone out.
fn allowed(county: &mut County) -> BroadcastId {
    let answer = county.manual(&officer("张三"), spoken(&officer("张三")));
    let id = if let Answer::Waiting { plan, .. } = answer {
        started(&county.approve(&officer("李四"), plan, 0))
    } else {
        started(&answer)
    };
    county.rendered(id);
    id
}

fn part(number: u32) -> LiveAct {
    let sha256 = Sha256::of(&number.to_le_bytes());
    let clip = ClipRef { sha256, codec: Codec::Opus, clip_bytes: 2_000, duration_ms: 1_000 };
    LiveAct::Part { number, spoken_at: NOON, clips: vec![clip] }
}

impl County {
    fn act(&mut self, by: &str, id: BroadcastId, act: LiveAct) -> Answer {
        self.ask(&officer(by), Ask::Live(id, act))
    }

    /// Orders of the last step: kind, and parts with number and end.
    fn orders(&self) -> Vec<String> {
        let orders = self.actions.iter().filter_map(|action| match action {
            Action::Send { order, to, .. } => Some((order, to)),
            Action::Record(_)
            | Action::Reply(..)
            | Action::Render(_)
            | Action::Receipt(..)
            | Action::Call(_)
            | Action::Alarm(_) => None,
        });
        let told = orders.map(|(order, to)| {
            assert!(!to.is_empty());
            match &**order {
                Order::Live(live) => format!("live x{}", live.repeats),
                Order::Part(Part { number, ends, .. }) => format!("part {number} {ends}"),
                Order::Cancel(_) => "cancel".to_owned(),
                other @ (Order::Play(_)
                | Order::Query(_)
                | Order::Keep(_)
                | Order::Time(_)
                | Order::Check(_)) => format!("{other:?}"),
            }
        });
        told.collect()
    }
}

#[test]
fn nothing_leaves_before_its_officer_begins() {
    let mut county = default_county();
    let id = allowed(&mut county);
    assert_eq!(county.orders(), Vec::<String>::new());
    county.input(Input::Link(true));
    county.input(Input::Presence(terminal(VILLAGE_A, 1), true));
    for s in 1..30 {
        county.wake_at(NOON.plus_s(s));
        assert_eq!(county.orders(), Vec::<String>::new(), "after {s} s");
    }
    assert_eq!(codes(&county.act("张三", id, part(0))), ["over"]);
    assert_eq!(county.act("张三", id, LiveAct::Begin), Answer::Done(vec![id]));
    assert_eq!(county.orders(), ["live x1"]);
    let speaking = county.gateway.state().broadcasts[&id].speaking.clone().unwrap();
    assert_eq!((speaking.by.as_str(), speaking.n_connected), ("张三", 1));
    assert_eq!(codes(&county.act("张三", id, LiveAct::Begin)), ["begun_before"]);
}

#[test]
fn parts_go_out_in_turn_and_the_whole_is_kept() {
    let mut county = default_county();
    let id = allowed(&mut county);
    county.act("张三", id, LiveAct::Begin);
    let from = county.entries.len();
    county.act("张三", id, part(0));
    assert_eq!(county.orders(), ["part 0 false"]);
    assert_eq!(codes(&county.act("张三", id, part(0))), ["out_of_turn"]);
    assert_eq!(codes(&county.act("张三", id, part(2))), ["out_of_turn"]);
    county.act("张三", id, part(1));
    county.act("张三", id, LiveAct::End("喊话结束".into()));
    assert_eq!(county.orders(), ["part 2 true"]);
    assert_eq!(codes(&county.act("张三", id, part(2))), ["over"]);
    let clip = ClipRef {
        sha256: Sha256::of(b"all"),
        codec: Codec::Opus,
        clip_bytes: 4_000,
        duration_ms: 2_000,
    };
    county.act("张三", id, LiveAct::Keep(clip.clone()));
    let live: Vec<&str> =
        county.kinds(from).into_iter().filter(|kind| kind.starts_with("live")).collect();
    assert_eq!(live, ["live_part", "live_part", "live_ended", "live_kept"]);
    let speaking = county.gateway.state().broadcasts[&id].speaking.clone().unwrap();
    assert_eq!((speaking.n_parts, speaking.spoken_ms, speaking.whole), (2, 2_000, Some(clip)));
    // A lost end is told again, a few times; who was away hears no opening without words.
    let mut ends = 0;
    for s in 1..30 {
        county.wake_at(NOON.plus_s(s));
        ends += county.orders().iter().filter(|order| *order == "part 2 true").count();
        assert!(!county.orders().contains(&"live x1".to_owned()));
    }
    assert_eq!(ends, 3);
    county.input(Input::Presence(terminal(VILLAGE_A, 2), true));
    assert_eq!(county.orders(), Vec::<String>::new());
    county.report(id, terminal(VILLAGE_A, 1), Step::Played);
    county.wake_at(NOON.plus_s(100));
    let state = &county.gateway.state().broadcasts[&id];
    assert_eq!(state.phase, super::super::Phase::Ended, "not only when its validity ends");
    assert_eq!(state.deliveries[&terminal(VILLAGE_A, 2)].outcome, Outcome::Unreachable);
    assert_eq!(codes(&county.ask(&officer("王五"), Ask::Resend(id))), ["spoken_live"]);
}

#[test]
fn only_its_officer_speaks() {
    let mut county = default_county();
    let id = allowed(&mut county);
    assert!(matches!(county.act("李四", id, LiveAct::Begin), Answer::Denied(_)));
    let small = Actor { areas: vec![code(VILLAGE_B)], ..officer("张三") };
    assert!(matches!(county.ask(&small, Ask::Live(id, LiveAct::Begin)), Answer::Denied(_)));
    county.act("张三", id, LiveAct::Begin);
    for act in [part(0), LiveAct::End("x".into())] {
        assert!(matches!(county.act("李四", id, act), Answer::Denied(_)));
    }
    let auditor = actor("张三", Role::Auditor);
    assert!(matches!(county.ask(&auditor, Ask::Live(id, part(0))), Answer::Denied(_)));
    // Nor is one made in somebody else's name.
    for voice in ["live:李四", "live:"] {
        let forged = ManualRequest { voice: Some(voice.into()), ..spoken(&officer("张三")) };
        assert!(codes(&county.manual(&officer("张三"), forged)).contains(&"bad_voice".into()));
    }
    let both = ManualRequest { recording: Some("x".into()), ..spoken(&officer("张三")) };
    assert_eq!(codes(&county.manual(&officer("张三"), both)), ["live_or_recording"]);
}

#[test]
fn a_stop_a_cancel_and_the_clock_silence_it() {
    for how in ["stop", "cancel", "expiry", "silence", "length"] {
        let mut county = default_county();
        let id = allowed(&mut county);
        county.act("张三", id, LiveAct::Begin);
        county.act("张三", id, part(0));
        let ends = match how {
            "stop" => {
                county.input(Input::Stop(RequestId(1), officer("李四"), StopScope::All));
                "over"
            }
            "cancel" => {
                county.input(Input::Cancel(RequestId(1), officer("李四"), id, "误发".into()));
                "over"
            }
            "expiry" => {
                county.now = county.gateway.state().broadcasts[&id].broadcast.expires();
                "expired"
            }
            "silence" => {
                county.wake_at(NOON.plus_s(10 + 12));
                assert_eq!(county.orders(), ["part 1 true"]);
                "over"
            }
            _ => {
                for number in 1..u32::try_from(LIVE_S_MAX).unwrap() {
                    county.act("张三", id, part(number));
                }
                assert_eq!(
                    county.gateway.state().broadcasts[&id].speaking.as_ref().unwrap().n_parts,
                    600
                );
                "too_long"
            }
        };
        let number = county.gateway.state().broadcasts[&id].speaking.as_ref().unwrap().n_parts;
        assert_eq!(codes(&county.act("张三", id, part(number))), [ends], "{how}");
        let parts = county.orders().iter().filter(|order| order.ends_with("false")).count();
        assert_eq!(parts, 0, "{how}");
        county.now = county.now.plus_s(1);
        county.input(Input::Wake);
        let ended = county.gateway.state().broadcasts[&id].speaking.clone().unwrap();
        assert!(!ended.goes_on(), "{how}");
    }
}

#[test]
fn one_voice_in_an_area() {
    let mut county = default_county();
    let first = allowed(&mut county);
    let second = allowed(&mut county);
    county.act("张三", first, LiveAct::Begin);
    assert_eq!(codes(&county.act("张三", second, LiveAct::Begin)), ["live_busy"]);
    county.act("张三", first, LiveAct::End("喊话结束".into()));
    assert_eq!(county.act("张三", second, LiveAct::Begin), Answer::Done(vec![second]));
}

#[test]
fn one_that_is_never_begun_is_cancelled_and_nobody_hears_of_it() {
    let mut county = default_county();
    let id = allowed(&mut county);
    county.wake_at(NOON.plus_s(LIVE_BEGIN_S_MAX));
    let state = &county.gateway.state().broadcasts[&id];
    assert!(state.deliveries.values().all(|delivery| delivery.outcome == Outcome::Cancelled));
    assert_eq!(codes(&county.act("张三", id, LiveAct::Begin)), ["over"]);
}

#[test]
fn a_restart_ends_what_was_spoken() {
    let mut county = default_county();
    let id = allowed(&mut county);
    county.act("张三", id, LiveAct::Begin);
    county.act("张三", id, part(0));
    county.now = NOON.plus_s(60);
    county.restart(crate::decide::tests::rules());
    assert_eq!(county.orders(), ["part 1 true"]);
    assert_eq!(codes(&county.act("张三", id, part(1))), ["over"]);
}

#[test]
fn a_live_drill_is_framed_or_silent() {
    let mut county = default_county();
    let until = NOON.plus_s(3_600);
    county.input(Input::ArmDrill(RequestId(1), leader("李带班"), until));
    let drill = ManualRequest { class: Class::Drill, ..spoken(&officer("张三")) };
    let answer = county.manual(&officer("张三"), drill);
    let Answer::Waiting { plan, .. } = answer else { panic!("it waits, got {answer:?}") };
    let id = started(&county.approve(&officer("李四"), plan, 0));
    let render = county.actions.iter().find_map(|action| {
        if let Action::Render(order) = action {
            Some(order.message.recording.clone())
        } else {
            None
        }
    });
    assert_eq!(render, Some(Some("drill-before".into())));
    let why = Some("expected drill-before".to_owned());
    let spoken = Spoken { voice: "chime".into(), fallback_reason: why, render_ms: 1 };
    let clip =
        ClipRef { sha256: Sha256::of(b"c"), codec: Codec::Opus, clip_bytes: 9, duration_ms: 9 };
    county.input(Input::Rendered(id, vec![clip], spoken));
    assert!(county.gateway.state().broadcasts[&id].cancellation.is_some());
    assert_eq!(codes(&county.act("张三", id, LiveAct::Begin)), ["over"]);
}

#[test]
fn who_can_not_hear_it_is_told_and_not_asked() {
    // The national protocol has no signed parts of our own.
    for link in [LinkKind::Serial, LinkKind::National] {
        deaf_by(link);
    }
}

fn deaf_by(link: LinkKind) {
    let mut deaf = crate::decide::tests::rules();
    let serial = terminal(VILLAGE_B, 1);
    let known = deaf.network.terminals.get_mut(&serial).unwrap();
    known.links = vec![link];
    let mut county = County::new(deaf);
    let outlook = county.gateway.outlook(NOON, &spoken(&officer("张三"))).unwrap();
    assert!(!outlook.terminals.contains(&serial) && outlook.terminals.len() == 2);
    let told = outlook.reasons.iter().find(|reason| reason.code == "no_live_audio").unwrap();
    assert!(told.text.starts_with("1 个终端") && told.text.contains("国标链路"), "{}", told.text);
    let only = ManualRequest { areas: vec![code(VILLAGE_B)], ..spoken(&officer("张三")) };
    assert_eq!(codes(&county.manual(&officer("张三"), only)), ["nobody_hears"]);
    // The whole town is ordered by its own name; the deaf one is on another link.
    let town = ManualRequest { areas: vec![code(TOWN)], ..spoken(&officer("张三")) };
    let plan = county.gateway.outlook(NOON, &town).unwrap();
    assert!(!plan.areas.is_empty());
    let id = allowed(&mut county);
    county.act("张三", id, LiveAct::Begin);
    let mut links = Vec::new();
    for action in &county.actions {
        if let Action::Send { link, to, .. } = action {
            links.push(*link);
            assert!(!to.contains(&Address::Terminal(serial)));
        }
    }
    assert_eq!(links, [LinkKind::Mqtt]);
}
