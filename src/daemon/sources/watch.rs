//! The silence of sources: watched every second, on record when it begins and when it ends.

use super::SourceDesk;
use crate::clock;
use crate::daemon::core::CoreHandle;
use crate::daemon::serve::stopped;
use crate::gateway::Input;
use crate::model::{SourceNote, UtcMs};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks until the daemon stops.
pub(crate) async fn watch(
    desk: Arc<SourceDesk>,
    core: CoreHandle,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = stopped(&mut stop) => return,
            _ = ticks.tick() => {}
        }
        for (source, note) in desk.changes(clock::now_utc()) {
            if core.happened(Input::SourceNoted(source, note)).await.is_err() {
                return;
            }
        }
    }
}

impl SourceDesk {
    /// Sources that fell silent or are heard again since the last look.
    fn changes(&self, now: UtcMs) -> Vec<(String, SourceNote)> {
        let mut all = self.status();
        let mut changes = Vec::new();
        for (known, status) in self.known.iter().zip(all.iter_mut()) {
            let limit_ms = i64::from(known.settings.stale_after_s) * 1000;
            // What was silent before a restart stays so until a word comes.
            let is_silent =
                now.since_ms(status.since) >= limit_ms || status.silent && !status.heard;
            if is_silent == status.silent {
                continue;
            }
            status.silent = is_silent;
            let note = if is_silent {
                let why =
                    if status.why.is_empty() { "没有收到任何消息" } else { &status.why };
                SourceNote::Silent { since: status.since, why: why.to_owned() }
            } else {
                SourceNote::Heard
            };
            changes.push((known.settings.name.clone(), note));
        }
        changes
    }
}
