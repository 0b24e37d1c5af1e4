//! The interlock's matrix: origin × class × level × hour (× area), against a statement of the same rules in
//! other words; and that a rule can only make stricter.

use super::{
    COUNTY, VILLAGE_A, VILLAGE_C, alert, area_of, code, network, response, rules, terminal,
};
use crate::decide::{Cell, Decision, Memory, Rules, Urgency, manual, plan, policy_faults, verdict};
use crate::model::{
    AfterDeadline, ApprovalMode, HazardClass, HourSpan, InterlockLimit, InterlockRule, Level, Need,
    OriginKind, PlanId, UtcMs, Verdict,
};

const ORIGINS: [OriginKind; 3] = [OriginKind::Duty, OriginKind::Upper, OriginKind::Sensor];
/// Classes, each with a code of it.
const CLASSES: [(HazardClass, &str); 5] = [
    (HazardClass::Nature, "11B03"),
    (HazardClass::Accident, "12D01"),
    (HazardClass::Health, "13A01"),
    (HazardClass::Security, "14A01"),
    (HazardClass::Other, "60100"),
];
const LEVELS: [Level; 4] = [Level::Red, Level::Orange, Level::Yellow, Level::Blue];
/// 2026-06-01 00:00 in China.
const MIDNIGHT: UtcMs = UtcMs(1_780_243_200_000);

fn rule(name: &str, verdict: Verdict) -> InterlockRule {
    InterlockRule {
        name: name.into(),
        origins: Vec::new(),
        classes: Vec::new(),
        levels: Vec::new(),
        hours: None,
        areas: Vec::new(),
        verdict,
        reason: format!("{name}的规定"),
    }
}

fn limit(name: &str, over: Verdict) -> InterlockLimit {
    InterlockLimit {
        name: name.into(),
        origins: vec![OriginKind::Upper],
        levels: Vec::new(),
        areas: Vec::new(),
        per_hour_max: None,
        terminals_max: None,
        over,
    }
}

/// A county with rules; without quiet hours or other limits, so that nothing else decides.
fn guarded(approval: ApprovalMode) -> Rules {
    let mut rules = rules();
    rules.policy.quiet_hours = None;
    rules.policy.interlock.automatic_terminals_max = 1_000;
    let mut all = response("all", Level::Red, approval);
    all.levels = LEVELS.to_vec();
    all.hazards = vec!["1".into(), "6".into()];
    rules.policy.plans = vec![all];
    rules.policy.interlock.rules = vec![
        InterlockRule {
            origins: vec![OriginKind::Upper],
            levels: vec![Level::Yellow, Level::Blue],
            hours: Some(HourSpan { from: 22, until: 6 }),
            ..rule("夜间上级低级别", Verdict::Refuse)
        },
        InterlockRule {
            origins: vec![OriginKind::Upper, OriginKind::Sensor],
            classes: vec![HazardClass::Security],
            ..rule("社会安全", Verdict::Ask)
        },
        InterlockRule {
            origins: vec![OriginKind::Sensor],
            classes: vec![HazardClass::Health, HazardClass::Other],
            ..rule("传感器不测", Verdict::Refuse)
        },
        InterlockRule {
            origins: vec![OriginKind::Sensor],
            levels: vec![Level::Orange],
            hours: Some(HourSpan { from: 20, until: 8 }),
            ..rule("夜间监测", Verdict::Ask)
        },
        InterlockRule {
            levels: vec![Level::Blue],
            hours: Some(HourSpan { from: 12, until: 14 }),
            ..rule("午休", Verdict::Ask)
        },
        InterlockRule {
            origins: vec![OriginKind::Upper],
            classes: vec![HazardClass::Nature],
            levels: vec![Level::Blue],
            areas: vec![code("430621104000")],
            ..rule("黄沙街", Verdict::Refuse)
        },
    ];
    rules
}

/// The same rules, said once more and otherwise: 0 allow, 1 ask, 2 refuse.
fn said(origin: usize, class: usize, level: usize, hour: u8, in_huangsha: bool) -> u8 {
    let (duty, upper, sensor) = (origin == 0, origin == 1, origin == 2);
    let mut strictest = 0;
    if upper && level >= 2 && !(6..22).contains(&hour) {
        strictest = 2;
    }
    if upper && class == 0 && level == 3 && in_huangsha {
        strictest = 2;
    }
    if sensor && (class == 2 || class == 4) {
        strictest = 2;
    }
    let security = !duty && class == 3;
    let night_reading = sensor && level == 1 && !(8..20).contains(&hour);
    let siesta = level == 3 && (hour == 12 || hour == 13);
    if security || night_reading || siesta {
        strictest = strictest.max(1);
    }
    strictest
}

fn number(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::Ask => 1,
        Verdict::Refuse => 2,
    }
}

