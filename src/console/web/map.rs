//! The map: the county's outline and a mark per place, drawn here as SVG, so that it needs no internet
//! and no script. Marks differ in shape as well as in colour.

use super::tiles::Tiles;
use super::words::Tongue;
use crate::model::{Network, Position, Terminal};
use anyhow::{Context, ensure};
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Points of all outlines together at the most.
const POINTS_MAX: usize = 50_000;
/// Longest file, bytes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Width of the picture in its own units.
const WIDTH: f64 = 1000.0;
/// Empty room around what is drawn.
const MARGIN: f64 = 25.0;
/// Highest and widest shape of the picture, height by width and width by height.
const TALL_MAX: f64 = 1.2;
/// See `TALL_MAX`.
const WIDE_MAX: f64 = 3.0;

/// Outlines of areas.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outline {
    rings: Vec<Vec<Position>>,
    /// What must be told of their origin.
    credit: String,
    /// Pictures behind them.
    pub(super) tiles: Option<Tiles>,
}

impl Outline {
    /// Reads a GeoJSON file of polygons and lines (RFC 7946, WGS-84 or CGCS2000). Its member `credit` is
    /// shown on the map.
    ///
    /// # Errors
    /// When the file can't be read, is too large, or holds no outline.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::metadata(path).with_context(|| path.display().to_string())?.len();
        ensure!(bytes <= FILE_BYTES_MAX, "expected at most {FILE_BYTES_MAX} bytes, got {bytes}");
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        let whole: Value = serde_json::from_slice(&text).context("it is no GeoJSON")?;
        let mut rings = Vec::new();
        collect(&whole, &mut rings, 0);
        ensure!(
            !rings.is_empty(),
            "expected outlines (Polygon, MultiPolygon, LineString), got none"
        );
        let n_points: usize = rings.iter().map(Vec::len).sum();
        ensure!(n_points <= POINTS_MAX, "expected at most {POINTS_MAX} points, got {n_points}");
        let credit = whole.get("credit").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { rings, credit, tiles: None })
    }

    /// The same with pictures behind.
    #[must_use]
    pub fn with_tiles(self, tiles: Option<Tiles>) -> Self {
        Self { tiles, ..self }
    }
}

