use super::*;
use crate::decide::{Targets, resolve};
use crate::model::Circle;

fn find(areas: &[AlertArea]) -> Targets {
    let rules = rules();
    resolve(&rules.network, &rules.index, NOON, areas)
}

/// Terminals, cover, unknown and outside counts, codes of notes.
fn check(
    area: &AlertArea,
    terminals: usize,
    cover: &[&str],
    unknown: usize,
    outside: usize,
    notes: &[&str],
) {
    let found = find(std::slice::from_ref(area));
    let covers: Vec<String> = found.areas.iter().map(ToString::to_string).collect();
    let codes: Vec<&str> = found.notes.iter().map(|note| note.code.as_str()).collect();
    assert_eq!(found.terminals.len(), terminals, "terminals of {area:?}: {found:?}");
    assert_eq!(covers, cover, "cover of {area:?}");
    assert_eq!((found.unknown.len(), found.outside.len()), (unknown, outside), "{found:?}");
    assert_eq!(codes, notes, "notes of {area:?}");
}

#[test]
fn geocodes() {
    check(&area_of(&[VILLAGE_A]), 2, &[VILLAGE_A], 0, 0, &[]);
    check(&area_of(&["430621100"]), 3, &[TOWN], 0, 0, &[]);
    check(&area_of(&["430621"]), 5, &[COUNTY], 0, 0, &[]);
    check(&area_of(&["4306"]), 5, &[COUNTY], 0, 0, &[]);
    check(&area_of(&["430600000000"]), 5, &[COUNTY], 0, 0, &[]);
    check(&area_of(&["43"]), 5, &[COUNTY], 0, 0, &[]);
    check(&area_of(&[VILLAGE_A, VILLAGE_C]), 4, &[VILLAGE_A, OTHER_TOWN], 0, 0, &[]);
    check(&area_of(&["430621100001,430621100002"]), 3, &[TOWN], 0, 0, &[]);
    check(&area_of(&["430623000000"]), 0, &[], 0, 1, &[]);
    check(&area_of(&["430623000000", VILLAGE_B]), 1, &[VILLAGE_B], 0, 1, &[]);
    check(&area_of(&["430621999000"]), 0, &[], 1, 0, &[]);
    check(&area_of(&["430621105000"]), 0, &[], 0, 0, &["area_without_terminals"]);
    check(&area_of(&[NEW_STREET]), 3, &[TOWN], 0, 0, &["area_by_alias"]);
    check(&area_of(&["99"]), 0, &[], 1, 0, &[]);
    check(&area_of(&["everywhere"]), 0, &[], 1, 0, &[]);
    check(&area_of(&[]), 0, &[], 1, 0, &[]);
    check(&area_of(&["  "]), 0, &[], 1, 0, &[]);
    assert_eq!(find(&[]).unknown.len(), 1);
}

#[test]
fn foreign_schemes_are_for_a_person() {
    for (name, value) in [
        ("UGC", "TXZ211"),
        ("EMMA_ID", "DE430"),
        ("FIPS6", "430621"),
        ("SAME", "430621"),
        ("x", "43"),
    ] {
        let mut area = area_of(&[]);
        area.geocodes.push(Geocode { name: name.into(), value: value.into() });
        check(&area, 0, &[], 1, 0, &[]);
    }
    let mut area = area_of(&[]);
    area.geocodes.push(Geocode { name: "CPEAS Geographic Code".into(), value: "430621".into() });
    check(&area, 5, &[COUNTY], 0, 0, &[]);
}

fn drawn(ring: &[Position]) -> AlertArea {
    AlertArea { polygons: vec![ring.to_vec()], ..area_of(&[]) }
}

fn round(centre: Position, radius_km: f64) -> AlertArea {
    AlertArea { circles: vec![Circle { centre, radius_km }], ..area_of(&[]) }
}

