//! An upper platform that refuses, hangs, answers nonsense and comes back: nothing on record is lost over a
//! kill, nothing goes twice that was answered, and what alone is in vain holds nothing else up.

use super::between::{Between, Mood};
use super::{UPPER, World, message, order};
use crate::process::wait_until;
use mingluo::daemon::Saying;
use mingluo::ingest::ebd::{Body, OmdRequest, Params};
use mingluo::model::{EbdKind, PlatformAct, ResultCode};
use mingluo::record::entry::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// A world whose gateway tells its upper platform through somebody.
fn through(name: &str, mood: Mood) -> (World, Between) {
    let mut world = World::start(name);
    let between = Between::start(world.upper.local, mood);
    world.gateway.set("platform.url", &format!("http://{}/", between.at));
    world.gateway.restart();
    (world, between)
}

impl World {
    /// Takes two drills, which are not heard as none is armed: of each its state is told, then its log.
    fn drills(&self, number: u16) -> [String; 2] {
        [number, number + 1].map(|number| {
            let (drill, saying, files) = message(&order(number, 3, 600));
            let (code, desc) = self.send(saying, &files);
            assert_eq!(code, ResultCode::Good, "{desc}");
            drill
        })
    }

    /// Takes in what has come.
    fn look(&mut self) {
        while let Ok(received) = self.upper.inbox.try_recv() {
            self.seen.push(received);
        }
    }

    /// States and logs so far, by the name of their package.
    fn told(&mut self) -> Vec<(String, Body)> {
        self.look();
        let on_record = |kind| matches!(kind, EbdKind::EbmStateResponse | EbdKind::EbmBrdLog);
        let all = self.seen.iter().filter(|one| on_record(one.package.envelope.kind));
        all.map(|one| (one.package.envelope.id.clone(), one.package.body.clone())).collect()
    }

    /// Whether the end of both has come.
    fn has_ended(&mut self, ebms: &[String]) -> bool {
        let ended: BTreeSet<String> = self
            .told()
            .into_iter()
            .filter_map(|(_, body)| {
                if let Body::Log(_, items) = body { Some(items[0].state.ebm.clone()) } else { None }
            })
            .collect();
        ebms.iter().all(|ebm| ended.contains(ebm))
    }

    /// The state of a message came before its log.
    fn check_order(&mut self, ebm: &str) {
        let told = self.told();
        let at = |is: fn(&Body, &str) -> bool| told.iter().position(|(_, body)| is(body, ebm));
        let state = at(|body, ebm| matches!(body, Body::State(state) if state.ebm == ebm));
        let log = at(|body, ebm| matches!(body, Body::Log(_, items) if items[0].state.ebm == ebm));
        assert!(state.is_some() && state < log, "{ebm}: {state:?} {log:?}");
    }

    /// Numbers of what was written down to be told, and of what was taken, by the record.
    fn on_record(&self) -> (BTreeSet<u64>, BTreeMap<u64, u32>) {
        let url = format!("sqlite:{}", self.gateway.record().display());
        let rows = mingluo::record::open_read_only(&url).unwrap().read(1, 100_000).unwrap();
        let (mut queued, mut taken) = (BTreeSet::new(), BTreeMap::new());
        for row in rows {
            match Entry::from_body(&row.body) {
                Ok(Entry::Platform { act: PlatformAct::Queued { sequence, .. } }) => {
                    queued.insert(sequence);
                }
                Ok(Entry::Platform { act: PlatformAct::Sent { sequence, .. } }) => {
                    *taken.entry(sequence).or_default() += 1;
                }
                _ => {}
            }
        }
        (queued, taken)
    }
}

#[test]
fn nothing_is_lost_over_kills_and_nothing_answered_goes_twice() {
    let (mut world, between) = through("platform-upward", Mood::Refuse);
    let ebms = world.drills(1);
    wait_until(30, || between.n_posts() >= 2, "it is tried while it is refused");
    world.gateway.kill();
    between.set(Mood::Nonsense);
    let before = between.n_posts();
    world.gateway.restart();
    wait_until(30, || between.n_posts() >= before + 2, "it is tried while nonsense comes back");
    assert_eq!(world.told(), [], "nothing came through so far");
    world.gateway.kill();
    // The upper platform has it, and nobody knows.
    between.set(Mood::Swallow);
    world.gateway.restart();
    wait_until(30, || !world.told().is_empty(), "it comes through");
    between.set(Mood::Refuse);
    world.gateway.kill();
    let swallowed: BTreeSet<String> = world.told().into_iter().map(|(id, _)| id).collect();
    between.set(Mood::Pass);
    world.gateway.restart();
    wait_until(90, || world.has_ended(&ebms), "both are told to their end");
    // Once more, after all was taken: a start tells nothing again.
    world.gateway.kill();
    world.gateway.restart();
    wait_until(30, || world.gateway.get("/broadcasts")["broadcasts"].is_array(), "it is up");
    let beats = |world: &mut World| {
        world.look();
        let check = EbdKind::ConnectionCheck;
        world.seen.iter().filter(|one| one.package.envelope.kind == check).count()
    };
    let before = beats(&mut world);
    wait_until(30, || beats(&mut world) >= before + 3, "heartbeats go on");
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for (id, _) in world.told() {
        *times.entry(id).or_default() += 1;
    }
    for (id, n) in &times {
        let expect = if swallowed.contains(id) { 2..=3 } else { 1..=1 };
        assert!(expect.contains(n), "{id} came {n} times; without an answer: {swallowed:?}");
    }
    ebms.iter().for_each(|ebm| world.check_order(ebm));
    world.gateway.stop();
    let (queued, taken) = world.on_record();
    assert_eq!(queued.len(), times.len(), "all that was written down was told");
    assert!(queued.iter().all(|sequence| taken.get(sequence) == Some(&1)), "{queued:?} {taken:?}");
    assert_eq!(world.gateway.cli(&["record", "verify"]).0, 0);
}

