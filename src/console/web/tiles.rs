//! Pictures behind the outlines of the map, from a tile server that the county names (天地图). Off unless
//! it is named; a server that can't be reached leaves the map as it is without.

use super::map::Frame;
use crate::model::Position;
use anyhow::{Context, ensure};
use maud::{Markup, html};
use std::f64::consts::PI;

/// Pictures of one map at the most; the zoom is chosen by it.
const TILES_MAX: u32 = 24;
/// Closest zoom.
const ZOOM_MAX: u32 = 18;

/// How a tile server cuts the earth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grid {
    /// By degrees (天地图 `_c`): as our map is drawn.
    Degrees,
    /// Web Mercator (天地图 `_w` and most others): a tile of a county differs by less than a line.
    Mercator,
}

/// Zoom, first and last column, first and last row.
type Cut = (u32, (u32, u32), (u32, u32));

/// A tile server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiles {
    template: String,
    origin: String,
    grid: Grid,
}

impl Tiles {
    /// Reads `https://server/path?x={x}&y={y}&l={z}` and `degrees` or `mercator`.
    ///
    /// # Errors
    /// What was expected and what was got.
    pub fn parse(template: &str, grid: &str) -> anyhow::Result<Self> {
        let grid = match grid {
            "mercator" => Grid::Mercator,
            "degrees" => Grid::Degrees,
            other => anyhow::bail!("expected a grid of `mercator` or `degrees`, got `{other}`"),
        };
        let (scheme, rest) =
            template.split_once("://").context("expected https://…, got no scheme")?;
        ensure!(["https", "http"].contains(&scheme), "expected https or http, got `{scheme}`");
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // It goes into a header that keeps strangers out: nothing but a name and a port.
        let fine = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
        ensure!(!host.is_empty() && host.chars().all(fine), "expected a host, got `{host}`");
        for slot in ["{x}", "{y}", "{z}"] {
            ensure!(template.contains(slot), "expected {slot} in it, got `{template}`");
        }
        let printable = template.chars().all(|c| c.is_ascii_graphic());
        ensure!(printable, "expected printable ASCII, got other characters");
        let origin = format!("{scheme}://{host}");
        Ok(Self { template: template.to_owned(), origin, grid })
    }

    /// The only place beside us from which pages may load pictures.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The tiles behind a map.
    pub(super) fn behind(&self, frame: &Frame) -> Markup {
        let (low, high) = frame.corners();
        let Some((zoom, columns, rows)) = self.cut(low, high) else { return html! {} };
        html! {
            @for row in rows.0..=rows.1 {
                @for column in columns.0..=columns.1 {
                    @let (x, y) = frame.point(self.corner(zoom, column, row));
                    @let (right, bottom) = frame.point(self.corner(zoom, column + 1, row + 1));
                    image.tile href=(self.address(zoom, column, row)) preserveAspectRatio="none"
                        x=(format!("{x:.2}")) y=(format!("{y:.2}"))
                        width=(format!("{:.2}", right - x)) height=(format!("{:.2}", bottom - y)) {}
                }
            }
        }
    }

    fn address(&self, zoom: u32, column: u32, row: u32) -> String {
        let number = |text: String, slot: &str, n: u32| text.replace(slot, &n.to_string());
        let text = number(self.template.clone(), "{z}", zoom);
        number(number(text, "{x}", column), "{y}", row)
    }

    /// The closest zoom whose tiles between two corners are not too many, with columns and rows.
    fn cut(&self, low: Position, high: Position) -> Option<Cut> {
        (1..=ZOOM_MAX).rev().find_map(|zoom| {
            let (left, top) = self.place(zoom, Position { lat_deg: high.lat_deg, ..low })?;
            let (right, bottom) = self.place(zoom, Position { lat_deg: low.lat_deg, ..high })?;
            let n = (right.checked_sub(left)? + 1).checked_mul(bottom.checked_sub(top)? + 1)?;
            (n <= TILES_MAX).then_some((zoom, (left, right), (top, bottom)))
        })
    }

