//! The registry of terminals as a spreadsheet saves it: one row a terminal, every fault at once.
//! UTF-8 with or without mark, or GB18030 from a Chinese spreadsheet program.

use super::registry::TerminalFault;
use crate::model::{AreaCode, Codec, LinkKind, NationalCode, Position, Terminal, TerminalId};
use csv::StringRecord;
use std::collections::BTreeMap;

/// The column of resource codes; written only where a terminal has one.
const NATIONAL: &str = "national";
/// Columns with their names, the one we write first.
const COLUMNS: [[&str; 2]; 9] = [
    ["id", "编号"],
    ["name", "名称"],
    ["area", "区域"],
    ["lat_deg", "纬度"],
    ["lon_deg", "经度"],
    ["codecs", "编码"],
    ["links", "链路"],
    ["volume_percent", "音量"],
    [NATIONAL, "资源编码"],
];
/// Volume of a terminal whose row gives none, percent.
const VOLUME_PERCENT: u8 = 80;
/// Codecs by name.
const CODECS: [(&str, Codec); 6] = [
    ("opus", Codec::Opus),
    ("mp3", Codec::Mp3),
    ("adpcm", Codec::Adpcm),
    ("wav", Codec::Wav),
    ("text", Codec::Text),
    ("phrases", Codec::Phrases),
];
/// Codecs of a terminal whose row names none: text needs a speech chip, phrases a memory, which are said.
const SOUNDS: usize = 4;
const LINKS: [(&str, LinkKind); 3] =
    [("mqtt", LinkKind::Mqtt), ("serial", LinkKind::Serial), (NATIONAL, LinkKind::National)];
/// Links of a terminal whose row names none: a national one needs its resource code.
const USUAL_LINKS: usize = 2;

/// A registry as it was read: what is good of it, and every fault.
#[derive(Debug, Default)]
pub struct ReadRegistry {
    /// Terminals with their lines, in order of lines.
    pub rows: Vec<(u32, Terminal)>,
    /// All faults, in order of lines.
    pub faults: Vec<TerminalFault>,
    /// Whether the file could not be read at all: then there is one fault.
    pub unreadable: bool,
}

/// Reads a registry. Whether its areas exist is told by [`super::terminal_faults`].
#[must_use]
pub fn read_registry(bytes: &[u8]) -> ReadRegistry {
    let mut read = ReadRegistry::default();
    let text = match sheet_text(bytes) {
        Ok(text) => text,
        Err(fault) => {
            let unreadable = true;
            return ReadRegistry { faults: vec![fault], unreadable, ..read };
        }
    };
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let Some(columns) = columns(&mut reader, &mut read.faults) else { return read };
    let mut first: BTreeMap<TerminalId, u32> = BTreeMap::new();
    for row in reader.records() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                let line = error.position().map(|at| line_of(&text, at));
                let what = format!("cannot be read: {error}");
                let zh = format!("这一行无法读取：{error}");
                let fault = TerminalFault::new(what, "correct the row", zh);
                read.faults.push(TerminalFault { line, ..fault });
                continue;
            }
        };
        let line = row.position().map(|at| line_of(&text, at));
        let mut row = Row { row: &row, columns: &columns, line, faults: &mut read.faults };
        let Some(terminal) = row.read() else { continue };
        let id = terminal.id;
        if let Some(first) = first.get(&id) {
            let what = format!("{id} stands twice, first in line {first}");
            let zh = format!("{id} 重复，第 {first} 行已有");
            let fault = TerminalFault::new(what, "give every terminal its own id", zh);
            read.faults.push(TerminalFault { line, ..fault });
            continue;
        }
        first.insert(id, line.unwrap_or_default());
        read.rows.push((line.unwrap_or_default(), terminal));
    }
    read
}

