use super::*;
use crate::decide::{CancelDecision, Decision, plan, priority};
use crate::model::{BroadcastId, Circle, Class, Need, Plan, PlanId, Priority};

fn decide_at(now: UtcMs, alert: &Alert, memory: &Memory) -> Decision {
    plan(&rules(), now, alert, memory, PlanId(7))
}

fn planned(decision: Decision) -> Plan {
    let Decision::Plan(plan) = decision else { panic!("expected a plan, got {decision:?}") };
    *plan
}

/// One word for a decision: `recorded`, `refused`, `cancel`, or the number of officers.
fn word(decision: &Decision) -> String {
    match decision {
        Decision::Plan(plan) => match plan.need {
            Need::Nothing => "automatic".into(),
            Need::Officers { officers, .. } => format!("{officers} officers"),
        },
        Decision::Recorded(_) => "recorded".into(),
        Decision::Refused(_) => "refused".into(),
        Decision::Cancel(cancel) => {
            if cancel.announce.is_some() {
                "announce".into()
            } else {
                "cancel".into()
            }
        }
    }
}

fn has(decision: &Decision, code: &str) -> bool {
    let reasons = match decision {
        Decision::Plan(plan) => &plan.reasons,
        Decision::Recorded(reasons) => reasons,
        Decision::Refused(refusal) => &refusal.reasons,
        Decision::Cancel(cancel) => &cancel.reasons,
    };
    reasons.iter().any(|reason| reason.code == code)
}

fn check(change: impl Fn(&mut Alert), memory: &Memory, want: &str, why: &str) {
    let mut alert = alert(Level::Red);
    change(&mut alert);
    let decision = decide_at(NOON, &alert, memory);
    assert_eq!(word(&decision), want, "{why}: {decision:?}");
    assert!(has(&decision, why), "no reason {why} in {decision:?}");
}

fn first(alert: &mut Alert) -> &mut Info {
    &mut alert.infos[0]
}

#[test]
fn each_rule_once() {
    let quiet = Memory::default();
    check(|_| {}, &quiet, "automatic", "plan_matched");
    check(|a| a.status = Status::System, &quiet, "recorded", "status_system");
    check(|a| a.status = Status::Draft, &armed(), "recorded", "status_draft");
    check(|a| a.status = Status::Exercise, &quiet, "recorded", "drill_not_armed");
    check(|a| a.status = Status::Test, &quiet, "recorded", "drill_not_armed");
    check(|a| a.status = Status::Test, &armed(), "automatic", "plan_matched");
    check(|a| a.msg_type = MsgType::Ack, &quiet, "recorded", "msg_type_ack");
    check(|a| a.msg_type = MsgType::Error, &quiet, "recorded", "msg_type_error");
    check(|a| a.scope = Scope::Private, &quiet, "1 officers", "scope_private");
    check(|a| a.scope = Scope::Restricted, &quiet, "1 officers", "scope_restricted");
    check(|a| a.infos.clear(), &quiet, "refused", "no_info");
    check(|a| a.id.sent = NOON.plus_s(-3_601), &quiet, "1 officers", "sent_long_ago");
    check(|a| a.id.sent = NOON.plus_s(301), &quiet, "1 officers", "sent_in_future");
    check(|a| first(a).level = None, &quiet, "1 officers", "level_unknown");
    check(|a| first(a).expires = Some(NOON), &quiet, "refused", "expired");
    let upside_down = |a: &mut Alert| {
        first(a).effective = Some(NOON.plus_s(600));
        first(a).expires = Some(NOON.plus_s(300));
    };
    check(upside_down, &quiet, "refused", "ends_before_it_begins");
    check(|a| first(a).areas = vec![area_of(&["430623"])], &quiet, "recorded", "outside");
    check(
        |a| first(a).areas = vec![area_of(&["430623", VILLAGE_A])],
        &quiet,
        "automatic",
        "partly_outside",
    );
    check(
        |a| first(a).areas = vec![area_of(&["430621777000"])],
        &quiet,
        "1 officers",
        "unknown_area",
    );
    check(|a| first(a).areas.clear(), &quiet, "1 officers", "unknown_area");
    check(|a| first(a).areas = vec![area_of(&["430621105000"])], &quiet, "refused", "no_terminals");
    let busy = Memory { automatic_in_hour: 3, ..Memory::default() };
    check(|_| {}, &busy, "1 officers", "automatic_rate");
    check(
        |a| {
            first(a).event_codes[0].value = "11F04".into();
            first(a).event = "鼠害".into();
            first(a).headline = Some("鼠害红色预警".into());
        },
        &quiet,
        "1 officers",
        "no_plan_matched",
    );
    check(|a| first(a).event_codes[0].value = "10203".into(), &quiet, "automatic", "plan_matched");
    check(|a| first(a).event_codes.clear(), &quiet, "automatic", "plan_matched");
}

