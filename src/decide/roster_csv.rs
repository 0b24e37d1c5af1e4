//! A duty roster as a spreadsheet saves it: one row a shift, every fault at once, nothing taken when
//! there is one. UTF-8 with or without mark, or GB18030 from a Chinese spreadsheet program.

use super::roster::shift_faults;
use crate::model::{AreaCode, Network, Post, Shift, ShiftId, UtcMs};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Rows of one import.
pub const ROSTER_ROWS_MAX: usize = 10_000;
/// Faults told at once; one more says that there are others.
const FAULTS_MAX: usize = 500;
/// Columns with their names, the Chinese one first.
const COLUMNS: [[&str; 2]; 6] = [
    ["岗位", "post"],
    ["姓名", "person"],
    ["电话", "telephone"],
    ["区域", "area"],
    ["开始", "from"],
    ["结束", "until"],
];

/// One thing wrong with a roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFault {
    /// Line of the file, from 1.
    pub line: u32,
    /// What is wrong, expected and got, in Chinese.
    pub what: String,
}

/// Reads a roster; times in it are local, `offset_minutes` from UTC.
///
/// # Errors
/// Every fault, in order of lines.
pub fn read_roster(
    bytes: &[u8],
    network: &Network,
    offset_minutes: i16,
) -> Result<Vec<Shift>, Vec<RowFault>> {
    let mut faults = Vec::new();
    let Some(text) = decode(bytes) else {
        let what = "文件既不是 UTF-8 也不是 GB18030，请另存为 CSV".to_owned();
        return Err(vec![RowFault { line: 1, what }]);
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut rows = reader.records();
    let columns = match rows.next() {
        Some(Ok(head)) => columns(&head),
        Some(Err(_)) | None => Err("文件是空的".to_owned()),
    };
    let columns = columns.map_err(|what| vec![RowFault { line: 1, what }])?;
    let mut shifts: Vec<Shift> = Vec::new();
    let mut first: BTreeMap<(AreaCode, Post, String, UtcMs), u32> = BTreeMap::new();
    for row in rows {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                faults
                    .push(RowFault { line: narrow(line), what: format!("无法读取：{error}") });
                continue;
            }
        };
        let line = narrow(row.position().map_or(1, csv::Position::line));
        if row.iter().all(str::is_empty) {
            continue;
        }
        if shifts.len() >= ROSTER_ROWS_MAX || faults.len() >= FAULTS_MAX {
            let what =
                format!("后面的行未检查：一次最多 {ROSTER_ROWS_MAX} 行、{FAULTS_MAX} 个错误");
            faults.push(RowFault { line, what });
            break;
        }
        let cell =
            |at: usize| columns.get(at).and_then(|column| row.get(*column)).unwrap_or_default();
        match shift(cell, network, offset_minutes) {
            Err(found) => faults.extend(found.into_iter().map(|what| RowFault { line, what })),
            Ok(shift) => {
                let key = (shift.area, shift.post, shift.person.clone(), shift.from);
                if let Some(earlier) = first.get(&key) {
                    faults.push(RowFault { line, what: format!("与第 {earlier} 行重复") });
                }
                first.entry(key).or_insert(line);
                shifts.push(shift);
            }
        }
    }
    if faults.is_empty() && shifts.is_empty() {
        faults.push(RowFault { line: 1, what: "没有任何班次".to_owned() });
    }
    if faults.is_empty() { Ok(shifts) } else { Err(faults) }
}

fn narrow(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = core::str::from_utf8(bytes) {
        return Some(Cow::Borrowed(text));
    }
    let (text, _, damaged) = encoding_rs::GB18030.decode(bytes);
    (!damaged).then_some(text)
}

