//! `mingluo stop`: everything falls silent 一键停播.

use super::client::{ClientArgs, print};
use clap::Args;

/// Arguments of `mingluo stop`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// Only inside these areas (12-digit codes); none = everything
    #[arg(long = "area", value_name = "CODE")]
    pub areas: Vec<String>,
    #[command(flatten)]
    client: ClientArgs,
    /// Print JSON for machines
    #[arg(long)]
    pub json: bool,
}

/// Stops.
///
/// # Errors
/// When the gateway is not there or says no.
pub(crate) fn run(args: &StopArgs, out: &mut impl std::io::Write) -> anyhow::Result<u8> {
    let client = args.client.client()?;
    let body = serde_json::json!({ "areas": args.areas });
    let answer = super::runtime()?.block_on(client.post("/stop", &body))?;
    print(&answer, args.json, out)?;
    Ok(0)
}
