//! From the areas of an alert to the terminals that must hear it.
//!
//! CAP 1.2 §3.2.4: within one `area` all geocodes, polygons and circles are united, and so are
//! several areas. What nobody here knows is never "everywhere": it is listed as unknown and a
//! person decides.

use super::geometry::{self, KM_PER_DEGREE, distance_km};
use super::reason;
use crate::model::{
    AlertArea, AreaCode, AreaLevel, Circle, Geocode, Network, Position, Reason, TerminalId, UtcMs,
};
use rstar::primitives::GeomWithData;
use rstar::{AABB, RTree};
use std::collections::{BTreeMap, BTreeSet};

/// How far from a terminal a point still means that terminal's village, kilometres. Villages of a
/// hill county lie 2 to 4 km apart.
pub const POINT_REACH_KM: f64 = 3.0;
/// Farther than this from every terminal, a point is elsewhere, kilometres.
const ELSEWHERE_KM: f64 = 50.0;
/// Names of `geocode` schemes of other countries: their digits mean nothing here.
const FOREIGN_SCHEMES: [&str; 12] = [
    "ugc",
    "same",
    "fips",
    "emma",
    "nuts",
    "warncell",
    "cap-cp",
    "taiwan",
    "exclude_polygon",
    "zip",
    "iso3166",
    "jma",
];
/// Parts of names that say "administrative division of China".
const HOME_SCHEMES: [&str; 7] =
    ["cpeas", "area_code", "areacode", "gb/t 2260", "gb2260", "adcode", "行政区划"];
/// First two digits of GB/T 2260 codes.
const PROVINCES: [u64; 34] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52,
    53, 54, 61, 62, 63, 64, 65, 71, 81, 82,
];

type Placed = GeomWithData<[f64; 2], TerminalId>;

/// What makes finding terminals fast: an R-tree of positions, terminals by area, aliases.
#[derive(Debug, Clone)]
pub struct TargetIndex {
    tree: RTree<Placed>,
    by_area: BTreeMap<AreaCode, Vec<TerminalId>>,
    /// Areas that name the key as one of their other codes.
    named_by: BTreeMap<AreaCode, Vec<AreaCode>>,
    /// Every way to write an area's name with some of its upper areas before it.
    by_name: BTreeMap<String, BTreeSet<AreaCode>>,
    n_unplaced: usize,
}

/// Who must hear an alert, and what could not be understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// The terminals.
    pub terminals: BTreeSet<TerminalId>,
    /// Smallest cover of `terminals` in area codes; empty when no cover is exact.
    pub areas: Vec<AreaCode>,
    /// Geocodes and areas that nobody here knows.
    pub unknown: Vec<String>,
    /// Areas known to be elsewhere.
    pub outside: Vec<String>,
    /// What people should know about the above.
    pub notes: Vec<Reason>,
}