/// What became of an alert: as the matrix counts, and how many officers it needs.
fn became(decision: &Decision) -> (u8, u8) {
    match decision {
        Decision::Plan(plan) => match plan.need {
            Need::Nothing => (0, 0),
            Need::Officers { officers, after, .. } => {
                let asked = plan.reasons.iter().any(|why| why.code == "interlock_ask");
                assert!(!asked || after == AfterDeadline::Expire, "a clock lifts no interlock");
                (u8::from(asked), officers)
            }
        },
        Decision::Refused(refusal) => {
            assert_eq!(refusal.reasons[0].code, "interlock_refused");
            assert!(refusal.reasons[0].text.contains("规定"), "it says why: {refusal:?}");
            (2, u8::MAX)
        }
        Decision::Recorded(_) | Decision::Cancel(_) => panic!("a warning, got {decision:?}"),
    }
}

#[test]
fn every_cell_of_the_matrix_is_as_said() {
    let rules = guarded(ApprovalMode::Automatic);
    let mut n = [0_u32; 3];
    for (o, origin) in ORIGINS.into_iter().enumerate() {
        for (c, (class, _)) in CLASSES.into_iter().enumerate() {
            for (l, level) in LEVELS.into_iter().enumerate() {
                for hour in 0..24 {
                    let cell = Cell { origin, class, level: Some(level), hour };
                    for (village, huangsha) in [(VILLAGE_A, false), (VILLAGE_C, true)] {
                        let got = verdict(&rules.policy.interlock, cell, code(village));
                        let want = said(o, c, l, hour, huangsha);
                        assert_eq!(number(got), want, "{cell:?} in {village}");
                    }
                    n[usize::from(said(o, c, l, hour, false))] += 1;
                }
            }
        }
    }
    assert_eq!(n.iter().sum::<u32>(), 1_440);
    assert!(n.iter().all(|n| *n > 100), "each verdict is there often: {n:?}");
}

