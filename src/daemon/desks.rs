//! What the HTTP interface shares: the desks behind its routes.

use super::audit::AuditDesk;
use super::clips;
use super::core::CoreHandle;
use super::ground::Ground;
use super::live::LiveDesk;
use super::perform::Seen;
use super::preview::PreviewDesk;
use super::recordings::RecordingDesk;
use super::stations::StationDesk;
use crate::config::{ReceiverSettings, Settings};
use crate::console::{self, CapIdentity, Console, People};
use crate::render::Renderer;
use anyhow::Context;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// What the HTTP interface shares.
pub(super) fn console(
    ground: &Ground,
    people: People,
    audit: AuditDesk,
    (core, watchers, stopping): (CoreHandle, broadcast::Sender<Seen>, watch::Receiver<bool>),
    stations: Option<StationDesk>,
) -> anyhow::Result<Console> {
    let bytes_max = ground.settings.ingest.bytes_max;
    let intake = Arc::<console::Intake>::default();
    // It ends with the core, after the last request.
    tokio::spawn(Arc::clone(&intake).tell(core.clone(), stopping.clone()));
    let keys = Arc::new(ground.known_keys());
    ground.metrics.watch_keys(Arc::clone(&keys));
    Ok(Console {
        audit,
        stations,
        people: Arc::new(people),
        county: Arc::new(ground.county()?),
        clips: clips::router(ground.renderer.clips()),
        board: Arc::default(),
        live: LiveDesk::new(core.clone(), Arc::clone(&ground.renderer)),
        recordings: RecordingDesk::start(&ground.settings.render.recordings_dir)?,
        previews: previews(&ground.settings, &ground.renderer)?,
        core,
        keys,
        metrics: Arc::clone(&ground.metrics),
        watchers,
        record_url: ground.settings.record.url.clone().into(),
        alert_bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
        answered: Arc::default(),
        intake,
        stopping,
        sources: Arc::clone(&ground.sources),
        cap: Arc::new(cap_identity(&ground.receivers)),
        platform: ground.platform.as_ref().map(|platform| Arc::clone(&platform.watch)),
    })
}

fn cap_identity(settings: &ReceiverSettings) -> CapIdentity {
    CapIdentity::new(settings.cap_sender.clone(), settings.cap_url.clone().unwrap_or_default())
}

fn previews(settings: &Settings, renderer: &Arc<Renderer>) -> anyhow::Result<PreviewDesk> {
    let (url, line) = (&settings.http.public_clip_url, settings.render.line_bit_per_s);
    PreviewDesk::start(Arc::clone(renderer), url, line).context("the preview thread")
}
