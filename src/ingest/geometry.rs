//! Polygons and circles of CAP 1.2 §3.2.4: pairs `lat,lon` on WGS-84, in that order.

use super::notes::quoted;
use crate::model::{Circle, Position};

/// Points of one polygon; the largest seen in live feeds has 6,208.
pub(super) const POLYGON_POINTS_MAX: usize = 20_000;
/// Points of a polygon whose borders are compared with each other.
const CROSSING_POINTS_MAX: usize = 1_000;
/// Half of the earth's girth, kilometres: no circle is larger.
const RADIUS_KM_MAX: f64 = 20_038.0;
/// Above this radius a circle in kilometres was probably meant in metres.
const RADIUS_KM_PLAUSIBLE_MAX: f64 = 1_000.0;
/// China, with room on every side: the box in which a swapped pair shows itself.
const CHINA_LAT_DEG: core::ops::RangeInclusive<f64> = 3.0..=54.0;
const CHINA_LON_DEG: core::ops::RangeInclusive<f64> = 73.0..=136.0;

/// Why a shape can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Over [`POLYGON_POINTS_MAX`].
    TooLarge(String),
    /// A polygon that encloses nothing.
    Empty(String),
    /// Anything else.
    Unreadable(String),
}

/// A polygon as read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ring {
    /// Its points, closed (first = last).
    pub(super) points: Vec<Position>,
    /// Whether it was open as written.
    pub(super) was_open: bool,
    /// What was tolerated.
    pub(super) odd: Vec<&'static str>,
}

/// How far beyond 180 degrees a longitude may lie by rounding.
const LON_OVERSHOOT_DEG: f64 = 0.9;

/// One group of numbers joined by commas.
type Group = Vec<f64>;

/// Reads a polygon. `Ok(None)` = empty.
///
/// # Errors
/// Says what was expected and got.
pub(super) fn polygon(text: &str) -> Result<Option<Ring>, Wrong> {
    let (groups, mut odd) = groups(text)?;
    let mut points = Vec::with_capacity(groups.len());
    for group in &groups {
        points.push(position(group, &mut odd)?);
    }
    let Some(first) = points.first().copied() else { return Ok(None) };
    let mut distinct: Vec<(u64, u64)> =
        points.iter().map(|point| (point.lat_deg.to_bits(), point.lon_deg.to_bits())).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 3 {
        let n = distinct.len();
        let what = format!("expected a polygon of at least 3 different points, got {n}");
        return Err(Wrong::Empty(what));
    }
    if points.iter().all(|point| looks_swapped(*point)) {
        odd.push("latitude and longitude may be swapped; used as written, latitude first");
    }
    let was_open = points.last() != Some(&first);
    if was_open {
        points.push(first);
    }
    if crosses_itself(&points) {
        odd.push(
            "the border crosses itself; what it encloses an odd number of times counts as inside",
        );
    }
    odd.dedup();
    Ok(Some(Ring { points, was_open, odd }))
}

/// A circle as read, and what was tolerated.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Round {
    /// The circle, in kilometres.
    pub(super) circle: Circle,
    /// What was tolerated.
    pub(super) odd: Vec<&'static str>,
}

