//! How long the audit's usual questions take over millions of acknowledgements, and how fast its
//! projection follows the journal.

use super::GROUP_ROWS;
use crate::clock::Monotonic;
use crate::model::{
    Acknowledgement, AreaCode, BroadcastId, LinkKind, RefusalCode, Step, TerminalId, UtcMs,
};
use crate::record::audit::{Audit, Filter, OutcomeKind, Projector};
use crate::record::entry::Entry;
use crate::record::{Journal, NewRow, SqliteJournal, SqliteOptions, Trust};
use anyhow::Context;
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Terminals of one broadcast.
const TERMINALS: u64 = 10_000;
/// Townships they stand in.
const TOWNSHIPS: u64 = 20;
/// Villages of a township.
const VILLAGES: u64 = 25;
/// The first broadcast.
const FIRST_MS: u64 = 1_700_000_000_000;
/// From one broadcast to the next, milliseconds: six a day.
const APART_MS: u64 = 4 * 3_600_000;
/// Ladders of a page.
const PAGE: usize = 200;
/// Longest answer to a usual question, milliseconds.
const ANSWER_MS_MAX: u64 = 1_000;

/// Arguments of `mingluo bench audit`.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Acknowledgements in the record
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Folder for the record; default: the system's temporary folder
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Leave the record there, and use it when it is there already
    #[arg(long)]
    keep: bool,
}

/// Builds, asks, prints. 1 when a usual question takes longer than a second.
///
/// # Errors
/// When the disk fails.
pub(super) fn run(args: &AuditArgs, out: &mut impl Write) -> anyhow::Result<u8> {
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = dir.join(match args.keep {
        true => format!("mingluo-bench-audit-{}", args.rows),
        false => format!("mingluo-bench-audit-{}", std::process::id()),
    });
    std::fs::create_dir_all(&folder)?;
    let n_broadcasts = args.rows.div_ceil(TERMINALS).max(1);
    let path = folder.join("record.db");
    if !path.exists() {
        build(&path, n_broadcasts, out)?;
    }
    let url = format!("sqlite:{}", path.display());
    project(&url, out)?;
    for name in ["record.db", "record.db-audit"] {
        let bytes = std::fs::metadata(folder.join(name))?.len();
        writeln!(out, "{name}: {} MB", bytes / 1_000_000)?;
    }
    let slowest_ms = ask(&url, n_broadcasts, out)?;
    if !args.keep {
        std::fs::remove_dir_all(&folder)?;
    }
    let good = slowest_ms <= ANSWER_MS_MAX;
    writeln!(
        out,
        "slowest: {slowest_ms} ms, goal {ANSWER_MS_MAX} ms: {}",
        if good { "met" } else { "MISSED" }
    )?;
    Ok(u8::from(!good))
}

fn build(path: &Path, n_broadcasts: u64, out: &mut impl Write) -> anyhow::Result<()> {
    let options = SqliteOptions { ballast_bytes: 0, ..SqliteOptions::default() };
    let mut journal = SqliteJournal::open(path, &options)?;
    journal.sign_with(&[7; 32]);
    let watch = Monotonic::start();
    let terminals: Vec<TerminalId> = (0..TERMINALS).map(terminal).collect::<Result<_, _>>()?;
    let mut n_rows = 0_u64;
    for number in 0..n_broadcasts {
        let id = BroadcastId(FIRST_MS + number * APART_MS);
        let at = UtcMs(i64::try_from(id.0)?);
        journal.append(&opening(id, at, &terminals)?, &[])?;
        for group in terminals.chunks(usize::try_from(GROUP_ROWS)?) {
            let reports = group.iter().enumerate();
            let rows: Vec<NewRow> = reports
                .filter_map(|(place, id_of)| report(id, *id_of, place, at))
                .map(row_of)
                .collect::<Result<_, _>>()?;
            n_rows += u64::try_from(rows.len())?;
            journal.append(&rows, &[])?;
        }
        let ended = Entry::BroadcastEnded { broadcast: id };
        journal.append(&[row_of((at.plus_s(1_800), ended))?], &[])?;
    }
    journal.checkpoint(UtcMs(i64::try_from(FIRST_MS)?))?;
    let s = watch.elapsed_ms() / 1000;
    writeln!(out, "record: {n_rows} acknowledgements of {n_broadcasts} broadcasts in {s} s")?;
    Ok(())
}

fn terminal(number: u64) -> anyhow::Result<TerminalId> {
    let township = 430_621_100_000 + number % TOWNSHIPS * 1000;
    let village = township + 1 + number / TOWNSHIPS % VILLAGES;
    let sequence = number / TOWNSHIPS / VILLAGES + 1;
    TerminalId::from_number(village * 1000 + sequence).context("a terminal")
}

/// Broadcast and group order, as they stand in a journal.
fn opening(id: BroadcastId, at: UtcMs, terminals: &[TerminalId]) -> anyhow::Result<Vec<NewRow>> {
    let county = "430621000000";
    let alert = json!({ "sender": "bench", "identifier": format!("bench-{id}"), "sent": at });
    let started = json!({ "entry": "broadcast_started", "broadcast": {
        "id": id, "plan": id, "approval": { "rule": { "plan": "rainstorm-red", "at": at } },
        "alert": alert, "response_plan": "rainstorm-red", "class": "live", "priority": 200,
        "message": { "text": "请立即转移", "voice": "default", "recording": null,
        "fallback_recording": "rainstorm-red" }, "chime": "red",
        "playback": "simultaneous", "volume_percent": null, "repeats": 3, "interval_s": 5,
        "areas": [county], "terminals": terminals, "not_before": at, "expires": at.plus_s(1_800),
    } });
    let to = [json!({ "area": county })];
    let sent =
        json!({ "entry": "sent", "broadcast": id, "to": to, "link": "mqtt", "kind": "play" });
    let row = |kind: &str, body: &serde_json::Value| -> anyhow::Result<NewRow> {
        Ok(NewRow { at, kind: kind.to_owned(), body: serde_json::to_vec(body)? })
    };
    Ok(vec![row("broadcast_started", &started)?, row("sent", &sent)?])
}