/// What alone is answered 503 steps aside: heartbeats and other messages go on, and it comes in its order.
#[test]
fn what_alone_is_in_vain_holds_nothing_else_up() {
    let (mut world, between) = through("platform-aside", Mood::Pass);
    world.wait(30, "a heartbeat", |_, kind| kind == EbdKind::ConnectionCheck);
    let date: String = mingluo::ingest::ebd::local_time(mingluo::clock::now_utc());
    let date: String = date.chars().take(10).filter(char::is_ascii_digit).collect();
    let poison = format!("{UPPER}{date}0001");
    between.set(Mood::BusyFor(poison.clone()));
    let others = [world.drills(1)[1].clone(), world.drills(5)[0].clone()];
    wait_until(60, || world.has_ended(&others), "other messages are told to their end");
    assert!(!world.has_ended(std::slice::from_ref(&poison)));
    let beats = |world: &mut World| {
        world.look();
        let check = EbdKind::ConnectionCheck;
        world.seen.iter().filter(|one| one.package.envelope.kind == check).count()
    };
    let before = beats(&mut world);
    wait_until(30, || beats(&mut world) >= before + 3, "heartbeats go on");
    between.set(Mood::Pass);
    wait_until(90, || world.has_ended(std::slice::from_ref(&poison)), "it is told at last");
    world.check_order(&poison);
    world.gateway.stop();
}

/// A platform that answers 503 to one kind of report is told all else.
#[test]
fn a_report_that_is_never_taken_holds_nothing_else_up() {
    let (mut world, _between) = through("platform-report", Mood::BusyFor("EBRPSInfo".into()));
    world.wait(60, "terminals", |_, kind| kind == EbdKind::EbrdtInfo);
    world.wait(60, "their state", |_, kind| kind == EbdKind::EbrdtState);
    let drills = world.drills(1);
    wait_until(60, || world.has_ended(&drills), "messages are told to their end");
    assert!(world.seen.iter().all(|one| one.package.envelope.kind != EbdKind::EbrpsInfo));
    world.gateway.stop();
}

/// A question that was taken is answered, though the upper platform is away when its answer is ready.
#[test]
fn an_answer_waits_for_who_asked() {
    let (mut world, between) = through("platform-question", Mood::Pass);
    world.wait(30, "a heartbeat", |_, kind| kind == EbdKind::ConnectionCheck);
    between.set(Mood::Refuse);
    let ask = OmdRequest { what: EbdKind::EbrdtInfo, params: Params::default() };
    let (code, desc) = world.send(Saying::new(EbdKind::OmdRequest, Body::Request(ask)), &[]);
    assert_eq!(code, ResultCode::Good, "{desc}");
    let before = between.n_posts();
    wait_until(30, || between.n_posts() >= before + 3, "it is tried in vain");
    between.set(Mood::Pass);
    let answered = |world: &mut World| {
        world.look();
        let answers = world.seen.iter().filter(|one| one.package.envelope.related.is_some());
        answers.filter(|one| one.package.envelope.kind == EbdKind::EbrdtInfo).count()
    };
    wait_until(60, || answered(&mut world) == 1, "the answer comes when it can");
    world.gateway.stop();
}

/// A platform that takes the connection and says nothing is given up after 20 s and asked again.
#[test]
fn an_upper_platform_that_hangs_is_asked_again() {
    let (mut world, between) = through("platform-hangs", Mood::Hang);
    let ebms = world.drills(1);
    wait_until(20, || between.n_posts() >= 1, "it is tried");
    between.set(Mood::Pass);
    wait_until(60, || world.has_ended(&ebms), "told after the hanging post was given up");
    world.gateway.stop();
}
