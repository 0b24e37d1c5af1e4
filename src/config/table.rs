//! A CSV file whose head row names all of its columns, in any order.

use super::reader::{Faults, read_file};
use super::terminals::decode;
use std::path::Path;

/// Its rows.
pub(super) struct Table {
    /// Where each of the known columns stands, in their order.
    pub(super) columns: Vec<usize>,
    /// Line, when it is known, and fields of each row that can be read.
    pub(super) rows: Vec<(Option<u32>, csv::StringRecord)>,
}

/// Reads `file`; `None` when it can't be read at all. Every fault is told.
pub(super) fn table(dir: &Path, file: &str, known: &[&str], faults: &Faults) -> Option<Table> {
    let bytes = read_file(dir, file, faults)?;
    let text = decode(file, &bytes, faults)?;
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let columns = columns(&mut reader, file, known, faults)?;
    let line_of = |at: &csv::Position| u32::try_from(at.line()).ok();
    let mut rows = Vec::new();
    for row in reader.records() {
        match row {
            Ok(row) => rows.push((row.position().and_then(line_of), row)),
            Err(error) => {
                let line = error.position().and_then(line_of);
                faults.push(file, line, format!("cannot be read: {error}"), "correct the row");
            }
        }
    }
    Some(Table { columns, rows })
}

fn columns(
    reader: &mut csv::Reader<&[u8]>,
    file: &str,
    known: &[&str],
    faults: &Faults,
) -> Option<Vec<usize>> {
    let head = match reader.headers() {
        Ok(head) => head.clone(),
        Err(error) => {
            faults.push(file, Some(1), format!("cannot be read: {error}"), "correct the head row");
            return None;
        }
    };
    for name in head.iter().filter(|name| !known.contains(name)) {
        let remedy = format!("remove it; known here: {}", known.join(", "));
        faults.push(file, Some(1), format!("unknown column `{name}`"), remedy);
    }
    let place = |name: &&str| head.iter().position(|column| column == *name);
    let missing: Vec<&str> = known.iter().copied().filter(|name| place(name).is_none()).collect();
    if missing.is_empty() {
        return Some(known.iter().filter_map(place).collect());
    }
    let what = format!("missing columns: {}", missing.join(", "));
    faults.push(file, Some(1), what, format!("the head row is {}", known.join(",")));
    None
}