/// What terminal number `place` of a thousand says: a few are silent, refuse or fail.
fn report(
    broadcast: BroadcastId,
    terminal: TerminalId,
    place: usize,
    at: UtcMs,
) -> Option<(UtcMs, Entry)> {
    let step = match place % 1000 {
        0..5 => return None,
        5..10 => Step::Refused(RefusalCode::Content),
        10 => Step::Failed("amplifier".to_owned()),
        _ => Step::Played,
    };
    let report = Acknowledgement {
        terminal,
        broadcast,
        step,
        received_at: Some(at.plus_ms(700)),
        playing_at: Some(at.plus_ms(1_500)),
        ended_at: Some(at.plus_s(60)),
        plays: 3,
        heard: place.is_multiple_of(3),
        sequence: 1,
        link: if place.is_multiple_of(50) { LinkKind::Serial } else { LinkKind::Mqtt },
        content: None,
    };
    Some((at.plus_s(61), Entry::Acknowledged { report }))
}

fn row_of((at, entry): (UtcMs, Entry)) -> anyhow::Result<NewRow> {
    Ok(NewRow { at, kind: entry.kind().to_owned(), body: entry.to_body()? })
}

fn project(url: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let mut projector = Projector::open(url)?;
    let (from, watch) = (projector.seq(), Monotonic::start());
    projector.catch_up()?;
    let (n, ms) = (projector.seq() - from, watch.elapsed_ms().max(1));
    writeln!(out, "projection: {n} journal rows in {ms} ms, {} rows/s", n * 1000 / ms)?;
    Ok(())
}

/// Asks the usual questions, each with its counts and its first page, on a connection of its own as
/// the console does. Gives the slowest answer in milliseconds.
fn ask(url: &str, n_broadcasts: u64, out: &mut impl Write) -> anyhow::Result<u64> {
    let mut slowest_ms = 0;
    for (name, filter) in questions(n_broadcasts)? {
        let mut times_ms = Vec::new();
        let mut n = 0;
        for _ in 0..3 {
            let watch = Monotonic::start();
            let audit = Audit::open(url)?;
            let summary = audit.summary(&filter)?;
            let page = audit.page(&filter, None, PAGE)?;
            times_ms.push(watch.elapsed_ms());
            n = summary.totals.all();
            anyhow::ensure!(
                page.ladders.len() as u64 == n.min(PAGE as u64),
                "{name}: {} ladders of {n}",
                page.ladders.len()
            );
        }
        slowest_ms = slowest_ms.max(times_ms.iter().copied().max().unwrap_or(0));
        writeln!(out, "{name}: {n} ladders, {times_ms:?} ms")?;
    }
    let watch = Monotonic::start();
    let last = BroadcastId(FIRST_MS + (n_broadcasts - 1) * APART_MS);
    let proof = Audit::open(url)?.proof(last, terminal(777)?, &Trust::default())?;
    let proof = proof.context("the last broadcast meant everybody")?;
    let ms = watch.elapsed_ms();
    let (rows, checked) = (proof.rows.len(), proof.chain.n_rows_checked);
    writeln!(out, "proof of one terminal: {rows} rows, {checked} rows of the chain, {ms} ms")?;
    Ok(slowest_ms.max(ms))
}

fn questions(n_broadcasts: u64) -> anyhow::Result<Vec<(&'static str, Filter)>> {
    let id = |number: u64| BroadcastId(FIRST_MS + number * APART_MS);
    let at = |number: u64| Ok::<_, anyhow::Error>(Some(UtcMs(i64::try_from(id(number).0)?)));
    let area = |code: &str| AreaCode::parse(code).into_iter().collect::<Vec<_>>();
    let middle = n_broadcasts / 2;
    let month = Filter { since: at(middle)?, until: at(middle + 180)?, ..Filter::default() };
    let in_month = |filter: Filter| Filter { since: month.since, until: month.until, ..filter };
    let all = Filter::default;
    let silent = vec![OutcomeKind::Unreachable];
    let bad = vec![OutcomeKind::Failed, OutcomeKind::Refused];
    let one = Some(terminal(777)?);
    let alert = Some(format!("bench-{}", id(middle)));
    Ok(vec![
        ("everything", all()),
        ("a month", month.clone()),
        ("a broadcast", Filter { broadcast: Some(id(middle)), ..all() }),
        ("an alert", Filter { alert, ..all() }),
        ("a township, ever", Filter { areas: area("430621105"), ..all() }),
        ("a village, ever", Filter { areas: area("430621105003"), ..all() }),
        ("a terminal, ever", Filter { terminal: one, ..all() }),
        ("unreachable, ever", Filter { outcomes: silent.clone(), ..all() }),
        ("failed or refused, ever", Filter { outcomes: bad.clone(), ..all() }),
        ("by serial line, ever", Filter { link: Some(LinkKind::Serial), ..all() }),
        (
            "a township's failures in a month",
            in_month(Filter { areas: area("430621105"), outcomes: bad, ..all() }),
        ),
        (
            "a village's silent ones, ever",
            Filter { areas: area("430621105003"), outcomes: silent, ..all() },
        ),
        ("a terminal in a month", in_month(Filter { terminal: one, ..all() })),
    ])
}