/// The same registry as text: what [`read_registry`] reads back.
///
/// # Errors
/// When the text can't be made, which no terminal of the registry causes.
pub fn write_registry<'a>(
    terminals: impl Iterator<Item = &'a Terminal>,
) -> Result<String, csv::Error> {
    let terminals: Vec<&Terminal> = terminals.collect();
    let coded = terminals.iter().any(|terminal| terminal.national.is_some());
    let n_columns = COLUMNS.len() - usize::from(!coded);
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(COLUMNS.map(|[name, _]| name).iter().take(n_columns))?;
    for terminal in terminals {
        let degrees = |value: Option<f64>| value.map(|degrees| degrees.to_string());
        let at = terminal.position;
        let codecs = names(&CODECS, &terminal.codecs);
        let links = names(&LINKS, &terminal.links);
        let row = [
            terminal.id.to_string(),
            terminal.name.clone(),
            terminal.area.to_string(),
            degrees(at.map(|at| at.lat_deg)).unwrap_or_default(),
            degrees(at.map(|at| at.lon_deg)).unwrap_or_default(),
            codecs,
            links,
            terminal.volume_percent.to_string(),
            terminal.national.map(|code| code.to_string()).unwrap_or_default(),
        ];
        rows.write_record(row.iter().take(n_columns))?;
    }
    let bytes = rows.into_inner().map_err(|fault| fault.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn names<T: PartialEq>(options: &[(&str, T)], values: &[T]) -> String {
    let name = |value| options.iter().find(|(_, known)| known == value).map(|(name, _)| *name);
    values.iter().filter_map(name).collect::<Vec<_>>().join(" ")
}

/// The line on which a row stands: behind the empty ones and the notes that were skipped before it.
fn line_of(text: &str, at: &csv::Position) -> u32 {
    let start = usize::try_from(at.byte()).unwrap_or(usize::MAX);
    let rest = text.get(start..).unwrap_or_default().lines();
    let skipped = rest.take_while(|line| line.is_empty() || line.starts_with('#')).count();
    u32::try_from(at.line()).unwrap_or(u32::MAX).saturating_add(u32::try_from(skipped).unwrap_or(0))
}

/// A spreadsheet as text.
///
/// # Errors
/// When it is in another encoding, or its columns are not separated by commas.
pub fn sheet_text(bytes: &[u8]) -> Result<String, TerminalFault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match core::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let (text, _, damaged) = encoding_rs::GB18030.decode(bytes);
            if damaged {
                return Err(TerminalFault::new(
                    "is neither UTF-8 nor GB18030",
                    "save it as CSV UTF-8, not as a workbook",
                    "文件既不是 UTF-8 也不是 GB18030，请另存为 CSV",
                ));
            }
            text.into_owned()
        }
    };
    let head = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    let wrong = [(';', "semicolons", "分号"), ('\t', "tabs", "制表符")];
    let wrong = wrong.iter().find(|(mark, ..)| head.contains(*mark) && !head.contains(','));
    match wrong {
        None => Ok(text),
        Some((_, name, zh)) => Err(TerminalFault::new(
            format!("its columns are separated by {name}"),
            "save it as CSV with commas",
            format!("各列以{zh}分隔，请另存为以逗号分隔的 CSV"),
        )),
    }
}

/// Position of each column that is there.
type Columns = BTreeMap<&'static str, usize>;

fn columns(reader: &mut csv::Reader<&[u8]>, faults: &mut Vec<TerminalFault>) -> Option<Columns> {
    let mut fault = |what: String, remedy: String, zh: String| {
        faults.push(TerminalFault { line: Some(1), what, remedy, zh });
    };
    let head = match reader.headers() {
        Ok(head) => head.clone(),
        Err(error) => {
            let zh = format!("首行无法读取：{error}");
            fault(format!("cannot be read: {error}"), "correct the head row".to_owned(), zh);
            return None;
        }
    };
    let known = COLUMNS.map(|[name, _]| name);
    let mut found = Columns::new();
    for (at, name) in head.iter().enumerate() {
        match COLUMNS.iter().find(|names| names.contains(&name)) {
            Some([column, _]) => {
                found.insert(*column, at);
            }
            None => {
                let zh = format!("没有“{name}”这一列，请删去；可用的列：{}", known.join(","));
                let remedy = format!("remove it; known here: {}", known.join(", "));
                fault(format!("unknown column `{name}`"), remedy, zh);
            }
        }
    }
    let missing: Vec<&str> =
        ["id", "name", "area"].into_iter().filter(|name| !found.contains_key(name)).collect();
    if !missing.is_empty() {
        let names = missing.join(", ");
        let zh = format!("缺少列：{names}；首行应为 {}", known.join(","));
        let remedy = format!("the head row is {}", known.join(","));
        fault(format!("missing columns: {names}"), remedy, zh);
        return None;
    }
    Some(found)
}

