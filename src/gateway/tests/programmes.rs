use super::*;
use crate::decide::tests::{NIGHT, VILLAGE_C};
use crate::decide::{conflicts, occurrences};
use crate::model::{Calendar, LocalDate, Programme, YearDay};
use std::collections::BTreeSet;

fn date(text: &str) -> LocalDate {
    LocalDate::parse(text).expect("a day")
}

/// 12:30 every day in village B, one terminal.
pub(super) fn programme(name: &str) -> Programme {
    Programme {
        name: name.into(),
        text: Some("安全生产月，人人讲安全".into()),
        recording: None,
        voice: None,
        areas: vec![code(VILLAGE_B)],
        terminals: Vec::new(),
        groups: Vec::new(),
        calendar: Calendar::Daily,
        at_minutes: BTreeSet::from([12 * 60 + 30]),
        from: date("2026-01-01"),
        until: date("2030-12-31"),
        except: BTreeSet::new(),
        repeats: 1,
        interval_s: 0,
        volume_percent: None,
        tolerance_s: 60,
        valid_s: 600,
    }
}

fn set(county: &mut County, by: &str, programme: Programme) -> Answer {
    county.ask(&officer(by), Ask::SetProgramme(Box::new(programme)))
}

/// `started`, or the code of why it was skipped, of every occurrence on record.
fn outcomes(county: &County) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    for (_, entry) in &county.entries {
        if let Entry::ProgrammeStarted { due, .. } = entry {
            all.push((due.since_ms(NOON) / 1000, "started".into()));
        } else if let Entry::ProgrammeSkipped { due, reason, .. } = entry {
            all.push((due.since_ms(NOON) / 1000, reason.code.clone()));
        }
    }
    all
}

#[test]
fn calendars() {
    let check = |calendar: Calendar, from: &str, until: &str, expect: &[&str]| {
        let one = Programme { calendar, at_minutes: BTreeSet::from([0]), ..programme("x") };
        let (from, until) = (date(from).at(0, 480).plus_s(-1), date(until).at(1_439, 480));
        let found: Vec<String> = occurrences(&one, 480, from, until)
            .into_iter()
            .map(|at| LocalDate::of(at, 480).unwrap().to_string())
            .collect();
        assert_eq!(found, expect);
    };
    check(Calendar::Daily, "2026-02-27", "2026-03-01", &["2026-02-27", "2026-02-28", "2026-03-01"]);
    let weekly = Calendar::Weekly { weekdays: BTreeSet::from([1, 7]) };
    check(weekly, "2026-06-01", "2026-06-08", &["2026-06-01", "2026-06-07", "2026-06-08"]);
    let dates = Calendar::Dates { dates: BTreeSet::from([date("2026-05-12"), date("2031-01-01")]) };
    check(dates, "2026-01-01", "2031-12-31", &["2026-05-12"]);
    let yearly = Calendar::Yearly {
        days: BTreeSet::from([YearDay { month: 5, day: 12 }, YearDay { month: 2, day: 29 }]),
    };
    let both = ["2027-05-12", "2028-02-29", "2028-05-12"];
    check(yearly, "2027-01-01", "2028-12-31", &both);
    check(
        Calendar::Month { month: 6 },
        "2026-06-29",
        "2027-06-01",
        &["2026-06-29", "2026-06-30", "2027-06-01"],
    );
}

#[test]
fn dates_are_days_that_exist() {
    for text in ["2026-02-29", "2026-13-01", "26-01-01", "1999-12-31", "2026-06", "x", "2026-6-1-1"]
    {
        assert_eq!(LocalDate::parse(text), None, "{text}");
    }
    let leap = date("2028-02-29");
    assert_eq!((leap.weekday(), leap.to_string().as_str()), (2, "2028-02-29"));
    assert_eq!(leap.plus_days(1), Some(date("2028-03-01")));
    assert_eq!(date("2026-06-01").at(12 * 60, 480), NOON);
    assert_eq!(LocalDate::of(NOON.plus_s(12 * 3_600 - 1), 480), Some(date("2026-06-01")));
    assert_eq!(LocalDate::of(NOON.plus_s(12 * 3_600), 480), Some(date("2026-06-02")));
}

