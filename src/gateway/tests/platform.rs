//! The upper platform: its packages become alerts once, and what it is told is what terminals said.

use super::*;
use crate::decide::PlatformRules;
use crate::gateway::{Arrival, Outgoing, Passed, PassedWhat, PlatformInput, ToldEnd};
use crate::model::{
    AlertForm, BrdState, EbdKind, EbmReport, Level, MsgType, Origin, PackageSignature,
    PlatformContent, PlatformPackage, Reference, ResultCode, Status,
};

const UPPER: &str = "24300000000000101010101";
const OWN: &str = "44306210000000101010101";

fn platform_rules() -> PlatformRules {
    PlatformRules {
        own_code: OWN.into(),
        upper_code: UPPER.into(),
        allow_unsigned: false,
        window_s: 600,
    }
}

impl County {
    fn with_platform() -> Self {
        let county = Self::new(rules());
        Self { gateway: county.gateway.with_platform(Some(platform_rules())), ..county }
    }

    /// A package with a message; `ends` = the message that it stops.
    fn package(&mut self, id: &str, ebm: &str, ends: Option<&str>, raw: u8) -> Answer {
        self.package_as(Status::Actual, id, ebm, ends, raw)
    }

    fn package_as(
        &mut self,
        status: Status,
        id: &str,
        ebm: &str,
        ends: Option<&str>,
        raw: u8,
    ) -> Answer {
        let mut alert = crate::decide::tests::alert(Level::Red);
        alert.status = status;
        alert.form = AlertForm::Ebm;
        alert.id.identifier = ebm.to_owned();
        alert.id.sent = self.now;
        if let Some(ends) = ends {
            alert.msg_type = MsgType::Cancel;
            let identifier = ends.to_owned();
            alert.references = vec![Reference { sender: None, identifier, sent: None }];
        }
        let package = PlatformPackage {
            id: id.to_owned(),
            kind: EbdKind::Ebm,
            source: UPPER.into(),
            dest: Some(OWN.into()),
            sent: self.now,
            related: None,
            signature: PackageSignature::Verified { certificate: "01".into() },
        };
        let raw = Sha256([raw; 32]);
        let arrival = Arrival {
            read: Ok(Box::new(alert)),
            content: Sha256::of(ebm.as_bytes()),
            raw,
            origin: Origin { via: "platform".into(), by: UPPER.into() },
            areas: vec![code(COUNTY)],
        };
        let arrival = Some(Box::new(arrival));
        let input = PlatformInput::Package {
            package: Box::new(package),
            raw,
            arrival,
            note: String::new(),
        };
        self.input(Input::Platform(RequestId(1), input)).expect("an answer")
    }

    fn started(&mut self, id: &str, ebm: &str, raw: u8) -> BroadcastId {
        let answer = self.package(id, ebm, None, raw);
        let Answer::Alert { broadcasts, .. } = answer else { panic!("{answer:?}") };
        broadcasts[0]
    }

    fn waiting_upstream(&self) -> Vec<(u64, Outgoing)> {
        let waiting = self.gateway.state().platform.outgoing.iter();
        waiting.map(|(sequence, one)| (*sequence, one.clone())).collect()
    }

    /// What is told next; it is taken then.
    fn told(&mut self) -> Vec<PlatformContent> {
        let waiting = self.waiting_upstream();
        for (sequence, _) in &waiting {
            let input = PlatformInput::Taken { sequence: *sequence, code: ResultCode::Good };
            self.input(Input::Platform(RequestId(1), input));
        }
        assert!(self.waiting_upstream().is_empty());
        waiting.into_iter().map(|(_, one)| one.content).collect()
    }

    fn terminals_of(&self, broadcast: BroadcastId) -> Vec<TerminalId> {
        let state = &self.gateway.state().broadcasts[&broadcast];
        state.broadcast.terminals().iter().copied().collect()
    }
}

/// State, played and playing terminals of the only thing that was told.
fn check(told: &[PlatformContent], state: BrdState, played: u32, playing: u32) {
    let [PlatformContent::State(report)] = told else { panic!("one state, got {told:?}") };
    let EbmReport { counts, .. } = report;
    assert_eq!((report.state, counts.played, counts.playing), (state, played, playing));
}

#[test]
fn what_is_told_upstream_is_what_terminals_said() {
    let mut county = County::with_platform();
    let broadcast = county.started("10a", "EBM1", 1);
    county.wake_at(NOON.plus_s(1));
    let waiting = county.waiting_upstream();
    assert_eq!(waiting[0].1.related.as_deref(), Some("10a"), "it answers the package");
    check(&county.told(), BrdState::Waiting, 0, 0);
    county.rendered(broadcast);
    county.wake_at(NOON.plus_s(2));
    assert!(county.told().is_empty(), "that orders go out is no news");
    let terminals = county.terminals_of(broadcast);
    let all = u32::try_from(terminals.len()).unwrap();
    assert!(all > 1);
    for terminal in &terminals {
        county.report(broadcast, *terminal, Step::Received);
    }
    county.wake_at(NOON.plus_s(3));
    assert!(county.told().is_empty(), "who has the order does not play yet");
    county.report(broadcast, terminals[0], Step::Playing);
    county.wake_at(NOON.plus_s(4));
    check(&county.told(), BrdState::Playing, 0, 1);
    for terminal in &terminals {
        county.report(broadcast, *terminal, Step::Played);
    }
    county.wake_at(NOON.plus_s(5));
    county.wake_at(NOON.plus_s(6));
    let told = county.told();
    let [PlatformContent::State(state), PlatformContent::Log(log)] = told.as_slice() else {
        panic!("the state, then the log: {told:?}")
    };
    assert_eq!((state.state, state.counts.played), (BrdState::Done, all));
    assert_eq!((state, log.counts), (log, state.counts));
    county.wake_at(NOON.plus_s(60));
    assert!(county.told().is_empty(), "once");
}