struct Row<'a> {
    row: &'a StringRecord,
    columns: &'a Columns,
    line: Option<u32>,
    faults: &'a mut Vec<TerminalFault>,
}

impl<'a> Row<'a> {
    fn cell(&self, column: &str) -> &'a str {
        self.columns.get(column).and_then(|at| self.row.get(*at)).unwrap_or_default()
    }

    /// A cell that is not what it should be.
    fn fault(&mut self, column: &str, expected: &str, remedy: &str, zh: &str) {
        let got = self.cell(column);
        let what = format!("{column}: expected {expected}, got `{got}`");
        let zh = format!("{column} 应为{zh}，收到“{got}”");
        let fault = TerminalFault::new(what, remedy, zh);
        self.faults.push(TerminalFault { line: self.line, ..fault });
    }

    fn read(&mut self) -> Option<Terminal> {
        let id = TerminalId::parse(self.cell("id"));
        if id.is_none() {
            let expected = "an id such as 430621100001-001";
            let zh = "编号，如 430621100001-001";
            self.fault("id", expected, "twelve digits of the area, a dash, 001 to 999", zh);
        }
        let area = AreaCode::parse(self.cell("area")).filter(|_| self.cell("area").len() == 12);
        if area.is_none() {
            let zh = "12 位区划代码（表格中请设为文本格式）";
            self.fault("area", "a 12-digit area code", "format the column as text, not number", zh);
        }
        if self.cell("name").is_empty() {
            self.fault("name", "a name", "say where it stands", "名称，写明安装位置");
        }
        if self.cell("name").starts_with(['=', '+', '-', '@']) {
            // A spreadsheet would take it for a formula.
            self.fault("name", "a name", "begin it with a letter", "以文字开头的名称");
        }
        let position = self.position();
        let codecs = self.list("codecs", &CODECS, SOUNDS);
        if codecs.contains(&Codec::Phrases)
            && (!codecs.contains(&Codec::Adpcm) || codecs.first() == Some(&Codec::Phrases))
        {
            let zh = "phrases 之前写 adpcm";
            self.fault(
                "codecs",
                "adpcm before phrases",
                "phrases are kept as adpcm; write both",
                zh,
            );
        }
        let links = self.list("links", &LINKS, USUAL_LINKS);
        let volume_percent = self.volume();
        let name = self.cell("name").to_owned();
        let (national, id, area) = (self.national(), id?, area?);
        Some(Terminal { id, name, area, position, codecs, links, volume_percent, national })
    }

    fn national(&mut self) -> Option<NationalCode> {
        let code = NationalCode::parse(self.cell(NATIONAL));
        if code.is_none() && !self.cell(NATIONAL).is_empty() {
            let expected = "a resource code of 23 digits that begins with 1 to 6";
            let zh = " 23 位资源编码，首位为级别 1 至 6（表格中请设为文本格式）";
            self.fault(NATIONAL, expected, "format the column as text, not number", zh);
        }
        code
    }

    fn position(&mut self) -> Option<Position> {
        if self.cell("lat_deg").is_empty() && self.cell("lon_deg").is_empty() {
            return None;
        }
        let lat_deg = self.degrees("lat_deg", 90.0);
        let lon_deg = self.degrees("lon_deg", 180.0);
        Some(Position { lat_deg: lat_deg?, lon_deg: lon_deg? })
    }

    fn degrees(&mut self, column: &str, limit: f64) -> Option<f64> {
        let number = self.cell(column).parse::<f64>().ok().filter(|n| n.abs() <= limit);
        if number.is_none() {
            let expected = format!("degrees from -{limit} to {limit}");
            let zh = format!(" -{limit} 至 {limit} 的度数，或与另一列同时留空");
            self.fault(column, &expected, "decimal degrees, or leave both columns empty", &zh);
        }
        number
    }

    /// Names separated by blanks, best first; an empty cell takes the first `usual`.
    fn list<T: Copy + PartialEq>(
        &mut self,
        column: &str,
        options: &[(&str, T)],
        usual: usize,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for name in self.cell(column).split([' ', ';', '|', '+', '/']).filter(|n| !n.is_empty()) {
            match options.iter().find(|(option, _)| *option == name) {
                Some((_, value)) if !values.contains(value) => values.push(*value),
                Some(_) => {}
                None => {
                    let names: Vec<&str> = options.iter().map(|(option, _)| *option).collect();
                    let names = names.join(" ");
                    let expected = format!("some of {names}, best first");
                    let zh = format!("以空格分隔的 {names}（最好的在前）");
                    self.fault(column, &expected, "separate them by blanks", &zh);
                }
            }
        }
        if values.is_empty() {
            values.extend(options.iter().take(usual).map(|(_, value)| *value));
        }
        values
    }

    fn volume(&mut self) -> u8 {
        match self.cell("volume_percent") {
            "" => VOLUME_PERCENT,
            cell => {
                cell.parse().ok().filter(|volume| (1..=100).contains(volume)).unwrap_or_else(|| {
                    let zh = " 1 至 100 的音量";
                    self.fault("volume_percent", "1 to 100", "correct the volume", zh);
                    VOLUME_PERCENT
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, rows: usize, faults: &[(u32, &str)]) {
        let read = read_registry(text.as_bytes());
        assert_eq!(read.rows.len(), rows, "{text}: {:?}", read.faults);
        assert_eq!(read.faults.len(), faults.len(), "{text}: {:?}", read.faults);
        for ((line, expect), fault) in faults.iter().zip(&read.faults) {
            assert_eq!(fault.line, Some(*line), "{fault:?}");
            assert!(fault.zh.contains(expect), "{fault:?} lacks `{expect}`");
        }
    }

    #[test]
    fn every_fault_with_its_line() {
        let head = "编号,名称,区域,音量\n";
        check(&format!("{head}430621100001-001,村口,430621100001,60\n"), 1, &[]);
        check(&format!("{head}430621100001-001,村口,430621100001,\n"), 1, &[]);
        let two = "4306-1,,12,101\n# 注释\n430621100001-002,=1+1,430621100001,60\n";
        let all = [(2, "编号"), (2, "12 位"), (2, "名称"), (2, "100"), (4, "以文字开头")];
        check(&format!("{head}{two}"), 1, &all);
        let twice = "430621100001-001,甲,430621100001,\n430621100001-001,乙,430621100001,\n";
        check(&format!("{head}{twice}"), 1, &[(3, "第 2 行已有")]);
        check("编号,名称\n", 0, &[(1, "缺少列")]);
        check("编号,名称,区域,高度\n", 0, &[(1, "高度")]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = "id,name,area,lat_deg,lon_deg,codecs,links,volume_percent\n\
                    430621100001-001,\"村口, 东\",430621100001,29.1234567,113.5,adpcm text,mqtt,35\n\
                    430621100001-002,乙,430621100001,,,opus mp3 adpcm wav,mqtt serial,80\n";
        let read = read_registry(text.as_bytes());
        assert!(read.faults.is_empty(), "{:?}", read.faults);
        let written = write_registry(read.rows.iter().map(|(_, terminal)| terminal)).unwrap();
        assert_eq!(written, text);
        let coded = text.replace("volume_percent\n", "volume_percent,national\n");
        let coded = coded.replace("mqtt,35\n", "mqtt national,35,63415231002000314010401\n");
        let coded = coded.replace("serial,80\n", "serial,80,\n");
        let again = read_registry(coded.as_bytes());
        assert!(again.faults.is_empty(), "{:?}", again.faults);
        let written = write_registry(again.rows.iter().map(|(_, terminal)| terminal)).unwrap();
        assert_eq!(written, coded);
        let gb = encoding_rs::GB18030.encode(text).0.into_owned();
        assert_eq!(read_registry(&gb).rows, read.rows);
    }
}