#[test]
fn each_occurrence_starts_once_wherever_the_process_dies() {
    for died_at in [1_799, 1_800, 1_801, 1_805, 1_860, 1_900] {
        let mut county = default_county();
        assert_eq!(set(&mut county, "张三", programme("安全")), Answer::Saved { more: 0 });
        for second in 1_795..1_950 {
            county.wake_at(NOON.plus_s(second));
            if second == died_at {
                county.restart(rules());
            }
        }
        county.wake_at(NOON.plus_s(86_400 + 1_805));
        let expect = [(1_800, "started".to_owned()), (88_200, "started".to_owned())];
        assert_eq!(outcomes(&county), expect, "died at {died_at}");
        let first = county.gateway.state().broadcasts.values().next().unwrap();
        assert_eq!(first.broadcast.priority(), crate::model::Priority(20), "below every warning");
        let approval = first.broadcast.approval().clone();
        let at = NOON.plus_s(1_800);
        let by = vec!["张三".to_owned()];
        assert_eq!(approval, crate::model::Approval::Officers { by, at });
    }
}

#[test]
fn what_was_missed_is_not_caught_up() {
    let mut county = default_county();
    set(&mut county, "张三", programme("安全"));
    county.wake_at(NOON.plus_s(1_861));
    assert_eq!(outcomes(&county), [(1_800, "missed".to_owned())]);
    // Away for three days: the last one is told, and the schedule goes on.
    county.wake_at(NOON.plus_s(3 * 86_400 + 7_200));
    assert_eq!(outcomes(&county).len(), 2);
    county.wake_at(NOON.plus_s(4 * 86_400 + 1_800));
    assert_eq!(outcomes(&county).last().unwrap().1, "started");
}

#[test]
fn a_large_audience_needs_a_second_person_who_saw_what_stands() {
    let mut county = default_county();
    let wide = Programme { areas: vec![code(COUNTY)], ..programme("安全") };
    assert_eq!(set(&mut county, "张三", wide.clone()), Answer::Saved { more: 1 });
    county.wake_at(NOON.plus_s(1_800));
    assert_eq!(outcomes(&county), [], "not approved, not started");
    let approve = |seen: UtcMs| Ask::ApproveProgramme("安全".into(), seen);
    assert_eq!(codes(&county.ask(&officer("张 三"), approve(NOON))), ["own_request"]);
    // It is changed meanwhile: the approval of what was seen is refused.
    set(&mut county, "张三", Programme { repeats: 9, ..wide });
    let changed = county.now;
    assert_eq!(codes(&county.ask(&officer("李四"), approve(NOON))), ["stale_revision"]);
    assert_eq!(county.ask(&officer("李四"), approve(changed)), Answer::Saved { more: 0 });
    assert_eq!(codes(&county.ask(&officer("王五"), approve(changed))), ["needs_nobody"]);
    county.wake_at(NOON.plus_s(1_830));
    assert_eq!(outcomes(&county), [], "what was due before the approval is over");
    county.wake_at(NOON.plus_s(86_400 + 1_800));
    assert_eq!(outcomes(&county), [(88_200, "started".to_owned())]);
}

#[test]
fn an_emergency_goes_first() {
    let mut county = default_county();
    set(&mut county, "张三", programme("安全"));
    let zhang = officer("张三");
    let urgent = ManualRequest { areas: vec![code(VILLAGE_B)], ..request(&zhang) };
    let emergency = started(&county.manual(&zhang, urgent));
    county.wake_at(NOON.plus_s(1_800));
    assert_eq!(outcomes(&county), [(1_800, "emergency_running".to_owned())]);
    county.input(Input::Cancel(RequestId(1), zhang, emergency, "解除了".into()));
    county.wake_at(NOON.plus_s(86_400 + 1_800));
    assert_eq!(outcomes(&county).last().unwrap().1, "started");
}

