//! `mingluo record export`: JSON lines of every row, or CSV of one kind for the auditor's table.

use super::{ladders, time};
use crate::model::UtcMs;
use crate::record::{ReadOnly, Row};
use crate::report::{parse_time, safe};
use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Rows read at a time.
const READ_ROWS: usize = 1_000;
/// Columns of one CSV table; a kind with more is exported as JSON.
const COLUMNS_MAX: usize = 256;
/// Kind that CSV shows unless another is asked for: who was warned, and when.
const LEDGER_KIND: &str = "acknowledged";

/// Form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One table of one kind, a column for every key of its bodies
    Csv,
    /// One JSON object a line, body included
    Json,
    /// Workbook of the audit 回执审计: counts by township, one line for each terminal and broadcast
    Xlsx,
    /// Report of the audit to be signed 审计报告
    Pdf,
}

/// Arguments of `mingluo record export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Form
    #[arg(long, value_enum, default_value = "json")]
    pub format: Format,
    /// Only this kind of row; CSV shows `acknowledged` unless told
    #[arg(long)]
    pub kind: Option<String>,
    /// First row
    #[arg(long, value_name = "SEQ", default_value_t = 1)]
    pub from: u64,
    /// Only rows from this time on; without an offset China Standard Time. In the audit: broadcasts
    /// that began from this time on
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub since: Option<UtcMs>,
    /// Only rows before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<UtcMs>,
    /// Write to this new file instead of the terminal
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The audit.
    #[command(flatten)]
    pub ladders: ladders::LadderArgs,
}

/// Which rows are exported.
struct Choice<'a> {
    kind: Option<&'a str>,
    from: u64,
    /// The last row when the export began: a gateway may go on writing meanwhile.
    to: u64,
    since: Option<UtcMs>,
    until: Option<UtcMs>,
}

pub(super) fn run(
    url: &str,
    record: &ReadOnly,
    args: &ExportArgs,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    if ladders::is_meant(args) {
        return ladders::run(url, args, out);
    }
    let kind = match args.format {
        Format::Csv => Some(args.kind.as_deref().unwrap_or(LEDGER_KIND)),
        Format::Json | Format::Xlsx | Format::Pdf => args.kind.as_deref(),
    };
    let (since, until) = (args.since, args.until);
    let choice = Choice { kind, from: args.from, to: record.head()?.0, since, until };
    let Some(path) = &args.output else {
        write(record, args.format, &choice, out)?;
        return Ok(0);
    };
    let n_rows = into_file(path, |file| write(record, args.format, &choice, file))?;
    writeln!(out, "导出 exported: {n_rows} 行 rows → {}", path.display())?;
    Ok(0)
}

/// Writes a new file and sees it onto the disk.
pub(super) fn into_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<u64>,
) -> anyhow::Result<u64> {
    // Only a new file: a slip of the hand must not overwrite the record itself.
    let file = File::create_new(path).with_context(|| {
        format!("writing {}; give a file that is not there yet", path.display())
    })?;
    let mut file = BufWriter::new(file);
    let n_rows = write(&mut file)?;
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all().with_context(|| format!("writing {}", path.display()))?;
    Ok(n_rows)
}

fn write(
    record: &ReadOnly,
    format: Format,
    choice: &Choice<'_>,
    out: &mut dyn Write,
) -> anyhow::Result<u64> {
    match format {
        Format::Csv => write_csv(record, choice, out),
        Format::Json | Format::Xlsx | Format::Pdf => {
            for_each(record, choice, |row| Ok(writeln!(out, "{}", row_json(row))?))
        }
    }
}

/// Walks the chosen rows page by page. Gives their count.
fn for_each(
    record: &ReadOnly,
    choice: &Choice<'_>,
    mut visit: impl FnMut(&Row) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let (mut next, mut n_rows) = (choice.from, 0);
    loop {
        let page = record.read(next, READ_ROWS)?;
        let Some(last) = page.last() else { return Ok(n_rows) };
        next = last.seq.saturating_add(1);
        for row in &page {
            if row.seq > choice.to {
                return Ok(n_rows);
            }
            if choice.kind.is_none_or(|kind| kind == row.kind)
                && choice.since.is_none_or(|since| row.at >= since)
                && choice.until.is_none_or(|until| row.at < until)
            {
                visit(row)?;
                n_rows += 1;
            }
        }
    }
}

/// A row as JSON.
pub(super) fn row_json(row: &Row) -> Value {
    json!({
        "seq": row.seq,
        "at": time::local(row.at),
        "at_ms": row.at.0,
        "kind": row.kind,
        "hash": row.hash,
        "body": body_json(&row.body),
    })
}

/// A body as JSON; what is no JSON as text, so that nothing is left out.
pub(super) fn body_json(body: &[u8]) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

/// The keys of a body; what is no object becomes one cell.
fn fields(body: &[u8]) -> Map<String, Value> {
    match body_json(body) {
        Value::Object(fields) => fields,
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)) => Map::from_iter([("body".to_owned(), other)]),
    }
}

fn write_csv(record: &ReadOnly, choice: &Choice<'_>, out: &mut dyn Write) -> anyhow::Result<u64> {
    // Two walks: the heading must name every key before the first line is written.
    let mut columns = BTreeSet::new();
    for_each(record, choice, |row| {
        columns.extend(fields(&row.body).into_iter().map(|(key, _)| key));
        let n_columns = columns.len();
        ensure!(
            n_columns <= COLUMNS_MAX,
            "more than {COLUMNS_MAX} columns up to row {}; use `--format json`",
            row.seq
        );
        Ok(())
    })?;
    let mut table = csv::Writer::from_writer(out);
    let fixed = ["seq", "at", "at_ms", "hash"].map(str::to_owned);
    // A key of the body that is named like one of the row's own columns keeps both apart.
    let named = columns.iter().map(|key| match fixed.contains(key) {
        true => format!("body.{key}"),
        false => safe(key),
    });
    table.write_record(fixed.iter().cloned().chain(named))?;
    let n_rows = for_each(record, choice, |row| {
        let fields = fields(&row.body);
        let own =
            [row.seq.to_string(), time::local(row.at), row.at.0.to_string(), row.hash.to_string()];
        let cells = columns.iter().map(|key| fields.get(key).map(cell).unwrap_or_default());
        Ok(table.write_record(own.into_iter().chain(cells))?)
    })?;
    table.flush()?;
    Ok(n_rows)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => safe(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            safe(&value.to_string())
        }
    }
}