/// Reads a circle `lat,lon radius`. `Ok(None)` = empty. The radius is in kilometres (CAP) or metres
/// (national form); 0 is the point itself.
///
/// # Errors
/// Says what was expected and got.
pub(super) fn circle(text: &str, in_metres: bool) -> Result<Option<Round>, Wrong> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let wrong = || Wrong::Unreadable(format!("expected `lat,lon radius`, got {}", quoted(text)));
    let (text, unit_km) = without_unit(text);
    let in_metres = unit_km.map_or(in_metres, |km| !km);
    let (point, radius, mut odd) = match pieces(text).as_deref() {
        Some([point, radius]) if radius.len() == 1 => (point.clone(), radius.clone(), Vec::new()),
        // Three numbers in any other grouping can only mean this.
        Some(all) if all.iter().map(Vec::len).sum::<usize>() == 3 => {
            let flat: Vec<f64> = all.iter().flatten().copied().collect();
            let (point, radius) = flat.split_at(2);
            let odd = vec!["the radius is not set apart by a space"];
            (point.to_vec(), radius.to_vec(), odd)
        }
        _ => return Err(wrong()),
    };
    let [radius] = radius.as_slice() else { return Err(wrong()) };
    let centre = position(&point, &mut odd)?;
    let radius_km = if in_metres { radius / 1_000.0 } else { *radius };
    if !(0.0..=RADIUS_KM_MAX).contains(&radius_km) {
        return Err(Wrong::Unreadable(format!(
            "expected a radius of 0 to {RADIUS_KM_MAX} km, got {radius_km} km"
        )));
    }
    if !in_metres && radius_km > RADIUS_KM_PLAUSIBLE_MAX {
        odd.push("a radius above 1,000 km may be meant in metres; used as kilometres, as CAP says");
    }
    if unit_km.is_some() {
        odd.push("the radius is written with its unit; read so");
    }
    if looks_swapped(centre) {
        odd.push("latitude and longitude may be swapped; used as written, latitude first");
    }
    Ok(Some(Round { circle: Circle { centre, radius_km }, odd }))
}

/// A circle without the unit behind its radius, and whether that is kilometres (else metres); `None` = it
/// names none.
fn without_unit(text: &str) -> (&str, Option<bool>) {
    let text = text.trim();
    let units =
        [("公里", true), ("千米", true), ("km", true), ("KM", true), ("米", false), ("m", false)];
    let found = units.iter().find_map(|(unit, km)| Some((text.strip_suffix(unit)?, *km)));
    match found {
        Some((rest, km)) => (rest.trim_end(), Some(km)),
        None => (text, None),
    }
}

/// Whether two borders of a closed ring cross between their ends. Looked at for shapes that people draw; the
/// long ones are coastlines of programs.
fn crosses_itself(ring: &[Position]) -> bool {
    if ring.len() > CROSSING_POINTS_MAX {
        return false;
    }
    let side = |a: Position, b: Position, c: Position| {
        let area = (b.lat_deg - a.lat_deg) * (c.lon_deg - a.lon_deg)
            - (b.lon_deg - a.lon_deg) * (c.lat_deg - a.lat_deg);
        if area > 0.0 {
            1_i8
        } else if area < 0.0 {
            -1
        } else {
            0
        }
    };
    let borders = || ring.iter().copied().zip(ring.iter().copied().skip(1));
    borders().enumerate().any(|(number, (a, b))| {
        borders()
            .skip(number + 2)
            .any(|(c, d)| side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0)
    })
}

/// The points of a polygon, each a group of two numbers (or three with a height).
fn groups(text: &str) -> Result<(Vec<Group>, Vec<&'static str>), Wrong> {
    let mut odd = Vec::new();
    if text.contains(['，', ';', '；']) {
        odd.push("points are separated by other signs than spaces and commas");
    }
    let Some(groups) = pieces(text) else {
        let got = quoted(text.trim());
        return Err(Wrong::Unreadable(format!("expected pairs `lat,lon`, got {got}")));
    };
    if groups.len() > POLYGON_POINTS_MAX {
        return Err(Wrong::TooLarge(format!(
            "expected at most {POLYGON_POINTS_MAX} points, got {}",
            groups.len()
        )));
    }
    Ok((groups, odd))
}

