//! `mingluo record`: the ledger proves itself, is exported and shown. Opens the record read-only,
//! also while the gateway writes it.

mod export;
mod ladders;
mod time;

pub use export::ExportArgs;
pub use ladders::LadderArgs;

use super::exit::{Exit, NO_INPUT};
use crate::model::Sha256;
use crate::record::{ReadOnly, Trust, Verification, open_read_only};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// Exit code of a record with faults.
pub const EXIT_FAULTS: u8 = 1;

/// Arguments of `mingluo record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Which record: `sqlite:<path>`
    #[arg(
        long,
        global = true,
        value_name = "URL",
        default_value = "sqlite:configs/var/record.db",
        env = "MINGLUO_RECORD"
    )]
    pub record: String,
    /// What to do with it.
    #[command(subcommand)]
    pub verb: RecordVerb,
}

/// What to do with the record.
#[derive(Debug, Subcommand)]
pub enum RecordVerb {
    /// Recompute the hash chain and check every checkpoint and attachment; exit 1 on any fault
    Verify(VerifyArgs),
    /// Write rows as JSON lines or CSV, or the audit 回执审计 as JSON, CSV, XLSX or PDF
    Export(Box<ExportArgs>),
    /// Show one row, or the head
    Show(ShowArgs),
}

/// Arguments of `mingluo record verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Public key that may sign checkpoints, 64 hexadecimal digits; may be given more than once
    #[arg(long, value_name = "PUBLIC_KEY_HEX", value_parser = public_key)]
    pub key: Vec<[u8; 32]>,
    /// Row number and hash that were written down elsewhere
    #[arg(long, value_name = "SEQ:HASH", value_parser = head)]
    pub head: Option<(u64, Sha256)>,
    /// Print JSON for machines
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `mingluo record show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Number of the row; without it the head
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub seq: Option<u64>,
    /// Print JSON for machines
    #[arg(long)]
    pub json: bool,
}

/// Runs a verb. Gives the exit code: 0, or 1 when the record has faults or no such row.
///
/// # Errors
/// When the record can't be opened or read, or `out` can't be written.
pub fn run(args: &RecordArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    if let Some(path) = args.record.strip_prefix("sqlite:").filter(|path| !Path::new(path).exists())
    {
        let what = format!(
            "expected the record of a gateway, there is no {path}; nothing was made or changed, name it with \
             --record sqlite:PATH"
        );
        return Err(Exit { code: NO_INPUT, what }.into());
    }
    let record = open_read_only(&args.record)
        .with_context(|| format!("opening the record `{}`", args.record))?;
    match &args.verb {
        RecordVerb::Verify(verify) => run_verify(&record, verify, out),
        RecordVerb::Export(export) => export::run(&args.record, &record, export, out),
        RecordVerb::Show(show) => run_show(&record, show, out),
    }
}

fn public_key(text: &str) -> Result<[u8; 32], String> {
    let digits = "expected 64 hexadecimal digits of an Ed25519 public key";
    let key = Sha256::parse(text).ok_or(digits)?.0;
    // A text of the right length that is no key could never match; say so now.
    ed25519_dalek::VerifyingKey::from_bytes(&key).map(|_| key).map_err(|_| digits.to_owned())
}

fn head(text: &str) -> Result<(u64, Sha256), String> {
    let parts = text.split_once(':');
    parts
        .and_then(|(seq, hash)| Some((seq.parse().ok()?, Sha256::parse(hash)?)))
        .ok_or_else(|| "expected SEQ:HASH, a row number and 64 hexadecimal digits".to_owned())
}

fn run_verify(record: &ReadOnly, args: &VerifyArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let found = record.verify(&Trust { keys: args.key.clone(), head: args.head })?;
    if args.json {
        let mut answer = serde_json::to_value(&found)?;
        if let Value::Object(fields) = &mut answer {
            fields.insert("ok".to_owned(), json!(found.is_good()));
            fields.insert("first_bad".to_owned(), json!(found.first_bad()));
        }
        writeln!(out, "{answer}")?;
    } else {
        print_verification(&found, args, out)?;
    }
    Ok(if found.is_good() { 0 } else { EXIT_FAULTS })
}

fn print_verification(
    found: &Verification,
    args: &VerifyArgs,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let Verification { n_rows, n_rows_fit, n_checkpoints, n_raws, signed_seq, .. } = found;
    let verdict = if found.is_good() { "完好 good" } else { "有误 FAULTS FOUND" };
    writeln!(out, "记录 record: {verdict}")?;
    writeln!(out, "行 rows: {n_rows} (相符 fit {n_rows_fit})")?;
    writeln!(out, "末行 head: {}:{}", found.head_seq, found.head_hash)?;
    writeln!(out, "签名点 checkpoints: {n_checkpoints} (签至 signed up to row {signed_seq})")?;
    writeln!(out, "原文 raw attachments: {n_raws}")?;
    if args.key.is_empty() && *n_checkpoints > 0 {
        writeln!(out, "未给公钥 no --key given: a forger could have signed with a key of his own")?;
    }
    for fault in &found.faults {
        match fault.seq {
            0 => writeln!(out, "  - {}", fault.what)?,
            seq => writeln!(out, "  行 row {seq}: {}", fault.what)?,
        }
    }
    let n_listed = u64::try_from(found.faults.len()).unwrap_or(u64::MAX);
    if found.n_faults > n_listed {
        writeln!(out, "  … 共 {} faults in all", found.n_faults)?;
    }
    Ok(())
}

fn run_show(record: &ReadOnly, args: &ShowArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let Some(seq) = args.seq else {
        let (seq, hash) = record.head()?;
        if args.json {
            writeln!(out, "{}", json!({ "seq": seq, "hash": hash }))?;
        } else {
            writeln!(out, "末行 head: {seq}:{hash}")?;
        }
        return Ok(0);
    };
    let Some(row) = record.read(seq, 1)?.into_iter().find(|row| row.seq == seq) else {
        let (last, _) = record.head()?;
        bail!("no row {seq}: the record ends at row {last}");
    };
    if args.json {
        writeln!(out, "{}", export::row_json(&row))?;
        return Ok(0);
    }
    writeln!(out, "行 row: {}", row.seq)?;
    writeln!(out, "时间 at: {}", time::local(row.at))?;
    writeln!(out, "类别 kind: {}", row.kind)?;
    writeln!(out, "链值 hash: {}", row.hash)?;
    writeln!(out, "{:#}", export::body_json(&row.body))?;
    Ok(0)
}