#[test]
fn a_plan_holds_the_hazard_as_the_national_protocol_writes_it() {
    for (code, expect) in [
        ("11B03", Some("11B03")),
        ("10203", Some("11B03")),
        ("11d02", Some("11D02")),
        ("90000", Some("90000")),
        ("11D", None),
        ("", None),
    ] {
        let mut alert = alert(Level::Red);
        alert.infos[0].event_codes[0].value = code.into();
        let Decision::Plan(plan) = decide_at(NOON, &alert, &Memory::default()) else {
            panic!("{code}: it is planned")
        };
        assert_eq!(plan.hazard.map(|hazard| hazard.to_string()).as_deref(), expect, "{code}");
    }
}

#[test]
fn level_decides_who_must_agree() {
    for (level, want) in [
        (Level::Red, "automatic"),
        (Level::Orange, "automatic"),
        (Level::Yellow, "1 officers"),
        (Level::Blue, "2 officers"),
    ] {
        assert_eq!(word(&decide_at(NOON, &alert(level), &Memory::default())), want, "{level:?}");
    }
    // More terminals than the interlock allows below red.
    let mut wide = alert(Level::Orange);
    wide.infos[0].areas = vec![area_of(&[COUNTY])];
    let decision = decide_at(NOON, &wide, &Memory::default());
    assert_eq!(word(&decision), "1 officers");
    assert!(has(&decision, "automatic_terminals"));
    wide.infos[0] = Info { areas: vec![area_of(&[COUNTY])], ..info(Some(Level::Red)) };
    assert_eq!(word(&decide_at(NOON, &wide, &Memory::default())), "automatic");
}

#[test]
fn quiet_hours_by_class_and_level() {
    for (status, level, want) in [
        (Status::Actual, Level::Red, "automatic"),
        (Status::Actual, Level::Orange, "1 officers"),
        (Status::Actual, Level::Yellow, "1 officers"),
        (Status::Actual, Level::Blue, "2 officers"),
        (Status::Exercise, Level::Red, "1 officers"),
        (Status::Exercise, Level::Orange, "1 officers"),
        (Status::Exercise, Level::Yellow, "1 officers"),
        (Status::Exercise, Level::Blue, "2 officers"),
    ] {
        let mut alert = alert(level);
        alert.id.sent = NIGHT;
        alert.status = status;
        let decision = decide_at(NIGHT, &alert, &armed());
        assert_eq!(word(&decision), want, "{status:?} {level:?}");
        let plan = planned(decision);
        // What quiet hours stopped, no clock releases.
        if let Need::Officers { after, .. } = plan.need {
            assert_eq!(after, AfterDeadline::Expire, "{status:?} {level:?}");
        }
        let class = if status == Status::Actual { Class::Live } else { Class::Drill };
        assert_eq!(plan.class, class);
    }
    let quiet = Some(QuietHours { from_minute: 22 * 60, until_minute: 6 * 60 });
    for (hour_utc, want) in [(13, false), (14, true), (21, true), (22, false)] {
        let at = UtcMs(hour_utc * 3_600_000);
        assert_eq!(crate::decide::in_quiet_hours(quiet, 480, at), want, "{hour_utc} h UTC");
        assert!(!crate::decide::in_quiet_hours(None, 480, at));
    }
}

#[test]
fn senders_that_a_plan_does_not_trust() {
    let mut rules = rules();
    rules.policy.plans[0].senders = vec!["4306214160".into(), "湖南省".into()];
    let mut alert = alert(Level::Red);
    let go = |rules: &Rules, alert: &Alert| plan(rules, NOON, alert, &Memory::default(), PlanId(1));
    assert_eq!(word(&go(&rules, &alert)), "automatic");
    alert.id.sender = "99999999999999".into();
    let decision = go(&rules, &alert);
    assert_eq!(word(&decision), "1 officers");
    assert!(has(&decision, "sender_not_trusted"));
    // A later plan that trusts everybody goes before one that does not trust this sender.
    rules.policy.plans.push(response("fallback", Level::Red, ApprovalMode::TwoPerson));
    assert_eq!(planned(go(&rules, &alert)).response_plan, "fallback");
}