fn square(low: Position, high: Position) -> Vec<Position> {
    vec![low, at(low.lat_deg, high.lon_deg), high, at(high.lat_deg, low.lon_deg), low]
}

#[test]
fn polygons_and_circles() {
    let note: &[&str] = &["terminals_without_position"];
    check(&drawn(&square(at(29.05, 113.05), at(29.15, 113.15))), 2, &[VILLAGE_A], 0, 0, note);
    // The edge counts; only one of two terminals of the village: no cover.
    check(&drawn(&square(at(29.05, 113.05), at(29.10, 113.15))), 1, &[], 0, 0, note);
    // Near, but nobody inside.
    check(&drawn(&square(at(29.12, 113.10), at(29.121, 113.101))), 0, &[], 1, 0, note);
    // Elsewhere.
    check(&drawn(&square(at(39.0, 116.0), at(40.0, 117.0))), 0, &[], 0, 1, note);
    check(&drawn(&[at(f64::NAN, 1.0), at(f64::NAN, 2.0), at(1.0, f64::NAN)]), 0, &[], 1, 0, note);
    check(&drawn(&[]), 0, &[], 1, 0, note);
    check(&round(at(29.10, 113.10), 2.0), 2, &[VILLAGE_A], 0, 0, note);
    check(&round(at(29.13, 113.10), 1.0), 0, &[], 1, 0, note);
    check(&round(at(39.10, 116.10), 5.0), 0, &[], 0, 1, note);
    check(
        &round(at(29.101, 113.101), 0.0),
        2,
        &[VILLAGE_A],
        0,
        0,
        &["point_means_village", note[0]],
    );
    check(&round(at(29.40, 113.10), 0.0), 0, &[], 1, 0, note);
    check(&round(at(39.40, 113.10), 0.0), 0, &[], 0, 1, note);
    check(&round(at(f64::NAN, 113.10), f64::NAN), 0, &[], 0, 1, note);
    check(&round(at(f64::NAN, 113.10), 5.0), 0, &[], 0, 1, note);
}

#[test]
fn geocode_and_polygon_are_united() {
    let mut area = drawn(&square(at(29.15, 113.15), at(29.25, 113.25)));
    area.geocodes = area_of(&[VILLAGE_C]).geocodes;
    check(&area, 3, &[VILLAGE_B, OTHER_TOWN], 0, 0, &["terminals_without_position"]);
}

#[test]
fn names_only() {
    let named = |desc: &str| AlertArea { desc: desc.into(), ..area_of(&[]) };
    check(&named("岳阳县"), 5, &[COUNTY], 0, 0, &["area_by_name"]);
    check(&named("湖南省岳阳市岳阳县"), 5, &[COUNTY], 0, 0, &["area_by_name"]);
    check(&named(" 荣家湾镇 "), 3, &[TOWN], 0, 0, &["area_by_name"]);
    check(&named("岳阳县黄沙街镇"), 2, &[OTHER_TOWN], 0, 0, &["area_by_name"]);
    check(&named("老街居民委员会"), 0, &[], 1, 0, &[]);
    check(&named("黄沙街镇老街居民委员会"), 2, &[OTHER_TOWN], 0, 0, &["area_by_name"]);
    check(&named("全国大部"), 0, &[], 1, 0, &[]);
}

#[test]
fn terminals_outside_the_served_area_are_never_chosen() {
    let mut network = network();
    let foreign = terminal("430623100001", 1);
    let mut stray = network.terminals[&terminal(VILLAGE_A, 1)].clone();
    stray.id = foreign;
    stray.area = code("430623100001");
    network.terminals.insert(foreign, stray);
    let rules = Rules::new(network, rules().policy);
    let ring = square(at(28.0, 112.0), at(30.0, 114.0));
    for area in [area_of(&["43"]), area_of(&["430623100001"]), drawn(&ring)] {
        let found = resolve(&rules.network, &rules.index, NOON, &[area]);
        assert!(!found.terminals.contains(&foreign), "{found:?}");
    }
}
