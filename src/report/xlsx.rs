//! The workbook (ECMA-376): counts on the first sheet, the table on the next ones, every row going
//! out as it is read.

use super::csv_form::each;
use super::local::serial_day;
use super::table::{COLUMNS, Cell};
use super::zip::Zip;
use super::{Directory, Heading, ReportFault, local_time, missed, proof_line};
use crate::record::audit::{Audit, OutcomeKind};
use std::io::Write;

/// Rows of one sheet below its heading: half of what Excel takes, so that no file in the archive
/// comes near 4 GB.
const SHEET_ROWS_MAX: u32 = 500_000;
/// Characters of one cell, by Excel's limit.
const CELL_CHARS_MAX: usize = 32_767;
/// Begins every part.
const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
/// Namespace of workbooks.
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
/// Namespace of relations in documents.
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
/// Looks of cells, numbers of `cellXfs` in [`STYLES`].
const PLAIN: u8 = 0;
const HEAD: u8 = 1;
const TITLE: u8 = 2;
const TIME: u8 = 3;

/// The looks: plain, heading, title, time.
const STYLES: &str = "<numFmts count=\"1\"><numFmt numFmtId=\"164\" \
    formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss.000\"/></numFmts>\
    <fonts count=\"3\"><font><sz val=\"11\"/><name val=\"等线\"/></font>\
    <font><b/><sz val=\"11\"/><name val=\"等线\"/></font>\
    <font><b/><sz val=\"14\"/><name val=\"等线\"/></font></fonts>\
    <fills count=\"3\"><fill><patternFill patternType=\"none\"/></fill>\
    <fill><patternFill patternType=\"gray125\"/></fill><fill><patternFill patternType=\"solid\">\
    <fgColor rgb=\"FFDDE6F0\"/></patternFill></fill></fills>\
    <borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
    <cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
    <cellXfs count=\"4\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>\
    <xf numFmtId=\"0\" fontId=\"1\" fillId=\"2\" borderId=\"0\" xfId=\"0\" applyFont=\"1\" applyFill=\"1\"/>\
    <xf numFmtId=\"0\" fontId=\"2\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\"/>\
    <xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>\
    </cellXfs><cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/>\
    </cellStyles>";

pub(super) fn write(
    audit: &Audit,
    heading: &Heading,
    directory: &Directory,
    out: &mut dyn Write,
) -> Result<u64, ReportFault> {
    let mut book = Book { zip: Zip::new(out), names: Vec::new(), row: 0 };
    counts(&mut book, audit, heading, directory)?;
    book.begin_table()?;
    let n_rows = each(audit, heading, directory, |line| {
        if book.row > SHEET_ROWS_MAX {
            book.end_table()?;
            book.begin_table()?;
        }
        book.line(COLUMNS.iter().map(|(_, _, cell)| cell(line)), PLAIN)
    })?;
    book.end_table()?;
    book.parts()?;
    book.zip.finish()?;
    Ok(n_rows)
}

/// A workbook on its way out.
struct Book<'a> {
    zip: Zip<'a>,
    /// Names of the sheets so far.
    names: Vec<String>,
    /// Rows of the open sheet.
    row: u32,
}