    /// Column and row of the tile in which a place lies.
    fn place(&self, zoom: u32, at: Position) -> Option<(u32, u32)> {
        let n = f64::from(1_u32.checked_shl(zoom)?);
        let column = (at.lon_deg + 180.0) / 360.0 * n;
        let row = match self.grid {
            Grid::Degrees => (90.0 - at.lat_deg) / 360.0 * n,
            Grid::Mercator => {
                let latitude = at.lat_deg.clamp(-85.0, 85.0).to_radians();
                (1.0 - latitude.tan().asinh() / PI) / 2.0 * n
            }
        };
        Some((whole(column, n)?, whole(row, n)?))
    }

    /// The north-west corner of a tile.
    fn corner(&self, zoom: u32, column: u32, row: u32) -> Position {
        let n = f64::from(1_u32.checked_shl(zoom).unwrap_or(1));
        let lon_deg = f64::from(column) / n * 360.0 - 180.0;
        let lat_deg = match self.grid {
            Grid::Degrees => 90.0 - f64::from(row) / n * 360.0,
            Grid::Mercator => (PI * (1.0 - 2.0 * f64::from(row) / n)).sinh().atan().to_degrees(),
        };
        Position { lat_deg, lon_deg }
    }
}

/// The whole part of a number between nothing and `n`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it lies between 0 and 2^18, which is checked"
)]
fn whole(value: f64, n: f64) -> Option<u32> {
    (value >= 0.0 && value < n).then_some(value as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "https://t0.tianditu.gov.cn/DataServer?T=vec_w&x={x}&y={y}&l={z}&tk=k";

    #[test]
    fn what_is_no_tile_server_is_refused() {
        let check = |template: &str, grid: &str, expect: &str| {
            let why = format!("{:#}", Tiles::parse(template, grid).unwrap_err());
            assert!(why.contains(expect), "{template}: {why}");
        };
        assert_eq!(Tiles::parse(GOOD, "mercator").unwrap().origin(), "https://t0.tianditu.gov.cn");
        check(GOOD, "square", "mercator");
        check("t0.tianditu.gov.cn/{x}{y}{z}", "degrees", "scheme");
        check("javascript://a/{x}{y}{z}", "degrees", "https");
        check("https://a;script-src *//{x}{y}{z}", "degrees", "host");
        check("https:///{x}{y}{z}", "degrees", "host");
        check("https://a/{x}{y}", "degrees", "{z}");
        check("https://a/{x}{y}{z}\u{a0}", "degrees", "ASCII");
    }

    /// Known tiles of 岳阳 (113.1, 29.1), worked out by hand from the formulas of both grids.
    #[test]
    fn a_place_lies_in_its_tile() {
        let at = Position { lat_deg: 29.1, lon_deg: 113.1 };
        for grid in ["mercator", "degrees"] {
            let tiles = Tiles::parse(GOOD, grid).unwrap();
            for zoom in 1..=ZOOM_MAX {
                let (column, row) = tiles.place(zoom, at).unwrap();
                let north_west = tiles.corner(zoom, column, row);
                let south_east = tiles.corner(zoom, column + 1, row + 1);
                assert!(north_west.lat_deg >= at.lat_deg && south_east.lat_deg < at.lat_deg);
                assert!(north_west.lon_deg <= at.lon_deg && south_east.lon_deg > at.lon_deg);
            }
            let high = Position { lat_deg: 29.5, lon_deg: 113.7 };
            let (zoom, columns, rows) = tiles.cut(at, high).unwrap();
            assert!(zoom >= 9 && columns.1 - columns.0 < 24 && rows.1 - rows.0 < 24);
        }
        let degrees = Tiles::parse(GOOD, "degrees").unwrap();
        assert_eq!(degrees.place(1, at).unwrap(), (1, 0));
        assert_eq!(degrees.place(10, at).unwrap(), (833, 173));
        assert_eq!(Tiles::parse(GOOD, "mercator").unwrap().place(10, at).unwrap(), (833, 425));
    }
}