#[test]
fn silent_terminals_are_not_called_played() {
    let mut county = County::with_platform();
    let broadcast = county.started("10a", "EBM1", 1);
    county.rendered(broadcast);
    let terminals = county.terminals_of(broadcast);
    let all = u32::try_from(terminals.len()).unwrap();
    county.report(broadcast, terminals[0], Step::Played);
    let expires = county.gateway.state().broadcasts[&broadcast].broadcast.expires();
    county.wake_at(NOON.plus_s(1));
    check(&county.told(), BrdState::Playing, 1, 0);
    county.wake_at(expires.plus_s(600));
    let told = county.told();
    let Some(PlatformContent::State(report)) = told.first() else { panic!("{told:?}") };
    assert_eq!(report.state, BrdState::Failed);
    assert_eq!((report.counts.played, report.counts.unreachable), (1, all - 1));
    // A late word corrects it.
    county.report(broadcast, terminals[1], Step::Played);
    county.wake_at(expires.plus_s(640));
    let told = county.told();
    let Some(PlatformContent::State(report)) = told.first() else { panic!("{told:?}") };
    assert_eq!(report.counts.played, 2);
}

#[test]
fn a_package_counts_once_and_its_number_is_used_up() {
    let mut county = County::with_platform();
    let broadcast = county.started("10a", "EBM1", 1);
    let before = county.entries.len();
    let again = county.package("10a", "EBM1", None, 1);
    assert!(matches!(again, Answer::Platform { code: ResultCode::Good, .. }), "{again:?}");
    assert_eq!(county.entries.len(), before, "nothing new on record");
    let forged = county.package("10a", "EBM2", None, 2);
    assert!(matches!(forged, Answer::Platform { code: ResultCode::Other, .. }), "{forged:?}");
    assert_eq!(county.kinds(before), ["platform_took"], "refused, on record");
    assert_eq!(county.gateway.state().broadcasts.len(), 1);
    // Another package with the same message is the same message.
    let other = county.package("10b", "EBM1", None, 3);
    let Answer::Alert { broadcasts, .. } = other else { panic!("{other:?}") };
    assert_eq!((broadcasts, county.gateway.state().broadcasts.len()), (vec![broadcast], 1));
}

#[test]
fn a_cancel_stops_it_and_both_are_told() {
    let mut county = County::with_platform();
    let broadcast = county.started("10a", "EBM1", 1);
    county.wake_at(NOON.plus_s(1));
    check(&county.told(), BrdState::Waiting, 0, 0);
    county.now = NOON.plus_s(2);
    let answer = county.package("10b", "EBM2", Some("EBM1"), 2);
    assert!(matches!(&answer, Answer::Alert { .. }), "{answer:?}");
    assert!(county.gateway.state().broadcasts[&broadcast].cancellation.is_some());
    for terminal in county.terminals_of(broadcast) {
        county.report(broadcast, terminal, Step::Cancelled);
    }
    county.wake_at(NOON.plus_s(3));
    county.wake_at(NOON.plus_s(4));
    let told = county.told();
    let states: Vec<(&str, BrdState)> =
        told.iter().map(|one| (one.report().ebm.as_str(), one.report().state)).collect();
    assert!(states.contains(&("EBM1", BrdState::Cancelled)), "{states:?}");
    assert!(states.iter().any(|(ebm, _)| *ebm == "EBM2"), "{states:?}");
}

#[test]
fn what_was_not_taken_is_still_there_after_a_restart_and_is_given_up_with_an_alarm() {
    let mut county = County::with_platform();
    let _broadcast = county.started("10a", "EBM1", 1);
    county.wake_at(NOON.plus_s(1));
    let waiting = county.waiting_upstream();
    assert_eq!(waiting.len(), 1);
    county.restart(rules());
    assert_eq!(county.waiting_upstream(), waiting);
    let mut county = County::with_platform();
    let _broadcast = county.started("10a", "EBM1", 1);
    county.wake_at(NOON.plus_s(1));
    county.wake_at(NOON.plus_s(86_500));
    assert!(county.alarms().contains(&"platform_report_dropped"), "{:?}", county.alarms());
}

