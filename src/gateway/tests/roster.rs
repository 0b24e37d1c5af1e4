use super::*;
use crate::decide::tests::{TOWN, VILLAGE_C, network};
use crate::decide::{RowFault, read_roster};
use crate::model::{Group, Post, Shift, ShiftId};

fn shift(post: Post, person: &str, area: &str) -> Shift {
    Shift {
        id: ShiftId(0),
        post,
        person: person.into(),
        telephone: "0730-7612345".into(),
        area: code(area),
        from: NOON.plus_s(-3_600),
        until: NOON.plus_s(8 * 3_600),
    }
}

fn set(county: &mut County, shifts: Vec<Shift>) -> Answer {
    county.ask(&leader("主任"), Ask::ChangeRoster(shifts, Vec::new()))
}

fn people(shifts: &[Shift]) -> Vec<&str> {
    shifts.iter().map(|shift| shift.person.as_str()).collect()
}

#[test]
fn who_is_on_duty_where() {
    let mut county = default_county();
    let over = Shift { until: NOON, ..shift(Post::Officer, "下班", TOWN) };
    let later = Shift { from: NOON.plus_s(1), ..shift(Post::Officer, "晚班", TOWN) };
    let shifts = vec![
        shift(Post::Standby, "备", COUNTY),
        shift(Post::Officer, "县值班", COUNTY),
        shift(Post::Officer, "镇值班", TOWN),
        shift(Post::Leader, "县领导", COUNTY),
        over,
        later,
    ];
    assert_eq!(set(&mut county, shifts), Answer::Done(Vec::new()));
    let check = |area: &str, at: UtcMs, expect: &[&str]| {
        let found = county.gateway.state().on_duty(code(area), at);
        let found: Vec<&str> = found.iter().map(|shift| shift.person.as_str()).collect();
        assert_eq!(found, expect, "{area} {at:?}");
    };
    check(VILLAGE_A, NOON, &["镇值班", "县领导", "县值班", "备"]);
    check(VILLAGE_C, NOON, &["县领导", "县值班", "备"]);
    check(VILLAGE_A, NOON.plus_s(1), &["晚班", "镇值班", "县领导", "县值班", "备"]);
    check(VILLAGE_A, NOON.plus_s(8 * 3_600), &[]);
}

#[test]
fn half_of_the_time_over_the_next_are_asked_once() {
    let mut county = default_county();
    let shifts = vec![
        shift(Post::Officer, "张三", COUNTY),
        shift(Post::Officer, "李四", COUNTY),
        shift(Post::Officer, "镇上", TOWN),
        shift(Post::Deputy, "副班", COUNTY),
        shift(Post::Leader, "领导", COUNTY),
        shift(Post::Standby, "备勤", COUNTY),
        shift(Post::Officer, "村里", VILLAGE_A),
    ];
    set(&mut county, shifts);
    let plan = county.waiting(&officer("张三"));
    let whom = county.gateway.whom(plan, county.now).unwrap();
    // The requester and who does not reach every village of it are not asked.
    assert_eq!(people(&whom.now), ["副班", "李四", "镇上"]);
    assert_eq!(people(&whom.next), ["领导"]);
    assert_eq!(whom.escalates_at, Some(NOON.plus_s(450)));
    county.wake_at(NOON.plus_s(449));
    assert!(county.alarms().is_empty());
    county.wake_at(NOON.plus_s(450));
    assert_eq!(county.alarms(), ["plan_escalated"]);
    let Some((_, Entry::PlanEscalated { asked, .. })) = county.entries.last() else {
        panic!("on record: {:?}", county.kinds(0))
    };
    assert_eq!(asked, &["副班", "李四", "镇上", "领导"]);
    county.restart(rules());
    county.wake_at(NOON.plus_s(500));
    assert!(county.alarms().is_empty(), "once, also after a restart");
    let whom = county.gateway.whom(plan, county.now).unwrap();
    assert_eq!((people(&whom.next), whom.escalates_at), (vec!["备勤"], None));
}

#[test]
fn an_empty_roster_is_told() {
    let mut county = default_county();
    let plan = county.waiting(&officer("张三"));
    assert_eq!(county.gateway.whom(plan, NOON).unwrap().now, []);
    county.wake_at(NOON.plus_s(450));
    assert_eq!(county.alarms(), ["plan_escalated"]);
}

