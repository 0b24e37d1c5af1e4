//! `mingluo check`: every fault of a configuration, with file, line and remedy.

use crate::config::{Config, ConfigFault, Loaded, MqttMode};
use crate::daemon::{external_broker, policy_edits};
use crate::deliver::{QueueProbe, examine};
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;

/// Exit code of a configuration with faults (`EX_CONFIG`).
pub const EXIT_CONFIGURATION: u8 = 78;
/// Exit code when the broker does not answer (`EX_UNAVAILABLE`).
const EXIT_UNAVAILABLE: u8 = 69;
/// Our name at the broker; a running gateway has another, so that it is not disturbed.
const CLIENT_ID: &str = "mingluo-check";

/// Arguments of `mingluo check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration directory
    #[arg(long, value_name = "DIR", default_value = "configs", env = "MINGLUO_CONFIG")]
    pub config: PathBuf,
    /// Also connect to the external broker and name the limits that are too low
    #[arg(long)]
    pub broker: bool,
    /// Print JSON for machines
    #[arg(long)]
    pub json: bool,
}

/// Checks and prints. Gives the exit code: 0, 78, or 69 when the broker does not answer.
///
/// # Errors
/// When `out` can't be written.
pub fn run(args: &CheckArgs, out: &mut impl Write) -> io::Result<u8> {
    let mut loaded = Config::load(&args.config);
    if let Ok(loaded) = &mut loaded {
        on_screen(loaded);
    }
    let mut exit = if loaded.is_ok() { 0 } else { EXIT_CONFIGURATION };
    if let Ok(loaded) = &mut loaded
        && args.broker
        && loaded.config.mqtt.mode == MqttMode::External
    {
        match broker(loaded) {
            Ok(warnings) => loaded.warnings.extend(warnings.iter().map(|text| warning(text))),
            Err(fault) => {
                exit = EXIT_UNAVAILABLE;
                let text = format!("the broker at mqtt.url does not answer: {fault:#}");
                loaded.warnings.push(warning(&text));
            }
        }
    }
    if args.json {
        json(&loaded, out)?;
    } else {
        text(args, &loaded, out)?;
    }
    Ok(exit)
}

/// What people changed on screen, over the file: where both do not agree, and what is odd of both
/// together. The file alone has no fault here.
fn on_screen(loaded: &mut Loaded) {
    let warn = |what, remedy: &str| ConfigFault {
        file: "policy.toml".into(),
        line: None,
        what,
        remedy: remedy.to_owned(),
    };
    let edits = match policy_edits(&loaded.config.record.url) {
        Ok(edits) => edits,
        Err(fault) => {
            let what = format!("what was changed on screen can't be read: {fault}");
            loaded.warnings.push(warn(what, "run this as the user of the gateway"));
            return;
        }
    };
    for notice in edits.over(&loaded.policy, &loaded.network).notices {
        let (what, remedy) = notice.en();
        loaded.warnings.push(warn(format!("{}: {what}", notice.part), remedy));
    }
    for (part, history) in edits.parts.iter().filter(|(_, known)| known.proposed.is_some()) {
        let by = history.proposed.as_ref().map_or("", |waits| waits.by.as_str());
        let what = format!("{part}: a change by {by} waits for a second person");
        loaded
            .warnings
            .push(warn(what, "approve it or take it back on the page of response plans"));
    }
}

/// A sentence of the link, "what: remedy", as a warning about the file that names the broker.
fn warning(text: &str) -> ConfigFault {
    let (what, remedy) = text.split_once(": ").unwrap_or((text, "see the broker's configuration"));
    let (what, remedy) = (what.to_owned(), remedy.to_owned());
    ConfigFault { file: "gateway.toml".into(), line: None, what, remedy }
}

/// Asks the external broker for its limits and tries its queue.
fn broker(loaded: &Loaded) -> anyhow::Result<Vec<String>> {
    let mqtt = &loaded.config.mqtt;
    let config = external_broker(mqtt, CLIENT_ID.to_owned(), loaded.network.terminals.len())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (limits, queue) = runtime.block_on(examine(&config))?;
    match (limits, queue) {
        (Some(limits), _) => Ok(limits.warnings()),
        (None, QueueProbe::Unknown(why)) => anyhow::bail!(why),
        (None, _) => anyhow::bail!("no answer"),
    }
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
            for file in loaded.config.absent_keys() {
                let sm2 = if *file == loaded.config.keys.sm2_key_file { " --sm2" } else { "" };
                let (file, dir) = (file.display(), args.config.display());
                let make = format!("`mingluo keys init{sm2} --config {dir}`");
                writeln!(out, "note: {file} is not there yet; {make}")?;
            }
            if let Some(file) = loaded.config.absent_certificate() {
                let (file, dir) = (file.display(), args.config.display());
                let make = format!("`mingluo keys tls --config {dir} --name HOST`");
                writeln!(out, "note: {file} is not there yet; {make}")?;
            }
            for line in &loaded.config.serial.lines {
                if !std::path::Path::new(&line.port).exists() {
                    let (port, what) = (&line.port, "is not there now");
                    writeln!(
                        out,
                        "note: serial port {port} {what}; plug its adapter in, or correct `port`"
                    )?;
                }
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
            let n = faults.len();
            let word = if n == 1 { "fault" } else { "faults" };
            writeln!(out, "{}: {n} {word}", args.config.display())
        }
    }
}
