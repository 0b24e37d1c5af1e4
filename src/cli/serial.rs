//! Simulated serial lines for commands, and what a configuration's lines can carry.

use crate::config::{Loaded, SHOWN_S, SerialSettings};
use crate::model::{Codec, Network};
use crate::simulate::{FleetTerminal, LineTrouble, SerialFleet, SimulatedLine, SimulatedLines};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// The lines of a configuration, to be simulated.
pub(super) fn lines(
    settings: &SerialSettings,
    network: &Network,
    trouble: LineTrouble,
) -> Vec<SimulatedLine> {
    let line = |line: &crate::config::LineSettings| SimulatedLine {
        path: PathBuf::from(&line.port),
        baud: line.setup.baud,
        terminals: line
            .terminals
            .iter()
            .filter_map(|(address, id)| {
                Some((*address, FleetTerminal::of(network.terminals.get(id)?)))
            })
            .collect(),
        guests: Vec::new(),
        trouble,
    };
    settings.lines.iter().map(line).collect()
}

/// Runs simulated lines until interrupted or the time is over.
pub(super) async fn simulate(
    loaded: &Loaded,
    config: &SimulatedLines,
    trouble: LineTrouble,
    seconds: Option<u64>,
    out: &mut impl Write,
) -> anyhow::Result<u8> {
    let lines = lines(&loaded.config.serial, &loaded.network, trouble);
    if lines.is_empty() {
        anyhow::bail!("the configuration has no [[serial.lines]]; see configs/README.md");
    }
    let n_terminals: usize = lines.iter().map(|line| line.terminals.len()).sum();
    for line in &lines {
        let n_terminals = line.terminals.len();
        writeln!(out, "{}: {} baud, {n_terminals} terminals", line.path.display(), line.baud)?;
    }
    let fleet = SerialFleet::start(config, lines)?;
    let mut left_s = seconds.unwrap_or(u64::MAX);
    while super::terminals::another_second(&mut left_s).await {
        let plays = fleet.stats.plays.load(Ordering::Relaxed);
        writeln!(out, "terminals {n_terminals}  plays {plays}")?;
    }
    fleet.stop().await;
    Ok(0)
}

/// What fits the lines, for `mingluo check`: how long a message takes to all of a line.
pub(super) fn airtimes(settings: &SerialSettings, out: &mut impl Write) -> io::Result<()> {
    for line in &settings.lines {
        let n_terminals = line.terminals.len();
        let codecs = [("opus", Codec::Opus), ("adpcm", Codec::Adpcm), ("text", Codec::Text)];
        write!(out, "{}: {} baud, {n_terminals} terminals", line.port, line.setup.baud)?;
        for (name, codec) in codecs {
            match line.clip_s(codec) {
                Some(s) => write!(out, ", {SHOWN_S} s of speech in {name} {s} s")?,
                None => write!(out, ", {name} too long")?,
            }
        }
        let (stored_ms, round_ms) = (line.stored_ms(), line.round_ms());
        writeln!(out, ", a stored warning {stored_ms} ms, a word from all {round_ms} ms")?;
    }
    Ok(())
}