#[test]
fn an_alert_fares_as_its_cell_says_and_never_better_than_without_rules() {
    for approval in [ApprovalMode::Automatic, ApprovalMode::OnePerson, ApprovalMode::TwoPerson] {
        let strict = guarded(approval);
        let mut free = strict.clone();
        free.policy.interlock.rules.clear();
        for (o, origin) in ORIGINS.into_iter().enumerate().skip(1) {
            for (c, (_, hazard)) in CLASSES.into_iter().enumerate() {
                for (l, level) in LEVELS.into_iter().enumerate() {
                    for hour in 0..24 {
                        let now = MIDNIGHT.plus_s(i64::from(hour) * 3_600 + 1_799);
                        let mut alert = alert(level);
                        alert.id.sent = now;
                        alert.infos[0].event_codes[0].value = hazard.into();
                        let memory = Memory { origin, ..Memory::default() };
                        let decide = |rules: &Rules| plan(rules, now, &alert, &memory, PlanId(1));
                        let (got, officers) = became(&decide(&strict));
                        let hour = u8::try_from(hour).unwrap();
                        assert_eq!(got, said(o, c, l, hour, false), "{origin:?} {hazard} {hour}");
                        let (_, without) = became(&decide(&free));
                        assert!(officers >= without, "{origin:?} {hazard} {level:?} {hour}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_officers_own_words_fare_as_their_cell_says() {
    let mut rules = guarded(ApprovalMode::Automatic);
    rules.policy.manual.terminals_alone_max = 100;
    rules.policy.interlock.rules.push(InterlockRule {
        origins: vec![OriginKind::Duty],
        levels: vec![Level::Yellow],
        hours: Some(HourSpan { from: 1, until: 3 }),
        ..rule("深夜", Verdict::Refuse)
    });
    for (l, level) in LEVELS.into_iter().enumerate() {
        for hour in 0..24 {
            let now = MIDNIGHT.plus_s(i64::from(hour) * 3_600);
            let mut request = super::manuals::request();
            request.areas = vec![code(COUNTY)];
            request.allowed_areas = vec![code(COUNTY)];
            (request.level, request.urgency) = (Some(level), Urgency::Emergency);
            let memory = Memory { origin: OriginKind::Duty, ..Memory::default() };
            let got = manual(&rules, now, &request, &memory, PlanId(1));
            let night = l == 2 && (hour == 1 || hour == 2);
            let want = if night { 2 } else { said(0, 4, l, u8::try_from(hour).unwrap(), false) };
            match got {
                Ok(plan) => assert_eq!(u8::from(plan.need != Need::Nothing), want, "{level:?}"),
                Err(refusal) => {
                    assert_eq!((refusal.reasons[0].code.as_str(), want), ("interlock_refused", 2));
                }
            }
        }
    }
}

#[test]
fn a_rule_for_one_town_leaves_the_others_their_warning() {
    let rules = guarded(ApprovalMode::Automatic);
    let now = MIDNIGHT.plus_s(10 * 3_600);
    let mut alert = alert(Level::Blue);
    alert.id.sent = now;
    alert.infos[0].areas = vec![area_of(&[COUNTY])];
    let Decision::Plan(plan) = plan(&rules, now, &alert, &Memory::default(), PlanId(1)) else {
        panic!("the other town is warned");
    };
    assert!(!plan.terminals.contains(&terminal(VILLAGE_C, 1)) && plan.terminals.len() == 3);
    assert!(!plan.areas.contains(&code(COUNTY)), "no group order reaches it: {:?}", plan.areas);
    assert!(plan.reasons.iter().any(|why| why.code == "interlock_refused"));
    assert_eq!(plan.need, Need::Nothing);
}

#[test]
fn a_level_that_is_not_known_goes_to_a_person() {
    let rules = guarded(ApprovalMode::Automatic);
    let at_night =
        Cell { origin: OriginKind::Upper, class: HazardClass::Accident, level: None, hour: 23 };
    let got = verdict(&rules.policy.interlock, at_night, code(VILLAGE_A));
    assert_eq!(got, Verdict::Ask);
}

#[test]
fn limits_count_what_is_too_much() {
    let check = |limit: InterlockLimit, used: usize, level: Level, want: (u8, u8)| {
        let mut rules = guarded(ApprovalMode::Automatic);
        rules.policy.interlock.rules.clear();
        rules.policy.interlock.limits = vec![limit];
        let mut alert = alert(level);
        alert.id.sent = MIDNIGHT;
        alert.infos[0].areas = vec![area_of(&[COUNTY])];
        let memory = Memory { limits_used: vec![used], ..Memory::default() };
        let decision = plan(&rules, MIDNIGHT, &alert, &memory, PlanId(1));
        let got = match &decision {
            Decision::Plan(plan) if plan.need == Need::Nothing => (0, 0),
            Decision::Plan(_) => (1, 1),
            Decision::Refused(refusal) => (u8::from(refusal.reasons.is_empty()) + 2, u8::MAX),
            Decision::Recorded(_) | Decision::Cancel(_) => panic!("{decision:?}"),
        };
        assert_eq!(got, want, "{used} used, {level:?}");
    };
    let hourly = |over| InterlockLimit { per_hour_max: Some(2), ..limit("每小时", over) };
    check(hourly(Verdict::Ask), 1, Level::Red, (0, 0));
    check(hourly(Verdict::Ask), 2, Level::Red, (1, 1));
    check(hourly(Verdict::Refuse), 2, Level::Red, (2, u8::MAX));
    let mild = InterlockLimit { levels: vec![Level::Blue], ..hourly(Verdict::Refuse) };
    check(mild.clone(), 9, Level::Red, (0, 0));
    check(mild, 9, Level::Blue, (2, u8::MAX));
    let of_sensors = InterlockLimit { origins: vec![OriginKind::Sensor], ..hourly(Verdict::Ask) };
    check(of_sensors, 9, Level::Red, (0, 0));
    let wide = |n| InterlockLimit { terminals_max: Some(n), ..limit("范围", Verdict::Ask) };
    check(wide(5), 0, Level::Red, (0, 0));
    check(wide(4), 0, Level::Red, (1, 1));
    let there = InterlockLimit { areas: vec![code("430621104000")], ..wide(2) };
    check(there, 0, Level::Red, (0, 0));
    let there = InterlockLimit { areas: vec![code("430621104000")], ..wide(1) };
    check(there, 0, Level::Red, (1, 1));
}

#[test]
fn every_fault_of_a_rule_is_found() {
    let check = |change: fn(&mut Rules), want: &str| {
        let mut rules = guarded(ApprovalMode::Automatic);
        rules.policy.interlock.limits =
            vec![InterlockLimit { per_hour_max: Some(1), ..limit("每小时", Verdict::Ask) }];
        change(&mut rules);
        let faults = policy_faults(&rules.policy, &network());
        let told: Vec<&str> = faults.iter().map(|fault| fault.what.as_str()).collect();
        let n = told.iter().filter(|what| what.contains("interlock")).count();
        assert_eq!(n, usize::from(!want.is_empty()), "{told:?}");
        assert!(told.iter().any(|what| what.contains(want)), "`{want}` in {told:?}");
    };
    check(|_| {}, "");
    check(|r| r.policy.interlock.rules[0].verdict = Verdict::Allow, "expected ask or refuse");
    check(|r| r.policy.interlock.rules[0].name = "午休".into(), "stands twice");
    check(|r| r.policy.interlock.rules[0].name = " ".into(), "`name`");
    check(|r| r.policy.interlock.rules[0].reason.clear(), "`reason`");
    check(|r| r.policy.interlock.rules[0].areas = vec![code("430623000000")], "430623000000");
    check(|r| r.policy.interlock.rules[0].hours = Some(HourSpan { from: 3, until: 3 }), "never");
    check(|r| r.policy.interlock.limits[0].per_hour_max = None, "limits nothing");
    check(|r| r.policy.interlock.limits[0].name = "午休".into(), "stands twice");
    check(|r| r.policy.interlock.limits[0].over = Verdict::Allow, "expected ask or refuse");
}
