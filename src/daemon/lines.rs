//! Starts the serial lines of the configuration, over the clip store.

use crate::config::Settings;
use crate::deliver::LinkInput;
use crate::deliver::serial::{Contents, LineConfig, SerialLines};
use crate::model::{Network, Sha256};
use crate::render::Renderer;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Starts one task a line.
pub(super) fn start(
    settings: &Settings,
    network: &Network,
    renderer: &Renderer,
    inputs: mpsc::Sender<LinkInput>,
) -> SerialLines {
    let configs: Vec<LineConfig> =
        settings.serial.lines.iter().map(|line| line.driver(network)).collect();
    let clips = renderer.clips();
    // A clip was written a moment ago and is some 100 kB: it comes from the page cache.
    let contents: Contents = Arc::new(move |clip| {
        let path = clips.path(Sha256(clip.sha256))?;
        match std::fs::read(&path) {
            Ok(bytes) => Some(bytes.into()),
            Err(fault) => {
                tracing::error!(path = %path.display(), %fault, "clip can't be read");
                None
            }
        }
    });
    SerialLines::start(configs, settings.mqtt.prefix.clone(), contents, inputs)
}