impl TargetIndex {
    /// Indexes a network.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        let mut placed = Vec::new();
        let mut by_area: BTreeMap<AreaCode, Vec<TerminalId>> = BTreeMap::new();
        let mut n_unplaced = 0;
        for terminal in network.terminals.values() {
            if !network.served.iter().any(|served| served.contains(terminal.area)) {
                continue;
            }
            by_area.entry(terminal.area).or_default().push(terminal.id);
            match terminal.position.filter(|position| geometry::is_finite(*position)) {
                Some(at) => placed.push(GeomWithData::new([at.lon_deg, at.lat_deg], terminal.id)),
                None => n_unplaced += 1,
            }
        }
        let mut named_by: BTreeMap<AreaCode, Vec<AreaCode>> = BTreeMap::new();
        let mut by_name: BTreeMap<String, BTreeSet<AreaCode>> = BTreeMap::new();
        for area in network.areas.values() {
            for alias in &area.aliases {
                named_by.entry(*alias).or_default().push(area.code);
            }
            let mut written = String::new();
            let mut upper = Some(area.code);
            while let Some(code) = upper {
                if let Some(known) = network.areas.get(&code) {
                    written.insert_str(0, &known.name);
                    by_name.entry(written.clone()).or_default().insert(area.code);
                }
                upper = code.parent();
            }
        }
        Self { tree: RTree::bulk_load(placed), by_area, named_by, by_name, n_unplaced }
    }

    /// Terminals in `area` by the prefix of their area code.
    pub(super) fn terminals_in(&self, area: AreaCode) -> impl Iterator<Item = TerminalId> + '_ {
        self.by_area
            .range(area..)
            .take_while(move |(code, _)| area.contains(**code))
            .flat_map(|(_, terminals)| terminals.iter().copied())
    }

    /// Every code under which the terminals of `code` may be registered: itself, the older or newer
    /// codes it names, and areas that name it. The two directions are not chained, or one half of a
    /// split township would pull in the other.
    fn codes_of(&self, network: &Network, code: AreaCode) -> BTreeSet<AreaCode> {
        let mut codes = BTreeSet::from([code]);
        let mut open = vec![code];
        while let Some(next) = open.pop() {
            let aliases = network.areas.get(&next).map(|area| area.aliases.as_slice());
            open.extend(aliases.unwrap_or_default().iter().filter(|alias| codes.insert(**alias)));
        }
        codes.extend(self.named_by.get(&code).into_iter().flatten());
        codes
    }

    /// Terminals of `area` under any of its codes.
    pub(super) fn members(&self, network: &Network, area: AreaCode) -> BTreeSet<TerminalId> {
        let codes = self.codes_of(network, area);
        codes.into_iter().flat_map(|code| self.terminals_in(code)).collect()
    }

    fn within(
        &self,
        low: Position,
        high: Position,
    ) -> impl Iterator<Item = (Position, TerminalId)> {
        let envelope = AABB::from_corners([low.lon_deg, low.lat_deg], [high.lon_deg, high.lat_deg]);
        self.tree.locate_in_envelope_intersecting(envelope).map(|placed| {
            let [lon_deg, lat_deg] = *placed.geom();
            (Position { lat_deg, lon_deg }, placed.data)
        })
    }

    /// The terminal nearest to `point` within `reach_km`, with its distance.
    fn nearest(&self, point: Position, reach_km: f64) -> Option<(f64, TerminalId)> {
        self.around(point, reach_km).min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
    }

    /// Terminals within `reach_km` of `point`, with their distances in kilometres.
    fn around(&self, point: Position, reach_km: f64) -> impl Iterator<Item = (f64, TerminalId)> {
        let usable = geometry::is_finite(point) && reach_km.is_finite();
        let lat_reach = (reach_km / KM_PER_DEGREE).clamp(0.0, 180.0);
        let widest = (point.lat_deg.abs() + lat_reach).min(89.0);
        let lon_reach = (lat_reach / widest.to_radians().cos()).clamp(0.0, 360.0);
        let low =
            Position { lat_deg: point.lat_deg - lat_reach, lon_deg: point.lon_deg - lon_reach };
        let high =
            Position { lat_deg: point.lat_deg + lat_reach, lon_deg: point.lon_deg + lon_reach };
        usable
            .then(|| self.within(low, high))
            .into_iter()
            .flatten()
            .map(move |(at, terminal)| (distance_km(point, at), terminal))
            .filter(move |(km, _)| *km <= reach_km)
    }
}

/// Finds the terminals that `areas` mean at `now`.
#[must_use]
pub fn resolve(network: &Network, index: &TargetIndex, now: UtcMs, areas: &[AlertArea]) -> Targets {
    let mut finder = Finder { network, index, now, found: Targets::default() };
    if areas.is_empty() {
        finder.found.unknown.push("预警没有写明区域".to_owned());
    }
    for area in areas {
        finder.area(area);
    }
    let mut found = finder.found;
    found.areas = cover(index, network, &found.terminals);
    for list in [&mut found.unknown, &mut found.outside] {
        let mut seen = BTreeSet::new();
        list.retain(|item| seen.insert(item.clone()));
    }
    let mut seen = BTreeSet::new();
    found.notes.retain(|note| seen.insert((note.code.clone(), note.text.clone())));
    found
}

struct Finder<'a> {
    network: &'a Network,
    index: &'a TargetIndex,
    now: UtcMs,
    found: Targets,
}

