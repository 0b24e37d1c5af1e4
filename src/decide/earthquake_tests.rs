//! Who is warned, with how many seconds, and who is left out.

use super::*;
use crate::decide::tests::{NOON, VILLAGE_A, VILLAGE_B, VILLAGE_C, alert, rules, terminal};
use crate::decide::{Decision, Memory, plan};
use crate::model::{ApprovalMode, MsgType, NameValue, Need, PlanId, Priority};

/// A report about an earthquake `north_km` north of village A at noon.
fn report(north_km: f64, depth_km: f64, magnitude: f64) -> Alert {
    let mut alert = alert(Level::Red);
    alert.form = AlertForm::EarthquakeWarning;
    let info = &mut alert.infos[0];
    info.level = None;
    info.event = "地震".into();
    info.event_codes = vec![NameValue { name: "eventType".into(), value: "11C02".into() }];
    info.expires = Some(NOON.plus_s(300));
    info.parameters = [
        (MAGNITUDE, magnitude.to_string()),
        (DEPTH_KM, depth_km.to_string()),
        (ORIGIN_MS, NOON.0.to_string()),
    ]
    .map(|(name, value)| NameValue { name: name.into(), value })
    .to_vec();
    let centre = Position { lat_deg: 29.10 + north_km / 111.195, lon_deg: 113.10 };
    info.areas = vec![AlertArea {
        desc: "湖南某地".into(),
        polygons: Vec::new(),
        circles: vec![Circle { centre, radius_km: 500.0 }],
        geocodes: Vec::new(),
    }];
    alert
}

fn check(
    alert: &Alert,
    now_s: i64,
    warned: &[TerminalId],
    expect: Result<&[TerminalId], &str>,
) -> Option<Localised> {
    let warned = warned.iter().copied().collect();
    let found = localise(&rules(), NOON.plus_s(now_s), alert, &warned);
    let got = found.as_ref().map(|l| l.terminals.clone()).map_err(|why| why.code.clone());
    let expect = expect.map(|all| all.iter().copied().collect::<BTreeSet<_>>());
    assert_eq!(got, expect.map_err(str::to_owned), "{now_s} s");
    found.ok()
}

fn all() -> Vec<TerminalId> {
    [(VILLAGE_A, 1), (VILLAGE_A, 2), (VILLAGE_B, 1), (VILLAGE_C, 1), (VILLAGE_C, 2)]
        .map(|(village, number)| terminal(village, number))
        .to_vec()
}

#[test]
fn villages_that_the_wave_has_passed_are_left_out() {
    // 100 km to the south of all: A is first (27.9 s), then B (30.9), then C (36 s).
    let quake = report(-100.0, 10.0, 7.0);
    let local = check(&quake, 5, &[], Ok(&all())).unwrap();
    let words = local.alert.infos[0].description.clone().unwrap();
    assert!(words.contains("7.0级地震") && words.contains("最快15秒"), "{words}");
    assert!(local.alert.infos[0].level == Some(Level::Red), "{:?}", local.alert.infos[0].level);
    let later = check(&quake, 20, &[], Ok(&all()[2..])).unwrap();
    assert!(later.notes.iter().any(|note| note.code == "eew_wave_passed"), "{:?}", later.notes);
    check(&quake, 26, &[], Ok(&all()[3..]));
    check(&quake, 60, &[], Err("eew_too_late"));
}

#[test]
fn what_is_too_weak_or_told_already_is_not_broadcast() {
    check(&report(-100.0, 10.0, 3.0), 1, &[], Err("eew_too_weak"));
    // Deep below, the same magnitude is felt less.
    assert!(check(&report(-60.0, 10.0, 4.6), 1, &[], Ok(&all())).is_some());
    check(&report(-60.0, 200.0, 4.6), 1, &[], Err("eew_too_weak"));
    check(&report(-100.0, 10.0, 7.0), 1, &all(), Err("eew_already_warned"));
    check(&report(-100.0, 10.0, 7.0), 1, &all()[..3], Ok(&all()[3..]));
    let mut broken = report(-100.0, 10.0, 7.0);
    broken.infos[0].parameters.remove(0);
    check(&broken, 1, &[], Err("eew_incomplete"));
}

#[test]
fn it_goes_before_everything_and_by_itself_only_where_the_plan_says_so() {
    let mut rules = rules();
    rules.policy.interlock.automatic_terminals_max = 100;
    for (approval, automatic) in [(ApprovalMode::Automatic, true), (ApprovalMode::OnePerson, false)]
    {
        let response = &mut rules.policy.plans[0];
        response.hazards = vec!["11C".into()];
        response.levels = vec![Level::Red, Level::Orange];
        response.approval = approval;
        response.senders.clear();
        let mut quake = report(-100.0, 10.0, 7.0);
        quake.msg_type = MsgType::Update;
        let memory = Memory { superseded: vec![crate::model::BroadcastId(4)], ..Memory::default() };
        let Decision::Plan(plan) = plan(&rules, NOON.plus_s(5), &quake, &memory, PlanId(9)) else {
            panic!("a plan");
        };
        assert_eq!(plan.priority, Priority(230));
        assert_eq!(
            (plan.repeats, plan.need == Need::Nothing),
            (1, automatic),
            "{:?}",
            plan.reasons
        );
        assert!(plan.supersedes.is_empty(), "nobody is interrupted");
        assert_eq!(plan.terminals.len(), 5);
        let left_s = plan.expires.since_ms(NOON.plus_s(5)) / 1000;
        assert!((25..40).contains(&left_s), "it ends with the last wave: {left_s}");
    }
}

#[test]
fn the_attenuation_and_the_wave_are_those_of_their_sources() {
    let quake = |depth_km, magnitude| Quake {
        epicentre: Position { lat_deg: 29.0, lon_deg: 113.0 },
        depth_km,
        magnitude,
        origin: NOON,
    };
    let near = |got: f64, expect: f64| assert!((got - expect).abs() < 0.05, "{got} {expect}");
    near(quake(10.0, 6.0).intensity(0.0), 7.99);
    near(quake(10.0, 7.0).intensity(100.0), 6.48);
    let below = quake(36.0, 5.0).expected(Position { lat_deg: 29.0, lon_deg: 113.0 }, NOON);
    near(below.left_s, 10.0);
}