impl Book<'_> {
    fn begin(&mut self, name: String, widths: &[u8], freeze: bool) -> Result<(), ReportFault> {
        self.names.push(name);
        self.row = 0;
        self.zip.begin(&format!("xl/worksheets/sheet{}.xml", self.names.len()))?;
        let mut text = format!("{XML}<worksheet xmlns=\"{MAIN}\">");
        if freeze {
            text += "<sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" \
                     topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView>\
                     </sheetViews>";
        }
        text += "<cols>";
        for (number, width) in (1..).zip(widths) {
            text += &format!(
                "<col min=\"{number}\" max=\"{number}\" width=\"{width}\" customWidth=\"1\"/>"
            );
        }
        text += "</cols><sheetData>";
        Ok(self.zip.write_all(text.as_bytes())?)
    }

    fn begin_table(&mut self) -> Result<(), ReportFault> {
        let name = match self.names.len() {
            1 => "回执".to_owned(),
            number => format!("回执{number}"),
        };
        self.begin(name, &COLUMNS.map(|(_, width, _)| width), true)?;
        self.line(COLUMNS.iter().map(|(name, _, _)| Cell::Text((*name).to_owned())), HEAD)
    }

    fn end_table(&mut self) -> Result<(), ReportFault> {
        let last = format!("{}{}", column(COLUMNS.len() - 1), self.row);
        let text = format!("</sheetData><autoFilter ref=\"A1:{last}\"/></worksheet>");
        self.zip.write_all(text.as_bytes())?;
        Ok(self.zip.end()?)
    }

    fn line(&mut self, cells: impl Iterator<Item = Cell>, look: u8) -> Result<(), ReportFault> {
        self.row += 1;
        let row = self.row;
        let mut text = format!("<row r=\"{row}\">");
        for (at, cell) in cells.enumerate() {
            let place = format!("{}{row}", column(at));
            text += &match cell {
                Cell::Empty => continue,
                Cell::Text(words) => format!(
                    "<c r=\"{place}\" s=\"{look}\" t=\"inlineStr\"><is><t \
                     xml:space=\"preserve\">{}</t></is></c>",
                    escaped(&words)
                ),
                Cell::Number(number) => {
                    format!("<c r=\"{place}\" s=\"{look}\"><v>{number}</v></c>")
                }
                Cell::Time(at) => {
                    format!("<c r=\"{place}\" s=\"{TIME}\"><v>{}</v></c>", serial_day(at))
                }
            };
        }
        text += "</row>";
        Ok(self.zip.write_all(text.as_bytes())?)
    }

    /// What binds the sheets together; known when all of them are written.
    fn parts(&mut self) -> Result<(), ReportFault> {
        let package = "http://schemas.openxmlformats.org/package/2006";
        let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml";
        let (mut types, mut sheets, mut bonds) = (String::new(), String::new(), String::new());
        for (number, name) in (1..).zip(&self.names) {
            types += &format!(
                "<Override PartName=\"/xl/worksheets/sheet{number}.xml\" \
                 ContentType=\"{kind}.worksheet+xml\"/>"
            );
            sheets += &format!("<sheet name=\"{name}\" sheetId=\"{number}\" r:id=\"r{number}\"/>");
            bonds += &format!(
                "<Relationship Id=\"r{number}\" Type=\"{RELATIONS}/worksheet\" \
                 Target=\"worksheets/sheet{number}.xml\"/>"
            );
        }
        let relations = |bonds: &str| {
            format!("{XML}<Relationships xmlns=\"{package}/relationships\">{bonds}</Relationships>")
        };
        let book = format!(
            "<Relationship Id=\"r1\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/>"
        );
        bonds += &format!(
            "<Relationship Id=\"styles\" Type=\"{RELATIONS}/styles\" Target=\"styles.xml\"/>"
        );
        let workbook = format!(
            "{XML}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets>{sheets}</sheets>\
             </workbook>"
        );
        let types = format!(
            "{XML}<Types xmlns=\"{package}/content-types\"><Default Extension=\"rels\" \
             ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Override PartName=\"/xl/workbook.xml\" ContentType=\"{kind}.sheet.main+xml\"/>\
             <Override PartName=\"/xl/styles.xml\" ContentType=\"{kind}.styles+xml\"/>{types}</Types>"
        );
        let styles = format!("{XML}<styleSheet xmlns=\"{MAIN}\">{STYLES}</styleSheet>");
        self.zip.whole("xl/styles.xml", &styles)?;
        self.zip.whole("xl/workbook.xml", &workbook)?;
        self.zip.whole("xl/_rels/workbook.xml.rels", &relations(&bonds))?;
        self.zip.whole("_rels/.rels", &relations(&book))?;
        Ok(self.zip.whole("[Content_Types].xml", &types)?)
    }
}

/// Letters of a column: A, B, … Z, AA, …
fn column(at: usize) -> String {
    let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap_or(0));
    if at < 26 { letter(at).to_string() } else { format!("{}{}", letter(at / 26 - 1), letter(at)) }
}

/// Text for XML: what it does not allow becomes a blank, and no cell is longer than Excel takes.
fn escaped(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for letter in words.chars().take(CELL_CHARS_MAX / 2) {
        match letter {
            '&' => text += "&amp;",
            '<' => text += "&lt;",
            '>' => text += "&gt;",
            '\n' | '\t' => text.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                text.push(' ');
            }
            letter => text.push(letter),
        }
    }
    text
}

/// The first sheet.
fn counts(
    book: &mut Book<'_>,
    audit: &Audit,
    heading: &Heading,
    directory: &Directory,
) -> Result<(), ReportFault> {
    let summary = audit.summary(&heading.filter)?;
    let (seq, hash, n_unread) = proof_line(audit)?;
    book.begin("汇总".to_owned(), &[24, 12, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10], false)?;
    let text = |words: &str| Cell::Text(words.to_owned());
    let title = format!("{}应急广播回执审计", heading.county);
    book.line([Cell::Text(title)].into_iter(), TITLE)?;
    for (name, fact) in [
        ("范围", missed::scope(&heading.filter, directory)),
        ("导出时间", local_time(heading.made_at)),
        ("导出人", heading.asked_by.clone()),
        ("账本末行", seq.to_string()),
        ("末行链值", hash.to_string()),
        ("无法读取的行", n_unread.to_string()),
        ("播发次数", summary.n_broadcasts.to_string()),
    ] {
        book.line([text(name), text(&fact)].into_iter(), PLAIN)?;
    }
    book.line(std::iter::empty(), PLAIN)?;
    let kinds = OutcomeKind::ALL;
    let names = ["乡镇", "合计"].into_iter().chain(kinds.map(OutcomeKind::chinese));
    book.line(names.map(text), HEAD)?;
    let townships = summary.townships.iter();
    let townships = townships.map(|line| (directory.area(line.area), &line.totals));
    for (name, totals) in townships.chain([("全部".to_owned(), &summary.totals)]) {
        let count = |n: u64| Cell::Number(u32::try_from(n).unwrap_or(u32::MAX));
        let each = kinds.map(|kind| count(totals.of(kind)));
        book.line([Cell::Text(name), count(totals.all())].into_iter().chain(each), PLAIN)?;
    }
    book.zip.write_all(b"</sheetData></worksheet>")?;
    Ok(book.zip.end()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_words_are_those_of_the_format() {
        let check = |at, expect: &str| assert_eq!(column(at), expect);
        check(0, "A");
        check(25, "Z");
        check(26, "AA");
        check(27, "AB");
        assert_eq!(escaped("a<b>&\u{1}\n村"), "a&lt;b&gt;& \n村".replace("& ", "&amp; "));
        assert!(escaped(&"&".repeat(90_000)).len() < 90_000);
    }
}