impl Finder<'_> {
    fn area(&mut self, area: &AlertArea) {
        let geocodes: Vec<&Geocode> =
            area.geocodes.iter().filter(|geocode| !geocode.value.trim().is_empty()).collect();
        for geocode in &geocodes {
            self.geocode(geocode);
        }
        for ring in &area.polygons {
            self.polygon(ring, &area.desc);
        }
        for circle in &area.circles {
            self.circle(*circle, &area.desc);
        }
        let drawn = !area.polygons.is_empty() || !area.circles.is_empty();
        if drawn && self.index.n_unplaced > 0 {
            self.note(
                "terminals_without_position",
                format!("{} 个终端未测坐标，按图形范围选不到，请核对", self.index.n_unplaced),
            );
        }
        if geocodes.is_empty() && !drawn {
            self.named(&area.desc);
        }
    }

    fn geocode(&mut self, geocode: &Geocode) {
        let separators = [',', '，', ';', '；', '、', ' ', '\t', '\n', '\r'];
        for value in geocode.value.split(separators).filter(|value| !value.is_empty()) {
            match read_code(&geocode.name, value) {
                Some(code) => self.code(code),
                None => self.found.unknown.push(format!("{} {value}", geocode.name)),
            }
        }
    }

    /// One area code: an upper area that holds ours is all of ours; ours by registry or alias; of
    /// another county is outside; inside our prefix but in no registry is unknown.
    fn code(&mut self, code: AreaCode) {
        let network = self.network;
        let whole: Vec<AreaCode> =
            network.served.iter().copied().filter(|served| code.contains(*served)).collect();
        if !whole.is_empty() {
            for served in whole {
                self.found.terminals.extend(self.index.terminals_in(served));
            }
            return;
        }
        let inside = network.served.iter().any(|served| served.contains(code));
        let codes = self.index.codes_of(network, code);
        let known = network.areas.get(&code);
        if known.is_none() && codes.len() == 1 {
            let list = if inside { &mut self.found.unknown } else { &mut self.found.outside };
            list.push(code.to_string());
            return;
        }
        let before = self.found.terminals.len();
        let mut any = false;
        for code in &codes {
            for terminal in self.index.terminals_in(*code) {
                any = true;
                self.found.terminals.insert(terminal);
            }
        }
        let name = known.map_or_else(|| code.to_string(), |area| area.name.clone());
        if !any {
            if inside {
                self.note("area_without_terminals", format!("{name} 没有登记终端"));
            } else {
                self.found.outside.push(code.to_string());
            }
            return;
        }
        let by_own_code = self.index.terminals_in(code).next().is_some();
        if !by_own_code && self.found.terminals.len() > before {
            self.note("area_by_alias", format!("{name}（{code}）按新旧代码对照选取终端"));
        }
        let early = known.and_then(|area| area.valid_from).is_some_and(|from| self.now < from);
        let late = known.and_then(|area| area.valid_until).is_some_and(|until| self.now >= until);
        if early || late {
            self.note("area_code_not_in_force", format!("{name}（{code}）代码目前不在有效期内"));
        }
    }

    fn polygon(&mut self, ring: &[Position], desc: &str) {
        let Some((low, high)) = geometry::bounds(ring) else {
            self.found.unknown.push(format!("{desc} 多边形无法识别"));
            return;
        };
        let inside: Vec<TerminalId> = self
            .index
            .within(low, high)
            .filter(|(at, _)| geometry::in_ring(*at, ring))
            .map(|(_, terminal)| terminal)
            .collect();
        if inside.is_empty() {
            // A small shape between two villages is ours although it holds no terminal.
            let middle = Position {
                lat_deg: f64::midpoint(low.lat_deg, high.lat_deg),
                lon_deg: f64::midpoint(low.lon_deg, high.lon_deg),
            };
            let near = ring
                .iter()
                .chain([&middle])
                .any(|point| self.index.nearest(*point, POINT_REACH_KM).is_some());
            let list = if near { &mut self.found.unknown } else { &mut self.found.outside };
            list.push(format!("{desc} 多边形内没有终端"));
        }
        self.found.terminals.extend(inside);
    }

    fn circle(&mut self, circle: Circle, desc: &str) {
        if circle.radius_km > 0.0 {
            let inside: Vec<TerminalId> =
                self.index.around(circle.centre, circle.radius_km).map(|(_, id)| id).collect();
            if inside.is_empty() {
                let reach_km = circle.radius_km + POINT_REACH_KM;
                let near = self.index.nearest(circle.centre, reach_km).is_some();
                let list = if near { &mut self.found.unknown } else { &mut self.found.outside };
                list.push(format!("{desc} 圆形范围内没有终端"));
            }
            self.found.terminals.extend(inside);
            return;
        }
        match self.index.nearest(circle.centre, ELSEWHERE_KM) {
            Some((km, terminal)) if km <= POINT_REACH_KM => {
                let area = self.network.terminals.get(&terminal).map(|terminal| terminal.area);
                if let Some(area) = area {
                    self.found.terminals.extend(self.index.terminals_in(area));
                    let name = place_name(self.network, area);
                    self.note("point_means_village", format!("坐标点取最近的 {name}"));
                }
            }
            Some((km, _)) => {
                self.found.unknown.push(format!("{desc} 坐标点距最近终端 {km:.1} 公里"));
            }
            None => self.found.outside.push(format!("{desc} 坐标点不在本地")),
        }
    }

    /// An area given by its name only.
    fn named(&mut self, desc: &str) {
        let written: String = desc.chars().filter(|c| !c.is_whitespace()).collect();
        let candidates = self.index.by_name.get(&written);
        let mut ours = candidates.into_iter().flatten().copied();
        match (ours.next(), ours.next()) {
            (Some(code), None) => {
                self.note("area_by_name", format!("预警只写了地名 {written}，按 {code} 处理"));
                self.code(code);
            }
            (Some(_), Some(_)) => self.found.unknown.push(format!("{written}（有重名）")),
            (None, _) if written.is_empty() => {
                self.found.unknown.push("区域没有内容".to_owned());
            }
            (None, _) => self.found.unknown.push(written),
        }
    }

    fn note(&mut self, code: &str, text: String) {
        self.found.notes.push(reason(code, text));
    }
}