#[test]
fn changes_of_the_roster() {
    let mut county = default_county();
    let one = shift(Post::Officer, "张三", TOWN);
    set(&mut county, vec![one.clone()]);
    // The same beginning again takes its place: a second import changes nothing.
    set(
        &mut county,
        vec![Shift { telephone: "110".into(), person: "张 三".into(), ..one.clone() }],
    );
    let shifts = &county.gateway.state().shifts;
    assert_eq!(shifts.len(), 1);
    assert_eq!(shifts[&ShiftId(1)].telephone, "110");
    county.ask(&leader("主任"), Ask::ChangeRoster(Vec::new(), vec![ShiftId(1)]));
    set(&mut county, vec![one.clone()]);
    assert_eq!(county.gateway.state().shifts.keys().next(), Some(&ShiftId(2)), "no name twice");
    // Who may.
    let answer = county.ask(&officer("张三"), Ask::ChangeRoster(vec![one.clone()], Vec::new()));
    assert!(matches!(answer, Answer::Denied(_)));
    let town = Actor { areas: vec![code(TOWN)], ..leader("镇长") };
    let wide = vec![shift(Post::Officer, "张三", COUNTY)];
    assert!(matches!(county.ask(&town, Ask::ChangeRoster(wide, Vec::new())), Answer::Denied(_)));
    // What is wrong.
    let check = |county: &mut County, shift: Shift, expect: &str| {
        assert_eq!(codes(&set(county, vec![shift])), [expect]);
    };
    check(&mut county, Shift { person: " ".into(), ..one.clone() }, "bad_person");
    check(&mut county, Shift { telephone: "手机".into(), ..one.clone() }, "bad_telephone");
    check(&mut county, Shift { until: one.from, ..one.clone() }, "ends_before_start");
    check(&mut county, Shift { until: NOON.plus_s(8 * 86_400), ..one.clone() }, "shift_too_long");
    let old = NOON.plus_s(-61 * 86_400);
    let over = Shift { from: old, until: old.plus_s(3_600), ..one.clone() };
    check(&mut county, over, "long_over");
    check(&mut county, Shift { id: ShiftId(9), ..one.clone() }, "unknown_shift");
    check(&mut county, shift(Post::Officer, "张三", "430621999000"), "unknown_area");
    assert_eq!(codes(&set(&mut county, Vec::new())), ["nothing_changed"]);
}

const HEAD: &str = "岗位,姓名,电话,区域,开始,结束\n";

fn read(text: &str) -> Result<Vec<Shift>, Vec<RowFault>> {
    read_roster(text.as_bytes(), &network(), 480)
}

#[test]
fn a_roster_is_read_from_a_spreadsheet() {
    let rows = "带班领导,王主任,0730-7612345,430621000000,2026-06-01 08:00,2026/6/2 8:00\n\
                ,,,,,\n值班员,张三,13800000000,东方村,2026-06-01T20:00,2026-06-01 24:00\n";
    let shifts = read(&format!("\u{feff}{HEAD}{rows}")).unwrap();
    assert_eq!(shifts.len(), 2);
    assert_eq!((shifts[0].post, shifts[0].area), (Post::Leader, code(COUNTY)));
    assert_eq!(shifts[0].from, NOON.plus_s(-4 * 3_600));
    assert_eq!(shifts[0].until, NOON.plus_s(20 * 3_600));
    assert_eq!(shifts[1].area, code(VILLAGE_B));
    assert_eq!(shifts[1].until, NOON.plus_s(12 * 3_600));
    let (gb, _, _) = encoding_rs::GB18030.encode(HEAD);
    let mut bytes = gb.into_owned();
    let (row, _, _) =
        encoding_rs::GB18030.encode("备勤,李四,119,东方村,2026-06-01 08:00,2026-06-02 08:00");
    bytes.extend_from_slice(&row);
    assert_eq!(read_roster(&bytes, &network(), 480).unwrap()[0].person, "李四");
    let english = "post,person,telephone,area,from,until\n\
                   deputy,a,119,430621000000,2026-06-01 08:00,2026-06-01 09:00";
    assert_eq!(read(english).unwrap()[0].post, Post::Deputy);
}

