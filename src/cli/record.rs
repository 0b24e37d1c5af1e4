//! `mingluo record`: the auditor's command line. Works on a record in use and on a copy.

use crate::model::Sha256;
use crate::record::{self, ReadOnly, Row};
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::PathBuf;

/// Rows read at a time.
const READ_ROWS: usize = 10_000;

/// Arguments of `mingluo record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    #[command(subcommand)]
    what: What,
    /// The record, such as sqlite:configs/var/record.db; default: that of --config
    #[arg(long, value_name = "URL", global = true)]
    record: Option<String>,
    /// Configuration directory
    #[arg(
        long,
        value_name = "DIR",
        default_value = "configs",
        env = "MINGLUO_CONFIG",
        global = true
    )]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Find any changed, missing or reordered row 校验
    Verify {
        /// Public key that must have signed the checkpoints, 64 hexadecimal digits
        #[arg(long)]
        key: Option<String>,
        /// Head that must be there, as SEQ:HASH from an earlier verification
        #[arg(long)]
        head: Option<String>,
        /// Print JSON for machines
        #[arg(long)]
        json: bool,
    },
    /// Write rows as CSV or JSON lines 导出
    Export {
        /// Form
        #[arg(long, value_enum, default_value = "json")]
        format: Format,
        /// Only this kind, such as acknowledged
        #[arg(long)]
        kind: Option<String>,
        /// First row
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// File; default: standard output
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Show one row, or the last ones 查看
    Show {
        /// Its number; default: the last 20
        seq: Option<u64>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated, for spreadsheets
    Csv,
    /// One JSON object a line
    Json,
}

/// Runs the subcommand. Exit 1 = the record does not prove itself.
///
/// # Errors
/// When it can't be opened or written.
pub(crate) fn run(args: &RecordArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let url = match &args.record {
        Some(url) => url.clone(),
        None => match crate::config::Config::load(&args.config) {
            Ok(loaded) => loaded.config.record.url,
            Err(_) => bail!("name the record with --record, or a good configuration with --config"),
        },
    };
    let store = record::open_read_only(&url)?;
    match &args.what {
        What::Verify { key, head, json } => {
            verify(&store, key.as_deref(), head.as_deref(), *json, out)
        }
        What::Export { format, kind, from, output } => {
            match output {
                Some(file) => {
                    let file = std::fs::File::create(file)
                        .with_context(|| format!("writing {}", file.display()))?;
                    let mut file = std::io::BufWriter::new(file);
                    export(&store, *format, kind.as_deref(), *from, &mut file)?;
                    file.flush()?;
                }
                None => export(&store, *format, kind.as_deref(), *from, out)?,
            }
            Ok(0)
        }
        What::Show { seq } => {
            let rows = match seq {
                Some(seq) => store.read(*seq, 1)?,
                None => {
                    let last = store.verify(None, None)?.head_seq;
                    store.read(last.saturating_sub(19).max(1), 20)?
                }
            };
            for row in rows {
                writeln!(out, "{}", as_json(&row))?;
            }
            Ok(0)
        }
    }
}

fn verify(
    store: &ReadOnly,
    key: Option<&str>,
    head: Option<&str>,
    as_json: bool,
    out: &mut impl Write,
) -> anyhow::Result<u8> {
    let key = key
        .map(|key| {
            Sha256::parse(key).map(|key| key.0).context("--key: expected 64 hexadecimal digits")
        })
        .transpose()?;
    let head = head
        .map(|head| {
            let (seq, hash) = head.split_once(':').context("--head: expected SEQ:HASH")?;
            let hash = Sha256::parse(hash).context("--head: expected 64 hexadecimal digits")?;
            anyhow::Ok((seq.parse::<u64>()?, hash))
        })
        .transpose()?;
    let found = store.verify(key, head)?;
    if as_json {
        writeln!(out, "{}", serde_json::to_string(&found)?)?;
    } else if found.n_faults == 0 {
        writeln!(
            out,
            "记录完整 / the record proves itself: {} rows, {} raw messages, {} checkpoints\nhead {}:{}",
            found.n_rows, found.n_raws, found.n_checkpoints, found.head_seq, found.head_hash
        )?;
    } else {
        writeln!(out, "记录有 {} 处不符 / {} faults:", found.n_faults, found.n_faults)?;
        for fault in &found.faults {
            writeln!(out, "  row {}: {}", fault.seq, fault.what)?;
        }
    }
    Ok(u8::from(found.n_faults > 0))
}

fn as_json(row: &Row) -> Value {
    let body: Value = serde_json::from_slice(&row.body).unwrap_or(Value::Null);
    json!({ "seq": row.seq, "at_ms": row.at.0, "kind": row.kind, "body": body, "hash": row.hash })
}

fn export(
    store: &ReadOnly,
    format: Format,
    kind: Option<&str>,
    from: u64,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut next = from.max(1);
    let mut columns: Option<Vec<String>> = None;
    loop {
        let rows = store.read(next, READ_ROWS)?;
        let Some(last) = rows.last() else { return Ok(()) };
        next = last.seq + 1;
        for row in rows.iter().filter(|row| kind.is_none_or(|kind| kind == row.kind)) {
            match format {
                Format::Json => writeln!(out, "{}", as_json(row))?,
                Format::Csv => csv_row(row, &mut columns, out)?,
            }
        }
    }
}

/// One CSV row; the columns are those of the first row's body, so `--kind` gives a stable table.
fn csv_row(
    row: &Row,
    columns: &mut Option<Vec<String>>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let body: Map<String, Value> = serde_json::from_slice(&row.body).unwrap_or_default();
    let mut writer = csv::Writer::from_writer(&mut *out);
    let known = match columns {
        Some(known) => known,
        None => {
            let names: Vec<String> = body.keys().cloned().collect();
            let head = ["seq", "at_ms", "kind"].into_iter().map(str::to_owned);
            writer.write_record(head.chain(names.iter().cloned()).chain(["hash".to_owned()]))?;
            columns.insert(names)
        }
    };
    let cells = known.iter().map(|name| cell(body.get(name)));
    let head = [row.seq.to_string(), row.at.0.to_string(), row.kind.clone()];
    writer.write_record(head.into_iter().chain(cells).chain([row.hash.to_string()]))?;
    writer.flush()?;
    Ok(())
}

/// A cell; text that a spreadsheet would take for a formula gets a quote before it.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => return other.to_string(),
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}