/// Reads a geocode as an area code of China; `None` when its scheme or form is another.
fn read_code(scheme: &str, value: &str) -> Option<AreaCode> {
    let scheme = scheme.to_lowercase();
    let home = HOME_SCHEMES.iter().any(|part| scheme.contains(part));
    if !home && FOREIGN_SCHEMES.iter().any(|part| scheme.contains(part)) {
        return None;
    }
    if !home && value.len() < 6 {
        return None;
    }
    let code = AreaCode::parse(value)?;
    PROVINCES.contains(&(code.number() / 10_000_000_000)).then_some(code)
}

/// Name of an area with its township before it: village names repeat within a county.
pub(super) fn place_name(network: &Network, area: AreaCode) -> String {
    let name = |code: AreaCode| network.areas.get(&code).map(|area| area.name.as_str());
    let own = name(area).map_or_else(|| area.to_string(), str::to_owned);
    match area.level() {
        AreaLevel::Village => {
            let township = area.parent().and_then(name).unwrap_or_default();
            format!("{township}{own}")
        }
        AreaLevel::Province | AreaLevel::City | AreaLevel::County | AreaLevel::Township => own,
    }
}

/// The smallest list of area codes that holds exactly `terminals`; empty when there is none.
pub(super) fn cover(
    index: &TargetIndex,
    network: &Network,
    terminals: &BTreeSet<TerminalId>,
) -> Vec<AreaCode> {
    let mut areas = Vec::new();
    let mut covered = BTreeSet::new();
    for terminal in terminals {
        if covered.contains(terminal) {
            continue;
        }
        let Some(area) = network.terminals.get(terminal).map(|terminal| terminal.area) else {
            return Vec::new();
        };
        // From the served area down: the first level at which everybody is meant.
        let full = [AreaLevel::County, AreaLevel::Township, AreaLevel::Village]
            .into_iter()
            .filter_map(|level| area.at(level))
            .filter(|upper| network.served.iter().any(|served| served.contains(*upper)))
            .find(|upper| index.terminals_in(*upper).all(|member| terminals.contains(&member)));
        let Some(full) = full else { return Vec::new() };
        covered.extend(index.terminals_in(full));
        areas.push(full);
    }
    areas
}
