//! Distances and polygons on the ground. Every function takes any number, not only sane ones, and
//! answers false or infinity for what is not finite.

use crate::model::Position;

/// Mean radius of the earth, kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6_371.008_8;
/// Kilometres of one degree of latitude.
pub(super) const KM_PER_DEGREE: f64 = 111.195;
/// How near to an edge a point counts as on it, degrees (about a centimetre).
const EDGE_DEG: f64 = 1e-7;

/// Great-circle distance in kilometres (haversine).
pub(super) fn distance_km(a: Position, b: Position) -> f64 {
    if !(is_finite(a) && is_finite(b)) {
        return f64::INFINITY;
    }
    let (lat_a, lat_b) = (a.lat_deg.to_radians(), b.lat_deg.to_radians());
    let half_lat = ((b.lat_deg - a.lat_deg).to_radians() / 2.0).sin();
    let half_lon = ((b.lon_deg - a.lon_deg).to_radians() / 2.0).sin();
    let h = half_lat * half_lat + lat_a.cos() * lat_b.cos() * half_lon * half_lon;
    2.0 * EARTH_RADIUS_KM * h.clamp(0.0, 1.0).sqrt().asin()
}

/// Whether both numbers are numbers.
pub(super) fn is_finite(point: Position) -> bool {
    point.lat_deg.is_finite() && point.lon_deg.is_finite()
}

/// Whether `point` lies in `ring` (even-odd rule, so that a self-crossing ring has an answer); the
/// edge counts as inside. A ring of fewer than three points has no inside.
pub(super) fn in_ring(point: Position, ring: &[Position]) -> bool {
    if ring.len() < 3 || !is_finite(point) {
        return false;
    }
    let mut inside = false;
    let mut previous = ring.last().copied();
    for here in ring {
        if let Some(before) = previous {
            if on_edge(point, before, *here) {
                return true;
            }
            let straddles = (here.lat_deg > point.lat_deg) != (before.lat_deg > point.lat_deg);
            if straddles {
                let along = (point.lat_deg - here.lat_deg) / (before.lat_deg - here.lat_deg);
                let crossing = here.lon_deg + along * (before.lon_deg - here.lon_deg);
                if point.lon_deg < crossing {
                    inside = !inside;
                }
            }
        }
        previous = Some(*here);
    }
    inside
}

fn on_edge(point: Position, a: Position, b: Position) -> bool {
    let (ax, ay) = (b.lon_deg - a.lon_deg, b.lat_deg - a.lat_deg);
    let (px, py) = (point.lon_deg - a.lon_deg, point.lat_deg - a.lat_deg);
    let length = ax.hypot(ay);
    if length <= EDGE_DEG {
        return px.hypot(py) <= EDGE_DEG;
    }
    let across = (ax * py - ay * px).abs() / length;
    let along = (ax * px + ay * py) / length;
    across <= EDGE_DEG && along >= -EDGE_DEG && along <= length + EDGE_DEG
}

/// South-west and north-east corners of the finite points; `None` when there is none.
pub(super) fn bounds(points: &[Position]) -> Option<(Position, Position)> {
    let mut corners: Option<(Position, Position)> = None;
    for point in points.iter().copied().filter(|point| is_finite(*point)) {
        let (low, high) = corners.get_or_insert((point, point));
        low.lat_deg = low.lat_deg.min(point.lat_deg);
        low.lon_deg = low.lon_deg.min(point.lon_deg);
        high.lat_deg = high.lat_deg.max(point.lat_deg);
        high.lon_deg = high.lon_deg.max(point.lon_deg);
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat_deg: f64, lon_deg: f64) -> Position {
        Position { lat_deg, lon_deg }
    }

    #[test]
    fn rings_hold_their_edge_and_survive_nonsense() {
        let square = [at(0.0, 0.0), at(0.0, 2.0), at(2.0, 2.0), at(2.0, 0.0), at(0.0, 0.0)];
        let open = &square[..4];
        for (point, want) in [
            (at(1.0, 1.0), true),
            (at(0.0, 1.0), true),
            (at(2.0, 2.0), true),
            (at(3.0, 1.0), false),
            (at(1.0, -0.1), false),
            (at(f64::NAN, 1.0), false),
        ] {
            assert_eq!(in_ring(point, &square), want, "{point:?}");
            assert_eq!(in_ring(point, open), want, "open ring, {point:?}");
        }
        let bow_tie = [at(0.0, 0.0), at(2.0, 2.0), at(0.0, 2.0), at(2.0, 0.0), at(0.0, 0.0)];
        assert!(in_ring(at(1.0, 0.2), &bow_tie));
        assert!(!in_ring(at(1.9, 1.0), &bow_tie));
        assert!(!in_ring(at(1.0, 1.0), &[at(0.0, 0.0), at(2.0, 2.0)]));
        let broken = [at(f64::NAN, 0.0), at(f64::INFINITY, 2.0), at(2.0, f64::NAN)];
        assert!(!in_ring(at(1.0, 1.0), &broken));
    }

    #[test]
    fn distances() {
        let one_degree = distance_km(at(29.0, 113.0), at(30.0, 113.0));
        assert!((one_degree - KM_PER_DEGREE).abs() < 0.01, "{one_degree}");
        assert!(distance_km(at(0.0, 179.9), at(0.0, -179.9)) < 30.0);
        assert!(distance_km(at(f64::NAN, 0.0), at(0.0, 0.0)).is_infinite());
    }
}