/// Splits into groups of numbers. Within a group stand commas, between groups white space; spaces
/// around a comma are forgiven, and so is a comma behind a complete pair. `None` = not numbers.
fn pieces(text: &str) -> Option<Vec<Group>> {
    let text = text.replace('，', ",").replace([';', '；'], " ");
    let mut groups: Vec<Group> = Vec::new();
    // Whether the last group waits for another number because a comma stood behind it.
    let mut waiting = false;
    for piece in text.split_whitespace() {
        let mut rest = piece;
        if let Some(tail) = rest.strip_prefix(',') {
            waiting = groups.last().is_some_and(|group| group.len() < 2);
            rest = tail;
        }
        let ends_with_comma = rest.ends_with(',');
        rest = rest.trim_end_matches(',');
        if rest.is_empty() {
            waiting = groups.last().is_some_and(|group| group.len() < 2);
            continue;
        }
        let numbers: Option<Group> = rest.split(',').map(number).collect();
        let numbers = numbers?;
        match groups.last_mut() {
            Some(last) if waiting && last.len() < 2 => last.extend(numbers),
            _ => groups.push(numbers),
        }
        waiting = ends_with_comma && groups.last().is_some_and(|group| group.len() < 2);
    }
    Some(groups)
}

/// A finite decimal number; `NaN`, `inf` and hexadecimal are none.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number: f64 = plain.then(|| text.parse().ok()).flatten()?;
    number.is_finite().then_some(number)
}

fn position(group: &[f64], odd: &mut Vec<&'static str>) -> Result<Position, Wrong> {
    let written = || group.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    let (lat_deg, lon_deg) = match group {
        [lat, lon] => (*lat, *lon),
        [lat, lon, _] => {
            // A height changes nothing on the ground.
            odd.push("a third number in a point is taken for a height and ignored");
            (*lat, *lon)
        }
        _ => {
            let got = quoted(&written());
            return Err(Wrong::Unreadable(format!("expected a pair `lat,lon`, got {got}")));
        }
    };
    // Rings around the date line overshoot by rounding in live feeds.
    let lon_deg = if lon_deg.abs() > 180.0 && lon_deg.abs() <= 180.0 + LON_OVERSHOOT_DEG {
        odd.push("a longitude just beyond 180 degrees is taken for 180");
        lon_deg.clamp(-180.0, 180.0)
    } else {
        lon_deg
    };
    let lat_ok = (-90.0..=90.0).contains(&lat_deg);
    let lon_ok = (-180.0..=180.0).contains(&lon_deg);
    if lat_ok && lon_ok {
        return Ok(Position { lat_deg, lon_deg });
    }
    let swapped = (-90.0..=90.0).contains(&lon_deg) && (-180.0..=180.0).contains(&lat_deg);
    let guess = if swapped { "; latitude comes first, are the two swapped?" } else { "" };
    Err(Wrong::Unreadable(format!(
        "expected latitude -90 to 90 and longitude -180 to 180, got {}{guess}",
        quoted(&written())
    )))
}

