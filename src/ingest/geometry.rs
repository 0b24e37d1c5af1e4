//! Polygons and circles of CAP 1.2 §3.2.4: pairs `lat,lon` on WGS-84.

use crate::model::{Circle, Position};

/// Points of one polygon.
const POINTS_MAX: usize = 50_000;
/// Largest radius that means anything on this earth, kilometres.
const RADIUS_KM_MAX: f64 = 20_100.0;

/// Reads a polygon. `Ok(None)` = empty. The flag says that it was not closed and we closed it.
pub(super) fn polygon(text: &str) -> Result<Option<(Vec<Position>, bool)>, String> {
    let mut ring = Vec::new();
    for pair in pairs(text) {
        ring.push(position(&pair)?);
        if ring.len() > POINTS_MAX {
            return Err(format!("expected at most {POINTS_MAX} points"));
        }
    }
    let Some(first) = ring.first().copied() else { return Ok(None) };
    let mut distinct: Vec<(u64, u64)> =
        ring.iter().map(|p| (p.lat_deg.to_bits(), p.lon_deg.to_bits())).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 3 {
        return Err(format!("expected at least 3 different points, got {}", distinct.len()));
    }
    let open = ring.last() != Some(&first);
    if open {
        ring.push(first);
    }
    Ok(Some((ring, open)))
}

/// Reads a circle `lat,lon radius`. `Ok(None)` = empty. The radius is in the unit of the form.
pub(super) fn circle(text: &str, metres: bool) -> Result<Option<Circle>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("expected `lat,lon radius`, got `{}`", short(text));
    let all = pairs(text);
    let (point, radius) = match all.as_slice() {
        [point, radius] => (point.as_str(), radius.trim_matches(',')),
        _ => return Err(wrong()),
    };
    let radius: f64 = radius.parse().map_err(|_| wrong())?;
    let radius_km = if metres { radius / 1000.0 } else { radius };
    if !(0.0..=RADIUS_KM_MAX).contains(&radius_km) {
        return Err(format!("expected a radius of 0 to {RADIUS_KM_MAX} km, got {radius_km}"));
    }
    Ok(Some(Circle { centre: position(point)?, radius_km }))
}

/// Splits into pairs at white space; a comma with spaces around it still joins a pair.
fn pairs(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for piece in text.split_whitespace() {
        match out.last_mut() {
            Some(last) if last.ends_with(',') || piece.starts_with(',') => last.push_str(piece),
            _ => out.push(piece.to_owned()),
        }
    }
    out
}

fn position(pair: &str) -> Result<Position, String> {
    let wrong = || format!("expected `lat,lon`, got `{}`", short(pair));
    let (lat, lon) = pair.trim_matches(',').split_once(',').ok_or_else(wrong)?;
    // Some senders add a height; it changes nothing on the ground.
    let lon = lon.split(',').next().unwrap_or(lon);
    let lat_deg: f64 = lat.trim().parse().map_err(|_| wrong())?;
    let lon_deg: f64 = lon.trim().parse().map_err(|_| wrong())?;
    if !(-90.0..=90.0).contains(&lat_deg) || !(-180.0..=180.0).contains(&lon_deg) {
        let swapped = (-90.0..=90.0).contains(&lon_deg) && (-180.0..=180.0).contains(&lat_deg);
        let guess = if swapped { "; are latitude and longitude swapped?" } else { "" };
        return Err(format!(
            "expected latitude −90 to 90 and longitude −180 to 180, got `{}`{guess}",
            short(pair)
        ));
    }
    Ok(Position { lat_deg, lon_deg })
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<Option<(usize, bool)>, &str>) {
        let got = polygon(text);
        match (&got, expect) {
            (Ok(got), Ok(expect)) => {
                assert_eq!(got.as_ref().map(|(ring, open)| (ring.len(), *open)), expect, "{text}");
            }
            (Err(got), Err(expect)) => assert!(got.contains(expect), "{text}: {got}"),
            _ => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn polygons_of_real_feeds() {
        check("29.1,113.1 29.2,113.1 29.2,113.2 29.1,113.1", Ok(Some((4, false))));
        check("29.1,113.1 29.2,113.1 29.2,113.2", Ok(Some((4, true))));
        check(" 29.1,113.1\n29.2,113.1\t29.2, 113.2 29.1 ,113.1 ", Ok(Some((4, false))));
        check("", Ok(None));
        check("  \n ", Ok(None));
        check("29.1,113.1 29.2,113.1 29.1,113.1", Err("3 different points"));
        check("113.1,29.1 113.1,29.2 113.2,29.2", Err("swapped"));
        check("NaN,113 29,113 29,114", Err("latitude"));
        check("a,b c,d e,f", Err("lat,lon"));
        check("29.1;113.1", Err("lat,lon"));
        check("29.1,113.1,5 29.2,113.1,5 29.2,113.2,5", Ok(Some((4, true))));
    }

    #[test]
    fn circles_in_kilometres_or_metres() {
        let circle = |text: &str, metres| circle(text, metres).map(|c| c.map(|c| c.radius_km));
        assert_eq!(circle("29.1,113.1 5", false), Ok(Some(5.0)));
        assert_eq!(circle("29.1,113.1 5000", true), Ok(Some(5.0)));
        assert_eq!(circle("29.1,113.1 0", false), Ok(Some(0.0)));
        assert_eq!(circle("", false), Ok(None));
        assert!(circle("29.1,113.1 -5", false).is_err());
        assert!(circle("29.1,113.1 inf", false).is_err());
        assert!(circle("29.1,113.1", false).is_err());
    }
}