#[test]
fn quiet_hours_that_came_later_are_kept() {
    let mut county = default_county();
    set(&mut county, "张三", programme("安全"));
    let mut quieter = rules();
    quieter.policy.quiet_hours =
        Some(crate::model::QuietHours { from_minute: 12 * 60, until_minute: 14 * 60 });
    county.restart(quieter);
    county.wake_at(NOON.plus_s(1_800));
    assert_eq!(outcomes(&county), [(1_800, "quiet_hours".to_owned())]);
    // And validity ends where they begin.
    let mut county = default_county();
    let late = BTreeSet::from([21 * 60 + 55]);
    set(&mut county, "张三", Programme { at_minutes: late, ..programme("晚") });
    county.wake_at(NOON.plus_s(9 * 3_600 + 55 * 60));
    let state = county.gateway.state().broadcasts.values().next().expect("started");
    assert_eq!(state.broadcast.expires(), NOON.plus_s(10 * 3_600));
    assert!(state.broadcast.expires() < NIGHT);
}

#[test]
fn what_a_programme_is_refused_for() {
    let check = |change: &dyn Fn(&mut Programme), expect: &str| {
        let mut one = programme("安全");
        change(&mut one);
        let answer = set(&mut default_county(), "张三", one);
        assert_eq!(codes(&answer), [expect]);
    };
    check(&|p| p.text = None, "nothing_to_say");
    check(&|p| p.name = "　".into(), "bad_name");
    check(&|p| p.at_minutes = BTreeSet::new(), "bad_times");
    check(&|p| p.at_minutes = BTreeSet::from([1_440]), "bad_times");
    check(&|p| p.at_minutes = BTreeSet::from([23 * 60]), "quiet_hours");
    check(&|p| p.until = date("2025-12-31"), "ends_before_start");
    check(&|p| p.tolerance_s = 0, "bad_tolerance");
    check(&|p| p.calendar = Calendar::Weekly { weekdays: BTreeSet::from([8]) }, "bad_calendar");
    check(&|p| p.calendar = Calendar::Month { month: 0 }, "bad_calendar");
    check(
        &|p| {
            p.calendar = Calendar::Yearly { days: BTreeSet::from([YearDay { month: 2, day: 30 }]) }
        },
        "bad_calendar",
    );
    check(&|p| p.areas.clear(), "no_audience");
    check(&|p| p.groups = vec!["没有".into()], "unknown_group");
    check(&|p| p.repeats = 0, "bad_repeats");
    check(&|p| p.valid_s = 0, "bad_validity");
    let outsider = Actor { areas: vec![code(VILLAGE_A)], ..officer("村官") };
    let mut county = default_county();
    let ask = Ask::SetProgramme(Box::new(programme("安全")));
    assert!(matches!(county.ask(&outsider, ask), Answer::Denied(_)));
    set(&mut county, "张三", programme("安全"));
    let remove = Ask::RemoveProgramme("安全".into());
    assert!(matches!(county.ask(&outsider, remove.clone()), Answer::Denied(_)));
    assert_eq!(county.ask(&officer("李四"), remove), Answer::Done(Vec::new()));
}

#[test]
fn programmes_do_not_speak_over_each_other() {
    let rules = rules();
    let check = |change: &dyn Fn(&mut Programme), expect: usize| {
        let mut other = programme("另一个");
        change(&mut other);
        let found = conflicts(&rules, NOON, &programme("安全"), [&other].into_iter());
        assert_eq!(found.len(), expect, "{other:?} {found:?}");
    };
    // One plays about 8 seconds.
    check(&|_| {}, 1);
    check(&|p| p.at_minutes = BTreeSet::from([12 * 60 + 31]), 0);
    check(&|p| p.at_minutes = BTreeSet::from([12 * 60 + 29]), 0);
    check(&|p| (p.at_minutes, p.repeats) = (BTreeSet::from([12 * 60 + 29]), 12), 1);
    check(&|p| p.areas = vec![code(VILLAGE_C)], 0);
    check(&|p| p.areas = vec![code(COUNTY)], 1);
    check(&|p| p.until = date("2026-05-31"), 0);
    check(&|p| p.calendar = Calendar::Month { month: 5 }, 1);
    check(&|p| p.name = "安全".into(), 0);
    let mut county = default_county();
    set(&mut county, "张三", programme("安全"));
    assert_eq!(codes(&set(&mut county, "张三", programme("另一个"))), ["conflict"]);
    assert_eq!(set(&mut county, "张三", programme("安全")), Answer::Saved { more: 0 }, "itself");
}

