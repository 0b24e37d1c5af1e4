//! `mingluo record export` of the audit: one line for each terminal and broadcast, with the filters
//! of `GET /api/v1/audit/acknowledgements`.

use super::export::{ExportArgs, Format, into_file};
use crate::clock;
use crate::config::Config;
use crate::record::audit::{Audit, Filter};
use crate::report::{self, Asked, Directory, Form, Heading};
use anyhow::{Context, bail, ensure};
use clap::Args;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// What narrows the audit, and what its reports show.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Audit 回执审计")]
pub struct LadderArgs {
    /// One line for each terminal and broadcast instead of journal rows; xlsx, pdf and the filters
    /// below mean it too
    #[arg(long)]
    pub ladders: bool,
    /// Only broadcasts of this alert: its identifier, or # and its number 预警
    #[arg(long)]
    pub alert: Option<String>,
    /// Only this broadcast 播发
    #[arg(long)]
    pub broadcast: Option<String>,
    /// Only `live` or `drill` 实播或演练
    #[arg(long)]
    pub class: Option<String>,
    /// Only terminals of these areas, codes with commas between them 区域
    #[arg(long)]
    pub area: Option<String>,
    /// Only this terminal 终端
    #[arg(long)]
    pub terminal: Option<String>,
    /// Only these outcomes, with commas between them 结果
    #[arg(long)]
    pub outcome: Option<String>,
    /// Only `mqtt` or `serial` 链路
    #[arg(long)]
    pub link: Option<String>,
    /// Configuration directory that gives names to codes; without it only codes are shown
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Name at the top of the report; without it that of the configuration 单位
    #[arg(long)]
    pub county: Option<String>,
    /// Font with Chinese characters for PDF; without it that of the configuration or the system
    #[arg(long, value_name = "FILE")]
    pub font: Option<PathBuf>,
}

/// Whether the audit is asked for, and not rows of the journal.
pub(super) fn is_meant(args: &ExportArgs) -> bool {
    let LadderArgs { ladders, alert, broadcast, class, area, terminal, outcome, link, .. } =
        &args.ladders;
    let filters = [alert, broadcast, class, area, terminal, outcome, link];
    *ladders
        || matches!(args.format, Format::Xlsx | Format::Pdf)
        || filters.iter().any(|filter| filter.is_some())
}

pub(super) fn run(url: &str, args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    ensure!(
        args.kind.is_none() && args.from == 1,
        "--kind and --from choose rows of the journal; leave them out for the audit"
    );
    let filter = filter(args)?;
    let (heading, directory) = heading(args, filter)?;
    let form = match args.format {
        Format::Csv => Some(Form::Csv),
        Format::Xlsx => Some(Form::Xlsx),
        Format::Pdf => Some(Form::Pdf),
        Format::Json => None,
    };
    if args.output.is_none() && matches!(form, Some(Form::Xlsx | Form::Pdf)) {
        bail!("a workbook or PDF needs a file: give `-o FILE`");
    }
    let audit = Audit::open_offline(url).with_context(|| format!("opening the audit of {url}"))?;
    let Some(path) = &args.output else {
        match form {
            Some(_) => report::write_csv(&audit, &heading, &directory, out)?,
            None => json_lines(&audit, &heading.filter, out)?,
        };
        return Ok(0);
    };
    let n_rows = into_file(path, |file| match form {
        Some(form) => Ok(report::write(&audit, form, &heading, &directory, file)?),
        None => json_lines(&audit, &heading.filter, file),
    });
    if n_rows.is_err() && args.output.is_some() {
        // Half a report must not lie there as if it were one; a file of somebody else stays.
        remove_half(path, &n_rows);
    }
    writeln!(out, "导出 exported: {} 行 rows → {}", n_rows?, path.display())?;
    Ok(0)
}

/// Removes what we began to write, unless the file was there before.
fn remove_half(path: &std::path::Path, fault: &anyhow::Result<u64>) {
    let there_before = fault.as_ref().err().and_then(|fault| {
        let fault = fault.root_cause().downcast_ref::<std::io::Error>()?;
        Some(fault.kind() == std::io::ErrorKind::AlreadyExists)
    });
    if there_before != Some(true) {
        let _gone_already = std::fs::remove_file(path);
    }
}

fn filter(args: &ExportArgs) -> anyhow::Result<Filter> {
    let given = &args.ladders;
    let asked = Asked {
        alert: given.alert.clone(),
        broadcast: given.broadcast.clone(),
        class: given.class.clone(),
        area: given.area.clone(),
        terminal: given.terminal.clone(),
        outcome: given.outcome.clone(),
        link: given.link.clone(),
        ..Asked::default()
    };
    let filter = asked.filter().map_err(anyhow::Error::msg)?;
    Ok(Filter { since: args.since, until: args.until, ..filter })
}

fn heading(args: &ExportArgs, filter: Filter) -> anyhow::Result<(Heading, Directory)> {
    let given = &args.ladders;
    let (mut county, mut font_file) = (given.county.clone(), given.font.clone());
    let mut directory = Directory::default();
    if let Some(dir) = &given.config {
        let loaded = Config::load(dir).map_err(|faults| {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            anyhow::anyhow!("{} faults; see `mingluo check`; the first: {first}", faults.len())
        })?;
        directory = Directory::of(&loaded.network);
        let served = loaded.network.served.first().copied();
        county = county
            .or(loaded.config.report.county)
            .or_else(|| served.map(|served| directory.area(served)));
        font_file = font_file.or(loaded.config.report.font_file);
    }
    let heading = Heading {
        county: county.unwrap_or_default(),
        filter,
        asked_by: "mingluo record export".to_owned(),
        made_at: clock::now_utc(),
        font_file,
    };
    Ok((heading, directory))
}

fn json_lines(audit: &Audit, filter: &Filter, out: &mut dyn Write) -> anyhow::Result<u64> {
    let mut n_rows = 0;
    let mut done = Ok(());
    audit.visit(filter, |ladder| {
        let line = serde_json::to_string(&ladder).map_err(anyhow::Error::from);
        done = line.and_then(|line| Ok(writeln!(out, "{line}")?));
        n_rows += 1;
        if done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    done.map(|()| n_rows)
}
