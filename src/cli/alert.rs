//! `mingluo alert FILE`: submits an alert file.

use super::client::{ClientArgs, print};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `mingluo alert`.
#[derive(Debug, Args)]
pub struct AlertArgs {
    /// CAP XML, 12379 XML or JSON
    pub file: PathBuf,
    #[command(flatten)]
    client: ClientArgs,
    /// Only say what would happen, as `mingluo explain` does
    #[arg(long)]
    pub dry_run: bool,
    /// Configuration directory, for --dry-run
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    pub config: PathBuf,
    /// Print JSON for machines
    #[arg(long)]
    pub json: bool,
}

/// Submits the file.
///
/// # Errors
/// When it can't be read, or the gateway is not there or rejects it.
pub(crate) fn run(args: &AlertArgs, out: &mut impl std::io::Write) -> anyhow::Result<u8> {
    if args.dry_run {
        let explain = super::explain::ExplainArgs {
            file: args.file.clone(),
            config: args.config.clone(),
            at: None,
            json: args.json,
        };
        return super::explain::run(&explain, out);
    }
    let bytes = super::exit::read_input(&args.file, "an alert file")?;
    let json = args.file.extension().is_some_and(|end| end == "json");
    let content_type = if json { "application/json" } else { "application/xml" };
    let client = args.client.client()?;
    let answer = super::runtime()?.block_on(client.post_bytes("/alerts", content_type, bytes))?;
    print(&answer, args.json, out)?;
    Ok(0)
}