#[test]
fn times() {
    let with = |effective: Option<i64>, expires: Option<i64>| {
        let mut alert = alert(Level::Red);
        alert.infos[0].effective = effective.map(|s| NOON.plus_s(s));
        alert.infos[0].expires = expires.map(|s| NOON.plus_s(s));
        decide_at(NOON, &alert, &Memory::default())
    };
    for (effective, expires, want) in [
        (None, None, (0, 7_200)),
        (None, Some(600), (0, 600)),
        (Some(-600), None, (0, 7_200)),
        (Some(600), None, (600, 7_800)),
        (Some(600), Some(900), (600, 900)),
        (None, Some(999_999), (0, 7_200)),
    ] {
        let plan = planned(with(effective, expires));
        let window = (plan.not_before.since_ms(NOON) / 1000, plan.expires.since_ms(NOON) / 1000);
        assert_eq!(window, want, "{effective:?} {expires:?}");
    }
    assert_eq!(word(&with(Some(900), Some(600))), "refused");
    // The clock for people never runs longer than the plan itself.
    let mut yellow = alert(Level::Yellow);
    yellow.infos[0].expires = Some(NOON.plus_s(60));
    let Need::Officers { decide_by, after, .. } =
        planned(decide_at(NOON, &yellow, &Memory::default())).need
    else {
        panic!("yellow needs somebody")
    };
    assert_eq!((decide_by, after), (NOON.plus_s(60), AfterDeadline::Release));
}

#[test]
fn blocks_by_language_and_level() {
    let mut alert = alert(Level::Yellow);
    let mut english = info(Some(Level::Red));
    english.language = "en-US".into();
    english.headline = Some("Red rainstorm warning".into());
    english.description = Some("Heavy rain".into());
    let mut worse = info(Some(Level::Orange));
    worse.headline = Some("暴雨橙色预警".into());
    worse.areas = vec![area_of(&[VILLAGE_B])];
    let mut wind = info(Some(Level::Blue));
    wind.event = "大风".into();
    wind.event_codes[0].value = "11B06".into();
    wind.areas = vec![area_of(&[VILLAGE_C])];
    alert.infos = vec![english.clone(), wind, alert.infos[0].clone(), worse];
    let decision = decide_at(NOON, &alert, &Memory::default());
    assert!(has(&decision, "highest_level_decides") && has(&decision, "other_event_in_alert"));
    let plan = planned(decision);
    assert_eq!(plan.response_plan, "rain-orange");
    assert!(plan.message.text.contains("橙色") && !plan.message.text.contains("Heavy"));
    assert_eq!(plan.areas, [code(TOWN)]);

    alert.infos = vec![english];
    let decision = decide_at(NOON, &alert, &Memory::default());
    assert_eq!(word(&decision), "1 officers");
    assert!(has(&decision, "not_chinese"));
    // Chinese words under a wrong tag count as Chinese.
    alert.infos = vec![Info { language: "en-US".into(), ..info(Some(Level::Red)) }];
    assert_eq!(word(&decide_at(NOON, &alert, &Memory::default())), "automatic");
}

fn told() -> Memory {
    Memory {
        superseded: vec![BroadcastId(5)],
        targeted: [terminal(VILLAGE_A, 1), terminal(VILLAGE_A, 2)].into(),
        response_plan: Some("rain-red".into()),
        ..Memory::default()
    }
}

#[test]
fn updates_and_cancels() {
    let update = |a: &mut Alert| a.msg_type = MsgType::Update;
    let mut changed = alert(Level::Red);
    update(&mut changed);
    assert_eq!(planned(decide_at(NOON, &changed, &told())).supersedes, [BroadcastId(5)]);
    let clear = |a: &mut Alert| {
        update(a);
        first(a).response_types = vec!["AllClear".into()];
    };
    check(clear, &told(), "announce", "all_clear");
    let over = |a: &mut Alert| {
        update(a);
        first(a).expires = Some(NOON.plus_s(-1));
    };
    check(over, &told(), "cancel", "ends_earlier");
    let moved = |a: &mut Alert| {
        update(a);
        first(a).areas = vec![area_of(&["430623"])];
    };
    check(moved, &told(), "cancel", "outside");
    check(moved, &Memory::default(), "recorded", "outside");
    let cancel = |a: &mut Alert| a.msg_type = MsgType::Cancel;
    check(cancel, &told(), "announce", "all_clear");
    check(cancel, &Memory::default(), "cancel", "nobody_was_told");
    let bare = |a: &mut Alert| {
        cancel(a);
        a.infos.clear();
    };
    check(bare, &told(), "announce", "all_clear");
    let drill = |a: &mut Alert| {
        cancel(a);
        a.status = Status::Exercise;
    };
    check(drill, &Memory { drill_armed: true, ..told() }, "recorded", "drill_cancel");
}

#[test]
fn an_ended_block_takes_its_area_out() {
    let mut alert = alert(Level::Red);
    alert.msg_type = MsgType::Update;
    let mut ended = info(Some(Level::Red));
    ended.response_types = vec!["AllClear".into()];
    ended.areas = vec![area_of(&[VILLAGE_C])];
    alert.infos.push(ended);
    let plan = planned(decide_at(NOON, &alert, &told()));
    assert_eq!(plan.areas, [code(VILLAGE_A)]);
}

