//! The mixed county of `mingluo demo --serial`: a bus of serial terminals beside the network, and a
//! few with both links whose network is down.

use super::show::Show;
use crate::cli::serial::lines;
use crate::config::{LineSettings, Loaded, Settings};
use crate::deliver::serial::{Direction, LineSetup};
use crate::gateway::BroadcastState;
use crate::model::{LinkKind, Network, Outcome, TerminalId};
use crate::secrets;
use crate::simulate::{LineTrouble, SerialFleet, SimulatedLines, Tally};
use std::path::Path;

/// Terminals on each line.
const TERMINALS_PER_LINE: usize = 32;
/// Of them with a network link too, which is preferred and down.
const BOTH_PER_LINE: usize = 4;
/// Lines: speed and name.
const LINES: [(u32, &str); 2] = [(115_200, "line-fast"), (38_400, "line-slow")];

/// Puts the county's last terminals on two simulated lines.
pub(super) fn mixed(loaded: &mut Loaded, dir: &Path) {
    let mut left = loaded.network.terminals.keys().rev().copied().collect::<Vec<_>>().into_iter();
    for (baud, name) in LINES {
        let chosen: Vec<(u8, TerminalId)> =
            (1_u8..).zip(left.by_ref().take(TERMINALS_PER_LINE)).collect();
        for (number, (_, id)) in chosen.iter().enumerate() {
            if let Some(terminal) = loaded.network.terminals.get_mut(id) {
                terminal.links = if number < BOTH_PER_LINE {
                    vec![LinkKind::Mqtt, LinkKind::Serial]
                } else {
                    vec![LinkKind::Serial]
                };
            }
        }
        let mut setup = LineSetup::of(baud);
        // A busy machine answers later than a terminal does.
        setup.answer_wait_us = 300_000;
        loaded.config.serial.lines.push(LineSettings {
            port: dir.join(name).display().to_string(),
            setup,
            direction: Direction::Automatic,
            clip_s_max: 300,
            clip_soon_s: 300,
            terminals: chosen,
            line: None,
        });
    }
}

/// The simulated terminals on the lines; `None` when there is none.
pub(super) fn start(
    settings: &Settings,
    network: &Network,
    time_scale: u32,
) -> anyhow::Result<Option<SerialFleet>> {
    let lines = lines(&settings.serial, network, LineTrouble::default());
    if lines.is_empty() {
        return Ok(None);
    }
    let master = secrets::read_key(&settings.keys.terminal_master_key_file)?;
    let keys = crate::daemon::key_ring(&settings.keys)?;
    let (gateway_key, key_id) = (keys.gateway_key(), keys.key_id());
    let config = SimulatedLines { master, gateway_key, key_id, time_scale, seed: 1 };
    Ok(Some(SerialFleet::start(&config, lines)?))
}

/// Adds what the lines' terminals did to the tally, says it, and ends them.
pub(super) async fn finish(
    lines: Option<SerialFleet>,
    settings: &Settings,
    state: &BroadcastState,
    tally: &mut Tally,
    show: &mut Show,
) {
    let Some(lines) = lines else { return };
    tally.sounded.extend(lines.stats.tally_of(state.broadcast.id().0).sounded);
    lines.stop().await;
    let by_line = state
        .deliveries
        .iter()
        .filter(|(id, delivery)| on_line(settings, **id) && delivery.outcome == Outcome::Played);
    show.line(&format!("串口终端 {} 个，播出 {} 个", count(settings), by_line.count()));
}

/// Whether a terminal stands on a line.
pub(super) fn on_line(settings: &Settings, id: TerminalId) -> bool {
    settings.serial.lines.iter().any(|line| line.terminals.iter().any(|(_, known)| *known == id))
}

/// Terminals on lines.
pub(super) fn count(settings: &Settings) -> usize {
    settings.serial.lines.iter().map(|line| line.terminals.len()).sum()
}
