//! Starts the serial lines of the configuration, over the clip store.

use super::ground::Ground;
use super::keep::{Keeper, warnings};
use super::link::Links;
use crate::clock;
use crate::config::Settings;
use crate::deliver::serial::{Contents, LineConfig, SerialLines};
use crate::deliver::{self, KeyRing, LinkInput, Publish};
use crate::model::{Address, AreaCode, Network, Sha256, UtcMs};
use crate::render::Renderer;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the time goes out on the lines: a terminal that just booted has none before.
const TIME_EVERY: Duration = Duration::from_secs(15);
/// A time that waited longer for the line than this is not sent, seconds.
const TIME_VALID_S: i64 = 1;

/// The time of now for the terminals of an area, sealed.
fn time_signal(keys: &KeyRing, area: AreaCode, now: UtcMs) -> Option<Arc<[u8]>> {
    let order = deliver::aimed(&deliver::time_order(now), Address::Area(area), &[], None);
    keys.seal_order(&order)
        .inspect_err(
            |fault| tracing::error!(%fault, "the time can't be sealed for the serial lines"),
        )
        .ok()
}

/// Sends the time on all lines, to terminals without a clock of their own, until the gateway stops.
async fn tell_time(links: Arc<Links>, keys: Arc<KeyRing>, prefix: String, served: Vec<AreaCode>) {
    let mut ticks = tokio::time::interval(TIME_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !links.lines.is_empty() {
        ticks.tick().await;
        for area in &served {
            let now = clock::now_utc();
            let address = Address::Area(*area);
            let Some(payload) = time_signal(&keys, *area, now) else { continue };
            let topic = deliver::order_topic(&prefix, address);
            let expires_at = Some(now.plus_s(TIME_VALID_S));
            // A line that is down or full gets the next one.
            let _missed = links.lines.publish(&Publish { topic, payload, expires_at }, now).await;
        }
    }
}

/// The tasks beside the lines: the time, and the placing of warnings.
pub(super) fn attend(links: &Arc<Links>, ground: &Ground) {
    let (keys, served) = (Arc::clone(&ground.keys), ground.network.served.clone());
    let keeper = Keeper {
        links: Arc::clone(links),
        keys: Arc::clone(&keys),
        renderer: Arc::clone(&ground.renderer),
        served: served.clone(),
        warnings: warnings(&ground.in_force().policy),
        phrases: Arc::clone(&ground.phrases),
        hours: ground.settings.serial.keep_hours,
        offset_minutes: i32::from(ground.policy.local_offset_minutes),
    };
    // Both end by themselves without lines, and with the runtime otherwise.
    tokio::spawn(keeper.run());
    let (signing, areas) = (Arc::clone(&keys), served.clone());
    links.lines.tell_time(Arc::new(move || {
        let now = clock::now_utc();
        areas.iter().filter_map(|area| time_signal(&signing, *area, now)).collect()
    }));
    let prefix = ground.settings.mqtt.prefix.clone();
    tokio::spawn(tell_time(Arc::clone(links), keys, prefix, served));
}

/// Starts one task a line.
pub(super) fn start(
    settings: &Settings,
    network: &Network,
    renderer: &Renderer,
    inputs: mpsc::Sender<LinkInput>,
) -> SerialLines {
    let orders = settings.keys.order_algorithm;
    let configs: Vec<LineConfig> =
        settings.serial.lines.iter().map(|line| line.driver(network, orders)).collect();
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