/// Who can't sign must not use up the number of the package that is still to come.
#[test]
fn a_forged_package_does_not_stand_in_the_way_of_the_true_one() {
    let mut county = County::with_platform();
    let package = |signature| PlatformPackage {
        id: "10a".to_owned(),
        kind: EbdKind::Ebm,
        source: UPPER.into(),
        dest: Some(OWN.into()),
        sent: NOON,
        related: None,
        signature,
    };
    for signature in [PackageSignature::Unsigned, PackageSignature::Bad { why: "伪造".to_owned() }]
    {
        let input = PlatformInput::Package {
            package: Box::new(package(signature)),
            raw: Sha256([9; 32]),
            arrival: None,
            note: String::new(),
        };
        let answer = county.input(Input::Platform(RequestId(1), input)).unwrap();
        let refused = matches!(answer, Answer::Platform { code: ResultCode::Signature, .. });
        assert!(refused, "{answer:?}");
    }
    let _broadcast = county.started("10a", "EBM1", 1);
}

/// What people see of the exchange: what was answered in the end, how often it was told, how that ended;
/// the same after a restart.
#[test]
fn the_exchange_is_told_from_the_record() {
    let mut county = County::with_platform();
    let _broadcast = county.started("10a", "EBM1", 1);
    county.wake_at(NOON.plus_s(1));
    let (sequence, _) = county.waiting_upstream()[0];
    for n_tries in 1..=5 {
        let why = format!("try {n_tries}");
        let input = PlatformInput::Unanswered { sequence, n_tries, why };
        county.input(Input::Platform(RequestId(1), input));
    }
    let tries = county.entries.iter().filter(|(_, entry)| entry.kind() == "platform_unanswered");
    assert_eq!(tries.count(), 3, "the 1st, 2nd and 4th");
    let seen = |county: &County| {
        let exchanged = &county.gateway.state().platform.exchanged;
        let rows: Vec<Passed> = exchanged.rows().cloned().collect();
        assert_eq!(exchanged.n_ever(), 2);
        let [Passed { number: 1, what: PassedWhat::Came(came), .. }, told] = rows.as_slice() else {
            panic!("{rows:?}")
        };
        assert_eq!((came.code, came.raw), (ResultCode::Good, Sha256([1; 32])));
        assert!(came.desc.contains("已自动播发"), "{}", came.desc);
        assert!(matches!(came.package.signature, PackageSignature::Verified { .. }));
        let PassedWhat::Told(told) = &told.what else { panic!("{told:?}") };
        assert_eq!((told.ebm.as_str(), told.related.as_deref()), ("EBM1", Some("10a")));
        assert_eq!((told.n_tries, told.why.as_str()), (4, "try 4"));
        told.end.clone()
    };
    assert_eq!(seen(&county), None);
    assert_eq!(county.gateway.state().platform.exchanged.n_tries(sequence), 4);
    county.restart(rules());
    assert_eq!(seen(&county), None);
    let input = PlatformInput::Taken { sequence, code: ResultCode::Other };
    county.now = NOON.plus_s(9);
    county.input(Input::Platform(RequestId(1), input));
    let end = ToldEnd::Taken { at: NOON.plus_s(9), code: ResultCode::Other };
    assert_eq!(seen(&county), Some(end));
    let more = PlatformInput::Unanswered { sequence, n_tries: 8, why: "late".to_owned() };
    let before = county.entries.len();
    county.input(Input::Platform(RequestId(1), more));
    assert_eq!(county.entries.len(), before, "what ended is tried no more");
}

#[test]
fn a_question_is_answered_from_the_record() {
    let mut county = County::with_platform();
    let _broadcast = county.started("10a", "EBM1", 1);
    let ask = |ebm: &str| {
        let (ebm, related) = (ebm.to_owned(), "10q".to_owned());
        Input::Platform(RequestId(1), PlatformInput::StateAsked { ebm, related })
    };
    let answer = county.input(ask("EBM1")).unwrap();
    assert!(matches!(answer, Answer::Platform { code: ResultCode::Good, .. }), "{answer:?}");
    let waiting = county.waiting_upstream();
    assert_eq!(waiting[0].1.related.as_deref(), Some("10q"));
    let unknown = county.input(ask("EBM9")).unwrap();
    assert!(matches!(unknown, Answer::Platform { code: ResultCode::Other, .. }), "{unknown:?}");
}

#[test]
fn the_end_of_a_drill_is_no_live_all_clear() {
    for (status, announced) in [(Status::Actual, true), (Status::Exercise, false)] {
        let mut county = County::with_platform();
        county.input(Input::ArmDrill(RequestId(1), leader("李四"), NOON.plus_s(3_600)));
        let answer = county.package_as(status, "10a", "EBM1", None, 1);
        let Answer::Alert { broadcasts, .. } = answer else { panic!("{answer:?}") };
        county.rendered(broadcasts[0]);
        let answer = county.package("10b", "EBM2", Some("EBM1"), 2);
        let state = county.gateway.state();
        assert!(state.broadcasts[&broadcasts[0]].cancellation.is_some(), "{status:?}: {answer:?}");
        let others = state.broadcasts.iter().filter(|(id, _)| **id != broadcasts[0]);
        let live = others.filter(|(_, one)| one.broadcast.class() == Class::Live).count();
        assert_eq!(live > 0, announced, "{status:?}: {answer:?}");
    }
}
