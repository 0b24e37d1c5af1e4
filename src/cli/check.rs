//! `mingluo check`: every fault of a configuration, with file, line and remedy.

use crate::config::{Config, ConfigFault, Loaded};
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;

/// Exit code of a configuration with faults (`EX_CONFIG`).
pub const EXIT_CONFIGURATION: u8 = 78;

/// Arguments of `mingluo check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration directory
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    pub config: PathBuf,
    /// Print JSON for machines
    #[arg(long)]
    pub json: bool,
}

/// Checks and prints. Gives the exit code: 0 or 78.
///
/// # Errors
/// When `out` can't be written.
pub fn run(args: &CheckArgs, out: &mut impl Write) -> io::Result<u8> {
    let loaded = Config::load(&args.config);
    if args.json {
        json(&loaded, out)?;
    } else {
        text(args, &loaded, out)?;
    }
    Ok(if loaded.is_ok() { 0 } else { EXIT_CONFIGURATION })
}

fn json(loaded: &Result<Loaded, Vec<ConfigFault>>, out: &mut impl Write) -> io::Result<()> {
    let answer = match loaded {
        Ok(loaded) => serde_json::json!({
            "ok": true,
            "faults": [],
            "warnings": loaded.warnings,
            "areas": loaded.network.areas.len(),
            "terminals": loaded.network.terminals.len(),
            "plans": loaded.policy.plans.len(),
        }),
        Err(faults) => serde_json::json!({ "ok": false, "faults": faults, "warnings": [] }),
    };
    writeln!(out, "{answer}")
}

fn text(
    args: &CheckArgs,
    loaded: &Result<Loaded, Vec<ConfigFault>>,
    out: &mut impl Write,
) -> io::Result<()> {
    match loaded {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                writeln!(out, "warning: {warning}")?;
            }
            writeln!(
                out,
                "{}: ok, {} areas, {} terminals, {} response plans, {} templates",
                args.config.display(),
                loaded.network.areas.len(),
                loaded.network.terminals.len(),
                loaded.policy.plans.len(),
                loaded.policy.templates.len(),
            )?;
            super::serial::airtimes(&loaded.config.serial, out)
        }
        Err(faults) => {
            for fault in faults {
                writeln!(out, "{fault}")?;
            }
            writeln!(out, "{}: {} faults", args.config.display(), faults.len())
        }
    }
}