#[test]
fn holidays_stay_silent() {
    let except = BTreeSet::from([date("2026-06-02")]);
    let one = Programme { except, ..programme("安全") };
    let found = occurrences(&one, 480, NOON, NOON.plus_s(4 * 86_400));
    let days: Vec<String> =
        found.iter().map(|at| LocalDate::of(*at, 480).unwrap().to_string()).collect();
    assert_eq!(days, ["2026-06-01", "2026-06-03", "2026-06-04"]);
    let mut county = default_county();
    set(&mut county, "张三", one);
    county.wake_at(NOON.plus_s(86_400 + 1_800));
    assert_eq!(outcomes(&county).iter().filter(|(_, how)| how == "started").count(), 0);
    county.wake_at(NOON.plus_s(2 * 86_400 + 1_800));
    assert_eq!(outcomes(&county).last().unwrap().1, "started");
}

#[test]
fn what_people_should_know_before_they_save() {
    let mut rules = rules();
    let quiet = crate::model::QuietHours { from_minute: 13 * 60, until_minute: 14 * 60 };
    rules.policy.quiet_hours = Some(quiet);
    let check = |change: &dyn Fn(&mut Programme), drill: Option<i64>, expect: &[&str]| {
        let mut one = programme("安全");
        change(&mut one);
        let drill = drill.map(|s| NOON.plus_s(s));
        let notes = crate::decide::programme_notes(&rules, NOON, &one, drill);
        let codes: Vec<&str> = notes.iter().map(|note| note.code.as_str()).collect();
        assert_eq!(codes, expect, "{notes:?}");
    };
    check(&|_| {}, None, &[]);
    // The drill ends before the programme, or with it, or later.
    check(&|_| {}, Some(1_799), &[]);
    check(&|_| {}, Some(1_800), &[]);
    check(&|_| {}, Some(1_801), &["drill_armed"]);
    check(&|p| p.at_minutes = BTreeSet::from([12 * 60 + 59]), None, &[]);
    let long = |p: &mut Programme| {
        (p.at_minutes, p.repeats) = (BTreeSet::from([12 * 60 + 59]), 20);
    };
    check(&long, None, &["cut_by_quiet_hours"]);
    check(&|p| p.until = date("2026-05-31"), None, &["never"]);
}

#[test]
fn ready_made_programmes_have_no_fault() {
    for ready in &crate::decide::READY_PROGRAMMES {
        let mut county = default_county();
        let one = ready.programme(vec![code(VILLAGE_B)], date("2026-06-01"));
        assert_eq!(
            set(&mut county, "张三", one.clone()),
            Answer::Saved { more: 0 },
            "{}",
            one.name
        );
        let next = occurrences(&one, 480, NOON, NOON.plus_s(366 * 86_400));
        assert!(!next.is_empty(), "{}", one.name);
        let text = one.text.expect("words");
        assert!(text.chars().all(|c| !c.is_ascii() || c.is_ascii_digit()), "read aloud: {text}");
    }
}

/// What plays already gives way: the emergency's orders go out at once and rank above the programme's.
#[test]
fn an_emergency_goes_over_a_programme_that_plays() {
    let mut county = default_county();
    set(&mut county, "张三", programme("安全"));
    county.wake_at(NOON.plus_s(1_800));
    assert_eq!(outcomes(&county), [(1_800, "started".to_owned())]);
    let (playing, _) = county.gateway.state().running().next().expect("it plays");
    let playing = *playing;
    let zhang = officer("张三");
    let urgent = ManualRequest { areas: vec![code(VILLAGE_B)], ..request(&zhang) };
    let emergency = started(&county.manual(&zhang, urgent));
    let state = county.gateway.state();
    let rank = |id: &crate::model::BroadcastId| state.broadcasts[id].broadcast.priority();
    assert!(rank(&emergency) > rank(&playing), "terminals play the higher one and end the lower");
    let both = state.broadcasts[&emergency].broadcast.terminals();
    assert!(!both.is_disjoint(state.broadcasts[&playing].broadcast.terminals()));
}