#[test]
fn every_fault_of_a_roster_is_told_at_once() {
    let rows = "司机,张三,110,430621000000,2026-06-01 08:00,2026-06-02 08:00\n\
                值班员,,电话,火星,昨天,2026-06-31 08:00\n\
                值班员,张三,119,老街居民委员会,2026-06-01 08:00,2026-06-01 08:00\n\
                值班员,李四,119,430621000000,2026-06-01 08:00,2026-06-02 08:00\n\
                值班员,李四,119,430621000000,2026-06-01 08:00,2026-06-03 08:00\n\
                值班员,李四\n";
    let faults = read(&format!("{HEAD}{rows}")).unwrap_err();
    let lines: Vec<u32> = faults.iter().map(|fault| fault.line).collect();
    for line in [2, 3, 4, 6, 7] {
        assert!(lines.contains(&line), "line {line}: {faults:?}");
    }
    assert!(!lines.contains(&5), "{faults:?}");
    assert!(faults.iter().filter(|fault| fault.line == 3).count() >= 3, "{faults:?}");
    for (text, expect) in [("", "空"), ("岗位,姓名\n", "缺少列"), (HEAD, "没有任何班次")]
    {
        let faults = read(text).unwrap_err();
        assert!(faults[0].what.contains(expect), "{faults:?}");
    }
    assert!(read_roster(&[0xff, 0xff, 0xff], &network(), 480).is_err());
}

/// Whatever bytes come, a list of shifts or of faults comes back.
#[test]
fn mutated_rosters_never_panic() {
    let good = format!("{HEAD}值班员,张三,119,东方村,2026-06-01 08:00,2026-06-01 24:00\n");
    let mut seed = 7_u64;
    let mut dice = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap()
    };
    let mut n_good = 0;
    for _ in 0..3_000 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..=dice() % 4 {
            let at = dice() % bytes.len();
            match dice() % 3 {
                0 => bytes[at] = u8::try_from(dice() % 256).unwrap(),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"-9,\n\" :/"[dice() % 8]),
            }
        }
        match read_roster(&bytes, &network(), 480) {
            Ok(shifts) => n_good += shifts.len(),
            Err(faults) => assert!(!faults.is_empty()),
        }
    }
    assert!(n_good > 0, "some mutations are harmless");
}

#[test]
fn saved_groups_are_places_of_manual_broadcasts() {
    let mut county = default_county();
    let zhang = officer("张三");
    let group = |name: &str, area: &str| Group {
        name: name.into(),
        owner: "别人".into(),
        areas: vec![code(area)],
        terminals: Vec::new(),
    };
    county.ask(&zhang, Ask::SetGroup(group("沿江", VILLAGE_B)));
    assert_eq!(county.gateway.state().groups["沿江"].owner, "张三", "not who the body says");
    let by_group = |name: &str| ManualRequest {
        areas: Vec::new(),
        groups: vec![name.into()],
        ..request(&zhang)
    };
    let broadcast = started(&county.manual(&zhang, by_group("沿江")));
    let state = &county.gateway.state().broadcasts[&broadcast];
    assert_eq!(state.broadcast.areas(), [code(VILLAGE_B)]);
    assert_eq!(codes(&county.manual(&zhang, by_group("没有"))), ["unknown_group"]);
    // A group gives nobody a place that is not the officer's own.
    let town = Actor { areas: vec![code(VILLAGE_A)], ..officer("村官") };
    let reach = ManualRequest { allowed_areas: town.areas.clone(), ..by_group("沿江") };
    assert_eq!(codes(&county.manual(&town, reach)), ["outside_officer_areas"]);
    assert!(matches!(county.ask(&town, Ask::SetGroup(group("x", VILLAGE_B))), Answer::Denied(_)));
    assert_eq!(
        codes(&county.ask(&officer("李四"), Ask::SetGroup(group("沿江", VILLAGE_A)))),
        ["not_owner"]
    );
    assert_eq!(codes(&county.ask(&zhang, Ask::SetGroup(group(" ", VILLAGE_A)))), ["bad_name"]);
    let remove = Ask::RemoveGroup("沿江".into());
    assert!(matches!(county.ask(&officer("李四"), remove.clone()), Answer::Denied(_)));
    assert_eq!(county.ask(&leader("主任"), remove.clone()), Answer::Done(Vec::new()));
    assert!(matches!(county.ask(&zhang, remove), Answer::NotFound(_)));
}
