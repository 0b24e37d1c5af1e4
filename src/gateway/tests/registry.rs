use super::*;
use crate::decide::tests::{OTHER_TOWN, VILLAGE_C, terminal};
use crate::gateway::{Findings, SilentRequest};
use crate::model::{
    Address, Finding, Health, RefusalCode, RegistryChange, SilentAnswer, SilentTestId, Terminal,
};
use mingluo_bridge::message::Order;

fn technician() -> Actor {
    actor("技术", Role::Technician)
}

fn known(county: &County, village: &str, sequence: u16) -> Terminal {
    county.gateway.rules().network.terminals[&terminal(village, sequence)].clone()
}

/// A terminal that is not there yet.
fn new_terminal(county: &County, sequence: u16) -> Terminal {
    let id = terminal(VILLAGE_A, sequence);
    Terminal { id, name: "新装".into(), ..known(county, VILLAGE_A, 1) }
}

fn change(county: &County, set: Vec<Terminal>, retired: Vec<TerminalId>) -> RegistryChange {
    let seen = county.gateway.state().registry.revision;
    RegistryChange { set, retired, reason: "换了新喇叭".into(), seen }
}

fn apply(county: &mut County, set: Vec<Terminal>, retired: Vec<TerminalId>) {
    let change = change(county, set, retired);
    let done = Answer::Done(Vec::new());
    assert_eq!(county.ask(&technician(), Ask::ChangeRegistry(change)), done);
}

#[test]
fn a_change_is_recorded_rules_and_survives_a_restart() {
    let mut county = default_county();
    let (added, mut louder) = (new_terminal(&county, 9), known(&county, VILLAGE_B, 1));
    louder.volume_percent = 35;
    let gone = terminal(VILLAGE_C, 2);
    apply(&mut county, vec![added.clone(), louder.clone()], vec![gone]);
    assert_eq!(county.kinds(0), ["registry_changed"]);
    for _ in 0..2 {
        let network = &county.gateway.rules().network;
        assert_eq!(network.terminals.get(&added.id), Some(&added));
        assert_eq!(network.terminals[&louder.id].volume_percent, 35);
        assert!(!network.terminals.contains_key(&gone));
        // What is chosen from is the new registry.
        let plan = county.gateway.outlook(NOON, &request(&officer("张三"))).unwrap();
        assert!(plan.terminals.contains(&added.id), "{:?}", plan.terminals);
        county.restart(rules());
        assert_eq!(county.kinds(0), ["registry_changed"], "the file is the same: nothing new");
    }
}

/// The file is the base: its row of a terminal holds again when it is changed later.
#[test]
fn the_later_change_wins_terminal_by_terminal() {
    let mut county = default_county();
    let (mut a, mut b) = (known(&county, VILLAGE_A, 1), known(&county, VILLAGE_B, 1));
    (a.volume_percent, b.volume_percent) = (10, 20);
    apply(&mut county, vec![a.clone(), b.clone()], Vec::new());
    let with = |volume: u8| {
        let mut network = rules().network;
        network.terminals.get_mut(&a.id).unwrap().volume_percent = volume;
        Rules::new(network, rules().policy)
    };
    let volume = |county: &County, of: &Terminal| {
        county.gateway.rules().network.terminals[&of.id].volume_percent
    };
    county.restart(with(66));
    assert_eq!((volume(&county, &a), volume(&county, &b)), (66, 20));
    assert_eq!(county.kinds(1), ["registry_filed"]);
    assert_eq!(county.alarms(), ["registry_filed"]);
    // It never comes back, not even when the file becomes again what it was.
    county.restart(with(80));
    assert_eq!((volume(&county, &a), volume(&county, &b)), (80, 20));
    assert_eq!(county.kinds(1), ["registry_filed"]);
}

#[test]
fn what_may_not_be_changed_is_refused_with_every_reason() {
    let mut county = default_county();
    let mut check = |who: &Actor, change: RegistryChange, expect: &[&str]| {
        let before = county.gateway.state().registry.clone();
        let answer = county.ask(who, Ask::ChangeRegistry(change));
        let denied = matches!(answer, Answer::Denied(_));
        let told = if denied { vec!["denied".to_owned()] } else { codes(&answer) };
        assert_eq!(told, expect);
        assert_eq!(county.gateway.state().registry, before);
        assert_eq!(county.entries.last().unwrap().1.kind(), "denied");
    };
    let plain = default_county();
    let good = |set, retired| change(&plain, set, retired);
    let added = new_terminal(&plain, 9);
    let one = || vec![added.clone()];
    check(&officer("张三"), good(one(), vec![]), &["denied"]);
    let town = Actor { areas: vec![code(OTHER_TOWN)], ..technician() };
    check(&town, good(one(), vec![]), &["denied"]);
    // Neither may a terminal be pulled out of another's area.
    let pulled = Terminal { area: code(VILLAGE_C), ..known(&plain, VILLAGE_A, 1) };
    check(&town, good(vec![pulled], vec![]), &["denied"]);
    let who = technician();
    check(&who, good(vec![], vec![]), &["nothing_changed"]);
    check(&who, RegistryChange { seen: 7, ..good(one(), vec![]) }, &["registry_changed"]);
    check(&who, RegistryChange { reason: " ".into(), ..good(one(), vec![]) }, &["bad_reason"]);
    check(&who, good(one(), vec![terminal(VILLAGE_B, 77)]), &["unknown_terminal"]);
    check(&who, good([one(), one()].concat(), vec![]), &["twice"]);
    let nowhere = Terminal { area: code("430621999000"), ..added.clone() };
    let nameless = Terminal { name: String::new(), ..added.clone() };
    check(&actor("技术", Role::Administrator), good(vec![nowhere], vec![]), &["bad_terminal"]);
    check(&who, good(vec![nameless], vec![]), &["bad_terminal"]);
    let serial = Terminal { links: vec![LinkKind::Serial], ..added.clone() };
    check(&who, good(vec![serial], vec![]), &["bad_terminal"]);
}

