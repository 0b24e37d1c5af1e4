//! `mingluo bench`: what this machine does, as figures and ratios of one run.

mod audio;
mod audit;
mod bare;
mod brokers;
mod county;
mod county_bare;
mod fanout;
mod flood;
mod plot;
mod stage;
mod viewers;
mod voice;

use crate::clock;
use crate::model::{Acknowledgement, BroadcastId, LinkKind, Step, TerminalId, UtcMs};
use crate::record::entry::Entry;
use crate::record::{Journal, NewRow, SqliteJournal, SqliteOptions};
use anyhow::Context;
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;

/// Rows of one group commit in the journal benchmark.
const GROUP_ROWS: u64 = 1_000;

/// Arguments of `mingluo bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One red alert to many terminals, against a bare publisher on mosquitto 扇出
    Fanout(fanout::FanoutArgs),
    /// A class I alert to national and MQTT terminals: response as GD/J 088 times it, against bare sends 县级响应
    County(county::CountyArgs),
    /// The broadcast page with many viewers: what they cost the dispatch, and are sent 播发页面
    Viewers(viewers::ViewersArgs),
    /// From a recording to a clip, as a ratio to the bare Opus encoder 音频链路
    Audio(audio::AudioArgs),
    /// A red alert while a source sends a thousand others a second, and what became of these 洪峰
    Flood(flood::FloodArgs),
    /// How soon and how dear the voices speak 语音
    Voice(voice::VoiceArgs),
    /// The audit's questions over millions of acknowledgements 回执审计
    Audit(audit::AuditArgs),
    /// Acknowledgements per second into the record 记录写入
    Journal {
        /// Acknowledgements to write
        #[arg(long, default_value_t = 200_000)]
        rows: u64,
        /// Folder for the record; default: the system's temporary folder
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

/// Runs a benchmark.
///
/// # Errors
/// When something does not start.
pub(crate) fn run(args: &BenchArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    match &args.what {
        What::Fanout(args) => fanout::run(args, out),
        What::County(args) => county::run(args, out),
        What::Viewers(args) => viewers::run(args, out),
        What::Flood(args) => flood::run(args, out),
        What::Audio(args) => audio::run(args, out),
        What::Voice(args) => voice::run(args, out),
        What::Audit(args) => audit::run(args, out),
        What::Journal { rows, dir } => {
            let dir = dir.clone().unwrap_or_else(std::env::temp_dir);
            journal(*rows, &dir, out)
        }
    }
}

fn journal(n_rows: u64, dir: &std::path::Path, out: &mut impl Write) -> anyhow::Result<u8> {
    let folder = dir.join(format!("mingluo-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let options = SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() };
    let mut journal = SqliteJournal::open(&folder.join("record.db"), &options)?;
    let watch = clock::Monotonic::start();
    let mut bytes = 0;
    for group in 0..n_rows.div_ceil(GROUP_ROWS) {
        let rows: Vec<NewRow> = (0..GROUP_ROWS)
            .map(|row| acknowledged(group * GROUP_ROWS + row))
            .collect::<Result<_, _>>()?;
        bytes += rows.iter().map(|row| row.body.len()).sum::<usize>();
        journal.append(&rows, &[])?;
    }
    let ms = watch.elapsed_ms().max(1);
    drop(journal);
    std::fs::remove_dir_all(&folder)?;
    let per_s = n_rows * 1_000 / ms;
    writeln!(
        out,
        "{n_rows} acknowledgements in groups of {GROUP_ROWS}: {ms} ms, {per_s} rows/s, \
         {} bytes a row (encoded, chained, committed with synchronous=FULL)",
        u64::try_from(bytes)? / n_rows.max(1)
    )?;
    Ok(0)
}

fn acknowledged(number: u64) -> anyhow::Result<NewRow> {
    let at = UtcMs(1_782_000_000_000 + i64::try_from(number)?);
    let terminal = TerminalId::from_number(430_621_100_001_001 + number % 900);
    let report = Acknowledgement {
        terminal: terminal.context("a terminal")?,
        broadcast: BroadcastId(1_782_000_000_000),
        step: Step::Played,
        received_at: Some(at),
        playing_at: Some(at),
        ended_at: Some(at),
        plays: 3,
        heard: false,
        sequence: u32::try_from(number % 1_000_000)?,
        link: LinkKind::Mqtt,
        content: None,
    };
    let entry = Entry::Acknowledged { report };
    Ok(NewRow { at, kind: entry.kind().to_owned(), body: entry.to_body()? })
}