/// Whether a position would lie in China if its two numbers were swapped, and does not as written.
fn looks_swapped(position: Position) -> bool {
    CHINA_LAT_DEG.contains(&position.lon_deg)
        && CHINA_LON_DEG.contains(&position.lat_deg)
        && !CHINA_LAT_DEG.contains(&position.lat_deg)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: number of points, and whether we closed it.
    fn check(text: &str, expect: Result<Option<(usize, bool)>, &str>) {
        let got = polygon(text);
        match (&got, expect) {
            (Ok(got), Ok(expect)) => {
                let got = got.as_ref().map(|ring| (ring.points.len(), ring.was_open));
                assert_eq!(got, expect, "{text}");
            }
            (
                Err(Wrong::Unreadable(got) | Wrong::TooLarge(got) | Wrong::Empty(got)),
                Err(expect),
            ) => {
                assert!(got.contains(expect), "{text}: {got}");
            }
            _ => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn polygons_of_real_feeds() {
        check("29.1,113.1 29.2,113.1 29.2,113.2 29.1,113.1", Ok(Some((4, false))));
        check("29.1,113.1 29.2,113.1 29.2,113.2", Ok(Some((4, true))));
        check(" 29.1,113.1\n29.2,113.1\t29.2, 113.2 29.1 ,113.1 ", Ok(Some((4, false))));
        check("29.1 , 113.1 29.2,113.1, 29.2,113.2,", Ok(Some((4, true))));
        check("+40.85,-118.09, +40.86,-118.09, +41.12,-117.61", Ok(Some((4, true))));
        check("29.1，113.1;29.2，113.1；29.2,113.2", Ok(Some((4, true))));
        check("29.1,113.1,5 29.2,113.1,5 29.2,113.2,5", Ok(Some((4, true))));
        check("", Ok(None));
        check("  \n ", Ok(None));
    }

    #[test]
    fn wrong_polygons_are_told() {
        check("29.1,113.1 29.2,113.1 29.1,113.1", Err("3 different points, got 2"));
        check("113.1,29.1 113.1,29.2 113.2,29.2", Err("swapped"));
        check("200,300 29,113 29,114", Err("latitude -90 to 90"));
        check("NaN,113 29,113 29,114", Err("lat,lon"));
        check("1e999,113 29,113 29,114", Err("lat,lon"));
        check("a,b c,d e,f", Err("lat,lon"));
        check("29.1 113.1 29.2 113.1 29.2 113.2", Err("`lat,lon`"));
        check("29.1,113.1,29.2,113.1,29.2,113.2", Err("a pair `lat,lon`"));
        check(&"29.1,113.1 ".repeat(POLYGON_POINTS_MAX + 1), Err("at most 20000 points"));
    }

    #[test]
    fn swapped_pairs_are_seen_not_mended() {
        let ring = polygon("87.6,43.8 87.7,43.8 87.7,43.9").unwrap().unwrap();
        assert!(ring.odd.iter().any(|odd| odd.contains("swapped")));
        assert!((ring.points[0].lat_deg - 87.6).abs() < 1e-9);
        let ring = polygon("43.8,87.6 43.8,87.7 43.9,87.7").unwrap().unwrap();
        assert!(ring.odd.is_empty());
    }

    #[test]
    fn circles_in_kilometres_or_metres() {
        let radius = |text: &str, metres| {
            circle(text, metres).map(|round| round.map(|round| round.circle.radius_km)).ok()
        };
        assert_eq!(radius("29.1,113.1 5", false), Some(Some(5.0)));
        assert_eq!(radius("29.1, 113.1 5", false), Some(Some(5.0)));
        assert_eq!(radius("29.1,113.1 5000", true), Some(Some(5.0)));
        assert_eq!(radius("29.1,113.1 0", false), Some(Some(0.0)));
        assert_eq!(radius("29.1,113.1,5", false), Some(Some(5.0)));
        assert_eq!(radius("29.1 113.1 5", false), Some(Some(5.0)));
        assert_eq!(radius("29.1,113.1,80 5", false), Some(Some(5.0)));
        assert_eq!(radius("", false), Some(None));
        for wrong in ["29.1,113.1 -5", "29.1,113.1 inf", "29.1,113.1", "5", "29.1,113.1 30000"] {
            assert_eq!(radius(wrong, false), None, "{wrong}");
        }
        assert!(!circle("29.1,113.1 5000", false).unwrap().unwrap().odd.is_empty());
        for (text, metres) in [
            ("29.1,113.1 5km", false),
            ("29.1,113.1 5 km", true),
            ("29.1,113.1 5公里", true),
            ("29.1,113.1 5000m", false),
            ("29.1,113.1 5000米", true),
        ] {
            assert_eq!(radius(text, metres), Some(Some(5.0)), "{text}");
        }
        assert_eq!(radius("29.1,113.1 5 miles", false), None);
    }

    #[test]
    fn a_border_that_crosses_itself_is_seen() {
        let odd = |text: &str| polygon(text).unwrap().unwrap().odd.len();
        assert_eq!(odd("29.0,113.0 29.3,113.3 29.0,113.3 29.3,113.0 29.0,113.0"), 1);
        assert_eq!(odd("29.0,113.0 29.0,113.3 29.3,113.3 29.3,113.0 29.0,113.0"), 0);
        // Touching at a point is not crossing: an island by its strait.
        assert_eq!(odd("0,0 0,4 2,2 4,4 4,0 2,2 0,0"), 0);
    }
}