/// Position of each of [`COLUMNS`].
fn columns(head: &csv::StringRecord) -> Result<Vec<usize>, String> {
    let place = |names: &[&str; 2]| {
        head.iter().position(|cell| names.iter().any(|name| cell.eq_ignore_ascii_case(name)))
    };
    let missing: Vec<&str> = COLUMNS
        .iter()
        .filter(|names| place(names).is_none())
        .filter_map(|names| names.first().copied())
        .collect();
    if missing.is_empty() {
        Ok(COLUMNS.iter().filter_map(place).collect())
    } else {
        Err(format!("缺少列：{}；首行应为 岗位,姓名,电话,区域,开始,结束", missing.join("、")))
    }
}

fn shift<'a>(
    cell: impl Fn(usize) -> &'a str,
    network: &Network,
    offset_minutes: i16,
) -> Result<Shift, Vec<String>> {
    let mut faults = Vec::new();
    let post = Post::NAMES
        .iter()
        .find(|(_, names)| names.iter().any(|name| cell(0).eq_ignore_ascii_case(name)))
        .map(|(post, _)| *post);
    if post.is_none() {
        let got = cell(0);
        faults.push(format!("岗位应为 带班领导、副班、值班员 或 备勤，收到“{got}”"));
    }
    let area = AreaCode::parse(cell(3)).or_else(|| named(network, cell(3)));
    if area.is_none() {
        let got = cell(3);
        faults.push(format!("区域应为 12 位区划代码或唯一的区域名称，收到“{got}”"));
    }
    let mut time = |at: usize, name: &str| {
        let time = local_time(cell(at), offset_minutes);
        if time.is_none() {
            faults.push(format!("{name}应如 2026-06-01 08:00，收到“{}”", cell(at)));
        }
        time
    };
    let (from, until) = (time(4, "开始"), time(5, "结束"));
    // What can't be read is told above; what can be read is checked all the same.
    let candidate = Shift {
        id: ShiftId(0),
        post: post.unwrap_or(Post::Officer),
        person: cell(1).to_owned(),
        telephone: cell(2).to_owned(),
        area: area.or_else(|| network.served.first().copied()).ok_or_else(|| faults.clone())?,
        from: from.unwrap_or_default(),
        until: until.unwrap_or_else(|| from.unwrap_or_default().plus_s(1)),
    };
    let known = from.is_some() == until.is_some();
    let found = shift_faults(network, &candidate).into_iter();
    faults.extend(found.filter(|_| known).map(|fault| fault.text));
    if faults.is_empty() { Ok(candidate) } else { Err(faults) }
}

/// The only area of that name.
fn named(network: &Network, name: &str) -> Option<AreaCode> {
    let mut of_name = network.areas.values().filter(|area| area.name == name);
    let found = of_name.next()?.code;
    of_name.next().is_none().then_some(found)
}

/// `2026-06-01 08:00`, `2026/6/1 8:00` or with a `T`; 24:00 ends the day.
fn local_time(text: &str, offset_minutes: i16) -> Option<UtcMs> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let mut parts = date.split(['-', '/']);
    let year: i16 = parts.next()?.parse().ok()?;
    let month: i8 = parts.next()?.parse().ok()?;
    let day: i8 = parts.next()?.parse().ok()?;
    let mut clock = time.trim().split(':');
    let hour: i64 = clock.next()?.parse().ok()?;
    let minute: i64 = clock.next()?.parse().ok()?;
    let second = clock.next().map_or(Some(0), |second| second.parse::<i64>().ok())?;
    let whole = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    let end_of_day = hour == 24 && minute == 0 && second == 0;
    if parts.next().is_some() || clock.next().is_some() || !(whole || end_of_day) {
        return None;
    }
    if !(2_000..=2_200).contains(&year) {
        return None;
    }
    let date = jiff::civil::Date::new(year, month, day).ok()?;
    let midnight = jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_second();
    let second = midnight + hour * 3_600 + minute * 60 + second - i64::from(offset_minutes) * 60;
    Some(UtcMs(second.saturating_mul(1000)))
}