/// Gathers every list of positions below `value`.
fn collect(value: &Value, rings: &mut Vec<Vec<Position>>, depth: u8) {
    if depth > 8 {
        return;
    }
    match value {
        Value::Object(members) => {
            for name in ["features", "geometry", "geometries", "coordinates"] {
                if let Some(inner) = members.get(name) {
                    collect(inner, rings, depth + 1);
                }
            }
        }
        Value::Array(items) => {
            let points: Option<Vec<Position>> = items.iter().map(position).collect();
            match points {
                Some(points) if points.len() >= 2 => rings.push(points),
                _ => items.iter().for_each(|item| collect(item, rings, depth + 1)),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn position(value: &Value) -> Option<Position> {
    let lon_deg = value.get(0)?.as_f64()?;
    let lat_deg = value.get(1)?.as_f64()?;
    let on_earth = lon_deg.abs() <= 180.0 && lat_deg.abs() <= 90.0;
    on_earth.then_some(Position { lat_deg, lon_deg })
}

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// All is well: a full circle.
    Good,
    /// Under way: a ring.
    Trying,
    /// Not well: a cross.
    Bad,
}

/// One place of the map.
#[derive(Debug, Clone)]
pub(super) struct Dot {
    at: Position,
    mark: Mark,
    title: String,
}

/// The map with a mark for each place in which a terminal stands: `mark` of every terminal, the worst
/// counts for its place.
pub(super) fn picture<'a>(
    tongue: Tongue,
    network: &'a Network,
    outline: &Outline,
    marks: impl Iterator<Item = (&'a Terminal, Mark)>,
) -> Markup {
    draw(tongue, outline, &dots(network, marks))
}

/// The places of it, to be drawn later: gathering them is quick, drawing is not.
pub(super) fn dots<'a>(
    network: &'a Network,
    marks: impl Iterator<Item = (&'a Terminal, Mark)>,
) -> Vec<Dot> {
    let mut places: BTreeMap<_, (Position, Mark, usize, usize)> = BTreeMap::new();
    for (terminal, mark) in marks {
        let Some(at) = terminal.position else { continue };
        let place = places.entry(terminal.area).or_insert((at, mark, 0, 0));
        place.1 = place.1.max(mark);
        place.2 += 1;
        place.3 += usize::from(mark == Mark::Good);
    }
    let name =
        |code| network.areas.get(&code).map_or_else(|| format!("{code}"), |area| area.name.clone());
    places
        .into_iter()
        .map(|(code, (at, mark, n, good))| Dot {
            at,
            mark,
            title: format!("{} {good}/{n}", name(code)),
        })
        .collect()
}

/// The map with these places.
pub(super) fn draw(tongue: Tongue, outline: &Outline, dots: &[Dot]) -> Markup {
    let all = outline.rings.iter().flatten().copied().chain(dots.iter().map(|dot| dot.at));
    let Some(frame) = Frame::around(all) else { return html! {} };
    let paths: Vec<String> = outline.rings.iter().map(|ring| frame.path(ring)).collect();
    let height = frame.height;
    html! {
        figure.map-box {
            svg.map viewBox={ "0 0 " (WIDTH) " " (format!("{height:.0}")) } role="img"
                data-west=(frame.west) data-north=(frame.north) data-scale-x=(frame.scale_x) data-scale-y=(frame.scale_y)
                data-margin=(MARGIN) aria-label=(tongue.say("地图", "Map")) {
                @if let Some(tiles) = &outline.tiles { (tiles.behind(&frame)) }
                @for path in &paths { path.outline.over[outline.tiles.is_some()] d=(path) {} }
                @for dot in dots { (mark(&frame, dot)) }
            }
            figcaption.hint {
                (legend(tongue))
                @if !outline.credit.is_empty() { " · " (outline.credit) }
                @if let Some(tiles) = &outline.tiles { " · " (tongue.say("底图 ", "tiles ")) (tiles.origin()) }
            }
        }
    }
}

fn mark(frame: &Frame, dot: &Dot) -> Markup {
    let (x, y) = frame.point(dot.at);
    let (at_x, at_y) = (format!("{x:.1}"), format!("{y:.1}"));
    html! {
        @match dot.mark {
            Mark::Good => circle.good cx=(at_x) cy=(at_y) r="6" { title { (dot.title) } },
            Mark::Trying => circle.trying cx=(at_x) cy=(at_y) r="6" { title { (dot.title) } },
            Mark::Bad => path.bad d={ "M" (format!("{:.1} {:.1}", x - 6.0, y - 6.0)) "l12 12m0-12l-12 12" } {
                title { (dot.title) }
            },
        }
    }
}

fn legend(tongue: Tongue) -> &'static str {
    tongue.say(
        "● 正常　○ 进行中　✕ 异常；鼠标停留显示地名",
        "● fine  ○ under way  ✕ not well; hover for names",
    )
}

/// From degrees to the picture: equirectangular, true to scale at the middle.
pub(super) struct Frame {
    west: f64,
    north: f64,
    scale_x: f64,
    scale_y: f64,
    height: f64,
}

impl Frame {
    fn around(points: impl Iterator<Item = Position>) -> Option<Self> {
        let (mut west, mut east) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut south, mut north) = (f64::INFINITY, f64::NEG_INFINITY);
        for at in points {
            west = west.min(at.lon_deg);
            east = east.max(at.lon_deg);
            south = south.min(at.lat_deg);
            north = north.max(at.lat_deg);
        }
        let is_map = west.is_finite() && (east > west || north > south);
        if !is_map {
            return None;
        }
        let narrow = f64::midpoint(south, north).to_radians().cos().max(0.05);
        // Villages along one road would make a picture of several screens.
        let (wide, high) = ((east - west) * narrow, north - south);
        let more_wide = (high / TALL_MAX - wide).max(0.0) / narrow / 2.0;
        let more_high = (wide / WIDE_MAX - high).max(0.0) / 2.0;
        let (west, east) = (west - more_wide, east + more_wide);
        let (south, north) = (south - more_high, north + more_high);
        let scale_x = (WIDTH - 2.0 * MARGIN) / (east - west);
        let scale_y = scale_x / narrow;
        let height = (north - south) * scale_y + 2.0 * MARGIN;
        Some(Self { west, north, scale_x, scale_y, height })
    }

    /// The south-west and the north-east corner of the whole picture.
    pub(super) fn corners(&self) -> (Position, Position) {
        let at = |x: f64, y: f64| Position {
            lat_deg: self.north - (y - MARGIN) / self.scale_y,
            lon_deg: self.west + (x - MARGIN) / self.scale_x,
        };
        (at(0.0, self.height), at(WIDTH, 0.0))
    }

    /// Where a place lies in the picture.
    pub(super) fn point(&self, at: Position) -> (f64, f64) {
        let x = (at.lon_deg - self.west) * self.scale_x + MARGIN;
        (x, (self.north - at.lat_deg) * self.scale_y + MARGIN)
    }

    fn path(&self, ring: &[Position]) -> String {
        let mut path = String::new();
        for (n, at) in ring.iter().enumerate() {
            let (x, y) = self.point(*at);
            path.push_str(if n == 0 { "M" } else { "L" });
            path.push_str(&format!("{x:.1} {y:.1}"));
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<usize, &str>) {
        let file = std::env::temp_dir().join(format!("mingluo-map-{}.geojson", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let got = Outline::read(&file);
        match expect {
            Ok(rings) => assert_eq!(got.unwrap().rings.len(), rings, "{text}"),
            Err(why) => assert!(format!("{:#}", got.unwrap_err()).contains(why), "{text}"),
        }
    }

    #[test]
    fn outlines_of_every_kind_are_read_and_garbage_is_refused() {
        check(r#"{"type":"LineString","coordinates":[[113.0,29.0],[113.5,29.4]]}"#, Ok(1));
        let two = r#"{"features":[{"geometry":{"type":"MultiPolygon","coordinates":
            [[[[1,2],[3,4],[5,6],[1,2]]],[[[1,2],[3,4],[5,6],[1,2]]]]}}]}"#;
        check(two, Ok(2));
        check(r#"{"type":"Point","coordinates":[113.0,29.0]}"#, Err("expected outlines"));
        check(r#"{"coordinates":[[500,2],[3,4]]}"#, Err("expected outlines"));
        check("no json", Err("no GeoJSON"));
        check(&"[".repeat(100), Err("no GeoJSON"));
    }

    #[test]
    fn no_picture_is_much_taller_or_wider_than_a_screen() {
        let at = |(lat_deg, lon_deg)| Position { lat_deg, lon_deg };
        let check = |corners: [(f64, f64); 2], expect: Option<f64>| {
            let frame = Frame::around(corners.into_iter().map(at));
            let shape = frame.map(|frame| (frame.height - 2.0 * MARGIN) / (WIDTH - 2.0 * MARGIN));
            let near = shape.zip(expect).map(|(shape, expect)| (shape - expect).abs() < 1e-6);
            assert!(near.unwrap_or(shape == expect), "{corners:?}: {shape:?}");
        };
        check([(0.0, 113.0), (0.5, 113.5)], Some(1.0 / 0.25_f64.to_radians().cos()));
        // One above the other, one beside the other, all at one place.
        check([(29.0, 113.0), (29.5, 113.001)], Some(TALL_MAX));
        check([(29.0, 113.0), (29.5, 113.0)], Some(TALL_MAX));
        check([(29.0, 113.0), (29.001, 114.0)], Some(1.0 / WIDE_MAX));
        check([(29.0, 113.0), (29.0, 113.0)], None);
    }

    #[test]
    fn north_is_up_and_names_are_escaped() {
        let at = |lat_deg, lon_deg| Position { lat_deg, lon_deg };
        let outline = Outline {
            rings: vec![vec![at(29.0, 113.0), at(29.5, 113.6)]],
            credit: "天地图".into(),
            tiles: None,
        };
        let dot = Dot { at: at(29.5, 113.0), mark: Mark::Bad, title: "<script>".into() };
        let svg = draw(Tongue::Zh, &outline, &[dot]).into_string();
        assert!(svg.contains("M19.0 19.0l12 12"), "north-west is at the top left: {svg}");
        assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script>"), "{svg}");
        assert!(svg.contains("天地图"));
    }
}