#[test]
fn the_all_clear_is_soft_and_says_so() {
    let mut cancel = alert(Level::Red);
    cancel.msg_type = MsgType::Cancel;
    let announce = |now| {
        let Decision::Cancel(CancelDecision { announce: Some(plan), .. }) =
            decide_at(now, &cancel, &told())
        else {
            panic!("expected an all-clear")
        };
        *plan
    };
    let plan = announce(NOON);
    assert!(plan.message.text.contains("解除"), "{}", plan.message.text);
    assert!(!plan.message.text.contains("大暴雨"), "{}", plan.message.text);
    assert_eq!((plan.chime, plan.repeats, plan.need), (Chime::Notice, 1, Need::Nothing));
    assert_eq!(plan.areas, [code(VILLAGE_A)]);
    assert!(matches!(announce(NIGHT).need, Need::Officers { officers: 1, .. }));
}

#[test]
fn ranks() {
    use crate::decide::Urgency::{Daily, Emergency};
    let ranks = [
        priority(Class::Live, Some(Level::Red), Some(Emergency)),
        priority(Class::Live, Some(Level::Red), None),
        priority(Class::Live, Some(Level::Orange), None),
        priority(Class::Live, Some(Level::Yellow), None),
        priority(Class::Live, Some(Level::Blue), None),
        priority(Class::Live, None, None),
        Priority(90),
        priority(Class::Drill, Some(Level::Red), Some(Emergency)),
        priority(Class::Live, Some(Level::Red), Some(Daily)),
    ];
    assert!(ranks.windows(2).all(|pair| pair[0] > pair[1]), "{ranks:?}");
}

#[test]
fn an_explanation_says_what_plan_decides() {
    let rules = rules();
    let yellow = alert(Level::Yellow);
    let told = crate::decide::explain(&rules, NOON, &yellow, &Memory::default());
    let Decision::Plan(plan) = plan(&rules, NOON, &yellow, &Memory::default(), PlanId(0)) else {
        panic!("yellow is planned")
    };
    assert_eq!((told.decision, told.plan.as_ref()), ("plan", Some(&*plan)));
    assert_eq!(told.hazard_code.as_deref(), Some("11B03"));
    let misses: Vec<&str> = told.misses.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(misses, ["rain-red", "rain-orange"]);
    assert_eq!((told.townships[0].name.as_str(), told.townships[0].n_terminals), ("荣家湾镇", 2));
    let mut foreign = alert(Level::Red);
    foreign.infos[0].areas = vec![area_of(&["430623"])];
    let told = crate::decide::explain(&rules, NOON, &foreign, &Memory::default());
    assert_eq!((told.decision, told.outside.len(), told.plan), ("recorded", 1, None));
}

#[test]
fn who_contradicts_himself_is_asked() {
    let quiet = Memory::default();
    let headline = |text: &'static str| move |a: &mut Alert| first(a).headline = Some(text.into());
    check(headline("岳阳县解除暴雨红色预警"), &quiet, "1 officers", "words_say_over");
    check(
        |a| {
            a.msg_type = MsgType::Update;
            headline("岳阳县撤销暴雨红色预警信号")(a);
        },
        &quiet,
        "1 officers",
        "words_say_over",
    );
    check(headline("【测试】岳阳县暴雨红色预警"), &quiet, "1 officers", "words_say_test");
    check(headline("Flash Flood Warning (TEST)"), &quiet, "1 officers", "words_say_test");
    let description = "这是测试信息，请忽略。";
    let tested = |a: &mut Alert| first(a).description = Some(description.into());
    check(tested, &quiet, "1 officers", "words_say_test");
    check(headline("岳阳县发布暴雨蓝色预警"), &quiet, "1 officers", "level_contradicts");
    let round = |radius_km| {
        move |a: &mut Alert| {
            let centre = first(a).areas[0].clone();
            first(a).areas = vec![AlertArea {
                circles: vec![Circle {
                    centre: Position { lat_deg: 29.15, lon_deg: 113.1 },
                    radius_km,
                }],
                ..centre
            }];
        }
    };
    check(round(5_000.0), &quiet, "1 officers", "circle_too_large");
    // What is of a piece sounds at once, and a drill may say that it is one.
    check(headline("岳阳县发布暴雨红色预警"), &quiet, "automatic", "plan_matched");
    check(headline("Heat contest warning"), &quiet, "automatic", "plan_matched");
    check(
        |a| {
            a.status = Status::Test;
            headline("【测试】岳阳县暴雨红色预警")(a);
        },
        &armed(),
        "automatic",
        "plan_matched",
    );
}