#[test]
fn a_broadcast_under_way_keeps_its_targets() {
    let mut county = default_county();
    let by = officer("张三");
    let manual = ManualRequest { areas: vec![code(VILLAGE_B)], ..request(&by) };
    let broadcast = started(&county.manual(&by, manual));
    county.rendered(broadcast);
    let target = terminal(VILLAGE_B, 1);
    let added = new_terminal(&county, 9);
    apply(&mut county, vec![added], vec![target]);
    let deliveries = |county: &County| {
        let state = &county.gateway.state().broadcasts[&broadcast];
        state.deliveries.keys().copied().collect::<Vec<_>>()
    };
    assert_eq!(deliveries(&county), [target]);
    county.report(broadcast, target, Step::Played);
    let state = &county.gateway.state().broadcasts[&broadcast];
    assert_eq!(state.counts().played, 1, "its word counts all the same");
}

#[test]
fn where_a_moved_terminal_stood_is_recorded_with_the_broadcast() {
    let mut county = default_county();
    let moved = Terminal { area: code(VILLAGE_C), ..known(&county, VILLAGE_B, 1) };
    apply(&mut county, vec![moved.clone()], Vec::new());
    let by = officer("张三");
    let manual = ManualRequest { areas: vec![code(VILLAGE_C)], ..request(&by) };
    let answer = county.manual(&by, manual);
    let broadcast = if let Answer::Waiting { plan, .. } = answer {
        started(&county.approve(&leader("李四"), plan, 0))
    } else {
        started(&answer)
    };
    let state = &county.gateway.state().broadcasts[&broadcast];
    assert_eq!(state.moved, [(moved.id, code(VILLAGE_C))].into());
    county.rendered(broadcast);
    // It may not know yet where it stands: it is ordered by its name.
    county.wake_at(NOON.plus_s(30));
    let named = county.actions.iter().any(|action| {
        matches!(action, Action::Send { to, .. } if to.contains(&Address::Terminal(moved.id)))
    });
    assert!(named, "{:?}", county.actions);
}

fn start_test(county: &mut County, volume_percent: Option<u8>) -> SilentTestId {
    let terminals = county.gateway.rules().network.terminals.keys().copied().collect();
    let asked = SilentRequest { terminals, volume_percent, what: "全部".into() };
    let answer = county.ask(&technician(), Ask::TestSilently(asked));
    let Answer::TestStarted(test) = answer else { panic!("it starts, got {answer:?}") };
    county.input(Input::Wake);
    test
}

/// Addresses of the checks that the last input sent.
fn checked(county: &County) -> Vec<Address> {
    let mut all = Vec::new();
    for action in &county.actions {
        if let Action::Send { order, to, .. } = action {
            assert!(matches!(**order, Order::Check(_)), "nothing that sounds: {order:?}");
            all.extend(to.iter().copied());
        }
    }
    all
}

fn able(test: SilentTestId, terminal: TerminalId) -> Input {
    let (finding, clock) = (Finding::Able, Some(NOON));
    let link = LinkKind::Mqtt;
    Input::Tested(SilentAnswer { terminal, test, finding, clock, link, sequence: 1 })
}

#[test]
fn a_silent_test_asks_again_and_reports() {
    let mut county = default_county();
    let test = start_test(&mut county, None);
    assert_eq!(checked(&county), [Address::Area(code(COUNTY))], "one order for all of it");
    let all: Vec<TerminalId> = county.gateway.rules().network.terminals.keys().copied().collect();
    county.input(able(test, all[0]));
    let receipt = |county: &County, id: TerminalId| {
        let about = BroadcastId(test.0);
        county
            .actions
            .iter()
            .any(|action| matches!(action, Action::Receipt(to, of, _) if (*to, *of) == (id, about)))
    };
    assert!(receipt(&county, all[0]));
    county.input(able(test, all[0]));
    assert!(receipt(&county, all[0]), "a repeat is receipted and not recorded");
    assert_eq!(county.kinds(1), ["silent_test_answered"]);
    // One whose clock is wrong says so by refusing.
    let refused = Step::Refused(RefusalCode::Window);
    county.report(BroadcastId(test.0), all[1], refused);
    county.input(Input::Presence(all[2], false));
    county.wake_at(NOON.plus_s(11));
    let expect: Vec<Address> = all[3..].iter().map(|id| Address::Terminal(*id)).collect();
    assert_eq!(checked(&county), expect, "neither who answered nor who is away");
    county.restart(rules());
    county.wake_at(NOON.plus_s(95));
    let found = Findings { able: 1, unable: 1, silent: 3 };
    let state = &county.gateway.state().tests[&test];
    assert_eq!((state.findings(), state.ended), (found, true));
    assert_eq!(county.entries.last().unwrap().1.kind(), "silent_test_ended");
    county.input(able(test, all[3]));
    assert_eq!(county.gateway.state().tests[&test].findings(), found, "too late");
    assert!(receipt(&county, all[3]), "but it may stop repeating");
}

#[test]
fn a_national_terminal_is_asked_by_its_own_link_and_gets_no_receipt() {
    let mut rules = rules();
    let national = terminal(VILLAGE_B, 1);
    rules.network.terminals.get_mut(&national).unwrap().links = vec![LinkKind::National];
    let mut county = County::new(rules);
    county.input(Input::NationalPresence(national, true));
    let test = start_test(&mut county, None);
    let asked = county.actions.iter().any(|action| {
        matches!(action, Action::Send { link: LinkKind::National, order, .. } if matches!(**order, Order::Check(_)))
    });
    assert!(asked, "{:?}", county.actions);
    let Input::Tested(answer) = able(test, national) else { panic!("it is an answer") };
    let answer = SilentAnswer { link: LinkKind::National, clock: None, ..answer };
    county.input(Input::Tested(answer));
    assert_eq!(county.kinds(1), ["silent_test_answered"]);
    let receipts = county.actions.iter().any(|action| matches!(action, Action::Receipt(..)));
    assert!(!receipts, "the protocol knows none");
    assert_eq!(county.gateway.state().tests[&test].findings().able, 1);
}

#[test]
fn a_silent_test_never_takes_the_budget_of_a_broadcast() {
    let mut county = default_county();
    let test = start_test(&mut county, None);
    let by = officer("张三");
    let manual = ManualRequest { areas: vec![code(VILLAGE_B)], ..request(&by) };
    let broadcast = started(&county.manual(&by, manual));
    county.rendered(broadcast);
    county.wake_at(NOON.plus_s(40));
    let mut sent = Vec::new();
    for action in &county.actions {
        if let Action::Send { broadcast, .. } = action {
            sent.push(broadcast.0);
        }
    }
    assert_eq!(sent, [broadcast.0, test.0], "the broadcast goes first");
}

#[test]
fn a_volume_set_on_screen_is_told_again_after_a_power_cut() {
    let mut county = default_county();
    let quiet = Terminal { volume_percent: 30, ..known(&county, VILLAGE_A, 1) };
    apply(&mut county, vec![quiet.clone()], Vec::new());
    let told = |county: &mut County, id: TerminalId, volume_percent: u8| {
        let health = Health {
            fault: false,
            clock: NOON,
            boot_count: 1,
            software: "t".into(),
            codecs: vec![Codec::Opus],
            volume_percent,
            drills: true,
        };
        county.input(Input::Health(id, LinkKind::Mqtt, Box::new(health)));
        checked(county)
    };
    assert_eq!(told(&mut county, quiet.id, 30), []);
    assert_eq!(told(&mut county, quiet.id, 80), [Address::Terminal(quiet.id)]);
    // Who was never touched on screen keeps the volume it was installed with.
    assert_eq!(told(&mut county, terminal(VILLAGE_A, 2), 55), []);
    let heard = county.gateway.heard(quiet.id).unwrap();
    assert_eq!(heard.health.as_ref().map(|(_, health)| health.volume_percent), Some(80));
}

#[test]
fn who_may_test() {
    let mut county = default_county();
    let asked = |volume_percent| SilentRequest {
        terminals: [terminal(VILLAGE_A, 1)].into(),
        volume_percent,
        what: String::new(),
    };
    let town = Actor { areas: vec![code(OTHER_TOWN)], ..technician() };
    for who in [officer("张三"), leader("李四"), town] {
        let answer = county.ask(&who, Ask::TestSilently(asked(None)));
        assert!(matches!(answer, Answer::Denied(_)), "{answer:?}");
    }
    let answer = county.ask(&technician(), Ask::TestSilently(asked(Some(101))));
    assert_eq!(codes(&answer), ["bad_volume"]);
    let nobody = SilentRequest { terminals: [].into(), ..asked(None) };
    assert_eq!(codes(&county.ask(&technician(), Ask::TestSilently(nobody))), ["nobody"]);
    for _ in 0..4 {
        county.now = county.now.plus_ms(1);
        let answer = county.ask(&technician(), Ask::TestSilently(asked(None)));
        assert!(matches!(answer, Answer::TestStarted(_)), "{answer:?}");
    }
    let answer = county.ask(&technician(), Ask::TestSilently(asked(None)));
    assert_eq!(codes(&answer), ["busy"]);
}
